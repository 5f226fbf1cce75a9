"""The course of one call as its switch sees it: which sequence comes next, what has to be made up for.

A request whose outcome is unknown keeps its sequence until it is answered. A start that was only assumed is
sent again, as it was, before the call's end: without it the ledger would know of no call to charge.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, TypeVar

import msgspec

from talktime.client.answers import Allowed, Decision, Denied
from talktime.client.errors import ProblemError, UnavailableError, UnchargedError
from talktime.client.operations import Cancel, End, Extend, Operation, Start, StartFields

Op = TypeVar("Op", Start, Extend, End, Cancel)

UNKNOWN_CALL: Final = "unknown_call"


class Course:
    """Sequences and what is open of one call."""

    def __init__(self, call_id: str, tenant: str, sequence: int) -> None:
        self.call_id = call_id
        self.tenant = tenant
        self._next = sequence
        self._unanswered: Operation | None = None
        self.unsent: Start | None = None
        """A start that was assumed; it is owed to the service."""

    def start(self, fields: StartFields) -> Start:
        """The start; it says when the call began, so that one sent late is charged by its own time."""
        told = fields.copy()
        now = datetime.now(UTC)
        earlier = self._unanswered
        if isinstance(earlier, Start) and "started_at" not in told and earlier.started_at is not None:
            now = earlier.started_at
        told.setdefault("started_at", now)
        told.setdefault("call_type", "")
        return self._numbered(Start(call_id=self.call_id, tenant=self.tenant, sequence=self._next, **told))

    def extend(self, used_seconds: int, requested_seconds: int | None) -> Extend:
        """The extend."""
        return self._numbered(
            Extend(
                call_id=self.call_id,
                tenant=self.tenant,
                sequence=self._next,
                used_seconds=used_seconds,
                requested_seconds=requested_seconds,
            )
        )

    def end(self, duration_seconds: int, answered_at: datetime | None, ended_at: datetime | None) -> End:
        """The end."""
        return self._numbered(
            End(
                call_id=self.call_id,
                tenant=self.tenant,
                sequence=self._next,
                duration_seconds=duration_seconds,
                answered_at=answered_at,
                ended_at=ended_at,
            )
        )

    def cancel(self) -> Cancel:
        """The cancel."""
        return self._numbered(Cancel(call_id=self.call_id, tenant=self.tenant, sequence=self._next))

    def _numbered(self, operation: Op) -> Op:
        """The operation with its sequence: that of an unanswered one with the same words, else the next."""
        before = self._unanswered
        if type(before) is type(operation) and before == msgspec.structs.replace(
            operation, sequence=before.sequence
        ):
            return before
        self._unanswered = operation
        self._next = operation.sequence + 1
        return operation

    def answered(self, operation: Operation, answer: object) -> None:
        """The service, or the policy in its place, has answered; after its no the same may be asked."""
        if isinstance(answer, Denied) and answer.is_assumed:
            return
        self._unanswered = None
        if isinstance(operation, Start):
            is_owed = isinstance(answer, Allowed) and answer.is_assumed
            self.unsent = operation if is_owed else None

    def made_up(self, answer: Decision) -> bool:
        """The owed start was sent again; whether the service knows the call now."""
        if isinstance(answer, Allowed) and not answer.is_assumed:
            self.unsent = None
        return self.unsent is None

    def assumed(self, owed: Decision, used_seconds: int) -> Decision:
        """What an extend is told while the start is still owed, or was refused."""
        if isinstance(owed, Denied):
            return owed
        return msgspec.structs.replace(owed, authorised_seconds=used_seconds + owed.granted_seconds)

    def not_settled(self, owed: Decision) -> Exception:
        """What an end raises while the start is still owed, or was refused."""
        if isinstance(owed, Denied) and not owed.is_assumed:
            return UnchargedError(owed)
        return UnavailableError(f"call {self.call_id!r}: its start is still owed; send the end later")

    def was_never_there(self, problem: ProblemError) -> bool:
        """Whether a cancel failed only because the start that is owed had never arrived."""
        return self.unsent is not None and problem.code == UNKNOWN_CALL
