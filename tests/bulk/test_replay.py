"""Usage that is charged again under other settings gives what charging it afresh gives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from talktime.accounts.tenant import BillingAccount, Cap, Guards, Tenant
from talktime.bulk.options import NO_OPTIONS, Options, RefusedRun
from talktime.bulk.prepare import Prepared, prepare
from talktime.bulk.replay import Replay
from talktime.bulk.run import charge
from talktime.catalog.load import load_catalogue
from talktime.core.deck import Deck
from tests.bulk.charged import ABROAD, SPENDS, by_minute, call, deck, recharge, tenant, user
from tests.tables import usage_of

CATALOGUE = load_catalogue()
DEAR = deck(by_minute("1", "0.10"), by_minute("44", "0.20", fee_micros=500))
ANA, BOB = user("ana", SPENDS, "MCOPSTN5"), user("bob", SPENDS, "MCOPSTN1")
CALLS: list[dict[str, Any]] = [
    call("2026-03-02 10:00", 90, id="b"),
    call("2026-03-02 10:00", 90, id="a"),
    call("2026-03-02 10:00", 90, id="a"),
    call("2026-03-05 09:00", 7_000, to="+14255550100", id="c"),
    call("2026-03-06 09:00", 1_000, to="+14255550100", id="d"),
    call("2026-03-07 09:00", 0, id="e", answered=False),
    call("2026-03-08 09:00", 61, "bob", "+99912345", id="f"),
    call("2026-03-09 09:00", 61, "bob", "112", call_type="emergency_out", id="g"),
    call("2026-04-01 09:00", 3_600, "bob", id="h"),
]
PLENTY = Options(balance=50_000_000)
OTHER_PLANS = tenant(user("ana", SPENDS), user("bob", SPENDS, "MCOPSTN2"))
OWN_LOTS = tenant(ANA, BOB, lots=[("2026-03-02 10:00", "1")], auto_recharge=recharge("1", "2"))
CAPPED = tenant(ANA, BOB, caps=(Cap("tenant", "t", 300_000),))
MCA = tenant(
    user("ana"), BOB, billing_accounts=(BillingAccount("a", "MCA", "US"),), default_billing_account="a"
)
BARS = tenant(ANA, BOB, guards=Guards(barred_prefixes=("44",)))
RUNS: list[tuple[str, Tenant, Deck, Options]] = [
    ("today", tenant(ANA, BOB), deck(), PLENTY),
    ("other plans", OTHER_PLANS, deck(), PLENTY),
    ("another deck", tenant(ANA, BOB), DEAR, PLENTY),
    ("money that runs out", tenant(ANA, BOB), DEAR, Options(balance=500_000)),
    ("own lots and rule", OWN_LOTS, DEAR, NO_OPTIONS),
    ("a cap", CAPPED, DEAR, PLENTY),
    ("no licence", tenant(user("ana"), BOB), DEAR, PLENTY),
    ("no licence is asked under MCA", MCA, DEAR, PLENTY),
    ("a number that is barred", BARS, DEAR, PLENTY),
]


@pytest.fixture(scope="module")
def replay() -> Replay:
    return Replay(usage_of(CALLS), tenant(ANA, BOB), CATALOGUE, deck())


@pytest.mark.parametrize(("who", "prices", "options"), [each[1:] for each in RUNS], ids=[r[0] for r in RUNS])
def test_a_replay_is_the_run(replay: Replay, who: Tenant, prices: Deck, options: Options) -> None:
    again, afresh = (
        replay.run(who, CATALOGUE, prices, options),
        charge(usage_of(CALLS), who, CATALOGUE, prices, options),
    )
    assert again.run.totals == afresh.totals
    assert (again.run.pools, again.run.lots, again.run.movements) == (
        afresh.pools,
        afresh.lots,
        afresh.movements,
    )
    assert again.calls.equals(afresh.calls)
    assert again.run.calls.equals(afresh.calls.select(again.run.calls.columns))


def test_the_runs_differ(replay: Replay) -> None:
    """A replay that forgot the settings would pass the test above for one of them only."""
    totals = [replay.run(who, CATALOGUE, prices, options).run.totals for _, who, prices, options in RUNS]
    told = {(one.amount, one.pool_s, one.blocked_calls, one.recharges, one.closing_balance) for one in totals}
    assert len(told) == len(RUNS)


def test_rows_are_looked_up_anew_only_where_that_could_change(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[int] = []

    def counted(*given: Any) -> Prepared:
        looked_up.append(1)
        return prepare(*given)

    monkeypatch.setattr("talktime.bulk.charge_rows.prepare", counted)
    replay = Replay(usage_of(CALLS), tenant(ANA, BOB), CATALOGUE, DEAR)
    cheap, moved = deck(), Options(balance=1, treat_as="calling_plan")
    runs = [
        (tenant(ANA, BOB), DEAR, PLENTY),
        (OWN_LOTS, DEAR, NO_OPTIONS),
        (CAPPED, DEAR, PLENTY),
        (OTHER_PLANS, DEAR, PLENTY),
        (tenant(ANA, BOB), DEAR, moved),
        (tenant(ANA, BOB), cheap, moved),
        (tenant(ANA, BOB), cheap, replace(moved, balance=2)),
        (CAPPED, DEAR, NO_OPTIONS),
        (OTHER_PLANS, DEAR, PLENTY),
    ]
    times = []
    for who, prices, options in runs:
        replay.run(who, CATALOGUE, prices, options)
        times.append(len(looked_up))
    assert times == [1, 1, 1, 2, 3, 4, 4, 4, 5]


def test_calls_that_stand_twice_are_charged_once(replay: Replay) -> None:
    assert (replay.height, replay.duplicates) == (8, 1)
    assert replay.run(tenant(ANA, BOB), CATALOGUE, deck()).run.totals.duplicate_rows == 1


def test_usage_without_rows_is_refused() -> None:
    with pytest.raises(RefusedRun, match="no row of the usage can be used"):
        Replay(usage_of([]), tenant(ANA), CATALOGUE, deck())


def test_without_a_wallet_nothing_is_blocked(replay: Replay) -> None:
    assert ABROAD.startswith("+44")
    run = replay.run(tenant(ANA, BOB), CATALOGUE, deck(), has_wallet=False).run
    assert (run.totals.blocked_calls, run.totals.closing_balance) == (0, None)
