"""Sums of a run: the identities of rulings.md 4, and that a run which breaks one is not reported."""

from __future__ import annotations

from dataclasses import replace

import pytest

from talktime.bulk.result import Run
from talktime.bulk.totals import DoesNotReconcile, reconcile
from tests.bulk.charged import SPENDS, by_minute, call, charged, deck, tenant, us, user

UNIT = 1_000_000


def a_mixed_file() -> Run:
    """One call of each fate: pool, pool and money, owed, free, carried, blocked, unrated, not answered."""
    who = tenant(
        user("ana", "MCOPSTN5", SPENDS),
        lots=[("2025-03-02 12:00", "5"), ("2026-03-01 00:00", "1"), ("2026-03-03 00:00", "2")],
    )
    us_number, uk, nowhere = "+14255550100", "+442079460000", "+6493001234"
    calls = [
        call("2026-03-02 08:00", 60, to=us_number),
        call("2026-03-02 09:00", 120 * 60, to=us_number),
        call("2026-03-02 13:00", 150, to=uk),
        call("2026-03-02 14:00", 1, call_type="user_in"),
        call("2026-03-02 15:00", 61, call_type="dr_out"),
        call("2026-03-02 16:00", 60, to="+449012345678"),
        call("2026-03-02 17:00", 119, to=nowhere),
        call("2026-03-02 18:00", 0, to=uk),
        call("2026-03-04 10:00", 60, to=uk),
    ]
    return charged(who, calls, deck(by_minute("1", "0.5"), by_minute("44", "0.5")))


def test_totals_of_a_mixed_file() -> None:
    t = a_mixed_file().totals
    assert (t.calls, t.answered, t.not_answered) == (9, 8, 1)
    assert (t.free_calls, t.pool_only_calls, t.paid_calls, t.unrated_calls, t.blocked_calls) == (
        2,
        1,
        3,
        1,
        1,
    )
    assert (t.billed_s, t.blocked_s) == (60 + 7_200 + 180 + 60 + 120 + 120 + 60, 60)
    assert (t.free_s, t.pool_s, t.paid_s, t.unrated_s) == (180, 7_200, 60 + 180 + 60, 120)
    assert t.amount == 500_000 + 1_500_000 + 500_000
    # of 5, a minute beyond the pool is paid at 11, the rest expires at noon; 1 pays for two of three minutes
    assert (t.opening_balance, t.funded, t.forfeited) == (6 * UNIT, 2 * UNIT, 4_500_000)
    assert (t.credits, t.overdraft, t.overdraft_repaid, t.closing_balance) == (2_500_000, 0, 500_000, UNIT)
    assert t.money_ran_out_at_us == us("2026-03-02 13:02:30")
    assert {name: (c.calls, c.amount) for name, c in t.by_category.items()}["included_inbound"] == (1, 0)
    assert sum(category.calls for category in t.by_category.values()) == 9


def test_a_sum_that_does_not_add_up_is_told_by_its_identity() -> None:
    run = a_mixed_file()
    good = run.totals
    reconcile(good, run.lots, run.pools)
    for changed, told in (
        (replace(good, not_answered=2), "calls = answered"),
        (replace(good, free_calls=1), "answered = free"),
        (replace(good, paid_s=good.paid_s + 1), "billed = free"),
        (replace(good, post_usage=1), "amount = credits"),
        (replace(good, by_category={}), "amount = sum of the categories"),
        (replace(good, forfeited=0), "opening [+] funded"),
    ):
        with pytest.raises(DoesNotReconcile, match=told):
            reconcile(changed, run.lots, run.pools)
    with pytest.raises(DoesNotReconcile, match="lots drawn = credits"):
        reconcile(good, run.lots[:-1], run.pools)
    with pytest.raises(DoesNotReconcile, match="pool seconds = use of the pools"):
        reconcile(good, run.lots, ())


def test_without_a_wallet_there_is_none_to_reconcile() -> None:
    run = a_mixed_file()
    asked = replace(run.totals, opening_balance=None, funded=None, forfeited=None, closing_balance=None)
    reconcile(asked, (), run.pools)
