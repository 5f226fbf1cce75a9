"""The numbers that must come out (domain.md 14), as far as a file can show them, through the command."""

from decimal import Decimal
from typing import Any

import pytest

from tests.doors.made_files import FRANCE, UK, deck, leg, licence, purchase, toml, usage, user
from tests.doors.reports import Row, excel_table, parquet_document, parquet_rows
from tests.doors.terminal import Terminal

US = "+14255550142"
ZIMBABWE = "+263242123456"
COOK_ISLANDS = "+68221234"
NUMBERS = {"US": US, "UK": UK, "ZW": ZIMBABWE, "CookIslands": COOK_ISLANDS}
COUNTRIES = {"US": "US", "UK": "GB", "ZW": "ZW", "CookIslands": "CK"}
PRICES = {"1": "0.01", "44": "0.02", "263": "0.5", "682": "0.9"}


def charged(terminal: Terminal, *options: str) -> tuple[dict[str, Any], list[Row], dict[str, Any]]:
    """usage.csv and deck.csv charged: the answer, the rows, and what the report says of the run."""
    words = ("rate", "usage.csv", "--rates", "deck.csv", *options, "--out", "report.parquet", "--json")
    told = terminal.run(*words).json
    report = terminal.folder / "report.parquet"
    return told, parquet_rows(report), parquet_document(report)


def by_id(rows: list[Row], column: str) -> dict[str, Any]:
    return {row["id"]: row[column] for row in rows}


# --- started minutes -------------------------------------------------------------------------------------


def test_219_seconds_are_4_minutes(terminal: Terminal) -> None:
    terminal.write("usage.csv", usage(*(leg(str(s), seconds=s) for s in (219, 60, 61, 0))))
    terminal.write("deck.csv", deck())
    told, rows, _ = charged(terminal)
    assert by_id(rows, "billed_seconds") == {"219": 240, "60": 60, "61": 120, "0": 0}
    assert by_id(rows, "amount") == {
        "219": Decimal("0.08"),
        "60": Decimal("0.02"),
        "61": Decimal("0.04"),
        "0": 0,
    }
    assert (told["billed_minutes"], told["not_answered"], told["amount"]) == ("7", 1, "0.14")


def test_ten_minutes_in_one_second_steps_cost_exactly_a_fifth(terminal: Terminal) -> None:
    terminal.write("usage.csv", usage(leg("a", seconds=600)))
    terminal.write("deck.csv", deck(first=1, step=1))
    assert charged(terminal)[0]["amount"] == "0.2"


@pytest.mark.parametrize(("model", "billed_s"), [("after_first", 48), ("whole", 36)])
def test_31_seconds_at_30_18_are_what_the_deck_says(terminal: Terminal, model: str, billed_s: int) -> None:
    terminal.write("usage.csv", usage(leg("a", seconds=31)))
    terminal.write("deck.csv", f"# increments = {model}\n" + deck(first=30, step=18))
    assert charged(terminal)[0]["billed_seconds"] == billed_s


# --- pools -----------------------------------------------------------------------------------------------

POOLS = {
    "100 US users of a Domestic plan": (
        [licence("MCOPSTN1", 100)],
        [(100, "US", ("MCOPSTN1",))],
        leg("a", callee=US, UPN="us-0@x.example"),
        ("MCOPSTN1", "domestic", 300_000),
    ),
    "10 US, 100 UK and 5 ZW conferencing users": (
        [licence("MCOMEETADD", 115)],
        [(10, "US", ("MCOMEETADD",)), (100, "GB", ("MCOMEETADD",)), (5, "ZW", ("MCOMEETADD",))],
        leg("a", UPN="zw-0@x.example", Call_Type="conf_out"),
        ("MCOMEETADD", "conferencing", 6_900),
    ),
    "20 of 100 select dial-out licences assigned": (
        [licence("MCOMEETADD_SELECT", 100)],
        [(20, "US", ("MCOMEETADD_SELECT",))],
        leg("a", callee=US, UPN="us-0@x.example", Call_Type="conf_out"),
        ("MCOMEETADD_SELECT", "conferencing", 1_200),
    ),
}


