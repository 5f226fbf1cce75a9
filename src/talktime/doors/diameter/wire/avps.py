"""AVPs: bytes into (code, vendor, payload) and back; a tolerant reader and a strict writer.

The reader keeps what comes in its order, duplicates and strangers too; whoever asks gets the first. Only what
cannot be told apart is refused, with the code and the AVP that an answer brings back (RFC 6733, 4 and 7.5).
"""

import re
from ipaddress import ip_address
from struct import Struct
from typing import Final, TypeAlias

from talktime.doors.diameter.wire.codes import MANDATORY, NO_VENDOR, VENDOR, Avp, Result
from talktime.doors.diameter.wire.forms import WIDE, least_bytes, name_of

Avps: TypeAlias = list[tuple[int, int, bytes]]
"""(code, vendor, payload) in the order of the wire; vendor 0 is none."""

_HEAD: Final = Struct(">II")
_VENDOR_HEAD: Final = Struct(">III")
_U32: Final = Struct(">I")
_U64: Final = Struct(">Q")
_I32: Final = Struct(">i")
_I64: Final = Struct(">q")
_AVP_U32: Final = Struct(">III")

_FAMILY: Final = Struct(">H")

_IPV4: Final = 1
_IPV6: Final = 2
_ADDRESS_BYTES: Final = {_IPV4: 4, _IPV6: 16}

_NTP_ERA_S: Final = 1 << 32
_NTP_TO_UNIX_S: Final = 2_208_988_800

_VENDOR_BIT: Final = VENDOR << 24
_LENGTH: Final = 0xFFFFFF
_HEAD_BYTES: Final = 8
_VENDOR_HEAD_BYTES: Final = 12
_PADDING: Final = (b"", b"\0\0\0", b"\0\0", b"\0")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]")
_NEVER_MANDATORY: Final = frozenset((Avp.ERROR_MESSAGE, Avp.PRODUCT_NAME, Avp.ERROR_REPORTING_HOST))
"""Text whose M flag must not be set (RFC 6733, 4.5)."""


class BadAvp(ValueError):  # noqa: N818  it is what a peer sent, not a failure of ours
    """An AVP that cannot be read or is missing: `result` is how to answer, `failed` goes into Failed-AVP."""

    def __init__(self, result: Result, failed: bytes, sentence: str) -> None:
        super().__init__(sentence)
        self.result = result
        self.failed = failed


def walk(data: bytes, at: int = 0, end: int | None = None) -> Avps:
    """The AVPs of `data[at:end]`, one level deep.

    Padding may be missing after the last one. Raises BadAvp (5014) where a length does not fit.
    """
    if end is None:
        end = len(data)
    found: Avps = []
    head = _HEAD.unpack_from
    while at < end:
        if end - at < _HEAD_BYTES:
            raise _bad_length(data, at, end)
        code, word = head(data, at)
        length = word & _LENGTH
        after = at + length
        if word & _VENDOR_BIT:
            if length < _VENDOR_HEAD_BYTES or after > end:
                raise _bad_length(data, at, end)
            found.append(
                (code, _U32.unpack_from(data, at + _HEAD_BYTES)[0], data[at + _VENDOR_HEAD_BYTES : after])
            )
        else:
            if length < _HEAD_BYTES or after > end:
                raise _bad_length(data, at, end)
            found.append((code, NO_VENDOR, data[at + _HEAD_BYTES : after]))
        at = after + (-length & 3)
    return found


def walk_readable(data: bytes, at: int = 0) -> Avps:
    """As `walk`, to the first AVP whose length does not fit."""
    found: Avps = []
    while at < len(data):
        length = int.from_bytes(data[at + 5 : at + _HEAD_BYTES])
        if length < _HEAD_BYTES:  # with a length of 0 there would be no end to it
            break
        try:
            found += walk(data, at, min(at + length, len(data)))
        except BadAvp:
            break
        at += length + (-length & 3)
    return found


