"""Usage as a stream: the rows of all files in order, in frames of bounded size; bad files told at once."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from talktime.files import records, usage_stream
from talktime.files.read_usage import read_usage
from talktime.files.usage import UnusableFile, usage_schema
from talktime.files.usage_stream import NAMED_AT_MOST
from tests.files.usage_samples import CALL, CALLING_PLANS_25, GRAPH, LEGACY, call, table, written

NAMELESS = [name for name in CALLING_PLANS_25 if name != "UsageId"]


def many(first: int, rows: int) -> str:
    """A Calling Plans export of so many calls, u<first> and following."""
    return table(CALLING_PLANS_25, *(call(UsageId=f"u{at}") for at in range(first, first + rows)))


def frames(*paths: Path) -> list[pl.DataFrame]:
    """All frames of a stream."""
    return list(usage_stream.usage_stream(paths))


def zipped(members: dict[str, str]) -> bytes:
    """An archive with these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def as_parquet(text: str) -> bytes:
    """A CSV as Parquet with row groups of three rows."""
    out = io.BytesIO()
    pl.read_csv(io.StringIO(text), infer_schema=False).write_parquet(out, row_group_size=3)
    return out.getvalue()


def as_lines(text: str) -> bytes:
    """A CSV as JSON, one row a line."""
    rows = pl.read_csv(io.StringIO(text), infer_schema=False).to_dicts()
    return "\n".join(json.dumps(row) for row in rows).encode()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames of ten rows, out of blocks of a few rows."""
    monkeypatch.setattr(usage_stream, "ROWS_AT_LEAST", 10)
    monkeypatch.setattr(records.record_blocks, "__defaults__", (1_000,))
    monkeypatch.setattr("talktime.files.read_json.ROWS_AT_A_TIME", 4)
    monkeypatch.setattr("talktime.files.read_parquet.ROWS_AT_A_TIME", 3)


CONTAINERS: dict[str, Callable[[str], bytes]] = {
    "csv": str.encode,
    "csv.gz": lambda text: gzip.compress(text.encode()),
    "csv.zip": lambda text: zipped({"a.csv": text}),
    "jsonl": as_lines,
    "parquet": as_parquet,
    "parquet.gz": lambda text: gzip.compress(as_parquet(text)),
}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", CONTAINERS)
def test_frames_are_small_and_in_order(tmp_path: Path, name: str) -> None:
    paths = [written(tmp_path, CONTAINERS[name](many(100 * at, 45)), f"{at}.{name}") for at in range(2)]
    stream = usage_stream.usage_stream(paths)
    found = list(stream)
    assert [frame.schema for frame in found] == [pl.Schema(usage_schema())] * len(found)
    most = 54 if name == "parquet.gz" else 40  # Arrow gives a file of this size whole
    assert all(10 <= frame.height <= most for frame in found[:-1])
    calls = pl.concat(found)
    assert calls["id"].to_list() == [f"u{100 * at + row}" for at in range(2) for row in range(45)]
    assert calls["file"].to_list() == [0] * 45 + [1] * 45
    first = 1 if name.startswith(("json", "parquet")) else 2
    assert calls["line"].to_list() == [*range(first, first + 45)] * 2
    assert [text.rsplit(",")[-1] for text in stream.notes().recognised] == [" 45 rows"] * 2


@pytest.mark.usefixtures("small")
def test_no_frame_is_made_before_it_is_asked_for(tmp_path: Path) -> None:
    told: list[int] = []
    path = written(tmp_path, many(0, 400))
    stream = usage_stream.usage_stream([path], progress=lambda done, _: told.append(done))
    next(iter(stream))
    assert max(told) < path.stat().st_size / 2
    with pytest.raises(RuntimeError, match="complete when all of its frames are read"):
        stream.notes()
    assert sum(frame.height for frame in stream) < 400  # the first frame is not given out again
    assert stream.notes().rejected == ()


def test_the_stream_and_the_whole_say_the_same(tmp_path: Path) -> None:
    one = written(tmp_path, table([*NAMELESS, "Note"], CALL, CALL, call(Duration_Seconds="-1")), "one.csv")
    two = written(tmp_path, zipped({"a.csv": many(1, 2), "b.png": "\x89PNG", "c.csv": many(2, 2)}), "two.zip")
    stream = usage_stream.usage_stream([one, two])
    calls = pl.concat(list(stream))
    notes, whole = stream.notes(), read_usage([one, two])
    assert calls["id"].to_list() == ["", "", "u1", "u2", "u2", "u3"]
    assert calls["file"].to_list() == [0, 0, 1, 1, 2, 2]
    assert calls["source"].to_list() == ["one.csv"] * 2 + ["two.zip/a.csv"] * 2 + ["two.zip/c.csv"] * 2
    assert notes == whole.without_calls().__class__(
        calls=notes.calls,
        formats=whole.formats,
        rejected=whole.rejected,
        rejected_rows=1,
        columns_unknown=("Note",),
        warnings=whole.warnings,
        recognised=whole.recognised,
    )
    assert whole.duplicate_rows == 1
    assert notes.calls.is_empty()


@pytest.mark.usefixtures("small")
def test_rows_whose_date_was_read_late_come_at_the_end_of_their_file(tmp_path: Path) -> None:
    old = {"Caller ID": "1", "Phone number": "2", "Call type": "user_out", "Duration": "1"}
    times = ("03/04/2024 10:00", "25/04/2024 10:00", "05/06/2024 10:00")
    rows = (old | {"Start Time (UTC)": time, "Call ID": "c" * 2000} for time in times)
    late = written(tmp_path, table(LEGACY, *rows, delimiter="\t"), "a.csv")
    plain = written(tmp_path, many(0, 2), "b.csv")
    stream = usage_stream.usage_stream([late, plain])
    calls = pl.concat(list(stream))
    assert calls.select("file", "line").rows() == [(0, 3), (0, 2), (0, 4), (1, 2), (1, 3)]
    assert stream.late_files == {0}
    assert read_usage([late, plain]).calls.select("file", "line").rows() == sorted(
        calls.select("file", "line").rows()
    )


# --- files that cannot be used ---------------------------------------------------------------------------


def test_a_bad_file_among_good_ones_is_told_before_the_first_frame(tmp_path: Path) -> None:
    good = written(tmp_path, many(0, 3), "a.csv")
    bad = written(tmp_path, b"\x89PNG", "b.csv")
    with pytest.raises(UnusableFile) as caught:
        next(iter(usage_stream.usage_stream([good, bad])))
    assert str(caught.value) == "b.csv: this is a picture (PNG), not a usage file"


def test_all_bad_files_are_named_at_once(tmp_path: Path) -> None:
    written(tmp_path, many(0, 3), "a.csv")
    written(tmp_path, b"", "b.csv")
    written(tmp_path, "a,b\n1,2\n", "c.csv")
    written(tmp_path, b"PAR1" + bytes(60) + b"PAR1", "d.parquet")
    with pytest.raises(UnusableFile) as caught:
        frames(tmp_path)
    said = str(caught.value)
    assert said.startswith("3 of 4 files cannot be used: b.csv: the file is empty; export it again; c.csv: ")
    assert "; d.parquet: the Parquet file is damaged (" in said
    assert len(said.splitlines()) == 1


def test_of_many_bad_files_some_are_named(tmp_path: Path) -> None:
    for at in range(NAMED_AT_MOST + 2):
        written(tmp_path, b"", f"{at}.csv")
    with pytest.raises(UnusableFile) as caught:
        frames(tmp_path)
    said = str(caught.value)
    assert said.startswith("7 of 7 files cannot be used: 0.csv: the file is empty")
    assert said.endswith("; 4.csv: the file is empty; export it again; and 2 more")


def test_files_of_different_formats_and_columns(tmp_path: Path) -> None:
    plans = written(tmp_path, as_parquet(many(0, 2)), "a.parquet")
    graph = tmp_path / "b.parquet"
    pl.DataFrame([{name: value for name, value in GRAPH.items() if value is not None}]).write_parquet(graph)
    usage = read_usage([plans, graph])
    assert usage.formats == ("calling_plans_25", "graph_pstn")
    assert usage.calls["id"].to_list() == ["u0", "u1", "g1"]


def test_a_page_damaged_in_the_middle_of_a_parquet_file(tmp_path: Path) -> None:
    data = bytearray(as_parquet(many(0, 3_000)))
    for at in range(len(data) // 2, len(data) // 2 + 2_000):
        data[at] ^= 0xFF
    path = written(tmp_path, bytes(data), "a.parquet")
    with pytest.raises(UnusableFile, match=r"a\.parquet: the Parquet file is damaged .*; write it again"):
        frames(path)


def test_a_gzip_file_that_is_cut_off_further_down(tmp_path: Path) -> None:
    data = gzip.compress(many(0, 3_000).encode(), 1)
    path = written(tmp_path, data[: len(data) // 2], "a.csv.gz")
    other = written(tmp_path, many(0, 1), "b.csv")
    with pytest.raises(UnusableFile, match=r"a\.csv\.gz: the file is cut off in the middle; fetch it again"):
        frames(path, other)


# --- tenants and identities ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Tenant ID", "TenantId", "tenant", "TENANT ID "])
@pytest.mark.parametrize("header", [CALLING_PLANS_25, LEGACY])
def test_the_tenant_of_a_row(tmp_path: Path, name: str, header: list[str]) -> None:
    row = CALL | {"Phone number": "1", "Start Time (UTC)": CALL["Start Time"], "Duration": "1"}
    plain = read_usage([written(tmp_path, table(header, row))])
    usage = read_usage([written(tmp_path, table([name, *header], row | {name: " T-1 "}))])
    assert usage.calls["tenant"].to_list() == ["T-1"]
    assert plain.calls["tenant"].to_list() == [""]
    assert usage.formats == plain.formats
    assert usage.columns_unknown == ()


def test_the_tenant_of_a_graph_row(tmp_path: Path) -> None:
    page = {"value": [GRAPH | {"tenantId": "t1"}, GRAPH]}
    usage = read_usage([written(tmp_path, json.dumps(page), "page.json")])
    assert usage.calls["tenant"].to_list() == ["t1", ""]
    assert usage.columns_unknown == ()
