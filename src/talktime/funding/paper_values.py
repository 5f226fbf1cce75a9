"""What stands on a paper, as texts: the templates only lay out what they are given here.

Money is shown with at least the decimals of its currency and with all that it has; days in the tenant's time
zone. No value ever becomes markup: the templates get all of this as JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from talktime.accounts.calendar import to_utc, zone
from talktime.catalog.side import load_currencies
from talktime.core.money import MICROS_PLACES, NANOS_PLACES, format_decimal
from talktime.funding.invoice import Invoice
from talktime.funding.invoice_lines import InvoiceLine
from talktime.funding.invoice_views import percent_text
from talktime.funding.receipt import Billed, CreditNote, Receipt
from talktime.funding.taxes import Seller, TaxLine

Values = dict[str, Any]

_MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_BOUGHT: Final = {
    "purchase": "Communication credits",
    "recharge": "Communication credits, automatic recharge",
    "on_behalf": "Communication credits, bought on the customer's behalf",
}
_RETURNED: Final = {
    "refund": "Communication credits, refunded",
    "dispute": "Communication credits, payment taken back after a dispute",
    "cancelled": "Communication credits, refund that came back",
}


def receipt_values(receipt: Receipt) -> Values:
    """The texts of receipt.typ."""
    facts = [
        ("Date", day_text(receipt.at_us, receipt.time_zone)),
        *_order(receipt.billed),
        ("Customer account", receipt.tenant),
        ("Payment", receipt.payment),
        ("Paid with", receipt.method),
    ]
    expiry = day_text(receipt.expires_us, receipt.time_zone)
    about = f"Lot {receipt.lot}. What is not used expires on {expiry}."
    return _paper(receipt, "Receipt", facts) | {
        "items": [_item(_BOUGHT[receipt.kind], about, receipt.net, receipt.currency)],
        "totals": _totals(receipt.net, receipt.taxes, receipt.gross, receipt.currency, "Total paid"),
    }


def credit_note_values(note: CreditNote) -> Values:
    """The texts of credit_note.typ."""
    corrected = f"{note.receipt} of {day_text(note.receipt_at_us, note.time_zone)}"
    facts = [
        ("Date", day_text(note.at_us, note.time_zone)),
        ("Corrects receipt", corrected),
        ("Cancels credit note", note.cancels),
        *_order(note.billed),
        ("Customer account", note.tenant),
        ("Payment", note.payment),
        ("Paid with", note.method),
    ]
    return _paper(note, "Credit note", facts) | {
        "items": [_item(_RETURNED[note.kind], note.reason, note.net, note.currency)],
        "totals": _totals(note.net, note.taxes, note.gross, note.currency, "Total credited"),
    }


def invoice_values_shown(invoice: Invoice) -> Values:
    """The texts of invoice.typ."""
    month = month_text(invoice.month)
    decks = list(dict.fromkeys(line.deck for line in invoice.lines))
    facts = [
        ("Date", day_text(invoice.at_us, invoice.time_zone)),
        ("Usage of", month),
        *_order(invoice.billed),
        ("Customer account", invoice.tenant),
        ("Billing account", invoice.billing_account),
        ("Rates", decks[0] if len(decks) == 1 else ""),
    ]
    is_credit = invoice.gross < 0
    return _paper(invoice, "Credit" if is_credit else "Invoice", facts) | {
        "month": month,
        "parts": list(_parts(invoice)),
        "totals": [
            ("Usage", money_text(invoice.usage, invoice.currency)),
            *([("Rounding", money_text(invoice.rounding, invoice.currency))] if invoice.rounding else []),
            *_totals(
                invoice.net,
                invoice.taxes,
                invoice.gross,
                invoice.currency,
                "Total credited" if is_credit else "Total payable",
            ),
        ],
    }


def _paper(paper: Receipt | CreditNote | Invoice, title: str, facts: Iterable[tuple[str, str]]) -> Values:
    """What every paper has."""
    return {
        "title": title,
        "number": paper.number,
        "facts": [fact for fact in facts if fact[1]],
        "seller": _seller(paper.seller),
        "billed": _billed(paper.billed),
        "currency": paper.currency,
        "notes": [line.note for line in paper.taxes if line.note],
    }


def _seller(seller: Seller) -> Values:
    return {"name": seller.name, "lines": _address(seller.address, seller.country, seller.tax_id)}


def _billed(billed: Billed) -> Values:
    return {"name": billed.name, "lines": _address(billed.address, billed.country, billed.tax_id)}


def _address(address: Sequence[str], country: str, tax_id: str) -> list[str]:
    return [*address, *([country] if country else []), *([f"Tax ID {tax_id}"] if tax_id else [])]


def _order(billed: Billed) -> list[tuple[str, str]]:
    return [("Purchase order", billed.purchase_order)]


def _item(words: str, about: str, micros: int, currency: str) -> Values:
    return {"words": words, "about": about, "amount": money_text(micros, currency)}


def _totals(
    net: int, taxes: Sequence[TaxLine], gross: int, currency: str, last: str
) -> list[tuple[str, str]]:
    return [
        ("Net", money_text(net, currency)),
        *[(_tax_words(line), money_text(line.tax, currency)) for line in taxes],
        (last, f"{currency} {money_text(gross, currency)}"),
    ]


def _tax_words(line: TaxLine) -> str:
    return f"{line.name} {line.country} {percent_text(line.rate_ppm)} %"


def _parts(invoice: Invoice) -> Iterator[Values]:
    """The lines of each month, with a heading where they came late; amounts with the same decimals."""
    places = _places([line.amount for line in invoice.lines], invoice.currency)
    several = len({line.deck for line in invoice.lines}) > 1
    for month in dict.fromkeys(line.month for line in invoice.lines):
        lines = [line for line in invoice.lines if line.month == month]
        late = f"Calls of {month_text(month)} that came after its invoice" if month < invoice.month else ""
        yield {"late": late, "lines": [_line(line, places, invoice.currency, several) for line in lines]}


def _line(line: InvoiceLine, places: int, currency: str, names_deck: bool) -> Values:
    deck = f"rates {line.deck}" if names_deck and line.deck else ""
    paid = f"{money_text(line.otherwise, currency)} of these calls paid by credits" if line.otherwise else ""
    price = format_decimal(line.price, NANOS_PLACES)
    if line.first_price != line.price:
        price = f"{format_decimal(line.first_price, NANOS_PLACES)}, then {price}"
    return {
        "words": line.category.replace("_", " ").capitalize(),
        "about": ", ".join(word for word in (deck, paid) if word),
        "country": line.country,
        "price": price,
        "fee": format_decimal(line.fee, MICROS_PLACES),
        "calls": f"{line.calls:,}",
        "billed": _minutes_text(line.billed_s),
        "paid": _minutes_text(line.paid_s),
        "amount": _grouped(line.amount, places),
    }


def money_text(micros: int, currency: str) -> str:
    """`1,234.50`: the decimals of the currency, and more where there are more."""
    return _grouped(micros, _places([micros], currency))


def month_text(month: int) -> str:
    """`March 2026`."""
    return f"{_MONTHS[month % 12]} {month // 12}"


def day_text(at_us: int, time_zone: str) -> str:
    """`4 April 2026`, by the tenant's clock."""
    local = to_utc(at_us).astimezone(zone(time_zone))
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}"


def _minutes_text(seconds: int) -> str:
    """`1,234:05`: minutes and seconds, exact."""
    minutes, rest = divmod(abs(seconds), 60)
    return f"{'-' if seconds < 0 else ''}{minutes:,}:{rest:02}"


def _places(amounts: Iterable[int], currency: str) -> int:
    """Decimals that show all of these amounts, at least those of the currency."""
    least = load_currencies().minor_units.get(currency, 0)
    texts = [format_decimal(amount, MICROS_PLACES).partition(".")[2] for amount in amounts]
    return max([least, *map(len, texts)])


def _grouped(micros: int, places: int) -> str:
    """An amount with so many decimals; nothing is cut that is not 0."""
    whole, _, decimals = format_decimal(abs(micros), MICROS_PLACES).partition(".")
    sign = "-" if micros < 0 else ""
    shown = decimals.ljust(places, "0")
    return f"{sign}{int(whole):,}.{shown}" if shown else f"{sign}{int(whole):,}"
