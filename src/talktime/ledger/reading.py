"""Reads for people: tenants, wallets, calls, entries, as they were last committed.

Each read is one transaction on a connection of its own, beside the engine and never before it; the methods
block, so a door calls them in threads. They go the ways for which there are indexes (rulings.md 35).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import msgspec
import sqlalchemy as sa

from talktime.ledger.database import DatabaseError, DatabaseUrl, open_engine
from talktime.ledger.records import (
    Charge,
    ChargeBody,
    Counter,
    Entry,
    Lot,
    NewLot,
    Paper,
    Payment,
    SessionRow,
    Standing,
    State,
)
from talktime.ledger.rows import SESSION_COLUMNS, session_of, standing_of
from talktime.ledger.schema import table
from talktime.ledger.store import Documents, StoreAway

NO_BEFORE: Final = 2**62
"""The number that all numbers lie before: a page that begins with the newest."""

SHOWN_ROWS: Final = 5
"""Identities of rows that are named where several share a call id."""

_lots: Final = msgspec.json.Decoder(list[Lot])
_body: Final = msgspec.json.Decoder(ChargeBody)

# Written as a number into the statement: an index over a part of the rows serves no other spelling.
_OPEN: Final[sa.ColumnElement[int]] = sa.literal_column("1")


class SeveralRows(Exception):  # noqa: N818 - an answer
    """Several imported rows share a call id, which is no key; the message is a sentence."""

    def __init__(self, call_id: str, identities: Sequence[str]) -> None:
        more = ", ..." if len(identities) > SHOWN_ROWS else ""
        super().__init__(
            f"several imported rows have the call id {call_id!r}: name one by its row id: "
            f"{', '.join(identities[:SHOWN_ROWS])}{more}"
        )


class KeptLot(NamedTuple):
    """A lot that holds money: its facts (`amount`, `left` and `held` in micros)."""

    lot: int
    bought_us: int
    expires_us: int
    amount: int
    origin: str
    reference: str
    left: int
    held: int


class KeptWallet(NamedTuple):
    """What a tenant has, in micros. `charge` is the number of its newest charge, 0 for none."""

    tenant: str
    currency: str
    time_zone: str
    balance: int
    overdraft: int
    reserved: int
    charge: int
    last_us: int
    lots: tuple[KeptLot, ...]


class KeptTenant(NamedTuple):
    """A line of the list of tenants; `document` is the tenant's own JSON."""

    tenant: str
    document: str
    currency: str
    balance: int
    reserved: int


class KeptCall(NamedTuple):
    """A call: its session, its charges (a correction after what it corrects) and their entries."""

    session: SessionRow
    charges: tuple[Charge, ...]
    entries: tuple[Entry, ...]


class KeptChange(NamedTuple):
    """A line of the audit log with its number."""

    id: int
    at_us: int
    who: str
    what: str
    before: str
    after: str


class KeptNotice(NamedTuple):
    """A row of the outbox; `done_us` is 0 while it waits."""

    id: int
    at_us: int
    kind: str
    body: str
    done_us: int


