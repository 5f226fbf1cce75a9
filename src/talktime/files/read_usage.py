"""Usage files -> one usage table: the stream of `files.usage_stream`, whole, each call once.

Rows without an identity get the hash of their content; rows that were seen before are dropped by their
identity and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from talktime.files.identity import first_of_each, with_ids
from talktime.files.usage import Usage
from talktime.files.usage_stream import UsageStream, usage_stream


def read_usage(
    paths: Sequence[Path],
    *,
    map_file: Path | None = None,
    columns: Mapping[str, str] | None = None,
    preset: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Usage:
    """All calls of some files, folders and patterns, in that order.

    `preset` names a format instead of recognising it; `map_file` and `columns` (our column -> its name in the
    file) make one (files.column_map). `progress(bytes_done, bytes_total)` is told as files are read.

    Raises UnusableFile: a file that is none, no usage, damaged or locked; a wrong map. Members of an archive
    that are no usage are passed over with a warning while another one is.
    """
    return all_of(usage_stream(paths, map_file=map_file, columns=columns, preset=preset, progress=progress))


def all_of(stream: UsageStream) -> Usage:
    """A stream that was not begun, whole; raises what it raises."""
    frames = list(stream)
    usage = stream.notes()
    if not frames:
        return usage
    calls = pl.concat(frames)
    frames.clear()
    if stream.late_files:
        late = pl.col("file").is_in(list(stream.late_files))
        calls = calls.sort("file", pl.when(late).then("line").otherwise(0), maintain_order=True)
    calls = with_ids(calls)
    kept = first_of_each(calls)
    return replace(usage, calls=kept, duplicate_rows=calls.height - kept.height)
