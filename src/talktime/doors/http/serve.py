"""`talktime serve`: one process that charges, one for people, and the supervisor that keeps both running.

The live process answers the live routes and the management API; the admin process answers people and reads on
a connection of its own. Both change money only through the engine (rulings.md 39).
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import uvicorn
import uvloop

from talktime.accounts.signing_in import SigningIn
from talktime.catalog.load import load_catalogue
from talktime.doors.http.answering import Answering
from talktime.doors.http.app import LEAVE_S, FrontApp, LiveApp, kept
from talktime.doors.http.both_doors import to_center
from talktime.doors.http.chores import Retention, SandboxMessages
from talktime.doors.http.confirmed_page import confirmed_page
from talktime.doors.http.connections import MESSAGE_TIMEOUT_S, Connection, close_late
from talktime.doors.http.daily_heads import DailyHeads
from talktime.doors.http.doorkeeper import Doorkeeper
from talktime.doors.http.live_document import describe_live, describe_probes
from talktime.doors.http.live_routes import LiveRoutes
from talktime.doors.http.management.app import management_app
from talktime.doors.http.management.house import Means
from talktime.doors.http.metrics import Metrics
from talktime.doors.http.outside import OutsideParts, outside_of
from talktime.doors.http.relay import EngineHost, Relay
from talktime.doors.http.sandbox_page import sandbox_page
from talktime.funding.purchasing import Purchasing
from talktime.funding.sandbox import SandboxGateway
from talktime.funding.worker import PaymentWorker
from talktime.insight.exports import Exports, ExportSettings
from talktime.insight.usage_files import UsageFiles
from talktime.insight.what_ifs import WhatIfs
from talktime.ledger.api_keys import SCOPES, ApiKeys, Keyring
from talktime.ledger.checkpoints import own_folder
from talktime.ledger.database import check_keeps, open_url, upgrade
from talktime.ledger.decks import Decks
from talktime.ledger.reading import Reader
from talktime.ledger.watching import Watching
from talktime.live.desk import Desk
from talktime.live.facts import Classifier
from talktime.live.lately import Lately
from talktime.live.operations import Pace
from talktime.live.rates import RateBooks
from talktime.notices.watch import Watch
from talktime.notices.worker import notice_worker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastapi import FastAPI

    from talktime.doors.diameter.serving import Listening
    from talktime.doors.http.app import Keeper
    from talktime.doors.http.management.app import Describe
    from talktime.funding.gateway import Gateway
    from talktime.ledger.database import DatabaseUrl
    from talktime.ledger.store import Store
    from talktime.settings import Settings

LIVE: Final = "live"
ADMIN: Final = "admin"
DIAMETER: Final = "diameter"
ENGINE: Final = "engine"
FRONT: Final = "front"
PARENT_S: Final = 1.0
"""Seconds between two looks whether the supervisor is still there."""

STOP_S: Final = 20
"""Seconds that requests in progress may take after the signal to stop."""

UPLOAD_S: Final = 900.0
"""Seconds that a file may take to arrive, from people whose lines are slow."""

MAX_SOCKET_BYTES: Final = 1 << 20
"""Of one message of a page's socket: what somebody types, not files."""

TICKS_A_LOOK: Final = 20
"""Tenths of a second between two looks for connections whose requests do not arrive."""

log = logging.getLogger("talktime.serve")


@dataclass(frozen=True, slots=True)
class Served:
    """Where a process listens: an address, or a socket that the supervisor opened.

    `socket` is where the engine's process and its fronts meet; `diameter`: the sockets of the Diameter door.
    """

    host: str
    port: int
    fd: int | None = None
    socket: Path | None = None
    diameter: Listening | None = None


def serve_one(settings: Settings, role: str, where: Served) -> int:
    """Runs one process until it is told to stop; 0 where it ended well, 1 where it could not begin."""
    url = open_url(settings.database)
    upgrade(url)
    check_keeps(url)
    if role == FRONT:
        return _serve_http(_front(settings, url, where), where)
    made = _make(settings, url, describe_live if role in (LIVE, ENGINE) else describe_probes)
    if role == ENGINE:
        uvloop.run(_serve_fronts(made, where, _diameter(settings, url, made, where)))
        return 0
    keepers = (*made.keepers, *_guard(where), *_diameter(settings, url, made, where))
    if role == ADMIN:
        return _serve_people(settings, url, made, where, keepers)
    routes = LiveRoutes(made.answering, made.keyring) if role == LIVE else None
    made.behind.include_router(to_center(settings.outside.base_url))
    return _serve_http(LiveApp(made.desk, routes, made.metrics, made.behind, keepers), where)


