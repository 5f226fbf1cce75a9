"""What is answered about usage: rows of calls, sums, pools and who used them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class UsageRow(BaseModel):
    """A charged call; a corrected one stands here once, with its newest charge.

    Money is decimal strings; `id` is unique, `callId` is not; texts that nobody knows are "".
    """

    model_config = ConfigDict(alias_generator=to_camel, from_attributes=True, populate_by_name=True)

    id: str
    call_id: str
    user_id: str
    user_principal_name: str
    user_display_name: str
    start_date_time: str
    end_date_time: str
    duration: int
    charge: str
    call_type: str
    currency: str
    callee_number: str
    usage_country_code: str
    tenant_country_code: str
    connection_charge: str
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
    balance_after: str
    flags: list[str]
    corrected: bool


class UsageList(BaseModel):
    """A page of usage; `next` is the `cursor` of the next page, null on the last."""

    usage: list[UsageRow]
    next: str | None


class SumsAnswer(BaseModel):
    """Calls, seconds and money of a group of calls."""

    calls: int
    billed_seconds: int
    pool_seconds: int
    paid_seconds: int
    amount: str
    credits: str
    post_usage: str
    overdraft: str


class SpendLineAnswer(SumsAnswer):
    """The sums of one category, call type, country, user, number or cost centre; `key` "" for none."""

    key: str


class DayAnswer(SumsAnswer):
    """The sums of a local day of the tenant, `2026-03-01`."""

    day: str


class SummaryAnswer(BaseModel):
    """What the calls of a report come to: in all, by day, category and call type.

    `days` has each day of the span; the others are dearest first. Each of the three comes to `total`.
    """

    from_: str | None
    until: str | None
    currency: str
    total: SumsAnswer
    days: list[DayAnswer]
    categories: list[SpendLineAnswer]
    call_types: list[SpendLineAnswer]
    reconciled: bool

    model_config = ConfigDict(alias_generator=lambda name: name.rstrip("_"), populate_by_name=True)


class SpendAnswer(BaseModel):
    """Sums of a span, dearest first. `total` is another sum of the same calls: the two are equal."""

    by: str
    from_: str | None
    until: str | None
    currency: str
    lines: list[SpendLineAnswer]
    total: SumsAnswer
    reconciled: bool

    model_config = ConfigDict(alias_generator=lambda name: name.rstrip("_"), populate_by_name=True)


class PoolReportLine(BaseModel):
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


class PoolReport(BaseModel):
    """The pools of a month."""

    month: str
    pools: list[PoolReportLine]


class ConsumerAnswer(BaseModel):
    """A user, or a service number where no user is named, and what it used of a pool."""

    user: str
    service_number: str
    calls: int
    seconds: int


class ConsumersAnswer(BaseModel):
    """The first consumers of a pool in a month; `used_seconds` and `calls` are of all `count` of them.

    `ran_out_at`: the end of the call that took the last of it; null where some is left, or without a limit.
    """

    pool: str
    month: str
    used_seconds: int
    calls: int
    count: int
    ran_out_at: str | None
    consumers: list[ConsumerAnswer]
