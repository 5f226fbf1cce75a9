"""What if: usage that somebody brings, charged by other plans, decks and rules than today's, side by side.

A file goes to the disk as it comes; a question is answered in a process of its own. No money moves.
"""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import unquote

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.requests import ClientDisconnect

from talktime.accounts.rights import INSTALLATION
from talktime.doors.http.management.answers_what_if import (
    OwnUsage,
    UsageFileAnswer,
    UsageFileList,
    WhatIfAnswer,
    WhatIfBody,
    WhatIfChoices,
    WhatIfList,
)
from talktime.doors.http.management.house import CallerOf, House, InHouse, done, holds, may, read, who
from talktime.doors.http.management.pages import Key
from talktime.doors.http.management.papers import file_answer, file_of
from talktime.doors.http.management.reports import MEDIA
from talktime.doors.http.management.shown_what_if import (
    answered_shown,
    choices_shown,
    compared_of,
    line_shown,
    scenario_of,
    usage_file_shown,
)
from talktime.doors.http.management.texts import MAX_LIMIT, Cursor, Limit, next_of, place_of
from talktime.doors.http.management.usage import span_of
from talktime.doors.http.problems import Problem, ProblemError, refused
from talktime.insight.planner.scenarios_xlsx import scenarios_workbook
from talktime.insight.scenario import Scenario, choices_of, faults_of, named_people
from talktime.insight.what_if_papers import UsageFile
from talktime.insight.what_ifs import Answered, WhatIfs
from talktime.ledger.api_keys import Principal

router = APIRouter(prefix="/v1/tenants/{tenant}", tags=["what if"])

Asking = Annotated[str, Depends(may("ask_what_if"))]
PATH_ID: Final[dict[str, Any]] = {
    "pattern": r"^[0-9a-f]{32}$",
    "examples": ["0006526a1b2c3d4e0123456789abcdef"],
}
UsageFileId = Annotated[str, Path(**PATH_ID)]
WhatIfId = Annotated[str, Path(**PATH_ID)]

_SHOWN: Final = """Call ID,UPN,Caller ID,Call Type,Destination Number,Start Time,Duration Seconds
c-1,ana@contoso.example,+14255550100,user_out,+442079460000,2026-02-03T10:00:00Z,300
"""
_FILE: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/octet-stream": {
                "schema": {"type": "string", "format": "binary", "examples": [_SHOWN]}
            }
        },
    }
}
_NO_ROOM: Final[dict[int | str, dict[str, Any]]] = {507: {"description": "no room on the disk for the file"}}


@router.post("/usage-files", status_code=201, openapi_extra=_FILE, responses=_NO_ROOM)
async def bring_usage(
    house: InHouse,
    principal: CallerOf,
    tenant: Asking,
    request: Request,
    name: Annotated[str, Query(max_length=1_000, description="what people call the file")] = "",
) -> UsageFileAnswer:
    """Takes a file of usage in any format that is known, and says what it holds; it is kept for a day.

    The format is told by the content. 422 `unusable_usage` says in one sentence why a file is none.
    """
    what_ifs = what_ifs_of(house)
    await house.known(tenant)
    # A browser's page says the name in a header, so that no script has to write an address.
    given = name or unquote(request.headers.get("x-file-name", ""))
    try:
        kept = await what_ifs.files.take(tenant, given, request.stream(), who(principal))
    except ClientDisconnect:
        raise ProblemError(Problem(400, "malformed", "the file came only in part; send it again")) from None
    return usage_file_shown(done(kept))


@router.post("/usage-files/from-ledger", status_code=201, responses=_NO_ROOM)
async def bring_own_usage(
    house: InHouse, principal: CallerOf, tenant: Asking, body: OwnUsage
) -> UsageFileAnswer:
    """Takes the tenant's own charged calls of some days as a file, the last 28 where none are named."""
    what_ifs = what_ifs_of(house)
    zone = (await house.tenant(tenant)).time_zone
    from_us, until_us = span_of(body.from_, body.until, house.now_us)
    kept = await what_ifs.files.take_own(tenant, from_us, until_us, who(principal), zone)
    return usage_file_shown(done(kept))


@router.get("/usage-files")
async def list_usage_files(house: InHouse, tenant: Asking) -> UsageFileList:
    """The files that are kept, newest first."""
    await house.known(tenant)
    found = await read(what_ifs_of(house).files.listed, tenant)
    return UsageFileList(usage_files=[usage_file_shown(one) for one in found])


@router.get("/usage-files/{file}")
async def get_usage_file(house: InHouse, tenant: Asking, file: UsageFileId) -> UsageFileAnswer:
    """One file and what was seen in it; what is in it is not given out again."""
    return usage_file_shown(await usage_file(house, tenant, file))


@router.delete("/usage-files/{file}", status_code=204)
async def drop_usage_file(house: InHouse, tenant: Asking, file: UsageFileId) -> Response:
    """Removes a file before its time; answers that were made of it stay."""
    await usage_file(house, tenant, file)
    await what_ifs_of(house).files.drop(tenant, file)
    return Response(status_code=204)


