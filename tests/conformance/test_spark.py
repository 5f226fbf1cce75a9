"""Spark = the local engine: every row, every total, every tenant's book (rulings.md 38).

One session of `local[2]` serves all runs, so they are one test: tests are spread over processes, and each of
those would start its own. Without PySpark or Java it is skipped by name. Real executors are a long test.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

from talktime.bulk.spark import pieces, session, tenants
from talktime.bulk.spark.session import NoSpark, check_spark, open_session
from talktime.files.report import DOCUMENT_KEY
from tests.conformance.spark_month import GROUP_ROWS, Month, write_month
from tests.doors.terminal import Answer, Terminal

MASTER = "local[2]"
EXECUTORS = "local-cluster[2,1,2048]"
SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""A machine of Java that lives for some seconds: what it would compile thoroughly it would hardly run."""


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """A session that all runs in this process use."""
    _or_skip()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_SUBMIT_OPTS", SHORT_LIVED)
        with open_session(MASTER) as opened:
            yield opened


def _or_skip() -> None:
    try:
        check_spark(MASTER)
    except NoSpark as problem:
        pytest.skip(f"the tests of Spark: {problem}")


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Month:
    return write_month(tmp_path_factory.mktemp("month") / "month")


def rate(terminal: Terminal, month: Month, out: Path, *more: str, tenant: Path | None = None) -> Answer:
    """Charges the month; more options follow."""
    named = ("--tenant", tenant or month.book, "--rates", month.deck, "--out", out)
    return terminal.run("rate", *month.usage, *named, "--json", *more)


def on_spark(terminal: Terminal, month: Month, out: Path, tenant: Path | None = None) -> Answer:
    with patch.object(pieces, "ROWS_A_PIECE", GROUP_ROWS):  # or the file of Parquet would be one piece
        return rate(terminal, month, out, "--engine", "spark", "--master", MASTER, tenant=tenant)


def calls_of(path: Path) -> pl.DataFrame:
    """The calls of a report, a file or a folder, in the order in which they are settled."""
    return pl.read_parquet(path).sort("tenant", "end", "id")


def tenants_of(out: Path) -> pl.DataFrame:
    """The tenants of a run, each with its document but for the instant of the run."""
    beside = pl.read_parquet(out.with_name(f"{out.stem}.tenants.parquet"))
    documents = [json.loads(text) | {"rated_at_us": 0} for text in beside["document"]]
    assert all(document["totals"] for document in documents)
    return beside.with_columns(pl.Series("document", [json.dumps(document) for document in documents]))


def assert_same_run(ours: Path, theirs: Path) -> None:
    """Every row, every sum, every lot, pool and movement."""
    assert_frame_equal(calls_of(ours), calls_of(theirs))
    assert_frame_equal(tenants_of(ours), tenants_of(theirs))


@pytest.mark.spark
@pytest.mark.usefixtures("spark")
def test_spark_is_the_local_engine(terminal: Terminal, month: Month, tmp_path: Path) -> None:
    a_month_of_several_tenants_is_the_same(terminal, month, tmp_path)
    one_tenant_has_its_own_rows_of_a_file_of_many(terminal, month, tmp_path)
    a_bad_file_among_good_ones_is_told_as_on_one_machine(terminal, month, tmp_path)


def a_month_of_several_tenants_is_the_same(terminal: Terminal, month: Month, tmp_path: Path) -> None:
    local, folder, file = tmp_path / "local.parquet", tmp_path / "folder", tmp_path / "file.parquet"
    told = rate(terminal, month, local).json
    assert told["duplicate_rows"] > 50
    assert told["rejected_rows"] == 6
    assert {*pl.read_parquet(local)["state"].unique()} >= {"charged", "blocked", "unrated", "not_answered"}

    assert on_spark(terminal, month, folder).json == told
    assert_same_run(folder, local)
    assert on_spark(terminal, month, file).json == told
    assert_same_run(file, local)

    parts = sorted(folder.iterdir())
    assert len(parts) > 2
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".part"] == []
    for path in (*parts, file):
        assert pq.read_schema(path).equals(pq.read_schema(local))
        texts = [pq.read_metadata(report).metadata[DOCUMENT_KEY.encode()] for report in (path, local)]
        documents = [json.loads(text) for text in texts]
        beside = folder if path.parent == folder else path
        differ = {"rated_at_us": 0, "tenants": ""}
        assert documents[0]["tenants"] == f"{beside.stem}.tenants.parquet"
        assert documents[0] | differ == documents[1] | differ


def one_tenant_has_its_own_rows_of_a_file_of_many(terminal: Terminal, month: Month, tmp_path: Path) -> None:
    """Rows of others that stand there twice: set aside twice on Spark, duplicates first on one machine."""
    other = {"warnings", "rejected_rows", "duplicate_rows"}
    local, out = tmp_path / "local.csv", tmp_path / "spark.csv"
    told = rate(terminal, month, local, tenant=month.alone).json
    ours = on_spark(terminal, month, out, tenant=month.alone).json
    assert {name: ours[name] for name in told.keys() - other} == {
        name: told[name] for name in told.keys() - other
    }
    assert ours["rejected_rows"] >= told["rejected_rows"] > 1
    assert_frame_equal(*(pl.read_csv(path, infer_schema=False).sort("end", "id") for path in (out, local)))


