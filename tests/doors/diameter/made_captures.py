"""Capture files put together by hand from the layouts of pcap, pcapng, Ethernet, Linux cooked, IP and TCP.

A connection is a list of segments that a test may repeat, shuffle, cut or leave out; checksums are not set,
as network cards leave them on the machine that captures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from struct import pack
from typing import Final

SWITCH: Final = ("192.0.2.10", 40_000)
SERVER: Final = ("192.0.2.1", 3868)
BEGAN_US: Final = 1_790_000_000_000_000
A_MILLISECOND: Final = 1_000

SYN, FIN, ACK, RST = 0x02, 0x01, 0x10, 0x04

Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Sent:
    """A TCP segment on its way. `kept`: bytes of the packet that the capture kept, None: all."""

    data: bytes
    sequence: int
    flags: int = ACK
    source: Place = SWITCH
    target: Place = SERVER
    kept: int | None = None

    def tcp(self) -> bytes:
        """The segment."""
        ports = pack(">HH", self.source[1], self.target[1])
        numbers = pack(">II", self.sequence % (1 << 32), 0)
        return ports + numbers + pack(">BBHHH", 5 << 4, self.flags, 0xFFFF, 0, 0) + self.data

    def ipv4(self, options: bytes = b"", protocol: int = 6, fragment: int = 0) -> bytes:
        """The packet in IPv4."""
        body, head = self.tcp(), 20 + len(options)
        first = pack(">BBHHHBBH", 0x40 | head // 4, 0, head + len(body), 1, fragment, 64, protocol, 0)
        return first + ip_address(self.source[0]).packed + ip_address(self.target[0]).packed + options + body

    def ipv6(self, extensions: bytes = b"", first: int = 6) -> bytes:
        """The packet in IPv6."""
        body = extensions + self.tcp()
        sides = ip_address(self.source[0]).packed + ip_address(self.target[0]).packed
        return pack(">IHBB", 0x6000_0000, len(body), first, 64) + sides + body


def stream(
    data: bytes, size: int = 500, begins: int = 1_000, *, source: Place = SWITCH, target: Place = SERVER
) -> list[Sent]:
    """A SYN and the data in segments of a size, in order."""
    pieces = [
        Sent(data[at : at + size], begins + at, ACK, source, target) for at in range(0, len(data), size)
    ]
    return [Sent(b"", begins - 1, SYN, source, target), *pieces]


def ethernet(packet: bytes) -> bytes:
    """Behind an Ethernet head, padded to the shortest frame."""
    kind = 0x0800 if packet[0] >> 4 == 4 else 0x86DD
    return (bytes(12) + pack(">H", kind) + packet).ljust(60, b"\0")


def with_vlans(packet: bytes) -> bytes:
    """Behind two tags of virtual LANs."""
    return bytes(12) + pack(">HHHHH", 0x88A8, 7, 0x8100, 9, 0x0800) + packet


def cooked(packet: bytes) -> bytes:
    """As `tcpdump -i any` wrote it for long."""
    return bytes(14) + pack(">H", 0x0800 if packet[0] >> 4 == 4 else 0x86DD) + packet


def cooked_2(packet: bytes) -> bytes:
    """As it writes it now."""
    return pack(">H", 0x0800 if packet[0] >> 4 == 4 else 0x86DD) + bytes(18) + packet


def loopback(packet: bytes) -> bytes:
    """As BSD and macOS write their loopback: the family in the byte order of the machine."""
    return pack("<I", 2) + packet


def pcap(
    packets: Sequence[Sent],
    *,
    link: int = 1,
    wrap: Callable[[bytes], bytes] = ethernet,
    order: str = "<",
    nanoseconds: bool = False,
) -> bytes:
    """A pcap file; packets come a millisecond apart."""
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    found = pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 262_144, link)
    for at, one in enumerate(packets):
        data = wrap(_packet(one))
        kept = data if one.kept is None else data[: one.kept]
        seconds, rest_us = divmod(BEGAN_US + at * A_MILLISECOND, 1_000_000)
        rest = rest_us * 1_000 + 7 if nanoseconds else rest_us
        found += pack(f"{order}IIII", seconds, rest, len(kept), len(data)) + kept
    return found


def _packet(one: Sent) -> bytes:
    return one.ipv4() if ip_address(one.source[0]).version == 4 else one.ipv6()


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A block of pcapng."""
    body += bytes(-len(body) % 4)
    length = 12 + len(body)
    return pack(f"{order}II", kind, length) + body + pack(f"{order}I", length)


def section(order: str = "<") -> bytes:
    """The block that begins a section."""
    return block(0x0A0D0D0A, pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link: int = 1, options: bytes = b"", order: str = "<", most: int = 0) -> bytes:
    """The block that describes an interface."""
    return block(1, pack(f"{order}HHI", link, 0, most) + options, order)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    """An option of a block."""
    return pack(f"{order}HH", code, len(value)) + value + bytes(-len(value) % 4)


def enhanced(data: bytes, ticks: int, number: int = 0, order: str = "<") -> bytes:
    """A packet of pcapng."""
    head = pack(f"{order}IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
    return block(6, head + data, order)


def pcapng(packets: Sequence[Sent], order: str = "<") -> bytes:
    """A pcapng file with one interface that counts microseconds."""
    found = section(order) + interface(order=order)
    for at, one in enumerate(packets):
        found += enhanced(ethernet(_packet(one)), BEGAN_US + at * A_MILLISECOND, order=order)
    return found
