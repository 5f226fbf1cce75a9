"""Lots, overdraft, recharge and caps in settlement order, call by call (domain.md 6 and 8, rulings.md 2 to 6)."""

from __future__ import annotations

import pytest

from talktime.accounts.tenant import Purchase
from tests.bulk.scenes import (
    A_UNIT_A_MINUTE,
    ANA,
    FRANCE,
    RICH,
    UK,
    UNIT,
    US,
    Row,
    bought,
    bridge,
    call,
    cap,
    charged,
    deck,
    free,
    moved,
    rate,
    recharge,
    tenant,
    told,
    us,
    user,
)

# --- lots ------------------------------------------------------------------------------------------


def test_lots_are_drawn_first_in_first_out() -> None:
    lots = bought(("2026-03-01", "1"), ("2026-02-01", "2"), ("2026-04-01", "4"))
    rows = [call("2026-05-01 10:00", 90), call("2026-05-01 11:00", 120), call("2026-05-01 12:00", 60)]
    run = charged(rows, tenant(purchases=lots), A_UNIT_A_MINUTE)
    assert told(run, "lots") == ["lot-2=2", "lot-1=1;lot-3=1", "lot-3=1"]
    assert [(lot.id, lot.drawn, lot.left) for lot in run.lots] == [
        ("lot-2", 2 * UNIT, 0),
        ("lot-1", UNIT, 0),
        ("lot-3", 2 * UNIT, 2 * UNIT),
    ]


def test_lots_of_one_instant_are_drawn_by_their_id() -> None:
    at_us = us("2026-03-01 00:00")
    lots = (Purchase("b", at_us, UNIT), Purchase("a", at_us, UNIT))
    run = charged([call("2026-05-01 10:00", 90)], tenant(purchases=lots), A_UNIT_A_MINUTE)
    assert told(run, "lots") == ["a=1;b=1"]


def test_lots_of_fifty_and_a_hundred() -> None:
    """domain.md 14: 80 left in the second, nothing lost on 1 March, 80 forfeited on 1 June."""
    lots = bought(("2026-03-01", "50"), ("2026-06-01", "100"))
    rows = [
        free("2026-03-01 00:00"),
        call("2026-08-31 10:00", 70 * 60),
        free("2027-03-01 00:00"),
        free("2027-05-31 23:59:58"),
        free("2027-05-31 23:59:59"),
    ]
    run = charged(rows, tenant(purchases=lots), A_UNIT_A_MINUTE)
    assert told(run, "balance_after") == [50 * UNIT, 80 * UNIT, 80 * UNIT, 80 * UNIT, 0]
    assert moved(run, "expiry") == [(us("2027-06-01 00:00"), "expiry", 80 * UNIT)]
    assert [(lot.drawn, lot.forfeited, lot.left) for lot in run.lots] == [
        (50 * UNIT, 0, 0),
        (20 * UNIT, 80 * UNIT, 0),
    ]
    totals = run.totals
    assert (totals.opening_balance, totals.funded, totals.forfeited) == (50 * UNIT, 100 * UNIT, 80 * UNIT)


def test_expiry_comes_before_a_call_that_ends_at_its_instant() -> None:
    """A lot pays only for calls that end before it expires (rulings.md 17)."""
    lots = bought(("2025-05-04 10:01", "50"))
    rows = [call("2026-05-04 10:00", 59), call("2026-05-04 10:00", 60)]
    run = charged(rows, tenant(purchases=lots))
    assert told(run, "state", "reason") == [("charged", ""), ("blocked", "credits_expired")]
    assert run.totals.forfeited == 50 * UNIT - 20_000


def test_a_purchase_comes_before_an_expiry_of_its_instant() -> None:
    """The balance never touches zero, so nobody is told that it did."""
    lots = bought(("2025-05-04 10:00", "50"), ("2026-05-04 10:00", "70"))
    rows = [free("2026-05-04 09:00"), call("2026-05-04 09:59", 60)]
    run = charged(rows, tenant(purchases=lots))
    assert moved(run, "purchase", "expiry", "balance_zero") == [
        (us("2026-05-04 10:00"), "purchase", 70 * UNIT),
        (us("2026-05-04 10:00"), "expiry", 50 * UNIT),
    ]
    assert told(run, "lots") == ["", "lot-2=0.02"]


