"""The way to post-usage: what stands against it for each kind of tenant, and how the balance would end.

The dry run is compared with one that spends every hour by itself.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.accounts.tenant import CSP, MCA, MOSA, AutoRecharge, BillingAccount, Subscription, Tenant
from talktime.catalog.load import load_catalogue
from talktime.core.alerts import DAY_US
from talktime.core.modes import Mode
from talktime.insight.post_usage import (
    AUTO_RECHARGE_ON,
    NO_MCA_ACCOUNT,
    POST_USAGE_OFF,
    SUBSCRIPTIONS_ELSEWHERE,
    Course,
    HeldLot,
    Way,
    course,
    courses,
    dry_run,
    ends,
    held_lots,
    way_to_post_usage,
)
from talktime.ledger.reading import KeptLot, KeptWallet
from talktime.ledger.records import Standing

NOW_US = 20_000 * DAY_US
NEW = BillingAccount("new", MCA, "US")
OLD = BillingAccount("old", MOSA, "US")
PARTNER = BillingAccount("partner", CSP, "US")
ON = AutoRecharge(enabled=True, below_micros=100_000_000, add_micros=200_000_000)


def tenant(
    *accounts: BillingAccount, default: str = "", plans: tuple[str, ...] = (), **more: object
) -> Tenant:
    """`plans`: the account of each subscription of a calling plan, then of conferencing."""
    bought = tuple(
        Subscription(plan, 5, account)
        for plan, account in zip(("MCOPSTN1", "MCOMEETADD"), plans, strict=False)
    )
    return replace(
        Tenant("contoso", "Contoso", "US", "USD"),
        billing_accounts=accounts,
        default_billing_account=default or accounts[0].id,
        subscriptions=bought,
        **more,  # type: ignore[arg-type]
    )


def way(who: Tenant, balance: int = 40_000_000, standing: Standing | None = None) -> Way:
    found = dry_run([HeldLot(1, max(balance, 0), NOW_US + 30 * DAY_US)], [], NOW_US, "UTC")
    return way_to_post_usage(who, load_catalogue(), balance, standing or Standing(), found)


def test_way_of_each_kind_of_tenant() -> None:
    off = replace(NEW, post_usage_enabled=False)
    table = [
        # who, what stands against it, mode now
        (tenant(NEW, plans=("new", "new")), [], Mode.DRAINING),
        (tenant(NEW), [], Mode.DRAINING),
        (tenant(NEW, plans=("new",), auto_recharge=ON), [AUTO_RECHARGE_ON], Mode.PREPAID),
        (tenant(OLD, plans=("old",)), [NO_MCA_ACCOUNT], Mode.PREPAID),
        (tenant(PARTNER, plans=("partner",)), [NO_MCA_ACCOUNT], Mode.PREPAID),
        (tenant(OLD, NEW, plans=("old",)), [SUBSCRIPTIONS_ELSEWHERE], Mode.PREPAID),
        (tenant(OLD, NEW), [SUBSCRIPTIONS_ELSEWHERE], Mode.PREPAID),
        (tenant(OLD, NEW, plans=("new", "old")), [], Mode.DRAINING),
        (tenant(off, plans=("new",)), [POST_USAGE_OFF], Mode.DRAINING),
        (
            tenant(OLD, off, plans=("old",), auto_recharge=ON),
            [AUTO_RECHARGE_ON, SUBSCRIPTIONS_ELSEWHERE, POST_USAGE_OFF],
            Mode.PREPAID,
        ),
    ]
    for who, against, now in table:
        found = way(who)
        assert ([one.code for one in found.against], found.mode) == (against, now)
        assert found.can_switch == (not against)
        assert all(one.why.endswith(".") and one.remedy.endswith(".") for one in found.against)


@pytest.mark.parametrize(("enabled", "ends"), [(True, Mode.POST_USAGE), (False, Mode.NO_FUNDING)])
def test_mode_once_nothing_is_left(enabled: bool, ends: Mode) -> None:
    who = tenant(replace(NEW, post_usage_enabled=enabled))
    assert (way(who, 0).mode, way(who, -5).mode, way(who, 1).mode) == (ends, ends, Mode.DRAINING)


def test_warning_is_told_where_auto_recharge_is_on_under_mca() -> None:
    under_mca = way(tenant(NEW, auto_recharge=ON))
    assert [warning.id for warning in under_mca.warnings] == ["recharge_under_mca"]
    assert "for ever" in under_mca.warnings[0].says
    assert not way(tenant(OLD, auto_recharge=ON)).warnings
    assert not way(tenant(NEW)).warnings


def test_offenders_and_notes_are_named() -> None:
    (elsewhere,) = way(tenant(OLD, NEW, plans=("old",))).against
    assert 'MCOPSTN1 is billed to "old" (MOSA)' in elsewhere.why
    (split,) = way(tenant(OLD, NEW, plans=("new", "old"))).notes
    assert split.startswith('MCOMEETADD is billed to "old" (MOSA)')
    (waits,) = way(tenant(NEW), standing=Standing(attempt="P-contoso-000003")).notes
    assert "P-contoso-000003" in waits
    (empty,) = way(tenant(NEW), 0).notes
    assert "at once" in empty


def test_dry_run_in_figures() -> None:
    lots = [HeldLot(1, 10_000_000, NOW_US + 5 * DAY_US), HeldLot(2, 50_000_000, NOW_US + 100 * DAY_US)]
    table = [
        # micros paid in how many days; the end in days from now; spent, forfeited
        ((28_000_000, 28), 55, 55_000_000, 5_000_000),  # 1 a day: lot 1 loses 5, lot 2 lasts 50 days
        ((14_000_000, 7), 30, 60_000_000, 0),  # 2 a day: lot 1 is spent up as it expires
        ((70_000_000, 7), 6, 60_000_000, 0),
        ((0, 28), 100, 0, 60_000_000),  # nothing is spent: all of it expires
        ((-7_000_000, 7), 100, 0, 60_000_000),  # corrections took back more than was paid
        ((2_800_000, 28), 100, 10_000_000, 50_000_000),
    ]
    for (paid, days), ends_days, spent, forfeited in table:
        found = course(lots, paid, days, NOW_US)
        assert found.ends_us == NOW_US + ends_days * DAY_US
        assert (found.spent, found.forfeited) == (spent, forfeited)


def test_lot_that_expires_first_is_named() -> None:
    found = course([HeldLot(7, 10_000_000, NOW_US + DAY_US)], 28_000_000, 28, NOW_US)
    assert found.expiring == ((7, 9_000_000, NOW_US + DAY_US),)
    assert found.burn == 1_000_000


def test_nothing_left_ends_now() -> None:
    assert course([], 28_000_000, 28, NOW_US) == Course(28, 1_000_000, NOW_US, 0, 0, ())


def test_two_edges_are_of_28_and_of_7_full_days() -> None:
    days = [(19_971, 1_000), (19_972, 28), (19_992, 280), (19_993, 7), (19_999, 70), (20_000, 5_000)]
    month, week = courses([HeldLot(1, 1_000, NOW_US + 300 * DAY_US)], days, 20_000, NOW_US)
    assert (month.days, month.burn) == (28, 14)  # 385 / 28 = 13.75
    assert (week.days, week.burn) == (7, 11)
    assert month.ends_us < week.ends_us


def test_day_on_which_nothing_is_left_is_the_forecast() -> None:
    even = [(day, 10) for day in range(19_972, 20_000)]
    late = NOW_US + 300 * DAY_US
    table = [
        # lots, what was paid, the first, the likely and the last day from today
        ([HeldLot(1, 105, late)], even, (10, 10, 10)),
        ([HeldLot(1, 105, NOW_US + 5 * DAY_US)], even, (5, 5, 5)),  # expires before
        ([HeldLot(1, 105, NOW_US + 5 * DAY_US), HeldLot(2, 15, late)], even, (6, 6, 6)),
        ([HeldLot(1, 105, late)], even[:1], (5, 10, 21)),  # of one day half and double is said
        ([HeldLot(1, 105, late)], [], (300, 300, 300)),  # nothing is spent: all of it expires
        ([], even, (0, 0, 0)),
    ]
    for lots, paid, days in table:
        now_us = NOW_US if len(paid) != 1 else NOW_US - 27 * DAY_US
        assert tuple(each - now_us // DAY_US for each in ends(lots, paid, now_us, "UTC")) == days


LOTS = st.lists(st.tuples(st.integers(0, 500), st.integers(1, 200)), max_size=5)


def hour_by_hour(lots: list[HeldLot], an_hour: int) -> tuple[int, int, int]:
    """(hours until nothing is left, spent, forfeited), where a lot gives `an_hour` micros each hour."""
    held = [list(lot) for lot in lots]
    spent = forfeited = hour = 0
    while True:
        for lot in held:
            if lot[2] <= NOW_US + hour * DAY_US // 24:
                forfeited += lot[1]
                lot[1] = 0
        if not any(lot[1] for lot in held):
            return hour, spent, forfeited
        left = an_hour
        for lot in held:
            drawn = min(left, lot[1])
            lot[1] -= drawn
            left -= drawn
            spent += drawn
        hour += 1


@given(LOTS, st.integers(0, 40))
def test_dry_run_agrees_with_one_hour_by_hour(drawn: list[tuple[int, int]], an_hour: int) -> None:
    """Lots hold whole hours of spending here, so the slow way is exact; it draws a lot's last hour whole."""
    expiries = sorted(NOW_US + hours * DAY_US // 24 for _, hours in drawn)
    amounts = [hours * max(an_hour, 1) for hours, _ in drawn]
    lots = [HeldLot(at, *each) for at, each in enumerate(zip(amounts, expiries, strict=True), 1)]
    found = course(lots, an_hour * 24 * 7, 7, NOW_US)
    hours, spent, forfeited = hour_by_hour(lots, an_hour)
    assert found.ends_us == NOW_US + hours * DAY_US // 24
    assert (found.spent, found.forfeited) == (spent, forfeited)


@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(-10, 400 * DAY_US)), max_size=6),
    st.integers(-(10**6), 10**10),
    st.integers(0, 10**9),
)
def test_what_lots_hold_is_spent_or_forfeited(drawn: list[tuple[int, int]], paid: int, more: int) -> None:
    lots = [HeldLot(at, left, NOW_US + us) for at, (left, us) in enumerate(drawn, 1)]
    found, faster = course(lots, paid, 28, NOW_US), course(lots, paid + more, 28, NOW_US)
    held = sum(lot.left for lot in lots)
    assert found.spent + found.forfeited == held == faster.spent + faster.forfeited
    assert sum(each.micros for each in found.expiring) == found.forfeited
    last = max((lot.expires_us for lot in lots if lot.left), default=NOW_US)
    assert NOW_US <= found.ends_us <= max(last, NOW_US)
    assert faster.spent >= found.spent


def test_what_is_owed_is_paid_out_of_the_lots_before_the_dry_run() -> None:
    lots = tuple(
        KeptLot(number, 0, NOW_US + 30 * DAY_US, 9_000_000, "purchase", "", left, 0)
        for number, left in ((1, 2_000_000), (2, 5_000_000))
    )
    wallet = KeptWallet("t", "USD", "UTC", 4_000_000, 3_000_000, 0, 1, NOW_US, lots)
    assert [(lot.lot, lot.left) for lot in held_lots(wallet)] == [(1, 0), (2, 4_000_000)]
    long, _ = dry_run(held_lots(wallet), [], NOW_US, "UTC").courses
    assert (long.spent, long.forfeited) == (0, wallet.balance)
