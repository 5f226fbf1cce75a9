"""Any order of what clients, people and machines do, against a model of three lines.

Clients keep to what they were granted. Then a call is charged for the seconds that were accepted of it, once,
and no more money is spent or held than there is.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import settings as profile
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.databases import fresh_sqlite
from tests.doors.diameter.house import A_SECOND, BOB, House
from tests.doors.diameter.switch import Answer, Call, Switch

MONEY_S = st.sampled_from([1, 7, 30, 75, 200])
ASKS_S = st.sampled_from([1, 10, 30, 60])


@dataclass
class InProgress:
    """A call as its client sees it: what it may still use, in seconds, and what it has reported."""

    call: Call
    left_s: int
    used_s: int = 0


class Calls(RuleBasedStateMachine):
    """Two users of one tenant over one switch; the service is stopped and killed in between."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="tt-"))
        self.house = House(fresh_sqlite(self.folder), processes=2)
        self.house.open()
        self.bought_s = self.charged_s = self.number = 0
        self.calls: list[InProgress] = []
        self.past: list[Call] = []
        self.switch: Switch = self.house.switch()

    def teardown(self) -> None:
        """The ledger is in order after every story."""
        try:
            self.house.check()
        finally:
            self.house.close()
            shutil.rmtree(self.folder)

    @initialize(seconds=MONEY_S)
    def begin(self, seconds: int) -> None:
        """There is some money."""
        self.top_up(seconds)

    @rule(seconds=MONEY_S)
    def top_up(self, seconds: int) -> None:
        """Money comes in, by whichever process."""
        self.house.fund("contoso", seconds * A_SECOND, desk=seconds % 2)
        self.bought_s += seconds

    @rule(asks=ASKS_S, is_bob=st.booleans())
    def start(self, asks: int, is_bob: bool) -> None:
        """A call begins, or not."""
        self.number += 1
        who = {"who": BOB, "calling": f"tel:{BOB}"} if is_bob else {}
        call = self.switch.call(f"switch.test;{self.number}", **who)
        free_s = self.house.left_s()
        words = call.initial(asks)
        self.past.append(call)
        if free_s == 0:
            assert words == "4012"
            assert call.terminate(0) == "2001"
        else:
            assert _granted_s(call.answer) == min(asks, free_s)
            self.calls.append(InProgress(call, _granted_s(call.answer)))

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), asks=ASKS_S | st.none())
    def report(self, data: st.DataObject, asks: int | None) -> None:
        """A call reports what it used, and asks for more or for nothing."""
        one = data.draw(st.sampled_from(self.calls))
        used_s = data.draw(st.integers(0, one.left_s))
        self._goes_on(one)
        words = one.call.update(used_s, asks)
        one.used_s, one.left_s = one.used_s + used_s, one.left_s - used_s
        if words == "4012":
            assert one.left_s == 0
        elif asks is None:
            assert words == "2001"
        else:
            granted_s = _granted_s(one.call.answer)
            assert granted_s >= max(one.left_s, 1)
            one.left_s = granted_s

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), over_s=st.integers(0, 2))
    def finish(self, data: st.DataObject, over_s: int) -> None:
        """A call ends; one that used all may say a second or two too much, which are not charged."""
        one = data.draw(st.sampled_from(self.calls))
        used_s = data.draw(st.integers(0, one.left_s))
        self._goes_on(one)
        said_s = used_s + (over_s if used_s == one.left_s and one.used_s + used_s else 0)
        assert one.call.terminate(said_s) == "2001"
        self.charged_s += one.used_s + used_s
        self.calls.remove(one)

    @precondition(lambda self: self.past)
    @rule(data=st.data(), back=st.integers(1, 3))
    def repeat(self, data: st.DataObject, back: int) -> None:
        """One of the latest requests of a call comes again."""
        call = data.draw(st.sampled_from(self.past))
        at = -min(back, len(call.sent))
        call.again(at, self.switch)
        assert call.answer == call.told[at]

    @rule(killed=st.booleans(), process=st.integers(0, 1))
    def restart(self, killed: bool, process: int) -> None:
        """All processes end, and the switch connects again, to whichever it finds."""
        if killed:
            self.house.kill()
        else:
            self.house.restart()
        self.switch = self.house.switch(process=process)

    @rule(process=st.integers(0, 1))
    def fail_over(self, process: int) -> None:
        """The switch takes another line."""
        self.switch = self.house.switch(process=process)

    def _goes_on(self, one: InProgress) -> None:
        one.call.switch = self.switch

    @invariant()
    def money_is_what_it_should_be(self) -> None:
        """What was bought is left, held or charged, and nothing else."""
        balance, reserved, overdraft = self.house.wallet("contoso")
        assert overdraft == 0
        assert 0 <= reserved <= balance
        assert self.house.charged_s() == self.charged_s
        assert balance == (self.bought_s - self.charged_s) * A_SECOND
        assert reserved == sum(one.used_s + one.left_s for one in self.calls) * A_SECOND


def _granted_s(answer: Answer | None) -> int:
    assert answer is not None
    assert answer.result == 2001
    (grant,) = answer.grants
    assert grant.seconds is not None
    return grant.seconds


TestCalls = Calls.TestCase
TestCalls.settings = profile(max_examples=max(6, profile().max_examples // 6), stateful_step_count=12)