def test_a_leap_day_lot_may_expire_before_an_older_one() -> None:
    """29 February 10:00 expires on 28 February 10:00, before what was bought on 28 February at 12:00."""
    lots = bought(("2028-02-28 12:00", "10"), ("2028-02-29 10:00", "20"))
    rows = [
        free("2028-03-01"),
        free("2029-02-28 10:59"),
        call("2029-02-28 11:00", 60),
        free("2029-02-28 12:59"),
    ]
    run = charged(rows, tenant(purchases=lots), A_UNIT_A_MINUTE)
    assert moved(run, "expiry") == [
        (us("2029-02-28 10:00"), "expiry", 20 * UNIT),
        (us("2029-02-28 12:00"), "expiry", 9 * UNIT),
    ]


@pytest.mark.parametrize(
    ("lots", "opening", "reason"),
    [
        ((), 0, "no_credit"),
        ((("2025-05-03", "50"),), 0, "credits_expired"),  # what emptied the wallet was an expiry
        ((("2025-05-03", "50"), ("2026-05-01", "0.01")), 10_000, "no_credit"),  # too little is not nothing
        ((("2027-01-01", "50"),), 0, "no_credit"),  # not yet bought
        ((("2026-05-04 10:00", "50"),), 50 * UNIT, ""),
    ],
)
def test_what_a_file_opens_with(lots: tuple[tuple[str, str], ...], opening: int, reason: str) -> None:
    run = charged([call("2026-05-04 10:00")], tenant(purchases=bought(*lots)))
    assert (run.totals.opening_balance, run.totals.forfeited) == (opening, 0)
    assert told(run, "reason") == [reason]


# --- overdraft -------------------------------------------------------------------------------------


def test_the_first_interval_must_be_payable_and_the_rest_is_overdraft() -> None:
    prices = deck(rate("44", "0.02", fee="0.01", first_price="0.05"))
    rows = [call("2026-05-04 10:00", 180)]  # 0.01 + 0.05 + 2 x 0.02
    short, enough = (charged(rows, deck=prices, balance=balance) for balance in ("0.059999", "0.06"))
    assert told(short, "state", "reason", "blocked_seconds") == [("blocked", "no_credit", 180)]
    assert told(enough, "credits", "overdraft", "balance_after") == [(60_000, 40_000, -40_000)]
    assert enough.totals.money_ran_out_at_us == us("2026-05-04 10:03")


def test_a_purchase_repays_overdraft_first() -> None:
    lots = bought(("2026-05-01", "50"), ("2026-05-05", "30"), ("2026-05-06", "100"))
    rows = [call("2026-05-04 10:00", 90 * 60), call("2026-05-05 10:00"), call("2026-05-07 10:00")]
    run = charged(rows, tenant(purchases=lots), A_UNIT_A_MINUTE)
    assert told(run, "state", "balance_after") == [
        ("charged", -40 * UNIT),
        ("blocked", -10 * UNIT),
        ("charged", 89 * UNIT),
    ]
    assert moved(run, "repaid") == [
        (us("2026-05-05 00:00"), "repaid", 30 * UNIT),
        (us("2026-05-06 00:00"), "repaid", 10 * UNIT),
    ]
    totals = run.totals
    assert (totals.credits, totals.overdraft, totals.overdraft_repaid) == (91 * UNIT, 0, 40 * UNIT)
    assert [lot.drawn for lot in run.lots] == [50 * UNIT, 30 * UNIT, 11 * UNIT]


def test_thirty_starts_on_the_price_of_one_minute() -> None:
    """Exactly one is allowed (domain.md 14)."""
    run = charged([call("2026-05-04 10:00") for _ in range(30)], balance="0.02")
    assert told(run, "state").count("charged") == 1
    assert run.totals.closing_balance == 0


def test_seventy_five_seconds_of_money_are_spent_exactly() -> None:
    """A unit a second: the story of domain.md 14 as two finished calls and one that comes too late."""
    per_second = deck(rate("44", "60", first_s=1, step_s=1))
    rows = [call("2026-05-04 10:00", 50), call("2026-05-04 10:00", 25), call("2026-05-04 10:01", 1)]
    run = charged(rows, deck=per_second, balance="75")
    assert told(run, "duration_seconds", "credits") == [(25, 25 * UNIT), (50, 50 * UNIT), (1, 0)]
    assert (run.totals.credits, run.totals.closing_balance) == (75 * UNIT, 0)


