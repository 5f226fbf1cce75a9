"""Money without end: what a call costs hangs on no purchase, however long the usage is."""

from __future__ import annotations

from talktime.insight.planner.money_without_end import without_end
from tests.bulk.charged import SPENDS, call, deck, recharge, tenant, user
from tests.insight.planner.replayed import CATALOGUE, replayed

TWO_YEARS = [call(f"{day} 10:00", 60, id=day) for day in ("2024-02-28", "2025-01-31", "2026-03-01")]


def test_it_does_not_expire_within_years_of_usage() -> None:
    who = tenant(user("ana", SPENDS), lots=[("2024-01-01 00:00", "0.06")], auto_recharge=recharge("1", "2"))
    replay, _ = replayed(who, TWO_YEARS)
    run = replay.run(without_end(who, replay), CATALOGUE, deck(), has_wallet=True).run
    assert run.calls["amount"].to_list() == [60_000] * 3
    assert (run.totals.blocked_calls, run.totals.recharges) == (0, 0)


def test_what_is_refused_for_another_reason_stays_so() -> None:
    who = tenant(user("ana"))
    replay, _ = replayed(who, TWO_YEARS)
    run = replay.run(without_end(who, replay), CATALOGUE, deck(), has_wallet=True).run
    assert run.totals.blocked_calls == 3
