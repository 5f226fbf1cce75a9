"""People who are signed in ask the management API: as who they are now, in each tenant as it says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from talktime.accounts.passwords import Cost
from talktime.accounts.signing_in import Limits, NotSignedIn, SigningIn
from talktime.catalog.side import load_roles
from talktime.doors.http.management.as_person import AsPerson
from talktime.doors.http.relay import EngineHost
from talktime.ledger.database import open_url
from talktime.ledger.store import StoreAway
from tests.databases import sqlite_database
from tests.doors.http.houses import TENANT, Door, open_door

__all__ = ["sqlite_database"]  # a fixture

S = 1_000_000
ANA, BEN, EVE, OLGA = (f"{name}@contoso.example" for name in ("ana", "ben", "eve", "olga"))
PASSWORD = "a horse on a staple"
LIMITS = Limits(cost=Cost(rounds=1, memory_kib=8))
INVITATION = "/invitation/"


@dataclass(frozen=True)
class Center:
    """A management door whose people can sign in."""

    door: Door
    signing_in: SigningIn

    def person(self, upn: str, **more: Any) -> httpx.AsyncClient:
        """The API as somebody who has just signed in."""
        token = self.signing_in.invite(upn, **more)
        assert isinstance(token, str), token
        return self.accepted(token)

    def accepted(self, token: str) -> httpx.AsyncClient:
        answer = self.signing_in.accept(token, PASSWORD)
        assert not isinstance(answer, NotSignedIn), answer
        return self.holder(answer[1])

    def holder(self, secret: str, *, touch: bool = True) -> httpx.AsyncClient:
        app = AsPerson(self.door.app, self.signing_in).app_for(secret, touch=touch)
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://talktime.test")

    async def administrators(self, tenant: str, **roles: str) -> None:
        people = [{"upn": f"{name}@contoso.example", "roles": [role]} for name, role in roles.items()]
        body = {"administrators": people}
        answer = await self.door.client.put(f"/v1/tenants/{tenant}/administrators", json=body)
        assert answer.status_code == 200, answer.text

    async def tenant(self, name: str) -> None:
        tables = {**TENANT, "tenant": {**TENANT["tenant"], "id": name, "name": name.title()}}
        assert (await self.door.client.post("/v1/tenants", json=tables)).status_code == 201


def told(database: str, story: Callable[[Center], Awaitable[None]]) -> None:
    async def run() -> None:
        async with open_door(database) as door:
            signing_in = SigningIn(open_url(database), door.clock, LIMITS)
            door.app.state.house = replace(door.app.state.house, signing_in=signing_in)
            await story(Center(door, signing_in))

    asyncio.run(run())


def said(answer: httpx.Response) -> tuple[int, str]:
    """(status, code of the problem or "")."""
    is_problem = answer.status_code >= 400
    return answer.status_code, answer.json()["code"] if is_problem else ""


async def code_of(client: httpx.AsyncClient, path: str, method: str = "GET", **more: Any) -> tuple[int, str]:
    return said(await client.request(method, path, **more))


# --- as who they are now ---------------------------------------------------------------------------------


def test_a_person_has_in_each_tenant_the_roles_that_it_gives(sqlite_database: str) -> None:
    async def story(the: Center) -> None:
        await the.tenant("fabrikam")
        await the.tenant("adatum")
        await the.administrators("contoso", ana="billing_administrator")
        await the.administrators("fabrikam", ana="teams_administrator")
        async with the.person("Ana@Contoso.example") as ana:
            assert [
                await code_of(ana, f"/v1/tenants/{tenant}/{part}")
                for tenant in ("contoso", "fabrikam", "adatum", "nowhere")
                for part in ("entries", "calls", "credits")
            ] == [
                (200, ""),
                (403, "forbidden"),
                (200, ""),
                (403, "forbidden"),
                (200, ""),
                (200, ""),
                *[(404, "unknown_tenant")] * 6,
            ]
            listed = (await ana.get("/v1/tenants")).json()["tenants"]
            assert [line["id"] for line in listed] == ["contoso", "fabrikam"]
            assert await code_of(ana, "/v1/keys") == (403, "forbidden")
            assert await code_of(ana, "/v1/people") == (403, "forbidden")

    told(sqlite_database, story)


def test_a_role_that_is_taken_away_ends_at_the_next_request(sqlite_database: str) -> None:
    async def story(the: Center) -> None:
        await the.administrators("contoso", ana="billing_administrator")
        async with the.person(ANA) as ana:
            assert await code_of(ana, "/v1/tenants/contoso/entries") == (200, "")
            await the.administrators("contoso", ana="helpdesk_administrator")
            assert await code_of(ana, "/v1/tenants/contoso/entries") == (403, "forbidden")
            assert await code_of(ana, "/v1/tenants/contoso/users") == (200, "")
            await the.administrators("contoso")
            assert await code_of(ana, "/v1/tenants/contoso/users") == (404, "unknown_tenant")
            me = (await ana.get("/v1/me")).json()
            assert (me["kind"], me["id"], me["tenants"]) == ("person", ANA, [])

    told(sqlite_database, story)


def test_a_partner_sees_its_customers_only(sqlite_database: str) -> None:
    async def story(the: Center) -> None:
        for name in ("customer", "other"):
            await the.tenant(name)
            body = {"partner": "cloud" if name == "customer" else "cloud-2"}
            assert (await the.door.client.put(f"/v1/tenants/{name}/partner", json=body)).status_code == 200
        async with the.person("pam@cloud.example", partner="cloud") as pam:
            me = (await pam.get("/v1/me")).json()
            assert (me["partner"], me["operations"]) == ("cloud", [])
            shown = {"id": "customer", "name": "Customer", "status": "active", "roles": ["admin_agent"]}
            assert me["tenants"] == [shown]
            assert await code_of(pam, "/v1/tenants/customer/credits") == (200, "")
            assert await code_of(pam, "/v1/tenants/customer/entries") == (403, "forbidden")
            for foreign in ("other", "contoso"):
                assert await code_of(pam, f"/v1/tenants/{foreign}/credits") == (404, "unknown_tenant")
            await the.door.client.put("/v1/tenants/customer/partner", json={"partner": ""})
            assert await code_of(pam, "/v1/tenants/customer/credits") == (404, "unknown_tenant")

    told(sqlite_database, story)


def test_a_session_that_has_ended_asks_nothing_more(sqlite_database: str) -> None:
    async def story(the: Center) -> None:
        async with the.person(OLGA, roles=["auditor"]) as olga, the.holder("nobody's") as nobody:
            assert await code_of(olga, "/v1/tenants/contoso") == (200, "")
            assert await code_of(nobody, "/v1/me") == (401, "signed_out")
            the.signing_in.end_all(OLGA)
            assert await code_of(olga, "/v1/tenants/contoso") == (401, "signed_out")
            assert await code_of(olga, "/v1/me") == (401, "signed_out")

    told(sqlite_database, story)


def test_what_a_page_asks_by_itself_keeps_no_session_alive(sqlite_database: str) -> None:
    async def story(the: Center) -> None:
        secret = the.signing_in.with_openid(OLGA, "Olga", frozenset({"auditor"}), {})[1]
        async with the.holder(secret, touch=False) as page:
            for _ in range(29):
                the.door.clock.now_us += 60 * S
                assert await code_of(page, "/v1/me") == (200, "")
            the.door.clock.now_us += 60 * S
            assert await code_of(page, "/v1/me") == (401, "signed_out")

    told(sqlite_database, story)


def test_bodies_of_people_are_bounded_like_those_of_keys(sqlite_database: str) -> None:
    async def story(the: Center) -> None:
        async with the.person(OLGA, roles=["provider"]) as olga:
            long = await olga.post("/v1/tenants", content=b" " * (1 << 20) + b"{}")
            assert said(long) == (413, "too_large")

            async def endless() -> Any:
                for _ in range(20):
                    yield b" " * (1 << 16)

            assert said(await olga.post("/v1/tenants", content=endless())) == (413, "too_large")

    told(sqlite_database, story)


def test_a_database_that_is_away_is_said(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(the: Center) -> None:
        def away(*_: object, **__: object) -> None:
            raise StoreAway("the database does not answer")

        monkeypatch.setattr(the.signing_in, "of", away)
        async with the.holder("x") as somebody:
            assert await code_of(somebody, "/v1/me") == (503, "store_away")

    told(sqlite_database, story)


def test_nobody_is_a_person_by_what_comes_over_the_relay(sqlite_database: str) -> None:
    """The engine's host makes the scope itself: whatever a front sends, it names nobody."""

    async def story(the: Center) -> None:
        scopes: list[Any] = []
        answers: list[Any] = []

        async def watched(scope: Any, receive: Any, send: Any) -> None:
            scopes.append(dict(scope))
            await the.door.app(scope, receive, send)

        class Front:
            def say(self, item: Any) -> None:
                answers.append(item)

        host = EngineHost(the.door.desk, None, watched)  # type: ignore[arg-type]  # answers no operation here
        headers = [[b"principal", b"provider"], [b"signed_in", b"olga"]]
        await host._request(Front(), 7, ("GET", "/v1/me", b"", headers, b""))  # type: ignore[arg-type]
        ((number, status, *_),) = answers
        assert (number, status) == (7, 401)
        assert not {"principal", "signed_in"} & scopes[0].keys()

    told(sqlite_database, story)


