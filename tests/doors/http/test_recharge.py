"""Auto-recharge through HTTP: set, switched off, paused by a declined card, tried again, and its timeline."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.databases import database, sqlite_database
from tests.doors.http.houses import TENANT
from tests.doors.http.shops import (
    BUYER,
    CONFIRMED,
    CONTOSO,
    DECLINED_LATER,
    UNDER_MCA,
    VISA,
    Shop,
    got,
    told,
)

__all__ = ["database", "sqlite_database"]  # fixtures

PLACE = f"{CONTOSO}/auto-recharge"
RULE: dict[str, Any] = {"enabled": True, "below": "100", "add": "200", "cap_per_month": "500"}


async def put(shop: Shop, status: int = 200, **change: Any) -> Any:
    return await got(shop.client.put(PLACE, json={**RULE, **change}), status)


async def look(shop: Shop) -> Any:
    return await got(shop.client.get(PLACE))


def test_rule_that_is_armed_refills_at_once(database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.card()
        armed = await put(shop)
        assert (armed["state"], armed["says"], armed["reason"]) == ("armed", "on", "in_flight")
        assert (armed["in_flight"]["amount"], armed["in_flight"]["state"]) == ("200", "created")
        assert armed["caps_left"]["amount"] == "300", "what is on its way counts"
        assert await shop.worker.round() == 1
        seen = await look(shop)
        assert (seen["in_flight"], seen["reason"], seen["says"]) == (None, "above_trigger", "on")
        assert seen["caps_left"] == {
            "amount": "300",
            "month_ends_at": "2026-04-01T00:00:00Z",
            "payments": None,
            "next_payment_at": None,
        }
        assert (seen["method"], seen["warnings"]) == ("visa 4242", [])
        assert seen["rule"] == RULE
        assert (await got(shop.client.get(f"{CONTOSO}/credits")))["balance"] == "200"
        assert shop.bank.taken("contoso") == 20_000

    told(story, database, tmp_path)


def test_declined_card_pauses_the_rule_until_it_is_tried_again(database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.card()
        await put(shop, below="1")
        await shop.worker.round()
        token = await _token(shop)
        shop.bank.set_fate(token, "expired_card")
        gone = {"amount": "-199.50", "reason": "spent", "reference": "t"}
        await got(shop.client.post(f"{CONTOSO}/adjustments", json=gone), 201)
        await shop.worker.round()
        paused = await look(shop)
        assert (paused["state"], paused["reason"]) == ("paused", "suspended")
        assert paused["says"] == "on, but paused: card declined on 1 Mar"
        assert "expired" in paused["why"]
        assert paused["since"] == "2026-03-01T12:00:00Z"
        shop.bank.set_fate(token, "")
        armed = await got(shop.client.post(f"{PLACE}/retry"))
        assert (armed["state"], armed["in_flight"]["state"]) == ("armed", "created")
        await shop.worker.round()
        assert (await got(shop.client.get(f"{CONTOSO}/credits")))["balance"] == "200.5"
        problem = await got(shop.client.post(f"{PLACE}/retry"), 409)
        assert problem["code"] == "nothing_to_retry"

    told(story, database, tmp_path)


async def _token(shop: Shop) -> str:
    """The gateway's token of contoso's only card, which no answer shows."""
    documents = await asyncio.to_thread(shop.app.state.house.reader.document, "contoso")
    return str(documents.split('"token":"')[1].split('"')[0])


def test_declined_recharge_says_when_it_is_tried_next(sqlite_database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.card()
        shop.bank.set_fate(await _token(shop), "insufficient_funds")
        await put(shop)
        await shop.worker.round()
        seen = await look(shop)
        assert (seen["state"], seen["in_flight"]["decline"]["code"]) == ("armed", "insufficient_funds")
        assert seen["next_at"] == seen["in_flight"]["next_try_at"] == "2026-03-01T12:15:00Z"
        (_, told_line) = (await got(shop.client.get(f"{PLACE}/timeline")))["timeline"]
        assert told_line["says"] == (
            "recharge of 200 USD: declined (insufficient_funds), tried again at 2026-03-01T12:15:00Z"
        )
        shop.bank.set_fate(await _token(shop), "")
        await got(shop.client.post(f"{PLACE}/retry"))
        await shop.worker.round()
        assert (await got(shop.client.get(f"{CONTOSO}/credits")))["balance"] == "200"

    told(story, sqlite_database, tmp_path)


def test_off_is_off_however_often_and_cancels_what_was_not_sent(database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.card()
        waits = (await put(shop))["in_flight"]["payment"]
        async with shop.of_role("admin_agent") as partner:
            problem = await got(partner.post(f"{PLACE}/off"), 403)
            assert problem["code"] == "forbidden", "it sells nothing to this tenant"
            account = {"id": "csp", "agreement": "CSP"}
            await got(shop.client.put(f"{CONTOSO}/billing-accounts/csp", json=account))
            for _ in range(3):
                off = await got(partner.post(f"{PLACE}/off"))
                assert (off["state"], off["says"], off["in_flight"]) == ("off", "off", None)
                assert off["rule"] == {**RULE, "enabled": False}, "the rest of the rule stays"
        payment = await got(shop.client.get(f"{CONTOSO}/payments/{waits}"))
        assert payment["state"] == "cancelled"
        assert await shop.worker.round() == 0
        assert shop.bank.taken("contoso") == 0
        audit = (await got(shop.client.get(f"{CONTOSO}/audit")))["audit"]
        switched = [line for line in audit if line["what"] == "auto-recharge turned off"]
        assert len(switched) == 1, "what changes nothing is not a change"
        assert ('"enabled":true' in switched[0]["before"], '"enabled":false' in switched[0]["after"]) == (
            True,
            True,
        )

    told(story, database, tmp_path)


def test_two_editors_do_not_overwrite_each_other(database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        first = await shop.client.get(PLACE)
        tag = {"If-Match": first.headers["etag"]}
        mine = await shop.client.put(PLACE, json={**RULE, "enabled": False}, headers=tag)
        assert mine.status_code == 200
        theirs = await got(shop.client.put(PLACE, json={**RULE, "add": "300"}, headers=tag), 412)
        assert theirs["code"] == "changed_meanwhile"
        again = {"If-Match": mine.headers["etag"]}
        await got(shop.client.put(PLACE, json={**RULE, "enabled": False, "add": "300"}, headers=again))
        assert (await look(shop))["rule"]["add"] == "300"

    told(story, database, tmp_path)


@pytest.mark.parametrize(
    ("change", "status", "pointer"),
    [
        ({"add": "10"}, 422, "/add"),
        ({"below": "600"}, 422, "/below"),
        ({"target": "300"}, 422, "/add"),
        ({"add": "60.001"}, 422, "/add"),
        ({"method": 5}, 400, "/method"),
        ({"colour": "red"}, 422, "/colour"),
        ({"enabled": "yes"}, 400, "/enabled"),
    ],
)
def test_rule_that_cannot_be_is_refused(
    sqlite_database: str, tmp_path: Path, change: dict[str, Any], status: int, pointer: str | None
) -> None:
    async def story(shop: Shop) -> None:
        problem = await put(shop, status, **change)
        assert problem.get("pointer") == pointer, problem
        assert (await look(shop))["state"] == "off"

    told(story, sqlite_database, tmp_path)


def test_under_mca_the_rule_is_not_switched_on(database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        refused = await put(shop, 422)
        assert refused["code"] == "not_eligible"
        assert [fault.split(":")[0] for fault in refused["faults"]] == [
            "subscriptions_on_mosa",
            "default_account_is_mosa",
        ]
        assert (await look(shop))["state"] == "off"
        await put(shop, enabled=False)

    told(story, database, tmp_path, UNDER_MCA)


def test_under_mca_a_rule_that_is_on_stays_with_a_warning(database: str, tmp_path: Path) -> None:
    accounts = [{"id": "direct", "agreement": "MOSA"}, {"id": "new", "agreement": "MCA"}]
    moving = {**TENANT, "billing_accounts": accounts, "auto_recharge": RULE}
    moving["tenant"] = {**TENANT["tenant"], "default_billing_account": "direct"}

    async def story(shop: Shop) -> None:
        settings = await got(shop.client.get(CONTOSO))
        settings["tenant"]["default_billing_account"] = "new"
        settings["licences"][0]["billing_account"] = "new"
        await got(shop.client.put(CONTOSO, json=settings))
        seen = await look(shop)
        assert (seen["state"], [one["id"] for one in seen["warnings"]]) == ("armed", ["recharge_under_mca"])
        credits = await got(shop.client.get(f"{CONTOSO}/credits"))
        assert [one["id"] for one in credits["warnings"]] == ["recharge_under_mca"]
        await put(shop, add="250")

    told(story, database, tmp_path, moving)


def test_rule_without_a_card_says_so(sqlite_database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        seen = await put(shop)
        assert (seen["says"], seen["reason"]) == ("on, but there is no card to pay with", "no_payment_method")
        assert (seen["method"], seen["in_flight"]) == (None, None)

    told(story, sqlite_database, tmp_path)


def test_recharge_that_its_holder_confirms(sqlite_database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.card(CONFIRMED)
        await put(shop)
        await shop.worker.round()
        seen = await look(shop)
        assert seen["in_flight"]["state"] == "requires_action"
        shop.bank.complete_action(seen["in_flight"]["url"].rsplit("/", 1)[1], succeed=True)
        await shop.news()
        assert (await look(shop))["in_flight"] is None
        assert (await got(shop.client.get(f"{CONTOSO}/credits")))["balance"] == "200"

    told(story, sqlite_database, tmp_path)


def test_timeline_tells_turns_and_payments_newest_first_in_pages(database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.card()
        await put(shop)
        await shop.worker.round()
        shop.clock.now_us += 60_000_000
        await got(shop.client.post(f"{PLACE}/off"))
        shop.clock.now_us += 60_000_000
        await put(shop, below="300")
        whole = (await got(shop.client.get(f"{PLACE}/timeline")))["timeline"]
        assert [(line["kind"], line["reason"]) for line in whole] == [
            ("turn", "in_flight"),
            ("payment", None),
            ("turn", "not_armed"),
            ("turn", "above_trigger"),
            ("turn", "in_flight"),
            ("payment", None),
        ]
        assert whole[1]["says"] == "recharge of 200 USD: not sent yet"
        assert whole[-1]["payment"]["paper"] == "R-contoso-000001"
        seen, cursor = [], ""
        while cursor is not None:
            page = await got(shop.client.get(f"{PLACE}/timeline", params={"limit": 2, "cursor": cursor}))
            seen += page["timeline"]
            cursor = page["next"]
        assert seen == whole

    told(story, database, tmp_path)


def test_card_that_fails_late_is_told_with_the_remedy(sqlite_database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.card(DECLINED_LATER)
        await shop.card(VISA)
        await put(shop)
        await shop.worker.round()
        seen = await look(shop)
        assert seen["in_flight"]["decline"]["remedy"].endswith(".")
        cards = (await got(shop.client.get(f"{CONTOSO}/payment-methods")))["payment_methods"]
        assert [card["pays_recharge"] for card in cards] == [True, False]
        await got(shop.client.put(f"{CONTOSO}/payment-methods/{cards[1]['id']}/default"))
        await shop.worker.round()
        assert (await got(shop.client.get(f"{CONTOSO}/credits")))["balance"] == "200"

    told(story, sqlite_database, tmp_path, BUYER)
