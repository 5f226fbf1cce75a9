"""The Diameter door: listens, keeps one link a peer, hands credit-control requests to charging.

Links answer the base protocol by themselves (`wire.peer`); here are sockets, time and TLS. What is said in
one turn of the event loop leaves as one write.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import ssl
import time
from collections import Counter
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final, cast

from talktime.doors.diameter.seldom import Seldom
from talktime.doors.diameter.wire.codes import Command, DisconnectCause, Result
from talktime.doors.diameter.wire.own import Hello, Own
from talktime.doors.diameter.wire.peer import (
    Answered,
    Arrived,
    Closed,
    LinkState,
    Opened,
    PeerLink,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from talktime.doors.diameter.charging import Charging
    from talktime.doors.diameter.settings import DiameterSettings, PeerSettings
    from talktime.doors.diameter.wire.message import Message
    from talktime.doors.diameter.wire.peer import Event

TICK_S: Final = 0.5
"""Seconds between two looks at the clocks of all links."""

LEAVE_TICK_S: Final = 0.02
"""Seconds between two looks whether everybody has heard what there was to say."""

STOP_S: Final = 5.0
"""Seconds that peers have to take leave."""

MAX_LINKS: Final = 512
MAX_UNANSWERED: Final = 4_096
"""Requests of one link that wait for their answers; what comes beyond waits in the socket."""

JITTER_S: Final = 2.0
"""A watchdog is early or late by so much (RFC 3539, 3.4.1)."""

log = logging.getLogger(__name__)


class Connection(asyncio.Protocol):
    """One transport connection with its link, from the moment that it is made."""

    link: PeerLink

    def __init__(self, door: Door, *, is_tls: bool) -> None:
        self._door = door
        self._is_tls = is_tls
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._flushing = False
        self._unanswered = 0
        self._reading = True
        self._is_crowded = self._is_deaf = self._is_leaving = False
        self._closed_s = 0.0
        self.peer: PeerSettings | None = None
        self.address = ""
        self.why_closed = ""
        self.is_refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As `asyncio.Protocol`."""
        # No `isinstance`: the transports of uvloop are of no class of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self.address = _host_of(transport, "peername")
        self.link = self._door.link(self._admit, (_host_of(transport, "sockname"),))
        if not self._door.takes(self):
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """As `asyncio.Protocol`."""
        del error
        self._transport = None
        self._door.left(self)

    def data_received(self, data: bytes) -> None:
        """As `asyncio.Protocol`."""
        self._happened(self.link.receive(data, self._loop.time()))

    def tick(self) -> None:
        """Lets the link look at the clock; a peer that does not take what was said last is hung up on."""
        now_s = self._loop.time()
        if self.link.state == LinkState.CLOSED:
            self._closed_s = self._closed_s or now_s
            if now_s - self._closed_s >= STOP_S:
                self.abort()
            return
        if now_s >= self.link.due_s():
            self._happened(self.link.tick(now_s))

    def ask(self, command: int, application: int, *parts: bytes) -> int:
        """Sends a request of ours; returns its hop-by-hop id."""
        asked = self.link.ask(command, application, *parts, now_s=self._loop.time())
        self.flush_soon()
        return asked

    @property
    def is_busy(self) -> bool:
        """Whether requests wait for their answers."""
        return self._unanswered > 0

    @property
    def why_gone(self) -> str:
        """Why the connection ended, once it has."""
        after_goodbye = self.link.state == LinkState.CLOSING
        return self.why_closed or ("goodbye was said" if after_goodbye else "its connection broke off")

    def take_no_more(self) -> None:
        """What the peer still sends waits, until leave is taken."""
        self._is_leaving = True
        self._read()

    def take_leave(self, cause: DisconnectCause) -> None:
        """Says that we go; the connection is closed when the peer has heard it, or has said nothing yet."""
        if self.link.state == LinkState.WAIT_HELLO:
            self.abort()
            return
        self._is_leaving = False
        self._read()
        self.link.disconnect(cause, self._loop.time())
        self.flush_soon()

    def abort(self) -> None:
        """Closes the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def pause_writing(self) -> None:
        """As `asyncio.Protocol`: a peer that does not take its answers gets no more of them."""
        self._is_deaf = True
        self._read()

    def resume_writing(self) -> None:
        """As `asyncio.Protocol`."""
        self._is_deaf = False
        self._read()

    def reply(self, whole: bytes) -> None:
        """Sends an answer, with all others of this turn."""
        self._unanswered -= 1
        if self._unanswered == MAX_UNANSWERED // 2:
            self._is_crowded = False
            self._read()
        if self._transport is not None:
            self.link.say(whole)
            self.flush_soon()

    def flush_soon(self) -> None:
        """What the link has to say leaves at the end of this turn."""
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _admit(self, hello: Hello) -> Result:
        result, self.peer = self._door.admit(hello, self.address, self._certificate())
        self.is_refused = result != Result.SUCCESS
        return result

    def _certificate(self) -> dict[str, object] | None:
        """What the certificate of the peer says; None where the connection is not by TLS."""
        if not self._is_tls or self._transport is None:
            return None
        return cast("dict[str, object]", self._transport.get_extra_info("peercert") or {})

    def _happened(self, events: Iterable[Event]) -> None:
        for event in events:
            match event:
                case Arrived(message):
                    self._take(message)
                case Opened(hello):
                    self._door.opened(self, hello)
                case Answered(message):
                    self._door.answered(message)
                case Closed(why):
                    self._door.closed(self, why)
        self.flush_soon()

    def _take(self, message: Message) -> None:
        assert self.peer is not None, "a link opens only for a peer that was admitted"
        self._unanswered += 1
        if self._unanswered >= MAX_UNANSWERED:
            self._is_crowded = True
            self._read()
        self._door.charging.take(message, self.peer, self.reply)

    def _read(self) -> None:
        """Reads on, unless something says to wait."""
        go_on = not (self._is_crowded or self._is_deaf or self._is_leaving)
        if self._transport is None or go_on == self._reading:
            return
        self._reading = go_on
        if go_on:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _flush(self) -> None:
        self._flushing = False
        if self._transport is None:
            return
        leaving = self.link.take()
        if leaving:
            self._transport.write(leaving)
        if self.link.state == LinkState.CLOSED:
            self._transport.close()


class Door:
    """All links of this process. `refused` counts hellos that were refused, by result code."""

    def __init__(self, settings: DiameterSettings, charging: Charging) -> None:
        self.settings = settings
        self.charging = charging
        self._own = Own(settings.host, settings.realm, settings.product, (), int(time.time()))
        self.on_answer: Callable[[Message], None] | None = None
        """Told what peers answer to requests of ours."""
        self._peers = {peer.host.lower(): peer for peer in settings.peers}
        self._connections: set[Connection] = set()
        self._open: dict[str, Connection] = {}
        self._servers: list[asyncio.Server] = []
        self._strangers = Seldom(log, time.monotonic)
        self.refused: Counter[int] = Counter()

    # --- for who serves ------------------------------------------------------------------------------------

    async def serve(self, plain: socket.socket | None, tls: socket.socket | None) -> None:
        """Listens on sockets that are open already, and answers until it is cancelled."""
        loop = asyncio.get_running_loop()
        # First of all: where it cannot be made, nothing is left behind that listens.
        context = None if tls is None else self._tls_context()
        if plain is not None:
            factory = lambda: Connection(self, is_tls=False)  # noqa: E731
            self._servers.append(await loop.create_server(factory, sock=plain))
        if tls is not None:
            secured = lambda: Connection(self, is_tls=True)  # noqa: E731
            self._servers.append(await loop.create_server(secured, sock=tls, ssl=context))
        try:
            while True:
                await asyncio.sleep(TICK_S)
                for connection in list(self._connections):
                    connection.tick()
        finally:
            await self._stop()

    @property
    def open_peers(self) -> int:
        """How many peers are connected."""
        return len(self._open)

    def ask(self, peer: str, command: Command, application: int, *parts: bytes) -> int | None:
        """Sends a request of ours to a peer by its host; None where it is not connected."""
        connection = self._open.get(peer.lower())
        return None if connection is None else connection.ask(command, application, *parts)

    # --- for connections -----------------------------------------------------------------------------------

    def link(self, admit: Callable[[Hello], Result], addresses: tuple[str, ...]) -> PeerLink:
        """The link of a new connection; `addresses` are ours on it."""
        return PeerLink(
            self._own._replace(addresses=addresses),
            admit,
            asyncio.get_running_loop().time(),
            watchdog_s=self.settings.watchdog_s,
            jitter=lambda: random.uniform(-JITTER_S, JITTER_S),
        )

    def takes(self, connection: Connection) -> bool:
        """Whether one more connection is taken; it is, unless there are too many."""
        if len(self._connections) >= MAX_LINKS:
            sentence = f"{MAX_LINKS} connections are open; the one from {connection.address} is closed"
            self._strangers.warn("crowd", sentence)
            return False
        self._connections.add(connection)
        return True

    def left(self, connection: Connection) -> None:
        """A connection is gone."""
        self._connections.discard(connection)
        for host, open_now in list(self._open.items()):
            if open_now is connection:
                del self._open[host]
                log.warning("peer %s is gone: %s", host, connection.why_gone)

    def admit(
        self, hello: Hello, address: str, certificate: dict[str, object] | None
    ) -> tuple[Result, PeerSettings | None]:
        """Whether who says hello is one of our peers, from where it may be, as safely as it has to be."""
        peer = self._peers.get(hello.host.lower())
        why = ""
        if peer is None:
            why = "the settings name no such peer"
        elif hello.realm.lower() != peer.realm.lower():
            why = f"the settings say it is of realm {peer.realm!r}, not {hello.realm!r}"
        elif not _is_at(peer, address):
            why = "the settings do not let it come from there"
        if why or peer is None:
            return self._refused(Result.UNKNOWN_PEER, hello, address, why)
        if peer.tls and not _is_certified(peer.host, certificate):
            why = "it shows no certificate with its name as subjectAltName (DNS)"
            return self._refused(Result.NO_COMMON_SECURITY, hello, address, why)
        return Result.SUCCESS, peer

    def _refused(self, result: Result, hello: Hello, address: str, why: str) -> tuple[Result, None]:
        self.refused[result] += 1
        sentence = f"peer {hello.host!r} at {address} is refused ({int(result)}): {why}"
        self._strangers.warn((address, result), sentence)
        return result, None

    def opened(self, connection: Connection, hello: Hello) -> None:
        """A peer is connected. One that comes again has lost its older connection, whatever it looks like."""
        older = self._open.get(hello.host.lower())
        self._open[hello.host.lower()] = connection
        log.info("peer %s (%s) is connected from %s", hello.host, hello.product, connection.address)
        if older is not None and older is not connection:
            log.info("the older connection of peer %s is closed", hello.host)
            older.abort()

    def answered(self, message: Message) -> None:
        """A peer answered a request of ours."""
        if self.on_answer is not None:
            self.on_answer(message)

    def closed(self, connection: Connection, why: str) -> None:
        """A link has ended by its own decision; `left` says it of a peer, `admit` of who was refused."""
        connection.why_closed = why
        if connection.link.hello is None and not connection.is_refused:
            address = connection.address
            self._strangers.warn(address, f"a connection from {address} is closed: {why}")

    async def _stop(self) -> None:
        """Takes no more connections and requests, answers those in hand, and says goodbye."""
        for server in self._servers:
            server.close()
        loop = asyncio.get_running_loop()
        until_s = loop.time() + STOP_S
        for connection in self._connections:
            connection.take_no_more()
        while any(each.is_busy for each in self._connections) and loop.time() < until_s:
            await asyncio.sleep(LEAVE_TICK_S)
        for connection in self._connections:
            connection.take_leave(DisconnectCause.REBOOTING)
        while self._connections and loop.time() < until_s:
            await asyncio.sleep(LEAVE_TICK_S)
        for connection in list(self._connections):
            connection.abort()

    def _tls_context(self) -> ssl.SSLContext:
        tls = self.settings.tls
        assert tls is not None, "a socket for TLS is opened only where the settings say how"
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        # A locked key is a fault that is told, not a question on the terminal of nobody.
        context.load_cert_chain(tls.certificate, tls.key, password="")
        if tls.authorities is not None:
            context.load_verify_locations(tls.authorities)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def _is_certified(host: str, certificate: dict[str, object] | None) -> bool:
    """Whether a certificate that our authorities have signed is for this host (RFC 6733, 13.1)."""
    if certificate is None:
        return False
    names = cast("Iterable[tuple[str, str]]", certificate.get("subjectAltName", ()))
    return any(kind == "DNS" and name.lower() == host.lower() for kind, name in names)


def _is_at(peer: PeerSettings, address: str) -> bool:
    """Whether a peer may come from an address; one without addresses may come from any."""
    if not peer.addresses:
        return True
    from_there = ip_address(address.partition("%")[0])
    return any(from_there in ip_network(network) for network in peer.addresses)


def _host_of(transport: asyncio.BaseTransport, end: str) -> str:
    """The IP address of an end of a connection; an IPv4 one in IPv6's clothes as itself."""
    name = transport.get_extra_info(end)
    if not name:
        return "0.0.0.0"
    address = ip_address(name[0].partition("%")[0])
    mapped = address.ipv4_mapped if address.version == 6 else None
    return str(mapped or address)
