"""What to buy: windows and amounts worked out by hand, and rules that hold when the engine tries them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talktime.accounts.recharge_limits import PaymentLimits
from talktime.accounts.tenant import AutoRecharge, BillingAccount, Tenant
from talktime.bulk.options import Options
from talktime.bulk.replay import Replay, Replayed
from talktime.catalog.load import load_catalogue
from talktime.core.deck import Deck
from talktime.core.forecast import CONFIDENCES, Fit, Lot, fit, total
from talktime.core.limits import MAX_MONEY_MICROS
from talktime.core.money import parse_money
from talktime.insight.planner.ahead import ahead
from talktime.insight.planner.buy import buy
from talktime.insight.planner.document import Buy, OneTime, PlanSettings, RechargeChoice
from talktime.insight.planner.one_time import Need, missing, one_time, purchases
from talktime.insight.planner.recharge_rule import (
    Dear,
    add_for,
    choices,
    least_add,
    lived,
    outlasts,
    rounded_up,
)
from talktime.insight.planner.rule_tried import mean_balance
from talktime.insight.planner.series import paid_days
from talktime.insight.planner.tail import ONE, dearest_to_come, log2, raised
from talktime.insight.planner.windows import HOUR_US, dearest_window, most_held, peak
from tests.bulk.charged import SPENDS, by_minute, call, deck, recharge, tenant, user
from tests.tables import usage_of

CATALOGUE = load_catalogue()
UNIT = 1_000_000
CENT = 10_000
MARCH = 20_513  # 1 March 2026, a Sunday
USD = PaymentLimits(least=50 * UNIT, most=0, coin=CENT)
ANY = PaymentLimits(least=CENT, most=0, coin=CENT)
ANA = user("ana", SPENDS)
ENDLESS = Options(balance=MAX_MONEY_MICROS)
MCA_ON = BillingAccount("m", "MCA", "US")
MCA_OFF = BillingAccount("m", "MCA", "US", post_usage_enabled=False)


def steady(a_day: int = 10 * UNIT, days: int = 84) -> Fit:
    """What so many equal days until March say."""
    found = fit([a_day] * days, MARCH - days)
    assert found is not None
    return found


def months(*days: int) -> list[dict[str, Any]]:
    """A call of 6.00 at ten o'clock of each of these days of March 2026."""
    return [call(f"2026-03-{day:02} 10:00", 6_000, id=f"{day}") for day in days]


WORKDAYS = [day for day in range(2, 31) if day % 7 not in (0, 1)]  # Mondays are 2, 9, ...


def bought(
    who: Tenant | None = None,
    rows: Sequence[dict[str, Any]] | None = None,
    lots: tuple[Lot, ...] | None = None,
    prices: Deck | None = None,
    **chosen: int,
) -> Buy:
    """What a tenant with these calls should buy."""
    who = who or tenant(ANA)
    replay, demand = charged_without_end(who, months(*WORKDAYS) if rows is None else rows, prices)
    found = buy(replay, demand, who, CATALOGUE, ahead(paid_days(demand.run), lots), PlanSettings(**chosen))
    assert found is not None
    return found


def charged_without_end(
    who: Tenant, rows: Sequence[dict[str, Any]], prices: Deck | None = None
) -> tuple[Replay, Replayed]:
    """The calls, and their run with money without end."""
    prices = prices or deck()
    replay = Replay(usage_of(rows), who, CATALOGUE, prices)
    plain = replace(who, auto_recharge=AutoRecharge(), purchases=())
    return replay, replay.run(plain, CATALOGUE, prices, ENDLESS)


def best(found: Buy) -> RechargeChoice:
    """The choice that is marked."""
    (one,) = [choice for choice in found.choices if choice.best]
    return one


def ints(*values: int) -> Any:
    return np.array(values, np.int64)


# --- what was seen -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "amount", "begins"),
    [(0, 9, 5), (1, 9, 5), (2, 12, 3), (4, 15, 1), (100, 20, 0)],
)
def test_the_dearest_hours(hours: int, amount: int, begins: int) -> None:
    """Both edges count; calls that cost nothing begin no window."""
    ends = ints(0, 0, 1, 3, 5, 9) * HOUR_US
    assert dearest_window(ends, ints(0, 2, 3, 3, 9, 3), hours) == (amount, begins * HOUR_US)


def test_nothing_paid_has_no_dearest_hours() -> None:
    assert dearest_window(ints(1, 2), ints(0, 0), 24) == (0, 0)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 9)), min_size=1, max_size=12), st.integers(0, 9))
