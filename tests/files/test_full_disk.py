"""A disk that fills up while a report is written: one sentence, no half report, the old one unchanged.

Once by the system's limit on the size of a file, in a process of its own, and once on a disk that is really
full, where the machine lets the test make one.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from talktime.files.report import Report, ReportError
from talktime.files.write_calls import WRITERS, write_report
from tests.files.reports import report_of_rows
from tests.insight.made_runs import PAID

ENDINGS = sorted(WRITERS)
ROWS = 20_000
LIMITS_BYTES = (0, 10_000, 200_000)
"""Where the disk ends: at once, in a small report (also in its footer), in the middle of a large one."""

PROGRAM = """
import resource, sys
from pathlib import Path
from tests.files.reports import report_of_rows
from tests.files.test_full_disk import many_calls
from tests.insight.made_runs import PAID
from talktime.files.report import ReportError
from talktime.files.write_calls import write_report

few, many = report_of_rows([PAID | {"id": f"call-{n}" * 99} for n in range(99)]), many_calls()
for limit in sys.argv[1].split(","):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
    for path in sys.argv[2:]:
        try:
            write_report(Path(path), many if int(limit) > 100_000 else few)
        except ReportError as error:
            print(error)
"""


def many_calls() -> Report:
    """A report that is larger than the disk, in every format."""
    one = report_of_rows([PAID])
    ids = pl.int_range(ROWS, eager=True).hash(seed=1).cast(pl.String).alias("id")
    calls = pl.concat([one.calls] * ROWS).with_columns(ids, ids.alias("call_id"))
    return Report(calls, one.currency, sample=False, document={}, sheets=one.sheets)


def test_a_file_that_may_not_grow_is_told_and_removed(tmp_path: Path) -> None:
    paths = [tmp_path / f"report{ending}" for ending in ENDINGS]
    for path in paths:
        path.write_text("old")
    root = Path(__file__).resolve().parents[2]
    limits = ",".join(map(str, LIMITS_BYTES))
    command = [sys.executable, "-W", "error", "-c", PROGRAM, limits, *map(str, paths)]
    environment = {"PYTHONPATH": f"{root / 'src'}:{root}"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    why = "(File too large|the disk took no more)"
    told = f"{why}; no report was left behind, what stood there before is unchanged"
    lines = done.stdout.splitlines()
    assert len(lines) == len(paths) * len(LIMITS_BYTES)
    for line, path in zip(lines, paths * len(LIMITS_BYTES), strict=True):
        assert re.fullmatch(f"{re.escape(str(path))} could not be written: {told}", line)
    assert done.stderr == ""
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    assert {path.read_text() for path in paths} == {"old"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 kB; the test is skipped by name where it may not be made."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None:
        pytest.skip("there is no mount on this machine")
    command = [mount, "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root may make a small disk")
    yield disk
    subprocess.run([umount, str(disk)], check=True)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_full_disk_is_told_and_nothing_is_left(small_disk: Path, ending: str) -> None:
    path = small_disk / f"report{ending}"
    path.write_text("old")
    with pytest.raises(ReportError, match=f"report{ending} could not be written: No space left on device"):
        write_report(path, many_calls())
    assert [p.name for p in small_disk.iterdir()] == [path.name]
    assert path.read_text() == "old"
