"""Bringing in a file of users: what it would change, and then all of it or nothing.

The plan is worked out beside the engine, from what is stored, and holds only if nothing was changed
meanwhile: under the lock it is compared and written, so that a file of thousands holds up no call.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from talktime.accounts.documents import tenant_of, text_of, user_key
from talktime.accounts.people_file import PeopleFaults, Row, read_people
from talktime.accounts.reserved import Refuses, allows, asked_beside
from talktime.accounts.tenant import CLOSED, Tenant, User
from talktime.accounts.tenant_changes import named_twice
from talktime.accounts.tenant_checks import check_tenant
from talktime.accounts.tenant_commands import TENANT_CLOSED, Invalid, nothing_against, tenant_in
from talktime.accounts.tenant_file import TenantFaults, tenant_of_table
from talktime.accounts.tenant_tables import Tables, user_table
from talktime.ledger.commands import NO_TENANT, PutDocuments, Refused
from talktime.ledger.records import Change, Document

if TYPE_CHECKING:
    from talktime.catalog.model import Catalogue
    from talktime.ledger.book import Book
    from talktime.ledger.engine import Engine
    from talktime.ledger.reading import Reader
    from talktime.ledger.records import SessionRow

TRIES: Final = 5
"""How often a plan is made anew because somebody else changed the tenant meanwhile."""

STALE: Final = Refused("changed_meanwhile", "others are changing the tenant; nothing was imported, try again")

_POSITION: Final = re.compile(r"users\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Changed:
    """A user that the file changes: tables as the tenant file has them."""

    upn: str
    before: Tables
    after: Tables


class FieldChange(NamedTuple):
    """A field of a user before and after, as people read it; "" for nothing."""

    field: str
    before: str
    after: str


class Touched(NamedTuple):
    """A user that a file adds, changes or removes; `line` 0 for one that no line names."""

    upn: str
    change: str
    line: int
    fields: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a file would do, by UPN in the order of the file; `removed` in that of the tenant.

    `touched`: those that are added, changed and removed, in that order, field by field.
    """

    added: tuple[str, ...]
    changed: tuple[Changed, ...]
    unchanged: tuple[str, ...]
    removed: tuple[str, ...]
    touched: tuple[Touched, ...] = ()

    @property
    def is_nothing(self) -> bool:
        """Whether nothing would change."""
        return not (self.added or self.changed or self.removed)

    @property
    def sentence(self) -> str:
        """For people and for the audit log."""
        return (
            f"{len(self.added):,} users added, {len(self.changed):,} changed, {len(self.removed):,} removed, "
            f"{len(self.unchanged):,} unchanged"
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """A preview with what it takes: documents and lines of the audit log.

    `asks`: the operations that it asks for beside importing.
    """

    preview: Preview
    documents: tuple[Document, ...]
    lines: tuple[tuple[str, str, str], ...]
    asks: tuple[str, ...]


def plan_of(tenant: Tenant, rows: Sequence[Row], catalogue: Catalogue, *, remove_others: bool) -> Plan:
    """What the rows make of a tenant; users that no row names go only if `remove_others`.

    Raises PeopleFaults: the tenant that would come of it is checked as a whole.
    """
    if remove_others and not rows:
        raise PeopleFaults(["the file names nobody; all users would be removed"])
    known = _known(tenant, rows)
    read = _read(tenant, rows, known, catalogue)
    named = {at for at in known if at is not None}
    stay = named if remove_others else set(range(len(tenant.users)))
    users, lines = _merged(tenant, stay, list(zip(known, read, rows, strict=True)))
    after = replace(tenant, users=tuple(users))
    faults = [*named_twice(after.users), *check_tenant(after, catalogue)]
    if faults:
        raise PeopleFaults([_by_line(fault, lines) for fault in faults])
    gone = [user for at, user in enumerate(tenant.users) if at not in stay]
    before = [None if at is None else tenant.users[at] for at in known]
    told = [Told(old, new, row.line) for old, new, row in zip(before, read, rows, strict=True)]
    return _plan(told, gone, tuple(asked_beside(tenant, after, catalogue)))


def _known(tenant: Tenant, rows: Sequence[Row]) -> list[int | None]:
    """Where the user of each row stands, found by id, then by UPN; None for a new one."""
    ids = {user.id.lower(): at for at, user in enumerate(tenant.users) if user.id}
    upns = {user.upn.lower(): at for at, user in enumerate(tenant.users)}
    known: list[int | None] = []
    first: dict[int, int] = {}
    faults = []
    for row in rows:
        at = ids.get(row.says.get("id", "").lower())
        at = upns.get(row.says["upn"].lower()) if at is None else at
        known.append(at)
        if at is not None and first.setdefault(at, row.line) != row.line:
            faults.append(f"line {row.line}: is the same user as line {first[at]}; keep one")
    if faults:
        raise PeopleFaults(faults)
    return known


def _read(
    tenant: Tenant, rows: Sequence[Row], known: Sequence[int | None], catalogue: Catalogue
) -> list[User]:
    """The users that the rows describe, by the reader of the tenant file."""
    home = {name: getattr(tenant, name) for name in ("id", "country", "currency", "time_zone")}
    old = [None if at is None else tenant.users[at] for at in known]
    tables = [_table(row, user) for row, user in zip(rows, old, strict=True)]
    try:
        read = tenant_of_table({"tenant": home, "users": tables}, catalogue).users
    except TenantFaults as error:
        lines = [row.line for row in rows]
        raise PeopleFaults([_by_line(fault, lines) for fault in error.faults]) from None
    return [_as_before(new, user) for new, user in zip(read, old, strict=True)]


def _table(row: Row, old: User | None) -> Tables:
    """The user's table with what the row says; a licence that stays keeps its dates."""
    own = {} if old is None else user_table(old)
    table = {key: value for key, value in own.items() if key not in row.says}
    table |= {key: value for key, value in row.says.items() if value}
    codes = row.says.get("licences", [])
    kept = [one for one in own.get("licences", []) if _plan_of(one) in codes]
    held = {_plan_of(one) for one in kept}
    if codes:
        table["licences"] = [*kept, *(code for code in codes if code not in held)]
    return table


def _plan_of(licence: str | Tables) -> str:
    return licence if isinstance(licence, str) else str(licence["plan"])


def _as_before(new: User, old: User | None) -> User:
    """The same numbers in another order are no change."""
    if old is not None and set(new.numbers) == set(old.numbers):
        return replace(new, numbers=old.numbers)
    return new


def _merged(
    tenant: Tenant, stay: set[int], told: Sequence[tuple[int | None, User, Row]]
) -> tuple[list[User], list[int | None]]:
    """All users that there would be, and the line that says each; None for one that no line does."""
    by_place = {at: (user, row.line) for at, user, row in told if at is not None}
    merged: list[tuple[User, int | None]] = [
        by_place.get(at, (user, None)) for at, user in enumerate(tenant.users) if at in stay
    ]
    merged += [(user, row.line) for at, user, row in told if at is None]
    return [user for user, _ in merged], [line for _, line in merged]


def _by_line(fault: str, lines: Sequence[int | None]) -> str:
    """A sentence that names users by their position, with the lines of the file in their place."""

    def place(found: re.Match[str]) -> str:
        line = lines[int(found[1]) - 1]
        return "the stored user" if line is None else f"line {line}"

    return _POSITION.sub(place, fault)


class Told(NamedTuple):
    """A user of the file as it was (None: it was not) and as it will be, with its line."""

    old: User | None
    new: User
    line: int


def _plan(told: Sequence[Told], gone: Sequence[User], asks: tuple[str, ...]) -> Plan:
    touched = [(old, new) for old, new, _ in told if old != new]
    changed = [(old, new) for old, new in touched if old is not None]
    puts = {user_key(new): text_of(new) for _, new in touched}
    over = {user_key(old) for old in (*gone, *(old for old, _ in changed))} - puts.keys()
    preview = Preview(
        added=tuple(new.upn for old, new in touched if old is None),
        changed=tuple(Changed(new.upn, user_table(old), user_table(new)) for old, new in changed),
        unchanged=tuple(new.upn for old, new, _ in told if old == new),
        removed=tuple(user.upn for user in gone),
        touched=tuple(_touched(told, gone)),
    )
    lines = [(f"user {new.upn} put", _json(old), _json(new)) for old, new in touched]
    lines += [(f"user {old.upn} removed", _json(old), "") for old in gone]
    documents = [Document("users", key, "") for key in sorted(over)]
    documents += [Document("users", key, text) for key, text in puts.items()]
    return Plan(preview, tuple(documents), tuple(lines), asks)


def _touched(told: Sequence[Told], gone: Sequence[User]) -> Iterator[Touched]:
    """Users that are added, those that are changed, and those that go."""
    for old, new, line in told:
        if old is None:
            yield Touched(new.upn, "added", line, _fields({}, user_table(new)))
    for old, new, line in told:
        if old is not None and old != new:
            yield Touched(new.upn, "changed", line, _fields(user_table(old), user_table(new)))
    for user in gone:
        yield Touched(user.upn, "removed", 0, _fields(user_table(user), {}))


def _fields(before: Tables, after: Tables) -> tuple[FieldChange, ...]:
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    return tuple(FieldChange(key, words(before.get(key)), words(after.get(key))) for key in keys)


def words(value: object) -> str:
    """A field of a user's table for people: `MCOPSTN1 from 2026-01-01`, lists with commas, "" for nothing."""
    match value:
        case None | "":
            return ""
        case list():
            return ", ".join(words(one) for one in value)
        case dict():
            dates = [f"{word} {value[word]}" for word in ("from", "until") if word in value]
            return " ".join([str(value["plan"]), *dates])
        case _:
            return str(value)


def _json(user: User | None) -> str:
    return "" if user is None else msgspec.json.encode(user_table(user)).decode()


# --- the engine's side ------------------------------------------------------------------------------------


class ApplyPlan:
    """Writes a plan down, if the tenant's documents still have the version that it was made from."""

    __slots__ = ("call_id", "creates", "plan", "tenant", "version", "who")

    def __init__(self, tenant: str, plan: Plan, version: int, who: str) -> None:
        self.tenant = tenant
        self.plan = plan
        self.version = version
        self.who = who
        self.call_id = ""
        self.creates = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> bool | Refused:
        """True once all of it is written; STALE where somebody was faster."""
        if book is None:
            return NO_TENANT
        if book.config_version != self.version:
            return STALE
        if tenant_in(book).status == CLOSED:
            return TENANT_CLOSED
        if self.plan.preview.is_nothing:
            return True
        put = PutDocuments(
            tenant=self.tenant,
            documents=self.plan.documents,
            check=nothing_against,
            what=f"users imported: {self.plan.preview.sentence}",
            who=self.who,
        )
        answer = put.decide(book, session, now_us)
        book.audit += [Change(book.last_us, self.who, *line) for line in self.plan.lines]
        return answer


class PeopleImport:
    """The use cases. Each answers a value; the engine's QueueFull, StoreBusy and their like rise.

    `refuses` is asked for what a file asks beside importing.
    """

    def __init__(
        self, engine: Engine, reader: Reader, catalogue: Catalogue, refuses: Refuses = allows
    ) -> None:
        self._engine = engine
        self._reader = reader
        self._catalogue = catalogue
        self._refuses = refuses

    async def preview(
        self, tenant: str, content: bytes, *, remove_others: bool = False
    ) -> Preview | Refused | Invalid:
        """What a file would do; it changes nothing."""
        found = await asyncio.to_thread(self._planned, tenant, content, remove_others)
        return found[0].preview if isinstance(found, tuple) else found

    async def apply(
        self, tenant: str, content: bytes, who: str, *, remove_others: bool = False
    ) -> Preview | Refused | Invalid:
        """Does all that a file says, in one transaction, or nothing of it."""
        for _ in range(TRIES):
            found = await asyncio.to_thread(self._planned, tenant, content, remove_others)
            if not isinstance(found, tuple):
                return found
            plan, version = found
            answer = await self._engine.submit(ApplyPlan(tenant, plan, version, who))
            assert isinstance(answer, bool | Refused)
            if answer is True:
                return plan.preview
            if answer != STALE:
                assert isinstance(answer, Refused)
                return answer
        return STALE

    def _planned(
        self, tenant: str, content: bytes, remove_others: bool
    ) -> tuple[Plan, int] | Refused | Invalid:
        """The plan with the version of the documents that it was made from; blocks."""
        try:
            rows = read_people(content)
        except PeopleFaults as error:
            return Invalid(error.faults)
        # The version first: a plan made of newer documents is made again, one of older ones never written.
        version = self._reader.config_version(tenant)
        documents = self._reader.documents(tenant)
        if version is None or documents is None:
            return NO_TENANT
        stored = tenant_of(documents.tenant, documents.users, documents.service_numbers)
        try:
            plan = plan_of(stored, rows, self._catalogue, remove_others=remove_others)
        except PeopleFaults as error:
            return Invalid(error.faults)
        refused = next((why for operation in plan.asks if (why := self._refuses(operation))), None)
        return refused or (plan, version)
