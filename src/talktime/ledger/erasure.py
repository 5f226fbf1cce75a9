"""A person leaves the ledger on request, its figures stay (domain.md 12).

What the engine holds in memory (counters, documents, sessions) is changed under the wallet's lock with a new
version, by which every process sees that it has to read again. The hash chain has no names (rulings.md 34).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec
import sqlalchemy as sa

from talktime.ledger.audit import INSTALLATION
from talktime.ledger.database import DatabaseUrl, open_engine
from talktime.ledger.forgetting import Forgetting, Texts
from talktime.ledger.records import Change, Charge, ChargeBody, Document, Session, State
from talktime.ledger.rewriting import (
    CHARGE,
    FIND,
    PLACE,
    Rewritten,
    RewrittenMeanwhileError,
    add_to_counter,
    reading,
    rewritten,
    write_charges,
    writing,
)
from talktime.ledger.store import Documents

_LOCK: Final = (
    "update wallets set version = version + 1, config_version = config_version + 1 where tenant = :tenant"
)
_ASCII_LOWER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}

_encode: Final = msgspec.json.Encoder().encode
_session: Final = msgspec.json.Decoder(Session)
_body: Final = msgspec.json.Decoder(ChargeBody)


class ErasureRefusedError(Exception):
    """A person cannot be erased now; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who is to be erased. `forgetting` rewrites calls, `texts` all else that people have written.

    `documents`: asked under the lock with the tenant's documents, what is to stand in their place; it raises
    ErasureRefusedError where they do not allow it.
    """

    tenant: str
    forgetting: Forgetting
    texts: Texts
    documents: Callable[[Documents], Sequence[Document]]


class Erased(NamedTuple):
    """How much named the person: charges, closed sessions, and rows of other tables."""

    charges: int
    sessions: int
    rows: int


_TEXTS: Final = {
    "audit": ("id", ("who", "what", "before", "after")),
    "outbox": ("id", ("body",)),
    "deliveries": ("id", ("recipient", "error")),
    "payments": ("payment", ("body",)),
    "papers": ("key", ("document",)),
}
"""Tables that people's names get into: the column that tells rows apart, and those with text."""

_TRIES: Final = 3
"""How often charges are looked for before the lock; then, if others rewrite them too, under it."""

_KEPT_PAPERS: Final = ("receipt", "credit_note", "invoice")
"""Papers of accounting, which the law keeps as they were sent."""


def erase_person(url: DatabaseUrl, person: Person, who: str, now_us: int) -> Erased:
    """Takes a person out of a tenant's calls, sessions, documents, audit log, notices and other papers.

    One transaction under the wallet's lock; what takes time, finding the charges, is done before it. Figures,
    journal and hash chain are untouched. `who` asked for it stands in the audit log, not whom it was about.
    Raises ErasureRefusedError: calls in progress, or no such person; StoreAway.
    """
    engine = open_engine(url)
    for _ in range(_TRIES):
        with reading(engine) as db:
            found = _naming(db, person, 0)
        try:
            return _erase(engine, person, found, Change(now_us, who, "a person was erased", "", ""))
        except RewrittenMeanwhileError:
            continue
    return _erase(engine, person, Naming(0, []), Change(now_us, who, "a person was erased", "", ""))


def _erase(engine: sa.Engine, person: Person, found: Naming, line: Change) -> Erased:
    """The transaction: what was found before is written if it still is as it was, the rest is read here."""
    tenant = person.tenant
    with writing(engine) as db:
        db.execute(sa.text(_LOCK), {"tenant": tenant})
        _refuse_open_calls(db, person)
        documents = person.documents(_documents(db, tenant))
        charges = [*found.charges, *_naming(db, person, found.top).charges]
        write_charges(db, tenant, charges)
        sessions = _erase_sessions(db, person)
        _rename_counters(db, person)
        rows = sum(_erase_texts(db, person, name) for name in _TEXTS) + _erase_keys(db, person)
        _erase_standing(db, person)
        _stop_deliveries(db, person)
        for document in documents:
            _put_document(db, tenant, document)
        if not (documents or charges or sessions or rows):
            raise ErasureRefusedError("nobody of this name is known here; give the id or the UPN")
        _write_line(db, tenant, line)
    return Erased(len(charges), sessions, rows)


class Naming(NamedTuple):
    """How far the charges were looked through, and those that name the person, rewritten."""

    top: int
    charges: list[Rewritten]


