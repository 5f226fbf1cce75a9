"""Who we are on a link, who the other side says it is, and the messages of the base protocol that say so.

Everything that two peers tell each other before and beside the requests of an application: capabilities, the
watchdog, the goodbye, and the answer to what cannot be taken on (RFC 6733, 5.3 to 5.5, 6.2 and 7.2).
"""

from typing import Final, NamedTuple

from talktime.doors.diameter.wire.avps import (
    Avps,
    BadAvp,
    address,
    avp,
    avp_address,
    avp_group,
    avp_text,
    avp_u32,
    every,
    first,
    needed,
    text,
    unsigned,
    walk,
)
from talktime.doors.diameter.wire.codes import CREDIT_CONTROL, NO_VENDOR, VENDOR_3GPP, Avp, Result
from talktime.doors.diameter.wire.forms import name_of
from talktime.doors.diameter.wire.message import Message, answer

NO_INBAND_SECURITY: Final = 0

_APPLICATION_IDS: Final = (Avp.AUTH_APPLICATION_ID, Avp.ACCT_APPLICATION_ID)


class Own(NamedTuple):
    """Who we are; `state_id` rises with every start, `addresses` are those of the host, IPv4 or IPv6."""

    host: str
    realm: str
    product: str
    addresses: tuple[str, ...]
    state_id: int


class Hello(NamedTuple):
    """Who the peer says it is, as it wrote it; `applications` are the ids it speaks, for a vendor or not."""

    host: str
    realm: str
    product: str
    addresses: tuple[str, ...]
    applications: frozenset[int]


class Spoken(NamedTuple):
    """What a CER says: who, and whether it does without TLS inside the link, as it has to here."""

    hello: Hello
    is_plain: bool


def read_hello(avps: Avps) -> Spoken:
    """Reads a CER. Raises BadAvp (5005, 5004, 5014) with what is wrong or missing."""
    addresses = every(avps, Avp.HOST_IP_ADDRESS)
    host = needed_name(avps, Avp.ORIGIN_HOST)
    realm = needed_name(avps, Avp.ORIGIN_REALM)
    # Without an address too: Kamailio 5.6.3 leaves it out where it does not find its own.
    unsigned(Avp.VENDOR_ID, needed(avps, Avp.VENDOR_ID))
    hello = Hello(
        host=host,
        realm=realm,
        product=text(Avp.PRODUCT_NAME, needed(avps, Avp.PRODUCT_NAME)),
        addresses=tuple([address(Avp.HOST_IP_ADDRESS, each) for each in addresses]),
        applications=_applications(avps),
    )
    security = [unsigned(Avp.INBAND_SECURITY_ID, each) for each in every(avps, Avp.INBAND_SECURITY_ID)]
    return Spoken(hello, not security or NO_INBAND_SECURITY in security)


def needed_name(avps: Avps, code: int) -> str:
    """A DiameterIdentity, which is never empty. Raises BadAvp (5005, 5004)."""
    payload = needed(avps, code)
    if not payload:
        raise BadAvp(Result.INVALID_AVP_VALUE, avp(code, payload), f"{name_of(code)} is empty: send a name")
    return text(code, payload)


def _applications(avps: Avps) -> frozenset[int]:
    groups = [walk(each) for each in every(avps, Avp.VENDOR_SPECIFIC_APPLICATION_ID)]
    return frozenset(
        unsigned(code, payload)
        for group in (avps, *groups)
        for code in _APPLICATION_IDS
        for payload in every(group, code)
    )


class BaseWriter:
    """Writes the messages of the base protocol of one server: what is always the same is encoded once."""

    def __init__(self, own: Own) -> None:
        self._origin = avp_text(Avp.ORIGIN_HOST, own.host) + avp_text(Avp.ORIGIN_REALM, own.realm)
        self._state = avp_u32(Avp.ORIGIN_STATE_ID, own.state_id)
        vendor = avp_u32(Avp.VENDOR_ID, VENDOR_3GPP)
        application = avp_u32(Avp.AUTH_APPLICATION_ID, CREDIT_CONTROL)
        self._self = b"".join(
            (
                *[avp_address(Avp.HOST_IP_ADDRESS, each) for each in own.addresses],
                avp_u32(Avp.VENDOR_ID, NO_VENDOR),
                avp_text(Avp.PRODUCT_NAME, own.product),
                self._state,
            )
        )
        self._speaks = b"".join(
            (
                avp_u32(Avp.SUPPORTED_VENDOR_ID, VENDOR_3GPP),
                application,
                avp_group(Avp.VENDOR_SPECIFIC_APPLICATION_ID, vendor, application),
            )
        )
        self._success = avp_u32(Avp.RESULT_CODE, Result.SUCCESS) + self._origin

    def capabilities(self, to: Message, result: Result, sentence: str = "", failed: bytes = b"") -> bytes:
        """CEA (RFC 6733, 5.3.2): the result and what we speak."""
        return answer(
            to,
            avp_u32(Avp.RESULT_CODE, result),
            self._origin,
            self._self,
            _why(sentence, failed),
            self._speaks,
            error=result.is_protocol_error,
        )

    def alive(self, to: Message) -> bytes:
        """DWA (5.5.2)."""
        return answer(to, self._success, self._state)

    def goodbye(self, to: Message) -> bytes:
        """DPA (5.4.2)."""
        return answer(to, self._success)

    def watchdog(self) -> bytes:
        """The AVPs of a DWR (5.5.1)."""
        return self._origin + self._state

    def disconnect(self, cause: int) -> bytes:
        """The AVPs of a DPR (5.4.1)."""
        return self._origin + avp_u32(Avp.DISCONNECT_CAUSE, cause)

    def refusal(self, to: Message, result: Result, sentence: str, failed: bytes = b"") -> bytes:
        """The answer to what cannot be taken on (7.2), with what can be read of session and way back."""
        avps = to.readable()
        session = first(avps, Avp.SESSION_ID)
        return answer(
            to,
            b"" if session is None else avp(Avp.SESSION_ID, session),
            self._origin,
            avp_u32(Avp.RESULT_CODE, result),
            self._state,
            _why(sentence, failed),
            *[avp(Avp.PROXY_INFO, each) for each in every(avps, Avp.PROXY_INFO)],
            error=result.is_protocol_error,
        )


def _why(sentence: str, failed: bytes) -> bytes:
    told = avp_text(Avp.ERROR_MESSAGE, sentence) if sentence else b""
    return told + avp(Avp.FAILED_AVP, failed) if failed else told
