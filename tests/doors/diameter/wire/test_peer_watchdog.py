"""Signs of life and goodbyes: who is silent is asked, then closed; who goes may still hear what we say."""

from __future__ import annotations

from itertools import cycle

import pytest

from talktime.doors.diameter.wire.codes import DisconnectCause
from talktime.doors.diameter.wire.events import Arrived, Closed, LinkState
from talktime.doors.diameter.wire.message import answer
from tests.doors.diameter.wire import by_hand
from tests.doors.diameter.wire.by_hand import (
    DISCONNECT_CAUSE,
    DPR,
    DWR,
    ERROR,
    PROXIABLE,
    REQUEST,
    number,
    u32,
)
from tests.doors.diameter.wire.desk import HELLO_S, WATCHDOG_S, Desk

SILENT = Closed("the peer was silent and did not answer the watchdog")


def test_who_is_silent_is_asked_for_a_sign_of_life() -> None:
    desk = Desk.open()
    assert desk.waits(WATCHDOG_S - 0.5) == []
    assert desk.sent() == []
    assert desk.waits(1) == []
    (dwr,) = desk.said()
    assert (dwr.flags, dwr.command, dwr.application) == (REQUEST, DWR, 0)
    assert dwr.avps == [(264, 0x40, 0, b"ocs.example"), (296, 0x40, 0, b"example"), (278, 0x40, 0, u32(42))]


def test_who_answers_stays() -> None:
    desk = Desk.open()
    for _ in range(10):
        assert desk.waits(WATCHDOG_S) == []
        (dwr,) = desk.sent()
        assert desk.hears(by_hand.answer_to(dwr, number(268, 2001), by_hand.origin())) == []
    assert (desk.state(), desk.link.strangers) == (LinkState.OPEN, 0)


def test_a_second_answer_to_one_watchdog_is_a_stranger() -> None:
    desk = Desk.open()
    desk.waits(WATCHDOG_S)
    (dwr,) = desk.sent()
    desk.hears(by_hand.answer_to(dwr) * 2)
    assert desk.link.strangers == 1


def test_who_never_answers_is_closed_after_three_watchdogs() -> None:
    desk = Desk.open()
    assert desk.waits(3 * WATCHDOG_S - 1) == []
    assert [seen.command for seen in desk.said()] == [DWR]
    assert desk.waits(1) == [SILENT]
    assert desk.state() is LinkState.CLOSED
    assert desk.waits(1000) == []


SIGNS_OF_LIFE = {
    "a credit-control request": by_hand.ccr(),
    "a watchdog": by_hand.dwr(),
    "an unknown command": by_hand.message(999),
    "an answer that nobody asked for": by_hand.message(999, flags=0),
}


@pytest.mark.parametrize("whole", SIGNS_OF_LIFE.values(), ids=SIGNS_OF_LIFE)
def test_any_message_is_a_sign_of_life(whole: bytes) -> None:
    desk = Desk.open()
    for _ in range(5):
        assert desk.waits(3 * WATCHDOG_S - 1) == []
        assert [seen.command for seen in desk.said()] == [DWR]
        desk.hears(whole)
        desk.sent()
    assert desk.waits(WATCHDOG_S - 1) == []
    assert desk.sent() == []
    assert desk.state() is LinkState.OPEN


def test_half_a_message_is_no_sign_of_life() -> None:
    desk = Desk.open()
    whole = by_hand.ccr("s" * 200)
    for at in range(0, 80, 10):
        desk.hears(whole[at : at + 10])
        if desk.waits(WATCHDOG_S / 2):
            break
    assert desk.state() is LinkState.CLOSED
    assert desk.now_s == 3 * WATCHDOG_S


def test_watchdogs_are_early_and_late_but_never_at_once() -> None:
    for jitter_s, due_s in ((2.0, 32.0), (-2.0, 28.0), (-100.0, WATCHDOG_S / 2)):
        desk = Desk(jitter=lambda: jitter_s)  # noqa: B023 - called before the next turn
        desk.hears(by_hand.cer())
        assert desk.link.due_s() == due_s


