"""A PostgreSQL for one test alone, which may do with it as it likes; the shared one must not be killed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import sql

from talktime.ledger.database import open_url, upgrade
from tests.databases import postgres_server
from tests.postgres_servers import Folder, Server

LEDGER = "ledger"


@contextmanager
def own_postgres(who: str, *options: str) -> Iterator[Server]:
    """A server with a migrated database LEDGER; `who` is skipped where PostgreSQL cannot run."""
    postgres_server(who)
    folder = Folder()
    try:
        server = Server(folder, "a", 5001)
        server.initialise()
        server.start(*options)
        server.execute(sql.SQL("create database {}").format(sql.Identifier(LEDGER)))
        upgrade(open_url(server.url(LEDGER)))
        yield server
    finally:
        folder.remove()
