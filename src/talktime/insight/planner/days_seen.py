"""The days that usage covers: which have calls, which lack them unusually, which months are whole.

A call counts for the local day and the billing month of its start. What is an outage is the rule of the
forecast (`core.usual`), so both leave out the same kind of day.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple

import polars as pl

from talktime.accounts.calendar import day_of, month_start_us
from talktime.core.usual import WEEK, left_out, weekday_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MISSING_AT_EDGE: Final = 1
"""A month that begins or ends with so many missing days is whole: a holiday, or a day with few calls."""

OUTAGE_DAYS: Final = 7
"""A month that lacks so many days is not compared with whole ones."""


_FIRST_DAY: Final = 719_163  # the ordinal of 1 January 1970


class DaysSeen(NamedTuple):
    """`calls` has one number a local day from `first_day` (days since 1970) to the last one with a call.

    `missing`: days between without any call where there usually are some. Months are those of
    `calendar.month_of`: those with calls; those of them that are whole; those of them that lack days in the
    middle, with how many; how many usual days the first month lacks before the usage, the last one after it.
    `usual`: weekdays (Monday 0) on at least half of which there are calls.
    """

    first_day: int
    calls: tuple[int, ...]
    missing: tuple[int, ...]
    months: tuple[int, ...]
    full_months: tuple[int, ...]
    outages: tuple[tuple[int, int], ...]
    before: int
    after: int
    usual: frozenset[int]

    @property
    def days(self) -> int:
        """How many days there are from the first call to the last."""
        return len(self.calls)

    @property
    def last_day(self) -> int:
        """The day of the last call."""
        return self.first_day + len(self.calls) - 1


def days_seen(start_us: pl.Series, time_zone: str) -> DaysSeen:
    """The days of calls by their starts in us; there is at least one."""
    counts = _counts(start_us, time_zone)
    first, last = min(counts), max(counts)
    calls = tuple(counts.get(day, 0) for day in range(first, last + 1))
    missing = left_out(calls, first)
    months = sorted({month_of_day(day) for day in counts})
    usual = _usual_weekdays(calls, first, missing)
    begin, end = _month_days(months[0], time_zone).start, _month_days(months[-1], time_zone).stop
    before = _usual_days(range(begin, first), usual)
    after = _usual_days(range(last + 1, end), usual)
    lacking = dict.fromkeys(months, 0)
    for day in missing:
        if month_of_day(day) in lacking:
            lacking[month_of_day(day)] += 1
    cut = {months[0]} if before > MISSING_AT_EDGE else set()
    cut |= {months[-1]} if after > MISSING_AT_EDGE else set()
    return DaysSeen(
        first_day=first,
        calls=calls,
        missing=missing,
        months=tuple(months),
        full_months=tuple(m for m in months if m not in cut and lacking[m] < OUTAGE_DAYS),
        outages=tuple((m, lacking[m]) for m in months if lacking[m] >= OUTAGE_DAYS),
        before=before,
        after=after,
        usual=frozenset(usual),
    )


def month_of_day(day: int) -> int:
    """The month of a local day (days since 1970), counted as `calendar.month_of`."""
    at = date.fromordinal(day + _FIRST_DAY)
    return at.year * 12 + at.month - 1


def spans_of(days: Sequence[int]) -> list[tuple[int, int]]:
    """Ascending days -> (first, last) of each run of days that follow each other."""
    spans: list[tuple[int, int]] = []
    for day in days:
        if spans and spans[-1][1] == day - 1:
            spans[-1] = spans[-1][0], day
        else:
            spans.append((day, day))
    return spans


def _counts(start_us: pl.Series, time_zone: str) -> dict[int, int]:
    """Local day -> calls."""
    instant = pl.from_epoch(pl.col("at"), time_unit="us").dt.replace_time_zone("UTC")
    day = instant.dt.convert_time_zone(time_zone).dt.date().dt.epoch("d").cast(pl.Int64)
    days = pl.DataFrame({"at": start_us}).select(day.alias("day"))
    return dict(days.group_by("day").len().iter_rows())


def _month_days(month: int, time_zone: str) -> range:
    """The local days of a month."""
    first, after = (day_of(month_start_us(each, time_zone), time_zone) for each in (month, month + 1))
    return range(first, after)


def _usual_weekdays(calls: Sequence[int], first_day: int, missing: Iterable[int]) -> set[int]:
    """Weekdays on at least half of which there are calls, outages left out; those not seen count as usual."""
    out = set(missing)
    seen, had = [0] * WEEK, [0] * WEEK
    for at, number in enumerate(calls):
        if first_day + at not in out:
            seen[weekday_of(first_day + at)] += 1
            had[weekday_of(first_day + at)] += number > 0
    return {day for day in range(WEEK) if 2 * had[day] >= seen[day]}


def _usual_days(days: Iterable[int], usual: set[int]) -> int:
    return sum(weekday_of(day) in usual for day in days)
