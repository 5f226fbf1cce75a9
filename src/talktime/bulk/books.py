"""Lots, pools and movements of each tenant of a run, from the state and the log that the loop left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

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
    from collections.abc import Sequence

    from talktime.bulk.loop_input import Loop
    from talktime.bulk.settle import Settled
    from talktime.bulk.wallet import Bought

ORIGINS = {OPENING: "opening", PURCHASE: "purchase", RECHARGE: "recharge"}
KINDS = ORIGINS | {
    REPAID: "repaid",
    EXPIRY: "expiry",
    BALANCE_ZERO: "balance_zero",
    RECHARGE_CAPPED: "recharge_capped",
}
"""Names of the log's kinds that are movements."""


class Noted(NamedTuple):
    """An entry of the loop's log."""

    kind: int
    tenant: int
    row: int
    at_us: int
    item: int
    amount: int
    balance: int


@dataclass(frozen=True, slots=True)
class Book:
    """A tenant after the run: `opening` and `closing` balance in micros, lots, pools, movements."""

    number: int
    opening: int
    closing: int
    lots: tuple[LotUse, ...]
    movements: tuple[Movement, ...]
    pools: tuple[PoolUse, ...]


def books_of(loop: Loop, settled: Settled) -> list[Book]:
    """The book of each tenant of a loop, in order; pools in the order of their numbers."""
    told = _by_tenant(settled, len(loop.tenants))
    pools = _pools(loop, settled)
    wallets = settled.wallets
    books = []
    for place, number in enumerate(loop.tenants.tolist()):
        first, after = int(wallets.lots_at[place]), int(wallets.tail[place])
        lots = lots_of(settled, range(first, after), loop.bought[place], told[place])
        books.append(
            Book(
                number=number,
                opening=loop.bought[place].opening,
                closing=int(wallets.balance[place]),
                lots=lots,
                movements=movements_of(lots, told[place]),
                pools=tuple(pools.get(number, ())),
            )
        )
    return books


def _by_tenant(settled: Settled, tenants: int) -> list[list[Noted]]:
    """The entries that are movements, tenant by tenant."""
    told: list[list[Noted]] = [[] for _ in range(tenants)]
    log = settled.log
    at = np.flatnonzero(np.isin(log.kind, list(KINDS)))
    for entry in zip(*(np.asarray(column)[at].tolist() for column in log[1:]), strict=True):
        noted = Noted(*entry)
        told[noted.tenant].append(noted)
    return told


def lots_of(
    settled: Settled, places: Sequence[int], bought: Bought, told: Sequence[Noted]
) -> tuple[LotUse, ...]:
    """Each lot of a tenant with what became of it, in the order in which they are drawn."""
    forfeited: dict[int, int] = {}
    for entry in told:
        if entry.kind == EXPIRY:
            forfeited[entry.item] = forfeited.get(entry.item, 0) + entry.amount
    names = {OPENING: iter(bought.opening_ids), PURCHASE: iter(bought.coming_ids)}
    recharges = 0
    found = []
    for lot, place in enumerate(places):
        bought_at_us, expires_at_us, amount, left, origin = (int(column[place]) for column in settled.lots)
        recharges += origin == RECHARGE
        lost = forfeited.get(lot, 0)
        found.append(
            LotUse(
                id=next(names[origin]) if origin in names else f"recharge-{recharges}",
                origin=ORIGINS[origin],
                bought_at_us=bought_at_us,
                expires_at_us=expires_at_us,
                amount=amount,
                drawn=amount - left - lost,
                forfeited=lost,
                left=left,
            )
        )
    return tuple(found)


def movements_of(lots: Sequence[LotUse], told: Sequence[Noted]) -> tuple[Movement, ...]:
    """Everything but calls that moved or marked the balance, in order of time; the opening first."""
    movements, balance = [], 0
    for lot in lots:
        if lot.origin == ORIGINS[OPENING]:
            balance += lot.amount
            movements.append(Movement(lot.bought_at_us, lot.origin, lot.id, lot.amount, balance))
    for entry in told:
        name = lots[entry.item].id if entry.item >= 0 else ""
        movements.append(Movement(entry.at_us, KINDS[entry.kind], name, entry.amount, entry.balance))
    return tuple(movements)


def _pools(loop: Loop, settled: Settled) -> dict[int, list[PoolUse]]:
    """Each pool that a call could have used, by tenant, with the marks it crossed."""
    log = settled.log
    marks: dict[tuple[int, int], int] = {}
    at = np.flatnonzero(np.isin(log.kind, [POOL_80, POOL_100]))
    for place in at.tolist():
        marks.setdefault((int(log.kind[place]), int(log.item[place])), int(log.at_us[place]))
    found: dict[int, list[PoolUse]] = {}
    for number, use in enumerate(pools_of(loop, settled, marks)):
        found.setdefault(loop.plan.pools[number].tenant, []).append(use)
    return found


def pools_of(loop: Loop, settled: Settled, marks: dict[tuple[int, int], int]) -> list[PoolUse]:
    """Each pool of the loop by its number; `marks`: (POOL_80 or POOL_100, pool) -> instant."""
    sizes, size_at = loop.month.pools.sizes_s, loop.month.pools.size_at
    found = []
    for number, (_, key) in enumerate(loop.plan.pools):
        held = sizes[size_at[number] : size_at[number + 1]]
        size_s = int(settled.pools.peak_s[number]) or max((int(size) for size in held), default=0)
        found.append(
            PoolUse(
                plan=key.plan,
                kind=key.kind,
                owner=key.owner,
                month=month_name(key.month),
                size_s=None if size_s >= NO_LIMIT else size_s,
                used_s=int(settled.pools.used_s[number]),
                at_80_us=marks.get((POOL_80, number)),
                at_100_us=marks.get((POOL_100, number)),
            )
        )
    return found
