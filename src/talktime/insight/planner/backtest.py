"""The forecast tested on the usage itself: made from what came before a month, held against that month.

Months where there are two full ones, else weeks. Each is told by what came before it, as far back as the
forecast looks; what comes after is not looked at, but for this: days without anything that others followed
were an outage. A month that lacks many of its days is not tested.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from talktime.accounts.calendar import day_name
from talktime.core.alerts import HISTORY_DAYS
from talktime.core.forecast import EDGE, Band, Fit, fit, total
from talktime.core.money import ceil_div
from talktime.core.usual import LEAST_DAYS, MILLION, WEEK, day_in_month, left_out
from talktime.insight.planner.document import TestedLine as Tested

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Tested", "backtest", "sentence"]

LONGEST_MONTH: Final = 31
LEAST_WEEKS: Final = 2
_MOST_MISSING: Final = 4
"""A month of which more than one day in so many is missing says nothing of the forecast."""

_ALL: Final = 10_000
_MONTH_NAME: Final = len("2026-03")


def backtest(
    amounts: Sequence[int], first_day: int, month_starts: Sequence[int], confidence: int = EDGE
) -> tuple[Tested, ...]:
    """Amounts a day from `first_day` on -> each full month but the first, told by the days before it.

    `month_starts`: first days of months in order, since 1970. With fewer than two full months each week but
    the first two, named by its first day. Each edge of a band holds with `confidence` (per mille). Months and
    weeks of which more than a quarter of the days are an outage are left out.
    """
    until_day = first_day + len(amounts)
    out = frozenset(left_out(amounts, first_day))
    spans = [
        (day_name(begin)[:_MONTH_NAME], begin, end)
        for begin, end in _months(month_starts, first_day, until_day)
    ][1:]
    if not spans:
        begins = range(first_day + LEAST_WEEKS * WEEK, until_day - WEEK + 1, WEEK)
        spans = [(day_name(begin), begin, begin + WEEK) for begin in begins]
    whole = [span for span in spans if not _is_missing(span, out)]
    return tuple(
        _tested(_known(amounts, first_day, span[1], out), amounts, first_day, span, confidence)
        for span in whole
    )


def sentence(tested: Sequence[Tested]) -> str:
    """How right the forecast would have been, in words."""
    if not tested:
        return "The forecast cannot be tested: that takes two full months, or three weeks."
    kind = "month" if len(tested[0].what) == _MONTH_NAME else "week"
    inside = sum(each.inside for each in tested)
    held = (
        f"In {inside} of {len(tested)} {kind}s"
        if len(tested) > 1
        else f"In the one {kind} that can be tested"
    )
    said = f"{held} what was paid lay {'within' if inside or len(tested) > 1 else 'outside'} the band"
    errors = [(each.error, each.what) for each in tested if each.error is not None]
    if not errors:
        return f"{said}."
    worst, when = max(errors)
    mean = (2 * sum(error for error, _ in errors) + len(errors)) // (2 * len(errors))  # rounded half up
    if len(errors) == 1:
        return f"{said}; the forecast was off by {_percent(worst)} ({when})."
    far = f"{_percent(mean)} on average, {_percent(worst)} at worst ({when})"
    return f"{said}; the forecast was off by {far}."


def _months(month_starts: Sequence[int], first_day: int, until_day: int) -> Iterator[tuple[int, int]]:
    """[begin, end) of the months that lie wholly within the days."""
    starts = list(month_starts)
    if starts:
        starts.append(_next_month(starts[-1]))
    for begin, end in pairwise(starts):
        if first_day <= begin and end <= until_day:
            yield begin, end


def _next_month(begin: int) -> int:
    """The first day of the month after that of `begin`."""
    return next(day for day in range(begin + 1, begin + LONGEST_MONTH + 1) if day_in_month(day) == 1)


def _is_missing(span: tuple[str, int, int], out: frozenset[int]) -> bool:
    """Whether more than a quarter of the days of a month or week are an outage."""
    _, begin, end = span
    return _MOST_MISSING * sum(day in out for day in range(begin, end)) > end - begin


def _known(amounts: Sequence[int], first_day: int, begin: int, out: frozenset[int]) -> Fit | None:
    """What the days before a month say, without a long outage at their end: the level before it counts.

    Of itself a history cannot tell it from calls that are over; the whole series can (`core.usual`).
    """
    since = max(begin - HISTORY_DAYS, first_day)
    until = begin
    while until > since and not amounts[until - 1 - first_day]:
        until -= 1
    if begin - until <= LEAST_DAYS or out.isdisjoint(range(until, begin)):
        until = begin
    return fit(amounts[since - first_day : until - first_day], since)


def _tested(
    found: Fit | None, amounts: Sequence[int], first_day: int, span: tuple[str, int, int], confidence: int
) -> Tested:
    """One month or week. Where nothing was paid before it, nothing is expected."""
    name, begin, end = span
    band = Band(0, 0, 0) if found is None else total(found, begin, end - begin, confidence)
    actual = sum(amounts[begin - first_day : end - first_day])
    error = None
    if actual > 0:  # of what was paid, rounded half up
        error = (2 * abs(band.expected - actual) * _ALL + actual) // (2 * actual)
    slack = ceil_div(WEEK * band.expected, MILLION)  # shares of weekdays are rounded to a millionth of a week
    inside = band.low - slack <= actual <= band.high + slack
    return Tested(name, band.low, band.expected, band.high, actual, error, inside)


def _percent(hundredths: int) -> str:
    """`6.3 %` of hundredths of a percent, rounded half up to tenths."""
    tenths = (hundredths + 5) // 10
    return f"{tenths // 10}.{tenths % 10} %"
