"""May the tenant buy credits, does it need any, and which licences does a feature need."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from talktime.accounts.eligibility import facts_of
from talktime.accounts.licences_held import licences_held
from talktime.accounts.needs import UnknownFeatureError, needs, needs_credits
from talktime.catalog.side import load_features
from talktime.doors.http.management.answers_people import (
    EligibilityAnswer,
    FeatureAnswer,
    FeatureList,
    LicenceCount,
    LicenceCounts,
    NeededAnswer,
)
from talktime.doors.http.management.answers_rates import PlanList
from talktime.doors.http.management.house import CallerOf, InHouse, done, holds, may, may_own, read
from talktime.doors.http.management.shown_people import feature_shown, needed_shown
from talktime.doors.http.management.shown_rates import plan_shown
from talktime.doors.http.management.texts import NAME_PATTERN
from talktime.doors.http.problems import refused
from talktime.ledger.api_keys import Principal

router = APIRouter(tags=["eligibility"])

SeesTenant = Annotated[str, Depends(may("see_tenant"))]
SeesFeatures = Annotated[Principal, Depends(may_own("see_tenant"))]

FeatureName = Annotated[
    str, Path(min_length=1, max_length=200, pattern=NAME_PATTERN, examples=["dial_in_toll_free"])
]


@router.get("/v1/tenants/{tenant}/eligibility", response_model_exclude_none=True)
async def get_eligibility(house: InHouse, tenant: SeesTenant) -> EligibilityAnswer:
    """Each rule with its outcome, why (naming what breaks it) and what to do; warnings beside them."""
    answer = done(await house.purchasing.eligibility(tenant))
    return EligibilityAnswer.model_validate(facts_of(answer))


@router.get("/v1/tenants/{tenant}/needs")
async def get_needs(house: InHouse, principal: CallerOf, tenant: SeesTenant) -> NeededAnswer:
    """Does the tenant need credits: what takes money, who is behind it, and what goes on without."""
    found = await house.tenant(tenant)
    needed = await read(needs_credits, found, house.desk.catalogue, house.now_us)
    return needed_shown(needed, with_names=holds(principal, "see_users", tenant))


@router.get("/v1/tenants/{tenant}/licences")
async def list_licences(house: InHouse, tenant: SeesTenant) -> LicenceCounts:
    """How many licences of each plan were bought, are assigned now, and are left."""
    found = await read(licences_held, await house.tenant(tenant), house.desk.catalogue, house.now_us)
    return LicenceCounts(licences=[LicenceCount(**one._asdict(), left=one.left) for one in found])


@router.get("/v1/features")
async def list_features(house: InHouse, principal: SeesFeatures) -> FeatureList:
    """The licences that each feature needs, and when it takes money."""
    del principal
    catalogue = house.desk.catalogue
    return FeatureList(features=[feature_shown(needs(one, catalogue)) for one in load_features().features])


@router.get("/v1/plans")
async def list_plans(house: InHouse, principal: SeesFeatures) -> PlanList:
    """The plans of the catalogue: the minutes of a licence, who shares them, and what it needs beside it."""
    del principal
    catalogue = house.desk.catalogue
    return PlanList(plans=[plan_shown(plan, catalogue) for plan in catalogue.plans.values()])


@router.get("/v1/features/{feature}")
async def get_feature(house: InHouse, principal: SeesFeatures, feature: FeatureName) -> FeatureAnswer:
    """The licences that one feature needs, by its id or its name."""
    del principal
    try:
        return feature_shown(needs(feature, house.desk.catalogue))
    except UnknownFeatureError as error:
        raise refused("unknown_feature", str(error)) from None
