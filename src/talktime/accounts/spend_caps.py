"""Spend caps of a tenant: which limits hold the money of a call, and whose they are.

A cap holds the money of a user, a cost centre (the service number's, else the user's) or the tenant in the
month of the call's start; where several hold the same, the least does (rulings.md 18).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from talktime.accounts.payers import NOBODY, Payers
from talktime.accounts.tenant import Tenant

USER: Final = "user"
COST_CENTRE: Final = "cost_centre"
TENANT: Final = "tenant"


@dataclass(frozen=True, slots=True)
class CapLimits:
    """The caps of a tenant, in micros a billing month; None where nothing limits.

    `user_limits` has one value a payer, `centre_limits` names the cost centres that have one.
    """

    payers: Payers
    user_limits: tuple[int | None, ...]
    centre_limits: Mapping[str, int]
    tenant_limit: int | None

    def user_limit(self, payer: int) -> int | None:
        """The limit of a user, by its payer; NOBODY has none."""
        return None if payer == NOBODY else self.user_limits[payer]

    def centre_of(self, user: int, service: int) -> str:
        """The cost centre of a call, by its two payers: the service number's, else the user's; or ""."""
        own = (self.payers.payers[payer].cost_centre for payer in (service, user) if payer != NOBODY)
        return next((centre for centre in own if centre), "")

    def centre_limit(self, centre: str) -> int | None:
        """The limit of a cost centre; "" (no cost centre) has none."""
        return self.centre_limits.get(centre) if centre else None


def cap_limits(tenant: Tenant, payers: Payers) -> CapLimits:
    """The limits of a tenant, from its caps and its users' own `cap_per_month`."""
    by_scope: dict[str, dict[str, int]] = {USER: {}, COST_CENTRE: {}, TENANT: {}}
    for cap in tenant.caps:
        named = by_scope[cap.scope]
        key = cap.id.lower() if cap.scope == USER else cap.id
        named[key] = min(cap.amount_micros, named.get(key, cap.amount_micros))
    return CapLimits(
        payers=payers,
        user_limits=tuple(
            _least(payer.cap_per_month_micros, by_scope[USER].get(payer.key.lower()))
            for payer in payers.payers
        ),
        centre_limits=by_scope[COST_CENTRE],
        tenant_limit=_least(*by_scope[TENANT].values()),
    )


def _least(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)
