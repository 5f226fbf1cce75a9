"""Rates of whole columns are those of each call, and hidden digits are flagged where they could matter."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.accounts.calendar import local_minute, to_us
from talktime.bulk.lookup import keys_of
from talktime.bulk.rate_columns import masked_price, minute_of, rate_lists, rates_of
from talktime.core.deck import Call, Deck, RateBook, RateRow
from tests.core.test_deck import calls_drawn, rows_drawn
from tests.tables import at

START_US = to_us(at("2026-04-15 00:00"))
numbers = st.sampled_from(["442071838750", "44", "4421", "1425", "45", ""])


@given(
    st.lists(rows_drawn, max_size=12),
    st.lists(st.tuples(calls_drawn, numbers, st.integers(0, 90 * 24 * 60)), max_size=20),
)
def test_the_rate_of_each_row(rows: list[RateRow], asked: list[tuple[Call, str, int]]) -> None:
    book = RateBook(Deck("test", "1", "USD", tuple(rows)))
    kinds = sorted({call for call, _, _ in asked})
    kind = np.array([kinds.index(call) for call, _, _ in asked], np.int64)
    keys, lengths = keys_of(pl.Series([digits for _, digits, _ in asked], dtype=pl.String))
    start_us = np.array([START_US + minutes * 60_000_000 for _, _, minutes in asked], np.int64)
    found = rates_of(book, kinds, kind, keys, lengths, start_us)
    expected = [
        book.find(call, digits, int(us), local_minute)
        for (call, digits, _), us in zip(asked, start_us, strict=True)
    ]
    assert found.tolist() == expected


@given(st.sampled_from(["UTC", "Asia/Kathmandu", "Europe/London"]), st.integers(0, 2 * 10**15))
def test_minutes_are_remembered_rightly(zone: str, at_us: int) -> None:
    assert minute_of(zone, at_us) == local_minute(zone, at_us)


CALL = Call("", "", "outbound", "")


@pytest.mark.parametrize(
    ("prices", "digits", "hidden", "flagged"),
    [
        ({"44": 1, "4420": 2}, "442", 9, True),
        ({"44": 1, "4420": 1}, "442", 9, False),  # another prefix, the same price
        ({"44": 1, "4420": 2}, "4420718", 5, False),  # the visible digits decide
        ({"44": 1, "4421": 2}, "4420", 8, False),
        ({"4420": 2}, "44", 10, True),  # some would have no rate
        ({"44": 1, "44207": 2}, "442", 1, False),  # one hidden digit reaches no longer prefix
    ],
)
def test_a_hidden_digit_that_could_change_the_price(
    prices: dict[str, int], digits: str, hidden: int, flagged: bool
) -> None:
    book = RateBook(Deck("test", "1", "USD", tuple(RateRow(p, price, price) for p, price in prices.items())))
    row = book.find(CALL, digits, START_US, local_minute)
    assert masked_price(book, CALL, digits, hidden, row, START_US) is flagged


def test_the_last_row_stands_for_no_rate() -> None:
    lists = rate_lists(Deck("test", "1", "USD", (RateRow("44", 5, 7, 9, 30, 6),), increments=1, decimals=4))
    assert list(zip(*lists, strict=True)) == [(1, 30, 6, 1, 7, 5, 9, 0, 4), (0, 60, 60, 0, 0, 0, 0, 0, 4)]
