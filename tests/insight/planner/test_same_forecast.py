"""The planner and the running system say the same day for the end of the money, from the same calls."""

from __future__ import annotations

from pathlib import Path

from talktime.accounts.calendar import day_of
from talktime.bulk.replay import Replay
from talktime.bulk.run import charge
from talktime.catalog.planning import load_licence_prices
from talktime.files.read_usage import read_usage
from talktime.files.write_calls import write_report
from talktime.insight.planner.document import PlanSettings
from talktime.insight.planner.plan import Asked, plan
from talktime.insight.planner.plan_run import lots_of
from talktime.insight.report import report_of
from talktime.insight.runway_view import runway_now
from talktime.insight.usage_export import Task
from talktime.insight.usage_files import export_own
from talktime.ledger.reading import Reader
from tests.bulk.charged import SPENDS, deck, tenant, us, user
from tests.databases import fresh_sqlite
from tests.insight.planner.replayed import CATALOGUE, each_day
from tests.live.live_desk import LiveDesk, books_of
from tests.live.rated_files import booked
from tests.tables import usage_of


def test_planner_and_running_system_agree(tmp_path: Path) -> None:
    who = tenant(user("ana", SPENDS), lots=[("2026-01-01 00:00", "500")])
    weeks = [("2026-01-05", "2026-02-08", 600), ("2026-02-16", "2026-04-12", 900)]  # a week of outage between
    calls = [call for first, last, seconds in weeks for call in each_day(first, last, seconds)]
    write_report(tmp_path / "rated.parquet", report_of(charge(usage_of(calls), who, CATALOGUE, deck())))
    now_us = us("2026-04-13 09:00")
    desk = LiveDesk(fresh_sqlite(tmp_path), CATALOGUE, books_of(deck()), now_us=now_us)
    desk.add(who)
    desk.fund(who.id, 100_000_000)
    booked(desk, tmp_path / "rated.parquet")
    reader = Reader(desk.url)
    wallet = reader.wallet(who.id)
    assert wallet is not None
    runway = runway_now(reader, who, wallet, now_us)
    out = tmp_path / "own.parquet"
    export_own(Task(desk.url, None, who.id, "usage", "parquet", 0, now_us, now_us, None, out))
    desk.close()
    asked = Asked(
        settings=PlanSettings(),
        prices=load_licence_prices(),
        lots=lots_of(wallet, who.time_zone),
        now_us=now_us,
        plans=False,
    )
    told: list[tuple[int, int]] = []
    replay = Replay(read_usage([out]), who, CATALOGUE, deck())
    found = plan(replay, who, CATALOGUE, deck(), asked, lambda *each: told.append(each))
    seen = found.outlook
    assert seen is not None
    assert (seen.lasts_low, seen.lasts_expected, seen.lasts_high) == (
        runway.days_low,
        runway.days_expected,
        runway.days_high,
    )
    assert (seen.growth, len(seen.left_out)) == (runway.growth, len(runway.left_out))
    assert (seen.balance, runway.left_out[0]) == (wallet.balance, day_of(us("2026-02-09 12:00"), "UTC"))
    assert None not in (runway.days_low, runway.days_expected)
    assert told[-1] == (100, 100)
