"""Rated files read back: Parquet and CSV give the same rows, to the last micro, in parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from talktime.files import read_rated
from talktime.files.instants import format_instant
from talktime.files.read_rated import NEEDED, open_rated
from talktime.files.usage import UnusableFile
from talktime.files.write_calls import write_report
from tests.files.reports import report_of_rows
from tests.insight.made_runs import PAID

RUN: dict[str, Any] = {"layout": 1, "tenant": {"id": "contoso", "stated": True}}
TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\0\r'"), max_size=8
)
MICROS = st.integers(0, 10**15)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": TEXT,
            "user": TEXT,
            "flags": st.sampled_from(["", "masked_price", "=a;b"]),
            "caller": st.sampled_from(["", "+44****", "-1", "'+1x", "=1+1"]),
            "amount": MICROS,
            "price_per_minute": st.none() | MICROS,
            "billed_seconds": st.integers(0, 10**6),
            "start": st.integers(0, 4 * 10**15),
        }
    ),
    max_size=5,
)


def written(
    path: Path, rows: list[dict[str, Any]], *, sample: bool = False, run: dict[str, Any] = RUN
) -> Path:
    told = [row | ({"start": format_instant(row["start"])} if "start" in row else {}) for row in rows]
    write_report(path, report_of_rows([PAID | row for row in told], sample=sample, **run))
    return path


def rows_of(path: Path) -> pl.DataFrame:
    found = [part.calls for part in open_rated(path).parts()]
    return pl.concat(found) if found else pl.DataFrame()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_csv_is_what_parquet_is(rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("both")
    parquet = rows_of(written(folder / "r.parquet", rows))
    csv = rows_of(written(folder / "r.csv", rows))
    assert parquet.height == csv.height == len(rows)
    if rows:
        assert_frame_equal(parquet.drop("caller"), csv.drop("caller"))
        for name in ("id", "user", "amount", "price_per_minute", "billed_seconds", "start"):
            assert parquet[name].to_list() == [row[name] for row in rows], name


def test_a_guard_against_spreadsheets_is_taken_off(tmp_path: Path) -> None:
    callers = ["=1+1", "+44****", "+442071838750", "'plain", "@a", "-x"]
    path = written(tmp_path / "r.csv", [{"caller": caller} for caller in callers])
    assert "'=1+1" in path.read_text("utf-8")
    assert rows_of(path)["caller"].to_list() == callers


def test_the_parts_are_bounded_and_tell_how_far_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_rated, "ROWS_A_PART", 3)
    rows = [{"id": str(number)} for number in range(8)]
    for name in ("r.parquet", "r.csv"):
        parts = list(open_rated(written(tmp_path / name, rows)).parts())
        assert [part.calls.height for part in parts] == [3, 3, 2]
        assert parts[-1].done == parts[-1].total
        assert [row for part in parts for row in part.calls["id"]] == [row["id"] for row in rows]


def test_made_up_prices_leave_the_name_of_the_deck(tmp_path: Path) -> None:
    for name in ("r.parquet", "r.csv"):
        found = rows_of(written(tmp_path / name, [{}], sample=True))
        assert found["deck"].to_list() == ["ours 0123456789ab"]


@pytest.mark.parametrize(
    ("run", "tenants", "found"),
    [
        pytest.param(RUN, ["", "contoso"], ("contoso", ["", "contoso"]), id="of one tenant"),
        pytest.param(
            {"layout": 1, "tenant": {"id": "default", "stated": False}},
            ["default", "default"],
            ("", ["", ""]),
            id="of nobody",
        ),
        pytest.param({"layout": 1, "tenants": "x"}, ["a", "default"], ("", ["a", "default"]), id="of many"),
    ],
)
def test_whose_calls_they_are(
    tmp_path: Path, run: dict[str, Any], tenants: list[str], found: tuple[str, list[str]]
) -> None:
    path = written(tmp_path / "r.parquet", [{"tenant": tenant} for tenant in tenants], run=run)
    assert (open_rated(path).tenant, rows_of(path)["tenant"].to_list()) == found


def test_a_report_of_an_older_program_has_no_tenants(tmp_path: Path) -> None:
    path = written(tmp_path / "r.csv", [{}])
    frame = pl.read_csv(path, infer_schema=False)
    frame.drop("tenant").write_csv(path)
    assert rows_of(path)["tenant"].to_list() == [""]


@pytest.mark.parametrize("absent", ["id", "state", "billed_seconds", "rounding"])
def test_a_column_that_is_missed_is_named(tmp_path: Path, absent: str) -> None:
    assert absent in NEEDED
    path = written(tmp_path / "r.csv", [{}])
    pl.read_csv(path, infer_schema=False).drop(absent).write_csv(path)
    with pytest.raises(UnusableFile, match=f"is no report of calls \\(no column '{absent}'\\)"):
        open_rated(path)


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("amount", "1.0000001"),
        ("amount", "1e5"),
        ("amount", "1,5"),
        ("price_per_minute", "0.0000000001"),
        ("line", "4.5"),
        ("start", "yesterday"),
    ],
)
def test_a_cell_that_is_none_is_named(tmp_path: Path, column: str, cell: str) -> None:
    path = written(tmp_path / "r.csv", [{}, {}])
    frame = pl.read_csv(path, infer_schema=False)
    frame.with_columns(pl.Series(column, [frame[column][0], cell])).write_csv(path)
    with pytest.raises(
        UnusableFile, match=f"row 2, column '{column}': '{cell}' is not of this column's kind"
    ):
        list(open_rated(path).parts())


def test_a_parquet_column_of_another_type_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "r.parquet", [{}])
    frame = pl.read_parquet(path).with_columns(pl.col("amount").cast(pl.Float64))
    frame.write_parquet(path, metadata={"talktime": '{"layout": 1}'})
    with pytest.raises(UnusableFile, match="column 'amount' is double, which no report has"):
        open_rated(path)


def test_a_folder_is_no_report(tmp_path: Path) -> None:
    (tmp_path / "r.csv").mkdir()
    with pytest.raises(UnusableFile, match="is a folder; name one report"):
        open_rated(tmp_path / "r.csv")


def test_a_file_that_is_changed_after_it_was_opened_is_not_read(tmp_path: Path) -> None:
    for name in ("r.parquet", "r.csv"):
        opened = open_rated(written(tmp_path / name, [{}]))
        written(tmp_path / name, [{}, {}])
        with pytest.raises(UnusableFile, match="was changed while it was read; start again"):
            list(opened.parts())
