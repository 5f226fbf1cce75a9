"""Reads for people: what they find, in which order, and by which index on SQLite."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from talktime.accounts.calendar import twelve_months_on_us
from talktime.accounts.documents import tenant_text, text_of, user_key
from talktime.accounts.tenant import Licence, Tenant, User
from talktime.catalog.load import load_catalogue
from talktime.core.deck import RateBook
from talktime.files.decks.sample import default_deck
from talktime.ledger.commands import Fund, NewTenant
from talktime.ledger.database import DatabaseUrl, open_engine, open_url
from talktime.ledger.postgres_store import PostgresStore
from talktime.ledger.reading import NO_BEFORE, Reader
from talktime.ledger.records import Document, State
from talktime.ledger.sqlite_store import SqliteStore
from talktime.ledger.store import StoreAway
from talktime.live.desk import Desk
from talktime.live.operations import EndCall, ExtendCall, Pace, StartCall
from talktime.live.rates import RateBooks
from tests.databases import database, sqlite_database

__all__ = ["database", "sqlite_database"]  # fixtures

START_US = 1_772_366_400_000_000
ANA = User("ana@a.example", location="US", licences=(Licence("MCOPSTNC"),))


def filled(database: str) -> Reader:
    """Tenants a, b (empty) and c; in a: c0 ended, c1 lost and corrected, c2 open, c3 denied."""
    url = open_url(database)
    asyncio.run(_fill(url))
    return Reader(url)


async def _fill(url: DatabaseUrl) -> None:
    now_us = START_US
    deck = default_deck()
    store = SqliteStore(url.path) if url.kind == "sqlite" else PostgresStore(url)
    rates = RateBooks({deck.version: RateBook(deck)}, (("USD", 0, deck.version),))
    desk = Desk(store, load_catalogue(), rates=rates, pace=Pace(), clock_us=lambda: now_us)
    await desk.start(rounds=False)
    for name in "abc":
        tenant = Tenant(name, name.upper(), "US", "USD", users=(ANA,))
        documents = [Document("tenants", "", tenant_text(tenant))]
        documents.append(Document("users", user_key(ANA), text_of(ANA)))
        await desk.engine.submit(NewTenant(name, "USD", "UTC", documents))
    for name, amount, reference in (("a", 50, "pay-1"), ("a", 70, ""), ("c", 50, "")):
        expiry = lambda at_us: twelve_months_on_us(at_us, "UTC")  # noqa: E731
        await desk.engine.submit(Fund(name, amount * 1_000_000, expiry, "manual", reference=reference))
    for name, call_id in (("a", "c0"), ("a", "c1"), ("c", "c0")):
        await desk.submit(start(name, call_id))
    await desk.submit(EndCall("a", "c0", 1, 60))
    await desk.submit(EndCall("c", "c0", 1, 60))
    await desk.submit(ExtendCall("a", "c1", 1, 60))
    now_us += 3_600_000_000
    await desk.look_round()
    await desk.submit(EndCall("a", "c1", 2, 180))
    await desk.submit(start("a", "c2"))
    await desk.submit(start("a", "c3", user="nobody"))
    await desk.stop()


def start(tenant: str, call_id: str, user: str = ANA.upn) -> StartCall:
    return StartCall(tenant, call_id, 0, "user_out", user=user, callee="+442079460000", requested_s=120)


def test_wallet_has_the_facts_of_its_lots(database: str) -> None:
    wallet = filled(database).wallet("a")
    assert wallet is not None
    assert (wallet.balance, wallet.overdraft, wallet.reserved) == (120_000_000 - 48_000, 0, 24_000)
    first, second = wallet.lots
    assert (first.lot, first.amount, first.left, first.held) == (1, 50_000_000, 49_952_000, 24_000)
    assert (first.reference, first.origin, first.bought_us) == ("pay-1", "purchase", START_US)
    assert (second.amount, second.left, second.held) == (70_000_000, 70_000_000, 0)


def test_tenants_come_in_order_and_among_those_that_may_be_seen(database: str) -> None:
    reader = filled(database)
    assert [kept.tenant for kept in reader.tenants("", 10)] == ["a", "b", "c"]
    assert [kept.tenant for kept in reader.tenants("a", 1)] == ["b"]
    assert [kept.tenant for kept in reader.tenants("", 10, ["c", "a", "x"])] == ["a", "c"]
    assert reader.tenants("", 10, []) == []


def test_documents_are_those_of_the_tenant(database: str) -> None:
    reader = filled(database)
    documents = reader.documents("a")
    assert documents is not None
    assert documents.users == [text_of(ANA)]
    assert reader.people("users", "a", "", 5) == [(ANA.upn, text_of(ANA))]
    assert reader.people("users", "a", ANA.upn, 5) == []
    assert (reader.documents("x"), reader.document("x"), reader.wallet("x")) == (None, None, None)


def test_charges_come_newest_first_in_pages(database: str) -> None:
    reader = filled(database)
    charges = reader.charges("a", NO_BEFORE, 10)
    assert [(charge.number, charge.call_id, charge.corrects) for charge in charges] == [
        (3, "c1", 2),
        (2, "c1", 0),
        (1, "c0", 0),
    ]
    assert reader.charges("a", 3, 1) == charges[1:2]
    assert reader.charges("a", 1, 10) == []
    assert [charge.number for charge in reader.charges("c", NO_BEFORE, 10)] == [1]
    assert reader.charges("b", NO_BEFORE, 10) == reader.charges("x", NO_BEFORE, 10) == []


def test_corrected_call_shows_both_charges_and_all_entries(database: str) -> None:
    call = filled(database).call("a", "c1")
    assert call is not None
    assert call.session.state == State.ENDED
    assert [(charge.number, charge.amount) for charge in call.charges] == [(2, 12_000), (3, 36_000)]
    assert [(entry.kind, entry.amount, entry.charge) for entry in call.entries] == [
        ("charged", 12_000, 2),
        ("corrected", 24_000, 3),
    ]
    assert call.entries[1].corrects == call.entries[0].number


def test_calls_without_a_charge_are_found_too(database: str) -> None:
    reader = filled(database)
    open_, denied = reader.call("a", "c2"), reader.call("a", "c3")
    assert open_ is not None
    assert denied is not None
    assert (open_.session.state, open_.charges) == (State.OPEN, ())
    assert (denied.session.state, denied.charges) == (State.DENIED, ())
    assert reader.call("a", "c9") is None
    assert [row.call_id for row in reader.open_sessions("a", 10)] == ["c2"]
    assert reader.open_sessions("c", 10) == []


def test_entries_come_newest_first_in_pages(database: str) -> None:
    reader = filled(database)
    entries = reader.entries("a", NO_BEFORE, 10)
    assert [entry.number for entry in entries] == [5, 4, 3, 2, 1]
    assert reader.entries("a", 4, 2) == entries[2:4]
    assert all(len(entry.hash) == 32 for entry in entries)


def test_lot_is_found_by_its_reference_only(database: str) -> None:
    reader = filled(database)
    assert reader.lot_of("a", "pay-1") == (1, 50_000_000, "purchase")
    assert reader.lot_of("c", "pay-1") is None
    assert reader.lot_of("a", "") is None, "no reference is none, not the first lot without one"


def test_counters_audit_and_outbox(database: str) -> None:
    reader = filled(database)
    assert reader.counters("a", [24_314]) == {}
    assert [line.what for line in reader.audit("a", NO_BEFORE, 10)][-1] == "tenant made"
    (first,) = reader.audit("b", NO_BEFORE, 10)
    assert reader.audit("b", first.id, 10) == []
    assert reader.outbox("b", NO_BEFORE, 10) == []


def test_stock_is_what_all_tenants_hold(database: str) -> None:
    assert filled(database).stock() == (1, [("USD", 170_000_000 - 60_000, 24_000)])


def test_database_that_is_not_there_is_away(tmp_path: Path) -> None:
    reader = Reader(open_url(f"sqlite:///{tmp_path / 'none.db'}"))
    with pytest.raises(StoreAway, match="does not answer"):
        reader.wallet("a")


def test_reads_go_by_an_index(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each statement is explained: a whole table is read only from its end, for charges and the audit log."""
    reader = filled(sqlite_database)
    statements: list[tuple[str, tuple[object, ...]]] = []
    engine = open_engine(open_url(sqlite_database))
    monkeypatch.setattr(reader, "_engine", engine)

    @sa.event.listens_for(engine, "before_cursor_execute")
    def note(_connection: object, _cursor: object, text: str, values: tuple[object, ...], *_: object) -> None:
        statements.append((text, values))

    reader.wallet("a")
    reader.documents("a")
    reader.call("a", "c1")
    reader.entries("a", NO_BEFORE, 5)
    reader.open_sessions("a", 5)
    reader.lot_of("a", "pay-1")
    reader.charges("a", NO_BEFORE, 5)
    reader.outbox("a", NO_BEFORE, 5)
    assert len(statements) > 10
    connection = sqlite3.connect(open_url(sqlite_database).path)
    scanned = set()
    for text, values in statements:
        plan = [row[3] for row in connection.execute(f"explain query plan {text}", values)]
        assert not any("TEMP B-TREE" in step for step in plan), (text, plan)
        scanned |= {step for step in plan if step.startswith("SCAN")}
    connection.close()
    assert scanned <= {"SCAN charges", "SCAN sessions USING INDEX sessions_open_due", "SCAN outbox"}