# --- who am I --------------------------------------------------------------------------------------------


def test_whoever_asks_is_told_who_it_is(sqlite_database: str) -> None:
    async def story(the: Center) -> None:
        await the.tenant("fabrikam")
        await the.administrators("contoso", ana="billing_administrator")
        async with the.person(OLGA, name="Olga", roles=["auditor"]) as olga:
            me = (await olga.get("/v1/me")).json()
            assert (me["kind"], me["id"], me["name"], me["roles"]) == ("person", OLGA, "Olga", ["auditor"])
            assert [tenant["id"] for tenant in me["tenants"]] == ["contoso", "fabrikam"]
            assert "see_audit" in me["operations"]
            assert "create_tenant" not in me["operations"]
            assert me["ends_at"] == "2026-03-02T00:00:00Z"
            found = (await olga.get("/v1/me", params={"search": "FABRI"})).json()["tenants"]
            assert [tenant["id"] for tenant in found] == ["fabrikam"]
        async with the.person(ANA) as ana:
            me = (await ana.get("/v1/me")).json()
            roles = ["billing_administrator"]
            shown = {"id": "contoso", "name": "Contoso Ltd", "status": "active", "roles": roles}
            assert (me["roles"], me["operations"], me["tenants"]) == ([], [], [shown])
        async with the.door.holder("helpdesk_administrator") as key:
            me = (await key.get("/v1/me")).json()
            assert (me["kind"], me["name"], me["ends_at"], me["roles"]) == ("key", "test", None, [])
            assert [tenant["roles"] for tenant in me["tenants"]] == [["helpdesk_administrator"]]
        me = (await the.door.client.get("/v1/me", params={"limit": 1})).json()
        assert (me["roles"], len(me["tenants"])) == (["provider"], 1)
        assert "manage_people" in me["operations"]

    told(sqlite_database, story)


