"""A checkpoint a day: the admin process writes the heads of all hash chains into the state folder.

So a journal that was rewritten as a whole is found by `talktime verify` even where nobody thought of it
(rulings.md 34). A copy of the folder elsewhere is safer still: who may write here could change both.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from talktime.ledger.checkpoints import checkpoint, checkpoints_of_day

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from talktime.ledger.database import DatabaseUrl

LOOK_S: Final = 900
"""Seconds between two looks whether the day (UTC) has its checkpoint; one that failed is tried again."""

log = logging.getLogger(__name__)


class DailyHeads:
    """Writes one checkpoint a day of one ledger; several processes may, the first one of a day does."""

    def __init__(self, url: DatabaseUrl, folder: Path, clock_us: Callable[[], int]) -> None:
        self._url = url
        self._folder = folder
        self._clock_us = clock_us

    async def keep(self) -> None:
        """Looks again and again, until it is cancelled."""
        while True:
            await asyncio.to_thread(self.write_if_due)
            await asyncio.sleep(LOOK_S)

    def write_if_due(self) -> Path | None:
        """Writes the checkpoint of today where there is none yet; returns its path. Never raises."""
        now_us = self._clock_us()
        try:
            if checkpoints_of_day(self._folder, datetime.fromtimestamp(now_us // 1_000_000, UTC).date()):
                return None
            path = checkpoint(self._url, self._folder, now_us)
        except Exception:
            log.exception("the checkpoint of the day could not be written into %s", self._folder)
            return None
        log.info("checkpoint %s", path)
        return path
