"""One cell of a deck's row -> the value the rules work with, or a ValueError that says what is wrong.

Nothing is guessed: a prefix in scientific notation has lost its digits, a word that is no weekday is none.
Every bound of core.limits that a row can break is checked here.
"""

import re
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from talktime.core.deck import EVERY_DAY, INBOUND, MINUTES_A_DAY, OUTBOUND
from talktime.core.limits import MAX_FEE_MICROS, MAX_INCREMENT_S, MAX_NUMBER_DIGITS, MAX_PRICE_NANOS
from talktime.core.money import MICROS_PLACES, NANOS_PLACES, format_decimal, parse_decimal

_PREFIX: Final = re.compile(r"[1-9]\d{0,14}", re.ASCII)
_SCIENTIFIC: Final = re.compile(r"\d+(?:[.,]\d*)?[Ee]\+?\d+", re.ASCII)
_RANGE: Final = re.compile(r"\+?(\d+)\s*[-\u2010-\u2015]\s*(\d+)", re.ASCII)
_SEPARATORS: Final = str.maketrans("", "", " \t\u00a0\u202f-\u2010\u2011\u2012\u2013\u2014\u2015")
_WHOLE: Final = re.compile(r"\d{1,9}", re.ASCII)
_TIME: Final = re.compile(r"(\d{1,2}):(\d\d)(?::00)?", re.ASCII)
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_WORD_BREAKS: Final = re.compile(r"[\s-]+")
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DIRECTIONS: Final = {"": OUTBOUND, "out": OUTBOUND, "outbound": OUTBOUND, "in": INBOUND, "inbound": INBOUND}


def parse_prefix(text: str) -> str:
    """`"+44 20"`, `"0044-20"` -> `"4420"`: 1 to 15 digits."""
    bare = text.strip().removeprefix("'")
    if _PREFIX.fullmatch(bare):
        return bare
    if not bare:
        raise ValueError("the prefix is missing")
    if _SCIENTIFIC.fullmatch(bare.removeprefix("+")):
        raise ValueError(f"a spreadsheet wrote the prefix as {text!r} and lost digits; enter it as text")
    if _is_range(bare):
        raise ValueError(f"prefix {text!r} may be a range; write one row for each prefix, without dashes")
    return _digits(bare, text)


def _digits(bare: str, text: str) -> str:
    digits = bare.translate(_SEPARATORS)
    if digits.startswith("+"):
        digits = digits[1:]
    elif digits.startswith("00"):
        digits = digits[2:]
    if _PREFIX.fullmatch(digits):
        return digits
    if not digits.isascii() or not digits.isdigit():
        raise ValueError(f"prefix {text!r} holds more than digits; write one prefix, such as 4420")
    if digits.startswith("0"):
        raise ValueError(f"prefix {text!r} begins with 0; write it with its calling code, such as 4420")
    raise ValueError(f"prefix {text!r} has {len(digits)} digits; a number has at most {MAX_NUMBER_DIGITS}")


def _is_range(bare: str) -> bool:
    """`4420-4429`: two prefixes of one length and beginning, rising. `44-20` is one prefix with a dash."""
    match = _RANGE.fullmatch(bare)
    if match is None:
        return False
    low, high = match[1], match[2]
    return len(low) == len(high) and low[0] == high[0] and low < high


def parse_price(text: str) -> int:
    """A plain decimal string -> nanos a minute."""
    return _between_limits(text, NANOS_PLACES, MAX_PRICE_NANOS, " a minute")


def parse_fee(text: str) -> int:
    """A plain decimal string -> micros."""
    return _between_limits(text, MICROS_PLACES, MAX_FEE_MICROS, "")


def _between_limits(text: str, places: int, most: int, per: str) -> int:
    value = parse_decimal(text, places)
    if value < 0:
        raise ValueError(f"{text!r} is negative")
    if value > most:
        raise ValueError(f"{text!r} is above the limit of {format_decimal(most, places)}{per}")
    return value


