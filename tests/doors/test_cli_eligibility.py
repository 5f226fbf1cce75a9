"""`talktime eligibility` and `ticket` on the terminal."""

import json

import pytest

from talktime.doors.cli.engine import typist
from tests.doors.ledger_house import CONTOSO, FABRIKAM, house, json_of, said, squeezed
from tests.doors.terminal import Terminal


@pytest.fixture
def both(terminal: Terminal) -> Terminal:
    return house(terminal, CONTOSO, FABRIKAM)


def test_who_may_buy_is_told_rule_by_rule_and_by_the_exit_code(both: Terminal) -> None:
    good = both.run("eligibility", "contoso")
    assert (good.code, good.err) == (0, "")
    assert "contoso can buy credits" in good.out
    bad = both.run("eligibility", "fabrikam")
    assert (bad.code, bad.err) == (1, "")
    lines = squeezed(bad.out)
    assert "fabrikam cannot buy credits" in lines
    assert any(line.startswith("subscriptions_on_mosa failed ") for line in lines)
    assert any(line.startswith("ea_region_matches not applicable ") for line in lines)
    assert any(line.startswith("default_account_is_mosa: Select a default") for line in lines)


def test_as_json_it_is_what_the_api_answers(both: Terminal) -> None:
    good = json_of(both, "eligibility", "contoso")
    assert (good["can_buy"], good["warnings"]) == (True, [])
    answer = both.run("eligibility", "--tenant", "fabrikam", "--json")
    assert answer.code == 1
    outcomes = {rule["rule"]: rule["outcome"] for rule in json.loads(answer.out)["rules"]}
    failed = {rule for rule, outcome in outcomes.items() if outcome == "failed"}
    assert failed == {"subscriptions_on_mosa", "default_account_is_mosa"}


def test_exceptions_lift_failures_until_they_end(both: Terminal) -> None:
    words = ("--tenant", "fabrikam", "--reason", "moving", "--until", "2999-12-31")
    for rule in ("subscriptions_on_mosa", "default_account_is_mosa"):
        assert both.run("eligibility", "waive", rule, *words).code == 0
    answer = both.run("eligibility", "fabrikam")
    assert answer.code == 0
    assert "exception" in answer.out
    shown = json_of(both, "tenant", "show", "fabrikam")["waivers"]
    assert {waiver["rule"] for waiver in shown} == {"subscriptions_on_mosa", "default_account_is_mosa"}
    granted = json_of(both, "eligibility", "waive", "subscriptions_on_mosa", *words)
    assert (granted["until"], granted["granted_by"]) == ("2999-12-31T00:00:00Z", typist().who)
    ended = both.run("eligibility", "end", "subscriptions_on_mosa", "--tenant", "fabrikam")
    assert ended.out == "subscriptions_on_mosa holds for fabrikam again\n"
    assert both.run("eligibility", "fabrikam").code == 1


@pytest.mark.parametrize(
    ("words", "code", "fault"),
    [
        (
            ("nothing", "--until", "2999-01-01", "--reason", "r"),
            1,
            'no rule of eligibility is called "nothing"',
        ),
        (("country_offered", "--until", "soon", "--reason", "r"), 2, "--until: 'soon' is no instant"),
        (("country_offered", "--until", "2001-01-01", "--reason", "r"), 1, "is over"),
        (("country_offered", "--until", "2999-01-01"), 1, "say why"),
    ],
)
def test_wrong_words_about_exceptions(
    terminal: Terminal, words: tuple[str, ...], code: int, fault: str
) -> None:
    assert fault in house(terminal).run("eligibility", "waive", *words).sentence(code)


def test_the_help_names_the_commands(terminal: Terminal) -> None:
    shown = terminal.run("eligibility", "--help").out
    assert all(word in shown for word in ("check", "waive", "end"))


# --- tickets ---------------------------------------------------------------------------------------------


def test_the_life_of_a_ticket(both: Terminal) -> None:
    of = ("--tenant", "fabrikam")
    assert said(both, "ticket", "list", *of).startswith("no tickets yet")
    opened = json_of(both, "ticket", "open", "We moved last week.", "--rule", "subscriptions_on_mosa", *of)
    assert (opened["id"], opened["case"], opened["state"]) == (
        "T-fabrikam-000001",
        "subscriptions_on_mosa",
        "open",
    )
    assert not opened["facts"]["can_buy"]
    said(both, "ticket", "comment", opened["id"], "Please look\nagain.", *of)
    shown = said(both, "ticket", "show", opened["id"], *of)
    assert "failed then subscriptions_on_mosa, default_account_is_mosa" in squeezed(shown)
    assert "again." in squeezed(shown), "the lines of a comment stay lines"
    assert said(both, "ticket", "close", opened["id"], "Done.", *of).endswith("is closed\n")
    closed = json_of(both, "ticket", "show", opened["id"], *of)
    assert [comment["text"] for comment in closed["comments"]] == ["Please look\nagain.", "Done."]
    assert closed["state"] == "closed"
    refused = both.run("ticket", "comment", opened["id"], "more", *of).sentence(1)
    assert refused == "ticket T-fabrikam-000001 is closed; open a new one"
    (line,) = json_of(both, "ticket", "list", *of)["tickets"]
    assert line == closed


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("open", "text alone"), "needs a rule of eligibility or a subject"),
        (("open", "--rule", "nothing"), "no rule of eligibility"),
        (("show", "T-9"), "there is no ticket 'T-9'"),
        (("comment", "T-9", "x"), "there is no ticket 'T-9'"),
    ],
)
def test_wrong_words_about_tickets(terminal: Terminal, words: tuple[str, ...], fault: str) -> None:
    assert fault in house(terminal).run("ticket", *words).sentence(1)
