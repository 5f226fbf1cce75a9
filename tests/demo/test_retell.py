"""The demo's past in the ledger: what the charged files say, to the micro, on the days on which it was."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from talktime.accounts.calendar import to_us
from talktime.accounts.tenant import Tenant
from talktime.accounts.tenant_file import read_tenant
from talktime.bulk.result import Run
from talktime.bulk.run import Options, charge
from talktime.catalog.load import load_catalogue
from talktime.demo.days import DAY_US, month_number
from talktime.demo.folder import write_demo
from talktime.demo.retell import Place, Progress, Told, retell, stretches
from talktime.files.decks.sample import default_deck
from talktime.files.read_rated import open_rated
from talktime.files.read_usage import read_usage
from talktime.files.write_calls import write_report
from talktime.insight.credits_history import history
from talktime.insight.movements import Courses
from talktime.insight.overview import Overview, overview
from talktime.insight.report import report_of
from talktime.insight.standing_now import Lookout
from talktime.ledger.database import open_url
from talktime.ledger.money_reading import MoneyReader
from talktime.ledger.overview_reading import OverviewReader
from talktime.ledger.postgres_store import PostgresStore
from talktime.ledger.reading import Reader
from talktime.ledger.sqlite_store import SqliteStore
from talktime.ledger.verify import verify
from talktime.live.tenant import POOL, live_tenant
from tests.databases import database, sqlite_database

__all__ = ["database", "sqlite_database"]  # fixtures

UNTIL_US = to_us(datetime(2026, 4, 22, 10, 30, tzinfo=UTC))
LATER_US = to_us(datetime(2026, 5, 3, 8, 0, tzinfo=UTC))
CALLS = 1_600
"""Of a month: so many that the rule refills."""

TENANT = "contoso"
SECONDS = pl.format("{}s", "duration_seconds")


@dataclass(frozen=True)
class Charged:
    """The demo's files, charged: the tenant, the run, the report on disk."""

    tenant: Tenant
    run: Run
    report: Path


def charged(folder: Path, until_us: int) -> Charged:
    """March 2026 and what followed."""
    catalogue = load_catalogue()
    files = write_demo(folder, calls=CALLS, month="2026-03", until_us=until_us)
    tenant = read_tenant(files.tenant, catalogue)
    run = charge(read_usage([files.usage_csv]), tenant, catalogue, default_deck(), Options())
    write_report(folder / "rated.parquet", report_of(run))
    return Charged(tenant, run, folder / "rated.parquet")


@pytest.fixture(scope="module")
def april(tmp_path_factory: pytest.TempPathFactory) -> Charged:
    """Until a day in April."""
    return charged(tmp_path_factory.mktemp("april"), UNTIL_US)


def told(url: str, folder: Path, files: Charged, until_us: int, progress: Progress = lambda *_: None) -> Told:
    """The past of the files in a ledger."""
    database = open_url(url)
    store = SqliteStore(database.path) if database.kind == "sqlite" else PostgresStore(database)
    place = Place(database, store, folder, load_catalogue(), "somebody")
    return asyncio.run(retell(place, files.tenant, files.report, until_us, progress))


def home(url: str, now_us: int) -> Overview:
    """The first page, for somebody who may see everything."""
    database = open_url(url)
    documents = Reader(database).documents(TENANT)
    assert documents is not None
    found = Lookout(OverviewReader(database)).look(live_tenant(documents, load_catalogue()), now_us)
    assert found is not None
    return overview(found, lambda _: True)


def check(url: str, files: Charged) -> None:
    """The ledger says what the files say: money, lots, included minutes; and it is in order."""
    totals, reader = files.run.totals, Reader(open_url(url))
    wallet, lots = reader.wallet(TENANT), reader.lots(TENANT, 2**31, 100)
    assert wallet is not None
    assert (wallet.balance, wallet.reserved, wallet.overdraft) == (totals.closing_balance, 0, 0)
    assert [(lot.bought_us, lot.expires_us, lot.amount) for lot in reversed(lots)] == [
        (lot.bought_at_us, lot.expires_at_us, lot.amount) for lot in files.run.lots
    ]
    left = {lot.bought_us: lot.left for lot in wallet.lots}
    assert left == {lot.bought_at_us: lot.left for lot in files.run.lots if lot.left}
    for month in ("2026-03", "2026-04"):
        period = month_number(month)
        counters = reader.counters(TENANT, [period])
        used = {name: counter.used for (name, _), counter in counters.items() if counter.used}
        assert {name: used[name] for name in used if name.startswith(POOL)} == {
            f"{POOL}{pool.plan}/{pool.kind}/{pool.owner}": pool.used_s
            for pool in files.run.pools
            if pool.month == month and pool.used_s
        }
    assert verify(open_url(url)).is_clean


