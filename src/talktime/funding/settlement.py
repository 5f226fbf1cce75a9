"""How a payment ends, decided once for whoever learns of it first: the worker's answer, an event, a question.

All of it happens with the wallet locked, in one transaction with the lot, the receipt and the notice. What a
gateway has taken is credited, whatever we thought before; nothing is credited twice (recharge.md 5 to 7).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal

from talktime.accounts.calendar import twelve_months_on_us
from talktime.catalog.declines import DeclineKind, load_declines
from talktime.core.limits import NEVER_US
from talktime.core.money import format_money
from talktime.funding import recharge
from talktime.funding.gateway import PaymentResult, PaymentStatus
from talktime.funding.payments import (
    ACTION_US,
    ALARM_US,
    ASKED_US,
    HOLDER_ASKED_US,
    LADDER_US,
    OUTSIDE,
    Kind,
    PaymentBody,
    State,
    body_of,
    moved,
    second_id,
    with_body,
)
from talktime.funding.receipt import Receipt, paper_text
from talktime.funding.taxes import minor_unit_micros, tax_sum
from talktime.ledger.records import FUNDED, FUNDING, TAX, TAXED, Change, Paper

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.funding.receipt import Billed
    from talktime.funding.taxes import Seller
    from talktime.ledger.book import Book
    from talktime.ledger.commands import Fund, WriteReceipt
    from talktime.ledger.records import Payment

RECEIPT: Final = "receipt"

NOT_CONFIRMED: Final = "authentication_required"
"""The decline code of a payment that its holder did not confirm in time."""

GIVEN_UP: Final = "cancelled"
"""What a gateway says of a try that was cancelled there: nothing can be taken any more."""

OTHER_CARD: Final = "another card is at hand; nobody had confirmed this one"

_KINDS: Final[Mapping[Kind, Literal["purchase", "recharge", "on_behalf"]]] = {
    Kind.PURCHASE: "purchase",
    Kind.RECHARGE: "recharge",
    Kind.ON_BEHALF: "on_behalf",
}
_SUCCEEDED: Final = {
    Kind.PURCHASE: "purchase_succeeded",
    Kind.ON_BEHALF: "purchase_succeeded",
    Kind.RECHARGE: "recharge_succeeded",
}


def paper_number(book: Book, series: str, letter: str) -> str:
    """`R-<tenant>-000001`: the next number of a series of papers."""
    return f"{letter}-{book.tenant}-{book.next_paper_number(series):06}"


def reference_of(gateway: str, gateway_payment: str) -> str:
    """The reference of a lot that a gateway's payment bought: unique, so that it buys only one."""
    return f"{gateway}:{gateway_payment}"


def take_result(
    book: Book, tenant: Tenant, payment: Payment, result: PaymentResult, *, is_certain: bool = False
) -> Payment:
    """What one try came to. An older try than the last can only have succeeded; all else of it is past.

    So is all else of one that waits for its next try: the same decline twice counts once. `is_certain`: the
    gateway said so when it was asked; else a success that is told after a failure may be the older news.
    """
    body = body_of(payment)
    if result.status is PaymentStatus.SUCCEEDED:
        if result.gateway_payment in body.failed and not is_certain:
            return payment
        return settle(book, tenant, payment, result)
    if payment.state == State.SETTLED:
        return payment
    if result.status is PaymentStatus.DECLINED and result.gateway_payment not in body.failed:
        body.failed.append(result.gateway_payment)
        payment = with_body(payment, body)
        book.put_payment(payment)
    if payment.state not in OUTSIDE or 0 < result.try_number < body.tries:
        return payment
    if result.status is PaymentStatus.DECLINED:
        return _declined(book, tenant, payment, result.code)
    if result.status is PaymentStatus.REQUIRES_ACTION:
        return ask_for_action(book, payment, result)
    return wait(book, payment, "the bank has not decided yet")


def _declined(book: Book, tenant: Tenant, payment: Payment, code: str) -> Payment:
    """A try that we had cancelled was not confirmed: in time, or before there was another card."""
    if code != GIVEN_UP or not body_of(payment).url:
        return decline(book, tenant, payment, code)
    if is_for_another_card(tenant, payment):
        return cancel(book, payment, OTHER_CARD)
    return decline(book, tenant, payment, NOT_CONFIRMED)


def is_for_another_card(tenant: Tenant, payment: Payment) -> bool:
    """Whether a recharge was sent by a card that is not the rule's any more, and another one is."""
    card = recharge.card_of(tenant, may_buy=True)
    return payment.kind == Kind.RECHARGE and bool(card) and card != body_of(payment).card


