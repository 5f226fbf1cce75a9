"""Credit-control requests for the bench: whole messages made once, few bytes of which change with each call.

They carry what real Ro clients send and are as long (756 bytes and a little more): origin twice, numbers of
both sides, subscription in two places, service information. All that changes has a fixed width.
"""

from collections.abc import Iterator, Sequence
from operator import itemgetter
from struct import Struct
from typing import Final, NamedTuple

from talktime.doors.diameter.wire.avps import avp, avp_address, avp_group, avp_text, avp_u32
from talktime.doors.diameter.wire.codes import BASE, CREDIT_CONTROL, REQUEST, VENDOR_3GPP, Avp, Command
from talktime.doors.diameter.wire.message import request

HOST: Final = "ocs.test"
REALM: Final = "test"
CONTEXT: Final = "ext.01.001.8.32260@3gpp.org"
CALLER: Final = "+14255550123"
DIGITS_MARK: Final = "@@@@"
CALLEE: Final = f"+1425555{DIGITS_MARK}"
"""The last four digits change from call to call: identities that were understood once are no help."""

TENANT: Final = "t######"
CALL: Final = "########"
"""Eight hexadecimal digits of the Session-Id and of the SIP Call-ID."""

ASKED_S: Final = 30
USED_S: Final = 28
SHORT_S, LAST_S = 27, 8
"""Used at the end by a call that was not extended, and since its last report by one that was."""

VOICE_GROUP: Final = 100
VOICE_SERVICE: Final = 1000
SIP_URI: Final = 2
INITIAL, UPDATE, TERMINATION = 1, 2, 3
DIGITS: Final = 10_000
SECONDS_1900_TO_1970: Final = 2_208_988_800

_IDS: Final = Struct(">II")
_SECOND: Final = Struct(">I")
_IDS_AT: Final = 12
_TIME_MARK: Final = bytes.fromhex("5aa5c33c")


class Call(NamedTuple):
    """What changes from call to call, as bytes of fixed width."""

    number: bytes
    tenant: bytes
    digits: bytes

    @classmethod
    def of(cls, number: int, tenant: int) -> "Call":
        """The call of this number (of 32 bits), of a tenant by its place."""
        return cls(b"%08x" % number, b"t%06d" % tenant, b"%04d" % (number % DIGITS))


class Template:
    """A message and the places in it that are filled in: kept in pieces, since joining them costs least."""

    def __init__(self, whole: bytes) -> None:
        marks = ((_TIME_MARK, 1), (CALL.encode(), 2), (TENANT.encode(), 3), (DIGITS_MARK.encode(), 4))
        holes = [(at, len(mark), what) for mark, what in marks for at in _places(whole, mark)]
        holes = sorted([*holes, (_IDS_AT, _IDS.size, 0)])
        begins = [0, *(at + size for at, size, _ in holes)]
        ends = [*(at for at, _, _ in holes), len(whole)]
        self._pieces = [b""] * (2 * len(holes) + 1)
        self._pieces[::2] = [whole[begin:end] for begin, end in zip(begins, ends, strict=True)]
        self._order = itemgetter(*(what for _, _, what in holes))

    def filled(self, call: Call, hop_by_hop: int, instant: bytes) -> bytes:
        """The message about a call at an `instant_at`."""
        values = (_IDS.pack(hop_by_hop, hop_by_hop), instant, *call)
        self._pieces[1::2] = self._order(values)
        return b"".join(self._pieces)


def instant_at(at_s: int) -> bytes:
    """Seconds since 1970 as the wire tells an instant."""
    return _SECOND.pack(at_s + SECONDS_1900_TO_1970 & 0xFFFF_FFFF)


def _places(whole: bytes, mark: bytes) -> Iterator[int]:
    at = whole.find(mark)
    while at >= 0:
        yield at
        at = whole.find(mark, at + len(mark))


def hello(host: str) -> bytes:
    """A Capabilities-Exchange-Request of a client."""
    return request(
        Command.CAPABILITIES_EXCHANGE,
        BASE,
        1,
        1,
        avp_text(Avp.ORIGIN_HOST, host),
        avp_text(Avp.ORIGIN_REALM, REALM),
        avp_address(Avp.HOST_IP_ADDRESS, "127.0.0.1"),
        avp_u32(Avp.VENDOR_ID, VENDOR_3GPP),
        avp_text(Avp.PRODUCT_NAME, "load"),
        _application(),
        flags=REQUEST,
    )


def templates(host: str, run: str) -> dict[str, Template]:
    """The requests of a client by their steps; `run` makes its sessions unlike those of other runs."""
    asked = avp_group(Avp.REQUESTED_SERVICE_UNIT, avp_u32(Avp.CC_TIME, ASKED_S))
    return {
        "start": _template(host, run, INITIAL, 0, [asked]),
        "extend": _template(host, run, UPDATE, 1, [asked, _used(USED_S)]),
        "end": _template(host, run, TERMINATION, 1, [_used(SHORT_S)]),
        "late end": _template(host, run, TERMINATION, 2, [_used(LAST_S)]),
    }