@pytest.mark.parametrize("role", ["global_administrator", "billing_administrator", "company_administrator"])
def test_rights_are_those_that_routes_ask_for(sqlite_database: str, role: str) -> None:
    async def story(the: Center) -> None:
        await the.administrators("contoso", ana=role)
        known = load_roles()
        async with the.person(ANA) as ana:
            rights = (await ana.get("/v1/tenants/contoso/rights")).json()
            expected = sorted(name for name in known.rights if known.may([role], name))
            assert rights == {"roles": [role], "operations": expected}
            assert await code_of(ana, "/v1/tenants/nowhere/rights") == (404, "unknown_tenant")
        assert await code_of(the.door.client, "/v1/tenants/nowhere/rights") == (404, "unknown_tenant")

    told(sqlite_database, story)


# --- inviting --------------------------------------------------------------------------------------------


def test_an_administrator_invites_another_one(sqlite_database: str) -> None:
    async def story(the: Center) -> None:
        await the.administrators("contoso", ana="global_administrator", ben="helpdesk_administrator")
        path = "/v1/tenants/contoso/administrators"
        async with the.person(ANA) as ana:
            made = await ana.post(f"{path}/{BEN.upper()}/invitation")
            assert made.status_code == 201, made.text
            link = made.json()["link"]
            assert (made.json()["upn"], link[: len(INVITATION)]) == (BEN, INVITATION)
            assert await code_of(ana, f"{path}/{EVE}/invitation", "POST") == (404, "unknown_administrator")
            assert await code_of(ana, f"{path}/{ANA}/invitation", "POST") == (409, "exists")
            elsewhere = f"/v1/tenants/nowhere/administrators/{BEN}/invitation"
            assert await code_of(ana, elsewhere, "POST") == (404, "unknown_tenant")
            async with the.accepted(link.removeprefix(INVITATION)) as ben:
                assert await code_of(ben, "/v1/tenants/contoso/users") == (200, "")
                assert await code_of(ben, f"{path}/{ANA}/invitation", "POST") == (403, "forbidden")
            (line,) = [
                line
                for line in (await ana.get("/v1/tenants/contoso/audit")).json()["audit"]
                if "invited" in line["what"]
            ]
            assert (line["who"], line["what"]) == (ANA, f"{BEN} invited to sign in")

    told(sqlite_database, story)


