"""What readers of usage hand over: batches of columns, and notes on what was odd in a part.

A batch has the columns of one format under our names, as they stand in the file; cleaning makes usage of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from talktime.files.usage import WORD_COLUMNS, Rejected, printable

if TYPE_CHECKING:
    from talktime.files.usage_formats import Recognised

MAX_FIELD_BYTES: Final = 64 * 2**10
"""The longest cell of a row that is read."""

MAX_KEPT: Final = 100_000
"""How many rows that were set aside are kept in full; all are counted."""

MAX_SHOWN: Final = 200
"""How many characters of a row that was set aside are kept."""

FEW_VALUES: Final = frozenset(WORD_COLUMNS) | {"success"}
"""Columns with few different values: readers of text hand them over as polars Categorical."""

READ_BY_ARROW: Final = frozenset({"start", "start_else", "end", "duration"})
"""Columns that Arrow reads: readers of text hand them over as its arrays of strings."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of a part: our column -> its values as they stand in the file.

    Those of READ_BY_ARROW may be an Arrow array of strings without nulls; all others are polars Series: of
    strings, of Categorical, or of whatever a typed file holds (numbers, instants, flags), null where a cell
    is empty. `lines` are the rows' lines in the file; `text_of` gives a row as it stood, to show it.
    """

    columns: Mapping[str, Any]
    lines: Sequence[int]
    text_of: Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Undecided:
    """Rows with a date that may be two days, and of each the sentence if the file shows no order."""

    batch: Batch
    faults: Sequence[str]


@dataclass(slots=True)
class PartNotes:
    """What was odd in one part, counted while it is read.

    `orders` are those that its dates show, `undecided` the rows that wait for one; `decided_rows` were
    then read by it.
    """

    source: str
    room: int = MAX_KEPT
    rejected: list[Rejected] = field(default_factory=list)
    rejected_rows: int = 0
    repaired: bool = False
    zoneless_rows: int = 0
    end_disagrees_rows: int = 0
    orders: set[str] = field(default_factory=set)
    undecided: list[Undecided] = field(default_factory=list)
    decided_rows: int = 0

    def set_aside(self, line: int, reason: str, text: str) -> None:
        """Counts a row that is not used, and keeps it while there is room."""
        self.rejected_rows += 1
        if len(self.rejected) < self.room:
            self.rejected.append(Rejected(self.source, line, reason, printable(text[:MAX_SHOWN].strip())))


@dataclass(frozen=True, slots=True)
class Table:
    """A part whose format is known: read the batches once, in order."""

    recognised: Recognised
    batches: Iterator[Batch]


def string_array(values: Sequence[str | None]) -> Any:
    """Values of a column -> an Arrow array of strings without nulls; None is the empty string."""
    import pyarrow as pa

    return pa.array(values, pa.string()).fill_null("")


def as_stored(array: Any, column: str) -> Any:
    """An Arrow array of strings without nulls -> what a batch holds for one of our columns."""
    import polars as pl

    if column in READ_BY_ARROW:
        return array
    series = pl.Series(column, array)
    return series.cast(pl.Categorical) if column in FEW_VALUES else series


def holds_nul(array: Any) -> bool:
    """Whether a NUL stands in an Arrow array of strings."""
    import pyarrow.compute as pc

    return bool(pc.any(pc.match_substring(array, "\0")).as_py())
