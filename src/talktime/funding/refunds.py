"""Money that goes back: refunds that we ask for, disputes that a bank opens.

Both touch the lot of the payment only, and of it only what no call has reserved. What is to go back leaves
the lot before anybody outside hears of it; a shortfall is a receivable, never a silent negative
(recharge.md 11).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from talktime.accounts.tenant_commands import tenant_in
from talktime.core.money import format_money
from talktime.funding import recharge
from talktime.funding.gateway import RefundOrder, RefundResult, RefundStatus
from talktime.funding.payments import (
    Kind,
    PaymentBody,
    State,
    body_of,
    is_unresolved,
    moved,
    second_id,
    with_body,
)
from talktime.funding.receipt import CreditNote, MoneyBack, cancelling, credit_note, paper_text
from talktime.funding.settlement import paper_number, receipt_of, wait
from talktime.funding.taxes import (
    Gone,
    TaxLine,
    minor_unit_micros,
    part_of,
    part_with_tax,
    summed,
    tax_each,
    tax_sum,
)
from talktime.ledger.commands import NO_TENANT, Refused
from talktime.ledger.engine import OfMoney
from talktime.ledger.records import (
    DISPUTED,
    FROZEN,
    FUNDING,
    RECEIVABLE,
    REFUNDED,
    REFUNDS,
    RELEASED,
    TAX,
    TAXED,
    Change,
    Paper,
    Payment,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from talktime.ledger.book import Book
    from talktime.ledger.records import SessionRow

CREDIT_NOTE: Final = "credit_note"

DISPUTED_CARD: Final = "charge_disputed"
"""Why a rule is paused whose card was disputed (declines.toml)."""


class RefundAsked(Protocol):
    """What a refund is asked for with."""

    @property
    def payment(self) -> str:
        """Its id, which begins with that of the payment."""

    @property
    def amount(self) -> int:
        """Micros of the lot."""

    @property
    def reason(self) -> str:
        """Why."""

    @property
    def digest(self) -> str:
        """What tells another request with the same key."""

    @property
    def who(self) -> str:
        """Who asks."""


def refund_id(payment: str, key: str) -> str:
    """The id of a refund names its payment, so that both are found by it."""
    return f"{payment}/refund/{key}"


def start_refund(book: Book, of: Payment, asked: RefundAsked) -> Payment | Refused:
    """Takes the money out of its lot and writes the refund down; a worker sends it."""
    body = body_of(of)
    gone = _returned(body).and_also(body.returning, body.returning_tax)
    if body.dispute == Turn.OPEN:  # what was lost has gone back
        gone = gone.and_also(body.disputed, body.disputed_tax)
    refused = _against(book, body.lot, of.amount - gone.net, asked.amount)
    if refused is not None:
        return refused
    taxes = part_of(body.taxes, asked.amount, gone, book.currency)
    back = PaymentBody(
        who=asked.who,
        digest=asked.digest,
        method=body.method,
        method_text=body.method_text,
        gross=asked.amount + tax_sum(taxes),
        taxes=taxes,
        of=of.payment,
        reason=asked.reason,
        lot=body.lot,
        expires_us=body.expires_us,
        log=[(book.last_us, f"asked for by {asked.who}: {asked.reason}")],
    )
    book.take_from(body.lot, asked.amount, REFUNDED, REFUNDS)
    body.returning += asked.amount
    body.returning_tax = summed(body.returning_tax, tax_each(taxes))
    book.put_payment(with_body(of, body))
    at_us = book.last_us
    due_us = book.now_us  # `at_us` is later where a clock was ahead once
    row = Payment(asked.payment, Kind.REFUND, State.CREATED, at_us, due_us, asked.amount, of.gateway, "", "")
    refund = with_body(row, back)
    book.put_payment(refund)
    money = f"{format_money(asked.amount)} {book.currency}"
    what = f"refund {asked.payment} of {money} asked for: {asked.reason}"
    book.audit.append(Change(at_us, asked.who, what, "", ""))
    return refund


def _against(book: Book, lot: int, left: int, amount: int) -> Refused | None:
    """What is against a refund; `left` of the payment did not go back. The balance never falls below 0."""
    free = min(book.free_of(lot), book.balance - book.reserved, left)
    if amount > free:
        still = f"only {format_money(max(free, 0))} of lot {lot} are left to be refunded"
        return Refused("too_much", still)
    if amount % minor_unit_micros(book.currency):
        return Refused("finer_than_coin", f"{book.currency} cannot be paid back that exactly")
    tenant = tenant_in(book)
    below = tenant.auto_recharge.below_micros
    pays = recharge.is_on(tenant) and not book.standing.suspended
    if not pays or book.balance - book.reserved - amount >= below:
        return None
    again = f"auto-recharge is on and buys credits again below {format_money(below)} {book.currency}"
    return Refused("recharge_on", f"{again}; switch auto-recharge off first")


def _returned(body: PaymentBody) -> Gone:
    return Gone(body.returned, body.returned_tax)


def refund_order(book: Book, refund: Payment, body: PaymentBody) -> RefundOrder:
    """What the gateway is asked; the key is the refund's id: a refund has one try."""
    return RefundOrder(
        tenant=book.tenant,
        payment=refund.payment,
        key=refund.payment,
        gateway_payment=book.payments[body.of].gateway_payment,
        amount_minor=body.gross // minor_unit_micros(book.currency),
        currency=book.currency,
    )


