"""The lines of "today's settings and scenarios side by side": which figures, in which order, in which words.

The same on the terminal and in a workbook. A line that says nothing in any of them is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from talktime.insight.what_if_figures import Compared, Figures

MONEY: Final = "money"
TIME: Final = "time"
COUNT: Final = "count"
"""What a line holds: micros, seconds, a number."""


class Line(NamedTuple):
    """A line by the name that `Figures` gives it."""

    label: str
    name: str
    kind: str


class Shown(NamedTuple):
    """A line with its values, today's first, and what the scenarios differ by from today's."""

    line: Line
    values: tuple[int, ...]
    differences: tuple[int, ...]


LINES: Final = (
    Line("Cost of the calls", "amount", MONEY),
    Line("of it from credits", "credits", MONEY),
    Line("of it billed after use", "post_usage", MONEY),
    Line("of it still owed", "overdraft", MONEY),
    Line("Included minutes used", "pool_s", TIME),
    Line("Paid minutes", "paid_s", TIME),
    Line("Minutes without a rate", "unrated_s", TIME),
    Line("Minutes blocked", "blocked_s", TIME),
    Line("Calls by included minutes", "pool_only_calls", COUNT),
    Line("Calls paid, whole or in part", "paid_calls", COUNT),
    Line("Calls without a rate", "unrated_calls", COUNT),
    Line("Calls blocked", "blocked_calls", COUNT),
    Line("Balance at the first call", "opening_balance", MONEY),
    Line("Recharges", "recharges", COUNT),
    Line("Recharged", "recharged", MONEY),
    Line("Expired", "forfeited", MONEY),
    Line("Lowest balance", "lowest_balance", MONEY),
    Line("Balance at the end", "closing_balance", MONEY),
)
ALWAYS: Final = frozenset({"amount", "pool_s", "blocked_calls", "closing_balance"})
"""Lines that say something even where they are zero everywhere."""


def lines_of(compared: Compared) -> list[Shown]:
    """The lines with their values."""
    return [
        _shown(line, compared.figures)
        for line in LINES
        if line.name in ALWAYS or any(getattr(one, line.name) for one in compared.figures)
    ]


def categories_of(compared: Compared) -> list[tuple[str, tuple[int, ...]]]:
    """Categories that cost something in any of them, dearest first, with their amounts in micros."""
    amounts = [{one.name: one.amount for one in figures.categories} for figures in compared.figures]
    found = {
        name: tuple(one.get(name, 0) for one in amounts)
        for name in dict.fromkeys(n for a in amounts for n in a)
    }
    return sorted(((name, of) for name, of in found.items() if any(of)), key=lambda one: -max(one[1]))


def ran_out_of(compared: Compared) -> list[str]:
    """The day on which the money ran out in each, "" for never."""
    return [one.ran_out_day for one in compared.figures]


def _shown(line: Line, figures: Sequence[Figures]) -> Shown:
    values = tuple(getattr(one, line.name) for one in figures)
    return Shown(line, values, tuple(value - values[0] for value in values[1:]))
