"""Tenants, their users and their service numbers, in the shape of the tenant file."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Path, Response
from pydantic import BaseModel

from talktime.accounts.tenant import ServiceNumber, Tenant, User
from talktime.accounts.tenant_tables import service_table, settings_tables, user_table
from talktime.core.money import format_money
from talktime.doors.http.management.answers import TenantLine, TenantList
from talktime.doors.http.management.house import (
    CallerOf,
    House,
    InHouse,
    TenantOf,
    done,
    read,
    unknown_tenant,
    who,
)
from talktime.doors.http.management.tables import (
    ServiceNumberTable,
    SettingsTables,
    TenantTables,
    UserTable,
)
from talktime.doors.http.management.texts import NAME_PATTERN, After, Limit
from talktime.ledger.reading import KeptTenant

router = APIRouter(prefix="/v1/tenants", tags=["tenants"])

PersonName = Annotated[str, Path(min_length=1, max_length=200, pattern=NAME_PATTERN)]

_tenant: Final = msgspec.json.Decoder(Tenant)
_user: Final = msgspec.json.Decoder(User)
_service: Final = msgspec.json.Decoder(ServiceNumber)


class UserList(BaseModel):
    """A page of users in order of their keys; `next` is the `after` of the next page."""

    users: list[UserTable]
    next: str | None


class ServiceNumberList(BaseModel):
    """A page of service numbers."""

    service_numbers: list[ServiceNumberTable]
    next: str | None


@router.get("")
async def list_tenants(
    house: InHouse, principal: CallerOf, after: After = "", limit: Limit = 100
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
async def make_tenant(house: InHouse, principal: CallerOf, body: TenantTables) -> SettingsTables:
    """Makes a tenant; its purchases become lots bought at their instants."""
    if not principal.may_see(body.tenant.id):
        raise unknown_tenant(body.tenant.id)
    tables = body.table()
    done(await house.administration.make_tenant(tables, who(principal)), tables)
    return await _settings(house, body.tenant.id)


@router.get("/{tenant}", response_model_exclude_unset=True)
async def get_tenant(house: InHouse, tenant: TenantOf) -> SettingsTables:
    """A tenant without its people and numbers."""
    return await _settings(house, tenant)


@router.put("/{tenant}", response_model_exclude_unset=True)
async def put_tenant(
    house: InHouse, principal: CallerOf, tenant: TenantOf, body: SettingsTables
) -> SettingsTables:
    """Replaces accounts, bought licences, caps, guards and auto-recharge; people and numbers stay."""
    tables = body.table()
    done(await house.administration.put_settings(tenant, tables, who(principal)), tables)
    return await _settings(house, tenant)


async def _settings(house: House, tenant: str) -> SettingsTables:
    document = await read(house.reader.document, tenant)
    if document is None:
        raise unknown_tenant(tenant)
    return SettingsTables.model_validate(settings_tables(_tenant.decode(document)))


@router.get("/{tenant}/users", response_model_exclude_unset=True)
async def list_users(house: InHouse, tenant: TenantOf, after: After = "", limit: Limit = 100) -> UserList:
    """Users in order of their keys (the id, else the UPN)."""
    found = await _people(house, "users", tenant, after, limit)
    users = [UserTable.model_validate(user_table(_user.decode(document))) for _, document in found]
    return UserList(users=users, next=found[-1][0] if len(found) == limit else None)


@router.put("/{tenant}/users/{user}", response_model_exclude_unset=True)
async def put_user(
    house: InHouse, principal: CallerOf, tenant: TenantOf, user: PersonName, body: UserTable
) -> UserTable:
    """Adds a user or replaces it; the path holds its id or UPN."""
    table = body.table()
    done(await house.administration.put_user(tenant, user, table, who(principal)), table, "users")
    return body


@router.delete("/{tenant}/users/{user}", status_code=204)
async def remove_user(house: InHouse, principal: CallerOf, tenant: TenantOf, user: PersonName) -> Response:
    """Removes a user; its charges stay."""
    done(await house.administration.remove_user(tenant, user, who(principal)))
    return Response(status_code=204)


@router.get("/{tenant}/service-numbers", response_model_exclude_unset=True)
async def list_service_numbers(
    house: InHouse, tenant: TenantOf, after: After = "", limit: Limit = 100
) -> ServiceNumberList:
    """Service numbers in order."""
    found = await _people(house, "service_numbers", tenant, after, limit)
    numbers = [
        ServiceNumberTable.model_validate(service_table(_service.decode(document))) for _, document in found
    ]
    return ServiceNumberList(service_numbers=numbers, next=found[-1][0] if len(found) == limit else None)


@router.put("/{tenant}/service-numbers/{number}", response_model_exclude_unset=True)
async def put_service_number(
    house: InHouse, principal: CallerOf, tenant: TenantOf, number: PersonName, body: ServiceNumberTable
) -> ServiceNumberTable:
    """Adds a service number or replaces it."""
    table = body.table()
    put = house.administration.put_service_number(tenant, number, table, who(principal))
    done(await put, table, "service_numbers")
    return body


@router.delete("/{tenant}/service-numbers/{number}", status_code=204)
async def remove_service_number(
    house: InHouse, principal: CallerOf, tenant: TenantOf, number: PersonName
) -> Response:
    """Removes a service number."""
    done(await house.administration.remove_service_number(tenant, number, who(principal)))
    return Response(status_code=204)


async def _people(house: House, name: str, tenant: str, after: str, limit: int) -> list[tuple[str, str]]:
    """A page of documents; a problem where there is no such tenant."""
    found = await read(house.reader.people, name, tenant, after, limit)
    if not found and await read(house.reader.document, tenant) is None:
        raise unknown_tenant(tenant)
    return found
