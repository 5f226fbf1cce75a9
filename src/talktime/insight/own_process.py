"""Long work in a process of its own, one piece at a time: calls do not wait, memory is given back.

The process stands back behind calls, may not take more than half of the machine's memory, and is ended where
it takes too long or nobody waits any more.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Final, TypeVar

T = TypeVar("T")
R = TypeVar("R")

NICENESS: Final = 10
"""How far such work stands back behind calls in progress."""

LEAST_BYTES: Final = 2 << 30
"""Memory that such work may take on any machine."""


@dataclass(slots=True)
class OwnProcess:
    """Runs functions of modules, with arguments and answers that can be pickled; `turn` is held meanwhile."""

    turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    _pool: ProcessPoolExecutor | None = None

    async def run(self, work: Callable[[T], R], task: T, longest_s: float) -> R:
        """What the work returns or raises; for whoever has the turn.

        Raises BrokenProcessPool where the process was ended, TimeoutError where it took too long.
        """
        context = multiprocessing.get_context("spawn")  # a fork would copy open connections
        self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=_stand_back)
        try:
            running = asyncio.get_running_loop().run_in_executor(self._pool, work, task)
            return await asyncio.wait_for(running, longest_s)
        finally:
            self.end()

    def end(self) -> None:
        """Ends what runs now; whoever waits for it gets BrokenProcessPool."""
        pool, self._pool = self._pool, None
        if pool is not None:
            end_pool(pool)


def end_pool(pool: ProcessPoolExecutor) -> None:
    """Ends the process of a pool of one, whatever it does; whoever waits for it gets BrokenProcessPool.

    Not for pools that replace their processes: one that is ended while it waits for work takes the lock of
    the queue with it, and its successor waits for that for ever.
    """
    for process in list((pool._processes or {}).values()):
        process.terminate()
    pool.shutdown(wait=False, cancel_futures=True)


def _stand_back() -> None:
    """Runs in the new process."""
    import resource

    os.nice(NICENESS)
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    most = max(LEAST_BYTES, there // 2)  # rounded down
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or hard > most:
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
