"""Reads of what changed a tenant's balance: sums of the journal between numbers, and the balance before one.

A tenant's entries are numbered without gaps and their instants rise, so a day is a range of numbers that
halving finds; a range is added up in the database. What the balance was before a range is taken from the
charge before it, which wrote it down, so the sums can be held against the wallet (rulings.md 33 and 35).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import msgspec
import sqlalchemy as sa

from talktime.ledger.database import DatabaseUrl, open_engine
from talktime.ledger.reading import away_is_said
from talktime.ledger.records import CHARGED, CREDITS, EXPIRED, OVERDRAFT, ChargeBody

_body: Final = msgspec.json.Decoder(ChargeBody)

_OURS: Final = f"('{CREDITS}', '{OVERDRAFT}')"
_MOVES: Final = (
    f"case when j.credit in {_OURS} then j.amount else 0 end"
    f" - case when j.debit in {_OURS} then j.amount else 0 end"
)
"""What an entry adds to the balance: credits less overdraft."""

_RANGES: Final = {
    "sqlite": ("json_each(:ranges) r", "json_extract(r.value, '$[0]')", "json_extract(r.value, '$[1]')"),
    "postgresql": (
        "json_array_elements(cast(:ranges as json)) r(value)",
        "cast(r.value ->> 0 as bigint)",
        "cast(r.value ->> 1 as bigint)",
    ),
}
_INSTANTS: Final = {
    "sqlite": "select value from json_each(:instants)",
    "postgresql": "select cast(value as bigint) from json_array_elements_text(cast(:instants as json))",
}


class Purse(NamedTuple):
    """A wallet at an instant: micros, and how many entries the journal had then."""

    currency: str
    balance: int
    entries: int


class Moved(NamedTuple):
    """An entry beside the charges of calls that changed the balance by `micros`."""

    number: int
    at_us: int
    kind: str
    lot: int
    micros: int


class Range(NamedTuple):
    """What the entries `first` to `last` together add to the balance; `at_us` is the instant of the last."""

    first: int
    last: int
    at_us: int
    micros: int


class Bought(NamedTuple):
    """Where a lot came from."""

    origin: str
    reference: str


class MoneyReader:
    """Reads one database. Every method blocks and raises StoreAway where it does not answer."""

    def __init__(self, url: DatabaseUrl) -> None:
        self._kind = url.kind
        self._engine = open_engine(url)

    def purse(self, tenant: str) -> Purse | None:
        """The wallet as it was last committed; None where there is no such tenant."""
        asked = sa.text("select currency, balance, number from wallets where tenant = :t")
        with self._reading() as db:
            row = db.execute(asked, {"t": tenant}).first()
        return None if row is None else Purse(*row)

    def instants(self, tenant: str, numbers: Sequence[int]) -> list[int]:
        """The instants of some entries that there are, in the order of their numbers."""
        asked = sa.text(
            "select j.at_us from journal j where j.tenant = :t and j.number in :numbers order by j.number"
        ).bindparams(sa.bindparam("numbers", expanding=True))
        with self._reading() as db:
            return list(db.scalars(asked, {"t": tenant, "numbers": list(numbers)}))

    def numbers_at(self, tenant: str, instants: Sequence[int], low: int, top: int) -> list[int]:
        """For each instant the first entry of [low, top] that is not older; top + 1 where none is.

        All are halved at once inside the database: about twenty looks into an index for each.
        """
        at = "(select j.at_us from journal j where j.tenant = :t and j.number = (s.low + s.high) / 2)"
        asked = sa.text(
            "with recursive search(place, low, high) as ("
            f" select found.value, cast(:low as bigint), cast(:high as bigint)"
            f" from ({_INSTANTS[self._kind]}) as found(value)"
            " union all"
            f" select s.place, case when {at} < s.place then (s.low + s.high) / 2 + 1 else s.low end,"
            f" case when {at} < s.place then s.high else (s.low + s.high) / 2 end"
            " from search s where s.low < s.high)"
            " select place, low from search where low >= high order by place"
        )
        if self._kind == "sqlite":
            asked = sa.text(str(asked).replace("as found(value)", "as found"))
        told = {"t": tenant, "low": low, "high": top + 1, "instants": msgspec.json.encode(instants).decode()}
        with self._reading() as db:
            return [number for _, number in db.execute(asked, told)]

    def others(self, tenant: str, low: int, top: int) -> list[Moved]:
        """The entries of [low, top] that changed the balance and belong to no call, oldest first."""
        asked = sa.text(
            f"select j.number, j.at_us, j.kind, j.lot, {_MOVES} from journal j"
            " where j.tenant = :t and j.number >= :low and j.number <= :top and j.charge = 0"
            f" and (j.credit in {_OURS}) <> (j.debit in {_OURS}) order by j.number"
        )
        with self._reading() as db:
            return [Moved(*row) for row in db.execute(asked, {"t": tenant, "low": low, "top": top})]

    def sums(self, tenant: str, ranges: Sequence[tuple[int, int]]) -> list[Range]:
        """What each range of entries, first and last, adds to the balance; oldest first."""
        source, first, last = _RANGES[self._kind]
        asked = sa.text(
            f"select {first}, {last},"
            f" (select j.at_us from journal j where j.tenant = :t and j.number = {last}),"
            f" (select coalesce(sum({_MOVES}), 0) from journal j"
            f" where j.tenant = :t and j.number >= {first} and j.number <= {last})"
            f" from {source} order by 1"
        )
        told = {"t": tenant, "ranges": msgspec.json.encode(ranges).decode()}
        with self._reading() as db:
            return [Range(*map(int, row)) for row in db.execute(asked, told)]

    def balance_before(self, tenant: str, number: int) -> int:
        """The balance before an entry: what the last charge before it wrote down, and what came since.

        A charge writes down the balance after all that its call moved; one behind which credits expired may
        have counted them, so the one before it is asked. Without any charge the journal is added up.
        """
        with self._reading() as db:
            place, balance = self._anchor(db, tenant, number)
        if place + 1 >= number:
            return balance
        return balance + self.sums(tenant, [(place + 1, number - 1)])[0].micros

    def _anchor(self, db: sa.Connection, tenant: str, number: int) -> tuple[int, int]:
        """(last entry, balance after it) of a charge before an entry; (0, 0) where there is none."""
        asked = sa.text(
            "select j.number, j.at_us, j.charge from journal j"
            " where j.tenant = :t and j.number < :number and j.kind = :charged and not exists ("
            " select 1 from journal n where n.tenant = :t and n.number = j.number + 1"
            " and (n.charge = j.charge or n.kind = :expired))"
            " order by j.number desc limit 1"
        )
        told = {"t": tenant, "number": number, "charged": CHARGED, "expired": EXPIRED}
        found = db.execute(asked, told).first()
        body = None if found is None else self._body_of(db, tenant, found.charge, found.at_us)
        return (0, 0) if found is None or body is None else (found.number, _body.decode(body).balance)

    def _body_of(self, db: sa.Connection, tenant: str, charge: int, at_us: int) -> str | None:
        """The body of a charge that was made at an instant.

        SQLite knows only the order of writing, in which instants rise: the place is found by halving.
        """
        told = {"t": tenant, "charge": charge, "at_us": at_us, "row": 0}
        where, order = "c.at_us = :at_us", ""
        if self._kind == "sqlite":
            told["row"], where, order = _first_row(db, at_us), "c.id >= :row", " order by c.id limit 1"
        query = f"select c.body from charges c where c.tenant = :t and c.number = :charge and {where}{order}"
        body: str | None = db.scalar(sa.text(query), told)
        return body

    def bought(self, tenant: str, lots: Sequence[int]) -> dict[int, Bought]:
        """Where lots came from, by number."""
        asked = sa.text(
            "select lot, origin, reference from lots where tenant = :t and lot in :lots"
        ).bindparams(sa.bindparam("lots", expanding=True))
        with self._reading() as db:
            rows = db.execute(asked, {"t": tenant, "lots": list(lots)})
            return {lot: Bought(origin, reference) for lot, origin, reference in rows}

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with away_is_said(), self._engine.connect() as connection:
            yield connection


def _first_row(db: sa.Connection, at_us: int) -> int:
    """The first row of charges that is not older than an instant."""
    low, high = 1, (db.scalar(sa.text("select max(id) from charges")) or 0) + 1
    query = sa.text("select at_us from charges where id >= :row order by id limit 1")
    while low < high:
        middle = (low + high) // 2  # rounded down: below `high`
        found: Any = db.scalar(query, {"row": middle})
        if found is None or found >= at_us:
            high = middle
        else:
            low = middle + 1
    return low
