"""A switch that asks for credit: hellos and requests written by our own writer, answers read by hand.

Every answer to a credit-control request is looked at strictly before a test sees it (`_checked`); a test
compares what it says in short: "2001 30 s", "2001 12 s, then terminate", "4012".
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from talktime.doors.diameter.wire.avps import avp, avp_address, avp_group, avp_text, avp_u32
from talktime.doors.diameter.wire.codes import (
    ERROR,
    PROXIABLE,
    REQUEST,
    RETRANSMITTED,
    VENDOR_3GPP,
    Avp,
    Command,
)
from talktime.doors.diameter.wire.message import request
from tests.doors.diameter.wire import by_hand

if TYPE_CHECKING:
    import ssl

    from tests.doors.diameter.house import House

INITIAL, UPDATE, TERMINATION, EVENT = 1, 2, 3, 4
DEBIT, REFUND, CHECK_BALANCE, PRICE_ENQUIRY = 0, 1, 2, 3
CONTEXT = "ext.01.001.8.32260@3gpp.org"
NTP_TO_UNIX_S = 2_208_988_800
SLICE = -1
"""Units are asked for, and the server says how many."""

ORIGINATING, TERMINATING = 0, 1
PATIENCE_S = 10.0


class Service(NamedTuple):
    """One Multiple-Services-Credit-Control; `asks` None: for nothing, SLICE: for as much as there is."""

    asks: int | None = None
    used: int | tuple[int, ...] | None = None
    rating_group: int | None = 100
    service_id: int | None = 1000

    def units(self) -> Iterator[bytes]:
        """Requested and used units."""
        if self.asks is not None:
            asks = b"" if self.asks == SLICE else avp_u32(Avp.CC_TIME, self.asks)
            yield avp_group(Avp.REQUESTED_SERVICE_UNIT, asks)
        used = () if self.used is None else (self.used,) if isinstance(self.used, int) else self.used
        for seconds in used:
            yield avp_group(Avp.USED_SERVICE_UNIT, avp_u32(Avp.CC_TIME, seconds))

    def avp(self) -> bytes:
        """The group."""
        parts = [*self.units()]
        if self.service_id is not None:
            parts.append(avp_u32(Avp.SERVICE_IDENTIFIER, self.service_id))
        if self.rating_group is not None:
            parts.append(avp_u32(Avp.RATING_GROUP, self.rating_group))
        return avp_group(Avp.MULTIPLE_SERVICES_CREDIT_CONTROL, *parts)


@dataclass(frozen=True, kw_only=True)
class Credit:
    """A Credit-Control-Request as values; None leaves an AVP out. `alone`: units without a service."""

    session: str | None
    kind: int | None = INITIAL
    number: int | None = 0
    services: Sequence[Service] = (Service(asks=30),)
    alone: bool = False
    who: str | None = "+14165550000"
    calling: str | None = "tel:+14165550000"
    to: str | None = "+442079460000"
    role: int | None = ORIGINATING
    origin_host: str | None = "switch.test"
    origin_realm: str | None = "test"
    host: str | None = None
    realm: str | None = "test"
    context: str | None = CONTEXT
    action: int | None = None
    correlation: str | None = None
    event_s: int | None = None
    more: tuple[bytes, ...] = ()
    flags: int = REQUEST | PROXIABLE

    def avps(self) -> Iterator[bytes]:
        """The AVPs in the order of RFC 8506 3.1."""
        for code, told in (
            (Avp.SESSION_ID, self.session),
            (Avp.ORIGIN_HOST, self.origin_host),
            (Avp.ORIGIN_REALM, self.origin_realm),
            (Avp.DESTINATION_REALM, self.realm),
            (Avp.DESTINATION_HOST, self.host),
            (Avp.SERVICE_CONTEXT_ID, self.context),
            (Avp.CC_CORRELATION_ID, self.correlation),
        ):
            if told is not None:
                yield avp_text(code, told)
        event_s = None if self.event_s is None else self.event_s + NTP_TO_UNIX_S & 0xFFFFFFFF
        for number, value in (
            (Avp.CC_REQUEST_TYPE, self.kind),
            (Avp.CC_REQUEST_NUMBER, self.number),
            (Avp.EVENT_TIMESTAMP, event_s),
            (Avp.REQUESTED_ACTION, self.action),
        ):
            if value is not None:
                yield avp_u32(number, value)
        if self.who is not None:
            kind = avp_u32(Avp.SUBSCRIPTION_ID_TYPE, 2 if "@" in self.who else 0)
            yield avp_group(Avp.SUBSCRIPTION_ID, kind, avp_text(Avp.SUBSCRIPTION_ID_DATA, self.who))
        for service in self.services:
            if self.alone:
                yield from service.units()
            else:
                yield service.avp()
        yield from self._ims()
        yield from self.more

    def _ims(self) -> Iterator[bytes]:
        parts = []
        if self.role is not None:
            parts.append(avp_u32(Avp.ROLE_OF_NODE, self.role, VENDOR_3GPP))
        if self.calling is not None:
            parts.append(avp_text(Avp.CALLING_PARTY_ADDRESS, self.calling, VENDOR_3GPP))
        if self.to is not None:
            to = self.to if self.to.startswith("urn:") else f"sip:{self.to}@test"
            parts.append(avp_text(Avp.CALLED_PARTY_ADDRESS, to, VENDOR_3GPP))
        if parts:
            inside = avp_group(Avp.IMS_INFORMATION, *parts, vendor=VENDOR_3GPP)
            yield avp_group(Avp.SERVICE_INFORMATION, inside, vendor=VENDOR_3GPP)

    def whole(self, identity: int) -> bytes:
        """The message."""
        return request(Command.CREDIT_CONTROL, 4, identity, identity ^ 0x5555, *self.avps(), flags=self.flags)


class Grant(NamedTuple):
    """What an answer says of one service, or of all; seconds None where none are granted."""

    result: int | None
    seconds: int | None
    then: str
    validity_s: int | None
    rating_group: int | None
    service_id: int | None

    @property
    def words(self) -> str:
        """The units in words."""
        if self.seconds is None:
            return ""
        return f"{self.seconds} s" + (f", then {self.then}" if self.then else "")


class Answer(NamedTuple):
    """An answer as plain values. `grants`: one a service, or one for the units at the top."""

    result: int
    flags: int
    command: int
    session: str | None
    kind: int | None
    number: int | None
    grants: tuple[Grant, ...]
    failed: bytes
    error: str
    proxies: tuple[bytes, ...]
    cost: tuple[int, int] | None
    enough: bool | None
    whole: bytes

    @property
    def words(self) -> str:
        """The answer in short."""
        granted = [grant for grant in self.grants if grant.seconds is not None]
        return f"{self.result} {granted[0].words}" if granted else str(self.result)

    @property
    def validity_s(self) -> int | None:
        """How long the grant holds."""
        (grant,) = [grant for grant in self.grants if grant.seconds is not None]
        return grant.validity_s

    @property
    def is_error(self) -> bool:
        """The E bit."""
        return bool(self.flags & ERROR)


def answer_of(whole: bytes) -> Answer:
    """Reads an answer, strictly."""
    seen = by_hand.read(whole)
    assert not seen.flags & (REQUEST | RETRANSMITTED)
    avps = _told(seen.avps)
    multiple = [_told(by_hand.avps_of(each)) for each in avps.get(Avp.MULTIPLE_SERVICES_CREDIT_CONTROL, [])]
    alone = [avps] if Avp.GRANTED_SERVICE_UNIT in avps else []
    cost = avps.get(Avp.COST_INFORMATION)
    enough = _number(avps, Avp.CHECK_BALANCE_RESULT)
    session, error = _one(avps, Avp.SESSION_ID), _one(avps, Avp.ERROR_MESSAGE)
    result = _number(avps, Avp.RESULT_CODE)
    assert result is not None
    return Answer(
        result=result,
        flags=seen.flags,
        command=seen.command,
        session=None if session is None else session.decode(),
        kind=_number(avps, Avp.CC_REQUEST_TYPE),
        number=_number(avps, Avp.CC_REQUEST_NUMBER),
        grants=tuple(_grant(each) for each in multiple or alone),
        failed=_one(avps, Avp.FAILED_AVP) or b"",
        error=(error or b"").decode(),
        proxies=tuple(avps.get(Avp.PROXY_INFO, [])),
        cost=None if cost is None else _cost(cost[0]),
        enough=None if enough is None else enough == 0,
        whole=whole,
    )


def _told(avps: list[tuple[int, int, int, bytes]]) -> dict[int, list[bytes]]:
    found: dict[int, list[bytes]] = {}
    for code, _, _, payload in avps:
        found.setdefault(code, []).append(payload)
    return found


def _one(avps: dict[int, list[bytes]], code: int) -> bytes | None:
    found = avps.get(code, [])
    assert len(found) <= 1, f"AVP {code} stands {len(found)} times in an answer"
    return found[0] if found else None


def _number(avps: dict[int, list[bytes]], code: int) -> int | None:
    payload = _one(avps, code)
    assert payload is None or len(payload) == 4
    return None if payload is None else int.from_bytes(payload, "big")


def _inside(payload: bytes) -> dict[int, list[bytes]]:
    return _told(by_hand.avps_of(payload))


def _grant(avps: dict[int, list[bytes]]) -> Grant:
    granted, final = _one(avps, Avp.GRANTED_SERVICE_UNIT), _one(avps, Avp.FINAL_UNIT_INDICATION)
    then = ""
    if final is not None:
        inside = _inside(final)
        then = {0: "terminate", 1: "redirect"}[_number(inside, Avp.FINAL_UNIT_ACTION) or 0]
        if then == "redirect":
            server = _inside(inside[Avp.REDIRECT_SERVER][0])
            kind = _number(server, Avp.REDIRECT_ADDRESS_TYPE)
            then += f" to {kind}:{server[Avp.REDIRECT_SERVER_ADDRESS][0].decode()}"
    return Grant(
        _number(avps, Avp.RESULT_CODE),
        None if granted is None else _number(_inside(granted), Avp.CC_TIME),
        then,
        _number(avps, Avp.VALIDITY_TIME),
        _number(avps, Avp.RATING_GROUP),
        _number(avps, Avp.SERVICE_IDENTIFIER),
    )


def _cost(payload: bytes) -> tuple[int, int]:
    """(micros, number of the currency)."""
    avps = _inside(payload)
    value = _inside(avps[Avp.UNIT_VALUE][0])
    assert int.from_bytes(value[Avp.EXPONENT][0], "big", signed=True) == -6
    assert len(value[Avp.VALUE_DIGITS][0]) == 8
    currency = _number(avps, Avp.CURRENCY_CODE)
    assert currency is not None
    return int.from_bytes(value[Avp.VALUE_DIGITS][0], "big", signed=True), currency


def _checked(asked: bytes, told: bytes) -> Answer:
    """An answer to a credit-control request, with all that holds for every one (RFC 8506 3.2)."""
    seen, answer = by_hand.read(told), answer_of(told)
    assert told[5:20] == asked[5:20], "command, application and ids are those of the request"
    assert seen.flags & PROXIABLE == asked[4] & PROXIABLE
    assert answer.is_error == (3000 <= answer.result < 4000)
    assert seen.only(Avp.ORIGIN_HOST) == b"ocs.test"
    assert seen.only(Avp.ORIGIN_REALM) == b"test"
    assert seen.only(Avp.AUTH_APPLICATION_ID) == (4).to_bytes(4, "big")
    if answer.session is not None:
        assert seen.avps[0][0] == Avp.SESSION_ID, "the Session-Id comes first"
    return answer


class Line:
    """One connection: answers by their hop-by-hop ids, requests of the server in `heard`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer
        self._waiting: dict[int, list[asyncio.Future[bytes]]] = {}
        self.heard: list[by_hand.Seen] = []
        self.says: dict[int, int | None] = {Command.RE_AUTH: 2002, Command.ABORT_SESSION: 2001}
        """What the switch answers to requests of the server; None: nothing."""
        self.origin = b""
        self.parts = True
        """Whether it agrees to a goodbye."""
        self._reading = asyncio.ensure_future(self._read())

    @classmethod
    async def to(cls, port: int, context: ssl.SSLContext | None = None) -> Line:
        """A connection to this machine."""
        name = None if context is None else "ocs.test"
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name))

    @property
    def is_closed(self) -> bool:
        """Whether the server has hung up."""
        return self._reading.done()

    def send(self, whole: bytes) -> asyncio.Future[bytes]:
        """Sends a request; the future has its answer."""
        identity = int.from_bytes(whole[12:16], "big")
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        if self.is_closed:
            answer.set_exception(ConnectionError("the server has hung up"))
            return answer
        self._waiting.setdefault(identity, []).append(answer)
        self.writer.write(whole)
        return answer

    async def closed(self) -> None:
        """Waits until the server hangs up."""
        await asyncio.wait_for(asyncio.shield(self._reading), PATIENCE_S)

    async def hang_up(self) -> None:
        """Closes without a word."""
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()
        self._reading.cancel()
        with suppress(asyncio.CancelledError):
            await self._reading

    async def _read(self) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await self._reader.readexactly(20)
                whole = head + await self._reader.readexactly(int.from_bytes(head[1:4], "big") - 20)
                self._take(whole)
        for answer in chain.from_iterable(self._waiting.values()):
            if not answer.done():
                answer.set_exception(ConnectionError("the server hung up"))
                answer.exception()  # whoever waits is told; that nobody waits is no failure
        self.writer.close()

    def _take(self, whole: bytes) -> None:
        seen = by_hand.read(whole)
        if not seen.flags & REQUEST:
            waiting = self._waiting.get(seen.hop_by_hop)
            if waiting:
                waiting.pop(0).set_result(whole)
            return
        self.heard.append(seen)
        base = {Command.DISCONNECT_PEER: 2001 if self.parts else None, Command.DEVICE_WATCHDOG: 2001}
        result = (base | self.says).get(seen.command)
        if result is None:
            return
        session = [avp(Avp.SESSION_ID, each) for each in seen.all(Avp.SESSION_ID)]
        told = by_hand.answer_to(whole, *session, avp_u32(Avp.RESULT_CODE, result), self.origin)
        self.writer.write(told)


