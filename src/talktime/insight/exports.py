"""Exports on demand: asked for now, made in a process of its own, fetched until they expire (rulings.md 39).

What is known of an export is a paper of its tenant, so every process of the installation sees its state; the
file lies in a folder of the machine that made it. One export is made at a time, behind calls in progress.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import re
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Final

import msgspec

from talktime.core.limits import US_PER_S
from talktime.files.report import ReportError
from talktime.insight.own_process import end_pool
from talktime.insight.spend import NotReconciledError
from talktime.insight.usage_export import (
    NO_FILTERS,
    CallFilters,
    Made,
    Task,
    UnknownTenantError,
    run_export,
)
from talktime.ledger.commands import NO_TENANT, Refused
from talktime.ledger.engine import OfMoney, QueueFull, Stopping
from talktime.ledger.records import Change, Paper
from talktime.ledger.store import StoreAway, StoreBusy, UnknownOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from talktime.ledger.book import Book
    from talktime.ledger.database import DatabaseUrl
    from talktime.ledger.engine import Engine
    from talktime.ledger.reading import Reader
    from talktime.ledger.records import SessionRow

EXPORT: Final = "export"
"""The kind of paper that an export is."""

WAITING, RUNNING, DONE, FAILED, EXPIRED = "waiting", "running", "done", "failed", "expired"

KEPT_US: Final = 7 * 86_400 * US_PER_S
"""How long a file can be fetched."""

SILENT_US: Final = 6 * 3_600 * US_PER_S
"""An export that has not become anything by then was interrupted by a stop of its process."""

MOST_WAITING: Final = 5
"""Exports of a tenant that may wait or run at once."""

MOST_KEPT: Final = 1_000

SWEEP_S: Final = 6 * 3_600
"""Seconds between two looks for exports that are over."""

_PAUSES_S: Final = (0.1, 1, 5, 20)

_FILE: Final = re.compile(r"[a-z]+-([0-9a-f]{16})[0-9a-f]{16}\.(?:csv|parquet|xlsx)")
_HALF: Final = re.compile(rf"\.{_FILE.pattern}\.[0-9a-f]+\.part")
"""A file that is being written, or was when its process was killed."""

_INTERRUPTED: Final = "it was interrupted when its process stopped; ask for it again"

log = logging.getLogger(__name__)


class Export(msgspec.Struct, frozen=True):
    """An export. `state`: waiting, running, done, failed or expired; `error` is a sentence where it failed.

    Times in us since 1970, 0 for not yet; `rows` and `bytes` once it is done. `filters`: which calls.
    """

    id: str
    kind: str
    format: str
    from_us: int
    until_us: int
    with_names: bool
    who: str
    asked_us: int
    state: str = WAITING
    done_us: int = 0
    expires_us: int = 0
    rows: int = 0
    bytes: int = 0
    error: str = ""
    filters: CallFilters = NO_FILTERS

    @property
    def file_name(self) -> str:
        """The name of its file, in the folder and for whoever fetches it."""
        return f"{self.kind}-{self.id}.{self.format}"

    @property
    def forgotten_us(self) -> int:
        """When nobody has to know of it any more: as long after its end as its file could be fetched."""
        return max(self.expires_us, self.done_us, self.asked_us) + KEPT_US

    def at(self, now_us: int) -> Export:
        """What it is at an instant: files expire, and what was interrupted says so."""
        if self.state == DONE and now_us >= self.expires_us:
            return msgspec.structs.replace(self, state=EXPIRED)
        if self.state in (WAITING, RUNNING) and now_us >= self.asked_us + SILENT_US:
            return msgspec.structs.replace(self, state=FAILED, error=_INTERRUPTED)
        return self


_export: Final = msgspec.json.Decoder(Export)


def export_of(paper: Paper) -> Export:
    """The export that a paper describes."""
    return _export.decode(paper.document)


@dataclass(frozen=True, slots=True)
class PutExport(OfMoney):
    """Writes down what became of an export; `drops` are the keys of those that nobody can fetch any more.

    One that was forgotten meanwhile stays forgotten: a person may have been erased while it was made.
    """

    tenant: str
    export: Export
    drops: tuple[str, ...] = ()
    call_id: str = ""
    creates: bool = False

    @property
    def papers(self) -> Sequence[tuple[str, str]]:
        """The export itself."""
        return ((EXPORT, self.export.id),)

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> bool | Refused:
        """True once it is written, the first time with a line in the audit log; False for a forgotten one."""
        del session
        if book is None:
            return NO_TENANT
        if self.export.state != WAITING and (EXPORT, self.export.id) not in book.papers:
            return False
        book.advance(now_us)
        told = self.export
        book.put_paper(Paper(EXPORT, told.id, told.asked_us, msgspec.json.encode(told).decode()))
        for key in self.drops:
            book.put_paper(Paper(EXPORT, key, 0, ""))
        if told.state == WAITING:
            names = "with names" if told.with_names else "without names"
            book.audit.append(Change(book.last_us, told.who, f"export of {told.kind} {names}", "", ""))
        book.changed = True
        return True


@dataclass(frozen=True, slots=True)
class DropExports:
    """Forgets exports, whose files are gone."""

    tenant: str
    keys: tuple[str, ...]
    call_id: str = ""
    creates: bool = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> bool | Refused:
        """True once they are forgotten."""
        del session
        if book is None:
            return NO_TENANT
        book.advance(now_us)
        for key in self.keys:
            book.put_paper(Paper(EXPORT, key, 0, ""))
        book.changed = True
        return True


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """Where exports come from and go to; `secret` makes the pseudonyms of those without names."""

    url: DatabaseUrl
    catalogue: Path | None
    folder: Path
    secret: bytes


@dataclass(slots=True)
class Exports:
    """Takes orders for exports and has them made. `run` makes one; a test may give another."""

    engine: Engine
    reader: Reader
    settings: ExportSettings
    run: Callable[[Task], Made] = run_export
    _turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def ask(self, tenant: str, wanted: Export) -> Export | Refused:
        """Writes an export down and has it made; `wanted` as `new_export` makes it. Returns at once.

        Refused where too many wait already.
        """
        known = await asyncio.to_thread(self.listed, tenant)
        if sum(one.state in (WAITING, RUNNING) for one in known) >= MOST_WAITING:
            return Refused("conflict", f"{MOST_WAITING} exports wait already; come again when one is done")
        gone = [one for one in known if one.state == EXPIRED]
        await asyncio.to_thread(self._remove, gone)
        answer = await self.engine.submit(PutExport(tenant, wanted, tuple(one.id for one in gone)))
        if isinstance(answer, Refused):
            return answer
        task = asyncio.create_task(self._make(tenant, wanted))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return wanted

    def listed(self, tenant: str, before: str = "", limit: int = MOST_KEPT) -> list[Export]:
        """The exports of a tenant, newest first, those with ids below `before` ("" for all); blocks."""
        now_us = self.engine.clock_us()
        papers = self.reader.papers(tenant, EXPORT, before, limit, newest=True)
        return [export_of(paper).at(now_us) for paper in papers]

    def one(self, tenant: str, key: str) -> Export | None:
        """One export of a tenant; None where there is none. Blocks."""
        paper = self.reader.paper(tenant, EXPORT, key)
        return None if paper is None else export_of(paper).at(self.engine.clock_us())

    def file(self, export: Export) -> Path | None:
        """The file of an export that is done; None where it lies on another machine or is gone."""
        path = self.settings.folder / export.file_name
        return path if export.state == DONE and path.is_file() else None

    async def forget(self, tenant: str) -> int:
        """Removes all exports of a tenant, whose files may name somebody who was erased; how many.

        One that is being made is forgotten as well: its file is removed once it is written.
        """
        dropped = 0
        while known := await asyncio.to_thread(self.listed, tenant):
            await self._drop(tenant, known)
            dropped += len(known)
        return dropped

    async def sweep(self) -> int:
        """Removes the files of exports that are over, and a week later what is known of them.

        Returns how many exports were forgotten. Raises what the engine and the reader raise.
        """
        now_us, dropped = self.engine.clock_us(), 0
        for tenant in await asyncio.to_thread(self.reader.tenants_with_papers, EXPORT):
            over = await asyncio.to_thread(self._over, tenant)
            await asyncio.to_thread(self._remove, over)
            gone = [one for one in over if now_us >= one.forgotten_us]
            if gone:
                await self._drop(tenant, gone)
            dropped += len(gone)
        await asyncio.to_thread(self._remove_strays, now_us)
        return dropped

    async def keep(self) -> None:
        """Sweeps every few hours until it is cancelled: a chore of whoever makes exports."""
        while True:
            try:
                dropped = await self.sweep()
                if dropped:
                    log.info("%d exports are forgotten: their time is over", dropped)
            except (QueueFull, Stopping, StoreAway, StoreBusy, UnknownOutcome, OSError) as error:
                log.warning("exports are swept later: %s", error)
            await asyncio.sleep(SWEEP_S)

    async def wait(self) -> None:
        """Until all exports that were asked for here have become something."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        """Stops; exports that wait are written down as failed, one that is being made is given up."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- making one ------------------------------------------------------------------------------------

    async def _make(self, tenant: str, wanted: Export) -> None:
        try:
            async with self._turn:
                running = msgspec.structs.replace(wanted, state=RUNNING)
                if await self.engine.submit(PutExport(tenant, running)) is False:
                    return  # it was forgotten before its turn came
                made = await self._in_worker(self._task(tenant, wanted))
            now_us = self.engine.clock_us()
            became = msgspec.structs.replace(
                wanted,
                state=DONE,
                rows=made.rows,
                bytes=made.bytes,
                done_us=now_us,
                expires_us=now_us + KEPT_US,
            )
        except (
            NotReconciledError,
            UnknownTenantError,
            ReportError,
            StoreAway,
            StoreBusy,
            QueueFull,
        ) as error:
            became = self._failed(wanted, str(error))
        except UnknownOutcome:
            became = self._failed(wanted, "its state was lost with the database's answer; ask again")
        except BrokenProcessPool:
            became = self._failed(wanted, "the process that made it ended before it was done; ask again")
        except asyncio.CancelledError:
            await self._note(tenant, self._failed(wanted, _INTERRUPTED))
            raise
        except Exception:  # whoever asked has to see that nothing will come
            log.exception("export %s of tenant %r failed", wanted.id, tenant)
            became = self._failed(wanted, "it could not be made; the log of the service says why")
        await self._note(tenant, became)

    async def _note(self, tenant: str, became: Export) -> None:
        """Writes down what an export became; a busy ledger is asked again for half a minute."""
        for pause_s in (*_PAUSES_S, None):
            try:
                is_kept = await self.engine.submit(PutExport(tenant, became))
            except Stopping:
                return
            except (QueueFull, StoreAway, StoreBusy, UnknownOutcome) as error:
                if pause_s is None:
                    log.error("the state of export %s could not be written: %s", became.id, error)
                    return
                await asyncio.sleep(pause_s)
            else:
                if is_kept is False:
                    await asyncio.to_thread(self._remove, [became])
                return

    def _failed(self, wanted: Export, why: str) -> Export:
        return msgspec.structs.replace(wanted, state=FAILED, done_us=self.engine.clock_us(), error=why)

    def _task(self, tenant: str, wanted: Export) -> Task:
        settings = self.settings
        settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Task(
            url=settings.url,
            catalogue=settings.catalogue,
            tenant=tenant,
            kind=wanted.kind,
            format=wanted.format,
            from_us=wanted.from_us,
            until_us=wanted.until_us,
            now_us=self.engine.clock_us(),
            secret=None if wanted.with_names else settings.secret,
            path=settings.folder / wanted.file_name,
            filters=wanted.filters,
        )

    async def _in_worker(self, task: Task) -> Made:
        """What the work returns; for whoever has the turn. Its process ends with it."""
        context = multiprocessing.get_context("spawn")  # a fork would copy open connections
        pool = ProcessPoolExecutor(1, mp_context=context)
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, self.run, task)
        finally:
            end_pool(pool)

    # --- forgetting ------------------------------------------------------------------------------------

    async def _drop(self, tenant: str, exports: list[Export]) -> None:
        """The papers first: whatever is finished after them finds none, and removes its own file."""
        await self.engine.submit(DropExports(tenant, tuple(one.id for one in exports)))
        await asyncio.to_thread(self._remove, exports)

    def _remove(self, exports: list[Export]) -> None:
        for export in exports:
            (self.settings.folder / export.file_name).unlink(missing_ok=True)

    def _over(self, tenant: str) -> list[Export]:
        """The exports of a tenant that have expired or failed."""
        before, over = "", list[Export]()
        while page := self.listed(tenant, before):
            over += (one for one in page if one.state in (EXPIRED, FAILED))
            before = page[-1].id
        return over

    def _remove_strays(self, now_us: int) -> None:
        """Removes what killed processes left: files so old that nobody fetches or writes them any more.

        Their age is told by the id; they may be another ledger's, which keeps its files in this folder, too.
        """
        folder = self.settings.folder
        for path in folder.iterdir() if folder.is_dir() else ():
            whole, half = _FILE.fullmatch(path.name), _HALF.fullmatch(path.name)
            if whole is not None and now_us >= int(whole[1], 16) + SILENT_US + KEPT_US:
                path.unlink(missing_ok=True)
            if half is not None and now_us >= int(half[1], 16) + SILENT_US:
                path.unlink(missing_ok=True)


def new_export(  # noqa: PLR0913 - what is asked for, and by whom
    kind: str,
    form: str,
    from_us: int,
    until_us: int,
    *,
    with_names: bool,
    who: str,
    now_us: int,
    filters: CallFilters = NO_FILTERS,
) -> Export:
    """An export that is to be made; its id rises with time and cannot be guessed."""
    return Export(
        id=f"{now_us:016x}{token_hex(8)}",
        kind=kind,
        format=form,
        from_us=from_us,
        until_us=until_us,
        with_names=with_names,
        who=who,
        asked_us=now_us,
        filters=filters,
    )
