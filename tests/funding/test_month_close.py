"""Closing months: when it may be done, in which order, once; numbers without gaps; what is written."""

import asyncio
import json
from collections.abc import Callable, Coroutine

import pytest

from talktime.accounts.calendar import month_start_us
from talktime.catalog.load import load_catalogue
from talktime.funding.invoice import INVOICE, Party, read_invoice
from talktime.funding.invoice_lines import Mark
from talktime.funding.month_close import (
    MONTH_CLOSE,
    WAIT_US,
    Close,
    CloseMonth,
    MonthClose,
    close_check,
    month_to_close,
    newest_close,
    order_check,
    read_close,
)
from talktime.funding.receipt import Billed
from talktime.funding.taxes import Seller
from talktime.ledger.commands import Refused
from talktime.ledger.database import open_url
from talktime.ledger.month_reading import MonthReader
from talktime.ledger.reading import NO_BEFORE, Reader
from talktime.live.operations import EndCall
from tests.databases import database, sqlite_database
from tests.funding.post_usage import MARCH
from tests.funding.used_month import DECEMBER, NOVEMBER, OCTOBER, Month, begin

__all__ = ["database", "sqlite_database"]  # fixtures

END_US = month_start_us(MARCH + 1, "Europe/Berlin")
MARCH_CLOSED = MonthClose(month=MARCH, cut=9, previous_cut=0, invoice="", at_us=0, mark=Mark(9), ordinal=1)


@pytest.mark.parametrize(
    ("now_us", "oldest_open_us", "sentence"),
    [
        (END_US + WAIT_US - 1, None, "72 hours after its end, from 2026-04-03T22:00:00Z on"),
        (END_US - 1, None, "72 hours after its end"),
        (END_US + WAIT_US, None, ""),
        (END_US + WAIT_US, END_US, ""),
        (
            END_US + WAIT_US,
            END_US - 1,
            "a call that began at 2026-03-31T21:59:59.999999Z is still in progress",
        ),
    ],
    ids=["too early", "not over", "on time", "call of the next month", "call of the month"],
)
def test_when_a_month_may_be_closed(now_us: int, oldest_open_us: int | None, sentence: str) -> None:
    found = close_check(MARCH, now_us, "Europe/Berlin", oldest_open_us)
    assert (sentence in found) if sentence else found == ""


@pytest.mark.parametrize(
    ("month", "previous", "sentence"),
    [
        (MARCH, None, ""),
        (MARCH + 1, MARCH_CLOSED, ""),
        (MARCH + 2, MARCH_CLOSED, "2026-03 was the last, so 2026-04 is the next"),
        (MARCH - 1, MARCH_CLOSED, "2026-02 was not closed before 2026-03"),
    ],
)
def test_months_are_closed_in_order(month: int, previous: MonthClose | None, sentence: str) -> None:
    found = order_check(month, previous)
    assert (sentence in found) if sentence else found == ""


def test_which_month_comes_next() -> None:
    assert month_to_close(MARCH_CLOSED, END_US, "UTC") == MARCH + 1
    assert month_to_close(None, END_US + WAIT_US, "Europe/Berlin") == MARCH
    assert month_to_close(None, END_US + WAIT_US - 1, "Europe/Berlin") == MARCH - 1
    assert newest_close([]) is None


class Closing(Month):
    """A month with somebody who closes it."""

    def __init__(self, database: str) -> None:
        super().__init__(database)
        url = open_url(database)
        self.reader, self.kept = MonthReader(url), Reader(url)

    def newest(self, tenant: str) -> MonthClose | None:
        """The last close as it is kept."""
        return newest_close(self.kept.papers(tenant, MONTH_CLOSE, "", 1, newest=True))

    def read(self, tenant: str, month: int, previous: MonthClose | None = None) -> Close:
        """A month as it stands now."""
        party = Party(tenant, "USD", "UTC", Seller(), Billed(tenant))
        return read_close(self.reader, party, month, previous or self.newest(tenant), load_catalogue())

    async def write(self, tenant: str, close: Close) -> MonthClose | Refused:
        """Closes it."""
        answer = await self.desk.engine.submit(CloseMonth(tenant, close, "finance@example"))
        assert isinstance(answer, (MonthClose, Refused))
        return answer

    async def close(self, tenant: str, month: int) -> MonthClose:
        """Reads and closes a month after its time has come."""
        self.clock.now_us = max(self.clock.now_us, month_start_us(month + 1, "UTC") + WAIT_US)
        closed = await self.write(tenant, self.read(tenant, month))
        assert isinstance(closed, MonthClose), closed
        return closed

    def invoices(self, tenant: str) -> list[str]:
        """The numbers of the invoices, in order."""
        return [paper.key for paper in self.kept.papers(tenant, INVOICE, "", 100)]


