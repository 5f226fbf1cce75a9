"""What the provider does over HTTP: status, exceptions, adjustments by two persons; keys that may no more."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.databases import database, sqlite_database
from tests.doors.http.houses import TENANT, Door, client_of
from tests.doors.http.test_people import got, told

__all__ = ["database", "sqlite_database"]  # fixtures

CONTOSO = "/v1/tenants/contoso"
LARGE = {"amount": "2500", "reason": "goodwill"}


def provider(door: Door) -> httpx.AsyncClient:
    """Another person of the provider."""
    return door.with_key(None, ["management"], ["provider"])


# --- status -----------------------------------------------------------------------------------------------


def test_tenant_is_suspended_made_active_and_closed(database: str) -> None:
    async def put(door: Door, status: str, code: int = 200, reason: str = "case 4711") -> Any:
        body = {"status": status, "reason": reason}
        return await got(door.client.put(f"{CONTOSO}/status", json=body), code)

    async def story(door: Door) -> None:
        assert await got(door.client.get(f"{CONTOSO}/status")) == {"status": "active"}
        assert await put(door, "suspended") == {"status": "suspended"}
        assert (await got(door.client.get(f"{CONTOSO}/status")))["status"] == "suspended"
        await put(door, "active")
        await put(door, "asleep", 400)
        await put(door, "suspended", 400, reason="")
        await door.call("c1")
        assert (await put(door, "closed", 409))["code"] == "calls_open"
        await got(door.client.post(f"{CONTOSO}/calls/c1/release"))
        assert await put(door, "closed") == {"status": "closed"}
        assert (await put(door, "active", 409))["code"] == "tenant_closed"
        credits = await got(door.client.get(f"{CONTOSO}/credits"))
        assert credits["balance"] == "0", "what was left is written off"
        (line, *_) = (await got(door.client.get(f"{CONTOSO}/audit")))["audit"]
        assert line["what"] == "tenant closed: case 4711"

    told(story, database)


# --- exceptions -------------------------------------------------------------------------------------------


def test_exception_is_granted_used_and_ended(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        account = {"id": "direct", "agreement": "CSP"}
        await got(door.client.put(f"{CONTOSO}/billing-accounts/direct", json=account))
        assert (await got(door.client.get(f"{CONTOSO}/eligibility")))["can_buy"] is False
        waiver = {"rule": "not_through_csp", "reason": "case 7", "until": "2026-06-01T00:00:00Z"}
        granted = await got(door.client.post(f"{CONTOSO}/waivers", json=waiver), 201)
        assert granted["granted_by"].endswith("(operator)")
        assert await got(door.client.get(f"{CONTOSO}/waivers")) == {"waivers": [granted]}
        answer = await got(door.client.get(f"{CONTOSO}/eligibility"))
        (rule,) = [one for one in answer["rules"] if one["rule"] == "not_through_csp"]
        assert rule["outcome"] != "failed"
        assert rule["exception"]["reason"] == "case 7"
        await got(door.client.delete(f"{CONTOSO}/waivers/not_through_csp"), 204)
        problem = await got(door.client.delete(f"{CONTOSO}/waivers/not_through_csp"), 404)
        assert problem["code"] == "unknown_waiver"
        assert (await got(door.client.get(f"{CONTOSO}/eligibility")))["can_buy"] is False

    told(story, sqlite_database)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"rule": "is_friendly"}, "unknown_rule"),
        ({"until": "2026-01-01T00:00:00Z"}, "ends_before_it_begins"),
        ({"reason": "  "}, "reason_missing"),
    ],
)
def test_exception_that_cannot_be_is_refused(sqlite_database: str, change: dict[str, str], code: str) -> None:
    async def story(door: Door) -> None:
        waiver = {"rule": "not_through_csp", "reason": "case 7", "until": "2026-06-01T00:00:00Z"}
        problem = await got(door.client.post(f"{CONTOSO}/waivers", json={**waiver, **change}), 422)
        assert problem["code"] == code

    told(story, sqlite_database)


# --- adjustments by two persons ---------------------------------------------------------------------------


def test_large_adjustment_takes_two_persons(database: str) -> None:
    async def story(door: Door) -> None:
        large = {**LARGE, "reference": "r1"}
        asked = await got(door.client.post(f"{CONTOSO}/adjustments", json=large), 202)
        assert (asked["id"], asked["state"], asked["amount"]) == ("A-contoso-000001", "pending", "2500")
        assert (await got(door.client.get(f"{CONTOSO}/credits")))["balance"] == "50", "nothing is booked"
        approve = f"{CONTOSO}/approvals/{asked['id']}/approve"
        problem = await got(door.client.post(approve), 403)
        assert problem["code"] == "second_person_needed"
        async with provider(door) as other:
            approved = await got(other.post(approve))
            assert (approved["approval"]["state"], approved["balance"]) == ("approved", "2550")
            assert (await got(other.post(approve), 409))["code"] == "already_decided"
            unknown = await got(other.post(f"{CONTOSO}/approvals/A-9/approve"), 404)
            assert unknown["code"] == "unknown_approval"
        assert (await got(door.client.get(f"{CONTOSO}/credits")))["balance"] == "2550"

    told(story, database)


def test_second_key_of_the_first_person_is_no_second_person(sqlite_database: str) -> None:
    """A key that was made after the request approves nothing; one that was there before does."""

    async def story(door: Door) -> None:
        async with provider(door) as other:
            door.clock.now_us += 1
            large = {**LARGE, "reference": "r1"}
            asked = await got(door.client.post(f"{CONTOSO}/adjustments", json=large), 202)
            approve = f"{CONTOSO}/approvals/{asked['id']}/approve"
            door.clock.now_us += 1
            async with provider(door) as new:
                problem = await got(new.post(approve), 403)
                assert problem["code"] == "second_person_needed"
                assert "key" in problem["detail"]
            assert (await got(other.post(approve)))["balance"] == "2550"

    told(story, sqlite_database)


def test_partner_is_set_by_the_provider(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        place = f"{CONTOSO}/partner"
        assert await got(door.client.get(place)) == {"partner": None}
        assert await got(door.client.put(place, json={"partner": "fabrikam"})) == {"partner": "fabrikam"}
        async with door.holder("global_administrator") as client:
            assert await got(client.get(place)) == {"partner": "fabrikam"}
            await got(client.put(place, json={"partner": ""}), 403)
        assert await got(door.client.put(place, json={"partner": ""})) == {"partner": None}
        (line, *_) = (await got(door.client.get(f"{CONTOSO}/audit")))["audit"]
        assert (line["what"], line["before"], line["after"]) == ("partner removed", "fabrikam", "")

    told(story, sqlite_database)


def test_adjustments_are_listed_in_pages_and_declined(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        for number in range(3):
            large = {**LARGE, "reference": f"r{number}"}
            await got(door.client.post(f"{CONTOSO}/adjustments", json=large), 202)
        declined = await got(
            door.client.post(f"{CONTOSO}/approvals/A-contoso-000002/decline", json={"reason": "a mistake"})
        )
        assert (declined["state"], declined["answer"]) == ("declined", "a mistake")
        found, cursor = [], ""
        while cursor is not None:
            query = {"limit": "2", **({"cursor": cursor} if cursor else {})}
            page = await got(door.client.get(f"{CONTOSO}/approvals", params=query))
            found += [(one["id"][-1], one["state"]) for one in page["approvals"]]
            cursor = page["next"]
        assert found == [("1", "pending"), ("2", "declined"), ("3", "pending")]
        for forged in ("!!", "e30", "WzFd", "x" * 9):
            problem = await got(door.client.get(f"{CONTOSO}/approvals", params={"cursor": forged}), 400)
            assert problem["code"] == "malformed"

    told(story, sqlite_database)


# --- keys -------------------------------------------------------------------------------------------------


def test_key_of_a_tenant_is_made_by_its_administrator(database: str) -> None:
    async def story(door: Door) -> None:
        other = {"tenant": {**TENANT["tenant"], "id": "fabrikam"}}
        await got(door.client.post("/v1/tenants", json=other), 201)
        body = {"name": "billing desk", "scopes": ["management"], "roles": ["billing_administrator"]}
        async with door.holder("global_administrator") as client:
            made = await got(client.post(f"{CONTOSO}/keys", json=body), 201)
            assert (made["tenants"], made["roles"]) == (["contoso"], ["billing_administrator"])
            async with client_of(door.app, made["key"]) as desk:
                await got(desk.get(f"{CONTOSO}/credits"))
                await got(desk.get(f"{CONTOSO}/users"), 403)
                await got(desk.post(f"{CONTOSO}/keys", json=body), 403)
                await got(desk.get("/v1/tenants/fabrikam"), 404)
            listed = await got(client.get(f"{CONTOSO}/keys"))
            assert made["id"] in [key["id"] for key in listed["keys"]]
            assert made["key"] not in str(listed)
            assert all(key["tenants"] == ["contoso"] for key in listed["keys"])
            await got(client.delete(f"{CONTOSO}/keys/{made['id']}"), 204)
        async with client_of(door.app, made["key"]) as desk:
            await got(desk.get(f"{CONTOSO}/credits"), 401)

    told(story, database)


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        (f"{CONTOSO}/keys", {"roles": ["provider"]}, 403, "forbidden"),
        (f"{CONTOSO}/keys", {"roles": ["admin_agent"]}, 403, "forbidden"),
        (f"{CONTOSO}/keys", {"roles": ["auditor"]}, 403, "forbidden"),
        (f"{CONTOSO}/keys", {"roles": ["emperor"]}, 422, "unknown_role"),
        (f"{CONTOSO}/keys", {"roles": ["billing_administrator"], "scopes": ["live"]}, 422, "invalid"),
        (f"{CONTOSO}/keys", {"tenants": "*"}, 400, "malformed"),
        ("/v1/keys", {"tenants": ["contoso"]}, 403, "forbidden"),
        ("/v1/tenants/fabrikam/keys", {}, 404, "unknown_tenant"),
    ],
)
def test_nobody_makes_a_key_that_may_more(
    sqlite_database: str, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    async def story(door: Door) -> None:
        async with door.holder("global_administrator") as client:
            asked = {"name": "mine", "scopes": ["management"], **body}
            assert (await got(client.post(path, json=asked), status))["code"] == code

    told(story, sqlite_database)


def test_administrator_of_all_tenants_hands_out_no_roles_of_operators(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        async with door.with_key(None, ["management"], ["global_administrator"]) as client:
            for tenants, roles in (("*", []), ("*", ["provider"]), (["contoso"], ["provider"])):
                asked = {"name": "mine", "scopes": ["management"], "tenants": tenants, "roles": roles}
                assert (await got(client.post("/v1/keys", json=asked), 403))["code"] == "forbidden"
            asked = {"name": "mine", "scopes": ["management"], "tenants": ["contoso"]}
            made = await got(client.post("/v1/keys", json=asked), 201)
            assert made["roles"] == ["global_administrator"]

    told(story, sqlite_database)


def test_key_of_another_tenant_is_not_revoked(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        body = {"name": "both", "tenants": ["contoso", "fabrikam"], "scopes": ["live"]}
        both = await got(door.client.post("/v1/keys", json=body), 201)
        async with door.holder("global_administrator") as client:
            for key in (both["id"], "0" * 16, "f" * 16, "0", "ab"):
                assert (await got(client.delete(f"{CONTOSO}/keys/{key}"), 404))["code"] == "unknown_key"
            listed = (await got(client.get(f"{CONTOSO}/keys")))["keys"]
            assert both["id"] not in [key["id"] for key in listed]
        kept = (await got(door.client.get("/v1/keys")))["keys"]
        assert [key["revoked_at"] for key in kept if key["id"] == both["id"]] == [None]

    told(story, sqlite_database)