def a_bad_file_among_good_ones_is_told_as_on_one_machine(
    terminal: Terminal, month: Month, tmp_path: Path
) -> None:
    picture = tmp_path / "picture.csv"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    damaged = tmp_path / "damaged.parquet"
    whole = month.usage[3].read_bytes()
    damaged.write_bytes(whole[:400] + bytes(len(whole) // 2) + whole[400 + len(whole) // 2 :])
    for bad, says in ((picture, "a picture (PNG)"), (damaged, "the Parquet file is damaged")):
        mixed = month._replace(usage=(*month.usage[:2], bad))
        out = tmp_path / "out"
        sentence = on_spark(terminal, mixed, out).sentence(1)
        assert says in sentence
        # What a reader stumbles over first may differ, and stands in brackets.
        told = rate(terminal, mixed, tmp_path / "out.parquet").sentence(1)
        assert sentence.partition(says)[0] == told.partition(says)[0]
        assert not out.exists()
        assert [path for path in tmp_path.iterdir() if path.suffix == ".part"] == []


@pytest.mark.spark
@pytest.mark.long
def test_real_executors_come_to_the_same(terminal: Terminal, month: Month, tmp_path: Path) -> None:
    _or_skip()
    local, folder = tmp_path / "local.parquet", tmp_path / "folder"
    told = rate(terminal, month, local).json
    named = ("--tenant", month.book, "--rates", month.deck, "--out", folder, "--json")
    started = terminal.start("rate", *month.usage, *named, "--engine", "spark", "--master", EXECUTORS)
    out, err = started.communicate(timeout=600)
    assert (started.returncode, err) == (0, b"")
    assert json.loads(out) == told
    assert_same_run(folder, local)


# --- without a session ---------------------------------------------------------------------------


def test_without_pyspark_the_sentence_says_what_to_install(terminal: Terminal, month: Month) -> None:
    with patch.object(session, "find_spec", return_value=None):
        answer = terminal.run("rate", *month.usage, "--tenant", month.book, "--engine", "spark")
    assert answer.sentence(2) == (
        "--engine spark needs pyspark, which is not installed; install it: pip install 'talktime[spark]'"
    )


def test_without_java_the_sentence_says_so(
    terminal: Terminal, month: Month, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "find_spec", {"pyspark": sys.__spec__, "pandas": sys.__spec__}.get)
    environment = {"PATH": str(tmp_path), "JAVA_HOME": ""}
    answer = terminal.run("rate", *month.usage, "--tenant", month.book, "--engine", "spark", **environment)
    assert answer.sentence(2).startswith("--engine spark needs Java 17 or newer, and there is none")


@pytest.mark.parametrize(
    ("master", "says"),
    [
        (
            "spark://127.0.0.1:1",
            "--master spark://127.0.0.1:1: 127.0.0.1:1 does not answer (Connection refused)",
        ),
        ("spark://127.0.0.1", "--master spark://127.0.0.1: write spark://HOST:PORT"),
    ],
)
def test_a_master_that_cannot_be_reached(terminal: Terminal, month: Month, master: str, says: str) -> None:
    _or_skip()
    answer = terminal.run(
        "rate", *month.usage, "--tenant", month.book, "--engine", "spark", "--master", master
    )
    assert answer.sentence(2).startswith(says)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--engine", "spark"], "--engine spark needs --tenant"),
        (["--engine", "spark", "--tenant", "x", "--work", "w"], "--work goes with --engine local"),
        (["--master", MASTER], "--master goes with --engine spark"),
    ],
)
def test_wrong_use(terminal: Terminal, month: Month, words: list[str], says: str) -> None:
    assert terminal.run("rate", *month.usage, *words).sentence(2).startswith(says)


def test_a_large_tenant_is_settled_alone_and_small_ones_together() -> None:
    rows = np.array([10, 500_000, 10, 0, 260_000, 20], np.int64)
    assert tenants.buckets_of(rows, 1).tolist() == [2, 0, 2, 2, 1, 2]
    assert tenants.buckets_of(np.zeros(3, np.int64), 2).tolist() == [0, 0, 0]


def test_row_groups_are_read_by_several_tasks_unless_dates_are_text(tmp_path: Path) -> None:
    typed, text = tmp_path / "typed.parquet", tmp_path / "text.parquet"
    frame = pl.DataFrame({"caller": ["1"] * 100, "callee": "2", "call_type": "user_out", "duration_s": 1})
    pq.write_table(frame.with_columns(start_us=pl.lit(1)).to_arrow(), typed, row_group_size=30)
    pq.write_table(frame.with_columns(start_us=pl.lit("1")).to_arrow(), text, row_group_size=30)
    with patch.object(pieces, "ROWS_A_PIECE", 60):
        cut = pieces.pieces_of([typed, text], None)
    assert [(p.file, p.first, p.after, p.lines) for p in cut] == [(0, 0, 2, 0), (0, 2, 4, 60), (1, 0, 0, 0)]
