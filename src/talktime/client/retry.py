"""How long to wait before the same request is sent again, and when to give up.

Waits double, each shortened by chance up to half so that many clients do not come back at one moment; what
the service asks for by Retry-After is never undercut. Seconds here are floats of a monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import Random


@dataclass(frozen=True, slots=True)
class Retry:
    """`limit_s` bounds all tries of a request together; a call that is being set up cannot wait long."""

    limit_s: float = 3.0
    first_wait_s: float = 0.05
    longest_wait_s: float = 1.0
    try_s: float = 2.0
    """The longest that one try may take."""


class Attempts:
    """The tries of one request, begun at `now_s`."""

    def __init__(self, retry: Retry, now_s: float, chance: Random) -> None:
        self._retry = retry
        self._until_s = now_s + retry.limit_s
        self._next_s = retry.first_wait_s
        self._chance = chance

    def timeout_s(self, now_s: float) -> float:
        """How long the next try may take."""
        return max(0.001, min(self._retry.try_s, self._until_s - now_s))

    def wait_s(self, now_s: float, asked_s: float) -> float | None:
        """How long to wait before the next try, at least `asked_s`; None where the time is up by then."""
        wait_s = max(self._next_s * self._chance.uniform(0.5, 1.0), asked_s)
        self._next_s = min(self._next_s * 2, self._retry.longest_wait_s)
        return wait_s if now_s + wait_s < self._until_s else None


def retry_after_s(header: str) -> float:
    """The seconds that a Retry-After header asks for, as number or date; 0 where it cannot be read."""
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, (at.astimezone(UTC) - datetime.now(UTC)).total_seconds())
