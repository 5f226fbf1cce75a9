"""A disk that fills up while a report is written: one sentence, no half report, the old one unchanged.

Once by the system's limit on the size of a file, in a process of its own, and once on a disk that is really
full, where the machine lets the test make one.
"""

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
LIMIT_BYTES = 200_000

PROGRAM = """
import resource, sys
from pathlib import Path
from tests.files.test_full_disk import many_calls
from talktime.files.report import ReportError
from talktime.files.write_calls import write_report

report = many_calls()
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
for path in sys.argv[2:]:
    try:
        write_report(Path(path), report)
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
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(LIMIT_BYTES), *map(str, paths)]
    environment = {"PYTHONPATH": f"{root / 'src'}:{root}"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    told = "could not be written: File too large; no report was left behind, what stood there before is"
    assert done.stdout.splitlines() == [f"{path} {told} unchanged" for path in paths]
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
