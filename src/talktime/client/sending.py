"""How requests go out: one until it is answered, page after page, or as the steps of something longer.

Both senders have the same methods, so that what is asked is written once: `Sender` answers, `AsyncSender` has
to be awaited.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import IO, Any, Final, TypeVar

import httpx

from talktime.client.exchanges import AWAY, UNSENT, Away, Exchange
from talktime.client.pages import AsyncPages, Listing, Pages
from talktime.client.retry import Attempts, Retry

T = TypeVar("T")

BLOCK_BYTES: Final = 1 << 16
"""What is read of a file at a time."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is asked for so many seconds."""

    seconds: float


Steps = Generator[Exchange[Any] | Pause, Any, T]
"""Something longer: it yields what to send, is given the answers, and returns what came of it."""


def _headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key.strip()}"}


@contextmanager
def _opened(content: bytes | Path) -> Iterator[bytes | IO[bytes]]:
    """A body as httpx sends it: a file is read as it goes out."""
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file:
        yield file


async def _blocks(path: Path) -> AsyncIterator[bytes]:
    """A file block by block, read beside the event loop."""
    with path.open("rb") as file:
        while block := await asyncio.to_thread(file.read, BLOCK_BYTES):
            yield block


def _away(error: httpx.HTTPError) -> Away:
    return Away(f"{type(error).__name__} {error}".strip(), unsent=isinstance(error, UNSENT))


class Sender:
    """Sends and waits; may be shared between threads."""

    def __init__(self, url: str, key: str, retry: Retry, transport: httpx.BaseTransport | None) -> None:
        self._retry = retry
        self._chance = Random()
        self._http = httpx.Client(base_url=url, headers=_headers(key), transport=transport)

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def run(self, exchange: Exchange[T]) -> T:
        """Sends the same request until it is answered or the time is up."""
        attempts = Attempts(self._retry, time.monotonic(), self._chance)
        while True:
            found = self._try(exchange, attempts.timeout_s(time.monotonic()))
            if not isinstance(found, Away):
                return found
            again = exchange.may_go_again(found)
            wait_s = attempts.wait_s(time.monotonic(), found.asked_s) if again else None
            if wait_s is None:
                return exchange.without(found)
            time.sleep(wait_s)

    def _try(self, exchange: Exchange[T], timeout_s: float) -> T | Away:
        try:
            with _opened(exchange.content) as content:
                response = self._http.request(
                    exchange.method,
                    exchange.path,
                    content=content,
                    headers=exchange.all_headers,
                    timeout=timeout_s,
                )
        except AWAY as error:
            return _away(error)
        return exchange.outcome(response)

    def listed(self, listing: Listing[T]) -> Pages[T]:
        """A list whose pages are asked for one after the other."""
        return Pages(listing, self.run)

    def drive(self, steps: Steps[T]) -> T:
        """Takes steps until they come to an end."""
        answer: Any = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as end:
                ended: T = end.value
                return ended
            if isinstance(step, Pause):
                time.sleep(step.seconds)
                answer = None
            else:
                answer = self.run(step)


class AsyncSender:
    """The same for programs with an event loop."""

    def __init__(self, url: str, key: str, retry: Retry, transport: httpx.AsyncBaseTransport | None) -> None:
        self._retry = retry
        self._chance = Random()
        self._http = httpx.AsyncClient(base_url=url, headers=_headers(key), transport=transport)

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def run(self, exchange: Exchange[T]) -> T:
        """Sends the same request until it is answered or the time is up."""
        attempts = Attempts(self._retry, time.monotonic(), self._chance)
        while True:
            found = await self._try(exchange, attempts.timeout_s(time.monotonic()))
            if not isinstance(found, Away):
                return found
            again = exchange.may_go_again(found)
            wait_s = attempts.wait_s(time.monotonic(), found.asked_s) if again else None
            if wait_s is None:
                return exchange.without(found)
            await asyncio.sleep(wait_s)

    async def _try(self, exchange: Exchange[T], timeout_s: float) -> T | Away:
        content, headers = exchange.content, exchange.all_headers
        if isinstance(content, Path):
            headers |= {"Content-Length": str(content.stat().st_size)}
        try:
            response = await self._http.request(
                exchange.method,
                exchange.path,
                content=_blocks(content) if isinstance(content, Path) else content,
                headers=headers,
                timeout=timeout_s,
            )
        except AWAY as error:
            return _away(error)
        return exchange.outcome(response)

    def listed(self, listing: Listing[T]) -> AsyncPages[T]:
        """A list whose pages are asked for one after the other."""
        return AsyncPages(listing, self.run)

    async def drive(self, steps: Steps[T]) -> T:
        """Takes steps until they come to an end."""
        answer: Any = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as end:
                ended: T = end.value
                return ended
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
                answer = None
            else:
                answer = await self.run(step)
