"""Receipts, credit notes and invoices: lists, each as JSON and as PDF, invoices as CSV too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Response

from talktime.doors.http.management.answers_papers import (
    CreditNoteAnswer,
    CreditNoteList,
    InvoiceAnswer,
    InvoiceList,
    ReceiptAnswer,
    ReceiptList,
)
from talktime.doors.http.management.house import House, InHouse, may, read
from talktime.doors.http.management.pages import Key
from talktime.doors.http.management.shown_money import (
    credit_note_shown,
    invoice_head,
    invoice_shown,
    paper_line,
    receipt_shown,
)
from talktime.doors.http.management.texts import Cursor, Limit, next_of, place_of
from talktime.doors.http.problems import refused
from talktime.funding.invoice import INVOICE, read_invoice
from talktime.funding.invoice_views import invoice_csv
from talktime.funding.pdf import credit_note_pdf, invoice_pdf, receipt_pdf
from talktime.funding.receipt import read_credit_note, read_receipt
from talktime.funding.refunds import CREDIT_NOTE
from talktime.funding.settlement import RECEIPT

if TYPE_CHECKING:
    from talktime.ledger.records import Paper

router = APIRouter(prefix="/v1/tenants/{tenant}", tags=["papers"])

SeesReceipts = Annotated[str, Depends(may("see_receipts"))]
SeesInvoices = Annotated[str, Depends(may("see_invoices"))]

Number = Annotated[
    str, Path(min_length=1, max_length=120, pattern=r"^[A-Za-z0-9_.-]+$", examples=["R-contoso-000001"])
]

PDF: Final = "application/pdf"
CSV: Final = "text/csv"
_WORDS: Final = {RECEIPT: "receipt", CREDIT_NOTE: "credit note", INVOICE: "invoice"}


def file_of(media: str) -> dict[int | str, dict[str, Any]]:
    """How a route that answers with a file is described."""
    schema = {"type": "string"} if media == CSV else {"type": "string", "format": "binary"}
    return {200: {"description": "the file", "content": {media: {"schema": schema}}}}


def file_answer(content: bytes | str, media: str, name: str) -> Response:
    """A file with its name; names are made of letters, digits, dots and dashes."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media, headers=headers)


# --- receipts --------------------------------------------------------------------------------------------


@router.get("/receipts")
async def list_receipts(
    house: InHouse, tenant: SeesReceipts, limit: Limit = 100, cursor: Cursor = ""
) -> ReceiptList:
    """Receipts, newest first."""
    found, following = await _page(house, tenant, RECEIPT, limit, cursor)
    return ReceiptList(receipts=[paper_line(read_receipt(each.document)) for each in found], next=following)


@router.get("/receipts/{number}.pdf", response_class=Response, responses=file_of(PDF))
async def get_receipt_pdf(house: InHouse, tenant: SeesReceipts, number: Number) -> Response:
    """A receipt as PDF; the same receipt is always the same bytes."""
    paper = await _paper(house, tenant, RECEIPT, number)
    return file_answer(await read(receipt_pdf, read_receipt(paper.document)), PDF, f"{number}.pdf")


@router.get("/receipts/{number}")
async def get_receipt(house: InHouse, tenant: SeesReceipts, number: Number) -> ReceiptAnswer:
    """A receipt."""
    paper = await _paper(house, tenant, RECEIPT, number)
    return receipt_shown(read_receipt(paper.document))


# --- credit notes ----------------------------------------------------------------------------------------


@router.get("/credit-notes")
async def list_credit_notes(
    house: InHouse, tenant: SeesReceipts, limit: Limit = 100, cursor: Cursor = ""
) -> CreditNoteList:
    """Credit notes, newest first."""
    found, following = await _page(house, tenant, CREDIT_NOTE, limit, cursor)
    notes = [paper_line(read_credit_note(each.document)) for each in found]
    return CreditNoteList(credit_notes=notes, next=following)


@router.get("/credit-notes/{number}.pdf", response_class=Response, responses=file_of(PDF))
async def get_credit_note_pdf(house: InHouse, tenant: SeesReceipts, number: Number) -> Response:
    """A credit note as PDF."""
    paper = await _paper(house, tenant, CREDIT_NOTE, number)
    note = read_credit_note(paper.document)
    return file_answer(await read(credit_note_pdf, note), PDF, f"{number}.pdf")


@router.get("/credit-notes/{number}")
async def get_credit_note(house: InHouse, tenant: SeesReceipts, number: Number) -> CreditNoteAnswer:
    """A credit note."""
    paper = await _paper(house, tenant, CREDIT_NOTE, number)
    return credit_note_shown(read_credit_note(paper.document))


# --- invoices --------------------------------------------------------------------------------------------


@router.get("/invoices")
async def list_invoices(
    house: InHouse, tenant: SeesInvoices, limit: Limit = 100, cursor: Cursor = ""
) -> InvoiceList:
    """Monthly invoices of post-usage, newest first."""
    found, following = await _page(house, tenant, INVOICE, limit, cursor)
    heads = [invoice_head(read_invoice(each.document)) for each in found]
    return InvoiceList(invoices=heads, next=following)


@router.get("/invoices/{number}.pdf", response_class=Response, responses=file_of(PDF))
async def get_invoice_pdf(house: InHouse, tenant: SeesInvoices, number: Number) -> Response:
    """An invoice as PDF."""
    paper = await _paper(house, tenant, INVOICE, number)
    return file_answer(await read(invoice_pdf, read_invoice(paper.document)), PDF, f"{number}.pdf")


@router.get("/invoices/{number}.csv", response_class=Response, responses=file_of(CSV))
async def get_invoice_csv(house: InHouse, tenant: SeesInvoices, number: Number) -> Response:
    """An invoice for bookkeeping: a row a line; the amounts add up to the gross total."""
    paper = await _paper(house, tenant, INVOICE, number)
    return file_answer(await read(invoice_csv, read_invoice(paper.document)), CSV, f"{number}.csv")


@router.get("/invoices/{number}")
async def get_invoice(house: InHouse, tenant: SeesInvoices, number: Number) -> InvoiceAnswer:
    """An invoice with everything on it."""
    paper = await _paper(house, tenant, INVOICE, number)
    return invoice_shown(read_invoice(paper.document))


async def _page(
    house: House, tenant: str, kind: str, limit: int, cursor: str
) -> tuple[list[Paper], str | None]:
    """Papers of a kind, newest first, and the cursor of the next page; a problem where there is no tenant."""
    before = place_of(cursor, Key, "")
    found = await read(house.reader.papers, tenant, kind, before, limit, newest=True)
    if not found:
        await house.known(tenant)
    return found, next_of(found[-1].key) if len(found) == limit else None


async def _paper(house: House, tenant: str, kind: str, number: str) -> Paper:
    """One paper; a problem where there is none of this number."""
    found = await read(house.reader.paper, tenant, kind, number)
    if found is None:
        await house.known(tenant)
        raise refused("unknown_paper", f"there is no {_WORDS[kind]} {number!r}")
    return found
