"""What people do to a tenant: make it, change its people and settings, put credits in, take them out.

Every change is a command of the engine. It is worked out under the tenant's lock from what is configured
then, and the tenant that would come of it is checked as a whole; so two changes at once cannot break it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, runtime_checkable

import msgspec
import psycopg

from talktime.accounts.calendar import twelve_months_on_us
from talktime.accounts.documents import tenant_text, text_of, user_key
from talktime.accounts.tenant import ServiceNumber, Tenant, User
from talktime.accounts.tenant_checks import check_tenant
from talktime.accounts.tenant_file import TenantFaults, tenant_of_table
from talktime.accounts.tenant_tables import Tables, service_table, settings_tables, tenant_tables, user_table
from talktime.catalog.side import load_currencies
from talktime.core.limits import MAX_MONEY_MICROS
from talktime.core.money import MICROS_PLACES, format_money
from talktime.core.numbers import parse_number
from talktime.ledger.commands import (
    ADJUSTMENT,
    NO_TENANT,
    PURCHASE,
    Fund,
    NewTenant,
    OpenLot,
    PutDocuments,
    Refused,
    TakeBack,
    Wallet,
)
from talktime.ledger.records import Document

if TYPE_CHECKING:
    from talktime.catalog.model import Catalogue
    from talktime.ledger.book import Book
    from talktime.ledger.decks import Decks
    from talktime.ledger.engine import Command, Engine
    from talktime.ledger.reading import Reader
    from talktime.ledger.records import SessionRow

BY_HAND: Final = "manual"
"""The source of credits that a person entered: money that came by another way than a gateway."""

UNKNOWN_USER: Final = "unknown_user"
UNKNOWN_NUMBER: Final = "unknown_service_number"


@dataclass(frozen=True, slots=True)
class Invalid:
    """A change that would make a tenant which cannot be; `faults` are sentences."""

    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Funded:
    """The lot that credits went into; `repeated`: it was there already, by the same reference."""

    lot: int
    amount: int
    repeated: bool


Outcome = Wallet | Refused | Invalid | bool


@runtime_checkable
class Configured(Protocol):
    """What the engine made of a tenant's documents."""

    @property
    def tenant(self) -> Tenant:
        """The tenant as the documents say."""


class Change(NamedTuple):
    """A change of a tenant: what it will be, the documents to write, and what the audit log shows."""

    tenant: Tenant
    documents: Sequence[Document]
    before: str
    after: str


class Edit:
    """A command that works a change out from the tenant as it is under the lock."""

    __slots__ = ("call_id", "catalogue", "change", "creates", "tenant", "what", "who")

    def __init__(
        self,
        tenant: str,
        change: Callable[[Tenant], Change | Refused],
        catalogue: Catalogue,
        what: str,
        who: str,
    ) -> None:
        self.tenant = tenant
        self.change = change
        self.catalogue = catalogue
        self.what = what
        self.who = who
        self.call_id = ""
        self.creates = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Outcome:
        """True once it is done, also where nothing had to change."""
        if book is None:
            return NO_TENANT
        assert isinstance(book.config, Configured), "the engine was given another configuration"
        try:
            change = self.change(book.config.tenant)
        except TenantFaults as error:
            return Invalid(error.faults)
        if isinstance(change, Refused):
            return change
        faults = tuple(check_tenant(change.tenant, self.catalogue))
        if faults:
            return Invalid(faults)
        if change.before == change.after:
            return True
        put = PutDocuments(
            tenant=self.tenant,
            documents=change.documents,
            check=_nothing_against,
            what=self.what,
            before=change.before,
            after=change.after,
            who=self.who,
        )
        return put.decide(book, session, now_us)


