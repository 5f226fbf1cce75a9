"""The checkpoint of the day: one a day, whatever fails, and none of another ledger."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from talktime.doors.http.daily_heads import DailyHeads
from talktime.ledger.checkpoints import checkpoint_files, own_folder
from talktime.ledger.database import open_url
from tests.databases import sqlite_database

__all__ = ["sqlite_database"]  # a fixture

NOON_US = 1_772_366_400_000_000  # 2026-03-01 12:00 UTC
HOUR_US = 3_600_000_000


def test_each_day_has_one(sqlite_database: str, tmp_path: Path) -> None:
    now_us = NOON_US
    folder = tmp_path / "heads"
    daily = DailyHeads(open_url(sqlite_database), folder, lambda: now_us)
    first = daily.write_if_due()
    assert first is not None
    assert first.name == "heads-20260301T120000Z.jsonl"
    for hours, due in ((11, False), (12, True), (35, False), (36, True)):
        now_us = NOON_US + hours * HOUR_US
        assert (daily.write_if_due() is not None) == due, hours
    assert len(checkpoint_files(folder)) == 3


def test_what_fails_is_logged_and_tried_again(
    sqlite_database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "heads"
    folder.write_text("in the way")
    daily = DailyHeads(open_url(sqlite_database), folder, lambda: NOON_US)
    assert daily.write_if_due() is None
    assert "could not be written" in caplog.text
    folder.unlink()
    assert daily.write_if_due() is not None


def test_it_is_written_beside_what_is_served(sqlite_database: str, tmp_path: Path) -> None:
    async def run() -> None:
        keeper = asyncio.create_task(DailyHeads(open_url(sqlite_database), tmp_path, lambda: NOON_US).keep())
        async with asyncio.timeout(20):
            while not list(tmp_path.glob("heads-*.jsonl")):
                await asyncio.sleep(0.01)
        keeper.cancel()

    asyncio.run(run())


def test_each_ledger_has_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    one, other = open_url("sqlite:///a.db"), open_url("sqlite:///b.db")
    assert own_folder(tmp_path, one) == own_folder(tmp_path, open_url(f"sqlite:///{tmp_path}/a.db"))
    assert own_folder(tmp_path, one) != own_folder(tmp_path, other)
    assert own_folder(tmp_path, one).parent == tmp_path / "checkpoints"
