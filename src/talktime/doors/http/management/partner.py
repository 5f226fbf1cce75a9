"""The partner of a tenant: who may fund it on its behalf and turn its auto-recharge off (domain.md 9)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from talktime.doors.http.management.house import CallerOf, InHouse, done, may, who
from talktime.doors.http.management.texts import NAME_PATTERN, Strict

router = APIRouter(prefix="/v1/tenants/{tenant}/partner", tags=["administration"])

SeesTenant = Annotated[str, Depends(may("see_tenant"))]
SetsPartner = Annotated[str, Depends(may("set_partner"))]

PartnerId = Annotated[str, Field(max_length=200, pattern=NAME_PATTERN, examples=["fabrikam-cloud"])]


class NewPartner(Strict):
    """The partner that a tenant is to have; "" for none."""

    partner: PartnerId


class PartnerAnswer(BaseModel):
    """The partner of a tenant; null where it has none."""

    partner: PartnerId | None


@router.get("")
async def get_partner(house: InHouse, tenant: SeesTenant) -> PartnerAnswer:
    """The partner through whom the tenant buys, if there is one."""
    return PartnerAnswer(partner=(await house.settings(tenant)).partner or None)


@router.put("")
async def put_partner(
    house: InHouse, principal: CallerOf, tenant: SetsPartner, body: NewPartner
) -> PartnerAnswer:
    """Says which partner the tenant has, or that it has none."""
    done(await house.provider.set_partner(tenant, body.partner, who(principal)))
    return PartnerAnswer(partner=body.partner or None)
