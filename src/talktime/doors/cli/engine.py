"""The ledger for one command: opened, asked, closed again.

What changes money or a tenant goes through the engine, as it does in `talktime serve`, so a command may run
beside a server: the store's locks put both in one order (rulings.md 33).
"""

from __future__ import annotations

import asyncio
import os
import pwd
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from time import time_ns
from typing import TYPE_CHECKING, Final, TypeVar

from talktime.doors.cli.ledger import database_url
from talktime.doors.cli.problems import Unusable, WrongUse

if TYPE_CHECKING:
    from talktime.accounts.administration import Administration
    from talktime.accounts.approvals import Person
    from talktime.accounts.expecting import Expecting
    from talktime.accounts.provider import Provider
    from talktime.accounts.tenant import Tenant
    from talktime.catalog.model import Catalogue
    from talktime.doors.http.outside import OutsideParts
    from talktime.funding.purchasing import Purchasing
    from talktime.funding.worker import PaymentWorker
    from talktime.ledger.database import DatabaseUrl
    from talktime.ledger.decks import Decks
    from talktime.ledger.engine import Engine
    from talktime.ledger.reading import Reader
    from talktime.ledger.store import Store
    from talktime.settings import Settings

T = TypeVar("T")

WHO: Final = "command line"
"""How the audit log calls this door; the account of whoever types stands behind it (`typist`)."""

TENANTS_NAMED: Final = 5
"""Tenants that a sentence names where one has to be chosen."""


@dataclass(frozen=True, slots=True)
class Office:
    """The ledger as it was last committed, and what is needed to read it."""

    url: DatabaseUrl
    reader: Reader
    catalogue: Catalogue
    settings: Settings

    def tenant_id(self, named: str) -> str:
        """The tenant that a command is about: the named one, else the only one of the ledger."""
        if named:
            if self.reader.document(named) is None:
                raise Unusable(f"there is no tenant {named!r}; `talktime tenant list` shows them")
            return named
        known = [kept.tenant for kept in self.reader.tenants("", TENANTS_NAMED + 1)]
        if not known:
            raise Unusable("no tenants yet; `talktime tenant add TENANT.toml` makes one")
        if len(known) > 1:
            more = ", ..." if len(known) > TENANTS_NAMED else ""
            named_ones = ", ".join(known[:TENANTS_NAMED])
            raise WrongUse(f"there are several tenants; say which by --tenant: {named_ones}{more}")
        return known[0]

    def tenant(self, named: str) -> Tenant:
        """The tenant of a command with its people and numbers."""
        from talktime.accounts.documents import tenant_of

        found = self.reader.documents(self.tenant_id(named))
        assert found is not None, "a tenant is never removed"
        return tenant_of(found.tenant, found.users, found.service_numbers)


@dataclass(frozen=True)
class Working(Office):
    """The same with a running engine: what changes something."""

    engine: Engine
    decks: Decks

    @cached_property
    def outside(self) -> OutsideParts:
        """Gateways, seller, mail server; made when they are asked for, since they keep files of their own."""
        return outside_parts(self.settings)

    async def close(self) -> None:
        """Lets go of the gateways that were asked for."""
        if "outside" in self.__dict__:
            for gateway in self.outside.gateways.values():
                await gateway.close()

    @property
    def administration(self) -> Administration:
        """What people do to a tenant."""
        from talktime.accounts.administration import Administration

        return Administration(self.engine, self.reader, self.decks, self.catalogue)

    @property
    def expecting(self) -> Expecting:
        """The same, and changes of any part of a tenant."""
        from talktime.accounts.expecting import Expecting

        return Expecting(self.engine, self.reader, self.decks, self.catalogue)

    @property
    def provider(self) -> Provider:
        """What the provider does to tenants."""
        from talktime.accounts.provider import Provider

        return Provider(self.engine, self.reader, self.catalogue, self.administration)

    @property
    def worker(self) -> PaymentWorker:
        """Who talks to gateways."""
        from talktime.funding.worker import PaymentWorker

        return PaymentWorker(self.engine, self.outside.gateways, self.outside.seller)

    @property
    def purchasing(self) -> Purchasing:
        """Buying and paying back."""
        from talktime.funding.purchasing import Purchasing

        gateways = self.outside.gateways
        return Purchasing(self.engine, self.reader, self.catalogue, gateways, self.worker)

    async def recharge_now(self, tenant: str) -> None:
        """Works on the recharge that waits, if there is one: without a server nobody else would.

        The rule is looked at after the change that it comes of, in a transaction of its own.
        """
        from talktime.ledger.engine import Attend

        await self.engine.submit(Attend(tenant))
        standing = await asyncio.to_thread(self.reader.standing, tenant)
        if standing is not None and standing.attempt:
            await self.worker.work(tenant, standing.attempt)