def _used(seconds: int) -> bytes:
    return avp_group(Avp.USED_SERVICE_UNIT, avp_u32(Avp.CC_TIME, seconds))


def _template(host: str, run: str, kind: int, number: int, units: Sequence[bytes]) -> Template:
    origin = avp_text(Avp.ORIGIN_HOST, host) + avp_text(Avp.ORIGIN_REALM, REALM)
    subscription = avp_group(
        Avp.SUBSCRIPTION_ID,
        avp_u32(Avp.SUBSCRIPTION_ID_TYPE, SIP_URI),
        avp_text(Avp.SUBSCRIPTION_ID_DATA, f"sip:u@{TENANT}.example"),
    )
    voice = avp_u32(Avp.SERVICE_IDENTIFIER, VOICE_SERVICE) + avp_u32(Avp.RATING_GROUP, VOICE_GROUP)
    whole = request(
        Command.CREDIT_CONTROL,
        CREDIT_CONTROL,
        0,
        0,
        avp_text(Avp.SESSION_ID, f"{host};{run};{CALL}"),
        origin,
        origin,
        avp_text(Avp.DESTINATION_HOST, HOST),
        avp_text(Avp.DESTINATION_REALM, REALM),
        avp_u32(Avp.ACCOUNTING_RECORD_TYPE, kind + 1),
        avp_u32(Avp.ACCOUNTING_RECORD_NUMBER, number),
        avp_text(Avp.USER_NAME, CALLER),
        avp_text(Avp.SERVICE_CONTEXT_ID, CONTEXT),
        avp_group(Avp.SERVICE_INFORMATION, subscription, _on_the_line(host, kind), vendor=VENDOR_3GPP),
        _application(),
        avp_u32(Avp.CC_REQUEST_TYPE, kind),
        avp_u32(Avp.CC_REQUEST_NUMBER, number),
        avp(Avp.EVENT_TIMESTAMP, _TIME_MARK),
        avp_group(
            Avp.USER_EQUIPMENT_INFO,
            avp_u32(Avp.USER_EQUIPMENT_INFO_TYPE, 0),
            avp_text(Avp.USER_EQUIPMENT_INFO_VALUE, "0" * 16),
        ),
        subscription,
        avp_u32(Avp.MULTIPLE_SERVICES_INDICATOR, 1),
        avp_group(Avp.MULTIPLE_SERVICES_CREDIT_CONTROL, *units, voice),
        avp_u32(Avp.TERMINATION_CAUSE, 1) if kind == TERMINATION else b"",
    )
    return Template(whole)


def _on_the_line(host: str, kind: int) -> bytes:
    """IMS-Information: who calls whom, from where."""
    method = "BYE" if kind == TERMINATION else "UPDATE" if kind == UPDATE else "INVITE"
    return avp_group(
        Avp.IMS_INFORMATION,
        avp_group(
            Avp.EVENT_TYPE, _text(Avp.SIP_METHOD, method), _number(Avp.EXPIRES, 90), vendor=VENDOR_3GPP
        ),
        _number(Avp.ROLE_OF_NODE, 0),
        _number(Avp.NODE_FUNCTIONALITY, 0),
        _text(Avp.USER_SESSION_ID, f"{CALL}@{host}"),
        _text(Avp.CALLING_PARTY_ADDRESS, f"tel:{CALLER}"),
        _text(Avp.CALLED_PARTY_ADDRESS, f"sip:{CALLEE}@{host}"),
        avp_group(
            Avp.TRUNK_GROUP_ID,
            _text(Avp.INCOMING_TRUNK_GROUP_ID, "in"),
            _text(Avp.OUTGOING_TRUNK_GROUP_ID, "out"),
            vendor=VENDOR_3GPP,
        ),
        avp_group(
            Avp.TIME_STAMPS, avp(Avp.SIP_REQUEST_TIMESTAMP, _TIME_MARK, VENDOR_3GPP), vendor=VENDOR_3GPP
        ),
        vendor=VENDOR_3GPP,
    )


def _text(code: Avp, told: str) -> bytes:
    return avp_text(code, told, VENDOR_3GPP)


def _number(code: Avp, number: int) -> bytes:
    return avp_u32(code, number, VENDOR_3GPP)


def _application() -> bytes:
    """Vendor-Specific-Application-Id, as clients of 3GPP name credit control."""
    return avp_group(
        Avp.VENDOR_SPECIFIC_APPLICATION_ID,
        avp_u32(Avp.VENDOR_ID, VENDOR_3GPP),
        avp_u32(Avp.AUTH_APPLICATION_ID, CREDIT_CONTROL),
    )
