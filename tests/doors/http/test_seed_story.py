"""The two documents that Talktime starts from, as one story through HTTP, every figure worked out by hand.

What they say of the system, and where it is shown: S is `test_from_credits_to_post_usage`, with its chapters
by number (S1 to S6 in story_credits.py, the others in story_post_usage.py), W the tests of who may buy, O
`test_one_time_amount_runs_out`.

What are Communication Credits?
    pay for toll-free numbers of conferencing, auto attendants and call queues          S3
    toll-free is billed by the minute, and needs a balance above 0                      S1 S3 S6
    pay for dialling out of meetings beyond the calling area, Call me abroad            S3
    pay for dial-out beyond the conferencing minutes                                    S3
    pay for domestic and international calls beyond a Calling Plan's minutes            S3
    pay for all outgoing calls of a Pay-As-You-Go plan                                  S3 S6 S9
    not everybody needs them: some calls are included; look at what you have            S1 W
    agreement's address in another region: may be refused; a ticket helps until then    W
    purchases need subscriptions on MOSA, and MOSA as the default account               S1 S7 W
    MCA pays after use, so nothing is to be bought with MCA plans or MCA as default     S7 W
    both kinds of account at once are possible; which is the default can be chosen      S7 W
    which subscription is on which account can be looked up                             S7
    warning: under MCA auto-recharge has to be turned off                               S7
    bought through a CSP: the partner funds; with plans of your own you do              W
    what a call costs can be looked up                                                  S3
    one-time amount at 0: most calls end, toll-free numbers too                         S6 O
    auto-recharge avoids that; the balance can be seen                                  S4 S6
    usage by date range, on screen and as Excel                                         S4
    twenty roles hear of payments, of recharges that fail (expired card), of balance 0  S2 S4 S6
    a table says which licences a feature needs                                         S1
Turn off auto recharge
    auto-recharge refills to the threshold that was selected                            S4 S6
    on under MCA it refills for ever and never switches                                 S7
    edit the settings, clear the box, save                                              S8
    then the move is possible before the balance is empty                               S8
    credits are consumed first, then post-usage; nothing has to be done for it          S9
    post-usage is paid after it was consumed                                            S10
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.databases import database, sqlite_database
from tests.doors.http import story_credits as first
from tests.doors.http import story_post_usage as then
from tests.doors.http.story import World, credits_of, got, told
from tests.doors.http.story_tenants import CAIRO, CONTOSO, DECK, DUBLIN_DESK, organisation

__all__ = ["database", "sqlite_database"]  # fixtures


def test_from_credits_to_post_usage(database: str, tmp_path: Path) -> None:
    """Half a year of Contoso: credits, auto-recharge, an expired card, nothing left, MCA, post-usage."""

    async def story(world: World) -> None:
        await got(world.operator.post("/v1/tenants", json=CONTOSO), 201)
        roles = ("global", "billing", "teams", "application")
        boss, billing, teams, application = [
            await world.person("contoso", f"{role}_administrator") for role in roles
        ]
        contoso = first.Story(world, boss, billing, teams, application)
        for chapter in (
            first.before_anything_is_bought,
            first.credits_are_bought,
            first.what_credits_pay_for,
            first.it_refills_itself,
            first.the_card_expires,
            first.nothing_is_left,
            then.the_agreement_changes,
            then.recharge_is_turned_off,
            then.the_last_credits,
            then.the_invoice,
            then.the_books,
        ):
            await chapter(contoso)

    told(story, database, tmp_path, DECK)


# --- who may buy, and who helps where somebody may not ---------------------------------------------------


async def _rules(world: World, tenant: str) -> tuple[bool, list[str]]:
    """(may it buy, the rules that fail)."""
    answer = await got(world.operator.get(f"/v1/tenants/{tenant}/eligibility"))
    return answer["can_buy"], [rule["rule"] for rule in answer["rules"] if rule["outcome"] == "failed"]


async def _buys(world: World, tenant: str, status: int) -> Any:
    """Somebody of the tenant buys 50.00 with a card."""
    buyer = await world.person(tenant, "billing_administrator")
    place = f"/v1/tenants/{tenant}"
    await got(buyer.post(f"{place}/payment-methods", json={"source": "4242 4242 4242 4242"}), 201)
    order, key = {"amount": "50", "currency": "EUR"}, {"Idempotency-Key": f"{tenant}-{status}"}
    return await got(buyer.post(f"{place}/purchases", json=order, headers=key), status)


async def _made(world: World, tenant: dict[str, Any]) -> None:
    await got(world.operator.post("/v1/tenants", json=tenant), 201)


def test_address_in_another_region_gets_a_ticket_and_help(sqlite_database: str, tmp_path: Path) -> None:
    """An agreement billed in the United States, an organisation in Ireland: refused until support helps."""

    async def story(world: World) -> None:
        accounts = {"agreement": ("EA", "US")}
        await _made(world, organisation("fabrikam", accounts, billed_to="agreement", default="agreement"))
        assert await _rules(world, "fabrikam") == (False, ["ea_region_matches"])
        refused = await _buys(world, "fabrikam", 422)
        assert refused["code"] == "not_eligible"
        assert "Open a support ticket" in refused["faults"][0]
        olga = await world.person("fabrikam", "service_support_administrator")
        case = {"case": "ea_region_matches", "text": "We are in Dublin, the agreement is in Boston."}
        ticket = await got(olga.post("/v1/tenants/fabrikam/tickets", json=case), 201)
        (failed,) = [rule for rule in ticket["facts"]["rules"] if rule["outcome"] == "failed"]
        assert (ticket["state"], failed["rule"]) == ("open", "ea_region_matches")
        until = {"rule": "ea_region_matches", "reason": "until it is mended", "until": "2026-02-01T00:00:00Z"}
        await got(world.operator.post("/v1/tenants/fabrikam/waivers", json=until), 201)
        place = f"/v1/tenants/fabrikam/tickets/{ticket['id']}/close"
        closed = await got(world.operator.post(place, json={"text": "You can buy until February."}))
        assert closed["state"] == "closed"
        assert await _rules(world, "fabrikam") == (True, [])
        assert (await _buys(world, "fabrikam", 201))["state"] == "settled"
        await world.at("2026-02-01 09:00")
        assert await _rules(world, "fabrikam") == (False, ["ea_region_matches"])

    told(story, sqlite_database, tmp_path, DECK)


def test_two_agreements_at_once(sqlite_database: str, tmp_path: Path) -> None:
    """What counts is where the subscriptions are and which account is the default; both have to be MOSA."""

    async def story(world: World) -> None:
        accounts = {"new": ("MCA", "IE"), "old": ("MOSA", "IE")}
        for billed_to, default, failed in (
            ("new", "new", ["subscriptions_on_mosa", "default_account_is_mosa"]),
            ("new", "old", ["subscriptions_on_mosa"]),
            ("old", "new", ["default_account_is_mosa"]),
            ("old", "old", []),
        ):
            name = f"northwind-{billed_to}-{default}"
            await _made(world, organisation(name, accounts, billed_to=billed_to, default=default))
            assert await _rules(world, name) == (not failed, failed), name
            await _buys(world, name, 422 if failed else 201)
        # The remedy of the one: another default account.
        place = "/v1/tenants/northwind-old-new/default-billing-account/old"
        assert (await got(world.operator.put(place)))["default"] == "old"
        assert await _rules(world, "northwind-old-new") == (True, [])

    told(story, sqlite_database, tmp_path, DECK)


def test_partner_funds_and_own_plans_make_free(sqlite_database: str, tmp_path: Path) -> None:
    """Plans bought through a partner: the partner pays. Plans bought from us: the organisation does."""

    async def story(world: World) -> None:
        accounts = {"partner": ("CSP", "IE"), "own": ("MOSA", "IE")}
        tenant = organisation("tailspin", accounts, billed_to="partner", default="partner")
        await _made(world, tenant)
        assert await _rules(world, "tailspin") == (False, ["not_through_csp"])
        refused = await _buys(world, "tailspin", 422)
        assert "fund credits on your behalf" in refused["faults"][0]
        partner = await world.person("tailspin", "admin_agent")
        given, key = {"amount": "200", "currency": "EUR"}, {"Idempotency-Key": "july"}
        place = "/v1/tenants/tailspin"
        await got(partner.post(f"{place}/on-behalf", json=given, headers=key), 201)
        assert await credits_of(partner, "tailspin") == ("200", "prepaid")
        tables = {name: tenant[name] for name in ("tenant", "billing_accounts", "administrators")}
        tables["tenant"] = {**tenant["tenant"], "default_billing_account": "own"}
        tables["licences"] = [{**bought, "billing_account": "own"} for bought in tenant["licences"]]
        await got(world.operator.put(place, json=tables))
        assert await _rules(world, "tailspin") == (True, [])
        key = {"Idempotency-Key": "august"}
        refused = await got(partner.post(f"{place}/on-behalf", json=given, headers=key), 422)
        assert refused["code"] == "not_through_partner"
        await _buys(world, "tailspin", 201)
        assert await credits_of(partner, "tailspin") == ("250", "prepaid")

    told(story, sqlite_database, tmp_path, DECK)


def test_not_everybody_needs_credits(sqlite_database: str, tmp_path: Path) -> None:
    """120 domestic minutes and a user who is held to domestic calls: only beyond them; none: not at all."""

    async def story(world: World) -> None:
        accounts = {"direct": ("MOSA", "IE")}
        tenant = organisation("woodgrove", accounts, billed_to="direct", default="direct", credits=False)
        tenant["users"][0]["policies"] = ["calls_domestic"]
        await _made(world, tenant)
        place, una = "/v1/tenants/woodgrove", "una@woodgrove.example"
        needed = await got(world.operator.get(f"{place}/needs"))
        assert (needed["needed"], needed["only_after_pools"]) == (True, True)
        free = await world.call("woodgrove", "user_out", "90:00", user=una, callee=DUBLIN_DESK)
        assert (free["amount"], free["pool_seconds"]) == ("0", 90 * 60)
        await got(world.operator.put(f"{place}/users/{una}/licences", json={"licences": []}))
        assert (await got(world.operator.get(f"{place}/needs")))["needed"] is False

    told(story, sqlite_database, tmp_path, DECK)


def test_one_time_amount_runs_out(sqlite_database: str, tmp_path: Path) -> None:
    """50.00 once, without auto-recharge: 40 x 1.25 later nothing that is paid goes on."""

    async def story(world: World) -> None:
        accounts = {"direct": ("MOSA", "IE")}
        await _made(world, organisation("adatum", accounts, billed_to="direct", default="direct"))
        bought = await _buys(world, "adatum", 201)
        assert (bought["amount"], bought["gross"]) == ("50", "61.5")
        await world.turn()
        world.mails()
        una, number = "una@adatum.example", "+3531800200001"
        # 50 - .25 - 39 x 1.25 = 1; 120 minutes at home are included, 20 more x .05 are that 1.
        rings = await world.call("adatum", "ucap_in", "1:30", service_number=number, callee=number)
        assert (rings["amount"], rings["balance"]) == ("0.25", "49.75")
        far = await world.call("adatum", "user_out", "39:00", user=una, callee=CAIRO)
        assert (far["amount"], far["balance"]) == ("48.75", "1")
        near = await world.call("adatum", "user_out", "140:00", user=una, callee=DUBLIN_DESK)
        assert (near["amount"], near["pool_seconds"], near["balance"]) == ("1", 7_200, "0")
        told_of_it = world.mails()
        assert told_of_it["adatum: The communication credits have reached 0"] == {"olga@adatum.example"}
        assert "auto-recharge is off" in world.texts["adatum: The communication credits have reached 0"]
        assert await world.refused("adatum", "ucap_in", service_number=number, callee=number) == "no_credit"
        assert await world.refused("adatum", "user_out", user=una, callee=DUBLIN_DESK) == "no_credit"
        assert await world.refused("adatum", "user_out", user=una, callee=CAIRO) == "no_credit"

    told(story, sqlite_database, tmp_path, DECK)
