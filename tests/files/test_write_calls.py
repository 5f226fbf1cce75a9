"""Reports as files: exact to the last digit, safe to open, marked where prices are made up."""

from __future__ import annotations

import csv
import json
import os
import re
import stat
import zipfile
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import fastexcel
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from xlsxwriter.utility import xl_col_to_name

from talktime.files import write_workbook
from talktime.files.call_columns import CALL_COLUMNS, NAMES
from talktime.files.exact_decimals import LARGEST
from talktime.files.report import Report, ReportError
from talktime.files.write_calls import (
    WRITERS,
    write_csv,
    write_parquet,
    write_report,
    write_xlsx,
    writer,
)
from tests.files.reports import MAIN, column, report_of_rows
from tests.insight.made_runs import FREE, PAID

ENDINGS = sorted(WRITERS)

MONEY = st.none() | st.integers(-LARGEST, LARGEST) | st.integers(-(10**9), 10**9)
ROWS = st.lists(
    st.fixed_dictionaries({"amount": MONEY, "balance_after": MONEY, "price_per_minute": MONEY}),
    min_size=1,
    max_size=8,
)
# The two characters that no reader of workbooks gives back have a test of their own.
TEXTS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff"), max_size=12),
    min_size=1,
    max_size=8,
)


def micros(value: int | None, places: int = 6) -> Decimal | None:
    """An integer as the decimal it stands for."""
    return None if value is None else Decimal(value).scaleb(-places)


def rows_of_csv(path: Path) -> list[dict[str, str]]:
    """A CSV report by the standard library."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def written(folder: Path, ending: str, report: Report) -> Path:
    """Writes a report and gives its path."""
    path = folder / f"report{ending}"
    write_report(path, report)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all generated examples."""
    return tmp_path_factory.mktemp("reports")


# --- exact numbers ---------------------------------------------------------------------------------


@given(rows=ROWS)
def test_csv_keeps_every_digit(folder: Path, rows: list[dict[str, int | None]]) -> None:
    read = rows_of_csv(written(folder, ".csv", report_of_rows(rows)))
    for given_row, row in zip(rows, read, strict=True):
        for name, places in (("amount", 6), ("balance_after", 6), ("price_per_minute", 9)):
            exact = micros(given_row[name], places)
            assert (Decimal(row[name]) if row[name] else None) == exact
            assert re.fullmatch(r"|-?\d+(\.\d*[1-9])?", row[name])


@given(rows=ROWS)
def test_parquet_keeps_every_digit(folder: Path, rows: list[dict[str, int | None]]) -> None:
    table = pq.read_table(written(folder, ".parquet", report_of_rows(rows)))
    assert str(table.schema.field("amount").type) == "decimal128(18, 6)"
    assert str(table.schema.field("price_per_minute").type) == "decimal128(18, 9)"
    assert table["amount"].to_pylist() == [micros(row["amount"]) for row in rows]
    assert table["balance_after"].to_pylist() == [micros(row["balance_after"]) for row in rows]
    assert table["price_per_minute"].to_pylist() == [micros(row["price_per_minute"], 9) for row in rows]


@given(rows=ROWS)
def test_a_workbook_keeps_every_digit(folder: Path, rows: list[dict[str, int | None]]) -> None:
    path = written(folder, ".xlsx", report_of_rows(rows))
    for name, places in (("amount", 6), ("price_per_minute", 9)):
        for row, cell in zip(rows, column(path, 2, name), strict=True):
            exact = micros(row[name], places)
            assert (cell is None) == (exact is None)
            if cell is not None and exact is not None:
                kind, text = cell
                # A spreadsheet keeps 15 digits: what has more is text, what has fewer a number.
                digits = len(exact.normalize().as_tuple().digits)
                assert kind == ("n" if digits <= 15 else "inlineStr")
                assert Decimal(text) == exact


def test_a_number_of_more_than_18_digits_is_refused(tmp_path: Path) -> None:
    for ending in ENDINGS:
        with pytest.raises(ReportError, match="'amount' holds a number of more than 18 digits"):
            write_report(tmp_path / f"report{ending}", report_of_rows([{"amount": LARGEST + 1}]))
    assert list(tmp_path.iterdir()) == []


# --- text, instants, columns -----------------------------------------------------------------------


