"""Billing months and twelve months on where clocks are awkward (domain.md 2 and 6, rulings.md 16)."""

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from talktime.accounts.calendar import (
    local_minute,
    month_name,
    month_of,
    month_start_us,
    to_us,
    to_utc,
    twelve_months_on_us,
    zone,
)

DAY_US = 86_400_000_000
# Gaps and folds of an hour, of half an hour, at midnight, south of the equator, and a day that was skipped.
ZONES = (
    "UTC",
    "Europe/London",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "America/Havana",
    "Atlantic/Azores",
    "Pacific/Apia",
    "Africa/Cairo",
)
zones = st.sampled_from(ZONES)
months = st.integers(1971 * 12, 2099 * 12 + 11)
instants = st.integers(to_us(datetime(1971, 1, 1, tzinfo=UTC)), to_us(datetime(2098, 12, 31, tzinfo=UTC)))


@cache
def clock_changes(time_zone: str) -> list[int]:
    """Instants between 2000 and 2040, to the day, after which the local clock has another offset."""
    days = range(us("2000-01-01T00:00:00+00:00"), us("2040-01-01T00:00:00+00:00"), DAY_US)
    offsets = [to_utc(day).astimezone(zone(time_zone)).utcoffset() for day in days]
    return [day for day, (before, after) in zip(days, pairwise(offsets), strict=False) if before != after]


@st.composite
def moments(draw: st.DrawFn) -> tuple[int, str]:
    """An instant and a time zone; half of the time the clock changes on that day, a year on or then."""
    time_zone = draw(zones)
    changes = clock_changes(time_zone)
    if not changes or draw(st.booleans()):
        return draw(instants), time_zone
    back_days = draw(st.sampled_from((0, 365, 366)))
    return draw(st.sampled_from(changes)) - back_days * DAY_US + draw(st.integers(0, DAY_US)), time_zone


def us(text: str) -> int:
    return to_us(datetime.fromisoformat(text))


def local(at_us: int, time_zone: str) -> datetime:
    return to_utc(at_us).astimezone(zone(time_zone)).replace(tzinfo=None, fold=0)


# --- months ----------------------------------------------------------------------------------------

MONTHS = [
    ("UTC", "2026-02-28T23:59:59.999999+00:00", "2026-02"),
    ("UTC", "2026-03-01T00:00:00+00:00", "2026-03"),
    ("America/New_York", "2026-03-01T04:59:59.999999+00:00", "2026-02"),
    ("America/New_York", "2026-03-01T05:00:00+00:00", "2026-03"),
    ("Europe/London", "2026-06-30T22:59:59+00:00", "2026-06"),
    ("Europe/London", "2026-06-30T23:00:00+00:00", "2026-07"),
    ("Asia/Kathmandu", "2025-12-31T18:14:59+00:00", "2025-12"),
    ("Asia/Kathmandu", "2025-12-31T18:15:00+00:00", "2026-01"),
    ("Pacific/Apia", "2011-12-31T09:59:59+00:00", "2011-12"),
    ("Pacific/Apia", "2011-12-31T10:00:00+00:00", "2012-01"),
]


@pytest.mark.parametrize(("time_zone", "at", "name"), MONTHS)
def test_a_month_is_that_of_the_local_clock(time_zone: str, at: str, name: str) -> None:
    assert month_name(month_of(us(at), time_zone)) == name


STARTS = [
    ("UTC", 2026 * 12 + 2, "2026-03-01T00:00:00+00:00"),
    ("UTC", 2027 * 12, "2027-01-01T00:00:00+00:00"),
    ("America/New_York", 2026 * 12 + 10, "2026-11-01T04:00:00+00:00"),
    ("Europe/London", 2026 * 12 + 6, "2026-06-30T23:00:00+00:00"),
    # Clocks in Cuba go back at 01:00 on 1 November 2026: midnight comes twice, the first counts.
    ("America/Havana", 2026 * 12 + 10, "2026-11-01T04:00:00+00:00"),
    # Jordan skipped the first hour of April 2005: the month began at 01:00.
    ("Asia/Amman", 2005 * 12 + 3, "2005-03-31T22:00:00+00:00"),
]


@pytest.mark.parametrize(("time_zone", "month", "at"), STARTS)
def test_where_a_month_begins(time_zone: str, month: int, at: str) -> None:
    assert month_start_us(month, time_zone) == us(at)


