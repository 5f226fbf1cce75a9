"""Stripe's objects read into the values of our port: payments, refunds, cards and events.

Only what we use is read, by name; whatever else an object says is left alone, so a newer version of the API
does not break us. Our payment's tenant, id and try stand in the metadata of Stripe's.
"""

from typing import Any, Final

import msgspec

from talktime.catalog.declines import DeclineKind, decline_kind
from talktime.catalog.stripe_amounts import load_stripe_amounts
from talktime.funding.gateway import (
    CANCELLED,
    EventKind,
    GatewayEvent,
    MethodFacts,
    PaymentResult,
    PaymentStatus,
    RefundResult,
    RefundStatus,
)

ACTION_CODE: Final = "authentication_required"
GIVEN_UP: Final = "abandoned"
"""Why we cancel: nobody confirmed. Whoever cancels at Stripe by hand may have another reason."""

_NO_MORE: Final = "do_not_try_again"

EVENTS: Final = (
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.requires_action",
    "payment_intent.canceled",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.closed",
)
"""What the webhook endpoint at Stripe has to be subscribed to."""


class _Card(msgspec.Struct):
    brand: str = ""
    last4: str = ""
    exp_month: int = 0
    exp_year: int = 0
    fingerprint: str | None = ""


class _Method(msgspec.Struct):
    id: str
    card: _Card | None = None


class _Error(msgspec.Struct):
    code: str | None = None
    decline_code: str | None = None
    advice_code: str | None = None
    payment_method: _Method | None = None


class _Redirect(msgspec.Struct):
    url: str | None = None


class _NextAction(msgspec.Struct):
    redirect_to_url: _Redirect | None = None


class Intent(msgspec.Struct):
    """A PaymentIntent, as far as we read it."""

    id: str
    amount: int
    currency: str
    status: str
    metadata: dict[str, str] = {}
    last_payment_error: _Error | None = None
    cancellation_reason: str | None = None
    next_action: _NextAction | None = None
    payment_method: _Method | str | None = None

    def is_of(self, tenant: str, payment: str) -> bool:
        """Whether it is a try of this payment of ours."""
        return self.metadata.get("tenant") == tenant and self.metadata.get("payment") == payment

    @property
    def try_number(self) -> int:
        """The number of our try; 0: none of ours."""
        text = self.metadata.get("try", "")
        return int(text) if text.isascii() and text.isdigit() else 0

    @property
    def wants_its_holder(self) -> bool:
        """Declined off-session because the card's holder has to confirm; no link has been made yet."""
        return self.status == "requires_payment_method" and _code(self.last_payment_error) == ACTION_CODE


class Refund(msgspec.Struct):
    """A Refund, as far as we read it."""

    id: str
    amount: int
    currency: str
    status: str | None
    metadata: dict[str, str] | None = None
    payment_intent: str | None = None
    failure_reason: str | None = None


class _Dispute(msgspec.Struct):
    id: str
    amount: int
    currency: str
    status: str
    payment_intent: str | None = None
    reason: str = ""


def read_intent(intent: Any) -> Intent:
    """The SDK's PaymentIntent -> Intent."""
    return msgspec.convert(intent.to_dict(), Intent)


def read_refund(refund: Any) -> Refund:
    """The SDK's Refund -> Refund."""
    return msgspec.convert(refund.to_dict(), Refund)


def read_method(method: Any) -> MethodFacts:
    """The SDK's PaymentMethod -> MethodFacts."""
    facts = _facts(msgspec.convert(method.to_dict(), _Method))
    return facts if facts is not None else MethodFacts(method.id, method.type, "", "", "")


def _facts(method: _Method | str | None) -> MethodFacts | None:
    if not isinstance(method, _Method) or method.card is None:
        return None
    card = method.card
    expires = f"{card.exp_year:04}-{card.exp_month:02}"
    return MethodFacts(method.id, card.brand, card.last4, expires, card.fingerprint or "")


def _code(error: _Error | None) -> str:
    """The decline code; where the bank adds "never again" to a code that says less, that."""
    if error is None:
        return ""
    code = error.decline_code or error.code or ""
    if error.advice_code == _NO_MORE and decline_kind(code) == DeclineKind.RETRY:
        return _NO_MORE
    return code


def decline_of(error: Any) -> str:
    """The decline code of the SDK's CardError."""
    body = error.error.to_dict() if error.error is not None else {}
    return _code(msgspec.convert(body, _Error)) or "generic_decline"


def result_of(intent: Intent) -> PaymentResult:
    """One try as it stands."""
    currency = intent.currency.upper()
    status, code = _status(intent)
    error = intent.last_payment_error
    return PaymentResult(
        status=status,
        gateway_payment=intent.id,
        amount_minor=load_stripe_amounts().from_stripe(intent.amount, currency),
        currency=currency,
        code=code,
        action_url=_action_url(intent) if status == PaymentStatus.REQUIRES_ACTION else "",
        method=_facts(intent.payment_method) or _facts(error.payment_method if error else None),
        try_number=intent.try_number,
    )


