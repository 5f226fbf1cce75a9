"""The journal of a month by account: it balances, opens where the last one closed, and speaks bookkeeping."""

import csv
import io
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.accounts.calendar import month_start_us
from talktime.catalog.accounting import load_accounting, read_accounting
from talktime.catalog.load import CatalogueError
from talktime.core.money import parse_money
from talktime.funding.month_journal import (
    JOURNAL_COLUMNS,
    JournalLine,
    MonthJournal,
    journal_csv,
    journal_json,
    journal_lines,
    read_month_journal,
)
from talktime.ledger import records
from talktime.ledger.database import open_url
from talktime.ledger.month_reading import MonthReader, Moved
from talktime.ledger.reading import NO_BEFORE, Reader
from tests.databases import database, sqlite_database
from tests.funding.used_month import DECEMBER, NOVEMBER, OCTOBER, used
from tests.ledger.filled import fill

__all__ = ["database", "sqlite_database"]  # fixtures

ACCOUNTS = [*records.ACCOUNTS, f"{records.FUNDING}sandbox"]
_MOVED = st.builds(
    Moved,
    st.sampled_from(ACCOUNTS),
    st.sampled_from(ACCOUNTS),
    st.integers(0, 10**12),
    st.integers(0, 10**12),
)


@given(moved=st.lists(_MOVED, max_size=30))
def test_over_all_accounts_everything_adds_up_to_nothing(moved: list[Moved]) -> None:
    lines = journal_lines(moved)
    assert sum(line.opening for line in lines) == sum(line.closing for line in lines) == 0
    assert sum(line.debits for line in lines) == sum(line.credits for line in lines)
    assert {line.account for line in lines} == {name for move in moved for name in move[:2]}


def test_purchase_usage_and_expiry_in_the_words_of_bookkeeping() -> None:
    unit = 1_000_000
    lines = journal_lines(
        [
            Moved("funding:stripe", "credits", 50 * unit, 20 * unit),
            Moved("credits", "usage", 10 * unit, 5 * unit),
            Moved("credits", "forfeited", 0, 3 * unit),
            Moved("post_usage", "usage", 0, unit),
        ]
    )
    assert [(line.account, line.opening, line.debits, line.credits, line.closing) for line in lines] == [
        ("funding:stripe", 50 * unit, 20 * unit, 0, 70 * unit),
        ("credits", -40 * unit, 8 * unit, 20 * unit, -52 * unit),
        ("usage", -10 * unit, 0, 6 * unit, -16 * unit),
        ("post_usage", 0, unit, 0, unit),
        ("forfeited", 0, 0, 3 * unit, -3 * unit),
    ]
    words = {line.account: line.words for line in lines}
    assert "Deferred income" in words["credits"]
    assert "Breakage" in words["forfeited"]
    assert "Accrued income" in words["post_usage"]


def test_every_account_of_the_ledger_has_words() -> None:
    for name in ACCOUNTS:
        assert load_accounting().find(name)[1].words
    with pytest.raises(KeyError):
        load_accounting().find("petty cash")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("account = [", "accounting.toml: "),
        ("[[account]]\nname='a'\nwords='A'\nclass='gold'\nside='debit'", "gold"),
        ("[[account]]\nname='a'\nwords='A'\nclass='asset'\nside='debit'\n" * 2, "account 'a': stands twice"),
        ("[[account]]\nname='a'\nwords='A'\nclass='asset'\nside='debit'\ncolour='x'", "colour"),
    ],
)
def test_faulty_file_is_refused_by_name(text: str, fault: str) -> None:
    with pytest.raises(CatalogueError, match=fault):
        read_accounting(text)


@pytest.mark.parametrize("tenant", ["acme", "mca", "\u00d8re"])
def test_months_of_a_ledger_follow_each_other(database: str, tenant: str) -> None:
    fill(database)
    reader = MonthReader(open_url(database))
    months = [read_month_journal(reader, tenant, NOVEMBER + at, "UTC", "USD") for at in (-1, 0, 1)]
    for before, after in pairwise(months):
        closing = {line.account: line.closing for line in before.lines if line.closing}
        assert closing == {line.account: line.opening for line in after.lines if line.opening}
    for month in months:
        assert sum(line.closing for line in month.lines) == sum(line.opening for line in month.lines) == 0
    wallet = Reader(open_url(database)).wallet(tenant)
    assert wallet is not None
    closing = {line.account: line.closing for line in months[-1].lines}
    assert -closing[records.CREDITS] == sum(lot.left for lot in wallet.lots)


def test_sums_are_those_of_the_entries_of_the_month(database: str) -> None:
    used(database)
    start_us = month_start_us(NOVEMBER, "UTC")
    entries = Reader(open_url(database)).entries("mca", NO_BEFORE, 999)
    november = [entry for entry in entries if entry.at_us >= start_us]
    journal = read_month_journal(MonthReader(open_url(database)), "mca", NOVEMBER, "UTC", "USD")
    assert november
    for line in journal.lines:
        assert line.debits == sum(entry.amount for entry in november if entry.debit == line.account)
        assert line.credits == sum(entry.amount for entry in november if entry.credit == line.account)


def test_the_month_is_that_of_the_tenants_clock(database: str) -> None:
    used(database)  # the last call of October was settled an hour before midnight UTC
    reader = MonthReader(open_url(database))
    shown = {}
    for zone in ("UTC", "Europe/Athens"):
        journal = read_month_journal(reader, "mca", OCTOBER, zone, "USD")
        shown[zone] = next(line.credits for line in journal.lines if line.account == records.USAGE)
    assert shown["Europe/Athens"] == shown["UTC"] - 12_000
    later = read_month_journal(reader, "mca", DECEMBER, "UTC", "USD")
    assert all(line.debits == line.credits == 0 for line in later.lines)


def test_csv_and_json_say_the_same() -> None:
    line = JournalLine("credits", "Deferred income", "liability", "credit", -5_000_000, 1_500_000, 0)
    other = JournalLine("usage", "Revenue", "income", "credit", 5_000_000, 0, 1_500_000)
    journal = MonthJournal("acme", OCTOBER, "UTC", "EUR", (line, other))
    rows = list(csv.DictReader(io.StringIO(journal_csv(journal))))
    shown = json.loads(journal_json(journal))
    assert tuple(rows[0]) == JOURNAL_COLUMNS
    assert (shown["tenant"], shown["month"], shown["balance"]) == ("acme", "2026-10", "0")
    for row, account in zip(rows, shown["accounts"], strict=True):
        assert {name: row[name] for name in account} == account
    assert [row["closing"] for row in rows] == ["-3.5", "3.5"]
    assert sum(parse_money(row["opening"]) for row in rows) == 0
