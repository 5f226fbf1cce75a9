"""What gateways tell: signed or refused, without a key, once or as often as they like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from talktime.doors.http.doorkeeper import MAX_EVENT_BYTES
from talktime.funding.gateway import EventKind, GatewayEvent, GatewayRefused, GatewayUnclear
from tests.databases import database, sqlite_database
from tests.doors.http.houses import client_of
from tests.doors.http.shops import CONFIRMED, CONTOSO, Shop, got, told

__all__ = ["database", "sqlite_database"]  # fixtures


def test_message_is_taken_without_a_key_and_twice_is_once(database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.card(CONFIRMED)
        waits = await shop.buy("100", status=202)
        shop.bank.complete_action(waits["url"].rsplit("/", 1)[1], succeed=True)
        messages = shop.bank.pull_events(shop.clock())
        assert messages
        for message in [*reversed(messages), *messages]:
            answer = await shop.told("sandbox", message.body, dict(message.headers))
            assert (answer.status_code, answer.content) == (200, b"")
        credits = await got(shop.client.get(f"{CONTOSO}/credits"))
        assert (credits["balance"], len(credits["lots"])) == ("100", 1)

    told(story, database, tmp_path)


def test_message_that_is_not_the_gateways_is_refused(sqlite_database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.card(CONFIRMED)
        waits = await shop.buy("100", status=202)
        shop.bank.complete_action(waits["url"].rsplit("/", 1)[1], succeed=True)
        message = shop.bank.pull_events(shop.clock())[-1]
        headers = dict(message.headers)
        table = [
            ("sandbox", message.body, {}, 400, "bad_signature"),
            ("sandbox", message.body + b" ", headers, 400, "bad_signature"),
            ("sandbox", b"", headers, 400, "bad_signature"),
            ("sandbox", b"\xff\x00", dict.fromkeys(headers, "t=one,v1=x"), 400, "bad_signature"),
            ("stripe", message.body, headers, 404, "unknown_gateway"),
            ("sandbox", b" " * (MAX_EVENT_BYTES + 1), headers, 413, "too_large"),
        ]
        for gateway, body, sent, status, code in table:
            assert (await got(shop.told(gateway, body, sent), status))["code"] == code
        shop.clock.now_us += 3_600_000_000
        stale = await got(shop.told("sandbox", message.body, headers), 400)
        assert stale["code"] == "bad_signature"
        assert (await got(shop.client.get(f"{CONTOSO}/credits")))["balance"] == "0"

    told(story, sqlite_database, tmp_path)


def test_only_this_address_is_open_without_a_key(sqlite_database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        async with client_of(shop.app, "") as nobody:
            for path in (
                "/v1/gateways",
                "/v1/gateways/sandbox",
                "/v1/gateways/a/events/b",
                f"{CONTOSO}/payments",
            ):
                assert (await got(nobody.post(path), 401))["code"] == "unauthorized"
            assert (await nobody.get("/v1/gateways/sandbox/events")).status_code == 401

    told(story, sqlite_database, tmp_path)


@pytest.mark.parametrize(
    ("said", "refused", "status"),
    [
        ({"tenant": "", "payment": ""}, GatewayRefused("not_found", "there is no such payment"), 200),
        ({"tenant": "", "payment": ""}, GatewayUnclear("no answer"), 503),
        ({"kind": EventKind.DISPUTE_OPENED, "currency": "XXX"}, None, 200),
        ({"tenant": "", "payment": ""}, None, 200),
    ],
)
def test_message_that_is_about_nothing_of_ours_is_done_with(
    sqlite_database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: dict[str, Any],
    refused: Exception | None,
    status: int,
) -> None:
    """Another status would have the gateway send it again, for days."""
    event = GatewayEvent(
        "ev", EventKind.PAYMENT_SUCCEEDED, "contoso", "P-contoso-000001", 1, "theirs", 100, "USD"
    )

    async def fill(known: GatewayEvent) -> GatewayEvent:
        if refused is not None:
            raise refused
        return known

    async def story(shop: Shop) -> None:
        monkeypatch.setattr(shop.bank, "read_event", lambda *_: msgspec.structs.replace(event, **said))
        monkeypatch.setattr(shop.bank, "fill", fill)
        assert (await shop.told("sandbox", b"{}", {})).status_code == status
        assert (await got(shop.client.get(f"{CONTOSO}/credits")))["balance"] == "0"

    told(story, sqlite_database, tmp_path)


def test_fault_of_ours_is_told_again(
    sqlite_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ValueError("a defect")

    async def story(shop: Shop) -> None:
        await shop.card(CONFIRMED)
        waits = await shop.buy("100", status=202)
        shop.bank.complete_action(waits["url"].rsplit("/", 1)[1], succeed=True)
        message = shop.bank.pull_events(shop.clock())[-1]
        monkeypatch.setattr("talktime.doors.http.management.gateway_events.take_event", broken)
        assert (await got(shop.told("sandbox", message.body, dict(message.headers)), 500))["status"] == 500

    told(story, sqlite_database, tmp_path)
