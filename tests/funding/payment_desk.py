"""Payments in a test: desks on one database, each with a worker, and the sandbox gateway on a file.

The test sets the clock of all of them, moves what is available, and carries the gateway's messages itself:
late, twice, in another order or not at all.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from talktime.accounts.documents import tenant_text
from talktime.accounts.tenant import AutoRecharge, BillingAccount, PaymentMethod, Tenant, Waiver
from talktime.catalog.load import load_catalogue
from talktime.core.limits import NEVER_US
from talktime.funding.commands import AskPayment, AskRefund, Claim, Job, RetryNow
from talktime.funding.events import take_event
from talktime.funding.gateway import GatewayEvent, GatewayUnclear, PaymentOrder, PaymentResult
from talktime.funding.payments import PaymentBody, State, body_of
from talktime.funding.refunds import refund_id
from talktime.funding.sandbox import NAME, SandboxGateway
from talktime.funding.sandbox_bank import result_of
from talktime.funding.sandbox_faults import Fault, FaultKind, Operation
from talktime.funding.sandbox_messages import Message
from talktime.funding.taxes import Seller, minor_unit_micros
from talktime.funding.worker import PaymentWorker
from talktime.ledger.commands import Expire, PutDocuments, Refused
from talktime.ledger.engine import Command
from talktime.ledger.records import Document, Payment, Standing
from talktime.ledger.rows import standing_of
from talktime.ledger.verify import verify
from tests.bulk.charged import SPENDS, by_second, deck, user
from tests.live.live_desk import SECOND, LiveDesk, books_of

UNIT = 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3_600 * SECOND, 86_400 * SECOND
ACCOUNT = f"funding:{NAME}"
SELLER = Seller("Talktime GmbH", ("Hauptstr. 1", "10115 Berlin"), "DE", "DE123456789")
RULE = AutoRecharge(True, below_micros=100 * UNIT, add_micros=200 * UNIT)
OFF = replace(RULE, enabled=False)
MAY_BUY = (Waiver("has_qualifying_licence", "nobody here dials in", 2**52, "a test"),)
"""Who only holds the licence to spend credits may buy them by an exception."""
A_SECOND = 10_000
"""Micros that a second of a call to London costs."""

_Answer = TypeVar("_Answer")


class Kept(NamedTuple):
    """A payment as it is stored, with what is known of it."""

    row: Payment
    body: PaymentBody

    @property
    def state(self) -> State:
        return State(self.row.state)


class CountedGateway(SandboxGateway):
    """The sandbox, counting what it is asked; `hang` holds up the payments that it names."""

    def __init__(
        self, path: Path, now_us: Callable[[], int], sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        super().__init__(path, "secret", now_us, sleep=sleep)
        self.asked: Counter[str] = Counter()
        self.hang: dict[str, asyncio.Event] = {}

    def clear_faults(self) -> None:
        """From now on nothing goes wrong."""
        with self._store.transaction() as link:
            link.execute("update faults set times = 0")

    def peek(self, tenant: str, payment: str) -> list[PaymentResult]:
        """`find`, where nothing goes wrong and nothing is counted."""
        select = "select * from payments where tenant = ? and payment = ? order by number"
        rows = self._do(lambda at: at.link.execute(select, (tenant, payment)).fetchall())
        return self._do(lambda at: [result_of(at, row) for row in rows])

    async def pay(self, order: PaymentOrder) -> PaymentResult:
        self.asked["pay"] += 1
        if order.tenant in self.hang:
            await self.hang[order.tenant].wait()
        return await super().pay(order)

    async def find(self, tenant: str, payment: str) -> list[PaymentResult]:
        self.asked["find"] += 1
        return await super().find(tenant, payment)


class PaymentDesk(LiveDesk):
    """Desks with workers, `gateway`, and the tenants as they were last put."""

    def __init__(self, url: str, folder: Path, *, desks: int = 1, seller: Seller = SELLER) -> None:
        prices = books_of(deck(*(by_second(prefix, "0.6") for prefix in ("1", "44"))))
        super().__init__(url, load_catalogue(), prices, desks=desks)
        self.seller = seller
        self.tenants: dict[str, Tenant] = {}
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        self.gateway = CountedGateway(folder / "sandbox.db", self._clock_us, self._pass_time)
        self._made_workers()

    def _made_workers(self) -> None:
        self.workers = [PaymentWorker(desk.engine, {NAME: self.gateway}, self.seller) for desk in self.desks]

    async def _pass_time(self, seconds: float) -> None:
        """A slow gateway: the clock goes on, and `meanwhile` somebody else is at work."""
        self.now_us += round(seconds * SECOND)
        if (meanwhile := self.meanwhile) is not None:
            self.meanwhile = None
            await meanwhile()

    def run(self, what: Awaitable[_Answer]) -> _Answer:
        """Waits for something on the loop of all desks."""

        async def waited() -> _Answer:
            return await what

        return self._runner.run(waited())

    def restart(self) -> None:
        super().restart()
        self._made_workers()

    def close(self) -> None:
        self.gateway.close_now()
        super().close()

    # --- tenants ---------------------------------------------------------------------------------------

    def card(self, tenant: str, source: str = "visa", name: str = "") -> PaymentMethod:
        """A card as it is saved at the gateway."""
        facts = self.run(self.gateway.save_method(tenant, source))
        method = PaymentMethod(name or source, NAME, facts.token, facts.brand, facts.last4, facts.expires)
        return replace(method, fingerprint=facts.fingerprint)

    def open(self, name: str, rule: AutoRecharge = RULE, card: str = "visa", **more: Any) -> Tenant:
        """A tenant with a rule and a card ("" for none); papers go to France, where 20 % are paid."""
        tenant = Tenant(
            name,
            name.title(),
            "US",
            "USD",
            default_billing_account="main",
            billing_accounts=(BillingAccount("main", "MOSA", "FR"),),
            users=(user("ana", SPENDS),),
            auto_recharge=rule,
            payment_methods=(self.card(name, card),) if card else (),
            waivers=MAY_BUY,
        )
        self.tenants[name] = replace(tenant, **more)
        self.add(self.tenants[name])
        self.expire(name)
        return self.tenants[name]

    def edit(self, name: str, *, desk: int = 0, **changed: Any) -> None:
        """Changes the tenant's own document."""
        tenant = self.tenants[name] = replace(self.tenants[name], **changed)
        document = Document("tenants", "", tenant_text(tenant))
        put = PutDocuments(name, [document], _nothing_against, "a test")
        assert self.do(put, desk) is True
        for _ in range(2):  # what follows from it is in the queue before this
            self.do(Expire(name), desk)

    def rule(self, name: str, *, desk: int = 0, **changed: Any) -> None:
        """Changes the tenant's rule."""
        self.edit(name, desk=desk, auto_recharge=replace(self.tenants[name].auto_recharge, **changed))

    def use_card(self, name: str, source: str) -> PaymentMethod:
        """Another card takes the place of all that were saved."""
        method = self.card(name, source)
        self.edit(name, payment_methods=(method,))
        return method

    # --- what happens ----------------------------------------------------------------------------------

    def spend(self, tenant: str, amount: int, desk: int = 0) -> Any:
        """Takes so much, or what is free, out of the lots."""
        balance, reserved, _ = self.wallet(tenant)
        return self.take_back(tenant, min(amount, balance - reserved), desk)

    def crash_after_claim(self, tenant: str, payment: str, desk: int = 0) -> Job | None:
        """A worker takes a payment up and is not heard of again."""
        job: Job | None = self.do(Claim(tenant, payment, self.seller), desk)
        return job

    def crash_after_sending(self, tenant: str, payment: str, desk: int = 0) -> PaymentResult | None:
        """A worker sends a payment and dies before it can tell the answer."""
        job = self.crash_after_claim(tenant, payment, desk)
        if job is None or job.asks or not isinstance(job.order, PaymentOrder):
            return None
        return self.run(self.gateway.pay(job.order))

    def work(self, desk: int = 0) -> int:
        """A worker goes round once."""
        return self.run(self.workers[desk].round())

    def at_once(self, *commands: Command) -> list[Any]:
        """Each desk is given one command, all at the same moment."""

        async def handed_in() -> list[Any]:
            desks = zip(self.desks, commands, strict=True)
            return await asyncio.gather(*(desk.engine.submit(command) for desk, command in desks))

        return self.run(handed_in())

    def work_together(self) -> list[int]:
        """The workers of all desks go round at once."""

        async def rounds() -> list[int]:
            return await asyncio.gather(*(worker.round() for worker in self.workers))

        return self.run(rounds())

    def buy(self, tenant: str, amount: int, key: str, *, present: bool = True, work: bool = True) -> Any:
        """Somebody buys credits by card; the request's key names the payment."""
        ask = AskPayment(tenant, f"K-{tenant}-{key}", amount, "", str(amount), "ana", present=present)
        asked = self.do(ask)
        if work and isinstance(asked, Payment):
            self.run(self.workers[0].work(tenant, asked.payment))
        return asked

    def refund(self, tenant: str, of: str, amount: int, key: str = "1", *, work: bool = True) -> Any:
        """Somebody gives money back."""
        ask = AskRefund(tenant, refund_id(of, key), of, amount, "a test", f"{amount}", "ana")
        asked = self.do(ask)
        if work and isinstance(asked, Payment):
            self.run(self.workers[0].work(tenant, asked.payment))
        return asked

    def retry_now(self, tenant: str) -> bool | Refused:
        """An administrator has the rule try again."""
        answer: bool | Refused = self.do(RetryNow(tenant, "ana", self.standing(tenant).attempt))
        return answer

    def fault(self, kind: FaultKind, operation: Operation = Operation.PAY, **more: Any) -> None:
        """The gateway misbehaves from now on."""
        self.gateway.script(Fault(kind, operation, **more))

    # --- messages --------------------------------------------------------------------------------------

    def pending(self) -> list[Message]:
        """The gateway's messages that are due."""
        return self.gateway.pending_events(self.now_us)

    def read(self, message: Message) -> GatewayEvent:
        """What a message tells."""
        headers: Mapping[str, str] = message.headers
        event = self.gateway.read_event(message.body, headers)
        assert event is not None
        return event

    def tell(self, event: GatewayEvent, desk: int = 0) -> object:
        """An event arrives."""
        return self.run(take_event(self.desks[desk].engine, self.gateway, event))

    def deliver(self, desk: int = 0) -> int:
        """All messages that are due arrive, in order; what we could not take comes again. How many came."""
        due = self.pending()
        for message in due:
            with suppress(GatewayUnclear):
                self.tell(self.read(message), desk)
                self.gateway.delivered(message)
        return len(due)

    def lose(self) -> None:
        """The messages that are due get lost."""
        self.gateway.pull_events(self.now_us)

    # --- time ------------------------------------------------------------------------------------------

    def later(self, us: int) -> None:
        """The clock goes on, and everybody does what is due by then."""
        self.now_us += us
        self.turn()

    def turn(self) -> None:
        """Everybody does what is due, until nothing is."""
        for _ in range(100):
            done = self.look_round()
            for desk in range(len(self.desks)):
                self.work(desk)
            done += self.deliver()
            if not done and self._next_due_us("payments", "due_us") > self.now_us:
                return
        raise AssertionError("there is no end of what is due")

    def settle_down(self, days: int = 4) -> None:
        """Lets time pass until nothing is due for days."""
        for _ in range(500):
            self.turn()
            due = (("payments", "due_us"), ("wallets", "next_expiry_us"))
            next_us = min(self._next_due_us(*each) for each in due)
            if next_us > self.now_us + days * DAY:
                return
            self.now_us = max(next_us, self.now_us + 1)
        raise AssertionError("it does not come to rest")

    def _next_due_us(self, table: str, column: str) -> int:
        ((next_us,),) = self.rows(f"select min({column}) from {table}")
        return NEVER_US if next_us is None else int(next_us)

    def expire(self, tenant: str) -> None:
        """Brings a wallet to the present, as the round does; what has followed before is done then."""
        self.do(Expire(tenant))

    # --- what is stored --------------------------------------------------------------------------------

    def payments(self, tenant: str, kind: str = "") -> list[Kept]:
        """All payments in the order in which they were asked for."""
        rows = self.rows(
            "select payment, kind, state, at_us, due_us, amount, gateway, gateway_payment, body from payments"
            " where tenant = ? order by at_us, payment",
            tenant,
        )
        found = [Payment._make(row) for row in rows]
        return [Kept(row, body_of(row)) for row in found if kind in ("", row.kind)]

    def payment(self, tenant: str, name: str) -> Kept:
        """One payment."""
        return next(kept for kept in self.payments(tenant) if kept.row.payment == name)

    def last(self, tenant: str, kind: str = "") -> Kept:
        """The payment that was asked for last."""
        return self.payments(tenant, kind)[-1]

    def standing(self, tenant: str) -> Standing:
        """How the rule stands."""
        ((text,),) = self.rows("select standing from wallets where tenant = ?", tenant)
        return standing_of(text)

    def available(self, tenant: str) -> int:
        """What nobody has reserved."""
        balance, reserved, _ = self.wallet(tenant)
        return balance - reserved

    def told(self, tenant: str, kind: str) -> list[dict[str, Any]]:
        """What somebody is to be told, oldest first."""
        rows = self.rows("select body from outbox where tenant = ? and kind = ? order by id", tenant, kind)
        return [msgspec.json.decode(body) for (body,) in rows]

    def reasons(self, tenant: str) -> list[str]:
        """The timeline of the rule: why it did not pay, each time that changed."""
        rows = self.rows(
            "select document from papers where tenant = ? and kind = 'timeline' order by key", tenant
        )
        return [msgspec.json.decode(text)["reason"] for (text,) in rows]

    def account(self, tenant: str, name: str = ACCOUNT) -> int:
        """What the journal says of an account."""
        ((came, went),) = self.rows(
            "select coalesce(sum(case when credit = ? then amount else 0 end), 0),"
            " coalesce(sum(case when debit = ? then amount else 0 end), 0) from journal where tenant = ?",
            *(name, name, tenant),
        )
        return int(came) - int(went)

    def taken(self, tenant: str) -> int:
        """Micros that the gateway holds for us, with their tax."""
        currency = self.tenants[tenant].currency
        return self.gateway.taken(tenant, currency) * minor_unit_micros(currency)

    # --- what must hold --------------------------------------------------------------------------------

    def check(self, tenant: str) -> None:
        """What must hold at every instant."""
        rows = self.rows(
            "select count(*) from payments where tenant = ? and kind = 'recharge' and state in"
            " ('created', 'submitted', 'requires_action', 'unknown')",
            tenant,
        )
        assert rows[0][0] <= 1, "one recharge at a time"
        attempt = self.standing(tenant).attempt
        assert bool(attempt) == bool(rows[0][0]), "the wallet knows the recharge that is on its way"
        assert all(0 <= held <= left for left, held in self.lots(tenant).values())
        self._check_lots(tenant)

    def _check_lots(self, tenant: str) -> None:
        settled = [kept for kept in self.payments(tenant) if kept.state is State.SETTLED]
        bought = [kept for kept in settled if kept.row.kind != "refund"]
        lots = self.rows(
            "select reference, amount from lots where tenant = ? and reference like ? order by reference",
            *(tenant, f"{NAME}:%"),
        )
        paid = sorted((f"{NAME}:{kept.row.gateway_payment}", kept.row.amount) for kept in bought)
        assert lots == paid, "one lot for each payment of the gateway"

    def check_money(self, tenant: str) -> None:
        """What must hold once everything is known: money taken = money credited."""
        self.check(tenant)
        assert -self.account(tenant) == self.taken(tenant), "money taken = money credited"
        net = 0
        for kept in self.payments(tenant):
            if kept.state is State.SETTLED:
                is_refund = kept.row.kind == "refund"
                net += -kept.row.amount * (not kept.body.code) if is_refund else kept.row.amount
                net -= kept.body.disputed if kept.body.dispute == "lost" else 0
        assert net + self.account(tenant, "tax") == self.taken(tenant), "the payments say the same"
        for transit in ("refunds", "frozen"):
            assert self.account(tenant, transit) == 0, f"nothing is left in {transit}"
        found = verify(self.url, now_us=self.now_us)
        assert found.is_clean, found.differences


def _nothing_against(config: object) -> str:
    del config
    return ""


@contextmanager
def payment_desk(url: str, folder: Path, *, desks: int = 1, seller: Seller = SELLER) -> Iterator[PaymentDesk]:
    """A desk that is closed afterwards."""
    desk = PaymentDesk(url, folder, desks=desks, seller=seller)
    try:
        yield desk
    finally:
        desk.close()
