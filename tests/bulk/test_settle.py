"""The host of the loop: it makes room for the log and for lots, and slices change nothing."""

from __future__ import annotations

from typing import Any

import pytest

from talktime.accounts.tenant import Tenant
from talktime.bulk import settle, wallet
from tests.bulk.charged import SPENDS, call, charged, recharge, tenant, user


def a_month_of_recharges() -> tuple[Tenant, list[dict[str, Any]]]:
    """Two hundred and forty calls, most followed by a recharge; of the lots several pay for one call."""
    lots = [(f"2026-03-{day:02} 00:00", "0.05") for day in range(1, 29)]
    rule = recharge("9.99", "10")
    who = tenant(user("ana", SPENDS, "MCOPSTN5"), lots=lots, auto_recharge=rule)
    days = [(day, hour) for day in range(1, 25) for hour in range(10)]
    calls = [call(f"2026-03-{day:02} {10 + hour}:00", 3_000 + 997 * hour) for day, hour in days]
    return who, calls


@pytest.mark.parametrize(
    ("log_entries", "spare_lots", "slice_rows"),
    [(1, 64, 100_000), (40, 64, 100_000), (4_096, 2, 100_000), (1, 2, 100_000), (4_096, 64, 7), (1, 2, 1)],
)
def test_little_room_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, log_entries: int, spare_lots: int, slice_rows: int
) -> None:
    who, calls = a_month_of_recharges()
    expected = charged(who, calls)
    monkeypatch.setattr(settle, "LOG_ENTRIES", log_entries)
    monkeypatch.setattr(wallet, "SPARE_LOTS", spare_lots)
    monkeypatch.setattr(settle, "SLICE_ROWS", slice_rows)
    found = charged(who, calls)
    assert found.calls.equals(expected.calls)
    assert (found.lots, found.movements, found.pools) == (expected.lots, expected.movements, expected.pools)
    assert found.totals == expected.totals
    assert (expected.totals.recharges or 0) > 64  # more lots than there is room for at first


def test_progress_is_told_slice_by_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    from talktime.bulk.run import charge
    from talktime.catalog.load import load_catalogue
    from tests.bulk.charged import deck
    from tests.tables import usage_of

    monkeypatch.setattr(settle, "SLICE_ROWS", 100)
    who, calls = a_month_of_recharges()
    told: list[int] = []
    charge(usage_of(calls), who, load_catalogue(), deck(), progress=told.append)
    assert told == [100, 200, 240]
