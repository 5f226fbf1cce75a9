"""The forecast held against what came: by months, by weeks where there are no two, and in words."""

from datetime import date

import pytest

from talktime.accounts.calendar import day_name
from talktime.insight.planner.backtest import backtest, sentence
from talktime.insight.planner.document import TestedLine as Line

FIRST = date(2026, 1, 1).toordinal() - date(1970, 1, 1).toordinal()
MONTHS = [31, 28, 31, 30]
STARTS = [FIRST + sum(MONTHS[:at]) for at in range(len(MONTHS))]
JUNE_AND_JULY = [FIRST + 151, FIRST + 181]
UNIT = 1_000_000


def line(what: str, expected: int, actual: int, error: int | None, *, inside: bool) -> Line:
    """A month or week that was tested; edges do not matter for the words."""
    return Line(what, 0, expected, 0, actual, error, inside)


def test_each_month_but_the_first_is_told_by_those_before() -> None:
    amounts = [UNIT] * sum(MONTHS)
    found = backtest(amounts, FIRST, STARTS)
    assert [(each.what, round(each.expected, -2), each.actual) for each in found] == [
        ("2026-02", 28 * UNIT, 28 * UNIT),
        ("2026-03", 31 * UNIT, 31 * UNIT),
        ("2026-04", 30 * UNIT, 30 * UNIT),
    ]
    assert all(each.inside and each.error == 0 for each in found)


def test_what_comes_later_is_not_looked_at() -> None:
    amounts = [UNIT] * 59 + [3 * UNIT] * 61
    february, march, april = backtest(amounts, FIRST, STARTS)
    assert february == backtest(amounts[:59], FIRST, STARTS[:2])[0]
    assert (march.inside, round(march.expected, -2), march.error) == (False, 31 * UNIT, 6_667)
    assert 30 * UNIT < april.expected <= 150 * UNIT


def test_months_that_are_there_in_part_are_not_tested_but_count_for_others() -> None:
    amounts = [UNIT] * 100
    found = backtest(amounts, FIRST + 10, STARTS)
    assert [each.what for each in found] == ["2026-03"]
    assert backtest(amounts, FIRST + 10, [FIRST, *STARTS[1:]]) == found


@pytest.mark.parametrize(("days", "weeks"), [(20, 0), (21, 1), (27, 1), (28, 2), (50, 5)])
def test_less_than_two_months_are_told_by_weeks(days: int, weeks: int) -> None:
    found = backtest([UNIT] * days, FIRST, STARTS)
    assert [each.what for each in found] == [day_name(FIRST + 14 + 7 * at) for at in range(weeks)]
    assert all((each.expected, each.actual) == (7 * UNIT, 7 * UNIT) for each in found)


@pytest.mark.parametrize("stray", [0, UNIT // 4])
def test_a_missing_month_is_neither_tested_nor_taken_for_the_end(stray: int) -> None:
    """March is not here, but for a call that ended after midnight: April is told by January and February."""
    amounts = [UNIT] * 59 + [stray] + [0] * 30 + [UNIT] * 30
    found = backtest(amounts, FIRST, STARTS)
    assert [each.what for each in found] == ["2026-02", "2026-04"]
    assert found[1].inside
    assert found[1].expected == pytest.approx(30 * UNIT, rel=0.05)


@pytest.mark.parametrize(
    ("days", "months"), [(7, ["2026-02", "2026-03", "2026-04"]), (8, ["2026-02", "2026-04"])]
)
def test_a_month_without_more_than_a_quarter_of_its_days_is_not_tested(days: int, months: list[str]) -> None:
    amounts = [UNIT] * 65 + [0] * days + [UNIT] * (55 - days)
    assert [each.what for each in backtest(amounts, FIRST, STARTS)] == months


def test_calls_that_are_over_are_no_outage() -> None:
    amounts = [UNIT] * 59 + [0] * 61
    assert [(each.what, each.actual) for each in backtest(amounts, FIRST, STARTS)][1:] == [
        ("2026-03", 0),
        ("2026-04", 0),
    ]


def test_where_nothing_was_paid_nothing_was_expected() -> None:
    january_free = [0] * 31 + [UNIT] * 28 + [0] * 31
    february, march = backtest(january_free, FIRST, STARTS)
    assert (february.expected, february.inside, february.error) == (0, False, 10_000)
    assert (march.actual, march.error) == (0, None)


def test_a_surer_band_is_wider() -> None:
    amounts = [UNIT * (5 + at % 3) for at in range(120)]
    for near, far in zip(*(backtest(amounts, FIRST, STARTS, each) for each in (800, 990)), strict=True):
        assert far.low < near.low < near.expected == far.expected < near.high < far.high


@pytest.mark.parametrize(
    ("tested", "words"),
    [
        ([], "The forecast cannot be tested: that takes two full months, or three weeks."),
        (
            [line("2026-02", 90, 100, 1_000, inside=True), line("2026-03", 130, 100, 3_004, inside=False)],
            "In 1 of 2 months what was paid lay within the band; the forecast was off by 20.0 % on average,"
            " 30.0 % at worst (2026-03).",
        ),
        (
            [line("2026-02", 90, 100, 1_000, inside=True)],
            "In the one month that can be tested what was paid lay within the band; the forecast was off by"
            " 10.0 % (2026-02).",
        ),
        (
            [line("2026-01-15", 90, 0, None, inside=False)],
            "In the one week that can be tested what was paid lay outside the band.",
        ),
    ],
)
def test_the_errors_are_told_in_words(tested: list[Line], words: str) -> None:
    assert sentence(tested) == words


def test_it_looks_as_far_back_as_the_forecast() -> None:
    """A level of years ago is in no forecast of today, so it is in none that is tested."""
    far = [100 * UNIT] * 364
    lines = backtest([*far, *[UNIT] * 213], FIRST - 365, [*STARTS, *JUNE_AND_JULY])
    assert lines[-1].actual == 31 * UNIT
    assert lines[-1].actual == pytest.approx(lines[-1].expected, abs=10)  # shares are rounded
