"""What we ask of switches: to come back early when money has arrived, to end a call that is over here.

Only peers whose settings say so are asked (rulings.md 40). Money and the ends of calls come about in other
processes too, so the ledger is looked at; it is asked about the few sessions that wait for something only.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict, deque
from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol

from talktime.doors.diameter.wire.avps import BadAvp, avp_text, avp_u32, first, text, unsigned
from talktime.doors.diameter.wire.codes import CREDIT_CONTROL, Avp, Command, Result
from talktime.ledger.store import StoreAway

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from talktime.doors.diameter.sessions import Known, Sessions
    from talktime.doors.diameter.settings import DiameterSettings
    from talktime.doors.diameter.wire.message import Message

ROUND_S: Final = 2.0
"""Seconds between two looks at the ledger."""

MOST_A_LOOK: Final = 2_000
"""Sessions that one look asks the ledger about, and the most that it wakes: requests come first.

Of more, each look goes on where the last one stopped.
"""

AUTHORIZE_ONLY: Final = 0
UNKNOWN_RESULT: Final = 0
"""How a result code is counted that no RFC knows: what peers write must not name metrics."""

_RESULTS: Final = frozenset(map(int, Result))

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
        self._to_wake: deque[Known] = deque()
        self._to_look_at: Iterator[Known] = iter(())
        self.asked: Counter[str] = Counter()
        self.answered: Counter[tuple[int, int]] = Counter()

    async def keep(self) -> None:
        """Looks at the ledger until it is cancelled; does nothing where no peer takes such requests."""
        is_away = False
        while self._reauth or self._abort:
            await asyncio.sleep(self._round_s)
            try:
                await self.look()
                if is_away:
                    log.info("switches are called back again")
                is_away = False
            except StoreAway as error:
                if not is_away:  # said once, not at every look
                    log.warning("nobody is called back: %s", error)
                is_away = True
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
        self.answered[message.command, result if result in _RESULTS else UNKNOWN_RESULT] += 1
        if result == Result.UNKNOWN_SESSION_ID:
            self._sessions.ended(host, session_id)

    async def _reauthorise(self) -> None:
        """Calls that have their last grant are asked to come back when there is more money than there was."""
        if not self._reauth:
            return
        tenants = frozenset(self._sessions.tenants)
        self._seen = {tenant: micros for tenant, micros in self._seen.items() if tenant in tenants}
        asked = [tenant for tenant in self._sessions.short if self._is_waited_for(tenant)]
        available = await asyncio.to_thread(self._books.available, asked) if asked else {}
        for tenant, micros in available.items():
            more = micros > self._seen.get(tenant, 0)
            # What was too little for a second of a call is not told again until there is more of it.
            self._seen[tenant] = micros
            for known in list(self._sessions.short_of(tenant)) if more else ():
                if known.peer.lower() in self._reauth:
                    self._sessions.wants(known, more=False)
                    self._to_wake.append(known)
        for _ in range(min(len(self._to_wake), MOST_A_LOOK)):
            known = self._to_wake.popleft()
            if known in self._sessions:
                self._ask(known, Command.RE_AUTH, avp_u32(Avp.RE_AUTH_REQUEST_TYPE, AUTHORIZE_ONLY))

    def _is_waited_for(self, tenant: str) -> bool:
        """Whether a call of the tenant waits for money at a switch that can be told of it."""
        return any(known.peer.lower() in self._reauth for known in self._sessions.short_of(tenant))

    async def _end(self) -> None:
        """Calls that are over in the ledger, ended by a person or given up, are ended at the switch too."""
        if not self._abort:
            return
        open_calls: dict[str, list[Known]] = defaultdict(list)
        for known in self._some():
            if known.peer.lower() in self._abort and self._may_be_ended(known):
                open_calls[known.who.tenant].append(known)
        for tenant, calls in open_calls.items():
            over = await asyncio.to_thread(self._books.not_open, tenant, [known.call_id for known in calls])
            for known in calls:
                # Its switch may have ended it meanwhile, and has nothing to be told.
                if known.call_id in over and known in self._sessions:
                    self._ask(known, Command.ABORT_SESSION)
                    self._sessions.ended(known.origin_host, known.session_id)

    def _some(self) -> list[Known]:
        """The sessions whose turn it is to be looked at."""
        some = list(islice(self._to_look_at, MOST_A_LOOK))
        if not some:
            self._to_look_at = iter(list(self._sessions))
            some = list(islice(self._to_look_at, MOST_A_LOOK))
        return [known for known in some if known in self._sessions]

    def _may_be_ended(self, known: Known) -> bool:
        """An emergency call may be unknown to the ledger, which was full or away: it is never ended by us.

        What a call is, is not known of one that was found by its id.
        """
        call_type = known.who.call_type.lower()
        return bool(call_type) and not self._is_urgent(call_type)

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
