"""What was read of tenants lately: the same one until something is changed, never an older one."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from talktime.accounts.documents import tenant_text
from talktime.catalog.load import load_catalogue
from talktime.funding.purchasing import Purchasing
from talktime.funding.taxes import Seller
from talktime.funding.worker import PaymentWorker
from talktime.ledger.commands import PutDocuments
from talktime.ledger.database import open_url
from talktime.ledger.reading import Reader
from talktime.ledger.records import Document
from talktime.ledger.store import Documents
from talktime.live import lately as lately_module
from talktime.live.lately import Lately
from tests.databases import sqlite_database
from tests.ledger.filled import ACME, ANA, Clock, desk_on, new_tenant

__all__ = ["sqlite_database"]  # a fixture


class CountedReader(Reader):
    """Counts how often documents are read."""

    read = 0

    def documents(self, tenant: str) -> Documents | None:
        self.read += 1
        return super().documents(tenant)


def test_purchasing_reads_a_tenant_once_until_it_is_changed(sqlite_database: str) -> None:
    async def story() -> None:
        desk = desk_on(sqlite_database, Clock())
        await desk.start(rounds=False)
        reader = CountedReader(open_url(sqlite_database))
        lately = Lately(reader, load_catalogue())
        worker = PaymentWorker(desk.engine, {}, Seller())
        purchasing = Purchasing(desk.engine, reader, load_catalogue(), {}, worker, lately.tenant)
        await desk.engine.submit(new_tenant(ACME, ANA))
        first = await purchasing.tenant("acme")
        assert first is not None
        assert [user.upn for user in first.users] == [ANA.upn]
        assert await purchasing.tenant("acme") is first
        await purchasing.eligibility("acme")
        await purchasing.receipt_for("acme")
        assert reader.read == 1
        renamed = Document("tenants", "", tenant_text(replace(ACME, name="Acme & Co")))
        await desk.engine.submit(PutDocuments("acme", [renamed], lambda _: "", "a test"))
        changed = await purchasing.tenant("acme")
        assert changed is not None
        assert (changed.name, reader.read) == ("Acme & Co", 2)
        assert await purchasing.tenant("nobody") is None
        await desk.stop()

    asyncio.run(story())


def test_the_one_that_was_asked_for_longest_ago_goes_first(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lately_module, "MOST", 2)

    async def story() -> None:
        desk = desk_on(sqlite_database, Clock())
        await desk.start(rounds=False)
        for name in ("a", "b", "c"):
            await desk.engine.submit(new_tenant(replace(ACME, id=name)))
        await desk.stop()

    asyncio.run(story())
    reader = CountedReader(open_url(sqlite_database))
    lately = Lately(reader, load_catalogue())
    for name in ("a", "b", "a", "c", "a"):
        assert lately.tenant(name) is not None
    assert reader.read == 3
    lately.tenant("b")
    assert reader.read == 4
