"""Months read from a real ledger on both databases: charges, their entries, sums by account, open calls."""

import pytest

from talktime.accounts.calendar import month_start_us
from talktime.catalog.load import load_catalogue
from talktime.funding.invoice import InvoiceDraft, Party, month_invoice
from talktime.funding.invoice_lines import Mark, Span, read_lines
from talktime.funding.receipt import Billed
from talktime.funding.taxes import Seller
from talktime.ledger.database import open_url
from talktime.ledger.month_reading import MonthReader
from talktime.ledger.reading import NO_BEFORE, Reader
from talktime.ledger.records import POST_USAGE, USAGE
from talktime.ledger.store import StoreAway
from tests.databases import database, sqlite_database
from tests.funding.used_month import NOVEMBER, OCTOBER, used

__all__ = ["database", "sqlite_database"]  # fixtures

PARTY = Party("mca", "USD", "UTC", Seller(), Billed("Mca"))


def drafts(database: str, cuts: tuple[int, int]) -> list[InvoiceDraft | None]:
    """The invoices of October and November at these cuts."""
    reader, found, mark, previous_cut = MonthReader(open_url(database)), [], Mark(), 0
    for month, cut in zip((OCTOBER, NOVEMBER), cuts, strict=True):
        read = month_invoice(reader, PARTY, Span(month, cut, previous_cut), mark, load_catalogue())
        found.append(read.draft)
        mark, previous_cut = read.mark, cut
    return found


def test_each_charge_is_read_with_what_an_invoice_needs(database: str) -> None:
    used(database)
    reader, kept = MonthReader(open_url(database)), Reader(open_url(database))
    assert reader.newest_charge("mca") == 6
    rows = sorted(reader.post_used("mca", 0, 6), key=lambda row: row.number)
    charges = {charge.number: charge for charge in kept.charges("mca", NO_BEFORE, 10)}
    assert [row.number for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row.period for row in rows] == [OCTOBER] * 4 + [NOVEMBER, OCTOBER]
    for row in rows:
        charge = charges[row.number]
        shown = (charge.billed_s, charge.paid_s, charge.amount, charge.post_usage, charge.corrects)
        assert (row.billed_s, row.paid_s, row.amount, row.post_usage, row.corrects) == shown
        assert (row.category, row.callee) == (charge.category, "+442079460000")
    assert [row.corrects for row in rows] == [0, 0, 0, 0, 0, 4]
    assert rows[0].post_usage == rows[0].amount - 10_000


def test_reading_goes_on_after_a_number_and_a_row(database: str) -> None:
    used(database)
    reader = MonthReader(open_url(database))
    rows = {row.number: row for row in reader.post_used("mca", 0, 6)}
    assert {row.number for row in reader.post_used("mca", 2, 5, rows[2].row)} == {3, 4, 5}
    assert {row.number for row in reader.post_used("mca", 6, 6, rows[6].row)} == set()
    assert {row.number for row in reader.charges("mca", {4: rows[4].row, 2: 0})} == {2, 4}
    assert list(reader.charges("mca", {})) == list(reader.charges("nobody", {4: rows[4].row, 1: 0})) == []


def test_entries_on_post_usage_are_a_sum_of_their_own(database: str) -> None:
    used(database)
    reader, kept = MonthReader(open_url(database)), Reader(open_url(database))
    entries = [
        (entry.charge, entry.amount if entry.debit == POST_USAGE else -entry.amount)
        for entry in kept.entries("mca", NO_BEFORE, 100)
        if {entry.debit, entry.credit} == {POST_USAGE, USAGE}
    ]
    for first, last, without in [(1, 6, []), (2, 3, []), (1, 6, [2, 4, 99]), (6, 6, []), (7, 9, [])]:
        asked = [micros for charge, micros in entries if first <= charge <= last and charge not in without]
        assert reader.posted("mca", 1, first, last, without) == sum(asked)


@pytest.mark.parametrize("cuts", [(4, 6), (3, 6), (5, 6), (6, 6)])
def test_the_invoices_of_two_months_are_what_the_journal_moved(database: str, cuts: tuple[int, int]) -> None:
    used(database)
    october, november = drafts(database, cuts)
    assert october is not None
    moved = MonthReader(open_url(database)).posted("mca", 1, 1, 6, [])
    assert october.usage + (0 if november is None else november.usage) == moved
    assert all(line.month == OCTOBER for line in october.lines)


def test_late_correction_is_a_line_of_the_old_month(database: str) -> None:
    used(database)
    october, november = drafts(database, (4, 6))
    assert october is not None
    assert november is not None
    (line,) = october.lines
    assert (line.country, line.calls, line.late, line.otherwise) == ("GB", 4, False, 10_000)
    own, late = november.lines
    assert (own.month, own.calls, own.late, own.billed_s) == (NOVEMBER, 1, False, 600)
    assert (late.month, late.calls, late.late, late.billed_s) == (OCTOBER, 0, True, 240 - 60)


def test_tenants_do_not_see_each_other(database: str) -> None:
    used(database)
    reader = MonthReader(open_url(database))
    reading = read_lines(reader, "two", Span(OCTOBER, 9, 0), Mark(), lambda _: "")
    assert (reading.charges, reading.first, reading.last, reading.others) == (3, 1, 3, [])
    assert (reader.newest_charge("two"), reader.newest_charge("nobody")) == (3, 0)


def test_oldest_call_in_progress(database: str) -> None:
    used(database)
    reader = MonthReader(open_url(database))
    begun_us = reader.oldest_open_start_us("two")
    assert begun_us is not None
    assert month_start_us(NOVEMBER, "UTC") < begun_us < month_start_us(NOVEMBER + 1, "UTC")
    assert reader.oldest_open_start_us("mca") is None


def test_long_table_is_read_in_ranges(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    used(sqlite_database)
    monkeypatch.setattr("talktime.ledger.month_reading.RANGE_ROWS", 2)
    reader = MonthReader(open_url(sqlite_database))
    assert sorted(row.number for row in reader.post_used("mca", 0, 6)) == [1, 2, 3, 4, 5, 6]


def test_database_that_is_away_is_said() -> None:
    with pytest.raises(StoreAway, match="does not answer"):
        MonthReader(open_url("sqlite:///nowhere/ledger.db")).newest_charge("mca")
