"""From operations to answers in bytes: the desk of this process, behind the port that the routes ask.

The routes do not know whether the desk is in their process or behind a socket (`relay`): both are a `Teller`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, cast

import msgspec

from talktime.doors.http.problems import UNAVAILABLE
from talktime.doors.http.wire import (
    AllowedShown,
    DeniedShown,
    ProblemShown,
    answer_shown,
    encoded,
    problem,
)
from talktime.live.commands import free_grant
from talktime.live.operations import CancelCall, EndCall, ExtendCall, Operation, StartCall

if TYPE_CHECKING:
    from talktime.live.answers import Answer
    from talktime.live.commands import Urgent
    from talktime.live.desk import Desk

OPS: Final = {StartCall: "start", ExtendCall: "extend", EndCall: "end", CancelCall: "cancel"}
"""What an operation is called in addresses and metrics."""

log = logging.getLogger(__name__)


class Told(NamedTuple):
    """An answer ready to be sent: the status and the JSON."""

    status: int
    body: bytes


class Teller(Protocol):
    """Whoever answers operations."""

    def ask(self, operation: Operation) -> Awaitable[Told]:
        """Hands an operation in at once; its answer comes when it is durable. Never raises."""

    def let_through(self, operation: Operation) -> Told | None:
        """The grant of an emergency start that may not be handed in; None for every other operation."""


def emergency_grant(operation: Operation, rules: Urgent, now_us: int) -> Told | None:
    """What an emergency start is told whatever stands against it (rulings.md 24); None for all else.

    Nothing is written: the grant leaves no session.
    """
    if not isinstance(operation, StartCall):
        return None
    if not rules.classifier.is_never_refused(operation.call_type.lower()):
        return None
    status, granted = answer_shown(free_grant(operation, rules, now_us))
    return Told(status, encoded(granted))


def come_again(code: str, why: str) -> Told:
    """503: nobody could answer now; the same request again finds out."""
    return Told(503, encoded(problem(503, code, f"{why}; repeat the same request")))


class Answering:
    """The teller in front of a desk of this process."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.counted: Counter[tuple[str, str]] = Counter()
        """Operations by (operation, result); the metrics show it."""

    def ask(self, operation: Operation) -> Awaitable[Told]:
        """As `Teller.ask`."""
        try:
            handed = self._desk.submit(operation)
        except Exception as error:  # noqa: BLE001 - told to the client, and in the log
            return _at_once(self.failed(operation, error))
        return self._wait(operation, handed)

    async def _wait(self, operation: Operation, handed: asyncio.Future[object]) -> Told:
        try:
            answer = await handed
        except Exception as error:  # noqa: BLE001 - told to the client, and in the log
            return self.failed(operation, error)
        return self.told(operation, answer)

    def told(self, operation: Operation, answer: object) -> Told:
        """An answer of the desk as bytes."""
        status, shown = answer_shown(cast("Answer", answer))
        self.counted[OPS[type(operation)], _result(shown)] += 1
        return Told(status, encoded(shown))

    def failed(self, operation: Operation, error: Exception) -> Told:
        """What is told where the desk had no answer: 503 or 500, and an emergency call is let through."""
        op = OPS[type(operation)]
        code = UNAVAILABLE.get(type(error), "fault")
        if code == "fault":
            log.error("%s of call %r failed", op, operation.call_id, exc_info=error)
        granted = self.let_through(operation)
        if granted is not None:
            return granted
        self.counted[op, code] += 1
        if code != "fault":
            return come_again(code, str(error))
        shown = problem(500, code, "the operation failed and nothing was written; see the log")
        return Told(500, encoded(shown))

    def let_through(self, operation: Operation) -> Told | None:
        """As `Teller.let_through`."""
        granted = emergency_grant(operation, self._desk.rules, self._desk.engine.clock_us())
        if granted is not None:
            self.counted[OPS[type(operation)], "allow"] += 1
        return granted


async def _at_once(told: Told) -> Told:
    return told


def _result(shown: msgspec.Struct) -> str:
    """What the metrics call an answer."""
    if isinstance(shown, DeniedShown):
        return shown.reason
    if isinstance(shown, ProblemShown):
        return shown.code
    return "allow" if isinstance(shown, AllowedShown) else "done"
