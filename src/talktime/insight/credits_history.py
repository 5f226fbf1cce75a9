"""The balance over time for a chart: each local day with what came in, was paid and expired, and a forecast.

Every day is worked out from the movements of that day, and the last one ends at the wallet's balance; the
forecast is that of the runway: what is expected, and its edges (domain.md 12).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.accounts.calendar import day_of
from talktime.core.forecast import EDGE, balances
from talktime.insight.movements import CALLS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from talktime.core.forecast import Fit, Lot
    from talktime.insight.movements import Course

SPANS: Final = (28, 90, 365)
"""Days that are asked for."""

INCOMING: Final = ("purchase", "recharge", "on_behalf")
EXPIRY: Final = "expiry"

FORECAST_DAYS: Final = 365
"""So far ahead a forecast is drawn."""


class DayOfCredits(NamedTuple):
    """A local day since 1970, in micros: what came `incoming` by kind, `paid` for calls, `expired`, and the
    `balance` at its end; `other` is all else, below 0 where it took more than it gave.
    """

    day: int
    incoming: Mapping[str, int]
    paid: int
    expired: int
    other: int
    balance: int


class Ahead(NamedTuple):
    """The balance at the end of a day to come: what is expected, and the edges of 8 of 10 cases."""

    day: int
    high: int
    low: int
    expected: int


class History(NamedTuple):
    """The days, oldest first; the last is today. `start` is the balance before the first of them."""

    start: int
    days: tuple[DayOfCredits, ...]
    ahead: tuple[Ahead, ...]


def history(course: Course, count: int, ahead: Sequence[Ahead], now_us: int, time_zone: str) -> History:
    """The last `count` days of a course that begins with the first of them, with today; and what is ahead."""
    today = day_of(now_us, time_zone)
    moved: dict[int, Counter[str]] = {}
    for line in course.lines:
        # An engine whose clock runs ahead books into a day that has not begun here: it counts as today.
        day = min(day_of(line.at_us, time_zone), today)
        moved.setdefault(day, Counter())[line.kind] += line.micros
    balance, days = course.before, []
    for day in range(today - count + 1, today + 1):
        kinds = moved.get(day, Counter())
        balance += kinds.total()
        days.append(_day(day, kinds, balance))
    assert balance == course.balance, "the days of a course are all of it"
    return History(course.before, tuple(days), tuple(ahead))


def _day(day: int, kinds: Counter[str], balance: int) -> DayOfCredits:
    incoming = {kind: kinds[kind] for kind in INCOMING if kinds[kind]}
    rest = kinds.total() - sum(incoming.values()) - kinds[CALLS] - kinds[EXPIRY]
    return DayOfCredits(day, incoming, -kinds[CALLS], -kinds[EXPIRY], rest, balance)


def ahead(fit: Fit | None, lots: Sequence[Lot], today: int) -> tuple[Ahead, ...]:
    """The band from tomorrow to the day on which nothing is left even if little is spent, a year at most.

    Today counts as a full day, as in the runway. Nothing where no money is left or nothing was paid.
    """
    if fit is None or not lots:
        return ()
    found: list[Ahead] = []
    for at, band in enumerate(balances(fit, lots, today, FORECAST_DAYS + 1, EDGE)):
        if at:
            found.append(Ahead(today + at, band.high, band.low, band.expected))
        if not band.high:
            break
    return tuple(found)
