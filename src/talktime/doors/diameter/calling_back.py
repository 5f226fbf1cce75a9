"""What we ask of switches: to come back early when money has arrived, to end a call that is over here.

Only peers whose settings say so are asked (rulings.md 40). Money and the ends of calls come about in other
processes too, so the ledger is looked at; it is asked about the few sessions that wait for something only.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final, Protocol

from talktime.doors.diameter.wire.avps import BadAvp, avp_text, avp_u32, first, text, unsigned
from talktime.doors.diameter.wire.codes import CREDIT_CONTROL, Avp, Command, Result
from talktime.ledger.store import StoreAway

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from talktime.doors.diameter.sessions import Known, Sessions
    from talktime.doors.diameter.settings import DiameterSettings
    from talktime.doors.diameter.wire.message import Message

ROUND_S: Final = 2.0
"""Seconds between two looks at the ledger."""

AUTHORIZE_ONLY: Final = 0

log = logging.getLogger(__name__)


class Books(Protocol):
    """What the ledger knows of tenants and calls; both block."""

    def available(self, tenants: Collection[str]) -> Mapping[str, int]:
        """The money that each could spend now, in micros."""

    def not_open(self, tenant: str, call_ids: Sequence[str]) -> Collection[str]:
        """Which of these calls are over."""


class Ways(Protocol):
    """How a request reaches a peer."""

    def ask(self, peer: str, command: Command, application: int, *parts: bytes) -> int | None:
        """Sends a request; None where the peer is not connected."""


class CallingBack:
    """Asks switches to come back. `asked` counts by command, `answered` by (command, result code).

    `is_urgent` says of a call type whether its calls are never refused.
    """

    def __init__(
        self,
        ways: Ways,
        settings: DiameterSettings,
        sessions: Sessions,
        books: Books,
        *,
        is_urgent: Callable[[str], bool],
        round_s: float = ROUND_S,
    ) -> None:
        self._ways = ways
        self._sessions = sessions
        self._books = books
        self._is_urgent = is_urgent
        self._round_s = round_s
        self._reauth = frozenset(peer.host.lower() for peer in settings.peers if peer.takes_reauth)
        self._abort = frozenset(peer.host.lower() for peer in settings.peers if peer.takes_abort)
        self._origin = avp_text(Avp.ORIGIN_HOST, settings.host) + avp_text(Avp.ORIGIN_REALM, settings.realm)
        self._seen: dict[str, int] = {}
        self.asked: Counter[str] = Counter()
        self.answered: Counter[tuple[int, int]] = Counter()

    async def keep(self) -> None:
        """Looks at the ledger until it is cancelled; does nothing where no peer takes such requests."""
        while self._reauth or self._abort:
            await asyncio.sleep(self._round_s)
            try:
                await self.look()
            except StoreAway as error:
                log.warning("nobody is called back: %s", error)
            except Exception:  # whatever it was, the next look may find the ledger in order
                log.exception("a look at the ledger failed")

    async def look(self) -> None:
        """One look: who has got money, which calls are over."""
        await self._reauthorise()
        await self._end()

    def take_answer(self, message: Message) -> None:
        """What a switch says to a request of ours; a session that it does not know is forgotten."""
        try:
            avps = message.avps()
            result = unsigned(Avp.RESULT_CODE, first(avps, Avp.RESULT_CODE) or b"")
            host = text(Avp.ORIGIN_HOST, first(avps, Avp.ORIGIN_HOST) or b"")
            session_id = text(Avp.SESSION_ID, first(avps, Avp.SESSION_ID) or b"")
        except BadAvp as error:
            log.warning("an answer of a peer cannot be read: %s", error)
            return
        self.answered[message.command, result] += 1
        if result == Result.UNKNOWN_SESSION_ID:
            self._sessions.ended(host, session_id)

    async def _reauthorise(self) -> None:
        """Calls that have their last grant are asked to come back when there is more money than there was."""
        waiting: dict[str, list[Known]] = {}
        for known in self._sessions:
            if known.peer.lower() in self._reauth:
                calls = waiting.setdefault(known.who.tenant, [])
                if known.wants_more:
                    calls.append(known)
        self._seen = {tenant: micros for tenant, micros in self._seen.items() if tenant in waiting}
        asked = [tenant for tenant, calls in waiting.items() if calls]
        if not asked:
            return
        available = await asyncio.to_thread(self._books.available, asked)
        for tenant, micros in available.items():
            more = micros > self._seen.get(tenant, 0)
            # What was too little for a second of a call is not told again until there is more of it.
            self._seen[tenant] = micros
            for known in waiting[tenant] if more else ():
                known.wants_more = False
                self._ask(known, Command.RE_AUTH, avp_u32(Avp.RE_AUTH_REQUEST_TYPE, AUTHORIZE_ONLY))

    async def _end(self) -> None:
        """Calls that are over in the ledger, ended by a person or given up, are ended at the switch too."""
        open_calls: dict[str, dict[str, Known]] = defaultdict(dict)
        for known in self._sessions:
            # An emergency call may be unknown to the ledger, which was full or away: it is never ended by us.
            if known.peer.lower() in self._abort and not self._is_urgent(known.who.call_type.lower()):
                open_calls[known.who.tenant][known.call_id] = known
        for tenant, calls in open_calls.items():
            for call_id in await asyncio.to_thread(self._books.not_open, tenant, list(calls)):
                known = calls[call_id]
                self._ask(known, Command.ABORT_SESSION)
                self._sessions.ended(known.origin_host, known.session_id)

    def _ask(self, known: Known, command: Command, *more: bytes) -> None:
        parts = (
            avp_text(Avp.SESSION_ID, known.session_id),
            self._origin,
            avp_text(Avp.DESTINATION_REALM, known.origin_realm),
            avp_text(Avp.DESTINATION_HOST, known.origin_host),
            avp_u32(Avp.AUTH_APPLICATION_ID, CREDIT_CONTROL),
            *more,
        )
        if self._ways.ask(known.peer, command, CREDIT_CONTROL, *parts) is not None:
            self.asked[command.name.lower()] += 1
