"""What the ledger keeps: lots, counters, sessions, entries, charges, notices, as plain records.

Rows of these go to the stores as they are; a session's body is JSON without field names. Money in micros,
pool time in seconds, instants in microseconds (design.md, The ledger).
"""

from enum import IntEnum
from typing import Final, NamedTuple

import msgspec

NO_LOT: Final = 0
NO_CHARGE: Final = 0

# Accounts of a tenant. Each entry moves an amount from `debit` to `credit`.
CREDITS: Final = "credits"
USAGE: Final = "usage"
POST_USAGE: Final = "post_usage"
OVERDRAFT: Final = "overdraft"
FORFEITED: Final = "forfeited"
ADJUSTMENTS: Final = "adjustments"
FROZEN: Final = "frozen"
RECEIVABLE: Final = "receivable"
REFUNDS: Final = "refunds"
TAX: Final = "tax"
FUNDING: Final = "funding:"

ACCOUNTS: Final = (
    *(CREDITS, USAGE, POST_USAGE, OVERDRAFT, FORFEITED, ADJUSTMENTS),
    *(FROZEN, RECEIVABLE, REFUNDS, TAX),
)
"""All of them but those of gateways, which begin with FUNDING."""

# Kinds of entries.
FUNDED: Final = "funded"
REPAID: Final = "repaid"
CHARGED: Final = "charged"
EXPIRED: Final = "expired"
ADJUSTED: Final = "adjusted"
CORRECTED: Final = "corrected"
REFUNDED: Final = "refunded"
DISPUTED: Final = "disputed"
RELEASED: Final = "released"
TAXED: Final = "taxed"

# Flags of a wallet, as bits.
EMPTIED_BY_EXPIRY: Final = 1
ZERO_TOLD: Final = 2


class State(IntEnum):
    """A session's state; the numbers are stored. DENIED is the memory of a refused start, no session.

    IMPORTED stands for a call of a rated file, which has no session; it is never stored.
    """

    DENIED = 0
    OPEN = 1
    ENDED = 2
    CANCELLED = 3
    LOST = 4
    IMPORTED = 5


class Op(IntEnum):
    """The operations of a call; the numbers are stored. REPORT and FINISH count from the last report."""

    START = 0
    EXTEND = 1
    END = 2
    CANCEL = 3
    REPORT = 4
    FINISH = 5
    DEBIT = 6
    REFUND = 7


class Lot(msgspec.Struct, array_like=True, gc=False):
    """A lot that holds money: what is left of it, and how much of that open calls have reserved."""

    lot: int
    expires_us: int
    left: int
    held: int


class Counter(msgspec.Struct, array_like=True, gc=False):
    """What was used and is reserved of a pool (seconds) or a cap (micros) in one period."""

    used: int
    reserved: int


class Given(msgspec.Struct, array_like=True):
    """An answer that was given: a grant as numbers, or the text of the answer.

    `digest` tells a repeat from the same sequence with another body (domain.md 7).
    """

    op: int
    sequence: int
    digest: int
    grant: tuple[int, ...]
    text: str


class Standing(msgspec.Struct, array_like=True, gc=False):
    """How a tenant's money was last seen to stand: what has been told, tried and numbered.

    `mode` is a `core.modes.Mode`, -1 for nobody knows yet. `attempt`: the payment of an unresolved recharge,
    that will bring `attempt_micros`, with a card of fingerprint `attempt_card`, tried next at
    `attempt_due_us`. `suspended`: why the rule is paused, "" while it is armed, since
    `suspended_us`, by a card with `suspended_card`. `reason`: why the last evaluation did not pay.
    `recharged` micros in `month`; `paid_us`: instants of the recharges of the last 24 h. `wake_us`: when the
    rule has to be looked at again, 0 for never. `told`: keys of what is told once, with the instant.
    `numbers`: the last number of each series of papers. `failures`: declines in a row of recharges by a card
    of fingerprint `failed_card`, which is not tried before `not_before_us`; a new attempt goes on there.
    """

    mode: int = -1
    attempt: str = ""
    attempt_micros: int = 0
    suspended: str = ""
    suspended_us: int = 0
    suspended_card: str = ""
    reason: str = ""
    month: int = 0
    recharged: int = 0
    paid_us: list[int] = msgspec.field(default_factory=list)
    cool_until_us: int = 0
    wake_us: int = 0
    told: dict[str, int] = msgspec.field(default_factory=dict)
    numbers: dict[str, int] = msgspec.field(default_factory=dict)
    attempt_card: str = ""
    attempt_due_us: int = 0
    failures: int = 0
    failed_card: str = ""
    not_before_us: int = 0


class Cap(msgspec.Struct, array_like=True, gc=False):
    """A counter of money that a call moves, and its limit when the call started."""

    counter: str
    period: int
    limit: int


