"""Parts of a tenant over HTTP: administrators, alerts, caps, billing accounts; two editors at once."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from tests.databases import database, sqlite_database
from tests.doors.http.houses import Door
from tests.doors.http.test_people import got, told

__all__ = ["database", "sqlite_database"]  # fixtures

CONTOSO = "/v1/tenants/contoso"

EMPEROR = {"upn": "kim@contoso.example", "roles": ["emperor"]}
KIM = {"upn": "kim@contoso.example", "name": "Kim", "roles": ["billing_administrator"]}
LEE = {"upn": "lee@contoso.example", "mail": "lee@mail.example", "roles": ["global_administrator"]}
LEVELS: dict[str, Any] = {
    "low": ["200", "50"],
    "runway_days": 10,
    "recipients": {"balance_low": ["teams_administrator"]},
}
DIRECT = {"id": "direct", "agreement": "MOSA", "country": "US", "name": "Contoso Ltd", "tax_id": "12-3456789"}
NEW = {"id": "new", "agreement": "MCA", "country": "US", "name": "Contoso Ltd", "tax_id": "12-3456789"}


def shown(body: dict[str, Any]) -> dict[str, Any]:
    """An account as it is shown: what it was not told has its usual value."""
    return {**body, "post_usage_enabled": True}


@pytest.mark.parametrize(
    ("path", "body", "role"),
    [
        ("/administrators", {"administrators": [KIM, LEE]}, "global_administrator"),
        ("/alerts", LEVELS, "billing_administrator"),
        ("/billing-accounts/direct", shown(DIRECT), "billing_administrator"),
    ],
)
def test_part_is_put_seen_and_put_once_by_two_editors(
    database: str, path: str, body: dict[str, Any], role: str
) -> None:
    async def story(door: Door) -> None:
        async with door.holder(role) as client:
            put = await client.put(f"{CONTOSO}{path}", json=body)
            assert put.status_code == 200, put.text
            assert put.json() == body
            seen = await client.get(f"{CONTOSO}{path}")
            assert (seen.json(), seen.headers["ETag"]) == (body, put.headers["ETag"])
            headers = {"If-Match": seen.headers["ETag"]}
            other = [{**body, "name": name} if "id" in body else changed(body, name) for name in ("A", "B")]
            answers = await asyncio.gather(
                *(client.put(f"{CONTOSO}{path}", json=one, headers=headers) for one in other)
            )
            assert sorted(answer.status_code for answer in answers) == [200, 412]
            (won,) = [answer.json() for answer in answers if answer.status_code == 200]
            assert (await client.get(f"{CONTOSO}{path}")).json() == won
        assert (await got(door.client.get(f"{CONTOSO}/users")))["users"], "all else stays"
        lines = (await got(door.client.get(f"{CONTOSO}/audit")))["audit"]
        assert [line["who"].endswith("(test)") for line in lines[:2]] == [True, True]
        assert lines[1]["after"] == lines[0]["before"], "what the first one wrote is what the second one saw"

    told(story, database)


def changed(body: dict[str, Any], name: str) -> dict[str, Any]:
    """The same part with another name or level in it."""
    if "administrators" in body:
        return {"administrators": [{**KIM, "name": name}]}
    return {**body, "low": ["20" if name == "A" else "10"]}


def test_settings_as_a_whole_have_an_etag_too(database: str) -> None:
    async def story(door: Door) -> None:
        seen = await door.client.get(CONTOSO)
        headers = {"If-Match": seen.headers["ETag"]}
        await got(door.client.put(f"{CONTOSO}/administrators", json={"administrators": [KIM]}))
        late = await got(door.client.put(CONTOSO, json=seen.json(), headers=headers), 412)
        assert late["code"] == "changed_meanwhile"
        now = await door.client.get(CONTOSO)
        assert now.json()["administrators"] == [KIM]
        again = {**now.json(), "caps": []}
        await got(door.client.put(CONTOSO, json=again, headers={"If-Match": now.headers["ETag"]}))

    told(story, database)


@pytest.mark.parametrize(
    ("path", "body", "pointer", "words"),
    [
        (
            "/administrators",
            {"administrators": [EMPEROR]},
            "/administrators/0",
            "emperor",
        ),
        (
            "/administrators",
            {"administrators": [KIM, {"upn": "KIM@contoso.example"}]},
            None,
            "already",
        ),
        ("/alerts", {"low": ["-5"]}, "/low", "low"),
        ("/alerts", {"recipients": {"balance_zero": ["teams_administrator"]}}, None, "balance_zero"),
        ("/alerts", {"chat": ["smb://inner/share"]}, None, "chat"),
        ("/caps", {"caps": [{"scope": "user", "id": "nobody", "amount": "3"}]}, "/caps/0", "nobody"),
        ("/billing-accounts/new", {**NEW, "id": "other"}, "/id", "another than"),
        ("/billing-accounts/new", {**NEW, "agreement": "IOU"}, "/agreement", "IOU"),
    ],
)
def test_part_that_cannot_be_is_refused(
    sqlite_database: str, path: str, body: dict[str, Any], pointer: str | None, words: str
) -> None:
    async def story(door: Door) -> None:
        before = await got(door.client.get(CONTOSO))
        problem = await got(door.client.put(f"{CONTOSO}{path}", json=body), 422)
        assert words in problem["detail"], problem
        if pointer is not None:
            assert problem["pointer"].startswith(pointer), problem
        assert await got(door.client.get(CONTOSO)) == before

    told(story, sqlite_database)


def test_caps_are_put_by_those_who_may(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        caps = {"caps": [{"scope": "tenant", "id": "contoso", "amount": "500"}]}
        async with door.holder("teams_administrator") as client:
            first = await client.put(f"{CONTOSO}/caps", json=caps)
            assert (first.status_code, first.json()) == (200, caps)
            stale = {"If-Match": '"0"'}
            await got(client.put(f"{CONTOSO}/caps", json={"caps": []}, headers=stale), 412)
            own = {"If-Match": first.headers["ETag"]}
            assert await got(client.put(f"{CONTOSO}/caps", json={"caps": []}, headers=own)) == {"caps": []}

    told(story, sqlite_database)


FREE_LICENCES: list[dict[str, Any]] = [{"plan": "MCOPSTN1", "purchased": 99, "billing_account": "direct"}]
FOR_LONGER = [{"plan": "MCOPSTN1", "purchased": 2, "until": "2030-01-01T00:00:00Z"}, *FREE_LICENCES]


@pytest.mark.parametrize(
    ("path", "change", "right"),
    [
        ("", {"licences": FREE_LICENCES}, "edit subscriptions"),
        ("", {"licences": FOR_LONGER}, "edit subscriptions"),
        ("", {"licences": []}, "edit subscriptions"),
        ("", {"billing_accounts": [{"id": "direct", "agreement": "MCA"}]}, "edit agreements"),
        (
            "",
            {"billing_accounts": [{"id": "direct", "agreement": "MOSA", "country": "CA"}]},
            "edit agreements",
        ),
        ("/billing-accounts/direct", {"id": "direct", "agreement": "MCA"}, "edit agreements"),
        ("/billing-accounts/new", NEW, "edit agreements"),
    ],
)
def test_tenant_does_not_grant_itself_what_it_pays_for(
    sqlite_database: str, path: str, change: dict[str, Any], right: str
) -> None:
    """What is bought, and under which agreement, only the provider changes; all else is the tenant's."""

    async def story(door: Door) -> None:
        before = await got(door.client.get(CONTOSO))
        sent = change if path else before | change
        async with door.holder("global_administrator", "billing_administrator") as client:
            problem = await got(client.put(f"{CONTOSO}{path}", json=sent), 403)
            assert problem["code"] == "forbidden"
            assert problem["detail"] == f"your roles do not allow to {right}; this may: Provider"
            assert await got(client.get(CONTOSO)) == before
            await got(client.put(CONTOSO, json={**before, "guards": {"concurrent_calls": 5}}))
            await got(client.put(f"{CONTOSO}/billing-accounts/direct", json=DIRECT))
        await got(door.client.put(f"{CONTOSO}{path}", json=sent))

    told(story, sqlite_database)