def first(avps: Avps, code: int, vendor: int = NO_VENDOR) -> bytes | None:
    """The payload of the first AVP of this code; None where there is none."""
    for found, of, payload in avps:
        if found == code and of == vendor:
            return payload
    return None


def every(avps: Avps, code: int, vendor: int = NO_VENDOR) -> list[bytes]:
    """The payloads of all AVPs of this code, in their order."""
    return [payload for found, of, payload in avps if found == code and of == vendor]


def needed(avps: Avps, code: int, vendor: int = NO_VENDOR) -> bytes:
    """The payload of the first AVP of this code. Raises BadAvp (5005)."""
    payload = first(avps, code, vendor)
    if payload is None:
        raise missing(code, vendor)
    return payload


def missing(code: int, vendor: int = NO_VENDOR) -> BadAvp:
    """5005, with an example of what is missing: as short as it may be, filled with zeros (RFC 6733, 7.5)."""
    return BadAvp(Result.MISSING_AVP, _example(code, vendor), f"{name_of(code, vendor)} is missing: send it")


def unsigned(code: int, payload: bytes, vendor: int = NO_VENDOR) -> int:
    """A number without a sign, of 4 or 8 bytes as the AVP asks for. Raises BadAvp (5014)."""
    form = _U64 if (code, vendor) in WIDE else _U32
    if len(payload) != form.size:
        raise _bad_size(code, payload, vendor, form.size)
    number: int = form.unpack(payload)[0]
    return number


