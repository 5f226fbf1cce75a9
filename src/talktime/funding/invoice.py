"""A month's invoice for what is paid after use; it agrees with the ledger or is not made.

Lines are micros. The payable total is rounded once, half up to the currency's smallest coin, and the
difference is said as a line of its own (domain.md 9, rulings.md 30).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from talktime.core.limits import MAX_NUMBER_DIGITS
from talktime.core.money import format_money
from talktime.core.numbers import parse_number
from talktime.funding.invoice_lines import (
    ChargeSource,
    CountryOf,
    InvoiceLine,
    Mark,
    Reading,
    Span,
    posted_micros,
    read_lines,
)
from talktime.funding.receipt import Billed
from talktime.funding.taxes import Seller, TaxLine, tax_lines, tax_sum, to_minor

if TYPE_CHECKING:
    from talktime.catalog.model import Catalogue

INVOICE: Final = "invoice"
"""The kind of paper, and the series of its numbers."""

_LONGEST: Final = 1 + MAX_NUMBER_DIGITS
"""Characters of an international number with its plus; what is longer is none."""

_MOST_NUMBERS: Final = 100_000
"""So many beginnings of numbers are remembered with their countries."""

_encode: Final = msgspec.json.Encoder().encode


class Unreconciled(Exception):  # noqa: N818 - an answer
    """The charges of a month and the journal do not agree; the message is a sentence with both figures."""


class Party(NamedTuple):
    """Who invoices whom, in what money: an invoice without its calls."""

    tenant: str
    currency: str
    time_zone: str
    seller: Seller
    billed: Billed
    billing_account: str = ""


class InvoiceDraft(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice without number and date. Money in micros; `month` counts from year 0, as all months do.

    usage = sum of the lines; net = usage + rounding, in whole coins; gross = net + taxes. All of them are
    below 0 where corrections took back more than was used: then it is a credit.
    """

    tenant: str
    month: int
    cut: int
    previous_cut: int
    time_zone: str
    seller: Seller
    billed: Billed
    billing_account: str
    currency: str
    lines: tuple[InvoiceLine, ...]
    usage: int
    rounding: int
    net: int
    taxes: tuple[TaxLine, ...]
    gross: int

    def __post_init__(self) -> None:
        """A paper whose sums do not agree is not made."""
        if sum(line.amount for line in self.lines) != self.usage or self.usage + self.rounding != self.net:
            raise ValueError(f"invoice of {self.tenant}: the lines are not {self.net} micros")
        if self.gross != self.net + tax_sum(self.taxes):
            raise ValueError(
                f"invoice of {self.tenant}: gross {self.gross} is not net {self.net} and its taxes"
            )


class Invoice(InvoiceDraft, frozen=True, kw_only=True):
    """An invoice as it was issued; never changed."""

    number: str
    at_us: int


class MonthRead(NamedTuple):
    """What a month came to: its invoice, None where nothing is to be invoiced; `mark` for the next month."""

    draft: InvoiceDraft | None
    mark: Mark


def month_invoice(
    source: ChargeSource, party: Party, span: Span, mark: Mark, catalogue: Catalogue
) -> MonthRead:
    """Reads the charges of a month (up to the cut) and drafts the invoice.

    Raises Unreconciled where the lines are not what the journal moved for exactly these charges.
    """
    reading = read_lines(source, party.tenant, span, mark, country_in(catalogue))
    check_reading(reading, posted_micros(source, party.tenant, reading), party)
    return MonthRead(drafted(reading.lines, party, span) if reading.lines else None, reading.mark)


def check_reading(reading: Reading, posted: int, party: Party) -> None:
    """Raises Unreconciled unless the lines add up to what the journal posted (micros)."""
    if reading.amount != posted:
        raise Unreconciled(
            f"the invoice of {party.tenant!r} is not made: its lines add up to"
            f" {format_money(reading.amount)} {party.currency}, the journal moved {format_money(posted)}"
            f" {party.currency} on {reading.charges} charges; run `talktime verify`"
        )


def drafted(lines: tuple[InvoiceLine, ...], party: Party, span: Span) -> InvoiceDraft:
    """The invoice of some lines: rounded once, then taxed."""
    usage = sum(line.amount for line in lines)
    net = to_minor(usage, party.currency)
    billed = party.billed
    taxes = tax_lines(net, party.currency, party.seller, billed.country, billed.tax_id)
    return InvoiceDraft(
        tenant=party.tenant,
        month=span.month,
        cut=span.cut,
        previous_cut=span.previous_cut,
        time_zone=party.time_zone,
        seller=party.seller,
        billed=billed,
        billing_account=party.billing_account,
        currency=party.currency,
        lines=lines,
        usage=usage,
        rounding=net - usage,
        net=net,
        taxes=taxes,
        gross=net + tax_sum(taxes),
    )


def issued(draft: InvoiceDraft, number: str, at_us: int) -> Invoice:
    """The invoice of a draft, with its number and its instant."""
    return Invoice(**msgspec.structs.asdict(draft), number=number, at_us=at_us)


def country_in(catalogue: Catalogue) -> CountryOf:
    """Countries of called numbers as charges keep them, by the catalogue's table.

    The table's longest prefix decides, so whole numbers of the same beginning are looked up once.
    """
    longest = max(catalogue.numbers.lengths, default=0) + 1
    known: dict[str, str] = {}

    def country_of(callee: str) -> str:
        is_whole = len(callee) <= _LONGEST and callee[:1] == "+" and callee[1:].isdigit()
        head = callee[:longest] if is_whole else callee
        found = known.get(head)
        if found is None:
            if len(known) >= _MOST_NUMBERS:
                known.clear()
            found = known[head] = catalogue.number(parse_number(callee, None).digits).country
        return found

    return country_of


def invoice_text(invoice: Invoice) -> str:
    """An invoice as it is kept: JSON, the same text for the same invoice."""
    return _encode(invoice).decode()


def read_invoice(text: str | bytes) -> Invoice:
    """A kept invoice. Raises msgspec.ValidationError."""
    return msgspec.json.decode(text, type=Invoice)
