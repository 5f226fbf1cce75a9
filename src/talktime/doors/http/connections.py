"""Connections that may not dawdle: a request has to arrive in time, and its head may not grow for ever.

The server below gives a connection that says nothing, or a header a minute, all the time and memory it wants;
a few thousand of those would keep out everybody else.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

HEAD_TIMEOUT_S: Final = 15.0
"""From the connection, or the first byte of a request, to the end of its headers."""

MESSAGE_TIMEOUT_S: Final = 60.0
"""From the first byte of a request to its last; the live routes ask for more haste by themselves."""

MAX_HEAD: Final = 65_536
"""Bytes of a request before its body; what one read of the socket brings may come on top."""

_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
)


class Connection(HttpToolsProtocol):
    """One connection. `waits_since_s` is when it began to owe us a request, 0 while it owes none."""

    waits_since_s = 0.0
    in_head = False
    _head_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As `asyncio.Protocol`: the first request is due."""
        # No `isinstance`: the transports of uvloop are of no class of asyncio's.
        super().connection_made(cast("asyncio.Transport", transport))
        self.waits_since_s, self.in_head = time.monotonic(), True

    def data_received(self, data: bytes) -> None:
        """As `asyncio.Protocol`; ends a connection whose headers do not end."""
        was_in_head = self.in_head
        super().data_received(data)
        if was_in_head and self.in_head and self.waits_since_s:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD and not self.transport.is_closing():
                self.transport.write(_TOO_LARGE)
                self.transport.close()

    def on_message_begin(self) -> None:
        """As the parser calls it: the first byte of a request is here."""
        super().on_message_begin()
        self.waits_since_s, self.in_head, self._head_bytes = time.monotonic(), True, 0

    def on_headers_complete(self) -> None:
        """As the parser calls it: the application begins to answer."""
        super().on_headers_complete()
        self.in_head = False

    def on_message_complete(self) -> None:
        """As the parser calls it: the whole request is here."""
        super().on_message_complete()
        self.waits_since_s = 0.0

    def is_late(self, now_s: float, head_s: float, message_s: float) -> bool:
        """Whether what it owes should have arrived by now (monotonic seconds)."""
        return 0 < self.waits_since_s < now_s - (head_s if self.in_head else message_s)


def close_late(
    connections: Iterable[object], head_s: float = HEAD_TIMEOUT_S, message_s: float = MESSAGE_TIMEOUT_S
) -> int:
    """Ends the connections whose requests do not arrive; called from time to time. Returns how many."""
    now_s = time.monotonic()
    late = [
        each
        for each in connections
        if isinstance(each, Connection) and each.is_late(now_s, head_s, message_s)
    ]
    for connection in late:
        connection.transport.abort()
    return len(late)
