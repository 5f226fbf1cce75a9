"""`talktime recharge` on the terminal: the rule set, paying, paused, switched off, in figures."""

import pytest

from tests.doors.ledger_house import DECLINED, FABRIKAM, VISA, house, json_of, right, said, squeezed
from tests.doors.terminal import Terminal


@pytest.fixture
def contoso(terminal: Terminal) -> Terminal:
    """Contoso with a card and 50 USD."""
    house(terminal)
    json_of(terminal, "credits", "method", "add", VISA)
    return terminal


def test_a_tenant_without_a_rule_has_it_off(contoso: Terminal) -> None:
    shown = json_of(contoso, "recharge", "show")
    assert (shown["state"], shown["says"], shown["rule"]["enabled"]) == ("off", "off", False)
    assert "auto-recharge off" in squeezed(said(contoso, "recharge", "show"))
    assert said(contoso, "recharge", "timeline").startswith("nothing yet")


def test_a_rule_that_is_set_pays_at_once_where_too_little_is_there(contoso: Terminal) -> None:
    words = ("--below", "100", "--add", "200", "--cap-per-month", "1000")
    lines = squeezed(said(contoso, "recharge", "set", *words))
    assert "auto-recharge on" in lines
    assert "rule below 100.00 USD add 200.00 USD, 1,000.00 USD a month" in lines
    assert "caps leave 800.00 USD this month" in lines
    assert json_of(contoso, "credits", "show")["balance"] == "250"
    (payment,) = json_of(contoso, "credits", "payments")["payments"]
    assert (payment["kind"], payment["state"], payment["amount"]) == ("recharge", "settled", "200")
    timeline = json_of(contoso, "recharge", "timeline")["timeline"]
    assert [line["payment"]["amount"] for line in timeline if line["kind"] == "payment"] == ["200"]
    assert timeline[0]["reason"] == "above_trigger"
    assert "recharge of 200 USD: settled" in contoso.run("recharge", "timeline").out
    right(contoso)


def test_what_is_not_said_stays_as_it_was(contoso: Terminal) -> None:
    json_of(contoso, "recharge", "set", "--below", "20", "--add", "200", "--cap-per-month", "1000")
    changed = json_of(contoso, "recharge", "set", "--below", "30", "--payments-a-day", "3")["rule"]
    assert {key: value for key, value in changed.items() if value is not None} == {
        "enabled": True,
        "below": "30",
        "add": "200",
        "cap_per_month": "1000",
        "payments_a_day": 3,
    }
    filled = json_of(contoso, "recharge", "set", "--target", "80", "--cap-per-month", "none")["rule"]
    assert (filled["add"], filled["target"], filled["cap_per_month"]) == (None, "80", None)
    off = json_of(contoso, "recharge", "off")
    assert (off["state"], off["rule"]["below"]) == ("off", "30")
    assert json_of(contoso, "recharge", "off")["state"] == "off"
    assert json_of(contoso, "recharge", "set")["state"] == "armed"


def test_a_declined_card_waits_and_is_tried_again_on_demand(terminal: Terminal) -> None:
    house(terminal)
    json_of(terminal, "credits", "method", "add", DECLINED)
    shown = json_of(terminal, "recharge", "set", "--below", "100", "--add", "200")
    assert (shown["in_flight"]["state"], shown["in_flight"]["tries"]) == ("created", 1)
    assert shown["next_at"] is not None
    assert any(line.startswith("next try ") for line in squeezed(said(terminal, "recharge", "show")))
    assert json_of(terminal, "recharge", "retry")["in_flight"]["tries"] == 2
    assert json_of(terminal, "credits", "show")["balance"] == "50"
    off = json_of(terminal, "recharge", "off")
    assert (off["state"], off["in_flight"]) == ("off", None)


@pytest.mark.parametrize(
    ("words", "code", "fault"),
    [
        (("--below", "20"), 1, "add"),
        (("--below", "-5", "--add", "50"), 1, "below -5 must be above 0"),
        (("--below", "5", "--add", "0.01"), 1, "add 0.01"),
        (("--below", "5", "--add", "x"), 2, "--add: 'x' is not a decimal number such as 12.50"),
        (("--below", "5", "--add", "1.1234567"), 2, "--add: '1.1234567' has more than 6 decimals"),
        (("--add", "50", "--target", "60"), 2, "--add and --target do not go together"),
        (("--below", "500", "--add", "50", "--cap-per-month", "100"), 1, "can never be met"),
    ],
)
def test_rules_that_cannot_be(contoso: Terminal, words: tuple[str, ...], code: int, fault: str) -> None:
    assert fault in contoso.run("recharge", "set", *words).sentence(code)
    assert json_of(contoso, "recharge", "show")["state"] == "off"


def test_nothing_to_try_again_is_told(contoso: Terminal) -> None:
    assert contoso.run("recharge", "retry").sentence(1) == "auto-recharge is off; switch it on first"
    json_of(contoso, "recharge", "set", "--below", "20", "--add", "200")
    assert contoso.run("recharge", "retry").sentence(1) == "the rule is not paused and no attempt waits"


def test_a_tenant_that_may_not_buy_cannot_switch_it_on(terminal: Terminal) -> None:
    house(terminal, FABRIKAM)
    refused = terminal.run("recharge", "set", "--below", "20", "--add", "200").sentence(1)
    assert "an MCA account" in refused
    assert json_of(terminal, "recharge", "show")["state"] == "off"


def test_under_mca_the_warning_stands_wherever_the_rule_is_shown(terminal: Terminal) -> None:
    rule = '[auto_recharge]\nenabled = true\nbelow = "20"\nadd = "200"\n'
    house(terminal, FABRIKAM + rule)
    for words in (("recharge", "show"), ("credits", "show"), ("credits", "post-usage")):
        (warning,) = json_of(terminal, *words)["warnings"]
        assert warning["id"] == "recharge_under_mca"
        assert f"warning: {warning['says']}" in " ".join(said(terminal, *words).split())
