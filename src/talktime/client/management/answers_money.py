"""Credits, lots, payments and auto-recharge as they are answered.

Amounts are Decimal, instants aware datetimes; fields that a later service adds are passed over.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from talktime.client.management.answers_people import Caution

if TYPE_CHECKING:
    from talktime.client.management.tables import AutoRechargeTable
else:
    # As it came: what a later service adds to the rule is sent back with it.
    AutoRechargeTable = dict[str, Any]


class Adjusted(msgspec.Struct, frozen=True, kw_only=True):
    """What a tenant has after an adjustment; `lot` is the lot that it opened, null where none was.

    `repeated`: the reference had made it before, and the amounts are those of now.
    """

    lot: int | None
    balance: Decimal
    reserved: Decimal
    available: Decimal
    repeated: bool


class Lot(msgspec.Struct, frozen=True, kw_only=True):
    """A lot that holds money."""

    lot: int
    bought_at: datetime | None
    expires_at: datetime | None
    amount: Decimal
    left: Decimal
    reserved: Decimal
    available: Decimal
    origin: str
    reference: str


class RechargeInBrief(msgspec.Struct, frozen=True, kw_only=True):
    """The rule that refills."""

    enabled: bool
    below: Decimal
    add: Decimal
    cap_per_month: Decimal | None


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """A pool of minutes in seconds; size and left are null where there is no limit."""

    name: str
    plan: str
    kind: str
    owner: str
    month: str
    size_seconds: int | None
    used_seconds: int
    reserved_seconds: int
    left_seconds: int | None


class SpentCap(msgspec.Struct, frozen=True, kw_only=True):
    """A spend cap."""

    scope: str
    id: str
    month: str
    limit: Decimal
    spent: Decimal
    reserved: Decimal
    left: Decimal


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the journal; lot, charge and corrects are null where there is none."""

    number: int
    at: datetime | None
    kind: str
    debit: str
    credit: str
    amount: Decimal
    lot: int | None
    charge: int | None
    corrects: int | None
    hash: str


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change that somebody made; before and after are JSON or empty."""

    id: int
    at: datetime | None
    who: str
    what: str
    before: str
    after: str


class Runway(msgspec.Struct, frozen=True, kw_only=True):
    """Money a day in the last 28 and 7 full days, and days that the balance lasts; null: no end in sight.

    `days_low` to `days_high` is the forecast, made from `from_days` days: 8 of 10 cases lie between. It
    leaves out `left_out`, days of an outage; `growth_percent` a month is null where no growth is certain.
    """

    burn_28: Decimal
    burn_7: Decimal
    days_28: int | None
    days_7: int | None
    days_low: int | None
    days_expected: int | None
    days_high: int | None
    growth_percent: Decimal | None
    from_days: int
    left_out: tuple[str, ...]


class Credits(msgspec.Struct, frozen=True, kw_only=True):
    """The credits of a tenant; `mode` says how paid calls are funded.

    `frozen` is held by disputes, `owed` what a lost one took beyond its lot. `runway_days` is the
    cautious edge of the forecast in `runway`, null where no end is in sight.
    """

    balance: Decimal
    reserved: Decimal
    available: Decimal
    overdraft: Decimal
    frozen: Decimal
    owed: Decimal
    currency: str
    mode: str
    mode_says: str
    lots: tuple[Lot, ...]
    auto_recharge: RechargeInBrief
    runway_days: int | None
    runway: Runway
    warnings: tuple[Caution, ...]


class LotLine(Lot, frozen=True, kw_only=True):
    """A lot; `open` is false once it is spent, expired or paid back."""

    open: bool


class Tax(msgspec.Struct, frozen=True, kw_only=True):
    """A tax on a paper; `note` says why where it is 0."""

    name: str
    country: str
    percent: Decimal
    net: Decimal
    tax: Decimal
    note: str


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to a payment."""

    at: datetime | None
    says: str


class Decline(msgspec.Struct, frozen=True, kw_only=True):
    """Why the bank declined: its code, what that means, what to do."""

    code: str
    means: str
    remedy: str


class Dispute(msgspec.Struct, frozen=True, kw_only=True):
    """A dispute: open, won or lost; what is frozen for it, and what is owed beyond the lot."""

    state: str
    amount: Decimal
    frozen: Decimal
    owed: Decimal


class PaymentLine(msgspec.Struct, frozen=True, kw_only=True):
    """A payment or a refund. `gross` is what the card pays: `amount` (the credits) and its taxes.

    `next_try_at`: a declined recharge is tried again then. `url`: where the holder of the card confirms it.
    `paper` is the receipt, of a refund the credit note. `of` is the payment that a refund is of.
    """

    payment: str
    kind: str
    state: str
    at: datetime | None
    amount: Decimal
    gross: Decimal
    currency: str
    who: str
    method: str
    gateway: str
    gateway_payment: str
    tries: int
    next_try_at: datetime | None
    url: str | None
    decline: Decline | None
    settled_at: datetime | None
    paper: str | None
    lot: int | None
    expires_at: datetime | None
    refunded: Decimal
    being_refunded: Decimal
    dispute: Dispute | None
    of: str | None
    reason: str


class Payment(PaymentLine, frozen=True, kw_only=True):
    """A payment with its taxes and with what happened to it, oldest first."""

    taxes: tuple[Tax, ...]
    log: tuple[LogLine, ...]


class FundedOnBehalf(msgspec.Struct, frozen=True, kw_only=True):
    """The lot that a partner paid for; `repeated`: the same key had opened it before."""

    lot: int
    amount: Decimal
    currency: str
    balance: Decimal
    available: Decimal
    repeated: bool


class PaymentMethod(msgspec.Struct, frozen=True, kw_only=True):
    """A card that a gateway keeps. `pays_recharge`: auto-recharge, as it is set, pays with it."""

    id: str
    gateway: str
    brand: str
    last4: str
    expires: str
    default: bool
    pays_recharge: bool


class CapsLeft(msgspec.Struct, frozen=True, kw_only=True):
    """What the caps leave: money in this month (null: no cap), payments in 24 hours (null: any number)."""

    amount: Decimal | None
    month_ends_at: datetime | None
    payments: int | None
    next_payment_at: datetime | None


class Recharge(msgspec.Struct, frozen=True, kw_only=True):
    """The rule and how it stands: armed, off or paused; `says` in a few words, `why` where it is paused.

    `reason`: why it did not pay when it was last looked at. `in_flight`: the payment on its way. `next_at`:
    when something is tried next; null: with the next change of what is available.
    """

    rule: AutoRechargeTable
    state: str
    says: str
    why: str
    since: datetime | None
    reason: str | None
    reason_says: str
    in_flight: Payment | None
    caps_left: CapsLeft
    next_at: datetime | None
    method: str | None
    warnings: tuple[Caution, ...]


class TimelineLine(msgspec.Struct, frozen=True, kw_only=True):
    """A turn of the rule (`reason` and what was `available` then) or a recharge that it made (`payment`)."""

    at: datetime | None
    kind: str
    says: str
    reason: str | None
    available: Decimal | None
    payment: PaymentLine | None
