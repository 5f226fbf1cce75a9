"""The flat columns that the settlement loop reads and writes.

Every field is a sequence of integers: lists where the loop runs as plain Python, arrays where it is
compiled (feasibility.md 1). Rows that belong to one tenant stand together, in settlement order.
"""

from collections.abc import MutableSequence, Sequence
from typing import Final, NamedTuple

from talktime.core.limits import NO_LIMIT

Ints = Sequence[int]
Cells = MutableSequence[int]

# What a row is to the loop.
NOT_ANSWERED: Final = 0
FREE: Final = 1
PAYABLE: Final = 2

NONE: Final = -1
SEVERAL: Final = -2
"""In a column that names one lot or pool: there were several, see the log."""


class Calls(NamedTuple):
    """One row a call. Instants in us, durations in s; `chain`, `rate` and caps are indexes or NONE."""

    tenant: Ints
    end_us: Ints
    start_us: Ints
    duration_s: Ints
    kind: Ints
    gates: Ints
    chain: Ints
    rate: Ints
    cap_user: Ints
    cap_centre: Ints
    cap_tenant: Ints


class Rates(NamedTuple):
    """One row a rate of the deck; the last row stands for "no rate" (`rated` 0, whole minutes)."""

    rated: Ints
    first_s: Ints
    step_s: Ints
    model: Ints
    first_price_nanos: Ints
    price_nanos: Ints
    fee_micros: Ints
    rounding: Ints
    decimals: Ints


class Pools(NamedTuple):
    """Chains of pools (`chain_at[c]` to `chain_at[c + 1]` of `chain_pools`), pools and their size over time.

    `sizes` from `size_at[p]` to `size_at[p + 1]` hold from `size_from_us` on; `partner` is the other counter
    of a plan that closes both when either is full, or NONE.
    """

    chain_at: Ints
    chain_pools: Ints
    size_at: Ints
    size_from_us: Ints
    sizes_s: Ints
    partner: Ints
    used_s: Cells
    peak_s: Cells


class Caps(NamedTuple):
    """One row a cap and billing month, in micros."""

    limit: Ints
    spent: Cells


class Wallets(NamedTuple):
    """One row a tenant; money in micros, instants in us, the rest are indexes and flags (0 or 1).

    A tenant's lots are [lots_at, tail) of `Lots`, with room up to `room`; tenants' lots stand one after the
    other. Its twelve months are those of `zone` in `Year`. As they stand, the last two fit a single tenant.
    A rule of auto-recharge has `add` or a `target`, or neither where it is off.
    """

    balance: Cells
    overdraft: Cells
    behind: Ints
    post_usage_off: Ints
    emptied_by_expiry: Cells
    below: Ints
    add: Ints
    target: Ints
    recharge_cap: Ints  # of a billing month
    recharge_least: Ints  # the least payment that a cap may cut a recharge to
    recharge_most: Ints  # of one payment, 0 for any
    coin: Ints  # what is cut is cut to a whole coin
    payments_a_day: Ints  # in any 24 h, 0 for any number
    cool_down_s: Ints
    recharged: Cells  # in the current billing month
    capped: Cells  # whether it was told that a cap leaves no payment
    day_full: Cells  # whether the rule rests because 24 h are full
    wakes_us: Cells  # when the rule ceases to rest or looks again; NEVER_US where it does not rest
    halfway: Cells  # whether the row at hand is charged and what it made the rule buy is not all bought
    head: Cells  # first lot that may hold money
    tail: Cells  # after the last lot
    room: Cells  # after the last place for a lot
    next_expiry_us: Cells
    next_event: Cells  # index into Events
    next_us: Cells  # instant of the next event, expiry or end of a rest, whichever comes first
    events_end: Ints
    zone: Ints = (0,)
    lots_at: Cells = (0,)  # type: ignore[assignment] # first place for a lot; the loop only reads it


class Lots(NamedTuple):
    """One row a lot; each tenant has its own range, in the order of purchase."""

    bought_at_us: Cells
    expires_at_us: Cells
    amount: Cells
    left: Cells
    origin: Cells


# Origins of lots, and kinds of events and of log entries; the numbers are stored nowhere.
OPENING: Final = 0
PURCHASE: Final = 1
RECHARGE: Final = 2
MONTH_BEGINS: Final = 3
EVALUATE: Final = 4
REPAID: Final = 5
EXPIRY: Final = 6
BALANCE_ZERO: Final = 7
RECHARGE_CAPPED: Final = 8
DRAW: Final = 9
POOL_USE: Final = 10
POOL_80: Final = 11
POOL_100: Final = 12


class Events(NamedTuple):
    """What is known to come, by tenant in order of time: PURCHASE, MONTH_BEGINS or EVALUATE."""

    at_us: Ints
    kind: Ints
    amount: Ints
    expires_at_us: Ints


class Year(NamedTuple):
    """Twelve months on, as pieces: from `from_us` on, an instant's twelve months are `add_us`.

    The pieces of zone z are [zone_at[z], zone_at[z + 1]); as it stands, all are of zone 0.
    """

    from_us: Ints
    add_us: Ints
    zone_at: Ints = (0, NO_LIMIT)


class Log(NamedTuple):
    """What happened beside the plain charge of a row. `used` has one cell: the entries in use."""

    used: Cells
    kind: Cells
    tenant: Cells
    row: Cells
    at_us: Cells
    item: Cells  # pool, or the lot's number within its tenant from 0
    amount: Cells  # micros or seconds
    balance: Cells


class Charges(NamedTuple):
    """One row a call: what the loop decided. Seconds, micros, indexes.

    `lot` counts the lots of the row's tenant from 0. The loop leaves alone what stays WITHOUT_VALUE or 0.
    """

    reason: Cells
    billed_s: Cells
    pool_s: Cells
    unrated_s: Cells
    amount: Cells
    credits: Cells
    post_usage: Cells
    overdraft: Cells
    balance: Cells
    recharge: Cells
    lot: Cells
    pool: Cells
    pool_left_s: Cells
    over_cap: Cells  # 1 where the call spent more than its caps left


WITHOUT_VALUE: Final = {"lot": NONE, "pool": NONE, "pool_left_s": NONE}
"""What stands in a column of `Charges` where a row has no value; in all others 0."""


class Month(NamedTuple):
    """What a run settles: calls, tenants together and ascending, each in settlement order; rules and state.

    Columns are int64 arrays; those of all groups but `calls` may as well be lists.
    """

    calls: Calls
    rates: Rates
    pools: Pools
    caps: Caps
    wallets: Wallets
    lots: Lots
    events: Events
    year: Year
