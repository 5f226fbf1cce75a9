"""How a capture is understood: each message in words, and of credit-control requests what they come to.

The same rules as the door's, asked of no session and charging nothing, so that a mapping of identities can be
tried before a switch is connected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.doors.diameter.explain_credit import Credit, credit_of
from talktime.doors.diameter.explain_odd import Heard, oddities
from talktime.doors.diameter.request import TERMINATION, read_request
from talktime.doors.diameter.wire.avps import BadAvp, every, first, unsigned, walk
from talktime.doors.diameter.wire.codes import Avp, Command
from talktime.doors.diameter.wire.dictionary import show
from talktime.doors.diameter.wire.message import Message, read_message
from talktime.live.operations import UNKNOWN_US

if TYPE_CHECKING:
    from talktime.doors.diameter.captures import Capture
    from talktime.doors.diameter.explain_credit import Judge
    from talktime.doors.diameter.settings import DiameterSettings
    from talktime.doors.diameter.streams import Seen
    from talktime.doors.diameter.wire.avps import Avps
    from talktime.doors.diameter.wire.dictionary import Shown

_FLAGS: Final = ((0x80, "R"), (0x40, "P"), (0x20, "E"), (0x10, "T"))


class Fault(NamedTuple):
    """Why a request cannot be read, and the result code that it is answered with."""

    result: int
    sentence: str


class Explained(NamedTuple):
    """A message in words. Of answers `result` is the Result-Code, `granted_s` the seconds they grant."""

    seen: Seen
    message: Message
    name: str
    session_id: str
    avps: list[tuple[str, Shown]]
    credit: Credit | None = None
    fault: Fault | None = None
    result: int | None = None
    granted_s: int | None = None
    odd: tuple[str, ...] = ()

    @property
    def flags(self) -> str:
        """The flags of the header that are set: R request, P proxiable, E error, T sent before."""
        return " ".join(letter for bit, letter in _FLAGS if self.message.flags & bit)


class SessionSum(NamedTuple):
    """A session in the capture: what its requests report in all, each once, and the codes of answers."""

    session_id: str
    tenant: str
    requests: int
    repeats: int
    used_s: int
    is_ended: bool
    results: tuple[int, ...]

    @property
    def state(self) -> str:
        """In a word: refused is one whose answers are in the capture, and none is a success."""
        if self.results and not any(2000 <= result < 3000 for result in self.results):
            return "refused"
        return "ended" if self.is_ended else "open"


class Explanation(NamedTuple):
    """A whole capture."""

    messages: tuple[Explained, ...]
    sessions: tuple[SessionSum, ...]
    notes: tuple[str, ...]


def explain(capture: Capture, settings: DiameterSettings | None, judge: Judge | None) -> Explanation:
    """Explains the messages of a capture in their order. `judge` None: no ledger is asked."""
    reader = _Reader(settings, judge)
    messages = tuple([reader.explained(seen) for seen in capture.messages])
    return Explanation(messages, reader.sums(), capture.notes)


class _Session:
    """What has been seen of a session so far."""

    __slots__ = ("granted_s", "is_ended", "known", "repeats", "requests", "results", "tenant", "used_s")

    def __init__(self) -> None:
        self.tenant = ""
        self.requests = self.repeats = self.used_s = 0
        self.is_ended = False
        self.results: list[int] = []
        self.known: set[tuple[int, int]] = set()
        self.granted_s: int | None = None

    def take(self, credit: Credit, key: tuple[int, int], *, ends: bool) -> None:
        """Counts a request, a repeated one only as such."""
        self.tenant = self.tenant or (credit.who.tenant if credit.who is not None else "")
        self.requests += 1
        if key in self.known:
            self.repeats += 1
            return
        self.known.add(key)
        self.used_s += credit.used_s
        self.is_ended = self.is_ended or ends
        self.granted_s = None


class _Reader:
    def __init__(self, settings: DiameterSettings | None, judge: Judge | None) -> None:
        self._settings = settings
        self._judge = judge
        self._sessions: dict[str, _Session] = {}

    def explained(self, seen: Seen) -> Explained:
        message = read_message(seen.whole)
        found = Explained(seen, message, _name(message), "", [])
        try:
            avps = message.avps()
        except BadAvp as error:
            return found._replace(fault=Fault(error.result, str(error)))
        found = found._replace(session_id=_session_id(avps), avps=show(avps))
        if not message.is_request:
            return self._answer(found, avps)
        return self._credit(found, avps) if message.command == Command.CREDIT_CONTROL else found

    def sums(self) -> tuple[SessionSum, ...]:
        """The sessions in the order in which they were first seen."""
        return tuple(
            SessionSum(
                id_, one.tenant, one.requests, one.repeats, one.used_s, one.is_ended, tuple(one.results)
            )
            for id_, one in self._sessions.items()
        )

    def _credit(self, found: Explained, avps: Avps) -> Explained:
        message, at_us = found.message, found.seen.at_us
        try:
            request = read_request(message)
            credit = credit_of(message, request, self._settings, self._judge, at_us or UNKNOWN_US)
        except BadAvp as error:
            fault = Fault(error.result, str(error))
            return found._replace(fault=fault, odd=oddities(message, avps, None))
        session = self._sessions.setdefault(request.session_id, _Session())
        key = request.kind, request.number
        heard = Heard(request, at_us, key in session.known, credit.used_s, session.granted_s)
        session.take(credit, key, ends=request.kind == TERMINATION)
        return found._replace(
            name=f"{found.name} ({credit.kind})", credit=credit, odd=oddities(message, avps, heard)
        )

    def _answer(self, found: Explained, avps: Avps) -> Explained:
        try:
            result, granted_s = _number(avps, Avp.RESULT_CODE), _granted_s(avps)
        except BadAvp as error:
            return found._replace(odd=(f"{error}",))
        if found.message.command == Command.CREDIT_CONTROL and found.session_id in self._sessions:
            session = self._sessions[found.session_id]
            session.granted_s = granted_s
            if result is not None:
                session.results.append(result)
        return found._replace(result=result, granted_s=granted_s)


def _name(message: Message) -> str:
    known = message.command in set(Command)
    name = Command(message.command).name.replace("_", "-").title() if known else f"Command {message.command}"
    return f"{name}-{'Request' if message.is_request else 'Answer'}"


def _session_id(avps: Avps) -> str:
    payload = first(avps, Avp.SESSION_ID)
    return "" if payload is None else payload.decode("utf-8", "replace")


def _number(avps: Avps, code: Avp) -> int | None:
    payload = first(avps, code)
    return None if payload is None else unsigned(code, payload)


def _granted_s(avps: Avps) -> int | None:
    """Seconds that an answer grants, of all services together; None where it grants none."""
    granted = [
        _number(walk(unit), Avp.CC_TIME)
        for service in [avps, *(walk(each) for each in every(avps, Avp.MULTIPLE_SERVICES_CREDIT_CONTROL))]
        for unit in every(service, Avp.GRANTED_SERVICE_UNIT)
    ]
    told = [seconds for seconds in granted if seconds is not None]
    return sum(told) if told else None
