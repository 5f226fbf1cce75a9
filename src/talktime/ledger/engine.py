"""Group commit: commands queue while the last transaction commits, then all of them are one transaction.

A decision costs microseconds, a durable commit hundreds, so commits are shared. Nobody is answered before
the commit; an idle engine answers at once, a busy one batches more; there is no timer (design.md).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter_ns, time_ns
from typing import Final, Protocol

from talktime.ledger.book import Book
from talktime.ledger.records import ImportedRow, SessionRow, State
from talktime.ledger.store import (
    Call,
    Documents,
    Opening,
    RowKey,
    Store,
    StoreAway,
    StoreBusy,
    UnknownOutcome,
)

MAX_BATCH: Final = 256
"""The most operations of one transaction (rulings.md 33)."""

QUIET_TURNS: Final = 2
"""Turns of the event loop without a new operation after which a busy engine begins the next batch."""

MAX_SKIPS: Final = 3
"""After so many batches without the lock of its tenant an operation waits for it in one of its own."""

log = logging.getLogger(__name__)


class Command(Protocol):
    """Something that touches a wallet: a call, funding, a correction, a change of settings.

    `call_id` names the session it needs ("" for none); `creates`: the tenant may be new.
    """

    @property
    def tenant(self) -> str:
        """Whose wallet."""

    @property
    def call_id(self) -> str:
        """Which session."""

    @property
    def creates(self) -> bool:
        """Whether the tenant may be new."""

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> object:
        """Decides, changes the book in place and returns the answer. `book` None: no such tenant."""


class OfRow:
    """A command about a row of a rated file, "" for none: the book is told whether it is booked."""

    __slots__ = ()
    identity: str
    tenant: str


class OfMoney:
    """A command about payments, by their names, and papers, by (kind, key): the book is given what exists."""

    __slots__ = ()
    tenant: str

    @property
    def payments(self) -> Sequence[str]:
        """The names of the payments."""
        return ()

    @property
    def papers(self) -> Sequence[tuple[str, str]]:
        """(kind, key) of the papers."""
        return ()


@dataclass(frozen=True, slots=True)
class Attend:
    """Has a wallet looked at: its rules have changed, or their time has come."""

    tenant: str
    call_id: str = ""
    creates: bool = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> bool:
        """Whether there is such a tenant."""
        del session
        if book is None:
            return False
        book.advance(now_us)
        book.changed = True
        return True


class QueueFull(Exception):  # noqa: N818 - not a fault of the program
    """More operations wait than the engine takes; the caller is told to come again."""


class Stopping(Exception):  # noqa: N818 - not a fault of the program
    """The engine finishes what it has and takes nothing new."""


class NeedsPeriod(Exception):  # noqa: N818 - an answer to the engine
    """Raised by a command that needs the counters of a period which the book was loaded without."""

    def __init__(self, period: int) -> None:
        self.period = period
        super().__init__(f"counters of period {period} are not in memory")


Attention = Callable[[Book], "Sequence[Command]"]
"""Looks at a wallet that a transaction has changed, in it; returns commands that have to follow it."""

Configure = Callable[[Documents], object]
"""Makes of a tenant's documents what its commands work with."""


@dataclass(slots=True, eq=False)
class Waiting:
    """A command in the queue, and who waits for its answer."""

    command: Command
    answer: asyncio.Future[object]
    skips: int = 0


@dataclass(slots=True)
class Observed:
    """What the engine counts; the door shows it as metrics. Times in nanoseconds."""

    batches: int = 0
    operations: int = 0
    failed_batches: int = 0
    unknown_outcomes: int = 0
    on_batch: Callable[[int, int], None] | None = None


def _clock_us() -> int:
    return time_ns() // 1_000


