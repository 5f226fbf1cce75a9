"""Rate decks as they are stored, and from when which one is in force.

A deck is stored once and never edited: its version is the hash of its content. What all tenants are charged
by is bound here; a tenant's own binding is a document of its own and goes through the engine (rulings.md 14).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from talktime.core.deck import Deck
from talktime.ledger.audit import BY_ITSELF, installation_line
from talktime.ledger.database import DatabaseUrl, open_engine
from talktime.ledger.reading import away_is_said
from talktime.ledger.schema import table

ALL_TENANTS: Final = ""
"""In `deck_bindings`: what holds for all tenants without a binding of their own."""

_deck: Final = msgspec.json.Decoder(Deck)


class KeptDeck(NamedTuple):
    """A stored deck without its rows; `sample`: its prices are not real."""

    version: str
    name: str
    currency: str
    sample: bool
    added_us: int


class Binding(NamedTuple):
    """From an instant on a currency is charged by this version."""

    currency: str
    valid_from_us: int
    version: str


class Decks:
    """The stored decks. The methods block; they raise StoreAway where the database does not answer."""

    def __init__(self, url: DatabaseUrl) -> None:
        self._kind = url.kind
        self._engine = open_engine(url)
        self._decks = table(url.kind, "decks")
        self._bindings = table(url.kind, "deck_bindings")

    def add(self, deck: Deck, now_us: int, who: str = BY_ITSELF) -> bool:
        """Stores a deck; False where its version is there already. The audit log keeps who added it."""
        known = sa.select(self._decks.c.version).where(self._decks.c.version == deck.version)
        document = msgspec.json.encode(deck).decode()
        values = {
            "version": deck.version,
            "name": deck.name,
            "currency": deck.currency,
            "sample": int(deck.sample),
            "document": document,
            "added_us": now_us,
        }
        with away_is_said():
            with self._engine.connect() as db:
                if db.scalar(known) is not None:
                    return False
            with self._engine.begin() as db:
                insert = self._insert(self._decks).values(values).on_conflict_do_nothing()
                added = db.scalar(insert.returning(self._decks.c.version)) is not None
                if added:
                    what = f"deck {deck.version} ({deck.name}) added"
                    db.execute(installation_line(self._kind, now_us, who, what))
                return added

    def listed(self, after: str, limit: int, bound_to: Iterable[str] | None = None) -> list[KeptDeck]:
        """Decks in order of their versions, after one.

        `bound_to`: only those that are bound for one of these tenants, or for all.
        """
        decks = self._decks
        asked = (
            sa.select(*(decks.c[name] for name in KeptDeck._fields))
            .where(decks.c.version > after)
            .order_by(decks.c.version)
            .limit(limit)
        )
        if bound_to is not None:
            asked = asked.where(self._is_bound(bound_to))
        with away_is_said(), self._engine.connect() as db:
            return [_kept(row) for row in db.execute(asked)]

    def _is_bound(self, tenants: Iterable[str]) -> sa.ColumnElement[bool]:
        """That a deck is bound for one of these tenants, or for all: whoever is of them may see it."""
        bound = self._bindings
        among = sa.select(bound.c.version).where(bound.c.tenant.in_([ALL_TENANTS, *tenants]))
        return self._decks.c.version.in_(among)

    def kept(self, version: str, bound_to: Iterable[str] | None = None) -> KeptDeck | None:
        """A deck without its rows; None where this version is not stored. `bound_to` as in `listed`."""
        decks = self._decks
        asked = sa.select(*(decks.c[name] for name in KeptDeck._fields)).where(decks.c.version == version)
        if bound_to is not None:
            asked = asked.where(self._is_bound(bound_to))
        with away_is_said(), self._engine.connect() as db:
            row = db.execute(asked).first()
        return None if row is None else _kept(row)

    def deck(self, version: str) -> Deck | None:
        """A deck with its rows; None where this version is not stored."""
        asked = sa.select(self._decks.c.document).where(self._decks.c.version == version)
        with away_is_said(), self._engine.connect() as db:
            document = db.scalar(asked)
        return None if document is None else _deck.decode(document)

    def bindings(self, tenant: str = ALL_TENANTS) -> tuple[Binding, ...]:
        """The bindings of a tenant, or of all of them, in order of currency and time."""
        bound = self._bindings
        asked = (
            sa.select(bound.c.currency, bound.c.valid_from_us, bound.c.version)
            .where(bound.c.tenant == tenant)
            .order_by(bound.c.currency, bound.c.valid_from_us)
        )
        with away_is_said(), self._engine.connect() as db:
            return tuple(Binding(*row) for row in db.execute(asked))

    def bind_all(self, binding: Binding, who: str, now_us: int) -> None:
        """Binds all tenants that have no binding of their own; the audit log keeps who did it."""
        what = f"deck {binding.version} bound to {binding.currency} for all tenants"
        values = {"tenant": ALL_TENANTS, **binding._asdict()}
        with away_is_said(), self._engine.begin() as db:
            bound = self._insert(self._bindings).values(values)
            key = ["tenant", "currency", "valid_from_us"]
            db.execute(bound.on_conflict_do_update(index_elements=key, set_={"version": binding.version}))
            db.execute(installation_line(self._kind, now_us, who, what))

    def _insert(self, target: sa.Table) -> sqlite.Insert | postgresql.Insert:
        """Both databases know what to do on a conflict, each with a statement of its own."""
        return sqlite.insert(target) if self._kind == "sqlite" else postgresql.insert(target)


def _kept(row: sa.Row[Any]) -> KeptDeck:
    return KeptDeck(row.version, row.name, row.currency, bool(row.sample), row.added_us)
