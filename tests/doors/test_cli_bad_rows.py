"""Rows that make no sense are set aside with line and reason; the rest of the file is used."""

from collections.abc import Mapping

import pytest

from tests.doors.made_files import deck, leg, usage
from tests.doors.reports import excel_table, parquet_rows
from tests.doors.terminal import Terminal
from tests.files.usage_samples import CALLING_PLANS_25

ROWS: dict[str, tuple[dict[str, str], str]] = {
    "a negative duration": ({"Duration_Seconds": "-5"}, "Duration Seconds: the duration is negative"),
    "an absurd duration": ({"Duration_Seconds": "71582788"}, "no call is longer than 86,400 seconds"),
    "more digits than a number has": (
        {"Duration_Seconds": "9" * 40},
        "no call is longer than 86,400 seconds",
    ),
    "a duration in scientific notation": ({"Duration_Seconds": "2.19E+02"}, "is no number of seconds"),
    "a hexadecimal duration": ({"Duration_Seconds": "0x10"}, "is no number of seconds"),
    "infinity": ({"Duration_Seconds": "inf"}, "is no number of seconds"),
    "no number": ({"Duration_Seconds": "nan"}, "is no number of seconds"),
    "a word": ({"Duration_Seconds": "long"}, "'long' is no number of seconds"),
    "an end before the start": ({"End_Time": "2026-03-02T11:00:00Z"}, "End Time is before Start Time"),
    "neither duration nor end": ({"Duration_Seconds": ""}, "there is neither a duration nor an end"),
    "a day that does not exist": ({"Start_Time": "2026-02-30T09:00:00Z"}, "is no day or time that exists"),
    "a 25th hour": ({"Start_Time": "2026-03-01T25:00:00Z"}, "is no day or time that exists"),
    "a year before all telephony": ({"Start_Time": "1815-03-01T09:00:00Z"}, "is outside of the years"),
    "a year far ahead": ({"Start_Time": "9999-12-31T09:00:00Z"}, "is outside of the years"),
    "no time": ({"Start_Time": "0001-01-01T00:00:00Z"}, "there is no start time"),
    "an empty time": ({"Start_Time": ""}, "there is no start time"),
    "a day alone": ({"Start_Time": "2026-03-01"}, "Start Time: '2026-03-01'"),
    "two days at once": ({"Start_Time": "03/04/2026 09:00:00"}, "may be two days"),
    "a callee that a spreadsheet ate": ({"Destination_Number": "4.42072E+11"}, "its digits are lost"),
    "a caller that a spreadsheet ate": ({"Caller_ID": "1.42556E+10"}, "its digits are lost"),
    "a NUL byte": ({"User_Display_Name": "a\0b"}, "the row holds a NUL byte"),
    "a field of 10 MB": ({"User_Display_Name": "x" * 10_000_000}, "the row is longer than 1,048,576 bytes"),
    "a field of 100 kB": ({"User_Display_Name": "x" * 100_000}, "is longer than 65,536 characters"),
}


def changed(id_: str, changes: Mapping[str, str]) -> dict[str, str]:
    """A call with other values in some columns."""
    return leg(id_) | {name.replace("_", " "): value for name, value in changes.items()}


@pytest.mark.parametrize("name", ROWS)
def test_a_bad_row_alone_is_no_usage(terminal: Terminal, name: str) -> None:
    changes, reason = ROWS[name]
    terminal.write("usage.csv", usage(changed("a", changes)))
    before = terminal.files()
    said = terminal.run("rate", "usage.csv", "--out", "report.csv").sentence(1)
    assert said.startswith("no row of the usage can be used: usage.csv line 2: ")
    assert reason in said
    assert len(said) < 300
    assert terminal.files() == before


def test_bad_rows_beside_good_ones_are_set_aside(terminal: Terminal) -> None:
    legs = [leg("good-1"), *(changed(f"bad-{n}", changes) for n, (changes, _) in enumerate(ROWS.values()))]
    terminal.write("usage.csv", usage(*legs, leg("good-2")))
    told = terminal.run("rate", "usage.csv", "--json", "--out", "report.parquet").json
    assert (told["calls"], told["rejected_rows"]) == (2, len(ROWS))
    assert {row["id"] for row in parquet_rows(terminal.folder / "report.parquet")} == {"good-1", "good-2"}
    assert terminal.run("rate", "usage.csv", "--out", "report.xlsx").code == 0
    listed = excel_table(terminal.folder / "report.xlsx", "rejected rows", "file")
    assert [int(line[1]) for line in listed] == list(range(3, 3 + len(ROWS)))
    for line, (_, reason) in zip(listed, ROWS.values(), strict=True):
        assert reason in line[2]


