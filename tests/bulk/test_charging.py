"""A wallet over a file: lots, expiry, recharge, overdraft, caps, each as a few calls and what must come out.

Prices are 0.06 a minute by the second unless a test says otherwise: a second costs 1,000 micros.
"""

import pytest

from talktime.accounts.tenant import (
    AutoRecharge,
    BillingAccount,
    Cap,
    Subscription,
    Tenant,
    unstated_tenant,
)
from talktime.bulk.run import Options, RefusedRun
from talktime.core.money import parse_money
from tests.bulk.charged import (
    SPENDS,
    by_second,
    call,
    charged,
    column,
    deck,
    moved,
    recharge,
    shown,
    tenant,
    us,
    user,
)

ANA = user("ana", SPENDS)


def test_lots_are_spent_first_in_first_out() -> None:
    run = charged(
        tenant(ANA, lots=[("2026-01-02 00:00", "1"), ("2026-01-01 00:00", "0.5"), ("2026-03-02 00:00", "1")]),
        [call("2026-03-01 10:00", 400), call("2026-03-01 11:00", 300), call("2026-03-02 12:00", 900)],
    )
    assert column(run, "lots") == ["lot-2=0.4", "lot-2=0.1;lot-1=0.2", "lot-1=0.8;lot-3=0.1"]
    assert [(lot.id, lot.drawn, lot.left) for lot in run.lots] == [
        ("lot-2", 500_000, 0),
        ("lot-1", 1_000_000, 0),
        ("lot-3", 100_000, 900_000),
    ]


