"""What the routes of money answer: amounts are decimal strings, instants ISO 8601 UTC or null."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from talktime.doors.http.management.answers import AutoRechargeAnswer, LotAnswer
from talktime.doors.http.management.tables import AutoRechargeTable


class WarningAnswer(BaseModel):
    """Something to know that stands against nothing: what it is, and what to do."""

    id: str
    says: str
    remedy: str


# --- credits and lots ------------------------------------------------------------------------------------


class RunwayAnswer(BaseModel):
    """Money a day in the last 28 and 7 full days, and days that the balance lasts; null: no end in sight.

    `days_low` to `days_high` is the forecast, made from `from_days` days: 8 of 10 cases lie between. It
    leaves out `left_out`, days of an outage; `growth_percent` a month is null where no growth is certain.
    """

    burn_28: str
    burn_7: str
    days_28: int | None
    days_7: int | None
    days_low: int | None
    days_expected: int | None
    days_high: int | None
    growth_percent: str | None
    from_days: int
    left_out: list[str]


class CreditsAnswer(BaseModel):
    """The credits of a tenant; `mode` says how paid calls are funded, `mode_says` in words.

    `frozen` is held by disputes, `owed` what a lost one took beyond its lot. `runway_days` is the
    cautious edge of the forecast in `runway`, null where no end is in sight.
    """

    balance: str
    reserved: str
    available: str
    overdraft: str
    frozen: str
    owed: str
    currency: str
    mode: str
    mode_says: str
    lots: list[LotAnswer]
    auto_recharge: AutoRechargeAnswer
    runway_days: int | None
    runway: RunwayAnswer
    warnings: list[WarningAnswer]


class LotLine(LotAnswer):
    """A lot; `open` is false once it is spent, expired or paid back."""

    open: bool


class LotList(BaseModel):
    """A page of lots, newest first; `next` is the `cursor` of the next page, null on the last."""

    lots: list[LotLine]
    next: str | None


# --- payments --------------------------------------------------------------------------------------------


class TaxAnswer(BaseModel):
    """A tax on a paper; `note` says why where it is 0."""

    name: str
    country: str
    percent: str
    net: str
    tax: str
    note: str


class LogLine(BaseModel):
    """What happened to a payment."""

    at: str | None
    says: str


class DeclineAnswer(BaseModel):
    """Why the bank declined: its code, what that means, what to do."""

    code: str
    means: str
    remedy: str


class DisputeAnswer(BaseModel):
    """A dispute: open, won or lost; what is frozen for it, and what is owed beyond the lot."""

    state: str
    amount: str
    frozen: str
    owed: str


class PaymentLine(BaseModel):
    """A payment or a refund. `gross` is what the card pays: `amount` (the credits) and its taxes.

    `next_try_at`: a declined recharge is tried again then. `url`: where the holder of the card confirms it.
    `paper` is the receipt, of a refund the credit note. `of` is the payment that a refund is of.
    """

    payment: str
    kind: str
    state: str
    at: str | None
    amount: str
    gross: str
    currency: str
    who: str
    method: str
    gateway: str
    gateway_payment: str
    tries: int
    next_try_at: str | None
    url: str | None
    decline: DeclineAnswer | None
    settled_at: str | None
    paper: str | None
    lot: int | None
    expires_at: str | None
    refunded: str
    being_refunded: str
    dispute: DisputeAnswer | None
    of: str | None
    reason: str


class PaymentAnswer(PaymentLine):
    """A payment with its taxes and with what happened to it, oldest first."""

    taxes: list[TaxAnswer]
    log: list[LogLine]


class PaymentList(BaseModel):
    """A page of payments, newest first; `next` is the `cursor` of the next page, null on the last."""

    payments: list[PaymentLine]
    next: str | None


class FundedOnBehalf(BaseModel):
    """The lot that a partner paid for; `repeated`: the same key had opened it before."""

    lot: int
    amount: str
    currency: str
    balance: str
    available: str
    repeated: bool


# --- payment methods -------------------------------------------------------------------------------------


class MethodAnswer(BaseModel):
    """A card that a gateway keeps. `pays_recharge`: auto-recharge, as it is set, pays with it."""

    id: str
    gateway: str
    brand: str
    last4: str
    expires: str
    default: bool
    pays_recharge: bool


class MethodList(BaseModel):
    """A page of cards in the order in which they were added."""

    payment_methods: list[MethodAnswer]
    next: str | None


# --- auto-recharge ---------------------------------------------------------------------------------------


class CapsLeftAnswer(BaseModel):
    """What the caps leave: money in this month (null: no cap), payments in 24 hours (null: any number)."""

    amount: str | None
    month_ends_at: str | None
    payments: int | None
    next_payment_at: str | None


class RechargeAnswer(BaseModel):
    """The rule and how it stands: armed, off or paused; `says` in a few words, `why` where it is paused.

    `reason`: why it did not pay when it was last looked at. `in_flight`: the payment on its way. `next_at`:
    when something is tried next; null: with the next change of what is available.
    """

    rule: AutoRechargeTable
    state: Literal["armed", "off", "paused"]
    says: str
    why: str
    since: str | None
    reason: str | None
    reason_says: str
    in_flight: PaymentAnswer | None
    caps_left: CapsLeftAnswer
    next_at: str | None
    method: str | None
    warnings: list[WarningAnswer]


class TimelineLine(BaseModel):
    """A turn of the rule (`reason` and what was `available` then) or a recharge that it made (`payment`)."""

    at: str | None
    kind: Literal["turn", "payment"]
    says: str
    reason: str | None
    available: str | None
    payment: PaymentLine | None


class Timeline(BaseModel):
    """A page of the timeline, newest first; `next` is the `cursor` of the next page, null on the last."""

    timeline: list[TimelineLine]
    next: str | None


# --- the way to post-usage -------------------------------------------------------------------------------


class ObstacleAnswer(BaseModel):
    """What stands against the switch."""

    code: str
    why: str
    remedy: str


class ExpiringAnswer(BaseModel):
    """What a lot would lose because it expires before it is spent."""

    lot: int
    amount: str
    expires_at: str | None


class CourseAnswer(BaseModel):
    """How the balance would end at the burn of the last `days` full days.

    `ends_on` is a day in the tenant's time zone; `spent` and `forfeited` are what lots hold.
    """

    days: int
    burn_a_day: str
    ends_at: str | None
    ends_on: str
    spent: str
    forfeited: str
    expiring: list[ExpiringAnswer]


class DryRunAnswer(BaseModel):
    """What happens if auto-recharge is off and calls are billed under MCA from today on.

    The balance ends between `earliest` and `latest` in 8 of 10 cases, by the forecast; `courses` is what the
    pace of the last 28 and 7 days alone would do.
    """

    balance: str
    currency: str
    earliest: str
    expected: str
    latest: str
    courses: list[CourseAnswer]
    left_over: str


class PostUsageAnswer(BaseModel):
    """How a tenant stands on the way to post-usage; `enabled` null where no account is on MCA."""

    mode: str
    mode_says: str
    billing_account: str | None
    enabled: bool | None
    can_switch: bool
    against: list[ObstacleAnswer]
    warnings: list[WarningAnswer]
    notes: list[str]
    dry_run: DryRunAnswer
