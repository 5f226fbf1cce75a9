"""`talktime rate` over every format of formats.md: the same month gives the same amounts."""

import csv
import gzip
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter

from talktime.demo.exports import DIRECT_ROUTING_25, MINIMAL, Export
from talktime.demo.row import UsageRow
from talktime.demo.tenant import demo_tenant_text
from talktime.demo.write import (
    write_calling_plans_20_csv,
    write_calling_plans_csv,
    write_calling_plans_zip,
    write_graph_json,
    write_graph_lines,
    write_legacy_csv,
    write_table,
)
from tests.demo.month import month_of_calls
from tests.doors.made_files import PRICES, deck, leg, usage
from tests.doors.reports import excel_table, parquet_rows
from tests.doors.terminal import Terminal
from tests.files.usage_samples import GRAPH_ROUTED

CHARGED = (
    "id start category duration_seconds billed_seconds pool_seconds paid_seconds prefix amount credits "
    "funding state reason balance_after"
).split()

Rows = list[UsageRow]
Writer = Callable[[Rows, Path], Any]


def month() -> Rows:
    """The demo month of 600 calls; one stands twice."""
    return list(month_of_calls(calls=600))


def carried_by_microsoft() -> Rows:
    """The calls whose operator need not be told, each once."""
    return [row for row in dict.fromkeys(month()) if row.operator == "Microsoft"]


# --- the same information in other files -----------------------------------------------------------------


def cells(rows: Rows, folder: Path) -> pl.DataFrame:
    """The export with 25 columns as a table of texts."""
    write_calling_plans_csv(rows, folder / "cells.csv")
    return pl.read_csv(folder / "cells.csv", infer_schema=False).fill_null("")


def tabs(rows: Rows, path: Path) -> None:
    cells(rows, path.parent).write_csv(path, separator="\t")


def semicolons(rows: Rows, path: Path) -> None:
    cells(rows, path.parent).write_csv(path, separator=";", include_bom=True)


def packed(rows: Rows, path: Path) -> None:
    write_calling_plans_csv(rows, path)
    path.write_bytes(gzip.compress(path.read_bytes()))


def packed_graph(rows: Rows, path: Path) -> None:
    write_graph_json(rows, path, rows_a_page=100)
    path.write_bytes(gzip.compress(path.read_bytes()))


def one_page(rows: Rows, path: Path) -> None:
    write_graph_json(rows, path, pages=False)


def archive(rows: Rows, path: Path) -> None:
    write_calling_plans_zip(rows, path.parent).rename(path)


def texts_in_parquet(rows: Rows, path: Path) -> None:
    cells(rows, path.parent).write_parquet(path)


def types_in_parquet(rows: Rows, path: Path) -> None:
    instants = pl.col("Start Time", "End Time").str.to_datetime(time_zone="UTC")
    cells(rows, path.parent).with_columns(instants, pl.col("Duration Seconds").cast(pl.Int32)).write_parquet(
        path
    )


def graph_in_parquet(rows: Rows, path: Path) -> None:
    write_graph_lines(rows, path)
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    pl.DataFrame(lines).write_parquet(path)


def workbook(rows: Rows, path: Path) -> None:
    table = cells(rows, path.parent)
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("export")
        for line, row in enumerate([table.columns, *table.rows()]):
            for column, text in enumerate(row):
                sheet.write_string(line, column, text)


SAME: dict[str, tuple[Writer, str]] = {
    "25 columns": (write_calling_plans_csv, "calling_plans_25"),
    "25 columns, tabs": (tabs, "calling_plans_25"),
    "25 columns, semicolons": (semicolons, "calling_plans_25"),
    "25 columns, gzip": (packed, "calling_plans_25"),
    "25 columns, zip": (archive, "calling_plans_25"),
    "Graph pages": (write_graph_json, "graph_pstn"),
    "Graph, one page": (one_page, "graph_pstn"),
    "Graph pages, gzip": (packed_graph, "graph_pstn"),
    "Graph lines": (write_graph_lines, "graph_pstn"),
    "Parquet of texts": (texts_in_parquet, "calling_plans_25"),
    "Parquet with types": (types_in_parquet, "calling_plans_25"),
    "Parquet of Graph rows": (graph_in_parquet, "graph_pstn"),
    "Excel": (workbook, "calling_plans_25"),
}


