"""The users of a tenant: one by one in the shape of the tenant file, many from a CSV file, one erased."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field

from talktime.accounts.administration import Outcome
from talktime.accounts.documents import user_key
from talktime.accounts.people_import import PeopleImport, Preview
from talktime.accounts.tenant import Tenant, User
from talktime.accounts.tenant_parts import LICENCES, LOCATION, user_part, user_part_put, users_found
from talktime.accounts.tenant_tables import user_table
from talktime.doors.http.management.answers_people import (
    ErasedAnswer,
    FieldChange,
    ImportAnswer,
    ImportedUser,
)
from talktime.doors.http.management.house import (
    CallerOf,
    House,
    InHouse,
    done,
    may,
    people_of,
    read,
    refuses,
    who,
)
from talktime.doors.http.management.tables import LicenceTable, UserTable
from talktime.doors.http.management.texts import (
    NAME_PATTERN,
    After,
    IfMatch,
    Limit,
    Name,
    Strict,
    etag_of,
    matches,
)
from talktime.doors.http.problems import Problem, ProblemError, refused
from talktime.insight.persons import person_of
from talktime.ledger.api_keys import Principal
from talktime.ledger.commands import Refused
from talktime.ledger.erasure import Erased, ErasureRefusedError, erase_person

router = APIRouter(prefix="/v1/tenants/{tenant}/users", tags=["people"])

SeesUsers = Annotated[str, Depends(may("see_users"))]
EditsUsers = Annotated[str, Depends(may("edit_users"))]
AssignsLicences = Annotated[str, Depends(may("assign_licences"))]
SetsLocation = Annotated[str, Depends(may("set_usage_location"))]
ImportsUsers = Annotated[str, Depends(may("import_users"))]
Erases = Annotated[str, Depends(may("erase_person"))]

PersonName = Annotated[str, Path(min_length=1, max_length=200, pattern=NAME_PATTERN)]
"""The id or the UPN of a user."""

Search = Annotated[
    str,
    Query(
        max_length=100, pattern=NAME_PATTERN, description="a part of a name, UPN, number, plan or cost centre"
    ),
]

MOST_SHOWN: Final = 1_000
"""Users that the answer to an import names."""

_user: Final = msgspec.json.Decoder(User)

_CSV: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {"schema": {"type": "string", "maxLength": 20_000_000}},
        },
    }
}


class UserList(BaseModel):
    """A page of users in order of their keys; `next` is the `after` of the next page."""

    users: list[UserTable]
    next: str | None


class UserLicences(Strict):
    """The licences that a user holds from now on, and no others."""

    licences: Annotated[list[Name | LicenceTable], Field(max_length=200)]


class UserLocation(Strict):
    """The country of a user's licences; "" for that of the organisation."""

    location: Annotated[str, Field(max_length=200, pattern=NAME_PATTERN, examples=["GB"])]


class Erasure(Strict):
    """Says that the person may really be forgotten: nobody can bring back what is erased."""

    confirm: Annotated[bool, Field(examples=[True])]


@router.get("", response_model_exclude_unset=True)
async def list_users(
    house: InHouse, tenant: SeesUsers, after: After = "", limit: Limit = 100, search: Search = ""
) -> UserList:
    """Users in order of their keys (the id, else the UPN); `search`: those that say it in some field."""
    if search.strip():
        matching = await read(users_found, await house.tenant(tenant), search, after, limit)
        return UserList(
            users=[UserTable.model_validate(user_table(user)) for user in matching],
            next=user_key(matching[-1]) if len(matching) == limit else None,
        )
    found = await people_of(house, "users", tenant, after, limit)
    users = [UserTable.model_validate(user_table(_user.decode(document))) for _, document in found]
    return UserList(users=users, next=found[-1][0] if len(found) == limit else None)


