"""The forecast as it is shown: days in a row, and what comes of them, worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.core.forecast import CONFIDENCES, Lot
from talktime.insight.planner.ahead import as_date, lots_held, months_on, next_month
from talktime.insight.planner.document import Outlook, PlanSettings
from talktime.insight.planner.outlook import outlook
from talktime.insight.planner.series import Series

UNIT = 1_000_000
MARCH = 20_513  # 1 March 2026, a Sunday
WEEKS = 12
FIRST = MARCH - 7 * WEEKS
STEADY = Series(FIRST, (10 * UNIT,) * (7 * WEEKS))
GROWING = Series(FIRST, tuple((100 + at) * UNIT for at in range(7 * WEEKS)))


def looked(
    series: Series = STEADY,
    lots: tuple[Lot, ...] | None = None,
    opening: int | None = None,
    from_day: int | None = None,
    **settings: int,
) -> Outlook:
    """The outlook of days on which something was paid."""
    found = outlook(series, lots, opening, from_day, PlanSettings(**settings))
    assert found is not None
    return found


def units(micros: int) -> int:
    """Whole units, rounded half up: shares of a week are millionths, so 310 may be 310.00004."""
    return (micros + UNIT // 2) // UNIT


def test_ten_a_day_stay_ten_a_day() -> None:
    found = looked(months_ahead=3)
    assert [(each.month, *map(units, (each.low, each.expected, each.high))) for each in found.months] == [
        ("2026-03", 310, 310, 310),
        ("2026-04", 300, 300, 300),
        ("2026-05", 310, 310, 310),
    ]
    assert (found.from_day, found.days, found.growth, found.a_week) == ("2026-03-01", 84, None, 70 * UNIT)
    assert (found.balance, found.course) == (None, ())
    assert "All days of a week weigh about the same." in found.says


@pytest.mark.parametrize(
    ("lots", "opening", "days", "ends"),
    [
        (None, 151 * UNIT, 15, [141, 131, 121]),
        (None, 155 * UNIT, 15, [145, 135, 125]),
        ((Lot(50 * UNIT, MARCH + 3), Lot(101 * UNIT, MARCH + 300)), None, 13, [141, 131, 121, 91]),
        ((Lot(50 * UNIT, MARCH),), None, 0, [0]),
        ((), 41 * UNIT, 4, [31, 21, 11, 1, 0]),
        ((), None, 0, [0]),
    ],
    ids=["opening", "part of a day", "a lot expires", "expired", "no lots", "nothing"],
)
def test_how_long_money_lasts(
    lots: tuple[Lot, ...] | None, opening: int | None, days: int, ends: list[int]
) -> None:
    """Of 50 that end after three days 30 are used; the rest is gone, and 101 last ten days more."""
    found = looked(lots=lots, opening=opening)
    assert (found.lasts_low, found.lasts_expected, found.lasts_high) == (days, days, days)
    assert [units(each.expected) for each in found.course[: len(ends)]] == ends
    assert found.course[-1].high == 0
    assert [each.day for each in found.course[:2]] == ["2026-03-01", "2026-03-02"][: len(found.course)]


def test_a_balance_that_lasts_is_told_as_far_as_one_looks() -> None:
    assert len(looked(opening=10**6 * UNIT, months_ahead=2).course) == 61
    assert len(looked(opening=10**6 * UNIT, months_ahead=36).course) == 366  # then it expires
    assert len(looked(lots=(Lot(10**6 * UNIT, MARCH + 999),), months_ahead=36).course) == 400


def test_growth_that_is_certain_goes_on() -> None:
    found = looked(GROWING, opening=10_000 * UNIT)
    assert found.growth is not None
    assert found.growth > 0
    months = [each.expected for each in found.months[:3]]
    assert months[0] > 31 * 184 * UNIT
    assert months[1] > months[0]
    assert any(text.startswith("It grows by ") for text in found.says)


@pytest.mark.parametrize(
    ("amounts", "said"),
    [
        ((10 * UNIT,) * 10, "Fewer than 14 days are too little"),
        ((10 * UNIT, 14 * UNIT, 6 * UNIT) * 7, "3 weeks say little"),
        ((10 * UNIT,) * 40 + (0,) * 8 + (10 * UNIT,) * 40, "8 days without any cost"),
        (
            (0, 9 * UNIT, 9 * UNIT, 9 * UNIT, 9 * UNIT, 9 * UNIT, 0) * 8,
            "Of a week, Monday has 20 %, the most",
        ),
        ((10 * UNIT,) * 84, "No growth is certain; what is expected stays"),
        ((10 * UNIT,) * 30, "fewer than 6 weeks cannot tell"),
    ],
)
def test_what_it_rests_on_is_said(amounts: tuple[int, ...], said: str) -> None:
    """The series begins on a Sunday; the outage is the only thing that is left out."""
    found = looked(Series(MARCH, amounts))
    assert any(said in text for text in found.says), found.says
    assert len(found.left_out) == (8 if "without any cost" in said else 0)


def test_a_few_days_give_half_and_double() -> None:
    (month,) = looked(Series(MARCH - 10, (10 * UNIT,) * 10), months_ahead=1).months
    assert [units(each) for each in (month.low, month.expected, month.high)] == [155, 310, 620]


def test_a_gap_before_the_first_day_is_said() -> None:
    found = looked(from_day=MARCH + 9, months_ahead=1)
    assert "Nothing is known of the 9 days before 2026-03-10." in found.says
    assert [each.month for each in found.months] == ["2026-04"]


def test_nothing_paid_has_no_outlook() -> None:
    assert outlook(Series(MARCH, (0,) * 40), None, UNIT, None, PlanSettings()) is None


def test_an_unknown_confidence_is_refused() -> None:
    with pytest.raises(ValueError, match="confidence 940 is unknown"):
        looked(confidence=940)


@given(st.lists(st.integers(0, 30), min_size=14, max_size=60), st.integers(0, 3_000))
def test_edges_stand_in_order_and_nothing_grows(amounts: list[int], opening: int) -> None:
    series = Series(MARCH, tuple(each * UNIT for each in amounts))
    found = outlook(
        series, None, opening * UNIT, None, PlanSettings(confidence=CONFIDENCES[1], months_ahead=2)
    )
    if found is None:
        assert not sum(amounts)
        return
    assert all(each.low <= each.expected <= each.high for each in found.months)
    assert all(each.low <= each.expected <= each.high for each in found.course)
    balances = [opening * UNIT, *(each.expected for each in found.course)]
    assert balances == sorted(balances, reverse=True)


def test_the_calendar_of_days() -> None:
    assert as_date(MARCH).isoformat() == "2026-03-01"
    assert [months_on(MARCH + 30, each) - MARCH for each in (0, 1, 12)] == [
        30,
        60,
        395,
    ]  # 31 March -> 30 April
    assert (next_month(MARCH), next_month(MARCH + 1)) == (MARCH, MARCH + 31)
    assert lots_held(None, None, MARCH) is None
    assert lots_held(None, 7, MARCH) == (Lot(7, MARCH + 365),)
    assert lots_held((Lot(7, MARCH), Lot(8, MARCH + 1), Lot(0, MARCH + 9)), 50, MARCH) == (Lot(8, MARCH + 1),)


def test_the_history_that_is_told_is_the_one_that_was_looked_at() -> None:
    found = outlook(Series(MARCH, (UNIT,) * 400), None, None, None, PlanSettings())
    assert found is not None
    assert found.days == 182
    assert found.says[0].startswith("It rests on 182 days of usage")


@pytest.mark.parametrize(("days", "words"), [(14, "because of holidays"), (28, "are missing, bring them")])
def test_days_without_anything_are_holidays_or_missing_usage(days: int, words: str) -> None:
    weeks = (10 * UNIT,) * 28
    known = looked(Series(FIRST, weeks + (0,) * days + weeks))
    says = known.says
    assert (known.days, says[0].startswith("It rests on 56 days of usage, ")) == (56, True)
    (told,) = [each for each in says if "do not count" in each]
    assert told.startswith(f"{days} days without any cost")
    assert words in told
