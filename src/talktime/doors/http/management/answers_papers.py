"""What the routes of papers and months answer: amounts are decimal strings, instants ISO 8601 UTC or null."""

from __future__ import annotations

from pydantic import BaseModel, Field

from talktime.doors.http.management.answers_money import TaxAnswer

# --- papers ----------------------------------------------------------------------------------------------


class SellerAnswer(BaseModel):
    """Who sells, as it stands on papers."""

    name: str
    address: list[str]
    country: str
    tax_id: str


class BilledAnswer(SellerAnswer):
    """Whom a paper is made out to."""

    purchase_order: str


class PaperLine(BaseModel):
    """A receipt or credit note in a list."""

    number: str
    kind: str
    at: str | None
    currency: str
    net: str
    gross: str
    payment: str


class ReceiptAnswer(PaperLine):
    """A receipt: what a payment bought, and the lot that it went into."""

    tenant: str
    seller: SellerAnswer
    billed: BilledAnswer
    taxes: list[TaxAnswer]
    method: str
    lot: int
    expires_at: str | None


class CreditNoteAnswer(PaperLine):
    """A credit note: what went back of a receipt."""

    tenant: str
    receipt: str
    receipt_at: str | None
    seller: SellerAnswer
    billed: BilledAnswer
    taxes: list[TaxAnswer]
    method: str
    reason: str


class ReceiptList(BaseModel):
    """A page of receipts, newest first; `next` is the `cursor` of the next page, null on the last."""

    receipts: list[PaperLine]
    next: str | None


class CreditNoteList(BaseModel):
    """A page of credit notes, newest first."""

    credit_notes: list[PaperLine]
    next: str | None


class InvoiceHead(BaseModel):
    """An invoice in a list."""

    number: str
    issued: str
    month: str
    currency: str
    net: str
    gross: str


class InvoiceList(BaseModel):
    """A page of invoices, newest first."""

    invoices: list[InvoiceHead]
    next: str | None


class InvoiceTax(BaseModel):
    """A tax on an invoice."""

    tax: str
    tax_country: str
    tax_percent: str
    net: str
    amount: str
    note: str


class InvoiceUsage(BaseModel):
    """A line of an invoice: calls of one category to one country at one rate; `late`: of an earlier month."""

    month: str
    late: bool
    category: str
    country: str
    deck: str
    prefixes: list[str]
    first_price_per_minute: str
    price_per_minute: str
    connection_fee: str
    calls: int
    billed_seconds: int
    paid_seconds: int
    paid_by_credits: str
    amount: str


class ChargesOf(BaseModel):
    """Which charges an invoice is over, by their numbers."""

    after: int
    up_to: int


class InvoiceAnswer(InvoiceHead):
    """An invoice: usage + rounding = net, net + taxes = gross."""

    tenant: str
    time_zone: str
    billing_account: str
    seller: SellerAnswer
    billed: BilledAnswer
    charges: ChargesOf
    lines: list[InvoiceUsage]
    usage: str
    rounding: str
    taxes: list[InvoiceTax]


# --- months ----------------------------------------------------------------------------------------------


class MonthAnswer(BaseModel):
    """A month that was closed up to a charge; `invoice` null where there was nothing to invoice."""

    month: str
    up_to: int
    after: int
    invoice: str | None
    closed_at: str | None
    repeated: bool = False


class MonthList(BaseModel):
    """A page of closed months, newest first."""

    months: list[MonthAnswer]
    next: str | None


class AccountAnswer(BaseModel):
    """An account in a month, balances above 0 being debit balances."""

    account: str
    words: str
    kind: str = Field(alias="class")
    usual_side: str
    opening: str
    debits: str
    credits: str
    closing: str


class JournalAnswer(BaseModel):
    """The accounts in a month; `balance` is what all closing balances add up to: 0."""

    tenant: str
    month: str
    time_zone: str
    currency: str
    accounts: list[AccountAnswer]
    balance: str
