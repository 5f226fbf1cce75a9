"""A credit-control request as the charging of calls sees it: a session, what it used, what it asks for.

A tolerant reader: real clients send AVPs twice (the first counts), leave out Auth-Application-Id (the header
says it) and bring AVPs that belong to other applications. What is needed and missing is refused by its name.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final, NamedTuple

from talktime.doors.diameter.identity import Asked
from talktime.doors.diameter.wire.avps import (
    Avps,
    BadAvp,
    avp,
    every,
    first,
    missing,
    needed,
    text,
    unix_s,
    unsigned,
    walk,
)
from talktime.doors.diameter.wire.codes import VENDOR_3GPP, Avp, Result
from talktime.doors.diameter.wire.message import Message
from talktime.live.operations import NOT_ASKED, UNKNOWN_US

INITIAL: Final = 1
UPDATE: Final = 2
TERMINATION: Final = 3
EVENT: Final = 4
KINDS: Final = {INITIAL: "initial", UPDATE: "update", TERMINATION: "termination", EVENT: "event"}
"""CC-Request-Types in words, as the metrics and `explain` say them."""

DEBIT: Final = 0
REFUND: Final = 1
CHECK_BALANCE: Final = 2
PRICE_ENQUIRY: Final = 3
ACTIONS: Final = frozenset((DEBIT, REFUND, CHECK_BALANCE, PRICE_ENQUIRY))

NONE: Final = -1
"""A rating group, a service or an action that the request does not name."""

MAX_SERVICES: Final = 32
MAX_CALL_ID: Final = 128
KEPT_OF_LONG_ID: Final = 63
"""So many characters of a Session-Id that is longer than a call id may be stay readable."""

US_PER_S: Final = 1_000_000


class Service(NamedTuple):
    """One Multiple-Services-Credit-Control, or what stands beside it at the top (RFC 8506 8.16).

    Seconds; `used_s` is the sum of all Used-Service-Units: they count from the last report. `requested_s`
    is NOT_ASKED where units are asked for without a number; `asks` says whether they are asked for at all.
    """

    rating_group: int
    service_id: int
    asks: bool
    requested_s: int
    used_s: int


class CreditRequest(NamedTuple):
    """A Credit-Control-Request (RFC 8506 3.1), read as far as charging needs it; `kind` is 416."""

    session_id: str
    origin_host: str
    origin_realm: str
    destination_host: str
    destination_realm: str
    context: str
    kind: int
    number: int
    event_us: int
    action: int
    services: tuple[Service, ...]
    has_mscc: bool
    avps: Avps

    @property
    def call_id(self) -> str:
        """The Session-Id as the id of a call; a longer one keeps its beginning and gets a digest."""
        if len(self.session_id) <= MAX_CALL_ID:
            return self.session_id
        digest = blake2b(self.session_id.encode(), digest_size=32).hexdigest()
        return f"{self.session_id[:KEPT_OF_LONG_ID]}~{digest}"


def read_request(message: Message) -> CreditRequest:
    """Reads a request. Raises BadAvp with the result code and the AVP that is wrong or missing."""
    avps = message.avps()
    session_id = _needed_text(avps, Avp.SESSION_ID)
    kind = _needed_number(avps, Avp.CC_REQUEST_TYPE)
    if kind not in KINDS:
        raise _wrong(Avp.CC_REQUEST_TYPE, avps, f"CC-Request-Type {kind} is none of 1 to 4")
    action = _number(avps, Avp.REQUESTED_ACTION, NONE)
    if kind == EVENT and action not in ACTIONS:
        if action == NONE:
            raise missing(Avp.REQUESTED_ACTION)
        raise _wrong(Avp.REQUESTED_ACTION, avps, f"Requested-Action {action} is none of 0 to 3")
    multiple = every(avps, Avp.MULTIPLE_SERVICES_CREDIT_CONTROL)
    if len(multiple) > MAX_SERVICES:
        raise BadAvp(
            Result.AVP_OCCURS_TOO_MANY_TIMES,
            avp(Avp.MULTIPLE_SERVICES_CREDIT_CONTROL, multiple[MAX_SERVICES]),
            f"a request has at most {MAX_SERVICES} services",
        )
    return CreditRequest(
        session_id=session_id,
        origin_host=_needed_text(avps, Avp.ORIGIN_HOST),
        origin_realm=_needed_text(avps, Avp.ORIGIN_REALM),
        destination_host=_text(avps, Avp.DESTINATION_HOST),
        destination_realm=_needed_text(avps, Avp.DESTINATION_REALM),
        context=_needed_text(avps, Avp.SERVICE_CONTEXT_ID),
        kind=kind,
        number=_needed_number(avps, Avp.CC_REQUEST_NUMBER),
        event_us=_event_us(avps),
        action=action,
        services=tuple([_service(walk(each)) for each in multiple]) or _alone(avps),
        has_mscc=bool(multiple),
        avps=avps,
    )


def who_asks(request: CreditRequest) -> Asked:
    """Who the request is about, and which numbers are on the line. Raises BadAvp."""
    avps = request.avps
    information = first(avps, Avp.SERVICE_INFORMATION, VENDOR_3GPP)
    service = [] if information is None else walk(information)
    inside = first(service, Avp.IMS_INFORMATION, VENDOR_3GPP)
    ims = [] if inside is None else walk(inside)
    has_role = first(ims, Avp.ROLE_OF_NODE, VENDOR_3GPP) is not None
    subscriptions = every(avps, Avp.SUBSCRIPTION_ID) or every(service, Avp.SUBSCRIPTION_ID)
    return Asked(
        origin_realm=request.origin_realm,
        destination_realm=request.destination_realm,
        context=request.context,
        subscriptions=tuple([_subscription(walk(each)) for each in subscriptions]),
        calling=_text(ims, Avp.CALLING_PARTY_ADDRESS, VENDOR_3GPP),
        called=_text(ims, Avp.CALLED_PARTY_ADDRESS, VENDOR_3GPP),
        role=_number(ims, Avp.ROLE_OF_NODE, NONE, VENDOR_3GPP) if has_role else None,
    )


def correlation_of(request: CreditRequest) -> str:
    """CC-Correlation-Id as text: of a refund, the Session-Id of what was debited; "" where there is none."""
    payload = first(request.avps, Avp.CC_CORRELATION_ID)
    return "" if payload is None else text(Avp.CC_CORRELATION_ID, payload)


def _service(avps: Avps) -> Service:
    return Service(
        _number(avps, Avp.RATING_GROUP, NONE),
        _number(avps, Avp.SERVICE_IDENTIFIER, NONE),
        *_asked_and_used(avps),
    )


def _alone(avps: Avps) -> tuple[Service, ...]:
    """The units of a request that names no services: at the top, for the one service of its context."""
    asks, requested_s, used_s = _asked_and_used(avps)
    return (Service(NONE, NONE, asks, requested_s, used_s),)


def _asked_and_used(avps: Avps) -> tuple[bool, int, int]:
    requested = first(avps, Avp.REQUESTED_SERVICE_UNIT)
    requested_s = NOT_ASKED if requested is None else _number(walk(requested), Avp.CC_TIME, NOT_ASKED)
    used = every(avps, Avp.USED_SERVICE_UNIT)
    used_s = sum([_number(walk(each), Avp.CC_TIME, 0) for each in used])
    return requested is not None, requested_s, used_s


def _subscription(avps: Avps) -> tuple[int, str]:
    return _needed_number(avps, Avp.SUBSCRIPTION_ID_TYPE), _needed_text(avps, Avp.SUBSCRIPTION_ID_DATA)


def _event_us(avps: Avps) -> int:
    payload = first(avps, Avp.EVENT_TIMESTAMP)
    return UNKNOWN_US if payload is None else unix_s(Avp.EVENT_TIMESTAMP, payload) * US_PER_S


def _text(avps: Avps, code: Avp, vendor: int = 0) -> str:
    payload = first(avps, code, vendor)
    return "" if payload is None else text(code, payload, vendor)


def _needed_text(avps: Avps, code: Avp) -> str:
    payload = needed(avps, code)
    if not payload:
        raise _wrong(code, avps, f"{code.name} is empty")
    return text(code, payload)


def _number(avps: Avps, code: Avp, absent: int, vendor: int = 0) -> int:
    payload = first(avps, code, vendor)
    return absent if payload is None else unsigned(code, payload, vendor)


def _needed_number(avps: Avps, code: Avp) -> int:
    return unsigned(code, needed(avps, code))


def _wrong(code: Avp, avps: Avps, sentence: str) -> BadAvp:
    return BadAvp(Result.INVALID_AVP_VALUE, avp(code, first(avps, code) or b""), sentence)
