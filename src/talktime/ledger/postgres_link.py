"""A connection to PostgreSQL that is made anew once it is gone, and never hangs.

Whoever talks over it has a watchdog: it cuts the line, as a broken network would. Nothing is ever cancelled
on the server, since a commit that is cancelled while it waits for the standby is visible but not safe
(feasibility.md 5).
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import Diagnostic, PipelineAborted

from talktime.ledger.database import (
    POSTGRES_SETTINGS_QUERY,
    DatabaseError,
    DatabaseUrl,
    check_postgres_settings,
)
from talktime.ledger.store import StoreAway

_SETTINGS: Final = {
    "client_min_messages": "warning",  # a wait for the standby that was cancelled is told by a warning only
    "idle_in_transaction_session_timeout": "30s",  # a worker that sleeps gives its tenants back
    "jit": "off",
}
_CONNECT_TIMEOUT_S: Final = 3
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 2.0

# The server ends the connection with these: 57P01 to 57P05 shut down, 25P03 and 25P04 idle or too long in a
# transaction; 25006: it takes no writes, so another one does.
_ENDINGS: Final = frozenset({"57P01", "57P02", "57P03", "57P04", "57P05", "25P03", "25P04", "25006"})


class Line(psycopg.AsyncConnection[tuple[Any, ...]]):
    """A connection that sends no request to cancel, not even where its task is cancelled."""

    async def cancel_safe(self, *, timeout: float = 30.0) -> None:
        """Cuts the line instead."""
        del timeout
        self.cut()

    def cut(self) -> None:
        """Those who wait on it see a lost connection; the server finishes what it has received."""
        if self.closed:
            return
        with socket.socket(fileno=os.dup(self.fileno())) as line, suppress(OSError):  # it may be dead already
            line.shutdown(socket.SHUT_RDWR)


class Link:
    """A connection that is made anew once it is gone; nobody waits long for it."""

    def __init__(self, url: DatabaseUrl, settings: Mapping[str, str]) -> None:
        given = conninfo_to_dict(url.place)
        defaults: dict[str, Any] = {"connect_timeout": _CONNECT_TIMEOUT_S, "application_name": "talktime"}
        self._conninfo = make_conninfo("", **{**defaults, **given})
        self._settings = {**_SETTINGS, **settings}
        self._pause_s = _FIRST_PAUSE_S
        self._try_at_s = 0.0
        self._why = ""
        self.connection: Line | None = None
        self.warning = ""

    async def connect(self) -> None:
        """Raises psycopg.Error, or DatabaseError where commits are not safe there (rulings.md 35)."""
        connection = await Line.connect(self._conninfo, autocommit=True, prepare_threshold=2)
        try:
            connection.add_notice_handler(self._notice)
            for name, value in self._settings.items():
                await connection.execute("select set_config(%s, %s, false)", (name, value))
            cursor = await connection.execute(POSTGRES_SETTINGS_QUERY)
            check_postgres_settings(dict(await cursor.fetchall()))
        except BaseException:
            await connection.close()
            raise
        self.connection = connection
        self._pause_s = _FIRST_PAUSE_S

    def _notice(self, notice: Diagnostic) -> None:
        """Any warning counts: the message comes in the server's language, and has no number of its own."""
        if notice.severity_nonlocalized == "WARNING":
            self.warning = notice.message_primary or "a warning without words"

    async def connected(self) -> Line:
        """Connects where it has to, at most once in a pause that grows. Raises StoreAway."""
        if self.connection is not None:
            return self.connection
        if time.monotonic() < self._try_at_s:
            raise StoreAway(self._why)
        try:
            await self.connect()
        except (psycopg.Error, DatabaseError) as error:
            self._why = f"PostgreSQL is away: {one_line(error)}"
            self._try_at_s = time.monotonic() + self._pause_s
            self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
            raise StoreAway(self._why) from error
        assert self.connection is not None
        return self.connection

    @asynccontextmanager
    async def talking(self, timeout_s: float) -> AsyncIterator[Line]:
        """The connection as it is; an error ends it.

        Raises StoreAway where it is lost or the server too slow, and what a statement fails with.
        """
        connection = self.connection
        if connection is None:
            raise StoreAway(self._why or "PostgreSQL is not connected")
        watchdog = asyncio.get_running_loop().call_later(timeout_s, connection.cut)
        try:
            yield connection
        except psycopg.Error as error:
            # Also where only a statement failed: those that followed it in the pipeline were not prepared,
            # but the driver believes so, and would fail with them from then on.
            is_lost = _is_lost(connection, error)
            await self.drop()
            if not is_lost:
                raise
            raise StoreAway(f"PostgreSQL is away: {one_line(error)}") from error
        except asyncio.CancelledError:
            await self.drop()  # nobody knows what is under way on it
            raise
        finally:
            watchdog.cancel()

    async def drop(self) -> None:
        """Closes the connection without a word to the server."""
        connection, self.connection = self.connection, None
        if connection is not None:
            await connection.close()


def _is_lost(connection: Line, error: psycopg.Error) -> bool:
    """Whether it is the connection that failed, and not a statement."""
    if connection.closed or error.sqlstate in _ENDINGS:
        return True
    # What the client library itself reports has no number.
    by_library = isinstance(error, psycopg.OperationalError) and error.sqlstate is None
    return by_library and not isinstance(error, PipelineAborted)


def one_line(error: Exception) -> str:
    """What an error says, without line breaks."""
    return " ".join(str(error).split())