class Facts(msgspec.Struct, array_like=True):
    """What was decided about a call at its start and never changes.

    `rate`: first_s, step_s, model, first price, price (nanos a minute), fee (micros), rounding, decimals;
    `rated`, `licensed`, `paid` are 0 or 1: a row of a deck fits, money may be spent, somebody pays at all.
    `asked`: what else a deck was asked by beside category and number: number type, direction, origin country.
    """

    call_type: str
    user: str
    service: str
    caller: str
    callee: str
    category: str
    why: str
    deck: str
    prefix: str
    rate: tuple[int, ...]
    rated: int
    licensed: int
    paid: int
    pools: tuple[str, ...]
    period: int
    caps: tuple[Cap, ...]
    open_counters: tuple[str, ...]
    max_call_s: int
    arrived_us: int
    base_us: int
    flags: tuple[str, ...]
    asked: tuple[str, ...] = ()

    @property
    def payable(self) -> int:
        """1 where money may pay for what no pool covers."""
        return self.rated & self.licensed


class Spent(msgspec.Struct, array_like=True, gc=False):
    """What a call that fell silent was charged, so that a late end can correct it.

    `charge`, `entry`: the numbers of the charge and of its first entry; [(pool, seconds)];
    [(lot, micros, instant at which it expires)]; micros of the rest.
    """

    charge: int
    entry: int
    billed_s: int
    pools: list[tuple[str, int]]
    draws: list[tuple[int, int, int]]
    amount: int
    post_usage: int
    overdraft: int


class Session(msgspec.Struct, array_like=True):
    """A call in progress, or one that was: its facts, what it reserves, the answers it was given.

    `lots` [(lot, micros)] and `pools` [(counter, seconds)] are its reservation, `price` what each of its caps
    holds for it; `spent` is set where the call fell silent.
    """

    facts: Facts
    used_s: int
    authorised_s: int
    reported: int
    last_sequence: int
    price: int
    lots: list[tuple[int, int]]
    pools: list[tuple[str, int]]
    given: list[Given]
    spent: Spent | None = None


class SessionRow(msgspec.Struct):
    """A session with its columns. `body` is None where only the columns are left (rulings.md 35).

    `row` is its place in the store, 0 for a new one.
    """

    call_id: str
    state: int
    due_us: int
    charge: int
    body: Session | None
    row: int = 0

    @property
    def is_void(self) -> bool:
        """Whether nothing is worth keeping: the memory of a denied start that has been let go of."""
        return self.state == State.DENIED and self.body is None


class Entry(NamedTuple):
    """A line of the journal: `amount` micros from one account of the tenant to another."""

    number: int
    at_us: int
    kind: str
    debit: str
    credit: str
    amount: int
    lot: int
    charge: int
    corrects: int
    hash: bytes


class Charge(NamedTuple):
    """What a call cost and who paid. `body` is the JSON of a `ChargeBody`."""

    number: int
    call_id: str
    at_us: int
    start_us: int
    user_name: str
    category: str
    billed_s: int
    pool_s: int
    paid_s: int
    amount: int
    credits: int
    post_usage: int
    overdraft: int
    corrects: int
    body: str


class Origin(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Where a charge that was imported comes from: the row's identity, and the run that rated it."""

    identity: str
    source: str


class ChargeBody(msgspec.Struct, array_like=True):
    """The split of a charge and its reasons: [(lot, micros)], [(pool, seconds)], its first entry.

    `entry` of a correction that moved no money is that of the charge it corrects; 0 where none moved any.
    `charged_s`: the seconds that were charged, of `duration_s` those that the grant covers within the slack.
    """

    facts: Facts
    duration_s: int
    lots: list[tuple[int, int]]
    pools: list[tuple[str, int]]
    entry: int
    balance: int
    flags: tuple[str, ...]
    answered_us: int
    ended_us: int
    origin: Origin | None = None
    charged_s: int = 0


class ImportedRow(NamedTuple):
    """A row of a rated file that was booked: its identity, its call id, its newest charge (rulings.md 1)."""

    identity: str
    call_id: str
    charge: int


class NewLot(NamedTuple):
    """The facts of a purchase or of credits given; never changed.

    Of credits taken back by a reference too: `lot` is then the number of the first entry, below 0.
    """

    lot: int
    bought_us: int
    expires_us: int
    amount: int
    origin: str
    reference: str


class Notice(NamedTuple):
    """A row of the outbox: what happened, for those who are told (written with what it tells)."""

    at_us: int
    kind: str
    body: str


class Payment(NamedTuple):
    """Money that is to come from a gateway, or a refund that goes back there: a row of `payments`.

    `amount` is what its lot gets, in micros; `due_us` is when a worker looks at it, NEVER_US for nobody has
    to. `body` is the JSON of a `funding.payments.PaymentBody`.
    """

    payment: str
    kind: str
    state: str
    at_us: int
    due_us: int
    amount: int
    gateway: str
    gateway_payment: str
    body: str


class Paper(NamedTuple):
    """A paper of a tenant (receipt, invoice, ticket, webhook...): a JSON document, "" to remove it."""

    kind: str
    key: str
    at_us: int
    document: str


class Document(NamedTuple):
    """A changed document of a tenant: table, key ("" for the tenant's own) and JSON, "" to remove it.

    In `deck_bindings` the key is `CURRENCY/valid from in us` and the text the version of the deck.
    """

    table: str
    key: str
    text: str


class Change(NamedTuple):
    """A line of the audit log."""

    at_us: int
    who: str
    what: str
    before: str
    after: str
