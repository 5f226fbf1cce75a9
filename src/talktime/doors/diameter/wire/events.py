"""What a link tells whoever holds it: a peer was let in, something came, it is over; and where it stands."""

from enum import Enum
from typing import NamedTuple, TypeAlias

from talktime.doors.diameter.wire.message import Message
from talktime.doors.diameter.wire.own import Hello


class LinkState(Enum):
    """Where a link stands. CLOSED wants its bytes sent and the transport closed."""

    WAIT_HELLO = "waits for a hello"
    OPEN = "open"
    CLOSING = "says goodbye"
    CLOSED = "closed"


class Opened(NamedTuple):
    """The peer was let in."""

    hello: Hello


class Arrived(NamedTuple):
    """A credit-control request, to be answered by `PeerLink.say`."""

    message: Message


class Answered(NamedTuple):
    """The answer to a request of ours."""

    message: Message


class Closed(NamedTuple):
    """The link is over; `why` is a sentence."""

    why: str


Event: TypeAlias = Opened | Arrived | Answered | Closed