def take_refund(book: Book, refund: Payment, result: RefundResult) -> Payment:
    """What the gateway says of a refund. One that fails after it was accepted goes back into its lot."""
    if result.status is RefundStatus.DECLINED:
        if refund.state == State.SETTLED:
            return _returned_to_us(book, refund, result.code)
        return undo_refund(book, refund, result.code) if is_unresolved(refund.state) else refund
    if refund.state == State.SETTLED or not is_unresolved(refund.state):
        return refund
    body = body_of(refund)
    body.gateway_refund = result.gateway_refund
    if result.status is RefundStatus.PROCESSING:
        return wait(book, with_body(refund, body), "the bank has not decided yet")
    of = book.payments[body.of]
    origin = body_of(of)
    number = paper_number(book, CREDIT_NOTE, "C")
    back = MoneyBack(number, "refund", book.last_us, refund.payment, refund.amount, body.taxes, body.reason)
    note = credit_note(receipt_of(book, of, origin), back)
    _put_note(book, note)
    _pay_out(book, of.gateway, refund.amount, tax_sum(body.taxes), REFUNDS, REFUNDED, body.lot)
    _not_returning(origin, refund, body)
    origin.returned += refund.amount
    origin.returned_tax = summed(origin.returned_tax, tax_each(body.taxes))
    book.put_payment(with_body(of, origin))
    body.receipt = note.number
    body.settled_us = book.last_us
    body.log.append((book.last_us, f"paid back: credit note {note.number}"))
    refund = moved(refund, body, State.SETTLED)
    book.put_payment(refund)
    facts = {"payment": of.payment, "amount": refund.amount, "credit_note": note.number}
    book.notice("refund_done", facts)
    return refund


def undo_refund(book: Book, refund: Payment, code: str) -> Payment:
    """The gateway did not pay back: the money returns to its lot."""
    body = body_of(refund)
    of = book.payments[body.of]
    origin = body_of(of)
    _not_returning(origin, refund, body)
    book.put_payment(with_body(of, origin))
    book.put_back(body.lot, refund.amount, body.expires_us, RELEASED, REFUNDS)
    body.code = code
    body.log.append((book.last_us, f"not paid back: {code}"))
    refund = moved(refund, body, State.DECLINED)
    book.put_payment(refund)
    _tell_failed(book, of, refund, code)
    return refund


def _not_returning(origin: PaymentBody, refund: Payment, body: PaymentBody) -> None:
    """It is not on its way any more: it has arrived, or will not."""
    origin.returning -= refund.amount
    origin.returning_tax = summed(origin.returning_tax, tax_each(body.taxes, -1))


