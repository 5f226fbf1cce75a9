"""import = file: a generated month that is booked into an empty ledger costs what the file says, row for row.

Who pays is decided anew, so minutes are compared and money is not split by lots: those of the file may have
expired by the time of the import. The deck that priced the month then finds nothing to correct.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings

from talktime.files.write_calls import write_report
from talktime.insight.report import report_of
from tests.conformance.live_months import desk_of, live_months, turns_of
from tests.conformance.months import Month
from tests.conformance.product import deck_of, run_of
from tests.databases import fresh_sqlite
from tests.live.ledger_checks import LedgerChecks
from tests.live.live_desk import SECOND
from tests.live.rated_files import booked, rerated, verified

A_DAY_US = 86_400 * SECOND


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much])
@given(month=live_months())
def test_a_month_that_is_imported_costs_what_the_file_says(
    month: Month, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder: Path = tmp_path_factory.mktemp("month")
    run = run_of(month)
    write_report(folder / "rated.parquet", report_of(run))
    after_us = max(turn.end_us for turn in turns_of(month)) + A_DAY_US
    desk, tenant = desk_of(fresh_sqlite(folder), month, after_us)
    report = booked(desk, folder / "rated.parquet")
    assert report.allocation == 0, report.differences
    rows: list[dict[str, Any]] = run.calls.to_dicts()
    charged = {row["id"]: row for row in rows if row["state"] in ("charged", "free") or row["pool_seconds"]}
    kept = {
        identity: tuple(values)
        for identity, *values in desk.rows(
            "select i.identity, c.category, c.billed_s, c.pool_s, c.amount from imported i "
            "join charges c on c.tenant = i.tenant and c.number = i.charge"
        )
    }
    columns = ("category", "billed_seconds", "pool_seconds", "amount")
    assert kept == {identity: tuple(row[name] for name in columns) for identity, row in charged.items()}
    counters = desk.counters(tenant.id).items()  # of each pool one a month
    assert sum(used for (name, _), (used, _) in counters if name.startswith("pool:")) == run.totals.pool_s
    LedgerChecks(desk).check(tenant.id)
    again = rerated(desk, deck_of(month))
    assert (again.corrected, again.changed) == (0, 0), again.dearest
    assert verified(desk).differences == ()
    for row in charged.values():
        event(f"{row['state']} {row['funding']}")
    desk.close()