def _status(intent: Intent) -> tuple[PaymentStatus, str]:
    if intent.status == "succeeded":
        return PaymentStatus.SUCCEEDED, ""
    if intent.status == "requires_action" or intent.wants_its_holder:
        return PaymentStatus.REQUIRES_ACTION, ACTION_CODE
    if intent.status == "canceled":
        return PaymentStatus.DECLINED, CANCELLED if intent.cancellation_reason == GIVEN_UP else "canceled"
    if intent.status in {"requires_payment_method", "requires_confirmation"}:
        return PaymentStatus.DECLINED, _code(intent.last_payment_error) or "processing_error"
    return PaymentStatus.PROCESSING, ""


def _action_url(intent: Intent) -> str:
    redirect = intent.next_action.redirect_to_url if intent.next_action is not None else None
    return (redirect.url if redirect is not None else "") or ""


_REFUNDS: Final = {
    "succeeded": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.DECLINED,
    "canceled": RefundStatus.DECLINED,
}


def refund_of(refund: Refund) -> RefundResult:
    """A refund as it stands."""
    status = _REFUNDS.get(refund.status or "", RefundStatus.PROCESSING)
    code = (refund.failure_reason or "refund_failed") if status == RefundStatus.DECLINED else ""
    return RefundResult(status, refund.id, code)


def event_of(event: Any) -> GatewayEvent | None:
    """The SDK's Event -> ours; None for one of no interest."""
    thing = event.data.object.to_dict()
    if event.type not in EVENTS:
        return None
    if event.type.startswith("payment_intent."):
        return _payment_event(event.id, event.type, msgspec.convert(thing, Intent))
    if event.type.startswith("refund."):
        return _refund_event(msgspec.convert(thing, Refund))
    return _dispute_event(event.type, msgspec.convert(thing, _Dispute))


_PAYMENTS: Final = {
    "payment_intent.succeeded": EventKind.PAYMENT_SUCCEEDED,
    "payment_intent.payment_failed": EventKind.PAYMENT_FAILED,
    "payment_intent.canceled": EventKind.PAYMENT_FAILED,
    "payment_intent.requires_action": EventKind.PAYMENT_ACTION,
}


def _payment_event(event: str, kind: str, intent: Intent) -> GatewayEvent | None:
    """Another program's payments are none of ours.

    Nor is a try that failed for want of its holder: the same payment goes on on-session, with a link.
    """
    if "payment" not in intent.metadata or intent.wants_its_holder:
        return None
    result = result_of(intent)
    return GatewayEvent(
        id=event,
        kind=_PAYMENTS[kind],
        tenant=intent.metadata.get("tenant", ""),
        payment=intent.metadata["payment"],
        try_number=intent.try_number,
        gateway_payment=intent.id,
        amount_minor=result.amount_minor,
        currency=result.currency,
        code=result.code,
        action_url=result.action_url,
        method=result.method,
    )


def _refund_event(refund: Refund) -> GatewayEvent | None:
    """Several of Stripe's events say the same of a refund; ours have one id, of refund and outcome."""
    result, currency, metadata = refund_of(refund), refund.currency.upper(), refund.metadata or {}
    if result.status == RefundStatus.PROCESSING:
        return None
    failed = result.status == RefundStatus.DECLINED
    return GatewayEvent(
        id=f"{refund.id}-{result.status}",
        kind=EventKind.REFUND_FAILED if failed else EventKind.REFUND_SUCCEEDED,
        tenant=metadata.get("tenant", ""),
        payment=metadata.get("payment", ""),
        try_number=0,
        gateway_payment=refund.payment_intent or "",
        amount_minor=load_stripe_amounts().from_stripe(refund.amount, currency),
        currency=currency,
        code=result.code,
        gateway_refund=refund.id,
    )


def _dispute_event(type_: str, dispute: _Dispute) -> GatewayEvent | None:
    """An inquiry (its states begin with "warning") moves no money; the dispute that it may become does."""
    if dispute.status.startswith("warning"):
        return None
    kind = EventKind.DISPUTE_OPENED
    if type_ == "charge.dispute.closed":
        if dispute.status not in {"won", "lost"}:
            return None
        kind = EventKind.DISPUTE_WON if dispute.status == "won" else EventKind.DISPUTE_LOST
    currency = dispute.currency.upper()
    return GatewayEvent(
        id=f"{dispute.id}-{kind}",
        kind=kind,
        tenant="",
        payment="",
        try_number=0,
        gateway_payment=dispute.payment_intent or "",
        amount_minor=load_stripe_amounts().from_stripe(dispute.amount, currency),
        currency=currency,
        code=dispute.reason,
        gateway_dispute=dispute.id,
    )
