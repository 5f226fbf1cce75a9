"""The terminal as our tables see it: its width, what it can show, and text that cannot do harm.

Text from files is never markup and never a command to the terminal; amounts and minutes are written for
people.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Final, Literal

from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from talktime.core.money import HALF_UP, MICROS_PLACES, format_decimal, round_div

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

WIDEST: Final = 110
"""Wider terminals are not filled: long lines are hard to follow."""

_BETWEEN: Final = 4

_HARMFUL: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


@dataclass(frozen=True, slots=True)
class Screen:
    """A console, the width we use of it, and whether it shows ASCII only (`plain`)."""

    console: Console
    width: int
    plain: bool

    def text(self, words: str, style: str = "") -> Text:
        """Text as it stands; characters that the terminal would obey or cannot show become marks."""
        shown = "".join("\ufffd" if unicodedata.category(sign) in _HARMFUL else sign for sign in words)
        if self.plain:
            shown = shown.encode("ascii", "replace").decode()
        return Text(shown, style=style, overflow="fold")

    def say(self, words: str = "", style: str = "") -> None:
        """A paragraph."""
        self.console.print(self.text(words, style), width=self.width)

    def whole(self, words: str) -> None:
        """A line that is never broken, however narrow the terminal: what people copy."""
        self.console.print(self.text(words), soft_wrap=True)

    def show(self, shown: RenderableType) -> None:
        """A table or a chart."""
        self.console.print(shown, width=self.width)

    def side_by_side(self, tables: Sequence[Table]) -> None:
        """Tables beside each other where they fit, else below each other."""
        line: list[Table] = []
        taken = 0
        for table in tables:
            needs = Measurement.get(self.console, self.console.options, table).maximum + _BETWEEN
            if line and taken + needs - _BETWEEN > self.width:
                self.show(_in_a_line(line))
                self.say()
                line, taken = [], 0
            line.append(table)
            taken += needs
        self.show(_in_a_line(line))

    def title(self, words: str) -> None:
        """A heading with a blank line before it."""
        self.say()
        self.say(words, "bold")

    def section(self, words: str, says: Sequence[str]) -> None:
        """A heading, and a paragraph for each of the sentences below it."""
        self.title(words)
        for sentence in says:
            self.say(sentence)

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str | Text]], left: int = 1) -> Table:
        """A table whose first `left` columns are text, the others numbers; no headings, no heading line."""
        table = Table(
            box=None, show_header=any(headings), header_style="dim", padding=(0, 2, 0, 0), pad_edge=False
        )
        for index, heading in enumerate(headings):
            side: Literal["left", "right"] = "left" if index < left else "right"
            table.add_column(self.text(heading), justify=side, no_wrap=index >= left, overflow="fold")
        for row in rows:
            table.add_row(*(cell if isinstance(cell, Text) else self.text(cell) for cell in row))
        return table


def _in_a_line(tables: Sequence[Table]) -> RenderableType:
    """One table as it is, several in the columns of a grid."""
    if len(tables) == 1:
        return tables[0]
    grid = Table.grid(padding=(0, _BETWEEN, 0, 0))
    grid.add_row(*tables)
    return grid


def screen_of(console: Console) -> Screen:
    """The part of a console that we use."""
    return Screen(console, min(console.width, WIDEST), console.options.ascii_only)


def money(micros: int, places: int = 2) -> str:
    """An exact amount for people with at least so many decimals: 1,234.50."""
    whole, _, decimals = format_decimal(abs(micros), MICROS_PLACES).partition(".")
    return f"{'-' if micros < 0 else ''}{int(whole):,}.{decimals.ljust(places, '0')}"


def decimals_of(amounts: Iterable[int]) -> int:
    """The decimals that show all of these amounts exactly, at least 2: so that their points stand in line."""
    return max((len(money(amount).partition(".")[2]) for amount in amounts), default=2)


def minutes(seconds: int) -> str:
    """Minutes for people: 1,234 or 10.1, rounded half up to 2 decimals."""
    return _hundredths(_hundredths_of(seconds))


def minutes_of_parts(parts_s: Sequence[int]) -> list[str]:
    """Minutes of the parts of a sum for people; as they are shown they add up to the sum as it is shown.

    Running sums are rounded half up, not the parts: a part is off by less than a hundredth.
    """
    ends = [_hundredths_of(end_s) for end_s in accumulate(parts_s, initial=0)]
    return [_hundredths(end - begin) for begin, end in pairwise(ends)]


def _hundredths_of(seconds: int) -> int:
    """Hundredths of a minute, rounded half up."""
    return round_div(seconds * 100, 60, HALF_UP)


def _hundredths(hundredths: int) -> str:
    whole, _, decimals = format_decimal(hundredths, 2).partition(".")
    return f"{int(whole):,}" + (f".{decimals}" if decimals else "")
