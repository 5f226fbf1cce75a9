"""Frames between the processes of one server: a length and MessagePack, over a Unix socket.

What is said in one turn of the event loop goes out as one frame, so a busy front and a busy engine spend
little on talking to each other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, cast

import msgspec

LENGTH_BYTES: Final = 4
MAX_FRAME: Final = 64 * 1024 * 1024
"""More than any frame: what claims to be longer is not from us."""

Item = tuple[Any, ...]

log = logging.getLogger(__name__)

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(list[tuple[Any, ...]]).decode


class Frames(asyncio.Protocol):
    """One end of a connection: items in, items out. `lost` is called once, when the other end is gone."""

    def __init__(self, take: Callable[[Frames, list[Item]], None], lost: Callable[[Frames], None]) -> None:
        self._take = take
        self._lost = lost
        self._arrived = bytearray()
        self._leaving: list[Item] = []
        self._transport: asyncio.WriteTransport | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As `asyncio.Protocol`."""
        # No `isinstance`: the transports of uvloop are of no class of asyncio's.
        self._transport = cast("asyncio.WriteTransport", transport)

    def connection_lost(self, error: Exception | None) -> None:
        """As `asyncio.Protocol`."""
        del error
        self._transport = None
        self._lost(self)

    def data_received(self, data: bytes) -> None:
        """As `asyncio.Protocol`: hands on what is whole. A frame that is none of ours ends the connection."""
        arrived = self._arrived
        arrived += data
        at = 0
        while len(arrived) - at >= LENGTH_BYTES:
            length = int.from_bytes(arrived[at : at + LENGTH_BYTES])
            if length > MAX_FRAME:
                self.close()
                return
            after = at + LENGTH_BYTES + length
            if len(arrived) < after:
                break
            try:
                items = _decode(arrived[at + LENGTH_BYTES : after])
            except msgspec.DecodeError as error:
                log.warning("a frame that is none of ours: %s", error)
                self.close()
                return
            self._take(self, items)
            at = after
        if at:
            del arrived[:at]

    def say(self, item: Item) -> None:
        """Sends an item with all others of this turn."""
        if not self._leaving:
            self._loop.call_soon(self._flush)
        self._leaving.append(item)

    def close(self) -> None:
        """Ends the connection after what has been said."""
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def _flush(self) -> None:
        if self._leaving and self._transport is not None:
            frame = _encode(self._leaving)
            self._transport.write(len(frame).to_bytes(LENGTH_BYTES) + frame)
        self._leaving = []
