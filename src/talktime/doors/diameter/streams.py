"""TCP segments as they were captured -> Diameter messages: repeated, late and lost segments, any port.

A direction of a connection is Diameter if it begins so. Where the capture begins in its middle, or lost a
part of it, reading goes on at the next header that can be one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.doors.diameter.wire.codes import Command
from talktime.doors.diameter.wire.message import HEADER_BYTES

if TYPE_CHECKING:
    from talktime.doors.diameter.packets import Segment

Place = tuple[str, int]

PORTS: Final = frozenset((3868, 5658, 5868))
"""Where Diameter is at home; TLS there is told, elsewhere it is nobody's business."""

LONGEST_MESSAGE: Final = 1 << 20
MOST_WAITING: Final = 1 << 20
"""So many bytes wait for a segment that is late; then it is taken for lost."""

MOST_SEARCHED: Final = 1 << 16
"""So far a direction is searched of which nobody saw the beginning."""

_CYCLE: Final = 1 << 32
_RESERVED_FLAGS: Final = 0x0F
_COMMANDS: Final = frozenset(Command) | {265, 268, 271, 275}
_TLS_HANDSHAKE: Final = b"\x16\x03"


class Seen(NamedTuple):
    """A message as it was captured; without instant (0) and places where it came as hexadecimal digits."""

    at_us: int
    source: Place | None
    target: Place | None
    whole: bytes


class _Waiting(NamedTuple):
    at_us: int
    data: bytes
    missing: int


class Streams:
    """All connections of a capture."""

    def __init__(self) -> None:
        self._directions: dict[tuple[Place, Place], _Direction] = {}

    def feed(self, at_us: int, segment: Segment) -> list[Seen]:
        """The messages that a segment completes."""
        key = segment.source, segment.target
        direction = self._directions.get(key)
        if direction is None:
            direction = self._directions[key] = _Direction(*key)
        return direction.feed(at_us, segment)

    def end(self) -> list[Seen]:
        """What still waited for segments that never came."""
        return [seen for direction in self._directions.values() for seen in direction.end()]

    def notes(self) -> list[str]:
        """What could not be read, a sentence for each direction and kind."""
        return [note for direction in self._directions.values() for note in direction.notes()]