@dataclass
class Switch:
    """A switch on a line; requests of its calls carry its name, and rising ids of their own."""

    house: House
    line: Line
    host: str
    realm: str = "test"
    last: Answer | None = None
    _identity: int = field(default=0x1000)

    def __post_init__(self) -> None:
        self.line.origin = avp_text(Avp.ORIGIN_HOST, self.host) + avp_text(Avp.ORIGIN_REALM, self.realm)

    def hello(self, *more: bytes) -> Answer:
        """Says who it is."""
        told = (avp_address(Avp.HOST_IP_ADDRESS, "127.0.0.1"), avp_u32(Avp.VENDOR_ID, 10415))
        product = avp_text(Avp.PRODUCT_NAME, "Switch")
        return self.base(
            Command.CAPABILITIES_EXCHANGE, *told, product, avp_u32(Avp.AUTH_APPLICATION_ID, 4), *more
        )

    def base(self, command: Command, *parts: bytes) -> Answer:
        """A request of the base protocol."""
        whole = request(command, 0, self.identity(), 1, self.line.origin, *parts, flags=REQUEST)
        return self.raw(whole)

    def raw(self, whole: bytes) -> Answer:
        """Any request as it stands, and its answer."""
        return answer_of(self.house.run(_sent(self.line, whole)))

    def identity(self) -> int:
        """A new hop-by-hop id."""
        self._identity += 1
        return self._identity

    def written(self, what: Credit) -> bytes:
        """A request as this switch would send it now."""
        return what.whole(self.identity())

    def asks(self, what: Credit | bytes) -> Answer:
        """Sends a request and waits for its answer."""
        return self.asks_all([what])[0]

    def asks_all(self, whats: Iterable[Credit | bytes]) -> list[Answer]:
        """Sends requests without waiting in between; their answers in the order of the requests."""
        wholes = [what if isinstance(what, bytes) else self.written(what) for what in whats]
        answers = self.house.run(_all_sent(self.line, wholes))
        told = [_checked(whole, answer) for whole, answer in zip(wholes, answers, strict=True)]
        self.last = told[-1]
        return told

    def call(self, session: str = "switch.test;1", **usual: object) -> Call:
        """A call; `usual` are fields of its requests."""
        base = Credit(session=session, origin_host=self.host, origin_realm=self.realm)
        return Call(self, Credit(**{**base.__dict__, **usual}))

    def heard(self, command: Command) -> list[str]:
        """The sessions that the server has asked about with a command."""
        about = [seen for seen in self.line.heard if seen.command == command]
        return [seen.only(Avp.SESSION_ID).decode() for seen in about]

    def is_hung_up_on(self) -> bool:
        """Waits until the server closes the connection."""
        self.house.run(self.line.closed())
        return self.line.is_closed


