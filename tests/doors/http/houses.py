"""A whole management door on a database, in this process: desk, app, keys, and a client for each test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import httpx

from talktime.catalog.load import load_catalogue
from talktime.doors.http.management.app import management_app
from talktime.doors.http.management.house import Means
from talktime.insight.exports import Exports, ExportSettings
from talktime.insight.own_process import OwnProcess
from talktime.insight.usage_files import UsageFiles
from talktime.insight.what_ifs import WhatIfs
from talktime.ledger.api_keys import ApiKeys, Keyring
from talktime.ledger.database import open_url
from talktime.ledger.decks import Decks
from talktime.ledger.postgres_store import PostgresStore
from talktime.ledger.reading import Reader
from talktime.ledger.sqlite_store import SqliteStore
from talktime.ledger.store import Store
from talktime.live.desk import Desk
from talktime.live.operations import StartCall
from talktime.live.rates import RateBooks

T = TypeVar("T")
R = TypeVar("R")

MARCH_US = 1_772_366_400_000_000  # 2026-03-01T12:00:00Z

TENANT: dict[str, Any] = {
    "tenant": {"id": "contoso", "name": "Contoso Ltd", "country": "US", "currency": "USD"},
    "billing_accounts": [{"id": "direct", "agreement": "MOSA"}],
    "licences": [{"plan": "MCOPSTN1", "purchased": 2}],
    "users": [{"upn": "ana@contoso.example", "licences": ["MCOPSTN1", "MCOPSTNC"], "cost_centre": "Sales"}],
    "service_numbers": [{"number": "+18005550100", "kind": "toll_free"}],
    "purchases": [{"at": "2026-02-01T00:00:00Z", "amount": "50"}],
    "caps": [{"scope": "cost_centre", "id": "Sales", "amount": "20"}],
}


@dataclass
class Clock:
    """The time of the engine under test; it stands until a test moves it."""

    now_us: int = MARCH_US

    def __call__(self) -> int:
        return self.now_us


class Threaded(OwnProcess):
    """Does in a thread what has a process of its own: it is there at once."""

    async def run(self, work: Callable[[T], R], task: T, longest_s: float) -> R:
        return await asyncio.wait_for(asyncio.to_thread(work, task), longest_s)


@dataclass(frozen=True)
class Door:
    """What a test has in hand. `client` presents a key for everything."""

    desk: Desk
    client: httpx.AsyncClient
    keyring: Keyring
    clock: Clock
    app: Any

    async def call(self, call_id: str = "c1", callee: str = "+442079460000", user: str = "") -> Any:
        """Starts a call of ana, or of another user."""
        user = user or "ana@contoso.example"
        return await self.desk.submit(
            StartCall("contoso", call_id, 0, "user_out", user=user, callee=callee, requested_s=120)
        )

    def holder(self, *roles: str, tenant: str = "contoso") -> httpx.AsyncClient:
        """A client with a management key for one tenant that has these roles."""
        return self.with_key([tenant], ["management"], roles)

    def with_key(
        self, tenants: list[str] | None, scopes: list[str], roles: Iterable[str] = ()
    ) -> httpx.AsyncClient:
        """A client with a key of its own."""
        _, text = self.keyring.keys.create("test", tenants, scopes, self.clock(), roles=roles)
        self.keyring.refresh()
        return client_of(self.app, text)


def client_of(app: Any, key: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.AsyncClient(transport=transport, base_url="http://talktime.test", headers=headers)


def store_of(database: str) -> Store:
    url = open_url(database)
    return SqliteStore(url.path) if url.kind == "sqlite" else PostgresStore(url)


@asynccontextmanager
async def open_door(
    database: str, *, funded: bool = True, means: Means | None = None, exports_into: Path | None = None
) -> AsyncIterator[Door]:
    """A door on a migrated database; `funded`: with the tenant contoso and the sample deck for all.

    `exports_into`: a folder for exports and files of usage; without one the door makes and takes none. Such
    files are looked at in this process: `tests/insight/test_what_ifs.py` has them looked at as they are.
    """
    url, clock = open_url(database), Clock()
    decks, keyring = Decks(url), Keyring(ApiKeys(url))
    desk = Desk(store_of(database), load_catalogue(), rates=RateBooks(source=decks), clock_us=clock)
    _, key = keyring.keys.create("operator", None, ["management", "live"], clock())
    keyring.refresh()
    means, exports = means or Means(), None
    if exports_into is not None:
        exports = Exports(desk.engine, Reader(url), ExportSettings(url, None, exports_into, means.secret))
        brought = ExportSettings(url, None, exports_into / "what-if", means.secret)
        files = UsageFiles(desk.engine, Reader(url), brought, looking=Threaded())
        means = replace(means, what_ifs=WhatIfs(files, answering=Threaded()))
    means = replace(means, exports=exports)
    app = management_app(desk, Reader(url), keyring, decks, url=url, means=means)
    await desk.start(rounds=False)
    try:
        async with client_of(app, key) as client:
            if funded:
                await _furnish(client)
            yield Door(desk, client, keyring, clock, app)
    finally:
        if exports is not None:
            await exports.close()
        if means.what_ifs is not None:
            await means.what_ifs.close()
        await desk.stop()


async def _furnish(client: httpx.AsyncClient) -> None:
    deck = await client.post("/v1/decks", json={"sample": True})
    assert deck.status_code == 201, deck.text
    bound = await client.put("/v1/deck-bindings", json={"version": deck.json()["version"]})
    assert bound.status_code == 200, bound.text
    made = await client.post("/v1/tenants", json=TENANT)
    assert made.status_code == 201, made.text
