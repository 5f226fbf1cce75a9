"""Who is told of an event: holders of roles, each person once, and where the tenant chose, others.

The table of domain.md 10 is catalogue data; here a tenant's administrators meet it. Nobody who holds such a
role is no error: the notice is kept and shown as told to nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.catalog.side_model import Roles


@dataclass(frozen=True, slots=True)
class Recipient:
    """A person with a mail address; `roles` (aliases resolved) are those for which this one is told."""

    address: str
    name: str
    roles: tuple[str, ...]


def recipients(tenant: Tenant, event: str, roles: Roles) -> tuple[Recipient, ...]:
    """Who gets a mail of an event, in the order of the tenant's administrators.

    Whoever holds several roles, or stands in the list twice under one address in any letter case, gets one
    message. An event that the catalogue does not know goes to nobody by mail.
    """
    wanted = told_roles(tenant, event, roles)
    people: dict[str, Recipient] = {}
    for person in tenant.administrators:
        held = {roles.canonical(role) for role in person.roles if role in roles.roles}
        address = (person.mail or person.upn).strip()
        if not address or held.isdisjoint(wanted):
            continue
        key = address.casefold()
        known = people.get(key)
        named = tuple(sorted(held & wanted | set(known.roles if known else ())))
        people[key] = Recipient(
            known.address if known else address, (known.name if known else "") or person.name, named
        )
    return tuple(people.values())


def recipient_at(address: str, tenant: Tenant, event: str, roles: Roles) -> Recipient | None:
    """Who is told of an event at an address, in any letter case; None where nobody is."""
    for person in recipients(tenant, event, roles):
        if person.address.casefold() == address.casefold():
            return person
    return None


def told_roles(tenant: Tenant, event: str, roles: Roles) -> frozenset[str]:
    """The roles that an event is told to: the tenant's own choice where the event leaves it one."""
    known = roles.events.get(event)
    if known is None:
        return frozenset()
    if known.configurable:
        for chosen, named in tenant.alerts.recipients:
            if chosen == event:
                return frozenset(roles.canonical(role) for role in named if role in roles.roles)
    return roles.recipients(event)
