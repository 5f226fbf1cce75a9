"""What `verify` found: each difference between what is stored and what the journal says, as one sentence.

All are counted, the first ones are listed: a ledger that is wrong everywhere still gives a short answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_LISTED: Final = 1_000
"""Differences that are listed; of more, only the number is told."""

MISSING: Final = "missing"
UNREADABLE: Final = "unreadable"


@dataclass(frozen=True, slots=True)
class Difference:
    """`what` of a tenant is stored otherwise than it can be rebuilt; both as text, money in micros."""

    tenant: str
    what: str
    stored: str
    rebuilt: str

    def __str__(self) -> str:
        return f"tenant {self.tenant!r}: {self.what}: stored {self.stored}, rebuilt {self.rebuilt}"


class Findings:
    """Collects differences."""

    def __init__(self, most: int = MAX_LISTED) -> None:
        self._most = most
        self.listed: list[Difference] = []
        self.count = 0

    def add(self, tenant: str, what: str, stored: object, rebuilt: object) -> None:
        """One difference more."""
        self.count += 1
        if len(self.listed) < self._most:
            self.listed.append(Difference(tenant, what, _shown(stored), _shown(rebuilt)))


@dataclass(frozen=True, slots=True)
class About:
    """Compares what belongs to one tenant."""

    tenant: str
    findings: Findings

    def differ(self, what: str, stored: object, rebuilt: object) -> None:
        """Notes a difference that is already clear."""
        self.findings.add(self.tenant, what, stored, rebuilt)

    def compare(self, what: str, stored: object, rebuilt: object) -> None:
        """Notes a difference if there is one."""
        if stored != rebuilt:
            self.findings.add(self.tenant, what, stored, rebuilt)


def _shown(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
