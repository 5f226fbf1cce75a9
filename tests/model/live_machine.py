"""The state machine of live charging: what a day may bring, drawn by Hypothesis, done on engine and model.

Each rule is one operation or one thing that happens; `Twin` compares after it. Subclasses say on which
database it runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from talktime.live.operations import (
    ALL_SECONDS,
    CancelCall,
    DebitCall,
    EndCall,
    ExtendCall,
    FinishCall,
    RefundCall,
    ReportCall,
    StartCall,
)
from tests.live.small_world import CALLERS, COUNTRIES, KINDS, PLACES, Ask
from tests.model.live_model import SECOND
from tests.model.live_parts import Session
from tests.model.twin import MAX_ANSWERS, Told, Twin

DAY_S = 86_400
names = st.sampled_from(sorted(PLACES))
amounts = st.sampled_from([1, 20_000, 500_000, 1_000_000, 3_000_000, 7_777_777, 60_000_000])
lives_us = st.sampled_from([s * SECOND for s in (1, 45, 240, 900, 7_200, DAY_S, 400 * DAY_S)])
wishes = st.sampled_from([None, None, None, 1, 20, 45, 120, 600, 900])
picks = st.integers(0, 7)
asks = st.builds(
    Ask,
    st.sampled_from([*KINDS, "user_out", "user_out", "user_out", "conf_out", "conf_out"]),
    st.sampled_from([*CALLERS, "ann", "ann", "bob", "bob"]),
    st.sampled_from([*COUNTRIES, "+442071838750", "+442071838750", "+33142685300", "+33142685300"]),
    wishes,
    st.sampled_from([None, None, None, None, 0, 3, 3_600, 40 * DAY_S, -5]),
    st.sampled_from([None, None, None, None, 0, 5, 1_800, 100 * DAY_S, -5]),
)


class LiveMachine(RuleBasedStateMachine):
    """Everything that can happen to four tenants."""

    steps: ClassVar[int] = 0
    twin: Twin

    make_twin: ClassVar[Callable[[], Twin]]

    @initialize(money=st.lists(st.tuples(names, amounts, lives_us), min_size=2, max_size=6))
    def begin(self, money: list[tuple[str, int, int]]) -> None:
        """The service starts; some have bought credits."""
        self.twin = type(self).make_twin()
        self.calls = 0
        for tenant, amount, life_us in money:
            self.twin.fund(tenant, amount, life_us)

    def teardown(self) -> None:
        """The service ends."""
        if hasattr(self, "twin"):
            self.twin.close()

    # --- what there is ---------------------------------------------------------------------------------

    def _known(self, pick: int, *states: str) -> tuple[str, str, Session] | None:
        """(tenant, call, session) of a call in one of these states that is not full of answers."""
        found = [
            (tenant, call, s)
            for tenant, t in self.twin.model.tenants.items()
            for call, s in t.sessions.items()
            if s.state in states and sum(known == call for known, _, _ in t.answers) < MAX_ANSWERS
        ]
        return found[-1 - pick % len(found)] if found else None

    def _count(self) -> None:
        type(self).steps += 1

    # --- money and time --------------------------------------------------------------------------------

    @rule(tenant=names, amount=amounts, life_us=lives_us, gift=st.booleans())
    def fund(self, tenant: str, amount: int, life_us: int, gift: bool) -> None:
        """Credits are bought or given."""
        self._count()
        self.twin.fund(tenant, amount, life_us, gift=gift)

    @rule(tenant=names, amount=amounts)
    def take_back(self, tenant: str, amount: int) -> None:
        """Credits are taken out by hand."""
        self._count()
        self.twin.take_back(tenant, amount)

    @rule(us=st.sampled_from([1, SECOND - 1, *[s * SECOND for s in (1, 7, 40, 60, 200, 600, 3_600, DAY_S)]]))
    def wait(self, us: int) -> None:
        """Time passes."""
        self._count()
        self.twin.wait(us)

    @rule(us=st.sampled_from([1, SECOND, 90 * SECOND, 5_000 * SECOND]))
    def clock_goes_back(self, us: int) -> None:
        """The machine's clock is corrected."""
        self._count()
        self.twin.back(us)

    @rule()
    def look_round(self) -> None:
        """Silent calls are swept, lots expire."""
        self._count()
        self.twin.look_round()

    @rule()
    def restart(self) -> None:
        """The service ends and starts again."""
        self._count()
        self.twin.restart()

    @rule()
    def switch(self) -> None:
        """From now on another process is asked."""
        self._count()
        self.twin.engine = (self.twin.engine + 1) % len(self.twin.desk.desks)

    # --- calls -----------------------------------------------------------------------------------------

    @rule(tenant=names, ask=asks)
    def start(self, tenant: str, ask: Ask) -> None:
        """A new call."""
        self._count()
        self.calls += 1
        self.twin.start(tenant, f"call-{self.calls}", 0, ask)

    @rule(tenant=names, ask=asks)
    def start_another(self, tenant: str, ask: Ask) -> None:
        """Calls begin more often than anything else."""
        self.start(tenant, ask)

    @rule(tenant=names, ask=asks, pick=picks, sequence=st.integers(0, 3))
    def start_with_an_old_id(self, tenant: str, ask: Ask, pick: int, sequence: int) -> None:
        """A call id that was used, or refused, before."""
        call = f"call-{max(1, self.calls - pick)}"
        if sum(known == call for known, _, _ in self.twin.model.tenants[tenant].answers) < MAX_ANSWERS:
            self._count()
            self.twin.start(tenant, call, sequence, ask)

    @rule(pick=picks, used=st.sampled_from([0, 0.4, 1, 1, 1, "slack", "over"]), wish=wishes)
    def extend(self, pick: int, used: float | str, wish: int | None) -> None:
        """A call goes on."""
        known = self._known(pick, "open")
        if known is not None:
            self._count()
            tenant, call, s = known
            self.twin.extend(tenant, call, s.last + 1, _seconds(s, used), wish)

    @rule(
        pick=picks,
        used=st.sampled_from([0, 0.3, 1, 1, "slack", "slack", "over", "absurd", "longest"]),
        state=st.sampled_from(["open", "open", "open", "lost", "lost", "unanswered", "ended", "cancelled"]),
    )
    def end(self, pick: int, used: float | str, state: str) -> None:
        """A call ends; or one that was lost or is over already."""
        known = self._known(pick, state)
        if known is not None:
            self._count()
            tenant, call, s = known
            self.twin.end(tenant, call, s.last + 1, _seconds(s, used))

    @rule(
        pick=picks,
        more=st.sampled_from([0, 0.4, 1, 1, 1, "slack", "over", "absurd"]),
        wish=st.sampled_from([None, None, 0, 1, 20, 45, 120, 600, 900]),
    )
    def report(self, pick: int, more: float | str, wish: int | None) -> None:
        """A call goes on; its switch counts from the last report."""
        known = self._known(pick, "open")
        if known is not None:
            self._count()
            tenant, call, s = known
            self.twin.report(tenant, call, s.last + 1, _more_s(s, more), wish)

    @rule(
        pick=picks,
        more=st.sampled_from([0, 0.3, 1, 1, "slack", "slack", "over", "absurd"]),
        state=st.sampled_from(["open", "open", "open", "lost", "lost", "unanswered", "ended"]),
    )
    def finish(self, pick: int, more: float | str, state: str) -> None:
        """A call ends; its switch counts from the last report, also of one that was lost."""
        known = self._known(pick, state)
        if known is not None:
            self._count()
            tenant, call, s = known
            self.twin.finish(tenant, call, s.last + 1, _more_s(s, more))

    @rule(tenant=names, ask=asks, seconds=st.sampled_from([0, 1, 30, 61, 75, 600, DAY_S, DAY_S + 1]))
    def debit(self, tenant: str, ask: Ask, seconds: int) -> None:
        """A call that is charged at once."""
        self._count()
        self.calls += 1
        self.twin.debit(tenant, f"call-{self.calls}", 0, seconds, ask)

    @rule(tenant=names, ask=asks, pick=picks, sequence=st.integers(0, 3))
    def debit_with_an_old_id(self, tenant: str, ask: Ask, pick: int, sequence: int) -> None:
        """The id of a debit was used, or refused, before."""
        call = f"call-{max(1, self.calls - pick)}"
        if sum(known == call for known, _, _ in self.twin.model.tenants[tenant].answers) < MAX_ANSWERS:
            self._count()
            self.twin.debit(tenant, call, sequence, 30, ask)

    @rule(
        pick=picks,
        seconds=st.sampled_from([ALL_SECONDS, 0, 1, 20, 45, 600]),
        sequence=st.integers(0, 20),
        state=st.sampled_from(["ended", "ended", "ended", "ended", "open", "lost"]),
    )
    def refund(self, pick: int, seconds: int, sequence: int, state: str) -> None:
        """A part of a debit is taken back, or what was none."""
        known = self._known(pick, state)
        if known is not None:
            self._count()
            self.twin.refund(known[0], known[1], sequence, seconds)

    @rule(pick=picks)
    def cancel(self, pick: int) -> None:
        """Nobody answers."""
        known = self._known(pick, "open")
        if known is not None:
            self._count()
            self.twin.cancel(known[0], known[1], known[2].last + 1)

    @rule(pick=picks, more_us=st.sampled_from([-1, 0, 0, 5 * SECOND]))
    def fall_silent(self, pick: int, more_us: int) -> None:
        """Nobody reports a call until it counts as lost."""
        known = self._known(pick, "open")
        if known is not None:
            self._count()
            settings = self.twin.model.tenants[known[0]].settings
            self.twin.wait(max(0, known[2].due_us(settings) + more_us - self.twin.desk.now_us))
            self.twin.look_round()

    @rule(
        what=st.sampled_from([ExtendCall, EndCall, CancelCall, ReportCall, FinishCall]),
        by=st.integers(-1, 0),
        pick=picks,
    )
    def come_late(self, what: Any, by: int, pick: int) -> None:
        """An operation with a sequence that has passed, or of a call that nobody knows."""
        self._count()
        tenant, call, s = self._known(pick, "open") or ("plain", "nobody", None)
        sequence = max(0, by if s is None else s.last + by)
        numbers = () if what is CancelCall else (7,)
        self.twin.again(what(tenant, call, sequence, *numbers))

    @precondition(lambda self: any(self.twin.done.values()))
    @rule(tenant=names, pick=picks, changed=st.booleans())
    def repeat(self, tenant: str, pick: int, changed: bool) -> None:
        """The answer was lost on the way: the same again; or the same sequence with another body."""
        done = self.twin.done[tenant]
        if done:
            self._count()
            operation = done[-1 - pick % len(done)]
            self.twin.again(_changed(operation) if changed else operation, of=operation)


