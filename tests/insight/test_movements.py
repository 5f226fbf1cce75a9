"""Movements and days in a ledger with something of everything, and as a file."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from talktime.core.forecast import Lot, fit
from talktime.insight.credits_history import FORECAST_DAYS, ahead, history
from talktime.insight.export_file import write_table
from talktime.insight.movements import KINDS, Course, Courses, Movement
from talktime.insight.spend_pace import SpendPace, spend_pace
from talktime.insight.usage_export import Task, table_of
from talktime.ledger.database import open_url
from talktime.ledger.money_reading import MoneyReader
from talktime.ledger.reading import Reader
from tests.databases import database, sqlite_database
from tests.ledger.filled import ACME, MCA, OERE, START_US, fill

__all__ = ["database", "sqlite_database"]  # fixtures

DAY_US = 86_400_000_000


def test_lines_follow_each_other_to_the_wallet(database: str) -> None:
    fill(database)
    courses = Courses(MoneyReader(open_url(database)))
    for tenant in (ACME, MCA, OERE):
        course = courses.of(tenant, 0)
        wallet = Reader(open_url(database)).wallet(tenant.id)
        assert wallet is not None
        assert course.balance == wallet.balance
        assert course.before == 0
        for one, two in pairwise(course.lines):
            assert two.balance == one.balance + two.micros
            assert (one.last < two.first, one.at_us <= two.at_us) == (True, True)
        assert {line.kind for line in course.lines} <= set(KINDS)
        assert all(line.micros for line in course.lines)
    assert {line.kind for line in courses.of(ACME, 0).lines} >= {"purchase", "calls", "expiry", "adjustment"}


@pytest.mark.parametrize("days", [1, 2, 5, 40, 500])
def test_history_of_any_length_makes_the_balance(sqlite_database: str, days: int) -> None:
    fill(sqlite_database)
    reader = Reader(open_url(sqlite_database))
    wallet = reader.wallet("acme")
    assert wallet is not None
    now_us = wallet.last_us
    first = now_us // DAY_US - days + 1
    course = Courses(MoneyReader(open_url(sqlite_database))).of(ACME, first * DAY_US)
    found = history(course, days, (), now_us, "UTC")
    assert len(found.days) == days
    moved = sum(sum(day.incoming.values()) - day.paid - day.expired + day.other for day in found.days)
    assert found.start + moved == wallet.balance == found.days[-1].balance


def line(at_us: int, kind: str, micros: int, balance: int) -> Movement:
    return Movement(1, 1, at_us, kind, micros, balance, 0, "")


def test_days_are_those_of_the_zone_and_a_clock_that_runs_ahead_counts_as_today() -> None:
    noon = 20_514 * DAY_US + DAY_US // 2
    lines = (
        line(noon - DAY_US // 2 - 1, "calls", -5, 95),  # 23:59:59.999999 UTC: already the next day in Berlin
        line(noon, "recharge", 50, 145),
        line(noon + DAY_US, "calls", -1, 144),
    )
    found = history(Course(0, 100, lines, 144, "EUR"), 2, (), noon, "Europe/Berlin")
    assert [(day.day, day.paid, dict(day.incoming), day.balance) for day in found.days] == [
        (20_513, 0, {}, 100),
        (20_514, 6, {"recharge": 50}, 144),
    ]


def test_forecast_ends_where_nothing_is_left() -> None:
    """Today counts as a full day: 10 of 45 are spent in it."""
    found = ahead(fit([10] * 28, 72), [Lot(45, 900)], 100)
    assert [(one.high, one.expected, one.low) for one in found] == [(25,) * 3, (15,) * 3, (5,) * 3, (0,) * 3]
    assert [one.day for one in found] == [101, 102, 103, 104]
    assert [one.expected for one in ahead(fit([10] * 28, 72), [Lot(45, 102)], 100)] == [25, 0]  # it expires
    assert ahead(fit([10] * 28, 72), [], 100) == ahead(fit([0], 72), [Lot(45, 900)], 100) == ()


def test_forecast_has_a_band() -> None:
    known = fit([8, 12] * 21 + [30, 2] * 7, 44)
    found = ahead(known, [Lot(300, 900)], 100)
    assert all(0 <= one.low <= one.expected <= one.high <= 300 for one in found)
    assert found[10].low < found[10].expected < found[10].high
    assert found[-1].high == 0 < found[-2].high


def test_forecast_goes_no_further_than_a_year() -> None:
    assert len(ahead(fit([1] * 28, 72), [Lot(10**6, 900)], 100)) == FORECAST_DAYS


MARCH = 2026 * 12 + 2
FIRST_OF_MARCH = 20_513


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (FIRST_OF_MARCH, SpendPace(MARCH, 0, 1, 0, 0, 28)),
        (FIRST_OF_MARCH + 9, SpendPace(MARCH, 9, 10, 9, 9, 28)),
        (FIRST_OF_MARCH + 30, SpendPace(MARCH, 30, 31, 30, 28, 28)),  # February has no 29th: all of it
    ],
)
def test_month_is_compared_by_full_days(day: int, expected: SpendPace) -> None:
    days = [(each, 1) for each in range(FIRST_OF_MARCH - 28, day + 1)]
    assert spend_pace(days, MARCH, day * DAY_US + 1, "UTC") == expected


def test_movements_as_a_file_are_the_lines(sqlite_database: str, tmp_path: Path) -> None:
    fill(sqlite_database)
    url, path = open_url(sqlite_database), tmp_path / "movements.parquet"
    task = Task(url, None, "acme", "movements", "parquet", START_US - 400 * DAY_US, 2**52, 2**52, None, path)
    course = Courses(MoneyReader(url)).of(ACME, 0)
    assert write_table(path, "parquet", table_of(task)) == len(course.lines)
    frame = pl.read_parquet(path)
    assert frame["Kind"].to_list() == [line.kind for line in reversed(course.lines)]
    assert sum(frame["Amount"].to_list()) * 1_000_000 == course.balance
