"""The link to one peer, seen from the side that was called: bytes and a time in, events and bytes out.

It says hello, keeps the watchdog, says goodbye and answers every request but those for credit, which arrive.
Who holds it moves bytes and asks when to wake it; nothing that a peer sends makes it raise (RFC 6733, 5; RFC
3539, 3.4).
"""

from collections.abc import Callable
from math import inf
from struct import Struct
from typing import Final, TypeAlias

from talktime.doors.diameter.wire.avps import Avps, BadAvp, needed, unsigned
from talktime.doors.diameter.wire.codes import (
    BASE,
    CREDIT_CONTROL,
    ERROR,
    RELAY,
    REQUEST,
    Avp,
    Command,
    Result,
)
from talktime.doors.diameter.wire.events import Answered, Arrived, Closed, Event, LinkState, Opened
from talktime.doors.diameter.wire.message import (
    HEADER_BYTES,
    MAX_LENGTH,
    MAX_MESSAGE,
    VERSION,
    BadMessage,
    Message,
    header_fault,
    read_header,
    request,
)
from talktime.doors.diameter.wire.own import BaseWriter, Hello, Own, Spoken, needed_name, read_hello

__all__ = [
    "Admit",
    "Answered",
    "Arrived",
    "Closed",
    "Event",
    "Hello",
    "LinkState",
    "Opened",
    "Own",
    "PeerLink",
]

Admit: TypeAlias = Callable[[Hello], Result]
"""Whether a peer may come in: SUCCESS, or why not (UNKNOWN_PEER, NO_COMMON_SECURITY). It is asked last."""

MAX_OPEN_ASKS: Final = 4096
"""So many requests of ours may wait for an answer; beyond, the oldest is forgotten."""

_HEADER: Final = Struct(">IIIII")
_ID_BITS: Final = 0xFFFFFFFF
_VERSION_BITS: Final = VERSION << 24
_SILENCES_TO_CLOSE: Final = 3
_APPLICATIONS: Final = frozenset((BASE, CREDIT_CONTROL))
_COMMON: Final = frozenset((CREDIT_CONTROL, RELAY))


