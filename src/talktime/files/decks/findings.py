"""What reading and checking a deck find out, as values.

A deck is refused as a whole, a row is set aside, or something is worth a look; each finding is one sentence
with the line it is about.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from talktime.core.deck import Deck

Severity = Literal["refused", "row_rejected", "warning"]

WHOLE_FILE: Final = 0
"""The line of a finding that is about no single line."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about a deck. `line` counts from 1 in the file; WHOLE_FILE where it is about none."""

    severity: Severity
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class DeckFile:
    """What came out of a file: the deck, or None where it was refused, and all that was found.

    `format` names the recognised format; `rows_total` counts rows with content, `rows_rejected` those of them
    that were set aside.
    """

    deck: Deck | None
    findings: tuple[Finding, ...]
    format: str
    rows_total: int
    rows_rejected: int


def refused(line: int, text: str) -> Finding:
    """A fault for which the deck is refused as a whole."""
    return Finding("refused", line, text)


def row_rejected(line: int, text: str) -> Finding:
    """A row that was set aside."""
    return Finding("row_rejected", line, text)


def warning(line: int, text: str) -> Finding:
    """Something to look at; the deck can be used."""
    return Finding("warning", line, text)


def is_refused(findings: Iterable[Finding]) -> bool:
    """Whether one of the findings refuses the deck."""
    return any(finding.severity == "refused" for finding in findings)
