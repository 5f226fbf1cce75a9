"""Decimal marks: whether a deck writes 1,234.56 or 1.234,56, told from all its numbers together.

A number with both marks, or with a mark that cannot separate thousands, shows the style of the file. One that
could be either (`1,234`) is read in that style; where nothing shows it, its row is set aside, never guessed.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

POINT: Final = "."
COMMA: Final = ","
_NAMES: Final = {POINT: "decimal point", COMMA: "decimal comma"}

_BLANKS: Final = " \u00a0\u202f\u2009'\u2019"
_BLANK_GROUPS: Final = re.compile(rf"[+-]?\d{{1,3}}(?:[{_BLANKS}]\d{{3}})+(?:[.,]\d*)?", re.ASCII)
_DROP_BLANKS: Final = str.maketrans("", "", _BLANKS)
_EITHER: Final = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)
_ONE_MARK: Final = re.compile(r"[+-]?\d*([.,])\d*", re.ASCII)
_GROUPS: Final = {
    POINT: re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?", re.ASCII),
    COMMA: re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+(?:,\d*)?", re.ASCII),
}


@dataclass(frozen=True, slots=True)
class DecimalStyle:
    """How a file writes numbers: its decimal mark, and whether a number of the file shows it."""

    mark: str
    shown: bool

    def plain(self, text: str) -> str:
        """A number of the file as `core.money.parse_decimal` reads it: `"1.234,56"` -> `"1234.56"`.

        What is no number is left as it is. Raises ValueError where it could mean two numbers, or is written
        in the other style.
        """
        bare = _without_blanks(text)
        other = COMMA if self.mark == POINT else POINT
        if not self.shown and _EITHER.fullmatch(bare) and (COMMA in bare or self.mark == COMMA):
            raise ValueError(
                f"{text!r} may be {bare.replace(COMMA, POINT)} or {re.sub('[.,]', '', bare)}, and no other "
                "number of the file tells; write it with four decimals or as a whole number"
            )
        if other not in bare:
            return bare.replace(self.mark, POINT)
        if _GROUPS[self.mark].fullmatch(bare):
            return bare.replace(other, "").replace(self.mark, POINT)
        if _mark_of(bare) == other:
            raise ValueError(f"{text!r} has a {_NAMES[other]}, the rest of the file a {_NAMES[self.mark]}")
        return bare


def style_of(numbers: Iterable[str], delimiter: str) -> DecimalStyle:
    """The style that most of the distinct numbers of a file show.

    Where none shows it: a point, except in files delimited by semicolons, which spreadsheets write where the
    comma is the decimal mark.
    """
    seen = {POINT: 0, COMMA: 0}
    for number in set(numbers):
        mark = _mark_of(_without_blanks(number))
        if mark:
            seen[mark] += 1
    if seen[POINT] or seen[COMMA]:
        return DecimalStyle(COMMA if seen[COMMA] > seen[POINT] else POINT, True)
    return DecimalStyle(COMMA if delimiter == ";" else POINT, False)


def _without_blanks(text: str) -> str:
    bare = text.strip()
    return bare.translate(_DROP_BLANKS) if _BLANK_GROUPS.fullmatch(bare) else bare


def _mark_of(bare: str) -> str:
    """The decimal mark that a number shows, "" if it shows none."""
    if _EITHER.fullmatch(bare):
        return ""
    match = _ONE_MARK.fullmatch(bare)
    if match:
        return match[1]
    return next((mark for mark, groups in _GROUPS.items() if groups.fullmatch(bare)), "")