def test_the_dearest_hours_of_any_calls(calls: list[tuple[int, int]], hours: int) -> None:
    calls.sort()
    found = dearest_window(ints(*(at for at, _ in calls)) * HOUR_US, ints(*(a for _, a in calls)), hours)
    sums = [sum(a for at, a in calls if begin <= at <= begin + hours) for begin, _ in calls]
    assert found.amount == max(sums)


@pytest.mark.parametrize(
    ("spans", "held"),
    [
        ([(0, 600)], 600_000),
        ([(0, 300), (300, 300)], 300_000),
        ([(0, 300), (299, 300)], 600_000),
        ([(0, 1_500)], 1_500_000),
        ([(0, 1_500), (500, 60)], 1_500_000),  # at 500 s the long call holds 600 s, and the short one 60
        ([(0, 1_500), (1_100, 200)], 1_500_000 + 200_000),
        ([(0, 60), (30, 60), (60, 60)], 120_000),
    ],
)
def test_what_calls_in_progress_hold(spans: list[tuple[int, int]], held: int) -> None:
    """A second costs 0.001: slices of 600 s, each held from its beginning until the call ends."""
    rows = [
        call(f"2026-03-02 10:{start // 60:02}:{start % 60:02}", length, id=f"{number}")
        for number, (start, length) in enumerate(spans)
    ]
    _, demand = charged_without_end(tenant(ANA), rows)
    loop = demand.done.loop.month
    assert most_held(loop.calls, demand.done.settled.charges, loop.rates) == held


