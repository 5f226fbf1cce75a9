"""The oracle against answers computed by hand: gates, lots, recharge, modes, caps and totals."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.oracle import Result, charge, year_later
from tests.oracle_deck import instant, micros
from tests.oracle_test_tables.calls import (
    BRIDGE,
    KENYA,
    ONE,
    RICH,
    US,
    WORLD,
    Row,
    at,
    bought,
    rate,
    row,
    tenant,
    told,
    user,
)

# --- gates and refusals ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plans", "facts", "state", "reason"),
    [
        (["MCOPSTNC"], {}, "charged", ""),
        (["MCOPSTNPP"], {}, "charged", ""),
        ([], {}, "blocked", "not_licensed"),
        ([], {"user": "stranger"}, "blocked", "not_licensed"),
        (["MCOPSTN5"], {"callee": US}, "charged", ""),  # the pool asks for no credits licence
        (["MCOPSTN5"], {}, "blocked", "not_licensed"),
        ([], {"call_type": "ucap_out", "user": ""}, "charged", ""),
        (["MCOMEETACPEA"], {"call_type": "conf_out"}, "charged", ""),
        ([], {"callee": "+449012345678"}, "blocked", "not_licensed"),  # before premium
        (["MCOPSTNC"], {"callee": "+449012345678"}, "blocked", "premium_refused"),
        (["MCOPSTNC"], {"callee": "+448431234567"}, "charged", ""),
        (["MCOPSTNC"], {"callee": KENYA}, "unrated", ""),
        ([], {"callee": KENYA}, "blocked", "not_licensed"),  # before no_rate
        (["MCOPSTN5"], {"callee": "+13055550100", "location": "US"}, "charged", ""),
        (["MCOPSTNC"], {"call_type": "conf_in", "callee": BRIDGE}, "unrated", ""),  # inbound rows only
        ([], {"call_type": "user_in"}, "free", ""),
        ([], {"duration_s": 0}, "not_answered", ""),
        ([], {"answered": False, "duration_s": 9}, "not_answered", ""),
    ],
)
def test_gates(plans: list[str], facts: Row, state: str, reason: str) -> None:
    file = tenant(user("ana", "US", *plans), purchases=RICH)
    assert told(charge([row(**facts)], deck=WORLD, tenant=file), "state", "reason") == [(state, reason)]


def test_a_call_without_a_rate_still_takes_its_pool() -> None:
    file = tenant(user("ana", "US", "MCOPSTN5"))
    rows = [row("a", "05-04 10:00", 119 * 60 + 1, callee=US), row("b", "05-04 13:00", 61, callee=US)]
    rows += [row("c", "05-04 14:00", 61, callee=US, user="bob"), row("d", "06-01 00:00", 121 * 60, callee=US)]
    done = charge(rows, deck=[rate("44", "1")], tenant=file)
    expected = [
        ("charged", 7200, 0, 0),
        ("blocked", 0, 0, 120),
        ("blocked", 0, 0, 120),
        ("unrated", 7200, 60, 0),
    ]
    assert told(done, "state", "pool_s", "unrated_s", "blocked_s") == expected
    assert [done.totals[f"{kind}_seconds"] for kind in ("billed", "pool", "unrated", "blocked")] == [
        14460,
        14400,
        60,
        240,
    ]


def test_toll_free_needs_a_balance_even_at_price_zero() -> None:
    rows = [row("a", call_type="conf_in", callee=BRIDGE, user="")]
    deck = [rate("1800", "0", direction="inbound", category="toll_free")]
    assert told(charge(rows, deck=deck, balance="0"), "reason") == ["no_credit"]
    assert told(charge(rows, deck=deck, balance="0.000001"), "state") == ["charged"]
    assert told(charge(rows, deck=deck, tenant=tenant(agreement="MCA")), "state") == ["charged"]


def test_the_first_interval_must_be_payable_and_the_rest_may_be_owed() -> None:
    deck = [rate("44", "0.02", connection_fee="0.01", first_price_per_minute="0.05")]
    rows = [row("a", duration_s=180)]  # 0.01 + 0.05 + 2 x 0.02 = 0.10, its first interval 0.06
    short, enough = (charge(rows, deck=deck, balance=balance) for balance in ("0.059999", "0.06"))
    assert told(short, "state", "reason", "blocked_s") == [("blocked", "no_credit", 180)]
    assert told(enough, "amount", "credits", "overdraft", "balance_after") == [
        (100_000, 60_000, 40_000, -40_000)
    ]
    assert enough.totals["money_ran_out_at"] == at("05-04 10:03")
    assert enough.totals["closing_balance"] == -40_000


def test_thirty_starts_on_the_price_of_one_minute() -> None:
    done = charge([row(f"{n:02}") for n in range(30)], deck=WORLD, balance="0.02")
    assert told(done, "state") == ["charged"] + ["blocked"] * 29
    assert set(told(done, "reason")[1:]) == {"no_credit"}


def test_seventy_five_seconds_of_money_are_spent_exactly() -> None:
    deck = [rate("44", "60", first_seconds="1", step_seconds="1")]
    rows = [row("1", duration_s=50), row("2", duration_s=25), row("3", "05-04 10:01", 1)]
    done = charge(rows, deck=deck, balance="75")
    assert told(done, "id", "credits") == [("2", 25 * ONE), ("1", 50 * ONE), ("3", 0)]
    assert (done.totals["closing_balance"], done.totals["credits"]) == (0, 75 * ONE)
    assert done.events == [(at("05-04 10:00:50"), "balance_zero", 0)]


def test_settlement_order_is_end_then_identity_by_bytes() -> None:
    rows = [
        row("b"),
        row("B"),
        row("é"),
        row("z"),
        row("late", "05-04 09:00", 3661),
        row("early", "05-04 10:00", 1),
    ]
    assert told(charge(rows, deck=WORLD), "id") == ["early", "B", "b", "z", "é", "late"]


# --- lots ------------------------------------------------------------------------------------------


def free_call(name: str, when: datetime) -> Row:
    """A free call that ends one second after an instant: it lets the run reach it."""
    return row(name, duration_s=1, call_type="user_in") | {"start": when}


def test_lots_of_fifty_and_a_hundred() -> None:
    year_on = at("03-01 00:00").replace(year=2027)
    rows = [
        row("a", "03-01 00:00", 60, callee=US, call_type="user_in"),
        row("b", "08-31 00:00", 70 * 60),  # 70 of 150
        free_call("c", year_on),
        free_call("d", year_on.replace(month=6) - timedelta(seconds=1)),  # ends at the instant of expiry
    ]
    file = tenant(
        user("ana", "US", "MCOPSTNC"), purchases=bought(("03-01 00:00", "50"), ("06-01 00:00", "100"))
    )
    done = charge(rows, deck=[rate("44", "1")], tenant=file)
    assert told(done, "balance_after") == [50 * ONE, 80 * ONE, 80 * ONE, 0]
    assert done.events == [
        (at("06-01 00:00"), "purchase", 100 * ONE),
        (year_on.replace(month=6), "expiry", 80 * ONE),
        (year_on.replace(month=6), "balance_zero", 0),
    ]
    names = ("opening_balance", "funded", "credits", "forfeited", "closing_balance", "money_ran_out_at")
    assert [done.totals[name] for name in names] == [50 * ONE, 100 * ONE, 70 * ONE, 80 * ONE, 0, None]


def test_a_purchase_repays_overdraft_first() -> None:
    file = tenant(
        user("ana", "US", "MCOPSTNC"), purchases=bought(("05-01 00:00", "50"), ("05-05 00:00", "100"))
    )
    done = charge(
        [row("a", duration_s=90 * 60), row("b", "05-06 00:00")], deck=[rate("44", "1")], tenant=file
    )
    expected = [(50 * ONE, 40 * ONE, -40 * ONE), (ONE, 0, 59 * ONE)]
    assert told(done, "credits", "overdraft", "balance_after") == expected
    assert [done.totals[name] for name in ("credits", "overdraft", "closing_balance")] == [
        91 * ONE,
        0,
        59 * ONE,
    ]


def test_a_lot_pays_only_for_calls_that_end_before_it_expires() -> None:
    file = tenant(user("ana", "US", "MCOPSTNC"), purchases=[{"at": "2025-05-04T10:01:00Z", "amount": "50"}])
    done = charge([row("a", duration_s=59), row("b", duration_s=60)], deck=WORLD, tenant=file)
    expected = [("charged", "", 20_000), ("blocked", "credits_expired", 0)]
    assert told(done, "state", "reason", "amount") == expected
    assert done.totals["forfeited"] == 50 * ONE - 20_000


def test_what_expired_before_the_file_is_no_opening_balance() -> None:
    old = [{"at": "2025-05-03T00:00:00Z", "amount": "50"}]
    done = charge([row()], deck=WORLD, tenant=tenant(user("ana", "US", "MCOPSTNC"), purchases=old))
    assert (done.totals["opening_balance"], done.totals["forfeited"]) == (0, 0)
    assert told(done, "reason") == ["credits_expired"]
    on_time = [*bought(("05-04 10:00", "5")), {"at": "2025-05-04T10:00:00Z", "amount": "50"}]
    done = charge([row()], deck=WORLD, tenant=tenant(user("ana", "US", "MCOPSTNC"), purchases=on_time))
    assert [done.totals[name] // ONE for name in ("opening_balance", "funded", "forfeited")] == [55, 0, 50]


def test_balance_replaces_the_purchases_of_the_tenant() -> None:
    file = tenant(
        user("ana", "US", "MCOPSTNC"), purchases=bought(("05-01 00:00", "50"), ("05-04 10:00:30", "70"))
    )
    totals = charge([row()], deck=WORLD, tenant=file, balance="3").totals
    names = ("opening_balance", "funded", "closing_balance")
    assert [totals[name] for name in names] == [3 * ONE, 0, 3 * ONE - 20_000]


@pytest.mark.parametrize(
    ("when", "zone", "then"),
    [
        ("2026-03-01T00:00:00Z", "UTC", "2027-03-01T00:00:00Z"),
        ("2028-02-29T12:00:00Z", "UTC", "2029-02-28T12:00:00Z"),
        ("2027-03-01T03:00:00Z", "America/New_York", "2028-02-29T03:00:00Z"),  # 28 February 22:00 there
        ("2026-03-28T12:00:00Z", "Europe/London", "2027-03-28T11:00:00Z"),  # noon in winter, noon in summer
        ("2026-10-31T00:30:00Z", "Europe/London", "2027-10-30T23:30:00Z"),  # occurs twice: the earlier
        ("2026-03-28T01:30:00Z", "Europe/London", "2027-03-28T01:30:00Z"),  # does not exist: an hour on
    ],
)
def test_twelve_months_on(when: str, zone: str, then: str) -> None:
    assert year_later(instant(when), ZoneInfo(zone)) == instant(then)


# --- recharge --------------------------------------------------------------------------------------


def recharges(done: Result) -> list[tuple[datetime, int]]:
    """When and how much was paid in, in whole currency units."""
    return [(when, amount // ONE) for when, kind, amount in done.events if kind == "recharge"]


def test_the_trigger_is_strict() -> None:
    rows = [row("a", duration_s=60), row("b", "05-04 11:00", 1, callee=US)]
    done = charge(rows, deck=[rate("44", "1"), rate("1", "0.01")], balance="101", recharge=("100", "200"))
    assert told(done, "balance_after") == [100 * ONE, 99_990_000]  # before the recharge that follows
    assert (done.totals["recharges"], done.totals["closing_balance"]) == (1, 299_990_000)
    assert recharges(done) == [(at("05-04 11:00:01"), 200)]


def test_one_payment_of_the_least_multiple() -> None:
    done = charge([row(duration_s=130 * 60)], deck=[rate("44", "1")], balance="100", recharge=("50", "20"))
    assert recharges(done) == [(at("05-04 12:10"), 80)]  # -30 and 4 x 20 reach 50
    names = ("amount", "credits", "overdraft", "funded", "closing_balance")
    assert [done.totals[name] // ONE for name in names] == [130, 130, 0, 80, 50]


def test_a_monthly_cap_clamps_and_opens_again() -> None:
    rows = [row("a", "05-04 10:00", 90 * 60), row("b", "05-05 10:00", 60 * 60), row("c", "05-06 10:00", 60)]
    rows += [row("d", "06-02 10:00", 60)]
    options: Row = {"recharge": ("20", "50"), "recharge_cap_per_month": "70"}
    done = charge(rows, deck=[rate("44", "1")], balance="100", **options)
    # 10 left: +50. 0 left: 20 of the cap are left, less than a payment may be. June: +50, then 49.
    assert recharges(done) == [(at("05-04 11:30"), 50), (at("06-01 00:00"), 50)]
    assert [balance // ONE for balance in told(done, "balance_after")] == [10, 0, 0, 49]


def test_a_monthly_cap_cuts_a_recharge_to_what_it_leaves() -> None:
    options: Row = {"recharge": ("50", "200"), "recharge_cap_per_month": "260"}
    rows = [row("a", "05-04 10:00", 30 * 60), row("b", "05-05 10:00", 200 * 60)]
    done = charge(rows, deck=[rate("44", "1")], balance="50", **options)
    assert recharges(done) == [(at("05-04 10:30"), 200), (at("05-05 13:20"), 60)]


def test_a_recharge_at_the_opening_and_after_an_expiry() -> None:
    rule = {"enabled": True, "below": "10", "add": "30"}
    old = [{"at": "2025-05-04T11:00:00Z", "amount": "50"}]
    file = tenant(user("ana", "US", "MCOPSTNC"), purchases=old, auto_recharge=rule)
    done = charge([row("a"), free_call("b", at("05-04 12:00"))], deck=WORLD, tenant=file)
    assert recharges(done) == [(at("05-04 11:00"), 30)]
    poor = charge([row("a")], deck=WORLD, tenant=tenant(user("ana", "US", "MCOPSTNC"), auto_recharge=rule))
    assert recharges(poor) == [(at("05-04 10:00"), 30)]
    assert (poor.totals["opening_balance"], poor.totals["funded"]) == (0, 30 * ONE)


HOURS = [row("a", "05-04 10:00", 130 * 60), row("b", "05-04 13:00", 30 * 60), row("c", "05-06 10:00", 60)]
"""130.00, 30.00 and 1.00 at 1 a minute, from 100.00: -30.00 are left at 12:10."""


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"below": "50", "target": "90"}, [("05-04 12:10", 120)]),
        ({"below": "50", "target": "60", "least": "95"}, [("05-04 12:10", 95), ("05-04 13:30", 95)]),
        ({"below": "50", "add": "100", "most": "60"}, [("05-04 12:10", 60)] * 2),
        (
            {"below": "50", "add": "100", "most": "60", "cool_down_s": 4_800},  # ends with the second call
            [("05-04 12:10", 60), ("05-04 13:30", 60)],
        ),
        (
            {"below": "50", "add": "100", "most": "60", "payments_a_day": 1},
            [("05-04 12:10", 60), ("05-05 12:10", 60)],
        ),
        ({"below": "50", "target": "400", "cap_per_month": "185.009"}, [("05-04 12:10", 185)]),
    ],
)
def test_the_whole_rule(rule: Row, expected: list[tuple[str, int]]) -> None:
    lots = bought(("05-01 00:00", "100"))
    file = tenant(user("ana", "US", "MCOPSTNC"), purchases=lots, auto_recharge={"enabled": True} | rule)
    done = charge(HOURS, deck=[rate("44", "1")], tenant=file)
    assert recharges(done) == [(at(when), amount) for when, amount in expected]


# --- modes and caps --------------------------------------------------------------------------------

HOUR = [row("a", duration_s=60), row("b", "05-04 11:00", 120 * 60), row("c", "05-05 10:00", 60)]


@pytest.mark.parametrize(
    ("enabled", "rule", "states"),
    [
        (True, None, [("charged", ONE, 0, ""), ("charged", 99 * ONE, 21 * ONE, ""), ("charged", 0, ONE, "")]),
        (
            False,
            None,
            [("charged", ONE, 0, ""), ("charged", 99 * ONE, 0, ""), ("blocked", 0, 0, "post_usage_off")],
        ),
        (True, ("50", "200"), [("blocked", 0, 0, "not_licensed")] * 3),
    ],
)
def test_under_mca(enabled: bool, rule: tuple[str, str] | None, states: list[Any]) -> None:
    file = tenant(
        user("ana", "US"), agreement="MCA", enabled=enabled, purchases=bought(("05-01 00:00", "100"))
    )
    done = charge(HOUR, deck=[rate("44", "1")], tenant=file, recharge=rule)
    assert told(done, "state", "credits", "post_usage", "reason") == states


def test_nothing_left_and_post_usage_off() -> None:
    file = tenant(
        user("ana", "US", "MCOPSTNC"), agreement="MCA", enabled=False, purchases=bought(("05-01 00:00", "1"))
    )
    done = charge(HOUR, deck=[rate("44", "1")], tenant=file)
    assert told(done, "reason") == ["", "post_usage_off", "post_usage_off"]


def test_the_account_of_the_subscriptions_decides_before_the_default() -> None:
    accounts = [{"id": "old", "agreement": "MOSA"}, {"id": "new", "agreement": "MCA"}]
    for subscription, plan, reason in (
        ("old", "MCOPSTN1", "no_credit"),
        ("new", "MCOPSTN1", ""),
        ("old", "MCOPSTNC", ""),  # no calling or conferencing subscription: the default account
    ):
        licences = [{"plan": plan, "purchased": 1, "billing_account": subscription}]
        file = tenant(
            user("ana", "US", "MCOPSTNC"), licences=licences, head={"default_billing_account": "new"}
        )
        done = charge([row()], deck=WORLD, tenant=file | {"billing_accounts": accounts})
        assert told(done, "reason") == [reason]


def test_spend_caps() -> None:
    people = [
        user(name, "US", "MCOPSTNC", cost_centre=centre)
        for name, centre in (("ana", "x"), ("bob", "x"), ("eve", "y"))
    ]
    people[0]["cap_per_month"] = "3"
    caps = [
        {"scope": "cost_centre", "id": "x", "amount": "6"},
        {"scope": "tenant", "id": "t", "amount": "9.5"},
    ]
    file = tenant(*people, caps=caps, purchases=RICH)
    calls = [
        ("ana", "05-04 10:00", 2),
        ("ana", "05-04 11:00", 2),
        ("ana", "05-04 12:00", 1),
        ("bob", "05-04 13:00", 2),
    ]
    calls += [
        ("bob", "05-04 14:00", 1),
        ("eve", "05-04 15:00", 3),
        ("eve", "05-04 16:00", 1),
        ("ana", "06-01 00:00", 1),
    ]
    rows = [row(str(n), when, minutes * 60, user=who) for n, (who, when, minutes) in enumerate(calls)]
    done = charge(rows, deck=[rate("44", "1")], tenant=file)
    # ana 4 of 3, the centre 6 of 6, the tenant 9 of 9.5: the next minute of each is refused, June is new
    assert told(done, "reason") == ["", "", "spend_cap", "", "spend_cap", "", "spend_cap", ""]


def test_a_listed_cap_of_a_user_is_his_alone() -> None:
    people = [user(name, "US", "MCOPSTNC") for name in ("ana", "bob")]
    file = tenant(*people, caps=[{"scope": "user", "id": "ANA", "amount": "0.03"}], purchases=RICH)
    rows = [row(f"{n}{who}", user=who) for n in range(3) for who in ("ana", "bob")]
    assert told(charge(rows, deck=WORLD, tenant=file), "reason") == ["", "", "spend_cap", "", "spend_cap", ""]


def test_a_service_numbers_cost_centre_comes_first() -> None:
    number = {"number": BRIDGE, "kind": "toll_free", "cost_centre": "desk"}
    caps = [{"scope": "cost_centre", "id": "desk", "amount": "0.05"}]
    file = tenant(user("ana", "US", cost_centre="x"), service_numbers=[number], caps=caps, purchases=RICH)
    rows = [row(name, call_type="conf_in", callee=BRIDGE, caller=US) for name in "abc"]
    done = charge(rows, deck=[rate("1800", "0.022", direction="inbound")], tenant=file)
    assert told(done, "state") == ["charged", "charged", "blocked"]


def test_totals_of_a_mixed_file() -> None:
    rows = [
        row("a", duration_s=61),
        row("b", call_type="user_in", duration_s=61),
        row("c", call_type="dr_out"),
    ]
    rows += [row("d", answered=False), row("e", callee=KENYA), row("f", callee="+449012345678")]
    totals = charge(rows, deck=WORLD, balance="10").totals
    names = ("calls", "answered", "not_answered", "blocked_calls", "unrated_calls", "recharges")
    assert [totals[name] for name in names] == [6, 5, 1, 1, 1, 0]
    kinds = ("billed", "free", "pool", "paid", "unrated", "blocked")
    assert [totals[f"{kind}_seconds"] for kind in kinds] == [360, 180, 0, 120, 60, 60]
    international = {"calls": 4, "billed_seconds": 180, "amount": 40_000}
    assert totals["by_category"]["calling_plan_international"] == international
    assert totals["closing_balance"] == micros("9.96")


def test_an_empty_file() -> None:
    done = charge([], deck=WORLD, balance="10")
    assert (done.rows, done.totals["calls"], done.totals["closing_balance"]) == ([], 0, 10 * ONE)