class Call:
    """A session: each request has the next number. What it answers is in short; `answer` has all of it."""

    def __init__(self, switch: Switch, usual: Credit, number: int = 0) -> None:
        self.switch = switch
        self.usual = usual
        self.number = number
        self.sent: list[bytes] = []
        self.told: list[Answer] = []
        self.answer: Answer | None = None

    @property
    def validity_s(self) -> int | None:
        """How long the latest grant holds."""
        assert self.answer is not None
        return self.answer.validity_s

    def says(self, **fields: object) -> str:
        """The next request of the session, with these fields."""
        self.sent.append(self.written(**fields))
        words = self._sent(self.switch, self.sent[-1])
        assert self.answer is not None
        self.told.append(self.answer)
        return words

    def written(self, **fields: object) -> bytes:
        """The next request of the session, not sent."""
        what = Credit(**{**self.usual.__dict__, "number": self.number, **fields})
        self.number += 1
        return self.switch.written(what)

    def initial(self, asks: int | None = 30, **fields: object) -> str:
        """Begins."""
        return self.says(**{"kind": INITIAL, "services": (Service(asks),), **fields})

    def update(self, used: int, asks: int | None = 30, **fields: object) -> str:
        """Reports and asks for more; `asks` None: only reports."""
        return self.says(**{"kind": UPDATE, "services": (Service(asks, used),), **fields})

    def terminate(self, used: int, **fields: object) -> str:
        """Ends."""
        return self.says(**{"kind": TERMINATION, "services": (Service(None, used),), **fields})

    def event(self, action: int, seconds: int | None = None, **fields: object) -> str:
        """Asks for all in one."""
        return self.says(**{"kind": EVENT, "action": action, "services": (Service(seconds),), **fields})

    def again(self, at: int = -1, over: Switch | None = None, *, flagged: bool = True) -> str:
        """One of the requests once more, with the T flag, as it was sent or over another line."""
        whole = self.sent[at]
        if flagged:
            whole = whole[:4] + bytes([whole[4] | RETRANSMITTED]) + whole[5:]
        return self._sent(over or self.switch, whole)

    def _sent(self, switch: Switch, whole: bytes) -> str:
        self.answer = switch.asks(whole)
        return self.answer.words


async def _sent(line: Line, whole: bytes) -> bytes:
    return await asyncio.wait_for(line.send(whole), PATIENCE_S)


async def _all_sent(line: Line, wholes: Iterable[bytes]) -> list[bytes]:
    return await asyncio.wait_for(asyncio.gather(*map(line.send, wholes)), PATIENCE_S)