def parse_first_seconds(text: str) -> int:
    """Seconds of the first part of a call: 0 to MAX_INCREMENT_S."""
    return _seconds(text, 0)


def parse_step_seconds(text: str) -> int:
    """Seconds of a step: 1 to MAX_INCREMENT_S."""
    return _seconds(text, 1)


def _seconds(text: str, least_s: int) -> int:
    if _WHOLE.fullmatch(text) is None or not least_s <= int(text) <= MAX_INCREMENT_S:
        raise ValueError(f"{text!r} is not a whole number of seconds from {least_s} to {MAX_INCREMENT_S}")
    return int(text)


def parse_time(text: str) -> int:
    """`"18:30"` -> 1110 minutes of the day; 24:00 is its end."""
    match = _TIME.fullmatch(text)
    minute = int(match[1]) * 60 + int(match[2]) if match else -1
    if match is None or int(match[2]) > 59 or minute > MINUTES_A_DAY:
        raise ValueError(f"{text!r} is no time of the day from 00:00 to 24:00")
    return minute


def parse_weekdays(text: str) -> int:
    """`"1-5"`, `"1,3,5"`, `"Mon-Fri"`, `"sa su"` -> bits, bit 0 = Monday. A range may cross Sunday."""
    days = 0
    for part in re.split(r"[\s,;+/]+", re.sub(r"\s*-\s*", "-", text.strip())):
        first, _, last = part.partition("-")
        day, end = _weekday(first, text), _weekday(last or first, text)
        days |= 1 << day
        while day != end:
            day = (day + 1) % 7
            days |= 1 << day
    return days


def _weekday(word: str, text: str) -> int:
    if word in ("1", "2", "3", "4", "5", "6", "7"):
        return int(word) - 1
    name = word.lower()
    for day, weekday in enumerate(_WEEKDAYS):
        if len(name) >= 2 and weekday.startswith(name):
            return day
    raise ValueError(f"{text!r} names no weekdays; write 1-5, 6,7 (1 is Monday) or Mon-Fri")


def format_weekdays(days: int) -> str:
    """Bits -> `"1-5"` or `"1,3,5"`; every day is ""."""
    if days == EVERY_DAY:
        return ""
    numbers = [day + 1 for day in range(7) if days >> day & 1]
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"{numbers[0]}-{numbers[-1]}"
    return ",".join(map(str, numbers))


@lru_cache(maxsize=256)
def parse_time_zone(text: str) -> str:
    """An IANA name that exists, as it stands."""
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{text!r} is no known time zone; use an IANA name such as Europe/London") from None
    return text


def parse_direction(text: str) -> str:
    """`"inbound"` or `"outbound"`, also short; a row without one is outbound (rulings.md 14)."""
    direction = _DIRECTIONS.get(text.lower())
    if direction is None:
        raise ValueError(f"{text!r} is no direction; write {OUTBOUND} or {INBOUND}")
    return direction


def parse_origin_country(text: str) -> str:
    """Two letters of ISO 3166, upper case. Another word would never fit a call."""
    country = text.upper()
    if _COUNTRY.fullmatch(country) is None:
        raise ValueError(f"{text!r} is no country code of two letters")
    return country


def parse_currency(text: str) -> str:
    """Three letters of ISO 4217, upper case."""
    currency = text.strip().upper()
    if _CURRENCY.fullmatch(currency) is None:
        raise ValueError(f"{text!r} is no currency code of three letters")
    return currency


def parse_word(text: str) -> str:
    """`"Toll-Free"` -> `"toll_free"`: how categories and number types are written."""
    return _WORD_BREAKS.sub("_", text.strip().lower())


def parse_label(text: str) -> str:
    """Text for people on one line."""
    return " ".join(text.split())


def parse_type(text: str) -> str:
    """The kind of destination (landline, mobile, ...), lower case."""
    return parse_label(text).lower()


def parse_country(text: str) -> str:
    """The country that the row is listed under, upper case; it decides no price."""
    return parse_label(text).upper()
