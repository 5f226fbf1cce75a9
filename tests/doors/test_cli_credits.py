"""`talktime credits` on the terminal: bought, paid back, adjusted, papers and months, in figures."""

import csv
import io
import os
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.doors.ledger_house import (
    CONFIRMED,
    CONTOSO,
    DECLINED,
    FABRIKAM,
    FABRIKAM_SPENT,
    VISA,
    house,
    json_of,
    right,
    said,
    squeezed,
)
from tests.doors.made_files import FRANCE, deck, leg, usage
from tests.doors.terminal import Terminal


@pytest.fixture
def contoso(terminal: Terminal) -> Terminal:
    return house(terminal)


@pytest.fixture
def with_card(contoso: Terminal) -> Terminal:
    """Contoso with a card that pays."""
    json_of(contoso, "credits", "method", "add", VISA)
    return contoso


def balance(terminal: Terminal) -> str:
    return str(json_of(terminal, "credits", "show")["balance"])


# --- what is there ---------------------------------------------------------------------------------------


def test_credits_are_shown_with_how_long_they_last(contoso: Terminal) -> None:
    shown = json_of(contoso, "credits", "show")
    assert (shown["balance"], shown["reserved"], shown["available"]) == ("50", "0", "50")
    assert (shown["mode"], shown["runway_days"], shown["frozen"], shown["owed"]) == (
        "prepaid",
        None,
        "0",
        "0",
    )
    (lot,) = shown["lots"]
    assert (lot["amount"], lot["left"], lot["origin"]) == ("50", "50", "purchase")
    lines = squeezed(said(contoso, "credits", "show"))
    assert "available 50.00 USD" in lines
    assert "times in America/New_York" in lines
    assert any(line.startswith("lasts not enough to tell") for line in lines)


def test_lots_and_movements_stand_newest_first(with_card: Terminal) -> None:
    json_of(with_card, "credits", "buy", "120")
    lots = json_of(with_card, "credits", "lots")["lots"]
    assert [(lot["lot"], lot["left"], lot["open"]) for lot in lots] == [(2, "120", True), (1, "50", True)]
    entries = json_of(with_card, "credits", "movements")["entries"]
    assert [(one["debit"], one["credit"], one["amount"]) for one in entries] == [
        ("funding:sandbox", "credits", "120"),
        ("funding:manual", "credits", "50"),
    ]
    assert len(json_of(with_card, "credits", "movements", "--limit", "1")["entries"]) == 1
    assert any(
        line.endswith("purchase 120.00 120.00") for line in squeezed(said(with_card, "credits", "lots"))
    )
    moved = squeezed(said(with_card, "credits", "movements"))
    assert any("funding:sandbox -> credits 2 120.00" in line for line in moved)


def test_whether_credits_are_needed(contoso: Terminal) -> None:
    needed = json_of(contoso, "credits", "needed")
    assert needed["needed"]
    assert said(contoso, "credits", "needed").startswith(needed["sentence"])


# --- cards -----------------------------------------------------------------------------------------------


def test_cards_are_added_listed_chosen_and_removed(contoso: Terminal) -> None:
    assert said(contoso, "credits", "method", "list").startswith("no cards yet")
    first = json_of(contoso, "credits", "method", "add", VISA)
    second = json_of(contoso, "credits", "method", "add", "tok_mastercard")
    assert (first["last4"], first["default"], second["default"]) == ("4242", True, False)
    assert json_of(contoso, "credits", "method", "default", second["id"])["default"]
    cards = json_of(contoso, "credits", "method", "list")["payment_methods"]
    assert [(card["brand"], card["default"]) for card in cards] == [("visa", False), ("mastercard", True)]
    assert "4242 4242" not in contoso.run("credits", "method", "list").out
    assert said(contoso, "credits", "method", "remove", first["id"]).endswith(": removed\n")
    unknown = contoso.run("credits", "method", "remove", "card_9").sentence(1)
    assert unknown == 'the tenant has no payment method "card_9"'


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("1234 5678",), "test cards only"),
        (("4000000000000069",), "expired"),
        ((VISA, "--gateway", "bank"), "that gateway is not set up here; there is sandbox"),
    ],
)
def test_a_card_that_cannot_be_kept_is_told(contoso: Terminal, words: tuple[str, ...], fault: str) -> None:
    assert fault in contoso.run("credits", "method", "add", *words).sentence(1)