def test_ten_minutes_at_two_cents_in_one_second_steps() -> None:
    run = charged([call("2026-05-04 10:00", 600)], deck=deck(rate("44", "0.02", first_s=1, step_s=1)))
    assert (run.totals.amount, run.totals.post_usage) == (200_000, 200_000)


# --- balance zero ----------------------------------------------------------------------------------


def test_balance_zero_is_told_once_and_again_after_the_next_funding() -> None:
    lots = bought(("2026-05-01", "1"), ("2026-05-10", "2"), ("2026-05-20", "5"))
    rows = [call(f"2026-05-{day:02} 10:00", 60) for day in (2, 3, 11, 12, 13, 21)]
    run = charged(rows, tenant(ANA, agreement="MCA", purchases=lots), A_UNIT_A_MINUTE)
    assert [at_us for at_us, _, _ in moved(run, "balance_zero")] == [
        us("2026-05-02 10:01"),
        us("2026-05-12 10:01"),
    ]
    assert told(run, "credits", "post_usage") == [
        (UNIT, 0),
        (0, UNIT),
        (UNIT, 0),
        (UNIT, 0),
        (0, UNIT),
        (UNIT, 0),
    ]


def test_an_expiry_takes_the_balance_to_zero_too() -> None:
    lots = bought(("2025-05-04 10:00", "50"))
    run = charged([free("2026-05-04 09:00"), free("2026-05-04 10:00")], tenant(purchases=lots))
    assert moved(run, "balance_zero") == [(us("2026-05-04 10:00"), "balance_zero", 0)]
    assert run.totals.money_ran_out_at_us is None  # no call took it


# --- recharge --------------------------------------------------------------------------------------


def test_the_trigger_is_strict() -> None:
    """100.00 with below 100 does nothing; 99.99 with add 200 -> 299.99 (domain.md 8)."""
    prices = deck(rate("44", "1"), rate("1", "0.01"))
    rows = [call("2026-05-04 10:00", 60), call("2026-05-04 11:00", 60, callee=US)]
    run = charged(rows, deck=prices, balance="101", recharge_below="100", recharge_add="200")
    assert told(run, "balance_after", "recharge") == [(100 * UNIT, 0), (99_990_000, 200 * UNIT)]
    assert moved(run, "recharge") == [(us("2026-05-04 11:01"), "recharge", 200 * UNIT)]
    assert (run.totals.closing_balance, run.totals.recharges) == (299_990_000, 1)


def test_a_recharge_between_two_calls_that_end_in_one_second() -> None:
    """The second call finds what the first one's recharge brought."""
    rows = [call("2026-05-04 10:00", 60), call("2026-05-04 10:00", 60)]
    without = charged(rows, deck=A_UNIT_A_MINUTE, balance="1")
    assert told(without, "state") == ["charged", "blocked"]
    run = charged(rows, deck=A_UNIT_A_MINUTE, balance="1", recharge_below="1", recharge_add="5")
    assert told(run, "state", "balance_after", "recharge") == [
        ("charged", 0, 5 * UNIT),
        ("charged", 4 * UNIT, 0),
    ]
    assert told(run, "lots") == ["opening=1", "recharge-1=1"]


def test_one_payment_of_the_least_multiple_repays_first() -> None:
    run = charged(
        [call("2026-05-04 10:00", 130 * 60)],
        deck=A_UNIT_A_MINUTE,
        balance="100",
        recharge_below="50",
        recharge_add="20",
    )
    assert moved(run, "recharge", "repaid") == [
        (us("2026-05-04 12:10"), "recharge", 80 * UNIT),
        (us("2026-05-04 12:10"), "repaid", 30 * UNIT),
    ]
    assert (run.totals.closing_balance, run.totals.credits, run.totals.overdraft) == (
        50 * UNIT,
        130 * UNIT,
        0,
    )


