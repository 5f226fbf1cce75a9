"""Lists and facts on the terminal, and the same as JSON: what most commands answer with.

Columns of numbers stand to the right; what people copy (ids) is never broken. Instants are local to the
tenant, and the list says to which zone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Final

from talktime.core.money import parse_money
from talktime.doors.cli.answer import print_json, printable
from talktime.doors.cli.problems import WrongUse
from talktime.doors.cli.screen import Screen, money, screen_of

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import BaseModel
    from rich.text import Text


_GAP: Final = 2
_WORD: Final = 20
"""Longer words are broken where there is no room."""


def our_screen() -> Screen:
    """The screen of standard output."""
    from rich.console import Console

    return screen_of(Console(highlight=False))


def listed(
    screen: Screen,
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Collection[str] = (),
    whole: Collection[str] = (),
) -> None:
    """A table; `right`: headings of numbers, `whole`: of words that are not broken.

    Where what is not broken does not fit, the table is wider than the screen: it can still be copied.
    """
    from rich.console import Console
    from rich.table import Table

    table = Table(
        box=None, show_header=any(headings), header_style="dim", padding=(0, _GAP, 0, 0), pad_edge=False
    )
    needs = -_GAP
    for at, heading in enumerate(headings):
        kept = heading in right or heading in whole
        least = _least((heading, *(row[at] for row in rows)), kept=kept)
        needs += least + _GAP
        table.add_column(
            screen.text(heading),
            justify="right" if heading in right else "left",
            no_wrap=kept,
            min_width=least,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(_cell(screen, cell) for cell in row))
    if needs <= screen.width:
        screen.show(table)
    else:
        Console(width=needs, highlight=False).print(table, crop=False)


def _least(cells: Sequence[str], *, kept: bool) -> int:
    """The signs that a column needs: all of a cell that is kept whole, else its longest usual word."""
    if kept:
        return max(map(len, cells))
    return min(max((len(word) for cell in cells for word in cell.split()), default=0), _WORD)


def _cell(screen: Screen, words: str) -> Text:
    """Words of a cell; their lines stay lines."""
    from rich.text import Text

    return Text("\n").join(screen.text(line) for line in words.split("\n"))


def facts(screen: Screen, pairs: Sequence[tuple[str, str]]) -> None:
    """Names and what they are, one a line; what is "" is left out."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        if value:
            table.add_row(screen.text(name), _cell(screen, value))
    screen.show(table)


def zone_note(screen: Screen, time_zone: str) -> None:
    """Which zone the instants of the list above are in."""
    screen.say(f"times in {time_zone}", "dim")


def local(at_us: int, time_zone: str) -> str:
    """`2026-03-01 14:05` in a time zone; "" for never, always and not known."""
    from talktime.accounts.calendar import to_utc, zone
    from talktime.core.limits import ALWAYS_US, NEVER_US

    if not ALWAYS_US < at_us < NEVER_US or not at_us:
        return ""
    return f"{to_utc(at_us).astimezone(zone(time_zone)):%Y-%m-%d %H:%M}"


def amount(micros: int, currency: str) -> str:
    """`1,234.50 USD`."""
    return f"{money(micros)} {currency}"


def micros_of(text: str, name: str) -> int:
    """An amount that somebody typed. Raises WrongUse with the sentence of the rule."""
    try:
        return parse_money(text)
    except ValueError as problem:
        raise WrongUse(f"{name}: {problem}") from None


def instant_of(text: str, name: str) -> int:
    """An instant that somebody typed. Raises WrongUse."""
    from talktime.files.instants import parse_instant

    try:
        return parse_instant(text)
    except ValueError as problem:
        raise WrongUse(f"{name}: {problem}") from None


def print_answer(answer: BaseModel) -> None:
    """An answer of the API as JSON."""
    print_json(answer.model_dump(mode="json", by_alias=True))


def print_answers(name: str, answers: Sequence[BaseModel], **more: Any) -> None:
    """A list of answers of the API as one JSON object."""
    print_json({name: [each.model_dump(mode="json", by_alias=True) for each in answers], **more})


def write_file(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all. Raises ReportError."""
    from talktime.files.replace_file import replaced

    with replaced(path) as half:
        half.write_bytes(content)
    say(f"{path} written")


def say(text: str) -> None:
    """The command's answer in words."""
    print(printable(text))  # noqa: T201 - the command's answer
