"""A link and a model of it live through the same stories: time passes, bytes come, both sides ask."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from talktime.doors.diameter.wire.codes import Command, Result
from talktime.doors.diameter.wire.events import LinkState
from talktime.doors.diameter.wire.own import Hello
from tests.doors.diameter.wire import by_hand
from tests.doors.diameter.wire.by_hand import ASR, CCR, CER, DPR, DWR, RAR, REQUEST, number
from tests.doors.diameter.wire.desk import HELLO_S, WATCHDOG_S, Desk

WAIT, OPEN, CLOSING, CLOSED = LinkState.WAIT_HELLO, LinkState.OPEN, LinkState.CLOSING, LinkState.CLOSED
FOR_EVER = float("inf")

# What a request is told on an open link, and on one that is about to close.
TOLD = {
    "hello": (by_hand.cer(), CER, 2001, 2001),
    "watchdog": (by_hand.dwr(), DWR, 2001, 2001),
    "goodbye": (by_hand.dpr(), DPR, 2001, 2001),
    "credit": (by_hand.ccr(), CCR, None, 3002),
    "unknown": (by_hand.message(999), 999, 3001, 3001),
    "accounting": (by_hand.message(271, application=3), 271, 3007, 3007),
    "error": (by_hand.ccr(flags=0xE0), CCR, 3008, 3008),
    "incomplete": (by_hand.message(DWR), DWR, 5005, 5005),
    "unreadable": (by_hand.message(DPR, bytes(4)), DPR, 5014, 5014),
}


class LinkMachine(RuleBasedStateMachine):
    """The model: where the link stands, when it is due, how long it was silent, what was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.admits = True
        self.desk = Desk(self.admit)
        self.state = WAIT
        self.due_s = HELLO_S
        self.silences = 0
        self.strangers = 0
        self.asked: list[bytes] = []
        self.last_dwr = b""
        self.dpr = b""
        self.rest = b""
        self.happens: list[str] = []
        self.says: list[tuple[int, int]] = []

    def admit(self, _: Hello) -> Result:
        """As the rule said."""
        return Result.SUCCESS if self.admits else Result.UNKNOWN_PEER

    # --- what the model knows ------------------------------------------------------------------------------

    def close(self) -> None:
        """The link is over."""
        self.state, self.due_s, self.rest = CLOSED, FOR_EVER, b""
        self.asked, self.last_dwr, self.dpr = [], b"", b""
        self.happens.append("Closed")

    def leave(self) -> None:
        """Somebody said goodbye."""
        if self.state is OPEN:
            self.state, self.due_s = CLOSING, self.desk.now_s + HELLO_S

    def request(self, kind: str) -> None:
        """A whole request has come."""
        _, command, open_result, closing_result = TOLD[kind]
        if self.state is WAIT:
            self.first(kind)
        elif self.state in (OPEN, CLOSING):
            result = open_result if self.state is OPEN else closing_result
            if result is None:
                self.happens.append("Arrived")
            else:
                self.says.append((command, result))
            if kind == "goodbye":
                self.leave()
        self.life()

    def first(self, kind: str) -> None:
        """The first request of a link."""
        if kind != "hello":
            self.close()
        elif self.admits:
            self.says.append((CER, 2001))
            self.happens.append("Opened")
            self.state = OPEN
        else:
            self.says.append((CER, 3010))
            self.close()

    def life(self) -> None:
        """Something whole has come."""
        if self.state is OPEN:
            self.silences, self.due_s = 0, self.desk.now_s + WATCHDOG_S

    def feed(self, whole: bytes, cut: int) -> None:
        """Gives the link bytes in two pieces and looks at all that it does."""
        cut %= len(whole) + 1
        self.look(self.desk.hears(whole[:cut], whole[cut:]))

    def look(self, events: Sequence[object]) -> None:
        """What happened and what was said is what the model foresaw."""
        assert [type(event).__name__ for event in events] == self.happens
        assert [(seen.command, seen.result) for seen in self.desk.said()] == self.says
        self.happens, self.says = [], []

    def finish_rest(self) -> bytes:
        """The end of a request of which the first half has come; it is whole before what follows."""
        rest, self.rest = self.rest, b""
        if rest:
            self.request("credit")
        return rest

    # --- the story -----------------------------------------------------------------------------------------

    @rule(kind=st.sampled_from(sorted(TOLD)), cut=st.integers(0, 200), admits=st.booleans())
    def peer_asks(self, kind: str, cut: int, admits: bool) -> None:
        self.admits = admits
        before = self.finish_rest()
        self.request(kind)
        self.feed(before + TOLD[kind][0], cut)

    @precondition(lambda self: self.state is WAIT)
    @rule(cut=st.integers(0, 200))
    def peer_says_hello(self, cut: int) -> None:
        self.peer_asks("hello", cut, True)

    @precondition(lambda self: self.state in (OPEN, CLOSING) and not self.rest)
    @rule(cut=st.integers(1, 50))
    def peer_sends_half(self, cut: int) -> None:
        whole = by_hand.ccr()
        self.rest = whole[cut:]
        self.look(self.desk.hears(whole[:cut]))

    @precondition(lambda self: self.state in (OPEN, CLOSING))
    @rule(cut=st.integers(0, 200))
    def peer_breaks_its_frame(self, cut: int) -> None:
        before = self.finish_rest()
        self.says.append((CCR, 5015))
        self.close()
        self.feed(before + by_hand.ccr(length=18), cut)

    @precondition(lambda self: self.state in (OPEN, CLOSING))
    @rule(command=st.sampled_from([RAR, DWR, DPR, 999]))
    def stranger_answers(self, command: int) -> None:
        before = self.finish_rest()
        self.strangers += 1
        self.life()
        self.feed(before + by_hand.message(command, flags=0, hop_by_hop=0), 7)

    @rule(command=st.sampled_from([Command.RE_AUTH, Command.ABORT_SESSION]))
    def we_ask(self, command: Command) -> None:
        self.desk.link.ask(command, 4, now_s=self.desk.now_s)
        sent = self.desk.sent()
        assert [by_hand.read(whole).command for whole in sent] == [command] * (self.state is OPEN)
        self.asked += sent

    @precondition(lambda self: self.asked)
    @rule(at=st.integers(0, 100), again=st.booleans())
    def peer_answers(self, at: int, again: bool) -> None:
        before = self.finish_rest()
        reply = by_hand.answer_to(self.asked.pop(at % len(self.asked)), number(268, 2001))
        self.happens.append("Answered")
        self.life()
        self.strangers += again
        self.feed(before + reply * (1 + again), at)

    @precondition(lambda self: self.last_dwr)
    @rule()
    def peer_answers_the_watchdog(self) -> None:
        before = self.finish_rest()
        reply = by_hand.answer_to(self.last_dwr, number(268, 2001))
        self.last_dwr = b""
        self.life()
        self.feed(before + reply, 0)

    @rule()
    def we_say_goodbye(self) -> None:
        was_open = self.state is OPEN
        self.desk.link.disconnect(0, self.desk.now_s)
        self.leave()
        sent = self.desk.sent()
        assert [by_hand.read(whole).command for whole in sent] == [DPR] * was_open
        self.dpr = sent[0] if was_open else self.dpr

    @precondition(lambda self: self.dpr)
    @rule()
    def peer_agrees(self) -> None:
        before = self.finish_rest()
        reply = by_hand.answer_to(self.dpr, number(268, 2001))
        self.close()
        self.feed(before + reply, 0)

    @rule(seconds=st.sampled_from([0.0, 1.0, 9.0, 10.0, 29.0, 30.0, 61.0]))
    def time_passes(self, seconds: float) -> None:
        until_s = self.desk.now_s + seconds
        while self.due_s <= until_s:
            self.desk.now_s = self.due_s
            self.wakes()
        self.desk.now_s = until_s
        assert self.desk.link.tick(until_s) == []

    def wakes(self) -> None:
        """The link is woken when it is due."""
        self.silences += self.state is OPEN
        asks = self.state is OPEN and self.silences == 1
        if self.state is not OPEN or self.silences == 3:
            self.close()
        else:
            self.due_s += WATCHDOG_S
        events = self.desk.link.tick(self.desk.now_s)
        sent = self.desk.sent()
        assert [(by_hand.read(whole).command, by_hand.read(whole).flags) for whole in sent] == [
            (DWR, REQUEST)
        ] * asks
        self.last_dwr = sent[0] if asks else self.last_dwr
        self.look(events)

    @invariant()
    def both_agree(self) -> None:
        link = self.desk.link
        assert (link.state, link.due_s(), link.strangers) == (self.state, self.due_s, self.strangers)
        assert (link.hello is None) <= (self.state in (WAIT, CLOSED))
        assert link.take() == b""


TestLink = LinkMachine.TestCase


def test_the_model_can_be_wrong() -> None:
    """A model that expects an answer too much is found out: the machine looks at what is said."""
    machine = LinkMachine()
    machine.says.append((ASR, 2001))
    machine.happens.append("Opened")
    events = machine.desk.hears(by_hand.cer())
    with pytest.raises(AssertionError):
        machine.look(events)
