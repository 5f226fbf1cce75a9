"""Chores of the admin process: what is wrong with one message or one tenant stops none of the others."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from talktime.accounts.tenant import Tenant
from talktime.catalog.load import load_catalogue
from talktime.doors.http import chores
from talktime.doors.http.chores import Retention, SandboxMessages
from talktime.doors.http.confirmed_page import CONFIRMED_PATH, confirmed_page
from talktime.funding.gateway import GatewayEvent
from talktime.funding.sandbox_messages import LADDER_US
from talktime.ledger.database import open_url
from talktime.ledger.reading import Reader
from talktime.ledger.retention import Keeping
from talktime.ledger.store import StoreAway
from tests.databases import sqlite_database
from tests.doors.http.shops import CONFIRMED, Shop, told
from tests.ledger.filled import Clock, desk_on, new_tenant

__all__ = ["sqlite_database"]  # a fixture


def test_message_that_cannot_be_taken_in_holds_up_no_other(
    sqlite_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []
    bad: set[str] = set()

    async def take_event(_engine: object, _gateway: object, event: GatewayEvent) -> None:
        if not bad:
            bad.add(event.payment)
        if event.payment in bad:
            raise ValueError("a currency that nobody knows")
        taken.append(event.payment)

    async def story(shop: Shop) -> None:
        await shop.card(CONFIRMED)
        for key in ("k1", "k2", "k3"):
            waits = await shop.buy("100", key=key, status=202)
            shop.bank.complete_action(waits["url"].rsplit("/", 1)[1], succeed=True)
        monkeypatch.setattr(chores, "take_event", take_event)
        messages = SandboxMessages(shop.bank, shop.desk.engine)
        due = len(shop.bank.pending_events(shop.clock()))
        assert await messages.take_due() == len(taken) > 0
        assert len(set(taken)) == 2, "the others came in"
        again = due - len(taken)
        assert shop.bank.pending_events(shop.clock()) == [], "it is not asked for every second"
        shop.clock.now_us += LADDER_US[0]
        assert len(shop.bank.pending_events(shop.clock())) == again
        bad.clear()
        bad.add("nobody")
        assert await messages.take_due() == again
        assert len(set(taken)) == 3
        assert shop.bank.pending_events(shop.clock() + 9 * LADDER_US[-1]) == []

    told(story, sqlite_database, tmp_path)


def three_tenants(database: str) -> Reader:
    """A ledger with a, b and c."""

    async def fill() -> None:
        desk = desk_on(database, Clock())
        await desk.start(rounds=False)
        for name in ("a", "b", "c"):
            await desk.engine.submit(new_tenant(Tenant(name, name, "US", "USD")))
        await desk.stop()

    asyncio.run(fill())
    return Reader(open_url(database))


def test_retention_goes_on_after_a_tenant_that_cannot_be_read(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    forgotten: list[str] = []

    def forget(_url: object, keeping: Keeping, _country_of: object) -> int:
        if keeping.tenant == "b":
            raise ValueError("a document of another time")
        forgotten.append(keeping.tenant)
        return 1

    reader = three_tenants(sqlite_database)
    monkeypatch.setattr(chores, "forget_calls", forget)
    retention = Retention(open_url(sqlite_database), reader, load_catalogue(), Clock())
    assert retention.forget_due() == 2
    assert forgotten == ["a", "c"]
    assert "retention failed for tenant 'b'" in caplog.text


@pytest.mark.parametrize("fault", [StoreAway("no answer"), ValueError("a defect")])
def test_retention_that_failed_looks_again_at_its_time(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    looks: list[int] = []

    def broken() -> int:
        looks.append(1)
        raise fault

    async def keep() -> None:
        retention = Retention(open_url(sqlite_database), reader, load_catalogue(), Clock())
        monkeypatch.setattr(retention, "forget_due", broken)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(retention.keep(), 0.2)

    reader = three_tenants(sqlite_database)
    asyncio.run(keep())
    assert looks == [1]


def test_page_to_which_a_bank_leads_back_asks_for_no_key() -> None:
    async def ask() -> httpx.Response:
        app = FastAPI()
        app.include_router(confirmed_page())
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.get(CONFIRMED_PATH, params={"payment_intent": "<script>"})

    answer = asyncio.run(ask())
    assert (answer.status_code, CONFIRMED_PATH) == (200, "/payments/confirmed")
    assert answer.headers["content-type"].startswith("text/html")
    assert "Your bank has your answer" in answer.text
    assert "script" not in answer.text
