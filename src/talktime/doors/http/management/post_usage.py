"""The way to post-usage: how a tenant stands, what would happen if it went today, and the setting itself."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import ConfigDict

from talktime.accounts.paying import mca_account, post_usage_set
from talktime.accounts.tenant import Tenant
from talktime.doors.http.management.answers_money import PostUsageAnswer
from talktime.doors.http.management.house import (
    CallerOf,
    House,
    InHouse,
    done,
    may,
    read,
    unknown_tenant,
    who,
)
from talktime.doors.http.management.shown_money import post_usage_shown
from talktime.doors.http.management.texts import IfMatch, Strict, etag_of, matches
from talktime.insight.post_usage import dry_run, held_lots, way_to_post_usage
from talktime.insight.runway_view import paid_days

router = APIRouter(prefix="/v1/tenants/{tenant}/post-usage", tags=["post-usage"])

SeesBalance = Annotated[str, Depends(may("see_balance"))]
EditsAccounts = Annotated[str, Depends(may("edit_billing_accounts"))]


class PostUsageWanted(Strict):
    """Whether post-usage takes over once the credits are spent."""

    enabled: bool

    model_config = ConfigDict(json_schema_extra={"examples": [{"enabled": True}]})


@router.get("")
async def get_post_usage(house: InHouse, tenant: SeesBalance, response: Response) -> PostUsageAnswer:
    """The mode, what stands against the switch, and the dry run; the ETag is that of the setting."""
    return await _shown(house, tenant, response)


@router.put("")
async def put_post_usage(
    house: InHouse,
    principal: CallerOf,
    tenant: EditsAccounts,
    body: PostUsageWanted,
    response: Response,
    if_match: IfMatch = None,
) -> PostUsageAnswer:
    """Switches post-usage on or off on the MCA account; 409 where no account is on MCA."""
    catalogue = house.desk.catalogue

    def still(now: Tenant) -> bool:
        return matches(if_match, _setting(house, now))

    change = partial(post_usage_set, enabled=body.enabled, catalogue=catalogue)
    what = f"post-usage switched {'on' if body.enabled else 'off'}"
    done(await house.expecting(still).edit(tenant, change, what, who(principal)))
    return await _shown(house, tenant, response)


def _setting(house: House, tenant: Tenant) -> tuple[str, bool]:
    """What the ETag is over."""
    account = mca_account(tenant, house.desk.catalogue)
    return ("", False) if account is None else (account.id, account.post_usage_enabled)


async def _shown(house: House, tenant: str, response: Response) -> PostUsageAnswer:
    settings = await house.settings(tenant)
    wallet = await read(house.reader.wallet, tenant)
    standing = await read(house.reader.standing, tenant)
    if wallet is None or standing is None:
        raise unknown_tenant(tenant)
    days = await read(paid_days, house.reader, settings, house.now_us)
    found = dry_run(held_lots(wallet), days, house.now_us, settings.time_zone)
    way = way_to_post_usage(settings, house.desk.catalogue, wallet.balance, standing, found)
    response.headers["ETag"] = etag_of(_setting(house, settings))
    return post_usage_shown(way, wallet.balance, settings)
