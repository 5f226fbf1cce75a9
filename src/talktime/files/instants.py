"""Instants as people write them in files <-> microseconds since 1970.

ISO 8601 with Z, an offset or neither (then UTC); a bare date is its midnight. Digits beyond microseconds are
cut (domain.md 2, rulings.md 5). Dates such as 01/07/2026 mean two days in two countries and are refused.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from talktime.core.limits import US_PER_S

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_US: Final = timedelta(microseconds=1)
_ISO: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:[Zz]|[+-]\d\d(?::?\d\d)?)?)?", re.ASCII
)


def parse_instant(text: str) -> int:
    """`"2026-07-01T00:00:00Z"` or `"2026-07-01"` -> microseconds since 1970. Raises ValueError."""
    written = text.strip()
    if _ISO.fullmatch(written) is None:
        raise ValueError(f"{text!r} is no instant such as 2026-07-01 or 2026-07-01T00:00:00Z")
    try:
        at = datetime.fromisoformat(written.upper().replace(",", "."))
    except ValueError:
        raise ValueError(f"{text!r} is no day or time that exists") from None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return (at - _EPOCH) // _US


@lru_cache(maxsize=1_024)
def _second(seconds: int) -> str:
    """A whole second without zone; many instants that are shown share theirs."""
    return (_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat(timespec="seconds")


def format_instant(at_us: int) -> str:
    """Microseconds since 1970 -> `"2026-07-01T00:00:00Z"`, with a fraction only where there is one.

    Raises OverflowError outside of the years 1 to 9999.
    """
    seconds, fraction_us = divmod(at_us, US_PER_S)
    whole = _second(seconds)
    return f"{whole}.{fraction_us:06}".rstrip("0") + "Z" if fraction_us else f"{whole}Z"
