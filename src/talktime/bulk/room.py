"""Whether all money of a tenant's calls fits into 64 bits, seen before the loop begins.

Compiled integers overflow without a word (feasibility.md 1). Single values are held by `core.limits` where
they are read; what many calls add up to is held here, by an upper bound in Python's own integers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from talktime.bulk.options import RefusedRun
from talktime.bulk.state import PAYABLE
from talktime.core.deck import NO_ROW, RateRow
from talktime.core.limits import MAX_TOTAL_MICROS, MICROS_PER_UNIT, NANOS_PER_UNIT
from talktime.core.money import ceil_div

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from talktime.bulk.loop_input import Narrow
    from talktime.bulk.setting import Setting

_NANOS_A_MICRO = NANOS_PER_UNIT // MICROS_PER_UNIT


def check_room(rows: Narrow, setting: Setting) -> None:
    """Raises RefusedRun naming the tenant whose calls could cost more than MAX_TOTAL_MICROS."""
    if _most(rows, setting) <= MAX_TOTAL_MICROS:
        return  # all calls at all the dearest of the deck stay below: the usual case
    payable = np.flatnonzero((rows.kind == PAYABLE) & (rows.rate != NO_ROW))
    for number in np.unique(rows.tenant[payable]).tolist():
        bound = _bound(rows, payable[rows.tenant[payable] == number], setting)
        if bound > MAX_TOTAL_MICROS:
            raise RefusedRun(
                f"the calls of tenant {setting.customers.all[number].tenant.id!r} could cost more than "
                f"{MAX_TOTAL_MICROS // MICROS_PER_UNIT:,} in all, more than is counted exactly; look "
                "for a price of the deck with too many digits, or rate fewer calls at a time"
            )


def _most(rows: Narrow, setting: Setting) -> int:
    """No less than what all rows cost, each second and call at the dearest price and fee of the deck."""
    dearest = RateRow(
        prefix="",
        price_nanos=max((row.price_nanos for row in setting.book.deck.rows), default=0),
        first_price_nanos=max((row.first_price_nanos for row in setting.book.deck.rows), default=0),
        fee_micros=max((row.fee_micros for row in setting.book.deck.rows), default=0),
        first_s=max((row.first_s for row in setting.book.deck.rows), default=0),
        step_s=max((row.step_s for row in setting.book.deck.rows), default=0),
    )
    return _dearest(dearest, len(rows.tenant), int(rows.duration_s.sum()))


def _bound(rows: Narrow, at: NDArray[np.int64], setting: Setting) -> int:
    """No less than what these calls cost: seconds and calls by rate, each at its dearest."""
    if not len(at):
        return 0
    rate = rows.rate[at]
    order = np.argsort(rate, kind="stable")
    edges = np.flatnonzero(np.diff(rate[order], prepend=-1))
    seconds = np.add.reduceat(rows.duration_s[at][order], edges).tolist()
    calls = np.diff(edges, append=len(at)).tolist()
    rates = [setting.book.deck.rows[number] for number in rate[order][edges].tolist()]
    return sum(_dearest(row, n, s) for row, n, s in zip(rates, calls, seconds, strict=True))


def _dearest(row: RateRow, calls: int, seconds_s: int) -> int:
    """Micros that so many calls of so many seconds cost at most: rounded up to increments and to units."""
    billed_s = seconds_s + calls * (row.first_s + row.step_s)
    nanos = max(row.price_nanos, row.first_price_nanos) * billed_s
    return ceil_div(nanos, 60 * _NANOS_A_MICRO) + calls * (row.fee_micros + MICROS_PER_UNIT)
