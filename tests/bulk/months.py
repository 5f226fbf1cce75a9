"""A made-up month as the flat columns of the settlement loop: some tenants and all that can happen to them.

Nothing here knows a plan or a number: rates, pools, caps, lots and events are drawn as integers, so that the
loop meets full pools, met caps, empty wallets, expiries and recharges often.
"""

from __future__ import annotations

from random import Random
from typing import Any, NamedTuple

import pytest

from talktime.bulk.kernel import settle_rows
from talktime.bulk.state import (
    EVALUATE,
    FREE,
    MONTH_BEGINS,
    NONE,
    NOT_ANSWERED,
    PAYABLE,
    PURCHASE,
    WITHOUT_VALUE,
    Calls,
    Caps,
    Charges,
    Events,
    Log,
    Lots,
    Pools,
    Rates,
    Wallets,
    Year,
)
from talktime.core.limits import ALWAYS_US, NEVER_US, NO_LIMIT

S = 1_000_000
UNIT = 1_000_000
DAY_US = 86_400 * S
SPAN_US = 40 * DAY_US
TENANTS = 3
CHAINS = (0,), (1,), (2,), (3,), (0, 1), (4, 5), (5, 6), (1, 2)
POOLS = 7
CAPS = 4
"""Chains of pools, pools and caps of each tenant."""

LogEntry = tuple[int, ...]


class Month(NamedTuple):
    """The arguments of `settle_rows` between its rows and its log, and after it."""

    calls: Calls
    rates: Rates
    pools: Pools
    caps: Caps
    wallets: Wallets
    lots: Lots
    events: Events
    year: Year
    charges: Charges


