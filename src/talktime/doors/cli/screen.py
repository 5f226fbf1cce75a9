"""The terminal as our tables see it: its width, what it can show, and text that cannot do harm.

Text from files is never markup and never a command to the terminal; amounts and minutes are written for
people.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from rich.table import Table
from rich.text import Text

from talktime.core.money import HALF_UP, MICROS_PLACES, format_decimal, round_div

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

WIDEST: Final = 110
"""Wider terminals are not filled: long lines are hard to follow."""

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

    def show(self, shown: RenderableType) -> None:
        """A table or a chart."""
        self.console.print(shown, width=self.width)

    def title(self, words: str) -> None:
        """A heading with a blank line before it."""
        self.say()
        self.say(words, "bold")

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
    whole, _, decimals = format_decimal(round_div(seconds * 100, 60, HALF_UP), 2).partition(".")
    return f"{int(whole):,}" + (f".{decimals}" if decimals else "")
