"""What monitoring sees: operations by result, batches, commits, the queue, open calls and money.

Counting on the hot path is an integer each; the rest is read when somebody asks, and from the database at
most every few seconds.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from talktime.ledger.store import StoreAway

if TYPE_CHECKING:
    from collections import Counter

    from talktime.ledger.engine import Engine

FRESH_S: Final = 5
"""Seconds for which figures from the database are told again without asking."""

BATCH_SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)
COMMIT_S: Final = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5)
CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"

log = logging.getLogger(__name__)


Stock = tuple[int, Sequence[tuple[str, int, int]]]
"""What the database holds: open sessions, and (currency, balance, reserved) in micros."""


class Metrics:
    """The figures of one live process."""

    def __init__(self, engine: Engine, counted: Counter[tuple[str, str]], stock: Callable[[], Stock]) -> None:
        self.more: Callable[[], Iterator[Metric]] = lambda: iter(())
        """Figures of another door of this process."""
        self._engine = engine
        self._counted = counted
        self._read_stock = stock
        self._stock: Stock = (0, ())
        self._stock_at = -float("inf")
        self._registry = CollectorRegistry(auto_describe=False)
        self._sizes = Histogram(
            "talktime_batch_operations", "Operations a commit", buckets=BATCH_SIZES, registry=self._registry
        )
        self._commits = Histogram(
            "talktime_commit_seconds", "Time of a commit", buckets=COMMIT_S, registry=self._registry
        )
        self._registry.register(self)
        engine.observed.on_batch = self._on_batch

    def _on_batch(self, size: int, commit_ns: int) -> None:
        self._sizes.observe(size)
        self._commits.observe(commit_ns / 1e9)

    async def text(self) -> bytes:
        """The figures in Prometheus' text format."""
        if time.monotonic() - self._stock_at > FRESH_S:
            self._stock_at = time.monotonic()
            try:
                self._stock = await asyncio.to_thread(self._read_stock)
            except StoreAway as error:  # the rest is wanted most just now; these stay as they were
                log.warning("open sessions and money could not be read: %s", error)
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """The figures that are read when somebody asks."""
        operations = CounterMetricFamily(
            "talktime_operations", "Operations by result", labels=("operation", "result")
        )
        for labels, count in self._counted.items():
            operations.add_metric(labels, count)
        yield operations
        observed = self._engine.observed
        yield CounterMetricFamily("talktime_failed_batches", "Batches tried again", observed.failed_batches)
        yield CounterMetricFamily(
            "talktime_unknown_outcomes", "Commits whose outcome is not known", observed.unknown_outcomes
        )
        yield GaugeMetricFamily("talktime_queue_operations", "Operations that wait", self._engine.waiting)
        yield GaugeMetricFamily("talktime_open_sessions", "Calls in progress", self._stock[0])
        yield from self._money()
        yield from self.more()

    def _money(self) -> Iterator[Metric]:
        """Amounts in micros, so that what is shown is what is stored."""
        label = ("currency",)
        balance = GaugeMetricFamily("talktime_balance_micros", "Credits of all tenants", labels=label)
        reserved = GaugeMetricFamily("talktime_reserved_micros", "Held by calls in progress", labels=label)
        available = GaugeMetricFamily("talktime_available_micros", "Balance less reserved", labels=label)
        for currency, held, promised in self._stock[1]:
            balance.add_metric((currency,), held)
            reserved.add_metric((currency,), promised)
            available.add_metric((currency,), held - promised)
        yield from (balance, reserved, available)
