"""Files of usage that people bring to try something on: taken in, looked at, removed after a day.

A file is written to the disk as it comes, under a name of ours, and looked at in a process of its own. It
holds names and numbers of people, so nobody can fetch it again.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Callable
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from talktime.accounts.calendar import month_name, month_of
from talktime.files.report import ReportError
from talktime.insight.export_table import Table
from talktime.insight.own_process import OwnProcess
from talktime.insight.usage_export import CALLING_PLANS, UnknownTenantError, table_of
from talktime.insight.usage_export import Task as ExportTask
from talktime.insight.usage_look import Look, Seen, UnusableUsageError, look_at
from talktime.insight.what_if_papers import (
    FILE_KEPT_US,
    USAGE_FILE,
    PutPapers,
    UsageFile,
    made_us,
    new_id,
    paper_of,
    shown_name,
    usage_file_of,
)
from talktime.ledger.commands import Refused

if TYPE_CHECKING:
    from talktime.insight.exports import ExportSettings
    from talktime.ledger.engine import Engine
    from talktime.ledger.reading import Reader

MOST_FILES: Final = 12
"""Files of a tenant that are kept at once."""

LOOK_S: Final = 600
"""Seconds that a look at a file may take."""

LEAST_FREE_BYTES: Final = 1 << 30
"""What has to be left on the disk while a file is taken in."""

MOST_KEPT: Final = 1_000

_BLOCK_BYTES: Final = 1 << 20
_ID_DIGITS: Final = 32

log = logging.getLogger(__name__)


@dataclass(slots=True)
class UsageFiles:
    """Takes files in and keeps them in a folder of its own; `look` may be another in a test."""

    engine: Engine
    reader: Reader
    settings: ExportSettings
    look: Callable[[Look], Seen] = look_at
    looking: OwnProcess = field(default_factory=OwnProcess)

    async def take(
        self, tenant: str, given_name: str, blocks: AsyncIterator[bytes], who: str
    ) -> UsageFile | Refused:
        """Keeps a file that comes block by block. Refused: too many, no room, or no usage.

        Raises what `blocks` raises; no half file stays behind.
        """
        key, path = self._place()
        try:
            refused = await self._room(tenant) or await self._written(path, blocks)
            if refused is not None:
                return refused
            return await self._kept(tenant, key, shown_name(given_name), who)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    async def take_own(
        self, tenant: str, from_us: int, until_us: int, who: str, time_zone: str = "UTC"
    ) -> UsageFile | Refused:
        """Keeps the tenant's own charged calls of a span as a file, as an export has them.

        It is named by the months of the span in `time_zone`.
        """
        key, path = self._place()
        now_us, settings = self.engine.clock_us(), self.settings
        task = ExportTask(
            settings.url,
            settings.catalogue,
            tenant,
            "usage",
            "parquet",
            from_us,
            until_us,
            now_us,
            None,
            path,
        )
        try:
            refused = await self._room(tenant)
            if refused is not None:
                return refused
            async with self.looking.turn:
                rows = await self.looking.run(export_own, task, LOOK_S)
            if not rows:
                path.unlink(missing_ok=True)
                return Refused("no_usage", "the ledger has no charged calls of these days; choose others")
            return await self._kept(tenant, key, _own_name(from_us, until_us, time_zone), who)
        except ReportError as error:
            log.warning("a file of usage could not be kept: %s", error)
            return _no_room(path)
        except (BrokenProcessPool, TimeoutError):
            path.unlink(missing_ok=True)
            return Refused("unusable_usage", "the calls could not be read in time; choose fewer days")
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def listed(self, tenant: str) -> list[UsageFile]:
        """The files of a tenant that are kept, newest first; blocks."""
        now_us = self.engine.clock_us()
        papers = self.reader.papers(tenant, USAGE_FILE, "", MOST_KEPT, newest=True)
        return [one for one in map(usage_file_of, papers) if now_us < one.expires_us]

    def one(self, tenant: str, key: str) -> UsageFile | None:
        """One file of a tenant; None where it is gone. Blocks."""
        paper = self.reader.paper(tenant, USAGE_FILE, key)
        found = None if paper is None else usage_file_of(paper)
        return found if found is not None and self.engine.clock_us() < found.expires_us else None

    async def drop(self, tenant: str, key: str) -> None:
        """Removes a file; answers that were made of it stay."""
        await self.engine.submit(PutPapers(tenant, drops=((USAGE_FILE, key),)))
        await asyncio.to_thread(self._unlink, key)

    async def forget(self, tenant: str) -> int:
        """Removes all files of a tenant: they may name somebody who was erased; how many."""
        known = await asyncio.to_thread(self.listed, tenant)
        for file in known:
            await self.drop(tenant, file.id)
        return len(known)

    def over(self, tenant: str, now_us: int) -> list[tuple[str, str]]:
        """(kind, key) of the papers of files whose time is over; blocks."""
        papers = self.reader.papers(tenant, USAGE_FILE, "", MOST_KEPT)
        return [(USAGE_FILE, one.key) for one in papers if now_us >= usage_file_of(one).expires_us]

    def remove_old(self, now_us: int) -> None:
        """Removes all files of the folder whose time is over, whoever's: the name tells their age."""
        folder = self.settings.folder
        for path in folder.iterdir() if folder.is_dir() else ():
            key = path.name.partition(".")[0]
            try:
                is_over = len(key) == _ID_DIGITS and now_us >= made_us(key) + FILE_KEPT_US
            except ValueError:
                continue  # none of ours
            if is_over:
                path.unlink(missing_ok=True)

    # --- taking a file in ------------------------------------------------------------------------------

    def _place(self) -> tuple[str, Path]:
        """A new id and where its file goes."""
        key = new_id(self.engine.clock_us())
        return key, self.settings.folder / key

    async def _room(self, tenant: str) -> Refused | None:
        if len(await asyncio.to_thread(self.listed, tenant)) >= MOST_FILES:
            return Refused("too_many", f"{MOST_FILES} files are kept already; remove one of them first")
        try:
            self.settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # its owner's alone
            return None if self._has_room() else _no_room()
        except OSError as error:
            return _no_place(error)

    def _has_room(self) -> bool:
        return shutil.disk_usage(self.settings.folder).free >= LEAST_FREE_BYTES

    async def _written(self, path: Path, blocks: AsyncIterator[bytes]) -> Refused | None:
        """Writes blocks as they come; what waits for the disk is at most a block and what came last."""
        waiting = bytearray()
        try:
            file = path.open("xb")
            path.chmod(0o600)
        except OSError as error:
            return _no_place(error)
        with file:
            async for block in blocks:
                waiting += block
                if len(waiting) >= _BLOCK_BYTES:
                    if not await asyncio.to_thread(self._put, file, bytes(waiting)):
                        return _no_room(path)
                    waiting.clear()
            return None if await asyncio.to_thread(self._put, file, bytes(waiting)) else _no_room(path)

    def _put(self, file: IO[bytes], block: bytes) -> bool:
        """Whether there was room for a block; blocks."""
        try:
            file.write(block)
            file.flush()
        except OSError as error:
            log.warning("a file of usage could not be kept: %s", error)
            return False
        return self._has_room()

    async def _kept(self, tenant: str, key: str, name: str, who: str) -> UsageFile | Refused:
        """Looks at a file that has been written and keeps it, or removes it and says what is wrong."""
        path = self.settings.folder / key
        try:
            async with self.looking.turn:
                seen = await self.looking.run(self.look, Look(path, name), LOOK_S)
        except UnusableUsageError as error:
            path.unlink(missing_ok=True)
            return Refused("unusable_usage", str(error))
        except (BrokenProcessPool, TimeoutError):
            path.unlink(missing_ok=True)
            told = (
                f"{name}: it could not be read with the memory and the time that there are; bring fewer days"
            )
            return Refused("unusable_usage", told)
        size = path.stat().st_size
        kept = UsageFile(id=key, name=name, bytes=size, who=who, brought_us=self.engine.clock_us(), seen=seen)
        note = f"file of usage {name} brought for what if, {seen.rows} rows"
        answer = await self.engine.submit(PutPapers(tenant, (paper_of(kept),), who=who, note=note))
        if isinstance(answer, Refused):
            path.unlink(missing_ok=True)
            return answer
        return kept

    def _unlink(self, key: str) -> None:
        (self.settings.folder / key).unlink(missing_ok=True)


