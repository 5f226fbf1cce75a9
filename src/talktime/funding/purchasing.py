"""Buying credits and giving them back: what people ask for, from the question to the answer.

The payment is written down first, then worked on at once by whoever was asked; if that process dies, any
worker goes on with it. The request's key names the payment, so the same request again finds it (rulings.md
27, domain.md 6 and 9).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from talktime.accounts.administration import purchase_refused
from talktime.accounts.calendar import twelve_months_on_us
from talktime.accounts.documents import tenant_of
from talktime.accounts.eligibility import Answer, eligibility, not_eligible
from talktime.accounts.tenant_commands import WhileOpen
from talktime.core.money import format_money
from talktime.funding.by_hand import ResolvePayment
from talktime.funding.commands import AskPayment, AskRefund, RetryNow, billed_of
from talktime.funding.payments import Kind, State
from talktime.funding.refunds import refund_id
from talktime.funding.settlement import receipt_by_hand
from talktime.ledger.commands import NO_TENANT, Fund, Refused, Wallet
from talktime.ledger.records import Payment
from talktime.ledger.store import Duplicate

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.catalog.model import Catalogue
    from talktime.funding.gateway import Gateway
    from talktime.funding.worker import PaymentWorker
    from talktime.ledger.commands import WriteReceipt
    from talktime.ledger.engine import Engine
    from talktime.ledger.reading import Reader

PARTNER: Final = "partner"
"""The source of credits that a partner paid for its customer."""

NO_GATEWAY: Final = Refused("unknown_gateway", "that gateway is not set up here")


@dataclass(frozen=True, slots=True)
class Order:
    """Credits that somebody wants: micros of a currency; `key` is the request's own (Idempotency-Key).

    `method`: the id of a payment method, "" for the default one.
    """

    tenant: str
    amount: int
    currency: str
    key: str
    who: str
    method: str = ""
    purchase_order: str = ""
    present: bool = True


@dataclass(frozen=True, slots=True)
class Bought:
    """What became of an order; `repeated`: the same key had asked for it before."""

    payment: Payment
    repeated: bool


ReadTenant = Callable[[str], "Tenant | None"]
"""A tenant as it is stored, None where there is none. Blocks, for large tenants for long: ask in a thread."""


def reading_tenants(reader: Reader) -> ReadTenant:
    """Reads a tenant anew each time; a process that answers many people keeps what it has read instead."""

    def read(name: str) -> Tenant | None:
        documents = reader.documents(name)
        if documents is None:
            return None
        return tenant_of(documents.tenant, documents.users, documents.service_numbers)

    return read


class Purchasing:
    """The use cases. Each answers a value; what the engine and the reader raise rises.

    `tenants` None: they are read anew each time.
    """

    def __init__(
        self,
        engine: Engine,
        reader: Reader,
        catalogue: Catalogue,
        gateways: Mapping[str, Gateway],
        worker: PaymentWorker,
        tenants: ReadTenant | None = None,
    ) -> None:
        self._engine = engine
        self._reader = reader
        self._catalogue = catalogue
        self._gateways = gateways
        self._worker = worker
        self._tenants = tenants or reading_tenants(reader)

    @property
    def gateways(self) -> Mapping[str, Gateway]:
        """The gateways by name."""
        return self._gateways

    async def tenant(self, name: str) -> Tenant | None:
        """A tenant as it is stored."""
        return await asyncio.to_thread(self._tenants, name)

    async def eligibility(self, name: str) -> Answer | Refused:
        """May the tenant buy, rule by rule."""
        tenant = await self.tenant(name)
        return NO_TENANT if tenant is None else eligibility(tenant, self._catalogue, self._engine.clock_us())

    async def buy(self, order: Order) -> Bought | Refused:
        """Buys credits by card, once a key. Eligibility is asked first; a repeat is not asked again."""
        tenant = await self.tenant(order.tenant)
        if tenant is None:
            return NO_TENANT
        name = _payment_name(order.tenant, "purchase", order.key)
        known = await asyncio.to_thread(self._reader.payment, order.tenant, name)
        if known is None:
            refused = purchase_refused(order.amount, order.currency, tenant.currency)
            if refused is not None:
                return refused
            answer = eligibility(tenant, self._catalogue, self._engine.clock_us())
            if not answer.can_buy:
                return not_eligible(answer)
        ask = AskPayment(
            tenant=order.tenant,
            payment=name,
            amount=order.amount,
            method=order.method,
            digest=_digest(order.amount, order.currency, order.method, order.purchase_order),
            who=order.who,
            kind=Kind.PURCHASE,
            purchase_order=order.purchase_order,
            present=order.present,
            gateways=tuple(self._gateways),
        )
        return await self._worked_on(ask, repeated=known is not None)

    async def refund(self, tenant: str, of: str, asked: Order, reason: str) -> Bought | Refused:
        """Gives back money of a settled payment, up to what is left of its lot."""
        if asked.amount <= 0:
            return Refused("negative_amount", f"amount {format_money(asked.amount)} must be above 0")
        if not reason.strip():
            return Refused("reason_missing", "a refund needs a reason; say why")
        name = refund_id(of, sha256(asked.key.encode()).hexdigest()[:24])
        known = await asyncio.to_thread(self._reader.payment, tenant, name)
        ask = AskRefund(tenant, name, of, asked.amount, reason, _digest(asked.amount, reason), asked.who)
        return await self._worked_on(ask, repeated=known is not None)

    async def _worked_on(self, ask: AskPayment | AskRefund, *, repeated: bool) -> Bought | Refused:
        answer = await self._engine.submit(ask)
        if isinstance(answer, Refused):
            return answer
        assert isinstance(answer, Payment)
        if answer.state == State.CREATED:
            worked = await self._worker.work(ask.tenant, answer.payment)
            if worked is None:  # somebody else took it up
                worked = await asyncio.to_thread(self._reader.payment, ask.tenant, ask.payment)
            return Bought(worked or answer, repeated)
        return Bought(answer, repeated)

    async def fund_on_behalf(self, order: Order) -> Wallet | Refused:
        """A partner funds its customer: a lot at once; the partner is billed elsewhere (domain.md 9)."""
        tenant = await self.tenant(order.tenant)
        if tenant is None:
            return NO_TENANT
        refused = purchase_refused(order.amount, order.currency, tenant.currency)
        if refused is not None:
            return refused
        if not eligibility(tenant, self._catalogue, self._engine.clock_us()).partner_may_fund:
            why = "no subscription came through a partner, or another rule stands against it"
            return Refused("not_through_partner", why)
        reference = f"{PARTNER}:{order.key}"
        known = await self._same_lot(order, reference)
        if known is not None:
            return known
        expiry = partial(twelve_months_on_us, time_zone=tenant.time_zone)
        fund = Fund(
            tenant=order.tenant,
            amount=order.amount,
            expiry=expiry,
            source=PARTNER,
            origin=Kind.ON_BEHALF,
            reference=reference,
            who=order.who,
            method="the partner's money",
            receipt=receipt_by_hand(self._worker.seller, billed_of(tenant)),
        )
        try:
            answer = await self._engine.submit(WhileOpen(fund, comes_in=True))
        except Duplicate:
            return await self._same_lot(order, reference) or NO_TENANT
        assert isinstance(answer, Wallet | Refused)
        return answer

    async def receipt_for(self, name: str) -> WriteReceipt | None:
        """What writes the receipt of credits that no gateway was paid for; None where there is no tenant."""
        tenant = await self.tenant(name)
        return None if tenant is None else receipt_by_hand(self._worker.seller, billed_of(tenant))

    async def _same_lot(self, order: Order, reference: str) -> Wallet | Refused | None:
        """The lot that the same key opened before."""
        known = await asyncio.to_thread(self._reader.lot_of, order.tenant, reference)
        wallet = await asyncio.to_thread(self._reader.wallet, order.tenant)
        if known is None or wallet is None:
            return None
        lot, amount, _ = known
        if amount != order.amount:
            return Refused("conflict", "this Idempotency-Key came before with another request")
        return Wallet(lot, wallet.balance, wallet.reserved)

    async def retry_now(self, tenant: str, who: str) -> bool | Refused:
        """Ends a pause of auto-recharge, or has the attempt that waits tried at once."""
        standing = await asyncio.to_thread(self._reader.standing, tenant)
        if standing is None:
            return NO_TENANT
        answer = await self._engine.submit(RetryNow(tenant, who, standing.attempt))
        assert isinstance(answer, bool | Refused)
        return answer

    async def resolve(self, asked: ResolvePayment) -> Payment | Refused:
        """Ends a payment of which nobody here knows, by what a person found out at the gateway."""
        try:
            answer = await self._engine.submit(asked)
        except Duplicate:
            why = f"{asked.gateway_payment!r} has bought other credits already"
            return Refused("conflict", why)
        assert isinstance(answer, Payment | Refused)
        return answer


def _payment_name(tenant: str, what: str, key: str) -> str:
    """The name of a payment that was asked for with a key: unique in the installation."""
    return f"K-{sha256(f'{tenant}|{what}|{key}'.encode()).hexdigest()[:32]}"


def _digest(*parts: object) -> str:
    return sha256("|".join(str(part) for part in parts).encode()).hexdigest()[:32]
