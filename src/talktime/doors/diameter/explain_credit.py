"""One credit-control request as charging would take it: whose call, what it is, which operation.

The door's own rules, asked in the door's order: whether it is for us, the service that is charged, the
identity rules, and what is handed to the engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, assert_never

from talktime.doors.diameter.identity import NO_RULE
from talktime.doors.diameter.request import (
    EVENT,
    INITIAL,
    KINDS,
    PRICE_ENQUIRY,
    TERMINATION,
    UPDATE,
)
from talktime.doors.diameter.routing import NotOurs, asked_by, bringer, not_ours
from talktime.doors.diameter.settings import PeerSettings
from talktime.doors.diameter.turns import (
    NO_SERVICE,
    Turn,
    Uncharged,
    charged_service,
    operation_of,
    start_of,
)
from talktime.doors.diameter.wire.codes import Result
from talktime.live.operations import (
    ALL_SECONDS,
    NOT_ASKED,
    UNKNOWN_US,
    CancelCall,
    DebitCall,
    EndCall,
    ExtendCall,
    FinishCall,
    QuoteCall,
    RefundCall,
    ReportCall,
    StartCall,
)

if TYPE_CHECKING:
    from talktime.doors.diameter.identity import Understood
    from talktime.doors.diameter.request import CreditRequest
    from talktime.doors.diameter.settings import DiameterSettings
    from talktime.doors.diameter.wire.message import Message
    from talktime.live.operations import AnyOperation

NO_SETTINGS: Final = "no settings were given, so no rule says whose call it is"
REFUSED: Final = "nothing, it is refused"
BY_SESSION: Final = f"{NO_RULE}; the session is looked for by its id"

_ANY_PEER: Final = PeerSettings(
    host="",
    realm="",
    addresses=(),
    realms=(),
    relay=True,
    takes_reauth=False,
    takes_abort=False,
    tls=False,
    redirect_to="",
)


class Verdict(NamedTuple):
    """What live charging would make of a call: its category ("" if it cannot say), and sentences."""

    category: str
    sentences: tuple[str, ...]


class Judge(Protocol):
    """Who knows the tenants of a ledger; nothing is written."""

    def judge(self, call: StartCall, at_us: int) -> Verdict:
        """Classifies a call as at an instant, UNKNOWN_US is now."""


class Credit(NamedTuple):
    """A credit-control request as charging sees it. Seconds count from the last report.

    `asked_s` is None where nothing is asked for, NOT_ASKED where it asks for whatever it gets. `why` are
    sentences on what decided.
    """

    kind: str
    number: int
    asked_s: int | None
    used_s: int
    who: Understood | None
    category: str
    operation: str
    why: tuple[str, ...]


def credit_of(
    message: Message,
    request: CreditRequest,
    settings: DiameterSettings | None,
    judge: Judge | None,
    at_us: int,
) -> Credit:
    """What a request comes to; `at_us` is the instant of its capture or UNKNOWN_US. Raises BadAvp."""
    asked = asked_by(request, None if settings is None else bringer(request, settings))
    who = None if settings is None else settings.identities.understand(asked)
    groups = frozenset[int]() if settings is None else settings.rating_groups
    turn = Turn(message, request, _ANY_PEER, _nowhere, charged_service(request, groups))
    refused = None if settings is None else _refused(request, settings, who)
    why, category = [*(_no_one(request, settings) if who is None else who.why)], ""
    if refused is not None:
        at_door = f"{refused.sentence}; the answer is {int(refused.result)} {refused.result.name}"
        why = [at_door] if who is None else [at_door, *why]
    if who is not None:
        turn = turn._replace(who=who)
        if judge is not None and who.tenant:
            begun_us = at_us if request.event_us == UNKNOWN_US else request.event_us
            verdict = judge.judge(start_of(request, who), begun_us)
            category, why = verdict.category, [*why, *verdict.sentences]
    return Credit(
        kind=KINDS[request.kind],
        number=request.number,
        asked_s=turn.service.requested_s if turn.service.asks else None,
        used_s=turn.service.used_s,
        who=who,
        category=category,
        operation=_operation(turn) if refused is None else REFUSED,
        why=tuple(why),
    )


def _no_one(request: CreditRequest, settings: DiameterSettings | None) -> tuple[str]:
    if settings is None:
        return (NO_SETTINGS,)
    return (BY_SESSION if request.kind in (UPDATE, TERMINATION) else NO_RULE,)


def _refused(request: CreditRequest, settings: DiameterSettings, who: Understood | None) -> NotOurs | None:
    """Why a request goes no further; who may bring it is asked only where the settings name peers."""
    peer = (
        bringer(request, settings)
        if settings.peers
        else _ANY_PEER._replace(realms=(request.origin_realm.lower(),))
    )
    if peer is None:
        sentence = f"no peer of the settings may speak for host {request.origin_host!r}"
        return NotOurs(Result.UNKNOWN_PEER, sentence)
    refused = not_ours(request, settings, peer)
    if refused is None and who is None and request.kind in (INITIAL, EVENT):
        return NotOurs(Result.USER_UNKNOWN, NO_RULE)
    return refused


def _operation(turn: Turn) -> str:
    if turn.at == NO_SERVICE and turn.request.kind == TERMINATION:
        return f"{_words(operation_of(turn), turn)}; no service of it is charged"
    try:
        return _words(operation_of(turn), turn)
    except Uncharged as error:
        return f"nothing is charged: {error}"


def _words(operation: AnyOperation, turn: Turn) -> str:
    """An operation of the engine for people."""
    match operation:
        case StartCall():
            return f"start the call, {_asked(operation.requested_s)}"
        case ReportCall():
            return f"take a report of {operation.used_s:,} s, {_asked(operation.requested_s)}"
        case FinishCall():
            return f"end the call, {operation.duration_s:,} s since the last report"
        case DebitCall():
            return f"charge {operation.seconds:,} s at once"
        case RefundCall():
            seconds = "all seconds" if operation.seconds == ALL_SECONDS else f"{operation.seconds:,} s"
            return f"give back {seconds} of the direct debit {operation.call_id}"
        case QuoteCall():
            is_price = turn.request.action == PRICE_ENQUIRY
            wish = "tell the price of" if is_price else "tell whether there is money for"
            return f"{wish} {operation.seconds:,} s"
        case ExtendCall() | EndCall() | CancelCall():
            return type(operation).__name__  # operations of HTTP; no request becomes one
    assert_never(operation)


def _asked(requested_s: int) -> str:
    if requested_s == NOT_ASKED:
        return "as many seconds asked for as it gets"
    return f"{requested_s:,} s asked for" if requested_s else "nothing more is asked for"


def _nowhere(answer: bytes) -> None:
    """Nobody waits for an answer."""
    del answer
