"""Carries deliveries out: claims what is due, sends at once, writes outcomes together.

Each channel has a lane of its own, each destination a share of it, and a destination that fails is left alone
for a while; so no dead mail server and no dead endpoint holds up what goes elsewhere. Delivered is at least
once: a worker that dies after a send and before the outcome is written leaves a lease that runs out, and the
delivery goes again under the same id. Any number of workers may run.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from talktime.core.limits import US_PER_S
from talktime.ledger.deliveries import CHAT, FAILED, MAIL, SENT, WAITING, WEBHOOK, Outcome
from talktime.ledger.engine import QueueFull, Stopping
from talktime.ledger.store import StoreAway, StoreBusy, UnknownOutcome
from talktime.notices.fan_out import read_tenants, read_webhooks
from talktime.notices.ladders import DISABLE_AFTER_US, TOO_OLD_US, Destinations, next_try_us
from talktime.notices.senders import Around
from talktime.notices.tried import End, Tried
from talktime.notices.webhook_commands import NoteWebhook

if TYPE_CHECKING:
    from talktime.ledger.deliveries import Claimed, Deliveries
    from talktime.ledger.engine import Command
    from talktime.notices.senders import Senders
    from talktime.notices.webhooks import Webhook

LEASE_US: Final = 120 * US_PER_S
"""How long a claim holds: longer than any try may take."""

START_BY_US: Final = 60 * US_PER_S
"""So long before its lease ends a delivery has to be under way; else it is given back."""

IN_HAND: Final = {MAIL: 64, WEBHOOK: 32, CHAT: 4}
"""Deliveries that are claimed at a time, by channel."""

EACH: Final = {MAIL: 32, WEBHOOK: 4, CHAT: 2}
"""Of these so many for one destination; mail goes by one server, and there it counts by tenant."""

AT_ONCE: Final = {MAIL: 4, WEBHOOK: 32, CHAT: 4}
"""Tries that are under way at a time; for mail these are connections, and many mails use each."""

MAX_UNWRITTEN: Final = 256
"""Outcomes that are written at a time."""

MAIL_SERVER: Final = ("", "")

Submit = Callable[["Command"], Awaitable[object]]
"""Hands a command to the engine; the answer comes once it is durable."""

log = logging.getLogger(__name__)


class Courier:
    """Delivers by all channels. `clock_us` is the time that ladders and leases go by."""

    def __init__(
        self, deliveries: Deliveries, senders: Senders, submit: Submit, clock_us: Callable[[], int]
    ) -> None:
        self._deliveries = deliveries
        self._senders = senders
        self._submit = submit
        self.clock_us = clock_us
        self._down = {channel: Destinations() for channel in IN_HAND}
        self._busy: dict[str, Counter[tuple[str, str]]] = {channel: Counter() for channel in IN_HAND}
        self._slots = {channel: asyncio.Semaphore(count) for channel, count in AT_ONCE.items()}
        self._tasks: set[asyncio.Task[None]] = set()
        self._outcomes: list[Outcome] = []
        self._noting: set[tuple[str, str]] = set()
        self._stopping = False
        self.finished = asyncio.Event()
        """Set where a try has ended: there is room, and an outcome to be written."""

    # --- claiming ----------------------------------------------------------------------------------------

    async def begin(self, channel: str) -> int:
        """Claims what is due of a channel and starts to send it; returns how many. Raises StoreAway."""
        if channel == MAIL and self._senders.mail is None:
            return 0
        claimed = await self._claim(channel)
        if not claimed:
            return 0
        names = {each.tenant for each in claimed}
        around = await asyncio.to_thread(self._read_around, names)
        for each in claimed:
            self._begin_one(each, around)
        return len(claimed)

    async def _claim(self, channel: str) -> list[Claimed]:
        """What is up first; of what failed just now one each, where its pause is over."""
        now_us, down, busy = self.clock_us(), self._down[channel], self._busy[channel]
        room = IN_HAND[channel] - busy.total()
        if room <= 0:
            return []
        down.forget_old(now_us)
        full = [known for known, count in busy.items() if count >= EACH[channel]]
        alone = down.alone(now_us)
        if channel == MAIL:
            if MAIL_SERVER in alone:
                return []
            room = 1 if down.is_down(MAIL_SERVER) else room
            return await self._take(channel, now_us, room, EACH[channel], full)
        failing = down.all()
        claimed = await self._take(channel, now_us, room, EACH[channel], [*full, *failing])
        if len(failing) > len(alone) and len(claimed) < room:
            claimed += await self._take(channel, now_us, room - len(claimed), 1, [*full, *alone])
        return claimed

    async def _take(
        self, channel: str, now_us: int, limit: int, each: int, passed_over: list[tuple[str, str]]
    ) -> list[Claimed]:
        lease_us = now_us + LEASE_US
        return await asyncio.to_thread(
            self._deliveries.claim, channel, now_us, lease_us, limit, each, passed_over
        )

    def _read_around(self, names: set[str]) -> Around:
        tenants = read_tenants(self._deliveries.tenants(names))
        return Around(tenants, read_webhooks(self._deliveries.webhooks(names)))

    def _begin_one(self, claimed: Claimed, around: Around) -> None:
        self._busy[claimed.channel][_share(claimed)] += 1
        asks = self._down[claimed.channel].begun(_destination(claimed))
        task = asyncio.create_task(self._carry(claimed, around, asks), name=f"delivery {claimed.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- one delivery ------------------------------------------------------------------------------------

    async def _carry(self, claimed: Claimed, around: Around, asks: bool) -> None:
        """Tries one when its turn comes. `asks`: it asks a destination that failed whether it is up again."""
        async with self._slots[claimed.channel]:
            now_us, down = self.clock_us(), self._down[claimed.channel]
            given_back = self._stopping or now_us > claimed.due_us - START_BY_US
            if given_back or (down.is_down(_destination(claimed)) and not asks):
                tried = None
            else:
                tried = await self._try(claimed, around)
        share, busy = _share(claimed), self._busy[claimed.channel]
        busy[share] -= 1
        if not busy[share]:
            del busy[share]
        now_us = self.clock_us()
        self._outcomes.append(_outcome(claimed, tried, now_us))
        self.finished.set()
        if tried is None:
            return
        if tried.end is End.UNREACHED:
            down.failed(_destination(claimed), now_us)
        else:
            down.succeeded(_destination(claimed))
        webhook = around.webhook(claimed) if claimed.channel == WEBHOOK else None
        if webhook is not None and webhook.is_on:
            await self._note(claimed.tenant, webhook, tried, now_us)

    async def _try(self, claimed: Claimed, around: Around) -> Tried:
        now_us = self.clock_us()
        if now_us - claimed.at_us > TOO_OLD_US:
            return Tried(End.HOPELESS, "it waited so long that it is no news; it can be sent again by hand")
        try:
            return await self._senders.send(claimed, around, now_us)
        except Exception as error:  # whatever one message holds, the others go on
            log.exception("delivery %d of tenant %r could not be tried", claimed.id, claimed.tenant)
            return Tried(End.LATER, f"the message could not be made: {type(error).__name__}")

    async def _note(self, tenant: str, webhook: Webhook, tried: Tried, now_us: int) -> None:
        """Has it noted, where this try changes how a webhook stands. Nobody waits for it."""
        key = (tenant, webhook.id)
        failed = tried.end is not End.SENT
        since_us = webhook.failing_since_us
        is_over = since_us and now_us - since_us >= DISABLE_AFTER_US
        news = (not since_us or is_over or tried.end is End.GONE) if failed else bool(since_us)
        if not news or key in self._noting:
            return
        self._noting.add(key)
        try:
            await self._submit(NoteWebhook(tenant, webhook.id, failed, tried.end is End.GONE))
        except (QueueFull, Stopping, StoreAway, StoreBusy, UnknownOutcome) as error:
            log.warning(
                "webhook %s of tenant %r: its state could not be noted: %s", webhook.id, tenant, error
            )
        finally:
            self._noting.discard(key)

    # --- outcomes ----------------------------------------------------------------------------------------

    async def write(self) -> int:
        """Writes the outcomes that are there, in one transaction; keeps them where the database is away.

        Returns how many were written.
        """
        self.finished.clear()
        batch = self._outcomes[:MAX_UNWRITTEN]
        if not batch:
            return 0
        try:
            await asyncio.to_thread(self._deliveries.write, batch)
        except StoreAway:
            self.finished.set()  # they are still to be written
            raise
        del self._outcomes[: len(batch)]
        return len(batch)

    def is_busy(self, channel: str) -> bool:
        """Whether something of a channel is under way: there may be room again soon."""
        return bool(self._busy[channel])

    @property
    def under_way(self) -> int:
        """Tries that have not ended."""
        return len(self._tasks)

    def stop(self) -> None:
        """Begins nothing more: what is claimed and not under way is given back."""
        self._stopping = True

    async def finish(self) -> None:
        """Waits until what is under way has ended, and writes it."""
        while self._tasks or self._outcomes:
            if self._tasks:
                await asyncio.wait(self._tasks)
            await self.write()


def _destination(claimed: Claimed) -> tuple[str, str]:
    """What fails together."""
    return MAIL_SERVER if claimed.channel == MAIL else (claimed.tenant, claimed.recipient)


def _share(claimed: Claimed) -> tuple[str, str]:
    """What shares the places of a lane."""
    return (claimed.tenant, "") if claimed.channel == MAIL else (claimed.tenant, claimed.recipient)


def _outcome(claimed: Claimed, tried: Tried | None, now_us: int) -> Outcome:
    """What is written: sent, the next rung of the ladder, failed for good; None: given back untried."""
    key = (claimed.tenant, claimed.id, claimed.due_us)
    if tried is None:
        return Outcome(*key, WAITING, now_us, 0, "", claimed.tries - 1)
    state, due_us, sent_us = WAITING, 0, 0
    if tried.end is End.SENT:
        state, due_us, sent_us = SENT, claimed.due_us, now_us
    elif tried.end in (End.UNREACHED, End.LATER):
        due_us = next_try_us(claimed.channel, claimed.tries, now_us)
    if not due_us:
        state, due_us = FAILED, claimed.due_us
    return Outcome(*key, state, due_us, sent_us, tried.kept_error, claimed.tries)
