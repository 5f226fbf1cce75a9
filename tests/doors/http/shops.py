"""A management door that sells: a house with the real sandbox gateway on a file, and a worker to turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from talktime.catalog.load import load_catalogue
from talktime.doors.http.management.app import management_app
from talktime.doors.http.management.house import Means
from talktime.funding.purchasing import Purchasing
from talktime.funding.sandbox import SandboxGateway
from talktime.funding.taxes import Seller
from talktime.funding.worker import PaymentWorker
from talktime.ledger.api_keys import ApiKeys, Keyring
from talktime.ledger.database import open_url
from talktime.ledger.decks import Decks
from talktime.ledger.reading import Reader
from talktime.live.desk import Desk
from talktime.live.operations import EndCall, StartCall
from talktime.live.rates import RateBooks
from tests.doors.http.houses import TENANT, Clock, client_of, store_of

CONTOSO = "/v1/tenants/contoso"
VISA = "4242 4242 4242 4242"
DECLINED_LATER = "4000 0000 0000 0341"
"""A card that is saved, and declined when it is charged."""
CONFIRMED = "4000 0027 6000 3184"
"""A card whose holder has to confirm every payment."""

SELLER = Seller("Talktime Ltd", ("1 Sample Street", "Dublin"), "IE", "IE1234567X")

BUYER: dict[str, Any] = {**TENANT, "purchases": []}
"""contoso without credits: an organisation in the US under MOSA, with a calling plan."""

UNDER_MCA: dict[str, Any] = {
    **TENANT,
    "billing_accounts": [{"id": "new", "agreement": "MCA"}],
    "licences": [{"plan": "MCOPSTN1", "purchased": 2, "billing_account": "new"}],
}
"""contoso with 50 dollars, billed under MCA."""


@dataclass(frozen=True)
class Shop:
    """What a test has in hand. `client` presents a key for everything."""

    desk: Desk
    client: httpx.AsyncClient
    keyring: Keyring
    clock: Clock
    app: Any
    bank: SandboxGateway
    worker: PaymentWorker

    def of_role(self, *roles: str, tenants: tuple[str, ...] = ("contoso",)) -> httpx.AsyncClient:
        """A client with a key for some tenants."""
        create = self.keyring.keys.create
        _, text = create("test", tenants, ["management"], self.clock(), roles=roles)
        self.keyring.refresh()
        return client_of(self.app, text)

    async def card(self, source: str = VISA, **more: Any) -> str:
        """Adds a card; its id."""
        added = await got(
            self.client.post(f"{CONTOSO}/payment-methods", json={"source": source, **more}), 201
        )
        return str(added["id"])

    async def buy(self, amount: str = "100", key: str = "k1", status: int = 201, **more: Any) -> Any:
        """Buys credits by card."""
        body = {"amount": amount, "currency": "USD", **more}
        headers = {"Idempotency-Key": key}
        return await got(self.client.post(f"{CONTOSO}/purchases", json=body, headers=headers), status)

    async def call(self, call_id: str, seconds: int, callee: str = "+442079460000") -> None:
        """A call of ana from now on; the clock moves to its end."""
        start = StartCall("contoso", call_id, 0, "user_out", user="ana@contoso.example", callee=callee)
        await self.desk.submit(start)
        self.clock.now_us += seconds * 1_000_000
        await self.desk.submit(EndCall("contoso", call_id, 1, duration_s=seconds))

    async def news(self) -> None:
        """The bank's messages come in by the route for them."""
        for message in self.bank.pull_events(self.clock()):
            await got(self.told("sandbox", message.body, dict(message.headers)))

    async def told(self, gateway: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        """Posts a message as a gateway does: without a key."""
        async with client_of(self.app, "") as client:
            return await client.post(f"/v1/gateways/{gateway}/events", content=body, headers=headers)


async def got(answer: Awaitable[httpx.Response], status: int = 200) -> Any:
    """The JSON of an answer that has the status which is expected."""
    response = await answer
    assert response.status_code == status, response.text
    if status >= 400:
        assert response.headers["content-type"] == "application/problem+json"
    return response.json() if response.content else None


@asynccontextmanager
async def open_shop(database: str, folder: Path, tenant: dict[str, Any]) -> AsyncIterator[Shop]:
    """A shop with one tenant on a migrated database; nothing goes round by itself."""
    url, clock = open_url(database), Clock()
    decks, keyring, reader = Decks(url), Keyring(ApiKeys(url)), Reader(url)
    desk = Desk(store_of(database), load_catalogue(), rates=RateBooks(source=decks), clock_us=clock)
    bank = SandboxGateway(folder / "sandbox.db", "a secret", clock, "https://shop.example/sandbox/actions")
    gateways = {bank.name: bank}
    worker = PaymentWorker(desk.engine, gateways, SELLER)
    purchasing = Purchasing(desk.engine, reader, desk.catalogue, gateways, worker)
    means = Means(purchasing=purchasing, seller=SELLER)
    app = management_app(desk, reader, keyring, decks, url=url, means=means)
    _, key = keyring.keys.create("operator", None, ["management", "live"], clock())
    keyring.refresh()
    await desk.start(rounds=False)
    try:
        async with client_of(app, key) as client:
            deck = await got(client.post("/v1/decks", json={"sample": True}), 201)
            await got(client.put("/v1/deck-bindings", json={"version": deck["version"]}))
            await got(client.post("/v1/tenants", json=tenant), 201)
            yield Shop(desk, client, keyring, clock, app, bank, worker)
    finally:
        await desk.stop()
        bank.close_now()


def told(
    story: Callable[[Shop], Awaitable[None]], url: str, folder: Path, tenant: dict[str, Any] | None = None
) -> None:
    """Runs a story in a shop."""

    async def run() -> None:
        async with open_shop(url, folder, tenant or BUYER) as shop:
            await story(shop)

    asyncio.run(run())
