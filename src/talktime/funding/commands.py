"""What is done to payments under the wallet's lock: asked for, taken up by a worker, reported, reconsidered.

Each is a command of the engine. Between them a worker talks to the gateway, outside of any transaction; a
crash between any two leads to one credit for one charge, or none for none (design.md, Money outside).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, assert_never

from talktime.accounts.administration import Configured
from talktime.accounts.tenant import ACTIVE
from talktime.core.money import format_money
from talktime.funding import recharge
from talktime.funding.gateway import PaymentOrder, PaymentResult, RefundOrder, RefundResult
from talktime.funding.payments import (
    ACTION_US,
    HOUR_US,
    LEASE_US,
    OUTSIDE,
    REFUND,
    RESENT_FOR_US,
    Kind,
    PaymentBody,
    State,
    body_of,
    is_unresolved,
    moved,
    second_id,
    with_body,
)
from talktime.funding.receipt import Billed
from talktime.funding.refunds import refund_order, start_refund, take_refund, undo_refund
from talktime.funding.settlement import cancel, decline, is_for_another_card, take_result, wait
from talktime.funding.taxes import Seller, minor_unit_micros, tax_lines, tax_sum
from talktime.ledger.commands import NO_TENANT, Refused
from talktime.ledger.engine import OfMoney
from talktime.ledger.records import Change, Payment

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from talktime.accounts.tenant import BillingAccount, PaymentMethod, Tenant
    from talktime.ledger.book import Book
    from talktime.ledger.records import SessionRow

NO_PAYMENT: Final = Refused("unknown_payment", "there is no such payment")


class Job(NamedTuple):
    """What a worker has to do outside: send the order or, first, ask what became of it (`asks`).

    `may_send`: where the gateway knows nothing of it the same order may be sent again. `give_up`: its holder
    has had his day to confirm it; it is cancelled at the gateway if he still has not.
    """

    gateway: str
    order: PaymentOrder | RefundOrder
    asks: bool
    may_send: bool
    give_up: bool = False


class Nothing(NamedTuple):
    """The gateway has never heard of the payment, and never will: it is not sent again."""


class Unclear(NamedTuple):
    """Nobody can say what became of it; `why` is a sentence."""

    why: str


class Wrong(NamedTuple):
    """The gateway does not take such an order: a code, and a sentence."""

    code: str
    sentence: str


Told = PaymentResult | RefundResult | Nothing | Unclear | Wrong
"""What a worker or an event has learned."""


def tenant_of_book(book: Book) -> Tenant:
    """The tenant as it is configured, under the lock."""
    assert isinstance(book.config, Configured), "the engine was given another configuration"
    return book.config.tenant


def billing_account(tenant: Tenant) -> BillingAccount | None:
    """The account that papers are made out to: the default one, else the first."""
    accounts = {account.id: account for account in tenant.billing_accounts}
    first = next(iter(tenant.billing_accounts), None)
    return accounts.get(tenant.default_billing_account, first)


def billed_of(tenant: Tenant, purchase_order: str = "") -> Billed:
    """Whom papers are made out to."""
    account = billing_account(tenant)
    if account is None:
        return Billed(tenant.name, (), tenant.country, "", purchase_order)
    return Billed(
        account.name or tenant.name,
        account.address,
        account.country or tenant.country,
        account.tax_id,
        purchase_order or account.purchase_order,
    )


def card_for(tenant: Tenant, name: str, gateways: Collection[str] | None) -> PaymentMethod | Refused:
    """The card that pays for a purchase: the one of this id, "" for the default one; or why none can.

    `gateways`: those that are set up here, None where nobody says.
    """
    if tenant.status != ACTIVE:
        return Refused("tenant_" + tenant.status, f"the tenant is {tenant.status}; ask the provider")
    method = recharge.method_of(tenant, name)
    if method is None:
        named = f"there is no payment method {name!r}" if name else "no card is stored"
        return Refused("no_payment_method", f"{named}; add one, or name the one to pay with")
    if gateways is not None and method.gateway not in gateways:
        which = f"{recharge.method_text(method)} is charged by {method.gateway!r}"
        return Refused("unknown_gateway", f"{which}, which is not set up here; name another card")
    return method


@dataclass(frozen=True, slots=True)
class AskPayment(OfMoney):
    """Somebody buys credits by card: the payment is written down, a worker sends it.

    `payment` follows from the request's key, so the same request again finds it; `digest` tells another one.
    `gateways`: those that are set up here, None where nobody says.
    """

    tenant: str
    payment: str
    amount: int
    method: str
    digest: str
    who: str
    kind: Kind = Kind.PURCHASE
    purchase_order: str = ""
    present: bool = True
    gateways: Collection[str] | None = None
    call_id: str = ""
    creates: bool = False

    @property
    def payments(self) -> Sequence[str]:
        """The payment itself, if it was asked for before."""
        return (self.payment,)

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Payment | Refused:
        """The payment, new or as it stands."""
        del session
        if book is None:
            return NO_TENANT
        known = book.payments.get(self.payment)
        if known is not None:
            if body_of(known).digest != self.digest:
                return Refused("conflict", "this Idempotency-Key came before with another request")
            return known
        book.advance(now_us)
        tenant = tenant_of_book(book)
        method = card_for(tenant, self.method, self.gateways)
        if isinstance(method, Refused):
            return method
        body = PaymentBody(
            who=self.who,
            digest=self.digest,
            method=method.id,
            method_text=recharge.method_text(method),
            card=method.fingerprint,
            present=self.present,
            billed=Billed("", purchase_order=self.purchase_order),
            log=[(book.last_us, f"asked for by {self.who}")],
        )
        at_us = book.last_us
        row = Payment(
            self.payment, self.kind, State.CREATED, at_us, book.now_us, self.amount, method.gateway, "", ""
        )
        payment = with_body(row, body)
        book.put_payment(payment)
        what = f"{self.kind} {self.payment} of {format_money(self.amount)} {book.currency} asked for"
        book.audit.append(Change(at_us, self.who, what, "", ""))
        return payment


@dataclass(frozen=True, slots=True)
class Claim(OfMoney):
    """A worker takes up a payment that is due, for as long as its lease; None where another was faster."""

    tenant: str
    payment: str
    seller: Seller = field(default=Seller())
    call_id: str = ""
    creates: bool = False

    @property
    def payments(self) -> Sequence[str]:
        """The payment."""
        return _with_origin(self.payment)

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Job | None:
        """What to do outside."""
        del session
        row = None if book is None else book.payments.get(self.payment)
        if book is None or row is None or row.due_us > max(now_us, book.last_us):
            return None
        book.advance(now_us)
        body, state = body_of(row), State(row.state)
        if state is State.CREATED:
            return self._first(book, row, body)
        if not is_unresolved(row.state):
            return None
        if state is State.SUBMITTED:
            body.log.append((book.last_us, "its worker was not heard of again; the gateway is asked"))
        kept = State.UNKNOWN if state is State.SUBMITTED else state
        book.put_payment(moved(row, body, kept, now_us + LEASE_US))
        tenant, since_us = tenant_of_book(book), now_us - body.sent_us
        is_wanted = row.kind != Kind.RECHARGE or recharge.is_on(tenant)
        return Job(
            gateway=row.gateway,
            order=_order(book, row, body),
            asks=True,
            # Below 0 by more than clocks differ nobody can say how long ago it was.
            may_send=is_wanted and -HOUR_US < since_us < RESENT_FOR_US,
            give_up=row.kind != Kind.REFUND and (since_us >= ACTION_US or is_for_another_card(tenant, row)),
        )

    def _first(self, book: Book, row: Payment, body: PaymentBody) -> Job | None:
        """Begins a try: the key, the sums and the card are fixed, whatever happens to the worker."""
        if row.kind == Kind.REFUND:
            return self._send(book, row, body)
        tenant = tenant_of_book(book)
        if row.kind == Kind.RECHARGE and (why := _not_needed(book, tenant, row)):
            cancel(book, row, why)
            return None
        if row.kind == Kind.RECHARGE:  # the rule's own, which may be another one by now
            body.method = tenant.auto_recharge.method
        method = recharge.method_of(tenant, body.method)
        if method is None:
            decline(book, tenant, row, "payment_method_removed")
            return None
        if row.kind == Kind.RECHARGE and method.fingerprint != body.card:
            body.failures = 0
        body.token, body.card = method.token, method.fingerprint
        body.method_text = recharge.method_text(method)
        body.seller, body.billed = self.seller, billed_of(tenant, body.billed.purchase_order)
        billed = body.billed
        body.taxes = tax_lines(row.amount, book.currency, self.seller, billed.country, billed.tax_id)
        body.gross = row.amount + tax_sum(body.taxes)
        return self._send(book, row._replace(gateway=method.gateway), body)

    def _send(self, book: Book, row: Payment, body: PaymentBody) -> Job:
        body.tries += 1
        body.sent_us, body.asks, body.alarmed = book.now_us, 0, False
        body.log.append((book.last_us, f"try {body.tries} is sent to {row.gateway}"))
        sent = moved(row, body, State.SUBMITTED, book.now_us + LEASE_US)
        book.put_payment(sent)
        recharge.due(book, sent.payment, sent.due_us)
        return Job(row.gateway, _order(book, sent, body), asks=False, may_send=True)


def may_refill(book: Book) -> bool:
    """Whether a rule that is on may buy, by what the engine made of the tenant's documents."""
    assert isinstance(book.config, recharge.Refilled), "the engine was given another configuration"
    return book.config.may_refill(book.last_us)