class Engine:
    """All that touches a wallet goes through here, in one order per tenant."""

    def __init__(
        self,
        store: Store,
        configure: Configure,
        *,
        attend: Attention | None = None,
        clock_us: Callable[[], int] = _clock_us,
        max_queue: int = 4_096,
        max_books: int = 20_000,
    ) -> None:
        self.store = store
        self.clock_us = clock_us
        self.observed = Observed()
        self._configure = configure
        self._attend = attend
        self._max_queue = max_queue
        self._max_books = max_books
        self._queue: deque[Waiting] = deque()
        self._books: dict[str, Book] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    # --- for callers -----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Opens the store and begins to take commands."""
        await self.store.open()
        self._task = asyncio.create_task(self._run(), name="engine")

    async def stop(self) -> None:
        """Takes nothing new, finishes what waits, closes the store."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task
        await self.store.close()

    @property
    def waiting(self) -> int:
        """Operations in the queue."""
        return len(self._queue)

    @property
    def is_full(self) -> bool:
        """Whether the next command would be refused."""
        return len(self._queue) >= self._max_queue

    @property
    def is_alive(self) -> bool:
        """Whether commands are being taken."""
        return self._task is not None and not self._task.done() and not self._stopping

    def submit(self, command: Command) -> asyncio.Future[object]:
        """Queues a command; the future holds its answer once that is durable.

        Raises QueueFull or Stopping. The future raises UnknownOutcome, StoreBusy or StoreAway.
        """
        if self._stopping:
            raise Stopping("the service is stopping")
        if len(self._queue) >= self._max_queue:
            raise QueueFull(f"{len(self._queue)} operations wait")
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._queue.append(Waiting(command, answer))
        self._wake.set()
        return answer

    # --- the loop --------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            if not self._queue:
                if self._stopping:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), MAX_BATCH))]
            try:
                await self._serve(batch)
            except Exception as error:  # the engine must not end: others wait
                log.exception("a batch of %d could not be answered", len(batch))
                self._drop(batch)
                _fail(batch, error)
            await self._take_in(QUIET_TURNS if len(batch) > 1 else 0)

    async def _take_in(self, quiet_turns: int) -> None:
        """Lets the event loop send answers and take in what has arrived since.

        No timer: an engine that was busy goes on as soon as so many turns of the loop bring nothing more, an
        idle one after one turn.
        """
        quiet = 0
        while True:
            before = len(self._queue)
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(self._queue) == before else 0
            if quiet >= quiet_turns or len(self._queue) >= MAX_BATCH:
                return

    async def _serve(self, batch: list[Waiting]) -> None:
        """One batch, and before it the operations that have been passed over too often."""
        stuck = [waiting for waiting in batch if waiting.skips >= MAX_SKIPS]
        if stuck:
            # They wait for their locks together, in one transaction of their own; the others, which came
            # later, go back behind what this one may have to put back.
            self._put_back(batch, [waiting for waiting in batch if waiting.skips < MAX_SKIPS], 0)
            await self._together(stuck, wait=True)
        else:
            await self._together(batch, wait=False)

    async def _together(self, batch: list[Waiting], *, wait: bool) -> None:
        """One transaction; if it fails by a fault of one of them, each alone, so that one harms no other."""
        fault = await self._attempt(batch, wait=wait)
        if fault is None:
            return
        self.observed.failed_batches += 1
        if len(batch) > 1:
            log.error("a batch of %d failed; its operations are tried one by one", len(batch), exc_info=fault)
        for waiting in batch:
            alone = [waiting]
            fault = await self._attempt(alone, wait=True)
            if fault is not None:
                log.error("an operation of tenant %r failed", waiting.command.tenant, exc_info=fault)
                _fail(alone, fault)

    async def _attempt(self, batch: list[Waiting], *, wait: bool) -> Exception | None:
        """Tries a transaction and answers what can be answered; returns what else went wrong.

        What `batch` still holds afterwards is what the transaction was about: operations that had to be put
        back have left it.
        """
        try:
            await self._transaction(batch, wait=wait)
        except UnknownOutcome as error:
            self.observed.unknown_outcomes += 1
            await self._abandon(batch)
            _fail(batch, error)
        except (StoreAway, StoreBusy) as error:
            await self._abandon(batch)
            _fail(batch, error)
        except Exception as error:  # noqa: BLE001 - whatever it is: the transaction goes, the engine stays
            await self._abandon(batch)
            return error
        return None

    async def _abandon(self, batch: Sequence[Waiting]) -> None:
        """Forgets what the transaction did in memory, and ends it in the store as far as that is there."""
        self._drop(batch)
        try:
            await self.store.rollback()
        except Exception:  # the transaction is not committed either way; `begin` says what is wrong
            log.exception("a transaction could not be rolled back")

    async def _transaction(self, batch: list[Waiting], *, wait: bool) -> None:
        tenants = sorted({waiting.command.tenant for waiting in batch})
        calls = {call for waiting in batch if (call := self._unseen(waiting.command)) is not None}
        opening = await self.store.begin(tenants, sorted(calls), wait=wait)
        if opening.busy:
            self._put_back(batch, [each for each in batch if each.command.tenant in opening.busy], 1)
            tenants = [tenant for tenant in tenants if tenant not in opening.busy]
        sessions = await self._load(tenants, batch, opening)
        await self._look_up_rows(batch)
        await self._look_up_money(batch)
        answers = []
        changed: list[Waiting] = []
        for waiting in batch:
            if self._is_changed(waiting.command.tenant):
                changed.append(waiting)
            else:
                answers.append(await self._decide(waiting.command, sessions))
        if changed:
            self._put_back(batch, changed, 0)
        follow = self._attended(tenants)
        touched = [book for tenant in tenants if (book := self._books.get(tenant)) and book.changed]
        began_ns = perf_counter_ns()
        await self.store.commit(touched)
        self.observed.batches += 1
        self.observed.operations += len(batch)
        if self.observed.on_batch is not None:
            self.observed.on_batch(len(batch), perf_counter_ns() - began_ns)
        for book in touched:
            self._remember(book)
        for waiting, answer in zip(batch, answers, strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(answer)
        self._trim_caches()
        for command in follow:
            self._follow_up(command)

    def _attended(self, tenants: Sequence[str]) -> list[Command]:
        """What depends on the state of a wallet is looked at once a transaction, in it.

        Returns what has to follow it. A book whose documents were changed is looked at with the new ones.
        """
        follow: list[Command] = []
        if self._attend is None:
            return follow
        for tenant in tenants:
            book = self._books.get(tenant)
            if book is None or not book.changed:
                continue
            if book.reconfigured:
                follow.append(Attend(tenant))
            elif book.config is not None:
                follow.extend(self._attend(book))
        return follow

    def _follow_up(self, command: Command) -> None:
        """Queues what a transaction asks for; nobody waits for its answer."""
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(_log_fault)
        self._queue.append(Waiting(command, answer))
        self._wake.set()

    def _is_changed(self, tenant: str) -> bool:
        """Whether this transaction has changed the tenant's documents: what follows must see them first."""
        book = self._books.get(tenant)
        return book is not None and book.reconfigured

    def _unseen(self, command: Command) -> Call | None:
        """The call of a command whose session is not in memory."""
        if not command.call_id:
            return None
        book = self._books.get(command.tenant)
        if book is not None and command.call_id in book.sessions:
            return None
        return command.tenant, command.call_id

    def _put_back(self, batch: list[Waiting], back: list[Waiting], skips: int) -> None:
        """Operations that cannot be decided now go to the next batch, in order and before all others."""
        for waiting in back:
            waiting.skips += skips
        self._queue.extendleft(reversed(back))
        batch[:] = [waiting for waiting in batch if waiting not in back]

    async def _load(
        self, tenants: Sequence[str], batch: Sequence[Waiting], opening: Opening
    ) -> Mapping[Call, SessionRow]:
        """Makes sure that the books of locked tenants are in memory as they are stored.

        Returns the sessions that are not in a book.
        """
        known, sessions = self._books, opening.sessions
        if len(known) > self._max_books // 2:
            for tenant in tenants:  # the one that was used last goes last
                if tenant in known:
                    known[tenant] = known.pop(tenant)
        stale = {
            tenant
            for tenant, version in opening.versions.items()
            if tenant in known and known[tenant].version != version
        }
        for tenant in stale:
            self._forget(tenant)
        missing = [tenant for tenant in tenants if tenant not in known]
        bare = [tenant for tenant in tenants if tenant in known and known[tenant].config is None]
        if not missing and not bare:
            return sessions
        calls = sorted(
            {
                (waiting.command.tenant, waiting.command.call_id)
                for waiting in batch
                if waiting.command.tenant in stale and waiting.command.call_id
            }
        )
        loaded = await self.store.load(missing, [*missing, *bare], calls)
        known.update(loaded.books)
        for tenant, documents in loaded.documents.items():
            if tenant in known:
                known[tenant].config = self._configure(documents)
        return {**sessions, **loaded.sessions} if calls else sessions

    async def _look_up_rows(self, batch: Sequence[Waiting]) -> None:
        """Tells the books which rows of rated files, of those that commands are about, are booked."""
        asked = {
            (command.tenant, command.identity)
            for waiting in batch
            if isinstance(command := waiting.command, OfRow)
            if command.identity and command.tenant in self._books
        }
        if not asked:
            return
        for tenant, _ in asked:
            self._books[tenant].imported = {}
        found: Mapping[RowKey, ImportedRow] = await self.store.imported(sorted(asked))
        for (tenant, identity), row in found.items():
            self._books[tenant].imported[identity] = row

    async def _look_up_money(self, batch: Sequence[Waiting]) -> None:
        """Gives the books the payments and the papers that commands ask for by their names."""
        payments: set[tuple[str, str]] = set()
        papers: set[tuple[str, str, str]] = set()
        for waiting in batch:
            command = waiting.command
            if isinstance(command, OfMoney) and command.tenant in self._books:
                payments.update((command.tenant, payment) for payment in command.payments)
                papers.update((command.tenant, kind, key) for kind, key in command.papers)
        for tenant in {key[0] for key in (*payments, *papers)}:
            self._books[tenant].payments, self._books[tenant].papers = {}, {}
        if payments:
            for (tenant, name), payment in (await self.store.payments(sorted(payments))).items():
                self._books[tenant].payments[name] = payment
        if papers:
            for (tenant, kind, key), paper in (await self.store.papers(sorted(papers))).items():
                self._books[tenant].papers[kind, key] = paper

    async def _decide(self, command: Command, sessions: Mapping[Call, SessionRow]) -> object:
        book = self._books.get(command.tenant)
        session = None
        if book is None:
            if command.creates:
                book = self._books[command.tenant] = Book(command.tenant)
                book.is_new = True
        elif command.call_id:
            session = book.sessions.get(command.call_id) or sessions.get((command.tenant, command.call_id))
        now_us = self.clock_us()
        while True:
            try:
                return command.decide(book, session, now_us)
            except NeedsPeriod as needed:  # raised before anything was changed
                assert book is not None
                book.counters |= await self.store.counters(command.tenant, needed.period)
                book.early_periods.add(needed.period)

    # --- caches ----------------------------------------------------------------------------------------

    def _remember(self, book: Book) -> None:
        """After a commit: the book is clean, open sessions stay in memory, closed ones go."""
        for call_id, row in book.dirty_sessions.items():
            if row.state != State.OPEN:
                del book.sessions[call_id]
        if book.reconfigured:
            book.config = None
        book.is_new = False
        book.forget()

    def _drop(self, batch: Iterable[Waiting]) -> None:
        """Forgets what a failed or unknown transaction may have changed in memory."""
        for tenant in {waiting.command.tenant for waiting in batch}:
            self._forget(tenant)

    def _forget(self, tenant: str) -> None:
        self._books.pop(tenant, None)

    def _trim_caches(self) -> None:
        """Keeps memory bounded: the books that were not used for the longest time go first."""
        if len(self._books) <= self._max_books:
            return
        for tenant in list(self._books)[: len(self._books) - self._max_books + self._max_books // 10]:
            del self._books[tenant]


def _log_fault(answer: asyncio.Future[object]) -> None:
    """Says what went wrong with a command that nobody waits for."""
    if not answer.cancelled() and (fault := answer.exception()) is not None:
        log.error("a command that followed a transaction failed", exc_info=fault)


def _fail(batch: Iterable[Waiting], error: Exception) -> None:
    for waiting in batch:
        if not waiting.answer.done():
            waiting.answer.set_exception(error)
