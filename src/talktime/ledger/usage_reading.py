"""Reads of charged calls as usage: pages newest first, whole spans of time, sums, what used a pool.

A call that was corrected counts once, with its newest charge. A page does not move when new calls come: its
cursor says how far the ledger reached when the first page was read. SQLite has no index by tenant here, only
the order of writing, so time is bisected and spans that hold nothing are remembered (rulings.md 35).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import msgspec
import sqlalchemy as sa

from talktime.ledger.database import DatabaseUrl, open_engine
from talktime.ledger.reading import away_is_said
from talktime.ledger.records import NO_CHARGE, Charge, ChargeBody

EARLY_US: Final = 86_400_000_000
"""How long before its start a call is charged at the earliest: clocks of switches go wrong by less."""

BLOCK: Final = 4_096
"""Charges whose earliest and latest starts are remembered together."""

PAGE_ROWS: Final = 2_000
"""Charges of a span that are read at a time."""

_FIRST_BLOCKS: Final = 4
_MAX_BLOCKS: Final = 400_000

_body: Final = msgspec.json.Decoder(ChargeBody)
_CHARGE: Final = ", ".join(f"c.{name}" for name in Charge._fields)
_SUMS: Final = "count(*), " + ", ".join(
    f"coalesce(sum(c.{name}), 0)"
    for name in ("billed_s", "pool_s", "paid_s", "amount", "credits", "post_usage", "overdraft")
)

# A place is what charges of a tenant are ordered by: the row's number in the file, or the charge's own.
_PLACE: Final = {"sqlite": "c.id", "postgresql": "c.number"}
_AMONG: Final = {
    "sqlite": "select value from json_each(:users)",
    "postgresql": "select json_array_elements_text(cast(:users as json))",
}
# Where the facts of a call stand in the body of its charge (records.ChargeBody, records.Facts).
_FACT: Final = {
    "sqlite": "json_extract(c.body, '$[0][{at}]')",
    "postgresql": "cast(c.body as json) #>> '{{0,{at}}}'",
}
_USER, _SERVICE, _CALLEE = 1, 2, 4
_POOLS: Final = {
    "sqlite": (
        "json_each(c.body, '$[3]') p",
        "json_extract(p.value, '$[0]')",
        "json_extract(p.value, '$[1]')",
    ),
    "postgresql": (
        "json_array_elements(cast(c.body as json) -> 3) p(value)",
        "p.value ->> 0",
        "cast(p.value ->> 1 as bigint)",
    ),
}

_ENDED: Final = {
    "sqlite": "c.start_us + 1000000 * coalesce(nullif(json_extract(c.body, '$[10]'), 0),"
    " json_extract(c.body, '$[1]'))",
    "postgresql": "c.start_us + 1000000 * coalesce(nullif(cast(cast(c.body as json) ->> 10 as bigint), 0),"
    " cast(cast(c.body as json) ->> 1 as bigint))",
}
"""The end of a call as its row has it: its start and the seconds that were charged, else its duration."""

Keys = tuple[str, str]


class Asked(NamedTuple):
    """Which calls: started in [from_us, until_us), by these users (names in lower case, () for all).

    `call_type` and `category` "" for all.
    """

    tenant: str
    from_us: int
    until_us: int
    users: tuple[str, ...] = ()
    call_type: str = ""
    category: str = ""


class Cursor(NamedTuple):
    """Where a page ends, and how far the ledger reached when the first one was read."""

    top: int
    top_number: int
    place: int


class UsedCall(NamedTuple):
    """The newest charge of a call with its split and facts."""

    charge: Charge
    body: ChargeBody


class UsedPage(NamedTuple):
    """Calls, newest charge first; `next` is where the next page begins, None on the last."""

    calls: list[UsedCall]
    next: Cursor | None


class Sums(NamedTuple):
    """Calls, seconds and micros of a group of calls."""

    calls: int
    billed_s: int
    pool_s: int
    paid_s: int
    amount: int
    credits: int
    post_usage: int
    overdraft: int

    def plus(self, other: Sums) -> Sums:
        """Both together."""
        return Sums(*(a + b for a, b in zip(self, other, strict=True)))


NO_SUMS: Final = Sums(0, 0, 0, 0, 0, 0, 0, 0)

BY: Final = ("category", "country", "user", "service_number", "cost_centre")
"""What calls are summed by; a country is that of the called number, worked out by whoever asked."""


class UsageReader:
    """Reads one database; keep it, it remembers which spans of the ledger hold what. Raises StoreAway."""

    def __init__(self, url: DatabaseUrl) -> None:
        self._kind = url.kind
        self.place = _PLACE[url.kind]
        self._engine = open_engine(url)
        self._blocks: dict[tuple[str, int], tuple[int, int] | None] = {}

    # --- pages -----------------------------------------------------------------------------------------

    def page(self, asked: Asked, after: Cursor | None, limit: int) -> UsedPage:
        """The next `limit` calls after a cursor (None: the newest ones)."""
        found: list[tuple[int, UsedCall]] = []
        with self.reading() as db:
            cursor = after or self._top(db, asked.tenant)
            for low, high in self._spans(db, asked, cursor.place):
                end = high
                while end > low and len(found) <= limit:
                    wanted = limit + 1 - len(found)
                    rows = self._rows(db, asked, low, end, wanted)
                    found += self._newest(db, asked.tenant, rows, cursor)
                    end = rows[-1][0] if len(rows) == wanted else low
                if len(found) > limit:
                    break
        more = len(found) > limit
        shown = found[:limit]
        return UsedPage([call for _, call in shown], cursor._replace(place=shown[-1][0]) if more else None)

    def _top(self, db: sa.Connection, tenant: str) -> Cursor:
        """The end of the ledger now; the places of pages lie below `place`."""
        newest = db.scalar(sa.text("select charge from wallets where tenant = :t"), {"t": tenant}) or 0
        top = newest
        if self._kind == "sqlite":
            top = db.scalar(sa.text("select max(id) from charges")) or 0
        return Cursor(top, newest, top + 1)

    def _spans(self, db: sa.Connection, asked: Asked, high: int) -> Iterator[tuple[int, int]]:
        """[low, high) of places that may hold calls of the time that is asked for, the newest first.

        Most pages are full before time has to be bisected.
        """
        near = max(1, (high - 1) // BLOCK * BLOCK - (_FIRST_BLOCKS - 1) * BLOCK)
        if near < high:
            yield near, high
        if near > 1:
            low = self.first(db, asked.tenant, asked.from_us, near)
            if low < near:
                yield from self._old_spans(db, asked, low, near)

    def _old_spans(self, db: sa.Connection, asked: Asked, low: int, high: int) -> Iterator[tuple[int, int]]:
        self._look_at_blocks(db, asked.tenant, low // BLOCK, high // BLOCK)
        end = 0
        for block in range(high // BLOCK - 1, low // BLOCK - 1, -1):
            starts = self._blocks[asked.tenant, block]
            if starts is not None and starts[0] < asked.until_us and starts[1] >= asked.from_us:
                end = end or (block + 1) * BLOCK
            elif end:
                yield max(low, (block + 1) * BLOCK), end
                end = 0
        if end:
            yield low, end

    def _look_at_blocks(self, db: sa.Connection, tenant: str, first: int, last: int) -> None:
        """Remembers the starts of whole blocks first to last - 1; charges are only added, never moved."""
        unknown = [block for block in range(first, last) if (tenant, block) not in self._blocks]
        if not unknown:
            return
        if len(self._blocks) > _MAX_BLOCKS:
            self._blocks.clear()
            unknown = list(range(first, last))
        asked = sa.text(
            f"select {self.place} / {BLOCK}, min(c.start_us), max(c.start_us) from charges c"
            f" where c.tenant = :tenant and {self.place} >= :low and {self.place} < :high"
            f" group by {self.place} / {BLOCK}"
        )
        told = {"tenant": tenant, "low": unknown[0] * BLOCK, "high": (unknown[-1] + 1) * BLOCK}
        found = {block: (early, late) for block, early, late in db.execute(asked, told)}
        for block in unknown:
            self._blocks[tenant, block] = found.get(block)

    def first(self, db: sa.Connection, tenant: str, from_us: int, high: int) -> int:
        """The first place at which a call of the time asked for may stand: charging times rise with it."""
        since_us, low = from_us - EARLY_US, 1
        while low < high:
            middle = (low + high) // 2  # rounded down: below `high`
            at_us = self._charged_at(db, tenant, middle)
            if at_us is None or at_us >= since_us:
                high = middle
            else:
                low = middle + 1
        return low

    def _charged_at(self, db: sa.Connection, tenant: str, place: int) -> int | None:
        whose = "" if self._kind == "sqlite" else "c.tenant = :tenant and "
        asked = sa.text(
            f"select c.at_us from charges c where {whose}{self.place} >= :place order by {self.place} limit 1"
        )
        told = {"place": place} | ({"tenant": tenant} if whose else {})
        at_us: int | None = db.scalar(asked, told)
        return at_us

    def _rows(self, db: sa.Connection, asked: Asked, low: int, high: int, wanted: int) -> Sequence[Any]:
        query = sa.text(
            f"select {self.place}, {_CHARGE} from charges c"
            f" where c.tenant = :tenant and {self.place} >= :low and {self.place} < :high"
            f"{self._filters(asked)} order by {self.place} desc limit :wanted"
        )
        return db.execute(query, _told(asked) | {"low": low, "high": high, "wanted": wanted}).all()

    def _filters(self, asked: Asked) -> str:
        text = " and c.start_us >= :from_us and c.start_us < :until_us and c.at_us >= :since_us"
        if asked.users:
            text += f" and lower(c.user_name) in ({_AMONG[self._kind]})"
        if asked.category:
            text += " and c.category = :category"
        if asked.call_type:
            text += " and substr(c.body, 1, :head_length) = :head"
        return text

    # --- which charge of a call is the newest ------------------------------------------------------------

    def _newest(
        self, db: sa.Connection, tenant: str, rows: Sequence[Any], cursor: Cursor
    ) -> list[tuple[int, UsedCall]]:
        """Of some charges those that were the newest of their calls when the first page was read."""
        calls = [(row[0], UsedCall(Charge(*row[1:]), _body.decode(row[-1]))) for row in rows]
        newest = newest_numbers(db, tenant, [key_of(call.charge, call.body) for _, call in calls])
        late = {number for number in newest.values() if number > cursor.top_number}
        before = self._corrected_later(db, tenant, cursor) if late else {}
        shown = []
        for place, call in calls:
            number = newest.get(key_of(call.charge, call.body), call.charge.number)
            while number > cursor.top_number and number in before:
                number = before[number]
            if number == call.charge.number:
                shown.append((place, call))
        return shown

    def _corrected_later(self, db: sa.Connection, tenant: str, cursor: Cursor) -> dict[int, int]:
        """Number of each correction that came since the first page -> the charge that it replaces."""
        query = sa.text(
            f"select c.number, c.corrects from charges c where c.tenant = :tenant"
            f" and {self.place} > :top and c.corrects <> {NO_CHARGE}"
        )
        found = db.execute(query, {"tenant": tenant, "top": cursor.top})
        return {number: corrects for number, corrects in found}  # noqa: C416 - rows are no plain pairs

    # --- a whole span ------------------------------------------------------------------------------------

    def end(self, tenant: str) -> Cursor:
        """How far the ledger reaches now; what is read up to there stays the same."""
        with self.reading() as db:
            return self._top(db, tenant)

    def calls(self, asked: Asked, end: Cursor) -> Iterator[list[UsedCall]]:
        """All calls of a span as they stood at `end`, newest first, in pieces.

        Each piece is a transaction of its own: nobody waits for whoever reads.
        """
        with self.reading() as db:
            low = self.first(db, asked.tenant, asked.from_us, end.top + 1)
            replaced = self._replaced(db, asked, low, end)
        high = end.top + 1
        while True:
            with self.reading() as db:
                rows = self._rows(db, asked, low, high, PAGE_ROWS)
            charges = [Charge(*row[1:]) for row in rows]
            yield [
                UsedCall(charge, _body.decode(charge.body))
                for charge in charges
                if charge.number not in replaced
            ]
            if len(rows) < PAGE_ROWS:
                return
            high = rows[-1][0]

    def _replaced(self, db: sa.Connection, asked: Asked, low: int, end: Cursor) -> set[int]:
        query = sa.text(f"select c.corrects from charges c where {self._corrections(asked)}")
        return set(db.scalars(query, self._span(asked, low, end)))

    # --- sums --------------------------------------------------------------------------------------------

    def sums(self, asked: Asked, end: Cursor, by: str) -> dict[Keys, Sums]:
        """Sums by what is asked for; the keys are as the ledger has them, ("Sales", ""), by `by`:

        category ("toll_free", ""), country (called number, ""), user (as the switch named it, ""),
        service_number (number, ""), cost_centre (user, service number). Raises KeyError for another `by`.
        """
        first, second = self._keys(by)
        with self.reading() as db:
            low = self.first(db, asked.tenant, asked.from_us, end.top + 1)
            query = sa.text(
                f"select {first}, {second}, {_SUMS} from charges c where {self._in_span(asked)}"
                f" and c.number not in (select c.corrects from charges c where {self._corrections(asked)})"
                " group by 1, 2"
            )
            rows = db.execute(query, self._span(asked, low, end)).all()
        return {(row[0] or "", row[1] or ""): Sums(*map(int, row[2:])) for row in rows}

    def total(self, asked: Asked, end: Cursor) -> Sums:
        """The sum of all charges of a span less that of those which were replaced: another way to the same.

        Works without groups, so it tells what `sums` may have lost.
        """
        with self.reading() as db:
            span = self._span(asked, self.first(db, asked.tenant, asked.from_us, end.top + 1), end)
            every = sa.text(f"select {_SUMS} from charges c where {self._in_span(asked)}")
            gone = sa.text(
                f"select {_SUMS} from charges c where {self._in_span(asked)}"
                f" and c.number in (select c.corrects from charges c where {self._corrections(asked)})"
            )
            both = [Sums(*map(int, db.execute(query, span).one())) for query in (every, gone)]
        return Sums(*(a - b for a, b in zip(*both, strict=True)))

    def consumers(self, asked: Asked, pool: str, period: int) -> tuple[int, dict[Keys, tuple[int, int]]]:
        """What a pool's counter of a period says, and (user, service number) -> (calls, seconds) of it.

        Both as they stood at one instant.
        """
        source, name, seconds = _POOLS[self._kind]
        user, service = (_FACT[self._kind].format(at=at) for at in (_USER, _SERVICE))
        query = sa.text(
            f"select {user}, {service}, count(*), sum({seconds}) from charges c, {source}"
            f" where {self._in_span(asked)} and c.pool_s > 0 and {name} = :pool"
            f" and c.number not in (select c.corrects from charges c where {self._corrections(asked)})"
            " group by 1, 2"
        )
        counted = sa.text(
            "select used from counters where tenant = :tenant and counter = :pool and period = :period"
        )
        with self.reading() as db:
            if self._kind == "postgresql":
                db = db.execution_options(isolation_level="REPEATABLE READ")  # noqa: PLW2901 - the same one
            end = self._top(db, asked.tenant)
            span = self._span(asked, self.first(db, asked.tenant, asked.from_us, end.top + 1), end)
            rows = db.execute(query, span | {"pool": pool}).all()
            used_s = db.scalar(counted, {"tenant": asked.tenant, "pool": pool, "period": period}) or 0
        return used_s, {(row[0] or "", row[1] or ""): (int(row[2]), int(row[3])) for row in rows}

    def used_up(self, asked: Asked, pool: str, size_s: int) -> int | None:
        """The end of the call that, in the order of their ends, took so much of a pool; None for no such."""
        source, name, seconds = _POOLS[self._kind]
        ended = _ENDED[self._kind]
        query = sa.text(
            f"select min(at_us) from (select {ended} as at_us,"
            f" sum({seconds}) over (order by {ended}, {self.place} rows unbounded preceding) as used_s"
            f" from charges c, {source} where {self._in_span(asked)} and c.pool_s > 0 and {name} = :pool"
            f" and c.number not in (select c.corrects from charges c where {self._corrections(asked)})"
            ") as calls where used_s >= :size_s"
        )
        with self.reading() as db:
            end = self._top(db, asked.tenant)
            span = self._span(asked, self.first(db, asked.tenant, asked.from_us, end.top + 1), end)
            at_us: int | None = db.scalar(query, span | {"pool": pool, "size_s": size_s})
        return at_us

    def at(self, tenant: str, places: Sequence[int]) -> list[UsedCall]:
        """The calls at some places, in the order of the places."""
        query = sa.text(
            f"select {self.place}, {_CHARGE} from charges c where c.tenant = :tenant"
            f" and {self.place} in :places"
        ).bindparams(sa.bindparam("places", expanding=True))
        if not places:
            return []
        with self.reading() as db:
            rows = {row[0]: row for row in db.execute(query, {"tenant": tenant, "places": list(places)})}
        return [UsedCall(Charge(*rows[at][1:]), _body.decode(rows[at][-1])) for at in places if at in rows]

    def _keys(self, by: str) -> Keys:
        user, service, callee = (_FACT[self._kind].format(at=at) for at in (_USER, _SERVICE, _CALLEE))
        return {
            "category": ("c.category", "''"),
            "country": (callee, "''"),
            "user": (user, "''"),
            "service_number": (service, "''"),
            "cost_centre": (user, service),
        }[by]

    def _in_span(self, asked: Asked) -> str:
        return f"c.tenant = :tenant and {self.place} >= :low and {self.place} <= :top{self._filters(asked)}"

    def _corrections(self, asked: Asked) -> str:
        """A correction has the start, the user, the type and the category of what it corrects."""
        return f"{self._in_span(asked)} and c.corrects <> {NO_CHARGE}"

    def _span(self, asked: Asked, low: int, end: Cursor) -> dict[str, Any]:
        return _told(asked) | {"low": low, "top": end.top}

    # --- the database ------------------------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection; raises StoreAway."""
        with away_is_said(), self._engine.connect() as connection:
            yield connection


