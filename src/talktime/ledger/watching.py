"""What a watch looks at every hour: wallets with their tenants, what was paid a day, calls without a rate.

Read in pages over all tenants, beside the engine and without locks. Methods block and raise StoreAway.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

import msgspec
import sqlalchemy as sa

from talktime.ledger.database import DatabaseUrl, open_engine
from talktime.ledger.reading import away_is_said
from talktime.ledger.records import Lot, Standing
from talktime.ledger.rows import standing_of
from talktime.ledger.schema import table

UNRATED_FLAG: Final = "unrated"
SLICE_ROWS: Final = 50_000
"""Charges that are looked at in one read."""

log = logging.getLogger(__name__)

_lots: Final = msgspec.json.Decoder(list[Lot])
_SOUGHT: Final = f'%"{UNRATED_FLAG}"%'


class Watched(NamedTuple):
    """A tenant as it stands; `document` is its own JSON, money in micros.

    `document` is "" where its wallet cannot be read: there is nothing to be said of it.
    """

    tenant: str
    document: str
    balance: int
    reserved: int
    lots: tuple[Lot, ...]
    standing: Standing


class Watching:
    """Reads one database, page by page. `unrated` remembers how far it has looked."""

    def __init__(self, url: DatabaseUrl) -> None:
        self._kind = url.kind
        self._engine = open_engine(url)
        self._seen_us = 0
        self._seen_row = 0
        self._waiting: dict[str, set[int]] = {}

    def tenants(self, after: str, limit: int) -> list[Watched]:
        """Tenants in order of their ids, after one."""
        wallets, tenants = table(self._kind, "wallets").c, table(self._kind, "tenants").c
        asked = (
            sa.select(
                tenants.tenant,
                tenants.document,
                wallets.balance,
                wallets.reserved,
                wallets.lots,
                wallets.standing,
            )
            .join_from(tenants.tenant.table, wallets.tenant.table, wallets.tenant == tenants.tenant)
            .where(tenants.tenant > after)
            .order_by(tenants.tenant)
            .limit(limit)
        )
        with away_is_said(), self._engine.connect() as db:
            rows = db.execute(asked).all()
        return [_watched(*row) for row in rows]

    def days(self, names: Collection[str], from_day: int) -> dict[str, list[tuple[int, int]]]:
        """[(local day, micros paid)] of some tenants, from a day on."""
        days = table(self._kind, "days").c
        asked = sa.select(days.tenant, days.day, days.paid).where(
            days.tenant.in_(names), days.day >= from_day
        )
        found: dict[str, list[tuple[int, int]]] = {name: [] for name in names}
        with away_is_said(), self._engine.connect() as db:
            for name, day, paid in db.execute(asked):
                found[name].append((day, paid))
        return found

    def unrated(self, from_us: int) -> Counter[str]:
        """How many calls without a rate each tenant has among those charged since an instant.

        A charge that corrects another stands in its place: with a rate it ends the waiting. What was looked
        at before is not looked at again, so each time costs what is new. On SQLite charges lie in the order
        of writing, so the search for the beginning halves the rows; on PostgreSQL months are apart.
        """
        while True:
            rows = self._sqlite_slice(from_us) if self._kind == "sqlite" else self._postgres_slice(from_us)
            if rows is None:
                return Counter({name: len(numbers) for name, numbers in self._waiting.items() if numbers})
            for name, number, corrects, is_unrated in rows:
                waiting = self._waiting.setdefault(name, set())
                waiting.discard(corrects)
                if is_unrated:
                    waiting.add(number)

    def _sqlite_slice(self, from_us: int) -> Sequence[tuple[str, int, int, bool]] | None:
        """Unrated charges and corrections among the next rows; None where there are no rows."""
        with away_is_said(), self._engine.connect() as db:
            newest = db.scalar(sa.text("select max(id) from charges")) or 0
            if not self._seen_row:
                self._seen_row = _first_row(db, from_us, newest) - 1
            if self._seen_row >= newest:
                return None
            until = min(self._seen_row + SLICE_ROWS, newest)
            asked = sa.text(
                "select tenant, number, corrects, body like :sought from charges"
                " where id > :after and id <= :until and (corrects <> 0 or body like :sought) order by id"
            )
            rows = db.execute(asked, {"after": self._seen_row, "until": until, "sought": _SOUGHT}).all()
        self._seen_row = until
        return [(name, number, corrects, bool(found)) for name, number, corrects, found in rows]

    def _postgres_slice(self, from_us: int) -> Sequence[tuple[str, int, int, bool]] | None:
        """Unrated charges and corrections since the last look; None the second time.

        What was committed late may have an earlier instant, so a look begins an hour before the last ended.
        """
        since_us = max(from_us, self._seen_us - 3_600_000_000)
        with away_is_said(), self._engine.connect() as db:
            latest = sa.text("select max(at_us) from charges where at_us >= :since")
            newest = db.scalar(latest, {"since": since_us})
            if newest is None or newest == self._seen_us:
                return None
            asked = sa.text(
                "select tenant, number, corrects, body like :sought from charges"
                " where at_us >= :since and at_us <= :newest"
                " and (corrects <> 0 or body like :sought) order by tenant, number"
            )
            given = {"since": since_us, "newest": newest, "sought": _SOUGHT}
            rows = db.execute(asked, given).all()
        self._seen_us = newest
        return [(name, number, corrects, bool(found)) for name, number, corrects, found in rows]


def _watched(name: str, document: str, balance: int, reserved: int, lots: str, standing: str) -> Watched:
    """One row; where it cannot be read the others of its page still can."""
    try:
        return Watched(name, document, balance, reserved, tuple(_lots.decode(lots)), standing_of(standing))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        log.exception("the wallet of tenant %r cannot be read; see `talktime verify`", name)
        return Watched(name, "", balance, reserved, (), Standing())


def _first_row(db: sa.Connection, from_us: int, newest: int) -> int:
    """The first row that is not older than an instant: rows grow with time, so halving finds it."""
    low, high = 1, newest + 1
    at = sa.text("select at_us from charges where id >= :row order by id limit 1")
    while low < high:
        middle = (low + high) // 2
        found = db.scalar(at, {"row": middle})
        if found is None or found >= from_us:
            high = middle
        else:
            low = middle + 1
    return low
