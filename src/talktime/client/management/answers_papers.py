"""Receipts, credit notes, invoices, closed months and the way to post-usage as they are answered.

Amounts are Decimal, instants aware datetimes; fields that a later service adds are passed over.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from talktime.client.management.answers_money import Tax
from talktime.client.management.answers_people import Caution


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """Who sells, as it stands on papers."""

    name: str
    address: tuple[str, ...]
    country: str
    tax_id: str


class BilledParty(Party, frozen=True, kw_only=True):
    """Whom a paper is made out to."""

    purchase_order: str


class PaperLine(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt or credit note in a list."""

    number: str
    kind: str
    at: datetime | None
    currency: str
    net: Decimal
    gross: Decimal
    payment: str


class Receipt(PaperLine, frozen=True, kw_only=True):
    """A receipt: what a payment bought, and the lot that it went into."""

    tenant: str
    seller: Party
    billed: BilledParty
    taxes: tuple[Tax, ...]
    method: str
    lot: int
    expires_at: datetime | None


class CreditNote(PaperLine, frozen=True, kw_only=True):
    """A credit note: what went back of a receipt."""

    tenant: str
    receipt: str
    receipt_at: datetime | None
    seller: Party
    billed: BilledParty
    taxes: tuple[Tax, ...]
    method: str
    reason: str


class InvoiceHead(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice in a list."""

    number: str
    issued: datetime
    month: str
    currency: str
    net: Decimal
    gross: Decimal


class InvoiceTax(msgspec.Struct, frozen=True, kw_only=True):
    """A tax on an invoice."""

    tax: str
    tax_country: str
    tax_percent: Decimal
    net: Decimal
    amount: Decimal
    note: str


class InvoiceUsage(msgspec.Struct, frozen=True, kw_only=True):
    """A line of an invoice: calls of one category to one country at one rate; `late`: of an earlier month."""

    month: str
    late: bool
    category: str
    country: str
    deck: str
    prefixes: tuple[str, ...]
    first_price_per_minute: Decimal
    price_per_minute: Decimal
    connection_fee: Decimal
    calls: int
    billed_seconds: int
    paid_seconds: int
    paid_by_credits: Decimal
    amount: Decimal


class ChargesOf(msgspec.Struct, frozen=True, kw_only=True):
    """Which charges an invoice is over, by their numbers."""

    after: int
    up_to: int


class Invoice(InvoiceHead, frozen=True, kw_only=True):
    """An invoice: usage + rounding = net, net + taxes = gross."""

    tenant: str
    time_zone: str
    billing_account: str
    seller: Party
    billed: BilledParty
    charges: ChargesOf
    lines: tuple[InvoiceUsage, ...]
    usage: Decimal
    rounding: Decimal
    taxes: tuple[InvoiceTax, ...]


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """A month that was closed up to a charge; `invoice` null where there was nothing to invoice."""

    month: str
    up_to: int
    after: int
    invoice: str | None
    closed_at: datetime | None
    repeated: bool = False


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account in a month, balances above 0 being debit balances."""

    account: str
    words: str
    kind: str = msgspec.field(name="class")
    usual_side: str
    opening: Decimal
    debits: Decimal
    credits: Decimal
    closing: Decimal


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """The accounts in a month; `balance` is what all closing balances add up to: 0."""

    tenant: str
    month: str
    time_zone: str
    currency: str
    accounts: tuple[Account, ...]
    balance: Decimal


class Obstacle(msgspec.Struct, frozen=True, kw_only=True):
    """What stands against the switch."""

    code: str
    why: str
    remedy: str


class Expiring(msgspec.Struct, frozen=True, kw_only=True):
    """What a lot would lose because it expires before it is spent."""

    lot: int
    amount: Decimal
    expires_at: datetime | None


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """How the balance would end at the burn of the last `days` full days.

    `ends_on` is a day in the tenant's time zone; `spent` and `forfeited` are what lots hold.
    """

    days: int
    burn_a_day: Decimal
    ends_at: datetime | None
    ends_on: str
    spent: Decimal
    forfeited: Decimal
    expiring: tuple[Expiring, ...]


class DryRun(msgspec.Struct, frozen=True, kw_only=True):
    """What happens if auto-recharge is off and calls are billed under MCA from today on.

    The balance ends between `earliest` and `latest` in 8 of 10 cases, by the forecast; `courses` is what the
    pace of the last 28 and 7 days alone would do.
    """

    balance: Decimal
    currency: str
    earliest: str
    expected: str
    latest: str
    courses: tuple[Outlook, ...]
    left_over: str


class PostUsage(msgspec.Struct, frozen=True, kw_only=True):
    """How a tenant stands on the way to post-usage; `enabled` null where no account is on MCA."""

    mode: str
    mode_says: str
    billing_account: str | None
    enabled: bool | None
    can_switch: bool
    against: tuple[Obstacle, ...]
    warnings: tuple[Caution, ...]
    notes: tuple[str, ...]
    dry_run: DryRun