CallKey = tuple[bool, str]
"""(is imported, call id or identity of the row): by what the newest charge of a call is known."""


def key_of(charge: Charge, body: ChargeBody) -> CallKey:
    """By what the newest charge of a charge's call is found."""
    origin = body.origin
    return (False, charge.call_id) if origin is None else (True, origin.identity)


def newest_numbers(db: sa.Connection, tenant: str, keys: Iterable[CallKey]) -> dict[CallKey, int]:
    """The number of the newest charge of each call, as its session or its row of a file knows it."""
    asked = set(keys)
    found: dict[CallKey, int] = {}
    for imported, name, column in ((False, "sessions", "call_id"), (True, "imported", "identity")):
        words = [word for is_imported, word in asked if is_imported is imported]
        if words:
            query = sa.text(
                f"select {column}, charge from {name} where tenant = :tenant and {column} in :words"
            ).bindparams(sa.bindparam("words", expanding=True))
            for word, number in db.execute(query, {"tenant": tenant, "words": words}):
                found[imported, word] = number
    return found


def _told(asked: Asked) -> dict[str, Any]:
    told: dict[str, Any] = {
        "tenant": asked.tenant,
        "from_us": asked.from_us,
        "until_us": asked.until_us,
        "since_us": asked.from_us - EARLY_US,
    }
    if asked.users:
        told["users"] = msgspec.json.encode(asked.users).decode()
    if asked.category:
        told["category"] = asked.category
    if asked.call_type:
        head = f"[[{msgspec.json.encode(asked.call_type).decode()},"
        told |= {"head": head, "head_length": len(head)}
    return told
