"""Usage split by tenant: in memory as on disk, every row once, each tenant's together in the order read."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.bulk.parts import ROWS_A_PART, Parts, about_rows, part_count, part_of
from talktime.files.report import ReportError
from talktime.files.usage import usage_schema
from tests.tables import usage_of

TENANTS = ("contoso", "fabrikam", "", "Ärger", "t4", "t5")

frames_drawn = st.lists(st.lists(st.sampled_from(TENANTS), max_size=8), max_size=5)


def frames_of(batches: list[list[str]]) -> list[pl.DataFrame]:
    """Tables of rows of these tenants, numbered through; an empty batch is a table without rows."""
    number, frames = 0, []
    for batch in batches:
        rows = []
        for tenant in batch:
            number += 1
            call = {"start": "2026-03-02 10:00", "duration_s": number, "call_type": "user_out"}
            rows.append(call | {"id": f"{number}", "tenant": tenant, "line": number})
        frames.append(usage_of(rows).calls if rows else pl.DataFrame(schema=usage_schema()))
    return frames


def told(frame: pl.DataFrame) -> list[tuple[object, ...]]:
    return frame.with_columns(pl.col(pl.Categorical).cast(pl.String)).rows()


def contents(frames: list[pl.DataFrame], count: int, folder: Path | None) -> list[list[tuple[object, ...]]]:
    """The rows of each part, [] for a part without."""
    parts = Parts(count, folder)
    for frame in frames:
        if frame.height:
            parts.add(frame)
    found = [told(parts.take(number)) if rows else [] for number, rows in enumerate(parts.rows)]
    assert [len(rows) for rows in found] == parts.rows
    return found


@given(frames_drawn, st.integers(1, 5))
def test_on_disk_as_in_memory(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[str]], count: int
) -> None:
    frames = frames_of(batches)
    folder = tmp_path_factory.mktemp("parts")
    held = contents(frames, count, None)
    assert contents(frames, count, folder) == held
    shutil.rmtree(folder)
    everything = [row for frame in frames for row in told(frame)]
    tenant_at = list(usage_schema()).index("tenant")
    for number, rows in enumerate(held):
        assert rows == [row for row in everything if part_of(str(row[tenant_at]), count) == number]
    assert sorted(map(str, (row for rows in held for row in rows))) == sorted(map(str, everything))


def test_a_tenant_is_in_the_same_part_in_every_process() -> None:
    """A run that goes on must find the calls where the stopped one put them."""
    assert [part_of(tenant, 7) for tenant in TENANTS[:4]] == [5, 6, 0, 5]
    assert part_of("Contoso", 7) == part_of("contoso", 7)


def test_memory_lets_go_of_what_is_taken() -> None:
    parts = Parts(1)
    parts.add(frames_of([["contoso"]])[0])
    assert parts.take(0).height == 1
    assert parts._held == [[]]


def test_a_part_that_is_dropped_leaves_the_disk(tmp_path: Path) -> None:
    parts = Parts(2, tmp_path)
    parts.add(frames_of([["contoso", "fabrikam", "t4", "t5"]])[0])
    assert len(list(tmp_path.iterdir())) == 2
    parts.drop(0)
    assert [path.name for path in tmp_path.iterdir()] == ["001"]
    parts.drop(0)


def test_a_damaged_part_is_told_by_its_place(tmp_path: Path) -> None:
    parts = Parts(1, tmp_path)
    parts.add(frames_of([["contoso"]])[0])
    (piece,) = (tmp_path / "000").glob("*.arrow")
    piece.write_bytes(piece.read_bytes()[:40])
    with pytest.raises(ReportError, match=r"000 is damaged \(.*\); remove the folder and start"):
        parts.take(0)


def test_a_part_that_is_gone_is_told_by_its_place(tmp_path: Path) -> None:
    parts = Parts(1, tmp_path)
    parts.add(frames_of([["contoso"]])[0])
    parts.drop(0)
    with pytest.raises(ReportError, match=r"000 is damaged \(No such file or directory\)"):
        parts.take(0)


@pytest.mark.parametrize(
    ("rows", "tenants", "parts"),
    [
        (0, 5, 1),
        (ROWS_A_PART, 5, 1),
        (ROWS_A_PART + 1, 5, 2),
        (100 * ROWS_A_PART, 5, 5),  # a tenant is never split
        (10**9, 10**6, 512),
    ],
)
def test_how_many_parts_there_are(rows: int, tenants: int, parts: int) -> None:
    assert part_count(rows, tenants) == parts


def test_rows_are_told_by_parquet_and_guessed_from_bytes(tmp_path: Path) -> None:
    pl.DataFrame({"a": range(7)}).write_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.CSV").write_bytes(b" " * 9_000)
    (tmp_path / "c.csv.gz").write_bytes(b" " * 9_000)
    (tmp_path / "broken.parquet").write_bytes(b" " * 9_000)
    found = {name: about_rows([tmp_path / name]) for name in ("a.parquet", "b.CSV", "c.csv.gz", "gone.csv")}
    assert found == {"a.parquet": (7, 7), "b.CSV": (9, 100), "c.csv.gz": (9, 1_000), "gone.csv": (0, 0)}
    assert about_rows([tmp_path / "a.parquet", tmp_path / "broken.parquet"]) == (16, 107)


def test_rows_that_are_not_there_any_more_are_told(tmp_path: Path) -> None:
    """A power cut or a cleaner of folders took a piece: nothing is charged without it."""
    parts = Parts(1, tmp_path)
    for frame in frames_of([["contoso", "fabrikam"], ["contoso"]]):
        parts.add(frame)
    (tmp_path / "000" / "000001.arrow").unlink()
    with pytest.raises(ReportError, match="is damaged"):
        parts.take(0)