def _tell_failed(book: Book, of: Payment, refund: Payment, code: str) -> None:
    book.notice("refund_failed", {"payment": of.payment, "amount": refund.amount, "code": code})


def _returned_to_us(book: Book, refund: Payment, code: str) -> Payment:
    """A refund that was accepted and failed days later: the bank has sent the money back to us.

    Its credit note is cancelled by a paper of its own.
    """
    body = body_of(refund)
    if body.code:
        return refund
    source = FUNDING + refund.gateway
    of = book.payments[body.of]
    origin = body_of(of)
    back = refund.amount - body.owed  # what its lot did not have is owed no more
    for account, micros in ((REFUNDS, back), (RECEIVABLE, body.owed), (TAX, tax_sum(body.taxes))):
        if micros:
            book.post(TAXED if account == TAX else RELEASED, source, account, micros, body.lot)
    if back:
        book.put_back(body.lot, back, body.expires_us, RELEASED, REFUNDS)
    origin.owed -= body.owed
    origin.returned -= refund.amount
    origin.returned_tax = summed(origin.returned_tax, tax_each(body.taxes, -1))
    book.put_payment(with_body(of, origin))
    paid = MoneyBack(body.receipt, "refund", book.last_us, refund.payment, refund.amount, body.taxes)
    note = credit_note(receipt_of(book, of, origin), paid)
    note = cancelling(note, paper_number(book, CREDIT_NOTE, "C"), "the refund did not arrive")
    _put_note(book, note)
    body.code = code
    text = f"came back after it was paid: {code}; {note.number} cancels credit note {note.cancels}"
    body.log.append((book.last_us, text))
    refund = with_body(refund, body)
    book.put_payment(refund)
    _tell_failed(book, of, refund, code)
    return refund


def _left(row: Payment, body: PaymentBody, gone: Gone) -> tuple[int, int]:
    """(net, tax) of a payment that did not go back; what went back twice is no less than nothing."""
    return max(row.amount - gone.net, 0), max(body.gross - row.amount - sum(gone.taxes), 0)


def _pay_out(book: Book, gateway: str, net: int, tax: int, account: str, kind: str, lot: int) -> None:
    """What the gateway has given back: from `account`, and the tax that was kept for it."""
    book.post(kind, account, FUNDING + gateway, net, lot)
    if tax:
        book.post(TAXED, TAX, FUNDING + gateway, tax, lot)


def _put_note(book: Book, note: CreditNote) -> None:
    book.put_paper(Paper(CREDIT_NOTE, note.number, book.last_us, paper_text(note)))


