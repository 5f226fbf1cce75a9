"""Where passwords are looked at: in a few threads of their own, and few people wait for a turn.

A hash takes memory and a core on purpose. In the threads that all pages share, a storm of guesses would hold
up everybody who is signed in; here it holds up other sign-ins alone, and who comes too late is told at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import BoundedSemaphore
from typing import Final, ParamSpec, TypeVar

from talktime.accounts.signing_in import BUSY, NotSignedIn

AT_A_TIME: Final = 2
MOST_WAITING: Final = 30
"""People whose turn it is or who wait for it: about a second on two cores that have nothing else to do."""

P = ParamSpec("P")
T = TypeVar("T")


class Turns:
    """A queue with an end, in front of what blocks; belongs to no event loop."""

    def __init__(self, at_a_time: int = AT_A_TIME, most_waiting: int = MOST_WAITING) -> None:
        self._threads = ThreadPoolExecutor(at_a_time, "sign-in")
        self._places = BoundedSemaphore(most_waiting)

    async def run(
        self, ask: Callable[P, T | NotSignedIn], *args: P.args, **kwargs: P.kwargs
    ) -> T | NotSignedIn:
        """What `ask` answers; BUSY where too many wait. Who goes away keeps its place until it was asked."""
        if not self._places.acquire(blocking=False):
            return BUSY
        asked = self._threads.submit(partial(ask, *args, **kwargs))
        asked.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(asked)
