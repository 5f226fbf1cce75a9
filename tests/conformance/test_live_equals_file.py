"""live = file: the calls of a month cost the same, told one by one or read from a file (rulings.md 26).

Where the two may differ: a file decides a call at its turn, which is its end, so one after the other live
charging is asked then too; and a lot that expires after a call's end but within its first interval pays in a
file, while a grant asks for a lot that outlasts the whole interval, so such months are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, given, settings

from talktime.accounts.calendar import month_of, to_us
from talktime.bulk.result import Run
from talktime.ledger.verify import verify
from tests.conformance.live_months import (
    Told,
    as_they_were,
    desk_of,
    live_months,
    one_after_the_other,
    purchases_of,
    turns_of,
)
from tests.conformance.model_months import ModelMonth
from tests.conformance.months import Month
from tests.conformance.product import deck_of, run_of, tenant_of
from tests.databases import fresh_sqlite
from tests.examples import twice_unless_quick
from tests.live.live_desk import SECOND, LiveDesk

FIXTURE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much])
EARLY_US = 1_600_000_000 * SECOND


@pytest.fixture
def told_of(tmp_path: Path) -> Callable[..., Any]:
    """Feeds a month to a desk on a new file; returns what it told and what is stored in the end."""

    def feed(month: Month, how: Callable[..., dict[str, Told]]) -> tuple[dict[str, Told], Any]:
        for path in tmp_path.glob("t_*"):
            path.unlink()
        desk, tenant = desk_of(fresh_sqlite(tmp_path), month, EARLY_US)
        try:
            told = how(desk, tenant, turns_of(month))
            assert verify(desk.url, now_us=desk.now_us).is_clean
            return told, stored(desk, tenant.id)
        finally:
            desk.close()

    return feed


def stored(desk: LiveDesk, tenant: str) -> dict[str, Any]:
    """Lots with money, and what was used of pools and caps."""
    used = {key: used for key, (used, _) in desk.counters(tenant).items()}
    return {"lots": {lot: left for lot, (left, _) in desk.lots(tenant).items()}, "used": used}


def same_everywhere(month: Month) -> bool:
    """Whether no lot expires after a call's end but within its first interval (see above)."""
    assert month.tenant is not None
    tenant, turns = tenant_of(month.tenant), turns_of(month)
    longest_s = max([60, *(row.first_s for row in deck_of(month).rows)])
    return not any(
        turn.end_us < expires_us <= turn.start_us + longest_s * SECOND
        for _, expires_us in purchases_of(tenant, turns)
        for turn in turns
    )


def by_row(run: Run) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in run.calls.to_dicts()}


# --- one after the other ---------------------------------------------------------------------------


def live_row(told: Told) -> dict[str, Any]:
    """A settled call in the words of the report."""
    settled = told.settled
    assert settled is not None
    by = dict.fromkeys(("credits", "post_usage", "overdraft"), 0)
    for paid in settled.funding:
        if paid.source in by:
            by[paid.source] += paid.micros
    return by | {
        "category": told.facts.category,
        "billed_seconds": settled.billed_s,
        "pool_seconds": settled.pool_s,
        "paid_seconds": settled.paid_s,
        "amount": settled.amount,
        "balance_after": settled.balance,
    }


@settings(FIXTURE, max_examples=twice_unless_quick())
@given(month=live_months())
def test_one_after_the_other(told_of: Callable[..., Any], month: Month) -> None:
    """Every charge, lot, pool and cap to the micro, and why a call is refused."""
    assume(same_everywhere(month))
    run = run_of(month)
    told, kept = told_of(month, one_after_the_other)
    for name, row in by_row(run).items():
        if told[name].reason:
            assert (row["state"], told[name].reason) in {("blocked", row["reason"]), ("unrated", "no_rate")}
            assert row["amount"] == row["pool_seconds"] == 0
        else:
            live = live_row(told[name])
            assert row["state"] != "blocked"
            assert live == {column: row[column] for column in live}
            event(f"{row['state']} {row['funding']}")
    assert sorted(kept["lots"].values()) == sorted(lot.left for lot in run.lots if lot.left)
    assert pools_used(kept) == {
        (pool.plan, pool.kind, pool.owner, pool.month): pool.used_s for pool in run.pools if pool.used_s
    }
    assert caps_spent(kept) == spent_by_cap(run, month)


