"""The desk of live charging: an engine, the rules, and the round that looks after silent calls and old lots.

Doors hand operations in and get answers back; everything is wired here once (design.md, Live charging).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from talktime.ledger.commands import Expire
from talktime.ledger.engine import Engine, QueueFull, Stopping
from talktime.ledger.store import StoreAway, StoreBusy, UnknownOutcome
from talktime.live.attend import attend
from talktime.live.commands import (
    Cancel,
    End,
    Extend,
    FinishSince,
    ReportSince,
    Start,
    Sweep,
    Trim,
)
from talktime.live.debit import Debit, Refund
from talktime.live.facts import Classifier
from talktime.live.operations import (
    AnyOperation,
    CancelCall,
    DebitCall,
    EndCall,
    ExtendCall,
    FinishCall,
    Pace,
    QuoteCall,
    RefundCall,
    ReportCall,
    StartCall,
)
from talktime.live.quote import Quote
from talktime.live.rates import RateBooks
from talktime.live.rules import Rules
from talktime.live.tenant import live_tenant

if TYPE_CHECKING:
    from talktime.catalog.model import Catalogue
    from talktime.ledger.engine import Command
    from talktime.ledger.store import Documents, Store
    from talktime.live.tenant import LiveTenant

ROUND_S: Final = 2
"""Seconds between two looks for silent calls, expired lots and closed sessions."""

HOURS_ROUND_US: Final = 3_600_000_000
"""So far apart are the looks for counters of hours that are over."""

ROUND_LIMIT: Final = 500
"""The most of each that one look takes on; the rest waits for the next."""

ROUND_STEP: Final = 128
"""Commands of the round that wait in the queue at one time: switches come first."""

COMMANDS: Final[Mapping[type[AnyOperation], Callable[[Any, Rules], Command]]] = {
    StartCall: Start,
    ExtendCall: Extend,
    EndCall: End,
    CancelCall: Cancel,
    ReportCall: ReportSince,
    FinishCall: FinishSince,
    DebitCall: Debit,
    RefundCall: Refund,
    QuoteCall: Quote,
}
"""The command of each operation."""

log = logging.getLogger(__name__)


class Desk:
    """Live charging on one store."""

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        *,
        rates: RateBooks | None = None,
        pace: Pace | None = None,
        clock_us: Callable[[], int] | None = None,
        max_queue: int = 4_096,
        max_books: int = 20_000,
    ) -> None:
        self.catalogue = catalogue
        self.rules = Rules(Classifier(catalogue), rates or RateBooks(), pace or Pace())
        clock = {} if clock_us is None else {"clock_us": clock_us}
        self.engine = Engine(
            store, self._configure, attend=attend, max_queue=max_queue, max_books=max_books, **clock
        )
        self._round: asyncio.Task[None] | None = None
        self._hours_due_us = 0

    def _configure(self, documents: Documents) -> LiveTenant:
        return live_tenant(documents, self.catalogue)

    async def start(self, *, rounds: bool = True) -> None:
        """Opens the store and begins to answer; `rounds` False: nobody looks after silent calls."""
        await self.engine.start()
        if rounds:
            self._round = asyncio.create_task(self._go_round(), name="round")

    async def stop(self) -> None:
        """Finishes what waits and closes the store."""
        if self._round is not None:
            self._round.cancel()
        await self.engine.stop()

    def submit(self, operation: AnyOperation) -> asyncio.Future[object]:
        """Hands an operation in; the future holds its `Answer` (of a quote `Quoted`) once that is durable.

        Raises QueueFull or Stopping; the future raises UnknownOutcome, StoreBusy or StoreAway.
        """
        return self.engine.submit(self.command(operation))

    def command(self, operation: AnyOperation) -> Command:
        """The command of an operation."""
        return COMMANDS[type(operation)](operation, self.rules)

    async def look_round(self) -> int:
        """Sweeps silent calls, expires lots, trims closed sessions, as far as due. Returns how many."""
        engine, now_us = self.engine, self.engine.clock_us()
        store = engine.store
        commands: list[Command] = []
        for tenant, call_id in await store.due_sessions(now_us, ROUND_LIMIT):
            commands.append(Sweep(tenant, call_id, self.rules))
        commands.extend(Expire(tenant) for tenant in await store.due_expiries(now_us, ROUND_LIMIT))
        commands.extend(
            Trim(tenant, call_id) for tenant, call_id in await store.due_trims(now_us, ROUND_LIMIT)
        )
        for at in range(0, len(commands), ROUND_STEP):
            handed = [engine.submit(command) for command in commands[at : at + ROUND_STEP]]
            for fault in await asyncio.gather(*handed, return_exceptions=True):
                if isinstance(fault, BaseException):
                    log.error("the round failed on one of its operations", exc_info=fault)
        if now_us >= self._hours_due_us:
            await store.drop_old_hours(now_us)
            await store.prepare_months(now_us)
            self._hours_due_us = now_us + HOURS_ROUND_US
        return len(commands)

    async def _go_round(self) -> None:
        """Looks round for ever; a look that came back full is followed by the next at once."""
        done = 0
        while True:
            await asyncio.sleep(ROUND_S if done < ROUND_LIMIT else 0)
            done = 0
            try:
                done = await self.look_round()
            except (QueueFull, StoreAway, StoreBusy, UnknownOutcome) as error:
                log.warning("the round was put off: %s", error)
            except Stopping:
                return
            except Exception:  # whatever it was, silent calls must not keep their money for ever
                log.exception("the round failed; it is tried again")
