"""When a delivery that failed is tried again, and how long a destination that fails is left alone.

The ladders are published: the n-th pause follows the n-th failed try, after the last one the delivery has
failed; it is kept and can be sent again. Instants in microseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from talktime.core.limits import US_PER_S
from talktime.ledger.deliveries import CHAT, MAIL, WEBHOOK

MINUTE_S: Final = 60
HOUR_S: Final = 3_600
DAY_US: Final = 24 * HOUR_S * US_PER_S

LADDERS_S: Final = {
    MAIL: (MINUTE_S, 5 * MINUTE_S, 30 * MINUTE_S, 2 * HOUR_S, 6 * HOUR_S, 24 * HOUR_S),
    WEBHOOK: (
        5,
        5 * MINUTE_S,
        30 * MINUTE_S,
        2 * HOUR_S,
        5 * HOUR_S,
        10 * HOUR_S,
        14 * HOUR_S,
        20 * HOUR_S,
        24 * HOUR_S,
    ),
    CHAT: (MINUTE_S, 5 * MINUTE_S, 30 * MINUTE_S, 2 * HOUR_S, 6 * HOUR_S, 24 * HOUR_S),
}
"""Seconds between tries, by channel."""

DISABLE_AFTER_US: Final = 5 * DAY_US
"""A webhook that has done nothing but fail for so long is switched off."""

TOO_OLD_US: Final = 7 * DAY_US
"""What has waited so long, for a mail server that was away or not yet set, is not sent: it is no news."""

FIRST_PAUSE_US: Final = US_PER_S
LONGEST_PAUSE_US: Final = 60 * US_PER_S
"""A destination that fails is left alone for so long, twice as long after each further failure."""


def next_try_us(channel: str, tries: int, now_us: int) -> int:
    """When a delivery is tried again whose try number `tries` (from 1) failed; 0: it has failed for good."""
    ladder_s = LADDERS_S[channel]
    return now_us + ladder_s[tries - 1] * US_PER_S if tries <= len(ladder_s) else 0


@dataclass(slots=True)
class _Down:
    """A destination that failed: until when nothing is sent, and how long the pause was."""

    until_us: int
    pause_us: int


class Destinations:
    """Which destinations are left alone for a while, because they failed just now; in memory.

    One that is dead is asked by one delivery at a time, at growing intervals, so what waits for it climbs no
    ladder for nothing and takes nobody's place. After the first success all of it goes.
    """

    def __init__(self) -> None:
        self._down: dict[tuple[str, str], _Down] = {}
        self._probed: set[tuple[str, str]] = set()

    def failed(self, destination: tuple[str, str], now_us: int) -> None:
        """Notes a failure: a pause that is over doubles; what was under way does not prolong one."""
        self._probed.discard(destination)
        known = self._down.get(destination)
        if known is None:
            self._down[destination] = _Down(now_us + FIRST_PAUSE_US, FIRST_PAUSE_US)
        elif now_us >= known.until_us:
            known.pause_us = min(2 * known.pause_us, LONGEST_PAUSE_US)
            known.until_us = now_us + known.pause_us

    def succeeded(self, destination: tuple[str, str]) -> None:
        """Notes a success: it is up."""
        self._down.pop(destination, None)
        self._probed.discard(destination)

    def begun(self, destination: tuple[str, str]) -> bool:
        """Notes that something is on its way: a destination that is down gets no second one.

        Returns whether this one asks whether it is up again.
        """
        if destination not in self._down or destination in self._probed:
            return False
        self._probed.add(destination)
        return True

    def is_down(self, destination: tuple[str, str]) -> bool:
        """Whether it has failed and not succeeded since."""
        return destination in self._down

    def all(self) -> list[tuple[str, str]]:
        """Those that have failed and not succeeded since."""
        return list(self._down)

    def alone(self, now_us: int) -> list[tuple[str, str]]:
        """Those that nothing may be sent to now: in a pause, or being asked."""
        return [
            known for known, down in self._down.items() if down.until_us > now_us or known in self._probed
        ]

    def forget_old(self, now_us: int) -> None:
        """Forgets what failed long ago and was not asked since: memory stays bounded."""
        gone = [known for known, down in self._down.items() if now_us - down.until_us > DAY_US]
        for known in gone:
            self.succeeded(known)
