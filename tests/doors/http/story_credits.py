"""The first half of the story of Contoso: credits, auto-recharge, a card that expires, nothing left.

Each chapter goes on where the one before ended and states every figure, with the sum that it comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import fastexcel
import httpx

from tests.doors.http.story import World, credits_of, got
from tests.doors.http.story_tenants import (
    ANA,
    ATTENDANT,
    BEN,
    BRIDGE,
    CAIRO,
    CARA,
    DAN,
    DUBLIN_DESK,
    EVERYBODY,
    LONDON,
    MOBILE,
    MONEY_PEOPLE,
    POOL_PEOPLE,
    QUEUE,
    TOLL,
    WELLINGTON,
)

PLACE: Final = "/v1/tenants/contoso"
RULE: Final = {"enabled": True, "below": "40", "add": "50"}
RECHARGED: Final = {"Auto-recharge added 50 EUR of communication credits": EVERYBODY}
HEARD: Final = (
    "purchase_succeeded",
    "recharge_succeeded",
    "recharge_failed",
    "balance_zero",
    "mode_switched",
    "invoice_ready",
)
"""What the webhook of the story is for."""


@dataclass
class Story:
    """Contoso in its world: a global, a billing, a Teams and an application administrator with their keys."""

    world: World
    boss: httpx.AsyncClient
    billing: httpx.AsyncClient
    teams: httpx.AsyncClient
    application: httpx.AsyncClient
    secret: str = ""

    async def talks(
        self,
        call: str,
        who: str,
        to: str = "",
        *,
        amount: str = "0",
        left: str,
        pool: int = 0,
        told: Mapping[str, frozenset[str]] | None = None,
    ) -> Any:
        """A call of a user or to a number, `conf_in 1:01`: its cost, what is left, who is told."""
        call_type, duration = call.split()
        service = who.startswith("+")
        parties = {"service_number": who, "callee": who, "caller": MOBILE} if service else {"user": who}
        settled = await self.world.call("contoso", call_type, duration, **{**parties, **_to(to)})
        paid = (settled["amount"], settled["balance"], settled["pool_seconds"])
        assert paid == (amount, left, pool * 60), settled
        self.hears(told or {})
        return settled

    async def refused(self, call_type: str, who: str, to: str = "") -> str:
        """Why such a call may not begin."""
        parties = {"service_number": who, "callee": who} if who.startswith("+") else {"user": who}
        return await self.world.refused("contoso", call_type, **{**parties, **_to(to)})

    def hears(self, told: Mapping[str, frozenset[str]]) -> None:
        """These mails, and no others, went to these people since this was asked last."""
        came = self.world.mails()
        assert came == {f"Contoso Ltd: {subject}": who for subject, who in told.items()}, came

    def text(self, subject: str) -> str:
        """What the newest mail with this subject says."""
        return self.world.texts[f"Contoso Ltd: {subject}"]

    async def recharge(self) -> Any:
        return await got(self.billing.get(f"{PLACE}/auto-recharge"))

    async def post_usage(self) -> Any:
        return await got(self.boss.get(f"{PLACE}/post-usage"))

    async def failed_rules(self) -> list[str]:
        answer = await got(self.billing.get(f"{PLACE}/eligibility"))
        return [rule["rule"] for rule in answer["rules"] if rule["outcome"] == "failed"]


def _to(number: str) -> dict[str, str]:
    return {"callee": number} if number else {}


# --- 1: does Contoso need credits, and may it buy them ------------------------------------------------


async def before_anything_is_bought(contoso: Story) -> None:
    """Included calls work without credits, toll-free numbers do not ring."""
    await contoso.world.at("2026-01-05 09:00")
    needed = await got(contoso.boss.get(f"{PLACE}/needs"))
    assert (needed["needed"], needed["only_after_pools"]) == (True, False)
    assert {reason["id"]: reason["who"] for reason in needed["reasons"]} == {
        "toll_free_numbers": [BRIDGE, ATTENDANT, QUEUE],
        "pay_as_you_go": [CARA],
        "dial_out_beyond": [ANA],
        "dial_out_overage": [ANA],
        "calls_beyond": [BEN],
        "calls_overage": [BEN, DAN],
        "voice_apps": [ATTENDANT, QUEUE],
    }
    feature = await got(contoso.boss.get("/v1/features/toll_free_dial_in"))
    assert [(way["licences"], way["money"]) for way in feature["ways"]] == [
        ([["MCOMEETADD"]], "every_minute")
    ]
    answer = await got(contoso.billing.get(f"{PLACE}/eligibility"))
    assert (answer["can_buy"], answer["warnings"]) == (True, [])
    assert await contoso.refused("conf_in", BRIDGE) == "no_credit"
    await contoso.talks("user_out 30:00", BEN, DUBLIN_DESK, pool=30, left="0")


# --- 2: a purchase --------------------------------------------------------------------------------------


async def credits_are_bought(contoso: Story) -> None:
    """100.00 by a card that lasts until March; VAT of Ireland is 23 %: 123.00 are taken, 100.00 credited."""
    wanted = {"url": contoso.world.hooks.url_for("/talktime"), "events": HEARD, "allow_private": True}
    hook = await got(contoso.application.post(f"{PLACE}/webhooks", json=wanted), 201)
    contoso.secret = hook["secret"]
    contoso.world.hooks.expect_request("/talktime", method="POST").respond_with_data("", 204)
    card = {"source": "4242 4242 4242 4242 03/26"}
    saved = await got(contoso.billing.post(f"{PLACE}/payment-methods", json=card), 201)
    assert (saved["last4"], saved["expires"], saved["default"]) == ("4242", "2026-03", True)
    order, key = {"amount": "100", "currency": "EUR"}, {"Idempotency-Key": "first"}
    paid = await got(contoso.billing.post(f"{PLACE}/purchases", json=order, headers=key), 201)
    assert (paid["state"], paid["amount"], paid["gross"]) == ("settled", "100", "123")
    receipt = await got(contoso.billing.get(f"{PLACE}/receipts/{paid['paper']}"))
    assert (receipt["number"], receipt["billed"]["purchase_order"]) == ("R-contoso-000001", "PO-7")
    assert [(tax["name"], tax["percent"], tax["tax"]) for tax in receipt["taxes"]] == [("VAT", "23", "23")]
    await contoso.world.turn()
    subject = "100 EUR of communication credits bought"
    contoso.hears({subject: EVERYBODY})
    assert "Balance (settled): 100 EUR" in contoso.text(subject)
    assert "R-contoso-000001" in contoso.text(subject)
    assert await credits_of(contoso.billing, "contoso") == ("100", "prepaid")


# --- 3: calls -------------------------------------------------------------------------------------------


async def what_credits_pay_for(contoso: Story) -> None:
    """January, from 100.00. Prices a minute: toll-free .125, IE .05, GB .08, NZ .30, EG 1.25."""
    talks = contoso.talks
    armed = await got(contoso.billing.put(f"{PLACE}/auto-recharge", json=RULE))
    assert (armed["state"], armed["says"], armed["reason"]) == ("armed", "on", "above_trigger")
    # 61 s are 2 minutes: 2 x .125 on each of the three numbers; a toll number is free.
    await talks("conf_in 1:01", BRIDGE, amount="0.25", left="99.75")
    await talks("ucap_in 1:01", ATTENDANT, amount="0.25", left="99.5")
    await talks("ucap_in 1:01", QUEUE, amount="0.25", left="99.25")
    await talks("conf_in 20:00", TOLL, left="99.25")
    # One conferencing licence: 60 minutes to Zone A. 50 are 83 %; of 12 more 10 are left, 2 x .08 are paid.
    name = "Audio Conferencing (conferencing)"
    await talks("conf_out 50:00", ANA, LONDON, pool=50, left="99.25", told=_most(name))
    await talks("conf_out 12:00", ANA, LONDON, pool=10, amount="0.16", left="99.09", told=_all(name))
    # Egypt is beyond Zone A: 10 x 1.25 from the first minute. Call me in Wellington, no pool left: 5 x .30.
    _, quoted = await contoso.world.start("contoso", "conf_out", 60, user=ANA, callee=CAIRO)
    assert (quoted["rate"]["prefix"], quoted["rate"]["price_per_minute"]) == ("20", "1.25")
    await got(_cancelled(contoso.world))
    await talks("conf_out 10:00", ANA, CAIRO, amount="12.5", left="86.59")
    await talks("conf_out 5:00", ANA, WELLINGTON, amount="1.5", left="85.09")
    # ben has 120 domestic minutes, 30 are used: 80 more are 92 %; then 10 are left and 20 x .05 are paid.
    name = "Domestic Calling Plan, 120 minutes (domestic, IE)"
    await talks("user_out 80:00", BEN, DUBLIN_DESK, pool=80, left="85.09", told=_most(name))
    await talks("user_out 30:00", BEN, DUBLIN_DESK, pool=10, amount="1", left="84.09", told=_all(name))
    # Abroad ben's plan has no minutes: 3 x .08. dan's has 600: 590 are 98 %; then 10 are left, 10 x .08 paid.
    await talks("user_out 3:00", BEN, LONDON, amount="0.24", left="83.85")
    name = "Domestic and International Calling Plan (international, IE)"
    await talks("user_out 590:00", DAN, LONDON, pool=590, left="83.85", told=_most(name))
    await talks("user_out 20:00", DAN, LONDON, pool=10, amount="0.8", left="83.05", told=_all(name))
    # cara pays as she goes, at home as well: 7 x .05, and 1 x 1.25.
    await talks("user_out 7:00", CARA, DUBLIN_DESK, amount="0.35", left="82.7")
    await talks("user_out 1:00", CARA, CAIRO, amount="1.25", left="81.45")


def _most(pool: str) -> dict[str, frozenset[str]]:
    return {f"80 % of included minutes are used: {pool}": POOL_PEOPLE}


def _all(pool: str) -> dict[str, frozenset[str]]:
    return {f"All included minutes are used: {pool}": POOL_PEOPLE}


async def _cancelled(world: World) -> httpx.Response:
    """The call that was asked for last does not come about."""
    body = {"tenant": "contoso", "sequence": 1}
    return await world.operator.post(f"/v1/calls/call-{world.calls}/cancel", json=body)


# --- 4: auto-recharge ------------------------------------------------------------------------------------


async def it_refills_itself(contoso: Story) -> None:
    """81.45 - 34 x 1.25 = 38.95, less than 40: one payment of 50 is enough, 61.50 with VAT."""
    await contoso.world.at("2026-01-20 09:00")
    await contoso.talks("conf_out 34:00", ANA, CAIRO, amount="42.5", left="38.95", told=RECHARGED)
    assert await credits_of(contoso.billing, "contoso") == ("88.95", "prepaid")
    assert contoso.world.bank.taken("contoso") == 12_300 + 6_150
    await _usage_is_seen(contoso)
    # Minutes do not roll over: February begins with a full pool.
    await contoso.world.at("2026-02-02 09:00")
    await contoso.talks("user_out 10:00", BEN, DUBLIN_DESK, pool=10, left="88.95")
    pools = await got(contoso.teams.get(f"{PLACE}/pool-report"))
    (own,) = [pool for pool in pools["pools"] if pool["plan"] == "MCOPSTN5"]
    assert (own["total_seconds"], own["used_seconds"]) == (120 * 60, 10 * 60)


async def _usage_is_seen(contoso: Story) -> None:
    """January's 17 calls: 100 + 50 - 88.95 = 61.05 were paid."""
    span = {"from": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z"}
    usage = await got(contoso.teams.get(f"{PLACE}/usage", params={**span, "limit": 100}))
    assert (len(usage["usage"]), usage["next"]) == (17, None)
    assert sum(Decimal(row["charge"]) for row in usage["usage"]) == Decimal("61.05")
    newest = usage["usage"][0]
    assert (newest["userPrincipalName"], newest["callType"]) == (ANA, "conf_out")
    spend = await got(contoso.teams.get(f"{PLACE}/spend", params=span))
    assert {line["key"]: line["amount"] for line in spend["lines"]} == {
        "conference_dial_out": "56.66",  # .16 + 12.50 + 1.50 + 42.50
        "pay_as_you_go": "1.6",  # .35 + 1.25
        "calling_plan_international": "1.04",  # .24 + .80
        "calling_plan_domestic": "1",
        "toll_free": "0.75",
        "included_inbound": "0",
    }
    assert spend["total"]["amount"] == "61.05"
    order = {"kind": "usage", "format": "xlsx", "with_names": True, **span}
    export = await got(contoso.teams.post(f"{PLACE}/exports", json=order), 202)
    await contoso.world.exports.wait()
    place = f"{PLACE}/exports/{export['id']}"
    assert (await got(contoso.teams.get(place)))["rows"] == 17
    file = await contoso.teams.get(f"{place}/file")
    sheet = fastexcel.read_excel(file.content).load_sheet(0).to_polars()
    assert sheet.height == 17


# --- 5: the card expires ---------------------------------------------------------------------------------


async def the_card_expires(contoso: Story) -> None:
    """It ends with March in Dublin. Warned 30 and 7 days before; in April the first recharge fails."""
    world = contoso.world
    for day, subject in (
        ("2026-02-28 09:00", ""),
        ("2026-03-02 09:00", "A card expires in 30 days"),
        ("2026-03-03 09:00", ""),
        ("2026-03-26 09:00", "A card expires in 6 days"),
    ):
        await world.at(day)
        await world.watch.look()
        await world.turn()
        contoso.hears({subject: MONEY_PEOPLE} if subject else {})
    await world.at("2026-04-02 10:00")
    failed, paused = "Auto-recharge failed", "Auto-recharge is on, but paused"
    # 88.95 - 40 x 1.25 = 38.95.
    await contoso.talks(
        "conf_out 40:00",
        ANA,
        CAIRO,
        amount="50",
        left="38.95",
        told={failed: EVERYBODY, paused: MONEY_PEOPLE},
    )
    assert "expired" in contoso.text(failed)
    assert "not tried again by itself" in contoso.text(failed)
    rule = await contoso.recharge()
    assert (rule["state"], rule["says"]) == ("paused", "on, but paused: card declined on 2 Apr")
    assert rule["why"].startswith("The card has expired.")
    assert "The card has expired." in contoso.text(paused)
    assert world.bank.taken("contoso") == 12_300 + 6_150
    # 50 in the last 7 days would end in 38.95 / 50 x 7 = 5.4 days; weeks before were cheaper.
    await world.at("2026-04-03 09:00")
    await world.watch.look()
    await world.turn()
    contoso.hears({"The communication credits last for about 6 days": MONEY_PEOPLE})


# --- 6: nothing is left ----------------------------------------------------------------------------------


async def nothing_is_left(contoso: Story) -> None:
    """38.95 - 31 x 1.25 = .20, and 4 x .05 = .20: exactly 0. Then another card."""
    talks, zero = contoso.talks, "The communication credits have reached 0"
    await talks("conf_out 31:00", ANA, CAIRO, amount="38.75", left="0.2")
    await talks("user_out 4:00", CARA, DUBLIN_DESK, amount="0.2", left="0", told={zero: EVERYBODY})
    assert "Available: 0 EUR" in contoso.text(zero)
    assert "New calls that need credits are refused: toll-free numbers" in contoso.text(zero)
    assert await contoso.refused("conf_in", BRIDGE) == "no_credit"
    assert await contoso.refused("ucap_in", ATTENDANT) == "no_credit"
    assert await contoso.refused("ucap_in", QUEUE) == "no_credit"
    assert await contoso.refused("conf_out", ANA, CAIRO) == "no_credit"
    assert await contoso.refused("user_out", BEN, LONDON) == "no_credit"
    assert await contoso.refused("user_out", CARA, DUBLIN_DESK) == "no_credit"
    await talks("conf_in 5:00", TOLL, left="0")
    await talks("conf_out 5:00", ANA, LONDON, pool=5, left="0")
    await talks("user_out 5:00", BEN, DUBLIN_DESK, pool=5, left="0")
    await talks("emergency_out 2:00", CARA, "112", left="0")

    await contoso.world.at("2026-04-07 09:00")
    card = {"source": "5555 5555 5555 4444 12/28"}
    saved = await got(contoso.billing.post(f"{PLACE}/payment-methods", json=card), 201)
    contoso.hears({})
    await got(contoso.billing.put(f"{PLACE}/payment-methods/{saved['id']}/default"))
    await contoso.world.turn()
    contoso.hears({"Auto-recharge works again": EVERYBODY, **RECHARGED})
    assert (await contoso.recharge())["says"] == "on"
    assert await credits_of(contoso.billing, "contoso") == ("50", "prepaid")
    await talks("conf_in 2:00", BRIDGE, amount="0.25", left="49.75")
