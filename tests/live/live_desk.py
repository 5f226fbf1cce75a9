"""Live charging in a test: desks on one database, a clock that the test sets, one loop for all of it.

Two desks on one database are two processes that take turns; a restart is a process that ended and one that
knows only what is stored.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import psycopg

from talktime.accounts.documents import tenant_text, text_of, user_key
from talktime.accounts.tenant import Tenant
from talktime.catalog.model import Catalogue
from talktime.core.deck import Deck, RateBook
from talktime.ledger.commands import Fund, NewTenant, TakeBack
from talktime.ledger.database import open_url
from talktime.ledger.engine import Command
from talktime.ledger.postgres_store import PostgresStore
from talktime.ledger.records import Document
from talktime.ledger.sqlite_store import SqliteStore
from talktime.ledger.store import Store
from talktime.live.desk import Desk
from talktime.live.operations import AnyOperation, Pace
from talktime.live.rates import RateBooks

SECOND = 1_000_000
NOON_US = 1_772_366_400 * SECOND  # 2026-03-01 12:00


def store_of(url: str) -> Store:
    """The store of a URL, as the service would choose it."""
    opened = open_url(url)
    return SqliteStore(opened.path) if opened.kind == "sqlite" else PostgresStore(opened)


def books_of(*decks: Deck) -> RateBooks:
    """Decks by version; the first is bound to everybody."""
    bindings = tuple((deck.currency, 0, deck.version) for deck in decks[:1])
    return RateBooks({deck.version: RateBook(deck) for deck in decks}, bindings)


class LiveDesk:
    """One or more desks on one migrated database, run step by step; `now_us` is the clock of all."""

    def __init__(
        self,
        url: str,
        catalogue: Catalogue,
        rates: RateBooks,
        *,
        pace: Pace | None = None,
        now_us: int = NOON_US,
        desks: int = 1,
    ) -> None:
        self.url = open_url(url)
        self.now_us = now_us
        self._made: Callable[[], Desk] = lambda: Desk(
            store_of(url), catalogue, rates=rates, pace=pace, clock_us=self._clock_us
        )
        self._runner = asyncio.Runner()
        self._sqlite = sqlite3.connect(self.url.path) if self.url.kind == "sqlite" else None
        self._postgres = (
            None if self._sqlite else psycopg.connect(self.url.place, autocommit=True, client_encoding="utf8")
        )
        self.desks = [self._made() for _ in range(desks)]
        for desk in self.desks:
            self._runner.run(desk.start(rounds=False))

    def _clock_us(self) -> int:
        return self.now_us

    # --- what is done ----------------------------------------------------------------------------------

    def do(self, what: AnyOperation | Command, desk: int = 0) -> Any:
        """Hands in one operation or command and returns its answer."""
        return self.together([what], desk)[0]

    def together(self, whats: Sequence[AnyOperation | Command], desk: int = 0) -> list[Any]:
        """Hands in all at once, so that they are one batch (up to 256)."""
        return self._runner.run(_submitted(self.desks[desk], whats))

    def look_round(self, desk: int = 0) -> int:
        """Sweeps silent calls, expires lots, trims closed sessions."""
        return self._runner.run(self.desks[desk].look_round())

    def restart(self) -> None:
        """All desks end, new ones begin."""
        self._stop()
        self.desks = [self._made() for _ in self.desks]
        for desk in self.desks:
            self._runner.run(desk.start(rounds=False))

    def close(self) -> None:
        """Ends desks, connection and loop."""
        self._stop()
        if self._sqlite is not None:
            self._sqlite.close()
        if self._postgres is not None:
            self._postgres.close()
        self._runner.close()

    def _stop(self) -> None:
        for desk in self.desks:
            self._runner.run(desk.stop())

    # --- short ways ------------------------------------------------------------------------------------

    def add(self, tenant: Tenant, deck: str = "") -> Any:
        """Makes a tenant with its documents; `deck` binds it to that version."""
        documents = [Document("tenants", "", tenant_text(tenant))]
        documents += [Document("users", user_key(user), text_of(user)) for user in tenant.users]
        documents += [Document("service_numbers", s.number, text_of(s)) for s in tenant.service_numbers]
        if deck:
            documents.append(Document("deck_bindings", f"{tenant.currency}/0", deck))
        return self.do(NewTenant(tenant.id, tenant.currency, tenant.time_zone, documents))

    def fund(
        self, tenant: str, amount: int, life_us: int = 2**50, desk: int = 0, origin: str = "purchase"
    ) -> Any:
        """Opens a lot that expires so much later."""
        return self.do(Fund(tenant, amount, lambda at_us: at_us + life_us, "manual", origin), desk)

    def take_back(self, tenant: str, amount: int, desk: int = 0) -> Any:
        """A negative adjustment."""
        return self.do(TakeBack(tenant, amount, "a test"), desk)

    # --- what is stored --------------------------------------------------------------------------------

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a query with `?` for values."""
        if self._sqlite is not None:
            with closing(self._sqlite.execute(query, values)) as found:
                return found.fetchall()
        assert self._postgres is not None
        return self._postgres.execute(query.replace("?", "%s").encode(), values).fetchall()

    def wallet(self, tenant: str) -> tuple[int, int, int]:
        """(balance, reserved, overdraft)."""
        ((balance, reserved, overdraft),) = self.rows(
            "select balance, reserved, overdraft from wallets where tenant = ?", tenant
        )
        return balance, reserved, overdraft

    def lots(self, tenant: str) -> dict[int, tuple[int, int]]:
        """Lot -> (left, held), of those that hold money."""
        ((lots,),) = self.rows("select lots from wallets where tenant = ?", tenant)
        return {lot: (left, held) for lot, _, left, held in json.loads(lots)}

    def counters(self, tenant: str) -> dict[tuple[str, int], tuple[int, int]]:
        """(counter, period) -> (used, reserved), of those that are not zero."""
        found = self.rows(
            "select counter, period, used, reserved from counters "
            "where tenant = ? and (used <> 0 or reserved <> 0)",
            tenant,
        )
        return {(counter, period): (used, reserved) for counter, period, used, reserved in found}

    def notices(self, tenant: str, kind: str) -> int:
        """How often somebody is to be told of something."""
        return len(self.rows("select id from outbox where tenant = ? and kind = ?", tenant, kind))


async def _submitted(desk: Desk, whats: Sequence[AnyOperation | Command]) -> list[Any]:
    commands = [desk.command(what) if isinstance(what, AnyOperation) else what for what in whats]
    return list(await asyncio.gather(*[desk.engine.submit(command) for command in commands]))
