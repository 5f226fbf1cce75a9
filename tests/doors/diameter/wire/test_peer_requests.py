"""What an open link does: credit requests arrive, all else is answered, broken frames end it."""

from __future__ import annotations

import pytest

from talktime.doors.diameter.wire.avps import avp_u32
from talktime.doors.diameter.wire.codes import Avp, Command
from talktime.doors.diameter.wire.events import Answered, Arrived, Closed, LinkState
from talktime.doors.diameter.wire.message import answer, read_message
from tests.doors.diameter.wire import by_hand
from tests.doors.diameter.wire.by_hand import (
    ACR,
    ASR,
    CCR,
    DISCONNECT_CAUSE,
    DPR,
    DWR,
    ERROR,
    ERROR_MESSAGE,
    FAILED_AVP,
    ORIGIN_HOST,
    ORIGIN_REALM,
    PROXIABLE,
    PROXY_INFO,
    RAR,
    REQUEST,
    RETRANSMITTED,
    SESSION_ID,
    avp,
    number,
    u32,
    words,
)
from tests.doors.diameter.wire.desk import Desk

ARRIVES = {
    "a credit-control request": by_hand.ccr(),
    "retransmitted": by_hand.ccr(flags=REQUEST | PROXIABLE | RETRANSMITTED),
    "not proxiable": by_hand.ccr(flags=REQUEST),
    "with reserved flags": by_hand.ccr(flags=REQUEST | PROXIABLE | 0x0F),
    "without an AVP": by_hand.message(CCR, application=4),
    "with AVPs that cannot be told apart": by_hand.ccr("s", bytes(4)),
}


@pytest.mark.parametrize("whole", ARRIVES.values(), ids=ARRIVES)
def test_credit_requests_arrive_as_they_are(whole: bytes) -> None:
    desk = Desk.open()
    assert desk.hears(whole) == [Arrived(read_message(whole))]
    assert desk.sent() == []


def test_what_is_said_leaves_once_and_in_order() -> None:
    desk = Desk.open()
    first, second = (
        event.message
        for event in desk.hears(by_hand.ccr("1") + by_hand.ccr("2"))
        if isinstance(event, Arrived)
    )
    desk.link.say(answer(second, avp_u32(Avp.RESULT_CODE, 2001)))
    desk.link.say(answer(first, avp_u32(Avp.RESULT_CODE, 4012)))
    assert [seen.result for seen in desk.said()] == [2001, 4012]
    assert desk.link.take() == b""


# A request on an open link, its result and the flags of its answer.
DECLINED = {
    "an unknown command": (by_hand.message(999), 3001, ERROR),
    "an unknown command of credit control": (
        by_hand.message(999, application=4, flags=0xC0),
        3001,
        ERROR | PROXIABLE,
    ),
    "Re-Auth, which is ours to ask": (
        by_hand.message(RAR, application=4, flags=0xC0),
        3001,
        ERROR | PROXIABLE,
    ),
    "Abort-Session, which is ours to ask": (
        by_hand.message(ASR, application=4, flags=0xC0),
        3001,
        ERROR | PROXIABLE,
    ),
    "credit control of no application": (by_hand.ccr(application=0), 3001, ERROR | PROXIABLE),
    "credit control of another application": (by_hand.ccr(application=16777238), 3007, ERROR | PROXIABLE),
    "credit control of a relay": (by_hand.ccr(application=0xFFFFFFFF), 3007, ERROR | PROXIABLE),
    "accounting": (by_hand.message(ACR, application=3, flags=0xC0), 3007, ERROR | PROXIABLE),
    "an error that is a request": (by_hand.ccr(flags=REQUEST | PROXIABLE | ERROR), 3008, ERROR | PROXIABLE),
    "a hello that is an error": (by_hand.cer(flags=REQUEST | ERROR), 3008, ERROR),
    "a watchdog that is an error": (by_hand.dwr(flags=REQUEST | ERROR), 3008, ERROR),
    "a watchdog of nobody": (by_hand.message(DWR, words(ORIGIN_REALM, "example")), 5005, 0),
    "a watchdog of no realm": (by_hand.message(DWR, words(ORIGIN_HOST, "a")), 5005, 0),
    "a watchdog that is cut off": (by_hand.message(DWR, by_hand.origin(), bytes(4)), 5014, 0),
    "a watchdog with an empty name": (by_hand.message(DWR, by_hand.origin("")), 5004, 0),
    "a goodbye without a cause": (by_hand.message(DPR, by_hand.origin()), 5005, 0),
    "a goodbye with half a cause": (
        by_hand.message(DPR, by_hand.origin(), avp(DISCONNECT_CAUSE, b"\0\0")),
        5014,
        0,
    ),
}