@pytest.mark.parametrize("name", POOLS)
def test_a_pool_has_its_size(terminal: Terminal, name: str) -> None:
    bought, groups, call, (plan, kind, minutes) = POOLS[name]
    people = [
        user(f"{country.lower()}-{n}@x.example", *plans, location=country)
        for number, country, plans in groups
        for n in range(number)
    ]
    terminal.write("tenant.toml", toml() + "".join([*bought, *people]))
    terminal.write("usage.csv", usage(call))
    terminal.write("deck.csv", deck(PRICES))
    told, rows, document = charged(terminal, "--tenant", "tenant.toml")
    (pool,) = (p for p in document["pools"] if p["kind"] == kind)
    assert (pool["plan"], pool["size_s"], pool["used_s"]) == (plan, minutes * 60, 60)
    assert by_id(rows, "pool_seconds") == {"a": 60}
    assert (told["pool_minutes"], told["amount"]) == ("1", "0")
    terminal.run(
        "rate", "usage.csv", "--rates", "deck.csv", "--tenant", "tenant.toml", "--out", "report.xlsx"
    )
    (line,) = (
        row for row in excel_table(terminal.folder / "report.xlsx", "pools", "month") if row[2] == kind
    )
    assert [int(cell) for cell in line[4:7]] == [minutes, 1, minutes - 1]


def test_which_dial_out_the_conferencing_pool_pays(terminal: Terminal) -> None:
    """By the destination alone; where the organiser sits changes nothing (domain.md 4)."""
    expected = {
        "US-US": True,
        "US-UK": True,
        "UK-US": True,
        "ZW-US": True,
        "ZW-UK": True,
        "CookIslands-UK": True,
        "US-ZW": False,
        "UK-ZW": False,
        "ZW-ZW": False,
        "CookIslands-CookIslands": False,
    }
    people = [
        user(f"{name}@x.example", "MCOMEETADD", "MCOPSTNC", location=country)
        for name, country in COUNTRIES.items()
    ]
    bought = [licence("MCOMEETADD", 4), licence("MCOPSTNC", 4), purchase("2026-03-01T00:00:00Z", "50")]
    terminal.write("tenant.toml", toml() + "".join([*bought, *people]))
    pairs = [(pair, *pair.split("-")) for pair in expected]
    legs = [
        leg(pair, callee=NUMBERS[to], UPN=f"{organiser}@x.example", Call_Type="conf_out")
        | {"User Location": COUNTRIES[organiser]}
        for pair, organiser, to in pairs
    ]
    terminal.write("usage.csv", usage(*legs))
    terminal.write("deck.csv", deck(PRICES))
    _, rows, _ = charged(terminal, "--tenant", "tenant.toml")
    assert {id_: seconds == 60 for id_, seconds in by_id(rows, "pool_seconds").items()} == expected
    assert {id_: amount == 0 for id_, amount in by_id(rows, "amount").items()} == expected
    assert {row["category"] for row in rows} == {"conference_dial_out"}


# --- lots ------------------------------------------------------------------------------------------------

SEPTEMBER = leg("september", start="2026-09-10T10:00:00Z", seconds=70 * 60)


@pytest.mark.parametrize(
    ("later", "left", "forfeited"),
    [
        (None, [0, 80], [0, 0]),
        ("2027-03-01T12:00:00Z", [0, 80], [0, 0]),
        ("2027-05-31T23:00:00Z", [0, 80], [0, 0]),
        ("2027-06-01T00:00:00Z", [0, 0], [0, 80]),
    ],
)
def test_two_lots_and_when_they_expire(
    terminal: Terminal, later: str | None, left: list[int], forfeited: list[int]
) -> None:
    """50 of March and 100 of June, 70 spent by September; a later call makes the time pass."""
    lots = purchase("2026-03-01T00:00:00Z", "50") + purchase("2026-06-01T00:00:00Z", "100")
    terminal.write(
        "tenant.toml", toml() + lots + licence("MCOPSTNC", 1) + user("ana@contoso.example", "MCOPSTNC")
    )
    more = [] if later is None else [leg("later", start=later, Call_Type="user_in", Call_Direction="Inbound")]
    terminal.write("usage.csv", usage(SEPTEMBER, *more))
    terminal.write("deck.csv", deck({"44": "1"}))
    told, _, document = charged(terminal, "--tenant", "tenant.toml")
    assert [lot["drawn"] for lot in document["lots"]] == [50_000_000, 20_000_000]
    assert [lot["left"] for lot in document["lots"]] == [micros * 1_000_000 for micros in left]
    assert [lot["forfeited"] for lot in document["lots"]] == [micros * 1_000_000 for micros in forfeited]
    assert (told["credits"], told["closing_balance"]) == ("70", str(sum(left)))
    assert told["forfeited"] == str(sum(forfeited))