# --- buying ----------------------------------------------------------------------------------------------


def test_a_purchase_is_paid_once_a_key(with_card: Terminal) -> None:
    words = ("credits", "buy", "120", "--key", "order-7", "--purchase-order", "PO-7")
    lines = said(with_card, *words).splitlines()
    assert lines[0].startswith("120.00 USD bought with visa 4242: lot 2, good until ")
    assert lines[1] == "receipt R-contoso-000001"
    assert balance(with_card) == "170"
    again = json_of(with_card, *words)
    assert (again["state"], again["paper"], again["lot"]) == ("settled", "R-contoso-000001", 2)
    assert said(with_card, *words).splitlines()[0].endswith("the same key had asked for it before")
    assert with_card.run("credits", "buy", "121", "--key", "order-7").sentence(1) == (
        "this --key came before with another request"
    )
    json_of(with_card, "credits", "buy", "120")
    assert balance(with_card) == "290"
    payments = json_of(with_card, "credits", "payments")["payments"]
    assert [(one["kind"], one["amount"]) for one in payments] == [("purchase", "120")] * 2
    shown = said(with_card, "credits", "payments", payments[1]["payment"])
    assert "paper R-contoso-000001" in squeezed(shown)
    assert "settled: lot 2, receipt R-contoso-000001" in shown
    right(with_card)


@pytest.mark.parametrize(
    ("amount", "code", "fault"),
    [
        ("1.1234567", 2, "AMOUNT: '1.1234567' has more than 6 decimals"),
        ("50.001", 1, "amount 50.001 is finer than USD can be paid, 2 decimals"),
        ("-5", 1, "amount -5 must be above 0"),
        ("0", 1, "a purchase of 0 buys nothing"),
        ("NaN", 2, "AMOUNT: 'NaN' is not a decimal number such as 12.50"),
        ("1e3", 2, "AMOUNT: '1e3' is not a decimal number such as 12.50"),
        ("999999999999999999", 1, "is over the limit of "),
        ("0.01", 1, "is below the least purchase of "),
    ],
)
def test_amounts_that_nobody_can_buy(with_card: Terminal, amount: str, code: int, fault: str) -> None:
    assert fault in with_card.run("credits", "buy", amount).sentence(code)
    assert balance(with_card) == "50"


def test_without_a_card_nothing_is_bought(contoso: Terminal) -> None:
    assert contoso.run("credits", "buy", "50").sentence(1).startswith("no card is stored")


def test_a_tenant_that_may_not_buy_hears_the_rules(terminal: Terminal) -> None:
    house(terminal, FABRIKAM)
    json_of(terminal, "credits", "method", "add", VISA)
    sentence = terminal.run("credits", "buy", "50").sentence(1)
    assert "an MCA account" in sentence
    assert "Select a default billing account that is on a MOSA agreement" in sentence


def test_a_decline_says_why_and_what_to_do(contoso: Terminal) -> None:
    json_of(contoso, "credits", "method", "add", DECLINED)
    answer = contoso.run("credits", "buy", "50")
    payment = json_of(contoso, "credits", "payments")["payments"][0]
    decline = payment["decline"]
    assert answer.sentence(1) == (
        f"payment {payment['payment']}: declined: {decline['means']} {decline['remedy']}"
    )
    assert balance(contoso) == "50"


def test_a_payment_that_has_to_be_confirmed_shows_the_link(contoso: Terminal) -> None:
    json_of(contoso, "credits", "method", "add", CONFIRMED)
    lines = said(contoso, "credits", "buy", "50").splitlines()
    assert lines[0] == "50.00 USD: the holder of the card has to confirm it"
    assert re.fullmatch(r"http://\S+/sandbox/actions/\S+", lines[1])
    (payment,) = json_of(contoso, "credits", "payments")["payments"]
    assert (payment["state"], payment["url"]) == ("requires_action", lines[1])


