"""The second half of the story of Contoso: MCA, auto-recharge turned off, the last credits, an invoice.

Each chapter goes on where the one before ended and states every figure, with the sum that it comes from.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from csv import DictReader
from decimal import Decimal
from typing import Any

import msgspec
from standardwebhooks import Webhook as Signer

from talktime.accounts.calendar import to_utc
from talktime.ledger.verify import verify
from tests.doors.http.story import credits_of, got, pages
from tests.doors.http.story_credits import PLACE, RECHARGED, RULE, Story
from tests.doors.http.story_tenants import (
    ANA,
    BEN,
    BRIDGE,
    CAIRO,
    CARA,
    DUBLIN_DESK,
    EVERYBODY,
    MONEY_PEOPLE,
    QUEUE,
)

# --- 7: MCA, with auto-recharge on -----------------------------------------------------------------------


async def the_agreement_changes(contoso: Story) -> None:
    """Under MCA nothing is bought by hand, and what is on refills for ever: three times in May."""
    boss, talks = contoso.boss, contoso.talks
    await contoso.world.at("2026-05-04 09:00")
    account = {
        "id": "mca",
        "agreement": "MCA",
        "country": "IE",
        "name": "Contoso Ltd",
        "purchase_order": "PO-8",
    }
    mca = f"{PLACE}/billing-accounts/mca"
    assert (await got(boss.put(mca, json=account), 403))["code"] == "forbidden"  # nobody grants it to itself
    await got(contoso.world.operator.put(mca, json=account))
    assert await contoso.failed_rules() == []  # both accounts at once; the old one still is what counts
    await got(boss.put(f"{PLACE}/default-billing-account/mca"))
    assert await contoso.failed_rules() == ["default_account_is_mosa"]
    await _move_subscriptions(contoso, "mca")
    assert await contoso.failed_rules() == ["subscriptions_on_mosa", "default_account_is_mosa"]
    accounts = await got(boss.get(f"{PLACE}/billing-accounts"))
    agreements = {account["id"]: account["agreement"] for account in accounts["billing_accounts"]}
    assert (agreements, accounts["default"]) == ({"direct": "MOSA", "mca": "MCA"}, "mca")

    order, key = {"amount": "100", "currency": "EUR"}, {"Idempotency-Key": "by-hand"}
    refused = await got(contoso.billing.post(f"{PLACE}/purchases", json=order, headers=key), 422)
    assert refused["code"] == "not_eligible"
    for page in ("auto-recharge", "credits", "eligibility", "post-usage"):
        (warning,) = (await got(contoso.billing.get(f"{PLACE}/{page}")))["warnings"]
        assert warning["id"] == "recharge_under_mca"
        assert "Edit auto recharge settings, clear the box Auto recharge, Save" in warning["remedy"]
    # 49.75 - 12.50 = 37.25 and 50 more are 87.25; 87.25 - 50 = 37.25 and 50 more, again and again.
    for day, duration, amount in ((11, "10:00", "12.5"), (18, "40:00", "50"), (25, "40:00", "50")):
        await contoso.world.at(f"2026-05-{day} 09:00")
        await talks(f"conf_out {duration}", ANA, CAIRO, amount=amount, left="37.25", told=RECHARGED)
        assert await credits_of(contoso.billing, "contoso") == ("87.25", "prepaid")
        way = await contoso.post_usage()
        assert (way["mode"], way["can_switch"]) == ("prepaid", False)
        assert [obstacle["code"] for obstacle in way["against"]] == ["auto_recharge_on"]


async def _move_subscriptions(contoso: Story, account: str) -> None:
    """All subscriptions are billed to another account, as an edit of what was seen."""
    seen = await got(contoso.boss.get(PLACE))
    tables = {name: table for name, table in seen.items() if name != "payment_methods"}
    tables["licences"] = [{**bought, "billing_account": account} for bought in seen["licences"]]
    edited = contoso.world.operator.put(PLACE, json=tables, headers={"If-Match": seen.headers["ETag"]})
    assert {bought["billing_account"] for bought in (await got(edited))["licences"]} == {account}


# --- 8: auto-recharge is turned off ----------------------------------------------------------------------


async def recharge_is_turned_off(contoso: Story) -> None:
    """The admin opens the settings, clears the box and saves. 87.25 are left, so they are spent first.

    Spent were 112.50 in the last 28 days (87.25 last 21.7 days), 50 in the last 7 (12.2 days). Of the three
    months before, most weeks were cheaper, so the forecast expects the end later.
    """
    await contoso.world.at("2026-06-01 10:00")
    dry = (await contoso.post_usage())["dry_run"]
    assert [course["ends_on"] for course in dry["courses"]] == ["2026-06-23", "2026-06-13"]
    assert (dry["balance"], dry["earliest"], dry["latest"]) == ("87.25", "2026-06-15", "2027-05-25")
    assert dry["expected"] == "2026-07-17"

    seen = await contoso.recharge()
    box = {name: value for name, value in seen["rule"].items() if value is not None} | {"enabled": False}
    etag = {"If-Match": seen.headers["ETag"]}
    saved = await got(contoso.billing.put(f"{PLACE}/auto-recharge", json=box, headers=etag))
    assert (saved["state"], saved["says"], saved["warnings"]) == ("off", "off", [])
    assert (saved["rule"]["below"], saved["rule"]["add"]) == ("40", "50")
    await got(contoso.boss.put(f"{PLACE}/auto-recharge", json=box, headers=etag), 412)
    await contoso.world.turn()
    contoso.hears({"The move to post-usage billing has begun": MONEY_PEOPLE})
    assert await credits_of(contoso.billing, "contoso") == ("87.25", "draining")
    way = await contoso.post_usage()
    assert (way["can_switch"], way["against"], way["warnings"]) == (True, [], [])

    again = await got(contoso.billing.put(f"{PLACE}/auto-recharge", json=RULE), 422)
    assert again["code"] == "not_eligible"
    await got(contoso.billing.post(f"{PLACE}/auto-recharge/off"))
    await contoso.world.turn()
    contoso.hears({})


# --- 9: the last credits, then post-usage ----------------------------------------------------------------


async def the_last_credits(contoso: Story) -> None:
    """87.25 - 60 x 1.25 - 2 x .125 = 12; of 12 x 1.25 = 15 credits pay 12 and the invoice 3.

    Then, with nothing left, 3 x .125 = .375 and 3 x .05 = .15 on the invoice. Nobody is refused or asked.
    """
    talks = contoso.talks
    await contoso.world.at("2026-06-08 09:00")
    await talks("conf_out 60:00", ANA, CAIRO, amount="75", left="12.25")
    await talks("conf_in 2:00", BRIDGE, amount="0.25", left="12")
    assert await credits_of(contoso.billing, "contoso") == ("12", "draining")
    last = await talks(
        "conf_out 12:00",
        ANA,
        CAIRO,
        amount="15",
        left="0",
        told={
            "The communication credits are used up; calls are invoiced from now on": EVERYBODY,
            "Calls are now billed after use": MONEY_PEOPLE,
        },
    )
    assert _paid_by(last) == {"credits": 12, "post_usage": 3}
    assert await credits_of(contoso.billing, "contoso") == ("0", "post_usage")
    ringing = await talks("ucap_in 3:00", QUEUE, amount="0.375", left="0")
    assert _paid_by(ringing) == {"post_usage": Decimal("0.375")}
    own = await talks("user_out 3:00", CARA, DUBLIN_DESK, amount="0.15", left="0")
    assert _paid_by(own) == {"post_usage": Decimal("0.15")}
    await talks("user_out 10:00", BEN, DUBLIN_DESK, pool=10, left="0")
    # Auto-recharge paid in January, in April and three times in May, and never since.
    payments = await got(contoso.billing.get(f"{PLACE}/payments", params={"kind": "recharge"}))
    states = [payment["state"] for payment in payments["payments"]]
    assert states == ["settled"] * 4 + ["declined", "settled"]


def _paid_by(settled: Mapping[str, Any]) -> dict[str, Decimal]:
    """Who paid how much of a call; lots together."""
    found: dict[str, Decimal] = {}
    for part in settled["funding"]:
        found[part["source"]] = found.get(part["source"], Decimal()) + Decimal(part["amount"])
    return found


# --- 10: the invoice -------------------------------------------------------------------------------------


async def the_invoice(contoso: Story) -> None:
    """June: 3 + .375 + .15 = 3.525, rounded to 3.53; VAT of 23 % is .8119, rounded to .81: 4.34."""
    world = contoso.world
    closing = f"{PLACE}/months/2026-06/close"
    await world.at("2026-07-02 09:00")
    assert (await got(world.operator.post(closing), 409))["code"] == "too_early"
    await contoso.talks("conf_in 1:00", BRIDGE, amount="0.125", left="0")  # July's, on the next invoice
    await world.at("2026-07-04 09:00")
    closed = await got(world.operator.post(closing), 201)
    assert (closed["invoice"], closed["repeated"]) == ("I-contoso-000001", False)
    await world.turn()
    subject = "The invoice I-contoso-000001 for June 2026 is ready"
    contoso.hears({subject: MONEY_PEOPLE})
    assert "comes to 4.34 EUR" in contoso.text(subject)
    again = await got(world.operator.post(closing))
    assert (again["invoice"], again["repeated"]) == ("I-contoso-000001", True)

    invoice = await got(contoso.billing.get(f"{PLACE}/invoices/I-contoso-000001"))
    assert (invoice["billing_account"], invoice["billed"]["purchase_order"]) == ("mca", "PO-8")
    names = ("category", "country", "price_per_minute", "calls", "paid_seconds", "paid_by_credits", "amount")
    assert [tuple(line[name] for name in names) for line in invoice["lines"]] == [
        ("conference_dial_out", "EG", "1.25", 1, 720, "12", "3"),
        ("pay_as_you_go", "IE", "0.05", 1, 180, "0", "0.15"),
        ("toll_free", "IE", "0.125", 1, 180, "0", "0.375"),
    ]
    assert (invoice["usage"], invoice["rounding"], invoice["net"]) == ("3.525", "0.005", "3.53")
    assert [(tax["tax"], tax["tax_percent"], tax["amount"]) for tax in invoice["taxes"]] == [
        ("VAT", "23", "0.81")
    ]
    assert invoice["gross"] == "4.34"
    table = await contoso.billing.get(f"{PLACE}/invoices/I-contoso-000001.csv")
    rows = list(DictReader(io.StringIO(table.text)))
    assert [row["kind"] for row in rows] == ["usage", "usage", "usage", "rounding", "tax"]
    assert sum(Decimal(row["amount"]) for row in rows) == Decimal("4.34")
    paper = await contoso.billing.get(f"{PLACE}/invoices/I-contoso-000001.pdf")
    assert (paper.status_code, paper.content[:5]) == (200, b"%PDF-")


# --- the books -------------------------------------------------------------------------------------------


async def the_books(contoso: Story) -> None:
    """The journal says what the bank and the invoice say; whoever listened heard all of it once, in order."""
    world = contoso.world
    entries = await pages(contoso.billing, f"{PLACE}/entries", "entries")
    moved: dict[str, Decimal] = {}
    for entry in entries:
        for account, sign in ((entry["debit"], 1), (entry["credit"], -1)):
            moved[account] = moved.get(account, Decimal()) + sign * Decimal(entry["amount"])
    # 100 by hand and 5 x 50 by itself are 350, all spent; with 23 % VAT 430.50.
    # Used after: June's 3.525 and July's .125.
    assert moved == {
        "funding:sandbox": Decimal("430.5"),
        "tax": Decimal("-80.5"),
        "credits": 0,
        "usage": Decimal("-353.65"),
        "post_usage": Decimal("3.65"),
    }
    assert Decimal(world.bank.taken("contoso")) / 100 == moved["funding:sandbox"]
    journal = await got(contoso.billing.get(f"{PLACE}/months/2026-06/journal"))
    (used,) = [line for line in journal["accounts"] if line["account"] == "post_usage"]
    invoice = await got(contoso.billing.get(f"{PLACE}/invoices/I-contoso-000001"))
    assert used["closing"] == invoice["usage"] == "3.525"
    receipts = await got(contoso.billing.get(f"{PLACE}/receipts"))
    assert [paper["number"] for paper in receipts["receipts"]] == [
        f"R-contoso-{n:06}" for n in range(6, 0, -1)
    ]
    assert sum(Decimal(paper["gross"]) for paper in receipts["receipts"]) == Decimal("430.5")
    notices = await pages(contoso.boss, f"{PLACE}/notices", "notices")
    assert {notice["state"] for notice in notices} == {"told"}
    changes = [line["what"] for line in await pages(contoso.boss, f"{PLACE}/audit", "audit")]
    modes = [what for what in reversed(changes) if what.startswith("mode ")]
    assert modes == ["mode prepaid -> draining", "mode draining -> post_usage"]
    _heard(contoso)
    verified = verify(world.url, now_us=world.clock())
    assert (verified.is_clean, verified.tenants) == (True, 1), verified.differences


def _heard(contoso: Story) -> None:
    """What the webhook was sent, each signed."""
    signer = Signer(contoso.secret)
    events: list[tuple[str, Any]] = []
    for request, _ in contoso.world.hooks.log:
        name, seconds = request.headers["webhook-id"], int(request.headers["webhook-timestamp"])
        text = request.get_data(as_text=True)
        signed = signer.sign(name, to_utc(seconds * 1_000_000), text)
        assert signed in request.headers["webhook-signature"].split()
        events.append((name, msgspec.json.decode(text)))
    assert len({name for name, _ in events}) == len(events)
    heard = [body for _, body in sorted(events, key=lambda event: int(event[0].rpartition("_")[2]))]
    assert [body["type"] for body in heard] == [
        "purchase_succeeded",
        "recharge_succeeded",
        "recharge_failed",
        "balance_zero",
        *["recharge_succeeded"] * 4,
        "mode_switched",
        "balance_zero",
        "mode_switched",
        "invoice_ready",
    ]
    assert (heard[0]["data"]["amount"], heard[0]["data"]["balance"]) == ("100", "100")
    assert [body["data"]["after"] for body in heard if body["type"] == "mode_switched"] == [
        "draining",
        "post_usage",
    ]