# --- auto-recharge ---------------------------------------------------------------------------------------

RECHARGE = ("--balance", "101", "--recharge-below", "100", "--recharge-add", "200")


def test_100_is_not_below_100(terminal: Terminal) -> None:
    terminal.write("usage.csv", usage(leg("a")))
    terminal.write("deck.csv", deck({"44": "1"}))
    told = charged(terminal, *RECHARGE)[0]
    assert (told["closing_balance"], told["recharges"], told["funded"]) == ("100", 0, "0")


def test_99_99_and_200_are_299_99(terminal: Terminal) -> None:
    terminal.write("usage.csv", usage(leg("a"), leg("b", start="2026-03-02T13:00:00Z", callee=FRANCE)))
    terminal.write("deck.csv", deck({"44": "1", "33": "0.01"}))
    told, rows, _ = charged(terminal, *RECHARGE)
    assert (told["closing_balance"], told["recharges"], told["funded"]) == ("299.99", 1, "200")
    assert by_id(rows, "recharge") == {"a": 0, "b": 200}
    assert by_id(rows, "balance_after") == {"a": 100, "b": Decimal("99.99")}


# --- what a file decides as a call's start does ----------------------------------------------------------


def test_thirty_calls_on_the_price_of_one_minute(terminal: Terminal) -> None:
    terminal.write("usage.csv", usage(*(leg(f"{n:02}") for n in range(30))))
    terminal.write("deck.csv", deck())
    told, rows, _ = charged(terminal, "--balance", "0.02")
    assert (told["paid_calls"], told["blocked_calls"], told["amount"]) == (1, 29, "0.02")
    assert (told["closing_balance"], told["overdraft"]) == ("0", "0")
    assert {row["reason"] for row in rows if row["state"] == "blocked"} == {"no_credit"}
    assert told["money_ran_out_at"] == "2026-03-02T12:01:00Z"


def test_a_call_that_may_start_is_charged_whole(terminal: Terminal) -> None:
    """What a file tells has been talked: the rest is overdraft (rulings.md 2)."""
    terminal.write("usage.csv", usage(leg("a", seconds=600), leg("b", start="2026-03-03T12:00:00Z")))
    terminal.write("deck.csv", deck())
    told, rows, _ = charged(terminal, "--balance", "0.05")
    assert by_id(rows, "state") == {"a": "charged", "b": "blocked"}
    assert (told["credits"], told["overdraft"], told["closing_balance"]) == ("0.05", "0.15", "-0.15")


def test_options_override_the_tenant_file(terminal: Terminal) -> None:
    own = '[auto_recharge]\nenabled = true\nbelow = "10"\nadd = "50"\n'
    people = licence("MCOPSTNC", 1) + user("ana@contoso.example", "MCOPSTNC")
    terminal.write("tenant.toml", toml() + purchase("2026-02-01T00:00:00Z", "60") + own + people)
    terminal.write("usage.csv", usage(leg("a", seconds=51 * 60)))
    terminal.write("deck.csv", deck({"44": "1"}))
    tenant = ("--tenant", "tenant.toml")
    file_alone = charged(terminal, *tenant)[0]
    other_balance = charged(terminal, *tenant, "--balance", "100")[0]
    other_rule = charged(terminal, *tenant, "--recharge-below", "5", "--recharge-add", "30")[0]
    names = ("opening_balance", "recharges", "closing_balance")
    assert [file_alone[name] for name in names] == ["60", 1, "59"]
    assert [other_balance[name] for name in names] == ["100", 0, "49"]
    assert [other_rule[name] for name in names] == ["60", 0, "9"]


def test_the_deck_of_the_tenant_file_is_found_beside_it(terminal: Terminal) -> None:
    terminal.write("there/own.csv", deck({"44": "3"}).replace("made", "own"))
    terminal.write("there/tenant.toml", 'deck = "own.csv"\n' + toml())
    terminal.write("usage.csv", usage(leg("a")))
    terminal.write("deck.csv", deck({"44": "1"}))
    told = terminal.run("rate", "usage.csv", "--tenant", "there/tenant.toml", "--json").json
    assert told["deck"]["name"] == "own"
    assert charged(terminal, "--tenant", "there/tenant.toml")[0]["deck"]["name"] == "made"
