"""Tenants and their service numbers, in the shape of the tenant file."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel

from talktime.accounts.tenant import ServiceNumber, Tenant
from talktime.accounts.tenant_parts import service_part
from talktime.accounts.tenant_tables import service_table, settings_tables
from talktime.core.money import format_money
from talktime.doors.http.management.answers import TenantLine, TenantList
from talktime.doors.http.management.house import (
    CallerOf,
    House,
    InHouse,
    done,
    holds,
    may,
    may_installation,
    may_own,
    people_of,
    read,
    refuses,
    who,
)
from talktime.doors.http.management.tables import ServiceNumberTable, SettingsTables, TenantTables
from talktime.doors.http.management.texts import (
    NAME_PATTERN,
    After,
    IfMatch,
    Limit,
    etag_of,
    matches,
)
from talktime.doors.http.management.usage import usage_rows
from talktime.doors.http.problems import invalid, refused
from talktime.ledger.api_keys import Principal
from talktime.ledger.reading import KeptTenant
from talktime.notices.chat import chat_faults, room

router = APIRouter(prefix="/v1/tenants", tags=["tenants"])

ListsOwn = Annotated[Principal, Depends(may_own("see_tenant"))]
MakesTenants = Annotated[Principal, Depends(may_installation("create_tenant"))]
SeesTenant = Annotated[str, Depends(may("see_tenant"))]
EditsTenant = Annotated[str, Depends(may("edit_tenant"))]
EditsNumbers = Annotated[str, Depends(may("edit_service_numbers"))]

NumberName = Annotated[str, Path(min_length=1, max_length=200, pattern=NAME_PATTERN)]

EDITS_NOTICES: Final = "edit_notices"
"""Who may choose chat rooms may read their addresses, which let anybody write there."""

SEES_USERS: Final = "see_users"

_tenant: Final = msgspec.json.Decoder(Tenant)
_service: Final = msgspec.json.Decoder(ServiceNumber)


class ServiceNumberList(BaseModel):
    """A page of service numbers."""

    service_numbers: list[ServiceNumberTable]
    next: str | None


@router.get("")
async def list_tenants(
    house: InHouse, principal: ListsOwn, after: After = "", limit: Limit = 100
) -> TenantList:
    """The tenants that the key may see, in order of their ids."""
    among = None if principal.tenants is None else sorted(principal.tenants)
    found = await read(house.reader.tenants, after, limit, among)
    return TenantList(
        tenants=[_line(kept) for kept in found], next=found[-1].tenant if len(found) == limit else None
    )


def _line(kept: KeptTenant) -> TenantLine:
    tenant = _tenant.decode(kept.document)
    return TenantLine(
        id=kept.tenant,
        name=tenant.name,
        country=tenant.country,
        currency=kept.currency,
        balance=format_money(kept.balance),
        reserved=format_money(kept.reserved),
        available=format_money(kept.balance - kept.reserved),
    )


@router.post("", status_code=201, response_model_exclude_unset=True)
async def make_tenant(
    house: InHouse, principal: MakesTenants, body: TenantTables, response: Response
) -> SettingsTables:
    """Makes a tenant; its purchases become lots bought at their instants."""
    tables = _with_sound_rooms(body.table())
    done(await house.administration.make_tenant(tables, who(principal)), tables)
    return await _shown(house, body.tenant.id, principal, response)


@router.get("/{tenant}", response_model_exclude_unset=True)
async def get_tenant(
    house: InHouse, principal: CallerOf, tenant: SeesTenant, response: Response
) -> SettingsTables:
    """A tenant without its people and numbers."""
    return await _shown(house, tenant, principal, response)


@router.put("/{tenant}", response_model_exclude_unset=True)
async def put_tenant(
    house: InHouse,
    principal: CallerOf,
    tenant: EditsTenant,
    body: SettingsTables,
    response: Response,
    if_match: IfMatch = None,
) -> SettingsTables:
    """Replaces accounts, bought licences, caps, guards and auto-recharge; people and numbers stay.

    What is bought, and agreements, change only for those who may edit them (403 `forbidden`).
    """
    tables = _with_sound_rooms(body.table())
    seen = house.expecting(lambda now: matches(if_match, settings_tables(now)), refuses(principal, tenant))
    done(await seen.put_settings(tenant, tables, who(principal)), tables)
    return await _shown(house, tenant, principal, response)


def _with_sound_rooms(tables: dict[str, Any]) -> dict[str, Any]:
    """The tables, unless they name a chat room that cannot be told anything."""
    faults = chat_faults(tables.get("alerts", {}).get("chat", ()))
    if faults:
        raise invalid(faults, tables)
    return tables


async def _shown(house: House, tenant: str, principal: Principal, response: Response) -> SettingsTables:
    """The settings with their ETag.

    Chat rooms by name for those who may not choose them; in caps, users by name for those who may see names
    or users, else by the word of usage without names.
    """
    own = await house.settings(tenant)
    tables = settings_tables(own)
    response.headers["ETag"] = etag_of(tables)
    if own.alerts.chat and not holds(principal, EDITS_NOTICES, tenant):
        tables["alerts"] = {**tables["alerts"], "chat": [room(url) for url in own.alerts.chat]}
    if any(cap.scope == "user" for cap in own.caps) and not holds(principal, SEES_USERS, tenant):
        rows = await usage_rows(house, principal, tenant)
        tables["caps"] = [
            {**table, "id": rows.shown_user(table["id"])} if cap.scope == "user" else table
            for cap, table in zip(own.caps, tables["caps"], strict=True)
        ]
    return SettingsTables.model_validate(tables)


@router.get("/{tenant}/service-numbers", response_model_exclude_unset=True)
async def list_service_numbers(
    house: InHouse, tenant: SeesTenant, after: After = "", limit: Limit = 100
) -> ServiceNumberList:
    """Service numbers in order."""
    found = await people_of(house, "service_numbers", tenant, after, limit)
    numbers = [
        ServiceNumberTable.model_validate(service_table(_service.decode(document))) for _, document in found
    ]
    return ServiceNumberList(service_numbers=numbers, next=found[-1][0] if len(found) == limit else None)


@router.get("/{tenant}/service-numbers/{number}", response_model_exclude_unset=True)
async def get_service_number(
    house: InHouse, tenant: SeesTenant, number: NumberName, response: Response
) -> ServiceNumberTable:
    """One service number with its ETag."""
    found = service_part(await house.tenant(tenant), number)
    if found is None:
        raise refused("unknown_service_number", f"the tenant has no service number {number!r}")
    response.headers["ETag"] = etag_of(found)
    return ServiceNumberTable.model_validate(found)


@router.put("/{tenant}/service-numbers/{number}", response_model_exclude_unset=True)
async def put_service_number(
    house: InHouse,
    principal: CallerOf,
    tenant: EditsNumbers,
    number: NumberName,
    body: ServiceNumberTable,
    if_match: IfMatch = None,
) -> ServiceNumberTable:
    """Adds a service number or replaces it."""
    table = body.table()
    seen = house.expecting(
        lambda now: matches(if_match, service_part(now, number)), refuses(principal, tenant)
    )
    done(
        await seen.put_service_number(tenant, number, table, who(principal)),
        table,
        "service_numbers",
    )
    return body


@router.delete("/{tenant}/service-numbers/{number}", status_code=204)
async def remove_service_number(
    house: InHouse, principal: CallerOf, tenant: EditsNumbers, number: NumberName, if_match: IfMatch = None
) -> Response:
    """Removes a service number."""
    seen = house.expecting(lambda now: matches(if_match, service_part(now, number)))
    done(await seen.remove_service_number(tenant, number, who(principal)))
    return Response(status_code=204)