class Give:
    """Credits given by hand: a lot like any other, with the reason in the audit log."""

    __slots__ = ("call_id", "creates", "fund", "reason", "tenant")

    def __init__(self, fund: Fund, reason: str) -> None:
        self.fund = fund
        self.reason = reason
        self.tenant = fund.tenant
        self.call_id = ""
        self.creates = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Wallet | Refused:
        """The wallet after it."""
        answer = self.fund.decide(book, session, now_us)
        if book is not None and isinstance(answer, Wallet):
            line = book.audit[-1]
            book.audit[-1] = line._replace(what=f"{line.what}: {self.reason}")
        return answer


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
        faults = (*_not_here(tenant), *_not_yet(tenant, self._engine.clock_us()))
        return Invalid(faults) if faults else await self.add_tenant(tenant, who)

    async def add_tenant(self, tenant: Tenant, who: str) -> Outcome:
        """Makes a tenant that was checked; lots that expired meanwhile are forfeited by the engine."""
        documents = [Document("tenants", "", tenant_text(tenant))]
        documents += [Document("users", user_key(user), text_of(user)) for user in tenant.users]
        documents += [
            Document("service_numbers", service.number, text_of(service))
            for service in tenant.service_numbers
        ]
        clashes = tuple(_clashes(tenant.users))
        if clashes:
            return Invalid(clashes)
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
        change = partial(_settings, tables=tables, catalogue=self._catalogue)
        return await self._edit(tenant, change, "settings replaced", who)

    async def put_user(self, tenant: str, name: str, table: Mapping[str, Any], who: str) -> Outcome:
        """Adds the user `name` (id or UPN) or replaces it."""
        change = partial(_user_put, name=name, table=table, catalogue=self._catalogue)
        return await self._edit(tenant, change, f"user {name} put", who)

    async def remove_user(self, tenant: str, name: str, who: str) -> Outcome:
        """Removes a user; its charges stay."""
        return await self._edit(tenant, partial(_user_gone, name=name), f"user {name} removed", who)

    async def put_service_number(
        self, tenant: str, number: str, table: Mapping[str, Any], who: str
    ) -> Outcome:
        """Adds a service number or replaces it."""
        change = partial(_service_put, number=number, table=table, catalogue=self._catalogue)
        return await self._edit(tenant, change, f"service number {number} put", who)

    async def remove_service_number(self, tenant: str, number: str, who: str) -> Outcome:
        """Removes a service number."""
        change = partial(_service_gone, number=number)
        return await self._edit(tenant, change, f"service number {number} removed", who)

    async def bind_deck(self, tenant: str, version: str, valid_from_us: int, who: str) -> Outcome:
        """From an instant on the tenant is charged by this version (rulings.md 14)."""
        deck = await asyncio.to_thread(self._decks.kept, version)
        if deck is None:
            return Refused("unknown_deck", f"no deck {version!r} is stored")
        change = partial(
            _bound, version=version, currency=deck.currency, key=f"{deck.currency}/{valid_from_us}"
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
        self, tenant: str, amount: int, currency: str, reference: str, who: str
    ) -> Funded | Refused:
        """Opens a lot for a purchase. The same reference again gives the lot that it opened."""
        wallet = await asyncio.to_thread(self._reader.wallet, tenant)
        if wallet is None:
            return NO_TENANT
        refused = purchase_refused(amount, currency, wallet.currency)
        if refused is not None:
            return refused
        known = await self._bought(tenant, reference, amount)
        if known is not None:
            return known
        expiry = partial(twelve_months_on_us, time_zone=wallet.time_zone)
        fund = Fund(tenant, amount, expiry, BY_HAND, PURCHASE, reference, who)
        try:
            answer = await self._outcome(fund)
        except (sqlite3.IntegrityError, psycopg.errors.UniqueViolation):
            # Somebody used the reference since it was looked for: the index let only one lot be.
            known = await self._bought(tenant, reference, amount)
            if known is None:
                raise
            return known
        if isinstance(answer, Refused):
            return answer
        assert isinstance(answer, Wallet)
        return Funded(answer.lot, amount, repeated=False)

    async def _bought(self, tenant: str, reference: str, amount: int) -> Funded | Refused | None:
        """The lot of a reference; refused where it bought another amount."""
        if not reference:
            return None
        known = await asyncio.to_thread(self._reader.lot_of, tenant, reference)
        if known is None:
            return None
        lot, bought, origin = known
        if bought != amount or origin != PURCHASE:
            return Refused(
                "conflict", f"reference {reference!r} opened lot {lot} of {format_money(bought)} before"
            )
        return Funded(lot, bought, repeated=True)

    async def adjust(self, tenant: str, amount: int, reason: str, who: str) -> Wallet | Refused:
        """Gives credits (`amount` above 0) as a lot, or takes free ones back (below 0)."""
        if not reason.strip():
            return Refused("reason_missing", "an adjustment needs a reason; say why")
        if not amount:
            return Refused("zero_amount", "an adjustment of 0 changes nothing")
        if abs(amount) > MAX_MONEY_MICROS:
            return _over_limit(amount)
        wallet = await asyncio.to_thread(self._reader.wallet, tenant)
        if wallet is None:
            return NO_TENANT
        if amount < 0:
            answer = await self._outcome(TakeBack(tenant, -amount, reason, who))
        else:
            expiry = partial(twelve_months_on_us, time_zone=wallet.time_zone)
            answer = await self._outcome(
                Give(Fund(tenant, amount, expiry, BY_HAND, ADJUSTMENT, who=who), reason)
            )
        assert isinstance(answer, Wallet | Refused)
        return answer


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


def _nothing_against(config: object) -> str:
    """The check of PutDocuments: the change was made from this very configuration, under the same lock."""
    del config
    return ""


# --- changes of a tenant ---------------------------------------------------------------------------------


def _settings(tenant: Tenant, tables: Mapping[str, Any], catalogue: Catalogue) -> Change:
    people = {key: value for key, value in tenant_tables(tenant).items() if key in _PEOPLE}
    faults = [
        f"{key}: cannot be replaced here; put them one by one" for key in _NOT_SETTINGS if key in tables
    ]
    if faults:
        raise TenantFaults(faults)
    new = tenant_of_table({**tables, **people}, catalogue)
    fixed = [
        f"tenant: {key} {getattr(new, key)!r} cannot be changed; it is {getattr(tenant, key)!r}"
        for key in _FIXED
        if getattr(new, key) != getattr(tenant, key)
    ]
    faults = [*fixed, *_not_here(new)]
    if faults:
        raise TenantFaults(faults)
    before, after = _json(settings_tables(tenant)), _json(settings_tables(new))
    return Change(new, [Document("tenants", "", tenant_text(new))], before, after)


