"""What the provider does to a tenant: its status, exceptions to eligibility, adjustments by two persons."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Response
from pydantic import Field

from talktime.accounts.tenant import ACTIVE, CLOSED
from talktime.core.money import format_money
from talktime.doors.http.management.answers_people import (
    ApprovalAnswer,
    ApprovalList,
    ApprovedAnswer,
    StatusAnswer,
    WaiverAnswer,
    WaiverList,
)
from talktime.doors.http.management.house import (
    CallerOf,
    House,
    InHouse,
    allow,
    done,
    may,
    person_of,
    who,
)
from talktime.doors.http.management.pages import Key
from talktime.doors.http.management.shown_people import approval_shown, waiver_shown
from talktime.doors.http.management.texts import (
    Code,
    Cursor,
    Instant,
    Limit,
    LongText,
    Strict,
    next_of,
    place_of,
)
from talktime.doors.http.problems import refused

router = APIRouter(prefix="/v1/tenants/{tenant}", tags=["administration"])

SeesTenant = Annotated[str, Depends(may("see_tenant"))]
Suspends = Annotated[str, Depends(may("suspend_tenant"))]
GrantsWaivers = Annotated[str, Depends(may("grant_waiver"))]
SeesAudit = Annotated[str, Depends(may("see_audit"))]
Approves = Annotated[str, Depends(may("approve_adjustment"))]

Rule = Annotated[
    str, Path(min_length=1, max_length=64, pattern=r"^[a-z0-9_]+$", examples=["not_through_csp"])
]
ApprovalId = Annotated[
    str, Path(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.-]+$", examples=["A-contoso-000001"])
]
Reason = Annotated[LongText, Field(examples=["asked for by the customer, case 4711"])]


class NewStatus(Strict):
    """What a tenant is to be, and why. A closed one is closed for good; what is left is written off."""

    status: Annotated[Literal["active", "suspended", "closed"], Field(examples=["suspended"])]
    reason: Reason


class NewWaiver(Strict):
    """An exception to a rule of eligibility, until an instant."""

    rule: Annotated[Code, Field(examples=["not_through_csp"])]
    reason: Reason
    until: Instant


class Declined(Strict):
    """Why an adjustment is not booked."""

    reason: Reason


@router.get("/status")
async def get_status(house: InHouse, tenant: SeesTenant) -> StatusAnswer:
    """What the provider made of the tenant: active, suspended or closed."""
    return StatusAnswer(status=(await house.settings(tenant)).status)


@router.put("/status")
async def put_status(house: InHouse, principal: CallerOf, tenant: Suspends, body: NewStatus) -> StatusAnswer:
    """Suspends a tenant, which then buys nothing, makes it active again, or closes it for good.

    It is closed only without calls and payments under way; what is left is written off, up to a limit.
    """
    provider, by = house.provider, who(principal)
    if body.status == CLOSED:
        allow(principal, "close_tenant", tenant)
        done(await provider.close(tenant, body.reason, by))
    elif body.status == ACTIVE:
        done(await provider.reactivate(tenant, body.reason, by))
    else:
        done(await provider.suspend(tenant, body.reason, by))
    return StatusAnswer(status=body.status)


@router.get("/waivers")
async def list_waivers(house: InHouse, tenant: SeesTenant) -> WaiverList:
    """Exceptions to eligibility, those that are over too until another one is granted."""
    return await _waivers(house, tenant)


async def _waivers(house: House, tenant: str) -> WaiverList:
    found = (await house.settings(tenant)).waivers
    return WaiverList(waivers=[waiver_shown(waiver) for waiver in found])


@router.post("/waivers", status_code=201)
async def grant_waiver(
    house: InHouse, principal: CallerOf, tenant: GrantsWaivers, body: NewWaiver
) -> WaiverAnswer:
    """Lets a tenant buy although a rule fails; it replaces an exception to the same rule."""
    by = who(principal)
    done(await house.provider.grant_waiver(tenant, body.rule, body.reason, body.until, by))
    granted = (await house.settings(tenant)).waivers
    return waiver_shown(next(waiver for waiver in granted if waiver.rule == body.rule))


@router.delete("/waivers/{rule}", status_code=204)
async def end_waiver(house: InHouse, principal: CallerOf, tenant: GrantsWaivers, rule: Rule) -> Response:
    """Ends an exception before its time."""
    granted = (await house.settings(tenant)).waivers
    if all(waiver.rule != rule for waiver in granted):
        raise refused("unknown_waiver", f"the tenant has no exception to {rule!r}")
    done(await house.provider.end_waiver(tenant, rule, who(principal)))
    return Response(status_code=204)


@router.get("/approvals")
async def list_approvals(
    house: InHouse, tenant: SeesAudit, limit: Limit = 100, cursor: Cursor = ""
) -> ApprovalList:
    """Adjustments that wait for a second person, and those that one decided, in order of their ids."""
    await house.known(tenant)
    found = await house.provider.approvals(tenant, place_of(cursor, Key, ""), limit)
    return ApprovalList(
        approvals=[approval_shown(one) for one in found],
        next=next_of(found[-1].id) if len(found) == limit else None,
    )


@router.post("/approvals/{approval}/approve")
async def approve(
    house: InHouse, principal: CallerOf, tenant: Approves, approval: ApprovalId
) -> ApprovedAnswer:
    """Books an adjustment that somebody else asked for; whoever asked is refused."""
    decided, wallet = done(await house.provider.approve(tenant, approval, person_of(principal)))
    return ApprovedAnswer(
        approval=approval_shown(decided),
        balance=format_money(wallet.balance),
        available=format_money(wallet.available),
    )


@router.post("/approvals/{approval}/decline")
async def decline(
    house: InHouse, principal: CallerOf, tenant: Approves, approval: ApprovalId, body: Declined
) -> ApprovalAnswer:
    """Refuses an adjustment, or withdraws it: whoever asked for it may do that, too."""
    answer = await house.provider.decline(tenant, approval, body.reason, person_of(principal))
    return approval_shown(done(answer))
