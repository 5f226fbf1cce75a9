"""A credit-control request while it is being answered, and the operation that it asks of the desk.

Sessions count from their last report, events are charged at once. Which service of a request is charged is
the settings' choice; a call is one service, so a second one that runs beside it is told that it has no rate.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.doors.diameter.identity import Understood
from talktime.doors.diameter.request import (
    DEBIT,
    INITIAL,
    NONE,
    REFUND,
    TERMINATION,
    UPDATE,
    Service,
    correlation_of,
)
from talktime.live.operations import (
    ALL_SECONDS,
    NOT_ASKED,
    AnyOperation,
    DebitCall,
    FinishCall,
    QuoteCall,
    RefundCall,
    ReportCall,
    StartCall,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from talktime.doors.diameter.request import CreditRequest
    from talktime.doors.diameter.settings import PeerSettings
    from talktime.doors.diameter.wire.message import Message

NO_SERVICE: Final = -1
NOTHING: Final = Service(NONE, NONE, asks=False, requested_s=NOT_ASKED, used_s=0)
NOBODY: Final = Understood("", "", "", "", "", "", ())


class Uncharged(Exception):  # noqa: N818 - an answer
    """The request asks for nothing that can be charged; the text says why."""


class Turn(NamedTuple):
    """A request and where its answer goes. `at`: the index of the service that is charged, or NO_SERVICE."""

    message: Message
    request: CreditRequest
    peer: PeerSettings
    reply: Callable[[bytes], None]
    at: int
    who: Understood = NOBODY

    @property
    def service(self) -> Service:
        """What is charged; of a request that names other services only, one that used nothing."""
        return NOTHING if self.at == NO_SERVICE else self.request.services[self.at]

    @property
    def only_reports(self) -> bool:
        """Whether seconds are reported and none are asked for: there is nothing to grant or to deny."""
        return self.request.kind == UPDATE and not self.service.asks


def charged_service(request: CreditRequest, rating_groups: frozenset[int]) -> int:
    """The index of the first service of one of these rating groups (none: of any), or NO_SERVICE."""
    if not rating_groups or not request.has_mscc:
        return 0
    found = (at for at, service in enumerate(request.services) if service.rating_group in rating_groups)
    return next(found, NO_SERVICE)


def operation_of(turn: Turn) -> AnyOperation:
    """What a request asks of the desk. Raises Uncharged, or BadAvp for a correlation that is no text."""
    request, who, service = turn.request, turn.who, turn.service
    if turn.at == NO_SERVICE and request.kind != TERMINATION:
        raise Uncharged("none of the rating groups of the request is charged here")
    if request.kind == INITIAL:
        return start_of(request, who, service.requested_s or NOT_ASKED)
    if request.kind == UPDATE:
        asked_s = (service.requested_s or NOT_ASKED) if service.asks else 0
        return ReportCall(who.tenant, request.call_id, request.number, service.used_s, asked_s)
    if request.kind == TERMINATION:
        return FinishCall(
            who.tenant, request.call_id, request.number, service.used_s, ended_us=request.event_us
        )
    return _event(turn)


def start_of(request: CreditRequest, who: Understood, requested_s: int = NOT_ASKED) -> StartCall:
    """The call as it begins, or would begin, with this request."""
    return StartCall(
        who.tenant,
        request.call_id,
        request.number,
        who.call_type,
        who.user,
        who.service_number,
        who.caller,
        who.callee,
        requested_s,
        request.event_us,
    )


def _event(turn: Turn) -> DebitCall | RefundCall | QuoteCall:
    request, who, seconds = turn.request, turn.who, turn.service.requested_s
    if request.action == REFUND:
        debit = correlation_of(request)
        call_id = request._replace(session_id=debit).call_id if debit else request.call_id
        return RefundCall(
            who.tenant, call_id, _refund_sequence(request), seconds if seconds > 0 else ALL_SECONDS
        )
    sides = (who.user, who.service_number, who.caller, who.callee, request.event_us)
    if request.action != DEBIT:
        return QuoteCall(who.tenant, who.call_type, max(seconds, 0), *sides)
    if seconds <= 0:
        raise Uncharged("a direct debit names its seconds: CC-Time in Requested-Service-Unit")
    return DebitCall(who.tenant, request.call_id, request.number, who.call_type, seconds, *sides)


def _refund_sequence(request: CreditRequest) -> int:
    """What tells the refunds of one debit apart: each may be a session of its own, and begin at number 0."""
    own = f"{request.number} {request.session_id}"
    return int.from_bytes(blake2b(own.encode(), digest_size=6).digest())
