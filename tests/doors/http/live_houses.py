"""The whole live application on a database, in this process: live routes, probes, management behind them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI

from talktime.catalog.load import load_catalogue
from talktime.doors.http.answering import Answering
from talktime.doors.http.app import LiveApp
from talktime.doors.http.live_document import describe_live
from talktime.doors.http.live_routes import LiveRoutes
from talktime.doors.http.management.app import management_app
from talktime.doors.http.metrics import Metrics
from talktime.ledger.api_keys import ApiKeys, Keyring
from talktime.ledger.book import Book
from talktime.ledger.database import open_url
from talktime.ledger.decks import Decks
from talktime.ledger.reading import Reader
from talktime.ledger.store import Call, Opening, Store, StoreAway, StoreBusy
from talktime.live.desk import Desk
from talktime.live.rates import RateBooks
from tests.doors.http.houses import Clock, _furnish, client_of, store_of

ANA = "ana@contoso.example"
LONDON = "+442079460000"
SEATTLE = "+12065550100"
BATCH = "/v1/calls:batch"
EMERGENCY = {"call_type": "emergency_out", "callee": "112", "user": "nobody@contoso.example"}


@dataclass(frozen=True)
class Live:
    """What a test has in hand. `client` presents a key for everything."""

    database: str
    desk: Desk
    answering: Answering
    routes: LiveRoutes
    metrics: Metrics
    management: FastAPI
    app: LiveApp
    client: httpx.AsyncClient
    keyring: Keyring
    clock: Clock
    key: str

    async def ask(self, op: str, call_id: str = "c1", **fields: Any) -> httpx.Response:
        """One operation by its route; what is not given is the usual."""
        return await self.client.post(f"/v1/calls/{call_id}/{op}", json=body(op, **fields))

    async def batch(self, *items: Any) -> Any:
        """The answers to a batch."""
        answer = await self.client.post(BATCH, json=list(items))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def with_key(self, tenants: list[str] | None, scopes: list[str]) -> httpx.AsyncClient:
        """A client with a key of its own."""
        _, text = self.keyring.keys.create("test", tenants, scopes, self.clock())
        self.keyring.refresh()
        return client_of(self.app, text)

    def written(self) -> dict[str, list[tuple[Any, ...]]]:
        """All that charging writes, row by row; SQLite only."""
        return written(self.database)


Story = Callable[[Live], Awaitable[None]]

USUAL: dict[str, dict[str, Any]] = {
    "start": {"sequence": 0, "call_type": "user_out", "user": ANA, "callee": LONDON},
    "extend": {"sequence": 1, "used_seconds": 60},
    "end": {"sequence": 2, "duration_seconds": 60},
    "cancel": {"sequence": 1},
}


def body(op: str, **fields: Any) -> dict[str, Any]:
    """The usual body of an operation; a field that is None is left out."""
    told = {"tenant": "contoso", **USUAL[op], **fields}
    return {name: value for name, value in told.items() if value is not None}


def item(op: str, call_id: str = "c1", **fields: Any) -> dict[str, Any]:
    """The usual operation of a batch."""
    return {"op": op, "call_id": call_id, **body(op, **fields)}


def written(database: str) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of all tables that charging writes to."""
    tables = ("wallets", "sessions", "journal", "charges", "counters", "lots", "outbox")
    with closing(sqlite3.connect(open_url(database).path)) as db:
        there = {name for (name,) in db.execute("select name from sqlite_master where type = 'table'")}
        assert {"wallets", "sessions", "journal", "charges"} <= there
        return {
            name: db.execute(f"select * from {name} order by 1, 2").fetchall()
            for name in tables
            if name in there
        }


@asynccontextmanager
async def open_live(
    database: str,
    *,
    store: Callable[[Store], Store] = lambda store: store,
    max_queue: int = 4_096,
    funded: bool = True,
    started: bool = True,
    body_timeout_s: float = 15,
) -> AsyncIterator[Live]:
    """The application on a migrated database; `funded`: with the tenant contoso and the sample deck.

    `store` may put something in front of the store; `started` False: the test starts and stops the desk.
    """
    url, clock = open_url(database), Clock()
    decks, keyring, reader = Decks(url), Keyring(ApiKeys(url)), Reader(url)
    desk = Desk(
        store(store_of(database)),
        load_catalogue(),
        rates=RateBooks(source=decks),
        clock_us=clock,
        max_queue=max_queue,
    )
    _, key = keyring.keys.create("operator", None, ["management", "live"], clock())
    keyring.refresh()
    answering = Answering(desk)
    routes = LiveRoutes(answering, keyring, body_timeout_s=body_timeout_s)
    metrics = Metrics(desk.engine, answering.counted, reader.stock)
    management = management_app(desk, reader, keyring, decks, url=url, describe=describe_live)
    app = LiveApp(desk, routes, metrics, management)
    if started:
        await desk.start(rounds=False)
    try:
        async with client_of(app, key) as client:
            if funded:
                await _furnish(client)
            yield Live(
                database, desk, answering, routes, metrics, management, app, client, keyring, clock, key
            )
    finally:
        if started:
            await desk.stop()


def told(story: Story, database: str, **how: Any) -> None:
    """Runs a story in front of a furnished application."""

    async def run() -> None:
        async with open_live(database, **how) as live:
            await story(live)

    asyncio.run(run())


async def got(answer: Awaitable[httpx.Response], status: int = 200) -> Any:
    """The JSON of an answer that has the status which is expected; a problem has the form of one."""
    response = await answer
    assert response.status_code == status, response.text
    told_json = response.json()
    if status >= 400:
        assert response.headers["content-type"] == "application/problem+json"
        assert {"type", "title", "status", "detail", "code"} <= set(told_json)
        assert told_json["status"] == status
    if status == 503:
        assert int(response.headers["retry-after"]) >= 1
    return told_json


class Fronted:
    """A store with something in front of it: `fails` raises before a commit, `late` after it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.fails: Exception | None = None
        self.late: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.held = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def begin(self, tenants: Sequence[str], calls: Sequence[Call], *, wait: bool) -> Opening:
        if self.gate is not None:
            self.held = True
            await self.gate.wait()
        if isinstance(self.fails, StoreAway | StoreBusy):
            raise self.fails
        return await self._store.begin(tenants, calls, wait=wait)

    async def commit(self, books: Sequence[Book]) -> None:
        if self.fails is not None:
            raise self.fails
        await self._store.commit(books)
        if self.late is not None:
            error, self.late = self.late, None
            raise error
