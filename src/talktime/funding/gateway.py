"""The port to card payments: what is asked of a gateway, and everything that it may answer.

We know a payment by our own id and the number of its try, a gateway knows it by an id of its own; both
stand in every value here. A try is charged at most once, however often it is sent: its key says so.
Who cannot say whether money was taken raises `GatewayUnclear`; nobody pays again before somebody knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import msgspec

CANCELLED: Final = "cancelled"
"""The decline code of a try that was given up by `Gateway.cancel`."""


class PaymentStatus(StrEnum):
    """What became of one try. PROCESSING: the bank has not decided; an event or `find` tells later."""

    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"


class RefundStatus(StrEnum):
    """What became of a refund."""

    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    PROCESSING = "processing"


class EventKind(StrEnum):
    """What a gateway tells unasked. One may come late, twice, in another order or never."""

    PAYMENT_SUCCEEDED = "payment_succeeded"
    PAYMENT_FAILED = "payment_failed"
    PAYMENT_ACTION = "payment_action"
    REFUND_SUCCEEDED = "refund_succeeded"
    REFUND_FAILED = "refund_failed"
    DISPUTE_OPENED = "dispute_opened"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"


class MethodFacts(msgspec.Struct, frozen=True):
    """A card as people see it. `expires` is "2027-03"; one number has one fingerprint, whoever adds it."""

    token: str
    brand: str
    last4: str
    expires: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class PaymentOrder:
    """One try of a payment. `key` makes sending it again harmless: f"{payment}-{try_number}" (rulings.md 27).

    `amount_minor` counts the currency's smallest coin (ISO 4217). `off_session`: nobody sits before a screen.
    """

    tenant: str
    payment: str
    try_number: int
    key: str
    amount_minor: int
    currency: str
    method_token: str
    off_session: bool
    description: str = ""


class PaymentResult(msgspec.Struct, frozen=True):
    """What a gateway says of one try. `code` is a decline code (catalog/data/declines.toml) or "".

    `action_url` is where the card's holder proves who he is; with REQUIRES_ACTION it may be "" in answers of
    `find`: sending the same order again with the same key brings the link.
    """

    status: PaymentStatus
    gateway_payment: str
    amount_minor: int
    currency: str
    code: str = ""
    action_url: str = ""
    method: MethodFacts | None = None
    try_number: int = 0


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """Money to go back from one payment; `payment` is the id of our refund."""

    tenant: str
    payment: str
    key: str
    gateway_payment: str
    amount_minor: int
    currency: str


class RefundResult(msgspec.Struct, frozen=True):
    """What a gateway says of a refund. A refund may be accepted and fail days later: an event tells."""

    status: RefundStatus
    gateway_refund: str
    code: str = ""


class GatewayEvent(msgspec.Struct, frozen=True):
    """One thing that happened at the gateway. All copies of it have the same `id`.

    `tenant` and `payment` are "" where the gateway does not say whose it is (disputes, refunds made by hand
    at the gateway): `Gateway.fill` asks. `payment` is our refund's id in events of refunds. `amount_minor`
    is what was paid, refunded or disputed. Copies with other ids name the same refund or dispute.
    """

    id: str
    kind: EventKind
    tenant: str
    payment: str
    try_number: int
    gateway_payment: str
    amount_minor: int
    currency: str
    code: str = ""
    action_url: str = ""
    method: MethodFacts | None = None
    gateway_refund: str = ""
    gateway_dispute: str = ""


class GatewayError(Exception):
    """A gateway did not do what was asked; the subclass says what is known."""


class GatewayUnclear(GatewayError):  # noqa: N818 - a state of knowledge
    """Nobody can say whether money was taken: time-out, fault at the gateway, dead connection.

    Send the same order with the same key again, or ask `find`; never make another try meanwhile.
    """


class KeyReused(GatewayError):  # noqa: N818 - what happened
    """The key was used before with other parameters; nothing was done now."""


class GatewayRefused(GatewayError):  # noqa: N818 - what happened
    """The order itself is wrong (card, currency, amount): nothing was taken, sending it again is useless."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class MethodRefused(GatewayRefused):
    """A card that the gateway does not save; `code` is a decline code."""


class BadSignature(GatewayError):  # noqa: N818 - what is wrong
    """A message that says it comes from the gateway and does not, or is too old."""


class Gateway(Protocol):
    """A way to be paid by card. Any method but `read_event` may raise GatewayUnclear and GatewayRefused."""

    @property
    def name(self) -> str:
        """The word that stands in payments and in the account `funding:<name>`."""

    async def pay(self, order: PaymentOrder) -> PaymentResult:
        """Charge one try; the same key again gives the first answer again. Raises KeyReused."""

    async def find(self, tenant: str, payment: str) -> list[PaymentResult]:
        """Every try at the gateway that carries this payment's id, oldest first; fully consistent."""

    async def cancel(self, order: PaymentOrder) -> PaymentResult:
        """Gives a try up that waits for the card's holder, and says how it stands then.

        DECLINED with the code CANCELLED: nothing is taken for it any more. SUCCEEDED: it was too late.
        PROCESSING: the bank decides. One that was declined before stays as it is; twice is as good as once.
        """

    async def refund(self, order: RefundOrder) -> RefundResult:
        """Give money back; more than is left is DECLINED. Raises KeyReused."""

    async def find_refund(self, order: RefundOrder) -> list[RefundResult]:
        """Every refund of `order.gateway_payment` that carries the id `order.payment`, oldest first."""

    async def save_method(self, tenant: str, source: str) -> MethodFacts:
        """Keep a card for later payments. `source` is the gateway's own word for it. Raises MethodRefused."""

    def read_event(self, body: bytes, headers: Mapping[str, str]) -> GatewayEvent | None:
        """A message's event; None for one of no interest. Raises BadSignature. Asks nobody."""

    async def fill(self, event: GatewayEvent) -> GatewayEvent:
        """The event with tenant, payment and try, asked of the gateway if the message left them out.

        They stay "" where the payment is none of ours.
        """

    async def close(self) -> None:
        """Let go of connections and files."""
