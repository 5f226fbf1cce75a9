"""The settlement loop: calls in order, each decided by `core.funding.settle`, over flat columns.

For each call: bring the wallet to the instant of its end (`wallet_moves`), see what pools and caps leave, let
the core decide, book it. The loop stops before a row when a table is full, or halfway in one that made the
rule of recharge buy many lots; the host makes room and goes on from there.
"""

from typing import Final

from talktime.bulk.state import (
    DRAW,
    FREE,
    NONE,
    PAYABLE,
    POOL_80,
    POOL_100,
    POOL_USE,
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
from talktime.bulk.wallet_moves import (
    catch_up,
    has_room,
    is_untold,
    note,
    recharge,
    recharge_left,
    set_balance,
)
from talktime.core import refusals
from talktime.core.credits import emptied
from talktime.core.funding import settle
from talktime.core.limits import NO_LIMIT
from talktime.core.pools import crossed, open_s, pool_free_s, take
from talktime.core.rating import AFTER_FIRST, DEFAULT_FIRST_S, DEFAULT_STEP_S, billed_seconds


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
    next_us = balance = lot = first_lot = behind = bits = 0
    below = add = target = coin = least = most = cap_open = untold = 0
    pool = size_s = before_s = 0
    for i in range(first, last):
        t, end_us = tenant_of[i], ends_us[i]
        if t != held or next_us <= end_us:
            row = base + i if wallets.halfway[t] else NONE
            recharged = wallets.recharged[t]
            has_caught_up = catch_up(t, row, end_us, wallets, lots, events, year, log)
            if row != NONE:
                recharges[i] += wallets.recharged[t] - recharged
            if not has_caught_up or not has_room(t, 1, wallets, log):
                return i
            held, balance, lot, first_lot = t, balances[t], wallets.head[t], wallets.lots_at[t]
            next_us, behind, bits = wallets.next_us[t], wallets.behind[t], _wallet_bits(t, wallets)
            below, add, target, coin = wallets.below[t], wallets.add[t], wallets.target[t], wallets.coin[t]
            least, most = wallets.recharge_least[t], wallets.recharge_most[t]
            cap_open, untold = recharge_left(t, wallets), is_untold(t, wallets)
            if row != NONE:  # the row is charged, and now all that it made the rule buy is bought
                wallets.halfway[t] = 0
                continue
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
            cap_open,
            least,
            target,
            most,
            coin,
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
                set_balance(t, base + i, end_us, after, 0, wallets, log)
                held = NONE
            balance = balances[t] = after
        balances_after[i] = balance
        if balance < below and (topup > 0 or untold):
            recharged = wallets.recharged[t]
            recharge(t, base + i, end_us, topup, wallets, lots, year, log)
            has_caught_up = catch_up(t, base + i, end_us, wallets, lots, events, year, log)
            recharges[i] = wallets.recharged[t] - recharged
            held = NONE
            if not has_caught_up:
                wallets.halfway[t] = 1
                return i
    return last


def _wallet_bits(t: int, wallets: Wallets) -> int:
    bits = refusals.WALLET_EMPTIED_BY_EXPIRY if wallets.emptied_by_expiry[t] else 0
    return bits | (refusals.WALLET_POST_USAGE_OFF if wallets.post_usage_off[t] else 0)


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


HOT: Final = (has_room, pool_size_s, _unused_s, _free_s, _chain_free_s, _use_pools, _mark, _cap_left, _spend)
"""What the compiled loop calls so often that handing on the columns would cost more than the work."""
