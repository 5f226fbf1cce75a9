"""Buying by card through HTTP, with the real sandbox gateway: paid once, declined, confirmed, paid back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from talktime.funding.sandbox_faults import Fault, FaultKind, Operation
from tests.databases import database, sqlite_database
from tests.doors.http.shops import (
    BUYER,
    CONFIRMED,
    CONTOSO,
    DECLINED_LATER,
    SELLER,
    UNDER_MCA,
    VISA,
    Shop,
    got,
    told,
)

__all__ = ["database", "sqlite_database"]  # fixtures


async def balance(shop: Shop) -> str:
    return str((await got(shop.client.get(f"{CONTOSO}/credits")))["balance"])


def test_purchase_is_paid_once_with_receipt_and_lot(database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        card = await shop.card()
        first = await shop.buy("100", "order-7", purchase_order="PO 9")
        assert (first["state"], first["amount"], first["gross"], first["paper"]) == (
            "settled",
            "100",
            "100",
            "R-contoso-000001",
        )
        assert (first["method"], first["lot"], first["expires_at"]) == (
            "visa 4242",
            1,
            "2027-03-01T12:00:00Z",
        )
        assert [line["says"].split()[0] for line in first["log"]] == ["asked", "try", "settled:"]
        again = await shop.buy("100", "order-7", 200, purchase_order="PO 9")
        assert again == first
        other = await shop.buy("101", "order-7", 409, purchase_order="PO 9")
        assert other["code"] == "conflict"
        assert (await balance(shop), shop.bank.taken("contoso")) == ("100", 10_000)
        receipt = await got(shop.client.get(f"{CONTOSO}/receipts/R-contoso-000001"))
        assert (receipt["billed"]["purchase_order"], receipt["seller"]["name"]) == ("PO 9", SELLER.name)
        assert (receipt["net"], receipt["payment"], receipt["lot"]) == ("100", first["payment"], 1)
        shown = await got(shop.client.get(f"{CONTOSO}/payments/{first['payment']}"))
        assert shown == first
        assert card in (await got(shop.client.get(f"{CONTOSO}/payment-methods")))["payment_methods"][0]["id"]

    told(story, database, tmp_path)


def test_the_same_order_at_once_is_one_payment(database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.card()
        body, headers = {"amount": "100", "currency": "USD"}, {"Idempotency-Key": "k"}
        place = f"{CONTOSO}/purchases"
        asked = (shop.client.post(place, json=body, headers=headers) for _ in range(6))
        answers = await asyncio.gather(*asked)
        assert {answer.status_code for answer in answers} <= {200, 201, 202}
        assert len({answer.json()["payment"] for answer in answers}) == 1
        assert (await balance(shop), shop.bank.taken("contoso")) == ("100", 10_000)

    told(story, database, tmp_path)


def test_declined_card_says_why_and_what_to_do(database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.card(DECLINED_LATER)
        for _ in range(2):  # the same order again is declined as before, and the bank is not asked
            body, headers = {"amount": "100", "currency": "USD"}, {"Idempotency-Key": "k1"}
            answer = await shop.client.post(f"{CONTOSO}/purchases", json=body, headers=headers)
            problem = answer.json()
            assert (answer.status_code, problem["code"]) == (402, "declined")
            assert problem["detail"].count(".") >= 2
            payment = await got(shop.client.get(answer.headers["location"]))
            assert (payment["state"], payment["tries"]) == ("declined", 1)
            assert problem["detail"] == f"{payment['decline']['means']} {payment['decline']['remedy']}"
        assert (await balance(shop), shop.bank.taken("contoso")) == ("0", 0)

    told(story, database, tmp_path)


def test_payment_that_its_holder_confirms(database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.card(CONFIRMED)
        waits = await shop.buy("100", status=202)
        assert (waits["state"], waits["paper"]) == ("requires_action", None)
        assert waits["url"].startswith("https://shop.example/sandbox/actions/")
        assert await balance(shop) == "0"
        shop.bank.complete_action(waits["url"].rsplit("/", 1)[1], succeed=True)
        for _ in range(2):
            await shop.news()
        paid = await got(shop.client.get(f"{CONTOSO}/payments/{waits['payment']}"))
        assert (paid["state"], paid["url"], paid["paper"]) == ("settled", None, "R-contoso-000001")
        assert (await balance(shop), shop.bank.taken("contoso")) == ("100", 10_000)
        assert await shop.buy("100", status=200) == paid

    told(story, database, tmp_path)


def test_payment_of_which_nobody_knows_is_settled_by_the_message(database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.card()
        shop.bank.script(Fault(FaultKind.TIMEOUT_AFTER, Operation.PAY))
        waits = await shop.buy("100", status=202)
        assert (waits["state"], waits["url"]) == ("unknown", None)
        again = await shop.buy("100", status=202)
        assert again["payment"] == waits["payment"]
        await shop.news()
        paid = await shop.buy("100", status=200)
        assert (paid["state"], paid["tries"]) == ("settled", 1)
        assert (await balance(shop), shop.bank.taken("contoso")) == ("100", 10_000)

    told(story, database, tmp_path)


def test_payment_of_which_nobody_knows_is_resolved_by_the_provider(
    sqlite_database: str, tmp_path: Path
) -> None:
    async def story(shop: Shop) -> None:
        await shop.card()
        shop.bank.script(Fault(FaultKind.TIMEOUT_AFTER, Operation.PAY))
        waits = await shop.buy("100", status=202)
        place = f"{CONTOSO}/payments/{waits['payment']}/resolution"
        seen = {"taken": True, "reason": "seen at the gateway", "gateway_payment": "pi_seen"}
        for change, status, code in (
            ({"gateway_payment": ""}, 422, "gateway_payment_missing"),
            ({"taken": False}, 422, "not_taken"),
            ({"reason": ""}, 400, "malformed"),
        ):
            assert (await got(shop.client.post(place, json={**seen, **change}), status))["code"] == code
        assert await balance(shop) == "0"
        paid = await got(shop.client.post(place, json=seen))
        assert (paid["state"], paid["gateway_payment"], await balance(shop)) == ("settled", "pi_seen", "100")
        assert "seen at the gateway" in paid["log"][-2]["says"] + paid["log"][-1]["says"]
        assert (await got(shop.client.post(place, json=seen), 409))["code"] == "not_unknown"

    told(story, sqlite_database, tmp_path)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"amount": "49.99"}, 422, "below_minimum"),
        ({"amount": "0"}, 422, "zero_amount"),
        ({"amount": "-60"}, 422, "negative_amount"),
        ({"amount": "60.001"}, 422, "finer_than_coin"),
        ({"amount": "60.1234567"}, 400, "malformed"),
        ({"amount": "NaN"}, 400, "malformed"),
        ({"amount": 60}, 400, "malformed"),
        ({"amount": "999999999999999999"}, 422, "over_limit"),
        ({"currency": "EUR"}, 422, "foreign_currency"),
        ({"currency": "XXX"}, 422, "foreign_currency"),
        ({"method": "card_none"}, 422, "no_payment_method"),
    ],
)
def test_purchase_that_cannot_be_is_refused(
    sqlite_database: str, tmp_path: Path, change: dict[str, Any], status: int, code: str
) -> None:
    async def story(shop: Shop) -> None:
        await shop.card()
        problem = await shop.buy(**{"amount": "60", "status": status, **change})
        assert problem["code"] == code
        assert shop.bank.taken("contoso") == 0
        assert (await got(shop.client.get(f"{CONTOSO}/payments")))["payments"] == []

    told(story, sqlite_database, tmp_path)


def test_key_is_needed_where_money_moves(sqlite_database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        bodies = {
            "purchases": {"amount": "60", "currency": "USD"},
            "on-behalf": {"amount": "60", "currency": "USD"},
            "payments/P-1/refunds": {"amount": "60", "reason": "x"},
            "lots": {"amount": "60", "currency": "USD"},
            "adjustments": {"amount": "60", "reason": "x"},
        }
        everything = shop.of_role("global_administrator", "admin_agent", "provider")
        async with everything as client:
            for place, body in bodies.items():
                problem = await got(client.post(f"{CONTOSO}/{place}", json=body), 400)
                assert (problem["code"], "Idempotency-Key" in problem["detail"]) == (
                    "idempotency_key_missing",
                    True,
                ), place

    told(story, sqlite_database, tmp_path)


def test_tenant_that_may_not_buy_hears_each_rule(sqlite_database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.card()
        problem = await shop.buy(status=422)
        assert problem["code"] == "not_eligible"
        assert [fault.split(":")[0] for fault in problem["faults"]] == [
            "subscriptions_on_mosa",
            "default_account_is_mosa",
        ]
        assert all(fault.endswith(".") for fault in problem["faults"])

    told(story, sqlite_database, tmp_path, UNDER_MCA)


def test_payments_are_listed_in_pages_and_by_kind(database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.card()
        made = [(await shop.buy("60", f"k{at}"))["payment"] for at in range(5)]
        back = {"amount": "10", "reason": "too much"}
        place = f"{CONTOSO}/payments/{made[0]}/refunds"
        await got(shop.client.post(place, json=back, headers={"Idempotency-Key": "r"}), 201)
        seen, cursor = [], ""
        while cursor is not None:
            page = await got(shop.client.get(f"{CONTOSO}/payments", params={"limit": 2, "cursor": cursor}))
            assert len(page["payments"]) <= 2
            seen += [payment["payment"] for payment in page["payments"]]
            cursor = page["next"]
        assert len(seen) == len(set(seen)) == 6
        bought = await got(shop.client.get(f"{CONTOSO}/payments", params={"kind": "purchase"}))
        assert {payment["payment"] for payment in bought["payments"]} == set(made)
        (refund,) = (await got(shop.client.get(f"{CONTOSO}/payments?kind=refund")))["payments"]
        assert (refund["of"], refund["reason"], refund["amount"]) == (made[0], "too much", "10")
        assert (await got(shop.client.get(f"{CONTOSO}/payments?cursor=x"), 400))["code"] == "malformed"

    told(story, database, tmp_path)


def test_refund_gives_back_what_is_left_with_a_credit_note(database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.card()
        payment = (await shop.buy("100"))["payment"]

        async def refund(amount: str, key: str, status: int, of: str = payment) -> Any:
            place, body = f"{CONTOSO}/payments/{of}/refunds", {"amount": amount, "reason": "bought twice"}
            return await got(shop.client.post(place, json=body, headers={"Idempotency-Key": key}), status)

        first = await refund("40", "r1", 201)
        assert (first["state"], first["paper"], first["of"]) == ("settled", "C-contoso-000001", payment)
        assert await refund("40", "r1", 200) == first
        assert (await refund("41", "r1", 409))["code"] == "conflict"
        assert (await refund("60.01", "r2", 409))["code"] == "too_much"
        assert (await refund("10", "r3", 404, "P-none"))["code"] == "unknown_payment"
        await refund("60", "r4", 201)
        assert (await balance(shop), shop.bank.taken("contoso")) == ("0", 0)
        notes = (await got(shop.client.get(f"{CONTOSO}/credit-notes")))["credit_notes"]
        assert [(note["number"], note["net"]) for note in notes] == [
            ("C-contoso-000002", "60"),
            ("C-contoso-000001", "40"),
        ]
        note = await got(shop.client.get(f"{CONTOSO}/credit-notes/C-contoso-000001"))
        assert (note["receipt"], note["reason"]) == ("R-contoso-000001", "bought twice")
        shown = await got(shop.client.get(f"{CONTOSO}/payments/{payment}"))
        assert (shown["refunded"], shown["being_refunded"]) == ("100", "0")
        assert (await got(shop.client.get(f"{CONTOSO}/payments/{first['payment']}"))) == first

    told(story, database, tmp_path)


def test_dispute_freezes_and_what_is_missing_is_owed(database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.card()
        paid = await shop.buy("100")
        taken = {"amount": "-30", "reason": "spent elsewhere", "reference": "t"}
        await got(shop.client.post(f"{CONTOSO}/adjustments", json=taken), 201)
        shop.bank.open_dispute(paid["gateway_payment"])
        await shop.news()
        credits = await got(shop.client.get(f"{CONTOSO}/credits"))
        assert (credits["balance"], credits["frozen"], credits["owed"]) == ("0", "70", "0")
        shop.bank.close_dispute(paid["gateway_payment"], won=False)
        await shop.news()
        credits = await got(shop.client.get(f"{CONTOSO}/credits"))
        assert (credits["balance"], credits["frozen"], credits["owed"]) == ("0", "0", "30")
        shown = await got(shop.client.get(f"{CONTOSO}/payments/{paid['payment']}"))
        assert shown["dispute"] == {"state": "lost", "amount": "100", "frozen": "0", "owed": "30"}

    told(story, database, tmp_path)


def test_partner_funds_its_customer_and_nobody_else_does(database: str, tmp_path: Path) -> None:
    through = {
        **BUYER,
        "billing_accounts": [{"id": "csp", "agreement": "CSP"}],
        "licences": [{"plan": "MCOPSTN1", "purchased": 2, "billing_account": "csp"}],
    }

    async def story(shop: Shop) -> None:
        body, headers = {"amount": "200", "currency": "USD"}, {"Idempotency-Key": "p1"}
        async with shop.of_role("admin_agent") as partner, shop.of_role("global_administrator") as own:
            given = await got(partner.post(f"{CONTOSO}/on-behalf", json=body, headers=headers), 201)
            assert (given["lot"], given["balance"], given["repeated"]) == (1, "200", False)
            again = await got(partner.post(f"{CONTOSO}/on-behalf", json=body, headers=headers), 200)
            assert (again["lot"], again["balance"], again["repeated"]) == (1, "200", True)
            other = {**body, "amount": "201"}
            problem = await got(partner.post(f"{CONTOSO}/on-behalf", json=other, headers=headers), 409)
            assert problem["code"] == "conflict"
            await got(own.post(f"{CONTOSO}/on-behalf", json=body, headers=headers), 403)
            await got(partner.post(f"{CONTOSO}/purchases", json=body, headers=headers), 403)
            problem = await got(own.post(f"{CONTOSO}/purchases", json=body, headers=headers), 422)
            assert problem["code"] == "not_eligible"
            assert "Ask the partner to fund credits on your behalf" in problem["detail"]
            suspended = {"status": "suspended", "reason": "case 7"}
            await got(shop.client.put(f"{CONTOSO}/status", json=suspended))
            late = {"Idempotency-Key": "p2"}
            problem = await got(partner.post(f"{CONTOSO}/on-behalf", json=body, headers=late), 409)
            assert problem["code"] == "tenant_suspended"
            lot = {"amount": "60", "currency": "USD", "reference": "r2"}
            assert (await got(shop.client.post(f"{CONTOSO}/lots", json=lot), 409))[
                "code"
            ] == "tenant_suspended"

    told(story, database, tmp_path, through)


def test_partner_does_not_fund_a_direct_customer(sqlite_database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        body, headers = {"amount": "200", "currency": "USD"}, {"Idempotency-Key": "p1"}
        async with shop.of_role("admin_agent") as partner:
            problem = await got(partner.post(f"{CONTOSO}/on-behalf", json=body, headers=headers), 422)
            assert problem["code"] == "not_through_partner"

    told(story, sqlite_database, tmp_path)


# --- cards --------------------------------------------------------------------------------------------


def test_cards_are_added_chosen_and_removed(database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        place = f"{CONTOSO}/payment-methods"
        first, second = await shop.card(VISA), await shop.card("tok_mastercard 03/29")
        cards = (await got(shop.client.get(place)))["payment_methods"]
        assert [(card["brand"], card["last4"], card["expires"], card["default"]) for card in cards] == [
            ("visa", "4242", "2030-12", True),
            ("mastercard", "4444", "2029-03", False),
        ]
        assert "token" not in cards[0]
        page = await got(shop.client.get(place, params={"limit": 1}))
        rest = await got(shop.client.get(place, params={"limit": 1, "cursor": page["next"]}))
        assert ([card["id"] for card in rest["payment_methods"]], rest["next"]) == ([second], None)
        chosen = await got(shop.client.put(f"{place}/{second}/default"))
        assert (chosen["id"], chosen["default"]) == (second, True)
        await got(shop.client.delete(f"{place}/{first}"), 204)
        assert (await got(shop.client.delete(f"{place}/{first}"), 404))["code"] == "unknown_payment_method"
        assert (await got(shop.client.put(f"{place}/{first}/default"), 404))[
            "code"
        ] == "unknown_payment_method"
        (left,) = (await got(shop.client.get(place)))["payment_methods"]
        assert left["id"] == second

    told(story, database, tmp_path)


def test_card_that_an_armed_rule_pays_with_stays(sqlite_database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        card = await shop.card()
        rule = {"enabled": True, "below": "1", "add": "60"}
        await got(shop.client.put(f"{CONTOSO}/auto-recharge", json=rule))
        problem = await got(shop.client.delete(f"{CONTOSO}/payment-methods/{card}"), 409)
        assert problem["code"] == "payment_method_in_use"
        await got(shop.client.post(f"{CONTOSO}/auto-recharge/off"))
        other = await shop.card("tok_mastercard")
        await got(shop.client.delete(f"{CONTOSO}/payment-methods/{card}"), 204)
        await got(shop.client.put(f"{CONTOSO}/auto-recharge", json=rule))
        # No card is the default now, and the only one there is pays.
        await got(shop.client.delete(f"{CONTOSO}/payment-methods/{other}"), 409)

    told(story, sqlite_database, tmp_path)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"source": "4000 0000 0000 0002"}, 422, "card_refused"),
        ({"source": "4111 1111 1111 1111"}, 422, "card_refused"),
        ({"source": VISA, "gateway": "other"}, 422, "unknown_gateway"),
        ({"source": ""}, 400, "malformed"),
        ({"source": "4242\n"}, 400, "malformed"),
        ({}, 400, "malformed"),
    ],
)
def test_card_that_is_not_kept(
    sqlite_database: str, tmp_path: Path, body: dict[str, Any], status: int, code: str
) -> None:
    async def story(shop: Shop) -> None:
        problem = await got(shop.client.post(f"{CONTOSO}/payment-methods", json=body), status)
        assert problem["code"] == code
        assert "4111" not in str(problem), "a number that could be real is not repeated"
        assert (await got(shop.client.get(f"{CONTOSO}/payment-methods")))["payment_methods"] == []

    told(story, sqlite_database, tmp_path)


def test_card_is_not_added_while_the_gateway_is_away(sqlite_database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        shop.bank.script(Fault(FaultKind.SERVER_ERROR, Operation.SAVE_METHOD))
        place, body = f"{CONTOSO}/payment-methods", {"source": VISA}
        assert (await got(shop.client.post(place, json=body), 503))["code"] == "gateway_unclear"
        await shop.card()

    told(story, sqlite_database, tmp_path)


def test_tenant_that_is_closed_or_unknown(sqlite_database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        closing = {"status": "closed", "reason": "moved away"}
        await got(shop.client.put(f"{CONTOSO}/status", json=closing))
        body = {"source": VISA}
        problem = await got(shop.client.post(f"{CONTOSO}/payment-methods", json=body), 409)
        assert problem["code"] == "tenant_closed"
        for path in (
            "payments",
            "lots",
            "credits",
            "auto-recharge",
            "payment-methods",
            "auto-recharge/timeline",
        ):
            assert (await got(shop.client.get(f"/v1/tenants/x/{path}"), 404))["code"] == "unknown_tenant"
        bodies: dict[str, dict[str, Any]] = {
            "purchases": {"amount": "60", "currency": "USD"},
            "payments/P-1/refunds": {"amount": "60", "reason": "x"},
            "payment-methods": body,
            "auto-recharge/off": {},
            "auto-recharge/retry": {},
        }
        for path, sent in bodies.items():
            answer = shop.client.post(f"/v1/tenants/x/{path}", json=sent, headers={"Idempotency-Key": "k"})
            assert (await got(answer, 404))["code"] == "unknown_tenant"

    told(story, sqlite_database, tmp_path)