def _not_needed(book: Book, tenant: Tenant, row: Payment) -> str:
    """Why a recharge that waits is not made any more, or "". What is needed then is looked at anew."""
    if not recharge.is_on(tenant):
        return "the rule was switched off before it was sent"
    if not may_refill(book):
        return "the tenant may not buy credits any more"
    if book.balance - book.reserved >= tenant.auto_recharge.below_micros:
        return "enough is available again"
    if recharge.method_of(tenant, tenant.auto_recharge.method) is None:
        return "its payment method was removed"
    if row.amount > recharge.room_micros(book, tenant):
        return "its caps leave less by now"
    return ""


def _with_origin(payment: str) -> Sequence[str]:
    """A payment, and for a refund the one that it is of, which its name tells."""
    origin, is_refund, _ = payment.partition(REFUND)
    return (payment, origin) if is_refund else (payment,)


def _order(book: Book, row: Payment, body: PaymentBody) -> PaymentOrder | RefundOrder:
    if row.kind == Kind.REFUND:
        return refund_order(book, row, body)
    return PaymentOrder(
        tenant=book.tenant,
        payment=row.payment,
        try_number=body.tries,
        key=f"{row.payment}-{body.tries}",
        amount_minor=body.gross // minor_unit_micros(book.currency),
        currency=book.currency,
        method_token=body.token,
        off_session=not body.present,
        description=f"Communication credits for {book.tenant}",
    )


