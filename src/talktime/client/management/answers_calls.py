"""Calls, usage, pools and exports as they are answered.

Amounts are Decimal, instants aware datetimes; fields that a later service adds are passed over.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from talktime.client.answers import Rate
from talktime.client.management.answers_money import Entry


class ChargeLine(msgspec.Struct, frozen=True, kw_only=True):
    """What a call cost; `corrects` is the number of the charge that it replaces."""

    number: int
    call_id: str
    at: datetime | None
    started_at: datetime | None
    user: str
    category: str
    billed_seconds: int
    pool_seconds: int
    paid_seconds: int
    amount: Decimal
    credits: Decimal
    post_usage: Decimal
    overdraft: Decimal
    corrects: int | None


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A part that a lot paid or holds."""

    lot: int
    amount: Decimal


class PoolShare(msgspec.Struct, frozen=True, kw_only=True):
    """A part that a pool covered or holds."""

    pool: str
    seconds: int


class Charge(ChargeLine, frozen=True, kw_only=True):
    """A charge with its split."""

    duration_seconds: int
    lots: tuple[Share, ...]
    pools: tuple[PoolShare, ...]
    balance_after: Decimal
    flags: tuple[str, ...]
    answered_at: datetime | None
    ended_at: datetime | None


class CapFact(msgspec.Struct, frozen=True, kw_only=True):
    """A limit of money that the call moves."""

    counter: str
    limit: Decimal


class CallFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided about a call at its start; `rate` is null where none fits or none is asked."""

    call_type: str
    user: str
    service_number: str
    caller: str
    callee: str
    category: str
    why: str
    rate: Rate | None
    pools: tuple[str, ...]
    month: str
    caps: tuple[CapFact, ...]
    arrived_at: datetime | None
    started_at: datetime | None
    flags: tuple[str, ...]


class CallStory(msgspec.Struct, frozen=True, kw_only=True):
    """A call: its state, what was decided, its charges (a correction last) and their entries."""

    call_id: str
    state: str
    due_at: datetime | None
    used_seconds: int | None
    authorised_seconds: int | None
    facts: CallFacts | None
    charges: tuple[Charge, ...]
    entries: tuple[Entry, ...]


class CallInProgress(msgspec.Struct, frozen=True, kw_only=True):
    """A call in progress and what it reserves; `due_at` is when it would count as lost."""

    call_id: str
    state: str
    user: str
    service_number: str
    caller: str
    callee: str
    category: str
    started_at: datetime | None
    granted_seconds: int
    used_seconds: int
    reserved: Decimal
    lots: tuple[Share, ...]
    pools: tuple[PoolShare, ...]
    due_at: datetime | None


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Who paid a part of a call: pool, credits, post_usage or overdraft."""

    source: str
    id: str
    seconds: int | None = None
    amount: Decimal | None = None


class EndedCall(msgspec.Struct, frozen=True, kw_only=True):
    """What a call was charged that a person ended."""

    call_id: str
    billed_seconds: int
    pool_seconds: int
    paid_seconds: int
    amount: Decimal
    currency: str
    funding: tuple[Source, ...]
    balance: Decimal
    available: Decimal
    flags: tuple[str, ...]


class UsageRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A charged call; a corrected one stands here once, with its newest charge.

    Money is decimal strings; `id` is unique, `callId` is not; texts that nobody knows are "".
    """

    id: str
    call_id: str
    user_id: str
    user_principal_name: str
    user_display_name: str
    start_date_time: datetime
    end_date_time: datetime
    duration: int
    charge: Decimal
    call_type: str
    currency: str
    callee_number: str
    usage_country_code: str
    tenant_country_code: str
    connection_charge: Decimal
    caller_number: str
    destination_context: str
    destination_name: str
    conference_id: str
    license_capability: str
    inventory_type: str
    operator: str
    call_duration_source: str
    other_party_country_code: str
    administrative_units: str
    category: str
    direction: str
    billed_seconds: int
    pool_seconds: int
    paid_seconds: int
    price_per_minute: str
    prefix: str
    deck: str
    funding: str
    balance_after: Decimal
    flags: tuple[str, ...]
    corrected: bool


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """Calls, seconds and money of a group of calls."""

    calls: int
    billed_seconds: int
    pool_seconds: int
    paid_seconds: int
    amount: Decimal
    credits: Decimal
    post_usage: Decimal
    overdraft: Decimal


class SpendLine(Sums, frozen=True, kw_only=True):
    """The sums of one category, call type, country, user, number or cost centre; `key` "" for none."""

    key: str


class DaySums(Sums, frozen=True, kw_only=True):
    """The sums of a local day of the tenant, `2026-03-01`."""

    day: str


class UsageSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What the calls of a report come to: in all, by day, category and call type.

    `days` has each day of the span; the others are dearest first. Each of the three comes to `total`.
    """

    from_: datetime | None = msgspec.field(name="from")
    until: datetime | None
    currency: str
    total: Sums
    days: tuple[DaySums, ...]
    categories: tuple[SpendLine, ...]
    call_types: tuple[SpendLine, ...]
    reconciled: bool


class Spend(msgspec.Struct, frozen=True, kw_only=True):
    """Sums of a span, dearest first. `total` is another sum of the same calls: the two are equal."""

    by: str
    from_: datetime | None = msgspec.field(name="from")
    until: datetime | None
    currency: str
    lines: tuple[SpendLine, ...]
    total: Sums
    reconciled: bool


class PoolReportLine(msgspec.Struct, frozen=True, kw_only=True):
    """A pool in a month; total, left and `used_percent` (rounded down) are null where it has no limit.

    `mark`: the notice whose level it has reached, "" for none.
    """

    name: str
    country: str
    user: str
    plan: str
    kind: str
    total_seconds: int | None
    used_seconds: int
    reserved_seconds: int
    left_seconds: int | None
    used_percent: int | None
    mark: str


class PoolReport(msgspec.Struct, frozen=True, kw_only=True):
    """The pools of a month."""

    month: str
    pools: tuple[PoolReportLine, ...]


class Consumer(msgspec.Struct, frozen=True, kw_only=True):
    """A user, or a service number where no user is named, and what it used of a pool."""

    user: str
    service_number: str
    calls: int
    seconds: int


class Consumers(msgspec.Struct, frozen=True, kw_only=True):
    """The first consumers of a pool in a month; `used_seconds` and `calls` are of all `count` of them.

    `ran_out_at`: the end of the call that took the last of it; None where some is left, or without a limit.
    """

    pool: str
    month: str
    used_seconds: int
    calls: int
    count: int
    ran_out_at: datetime | None
    consumers: tuple[Consumer, ...]


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """An export: waiting, running, done, failed or expired; `file` is where it is fetched once it is done.

    `user`, `call_type`, `category`, `country` are the filters of an export of usage, "" for all calls.
    """

    id: str
    kind: str
    format: str
    from_: datetime | None = msgspec.field(name="from")
    until: datetime | None
    with_names: bool
    user: str
    call_type: str
    category: str
    country: str
    asked_by: str
    asked_at: datetime | None
    state: str
    done_at: datetime | None
    expires_at: datetime | None
    rows: int | None
    bytes: int | None
    error: str
    file: str | None


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """How many charges lost their names since their time had come."""

    charges: int
