"""Forecasts as rules: what days to come cost, how sure that is, how long money lasts."""

from datetime import date
from fractions import Fraction
from math import isqrt
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.core.forecast import (
    CONFIDENCES,
    LONGEST_DAYS,
    Band,
    Fit,
    Lasts,
    Lot,
    a_day,
    balances,
    expected,
    fit,
    growth_percent,
    lasts,
    total,
)
from talktime.core.student import of_many, student
from talktime.core.usual import day_in_month, weekday_of

MONDAY = date(2026, 1, 5).toordinal() - date(1970, 1, 1).toordinal()
FIRST = date(2026, 1, 1).toordinal() - date(1970, 1, 1).toordinal()
MONTHS = [31, 28, 31, 30, 31, 30]
UNIT = 1_000_000
OFFICE = [5 * UNIT] * 5 + [0, 0]

DAYS = st.lists(st.integers(0, 10**9), min_size=1, max_size=60).filter(any)


def fitted(amounts: list[int], first_day: int = MONDAY) -> Fit:
    """The fit of days of which some are paid."""
    found = fit(amounts, first_day)
    assert found is not None
    return found


def noisy(days: int, growth: int, seed: int, first_day: int = MONDAY) -> list[int]:
    """Days of an office, up and down by a tenth, of which a day has `growth` parts of 7,000 more each day."""
    rng = Random(seed)
    week = (12, 12, 10, 10, 6, 0, 0)
    return [
        week[(first_day + at + 3) % 7] * (7_000 + growth * at) * rng.randint(90, 110) for at in range(days)
    ]


def pools(seed: int) -> list[int]:
    """Half a year from FIRST: nothing is paid until a pool of minutes is used up, at about the 12th day."""
    rng, found = Random(seed), []
    for length in MONTHS:
        left = 11 * UNIT
        for _ in range(length):
            used = UNIT * rng.randint(80, 120) // 100
            found.append(max(used - left, 0))
            left = max(left - used, 0)
    return found


# --- the fit -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("amounts", [[], [0], [0] * 100, [5, -5], [3, -5]])
def test_where_nothing_is_paid_nothing_is_said(amounts: list[int]) -> None:
    assert fit(amounts, MONDAY) is None


def test_an_office_pays_on_its_five_days() -> None:
    found = fitted(OFFICE * 4)
    assert found.weekday == (200_000,) * 5 + (0, 0)
    assert (found.level, found.slope, found.spread, found.freedom) == (25 * UNIT, 0, 0, 3)
    assert (found.days, found.weeks, found.left_out, found.phase) == (28, 4, (), ())
    assert expected(found, MONDAY + 28, 7) == OFFICE
    assert total(found, MONDAY + 28, 14, 900) == Band(50 * UNIT, 50 * UNIT, 50 * UNIT)


