"""Log lines that anybody outside can cause: the same is said once in a while, with how often it came.

A stranger that tries again and again, or a switch that was set up wrongly, must not fill the log of an
operator, who shall read of it all the same.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from logging import Logger

EVERY_S: Final = 60.0
MOST_KEYS: Final = 256
"""So many different things are told apart; of more, the one that was said first is forgotten."""


class Seldom:
    """Warns of the same `key` once in `EVERY_S` seconds of `clock_s`."""

    def __init__(self, log: Logger, clock_s: Callable[[], float]) -> None:
        self._log = log
        self._clock_s = clock_s
        self._said: OrderedDict[object, tuple[float, int]] = OrderedDict()

    def warn(self, key: object, sentence: str) -> None:
        """Says a sentence, and how often the same came unsaid since the last time."""
        now_s = self._clock_s()
        said_s, unsaid = self._said.pop(key, (now_s - EVERY_S, 0))
        if now_s - said_s < EVERY_S:
            self._said[key] = said_s, unsaid + 1
            return
        self._said[key] = now_s, 0
        if len(self._said) > MOST_KEYS:
            self._said.popitem(last=False)
        more = f" (and {unsaid:,} times more in the last minutes)" if unsaid else ""
        self._log.warning("%s%s", sentence, more)
