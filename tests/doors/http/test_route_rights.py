"""Every route names one operation, and the roles that may do it are the roles that get through.

Asked from outside: each route with each role of the catalogue, each route for a tenant that is not the key's.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi.dependencies.models import Dependant

from talktime.catalog.side import load_roles
from talktime.doors.http.management import (
    calls,
    decks,
    eligibility,
    keys,
    notices,
    partner,
    people,
    provider,
    settings,
    sign_ins,
    tenants,
    tickets,
    webhooks,
)
from talktime.doors.http.management.app import ROUTERS
from talktime.doors.http.management.house import operation_of
from tests.databases import database, sqlite_database
from tests.doors.http.houses import Door, open_door

__all__ = ["database", "sqlite_database"]  # fixtures

SIGNED = {("POST", "/v1/gateways/{name}/events")}
"""Routes that no key opens: what comes there is signed."""

IN_BODIES = {"close_tenant", "edit_subscriptions", "edit_agreements", "manage_pay_as_you_go"}
"""Operations that a body may ask for beside the one of its route."""

NOT_ASKED = {"list_tenants"}
"""Operations that need no route: a key lists its own tenants."""

OPERATIONS = """
see_tenant                   GET    /v1/tenants
create_tenant                POST   /v1/tenants
see_tenant                   GET    /v1/tenants/{tenant}
edit_tenant                  PUT    /v1/tenants/{tenant}
see_tenant                   GET    /v1/tenants/{tenant}/service-numbers
see_tenant                   GET    /v1/tenants/{tenant}/service-numbers/{number}
edit_service_numbers         PUT    /v1/tenants/{tenant}/service-numbers/{number}
edit_service_numbers         DELETE /v1/tenants/{tenant}/service-numbers/{number}
see_tenant                   GET    /v1/tenants/{tenant}/administrators
edit_tenant                  PUT    /v1/tenants/{tenant}/administrators
see_notices                  GET    /v1/tenants/{tenant}/alerts
see_notices                  GET    /v1/tenants/{tenant}/alerts/events
edit_notices                 PUT    /v1/tenants/{tenant}/alerts
edit_caps                    PUT    /v1/tenants/{tenant}/caps
see_tenant                   GET    /v1/tenants/{tenant}/billing-accounts
see_tenant                   GET    /v1/tenants/{tenant}/billing-accounts/{account}
edit_billing_accounts        PUT    /v1/tenants/{tenant}/billing-accounts/{account}
set_default_billing_account  PUT    /v1/tenants/{tenant}/default-billing-account/{account}
see_users                    GET    /v1/tenants/{tenant}/users
import_users                 POST   /v1/tenants/{tenant}/users/import
see_users                    GET    /v1/tenants/{tenant}/users/{user}
edit_users                   PUT    /v1/tenants/{tenant}/users/{user}
edit_users                   DELETE /v1/tenants/{tenant}/users/{user}
assign_licences              PUT    /v1/tenants/{tenant}/users/{user}/licences
set_usage_location           PUT    /v1/tenants/{tenant}/users/{user}/location
erase_person                 POST   /v1/tenants/{tenant}/users/{user}/erase
see_tenant                   GET    /v1/tenants/{tenant}/eligibility
see_tenant                   GET    /v1/tenants/{tenant}/needs
see_tenant                   GET    /v1/features
see_tenant                   GET    /v1/features/{feature}
see_tenant                   GET    /v1/plans
see_tenant                   GET    /v1/tenants/{tenant}/licences
see_tenant                   GET    /v1/tenants/{tenant}/status
suspend_tenant               PUT    /v1/tenants/{tenant}/status
see_tenant                   GET    /v1/tenants/{tenant}/partner
set_partner                  PUT    /v1/tenants/{tenant}/partner
see_tenant                   GET    /v1/tenants/{tenant}/waivers
grant_waiver                 POST   /v1/tenants/{tenant}/waivers
grant_waiver                 DELETE /v1/tenants/{tenant}/waivers/{rule}
see_audit                    GET    /v1/tenants/{tenant}/approvals
approve_adjustment           POST   /v1/tenants/{tenant}/approvals/{approval}/approve
approve_adjustment           POST   /v1/tenants/{tenant}/approvals/{approval}/decline
see_usage                    GET    /v1/tenants/{tenant}/calls
see_usage                    GET    /v1/tenants/{tenant}/calls/{call_id:call_id}
see_usage                    GET    /v1/tenants/{tenant}/calls-in-progress
end_calls                    POST   /v1/tenants/{tenant}/calls/{call_id:call_id}/end
end_calls                    POST   /v1/tenants/{tenant}/calls/{call_id:call_id}/release
see_notices                  GET    /v1/tenants/{tenant}/notices
see_notices                  GET    /v1/tenants/{tenant}/notices/{notice}
edit_notices                 POST   /v1/tenants/{tenant}/notices/{notice}/replay
see_balance                  GET    /v1/tenants/{tenant}/runway
edit_webhooks                GET    /v1/tenants/{tenant}/webhooks
edit_webhooks                POST   /v1/tenants/{tenant}/webhooks
edit_webhooks                GET    /v1/tenants/{tenant}/webhooks/{webhook}
edit_webhooks                PUT    /v1/tenants/{tenant}/webhooks/{webhook}
edit_webhooks                DELETE /v1/tenants/{tenant}/webhooks/{webhook}
edit_webhooks                POST   /v1/tenants/{tenant}/webhooks/{webhook}/rotate
edit_webhooks                POST   /v1/tenants/{tenant}/webhooks/{webhook}/test
edit_webhooks                POST   /v1/tenants/{tenant}/webhooks/{webhook}/enable
manage_support_tickets       GET    /v1/tenants/{tenant}/tickets
manage_support_tickets       POST   /v1/tenants/{tenant}/tickets
manage_support_tickets       GET    /v1/tenants/{tenant}/tickets/{ticket}
manage_support_tickets       POST   /v1/tenants/{tenant}/tickets/{ticket}/comments
manage_support_tickets       POST   /v1/tenants/{tenant}/tickets/{ticket}/close
manage_decks                 POST   /v1/decks
see_rates                    GET    /v1/decks
see_rates                    GET    /v1/deck-bindings
bind_deck                    PUT    /v1/deck-bindings
see_rates                    GET    /v1/tenants/{tenant}/deck-bindings
bind_deck                    PUT    /v1/tenants/{tenant}/deck-bindings
manage_api_keys              POST   /v1/keys
manage_api_keys              GET    /v1/keys
manage_api_keys              DELETE /v1/keys/{key_id}
manage_api_keys              POST   /v1/tenants/{tenant}/keys
manage_api_keys              GET    /v1/tenants/{tenant}/keys
manage_api_keys              DELETE /v1/tenants/{tenant}/keys/{key_id}
see_self                     GET    /v1/me
see_self                     GET    /v1/tenants/{tenant}/rights
manage_people                GET    /v1/people
manage_people                POST   /v1/people
manage_people                POST   /v1/people/{upn}/invitation
manage_people                DELETE /v1/people/{upn}
invite_administrators        POST   /v1/tenants/{tenant}/administrators/{upn}/invitation
"""
"""What the routes of people, rights and notices ask for."""

PLACES = {
    "{account}": "direct",
    "{approval}": "A-1",
    "{call_id:call_id}": "c1",
    "{country}": "GB",
    "{export}": "0" * 32,
    "{feature}": "domestic_calls",
    "{file}": "0" * 32,
    "{key_id}": "0123",
    "{method}": "card",
    "{month}": "2026-02",
    "{name:path}": "x",
    "{notice}": "1",
    "{number}": "x",
    "{payment:path}": "x",
    "{plan}": "0" * 32,
    "{rule}": "not_through_csp",
    "{ticket}": "T-1",
    "{upn}": "x",
    "{user}": "x",
    "{version}": "0b61241d7c17",
    "{webhook}": "wh_1",
    "{what_if}": "0" * 32,
}

Route = tuple[str, str]


def operations_of(dependant: Dependant) -> Iterator[str]:
    """The operations that a route asks for, through all its dependencies."""
    operation = operation_of(dependant.call)
    if operation is not None:
        yield operation
    for inner in dependant.dependencies:
        yield from operations_of(inner)


def table(routers: Any = ROUTERS) -> list[tuple[Route, list[str]]]:
    """((method, path), operations) of every route."""
    return [
        ((method, route.path), sorted(set(operations_of(route.dependant))))
        for router in routers
        for route in router.routes
        for method in route.methods
    ]


def asked() -> list[tuple[str, str, str]]:
    """(method, path, operation) of every route that a key opens."""
    return [(method, path, names[0]) for (method, path), names in table() if (method, path) not in SIGNED]


def address(path: str, tenant: str) -> str:
    """A path with something in its places; the test fails for a place that it does not know."""
    path = path.replace("{tenant}", tenant)
    for place, value in PLACES.items():
        path = path.replace(place, value)
    assert "{" not in path, path
    return path


def told(story: Callable[[Door], Awaitable[None]], url: str, *, funded: bool = False) -> None:
    async def run() -> None:
        async with open_door(url, funded=funded) as door:
            await story(door)

    asyncio.run(run())


def test_every_route_asks_for_one_operation_of_the_catalogue() -> None:
    found = table()
    assert len(found) > 60
    assert {route for route, names in found if len(names) != 1} == SIGNED
    assert {name for _, names in found for name in names} <= load_roles().rights.keys()


def test_every_operation_of_the_catalogue_is_asked_for_by_a_route() -> None:
    named = {name for _, names in table() for name in names}
    assert load_roles().rights.keys() - named <= NOT_ASKED | IN_BODIES


def test_routes_ask_for_the_operations_of_the_table() -> None:
    subjects: list[Any] = [tenants, settings, people, eligibility, provider, partner, calls]
    subjects += [notices, webhooks, tickets, decks, keys, sign_ins]
    written = [tuple(line.split()) for line in OPERATIONS.strip().splitlines()]
    found = [(name, method, path) for (method, path), (name,) in table([one.router for one in subjects])]
    assert sorted(found) == sorted(written)


def is_forbidden(answer: httpx.Response) -> bool:
    return answer.status_code == 403 and answer.json()["code"] == "forbidden"


@pytest.mark.parametrize("role", sorted(load_roles().roles))
def test_role_gets_through_where_it_may(sqlite_database: str, role: str) -> None:
    """A key for a tenant that nobody has made yet: whoever gets through finds nothing and changes nothing."""

    async def story(door: Door) -> None:
        roles = load_roles()
        one, all_ = door.holder(role, tenant="nobody"), door.with_key(None, ["management"], [role])
        async with one, all_:
            for method, path, operation in asked():
                client = one if "{tenant}" in path else all_
                answer = await client.request(method, address(path, "nobody"))
                assert answer.status_code not in (401, 500), (method, path, answer.text)
                expected = not roles.may([role], operation)
                assert is_forbidden(answer) == expected, (role, method, path, operation, answer.text)
                if is_forbidden(answer):
                    problem = answer.json()
                    assert operation.replace("_", " ") in problem["detail"]
                    holders = roles.rights[operation]
                    assert all(roles.roles[holder].name in problem["detail"] for holder in holders)

    told(story, sqlite_database)


def test_key_for_some_tenants_is_not_for_the_installation(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        found = []
        async with door.with_key(["contoso"], ["management"], load_roles().roles) as client:
            for method, path, _ in asked():
                if "{tenant}" not in path:
                    answer = await client.request(method, address(path, ""))
                    found += [(method, path)] if is_forbidden(answer) else []
        assert sorted(found) == [
            ("DELETE", "/v1/keys/{key_id}"),
            ("DELETE", "/v1/people/{upn}"),
            ("GET", "/v1/keys"),
            ("GET", "/v1/people"),
            ("POST", "/v1/decks"),
            ("POST", "/v1/decks/check"),
            ("POST", "/v1/decks/{version}/differences"),
            ("POST", "/v1/keys"),
            ("POST", "/v1/people"),
            ("POST", "/v1/people/{upn}/invitation"),
            ("POST", "/v1/tenants"),
            ("PUT", "/v1/deck-bindings"),
        ]

    told(story, sqlite_database)


BODIES: dict[str, Any] = {
    "none": {},
    "object": {"json": {}},
    "no JSON": {"content": b"{", "headers": {"content-type": "application/json"}},
}


@pytest.mark.parametrize("body", BODIES)
def test_foreign_tenant_is_as_one_that_does_not_exist(sqlite_database: str, body: str) -> None:
    """Status, headers and body are the same, whatever the holder may do to its own and whatever it sends."""

    async def story(door: Door) -> None:
        headers = {"Idempotency-Key": "k1", "If-Match": '"x"'}
        more = {**BODIES[body], "headers": headers | BODIES[body].get("headers", {})}
        async with door.with_key(["mine"], ["management"], load_roles().roles) as client:
            for method, path, _ in asked():
                if "{tenant}" not in path:
                    continue
                there = await client.request(method, address(path, "contoso"), **more)
                absent = await client.request(method, address(path, "nowhere"), **more)
                same = there.text.replace("contoso", "nowhere")
                assert (there.status_code, same) == (absent.status_code, absent.text), (method, path)
                assert there.headers == absent.headers, (method, path)
                if body != "no JSON" or there.status_code == 404:
                    assert (there.status_code, there.json()["code"]) == (404, "unknown_tenant"), path
                else:
                    assert (there.status_code, there.json()["code"]) == (400, "malformed"), path

    told(story, sqlite_database, funded=True)


def test_address_of_gateways_is_the_only_one_without_a_key(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        stranger = httpx.AsyncClient(transport=httpx.ASGITransport(door.app), base_url="http://talktime.test")
        async with stranger:
            for (method, path), _ in table():
                address_ = address(path.replace("{name}", "sandbox"), "contoso")
                answer = await stranger.request(method, address_)
                is_open = (method, path) in SIGNED
                assert (answer.status_code == 401) != is_open, (method, path, answer.text)
            for method, path in (("GET", "/v1/gateways/a/events"), ("POST", "/v1/gateways/a/b/events")):
                assert (await stranger.request(method, path)).status_code == 401, path
            long = await stranger.post("/v1/gateways/sandbox/events", content=b"x" * (256 * 1024 + 1))
            assert long.status_code == 413

    told(story, sqlite_database)


def test_names_of_the_table_are_those_of_the_description(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        described = json.loads((await door.client.get("/openapi.json")).text)["paths"]
        plain = {(method, re.sub(r":\w+}", "}", path)) for (method, path), _ in table()}
        assert {(method.upper(), path) for path, one in described.items() for method in one} == plain

    told(story, sqlite_database)


def test_second_operation_is_asked_for_where_the_body_names_it(sqlite_database: str) -> None:
    """Names of users, addresses of chat rooms: parts of an answer for those who may see them."""

    async def story(door: Door) -> None:
        room = "discord://123456789012345678/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        tables = {"chat": [room]}
        assert (await door.client.put("/v1/tenants/contoso/alerts", json=tables)).status_code == 200
        async with door.holder("billing_administrator") as billing, door.holder("auditor") as auditor:
            assert (await billing.get("/v1/tenants/contoso/alerts")).json()["chat"] == [room]
            for path in ("", "/alerts"):
                hidden = (await auditor.get(f"/v1/tenants/contoso{path}")).text
                assert "aaaaaaaa" not in hidden
                assert "discord#" in hidden
            (reason, *_) = (await auditor.get("/v1/tenants/contoso/needs")).json()["reasons"]
            assert reason["who"]
            (reason, *_) = (await billing.get("/v1/tenants/contoso/needs")).json()["reasons"]
            assert (reason["who"], reason["count"] > 0) == (None, True)

    told(story, sqlite_database, funded=True)
