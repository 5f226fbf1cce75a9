"""Looking up columns of numbers is looking up each of them."""

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from talktime.bulk.lookup import find_many, keys_of
from talktime.core.prefix import prefix_table

DIGITS = st.text("0123456789", max_size=17)
PREFIXES = st.lists(st.text("0123456789", min_size=1, max_size=6), max_size=12, unique=True)


@given(PREFIXES, st.lists(DIGITS, max_size=20))
def test_columns_and_single_numbers_find_the_same(prefixes: list[str], numbers: list[str]) -> None:
    table = prefix_table(prefixes)
    keys, lengths = keys_of(pl.Series(numbers, dtype=pl.String))
    assert find_many(table, keys, lengths).tolist() == [table.find(number) for number in numbers]


def test_a_column_without_numbers() -> None:
    nothing = np.array([], np.int64)
    assert find_many(prefix_table(["44"]), nothing, nothing).tolist() == []
