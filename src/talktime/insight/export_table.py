"""A table of an export: its columns and its rows, whatever file they become."""

from collections.abc import Iterator
from typing import NamedTuple

from talktime.files.call_columns import Column

Cell = str | int | bool | None
"""A value by its column's kind: text, seconds, micros, nanos, an instant in us, a flag."""


class Table(NamedTuple):
    """The columns of an export and its rows, which can be read once."""

    columns: tuple[Column, ...]
    rows: Iterator[tuple[Cell, ...]]
