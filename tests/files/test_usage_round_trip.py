"""Whatever the container and the encoding: the same table. Whatever the bytes: a table or one sentence."""

import csv
import gzip
import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from talktime.files.read_usage import read_usage
from talktime.files.usage import UnusableFile, Usage, usage_schema
from tests.files.usage_samples import CALL, CALLING_PLANS_25, GRAPH, table

Rows = list[dict[str, str]]


def cells(rows: Rows) -> list[list[str]]:
    """Header and rows as lists."""
    return [CALLING_PLANS_25, *([row.get(name, "") for name in CALLING_PLANS_25] for row in rows)]


def as_csv(rows: Rows, delimiter: str = ",", end: str = "\r\n", quoting: int = csv.QUOTE_MINIMAL) -> bytes:
    """The rows as delimited text."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(cells(rows))  # type: ignore[arg-type]
    return out.getvalue().encode()


def as_parquet(rows: Rows) -> bytes:
    """The rows as Parquet."""
    out = io.BytesIO()
    header, *lines = cells(rows)
    pl.DataFrame(lines, schema=header, orient="row").write_parquet(out)
    return out.getvalue()


def as_excel(rows: Rows) -> bytes:
    """The rows as a workbook."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for at, row in enumerate(cells(rows)):
            for column, cell in enumerate(row):
                sheet.write_string(at, column, cell)
    return out.getvalue()


def as_lines(rows: Rows) -> bytes:
    """The rows as JSON, one a line."""
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()


def as_zip(data: bytes) -> bytes:
    """An archive with one member."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("usage", data)
    return out.getvalue()


WRITERS: dict[str, Callable[[Rows], bytes]] = {
    "LF": lambda rows: as_csv(rows, end="\n"),
    "tsv": lambda rows: as_csv(rows, delimiter="\t"),
    "semicolons, all quoted": lambda rows: as_csv(rows, delimiter=";", quoting=csv.QUOTE_ALL),
    "BOM": lambda rows: b"\xef\xbb\xbf" + as_csv(rows),
    "UTF-16": lambda rows: as_csv(rows).decode().encode("utf-16"),
    "UTF-16 without a mark": lambda rows: as_csv(rows).decode().encode("utf-16-be"),
    "json": lambda rows: json.dumps(rows).encode(),
    "page, indented": lambda rows: json.dumps({"value": rows}, indent=1).encode(),
    "jsonl": as_lines,
    "parquet": as_parquet,
    "xlsx": as_excel,
    "csv.gz": lambda rows: gzip.compress(as_csv(rows)),
    "csv.zip": lambda rows: as_zip(as_csv(rows)),
    "zip.gz": lambda rows: gzip.compress(as_zip(as_csv(rows))),
    "jsonl.gz": lambda rows: gzip.compress(as_lines(rows)),
    "parquet.gz": lambda rows: gzip.compress(as_parquet(rows)),
    "xlsx.zip": lambda rows: as_zip(as_excel(rows)),
}


def usage_of(data: bytes) -> Usage:
    """What comes out of these bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "usage")
        path.write_bytes(data)
        return read_usage([path])


FULL_CALL = {name: CALL.get(name, "") for name in CALLING_PLANS_25}

# No blanks at the ends: those are stripped. Quotes, commas and a newline are in every name that is not empty.
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=10).map(
    lambda text: text and f'{text}, "{text}"\n{text}'
)
CALLS = st.lists(
    st.fixed_dictionaries(
        {
            "UsageId": st.uuids().map(str),
            "User Display Name": NAMES,
            "Caller ID": st.from_regex(r"\+[1-9][0-9]{5,12}\*{0,4}", fullmatch=True),
            "Duration Seconds": st.integers(0, 86_400).map(str),
            "Start Time": st.datetimes(datetime(2001, 1, 1), datetime(2099, 1, 1)).map(  # noqa: DTZ001
                lambda at: at.isoformat() + "Z"
            ),
            "End Time": st.just(""),
            "Call Type": st.sampled_from(["user_out", "conf_in", "New"]),
            "Charge": st.decimals(0, 100, places=4).map(str),
        }
    ).map(lambda changes: FULL_CALL | changes),
    min_size=1,
    max_size=6,
    unique_by=lambda row: row["UsageId"],
)


@settings(max_examples=5)
@given(CALLS)
def test_every_way_of_writing_gives_the_same_table(rows: Rows) -> None:
    same = pl.exclude("source", "line")
    wanted = usage_of(as_csv(rows))
    assert wanted.calls["id"].to_list() == [row["UsageId"] for row in rows]
    assert wanted.calls["user_name"].to_list() == [row["User Display Name"] for row in rows]
    assert wanted.calls["duration_s"].to_list() == [int(row["Duration Seconds"]) for row in rows]
    for name, writer in WRITERS.items():
        usage = usage_of(writer(rows))
        assert usage.calls.select(same).rows() == wanted.calls.select(same).rows(), name
        assert (usage.rejected, usage.warnings, usage.columns_unknown) == ((), (), ()), name


CSV = table(CALLING_PLANS_25, CALL, CALL | {"UsageId": "u2"}).encode()
SEEDS = [
    CSV,
    json.dumps({"value": [GRAPH, GRAPH]}).encode(),
    gzip.compress(CSV),
    as_zip(CSV),
    as_parquet([CALL]),
    as_excel([CALL]),
]


def table_or_sentence(data: bytes) -> None:
    """Reads bytes of any kind: a usage table with sane rows, or UnusableFile with one sentence."""
    usage, sentence = None, ""
    try:
        usage = usage_of(data)
    except UnusableFile as error:
        sentence = str(error)
    if usage is None:
        assert sentence.startswith("usage")
        assert len(sentence.splitlines()) == 1
        return
    assert usage.calls.schema == pl.Schema(usage_schema())
    assert usage.calls.null_count().sum_horizontal().item() == 0
    assert usage.calls.filter(
        pl.col("end_us") != pl.col("start_us") + pl.col("duration_s") * 1_000_000
    ).is_empty()
    assert usage.calls["duration_s"].is_between(0, 86_400).all()
    assert usage.calls["id"].is_unique().all()
    assert len(usage.rejected) == usage.rejected_rows
    assert all(len(one.text) <= 200 and one.reason for one in usage.rejected)


@given(st.binary(max_size=300))
def test_garbage_gives_one_sentence(data: bytes) -> None:
    table_or_sentence(data)


@given(
    st.sampled_from([b"\x1f\x8b\x08", b"PK\x03\x04", b"PAR1", b"{", b"[", b"\xff\xfe", CSV[:300]]),
    st.binary(),
)
def test_garbage_behind_a_good_beginning(start: bytes, data: bytes) -> None:
    table_or_sentence(start + data)


@pytest.mark.parametrize("seed", SEEDS, ids=["csv", "json", "gzip", "zip", "parquet", "xlsx"])
@given(st.data())
def test_files_with_wrong_bytes(seed: bytes, data: st.DataObject) -> None:
    broken = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(broken) - 1))
        broken[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    table_or_sentence(bytes(broken))


@pytest.mark.parametrize("seed", SEEDS, ids=["csv", "json", "gzip", "zip", "parquet", "xlsx"])
@given(st.data())
def test_files_that_are_cut_off(seed: bytes, data: st.DataObject) -> None:
    table_or_sentence(seed[: data.draw(st.integers(0, len(seed)))])