@given(texts=TEXTS)
@example(texts=["_x0041_", "_x005F_x0041_", "a\rb\tc\nd", "\x00\x1b[31m", " edge ", "<&>\"'", "\U0001f4de"])
def test_parquet_and_workbook_keep_every_text(folder: Path, texts: list[str]) -> None:
    report = report_of_rows([PAID | {"user_name": text, "destination": text} for text in texts])
    table = pq.read_table(written(folder, ".parquet", report))
    assert table["user_name"].to_pylist() == texts
    assert [str(value) for value in table["destination"].to_pylist()] == texts
    sheet = fastexcel.read_excel(written(folder, ".xlsx", report)).load_sheet("calls", dtypes="string")
    assert [text or "" for text in sheet.to_polars()["user_name"]] == texts


def test_what_xml_cannot_say_is_written_as_its_number(tmp_path: Path) -> None:
    path = written(tmp_path, ".xlsx", report_of_rows([PAID | {"user_name": "a\uffffb\x07"}]))
    assert column(path, 2, "user_name") == [("inlineStr", "a_xFFFF_b_x0007_")]


@given(texts=TEXTS)
def test_csv_keeps_every_text_that_is_no_formula(folder: Path, texts: list[str]) -> None:
    report = report_of_rows([PAID | {"user_name": text, "destination": text} for text in texts])
    for text, row in zip(texts, rows_of_csv(written(folder, ".csv", report)), strict=True):
        assert row["user_name"] == row["destination"]
        assert row["user_name"] in (text, f"'{text}")


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "@SUM(A1)",
        "+cmd|' /C calc'!A0",
        "-cmd|' /C calc'!A0",
        "+1+cmd|' /C calc'!A0",
        "-2+3+cmd|'/C calc'!A0",
        "+44 call me",
        "\t=1+1",
        "\r=1+1",
        "\n=1+1",
        "\uff1d1+1",
    ],
)
def test_text_that_a_spreadsheet_would_run_is_guarded_in_csv(tmp_path: Path, text: str) -> None:
    report = report_of_rows([PAID | {"user_name": text, "destination": text}])
    (row,) = rows_of_csv(written(tmp_path, ".csv", report))
    assert (row["user_name"], row["destination"]) == (f"'{text}", f"'{text}")


@pytest.mark.parametrize(
    "text",
    ["+442071838750", "+4420718387**", "+44 20 7183-8750", "+1 (425) 555.0100", "-12.5", "+", "a=b", "'=1"],
)
def test_numbers_stay_readable_in_csv(tmp_path: Path, text: str) -> None:
    (row,) = rows_of_csv(written(tmp_path, ".csv", report_of_rows([PAID | {"callee": text}])))
    assert row["callee"] == text


def test_a_workbook_holds_no_formula_and_no_link(tmp_path: Path) -> None:
    texts = ["=1+1", "@SUM(A1)", "https://contoso.example", "mailto:ana@contoso.example", "{=A1}"]
    path = written(tmp_path, ".xlsx", report_of_rows([PAID | {"user_name": text} for text in texts]))
    assert column(path, 2, "user_name") == [("inlineStr", text) for text in texts]


def test_text_longer_than_a_cell_is_cut_in_a_workbook_only(tmp_path: Path) -> None:
    text = "\U0001f4de" * 20_000
    report = report_of_rows([PAID | {"user_name": text}])
    (cell,) = column(written(tmp_path, ".xlsx", report), 2, "user_name")
    assert cell == ("inlineStr", text[:16_383])
    assert rows_of_csv(written(tmp_path, ".csv", report))[0]["user_name"] == text


INSTANTS = {
    "2026-03-01T09:15:00Z": "2026-03-01T09:15:00Z",
    "2026-03-01T09:15:00.5Z": "2026-03-01T09:15:00.500Z",
    "2026-03-01T09:15:00.123456Z": "2026-03-01T09:15:00.123456Z",
    "0001-01-01T00:00:00Z": "0001-01-01T00:00:00Z",
}


@pytest.mark.parametrize(("start", "shown"), INSTANTS.items())
def test_instants_in_csv_are_iso_with_z(tmp_path: Path, start: str, shown: str) -> None:
    (row,) = rows_of_csv(written(tmp_path, ".csv", report_of_rows([PAID | {"start": start}])))
    assert row["start"] == shown


