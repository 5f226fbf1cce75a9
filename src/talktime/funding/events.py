"""What a gateway tells unasked: the same news as a worker's answer, often later, sometimes twice or never.

An event and the answer to a request end in one settlement; which of them comes first does not matter, and
the same news again changes nothing (recharge.md, the webhook and the reply both credit).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from talktime.funding.by_hand import RefundedOutside
from talktime.funding.commands import Report
from talktime.funding.gateway import (
    EventKind,
    PaymentResult,
    PaymentStatus,
    RefundResult,
    RefundStatus,
)
from talktime.funding.payments import State, is_refund_id
from talktime.funding.refunds import Dispute, Turn
from talktime.funding.taxes import minor_unit_micros
from talktime.ledger.records import Payment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from talktime.funding.gateway import Gateway, GatewayEvent
    from talktime.ledger.engine import Command, Engine

_PAYMENTS: Final[Mapping[EventKind, PaymentStatus]] = {
    EventKind.PAYMENT_SUCCEEDED: PaymentStatus.SUCCEEDED,
    EventKind.PAYMENT_FAILED: PaymentStatus.DECLINED,
    EventKind.PAYMENT_ACTION: PaymentStatus.REQUIRES_ACTION,
}
_REFUNDS: Final[Mapping[EventKind, RefundStatus]] = {
    EventKind.REFUND_SUCCEEDED: RefundStatus.SUCCEEDED,
    EventKind.REFUND_FAILED: RefundStatus.DECLINED,
}
_DISPUTES: Final[Mapping[EventKind, Turn]] = {
    EventKind.DISPUTE_OPENED: Turn.OPEN,
    EventKind.DISPUTE_WON: Turn.WON,
    EventKind.DISPUTE_LOST: Turn.LOST,
}

log = logging.getLogger(__name__)


async def take_event(engine: Engine, gateway: Gateway, event: GatewayEvent) -> object:
    """Brings an event into the ledger; what the ledger then says, None where it is about nothing of ours."""
    event = await gateway.fill(event)
    if not event.tenant or not event.payment:
        log.warning("%s tells %s of %s, which is no payment of ours", gateway.name, event.kind, event.id)
        return None
    command = _command(event)
    answer = await engine.submit(command)
    if isinstance(answer, Payment):
        if event.kind is EventKind.PAYMENT_FAILED:
            return await _failed_after_all(engine, gateway, event, answer)
        if event.kind is EventKind.PAYMENT_SUCCEEDED and answer.gateway_payment != event.gateway_payment:
            # After a failure: which of the two is older only the gateway knows.
            return await _asked(engine, gateway, event) or answer
    elif isinstance(command, Dispute | RefundedOutside) and await _asked(engine, gateway, event):
        # It came before the news of its payment.
        return await engine.submit(command)
    return answer


async def _asked(engine: Engine, gateway: Gateway, event: GatewayEvent) -> object:
    """Asks how the payment of an event stands and brings it into the ledger; None: it was not taken."""
    answer: object = None
    for result in await gateway.find(event.tenant, event.payment):
        if result.status is PaymentStatus.SUCCEEDED and result.gateway_payment == event.gateway_payment:
            answer = await engine.submit(Report(event.tenant, event.payment, result, is_certain=True))
    return answer


def _command(event: GatewayEvent) -> Command:
    if event.kind in _PAYMENTS:
        result = PaymentResult(
            status=_PAYMENTS[event.kind],
            gateway_payment=event.gateway_payment,
            amount_minor=event.amount_minor,
            currency=event.currency,
            code=event.code,
            action_url=event.action_url,
            method=event.method,
            try_number=event.try_number,
        )
        return Report(event.tenant, event.payment, result)
    amount = event.amount_minor * minor_unit_micros(event.currency)
    if event.kind in _REFUNDS:
        refund = RefundResult(_REFUNDS[event.kind], event.gateway_refund, event.code)
        if is_refund_id(event.payment):
            return Report(event.tenant, event.payment, refund)
        # One that we did not ask for carries the id of what it refunds.
        return RefundedOutside(event.tenant, event.payment, refund, amount, event.gateway_payment)
    return Dispute(event.tenant, event.payment, _DISPUTES[event.kind], amount, event.gateway_payment)


async def _failed_after_all(
    engine: Engine, gateway: Gateway, event: GatewayEvent, payment: Payment
) -> object:
    """A failure that is told of a payment which was settled: old news, or the bank took the money back.

    Events come out of order, so the gateway is asked how it stands; only then money is taken out of the lot.
    """
    if payment.state != State.SETTLED or payment.gateway_payment != event.gateway_payment:
        return payment
    found = await gateway.find(event.tenant, event.payment)
    for result in found:
        if result.gateway_payment == event.gateway_payment and result.status is PaymentStatus.DECLINED:
            amount = event.amount_minor * minor_unit_micros(event.currency)
            lost = Dispute(event.tenant, event.payment, Turn.LOST, amount, event.gateway_payment)
            return await engine.submit(lost)
    return payment
