"""What phones saw: SIPp's short messages -> calls, each with its answer and with who ended it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

_COLUMNS = 7  # date, time, seconds since 1970, R or S, Call-ID, CSeq, first line


class Line(NamedTuple):
    """A message that was received (R) or sent (S)."""

    at_s: float
    way: str
    call: str
    cseq: str
    first: str


class Heard(msgspec.Struct, frozen=True):
    """A call as one phone heard it. `status`: the final answer to its INVITE, 0 where none came.

    `talked_s` counts from that answer to the first BYE; `was_cut`: that BYE came to this phone.
    """

    call: str
    status: int
    talked_s: float
    was_cut: bool


def heard(trace: Path) -> list[Heard]:
    """The calls of a trace in their order."""
    calls: dict[str, list[Line]] = {}
    for line in _lines(trace):
        calls.setdefault(line.call, []).append(line)
    return [_heard(call, lines) for call, lines in calls.items()]


def _lines(trace: Path) -> Iterator[Line]:
    for text in trace.read_text("utf-8", "replace").splitlines():
        cells = text.split("\t")
        if len(cells) >= _COLUMNS:
            yield Line(float(cells[2]), cells[3], cells[4], cells[5], cells[6])


def _heard(call: str, lines: list[Line]) -> Heard:
    answers = [line for line in lines if "INVITE" in line.cseq and line.first.startswith("SIP/2.0 ")]
    final = next((line for line in answers if not line.first.startswith("SIP/2.0 1")), None)
    byes = [line for line in lines if line.first.startswith("BYE ")]
    status = int(final.first.split()[1]) if final is not None else 0
    talked_s = byes[0].at_s - final.at_s if byes and final is not None else 0.0
    return Heard(call, status, talked_s, bool(byes) and byes[0].way == "R")
