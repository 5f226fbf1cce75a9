"""Money is an integer: millionths of the currency unit ("micros"), prices in billionths a minute.

Decimal strings are read and written digit by digit; there is no float on the way (domain.md 2).
Every division names its rounding.
"""

import re
from typing import Final

from talktime.core.limits import MICROS_PER_UNIT

HALF_UP: Final = 0
UP: Final = 1
DOWN: Final = 2
HALF_EVEN: Final = 3

ROUNDINGS: Final = {"half_up": HALF_UP, "up": UP, "down": DOWN, "half_even": HALF_EVEN}
"""Names of the rounding methods in decks -> their numbers (domain.md 3)."""

MICROS_PLACES: Final = 6
NANOS_PLACES: Final = 9

_DECIMAL: Final = re.compile(r"([+-]?)(\d{1,18})(?:\.(\d*))?|([+-]?)\.(\d+)", re.ASCII)


def ceil_div(dividend: int, divisor: int) -> int:
    """The quotient rounded towards plus infinity; `divisor` > 0."""
    return (dividend + divisor - 1) // divisor


def round_div(dividend: int, divisor: int, method: int) -> int:
    """The quotient of `dividend` >= 0 and `divisor` > 0, rounded by one of the four methods."""
    quotient = dividend // divisor
    rest = dividend - quotient * divisor
    if rest == 0 or method == DOWN:
        return quotient
    if method == UP or 2 * rest > divisor:
        return quotient + 1
    if 2 * rest == divisor and (method == HALF_UP or quotient % 2 == 1):
        return quotient + 1
    return quotient


def parse_decimal(text: str, places: int) -> int:
    """`"74.3546"` with 6 places -> 74_354_600. Exact or refused.

    Raises ValueError: not a plain decimal number, or more significant decimals than `places`.
    """
    match = _DECIMAL.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a decimal number such as 12.50")
    sign, whole = match[1] or match[4] or "", match[2] or "0"
    decimals = (match[3] if match[2] else match[5]) or ""
    decimals = decimals.rstrip("0")
    if len(decimals) > places:
        raise ValueError(f"{text!r} has more than {places} decimals")
    scaled = int(whole + decimals.ljust(places, "0"))
    return -scaled if sign == "-" else scaled


def format_decimal(scaled: int, places: int) -> str:
    """74_354_600 with 6 places -> `"74.3546"`: exact, without trailing zeros."""
    digits = str(abs(scaled)).rjust(places + 1, "0")
    whole, decimals = digits[: len(digits) - places], digits[len(digits) - places :].rstrip("0")
    sign = "-" if scaled < 0 else ""
    return f"{sign}{whole}.{decimals}" if decimals else f"{sign}{whole}"


def parse_money(text: str) -> int:
    """A decimal string -> micros. Raises ValueError as `parse_decimal`."""
    return parse_decimal(text, MICROS_PLACES)


def format_money(micros: int) -> str:
    """Micros -> the decimal string that the edges show (`"0.075"`)."""
    return format_decimal(micros, MICROS_PLACES)


def format_minutes(seconds: int) -> str:
    """Seconds -> minutes as a decimal string, rounded half up to 6 decimals where it does not end."""
    return format_decimal(round_div(seconds * MICROS_PER_UNIT, 60, HALF_UP), MICROS_PLACES)