def test_a_month_begins_after_a_midnight_that_does_not_exist() -> None:
    at_us = month_start_us(2005 * 12 + 3, "Asia/Amman")
    assert local(at_us, "Asia/Amman") == datetime.fromisoformat("2005-04-01T01:00")
    assert local(at_us - 1, "Asia/Amman") == datetime.fromisoformat("2005-03-31T23:59:59.999999")


@given(months, zones)
def test_a_month_starts_in_itself(month: int, time_zone: str) -> None:
    assert month_of(month_start_us(month, time_zone), time_zone) == month


@given(months, zones)
def test_just_before_its_start_it_is_the_month_before(month: int, time_zone: str) -> None:
    assert month_of(month_start_us(month, time_zone) - 1, time_zone) == month - 1


@given(moments())
def test_an_instant_lies_between_the_starts_of_its_month_and_the_next(moment: tuple[int, str]) -> None:
    at_us, time_zone = moment
    month = month_of(at_us, time_zone)
    assert month_start_us(month, time_zone) <= at_us < month_start_us(month + 1, time_zone)


# --- twelve months on ------------------------------------------------------------------------------

TWELVE_MONTHS_ON = [
    ("an ordinary day", "UTC", "2026-03-01T00:00:00+00:00", "2027-03-01T00:00:00+00:00"),
    ("over a leap day", "UTC", "2027-06-01T12:30:15.000001+00:00", "2028-06-01T12:30:15.000001+00:00"),
    ("29 February", "UTC", "2028-02-29T10:00:00+00:00", "2029-02-28T10:00:00+00:00"),
    ("28 February before a leap year", "UTC", "2027-02-28T10:00:00+00:00", "2028-02-28T10:00:00+00:00"),
    (
        "29 February by the local clock",
        "America/New_York",
        "2028-03-01T04:00:00+00:00",
        "2029-03-01T04:00:00+00:00",
    ),
    ("summer time on both days", "Europe/London", "2026-07-01T12:00:00+01:00", "2027-07-01T12:00:00+01:00"),
    (
        "summer time on the first day only",
        "Europe/London",
        "2026-10-24T12:00:00+01:00",
        "2027-10-24T12:00:00+01:00",
    ),
    ("summer time begins between", "Europe/London", "2026-03-28T12:00:00+00:00", "2027-03-28T12:00:00+01:00"),
    # 01:30 on 28 March 2027 does not exist in London, the clock goes from 01:00 to 02:00 (01:00 UTC): it is
    # read with the offset before, so half an hour into the gap is half an hour after (docs/decisions/0003).
    ("a gap", "Europe/London", "2026-03-28T01:30:00+00:00", "2027-03-28T02:30:00+01:00"),
    ("the begin of a gap", "Europe/London", "2026-03-28T01:00:00+00:00", "2027-03-28T01:00:00+00:00"),
    ("the end of a gap", "Europe/London", "2026-03-28T02:00:00+00:00", "2027-03-28T01:00:00+00:00"),
    ("just before a gap", "Europe/London", "2026-03-28T00:59:59+00:00", "2027-03-28T00:59:59+00:00"),
    # 01:30 on 31 October 2027 comes twice in London.
    ("a fold", "Europe/London", "2026-10-31T01:30:00+00:00", "2027-10-31T01:30:00+01:00"),
    # 01:30 on 25 October 2026 came twice; whichever it was, a year on there is one.
    ("the first of two", "Europe/London", "2026-10-25T01:30:00+01:00", "2027-10-25T01:30:00+01:00"),
    ("the second of two", "Europe/London", "2026-10-25T01:30:00+00:00", "2027-10-25T01:30:00+01:00"),
    # Samoa went from 29 to 31 December 2011.
    ("a day that was skipped", "Pacific/Apia", "2010-12-30T12:00:00-10:00", "2011-12-31T12:00:00+14:00"),
    ("half an hour skipped", "Australia/Lord_Howe", "2025-10-04T02:15:00+10:30", "2026-10-04T02:45:00+11:00"),
]


@pytest.mark.parametrize(
    ("time_zone", "at", "expected"),
    [row[1:] for row in TWELVE_MONTHS_ON],
    ids=[row[0] for row in TWELVE_MONTHS_ON],
)
def test_twelve_months_on(time_zone: str, at: str, expected: str) -> None:
    assert to_utc(twelve_months_on_us(us(at), time_zone)) == datetime.fromisoformat(expected)


