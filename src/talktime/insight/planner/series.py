"""Usage as series of days: what calls cost a local day, counted by their end as the ledger does."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from talktime.accounts.calendar import day_of, month_start_us
from talktime.core.usual import WEEK, weekday_of
from talktime.insight.planner.days_seen import days_seen

if TYPE_CHECKING:
    from talktime.bulk.result import Run


class Series(NamedTuple):
    """One value a day without gaps, from `first_day` (days since 1970) on."""

    first_day: int
    amounts: tuple[int, ...]

    @property
    def until_day(self) -> int:
        """The day after the last."""
        return self.first_day + len(self.amounts)


def paid_days(run: Run, column: str = "amount") -> Series:
    """What a run's calls come to a day: micros of `amount`, or seconds of another column of a report."""
    day = pl.col("end").dt.convert_time_zone(run.tenant.time_zone).dt.date().dt.epoch("d").cast(pl.Int64)
    summed = run.calls.select(day.alias("day"), column).group_by("day").agg(pl.col(column).sum()).sort("day")
    found: dict[int, int] = dict(summed.iter_rows())
    first, last = min(found), max(found)
    return Series(first, tuple(found.get(each, 0) for each in range(first, last + 1)))


def covering(series: Series, start_us: pl.Series, time_zone: str) -> Series:
    """A series from the first call's day to the last one's, and over the days after it that are never busy.

    `start_us`: the starts of all calls. So a week is known to its Sunday, as the running system knows it.
    What ends after midnight of the last day, when nobody calls any more, is counted on that day.
    """
    seen = days_seen(start_us, time_zone)
    until = seen.last_day + 1
    for _ in range(WEEK):
        if weekday_of(until) in seen.usual:
            break
        until += 1
    amounts = [0] * (until - seen.first_day)
    for at, amount in enumerate(series.amounts, series.first_day - seen.first_day):
        amounts[min(at, len(amounts) - 1)] += amount
    return Series(seen.first_day, tuple(amounts))


def with_whole_months(series: Series, start_us: pl.Series, time_zone: str) -> Series:
    """A series that covers its first and last month wholly where they lack no day of usual calls."""
    seen = days_seen(start_us, time_zone)
    begins, ends = (
        day_of(month_start_us(month, time_zone), time_zone) for month in (seen.months[0], seen.months[-1] + 1)
    )
    before = 0 if seen.before else series.first_day - begins
    after = 0 if seen.after else max(ends - series.until_day, 0)
    return Series(series.first_day - before, (*[0] * before, *series.amounts, *[0] * after))
