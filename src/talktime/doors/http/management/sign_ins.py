"""Who asks and what it may do, and who may sign in: people are invited here and shut out.

A link is answered once, to whoever invites; it is handed on by a way of one's own. How somebody signs in by
it is the admin center's.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import Field

from talktime.accounts.rights import INSTALLATION, Allowed
from talktime.accounts.rights import may as may_do
from talktime.accounts.signing_in import SignedIn, key_of
from talktime.accounts.tenants_of_person import TenantOf
from talktime.catalog.side import load_roles
from talktime.doors.http.management.answers_sign_ins import (
    InvitationAnswer,
    MeAnswer,
    PersonList,
    RightsAnswer,
    my_tenant,
    person_shown,
)
from talktime.doors.http.management.house import (
    CallerOf,
    House,
    InHouse,
    caller_of,
    done,
    may,
    may_installation,
    myself,
    read,
    who,
)
from talktime.doors.http.management.keys import RoleNames
from talktime.doors.http.management.texts import NAME_PATTERN, After, Limit, Name, Strict, Text, instant
from talktime.doors.http.problems import refused
from talktime.ledger.api_keys import Principal

router = APIRouter(tags=["sign-in"])

INVITATION_PATH = "/invitation/"
"""Where the admin center takes a link (doors.admin)."""


def _signed_in(request: Request) -> SignedIn | None:
    """The session of a person who is signed in (`AsPerson`), None for a key."""
    signed_in: SignedIn | None = request.scope.get("signed_in")
    return signed_in


Myself = Annotated[Principal, Depends(myself)]
Session = Annotated[SignedIn | None, Depends(_signed_in)]
SeesOwnRights = Annotated[str, Depends(may("see_self"))]
Invites = Annotated[str, Depends(may("invite_administrators"))]
ManagesPeople = Annotated[Principal, Depends(may_installation("manage_people"))]

Upn = Annotated[
    str, Path(min_length=1, max_length=200, pattern=NAME_PATTERN, examples=["ana@contoso.example"])
]
Search = Annotated[str, Query(max_length=200, pattern=NAME_PATTERN, description="a part of an id or a name")]


class NewPerson(Strict):
    """Whom the provider invites: with `roles` for the installation, or for the customers of `partner`.

    A tenant's own people need neither: what they may do, the tenant's administrators say.
    """

    upn: Annotated[Name, Field(examples=["olga@provider.example"])]
    name: Text = ""
    roles: RoleNames = Field(default_factory=list)
    partner: Text = ""


# --- who asks --------------------------------------------------------------------------------------------


@router.get("/v1/me")
async def get_me(
    house: InHouse, principal: Myself, session: Session, search: Search = "", limit: Limit = 50
) -> MeAnswer:
    """Who asks, what it may do to the installation, and the tenants that it may open."""
    tenants = await read(_tenants, house, principal, session, search, limit)
    operators = principal.tenants is None
    return MeAnswer(
        kind="person" if principal.is_person else "key",
        id=principal.person if principal.is_person else principal.id,
        name=principal.name,
        partner=(session.partner or None) if session else None,
        roles=sorted(principal.roles) if operators else sorted(session.roles if session else ()),
        operations=_operations(principal, INSTALLATION),
        tenants=[my_tenant(tenant) for tenant in tenants],
        ends_at=instant(session.ends_us) if session else None,
    )


def _tenants(
    house: House, principal: Principal, session: SignedIn | None, search: str, limit: int
) -> list[TenantOf]:
    if session is not None:
        return house.signing_in.tenants_of(session, search, limit)
    return house.signing_in.tenants_for_key(principal, search, limit)


def _operations(principal: Principal, tenant: str) -> list[str]:
    caller = caller_of(principal)
    asked = sorted(load_roles().rights)
    return [name for name in asked if isinstance(may_do(caller, name, tenant), Allowed)]


@router.get("/v1/tenants/{tenant}/rights")
async def get_rights(house: InHouse, principal: CallerOf, tenant: SeesOwnRights) -> RightsAnswer:
    """What the caller may do in this tenant, and by which roles."""
    await house.known(tenant)
    return RightsAnswer(roles=sorted(principal.roles), operations=_operations(principal, tenant))


# --- who may sign in -------------------------------------------------------------------------------------


@router.get("/v1/people")
async def list_people(
    house: InHouse, principal: ManagesPeople, after: After = "", limit: Limit = 100
) -> PersonList:
    """Everybody who can sign in, or could, in order of the UPNs."""
    del principal
    found = await read(house.signing_in.people, after, limit)
    return PersonList(
        people=[person_shown(person, house.now_us) for person in found],
        next=found[-1].upn if len(found) == limit else None,
    )


@router.post("/v1/people", status_code=201)
async def invite_person(house: InHouse, principal: ManagesPeople, body: NewPerson) -> InvitationAnswer:
    """Makes a person, or sets the name, roles and partner of one, and answers a link to choose a password by.

    The person is the provider's from then on: where a tenant had invited it, its password ends.
    """

    def invited() -> object:
        invite = house.signing_in.invite
        return invite(body.upn, body.name, roles=body.roles, partner=body.partner, who=who(principal))

    return _invitation(house, body.upn, await read(invited))


@router.post("/v1/people/{upn}/invitation", status_code=201)
async def invite_again(house: InHouse, principal: ManagesPeople, upn: Upn) -> InvitationAnswer:
    """A new link for a person, in place of earlier ones: the old one is lost, or the password forgotten.

    A disabled person may sign in again by it.
    """
    await _known_person(house, upn)

    def invited() -> object:
        return house.signing_in.invite(upn, who=who(principal))

    return _invitation(house, upn, await read(invited))


@router.delete("/v1/people/{upn}", status_code=204)
async def disable_person(house: InHouse, principal: ManagesPeople, upn: Upn) -> Response:
    """Shuts a person out, and signs it out everywhere; an invitation lets it in again."""
    if key_of(upn) == principal.person:
        raise refused("conflict", "this would shut yourself out; somebody else has to do it")
    await _known_person(house, upn)
    await read(house.signing_in.disable, upn, who(principal))
    return Response(status_code=204)


@router.post("/v1/tenants/{tenant}/administrators/{upn}/invitation", status_code=201)
async def invite_administrator(
    house: InHouse, principal: CallerOf, tenant: Invites, upn: Upn
) -> InvitationAnswer:
    """A link for an administrator of this tenant to choose a password by, the first or a new one.

    Who has an account by somebody else's invitation already signs in with that: 409 `exists`, and only the
    provider makes it another link.
    """

    def invited() -> object:
        by_provider = principal.tenants is None
        invite = house.signing_in.invite_administrator
        return invite(tenant, upn, who(principal), by_provider=by_provider)

    return _invitation(house, upn, await read(invited))


async def _known_person(house: House, upn: str) -> None:
    if await read(house.signing_in.person, upn) is None:
        raise refused("unknown_person", f"nobody signs in as {upn!r}")


def _invitation(house: House, upn: str, outcome: object) -> InvitationAnswer:
    token = done(outcome)
    assert isinstance(token, str)
    ends_us = house.now_us + house.signing_in.limits.invitation_us
    return InvitationAnswer(upn=key_of(upn), link=INVITATION_PATH + token, ends_at=instant(ends_us))