@dataclass(frozen=True, slots=True)
class Report(OfMoney):
    """What somebody has learned of a payment. The same again, late, twice or out of order, does no harm.

    `sent`: the try that it is about, 0 where `told` says it; `is_certain`: the gateway was asked.
    """

    tenant: str
    payment: str
    told: Told
    sent: int = 0
    is_certain: bool = False
    call_id: str = ""
    creates: bool = False

    @property
    def payments(self) -> Sequence[str]:
        """The payment, the one that a refund is of, and what the gateway took beside it."""
        if isinstance(self.told, PaymentResult):
            return (self.payment, second_id(self.payment, self.told.gateway_payment))
        return _with_origin(self.payment)

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Payment | Refused:
        """The payment as it stands now."""
        del session
        if book is None:
            return NO_TENANT
        row = book.payments.get(self.payment)
        if row is None:
            return NO_PAYMENT
        book.advance(now_us)
        if row.kind == Kind.REFUND:
            return self._refund(book, row)
        return self._payment(book, row)

    def _payment(self, book: Book, row: Payment) -> Payment:
        tenant, told = tenant_of_book(book), self.told
        if isinstance(told, PaymentResult):
            row = book.payments.get(second_id(row.payment, told.gateway_payment), row)
            return take_result(book, tenant, row, told, is_certain=self.is_certain)
        # A worker whose lease ran out may speak of a try that is over.
        if row.state not in OUTSIDE or 0 < self.sent < body_of(row).tries:
            return row
        match told:
            case Unclear(why=why):
                return wait(book, row, why)
            case Wrong(code=code):
                return decline(book, tenant, row, code)
            case Nothing() if row.kind == Kind.RECHARGE:
                return cancel(book, row, "the gateway never got it")
            case Nothing():
                return decline(book, tenant, row, "never_arrived")
            case RefundResult():  # of a refund that is none of ours `by_hand.RefundedOutside` tells
                return row
            case _:
                assert_never(told)

    def _refund(self, book: Book, row: Payment) -> Payment:
        told = self.told
        if isinstance(told, RefundResult):
            return take_refund(book, row, told)
        if not is_unresolved(row.state):
            return row
        match told:
            case Unclear(why=why):
                return wait(book, row, why)
            case Wrong(code=code):
                return undo_refund(book, row, code)
            case Nothing():
                return undo_refund(book, row, "never_arrived")
            case PaymentResult():  # no news of the money that goes back
                return row
            case _:
                assert_never(told)


