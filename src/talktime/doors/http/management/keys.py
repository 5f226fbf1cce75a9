"""Keys of the doors: made, listed, revoked by those who hold one for the whole installation."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Response
from pydantic import Field

from talktime.doors.http.management.answers import KeyAnswer, KeyList, KeyMade
from talktime.doors.http.management.house import InHouse, OperatorOf, read, who
from talktime.doors.http.management.texts import After, Limit, Name, Strict, instant
from talktime.doors.http.problems import refused
from talktime.ledger.api_keys import EVERYONE, ApiKey, TooManyKeys

router = APIRouter(prefix="/v1/keys", tags=["keys"])

KeyId = Annotated[str, Path(max_length=64, pattern=r"^[0-9a-f]+$")]


class NewKey(Strict):
    """A key for some tenants or "*", for live calls, management or both."""

    name: Name
    tenants: Literal["*"] | Annotated[list[Name], Field(min_length=1, max_length=1_000)]
    scopes: Annotated[list[Literal["live", "management"]], Field(min_length=1, max_length=2)]


@router.post("", status_code=201)
async def make_key(house: InHouse, principal: OperatorOf, body: NewKey) -> KeyMade:
    """Makes a key; the answer is the only place where it stands."""
    tenants = None if isinstance(body.tenants, str) else body.tenants
    now_us = house.now_us
    create = house.keyring.keys.create
    try:
        made, text = await read(create, body.name, tenants, body.scopes, now_us, who(principal))
    except TooManyKeys as error:
        raise refused("too_many_keys", str(error)) from None
    await read(house.keyring.refresh)
    return KeyMade(**_shown(ApiKey(made, now_us, 0)).model_dump(), key=text)


@router.get("")
async def list_keys(house: InHouse, principal: OperatorOf, after: After = "", limit: Limit = 100) -> KeyList:
    """Keys in order of their ids, revoked ones too."""
    del principal
    found = await read(house.keyring.keys.listed, after, limit)
    return KeyList(
        keys=[_shown(key) for key in found], next=found[-1].principal.id if len(found) == limit else None
    )


@router.delete("/{key_id}", status_code=204)
async def revoke_key(house: InHouse, principal: OperatorOf, key_id: KeyId) -> Response:
    """Revokes a key: here at once, in other processes within seconds."""
    if not await read(house.keyring.keys.revoke, key_id, house.now_us, who(principal)):
        raise refused("unknown_key", f"there is no key {key_id!r}")
    await read(house.keyring.refresh)
    return Response(status_code=204)


def _shown(key: ApiKey) -> KeyAnswer:
    principal = key.principal
    return KeyAnswer(
        id=principal.id,
        name=principal.name,
        tenants=EVERYONE if principal.tenants is None else sorted(principal.tenants),
        scopes=sorted(principal.scopes),
        created_at=instant(key.created_us),
        revoked_at=instant(key.revoked_us),
    )
