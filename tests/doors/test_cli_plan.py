"""`talktime plan`: one answer as text, JSON, workbook and scenario file; what does not fit is a sentence."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastexcel
import pytest

from talktime.accounts.tenant_file import read_tenant
from talktime.catalog.load import load_catalogue
from talktime.catalog.planning import load_plan_families, read_licence_prices
from talktime.insight.planner.conclusions import ALL_CARRIED
from talktime.insight.planner.mix_holders import Chooser
from talktime.insight.scenario_file import read_scenarios
from tests.doors.made_files import deck, leg, purchase, toml, usage, user
from tests.doors.terminal import Answer, Terminal
from tests.doors.test_cli_readme import blocks, commands

TRIED = """
[[scenario]]
name = "Nothing is left out"
balance = "500"
"""
TENANT = (
    toml()
    + user("ana@contoso.example", "MCOEV", "MCOPSTNC", "MCOPSTNPP")
    + purchase("2026-01-01T00:00:00Z", "50")
)


def month(days: int = 28, **columns: str) -> str:
    """A call of five minutes a working day, from the first Monday of March 2026 on."""
    legs = [
        leg(f"u{day}", f"2026-03-{2 + day:02}T12:00:00Z", 300, UPN="ana@contoso.example", **columns)
        for day in range(days)
        if day % 7 < 5
    ]
    return usage(*legs)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """A terminal in a folder with a small demo month."""
    terminal = Terminal(tmp_path_factory.mktemp("plan"))
    assert terminal.run("demo", "--no-serve", "--calls", "300").code == 0
    terminal.write("try.toml", TRIED)
    return terminal


@pytest.fixture(scope="module")
def answered(demo: Terminal) -> Answer:
    """The whole answer as text, by the first command of the page; workbook and best plans lie beside it."""
    first, _ = commands("docs/plan.md")
    return demo.run(*first, "--scenario", "try.toml")


@pytest.fixture(scope="module")
def told(demo: Terminal) -> dict[str, Any]:
    """The answer without plans as JSON."""
    words = "demo/usage.csv --tenant demo/tenant.toml --no-plans --balance 120 --scenario try.toml --json"
    return demo.run("plan", *words.split(), "--confidence", "99").json


@pytest.fixture
def ready(terminal: Terminal) -> Terminal:
    """A terminal with four weeks of usage, a tenant and a deck."""
    terminal.write("usage.csv", month())
    terminal.write("tenant.toml", TENANT)
    terminal.write("deck.csv", deck())
    return terminal


def test_the_text_begins_with_the_answer(answered: Answer) -> None:
    assert (answered.code, answered.err) == (0, "")
    titles = (
        "In short",
        "What was paid, USD",
        "What to buy, USD",
        "Which plan for whom, USD, 1 month",
        "Scenarios, USD",
    )
    lines = answered.out.splitlines()
    places = [lines.index(title) for title in titles]
    assert places == sorted(places)
    assert "The whole answer is in demo/plan.xlsx." in lines
    assert "The best plans are in demo/best.toml." in lines


def test_the_workbook_is_one(demo: Terminal, answered: Answer) -> None:
    assert answered.code == 0
    sheets = fastexcel.read_excel(str(demo.folder / "demo/plan.xlsx")).sheet_names
    assert {"Summary", "Plans", "Side by side"} <= set(sheets)


def test_the_best_plans_are_a_scenario_that_can_be_read(demo: Terminal, answered: Answer) -> None:
    assert answered.code == 0
    catalogue = load_catalogue()
    tenant = read_tenant(demo.folder / "demo/tenant.toml", catalogue)
    (best,) = read_scenarios([demo.folder / "demo/best.toml"], catalogue, tenant)
    assert best.users
    assert best.name == "Best plans"


def test_the_json_adds_up(told: dict[str, Any]) -> None:
    paid = Decimal(told["paid"]["amount"])
    assert paid > 0
    for lines in told["paid"]["by"].values():
        assert sum(Decimal(line["amount"]) for line in lines) == paid
    assert told["outlook"]["balance"] == "120"
    assert told["settings"]["confidence_percent"] == "99"
    assert told["mix"] is None
    assert len(told["conclusions"]) >= 4
    today, (tried,) = told["scenarios"]["today"], told["scenarios"]["scenarios"]
    assert (tried["name"], Decimal(tried["opening_balance"])) == ("Nothing is left out", Decimal(500))
    assert Decimal(today["opening_balance"]) == 120


def test_every_key_of_the_answer_is_documented(told: dict[str, Any]) -> None:
    page = (Path(__file__).parents[2] / "docs/plan.md").read_text("utf-8")
    table = page.partition("## JSON")[2]
    for key in told:
        assert f"`{key}`" in table, key


def test_without_a_tenant_file_the_users_are_those_of_the_usage(ready: Terminal) -> None:
    ready.write("usage.csv", month(Capability="MCOPSTNPP"))  # the plan without included minutes
    answer = ready.run("plan", "usage.csv", "--rates", "deck.csv", "--no-plans")
    assert (answer.code, answer.err) == (0, "")
    text = " ".join(answer.out.split())
    assert "No tenant file: the users are those of the usage" in text
    assert "20 answered calls of 2026-03 cost 2.00 USD" in text


def test_one_week_is_said_to_be_little(ready: Terminal) -> None:
    ready.write("week.csv", month(7))
    answer = ready.run("plan", "week.csv", "--tenant", "tenant.toml", "--no-plans")
    assert (answer.code, answer.err) == (0, "")
    said = answer.out.partition("What this usage can tell")[2].partition("What was paid")[0]
    assert "2026-03-02" in said
    assert any(line.startswith(("x ", "! ")) for line in said.splitlines())


def test_without_prices_of_the_currency_plans_are_left_out(ready: Terminal) -> None:
    ready.write("prices.toml", '[[price]]\nplan = "MCOPSTN1"\nGBP = "9"\n')
    answer = ready.run("plan", "usage.csv", "--tenant", "tenant.toml", "--prices", "prices.toml")
    assert (answer.code, answer.err) == (0, "")
    said = " ".join(answer.out.partition("What this usage can tell")[2].split())
    assert "'prices.toml' have no price for" in said
    assert "in USD" in said
    assert "Which plan for whom, USD" not in answer.out


WRONG_USE = {
    "--confidence 85": "--confidence 85: choose 80, 90, 95, 99 or 99.9",
    "--confidence high": "--confidence high: choose 80, 90, 95, 99 or 99.9",
    "--balance 1e5": "--balance: '1e5' is not a decimal number such as 12.50",
    "--balance -1": "--balance: -1 must be 0 or more and at most 10^9",
    "--tenant gone.toml": "tenant file gone.toml: no such file; check the name",
    "--tenant .": "--tenant .: a plan is made for one tenant; name its file",
    "--rates gone.csv": "deck 'gone.csv': no such file",
    "--prices gone.toml": "licence prices gone.toml: no such file; check the name",
    "--scenario gone.toml": "scenario file gone.toml: no such file; check the name",
    "--scenario try.toml": "--scenario compares what credits pay: give --balance, or --tenant with purchases",
    "--best best.toml --no-plans": "--best writes the plans that --no-plans does not look for",
    "--best best.xlsx": "--best best.xlsx: the name of the file ends with .toml",
    "--out plan.csv": "--out plan.csv: the name of the file ends with .xlsx",
    "--out gone/plan.xlsx": "--out gone/plan.xlsx: there is no folder gone; make it first",
    "--scenario try.toml --balance 1 --best try.toml": "--best try.toml: this file is read by the same",
}


@pytest.mark.parametrize("options", WRONG_USE)
def test_options_that_do_not_fit(ready: Terminal, options: str) -> None:
    ready.write("try.toml", TRIED)
    before = ready.files()
    assert WRONG_USE[options] in ready.run("plan", "usage.csv", *options.split()).sentence(2)
    assert ready.files() == before


def test_two_currencies_are_refused_by_name(ready: Terminal) -> None:
    ready.write("mixed.csv", usage(leg("a"), leg("b", Currency="EUR")))
    said = ready.run("plan", "mixed.csv").sentence(1)
    assert said.startswith("the usage mixes the currencies EUR, USD; choose one with --currency")


def test_no_row_can_be_used(ready: Terminal) -> None:
    ready.write("broken.csv", usage(leg("a", "not a time")))
    assert "no row of the usage can be used" in ready.run("plan", "broken.csv").sentence(1)


UNUSABLE = {
    "a scenario of an unknown plan": (
        "--balance 1 --scenario",
        '[[scenario]]\nname = "x"\n[[scenario.plans]]\nplan = ""\nbecomes = "MCOPSTN99"\n',
        "MCOPSTN99",
    ),
    "an unknown key of a scenario": (
        "--balance 1 --scenario",
        '[[scenario]]\nname = "x"\nballance = "1"\n',
        "balance",
    ),
    "an unknown plan with a price": (
        "--prices",
        '[[price]]\nplan = "MCOPSTN99"\nUSD = "9"\n',
        "did you mean",
    ),
    "a price below nothing": ("--prices", '[[price]]\nplan = "MCOPSTN1"\nUSD = "-9"\n', "below 0"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_files_that_cannot_be_used(ready: Terminal, case: str) -> None:
    options, text, words = UNUSABLE[case]
    ready.write("wrong.toml", text)
    said = ready.run("plan", "usage.csv", *options.split(), "wrong.toml").sentence(1)
    assert said.startswith("wrong.toml: ")
    assert words in said


def test_a_place_that_cannot_be_written(ready: Terminal) -> None:
    (ready.folder / "plan.xlsx").mkdir()
    answer = ready.run("plan", "usage.csv", "--tenant", "tenant.toml", "--no-plans", "--out", "plan.xlsx")
    assert (answer.code, answer.out) == (1, "")
    assert "plan.xlsx is a folder" in answer.err


# --- what the page shows ---------------------------------------------------------------------------------


def test_the_best_plans_are_tried_as_the_page_shows(demo: Terminal, answered: Answer) -> None:
    assert answered.code == 0
    _, second = commands("docs/plan.md")
    answer = demo.run(*second)
    assert (answer.code, answer.err) == (0, "")
    assert "1  Best plans" in answer.out


def test_the_scenarios_and_the_prices_that_the_page_shows_can_be_used(demo: Terminal) -> None:
    scenarios, prices = blocks("docs/plan.md", "toml")
    catalogue = load_catalogue()
    tenant = read_tenant(demo.folder / "demo/tenant.toml", catalogue)
    shown = read_scenarios([demo.write("shown.toml", scenarios)], catalogue, tenant)
    assert [one.name for one in shown] == [entry["name"] for entry in tomllib.loads(scenarios)["scenario"]]
    found = read_licence_prices(demo.write("prices.toml", prices), catalogue)
    assert found.price(catalogue.plans["MCOPSTN5"], "USD", "GB") == 6_800_000
    assert found.price(catalogue.plans["MCOPSTN5"], "USD", "US") == 7_500_000
    told = [Chooser(family, tenant, catalogue, found).problem for family in load_plan_families()]
    assert told == ["", ""]  # all that is held has a price


def test_calls_of_the_own_carrier_alone_take_no_licence_away(ready: Terminal) -> None:
    ready.write("carried.csv", month(28, **{"Call Type": "dr_out"}))
    told = ready.run("plan", *"carried.csv --tenant tenant.toml --json".split()).json
    assert told["mix"] is None
    cannot = [said for said in told["said"] if (said["about"], said["weight"]) == ("plans", "cannot")]
    assert [said["text"] for said in cannot] == [ALL_CARRIED]
    assert ALL_CARRIED in told["conclusions"]