# --- paying back and adjusting ---------------------------------------------------------------------------


def test_a_refund_takes_credits_back_and_has_a_credit_note(with_card: Terminal) -> None:
    payment = json_of(with_card, "credits", "buy", "120")["payment"]
    words = ("credits", "refund", payment)
    assert "needs a reason" in with_card.run(*words, "20").sentence(1)
    assert "must be above 0" in with_card.run(*words, "-20", "--reason", "r").sentence(1)
    told = said(with_card, *words, "20", "--reason", "bought twice", "--key", "k")
    assert told.splitlines()[0] == "20.00 USD are paid back, credit note C-contoso-000001"
    assert json_of(with_card, *words, "20", "--reason", "bought twice", "--key", "k")["state"] == "settled"
    assert balance(with_card) == "150"
    assert "only 100 of lot 2" in with_card.run(*words, "101", "--reason", "r").sentence(1)
    listed = json_of(with_card, "credits", "receipts")["receipts"]
    assert [(one["number"], one["gross"]) for one in listed] == [
        ("C-contoso-000001", "20"),
        ("R-contoso-000001", "120"),
    ]
    assert "corrects R-contoso-000001" in squeezed(said(with_card, "credits", "receipts", "C-contoso-000001"))
    # Ids are never broken, however narrow the screen is.
    refund = json_of(with_card, "credits", "payments")["payments"][0]["payment"]
    assert refund in with_card.run("credits", "payments").out
    right(with_card)


def test_an_adjustment_by_one_person_up_to_the_limit(contoso: Terminal) -> None:
    words = ("credits", "adjust", "-10", "--reason", "given twice", "--reference", "a1")
    assert said(contoso, *words) == "-10.00 USD is booked; the balance is 40.00 USD, available 40.00 USD\n"
    assert json_of(contoso, *words) == {
        "lot": None,
        "balance": "40",
        "reserved": "0",
        "available": "40",
        "repeated": True,
    }
    assert json_of(contoso, "credits", "adjust", "5.5", "--reason", "goodwill")["balance"] == "45.5"
    assert "needs a reason" in contoso.run("credits", "adjust", "1").sentence(1)
    assert "is not a decimal number" in contoso.run("credits", "adjust", "inf", "--reason", "r").sentence(2)
    right(contoso)