def _diameter(settings: Settings, url: DatabaseUrl, made: _Made, where: Served) -> tuple[Keeper, ...]:
    """The Diameter door beside HTTP, on the same engine; none where nobody listens for it."""
    if where.diameter is None:
        return ()
    from talktime.doors.diameter.serving import Serving
    from talktime.doors.diameter.settings import read_diameter

    assert settings.diameter is not None, "the command line asks for the settings"
    serving = Serving(read_diameter(settings.diameter, made.desk.catalogue), made.desk, url, where.diameter)
    made.metrics.more = serving.figures
    return serving.listen, serving.keep


def _serve_people(
    settings: Settings, url: DatabaseUrl, made: _Made, where: Served, keepers: tuple[Keeper, ...]
) -> int:
    """The admin process: the centre in front of the management API, and the chores."""
    from talktime.doors.http.center_door import center_door

    center = center_door(settings, made.behind, made.signing_in)
    heads = DailyHeads(url, own_folder(settings.state, url), _now_us)
    keepers = (*keepers, center.keeper, heads.keep, *_chores(made, url))
    return _serve_http(LiveApp(made.desk, None, made.metrics, center.app, keepers), where, people=True)


class _Made(NamedTuple):
    """The parts of a process that charges."""

    desk: Desk
    answering: Answering
    keyring: Keyring
    metrics: Metrics
    behind: FastAPI
    keepers: tuple[Keeper, ...]
    reader: Reader
    outside: OutsideParts
    payments: PaymentWorker
    signing_in: SigningIn


def _make(settings: Settings, url: DatabaseUrl, describe: Describe) -> _Made:
    """Wires a process that charges: the one place where everything meets."""
    reader, decks, keyring = Reader(url), Decks(url), Keyring(ApiKeys(url))
    rates = RateBooks(source=decks)
    rates.refresh()
    keyring.refresh()
    outside = outside_of(settings)
    desk = Desk(_store(url), load_catalogue(settings.catalogue), rates=rates, pace=_pace(settings))
    answering = Answering(desk)
    metrics = Metrics(desk.engine, answering.counted, reader.stock)
    payments = PaymentWorker(desk.engine, outside.gateways, outside.seller)
    folder = settings.state / "exports"
    exports = Exports(desk.engine, reader, ExportSettings(url, settings.catalogue, folder, outside.secret))
    brought = ExportSettings(url, settings.catalogue, settings.state / "what-if", outside.secret)
    what_ifs = WhatIfs(UsageFiles(desk.engine, reader, brought))
    lately, gateways = Lately(reader, desk.catalogue), outside.gateways
    signing_in = SigningIn(url, desk.engine.clock_us)
    means = Means(
        purchasing=Purchasing(desk.engine, reader, desk.catalogue, gateways, payments, lately.tenant),
        exports=exports,
        what_ifs=what_ifs,
        seller=outside.seller,
        private_webhooks=outside.notices.private_allowed,
        secret=outside.secret,
        lately=lately,
        signing_in=signing_in,
    )
    behind = management_app(desk, reader, keyring, decks, url=url, means=means, describe=describe)
    behind.include_router(confirmed_page())
    for gateway in gateways.values():
        if isinstance(gateway, SandboxGateway):
            behind.include_router(sandbox_page(gateway))
    exporting = (exports.keep, what_ifs.keep, _until_the_end(exports, gateways))
    keepers = (rates.keep_fresh, keyring.keep_fresh, *exporting)
    return _Made(desk, answering, keyring, metrics, behind, keepers, reader, outside, payments, signing_in)


def _until_the_end(exports: Exports, gateways: Mapping[str, Gateway]) -> Keeper:
    """Keeps the processes of exports and the connections of gateways for as long as this one lives."""

    async def keep() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            try:
                await exports.close()
            finally:
                for gateway in gateways.values():
                    await gateway.close()

    return keep


