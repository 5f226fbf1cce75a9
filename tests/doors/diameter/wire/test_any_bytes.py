"""Whatever a peer sends, in whatever pieces: events, strict answers or a closed link, never an exception."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from talktime.doors.diameter.wire.avps import BadAvp, walk
from talktime.doors.diameter.wire.dictionary import show
from talktime.doors.diameter.wire.events import Arrived, Closed, Event, LinkState, Opened
from talktime.doors.diameter.wire.own import read_hello
from tests.doors.diameter.wire import by_hand
from tests.doors.diameter.wire.by_hand import ERROR, PROXIABLE, REQUEST
from tests.doors.diameter.wire.desk import Desk

VALID = [
    by_hand.cer(),
    by_hand.cer({by_hand.VENDOR_SPECIFIC_APPLICATION_ID: by_hand.avp(260, by_hand.number(258, 4))}),
    by_hand.ccr(),
    by_hand.ccr("s", by_hand.avp(456, by_hand.avp(437, by_hand.number(420, 30)) + by_hand.number(432, 100))),
    by_hand.dwr(),
    by_hand.dpr(),
    by_hand.message(999, by_hand.origin()),
    by_hand.message(271, application=3, flags=REQUEST | PROXIABLE),
    by_hand.message(280, by_hand.number(268, 2001), flags=0),
    by_hand.message(282, by_hand.number(268, 2001), flags=0),
    by_hand.ccr(flags=REQUEST | ERROR),
    by_hand.ccr(version=2),
    by_hand.dwr(length=22),
]

places = st.integers(0, 2**16)


@st.composite
def spoilt(draw: st.DrawFn, messages: Sequence[bytes] = VALID) -> bytes:
    """A valid message after up to four accidents: a byte changed, cut out, put in, or a piece repeated."""
    whole = bytearray(draw(st.sampled_from(messages)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(places) % (len(whole) + 1)
        accident = draw(st.sampled_from(["change", "cut", "put", "repeat"]))
        if accident == "change":
            whole[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
        elif accident == "cut":
            del whole[at : at + draw(st.integers(1, 12))]
        elif accident == "put":
            whole[at:at] = draw(st.binary(min_size=1, max_size=12))
        else:
            whole[at:at] = whole[at : at + draw(st.integers(1, 40))]
    return bytes(whole)


@st.composite
def refilled(draw: st.DrawFn) -> bytes:
    """A frame in order, whatever is in it."""
    body = draw(st.one_of(st.binary(max_size=60), st.sampled_from(VALID).map(lambda whole: whole[20:])))
    cut = body[: draw(st.integers(0, 60))]
    return by_hand.message(
        draw(st.sampled_from([257, 258, 272, 274, 280, 282, 999])),
        cut + bytes(-len(cut) % 4),
        flags=draw(st.integers(0, 255)),
        application=draw(st.sampled_from([0, 4, 3, 0xFFFFFFFF])),
    )


pieces = st.one_of(st.sampled_from(VALID), spoilt(), refilled(), st.binary(max_size=60))
streams = st.tuples(st.sampled_from([b"", by_hand.cer()]), st.lists(pieces, max_size=6)).map(
    lambda parts: parts[0] + b"".join(parts[1])
)


def heard(stream: bytes, cuts: Sequence[int] = ()) -> tuple[Desk, list[Event]]:
    """A new link after a stream, cut where it is said."""
    desk = Desk()
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    events = desk.hears(*[stream[a:b] for a, b in pairwise(edges)])
    return desk, events


def outcome(stream: bytes, cuts: Sequence[int] = ()) -> tuple[object, ...]:
    """All that can be seen of a link after a stream."""
    desk, events = heard(stream, cuts)
    link = desk.link
    return events, link.take(), link.state, link.due_s(), link.hello, link.strangers


def is_in_order(desk: Desk, events: list[Event]) -> None:
    """What holds after any stream."""
    assert sum(isinstance(event, Opened) for event in events) <= 1
    if any(isinstance(event, Arrived) for event in events):
        assert isinstance(events[0], Opened)
    assert [event for event in events if isinstance(event, Closed)] == [
        event for event in events[-1:] if desk.state() is LinkState.CLOSED
    ]
    for seen in desk.said():
        assert not seen.flags & REQUEST
        assert bool(seen.flags & ERROR) == (3000 <= seen.result < 4000)
        assert 2001 <= seen.result <= 5017
        assert seen.only(by_hand.ORIGIN_HOST) == b"ocs.example"


@given(streams)
def test_any_bytes_are_answered_or_end_the_link(stream: bytes) -> None:
    is_in_order(*heard(stream))


@given(streams, st.lists(places, max_size=8))
def test_it_does_not_matter_in_which_pieces_they_come(stream: bytes, cuts: list[int]) -> None:
    assert outcome(stream, cuts) == outcome(stream)


@given(streams)
def test_byte_by_byte_is_all_the_same(stream: bytes) -> None:
    assert outcome(stream, range(len(stream))) == outcome(stream)


def test_spoilt_recordings(shared_data: Path) -> None:
    lines = (shared_data / "ro" / "kamailio-5.6.3-ccr.jsonl").read_text("utf-8").splitlines()
    recorded = [bytes.fromhex(json.loads(line)["request_hex"]) for line in lines]

    @given(st.lists(spoilt(recorded), min_size=1, max_size=3), st.lists(places, max_size=4))
    def spoil(stream: list[bytes], cuts: list[int]) -> None:
        whole = recorded[0] + b"".join(stream)
        is_in_order(*heard(whole))
        assert outcome(whole, cuts) == outcome(whole)

    spoil()


@given(spoilt())
def test_whatever_can_be_walked_can_be_shown_and_read_as_a_hello(whole: bytes) -> None:
    refused = 0
    for read in (show, read_hello):
        try:
            read(walk(whole, 20))
        except BadAvp as bad:
            refused = bad.result
    assert refused in (0, 5004, 5005, 5014)


def test_a_long_message_may_come_in_single_bytes() -> None:
    desk = Desk.open()
    whole = by_hand.ccr("s" * 60_000)
    events = desk.hears(*[whole[at : at + 1] for at in range(len(whole))])
    assert len(events) == 1
