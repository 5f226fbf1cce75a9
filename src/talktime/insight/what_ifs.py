"""What would have been: questions about files of usage, answered one at a time, kept for a month.

What is known of a question is a paper of its tenant; it is answered in a process of its own, behind calls in
progress (`what_if_run`). Nothing of the ledger's money moves.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from talktime.insight.own_process import OwnProcess
from talktime.insight.planner.plan_answer import plan_answer
from talktime.insight.planner.plan_task import PlanTask
from talktime.insight.scenario import Scenario
from talktime.insight.spend import NotReconciledError
from talktime.insight.what_if_papers import (
    ANSWER,
    DONE,
    FAILED,
    INTERRUPTED,
    PLAN,
    PLAN_ANSWER,
    RUNNING,
    USAGE_FILE,
    WAITING,
    WHAT_IF,
    PlanAsked,
    PutPapers,
    UsageFile,
    WhatIf,
    new_id,
    paper_of,
    what_if_of,
)
from talktime.insight.what_if_run import NoAnswerError, WhatIfTask, run_what_if
from talktime.ledger.commands import Refused
from talktime.ledger.engine import QueueFull, Stopping
from talktime.ledger.records import Paper
from talktime.ledger.store import StoreAway, StoreBusy, UnknownOutcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from talktime.insight.planner.document import PlanSettings
    from talktime.insight.usage_files import UsageFiles

MOST_WAITING: Final = 5
"""Questions of a tenant that may wait or run at once."""

MOST_KEPT: Final = 1_000

LONGEST_S: Final = 1_800
"""Seconds that an answer may take."""

SWEEP_S: Final = 600
"""Seconds between two looks for files and answers that are over."""

_PAUSES_S: Final = (0.1, 1, 5, 20)
_AWAY: Final = (QueueFull, StoreAway, StoreBusy, UnknownOutcome)

log = logging.getLogger(__name__)


class Answered(NamedTuple):
    """A question, how far it is in percent, and its answer as JSON, "" for none.

    The answer is `what_if.Compared`, and `planner.document.Plan` of a question to the planner.
    """

    asked: WhatIf
    percent: int
    answer: str


@dataclass(slots=True)
class WhatIfs:
    """Takes questions about files, also those to the planner; `run`, `run_plan` may be others in a test."""

    files: UsageFiles
    run: Callable[[WhatIfTask], bytes] = run_what_if
    run_plan: Callable[[PlanTask], bytes] = plan_answer
    answering: OwnProcess = field(default_factory=OwnProcess)
    _running: str = ""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    # --- questions -------------------------------------------------------------------------------------

    async def ask(
        self, tenant: str, file: UsageFile, scenarios: tuple[Scenario, ...], currency: str, who: str
    ) -> WhatIf | Refused:
        """Writes a question down and has it answered; returns at once. Refused where too many wait."""
        now_us = self.files.engine.clock_us()
        wanted = WhatIf(
            id=new_id(now_us),
            file=file.id,
            name=file.name,
            currency=currency,
            scenarios=scenarios,
            who=who,
            asked_us=now_us,
        )
        return await self._asked(tenant, wanted, (file.id,), f"what if asked on {file.name}")

    async def ask_plan(
        self,
        tenant: str,
        files: Sequence[UsageFile],
        settings: PlanSettings,
        prices: dict[str, int],
        currency: str,
        who: str,
    ) -> WhatIf | Refused:
        """The same for the planner, on at least one file; `prices` as `PlanAsked`."""
        now_us = self.files.engine.clock_us()
        names = tuple(file.name for file in files)
        name = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
        ids = tuple(file.id for file in files)
        wanted = WhatIf(
            id=new_id(now_us),
            file=ids[0],
            name=name,
            currency=currency,
            scenarios=(),
            who=who,
            asked_us=now_us,
            plan=PlanAsked(files=ids, names=names, settings=settings, prices=prices),
        )
        return await self._asked(tenant, wanted, ids, f"plan asked on {name}")

    async def _asked(self, tenant: str, wanted: WhatIf, files: Sequence[str], note: str) -> WhatIf | Refused:
        waiting = await asyncio.to_thread(self._waiting, tenant)
        if waiting >= MOST_WAITING:
            return Refused("conflict", f"{MOST_WAITING} questions wait already; come again when one is done")
        if not all((self.files.settings.folder / file).is_file() for file in files):
            return Refused("unknown_usage_file", "the file is not on this machine any more; bring it again")
        put = PutPapers(tenant, (paper_of(wanted),), who=wanted.who, note=note)
        answer = await self.files.engine.submit(put)
        if isinstance(answer, Refused):
            return answer
        task = asyncio.create_task(self._answer(tenant, wanted))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return wanted

    def _waiting(self, tenant: str) -> int:
        known = [one for kind in (WHAT_IF, PLAN) for one in self.listed(tenant, kind=kind)]
        return sum(one.state in (WAITING, RUNNING) for one in known)

    def listed(
        self, tenant: str, before: str = "", limit: int = MOST_KEPT, kind: str = WHAT_IF
    ) -> list[WhatIf]:
        """The questions of a tenant, newest first, those with ids below `before` ("" for all); blocks.

        `kind`: WHAT_IF or PLAN.
        """
        now_us = self.files.engine.clock_us()
        papers = self.files.reader.papers(tenant, kind, before, limit, newest=True)
        return [what_if_of(paper).at(now_us) for paper in papers]

    def one(self, tenant: str, key: str, kind: str = WHAT_IF) -> Answered | None:
        """One question of a kind with its answer; None where there is none. Blocks."""
        paper = self.files.reader.paper(tenant, kind, key)
        if paper is None:
            return None
        asked = what_if_of(paper).at(self.files.engine.clock_us())
        answer = self.files.reader.paper(tenant, asked.answer_kind, key) if asked.state == DONE else None
        percent = 100 if asked.state == DONE else self._percent(key) if asked.state == RUNNING else 0
        return Answered(asked, percent, "" if answer is None else answer.document)

    async def drop(self, tenant: str, key: str) -> None:
        """Forgets a question and its answer; one that is being answered is given up."""
        kinds = (WHAT_IF, ANSWER, PLAN, PLAN_ANSWER)  # ids are of one question, whatever its kind
        await self.files.engine.submit(PutPapers(tenant, drops=tuple((kind, key) for kind in kinds)))
        if self._running == key:
            self.answering.end()

    async def forget(self, tenant: str) -> int:
        """Removes all files and questions of a tenant: they may name somebody who was erased; how many."""
        files = await self.files.forget(tenant)
        dropped = 0
        for kind in (WHAT_IF, PLAN):
            for one in await asyncio.to_thread(self.listed, tenant, kind=kind):
                await self.drop(tenant, one.id)
                dropped += 1
        return files + dropped

    # --- chores ----------------------------------------------------------------------------------------

    async def keep(self) -> None:
        """Removes what is over until it is cancelled, then stops what runs: a chore of whoever answers."""
        try:
            while True:
                try:
                    await self.sweep()
                except (*_AWAY, Stopping, OSError) as error:
                    log.warning("files of usage are swept later: %s", error)
                await asyncio.sleep(SWEEP_S)
        finally:
            await self.close()

    async def sweep(self) -> int:
        """Removes files after a day, and papers after their time; how many papers were forgotten."""
        now_us, forgotten = self.files.engine.clock_us(), 0
        await asyncio.to_thread(self.files.remove_old, now_us)
        reader = self.files.reader
        for tenant in await asyncio.to_thread(reader.tenants_with_papers, USAGE_FILE, WHAT_IF, PLAN):
            drops = await asyncio.to_thread(self._over, tenant, now_us)
            if drops:
                await self.files.engine.submit(PutPapers(tenant, drops=drops))
            forgotten += len(drops)
        return forgotten

    async def wait(self) -> None:
        """Until all questions that were asked here have become something."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        """Stops; questions that wait or run are written down as failed."""
        for task in list(self._tasks):
            task.cancel()
        self.answering.end()
        self.files.looking.end()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- answering -------------------------------------------------------------------------------------

    async def _answer(self, tenant: str, wanted: WhatIf) -> None:
        running = msgspec.structs.replace(wanted, state=RUNNING)
        progress = self._progress(wanted.id)
        answer: Paper | None = None
        try:
            async with self.answering.turn:
                begun = PutPapers(tenant, (paper_of(running),), only_if=(wanted.kind, wanted.id))
                if await self.files.engine.submit(begun) is False:
                    return  # it was forgotten before its turn came
                self._running = wanted.id
                try:
                    made = await self._work(tenant, wanted, progress)
                finally:
                    self._running = ""
            done_us = self.files.engine.clock_us()
            became = msgspec.structs.replace(running, state=DONE, done_us=done_us)
            answer = Paper(wanted.answer_kind, wanted.id, done_us, made.decode())
        except (NoAnswerError, NotReconciledError, StoreAway, StoreBusy, QueueFull) as error:
            became = self._failed(wanted, str(error))
        except TimeoutError:
            became = self._failed(wanted, f"it took longer than {LONGEST_S // 60} minutes; bring fewer days")
        except BrokenProcessPool:
            became = self._failed(
                wanted, "the process that worked it out ended before it was done; ask again"
            )
        except asyncio.CancelledError:
            await self._note(tenant, self._failed(wanted, INTERRUPTED), None)
            progress.unlink(missing_ok=True)
            raise
        except Exception:  # whoever asked has to see that nothing will come
            log.exception("what if %s of tenant %r failed", wanted.id, tenant)
            became = self._failed(wanted, "it could not be worked out; the log of the service says why")
        await self._note(tenant, became, answer)
        progress.unlink(missing_ok=True)  # last: where the folder is gone, what became of it is written down

    async def _note(self, tenant: str, became: WhatIf, answer: Paper | None) -> None:
        """Writes down what became of a question; a busy ledger is asked again for half a minute."""
        put = (paper_of(became),) if answer is None else (paper_of(became), answer)
        for pause_s in (*_PAUSES_S, None):
            try:
                await self.files.engine.submit(PutPapers(tenant, put, only_if=(became.kind, became.id)))
            except Stopping:
                return
            except _AWAY as error:
                if pause_s is None:
                    log.error("the state of what if %s could not be written: %s", became.id, error)
                    return
                await asyncio.sleep(pause_s)
            else:
                return

    def _failed(self, wanted: WhatIf, why: str) -> WhatIf:
        return msgspec.structs.replace(wanted, state=FAILED, done_us=self.files.engine.clock_us(), error=why)

    async def _work(self, tenant: str, wanted: WhatIf, progress: Path) -> bytes:
        """The answer of the process, for whoever has the turn."""
        if wanted.plan is not None:
            task = self._plan_task(tenant, wanted, wanted.plan, progress)
            return await self.answering.run(self.run_plan, task, LONGEST_S)
        return await self.answering.run(self.run, self._task(tenant, wanted, progress), LONGEST_S)

    def _plan_task(self, tenant: str, wanted: WhatIf, plan: PlanAsked, progress: Path) -> PlanTask:
        return PlanTask(
            url=self.files.settings.url,
            catalogue=self.files.settings.catalogue,
            tenant=tenant,
            paths=tuple(self.files.settings.folder / file for file in plan.files),
            names=plan.names,
            currency=wanted.currency,
            settings=plan.settings,
            prices=plan.prices,
            now_us=self.files.engine.clock_us(),
            progress=progress,
        )

    def _task(self, tenant: str, wanted: WhatIf, progress: Path) -> WhatIfTask:
        return WhatIfTask(
            url=self.files.settings.url,
            catalogue=self.files.settings.catalogue,
            tenant=tenant,
            path=self.files.settings.folder / wanted.file,
            name=wanted.name,
            currency=wanted.currency,
            scenarios=wanted.scenarios,
            now_us=self.files.engine.clock_us(),
            progress=progress,
        )

    def _progress(self, key: str) -> Path:
        return self.files.settings.folder / f"{key}.percent"

    def _percent(self, key: str) -> int:
        """How far the process has come; 0 where it says nothing, or runs on another machine."""
        try:
            return int(self._progress(key).read_text("ascii"))
        except (OSError, ValueError):  # not begun, or just being written
            return 0

    # --- forgetting ------------------------------------------------------------------------------------

    def _over(self, tenant: str, now_us: int) -> tuple[tuple[str, str], ...]:
        """(kind, key) of the papers of a tenant whose time is over."""
        drops = self.files.over(tenant, now_us)
        for kind in (WHAT_IF, PLAN):
            for paper in self.files.reader.papers(tenant, kind, "", MOST_KEPT):
                asked = what_if_of(paper)
                if now_us >= asked.expires_us:
                    drops += [(kind, asked.id), (asked.answer_kind, asked.id)]
        return tuple(drops)