def test_the_lots_of_domain_14() -> None:
    lots = [("2026-03-01 00:00", "50"), ("2026-06-01 00:00", "100")]
    calls = [call("2026-08-01 10:00", 70_000 // 2), call("2026-08-02 10:00", 70_000 // 2)]
    by_september = charged(tenant(ANA, lots=lots), calls)
    assert [lot.left for lot in by_september.lots] == [0, 80_000_000]
    later = charged(tenant(ANA, lots=lots), [*calls, call("2027-06-02 10:00", 60)])
    assert [lot.forfeited for lot in later.lots] == [0, 80_000_000]
    assert ("expiry", 80_000_000) in moved(later)
    assert [m.at_us for m in later.movements if m.kind == "expiry"] == [us("2027-06-01 00:00")]
    assert column(later, "reason") == ["", "", "credits_expired"]


def test_at_one_instant_funding_comes_before_expiry_and_expiry_before_calls() -> None:
    run = charged(
        tenant(ANA, lots=[("2025-03-01 10:00", "9"), ("2026-03-01 10:00", "0.05")]),
        [call("2026-03-01 09:59:20", 30), call("2026-03-01 09:59:30", 30)],
    )
    assert moved(run) == [("opening", 9_000_000), ("purchase", 50_000), ("expiry", 8_970_000)]
    assert column(run, "lots") == ["lot-1=0.03", "lot-2=0.03"]


def test_a_recharge_comes_between_two_calls_of_one_second() -> None:
    who = tenant(ANA, lots=[("2026-03-01 00:00", "1")], auto_recharge=recharge("0.5", "2"))
    calls = [call("2026-03-01 10:00", 600), call("2026-03-01 10:00", 600), call("2026-03-01 10:00", 600)]
    run = charged(who, calls)
    assert shown(run, "amount", "balance_after", "recharge", "lots") == [
        (600_000, 400_000, 2_000_000, "lot-1=0.6"),
        (600_000, 1_800_000, 0, "lot-1=0.4;recharge-1=0.2"),
        (600_000, 1_200_000, 0, "recharge-1=0.6"),
    ]


@pytest.mark.parametrize(
    ("balance", "spent_s", "bought"),
    [("100.06", 60, 0), ("100.05", 60, 200_000_000), ("100", 0, 0), ("99.99", 0, 200_000_000)],
)
def test_the_trigger_is_strict(balance: str, spent_s: int, bought: int) -> None:
    calls = [call("2026-03-01 10:00", spent_s or 1, to="+14255550111", call_type="user_in")]
    if spent_s:
        calls = [call("2026-03-01 10:00", spent_s)]
    options = Options(
        balance=parse_money(balance), recharge_below=parse_money("100"), recharge_add=parse_money("200")
    )
    run = charged(tenant(ANA), calls, options=options)
    assert run.totals.recharged == bought


def test_one_payment_of_the_least_multiple_that_reaches_the_trigger() -> None:
    who = tenant(ANA, lots=[("2026-03-01 00:00", "50")], auto_recharge=recharge("50", "20"))
    run = charged(who, [call("2026-03-01 10:00", 45_000)])
    assert moved(run) == [("opening", 50_000_000), ("recharge", 60_000_000)]


def test_a_monthly_cap_cuts_a_recharge_to_what_it_leaves() -> None:
    who = tenant(ANA, lots=[("2026-03-01 00:00", "50")], auto_recharge=recharge("50", "200", cap="260"))
    run = charged(
        who, [call("2026-03-10 10:00", 30_000), *(call(f"2026-03-1{d} 00:00", 80_000) for d in (1, 2, 3))]
    )
    assert [amount for kind, amount in moved(run) if kind == "recharge"] == [200_000_000, 60_000_000]


def test_less_than_the_least_payment_is_not_bought_and_the_cap_opens_with_the_month() -> None:
    who = tenant(ANA, lots=[("2026-03-01 00:00", "50")], auto_recharge=recharge("50", "40", cap="100"))
    calls = [
        call("2026-03-10 10:00", 30_000),
        call("2026-03-11 10:00", 30_000),
        call("2026-03-12 10:00", 30_000),
        call("2026-04-02 10:00", 1_000),
    ]
    run = charged(who, calls)
    assert [(m.kind, m.amount) for m in run.movements] == [
        ("opening", 50_000_000),
        ("recharge", 40_000_000),
        ("recharge", 40_000_000),
        ("recharge_capped", 0),
        ("recharge", 40_000_000),
    ]
    assert run.movements[4].at_us == us("2026-04-01 00:00")


def test_overdraft_is_the_first_draw_of_the_next_lot() -> None:
    who = tenant(ANA, lots=[("2026-03-01 00:00", "0.1"), ("2026-03-05 00:00", "1")])
    run = charged(
        who, [call("2026-03-02 10:00", 300), call("2026-03-03 10:00", 60), call("2026-03-06 10:00", 60)]
    )
    assert shown(run, "state", "credits", "overdraft", "balance_after") == [
        ("charged", 100_000, 200_000, -200_000),
        ("blocked", 0, 0, -200_000),
        ("charged", 60_000, 0, 740_000),
    ]
    assert moved(run) == [
        ("opening", 100_000),
        ("balance_zero", 0),
        ("purchase", 1_000_000),
        ("repaid", 200_000),
    ]
    totals = run.totals
    assert (totals.credits, totals.overdraft, totals.overdraft_repaid) == (360_000, 0, 200_000)
    assert totals.money_ran_out_at_us == us("2026-03-02 10:05")


def test_balance_zero_is_told_once_until_money_comes() -> None:
    who = tenant(ANA, lots=[("2026-03-01 00:00", "0.06"), ("2026-03-05 00:00", "0.06")])
    calls = [call("2026-03-02 10:00", 60), call("2026-03-03 10:00", 60), call("2026-03-06 10:00", 60)]
    run = charged(who, calls)
    assert [m.kind for m in run.movements].count("balance_zero") == 2
    assert column(run, "reason") == ["", "no_credit", ""]


def test_the_price_of_the_first_interval_with_its_fee_must_be_there() -> None:
    prices = deck(by_second("44", "0.06", first_s=60, step_s=1, fee_micros=40_000))
    for balance, state in (("0.1", "charged"), ("0.099999", "blocked")):
        run = charged(
            tenant(ANA), [call("2026-03-02 10:00", 1)], prices, Options(balance=parse_money(balance))
        )
        assert column(run, "state") == [state]


def test_caps_hold_a_user_a_cost_centre_and_the_tenant() -> None:
    bob, cem, dan = (user(n, SPENDS, cost_centre="Sales") for n in ("bob", "cem", "dan"))
    eve = user("eve", SPENDS, cap_per_month_micros=50_000)
    who = tenant(
        *(bob, cem, dan, eve),
        lots=[("2026-03-01 00:00", "100")],
        caps=(Cap("cost_centre", "Sales", 100_000), Cap("user", "bob", 30_000), Cap("tenant", "t", 160_000)),
    )
    calls = [
        call("2026-03-02 10:00", 30, "bob"),
        call("2026-03-02 11:00", 1, "bob"),
        call("2026-03-02 12:00", 70, "cem"),
        call("2026-03-02 13:00", 1, "dan"),
        call("2026-03-02 14:00", 60, "eve"),
        call("2026-03-02 15:00", 1, "eve"),
        call("2026-04-02 10:00", 30, "bob"),
    ]
    run = charged(who, calls)
    assert column(run, "reason") == ["", "spend_cap", "", "spend_cap", "", "spend_cap", ""]


def test_who_spends_needs_a_licence_but_included_minutes_do_not() -> None:
    plan = "MCOPSTN8"  # 120 minutes of one's own
    who = tenant(user("ana", plan), lots=[("2026-03-01 00:00", "100")])
    calls = [
        call("2026-03-02 10:00", 119 * 60, to="+14255550100"),
        call("2026-03-02 15:00", 120, to="+14255550100"),
        call("2026-03-02 16:00", 60, to="+14255550100"),
    ]
    run = charged(who, calls)
    assert shown(run, "state", "reason", "pool_seconds", "paid_seconds", "flags") == [
        ("charged", "", 7_140, 0, ""),
        ("charged", "", 60, 60, "unlicensed_overrun"),
        ("blocked", "not_licensed", 0, 0, ""),
    ]


MCA = {
    "default_billing_account": "a",
    "subscriptions": (Subscription("MCOPSTN1", 10, "a"),),
}


@pytest.mark.parametrize(
    ("enabled", "on", "rows"),
    [
        (True, False, [("credits+post_usage", ""), ("post_usage", "")]),
        (False, False, [("credits+overdraft", ""), ("", "post_usage_off")]),
        (True, True, [("credits", ""), ("credits", "")]),
    ],
    ids=["drains to post-usage", "no funding", "refills for ever"],
)
def test_the_modes_under_mca(enabled: bool, on: bool, rows: list[tuple[str, str]]) -> None:
    who = tenant(
        user("ana", SPENDS),
        lots=[("2026-03-01 00:00", "0.5")],
        billing_accounts=(BillingAccount("a", "MCA", "US", enabled),),
        auto_recharge=recharge("0.3", "1") if on else AutoRecharge(),
        **MCA,
    )
    first = 400 if on else 600
    run = charged(who, [call("2026-03-02 10:00", first), call("2026-03-02 11:00", 600)])
    assert shown(run, "funding", "reason") == rows
    assert run.totals.amount == run.totals.credits + run.totals.post_usage + run.totals.overdraft


def test_a_price_question_refuses_nothing() -> None:
    premium = deck(by_second("44", "0.06"), by_second("449", "3"))
    calls = [call("2026-03-02 10:00", 60, to="+449098765432"), call("2026-03-02 11:00", 60)]
    run = charged(unstated_tenant("US", "USD"), calls, premium)
    assert column(run, "state") == ["charged", "charged"]
    assert column(run, "funding") == ["post_usage", "post_usage"]
    assert column(run, "balance_after") == [None, None]
    assert (run.totals.opening_balance, run.totals.closing_balance, run.lots) == (None, None, ())


def test_emergency_calls_are_free_for_everybody_at_any_balance() -> None:
    calls = [call("2026-03-02 10:00", 60, "nobody@else", "+112", call_type="emergency_out")]
    run = charged(tenant(), calls)
    assert shown(run, "state", "amount", "reason") == [("free", 0, "")]


def test_tenant_and_deck_must_share_a_currency() -> None:
    with pytest.raises(RefusedRun, match="tenant 't' has EUR but deck 'test' is in USD"):
        charged(Tenant("t", "T", "DE", "EUR"), [call("2026-03-02 10:00", 60)])