@pytest.mark.parametrize(("whole", "result", "flags"), DECLINED.values(), ids=DECLINED)
def test_what_is_not_taken_is_answered(whole: bytes, result: int, flags: int) -> None:
    desk = Desk.open()
    assert desk.hears(whole) == []
    (sent,) = desk.sent()
    assert sent[5:20] == whole[5:20]  # command, application and both ids
    seen = by_hand.read(sent)
    assert (seen.result, seen.flags) == (result, flags)
    assert (seen.only(ORIGIN_HOST), seen.only(ORIGIN_REALM)) == (b"ocs.example", b"example")
    assert len(seen.only(ERROR_MESSAGE)) > 10
    assert len(seen.all(FAILED_AVP)) == (result >= 5000)
    assert desk.state() is LinkState.OPEN
    assert isinstance(desk.hears(by_hand.ccr())[0], Arrived)


def test_the_answer_begins_with_the_session_and_ends_with_the_way_back() -> None:
    desk = Desk.open()
    way = [avp(PROXY_INFO, words(280, f"proxy{each}") + avp(33, b"state")) for each in (1, 2)]
    desk.hears(by_hand.ccr("the;session", *way, application=99))
    (seen,) = desk.said()
    assert seen.avps[0] == (SESSION_ID, 0x40, 0, b"the;session")
    assert [payload for code, _, _, payload in seen.avps[-2:]] == [each[8:] for each in way]


def test_what_is_missing_is_shown_by_example() -> None:
    desk = Desk.open()
    desk.hears(by_hand.message(DPR, by_hand.origin()))
    (seen,) = desk.said()
    assert seen.only(FAILED_AVP) == number(DISCONNECT_CAUSE, 0)


def test_a_watchdog_is_answered() -> None:
    desk = Desk.open()
    assert desk.hears(by_hand.dwr(hop_by_hop=5, end_to_end=6)) == []
    (dwa,) = desk.said()
    assert (dwa.command, dwa.flags, dwa.hop_by_hop, dwa.end_to_end) == (280, 0, 5, 6)
    assert dwa.avps == [
        (268, 0x40, 0, u32(2001)),
        (264, 0x40, 0, b"ocs.example"),
        (296, 0x40, 0, b"example"),
        (278, 0x40, 0, u32(42)),
    ]


