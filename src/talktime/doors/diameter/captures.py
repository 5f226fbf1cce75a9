"""A capture of Diameter traffic, as people have it -> its messages in order, and what could not be read.

pcap and pcapng of tcpdump or Wireshark, hexadecimal digits, or recordings as lines of JSON. SCTP is not read.
"""

from __future__ import annotations

import re
from collections import Counter
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from talktime.doors.diameter.capture_files import MAGIC_BYTES, CaptureError, is_capture, read_packets
from talktime.doors.diameter.packets import FRAGMENTS, SCTP, segment_of
from talktime.doors.diameter.streams import Seen, Streams, message_length
from talktime.doors.diameter.wire.message import HEADER_BYTES

if TYPE_CHECKING:
    from typing import BinaryIO

STANDARD_INPUT: Final = "-"
MOST_TEXT: Final = 1 << 26

_GZIP: Final = b"\x1f\x8b"
_BETWEEN: Final = re.compile(r"[\s:]+|0[xX]")
_MEANT: Final = {
    SCTP: "SCTP is not read: {} of it; capture Diameter over TCP",
    FRAGMENTS: "fragments of IP are not put together: {}",
}


class Capture(NamedTuple):
    """The messages by their instants, and sentences on what is missing."""

    messages: tuple[Seen, ...]
    notes: tuple[str, ...]


class _Recording(msgspec.Struct):
    """A line of a recording: the message in hexadecimal digits, and whatever else was written down."""

    request_hex: str


def read_capture(named: str, standard_input: BinaryIO) -> Capture:
    """What a person names: a file, "-", or the digits themselves. Raises CaptureError with one sentence."""
    if named == STANDARD_INPUT:
        return _told("standard input", standard_input)
    try:
        with Path(named).open("rb") as file:
            return _told(named, file)
    except OSError as error:
        digits = _BETWEEN.sub("", named)
        if len(digits) >= 2 * HEADER_BYTES and _wrong_digit(digits) < 0:
            return Capture(tuple(_messages("the message", digits)), ())
        raise CaptureError(f"{named[:200]}: {(error.strerror or 'cannot be read').lower()}") from None
    except ValueError as error:
        if isinstance(error, CaptureError):
            raise
        raise CaptureError(f"{named[:200]!r} can be no file") from None  # a NUL in the name


def _told(where: str, file: BinaryIO) -> Capture:
    head = file.read(MAGIC_BYTES)
    if is_capture(head):
        return _captured(where, head, file)
    if head.startswith(_GZIP):
        raise CaptureError(f"{where} is compressed; unpack it first, such as with gunzip")
    text = head + file.read(MOST_TEXT)
    try:
        return _of_text(where, text.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise CaptureError(f"{where} is no pcap or pcapng, and no text with hexadecimal digits") from None


def _captured(where: str, head: bytes, file: BinaryIO) -> Capture:
    notes: list[str] = []
    passed: Counter[str] = Counter()
    streams, found, cut = Streams(), [], 0
    try:
        for packet in read_packets(head, file, notes):
            segment = segment_of(packet.link, packet.data, passed)
            if segment is not None:
                cut += segment.missing > 0
                found += streams.feed(packet.at_us, segment)
    except CaptureError as error:
        raise CaptureError(f"{where} {error}") from None
    found += streams.end()
    if cut:
        notes.append(
            f"{_packets(cut)} lost their ends when they were captured: tcpdump -s 0 keeps them whole"
        )
    for kind, packets in passed.items():
        notes.append(_MEANT.get(kind, f"{kind} cannot be read: {{}}").format(_packets(packets)))
    return Capture(tuple(sorted(found, key=attrgetter("at_us"))), (*notes, *streams.notes()))


def _packets(number: int) -> str:
    return f"{number:,} packet{'' if number == 1 else 's'}"


def _of_text(where: str, text: str) -> Capture:
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise CaptureError(f"{where} is empty")
    if not lines[0].lstrip().startswith("{"):
        return Capture(tuple(_messages(where, _BETWEEN.sub("", text))), ())
    found: list[Seen] = []
    for number, line in enumerate(lines, 1):
        try:
            recording = msgspec.json.decode(line, type=_Recording)
        except msgspec.MsgspecError as error:
            raise CaptureError(f"{where}, line {number}: no recording with request_hex: {error}") from None
        found += _messages(f"{where}, line {number}", _BETWEEN.sub("", recording.request_hex))
    return Capture(tuple(found), ())


def _messages(where: str, digits: str) -> list[Seen]:
    """One message or several, one behind the other."""
    wrong = _wrong_digit(digits)
    if wrong >= 0:
        raise CaptureError(f"{where}: {digits[wrong]!r} is no hexadecimal digit (character {wrong + 1})")
    if len(digits) % 2:
        raise CaptureError(f"{where}: {len(digits):,} hexadecimal digits are no whole bytes; one is missing")
    data, at = bytes.fromhex(digits), 0
    found: list[Seen] = []
    while at < len(data):
        rest = len(data) - at
        length = message_length(data, at, known=False) if rest >= HEADER_BYTES else 0
        if not length or length > rest:
            says = f"its header says {length:,} bytes" if length else "there is no header of Diameter"
            raise CaptureError(f"{where}: message {len(found) + 1} is not whole: {says}, {rest:,} are there")
        found.append(Seen(0, None, None, data[at : at + length]))
        at += length
    return found


def _wrong_digit(digits: str) -> int:
    """The place of the first sign that is no hexadecimal digit, -1 where all are."""
    return next((at for at, sign in enumerate(digits) if sign not in "0123456789abcdefABCDEF"), -1)
