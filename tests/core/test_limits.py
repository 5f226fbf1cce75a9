"""With every bound at its limit nothing on the way leaves 64 bits: compiled integers overflow silently."""

from __future__ import annotations

from typing import SupportsInt

import pytest

from talktime.core.funding import settle
from talktime.core.limits import (
    ALWAYS_US,
    MAX_CALL_S,
    MAX_FEE_MICROS,
    MAX_INCREMENT_S,
    MAX_LICENCES,
    MAX_MINUTES,
    MAX_MONEY_MICROS,
    MAX_PRICE_NANOS,
    NEVER_US,
    NO_LIMIT,
)
from talktime.core.money import HALF_UP, ROUNDINGS
from talktime.core.pools import crossed, pool_free_s
from talktime.core.rating import AFTER_FIRST, WHOLE, amount_micros, billed_seconds
from talktime.core.recharge import recharge_micros
from tests.core.drawn import Settle
from tests.core.test_rating import Part

LARGEST = 2**63 - 1


class Watched(int):
    """An integer that passes every sum and product on, and remembers the largest."""

    largest = 0

    def _kept(self, value: int) -> Watched:
        Watched.largest = max(Watched.largest, abs(value))
        return Watched(value)

    def __add__(self, other: SupportsInt) -> Watched:
        return self._kept(int(self) + int(other))

    def __sub__(self, other: SupportsInt) -> Watched:
        return self._kept(int(self) - int(other))

    def __rsub__(self, other: SupportsInt) -> Watched:
        return self._kept(int(other) - int(self))

    def __mul__(self, other: SupportsInt) -> Watched:
        return self._kept(int(self) * int(other))

    def __floordiv__(self, other: SupportsInt) -> Watched:
        return self._kept(int(self) // int(other))

    def __rfloordiv__(self, other: SupportsInt) -> Watched:
        return self._kept(int(other) // int(self))

    def __neg__(self) -> Watched:
        return self._kept(-int(self))

    __radd__ = __add__
    __rmul__ = __mul__


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    Watched.largest = 0


def w(*values: int) -> tuple[Watched, ...]:
    return tuple(Watched(value) for value in values)


LONGEST_S = MAX_CALL_S + 2 * MAX_INCREMENT_S
"""More than any call is billed for: the longest, rounded up to the longest parts."""


@pytest.mark.parametrize("model", [AFTER_FIRST, WHOLE])
@pytest.mark.parametrize("step_s", [1, MAX_INCREMENT_S - 1, MAX_INCREMENT_S])
def test_no_call_is_billed_longer(model: int, step_s: int) -> None:
    assert billed_seconds(MAX_CALL_S, MAX_INCREMENT_S, step_s, model) <= LONGEST_S
    assert billed_seconds(MAX_CALL_S, 1, step_s, model) <= LONGEST_S


@pytest.mark.parametrize("rounding", sorted(ROUNDINGS.values()))
@pytest.mark.parametrize("decimals", range(7))
@pytest.mark.parametrize("first_s", [0, 1, MAX_INCREMENT_S])
def test_the_dearest_call_stays_within_64_bits(rounding: int, decimals: int, first_s: int) -> None:
    part = Part(0, LONGEST_S, first_s, MAX_PRICE_NANOS, MAX_PRICE_NANOS, MAX_FEE_MICROS, rounding, decimals)
    amount = amount_micros(*Part(*w(*part)))
    assert Watched.largest >= MAX_PRICE_NANOS * MAX_CALL_S  # it was watched
    assert Watched.largest <= LARGEST
    assert amount < MAX_MONEY_MICROS * 10**3


def test_the_watch_sees_an_overflow() -> None:
    part = Part(0, LONGEST_S, 0, 100 * MAX_PRICE_NANOS, 100 * MAX_PRICE_NANOS, 0, HALF_UP, 6)
    amount_micros(*Part(*w(*part)))
    assert Watched.largest > LARGEST


@pytest.mark.parametrize("balance", [1000 * MAX_MONEY_MICROS, 0, -1000 * MAX_MONEY_MICROS])
@pytest.mark.parametrize("cap_left", [NO_LIMIT, MAX_MONEY_MICROS, -1000 * MAX_MONEY_MICROS])
@pytest.mark.parametrize("pool_free_s", [0, 1, NO_LIMIT])
def test_a_settlement_stays_within_64_bits(balance: int, cap_left: int, pool_free_s: int) -> None:
    """A balance of a thousand of the largest purchases, or as much overdraft."""
    call = Settle(
        duration_s=MAX_CALL_S,
        pool_free_s=pool_free_s,
        first_s=MAX_INCREMENT_S,
        step_s=MAX_INCREMENT_S,
        first_price_nanos=MAX_PRICE_NANOS,
        price_nanos=MAX_PRICE_NANOS,
        fee_micros=MAX_FEE_MICROS,
        decimals=0,
        balance=balance,
        cap_left=cap_left,
        below=MAX_MONEY_MICROS,
        add=MAX_MONEY_MICROS,
    )
    settle(*Settle(*w(*call)))
    assert Watched.largest <= LARGEST


def test_a_recharge_stays_within_64_bits() -> None:
    for add in (1, MAX_MONEY_MICROS - 1, MAX_MONEY_MICROS):
        recharge_micros(*w(-1000 * MAX_MONEY_MICROS, MAX_MONEY_MICROS, add, NO_LIMIT))
    assert MAX_MONEY_MICROS < Watched.largest <= LARGEST


def test_the_largest_pool_stays_within_64_bits() -> None:
    size_s = MAX_LICENCES * MAX_MINUTES * 60
    crossed(*w(size_s, 0, 2 * size_s, 100))
    pool_free_s(*w(size_s, 2 * size_s, size_s))
    assert size_s < Watched.largest <= LARGEST


def test_what_stands_for_no_limit_leaves_room_to_add() -> None:
    """An instant plus twelve months, a size plus what is used: no sum with one of them overflows."""
    century_us = 100 * 366 * 86_400 * 10**6
    assert NEVER_US + century_us <= LARGEST
    assert ALWAYS_US - century_us >= -LARGEST
    assert NO_LIMIT + 1000 * MAX_MONEY_MICROS <= LARGEST
    assert NO_LIMIT > MAX_LICENCES * MAX_MINUTES * 60
