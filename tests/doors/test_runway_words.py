"""How long credits last, in words: on the pages of the admin center and in the terminal."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from talktime.client.management.answers_money import Runway as Shown
from talktime.core.alerts import Runway
from talktime.doors.admin.runway_words import days_left, ground, until
from talktime.doors.cli.credits import lasts, paces

TODAY = date(2026, 4, 28)
UNIT = 1_000_000

Days = tuple[int | None, int | None, int | None]


def shown(days: Days, growth: str | None = None, from_days: int = 182, left_out: int = 0) -> Shown:
    """As the API answers; what was spent does not matter for the words."""
    return Shown(
        burn_28=Decimal(1),
        burn_7=Decimal(1),
        days_28=None,
        days_7=None,
        days_low=days[0],
        days_expected=days[1],
        days_high=days[2],
        growth_percent=None if growth is None else Decimal(growth),
        from_days=from_days,
        left_out=("2026-04-01",) * left_out,
    )


def reckoned(days: Days, growth: int | None = None, from_days: int = 182, left_out: int = 0) -> Runway:
    return Runway(3 * UNIT, 4 * UNIT, None, None, *days, growth, from_days, (20_000,) * left_out)


@pytest.mark.parametrize(
    ("days", "figure", "when", "terminal"),
    [
        (
            (5, 14, 26),
            "About 14 days",
            "until about 12 May, between 3 May and 24 May",
            "about 14 days, 5 to 26",
        ),
        ((14, 14, 14), "14 days", "until 12 May", "14 days"),
        ((1, 1, 1), "1 day", "until 29 April", "1 day"),
        ((0, 0, 0), "0 days", "until 28 April", "0 days"),
        (
            (5, 14, None),
            "About 14 days",
            "until about 12 May, between 3 May and over three years",
            "about 14 days, 5 or more",
        ),
        (
            (250, 300, 1_000),
            "About 300 days",
            "until about 22 February 2027, between 3 January 2027 and 22 January 2029",
            "about 300 days, 250 to 1,000",
        ),
        (
            (900, None, None),
            "900 days or more",
            "until 14 October 2028 or later",
            "900 days or more",
        ),
        ((None, None, None), "No end in sight", "", "no end in sight"),
    ],
)
def test_days_in_words(days: Days, figure: str, when: str, terminal: str) -> None:
    assert (days_left(shown(days)), until(shown(days), TODAY)) == (figure, when)
    assert lasts(reckoned(days)) == terminal


def test_without_history_it_is_said() -> None:
    nothing = shown((None, None, None), from_days=0)
    assert (days_left(nothing), ground(nothing)) == ("Not enough to tell", [])
    assert until(nothing, TODAY) == "Nothing was spent on the last full days."
    assert lasts(reckoned((None, None, None), from_days=0)).startswith("not enough to tell")
    assert paces(Runway(0, 0, None, None), "USD") == ""


def test_what_it_rests_on_is_said() -> None:
    assert ground(shown((5, 14, 26))) == []
    assert ground(shown((5, 14, 26), "5.09", 20, 3)) == [
        "Spending grows by 5.09 % a month.",
        "3 days without any cost, where there usually is some, do not count.",
        "The band is wide because only 20 days are known.",
    ]
    assert ground(shown((5, 14, 26), "-5.1", 1, 1)) == [
        "Spending shrinks by 5.1 % a month.",
        "1 day without any cost, where there usually is some, does not count.",
        "The band is wide because only one day is known.",
    ]
    assert lasts(reckoned((5, 14, 26), 505, 20, 3)) == (
        "about 14 days, 5 to 26; spending grows by 5.1 % a month; 3 days without any cost are left out;"
        " the band is wide: no more than 20 days of history"
    )
    assert "spending shrinks by 5.0 % a month" in lasts(reckoned((5, 14, 26), -504))
    assert "1 day without any cost is left out" in lasts(reckoned((5, 14, 26), left_out=1))
    assert paces(reckoned((5, 14, 26)), "USD") == "3.00 USD a day in the last 28 days, 4.00 USD in the last 7"