def charged(terminal: Terminal, name: str, *options: str) -> tuple[dict[str, Any], list[tuple[Any, ...]]]:
    """The answer for a file, and what each call cost."""
    answer = terminal.run("rate", name, *options, "--json", "--out", "report.parquet")
    assert (answer.code, answer.err) == (0, "")
    rows = parquet_rows(terminal.folder / "report.parquet")
    return answer.json, [tuple(row[column] for column in CHARGED) for row in rows]


def without_origin(told: dict[str, Any]) -> dict[str, Any]:
    """An answer without what names its files."""
    return {name: value for name, value in told.items() if name not in ("format", "warnings")}


Cost = tuple[dict[str, Any], list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Cost:
    """What the month costs, by the export with 25 columns; with plans, pools, lots and caps."""
    terminal = Terminal(tmp_path_factory.mktemp("expected"))
    terminal.write("tenant.toml", demo_tenant_text())
    write_calling_plans_csv(month(), terminal.folder / "export.csv")
    return charged(terminal, "export.csv", "--tenant", "tenant.toml")


@pytest.mark.parametrize("name", SAME)
def test_the_same_month_costs_the_same(terminal: Terminal, expected: Cost, name: str) -> None:
    write, recognised = SAME[name]
    terminal.write("tenant.toml", demo_tenant_text())
    write(month(), terminal.folder / "usage")  # by content, not by file name
    told, calls = charged(terminal, "usage", "--tenant", "tenant.toml")
    assert calls == expected[1]
    assert without_origin(told) == without_origin(expected[0])
    assert (told["format"], told["duplicate_rows"], told["rejected_rows"]) == (recognised, 1, 0)
    assert Decimal(told["amount"]) > 0


def test_the_same_calls_in_several_files_are_charged_once(terminal: Terminal, expected: Cost) -> None:
    terminal.write("tenant.toml", demo_tenant_text())
    write_calling_plans_csv(month(), terminal.folder / "export.csv")
    write_graph_json(month(), terminal.folder / "pages.json")
    answer = terminal.run("rate", "export.csv", "pages.json", "--tenant", "tenant.toml", "--json")
    assert answer.json["format"] == "calling_plans_25, graph_pstn"
    assert answer.json["duplicate_rows"] == 602
    assert answer.json["amount"] == expected[0]["amount"]


def test_a_folder_stands_for_its_files(terminal: Terminal) -> None:
    rows = month()
    for number, part in enumerate((rows[:200], rows[200:400], rows[400:])):
        write_calling_plans_csv(part, terminal.folder / f"part-{number}.csv")
    write_calling_plans_csv(rows, terminal.write("whole/all.csv", ""))
    whole, by_pattern = terminal.run("rate", "whole", "--json"), terminal.run("rate", "part-*", "--json")
    assert without_origin(by_pattern.json) == without_origin(whole.json)


# --- files that say less ---------------------------------------------------------------------------------


def test_the_20_columns_cost_the_same_where_the_operator_is_microsoft(terminal: Terminal) -> None:
    terminal.write("tenant.toml", demo_tenant_text())
    write_calling_plans_csv(carried_by_microsoft(), terminal.folder / "new.csv")
    write_calling_plans_20_csv(carried_by_microsoft(), terminal.folder / "old.csv")
    new, old = (charged(terminal, name, "--tenant", "tenant.toml") for name in ("new.csv", "old.csv"))
    assert old[1] == new[1]
    assert without_origin(old[0]) == without_origin(new[0])
    assert old[0]["format"] == "calling_plans_20"


def test_the_legacy_export_costs_the_same(terminal: Terminal) -> None:
    """It has neither identities nor fractions of a second, so calls may change places."""
    columns = ("category", "callee", "duration_seconds", "paid_seconds", "amount")
    costs = []
    write_calling_plans_csv(carried_by_microsoft(), terminal.folder / "new.csv")
    write_legacy_csv(carried_by_microsoft(), terminal.folder / "legacy.csv")
    for name, form in (("new.csv", "calling_plans_25"), ("legacy.csv", "legacy")):
        told, _ = charged(terminal, name)
        rows = parquet_rows(terminal.folder / "report.parquet")
        costs.append(Counter(tuple(row[column] for column in columns) for row in rows))
        assert told["format"] == form
    assert costs[0] == costs[1]


# --- Direct Routing --------------------------------------------------------------------------------------

DIRECT_ROUTING_22 = replace(
    DIRECT_ROUTING_25,
    header=DIRECT_ROUTING_25.header[:22],
    cells=lambda row: DIRECT_ROUTING_25.cells(row)[:22],
)
DIRECT_ROUTING: dict[str, Export] = {
    "25 columns": DIRECT_ROUTING_25,
    "22 columns": DIRECT_ROUTING_22,
    "minimal": MINIMAL,
}


def outgoing() -> Rows:
    """Calls that users made."""
    return [row for row in carried_by_microsoft() if row.call_type == "user_out" and row.upn]


@pytest.mark.parametrize("name", DIRECT_ROUTING)
def test_direct_routing_is_carried_by_the_operator(terminal: Terminal, name: str) -> None:
    write_table(outgoing(), terminal.folder / "usage.csv", DIRECT_ROUTING[name])
    told = terminal.run("rate", "usage.csv", "--balance", "1", "--json").json
    assert (told["format"], told["amount"], told["blocked_calls"]) == ("direct_routing", "0", 0)
    assert list(told["by_category"]) == ["carried_by_operator"]
    assert told["free_calls"] == told["answered"] > 100
    assert told["closing_balance"] == "1"


@pytest.mark.parametrize("name", DIRECT_ROUTING)
def test_treated_as_calling_plan_they_cost_what_a_calling_plan_costs(terminal: Terminal, name: str) -> None:
    write_calling_plans_csv(outgoing(), terminal.folder / "plan.csv")
    write_table(outgoing(), terminal.folder / "routed.csv", DIRECT_ROUTING[name])
    terminal.write("deck.csv", deck(PRICES | {"49": "0.03", "31": "0.04"}))
    costs = []
    for words in (("plan.csv",), ("routed.csv", "--treat-as", "calling_plan")):
        answer = terminal.run("rate", *words, "--rates", "deck.csv", "--json", "--out", "report.parquet")
        rows = parquet_rows(terminal.folder / "report.parquet")
        costs.append(
            Counter((r["callee"], r["duration_seconds"], r["paid_seconds"], r["amount"]) for r in rows)
        )
        assert Decimal(answer.json["amount"]) > 0
        assert "carried_by_operator" not in answer.json["by_category"]
    assert costs[0] == costs[1]


def test_direct_routing_by_graph(terminal: Terminal) -> None:
    """`0001-01-01` is no time; numbers may be masked."""
    talked = GRAPH_ROUTED | {
        "id": "d2",
        "correlationId": "r2",
        "startDateTime": "2026-03-02T12:00:00Z",
        "endDateTime": "2026-03-02T12:03:39Z",
        "duration": 219,
        "successfulCall": True,
        "calleeNumber": "+4420718387**",
    }
    terminal.write("routed.json", json.dumps({"value": [GRAPH_ROUTED, talked]}))
    terminal.write("deck.csv", deck())
    words = ("rate", "routed.json", "--rates", "deck.csv", "--json")
    told = terminal.run(*words).json
    assert (told["format"], told["calls"], told["not_answered"]) == ("graph_direct_routing", 2, 1)
    assert (told["amount"], told["free_calls"]) == ("0", 1)
    told = terminal.run(*words, "--treat-as", "calling_plan").json
    assert (told["amount"], told["paid_calls"], told["not_answered"]) == ("0.08", 1, 1)


# --- data from outside -----------------------------------------------------------------------------------


def test_the_sample_of_the_graph_reference(terminal: Terminal, shared_data: Path) -> None:
    told = terminal.run("rate", shared_data / "usage/graph-pstn-sample.json", "--json").json
    assert (told["calls"], told["answered"], told["free_calls"]) == (1, 1, 1)
    assert (told["billed_minutes"], told["amount"], told["format"]) == ("4", "0", "graph_pstn")  # 219 s
    assert list(told["by_category"]) == ["included_inbound"]


def test_a_month_at_the_prices_of_microsofts_file(terminal: Terminal, shared_data: Path) -> None:
    """Each price by the longest prefix of the file, found here without our modules."""
    source = shared_data / "rates/communication-services-pstn-rates.csv"
    with source.open(encoding="utf-8", newline="") as file:
        prices = {row["Prefix"]: Decimal(row["Price / min"]) for row in csv.DictReader(file)}
    write_calling_plans_csv(outgoing(), terminal.folder / "usage.csv")
    answer = terminal.run("rate", "usage.csv", "--rates", source, "--json", "--out", "report.parquet")
    assert (answer.json["deck"]["rates"], answer.json["deck"]["sample"]) == (len(prices), False)
    rated = 0
    for row in parquet_rows(terminal.folder / "report.parquet"):
        digits = row["callee"].removeprefix("+").rstrip("*")
        prefix = next((digits[:end] for end in range(len(digits), 0, -1) if digits[:end] in prices), None)
        if row["duration_seconds"] and row["callee"].startswith("+"):
            minutes = -(-row["duration_seconds"] // 60)
            expected = (None, 0) if prefix is None else (prefix, minutes * prices[prefix])
            assert (row["prefix"], row["amount"]) == expected
            rated += prefix is not None
    assert rated > 200


# --- reports, column maps --------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_report_is_no_usage(terminal: Terminal, ending: str) -> None:
    terminal.write("usage.csv", usage(leg("a")))
    assert terminal.run("rate", "usage.csv", "--json", "--out", f"report.{ending}").code == 0
    said = terminal.run("rate", f"report.{ending}").sentence(1)
    assert said == (
        f"report.{ending}: the file is a report of Talktime, not usage: "
        "give the usage files that it was made from"
    )


def test_a_table_of_any_switch_with_its_columns_named(terminal: Terminal) -> None:
    terminal.write(
        "cdr.csv", "who;when;secs;from;to\nana;2026-03-02 12:00:00;219;+14255550100;+442071838750\n"
    )
    columns = ("start=when", "duration=secs", "caller=from", "callee=to", "upn=who")
    options = [word for column in columns for word in ("--column", column)]
    terminal.write("deck.csv", deck())
    told = terminal.run("rate", "cdr.csv", *options, "--rates", "deck.csv", "--json").json
    assert (told["billed_minutes"], told["amount"]) == ("4", "0.08")
    named = (column.split("=") for column in columns)
    terminal.write("map.toml", "\n".join(["[columns]", *(f'{ours} = "{theirs}"' for ours, theirs in named)]))
    told = terminal.run("rate", "cdr.csv", "--map", "map.toml", "--rates", "deck.csv", "--json").json
    assert (told["billed_minutes"], told["amount"]) == ("4", "0.08")


def test_rows_that_cannot_be_used_are_counted_and_told(terminal: Terminal) -> None:
    bad = leg("b", Start_Time="2026-02-30T25:61:00Z")
    terminal.write("usage.csv", usage(leg("a"), bad, leg("c", Duration_Seconds="-12"), leg("d")))
    told = terminal.run("rate", "usage.csv", "--json", "--out", "report.xlsx").json
    assert (told["calls"], told["rejected_rows"]) == (2, 2)
    screen = terminal.run("rate", "usage.csv").out
    assert "2 rows of the files could not be used" in screen
    assert "'2026-02-30T25:61:00Z' is no day or time that" in screen
    assert "(first: usage.csv, line 3)" in screen
    listed = excel_table(terminal.folder / "report.xlsx", "rejected rows", "file")
    assert [line[1] for line in listed] == ["3", "4"]
