"""An invoice as other programs take it: JSON with everything, CSV with one row a line for bookkeeping.

Both show money as decimal strings. The amounts of the rows of the CSV add up to the gross total.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from talktime.accounts.calendar import month_name, to_utc
from talktime.core.money import NANOS_PLACES, format_decimal, format_money
from talktime.funding.invoice import Invoice
from talktime.funding.invoice_lines import InvoiceLine
from talktime.funding.taxes import TaxLine

INVOICE_COLUMNS: Final = (
    "invoice",
    "issued",
    "tenant",
    "billing_account",
    "purchase_order",
    "month",
    "line",
    "kind",
    "usage_month",
    "late",
    "category",
    "country",
    "deck",
    "prefixes",
    "first_price_per_minute",
    "price_per_minute",
    "connection_fee",
    "calls",
    "billed_seconds",
    "paid_seconds",
    "paid_by_credits",
    "currency",
    "amount",
    "tax",
    "tax_country",
    "tax_percent",
    "note",
)
"""Columns of the CSV of an invoice."""

_ACTIVE: Final = re.compile(r"(?!-?\d+(?:\.\d+)?\Z)[=@+\t\r\n\uFF1D\uFF20\uFF0B\uFF0D-]")
"""How text begins that a spreadsheet would run as a formula; a number below 0 is none."""

_PPM_PLACES: Final = 4


def invoice_csv(invoice: Invoice) -> str:
    """UTF-8 text with a header; lines of usage, then the rounding, then taxes."""
    return csv_text(INVOICE_COLUMNS, _rows(invoice))


def csv_text(columns: tuple[str, ...], rows: Iterator[Mapping[str, object]]) -> str:
    """Rows of some columns as CSV; text that a spreadsheet would run gets an apostrophe in front."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\r\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _guarded(value) for name, value in row.items()})
    return out.getvalue()


def invoice_json(invoice: Invoice) -> str:
    """Everything that the invoice says, for programs; months as `2026-03`, instants ISO 8601 in UTC."""
    return msgspec.json.encode(invoice_values(invoice)).decode()


def invoice_values(invoice: Invoice) -> dict[str, Any]:
    """The values of `invoice_json`."""
    return {
        "number": invoice.number,
        "issued": instant_text(invoice.at_us),
        "tenant": invoice.tenant,
        "month": month_name(invoice.month),
        "time_zone": invoice.time_zone,
        "billing_account": invoice.billing_account,
        "seller": msgspec.to_builtins(invoice.seller),
        "billed": msgspec.to_builtins(invoice.billed),
        "currency": invoice.currency,
        "charges": {"after": invoice.previous_cut, "up_to": invoice.cut},
        "lines": [_usage_values(line) for line in invoice.lines],
        "usage": format_money(invoice.usage),
        "rounding": format_money(invoice.rounding),
        "net": format_money(invoice.net),
        "taxes": [_tax_values(line) for line in invoice.taxes],
        "gross": format_money(invoice.gross),
    }


def instant_text(at_us: int) -> str:
    """`2026-04-04T00:00:00Z`."""
    return to_utc(at_us).replace(tzinfo=None).isoformat() + "Z"


def percent_text(rate_ppm: int) -> str:
    """`"25.5"`."""
    return format_decimal(rate_ppm, _PPM_PLACES)


def _usage_values(line: InvoiceLine) -> dict[str, Any]:
    return {
        "month": month_name(line.month),
        "late": line.late,
        "category": line.category,
        "country": line.country,
        "deck": line.deck,
        "prefixes": list(line.prefixes),
        "first_price_per_minute": format_decimal(line.first_price, NANOS_PLACES),
        "price_per_minute": format_decimal(line.price, NANOS_PLACES),
        "connection_fee": format_money(line.fee),
        "calls": line.calls,
        "billed_seconds": line.billed_s,
        "paid_seconds": line.paid_s,
        "paid_by_credits": format_money(line.otherwise),
        "amount": format_money(line.amount),
    }


def _tax_values(line: TaxLine) -> dict[str, Any]:
    return {
        "tax": line.name,
        "tax_country": line.country,
        "tax_percent": percent_text(line.rate_ppm),
        "net": format_money(line.net),
        "amount": format_money(line.tax),
        "note": line.note,
    }


def _rows(invoice: Invoice) -> Iterator[dict[str, object]]:
    same = {
        "invoice": invoice.number,
        "issued": instant_text(invoice.at_us),
        "tenant": invoice.tenant,
        "billing_account": invoice.billing_account,
        "purchase_order": invoice.billed.purchase_order,
        "month": month_name(invoice.month),
        "currency": invoice.currency,
    }
    for number, row in enumerate(_own_values(invoice), 1):
        yield {**same, "line": number, **row}


def _own_values(invoice: Invoice) -> Iterator[dict[str, object]]:
    """What each row says of its own."""
    for line in invoice.lines:
        values = _usage_values(line)
        month, prefixes, late = values.pop("month"), values.pop("prefixes"), values.pop("late")
        words = {"usage_month": month, "prefixes": " ".join(prefixes), "late": "yes" if late else "no"}
        yield {"kind": "usage", **values, **words}
    if invoice.rounding:
        yield {"kind": "rounding", "amount": format_money(invoice.rounding)}
    for tax in invoice.taxes:
        values = _tax_values(tax)
        del values["net"]
        yield {"kind": "tax", **values}


def _guarded(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and _ACTIVE.match(value) else value
