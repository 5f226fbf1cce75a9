# ruff: noqa: PLR0913, PLR0917 - columns are handed on group by group
"""What moves a wallet beside the calls: purchases, expiries, new months, and the whole rule of auto-recharge.

The rule looks at the wallet after each of them and after each call. It rests while it cools down and while
24 h hold as many payments as they may; the end of that is an instant like the others, and wakes it.
"""

from typing import Final

from talktime.bulk.state import (
    BALANCE_ZERO,
    EXPIRY,
    MONTH_BEGINS,
    NONE,
    PURCHASE,
    RECHARGE,
    RECHARGE_CAPPED,
    REPAID,
    Events,
    Log,
    Lots,
    Wallets,
    Year,
)
from talktime.core.credits import emptied, opened, usable
from talktime.core.limits import ALWAYS_US, NEVER_US
from talktime.core.recharge import cooled_us, day_opens_us, recharge_micros

ENTRIES_AN_EVENT: Final = 8
"""More log entries than one event or call can write beside its draws and pools."""

ENTRIES_A_POOL: Final = 3
"""The most log entries that a pool writes for a call: 80 %, 100 %, its part."""

LOTS_AN_EVENT: Final = 2
"""An event opens at most a purchased lot and a recharged one."""


def has_room(t: int, pools: int, wallets: Wallets, log: Log) -> int:
    """1 where lots and log hold all that an event or a call of a tenant, with so many pools, can write."""
    if wallets.room[t] - wallets.tail[t] < LOTS_AN_EVENT:
        return 0
    entries = wallets.tail[t] - wallets.head[t] + ENTRIES_A_POOL * pools + ENTRIES_AN_EVENT
    return 1 if len(log.kind) - log.used[0] >= entries else 0


def catch_up(
    t: int, row: int, until_us: int, wallets: Wallets, lots: Lots, events: Events, year: Year, log: Log
) -> int:
    """Does all that moves a wallet by itself up to an instant; 0 where lots or log ran out of room before.

    What is bought meanwhile is logged for `row`, the call that caused it, or NONE.
    """
    while wallets.next_us[t] <= until_us:
        if not has_room(t, 0, wallets, log):
            return 0
        _advance(t, row, wallets, lots, events, year, log)
    return 1


def _advance(t: int, row: int, wallets: Wallets, lots: Lots, events: Events, year: Year, log: Log) -> None:
    """Does the next thing that moves a wallet by itself.

    At one instant: a month's counters, purchases, expiries, then a look at the balance; so nobody is charged
    for a recharge that a purchase of the same instant makes needless.
    """
    at, at_us = wallets.next_event[t], wallets.next_us[t]
    kind = events.kind[at] if _event_us(t, wallets, events) == at_us else NONE
    if kind == MONTH_BEGINS:
        wallets.recharged[t] = 0
        if not wallets.day_full[t]:  # that 24 h are full was told, and a new month changes nothing
            wallets.capped[t] = 0
    elif kind == PURCHASE:
        amount, expires_at_us = events.amount[at], events.expires_at_us[at]
        open_lot(t, NONE, at_us, amount, expires_at_us, PURCHASE, wallets, lots, log)
    elif wallets.next_expiry_us[t] == at_us:
        _expire(t, at_us, wallets, lots, log)
        kind = NONE
    if kind != NONE:
        wallets.next_event[t] = at + 1
    if wallets.wakes_us[t] <= at_us:
        _rest(t, at_us, wallets, lots)
    wallets.next_us[t] = min(_event_us(t, wallets, events), wallets.next_expiry_us[t], wallets.wakes_us[t])
    if wallets.next_us[t] == at_us:
        return  # more happens at this instant; the rule looks at the wallet when all of it has happened
    topup = recharge_micros(
        wallets.balance[t],
        wallets.below[t],
        wallets.add[t],
        recharge_left(t, wallets),
        wallets.recharge_least[t],
        wallets.target[t],
        wallets.recharge_most[t],
        wallets.coin[t],
    )
    recharge(t, row, at_us, topup, wallets, lots, year, log)


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
            set_balance(t, NONE, at_us, wallets.balance[t] - left, 1, wallets, log)
        elif left > 0:
            next_us = min(next_us, lots.expires_at_us[lot])
    wallets.next_expiry_us[t] = next_us


def set_balance(
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


# --- auto-recharge ---------------------------------------------------------------------------------


def recharge_left(t: int, wallets: Wallets) -> int:
    """What the rule may spend now: what the month's cap leaves, nothing while the rule rests."""
    return wallets.recharge_cap[t] - wallets.recharged[t] if wallets.wakes_us[t] == NEVER_US else 0


def is_untold(t: int, wallets: Wallets) -> int:
    """1 where a cap that leaves no payment would have to be told: once a month or once in 24 h that are full.

    A cool-down is no cap (recharge.md 3 and 8).
    """
    if wallets.capped[t] or (wallets.add[t] <= 0 and wallets.target[t] <= 0):
        return 0
    return 1 if wallets.wakes_us[t] == NEVER_US or wallets.day_full[t] else 0


def recharge(
    t: int, row: int, at_us: int, topup: int, wallets: Wallets, lots: Lots, year: Year, log: Log
) -> None:
    """Makes the payment that the rule asked for, or tells that its caps leave none (recharge.md 3).

    A payment that leaves the wallet below the trigger is followed by a look at the same instant: money in is
    a reason to look, too (rulings.md 27).
    """
    if topup > 0:
        wallets.recharged[t] += topup
        expires_at_us = twelve_months_on_us(at_us, year, wallets.zone[t])
        open_lot(t, row, at_us, topup, expires_at_us, RECHARGE, wallets, lots, log)
        _rest(t, at_us, wallets, lots)
        if wallets.wakes_us[t] == NEVER_US and wallets.balance[t] < wallets.below[t]:
            wallets.wakes_us[t] = wallets.next_us[t] = at_us
            return
        wallets.next_us[t] = min(wallets.next_us[t], wallets.wakes_us[t])
    if wallets.balance[t] < wallets.below[t] and is_untold(t, wallets):
        wallets.capped[t] = 1
        note(log, RECHARGE_CAPPED, t, row, at_us, NONE, 0, wallets.balance[t])


def _rest(t: int, at_us: int, wallets: Wallets, lots: Lots) -> None:
    """Sees at an instant until when the rule rests: for its cool-down, then for 24 h that are full."""
    if wallets.day_full[t]:
        wallets.capped[t] = 0  # the next 24 h that are full are told anew
    wallets.day_full[t] = 0
    wallets.wakes_us[t] = NEVER_US
    cool_until_us = cooled_us(_paid_us(t, 1, wallets, lots), wallets.cool_down_s[t])
    if cool_until_us > at_us:
        wallets.wakes_us[t] = cool_until_us
    elif wallets.payments_a_day[t] > 0:
        opens_us = day_opens_us(_paid_us(t, wallets.payments_a_day[t], wallets, lots))
        if opens_us > at_us:
            wallets.wakes_us[t] = opens_us
            wallets.day_full[t] = 1


def _paid_us(t: int, payments: int, wallets: Wallets, lots: Lots) -> int:
    """The instant of the recharge so many recharges ago, the last being 1; ALWAYS_US where there is none."""
    lot = wallets.tail[t]
    while lot > wallets.lots_at[t]:
        lot -= 1
        if lots.origin[lot] == RECHARGE:
            payments -= 1
            if payments == 0:
                return lots.bought_at_us[lot]
    return ALWAYS_US