def _seconds(s: Session, used: float | str) -> int:
    """What a switch reports of a call: a part of what was granted, or more."""
    match used:
        case "slack":
            return s.authorised_s + 2
        case "over":
            return s.authorised_s + 31
        case "absurd":
            return 71_582_788
        case "longest":
            return DAY_S
        case _:
            return max(s.used_s, int(s.authorised_s * float(used)))


def _more_s(s: Session, more: float | str) -> int:
    """What a switch reports that counts from its last report."""
    left_s = max(0, s.authorised_s - s.used_s)
    match more:
        case "slack":
            return left_s + 2
        case "over":
            return left_s + 31
        case "absurd":
            return DAY_S + 1 - s.used_s
        case _:
            return int(left_s * float(more))


def _changed(operation: Told) -> Told:
    """The same sequence with another body."""
    match operation:
        case StartCall() | DebitCall():
            return msgspec.structs.replace(operation, caller="+442079460000")
        case ExtendCall() | ReportCall():
            return msgspec.structs.replace(operation, used_s=operation.used_s + 1)
        case EndCall() | FinishCall():
            return msgspec.structs.replace(operation, duration_s=operation.duration_s + 1)
        case RefundCall():
            return msgspec.structs.replace(operation, seconds=operation.seconds + 2)
        case CancelCall():
            return EndCall(operation.tenant, operation.call_id, operation.sequence, 0)
