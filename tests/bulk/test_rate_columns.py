"""Rates of whole columns are those of each call, also on days on which clocks change (rulings.md 14)."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from talktime.accounts.calendar import local_minute, to_us
from talktime.bulk.rate_columns import minute_of, minutes_of_week, rate_lists, rates_in
from talktime.core.deck import EVERY_DAY, MINUTES_A_DAY, Call, Deck, RateBook, RateRow
from tests.core.test_deck import calls_drawn, rows_drawn
from tests.tables import at

START_US = to_us(at("2026-04-15 00:00"))
MINUTE_US = 60_000_000
numbers = st.sampled_from(["442071838750", "44", "4421", "1425", "45", ""])

CHANGES = [
    to_us(at(text))
    for text in (
        "2026-03-29 01:00",  # London, Berlin
        "2026-10-25 01:00",
        "2026-03-08 07:00",  # New York
        "2026-11-01 06:00",
        "2026-04-04 15:00",  # Lord Howe: half an hour
        "2026-10-03 15:30",
        "2011-12-30 10:00",  # Samoa leaves out a day
        "2018-10-28 00:00",  # Casablanca, and a year earlier and later
        "2016-08-14 20:00",  # Pyongyang took back half an hour in 2018
        "1972-01-07 00:44",  # Monrovia: 44 minutes and a half
    )
]
ZONES = (
    *("UTC", "Europe/London", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"),
    *("Pacific/Apia", "Africa/Casablanca", "Asia/Pyongyang", "Africa/Monrovia", "Asia/Kathmandu"),
)
near_changes = st.builds(
    lambda change, minutes, us: change + minutes * MINUTE_US + us,
    st.sampled_from(CHANGES),
    st.integers(-2 * MINUTES_A_DAY, 2 * MINUTES_A_DAY) | st.sampled_from([-61, -31, -1, 0, 1, 30, 60]),
    st.sampled_from([0, 0, 1, MINUTE_US - 1]),
)
instants = near_changes | st.integers(0, 2 * 10**15)

windows_drawn = st.builds(
    RateRow,
    prefix=st.sampled_from(["4", "44", "4420"]),
    price_nanos=st.just(0),
    first_price_nanos=st.just(0),
    weekdays=st.sampled_from([EVERY_DAY, 0b0011111, 0b1000000]),
    from_min=st.sampled_from([0, 30, 90, 120, 18 * 60]),
    to_min=st.sampled_from([60, 90, 150, 8 * 60, MINUTES_A_DAY]),
    time_zone=st.sampled_from(ZONES),
    valid_from_us=st.sampled_from([0, *CHANGES]),
    valid_until_us=st.sampled_from([10**16, *(change + 1 for change in CHANGES)]),
)
OUT = Call("", "", "outbound", "")


def found_in(book: RateBook, call: Call, digits: list[str], start_us: list[int]) -> list[int]:
    """By columns: the longest prefix of each number in the table of such calls, then its row."""
    table = book.table(call)
    prefix = np.array([table.table.find(number) for number in digits], np.int64)
    found: list[int] = rates_in(book.deck, table, prefix, np.array(start_us, np.int64)).tolist()
    return found


@given(
    st.lists(rows_drawn, max_size=12),
    calls_drawn,
    st.lists(st.tuples(numbers, st.integers(0, 90 * MINUTES_A_DAY)), max_size=20),
)
def test_the_rate_of_each_row(rows: list[RateRow], call: Call, asked: list[tuple[str, int]]) -> None:
    book = RateBook(Deck("test", "1", "USD", tuple(rows)))
    digits = [number for number, _ in asked]
    start_us = [START_US + minutes * MINUTE_US for _, minutes in asked]
    expected = [book.find(call, *one, local_minute) for one in zip(digits, start_us, strict=True)]
    assert found_in(book, call, digits, start_us) == expected


@given(st.lists(windows_drawn, max_size=8), st.lists(st.tuples(numbers, instants), max_size=20))
def test_windows_on_days_on_which_clocks_change(rows: list[RateRow], asked: list[tuple[str, int]]) -> None:
    book = RateBook(Deck("test", "1", "USD", tuple(rows)))
    expected = [book.find(OUT, number, at_us, local_minute) for number, at_us in asked]
    assert found_in(book, OUT, [number for number, _ in asked], [at_us for _, at_us in asked]) == expected


@given(st.sampled_from(ZONES), st.lists(instants, max_size=20))
def test_minutes_of_the_week_are_those_of_the_calendar(zone: str, at_us: list[int]) -> None:
    expected = [day * MINUTES_A_DAY + minute for day, minute in (local_minute(zone, us) for us in at_us)]
    assert minutes_of_week(np.array(at_us, np.int64), zone).tolist() == expected


@given(st.sampled_from(ZONES), instants)
def test_minutes_are_remembered_rightly(zone: str, at_us: int) -> None:
    assert minute_of(zone, at_us) == local_minute(zone, at_us)


def test_the_last_row_stands_for_no_rate() -> None:
    lists = rate_lists(Deck("test", "1", "USD", (RateRow("44", 5, 7, 9, 30, 6),), increments=1, decimals=4))
    assert list(zip(*lists, strict=True)) == [(1, 30, 6, 1, 7, 5, 9, 0, 4), (0, 60, 60, 0, 0, 0, 0, 0, 4)]
