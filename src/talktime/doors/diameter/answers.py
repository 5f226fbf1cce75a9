"""Credit-Control-Answers, written strictly: what RFC 8506 3.2 asks for, once, the fixed place first.

A grant of no seconds counts as a failure with clients in the field, so there is none: seconds or a refusal.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.doors.diameter.request import KINDS, NONE
from talktime.doors.diameter.wire.avps import avp, avp_group, avp_i32, avp_i64, avp_text, avp_u32, every
from talktime.doors.diameter.wire.codes import CREDIT_CONTROL, Avp, Result
from talktime.doors.diameter.wire.message import answer

if TYPE_CHECKING:
    from talktime.doors.diameter.request import CreditRequest, Service
    from talktime.doors.diameter.wire.avps import Avps, BadAvp
    from talktime.doors.diameter.wire.message import Message

TERMINATE: Final = 0
REDIRECT: Final = 1
IPV4: Final = 0
IPV6: Final = 1
URL: Final = 2
SIP_URI: Final = 3
ENOUGH_CREDIT: Final = 0
NO_CREDIT: Final = 1
FAILOVER_SUPPORTED: Final = 1
MICRO_EXPONENT: Final = -6
U32_BYTES: Final = 4
MAX_VALIDITY_S: Final = 0xFFFF_FFFF
REMEMBERED: Final = 1024
"""Grants whose bytes are remembered."""

_SESSION_ID: Final = int(Avp.SESSION_ID)
_CC_REQUEST_NUMBER: Final = int(Avp.CC_REQUEST_NUMBER)
_PROXY_INFO: Final = int(Avp.PROXY_INFO)


class Granted(NamedTuple):
    """Seconds that a service may go on, and how long that promise holds. `final`: no more is to be had."""

    seconds: int
    validity_s: int
    final: bool = False


class Cost(NamedTuple):
    """An amount in micros of a currency by its number in ISO 4217; `unit` says what it is for."""

    amount: int
    currency: int
    unit: str


class Writer:
    """Writes the answers of one server: its names are encoded once."""

    def __init__(self, host: str, realm: str) -> None:
        self._host = avp_text(Avp.ORIGIN_HOST, host)
        self._realm = avp_text(Avp.ORIGIN_REALM, realm)
        self._origin = self._host + self._realm + avp_u32(Avp.AUTH_APPLICATION_ID, CREDIT_CONTROL)
        self._tail = avp_u32(Avp.CC_SESSION_FAILOVER, FAILOVER_SUPPORTED)
        self._results = {result: avp_u32(Avp.RESULT_CODE, result) for result in Result}
        self._kinds = {kind: avp_u32(Avp.CC_REQUEST_TYPE, kind) for kind in KINDS}

    @property
    def origin(self) -> bytes:
        """Origin-Host and Origin-Realm, for requests of ours."""
        return self._host + self._realm

    def credit(self, to: Message, request: CreditRequest, result: Result, *parts: bytes) -> bytes:
        """An answer to a request that could be read; `parts` follow CC-Request-Number."""
        return answer(
            to,
            avp_text(_SESSION_ID, request.session_id),
            self._results[result],
            self._origin,
            self._kinds[request.kind],
            avp_u32(_CC_REQUEST_NUMBER, request.number),
            self._tail,
            *parts,
            *_passed_back(request.avps),
            error=result.is_protocol_error,
        )

    def fault(self, to: Message, avps: Avps, result: Result, sentence: str, failed: bytes = b"") -> bytes:
        """An answer to a request that could not be read, or not be taken on; repeats what it can."""
        told = dict.fromkeys((Avp.SESSION_ID, Avp.CC_REQUEST_TYPE, Avp.CC_REQUEST_NUMBER), b"")
        for code, vendor, payload in avps:
            if vendor == 0 and code in told and not told[Avp(code)] and _is_well_formed(code, payload):
                told[Avp(code)] = avp(code, payload)
        return answer(
            to,
            told[Avp.SESSION_ID],
            self._results[result],
            self._origin,
            told[Avp.CC_REQUEST_TYPE],
            told[Avp.CC_REQUEST_NUMBER],
            avp_text(Avp.ERROR_MESSAGE, sentence),
            avp(Avp.FAILED_AVP, failed) if failed else b"",
            *_passed_back(avps),
            error=result.is_protocol_error,
        )

    def unreadable(self, to: Message, avps: Avps, error: BadAvp) -> bytes:
        """The answer to a request with an AVP that is wrong or missing."""
        return self.fault(to, avps, error.result, str(error), error.failed)


@lru_cache(maxsize=REMEMBERED)
def units(granted: Granted, redirect_to: str = "") -> bytes:
    """Granted-Service-Unit, Validity-Time and, of a final grant, what to do when it has run out.

    Most grants are of the same few lengths, so the bytes are remembered; so are those of a service.
    """
    told = avp_group(Avp.GRANTED_SERVICE_UNIT, avp_u32(Avp.CC_TIME, granted.seconds))
    told += avp_u32(Avp.VALIDITY_TIME, min(granted.validity_s, MAX_VALIDITY_S))
    return told + _final(redirect_to) if granted.final else told


def service_answer(service: Service, result: Result, told: bytes = b"") -> bytes:
    """A Multiple-Services-Credit-Control that answers the one of the request."""
    return _service_answer(service.service_id, service.rating_group, result, told)


@lru_cache(maxsize=REMEMBERED)
def _service_answer(service_id: int, rating_group: int, result: Result, told: bytes) -> bytes:
    parts = [told]
    if service_id != NONE:
        parts.append(avp_u32(Avp.SERVICE_IDENTIFIER, service_id))
    if rating_group != NONE:
        parts.append(avp_u32(Avp.RATING_GROUP, rating_group))
    parts.append(avp_u32(Avp.RESULT_CODE, result))
    return avp_group(Avp.MULTIPLE_SERVICES_CREDIT_CONTROL, *parts)


def cost_information(cost: Cost) -> bytes:
    """Cost-Information (RFC 8506 8.7): the micros as digits and an exponent."""
    value = avp_i64(Avp.VALUE_DIGITS, cost.amount) + avp_i32(Avp.EXPONENT, MICRO_EXPONENT)
    return avp_group(
        Avp.COST_INFORMATION,
        avp_group(Avp.UNIT_VALUE, value),
        avp_u32(Avp.CURRENCY_CODE, cost.currency),
        avp_text(Avp.COST_UNIT, cost.unit),
    )


def check_balance_result(*, is_enough: bool) -> bytes:
    """Check-Balance-Result (RFC 8506 8.6)."""
    return avp_u32(Avp.CHECK_BALANCE_RESULT, ENOUGH_CREDIT if is_enough else NO_CREDIT)


def explained(sentence: str) -> bytes:
    """Error-Message: for whoever reads the capture, never for a program."""
    return avp_text(Avp.ERROR_MESSAGE, sentence)


def _final(redirect_to: str) -> bytes:
    if not redirect_to:
        return avp_group(Avp.FINAL_UNIT_INDICATION, avp_u32(Avp.FINAL_UNIT_ACTION, TERMINATE))
    server = avp_group(
        Avp.REDIRECT_SERVER,
        avp_u32(Avp.REDIRECT_ADDRESS_TYPE, _address_type(redirect_to)),
        avp_text(Avp.REDIRECT_SERVER_ADDRESS, redirect_to),
    )
    return avp_group(Avp.FINAL_UNIT_INDICATION, avp_u32(Avp.FINAL_UNIT_ACTION, REDIRECT), server)


def _is_well_formed(code: int, payload: bytes) -> bool:
    """Whether a Session-Id or a number may stand in an answer: what is wrong is not repeated."""
    if code != Avp.SESSION_ID:
        return len(payload) == U32_BYTES
    try:
        return bool(payload.decode())
    except UnicodeDecodeError:
        return False


def _address_type(redirect_to: str) -> int:
    """What a Redirect-Server-Address is (RFC 8506 8.38)."""
    try:
        return IPV4 if ip_address(redirect_to).version == 4 else IPV6
    except ValueError:
        return SIP_URI if redirect_to.lower().startswith("sip") else URL


def _passed_back(avps: Avps) -> list[bytes]:
    """Proxy-Info goes back as it came, in its order (RFC 6733 6.2): relays keep their state in it."""
    return [avp(_PROXY_INFO, payload) for payload in every(avps, _PROXY_INFO)]