def caps_spent(kept: dict[str, Any]) -> dict[tuple[str, int], int]:
    """What the counters of caps say."""
    return {key: spent for key, spent in kept["used"].items() if key[0].startswith("cap:") and spent}


def spent_by_cap(run: Run, month: Month) -> dict[tuple[str, int], int]:
    """The money of the run's rows by cap and billing month of the start (rulings.md 18)."""
    file = month.tenant
    assert file is not None
    capped = {("user", cap["id"].lower()) for cap in file["caps"] if cap["scope"] == "user"}
    capped |= {("user", user["upn"].lower()) for user in file["users"] if "cap_per_month" in user}
    capped |= {(cap["scope"], cap["id"]) for cap in file["caps"] if cap["scope"] != "user"}
    users = {row["id"]: row["user"].lower() for row in month.rows}
    spent: Counter[tuple[str, int]] = Counter()
    for row in run.calls.to_dicts():
        period = month_of(to_us(row["start"]), file["tenant"]["time_zone"])
        owners = {("user", users[row["id"]]), ("cost_centre", row["cost_centre"]), ("tenant", "t")}
        for scope, owner in owners & capped:
            name = "cap:tenant" if scope == "tenant" else f"cap:{scope}/{owner}"
            spent[name, period] += row["amount"] or 0
    return dict(+spent)


def pools_used(kept: dict[str, Any]) -> dict[tuple[str, str, str, str], int]:
    """The pools as the run names them."""
    found = {}
    for (counter, period), used_s in kept["used"].items():
        if counter.startswith("pool:") and used_s:
            plan, kind, owner = counter.removeprefix("pool:").split("/", 2)
            found[plan, kind, owner, f"{period // 12:04}-{period % 12 + 1:02}"] = used_s
    return found


# --- as they were ----------------------------------------------------------------------------------


def allocations(run: Run, told: dict[str, Told]) -> list[str]:
    """The calls that cost as many seconds but were paid in another way, because others were in progress."""
    found = []
    for name, row in by_row(run).items():
        if told[name].settled is not None and row["state"] != "blocked":
            live = live_row(told[name])
            paid = ("pool_seconds", "amount", "credits", "post_usage", "overdraft")
            found += [name] if any(live[column] != row[column] for column in paid) else []
    return found


@settings(FIXTURE)
@given(month=live_months())
def test_with_real_overlaps(told_of: Callable[..., Any], month: Month) -> None:
    """The same category, billed seconds and price; who pays may differ, and where it does is `allocation`."""
    run = run_of(month)
    told, _ = told_of(month, as_they_were)
    rows = by_row(run)
    assert set(told) == set(rows)
    for name, row in rows.items():
        if told[name].settled is not None and row["state"] != "blocked":
            live = live_row(told[name])
            assert (live["category"], live["billed_seconds"]) == (row["category"], row["billed_seconds"])
            assert told[name].facts.prefix == row["prefix"]
            if row["prefix"] and told[name].facts.paid:
                assert told[name].facts.rate[4] == row["price_per_minute"]
    event(f"{min(len(allocations(run, told)), 3)} allocations")


@settings(FIXTURE)
@given(month=live_months())
def test_overlaps_are_paid_as_the_model_says(told_of: Callable[..., Any], month: Month) -> None:
    """Grants, refusals, who pays and the balance after each call."""
    assert month.tenant is not None
    expected = ModelMonth(month, tenant_of(month.tenant)).as_they_were(turns_of(month))
    told, _ = told_of(month, as_they_were)
    for name, answer in expected.items():
        settled = told[name].settled
        if settled is None:
            assert (answer.kind, answer.reason) == ("deny", told[name].reason)
            continue
        live = live_row(told[name])
        assert {
            column: getattr(answer, column) for column in ("amount", "credits", "post_usage", "overdraft")
        } == {column: live[column] for column in ("amount", "credits", "post_usage", "overdraft")}
        assert (answer.billed_s, answer.pool_s, answer.paid_s) == (
            settled.billed_s,
            settled.pool_s,
            settled.paid_s,
        )
        assert (answer.balance, answer.available) == (settled.balance, settled.available)
