"""Notices: what people are told, to whom and how far it got; a notice again; how long the credits last."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from talktime.doors.http.management.answers_people import (
    BurnAnswer,
    NoticeAnswer,
    NoticeList,
    ReplayAnswer,
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
from talktime.doors.http.management.shown_people import burn_shown, notice_shown, sent_again
from talktime.doors.http.management.texts import Before, Limit
from talktime.doors.http.problems import ProblemError, refused
from talktime.insight.runway_view import runway_now
from talktime.ledger.commands import WriteNote
from talktime.ledger.deliveries import Deliveries
from talktime.ledger.reading import NO_BEFORE, KeptNotice
from talktime.notices.again import send_again
from talktime.notices.texts import load_texts
from talktime.notices.wording import Wording

router = APIRouter(prefix="/v1/tenants/{tenant}", tags=["notices"])

SeesNotices = Annotated[str, Depends(may("see_notices"))]
EditsNotices = Annotated[str, Depends(may("edit_notices"))]
SeesBalance = Annotated[str, Depends(may("see_balance"))]

NoticeId = Annotated[int, Path(ge=1, lt=NO_BEFORE, examples=[17])]


@router.get("/notices")
async def list_notices(
    house: InHouse, tenant: SeesNotices, limit: Limit = 100, before: Before = NO_BEFORE
) -> NoticeList:
    """What people were told and will be, newest first, each with its deliveries."""
    found = await read(house.reader.outbox, tenant, before, limit)
    return NoticeList(
        notices=await _shown(house, tenant, found),
        next=found[-1].id if len(found) == limit else None,
    )


async def _shown(house: House, tenant: str, found: list[KeptNotice]) -> list[NoticeAnswer]:
    own = await house.settings(tenant)
    deliveries = await read(Deliveries(house.url).of_notices, tenant, [notice.id for notice in found])
    wording = Wording(load_texts(), house.desk.catalogue)
    return [notice_shown(notice, deliveries[notice.id], wording.data(own, notice.body)) for notice in found]


@router.get("/notices/{notice}")
async def get_notice(house: InHouse, tenant: SeesNotices, notice: NoticeId) -> NoticeAnswer:
    """One notice with its deliveries."""
    found = [one for one in await read(house.reader.outbox, tenant, notice + 1, 1) if one.id == notice]
    shown = await _shown(house, tenant, found)
    if not shown:
        raise _unknown(notice)
    return shown[0]


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
    """How long the credits last at the pace of the last 28 and of the last 7 full days."""
    own = await house.settings(tenant)
    wallet = await read(house.reader.wallet, tenant)
    if wallet is None:
        raise unknown_tenant(tenant)
    lasts = await read(runway_now, house.reader, own, wallet.balance, house.now_us)
    return burn_shown(wallet, lasts, own.alerts.runway_days)


def _unknown(notice: int) -> ProblemError:
    return refused("unknown_notice", f"there is no notice {notice}")
