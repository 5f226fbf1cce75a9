"""What the routes about people, rights and notices answer; amounts as in `answers`, instants ISO 8601."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from talktime.doors.http.management.answers_money import RunwayAnswer
from talktime.doors.http.management.tables import AdministratorTable, BillingAccountTable, CapTable


class ApprovalAnswer(BaseModel):
    """An adjustment that waits for a second person, or that one decided."""

    id: str = Field(examples=["A-contoso-000001"])
    amount: str = Field(examples=["2500"])
    reason: str
    reference: str
    state: str = Field(description="pending, approved or declined", examples=["pending"])
    asked_by: str
    asked_at: str | None
    decided_by: str | None
    decided_at: str | None
    answer: str


class ApprovalList(BaseModel):
    """A page of approvals in order of their ids."""

    approvals: list[ApprovalAnswer]
    next: str | None


class ApprovedAnswer(BaseModel):
    """An adjustment that was booked, and what the tenant has after it."""

    approval: ApprovalAnswer
    balance: str
    available: str


class StatusAnswer(BaseModel):
    """What the provider made of a tenant."""

    status: str = Field(examples=["suspended"])


class WaiverAnswer(BaseModel):
    """An exception to a rule of eligibility; it ends by itself."""

    rule: str = Field(examples=["not_through_csp"])
    reason: str
    until: str | None
    granted_by: str


class WaiverList(BaseModel):
    """The exceptions of a tenant."""

    waivers: list[WaiverAnswer]


class ExceptionAnswer(BaseModel):
    """The exception that lifts a failure."""

    reason: str
    until: str
    who: str


class RuleAnswer(BaseModel):
    """What a rule of eligibility says: outcome passed, failed, not_applicable or an exception."""

    rule: str = Field(examples=["default_account_is_mosa"])
    asks: str
    outcome: str = Field(examples=["failed"])
    why: str
    remedy: str
    offenders: list[str]
    exception: ExceptionAnswer | None = None


class WarningAnswer(BaseModel):
    """What the tenant should know though nothing stands against it."""

    id: str = Field(examples=["recharge_under_mca"])
    says: str
    remedy: str


class EligibilityAnswer(BaseModel):
    """May the tenant buy credits: each rule in order, and warnings."""

    can_buy: bool
    partner_may_fund: bool
    rules: list[RuleAnswer]
    warnings: list[WarningAnswer]


class ReasonAnswer(BaseModel):
    """Something that takes money. `who` is null for a key that may not see users; `count` always stands."""

    id: str
    says: str
    keeps: str
    money: str
    count: int
    who: list[str] | None
    unlicensed: list[str] | None


class NeededAnswer(BaseModel):
    """Does the tenant need credits, and why."""

    needed: bool
    sentence: str
    post_usage: bool
    only_after_pools: bool
    reasons: list[ReasonAnswer]


class WayAnswer(BaseModel):
    """One way to have a feature: of each list in `licences` one plan."""

    licences: list[list[str]]
    holder: str
    money: str
    sentence: str


class FeatureAnswer(BaseModel):
    """What a feature needs: the ways to have it, best first."""

    id: str = Field(examples=["dial_in_toll_free"])
    name: str
    ways: list[WayAnswer]


class FeatureList(BaseModel):
    """Features that licences are needed for."""

    features: list[FeatureAnswer]


class LicenceCount(BaseModel):
    """Licences of a plan; `left` is below 0 where more are assigned than were bought."""

    plan: str
    name: str
    purchased: int
    assigned: int
    left: int


class LicenceCounts(BaseModel):
    """The plans that are bought or assigned now, by code."""

    licences: list[LicenceCount]


class AdministratorList(BaseModel):
    """The people who look after a tenant."""

    administrators: list[AdministratorTable]


class BillingAccountList(BaseModel):
    """The billing accounts of a tenant; `default` is the one that credits are bought on, null for none."""

    billing_accounts: list[BillingAccountTable]
    default: str | None


class CapTableList(BaseModel):
    """The spend caps as they are set."""

    caps: list[CapTable]


class FieldChange(BaseModel):
    """A field of a user before and after, as text; "" for nothing."""

    field: str = Field(examples=["licences"])
    before: str
    after: str


class ImportedUser(BaseModel):
    """A user whom an import changes: added, changed or removed; `line` of the file, null for one removed."""

    upn: str
    change: str
    line: int | None
    fields: list[FieldChange]


class ImportAnswer(BaseModel):
    """What an import did, or would do; users are listed up to a limit, the numbers count all."""

    dry_run: bool
    added: int
    changed: int
    unchanged: int
    removed: int
    users: list[ImportedUser]


class ErasedAnswer(BaseModel):
    """How much named the person; the figures of the ledger are as before."""

    charges: int
    sessions: int
    other_rows: int
    exports: int = Field(description="exports that were dropped, since their files may name the person")


class CommentAnswer(BaseModel):
    """What somebody said."""

    at: str | None
    who: str
    text: str


class TicketLine(BaseModel):
    """A support ticket in a list: what it is about and how it stands."""

    id: str = Field(examples=["T-contoso-000001"])
    case: str
    subject: str
    state: str = Field(examples=["open"])
    opened_at: str | None
    opened_by: str
    closed_at: str | None
    closed_by: str | None


class TicketAnswer(TicketLine):
    """A support ticket with the facts of the moment in which it was opened."""

    text: str
    comments: list[CommentAnswer]
    facts: dict[str, Any]


class TicketList(BaseModel):
    """A page of tickets in order of their ids; what was said stands in each ticket."""

    tickets: list[TicketLine]
    next: str | None


class DeliveryAnswer(BaseModel):
    """A notice on its way to one recipient: `state` waiting, sent or failed, with the last error."""

    channel: str = Field(examples=["mail"])
    recipient: str
    state: str
    tries: int
    due_at: str | None
    sent_at: str | None
    error: str


class NoticeAnswer(BaseModel):
    """Something that people are told. `state`: waiting, told, failed, or nobody_to_tell.

    `subject` is that of a mail about it.
    """

    id: int
    at: str | None
    kind: str = Field(examples=["balance_low"])
    state: str
    subject: str = Field(examples=["Contoso: Communication Credits are below 20 USD"])
    facts: dict[str, Any]
    deliveries: list[DeliveryAnswer]


class WholeNoticeAnswer(NoticeAnswer):
    """The same with what a mail says, and the roles whose holders are told of such an event today."""

    message: str
    roles: list[str]


class EventAnswer(BaseModel):
    """An event: roles that are told of it by default, and in this tenant; may the tenant choose others?"""

    event: str = Field(examples=["balance_low"])
    configurable: bool
    usual: list[str]
    roles: list[str]


class RoleAnswer(BaseModel):
    """A role that administrators of a tenant can have."""

    id: str
    name: str


class EventList(BaseModel):
    """All events, and all roles that a tenant may choose from."""

    events: list[EventAnswer]
    roles: list[RoleAnswer]


class NoticeList(BaseModel):
    """A page of notices, newest first; `next` is the `before` of the next page."""

    notices: list[NoticeAnswer]
    next: int | None


class ReplayAnswer(BaseModel):
    """How many deliveries of a notice wait again."""

    waiting: int


class BurnAnswer(RunwayAnswer):
    """How long the credits last at the pace of 28 and of 7 days, and by the forecast; null: no end in sight.

    `days` is the cautious edge of the forecast, `available` what is left to spend.
    """

    currency: str
    balance: str
    available: str
    days: int | None
    limit_days: int


class WebhookAnswer(BaseModel):
    """A webhook without its secrets; no `events`: all of them."""

    id: str = Field(examples=["wh_0123456789abcdef"])
    url: str
    events: list[str]
    allow_private: bool
    enabled: bool
    disabled_at: str | None
    failing_since: str | None
    made_at: str | None
    secrets: int = Field(description="secrets that sign now: two for a time after a change")


class WebhookMade(WebhookAnswer):
    """A webhook with its new secret; nobody can read it again."""

    secret: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])


class WebhookList(BaseModel):
    """The webhooks of a tenant."""

    webhooks: list[WebhookAnswer]


class TestAnswer(BaseModel):
    """How a test ended; the sentence is "" where it was taken."""

    taken: bool
    error: str
