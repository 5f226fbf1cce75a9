"""The spend of a month against the same full days of the month before."""

from __future__ import annotations

import pytest

from talktime.accounts.calendar import day_of, day_start_us, month_of
from talktime.insight.spend_pace import SpendPace, spend_pace

ZONE = "Europe/Berlin"
MARCH = 2026 * 12 + 2
FIRST = 20_513
"""The first of March 2026; clocks go forward on the 29th."""


def pace(days: list[tuple[int, int]], day: int) -> SpendPace:
    """The pace in the first minute of a day of March."""
    now_us = day_start_us(FIRST + day - 1, ZONE) + 1
    assert month_of(now_us, ZONE) == MARCH
    assert day_of(now_us, ZONE) == FIRST + day - 1
    return spend_pace([(FIRST + at, micros) for at, micros in days], MARCH, now_us, ZONE)


def test_today_is_in_the_sum_and_in_no_comparison() -> None:
    found = pace([(-28, 100), (-27, 200), (-26, 400), (-1, 800), (0, 3), (1, 5), (2, 7)], 3)
    assert found == SpendPace(MARCH, 2, spent=15, spent_full=8, before_same=300, before=1_500)


def test_shorter_month_gives_the_days_that_it_has() -> None:
    found = pace([(-28, 100), (-1, 800), (0, 3), (30, 9)], 31)
    assert (found.full_days, found.before_same, found.before) == (30, 900, 900)


@pytest.mark.parametrize(
    ("spent", "before", "percent"),
    [
        (150, 100, 50),
        (100, 100, 0),
        (67, 100, -33),
        (2_009, 2_000, 0),
        (2_010, 2_000, 1),  # half a percent is rounded up
        (1_990, 2_000, -1),
        (-50, 100, -150),  # corrections took back more than was paid
        (5, 0, None),
        (5, -1, None),
    ],
)
def test_percent_of_the_same_days(spent: int, before: int, percent: int | None) -> None:
    assert SpendPace(MARCH, 5, spent, spent, before, before).more_percent == percent


def test_first_day_has_nothing_to_be_compared() -> None:
    found = pace([(-28, 100), (0, 3)], 1)
    assert (found.spent, found.full_days, found.more_percent) == (3, 0, None)
