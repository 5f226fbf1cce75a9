"""Usage, spend, pools, exports and erasure through HTTP: what people ask and what they are answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from talktime.catalog.load import load_catalogue
from talktime.core.money import parse_money
from talktime.doors.http.management import reports, usage
from talktime.doors.http.management.app import management_app
from talktime.doors.http.management.house import Means
from talktime.files.read_usage import read_usage
from talktime.insight.exports import Exports, ExportSettings
from talktime.ledger.api_keys import ApiKeys, Keyring
from talktime.ledger.database import open_url
from talktime.ledger.decks import Decks
from talktime.ledger.reading import Reader
from talktime.ledger.verify import verify
from talktime.live.answers import Settled
from talktime.live.desk import Desk
from talktime.live.operations import EndCall, StartCall
from talktime.live.rates import RateBooks
from tests.databases import database, sqlite_database
from tests.doors.http.houses import Clock, Door, _furnish, client_of, store_of

__all__ = ["database", "sqlite_database"]  # fixtures

CONTOSO = "/v1/tenants/contoso"
ANA = "ana@contoso.example"
LONDON, SEATTLE = "+442079460000", "+12065550100"
SECRET = b"of this installation"

Story = Callable[[Door], Awaitable[None]]


@asynccontextmanager
async def open_reports(database: str, folder: Path) -> AsyncIterator[Door]:
    """A door with the routes of usage and reports, and exports into a folder."""
    url, clock = open_url(database), Clock()
    decks, keyring, reader = Decks(url), Keyring(ApiKeys(url)), Reader(url)
    desk = Desk(store_of(database), load_catalogue(), rates=RateBooks(source=decks), clock_us=clock)
    _, key = keyring.keys.create("operator", None, ["management", "live"], clock())
    keyring.refresh()
    exports = Exports(desk.engine, reader, ExportSettings(url, None, folder, SECRET))
    app = management_app(desk, reader, keyring, decks, url=url, means=Means(exports=exports, secret=SECRET))
    known = {getattr(route, "path", "") for route in app.routes}
    for part in (usage, reports):
        if not known & {route.path for route in part.router.routes}:
            app.include_router(part.router)
    await desk.start(rounds=False)
    try:
        async with client_of(app, key) as client:
            await _furnish(client)
            yield Door(desk, client, keyring, clock, app)
    finally:
        await exports.close()
        await desk.stop()


def told(story: Story, database: str, folder: Path) -> None:
    """Runs a story in front of a furnished door."""

    async def run() -> None:
        async with open_reports(database, folder) as door:
            await story(door)

    asyncio.run(run())


async def got(answer: Awaitable[httpx.Response], status: int = 200) -> Any:
    response = await answer
    assert response.status_code == status, response.text
    return response.json()


async def called(door: Door, call_id: str, callee: str = LONDON, seconds: int = 61) -> None:
    """A call of ana that is over."""
    door.clock.now_us += 60_000_000
    call = StartCall("contoso", call_id, 0, "user_out", user=ANA, caller=SEATTLE, callee=callee)
    await door.desk.submit(call)
    assert isinstance(await door.desk.submit(EndCall("contoso", call_id, 1, seconds)), Settled)


def with_roles(door: Door, *roles: str) -> httpx.AsyncClient:
    _, text = door.keyring.keys.create("t", ["contoso"], ["management"], door.clock(), roles=roles)
    door.keyring.refresh()
    return client_of(door.app, text)


async def made(door: Door, **wanted: Any) -> Any:
    """An export, once it has become something."""
    asked = await got(door.client.post(f"{CONTOSO}/exports", json=wanted), 202)
    assert asked["state"] == "waiting"
    await door.app.state.house.means.exports.wait()
    return await got(door.client.get(f"{CONTOSO}/exports/{asked['id']}"))


# --- usage ----------------------------------------------------------------------------------------------


def test_rows_have_the_names_of_the_vendors_log_and_then_ours(database: str, tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        await called(door, "c1", LONDON, 61)
        (row,) = (await got(door.client.get(f"{CONTOSO}/usage")))["usage"]
        assert list(row)[:7] == [
            "id",
            "callId",
            "userId",
            "userPrincipalName",
            "userDisplayName",
            "startDateTime",
            "endDateTime",
        ]
        expected = {
            "userPrincipalName": ANA,
            "duration": 61,
            "charge": "0.024",
            "callType": "user_out",
            "currency": "USD",
            "calleeNumber": LONDON,
            "callerNumber": SEATTLE,
            "usageCountryCode": "US",
            "destinationContext": "International",
            "otherPartyCountryCode": "GB",
            "category": "calling_plan_international",
            "billedSeconds": 120,
            "poolSeconds": 0,
            "paidSeconds": 120,
            "pricePerMinute": "0.012",
            "funding": "credits",
            "balanceAfter": "49.976",
            "corrected": False,
        }
        assert {name: row[name] for name in expected} == expected

    told(story, database, tmp_path)


def test_pages_and_filters(database: str, tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        for number in range(5):
            await called(door, f"c{number}", LONDON if number % 2 else SEATTLE)
        seen, cursor = [], ""
        while cursor is not None:
            page = await got(door.client.get(f"{CONTOSO}/usage", params={"limit": 2, "cursor": cursor}))
            seen += [row["callId"] for row in page["usage"]]
            cursor = page["next"]
            await called(door, f"new-{len(seen)}")
        assert seen == ["c4", "c3", "c2", "c1", "c0"]

        async def ids(**params: str) -> list[str]:
            rows = (await got(door.client.get(f"{CONTOSO}/usage", params=params)))["usage"]
            return [row["callId"] for row in rows if row["callId"].startswith("c")]

        assert await ids(category="calling_plan_domestic") == ["c4", "c2", "c0"]
        assert await ids(user=ANA.upper()) == ["c4", "c3", "c2", "c1", "c0"]
        assert await ids(user="nobody") == await ids(call_type="user_in") == []
        assert await ids(until="2026-03-01T12:02:30Z") == ["c1", "c0"]
        assert await ids(**{"from": "2026-03-01T12:04:30Z"}) == ["c4"]

    told(story, database, tmp_path)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"cursor": "bm9uZQ"}, 400),
        ({"cursor": "WzEsMiwxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyM10"}, 400),
        ({"limit": "0"}, 400),
        ({"from": "yesterday"}, 400),
        ({"from": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"}, 422),
    ],
)
def test_wrong_questions_are_refused(
    sqlite_database: str, tmp_path: Path, query: dict[str, str], status: int
) -> None:
    async def story(door: Door) -> None:
        problem = await got(door.client.get(f"{CONTOSO}/usage", params=query), status)
        assert problem["detail"]

    told(story, sqlite_database, tmp_path)


def test_summary_of_a_thousand_years_is_refused(sqlite_database: str, tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        ages = {"from": "1970-01-01T00:00:00Z", "until": "2999-01-01T00:00:00Z"}
        problem = await got(door.client.get(f"{CONTOSO}/usage/summary", params=ages), 422)
        assert problem["detail"] == "the span holds more than 3,660 days: choose a shorter one"
        assert (await got(door.client.get(f"{CONTOSO}/spend", params=ages)))["total"]["calls"] == 0

    told(story, sqlite_database, tmp_path)


def test_who_may_see_no_names_sees_none(sqlite_database: str, tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        await called(door, "c1")
        await called(door, "c2")
        async with with_roles(door, "billing_administrator") as client:
            answer = await client.get(f"{CONTOSO}/usage")
            assert "ana" not in answer.text
            assert SEATTLE not in answer.text
            users = {row["userId"] for row in answer.json()["usage"]}
            assert len(users) == 1
            assert users.pop().startswith("user-")
            lines = (await got(client.get(f"{CONTOSO}/spend", params={"by": "user"})))["lines"]
            assert [line["key"].startswith("user-") for line in lines] == [True]
            await got(client.get(f"{CONTOSO}/pool-report"), 403)
            body = {"kind": "usage", "format": "csv", "with_names": True}
            await got(client.post(f"{CONTOSO}/exports", json=body), 403)
        async with with_roles(door, "helpdesk_administrator") as client:
            await got(client.get(f"{CONTOSO}/usage"), 403)

    told(story, sqlite_database, tmp_path)


@pytest.mark.parametrize(
    "path", ["usage", "spend", "pool-report", "pools/x/consumers", "exports", "exports/" + "0" * 32]
)
def test_foreign_tenant_does_not_exist(sqlite_database: str, tmp_path: Path, path: str) -> None:
    async def story(door: Door) -> None:
        async with door.with_key(["other"], ["management"]) as client:
            foreign = await got(client.get(f"{CONTOSO}/{path}"), 404)
            unknown = await got(client.get(f"/v1/tenants/nobody/{path}"), 404)
        assert foreign["code"] == unknown["code"] == "unknown_tenant"

    told(story, sqlite_database, tmp_path)


def test_spend_comes_to_the_rows(database: str, tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        for number, callee in enumerate([LONDON, LONDON, SEATTLE, "+33142685300"]):
            await called(door, f"c{number}", callee, 61 * (number + 1))
        rows = (await got(door.client.get(f"{CONTOSO}/usage")))["usage"]
        amount = sum(parse_money(row["charge"]) for row in rows)
        for by, keys in {
            "category": {"calling_plan_international", "calling_plan_domestic"},
            "country": {"GB", "US", "FR"},
            "user": {ANA},
            "service_number": {""},
            "cost_centre": {"Sales"},
        }.items():
            answer = await got(door.client.get(f"{CONTOSO}/spend", params={"by": by}))
            assert answer["reconciled"] is True
            assert {line["key"] for line in answer["lines"]} == keys
            for sums in ([answer["total"]], answer["lines"]):
                assert sum(parse_money(line["amount"]) for line in sums) == amount > 0
                assert sum(line["billed_seconds"] for line in sums) == sum(r["billedSeconds"] for r in rows)
                assert sum(line["calls"] for line in sums) == 4

    told(story, database, tmp_path)


def test_pools_and_their_consumers(database: str, tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        await called(door, "c1", SEATTLE, 61)
        report = await got(door.client.get(f"{CONTOSO}/pool-report"))
        (pool,) = [line for line in report["pools"] if line["used_seconds"]]
        assert (pool["country"], pool["total_seconds"], pool["left_seconds"]) == ("US/PR", 180_000, 179_880)
        assert (pool["used_percent"], pool["mark"]) == (0, "")
        answer = await got(door.client.get(f"{CONTOSO}/pools/{pool['name']}/consumers"))
        assert answer["used_seconds"] == pool["used_seconds"] == 120
        assert answer["consumers"] == [{"user": ANA, "service_number": "", "calls": 1, "seconds": 120}]
        await got(door.client.get(f"{CONTOSO}/pools/none/consumers"), 404)

    told(story, database, tmp_path)


# --- exports --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["xlsx", "csv", "parquet"])
def test_export_is_made_in_a_process_of_its_own_and_read_back(
    sqlite_database: str, tmp_path: Path, form: str
) -> None:
    async def story(door: Door) -> None:
        for number in range(3):
            await called(door, f"c{number}")
        export = await made(door, kind="usage", format=form, with_names=True)
        assert (export["state"], export["rows"], export["error"]) == ("done", 3, "")
        answer = await door.client.get(export["file"])
        assert answer.status_code == 200
        assert len(answer.content) == export["bytes"]
        path = tmp_path / f"back.{form}"
        await asyncio.to_thread(path.write_bytes, answer.content)
        table = await asyncio.to_thread(read_usage, [path])
        assert table.formats == ("calling_plans_25",)
        assert table.calls["upn"].to_list() == [ANA] * 3
        assert table.rejected_rows == 0

    told(story, sqlite_database, tmp_path)


@pytest.mark.parametrize("kind", ["spend", "entries", "pools"])
def test_other_exports(database: str, tmp_path: Path, kind: str) -> None:
    async def story(door: Door) -> None:
        await called(door, "c1")
        export = await made(door, kind=kind, format="csv")
        assert (export["state"], export["error"]) == ("done", "")
        text = (await door.client.get(export["file"])).text
        assert len(text.splitlines()) == export["rows"] + 1 > 1
        assert ANA not in text

    told(story, database, tmp_path)


def test_exports_expire_and_their_files_go(sqlite_database: str, tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        await called(door, "c1")
        export = await made(door, kind="usage", format="csv")
        door.clock.now_us += 8 * 86_400_000_000
        (listed,) = (await got(door.client.get(f"{CONTOSO}/exports")))["exports"]
        assert listed["state"] == "expired"
        await got(door.client.get(f"{CONTOSO}/exports/{export['id']}/file"), 410)
        second = await made(door, kind="entries", format="csv")
        names = [path.name for path in tmp_path.glob("*.csv")]
        assert names == [f"entries-{second['id']}.csv"]
        listed = (await got(door.client.get(f"{CONTOSO}/exports")))["exports"]
        assert [one["id"] for one in listed] == [second["id"]]

    told(story, sqlite_database, tmp_path)


def test_person_is_erased_with_the_exports_that_name_it(database: str, tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        await called(door, "c1")
        await made(door, kind="usage", format="csv", with_names=True)
        erased = await got(door.client.post(f"{CONTOSO}/users/{ANA}/erase", json={"confirm": True}))
        assert (erased["charges"], erased["exports"]) == (1, 1)
        assert list(tmp_path.glob("*.csv")) == []
        documents = await asyncio.to_thread(door.app.state.house.reader.documents, "contoso")
        assert "ana@" not in repr(documents)
        for path in ("usage", "audit", "spend?by=user"):
            answer = await door.client.get(f"{CONTOSO}/{path}")
            assert answer.status_code == 200
            assert "ana@" not in answer.text, path
        await got(door.client.post(f"{CONTOSO}/users/{ANA}/erase", json={"confirm": True}), 409)
        last = (await got(door.client.get(f"{CONTOSO}/audit")))["audit"][0]
        assert last["what"] == "a person was erased"
        assert await asyncio.to_thread(lambda: verify(door.app.state.house.url).is_clean)

    told(story, database, tmp_path)


def test_names_past_their_time_go(sqlite_database: str, tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        await called(door, "c1")
        assert await got(door.client.post(f"{CONTOSO}/retention")) == {"charges": 0}
        door.clock.now_us += 400 * 86_400_000_000
        assert await got(door.client.post(f"{CONTOSO}/retention")) == {"charges": 1}
        params = {"from": "2026-01-01T00:00:00Z"}
        (row,) = (await got(door.client.get(f"{CONTOSO}/usage", params=params)))["usage"]
        assert (row["userPrincipalName"], row["calleeNumber"]) == ("", "+44**********")
        assert (row["charge"], row["flags"]) == ("0.024", ["retention"])

    told(story, sqlite_database, tmp_path)
