"""Chores of the admin process: what has to be done sooner or later, by whichever process comes first.

The sandbox's messages are taken in (a real gateway posts them); calls whose days are over lose their names.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from talktime.accounts.documents import tenant_of
from talktime.catalog.side import load_retention
from talktime.funding.events import take_event
from talktime.funding.sandbox import SandboxGateway
from talktime.insight.persons import keeping_of, numbers_country
from talktime.ledger.retention import forget_calls
from talktime.ledger.store import StoreAway

if TYPE_CHECKING:
    from collections.abc import Callable

    from talktime.catalog.model import Catalogue
    from talktime.funding.sandbox_messages import Message
    from talktime.ledger.database import DatabaseUrl
    from talktime.ledger.engine import Engine
    from talktime.ledger.reading import Reader

MESSAGES_S: Final = 1
RETENTION_S: Final = 6 * 3_600
"""Seconds between two looks for calls whose time has come: days are what counts."""

PAGE: Final = 200

log = logging.getLogger(__name__)


class SandboxMessages:
    """Hands the sandbox's messages to the ledger, as a gateway's post would."""

    def __init__(self, gateway: SandboxGateway, engine: Engine) -> None:
        self._gateway = gateway
        self._engine = engine

    async def keep(self) -> None:
        """Looks for messages until it is cancelled; one that could not be taken in comes again."""
        while True:
            await self.take_due()
            await asyncio.sleep(MESSAGES_S)

    async def take_due(self) -> int:
        """Takes in what is due; returns how many."""
        due = await asyncio.to_thread(self._gateway.pending_events, self._engine.clock_us())
        taken = 0
        for message in due:
            try:
                await self._take(message)
            except Exception:  # whatever is wrong with this one, the next one may be in order
                log.exception("message %d of the sandbox cannot be taken in; it comes again", message.number)
                await asyncio.to_thread(self._gateway.not_delivered, message)
            else:
                await asyncio.to_thread(self._gateway.delivered, message)
                taken += 1
        return taken

    async def _take(self, message: Message) -> None:
        event = self._gateway.read_event(message.body, message.headers)
        if event is not None:
            await take_event(self._engine, self._gateway, event)


class Retention:
    """Takes the names out of calls whose days are over (domain.md 12 and 15)."""

    def __init__(
        self, url: DatabaseUrl, reader: Reader, catalogue: Catalogue, clock_us: Callable[[], int]
    ) -> None:
        self._url = url
        self._reader = reader
        self._catalogue = catalogue
        self._clock_us = clock_us

    async def keep(self) -> None:
        """Looks every few hours until it is cancelled."""
        while True:
            try:
                done = await asyncio.to_thread(self.forget_due)
                if done:
                    log.info("%d charges have lost their names: their days are over", done)
            except StoreAway as error:
                log.warning("retention waits: %s", error)
            except Exception:  # begun again at once it would read all tenants every second
                log.exception("retention failed; it looks again at its time")
            await asyncio.sleep(RETENTION_S)

    def forget_due(self) -> int:
        """Goes through all tenants; returns from how many charges names were taken. Blocks."""
        after, done = "", 0
        country_of = numbers_country(self._catalogue)
        while page := self._reader.tenants(after, PAGE):
            after = page[-1].tenant
            for kept in page:
                try:
                    done += self._forget_of(kept.tenant, country_of)
                except StoreAway:
                    raise
                except Exception:  # what is wrong with one tenant is no reason to keep the names of others
                    log.exception("retention failed for tenant %r; the others go on", kept.tenant)
        return done

    def _forget_of(self, name: str, country_of: Callable[[str], str]) -> int:
        documents = self._reader.documents(name)
        if documents is None:
            return 0
        tenant = tenant_of(documents.tenant, documents.users, documents.service_numbers)
        keeping = keeping_of(tenant, load_retention(), self._clock_us())
        return forget_calls(self._url, keeping, country_of)