def settle(book: Book, tenant: Tenant, payment: Payment, result: PaymentResult) -> Payment:
    """Credits what was taken: one lot a gateway's payment, with its receipt."""
    body, kind = body_of(payment), Kind(payment.kind)
    if payment.state == State.SETTLED and payment.gateway_payment == result.gateway_payment:
        return payment
    if (
        result.amount_minor * minor_unit_micros(book.currency) != body.gross
        or result.currency != book.currency
    ):
        took = f"{result.amount_minor} smallest coins of {result.currency}"
        return _ask_a_person(book, payment, body, f"the gateway took {took}, not what was asked for")
    if payment.state == State.SETTLED:
        payment, body = _second(book, payment, body, result.gateway_payment)
    _credit(book, tenant, payment, body, result)
    _receipt(book, payment, body)
    body.url, body.code = "", ""
    body.log.append((book.last_us, f"settled: lot {body.lot}, receipt {body.receipt}"))
    payment = moved(payment._replace(gateway_payment=result.gateway_payment), body, State.SETTLED)
    book.put_payment(payment)
    if kind is Kind.RECHARGE:
        recharge.recharged(book, tenant.auto_recharge, payment.amount, tenant.time_zone)
    recharge.closed(book, payment.payment)
    recharge.passed(book)
    if book.standing.suspended:
        recharge.arm(book, body.method_text)
    facts = {"payment": payment.payment, "receipt": body.receipt, "amount": payment.amount}
    facts |= {"lot": body.lot, "expires_us": body.expires_us, "method": body.method_text}
    book.notice(_SUCCEEDED[kind], facts)
    return payment


def _second(
    book: Book, payment: Payment, body: PaymentBody, gateway_payment: str
) -> tuple[Payment, PaymentBody]:
    """The gateway took money twice for one payment: the second time is a payment of its own."""
    name = second_id(payment.payment, gateway_payment)
    again = PaymentBody(
        who=body.who,
        method=body.method,
        method_text=body.method_text,
        card=body.card,
        gross=body.gross,
        taxes=body.taxes,
        seller=body.seller,
        billed=body.billed,
        log=[(book.last_us, f"taken a second time for {payment.payment}")],
    )
    second = payment._replace(payment=name, state=State.CREATED, at_us=book.last_us, gateway_payment="")
    return second, again


def _credit(book: Book, tenant: Tenant, payment: Payment, body: PaymentBody, result: PaymentResult) -> None:
    source = FUNDING + payment.gateway
    body.expires_us = twelve_months_on_us(book.last_us, tenant.time_zone)
    reference = reference_of(payment.gateway, result.gateway_payment)
    body.lot = book.open_lot(payment.amount, body.expires_us, FUNDED, source, payment.kind, reference)
    body.settled_us = book.last_us
    tax = tax_sum(body.taxes)
    if tax:
        book.post(TAXED, source, TAX, tax, body.lot)
    money = f"{format_money(payment.amount)} {book.currency}"
    what = f"{payment.kind} {payment.payment} of {money} settled: lot {body.lot}"
    book.audit.append(Change(book.last_us, body.who, what, "", ""))


def _receipt(book: Book, payment: Payment, body: PaymentBody) -> None:
    body.receipt = paper_number(book, RECEIPT, "R")
    text = paper_text(receipt_of(book, payment, body))
    book.put_paper(Paper(RECEIPT, body.receipt, book.last_us, text))


def receipt_of(book: Book, payment: Payment, body: PaymentBody) -> Receipt:
    """The receipt of a settled payment; all that stands on it is kept with the payment too."""
    return Receipt(
        number=body.receipt,
        kind=_KINDS[Kind(payment.kind)],
        at_us=body.settled_us,
        time_zone=book.time_zone,
        tenant=book.tenant,
        seller=body.seller,
        billed=body.billed,
        currency=book.currency,
        net=payment.amount,
        taxes=body.taxes,
        gross=body.gross,
        payment=payment.payment,
        method=body.method_text,
        lot=body.lot,
        expires_us=body.expires_us,
    )


def receipt_by_hand(seller: Seller, billed: Billed) -> WriteReceipt:
    """Writes the receipt of credits that no gateway was paid for: by a partner, or in another way.

    It names no tax: that stands on the paper by which the money came.
    """

    def write(book: Book, fund: Fund, lot: int, expires_us: int) -> str:
        number = paper_number(book, RECEIPT, "R")
        receipt = Receipt(
            number=number,
            kind="on_behalf" if fund.origin == Kind.ON_BEHALF else "purchase",
            at_us=book.last_us,
            time_zone=book.time_zone,
            tenant=book.tenant,
            seller=seller,
            billed=billed,
            currency=book.currency,
            net=fund.amount,
            taxes=(),
            gross=fund.amount,
            payment=fund.reference,
            method=fund.method,
            lot=lot,
            expires_us=expires_us,
        )
        book.put_paper(Paper(RECEIPT, number, book.last_us, paper_text(receipt)))
        return number

    return write


