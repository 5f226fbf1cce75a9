"""The settlement loop: calls in order, each decided by `core.funding.settle`, over flat columns.

For each call: bring the wallet to the instant of its end (purchases, expiries, new months), see what pools
and caps leave, let the core decide, book it. The loop stops before a row when a table is full; the host
makes room and goes on from there.
"""

from typing import Final

from talktime.bulk.state import (
    BALANCE_ZERO,
    DRAW,
    EVALUATE,
    EXPIRY,
    FREE,
    MONTH_BEGINS,
    NONE,
    PAYABLE,
    POOL_80,
    POOL_100,
    POOL_USE,
    PURCHASE,
    RECHARGE,
    RECHARGE_CAPPED,
    REPAID,
    SEVERAL,
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
from talktime.core import refusals
from talktime.core.credits import emptied, opened, usable
from talktime.core.funding import settle
from talktime.core.limits import NEVER_US, NO_LIMIT
from talktime.core.pools import crossed, open_s, pool_free_s, take
from talktime.core.rating import AFTER_FIRST, DEFAULT_FIRST_S, DEFAULT_STEP_S, billed_seconds
from talktime.core.recharge import recharge_micros

ENTRIES_AN_EVENT: Final = 8
"""More log entries than one event or call can write beside its draws and pools."""

LOTS_AN_EVENT: Final = 2
"""An event opens at most a purchased lot and a recharged one."""


def settle_rows(
    first: int,
    last: int,
    base: int,
    calls: Calls,
    rates: Rates,
    pools: Pools,
    caps: Caps,
    wallets: Wallets,
    lots: Lots,
    events: Events,
    year: Year,
    log: Log,
    charges: Charges,
) -> int:
    """Settles rows [first, last); `base` is the number of row 0 in the log.

    Returns `last`, or the row before which the lots of its tenant or the log ran out of room.
    """
    log_room = len(log.kind)
    for i in range(first, last):
        t = calls.tenant[i]
        end_us = calls.end_us[i]
        while wallets.next_us[t] <= end_us:
            if wallets.room[t] - wallets.tail[t] < LOTS_AN_EVENT:
                return i
            if log_room - log.used[0] < wallets.tail[t] - wallets.head[t] + ENTRIES_AN_EVENT:
                return i
            _advance(t, wallets, lots, events, year, log)
        kind = calls.kind[i]
        if kind != PAYABLE:
            if kind == FREE:
                charges.billed_s[i] = billed_seconds(
                    calls.duration_s[i], DEFAULT_FIRST_S, DEFAULT_STEP_S, AFTER_FIRST
                )
            charges.balance[i] = wallets.balance[t]
            continue
        if wallets.room[t] - wallets.tail[t] < LOTS_AN_EVENT:
            return i
        chain = calls.chain[i]
        chained = 0 if chain == NONE else pools.chain_at[chain + 1] - pools.chain_at[chain]
        entries = wallets.tail[t] - wallets.head[t] + 3 * chained + ENTRIES_AN_EVENT
        if log_room - log.used[0] < entries:
            return i
        _settle_row(i, base + i, calls, rates, pools, caps, wallets, lots, year, log, charges)
    return last


def _settle_row(
    i: int,
    row: int,
    calls: Calls,
    rates: Rates,
    pools: Pools,
    caps: Caps,
    wallets: Wallets,
    lots: Lots,
    year: Year,
    log: Log,
    charges: Charges,
) -> None:
    """Decides and books one payable call."""
    t, rate, end_us = calls.tenant[i], calls.rate[i], calls.end_us[i]
    balance = wallets.balance[t]
    cap_left = _cap_left(calls.cap_user[i], calls.cap_centre[i], calls.cap_tenant[i], caps)
    reason, billed_s, pool_s, unrated_s, amount, credits, post_usage, overdraft, topup = settle(
        calls.duration_s[i],
        _chain_free_s(calls.chain[i], calls.start_us[i], pools),
        rates.rated[rate],
        rates.first_s[rate],
        rates.step_s[rate],
        rates.model[rate],
        rates.first_price_nanos[rate],
        rates.price_nanos[rate],
        rates.fee_micros[rate],
        rates.rounding[rate],
        rates.decimals[rate],
        calls.gates[i],
        balance,
        cap_left,
        wallets.behind[t],
        _wallet_bits(t, wallets),
        wallets.below[t],
        wallets.add[t],
        wallets.recharge_cap[t] - wallets.recharged[t],
        wallets.recharge_least[t],
    )
    charges.reason[i] = reason
    charges.billed_s[i] = billed_s
    charges.pool_s[i] = pool_s
    charges.unrated_s[i] = unrated_s
    if pool_s > 0:
        _use_pools(i, row, pool_s, calls, pools, log, charges)
    if amount > 0:
        charges.amount[i] = amount
        charges.credits[i] = credits
        charges.post_usage[i] = post_usage
        charges.overdraft[i] = overdraft
        charges.over_cap[i] = 1 if amount > cap_left else 0
        _spend(calls.cap_user[i], calls.cap_centre[i], calls.cap_tenant[i], amount, caps)
        charges.lot[i] = _draw(t, row, end_us, credits, wallets, lots, log)
        wallets.overdraft[t] += overdraft
        _set_balance(t, row, end_us, balance - credits - overdraft, 0, wallets, log)
    charges.balance[i] = wallets.balance[t]
    charges.recharge[i] = topup
    _recharge(t, row, end_us, topup, wallets, lots, year, log)


def _wallet_bits(t: int, wallets: Wallets) -> int:
    bits = refusals.WALLET_EMPTIED_BY_EXPIRY if wallets.emptied_by_expiry[t] else 0
    return bits | (refusals.WALLET_POST_USAGE_OFF if wallets.post_usage_off[t] else 0)


def _advance(t: int, wallets: Wallets, lots: Lots, events: Events, year: Year, log: Log) -> None:
    """Does the next thing that moves a wallet by itself.

    At one instant: a month's counters, purchases, expiries, then a look at the balance; so nobody is charged
    for a recharge that a purchase of the same instant makes needless.
    """
    at = wallets.next_event[t]
    event_us = _event_us(t, wallets, events)
    expiry_us = wallets.next_expiry_us[t]
    if expiry_us < event_us or (expiry_us == event_us and events.kind[at] == EVALUATE):
        _expire(t, expiry_us, wallets, lots, log)
    else:
        wallets.next_event[t] = at + 1
        if events.kind[at] == MONTH_BEGINS:
            wallets.recharged[t] = 0
            wallets.capped[t] = 0
            wallets.next_us[t] = min(_event_us(t, wallets, events), wallets.next_expiry_us[t])
            return
        if events.kind[at] == PURCHASE:
            open_lot(
                t, NONE, event_us, events.amount[at], events.expires_at_us[at], PURCHASE, wallets, lots, log
            )
    at_us = min(event_us, expiry_us)
    wallets.next_us[t] = min(_event_us(t, wallets, events), wallets.next_expiry_us[t])
    if wallets.next_us[t] == at_us:
        return  # more happens at this instant; the rule looks at the wallet when all of it has happened
    topup = recharge_micros(
        wallets.balance[t],
        wallets.below[t],
        wallets.add[t],
        wallets.recharge_cap[t] - wallets.recharged[t],
        wallets.recharge_least[t],
    )
    _recharge(t, NONE, at_us, topup, wallets, lots, year, log)


def _event_us(t: int, wallets: Wallets, events: Events) -> int:
    """The instant of the next known event of a wallet."""
    at = wallets.next_event[t]
    return events.at_us[at] if at < wallets.events_end[t] else NEVER_US


def _expire(t: int, at_us: int, wallets: Wallets, lots: Lots, log: Log) -> None:
    """Forfeits what is left in lots that expire now."""
    next_us = NEVER_US
    for lot in range(wallets.head[t], wallets.tail[t]):
        left = lots.left[lot]
        if left > 0 and usable(left, lots.expires_at_us[lot], at_us) == 0:
            lots.left[lot] = 0
            note(log, EXPIRY, t, NONE, at_us, lot, left, wallets.balance[t] - left)
            _set_balance(t, NONE, at_us, wallets.balance[t] - left, 1, wallets, log)
        elif left > 0:
            next_us = min(next_us, lots.expires_at_us[lot])
    wallets.next_expiry_us[t] = next_us


def _set_balance(
    t: int, row: int, at_us: int, balance: int, by_expiry: int, wallets: Wallets, log: Log
) -> None:
    """Writes a lower balance; tells once when it reaches zero, and remembers what emptied it."""
    if emptied(wallets.balance[t], balance):
        wallets.emptied_by_expiry[t] = by_expiry
        note(log, BALANCE_ZERO, t, row, at_us, NONE, 0, balance)
    wallets.balance[t] = balance


def open_lot(
    t: int,
    row: int,
    at_us: int,
    amount: int,
    expires_at_us: int,
    origin: int,
    wallets: Wallets,
    lots: Lots,
    log: Log,
) -> None:
    """Opens a lot of the full amount; what is overdrawn is its first draw (rulings.md 16)."""
    lot = wallets.tail[t]
    left, repaid = opened(amount, wallets.overdraft[t])
    lots.bought_at_us[lot] = at_us
    lots.expires_at_us[lot] = expires_at_us
    lots.amount[lot] = amount
    lots.left[lot] = left
    lots.origin[lot] = origin
    wallets.tail[t] = lot + 1
    wallets.overdraft[t] -= repaid
    wallets.balance[t] += amount
    if wallets.balance[t] > 0:
        wallets.emptied_by_expiry[t] = 0
    wallets.next_expiry_us[t] = min(wallets.next_expiry_us[t], expires_at_us)
    wallets.next_us[t] = min(wallets.next_us[t], expires_at_us)
    note(log, origin, t, row, at_us, lot, amount, wallets.balance[t])
    if repaid > 0:
        note(log, REPAID, t, row, at_us, lot, repaid, wallets.balance[t])


def _recharge(
    t: int, row: int, at_us: int, topup: int, wallets: Wallets, lots: Lots, year: Year, log: Log
) -> None:
    """Buys what the rule asked for; tells once a month that the cap leaves too little (recharge.md 3)."""
    if topup > 0:
        wallets.recharged[t] += topup
        open_lot(t, row, at_us, topup, twelve_months_on_us(at_us, year), RECHARGE, wallets, lots, log)
    if wallets.capped[t] or wallets.recharge_cap[t] - wallets.recharged[t] >= max(
        wallets.recharge_least[t], 1
    ):
        return
    if wallets.add[t] > 0 and wallets.balance[t] < wallets.below[t]:
        wallets.capped[t] = 1
        note(log, RECHARGE_CAPPED, t, row, at_us, NONE, 0, wallets.balance[t])


def twelve_months_on_us(at_us: int, year: Year) -> int:
    """When a lot bought at an instant expires, from the pieces that the calendar made at the edge."""
    low, high = 0, len(year.from_us)
    while high - low > 1:
        middle = (low + high) // 2
        if year.from_us[middle] <= at_us:
            low = middle
        else:
            high = middle
    return at_us + year.add_us[low]


def pool_size_s(pool: int, start_us: int, pools: Pools) -> int:
    """The size of a pool for a call that started then: `accounts.pool_sizes.size_at` over columns."""
    at = pools.size_at[pool + 1] - 1
    while at > pools.size_at[pool] and pools.size_from_us[at] > start_us:
        at -= 1
    return pools.sizes_s[at]


def _unused_s(pool: int, start_us: int, pools: Pools) -> int:
    """Seconds left in a pool, whatever its partner has."""
    return pool_free_s(pool_size_s(pool, start_us, pools), pools.used_s[pool], 0)


def _free_s(pool: int, start_us: int, pools: Pools) -> int:
    """Seconds left in a pool that a call may use."""
    partner = pools.partner[pool]
    if partner == NONE:
        return open_s(_unused_s(pool, start_us, pools), 0, 0)
    return open_s(_unused_s(pool, start_us, pools), 1, _unused_s(partner, start_us, pools))


def _chain_free_s(chain: int, start_us: int, pools: Pools) -> int:
    """Seconds left in all pools that may pay for a call."""
    if chain == NONE:
        return 0
    free_s = 0
    for at in range(pools.chain_at[chain], pools.chain_at[chain + 1]):
        left_s = _free_s(pools.chain_pools[at], start_us, pools)
        if left_s >= NO_LIMIT - free_s:  # two unlimited pools would leave 64 bits
            return NO_LIMIT
        free_s += left_s
    return free_s


def _use_pools(i: int, row: int, pool_s: int, calls: Calls, pools: Pools, log: Log, charges: Charges) -> None:
    """Takes a call's pool seconds from its pools in order; marks 80 % and 100 % when they are crossed."""
    start_us, end_us = calls.start_us[i], calls.end_us[i]
    chain = calls.chain[i]
    wanted_s = pool_s
    only = NONE
    for at in range(pools.chain_at[chain], pools.chain_at[chain + 1]):
        pool = pools.chain_pools[at]
        taken_s = take(_free_s(pool, start_us, pools), wanted_s)
        if taken_s == 0:
            continue
        wanted_s -= taken_s
        size_s = pool_size_s(pool, start_us, pools)
        before_s = pools.used_s[pool]
        pools.used_s[pool] = before_s + taken_s
        pools.peak_s[pool] = max(pools.peak_s[pool], size_s)
        charges.pool_left_s[i] = pool_free_s(size_s, before_s + taken_s, 0)
        if crossed(size_s, before_s, before_s + taken_s, 80):
            note(log, POOL_80, calls.tenant[i], row, end_us, pool, 0, 0)
        if crossed(size_s, before_s, before_s + taken_s, 100):
            note(log, POOL_100, calls.tenant[i], row, end_us, pool, 0, 0)
        if only == NONE and wanted_s == 0:
            only = pool
        else:
            only = SEVERAL
            note(log, POOL_USE, calls.tenant[i], row, end_us, pool, taken_s, 0)
    charges.pool[i] = only


def _cap_left(user: int, centre: int, tenant: int, caps: Caps) -> int:
    """The least that any cap of a call leaves, in micros."""
    left = NO_LIMIT
    if user != NONE:
        left = min(left, caps.limit[user] - caps.spent[user])
    if centre != NONE:
        left = min(left, caps.limit[centre] - caps.spent[centre])
    if tenant != NONE:
        left = min(left, caps.limit[tenant] - caps.spent[tenant])
    return left


def _spend(user: int, centre: int, tenant: int, amount: int, caps: Caps) -> None:
    """Adds a call's money to each of its caps."""
    if user != NONE:
        caps.spent[user] += amount
    if centre != NONE:
        caps.spent[centre] += amount
    if tenant != NONE:
        caps.spent[tenant] += amount


def _draw(t: int, row: int, at_us: int, credits: int, wallets: Wallets, lots: Lots, log: Log) -> int:
    """Draws from the lots, first in first out. Returns the one lot, NONE, or SEVERAL (see the log)."""
    lot = wallets.head[t]
    wanted = credits
    only = NONE
    while wanted > 0:
        taken = take(lots.left[lot], wanted)
        if taken > 0:
            lots.left[lot] -= taken
            wanted -= taken
            if only == NONE and wanted == 0:
                only = lot
            else:
                only = SEVERAL
                note(log, DRAW, t, row, at_us, lot, taken, 0)
        if lots.left[lot] == 0 and wanted > 0:
            lot += 1
    wallets.head[t] = lot
    return only


def note(
    log: Log, kind: int, tenant: int, row: int, at_us: int, item: int, amount: int, balance: int
) -> None:
    """Writes one entry of the log; the caller has seen that there is room."""
    at = log.used[0]
    log.kind[at] = kind
    log.tenant[at] = tenant
    log.row[at] = row
    log.at_us[at] = at_us
    log.item[at] = item
    log.amount[at] = amount
    log.balance[at] = balance
    log.used[0] = at + 1
