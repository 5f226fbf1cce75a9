"""The settlement loop at its edges: what comes first at one instant, which lot, which month, whose cap.

Every scene is a file of a few calls at 0.06 a minute by the second: a second costs 1,000 micros.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.accounts.tenant import Cap, Purchase, ServiceNumber, Tenant
from talktime.bulk.result import Run
from talktime.bulk.state import EXPIRY, PURCHASE, RECHARGE, REPAID
from tests.bulk.charged import (
    ABROAD,
    DOMESTIC_TO,
    SPENDS,
    by_second,
    call,
    charged,
    column,
    deck,
    recharge,
    shown,
    tenant,
    us,
    user,
)
from tests.bulk.months import month_of, settle_month

ANA = user("ana", SPENDS)
UNIT = 1_000_000
BRIDGE = "+18005550100"


def free(start: str) -> dict[str, Any]:
    """A free call that ends a second after its start: it lets the run reach that instant."""
    return call(start, 1, call_type="user_in")


def when(run: Run, *kinds: str) -> list[tuple[int, str, int]]:
    """Instant, kind and amount of the movements of these kinds."""
    return [(m.at_us, m.kind, m.amount) for m in run.movements if m.kind in kinds]


# --- lots ------------------------------------------------------------------------------------------


def test_lots_of_one_instant_are_drawn_by_their_id() -> None:
    at_us = us("2026-03-01 00:00")
    who = Tenant(
        "t",
        "T",
        "US",
        "USD",
        users=(ANA,),
        purchases=(Purchase("b", at_us, 50_000), Purchase("a", at_us, 20_000)),
    )
    assert column(charged(who, [call("2026-05-01 10:00", 50)]), "lots") == ["a=0.02;b=0.03"]


def test_a_lot_of_the_leap_day_may_expire_before_an_older_one() -> None:
    """29 February 10:00 expires on 28 February 10:00, before what was bought on 28 February at 12:00."""
    who = tenant(ANA, lots=[("2028-02-28 12:00", "1"), ("2028-02-29 10:00", "2")])
    calls = [free("2028-03-01 00:00"), free("2029-02-28 10:30"), call("2029-02-28 11:00", 60)]
    run = charged(who, [*calls, free("2029-02-28 12:00")])
    assert when(run, "expiry") == [
        (us("2029-02-28 10:00"), "expiry", 2 * UNIT),
        (us("2029-02-28 12:00"), "expiry", UNIT - 60_000),
    ]


def test_a_lot_pays_only_for_calls_that_end_before_it_expires() -> None:
    who = tenant(ANA, lots=[("2025-05-04 10:01", "50")])
    run = charged(who, [call("2026-05-04 10:00", 59), call("2026-05-04 10:00", 60)])
    assert shown(run, "state", "reason") == [("charged", ""), ("blocked", "credits_expired")]
    assert run.totals.forfeited == 50 * UNIT - 59_000


@pytest.mark.parametrize(
    ("lots", "opening", "reason"),
    [
        ([], 0, "no_credit"),
        ([("2025-05-03 00:00", "50")], 0, "credits_expired"),  # what emptied the wallet was an expiry
        ([("2025-05-03 00:00", "50"), ("2026-05-01 00:00", "0.0001")], 100, "no_credit"),  # not nothing
        ([("2027-01-01 00:00", "50")], 0, "no_credit"),  # not bought yet
        ([("2026-05-04 10:00", "50")], 50 * UNIT, ""),  # funding comes first
    ],
)
def test_what_a_file_opens_with(lots: list[tuple[str, str]], opening: int, reason: str) -> None:
    run = charged(tenant(ANA, lots=lots), [call("2026-05-04 10:00", 60)])
    assert (run.totals.opening_balance, run.totals.forfeited) == (opening, 0)
    assert column(run, "reason") == [reason]


def test_a_lot_that_expires_with_the_first_call_opens_the_file_and_is_gone_at_once() -> None:
    run = charged(tenant(ANA, lots=[("2025-05-04 10:00", "50")]), [call("2026-05-04 10:00", 60)])
    assert (run.totals.opening_balance, run.totals.forfeited) == (50 * UNIT, 50 * UNIT)
    assert column(run, "reason") == ["credits_expired"]


def test_an_expiry_may_take_the_balance_to_zero() -> None:
    run = charged(
        tenant(ANA, lots=[("2025-05-04 10:00", "50")]), [free("2026-05-04 09:00"), free("2026-05-04 10:00")]
    )
    assert when(run, "balance_zero") == [(us("2026-05-04 10:00"), "balance_zero", 0)]
    assert run.totals.money_ran_out_at_us is None  # no call took it


# --- one instant -----------------------------------------------------------------------------------


def test_a_purchase_of_an_instant_keeps_its_expiry_from_emptying_the_wallet() -> None:
    who = tenant(ANA, lots=[("2025-05-04 10:00", "50"), ("2026-05-04 10:00", "70")])
    run = charged(who, [free("2026-05-04 09:00"), call("2026-05-04 09:59", 60)])
    assert when(run, "purchase", "expiry", "balance_zero") == [
        (us("2026-05-04 10:00"), "purchase", 70 * UNIT),
        (us("2026-05-04 10:00"), "expiry", 50 * UNIT),
    ]


def test_a_purchase_at_the_month_start_makes_a_recharge_needless() -> None:
    """The cap opens again at the month's start, but what was bought at that instant is looked at first."""
    rule = recharge("20", "60", cap="0")
    lots = [("2026-05-01 00:00", "10"), ("2026-06-01 00:00", "30")]
    run = charged(
        tenant(ANA, lots=lots, auto_recharge=rule), [free("2026-05-04 00:00"), free("2026-06-02 00:00")]
    )
    assert when(run, "recharge") == []
    rule = recharge("20", "60", cap="60")
    calls = [call("2026-05-04 10:00", 2_000), call("2026-05-05 10:00", 60_000), free("2026-06-02 00:00")]
    lots = [("2026-05-01 00:00", "21"), ("2026-06-01 00:00", "30")]
    run = charged(tenant(ANA, lots=lots, auto_recharge=rule), calls)
    assert when(run, "recharge") == [(us("2026-05-04 10:33:20"), "recharge", 60 * UNIT)]
    assert run.totals.closing_balance == 49 * UNIT


