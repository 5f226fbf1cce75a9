"""Licences of a tenant by plan: how many were bought, and how many its people and numbers hold.

What is bought and assigned at an instant counts; one more assigned than bought is told, not refused here.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from talktime.accounts.tenant import ServiceNumber, Tenant, User
    from talktime.catalog.model import Catalogue


class LicencesHeld(NamedTuple):
    """The licences of one plan; `name` is the plan's code where the catalogue does not know it."""

    plan: str
    name: str
    purchased: int
    assigned: int

    @property
    def left(self) -> int:
        """How many more can be assigned; below 0 where more are assigned than were bought."""
        return self.purchased - self.assigned


def licences_held(tenant: Tenant, catalogue: Catalogue, at_us: int) -> tuple[LicencesHeld, ...]:
    """Each plan that is bought or assigned at an instant, by code."""
    bought: Counter[str] = Counter()
    for one in tenant.subscriptions:
        if one.from_us <= at_us < one.until_us:
            bought[one.plan] += one.purchased
    holders: list[User | ServiceNumber] = [*tenant.users, *tenant.service_numbers]
    assigned = Counter(
        licence.plan
        for holder in holders
        for licence in holder.licences
        if licence.from_us <= at_us < licence.until_us
    )
    return tuple(
        LicencesHeld(
            plan,
            catalogue.plans[plan].name if plan in catalogue.plans else plan,
            bought[plan],
            assigned[plan],
        )
        for plan in sorted(bought.keys() | assigned.keys())
    )
