"""Usage of a tenant: charged calls as rows, what they come to, pools and who used them.

Rows are shaped like Microsoft Graph's `pstnCallLogRow`, then come our columns. Who may see no names gets the
same rows with a word for each user (`see_usage_without_names`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from talktime.accounts.calendar import month_name, month_of
from talktime.catalog.side import load_masking
from talktime.core.limits import US_PER_S
from talktime.core.money import format_money
from talktime.doors.http.management.house import CallerOf, House, InHouse, holds, may, read
from talktime.doors.http.management.texts import (
    Cursor,
    Instant,
    Limit,
    Month,
    Text,
    instant,
    month_number,
    next_of,
    place_of,
)
from talktime.doors.http.problems import Problem, ProblemError, refused
from talktime.insight.pool_report import consumers, pool_lines, shown_pool
from talktime.insight.spend import NotReconciledError, spend
from talktime.insight.usage_rows import Pseudonyms, UsageRows
from talktime.ledger import usage_reading
from talktime.ledger.api_keys import Principal
from talktime.ledger.usage_reading import Asked, Sums, UsageReader
from talktime.live.standing import pools_of

router = APIRouter(prefix="/v1/tenants/{tenant}", tags=["usage"])

SeesUsage = Annotated[str, Depends(may("see_usage_without_names"))]
SeesPools = Annotated[str, Depends(may("see_pool_reports"))]

USUAL_US = 28 * 86_400 * US_PER_S
"""The span of a report that names none: 28 days."""

From = Annotated[Instant | None, Query(alias="from", description="calls that started then or later")]
Until = Annotated[Instant | None, Query(description="calls that started before; now where it is left out")]
By = Literal["category", "country", "user", "service_number", "cost_centre"]


def _usage_reader(request: Request, house: InHouse) -> UsageReader:
    """One reader for all requests: it remembers what it has seen of the ledger."""
    state = request.app.state
    if not hasattr(state, "usage_reader"):
        state.usage_reader = UsageReader(house.url)
    reader = state.usage_reader
    assert isinstance(reader, UsageReader)
    return reader


UsageOf = Annotated[UsageReader, Depends(_usage_reader)]


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
    """The sums of one category, country, user, number or cost centre; `key` "" where a call has none."""

    key: str


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
    """A pool in a month; total and left are null where it has no limit."""

    name: str
    country: str
    user: str
    plan: str
    kind: str
    total_seconds: int | None
    used_seconds: int
    reserved_seconds: int
    left_seconds: int | None


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
    """The first consumers of a pool in a month; `used_seconds` and `calls` are of all `count` of them."""

    pool: str
    month: str
    used_seconds: int
    calls: int
    count: int
    consumers: list[ConsumerAnswer]


class Filters:
    """The span and the filters of a usage report, as they stand in the query."""

    def __init__(
        self,
        from_: From = None,
        until: Until = None,
        user: Annotated[Text, Query(description="user as the rows name it, or a service number")] = "",
        call_type: Text = "",
        category: Text = "",
    ) -> None:
        self.from_us, self.until_us = from_, until
        self.user, self.call_type, self.category = user, call_type, category

    def asked(self, reader: UsageReader, rows: UsageRows, now_us: int) -> Asked:
        """What the ledger is asked; blocks.

        A problem for a span that ends before it begins, and for a name where none may be seen.
        """
        from_us, until_us = span_of(self.from_us, self.until_us, now_us)
        asked = Asked(rows.tenant.id, from_us, until_us, (), self.call_type, self.category)
        return asked._replace(users=_names(reader, rows, asked, self.user)) if self.user else asked


@router.get("/usage")
async def get_usage(
    house: InHouse,
    reader: UsageOf,
    principal: CallerOf,
    tenant: SeesUsage,
    asked: Annotated[Filters, Depends()],
    limit: Limit = 100,
    cursor: Cursor = "",
) -> UsageList:
    """Charged calls, newest charge first; the last 28 days where no span is given.

    Pages hold what there was when the first one was read: new calls do not move them.
    """
    rows = await usage_rows(house, principal, tenant)
    place = place_of(cursor, usage_reading.Cursor, None)
    if place is not None and not all(0 <= part < 2**62 for part in place):
        raise ProblemError(Problem(400, "malformed", "query.cursor: is none of this list"))
    span = await read(asked.asked, reader, rows, house.now_us)
    page = await read(reader.page, span, place, limit)
    return UsageList(
        usage=[UsageRow.model_validate(rows.row(call)) for call in page.calls],
        next=None if page.next is None else next_of(page.next),
    )


@router.get("/spend")
async def get_spend(
    house: InHouse,
    reader: UsageOf,
    principal: CallerOf,
    tenant: SeesUsage,
    by: By = "category",
    from_: From = None,
    until: Until = None,
) -> SpendAnswer:
    """What the calls of a span come to, by one thing; the last 28 days where no span is given."""
    rows = await usage_rows(house, principal, tenant)
    from_us, until_us = span_of(from_, until, house.now_us)
    try:
        found = await read(spend, reader, rows, Asked(tenant, from_us, until_us), by)
    except NotReconciledError as error:
        raise not_reconciled(error) from None
    return SpendAnswer(
        by=by,
        from_=instant(from_us),
        until=instant(until_us),
        currency=rows.tenant.currency,
        lines=[SpendLineAnswer(key=line.key, **_sums(line.sums).model_dump()) for line in found.lines],
        total=_sums(found.total),
        reconciled=True,
    )


@router.get("/pool-report")
async def get_pool_report(
    house: InHouse, principal: CallerOf, tenant: SeesPools, month: Month = ""
) -> PoolReport:
    """Total, used and left of each pool in a month, the present one where none is named."""
    live = await house.live_tenant(tenant)
    rows = await usage_rows(house, principal, tenant)
    number = month_number(month) or month_of(house.now_us, live.tenant.time_zone)
    counters = await read(house.reader.counters, tenant, [number])
    lines = await read(pool_lines, live, counters, number, house.now_us, rows)
    shown = [
        PoolReportLine(
            name=line.name,
            country=line.country,
            user=line.user,
            plan=line.plan,
            kind=line.kind,
            total_seconds=line.total_s,
            used_seconds=line.used_s,
            reserved_seconds=line.reserved_s,
            left_seconds=line.left_s,
        )
        for line in lines
    ]
    return PoolReport(month=month_name(number), pools=shown)


@router.get("/pools/{name:path}/consumers")
async def get_consumers(
    house: InHouse,
    reader: UsageOf,
    principal: CallerOf,
    tenant: SeesPools,
    name: str,
    month: Month = "",
    limit: Limit = 10,
) -> ConsumersAnswer:
    """Who used a pool in a month, most first; `name` as the pools of the month have it."""
    live = await house.live_tenant(tenant)
    rows = await usage_rows(house, principal, tenant)
    number = month_number(month) or month_of(house.now_us, live.tenant.time_zone)
    counters = await read(house.reader.counters, tenant, [number])
    pools = await read(pools_of, live, counters, number, house.now_us)
    known = next((pool.name for pool in pools if shown_pool(rows, pool.name) == name), None)
    if known is None:
        raise ProblemError(Problem(404, "unknown_pool", f"{month_name(number)} has no pool {name!r}"))
    try:
        found = await read(consumers, reader, rows, known, number, limit)
    except NotReconciledError as error:
        raise not_reconciled(error) from None
    return ConsumersAnswer(
        pool=name,
        month=month_name(number),
        used_seconds=found.used_s,
        calls=found.calls,
        count=found.consumers,
        consumers=[ConsumerAnswer(**line._asdict()) for line in found.shown],
    )


async def usage_rows(house: House, principal: Principal, tenant: str) -> UsageRows:
    """What makes rows of a tenant's calls, with names for whoever may see them; a problem for no tenant."""
    pseudonyms = None if holds(principal, "see_usage", tenant) else Pseudonyms(house.means.secret)
    known = await house.tenant(tenant)
    return await read(UsageRows, known, house.desk.catalogue, load_masking(), pseudonyms)


