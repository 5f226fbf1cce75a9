"""One way to drive each gateway in tests: what the card's holder, the bank and the network do."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from talktime.funding.gateway import Gateway, GatewayEvent, PaymentOrder, RefundOrder
from talktime.funding.sandbox import SandboxGateway
from talktime.funding.sandbox_faults import Fault, FaultKind, Operation
from talktime.funding.stripe_gateway import StripeGateway
from tests.funding.fake_stripe import API_KEY, WEBHOOK_SECRET, FakeStripe
from tests.funding.fake_stripe_server import running_fake

NOON_US = 1_900_000_000_000_000
DAY_US = 86_400_000_000
SECRET = "a secret of the sandbox"


class Clock:
    """A clock that tests move."""

    def __init__(self, us: int = NOON_US) -> None:
        self.us = us

    def __call__(self) -> int:
        return self.us


def order(payment: str = "p1", number: int = 1, **other: str | int) -> PaymentOrder:
    """A try of 50.00 EUR with a good card, while somebody looks at the page."""
    values: dict[str, object] = {
        "tenant": "acme",
        "payment": payment,
        "try_number": number,
        "key": f"{payment}-{number}",
        "amount_minor": 5000,
        "currency": "EUR",
        "method_token": "pm_card_visa",
        "off_session": False,
    }
    return PaymentOrder(**{**values, **other})  # type: ignore[arg-type]


def refund_order(gateway_payment: str, amount_minor: int, payment: str = "r1", **other: str) -> RefundOrder:
    """A refund in EUR."""
    values = {"tenant": "acme", "payment": payment, "key": payment, "currency": "EUR", **other}
    return RefundOrder(gateway_payment=gateway_payment, amount_minor=amount_minor, **values)


class Rig(Protocol):
    """A gateway with what happens around it."""

    @property
    def gateway(self) -> Gateway:
        """What is tested."""

    def next_call(self, fault: str) -> None:
        """The next call that moves money: "lost" (not done), "unanswered" (done), or "broken" (5xx)."""

    def confirm(self, gateway_payment: str, succeed: bool) -> None:
        """The holder, on the page behind the link."""

    def close_dispute(self, gateway_payment: str, won: bool) -> None:
        """The bank."""

    def messages(self) -> list[tuple[bytes, dict[str, str]]]:
        """All messages since the last time."""

    def taken(self) -> int:
        """What the gateway holds of acme's money, in cents."""

    def events(self) -> list[GatewayEvent]:
        """`messages`, read."""


def _read(gateway: Gateway, messages: list[tuple[bytes, dict[str, str]]]) -> list[GatewayEvent]:
    read = [gateway.read_event(body, headers) for body, headers in messages]
    return [event for event in read if event is not None]


class SandboxRig:
    """The sandbox on a file of its own."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.clock = clock
        self.gateway = SandboxGateway(folder / "sandbox.db", SECRET, clock, "https://x.example/a")

    def next_call(self, fault: str) -> None:
        kinds = {
            "lost": FaultKind.TIMEOUT_BEFORE,
            "unanswered": FaultKind.TIMEOUT_AFTER,
            "broken": FaultKind.SERVER_ERROR,
        }
        for operation in (Operation.PAY, Operation.REFUND, Operation.CANCEL):
            self.gateway.script(Fault(kinds[fault], operation))

    def confirm(self, gateway_payment: str, succeed: bool) -> None:
        self.gateway.complete_action(gateway_payment, succeed)

    def close_dispute(self, gateway_payment: str, won: bool) -> None:
        self.gateway.close_dispute(gateway_payment, won)

    def messages(self) -> list[tuple[bytes, dict[str, str]]]:
        return [(message.body, dict(message.headers)) for message in self.gateway.pull_events(self.clock.us)]

    def events(self) -> list[GatewayEvent]:
        return _read(self.gateway, self.messages())

    def taken(self) -> int:
        return self.gateway.taken("acme")


class StripeRig:
    """The real SDK against the fake server."""

    def __init__(self, fake: FakeStripe, answer_s: int = 30) -> None:
        self.fake = fake
        self.gateway = StripeGateway(API_KEY, WEBHOOK_SECRET, "https://x.example/back", fake.base, answer_s)

    def next_call(self, fault: str) -> None:
        self.fake.faults.append({"lost": "dead_before", "unanswered": "dead_after", "broken": "500"}[fault])

    def confirm(self, gateway_payment: str, succeed: bool) -> None:
        self.fake.complete(gateway_payment, succeed)

    def close_dispute(self, gateway_payment: str, won: bool) -> None:
        self.fake.close_dispute(gateway_payment, won)

    def messages(self) -> list[tuple[bytes, dict[str, str]]]:
        return self.fake.messages()

    def events(self) -> list[GatewayEvent]:
        return _read(self.gateway, self.messages())

    def taken(self) -> int:
        return self.fake.taken("acme")


@contextmanager
def sandbox_rig(folder: Path) -> Iterator[SandboxRig]:
    """A sandbox, closed afterwards."""
    rig = SandboxRig(folder, Clock())
    try:
        yield rig
    finally:
        rig.gateway.close_now()


@contextmanager
def stripe_rig(answer_s: int = 30) -> Iterator[StripeRig]:
    """A gateway to a fake of its own, closed afterwards."""
    with running_fake() as fake:
        rig = StripeRig(fake, answer_s)
        try:
            yield rig
        finally:
            rig.gateway.close_now()