def test_a_month_cap_clamps_and_opens_again_at_the_month_start() -> None:
    """In the tenant's time zone: June begins at 04:00 UTC in New York."""
    rule = recharge("20", "50", cap="70")
    rows = [call("2026-05-04 10:00", 90 * 60), call("2026-05-05 10:00", 60 * 60), call("2026-05-06 10:00")]
    rows += [free("2026-06-01 03:59"), free("2026-06-01 04:00")]
    lots = bought(("2026-05-01", "100"))
    run = charged(
        rows, tenant(purchases=lots, auto_recharge=rule, time_zone="America/New_York"), A_UNIT_A_MINUTE
    )
    assert moved(run, "recharge", "recharge_capped") == [
        (us("2026-05-04 11:30"), "recharge", 50 * UNIT),
        (us("2026-05-05 11:00"), "recharge", 20 * UNIT),  # what the cap leaves
        (us("2026-05-06 10:01"), "recharge_capped", 0),  # told once a month
        (us("2026-06-01 04:00"), "recharge", 50 * UNIT),
    ]
    assert told(run, "balance_after") == [10 * UNIT, 0, 19 * UNIT, 19 * UNIT, 69 * UNIT]


def test_a_purchase_at_the_month_start_makes_a_recharge_needless() -> None:
    rule = recharge("20", "50", cap="0")
    lots = bought(("2026-05-01", "10"), ("2026-06-01", "30"))
    run = charged([free("2026-05-04"), free("2026-06-02")], tenant(purchases=lots, auto_recharge=rule))
    assert moved(run, "recharge") == []
    uncapped = charged(
        [free("2026-05-31 10:00"), call("2026-05-31 10:00", 20 * 60), free("2026-06-02")],
        tenant(
            purchases=bought(("2026-05-01", "30"), ("2026-06-01", "30")),
            auto_recharge=recharge("20", "5", cap="5"),
        ),
        A_UNIT_A_MINUTE,
    )
    assert moved(uncapped, "recharge") == [(us("2026-05-31 10:20"), "recharge", 5 * UNIT)]
    assert uncapped.totals.closing_balance == 45 * UNIT


def test_a_recharge_at_the_opening_and_after_an_expiry() -> None:
    rule = recharge("10", "30")
    poor = charged([call("2026-05-04 10:00")], tenant(auto_recharge=rule))
    assert moved(poor, "recharge") == [(us("2026-05-04 10:00"), "recharge", 30 * UNIT)]
    assert (poor.totals.opening_balance, poor.totals.funded) == (0, 30 * UNIT)
    lots = bought(("2025-05-04 11:00", "50"))
    rows = [call("2026-05-04 10:00"), free("2026-05-04 12:00")]
    run = charged(rows, tenant(purchases=lots, auto_recharge=rule))
    assert moved(run, "recharge") == [(us("2026-05-04 11:00"), "recharge", 30 * UNIT)]


def test_a_recharged_lot_expires_a_year_after_its_purchase() -> None:
    rule = recharge("10", "30")
    rows = [call("2027-02-28 22:59", 60), free("2028-02-28 22:59:58"), free("2028-02-28 22:59:59")]
    run = charged(rows, tenant(auto_recharge=rule, time_zone="Europe/Berlin"))
    first = run.lots[0]
    assert (first.origin, first.bought_at_us) == ("recharge", us("2027-02-28 22:59"))
    assert first.expires_at_us == us("2028-02-28 22:59")
    assert moved(run, "expiry") == [(us("2028-02-28 22:59"), "expiry", 30 * UNIT - 20_000)]


# --- modes -----------------------------------------------------------------------------------------

HOURS: list[Row] = [
    call("2026-05-04 10:00", 60),
    call("2026-05-04 11:00", 120 * 60),
    call("2026-05-05 10:00", 60),
]
LOT = bought(("2026-05-01", "100"))


def test_draining_spends_dust_and_refuses_nobody() -> None:
    run = charged(HOURS, tenant(user("ana"), agreement="MCA", purchases=LOT), A_UNIT_A_MINUTE)
    assert told(run, "credits", "post_usage", "overdraft", "funding") == [
        (UNIT, 0, 0, "credits"),
        (99 * UNIT, 21 * UNIT, 0, "credits+post_usage"),
        (0, UNIT, 0, "post_usage"),
    ]


def test_without_funding_paid_calls_are_refused() -> None:
    run = charged(HOURS, tenant(ANA, agreement="MCA", enabled=False, purchases=LOT), A_UNIT_A_MINUTE)
    assert told(run, "reason", "overdraft") == [("", 0), ("", 21 * UNIT), ("post_usage_off", 0)]