def span_of(from_us: int | None, until_us: int | None, now_us: int) -> tuple[int, int]:
    """[from, until): up to now, and 28 days long, where it is not said; a problem where it holds no time."""
    until_us = now_us + 1 if until_us is None else until_us
    from_us = max(0, until_us - USUAL_US) if from_us is None else from_us
    if from_us >= until_us:
        raise refused("invalid", "the span holds no time: `from` has to lie before `until`")
    return from_us, until_us


def _names(reader: UsageReader, rows: UsageRows, asked: Asked, word: str) -> tuple[str, ...]:
    """The names under which somebody's calls stand; who may see no names asks by the word of the rows."""
    if not rows.may_ask_for(word):
        detail = "this key may see no names: ask by the word that stands for the user, or by a service number"
        raise ProblemError(Problem(403, "forbidden", detail))
    names = rows.names_of(word)
    if not names:
        named = reader.sums(asked, reader.end(asked.tenant), "user")
        names = rows.names_of(word, (user for user, _ in named))
    return names or (word,)


def not_reconciled(error: NotReconciledError) -> ProblemError:
    """Two sums that have to be equal are not: nobody is shown either as the truth."""
    return ProblemError(Problem(500, "not_reconciled", str(error)))


def _sums(sums: Sums) -> SumsAnswer:
    return SumsAnswer(
        calls=sums.calls,
        billed_seconds=sums.billed_s,
        pool_seconds=sums.pool_s,
        paid_seconds=sums.paid_s,
        amount=format_money(sums.amount),
        credits=format_money(sums.credits),
        post_usage=format_money(sums.post_usage),
        overdraft=format_money(sums.overdraft),
    )
