"""Money stays exact: divisions name their rounding, decimal strings come back as they were (domain.md 2)."""

from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.core.money import (
    DOWN,
    HALF_EVEN,
    HALF_UP,
    ROUNDINGS,
    UP,
    ceil_div,
    format_decimal,
    format_minutes,
    format_money,
    parse_decimal,
    parse_money,
    round_div,
)

amounts = st.integers(0, 10**18)
divisors = st.integers(1, 10**12) | st.sampled_from([1, 2, 3, 60, 60_000, 60_000_000_000])


def rounded(value: Fraction, method: int) -> int:
    """A fraction, not negative, as an integer by one of the four methods."""
    below, rest = floor(value), value - floor(value)
    up = {
        HALF_UP: rest >= Fraction(1, 2),
        UP: rest > 0,
        DOWN: False,
        HALF_EVEN: rest > Fraction(1, 2) or (rest == Fraction(1, 2) and below % 2 == 1),
    }
    return below + up[method]


# --- division --------------------------------------------------------------------------------------


@given(st.integers(-(10**18), 10**18), divisors)
def test_ceil_div_is_the_ceiling(dividend: int, divisor: int) -> None:
    assert ceil_div(dividend, divisor) == ceil(Fraction(dividend, divisor))


@given(amounts, divisors, st.sampled_from(sorted(ROUNDINGS.values())))
def test_round_div_rounds_the_exact_fraction(dividend: int, divisor: int, method: int) -> None:
    assert round_div(dividend, divisor, method) == rounded(Fraction(dividend, divisor), method)


@given(st.integers(0, 10**15), st.integers(1, 10**9), st.sampled_from(sorted(ROUNDINGS.values())))
def test_round_div_at_the_very_half(quotient: int, half: int, method: int) -> None:
    """Halves are rare among drawn fractions, so they are made."""
    dividend, divisor = quotient * 2 * half + half, 2 * half
    expected = {HALF_UP: quotient + 1, UP: quotient + 1, DOWN: quotient, HALF_EVEN: quotient + quotient % 2}
    assert round_div(dividend, divisor, method) == expected[method]


@pytest.mark.parametrize(
    ("dividend", "divisor", "half_up", "up", "down", "half_even"),
    [
        (5, 10, 1, 1, 0, 0),
        (15, 10, 2, 2, 1, 2),
        (25, 10, 3, 3, 2, 2),
        (14, 10, 1, 2, 1, 1),
        (16, 10, 2, 2, 1, 2),
        (20, 10, 2, 2, 2, 2),
        (0, 10, 0, 0, 0, 0),
    ],
)
def test_the_four_roundings(
    dividend: int, divisor: int, half_up: int, up: int, down: int, half_even: int
) -> None:
    names = ("half_up", "up", "down", "half_even")
    assert [round_div(dividend, divisor, ROUNDINGS[name]) for name in names] == [half_up, up, down, half_even]


# --- decimal strings -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "places", "scaled"),
    [
        ("74.3546", 6, 74_354_600),
        ("0.000001", 6, 1),
        ("-0.6", 6, -600_000),
        ("+12.50", 6, 12_500_000),
        (" 5 ", 6, 5_000_000),
        ("007", 6, 7_000_000),
        (".5", 6, 500_000),
        ("-.5", 6, -500_000),
        ("5.", 6, 5_000_000),
        ("0.0140000000", 6, 14_000),
        ("0.000000001", 9, 1),
        ("1000", 0, 1000),
    ],
)
def test_parse_decimal(text: str, places: int, scaled: int) -> None:
    assert parse_decimal(text, places) == scaled


@pytest.mark.parametrize(
    "text", ["", ".", "-", "+-5", "1e5", "1,5", "1_000", "0x10", "nan", "Infinity", "5 5", "٣", "1" * 19]
)
def test_what_is_no_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a decimal number such as"):
        parse_decimal(text, 6)


@pytest.mark.parametrize(("text", "places"), [("0.0000001", 6), ("1.5", 0), ("0.0000000001", 9)])
def test_what_is_finer_than_the_unit_is_refused(text: str, places: int) -> None:
    with pytest.raises(ValueError, match=f"has more than {places} decimals"):
        parse_decimal(text, places)


@given(st.integers(-(10**18) + 1, 10**18 - 1), st.integers(0, 9))
def test_decimals_come_back_as_they_were(scaled: int, places: int) -> None:
    text = format_decimal(scaled, places)
    assert parse_decimal(text, places) == scaled
    assert Fraction(text) == Fraction(scaled, 10**places)
    assert "." not in text or text[-1] not in "0."


@pytest.mark.parametrize(
    ("micros", "text"),
    [(0, "0"), (75_000, "0.075"), (-600_000, "-0.6"), (299_990_000, "299.99"), (1, "0.000001")],
)
def test_money_as_the_edges_show_it(micros: int, text: str) -> None:
    assert format_money(micros) == text
    assert parse_money(text) == micros


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0"), (240, "4"), (78, "1.3"), (1, "0.016667"), (50, "0.833333")]
)
def test_minutes_as_the_edges_show_them(seconds: int, text: str) -> None:
    assert format_minutes(seconds) == text