def test_a_cap_opens_again_where_the_tenants_month_begins() -> None:
    rule = recharge("60", "60", cap="60")
    who = tenant(ANA, lots=[("2026-05-01 00:00", "60")], auto_recharge=rule, time_zone="America/New_York")
    calls = [call("2026-05-04 10:00", 1_000), call("2026-05-05 10:00", 60_000), free("2026-06-01 03:59")]
    run = charged(who, [*calls, free("2026-06-01 04:00")])
    assert when(run, "recharge", "recharge_capped") == [
        (us("2026-05-04 10:16:40"), "recharge", 60 * UNIT),
        (us("2026-05-06 02:40"), "recharge_capped", 0),
        (us("2026-06-01 04:00"), "recharge", 60 * UNIT),
    ]


def test_settlement_order_is_the_end_then_the_identity_by_bytes() -> None:
    calls = [call("2026-05-04 10:00", 60, id=name) for name in ("b", "B", "é", "z")]
    calls += [call("2026-05-04 09:00", 3_661, id="late"), call("2026-05-04 10:00", 1, id="early")]
    assert column(charged(tenant(ANA), calls), "id") == ["early", "B", "b", "z", "é", "late"]


# --- recharge --------------------------------------------------------------------------------------


def test_a_recharge_at_the_opening_and_after_an_expiry() -> None:
    rule = recharge("10", "60")
    poor = charged(tenant(ANA, auto_recharge=rule), [call("2026-05-04 10:00", 60)])
    assert when(poor, "recharge") == [(us("2026-05-04 10:00"), "recharge", 60 * UNIT)]
    assert (poor.totals.opening_balance, poor.totals.funded) == (0, 60 * UNIT)
    who = tenant(ANA, lots=[("2025-05-04 11:00", "50")], auto_recharge=rule)
    run = charged(who, [call("2026-05-04 10:00", 60), free("2026-05-04 12:00")])
    assert when(run, "recharge") == [(us("2026-05-04 11:00"), "recharge", 60 * UNIT)]


def test_a_recharged_lot_expires_on_the_clock_of_its_tenant() -> None:
    """Bought in winter at 23:30 in Berlin on the eve of the leap day a year on."""
    who = tenant(ANA, auto_recharge=recharge("10", "60"), time_zone="Europe/Berlin")
    run = charged(
        who, [call("2027-02-28 22:30", 60), free("2028-02-28 22:29:58"), free("2028-02-28 22:29:59")]
    )
    assert run.lots[0].expires_at_us == us("2028-02-28 22:30")
    assert when(run, "expiry") == [(us("2028-02-28 22:30"), "expiry", 60 * UNIT - 60_000)]


# --- caps ------------------------------------------------------------------------------------------


def test_a_cap_counts_a_call_in_the_month_of_its_start() -> None:
    who = tenant(ANA, lots=[("2026-03-01 00:00", "100")], caps=(Cap("tenant", "t", 100_000),))
    calls = [call("2026-05-31 23:59", 120), call("2026-06-01 00:30", 60), call("2026-05-31 23:59:30", 3_600)]
    assert column(charged(who, calls), "reason") == ["", "", "spend_cap"]


