"""The sheets of a report, read from the written workbook."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import fastexcel

from talktime.bulk.result import Run
from talktime.files.instants import parse_instant
from talktime.files.usage import Rejected
from talktime.files.write_calls import write_report
from talktime.insight.pool_users import top_consumers
from talktime.insight.report import report_of
from tests.insight.made_runs import BLOCKED, DECK, FREE, PAID, UNRATED, calls_of, lot, moved, pool, run_of

POOL = "PLAN domestic US/PR 2026-03"


def sheets(tmp_path: Path, run: Run) -> dict[str, list[tuple[Any, ...]]]:
    """Name of a sheet -> its rows as text, empty ones and empty ends left out."""
    path = tmp_path / "report.xlsx"
    write_report(path, report_of(run))
    book = fastexcel.read_excel(path)
    return {
        name: [
            row
            for cells in book.load_sheet(name, header_row=None, dtypes="string").to_polars().rows()
            if any(row := tuple(cell for cell in cells if cell is not None))
        ]
        for name in book.sheet_names
    }


def test_the_sheets_stand_in_their_order(tmp_path: Path) -> None:
    assert list(sheets(tmp_path, run_of([PAID]))) == ["summary", "calls", "pools", "credits", "rejected rows"]


def test_the_summary_says_what_a_person_asks(tmp_path: Path) -> None:
    run = run_of([PAID, BLOCKED], lots=(lot(),), deck=replace(DECK, sample=True), warnings=("careful",))
    rows = sheets(tmp_path, run)["summary"]
    assert rows[:2] == [("Sample prices: deck ours is made up.",), ("careful",)]
    assert ("tenant", "Contoso Ltd (contoso)") in rows
    assert ("deck", "ours 0123456789ab (sample prices)") in rows
    assert ("amount", "0.08") in rows
    assert ("closing balance", "49.92") in rows
    assert ("blocked", "1") in rows
    assert ("blocked minutes, not billed", "4") in rows
    assert ("overdraft repaid (part of the credits)", "0") in rows
    assert ("calling_plan_international", "2", "4", "0.08") in rows
    assert any(row[0].startswith("1 call (4 min) blocked: the balance did not cover") for row in rows)


def test_parts_on_the_summary_add_up(tmp_path: Path) -> None:
    half = PAID | {"pool_seconds": 120, "paid_seconds": 120}
    pooled = PAID | {"pool_seconds": 240, "paid_seconds": 0, "amount": 0, "credits": 0}
    rows = sheets(tmp_path, run_of([PAID, half, pooled, FREE, UNRATED, BLOCKED], lots=(lot(),)))["summary"]
    at = rows.index(("answered", "6"))
    assert rows[at + 1 : at + 6] == [
        ("free", "1"),
        ("by included minutes alone", "1"),
        ("paid, whole or in part", "2"),
        ("without a rate", "1"),
        ("blocked", "1"),
    ]
    at = rows.index(("billed minutes", "20"))
    assert rows[at + 1 : at + 6] == [
        ("minutes free", "4"),
        ("minutes by included minutes", "6"),
        ("minutes paid", "6"),
        ("minutes without a rate", "4"),
        ("blocked minutes, not billed", "4"),
    ]


def test_the_summary_of_a_run_without_calls(tmp_path: Path) -> None:
    assert ("all", "0") in sheets(tmp_path, run_of([], has_wallet=False))["summary"]


def test_pools_show_their_use_and_top_consumers(tmp_path: Path) -> None:
    calls = [
        PAID | {"pool": f"{POOL}=120", "user": "ana@contoso.example"},
        PAID | {"pool": f"{POOL}=60;OTHER=600", "user": "bob@contoso.example"},
        PAID | {"pool": f"{POOL}=90", "user": "bob@contoso.example"},
    ]
    full = pool(270, 300, at_80_us=parse_instant("2026-03-20T10:00:00Z"))
    rows = sheets(tmp_path, run_of(calls, pools=(full, pool(60, None, owner=""))))["pools"]
    assert rows[1] == (
        *("2026-03", "PLAN", "domestic", "US/PR", "5", "4.5", "0.5", "90", "2026-03-20 10:00:00"),
        "bob@contoso.example 2.5, ana@contoso.example 2",
    )
    assert rows[2] == ("2026-03", "PLAN", "domestic", "the tenant", "unlimited", "1")


def test_top_consumers_are_counted_by_pool() -> None:
    calls = calls_of([PAID | {"pool": f"a=b=1{n};P=5", "user": f"u{n}"} for n in range(3)])
    assert top_consumers(calls, 2) == {"a=b": (("u2", 12), ("u1", 11)), "P": (("u0", 5), ("u1", 5))}
    assert top_consumers(calls_of([PAID]), 2) == {}


def test_credits_show_lots_and_movements(tmp_path: Path) -> None:
    run = run_of(
        [PAID],
        lots=(lot(forfeited=20_000, left=49_900_000),),
        movements=(
            moved("2026-03-01T00:00:00Z", "opening", 50_000_000, 50_000_000),
            moved("2026-03-31T12:00:00Z", "expiry", 20_000, 49_900_000),
        ),
    )
    rows = sheets(tmp_path, run)["credits"]
    assert rows[0] == ("Lots",)
    assert rows[2] == (
        *("opening", "opening balance", "2026-03-01 00:00:00", "2027-03-01 00:00:00"),
        *("50", "0.08", "0.02", "49.9"),
    )
    assert rows[-1] == ("opening", "expired", "2026-03-31 12:00:00", "49.9", "0.02")


def test_rejected_rows_stand_with_line_and_reason(tmp_path: Path) -> None:
    run = run_of([PAID])
    rejected = (Rejected("a.csv", 7, "negative duration", "=cmd|' /C calc'!A0"),)
    run = replace(run, usage=replace(run.usage, rejected=rejected, rejected_rows=1))
    assert sheets(tmp_path, run)["rejected rows"] == [
        ("file", "line", "reason", "begins"),
        ("a.csv", "7", "negative duration", "=cmd|' /C calc'!A0"),
    ]
    more = replace(run, usage=replace(run.usage, rejected_rows=1_001))
    assert sheets(tmp_path, more)["rejected rows"][0] == ("1,000 more rows set aside; these are the first.",)