LOST_FRAMES = {
    "another version": (by_hand.ccr(version=2), 5011),
    "HTTP": (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", None),
    "an answer of another version": (by_hand.ccr(version=2, flags=0), None),
    "shorter than a header": (by_hand.ccr(length=16), 5015),
    "no length": (by_hand.ccr(length=0), 5015),
    "no multiple of four": (by_hand.ccr(length=21), 5015),
    "longer than may be": (by_hand.ccr(length=1028), 5015),
    "as long as can be": (by_hand.ccr(length=0xFFFFFC), 5015),
}


@pytest.mark.parametrize(("whole", "result"), LOST_FRAMES.values(), ids=LOST_FRAMES)
def test_a_frame_that_cannot_be_followed_ends_the_link(whole: bytes, result: int | None) -> None:
    desk = Desk(max_message=1024)
    desk.hears(by_hand.cer())
    desk.sent()
    events = desk.hears(by_hand.dwr() + whole + by_hand.ccr())
    assert [type(event) for event in events] == [Closed]
    alive, *rest = desk.said()
    assert alive.command == DWR
    assert [(seen.result, seen.hop_by_hop, seen.flags) for seen in rest] == (
        [] if result is None else [(result, 0x11111111, PROXIABLE)]
    )
    assert desk.state() is LinkState.CLOSED
    assert desk.hears(by_hand.ccr()) == []


def test_a_strange_frame_is_judged_only_when_its_header_is_there() -> None:
    desk = Desk.open()
    strange = by_hand.ccr(version=2)
    assert desk.hears(*[strange[at : at + 1] for at in range(19)]) == []
    assert len(desk.hears(strange[19:20])) == 1
    assert [seen.result for seen in desk.said()] == [5011]


def test_before_the_hello_only_hellos_are_told_what_is_wrong_with_their_frame() -> None:
    for whole, results in ((by_hand.cer(version=2), [5011]), (by_hand.ccr(version=2), [])):
        desk = Desk()
        assert len(desk.hears(whole)) == 1
        assert [seen.result for seen in desk.said()] == results


def test_the_longest_message_that_may_be() -> None:
    for longest, events in ((1024, 1), (1020, 0)):
        desk = Desk(max_message=longest)
        desk.hears(by_hand.cer())
        whole = by_hand.ccr("s" * 956)
        assert len(whole) == 1024
        assert sum(isinstance(event, Arrived) for event in desk.hears(whole)) == events


def test_our_own_requests_and_their_answers() -> None:
    desk = Desk.open()
    asked = [desk.link.ask(Command.RE_AUTH, 4, words(SESSION_ID, f"s;{each}"), now_s=1.0) for each in (1, 2)]
    sent = desk.sent()
    seen = [by_hand.read(whole) for whole in sent]
    assert [each.hop_by_hop for each in seen] == asked
    assert [(each.flags, each.command, each.application) for each in seen] == [
        (REQUEST | PROXIABLE, RAR, 4)
    ] * 2
    assert len(set(asked)) == 2
    for whole, event in zip(reversed(sent), reversed(asked), strict=True):
        (answered,) = desk.hears(by_hand.answer_to(whole, number(268, 2002)))
        assert isinstance(answered, Answered)
        assert answered.message.hop_by_hop == event
    assert desk.link.strangers == 0


def test_answers_that_nobody_asked_for_are_dropped_and_counted() -> None:
    desk = Desk.open()
    desk.link.ask(Command.RE_AUTH, 4, now_s=0.0)
    (asked,) = desk.sent()
    strangers = [
        by_hand.answer_to(by_hand.ccr()),  # an id that is not ours
        by_hand.answer_to(asked, command=ASR),  # an id of ours, but we asked something else
        by_hand.message(DWR, flags=0),
        by_hand.message(DPR, flags=0),
    ]
    assert desk.hears(*strangers) == []
    assert desk.link.strangers == 4
    assert (
        len(desk.hears(by_hand.answer_to(asked), by_hand.answer_to(asked))) == 1
    )  # the second comes too late
    assert desk.link.strangers == 5
    assert (desk.sent(), desk.state()) == ([], LinkState.OPEN)


def test_an_answer_that_is_an_error_is_an_answer() -> None:
    desk = Desk.open()
    desk.link.ask(Command.ABORT_SESSION, 4, now_s=0.0)
    (asked,) = desk.sent()
    (answered,) = desk.hears(by_hand.answer_to(asked, number(268, 3002), flags=ERROR))
    assert isinstance(answered, Answered)
    assert answered.message.is_error


def test_two_links_number_their_requests_apart() -> None:
    early, late = Desk.open(), Desk.open()
    late.now_s = 1.0
    ids = [desk.link.ask(Command.RE_AUTH, 4, now_s=desk.now_s) for desk in (early, early, late)]
    assert ids[1] == ids[0] + 1


def test_a_link_that_is_not_open_asks_nothing() -> None:
    desk = Desk()
    desk.link.ask(Command.RE_AUTH, 4, now_s=0.0)
    assert desk.sent() == []


def test_it_does_not_remember_requests_for_ever() -> None:
    desk = Desk.open()
    first = desk.link.ask(Command.RE_AUTH, 4, now_s=0.0)
    for _ in range(4096):
        desk.link.ask(Command.RE_AUTH, 4, now_s=0.0)
    sent = desk.sent()
    assert by_hand.read(sent[0]).hop_by_hop == first
    assert desk.hears(by_hand.answer_to(sent[0])) == []
    assert len(desk.hears(by_hand.answer_to(sent[1]))) == 1
