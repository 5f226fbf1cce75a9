"""What people do to a tenant: make it, change its people and settings, put credits in, take them out.

Every change is a command of the engine. It is worked out under the tenant's lock from what is configured
then, and the tenant that would come of it is checked as a whole; so two changes at once cannot break it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from talktime.accounts.calendar import twelve_months_on_us
from talktime.accounts.documents import tenant_text, text_of, user_key
from talktime.accounts.eligibility import switched_on_refused
from talktime.accounts.tenant import Tenant
from talktime.accounts.tenant_changes import (
    Change,
    deck_bound,
    in_the_future,
    named_twice,
    service_gone,
    service_put,
    set_elsewhere,
    settings_put,
    user_gone,
    user_put,
)
from talktime.accounts.tenant_commands import (
    BY_HAND,
    Configured,
    Edit,
    Give,
    Invalid,
    WhileOpen,
    adjusting,
)
from talktime.accounts.tenant_file import TenantFaults, tenant_of_table
from talktime.catalog.side import load_currencies
from talktime.core.limits import MAX_MONEY_MICROS
from talktime.core.money import MICROS_PLACES, format_money
from talktime.ledger.commands import (
    ADJUSTMENT,
    NO_TENANT,
    PURCHASE,
    TAKEN_BACK,
    Fund,
    NewTenant,
    OpenLot,
    Refused,
    Wallet,
)
from talktime.ledger.records import Document
from talktime.ledger.store import Duplicate

if TYPE_CHECKING:
    from talktime.catalog.model import Catalogue
    from talktime.ledger.commands import WriteReceipt
    from talktime.ledger.decks import Decks
    from talktime.ledger.engine import Command, Engine
    from talktime.ledger.reading import Reader

__all__ = [
    "BY_HAND",
    "Adjusted",
    "Administration",
    "Configured",
    "Edit",
    "Funded",
    "Give",
    "Invalid",
    "Outcome",
    "adjustment_refused",
    "purchase_refused",
]


@dataclass(frozen=True, slots=True)
class Funded:
    """The lot that credits went into; `repeated`: it was there already, by the same reference."""

    lot: int
    amount: int
    repeated: bool


@dataclass(frozen=True, slots=True)
class Adjusted:
    """What a tenant has after an adjustment, or now where its reference had made it before (`repeated`)."""

    wallet: Wallet
    repeated: bool


Outcome = Wallet | Refused | Invalid | bool


class Administration:
    """The use cases. Each answers a value; QueueFull, Stopping, UnknownOutcome, StoreBusy, StoreAway rise."""

    def __init__(self, engine: Engine, reader: Reader, decks: Decks, catalogue: Catalogue) -> None:
        self._engine = engine
        self._reader = reader
        self._decks = decks
        self._catalogue = catalogue

    # --- tenants ---------------------------------------------------------------------------------------

    async def make_tenant(self, tables: Mapping[str, Any], who: str) -> Outcome:
        """Makes a tenant of tables as the tenant file has them; purchases become lots."""
        try:
            tenant = tenant_of_table(tables, self._catalogue)
        except TenantFaults as error:
            return Invalid(error.faults)
        faults = (*set_elsewhere(tenant), *in_the_future(tenant, self._engine.clock_us()))
        return Invalid(faults) if faults else await self.add_tenant(tenant, who)

    async def add_tenant(self, tenant: Tenant, who: str) -> Outcome:
        """Makes a tenant that was checked; lots that expired meanwhile are forfeited by the engine."""
        documents = [Document("tenants", "", tenant_text(tenant))]
        documents += [Document("users", user_key(user), text_of(user)) for user in tenant.users]
        documents += [
            Document("service_numbers", service.number, text_of(service))
            for service in tenant.service_numbers
        ]
        twice = tuple(named_twice(tenant.users))
        if twice:
            return Invalid(twice)
        bought = sorted(tenant.purchases, key=lambda purchase: purchase.at_us)
        lots = [
            OpenLot(
                amount=purchase.amount_micros,
                bought_us=purchase.at_us,
                expires_us=twelve_months_on_us(purchase.at_us, tenant.time_zone),
                source=BY_HAND,
                reference="",
            )
            for purchase in bought
        ]
        made = NewTenant(tenant.id, tenant.currency, tenant.time_zone, documents, lots, who)
        return await self._outcome(made)

    async def put_settings(self, tenant: str, tables: Mapping[str, Any], who: str) -> Outcome:
        """Replaces accounts, bought licences, caps, guards, auto-recharge; people and numbers stay."""
        now_us, catalogue = self._engine.clock_us(), self._catalogue

        def change(before: Tenant) -> Change | Refused:
            put = settings_put(before, tables, catalogue)
            return switched_on_refused(before, put.tenant, catalogue, now_us) or put

        return await self._edit(tenant, change, "settings replaced", who)

    async def put_user(self, tenant: str, name: str, table: Mapping[str, Any], who: str) -> Outcome:
        """Adds the user `name` (id or UPN) or replaces it."""
        change = partial(user_put, name=name, table=table, catalogue=self._catalogue)
        return await self._edit(tenant, change, f"user {name} put", who)

    async def remove_user(self, tenant: str, name: str, who: str) -> Outcome:
        """Removes a user; its charges stay."""
        return await self._edit(tenant, partial(user_gone, name=name), f"user {name} removed", who)

    async def put_service_number(
        self, tenant: str, number: str, table: Mapping[str, Any], who: str
    ) -> Outcome:
        """Adds a service number or replaces it."""
        change = partial(service_put, number=number, table=table, catalogue=self._catalogue)
        return await self._edit(tenant, change, f"service number {number} put", who)

    async def remove_service_number(self, tenant: str, number: str, who: str) -> Outcome:
        """Removes a service number."""
        change = partial(service_gone, number=number)
        return await self._edit(tenant, change, f"service number {number} removed", who)

    async def bind_deck(self, tenant: str, version: str, valid_from_us: int, who: str) -> Outcome:
        """From an instant on the tenant is charged by this version (rulings.md 14)."""
        deck = await asyncio.to_thread(self._decks.kept, version)
        if deck is None:
            return Refused("unknown_deck", f"no deck {version!r} is stored")
        change = partial(
            deck_bound, version=version, currency=deck.currency, key=f"{deck.currency}/{valid_from_us}"
        )
        return await self._edit(tenant, change, f"deck {version} bound", who)

    async def _edit(
        self, tenant: str, change: Callable[[Tenant], Change | Refused], what: str, who: str
    ) -> Outcome:
        return await self._outcome(Edit(tenant, change, self._catalogue, what, who))

    async def _outcome(self, command: Command) -> Outcome:
        answer = await self._engine.submit(command)
        assert isinstance(answer, Wallet | Refused | Invalid | bool)
        return answer

    # --- money -----------------------------------------------------------------------------------------

    async def fund(
        self,
        tenant: str,
        amount: int,
        currency: str,
        reference: str,
        who: str,
        receipt: WriteReceipt | None = None,
    ) -> Funded | Refused:
        """Opens a lot for a purchase. The same reference again gives the lot that it opened."""
        wallet = await asyncio.to_thread(self._reader.wallet, tenant)
        if wallet is None:
            return NO_TENANT
        refused = purchase_refused(amount, currency, wallet.currency)
        if refused is not None:
            return refused
        known = await self._known(tenant, reference, amount, PURCHASE)
        if known is not None:
            return known
        expiry = partial(twelve_months_on_us, time_zone=wallet.time_zone)
        fund = Fund(tenant, amount, expiry, BY_HAND, PURCHASE, reference, who, receipt=receipt)
        try:
            answer = await self._outcome(WhileOpen(fund, comes_in=True))
        except Duplicate:
            # Somebody used the reference since it was looked for: the index let only one lot be.
            known = await self._known(tenant, reference, amount, PURCHASE)
            if known is None:
                raise
            return known
        if isinstance(answer, Refused):
            return answer
        assert isinstance(answer, Wallet)
        return Funded(answer.lot, amount, repeated=False)

    async def _known(self, tenant: str, reference: str, amount: int, origin: str) -> Funded | Refused | None:
        """What a reference did before; refused where that was something else, or of another amount."""
        if not reference:
            return None
        known = await asyncio.to_thread(self._reader.lot_of, tenant, reference)
        if known is None:
            return None
        lot, moved, stored = known
        if (moved, stored) != (amount, origin):
            did = "took" if stored == TAKEN_BACK else f"opened lot {lot} of"
            return Refused("conflict", f"reference {reference!r} {did} {format_money(moved)} before")
        return Funded(max(lot, 0), moved, repeated=True)

    async def adjust(
        self, tenant: str, amount: int, reason: str, reference: str, who: str
    ) -> Adjusted | Refused:
        """Gives credits (`amount` above 0) as a lot, or takes free ones back (below 0).

        The same reference again changes nothing, and gives the lot that it opened.
        """
        refused = adjustment_refused(amount, reason)
        if refused is not None:
            return refused
        wallet = await asyncio.to_thread(self._reader.wallet, tenant)
        if wallet is None:
            return NO_TENANT
        known = await self.adjusted_before(tenant, amount, reference)
        if known is not None:
            return known
        command = adjusting(tenant, amount, wallet.time_zone, reason, reference, who)
        try:
            answer = await self._outcome(WhileOpen(command))
        except Duplicate:
            known = await self.adjusted_before(tenant, amount, reference)
            if known is None:
                raise
            return known
        assert isinstance(answer, Wallet | Refused)
        return answer if isinstance(answer, Refused) else Adjusted(answer, repeated=False)

    async def adjusted_before(self, tenant: str, amount: int, reference: str) -> Adjusted | Refused | None:
        """What the reference of an adjustment did before, with what the tenant has now."""
        origin = ADJUSTMENT if amount > 0 else TAKEN_BACK
        known = await self._known(tenant, reference, abs(amount), origin)
        if known is None or isinstance(known, Refused):
            return known
        wallet = await asyncio.to_thread(self._reader.wallet, tenant)
        assert wallet is not None, "a tenant is never removed"
        return Adjusted(Wallet(known.lot, wallet.balance, wallet.reserved), repeated=True)


def adjustment_refused(amount: int, reason: str) -> Refused | None:
    """Why so many micros cannot be given or taken back for this reason, whoever may do it."""
    if not reason.strip():
        return Refused("reason_missing", "an adjustment needs a reason; say why")
    if not amount:
        return Refused("zero_amount", "an adjustment of 0 changes nothing")
    return _over_limit(amount) if abs(amount) > MAX_MONEY_MICROS else None


def purchase_refused(amount: int, currency: str, own: str) -> Refused | None:
    """Why so many micros of a currency cannot be bought by a tenant whose currency is `own` (domain.md 6)."""
    currencies = load_currencies()
    least = currencies.minimum_purchase_micros(own)
    places = currencies.minor_units.get(own, MICROS_PLACES)
    if currency != own:
        return Refused("foreign_currency", f"the tenant pays in {own}, not in {currency}")
    if not amount:
        return Refused("zero_amount", "a purchase of 0 buys nothing")
    if amount < 0:
        return Refused("negative_amount", f"amount {format_money(amount)} must be above 0")
    if amount > MAX_MONEY_MICROS:
        return _over_limit(amount)
    if amount < least:
        return Refused(
            "below_minimum",
            f"amount {format_money(amount)} is below the least purchase of {format_money(least)} {own}",
        )
    if amount % 10 ** (MICROS_PLACES - places):
        return Refused(
            "finer_than_coin",
            f"amount {format_money(amount)} is finer than {own} can be paid, {places} decimals",
        )
    return None


def _over_limit(amount: int) -> Refused:
    most = format_money(MAX_MONEY_MICROS)
    return Refused("over_limit", f"amount {format_money(amount)} is over the limit of {most}")