def run(database: str, story: Callable[[Closing], Coroutine[None, None, None]]) -> None:
    """A story on a ledger with calls up to the first hours of November."""

    async def told() -> None:
        closing = Closing(database)
        await begin(closing)
        try:
            await story(closing)
        finally:
            await closing.desk.stop()

    asyncio.run(told())


def test_months_one_after_the_other(database: str) -> None:
    run(database, _months)


async def _months(closing: Closing) -> None:
    october = await closing.close("mca", OCTOBER)
    assert (october.cut, october.previous_cut, october.invoice) == (5, 0, "I-mca-000001")
    await closing.do(EndCall("mca", "silent", 2, 200))  # corrects a call of October, later
    november = await closing.close("mca", NOVEMBER)
    assert (november.cut, november.previous_cut, november.invoice) == (6, 5, "I-mca-000002")
    december = await closing.close("mca", DECEMBER)
    assert (december.cut, december.invoice, december.ordinal) == (6, "", 3)
    assert closing.invoices("mca") == ["I-mca-000001", "I-mca-000002"]
    assert closing.newest("mca") == december

    papers = closing.kept.papers("mca", INVOICE, "", 9)
    first, second = (read_invoice(paper.document) for paper in papers)
    assert [(line.month, line.late) for line in first.lines] == [(OCTOBER, False)]
    assert [(line.month, line.late) for line in second.lines] == [(NOVEMBER, False), (OCTOBER, True)]
    moved = closing.reader.posted("mca", 1, 1, 6, [])
    assert first.usage + second.usage == moved


def test_what_is_written_of_a_close(database: str) -> None:
    run(database, _written)


async def _written(closing: Closing) -> None:
    closed = await closing.close("mca", OCTOBER)
    change = closing.kept.audit("mca", NO_BEFORE, 1)[0]
    assert (change.who, change.what) == (
        "finance@example",
        "2026-10 closed up to charge 5: invoice I-mca-000001",
    )
    notice = closing.kept.outbox("mca", NO_BEFORE, 1)[0]
    paper = closing.kept.paper("mca", INVOICE, closed.invoice)
    assert paper is not None
    invoice = read_invoice(paper.document)
    told = json.loads(notice.body)
    assert notice.kind == "invoice_ready"
    assert (told["invoice"], told["amount"], told["month"]) == ("I-mca-000001", invoice.gross, "2026-10")
    assert (invoice.number, invoice.at_us, paper.at_us) == (closed.invoice, closed.at_us, closed.at_us)


def test_repeated_close_changes_nothing(database: str) -> None:
    run(database, _repeated)


async def _repeated(closing: Closing) -> None:
    once = await closing.close("mca", OCTOBER)
    audit, outbox = (read("mca", NO_BEFORE, 99) for read in (closing.kept.audit, closing.kept.outbox))
    again = await closing.write("mca", closing.read("mca", OCTOBER, once))
    assert again == once
    assert (closing.kept.audit("mca", NO_BEFORE, 99), closing.kept.outbox("mca", NO_BEFORE, 99)) == (
        audit,
        outbox,
    )
    assert closing.invoices("mca") == ["I-mca-000001"]


def test_two_who_close_at_once(database: str) -> None:
    run(database, _at_once)


async def _at_once(closing: Closing) -> None:
    closing.clock.now_us = month_start_us(DECEMBER + 1, "UTC")
    early, one, other = (closing.read("two", month) for month in (OCTOBER - 1, OCTOBER, OCTOBER))
    answers = await asyncio.gather(closing.write("two", one), closing.write("two", other))
    assert answers[0] == answers[1]
    assert isinstance(answers[0], MonthClose)
    refused = await closing.write("two", early)  # read before there was any close
    assert isinstance(refused, Refused)
    assert refused.code == "moved_on"
    november = closing.read("two", NOVEMBER)
    skipping = await closing.write("two", closing.read("two", DECEMBER))
    assert isinstance(skipping, Refused)
    assert (skipping.code, "2026-11 is the next" in skipping.detail) == ("out_of_order", True)
    assert isinstance(await closing.write("two", november), MonthClose)
    assert closing.invoices("two") == ["I-two-000001"]


def test_unknown_tenant_is_refused(sqlite_database: str) -> None:
    run(sqlite_database, _unknown)


async def _unknown(closing: Closing) -> None:
    refused = await closing.write("nobody", closing.read("nobody", OCTOBER))
    assert isinstance(refused, Refused)
    assert refused.code == "unknown_tenant"
