"""A look at a file of usage that somebody brought: what it is, how much it holds, what is wrong with it.

The file is read as `talktime rate` reads it, frame by frame, so that memory does not grow with it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from talktime.files.usage import UnusableFile, printable

MOST_FINDINGS: Final = 100
"""Rows that are named one by one; all are counted."""


class Finding(msgspec.Struct, frozen=True):
    """A row that was set aside (its line, what is wrong), or a warning about the whole file (line 0)."""

    line: int
    text: str


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds: rows that can be used, their span in us since 1970, the currencies they name."""

    formats: tuple[str, ...]
    rows: int
    rejected_rows: int
    from_us: int
    until_us: int
    currencies: tuple[str, ...]
    findings: tuple[Finding, ...]


class Look(NamedTuple):
    """A file to be looked at, and what people call it."""

    path: Path
    name: str


class UnusableUsageError(Exception):
    """The file is no usage that can be charged; the message is one sentence that names it as people do."""


def look_at(look: Look) -> Seen:
    """What the file holds; runs in a worker process. Raises UnusableUsageError."""
    try:
        return _seen(look)
    except UnusableFile as error:
        raise UnusableUsageError(named(str(error), look)) from None
    except MemoryError:
        told = f"{look.name}: it needs more memory than there is; bring fewer days at a time"
        raise UnusableUsageError(told) from None


def named(sentence: str, look: Look) -> str:
    """A sentence with the file called as people call it: on the disk it has another name."""
    return printable(sentence.replace(look.path.name, look.name))


def _seen(look: Look) -> Seen:
    from talktime.insight.bounded_usage import BoundedUsage

    stream = BoundedUsage(look.path)
    rows, currencies, spans = 0, set[str](), list[int]()
    for frame in stream:
        rows += frame.height
        currencies |= set(frame["vendor_currency"].unique().cast(str).to_list()) - {""}
        spans += (
            value for value in (frame["start_us"].min(), frame["end_us"].max()) if isinstance(value, int)
        )
    notes = stream.notes()
    rejected = [Finding(one.line, named(one.reason, look)) for one in notes.rejected[:MOST_FINDINGS]]
    if not rows:
        first = f"line {rejected[0].line}: {rejected[0].text}" if rejected else "it holds no calls"
        raise UnusableUsageError(f"{look.name}: no row can be used ({first}); export it again")
    return Seen(
        formats=notes.formats,
        rows=rows,
        rejected_rows=notes.rejected_rows,
        from_us=min(spans),
        until_us=max(spans),
        currencies=tuple(sorted(currencies)),
        findings=(*(Finding(0, named(text, look)) for text in notes.warnings), *rejected)[:MOST_FINDINGS],
    )
