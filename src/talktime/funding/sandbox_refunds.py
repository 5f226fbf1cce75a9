"""Money that the sandbox gives back, and the sum of what it holds for us.

A refund takes at most what is left of its payment. With some cards it fails later, or is decided later.
"""

import secrets

from talktime.funding.gateway import (
    EventKind,
    GatewayEvent,
    GatewayRefused,
    PaymentStatus,
    RefundOrder,
    RefundResult,
    RefundStatus,
)
from talktime.funding.sandbox_bank import Counter, payment_row, refunded_minor
from talktime.funding.sandbox_cards import load_cards
from talktime.funding.sandbox_messages import new_event_id, put_message

_FAILED_CODE = "expired_or_canceled_card"


def give_back(at: Counter, order: RefundOrder) -> RefundResult:
    """Refund a part or all of what is left. Raises GatewayRefused: the order itself is wrong."""
    paid = payment_row(at, order.gateway_payment)
    if paid["tenant"] != order.tenant or paid["currency"] != order.currency:
        raise GatewayRefused("no_such_payment", "The payment is of another customer or in another currency.")
    if order.amount_minor <= 0 or paid["status"] != PaymentStatus.SUCCEEDED:
        raise GatewayRefused("not_refundable", "Only money that was taken can go back, and more than 0.")
    if paid["dispute"] in {"opened", "lost"}:
        return RefundResult(RefundStatus.DECLINED, "", "charge_disputed")
    if order.amount_minor > paid["amount_minor"] - refunded_minor(at, order.gateway_payment):
        return RefundResult(RefundStatus.DECLINED, "", "refund_too_large")
    course = load_cards()[paid["card"]].refund
    gateway_refund = _book(at, order, failed=course == "fails_later")
    status = RefundStatus.PROCESSING if course == "takes_time" else RefundStatus.SUCCEEDED
    return RefundResult(status, gateway_refund)


def _book(at: Counter, order: RefundOrder, failed: bool) -> str:
    """Write how the refund ends, and tell. The answer to the request may still say less."""
    gateway_refund = f"sbx_refund_{secrets.token_hex(12)}"
    status, code = (RefundStatus.DECLINED, _FAILED_CODE) if failed else (RefundStatus.SUCCEEDED, "")
    at.link.execute(
        "insert into refunds (gateway_refund, gateway_payment, tenant, payment, at_us, amount_minor,"
        " currency, status, code) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(gateway_refund, order.gateway_payment, order.tenant, order.payment, at.now_us),
            *(order.amount_minor, order.currency, status, code),
        ),
    )
    event = GatewayEvent(
        id=new_event_id(),
        kind=EventKind.REFUND_FAILED if failed else EventKind.REFUND_SUCCEEDED,
        tenant=order.tenant,
        payment=order.payment,
        try_number=0,
        gateway_payment=order.gateway_payment,
        amount_minor=order.amount_minor,
        currency=order.currency,
        code=code,
        gateway_refund=gateway_refund,
    )
    put_message(at.link, event, at.now_us)
    return gateway_refund


def refunds_of(at: Counter, order: RefundOrder) -> list[RefundResult]:
    """The refunds of a payment that carry our refund's id, oldest first."""
    rows = at.link.execute(
        "select * from refunds where gateway_payment = ? and tenant = ? and payment = ? order by number",
        (order.gateway_payment, order.tenant, order.payment),
    )
    return [RefundResult(RefundStatus(row["status"]), row["gateway_refund"], row["code"]) for row in rows]


def taken_minor(at: Counter, tenant: str) -> dict[str, int]:
    """Money taken from a tenant less what went back, by currency; open and lost disputes have gone back."""
    taken: dict[str, int] = {}
    rows = at.link.execute(
        "select gateway_payment, currency, amount_minor, dispute, disputed_minor from payments"
        " where tenant = ? and status = 'succeeded'",
        (tenant,),
    ).fetchall()
    for row in rows:
        back = refunded_minor(at, row["gateway_payment"])
        back += row["disputed_minor"] if row["dispute"] in {"opened", "lost"} else 0
        taken[row["currency"]] = taken.get(row["currency"], 0) + row["amount_minor"] - back
    return taken
