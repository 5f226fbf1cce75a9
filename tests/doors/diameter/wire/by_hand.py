"""Diameter bytes put together by hand from the layouts of RFC 6733, 3 and 4.1, without what is tested.

The reader beside it is strict: what leaves our side has its padding, of zeros, and lengths that add up.
"""

from __future__ import annotations

from typing import NamedTuple

MANDATORY, VENDOR = 0x40, 0x80
REQUEST, PROXIABLE, ERROR, RETRANSMITTED = 0x80, 0x40, 0x20, 0x10

CER, RAR, CCR, ACR, ASR, DWR, DPR = 257, 258, 272, 271, 274, 280, 282
SESSION_ID, ORIGIN_HOST, ORIGIN_REALM, RESULT_CODE = 263, 264, 296, 268
HOST_IP_ADDRESS, VENDOR_ID, PRODUCT_NAME, INBAND_SECURITY_ID = 257, 266, 269, 299
AUTH_APPLICATION_ID, ACCT_APPLICATION_ID, VENDOR_SPECIFIC_APPLICATION_ID = 258, 259, 260
DISCONNECT_CAUSE, ORIGIN_STATE_ID, SUPPORTED_VENDOR_ID = 273, 278, 265
FAILED_AVP, ERROR_MESSAGE, PROXY_INFO = 279, 281, 284

PEER, REALM = "switch.example", "example"


def u24(number: int) -> bytes:
    return number.to_bytes(3, "big")


def u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


def avp(code: int, payload: bytes, vendor: int = 0, flags: int = MANDATORY) -> bytes:
    """Code, flags, length without padding, vendor where there is one, payload, padding."""
    of = u32(vendor) if vendor else b""
    bits = flags | VENDOR if vendor else flags
    body = of + payload
    return u32(code) + bytes([bits]) + u24(8 + len(body)) + body + bytes(-len(body) % 4)


def number(code: int, value: int, vendor: int = 0) -> bytes:
    return avp(code, u32(value), vendor)


def words(code: int, told: str, vendor: int = 0) -> bytes:
    return avp(code, told.encode(), vendor)


def message(
    command: int,
    *avps: bytes,
    flags: int = REQUEST,
    application: int = 0,
    hop_by_hop: int = 0x11111111,
    end_to_end: int = 0x22222222,
    version: int = 1,
    length: int | None = None,
) -> bytes:
    """A message; `length` is what the header claims where that is not the truth."""
    body = b"".join(avps)
    said = 20 + len(body) if length is None else length
    head = bytes([version]) + u24(said) + bytes([flags]) + u24(command)
    return head + u32(application) + u32(hop_by_hop) + u32(end_to_end) + body


def origin(host: str = PEER, realm: str = REALM) -> bytes:
    return words(ORIGIN_HOST, host) + words(ORIGIN_REALM, realm)


HELLO = {
    ORIGIN_HOST: words(ORIGIN_HOST, PEER),
    ORIGIN_REALM: words(ORIGIN_REALM, REALM),
    HOST_IP_ADDRESS: avp(HOST_IP_ADDRESS, bytes.fromhex("0001c0000201")),
    VENDOR_ID: number(VENDOR_ID, 0),
    PRODUCT_NAME: avp(PRODUCT_NAME, b"Switch", flags=0),
    AUTH_APPLICATION_ID: number(AUTH_APPLICATION_ID, 4),
}
"""The AVPs of a hello, to be left out or exchanged by code."""


def cer(changes: dict[int, bytes] | None = None, **header: int) -> bytes:
    """A Capabilities-Exchange-Request; `changes` replaces AVPs, b"" leaves one out, new codes go behind."""
    return message(CER, *(HELLO | (changes or {})).values(), **header)


def dwr(**header: int) -> bytes:
    return message(DWR, origin(), **header)


def dpr(cause: int = 0, **header: int) -> bytes:
    return message(DPR, origin(), number(DISCONNECT_CAUSE, cause), **header)


def ccr(session: str = "switch.example;1;1", *more: bytes, **header: int) -> bytes:
    """A Credit-Control-Request that is as short as one can be and still says who asks."""
    told = {"flags": REQUEST | PROXIABLE, "application": 4} | header
    return message(CCR, words(SESSION_ID, session), origin(), *more, **told)


def answer_to(asked: bytes, *avps: bytes, flags: int = 0, command: int | None = None) -> bytes:
    """An answer to a message of ours: its command, application and ids."""
    seen = read(asked)
    return message(
        seen.command if command is None else command,
        *avps,
        flags=flags,
        application=seen.application,
        hop_by_hop=seen.hop_by_hop,
        end_to_end=seen.end_to_end,
    )


class Seen(NamedTuple):
    """A message as a strict reader sees it; AVPs are (code, flags, vendor, payload)."""

    flags: int
    command: int
    application: int
    hop_by_hop: int
    end_to_end: int
    avps: list[tuple[int, int, int, bytes]]

    @property
    def result(self) -> int:
        return int.from_bytes(self.only(RESULT_CODE), "big")

    def only(self, code: int) -> bytes:
        """The payload of the one AVP of a code."""
        (payload,) = self.all(code)
        return payload

    def all(self, code: int) -> list[bytes]:
        return [payload for found, _, _, payload in self.avps if found == code]


def split(data: bytes) -> list[bytes]:
    """Whole messages, one after the other."""
    found = []
    while data:
        length = int.from_bytes(data[1:4], "big")
        assert data[0] == 1
        assert 20 <= length <= len(data)
        found.append(data[:length])
        data = data[length:]
    return found


def read(whole: bytes) -> Seen:
    """One message, strictly."""
    assert whole[0] == 1
    assert int.from_bytes(whole[1:4], "big") == len(whole)
    assert len(whole) % 4 == 0
    application, hop_by_hop, end_to_end = (int.from_bytes(whole[at : at + 4], "big") for at in (8, 12, 16))
    command = int.from_bytes(whole[5:8], "big")
    return Seen(whole[4], command, application, hop_by_hop, end_to_end, avps_of(whole[20:]))


def avps_of(data: bytes) -> list[tuple[int, int, int, bytes]]:
    """The AVPs of a payload, strictly: complete heads, padding of zeros, nothing behind."""
    found = []
    while data:
        code, flags, length = int.from_bytes(data[:4], "big"), data[4], int.from_bytes(data[5:8], "big")
        head = 12 if flags & VENDOR else 8
        padded = length + -length % 4
        assert head <= length <= padded <= len(data)
        assert not any(data[length:padded])
        vendor = int.from_bytes(data[8:12], "big") if flags & VENDOR else 0
        found.append((code, flags, vendor, data[head:length]))
        data = data[padded:]
    return found
