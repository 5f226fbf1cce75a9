"""The answer in sentences: do we need credits, how long they last, what to buy, which plans."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from talktime.insight.planner.conclusions import ALL_CARRIED, cents, conclusions
from talktime.insight.planner.document import (
    CANNOT,
    Buy,
    Mix,
    Need,
    OneTime,
    Outlook,
    Plan,
    RechargeChoice,
    Said,
)
from tests.insight.planner.made_plan import PLAN

UNIT = 1_000_000


def held(part: Any) -> Any:
    """A part that the made plan has."""
    assert part is not None
    return part


OUTLOOK: Outlook = held(PLAN.outlook)
BUY: Buy = held(PLAN.buy)
MIX: Mix = held(PLAN.mix)


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "0.00"),
        (4_999, "0.00"),
        (5_000, "0.01"),
        (-4_999, "0.00"),
        (-5_000, "-0.01"),
        (1_234_567_895_000, "1,234,567.90"),
    ],
)
def test_cents_are_rounded_half_up(micros: int, text: str) -> None:
    assert cents(micros) == text


def sentence(plan: Plan, beginning: str) -> str:
    """The one sentence with such a beginning."""
    (found,) = [each for each in conclusions(plan) if each.startswith(beginning)]
    return found


@pytest.mark.parametrize(
    ("need", "words"),
    [
        (Need(True, ("Calls abroad take money.",)), "Credits are needed: calls abroad take money."),
        (Need(True, ("MCOPSTN5 ran over.",)), "Credits are needed: MCOPSTN5 ran over."),
        (Need(False, ()), "No credits are needed."),
        (
            Need(None, ("2 days are too few.",)),
            "Whether credits are needed cannot be told: 2 days are too few.",
        ),
    ],
)
def test_do_we_need_credits(need: Need, words: str) -> None:
    assert words in conclusions(replace(PLAN, need=need))


@pytest.mark.parametrize(
    ("low", "expected", "high", "words"),
    [
        (10, 20, 30, "lasts until about 2026-07-21 if nothing is bought, between 2026-07-11 and 2026-07-31."),
        (
            10,
            20,
            None,
            "lasts until about 2026-07-21 if nothing is bought, between 2026-07-11 and no end within three "
            "years.",
        ),
        (10, None, None, "lasts until 2026-07-11 at least."),
        (None, None, None, "is not used up within three years."),
    ],
)
def test_how_long_the_balance_lasts(
    low: int | None, expected: int | None, high: int | None, words: str
) -> None:
    outlook = replace(
        OUTLOOK,
        from_day="2026-07-01",
        balance=150 * UNIT,
        lasts_low=low,
        lasts_expected=expected,
        lasts_high=high,
    )
    assert sentence(replace(PLAN, outlook=outlook), "The balance") == f"The balance of 150.00 USD {words}"


def test_no_balance_no_sentence_about_it() -> None:
    plan = replace(PLAN, outlook=replace(OUTLOOK, balance=None, course=()))
    assert not any(each.startswith("The balance") for each in conclusions(plan))


@pytest.mark.parametrize(
    ("growth", "words"),
    [
        (305, "growing by 3.05 % a month"),
        (-120, "shrinking by 1.2 % a month"),
        (None, "no growth is certain"),
    ],
)
def test_growth(growth: int | None, words: str) -> None:
    assert words in sentence(replace(PLAN, outlook=replace(OUTLOOK, growth=growth)), "A week")


def test_what_to_buy_without_a_rule_is_an_amount() -> None:
    once = (OneTime(1, 60 * UNIT, 50 * UNIT, 0), OneTime(12, 700 * UNIT, 600 * UNIT, UNIT))
    rule = RechargeChoice(35 * UNIT, 50 * UNIT, 26, 60 * UNIT, 0, best=True)
    alone = replace(PLAN, buy=replace(BUY, choices=(), one_time=once))
    both = replace(PLAN, buy=replace(BUY, choices=(rule,), one_time=once))
    amounts = "60.00 for 1 month, 700.00 for 12 months (USD, 95 %)."
    assert sentence(alone, "What to buy") == f"What to buy: once: {amounts}"
    assert sentence(both, "What to buy").startswith(
        "What to buy: auto-recharge of 50.00 USD when less than 35.00"
    )
    assert sentence(both, "Or once") == f"Or once: {amounts}"


def test_a_rule_that_may_block_calls_is_not_said_to_keep_them_from_it() -> None:
    rule = RechargeChoice(35 * UNIT, 50 * UNIT, 12, 40 * UNIT, 0, best=True)
    firm, weak = (
        sentence(replace(PLAN, buy=replace(BUY, choices=(rule,), holds=holds)), "What to buy")
        for holds in (True, False)
    )
    assert "with 95 % confidence no call is blocked, and 40.00 lie idle" in firm
    assert "even so calls may be blocked, as its reasons say, and 40.00 lie idle" in weak


def test_amounts_that_are_no_advice_are_left_to_the_table() -> None:
    once = (
        OneTime(1, 0, 50 * UNIT, 0),
        OneTime(3, 450 * UNIT, 150 * UNIT, 0),
        OneTime(6, 901 * UNIT, 300 * UNIT, 0),
    )
    plan = replace(PLAN, buy=replace(BUY, choices=(), one_time=once))
    said = sentence(plan, "What to buy")
    assert said.startswith("What to buy: once: nothing for 1 month, 450.00 for 3 months (USD, 95 %);")
    assert said.endswith("for longer too little is known.")
    least = (OneTime(1, 50 * UNIT, UNIT, 49 * UNIT), OneTime(3, 50 * UNIT, 3 * UNIT, 47 * UNIT))
    plan = replace(PLAN, buy=replace(BUY, choices=(), one_time=least))
    assert "50.00 for 1 month, 50.00 for 3 months" in sentence(plan, "What to buy")


def test_a_mix_that_saves_nothing_is_said_to() -> None:
    best = replace(MIX, changes=(), licences_best=MIX.licences_now, calls_best=MIX.calls_now)
    assert "nothing better than today's plans was found" in sentence(replace(PLAN, mix=best), "Which plan")
    assert "nothing better" not in sentence(PLAN, "Which plan")


def test_licences_of_nobody_that_are_given_up_change_no_user() -> None:
    nobody = replace(MIX.changes[0], user="")
    best = replace(
        MIX, changes=(nobody,), licences_now=9 * UNIT, licences_best=5 * UNIT, calls_best=MIX.calls_now
    )
    said = sentence(replace(PLAN, mix=best), "Which plan")
    assert said.startswith(
        "Which plan for whom: giving up licences that nobody holds saves about 2.00 USD a month"
    )


def test_part_of_a_month_is_no_ground_for_other_plans() -> None:
    """Who made no call on one day may call on the next; licences are paid by the month."""
    said = sentence(replace(PLAN, full_months=()), "Which plan")
    assert "no whole month is here" in said
    assert "save" not in said


def test_plans_for_those_who_call_without_one_may_cost_more() -> None:
    best = replace(MIX, licences_now=9 * UNIT, licences_best=15 * UNIT, calls_best=MIX.calls_now)
    said = sentence(replace(PLAN, mix=best), "Which plan")
    assert "so that whoever calls has a plan for it, would cost about 3.00 USD a month more" in said


def test_calls_of_the_own_carrier_alone_do_not_say_who_needs_which_licence() -> None:
    carried = Said(CANNOT, "carriers", "All 3 answered calls are carried by your own operator.")
    assert ALL_CARRIED not in conclusions(PLAN)
    told = conclusions(replace(PLAN, said=(carried,)))
    assert ALL_CARRIED in told
    assert not any("save" in each for each in told)