def test_the_provider_invites_people_and_shuts_them_out(sqlite_database: str) -> None:
    async def story(the: Center) -> None:
        async with the.person(OLGA, roles=["provider"]) as olga:
            body = {"upn": "Eve@contoso.example", "name": "Eve", "roles": ["auditor"]}
            made = await olga.post("/v1/people", json=body)
            assert made.status_code == 201, made.text
            first = made.json()["link"].removeprefix(INVITATION)
            again = (await olga.post(f"/v1/people/{EVE}/invitation")).json()["link"]
            assert the.signing_in.invitation(first) is None
            people = (await olga.get("/v1/people")).json()["people"]
            assert [(one["upn"], one["roles"], one["state"]) for one in people] == [
                (EVE, ["auditor"], "invited"),
                (OLGA, ["provider"], "active"),
            ]
            page = (await olga.get("/v1/people", params={"limit": 1})).json()
            assert (page["people"][0]["upn"], page["next"]) == (EVE, EVE)
            async with the.accepted(again.removeprefix(INVITATION)) as eve:
                assert await code_of(eve, "/v1/tenants/contoso/audit") == (200, "")
                assert await code_of(eve, f"/v1/people/{OLGA}", "DELETE") == (403, "forbidden")
                assert (await olga.delete(f"/v1/people/{EVE}")).status_code == 204
                assert await code_of(eve, "/v1/me") == (401, "signed_out")
            assert (await olga.get("/v1/people")).json()["people"][0]["state"] == "disabled"
            assert await code_of(olga, f"/v1/people/{OLGA.upper()}", "DELETE") == (409, "conflict")
            for method, path in (("DELETE", "/v1/people/x@y.example"), ("POST", "/v1/people/x/invitation")):
                assert await code_of(olga, path, method) == (404, "unknown_person")
            bad = await olga.post("/v1/people", json={"upn": "eve", "roles": []})
            assert said(bad) == (422, "invalid")

    told(sqlite_database, story)


# --- two persons -----------------------------------------------------------------------------------------

ADJUSTMENTS = "/v1/tenants/contoso/adjustments"
APPROVALS = "/v1/tenants/contoso/approvals"


async def asked(client: httpx.AsyncClient, reference: str) -> str:
    """An adjustment that waits for a second person."""
    body = {"amount": "5000", "reason": "promised", "reference": reference}
    answer = await client.post(ADJUSTMENTS, json=body)
    assert answer.status_code == 202, answer.text
    approval: str = answer.json()["id"]
    return approval


async def approved(client: httpx.AsyncClient, approval: str) -> tuple[int, str]:
    return await code_of(client, f"{APPROVALS}/{approval}/approve", "POST")


def test_a_person_with_its_sessions_and_its_keys_is_one(sqlite_database: str) -> None:
    async def story(the: Center) -> None:
        refused = (403, "second_person_needed")
        async with the.person(OLGA, roles=["provider"]) as olga, the.person(EVE, roles=["provider"]) as eve:
            body = {"name": "mine", "tenants": "*", "scopes": ["management"]}
            key = (await olga.post("/v1/keys", json=body)).json()["key"]
            other = (await eve.post("/v1/keys", json=body)).json()["key"]
            the.door.clock.now_us += S
            approval = await asked(olga, "r1")
            again = the.signing_in.with_password(OLGA, PASSWORD)
            assert not isinstance(again, NotSignedIn)
            async with the.holder(again[1]) as second_session, with_key(the, key) as own_key:
                assert await approved(second_session, approval) == refused
                assert await approved(own_key, approval) == refused
                made_by_key = (await own_key.post("/v1/keys", json=body)).json()["key"]
                async with with_key(the, made_by_key) as grandchild:
                    assert await approved(grandchild, approval) == refused
            the.door.clock.now_us += S
            async with the.person("puppet@contoso.example", roles=["provider"]) as puppet:
                assert await approved(puppet, approval) == refused, "nobody knew it when it was asked for"
            async with with_key(the, other) as eves_key:
                assert await approved(eves_key, approval) == (200, "")
            assert await approved(eve, await asked(olga, "r2")) == (200, "")
            changes = (await eve.get("/v1/tenants/contoso/audit")).json()["audit"]
            assert {OLGA, EVE} <= {line["who"] for line in changes}

    told(sqlite_database, story)


def with_key(the: Center, key: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {key}"}
    transport = httpx.ASGITransport(the.door.app)
    return httpx.AsyncClient(transport=transport, base_url="http://talktime.test", headers=headers)
