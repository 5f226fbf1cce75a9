"""One call on the terminal: its chain of reasons, or the calls among which to choose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.table import Table

from talktime.doors.cli.screen import money, screen_of
from talktime.insight.wording import counted, moment

if TYPE_CHECKING:
    from rich.console import Console

    from talktime.insight.explain import Explanation
    from talktime.insight.read_run import Matches

_HEADINGS: Final = ("id", "start", "user", "called", "duration")
_GAP: Final = 2


def show_explanation(console: Console, explanation: Explanation) -> None:
    """The reasons of a call, one below the other."""
    screen = screen_of(console)
    if explanation.is_message:
        screen.say(f"Text message {explanation.id}: listed, not charged", "bold")
    else:
        amount = f"{money(explanation.amount)} {explanation.currency}"
        screen.say(f"Call {explanation.id}: {explanation.state.replace('_', ' ')}, {amount}", "bold")
    screen.say(f"{explanation.run.title.capitalize()}: {explanation.run.sentence}", "dim")
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for step in explanation.steps:
        grid.add_row(screen.text(step.name.replace("_", " "), "dim"), screen.text(step.sentence))
    screen.show(grid)


def show_matches(console: Console, name: str, matches: Matches) -> None:
    """The calls that a word names, where it names several; ids are whole, so that one can be copied."""
    screen = screen_of(console)
    screen.say(f"{name} names {counted(matches.total, 'call')}; explain one of them by its id:", "bold")
    rows = [
        (row["id"], moment(row["start"]), row["user"], row["callee"], f"{row['duration_seconds']:,} s")
        for row in matches.calls
    ]
    if _width((_HEADINGS, *rows)) <= screen.width:
        screen.show(screen.table(_HEADINGS, rows, left=4))
    else:
        for id_, *about in rows:
            screen.whole(id_)
            screen.say(f"  {'  '.join(part for part in about if part)}", "dim")
    if matches.total > len(rows):
        screen.say(f"and {matches.total - len(rows):,} more", "dim")


def _width(rows: Sequence[Sequence[str]]) -> int:
    """How wide a table of these rows is without folding."""
    widest = [max(cell_len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return sum(widest) + _GAP * len(widest)
