"""The client for programs on asyncio: the methods of `sync`, to be awaited.

One connection pool of httpx behind it, for one event loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Self, Unpack

import httpx

from talktime.client import exchanges
from talktime.client.answers import (
    Answer,
    Cancelled,
    Credits,
    Decision,
    Deck,
    Funded,
    Problem,
    Settled,
)
from talktime.client.course import Course
from talktime.client.errors import ProblemError
from talktime.client.exchanges import OnUnavailable
from talktime.client.operations import Cancel, End, Extend, Operation, Start, StartFields
from talktime.client.retry import Retry
from talktime.client.sending import AsyncSender


class AsyncClient:
    """Talks to one service. `on_unavailable`: whether calls go on (open) or not (closed) while it is away.

    Every method raises ProblemError where the request is not to be had and UnavailableError where nobody
    answered in time; `start` and `extend` follow the policy instead of the latter.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        on_unavailable: OnUnavailable = "closed",
        retry: Retry | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._policy = on_unavailable
        self._sender = AsyncSender(url, key, retry or Retry(), transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._sender.close()

    # --- calls -----------------------------------------------------------------------------------------

    def call(self, call_id: str, *, tenant: str, sequence: int = 0) -> AsyncCall:
        """A call whose sequences are kept; `sequence` is the first one that is free."""
        return AsyncCall(self, Course(call_id, tenant, sequence))

    async def start(
        self, call_id: str, *, tenant: str, sequence: int = 0, **fields: Unpack[StartFields]
    ) -> Decision:
        """May the call begin, for how long, at what price?"""
        told: StartFields = {"call_type": "", **fields}
        return await self.decide(Start(call_id=call_id, tenant=tenant, sequence=sequence, **told))

    async def extend(
        self,
        call_id: str,
        used_seconds: int,
        *,
        tenant: str,
        sequence: int,
        requested_seconds: int | None = None,
    ) -> Decision:
        """So many seconds are used since the answer, in all: may it go on?"""
        return await self.decide(
            Extend(
                call_id=call_id,
                tenant=tenant,
                sequence=sequence,
                used_seconds=used_seconds,
                requested_seconds=requested_seconds,
            )
        )

    async def end(
        self,
        call_id: str,
        duration_seconds: int,
        *,
        tenant: str,
        sequence: int,
        answered_at: datetime | None = None,
        ended_at: datetime | None = None,
    ) -> Settled:
        """The call is over; this is its charge."""
        return await self.settle(
            End(
                call_id=call_id,
                tenant=tenant,
                sequence=sequence,
                duration_seconds=duration_seconds,
                answered_at=answered_at,
                ended_at=ended_at,
            )
        )

    async def cancel(self, call_id: str, *, tenant: str, sequence: int) -> Cancelled:
        """The call did not come about; nothing is charged."""
        return await self._sender.run(
            exchanges.cancel(Cancel(call_id=call_id, tenant=tenant, sequence=sequence))
        )

    async def batch(self, operations: Sequence[Operation]) -> list[Answer | Problem]:
        """Up to 10,000 operations at once; answers in order, each stands alone."""
        return await self._sender.run(exchanges.batch(operations))

    async def decide(self, operation: Start | Extend) -> Decision:
        """`start` or `extend` as a value."""
        if isinstance(operation, Start):
            return await self._sender.run(exchanges.start(operation, self._policy))
        return await self._sender.run(exchanges.extend(operation, self._policy))

    async def settle(self, operation: End) -> Settled:
        """`end` as a value."""
        return await self._sender.run(exchanges.end(operation))

    # --- management ------------------------------------------------------------------------------------

    async def make_tenant(self, tables: Mapping[str, Any]) -> None:
        """Makes a tenant of the tables of a tenant file."""
        await self._sender.run(exchanges.make_tenant(tables))

    async def fund(self, tenant: str, amount: Decimal, currency: str, *, reference: str) -> Funded:
        """Opens a lot for a purchase; the same reference again gives the lot that it opened."""
        return await self._sender.run(exchanges.fund(tenant, amount, currency, reference))

    async def credits(self, tenant: str) -> Credits:
        """What a tenant has."""
        return await self._sender.run(exchanges.credits_of(tenant))

    async def add_deck(self, csv: str, *, name: str = "") -> Deck:
        """Stores a rate deck; one that is there already stays as it is."""
        return await self._sender.run(exchanges.add_deck(csv, name))

    async def add_sample_deck(self) -> Deck:
        """Stores the deck that ships with Talktime; its prices are not real."""
        return await self._sender.run(exchanges.add_deck(None, ""))

    async def bind_deck(self, version: str, *, tenant: str = "", valid_from: datetime | None = None) -> None:
        """From an instant on (None: always) a tenant, or all of its currency, are charged by this deck."""
        await self._sender.run(exchanges.bind_deck(version, tenant, valid_from))


class AsyncCall:
    """One call: its operations in order, each with the next sequence."""

    def __init__(self, client: AsyncClient, course: Course) -> None:
        self._client = client
        self._course = course

    @property
    def call_id(self) -> str:
        """The id of the call."""
        return self._course.call_id

    async def start(self, **fields: Unpack[StartFields]) -> Decision:
        """May the call begin?"""
        return await self._decide(self._course.start(fields))

    async def extend(self, used_seconds: int, requested_seconds: int | None = None) -> Decision:
        """So many seconds are used since the answer, in all: may it go on?"""
        operation = self._course.extend(used_seconds, requested_seconds)
        if self._course.unsent is not None:
            owed = await self._client.decide(self._course.unsent)
            if not self._course.made_up(owed):
                return self._course.assumed(owed, used_seconds)
        return await self._decide(operation)

    async def end(
        self,
        duration_seconds: int,
        *,
        answered_at: datetime | None = None,
        ended_at: datetime | None = None,
    ) -> Settled:
        """The call is over; this is its charge. Raises UnchargedError too."""
        operation = self._course.end(duration_seconds, answered_at, ended_at)
        if self._course.unsent is not None:
            owed = await self._client.decide(self._course.unsent)
            if not self._course.made_up(owed):
                raise self._course.not_settled(owed)
        settled = await self._client.settle(operation)
        self._course.answered(operation, settled)
        return settled

    async def cancel(self) -> Cancelled:
        """The call did not come about."""
        operation = self._course.cancel()
        try:
            answer = await self._client.cancel(
                self.call_id, tenant=self._course.tenant, sequence=operation.sequence
            )
        except ProblemError as problem:
            if not self._course.was_never_there(problem):
                raise
            answer = Cancelled(self.call_id, "cancelled")
        self._course.answered(operation, answer)
        return answer

    async def _decide(self, operation: Start | Extend) -> Decision:
        answer = await self._client.decide(operation)
        self._course.answered(operation, answer)
        return answer
