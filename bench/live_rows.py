"""The bare writer of `bench_live.py`: the rows that the store wrote, put into a copy of the same database.

Operations are played in this process, and what the store hands to the database is kept: statements and rows,
transaction by transaction. The bare writer begins, runs the same statements with the same rows, commits, and
does nothing else: no engine, no reading, no locks, and on PostgreSQL one round trip where the store has two.
"""

import asyncio
import gc
import itertools
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

import msgspec
import psycopg

from bench.live_stores import Keeper, copied, count, desk_on
from bench.load import Bodies, Calls, Plan
from talktime.doors.http.live_routes import BATCH_STEP
from talktime.doors.http.wire import item_operation
from talktime.ledger import postgres_store, sqlite_store
from talktime.ledger.database import connect_sqlite, open_url
from talktime.ledger.postgres_writes import writes
from talktime.live.answers import Allowed, Settled
from talktime.live.desk import Desk

Request = Sequence[bytes]
"""The operations that are handed in together, each as in a batch."""

Transaction = list[tuple[str, Any]]
"""What is written and committed at once: (statement, rows)."""

TABLES = ("sessions", "journal", "charges")
# As the store sets its own connection; the statements are the same, so they are planned the same way.
POSTGRES_SETTINGS = "-c jit=off -c plan_cache_mode=force_generic_plan -c enable_seqscan=off"


class Captured(NamedTuple):
    """What a play wrote. The first `warm_up` transactions are not to be counted."""

    transactions: list[Transaction]
    warm_up: int
    rows: list[int]


def requests(tenants: int, batch: int, number: int) -> list[Request]:
    """What `load.py` sends over one connection: so many requests; `batch` 1: calls one operation at a time.

    All of them are expected to be allowed.
    """
    plan = Plan(connections=1, tenants=tenants, batch=batch, scenario="batch" if batch > 1 else "calls")
    calls, bodies = Calls(plan, 0, f"bare-{time.time_ns():x}"), Bodies(plan)

    def operations() -> Iterator[bytes]:
        while (step := calls.next(False)) is not None:
            place, what = step
            yield bodies.operation(calls.ids[place], calls.of_tenant[place], what)
            calls.answered(place, what, True)

    stream = operations()
    return [list(itertools.islice(stream, batch)) for _ in range(number)]


def capture(keeper: Keeper, base: str, asked: Sequence[Request], warm_up: int) -> Captured:
    """Plays requests, one after the other, on a copy of a database; the first ones are the warm-up."""
    with copied(keeper, base) as url:
        kept: list[Transaction] = []
        with _keeping(keeper, kept):
            warm = asyncio.run(_play(desk_on(url), asked, warm_up, kept))
        return Captured(kept, warm, [count(keeper, url, table) for table in TABLES])


async def _play(desk: Desk, asked: Sequence[Request], warm_up: int, kept: list[Transaction]) -> int:
    warm = 0
    await desk.start(rounds=False)
    try:
        for number, request in enumerate(asked):
            if number == warm_up:
                warm = len(kept)
            for at in range(0, len(request), BATCH_STEP):  # as the route hands it in
                operations = [item_operation(msgspec.Raw(each)) for each in request[at : at + BATCH_STEP]]
                answers = await asyncio.gather(*[desk.submit(operation) for operation in operations])
                refused = [answer for answer in answers if not isinstance(answer, Allowed | Settled)]
                if refused:
                    raise SystemExit(f"An operation that is to be copied was refused: {refused[0]}.")
    finally:
        await desk.stop()
    if desk.engine.observed.failed_batches:
        raise SystemExit("A batch failed while its rows were kept.")
    return warm


@contextmanager
def _keeping(keeper: Keeper, kept: list[Transaction]) -> Iterator[None]:
    """Keeps what the store writes while the block lasts."""
    if keeper.kind == "sqlite":
        write = sqlite_store._write

        def kept_write(db: Any, books: Any) -> None:
            kept.append([])
            write(_Recorder(db, kept[-1]), books)  # type: ignore[arg-type]

        with patch.object(sqlite_store, "_write", kept_write):
            yield
        return

    def kept_writes(books: Any) -> list[tuple[str, list[str]]]:
        written = list(writes(books))
        kept.append(list(written))
        return written

    with patch.object(postgres_store, "writes", kept_writes):
        yield


class _Recorder:
    """A connection of SQLite that notes what it writes."""

    def __init__(self, db: Any, into: Transaction) -> None:
        self._db = db
        self._into = into

    def executemany(self, statement: str, rows: Any) -> Any:
        rows = list(rows)
        self._into.append((statement, rows))
        return self._db.executemany(statement, rows)

    def execute(self, statement: str, row: Sequence[Any] = ()) -> Any:
        if not statement.startswith("select"):
            self._into.append((statement, [row]))
        return self._db.execute(statement, row)


# --- the bare writer ----------------------------------------------------------------------------------


def write_bare(keeper: Keeper, base: str, captured: Captured) -> float:
    """Seconds that the counted transactions take on a fresh copy; what lies there then is checked."""
    with copied(keeper, base) as url:
        gc.collect()
        gc.disable()
        try:
            write = _write_sqlite if keeper.kind == "sqlite" else _write_postgres
            took_s = write(url, captured)
        finally:
            gc.enable()
        rows = [count(keeper, url, table) for table in TABLES]
        if rows != captured.rows:
            raise SystemExit(f"The bare writer left {rows} rows in {TABLES}, the store {captured.rows}.")
        return took_s


def _write_sqlite(url: str, captured: Captured) -> float:
    began_s = 0.0
    with closing(connect_sqlite(open_url(url).path)) as db:
        for number, transaction in enumerate(captured.transactions):
            if number == captured.warm_up:
                began_s = time.perf_counter()
            db.execute("begin immediate")
            for statement, rows in transaction:
                db.executemany(statement, rows)
            db.execute("commit")
        return time.perf_counter() - began_s


def _write_postgres(url: str, captured: Captured) -> float:
    began_s = 0.0
    with (
        psycopg.connect(
            open_url(url).place, autocommit=True, prepare_threshold=2, options=POSTGRES_SETTINGS
        ) as db,
        db.cursor() as cursor,
    ):
        for number, transaction in enumerate(captured.transactions):
            if number == captured.warm_up:
                began_s = time.perf_counter()
            with db.pipeline():
                cursor.execute("begin")
                for statement, columns in transaction:
                    cursor.execute(statement, columns)
                cursor.execute("commit")
        return time.perf_counter() - began_s
