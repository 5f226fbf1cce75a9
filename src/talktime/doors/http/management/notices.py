"""Notices: what people are told, to whom and how far it got; a notice again; which events there are.

And how long the credits last.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from talktime.catalog.side import load_roles
from talktime.doors.http.management.answers_people import (
    BurnAnswer,
    EventAnswer,
    EventList,
    NoticeList,
    ReplayAnswer,
    RoleAnswer,
    WholeNoticeAnswer,
)
from talktime.doors.http.management.house import (
    CallerOf,
    House,
    InHouse,
    may,
    read,
    unknown_tenant,
    who,
)
from talktime.doors.http.management.shown_people import burn_shown, notice_shown, sent_again, whole_notice
from talktime.doors.http.management.texts import Before, Limit
from talktime.doors.http.problems import ProblemError, refused
from talktime.insight.runway_view import runway_now
from talktime.ledger.commands import WriteNote
from talktime.ledger.deliveries import Deliveries
from talktime.ledger.reading import NO_BEFORE
from talktime.notices.again import send_again
from talktime.notices.recipients import told_roles
from talktime.notices.texts import load_texts
from talktime.notices.wording import Wording

router = APIRouter(prefix="/v1/tenants/{tenant}", tags=["notices"])

SeesNotices = Annotated[str, Depends(may("see_notices"))]
EditsNotices = Annotated[str, Depends(may("edit_notices"))]
SeesBalance = Annotated[str, Depends(may("see_balance"))]

Kind = Annotated[str, Query(max_length=64, pattern=r"^[a-z0-9_]*$", description="an event")]
NoticeId = Annotated[int, Path(ge=1, lt=NO_BEFORE, examples=[17])]


@router.get("/notices")
async def list_notices(
    house: InHouse,
    tenant: SeesNotices,
    limit: Limit = 100,
    before: Before = NO_BEFORE,
    kind: Kind = "",
) -> NoticeList:
    """What people were told and will be, newest first, each with its deliveries; `kind`: one event only."""
    own = await house.settings(tenant)
    found = await read(house.reader.outbox, tenant, before, limit, kind)
    deliveries = await read(Deliveries(house.url).of_notices, tenant, [notice.id for notice in found])
    wording = _wording(house)
    return NoticeList(
        notices=[notice_shown(one, deliveries[one.id], own, wording) for one in found],
        next=found[-1].id if len(found) == limit else None,
    )


@router.get("/notices/{notice}")
async def get_notice(house: InHouse, tenant: SeesNotices, notice: NoticeId) -> WholeNoticeAnswer:
    """One notice with its deliveries, as a mail says it, and the roles that are told of such today."""
    own = await house.settings(tenant)
    found = [one for one in await read(house.reader.outbox, tenant, notice + 1, 1) if one.id == notice]
    if not found:
        raise _unknown(notice)
    deliveries = await read(Deliveries(house.url).of_notices, tenant, [notice])
    return whole_notice(found[0], deliveries[notice], own, _wording(house))


def _wording(house: House) -> Wording:
    return Wording(load_texts(), house.desk.catalogue)


@router.get("/alerts/events")
async def list_events(house: InHouse, tenant: SeesNotices) -> EventList:
    """The events that people are told of, who usually is, and who is in this tenant."""
    own, roles = await house.settings(tenant), load_roles()
    known = [one for one in roles.roles.values() if one.is_of_tenant and not one.alias_of]
    return EventList(
        events=[
            EventAnswer(
                event=event.id,
                configurable=event.configurable,
                usual=sorted(roles.recipients(event.id)),
                roles=sorted(told_roles(own, event.id, roles)),
            )
            for event in roles.events.values()
        ],
        roles=[RoleAnswer(id=one.id, name=one.name) for one in known],
    )


@router.post("/notices/{notice}/replay")
async def replay_notice(
    house: InHouse, principal: CallerOf, tenant: EditsNotices, notice: NoticeId
) -> ReplayAnswer:
    """Sends a notice again to whoever would be told today; ids stay, so a repeat is known as one."""
    await house.known(tenant)
    if not any(one.id == notice for one in await read(house.reader.outbox, tenant, notice + 1, 1)):
        raise _unknown(notice)
    await house.desk.engine.submit(WriteNote(tenant, sent_again(notice), who(principal)))
    waiting = await read(send_again, house.url, tenant, notice, house.now_us)
    if waiting is None:
        raise _unknown(notice)
    return ReplayAnswer(waiting=waiting)


@router.get("/runway")
async def get_runway(house: InHouse, tenant: SeesBalance) -> BurnAnswer:
    """How long the credits last: by the forecast, and at the pace of the last 28 and 7 full days."""
    own = await house.settings(tenant)
    wallet = await read(house.reader.wallet, tenant)
    if wallet is None:
        raise unknown_tenant(tenant)
    lasts = await read(runway_now, house.reader, own, wallet, house.now_us)
    return burn_shown(wallet, lasts, own.alerts.runway_days)


def _unknown(notice: int) -> ProblemError:
    return refused("unknown_notice", f"there is no notice {notice}")