_PEOPLE: Final = ("users", "service_numbers")
_NOT_SETTINGS: Final = (*_PEOPLE, "purchases")
_FIXED: Final = ("id", "currency", "time_zone")


def _not_here(tenant: Tenant) -> list[str]:
    """The deck of a tenant file is a file; here decks are stored and bound."""
    return ["deck: is not set here; bind a stored deck to the tenant"] if tenant.deck else []


def _not_yet(tenant: Tenant, now_us: int) -> list[str]:
    return [
        f"purchases[{at}]: at lies in the future; a lot is opened when it is paid"
        for at, purchase in enumerate(tenant.purchases, 1)
        if purchase.at_us > now_us
    ]


def _clashes(users: Sequence[User]) -> list[str]:
    """Users that one word would name: the id of one is the UPN of another."""
    first: dict[str, int] = {}
    faults = []
    for at, user in enumerate(users, 1):
        for word in sorted({user.id.lower(), user.upn.lower()} - {""}):
            other = first.setdefault(word, at)
            if other != at:
                faults.append(f"users[{at}]: {word!r} names users[{other}] already")
    return faults


def _read_alone(tenant: Tenant, key: str, table: Mapping[str, Any], catalogue: Catalogue) -> Tenant:
    """A tenant of the same country and currency that holds one entry only. Raises TenantFaults."""
    home = {name: getattr(tenant, name) for name in ("id", "country", "currency", "time_zone")}
    return tenant_of_table({"tenant": home, key: [table]}, catalogue)


def _index_of(tenant: Tenant, name: str) -> int | None:
    """Where the user stands whose id, else whose UPN, is `name`."""
    word = name.lower()
    for key in ("id", "upn"):
        for at, user in enumerate(tenant.users):
            if getattr(user, key).lower() == word:
                return at
    return None


def _user_put(tenant: Tenant, name: str, table: Mapping[str, Any], catalogue: Catalogue) -> Change:
    user = _read_alone(tenant, "users", table, catalogue).users[0]
    if name.lower() not in (user.id.lower(), user.upn.lower()):
        raise TenantFaults([f"users[1]: upn and id name another user than {name!r}"])
    at = _index_of(tenant, name)
    users = list(tenant.users)
    before, documents = "", [Document("users", user_key(user), text_of(user))]
    if at is None:
        users.append(user)
    else:
        old, users[at] = users[at], user
        before = _json(user_table(old))
        if user_key(old) != user_key(user):
            documents.insert(0, Document("users", user_key(old), ""))
    clashes = _clashes(users)
    if clashes:
        raise TenantFaults(clashes)
    return Change(replace(tenant, users=tuple(users)), documents, before, _json(user_table(user)))


def _user_gone(tenant: Tenant, name: str) -> Change | Refused:
    at = _index_of(tenant, name)
    if at is None:
        return Refused(UNKNOWN_USER, f"the tenant has no user {name!r}")
    gone = tenant.users[at]
    left = replace(tenant, users=(*tenant.users[:at], *tenant.users[at + 1 :]))
    return Change(left, [Document("users", user_key(gone), "")], _json(user_table(gone)), "")


def _service_put(tenant: Tenant, number: str, table: Mapping[str, Any], catalogue: Catalogue) -> Change:
    service = _read_alone(tenant, "service_numbers", table, catalogue).service_numbers[0]
    if service.number != parse_number(number, None).text:
        raise TenantFaults([f"service_numbers[1]: number {service.number!r} is another than {number!r}"])
    old = [known for known in tenant.service_numbers if known.number == service.number]
    others = [known for known in tenant.service_numbers if known.number != service.number]
    documents = [Document("service_numbers", service.number, text_of(service))]
    before = _json(service_table(old[0])) if old else ""
    new = replace(tenant, service_numbers=(*others, service))
    return Change(new, documents, before, _json(service_table(service)))


def _service_gone(tenant: Tenant, number: str) -> Change | Refused:
    asked = parse_number(number, None).text
    gone: list[ServiceNumber] = [known for known in tenant.service_numbers if known.number == asked]
    if not gone:
        return Refused(UNKNOWN_NUMBER, f"the tenant has no service number {number!r}")
    left = replace(tenant, service_numbers=tuple(k for k in tenant.service_numbers if k.number != asked))
    return Change(left, [Document("service_numbers", asked, "")], _json(service_table(gone[0])), "")


def _bound(tenant: Tenant, version: str, currency: str, key: str) -> Change | Refused:
    if currency != tenant.currency:
        return Refused("foreign_currency", f"the deck is in {currency}, the tenant pays in {tenant.currency}")
    return Change(tenant, [Document("deck_bindings", key, version)], "", f"{key} {version}")


def _json(table: Tables) -> str:
    return msgspec.json.encode(table).decode()
