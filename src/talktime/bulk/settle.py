"""Runs the settlement loop over prepared rows, slice by slice, and makes room where it asks for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from talktime.bulk.kernel import LOTS_AN_EVENT, settle_rows
from talktime.bulk.prepare import Prepared, loop_columns
from talktime.bulk.rate_columns import rate_lists
from talktime.bulk.state import NONE, Charges, Log, Pools

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from talktime.bulk.wallet import Wallet
    from talktime.core.deck import Deck

SLICE_ROWS = 100_000
"""Rows that are lists of Python integers at one time: bounds the memory of the uncompiled loop."""

LOG_ENTRIES = 4_096
_WITHOUT_VALUE = {"lot": NONE, "pool": NONE, "pool_left_s": NONE}


@dataclass(slots=True)
class Settled:
    """What the loop decided: one array a column of `Charges`, the log, and the state it left."""

    charges: dict[str, NDArray[np.int64]]
    pools: Pools
    log: list[tuple[int, int, int, int, int, int, int]] = field(default_factory=list)


def settle_prepared(
    prepared: Prepared, deck: Deck, wallet: Wallet, progress: Callable[[int], None] | None = None
) -> Settled:
    """Settles all rows of one tenant. The wallet is left as the last row left it."""
    rates = rate_lists(deck)
    pools = prepared.pool_plan.columns()
    caps = prepared.caps.lists()
    rows = prepared.sides.usage.height
    done = Settled({name: np.empty(rows, np.int64) for name in Charges._fields}, pools=pools)
    for first in range(0, rows, SLICE_ROWS):
        last = min(first + SLICE_ROWS, rows)
        calls = loop_columns(prepared, first, last)
        charges = Charges(*([_WITHOUT_VALUE.get(name, 0)] * (last - first) for name in Charges._fields))
        at, stuck = 0, -1
        while at < last - first:
            log = _empty_log(LOG_ENTRIES + (len(wallet.lots.left) if at == stuck else 0))
            stuck = at
            at = settle_rows(
                at,
                last - first,
                first,
                calls,
                rates,
                pools,
                caps,
                wallet.wallets,
                wallet.lots,
                wallet.events,
                wallet.year,
                log,
                charges,
            )
            done.log.extend(_entries(log))
            if wallet.wallets.room[0] - wallet.wallets.tail[0] < LOTS_AN_EVENT:
                wallet.grow()
        for name, column in zip(Charges._fields, charges, strict=True):
            done.charges[name][first:last] = column
        if progress is not None:
            progress(last)
    return done


def _empty_log(entries: int) -> Log:
    return Log([0], *([0] * entries for _ in Log._fields[1:]))


def _entries(log: Log) -> list[tuple[int, int, int, int, int, int, int]]:
    """(kind, tenant, row, instant, item, amount, balance) of each entry in use."""
    used = log.used[0]
    return list(
        zip(
            log.kind[:used],
            log.tenant[:used],
            log.row[:used],
            log.at_us[:used],
            log.item[:used],
            log.amount[:used],
            log.balance[:used],
            strict=True,
        )
    )
