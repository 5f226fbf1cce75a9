"""Rates over HTTP: what a number costs, what a country costs, decks looked into before they are used."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from tests.databases import database, sqlite_database
from tests.doors.http.houses import Door, open_door

__all__ = ["database", "sqlite_database"]  # fixtures

RATES = "/v1/tenants/contoso/rates"
CSV = {"Content-Type": "text/csv"}

OLD = """# name = spring
# currency = USD
# increments = after_first
prefix,name,country,direction,number_type,category,price_per_minute,connection_fee,valid_from
44,United Kingdom,GB,outbound,,,0.02,0,
447,United Kingdom mobile,GB,outbound,,,0.05,0.01,
447,United Kingdom mobile,GB,outbound,,voice_app_outbound,0.04,0,
4490,Not before next year,GB,outbound,,,0.5,0,2027-01-01T00:00:00Z
1,United States,US,outbound,,,0.01,0,
1800,United States toll-free,US,inbound,toll_free,,0.03,0,
"""
NEW = """# name = summer
# currency = USD
# increments = after_first
prefix,name,country,direction,number_type,category,price_per_minute,connection_fee,valid_from
44,United Kingdom,GB,outbound,,,0.025,0,
447,United Kingdom mobile,GB,outbound,,,0.04,0.01,
447,United Kingdom mobile,GB,outbound,,voice_app_outbound,0.04,0,
4490,Not before next year,GB,outbound,,,0.5,0,2027-01-01T00:00:00Z
1,United States,US,outbound,,,0.01,0,
971,United Arab Emirates,AE,outbound,,,0.2,0,
"""

Story = Callable[[Door], Awaitable[None]]


def told(story: Story, url: str, *, bound: bool = True) -> None:
    """Runs a story in a house whose tenant contoso is charged by the deck OLD, or by none."""

    async def run() -> None:
        async with open_door(url) as door:
            if bound:
                version = await added(door, OLD)
                own = door.client.put("/v1/tenants/contoso/deck-bindings", json={"version": version})
                await got(own)
            await story(door)

    asyncio.run(run())


async def got(answer: Awaitable[httpx.Response], status: int = 200) -> Any:
    response = await answer
    assert response.status_code == status, response.text
    return response.json()


async def added(door: Door, csv: str) -> str:
    made = await door.client.post("/v1/decks", content=csv, headers=CSV)
    assert made.status_code == 201, made.text
    version: str = made.json()["version"]
    return version


async def rates_of(door: Door, number: str, **query: str) -> Any:
    return await got(door.client.get(RATES, params={"number": number, **query}))


# --- a number ---------------------------------------------------------------------------------------------


NUMBERS: list[tuple[str, list[tuple[str, str, str]], list[str]]] = [
    ("+442079460000", [("44", "0.02", "outgoing calls")], []),
    ("0044 20 7946 0000", [("44", "0.02", "outgoing calls")], []),
    (
        "447700900123",
        [("447", "0.04", "outgoing calls (voice app outbound)"), ("447", "0.05", "outgoing calls")],
        ["44"],
    ),
    (
        "+18005550100",
        [("1800", "0.03", "incoming calls on toll-free numbers"), ("1", "0.01", "outgoing calls")],
        [],
    ),
]
"""(number, rates that price it: prefix, price, calls; prefixes that stand behind)."""


def test_every_rate_that_may_price_a_number(sqlite_database: str) -> None:
    async def priced(door: Door, number: str, prices: list[tuple[str, str, str]], behind: list[str]) -> None:
        found = await rates_of(door, number)
        by_state: dict[str, list[Any]] = {}
        for rate in found["rates"]:
            by_state.setdefault(rate["state"], []).append(rate)
        told_ = [(rate["prefix"], rate["price_per_minute"], rate["calls"]) for rate in by_state["prices"]]
        assert sorted(told_) == sorted(prices)
        assert [rate["prefix"] for rate in by_state.get("behind", [])] == behind
        assert (found["rated"], found["deck"]["name"], found["deck"]["own"]) == (True, "spring", True)
        assert found["says"] == f"{found['number']} is priced by deck 'spring'"
        assert "emergency" in {free["category"] for free in found["free"]}

    async def story(door: Door) -> None:
        for row in NUMBERS:
            await priced(door, *row)

    told(story, sqlite_database)


def test_a_number_without_a_rate_says_what_happens_and_what_to_do(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        for number, part in (
            ("+33123456789", "no rate of deck 'spring' fits +33123456789: calls to this number are unrated"),
            ("112", "112 is a short code: it has no country and no rate"),
        ):
            found = await rates_of(door, number)
            assert (found["rated"], found["rates"]) == (False, [])
            assert part in found["says"]
        problem = await got(door.client.get(RATES, params={"number": "Ana"}), 422)
        assert (problem["code"], problem["pointer"]) == ("no_number", "/number")

    told(story, sqlite_database)


def test_what_holds_is_of_the_instant_that_is_asked_for(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        now = await rates_of(door, "+4490123456")
        assert [(rate["prefix"], rate["state"]) for rate in now["rates"]] == [
            ("4490", "not_in_force"),
            ("44", "prices"),
        ]
        later = await rates_of(door, "+4490123456", at="2027-02-01T00:00:00Z")
        assert [(rate["prefix"], rate["state"]) for rate in later["rates"]] == [
            ("4490", "prices"),
            ("44", "behind"),
        ]
        hidden = await rates_of(door, "+44*********")
        assert {(rate["prefix"], rate["state"]) for rate in hidden["rates"]} >= {
            ("447", "undecided"),
            ("44", "prices"),
        }

    told(story, sqlite_database)


def test_what_a_call_is_charged_is_what_the_look_up_said(database: str) -> None:
    async def story(door: Door) -> None:
        (rate,) = [
            one for one in (await rates_of(door, "+442079460000"))["rates"] if one["state"] == "prices"
        ]
        await door.call("c1", "+442079460000")
        call = await got(door.client.get("/v1/tenants/contoso/calls/c1"))
        charged = call["facts"]["rate"]
        assert {name: rate[name] for name in charged if name in rate} == {
            name: charged[name] for name in charged if name in rate
        }
        assert (charged["prefix"], rate["price_per_minute"]) == ("44", "0.02")

    told(story, database)


# --- countries --------------------------------------------------------------------------------------------


SOUGHT = {
    "": ["GB", "US"],
    "uni": ["GB", "US"],
    "kingdom": ["GB"],
    "gb": ["GB"],
    "+44": ["GB"],
    "4420": ["GB"],
    "1": ["US"],
    "Narnia": [],
}


def test_countries_by_name_code_and_dialling_code(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        for search, countries in SOUGHT.items():
            found = await got(door.client.get(f"{RATES}/countries", params={"search": search}))
            assert [one["country"] for one in found["countries"]] == countries, search
            assert (found["total"], found["next"]) == (len(countries), None)

    told(story, sqlite_database)


def test_a_country_has_its_lowest_and_highest_price_and_its_prefixes(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        page = await got(door.client.get(f"{RATES}/countries", params={"limit": 1}))
        (kingdom,) = page["countries"]
        assert (kingdom["name"], kingdom["calling_codes"]) == ("United Kingdom", ["44"])
        assert kingdom["outbound"] == {"prefixes": 3, "lowest": "0.02", "highest": "0.5"}
        rest = await got(door.client.get(f"{RATES}/countries", params={"cursor": page["next"]}))
        assert [(one["country"], one["inbound"]["lowest"]) for one in rest["countries"]] == [("US", "0.03")]

        first = await got(door.client.get(f"{RATES}/countries/gb", params={"limit": 3}))
        second = await got(
            door.client.get(f"{RATES}/countries/gb", params={"limit": 3, "cursor": first["next"]})
        )
        assert [rate["prefix"] for rate in first["rates"] + second["rates"]] == ["44", "447", "447", "4490"]
        assert second["next"] is None
        assert (await got(door.client.get(f"{RATES}/countries/FR"), 404))["code"] == "unknown_country"

        other = await added(door, NEW)
        await got(door.client.put("/v1/tenants/contoso/deck-bindings", json={"version": other}))
        moved = door.client.get(f"{RATES}/countries/gb", params={"limit": 3, "cursor": first["next"]})
        assert (await got(moved, 409))["code"] == "moved_on"

    told(story, sqlite_database)


def test_a_tenant_without_a_deck_is_told_so(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        tables = {"tenant": {"id": "euro", "country": "DE", "currency": "EUR"}}
        await got(door.client.post("/v1/tenants", json=tables), 201)
        found = await got(door.client.get("/v1/tenants/euro/rates", params={"number": "+4930123456"}))
        assert (found["rated"], found["deck"]) == (False, None)
        assert "no rate deck is bound for EUR" in found["says"]
        assert (await got(door.client.get("/v1/tenants/euro/rates/countries")))["countries"] == []
        assert (await got(door.client.get("/v1/tenants/euro/rates/countries/DE"), 404))["code"]

    told(story, sqlite_database, bound=False)


# --- decks ------------------------------------------------------------------------------------------------


def test_a_file_is_checked_and_nothing_is_kept(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        before = await got(door.client.get("/v1/decks"))
        good = await got(door.client.post("/v1/decks/check", content=NEW, headers=CSV))
        assert (good["usable"], good["stored"], good["deck"]["rates"]) == (True, False, 6)
        twice = OLD.replace("447,United Kingdom mobile,GB,outbound,,,0.05", "44,Twice,GB,outbound,,,0.05")
        bad = await got(door.client.post("/v1/decks/check", content=twice, headers=CSV))
        assert (bad["usable"], bad["deck"], bad["counts"]["refused"]) == (False, None, 1)
        assert (bad["findings"][0]["severity"], bad["findings"][0]["line"]) == ("refused", 6)
        kept = await got(door.client.post("/v1/decks/check", content=OLD, headers=CSV))
        assert kept["stored"]
        assert await got(door.client.get("/v1/decks")) == before
        problem = await got(door.client.post("/v1/decks/check", content="what?", headers=CSV), 422)
        assert problem["code"] == "unusable_deck"
        assert (await got(door.client.post("/v1/decks/check", json={}), 415))["code"]

    told(story, sqlite_database)


def test_two_decks_differ_alike_stored_or_not(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        old = (await got(door.client.get("/v1/tenants/contoso/deck-bindings")))["bindings"][0]["version"]
        file = await got(door.client.post(f"/v1/decks/{old}/differences", content=NEW, headers=CSV))
        new = await added(door, NEW)
        stored = await got(door.client.get(f"/v1/decks/{new}/differences", params={"against": old}))
        assert file == stored
        assert stored["totals"] == {
            "added": 1,
            "removed": 1,
            "dearer": 1,
            "cheaper": 1,
            "mixed": 0,
            "unchanged": 3,
        }
        shown = [(one["kind"], one["prefix"], one["percent"]) for one in stored["changes"]]
        assert shown == [
            ("dearer", "44", "25"),
            ("cheaper", "447", "-20"),
            ("added", "971", None),
            ("removed", "1800", None),
        ]
        assert stored["changes"][2]["old"] is None
        query = {"against": old, "limit": 3}
        first = await got(door.client.get(f"/v1/decks/{new}/differences", params=query))
        query["cursor"] = first["next"]
        rest = await got(door.client.get(f"/v1/decks/{new}/differences", params=query))
        assert first["changes"] + rest["changes"] == stored["changes"]
        same = {"against": old, "kind": "unchanged"}
        unchanged = await got(door.client.get(f"/v1/decks/{new}/differences", params=same))
        assert [one["prefix"] for one in unchanged["changes"]] == ["1", "447", "4490"]
        euro = NEW.replace("USD", "EUR")
        apart = door.client.post(f"/v1/decks/{old}/differences", content=euro, headers=CSV)
        assert (await got(apart, 422))["code"] == "other_currency"

    told(story, sqlite_database)


def test_rates_of_a_stored_deck_page_by_page(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        version = (await got(door.client.get("/v1/tenants/contoso/deck-bindings")))["bindings"][0]["version"]
        deck = await got(door.client.get(f"/v1/decks/{version}"))
        assert (deck["name"], deck["rates"], deck["increments"]) == ("spring", 6, "after_first")
        path = f"/v1/decks/{version}/rates"
        first = await got(door.client.get(path, params={"limit": 4}))
        rest = await got(door.client.get(path, params={"limit": 4, "cursor": first["next"]}))
        prefixes = [rate["prefix"] for rate in first["rates"] + rest["rates"]]
        assert (prefixes, first["total"]) == (["1", "1800", "44", "447", "447", "4490"], 6)
        for search, expected in (("447", 2), ("mobile", 2), ("us", 2), ("+4", 4), ("Narnia", 0)):
            assert (await got(door.client.get(path, params={"search": search})))["total"] == expected
        assert (await got(door.client.get("/v1/decks/none"), 404))["code"] == "unknown_deck"

    told(story, sqlite_database)


def test_a_tenant_sees_the_decks_that_are_bound_for_it_or_for_all(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        other = await added(door, NEW)
        bound = (await got(door.client.get("/v1/tenants/contoso/deck-bindings")))["bindings"][0]["version"]
        async with door.holder("billing_administrator") as client:
            assert (await got(client.get(f"/v1/decks/{bound}")))["name"] == "spring"
            assert (await got(client.get(f"/v1/decks/{other}"), 404))["code"] == "unknown_deck"
            path = f"/v1/decks/{bound}/differences"
            assert (await got(client.get(path, params={"against": other}), 404))["code"] == "unknown_deck"

    told(story, sqlite_database)


# --- plans and licences -----------------------------------------------------------------------------------


def test_plans_say_what_they_include_and_what_they_need(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        plans = {plan["code"]: plan for plan in (await got(door.client.get("/v1/plans")))["plans"]}
        domestic = plans["MCOPSTN1"]
        assert domestic["needs"] == [["MCOEV"]]
        assert [feature["id"] for feature in domestic["features"]][:1] == ["domestic_calls"]
        (pool,) = domestic["pools"]
        assert (pool["minutes"], pool["minutes_in"]["US"]) == (1200, 3000)
        assert pool["says"] == (
            "1,200 minutes a month for each licence (CA, PR, US: 3,000) to domestic numbers, "
            "shared by the users of a country"
        )
        assert plans["MCOMEETADD_DIALOUT_US"]["pools"][0]["minutes"] is None
        assert (plans["MCOPSTNC"]["needs"], plans["MCOPSTNC"]["traits"]) == ([], ["spends_credits"])
        licences = (await got(door.client.get("/v1/tenants/contoso/licences")))["licences"]
        assert [(one["plan"], one["purchased"], one["assigned"], one["left"]) for one in licences] == [
            ("MCOPSTN1", 2, 1, 1),
            ("MCOPSTNC", 0, 1, -1),
        ]

    told(story, sqlite_database)