def test_a_service_numbers_cost_centre_comes_first() -> None:
    prices = deck(by_second("1800", "0.06", direction="inbound"))
    who = tenant(
        user("ana", cost_centre="x"),
        lots=[("2026-03-01 00:00", "100")],
        service_numbers=(ServiceNumber(BRIDGE, "toll_free", cost_centre="desk"),),
        caps=(Cap("cost_centre", "desk", 60_000), Cap("cost_centre", "x", 0)),
    )
    calls = [call(f"2026-05-04 1{n}:00", 60, to=BRIDGE, call_type="conf_in") for n in range(3)]
    run = charged(who, calls, prices)
    assert shown(run, "reason", "cost_centre") == [("", "desk"), ("spend_cap", "desk"), ("spend_cap", "desk")]


def test_free_and_pool_seconds_touch_no_cap() -> None:
    ana = user("ana", "MCOPSTN5", SPENDS, cap_per_month_micros=0)
    who = tenant(ana, lots=[("2026-03-01 00:00", "100")])
    calls = [
        call("2026-05-04 10:00", 60, to=DOMESTIC_TO),
        free("2026-05-04 11:00"),
        call("2026-05-04 12:00", 60),
    ]
    assert shown(charged(who, calls), "state", "reason") == [
        ("charged", ""),
        ("free", ""),
        ("blocked", "spend_cap"),
    ]


# --- who calls -------------------------------------------------------------------------------------


def test_a_resource_account_calls_from_the_country_of_its_number() -> None:
    """Its plan's pool pays for calls within that country, wherever the tenant is."""
    desk = ServiceNumber("+442079460123", "toll", licences=user("x", "MCOPSTN5").licences)
    who = tenant(ANA, service_numbers=(desk,), lots=[("2026-03-01 00:00", "100")])
    calls = [
        call(f"2026-05-04 1{n}:00", 60, who="", to=to, call_type="ucap_out", caller="+442079460123")
        for n, to in enumerate((ABROAD, DOMESTIC_TO))
    ]
    run = charged(who, calls)
    assert shown(run, "category", "funding", "location") == [
        ("voice_app_outbound", "pool", "GB"),
        ("voice_app_outbound", "credits", "GB"),
    ]


def test_two_pools_in_a_chain_pay_one_after_the_other() -> None:
    who = tenant(user("ana", "MCOMEETADD", "MCOMEETADD_SELECT", SPENDS), lots=[("2026-03-01 00:00", "100")])
    calls = [call(f"2026-05-04 1{n}:00", 50 * 60, to=DOMESTIC_TO, call_type="conf_out") for n in range(3)]
    run = charged(who, calls)
    assert shown(run, "pool", "paid_seconds", "pool_left_seconds") == [
        ("MCOMEETADD conferencing 2026-05=3000", 0, 600),
        ("MCOMEETADD conferencing 2026-05=600;MCOMEETADD_SELECT conferencing 2026-05=2400", 0, 1_200),
        ("MCOMEETADD_SELECT conferencing 2026-05=1200", 1_800, 0),
    ]
    assert [(p.at_80_us, p.at_100_us) for p in run.pools] == [
        (us("2026-05-04 10:50"), us("2026-05-04 11:50")),
        (us("2026-05-04 12:50"), us("2026-05-04 12:50")),
    ]


# --- any month -------------------------------------------------------------------------------------


@given(st.integers(0, 2**32))
def test_money_and_seconds_are_conserved_in_any_month(seed: int) -> None:
    """Whatever happens, nothing is lost: wallets, lots, pools and caps against what the rows say."""
    month = month_of(seed, 60)
    opening = sum(month.wallets.balance)
    entries = settle_month(month, 5_000)
    charges, wallets = month.charges, month.wallets
    logged = [(kind, amount) for kind, _, _, _, _, amount, _ in entries]
    funded = sum(amount for kind, amount in logged if kind in (PURCHASE, RECHARGE))
    forfeited = sum(amount for kind, amount in logged if kind == EXPIRY)
    repaid = sum(amount for kind, amount in logged if kind == REPAID)
    assert sum(charges.amount) == sum(charges.credits) + sum(charges.post_usage) + sum(charges.overdraft)
    assert sum(wallets.overdraft) == sum(charges.overdraft) - repaid
    closing = opening + funded - forfeited - sum(charges.credits) - sum(charges.overdraft)
    assert sum(wallets.balance) == closing
    assert sum(month.lots.left) == sum(wallets.balance) + sum(wallets.overdraft)
    assert sum(month.pools.used_s) == sum(charges.pool_s)
    assert sum(charges.recharge) <= funded
    assert min(month.lots.left) >= 0


@given(st.integers(0, 2**32))
def test_what_a_month_costs_hangs_on_no_room(seed: int) -> None:
    """The loop stops where its log is full and goes on from there."""
    tight, wide = month_of(seed, 60), month_of(seed, 60)
    assert settle_month(tight, 90) == settle_month(wide, 9_000)
    assert tight == wide
