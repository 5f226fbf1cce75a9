"""Rules of the sandbox under any schedule of payments, faults and people.

Whatever goes wrong: one key is one payment; what messages say is what `find` says; the money adds up.
"""

import asyncio
import contextlib
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from talktime.funding.gateway import (
    EventKind,
    GatewayEvent,
    GatewayRefused,
    GatewayUnclear,
    PaymentResult,
    PaymentStatus,
    RefundStatus,
)
from talktime.funding.sandbox_faults import Fault, FaultKind, Operation
from tests.funding.gateway_rigs import DAY_US, SandboxRig, order, refund_order, sandbox_rig

GOOD, POOR, ASKS, DISPUTES = (
    *("pm_card_visa", "pm_card_visa_chargeDeclinedInsufficientFunds"),
    *("pm_card_authenticationRequired", "pm_card_createDispute"),
)

NAMES = st.sampled_from(["p1", "p2"])
REQUESTS = st.sampled_from(
    [FaultKind.TIMEOUT_BEFORE, FaultKind.TIMEOUT_AFTER, FaultKind.SERVER_ERROR, FaultKind.DELAY]
)
EVENTS = st.sampled_from([FaultKind.EVENT_TWICE, FaultKind.EVENT_DELAYED, FaultKind.EVENT_BEHIND])

STEPS = st.one_of(
    st.tuples(st.just("pay"), NAMES, st.integers(1, 3), st.sampled_from([GOOD, GOOD, POOR, ASKS, DISPUTES])),
    st.tuples(st.just("refund"), NAMES, st.integers(1, 6000), st.sampled_from(["r1", "r2", "r3"])),
    st.tuples(st.just("confirm"), NAMES, st.booleans()),
    st.tuples(st.just("dispute"), NAMES),
    st.tuples(st.just("close"), NAMES, st.booleans()),
    st.tuples(st.just("request fault"), st.sampled_from([Operation.PAY, Operation.REFUND]), REQUESTS),
    st.tuples(st.just("slow bank"), st.just(Operation.PAY), st.just(FaultKind.PROCESSING)),
    st.tuples(st.just("event fault"), st.just(Operation.EVENT), EVENTS),
    st.tuples(st.just("wait"), st.integers(1, 20)),
    st.tuples(st.just("pull")),
)


@dataclass
class Heard:
    """What messages say, put together without regard to their order."""

    events: dict[str, GatewayEvent] = field(default_factory=dict)

    def hear(self, rig: SandboxRig) -> None:
        for event in rig.events():
            assert self.events.setdefault(event.id, event) == event

    def status(self, gateway_payment: str) -> PaymentStatus | None:
        """A payment that was open ends once, so the last word does not depend on the order."""
        kinds = {event.kind for event in self.events.values() if event.gateway_payment == gateway_payment}
        for kind, status in (
            (EventKind.PAYMENT_SUCCEEDED, PaymentStatus.SUCCEEDED),
            (EventKind.PAYMENT_FAILED, PaymentStatus.DECLINED),
            (EventKind.PAYMENT_ACTION, PaymentStatus.REQUIRES_ACTION),
        ):
            if kind in kinds:
                return status
        return None

    def taken(self) -> int:
        """The money by what was said alone."""
        sign = {
            EventKind.PAYMENT_SUCCEEDED: 1,
            EventKind.REFUND_SUCCEEDED: -1,
            EventKind.DISPUTE_OPENED: -1,
            EventKind.DISPUTE_WON: 1,
        }
        return sum(sign.get(event.kind, 0) * event.amount_minor for event in self.events.values())


async def take(rig: SandboxRig, step: tuple[object, ...], heard: Heard) -> None:
    """One step; what is refused or unclear is part of life."""
    gateway = rig.gateway
    match step:
        case ("pay", str(name), int(number), str(card)):
            # One key is always sent with one card, as the worker does.
            first = await gateway.find("acme", f"{name}-{card}")
            await gateway.pay(order(f"{name}-{card}", number, method_token=card))
            after = await gateway.find("acme", f"{name}-{card}")
            assert first == [result for result in after if result in first]
        case ("refund", str(name), int(amount_minor), str(refund)):
            for paid in await found(rig, name):
                back = refund_order(
                    paid.gateway_payment, amount_minor, f"{refund}-{amount_minor}-{paid.gateway_payment}"
                )
                result = await gateway.refund(back)
                assert result.status == RefundStatus.DECLINED or len(await gateway.find_refund(back)) == 1
        case ("confirm", str(name), bool(succeed)):
            for paid in await found(rig, name):
                gateway.complete_action(paid.gateway_payment, succeed)
        case ("dispute", str(name)):
            for paid in await found(rig, name):
                gateway.open_dispute(paid.gateway_payment)
        case ("close", str(name), bool(won)):
            for paid in await found(rig, name):
                gateway.close_dispute(paid.gateway_payment, won)
        case (_, Operation() as operation, FaultKind() as kind):
            gateway.script(Fault(kind, operation, delay_us=1 if kind == FaultKind.DELAY else DAY_US))
        case ("wait", int(minutes)):
            rig.clock.us += minutes * 60_000_000
        case _:
            heard.hear(rig)


async def found(rig: SandboxRig, name: str) -> list[PaymentResult]:
    """All tries of a name, with any card."""
    return [
        paid
        for card in (GOOD, POOR, ASKS, DISPUTES)
        for paid in await rig.gateway.find("acme", f"{name}-{card}")
    ]


async def check(rig: SandboxRig, heard: Heard) -> None:
    """After the last step every message arrives."""
    rig.clock.us += 2 * DAY_US
    heard.hear(rig)
    tries: dict[tuple[str, int], int] = defaultdict(int)
    for name in ("p1", "p2"):
        for card in (GOOD, POOR, ASKS, DISPUTES):
            for paid in await rig.gateway.find("acme", f"{name}-{card}"):
                tries[f"{name}-{card}", paid.try_number] += 1
                if paid.status != PaymentStatus.PROCESSING:
                    assert heard.status(paid.gateway_payment) == paid.status
    assert set(tries.values()) <= {1}
    assert rig.taken() == heard.taken() >= 0


@given(steps=st.lists(STEPS, max_size=30))
def test_one_key_is_one_payment_and_messages_say_what_find_says(steps: list[tuple[object, ...]]) -> None:
    async def live(rig: SandboxRig) -> None:
        heard = Heard()
        for step in steps:
            with contextlib.suppress(GatewayRefused, GatewayUnclear):
                await take(rig, step, heard)
        await check(rig, heard)

    with tempfile.TemporaryDirectory() as folder, sandbox_rig(Path(folder)) as rig:
        asyncio.run(live(rig))


@given(
    keys=st.lists(
        st.tuples(st.integers(1, 3), st.sampled_from(["", "lost", "unanswered", "broken"])), max_size=15
    )
)
def test_sending_again_until_it_is_clear_takes_the_money_once(keys: list[tuple[int, str]]) -> None:
    """The worker's way: the same key until there is an answer. However often: 50.00 for each payment."""

    async def live(rig: SandboxRig) -> None:
        for number, fault in keys:
            if fault:
                rig.next_call(fault)
            for _ in range(len(keys) + 1):
                with contextlib.suppress(GatewayUnclear):
                    result = await rig.gateway.pay(order(f"p{number}"))
                    break
            assert await rig.gateway.find("acme", f"p{number}") == [result]
        assert rig.taken() == 5000 * len({number for number, _ in keys})

    with tempfile.TemporaryDirectory() as folder, sandbox_rig(Path(folder)) as rig:
        asyncio.run(live(rig))