class _Direction:
    """What one side of a connection sends."""

    def __init__(self, source: Place, target: Place) -> None:
        self._source, self._target = source, target
        self._next: int | None = None
        self._first = -1
        self._waiting: dict[int, _Waiting] = {}
        self._buffer = bytearray()
        self._is_diameter = self._is_other = self._is_tls = False
        self._aligned = False
        self._searched = self._lost = self._strange = 0
        self._ever = False
        self._at_us = 0

    def feed(self, at_us: int, segment: Segment) -> list[Seen]:
        sequence = segment.sequence
        found: list[Seen] = []
        if segment.starts:
            sequence = (sequence + 1) % _CYCLE
            if sequence != self._first:
                found = self.end()
                self._begin(sequence)
        if self._is_other or not (segment.data or segment.missing):
            return found
        if self._next is None:
            self._next = sequence
        held = self._waiting.get(sequence)
        if held is None or len(held.data) < len(segment.data):
            self._waiting[sequence] = _Waiting(at_us, segment.data, segment.missing)
        found += self._drain()
        while sum([len(each.data) for each in self._waiting.values()]) > MOST_WAITING:
            found += self._skip()
        return found

    def end(self) -> list[Seen]:
        """Gives up what was lost: each gap is passed over."""
        found: list[Seen] = []
        while self._waiting:
            found += self._skip()
        return found

    def notes(self) -> list[str]:
        way = f"{shown_place(self._source)} -> {shown_place(self._target)}"
        if self._is_tls:
            return [f"{way} is encrypted (TLS) and cannot be read"]
        if not self._ever:
            return []
        notes = []
        if self._lost:
            notes.append(f"{way}: {self._lost:,} bytes are not in the capture; messages may be missing")
        if self._strange:
            notes.append(f"{way}: {self._strange:,} bytes are no Diameter and were passed over")
        if self._buffer:
            notes.append(f"{way}: the capture ends in the middle of a message")
        return notes

    def _begin(self, sequence: int) -> None:
        """A new connection between the same places."""
        self._first = self._next = sequence
        self._buffer.clear()
        self._is_diameter = self._is_other = False
        self._aligned, self._searched = True, 0

    def _drain(self) -> list[Seen]:
        """Takes what follows on what is there, as long as something does."""
        found: list[Seen] = []
        while self._waiting and self._next is not None:
            behind = [at for at in self._waiting if self._distance(at) <= 0]
            if not behind:
                break
            at = max(behind, key=self._distance)
            found += self._take(at, self._waiting.pop(at))
        return found

    def _take(self, sequence: int, segment: _Waiting) -> list[Seen]:
        """Adds what is new of a segment that begins where the stream stands, or before."""
        old = -self._distance(sequence)
        length = len(segment.data)
        new, missing = segment.data[old:], segment.missing - max(old - length, 0)
        if not new and missing <= 0:
            return []
        self._buffer += new
        self._next = (sequence + length + max(missing, 0)) % _CYCLE
        self._at_us = max(self._at_us, segment.at_us)  # what was late completes what came before it
        found = self._messages()
        if missing > 0:
            self._lose(missing)
        return found

    def _skip(self) -> list[Seen]:
        """Passes over a gap to the nearest segment behind it."""
        nearest = min(self._waiting, key=self._distance)
        self._lose(max(self._distance(nearest), 0))
        self._next = nearest
        return self._drain()

    def _lose(self, length: int) -> None:
        self._lost += length
        self._strange += 0 if self._is_diameter else len(self._buffer)
        self._buffer.clear()
        self._aligned = False

    def _distance(self, sequence: int) -> int:
        """How far behind what is there a segment begins; negative: before its end."""
        return (sequence - (self._next or 0) + _CYCLE // 2) % _CYCLE - _CYCLE // 2

    def _messages(self) -> list[Seen]:
        """The messages that are whole."""
        found: list[Seen] = []
        while not self._is_other and len(self._buffer) >= HEADER_BYTES:
            length = message_length(self._buffer, 0, known=not (self._is_diameter and self._aligned))
            if not length:
                self._search()
            elif length > len(self._buffer):
                break
            else:
                found.append(Seen(self._at_us, self._source, self._target, bytes(self._buffer[:length])))
                del self._buffer[:length]
                self._is_diameter = self._aligned = self._ever = True
        return found

    def _search(self) -> None:
        """Goes to the next header that can be one; a connection that began as something else is left."""
        if self._aligned and not self._is_diameter:
            at_home = {self._source[1], self._target[1]} & PORTS
            self._is_tls = self._is_tls or (bool(at_home) and self._buffer.startswith(_TLS_HANDSHAKE))
            self._leave()
            return
        last = len(self._buffer) - HEADER_BYTES
        places = (at for at in range(1, last + 1) if message_length(self._buffer, at, known=True))
        at = next(places, last + 1)
        del self._buffer[:at]
        self._strange += at if self._is_diameter else 0
        self._searched += at
        self._aligned = False
        if not self._is_diameter and self._searched > MOST_SEARCHED:
            self._leave()

    def _leave(self) -> None:
        self._is_other = True
        self._buffer.clear()
        self._waiting.clear()


def message_length(data: bytes | bytearray, at: int, *, known: bool) -> int:
    """The length that a header says, 0 where it cannot be one; `known`: only of a command that is common."""
    if data[at] != 1 or data[at + 4] & _RESERVED_FLAGS:
        return 0
    length = int.from_bytes(data[at + 1 : at + 4], "big")
    if length < HEADER_BYTES or length % 4 or length > LONGEST_MESSAGE:
        return 0
    command = int.from_bytes(data[at + 5 : at + 8], "big")
    return length if not known or command in _COMMANDS else 0


def shown_place(place: Place) -> str:
    """192.0.2.7:3868 or [2001:db8::7]:3868."""
    address, port = place
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
