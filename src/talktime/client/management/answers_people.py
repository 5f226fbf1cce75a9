"""Eligibility, approvals, imports, tickets, notices and webhooks as they are answered.

Instants are aware datetimes; fields that a later service adds are passed over.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """An adjustment that waits for a second person, or that one decided."""

    id: str
    amount: Decimal
    reason: str
    reference: str
    state: str
    asked_by: str
    asked_at: datetime | None
    decided_by: str | None
    decided_at: datetime | None
    answer: str


class Approved(msgspec.Struct, frozen=True, kw_only=True):
    """An adjustment that was booked, and what the tenant has after it."""

    approval: Approval
    balance: Decimal
    available: Decimal


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider made of a tenant."""

    status: str


class Partner(msgspec.Struct, frozen=True, kw_only=True):
    """The partner of a tenant; None where it has none."""

    partner: str | None


class Waiver(msgspec.Struct, frozen=True, kw_only=True):
    """An exception to a rule of eligibility; it ends by itself."""

    rule: str
    reason: str
    until: datetime | None
    granted_by: str


class Lifted(msgspec.Struct, frozen=True, kw_only=True):
    """The exception that lifts a failure."""

    reason: str
    until: datetime
    who: str


class RuleOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule of eligibility says: outcome passed, failed, not_applicable or an exception."""

    rule: str
    asks: str
    outcome: str
    why: str
    remedy: str
    offenders: tuple[str, ...]
    exception: Lifted | None = None


class Caution(msgspec.Struct, frozen=True, kw_only=True):
    """What the tenant should know though nothing stands against it."""

    id: str
    says: str
    remedy: str


class Eligibility(msgspec.Struct, frozen=True, kw_only=True):
    """May the tenant buy credits: each rule in order, and warnings."""

    can_buy: bool
    partner_may_fund: bool
    rules: tuple[RuleOutcome, ...]
    warnings: tuple[Caution, ...]


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """Something that takes money. `who` is null for a key that may not see users; `count` always stands."""

    id: str
    says: str
    keeps: str
    money: str
    count: int
    who: tuple[str, ...] | None
    unlicensed: tuple[str, ...] | None


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """Does the tenant need credits, and why."""

    needed: bool
    sentence: str
    post_usage: bool
    only_after_pools: bool
    reasons: tuple[Need, ...]


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One way to have a feature: of each list in `licences` one plan."""

    licences: tuple[tuple[str, ...], ...]
    holder: str
    money: str
    sentence: str


class Feature(msgspec.Struct, frozen=True, kw_only=True):
    """What a feature needs: the ways to have it, best first."""

    id: str
    name: str
    ways: tuple[Way, ...]


class FieldChange(msgspec.Struct, frozen=True, kw_only=True):
    """A field of a user before and after, as text; "" for nothing."""

    field: str
    before: str
    after: str


class ImportedUser(msgspec.Struct, frozen=True, kw_only=True):
    """A user whom an import changes: added, changed or removed; `line` of the file, null for one removed."""

    upn: str
    change: str
    line: int | None
    fields: tuple[FieldChange, ...]


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What an import did, or would do; users are listed up to a limit, the numbers count all."""

    dry_run: bool
    added: int
    changed: int
    unchanged: int
    removed: int
    users: tuple[ImportedUser, ...]


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """How much named the person; the figures of the ledger are as before."""

    charges: int
    sessions: int
    other_rows: int
    exports: int


class Comment(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody said."""

    at: datetime | None
    who: str
    text: str


class TicketLine(msgspec.Struct, frozen=True, kw_only=True):
    """A support ticket in a list: what it is about and how it stands."""

    id: str
    case: str
    subject: str
    state: str
    opened_at: datetime | None
    opened_by: str
    closed_at: datetime | None
    closed_by: str | None


class Ticket(TicketLine, frozen=True, kw_only=True):
    """A support ticket with the facts of the moment in which it was opened."""

    text: str
    comments: tuple[Comment, ...]
    facts: dict[str, Any]


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A notice on its way to one recipient: `state` waiting, sent or failed, with the last error."""

    channel: str
    recipient: str
    state: str
    tries: int
    due_at: datetime | None
    sent_at: datetime | None
    error: str


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something that people are told. `state`: waiting, told, failed, or nobody_to_tell.

    `subject` is that of a mail about it.
    """

    id: int
    at: datetime | None
    kind: str
    state: str
    subject: str
    facts: dict[str, Any]
    deliveries: tuple[Delivery, ...]


class WholeNotice(Notice, frozen=True, kw_only=True):
    """The same with what a mail says, and the roles whose holders are told of such an event today."""

    message: str
    roles: tuple[str, ...]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event: roles that are told of it by default, and in this tenant; may the tenant choose others?"""

    event: str
    configurable: bool
    usual: tuple[str, ...]
    roles: tuple[str, ...]


class RoleName(msgspec.Struct, frozen=True, kw_only=True):
    """A role that administrators of a tenant can have."""

    id: str
    name: str


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """All events, and all roles that a tenant may choose from."""

    events: tuple[Event, ...]
    roles: tuple[RoleName, ...]


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """How many deliveries of a notice wait again."""

    waiting: int


class Burn(msgspec.Struct, frozen=True, kw_only=True):
    """How long the credits last at the pace of 28 and of 7 days, and by the forecast; null: no end in sight.

    `days` is the cautious edge of the forecast, `available` what is left to spend.
    """

    currency: str
    balance: Decimal
    available: Decimal
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
    days: int | None
    limit_days: int


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook without its secrets; no `events`: all of them."""

    id: str
    url: str
    events: tuple[str, ...]
    allow_private: bool
    enabled: bool
    disabled_at: datetime | None
    failing_since: datetime | None
    made_at: datetime | None
    secrets: int


class WebhookMade(Webhook, frozen=True, kw_only=True):
    """A webhook with its new secret; nobody can read it again."""

    secret: str


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """How a test ended; the sentence is "" where it was taken."""

    taken: bool
    error: str
