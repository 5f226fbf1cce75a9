"""Usage as a series of days: one value a day, none lost, whole months where nothing usual lacks."""

from __future__ import annotations

import pytest

from talktime.accounts.calendar import day_of
from talktime.bulk.options import Options
from talktime.bulk.replay import Replay
from talktime.catalog.load import load_catalogue
from talktime.insight.planner.series import Series, covering, paid_days, with_whole_months
from tests.bulk.charged import SPENDS, call, deck, tenant, us, user
from tests.tables import usage_of

CATALOGUE = load_catalogue()


def day(text: str) -> int:
    return day_of(us(f"{text} 12:00"), "UTC")


def series(*calls: tuple[str, int], zone: str = "UTC") -> tuple[Series, Series, Series]:
    """What calls of (start, seconds) cost a day: as it is, covering, with whole months; 0.001 a second."""
    who = tenant(user("ana", SPENDS), time_zone=zone)
    replay = Replay(usage_of([call(*each) for each in calls]), who, CATALOGUE, deck())
    found = paid_days(replay.run(who, CATALOGUE, deck(), Options(balance=10**12)).run)
    covers = covering(found, replay.rows["start_us"], zone)
    return found, covers, with_whole_months(covers, replay.rows["start_us"], zone)


WORKING_DAYS = [f"2026-03-{day:02} 10:00" for day in range(2, 32) if (day - 2) % 7 < 5]
"""Of March 2026: the 1st is a Sunday, the 31st a Tuesday."""


def test_days_are_those_of_the_end_in_the_zone_of_the_tenant() -> None:
    calls = ("2026-03-02 22:59:30", 60), ("2026-03-04 10:00", 30)
    assert series(*calls)[0] == Series(day("2026-03-02"), (60_000, 0, 30_000))
    assert series(*calls, zone="Europe/Berlin")[0] == Series(day("2026-03-03"), (60_000, 30_000))


def test_a_week_is_known_to_its_sunday() -> None:
    friday = series(*((start, 10) for start in WORKING_DAYS[:-2]))[1]
    assert (friday.first_day, friday.until_day) == (day("2026-03-02"), day("2026-03-30"))
    thursday = series(*((start, 10) for start in WORKING_DAYS[:-3]))[1]
    assert thursday.until_day == day("2026-03-27")


def test_a_month_that_begins_with_a_sunday_is_whole() -> None:
    *_, whole = series(*((start, 10) for start in WORKING_DAYS))
    assert (whole.first_day, whole.until_day) == (day("2026-03-01"), day("2026-04-01"))
    assert sum(whole.amounts) == 10_000 * len(WORKING_DAYS)


def test_a_month_that_lacks_days_is_not() -> None:
    *_, part = series(*((start, 10) for start in WORKING_DAYS[1:-3]))
    assert (part.first_day, part.until_day) == (day("2026-03-03"), day("2026-03-27"))


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_what_ends_after_the_last_midnight_is_of_the_last_day(zone: str) -> None:
    calls = [*((start, 10) for start in WORKING_DAYS), ("2026-03-31 23:59:50", 20)]
    found, covers, _ = series(*calls, zone=zone)
    assert sum(found.amounts) == sum(covers.amounts) == 10_000 * len(WORKING_DAYS) + 20_000
    assert (found.until_day, covers.until_day) == (day("2026-04-01") + (zone == "UTC"), day("2026-04-01"))
