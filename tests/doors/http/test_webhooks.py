"""Webhooks and notices over HTTP: secrets are shown once, tests reach a real receiver, notices go again."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from standardwebhooks import Webhook as Verifier
from werkzeug import Request, Response

from talktime.core.money import HALF_UP, parse_money, round_div
from talktime.doors.http.management.house import Means
from talktime.ledger.database import open_url
from talktime.ledger.deliveries import MAIL, Deliveries, NewDelivery, Outcome
from talktime.notices.webhook_sender import NOT_ALLOWED
from tests.databases import database, sqlite_database
from tests.doors.http.houses import Door, open_door
from tests.doors.http.test_people import got, told

__all__ = ["database", "sqlite_database"]  # fixtures

CONTOSO = "/v1/tenants/contoso"
WEBHOOKS = f"{CONTOSO}/webhooks"
URL = "https://hooks.example.com/talktime"


def told_inside(story: Callable[[Door], Awaitable[None]], url: str) -> None:
    """Runs a story in an installation that lets webhooks reach private addresses."""

    async def run() -> None:
        async with open_door(url, means=Means(private_webhooks=True)) as door:
            await story(door)

    asyncio.run(run())


# --- webhooks ---------------------------------------------------------------------------------------------


def test_secret_is_shown_once_and_never_again(database: str) -> None:
    async def story(door: Door) -> None:
        body = {"url": URL, "events": ["balance_low"]}
        async with door.holder("application_administrator") as client:
            made = await got(client.post(WEBHOOKS, json=body), 201)
            first = made["secret"]
            assert first.startswith("whsec_")
            one = f"{WEBHOOKS}/{made['id']}"
            rotated = await got(client.post(f"{one}/rotate", json={}))
            second = rotated["secret"]
            assert second != first
            assert rotated["secrets"] == 2, "the one before signs on for a day"
            ended = await got(client.post(f"{one}/rotate", json={"keep_seconds": 0}))
            assert ended["secrets"] == 1
            edited = await got(client.put(one, json={"events": []}))
            assert (edited["url"], edited["events"]) == (URL, [])
            texts = [
                (await client.get(path)).text for path in (one, WEBHOOKS, f"{CONTOSO}/notices", f"{CONTOSO}")
            ]
        texts += [(await door.client.get(f"{CONTOSO}/audit")).text, json.dumps(edited)]
        for secret in (first, second, ended["secret"]):
            assert not any(secret.removeprefix("whsec_") in text for text in texts)

    told(story, database)


def test_webhook_is_changed_only_while_it_is_as_it_was_seen(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        made = await got(door.client.post(WEBHOOKS, json={"url": URL}), 201)
        one = f"{WEBHOOKS}/{made['id']}"
        seen = (await door.client.get(one)).headers["ETag"]
        await got(door.client.post(f"{one}/rotate", json={}))
        mine, theirs = {"url": "https://mine.example/", "enabled": False}, {"events": ["balance_low"]}
        changed = await door.client.put(one, json=mine, headers={"If-Match": seen})
        assert (changed.status_code, changed.json()["enabled"]) == (200, False), "a new secret is no edit"
        refused = await got(door.client.put(one, json=theirs, headers={"If-Match": seen}), 412)
        assert refused["code"] == "changed_meanwhile"
        assert (await got(door.client.get(one)))["events"] == []
        tag = changed.headers["ETag"]
        assert (await got(door.client.put(one, json=theirs, headers={"If-Match": tag})))["url"] == mine["url"]
        lines = [line["what"] for line in (await got(door.client.get(f"{CONTOSO}/audit")))["audit"]]
        assert lines[:2] == [f"webhook {made['id']} changed", f"webhook {made['id']} changed, switched off"]

    told(story, sqlite_database)


def test_webhook_is_switched_off_on_and_removed(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        made = await got(door.client.post(WEBHOOKS, json={"url": URL}), 201)
        one = f"{WEBHOOKS}/{made['id']}"
        off = await got(door.client.put(one, json={"enabled": False}))
        assert (off["enabled"], off["disabled_at"]) == (False, "2026-03-01T12:00:00Z")
        on = await got(door.client.post(f"{one}/enable"))
        assert (on["enabled"], on["disabled_at"]) == (True, None)
        other = "https://other.example.com/in"
        assert (await got(door.client.put(one, json={"url": other, "enabled": True})))["url"] == other
        await got(door.client.delete(one), 204)
        for asked in (
            door.client.get(one),
            door.client.put(one, json={}),
            door.client.delete(one),
            door.client.post(f"{one}/rotate", json={}),
            door.client.post(f"{one}/test"),
            door.client.post(f"{one}/enable"),
        ):
            assert (await got(asked, 404))["code"] == "unknown_webhook"
        assert await got(door.client.get(WEBHOOKS)) == {"webhooks": []}

    told(story, sqlite_database)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"url": "ftp://hooks.example.com"}, 422, "no web address"),
        ({"url": "http://hooks.example.com"}, 422, "not encrypted"),
        ({"url": "https://user:word@hooks.example.com"}, 422, "name or a password"),
        ({"url": "https://a b"}, 400, "pattern"),
        ({"url": URL, "events": ["sunrise"]}, 422, "sunrise"),
        ({"url": URL, "allow_private": True}, 422, "no private addresses"),
        ({"url": URL, "secret": "mine"}, 400, "secret"),
    ],
)
def test_webhook_that_cannot_be_is_refused(
    sqlite_database: str, body: dict[str, Any], status: int, words: str
) -> None:
    async def story(door: Door) -> None:
        assert words in (await got(door.client.post(WEBHOOKS, json=body), status))["detail"]
        assert (await got(door.client.get(WEBHOOKS)))["webhooks"] == []

    told(story, sqlite_database)


def test_test_reaches_the_receiver_signed(sqlite_database: str, httpserver: HTTPServer) -> None:
    seen: list[dict[str, Any]] = []
    made: dict[str, Any] = {}

    def receive(request: Request) -> Response:
        seen.append(Verifier(made["secret"]).verify(request.get_data(as_text=True), dict(request.headers)))
        return Response(status=204)

    async def story(door: Door) -> None:
        body = {"url": httpserver.url_for("/in"), "allow_private": True}
        made.update(await got(door.client.post(WEBHOOKS, json=body), 201))
        one = f"{WEBHOOKS}/{made['id']}"
        httpserver.expect_ordered_request("/in", method="POST").respond_with_data(status=500)
        failed = await got(door.client.post(f"{one}/test"))
        assert failed["taken"] is False
        assert "500" in failed["error"]
        httpserver.expect_request("/in", method="POST").respond_with_handler(receive)
        # The receiver looks at the clock; the engine's stands in the past.
        door.clock.now_us = time.time_ns() // 1_000
        assert await got(door.client.post(f"{one}/test")) == {"taken": True, "error": ""}

    told_inside(story, sqlite_database)
    assert [message["type"] for message in seen] == ["webhook_test"]


@pytest.mark.parametrize("url", ["https://127.0.0.1/in", "https://169.254.169.254/", "https://[::1]:8443/"])
def test_test_reaches_no_private_address(sqlite_database: str, url: str) -> None:
    """Whatever the installation allows: the webhook did not ask for it."""

    async def story(door: Door) -> None:
        made = await got(door.client.post(WEBHOOKS, json={"url": url}), 201)
        answer = await got(door.client.post(f"{WEBHOOKS}/{made['id']}/test"))
        assert answer["taken"] is False
        assert answer["error"] == NOT_ALLOWED, "where its name leads to is not told"

    told_inside(story, sqlite_database)


# --- notices ----------------------------------------------------------------------------------------------


def test_notices_show_how_far_they_got_and_go_again(database: str) -> None:
    async def story(door: Door) -> None:
        await put_billing(door, "a@x.example", "b@x.example")
        await got(door.client.post(f"{CONTOSO}/adjustments", json=back("50", "r1")), 201)
        listed = (await got(door.client.get(f"{CONTOSO}/notices")))["notices"]
        notice = listed[0]
        assert (notice["kind"], notice["state"]) == ("balance_zero", "waiting")
        assert (notice["facts"]["balance"], notice["facts"]["currency"]) == ("0", "USD")
        one = f"{CONTOSO}/notices/{notice['id']}"
        deliveries, now_us = Deliveries(open_url(database)), door.clock()
        mails = [NewDelivery("contoso", notice["id"], MAIL, name) for name in ("a@x.example", "b@x.example")]
        deliveries.fan_out({notice["id"]: mails}, now_us)
        claimed = deliveries.claim(MAIL, now_us, now_us + 1, 10, 10)
        ends = [("sent", now_us, ""), ("failed", 0, "no such box")]
        deliveries.write(
            Outcome("contoso", each.id, each.due_us, state, each.due_us, sent_us, error, each.tries)
            for each, (state, sent_us, error) in zip(claimed, ends, strict=True)
        )
        shown = await got(door.client.get(one))
        assert shown["state"] == "told"
        assert [(each["recipient"], each["state"], each["error"]) for each in shown["deliveries"]] == [
            ("a@x.example", "sent", ""),
            ("b@x.example", "failed", "no such box"),
        ]
        async with door.holder("helpdesk_administrator") as client:
            assert await got(client.get(one)) == shown
            await got(client.post(f"{one}/replay"), 403)
        assert await got(door.client.post(f"{one}/replay")) == {"waiting": 2}
        line = (await got(door.client.get(f"{CONTOSO}/audit")))["audit"][0]
        assert line["what"] == f"notice {notice['id']} sent again"
        assert line["who"].startswith("key ")
        assert (await got(door.client.get(one)))["state"] == "waiting"

    told(story, database)


async def put_billing(door: Door, *upns: str) -> None:
    """The tenant's administrators are these, for billing."""
    people = [{"upn": upn, "roles": ["billing_administrator"]} for upn in upns]
    await got(door.client.put(f"{CONTOSO}/administrators", json={"administrators": people}))


