"""Cutting the bytes of a table into blocks of whole records, without parsing them.

A record ends at a newline with an even number of quotation marks before it. One that never ends, because a
mark was not closed or a field is enormous, costs its first line and not the rest of the file.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from talktime.files.open import Readable
from talktime.files.usage_batch import MAX_SHOWN, PartNotes

BLOCK_BYTES: Final = 8 * 2**20
"""About how much is read and cleaned at a time."""

MAX_RECORD_BYTES: Final = 2**20
"""The longest record that is read."""

_TOO_LONG: Final = (
    f"the row is longer than {MAX_RECORD_BYTES:,} bytes, or a quotation mark in it is never closed: mend it"
)


@dataclass(frozen=True, slots=True)
class Block:
    """Whole records as UTF-8, ending with a newline; `first_line` is the line of the first."""

    first_line: int
    data: bytes


def record_blocks(stream: Readable, notes: PartNotes, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """The records of a stream in blocks of about `block_bytes`."""
    rest = b""
    line = 1
    while data := stream.read(block_bytes):
        rest += data
        while True:
            end = _end_of_records(rest)
            if end:
                yield Block(line, rest[:end])
                line += rest.count(b"\n", 0, end)
                rest = rest[end:]
            if len(rest) <= MAX_RECORD_BYTES:
                break
            notes.set_aside(line, _TOO_LONG, rest[: 4 * MAX_SHOWN].decode("utf-8", errors="replace"))
            rest = _without_first_line(rest, stream, block_bytes)
            line += 1
    if rest:
        yield Block(line, rest if rest.endswith(b"\n") else rest + b"\n")


def _end_of_records(data: bytes) -> int:
    """Where the last record that is complete ends; 0 where none is."""
    end = len(data)
    odd = data.count(b'"') % 2
    while (newline := data.rfind(b"\n", 0, end)) >= 0:
        odd = (odd + data.count(b'"', newline, end)) % 2
        if not odd:
            return newline + 1
        end = data.rfind(b'"', 0, newline)  # the newline is inside quotes that open here
        odd = 0
    return 0


def _without_first_line(data: bytes, stream: Readable, block_bytes: int) -> bytes:
    """What follows the first line, which may reach far beyond `data`."""
    while (newline := data.find(b"\n")) < 0:
        data = stream.read(block_bytes)
        if not data:
            return b""
    return data[newline + 1 :]