@dataclass(frozen=True, slots=True)
class Reconsider(OfMoney):
    """A recharge that waits, with a changed rule: cancelled if it is off, sent at once by another card.

    One that nobody has confirmed is looked at at once: with another card at hand it is given up.
    """

    tenant: str
    payment: str
    call_id: str = ""
    creates: bool = False

    @property
    def payments(self) -> Sequence[str]:
        """The payment."""
        return (self.payment,)

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> bool:
        """Whether it was changed; one that is out is left alone."""
        del session
        row = None if book is None else book.payments.get(self.payment)
        if book is None or row is None or book.standing.attempt != row.payment:
            return False
        book.advance(now_us)
        tenant = tenant_of_book(book)
        book.standing.attempt_card = recharge.card_of(tenant, may_buy=may_refill(book))
        book.touch_standing()
        if row.state == State.REQUIRES_ACTION and is_for_another_card(tenant, row):
            book.put_payment(row._replace(due_us=now_us))
            return True
        if row.state != State.CREATED:
            return False
        why = _not_needed(book, tenant, row)
        if why:
            cancel(book, row, why)
            return True
        return self._by_another_card(book, tenant, row)

    def _by_another_card(self, book: Book, tenant: Tenant, row: Payment) -> bool:
        body, rule = body_of(row), tenant.auto_recharge
        method = recharge.method_of(tenant, rule.method)
        assert method is not None, "without one it is not needed"
        if method.fingerprint == body.card:
            return False
        body.method, body.card, body.failures = rule.method, method.fingerprint, 0
        body.log.append((book.last_us, f"tried again at once with {recharge.method_text(method)}"))
        book.put_payment(moved(row, body, State.CREATED, book.now_us))
        recharge.due(book, row.payment, book.now_us)
        return True


@dataclass(frozen=True, slots=True)
class RetryNow(OfMoney):
    """An administrator ends a pause of the rule, or has a waiting attempt tried at once (recharge.md 7)."""

    tenant: str
    who: str
    attempt: str = ""
    call_id: str = ""
    creates: bool = False

    @property
    def payments(self) -> Sequence[str]:
        """The attempt that was seen waiting."""
        return (self.attempt,) if self.attempt else ()

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> bool | Refused:
        """True where something was to be done."""
        del session
        if book is None:
            return NO_TENANT
        book.advance(now_us)
        tenant = tenant_of_book(book)
        if not recharge.is_on(tenant):
            return Refused("not_armed", "auto-recharge is off; switch it on first")
        row = book.payments.get(self.attempt)
        if book.standing.suspended:
            method = recharge.method_of(tenant, tenant.auto_recharge.method)
            recharge.arm(book, "" if method is None else recharge.method_text(method))
        elif row is not None and row.state == State.CREATED:
            book.put_payment(row._replace(due_us=now_us))
            recharge.due(book, row.payment, now_us)
        elif row is not None and row.state == State.REQUIRES_ACTION:  # the gateway is asked at once
            book.put_payment(row._replace(due_us=now_us))
        else:
            return Refused("nothing_to_retry", "the rule is not paused and no attempt waits")
        book.audit.append(Change(book.last_us, self.who, "auto-recharge: retry now", "", ""))
        return True


@dataclass(frozen=True, slots=True)
class AskRefund(OfMoney):
    """Money of a settled payment is to go back: taken out of its lot at once, so that nobody spends it."""

    tenant: str
    payment: str
    of: str
    amount: int
    reason: str
    digest: str
    who: str
    call_id: str = ""
    creates: bool = False

    @property
    def payments(self) -> Sequence[str]:
        """The refund, if it was asked for before, and the payment."""
        return (self.payment, self.of)

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Payment | Refused:
        """The refund, new or as it stands."""
        del session
        if book is None:
            return NO_TENANT
        known = book.payments.get(self.payment)
        if known is not None:
            if body_of(known).digest != self.digest:
                return Refused("conflict", "this Idempotency-Key came before with another request")
            return known
        of = book.payments.get(self.of)
        if of is None or of.state != State.SETTLED:
            return Refused("unknown_payment", f"there is no settled payment {self.of!r}")
        book.advance(now_us)
        return start_refund(book, of, self)
