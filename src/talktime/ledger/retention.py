"""Calls whose time has come lose what names people; amounts, split and hash chain stay (domain.md 12, 15).

The rewriting goes in small transactions beside the engine, so that calls in progress wait for milliseconds;
it may be stopped and begun again at any time.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec
import sqlalchemy as sa

from talktime.ledger.database import DatabaseUrl, open_engine
from talktime.ledger.forgetting import FORGOTTEN, RETENTION, CountryPrefix, Forgetting, Texts
from talktime.ledger.records import Charge, ChargeBody, Session, State
from talktime.ledger.rewriting import (
    CHARGE,
    FIND,
    PLACE,
    Rewritten,
    RewrittenMeanwhileError,
    move_counters,
    reading,
    rewritten,
    write_charges,
    writing,
)

BATCH_ROWS: Final = 250
"""Charges that are rewritten in one transaction: on SQLite calls wait for so long, a few milliseconds."""

PAUSE_S: Final = 0.02
"""Between two transactions, so that calls are not held up by a whole night's work."""

_LOCK: Final = "update wallets set version = version + :more where tenant = :tenant"
"""Nobody else changes this tenant; with 1 more everybody reads anew what is in memory of it."""

_body: Final = msgspec.json.Decoder(ChargeBody)
_session: Final = msgspec.json.Decoder(Session)


class Before(NamedTuple):
    """Calls that started before these instants lose their names: those that we carried, and those that the
    customer's own operator carried.
    """

    carried_us: int
    own_us: int


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long the calls of one tenant keep their names.

    `users`: ids and UPNs in lower case -> (all names of this user, its instants); `other` is for everybody
    else (domain.md 15: by the user's country, else the tenant's). `own`: the categories of calls that the
    customer's own operator carries.
    """

    tenant: str
    users: Mapping[str, tuple[frozenset[str], Before]]
    other: Before
    own: frozenset[str] = frozenset()

    @property
    def latest_us(self) -> int:
        """No call that started later loses its names."""
        return max(max(before) for before in (self.other, *(before for _, before in self.users.values())))

    def before_us(self, user: str, category: str) -> int:
        """The instant for the calls of a user that are of a category."""
        before = self.users[user.lower()][1] if user.lower() in self.users else self.other
        return before.own_us if category in self.own else before.carried_us

    def forgetting(self, user: str, country_prefix: CountryPrefix) -> Forgetting:
        """How a user is forgotten, by all its names."""
        names = self.users[user.lower()][0] if user.lower() in self.users else frozenset({user.lower()})
        return Forgetting(names, "", FORGOTTEN, RETENTION, country_prefix)


def forget_calls(
    url: DatabaseUrl,
    keeping: Keeping,
    country_prefix: CountryPrefix,
    *,
    batch: int = BATCH_ROWS,
    pause_s: float = PAUSE_S,
) -> int:
    """Takes the names out of a tenant's calls whose time has come; returns from how many charges.

    Amounts, split and hash chain stay; `verify` is clean after each batch. May be stopped and run again at
    any time: what is done is flagged. Reads every old charge of the ledger. Raises StoreAway.
    """
    engine, after, done = open_engine(url), 0, 0
    while True:
        with reading(engine) as db:
            rows = db.execute(
                sa.text(
                    f"select {PLACE[url.kind]}, {CHARGE} from charges c where c.tenant = :tenant"
                    f" and {PLACE[url.kind]} > :after and c.start_us < :latest_us"
                    f" and {FIND[url.kind]}(c.body, :flag) = 0 order by {PLACE[url.kind]} limit :batch"
                ),
                {
                    "tenant": keeping.tenant,
                    "after": after,
                    "latest_us": keeping.latest_us,
                    "flag": f'"{RETENTION}"',
                    "batch": batch,
                },
            ).all()
        without = list(_forgotten(rows, keeping, country_prefix))
        if without:
            forgettings = {row.call[1]: keeping.forgetting(row.user, country_prefix) for row in without}
            try:
                _write_forgotten(engine, keeping.tenant, without, forgettings)
            except RewrittenMeanwhileError:
                continue
            done += len(without)
            time.sleep(pause_s)
        if len(rows) < batch:
            return done
        after = rows[-1][0]


def _forgotten(rows: Sequence[Any], keeping: Keeping, country_prefix: CountryPrefix) -> Iterator[Rewritten]:
    """Those of some charges whose time has come, without their names."""
    for row in rows:
        charge = Charge(*row[1:])
        body = _body.decode(charge.body)
        user = body.facts.user
        if user and charge.start_us < keeping.before_us(user, charge.category):
            yield rewritten(row[0], charge, body, keeping.forgetting(user, country_prefix))


def _write_forgotten(
    engine: sa.Engine, tenant: str, without: Sequence[Rewritten], forgettings: Mapping[str, Forgetting]
) -> None:
    """One transaction under the wallet's lock; with a new version where counters or sessions lose a name.

    Raises RewrittenMeanwhileError.
    """
    moving = [row for row in without if row.moves]
    with reading(engine) as db:
        closed = _closed_sessions(db, tenant, forgettings)
    with writing(engine) as db:
        db.execute(sa.text(_LOCK), {"tenant": tenant, "more": int(bool(moving or closed))})
        write_charges(db, tenant, without)
        for call_id, body in _closed_sessions(db, tenant, forgettings) if closed else ():
            session = forgettings[call_id].session(_session.decode(body), Texts((), ""))
            db.execute(
                sa.text("update sessions set body = :body where tenant = :tenant and call_id = :call_id"),
                {"tenant": tenant, "call_id": call_id, "body": msgspec.json.encode(session).decode()},
            )
        if moving:
            move_counters(db, tenant, moving)


def _closed_sessions(db: sa.Connection, tenant: str, calls: Iterable[str]) -> Sequence[Any]:
    """(call id, body) of calls that are over and still keep their answers; long before, as a rule."""
    asked = sa.text(
        f"select call_id, body from sessions where tenant = :tenant and state <> {int(State.OPEN)}"
        " and body <> '' and call_id in :calls"
    ).bindparams(sa.bindparam("calls", expanding=True))
    return db.execute(asked, {"tenant": tenant, "calls": list(calls)}).all()
