"""What was paid: all calls under today's settings, summed six ways, with the calls behind each sum.

Every way of summing comes to the same total, to the second and to the micro, or nothing is told. Charges
that the file brings are put beside ours: those of a ledger's own export have to be equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import polars as pl

from talktime.accounts.calendar import month_name
from talktime.bulk.codes import words_at
from talktime.core.money import HALF_UP, format_money, parse_decimal, round_div
from talktime.insight.planner.document import CallBehind, Paid, PaidLine, VendorCheck
from talktime.insight.spend import NotReconciledError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from talktime.bulk.replay import Replay, Replayed
    from talktime.bulk.result import Totals

    Ints = NDArray[np.int64]

MONTH: Final = "month"
GROUPS: Final = ("category", "country", "user", "cost_centre", "service_number", MONTH)
"""The ways of summing; a month is the billing month of the start."""

MOST_LINES: Final = 1_000
"""Lines of a way of summing; all beyond them stand together in one more."""

DEAREST: Final = 3
"""Calls behind a line."""

SUMS: Final = ("billed_seconds", "pool_seconds", "paid_seconds", "amount")
_BEHIND: Final = (
    *("id", "start", "user", "callee", "country"),
    *SUMS,
)
_ROW: Final = "row"

_CHARGE_PLACES: Final = 15
"""Decimals of a charge in a file; more are no amount."""

_UNITS_A_MICRO: Final = 1_000_000_000


def paid(replayed: Replayed, replay: Replay) -> Paid:
    """What the calls of a run come to. Raises NotReconciledError where a way of summing disagrees."""
    calls, totals = replayed.calls, replayed.run.totals
    frame = answered_calls(calls, replayed.done.prepared.month)
    dearest = dearest_first(frame)
    return Paid(
        calls=totals.calls,
        answered=totals.answered,
        billed_s=totals.billed_s,
        free_s=totals.free_s,
        pool_s=totals.pool_s,
        paid_s=totals.paid_s,
        unrated_calls=totals.unrated_calls,
        blocked_calls=totals.blocked_calls,
        amount=totals.amount,
        by={by: _checked(by, lines_by(by, frame, dearest, calls), totals) for by in GROUPS},
        blocked=_blocked(calls),
        vendor=_vendor(replayed, replay),
    )


def answered_calls(calls: pl.DataFrame, months: Ints) -> pl.DataFrame:
    """The answered calls of a report with what they are summed by, what is summed, and their places in it.

    `months`: the billing month of each call, as `calendar.month_of`.
    """
    first = int(months.min())
    names = [month_name(month) for month in range(first, int(months.max()) + 1)]
    month = words_at(names, months - first)
    columns = [name for name in GROUPS if name != MONTH]
    return (
        calls.select(*columns, *SUMS, "state")
        .with_columns(month.alias(MONTH))
        .with_row_index(_ROW)
        .filter(pl.col("state") != "not_answered")
        .drop("state")
    )


def dearest_first(frame: pl.DataFrame) -> pl.DataFrame:
    """The calls that took money, dearest first; of equals those that were charged first."""
    return frame.filter(pl.col("amount") > 0).sort(["amount", _ROW], descending=[True, False])


def lines_by(
    by: str, frame: pl.DataFrame, dearest: pl.DataFrame, report: pl.DataFrame
) -> tuple[PaidLine, ...]:
    """Calls summed by a column, dearest first, months in their order; each line with its dearest calls.

    `frame` has the column, the summed ones and `row`, the place of each call in `report`;
    `dearest` is `dearest_first` of it.
    """
    order = ["amount", "billed_seconds", by] if by != MONTH else [by]
    grouped = (
        frame.group_by(by)
        .agg(pl.len().alias("calls"), *(pl.col(name).sum() for name in SUMS))
        .with_columns(pl.col(by).cast(pl.String))
        .sort(order, descending=[name in SUMS for name in order])
    )
    shown, rest = grouped.head(MOST_LINES), grouped.slice(MOST_LINES)
    behind = _behind(by, dearest, report)
    lines = [
        PaidLine(key, calls, billed_s, pool_s, paid_s, amount, behind.get(key, ()))
        for key, calls, billed_s, pool_s, paid_s, amount in shown.iter_rows()
    ]
    if rest.height:
        calls, billed_s, pool_s, paid_s, amount = rest.select("calls", *SUMS).sum().row(0)
        lines.append(PaidLine("", calls, billed_s, pool_s, paid_s, amount, others=rest.height))
    return tuple(lines)


def _behind(by: str, dearest: pl.DataFrame, report: pl.DataFrame) -> dict[str, tuple[CallBehind, ...]]:
    """Key -> its dearest calls."""
    first = (
        dearest.lazy()
        .select(by, "amount", _ROW)
        .group_by(by, maintain_order=True)
        .agg(pl.col(_ROW).head(DEAREST), pl.col("amount").sum())
        .sort("amount", descending=True, maintain_order=True)
        .head(MOST_LINES + 1)
        .select(pl.col(by).cast(pl.String), _ROW)
        .collect()
    )
    places = first[_ROW].list.explode() if first.height else pl.Series([], dtype=pl.UInt32)
    behind = iter(calls_behind(report, places))
    return {key: tuple(next(behind) for _ in range(len(rows))) for key, rows in first.iter_rows()}


def calls_behind(calls: pl.DataFrame, places: pl.Series) -> list[CallBehind]:
    """The calls at these places of a report."""
    rows = calls.select(pl.col(_BEHIND).gather(places)).with_columns(
        pl.col("start").dt.epoch("us"), pl.col("user", "country").cast(pl.String)
    )
    return [CallBehind(*row) for row in rows.iter_rows()]


def _checked(by: str, lines: tuple[PaidLine, ...], totals: Totals) -> tuple[PaidLine, ...]:
    """The lines, if they come to the totals."""
    found = tuple(
        sum(getattr(line, name) for line in lines)
        for name in ("calls", "billed_s", "pool_s", "paid_s", "amount")
    )
    wanted = (totals.answered, totals.billed_s, totals.pool_s, totals.paid_s, totals.amount)
    if found != wanted:
        raise NotReconciledError(
            f"the calls by {by} come to {format_money(found[-1])} in {found[0]} calls, "
            f"all calls to {format_money(totals.amount)} in {totals.answered}: nothing of it is told"
        )
    return lines


def _blocked(calls: pl.DataFrame) -> dict[str, int]:
    """Reason -> calls that were refused, most first."""
    refused = calls.lazy().filter(pl.col("state") == "blocked")
    counts = (
        refused.group_by(pl.col("reason").cast(pl.String))
        .len()
        .sort(["len", "reason"], descending=[True, False])
    )
    return dict(counts.collect().iter_rows())


# --- the charges of the file ------------------------------------------------------------------------


class _Charge(NamedTuple):
    """A charge as the file writes it, in units of 10**-15; `micros` None where it is no whole micro."""

    units: int
    micros: int | None


def _vendor(replayed: Replayed, replay: Replay) -> VendorCheck | None:
    """The file's charges beside ours; None where no answered row has one in the tenant's currency."""
    currency = replayed.run.tenant.currency
    told = (
        replay.rows.select("vendor_charge", "vendor_currency", "answered")
        .with_columns(replayed.run.calls["amount"])
        .with_row_index(_ROW)
        .filter(
            pl.col("answered")
            & (pl.col("vendor_charge") != "")
            & pl.col("vendor_currency").cast(pl.String).is_in(["", currency])
        )
        .with_columns(pl.col("vendor_charge").cast(pl.String))
    )
    charges = {text: read_charge(text) for text in told["vendor_charge"].unique().to_list()}
    known = {text: charge for text, charge in charges.items() if charge is not None}
    read = pl.DataFrame(
        {"vendor_charge": list(known), "file": [charge.micros for charge in known.values()]},
        schema={"vendor_charge": pl.String, "file": pl.Int64},
    )
    compared = told.join(read, on="vendor_charge", how="inner", maintain_order="left")
    if not compared.height:
        return None
    counts = compared.group_by("vendor_charge").len()
    units = sum(known[text].units * number for text, number in counts.iter_rows())
    differing = compared.filter(~pl.col("file").eq_missing(pl.col("amount")))
    far = (pl.col("file") - pl.col("amount")).abs().alias("far")
    examples = differing.sort([far, _ROW], descending=[True, False], nulls_last=True).head(DEAREST)
    return VendorCheck(
        calls=compared.height,
        file=_micros(units),
        ours=int(compared["amount"].sum()),
        differing=differing.height,
        examples=tuple(calls_behind(replayed.calls, examples[_ROW])),
    )


def read_charge(text: str) -> _Charge | None:
    """A charge as a file has it (0.085, 0,085), exact; None where it is no amount."""
    plain = text.replace(",", ".") if text.count(",") == 1 and "." not in text else text
    try:
        units = parse_decimal(plain, _CHARGE_PLACES)
    except ValueError:
        return None
    whole, rest = divmod(units, _UNITS_A_MICRO)
    return _Charge(units, None if rest or abs(whole) >= 2**62 else whole)


def _micros(units: int) -> int:
    """Units of 10**-15 as micros, rounded half up, away from zero where they are below it."""
    rounded = round_div(abs(units), _UNITS_A_MICRO, HALF_UP)
    return -rounded if units < 0 else rounded
