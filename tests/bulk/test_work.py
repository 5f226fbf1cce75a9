"""A work folder: what is finished is read back as it was, and nobody else's folder is touched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from talktime.bulk.charge_rows import Charged, charge_rows
from talktime.bulk.options import NO_OPTIONS
from talktime.bulk.setting import Setting
from talktime.bulk.work import Split, Work
from talktime.files.report import ReportError
from talktime.files.usage import Rejected
from tests.bulk.charged import SPENDS, call, recharge, tenant, user
from tests.bulk.side_by_side import setting
from tests.tables import usage_of

SPLIT = Split(
    rows=(3, 0, 2**40),
    formats=("calling_plans", "records"),
    rejected=(Rejected("a.csv", 7, "no start", "x\u0007y"),),
    rejected_rows=1,
    columns_unknown=("odd",),
    warnings=("w",),
    recognised=("a.csv: calling_plans",),
    currencies=("EUR", "USD"),
    in_order=False,
)


def charged() -> Charged:
    """Two tenants with lots, recharges, pools and a blocked call."""
    ana = user("ana", "MCOPSTN1", SPENDS)
    who = tenant(ana, lots=[("2026-03-01 00:00", "0.05")], auto_recharge=recharge("0.05", "1"))
    other = tenant(user("bob"), lots=[("2026-03-01 00:00", "5")])
    of: Setting = setting(who, replace(other, id="t2"))
    rows = [call("2026-03-02 10:00", 60), call("2026-03-02 11:00", 3_600, to="+14255550100")]
    rows += [call("2026-03-02 12:00", 60, "bob", tenant="t2"), call("2026-03-02 13:00", 600)]
    return charge_rows(with_tenants(rows), of, NO_OPTIONS, has_wallet=True)


def with_tenants(rows: list[dict[str, object]]) -> pl.DataFrame:
    return usage_of({"tenant": "t"} | row for row in rows).calls


def test_a_finished_part_is_read_back_as_it_was(tmp_path: Path) -> None:
    work, part = Work(tmp_path / "work", "key"), charged()
    with work.opened():
        assert (work.finished(3), work.split()) == (None, None)
        work.keep(3, part)
        work.keep_split(SPLIT)
    again = Work(tmp_path / "work", "key")
    with again.opened():
        assert again.finished(3) == part.tenants
        assert again.finished(2) is None
        assert_frame_equal(again.calls(3), part.calls, categorical_as_str=True)
        assert again.calls(3).schema == part.calls.schema
        assert again.split() == SPLIT
        again.remove()
    assert not (tmp_path / "work").exists()


def test_calls_without_a_summary_do_not_count(tmp_path: Path) -> None:
    """The process died between the two; the calls are written anew."""
    work, part = Work(tmp_path, "key"), charged()
    with work.opened():
        work.keep(0, part)
        (tmp_path / "000.json").unlink()
        assert work.finished(0) is None
        work.keep(0, part)
        assert work.finished(0) == part.tenants


def test_what_an_unfinished_split_left_is_removed(tmp_path: Path) -> None:
    work = Work(tmp_path, "key")
    with work.opened():
        (work.usage / "000").mkdir(parents=True)
        (work.usage / "000" / "000000.arrow").write_bytes(b"half")
        assert work.split() is None
        assert not work.usage.exists()


def opened(work: Work) -> Callable[[], None]:
    def hold() -> None:
        with work.opened():
            pass

    return hold


def test_another_runs_folder_is_refused(tmp_path: Path) -> None:
    work = Work(tmp_path, "key")
    opened(work)()
    with work.opened():
        (tmp_path / "usage").mkdir()
        work.keep_split(SPLIT)
    with pytest.raises(ReportError, match="holds a run of other files or settings, or of another Talktime"):
        opened(Work(tmp_path, "other"))()


def test_a_folder_whose_run_has_done_nothing_is_taken_over(tmp_path: Path) -> None:
    """What lies there belongs to a run without a finished split: none of it counts."""
    opened(Work(tmp_path, "key"))()
    (tmp_path / "000.json").write_text("[]")
    work = Work(tmp_path, "other")
    with work.opened():
        assert work.split() is None
        assert work.finished(0) is None


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(ReportError, match=r"holds other files \(holiday.jpg\); name an empty folder"):
        opened(Work(tmp_path, "key"))()
    assert (tmp_path / "holiday.jpg").exists()


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    with (
        Work(tmp_path, "key").opened(),
        pytest.raises(ReportError, match="another run is working here; wait for it or name another folder"),
    ):
        opened(Work(tmp_path, "key"))()
    opened(Work(tmp_path, "key"))()


@pytest.mark.parametrize("name", ["run.json", "split.json", "003.json", "003.arrow"])
@pytest.mark.parametrize("damage", ["empty", "cut", "other"])
def test_a_damaged_file_gets_a_sentence(tmp_path: Path, name: str, damage: str) -> None:
    work = Work(tmp_path, "key")
    with work.opened():
        work.keep(3, charged())
        work.keep_split(SPLIT)
    whole = (tmp_path / name).read_bytes()
    changed = {"empty": b"", "cut": whole[: len(whole) // 2], "other": b'{"layout": "x"}' * 3}[damage]
    (tmp_path / name).write_bytes(changed)

    def read_all() -> None:
        with work.opened():
            work.split()
            work.finished(3)
            work.calls(3)

    with pytest.raises(ReportError) as told:
        read_all()
    assert name in str(told.value)
    assert "remove the folder and start the run again" in str(told.value)