@router.post("/import", openapi_extra=_CSV)
async def import_users(
    house: InHouse,
    principal: CallerOf,
    tenant: ImportsUsers,
    request: Request,
    dry_run: Annotated[bool, Query(description="only says what the file would do")] = False,
    remove_others: Annotated[bool, Query(description="also removes users that no line names")] = False,
) -> ImportAnswer:
    """Adds and changes users and their licences from CSV: all that the file says, or nothing of it.

    422 names what is wrong by line. Columns that the file does not have leave what users have.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "text/csv":
        raise ProblemError(Problem(415, "unsupported_media_type", "send the file as text/csv"))
    content = await request.body()
    may_not = refuses(principal, tenant)
    people = PeopleImport(house.desk.engine, house.reader, house.desk.catalogue, may_not)
    if dry_run:
        found = await people.preview(tenant, content, remove_others=remove_others)
    else:
        found = await people.apply(tenant, content, who(principal), remove_others=remove_others)
    return _imported(done(found), dry_run=dry_run)


def _imported(preview: Preview, *, dry_run: bool) -> ImportAnswer:
    """What a file did or would do, the first users by name and field."""
    users = [
        ImportedUser(
            upn=one.upn,
            change=one.change,
            line=one.line or None,
            fields=[FieldChange(**field._asdict()) for field in one.fields],
        )
        for one in preview.touched[:MOST_SHOWN]
    ]
    return ImportAnswer(
        dry_run=dry_run,
        added=len(preview.added),
        changed=len(preview.changed),
        unchanged=len(preview.unchanged),
        removed=len(preview.removed),
        users=users,
    )


@router.get("/{user}", response_model_exclude_unset=True)
async def get_user(house: InHouse, tenant: SeesUsers, user: PersonName, response: Response) -> UserTable:
    """One user by id or UPN, with its ETag."""
    return await _one(house, tenant, user, response)


async def _one(house: House, tenant: str, user: str, response: Response) -> UserTable:
    found = user_part(await house.tenant(tenant), user)
    if found is None:
        raise refused("unknown_user", f"the tenant has no user {user!r}")
    response.headers["ETag"] = etag_of(found)
    return UserTable.model_validate(found)


@router.put("/{user}", response_model_exclude_unset=True)
async def put_user(
    house: InHouse,
    principal: CallerOf,
    tenant: EditsUsers,
    user: PersonName,
    body: UserTable,
    if_match: IfMatch = None,
) -> UserTable:
    """Adds a user or replaces it; the path holds its id or UPN.

    Another `cap_per_month` is for those who may edit caps (403 `forbidden`).
    """
    table = body.table()
    seen = house.expecting(lambda now: matches(if_match, user_part(now, user)), refuses(principal, tenant))
    done(await seen.put_user(tenant, user, table, who(principal)), table, "users")
    return body


@router.delete("/{user}", status_code=204)
async def remove_user(
    house: InHouse, principal: CallerOf, tenant: EditsUsers, user: PersonName, if_match: IfMatch = None
) -> Response:
    """Removes a user; its charges stay."""
    seen = house.expecting(lambda now: matches(if_match, user_part(now, user)))
    done(await seen.remove_user(tenant, user, who(principal)))
    return Response(status_code=204)


@router.put("/{user}/licences", response_model_exclude_unset=True)
async def put_licences(
    house: InHouse,
    principal: CallerOf,
    tenant: AssignsLicences,
    user: PersonName,
    body: UserLicences,
    response: Response,
    if_match: IfMatch = None,
) -> UserTable:
    """Assigns licences to a user; those that are not named are taken away."""
    plans = [plan if isinstance(plan, str) else plan.table() for plan in body.licences]
    done(await _put(house, principal, tenant, user, {LICENCES: plans}, if_match))
    return await _one(house, tenant, user, response)


@router.put("/{user}/location", response_model_exclude_unset=True)
async def put_location(
    house: InHouse,
    principal: CallerOf,
    tenant: SetsLocation,
    user: PersonName,
    body: UserLocation,
    response: Response,
    if_match: IfMatch = None,
) -> UserTable:
    """Sets the usage location of a user."""
    done(await _put(house, principal, tenant, user, {LOCATION: body.location}, if_match))
    return await _one(house, tenant, user, response)


async def _put(
    house: House,
    principal: Principal,
    tenant: str,
    user: str,
    part: dict[str, Any],
    if_match: str | None,
) -> Outcome:
    """Replaces one thing of a user that there is."""
    ((key, value),) = part.items()
    catalogue = house.desk.catalogue
    seen = house.expecting(lambda now: matches(if_match, user_part(now, user)), refuses(principal, tenant))
    return await seen.edit(
        tenant,
        lambda now: user_part_put(now, user, key, value, catalogue),
        f"{key} of user {user} put",
        who(principal),
    )


@router.post("/{user}/erase")
async def erase_user(
    house: InHouse, principal: CallerOf, tenant: Erases, user: PersonName, body: Erasure
) -> ErasedAnswer:
    """Takes a person out of the calls, documents, audit log and notices of a tenant; the figures stay.

    Refused while the person has calls in progress. Exports, and files of usage that were brought for
    "what if", are dropped, since they may name it.
    """
    if not body.confirm:
        detail = "nobody can undo an erasure: send confirm true if the person has to be forgotten"
        raise ProblemError(Problem(422, "not_confirmed", detail, "/confirm"))
    stored = await house.tenant(tenant)
    erased = done(await read(_erase, house, stored, user, who(principal)))
    exports = house.means.exports
    dropped = 0 if exports is None else await exports.forget(tenant)
    if house.means.what_ifs is not None:
        await house.means.what_ifs.forget(tenant)
    return ErasedAnswer(
        charges=erased.charges, sessions=erased.sessions, other_rows=erased.rows, exports=dropped
    )


def _erase(house: House, tenant: Tenant, user: str, by: str) -> Erased | Refused:
    """Erases somebody, or says why not; blocks."""
    person = person_of(tenant, user, house.desk.catalogue, house.means.secret, house.now_us)
    try:
        return erase_person(house.url, person, by, house.now_us)
    except ErasureRefusedError as error:
        return Refused("erasure_refused", str(error))
