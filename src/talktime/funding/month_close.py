"""Closing a month: one invoice, one paper that says up to which charge, in order, and never twice.

What is read is read before; under the lock of the wallet the command only checks that the last close is
still the one that was read. So a close that is repeated, or run by two processes at once, changes nothing
the second time (rulings.md 30).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from talktime.accounts.calendar import month_name, month_of, month_start_us
from talktime.core.limits import US_PER_S
from talktime.funding.invoice import (
    INVOICE,
    InvoiceDraft,
    MonthRead,
    Party,
    invoice_text,
    issued,
    month_invoice,
)
from talktime.funding.invoice_lines import Mark, Span
from talktime.funding.invoice_views import instant_text
from talktime.ledger.book import Book
from talktime.ledger.commands import NO_TENANT, Refused
from talktime.ledger.engine import OfMoney
from talktime.ledger.month_reading import MonthReader
from talktime.ledger.records import Change, Paper, SessionRow

if TYPE_CHECKING:
    from talktime.catalog.model import Catalogue

MONTH_CLOSE: Final = "month_close"
"""The kind of paper, and the series in which closes are counted."""

WAIT_US: Final = 72 * 3_600 * US_PER_S
"""For so long after its end a month may still get calls (rulings.md 30)."""

_encode: Final = msgspec.json.Encoder().encode


class MonthClose(msgspec.Struct, frozen=True, kw_only=True):
    """A month that was closed: charges up to number `cut` are on its invoice or wait for a later month's.

    `invoice` is the number of the invoice, "" where there was nothing to invoice; `mark` is where the reading
    for the next month begins; `ordinal` counts the closes of the tenant from 1.
    """

    month: int
    cut: int
    previous_cut: int
    invoice: str
    at_us: int
    mark: Mark
    ordinal: int


class Close(NamedTuple):
    """A month as it was read and is to be closed; `previous` is the last close, None before the first."""

    month: int
    span: Span
    previous: MonthClose | None
    read: MonthRead


def close_check(month: int, now_us: int, time_zone: str, oldest_open_us: int | None) -> str:
    """A sentence why a month cannot be closed yet; "" where it can be.

    `oldest_open_us`: when the oldest call in progress began, None for none.
    """
    end_us = month_start_us(month + 1, time_zone)
    if now_us < end_us + WAIT_US:
        from_us = end_us + WAIT_US
        return (
            f"{month_name(month)} can be closed 72 hours after its end, from {instant_text(from_us)} on:"
            " until then its calls may still come"
        )
    if oldest_open_us is not None and oldest_open_us < end_us:
        return (
            f"a call that began at {instant_text(oldest_open_us)} is still in progress;"
            f" {month_name(month)} can be closed once it has ended"
        )
    return ""


def order_check(month: int, previous: MonthClose | None) -> str:
    """A sentence why a month is not the one to close after the last one; "" where it is.

    Any month may be the first; what was used before it is then on its invoice.
    """
    if previous is None or month == previous.month + 1:
        return ""
    following, last = month_name(previous.month + 1), month_name(previous.month)
    if month <= previous.month:
        return f"{month_name(month)} was not closed before {last} and cannot be now: it is part of {last}"
    return f"months are closed in order: {last} was the last, so {following} is the next"


def next_span(month: int, cut: int, previous: MonthClose | None) -> tuple[Span, Mark]:
    """The charges of a month's invoice, and where the reading of them begins."""
    if previous is None:
        return Span(month, cut, 0), Mark()
    return Span(month, cut, previous.cut), previous.mark


def month_to_close(previous: MonthClose | None, now_us: int, time_zone: str) -> int:
    """The month that comes next: the one after the last close, else the last one whose 72 hours are over."""
    if previous is not None:
        return previous.month + 1
    return month_of(now_us - WAIT_US, time_zone) - 1


def read_close(
    reader: MonthReader, party: Party, month: int, previous: MonthClose | None, catalogue: Catalogue
) -> Close:
    """Reads a month up to the newest charge, for `CloseMonth`. Raises StoreAway, Unreconciled."""
    span, mark = next_span(month, reader.newest_charge(party.tenant), previous)
    return Close(month, span, previous, month_invoice(reader, party, span, mark, catalogue))


def newest_close(papers: Iterable[Paper]) -> MonthClose | None:
    """The last close of all papers of this kind, None for none."""
    newest = max(papers, key=lambda paper: paper.key, default=None)
    return None if newest is None else read_month_close(newest.document)


@dataclass(frozen=True, slots=True)
class CloseMonth(OfMoney):
    """Writes the invoice of a month and that it is closed; answers with the MonthClose, a stored one if any.

    Refused: `out_of_order`; `moved_on` where another close came between reading and writing.
    """

    tenant: str
    close: Close
    who: str = ""
    call_id: str = ""
    creates: bool = False

    @property
    def papers(self) -> tuple[tuple[str, str], ...]:
        """What has to be seen under the lock: whether this month is closed."""
        return ((MONTH_CLOSE, month_name(self.close.month)),)

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> MonthClose | Refused:
        """The close; it is asked for again if the ledger has moved on."""
        del session
        if book is None:
            return NO_TENANT
        book.advance(now_us)
        key = month_name(self.close.month)
        stored = book.papers.get((MONTH_CLOSE, key))
        if stored is not None:
            return read_month_close(stored.document)
        wrong = order_check(self.close.month, self.close.previous)
        if wrong:
            return Refused("out_of_order", wrong)
        if book.standing.numbers.get(MONTH_CLOSE, 0) != _ordinal(self.close.previous):
            return Refused("moved_on", f"another month was closed while {key} was read; read it again")
        return self._closed(book, key)

    def _closed(self, book: Book, key: str) -> MonthClose:
        draft, span = self.close.read.draft, self.close.span
        number = "" if draft is None else self._invoiced(book, draft, key)
        closed = MonthClose(
            month=span.month,
            cut=span.cut,
            previous_cut=span.previous_cut,
            invoice=number,
            at_us=book.last_us,
            mark=self.close.read.mark,
            ordinal=book.next_paper_number(MONTH_CLOSE),
        )
        book.put_paper(Paper(MONTH_CLOSE, key, book.last_us, close_text(closed)))
        invoiced = f"invoice {number}" if number else "nothing to invoice"
        what = f"{key} closed up to charge {span.cut}: {invoiced}"
        book.audit.append(Change(book.last_us, self.who, what, "", ""))
        book.changed = True
        return closed

    def _invoiced(self, book: Book, draft: InvoiceDraft, key: str) -> str:
        number = f"I-{self.tenant}-{book.next_paper_number(INVOICE):06}"
        invoice = issued(draft, number, book.last_us)
        book.put_paper(Paper(INVOICE, number, book.last_us, invoice_text(invoice)))
        book.notice("invoice_ready", {"invoice": number, "amount": invoice.gross, "month": key})
        return number


def read_month_close(text: str | bytes) -> MonthClose:
    """A kept close. Raises msgspec.ValidationError."""
    return msgspec.json.decode(text, type=MonthClose)


def close_text(closed: MonthClose) -> str:
    """A close as it is kept."""
    return _encode(closed).decode()


def _ordinal(previous: MonthClose | None) -> int:
    return 0 if previous is None else previous.ordinal
