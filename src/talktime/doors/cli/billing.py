"""`talktime credits receipts|invoices|close|journal`: the papers of a tenant, and months for bookkeeping."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from talktime.doors.cli.answer import print_json
from talktime.doors.cli.engine import Working, office, typist, working
from talktime.doors.cli.listing import (
    amount,
    facts,
    listed,
    local,
    our_screen,
    print_answer,
    say,
    write_file,
    zone_note,
)
from talktime.doors.cli.problems import Unusable, WrongUse
from talktime.doors.cli.screen import money
from talktime.doors.cli.tenants import done

if TYPE_CHECKING:
    from talktime.doors.cli.options import Asked
    from talktime.funding.closing import Closed
    from talktime.funding.invoice import Invoice
    from talktime.funding.receipt import CreditNote, Receipt


PAGE: Final = 1_000


# --- receipts and credit notes ---------------------------------------------------------------------------


def receipts_command(asked: Asked, limit: int, pdf: Path | None) -> int:
    """Lists receipts and credit notes, newest first."""
    from talktime.doors.http.management.shown_money import paper_line
    from talktime.funding.receipt import read_credit_note, read_receipt
    from talktime.funding.refunds import CREDIT_NOTE
    from talktime.funding.settlement import RECEIPT

    _one_paper(pdf)
    with office(asked.database) as here:
        tenant = here.tenant(asked.tenant)
        receipts = here.reader.papers(tenant.id, RECEIPT, "", limit, newest=True)
        notes = here.reader.papers(tenant.id, CREDIT_NOTE, "", limit, newest=True)
    found: list[Receipt | CreditNote] = [read_receipt(paper.document) for paper in receipts]
    found += [read_credit_note(paper.document) for paper in notes]
    found.sort(key=lambda paper: (paper.at_us, paper.number), reverse=True)
    found = found[:limit]
    if asked.as_json:
        lines = [paper_line(paper).model_dump(mode="json") for paper in found]
        print_json({"receipts": lines})
        return 0
    screen = our_screen()
    if not found:
        screen.say("no receipts yet: nothing was paid")
        return 0
    rows = [
        (
            paper.number,
            local(paper.at_us, tenant.time_zone),
            paper.kind.replace("_", " "),
            money(paper.net),
            money(paper.gross),
        )
        for paper in found
    ]
    headings = ("number", "at", "for", "net", f"{tenant.currency} paid")
    listed(screen, headings, rows, right=headings[3:], whole=("number", "at"))
    zone_note(screen, tenant.time_zone)
    return 0


def receipt_command(asked: Asked, number: str, pdf: Path | None) -> int:
    """Shows a receipt or a credit note, or writes it as PDF."""
    from talktime.doors.http.management.shown_money import credit_note_shown, receipt_shown
    from talktime.funding.pdf import credit_note_pdf, receipt_pdf
    from talktime.funding.receipt import read_credit_note, read_receipt
    from talktime.funding.refunds import CREDIT_NOTE
    from talktime.funding.settlement import RECEIPT

    with office(asked.database) as here:
        tenant = here.tenant_id(asked.tenant)
        receipt = here.reader.paper(tenant, RECEIPT, number)
        note = None if receipt is not None else here.reader.paper(tenant, CREDIT_NOTE, number)
    if receipt is not None:
        read = read_receipt(receipt.document)
        answer, make = receipt_shown(read), lambda: receipt_pdf(read)
        return _paper_told(asked, read, answer.model_dump(mode="json"), (pdf, make))
    if note is None:
        raise Unusable(f"there is no receipt {number!r}; `talktime credits receipts` shows them")
    noted = read_credit_note(note.document)
    answer_of_note = credit_note_shown(noted)
    return _paper_told(
        asked, noted, answer_of_note.model_dump(mode="json"), (pdf, lambda: credit_note_pdf(noted))
    )


def _paper_told(
    asked: Asked,
    paper: Receipt | CreditNote,
    values: dict[str, object],
    file: tuple[Path | None, Callable[[], bytes]],
) -> int:
    path, make = file
    if path is not None:
        write_file(path, make())
    elif asked.as_json:
        print_json(values)
    else:
        _show_paper(paper)
    return 0


def _show_paper(paper: Receipt | CreditNote) -> None:
    from talktime.funding.receipt import Receipt

    currency = paper.currency
    pairs = [
        ("number", paper.number),
        ("at", f"{local(paper.at_us, paper.time_zone)} ({paper.time_zone})"),
        ("from", paper.seller.name),
        ("to", ", ".join((paper.billed.name, *paper.billed.address))),
        ("tax id", paper.billed.tax_id),
        ("purchase order", paper.billed.purchase_order),
        ("net", amount(paper.net, currency)),
    ]
    for line in paper.taxes:
        note = f" ({line.note})" if line.note else ""
        pairs.append((line.name, f"{amount(line.tax, currency)}{note}"))
    pairs += [("paid", amount(paper.gross, currency)), ("with", paper.method), ("payment", paper.payment)]
    if isinstance(paper, Receipt):
        pairs += [("lot", str(paper.lot)), ("good until", local(paper.expires_us, paper.time_zone))]
    else:
        pairs += [("corrects", paper.receipt), ("reason", paper.reason)]
    facts(our_screen(), pairs)


# --- invoices --------------------------------------------------------------------------------------------


def invoices_command(asked: Asked, pdf: Path | None, csv: Path | None) -> int:
    """Lists invoices, newest first."""
    from talktime.doors.http.management.shown_money import invoice_head
    from talktime.funding.invoice import INVOICE, read_invoice

    _one_paper(pdf or csv)
    with office(asked.database) as here:
        tenant = here.tenant(asked.tenant)
        papers = here.reader.papers(tenant.id, INVOICE, "", PAGE, newest=True)
    found = [read_invoice(paper.document) for paper in papers]
    if asked.as_json:
        print_json({"invoices": [invoice_head(one).model_dump(mode="json") for one in found]})
        return 0
    screen = our_screen()
    if not found:
        screen.say("no invoices yet; `talktime credits close YYYY-MM` issues one where there was post-usage")
        return 0
    from talktime.accounts.calendar import month_name

    rows = [
        (
            one.number,
            month_name(one.month),
            local(one.at_us, tenant.time_zone),
            money(one.net),
            money(one.gross),
        )
        for one in found
    ]
    headings = ("number", "month", "issued", "net", f"{tenant.currency} to pay")
    listed(screen, headings, rows, right=headings[3:], whole=headings[:3])
    zone_note(screen, tenant.time_zone)
    return 0


def invoice_command(asked: Asked, number: str, pdf: Path | None, csv: Path | None) -> int:
    """Shows an invoice, or writes it as PDF or CSV or both."""
    from talktime.doors.http.management.shown_money import invoice_shown
    from talktime.funding.invoice import INVOICE, read_invoice
    from talktime.funding.invoice_views import invoice_csv
    from talktime.funding.pdf import invoice_pdf

    with office(asked.database) as here:
        paper = here.reader.paper(here.tenant_id(asked.tenant), INVOICE, number)
    if paper is None:
        raise Unusable(f"there is no invoice {number!r}; `talktime credits invoices` shows them")
    invoice = read_invoice(paper.document)
    if pdf is not None:
        write_file(pdf, invoice_pdf(invoice))
    if csv is not None:
        write_file(csv, invoice_csv(invoice).encode())
    if pdf is not None or csv is not None:
        return 0
    if asked.as_json:
        print_answer(invoice_shown(invoice))
    else:
        _show_invoice(invoice)
    return 0


def _show_invoice(invoice: Invoice) -> None:
    from talktime.accounts.calendar import month_name

    screen, currency = our_screen(), invoice.currency
    facts(
        screen,
        [
            ("number", invoice.number),
            ("month", month_name(invoice.month)),
            ("issued", f"{local(invoice.at_us, invoice.time_zone)} ({invoice.time_zone})"),
            ("to", ", ".join((invoice.billed.name, *invoice.billed.address))),
            ("account", invoice.billing_account),
            ("purchase order", invoice.billed.purchase_order),
        ],
    )
    screen.say()
    rows = [
        (
            month_name(line.month) if line.late else "",
            line.category,
            line.country,
            f"{line.calls:,}",
            f"{line.paid_s:,}",
            money(line.amount),
        )
        for line in invoice.lines
    ]
    headings = ("late, of", "category", "country", "calls", "paid seconds", currency)
    listed(screen, headings, rows, right=headings[3:])
    screen.say()
    sums = [("rounding", amount(invoice.rounding, currency))] if invoice.rounding else []
    sums.append(("net", amount(invoice.net, currency)))
    sums += [(line.name, amount(line.tax, currency)) for line in invoice.taxes]
    facts(screen, [*sums, ("to pay", amount(invoice.gross, currency))])


def _one_paper(path: Path | None) -> None:
    """A file holds one paper, so it has to be named."""
    if path is not None:
        raise WrongUse(f"say which paper is to be written to {path}: its number goes before the option")


# --- months ----------------------------------------------------------------------------------------------


def close_command(asked: Asked, text: str) -> int:
    """Closes a month; one that is closed stays as it is."""
    from talktime.accounts.calendar import month_name
    from talktime.doors.http.management.shown_money import month_shown
    from talktime.funding.closing import MonthClosing, reading_in_thread
    from talktime.ledger.month_reading import MonthReader

    month = _month(text)

    async def close(here: Working) -> Closed:
        months = MonthReader(here.url)
        closing = MonthClosing(
            here.engine, here.reader, months, reading_in_thread(months, here.catalogue), here.outside.seller
        )
        return done(await closing.close(here.tenant_id(asked.tenant), month, typist().who))

    closed = working(asked.database, close)
    if asked.as_json:
        print_answer(month_shown(closed.close, repeated=closed.repeated))
        return 0
    was = "was closed before" if closed.repeated else "is closed"
    paper = f"invoice {closed.close.invoice}" if closed.close.invoice else "nothing to invoice"
    say(f"{month_name(month)} {was}: {paper}")
    return 0


def journal_command(asked: Asked, text: str, csv: Path | None) -> int:
    """Shows the accounts of a month, or writes them as CSV."""
    from talktime.funding.month_journal import journal_csv, journal_values, read_month_journal
    from talktime.ledger.month_reading import MonthReader

    month = _month(text)
    with office(asked.database) as here:
        tenant = here.tenant(asked.tenant)
        months = MonthReader(here.url)
        journal = read_month_journal(months, tenant.id, month, tenant.time_zone, tenant.currency)
    if csv is not None:
        write_file(csv, journal_csv(journal).encode())
        return 0
    if asked.as_json:
        print_json(journal_values(journal))
        return 0
    screen = our_screen()
    if not journal.lines:
        screen.say("nothing was ever booked")
        return 0
    rows = [
        (
            line.account,
            line.words,
            money(line.opening),
            money(line.debits),
            money(line.credits),
            money(line.closing),
        )
        for line in journal.lines
    ]
    headings = ("account", "words", "opening", "debits", "credits", "closing")
    listed(screen, headings, rows, right=headings[2:], whole=("account",))
    screen.say(f"{tenant.currency}; balances above 0 are debit balances, all of them add up to 0", "dim")
    return 0


def _month(text: str) -> int:
    """`2026-03` -> the number of the month. Raises WrongUse."""
    from talktime.doors.http.management.texts import month_number

    month = month_number(text)
    if month is None:
        raise WrongUse(f"{text!r} is no month such as 2026-03")
    return month