def parts_of(row: Payment, body: PaymentBody, money: int, currency: str) -> tuple[int, tuple[TaxLine, ...]]:
    """Of money that somebody outside takes back the part that bought credits, and its tax.

    Mostly it is all that has not gone back; of refunds on their way nobody knows which came first. Else
    the part for credits is rounded up to a coin. More than has not gone back is not asked for.
    """
    back = _returned(body)
    both = back.and_also(body.returning, body.returning_tax)
    left, left_tax = _left(row, body, back)
    amount = max(min(money, left + left_tax), 0)
    gone = back
    if amount < left + left_tax and amount <= sum(_left(row, body, both)):
        gone = both
        left, left_tax = _left(row, body, both)
    coin = minor_unit_micros(currency)
    net = -(-amount * row.amount // (body.gross * coin)) * coin  # up
    net = left if amount == left + left_tax else max(min(net, left, amount), amount - left_tax)
    return net, part_with_tax(body.taxes, net, amount - net, gone, currency)


class Turn(StrEnum):
    """Where a dispute stands."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


def _pause(book: Book, card: str) -> None:
    """A card that is disputed is not charged again before a person has looked.

    Else the money that is frozen would be bought again with it, and disputed again, without an end.
    """
    tenant = tenant_in(book)
    method = recharge.method_of(tenant, tenant.auto_recharge.method)
    if method is None or method.fingerprint != card or book.standing.suspended:
        return
    if recharge.is_on(tenant):
        recharge.suspend(book, DISPUTED_CARD, card)


@dataclass(frozen=True, slots=True)
class Dispute(OfMoney):
    """A bank disputes a payment: what is left of its lot is frozen; lost it is taken, won it is released.

    `amount` in micros of money, with its tax; `gateway_payment` tells which, where money was taken twice.
    """

    tenant: str
    payment: str
    turn: Turn
    amount: int
    gateway_payment: str
    call_id: str = ""
    creates: bool = False

    @property
    def payments(self) -> Sequence[str]:
        """The payment, and what the gateway took beside it."""
        return (self.payment, second_id(self.payment, self.gateway_payment))

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Payment | Refused:
        """The payment with what is known of its dispute. The same news twice changes nothing."""
        del session
        if book is None:
            return NO_TENANT
        named = (book.payments.get(name) for name in self.payments)
        row = next((row for row in named if row and row.gateway_payment == self.gateway_payment), None)
        if row is None or row.state != State.SETTLED:
            return Refused("unknown_payment", f"there is no settled payment {self.payment!r}")
        book.advance(now_us)
        body = body_of(row)
        if body.dispute in (Turn.WON, Turn.LOST) or body.dispute == self.turn:
            return row
        if not body.dispute:
            self._open(book, row, body)
            if self.turn is not Turn.WON:
                _pause(book, body.card)
        if self.turn is Turn.WON:
            self._won(book, body)
        elif self.turn is Turn.LOST:
            self._lost(book, row, body)
        body.dispute = self.turn
        row = with_body(row, body)
        book.put_payment(row)
        kind = "dispute_opened" if self.turn is Turn.OPEN else "dispute_closed"
        facts = {"payment": row.payment, "amount": body.disputed, "outcome": self.turn.value}
        book.notice(kind, facts)
        book.audit.append(Change(book.last_us, row.gateway, f"dispute of {row.payment}: {self.turn}", "", ""))
        return row

    def _open(self, book: Book, row: Payment, body: PaymentBody) -> None:
        """Freezes what is left of the lot, up to what is disputed."""
        body.disputed, taxes = parts_of(row, body, self.amount, book.currency)
        body.disputed_tax = tax_each(taxes)
        body.frozen = min(book.free_of(body.lot), body.disputed)
        if body.frozen:
            book.take_from(body.lot, body.frozen, DISPUTED, FROZEN)

    def _won(self, book: Book, body: PaymentBody) -> None:
        if body.frozen:
            book.put_back(body.lot, body.frozen, body.expires_us, RELEASED, FROZEN)
        body.frozen, body.disputed, body.disputed_tax = 0, 0, ()

    def _lost(self, book: Book, row: Payment, body: PaymentBody) -> None:
        """The bank has taken the money: what is frozen pays it, then what is left, then the tenant owes."""
        if not body.disputed:
            return
        more = min(book.free_of(body.lot), body.disputed - body.frozen)
        if more:
            book.take_from(body.lot, more, DISPUTED, FROZEN)
        paid = body.frozen + more
        owed = body.disputed - paid
        body.owed += owed
        number = paper_number(book, CREDIT_NOTE, "C")
        taxes = tuple(
            msgspec.structs.replace(line, net=body.disputed, tax=tax)
            for line, tax in zip(body.taxes, body.disputed_tax, strict=True)
        )
        back = MoneyBack(number, "dispute", book.last_us, row.payment, body.disputed, taxes, "dispute lost")
        note = credit_note(receipt_of(book, row, body), back)
        _put_note(book, note)
        if paid:
            book.post(DISPUTED, FROZEN, FUNDING + row.gateway, paid, body.lot)
        if owed:
            book.post(DISPUTED, RECEIVABLE, FUNDING + row.gateway, owed, body.lot)
        tax = tax_sum(note.taxes)
        if tax:
            book.post(TAXED, TAX, FUNDING + row.gateway, tax, body.lot)
        body.returned += body.disputed
        body.returned_tax = summed(body.returned_tax, body.disputed_tax)
        body.log.append((book.last_us, f"dispute lost: credit note {note.number}"))