def a_year_on_the_clock(at_us: int, time_zone: str) -> datetime:
    """What a wall clock should show twelve months on, whether it will or not."""
    now = local(at_us, time_zone)
    return now.replace(year=now.year + 1, day=28 if (now.month, now.day) == (2, 29) else now.day)


@given(moments(), st.integers(0, DAY_US))
def test_later_on_the_local_clock_is_not_earlier_twelve_months_on(
    moment: tuple[int, str], more_us: int
) -> None:
    at_us, time_zone = moment
    pair = (at_us, at_us + more_us)
    clocks = [local(each_us, time_zone) for each_us in pair]
    first_us, second_us = (twelve_months_on_us(each_us, time_zone) for each_us in pair)
    assume(clocks[0] <= clocks[1])
    assume(all((clock.month, clock.day) != (2, 29) for clock in clocks))
    assume(local(first_us, time_zone) == a_year_on_the_clock(at_us, time_zone))  # not in a gap
    assert first_us <= second_us


@given(moments(), st.integers(0, DAY_US))
def test_a_later_purchase_never_expires_more_than_a_day_before_an_earlier_one(
    moment: tuple[int, str], more_us: int
) -> None:
    at_us, time_zone = moment
    later = twelve_months_on_us(at_us + more_us, time_zone)
    assert later > twelve_months_on_us(at_us, time_zone) - DAY_US


@pytest.mark.parametrize(
    ("time_zone", "first", "second"),
    [
        ("UTC", "2028-02-28T23:00:00+00:00", "2028-02-29T10:00:00+00:00"),
        ("Europe/London", "2026-10-25T01:50:00+01:00", "2026-10-25T01:10:00+00:00"),
        ("Europe/London", "2026-03-28T01:30:00+00:00", "2026-03-28T02:10:00+00:00"),
    ],
    ids=["29 February falls on the 28th", "the second of two hours", "the first lands in a gap"],
)
def test_a_later_purchase_may_expire_first(time_zone: str, first: str, second: str) -> None:
    """So lots, drawn in the order of purchase, do not always expire in that order."""
    assert us(first) < us(second)
    assert twelve_months_on_us(us(first), time_zone) > twelve_months_on_us(us(second), time_zone)


@given(moments())
def test_twelve_months_on_shows_the_same_clock_or_passes_over_a_gap(moment: tuple[int, str]) -> None:
    at_us, time_zone = moment
    wanted, after_us = a_year_on_the_clock(at_us, time_zone), twelve_months_on_us(at_us, time_zone)
    after = local(after_us, time_zone)
    if after != wanted:  # the wanted time was skipped: on by the length of the gap, by the offset before it
        gap_us = (after - wanted) // timedelta(microseconds=1)
        assert gap_us > 0
        assert local(after_us - gap_us, time_zone) == wanted - timedelta(microseconds=gap_us)
    else:  # and of two instants with that clock it is the earlier
        assert all(local(after_us - back_us, time_zone) != wanted for back_us in (DAY_US // 24, DAY_US // 48))


# --- instants and zones ----------------------------------------------------------------------------


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.timezones()))  # noqa: DTZ001
def test_an_instant_comes_back_to_the_microsecond(at: datetime) -> None:
    assert to_utc(to_us(at)) == at.astimezone(UTC)
    assert to_us(to_utc(to_us(at)) + timedelta(microseconds=1)) == to_us(at) + 1


@pytest.mark.parametrize(
    ("time_zone", "at", "weekday_and_minute"),
    [
        ("UTC", "2026-03-02T00:00:00+00:00", (0, 0)),
        ("UTC", "2026-03-01T23:59:59.999999+00:00", (6, 1439)),
        ("America/New_York", "2026-03-02T04:59:00+00:00", (6, 1439)),
        ("Asia/Kathmandu", "2026-03-02T00:00:00+00:00", (0, 345)),
    ],
)
def test_the_local_minute_of_the_week(time_zone: str, at: str, weekday_and_minute: tuple[int, int]) -> None:
    assert local_minute(time_zone, us(at)) == weekday_and_minute


@pytest.mark.parametrize("name", ["Europe/Londn", "", "../etc/passwd", "Europe", "UTC+1"])
def test_an_unknown_time_zone_is_refused_by_name(name: str) -> None:
    with pytest.raises(
        ValueError, match=f"time zone '{name.replace('+', '[+]')}' is unknown; use an IANA name"
    ):
        zone(name)
