"""The balance over the time of a run, in as many steps as a chart has columns.

A call's instant shows the balance after it and after the recharge that it caused; movements between calls
(purchases, expiries) come before calls of the same instant (rulings.md 5).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

import polars as pl

if TYPE_CHECKING:
    from talktime.bulk.result import Run


@dataclass(frozen=True, slots=True)
class BalanceLine:
    """`balances[i]` is the balance in micros at the end of step i of [from_us, until_us].

    `lowest` is the least at any instant, first reached at `lowest_at_us`; `funded` are the steps in which
    credits were bought, with how much.
    """

    from_us: int
    until_us: int
    balances: tuple[int, ...]
    lowest: int
    lowest_at_us: int
    funded: dict[int, int]


class BalanceOfDay(NamedTuple):
    """The balance in micros at the end of a day of the tenant's zone, and the least of that day."""

    day: date
    balance: int
    lowest: int


LONGEST_DAY_BY_DAY: Final = timedelta(days=400)
"""A run that lasts longer is told month by month."""


def balance_by_day(run: Run) -> list[BalanceOfDay]:
    """The balance day by day, also of days on which nothing happened; empty where the run has no wallet.

    A run over years is told by the last day of each month, with the month's lowest balance.
    """
    if not run.has_wallet:
        return []
    zone = run.tenant.time_zone
    day = pl.from_epoch("at_us", "us").dt.replace_time_zone("UTC").dt.convert_time_zone(zone).dt.date()
    events = _events(run).with_columns(day.alias("day"))
    if not events.height:
        return []
    first, last = events["day"][0], events["day"][-1]
    is_long = last - first > LONGEST_DAY_BY_DAY
    step = pl.col("day").dt.month_start() if is_long else pl.col("day")
    told = (
        events.group_by(step.alias("step"), maintain_order=True)
        .agg(pl.col("day").last(), pl.col("balance").last(), pl.col("lowest").min())
        .select("day", "balance", "lowest")
    )
    found = [BalanceOfDay(*row) for row in told.iter_rows()]
    return found if is_long else _without_gaps(found)


def _without_gaps(found: list[BalanceOfDay]) -> list[BalanceOfDay]:
    """Days on which nothing happened end as the day before them did."""
    days: list[BalanceOfDay] = []
    for one in found:
        while days and days[-1].day + timedelta(days=1) < one.day:
            before = days[-1]
            days.append(BalanceOfDay(before.day + timedelta(days=1), before.balance, before.balance))
        days.append(one)
    return days


def balance_line(run: Run, steps: int) -> BalanceLine | None:
    """The balance over time; None where the run has no wallet or nothing happened."""
    events = _events(run)
    if not run.has_wallet or not events.height:
        return None
    from_us, until_us = events["at_us"][0], events["at_us"][-1]
    span_us = max(until_us - from_us, 1)
    step = pl.min_horizontal((pl.col("at_us") - from_us) * steps // span_us, pl.lit(steps - 1))
    last = events.group_by(step.alias("step"), maintain_order=True).agg(pl.col("balance").last())
    known: dict[int, int] = dict(last.rows())
    balance = known[0]
    balances: list[int] = []
    for index in range(steps):
        balance = known.get(index, balance)
        balances.append(balance)
    low = events["lowest"].arg_min() or 0
    funded: dict[int, int] = {}
    for movement in run.movements:
        if movement.kind in ("purchase", "recharge"):
            at = min(max(movement.at_us - from_us, 0) * steps // span_us, steps - 1)
            funded[at] = funded.get(at, 0) + movement.amount
    return BalanceLine(
        from_us, until_us, tuple(balances), events["lowest"][low], events["at_us"][low], funded
    )


def _events(run: Run) -> pl.DataFrame:
    """Instants, balances and the lowest of each instant, in order; what a call caused is in its own row.

    What came before the first call is shown at its start.
    """
    schema = {"at_us": pl.Int64, "rank": pl.Int64, "balance": pl.Int64, "lowest": pl.Int64}
    first = run.calls["start"].dt.epoch("us").min()
    first_us = first if isinstance(first, int) else 0
    opening = [movement for movement in run.movements if movement.kind == "opening"][-1:]
    later = [movement for movement in run.movements if movement.kind in _MOVE]
    moved = [
        (max(movement.at_us, first_us), 0, movement.balance_after, movement.balance_after)
        for movement in (*opening, *later)
    ]
    calls = run.calls.filter(pl.col("balance_after").is_not_null()).select(
        pl.col("end").dt.epoch("us").alias("at_us"),
        pl.lit(1, pl.Int64).alias("rank"),
        (pl.col("balance_after") + pl.col("recharge").fill_null(0)).alias("balance"),
        pl.col("balance_after").alias("lowest"),
    )
    return pl.concat([pl.DataFrame(moved, schema, orient="row"), calls]).sort(
        "at_us", "rank", maintain_order=True
    )


_MOVE: Final = frozenset({"purchase", "expiry", "recharge"})
"""Kinds of movements that change the balance by themselves; of the opening lots only the sum counts."""
