"""AVPs as people read them: names, numbers, text, groups in groups.

For whoever looks at a capture. Nothing is refused here: what is unknown, or is not what its name promises, is
shown as its bytes.
"""

from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from talktime.doors.diameter.wire.avps import Avps, BadAvp, address, signed, text, unix_s, unsigned, walk
from talktime.doors.diameter.wire.forms import KNOWN, Form, name_of

Shown: TypeAlias = "str | int | list[tuple[str, Shown]]"
"""Text, a number, or the (name, value) pairs of a group in their order."""

MAX_DEPTH: Final = 16
"""Groups that stand deeper in each other are shown as bytes: no real message has them."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def show(avps: Avps, depth: int = 0) -> list[tuple[str, Shown]]:
    """(name, value) of each AVP in its order; bytes as `0x...`, instants as ISO 8601 in UTC."""
    return [(name_of(code, vendor), _value(code, payload, vendor, depth)) for code, vendor, payload in avps]


def instant(code: int, payload: bytes, vendor: int = 0) -> datetime:
    """A Time as an instant in UTC. Raises BadAvp (5014)."""
    return _EPOCH + timedelta(seconds=unix_s(code, payload, vendor))


def _value(code: int, payload: bytes, vendor: int, depth: int) -> Shown:
    known = KNOWN.get((code, vendor))
    try:
        return _read(known.form if known else Form.OCTETS, code, payload, vendor, depth)
    except BadAvp:
        return _digits(payload)


def _read(form: Form, code: int, payload: bytes, vendor: int, depth: int) -> Shown:
    match form:
        case Form.U32 | Form.U64:
            return unsigned(code, payload, vendor)
        case Form.I32 | Form.I64 | Form.ENUM:
            return signed(code, payload, vendor)
        case Form.TIME:
            return instant(code, payload, vendor).isoformat()
        case Form.TEXT:
            return text(code, payload, vendor)
        case Form.ADDRESS:
            return address(code, payload, vendor)
        case Form.GROUP if depth < MAX_DEPTH:
            return show(walk(payload), depth + 1)
        case Form.GROUP | Form.OCTETS:
            return _digits(payload)


def _digits(payload: bytes) -> str:
    return f"0x{payload.hex()}"
