"""Who signs in: people, the sessions they are signed in with, and the invitations by which they come.

Rows and transactions only; what is let in, `accounts.signing_in` decides. Secrets come here as hashes.
Each transaction writes first: so it waits for others on SQLite instead of failing, and what it reads stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from talktime.core.limits import NEVER_US
from talktime.ledger.api_keys import upn_of_person
from talktime.ledger.audit import INSTALLATION, tenant_line
from talktime.ledger.commands import Refused
from talktime.ledger.database import DatabaseUrl, open_engine
from talktime.ledger.reading import away_is_said
from talktime.ledger.schema import table

if TYPE_CHECKING:
    from collections.abc import Mapping

NOBODY: Final = ""
"""The row on which tries for names that nobody has are counted: so they cost the same write."""

_words: Final = msgspec.json.Decoder(list[str])
_tenants: Final = msgspec.json.Decoder(dict[str, list[str]])


@dataclass(frozen=True, slots=True)
class StoredPerson:
    """A person who signs in; `upn` in lower case, instants 0 where it never happened.

    `hash` is the password's, "" for none. `roles`: for the installation, or for the customers of `partner`.
    `home`: the tenant that vouches for the person, "" for the provider. `since_us`: when the password was
    chosen, or an OpenID provider first named the person.
    """

    upn: str
    name: str = ""
    hash: str = ""
    roles: frozenset[str] = frozenset()
    partner: str = ""
    home: str = ""
    failures: int = 0
    locked_until_us: int = 0
    since_us: int = 0
    signed_in_us: int = 0
    created_us: int = 0
    disabled_us: int = 0


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session; `key` is the hash of its secret. `name`, `roles` and `tenants` are what claims said."""

    key: bytes
    upn: str
    how: str
    begun_us: int
    ends_us: int
    seen_us: int
    name: str = ""
    roles: frozenset[str] = frozenset()
    tenants: tuple[tuple[str, frozenset[str]], ...] = ()
    ended_us: int = 0


class Line(NamedTuple):
    """A line for the audit log of a tenant, or of the installation."""

    who: str
    what: str
    after: str = ""
    tenant: str = INSTALLATION


