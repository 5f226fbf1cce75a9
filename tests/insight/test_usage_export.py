"""Exports as files: what they hold, what no spreadsheet runs, and what a reader of usage makes of them."""

from __future__ import annotations

import asyncio
import csv
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastexcel
import polars as pl
import pytest

from talktime.files.call_columns import Column, Kind
from talktime.files.read_usage import read_usage
from talktime.files.report import ReportError
from talktime.insight import export_file
from talktime.insight.export_file import write_table
from talktime.insight.export_table import Table
from talktime.insight.exports import DONE, FAILED, Exports, ExportSettings, new_export
from talktime.insight.usage_export import COLUMNS, Made, Task, UnknownTenantError, table_of
from talktime.ledger.commands import Refused
from talktime.ledger.database import open_url
from talktime.ledger.reading import Reader
from tests.databases import database, sqlite_database
from tests.ledger.filled import Clock, desk_on, fill

__all__ = ["database", "sqlite_database"]  # fixtures

COLUMNS_OF_ALL = tuple(Column(kind.value, kind, "") for kind in Kind if kind is not Kind.WORD)
NOON_US = 1_772_366_400_000_000
FORMATS = ("csv", "parquet", "xlsx")


def row(text: str = "", instant: int = NOON_US, money: int | None = 74_354_600) -> tuple[Any, ...]:
    """A row of every kind of column, in their order."""
    return (text, instant, 61, 2, money, 12_000_000, True)


def table(*rows: tuple[Any, ...]) -> Table:
    return Table(COLUMNS_OF_ALL, iter(rows))


def task_of(
    database: str, path: Path, kind: str = "usage", form: str = "csv", secret: bytes | None = None
) -> Task:
    return Task(open_url(database), None, "acme", kind, form, 0, 2**52, 2**52, secret, path)


# --- files --------------------------------------------------------------------------------------------------