def test_under_mca_with_recharge_the_switch_never_happens() -> None:
    rule = recharge("50", "200")
    unlicensed = tenant(user("ana"), agreement="MCA", purchases=LOT, auto_recharge=rule)
    assert set(told(charged(HOURS, unlicensed, A_UNIT_A_MINUTE), "reason")) == {"not_licensed"}
    licensed = tenant(ANA, agreement="MCA", purchases=LOT, auto_recharge=rule)
    run = charged(HOURS, licensed, A_UNIT_A_MINUTE)
    assert (run.totals.post_usage, run.totals.overdraft, run.totals.recharges) == (0, 0, 1)


# --- caps ------------------------------------------------------------------------------------------


def test_caps_of_user_cost_centre_and_tenant() -> None:
    users = (
        user("ana", "MCOPSTNC", cost_centre="x", cap_per_month_micros=3 * UNIT),
        user("bob", "MCOPSTNC", cost_centre="x"),
        user("eve", "MCOPSTNC", cost_centre="y"),
    )
    caps = (cap("cost_centre", "x", "6"), cap("tenant", "t", "9.5"))
    minutes = [
        ("ana", "05-04 10:00", 2),
        ("ana", "05-04 11:00", 2),  # 4 of 3: the call that reaches a cap is charged whole
        ("ana", "05-04 12:00", 1),
        ("bob", "05-04 13:00", 2),  # 6 of 6 in the centre
        ("bob", "05-04 14:00", 1),
        ("eve", "05-04 15:00", 3),  # 9 of 9.5
        ("eve", "05-04 16:00", 1),
        ("ana", "06-01 00:00", 1),  # June is new
    ]
    rows = [call(f"2026-{when}", count * 60, upn=who) for who, when, count in minutes]
    run = charged(rows, tenant(*users, caps=caps, purchases=RICH), A_UNIT_A_MINUTE)
    assert told(run, "reason") == ["", "", "spend_cap", "", "spend_cap", "", "spend_cap", ""]


def test_a_call_counts_in_the_month_of_its_start() -> None:
    rows = [call("2026-05-31 23:59", 120), call("2026-06-01 00:30"), call("2026-05-31 23:59:30", 3_600)]
    run = charged(rows, tenant(caps=(cap("tenant", "t", "2"),), purchases=RICH), A_UNIT_A_MINUTE)
    assert told(run, "reason") == ["", "", "spend_cap"]


def test_a_service_numbers_cost_centre_comes_first() -> None:
    numbers = (bridge(cost_centre="desk"),)
    caps = (cap("cost_centre", "desk", "0.05"), cap("cost_centre", "x", "0"))
    organiser = user("ana", cost_centre="x")
    rows = [
        call(f"2026-05-04 1{n}:00", call_type="conf_in", caller=US, callee=numbers[0].number)
        for n in range(3)
    ]
    run = charged(rows, tenant(organiser, service_numbers=numbers, caps=caps, purchases=RICH))
    assert told(run, "reason", "cost_centre") == [("", "desk"), ("", "desk"), ("spend_cap", "desk")]


def test_the_lowest_of_several_caps_of_a_user_holds() -> None:
    ana = user("ana", "MCOPSTNC", cap_per_month_micros=5 * UNIT)
    caps = (cap("user", "ANA", "2"), cap("user", "ana", "3"))
    rows = [call(f"2026-05-04 1{n}:00") for n in range(4)]
    run = charged(rows, tenant(ana, caps=caps, purchases=RICH), A_UNIT_A_MINUTE)
    assert told(run, "reason") == ["", "", "spend_cap", "spend_cap"]


def test_free_and_pool_seconds_touch_no_cap() -> None:
    ana = user("ana", "MCOPSTN5", "MCOPSTNC", cap_per_month_micros=0)
    rows = [
        call("2026-05-04 10:00", callee=US),
        free("2026-05-04 11:00"),
        call("2026-05-04 12:00", callee=FRANCE),
    ]
    run = charged(rows, tenant(ana, purchases=RICH))
    assert told(run, "state", "reason") == [("charged", ""), ("free", ""), ("blocked", "spend_cap")]


def test_settlement_order_is_the_end_then_the_identity_by_bytes() -> None:
    names = ["b", "B", "é", "z"]
    rows = [call("2026-05-04 10:00", id=name) for name in names]
    rows += [call("2026-05-04 09:00", 3_661, id="late"), call("2026-05-04 10:00", 1, id="early")]
    assert told(charged(rows), "id") == ["early", "B", "b", "z", "é", "late"]
    assert UK in told(charged(rows), "callee")
