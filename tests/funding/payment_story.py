"""A story of payments: drawn steps, told to two processes and a gateway that misbehaves as it likes.

Each step is a word and two numbers; what they choose depends on what there is. After each step the ledger
has to be whole; at the end, when all is known, the money taken is the money credited.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, NamedTuple

from hypothesis import strategies as st

from talktime.accounts.calendar import month_of
from talktime.funding.gateway import EventKind, GatewayEvent, GatewayRefused, GatewayUnclear, PaymentStatus
from talktime.funding.payments import OUTSIDE, State
from talktime.funding.sandbox_faults import FaultKind, Operation
from tests.funding.payment_desk import DAY, HOUR, MINUTE, RULE, UNIT, Kept, PaymentDesk
from tests.live.live_desk import SECOND

CARDS: Final = ("visa", "mastercard", "chargeCustomerFail", "radarBlock", "authenticationRequired")
CARDS_LATER: Final = ("authenticationRequiredOnSetup", "createDispute", "refundFail", "pendingRefund", "amex")
FATES: Final = ("insufficient_funds", "lost_card", "expired_card", "authentication_required", "")
JUMPS: Final = (SECOND, MINUTE, 20 * MINUTE, HOUR, 7 * HOUR, DAY, 5 * DAY, 40 * DAY)
REQUESTS: Final = (Operation.PAY, Operation.FIND, Operation.REFUND)
UNANSWERED: Final = (FaultKind.TIMEOUT_BEFORE, FaultKind.TIMEOUT_AFTER, FaultKind.SERVER_ERROR)
BRANCHES: Final = ("acme", "brno")


class Step(NamedTuple):
    """What happens to whom, and two numbers that choose."""

    word: str
    tenant: str
    one: int
    two: int


@dataclass(slots=True)
class Story:
    """The interpreter of steps."""

    desk: PaymentDesk
    keys: int = 0
    told: Counter[str] = field(default_factory=Counter)

    def begin(self) -> None:
        """One tenant refills by steps, one to a target; both have every cap."""
        rule = replace(RULE, cap_per_month_micros=900 * UNIT, payments_a_day=2, cool_down_s=600)
        self.desk.open("acme", rule)
        target = replace(rule, add_micros=0, target_micros=333_330_000, most_micros=300 * UNIT)
        self.desk.open("brno", target, time_zone="Pacific/Auckland")

    def tell(self, step: Step) -> None:
        """One step, and a look at the ledger."""
        WORDS[step.word](self, step)
        self.told[step.word] += 1
        for name in BRANCHES:
            self.desk.check(name)

    def end(self) -> None:
        """The gateway is well again, banks decide, messages arrive, time passes: now all must agree."""
        desk = self.desk
        desk.gateway.clear_faults()
        for number, name in enumerate(BRANCHES):
            self.bank(Step("bank", name, number, 0))
        desk.settle_down()
        for name in BRANCHES:
            for kept in desk.payments(name):
                if kept.state is State.SETTLED and kept.row.kind != "refund":
                    self._close_dispute(kept, won=len(kept.row.payment) % 2 == 0)
        desk.settle_down()
        for name in BRANCHES:
            desk.check_money(name)
            self._check_caps(name)
            assert not [kept for kept in desk.payments(name) if kept.state is State.SUBMITTED]

    def _check_caps(self, name: str) -> None:
        rule, zone = self.desk.tenants[name].auto_recharge, self.desk.tenants[name].time_zone
        recharges = [kept for kept in self.desk.payments(name, "recharge") if kept.body.settled_us]
        months: Counter[int] = Counter()
        for kept in recharges:
            months[month_of(kept.body.settled_us, zone)] += kept.row.amount
            since = kept.body.settled_us - DAY
            recent = [other for other in recharges if since < other.body.settled_us <= kept.body.settled_us]
            assert len(recent) <= rule.payments_a_day, "the cap of payments a day is hard"
            assert not rule.most_micros or kept.row.amount <= rule.most_micros
        assert rule.cap_per_month_micros is not None
        assert all(spent <= rule.cap_per_month_micros for spent in months.values()), "the cap a month is hard"

    # --- money moves -----------------------------------------------------------------------------------

    def spend(self, step: Step) -> None:
        self.desk.spend(step.tenant, (step.one + 1) * 17 * UNIT, step.two % 2)

    def drain(self, step: Step) -> None:
        """A busy day: all is spent as often as it comes, which is what caps are for."""
        for _ in range(step.one % 6 + 1):
            self.desk.spend(step.tenant, 10_000 * UNIT, step.two % 2)
            self.desk.later(JUMPS[2 + step.two % 4])

    def fund(self, step: Step) -> None:
        self.desk.fund(step.tenant, (step.one + 1) * 9 * UNIT, (step.two + 1) * 3 * DAY, step.one % 2)

    def buy(self, step: Step) -> None:
        self.keys += step.two % 3 > 0  # else the same key again
        self.desk.buy(step.tenant, (50 + self.keys) * UNIT, str(self.keys), work=step.one % 3 > 0)

    # --- settings --------------------------------------------------------------------------------------

    def switch(self, step: Step) -> None:
        self.desk.rule(step.tenant, desk=step.one % 2, enabled=step.two % 3 > 0)

    def other_card(self, step: Step) -> None:
        cards = (*CARDS, *CARDS_LATER)
        self.desk.use_card(step.tenant, cards[step.one * 5 % len(cards) if step.two % 2 else step.one % 2])

    def fate(self, step: Step) -> None:
        for method in self.desk.tenants[step.tenant].payment_methods:
            self.desk.gateway.set_fate(method.token, FATES[step.one % len(FATES)])

    def retry(self, step: Step) -> None:
        self.desk.retry_now(step.tenant)

    # --- workers ---------------------------------------------------------------------------------------

    def work(self, step: Step) -> None:
        if step.one % 3 == 0:
            self.desk.work_together()
        else:
            self.desk.work(step.one % 2)

    def crash(self, step: Step) -> None:
        """A worker dies after it took a payment up, or after the gateway did what it was asked."""
        for kept in self.desk.payments(step.tenant):
            if kept.row.due_us <= self.desk.now_us:
                crash = self.desk.crash_after_claim if step.one % 2 else self.desk.crash_after_sending
                try:
                    crash(step.tenant, kept.row.payment, step.two % 2)
                except (GatewayRefused, GatewayUnclear):
                    continue

    def restart(self, step: Step) -> None:
        del step
        self.desk.restart()

    def slow(self, step: Step) -> None:
        """An answer takes longer than the lease; meanwhile the other worker, or the messages, are quicker."""
        self.desk.fault(FaultKind.DELAY, REQUESTS[step.one % 2], delay_us=(step.two % 2 + 1) * 61 * SECOND)
        self.desk.meanwhile = self.desk.workers[1].round
        self.desk.work(0)
        self.desk.meanwhile = None

    # --- the gateway -----------------------------------------------------------------------------------

    def unanswered(self, step: Step) -> None:
        operation = REQUESTS[step.one % len(REQUESTS)]
        self.desk.fault(UNANSWERED[step.two % 3], operation, times=step.one % 4 + 1)

    def processing(self, step: Step) -> None:
        del step
        self.desk.fault(FaultKind.PROCESSING)

    def bank(self, step: Step) -> None:
        """A holder confirms or a bank decides, as long as we have not given up."""
        for kept in self.desk.payments(step.tenant):
            if kept.row.kind != "refund" and kept.state in OUTSIDE:
                for result in self.desk.gateway.peek(step.tenant, kept.row.payment):
                    if result.status in (PaymentStatus.REQUIRES_ACTION, PaymentStatus.PROCESSING):
                        self.desk.gateway.complete_action(result.gateway_payment, step.one % 3 > 0)

    def fails_later(self, step: Step) -> None:
        self._to_taken(step, lambda taken: self.desk.gateway.fail_settled(taken, "generic_decline"))

    def dispute(self, step: Step) -> None:
        self._to_taken(step, self.desk.gateway.open_dispute)

    def decide(self, step: Step) -> None:
        self._to_taken(step, partial(self.desk.gateway.close_dispute, won=step.two % 2 == 0))

    def refund(self, step: Step) -> None:
        settled = [kept for kept in self._asked(step.tenant) if kept.state is State.SETTLED]
        if settled:
            of = settled[step.one % len(settled)]
            self.keys += 1
            amount = (step.two + 1) * 13 * UNIT if step.two % 3 else of.row.amount
            self.desk.refund(step.tenant, of.row.payment, amount, str(self.keys), work=step.one % 2 > 0)

    def _asked(self, tenant: str) -> list[Kept]:
        return [kept for kept in self.desk.payments(tenant) if kept.row.kind != "refund"]

    def _to_taken(self, step: Step, do: Callable[[str], object]) -> None:
        """Something happens to money that the gateway has taken, whether we know of it or not."""
        results = [
            result
            for kept in self._asked(step.tenant)
            for result in self.desk.gateway.peek(step.tenant, kept.row.payment)
            if result.status is PaymentStatus.SUCCEEDED
        ]
        if results:
            with suppress(GatewayRefused):  # there is nothing to dispute, or it is decided
                do(results[step.one % len(results)].gateway_payment)

    def _close_dispute(self, kept: Kept, *, won: bool) -> None:
        try:
            self.desk.gateway.close_dispute(kept.row.gateway_payment, won)
        except GatewayRefused:
            return

    # --- messages --------------------------------------------------------------------------------------

    def deliver(self, step: Step) -> None:
        """Some message arrives; sometimes it will come again."""
        due = self.desk.pending()
        if due:
            message = due[step.one % len(due)]
            with suppress(GatewayUnclear):
                self.desk.tell(self.desk.read(message), step.two % 2)
                if step.two % 3:
                    self.desk.gateway.delivered(message)

    def lose(self, step: Step) -> None:
        """Messages get lost that tell what a question will tell too. The others are repeated for days."""
        messages = [(message, self.desk.read(message)) for message in self.desk.pending()]
        for message, event in messages:
            if self._can_be_lost(event, [other for _, other in messages]) and step.one % 2:
                self.desk.gateway.delivered(message)

    def _can_be_lost(self, event: GatewayEvent, pending: Sequence[GatewayEvent]) -> bool:
        kept = next((k for k in self.desk.payments(event.tenant) if k.row.payment == event.payment), None)
        if kept is None:
            return False
        if event.kind in (EventKind.REFUND_SUCCEEDED, EventKind.PAYMENT_SUCCEEDED):
            return kept.state in OUTSIDE or kept.row.gateway_payment == event.gateway_payment
        if event.kind is EventKind.PAYMENT_FAILED:  # not the only one that contradicts older news
            same = [other.kind for other in pending if other.gateway_payment == event.gateway_payment]
            return kept.state in OUTSIDE and EventKind.PAYMENT_SUCCEEDED not in same
        return event.kind is EventKind.PAYMENT_ACTION

    def overtaken(self, step: Step) -> None:
        """An answer is lost, something else happens to the money, and the news come newest first."""
        self.desk.fault(FaultKind.TIMEOUT_AFTER)
        self.desk.work(step.two % 2)
        (self.fails_later, self.dispute, self.refund)[step.one % 3](step)
        for message in reversed(self.desk.pending()):
            with suppress(GatewayUnclear):
                self.desk.tell(self.desk.read(message), step.two % 2)
                self.desk.gateway.delivered(message)

    # --- time ------------------------------------------------------------------------------------------

    def jump(self, step: Step) -> None:
        self.desk.now_us += JUMPS[step.one % len(JUMPS)]
        self.desk.look_round(step.two % 2)

    def later(self, step: Step) -> None:
        self.desk.later(JUMPS[step.one % len(JUMPS)])


WORDS: Final[dict[str, Callable[[Story, Step], None]]] = {
    word.__name__: word
    for word in (
        *(
            Story.spend,
            Story.drain,
            Story.fund,
            Story.buy,
            Story.switch,
            Story.other_card,
            Story.fate,
            Story.retry,
        ),
        *(Story.work, Story.crash, Story.restart, Story.slow, Story.unanswered, Story.processing, Story.bank),
        *(Story.fails_later, Story.dispute, Story.decide, Story.refund, Story.deliver, Story.lose),
        *(Story.overtaken, Story.jump, Story.later),
    )
}
OFTEN: Final = (
    "drain",
    "spend",
    "overtaken",
    "work",
    "work",
    "jump",
    "deliver",
    "later",
    "bank",
    "crash",
    "unanswered",
)

steps = st.lists(
    st.builds(
        Step,
        st.sampled_from((*WORDS, *OFTEN)),
        st.sampled_from((BRANCHES[0], *BRANCHES)),
        st.integers(0, 23),
        st.integers(0, 11),
    ),
    min_size=1,
    max_size=40,
)
"""Steps of a story."""
