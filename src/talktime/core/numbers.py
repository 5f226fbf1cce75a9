"""Telephone numbers: what people write -> `+` and digits, with hidden digits kept as `*`.

Blanks, dots, dashes, brackets, `tel:` and `sip:...@host` go; an international prefix becomes `+`; a
national number takes the user's country; short codes and names stay as they are (rulings.md 9).
"""

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from talktime.core.limits import MAX_NUMBER_DIGITS

MIN_NATIONAL_DIGITS: Final = 7
"""A number with fewer digits and no plus is a short code; it has no country and no rate."""

_PUNCTUATION: Final = str.maketrans(
    "", "", " \t\u00a0\u202f\u200e\u200f\u202a\u202c.-()[]/\u2010\u2011\u2013"
)
_DIALLED: Final = re.compile(r"\+?[\d*]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Dialling:
    """How numbers are dialled in a country: strings of digits; trunk and international may be empty.

    `lengths` are the digits that national numbers have, without trunk; empty where that is not known.
    """

    calling_code: str
    trunk: str
    international: str
    lengths: tuple[int, ...] = ()

    def is_national(self, digits: int) -> bool:
        """Whether national numbers of the country have so many digits."""
        return digits in self.lengths if self.lengths else digits >= MIN_NATIONAL_DIGITS


class Number(NamedTuple):
    """A number as the rules see it.

    `text` is `+` and digits and stars, or what stood there where it is no such number; `digits` are the
    visible digits of an international number, empty for short codes and names; `hidden` counts stars.
    """

    text: str
    digits: str
    hidden: int


NO_NUMBER: Final = Number("", "", 0)


def parse_number(text: str, dialling: Dialling | None) -> Number:
    """A number as written in a file or a request -> Number. `dialling`: of the user's country, if known."""
    bare = _strip(text)
    if not bare:
        return Number(text.strip(), "", 0)
    if _DIALLED.fullmatch(bare) is None:
        return Number(text.strip(), "", 0)
    if bare.startswith("+"):
        return _international(bare[1:])
    if dialling is not None and dialling.international and bare.startswith(dialling.international):
        return _international(bare[len(dialling.international) :])
    if bare.startswith("00"):
        return _international(bare[2:])
    return Number(bare, "", 0) if dialling is None else _national(bare, dialling)


def _strip(text: str) -> str:
    bare = text.strip()
    scheme, colon, rest = bare.partition(":")
    if colon and scheme.lower() in ("tel", "sip", "sips"):
        bare = rest.partition("@")[0].partition(";")[0]
    return bare.translate(_PUNCTUATION)


def _international(bare: str) -> Number:
    digits = bare.partition("*")[0]
    if not digits or digits.startswith("0") or len(bare) > MAX_NUMBER_DIGITS:
        return Number(f"+{bare}", "", 0)
    return Number(f"+{bare}", digits, len(bare) - len(digits))


def _national(bare: str, dialling: Dialling) -> Number:
    """A national number takes the country's code; one that already carries it, only the plus.

    What has neither length stays as it is: a guess would rate it as a call to another country.
    """
    if len(bare) < MIN_NATIONAL_DIGITS:
        return Number(bare, "", 0)
    for prefix in (dialling.trunk, ""):
        if bare.startswith(prefix) and dialling.is_national(len(bare) - len(prefix)):
            return _international(dialling.calling_code + bare[len(prefix) :])
    code = dialling.calling_code
    if dialling.lengths and bare.startswith(code) and dialling.is_national(len(bare) - len(code)):
        return _international(bare)
    return Number(bare, "", 0)
