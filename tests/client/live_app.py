"""The live application on a new SQLite ledger, in this process, with a tenant, a deck and a key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from talktime.catalog.load import load_catalogue
from talktime.doors.http.answering import Answering
from talktime.doors.http.app import LiveApp
from talktime.doors.http.live_routes import LiveRoutes
from talktime.doors.http.management.app import management_app
from talktime.doors.http.metrics import Metrics
from talktime.ledger.api_keys import ApiKeys, Keyring
from talktime.ledger.database import open_url, upgrade
from talktime.ledger.decks import Decks
from talktime.ledger.reading import Reader
from talktime.ledger.sqlite_store import SqliteStore
from talktime.live.desk import Desk
from talktime.live.rates import RateBooks

ANA: Final = "ana@contoso.example"
LONDON: Final = "+442079460000"
TENANT: Final[dict[str, Any]] = {
    "tenant": {"id": "contoso", "country": "US", "currency": "USD"},
    "billing_accounts": [{"id": "direct", "agreement": "MOSA"}],
    "licences": [{"plan": "MCOPSTNC", "purchased": 5}],
    "users": [{"upn": ANA, "location": "US", "licences": ["MCOPSTNC"]}],
}


def made_app(folder: Path) -> tuple[LiveApp, str]:
    """The application, not yet started, and a key for everything."""
    url = open_url(f"sqlite:///{folder / 'ledger.db'}")
    upgrade(url)
    decks, keyring, reader = Decks(url), Keyring(ApiKeys(url)), Reader(url)
    rates = RateBooks(source=decks)
    desk = Desk(SqliteStore(url.path), load_catalogue(), rates=rates)
    _, key = keyring.keys.create("test", None, ["live", "management"], 1)
    keyring.refresh()
    answering = Answering(desk)
    routes = LiveRoutes(answering, keyring)
    metrics = Metrics(desk.engine, answering.counted, reader.stock)
    return LiveApp(desk, routes, metrics, management_app(desk, reader, keyring, decks, url=url)), key


@asynccontextmanager
async def lifespan(app: LiveApp) -> AsyncIterator[None]:
    """Starts and stops the application as a server would."""
    import asyncio

    inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    running = asyncio.create_task(app({"type": "lifespan"}, inbox.get, outbox.put))  # type: ignore[arg-type]
    await inbox.put({"type": "lifespan.startup"})
    assert (await outbox.get())["type"] == "lifespan.startup.complete"
    try:
        yield
    finally:
        await inbox.put({"type": "lifespan.shutdown"})
        assert (await outbox.get())["type"] == "lifespan.shutdown.complete"
        await running