def test_the_first_reasons_are_told_where_no_row_is_left(terminal: Terminal) -> None:
    terminal.write("usage.csv", usage(*(leg(f"b{n}", Duration_Seconds="-1") for n in range(1_500))))
    said = terminal.run("rate", "usage.csv").sentence(1)
    assert "line 2: " in said
    assert "line 4: " in said
    assert "line 5: " not in said
    assert said.endswith("; and 1,497 more")


@pytest.mark.parametrize(
    "line",
    [
        "only,three,fields",
        ",".join(["x"] * 40),
        '"never closed' + ",x" * 24,
    ],
    ids=["too few fields", "too many fields", "a quotation mark that is not closed"],
)
def test_a_broken_line_costs_itself_only(terminal: Terminal, line: str) -> None:
    head, good, *_ = usage(leg("a")).split("\r\n")
    terminal.write("usage.csv", f"{head}\r\n{line}\r\n{good}\r\n")
    told = terminal.run("rate", "usage.csv", "--json").json
    assert (told["calls"], told["rejected_rows"]) == (1, 1)


@pytest.mark.parametrize(
    ("written", "billed_s"), [("0.2", 60), ("59.999", 60), ("60.0", 60), ("60.001", 120), ("0:01:01", 120)]
)
def test_a_fraction_of_a_second_rounds_up(terminal: Terminal, written: str, billed_s: int) -> None:
    terminal.write("usage.csv", usage(leg("a", Duration_Seconds=written)))
    assert terminal.run("rate", "usage.csv", "--json").json["billed_seconds"] == billed_s


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_text_in_any_encoding_of_unicode(terminal: Terminal, encoding: str) -> None:
    terminal.write("usage.csv", usage(leg("a", User_Display_Name="Jürgen Ł. 山田")).encode(encoding))
    told = terminal.run("rate", "usage.csv", "--json", "--out", "report.parquet").json
    (row,) = parquet_rows(terminal.folder / "report.parquet")
    assert (told["calls"], told["warnings"], row["user_name"]) == (1, [], "Jürgen Ł. 山田")


def test_bytes_that_are_no_text_are_told(terminal: Terminal) -> None:
    terminal.write("usage.csv", usage(leg("a", User_Display_Name="Jürgen")).encode("cp1252"))
    told = terminal.run("rate", "usage.csv", "--json").json
    assert told["calls"] == 1
    assert "bytes that are no text were replaced" in told["warnings"][0]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_any_end_of_line(terminal: Terminal, end: str) -> None:
    terminal.write("usage.csv", usage(leg("a"), leg("b")).replace("\r\n", end))
    assert terminal.run("rate", "usage.csv", "--json").json["calls"] == 2


def test_columns_that_are_not_known_are_told(terminal: Terminal) -> None:
    head, row, _ = usage(leg("a")).split("\r\n")
    terminal.write("usage.csv", f"Mood,{head}\nhappy,{row}\n")
    told = terminal.run("rate", "usage.csv", "--json").json
    assert (told["calls"], told["warnings"]) == (
        1,
        ["usage.csv: columns that are not known were left out: Mood"],
    )
    assert len(CALLING_PLANS_25) == 25


# --- currencies ------------------------------------------------------------------------------------------


@pytest.fixture
def mixed(terminal: Terminal) -> Terminal:
    """A file with rows of two currencies and one that names none."""
    rows = (leg("u", Currency="USD"), leg("e", Currency="EUR"), leg("n", Currency=""))
    terminal.write("usage.csv", usage(*rows))
    terminal.write("deck.csv", deck())
    return terminal


def test_mixed_currencies_are_refused_by_name(mixed: Terminal) -> None:
    before = mixed.files()
    said = mixed.run("rate", "usage.csv", "--rates", "deck.csv", "--out", "report.csv").sentence(1)
    assert said == (
        "the usage mixes the currencies EUR, USD; choose one with --currency, for instance --currency EUR"
    )
    assert mixed.files() == before


@pytest.mark.parametrize("chosen", ["USD", "usd"])
def test_a_chosen_currency_sets_the_others_aside(mixed: Terminal, chosen: str) -> None:
    words = ("rate", "usage.csv", "--rates", "deck.csv", "--currency", chosen, "--out", "report.parquet")
    told = mixed.run(*words, "--json").json
    assert (told["calls"], told["rejected_rows"], told["currency"]) == (2, 1, "USD")
    assert {row["id"] for row in parquet_rows(mixed.folder / "report.parquet")} == {"u", "n"}


def test_a_currency_that_no_row_has(mixed: Terminal) -> None:
    mixed.write("usage.csv", usage(leg("u", Currency="USD"), leg("e", Currency="EUR")))
    said = mixed.run("rate", "usage.csv", "--currency", "GBP").sentence(1)
    assert said == "no row has the currency GBP; the usage has EUR, USD"