def _chores(made: _Made, url: DatabaseUrl) -> tuple[Keeper, ...]:
    """What the admin process does beside answering people: payments, notices, warnings, retention."""
    engine, catalogue = made.desk.engine, made.desk.catalogue

    async def notices() -> None:
        # Made where the event loop runs: its connections belong to it.
        worker = notice_worker(url, catalogue, made.outside.notices, engine.submit, engine.clock_us)
        await worker.run()

    watch = Watch(Watching(url), catalogue, engine.submit, engine.clock_us)
    chores: list[Keeper] = [made.payments.keep, notices, watch.run]
    chores.append(Retention(url, made.reader, catalogue, engine.clock_us).keep)
    sandboxes = (one for one in made.outside.gateways.values() if isinstance(one, SandboxGateway))
    return (*chores, *(SandboxMessages(sandbox, engine).keep for sandbox in sandboxes))


def _now_us() -> int:
    return time.time_ns() // 1_000


def _pace(settings: Settings) -> Pace:
    return Pace(slice_s=settings.slice_s, grace_s=settings.grace_s)


def _front(settings: Settings, url: DatabaseUrl, where: Served) -> FrontApp:
    """A process that reads HTTP and asks the engine's process; it knows keys and what is never refused."""
    assert where.socket is not None, "the supervisor names the engine's socket"
    keyring = Keyring(ApiKeys(url))
    keyring.refresh()
    classifier = Classifier(load_catalogue(settings.catalogue))
    relay = Relay(where.socket, classifier, _pace(settings), _now_us)
    behind = Doorkeeper(relay.forward, keyring)
    keepers = (keyring.keep_fresh, *_guard(where))
    return FrontApp(LiveRoutes(relay, keyring), relay, behind, keepers)


def _guard(where: Served) -> tuple[Keeper, ...]:
    """What ends a process of a supervisor that was killed: nobody else would, and it holds the port."""
    return () if where.fd is None and where.socket is None else (_end_with_parent,)


async def _end_with_parent() -> None:
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(PARENT_S)
    log.warning("the supervisor is gone; this process ends too")
    signal.raise_signal(signal.SIGTERM)


async def _serve_fronts(made: _Made, where: Served, more: tuple[Keeper, ...]) -> None:
    """The engine's process: no HTTP of its own, fronts by a socket, until it is told to stop."""
    assert where.socket is not None, "the supervisor names the engine's socket"
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    app = LiveApp(made.desk, None, made.metrics, made.behind)
    host = EngineHost(made.desk, made.answering, app)
    await made.desk.start()
    keepers = kept(*made.keepers, *_guard(where), *more)
    _calm_collector()
    await host.listen(where.socket)
    await told.wait()
    await host.close(STOP_S)
    for keeper in keepers:
        keeper.cancel()
    await made.desk.stop()
    await asyncio.wait(keepers, timeout=LEAVE_S)


def _serve_http(app: LiveApp | FrontApp, where: Served, *, people: bool = False) -> int:
    """Serves until it is told to stop. `people`: pages with their sockets, and files that take their time."""
    _calm_collector()
    config = uvicorn.Config(
        app,
        host=where.host,
        port=where.port,
        loop="uvloop",
        http=Connection,
        ws="websockets-sansio" if people else "none",
        ws_max_size=MAX_SOCKET_BYTES,
        lifespan="on",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        log_level="warning",
        backlog=2048,
        timeout_graceful_shutdown=STOP_S,
    )
    server = _Server(config)
    server.message_s = UPLOAD_S if people else MESSAGE_TIMEOUT_S
    # Uvicorn takes a descriptor for a Unix socket, and would leave Nagle's delay on: 40 ms an answer.
    server.run(None if where.fd is None else [socket.socket(fileno=where.fd)])
    return 0 if server.started else 1


class _Server(uvicorn.Server):
    """Stops in good order on SIGTERM and SIGINT, and then ends with 0 instead of dying by the signal."""

    message_s = MESSAGE_TIMEOUT_S

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.handle_exit)
        yield

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second."""
        if counter % TICKS_A_LOOK == 0:
            close_late(self.server_state.connections, message_s=self.message_s)
        return await super().on_tick(counter)


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
    check_keeps(url)
    keys = ApiKeys(url)
    if keys.listed("", 1):
        return None
    folder.mkdir(parents=True, exist_ok=True)
    place = _free_place(folder)
    # The file first: a key that is valid and that nobody has would lock everybody out.
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        try:
            _, text = keys.create("first key", None, SCOPES, _now_us())
        except BaseException:
            place.unlink()
            raise
        file.write(text + "\n")
    return place


def _free_place(folder: Path) -> Path:
    """`first-key`, or with a number where another ledger's first key lies there: none is overwritten."""
    place, number = folder / "first-key", 1
    while place.exists():
        number += 1
        place = folder / f"first-key-{number}"
    return place