def month_of(seed: int, rows: int, tenants: int = TENANTS, room: int = 0) -> Month:
    """The month of a seed; each tenant has `room` for lots, or enough for whatever comes."""
    random = Random(seed)
    rates, pools, caps = _rates(random), _pools(random, tenants), _caps(random, tenants)
    calls = _calls(random, rows // tenants, tenants, len(rates.rated))
    wallets, lots, events = _wallets(random, tenants, room or 20 * rows + 400)
    leap = (0, SPAN_US // 2, SPAN_US), (365 * DAY_US, 366 * DAY_US, 365 * DAY_US)
    late = (0, SPAN_US // 3), (365 * DAY_US, 365 * DAY_US + 3_600 * S)
    year = Year([*leap[0], *late[0]], [*leap[1], *late[1]], [0, 3, 5])
    return Month(calls, rates, pools, caps, wallets, lots, events, year, _charges(len(calls.tenant)))


def _charges(rows: int) -> Charges:
    return Charges(*([WITHOUT_VALUE.get(name, 0)] * rows for name in Charges._fields))


def _calls(random: Random, rows: int, tenants: int, rates: int) -> Calls:
    made = []
    for tenant in range(tenants):
        ends = sorted(random.randrange(DAY_US, SPAN_US) // (600 * S) * 600 * S for _ in range(rows))
        for end_us in ends:
            duration_s = random.choice([1, 30, 59, 60, 61, random.randrange(1, 4_000)])
            start_us = end_us - duration_s * S
            kind = random.choice([PAYABLE] * 8 + [FREE, NOT_ANSWERED])
            gates = random.choice([0] * 12 + [1, 2, 4])
            chain = random.choice([NONE, NONE, tenant * len(CHAINS) + random.randrange(len(CHAINS))])
            capped = [random.choice([NONE, NONE, tenant * CAPS + random.randrange(CAPS)]) for _ in range(3)]
            made.append(
                (tenant, end_us, start_us, duration_s, kind, gates, chain, random.randrange(rates), *capped)
            )
    return Calls(*(list(column) for column in zip(*made, strict=True)))


def _rates(random: Random) -> Rates:
    made = [(0, 60, 60, 0, 0, 0, 0, 0, 6)]
    for _ in range(5):
        price = random.choice([0, 20_000_000, 123_456_789, random.randrange(10**9), 3 * 10**9])
        first_price = random.choice([price, random.randrange(10**9)])
        fee = random.choice([0, 0, 50_000])
        first_s, step_s = random.choice([(60, 60), (1, 1), (30, 6), (30, 18), (0, 60)])
        rounding, decimals = random.randrange(4), random.choice([6, 6, 4, 2, 0])
        made.append((1, first_s, step_s, random.randrange(2), first_price, price, fee, rounding, decimals))
    return Rates(*(list(column) for column in zip(*made, strict=True)))


def _pools(random: Random, tenants: int) -> Pools:
    """Seven pools a tenant: two unlimited, two partners that close each other; sizes that change."""
    chains = [[POOLS * tenant + pool for pool in chain] for tenant in range(tenants) for chain in CHAINS]
    pools = range(POOLS * tenants)
    sizes = [[(ALWAYS_US, NO_LIMIT)] if pool % POOLS > 4 else _sizes(random) for pool in pools]
    chain_at, size_at = [0], [0]
    for chain in chains:
        chain_at.append(chain_at[-1] + len(chain))
    for spans in sizes:
        size_at.append(size_at[-1] + len(spans))
    return Pools(
        chain_at=chain_at,
        chain_pools=[pool for chain in chains for pool in chain],
        size_at=size_at,
        size_from_us=[from_us for spans in sizes for from_us, _ in spans],
        sizes_s=[size_s for spans in sizes for _, size_s in spans],
        partner=[{2: pool + 1, 3: pool - 1}.get(pool % POOLS, NONE) for pool in pools],
        used_s=[0] * len(pools),
        peak_s=[0] * len(pools),
    )


def _sizes(random: Random) -> list[tuple[int, int]]:
    changes = sorted(random.sample(range(SPAN_US), random.randrange(3)))
    return [(from_us, random.choice([0, 600, 7_200, 60_000])) for from_us in (ALWAYS_US, *changes)]


def _caps(random: Random, tenants: int) -> Caps:
    limits = [random.choice([UNIT, 9 * UNIT, 90 * UNIT]) for _ in range(CAPS * tenants)]
    return Caps(limits, [0] * len(limits))


def _wallets(random: Random, tenants: int, room: int) -> tuple[Wallets, Lots, Events]:
    """Each tenant's lots have a range of their own, and one of two time zones."""
    wallets: list[Wallets] = []
    lots: list[tuple[int, ...]] = []
    events: list[tuple[int, ...]] = []
    for tenant in range(tenants):
        opening = [_lot(random, random.randrange(-DAY_US, DAY_US)) for _ in range(random.randrange(3))]
        due = _due(random)
        wallets.append(_wallet(random, opening, tenant * room, room, due, len(events), tenant % 2))
        lots += opening + [(0,) * 5] * (room - len(opening))
        events += due
    return (
        Wallets(*(list(column) for column in zip(*wallets, strict=True))),
        Lots(*(list(column) for column in zip(*lots, strict=True))),
        Events(*(list(column) for column in zip(*events, strict=True))),
    )


def _due(random: Random) -> list[tuple[int, ...]]:
    """Purchases, the begin of months and the look at the opening balance, in order of time."""
    coming = sorted(random.sample(range(DAY_US, SPAN_US), 3))
    due = [(at_us, PURCHASE, random.randrange(1, 5) * UNIT, at_us + SPAN_US // 3) for at_us in coming]
    months = [SPAN_US // 3, 2 * SPAN_US // 3]
    due += [(at_us, MONTH_BEGINS, 0, 0) for at_us in months]
    due += [(at_us, EVALUATE, 0, 0) for at_us in (DAY_US, *months)]
    order = (MONTH_BEGINS, PURCHASE, EVALUATE)
    return sorted(due, key=lambda event: (event[0], order.index(event[1])))


def _wallet(
    random: Random,
    opening: list[tuple[int, ...]],
    first: int,
    room: int,
    due: list[tuple[int, ...]],
    next_event: int,
    zone: int,
) -> Wallets:
    """One tenant's row."""
    below, add = random.choice([(0, 0), (0, 0), (2 * UNIT, 5 * UNIT), (3 * UNIT, UNIT)])
    next_expiry_us = min((lot[1] for lot in opening), default=NEVER_US)
    values = dict.fromkeys(Wallets._fields, 0) | {
        "balance": sum(lot[2] for lot in opening),
        "behind": random.randrange(2),
        "post_usage_off": random.randrange(2),
        "emptied_by_expiry": random.randrange(2),
        "below": below,
        "add": add,
        "recharge_cap": random.choice([NO_LIMIT, 7 * UNIT, 0]),
        "coin": random.choice([1, 10_000]),
        **_rule(random, add),
        "wakes_us": NEVER_US,
        "lots_at": first,
        "zone": zone,
        "head": first,
        "tail": first + len(opening),
        "room": first + room,
        "next_expiry_us": next_expiry_us,
        "next_event": next_event,
        "next_us": min(due[0][0], next_expiry_us),
        "events_end": next_event + len(due),
    }
    return Wallets(**{name: values[name] for name in Wallets._fields})  # type: ignore[arg-type]


def _rule(random: Random, add: int) -> dict[str, int]:
    """What else a rule may say: how far it fills, what holds one payment, when it rests."""
    fills = bool(add) and random.randrange(3) == 0
    most = random.choice([0, 0, 2 * UNIT, 30 * UNIT])
    return {
        "add": 0 if fills else add,
        "target": random.choice([4 * UNIT, 6 * UNIT + 1]) if fills else 0,
        "recharge_least": random.choice([0, UNIT // 2, UNIT]),
        "recharge_most": most,
        "payments_a_day": random.choice([0, 0, 1, 3]),
        "cool_down_s": random.choice([0, 0, 600, 100_000]),
    }


def _lot(random: Random, at_us: int) -> tuple[int, ...]:
    amount = random.randrange(1, 9) * UNIT
    return at_us, random.randrange(DAY_US, SPAN_US) // (600 * S) * 600 * S, amount, amount, 0


def empty_log(entries: int) -> Log:
    """A log with so much room."""
    return Log([0], *([0] * entries for _ in Log._fields[1:]))


def settle_month(month: Month, entries: int) -> list[LogEntry]:
    """Runs the plain loop over all rows, as often as its log is full; gives back all that it logged."""
    loop: Any = settle_rows
    noted: list[LogEntry] = []
    at, rows = 0, len(month.calls.tenant)
    while at < rows:
        log = empty_log(entries)
        reached = loop(at, rows, 0, *month[:-1], log, month.charges)
        used = log.used[0]
        assert reached > at or used > 0, f"the loop stands still at row {at}"
        noted += zip(*(column[:used] for column in log[1:]), strict=True)
        at = reached
    return noted


def keep_compiled(config: pytest.Config, patch: pytest.MonkeyPatch) -> None:
    """What tests compile is kept with what pytest keeps, so that the next run finds it."""
    if hasattr(config, "cache") and config.cache is not None:
        patch.setenv("TALKTIME_CACHE", str(config.cache.mkdir("compiled")))
