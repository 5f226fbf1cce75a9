"""Parts of a tenant that have rights of their own: administrators, alerts, caps, billing accounts.

Each GET has an ETag; a PUT with If-Match is made only while the part still is as it was seen.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import Field

from talktime.accounts.tenant import Tenant
from talktime.accounts.tenant_parts import (
    ACCOUNTS,
    ADMINISTRATORS,
    ALERTS,
    CAPS,
    account_part,
    account_put,
    alerts_part,
    default_account_set,
    list_part,
    part_put,
)
from talktime.doors.http.management.answers_people import (
    AdministratorList,
    BillingAccountList,
    CapTableList,
)
from talktime.doors.http.management.house import CallerOf, InHouse, done, holds, may, refuses, who
from talktime.doors.http.management.tables import (
    MAX_ENTRIES,
    AdministratorTable,
    AlertsTable,
    BillingAccountTable,
    CapTable,
)
from talktime.doors.http.management.tenants import EDITS_NOTICES
from talktime.doors.http.management.texts import NAME_PATTERN, IfMatch, Strict, etag_of, matches
from talktime.doors.http.problems import invalid, refused
from talktime.notices.chat import chat_faults, room

router = APIRouter(prefix="/v1/tenants/{tenant}", tags=["settings"])

SeesTenant = Annotated[str, Depends(may("see_tenant"))]
SeesNotices = Annotated[str, Depends(may("see_notices"))]
EditsTenant = Annotated[str, Depends(may("edit_tenant"))]
EditsNotices = Annotated[str, Depends(may(EDITS_NOTICES))]
EditsCaps = Annotated[str, Depends(may("edit_caps"))]
EditsAccounts = Annotated[str, Depends(may("edit_billing_accounts"))]
ChoosesAccount = Annotated[str, Depends(may("set_default_billing_account"))]

AccountId = Annotated[str, Path(min_length=1, max_length=200, pattern=NAME_PATTERN, examples=["direct"])]


class Administrators(Strict):
    """The people who look after a tenant, all of them."""

    administrators: Annotated[list[AdministratorTable], Field(max_length=1_000)]


class Caps(Strict):
    """The spend caps of a tenant, all of them."""

    caps: Annotated[
        list[CapTable],
        Field(max_length=MAX_ENTRIES),
    ]


# --- administrators ------------------------------------------------------------------------------------


@router.get("/administrators", response_model_exclude_unset=True)
async def get_administrators(house: InHouse, tenant: SeesTenant, response: Response) -> AdministratorList:
    """The people who look after the tenant, with their roles."""
    return _administrators(await house.settings(tenant), response)


@router.put("/administrators", response_model_exclude_unset=True)
async def put_administrators(
    house: InHouse,
    principal: CallerOf,
    tenant: EditsTenant,
    body: Administrators,
    response: Response,
    if_match: IfMatch = None,
) -> AdministratorList:
    """Replaces the people who look after the tenant; what they are told of follows from their roles."""
    people = [person.table() for person in body.administrators]
    seen = house.expecting(lambda now: matches(if_match, list_part(now, ADMINISTRATORS)))
    change = partial(part_put, part=ADMINISTRATORS, value=people, catalogue=house.desk.catalogue)
    done(await seen.edit(tenant, change, "administrators put", who(principal)), {ADMINISTRATORS: people})
    return _administrators(await house.settings(tenant), response)


def _administrators(tenant: Tenant, response: Response) -> AdministratorList:
    found = list_part(tenant, ADMINISTRATORS)
    response.headers["ETag"] = etag_of(found)
    return AdministratorList.model_validate({ADMINISTRATORS: found})


# --- alerts ----------------------------------------------------------------------------------------------


@router.get("/alerts", response_model_exclude_unset=True)
async def get_alerts(
    house: InHouse, principal: CallerOf, tenant: SeesNotices, response: Response
) -> AlertsTable:
    """When the tenant wants to be told, and whom; chat rooms by name for those who may not choose them."""
    return _alerts(await house.settings(tenant), response, with_rooms=holds(principal, EDITS_NOTICES, tenant))


@router.put(
    "/alerts",
    response_model_exclude_unset=True,
)
async def put_alerts(
    house: InHouse,
    principal: CallerOf,
    tenant: EditsNotices,
    body: AlertsTable,
    response: Response,
    if_match: IfMatch = None,
) -> AlertsTable:
    """Replaces levels of the balance, days of runway, recipients by event, and chat rooms."""
    table = body.table()
    faults = chat_faults(table.get("chat", ()))
    if faults:
        raise invalid(faults, {ALERTS: table})
    seen = house.expecting(lambda now: matches(if_match, alerts_part(now)))
    change = partial(part_put, part=ALERTS, value=table, catalogue=house.desk.catalogue)
    done(await seen.edit(tenant, change, "alerts put", who(principal)), table, ALERTS)
    return _alerts(await house.settings(tenant), response, with_rooms=True)


def _alerts(tenant: Tenant, response: Response, *, with_rooms: bool) -> AlertsTable:
    found = alerts_part(tenant)
    response.headers["ETag"] = etag_of(found)
    if not with_rooms and "chat" in found:
        found = {**found, "chat": [room(url) for url in found["chat"]]}
    return AlertsTable.model_validate(found)


# --- caps ------------------------------------------------------------------------------------------------


@router.put("/caps", response_model_exclude_unset=True)
async def put_caps(
    house: InHouse,
    principal: CallerOf,
    tenant: EditsCaps,
    body: Caps,
    response: Response,
    if_match: IfMatch = None,
) -> CapTableList:
    """Replaces the spend caps of users, cost centres and the tenant."""
    caps = [cap.table() for cap in body.caps]
    seen = house.expecting(lambda now: matches(if_match, list_part(now, CAPS)))
    change = partial(part_put, part=CAPS, value=caps, catalogue=house.desk.catalogue)
    done(await seen.edit(tenant, change, "caps put", who(principal)), {CAPS: caps})
    found = list_part(await house.settings(tenant), CAPS)
    response.headers["ETag"] = etag_of(found)
    return CapTableList.model_validate({CAPS: found})


# --- billing accounts ------------------------------------------------------------------------------------


@router.get("/billing-accounts", response_model_exclude_unset=True)
async def list_billing_accounts(house: InHouse, tenant: SeesTenant) -> BillingAccountList:
    """The billing accounts, and which of them is the default."""
    return _accounts(await house.settings(tenant))


def _accounts(tenant: Tenant) -> BillingAccountList:
    found = [BillingAccountTable.model_validate(one) for one in list_part(tenant, ACCOUNTS)]
    return BillingAccountList(billing_accounts=found, default=tenant.default_billing_account or None)


@router.get("/billing-accounts/{account}", response_model_exclude_unset=True)
async def get_billing_account(
    house: InHouse, tenant: SeesTenant, account: AccountId, response: Response
) -> BillingAccountTable:
    """One billing account with its ETag."""
    return _account(await house.settings(tenant), account, response)


def _account(tenant: Tenant, account: str, response: Response) -> BillingAccountTable:
    found = account_part(tenant, account)
    if found is None:
        raise refused("unknown_billing_account", f"the tenant has no billing account {account!r}")
    response.headers["ETag"] = etag_of(found)
    return BillingAccountTable.model_validate(found)


@router.put(
    "/billing-accounts/{account}",
    response_model_exclude_unset=True,
)
async def put_billing_account(
    house: InHouse,
    principal: CallerOf,
    tenant: EditsAccounts,
    account: AccountId,
    body: BillingAccountTable,
    response: Response,
    if_match: IfMatch = None,
) -> BillingAccountTable:
    """Adds a billing account or replaces it; name, address and tax id stand on papers from then on.

    Agreement and country, and so a new account, are for those who may edit agreements (403 `forbidden`).
    """
    table = body.table()
    if body.id != account:
        raise invalid([f"{ACCOUNTS}[1]: id {body.id!r} is another than {account!r}"], table, ACCOUNTS)
    seen = house.expecting(
        lambda now: matches(if_match, account_part(now, account)), refuses(principal, tenant)
    )
    change = partial(account_put, account=account, entry=table, catalogue=house.desk.catalogue)
    done(await seen.edit(tenant, change, f"billing account {account} put", who(principal)), table, ACCOUNTS)
    return _account(await house.settings(tenant), account, response)


@router.put("/default-billing-account/{account}", response_model_exclude_unset=True)
async def choose_billing_account(
    house: InHouse,
    principal: CallerOf,
    tenant: ChoosesAccount,
    account: AccountId,
    if_match: IfMatch = None,
) -> BillingAccountList:
    """Chooses the account that credits are bought on; If-Match is that account's ETag."""
    seen = house.expecting(lambda now: matches(if_match, account_part(now, account)))
    change = partial(default_account_set, account=account, catalogue=house.desk.catalogue)
    done(await seen.edit(tenant, change, "default billing account set", who(principal)))
    return _accounts(await house.settings(tenant))
