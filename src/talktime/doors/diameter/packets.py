"""A packet -> the TCP segment in it: link layers that tcpdump writes, IPv4, IPv6.

What carries no TCP is counted by kind, so that the reader of a capture hears why something is not shown.
"""

from __future__ import annotations

from ipaddress import ip_address
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections import Counter

NULL, ETHERNET, RAW_BSD, RAW_OPENBSD, RAW, LOOP = 0, 1, 12, 14, 101, 108
COOKED, IPV4, IPV6, COOKED_2 = 113, 228, 229, 276
"""Link types (LINKTYPE_...)."""

SCTP: Final = "SCTP"
FRAGMENTS: Final = "IP fragments"
STRANGE_LINK: Final = "packets of link type"
"""What is counted."""

_TYPE_IPV4, _TYPE_IPV6 = 0x0800, 0x86DD
_VLANS: Final = frozenset((0x8100, 0x88A8, 0x9100))
_TCP, _SCTP, _FRAGMENT, _AUTHENTICATION = 6, 132, 44, 51
_EXTENSIONS: Final = frozenset((0, 43, 60))
"""Headers of IPv6 that say their own length, in units of eight bytes after the first."""

_SYN, _FIN, _RST = 0x02, 0x01, 0x04
_U16: Final = Struct(">H")
_TCP_HEAD: Final = Struct(">HHIIBB")


class Segment(NamedTuple):
    """A TCP segment. `missing`: bytes of its data that the capture did not keep."""

    source: tuple[str, int]
    target: tuple[str, int]
    sequence: int
    data: bytes
    missing: int
    starts: bool
    ends: bool


def segment_of(link: int, packet: bytes, passed: Counter[str]) -> Segment | None:
    """The TCP segment of a packet; None where there is none, and `passed` counts why."""
    ip = _network(link, packet)
    if ip is None:
        passed[f"{STRANGE_LINK} {link}"] += 1
        return None
    version = ip[0] >> 4 if ip else 0
    if version == 4 and len(ip) >= 20:
        return _ipv4(ip, passed)
    return _ipv6(ip, passed) if version == 6 and len(ip) >= 40 else None


def _network(link: int, packet: bytes) -> bytes | None:
    """What lies above the link layer, empty where it is not IP; None for a link layer that we cannot read."""
    if link in (RAW, RAW_BSD, RAW_OPENBSD, IPV4, IPV6):
        return packet
    if link in (NULL, LOOP):  # a family of addresses, in whichever byte order; IP says its version itself
        return packet[4:]
    if link == ETHERNET:
        return _above_ethernet(packet)
    if link == COOKED:
        return _ip_of(packet, 14, 16)
    if link == COOKED_2:
        return _ip_of(packet, 0, 20)
    return None


def _ip_of(packet: bytes, type_at: int, above_at: int) -> bytes:
    if len(packet) < above_at:
        return b""
    if _U16.unpack_from(packet, type_at)[0] in _VLANS:
        return _above_vlan(packet, above_at)
    return packet[above_at:] if _U16.unpack_from(packet, type_at)[0] in (_TYPE_IPV4, _TYPE_IPV6) else b""


def _above_ethernet(packet: bytes) -> bytes:
    return _ip_of(packet, 12, 14)


def _above_vlan(packet: bytes, tag_at: int) -> bytes:
    """Behind one or more tags of a virtual LAN: two bytes of tag, two of the type that follows."""
    while len(packet) >= tag_at + 4:
        kind = _U16.unpack_from(packet, tag_at + 2)[0]
        tag_at += 4
        if kind not in _VLANS:
            return packet[tag_at:] if kind in (_TYPE_IPV4, _TYPE_IPV6) else b""
    return b""


def _ipv4(ip: bytes, passed: Counter[str]) -> Segment | None:
    head, total = (ip[0] & 15) * 4, _U16.unpack_from(ip, 2)[0]
    if ip[9] not in (_TCP, _SCTP):
        return None
    if _U16.unpack_from(ip, 6)[0] & 0x3FFF:  # more fragments, or not the first
        passed[FRAGMENTS] += 1
        return None
    if ip[9] == _SCTP:
        passed[SCTP] += 1
        return None
    length = (total or len(ip)) - head  # 0 where the network card cuts packets itself
    return _tcp(ip[12:16], ip[16:20], ip[head:], length)


def _ipv6(ip: bytes, passed: Counter[str]) -> Segment | None:
    kind, at = ip[6], 40
    end = at + (_U16.unpack_from(ip, 4)[0] or len(ip) - at)
    while kind in _EXTENSIONS or kind == _AUTHENTICATION:
        if at + 8 > len(ip):
            return None
        size = (ip[at + 1] + 2) * 4 if kind == _AUTHENTICATION else (ip[at + 1] + 1) * 8
        kind, at = ip[at], at + size
    if kind in (_SCTP, _FRAGMENT):
        passed[SCTP if kind == _SCTP else FRAGMENTS] += 1
    return _tcp(ip[8:24], ip[24:40], ip[at:], end - at) if kind == _TCP else None


def _tcp(source: bytes, target: bytes, segment: bytes, length: int) -> Segment | None:
    """`length`: bytes of the segment as it was sent, its header among them."""
    if len(segment) < _TCP_HEAD.size or length < _TCP_HEAD.size:
        return None
    from_port, to_port, sequence, _, offset, flags = _TCP_HEAD.unpack_from(segment)
    head = (offset >> 4) * 4
    if head < 20 or head > length:
        return None
    data = segment[head:length]
    return Segment(
        source=(str(ip_address(source)), from_port),
        target=(str(ip_address(target)), to_port),
        sequence=sequence,
        data=data,
        missing=length - head - len(data),
        starts=bool(flags & _SYN),
        ends=bool(flags & (_FIN | _RST)),
    )
