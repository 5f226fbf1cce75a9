"""Which network addresses a webhook may reach: public ones only, and the very address that was checked.

A name is looked up once; every address it has is judged; the connection goes to a judged address, so a name
that answers differently the second time (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

LOOKUP_S: Final = 5
"""Seconds that looking a name up may take."""

Lookup = Callable[[str, int], Awaitable[list[str]]]
"""Host and port -> its addresses as text."""

_METADATA: Final = frozenset(
    {ip_address("169.254.169.254"), ip_address("fd00:ec2::254"), ip_address("100.100.100.200")}
)
# Networks whose addresses carry an IPv4 address that they lead to, and how many bits stand behind it.
_TUNNELS: Final = (
    (ip_network("64:ff9b::/96"), 0),  # NAT64
    (ip_network("2002::/16"), 80),  # 6to4
    (ip_network("::/96"), 0),  # IPv4-compatible, long out of use
)
# What the Internet does not lead to, or not as to others; Python's own table has less of it in some releases.
_REFUSED: Final = (
    ip_network("64:ff9b:1::/48"),  # local NAT64
    ip_network("2001::/23"),  # protocols' own, Teredo among them
    ip_network("3fff::/20"),  # documentation
    ip_network("5f00::/16"),  # segments of routes
    ip_network("fec0::/10"),  # site-local, long out of use
    ip_network("192.0.0.0/24"),  # protocols' own
    ip_network("192.88.99.0/24"),  # 6to4 relays, long out of use
)


class AddressRefused(Exception):  # noqa: N818 - a refusal
    """A host that must not be called; the message is a sentence."""


def is_public(address: str) -> bool:
    """Whether an address belongs to the public Internet: no private, loopback, link-local, multicast one."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        inner = _inner(ip)
        if inner is not None:
            return is_public(str(inner))
    if any(ip in network for network in _REFUSED):
        return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved and ip not in _METADATA


def _inner(ip: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to; None where it is one of its own."""
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    for network, behind in _TUNNELS:
        if ip in network:
            return IPv4Address((int(ip) >> behind) & 0xFFFFFFFF)
    return None


async def look_up(host: str, port: int) -> list[str]:
    """The addresses of a host, in the system's order. Raises OSError where there are none."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(LOOKUP_S):
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


async def checked_addresses(
    host: str, port: int, *, allow_private: bool, lookup: Lookup = look_up
) -> list[str]:
    """The addresses that may be connected to. Raises AddressRefused, OSError or TimeoutError.

    One private address among public ones refuses the host: whoever mixes them means harm or made a mistake.
    """
    addresses = await lookup(host, port)
    if not addresses:
        raise OSError(f"{host} has no address")
    if not allow_private:
        for address in addresses:
            if not is_public(address):
                raise AddressRefused(
                    f"{host} leads to {address}, which is no public address; such addresses are not called"
                )
    return addresses
