"""What is odd about a credit-control request: what RFC 6733 and RFC 8506 would not have, and what cannot be.

Nothing here changes how it is charged. It tells who looks after a switch what its requests look like.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.doors.diameter.request import TERMINATION
from talktime.doors.diameter.wire.avps import BadAvp, first, walk
from talktime.doors.diameter.wire.codes import CREDIT_CONTROL, MANDATORY, VENDOR, VENDOR_3GPP, Avp
from talktime.doors.diameter.wire.dictionary import instant
from talktime.doors.diameter.wire.forms import KNOWN, name_of
from talktime.doors.diameter.wire.message import HEADER_BYTES
from talktime.live.operations import UNKNOWN_US

if TYPE_CHECKING:
    from collections.abc import Iterator

    from talktime.doors.diameter.request import CreditRequest
    from talktime.doors.diameter.wire.avps import Avps
    from talktime.doors.diameter.wire.message import Message

CLOCK_US: Final = 300 * 1_000_000
"""So far a client's clock may be off before it is worth a sentence."""

TIMESTAMP_US: Final = 86_400 * 1_000_000
"""A SIP time stamp further away than a day from its request is none."""

MOST_USED_S: Final = 86_400

_US_PER_S: Final = 1_000_000
_SEVERAL: Final = frozenset(
    (
        Avp.SUBSCRIPTION_ID,
        Avp.MULTIPLE_SERVICES_CREDIT_CONTROL,
        Avp.USED_SERVICE_UNIT,
        Avp.SERVICE_PARAMETER_INFO,
        Avp.PROXY_INFO,
        Avp.ROUTE_RECORD,
        Avp.CLASS,
    )
)
"""What may stand in a request more than once (RFC 8506 3.1)."""

_STRANGERS: Final = (
    Avp.ACCOUNTING_RECORD_TYPE,
    Avp.ACCOUNTING_RECORD_NUMBER,
    Avp.ACCT_APPLICATION_ID,
    Avp.VENDOR_SPECIFIC_APPLICATION_ID,
)
"""What belongs into other requests."""

_STAMPS: Final = (Avp.SIP_REQUEST_TIMESTAMP, Avp.SIP_RESPONSE_TIMESTAMP)
_HEAD: Final = Struct(">III")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Heard(NamedTuple):
    """A request that could be read. `at_us`: when it was captured, 0 if nobody knows.

    `used_s` is what it reports, `granted_s` what it was granted before that, None where that was not seen.
    """

    request: CreditRequest
    at_us: int
    is_repeat: bool
    used_s: int
    granted_s: int | None


def oddities(message: Message, avps: Avps, heard: Heard | None) -> tuple[str, ...]:
    """Sentences, those on the message first; `heard` None: it could not be read further."""
    told = list(_of_message(message, avps))
    if heard is not None:
        told += _of_request(heard)
        told += _of_times(heard)
    return tuple(told)


def _of_message(message: Message, avps: Avps) -> Iterator[str]:
    counted = Counter((code, vendor) for code, vendor, _ in avps)
    for (code, vendor), times in counted.items():
        if times > 1 and (vendor or code not in _SEVERAL):
            yield f"{name_of(code, vendor)} comes {_times(times)}; the first counts"
    if message.application != CREDIT_CONTROL:
        yield f"the header names application {message.application}, credit control is {CREDIT_CONTROL}"
    elif first(avps, Avp.AUTH_APPLICATION_ID) is None:
        yield f"no Auth-Application-Id; the header says {CREDIT_CONTROL}, and that counts"
    for code in _STRANGERS:
        if counted[code, 0]:
            yield f"{name_of(code)} does not belong into the request; it is passed over"
    for code, vendor in dict.fromkeys(_unknown_mandatory(message.whole)):
        yield f"{name_of(code, vendor)} has the M flag and is not known here; it is passed over"
    if message.is_retransmitted:
        yield "the T flag is set: the client has sent it before"


def _unknown_mandatory(whole: bytes) -> Iterator[tuple[int, int]]:
    """Code and vendor of what must be understood and is not; the lengths have been checked by then."""
    at = HEADER_BYTES
    while at + 8 <= len(whole):
        code, word, vendor = _HEAD.unpack(whole[at : at + 12].ljust(12, b"\0"))
        flags, length = word >> 24, word & 0xFFFFFF
        vendor = vendor if flags & VENDOR else 0
        if flags & MANDATORY and (code, vendor) not in KNOWN:
            yield code, vendor
        at += length + (-length & 3)


def _of_request(heard: Heard) -> Iterator[str]:
    request, used_s = heard.request, heard.used_s
    if heard.is_repeat:
        yield f"CC-Request-Number {request.number} comes again: answered as before, counted once"
    if len(request.services) > 1:
        yield f"{len(request.services)} services in one request; one of them is charged"
    if first(request.avps, Avp.SUBSCRIPTION_ID) is None and not _has_inner_subscription(request):
        yield "no Subscription-Id; a rule can name the user by the calling party only"
    if used_s > MOST_USED_S:
        yield f"{used_s:,} s used can be no call; the request is refused"
    elif heard.granted_s is not None and used_s > heard.granted_s and not heard.is_repeat:
        beyond_s = used_s - heard.granted_s
        yield f"{used_s:,} s used of a grant of {heard.granted_s:,} s: {beyond_s:,} s beyond it"
    if request.kind == TERMINATION and any(service.asks for service in request.services):
        yield "a termination asks for units; it gets none"


def _has_inner_subscription(request: CreditRequest) -> bool:
    information = first(request.avps, Avp.SERVICE_INFORMATION, VENDOR_3GPP)
    return information is not None and first(walk(information), Avp.SUBSCRIPTION_ID) is not None


def _of_times(heard: Heard) -> Iterator[str]:
    request, at_us = heard.request, heard.at_us
    if request.event_us == UNKNOWN_US:
        yield "no Event-Timestamp; the instant of its arrival counts"
    elif at_us and abs(request.event_us - at_us) > CLOCK_US:
        way = "behind" if request.event_us < at_us else "ahead of"
        yield f"Event-Timestamp is {_span(abs(request.event_us - at_us))} {way} the capture's clock"
    known_us = at_us or request.event_us
    try:
        yield from _stamps(request, known_us) if known_us != UNKNOWN_US else ()
    except BadAvp as error:
        yield f"{error}; it is not used"


def _stamps(request: CreditRequest, known_us: int) -> Iterator[str]:
    inner: Avps = request.avps
    for code in (Avp.SERVICE_INFORMATION, Avp.IMS_INFORMATION, Avp.TIME_STAMPS):
        payload = first(inner, code, VENDOR_3GPP)
        if payload is None:
            return
        inner = walk(payload)
    for code in _STAMPS:
        payload = first(inner, code, VENDOR_3GPP)
        if payload is None:
            continue
        told = instant(code, payload, VENDOR_3GPP)
        away_us = abs((told - _EPOCH) // timedelta(microseconds=1) - known_us)
        if away_us > TIMESTAMP_US:
            name = name_of(code, VENDOR_3GPP)
            yield f"{name} says {told:%Y-%m-%d %H:%M:%S}, which cannot be; it is not used"


def _span(span_us: int) -> str:
    """A span of time in its two largest units; rounded down."""
    seconds = span_us // _US_PER_S
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, seconds = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    return " ".join([f"{number:,} {unit}" for number, unit in parts if number][:2])


def _times(times: int) -> str:
    return "twice" if times == 2 else f"{times} times"
