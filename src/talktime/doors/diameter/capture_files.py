"""Capture files, pcap and pcapng -> packets with their instant and link type, one after the other.

The two formats of tcpdump and Wireshark, in both byte orders (draft-ietf-opsawg-pcap, -pcapng). What no
reader could follow is refused; a file that ends in mid-packet gives what it has.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

MAGIC_BYTES: Final = 4
MOST_BYTES: Final = 1 << 24
"""A block or a packet that claims more is none: 16 MB."""

CUT_SHORT: Final = "the file ends in the middle of a packet"

_PCAP: Final = {
    b"\xd4\xc3\xb2\xa1": ("<", 1_000_000),
    b"\xa1\xb2\xc3\xd4": (">", 1_000_000),
    b"\x4d\x3c\xb2\xa1": ("<", 1_000_000_000),
    b"\xa1\xb2\x3c\x4d": (">", 1_000_000_000),
}
"""Magic -> byte order, ticks a second."""

_PCAPNG: Final = b"\x0a\x0d\x0d\x0a"
_ORDER: Final = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET = 0x0A0D0D0A, 1, 2, 3, 6
_END_OF_OPTIONS, _RESOLUTION, _OFFSET = 0, 9, 14
_LINK_MASK: Final = 0xFFFF
"""Above it stand flags on the checksums of frames."""

_US_PER_S: Final = 1_000_000


class CaptureError(ValueError):
    """A capture that cannot be read: one sentence without the file's name."""


class Packet(NamedTuple):
    """A packet as it was captured. `is_cut`: the capture kept only its beginning."""

    at_us: int
    link: int
    data: bytes
    is_cut: bool


class _Interface(NamedTuple):
    """Where packets of pcapng come from; instants count ticks from `offset_s`. `most`: bytes kept, 0: all."""

    link: int
    ticks: int
    offset_s: int
    most: int


def is_capture(head: bytes) -> bool:
    """Whether the first MAGIC_BYTES of a file are those of a capture."""
    return head in _PCAP or head == _PCAPNG


def read_packets(head: bytes, file: BinaryIO, notes: list[str]) -> Iterator[Packet]:
    """The packets of a capture, in its order; `head` are its first MAGIC_BYTES, which are read already.

    A file that is cut short is noted. Raises CaptureError.
    """
    if head in _PCAP:
        return _pcap(file, *_PCAP[head], notes)
    if head == _PCAPNG:
        return _Blocks(file, notes).packets()
    raise CaptureError("is neither pcap nor pcapng")


def _pcap(file: BinaryIO, order: str, ticks: int, notes: list[str]) -> Iterator[Packet]:
    rest = file.read(20)
    if len(rest) < 20:
        raise CaptureError("ends in the header of a pcap file")
    link = Struct(f"{order}I").unpack(rest[16:])[0] & _LINK_MASK
    form = Struct(f"{order}IIII")
    while head := file.read(form.size):
        if len(head) < form.size:
            notes.append(CUT_SHORT)
            return
        seconds, fraction, kept, length = form.unpack(head)
        _check_length(kept)
        data = file.read(kept)
        if len(data) < kept:
            notes.append(CUT_SHORT)
            return
        at_us = seconds * _US_PER_S + fraction * _US_PER_S // ticks  # rounded down
        yield Packet(at_us, link, data, kept < length)


def _check_length(length: int) -> None:
    if length > MOST_BYTES:
        raise CaptureError(f"claims a packet of {length:,} bytes; the file is broken or no capture")


class _Blocks:
    """The blocks of a pcapng file; a section sets the byte order, and numbers its interfaces anew."""

    def __init__(self, file: BinaryIO, notes: list[str]) -> None:
        self._file = file
        self._notes = notes
        self._order = ""
        self._interfaces: list[_Interface] = []

    def packets(self) -> Iterator[Packet]:
        """Every packet; blocks that hold none are passed over."""
        head = _PCAPNG
        while head:
            kind, body = self._block(head)
            if kind == _INTERFACE:
                self._interfaces.append(self._interface(body))
            elif kind in (_PACKET, _OLD_PACKET):
                yield self._packet(kind, body)
            elif kind == _SIMPLE_PACKET:
                yield self._simple(body)
            elif kind == 0:
                self._notes.append(CUT_SHORT)
                return
            head = self._file.read(MAGIC_BYTES)

    def _block(self, head: bytes) -> tuple[int, bytes]:
        """Kind and body of a block whose first four bytes are read; kind 0: the file ends in it."""
        lengths = self._file.read(4)
        if head == _PCAPNG:
            magic = self._file.read(4)
            if magic not in _ORDER:
                if len(magic) < 4:
                    return 0, b""
                raise CaptureError("has a section of no known byte order; the file is broken")
            self._order, self._interfaces = _ORDER[magic], []
            read = 12
        else:
            read = 8
        if len(head) < 4 or len(lengths) < 4:
            return 0, b""
        kind, length = self._unpack("II", head + lengths)
        if length < read + 4 or length % 4:
            raise CaptureError(f"has a block of {length} bytes; the file is broken")
        _check_length(length)
        body = self._file.read(length - read)
        return (kind, body[:-4]) if len(body) == length - read else (0, b"")

    def _unpack(self, form: str, data: bytes) -> tuple[int, ...]:
        packed = Struct(self._order + form)
        if len(data) < packed.size:
            raise CaptureError("has a block that is too short for its kind; the file is broken")
        return packed.unpack_from(data)

    def _interface(self, body: bytes) -> _Interface:
        link, _, most = self._unpack("HHI", body)
        ticks, offset_s = _US_PER_S, 0
        for code, value in self._options(body[8:]):
            if code == _RESOLUTION and value:
                ticks = 1 << (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
            elif code == _OFFSET and len(value) == 8:
                offset_s = self._unpack("q", value)[0]
        return _Interface(link, ticks, offset_s, most)

    def _options(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        at = 0
        while at + 4 <= len(data):
            code, length = self._unpack("HH", data[at : at + 4])
            if code == _END_OF_OPTIONS:
                return
            yield code, data[at + 4 : at + 4 + length]
            at += 4 + length + (-length & 3)

    def _packet(self, kind: int, body: bytes) -> Packet:
        form = "IIIII" if kind == _PACKET else "HHIIII"
        number, *others = self._unpack(form, body)
        high, low, kept, length = others[-4:]
        one = self._from(number)
        data = body[20 : 20 + kept]
        ticks = high << 32 | low
        at_us = one.offset_s * _US_PER_S + ticks * _US_PER_S // one.ticks  # rounded down
        return Packet(at_us, one.link, data, len(data) < length)

    def _simple(self, body: bytes) -> Packet:
        """A packet without an instant, of the first interface."""
        (length,) = self._unpack("I", body)
        one = self._from(0)
        kept = min(length, one.most) if one.most else length
        data = body[4 : 4 + kept]
        return Packet(0, one.link, data, len(data) < length)

    def _from(self, number: int) -> _Interface:
        if number >= len(self._interfaces):
            raise CaptureError(f"has a packet of interface {number}, which it does not describe")
        return self._interfaces[number]
