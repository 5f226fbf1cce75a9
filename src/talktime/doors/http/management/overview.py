"""The first page of a tenant, its balance over time, and all that changed the balance."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Query, Request

from talktime.accounts.calendar import day_of, day_start_us
from talktime.accounts.tenant import Tenant
from talktime.doors.http.management.answers_overview import CreditsHistory, MovementList, OverviewAnswer
from talktime.doors.http.management.house import CallerOf, InHouse, holds, may, read, unknown_tenant
from talktime.doors.http.management.pages import Number
from talktime.doors.http.management.shown_overview import history_shown, movement_shown, overview_shown
from talktime.doors.http.management.texts import Cursor, Instant, Limit, next_of, place_of
from talktime.doors.http.management.usage import not_reconciled, span_of
from talktime.insight.credits_history import history
from talktime.insight.movements import Course, Courses
from talktime.insight.overview import overview
from talktime.insight.runway_view import runway_ahead
from talktime.insight.spend import NotReconciledError
from talktime.insight.standing_now import Lookout
from talktime.ledger.money_reading import MoneyReader
from talktime.ledger.overview_reading import OverviewReader
from talktime.ledger.reading import NO_BEFORE

router = APIRouter(prefix="/v1/tenants/{tenant}", tags=["overview"])

SeesBalance = Annotated[str, Depends(may("see_balance"))]

Days = Annotated[Literal["28", "90", "365"], Query(description="local days, today among them")]
Kind = Literal[
    "purchase",
    "recharge",
    "on_behalf",
    "adjustment",
    "calls",
    "expiry",
    "refund",
    "dispute",
    "release",
    "other",
]
Since = Annotated[
    Instant | None, Query(alias="from", description="movements from the day of this instant on; 28 days")
]
Until = Annotated[Instant | None, Query(description="movements before; now where it is left out")]

_LOOKOUT: Final = "lookout"
_COURSES: Final = "money_courses"


def _lookout(request: Request, house: InHouse) -> Lookout:
    """One for all requests: it remembers how tenants are set up."""
    state = request.app.state
    if not hasattr(state, _LOOKOUT):
        setattr(state, _LOOKOUT, Lookout(OverviewReader(house.url)))
    lookout = getattr(state, _LOOKOUT)
    assert isinstance(lookout, Lookout)
    return lookout


def _courses(request: Request, house: InHouse) -> Courses:
    """One for all requests: it remembers what it has added up."""
    state = request.app.state
    if not hasattr(state, _COURSES):
        setattr(state, _COURSES, Courses(MoneyReader(house.url)))
    courses = getattr(state, _COURSES)
    assert isinstance(courses, Courses)
    return courses


LookoutOf = Annotated[Lookout, Depends(_lookout)]
CoursesOf = Annotated[Courses, Depends(_courses)]


@router.get("/overview")
async def get_overview(
    house: InHouse, lookout: LookoutOf, principal: CallerOf, tenant: SeesBalance
) -> OverviewAnswer:
    """The first page: money and how long it lasts, alerts with their one action, what to do first.

    Parts that need another right are null or left out for who lacks it.
    """
    live = await house.live_tenant(tenant)

    def seen() -> OverviewAnswer:
        now = lookout.look(live, house.now_us)
        if now is None:
            raise unknown_tenant(tenant)
        return overview_shown(overview(now, lambda operation: holds(principal, operation, tenant)))

    return await read(seen)


@router.get("/credits/history")
async def get_history(
    house: InHouse, courses: CoursesOf, tenant: SeesBalance, days: Days = "28"
) -> CreditsHistory:
    """The balance at the end of each local day, what came in, was paid and expired, and a forecast."""
    own, count, now_us = await house.settings(tenant), int(days), house.now_us
    first = day_start_us(day_of(now_us, own.time_zone) - count + 1, own.time_zone)

    def seen() -> CreditsHistory:
        course = _course(courses, own, first)
        wallet = house.reader.wallet(tenant)
        if wallet is None:
            raise unknown_tenant(tenant)
        runway, ahead = runway_ahead(house.reader, own, wallet, now_us)
        return history_shown(history(course, count, ahead, now_us, own.time_zone), course, runway)

    return await read(seen)


class Wanted:
    """Which movements, as it stands in the query."""

    def __init__(self, kind: Kind | None = None, from_: Since = None, until: Until = None) -> None:
        self.kind, self.from_us, self.until_us = kind, from_, until


@router.get("/movements")
async def list_movements(
    house: InHouse,
    courses: CoursesOf,
    tenant: SeesBalance,
    wanted: Annotated[Wanted, Depends()],
    limit: Limit = 100,
    cursor: Cursor = "",
) -> MovementList:
    """What changed the balance, newest first, with the balance after it; the calls of a day together."""
    own = await house.settings(tenant)
    from_us, until_us = span_of(wanted.from_us, wanted.until_us, house.now_us)
    first = day_start_us(day_of(from_us, own.time_zone), own.time_zone)
    before = place_of(cursor, Number, NO_BEFORE)
    course = await read(_course, courses, own, first)
    fitting = (
        line
        for line in reversed(course.lines)
        if line.last < before and line.at_us < until_us and wanted.kind in (None, line.kind)
    )
    shown = list(islice(fitting, limit + 1))
    return MovementList(
        currency=course.currency,
        movements=[movement_shown(line) for line in shown[:limit]],
        next=next_of(shown[limit - 1].first) if len(shown) > limit else None,
    )


def _course(courses: Courses, tenant: Tenant, since_us: int) -> Course:
    """The movements since an instant; a problem where they do not agree with the wallet. Blocks."""
    try:
        return courses.of(tenant, since_us)
    except NotReconciledError as error:
        raise not_reconciled(error) from None
    except KeyError:
        raise unknown_tenant(tenant.id) from None