def test_the_ledger_says_what_the_charged_files_say(database: str, tmp_path: Path, april: Charged) -> None:
    booked = told(database, tmp_path, april, UNTIL_US)
    states = april.run.calls["state"].cast(str)
    assert april.run.totals.recharges
    assert april.run.totals.forfeited
    assert booked.amount == april.run.totals.amount
    assert booked.calls >= states.is_in(["charged", "free"]).sum()
    check(database, april)
    assert told(database, tmp_path, april, UNTIL_US) == Told(0, 0)
    check(database, april)


def balances(url: str, tenant: Tenant, days: int) -> dict[date, int]:
    """The balance at the end of each of the last days, as the chart of Home has it."""
    database = open_url(url)
    since_us = UNTIL_US - UNTIL_US % DAY_US - (days - 1) * DAY_US
    course = Courses(MoneyReader(database)).of(tenant, since_us)
    shown = history(course, days, (), UNTIL_US, tenant.time_zone).days
    return {date(1970, 1, 1) + timedelta(days=one.day): one.balance for one in shown}


def test_home_is_that_of_a_tenant_that_telephones(
    sqlite_database: str, tmp_path: Path, april: Charged
) -> None:
    told(sqlite_database, tmp_path, april, UNTIL_US)
    found, calls = home(sqlite_database, UNTIL_US), april.run.calls
    assert found.spend is not None
    months = {
        month: calls.filter(pl.col("start").dt.to_string("%Y-%m") == month)["amount"].sum()
        for month in ("2026-03", "2026-04")
    }
    assert (found.spend.before, found.spend.spent) == (months["2026-03"], months["2026-04"])
    assert found.now.runway.shortest
    chart, end = balances(sqlite_database, april.tenant, 28), pl.col("start").dt.offset_by(SECONDS)
    in_file = dict(
        calls.group_by(end.dt.date(), maintain_order=True)
        .agg((pl.col("balance_after") + pl.col("recharge").fill_null(0)).last())
        .iter_rows()
    )
    assert {day: chart[day] for day in chart if day in in_file} == {
        day: in_file[day] for day in in_file if day in chart
    }
    assert len(set(chart.values())) > 14
    assert [step.code for step in found.steps if step.state == "done"][:4] == [
        "eligibility",
        "card",
        "amount",
        "auto_recharge",
    ]


def test_who_was_interrupted_goes_on(sqlite_database: str, tmp_path: Path, april: Charged) -> None:
    def interrupted(done: int, total: int) -> None:
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        told(sqlite_database, tmp_path, april, UNTIL_US, interrupted)
    assert told(sqlite_database, tmp_path, april, UNTIL_US).calls > 0
    check(sqlite_database, april)


def test_who_comes_back_later_finds_what_has_been_since(
    sqlite_database: str, tmp_path: Path, april: Charged
) -> None:
    first = told(sqlite_database, tmp_path, april, UNTIL_US)
    may = charged(tmp_path, LATER_US)
    more = told(sqlite_database, tmp_path, may, LATER_US)
    assert more.calls > 0
    assert first.amount + more.amount == may.run.totals.amount
    check(sqlite_database, may)


def test_the_past_is_cut_where_money_moves(april: Charged) -> None:
    parts = list(stretches(open_rated(april.report), april.tenant))
    assert sum(part.calls.height for part in parts) == april.run.calls.height
    ends = [part.at_us for part in parts]
    assert ends == sorted(ends)
    recharged = [movement.at_us for movement in april.run.movements if movement.kind == "recharge"]
    assert recharged
    assert set(recharged) <= set(ends)