class Reader:
    """Reads one database. Every method raises StoreAway where the database does not answer."""

    def __init__(self, url: DatabaseUrl) -> None:
        self._kind = url.kind
        self._engine = open_engine(url)

    # --- tenants ---------------------------------------------------------------------------------------

    def tenants(self, after: str, limit: int, among: Sequence[str] | None = None) -> list[KeptTenant]:
        """The tenants whose ids come after `after`, in order; `among`: only of these."""
        tenants, wallets = self._table("tenants"), self._table("wallets")
        asked = (
            sa.select(
                tenants.c.tenant,
                tenants.c.document,
                wallets.c.currency,
                wallets.c.balance,
                wallets.c.reserved,
            )
            .join(wallets, wallets.c.tenant == tenants.c.tenant)
            .where(tenants.c.tenant > after)
            .order_by(tenants.c.tenant)
            .limit(limit)
        )
        if among is not None:
            asked = asked.where(tenants.c.tenant.in_(among))
        with self._reading() as db:
            return [KeptTenant(*row) for row in db.execute(asked)]

    def documents(self, tenant: str) -> Documents | None:
        """A tenant's documents with all its people; None where there is no such tenant."""
        with self._reading() as db:
            own = self._own(db, tenant)
            if own is None:
                return None
            users, numbers, bindings = (
                self._table(name) for name in ("users", "service_numbers", "deck_bindings")
            )
            bound = sa.select(bindings.c.currency, bindings.c.valid_from_us, bindings.c.version)
            return Documents(
                own,
                list(db.scalars(sa.select(users.c.document).where(users.c.tenant == tenant))),
                list(db.scalars(sa.select(numbers.c.document).where(numbers.c.tenant == tenant))),
                [
                    (currency, from_us, version)
                    for currency, from_us, version in db.execute(bound.where(bindings.c.tenant == tenant))
                ],
            )

    def config_version(self, tenant: str) -> int | None:
        """A number that changes with a tenant's documents; None where there is no such tenant."""
        wallets = self._table("wallets")
        with self._reading() as db:
            return db.scalar(sa.select(wallets.c.config_version).where(wallets.c.tenant == tenant))

    def document(self, tenant: str) -> str | None:
        """A tenant's own document; None where there is no such tenant."""
        with self._reading() as db:
            return self._own(db, tenant)

    def people(self, name: str, tenant: str, after: str, limit: int) -> list[tuple[str, str]]:
        """(key, document) of `users` or `service_numbers`, in order of key, after one."""
        asked = self._table(name)
        key = asked.c["user_key" if name == "users" else "number"]
        found = (
            sa.select(key, asked.c.document)
            .where(asked.c.tenant == tenant, key > after)
            .order_by(key)
            .limit(limit)
        )
        with self._reading() as db:
            return [(known, document) for known, document in db.execute(found)]

    # --- money -----------------------------------------------------------------------------------------

    def wallet(self, tenant: str) -> KeptWallet | None:
        """The wallet with the facts of the lots that hold money; None where there is no such tenant."""
        wallets, lots = self._table("wallets"), self._table("lots")
        names = ("tenant", "currency", "time_zone", "balance", "overdraft", "reserved", "charge", "last_us")
        with self._reading() as db:
            asked = sa.select(*(wallets.c[name] for name in names), wallets.c.lots)
            row = db.execute(asked.where(wallets.c.tenant == tenant)).first()
            if row is None:
                return None
            live = _lots.decode(row[-1])
            bought = sa.select(lots).where(lots.c.tenant == tenant, lots.c.lot.in_([lot.lot for lot in live]))
            facts = {fact.lot: fact for fact in db.execute(bought)}
        return KeptWallet._make((*row[:-1], tuple(_lot(lot, facts.get(lot.lot)) for lot in live)))

    def lot_of(self, tenant: str, reference: str) -> tuple[int, int, str] | None:
        """(lot, micros, origin) of what a payment bought; None where it bought nothing yet."""
        lots = self._table("lots")
        # The index over lots with a reference is used only where the statement asks for one.
        asked = sa.select(lots.c.lot, lots.c.amount, lots.c.origin).where(
            lots.c.tenant == tenant, lots.c.reference == reference, sa.text("reference <> ''")
        )
        with self._reading() as db:
            row = db.execute(asked).first()
        return None if row is None else (row.lot, row.amount, row.origin)

    def counters(self, tenant: str, periods: Sequence[int]) -> dict[tuple[str, int], Counter]:
        """The counters of pools and caps in some periods, by name and period."""
        counters = self._table("counters")
        asked = sa.select(counters.c.counter, counters.c.period, counters.c.used, counters.c.reserved).where(
            counters.c.tenant == tenant, counters.c.period.in_(periods)
        )
        with self._reading() as db:
            return {
                (name, period): Counter(used, reserved) for name, period, used, reserved in db.execute(asked)
            }

    def entries(self, tenant: str, before: int, limit: int) -> list[Entry]:
        """The entries with numbers below `before`, newest first."""
        journal = self._table("journal")
        asked = (
            sa.select(*_columns(journal, Entry._fields))
            .where(journal.c.tenant == tenant, journal.c.number < before)
            .order_by(journal.c.number.desc())
            .limit(limit)
        )
        with self._reading() as db:
            return [_entry(row) for row in db.execute(asked)]

    def standing(self, tenant: str) -> Standing | None:
        """How a tenant's money was last seen to stand; None where there is no such tenant."""
        wallets = self._table("wallets")
        with self._reading() as db:
            text = db.scalar(sa.select(wallets.c.standing).where(wallets.c.tenant == tenant))
        return None if text is None else standing_of(text)

    def days(self, tenant: str, since: int, until: int) -> list[tuple[int, int, int]]:
        """(local day since 1970, micros paid, calls) of the days in [since, until) on which calls ended."""
        days = self._table("days")
        asked = (
            sa.select(days.c.day, days.c.paid, days.c.calls)
            .where(days.c.tenant == tenant, days.c.day >= since, days.c.day < until)
            .order_by(days.c.day)
        )
        with self._reading() as db:
            return [(row.day, row.paid, row.calls) for row in db.execute(asked)]

    def lots(self, tenant: str, before: int, limit: int) -> list[NewLot]:
        """The facts of all lots below a number, newest first, spent and expired ones too."""
        lots = self._table("lots")
        asked = (
            sa.select(*_columns(lots, NewLot._fields))
            .where(lots.c.tenant == tenant, lots.c.lot < before, lots.c.lot > 0)
            .order_by(lots.c.lot.desc())
            .limit(limit)
        )
        with self._reading() as db:
            return [NewLot._make(row) for row in db.execute(asked)]

    # --- payments and papers -----------------------------------------------------------------------------

    def payment(self, tenant: str, payment: str) -> Payment | None:
        """One payment; None where there is none of this name."""
        payments = self._table("payments")
        asked = sa.select(*_columns(payments, Payment._fields))
        with self._reading() as db:
            row = db.execute(asked.where(payments.c.tenant == tenant, payments.c.payment == payment)).first()
        return None if row is None else Payment._make(row)

    def payments(
        self, tenant: str, before: tuple[int, str], limit: int, kinds: Sequence[str] = ()
    ) -> list[Payment]:
        """Payments, newest first; `before`: (instant, name) of the last one of the page before."""
        payments = self._table("payments")
        at_us, name = before
        asked = sa.select(*_columns(payments, Payment._fields)).where(
            payments.c.tenant == tenant,
            sa.or_(payments.c.at_us < at_us, sa.and_(payments.c.at_us == at_us, payments.c.payment < name)),
        )
        if kinds:
            asked = asked.where(payments.c.kind.in_(kinds))
        asked = asked.order_by(payments.c.at_us.desc(), payments.c.payment.desc()).limit(limit)
        with self._reading() as db:
            return [Payment._make(row) for row in db.execute(asked)]

    def paper(self, tenant: str, kind: str, key: str) -> Paper | None:
        """One paper; None where there is none of this kind and key."""
        papers = self._table("papers")
        asked = sa.select(*_columns(papers, Paper._fields)).where(
            papers.c.tenant == tenant, papers.c.kind == kind, papers.c.key == key
        )
        with self._reading() as db:
            row = db.execute(asked).first()
        return None if row is None else Paper._make(row)

    def papers(self, tenant: str, kind: str, after: str, limit: int, *, newest: bool = False) -> list[Paper]:
        """Papers of a kind whose keys come after one, in order of key.

        `newest` turns the order round: keys below `after`, "" for all.
        """
        papers = self._table("papers")
        asked = sa.select(*_columns(papers, Paper._fields)).where(
            papers.c.tenant == tenant, papers.c.kind == kind
        )
        if newest:
            asked = asked.order_by(papers.c.key.desc())
            asked = asked.where(papers.c.key < after) if after else asked
        else:
            asked = asked.where(papers.c.key > after).order_by(papers.c.key)
        with self._reading() as db:
            return [Paper._make(row) for row in db.execute(asked.limit(limit))]

    def tenants_with_papers(self, *kinds: str) -> list[str]:
        """The tenants that have a paper of one of these kinds, in order, by one question."""
        papers = self._table("papers")
        asked = sa.select(papers.c.tenant).where(papers.c.kind.in_(kinds)).distinct()
        asked = asked.order_by(papers.c.tenant)
        with self._reading() as db:
            return list(db.scalars(asked))

    # --- calls -----------------------------------------------------------------------------------------

    def open_sessions(self, tenant: str, limit: int) -> list[SessionRow]:
        """Calls in progress, those first that are due first.

        On SQLite by the index over open sessions, of all tenants: a tenant's closed ones are many more.
        """
        sessions = self._table("sessions")
        own = sessions.c.tenant if self._kind == "postgresql" else sessions.c.tenant.concat("")
        asked = (
            sa.select(*_columns(sessions, SESSION_COLUMNS))
            .where(sessions.c.state == _OPEN, own == tenant)
            .order_by(sessions.c.due_us)
            .limit(limit)
        )
        with self._reading() as db:
            return [session_of(row) for row in db.execute(asked)]

    def charges(self, tenant: str, before: int, limit: int) -> list[Charge]:
        """The charges with numbers below `before`, newest first.

        A tenant's numbers have no gaps, so it is known how many there are: on SQLite, where only the order of
        writing is an index, the search from the end stops with the last of them.
        """
        wallets = self._table("wallets")
        with self._reading() as db:
            newest = db.scalar(sa.select(wallets.c.charge).where(wallets.c.tenant == tenant)) or 0
            wanted = min(limit, newest, before - 1)
            return self._charges(db, tenant, min(before, newest + 1), wanted) if wanted > 0 else []

    def call(self, tenant: str, call_id: str) -> KeptCall | None:
        """A call with its charges and their entries; None where nobody knows it.

        By the call id of a session, else by the identity of a row that was imported, else by the call id of
        such a row. The session, or the row, knows its newest charge, a charge the one that it corrects.
        Raises SeveralRows where rows share the call id.
        """
        sessions = self._table("sessions")
        asked = sa.select(*_columns(sessions, SESSION_COLUMNS))
        with self._reading() as db:
            row = db.execute(asked.where(sessions.c.tenant == tenant, sessions.c.call_id == call_id)).first()
            session = self._imported(db, tenant, call_id) if row is None else session_of(row)
            if session is None:
                return None
            charges: list[Charge] = []
            number = session.charge
            while number:
                found = self._charges(db, tenant, number + 1, 1)
                charges.insert(0, found[0])
                number = found[0].corrects
            return KeptCall(session, tuple(charges), tuple(self._entries_of(db, tenant, charges)))

    def _imported(self, db: sa.Connection, tenant: str, word: str) -> SessionRow | None:
        """A row that was imported, in place of the session that it does not have."""
        rows = self._table("imported")
        for column in (rows.c.identity, rows.c.call_id):
            asked = (
                sa.select(rows.c.identity, rows.c.charge)
                .where(rows.c.tenant == tenant, column == word, sa.text(f"{column.name} <> ''"))
                .order_by(rows.c.identity)
                .limit(SHOWN_ROWS + 1)
            )
            found = db.execute(asked).all()
            if len(found) > 1:
                raise SeveralRows(word, [identity for identity, _ in found])
            if found:
                return SessionRow(word, State.IMPORTED, 0, found[0].charge, None)
        return None

    def _charges(self, db: sa.Connection, tenant: str, before: int, wanted: int) -> list[Charge]:
        """So many charges with numbers below `before`, newest first; there are as many."""
        charges = self._table("charges")
        asked = (
            sa.select(*_columns(charges, Charge._fields))
            .where(charges.c.tenant == tenant, charges.c.number < before)
            .order_by(charges.c.id.desc() if self._kind == "sqlite" else charges.c.number.desc())
            .limit(wanted)
        )
        return [Charge(*row) for row in db.execute(asked)]

    def _entries_of(self, db: sa.Connection, tenant: str, charges: Sequence[Charge]) -> Iterator[Entry]:
        """The entries of charges: they follow the first one, at most one a lot and two more."""
        journal = self._table("journal")
        bodies = [_body.decode(charge.body) for charge in charges]
        most = sum(len(body.lots) for body in bodies) + 2
        for charge, body in zip(charges, bodies, strict=True):
            asked = (
                sa.select(*_columns(journal, Entry._fields))
                .where(
                    journal.c.tenant == tenant,
                    journal.c.number >= body.entry,
                    journal.c.number < body.entry + most,
                    journal.c.charge == charge.number,
                )
                .order_by(journal.c.number)
            )
            for row in db.execute(asked):
                yield _entry(row)

    # --- what happened -----------------------------------------------------------------------------------

    def audit(self, tenant: str, before: int, limit: int, search: str = "") -> list[KeptChange]:
        """The changes by hand with numbers below `before`, newest first; tenant "" is the installation.

        `search`: only those in which it stands somewhere, in any letter case.
        """
        columns = _columns(self._table("audit"), ("who", "what", "before", "after"))
        found = sa.or_(*(column.icontains(search, autoescape=True) for column in columns))
        rows = self._numbered(
            "audit", KeptChange._fields, tenant, before, limit, found if search else sa.true()
        )
        return [KeptChange._make(row) for row in rows]

    def outbox(self, tenant: str, before: int, limit: int, kind: str = "") -> list[KeptNotice]:
        """What people are told or were, with numbers below `before`, newest first; `kind`: one event."""
        is_kind = self._table("outbox").c.kind == kind if kind else sa.true()
        rows = self._numbered("outbox", KeptNotice._fields, tenant, before, limit, is_kind)
        return [KeptNotice._make(row) for row in rows]

    def _numbered(
        self,
        name: str,
        fields: Sequence[str],
        tenant: str,
        before: int,
        limit: int,
        wanted: sa.ColumnElement[bool],
    ) -> Sequence[sa.Row[Any]]:
        asked = self._table(name)
        page = (
            sa.select(*_columns(asked, fields))
            .where(asked.c.tenant == tenant, asked.c.id < before, wanted)
            .order_by(asked.c.id.desc())
            .limit(limit)
        )
        with self._reading() as db:
            return db.execute(page).all()

    def stock(self) -> tuple[int, list[tuple[str, int, int]]]:
        """How many calls are in progress, and (currency, balance, reserved) in micros of all wallets."""
        sessions, wallets = self._table("sessions"), self._table("wallets")
        held = sa.select(
            wallets.c.currency, sa.func.sum(wallets.c.balance), sa.func.sum(wallets.c.reserved)
        ).group_by(wallets.c.currency)
        with self._reading() as db:
            count = db.scalar(sa.select(sa.func.count()).where(sessions.c.state == _OPEN)) or 0
            return count, [(currency, int(has), int(kept)) for currency, has, kept in db.execute(held)]

    # --- the database ----------------------------------------------------------------------------------

    def _own(self, db: sa.Connection, tenant: str) -> str | None:
        tenants = self._table("tenants")
        return db.scalar(sa.select(tenants.c.document).where(tenants.c.tenant == tenant))

    def _table(self, name: str) -> sa.Table:
        return table(self._kind, name)

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with away_is_said(), self._engine.connect() as connection:
            yield connection


@contextmanager
def away_is_said() -> Iterator[None]:
    """Turns what a driver raises into StoreAway."""
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError, DatabaseError) as error:
        raise StoreAway(f"the database does not answer: {' '.join(str(error).split())}") from error


def _columns(asked: sa.Table, names: Sequence[str]) -> list[sa.Column[Any]]:
    return [asked.c[name] for name in names]


def _entry(row: Sequence[Any]) -> Entry:
    entry = Entry._make(row)
    return entry._replace(hash=bytes(entry.hash))


def _lot(lot: Lot, facts: Any) -> KeptLot:
    """A lot that a correction opened again has no purchase of its own only where its number is unknown."""
    if facts is None:
        return KeptLot(lot.lot, 0, lot.expires_us, lot.left, "", "", lot.left, lot.held)
    return KeptLot(
        lot.lot,
        facts.bought_us,
        lot.expires_us,
        facts.amount,
        facts.origin,
        facts.reference,
        lot.left,
        lot.held,
    )
