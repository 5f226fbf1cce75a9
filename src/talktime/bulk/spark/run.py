"""A run on Spark: read side by side, prepare where the rows lie, settle by tenant, assemble by part.

    pieces of files --- rows --+-- by part: narrow integers -- by tenant: decisions --+-- by part: calls, sums
                               +------------------------------------------------------+

Rows are spread by a hash of their identity: evenly, whatever a tenant's share is, and so that all rows that
could be one call meet. Only narrow integers are carried to the tenants (rulings.md 38).
"""

from __future__ import annotations

import pickle
import secrets
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from talktime.bulk.many import Charging
from talktime.bulk.parts import Parts, about_rows
from talktime.bulk.settle import is_compiled
from talktime.bulk.spark.assemble import SUMS, add_up, assemble_part, tenants_of
from talktime.bulk.spark.faults import faults_told
from talktime.bulk.spark.job import PACKED, Given, Job, of_group, of_two_groups
from talktime.bulk.spark.pieces import READ, Note, aside_of, pieces_of, put_together, read_pieces
from talktime.bulk.spark.tenants import buckets_of, narrow_rows, settle_tenants

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from talktime.bulk.charge_rows import TenantCharged
    from talktime.bulk.options import Options
    from talktime.bulk.setting import Setting
    from talktime.bulk.spark.job import Output
    from talktime.bulk.work import Split
    from talktime.files.usage_formats import UsageFormat

ROWS_A_PART: Final = 250_000
"""About how many rows are prepared, and assembled, at once: a part must fit a worker several times."""

MOST_TASKS: Final = 10_000
"""Tasks that read; with more pieces a task reads several."""

PARTS_A_TASK: Final = 3
"""More parts than tasks, so that tasks get about as many rows each though parts fall to them by hash."""


@dataclass(slots=True)
class SparkRun:
    """A run over usage of the tenants of `setting`. First `read`, then `charge`."""

    spark: Any
    setting: Setting
    options: Options
    currency: str | None = None
    charging: Charging = field(init=False)
    _job: Job = field(init=False)
    _rows: Any = field(init=False, default=None)
    _tenants: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.charging = Charging(self.setting, self.options, Parts(1))

    def read(self, paths: Sequence[Path], chosen: UsageFormat | None) -> Split:
        """Reads all usage and keeps it, spread over the machines, until `close`.

        Raises UnusableFile: before any row is read for files that are no usage, later for damaged ones.
        """
        from pyspark import StorageLevel

        pieces = pieces_of(paths, chosen)
        # Look-up tables are made by each worker; what the driver has made of them stays here.
        given = Given(replace(self.setting), self.options, pieces, chosen)
        broadcast = self.spark.sparkContext.broadcast(given)
        workers = self.spark.sparkContext.defaultParallelism
        _, rows = about_rows(paths)
        parts = max(2 * workers, -(-rows // ROWS_A_PART))
        self._job = Job(secrets.token_hex(16), broadcast, self.currency, parts)
        tasks = max(workers, -(-parts // PARTS_A_TASK))
        for name, value in (("shuffle.partitions", tasks), ("adaptive.enabled", "false")):
            self.spark.conf.set(f"spark.sql.{name}", value)
        numbers = self.spark.range(0, len(pieces), 1, min(len(pieces), MOST_TASKS))
        read = numbers.mapInArrow(partial(read_pieces, self._job), READ.ddl)
        self._rows = read.repartition(tasks, "key").persist(StorageLevel.DISK_ONLY)
        with faults_told():
            told = self._rows.where("note is not null").select("note").collect()
        return self._noted([pickle.loads(row.note) for row in told], chosen)

    def _noted(self, notes: Sequence[Note], chosen: UsageFormat | None) -> Split:
        self._tenants = np.zeros(len(self.setting.customers.all), np.int64)
        for note in notes:
            for tenant, rows in note.tenants.items():
                self._tenants[tenant] += rows
            self.charging.currencies |= note.currencies
        self.charging.parts.rows[0] = int(self._tenants.sum())
        self.charging.aside = aside_of(notes)
        usage = put_together(self._job.given.value.pieces, notes, chosen)
        return self.charging.noted(usage, in_order=not any(note.late for note in notes))

    def charge(self, output: Output | None) -> list[TenantCharged]:
        """Charges what was read; the calls are written by the tasks.

        Raises RefusedRun, DoesNotReconcile, and ReportError where a file cannot be written.
        """
        rows = int(self._tenants.sum())
        job = replace(self._job, compiled=is_compiled(rows), output=output)
        workers = self.spark.sparkContext.defaultParallelism
        usage = self._rows.where("note is null").drop("note")
        buckets = buckets_of(self._tenants, workers)
        narrow = usage.groupBy("key").applyInArrow(of_group(narrow_rows, job, buckets), PACKED.ddl)
        decisions = narrow.groupBy("key").applyInArrow(of_group(settle_tenants, job), PACKED.ddl)
        sides = usage.groupBy("key").cogroup(decisions.groupBy("key"))
        sums = sides.applyInArrow(of_two_groups(assemble_part, job), SUMS.ddl)
        whole = sums.repartition(workers, "tenant").mapInArrow(add_up, SUMS.ddl)
        with faults_told():
            return tenants_of(tuple(row) for row in whole.collect())

    def close(self) -> None:
        """Lets go of what was read."""
        if self._rows is not None:
            self._rows.unpersist()
            self._job.given.destroy()
