"""A Parquet report read back: the whole run, single calls by name, and files that are no report."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from talktime.bulk.result import Run
from talktime.files.report import DOCUMENT_KEY
from talktime.files.usage import UnusableFile
from talktime.files.write_calls import write_report
from talktime.insight.explain import explain
from talktime.insight.read_run import SavedRun, call_rows, read_run
from talktime.insight.report import report_of
from talktime.insight.run_document import LAYOUT, MOST_ENTRIES, MOST_FILES, RunDocument, document_of
from tests.insight.made_runs import BLOCKED, DECK, FREE, PAID, UNRATED, lot, moved, pool, run_of


@pytest.fixture
def run() -> Run:
    """A run with a bit of everything, under sample prices."""
    rows = [
        PAID | {"id": "aa11", "call_id": "leg-a", "balance_after": -5, "recharge": 7},
        FREE | {"id": "aa22", "call_id": "leg-a"},
        UNRATED | {"id": "bb11", "call_id": "aa22"},
        BLOCKED | {"id": "cc11", "call_id": "leg-c", "balance_after": None},
    ]
    return run_of(
        rows,
        lots=(lot(), lot("recharge-1", origin="recharge")),
        pools=(pool(60), pool(10, None, at_80_us=5)),
        movements=(moved("2026-03-01T00:00:00Z", "opening", 50_000_000, 50_000_000),),
        deck=replace(DECK, sample=True),
        warnings=("careful",),
    )


@pytest.fixture
def saved(run: Run, tmp_path: Path) -> SavedRun:
    """The same run, written and read."""
    path = tmp_path / "run.parquet"
    write_report(path, report_of(run, {"balance": "50"}))
    return read_run(path)


def test_the_document_comes_back_whole(run: Run, saved: SavedRun) -> None:
    document = saved.document
    assert document.rated_at_us is not None
    assert abs(document.rated_at_us - time.time_ns() // 1_000) < 60_000_000
    assert document == document_of(run, {"balance": "50"}, document.rated_at_us)
    assert (document.files, document.files_left_out) == (("made",), 0)
    assert (document.totals, document.pools, document.lots) == (run.totals, run.pools, run.lots)
    assert (document.movements, document.warnings) == (run.movements, ("careful",))
    assert document.options == {"balance": "50"}
    assert (document.deck.name, document.deck.rounding, document.deck.increments) == (
        "ours",
        "half_up",
        "after_first",
    )


def test_the_calls_come_back_as_they_were(run: Run, saved: SavedRun) -> None:
    calls = saved.calls()
    assert calls.schema == run.calls.schema
    assert call_rows(calls) == call_rows(run.calls)


def test_a_call_read_back_explains_itself_as_before(run: Run, saved: SavedRun) -> None:
    document = document_of(run, rated_at_us=saved.document.rated_at_us)
    for row in call_rows(run.calls):
        (found,) = saved.find(row["id"]).calls
        assert explain(found, saved.document_for(found)) == explain(row, document)


def test_a_document_of_an_earlier_program_names_no_files(saved: SavedRun, tmp_path: Path) -> None:
    assert isinstance(saved.document, RunDocument)
    plain = saved.document.as_json()
    for name in ("files", "files_left_out", "rated_at_us"):
        del plain[name]
    path = tmp_path / "old.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(path, metadata={DOCUMENT_KEY: json.dumps(plain)})
    document = read_run(path).document
    assert isinstance(document, RunDocument)
    assert (document.files, document.rated_at_us) == ((), None)


def test_a_document_names_the_first_files_and_counts_the_rest() -> None:
    rows = [PAID | {"source": f"{number:04}.csv"} for number in range(MOST_FILES + 2)]
    document = document_of(run_of(rows))
    assert document.files[0] == "0000.csv"
    assert (len(document.files), document.files_left_out) == (MOST_FILES, 2)


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("aa11", ["aa11"]),
        (" aa11 ", ["aa11"]),
        ("aa22", ["aa22"]),
        ("leg-c", ["cc11"]),
        ("leg-a", ["aa11", "aa22"]),
        ("b", ["bb11"]),
        ("leg", ["aa11", "aa22", "cc11"]),
        ("aa", ["aa11", "aa22", "bb11"]),
        ("zz", []),
        ("", []),
        (".*", []),
    ],
)
def test_calls_are_found_by_id_then_call_id_then_beginning(
    saved: SavedRun, name: str, ids: list[str]
) -> None:
    matches = saved.find(name)
    assert sorted(row["id"] for row in matches.calls) == ids
    assert matches.total == len(ids)


def test_of_many_matches_the_first_are_listed_and_all_counted(tmp_path: Path) -> None:
    path = tmp_path / "run.parquet"
    write_report(path, report_of(run_of([PAID] * 50)))
    matches = read_run(path).find("call-")
    assert (len(matches.calls), matches.total) == (20, 50)


def test_a_document_has_a_limit(run: Run) -> None:
    movements = run.movements * (MOST_ENTRIES + 3)
    document = document_of(replace(run, movements=movements))
    assert (len(document.movements), document.entries_left_out) == (MOST_ENTRIES, 3)


def test_what_is_no_report_is_refused_by_one_sentence(tmp_path: Path) -> None:
    table = tmp_path / "table.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(table)
    text = tmp_path / "report.csv"
    text.write_text("id,start\n")
    empty = tmp_path / "empty.parquet"
    empty.touch()
    for path, told in [
        (table, "is a Parquet file but no report; `talktime rate --out run.parquet` writes one"),
        (text, "is no Parquet file; `talktime rate --out run.parquet` writes one"),
        (empty, "is no Parquet file; `talktime rate --out run.parquet` writes one"),
        (tmp_path, "is no Parquet file; `talktime rate --out run.parquet` writes one"),
        (tmp_path / "none.parquet", "does not exist; name a report written by `talktime rate --out`"),
    ]:
        with pytest.raises(UnusableFile) as refusal:
            read_run(path)
        assert str(refusal.value) == f"{path} {told}"


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"layout": LAYOUT + 1}, f"was written by a later Talktime (layout {LAYOUT + 1}); update to read it"),
        ({"layout": LAYOUT}, "the description of the run is damaged; rate the files again"),
        ({}, "the description of the run is damaged; rate the files again"),
    ],
)
def test_a_document_of_another_kind_is_refused(tmp_path: Path, document: dict[str, int], told: str) -> None:
    path = tmp_path / "run.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(path, metadata={DOCUMENT_KEY: json.dumps(document)})
    with pytest.raises(UnusableFile) as refusal:
        read_run(path)
    assert str(refusal.value).endswith(told)
