"""Sums of the journal between numbers, and the balance before one, against the journal added up by hand."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from talktime.ledger.database import connect_sqlite, open_url
from talktime.ledger.money_reading import MoneyReader
from talktime.ledger.overview_reading import Asked, OverviewReader
from talktime.ledger.reading import NO_BEFORE, Reader
from talktime.ledger.records import CREDITS, OVERDRAFT, Entry
from tests.databases import database, sqlite_database
from tests.ledger.filled import fill

__all__ = ["database", "sqlite_database"]  # fixtures

OURS = (CREDITS, OVERDRAFT)
TENANTS = ("acme", "mca", "\u00d8re")


def journal(database: str, tenant: str) -> list[Entry]:
    """All entries, oldest first."""
    return Reader(open_url(database)).entries(tenant, NO_BEFORE, 10_000)[::-1]


def moves(entry: Entry) -> int:
    """What an entry adds to the balance, worked out here once more."""
    return entry.amount * ((entry.credit in OURS) - (entry.debit in OURS))


@pytest.fixture
def filled(database: str) -> str:
    fill(database)
    return database


def test_journal_adds_up_to_the_wallet_and_each_range_to_its_part(filled: str) -> None:
    reader = MoneyReader(open_url(filled))
    for tenant in TENANTS:
        entries, purse = journal(filled, tenant), reader.purse(tenant)
        assert purse is not None
        assert purse.entries == len(entries)
        assert sum(map(moves, entries)) == purse.balance
        last = len(entries)
        ranges = [(low, high) for low in (1, 2, 5) for high in (low, low + 3, last) if low <= high <= last]
        for found in reader.sums(tenant, ranges):
            part = entries[found.first - 1 : found.last]
            assert (found.micros, found.at_us) == (sum(map(moves, part)), part[-1].at_us)


def test_balance_before_each_entry_is_that_of_the_journal(filled: str) -> None:
    """Whatever stands before it: calls from several lots, corrections, credits that expired behind a call."""
    reader = MoneyReader(open_url(filled))
    for tenant in TENANTS:
        entries = journal(filled, tenant)
        for number in range(1, len(entries) + 2):
            before = sum(map(moves, entries[: number - 1]))
            starts = number > len(entries) or number == 1 or not entries[number - 1].charge
            starts = starts or entries[number - 1].charge != entries[number - 2].charge
            if starts:  # a range of days never begins amid the entries of one call
                assert reader.balance_before(tenant, number) == before, (tenant, number)


def test_others_are_the_entries_without_a_call_that_moved_the_balance(filled: str) -> None:
    reader = MoneyReader(open_url(filled))
    for tenant in TENANTS:
        entries = journal(filled, tenant)
        wanted = [(e.number, e.at_us, e.kind, e.lot, moves(e)) for e in entries if not e.charge and moves(e)]
        assert list(map(tuple, reader.others(tenant, 1, len(entries)))) == wanted
    assert any(reader.others("acme", 1, 10_000))


def test_first_entry_of_an_instant_is_found_by_halving(filled: str) -> None:
    reader = MoneyReader(open_url(filled))
    entries = journal(filled, "acme")
    instants = sorted({entry.at_us + by for entry in entries for by in (-1, 0, 1)})
    found = reader.numbers_at("acme", instants, 1, len(entries))
    for instant, number in zip(instants, found, strict=True):
        wanted = next((entry.number for entry in entries if entry.at_us >= instant), len(entries) + 1)
        assert number == wanted
    assert reader.numbers_at("acme", [], 1, len(entries)) == []
    assert reader.bought("acme", []) == {}
    assert reader.purse("nobody") is None


def test_look_is_what_the_reader_says(filled: str) -> None:
    lookout, reader = OverviewReader(open_url(filled)), Reader(open_url(filled))
    for tenant in TENANTS:
        looked, wallet = lookout.look(Asked(tenant, 0, 0, "timeline", "webhook")), reader.wallet(tenant)
        assert looked is not None
        assert wallet is not None
        assert (looked.balance, looked.overdraft, looked.reserved) == wallet[3:6]
        assert looked.open_calls == len(reader.open_sessions(tenant, 100))
        assert [(day, paid) for day, paid, _ in reader.days(tenant, 0, 10**6)] == list(looked.days)
    assert lookout.look(Asked("nobody", 0, 0, "", "")) is None


def test_sums_of_sqlite_go_by_the_number_of_the_entry(sqlite_database: str) -> None:
    """No read of the journal looks through all of it."""
    seen: list[str] = []
    fill(sqlite_database)
    reader = MoneyReader(open_url(sqlite_database))
    sa.event.listen(reader._engine, "before_cursor_execute", lambda *a: seen.append(a[2].replace("?", "1")))
    purse = reader.purse("acme")
    assert purse is not None
    reader.numbers_at("acme", [1, 2], 1, purse.entries)
    reader.others("acme", 1, purse.entries)
    reader.balance_before("acme", purse.entries)
    link = connect_sqlite(open_url(sqlite_database).path)
    plans = [
        str(line[3])
        for query in seen
        if "journal" in query
        for line in link.execute(
            f"explain query plan {query.replace('json_each(1)', 'json_each(?)')}",
            ("[1]",) * query.count("json_each(1)"),
        )
    ]
    link.close()
    assert any("journal_number" in plan for plan in plans)
    assert not [plan for plan in plans if plan in {"SCAN j", "SCAN journal"}]
