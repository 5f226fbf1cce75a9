"""Lots, pools and movements of a finished run, from the state and the log that the loop left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from talktime.accounts.calendar import month_name
from talktime.bulk.result import LotUse, Movement, PoolUse
from talktime.bulk.state import (
    BALANCE_ZERO,
    EXPIRY,
    OPENING,
    POOL_80,
    POOL_100,
    PURCHASE,
    RECHARGE,
    RECHARGE_CAPPED,
    REPAID,
)
from talktime.core.limits import NO_LIMIT

if TYPE_CHECKING:
    from talktime.bulk.prepare import Prepared
    from talktime.bulk.settle import Settled
    from talktime.bulk.wallet import Wallet

ORIGINS = {OPENING: "opening", PURCHASE: "purchase", RECHARGE: "recharge"}
KINDS = ORIGINS | {
    REPAID: "repaid",
    EXPIRY: "expiry",
    BALANCE_ZERO: "balance_zero",
    RECHARGE_CAPPED: "recharge_capped",
}
"""Names of the log's kinds that are movements."""


def lots_of(wallet: Wallet, settled: Settled) -> tuple[LotUse, ...]:
    """Each lot with what became of it, in the order in which they are drawn."""
    forfeited: dict[int, int] = {}
    for kind, _, _, _, lot, amount, _ in settled.log:
        if kind == EXPIRY:
            forfeited[lot] = forfeited.get(lot, 0) + amount
    names = {OPENING: iter(wallet.opening_ids), PURCHASE: iter(wallet.coming_ids)}
    recharges = 0
    lots = []
    for lot in range(wallet.wallets.tail[0]):
        origin, amount, left = wallet.lots.origin[lot], wallet.lots.amount[lot], wallet.lots.left[lot]
        recharges += origin == RECHARGE
        bought_us = wallet.lots.bought_at_us[lot]
        lost = forfeited.get(lot, 0)
        lots.append(
            LotUse(
                id=next(names[origin]) if origin in names else f"recharge-{recharges}",
                origin=ORIGINS[origin],
                bought_at_us=bought_us,
                expires_at_us=wallet.lots.expires_at_us[lot],
                amount=amount,
                drawn=amount - left - lost,
                forfeited=lost,
                left=left,
            )
        )
    return tuple(lots)


def movements_of(settled: Settled, lots: tuple[LotUse, ...]) -> tuple[Movement, ...]:
    """Everything but calls that moved or marked the balance, in order of time; the opening first."""
    movements, balance = [], 0
    for lot in lots:
        if lot.origin == ORIGINS[OPENING]:
            balance += lot.amount
            movements.append(Movement(lot.bought_at_us, lot.origin, lot.id, lot.amount, balance))
    for kind, _, _, at_us, lot_at, amount, after in settled.log:
        if kind in KINDS:
            name = lots[lot_at].id if lot_at >= 0 else ""
            movements.append(Movement(at_us, KINDS[kind], name, amount, after))
    return tuple(movements)


def pools_of(prepared: Prepared, settled: Settled) -> tuple[PoolUse, ...]:
    """Each pool that a call of the file could have used, by month, with the marks it crossed."""
    pools = settled.pools
    marks: dict[tuple[int, int], int] = {}
    for kind, _, _, at_us, pool, _, _ in settled.log:
        if kind in (POOL_80, POOL_100):
            marks.setdefault((kind, pool), at_us)
    found = []
    for number, key in enumerate(prepared.pool_plan.keys):
        size_s = max(pools.sizes_s[pools.size_at[number] : pools.size_at[number + 1]], default=0)
        size_s = pools.peak_s[number] or size_s
        found.append(
            PoolUse(
                plan=key.plan,
                kind=key.kind,
                owner=key.owner,
                month=month_name(key.month),
                size_s=None if size_s >= NO_LIMIT else size_s,
                used_s=pools.used_s[number],
                at_80_us=marks.get((POOL_80, number)),
                at_100_us=marks.get((POOL_100, number)),
            )
        )
    return tuple(found)
