"""Hidden digits are flagged where they could matter: as if every number that they could hide were asked."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.accounts.calendar import local_minute, to_us
from talktime.bulk.masked import masked_rows
from talktime.bulk.number_columns import ReadNumbers, numbers
from talktime.bulk.rate_columns import price_of, rates_in
from talktime.bulk.setting import Setting
from talktime.bulk.state import NONE
from talktime.core.deck import Call, Deck, RateRow
from tests.bulk.charged import tenant
from tests.bulk.side_by_side import setting
from tests.tables import at

START_US = to_us(at("2026-05-04 10:00"))
HOUR_US = 3_600_000_000
OUT, CONFERENCE = Call("", "", "outbound", ""), Call("conference_dial_out", "", "outbound", "")


def flags_of(of: Setting, calls: list[Call], texts: list[str], start_us: list[int]) -> list[bool]:
    """The flags of a column of called numbers, with the rates that their visible digits give."""
    book = of.book
    read: ReadNumbers = numbers(
        pl.Series(texts, dtype=pl.String),
        pl.Series(["US"] * len(texts), dtype=pl.Categorical()),
        of.catalogue,
        of.index,
        compiled=False,
    )
    kinds = sorted({book.kind_of(call) for call in calls})
    kind = np.array([kinds.index(book.kind_of(call)) for call in calls], np.int64)
    start = np.array(start_us, np.int64)
    rate = np.full(len(texts), NONE, np.int64)
    for row, call in enumerate(calls):
        prefix = of.deck_prefixes(book.kind_of(call))[read.prefix[row : row + 1]]
        rate[row] = rates_in(book.deck, book.table(call), prefix, start[row : row + 1])[0]
    flags: list[bool] = masked_rows(of, kinds, kind, read, rate, start).tolist()
    return flags


def could_change(of: Setting, call: Call, text: str, at_us: int) -> bool:
    """Every number that the stars could hide, asked one by one."""
    digits = text.strip("+*")
    hidden = text.count("*")
    candidates = [f"{digits}{rest:0{hidden}}" for rest in range(10**hidden)] if hidden else [digits]
    book = of.book
    prices = {
        price_of(book.deck, book.find(call, number, at_us, local_minute)) for number in [digits, *candidates]
    }
    states = {of.catalogue.premium_state(number) for number in candidates}
    return len(prices) > 1 or len(states) > 1


@pytest.mark.parametrize(
    ("prices", "text", "flagged"),
    [
        ({"44": 1, "4420": 2}, "+442*********", True),
        ({"44": 1, "4420": 1}, "+442*********", False),  # another prefix, the same price
        ({"44": 1}, "+44**********", True),  # one price, but some of them are premium in the catalogue
        ({"33": 1, "3314": 1}, "+331********", False),
        ({"33": 1, "3314": 2}, "+331********", True),
        ({"33": 1, "3314": 2}, "+33142****", False),  # the visible digits decide
        ({"33": 1, "3315": 2}, "+3314*******", False),
        ({"3314": 2}, "+33*********", True),  # some would have no rate
        ({"33": 1, "33142": 2}, "+331*", False),  # one hidden digit reaches no longer prefix
        ({"33": 1, "3314": 2}, "+33142685300", False),
    ],
)
def test_a_hidden_digit_that_could_change_the_price(prices: dict[str, int], text: str, flagged: bool) -> None:
    rows = tuple(RateRow(prefix, price, price) for prefix, price in prices.items())
    of = setting(tenant(), prices=Deck("test", "1", "USD", rows))
    assert flags_of(of, [OUT], [text], [START_US]) == [flagged]


def test_where_a_window_decides_each_call_is_asked() -> None:
    """Until ten a longer prefix has a price of its own; the hidden digits of later calls decide nothing."""
    rows = (RateRow("33", 1, 1), RateRow("3314", 2, 2, valid_until_us=START_US))
    of = setting(tenant(), prices=Deck("test", "1", "USD", rows))
    texts = ["+331********"] * 3
    assert flags_of(of, [OUT] * 3, texts, [START_US - 1, START_US, START_US + 1]) == [True, False, False]


def test_a_call_that_no_deck_is_asked_about_is_not_flagged() -> None:
    of = setting(tenant(), prices=Deck("test", "1", "USD", (RateRow("33", 1, 1), RateRow("3314", 2, 2))))
    places = pl.Series(["US"], dtype=pl.Categorical())
    read = numbers(pl.Series(["+331********"]), places, of.catalogue, of.index, compiled=False)
    nothing, start = np.array([NONE], np.int64), np.array([START_US], np.int64)
    assert masked_rows(of, [], nothing, read, nothing, start).tolist() == [False]


prefixes = ["33", "331", "3314", "33142", "3389", "449", "4490", "44", "1", "1604"]
rates = st.builds(
    lambda prefix, price, category, until, day: RateRow(
        prefix, price, price, category=category, valid_until_us=START_US + until * HOUR_US, weekdays=day
    ),
    st.sampled_from(prefixes),
    st.integers(1, 2),
    st.sampled_from(["", "", "conference_dial_out"]),
    st.sampled_from([0, 10**6]),
    st.sampled_from([0b1111111, 0b1111111, 0b0000001]),
)
masked = st.sampled_from(["+33142**", "+331**", "+33*", "+3*", "+44**", "+449*", "+338**", "+16**", "+33142"])
asked = st.tuples(st.sampled_from([OUT, CONFERENCE]), masked, st.sampled_from([-1, 0, 1, 24]))


@given(st.lists(rates, max_size=8), st.lists(asked, min_size=1, max_size=12))
def test_flags_are_those_of_every_number_that_could_be_meant(
    rows: list[RateRow], table: list[tuple[Call, str, int]]
) -> None:
    of = setting(tenant(), prices=Deck("test", "1", "USD", tuple(rows)))
    calls, texts = [row[0] for row in table], [row[1] for row in table]
    start_us = [START_US + hours * HOUR_US for _, _, hours in table]
    expected = [could_change(of, *one) for one in zip(calls, texts, start_us, strict=True)]
    assert flags_of(of, calls, texts, start_us) == expected