def _naming(db: sa.Connection, person: Person, after: int) -> Naming:
    """Looks through the charges behind `after`, up to the last one there is."""
    kind = db.dialect.name
    place, told = PLACE[kind], {"tenant": person.tenant, "after": after}
    top = db.scalar(
        sa.text(f"select max({place}) from charges c where c.tenant = :tenant and {place} > :after"), told
    )
    if top is None:
        return Naming(after, [])
    sought = (*person.forgetting.names, *person.forgetting.numbers)
    named, words = _named(sought, "c.body", kind)
    rows = db.execute(
        sa.text(
            f"select {place}, {CHARGE} from charges c where c.tenant = :tenant"
            f" and {place} > :after and {place} <= :top and ({named})"
        ),
        told | words | {"top": top},
    )
    found = []
    for row in rows:
        charge = Charge(*row[1:])
        without = rewritten(row[0], charge, _body.decode(charge.body), person.forgetting)
        if (without.user_name, without.body) != (charge.user_name, charge.body):
            found.append(without)
    return Naming(top, found)


def _named(names: Sequence[str], column: str, kind: str) -> tuple[str, dict[str, str]]:
    """A condition that holds at least where a text names the person, in any letter case, and its words.

    SQLite knows the letter case of ASCII only, so other letters are looked for as they are spelled.
    """
    spelled = {form for name in names for form in (name, name.lower(), name.upper())}
    if kind == "sqlite":
        words = sorted({text.translate(_ASCII_LOWER) for text in spelled})
    else:
        words = sorted({text.lower() for text in spelled})
    words = [msgspec.json.encode(word).decode()[1:-1] for word in words]
    told = {f"word{number}": word for number, word in enumerate(words)}
    condition = " or ".join(f"{FIND[kind]}(lower({column}), :{name}) > 0" for name in told)
    return condition or "1 = 0", told


def _refuse_open_calls(db: sa.Connection, person: Person) -> None:
    own = "tenant" if db.dialect.name == "postgresql" else "tenant || ''"  # by the index over open calls
    bodies = db.scalars(
        sa.text(f"select body from sessions where state = {int(State.OPEN)} and {own} = :tenant"),
        {"tenant": person.tenant},
    )
    count = sum(person.forgetting.is_own(_session.decode(body).facts) for body in bodies)
    if count:
        calls = "1 call" if count == 1 else f"{count} calls"
        raise ErasureRefusedError(
            f"this person has {calls} in progress; end them first (calls-in-progress), then erase"
        )


def _erase_sessions(db: sa.Connection, person: Person) -> int:
    """Closed calls keep their answers for three days; the engine reads them anew under the lock."""
    kind = db.dialect.name
    own = "tenant" if kind == "postgresql" else "tenant || ''"
    named, words = _named((*person.forgetting.names, *person.forgetting.numbers), "body", kind)
    rows = db.execute(
        sa.text(
            f"select call_id, body from sessions where state <> {int(State.OPEN)} and body <> ''"
            f" and {own} = :tenant and ({named})"
        ),
        words | {"tenant": person.tenant},
    ).all()
    changed = []
    for call_id, text in rows:
        body = _encode(person.forgetting.session(_session.decode(text), person.texts)).decode()
        if body != text:
            changed.append({"tenant": person.tenant, "call_id": call_id, "body": body})
    if changed:
        db.execute(
            sa.text("update sessions set body = :body where tenant = :tenant and call_id = :call_id"), changed
        )
    return len(changed)


def _rename_counters(db: sa.Connection, person: Person) -> None:
    """All charges of the person go at once, so its counters go as they are."""
    rows = db.execute(
        sa.text("select counter, period, used from counters where tenant = :tenant"),
        {"tenant": person.tenant},
    ).all()
    for counter, period, used in rows:
        new = person.forgetting.counter(counter)
        if new != counter:
            told = {"tenant": person.tenant, "counter": counter, "period": period}
            db.execute(
                sa.text(
                    "delete from counters where tenant = :tenant and counter = :counter and period = :period"
                ),
                told,
            )
            add_to_counter(db, person.tenant, (new, period, used))