ROOM = "discord://123456789012345678/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"


@pytest.mark.parametrize("path", ["/alerts", ""])
def test_audit_keeps_no_address_of_a_chat_room(sqlite_database: str, path: str) -> None:
    async def story(door: Door) -> None:
        whole = await got(door.client.get(CONTOSO))
        for room in (ROOM, ROOM.replace("a", "b"), ""):
            alerts = {"chat": [room] if room else [], "low": ["50"]}
            await got(
                door.client.put(f"{CONTOSO}{path}", json={**whole, "alerts": alerts} if not path else alerts)
            )
        lines = (await got(door.client.get(f"{CONTOSO}/audit")))["audit"][:3]
        assert "123456789012345678" not in str(lines)
        first, second = (re.findall(r"discord#[0-9a-f]{8}(?=\")", lines[at]["before"]) for at in (1, 0))
        assert len({*first, *second}) == 2, "another room is another word"
        assert re.findall("discord#[0-9a-f]+", lines[1]["after"]) == second

    told(story, sqlite_database)


def test_default_billing_account_is_chosen(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        await got(door.client.put(f"{CONTOSO}/billing-accounts/new", json=NEW))
        accounts = await got(door.client.get(f"{CONTOSO}/billing-accounts"))
        assert ([one["id"] for one in accounts["billing_accounts"]], accounts["default"]) == (
            ["direct", "new"],
            "direct",
        )
        chosen = await got(door.client.put(f"{CONTOSO}/default-billing-account/new"))
        assert chosen["default"] == "new"
        problem = await got(door.client.put(f"{CONTOSO}/default-billing-account/none"), 404)
        assert problem["code"] == "unknown_billing_account"
        await got(door.client.get(f"{CONTOSO}/billing-accounts/none"), 404)
        (line, *_) = (await got(door.client.get(f"{CONTOSO}/audit")))["audit"]
        assert (line["what"], line["before"], line["after"]) == (
            "default billing account set",
            "direct",
            "new",
        )

    told(story, sqlite_database)


def test_eligibility_names_rules_and_remedies(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        assert (await got(door.client.get(f"{CONTOSO}/eligibility")))["can_buy"] is True
        await got(door.client.put(f"{CONTOSO}/billing-accounts/new", json=NEW))
        await got(door.client.put(f"{CONTOSO}/default-billing-account/new"))
        answer = await got(door.client.get(f"{CONTOSO}/eligibility"))
        assert answer["can_buy"] is False
        rules = {rule["rule"]: rule for rule in answer["rules"]}
        failed = rules["default_account_is_mosa"]
        assert (failed["outcome"], failed["offenders"]) == ("failed", ["new"])
        assert failed["remedy"]

    told(story, sqlite_database)


def test_needs_and_features_are_answered_in_sentences(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        needs = await got(door.client.get(f"{CONTOSO}/needs"))
        assert needs["needed"] is True
        assert ["+18005550100"] in [reason["who"] for reason in needs["reasons"]]
        features = (await got(door.client.get("/v1/features")))["features"]
        async with door.holder("helpdesk_administrator") as client:
            for feature in features:
                one = await got(client.get(f"/v1/features/{feature['id']}"))
                assert one == feature
                assert one["ways"]
                assert all(way["sentence"] for way in one["ways"])
            problem = await got(client.get("/v1/features/teleporting"), 404)
            assert problem["code"] == "unknown_feature"

    told(story, sqlite_database)