@router.post("/what-if", status_code=202)
async def ask_what_if(house: InHouse, principal: CallerOf, tenant: Asking, body: WhatIfBody) -> WhatIfAnswer:
    """Asks what a file's calls would have cost in one to three scenarios, beside today's settings."""
    what_ifs = what_ifs_of(house)
    live = await house.live_tenant(tenant)
    file = await usage_file(house, tenant, body.file)
    scenarios = tuple(scenario_of(one) for one in body.scenarios)
    faults = faults_of(scenarios, house.desk.catalogue, live.tenant) + named_people(scenarios)
    faults += await read(_deck_faults, house, principal, tenant, live.tenant.currency, scenarios)
    if faults:
        told = tuple(sentence for _, sentence in faults)
        pointer = f"/scenarios{faults[0][0]}"
        raise ProblemError(Problem(422, "invalid", told[0], pointer, told if len(told) > 1 else ()))
    asked = done(await what_ifs.ask(tenant, file, scenarios, body.currency, who(principal)))
    return answered_shown(Answered(asked, 0, ""))


@router.get("/what-if")
async def list_what_ifs(
    house: InHouse, tenant: Asking, limit: Limit = 100, cursor: Cursor = ""
) -> WhatIfList:
    """Questions, newest first; each is kept for 30 days."""
    await house.known(tenant)
    found = await read(what_ifs_of(house).listed, tenant, place_of(cursor, Key, ""), limit)
    return WhatIfList(
        what_ifs=[line_shown(one) for one in found],
        next=next_of(found[-1].id) if len(found) == limit else None,
    )


@router.get("/what-if/choices")
async def get_choices(house: InHouse, principal: CallerOf, tenant: Asking) -> WhatIfChoices:
    """What scenarios can be made of, and how the tenant is set up today."""
    live = await house.live_tenant(tenant)
    now_us = house.now_us
    found = choices_of(live.tenant, house.desk.catalogue, now_us)
    wallet = await read(house.reader.wallet, tenant)
    decks = await read(house.decks.listed, "", MAX_LIMIT, _bound_to(principal, tenant))
    in_force, _ = await read(house.desk.rules.rates.book_for, live, now_us)
    currency = live.tenant.currency
    own = [kept for kept in decks if kept.currency == currency]
    return choices_shown(found, own, in_force, currency, 0 if wallet is None else max(wallet.balance, 0))


@router.get("/what-if/{what_if}")
async def get_what_if(house: InHouse, tenant: Asking, what_if: WhatIfId) -> WhatIfAnswer:
    """One question, how far it has come, and its answer."""
    return answered_shown(await _one(house, tenant, what_if))


@router.get("/what-if/{what_if}/workbook", response_class=Response, responses=file_of(MEDIA["xlsx"]))
async def get_what_if_workbook(house: InHouse, tenant: Asking, what_if: WhatIfId) -> Response:
    """The answer as an Excel workbook: scenarios side by side, with charts; 409 where there is none yet."""
    found = await _one(house, tenant, what_if)
    compared = compared_of(found)
    if compared is None:
        told = f"this question is {found.asked.state}; {found.asked.error or 'come again when it is done'}"
        raise refused("conflict", told)
    content = await read(scenarios_workbook, compared)
    return file_answer(content, MEDIA["xlsx"], "what-if.xlsx")


@router.delete("/what-if/{what_if}", status_code=204)
async def drop_what_if(house: InHouse, tenant: Asking, what_if: WhatIfId) -> Response:
    """Forgets a question and its answer; one that is being worked out is given up."""
    await _one(house, tenant, what_if)
    await what_ifs_of(house).drop(tenant, what_if)
    return Response(status_code=204)


def what_ifs_of(house: House) -> WhatIfs:
    """What takes files and questions; a problem where this process takes none."""
    if house.means.what_ifs is None:
        detail = "this process takes no files of usage; ask the admin process"
        raise ProblemError(Problem(503, "no_exports", detail))
    return house.means.what_ifs


async def usage_file(house: House, tenant: str, key: str) -> UsageFile:
    """A file that was brought; a problem where it is gone."""
    found = await read(what_ifs_of(house).files.one, tenant, key)
    if found is None:
        raise refused(
            "unknown_usage_file", f"there is no file of usage {key!r}; it may be over, bring it again"
        )
    return found


async def _one(house: House, tenant: str, key: str) -> Answered:
    found = await read(what_ifs_of(house).one, tenant, key)
    if found is None:
        raise refused("unknown_what_if", f"there is no question {key!r}")
    return found


def _deck_faults(
    house: House, principal: Principal, tenant: str, currency: str, scenarios: tuple[Scenario, ...]
) -> list[tuple[str, str]]:
    """Decks that are not stored, not for the eyes of this key, or of another currency; blocks."""
    faults = []
    for at, scenario in enumerate(scenarios):
        if not scenario.deck:
            continue
        kept = house.decks.kept(scenario.deck, _bound_to(principal, tenant))
        if kept is None:
            faults.append((f"/{at}/deck", f"no deck {scenario.deck!r} is stored"))
        elif kept.currency != currency:
            sentence = (
                f"deck {kept.name!r} is in {kept.currency} and the tenant has {currency}; choose another"
            )
            faults.append((f"/{at}/deck", sentence))
    return faults


def _bound_to(principal: Principal, tenant: str) -> list[str] | None:
    """Whose decks may be tried: of who manages decks any, of others those bound for the tenant or for all."""
    return None if holds(principal, "manage_decks", INSTALLATION) else [tenant]