def unix_s(code: int, payload: bytes, vendor: int = NO_VENDOR) -> int:
    """A Time as seconds since 1970 UTC. Raises BadAvp (5014).

    On the wire it counts from 1900, from 2036 on where the top bit is 0 (RFC 6733, 4.3.1).
    """
    seconds = unsigned(code, payload, vendor)
    return (seconds if seconds >= _NTP_ERA_S // 2 else seconds + _NTP_ERA_S) - _NTP_TO_UNIX_S


def signed(code: int, payload: bytes, vendor: int = NO_VENDOR) -> int:
    """A number with a sign, of 4 or 8 bytes as the AVP asks for. Raises BadAvp (5014)."""
    form = _I64 if (code, vendor) in WIDE else _I32
    if len(payload) != form.size:
        raise _bad_size(code, payload, vendor, form.size)
    number: int = form.unpack(payload)[0]
    return number


def text(code: int, payload: bytes, vendor: int = NO_VENDOR) -> str:
    """UTF-8 without control characters: no name needs them, and logs show names. Raises BadAvp (5004)."""
    try:
        told = payload.decode()
    except UnicodeDecodeError as error:
        raise BadAvp(
            Result.INVALID_AVP_VALUE,
            avp(code, payload, vendor),
            f"{name_of(code, vendor)} is not UTF-8 at byte {error.start}: send UTF-8",
        ) from error
    if not told.isprintable() and _CONTROL.search(told):
        raise BadAvp(
            Result.INVALID_AVP_VALUE,
            avp(code, payload, vendor),
            f"{name_of(code, vendor)} has a control character: send printable text",
        )
    return told


def address(code: int, payload: bytes, vendor: int = NO_VENDOR) -> str:
    """An Address as text; of another family than IP its number and hex digits. Raises BadAvp (5014)."""
    if len(payload) < _FAMILY.size:
        raise BadAvp(
            Result.INVALID_AVP_LENGTH, avp(code, bytes(6), vendor), "an address without a family: send one"
        )
    family: int = _FAMILY.unpack_from(payload)[0]
    digits = payload[_FAMILY.size :]
    if family not in _ADDRESS_BYTES:
        return f"{family}:{digits.hex()}"
    if len(digits) != _ADDRESS_BYTES[family]:
        example = _FAMILY.pack(family) + bytes(_ADDRESS_BYTES[family])
        sentence = f"an address of family {family} with {len(digits)} bytes: send {_ADDRESS_BYTES[family]}"
        raise BadAvp(Result.INVALID_AVP_LENGTH, avp(code, example, vendor), sentence)
    return str(ip_address(digits))


def avp(code: int, payload: bytes, vendor: int = NO_VENDOR, flags: int = MANDATORY) -> bytes:
    """An AVP with its padding; the V flag follows from the vendor. `payload` is shorter than 16 MB."""
    length = len(payload)
    if vendor:
        length += _VENDOR_HEAD_BYTES
        return (
            _VENDOR_HEAD.pack(code, (flags | VENDOR) << 24 | length, vendor) + payload + _PADDING[length & 3]
        )
    length += _HEAD_BYTES
    return _HEAD.pack(code, flags << 24 | length) + payload + _PADDING[length & 3]


def avp_u32(code: int, number: int, vendor: int = NO_VENDOR) -> bytes:
    """A number of four bytes: Unsigned32, Enumerated, Time. Raises struct.error beyond 0 to 2**32 - 1."""
    if vendor:
        return avp(code, _U32.pack(number), vendor)
    return _AVP_U32.pack(code, MANDATORY << 24 | _HEAD_BYTES + 4, number)


def avp_u64(code: int, number: int, vendor: int = NO_VENDOR) -> bytes:
    """A number of eight bytes. Raises struct.error beyond 0 to 2**64 - 1."""
    return avp(code, _U64.pack(number), vendor)


def avp_i32(code: int, number: int, vendor: int = NO_VENDOR) -> bytes:
    """A number of four bytes with a sign. Raises struct.error beyond them."""
    return avp(code, _I32.pack(number), vendor)


def avp_i64(code: int, number: int, vendor: int = NO_VENDOR) -> bytes:
    """A number of eight bytes with a sign. Raises struct.error beyond them."""
    return avp(code, _I64.pack(number), vendor)


def avp_text(code: int, told: str, vendor: int = NO_VENDOR) -> bytes:
    """UTF-8; without the M flag where it must not be set."""
    flags = 0 if code in _NEVER_MANDATORY and not vendor else MANDATORY
    return avp(code, told.encode(), vendor, flags)


def avp_address(code: int, told: str, vendor: int = NO_VENDOR) -> bytes:
    """An IP address. Raises ValueError where it is none."""
    ip = ip_address(told)
    return avp(code, _FAMILY.pack(_IPV4 if ip.version == 4 else _IPV6) + ip.packed, vendor)


def avp_group(code: int, *parts: bytes, vendor: int = NO_VENDOR) -> bytes:
    """A Grouped AVP of AVPs that are ready."""
    return avp(code, b"".join(parts), vendor)


def _example(code: int, vendor: int) -> bytes:
    return avp(code, bytes(least_bytes(code, vendor)), vendor)


def _bad_length(data: bytes, at: int, end: int) -> BadAvp:
    """5014 with the head and the least payload of the AVP; a head that is cut off is filled with zeros."""
    head = data[at : min(end, at + _VENDOR_HEAD_BYTES)].ljust(_VENDOR_HEAD_BYTES, b"\0")
    code, word, vendor = _VENDOR_HEAD.unpack(head)
    flags = word >> 24
    if not flags & VENDOR:
        vendor = NO_VENDOR
    failed = avp(code, bytes(least_bytes(code, vendor)), vendor, flags & ~VENDOR)
    said = f"{name_of(code, vendor)} at byte {at} says that it has {word & _LENGTH} bytes"
    return BadAvp(Result.INVALID_AVP_LENGTH, failed, f"{said}: {end - at} are left, its head needs 8 or 12")


def _bad_size(code: int, payload: bytes, vendor: int, size: int) -> BadAvp:
    sentence = f"{name_of(code, vendor)} has {len(payload)} bytes of payload: send {size}"
    return BadAvp(Result.INVALID_AVP_LENGTH, _example(code, vendor), sentence)
