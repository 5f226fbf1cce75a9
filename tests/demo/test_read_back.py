"""What the demo writes, the readers of `files` take: every call once, with the content of its row."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from talktime.demo.folder import write_demo
from talktime.demo.row import UsageRow
from talktime.demo.write import (
    write_calling_plans_20_csv,
    write_calling_plans_csv,
    write_calling_plans_zip,
    write_direct_routing_csv,
    write_graph_json,
    write_graph_lines,
    write_legacy_csv,
    write_minimal_csv,
)
from talktime.files.read_usage import read_usage
from talktime.files.usage import Usage
from tests.demo.month import CALLS, month_of_calls

DUPLICATES = CALLS // 500
KEYED = "id call_id conference_id user_id upn user_name caller callee location start_us duration_s".split()

# Writer, recognised format, whether it has a key to drop duplicates by.
TABLES: dict[str, tuple[Callable[..., int], str, bool]] = {
    "calling plans 25": (write_calling_plans_csv, "calling_plans_25", True),
    "calling plans 20": (write_calling_plans_20_csv, "calling_plans_20", True),
    "direct routing": (write_direct_routing_csv, "direct_routing", True),
    "legacy": (write_legacy_csv, "legacy", False),
    "minimal": (write_minimal_csv, "direct_routing", False),
}


def distinct(rows: Sequence[UsageRow]) -> list[UsageRow]:
    """The rows without those that stand twice, in their order."""
    return list(dict.fromkeys(rows))


def content(usage: Usage, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """Columns of what was read, as rows."""
    return usage.calls.select(pl.col(columns)).rows()


@pytest.mark.parametrize("spoil", [0, 7])
@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_recognised_and_read_whole(name: str, spoil: int, tmp_path: Path) -> None:
    write, form, has_key = TABLES[name]
    write(month_of_calls(), tmp_path / "usage.csv", spoil=spoil)
    usage = read_usage([tmp_path / "usage.csv"])
    assert usage.formats == (form,)
    assert usage.columns_unknown == ()
    assert (usage.rejected_rows, len(usage.rejected)) == (spoil, spoil)
    duplicates = DUPLICATES if has_key else 0
    assert (usage.calls.height, usage.duplicate_rows) == (CALLS + DUPLICATES - duplicates, duplicates)


def test_the_calling_plans_export_comes_back(tmp_path: Path) -> None:
    rows = distinct(month_of_calls())
    write_calling_plans_csv(month_of_calls(), tmp_path / "usage.csv")
    usage = read_usage([tmp_path / "usage.csv"])
    assert content(usage, [*KEYED, "call_type", "vendor_charge", "capability", "administrative_units"]) == [
        (
            row.usage_id,
            row.call_id,
            row.conference_id,
            row.user_id,
            row.upn,
            row.user_name,
            row.caller,
            row.callee,
            row.location,
            row.start_us,
            row.duration_s,
            row.call_type.lower(),
            row.charge,
            row.capability,
            row.administrative_units,
        )
        for row in rows
    ]
    assert usage.calls["answered"].to_list() == [row.duration_s > 0 for row in rows]
    assert usage.calls["end_disagrees"].sum() == sum(
        row.end_us != row.start_us + row.duration_s * 1_000_000 for row in rows
    )


@pytest.mark.parametrize("pages", [True, False])
def test_graph_says_the_same_as_the_export(pages: bool, tmp_path: Path) -> None:
    write_calling_plans_csv(month_of_calls(), tmp_path / "usage.csv")
    write_graph_json(month_of_calls(), tmp_path / "usage.json", pages=pages)
    table, graph = read_usage([tmp_path / "usage.csv"]), read_usage([tmp_path / "usage.json"])
    assert graph.formats == ("graph_pstn",)
    assert (graph.rejected_rows, graph.duplicate_rows) == (0, DUPLICATES)
    columns = [*KEYED, "call_type", "number_type", "scope", "capability", "operator", "duration_source"]
    assert content(graph, columns) == content(table, columns)


def test_graph_rows_one_a_line_are_read(tmp_path: Path) -> None:
    write_graph_lines(month_of_calls(), tmp_path / "usage.jsonl")
    usage = read_usage([tmp_path / "usage.jsonl"])
    assert (usage.calls.height, usage.rejected_rows, usage.duplicate_rows) == (CALLS, 0, DUPLICATES)


def test_the_archive_is_read_without_its_parameters(tmp_path: Path) -> None:
    path = write_calling_plans_zip(month_of_calls(), tmp_path)
    usage = read_usage([path])
    assert usage.formats == ("calling_plans_25",)
    assert (usage.calls.height, usage.rejected_rows, usage.duplicate_rows) == (CALLS, 0, DUPLICATES)


def test_the_three_files_of_the_demo_are_one_month(tmp_path: Path) -> None:
    files = write_demo(tmp_path, calls=400)
    usage = read_usage([files.usage_csv, files.usage_zip, files.usage_graph])
    assert usage.calls.height == 400
    assert usage.duplicate_rows == 3 * 401 - 400
