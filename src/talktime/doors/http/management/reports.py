"""Reports to take away, and names to forget: exports as files, calls whose names are past their time.

A file is made by a process of its own; it is asked for, looked after, and fetched for seven days.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Path
from fastapi.responses import FileResponse
from pydantic import BaseModel

from talktime.catalog.side import load_masking, load_retention
from talktime.doors.http.management.house import (
    CallerOf,
    House,
    InHouse,
    allow,
    done,
    holds,
    may,
    read,
    who,
)
from talktime.doors.http.management.pages import Key
from talktime.doors.http.management.texts import (
    Cursor,
    Instant,
    Limit,
    Strict,
    Text,
    instant,
    next_of,
    place_of,
)
from talktime.doors.http.management.usage import span_of, usage_rows
from talktime.doors.http.problems import Problem, ProblemError, refused
from talktime.insight.exports import DONE, EXPIRED, Export, Exports, new_export
from talktime.insight.persons import keeping_of, numbers_country
from talktime.insight.usage_export import NO_FILTERS, CallFilters
from talktime.insight.usage_rows import Pseudonyms, UsageRows
from talktime.ledger.commands import WriteNote
from talktime.ledger.retention import forget_calls

router = APIRouter(prefix="/v1/tenants/{tenant}", tags=["reports"])

Exporting = Annotated[str, Depends(may("export_usage"))]
EditsRetention = Annotated[str, Depends(may("edit_retention"))]
ExportId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", examples=["0006526a1b2c3d4e0123456789abcdef"])]

RIGHTS: Final = {
    "usage": "see_usage_without_names",
    "spend": "see_usage_without_names",
    "entries": "see_entries",
    "movements": "see_balance",
    "pools": "see_pool_reports",
}
"""Kind of export -> what whoever orders or fetches it has to be allowed besides: to see what it holds."""

MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class NewExport(Strict):
    """What to export. `with_names` asks for names, which only those may have who may see them.

    `user` (a name of the rows), `call_type`, `category`, `country` (of the called number): "" for all calls.
    """

    kind: Literal["usage", "spend", "entries", "movements", "pools"]
    format: Literal["xlsx", "csv", "parquet"]
    from_: Instant | None = None
    until: Instant | None = None
    with_names: bool = False
    user: Text = ""
    call_type: Text = ""
    category: Text = ""
    country: Text = ""

    model_config = Strict.model_config | {"alias_generator": lambda name: name.rstrip("_")}


class ExportAnswer(BaseModel):
    """An export: waiting, running, done, failed or expired; `file` is where it is fetched once it is done.

    `user`, `call_type`, `category`, `country` are the filters of an export of usage, "" for all calls.
    """

    id: str
    kind: str
    format: str
    from_: str | None
    until: str | None
    with_names: bool
    user: str
    call_type: str
    category: str
    country: str
    asked_by: str
    asked_at: str | None
    state: str
    done_at: str | None
    expires_at: str | None
    rows: int | None
    bytes: int | None
    error: str
    file: str | None

    model_config = {"alias_generator": lambda name: name.rstrip("_"), "populate_by_name": True}


class ExportList(BaseModel):
    """A page of exports, newest first; `next` is the `cursor` of the next page, null on the last."""

    exports: list[ExportAnswer]
    next: str | None


class ForgottenAnswer(BaseModel):
    """How many charges lost their names since their time had come."""

    charges: int


@router.post("/exports", status_code=202)
async def ask_for_export(
    house: InHouse, principal: CallerOf, tenant: Exporting, body: NewExport
) -> ExportAnswer:
    """Orders an export; calls, entries, movements or months of a span, else of the last 28 days."""
    exports = _exports(house)
    await house.known(tenant)
    allow(principal, RIGHTS[body.kind], tenant)
    if body.with_names and not holds(principal, "see_usage", tenant):
        raise ProblemError(
            Problem(403, "forbidden", "this key may see no names: ask for an export without them")
        )
    filters = await _filters(house, tenant, body)
    from_us, until_us = span_of(body.from_, body.until, house.now_us)
    wanted = new_export(
        body.kind,
        body.format,
        from_us,
        until_us,
        with_names=body.with_names,
        who=who(principal),
        now_us=house.now_us,
        filters=filters,
    )
    ordered = done(await exports.ask(tenant, wanted))
    return _shown(tenant, ordered, await usage_rows(house, principal, tenant))


async def _filters(house: House, tenant: str, body: NewExport) -> CallFilters:
    """Which calls the export is to hold; a problem for filters of what are no calls.

    And for a name where it holds none: whoever gets the file would learn which word stands for whom.
    """
    filters = CallFilters(body.user, body.call_type, body.category, body.country.upper())
    if filters != NO_FILTERS and body.kind != "usage":
        raise refused("invalid", f"an export of {body.kind} is of all calls: filters are for usage")
    if body.user and not body.with_names:
        known = UsageRows(
            await house.tenant(tenant), house.desk.catalogue, load_masking(), Pseudonyms(house.means.secret)
        )
        if not known.may_ask_for(body.user):
            detail = (
                "an export without names is asked for by the word that stands for the user, or by a number"
            )
            raise ProblemError(Problem(403, "forbidden", detail))
    return filters


@router.get("/exports")
async def list_exports(
    house: InHouse, principal: CallerOf, tenant: Exporting, limit: Limit = 100, cursor: Cursor = ""
) -> ExportList:
    """Exports, newest first."""
    rows = await usage_rows(house, principal, tenant)
    found = await read(_exports(house).listed, tenant, place_of(cursor, Key, ""), limit)
    return ExportList(
        exports=[_shown(tenant, export, rows) for export in found],
        next=next_of(found[-1].id) if len(found) == limit else None,
    )


@router.get("/exports/{export}")
async def get_export(
    house: InHouse, principal: CallerOf, tenant: Exporting, export: ExportId
) -> ExportAnswer:
    """One export and what became of it."""
    known = await _export(house, tenant, export)
    return _shown(tenant, known, await usage_rows(house, principal, tenant))


@router.get("/exports/{export}/file", response_class=FileResponse)
async def get_file(house: InHouse, principal: CallerOf, tenant: Exporting, export: ExportId) -> FileResponse:
    """The file of an export that is done."""
    known = await _export(house, tenant, export)
    allow(principal, RIGHTS[known.kind], tenant)
    if known.with_names and not holds(principal, "see_usage", tenant):
        raise ProblemError(Problem(403, "forbidden", "this key may see no names, and this export has some"))
    if known.state == EXPIRED:
        raise ProblemError(Problem(410, "expired", "this export has expired; ask for a new one"))
    if known.state != DONE:
        raise refused(
            "conflict", f"this export is {known.state}; {known.error or 'come again when it is done'}"
        )
    path = await read(_exports(house).file, known)
    if path is None:
        detail = "its file is not on this machine; ask the one that made it"
        raise ProblemError(Problem(404, "unknown_export", detail))
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    return FileResponse(path, media_type=MEDIA[known.format], filename=known.file_name, headers=headers)


@router.post("/retention")
async def forget(house: InHouse, principal: CallerOf, tenant: EditsRetention) -> ForgottenAnswer:
    """Takes the names out of calls that are older than the days of their users' countries, now."""
    keeping = keeping_of(await house.tenant(tenant), load_retention(), house.now_us)
    what = "names taken out of calls that are past their days"
    await house.desk.engine.submit(WriteNote(tenant, what, who(principal)))
    charges = await read(forget_calls, house.url, keeping, numbers_country(house.desk.catalogue))
    return ForgottenAnswer(charges=charges)


