"""Usage as series of days: what calls cost a local day, counted by their end as the ledger does."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

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
