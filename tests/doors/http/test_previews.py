"""What would happen, asked before it does: a purchase, a rule, another default account; test cards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from talktime.funding.sandbox_cards import load_cards
from tests.databases import database, sqlite_database
from tests.doors.http.shops import (
    BUYER,
    CONTOSO,
    DECLINED_LATER,
    UNDER_MCA,
    VISA,
    Shop,
    got,
    told,
)

__all__ = ["database", "sqlite_database"]  # fixtures

RULE: dict[str, Any] = {"enabled": True, "below": "100", "add": "200", "cap_per_month": "500"}

TWO_ACCOUNTS: dict[str, Any] = {
    **BUYER,
    "tenant": {**BUYER["tenant"], "default_billing_account": "direct"},
    "licences": [],
    "billing_accounts": [{"id": "direct", "agreement": "MOSA"}, {"id": "new", "agreement": "MCA"}],
}


async def foreseen(shop: Shop, status: int = 200, **change: Any) -> Any:
    body = {**RULE, **change}
    return await got(shop.client.post(f"{CONTOSO}/auto-recharge/preview", json=body), status)


async def priced(shop: Shop, amount: str, status: int = 200, **more: Any) -> Any:
    body = {"amount": amount, "currency": "USD", **more}
    return await got(shop.client.post(f"{CONTOSO}/purchases/preview", json=body), status)


# --- a purchase --------------------------------------------------------------------------------------------


def test_purchase_costs_what_the_preview_said(sqlite_database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        card = await shop.card()
        seen = await priced(shop, "60")
        assert (seen["amount"], seen["method"], seen["is_test"]) == ("60", card, True)
        assert seen["says"] == [
            f"visa 4242 pays {seen['gross']} USD.",
            "Credits of 60 USD are there as soon as it is paid, and expire on 2027-03-01.",
        ]
        assert (await got(shop.client.get(f"{CONTOSO}/payments")))["payments"] == [], "nothing was bought"
        bought = await shop.buy("60")
        assert (bought["gross"], bought["taxes"]) == (seen["gross"], seen["taxes"])
        assert bought["expires_at"] == seen["expires_at"]

    told(story, sqlite_database, tmp_path, BUYER)


def test_tax_is_said_before_it_is_paid(sqlite_database: str, tmp_path: Path) -> None:
    """The seller is in Ireland, and so is this customer: 23 % on 60 are 13.80."""
    at_home = {
        **BUYER,
        "tenant": {**BUYER["tenant"], "country": "IE"},
        "users": [],
        "caps": [],
        "service_numbers": [],
    }

    async def story(shop: Shop) -> None:
        await shop.card()
        seen = await priced(shop, "60")
        assert (seen["gross"], [line["tax"] for line in seen["taxes"]]) == ("73.8", ["13.8"])
        assert seen["says"][0] == "visa 4242 pays 73.8 USD, of which 13.8 USD are tax."

    told(story, sqlite_database, tmp_path, at_home)


@pytest.mark.parametrize(
    ("amount", "more", "code", "pointer"),
    [
        ("0", {}, "zero_amount", "/amount"),
        ("-5", {}, "negative_amount", "/amount"),
        ("1", {}, "below_minimum", "/amount"),
        ("60.005", {}, "finer_than_coin", "/amount"),
        ("60", {"method": "card_of_nobody"}, "no_payment_method", "/method"),
    ],
)
def test_preview_refuses_what_the_purchase_would(
    sqlite_database: str, tmp_path: Path, amount: str, more: dict[str, str], code: str, pointer: str
) -> None:
    async def story(shop: Shop) -> None:
        await shop.card()
        seen = await priced(shop, amount, 422, **more)
        bought = await shop.buy(amount, status=422, **more)
        assert (seen["code"], seen["detail"]) == (bought["code"], bought["detail"]) == (code, seen["detail"])
        assert seen["pointer"] == pointer

    told(story, sqlite_database, tmp_path, BUYER)


def test_who_may_not_buy_reads_every_rule_that_failed(sqlite_database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.card()
        seen = await priced(shop, "60", 422)
        assert (seen["code"], len(seen["faults"])) == ("not_eligible", 2)

    told(story, sqlite_database, tmp_path, UNDER_MCA)


# --- the rule ----------------------------------------------------------------------------------------------


def test_rule_does_what_was_foreseen(sqlite_database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.card()
        seen = await foreseen(shop)
        assert seen["says"] == [
            "Whenever less than 100 USD is available, credits of 200 USD are bought with visa 4242.",
            "At most 500 USD a calendar month; once a cap is met, it pays nothing more.",
            "0 USD is available now: 200 USD is paid as soon as this is saved.",
        ]
        assert seen["pays_now"] == "200"
        assert (await got(shop.client.get(f"{CONTOSO}/auto-recharge")))["state"] == "off", "nothing was set"
        armed = await got(shop.client.put(f"{CONTOSO}/auto-recharge", json=RULE))
        assert armed["in_flight"]["amount"] == seen["pays_now"]

    told(story, sqlite_database, tmp_path, BUYER)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"add": "60"},
            [
                "If that does not reach 100 USD, as many times 60 USD as does.",
                "120 USD is paid as soon",
            ],
        ),
        ({"add": None, "target": "150", "least": "60"}, ["what is missing to 150 USD is bought"]),
        ({"cap_per_month": None}, ["No cap holds what it may spend."]),
        ({"payments_a_day": 1, "most": "250"}, ["1 payment in 24 hours", "250 USD a payment"]),
        ({"enabled": False}, ["Nothing is bought by itself.", "at a balance of 0"]),
    ],
)
def test_sentences_of_a_rule(
    sqlite_database: str, tmp_path: Path, change: dict[str, Any], says: list[str]
) -> None:
    async def story(shop: Shop) -> None:
        await shop.card()
        seen = " ".join((await foreseen(shop, **change))["says"])
        assert all(one in seen for one in says), seen

    told(story, sqlite_database, tmp_path, BUYER)


def test_nothing_is_foreseen_where_a_cap_is_met(sqlite_database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.card()
        rule: dict[str, Any] = {"below": "240", "cap_per_month": "240"}
        assert (await foreseen(shop, **rule))["pays_now"] == "240", "cut to what the cap leaves"
        await got(shop.client.put(f"{CONTOSO}/auto-recharge", json={**RULE, **rule}))
        assert await shop.worker.round() == 1
        await shop.call("c1", 60)
        seen = await foreseen(shop, **rule)
        assert seen["says"][-1].endswith("is available now, but nothing is paid yet: a cap is met.")

    told(story, sqlite_database, tmp_path, BUYER)


def test_nothing_is_foreseen_while_enough_is_there_or_no_card_is(
    sqlite_database: str, tmp_path: Path
) -> None:
    async def story(shop: Shop) -> None:
        seen = await foreseen(shop)
        assert seen["pays_now"] is None
        assert seen["says"][-1].endswith("nothing is paid yet: there is no card to pay with.")
        await shop.card(DECLINED_LATER)
        await shop.card()
        await shop.buy("100", method=(await cards(shop))[VISA[-4:]])
        seen = await foreseen(shop)
        assert seen["says"][-1] == "100 USD is available now: nothing is paid yet."

    told(story, sqlite_database, tmp_path, BUYER)


async def cards(shop: Shop) -> dict[str, str]:
    found = await got(shop.client.get(f"{CONTOSO}/payment-methods"))
    return {one["last4"]: one["id"] for one in found["payment_methods"]}


def test_preview_of_a_rule_refuses_what_setting_it_would(sqlite_database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.card()
        for change in ({"below": "x"}, {"add": "-1"}, {"cap_per_month": "0"}, {"below": None}):
            body = {**RULE, **change}
            seen = await foreseen(shop, 422, **change)
            assert seen == await got(shop.client.put(f"{CONTOSO}/auto-recharge", json=body), 422)

    told(story, sqlite_database, tmp_path, BUYER)


def test_rule_under_mca_is_refused_or_warned_of(sqlite_database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.card()
        assert (await foreseen(shop, 422))["code"] == "not_eligible"
        off = (await foreseen(shop, enabled=False))["says"]
        assert off[1] == "What is left is spent first; then calls are invoiced after use."

    told(story, sqlite_database, tmp_path, UNDER_MCA)


# --- another default account -------------------------------------------------------------------------------


def test_default_account_does_what_was_foreseen(sqlite_database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        place = f"{CONTOSO}/default-billing-account/new"
        seen = await got(shop.client.get(f"{place}/preview"))
        assert (seen["may_buy_now"], seen["may_buy_then"]) == (True, False)
        assert seen["says"][0] == 'Credits are bought on "new", and receipts are made out to it.'
        assert 'Calls are billed to "new" (MCA) from then on.' in seen["says"]
        assert seen["says"][-1].startswith("Credits can no longer be bought: ")
        assert (await got(shop.client.get(f"{CONTOSO}/eligibility")))["can_buy"], "nothing was changed"
        await got(shop.client.put(place))
        assert not (await got(shop.client.get(f"{CONTOSO}/eligibility")))["can_buy"]
        back = await got(shop.client.get(f"{CONTOSO}/default-billing-account/direct/preview"))
        assert back["says"][-1] == "Credits can be bought again."
        await got(shop.client.get(f"{CONTOSO}/default-billing-account/none/preview"), 404)

    told(story, sqlite_database, tmp_path, TWO_ACCOUNTS)


# --- test cards --------------------------------------------------------------------------------------------


def test_every_test_card_is_named_with_what_becomes_of_it(sqlite_database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        (way,) = (await got(shop.client.get(f"{CONTOSO}/card-gateways")))["gateways"]
        assert (way["gateway"], way["is_test"]) == ("sandbox", True)
        assert way["says"].startswith("No real money moves")
        says = {one["source"]: one["says"] for one in way["sources"]}
        assert len(says) == len({card.number for card in load_cards().values()})
        assert says[VISA] == "Pays."
        assert says[DECLINED_LATER] == "Payments are declined (generic decline)."
        assert says["4000 0025 0000 3155"] == (
            "The holder has to confirm each payment; later payments by auto-recharge need no confirmation."
        )

    told(story, sqlite_database, tmp_path, BUYER)