def _exports(house: House) -> Exports:
    if house.means.exports is None:
        raise ProblemError(Problem(503, "no_exports", "this process makes no exports; ask the admin process"))
    return house.means.exports


async def _export(house: House, tenant: str, key: str) -> Export:
    found = await read(_exports(house).one, tenant, key)
    if found is None:
        raise ProblemError(Problem(404, "unknown_export", f"there is no export {key!r}"))
    return found


def _shown(tenant: str, export: Export, rows: UsageRows) -> ExportAnswer:
    """An export as whoever asks may see it: `rows` says how it sees users."""
    is_done, filters = export.state == DONE, export.filters
    is_name = export.with_names and rows.service(filters.user) is None
    return ExportAnswer(
        id=export.id,
        kind=export.kind,
        format=export.format,
        from_=instant(export.from_us),
        until=instant(export.until_us),
        with_names=export.with_names,
        user=rows.shown_user(filters.user) if is_name else filters.user,
        call_type=filters.call_type,
        category=filters.category,
        country=filters.country,
        asked_by=export.who,
        asked_at=instant(export.asked_us),
        state=export.state,
        done_at=instant(export.done_us),
        expires_at=instant(export.expires_us),
        rows=export.rows if is_done else None,
        bytes=export.bytes if is_done else None,
        error=export.error,
        file=f"/v1/tenants/{tenant}/exports/{export.id}/file" if is_done else None,
    )
