"""The best plans as a scenario: to be tried with other settings, written to a file and read again."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from talktime.core.limits import NEVER_US
from talktime.insight.planner.mix_holders import tried
from talktime.insight.scenario import Bought, Scenario, UserPlans, as_now
from talktime.insight.tried_tenant import with_plans

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.insight.planner.document import Mix

BEST_PLANS: Final = "Best plans"


def best_plans(mix: Mix, tenant: Tenant, name: str = BEST_PLANS, at_us: int = NEVER_US - 1) -> Scenario:
    """Every user whom the mix changes with all plans held then, and what has to be bought for that.

    `tenant` is the one that the mix was made for; of its licences those in force at `at_us` count, by default
    those without an end.
    """
    now = as_now(tenant, at_us)
    best = tried(now, mix)
    users = tuple(
        UserPlans(user.id or user.upn, tuple(one.plan for one in user.licences))
        for was, user in zip(now.users, best.users, strict=True)
        if user.licences != was.licences
    )
    wanted, followed = _bought(best), _bought(with_plans(now, users))
    licences = tuple(
        Bought(plan, wanted[plan]) for plan in sorted({*wanted, *followed}) if wanted[plan] != followed[plan]
    )
    return Scenario(name=name, users=users, licences=licences)


def _bought(tenant: Tenant) -> Counter[str]:
    """The licences bought of each plan."""
    found: Counter[str] = Counter()
    for one in tenant.subscriptions:
        found[one.plan] += one.purchased
    return found
