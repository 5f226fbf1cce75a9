"""`talktime rate` for many tenants: a book instead of a tenant file, and a row a tenant beside the calls."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from tests.doors.made_book import TENANT, call_of, exported, json_lines, tenant_json, tenant_toml
from tests.doors.made_files import FRANCE, deck, toml
from tests.doors.reports import Row, csv_rows, parquet_document, parquet_rows
from tests.doors.terminal import Answer, Terminal
from tests.doors.test_cli_json import NAMES

NEW_YORK = "+12125550123"
SUMS = ("billed_seconds", "pool_seconds", "paid_seconds", "blocked_seconds")
MONEY = ("amount", "credits", "post_usage", "overdraft")

CALLS = (
    call_of("contoso", "c1", "2026-03-02T12:00:00Z", 600),
    call_of("contoso", "c2", "2026-03-03T12:00:00Z", 120, Destination_Number=FRANCE),
    call_of("contoso", "c3", "2026-03-04T12:00:00Z", 180, Destination_Number=NEW_YORK),
    call_of("fabrikam", "f1", "2026-03-02T12:00:00Z", 600),
    call_of("fabrikam", "f2", "2026-03-02T13:00:00Z", 600),
    call_of("contoso", "c1", "2026-03-09T12:00:00Z", 60),  # once more
    call_of("northwind", "c1", "2026-03-02T12:00:00Z", 60),  # an id that another tenant has, too
)
TENANTS = {"contoso": "500", "fabrikam": "50", "northwind": "500", "silent": "50"}
PRICES = {"44": "5.02", "33": "5", "1": "1"}
WORDS = ("rate", "usage.csv", "--tenant", "book.jsonl", "--rates", "deck.csv")


@pytest.fixture
def provider(terminal: Terminal) -> Terminal:
    """Four tenants with calls of three of them; one of these has little money."""
    terminal.write("book.jsonl", json_lines(tenant_json(*one) for one in TENANTS.items()))
    for name, amount in TENANTS.items():
        terminal.write(f"tenants/{name}.toml", tenant_toml(name, amount))
    terminal.write("usage.csv", exported(*CALLS))
    terminal.write("deck.csv", deck(PRICES))
    return terminal


def tenants_of(path: Path) -> dict[str, Row]:
    """The rows of the file beside a report, by tenant."""
    return {row["tenant"]: row for row in pq.read_table(path).to_pylist()}


def told(answer: Answer) -> str:
    assert (answer.code, answer.err) == (0, "")
    return " ".join(answer.out.split())


# --- answers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("book", ["book.jsonl", "tenants"])
def test_the_screen_shows_sums_and_the_tenants_that_matter(provider: Terminal, book: str) -> None:
    shown = told(provider.run(*WORDS, "--tenant", book))
    for part in (
        "3 tenants 1 tenant made no calls",
        "deck made",
        "Tenants whose calls cost most",
        "contoso 3 3 60.20 439.8",
        "Tenants with blocked calls (1)",
        "fabrikam 1 -0.2",
    ):
        assert part in shown, shown
    assert max(map(len, provider.run(*WORDS).out.splitlines())) <= 80


@pytest.mark.parametrize("book", ["book.jsonl", "tenants"])
def test_one_object_with_the_sums_of_all(provider: Terminal, book: str) -> None:
    found = provider.run(*WORDS, "--tenant", book, "--json").json
    assert set(found) == NAMES | {"tenants", "silent_tenants", "rejected"}
    expected = {
        "tenants": 3,
        "silent_tenants": 1,
        "calls": 6,
        "answered": 6,
        "paid_calls": 4,
        "pool_only_calls": 1,
        "blocked_calls": 1,
        "duplicate_rows": 1,
        "rejected_rows": 0,
        "pool_seconds": 180,
        "billed_seconds": 600 + 120 + 180 + 600 + 60,
        "blocked_seconds": 600,
        "amount": "115.42",
        "opening_balance": "1050",
        "closing_balance": "934.58",
        "overdraft": "0.2",
        "money_ran_out_at": "2026-03-02T12:10:00Z",
        "format": "calling_plans_25",
        "warnings": [],
    }
    assert {name: found[name] for name in expected} == expected


def test_one_tenant_of_a_book_costs_what_it_costs_alone(provider: Terminal) -> None:
    """Each by itself, by its own tenant file: the sums of all are theirs."""
    everybody = provider.run(*WORDS, "--out", "all.parquet", "--json").json
    rows = {(row["tenant"], row["id"]): row for row in parquet_rows(provider.folder / "all.parquet")}
    alone = []
    for name in ("contoso", "fabrikam", "northwind"):
        provider.write("own.csv", exported(*(call for call in CALLS if call[TENANT] == name)))
        words = ("rate", "own.csv", "--tenant", f"tenants/{name}.toml", "--rates", "deck.csv", "--json")
        alone.append(provider.run(*words, "--out", "own.parquet").json)
        for row in parquet_rows(provider.folder / "own.parquet"):
            same = rows.pop((name, row["id"]))
            different = {column for column in row if row[column] != same[column]}
            assert different <= {"source", "line"}, row["id"]
    assert not rows
    counts = [name for name, value in everybody.items() if isinstance(value, int) and "tenants" not in name]
    assert {name: everybody[name] for name in counts} == {
        name: sum(one[name] for one in alone) for name in counts
    }
    for name in (*MONEY, "funded", "opening_balance", "closing_balance", "forfeited"):
        assert Decimal(everybody[name]) == sum(Decimal(one[name]) for one in alone), name


# --- reports ---------------------------------------------------------------------------------------------


def test_calls_and_tenants_are_written_side_by_side(provider: Terminal) -> None:
    shown = told(provider.run(*WORDS, "--out", "out.parquet"))
    assert "The calls are in out.parquet, the tenants in out.tenants.parquet." in shown
    rows = parquet_rows(provider.folder / "out.parquet")
    tenants = tenants_of(provider.folder / "out.tenants.parquet")
    ids = {name: sorted(row["id"] for row in rows if row["tenant"] == name) for name in TENANTS}
    assert ids == {"contoso": ["c1", "c2", "c3"], "fabrikam": ["f1", "f2"], "northwind": ["c1"], "silent": []}
    assert len(rows) == 6
    assert set(tenants) == {"contoso", "fabrikam", "northwind"}
    for name, tenant in tenants.items():
        own = [row for row in rows if row["tenant"] == name]
        assert tenant["calls"] == len(own)
        for column in (*SUMS, *MONEY):
            assert tenant[column] == sum(row[column] for row in own), (name, column)
        last = max(own, key=lambda row: (row["end"], row["id"]))
        assert tenant["closing_balance"] == last["balance_after"]
        document = json.loads(tenant["document"])
        assert document["totals"]["amount"] == tenant["amount"] * 10**6
        assert (document["tenant"]["id"], document["deck"]["name"]) == (name, "made")
    assert [tenants[name]["duplicate_rows"] for name in ("contoso", "fabrikam")] == [1, 0]
    assert (tenants["fabrikam"]["blocked_calls"], tenants["contoso"]["money_ran_out_at"]) == (1, None)
    about = parquet_document(provider.folder / "out.parquet")
    assert (about["tenants"], about["deck"]["currency"]) == ("out.tenants.parquet", "USD")


def test_a_report_as_csv_holds_the_same_calls(provider: Terminal) -> None:
    for ending in ("csv", "parquet"):
        provider.run(*WORDS, "--out", f"out.{ending}")
    written = csv_rows(provider.folder / "out.csv")
    assert written == parquet_rows(provider.folder / "out.parquet")
    assert (provider.folder / "out.tenants.parquet").exists()


@pytest.mark.parametrize(
    ("call", "parts"),
    [
        ("f1", ["Call f1: charged, 50.20 USD", "ana@fabrikam", "The balance after it was -0.2 USD"]),
        ("f2", ["Call f2: blocked", "no_credit"]),
        ("c3", ["Call c3: charged, 0.00 USD", "paid for the first 180 s (3 min): 180 s (3 min) of MCOPSTN1"]),
    ],
)
def test_a_call_of_a_report_is_explained(provider: Terminal, call: str, parts: list[str]) -> None:
    provider.run(*WORDS, "--out", "out.parquet")
    shown = told(provider.run("explain", "--run", "out.parquet", call))
    for part in parts:
        assert part in shown, shown


def test_a_call_is_not_explained_without_its_tenants(provider: Terminal) -> None:
    provider.run(*WORDS, "--out", "out.parquet")
    beside = provider.folder / "out.tenants.parquet"
    beside.rename(provider.folder / "elsewhere.parquet")
    sentence = provider.run("explain", "--run", "out.parquet", "f1").sentence(1)
    assert sentence == (
        "out.tenants.parquet is missing; it belongs to the report: put it back, or rate the files again"
    )
    beside.write_bytes(b"PAR1")
    assert "out.tenants.parquet is damaged" in provider.run("explain", "--run", "out.parquet", "f1").sentence(
        1
    )


# --- rows that are set aside -----------------------------------------------------------------------------


def test_strangers_are_set_aside_and_told(provider: Terminal) -> None:
    more = [call_of("stranger", f"s{n}", "2026-03-02T12:00:00Z") for n in range(2)]
    provider.write("usage.csv", exported(*CALLS, *more, call_of("", "n1", "2026-03-02T12:00:00Z")))
    found = provider.run(*WORDS, "--json").json
    assert (found["calls"], found["rejected_rows"]) == (6, 3)
    assert found["warnings"] == [
        "3 rows name tenants that are not described ('stranger', no tenant at all) and were set aside; "
        "describe them, or name the right column"
    ]
    assert "3 rows name tenants that are not described" in told(provider.run(*WORDS))


def test_a_file_that_names_no_tenant_at_all(provider: Terminal) -> None:
    calls = [{name: cell for name, cell in call.items() if name != TENANT} for call in CALLS]
    provider.write("usage.csv", exported(*calls))
    sentence = provider.run(*WORDS).sentence(1)
    assert sentence.startswith(
        "no row of the usage can be charged: 7 rows name tenants that are not described"
    )


def test_only_strangers(provider: Terminal) -> None:
    provider.write("usage.csv", exported(call_of("stranger", "s1", "2026-03-02T12:00:00Z")))
    assert "('stranger')" in provider.run(*WORDS).sentence(1)


MIXED = [call | {"Currency": "eur"} if call[TENANT] == "northwind" else call for call in CALLS]


@pytest.mark.parametrize("work", [(), ("--work", "work")], ids=["", "work"])
def test_mixed_currencies_are_refused_until_one_is_chosen(provider: Terminal, work: tuple[str, ...]) -> None:
    provider.write("usage.csv", exported(*MIXED))
    for _ in range(2):  # what a refused run left behind lets nothing through
        sentence = provider.run(*WORDS, *work).sentence(1)
        assert sentence == (
            "the usage mixes the currencies EUR, USD; choose one with --currency, for instance --currency EUR"
        )
    found = provider.run(*WORDS, *work, "--currency", "USD", "--json").json
    assert (found["calls"], found["tenants"], found["rejected_rows"]) == (5, 2, 1)


# --- what cannot be used ---------------------------------------------------------------------------------


def test_a_bad_file_among_good_ones_is_named_with_all_others(provider: Terminal) -> None:
    provider.write("month/a.csv", exported(*CALLS))
    provider.write("month/b.csv", "this is no usage\n1\n")
    provider.write("month/c.parquet", b"PAR1 and then nothing PAR1")
    provider.write("month/d.csv", exported(*CALLS))
    sentence = provider.run("rate", "month", *WORDS[2:]).sentence(1)
    assert sentence.startswith("2 of 4 files cannot be used: ")
    assert "b.csv" in sentence
    assert "c.parquet" in sentence
    assert "a.csv" not in sentence


def usage_parquet(path: Path, *, starts: pl.DataType | None = None, **more: Any) -> None:
    """The calls as Parquet; `more` are columns that only this file has."""
    text = pl.read_csv(exported(*CALLS).encode(), infer_schema=False)
    frame = text.with_columns(pl.col("Duration Seconds").cast(pl.Int64))
    if starts is not None:
        frame = frame.with_columns(pl.col("Start Time").str.to_datetime(time_zone="UTC").cast(starts))
    frame.with_columns(**more).write_parquet(path)


def test_schemas_may_differ_between_files(provider: Terminal) -> None:
    """Instants as text or typed, another unit, a column more: the calls are the same, so they come once."""
    (provider.folder / "month").mkdir()
    usage_parquet(provider.folder / "month" / "a.parquet")
    usage_parquet(provider.folder / "month" / "b.parquet", starts=pl.Datetime("ms", "UTC"), extra=pl.lit(1))
    provider.write("month/c.csv", exported(*CALLS))
    found = provider.run("rate", "month", *WORDS[2:], "--json").json
    assert (found["calls"], found["duplicate_rows"], found["amount"]) == (6, 15, "115.42")


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_a_corrupt_parquet_gets_a_sentence(provider: Terminal, kept: float) -> None:
    path = provider.folder / "usage.parquet"
    usage_parquet(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    sentence = provider.run("rate", "usage.parquet", *WORDS[2:], "--out", "out.parquet").sentence(1)
    assert sentence.startswith("usage.parquet")
    assert not list(provider.folder.glob("*out*"))


def test_a_parquet_that_is_damaged_further_down(provider: Terminal) -> None:
    path = provider.folder / "usage.parquet"
    usage_parquet(path)
    content = bytearray(path.read_bytes())
    content[60:400] = bytes(340)
    path.write_bytes(content)
    sentence = provider.run("rate", "usage.parquet", *WORDS[2:], "--out", "out.parquet").sentence(1)
    assert "usage.parquet" in sentence
    assert not list(provider.folder.glob("*out*"))


Broken = Callable[[Terminal], object]
NO_BOOK = ("rate", "usage.csv", "--rates", "deck.csv", "--work", "work")


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        ((*WORDS, "--out", "out.xlsx"), 2, "calls of many tenants are written to .parquet or .csv"),
        ((*WORDS, "--out", "out.txt"), 2, "the name of a report ends with one of"),
        ((*WORDS, "--out", "usage.csv"), 2, "this file is read by the same command"),
        ((*WORDS, "--out", "no/out.csv"), 2, "there is no folder no; make it first"),
        (NO_BOOK, 2, "--work keeps runs over many tenants; give their folder or .jsonl file to --tenant"),
        ((*NO_BOOK, "--tenant", "tenants/contoso.toml"), 2, "--work keeps runs over many tenants"),
        ((*WORDS, "--work", "tenants"), 1, "tenants holds other files (contoso.toml); name an empty folder"),
        ((*WORDS, "--work", "deck.csv"), 1, "deck.csv: "),
        ((*WORDS, "--tenant", "nobody.jsonl"), 2, "nobody.jsonl: no such file"),
        ((*WORDS, "--rates", "euro.csv"), 2, "tenant 'contoso' has USD but deck 'made' is in EUR"),
    ],
)
def test_wrong_use_is_refused_in_a_sentence(
    provider: Terminal, words: tuple[str, ...], code: int, part: str
) -> None:
    provider.write("euro.csv", deck(currency="EUR"))
    before = provider.files()
    assert part in provider.run(*words).sentence(code)
    assert provider.files() == before


@pytest.mark.parametrize(
    ("tenants", "parts"),
    [
        ([tenant_json("contoso"), tenant_json("contoso")], ["line 2", "stands in line 1 already"]),
        ([tenant_json("contoso"), {"tenant": {"id": "x"}}, {"a": 1}], ["2 tenants cannot be used", "line 3"]),
        ([], ["the file is empty; give a tenant file, a folder of them, or JSON lines"]),
    ],
)
def test_a_wrong_book_names_its_lines(provider: Terminal, tenants: list[Any], parts: list[str]) -> None:
    provider.write("book.jsonl", json_lines(tenants))
    answer = provider.run(*WORDS)
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("talktime: book.jsonl")
    for part in parts:
        assert part in answer.err, answer.err


def test_a_folder_of_tenant_files_names_the_wrong_one(provider: Terminal) -> None:
    provider.write("tenants/zzz.toml", toml(country="Atlantis"))
    sentence = provider.run(*WORDS, "--tenant", "tenants").sentence(1)
    assert sentence.startswith("tenants: zzz.toml: ")


def test_a_work_folder_goes_when_the_run_is_done(provider: Terminal) -> None:
    plain = provider.run(*WORDS, "--out", "plain.parquet", "--json").out
    assert provider.run(*WORDS, "--out", "out.parquet", "--work", "deep/work", "--json").out == plain
    assert not (provider.folder / "deep" / "work").exists()
    assert parquet_rows(provider.folder / "out.parquet") == parquet_rows(provider.folder / "plain.parquet")


# --- whose calls a file holds ----------------------------------------------------------------------------


def test_one_tenant_of_a_file_of_many_gets_its_own_calls_only(provider: Terminal) -> None:
    words = ("rate", "usage.csv", "--rates", "deck.csv", "--tenant", "tenants/northwind.toml")
    found = provider.run(*words, "--json").json
    assert (found["calls"], found["rejected_rows"], found["amount"]) == (1, 5, "5.02")
    assert found["warnings"] == ["5 rows are calls of other tenants and were set aside"]


def test_ids_of_tenants_are_the_same_in_any_letter_case(provider: Terminal) -> None:
    provider.write("usage.csv", exported(*({**call, TENANT: call[TENANT].upper()} for call in CALLS)))
    found = provider.run(*WORDS, "--json").json
    assert (found["tenants"], found["calls"], found["rejected_rows"]) == (3, 6, 0)
    twice = json_lines([tenant_json("contoso"), tenant_json("Contoso")])
    provider.write("book.jsonl", twice)
    assert "stands in line 1 already; keep one" in provider.run(*WORDS).sentence(1)


def test_a_deck_of_its_own_in_a_book_is_not_passed_over(provider: Terminal) -> None:
    own = tenant_json("contoso")
    own["tenant"]["deck"] = "own.csv"
    provider.write("book.jsonl", json_lines([own]))
    said = provider.run("rate", "usage.csv", "--tenant", "book.jsonl").sentence(2)
    assert said.startswith("tenant 'contoso' names a deck of its own (own.csv)")


def test_the_tenants_are_not_written_over_what_is_read(provider: Terminal) -> None:
    provider.write("m.tenants.parquet", exported(*CALLS))
    words = ("rate", "m.tenants.parquet", "--tenant", "book.jsonl", "--rates", "deck.csv")
    said = provider.run(*words, "--out", "m.parquet").sentence(2)
    assert "is read by the same command" in said


def test_all_tenants_of_a_book_are_made_in_one_go(provider: Terminal) -> None:
    made = provider.run("tenants", "add", "book.jsonl")
    assert (made.code, made.out) == (0, "4 tenants of book.jsonl: made\n")
    again = provider.run("tenants", "add", "tenants")
    assert (again.code, again.out) == (1, "0 tenants of tenants: made\n")
    assert "4 tenants were not made: tenant contoso: " in again.err
