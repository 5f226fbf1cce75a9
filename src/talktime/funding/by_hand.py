"""What people did or decided outside: money given back at the gateway's own page, a payment looked into.

Neither was asked for here, so neither has a job; both are booked like everything else, with the wallet
locked, once, and the audit log says who (recharge.md 5 and 11).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from talktime.accounts.tenant_commands import tenant_in
from talktime.core.money import format_money
from talktime.funding.gateway import PaymentResult, PaymentStatus, RefundResult, RefundStatus
from talktime.funding.payments import Kind, PaymentBody, State, body_of, second_id, with_body
from talktime.funding.receipt import MoneyBack, credit_note, paper_text
from talktime.funding.refunds import CREDIT_NOTE, parts_of, refund_id, take_refund
from talktime.funding.settlement import cancel, decline, paper_number, receipt_of, settle
from talktime.funding.taxes import minor_unit_micros, summed, tax_each, tax_sum
from talktime.ledger.commands import NO_TENANT, Refused
from talktime.ledger.engine import OfMoney
from talktime.ledger.records import (
    FUNDING,
    RECEIVABLE,
    REFUNDED,
    REFUNDS,
    TAX,
    TAXED,
    Change,
    Paper,
    Payment,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from talktime.funding.taxes import TaxLine
    from talktime.ledger.book import Book
    from talktime.ledger.records import SessionRow

BY_HAND: Final = "refunded at the gateway"
"""The reason on the credit note of a refund that was not asked for here."""

NOT_TAKEN: Final = "not_taken"
"""The decline code of a payment of which a person found that nothing was taken."""


@dataclass(frozen=True, slots=True)
class RefundedOutside(OfMoney):
    """A refund that somebody made at the gateway: what is left of its lot goes, the rest is owed.

    `amount` in micros of money, with its tax. Of one that then fails the money goes back into its lot.
    """

    tenant: str
    payment: str
    result: RefundResult
    amount: int
    gateway_payment: str
    call_id: str = ""
    creates: bool = False

    @property
    def payments(self) -> Sequence[str]:
        """The payment and what the gateway took beside it, with what was booked of this refund before."""
        named = (self.payment, second_id(self.payment, self.gateway_payment))
        return (*named, *(refund_id(name, self.result.gateway_refund) for name in named))

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Payment | Refused:
        """The refund as it is booked, the payment where nothing is. The same news twice changes nothing."""
        del session
        if book is None:
            return NO_TENANT
        rows = [row for name in self.payments if (row := book.payments.get(name)) is not None]
        of = next((row for row in rows if row.gateway_payment == self.gateway_payment), None)
        if of is None or of.kind == Kind.REFUND or of.state != State.SETTLED:
            return Refused("unknown_payment", f"there is no settled payment {self.payment!r}")
        book.advance(now_us)
        known = book.payments.get(refund_id(of.payment, self.result.gateway_refund))
        if known is not None:
            return take_refund(book, known, self.result)
        return of if self.result.status is not RefundStatus.SUCCEEDED else self._book(book, of)

    def _book(self, book: Book, of: Payment) -> Payment:
        origin = body_of(of)
        net, taxes = parts_of(of, origin, self.amount, book.currency)
        if net <= 0:  # all of it went back before, as far as we know
            return of
        free = min(book.free_of(origin.lot), max(book.balance - book.reserved, 0), net)
        if free:
            book.take_from(origin.lot, free, REFUNDED, REFUNDS)
        source, tax = FUNDING + of.gateway, tax_sum(taxes)
        for account, micros in ((REFUNDS, free), (RECEIVABLE, net - free)):
            if micros:
                book.post(REFUNDED, account, source, micros, origin.lot)
        if tax:
            book.post(TAXED, TAX, source, tax, origin.lot)
        origin.returned += net
        origin.returned_tax = summed(origin.returned_tax, tax_each(taxes))
        origin.owed += net - free
        origin.log.append((book.last_us, f"{format_money(net)} {book.currency} were {BY_HAND}"))
        of = with_body(of, origin)
        book.put_payment(of)
        return self._written(book, of, origin, net, taxes, owed=net - free)

    def _written(
        self, book: Book, of: Payment, origin: PaymentBody, net: int, taxes: tuple[TaxLine, ...], *, owed: int
    ) -> Payment:
        """The refund's own row, its credit note, and who is told."""
        name, number = refund_id(of.payment, self.result.gateway_refund), paper_number(book, CREDIT_NOTE, "C")
        back = MoneyBack(number, "refund", book.last_us, name, net, taxes, BY_HAND)
        note = credit_note(receipt_of(book, of, origin), back)
        book.put_paper(Paper(CREDIT_NOTE, number, book.last_us, paper_text(note)))
        body = PaymentBody(
            who=of.gateway,
            method=origin.method,
            method_text=origin.method_text,
            gross=net + tax_sum(taxes),
            taxes=taxes,
            of=of.payment,
            reason=BY_HAND,
            lot=origin.lot,
            owed=owed,
            expires_us=origin.expires_us,
            receipt=number,
            settled_us=book.last_us,
            gateway_refund=self.result.gateway_refund,
            log=[(book.last_us, f"told by {of.gateway}: credit note {number}")],
        )
        row = of._replace(payment=name, kind=Kind.REFUND, at_us=book.last_us, amount=net, gateway_payment="")
        refund = with_body(row, body)
        book.put_payment(refund)
        book.audit.append(Change(book.last_us, of.gateway, f"{of.payment} was {BY_HAND}: {name}", "", ""))
        book.notice("refund_done", {"payment": of.payment, "amount": net, "credit_note": number})
        return refund


