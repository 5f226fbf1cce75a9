"""Usage of a tenant: charged calls as rows, what they come to, pools and who used them.

Rows are shaped like Microsoft Graph's `pstnCallLogRow`, then come our columns. Who may see no names gets the
same rows with a word for each user (`see_usage_without_names`).
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request

from talktime.accounts.calendar import day_name, month_name, month_of
from talktime.catalog.side import load_masking
from talktime.core.limits import US_PER_S
from talktime.core.money import format_money
from talktime.doors.http.management.answers_usage import (
    ConsumerAnswer,
    ConsumersAnswer,
    DayAnswer,
    PoolReport,
    PoolReportLine,
    SpendAnswer,
    SpendLineAnswer,
    SummaryAnswer,
    SumsAnswer,
    UsageList,
    UsageRow,
)
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
from talktime.insight.spend import NotReconciledError, SpendLine
from talktime.insight.usage_rows import Pseudonyms, UsageRows, country_of
from talktime.insight.usage_sums import DAY, Grouped, names_in, places_of, usage_sums
from talktime.ledger import usage_reading
from talktime.ledger.api_keys import Principal
from talktime.ledger.usage_columns import SpanTooLongError, UsageColumns
from talktime.ledger.usage_reading import Asked, Sums, UsageReader
from talktime.live.standing import pools_of

router = APIRouter(prefix="/v1/tenants/{tenant}", tags=["usage"])

SeesUsage = Annotated[str, Depends(may("see_usage_without_names"))]
SeesPools = Annotated[str, Depends(may("see_pool_reports"))]

USUAL_US = 28 * 86_400 * US_PER_S
"""The span of a report that names none: 28 days."""

From = Annotated[Instant | None, Query(alias="from", description="calls that started then or later")]
Until = Annotated[Instant | None, Query(description="calls that started before; now where it is left out")]
By = Literal["category", "call_type", "country", "user", "service_number", "cost_centre"]


def _usage_reader(request: Request, house: InHouse) -> UsageReader:
    """One reader for all requests: it remembers what it has seen of the ledger."""
    state = request.app.state
    if not hasattr(state, "usage_reader"):
        state.usage_reader = UsageReader(house.url)
    reader = state.usage_reader
    assert isinstance(reader, UsageReader)
    return reader


UsageOf = Annotated[UsageReader, Depends(_usage_reader)]


def _usage_columns(request: Request, house: InHouse, reader: UsageOf) -> UsageColumns:
    """The columns of all requests: what has been read of the ledger is kept."""
    state = request.app.state
    if not hasattr(state, "usage_columns"):
        state.usage_columns = UsageColumns(reader, partial(country_of, house.desk.catalogue))
    columns = state.usage_columns
    assert isinstance(columns, UsageColumns)
    return columns


ColumnsOf = Annotated[UsageColumns, Depends(_usage_columns)]


class Filters:
    """The span and the filters of a usage report, as they stand in the query."""

    def __init__(
        self,
        from_: From = None,
        until: Until = None,
        user: Annotated[Text, Query(description="user as the rows name it, or a service number")] = "",
        call_type: Text = "",
        category: Text = "",
        country: Annotated[Text, Query(description="ISO 3166 code of the called number's country")] = "",
    ) -> None:
        self.from_us, self.until_us = from_, until
        self.user, self.call_type, self.category = user, call_type, category
        self.country = country.upper()

    def asked(self, columns: UsageColumns, rows: UsageRows, now_us: int) -> Asked:
        """What the ledger is asked; blocks.

        A problem for a span that ends before it begins, and for a name where none may be seen.
        """
        from_us, until_us = span_of(self.from_us, self.until_us, now_us)
        asked = Asked(rows.tenant.id, from_us, until_us, (), self.call_type, self.category)
        return asked._replace(users=_names(columns, rows, asked, self.user)) if self.user else asked


@router.get("/usage")
async def get_usage(
    house: InHouse,
    columns: ColumnsOf,
    principal: CallerOf,
    tenant: SeesUsage,
    filters: Annotated[Filters, Depends()],
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
    try:
        asked = await read(filters.asked, columns, rows, house.now_us)
        if filters.country:
            page = await read(_of_country, columns, asked, filters.country, place, limit)
        else:
            page = await read(columns.reader.page, asked, place, limit)
    except NotReconciledError as error:
        raise not_reconciled(error) from None
    except SpanTooLongError as error:
        raise refused("invalid", str(error)) from None
    return UsageList(
        usage=[UsageRow.model_validate(rows.row(call)) for call in page.calls],
        next=None if page.next is None else next_of(page.next),
    )


def _of_country(
    columns: UsageColumns, asked: Asked, country: str, after: usage_reading.Cursor | None, limit: int
) -> usage_reading.UsedPage:
    """A page of calls to one country, which the ledger does not know; blocks."""
    cursor = after or columns.reader.end(asked.tenant)
    places = places_of(columns, asked, country, cursor, limit + 1)
    calls = columns.reader.at(asked.tenant, places[:limit])
    more = cursor._replace(place=places[limit - 1]) if len(places) > limit else None
    return usage_reading.UsedPage(calls, more)


@router.get("/usage/summary")
async def get_summary(
    house: InHouse,
    columns: ColumnsOf,
    principal: CallerOf,
    tenant: SeesUsage,
    filters: Annotated[Filters, Depends()],
) -> SummaryAnswer:
    """What the calls of a report come to, in all, by day, by category, by type; else of 28 days."""
    bys = (DAY, "category", "call_type")
    rows, asked, found = await _summed(house, columns, principal, tenant, filters, bys)
    return SummaryAnswer(
        from_=instant(asked.from_us),
        until=instant(asked.until_us),
        currency=rows.tenant.currency,
        total=_sums(found.total),
        days=[
            DayAnswer(day=day_name(int(line.key)), **_sums(line.sums).model_dump())
            for line in found.lines[DAY]
        ],
        categories=_lines(found.lines["category"]),
        call_types=_lines(found.lines["call_type"]),
        reconciled=True,
    )


@router.get("/spend")
async def get_spend(
    house: InHouse,
    columns: ColumnsOf,
    principal: CallerOf,
    tenant: SeesUsage,
    filters: Annotated[Filters, Depends()],
    by: By = "category",
) -> SpendAnswer:
    """What the calls of a span come to, by one thing; the last 28 days where no span is given."""
    rows, asked, found = await _summed(house, columns, principal, tenant, filters, (by,))
    return SpendAnswer(
        by=by,
        from_=instant(asked.from_us),
        until=instant(asked.until_us),
        currency=rows.tenant.currency,
        lines=_lines(found.lines[by]),
        total=_sums(found.total),
        reconciled=True,
    )


async def _summed(
    house: House,
    columns: UsageColumns,
    principal: Principal,
    tenant: str,
    filters: Filters,
    bys: tuple[str, ...],
) -> tuple[UsageRows, Asked, Grouped]:
    """The sums of what is asked for; a problem where two of them that have to be equal are not."""
    rows = await usage_rows(house, principal, tenant)
    try:
        asked = await read(filters.asked, columns, rows, house.now_us)
        return rows, asked, await read(usage_sums, columns, rows, asked, filters.country, bys)
    except NotReconciledError as error:
        raise not_reconciled(error) from None
    except SpanTooLongError as error:
        raise refused("invalid", str(error)) from None


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
            used_percent=line.used_percent,
            mark=line.mark,
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
    known = next((pool for pool in pools if shown_pool(rows, pool.name) == name), None)
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
        ran_out_at=None if found.ran_out_us is None else instant(found.ran_out_us),
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


def _names(columns: UsageColumns, rows: UsageRows, asked: Asked, word: str) -> tuple[str, ...]:
    """The names under which somebody's calls stand; who may see no names asks by the word of the rows."""
    if not rows.may_ask_for(word):
        detail = "this key may see no names: ask by the word that stands for the user, or by a service number"
        raise ProblemError(Problem(403, "forbidden", detail))
    names = rows.names_of(word)
    if not names:
        names = rows.names_of(word, names_in(columns, asked))
    return names or (word,)


def not_reconciled(error: NotReconciledError) -> ProblemError:
    """Two sums that have to be equal are not: nobody is shown either as the truth."""
    return ProblemError(Problem(500, "not_reconciled", str(error)))


def _lines(lines: tuple[SpendLine, ...]) -> list[SpendLineAnswer]:
    return [SpendLineAnswer(key=line.key, **_sums(line.sums).model_dump()) for line in lines]


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
