"""The two clients of the management API: one for programs that wait, one for those with an event loop."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

import httpx

from talktime.client.management.house import Decks, Features, Keys, Tenants
from talktime.client.management.rates import Plans
from talktime.client.management.sign_ins import Myself, People
from talktime.client.management.tenant import Tenant
from talktime.client.retry import Retry
from talktime.client.sending import AsyncSender, Sender

PATIENT: Final = Retry(limit_s=120.0, first_wait_s=0.1, longest_wait_s=5.0, try_s=60.0)
"""How long a person or a nightly job waits; calls in progress cannot (`Client`)."""


class Management:
    """The management API of one service: `management.tenant("contoso").credits.buy("200", "USD")`.

    Every method raises ProblemError where the request is refused, and UnavailableError where nobody answered
    in time. May be shared between threads.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        retry: Retry = PATIENT,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._sender = Sender(url, key, retry, transport)
        self.tenants = Tenants(self._sender, {})
        self.decks = Decks(self._sender, {})
        self.keys = Keys(self._sender, {})
        self.features = Features(self._sender, {})
        self.me = Myself(self._sender, {})
        self.people = People(self._sender, {})
        self.plans = Plans(self._sender, {})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._sender.close()

    def tenant(self, tenant: str) -> Tenant[Sender]:
        """One tenant; nothing is asked yet."""
        return Tenant(self._sender, tenant)


class AsyncManagement:
    """The same with methods that have to be awaited, and pages for `async for`."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        retry: Retry = PATIENT,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._sender = AsyncSender(url, key, retry, transport)
        self.tenants = Tenants(self._sender, {})
        self.decks = Decks(self._sender, {})
        self.keys = Keys(self._sender, {})
        self.features = Features(self._sender, {})
        self.me = Myself(self._sender, {})
        self.people = People(self._sender, {})
        self.plans = Plans(self._sender, {})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._sender.close()

    def tenant(self, tenant: str) -> Tenant[AsyncSender]:
        """One tenant; nothing is asked yet."""
        return Tenant(self._sender, tenant)