def _own_name(from_us: int, until_us: int, time_zone: str) -> str:
    """`usage of this ledger, 2026-01 to 2026-03`, of [from_us, until_us)."""
    months = (month_of(from_us, time_zone), month_of(max(until_us - 1, from_us), time_zone))
    return f"usage of this ledger, {' to '.join(dict.fromkeys(map(month_name, months)))}"


def export_own(task: ExportTask) -> int:
    """Writes a tenant's charged calls to a file; how many. Runs in a worker process."""
    from talktime.insight.export_file import write_table

    try:
        table = table_of(task)
    except UnknownTenantError:
        return 0
    # The columns that any reader of usage knows; ours say what it came to, which is asked anew.
    known = len(CALLING_PLANS)
    return write_table(
        task.path, task.format, Table(table.columns[:known], (row[:known] for row in table.rows))
    )


def _no_place(error: OSError) -> Refused:
    """The folder takes no files."""
    log.warning("a file of usage could not be kept: %s", error)
    return Refused(
        "no_room", "files of usage cannot be kept on this machine; ask the operator, the log says why"
    )


def _no_room(path: Path | None = None) -> Refused:
    """There is no room for a file; what was written of it is removed."""
    if path is not None:
        path.unlink(missing_ok=True)
    return Refused(
        "no_room", "there is no room on the disk for files of usage; remove some, or ask the operator"
    )
