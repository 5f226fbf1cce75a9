"""How far beyond the dearest days seen a dearer one may lie: the tail of days, told by its own largest days.

A forecast by the spread of days takes them for even-tempered; a few dear calls make days that are not. The
largest days fall off by some power, which is estimated (Hill) and carried on. Integers: logarithms have 20
binary places.
"""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING, Final

from talktime.core.money import ceil_div

if TYPE_CHECKING:
    from collections.abc import Sequence

PLACES: Final = 20
ONE: Final = 1 << PLACES
_LN_2: Final = 726_817  # in units of 1 / ONE

LEAST_TOP: Final = 4
"""The tail is told by a tenth of the days, and by so many at least."""

_TENTH: Final = 10
_WIDE: Final = 30


def dearest_to_come(sizes: Sequence[int], seen_days: int, days: int, confidence: int) -> int:
    """What no one of `days` is above, with `confidence` (per mille) for all, after `seen_days` with these
    sizes.

    `sizes`: of the days on which something was paid, in any unit, each for the level of its time. The power
    is at most 1. Two days or fewer tell no tail: twice the larger. Rounded up.
    """
    ordered = sorted((size for size in sizes if size > 0), reverse=True)
    top = min(max(len(ordered) // _TENTH, LEAST_TOP), len(ordered) - 1)
    if top < 2:
        return 2 * ordered[0] if ordered else 0
    logs = [log2(size) for size in ordered[: top + 1]]
    power = min(ceil_div((sum(logs[:top]) - top * logs[top]) * _LN_2, top << PLACES), ONE)
    rarer = top * days * 1_000, seen_days * (1_000 - confidence)
    beyond = max(log2(rarer[0]) - log2(rarer[1]), 0)
    return raised(ordered[top], ceil_div(power * beyond, ONE))


def log2(number: int) -> int:
    """The logarithm to base 2 of a whole number >= 1, in units of 1 / ONE, rounded down."""
    whole = number.bit_length() - 1
    mantissa = number << _WIDE >> whole
    found = whole
    for _ in range(PLACES):
        mantissa = mantissa * mantissa >> _WIDE
        found <<= 1
        if mantissa >= 2 << _WIDE:
            mantissa >>= 1
            found += 1
    return found


def raised(amount: int, exponent: int) -> int:
    """An amount times 2 to the power of `exponent` >= 0 (in units of 1 / ONE), rounded up."""
    factor, root = 1 << _WIDE, 2 << _WIDE
    for place in range(PLACES - 1, -1, -1):
        root = isqrt(root << _WIDE) + 1
        if exponent >> place & 1:
            factor = ceil_div(factor * root, 1 << _WIDE)
    return ceil_div((amount << (exponent >> PLACES)) * factor, 1 << _WIDE)
