"""Who asks, and who signs in, as they are answered."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from talktime.accounts.tenants_of_person import TenantOf
from talktime.doors.http.management.texts import instant
from talktime.ledger.sign_ins import StoredPerson


class MyTenant(BaseModel):
    """A tenant that the caller may open, with its roles there; status: active, suspended or closed."""

    id: str
    name: str
    status: str
    roles: list[str]


class MeAnswer(BaseModel):
    """Who asks. `id` is a person's UPN or a key's id, `partner` whose customers it serves.

    `roles` and `operations` are those for the installation; `tenants` the first ones by id that were searched
    for; `ends_at` when the session of a person ends at the latest, null for a key.
    """

    kind: Literal["person", "key"]
    id: str
    name: str
    partner: str | None
    roles: list[str]
    operations: list[str]
    tenants: list[MyTenant]
    ends_at: str | None


class RightsAnswer(BaseModel):
    """The caller's roles in a tenant, and all that it may do there (the operations of roles.toml)."""

    roles: list[str]
    operations: list[str]


State = Literal["invited", "active", "locked", "disabled"]


class PersonAnswer(BaseModel):
    """A person who signs in. `tenant`: the tenant that invited it, null for the provider's people.

    `state`: invited (no password yet), active, locked (by wrong passwords, until `locked_until`), disabled.
    """

    upn: str
    name: str
    roles: list[str]
    partner: str | None
    tenant: str | None
    state: State
    created_at: str | None
    signed_in_at: str | None
    locked_until: str | None
    disabled_at: str | None


class PersonList(BaseModel):
    """People in order of their UPNs; `next` goes to `after`, null on the last page."""

    people: list[PersonAnswer]
    next: str | None


class InvitationAnswer(BaseModel):
    """A link to choose a password by, once: the path of it at the admin center. Nobody can read it again."""

    upn: str
    link: Annotated[str, Field(examples=["/invitation/Ckq0..."])]
    ends_at: str | None


def my_tenant(tenant: TenantOf) -> MyTenant:
    """A tenant as its administrator sees it in a list."""
    return MyTenant(id=tenant.id, name=tenant.name, status=tenant.status, roles=list(tenant.roles))


def person_shown(person: StoredPerson, now_us: int) -> PersonAnswer:
    """A person without what only signing in needs."""
    locked_us = person.locked_until_us if person.locked_until_us > now_us else 0
    return PersonAnswer(
        upn=person.upn,
        name=person.name,
        roles=sorted(person.roles),
        partner=person.partner or None,
        tenant=person.home or None,
        state=_state(person, locked_us),
        created_at=instant(person.created_us),
        signed_in_at=instant(person.signed_in_us),
        locked_until=instant(locked_us),
        disabled_at=instant(person.disabled_us),
    )


def _state(person: StoredPerson, locked_us: int) -> State:
    if person.disabled_us:
        return "disabled"
    if not person.since_us:
        return "invited"
    return "locked" if locked_us else "active"
