"""A payment: money that is to come from a gateway for a lot of credits, or a refund that goes back there.

It is written with what saw the need for it, sent by a worker outside of any transaction, and settled once,
whoever learns first how it ended (design.md, Money outside; recharge.md 2, 5, 6). Amounts in micros.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from talktime.core.limits import NEVER_US
from talktime.funding.receipt import Billed
from talktime.funding.taxes import Seller, TaxLine
from talktime.ledger.records import Payment

MINUTE_US: Final = 60_000_000
HOUR_US: Final = 60 * MINUTE_US
DAY_US: Final = 24 * HOUR_US

LEASE_US: Final = MINUTE_US
"""For so long a payment that was taken up belongs to a worker; then nobody knows what became of it."""

LADDER_US: Final = (15 * MINUTE_US, HOUR_US, 6 * HOUR_US, DAY_US)
"""When a recharge that was declined is tried again; after the last the rule is paused (recharge.md 6)."""

ASKED_US: Final = (MINUTE_US, 5 * MINUTE_US, HOUR_US, DAY_US)
"""When the gateway is asked again what became of a payment; the last is repeated (recharge.md 5)."""

HOLDER_ASKED_US: Final = ASKED_US[:3]
"""When the gateway is asked whether the holder of a card has confirmed a payment; the last is repeated."""

RESENT_FOR_US: Final = 20 * HOUR_US
"""For so long the same try may be sent again by its key; gateways forget keys after 24 h (rulings.md 27)."""

ALARM_US: Final = 4 * HOUR_US
"""A payment of which nobody knows for so long is told to a person (recharge.md 5)."""

ACTION_US: Final = DAY_US
"""So long the holder of a card has to prove who he is."""


class Kind(StrEnum):
    """What a payment is for."""

    PURCHASE = "purchase"
    RECHARGE = "recharge"
    ON_BEHALF = "on_behalf"
    REFUND = "refund"


class State(StrEnum):
    """Where a payment stands. `suspended` is a state of the rule, not of a payment (rulings.md 27)."""

    CREATED = "created"
    SUBMITTED = "submitted"
    REQUIRES_ACTION = "requires_action"
    UNKNOWN = "unknown"
    SETTLED = "settled"
    DECLINED = "declined"
    CANCELLED = "cancelled"


OUTSIDE: Final = frozenset({State.SUBMITTED, State.REQUIRES_ACTION, State.UNKNOWN})
"""A try is out of which nobody can say yet how it ends."""

MOVES: Final[Mapping[State, frozenset[State]]] = {
    State.CREATED: frozenset(set(State) - {State.CREATED}),
    State.SUBMITTED: frozenset(set(State) - {State.SUBMITTED}),
    State.REQUIRES_ACTION: frozenset(set(State) - {State.SUBMITTED}),
    State.UNKNOWN: frozenset(set(State) - {State.SUBMITTED}),
    # A gateway may take money after we gave up: what is taken is credited.
    State.DECLINED: frozenset({State.SETTLED}),
    State.CANCELLED: frozenset({State.SETTLED}),
    State.SETTLED: frozenset(),
}
"""All moves of a payment. CREATED again is a declined recharge that waits for its next try."""


class PaymentBody(msgspec.Struct, omit_defaults=True):
    """What is known of a payment beside its columns; instants in us.

    `digest` tells a repeat from the same key with another request. `card` is the fingerprint of the method
    that was asked. `gross` is what the gateway takes: the lot and `taxes`. `tries` were sent, the last at
    `sent_us`; `failures` of them were declined with `code`. `asks`: how often the gateway was asked what
    became of it. Of a settled payment: `receipt`, `lot` and when it expires; `returned` went back,
    `returning` is on its way; of a dispute (`open`, `won`, `lost`) `disputed`, of it `frozen`, and `owed`
    where the lot had less. `returned_tax`, `returning_tax` and `disputed_tax`: of each line of `taxes` the
    part that goes with them.
    Of a refund: the payment it is `of`, its `reason`, its id at the gateway. `failed`: ids at the gateway of
    tries that were declined. `log`: what happened, when.
    """

    who: str = ""
    digest: str = ""
    method: str = ""
    method_text: str = ""
    token: str = ""
    card: str = ""
    present: bool = False
    gross: int = 0
    taxes: tuple[TaxLine, ...] = ()
    seller: Seller = Seller()
    billed: Billed = Billed("")
    tries: int = 0
    failures: int = 0
    sent_us: int = 0
    asks: int = 0
    alarmed: bool = False
    code: str = ""
    url: str = ""
    receipt: str = ""
    lot: int = 0
    expires_us: int = 0
    settled_us: int = 0
    returned: int = 0
    returning: int = 0
    dispute: str = ""
    disputed: int = 0
    frozen: int = 0
    owed: int = 0
    returned_tax: tuple[int, ...] = ()
    returning_tax: tuple[int, ...] = ()
    disputed_tax: tuple[int, ...] = ()
    of: str = ""
    reason: str = ""
    gateway_refund: str = ""
    failed: list[str] = msgspec.field(default_factory=list)
    log: list[tuple[int, str]] = msgspec.field(default_factory=list)


_encode: Final = msgspec.json.Encoder().encode
_body: Final = msgspec.json.Decoder(PaymentBody)


def body_of(payment: Payment) -> PaymentBody:
    """What a stored payment says."""
    return _body.decode(payment.body)


def with_body(payment: Payment, body: PaymentBody) -> Payment:
    """The payment as it is stored with this body."""
    return payment._replace(body=_encode(body).decode())


def moved(payment: Payment, body: PaymentBody, state: State, due_us: int = NEVER_US) -> Payment:
    """The payment in another state. A move that the table does not have is a defect."""
    before = State(payment.state)
    assert state is before or state in MOVES[before], f"a payment cannot go from {before} to {state}"
    return with_body(payment._replace(state=state.value, due_us=due_us), body)


def payment_id(tenant: str, number: int) -> str:
    """`P-<tenant>-000001`: unique in the installation, for gateways know no tenants."""
    return f"P-{tenant}-{number:06}"


def second_id(payment: str, gateway_payment: str) -> str:
    """What a gateway took beside the first for one payment of ours is a payment of its own; it names both."""
    return f"{payment}+{gateway_payment}"


REFUND: Final = "/refund/"
"""Between the id of a payment and the key of a refund of it: the refund's own id."""


def is_refund_id(payment: str) -> bool:
    """Whether this is the id of a refund that was asked for here."""
    return REFUND in payment


def is_unresolved(state: str) -> bool:
    """Whether nobody can say yet how it ends."""
    return state in (State.CREATED, State.SUBMITTED, State.REQUIRES_ACTION, State.UNKNOWN)
