"""A whole installation in this process, for stories that take months: live calls, management, bank, mail.

The applications are those of `talktime serve` on one desk and are spoken to through HTTP only. The test holds
the clock and takes every worker's steps, so that a year passes in seconds and every figure is known.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import httpx
from pytest_httpserver import HTTPServer

from talktime.catalog.load import load_catalogue
from talktime.doors.http.answering import Answering
from talktime.doors.http.app import LiveApp
from talktime.doors.http.chores import SandboxMessages
from talktime.doors.http.live_routes import LiveRoutes
from talktime.doors.http.management.app import management_app
from talktime.doors.http.management.house import Means
from talktime.doors.http.metrics import Metrics
from talktime.doors.http.sandbox_page import sandbox_page
from talktime.funding.gateways import GatewaySettings, gateways_of
from talktime.funding.purchasing import Purchasing
from talktime.funding.sandbox import SandboxGateway
from talktime.funding.taxes import Seller
from talktime.funding.worker import PaymentWorker
from talktime.insight.exports import Exports, ExportSettings
from talktime.ledger.api_keys import ApiKeys, Keyring
from talktime.ledger.database import DatabaseUrl, open_url
from talktime.ledger.decks import Decks
from talktime.ledger.reading import Reader
from talktime.ledger.watching import Watching
from talktime.live.desk import Desk
from talktime.live.rates import RateBooks
from talktime.notices.watch import Watch
from talktime.notices.worker import NoticeSettings, NoticeWorker, notice_worker
from tests.doors.http.houses import Clock, client_of, store_of
from tests.notices.post_office import Mailbox, mail_server, mail_settings

DUBLIN: Final = ZoneInfo("Europe/Dublin")
ADMIN_CENTER: Final = "https://talktime.example"
SELLER: Final = Seller("Talktime Ltd", ("1 Sample Street", "Dublin"), "IE", "IE1234567X")
SLICE_S: Final = 600
"""What a switch asks for at a time, and gets at most."""

UNTIL_QUIET: Final = 50
BEGINS_US: Final = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z

Mails = dict[str, frozenset[str]]
"""Subject -> who got it."""


class Answer(dict[str, Any]):
    """The JSON of an answer, and its headers."""

    headers: httpx.Headers


async def got(asked: Awaitable[httpx.Response], status: int = 200) -> Answer:
    """The JSON object of an answer that has the status which is expected."""
    response = await asked
    assert response.status_code == status, (response.status_code, response.text)
    if status >= 400:
        assert response.headers["content-type"] == "application/problem+json"
    answer = Answer(response.json())
    answer.headers = response.headers
    return answer


@dataclass
class World:
    """What a story has in hand; `operator` presents a key for everything."""

    url: DatabaseUrl
    app: Any
    desk: Desk
    clock: Clock
    operator: httpx.AsyncClient
    bank: SandboxGateway
    post: Mailbox
    hooks: HTTPServer
    exports: Exports
    payments: PaymentWorker
    messages: SandboxMessages
    notices: NoticeWorker
    watch: Watch
    clients: list[httpx.AsyncClient] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    """Subject -> what the newest mail with it says, without line breaks."""

    calls: int = 0

    # --- people ----------------------------------------------------------------------------------------

    async def person(self, tenant: str, *roles: str) -> httpx.AsyncClient:
        """Somebody with a key for one tenant, made by the operator."""
        body = {"name": " ".join(roles), "scopes": ["management"], "roles": roles, "tenants": [tenant]}
        made = await got(self.operator.post("/v1/keys", json=body), 201)
        client = client_of(self.app, made["key"])
        self.clients.append(client)
        return client

    # --- time ------------------------------------------------------------------------------------------

    async def at(self, local: str) -> None:
        """It is so late in Dublin, `2026-03-02 09:00`; what is due by then is done."""
        when = datetime.fromisoformat(local).replace(tzinfo=DUBLIN)
        now_us = int(when.timestamp()) * 1_000_000
        assert now_us >= self.clock.now_us, f"the story goes back to {local}"
        self.clock.now_us = now_us
        await self.turn()

    async def turn(self) -> None:
        """Everybody does what is due, until nothing is: rounds, payments, the bank's messages, mails."""
        for _ in range(UNTIL_QUIET):
            done = await self.desk.look_round() + await self.payments.round() + await self.messages.take_due()
            if not done and not await self.notices.step():
                return
        raise AssertionError("there is no end of what is due")

    def mails(self) -> Mails:
        """What arrived since this was asked last: nobody got the same thing twice."""
        taken, self.post.taken = self.post.taken, []
        found: dict[str, list[str]] = {}
        for address, message in taken:
            subject = str(message["Subject"]).strip()
            found.setdefault(subject, []).append(address)
            plain = message.get_body(("plain",))
            assert plain is not None
            self.texts[subject] = " ".join(plain.get_content().split())
        for subject, addresses in found.items():
            assert len(addresses) == len(set(addresses)), f"{subject!r} came twice"
        return {subject: frozenset(addresses) for subject, addresses in found.items()}

    # --- calls -----------------------------------------------------------------------------------------

    async def start(self, tenant: str, call_type: str, asked_s: int, **who: str) -> tuple[str, Answer]:
        """A switch asks for a call: (its id, the answer). `who`: user, service_number, caller, callee."""
        self.calls += 1
        name = f"call-{self.calls}"
        body = {"tenant": tenant, "sequence": 0, "call_type": call_type, "requested_seconds": asked_s}
        return name, await got(self.operator.post(f"/v1/calls/{name}/start", json={**body, **who}))

    async def call(self, tenant: str, call_type: str, duration: str, **who: str) -> Answer:
        """A call of `minutes:seconds`, slice by slice as a switch carries it; then what is due is done."""
        minutes, _, seconds = duration.partition(":")
        length_s = int(minutes) * 60 + int(seconds)
        name, answer = await self.start(tenant, call_type, min(SLICE_S, length_s), **who)
        sequence = used_s = 0
        while True:
            assert answer["decision"] == "allow", answer
            authorised_s = min(answer["authorised_seconds"], length_s)
            assert authorised_s > used_s, "the switch has to hang up before the call is over"
            self.clock.now_us += (authorised_s - used_s) * 1_000_000
            used_s, sequence = authorised_s, sequence + 1
            if used_s == length_s:
                break
            body = {"tenant": tenant, "sequence": sequence, "used_seconds": used_s}
            body["requested_seconds"] = min(SLICE_S, length_s - used_s)
            answer = await got(self.operator.post(f"/v1/calls/{name}/extend", json=body))
        body = {"tenant": tenant, "sequence": sequence, "duration_seconds": length_s}
        settled = await got(self.operator.post(f"/v1/calls/{name}/end", json=body))
        await self.turn()
        return settled

    async def refused(self, tenant: str, call_type: str, **who: str) -> str:
        """Why a call of a minute may not begin."""
        _, answer = await self.start(tenant, call_type, 60, **who)
        assert answer["decision"] == "deny", answer
        return str(answer["reason"])


