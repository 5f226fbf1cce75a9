"""From credit-control requests to operations of the desk, and from their answers to those of the wire.

No rule lives here: who asks is data (`identity`), what happens is decided by `live`, which code says so is
one table (`results`). A repeat is the same operation with the same sequence, which the ledger has answered.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from talktime.core.refusals import Refusal
from talktime.doors.diameter.answers import (
    Cost,
    Granted,
    Writer,
    check_balance_result,
    cost_information,
    explained,
    service_answer,
    units,
)
from talktime.doors.diameter.identity import ANY, NO_RULE
from talktime.doors.diameter.request import (
    CHECK_BALANCE,
    DEBIT,
    EVENT,
    INITIAL,
    KINDS,
    TERMINATION,
    UPDATE,
    read_request,
    who_asks,
)
from talktime.doors.diameter.results import result_of_fault, result_of_refusal
from talktime.doors.diameter.routing import asked_by, not_ours
from talktime.doors.diameter.turns import (
    NO_SERVICE,
    NOBODY,
    Turn,
    Uncharged,
    charged_service,
    operation_of,
)
from talktime.doors.diameter.wire.avps import BadAvp
from talktime.doors.diameter.wire.codes import Result
from talktime.ledger.engine import QueueFull, Stopping
from talktime.ledger.store import StoreAway, StoreBusy, UnknownOutcome
from talktime.live.answers import Allowed, Denied, Fault, FaultCode, Quoted, Settled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from talktime.doors.diameter.identity import Understood
    from talktime.doors.diameter.sessions import Sessions
    from talktime.doors.diameter.settings import DiameterSettings, PeerSettings
    from talktime.doors.diameter.wire.message import Message
    from talktime.live.desk import Desk

UNREAD: Final = "unread"
UNAVAILABLE: Final = (QueueFull, Stopping, StoreAway, StoreBusy, UnknownOutcome)
"""Nothing was done, or nobody knows: the same request again, here or at another server, finds out."""

MOST_FINDING: Final = 256
"""Sessions that are looked for in the ledger at one time: each holds a thread, which others need too."""

COST_UNIT: Final = "call"

log = logging.getLogger(__name__)


class Finder(Protocol):
    """Whose session is it, where its request does not say? Asks the ledger, so it blocks."""

    def __call__(self, call_id: str, tenants: Sequence[str]) -> str | None:
        """The tenant of these that has a call of this id. Raises StoreAway."""


class Charging:
    """Answers credit-control requests from a desk. `numbers`: currencies by their number in ISO 4217."""

    def __init__(
        self,
        desk: Desk,
        settings: DiameterSettings,
        sessions: Sessions,
        find: Finder,
        numbers: Mapping[str, int],
    ) -> None:
        self._desk = desk
        self._settings = settings
        self._sessions = sessions
        self._find = find
        self._numbers = numbers
        self._writer = Writer(settings.host, settings.realm)
        self._finding: set[asyncio.Task[None]] = set()
        self._latest: dict[str, asyncio.Task[None]] = {}
        self.counted: Counter[tuple[str, int]] = Counter()
        """Answers by (kind of request, result code); the metrics show it."""

    # --- a request comes ------------------------------------------------------------------------------------

    def take(self, message: Message, peer: PeerSettings, reply: Callable[[bytes], None]) -> None:
        """Answers a request: at once, or when the answer is durable. Never raises."""
        try:
            request = read_request(message)
            turn = Turn(message, request, peer, reply, charged_service(request, self._settings.rating_groups))
            self._route(turn)
        except BadAvp as error:
            self.counted[UNREAD, error.result] += 1
            reply(self._writer.unreadable(message, message.readable(), error))
        except Exception:
            # A defect of ours harms this one request: its switch is told, the others' go on.
            log.exception("a request could not be taken in")
            self.counted[UNREAD, Result.UNABLE_TO_COMPLY] += 1
            reply(self._writer.fault(message, [], Result.UNABLE_TO_COMPLY, "the log says more"))

    def _route(self, turn: Turn) -> None:
        """Whom is it about? Raises BadAvp."""
        request = turn.request
        refused = not_ours(request, self._settings, turn.peer)
        if refused is not None:
            self._refuse(turn, *refused)
            return
        known = None if request.kind in (INITIAL, EVENT) else self._sessions.of(request)
        who = known.who if known is not None else self._understood(turn)
        if who is not None:
            self._hand_in(turn._replace(who=who))
        elif request.kind in (UPDATE, TERMINATION):
            self._look_for(turn)
        else:
            self._refuse(turn, Result.USER_UNKNOWN, NO_RULE)

    def _look_for(self, turn: Turn) -> None:
        """Has the session of a request looked for, after earlier requests of the same session."""
        if len(self._finding) >= MOST_FINDING:
            self._refuse(turn, Result.TOO_BUSY, "too many sessions are looked for; repeat the same request")
            return
        call_id = turn.request.call_id
        task = asyncio.ensure_future(self._find_out(turn, self._latest.get(call_id)))
        self._finding.add(task)
        self._latest[call_id] = task
        task.add_done_callback(partial(self._found_out, call_id))

    def _found_out(self, call_id: str, task: asyncio.Task[None]) -> None:
        self._finding.discard(task)
        if self._latest.get(call_id) is task:
            del self._latest[call_id]

    async def _find_out(self, turn: Turn, earlier: asyncio.Task[None] | None) -> None:
        """Looks in the ledger for a session whose request says nothing of a subscription that we know.

        A termination that overtook the report before it would leave its seconds unpaid.
        """
        request = turn.request
        if earlier is not None:
            await asyncio.wait([earlier])
        try:
            tenant = await asyncio.to_thread(self._find, request.call_id, self._tenants(turn))
        except StoreAway as error:
            self._refuse(turn, Result.TOO_BUSY, f"{error}; repeat the same request")
        except Exception:
            log.exception("session %r could not be looked for", request.session_id)
            self._refuse(turn, Result.UNABLE_TO_COMPLY, "the log says more")
        else:
            if tenant is None and _is_of_somebody(turn) and _ends_unused(turn):
                self._told(turn, Result.SUCCESS)  # no rule knows them, so its initial request was refused
            elif tenant is None:
                self._refuse(turn, Result.UNKNOWN_SESSION_ID, "no such session")
            else:
                self._hand_in(turn._replace(who=NOBODY._replace(tenant=tenant)))

    def _understood(self, turn: Turn) -> Understood | None:
        return self._settings.identities.understand(asked_by(turn.request, turn.peer))

    def _tenants(self, turn: Turn) -> list[str]:
        """Whose sessions may come from the realms of a request."""
        asked = asked_by(turn.request, turn.peer)
        realms = {asked.origin_realm.lower(), asked.destination_realm.lower(), ANY}
        return sorted({rule.tenant for rule in self._settings.identities.rules if rule.realm in realms})

    def _hand_in(self, turn: Turn) -> None:
        try:
            handed = self._desk.submit(operation_of(turn))
        except Uncharged as error:
            if self._is_urgent(turn):
                self._let_through(turn._replace(at=0))
                return
            self._told(turn, Result.RATING_FAILED, sentence=str(error))
        except BadAvp:
            raise
        except Exception as error:  # noqa: BLE001 - told to the switch, and in the log
            self._failed(turn, error)
        else:
            handed.add_done_callback(partial(self._answered, turn))

    # --- its answer comes back ------------------------------------------------------------------------------

    def _answered(self, turn: Turn, handed: asyncio.Future[object]) -> None:
        try:
            self._answer(turn, handed)
        except Exception:
            # Whatever our defect is, a request that is never answered would hold its link up for ever.
            log.exception("the answer to session %r could not be written", turn.request.session_id)
            self._refuse(turn, Result.UNABLE_TO_COMPLY, "the log says more")

    def _answer(self, turn: Turn, handed: asyncio.Future[object]) -> None:
        # Whoever ends the desk may cancel what it still has: nothing was done, or nobody knows.
        error = Stopping("the service is stopping") if handed.cancelled() else handed.exception()
        if error is not None:
            self._failed(turn, error)
            return
        answer = handed.result()
        match answer:
            case Allowed():
                self._allowed(turn, answer)
            case Settled():
                self._settled(turn, answer)
            case Denied() | Fault() if self._is_urgent(turn):
                self._let_through(turn)
            case Quoted() if answer.reason and self._is_urgent(turn):
                self._let_through(turn)
            case Quoted():
                self._quoted(turn, answer)
            case Denied():
                self._denied(turn, answer)
            case Fault():
                self._unfit(turn, answer)
            case _:
                log.error("the desk answered session %r with %r", turn.request.session_id, answer)
                self._told(turn, Result.UNABLE_TO_COMPLY)

    def _allowed(self, turn: Turn, answer: Allowed) -> None:
        grant, is_initial = answer.grant, turn.request.kind == INITIAL
        final = bool(grant.final)
        self._sessions.granted(turn.request, turn.peer.host, turn.who, final=final)
        if turn.only_reports:
            self._told(turn, Result.SUCCESS)
            return
        # Seconds count from the answer: while it rings the promise holds for longer than its seconds.
        ringing_s = self._desk.rules.pace.ringing_s if is_initial else 0
        valid_s = grant.ask_again_s or grant.granted_s + ringing_s
        self._told(turn, Result.SUCCESS, Granted(grant.granted_s, valid_s, final))

    def _settled(self, turn: Turn, answer: Settled) -> None:
        request = turn.request
        if request.kind == TERMINATION:
            self._sessions.ended(request.origin_host, request.session_id)
            self._told(turn, Result.SUCCESS)
            return
        seconds = turn.service.requested_s
        granted = Granted(seconds, seconds) if request.action == DEBIT else None
        self._told(turn, Result.SUCCESS, granted, extra=self._cost(answer))

    def _quoted(self, turn: Turn, answer: Quoted) -> None:
        """A balance check is answered by yes or no, a price enquiry by what the seconds would cost.

        Who is unknown has neither, and what has no rate has no price: they are told as to a start.
        """
        facts, result = answer.facts, result_of_refusal(answer.reason)
        is_check = turn.request.action == CHECK_BALANCE
        if is_check and result in (Result.SUCCESS, Result.CREDIT_LIMIT_REACHED):
            is_enough = answer.reason == Refusal.NONE and answer.covered_s >= answer.seconds_s
            self._told(turn, Result.SUCCESS, extra=check_balance_result(is_enough=is_enough))
        elif is_check or not facts.category or (facts.paid and not facts.rated):
            self._told(turn, result, sentence=answer.detail)
        else:
            self._told(turn, Result.SUCCESS, extra=self._cost(answer))

    def _denied(self, turn: Turn, answer: Denied) -> None:
        if turn.only_reports:
            self._told(turn, Result.SUCCESS)
        else:
            self._told(turn, result_of_refusal(answer.reason), sentence=answer.detail)

    def _unfit(self, turn: Turn, answer: Fault) -> None:
        request = turn.request
        code = answer.code
        if code == FaultCode.UNKNOWN_CALL and turn.at == NO_SERVICE:
            code = FaultCode.DENIED_CALL  # its initial request named no service of ours: it was refused
        if code == FaultCode.UNKNOWN_TENANT and _ends_unused(turn):
            code = FaultCode.DENIED_CALL  # nor has a tenant that is not there any other
        # Seconds of a call that never was are not acknowledged as if they were paid.
        result = result_of_fault(code, ending=_ends_unused(turn))
        if result == Result.UNKNOWN_SESSION_ID:
            self._sessions.ended(request.origin_host, request.session_id)
        self._told(turn, result, sentence="" if result == Result.SUCCESS else answer.detail)

    def _failed(self, turn: Turn, error: BaseException) -> None:
        """What is told where the desk had no answer: come again. An emergency call is let through."""
        away = isinstance(error, UNAVAILABLE)
        if not away:
            log.error("the request of session %r failed", turn.request.session_id, exc_info=error)
        if self._is_urgent(turn):
            self._let_through(turn)
        elif away:
            self._refuse(turn, Result.TOO_BUSY, f"{error}; repeat the same request")
        else:
            self._told(turn, Result.UNABLE_TO_COMPLY, sentence="nothing was written; the log says more")

    def _is_urgent(self, turn: Turn) -> bool:
        return self._desk.rules.classifier.is_never_refused(turn.who.call_type.lower())

    def _let_through(self, turn: Turn) -> None:
        """An emergency call goes on whatever stands against it (rulings.md 24, 40)."""
        request = turn.request
        asked_s = turn.service.requested_s
        if request.kind == TERMINATION:
            self._sessions.ended(request.origin_host, request.session_id)
            self._told(turn, Result.SUCCESS)
            return
        if request.kind == EVENT:
            debited = Granted(asked_s, asked_s) if request.action == DEBIT and asked_s > 0 else None
            is_check = request.action == CHECK_BALANCE
            self._told(
                turn, Result.SUCCESS, debited, extra=check_balance_result(is_enough=True) if is_check else b""
            )
            return
        self._sessions.granted(request, turn.peer.host, turn.who, final=False)
        if turn.only_reports:
            self._told(turn, Result.SUCCESS)
            return
        seconds = asked_s if asked_s > 0 else self._desk.rules.pace.slice_s
        self._told(turn, Result.SUCCESS, Granted(seconds, seconds))

    def _cost(self, answer: Settled | Quoted) -> bytes:
        """What is paid; nothing where no tenant pays, so that there is no currency."""
        if not answer.currency:
            return b""
        return cost_information(Cost(answer.amount, self._numbers[answer.currency], COST_UNIT))

    # --- on the wire ----------------------------------------------------------------------------------------

    def _told(
        self,
        turn: Turn,
        result: Result,
        granted: Granted | None = None,
        *,
        sentence: str = "",
        extra: bytes = b"",
    ) -> None:
        """Writes an answer: each service of the request gets one, and one of them at most is charged."""
        request, parts = turn.request, []
        told = b"" if granted is None else units(granted, turn.peer.redirect_to)
        if not request.has_mscc:
            parts.append(told)
        for at, service in enumerate(request.services if request.has_mscc else ()):
            if at == turn.at:
                parts.append(service_answer(service, result, told))
            else:
                parts.append(service_answer(service, Result.RATING_FAILED))
        parts.append(extra)
        if sentence:
            parts.append(explained(sentence))
        self._write(turn, result, *parts)

    def _refuse(self, turn: Turn, result: Result, sentence: str) -> None:
        """Answers for the whole request, not for its services."""
        self._write(turn, result, explained(sentence))

    def _write(self, turn: Turn, result: Result, *parts: bytes) -> None:
        self.counted[KINDS[turn.request.kind], result] += 1
        turn.reply(self._writer.credit(turn.message, turn.request, result, *parts))


def _ends_unused(turn: Turn) -> bool:
    """Whether it is the end that clients send of a call that was refused: nothing was used."""
    return turn.request.kind == TERMINATION and turn.service.used_s == 0


def _is_of_somebody(turn: Turn) -> bool:
    """Whether the request says whom it is about."""
    asked = who_asks(turn.request)
    return bool(asked.subscriptions or asked.calling)
