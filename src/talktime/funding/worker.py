"""The worker of payments: takes up what is due, talks to the gateway, reports what it learned.

Any number of workers in any number of processes may run; the wallet's lock and a lease of a minute see to it
that one of them has a payment at a time (recharge.md 2). One that dies leaves a payment of which nobody
knows: the next asks the gateway before anything is sent again (recharge.md 5).
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, TypeVar

from talktime.funding.commands import Claim, Job, Nothing, Report, Unclear, Wrong
from talktime.funding.gateway import (
    GatewayRefused,
    GatewayUnclear,
    KeyReused,
    PaymentOrder,
    PaymentResult,
    PaymentStatus,
    RefundOrder,
)
from talktime.ledger.engine import QueueFull, Stopping
from talktime.ledger.records import Payment
from talktime.ledger.store import StoreAway, StoreBusy, UnknownOutcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from talktime.funding.commands import Told
    from talktime.funding.gateway import Gateway
    from talktime.funding.taxes import Seller
    from talktime.ledger.engine import Engine

ROUND_S: Final = 0.5
"""Seconds between two looks for payments that are due."""

ROUND_LIMIT: Final = 100
AT_ONCE: Final = 8
"""Payments that one worker has outside at a time: a gateway that hangs holds up no more."""

PAUSE_US: Final = 30_000_000
"""A payment that could not be worked on is left alone for so long; after each further failure twice that."""

LONGEST_PAUSE_US: Final = 3_600_000_000

NOT_SET_UP: Final = "gateway_not_set_up"
"""The decline code of a payment by a card whose gateway this installation does not have."""

ANSWER_S: Final = 45
"""How long a gateway may take; less than the lease, so that nobody else has the payment meanwhile."""

_Found = TypeVar("_Found")

log = logging.getLogger(__name__)


class PaymentWorker:
    """Works on the payments of one ledger with the gateways of the installation."""

    def __init__(self, engine: Engine, gateways: Mapping[str, Gateway], seller: Seller) -> None:
        self._engine = engine
        self._gateways = gateways
        self._seller = seller
        self._room = asyncio.Semaphore(AT_ONCE)
        self._failed: dict[tuple[str, str], tuple[int, int]] = {}  # until when it is left alone, how long

    @property
    def seller(self) -> Seller:
        """Who sells, as papers say it."""
        return self._seller

    async def keep(self) -> None:
        """Looks for what is due until it is cancelled; no payment waits for another that hangs outside."""
        at_work: dict[tuple[str, str], asyncio.Task[Payment | None]] = {}
        try:
            while self._engine.is_alive:
                for key in await self._due():
                    if key not in at_work:
                        task = at_work[key] = asyncio.create_task(self._in_turn(*key))
                        task.add_done_callback(lambda _, key=key: at_work.pop(key))  # type: ignore[misc]
                await asyncio.sleep(ROUND_S)
        finally:
            for task in at_work.values():
                task.cancel()
            await asyncio.gather(*at_work.values(), return_exceptions=True)

    async def round(self) -> int:
        """Works on what is due now; returns how many payments were taken up."""
        done = await asyncio.gather(*(self._in_turn(*key) for key in await self._due()))
        return sum(1 for payment in done if payment is not None)

    async def _due(self) -> Sequence[tuple[str, str]]:
        now_us, limit = self._engine.clock_us(), ROUND_LIMIT + len(self._failed)
        try:
            keys = await self._engine.store.due_payments(now_us, limit)
        except (StoreAway, StoreBusy) as error:
            log.warning("payments were put off: %s", error)
        except Exception:  # whatever it was, those who wait for money must not wait for ever
            log.exception("the look for payments failed; it is tried again")
        else:
            if len(keys) < limit:  # these are all: what is not among them is due no more
                self._failed = {key: self._failed[key] for key in keys if key in self._failed}
            return [key for key in keys if key not in self._failed or self._failed[key][0] <= now_us]
        return ()

    def _leave_alone(self, key: tuple[str, str]) -> None:
        """One that fails again and again, a row that nobody can read, must not hold up those behind it."""
        pause_us = min(2 * self._failed.get(key, (0, PAUSE_US // 2))[1], LONGEST_PAUSE_US)
        self._failed[key] = (self._engine.clock_us() + pause_us, pause_us)

    async def _in_turn(self, tenant: str, payment: str) -> Payment | None:
        """One payment of a round. What goes wrong with it must not hold up the others."""
        try:
            async with self._room:
                worked = await self.work(tenant, payment)
            self._failed.pop((tenant, payment), None)
            return worked
        except (QueueFull, StoreAway, StoreBusy, Stopping, UnknownOutcome) as error:
            log.warning("payment %s was put off: %s", payment, error)
        except Exception:  # its lease runs out; then the gateway is asked
            log.exception("payment %s of tenant %r failed; it is looked at again", payment, tenant)
            self._leave_alone((tenant, payment))
        return None

    async def work(self, tenant: str, payment: str) -> Payment | None:
        """Takes one payment up, if it is due, and goes as far as the gateway answers.

        The payment as it stands then; None where nothing was to be done. Somebody who waits for the answer
        does not queue behind a round. What the engine raises rises.
        """
        job = await self._engine.submit(Claim(tenant, payment, self._seller))
        if not isinstance(job, Job):
            return None
        answer: object = None
        sent = job.order.try_number if isinstance(job.order, PaymentOrder) else 0
        for told in await self._told(job):
            answer = await self._engine.submit(Report(tenant, payment, told, sent, is_certain=job.asks))
        return answer if isinstance(answer, Payment) else None

    async def _told(self, job: Job) -> Sequence[Told]:
        """What the gateway says. Whatever goes wrong outside, somebody will ask again."""
        gateway = self._gateways.get(job.gateway)
        if gateway is None:
            why = f"no gateway {job.gateway!r} is set up here"
            return [Unclear(why) if job.asks else Wrong(NOT_SET_UP, why)]  # nothing was sent
        try:
            async with asyncio.timeout(ANSWER_S):
                if isinstance(job.order, RefundOrder):
                    return [await _refunded(gateway, job.order, asks=job.asks, may_send=job.may_send)]
                return await _paid(gateway, job, job.order)
        except (GatewayUnclear, KeyReused) as error:
            return [Unclear(str(error) or type(error).__name__)]
        except TimeoutError:
            return [Unclear(f"the gateway did not answer within {ANSWER_S} s")]
        except GatewayRefused as error:
            return [Wrong(error.code, error.sentence)]


async def _paid(gateway: Gateway, job: Job, order: PaymentOrder) -> Sequence[Told]:
    """What became of a try. Of several that took money each is told: what was taken is credited.

    One that nobody confirmed in time is cancelled first, so that it cannot be confirmed any more.
    """
    if not job.asks:
        return [await gateway.pay(order)]
    found = await _asked(gateway.find(order.tenant, order.payment))
    taken = [result for result in found if result.status is PaymentStatus.SUCCEEDED]
    if taken:
        return list(taken)
    last = [result for result in found if result.try_number == order.try_number]
    if last and job.give_up and last[-1].status is PaymentStatus.REQUIRES_ACTION:
        return [await _asked(gateway.cancel(order))]
    if last and not _lacks_link(last[-1]):
        return [last[-1]]
    if job.may_send:
        return [await gateway.pay(order)]
    return [last[-1] if last else Nothing()]


async def _asked(question: Awaitable[_Found]) -> _Found:
    """A question that the gateway refuses tells nothing of the money."""
    try:
        return await question
    except GatewayRefused as error:
        raise GatewayUnclear(error.sentence) from error


def _lacks_link(result: PaymentResult) -> bool:
    return result.status is PaymentStatus.REQUIRES_ACTION and not result.action_url


async def _refunded(gateway: Gateway, order: RefundOrder, *, asks: bool, may_send: bool) -> Told:
    if not asks:
        return await gateway.refund(order)
    found = await _asked(gateway.find_refund(order))
    if found:
        return found[-1]
    return await gateway.refund(order) if may_send else Nothing()