async def credits_of(client: httpx.AsyncClient, tenant: str) -> tuple[str, str]:
    """(balance, mode) as an administrator sees them."""
    seen = await got(client.get(f"/v1/tenants/{tenant}/credits"))
    assert seen["reserved"] == "0"
    assert seen["available"] == seen["balance"]
    return seen["balance"], seen["mode"]


async def pages(client: httpx.AsyncClient, place: str, name: str) -> list[Any]:
    """All lines of a list that is paged by `before`."""
    found: list[Any] = []
    before: int | None = None
    while True:
        query: dict[str, int] = {"limit": 40} if before is None else {"limit": 40, "before": before}
        page = await got(client.get(place, params=query))
        found += page[name]
        before = page["next"]
        if before is None:
            return found


@asynccontextmanager
async def open_world(database: str, folder: Path, deck: str) -> AsyncIterator[World]:
    """A world on a migrated database, with one deck for all tenants of its currency."""
    with mail_server() as post, HTTPServer(threaded=True) as hooks:
        world = _made(database, folder, post, hooks)
        await world.desk.start(rounds=False)
        try:
            csv = {"Content-Type": "text/csv"}
            added = await got(world.operator.post("/v1/decks", content=deck.encode(), headers=csv), 201)
            await got(world.operator.put("/v1/deck-bindings", json={"version": added["version"]}))
            yield world
        finally:
            await _closed(world)


def _made(database: str, folder: Path, post: Mailbox, hooks: HTTPServer) -> World:
    """Wired as `talktime serve` wires its processes (doors/http/serve.py), with one clock for all."""
    url, clock = open_url(database), Clock(BEGINS_US)
    decks, keyring, reader = Decks(url), Keyring(ApiKeys(url)), Reader(url)
    catalogue = load_catalogue()
    desk = Desk(store_of(database), catalogue, rates=RateBooks(source=decks), clock_us=clock)
    gateways = gateways_of(GatewaySettings(folder / "state", ADMIN_CENTER), now_us=clock)
    bank = gateways["sandbox"]
    assert isinstance(bank, SandboxGateway)
    payments = PaymentWorker(desk.engine, gateways, SELLER)
    exports = Exports(desk.engine, reader, ExportSettings(url, None, folder / "exports", b"a secret"))
    means = Means(
        purchasing=Purchasing(desk.engine, reader, catalogue, gateways, payments),
        exports=exports,
        seller=SELLER,
        private_webhooks=True,
    )
    behind = management_app(desk, reader, keyring, decks, url=url, means=means)
    behind.include_router(sandbox_page(bank))
    answering = Answering(desk)
    metrics = Metrics(desk.engine, answering.counted, reader.stock)
    app = LiveApp(desk, LiveRoutes(answering, keyring), metrics, behind)
    _, key = keyring.keys.create("operator", None, ["management", "live"], clock())
    keyring.refresh()
    settings = NoticeSettings(mail_settings(post.port), ADMIN_CENTER, private_allowed=True)
    return World(
        url=url,
        app=app,
        desk=desk,
        clock=clock,
        operator=client_of(app, key),
        bank=bank,
        post=post,
        hooks=hooks,
        exports=exports,
        payments=payments,
        messages=SandboxMessages(bank, desk.engine),
        notices=notice_worker(url, catalogue, settings, desk.engine.submit, clock),
        watch=Watch(Watching(url), catalogue, desk.engine.submit, clock),
    )


async def _closed(world: World) -> None:
    for client in (world.operator, *world.clients):
        await client.aclose()
    await world.exports.close()
    working = asyncio.create_task(world.notices.run())
    await asyncio.sleep(0)  # it has to have begun, to end what it holds open
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    await world.desk.stop()
    world.bank.close_now()


def told(story: Callable[[World], Awaitable[None]], database: str, folder: Path, deck: str) -> None:
    """Runs a story in a world of its own."""

    async def run() -> None:
        async with open_world(database, folder, deck) as world:
            await story(world)

    asyncio.run(run())
