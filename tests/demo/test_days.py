"""Days begin at local midnights, and every event falls on exactly one of them."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.accounts.calendar import to_us, to_utc
from talktime.demo.days import DAY_US, days_of

WEEK = (100, 100, 100, 100, 100, 10, 5)


@pytest.mark.parametrize(
    ("month", "months", "days"),
    [("2026-03", 1, 31), ("2028-02", 1, 29), ("2027-02", 1, 28), ("2026-11", 3, 92), ("2026-12", 1, 31)],
)
def test_months_have_their_days(month: str, months: int, days: int) -> None:
    assert len(days_of(month, months, "UTC", WEEK).dates) == days


def test_days_follow_the_clocks_of_their_zone() -> None:
    days = days_of("2026-03", 1, "Europe/Berlin", WEEK)
    assert to_utc(days.from_us) == datetime(2026, 2, 28, 23, tzinfo=UTC)
    assert to_utc(days.to_us) == datetime(2026, 3, 31, 22, tzinfo=UTC)
    lengths = [after - before for before, after in zip(days.starts_us, days.starts_us[1:], strict=False)]
    assert lengths.count(DAY_US) == 30
    assert lengths[28] == DAY_US - 3_600_000_000


def test_other_places_have_other_midnights() -> None:
    midnights = days_of("2026-03", 1, "UTC", WEEK).midnights_us("America/New_York")
    assert to_utc(midnights[0]) == datetime(2026, 3, 1, 5, tzinfo=UTC)
    assert to_utc(midnights[30]) == datetime(2026, 3, 31, 4, tzinfo=UTC)


@given(number=st.integers(0, 5_000), seed=st.integers(0, 99))
def test_every_event_has_its_day(number: int, seed: int) -> None:
    allotted = days_of("2026-03", 1, "UTC", WEEK).allot(number, Random(seed))
    assert len(allotted) == 31
    assert sum(allotted) == number
    assert min(allotted) >= 0


def test_weekends_are_quiet() -> None:
    days = days_of("2026-03", 1, "UTC", WEEK)
    allotted = dict(zip(days.dates, days.allot(100_000, Random(1)), strict=True))
    mondays = sum(number for day, number in allotted.items() if day.weekday() == 0)
    sundays = sum(number for day, number in allotted.items() if day.weekday() == 6)
    assert 15 < mondays / sundays < 25


@given(st.integers(-10 * DAY_US, 45 * DAY_US))
def test_an_instant_is_moved_by_whole_days_to_the_inside(after_us: int) -> None:
    days = days_of("2026-03", 1, "UTC", WEEK)
    at_us = to_us(datetime(2026, 3, 1, tzinfo=UTC)) + after_us
    inside = days.inside(at_us)
    assert days.from_us <= inside < days.to_us
    assert (inside - at_us) % DAY_US == 0
    if days.from_us <= at_us < days.to_us:
        assert inside == at_us
    else:
        assert abs(inside - at_us) < abs(after_us) + 2 * timedelta(days=1) // timedelta(microseconds=1)
