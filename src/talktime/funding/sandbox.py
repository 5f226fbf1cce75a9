"""The sandbox gateway: card payments without a bank, for a first try, for demonstrations and for tests.

It behaves as a real gateway does, also at its worst: it keeps its own books in its own file, forgets keys
after a day, tells of payments by signed messages, and does on order what goes wrong elsewhere by chance
(recharge.md). What people do at a real one (confirm, dispute) are methods here. They are quick, but hold the
file: call them in a thread where an event loop runs.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from talktime.funding import sandbox_bank as bank
from talktime.funding import sandbox_faults as faults
from talktime.funding import sandbox_messages as messages
from talktime.funding import sandbox_refunds as refunds
from talktime.funding.gateway import (
    GatewayError,
    GatewayEvent,
    GatewayRefused,
    GatewayUnclear,
    MethodFacts,
    PaymentOrder,
    PaymentResult,
    RefundOrder,
    RefundResult,
)
from talktime.funding.sandbox_bank import Counter
from talktime.funding.sandbox_faults import Fault, FaultKind, Operation
from talktime.funding.sandbox_messages import Message
from talktime.funding.sandbox_store import SandboxStore

NAME: Final = "sandbox"
_BATCH: Final = 100
_POST_S: Final = 10
_US_PER_S: Final = 1_000_000

_Answer = TypeVar("_Answer")


class SandboxGateway:
    """`funding.gateway.Gateway` on a file; any number of processes may share it.

    `secret` signs messages, `now_us` is the clock, links to confirm a payment are `action_base`/<its id>.
    """

    def __init__(
        self,
        path: Path,
        secret: str,
        now_us: Callable[[], int],
        action_base: str = "/sandbox/actions",
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if not secret:
            raise ValueError("The sandbox gateway needs a secret to sign its messages; it is empty.")
        self._store = SandboxStore(path)
        self._secret, self._now_us, self._action_base, self._sleep = secret, now_us, action_base, sleep

    @property
    def name(self) -> str:
        """The word in payments and in the account `funding:sandbox`."""
        return NAME

    async def pay(self, order: PaymentOrder) -> PaymentResult:
        """`Gateway.pay`."""

        def charge(at: Counter, fault: Fault | None) -> PaymentResult:
            slow = fault is not None and fault.kind == FaultKind.PROCESSING
            return bank.once(at, order, PaymentResult, lambda: bank.charge(at, order, slow))

        return await self._ask(Operation.PAY, order.payment, order.key, charge)

    async def find(self, tenant: str, payment: str) -> list[PaymentResult]:
        """`Gateway.find`."""

        def find(at: Counter, _: Fault | None) -> list[PaymentResult]:
            rows = at.link.execute(
                "select * from payments where tenant = ? and payment = ? order by number", (tenant, payment)
            ).fetchall()
            return [bank.result_of(at, row) for row in rows]

        return await self._ask(Operation.FIND, payment, "", find)

    async def cancel(self, order: PaymentOrder) -> PaymentResult:
        """`Gateway.cancel`."""
        return await self._ask(
            Operation.CANCEL, order.payment, order.key, lambda at, _: bank.cancel(at, order)
        )

    async def refund(self, order: RefundOrder) -> RefundResult:
        """`Gateway.refund`."""

        def give_back(at: Counter, _: Fault | None) -> RefundResult:
            return bank.once(at, order, RefundResult, lambda: refunds.give_back(at, order))

        return await self._ask(Operation.REFUND, order.payment, order.key, give_back)

    async def find_refund(self, order: RefundOrder) -> list[RefundResult]:
        """`Gateway.find_refund`."""
        return await self._ask(Operation.FIND, order.payment, "", lambda at, _: refunds.refunds_of(at, order))

    async def save_method(self, tenant: str, source: str) -> MethodFacts:
        """`Gateway.save_method`; the source is a test card (sandbox_cards.py)."""
        return await self._ask(
            Operation.SAVE_METHOD, "", "", lambda at, _: bank.save_card(at, tenant, source)
        )

    def read_event(self, body: bytes, headers: Mapping[str, str]) -> GatewayEvent | None:
        """`Gateway.read_event`."""
        return messages.read_message(body, headers, self._secret, self._now_us())

    async def fill(self, event: GatewayEvent) -> GatewayEvent:
        """`Gateway.fill`."""
        if event.tenant:
            return event

        def whose(at: Counter, _: Fault | None) -> GatewayEvent:
            row = bank.payment_row(at, event.gateway_payment)
            return msgspec.structs.replace(
                event, tenant=row["tenant"], payment=row["payment"], try_number=row["try_number"]
            )

        return await self._ask(Operation.FIND, "", "", whose)

    async def close(self) -> None:
        """`Gateway.close`."""
        await asyncio.to_thread(self.close_now)

    def close_now(self) -> None:
        """`close`, where no event loop runs."""
        self._store.close()

    # --- what goes wrong on order, and what people and banks do ---------------------------------------

    def script(self, *lines: Fault) -> None:
        """Let things go wrong: each line hits the calls that it names, in this order."""
        with self._store.transaction() as link:
            for line in lines:
                faults.add_fault(link, line)

    def set_fate(self, token: str, code: str) -> None:
        """From now on payments with this saved card end with a decline code; "" makes it good again."""
        with self._store.transaction() as link:
            found = link.execute("update methods set fate = ? where token = ?", (code, token))
            if found.rowcount != 1:
                raise GatewayRefused("no_such_method", f"The sandbox has saved no card {token!r}.")

    def complete_action(self, gateway_payment: str, succeed: bool) -> PaymentResult:
        """The holder confirms or refuses, or the bank decides of a slow payment. Twice is as good as once."""
        return self._do(lambda at: bank.complete(at, gateway_payment, succeed))

    def fail_settled(self, gateway_payment: str, code: str) -> PaymentResult:
        """A payment that had succeeded fails after all."""
        return self._do(lambda at: bank.fail_settled(at, gateway_payment, code))

    def open_dispute(self, gateway_payment: str) -> None:
        """The holder disputes what was not refunded."""
        self._do(lambda at: bank.open_dispute(at, gateway_payment))

    def close_dispute(self, gateway_payment: str, won: bool) -> None:
        """The bank decides the dispute."""
        self._do(lambda at: bank.close_dispute(at, gateway_payment, won))

    def taken(self, tenant: str, currency: str = "") -> int:
        """Money taken from a tenant less what went back, in minor units. Of several currencies name one."""
        sums = self._do(lambda at: refunds.taken_minor(at, tenant))
        if currency:
            return sums.get(currency, 0)
        if len(sums) > 1:
            raise ValueError(f"{tenant} paid in {', '.join(sorted(sums))}: name the currency")
        return sum(sums.values())

    # --- messages -------------------------------------------------------------------------------------

    def pending_events(self, now_us: int, limit: int = _BATCH) -> list[Message]:
        """The messages that are due, signed; they stay due until `delivered`."""
        with self._store.transaction() as link:
            return messages.due_messages(link, self._secret, now_us, limit)

    def delivered(self, message: Message) -> None:
        """The receiver has the message."""
        with self._store.transaction() as link:
            messages.mark_delivered(link, message.number)

    def not_delivered(self, message: Message) -> None:
        """The receiver could not take the message: it comes again, each time later, in the end no more."""
        self._mark(message, received=False)

    def pull_events(self, now_us: int) -> list[Message]:
        """`pending_events`, all at once delivered: for tests without a receiver."""
        with self._store.transaction() as link:
            found = messages.due_messages(link, self._secret, now_us, -1)
            for message in found:
                messages.mark_delivered(link, message.number)
            return found

    async def deliver_due(self, url: str) -> int:
        """Post what is due to a URL, in order; how many were taken (2xx). The others come again later."""
        import httpx

        taken = 0
        due = await asyncio.to_thread(self.pending_events, self._now_us())
        async with httpx.AsyncClient(timeout=_POST_S) as client:
            for message in due:
                received = False
                with contextlib.suppress(httpx.TransportError):  # the ladder answers it
                    answer = await client.post(url, content=message.body, headers=dict(message.headers))
                    received = answer.is_success
                await asyncio.to_thread(self._mark, message, received)
                taken += received
        return taken

    async def deliver(self, url: str, pause_s: int = 1) -> None:
        """`deliver_due` for as long as the task lives."""
        while True:
            await self.deliver_due(url)
            await self._sleep(pause_s)

    def _mark(self, message: Message, received: bool) -> None:
        with self._store.transaction() as link:
            if received:
                messages.mark_delivered(link, message.number)
            else:
                messages.mark_failed(link, message.number, self._now_us())

    # --- requests -------------------------------------------------------------------------------------

    async def _ask(
        self, operation: Operation, payment: str, key: str, do: Callable[[Counter, Fault | None], _Answer]
    ) -> _Answer:
        """One request from outside: done or not, answered or not, as the script says."""

        def work() -> tuple[Fault | None, GatewayError | _Answer]:
            with self._store.transaction() as link:
                fault = faults.take_fault(link, operation, payment, key)
                error = faults.before(fault)
                if error is not None:
                    return fault, error
                answer = do(self._counter_at(link), fault)
            return fault, faults.after(fault) or answer

        try:
            fault, answer = await asyncio.to_thread(work)
        except sqlite3.Error as error:
            raise GatewayUnclear(f"The sandbox cannot work on its file: {error}.") from error
        if fault is not None and fault.kind == FaultKind.DELAY:
            await self._sleep(fault.delay_us / _US_PER_S)
        if isinstance(answer, GatewayError):
            raise answer
        return answer

    def _do(self, do: Callable[[Counter], _Answer]) -> _Answer:
        with self._store.transaction() as link:
            return do(self._counter_at(link))

    def _counter_at(self, link: sqlite3.Connection) -> Counter:
        now_us = self._now_us()
        month = datetime.fromtimestamp(now_us // _US_PER_S, UTC).strftime("%Y-%m")
        return Counter(link, now_us, month, self._action_base.rstrip("/"))
