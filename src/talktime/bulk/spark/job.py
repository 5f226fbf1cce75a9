"""What every task of a run on Spark knows, and how tables get there and back.

A task is a function of a module with a `Job` as its first argument. What is large in the job travels once to
each machine; the setting is made ready once in each Python worker.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import polars as pl
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from talktime.bulk.options import Options
    from talktime.bulk.setting import Setting
    from talktime.files.usage_formats import UsageFormat

_KINDS: Final[Mapping[str, Any]] = {
    "string": pa.string(),
    "long": pa.int64(),
    "boolean": pa.bool_(),
    "binary": pa.binary(),
}
"""Types by the names that Spark gives them."""


class Layout(NamedTuple):
    """The columns of a table between tasks."""

    ddl: str
    arrow: Any


def layout(columns: Mapping[str, str]) -> Layout:
    """Names and types, in the words of Spark -> the two ways in which they are told."""
    ddl = ", ".join(f"`{name}` {kind}" for name, kind in columns.items())
    return Layout(ddl, pa.schema([pa.field(name, _KINDS[kind]) for name, kind in columns.items()]))


PACKED: Final = layout({"key": "long", "packed": "binary"})
"""Rows on their way between tasks, many in one: `packed` are those with a key, as a file of Arrow.

Spark moves them without looking into them: turning wide rows into its own and back costs more than charging.
"""


class Piece(NamedTuple):
    """A file, or the row groups [first, after) of a Parquet file, that `lines` rows stand before."""

    number: int
    file: int
    path: str
    source: str
    first: int = 0
    after: int = 0
    lines: int = 0


class Given(NamedTuple):
    """What is sent to each machine once."""

    setting: Setting
    options: Options
    pieces: tuple[Piece, ...]
    chosen: UsageFormat | None


class Output(NamedTuple):
    """Where and how the calls are written, by each task its own file.

    `document` goes into Parquet; None: as the program has them, for the driver to go on with.
    """

    folder: str
    document: Mapping[str, Any] | None
    sample: bool


@dataclass(frozen=True, slots=True)
class Job:
    """What the tasks of a run are told. `given` is a broadcast of `Given`; `digest` names its content.

    `currency` is the chosen one or None, `parts` how many parts rows are spread over.
    """

    digest: str
    given: Any
    currency: str | None = None
    parts: int = 1
    compiled: bool = False
    output: Output | None = None


_ready: dict[tuple[str, bool], Setting] = {}
"""The setting of the run that this worker works for, with its look-up tables; workers outlive runs."""


def setting_for(job: Job) -> Setting:
    """The run's setting, made ready once in each worker."""
    key = job.digest, job.compiled
    if key not in _ready:
        _ready.clear()
        _ready[key] = replace(job.given.value.setting, compiled=job.compiled, threads=1)
    return _ready[key]


def packed(rows: pl.DataFrame, key: str) -> pa.Table:
    """Rows as a table of PACKED, by one of their columns of integers."""
    keys, files = [], []
    for (number,), some in rows.partition_by(key, as_dict=True, maintain_order=True).items():
        held = io.BytesIO()
        some.write_ipc(held, compression="lz4")
        keys.append(number)
        files.append(held.getvalue())
    columns = [pa.array(keys, pa.int64()), pa.array(files, pa.binary())]
    return pa.Table.from_arrays(columns, schema=PACKED.arrow)


def unpacked(table: pa.Table) -> pl.DataFrame:
    """The rows of a table of PACKED; there is at least one."""
    return pl.concat([pl.read_ipc(io.BytesIO(file)) for file in table.column("packed").to_pylist()])


def as_read(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows in the order in which one reader would have read them, wherever they come from."""
    return rows.sort("file", "line", "row")


def one_table(batches: Iterable[pa.RecordBatch], form: Layout) -> pa.Table:
    """All batches of a partition."""
    return pa.Table.from_batches(list(batches), form.arrow)


def of_group(function: Callable[..., pa.Table], *told: Any) -> Callable[[pa.Table], pa.Table]:
    """A task for a group of rows: the function with what it is told. Spark asks for the types of a task."""

    def task(table: pa.Table) -> pa.Table:
        return function(*told, table)

    return task


def of_two_groups(function: Callable[..., pa.Table], *told: Any) -> Callable[[pa.Table, pa.Table], pa.Table]:
    """A task for two groups of rows with one key."""

    def task(left: pa.Table, right: pa.Table) -> pa.Table:
        return function(*told, left, right)

    return task