def test_csv_is_plain_and_exact(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    assert write_table(path, "csv", table(row("a, b"), row(money=None))) == 2
    lines = path.read_bytes().decode().split("\r\n")
    assert lines[0] == "text,instant,seconds,count,money,price,flag"
    assert lines[1] == '"a, b",2026-03-01T12:00:00Z,61,2,74.3546,0.012,true'
    assert lines[2] == ",2026-03-01T12:00:00Z,61,2,,0.012,true"


@pytest.mark.parametrize(
    "text", ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3+cmd", "\t=1", "\r=1", "\uff1d1", "=HYPERLINK(1)"]
)
def test_no_spreadsheet_runs_a_cell(tmp_path: Path, text: str) -> None:
    write_table(tmp_path / "x.csv", "csv", table(row(text)))
    with (tmp_path / "x.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file))[1][0] == f"'{text}"
    write_table(tmp_path / "x.xlsx", "xlsx", table(row(text)))
    sheet = fastexcel.read_excel(tmp_path / "x.xlsx").load_sheet(0).to_polars()
    assert sheet["text"][0].strip() == text.strip() or "_x" in sheet["text"][0]


@pytest.mark.parametrize("text", ["+44 20 7946 0000", "+4420794600**", "ana@acme.example", "-"])
def test_numbers_stay_readable(tmp_path: Path, text: str) -> None:
    write_table(tmp_path / "x.csv", "csv", table(row(text)))
    with (tmp_path / "x.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file))[1][0] == text


def test_parquet_has_types(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    assert write_table(path, "parquet", table(row("a"), row("b", money=None))) == 2
    frame = pl.read_parquet(path)
    assert frame["money"].to_list() == [Decimal("74.354600"), None]
    assert frame["price"].to_list() == [Decimal("0.012000000")] * 2
    assert frame["seconds"].dtype == pl.Int64
    assert frame["instant"][0].isoformat() == "2026-03-01T12:00:00+00:00"


def test_excel_has_dates_numbers_and_more_than_one_sheet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_file, "ROWS_A_SHEET", 3)
    path = tmp_path / "x.xlsx"
    assert write_table(path, "xlsx", table(*(row(f"r{number}") for number in range(7)))) == 7
    book = fastexcel.read_excel(path)
    assert book.sheet_names == ["export", "export 2", "export 3"]
    sheets = [book.load_sheet(name).to_polars() for name in book.sheet_names]
    assert [text for sheet in sheets for text in sheet["text"]] == [f"r{number}" for number in range(7)]
    assert sheets[0]["money"][0] == 74.3546
    assert sheets[0]["instant"][0] == datetime(2026, 3, 1, 12)  # noqa: DTZ001 - a sheet has no zones


def test_money_beyond_a_spreadsheets_digits_is_text(tmp_path: Path) -> None:
    write_table(tmp_path / "x.xlsx", "xlsx", table(row(money=123_456_789_012_345_678)))
    sheet = fastexcel.read_excel(tmp_path / "x.xlsx").load_sheet(0).to_polars()
    assert sheet["money"].to_list() == ["123456789012.345678"]


@pytest.mark.parametrize("form", FORMATS)
def test_empty_export_has_its_columns(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"x.{form}"
    assert write_table(path, form, table()) == 0
    assert path.stat().st_size > 0


@pytest.mark.parametrize("form", FORMATS)
def test_half_a_file_is_none(tmp_path: Path, form: str) -> None:
    def broken() -> Iterator[tuple[Any, ...]]:
        yield row("a")
        raise RuntimeError("the ledger went away")

    with pytest.raises(RuntimeError):
        write_table(tmp_path / f"x.{form}", form, Table(COLUMNS_OF_ALL, broken()))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ReportError):
        write_table(tmp_path / "none" / f"x.{form}", form, table())


# --- what they hold -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMATS)
def test_export_of_usage_is_read_back_as_the_vendors(sqlite_database: str, tmp_path: Path, form: str) -> None:
    fill(sqlite_database)
    path = tmp_path / f"usage.{form}"
    written = write_table(path, form, table_of(task_of(sqlite_database, path)))
    back = read_usage([path])
    assert back.formats == ("calling_plans_25",)
    assert (back.calls.height, back.rejected_rows) == (written, 0)
    assert written == 8
    assert set(back.calls["upn"]) == {"ana@acme"}
    assert sorted(back.calls["callee"].unique()) == ["+12125550123", "+442079460000"]
    assert back.calls["duration_s"].sort().to_list() == [61, 61, 61, 61, 100, 200, 500, 80_000]


def test_every_kind_holds_what_it_says(database: str, tmp_path: Path) -> None:
    fill(database)
    rows: dict[str, list[Any]] = {
        kind: list(table_of(task_of(database, tmp_path, kind)).rows) for kind in COLUMNS
    }
    for kind, columns in COLUMNS.items():
        assert rows[kind], kind
        assert {len(each) for each in rows[kind]} == {len(columns)}
    assert [each[0] for each in rows["entries"]] == list(range(len(rows["entries"]), 0, -1))
    amounts = {by: sum(each[6] for each in rows["spend"] if each[0] == by) for by in ("category", "user")}
    assert amounts["category"] == amounts["user"] == sum(each[19] for each in rows["usage"])
    without = repr(list(table_of(task_of(database, tmp_path, "usage", secret=b"s")).rows))
    assert "ana@acme" in repr(rows["usage"])
    assert "ana@acme" not in without
    with pytest.raises(UnknownTenantError):
        table_of(replace(task_of(database, tmp_path), tenant="nobody"))


# --- the desk of exports ------------------------------------------------------------------------------------


def dies(task: Task) -> Made:
    """A worker that the system ends."""
    del task
    os._exit(9)


def fails(task: Task) -> Made:
    """A worker with a defect."""
    raise ValueError(task.kind)


def instant(task: Task) -> Made:
    """A worker that has nothing to do."""
    task.path.write_text("x")
    return Made(1, 1)


def asked(database: str, folder: Path, run: Any, count: int = 1) -> list[Any]:
    """What became of exports that were asked for together."""

    async def story() -> list[Any]:
        clock = Clock()
        desk = desk_on(database, clock)
        await desk.start(rounds=False)
        settings = ExportSettings(open_url(database), None, folder, b"s")
        exports = Exports(desk.engine, Reader(open_url(database)), settings, run)
        wanted = []
        for _ in range(count):
            clock.go_on(1)
            wanted.append(new_export("usage", "csv", 0, 1, with_names=False, who="key 1", now_us=clock()))
        answers: list[Any] = [await exports.ask("acme", each) for each in wanted]
        await exports.wait()
        became = exports.listed("acme")
        await exports.close()
        await desk.stop()
        return [*became, *(answer for answer in answers if isinstance(answer, Refused))]

    return asyncio.run(story())


@pytest.mark.parametrize(
    ("run", "error"), [(dies, "the process that made it ended"), (fails, "the log of the service says why")]
)
def test_worker_that_fails_leaves_a_sentence(
    sqlite_database: str, tmp_path: Path, run: Any, error: str
) -> None:
    fill(sqlite_database)
    (export,) = asked(sqlite_database, tmp_path / "exports", run)
    assert export.state == FAILED
    assert error in export.error


def test_only_so_many_wait_at_once(
    sqlite_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("talktime.insight.exports.MOST_WAITING", 2)
    fill(sqlite_database)
    *became, refused = asked(sqlite_database, tmp_path / "exports", instant, 3)
    assert [export.state for export in became] == [DONE, DONE]
    assert refused.code == "conflict"
