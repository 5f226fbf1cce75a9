"""Where the time of a run goes: seconds and rows by stage, added up over parts and threads."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock


@dataclass(slots=True)
class Stages:
    """Adds up what is measured; threads measure at once, so sums may pass the time of the clock."""

    seconds: dict[str, float] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock, repr=False)

    @contextmanager
    def measured(self, stage: str, rows: int = 0) -> Iterator[None]:
        """Measures what is done inside."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.add(stage, time.perf_counter() - began, rows)

    def add(self, stage: str, seconds: float, rows: int) -> None:
        """Adds what somebody else has measured."""
        with self._lock:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds
            self.rows[stage] = self.rows.get(stage, 0) + rows

    def lines(self) -> list[str]:
        """One JSON object a stage, for programs: stage, seconds, rows."""
        return [
            f'{{"stage": "{stage}", "s": {seconds:.4f}, "rows": {self.rows[stage]}}}'
            for stage, seconds in self.seconds.items()
        ]