def test_each_watchdog_has_a_jitter_of_its_own() -> None:
    jitters = cycle([1.0, -1.0, 2.0])
    desk = Desk(jitter=lambda: next(jitters))
    desk.hears(by_hand.cer())
    due = []
    while desk.state() is LinkState.OPEN:
        due.append(desk.link.due_s())
        desk.waits(due[-1] - desk.now_s)
    assert due == [31.0, 31.0 + 29.0, 31.0 + 29.0 + 32.0]


def test_waking_it_early_does_nothing() -> None:
    desk = Desk.open()
    assert desk.link.tick(WATCHDOG_S / 2) == []
    assert desk.sent() == []
    assert desk.link.due_s() == WATCHDOG_S


def test_we_say_goodbye_and_the_peer_agrees() -> None:
    desk = Desk.open()
    desk.link.disconnect(DisconnectCause.REBOOTING, desk.now_s)
    assert desk.state() is LinkState.CLOSING
    (whole,) = desk.sent()
    dpr = by_hand.read(whole)
    assert (dpr.flags, dpr.command, dpr.only(DISCONNECT_CAUSE)) == (REQUEST, DPR, u32(0))
    assert desk.hears(by_hand.answer_to(whole, number(268, 2001))) == [
        Closed("we said goodbye and the peer agreed")
    ]
    assert desk.state() is LinkState.CLOSED


def test_we_say_goodbye_and_nobody_listens() -> None:
    desk = Desk.open()
    desk.now_s = 5.0
    desk.link.disconnect(DisconnectCause.BUSY, desk.now_s)
    desk.link.disconnect(DisconnectCause.BUSY, desk.now_s)  # twice is once
    assert len(desk.sent()) == 1
    assert desk.waits(HELLO_S - 1) == []
    assert desk.waits(2) == [Closed("said goodbye, but the peer did not close")]


def test_there_is_no_goodbye_before_the_hello() -> None:
    desk = Desk()
    desk.link.disconnect(DisconnectCause.REBOOTING, 0.0)
    assert (desk.state(), desk.sent()) == (LinkState.WAIT_HELLO, [])


def test_while_we_go_answers_leave_and_new_requests_are_sent_elsewhere() -> None:
    desk = Desk.open()
    (arrived,) = desk.hears(by_hand.ccr("before"))
    assert isinstance(arrived, Arrived)
    desk.link.disconnect(DisconnectCause.REBOOTING, desk.now_s)
    desk.sent()
    assert desk.hears(by_hand.ccr("after", hop_by_hop=9) + by_hand.dwr()) == []
    desk.link.say(answer(arrived.message, number(268, 2001)))
    late, alive, before = desk.said()
    assert (late.result, late.flags, late.hop_by_hop) == (3002, ERROR | PROXIABLE, 9)
    assert (alive.command, before.command) == (DWR, 272)


def test_the_peer_says_goodbye_and_closes() -> None:
    desk = Desk.open()
    (arrived,) = desk.hears(by_hand.ccr())
    assert isinstance(arrived, Arrived)
    assert desk.hears(by_hand.dpr(hop_by_hop=7)) == []
    desk.link.say(answer(arrived.message, number(268, 2001)))
    dpa, cca = desk.said()
    assert (dpa.command, dpa.result, dpa.flags, dpa.hop_by_hop) == (DPR, 2001, 0, 7)
    assert cca.command == 272
    assert desk.state() is LinkState.CLOSING
    assert desk.waits(HELLO_S) == [Closed("said goodbye, but the peer did not close")]


def test_both_say_goodbye_at_once() -> None:
    desk = Desk.open()
    desk.link.disconnect(DisconnectCause.REBOOTING, desk.now_s)
    (ours,) = desk.sent()
    assert desk.hears(by_hand.dpr()) == []
    assert [(seen.command, seen.flags) for seen in desk.said()] == [(DPR, 0)]
    assert len(desk.hears(by_hand.answer_to(ours))) == 1
    assert desk.state() is LinkState.CLOSED


def test_a_closed_link_says_what_it_had_to_say_and_no_more() -> None:
    desk = Desk()
    desk.hears(by_hand.cer({264: b""}))
    assert desk.state() is LinkState.CLOSED
    desk.link.say(b"too late")
    assert [seen.result for seen in desk.said()] == [5005]
