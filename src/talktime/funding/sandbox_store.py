"""The sandbox's own memory: a small SQLite file that plays another company's books.

It lies apart from the ledger on purpose: a worker may die between the two, as it may with a real gateway.
Each request is one transaction that holds the file's write lock from its start, so processes may share it.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_SCHEMA: Final = """
create table if not exists keys (
    tenant text not null, key text not null, at_us integer not null, parameters text not null,
    answer text not null, primary key (tenant, key)
) without rowid;
create table if not exists methods (
    token text primary key, tenant text not null, card text not null, facts text not null,
    fate text not null default '', remembered integer not null default 0
) without rowid;
create table if not exists payments (
    number integer primary key, gateway_payment text not null unique,
    tenant text not null, payment text not null, try_number integer not null,
    at_us integer not null, amount_minor integer not null, currency text not null,
    status text not null, code text not null, card text not null, facts text not null,
    dispute text not null default '', disputed_minor integer not null default 0
);
create index if not exists payments_of on payments (tenant, payment);
create table if not exists refunds (
    number integer primary key, gateway_refund text not null unique, gateway_payment text not null,
    tenant text not null, payment text not null, at_us integer not null, amount_minor integer not null,
    currency text not null, status text not null, code text not null
);
create index if not exists refunds_of on refunds (gateway_payment);
create table if not exists messages (
    number integer primary key, event text not null, body text not null, rank integer not null,
    due_us integer not null, tries integer not null default 0, state text not null
);
create index if not exists messages_due on messages (due_us) where state = 'waiting';
create table if not exists faults (
    number integer primary key, operation text not null, kind text not null, payment text not null,
    delay_us integer not null, times integer not null
);
"""

_WAIT_S: Final = 30


class SandboxStore:
    """One connection to the file, used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._link = sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)
        self._link.row_factory = sqlite3.Row
        # NORMAL: what was committed survives the death of any process; a power cut may take the last moments.
        self._link.execute("pragma synchronous = normal")
        if self._link.execute("pragma journal_mode").fetchone()[0] != "wal":
            self._link.execute("pragma journal_mode = wal")
        with self.transaction() as link:
            for statement in _SCHEMA.split(";"):
                link.execute(statement)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing; others wait."""
        with self._lock:
            self._link.execute("begin immediate")
            try:
                yield self._link
            except BaseException:
                self._link.execute("rollback")
                raise
            self._link.execute("commit")

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._link.close()