@given(st.lists(st.tuples(st.integers(0, 5_000), st.integers(1, 4_000)), min_size=1, max_size=8))
def test_what_any_calls_hold(spans: list[tuple[int, int]]) -> None:
    """Against a model that looks at every instant at which something begins."""
    spans.sort(key=lambda span: span[0] + span[1])
    looks = [start + 600 * at for start, length in spans for at in range(-(-length // 600))]
    told = max(
        sum(
            min((at - start) // 600 * 600 + 600, length)
            for start, length in spans
            if start <= at < start + length
        )
        for at in looks
    )
    begins, holds = [], []
    for start, length in spans:
        for at in range(0, length, 600):
            begins.append(start + at)
            holds.append(min(600, length - at))
    ends = ints(*(start + length for start, length in spans))
    assert peak(ints(*begins), ints(*holds), ends, ints(*(length for _, length in spans))) == told


def test_pool_minutes_hold_no_money() -> None:
    who = tenant(user("ana", SPENDS, "MCOPSTN5"))
    rows = [call("2026-03-02 10:00", 7_200 + 660, to="+14255550100", id="a")]
    found = bought(who, rows)
    assert (found.dearest, found.held) == (660_000, 660_000)  # 120 minutes are included


# --- the tail --------------------------------------------------------------------------------------


def test_logarithms_and_powers() -> None:
    assert [log2(2**each) for each in (0, 1, 7, 50)] == [0, ONE, 7 * ONE, 50 * ONE]
    assert abs(log2(3) - 1_661_953) <= 1  # 1.5849625 * 2^20
    assert 30_000 <= raised(10_000, log2(3) + 1) <= 30_001
    assert (raised(10, 0), raised(10, 3 * ONE) - 80) in {(10, 0), (10, 1)}


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=40), st.integers(1, 400))
def test_a_tail_never_falls_with_confidence(sizes: list[int], days: int) -> None:
    told = [dearest_to_come(sizes, 40, days, confidence) for confidence in CONFIDENCES]
    assert told == sorted(told)
    assert told[0] >= sorted(sizes, reverse=True)[min(len(sizes) - 1, max(len(sizes) // 10, 4))]


def test_equal_days_have_no_tail() -> None:
    assert dearest_to_come([7_000_000] * 30, 30, 365, 950) in {7_000_000, 7_000_001}


# --- once ------------------------------------------------------------------------------------------


def units(micros: int) -> int:
    """Whole units, rounded half up: shares of a week are millionths, so 310 may be 310.01."""
    return (micros + UNIT // 2) // UNIT


def test_ten_a_day_bought_once() -> None:
    found = one_time(Need(steady(), (), MARCH, 0), PlanSettings(), USD)
    assert [(one.months, units(one.amount), units(one.expected), one.forfeited) for one in found] == [
        (1, 310, 310, 0),
        (3, 920, 920, 0),
        (6, 1_840, 1_840, 0),
        (12, 3_650, 3_650, found[-1].forfeited),
    ]
    assert found[-1].forfeited < CENT  # what the last coin is more


def test_what_calls_hold_is_bought_too() -> None:
    (one,) = one_time(Need(steady(), (), MARCH, 7 * UNIT), PlanSettings(months_ahead=1), USD)
    assert units(one.amount) == 317


@pytest.mark.parametrize(
    ("lots", "short"),
    [
        ((Lot(100 * UNIT, MARCH + 40),), 210),
        ((Lot(50 * UNIT, MARCH + 40), Lot(100 * UNIT, MARCH + 300)), 160),
        ((Lot(50 * UNIT, MARCH + 2), Lot(100 * UNIT, MARCH + 300)), 190),  # 30 of 50 expire
        ((Lot(50 * UNIT, MARCH + 2), Lot(500 * UNIT, MARCH + 12)), 190),  # 20 and 100 are used
        ((Lot(500 * UNIT, MARCH),), 310),
        ((Lot(500 * UNIT, MARCH + 300),), 0),
    ],
    ids=["one lot", "two lots", "one expires", "both expire", "expired", "enough"],
)
def test_older_lots_pay_until_they_expire(lots: tuple[Lot, ...], short: int) -> None:
    assert units(missing(Need(steady(), lots, MARCH, 0), MARCH + 31, 950)) == short


def test_a_low_user_buys_the_least_and_loses_of_it() -> None:
    """0.10 a day is 36.50 a year: of the least purchase, 50, 13.50 expire."""
    found = one_time(Need(steady(UNIT // 10), (), MARCH, 0), PlanSettings(months_ahead=1), USD)
    assert [(one.amount, (one.forfeited + CENT // 2) // CENT) for one in found] == [(50 * UNIT, 1_350)]


def test_what_is_there_already_needs_no_purchase() -> None:
    found = one_time(Need(steady(), (Lot(400 * UNIT, MARCH + 300),), MARCH, 0), PlanSettings(), USD)
    assert found[0] == OneTime(1, 0, found[0].expected, 0)
    assert found[1].amount > 0


def test_purchases_that_are_too_large_are_split() -> None:
    assert [purchases(amount) for amount in (1, MAX_MONEY_MICROS, MAX_MONEY_MICROS + 1)] == [1, 1, 2]


# --- by a rule -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("3.251", "3.26"),
        ("19.99", "19.99"),
        ("20.01", "21"),
        ("199.5", "200"),
        ("201", "210"),
        ("4321", "4400"),
    ],
)
def test_amounts_that_people_set(amount: str, shown: str) -> None:
    micros, whole = (parse_money(each) for each in (amount, shown))
    assert rounded_up(micros, CENT) == whole


@given(st.integers(0, 10**13), st.integers(0, 10**13), st.sampled_from([1, 1_000, CENT, UNIT]))
def test_rounding_up_keeps_the_order(one: int, other: int, coin: int) -> None:
    low, high = sorted((one, other))
    assert low <= rounded_up(low, coin) <= rounded_up(high, coin)
    assert rounded_up(low, coin) % coin == 0


def test_ten_a_day_by_a_rule() -> None:
    """The dearest month has 310: 78 four times a month, so 46 or 47 payments a year."""
    found = choices(steady(), 15 * UNIT, 0, MARCH, PlanSettings(), USD)
    assert [(one.add // UNIT, one.best) for one in found] == [
        (320, False),
        (156, False),
        (78, True),
        (50, False),
    ]
    of = next(one for one in found if one.best)
    assert of.payments in {46, 47}
    assert abs(of.idle - (15 + 39) * UNIT) < 3 * UNIT
    assert of.forfeited == 0
    assert [one.payments for one in found] == sorted(one.payments for one in found)


def test_a_rule_that_may_pay_often_keeps_less_idle() -> None:
    idle = [
        next(
            one
            for one in choices(steady(), 15 * UNIT, 0, MARCH, PlanSettings(payments_a_month=often), ANY)
            if one.best
        )
        for often in (1, 2, 4, 8, 16)
    ]
    assert [one.idle for one in idle] == sorted((one.idle for one in idle), reverse=True)


def test_a_low_user_loses_by_a_rule() -> None:
    """Trigger 2 and the least payment: 52 are bought, 36.50 used in a year, and 15.50 expire."""
    found = lived([UNIT // 10] * 730, 2 * UNIT, 50 * UNIT, USD)
    assert (found.payments, found.forfeited) == (0, 15_500_000)
    assert found.idle == pytest.approx((52 - 36.5 / 2) * UNIT, rel=0.01)


@pytest.mark.parametrize(
    ("month", "often", "least", "limits", "add"),
    [
        (310, 4, 0, USD, 78),
        (310, 4, 100, USD, 100),
        (100, 4, 0, USD, 50),
        (310, 1, 0, PaymentLimits(50 * UNIT, 200 * UNIT, CENT), 200),
    ],
)
def test_what_a_payment_is(month: int, often: int, least: int, limits: PaymentLimits, add: int) -> None:
    assert add_for(month * UNIT, often, least * UNIT, limits) == add * UNIT


@pytest.mark.parametrize(
    ("rule", "add"),
    [
        (AutoRecharge(), 12),  # while the second payment comes, 20 - 10 of each 10 that the first outlasts
        (AutoRecharge(cool_down_s=2 * 86_400), 24),
        (AutoRecharge(payments_a_day=1), 12),
        (AutoRecharge(cool_down_s=3_600, payments_a_day=2), 12),
    ],
)
def test_payments_keep_up(rule: AutoRecharge, add: int) -> None:
    dear = Dear(window=10 * UNIT, twice=20 * UNIT, day=MARCH - 9, dearest_day=10 * UNIT, held=2 * UNIT)
    assert least_add(rule, 14 * UNIT, dear, 24) == add * UNIT


def test_a_trigger_outlasts_the_dearest_hours_at_the_level_to_come() -> None:
    dear = Dear(window=15 * UNIT, twice=25 * UNIT, day=MARCH - 9, dearest_day=10 * UNIT, held=2 * UNIT)
    amounts = [10 * UNIT] * 84
    told = outlasts(steady(), amounts, dear, MARCH, 365, 950)
    assert units(told) == 17
    growing = [(100 + at) * UNIT for at in range(84)]
    fitted = fit(growing, MARCH - 84)
    assert fitted is not None
    dear = Dear(183 * UNIT, 365 * UNIT, MARCH - 1, 183 * UNIT, 10 * UNIT)
    told = outlasts(fitted, growing, dear, MARCH, 80, 950)
    assert told > (183 + 80 + 10) * UNIT


def test_a_few_days_make_a_trigger_of_twice_the_dearest_hours() -> None:
    """No tail can be told by a week: what the answer says of its amounts holds for the trigger too."""
    paid = [each * UNIT for each in (5, 12, 3, 7, 6, 1, 1)]
    fitted = fit(paid, MARCH - len(paid))
    assert fitted is not None
    dear = Dear(12 * UNIT, 17 * UNIT, MARCH - 6, 12 * UNIT, 3 * UNIT)
    for confidence in CONFIDENCES:
        assert units(outlasts(fitted, paid, dear, MARCH, 365, confidence)) == 2 * 12 + 3


@pytest.mark.parametrize("days", [14, 21, 28])
def test_a_trigger_is_no_more_than_a_month_may_cost(days: int) -> None:
    """Every third day costs something, from a cent to 32, in no order: their tail says anything."""
    paid = [CENT * 2 ** (at // 3 * 5 % 6) if at % 3 == 1 else 0 for at in range(days)]
    fitted = fit(paid, MARCH - days)
    assert fitted is not None
    dear = Dear(max(paid), max(paid), MARCH - 5, max(paid), UNIT)
    told = outlasts(fitted, paid, dear, MARCH, 365, 990)
    month = max(total(fitted, day, 31, 990).high for day in (MARCH, MARCH + 334))
    assert max(paid) < told <= month + UNIT


@pytest.mark.parametrize("amounts", [[10] * 84, [3, 14, 15, 9, 26, 5, 0] * 12, [0, 0, 900, 0, 0, 0, 0] * 5])
def test_confidence_never_lowers_an_amount(amounts: list[int]) -> None:
    paid = [each * UNIT for each in amounts]
    fitted = fit(paid, MARCH - len(paid))
    assert fitted is not None
    dear = Dear(max(paid), 2 * max(paid), MARCH - 1, max(paid), UNIT)
    wanted = [outlasts(fitted, paid, dear, MARCH, 365, each) for each in CONFIDENCES]
    assert wanted == sorted(wanted)
    for at in range(4):
        need = Need(fitted, (Lot(20 * UNIT, MARCH + 9),), MARCH, UNIT)
        once = [one_time(need, PlanSettings(confidence=each), USD)[at].amount for each in CONFIDENCES]
        assert once == sorted(once)


# --- with the engine -------------------------------------------------------------------------------


def test_an_office_of_six_a_day() -> None:
    found = bought()
    assert (found.dearest, found.held, found.confidence, found.lead_hours) == (12 * UNIT, 6 * UNIT, 950, 24)
    assert found.tried is not None
    assert (found.tried.blocked_calls, found.tried.below) == (0, best(found).below)
    assert found.tried.lowest_balance >= 0
    assert found.tried.opening == best(found).below + best(found).add
    assert all(one.amount >= 50 * UNIT and one.amount % CENT == 0 for one in found.one_time)
    assert any("no call was blocked for want of money" in text for text in found.says)


def test_todays_rule_stands_beside_the_best() -> None:
    found = bought(tenant(ANA, auto_recharge=recharge("100", "200")))
    (text,) = [text for text in found.says if text.startswith("Today's rule 100.00/200.00 would have kept ")]
    assert "idle on average with 0 payments" in text


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (recharge("0.01", "50"), "With today's rule some calls in progress would have been cut short."),
        (recharge("8", "50"), "Today's trigger is less than calls may cost while a payment is on its way."),
    ],
)
def test_a_rule_of_today_that_is_too_tight_is_told(rule: AutoRecharge, said: str) -> None:
    """50.01 pay eight calls of 6.00 and a bit: the ninth begins on the bit."""
    found = bought(tenant(ANA, auto_recharge=rule))
    assert any(text.endswith(said) for text in found.says), found.says


def test_a_cap_that_is_too_low_is_said() -> None:
    found = bought(tenant(ANA, auto_recharge=recharge("10", "50", cap="60")))
    assert any(text.startswith("The rule's cap of 60.00 USD a month is less") for text in found.says)


def test_a_trigger_is_raised_where_payments_do_not_keep_up() -> None:
    """At most 50 in 30 days, and 120 are spent: trigger and amount as they are would not last."""
    rule = replace(recharge("10", "50"), most_micros=50 * UNIT, cool_down_s=30 * 86_400)
    found, free = bought(tenant(ANA, auto_recharge=rule)), bought()
    assert best(found).add == 50 * UNIT
    assert best(found).below >= 2 * best(free).below
    assert any("it was raised because calls were blocked when it was tried" in text for text in found.says)
    assert found.tried is not None
    assert (found.tried.blocked_calls, found.tried.lowest_balance >= 0) == (0, True)


@pytest.mark.parametrize(
    ("account", "rule", "amounts", "said"),
    [
        (MCA_ON, AutoRecharge(), False, "Nothing has to be bought: post-usage billing stands behind"),
        (MCA_OFF, AutoRecharge(), False, "Credits are not sold under MCA"),
        (MCA_ON, recharge("10", "50"), True, "auto-recharge that is on refills for ever"),
        (BillingAccount("o", "MOSA", "US"), AutoRecharge(), True, "Recharge below "),
    ],
    ids=["post-usage", "no funding", "recharge under MCA", "prepaid"],
)
def test_who_has_nothing_to_buy(
    account: BillingAccount, rule: AutoRecharge, amounts: bool, said: str
) -> None:
    who = tenant(ANA, billing_accounts=(account,), default_billing_account=account.id, auto_recharge=rule)
    found = bought(who)
    assert (bool(found.one_time), bool(found.choices), found.tried is not None) == (amounts,) * 3
    assert any(said in text for text in found.says)


def test_nothing_paid_buys_nothing() -> None:
    rows = [call("2026-03-02 10:00", 60, to="112", call_type="emergency_out")]
    who = tenant(ANA)
    replay, demand = charged_without_end(who, rows)
    assert buy(replay, demand, who, CATALOGUE, ahead(paid_days(demand.run), None), PlanSettings()) is None


def test_one_week_is_told_to_be_too_little() -> None:
    found = bought(rows=months(2, 3, 4, 5, 6))
    assert any(text.startswith("Fewer than 14 days of usage") for text in found.says)


def test_lots_that_are_held_are_counted_on() -> None:
    without, there = bought(months_ahead=1), bought(lots=(Lot(40 * UNIT, MARCH + 300),), months_ahead=1)
    assert without.one_time[0].amount - there.one_time[0].amount == 40 * UNIT
    assert any("One-time amounts take the balance for 0" in text for text in without.says)
    assert any("count on the 40.00 USD that lots hold" in text for text in there.says)


def test_ten_times_the_price_is_ten_times_the_money() -> None:
    low, high = (bought(prices=deck(by_minute("44", price)), months_ahead=3) for price in ("0.60", "6.00"))
    assert (10 * low.dearest, 10 * low.held) == (high.dearest, high.held)
    for one, ten in zip(low.one_time, high.one_time, strict=True):
        assert ten.amount == pytest.approx(10 * one.amount, rel=0.001)
    assert best(high).below == pytest.approx(10 * best(low).below, rel=0.06)


Day = st.tuples(st.integers(1, 28), st.integers(0, 23), st.integers(60, 20_000))


@settings(max_examples=5)
@given(st.lists(Day, min_size=1, max_size=25), st.sampled_from(CONFIDENCES), st.sampled_from([1, 24, 72]))
def test_the_rule_never_blocks_on_its_own_usage(
    days: list[tuple[int, int, int]], confidence: int, hours: int
) -> None:
    rows = [
        call(f"2026-02-{day:02} {hour:02}:00", length, id=f"{number}")
        for number, (day, hour, length) in enumerate(days)
    ]
    found = bought(rows=rows, confidence=confidence, lead_hours=hours, months_ahead=3)
    assert found.tried is not None
    assert found.tried.blocked_calls == 0
    assert found.tried.lowest_balance >= found.tried.below - found.dearest >= 0
    assert all(one.add >= 50 * UNIT and one.add % CENT == 0 == one.below % CENT for one in found.choices)


def test_the_mean_balance_is_that_of_time() -> None:
    """100 for 10 s, 40 for 30 s; the last call's balance lasts no time."""
    assert mean_balance(ints(0, 10, 40) * UNIT, ints(100, 40, 7), 5) == 55
    assert mean_balance(ints(3, 3) * UNIT, ints(100, 40), 5) == 5
    year = 365 * 86_400
    assert mean_balance(ints(0, year) * UNIT, ints(MAX_MONEY_MICROS, 0), 5) == MAX_MONEY_MICROS


def test_a_payment_that_may_not_be_large_enough_is_said_not_to_hold() -> None:
    """At most 50 in a payment, of which one is on its way at a time, and a day costs more than that."""
    rows = [call(f"2026-03-{day:02} 10:00", 80_000, id=f"{day}") for day in WORKDAYS]
    found, free = (
        bought(tenant(ANA, auto_recharge=rule), rows)
        for rule in (replace(recharge("50", "50"), most_micros=50 * UNIT), AutoRecharge())
    )
    assert (best(found).add, found.holds, free.holds) == (50 * UNIT, False, True)
    assert any(text.startswith("Payments of 50.00 USD cannot keep up") for text in found.says)
    assert not any("cannot keep up" in text for text in free.says)
    assert not bought(tenant(ANA, auto_recharge=recharge("10", "50", cap="60"))).holds


def test_a_payment_that_has_to_last_long_says_so() -> None:
    """Three weeks without another payment take more than a quarter of a month."""
    found = bought(tenant(ANA, auto_recharge=replace(recharge("50", "50"), cool_down_s=21 * 86_400)))
    (said,) = [text for text in found.says if text.startswith("Add ")]
    assert "until the next one can be made" in said
    assert "the dearest month" not in said


def test_a_trigger_stays_near_what_was_seen_however_spending_grew() -> None:
    """A line through what grows ever faster begins at 0 or below: days there weigh as much as they are."""
    amounts = [at * at * CENT for at in range(84)]
    found = fit(amounts, MARCH - 84)
    assert found is not None
    assert found.slope > 0
    top = max(amounts)
    for day in (MARCH - 60, MARCH - 1, MARCH - 400):
        below = outlasts(found, amounts, Dear(top, 2 * top, day, top, 0), MARCH, 90, 950)
        assert top <= below <= 20 * top


def test_a_year_of_usage_is_weighed_by_the_days_of_its_fit() -> None:
    """Spending halved half a year ago: the dearest days of the fit are a day of now, not one of long ago."""
    days = [call(f"2025-{at // 28 + 1:02}-{at % 28 + 1:02} 10:00", 6_000, id=f"{at}") for at in range(336)]
    rows = [each | {"duration_s": 12_000 if at < 112 else 6_000} for at, each in enumerate(days)]
    long, short = bought(rows=rows, months_ahead=3), bought(rows=rows[-170:], months_ahead=3)
    assert (long.dearest, long.held) == (24 * UNIT, 12 * UNIT)
    assert best(long).below == long.dearest + long.held
    assert (short.dearest, short.held) == (12 * UNIT, 6 * UNIT)