@dataclass(frozen=True, slots=True)
class ResolvePayment(OfMoney):
    """A person has looked at the gateway's page what became of a payment of which nobody here knows.

    `taken`: it is credited with what the payment says, under the gateway's own id `gateway_payment`; else it
    is over. Only a payment that is unknown can be resolved.
    """

    tenant: str
    payment: str
    taken: bool
    who: str
    reason: str
    gateway_payment: str = ""
    call_id: str = ""
    creates: bool = False

    @property
    def payments(self) -> Sequence[str]:
        """The payment."""
        return (self.payment,)

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Payment | Refused:
        """The payment as it stands then."""
        del session
        if book is None:
            return NO_TENANT
        row = book.payments.get(self.payment)
        refused = self._against(row)
        if row is None or refused is not None:
            return refused or Refused("unknown_payment", "there is no such payment")
        book.advance(now_us)
        found = f"{self.gateway_payment} was taken" if self.taken else "nothing was taken"
        body = body_of(row)
        body.log.append((book.last_us, f"{self.who} says {found}: {self.reason}"))
        row = with_body(row, body)
        book.audit.append(
            Change(book.last_us, self.who, f"payment {row.payment}: {found}; {self.reason}", "", "")
        )
        return self._taken(book, row, body) if self.taken else self._not_taken(book, row)

    def _against(self, row: Payment | None) -> Refused | None:
        if row is None or row.kind == Kind.REFUND:
            return Refused("unknown_payment", f"there is no payment {self.payment!r}")
        if row.state != State.UNKNOWN:
            return Refused(
                "not_unknown", f"payment {self.payment!r} is {row.state}: nothing is to be resolved"
            )
        if not self.reason.strip():
            return Refused("reason_missing", "a payment is resolved with a reason; say what was found")
        if self.taken and not self.gateway_payment.strip():
            return Refused("gateway_payment_missing", "name the payment at the gateway that took the money")
        return None

    def _taken(self, book: Book, row: Payment, body: PaymentBody) -> Payment:
        minor = body.gross // minor_unit_micros(book.currency)  # exact: it was asked for in whole coins
        result = PaymentResult(PaymentStatus.SUCCEEDED, self.gateway_payment, minor, book.currency)
        return settle(book, tenant_in(book), row, result)

    def _not_taken(self, book: Book, row: Payment) -> Payment:
        if row.kind == Kind.RECHARGE:
            return cancel(book, row, NOT_TAKEN)
        return decline(book, tenant_in(book), row, NOT_TAKEN)
