"""Messages: a header of 20 bytes and AVPs (RFC 6733, 3).

A Message keeps the bytes it came in; its AVPs are read when somebody asks. Requests and answers are put
together from AVPs that are ready, so that one length is computed per message and nothing is encoded twice.
"""

from struct import Struct
from typing import Final, NamedTuple

from talktime.doors.diameter.wire.avps import Avps, walk, walk_readable
from talktime.doors.diameter.wire.codes import ERROR, PROXIABLE, REQUEST, RETRANSMITTED, Result

HEADER_BYTES: Final = 20
MAX_MESSAGE: Final = 65_536
"""Bytes of the longest message that is read unless somebody says otherwise: a header may claim 16 MB."""

MAX_LENGTH: Final = 0xFFFFFF
"""Bytes of the longest message that a header can tell."""

VERSION: Final = 1

_HEADER: Final = Struct(">IIIII")


class BadMessage(ValueError):  # noqa: N818  it is what a peer sent, not a failure of ours
    """Bytes that are no message: `result` says why (5011 or 5015), str() is a sentence."""

    def __init__(self, result: Result, sentence: str) -> None:
        super().__init__(sentence)
        self.result = result


class Message(NamedTuple):
    """A message as it came; `whole` has its header too."""

    flags: int
    command: int
    application: int
    hop_by_hop: int
    end_to_end: int
    whole: bytes

    @property
    def is_request(self) -> bool:
        """The R bit."""
        return self.flags & REQUEST != 0

    @property
    def is_error(self) -> bool:
        """The E bit."""
        return self.flags & ERROR != 0

    @property
    def is_retransmitted(self) -> bool:
        """The T bit: it may have been seen before."""
        return self.flags & RETRANSMITTED != 0

    def avps(self) -> Avps:
        """The AVPs of the top level. Raises BadAvp (5014)."""
        return walk(self.whole, HEADER_BYTES)

    def readable(self) -> Avps:
        """The AVPs before the first whose length does not fit: what a refusal can still repeat."""
        return walk_readable(self.whole, HEADER_BYTES)


def read_header(data: bytes, at: int = 0) -> Message:
    """The header at `at`, whatever version and length it says; `whole` is the header alone."""
    _, word, application, hop_by_hop, end_to_end = _HEADER.unpack_from(data, at)
    header = data[at : at + HEADER_BYTES]
    return Message(word >> 24, word & MAX_LENGTH, application, hop_by_hop, end_to_end, header)


def read_message(whole: bytes) -> Message:
    """One message that is all of `whole`. Raises BadMessage."""
    if len(whole) < HEADER_BYTES:
        raise BadMessage(
            Result.INVALID_MESSAGE_LENGTH, f"{len(whole)} bytes are no message: its header has {HEADER_BYTES}"
        )
    said, word, application, hop_by_hop, end_to_end = _HEADER.unpack_from(whole)
    if said != VERSION << 24 | len(whole) or said & 3:
        fault = header_fault(said, len(whole))
        if fault is not None:
            raise fault
        raise BadMessage(
            Result.INVALID_MESSAGE_LENGTH,
            f"the header says {said & MAX_LENGTH} bytes, {len(whole)} are there: give one whole message",
        )
    return Message(word >> 24, word & MAX_LENGTH, application, hop_by_hop, end_to_end, whole)


def header_fault(said: int, max_message: int = MAX_LENGTH) -> BadMessage | None:
    """What is wrong with the first four bytes of a header (version and length), or None.

    A length that is no multiple of four is a lost frame: its sender cannot be followed (RFC 6733, 3).
    """
    version, length = said >> 24, said & MAX_LENGTH
    if version != VERSION:
        return BadMessage(
            Result.UNSUPPORTED_VERSION,
            f"version {version} of Diameter is not spoken here: speak version {VERSION}",
        )
    if length < HEADER_BYTES or length % 4:
        return BadMessage(
            Result.INVALID_MESSAGE_LENGTH,
            f"a message of {length} bytes: send {HEADER_BYTES} or more, a multiple of 4",
        )
    if length > max_message:
        return BadMessage(
            Result.INVALID_MESSAGE_LENGTH, f"a message of {length} bytes: send at most {max_message}"
        )
    return None


def request(
    command: int,
    application: int,
    hop_by_hop: int,
    end_to_end: int,
    *parts: bytes,
    flags: int = REQUEST | PROXIABLE,
) -> bytes:
    """A request of AVPs that are ready. Raises ValueError where it is too long for a header."""
    return _message(flags, command, application, hop_by_hop, end_to_end, b"".join(parts))


def answer(to: Message, *parts: bytes, error: bool = False) -> bytes:
    """An answer of AVPs that are ready: the ids and the P bit of the request, `error` sets the E bit."""
    flags = to.flags & PROXIABLE | (ERROR if error else 0)
    return _message(flags, to.command, to.application, to.hop_by_hop, to.end_to_end, b"".join(parts))


def _message(
    flags: int, command: int, application: int, hop_by_hop: int, end_to_end: int, body: bytes
) -> bytes:
    length = HEADER_BYTES + len(body)
    if length > MAX_LENGTH:
        raise ValueError(f"a message of {length} bytes is too long for its header: {MAX_LENGTH} at most")
    return (
        _HEADER.pack(VERSION << 24 | length, flags << 24 | command, application, hop_by_hop, end_to_end)
        + body
    )
