"""The planner: what to buy, which plan for whom, when the money runs out, from usage that somebody brings.

A question is answered in a process of its own; nothing is bought and nobody's plan changes. Who may see no
names gets a word for each user, in this answer alone.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Response

from talktime.catalog.side import load_masking
from talktime.doors.http.management.answers_plan import PlanAnswer, PlanBody, PlanChoicesAnswer, PlanList
from talktime.doors.http.management.house import CallerOf, House, InHouse, done, holds, read, who
from talktime.doors.http.management.pages import Key
from talktime.doors.http.management.reports import MEDIA
from talktime.doors.http.management.shown_plan import (
    choices_shown,
    plan_line,
    plan_seen,
    plan_shown,
    settings_of,
)
from talktime.doors.http.management.texts import Cursor, Limit, next_of, place_of
from talktime.doors.http.management.what_if import PATH_ID, Asking, usage_file, what_ifs_of
from talktime.doors.http.problems import Problem, ProblemError, refused
from talktime.insight.planner.document import Plan
from talktime.insight.planner.plan_choices import plan_choices
from talktime.insight.planner.plan_file import plan_changes, plan_workbook
from talktime.insight.planner.plan_task import price_faults
from talktime.insight.planner.without_names import pseudonyms_of
from talktime.insight.usage_rows import UsageRows
from talktime.insight.what_if_papers import PLAN
from talktime.insight.what_ifs import Answered
from talktime.ledger.api_keys import Principal

router = APIRouter(prefix="/v1/tenants/{tenant}", tags=["planner"])

PlanId = Annotated[str, Path(**PATH_ID)]

XLSX: Final = MEDIA["xlsx"]
CSV: Final = MEDIA["csv"]


def _file_of(media: str) -> dict[int | str, dict[str, Any]]:
    """How the description of the API tells of a file."""
    schema = {"type": "string", "format": "binary"}
    return {200: {"content": {media: {"schema": schema}}, "description": "the file"}}


@router.post("/plans", status_code=202)
async def ask_plan(house: InHouse, principal: CallerOf, tenant: Asking, body: PlanBody) -> PlanAnswer:
    """Asks what to buy, which plan for whom and when the money runs out, by files of usage taken as one."""
    what_ifs = what_ifs_of(house)
    faults = price_faults(body.prices, house.desk.catalogue)
    if len(set(body.files)) < len(body.files):
        faults = [("/files", "a file is named twice; name each once"), *faults]
    if faults:
        told = tuple(sentence for _, sentence in faults)
        raise ProblemError(Problem(422, "invalid", told[0], faults[0][0], told if len(told) > 1 else ()))
    files = [await usage_file(house, tenant, file) for file in body.files]
    by = who(principal)
    asked = done(await what_ifs.ask_plan(tenant, files, settings_of(body), body.prices, body.currency, by))
    return plan_shown(Answered(asked, 0, ""), await _rows(house, principal, tenant, asked.id))


@router.get("/plans")
async def list_plans(house: InHouse, tenant: Asking, limit: Limit = 100, cursor: Cursor = "") -> PlanList:
    """Questions to the planner, newest first; each is kept for 30 days."""
    await house.known(tenant)
    found = await read(what_ifs_of(house).listed, tenant, place_of(cursor, Key, ""), limit, PLAN)
    return PlanList(
        plans=[plan_line(one) for one in found],
        next=next_of(found[-1].id) if len(found) == limit else None,
    )


@router.get("/plans/choices")
async def get_plan_choices(house: InHouse, tenant: Asking) -> PlanChoicesAnswer:
    """What can be chosen: the plans that are compared, and what the sample says a licence costs."""
    live = await house.live_tenant(tenant)
    found = plan_choices(live.tenant, house.desk.catalogue, house.now_us)
    return choices_shown(found, live.tenant.currency)


@router.get("/plans/{plan}")
async def get_plan(house: InHouse, principal: CallerOf, tenant: Asking, plan: PlanId) -> PlanAnswer:
    """One question, how far it has come, and its answer."""
    found = await _one(house, tenant, plan)
    return await read(plan_shown, found, await _rows(house, principal, tenant, plan))


@router.get("/plans/{plan}/workbook", response_class=Response, responses=_file_of(XLSX))
async def get_workbook(house: InHouse, principal: CallerOf, tenant: Asking, plan: PlanId) -> Response:
    """The answer as an Excel workbook, with charts."""
    shown = await _seen(house, principal, tenant, plan)
    return _file(await read(plan_workbook, shown), XLSX, f"plan{_months(shown)}.xlsx")


@router.get("/plans/{plan}/changes", response_class=Response, responses=_file_of(CSV))
async def get_changes(house: InHouse, principal: CallerOf, tenant: Asking, plan: PlanId) -> Response:
    """Who should change plans, and why, as CSV."""
    shown = await _seen(house, principal, tenant, plan)
    return _file(await read(plan_changes, shown), CSV, f"plan-changes{_months(shown)}.csv")


@router.delete("/plans/{plan}", status_code=204)
async def drop_plan(house: InHouse, tenant: Asking, plan: PlanId) -> Response:
    """Forgets a question and its answer; one that is being worked out is given up."""
    await _one(house, tenant, plan)
    await what_ifs_of(house).drop(tenant, plan)
    return Response(status_code=204)


async def _one(house: House, tenant: str, key: str) -> Answered:
    found = await read(what_ifs_of(house).one, tenant, key, PLAN)
    if found is None:
        raise refused("unknown_plan", f"there is no plan {key!r}; it may be over, ask again")
    return found


async def _seen(house: House, principal: Principal, tenant: str, key: str) -> Plan:
    """A plan as whoever asks may see it; a problem where there is none yet."""
    found = await _one(house, tenant, key)
    shown = await read(plan_seen, found, await _rows(house, principal, tenant, key))
    if shown is None:
        told = f"this plan is {found.asked.state}; {found.asked.error or 'come again when it is done'}"
        raise refused("conflict", told)
    return shown


def _file(content: bytes, media: str, name: str) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return Response(content, media_type=media, headers=headers)


def _months(plan: Plan) -> str:
    """The first and the last month of a plan for the name of a file: -2026-02-2026-03."""
    return "".join(f"-{month}" for month in dict.fromkeys((*plan.months[:1], *plan.months[-1:])))


async def _rows(house: House, principal: Principal, tenant: str, plan: str) -> UsageRows:
    """How whoever asks sees users and numbers in one answer."""
    sees_names = holds(principal, "see_usage", tenant)
    pseudonyms = None if sees_names else pseudonyms_of(house.means.secret, plan)
    known = await house.tenant(tenant)
    return await read(UsageRows, known, house.desk.catalogue, load_masking(), pseudonyms)
