"""The server of `bench_live.py tail`: `talktime serve` that notes how long each transaction took.

Run as `live_timed_serve.py FILE serve --only live ...`; at its end FILE holds pairs of 64-bit integers: the
instant at which a commit returned (nanoseconds of the monotonic clock) and how long its transaction had taken
from the beginning: lock, load, decide, write, commit.
"""

import sys
from array import array
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter_ns
from typing import Any
from unittest.mock import patch

from talktime.doors.cli.main import run
from talktime.ledger.book import Book
from talktime.ledger.postgres_store import PostgresStore
from talktime.ledger.sqlite_store import SqliteStore
from talktime.ledger.store import Opening

Kind = type[SqliteStore] | type[PostgresStore]


def noting(kind: Kind, noted: "array[int]") -> tuple[Any, Any]:
    """Stand-ins for `begin` and `commit` of a kind of store; a process has one store."""
    begin, commit = kind.begin, kind.commit
    began_ns = 0

    async def noted_begin(store: Any, *asked: Any, **options: Any) -> Opening:
        nonlocal began_ns
        began_ns = perf_counter_ns()
        return await begin(store, *asked, **options)

    async def noted_commit(store: Any, books: Sequence[Book]) -> None:
        await commit(store, books)
        now_ns = perf_counter_ns()
        noted.extend((now_ns, now_ns - began_ns))

    return noted_begin, noted_commit


def main() -> None:
    """Serves, then writes the file."""
    path, noted = Path(sys.argv.pop(1)), array("q")
    try:
        for kind in (SqliteStore, PostgresStore):
            begin, commit = noting(kind, noted)
            patch.object(kind, "begin", begin).start()
            patch.object(kind, "commit", commit).start()
        run()
    finally:
        path.write_bytes(noted.tobytes())


if __name__ == "__main__":
    main()