@pytest.mark.parametrize(("days", "freedom"), [(1, 0), (7, 0), (13, 0), (14, 1), (21, 2), (27, 2), (28, 3)])
def test_under_two_weeks_the_edges_are_half_and_double(days: int, freedom: int) -> None:
    found = fitted(([UNIT, 2 * UNIT] * 14)[:days])
    assert found.freedom == freedom
    low, middle, high = total(found, found.until_day, 30, 900)
    assert ((low, high) == (middle // 2, 2 * middle)) is (freedom == 0)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("growth", [-15, 10, 20, 40])
def test_a_known_growth_is_found(growth: int, seed: int) -> None:
    """Half a year; the gain of a week is known to a quarter, and it goes on for as long as it was seen."""
    found = fitted(noisy(182, growth, seed))._replace(phase=())
    true_slope = 50 * 7 * growth * 100  # what a week has more: 50 parts a week, growth on each of 7 days
    assert abs(found.slope - true_slope) <= abs(true_slope) / 4
    assert found.growth_weeks == 26
    grown, ends = (total(found, found.until_day + 7 * weeks, 7, 900).expected for weeks in (25, 26))
    assert grown != ends == total(found, found.until_day + 7 * 60, 7, 900).expected


def test_growth_is_told_a_month_of_the_level() -> None:
    found = fitted(OFFICE * 6)._replace(level=700, slope=7)
    assert growth_percent(found) == 429  # 7 * 30/7 of 700: 4.2857 %
    assert growth_percent(found._replace(slope=-7)) == -429
    assert growth_percent(found._replace(level=0)) == 0


def test_growth_is_not_certain_in_five_weeks() -> None:
    growing = [amount * (10 + week) for week in range(6) for amount in OFFICE]
    assert fitted(growing[:35]).slope == 0
    assert fitted(growing).slope == 25 * UNIT


# --- outages -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gone", "told"),
    [
        (range(16, 17), 1),  # a Wednesday
        (range(14, 21), 5),  # a week: its weekend is empty anyway
        (range(16, 44), 20),  # four weeks of ten
        (range(21), 0),  # before the first day nothing can be away
        (range(19, 21), 0),  # a weekend
        (range(67, 70), 1),  # the last Friday
    ],
)
def test_an_outage_does_not_move_the_level(gone: range, told: int) -> None:
    amounts = OFFICE * 10
    for at in gone:
        amounts[at] = 0
    found = fitted(amounts)
    assert len(found.left_out) == told
    assert set(found.left_out) <= {MONDAY + at for at in gone}
    if told:
        assert (found.level, found.slope, found.days) == (25 * UNIT, 0, 70 - told)


def test_a_month_with_an_outage_is_as_if_it_were_not() -> None:
    amounts = noisy(181, 0, 1, FIRST)
    whole = total(fitted(amounts, FIRST), FIRST + 181, 31, 900).expected
    amounts[59:90] = [0] * 31
    assert fitted(amounts, FIRST).left_out
    assert abs(total(fitted(amounts, FIRST), FIRST + 181, 31, 900).expected - whole) * 20 < whole


# --- the month ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_included_minutes_shape_the_month(seed: int) -> None:
    found = fitted(pools(seed), FIRST)
    assert found.left_out == ()
    assert found.phase[:10] == (0,) * 10
    assert min(found.phase[15:]) > 1_200_000
    july = expected(found, FIRST + 181, 31)
    assert july[:10] == [0] * 10
    assert abs(sum(july) - 20 * UNIT) < 2 * UNIT


def test_equal_days_shape_no_month() -> None:
    assert fitted([600_000] * sum(MONTHS), FIRST).phase == ()


def test_nothing_shrinks_by_more_than_the_whole() -> None:
    falling = fitted([UNIT * (90 - at) for at in range(89)])
    assert falling.slope < 0 < falling.level
    assert growth_percent(falling) == -10_000


def test_a_growth_that_was_not_found_counts_twice_once_it_could_have_been() -> None:
    for weeks, times in ((5, 1), (6, 2), (20, 2)):
        known = fitted(OFFICE * weeks)._replace(spread=UNIT, freedom=8)
        band = total(known, known.until_day, 7, 900)
        of_spread = 1 + Fraction(1, weeks) + times * Fraction(12 * (weeks + 1) ** 2, 4 * weeks**3)
        edge = isqrt(int(of_spread * (UNIT * student(8, 900) // 1_000) ** 2))
        assert abs(band.high - band.expected - edge) <= 2


def test_a_month_without_shape_has_none() -> None:
    assert fitted(noisy(181, 0, 3, FIRST), FIRST).phase == ()


# --- rules -------------------------------------------------------------------------------------------------


@given(DAYS, st.integers(0, 40), st.integers(1, 60), st.sampled_from(CONFIDENCES))
def test_bands_are_ordered_and_days_sum_to_the_whole(
    amounts: list[int], gap: int, days: int, confidence: int
) -> None:
    found = fitted(amounts)
    begin = found.until_day + gap
    each, band = expected(found, begin, days), total(found, begin, days, confidence)
    assert len(each) == days
    assert min(each) >= 0
    assert sum(each) == band.expected
    assert 0 <= band.low <= band.expected <= band.high
    assert sum(found.weekday) == UNIT


@given(DAYS, st.integers(1, 60))
def test_bands_widen_with_the_span_and_with_confidence(amounts: list[int], days: int) -> None:
    found = fitted(amounts)
    begin = found.until_day
    highs = [total(found, begin, days, confidence).high for confidence in CONFIDENCES]
    assert highs == sorted(highs)
    now, later = total(found, begin, days, 900), total(found, begin, days + 7, 900)
    assert later.high - later.expected >= now.high - now.expected
    days_high = [a_day(found, begin, days, confidence) for confidence in CONFIDENCES]
    assert days_high == sorted(days_high)


@given(DAYS, st.integers(2, 1_000))
def test_tenfold_amounts_are_told_tenfold(amounts: list[int], by: int) -> None:
    """Roundings move a sum by a few millionths of a whole week, and by what one unit more or less is."""
    one, many = fitted(amounts), fitted([amount * by for amount in amounts])
    assert (one.left_out, one.freedom, one.weeks) == (many.left_out, many.freedom, many.weeks)
    for small, great in zip(
        total(one, one.until_day, 31, 900), total(many, many.until_day, 31, 900), strict=True
    ):
        assert abs(small * by - great) <= 80 * by + great // 10_000


@given(DAYS, st.integers(-500, 500))
def test_another_week_says_the_same(amounts: list[int], weeks: int) -> None:
    one, other = fitted(amounts), fitted(amounts, MONDAY + 7 * weeks)
    if not one.phase and not other.phase and one.left_out == other.left_out == ():
        assert total(one, one.until_day, 31, 900) == total(other, other.until_day, 31, 900)


def test_corrections_can_make_a_day_negative() -> None:
    amounts = OFFICE * 6
    amounts[15] -= 20 * UNIT
    found = fitted(amounts)
    assert (25 * 6 - 20) * UNIT - 42 <= sum(expected(found, found.until_day, 42)) <= (25 * 6 - 20) * UNIT + 42


# --- the dearest day ---------------------------------------------------------------------------------------


def test_the_dearest_day_is_never_below_one_that_was() -> None:
    amounts = OFFICE * 10
    amounts[30] = 40 * UNIT
    found = fitted(amounts)
    assert a_day(found, found.until_day, 28, 800) >= 40 * UNIT
    assert a_day(found, found.until_day, 0, 800) == 0


def test_days_are_below_the_dearest_as_often_as_is_said() -> None:
    held = 0
    for seed in range(100):
        amounts = noisy(140, 0, seed)
        held += max(amounts[112:]) <= a_day(fitted(amounts[:112]), MONDAY + 112, 28, 900)
    assert held >= 90


def test_of_little_the_dearest_day_is_twice_what_was_seen() -> None:
    assert 0 <= a_day(fitted([UNIT, 3 * UNIT]), MONDAY + 2, 30, 900) - 6 * UNIT < 100


# --- how long money lasts ----------------------------------------------------------------------------------

NEXT = MONDAY + 28
LATE = NEXT + 400


@pytest.mark.parametrize(
    ("lots", "days"),
    [
        ([], 0),
        ([Lot(0, LATE), Lot(-5, LATE)], 0),
        ([Lot(5 * UNIT - 1, LATE)], 0),
        ([Lot(5 * UNIT, LATE)], 1),  # spent on Monday: nothing is left on Tuesday
        ([Lot(25 * UNIT + 1, LATE)], 7),  # a weekend costs nothing
        ([Lot(50 * UNIT, LATE)], 12),
        ([Lot(50 * UNIT, NEXT + 2)], 2),  # forfeited on Wednesday
        ([Lot(50 * UNIT, NEXT + 2), Lot(10 * UNIT, LATE)], 4),
        ([Lot(10 * UNIT, LATE), Lot(10 * UNIT, NEXT + 3)], 3),  # the second goes before its turn is over
        ([Lot(50 * UNIT, NEXT)], 0),
        ([Lot(10**15, LATE)], 400),
        ([Lot(10**15, NEXT + LONGEST_DAYS)], LONGEST_DAYS),
        ([Lot(10**15, NEXT + LONGEST_DAYS + 1)], None),
    ],
)
def test_lots_last_until_they_are_spent_or_expire(lots: list[Lot], days: int | None) -> None:
    assert lasts(fitted(OFFICE * 4), lots, NEXT) == Lasts(days, days, days)


def test_without_history_no_end_is_told() -> None:
    assert lasts(None, [Lot(UNIT, LATE)], NEXT) == Lasts(None, None, None)


@given(DAYS, st.lists(st.builds(Lot, st.integers(1, 10**11), st.integers(MONDAY, MONDAY + 500)), max_size=3))
def test_caution_never_sees_money_last_longer(amounts: list[int], lots: list[Lot]) -> None:
    found = fitted(amounts)
    wide, narrow = lasts(found, lots, found.until_day, 990), lasts(found, lots, found.until_day)
    days = [
        LONGEST_DAYS + 1 if each is None else each
        for each in (wide.low, narrow.low, narrow.expected, narrow.high, wide.high)
    ]
    assert days == sorted(days)


def test_the_balance_of_days_to_come_loses_what_expires() -> None:
    found = balances(fitted(OFFICE * 4), [Lot(8 * UNIT, NEXT + 1), Lot(12 * UNIT, LATE)], NEXT, 5, 900)
    assert [band.expected // UNIT for band in found] == [15, 7, 2, 0, 0]
    assert all(band.low == band.expected == band.high for band in found)


@given(DAYS, st.lists(st.builds(Lot, st.integers(1, 10**11), st.integers(MONDAY, MONDAY + 500)), max_size=3))
def test_money_lasts_until_the_balance_of_days_is_0(amounts: list[int], lots: list[Lot]) -> None:
    found = fitted(amounts)
    days = lasts(found, lots, found.until_day, 900).low
    course = balances(found, lots, found.until_day, 200, 900)
    assert all(0 <= band.low <= band.expected <= band.high for band in course)
    for at, band in enumerate(course):
        if band.low:
            assert days is None or days > at
        elif days is None:
            assert sum(lot.left for lot in lots) == 0


@given(st.dates(date(1970, 1, 1), date(2400, 12, 31)))
def test_the_calendar_is_that_of_everyone(day: date) -> None:
    number = (day - date(1970, 1, 1)).days
    assert (day_in_month(number), weekday_of(number)) == (day.day, day.weekday())


# --- tables ------------------------------------------------------------------------------------------------


def test_more_that_is_known_gives_nearer_edges() -> None:
    for confidence in CONFIDENCES:
        column = [student(freedom, confidence) for freedom in range(1, 40)]
        assert column == sorted(column, reverse=True)
    for freedom in (1, 5, 30):
        row = [student(freedom, confidence) for confidence in CONFIDENCES]
        assert row == sorted(row)


@pytest.mark.parametrize(
    ("confidence", "count", "quantile"),
    [(800, 1, 842), (900, 1, 1_282), (900, 2, 1_645), (900, 3, 2_054), (990, 10, 3_091), (999, 10**9, 5_613)],
)
def test_of_many_days_each_is_held_rarer(confidence: int, count: int, quantile: int) -> None:
    assert of_many(confidence, count) == quantile


def test_a_confidence_without_a_column_is_refused() -> None:
    with pytest.raises(ValueError, match="confidence 850 is unknown; use one of 800, 900, 950, 990, 999"):
        total(fitted(OFFICE), MONDAY + 7, 7, 850)
