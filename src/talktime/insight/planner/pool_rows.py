"""Who used which pool, and which calls came when it was used up: the rows of a run as integer columns.

Numbers of pools are those of the run (`Run.pools`, `PoolPlan.pools`); seconds and micros are integers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from talktime.bulk.state import NONE, POOL_100, POOL_USE
from talktime.core.refusals import GATE_BARRED, GATE_PREMIUM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from talktime.bulk.replay import Replayed

    Ints = NDArray[np.int64]


class Beyond(NamedTuple):
    """Calls that a pool had paid, were it not used up: `seconds` that no pool paid, and micros."""

    calls: int
    seconds: int
    amount: int


NOTHING_BEYOND = Beyond(0, 0, 0)


def pool_uses(replayed: Replayed) -> pl.DataFrame:
    """Each use of a pool by a call: `pool`, `row` and `seconds`; a call may use several."""
    done = replayed.done
    charges, log = done.settled.charges, done.settled.log
    rows = np.flatnonzero(charges["pool"] >= 0)
    at = np.flatnonzero(np.asarray(log.kind) == POOL_USE)
    one = {"pool": charges["pool"][rows], "row": rows, "seconds": charges["pool_s"][rows]}
    several = {
        "pool": np.asarray(log.item, np.int64)[at],
        "row": np.asarray(log.row, np.int64)[at],
        "seconds": np.asarray(log.amount, np.int64)[at],
    }
    return pl.concat([pl.DataFrame(one), pl.DataFrame(several)])


def beyond(replayed: Replayed) -> dict[int, Beyond]:
    """Pool that was used up -> what came then, from the call on that took its last second.

    A call counts that the pool may pay and that no pool paid to its end: what money paid, what no rate
    priced, and what was refused for want of a licence or of money. A barred call is none.
    """
    done = replayed.done
    charges, log = done.settled.charges, done.settled.log
    full: dict[int, int] = {}
    for at in np.flatnonzero(np.asarray(log.kind) == POOL_100).tolist():
        full.setdefault(int(log.item[at]), int(log.row[at]))
    if not full:
        return {}
    since = np.full(len(done.loop.plan.pools), len(charges["pool"]), np.int64)
    since[list(full)] = list(full.values())
    short_s = charges["billed_s"] - charges["pool_s"]
    never = (done.prepared.gates & (GATE_BARRED | GATE_PREMIUM)) != 0
    asking = np.asarray(done.loop.month.calls.chain) != NONE
    pairs = _pairs(replayed, np.flatnonzero(asking & (short_s > 0) & ~never))
    pool, row = pairs["pool"].to_numpy(), pairs["row"].to_numpy()
    late = np.flatnonzero(row >= since[pool])
    pool, row = pool[late], row[late]
    frame = pl.DataFrame({"pool": pool, "seconds": short_s[row], "amount": charges["amount"][row]})
    sums = frame.group_by("pool").agg(pl.len(), pl.col("seconds").sum(), pl.col("amount").sum())
    return {pool: Beyond(calls, seconds, amount) for pool, calls, seconds, amount in sums.iter_rows()}


def _pairs(replayed: Replayed, rows: Ints) -> pl.DataFrame:
    """(`pool`, `row`) of these rows, each with all pools of its chain."""
    month = replayed.done.loop.month
    first = np.asarray(month.pools.chain_at, np.int64)
    of_chain = np.asarray(month.pools.chain_pools, np.int64)
    chain = np.asarray(month.calls.chain, np.int64)[rows]
    length = np.diff(first)[chain] if len(rows) else np.zeros(0, np.int64)
    begin = np.cumsum(length) - length
    step = np.arange(int(length.sum()), dtype=np.int64) - np.repeat(begin, length)
    pools = of_chain[np.repeat(first[chain], length) + step] if len(rows) else of_chain[:0]
    return pl.DataFrame({"pool": pools, "row": np.repeat(rows, length)})
