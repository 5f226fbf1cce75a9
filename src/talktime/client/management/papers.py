"""Receipts, credit notes, invoices, months for accounting, and the way to post-usage."""

from __future__ import annotations

from talktime.client.management.answers_papers import (
    CreditNote,
    Invoice,
    InvoiceHead,
    Journal,
    Month,
    PaperLine,
    PostUsage,
    Receipt,
)
from talktime.client.management.described import IfMatch, Part, S, Sent, asks, lists
from talktime.client.management.readers import PageOf, Values, WithTag, file, text
from talktime.client.pages import Place


class Receipts(Part[S]):
    """Receipts of payments."""

    @lists("/v1/tenants/{tenant}/receipts", PageOf("receipts", PaperLine))
    def pages(self, *, limit: int = 100, cursor: Place = "") -> Sent:
        """Receipts, newest first."""
        return Sent(query={"limit": limit, "cursor": cursor})

    @asks("GET", "/v1/tenants/{tenant}/receipts/{number}", Values(Receipt))
    def get(self, number: str) -> Sent:
        """A receipt."""
        return Sent(names={"number": number})

    @asks("GET", "/v1/tenants/{tenant}/receipts/{number}.pdf", file)
    def pdf(self, number: str) -> Sent:
        """A receipt as PDF."""
        return Sent(names={"number": number})


class CreditNotes(Part[S]):
    """Credit notes of refunds."""

    @lists("/v1/tenants/{tenant}/credit-notes", PageOf("credit_notes", PaperLine))
    def pages(self, *, limit: int = 100, cursor: Place = "") -> Sent:
        """Credit notes, newest first."""
        return Sent(query={"limit": limit, "cursor": cursor})

    @asks("GET", "/v1/tenants/{tenant}/credit-notes/{number}", Values(CreditNote))
    def get(self, number: str) -> Sent:
        """A credit note."""
        return Sent(names={"number": number})

    @asks("GET", "/v1/tenants/{tenant}/credit-notes/{number}.pdf", file)
    def pdf(self, number: str) -> Sent:
        """A credit note as PDF."""
        return Sent(names={"number": number})


class Invoices(Part[S]):
    """Monthly invoices of post-usage."""

    @lists("/v1/tenants/{tenant}/invoices", PageOf("invoices", InvoiceHead))
    def pages(self, *, limit: int = 100, cursor: Place = "") -> Sent:
        """Invoices, newest first."""
        return Sent(query={"limit": limit, "cursor": cursor})

    @asks("GET", "/v1/tenants/{tenant}/invoices/{number}", Values(Invoice))
    def get(self, number: str) -> Sent:
        """An invoice with everything on it."""
        return Sent(names={"number": number})

    @asks("GET", "/v1/tenants/{tenant}/invoices/{number}.pdf", file)
    def pdf(self, number: str) -> Sent:
        """An invoice as PDF."""
        return Sent(names={"number": number})

    @asks("GET", "/v1/tenants/{tenant}/invoices/{number}.csv", text)
    def csv(self, number: str) -> Sent:
        """An invoice for bookkeeping: a row a line."""
        return Sent(names={"number": number})


class Months(Part[S]):
    """Months for accounting; a month reads `2026-03`."""

    @lists("/v1/tenants/{tenant}/months", PageOf("months", Month))
    def pages(self, *, limit: int = 100, cursor: Place = "") -> Sent:
        """The months that were closed, newest first."""
        return Sent(query={"limit": limit, "cursor": cursor})

    @asks("POST", "/v1/tenants/{tenant}/months/{month}/close", Values(Month))
    def close(self, month: str) -> Sent:
        """Closes a month and issues its invoice; one that is closed stays as it is."""
        return Sent(names={"month": month}, repeats=True)

    @asks("GET", "/v1/tenants/{tenant}/months/{month}/journal", Values(Journal))
    def journal(self, month: str) -> Sent:
        """The accounts of a month: opening, debits, credits, closing."""
        return Sent(names={"month": month})

    @asks("GET", "/v1/tenants/{tenant}/months/{month}/journal", text)
    def journal_csv(self, month: str) -> Sent:
        """The accounts of a month as CSV."""
        return Sent(names={"month": month}, query={"format": "csv"})


class WayToPostUsage(Part[S]):
    """How a tenant stands on the way from credits to billing after use."""

    @asks("GET", "/v1/tenants/{tenant}/post-usage", WithTag[PostUsage](Values(PostUsage)))
    def get(self) -> Sent:
        """The mode, what stands against the switch and the dry run, with the ETag of the setting."""
        return Sent()

    @asks("PUT", "/v1/tenants/{tenant}/post-usage", WithTag[PostUsage](Values(PostUsage)))
    def put(self, *, enabled: bool, if_match: IfMatch = None) -> Sent:
        """Switches post-usage on or off on the MCA account."""
        return Sent(body={"enabled": enabled}, if_match=if_match)
