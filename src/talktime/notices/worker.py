"""The worker that tells people: fans notices out, carries deliveries, for as long as its process lives.

One call wires all of it; a process runs `NoticeWorker.run` as a task. Cancelling it lets what is under way
end and writes it down; killing it loses nothing, since claims are leases.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from talktime.catalog.side import load_roles
from talktime.ledger.deliveries import CHANNELS, Deliveries
from talktime.ledger.store import StoreAway
from talktime.notices.chat import ChatSender, load_chat
from talktime.notices.courier import Courier, Submit
from talktime.notices.fan_out import FanOut
from talktime.notices.mail import MailSender
from talktime.notices.senders import Senders
from talktime.notices.texts import load_texts
from talktime.notices.webhook_sender import WebhookSender
from talktime.notices.wording import Wording

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from talktime.catalog.model import Catalogue
    from talktime.ledger.database import DatabaseUrl
    from talktime.notices.mail import MailSettings

POLL_S: Final = 1.0
"""Seconds between two looks for work where there was none."""

GATHER_S: Final = 0.1
"""Seconds for which outcomes gather before they are written together."""

AWAY_S: Final = 5.0
"""Seconds of rest after the database did not answer."""

FINISH_S: Final = 15.0
"""Seconds that what is under way may take once the worker has to stop."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NoticeSettings:
    """What the installation says: the mail server (None: mails wait), where the admin center is.

    `private_allowed`: webhooks and chat rooms may name private addresses (a webhook has to say so as well).
    """

    mail: MailSettings | None = None
    base_url: str = ""
    private_allowed: bool = False


class NoticeWorker:
    """Fan-out and courier on one database."""

    def __init__(self, deliveries: Deliveries, fan_out: FanOut, courier: Courier, senders: Senders) -> None:
        self.deliveries = deliveries
        self.fan_out = fan_out
        self.courier = courier
        self._senders = senders
        self._clock_us: Callable[[], int] = courier.clock_us

    async def run(self) -> None:
        """Works until it is cancelled."""
        steps = [self._fan_out_step, self._write_step, *(self._lane(channel) for channel in CHANNELS)]
        tasks = [asyncio.create_task(_for_ever(step)) for step in steps]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._finish()

    async def _finish(self) -> None:
        try:
            self.courier.stop()
            async with asyncio.timeout(FINISH_S):
                await self.courier.finish()
        except (TimeoutError, StoreAway):
            log.warning("%d deliveries were left under way; they go again", self.courier.under_way)
        await self._senders.close()

    async def step(self) -> int:
        """Does all that is due once and waits for its end; returns how much it found."""
        found = await self._fan_out_step_count()
        while begun := sum([await self.courier.begin(channel) for channel in CHANNELS]):
            found += begun
            await self.courier.finish()
        return found

    async def _fan_out_step_count(self) -> int:
        total = 0
        while count := await asyncio.to_thread(self.fan_out.step, self._clock_us()):
            total += count
        return total

    async def _fan_out_step(self) -> float:
        count = await asyncio.to_thread(self.fan_out.step, self._clock_us())
        return GATHER_S if count else POLL_S

    async def _write_step(self) -> float:
        await self.courier.finished.wait()
        await asyncio.sleep(GATHER_S)
        while await self.courier.write():
            pass
        return 0

    def _lane(self, channel: str) -> Callable[[], Awaitable[float]]:
        async def step() -> float:
            begun = await self.courier.begin(channel)
            return GATHER_S if begun or self.courier.is_busy(channel) else POLL_S

        return step


async def _for_ever(step: Callable[[], Awaitable[float]]) -> None:
    """A step again and again, with the rest that it asks for between."""
    while True:
        try:
            rest_s = await step()
        except StoreAway as error:
            log.warning("notices wait: %s", error)
            rest_s = AWAY_S
        except Exception:  # a worker that ends tells nobody anything
            log.exception("a step of the notices worker failed")
            rest_s = AWAY_S
        await asyncio.sleep(rest_s)


def notice_worker(
    url: DatabaseUrl,
    catalogue: Catalogue,
    settings: NoticeSettings,
    submit: Submit,
    clock_us: Callable[[], int],
) -> NoticeWorker:
    """A worker with all its channels. `submit`: the engine's, for what changes a webhook.

    Call it where an event loop runs: its connections belong to it.
    """
    deliveries = Deliveries(url)
    senders = Senders(
        wording=Wording(load_texts(), catalogue),
        webhook=WebhookSender(private_allowed=settings.private_allowed),
        chat=ChatSender(load_chat(), private_allowed=settings.private_allowed),
        mail=None if settings.mail is None else MailSender(settings.mail),
        base_url=settings.base_url,
    )
    courier = Courier(deliveries, senders, submit, clock_us)
    return NoticeWorker(deliveries, FanOut(deliveries, load_roles()), courier, senders)
