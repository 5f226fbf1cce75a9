"""What fits together in a run, and what its options change (rulings.md 3)."""

from __future__ import annotations

from typing import Any

import pytest

from talktime.accounts.tenant import unstated_tenant
from talktime.bulk.run import Options, RefusedRun
from talktime.core.money import parse_money
from tests.bulk.charged import ABROAD, SPENDS, call, charged, column, recharge, shown, tenant, user

UNIT = 1_000_000
NOBODY = unstated_tenant("US", "USD")
A_CALL = [call("2026-03-02 10:00", 60)]


@pytest.mark.parametrize(
    ("calls", "options", "told"),
    [
        ([], {}, "no row of the usage can be used"),
        (A_CALL, {"treat_as": "gold"}, "--treat-as 'gold' is not known; the catalogue has calling_plan"),
        (A_CALL, {"recharge_below": 1}, "--recharge-below and --recharge-add go together"),
        (A_CALL, {"recharge_add": 1}, "--recharge-below and --recharge-add go together"),
        (A_CALL, {"recharge_below": 1, "recharge_add": 1}, "need --balance or a tenant file"),
    ],
)
def test_what_does_not_fit_together_is_refused(calls: list[Any], options: dict[str, Any], told: str) -> None:
    with pytest.raises(RefusedRun, match=told):
        charged(NOBODY, calls, options=Options(**options))


def test_a_balance_opens_one_lot_and_replaces_the_purchases() -> None:
    who = tenant(user("ana", SPENDS), lots=[("2026-03-01 00:00", "50"), ("2026-03-02 10:00:30", "70")])
    run = charged(who, A_CALL, options=Options(balance=3 * UNIT))
    assert [(lot.id, lot.origin, lot.amount) for lot in run.lots] == [("opening", "opening", 3 * UNIT)]
    assert (run.totals.opening_balance, run.totals.funded) == (3 * UNIT, 0)


def test_without_money_everything_that_costs_is_blocked() -> None:
    run = charged(NOBODY, A_CALL, options=Options(balance=0))
    assert shown(run, "state", "reason") == [("blocked", "no_credit")]
    assert (run.totals.opening_balance, run.lots) == (0, ())


def test_recharge_options_win_over_the_tenant_file() -> None:
    who = tenant(user("ana", SPENDS), lots=[("2026-03-01 00:00", "1")], auto_recharge=recharge("10", "60"))
    options = Options(recharge_below=parse_money("1"), recharge_add=parse_money("75"))
    run = charged(who, A_CALL, options=options)
    assert [(m.kind, m.amount) for m in run.movements] == [("opening", UNIT), ("recharge", 75 * UNIT)]


def test_calls_of_another_carrier_are_rated_as_if_they_were_ours() -> None:
    """`--treat-as`: an emergency stays one, what comes in is included, the operator's name says nothing."""
    calls = [
        call("2026-03-02 10:00", 60, call_type="dr_out"),
        call("2026-03-02 11:00", 60, call_type="byotout", operator="telstra"),
        call("2026-03-02 12:00", 60, call_type="dr_in"),
        call("2026-03-02 13:00", 60, call_type="dr_emergency_out", to="112"),
        call("2026-03-02 14:00", 60, operator="telstra"),
    ]
    assert set(column(charged(NOBODY, calls), "state")) == {"carried_by_operator"}
    moved = charged(NOBODY, calls, options=Options(treat_as="calling_plan"))
    assert shown(moved, "category", "amount") == [
        ("calling_plan_international", 60_000),
        ("calling_plan_international", 60_000),
        ("included_inbound", 0),
        ("emergency", 0),
        ("carried_by_operator", 0),  # not a row that is treated as another
    ]
    assert column(moved, "operator")[1] == "telstra"  # the report shows the file's word
    assert ABROAD in column(moved, "callee")