def test_instants_in_a_workbook_are_dates(tmp_path: Path) -> None:
    report = report_of_rows([PAID | {"start": start} for start in INSTANTS])
    path = written(tmp_path, ".xlsx", report)
    assert [cell and cell[0] for cell in column(path, 2, "start")] == ["n", "n", "n", "inlineStr"]
    starts = fastexcel.read_excel(path).load_sheet("calls", n_rows=3).to_polars()["start"]
    assert [str(start) for start in starts] == [
        "2026-03-01 09:15:00",
        "2026-03-01 09:15:00.500000",
        "2026-03-01 09:15:00.123000",
    ]


def test_parquet_is_typed(tmp_path: Path) -> None:
    schema = pq.read_schema(written(tmp_path, ".parquet", report_of_rows([PAID])))
    assert schema.names == list(NAMES)
    assert str(schema.field("start").type) == "timestamp[us, tz=UTC]"
    assert str(schema.field("billed_seconds").type) == "int64"


def test_the_columns_of_the_interface_come_first(tmp_path: Path) -> None:
    first = (
        "id start end user category caller callee country duration_seconds billed_seconds pool_seconds "
        "paid_seconds prefix price_per_minute connection_fee amount currency funding state reason deck "
        "balance_after"
    ).split()
    report = report_of_rows([PAID])
    assert list(rows_of_csv(written(tmp_path, ".csv", report))[0])[: len(first)] == first
    assert pq.read_schema(written(tmp_path, ".parquet", report)).names[: len(first)] == first
    sheet = fastexcel.read_excel(written(tmp_path, ".xlsx", report)).load_sheet("calls")
    assert sheet.to_polars().columns[: len(first)] == first


def test_absent_values_are_empty_in_csv(tmp_path: Path) -> None:
    path = written(tmp_path, ".csv", report_of_rows([FREE]))
    (row,) = rows_of_csv(path)
    assert (row["prefix"], row["price_per_minute"], row["conference_id"]) == ("", "", "")
    assert '""' not in path.read_text("utf-8")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_report_without_calls_has_its_columns(tmp_path: Path, ending: str) -> None:
    path = written(tmp_path, ending, report_of_rows([]))
    if ending == ".csv":
        assert path.read_text("utf-8").strip().split(",") == list(NAMES)
    elif ending == ".parquet":
        assert pq.read_table(path).num_rows == 0
    else:
        assert fastexcel.read_excel(path).load_sheet("calls").to_polars().shape == (0, len(NAMES))


@pytest.mark.parametrize("ending", ENDINGS)
def test_sample_prices_are_marked_with_the_deck(tmp_path: Path, ending: str) -> None:
    def decks(report: Report) -> list[Any]:
        path = written(tmp_path, ending, report)
        if ending == ".csv":
            return [row["deck"] for row in rows_of_csv(path)]
        if ending == ".parquet":
            return [str(deck) for deck in pq.read_table(path)["deck"].to_pylist()]
        return [cell and cell[1] for cell in column(path, 2, "deck")]

    rows: list[Mapping[str, Any]] = [PAID, PAID | {"deck": ""}]
    unmarked = {".xlsx": None}.get(ending, "")
    assert decks(report_of_rows(rows, sample=True)) == ["ours 0123456789ab (sample prices)", unmarked]
    assert decks(report_of_rows(rows)) == ["ours 0123456789ab", unmarked]


def test_parquet_carries_the_document(tmp_path: Path) -> None:
    document: dict[str, Any] = {"layout": 1, "lots": [{"id": "opening", "amount": 2**62}], "name": "Zoë"}
    path = written(tmp_path, ".parquet", report_of_rows([PAID], **document))
    assert json.loads(pq.read_metadata(path).metadata[b"talktime"]) == document


def test_calls_beyond_a_sheet_go_to_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_workbook, "ROWS_A_SHEET", 3)
    monkeypatch.setattr(write_workbook, "_ROWS_A_SLICE", 2)
    path = written(tmp_path, ".xlsx", report_of_rows([PAID] * 7))
    book = fastexcel.read_excel(path)
    assert book.sheet_names == ["summary", "calls", "calls 2", "calls 3"]
    ids = [book.load_sheet(name).to_polars()["id"].to_list() for name in book.sheet_names[1:]]
    assert ids == [["call-1", "call-2", "call-3"], ["call-4", "call-5", "call-6"], ["call-7"]]


