"""`talktime serve`: one process that charges, one for people, and the supervisor that keeps both running.

The live process answers the live routes and the management API; the admin process answers people and reads on
a connection of its own. Both change money only through the engine (rulings.md 39).
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import uvicorn

from talktime.catalog.load import load_catalogue
from talktime.doors.http.app import LiveApp
from talktime.doors.http.live_routes import LiveRoutes
from talktime.doors.http.management.app import management_app
from talktime.doors.http.metrics import Metrics
from talktime.ledger.api_keys import SCOPES, ApiKeys, Keyring
from talktime.ledger.database import open_url, upgrade
from talktime.ledger.decks import Decks
from talktime.ledger.reading import Reader
from talktime.live.desk import Desk
from talktime.live.operations import Pace
from talktime.live.rates import RateBooks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from talktime.ledger.database import DatabaseUrl
    from talktime.ledger.store import Store
    from talktime.settings import Settings

LIVE: Final = "live"
ADMIN: Final = "admin"
STOP_S: Final = 20
"""Seconds that requests in progress may take after the signal to stop."""

log = logging.getLogger("talktime.serve")


@dataclass(frozen=True, slots=True)
class Served:
    """Where a process listens: an address, or a socket that the supervisor opened."""

    host: str
    port: int
    fd: int | None = None


def serve_one(settings: Settings, role: str, where: Served) -> int:
    """Runs one process until it is told to stop; 0 where it ended well, 1 where it could not begin."""
    url = open_url(settings.database)
    upgrade(url)
    catalogue = load_catalogue(settings.catalogue)
    reader, decks, keyring = Reader(url), Decks(url), Keyring(ApiKeys(url))
    rates = RateBooks(source=decks)
    rates.refresh()
    keyring.refresh()
    pace = Pace(slice_s=settings.slice_s, grace_s=settings.grace_s)
    desk = Desk(_store(url), catalogue, rates=rates, pace=pace)
    routes = LiveRoutes(desk, keyring)
    metrics = Metrics(desk.engine, routes.counted, reader.stock)
    behind = management_app(desk, reader, keyring, decks)
    app = LiveApp(
        desk, routes if role == LIVE else None, metrics, behind, (rates.keep_fresh, keyring.keep_fresh)
    )
    _calm_collector()
    config = uvicorn.Config(
        app,
        host=where.host,
        port=where.port,
        fd=where.fd,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        log_level="warning",
        backlog=2048,
        timeout_graceful_shutdown=STOP_S,
    )
    server = _Server(config)
    server.run()
    return 0 if server.started else 1


class _Server(uvicorn.Server):
    """Stops in good order on SIGTERM and SIGINT, and then ends with 0 instead of dying by the signal."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.handle_exit)
        yield


def _store(url: DatabaseUrl) -> Store:
    if url.kind == "sqlite":
        from talktime.ledger.sqlite_store import SqliteStore

        return SqliteStore(url.path)
    from talktime.ledger.postgres_store import PostgresStore

    return PostgresStore(url)


def _calm_collector() -> None:
    """What was made so far stays; what a busy engine makes mostly goes without the collector's help."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


def first_key(settings: Settings, folder: Path) -> Path | None:
    """Makes a key for everything where the installation has none yet; returns the file that holds it.

    The file is readable by its owner only, and the key stands nowhere else.
    """
    url = open_url(settings.database)
    upgrade(url)
    keys = ApiKeys(url)
    if keys.listed("", 1):
        return None
    _, text = keys.create("first key", None, SCOPES, time.time_ns() // 1_000)
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / "first-key"
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text + "\n")
    return place
