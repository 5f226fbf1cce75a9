"""Why somebody should change plans: what is said is true of that user's calls and pools."""

from __future__ import annotations

from dataclasses import replace

from talktime.accounts.tenant import Subscription
from talktime.catalog.load import load_catalogue
from talktime.insight.planner.document import Mix
from talktime.insight.planner.mix import best_mix
from tests.insight.planner.mix_tenants import DOMESTIC, FAR, UNIT, Case, Leg, deck_of, prices_of, tenant_of

SMALL, LARGE, ALONE, BY_THE_MINUTE = "MCOPSTN5", "MCOPSTN1", "MCOPSTN8", "MCOPSTNPP"
MEETINGS, ADD_ON = "MCOMEETADD", "MCOMEETADD_DIALOUT_US"
DEAR = deck_of(30_000, 100_000, 500_000)


def legs_of(user: str, to: str, minutes: int, call_type: str = "user_out", parts: int = 4) -> list[Leg]:
    """Calls of a user that come to so many minutes in the month."""
    begin = sum(map(ord, user)) % 50 * 60
    return [Leg(user, to, minutes * 60 // parts, begin + at * 90_000, call_type) for at in range(parts)]


def mix_of(held: dict[str, list[str]], legs: list[Leg], bought: int = 0, **prices: int) -> Mix:
    """The best mix of one month."""
    tenant = tenant_of(held)
    if bought:
        tenant = replace(tenant, subscriptions=(Subscription(MEETINGS, bought),))
    case = Case(tenant, tuple(legs), DEAR, prices_of(**prices), ("2026-01",))
    return best_mix(case.replay(), tenant, load_catalogue(), DEAR, case.prices, case.months)


def why_of(mix: Mix) -> dict[str, str]:
    """What is said of each user."""
    return {change.user: change.why for change in mix.changes}


def test_a_plan_that_is_not_pooled_is_enough_only_where_it_is() -> None:
    legs = legs_of("much@x", DOMESTIC, 208) + legs_of("some@x", DOMESTIC, 100)
    held = {"much@x": [LARGE], "some@x": [LARGE]}
    why = why_of(mix_of(held, legs, MCOPSTN8=2 * UNIT, MCOPSTN1=20 * UNIT))
    name = "Domestic Calling Plan, 120 minutes, not pooled"
    used = "{0} min a month on average, at most {0}: "
    less = "; the licence costs 18.00 USD a month less."
    assert why == {
        "much@x": f"{used.format(208)}what is beyond {name} comes to 2.64 USD a month{less}",
        "some@x": f"{used.format(100)}{name} is enough{less}",
    }


def test_who_uses_more_than_a_pool_has_is_told_so() -> None:
    legs = legs_of("a@x", DOMESTIC, 160) + legs_of("b@x", DOMESTIC, 100)
    why = why_of(mix_of({"a@x": [LARGE], "b@x": [LARGE]}, legs, MCOPSTN5=2 * UNIT, MCOPSTN1=20 * UNIT))
    assert why["b@x"] == (
        "100 min a month on average, at most 100: 2 licences of Domestic Calling Plan, 120 minutes share "
        "240 min a month, all use up to 260 min; the licence costs 18.00 USD a month less."
    )


def test_a_pool_is_that_of_all_who_share_it_whatever_else_they_hold() -> None:
    """One of two organisers calls the United States without limit; both fill one pool."""
    legs = legs_of("us@x", FAR, 400, "conf_out") + legs_of("us@x", DOMESTIC, 40, "conf_out")
    legs += legs_of("de@x", DOMESTIC, 80, "conf_out")
    mix = mix_of(
        {"us@x": ["MCOMEETACPEA"], "de@x": ["MCOMEETACPEA"]},
        legs,
        MCOMEETADD=1 * UNIT,
        MCOMEETADD_DIALOUT_US=2 * UNIT,
        MCOMEETACPEA=9 * UNIT,
    )
    assert {change.user: change.becomes for change in mix.changes} == {
        "us@x": (MEETINGS, ADD_ON),
        "de@x": (MEETINGS,),
    }
    shared = "2 licences of Audio Conferencing share 120 min a month"
    why = why_of(mix)
    assert why["us@x"].startswith(
        "400 min a month on average are included without limit; "
        f"40 min a month on average that included minutes may pay for, at most 40: {shared};"
    )
    assert why["de@x"].startswith(f"80 min a month on average, at most 80: {shared};")


def test_who_costs_more_for_the_sake_of_others_is_told_so() -> None:
    """Only a larger pool pays what the other two call; who gets the larger licence hardly calls."""
    legs = legs_of("a@x", DOMESTIC, 1_000) + legs_of("b@x", DOMESTIC, 10)
    mix = mix_of({"a@x": [SMALL], "b@x": [SMALL]}, legs, MCOPSTN5=2 * UNIT, MCOPSTN1=9 * UNIT)
    (change,) = [one for one in mix.changes if LARGE in one.becomes]
    assert change.why.endswith(
        "the licence costs 7.00 USD a month more; "
        "by itself this costs more, together with all who share minutes it saves."
    )


def test_calls_that_come_in_are_no_minutes_to_be_paid() -> None:
    legs = [Leg("in@x", "+4930999", 600, 5_000, "user_in"), *legs_of("out@x", DOMESTIC, 40)]
    mix = mix_of({"in@x": [SMALL], "out@x": [SMALL]}, legs, MCOPSTN5=4 * UNIT, MCOPSTNPP=1 * UNIT)
    change = next(one for one in mix.changes if one.user == "in@x")
    assert (change.becomes, change.calls, change.a_month_s) == ((BY_THE_MINUTE,), 1, 0)
    assert change.why == (
        "Only calls that are free anyway in 1 month; the licence costs 3.00 USD a month less."
    )


def test_no_call_of_the_plan_is_not_no_call_at_all() -> None:
    legs = legs_of("a@x", FAR, 40, "conf_out")
    mix = mix_of({"a@x": [SMALL, MEETINGS]}, legs, MCOPSTN5=4 * UNIT, MCOMEETADD=1 * UNIT)
    assert why_of(mix) == {
        "a@x": "No call in 1 month that needs Domestic Calling Plan, 120 minutes; 4.00 USD a month is saved."
    }


def test_whose_calls_are_not_included_can_hold_minutes_for_others() -> None:
    """A second small licence costs less than the minutes beyond the first; its holder only calls abroad."""
    legs = legs_of("abroad@x", "+33140000000", 20) + legs_of("much@x", DOMESTIC, 240)
    held = {"abroad@x": [LARGE], "much@x": [SMALL]}
    why = why_of(mix_of(held, legs, MCOPSTN5=2 * UNIT, MCOPSTN1=9 * UNIT, MCOPSTNPP=1 * UNIT))
    assert why["abroad@x"].startswith(
        "20 min a month on average, none of it in its own included minutes, which others use;"
    )
