"""Messages on the wire: the header, what an answer takes over from its request, what is no message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.doors.diameter.wire.avps import BadAvp, avp, avp_u32
from talktime.doors.diameter.wire.codes import CREDIT_CONTROL, REQUEST, Avp, Command, Result
from talktime.doors.diameter.wire.message import (
    MAX_LENGTH,
    BadMessage,
    Message,
    answer,
    header_fault,
    read_header,
    read_message,
    request,
)
from tests.doors.diameter.wire import by_hand
from tests.doors.diameter.wire.by_hand import ERROR, PROXIABLE, RETRANSMITTED

# Version and length; flags and command; application; hop-by-hop; end-to-end; one AVP.
A_REQUEST = bytes.fromhex("01000020 c0000110 00000004 0a0b0c0d 01020304 000001a4 4000000c 0000001e")
ITS_ANSWER = bytes.fromhex("01000020 40000110 00000004 0a0b0c0d 01020304 0000010c 4000000c 000007d1")


def test_a_request_as_the_layout_says() -> None:
    whole = request(Command.CREDIT_CONTROL, CREDIT_CONTROL, 0x0A0B0C0D, 0x01020304, avp_u32(Avp.CC_TIME, 30))
    assert whole == A_REQUEST
    link_local = request(Command.DEVICE_WATCHDOG, 0, 1, 2, flags=REQUEST)
    assert link_local == bytes.fromhex("01000014 80000118 00000000 00000001 00000002")


def test_a_message_is_read_into_its_fields() -> None:
    message = read_message(A_REQUEST)
    assert message == Message(0xC0, 272, 4, 0x0A0B0C0D, 0x01020304, A_REQUEST)
    assert message.avps() == [(420, 0, b"\0\0\0\x1e")]
    assert (message.is_request, message.is_error, message.is_retransmitted) == (True, False, False)
    assert read_message(ITS_ANSWER).is_request is False
    assert read_message(by_hand.ccr(flags=0xC0 | RETRANSMITTED)).is_retransmitted is True
    assert read_message(by_hand.message(272, flags=ERROR)).is_error is True


def test_an_answer_as_the_layout_says() -> None:
    assert answer(read_message(A_REQUEST), avp_u32(Avp.RESULT_CODE, Result.SUCCESS)) == ITS_ANSWER


# What came, whether the answer is an error, and its flags: P is kept; R, T and what is reserved are not.
ANSWERED_FLAGS = {
    "proxiable": (0xC0, False, PROXIABLE),
    "not proxiable": (0x80, False, 0),
    "retransmitted": (0xD0, False, PROXIABLE),
    "reserved": (0xCF, False, PROXIABLE),
    "error": (0xC0, True, PROXIABLE | ERROR),
    "error, not proxiable": (0x90, True, ERROR),
}


@pytest.mark.parametrize(("came", "error", "leaves"), ANSWERED_FLAGS.values(), ids=ANSWERED_FLAGS)
def test_flags_of_answers(came: int, error: bool, leaves: int) -> None:
    asked = read_message(by_hand.ccr(flags=came, hop_by_hop=7, end_to_end=8))
    seen = by_hand.read(answer(asked, error=error))
    assert (seen.flags, seen.command, seen.application, seen.hop_by_hop, seen.end_to_end) == (
        leaves,
        272,
        4,
        7,
        8,
    )


NO_MESSAGES = {
    "nothing": (b"", 5015),
    "half a header": (A_REQUEST[:10], 5015),
    "cut off": (A_REQUEST[:-4], 5015),
    "something behind": (A_REQUEST + bytes(4), 5015),
    "another version": (by_hand.cer(version=2), 5011),
    "no version": (by_hand.cer(version=0), 5011),
    "no multiple of four": (by_hand.message(257, b"abc"), 5015),
    "shorter than a header": (by_hand.message(257, length=16), 5015),
    "HTTP": (b"GET / HTTP/1.1\r\nHost: ocs.example\r\n\r\n", 5011),
}


@pytest.mark.parametrize(("whole", "result"), NO_MESSAGES.values(), ids=NO_MESSAGES)
def test_what_is_no_message(whole: bytes, result: int) -> None:
    with pytest.raises(BadMessage) as refused:
        read_message(whole)
    assert refused.value.result == result


def test_a_header_says_what_is_wrong_with_it() -> None:
    said = int.from_bytes(A_REQUEST[:4], "big")
    assert header_fault(said) is None
    assert header_fault(said, max_message=32) is None
    fault = header_fault(said, max_message=31)
    assert fault is not None
    assert (fault.result, str(fault)) == (5015, "a message of 32 bytes: send at most 31")


def test_a_header_alone_is_enough_to_answer() -> None:
    strange = by_hand.ccr(version=9, length=12)
    header = read_header(b"1234" + strange, 4)
    assert header.whole == strange[:20]
    assert by_hand.read(answer(header)).hop_by_hop == 0x11111111


def test_avps_that_cannot_be_told_apart_are_5014() -> None:
    with pytest.raises(BadAvp) as refused:
        read_message(by_hand.ccr("s", bytes.fromhex("00000108 40000007"))).avps()
    assert refused.value.result is Result.INVALID_AVP_LENGTH


def test_what_is_too_long_for_a_header_is_not_written() -> None:
    fits = avp(Avp.CLASS, bytes(MAX_LENGTH - 31))
    assert len(request(272, 4, 1, 1, fits)) == MAX_LENGTH - 3
    with pytest.raises(
        ValueError, match="a message of 16777216 bytes is too long for its header: 16777215 at most"
    ):
        request(272, 4, 1, 1, fits, bytes(8 - 1 - 3))


@given(st.binary(max_size=80))
def test_any_bytes_are_a_message_or_say_why_not(data: bytes) -> None:
    outcome: int | bytes
    try:
        outcome = read_message(data).whole
    except BadMessage as bad:
        outcome = bad.result
    assert outcome in (data, Result.UNSUPPORTED_VERSION, Result.INVALID_MESSAGE_LENGTH)