def test_a_large_frame_keeps_order_and_values(tmp_path: Path) -> None:
    one = report_of_rows([PAID])
    rows = 9_000
    calls = pl.concat([one.calls] * rows).with_columns(
        pl.Series("amount", range(rows), pl.Int64), pl.Series("id", [f"c{n}" for n in range(rows)])
    )
    report = Report(calls, one.currency, sample=False, document={}, sheets=one.sheets)
    table = pq.read_table(written(tmp_path, ".parquet", report), columns=["id", "amount"])
    assert table["amount"].to_pylist() == [micros(n) for n in range(rows)]
    read = rows_of_csv(written(tmp_path, ".csv", report))
    assert [(row["id"], Decimal(row["amount"])) for row in read] == [
        (f"c{n}", micros(n)) for n in range(rows)
    ]
    sheet = fastexcel.read_excel(written(tmp_path, ".xlsx", report)).load_sheet(
        "calls", use_columns=["id", "amount"]
    )
    assert sheet.to_polars().rows() == [(f"c{n}", n / 1e6) for n in range(rows)]


def test_every_column_has_a_tip_on_its_header(tmp_path: Path) -> None:
    path = written(tmp_path, ".xlsx", report_of_rows([PAID]))
    with zipfile.ZipFile(path) as book:
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet2.xml"))
    tips = [(tip.get("promptTitle"), tip.get("prompt")) for tip in sheet.iter(f"{MAIN}dataValidation")]
    assert tips == [(column.name, column.what) for column in CALL_COLUMNS]


def test_the_header_of_the_calls_is_frozen_and_filters_all_rows(tmp_path: Path) -> None:
    path = written(tmp_path, ".xlsx", report_of_rows([PAID] * 3))
    with zipfile.ZipFile(path) as book:
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet2.xml"))
    (pane,) = sheet.iter(f"{MAIN}pane")
    (shown,) = sheet.iter(f"{MAIN}autoFilter")
    (dimension,) = sheet.iter(f"{MAIN}dimension")
    assert (pane.get("topLeftCell"), pane.get("state")) == ("A2", "frozen")
    assert shown.get("ref") == dimension.get("ref") == f"A1:{xl_col_to_name(len(NAMES) - 1)}4"


def test_amounts_in_a_workbook_show_the_currency(tmp_path: Path) -> None:
    path = written(tmp_path, ".xlsx", report_of_rows([PAID]))
    with zipfile.ZipFile(path) as book:
        styles = ElementTree.fromstring(book.read("xl/styles.xml"))
    formats = {form.get("formatCode") for form in styles.iter(f"{MAIN}numFmt")}
    assert {'#,##0.00####" USD"', '#,##0.00#######" USD"', 'yyyy-mm-dd hh:mm:ss "UTC"'} <= formats


# --- files that cannot be written ------------------------------------------------------------------


def test_an_unknown_ending_is_refused() -> None:
    with pytest.raises(
        ReportError, match=r"report\.pdf: the name of a report ends with one of \.xlsx, \.csv, \.parquet"
    ):
        writer(Path("report.pdf"))
    assert [writer(Path(f"a{e.upper()}")) for e in (".csv", ".parquet", ".xlsx")] == [
        write_csv,
        write_parquet,
        write_xlsx,
    ]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_missing_folder_is_told(tmp_path: Path, ending: str) -> None:
    with pytest.raises(
        ReportError, match="could not be written: No such file or directory; no report was left"
    ):
        write_report(tmp_path / "missing" / f"report{ending}", report_of_rows([PAID]))


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_folder_in_the_place_of_the_report_is_told(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"report{ending}").mkdir()
    with pytest.raises(ReportError, match="is a folder; name a file such as"):
        write_report(tmp_path / f"report{ending}", report_of_rows([PAID]))


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_report_replaces_the_old_one_and_keeps_its_rights(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"report{ending}"
    path.write_text("old")
    path.chmod(0o640)
    (tmp_path / f"link{ending}").symlink_to(path)
    write_report(tmp_path / f"link{ending}", report_of_rows([PAID]))
    assert path.stat().st_size > 3
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([f"link{ending}", f"report{ending}"])
    assert (tmp_path / f"link{ending}").is_symlink()


def test_a_new_report_has_the_rights_of_any_new_file(tmp_path: Path) -> None:
    path = written(tmp_path, ".csv", report_of_rows([PAID]))
    plain = tmp_path / "plain"
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_interrupt_leaves_nothing_behind(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"report{ending}"
    path.write_text("old")

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_report(path, report_of_rows([PAID]))
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "old"