class PeerLink:
    """One connection. Times are seconds of any clock that does not go back.

    `jitter` gives the seconds by which a watchdog is late or early, within 2 of 0 (RFC 3539, 3.4.1).
    A peer has `hello_s` for its hello and for its goodbye.
    """

    def __init__(
        self,
        own: Own,
        admit: Admit,
        now_s: float,
        *,
        watchdog_s: float = 30.0,
        hello_s: float = 10.0,
        max_message: int = MAX_MESSAGE,
        jitter: Callable[[], float],
    ) -> None:
        self.state = LinkState.WAIT_HELLO
        self.hello: Hello | None = None
        self.strangers = 0
        """Answers that nobody asked for, dropped."""
        self._base = BaseWriter(own)
        self._admit = admit
        self._watchdog_s = watchdog_s
        self._hello_s = hello_s
        self._max_message = max_message
        self._jitter = jitter
        self._due_s = now_s + hello_s
        self._patience_s = watchdog_s
        self._silences = 0
        self._out: list[bytes] = []
        self._partial = bytearray()
        self._wanted = HEADER_BYTES
        self._asked: dict[int, int] = {}
        self._base_asked: dict[int, int] = {}
        # Unlike on each link and after each start, so that an answer to somebody else is not taken for ours.
        self._next_id = (own.state_id << 20 ^ int(now_s * 1_000_000)) & _ID_BITS

    def due_s(self) -> float:
        """When `tick` wants to be called; infinity for a closed link."""
        return self._due_s

    def take(self) -> bytes:
        """What is to be sent, and forgets it."""
        if len(self._out) == 1:
            return self._out.pop()
        out = b"".join(self._out)
        self._out.clear()
        return out

    def say(self, whole: bytes) -> None:
        """Queues a message that is ready; a closed link drops it."""
        if self.state is not LinkState.CLOSED:
            self._out.append(whole)

    def ask(self, command: int, application: int, *parts: bytes, now_s: float) -> int:
        """Sends a request of ours and returns its hop-by-hop id; `Answered` comes with the same.

        A link that is not open sends nothing, and so nothing answers.
        """
        del now_s  # whoever asks waits for as long as it likes
        identity = self._identity()
        if self.state is LinkState.OPEN:
            if len(self._asked) >= MAX_OPEN_ASKS:
                del self._asked[next(iter(self._asked))]
            self._asked[identity] = command
            self.say(request(command, application, identity, identity, *parts))
        return identity

    def disconnect(self, cause: int, now_s: float) -> None:
        """Says goodbye on an open link (DPR), which closes on the answer or after `hello_s`; else nothing."""
        if self.state is LinkState.OPEN:
            self._ask_base(Command.DISCONNECT_PEER, self._base.disconnect(cause))
            self._close_soon(now_s)

    def tick(self, now_s: float) -> list[Event]:
        """What the passing of time does: a silent peer is asked for a sign of life, then closed."""
        if now_s < self._due_s:
            return []
        match self.state:
            case LinkState.WAIT_HELLO:
                return self._close("no hello in time")
            case LinkState.CLOSING:
                return self._close("said goodbye, but the peer did not close")
            case LinkState.OPEN:
                return self._silence(now_s)
            case LinkState.CLOSED:
                return []

    def receive(self, data: bytes, now_s: float) -> list[Event]:
        """What came: messages and parts of them. A frame that cannot be followed closes the link."""
        events: list[Event] = []
        if self._is_closed():
            return events
        if self._partial:
            self._partial += data
            if len(self._partial) < self._wanted:
                return events
            data = bytes(self._partial)
            self._partial.clear()
        at = self._read(data, now_s, events)
        if at and self.state is LinkState.OPEN:
            self._silences = 0
            self._due_s = now_s + self._patience_s
        if at < len(data) and not self._is_closed():
            self._partial += data[at:] if at else data
        return events

    def _read(self, data: bytes, now_s: float, events: list[Event]) -> int:
        """Reads whole messages; returns where the first that is not whole begins, sets how much it wants."""
        at, end = 0, len(data)
        while end - at >= HEADER_BYTES:
            said, word, application, hop_by_hop, end_to_end = _HEADER.unpack_from(data, at)
            after = at + (said & MAX_LENGTH)
            if (
                said & ~MAX_LENGTH != _VERSION_BITS
                or said & 3
                or not HEADER_BYTES <= after - at <= self._max_message
            ):
                self._lose(read_header(data, at), header_fault(said, self._max_message), events)
                return end
            if after > end:
                self._wanted = after - at
                return at
            whole = data[at:after]
            at = after
            message = Message(word >> 24, word & MAX_LENGTH, application, hop_by_hop, end_to_end, whole)
            if (
                message.command == Command.CREDIT_CONTROL
                and application == CREDIT_CONTROL
                and self.state is LinkState.OPEN
                and message.flags & (REQUEST | ERROR) == REQUEST
            ):
                events.append(Arrived(message))
            else:
                events += self._other(message, now_s)
                if self.state is LinkState.CLOSED:
                    return end
        self._wanted = HEADER_BYTES
        return at

    def _lose(self, header: Message, fault: BadMessage | None, events: list[Event]) -> None:
        """A frame whose end nobody knows: answered if it is a hello or a request on an open link."""
        result = Result.INVALID_MESSAGE_LENGTH if fault is None else fault.result
        is_hello = header.command == Command.CAPABILITIES_EXCHANGE
        if header.is_request and (is_hello or self.state is not LinkState.WAIT_HELLO):
            self.say(self._base.refusal(header, result, str(fault)))
        events += self._close(str(fault))

    def _other(self, message: Message, now_s: float) -> list[Event]:
        """Whatever is not a credit-control request on an open link."""
        if self.state is LinkState.WAIT_HELLO:
            return self._greet(message)
        if not message.is_request:
            return self._take_answer(message)
        if message.is_error:
            return self._refuse(message, Result.INVALID_HDR_BITS, "a request with the E bit: clear it")
        match message.command:
            case Command.CAPABILITIES_EXCHANGE:
                return self._greet_again(message)
            case Command.DEVICE_WATCHDOG:
                return self._show_life(message)
            case Command.DISCONNECT_PEER:
                return self._part(message, now_s)
            case _:
                return self._decline(message)

    def _decline(self, message: Message) -> list[Event]:
        """A request that nobody here takes."""
        if message.application not in _APPLICATIONS:
            sentence = f"application {message.application} is not spoken here: speak {CREDIT_CONTROL}"
            return self._refuse(message, Result.APPLICATION_UNSUPPORTED, sentence)
        if message.command == Command.CREDIT_CONTROL and message.application == CREDIT_CONTROL:
            return self._refuse(
                message, Result.UNABLE_TO_DELIVER, "this link is about to close: ask on another"
            )
        sentence = f"command {message.command} of application {message.application} is not taken here"
        return self._refuse(message, Result.COMMAND_UNSUPPORTED, sentence)

    def _greet(self, message: Message) -> list[Event]:
        """The first message: a hello that opens the link, or its end."""
        if message.command != Command.CAPABILITIES_EXCHANGE or message.flags & (REQUEST | ERROR) != REQUEST:
            return self._close("the first message was no Capabilities-Exchange-Request")
        try:
            spoken = read_hello(message.avps())
        except BadAvp as bad:
            return self._turn_away(message, bad.result, str(bad), bad.failed)
        result, sentence = self._verdict(spoken)
        if result is not Result.SUCCESS:
            return self._turn_away(message, result, sentence)
        self.say(self._base.capabilities(message, Result.SUCCESS))
        self.hello = spoken.hello
        self.state = LinkState.OPEN
        self._draw_patience()
        return [Opened(spoken.hello)]

    def _verdict(self, spoken: Spoken) -> tuple[Result, str]:
        hello = spoken.hello
        if not spoken.is_plain:
            return (
                Result.NO_COMMON_SECURITY,
                "TLS inside a link is not spoken here: offer none (0), or connect by TLS",
            )
        if not hello.applications & _COMMON:
            return (
                Result.NO_COMMON_APPLICATION,
                f"no application in common: speak credit control, {CREDIT_CONTROL}",
            )
        result = self._admit(hello)
        return result, f"{hello.host} of {hello.realm} is not let in ({result.name.lower()})"

    def _greet_again(self, message: Message) -> list[Event]:
        """A hello on an open link: answered, if it is still the same peer."""
        try:
            hello = read_hello(message.avps()).hello
        except BadAvp as bad:
            return self._turn_away(message, bad.result, str(bad), bad.failed)
        if self.hello is None or hello.host.lower() != self.hello.host.lower():
            return self._turn_away(message, Result.UNKNOWN_PEER, f"{hello.host} is not who opened this link")
        self.say(self._base.capabilities(message, Result.SUCCESS))
        return []

    def _turn_away(self, message: Message, result: Result, sentence: str, failed: bytes = b"") -> list[Event]:
        self.say(self._base.capabilities(message, result, sentence, failed))
        return self._close(sentence)

    def _show_life(self, message: Message) -> list[Event]:
        try:
            _named(message)
        except BadAvp as bad:
            return self._refuse(message, bad.result, str(bad), bad.failed)
        self.say(self._base.alive(message))
        return []

    def _part(self, message: Message, now_s: float) -> list[Event]:
        """The peer says goodbye: it closes once it has our answer, and what we still say may reach it."""
        try:
            avps = _named(message)
            unsigned(Avp.DISCONNECT_CAUSE, needed(avps, Avp.DISCONNECT_CAUSE))
        except BadAvp as bad:
            return self._refuse(message, bad.result, str(bad), bad.failed)
        self.say(self._base.goodbye(message))
        self._close_soon(now_s)
        return []

    def _refuse(self, message: Message, result: Result, sentence: str, failed: bytes = b"") -> list[Event]:
        self.say(self._base.refusal(message, result, sentence, failed))
        return []

    def _take_answer(self, message: Message) -> list[Event]:
        if self._asked.get(message.hop_by_hop) == message.command:
            del self._asked[message.hop_by_hop]
            return [Answered(message)]
        if self._base_asked.get(message.command) != message.hop_by_hop:
            self.strangers += 1
            return []
        del self._base_asked[message.command]
        if message.command == Command.DISCONNECT_PEER:
            return self._close("we said goodbye and the peer agreed")
        return []

    def _silence(self, now_s: float) -> list[Event]:
        """A watchdog ran out: ask for a sign of life, suspect, close (RFC 3539, 3.4.1)."""
        self._silences += 1
        if self._silences >= _SILENCES_TO_CLOSE:
            return self._close("the peer was silent and did not answer the watchdog")
        if self._silences == 1:
            self._ask_base(Command.DEVICE_WATCHDOG, self._base.watchdog())
        self._draw_patience()
        self._due_s = now_s + self._patience_s
        return []

    def _draw_patience(self) -> None:
        """A new length of the watchdog; jitter never takes more than half of it away."""
        self._patience_s = max(self._watchdog_s + self._jitter(), self._watchdog_s / 2)

    def _ask_base(self, command: Command, body: bytes) -> None:
        identity = self._identity()
        self._base_asked[command] = identity
        self.say(request(command, BASE, identity, identity, body, flags=REQUEST))

    def _identity(self) -> int:
        self._next_id = self._next_id + 1 & _ID_BITS
        return self._next_id

    def _is_closed(self) -> bool:
        return self.state is LinkState.CLOSED

    def _close_soon(self, now_s: float) -> None:
        if self.state is LinkState.OPEN:
            self.state = LinkState.CLOSING
            self._due_s = now_s + self._hello_s

    def _close(self, why: str) -> list[Event]:
        self.state = LinkState.CLOSED
        self._due_s = inf
        self._partial.clear()
        self._asked.clear()
        self._base_asked.clear()
        return [Closed(why)]


def _named(message: Message) -> Avps:
    """The AVPs of a base request that says who sends it. Raises BadAvp."""
    avps = message.avps()
    needed_name(avps, Avp.ORIGIN_HOST)
    needed_name(avps, Avp.ORIGIN_REALM)
    return avps