def decline(book: Book, tenant: Tenant, payment: Payment, code: str) -> Payment:
    """A decline: a recharge climbs the ladder or pauses the rule, a purchase is over (recharge.md 6)."""
    body = body_of(payment)
    body.code, body.url = code, ""
    body.failures += 1
    body.log.append((book.last_us, f"declined: {code}"))
    facts = {"payment": payment.payment, "amount": payment.amount, "code": code}
    if payment.kind != Kind.RECHARGE:
        payment = moved(payment, body, State.DECLINED)
        book.put_payment(payment)
        book.notice("purchase_failed", facts)
        return payment
    can_pass = load_declines().of(code).kind is DeclineKind.RETRY
    is_over = not can_pass or body.failures > len(LADDER_US)
    next_us = 0 if is_over else book.now_us + LADDER_US[body.failures - 1]
    if body.failures == 1:  # later ones of the same attempt were told with it (recharge.md 9)
        book.notice("recharge_failed", {**facts, "next_try_us": next_us})
    if not is_over:
        recharge.failed(book, body.failures, body.card, next_us)
    if is_over or not recharge.is_on(tenant):
        payment = moved(payment, body, State.DECLINED)
        book.put_payment(payment)
        recharge.closed(book, payment.payment)
        if is_over:
            recharge.suspend(book, code, body.card)
        return payment
    payment = moved(payment, body, State.CREATED, next_us)
    book.put_payment(payment)
    book.standing.attempt_card = body.card  # another one, that came meanwhile, is tried at once
    recharge.due(book, payment.payment, next_us)
    return payment


def ask_for_action(book: Book, payment: Payment, result: PaymentResult) -> Payment:
    """The card's holder has to prove who he is: a link, told once; the gateway is asked what he did.

    After a day the next question has the try cancelled (`Job.give_up`); what is taken later is credited.
    """
    body = body_of(payment)
    if not body.url or result.action_url not in ("", body.url):
        body.url = result.action_url
        body.log.append((book.last_us, "the holder of the card has to confirm it"))
        facts = {"payment": payment.payment, "amount": payment.amount, "url": body.url}
        book.notice("payment_action_needed", facts)
    over_us = body.sent_us + ACTION_US
    due_us = over_us
    if book.now_us < over_us:
        due_us = min(book.now_us + HOLDER_ASKED_US[min(body.asks, len(HOLDER_ASKED_US) - 1)], over_us)
    body.asks += 1
    payment = moved(payment, body, State.REQUIRES_ACTION, due_us)
    book.put_payment(payment)
    recharge.due(book, payment.payment, over_us)  # a person decides: nobody may wait for this money
    return payment


def wait(book: Book, payment: Payment, why: str) -> Payment:
    """Nobody knows yet: it is asked again later, never started anew; after hours a person is told."""
    body = body_of(payment)
    step_us = ASKED_US[min(body.asks, len(ASKED_US) - 1)]
    body.asks += 1
    body.log.append((book.last_us, why))
    _alarm(book, payment, body)
    due_us = book.now_us + step_us
    if not body.alarmed:  # so that it is told in time, however far apart the questions are
        due_us = min(due_us, body.sent_us + ALARM_US)
    payment = moved(payment, body, State.UNKNOWN, due_us)
    book.put_payment(payment)
    recharge.due(book, payment.payment, due_us)
    return payment


def _alarm(book: Book, payment: Payment, body: PaymentBody) -> None:
    if not body.alarmed and book.now_us - body.sent_us >= ALARM_US:
        body.alarmed = True
        facts = {"payment": payment.payment, "amount": payment.amount, "since_us": body.sent_us}
        book.notice("payment_unclear", facts)


def _ask_a_person(book: Book, payment: Payment, body: PaymentBody, why: str) -> Payment:
    """What no program may decide: it stays unknown until somebody has looked."""
    body.log.append((book.last_us, why))
    if not body.alarmed:
        body.alarmed = True
        facts = {"payment": payment.payment, "amount": payment.amount, "since_us": book.last_us}
        book.notice("payment_unclear", facts)
    if payment.state not in OUTSIDE:  # it goes on as it was: a try that waits, or one that is over
        payment = with_body(payment, body)
        book.put_payment(payment)
        return payment
    payment = moved(payment, body, State.UNKNOWN, NEVER_US)
    book.put_payment(payment)
    recharge.due(book, payment.payment, NEVER_US)
    return payment


def cancel(book: Book, payment: Payment, why: str) -> Payment:
    """Ends a payment that was not sent, or that the gateway never got."""
    body = body_of(payment)
    body.log.append((book.last_us, why))
    payment = moved(payment, body, State.CANCELLED)
    book.put_payment(payment)
    recharge.closed(book, payment.payment)
    return payment
