"""`talktime rates check | lookup | diff`: decks for people and programs, with their exit codes."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests.doors.made_files import deck, leg, usage
from tests.doors.terminal import Terminal

OLD = deck({"44": "0.02", "1": "0.01", "33": "0.1", "81": "0.07"})
NEW = deck({"44": "0.03", "1": "0.005", "49": "0.1", "81": "0.07"})
ROW = set(
    """
    prefix name type country category direction number_type origin_country price_per_minute
    first_price_per_minute connection_fee first_seconds step_seconds
    """.split()
)

# --- check -----------------------------------------------------------------------------------------------


def test_a_good_deck_may_be_used(terminal: Terminal) -> None:
    terminal.write("deck.csv", OLD)
    answer = terminal.run("rates", "check", "deck.csv")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("deck.csv: usable; 4 rows read as talktime, 0 set aside, version ")
    told = terminal.run("rates", "check", "deck.csv", "--json").json
    assert (told["usable"], told["rows"], told["rejected_rows"], told["findings"]) == (True, 4, 0, [])
    assert set(told["deck"]) == {"name", "version", "currency", "rates", "sample"}


TRAPS = {
    "a spreadsheet's number": ("2.77724E+11,0.1,60,60,USD", 0, "row set aside: line 7"),
    "a price in scientific notation": ("7,1e5,60,60,USD", 0, "row set aside: line 7"),
    "the same prefix at the same price": ("44,0.02,60,60,USD", 0, "warning: line 7"),
    "the same prefix at another price": ("44,0.04,60,60,USD", 1, "REFUSED: line 7"),
    "another currency": ("7,0.1,60,60,EUR", 1, "REFUSED: line 7"),
    "a price finer than a billionth": ("7,0.0000000001,60,60,USD", 0, "row set aside: line 7"),
    "no step": ("7,0.1,60,0,USD", 0, "row set aside: line 7"),
    "a negative price": ("7,-0.1,60,60,USD", 0, "row set aside: line 7"),
}


@pytest.mark.parametrize("name", TRAPS)
def test_the_traps_of_decks_are_told_with_their_line(terminal: Terminal, name: str) -> None:
    row, code, words = TRAPS[name]
    terminal.write("deck.csv", f"{OLD}{row}\n")
    answer = terminal.run("rates", "check", "deck.csv")
    assert (answer.code, answer.err) == (code, "")
    assert any(line.startswith(words) for line in answer.out.splitlines()), answer.out
    machine = terminal.run("rates", "check", "deck.csv", "--json")
    assert machine.code == code
    assert '"line": 7' in machine.out
    assert f'"usable": {"false" if code else "true"}' in machine.out


def test_a_refused_deck_charges_nothing(terminal: Terminal) -> None:
    terminal.write("usage.csv", usage(leg("a")))
    terminal.write("deck.csv", f"{OLD}44,0.04,60,60,USD\n")
    before = terminal.files()
    said = terminal.run("rate", "usage.csv", "--rates", "deck.csv", "--out", "report.csv").sentence(1)
    assert said.startswith("deck deck.csv is refused: line 7: prefix 44 stands in line 3 too")
    assert said.endswith("see `talktime rates check deck.csv`")
    assert terminal.files() == before


def test_rows_set_aside_are_told_when_the_deck_is_used(terminal: Terminal) -> None:
    terminal.write("usage.csv", usage(leg("a")))
    terminal.write("deck.csv", f"{OLD}2.77724E+11,0.1,60,60,USD\n")
    told = terminal.run("rate", "usage.csv", "--rates", "deck.csv", "--json").json
    assert told["warnings"] == [
        "1 row of deck deck.csv set aside; see `talktime rates check deck.csv`",
    ]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("usage.csv", usage(leg("a")).encode(), "looks like usage, not like a rate deck"),
        ("empty.csv", b"", "is empty"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n" + bytes(64), "this is a picture (PNG), not a rate deck"),
        ("paper.csv", b"%PDF-1.7\n", "this is a PDF document, not a rate deck"),
        ("cut.csv.gz", b"\x1f\x8b\x08\x00\x00", "the file is cut off in the middle; fetch it again"),
        ("noise.csv", bytes(range(1, 32)) * 20, "it holds no text"),
    ],
)
@pytest.mark.parametrize("command", [("rates", "check"), ("rate", "good.csv", "--rates")])
def test_what_is_no_deck_is_told(
    terminal: Terminal, command: tuple[str, ...], name: str, content: bytes, words: str
) -> None:
    terminal.write("good.csv", usage(leg("a")))
    terminal.write(name, content)
    before = terminal.files()
    said = terminal.run(*command, name).sentence(1)
    assert said.startswith(name)
    assert words in said
    assert terminal.files() == before


@pytest.mark.parametrize("command", ["check", "lookup", "diff"])
def test_a_deck_that_does_not_exist_is_wrong_use(terminal: Terminal, command: str) -> None:
    more = {"check": (), "lookup": ("+44",), "diff": ("sample",)}[command]
    said = terminal.run("rates", command, "gone.csv", *more).sentence(2)
    assert said == "deck 'gone.csv': no such file; name a deck, or `sample` for the shipped one"


def test_the_shipped_deck_passes_its_own_check(terminal: Terminal) -> None:
    told = terminal.run("rates", "check", "sample", "--json").json
    assert (told["usable"], told["findings"], told["deck"]["sample"]) == (True, [], True)


def test_microsofts_price_file_may_be_used(terminal: Terminal, shared_data: Path) -> None:
    source = shared_data / "rates/communication-services-pstn-rates.csv"
    told = terminal.run("rates", "check", source, "--json").json
    assert (told["format"], told["rows"], told["rejected_rows"]) == ("microsoft", 6_592, 0)
    assert any("bare calling codes 1, 7, 33" in finding["text"] for finding in told["findings"])
    assert terminal.run("rates", "lookup", source, "+14255550100").code == 0
    assert terminal.run("rates", "lookup", source, "+10005550100").code == 1  # matches no row at all


# --- lookup ----------------------------------------------------------------------------------------------


def test_the_longest_prefix_prices_a_number(terminal: Terminal) -> None:
    terminal.write("deck.csv", deck({"44": "0.02", "447": "0.04", "1": "0.01"}))
    answer = terminal.run("rates", "lookup", "deck.csv", "+44 7700-900000")
    assert (answer.code, answer.err) == (0, "")
    _, price, behind = answer.out.splitlines()
    assert price == "  prefix 447: 0.04 USD a minute, increments 60/60 s"
    assert behind.startswith("  behind it: prefix 44: 0.02 USD a minute")
    told = terminal.run("rates", "lookup", "deck.csv", "+447700900000", "--json").json
    assert set(told) == {"number", "deck", "rate", "behind", "undecided"}
    assert set(told["rate"]) == ROW
    assert (told["number"], told["rate"]["prefix"]) == ("+447700900000", "447")
    assert (told["rate"]["price_per_minute"], told["rate"]["connection_fee"]) == ("0.04", "0")
    assert [row["prefix"] for row in told["behind"]] == ["44"]


def test_a_masked_number_names_what_its_hidden_digits_could_select(terminal: Terminal) -> None:
    terminal.write("deck.csv", deck({"44": "0.02", "44201": "0.9"}))
    told = terminal.run("rates", "lookup", "deck.csv", "+4420****", "--json").json
    assert told["rate"]["prefix"] == "44"
    assert [row["prefix"] for row in told["undecided"]] == ["44201"]


def test_a_price_depends_on_the_instant(terminal: Terminal) -> None:
    header = "prefix,price_per_minute,valid_from,valid_until,currency"
    rows = ("44,0.02,,2026-07-01,USD", "44,0.03,2026-07-01,,USD")
    terminal.write("deck.csv", "\n".join([header, *rows, ""]))
    prices = [
        terminal.run("rates", "lookup", "deck.csv", "+44201", "--at", at, "--json").json["rate"][
            "price_per_minute"
        ]
        for at in ("2026-06-30T23:59:59Z", "2026-07-01T00:00:00Z")
    ]
    assert prices == ["0.02", "0.03"]


def test_a_number_without_a_rate_is_exit_code_1(terminal: Terminal) -> None:
    terminal.write("deck.csv", OLD)
    answer = terminal.run("rates", "lookup", "deck.csv", "+99912345")
    assert (answer.code, answer.err) == (1, "")
    assert "no rate: calls to this number are unrated" in answer.out
    machine = terminal.run("rates", "lookup", "deck.csv", "+99912345", "--json")
    assert machine.code == 1
    assert '"rate": null' in machine.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("hello",), "'hello' is no international number; write it as +442071838750"),
        (("+44", "--at", "yesterday"), "--at: 'yesterday' is no instant"),
        (("+44", "--direction", "sideways"), "--direction 'sideways' must be outbound or inbound"),
    ],
)
def test_wrong_use_of_lookup(terminal: Terminal, words: tuple[str, ...], said: str) -> None:
    assert terminal.run("rates", "lookup", "sample", *words).sentence(2).startswith(said)


# --- diff ------------------------------------------------------------------------------------------------


def test_two_decks_are_compared(terminal: Terminal) -> None:
    terminal.write("old.csv", OLD)
    terminal.write("new.csv", NEW)
    answer = terminal.run("rates", "diff", "old.csv", "new.csv")
    assert (answer.code, answer.err) == (0, "")
    for line in (
        "added: 1",
        "  49: no rate -> 0.1",
        "removed: 1",
        "  33: 0.1 -> no rate",
        "dearer: 1",
        "  44: 0.02 -> 0.03 (+50 %)",
        "cheaper: 1",
        "  1: 0.01 -> 0.005 (-50 %)",
        "unchanged: 1",
    ):
        assert line in answer.out.splitlines()
    told = terminal.run("rates", "diff", "old.csv", "new.csv", "--json").json
    lists = {name: told[name] for name in ("added", "removed", "dearer", "cheaper", "mixed")}
    assert {name: [change["prefix"] for change in changes] for name, changes in lists.items()} == {
        "added": ["49"],
        "removed": ["33"],
        "dearer": ["44"],
        "cheaper": ["1"],
        "mixed": [],
    }
    assert told["unchanged"] == 1
    assert Decimal(told["dearer"][0]["percent"]) == 50


def test_a_deck_equals_itself(terminal: Terminal) -> None:
    told = terminal.run("rates", "diff", "sample", "sample", "--json").json
    assert not any(told[name] for name in ("added", "removed", "dearer", "cheaper", "mixed", "dropped_names"))
    assert told["unchanged"] == told["old"]["rates"] > 500


def test_a_destination_that_was_dropped_is_named(terminal: Terminal) -> None:
    head = "prefix,name,country,price_per_minute,currency\n"
    terminal.write("old.csv", head + "44,United Kingdom,GB,0.02,USD\n33,France,FR,0.1,USD\n")
    terminal.write("new.csv", head + "44,United Kingdom,GB,0.02,USD\n")
    told = terminal.run("rates", "diff", "old.csv", "new.csv", "--json").json
    assert (told["dropped_names"], told["dropped_countries"]) == (["France"], ["FR"])
    assert "countries without any rate now: FR" in terminal.run("rates", "diff", "old.csv", "new.csv").out


def test_decks_in_two_currencies_are_not_compared(terminal: Terminal) -> None:
    terminal.write("old.csv", OLD)
    terminal.write("new.csv", deck(currency="EUR"))
    said = terminal.run("rates", "diff", "old.csv", "new.csv").sentence(1)
    assert said == "a deck in USD cannot be compared with one in EUR"
