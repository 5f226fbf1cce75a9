"""Buying credits by card or through a partner, paying them back; every payment with what happened to it."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import ConfigDict

from talktime.catalog.declines import load_declines
from talktime.core.money import format_money
from talktime.doors.http.management.answers_money import (
    FundedOnBehalf,
    PaymentAnswer,
    PaymentList,
)
from talktime.doors.http.management.house import CallerOf, House, InHouse, done, may, read, who
from talktime.doors.http.management.pages import NEWEST, PaymentPlace
from talktime.doors.http.management.shown_money import payment_line, payment_shown
from talktime.doors.http.management.texts import (
    Amount,
    Code,
    Cursor,
    IdempotencyKey,
    Limit,
    LongText,
    Strict,
    Text,
    next_of,
    place_of,
)
from talktime.doors.http.problems import PROBLEM_TYPE, Problem, ProblemError, refused
from talktime.funding.by_hand import ResolvePayment
from talktime.funding.payments import Kind, State, body_of
from talktime.funding.purchasing import PARTNER, Bought, Order
from talktime.ledger.commands import Refused

router = APIRouter(prefix="/v1/tenants/{tenant}", tags=["payments"])

Buys = Annotated[str, Depends(may("buy_credits"))]
FundsOnBehalf = Annotated[str, Depends(may("fund_on_behalf"))]
SeesReceipts = Annotated[str, Depends(may("see_receipts"))]
Refunds = Annotated[str, Depends(may("refund"))]
Records = Annotated[str, Depends(may("record_payment"))]

PaymentId = Annotated[
    str, Path(min_length=1, max_length=300, pattern=r"^[A-Za-z0-9_.+/-]+$", examples=["P-contoso-000001"])
]

NOT_PAID: Final[dict[int | str, dict[str, Any]]] = {
    402: {
        "description": "the bank declined; `detail` says why and what to do, the header Location where it is",
        "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}
_PAID: Final[dict[int | str, dict[str, Any]]] = {
    200: {"model": PaymentAnswer, "description": "the same key had asked for it before"},
    202: {"model": PaymentAnswer, "description": "not decided yet: `url` to confirm it, or look again later"},
}


class CreditsWanted(Strict):
    """Credits to buy with a card; without `method` the default one pays."""

    amount: Amount
    currency: Code
    method: Text = ""
    purchase_order: Text = ""

    model_config = ConfigDict(json_schema_extra={"examples": [{"amount": "200", "currency": "USD"}]})


class CreditsGiven(Strict):
    """Credits that a partner pays for its customer."""

    amount: Amount
    currency: Code

    model_config = ConfigDict(json_schema_extra={"examples": [{"amount": "200", "currency": "USD"}]})


class Resolution(Strict):
    """What a person found out about a payment of which nobody knows; with `gateway_payment` it was taken."""

    taken: bool
    reason: LongText
    gateway_payment: Text = ""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"taken": True, "reason": "seen at the gateway", "gateway_payment": "pi_0123456789abcdef"}
            ]
        }
    )


class RefundWanted(Strict):
    """Money to give back of a payment, up to what is left of its lot; the credit note says the reason."""

    amount: Amount
    reason: LongText

    model_config = ConfigDict(json_schema_extra={"examples": [{"amount": "20", "reason": "bought twice"}]})


@router.post("/purchases", status_code=201, responses=_PAID | NOT_PAID)
async def buy_credits(
    house: InHouse,
    principal: CallerOf,
    tenant: Buys,
    key: IdempotencyKey,
    body: CreditsWanted,
    response: Response,
) -> PaymentAnswer:
    """Buys credits by card: 201 paid, 202 when the holder has to confirm or nobody knows yet, 402 declined.

    200 where the same key had bought them before. 422 `not_eligible` names every rule that failed.
    """
    order = Order(
        tenant=tenant,
        amount=body.amount,
        currency=body.currency,
        key=key,
        who=who(principal),
        method=body.method,
        purchase_order=body.purchase_order,
    )
    outcome = await house.purchasing.buy(order)
    if isinstance(outcome, Refused) and outcome.code == "not_eligible":
        raise await not_eligible(house, tenant, outcome)
    return _paid(done(outcome), tenant, body.currency, response)


async def not_eligible(house: House, tenant: str, why: Refused) -> ProblemError:
    """The refusal with a sentence for each rule that failed."""
    answer = await house.purchasing.eligibility(tenant)
    failed = () if isinstance(answer, Refused) else answer.failed
    faults = tuple(f"{one.rule}: {one.why} {one.remedy}" for one in failed)
    return ProblemError(Problem(422, why.code, why.detail, faults=faults))


def _paid(bought: Bought, tenant: str, currency: str, response: Response) -> PaymentAnswer:
    """The answer to whoever asked for a payment or a refund, by how it stands."""
    payment = bought.payment
    place = f"/v1/tenants/{tenant}/payments/{payment.payment}"
    if payment.state in (State.DECLINED, State.CANCELLED):
        code = body_of(payment).code
        known = load_declines().of(code)
        detail = f"{known.means} {known.do}"
        raise ProblemError(Problem(402, "declined", detail, headers={"Location": place}))
    response.headers["Location"] = place
    if payment.state != State.SETTLED:
        response.status_code = 202
    elif bought.repeated:
        response.status_code = 200
    return payment_shown(payment, currency)


@router.post("/on-behalf", status_code=201, responses={200: {"model": FundedOnBehalf}})
async def fund_on_behalf(
    house: InHouse,
    principal: CallerOf,
    tenant: FundsOnBehalf,
    key: IdempotencyKey,
    body: CreditsGiven,
    response: Response,
) -> FundedOnBehalf:
    """A partner (CSP) funds its customer: a lot at once. 200 where the same key had opened it before."""
    order = Order(tenant, body.amount, body.currency, key, who(principal))
    known = await read(house.reader.lot_of, tenant, f"{PARTNER}:{key}")
    wallet = done(await house.purchasing.fund_on_behalf(order))
    response.status_code = 200 if known is not None else 201
    return FundedOnBehalf(
        lot=wallet.lot,
        amount=format_money(body.amount),
        currency=body.currency,
        balance=format_money(wallet.balance),
        available=format_money(wallet.available),
        repeated=known is not None,
    )


@router.get("/payments")
async def list_payments(
    house: InHouse,
    tenant: SeesReceipts,
    kind: Annotated[
        Literal["purchase", "recharge", "on_behalf", "refund"] | None, Query(description="only of this kind")
    ] = None,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> PaymentList:
    """Payments and refunds, newest first."""
    currency = (await house.settings(tenant)).currency
    place = place_of(cursor, PaymentPlace, NEWEST)
    kinds = () if kind is None else (Kind(kind),)
    found = await read(house.reader.payments, tenant, (place.at_us, place.payment), limit, kinds)
    return PaymentList(
        payments=[payment_line(payment, currency) for payment in found],
        next=next_of(PaymentPlace(found[-1].at_us, found[-1].payment)) if len(found) == limit else None,
    )


@router.post("/payments/{payment:path}/refunds", status_code=201, responses=_PAID | NOT_PAID)
async def refund(
    house: InHouse,
    principal: CallerOf,
    tenant: Refunds,
    payment: PaymentId,
    key: IdempotencyKey,
    body: RefundWanted,
    response: Response,
) -> PaymentAnswer:
    """Pays back what is left of a payment's lot, or a part: 201 paid back, 202 not decided yet."""
    currency = (await house.settings(tenant)).currency
    asked = Order(tenant, body.amount, currency, key, who(principal))
    outcome = await house.purchasing.refund(tenant, payment, asked, body.reason)
    return _paid(done(outcome), tenant, currency, response)


@router.post("/payments/{payment:path}/resolution")
async def resolve(
    house: InHouse, principal: CallerOf, tenant: Records, payment: PaymentId, body: Resolution
) -> PaymentAnswer:
    """Ends a payment of which nobody knows, by what somebody saw at the gateway: credited, or over.

    409 `not_unknown` for any other payment, `conflict` where the gateway's payment bought credits before.
    """
    currency = (await house.settings(tenant)).currency
    if body.gateway_payment and not body.taken:
        detail = "nothing was taken, so no payment of the gateway can be named"
        raise ProblemError(Problem(422, "not_taken", detail, "/gateway_payment"))
    told = ResolvePayment(tenant, payment, body.taken, who(principal), body.reason, body.gateway_payment)
    return payment_shown(done(await house.purchasing.resolve(told)), currency)


@router.get("/payments/{payment:path}")
async def get_payment(house: InHouse, tenant: SeesReceipts, payment: PaymentId) -> PaymentAnswer:
    """One payment with its log: what happened to it, oldest first."""
    currency = (await house.settings(tenant)).currency
    found = await read(house.reader.payment, tenant, payment)
    if found is None:
        raise refused("unknown_payment", f"there is no payment {payment!r}")
    return payment_shown(found, currency)