@contextmanager
def office(database: str | None) -> Iterator[Office]:
    """The ledger for a command that only looks. Raises WrongUse or Unusable with a sentence."""
    from talktime.catalog.load import load_catalogue
    from talktime.ledger.reading import Reader
    from talktime.settings import read_settings

    with ledger_faults():
        url, settings = ready(database), read_settings()
        yield Office(url, Reader(url), load_catalogue(settings.catalogue), settings)


def working(database: str | None, ask: Callable[[Working], Awaitable[T]]) -> T:
    """Asks one thing of a running engine. Raises WrongUse or Unusable with a sentence."""
    with ledger_faults():
        return asyncio.run(_asked(ready(database), ask))


def administer(database: str | None, ask: Callable[[Administration], Awaitable[T]]) -> T:
    """Asks one thing of the administration of tenants, as `working`."""
    return working(database, lambda here: ask(here.administration))


async def _asked(url: DatabaseUrl, ask: Callable[[Working], Awaitable[T]]) -> T:
    from talktime.catalog.load import load_catalogue
    from talktime.ledger.decks import Decks
    from talktime.ledger.reading import Reader
    from talktime.live.desk import Desk
    from talktime.live.rates import RateBooks
    from talktime.settings import read_settings

    settings, decks = read_settings(), Decks(url)
    catalogue = load_catalogue(settings.catalogue)
    desk = Desk(open_store(url), catalogue, rates=RateBooks(source=decks))
    await desk.start(rounds=False)
    here = Working(url, Reader(url), catalogue, settings, desk.engine, decks)
    try:
        return await ask(here)
    finally:
        await desk.stop()
        await here.close()


def outside_parts(settings: Settings) -> OutsideParts:
    """Gateways, seller and mail server of the environment. Raises WrongUse naming the variable."""
    from talktime.doors.http.outside import outside_of

    try:
        return outside_of(settings)
    except ValueError as problem:
        raise WrongUse(str(problem)) from None


def typist() -> Person:
    """Who types, by the account of the operating system; the audit log names all who have their own."""
    from talktime.accounts.approvals import Person

    number = os.getuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:  # a container may run as a number that has no name
        name = f"uid {number}"
    return Person(f"{WHO}/{name}", f"{WHO} ({name})")


def open_store(url: DatabaseUrl) -> Store:
    """The store of a database."""
    if url.kind == "sqlite":
        from talktime.ledger.sqlite_store import SqliteStore

        return SqliteStore(url.path)
    from talktime.ledger.postgres_store import PostgresStore

    return PostgresStore(url)


def ready(database: str | None) -> DatabaseUrl:
    """The database, made and brought to the newest step where it is not there yet. Raises DatabaseError."""
    from talktime.ledger.database import upgrade

    url = database_url(database)
    upgrade(url)
    return url


@contextmanager
def ledger_faults() -> Iterator[None]:
    """Faults of the database whose message is a sentence for people."""
    from talktime.ledger.database import DatabaseError
    from talktime.ledger.engine import QueueFull, Stopping
    from talktime.ledger.store import StoreAway, StoreBusy, UnknownOutcome

    try:
        yield
    except DatabaseError as problem:
        raise WrongUse(str(problem)) from None
    except (StoreAway, StoreBusy, QueueFull, Stopping) as problem:
        raise Unusable(f"{problem}; nothing was changed") from None
    except UnknownOutcome as problem:
        raise Unusable(f"{problem}; nobody can say whether it was done: look before you repeat it") from None


def now_us() -> int:
    """The instant of a command."""
    return time_ns() // 1_000
