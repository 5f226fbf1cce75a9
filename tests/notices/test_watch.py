"""The watch: what is about to happen is told once, through a real engine, on both databases."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
import sqlalchemy as sa

from talktime.accounts.calendar import day_of
from talktime.accounts.tenant import Alerts, AutoRecharge, BillingAccount, PaymentMethod, Tenant
from talktime.catalog.load import load_catalogue
from talktime.ledger.database import open_engine, open_url
from talktime.ledger.engine import Attend
from talktime.ledger.reading import Reader
from talktime.ledger.records import Lot
from talktime.ledger.store import StoreAway, UnknownOutcome
from talktime.ledger.watching import Watching
from talktime.live.desk import Desk
from talktime.notices.alerts import card_end_us, cards_due, lots_due, purses, runway_of
from talktime.notices.tell import FORGET_AFTER_US, Rearm, Tell
from talktime.notices.watch import Watch
from tests.databases import database, sqlite_database
from tests.ledger.filled import desk_on, fund, new_tenant
from tests.notices.post_office import CONTOSO, HOUR_US, NOW_US, Clock

__all__ = ["database", "sqlite_database"]  # fixtures

DAY_US = 86_400_000_000
UNIT = 1_000_000
UTC = replace(CONTOSO, time_zone="UTC")
TODAY = NOW_US // DAY_US
CARD = PaymentMethod("pm1", "sandbox", "tok", "visa", "4242", "2026-03")


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 60))


@dataclass
class House:
    """An engine, and a watch over all its tenants."""

    url: str
    engine_desk: Desk
    clock: Clock
    watch: Watch

    async def submit(self, command: Any) -> Any:
        return await self.engine_desk.engine.submit(command)

    async def look(self, days: float = 0) -> list[tuple[str, dict[str, Any]]]:
        """Moves the clock, looks; returns (event, facts) of what was newly told."""
        self.clock.now_us += int(days * DAY_US)
        before = len(self.told())
        assert await self.watch.look() == len(self.told()) - before
        return self.told()[before:]

    def told(self) -> list[tuple[str, dict[str, Any]]]:
        reader = Reader(open_url(self.url))
        rows = [row for name in ("contoso", "fabrikam") for row in reader.outbox(name, 2**62, 100)]
        plain = ("balance", "reserved", "available", "overdraft", "currency")
        return [
            (row.kind, {key: value for key, value in json.loads(row.body).items() if key not in plain})
            for row in sorted(rows, key=lambda row: row.id)
        ]

    def write(self, statement: str, *rows: Mapping[str, object]) -> None:
        with open_engine(open_url(self.url)).begin() as db:
            db.execute(sa.text(statement), list(rows) or None)

    def spent(self, tenant: str, days: Mapping[int, int]) -> None:
        """What was paid, so many days ago."""
        rows = [{"tenant": tenant, "day": TODAY - ago, "paid": paid} for ago, paid in days.items()]
        self.write("insert into days(tenant, day, paid, calls) values (:tenant, :day, :paid, 1)", *rows)

    def charged(self, number: int, *, unrated: bool, corrects: int = 0, tenant: str = "contoso") -> None:
        """A charge, with or without the flag."""
        body = '["x",["unrated"]]' if unrated else '["x",[]]'
        names = "tenant, number, call_id, at_us, start_us, user_name, category, billed_s, pool_s, paid_s"
        self.write(
            f"insert into charges({names}, amount, credits, post_usage, overdraft, corrects, body)"
            " values (:tenant, :number, 'c', :at, 0, '', '', 0, 0, 0, 0, 0, 0, 0, :corrects, :body)",
            {"tenant": tenant, "number": number, "at": self.clock(), "corrects": corrects, "body": body},
        )


@asynccontextmanager
async def house(database: str, *tenants: Tenant) -> AsyncIterator[House]:
    clock = Clock()
    desk = desk_on(database, clock)
    await desk.start(rounds=False)
    try:
        for tenant in tenants:
            await desk.engine.submit(new_tenant(tenant))
        watching = Watching(open_url(database))
        watch = Watch(watching, load_catalogue(), desk.engine.submit, clock)
        yield House(database, desk, clock, watch)
    finally:
        await desk.stop()


# --- telling once ----------------------------------------------------------------------------------------


def test_a_key_is_told_once_until_it_is_armed_again(database: str) -> None:
    async def test() -> None:
        async with house(database, UTC) as at:
            tell = Tell("contoso", "key", "balance_low", {"level": 5})
            assert [await at.submit(tell) for _ in range(3)] == [True, False, False]
            assert await at.submit(Tell("contoso", "other", "balance_low", {})) is True
            assert [await at.submit(Rearm("contoso", ("key", "nothing"))) for _ in range(2)] == [True, False]
            assert await at.submit(tell) is True
            assert [kind for kind, _ in at.told()] == ["balance_low"] * 3
            assert await at.submit(Tell("nobody", "key", "balance_low", {})) is False
            assert await at.submit(Rearm("nobody", ("key",))) is False

    run(test())


def test_keys_of_long_ago_are_let_go_of(sqlite_database: str) -> None:
    async def test() -> None:
        async with house(sqlite_database, UTC) as at:
            await at.submit(Tell("contoso", "old", "balance_low", {}))
            at.clock.now_us += FORGET_AFTER_US + 1
            await at.submit(Tell("contoso", "new", "balance_low", {}))
            (known,) = Watching(open_url(sqlite_database)).tenants("", 10)
            assert set(known.standing.told) == {"new"}

    run(test())


def test_two_watches_tell_once(database: str) -> None:
    async def test() -> None:
        async with house(database, UTC) as at:
            await at.submit(fund("contoso", 50 * UNIT, days=20))
            second = Watch(Watching(open_url(database)), load_catalogue(), at.submit, at.clock)
            await asyncio.gather(at.watch.look(), second.look())
            assert [kind for kind, _ in at.told()].count("lot_expires_soon") == 1

    run(test())


# --- what is seen ----------------------------------------------------------------------------------------


def test_a_lot_is_warned_of_sixty_thirty_and_seven_days_before(database: str) -> None:
    async def test() -> None:
        async with house(database, UTC) as at:
            await at.submit(fund("contoso", 50 * UNIT, days=100))
            assert await at.look(39) == []
            (event,) = await at.look(1)
            expires_us = NOW_US + 100 * DAY_US
            facts = {"lot": 1, "micros": 50 * UNIT, "expires_us": expires_us, "days": 60}
            assert event == ("lot_expires_soon", facts)
            assert await at.look(0.1) == []
            assert [facts["days"] for _, facts in await at.look(30)] == [30]
            assert [facts["days"] for _, facts in await at.look(27)] == [3]
            assert await at.look(1) == []

    run(test())


def test_a_card_is_warned_of_thirty_and_seven_days_before(sqlite_database: str) -> None:
    """It can be used until the end of March 2026, the 1st of which it is."""

    async def test() -> None:
        async with house(sqlite_database, replace(UTC, payment_methods=(CARD,))) as at:
            assert await at.look(0) == []
            ((kind, facts),) = await at.look(1)
            assert (kind, facts) == ("card_expires_soon", {"method": "pm1", "expires": "2026-03", "days": 30})
            assert await at.look(20) == []
            assert [facts["days"] for _, facts in await at.look(3)] == [7]
            assert await at.look(10) == []

    run(test())


def test_money_that_runs_out_soon(database: str) -> None:
    async def test() -> None:
        async with house(database, UTC) as at:
            await at.submit(fund("contoso", 131 * UNIT))
            at.spent("contoso", dict.fromkeys(range(1, 29), 10 * UNIT))
            assert await at.look() == [
                (
                    "runway_short",
                    {
                        "days": 13,
                        "days_expected": 13,
                        "days_high": 13,
                        "limit_days": 14,
                        "burn_a_day": 10 * UNIT,
                        "burn_7_a_day": 10 * UNIT,
                    },
                )
            ]
            assert await at.look() == []
            await at.submit(fund("contoso", 14 * UNIT))  # 14.5 days: not yet a day above the limit
            assert await at.look() == []
            await at.submit(fund("contoso", 10 * UNIT))  # recovered, armed again
            assert await at.look() == []
            at.write("update days set paid = paid * 2")
            assert [facts["days"] for _, facts in await at.look()] == [7]

    run(test())


@pytest.mark.parametrize(
    "tenant",
    [
        replace(UTC, alerts=Alerts(runway_days=0)),
        replace(UTC, auto_recharge=AutoRecharge(True, 1, 50 * UNIT)),
        replace(UTC, billing_accounts=(BillingAccount("a", "MCA", "US"),), default_billing_account="a"),
        replace(UTC, status="suspended"),
    ],
    ids=["does not want it", "refills itself", "post-usage takes over", "suspended"],
)
def test_where_a_short_runway_is_not_told(sqlite_database: str, tenant: Tenant) -> None:
    async def test() -> None:
        async with house(sqlite_database, tenant) as at:
            await at.submit(fund("contoso", 50 * UNIT))
            at.spent("contoso", dict.fromkeys(range(1, 29), 10 * UNIT))
            assert [event for event in await at.look() if event[0] == "runway_short"] == []

    run(test())


@pytest.mark.parametrize(("days", "told"), [(6, []), (7, ["runway_short"])])
def test_less_than_a_week_of_calls_warns_nobody(sqlite_database: str, days: int, told: list[str]) -> None:
    async def test() -> None:
        async with house(sqlite_database, UTC) as at:
            await at.submit(fund("contoso", 50 * UNIT))
            at.spent("contoso", dict.fromkeys(range(1, days + 1), 10 * UNIT))
            assert [kind for kind, _ in await at.look()] == told

    run(test())


def test_calls_without_a_rate(database: str) -> None:
    async def test() -> None:
        async with house(database, UTC, replace(UTC, id="fabrikam")) as at:
            at.charged(1, unrated=True)
            at.charged(2, unrated=False)
            at.charged(3, unrated=True)
            at.charged(1, unrated=False, tenant="fabrikam")
            assert await at.look() == [("unrated_waiting", {"calls": 2})]
            at.clock.now_us += 1
            at.charged(4, unrated=False, corrects=1)
            assert await at.look() == []
            at.clock.now_us += 1
            at.charged(5, unrated=False, corrects=3)
            assert await at.look() == []  # none waits any more: armed again
            at.clock.now_us += 1
            at.charged(6, unrated=True)
            assert await at.look() == [("unrated_waiting", {"calls": 1})]

    run(test())


def test_old_calls_without_a_rate_are_not_looked_for(sqlite_database: str) -> None:
    async def test() -> None:
        async with house(sqlite_database, UTC) as at:
            for number in range(1, 8):
                at.charged(number, unrated=True)
                at.clock.now_us += 10 * DAY_US
            assert Watching(open_url(sqlite_database)).unrated(NOW_US + 31 * DAY_US) == {"contoso": 3}
            assert Watching(open_url(sqlite_database)).unrated(0) == {"contoso": 7}
            assert Watching(open_url(sqlite_database)).unrated(2**60) == {}

    run(test())


def test_tenants_are_looked_at_page_by_page(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talktime.notices.watch.PAGE", 1)

    async def test() -> None:
        async with house(sqlite_database, UTC, replace(UTC, id="fabrikam")) as at:
            for tenant in ("contoso", "fabrikam"):
                await at.submit(fund(tenant, 50 * UNIT, days=6))
            assert [kind for kind, _ in await at.look()] == ["lot_expires_soon"] * 2

    run(test())


def test_the_watch_looks_at_once_and_goes_on(sqlite_database: str) -> None:
    async def test() -> None:
        async with house(sqlite_database, UTC) as at:
            await at.submit(fund("contoso", 50 * UNIT, days=50))
            task = asyncio.create_task(at.watch.run(0.01))
            while not at.told():
                await asyncio.sleep(0.01)
            at.clock.now_us += 30 * DAY_US
            while len(at.told()) < 2:
                await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    run(test())


# --- pure ------------------------------------------------------------------------------------------------


def test_an_empty_lot_loses_nothing() -> None:
    lots = [Lot(1, NOW_US + DAY_US, 0, 0), Lot(2, NOW_US + DAY_US, 5, 5), Lot(3, NOW_US - 1, 5, 5)]
    assert [(lot.lot, days) for lot, days in lots_due(lots, NOW_US, [])] == [(2, 7)]
    assert lots_due(lots, NOW_US, [(2, 7)]) == []


@pytest.mark.parametrize(
    ("expires", "time_zone", "end_us"),
    [
        ("2026-03", "UTC", NOW_US + 30 * DAY_US + 12 * HOUR_US),
        ("2026-03", "Europe/London", NOW_US + 30 * DAY_US + 11 * HOUR_US),  # summer time has begun
        ("2026-12", "UTC", 1_798_761_600_000_000),
        ("", "UTC", None),
        ("03/26", "UTC", None),
        ("2026-13", "UTC", None),
    ],
)
def test_a_card_can_be_used_until_its_month_ends(expires: str, time_zone: str, end_us: int | None) -> None:
    assert card_end_us(replace(CARD, expires=expires), time_zone) == end_us


def test_a_renewed_card_is_another_one() -> None:
    late_us = NOW_US + 25 * DAY_US
    assert cards_due([CARD], late_us, "UTC", [("pm1/2026-03", 7)]) == []
    renewed = replace(CARD, expires="2026-04")
    assert cards_due([renewed], late_us + 10 * DAY_US, "UTC", [("pm1/2026-03", 7)]) == [(renewed, 30)]


def test_a_day_begins_at_local_midnight() -> None:
    midnight_us = TODAY * DAY_US
    assert day_of(midnight_us, "UTC") == TODAY
    assert day_of(midnight_us - 1, "UTC") == TODAY - 1
    assert day_of(midnight_us, "America/New_York") == TODAY - 1
    assert day_of(midnight_us, "Asia/Tokyo") == TODAY


# --- what is wrong with one tenant -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken",
    [
        "update tenants set document = '{' where tenant = 'contoso'",
        "update wallets set lots = '{' where tenant = 'contoso'",
        "update wallets set standing = '{' where tenant = 'contoso'",
    ],
)
def test_a_tenant_that_cannot_be_read_keeps_nothing_from_the_others(
    sqlite_database: str, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async with house(sqlite_database, UTC, replace(UTC, id="fabrikam")) as at:
            await at.submit(fund("fabrikam", 50 * UNIT, days=20))
            at.write(broken)
            assert [kind for kind, _ in await at.look()] == ["lot_expires_soon"]
            assert "of tenant 'contoso' cannot be read" in caplog.text

    run(test())


def test_a_tenant_about_which_nothing_can_be_told_keeps_nothing_from_the_others(sqlite_database: str) -> None:
    async def test() -> None:
        async with house(sqlite_database, UTC, replace(UTC, id="fabrikam")) as at:
            await at.submit(fund("contoso", 50 * UNIT, days=20))
            await at.submit(fund("fabrikam", 50 * UNIT, days=20))

            async def submit(command: Any) -> Any:
                if command.tenant == "contoso":
                    raise UnknownOutcome("the connection is gone")
                return await at.submit(command)

            watch = Watch(Watching(open_url(sqlite_database)), load_catalogue(), submit, at.clock)
            assert await watch.look() == 1
            assert await at.watch.look() == 1, "what was not told is told the next time"

    run(test())


@pytest.mark.parametrize("fault", [StoreAway("no answer"), ValueError("a defect")])
def test_a_look_that_failed_is_repeated_at_its_time(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    looks: list[int] = []

    async def broken() -> int:
        looks.append(1)
        raise fault

    async def test() -> None:
        async with house(sqlite_database) as at:
            monkeypatch.setattr(at.watch, "look", broken)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(at.watch.run(), 0.2)
            assert looks == [1]

    run(test())


def test_wallets_of_rules_that_are_on_are_looked_at(sqlite_database: str) -> None:
    """A process may die between the commit of settings and the look at the wallet that follows it."""
    rule = AutoRecharge(True, below_micros=10 * UNIT, add_micros=20 * UNIT)
    on = replace(UTC, auto_recharge=rule)

    async def test() -> None:
        async with house(sqlite_database, on, replace(UTC, id="fabrikam")) as at:
            seen: list[Any] = []

            async def submit(command: Any) -> Any:
                seen.append(command)
                return await at.submit(command)

            watch = Watch(Watching(open_url(sqlite_database)), load_catalogue(), submit, at.clock)
            await watch.look()
            assert [command for command in seen if isinstance(command, Attend)] == [Attend("contoso")]

    run(test())


def test_what_is_owed_is_the_first_draw_of_the_lots() -> None:
    """A correction gave money back to a lot while more was owed: only what is left beyond that lasts."""
    lots = [Lot(1, 100 * DAY_US, 5 * UNIT, 0), Lot(2, 200 * DAY_US, 10 * UNIT, 0)]
    drawn = purses(lots, "UTC", 6 * UNIT)
    assert [(each.left, each.expires_day) for each in drawn] == [(9 * UNIT, 200)]
    days = [(day, UNIT) for day in range(28)]
    owing, free = (runway_of(days, 15 * UNIT - owed, lots, 28 * DAY_US, "UTC") for owed in (6 * UNIT, 0))
    assert (owing.days_expected, free.days_expected) == (9, 15)
