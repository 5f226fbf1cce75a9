"""Calls for people: what was charged, one call explained, calls in progress and how to end one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import Field
from starlette.convertors import Convertor, register_url_convertor

from talktime.core.limits import MAX_CALL_S
from talktime.doors.http.live_routes import MAX_CALL_ID, REPLACED
from talktime.doors.http.management.answers import CallAnswer, CallList, CallsInProgress, SettledAnswer
from talktime.doors.http.management.house import (
    CallerOf,
    House,
    InHouse,
    may,
    read,
    unknown_tenant,
    who,
)
from talktime.doors.http.management.shown import call_shown, charge_line, in_progress, settled_shown
from talktime.doors.http.management.texts import Before, Limit, Strict
from talktime.doors.http.management.usage import usage_rows
from talktime.doors.http.problems import refused
from talktime.ledger.api_keys import Principal
from talktime.ledger.reading import NO_BEFORE, SeveralRows
from talktime.live.answers import Fault, Settled
from talktime.live.commands import Close

router = APIRouter(prefix="/v1/tenants/{tenant}", tags=["calls"])

SeesUsage = Annotated[str, Depends(may("see_usage"))]
EndsCalls = Annotated[str, Depends(may("end_calls"))]


class _CallIdConvertor(Convertor[str]):
    """A call id in an address: any text, slashes and line breaks too, as in the live routes."""

    regex = r"[\s\S]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("call_id", _CallIdConvertor())

CallId = Annotated[
    str, Path(min_length=1, max_length=MAX_CALL_ID, pattern=rf"^[^\x00{REPLACED}]*$", examples=["call-1"])
]
"""What the live routes take as a call id, and nothing else."""


class EndOfCall(Strict):
    """How long the call really took; without it the switch's last report counts."""

    duration_seconds: Annotated[int, Field(ge=0, le=MAX_CALL_S, examples=[61])] | None = None


@router.get("/calls")
async def list_calls(
    house: InHouse, tenant: SeesUsage, limit: Limit = 100, before: Before = NO_BEFORE
) -> CallList:
    """Charges, newest first; a corrected call stands there twice."""
    await _known(house, tenant)
    found = await read(house.reader.charges, tenant, before, limit)
    return CallList(
        calls=[charge_line(charge) for charge in found],
        next=found[-1].number if len(found) == limit and found[-1].number > 1 else None,
    )


@router.get("/calls/{call_id:call_id}")
async def get_call(house: InHouse, principal: CallerOf, tenant: SeesUsage, call_id: CallId) -> CallAnswer:
    """One call: what was decided, who paid, the entries. The other party's number as in usage."""
    rows = await usage_rows(house, principal, tenant)
    try:
        call = await read(house.reader.call, tenant, call_id)
    except SeveralRows as several:
        raise refused("conflict", str(several)) from None
    if call is None:
        raise refused("unknown_call", f"there is no call {call_id!r}")
    return await read(call_shown, call, rows)


@router.get("/calls-in-progress")
async def list_calls_in_progress(
    house: InHouse, principal: CallerOf, tenant: SeesUsage, limit: Limit = 100
) -> CallsInProgress:
    """Calls in progress and what each reserves, those first that are due first."""
    rows = await usage_rows(house, principal, tenant)
    found = await read(house.reader.open_sessions, tenant, limit)
    return CallsInProgress(calls=await read(lambda: [in_progress(row, rows) for row in found]))


@router.post("/calls/{call_id:call_id}/end")
async def end_call(
    house: InHouse, principal: CallerOf, tenant: EndsCalls, call_id: CallId, body: EndOfCall
) -> SettledAnswer:
    """Ends a call and charges it; the switch's own end, should it come, corrects the charge."""
    return await _close(house, principal, tenant, call_id, body.duration_seconds)


@router.post("/calls/{call_id:call_id}/release")
async def release_call(
    house: InHouse, principal: CallerOf, tenant: EndsCalls, call_id: CallId
) -> SettledAnswer:
    """Releases a stuck reservation: the call is charged for its last report, for nothing if there is none."""
    return await _close(house, principal, tenant, call_id, None)


async def _close(
    house: House, principal: Principal, tenant: str, call_id: str, duration_s: int | None
) -> SettledAnswer:
    await _known(house, tenant)
    close = Close(tenant, call_id, house.desk.rules, who(principal), duration_s)
    answer = await house.desk.engine.submit(close)
    if isinstance(answer, Fault):
        raise refused(answer.code.value, answer.detail)
    assert isinstance(answer, Settled)
    return settled_shown(answer)


async def _known(house: House, tenant: str) -> None:
    if await read(house.reader.document, tenant) is None:
        raise unknown_tenant(tenant)