def test_above_the_limit_a_second_person_approves(contoso: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    told = said(contoso, "credits", "adjust", "5000", "--reason", "a large one")
    assert "waits for a second person: `talktime credits approve A-contoso-000001`" in told
    assert balance(contoso) == "50"
    own = contoso.run("credits", "approve", "A-contoso-000001").sentence(1)
    assert own == "whoever asks for an adjustment cannot approve it"
    (waiting,) = json_of(contoso, "credits", "approvals")["approvals"]
    assert (waiting["state"], waiting["amount"]) == ("pending", "5000")
    nobody = next(uid for uid in (65_534, 1, 2) if uid != os.getuid())
    monkeypatch.setattr(os, "getuid", lambda: nobody)
    assert said(contoso, "credits", "approve", "A-contoso-000001").endswith("available 5,050.00 USD\n")
    assert balance(contoso) == "5050"
    assert "already" in contoso.run("credits", "decline", "A-contoso-000001", "--reason", "no").sentence(1)
    right(contoso)


def test_an_adjustment_that_waits_may_be_withdrawn(contoso: Terminal) -> None:
    json_of(contoso, "credits", "adjust", "5000", "--reason", "a large one")
    assert "say why" in contoso.run("credits", "decline", "A-contoso-000001").sentence(1)
    declined = json_of(contoso, "credits", "decline", "A-contoso-000001", "--reason", "a mistake")
    assert (declined["state"], declined["answer"]) == ("declined", "a mistake")
    assert balance(contoso) == "50"
    assert "no adjustment 'A-9'" in contoso.run("credits", "approve", "A-9").sentence(1)


# --- papers and months -----------------------------------------------------------------------------------


def test_a_receipt_is_shown_and_written_as_pdf(with_card: Terminal) -> None:
    assert said(with_card, "credits", "receipts").startswith("no receipts yet")
    json_of(with_card, "credits", "buy", "120", "--purchase-order", "PO-7")
    shown = json_of(with_card, "credits", "receipts", "R-contoso-000001")
    assert (shown["net"], shown["gross"], shown["billed"]["purchase_order"]) == ("120", "120", "PO-7")
    lines = squeezed(said(with_card, "credits", "receipts", "R-contoso-000001"))
    assert "paid 120.00 USD" in lines
    told = said(with_card, "credits", "receipts", "R-contoso-000001", "--pdf", "r.pdf")
    assert told == "r.pdf written\n"
    assert (with_card.folder / "r.pdf").read_bytes().startswith(b"%PDF-")
    assert "there is no receipt 'R-9'" in with_card.run("credits", "receipts", "R-9").sentence(1)
    assert "say which paper" in with_card.run("credits", "receipts", "--pdf", "r.pdf").sentence(2)
    nowhere = with_card.run("credits", "receipts", "R-contoso-000001", "--pdf", "none/r.pdf")
    assert "could not be written" in nowhere.sentence(1)


def test_months_are_closed_in_order_and_once(contoso: Terminal) -> None:
    assert "no invoices yet" in said(contoso, "credits", "invoices")
    assert said(contoso, "credits", "close", "2025-01") == "2025-01 is closed: nothing to invoice\n"
    again = json_of(contoso, "credits", "close", "2025-01")
    assert (again["month"], again["invoice"], again["repeated"]) == ("2025-01", None, True)
    assert "2025-02" in contoso.run("credits", "close", "2025-03").sentence(1)
    assert "72 hours after its end" in contoso.run("credits", "close", "2999-01").sentence(1)
    assert contoso.run("credits", "close", "2025-13").sentence(2) == "'2025-13' is no month such as 2026-03"
    assert "there is no invoice 'I-9'" in contoso.run("credits", "invoices", "I-9").sentence(1)
    assert "say which paper" in contoso.run("credits", "invoices", "--csv", "i.csv").sentence(2)


def test_an_invoice_is_issued_for_post_usage_and_written(terminal: Terminal) -> None:
    """Calls of a month that is over, under MCA without credits: 2 minutes at 0.02 and 1 at 0.05."""
    house(terminal, FABRIKAM_SPENT)
    day = (datetime.now(UTC) - timedelta(days=75)).strftime("%Y-%m-%d")
    ana = {"UPN": "ana@fabrikam.example"}
    legs = [leg("a", f"{day}T15:00:00Z", 120, **ana), leg("b", f"{day}T16:00:00Z", 60, FRANCE, **ana)]
    terminal.write("usage.csv", usage(*legs))
    terminal.write("deck.csv", deck())
    rated = ("--tenant", "tenant0.toml", "--rates", "deck.csv", "--out", "rated.parquet")
    assert terminal.run("rate", "usage.csv", *rated).code == 0
    booked = terminal.run("import", "rated.parquet", "--tenant", "fabrikam")
    assert booked.code == 0, booked.err
    assert said(terminal, "credits", "close", day[:7]) == (
        f"{day[:7]} is closed: invoice I-fabrikam-000001\n"
    )
    (head,) = json_of(terminal, "credits", "invoices")["invoices"]
    assert (head["number"], head["month"], head["gross"]) == ("I-fabrikam-000001", day[:7], "0.09")
    shown = json_of(terminal, "credits", "invoices", "I-fabrikam-000001")
    assert sorted(line["amount"] for line in shown["lines"]) == ["0.04", "0.05"]
    lines = squeezed(said(terminal, "credits", "invoices", "I-fabrikam-000001"))
    assert "to pay 0.09 USD" in lines
    words = ("credits", "invoices", "I-fabrikam-000001", "--csv", "i.csv", "--pdf", "i.pdf")
    assert said(terminal, *words) == "i.pdf written\ni.csv written\n"
    rows = list(csv.DictReader(io.StringIO((terminal.folder / "i.csv").read_text("utf-8"))))
    assert {row["amount"] for row in rows} == {"0.04", "0.05"}
    assert (terminal.folder / "i.pdf").read_bytes().startswith(b"%PDF-")


def test_the_journal_of_a_month_adds_up_to_nothing(with_card: Terminal) -> None:
    at = json_of(with_card, "credits", "movements")["entries"][0]["at"]
    month = at[:7]
    journal = json_of(with_card, "credits", "journal", month)
    assert (journal["month"], journal["balance"], journal["currency"]) == (month, "0", "USD")
    closing = {one["account"]: one["closing"] for one in journal["accounts"]}
    assert closing == {"funding:manual": "50", "credits": "-50"}
    shown = squeezed(said(with_card, "credits", "journal", month))
    assert any(re.match(r"credits Deferred income: .* 0\.00 50\.00 -50\.00$", line) for line in shown)
    said(with_card, "credits", "journal", month, "--csv", "j.csv")
    rows = list(csv.DictReader(io.StringIO((with_card.folder / "j.csv").read_text("utf-8"))))
    assert {row["account"]: row["closing"] for row in rows} == closing


# --- post-usage ------------------------------------------------------------------------------------------


def test_what_stands_against_post_usage(terminal: Terminal) -> None:
    house(terminal, CONTOSO, FABRIKAM)
    own = json_of(terminal, "credits", "post-usage", "--tenant", "contoso")
    assert (own["mode"], own["can_switch"], own["enabled"]) == ("prepaid", False, None)
    assert [one["code"] for one in own["against"]] == ["no_mca_account"]
    refused = terminal.run("credits", "post-usage", "--on", "--tenant", "contoso").sentence(1)
    assert refused.startswith("no billing account is on an MCA agreement")


def test_the_dry_run_says_when_the_credits_end(terminal: Terminal) -> None:
    house(terminal, FABRIKAM)
    way = json_of(terminal, "credits", "post-usage")
    assert (way["mode"], way["can_switch"], way["billing_account"]) == ("draining", True, "direct")
    run = way["dry_run"]
    assert run["earliest"] == run["latest"], "nothing is spent: the lot's expiry ends it"
    assert [(one["spent"], one["forfeited"]) for one in run["courses"]] == [("0", "50")] * 2
    shown = said(terminal, "credits", "post-usage")
    assert f"the credits end on {run['latest']}" in shown
    assert "lot 1 would lose 50.00 on" in shown
    off = json_of(terminal, "credits", "post-usage", "--off")
    assert (off["enabled"], off["can_switch"]) == (False, False)
    assert [one["code"] for one in off["against"]] == ["post_usage_off"]
    assert json_of(terminal, "credits", "post-usage", "--on")["can_switch"]


# --- both databases --------------------------------------------------------------------------------------


def test_a_day_of_work_on_either_database(terminal: Terminal, database: str) -> None:
    """Buy, refill, pay back, import, be told: the same on SQLite and PostgreSQL."""

    def did(*words: str) -> dict[str, Any]:
        return terminal.run(*words, "--json", TALKTIME_DATABASE=database).json

    terminal.write("tenant.toml", CONTOSO)
    assert terminal.run("tenant", "add", "tenant.toml", TALKTIME_DATABASE=database).code == 0
    did("credits", "method", "add", VISA)
    payment = did("credits", "buy", "60")["payment"]
    did("recharge", "set", "--below", "200", "--add", "200")
    did("credits", "refund", payment, "60", "--reason", "not needed")
    terminal.write("people.csv", "upn,licences\nkim@contoso.example,MCOPSTNC\n")
    assert did("user", "import", "people.csv")["added"] == 1
    assert did("credits", "show")["balance"] == "250"
    kinds = [notice["kind"] for notice in did("notice", "list")["notices"]]
    assert kinds == ["refund_done", "recharge_succeeded", "purchase_succeeded"]
    assert terminal.run("verify", TALKTIME_DATABASE=database).code == 0