class SignIns:
    """The stored people. The methods block; they raise StoreAway where the database does not answer."""

    def __init__(self, url: DatabaseUrl) -> None:
        self._kind = url.kind
        self._people = table(url.kind, "people")
        self._sessions = table(url.kind, "sign_ins")
        self._invitations = table(url.kind, "invitations")
        self._engine = open_engine(url)

    # --- people ----------------------------------------------------------------------------------------

    def person(self, upn: str) -> StoredPerson | None:
        """A person by the name in lower case."""
        with away_is_said(), self._engine.connect() as db:
            return self._person(db, upn)

    def people(self, after: str, limit: int) -> list[StoredPerson]:
        """People in order of their names, after one; disabled ones too."""
        people = self._people
        asked = sa.select(people).where(people.c.upn > after).order_by(people.c.upn).limit(limit)
        with away_is_said(), self._engine.connect() as db:
            return [_person(row) for row in db.execute(asked)]

    def is_anybody(self) -> bool:
        """Whether anybody can sign in: has chosen a password, or came through an OpenID provider."""
        people = self._people
        asked = sa.select(people.c.upn).where(people.c.since_us > 0, people.c.disabled_us == 0).limit(1)
        with away_is_said(), self._engine.connect() as db:
            return db.execute(asked).first() is not None

    def since_us(self, person_id: str) -> int:
        """Since when a person can act as this person (`api_keys.person_id`); NEVER_US for nobody."""
        found = self.person(upn_of_person(person_id))
        return found.since_us if found is not None and found.since_us else NEVER_US

    def disable(self, upn: str, now_us: int, who: str) -> bool:
        """Nobody signs in as this person any more, and who is signed in is out; False for nobody."""
        people = self._people
        with away_is_said(), self._engine.begin() as db:
            valid = sa.update(people).where(people.c.upn == upn, people.c.disabled_us == 0)
            is_new = db.execute(valid.values(disabled_us=now_us)).rowcount
            if is_new:
                db.execute(sa.delete(self._invitations).where(self._invitations.c.upn == upn))
                self._end_all(db, upn, now_us)
                self._say(db, now_us, Line(who, f"{upn} may not sign in any more"))
            return self._person(db, upn) is not None

    def take_try(
        self, upn: str, now_us: int, wait_us: Callable[[int], int], *, waits: bool = True
    ) -> StoredPerson | None:
        """Counts a try to sign in before its password is looked at, so that none goes uncounted.

        `wait_us`: how long after this many failures no other try is taken, 0 for not at all; with `waits`
        False this one is taken all the same. None where there is no such person, no password or no try to be
        had; that takes one write, too.
        """
        people = self._people
        with away_is_said(), self._engine.begin() as db:
            open_ = [people.c.upn == upn, people.c.hash != ""]
            if waits:
                open_.append(people.c.locked_until_us <= now_us)
            counted = db.execute(sa.update(people).where(*open_).values(failures=people.c.failures + 1))
            if upn == NOBODY or not counted.rowcount:
                self._count_nobody(db)
                return None
            person = self._person(db, upn)
            assert person is not None, "the row is locked by the update"
            wait = wait_us(person.failures)
            if wait:
                until = sa.update(people).where(people.c.upn == upn).values(locked_until_us=now_us + wait)
                db.execute(until)
                tried = f"{person.failures} passwords tried for {upn}: no other for {wait // 1_000_000} s"
                self._say(db, now_us, Line(upn, tried))
            return person

    def _count_nobody(self, db: sa.Connection) -> None:
        more = {"failures": self._people.c.failures + 1}
        row = self._row(StoredPerson(NOBODY, failures=1))
        db.execute(row.on_conflict_do_update(index_elements=["upn"], set_=more))

    def _add(self, db: sa.Connection, person: StoredPerson) -> bool:
        """False where somebody else has added it just now."""
        return bool(db.execute(self._row(person).on_conflict_do_nothing(index_elements=["upn"])).rowcount)

    def _row(self, person: StoredPerson) -> Any:
        insert = sqlite_insert if self._kind == "sqlite" else postgres_insert
        return insert(self._people).values(upn=person.upn, **_values(person))

    # --- sessions --------------------------------------------------------------------------------------

    def begin(self, session: StoredSession, lines: Iterable[Line] = (), new_hash: str = "") -> bool:
        """Begins a session of a person who has shown who it is; False for one who is disabled meanwhile.

        `new_hash`: the same password, hashed as it is hashed today. One whom an OpenID provider names for the
        first time becomes known here.
        """
        people, now_us = self._people, session.begun_us
        fresh: dict[str, Any] = {"failures": 0, "locked_until_us": 0, "signed_in_us": now_us}
        if new_hash:
            fresh["hash"] = new_hash
        with away_is_said(), self._engine.begin() as db:
            known = sa.update(people).where(people.c.upn == session.upn, people.c.disabled_us == 0)
            if not db.execute(known.values(**fresh)).rowcount:
                if self._person(db, session.upn) is not None:
                    return False
                named = StoredPerson(session.upn, session.name, created_us=now_us, signed_in_us=now_us)
                self._add(db, named)
            # Who has no password yet is known since an OpenID provider has named it.
            unknown = sa.update(people).where(people.c.upn == session.upn, people.c.since_us == 0)
            db.execute(unknown.values(since_us=now_us))
            self._insert(db, session, lines)
            return True

    def session(self, key: bytes) -> tuple[StoredSession, StoredPerson] | None:
        """A session and whose it is, by the hash of the secret; ended ones too, as long as they are kept."""
        sessions = self._sessions
        with away_is_said(), self._engine.connect() as db:
            row = db.execute(sa.select(sessions).where(sessions.c.hash == key)).first()
            person = None if row is None else self._person(db, row.upn)
            return None if row is None or person is None else (_session(row), person)

    def seen(self, key: bytes, now_us: int) -> None:
        """The person was active at this instant."""
        sessions = self._sessions
        older = (sessions.c.hash == key, sessions.c.seen_us < now_us)
        with away_is_said(), self._engine.begin() as db:
            db.execute(sa.update(sessions).where(*older).values(seen_us=now_us))

    def end(self, key: bytes, now_us: int) -> None:
        """Ends a session; one that has ended stays as it was."""
        sessions = self._sessions
        open_ = (sessions.c.hash == key, sessions.c.ended_us == 0)
        with away_is_said(), self._engine.begin() as db:
            db.execute(sa.update(sessions).where(*open_).values(ended_us=now_us))

    def end_all(self, upn: str, now_us: int, who: str) -> int:
        """Ends all sessions of a person; how many had not ended yet."""
        with away_is_said(), self._engine.begin() as db:
            ended = self._end_all(db, upn, now_us)
            if ended:
                self._say(db, now_us, Line(who, f"{upn} signed out everywhere"))
            return ended

    def forget_before(self, before_us: int) -> None:
        """Deletes sessions and invitations that had ended by an instant."""
        with away_is_said(), self._engine.begin() as db:
            for one in (self._sessions, self._invitations):
                db.execute(sa.delete(one).where(one.c.ends_us < before_us))

    # --- invitations -----------------------------------------------------------------------------------

    def invite(
        self,
        upn: str,
        decide: Callable[[StoredPerson | None], StoredPerson | Refused],
        key: bytes,
        span_us: tuple[int, int],
        lines: Iterable[Line],
    ) -> StoredPerson | Refused:
        """Stores the person as `decide` makes it of what is there, and an invitation in place of all others.

        `key` is the hash of the token, `span_us` from when to when it is good. Whose password ends by it is
        signed out. A refusal changes nothing.
        """
        people, invitations = self._people, self._invitations
        with away_is_said(), self._engine.begin() as db:
            # A write before anything is read: of two invitations at once, one waits for the other.
            db.execute(sa.update(people).where(people.c.upn == upn).values(upn=upn))
            before = self._person(db, upn)
            after = decide(before)
            if isinstance(after, Refused):
                db.rollback()
                return after
            if before is None:
                if not self._add(db, after):
                    db.rollback()
                    return Refused("conflict", f"{upn} was invited by somebody else just now; look again")
            else:
                db.execute(sa.update(people).where(people.c.upn == upn).values(**_values(after)))
                if before.hash and not after.hash:
                    self._end_all(db, upn, span_us[0])
            db.execute(sa.delete(invitations).where(invitations.c.upn == upn))
            made = {"hash": key, "upn": upn, "made_us": span_us[0], "ends_us": span_us[1]}
            db.execute(sa.insert(invitations).values(**made))
            self._say(db, span_us[0], *lines)
            return after

    def invitation(self, key: bytes, now_us: int) -> tuple[StoredPerson, int] | None:
        """(whom it invites, until when), by the hash of the token; None where it is good no more."""
        invitations = self._invitations
        good = (invitations.c.hash == key, invitations.c.used_us == 0, invitations.c.ends_us > now_us)
        with away_is_said(), self._engine.connect() as db:
            row = db.execute(sa.select(invitations).where(*good)).first()
            person = None if row is None else self._person(db, row.upn)
            return None if row is None or person is None or person.disabled_us else (person, row.ends_us)

    def accept(self, key: bytes, password_hash: str, session: StoredSession, line: Line) -> bool:
        """Uses an invitation up: sets the password, ends older sessions, begins one. False: good no more."""
        people, invitations, now_us = self._people, self._invitations, session.begun_us
        good = (invitations.c.hash == key, invitations.c.upn == session.upn, invitations.c.used_us == 0)
        used = sa.update(invitations).where(*good, invitations.c.ends_us > now_us).values(used_us=now_us)
        chosen = {"hash": password_hash, "since_us": now_us, "signed_in_us": now_us}
        able = sa.update(people).where(people.c.upn == session.upn, people.c.disabled_us == 0)
        with away_is_said(), self._engine.begin() as db:
            if not db.execute(used).rowcount:
                return False
            if not db.execute(able.values(failures=0, locked_until_us=0, **chosen)).rowcount:
                db.rollback()
                return False
            self._end_all(db, session.upn, now_us)
            self._insert(db, session, [line])
            return True

    # --- parts of transactions -------------------------------------------------------------------------

    def _person(self, db: sa.Connection, upn: str) -> StoredPerson | None:
        row = db.execute(sa.select(self._people).where(self._people.c.upn == upn)).first()
        return None if row is None or upn == NOBODY else _person(row)

    def _end_all(self, db: sa.Connection, upn: str, now_us: int) -> int:
        sessions = self._sessions
        open_ = (sessions.c.upn == upn, sessions.c.ended_us == 0, sessions.c.ends_us > now_us)
        return db.execute(sa.update(sessions).where(*open_).values(ended_us=now_us)).rowcount

    def _insert(self, db: sa.Connection, session: StoredSession, lines: Iterable[Line]) -> None:
        said: Mapping[str, Any] = {
            "name": session.name,
            "roles": _json(sorted(session.roles)),
            "tenants": _json({tenant: sorted(roles) for tenant, roles in session.tenants}),
            "how": session.how,
        }
        times = {"begun_us": session.begun_us, "seen_us": session.seen_us, "ends_us": session.ends_us}
        db.execute(sa.insert(self._sessions).values(hash=session.key, upn=session.upn, **said, **times))
        self._say(db, session.begun_us, *lines)

    def _say(self, db: sa.Connection, at_us: int, *lines: Line) -> None:
        for line in lines:
            db.execute(tenant_line(self._kind, line.tenant, at_us, line.who, line.what, line.after))


def _values(person: StoredPerson) -> dict[str, Any]:
    """The columns of a person but its key."""
    return {
        "name": person.name,
        "hash": person.hash,
        "roles": _json(sorted(person.roles)),
        "partner": person.partner,
        "home": person.home,
        "failures": person.failures,
        "locked_until_us": person.locked_until_us,
        "since_us": person.since_us,
        "signed_in_us": person.signed_in_us,
        "created_us": person.created_us,
        "disabled_us": person.disabled_us,
    }


def _person(row: sa.Row[Any]) -> StoredPerson:
    values = dict(row._mapping)
    return StoredPerson(**values | {"roles": frozenset(_words.decode(values["roles"]))})


def _session(row: sa.Row[Any]) -> StoredSession:
    return StoredSession(
        key=bytes(row.hash),
        upn=row.upn,
        how=row.how,
        begun_us=row.begun_us,
        ends_us=row.ends_us,
        seen_us=row.seen_us,
        name=row.name,
        roles=frozenset(_words.decode(row.roles)),
        tenants=tuple((name, frozenset(roles)) for name, roles in _tenants.decode(row.tenants).items()),
        ended_us=row.ended_us,
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
