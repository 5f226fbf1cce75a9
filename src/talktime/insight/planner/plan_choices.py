"""What the planner can be told for a tenant: plans it chooses among, and their prices by the sample."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from talktime.catalog.planning import load_licence_prices, load_plan_families
from talktime.insight.scenario import as_now

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.catalog.model import Catalogue


class PlanPrice(NamedTuple):
    """A plan, how many users hold it, and its price a month by the sample: micros, None where it has none."""

    code: str
    name: str
    holders: int
    price: int | None


class PlanChoices(NamedTuple):
    """Plans that are held first, most holders first; `sample`: the prices are made up."""

    sample: bool
    prices: tuple[PlanPrice, ...]


def plan_choices(tenant: Tenant, catalogue: Catalogue, now_us: int) -> PlanChoices:
    """What can be chosen for a tenant as it is now. Free plans have no price to be told."""
    held = Counter(one.plan for user in as_now(tenant, now_us).users for one in user.licences)
    listed = load_licence_prices()
    codes = dict.fromkeys(
        code for family in load_plan_families() for option in family.choices(catalogue) for code in option
    )
    found = [
        PlanPrice(code, plan.name, held[code], listed.price(plan, tenant.currency, ""))
        for code in codes
        for plan in (catalogue.plans[code],)
        if not plan.free
    ]
    return PlanChoices(listed.sample, tuple(sorted(found, key=lambda one: -one.holders)))
