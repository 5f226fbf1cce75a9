"""A refusal brings back what can be read: all that stands before the AVP whose length does not fit."""

import pytest

from talktime.doors.diameter.wire.avps import BadAvp, avp_text
from talktime.doors.diameter.wire.codes import Avp, Result
from talktime.doors.diameter.wire.message import Message, read_message, request
from talktime.doors.diameter.wire.own import BaseWriter, Own

SESSION = avp_text(Avp.SESSION_ID, "switch.test;1")
PROXY = avp_text(Avp.PROXY_HOST, "relay.test")
BROKEN = avp_text(Avp.ORIGIN_HOST, "switch.test")[:5] + b"\xff\xff\xff" + b"switch.test\0"


def message(*parts: bytes) -> Message:
    return read_message(request(999, 4, 1, 2, *parts))


@pytest.mark.parametrize(
    ("parts", "codes"),
    [
        ((), []),
        ((SESSION, PROXY), [Avp.SESSION_ID, Avp.PROXY_HOST]),
        ((SESSION, BROKEN), [Avp.SESSION_ID]),
        ((BROKEN, SESSION), []),
        ((SESSION, b"\0\0\1\7"), [Avp.SESSION_ID]),
    ],
)
def test_what_can_be_read(parts: tuple[bytes, ...], codes: list[int]) -> None:
    assert [code for code, _, _ in message(*parts).readable()] == codes


def test_the_session_of_a_request_that_breaks_off_is_told() -> None:
    broken = message(SESSION, BROKEN)
    with pytest.raises(BadAvp):
        broken.avps()
    writer = BaseWriter(Own("ocs.test", "test", "Talktime", (), 1))
    told = read_message(writer.refusal(broken, Result.COMMAND_UNSUPPORTED, "not taken here"))
    assert told.avps()[0] == (Avp.SESSION_ID, 0, b"switch.test;1")