def back(amount: str, reference: str) -> dict[str, str]:
    """An adjustment that takes credits back."""
    return {"amount": f"-{amount}", "reason": "a mistake", "reference": reference}


def test_notice_without_anybody_to_tell_is_shown_as_that(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        await got(door.client.post(f"{CONTOSO}/adjustments", json=back("50", "r1")), 201)
        number = (await got(door.client.get(f"{CONTOSO}/notices")))["notices"][0]["id"]
        Deliveries(open_url(sqlite_database)).fan_out({number: []}, door.clock())
        one = f"{CONTOSO}/notices/{number}"
        assert (await got(door.client.get(one)))["state"] == "nobody_to_tell"
        assert await got(door.client.post(f"{one}/replay")) == {"waiting": 0}
        assert (await got(door.client.get(one)))["state"] == "nobody_to_tell", "still nobody holds the role"
        await put_billing(door, "a@x.example")
        assert await got(door.client.post(f"{one}/replay")) == {"waiting": 1}
        assert (await got(door.client.get(one)))["state"] == "waiting", "somebody holds the role now"
        absent = f"{CONTOSO}/notices/{number + 1}"
        for asked in (door.client.get(absent), door.client.post(f"{absent}/replay")):
            assert (await got(asked, 404))["code"] == "unknown_notice"

    told(story, sqlite_database)


def test_runway_is_that_of_full_days(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        fresh = await got(door.client.get(f"{CONTOSO}/runway"))
        assert (fresh["burn_28"], fresh["days"], fresh["limit_days"]) == ("0", None, 14)
        await door.call("c1")
        ended = await got(door.client.post(f"{CONTOSO}/calls/c1/end", json={"duration_seconds": 120}))
        today = await got(door.client.get(f"{CONTOSO}/runway"))
        assert today["burn_7"] == "0", "today is not full"
        door.clock.now_us += 86_400 * 1_000_000
        band = await got(door.client.get(f"{CONTOSO}/runway"))
        paid = parse_money(ended["amount"])
        assert paid > 0
        assert (parse_money(band["burn_7"]), parse_money(band["burn_28"])) == (
            round_div(paid, 7, HALF_UP),
            round_div(paid, 28, HALF_UP),
        )
        assert band["from_days"] == 1
        assert band["days"] == band["days_low"] == band["days_high"] < band["days_7"], "credits expire before"

    told(story, sqlite_database)