def _erase_texts(db: sa.Connection, person: Person, name: str) -> int:
    """Mends the rows of one table of texts that name the person; how many."""
    key, columns = _TEXTS[name]
    named = ""
    words: dict[str, str] = {}
    for column in columns:
        condition, words = _named(person.texts.named, column, db.dialect.name)
        named += f"{' or ' if named else ''}{condition}"
    kind = ", kind" if name == "papers" else ""
    rows = db.execute(
        sa.text(f"select {key}, {', '.join(columns)}{kind} from {name} where tenant = :tenant and ({named})"),
        words | {"tenant": person.tenant},
    ).all()
    changed = 0
    for row in rows:
        if kind and row[-1] in _KEPT_PAPERS:
            continue
        texts = {column: person.texts.without(row[at]) for at, column in enumerate(columns, 1)}
        if list(texts.values()) != list(row[1 : len(columns) + 1]):
            changed += 1
            told = texts | {"tenant": person.tenant, "key": row[0]} | ({"kind": row[-1]} if kind else {})
            sets = ", ".join(f"{column} = :{column}" for column in columns)
            among = " and kind = :kind" if kind else ""
            db.execute(
                sa.text(f"update {name} set {sets} where tenant = :tenant and {key} = :key{among}"), told
            )
    return changed


def _erase_keys(db: sa.Connection, person: Person) -> int:
    """Keys that are for this tenant alone may be called as the person is, and so may lines about them.

    Those lines stand in the log of the installation, where a word may be anybody of any tenant: only what is
    of these keys is touched.
    """
    alone = _encode([person.tenant]).decode()
    changed = 0
    for key, name in db.execute(
        sa.text("select id, name from api_keys where tenants = :alone"), {"alone": alone}
    ).all():
        texts = {"name": person.texts.without(name)}
        if texts["name"] != name:
            changed += 1
            db.execute(sa.text("update api_keys set name = :name where id = :key"), texts | {"key": key})
        changed += _erase_lines(db, person, key)
    return changed


def _erase_lines(db: sa.Connection, person: Person, key: str) -> int:
    """Lines of the installation that are about a key or by its holder."""
    columns = _TEXTS["audit"][1]
    rows = db.execute(
        sa.text(
            f"select id, {', '.join(columns)} from audit where tenant = :installation"
            " and (what = :word or what like :begins or who = :word or who like :begins)"
        ),
        {"installation": INSTALLATION, "word": f"key {key}", "begins": f"key {key} %"},
    ).all()
    changed = 0
    for number, *old in rows:
        new = [person.texts.without(text) for text in old]
        if new != old:
            changed += 1
            sets = ", ".join(f"{column} = :{column}" for column in columns)
            told = dict(zip(columns, new, strict=True))
            db.execute(sa.text(f"update audit set {sets} where id = :number"), told | {"number": number})
    return changed


def _erase_standing(db: sa.Connection, person: Person) -> None:
    """What was told once is remembered by names of counters."""
    told = {"tenant": person.tenant}
    text = db.scalar(sa.text("select standing from wallets where tenant = :tenant"), told) or ""
    if person.texts.without(text) != text:
        db.execute(
            sa.text("update wallets set standing = :text where tenant = :tenant"),
            told | {"text": person.texts.without(text)},
        )


def _stop_deliveries(db: sa.Connection, person: Person) -> None:
    """Nobody is left to send to."""
    db.execute(
        sa.text(
            "update deliveries set state = 'failed', error = 'the recipient was erased'"
            " where tenant = :tenant and state = 'waiting' and recipient = :word"
        ),
        {"tenant": person.tenant, "word": person.texts.word},
    )


def _documents(db: sa.Connection, tenant: str) -> Documents:
    told = {"tenant": tenant}
    own = db.scalar(sa.text("select document from tenants where tenant = :tenant"), told)
    if own is None:
        raise ErasureRefusedError(f"there is no tenant {tenant!r}")
    users, numbers = (
        list(db.scalars(sa.text(f"select document from {name} where tenant = :tenant"), told))
        for name in ("users", "service_numbers")
    )
    return Documents(own, users, numbers, ())


def _put_document(db: sa.Connection, tenant: str, document: Document) -> None:
    """A tenant's own document or that of a user; "" removes a user's."""
    told = {"tenant": tenant, "key": document.key, "text": document.text}
    if document.table == "tenants":
        db.execute(sa.text("update tenants set document = :text where tenant = :tenant"), told)
        return
    db.execute(sa.text("delete from users where tenant = :tenant and user_key = :key"), told)
    if document.text:
        db.execute(
            sa.text("insert into users (tenant, user_key, document) values (:tenant, :key, :text)"), told
        )


def _write_line(db: sa.Connection, tenant: str, line: Change) -> None:
    db.execute(
        sa.text(
            "insert into audit (tenant, at_us, who, what, before, after)"
            " values (:tenant, :at_us, :who, :what, :before, :after)"
        ),
        {"tenant": tenant, **line._asdict()},
    )
