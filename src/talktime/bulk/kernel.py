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

ENTRIES_A_POOL: Final = 3
"""The most log entries that a pool writes for a call: 80 %, 100 %, its part."""

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

    What most rows need stands in this body and reads columns that were looked up once; groups of columns are
    handed on only where something rare happens (passing them costs more than a row). What the wallet of
    the rows at hand says is kept in locals; all writes go to the columns, and whoever writes there by
    another way sets `held` to NONE, so that the next row looks again.
    """
    (
        tenant_of,
        ends_us,
        starts_us,
        durations_s,
        kinds,
        gates,
        chains,
        rate_of,
        user_caps,
        centre_caps,
        own_caps,
    ) = calls
    rated, first_s, step_s, model, first_prices, prices, fees, rounding, decimals = rates
    (
        reasons,
        billed,
        from_pool,
        unrated,
        amounts,
        from_credits,
        from_post_usage,
        overdrawn,
        balances_after,
        recharges,
        lot_used,
        pool_used,
        pool_left,
        over_cap,
    ) = charges
    chain_at, chain_pools, partners, used_s, peak_s = (
        pools.chain_at,
        pools.chain_pools,
        pools.partner,
        pools.used_s,
        pools.peak_s,
    )
    balances, lots_left = wallets.balance, lots.left
    held = NONE
    next_us = balance = lot = first_lot = behind = bits = below = add = recharge_left = least = told = 0
    pool = size_s = before_s = 0
    for i in range(first, last):
        t, end_us = tenant_of[i], ends_us[i]
        if t != held or next_us <= end_us:
            while wallets.next_us[t] <= end_us:
                if not has_room(t, 0, wallets, log):
                    return i
                _advance(t, wallets, lots, events, year, log)
            if not has_room(t, 1, wallets, log):
                return i
            held, balance, lot, first_lot = t, balances[t], wallets.head[t], wallets.lots_at[t]
            next_us, behind, bits = wallets.next_us[t], wallets.behind[t], _wallet_bits(t, wallets)
            below, add, least = wallets.below[t], wallets.add[t], wallets.recharge_least[t]
            recharge_left, told = wallets.recharge_cap[t] - wallets.recharged[t], wallets.capped[t]
        kind = kinds[i]
        if kind != PAYABLE:
            if kind == FREE:
                billed[i] = billed_seconds(durations_s[i], DEFAULT_FIRST_S, DEFAULT_STEP_S, AFTER_FIRST)
            balances_after[i] = balance
            continue

        chain = chains[i]
        chained = free_s = 0
        if chain != NONE:
            start_us = starts_us[i]
            at = chain_at[chain]
            chained = chain_at[chain + 1] - at
            if chained == 1:
                pool = chain_pools[at]
                size_s, before_s = pool_size_s(pool, start_us, pools), used_s[pool]
                free_s = pool_free_s(size_s, before_s, 0)
                if partners[pool] != NONE:
                    free_s = open_s(free_s, 1, _unused_s(partners[pool], start_us, pools))
            elif not has_room(t, chained, wallets, log):
                return i
            else:
                free_s = _chain_free_s(chain, start_us, pools)
        user, centre, own = user_caps[i], centre_caps[i], own_caps[i]
        has_cap = user != NONE or centre != NONE or own != NONE
        cap_left = _cap_left(user, centre, own, caps) if has_cap else NO_LIMIT
        rate = rate_of[i]
        reason, billed_s, pool_s, unrated_s, amount, credits, post_usage, overdraft, topup = settle(
            durations_s[i],
            free_s,
            rated[rate],
            first_s[rate],
            step_s[rate],
            model[rate],
            first_prices[rate],
            prices[rate],
            fees[rate],
            rounding[rate],
            decimals[rate],
            gates[i],
            balance,
            cap_left,
            behind,
            bits,
            below,
            add,
            recharge_left,
            least,
        )

        billed[i] = billed_s
        if reason != refusals.NONE:
            reasons[i], unrated[i] = reason, unrated_s
        if pool_s > 0:
            from_pool[i] = pool_s
            if chained == 1:
                after_s = before_s + pool_s
                used_s[pool] = after_s
                peak_s[pool] = max(peak_s[pool], size_s)
                pool_used[i], pool_left[i] = pool, pool_free_s(size_s, after_s, 0)
                if crossed(size_s, before_s, after_s, 80) or crossed(size_s, before_s, after_s, 100):
                    _mark(t, base + i, end_us, pool, size_s, before_s, after_s, log)
                    held = NONE
            else:
                pool_used[i], pool_left[i] = _use_pools(
                    t, base + i, starts_us[i], end_us, chain, pool_s, pools, log
                )
                held = NONE
        if amount > 0:
            amounts[i] = amount
            if credits > 0:
                from_credits[i] = credits
                if credits <= lots_left[lot]:
                    lots_left[lot] -= credits
                    lot_used[i] = lot - first_lot
                else:
                    lot_used[i] = _draw(t, base + i, end_us, credits, wallets, lots, log)
                    held = NONE
            if post_usage > 0:
                from_post_usage[i] = post_usage
            if overdraft > 0:
                overdrawn[i] = overdraft
                wallets.overdraft[t] += overdraft
            if has_cap:
                over_cap[i] = 1 if amount > cap_left else 0
                _spend(user, centre, own, amount, caps)
            after = balance - credits - overdraft
            if emptied(balance, after):
                _set_balance(t, base + i, end_us, after, 0, wallets, log)
                held = NONE
            balance = balances[t] = after
        balances_after[i] = balance
        if add > 0 and balance < below and (topup > 0 or not told):
            recharges[i] = topup
            _recharge(t, base + i, end_us, topup, wallets, lots, year, log)
            held = NONE
    return last


def has_room(t: int, pools: int, wallets: Wallets, log: Log) -> int:
    """1 where lots and log hold all that an event or a call of a tenant, with so many pools, can write."""
    if wallets.room[t] - wallets.tail[t] < LOTS_AN_EVENT:
        return 0
    entries = wallets.tail[t] - wallets.head[t] + ENTRIES_A_POOL * pools + ENTRIES_AN_EVENT
    return 1 if len(log.kind) - log.used[0] >= entries else 0


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
            number = lot - wallets.lots_at[t]
            note(log, EXPIRY, t, NONE, at_us, number, left, wallets.balance[t] - left)
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
    number = lot - wallets.lots_at[t]
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
    note(log, origin, t, row, at_us, number, amount, wallets.balance[t])
    if repaid > 0:
        note(log, REPAID, t, row, at_us, number, repaid, wallets.balance[t])


def _recharge(
    t: int, row: int, at_us: int, topup: int, wallets: Wallets, lots: Lots, year: Year, log: Log
) -> None:
    """Buys what the rule asked for; tells once a month that the cap leaves too little (recharge.md 3)."""
    if topup > 0:
        wallets.recharged[t] += topup
        expires_at_us = twelve_months_on_us(at_us, year, wallets.zone[t])
        open_lot(t, row, at_us, topup, expires_at_us, RECHARGE, wallets, lots, log)
    if wallets.capped[t] or wallets.recharge_cap[t] - wallets.recharged[t] >= max(
        wallets.recharge_least[t], 1
    ):
        return
    if wallets.add[t] > 0 and wallets.balance[t] < wallets.below[t]:
        wallets.capped[t] = 1
        note(log, RECHARGE_CAPPED, t, row, at_us, NONE, 0, wallets.balance[t])


def twelve_months_on_us(at_us: int, year: Year, zone: int = 0) -> int:
    """When a lot bought at an instant in a zone expires; the calendar made the pieces at the edge."""
    low, high = year.zone_at[zone], min(year.zone_at[zone + 1], len(year.from_us))
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


def _use_pools(
    t: int, row: int, start_us: int, end_us: int, chain: int, pool_s: int, pools: Pools, log: Log
) -> tuple[int, int]:
    """Takes a call's pool seconds from several pools in order.

    Returns the one pool that paid, or SEVERAL (see the log); and what the last of them has left.
    """
    wanted_s = pool_s
    only = left_s = NONE
    for at in range(pools.chain_at[chain], pools.chain_at[chain + 1]):
        pool = pools.chain_pools[at]
        taken_s = take(_free_s(pool, start_us, pools), wanted_s)
        if taken_s == 0:
            continue
        wanted_s -= taken_s
        size_s, before_s = pool_size_s(pool, start_us, pools), pools.used_s[pool]
        after_s = before_s + taken_s
        pools.used_s[pool] = after_s
        pools.peak_s[pool] = max(pools.peak_s[pool], size_s)
        left_s = pool_free_s(size_s, after_s, 0)
        _mark(t, row, end_us, pool, size_s, before_s, after_s, log)
        if only == NONE and wanted_s == 0:
            only = pool
        else:
            only = SEVERAL
            note(log, POOL_USE, t, row, end_us, pool, taken_s, 0)
    return only, left_s


def _mark(
    t: int, row: int, at_us: int, pool: int, size_s: int, before_s: int, after_s: int, log: Log
) -> None:
    """Marks 80 % and 100 % of a pool when they are crossed."""
    if crossed(size_s, before_s, after_s, 80):
        note(log, POOL_80, t, row, at_us, pool, 0, 0)
    if crossed(size_s, before_s, after_s, 100):
        note(log, POOL_100, t, row, at_us, pool, 0, 0)


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
    """Draws from the lots, first in first out.

    Returns the number of the one lot within its tenant, or SEVERAL (see the log).
    """
    first = wallets.lots_at[t]
    lot = wallets.head[t]
    wanted = credits
    only = NONE
    while wanted > 0:
        taken = take(lots.left[lot], wanted)
        if taken > 0:
            lots.left[lot] -= taken
            wanted -= taken
            if only == NONE and wanted == 0:
                only = lot - first
            else:
                only = SEVERAL
                note(log, DRAW, t, row, at_us, lot - first, taken, 0)
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


HOT: Final = (has_room, pool_size_s, _unused_s, _free_s, _chain_free_s, _use_pools, _mark, _cap_left, _spend)
"""What the compiled loop calls so often that handing on the columns would cost more than the work."""
