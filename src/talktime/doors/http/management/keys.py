"""Keys of the doors: those of the installation, and those of one tenant, which its administrators make.

Nobody makes a key that may more than its own (`accounts.rights.not_grantable`).
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Path, Response
from pydantic import Field

from talktime.accounts.rights import not_grantable, unknown_roles
from talktime.doors.http.management.answers import KeyAnswer, KeyList, KeyMade
from talktime.doors.http.management.house import (
    CallerOf,
    House,
    InHouse,
    caller_of,
    may,
    may_installation,
    read,
    who,
)
from talktime.doors.http.management.texts import After, Limit, Name, Strict, instant
from talktime.doors.http.problems import Problem, ProblemError, refused
from talktime.ledger.api_keys import EVERYONE, MANAGEMENT, ApiKey, Principal, TooManyKeys

router = APIRouter(tags=["keys"])

ManagesKeys = Annotated[Principal, Depends(may_installation("manage_api_keys"))]
ManagesOwnKeys = Annotated[str, Depends(may("manage_api_keys"))]

KeyId = Annotated[str, Path(max_length=64, pattern=r"^[0-9a-f]+$")]
Scopes = Annotated[list[Literal["live", "management"]], Field(min_length=1, max_length=2)]
RoleNames = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z_]+$")]],
    Field(max_length=30),
]

PAGE: Final = 1_000
"""Keys that are read at a time while those of one tenant are looked for."""


class NewTenantKey(Strict):
    """A key for live calls, management or both; `roles` say what it may do as one for management.

    Without roles it may what its tenant's global administrator may, or the provider where it is for all.
    """

    name: Annotated[Name, Field(examples=["billing desk"])]
    scopes: Scopes
    roles: RoleNames = Field(default_factory=list)


class NewKey(NewTenantKey):
    """A key for some tenants or "*", for live calls, management or both."""

    tenants: Literal["*"] | Annotated[list[Name], Field(min_length=1, max_length=1_000)]


@router.post("/v1/keys", status_code=201)
async def make_key(house: InHouse, principal: ManagesKeys, body: NewKey) -> KeyMade:
    """Makes a key; the answer is the only place where it stands."""
    tenants = None if isinstance(body.tenants, str) else frozenset(body.tenants)
    return await _made(house, principal, body, tenants)


@router.get("/v1/keys")
async def list_keys(house: InHouse, principal: ManagesKeys, after: After = "", limit: Limit = 100) -> KeyList:
    """Keys in order of their ids, revoked ones too."""
    del principal
    found = await read(house.keyring.keys.listed, after, limit)
    return _page(found, limit)


@router.delete("/v1/keys/{key_id}", status_code=204)
async def revoke_key(house: InHouse, principal: ManagesKeys, key_id: KeyId) -> Response:
    """Revokes a key: here at once, in other processes within seconds."""
    await _revoke(house, principal, key_id)
    return Response(status_code=204)


@router.post("/v1/tenants/{tenant}/keys", status_code=201)
async def make_own_key(
    house: InHouse, principal: CallerOf, tenant: ManagesOwnKeys, body: NewTenantKey
) -> KeyMade:
    """Makes a key for this tenant; the answer is the only place where it stands."""
    await house.known(tenant)
    return await _made(house, principal, body, frozenset({tenant}))


@router.get("/v1/tenants/{tenant}/keys")
async def list_own_keys(
    house: InHouse, tenant: ManagesOwnKeys, after: After = "", limit: Limit = 100
) -> KeyList:
    """The keys that are for this tenant alone, in order of their ids, revoked ones too."""
    await house.known(tenant)
    return _page(await read(_of_tenant, house, tenant, after, limit), limit)


@router.delete("/v1/tenants/{tenant}/keys/{key_id}", status_code=204)
async def revoke_own_key(
    house: InHouse, principal: CallerOf, tenant: ManagesOwnKeys, key_id: KeyId
) -> Response:
    """Revokes a key that is for this tenant alone."""
    await house.known(tenant)
    # Ids have one length: behind all but its last digit it is one of the next sixteen.
    near = await read(house.keyring.keys.listed, key_id[:-1], 16)
    if not any(key.principal.id == key_id and _is_own(key, tenant) for key in near):
        raise refused("unknown_key", f"there is no key {key_id!r}")
    await _revoke(house, principal, key_id)
    return Response(status_code=204)


async def _made(
    house: House, principal: Principal, body: NewTenantKey, tenants: frozenset[str] | None
) -> KeyMade:
    """Makes a key that may no more than its maker."""
    _check_roles(principal, body, tenants)
    now_us = house.now_us
    create = house.keyring.keys.create
    by = (who(principal), body.roles, principal.person)
    try:
        made, text = await read(create, body.name, tenants, body.scopes, now_us, *by)
    except TooManyKeys as error:
        raise refused("too_many_keys", str(error)) from None
    await read(house.keyring.refresh)
    return KeyMade(**_shown(ApiKey(made, now_us, 0)).model_dump(), key=text)


def _check_roles(principal: Principal, body: NewTenantKey, tenants: frozenset[str] | None) -> None:
    """A problem for roles that there are not, that mean nothing here, or that the maker cannot give."""
    unknown = unknown_roles(body.roles)
    if unknown:
        raise ProblemError(Problem(422, "unknown_role", f"there is no role {unknown[0]!r}", "/roles"))
    if body.roles and MANAGEMENT not in body.scopes:
        detail = "roles are for keys with the scope management; this one has none"
        raise ProblemError(Problem(422, "invalid", detail, "/roles"))
    beyond = not_grantable(caller_of(principal), body.roles, tenants)
    if beyond:
        raise ProblemError(Problem(403, "forbidden", beyond))


async def _revoke(house: House, principal: Principal, key_id: str) -> None:
    if not await read(house.keyring.keys.revoke, key_id, house.now_us, who(principal)):
        raise refused("unknown_key", f"there is no key {key_id!r}")
    await read(house.keyring.refresh)


def _of_tenant(house: House, tenant: str, after: str, limit: int) -> list[ApiKey]:
    """The keys for this tenant alone, after an id; blocks."""
    found: list[ApiKey] = []
    while len(found) < limit:
        page = house.keyring.keys.listed(after, PAGE)
        found += [key for key in page if _is_own(key, tenant)]
        if len(page) < PAGE:
            break
        after = page[-1].principal.id
    return found[:limit]


def _is_own(key: ApiKey, tenant: str) -> bool:
    """Whether a key is for this tenant and no other."""
    return key.principal.tenants == frozenset({tenant})


def _page(found: list[ApiKey], limit: int) -> KeyList:
    return KeyList(
        keys=[_shown(key) for key in found], next=found[-1].principal.id if len(found) == limit else None
    )


def _shown(key: ApiKey) -> KeyAnswer:
    principal = key.principal
    return KeyAnswer(
        id=principal.id,
        name=principal.name,
        tenants=EVERYONE if principal.tenants is None else sorted(principal.tenants),
        scopes=sorted(principal.scopes),
        roles=sorted(principal.roles),
        created_at=instant(key.created_us),
        revoked_at=instant(key.revoked_us),
    )
