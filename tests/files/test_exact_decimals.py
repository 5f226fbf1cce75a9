"""Integers and decimals of columns: exact both ways, for every int64 that a decimal of 18 digits holds."""

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.core.money import format_decimal
from talktime.files.exact_decimals import (
    LARGEST,
    decimals_of,
    fits_a_number,
    plain_text_of,
    to_decimals,
    to_integers,
)

INTEGERS = st.lists(st.none() | st.integers(-LARGEST, LARGEST), max_size=30)


@given(INTEGERS, st.sampled_from([6, 9]), st.integers(0, 5))
def test_a_column_of_decimals_is_the_column_of_integers(
    values: list[int | None], places: int, begin: int
) -> None:
    integers = pl.Series("money", values, pl.Int64)[begin:]
    decimals = to_decimals(integers, places)
    assert decimals.dtype == pl.Decimal(18, places)
    assert decimals.to_list() == [None if v is None else Decimal(v).scaleb(-places) for v in values[begin:]]
    assert to_integers(decimals).to_list() == values[begin:]


@given(INTEGERS, st.sampled_from([6, 9]))
def test_plain_text_is_what_the_core_writes(values: list[int | None], places: int) -> None:
    frame = pl.DataFrame({"money": pl.Series(values, dtype=pl.Int64)})
    texts = frame.select(plain_text_of("money", places))["money"].to_list()
    assert texts == [None if value is None else format_decimal(value, places) for value in values]


def test_slices_of_decimals_give_their_own_integers() -> None:
    decimals = to_decimals(pl.Series("money", [1, -2, None, 4, -(10**17)], pl.Int64), 6)
    assert to_integers(decimals[1:4]).to_list() == [-2, None, 4]
    assert to_integers(decimals[4:]).to_list() == [-(10**17)]


def test_a_streaming_query_converts_every_row() -> None:
    frame = pl.DataFrame({"money": pl.Series(range(-250_000, 250_000), dtype=pl.Int64)})
    decimals = frame.lazy().select(decimals_of("money", 6)).collect(engine="streaming")["money"]
    assert to_integers(decimals).to_list() == list(range(-250_000, 250_000))


@pytest.mark.parametrize(
    ("integer", "fits"),
    [
        (0, True),
        (999_999_999_999_999, True),
        (-999_999_999_999_999, True),
        (1_000_000_000_000_001, False),
        (-1_000_000_000_000_001, False),
        (123_456_789_012_345_000, True),
        (123_456_789_012_345_600, False),
    ],
)
def test_fifteen_significant_digits_fit_a_number_of_a_spreadsheet(integer: int, fits: bool) -> None:
    assert pl.select(fits_a_number(pl.lit(integer, pl.Int64))).item() is fits
