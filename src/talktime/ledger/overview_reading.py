"""One look at how a tenant stands: wallet, lots, counters, payments that wait, days, calls in progress.

All in one transaction on one connection, so the parts fit each other, and a page that shows all of them does
not pay for ten connections.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import msgspec
import sqlalchemy as sa

from talktime.ledger.database import DatabaseUrl, open_engine
from talktime.ledger.reading import away_is_said
from talktime.ledger.records import Counter, Lot, Payment, Standing, State
from talktime.ledger.rows import standing_of

MOST_PAYMENTS: Final = 200
"""Payments that wait or are disputed, as many as are read; a tenant has one or two."""

_lots: Final = msgspec.json.Decoder(list[Lot])

# Spelled as in the index over open sessions; on SQLite that index is of all tenants, and there is no other.
_OPEN: Final = {
    "sqlite": f"select count(*) from sessions where state = {State.OPEN.value} and tenant || '' = :t",
    "postgresql": f"select count(*) from sessions where state = {State.OPEN.value} and tenant = :t",
}
_WAITING: Final = (
    f"select {', '.join(Payment._fields)} from payments where tenant = :t"
    " and (state in ('created', 'submitted', 'requires_action', 'unknown') or body like '%\"dispute\"%')"
    " order by at_us desc limit :most"
)


class Asked(NamedTuple):
    """What to look at: the counters of `month`, days from `first_day` on, papers of some kinds.

    `newest` is the kind of paper of which only the newest is read, `all_of` one of which all are.
    """

    tenant: str
    month: int
    first_day: int
    newest: str
    all_of: str


class Looked(NamedTuple):
    """What was seen; money in micros. `ever_funded`: a lot was opened once.

    `payments`: those of which nobody knows how they end, and all that were ever disputed, newest first.
    `days`: [(local day since 1970, micros paid)]; `turn` and `papers` are documents, "" for none.
    """

    currency: str
    balance: int
    overdraft: int
    reserved: int
    lots: tuple[Lot, ...]
    standing: Standing
    ever_funded: bool
    counters: Mapping[tuple[str, int], Counter]
    days: tuple[tuple[int, int], ...]
    payments: tuple[Payment, ...]
    turn: str
    papers: tuple[str, ...]
    open_calls: int

    @property
    def available(self) -> int:
        """What no call has reserved."""
        return self.balance - self.reserved


class OverviewReader:
    """Looks at one database. Methods block and raise StoreAway."""

    def __init__(self, url: DatabaseUrl) -> None:
        self._kind = url.kind
        self._engine = open_engine(url)

    def look(self, asked: Asked) -> Looked | None:
        """How a tenant stands as last committed; None where there is no such tenant."""
        with self._reading() as db:
            wallet = db.execute(
                sa.text(
                    "select currency, balance, overdraft, reserved, lots, standing, next_lot"
                    " from wallets where tenant = :t"
                ),
                {"t": asked.tenant},
            ).first()
            if wallet is None:
                return None
            return Looked(
                wallet.currency,
                wallet.balance,
                wallet.overdraft,
                wallet.reserved,
                tuple(_lots.decode(wallet.lots)),
                standing_of(wallet.standing),
                wallet.next_lot > 1,
                _counters(db, asked),
                _days(db, asked),
                _payments(db, asked),
                _newest(db, asked),
                _papers(db, asked),
                db.scalar(sa.text(_OPEN[self._kind]), {"t": asked.tenant}) or 0,
            )

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with away_is_said(), self._engine.connect() as db:
            if self._kind == "postgresql":
                db = db.execution_options(isolation_level="REPEATABLE READ")  # noqa: PLW2901 - the same one
            yield db


def _counters(db: sa.Connection, asked: Asked) -> dict[tuple[str, int], Counter]:
    query = "select counter, period, used, reserved from counters where tenant = :t and period = :month"
    rows = db.execute(sa.text(query), {"t": asked.tenant, "month": asked.month})
    return {(name, period): Counter(used, reserved) for name, period, used, reserved in rows}


def _days(db: sa.Connection, asked: Asked) -> tuple[tuple[int, int], ...]:
    query = "select day, paid from days where tenant = :t and day >= :first order by day"
    rows = db.execute(sa.text(query), {"t": asked.tenant, "first": asked.first_day})
    return tuple((day, paid) for day, paid in rows)


def _payments(db: sa.Connection, asked: Asked) -> tuple[Payment, ...]:
    rows: Any = db.execute(sa.text(_WAITING), {"t": asked.tenant, "most": MOST_PAYMENTS})
    return tuple(Payment._make(row) for row in rows)


def _newest(db: sa.Connection, asked: Asked) -> str:
    query = "select document from papers where tenant = :t and kind = :kind order by key desc limit 1"
    return db.scalar(sa.text(query), {"t": asked.tenant, "kind": asked.newest}) or ""


def _papers(db: sa.Connection, asked: Asked) -> tuple[str, ...]:
    query = "select document from papers where tenant = :t and kind = :kind order by key"
    return tuple(db.scalars(sa.text(query), {"t": asked.tenant, "kind": asked.all_of}))
