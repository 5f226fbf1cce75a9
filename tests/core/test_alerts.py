"""Warnings as rules: a level once per crossing, how long money lasts, days before something ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.core.alerts import (
    CARD_DAYS,
    DAY_US,
    HISTORY_DAYS,
    LOT_DAYS,
    days_until,
    due,
    is_below,
    is_short,
    runway,
)
from talktime.core.forecast import Lot

TODAY = 20_000
LATE = TODAY + 2_000
LOTS = [Lot(10**18, LATE)]
"""More than is ever spent."""


@pytest.mark.parametrize(
    ("available", "level", "below"),
    [(101, 100, 0), (100, 100, 0), (99, 100, 1), (0, 1, 1), (-1, 1, 1), (-5, -5, 0)],
)
def test_a_level_that_is_just_met_is_not_crossed(available: int, level: int, below: int) -> None:
    assert is_below(available, level) == below


@pytest.mark.parametrize(
    ("days", "balance", "burn", "lasts"),
    [
        ([], 100, (0, 0), (None, None)),
        ([(TODAY, 99)], 100, (0, 0), (None, None)),  # today is not over
        ([(TODAY - 29, 99)], 100, (0, 0), (None, None)),
        ([(TODAY - 28, 28)], 100, (1, 0), (100, None)),
        ([(TODAY - 8, 28)], 100, (1, 0), (100, None)),
        ([(TODAY - 7, 28)], 100, (1, 4), (100, 25)),
        ([(TODAY - 1, 14)], 3, (1, 2), (6, 1)),  # half up: 0.5 -> 1; days down: 3 * 28 / 14 and 3 * 7 / 14
        ([(TODAY - 1, 13)], 1, (0, 2), (2, 0)),  # 13/28 -> 0, and yet an end is in sight
        ([(TODAY - 1, 28), (TODAY - 2, -28)], 100, (0, 0), (None, None)),  # corrected away
        ([(TODAY - 1, 28)], 0, (1, 4), (0, 0)),
        ([(TODAY - 1, 28)], -5, (1, 4), (0, 0)),
    ],
)
def test_runway(
    days: list[tuple[int, int]], balance: int, burn: tuple[int, int], lasts: tuple[int | None, int | None]
) -> None:
    found = runway(days, balance, TODAY, LOTS)
    assert ((found.burn_28, found.burn_7), (found.days_28, found.days_7)) == (burn, lasts)


@given(
    st.lists(st.tuples(st.integers(TODAY - 40, TODAY + 2), st.integers(0, 10**12))), st.integers(1, 10**15)
)
def test_a_runway_is_as_long_as_the_money(days: list[tuple[int, int]], balance: int) -> None:
    found = runway(days, balance, TODAY, [])
    for span, lasts in ((28, found.days_28), (7, found.days_7)):
        paid = sum(amount for day, amount in days if TODAY - span <= day < TODAY)
        if lasts is None:
            assert paid == 0
        else:
            assert lasts * paid <= balance * span < (lasts + 1) * paid


# --- the forecast ------------------------------------------------------------------------------------------

EVEN = [(TODAY - ago, 7) for ago in range(1, 57)]


def test_how_long_money_lasts_is_the_forecast_of_its_lots() -> None:
    found = runway(EVEN, 140, TODAY, [Lot(70, LATE), Lot(70, LATE)])
    assert (found.days_28, found.days_7, found.shortest) == (20, 20, found.days_low)
    assert (found.days_low, found.days_expected, found.days_high) == (20, 20, 20)
    assert (found.growth, found.from_days, found.left_out) == (None, 56, ())
    assert runway(EVEN, 140, TODAY, [Lot(140, TODAY + 3)]).shortest == 3  # what expires is lost
    assert runway(EVEN, -5, TODAY, [Lot(5, LATE)]).shortest == 0
    assert runway([], 140, TODAY, [Lot(140, LATE)]).shortest is None


def test_days_before_the_first_row_and_today_say_nothing() -> None:
    short = runway([*EVEN[:20], (TODAY, 1_000), (TODAY - HISTORY_DAYS - 1, 1_000)], 140, TODAY, LOTS)
    assert short.from_days == 20
    whole = runway([(TODAY - HISTORY_DAYS, 7), *EVEN], 140, TODAY, LOTS)
    assert whole.from_days + len(whole.left_out) == HISTORY_DAYS


def test_days_without_a_call_are_left_out() -> None:
    gone = [TODAY - ago for ago in (30, 29, 28)]
    found = runway([(day, paid) for day, paid in EVEN if day not in gone], 140, TODAY, LOTS)
    assert (found.left_out, found.from_days, found.days_expected) == (tuple(gone), 53, None)
    assert found.burn_28 == 7  # 27 of 28 days: 6.75
    over = runway([(day, paid) for day, paid in EVEN if day < TODAY - 15], 140, TODAY, LOTS)
    assert over.left_out == ()  # more than two weeks: calls may be over


def test_growth_shortens_what_is_left() -> None:
    growing = [(day, 1_000 + 10 * (day - TODAY)) for day, _ in EVEN]
    even = [(day, 1_000) for day, _ in EVEN]
    lots = [Lot(60_000, LATE)]
    found, flat = runway(growing, 60_000, TODAY, lots), runway(even, 60_000, TODAY, lots)
    assert found.growth is not None
    assert (found.growth > 0, flat.growth, flat.days_expected) == (True, None, 60)
    assert found.days_expected is not None
    assert 45 < found.days_expected < 60


@pytest.mark.parametrize(
    ("days", "limit", "told", "short"),
    [
        (13, 14, 0, 1),
        (14, 14, 0, 0),
        (14, 14, 1, 1),
        (15, 14, 1, 0),
        (None, 14, 1, 0),
        (0, 0, 0, 0),
        (0, 1, 0, 1),
    ],
)
def test_a_short_runway_recovers_a_day_above_the_limit(
    days: int | None, limit: int, told: int, short: int
) -> None:
    assert is_short(days, limit, told) == short


@pytest.mark.parametrize(
    ("days_left", "told", "marks"),
    [
        (61, (), ()),
        (60, (), (60,)),
        (59, (60,), ()),
        (31, (60,), ()),
        (30, (60,), (30,)),
        (7, (60, 30), (7,)),
        (5, (), (7,)),  # first seen with five days to go: told once, not three times
        (5, (7,), ()),
        (0, (), ()),  # it has ended
        (-1, (), ()),
    ],
)
def test_days_before_a_lot_expires(days_left: int, told: tuple[int, ...], marks: tuple[int, ...]) -> None:
    ends = [("7", days_left * DAY_US)]
    assert due(ends, 0, [("7", mark) for mark in told], LOT_DAYS) == [("7", mark) for mark in marks]


@given(st.lists(st.integers(0, 100 * DAY_US), min_size=1), st.sampled_from([LOT_DAYS, CARD_DAYS]))
def test_each_mark_is_told_at_most_once(instants: list[int], marks: tuple[int, ...]) -> None:
    told: list[tuple[str, int]] = []
    for now_us in sorted(instants):
        told += due([("x", 90 * DAY_US)], now_us, told, marks)
    assert len(set(told)) == len(told) <= len(marks)
    assert [mark for _, mark in told] == sorted((mark for _, mark in told), reverse=True)


def test_a_started_day_counts_whole() -> None:
    assert [days_until(at, 0) for at in (0, 1, DAY_US, DAY_US + 1, -1)] == [0, 1, 1, 2, 0]
