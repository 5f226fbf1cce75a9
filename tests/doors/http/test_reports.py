"""What reports hold for whom: names and what stands for them, rights of exports, numbers, forgotten files."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from talktime.insight.exports import KEPT_US, SILENT_US, Exports, new_export
from talktime.insight.usage_export import Made, Task
from tests.databases import database, sqlite_database
from tests.doors.http.houses import Door
from tests.doors.http.test_usage import ANA, CONTOSO, LONDON, SEATTLE, called, got, made, told, with_roles

__all__ = ["database", "sqlite_database"]  # fixtures

BEN = "ben@contoso.example"
DAY_US = 86_400_000_000


async def with_ben(door: Door) -> None:
    """A second user with a cap of his own, and one for the tenant."""
    await got(door.client.put(f"{CONTOSO}/users/{BEN}", json={"upn": BEN, "licences": ["MCOPSTNC"]}))
    caps = [{"scope": "user", "id": BEN, "amount": "7"}, {"scope": "tenant", "amount": "9"}]
    await got(door.client.put(f"{CONTOSO}/caps", json={"caps": caps}))


# --- without names ---------------------------------------------------------------------------------------


def test_who_sees_no_names_asks_by_the_word_of_the_rows(sqlite_database: str, tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        await called(door, "c1")
        async with with_roles(door, "billing_administrator") as client:
            (row,) = (await got(client.get(f"{CONTOSO}/usage")))["usage"]

            async def ids(word: str) -> list[str]:
                rows = (await got(client.get(f"{CONTOSO}/usage", params={"user": word})))["usage"]
                return [one["callId"] for one in rows]

            assert await ids(row["userId"]) == ["c1"]
            assert await ids("user-" + "0" * 16) == []
            assert await ids("+18005550100") == []
            for name in (ANA, "nobody", SEATTLE):
                problem = await got(client.get(f"{CONTOSO}/usage", params={"user": name}), 403)
                assert "may see no names" in problem["detail"], "known or not: the answer is the same"
            await got(door.client.put(f"{CONTOSO}/caps", json={"caps": []}))
            assert (await door.client.delete(f"{CONTOSO}/users/{ANA}")).status_code == 204
            (row,) = (await got(client.get(f"{CONTOSO}/usage")))["usage"]
            assert await ids(row["userId"]) == ["c1"], "also of somebody whom the tenant has no more"

    told(story, sqlite_database, tmp_path)


def test_caps_name_users_only_to_those_who_may_see_them(sqlite_database: str, tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        await with_ben(door)
        for path in (f"{CONTOSO}/caps", CONTOSO):
            async with with_roles(door, "license_administrator", "billing_administrator") as sees:
                caps = (await got(sees.get(path)))["caps"]
                assert caps[0]["id"] == BEN
            async with with_roles(door, "billing_administrator") as client:
                caps = (await got(client.get(path)))["caps"]
                assert [cap["scope"] for cap in caps] == ["user", "tenant"]
                assert caps[0]["id"].startswith("user-")
                assert BEN not in (await client.get(path)).text
        async with with_roles(door, "billing_administrator") as client:
            word = (await got(client.get(f"{CONTOSO}/caps")))["caps"][0]["id"]
            assert (await got(client.get(CONTOSO)))["caps"][0]["id"] == word

    told(story, sqlite_database, tmp_path)


# --- rights of exports -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "kind", "right"),
    [
        ("teams_administrator", "entries", "see_entries"),
        ("billing_administrator", "pools", "see_pool_reports"),
    ],
)
def test_export_holds_no_more_than_the_route_shows(
    sqlite_database: str, tmp_path: Path, role: str, kind: str, right: str
) -> None:
    async def story(door: Door) -> None:
        await called(door, "c1")
        wanted = {"kind": kind, "format": "csv"}
        theirs = await made(door, **wanted)
        async with with_roles(door, role) as client:
            for asked in (client.post(f"{CONTOSO}/exports", json=wanted), client.get(theirs["file"])):
                problem = await got(asked, 403)
                assert right.replace("_", " ") in problem["detail"] or right in problem["detail"]
            for own in ("usage", "spend"):
                await got(client.post(f"{CONTOSO}/exports", json={**wanted, "kind": own}), 202)
        await door.app.state.house.means.exports.wait()

    told(story, sqlite_database, tmp_path)


# --- files that are gone ---------------------------------------------------------------------------------


def test_export_that_is_being_made_does_not_outlive_an_erasure(database: str, tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        exports, begun, go_on = door.app.state.house.means.exports, asyncio.Event(), asyncio.Event()
        tasks: list[Task] = []

        async def slowly(_: Exports, task: Task) -> Made:
            tasks.append(task)
            begun.set()
            await go_on.wait()
            task.path.write_text("ana@contoso.example\n")
            return Made(1, 20)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Exports, "_in_worker", slowly)
            wanted = {"kind": "usage", "format": "csv", "with_names": True}
            asked = await got(door.client.post(f"{CONTOSO}/exports", json=wanted), 202)
            await begun.wait()
            second = await got(door.client.post(f"{CONTOSO}/exports", json=wanted), 202)
            erased = await got(door.client.post(f"{CONTOSO}/users/{ANA}/erase", json={"confirm": True}))
            assert erased["exports"] == 2
            go_on.set()
            await exports.wait()
        assert [task.path.name for task in tasks] == [f"usage-{asked['id']}.csv"], "the other one never began"
        assert list(tmp_path.glob("*.csv")) == []
        assert (await got(door.client.get(f"{CONTOSO}/exports")))["exports"] == []
        await got(door.client.get(f"{CONTOSO}/exports/{second['id']}"), 404)

    told(story, database, tmp_path)


def test_sweep_removes_files_first_and_a_week_later_what_is_known(
    sqlite_database: str, tmp_path: Path
) -> None:
    async def story(door: Door) -> None:
        exports: Exports = door.app.state.house.means.exports
        first = await made(door, kind="entries", format="csv")
        path = tmp_path / f"entries-{first['id']}.csv"
        assert await exports.sweep() == 0
        assert path.exists()
        door.clock.now_us += KEPT_US
        assert await exports.sweep() == 0
        assert not path.exists()
        await got(door.client.get(f"{CONTOSO}/exports/{first['id']}/file"), 410)
        door.clock.now_us += KEPT_US
        assert await exports.sweep() == 1
        assert (await got(door.client.get(f"{CONTOSO}/exports")))["exports"] == []

    told(story, sqlite_database, tmp_path)


def test_sweep_removes_what_a_killed_process_left(sqlite_database: str, tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        exports, now_us = door.app.state.house.means.exports, door.clock()

        def left(age_us: int, name: str = "{}") -> Path:
            stray = new_export("usage", "csv", 0, 1, with_names=True, who="", now_us=now_us - age_us)
            path = tmp_path / name.format(stray.file_name)
            path.write_text(ANA)
            return path

        old = [left(SILENT_US + KEPT_US), left(SILENT_US, ".{}.0a1b2c3d.part")]
        new = [left(SILENT_US), left(SILENT_US - 1, ".{}.0a1b2c3d.part"), tmp_path / "notes.csv"]
        new[-1].write_text("somebody else's")
        await exports.sweep()
        assert [path.exists() for path in (*old, *new)] == [False] * 2 + [True] * 3

    told(story, sqlite_database, tmp_path)


def test_exports_are_listed_newest_first_page_by_page(sqlite_database: str, tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        ordered = []
        for _ in range(3):
            door.clock.now_us += 1
            ordered.append((await made(door, kind="entries", format="csv"))["id"])
        found, cursor = [], ""
        while cursor is not None:
            page = await got(door.client.get(f"{CONTOSO}/exports", params={"limit": 2, "cursor": cursor}))
            found += [one["id"] for one in page["exports"]]
            cursor = page["next"]
        assert found == ordered[::-1]

    told(story, sqlite_database, tmp_path)


# --- numbers of other people -----------------------------------------------------------------------------


@pytest.mark.parametrize(("country", "shown"), [("US", LONDON), ("DE", LONDON[:-3] + "***")])
def test_calls_hide_digits_as_usage_does(
    sqlite_database: str, tmp_path: Path, country: str, shown: str
) -> None:
    async def story(door: Door) -> None:
        await called(door, "c1", LONDON)
        settings = await got(door.client.get(CONTOSO))
        settings["tenant"]["country"] = country
        await got(door.client.put(CONTOSO, json=settings))
        await door.call("c2", LONDON)
        facts = (await got(door.client.get(f"{CONTOSO}/calls/c1")))["facts"]
        assert (facts["caller"], facts["callee"]) == (SEATTLE, shown)
        (open_call,) = (await got(door.client.get(f"{CONTOSO}/calls-in-progress")))["calls"]
        assert (open_call["caller"], open_call["callee"]) == ("", shown)
        (row,) = (await got(door.client.get(f"{CONTOSO}/usage")))["usage"]
        assert row["calleeNumber"] == shown

    told(story, sqlite_database, tmp_path)


# --- bad input and the audit log -------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["pool-report", "pools", "caps", "pools/x/consumers"])
def test_months_outside_the_calendar_are_refused(sqlite_database: str, tmp_path: Path, path: str) -> None:
    async def story(door: Door) -> None:
        for month in ("9999-12", "3000-01", "1969-12", "0001-01"):
            problem = await got(door.client.get(f"{CONTOSO}/{path}", params={"month": month}), 400)
            assert "must lie between 1970 and 2999" in problem["detail"]
        for month in ("1970-01", "2999-12"):
            answer = await door.client.get(f"{CONTOSO}/{path}", params={"month": month})
            assert answer.status_code in (200, 404), answer.text

    told(story, sqlite_database, tmp_path)


def test_forged_cursors_are_refused(database: str, tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        for place in ('"\\u0000"', f'"{"x" * 500}"', "[1]"):
            cursor = base64.urlsafe_b64encode(place.encode()).rstrip(b"=").decode()
            for path in ("tickets", "approvals", "exports"):
                await got(door.client.get(f"{CONTOSO}/{path}", params={"cursor": cursor}), 400)

    told(story, database, tmp_path)


def test_amounts_in_sentences_are_money(sqlite_database: str, tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        body = {"amount": "-50.5", "reason": "a mistake", "reference": "r1"}
        problem = await got(door.client.post(f"{CONTOSO}/adjustments", json=body), 409)
        assert problem["detail"] == "only 50 USD are free to be taken back"

    told(story, sqlite_database, tmp_path)


def test_keys_and_forgetting_stand_in_the_audit_log_of_the_tenant(database: str, tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        async with with_roles(door, "global_administrator") as client:
            body: dict[str, Any] = {"name": "billing desk", "scopes": ["management"]}
            key = await got(client.post(f"{CONTOSO}/keys", json=body), 201)
            assert (await client.delete(f"{CONTOSO}/keys/{key['id']}")).status_code == 204
            assert (await client.delete(f"{CONTOSO}/keys/{key['id']}")).status_code == 204
            await got(client.post(f"{CONTOSO}/retention"))
            lines = (await got(client.get(f"{CONTOSO}/audit")))["audit"]
        forgot, revoked, added = lines[:3]
        assert forgot["what"] == "names taken out of calls that are past their days"
        assert revoked["what"] == f"key {key['id']} revoked"
        assert added["what"] == f"key {key['id']} (billing desk) made"
        assert '"tenants":["contoso"]' in added["after"]
        assert {line["who"].split(" ")[0] for line in lines[:3]} == {"key"}
        both = {"name": "two", "scopes": ["live"], "tenants": ["contoso", "other"]}
        await got(door.client.post("/v1/keys", json=both), 201)
        newest = (await got(door.client.get(f"{CONTOSO}/audit")))["audit"][0]
        assert "(two) made" in newest["what"]
        assert "other" not in newest["after"], "whose else it is, is no business of this tenant"

    told(story, database, tmp_path)
