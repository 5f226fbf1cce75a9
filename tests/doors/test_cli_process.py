"""What only a process meets: a full disk, Ctrl-C, a pipe that was closed, rights, another run beside it."""

import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.doors.made_files import leg, toml, usage
from tests.doors.reports import parquet_rows
from tests.doors.terminal import PATIENCE_S, Terminal, ended

ENDINGS = ["csv", "parquet", "xlsx"]
NOBODY = 65_534

LIMITED = """
import resource, sys
limit_bytes = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))
from talktime.doors.cli.main import run
run()
"""

AGAIN_AND_AGAIN = """
import sys
from talktime.doors.cli.main import app
from talktime.doors.cli.problems import guarded
sys.exit(max(guarded(app) for _ in range(5)))
"""


def many(number: int, prefix: str = "id") -> str:
    """Usage of so many calls; the rows are cheap to make."""
    head, row, _ = usage(leg("THE-ID", User_Display_Name="Ana")).split("\r\n")
    rows = [row.replace("THE-ID", f"{prefix}-{n:06}") for n in range(number)]
    return "\n".join([head, *rows, ""])


# --- a full disk -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_disk_that_is_full_leaves_the_report_as_it_was(terminal: Terminal, ending: str) -> None:
    terminal.write("usage.csv", many(300))
    terminal.write(f"report.{ending}", "the one before")
    before = terminal.files()
    words = ("rate", "usage.csv", "--json", "--out", f"report.{ending}")
    answer = ended(terminal.python("-c", LIMITED, "10000", *words))
    kept, told = answer.err.splitlines()
    assert (answer.code, answer.out) == (1, "")
    assert kept.startswith("talktime: the run was not kept for `talktime explain`: ")
    assert told.startswith(f"talktime: report.{ending} could not be written: ")
    assert told.endswith("; no report was left behind, what stood there before is unchanged")
    assert terminal.files() == before


def test_the_answer_does_not_need_the_disk(terminal: Terminal) -> None:
    terminal.write("usage.csv", many(3))
    answer = ended(terminal.python("-c", LIMITED, "100", "rate", "usage.csv", "--json"))
    assert answer.code == 0
    assert '"calls": 3' in answer.out
    assert answer.err.startswith("talktime: the run was not kept for `talktime explain`: ")
    assert answer.err.count("\n") == 1


# --- Ctrl-C ----------------------------------------------------------------------------------------------


def is_writing_the_last_run(terminal: Terminal) -> bool:
    return terminal.state.exists()


def is_writing_the_report(terminal: Terminal) -> bool:
    return any(terminal.folder.glob(".report.xlsx.*.part"))


@pytest.mark.parametrize("in_the_middle", [is_writing_the_last_run, is_writing_the_report])
def test_ctrl_c_in_the_middle(terminal: Terminal, in_the_middle: Callable[[Terminal], bool]) -> None:
    terminal.write("usage.csv", many(30_000))
    terminal.write("report.xlsx", "the one before")
    running = terminal.start("rate", "usage.csv", "--out", "report.xlsx")
    until_s = time.monotonic() + PATIENCE_S
    while not in_the_middle(terminal) and running.poll() is None and time.monotonic() < until_s:
        time.sleep(0.001)
    running.send_signal(signal.SIGINT)
    answer = ended(running)
    assert answer.code in (128 + signal.SIGINT, -signal.SIGINT)
    assert (answer.out, answer.err) == ("", "talktime: stopped; no half report was left behind\n")
    files = terminal.files()
    assert files.pop("work/report.xlsx") == b"the one before"
    assert files.keys() - {"state/last-run.parquet"} == {"work/usage.csv"}
    if "state/last-run.parquet" in files:
        assert terminal.run("explain", "id-000007").code == 0


# --- standard output -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [("--help",), ("rate", "usage.csv"), ("rates", "diff", "sample", "sample", "--json")]
)
def test_a_pipe_that_was_closed_is_no_fault(terminal: Terminal, words: tuple[str, ...]) -> None:
    terminal.write("usage.csv", many(3))
    reader, writer = os.pipe()
    os.close(reader)
    running = terminal.start(*words, stdout=writer)
    os.close(writer)
    answer = ended(running)
    assert (answer.code, answer.err) == (1, "")


def test_only_the_first_line_is_read(terminal: Terminal) -> None:
    """As `| head -1` does with an answer that is larger than a pipe."""
    terminal.write("deck.csv", "prefix,price_per_minute,currency\n1,0.5,USD\n")
    reader, writer = os.pipe()
    running = terminal.start("rates", "diff", "sample", "deck.csv", "--json", stdout=writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.readline() == b"{\n"
    assert ended(running).err == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full on this machine")
def test_an_answer_that_cannot_be_printed_is_told(terminal: Terminal) -> None:
    with Path("/dev/full").open("wb") as full:
        answer = ended(terminal.start("rates", "check", "sample", stdout=full.fileno()))
    said = "talktime: the answer could not be printed: No space left on device\n"
    assert (answer.code, answer.err) == (1, said)


# --- rights ----------------------------------------------------------------------------------------------


@pytest.fixture
def reachable() -> Iterator[Terminal]:
    """A terminal whose folders anybody may enter, as pytest's may not be; modules are loaded already."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        base.chmod(0o755)
        terminal = Terminal(base)
        terminal.write("usage.csv", usage(leg("a")))
        terminal.write("tenant.toml", toml())
        words = ("rate", "usage.csv", "--tenant", "tenant.toml", "--out", "report.parquet")
        assert terminal.run(*words).code == 0
        assert terminal.run("explain", "a").code == 0
        for path in (terminal.folder, terminal.state):
            path.chmod(0o755)
        yield terminal


@contextmanager
def without_rights() -> Iterator[None]:
    """As a user for whom rights hold; root may read everything."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(
    ("locked", "words", "said"),
    [
        ("usage.csv", ("rate", "usage.csv"), "usage.csv: no permission to read it; change its rights"),
        (
            "tenant.toml",
            ("rate", "usage.csv", "--tenant", "tenant.toml"),
            "tenant.toml: cannot be read: Permission",
        ),
        ("deck.csv", ("rate", "usage.csv", "--rates", "deck.csv"), "deck.csv: no permission to read it;"),
        (
            "map.toml",
            ("rate", "usage.csv", "--map", "map.toml"),
            "map.toml: the column map cannot be read: Perm",
        ),
        (
            "report.parquet",
            ("explain", "a", "--run", "report.parquet"),
            "report.parquet may not be read; give",
        ),
        ("closed", ("rate", "closed"), "closed: no permission to look into it; change its rights"),
    ],
)
def test_what_may_not_be_read_is_told(
    reachable: Terminal, locked: str, words: tuple[str, ...], said: str
) -> None:
    path = reachable.folder / locked
    if locked == "closed":
        path.mkdir()
    elif not path.exists():
        path.write_text("", "utf-8")
    path.chmod(0)
    with without_rights():
        answer = reachable.run(*words)
    path.chmod(0o700)
    assert answer.sentence(1).startswith(said)


def test_a_folder_that_may_not_be_written_is_told(reachable: Terminal) -> None:
    (reachable.folder / "theirs").mkdir(mode=0o555)
    reachable.state.chmod(0o777)
    with without_rights():
        answer = reachable.run("rate", "usage.csv", "--out", "theirs/report.csv")
    assert answer.sentence(1).startswith("theirs/report.csv could not be written: Permission denied")
    (reachable.folder / "theirs").chmod(0o755)
    assert list((reachable.folder / "theirs").iterdir()) == []


def test_a_state_folder_that_may_not_be_written_is_told_and_no_failure(reachable: Terminal) -> None:
    before = (reachable.state / "last-run.parquet").read_bytes()
    reachable.state.chmod(0o555)
    with without_rights():
        answer = reachable.run("rate", "usage.csv", "--json")
    assert answer.code == 0
    assert '"calls": 1' in answer.out
    assert answer.err.startswith("talktime: the run was not kept for `talktime explain`: ")
    assert "Permission denied" in answer.err
    reachable.state.chmod(0o755)
    assert (reachable.state / "last-run.parquet").read_bytes() == before


def test_a_state_folder_that_cannot_be_made_is_told_and_no_failure(terminal: Terminal) -> None:
    terminal.write("usage.csv", usage(leg("a")))
    blocked = terminal.write("a-file", "")
    answer = terminal.run("rate", "usage.csv", "--json", TALKTIME_STATE=str(blocked / "state"))
    assert answer.code == 0
    assert '"calls": 1' in answer.out
    said = f"the run was not kept for `talktime explain`: {blocked / 'state'}: Not a directory\n"
    assert answer.err == f"talktime: {said}"


# --- beside each other -----------------------------------------------------------------------------------


def test_two_runs_at_the_same_time_leave_one_whole_last_run(terminal: Terminal) -> None:
    for name in ("one", "two"):
        terminal.write(f"{name}.csv", many(200, name))
        terminal.run("rate", f"{name}.csv", "--json")
    running = [
        terminal.python("-c", AGAIN_AND_AGAIN, "rate", f"{name}.csv", "--json") for name in ("one", "two")
    ]
    seen = set()
    while any(process.poll() is None for process in running):
        rows = parquet_rows(terminal.state / "last-run.parquet")
        seen.add((len(rows), frozenset(row["id"][:4] for row in rows)))
        time.sleep(0.01)
    assert [(answer.code, answer.err) for answer in map(ended, running)] == [(0, ""), (0, "")]
    assert seen <= {(200, frozenset({"one-"})), (200, frozenset({"two-"}))}
    assert len(seen) == 2
    assert [path.name for path in terminal.state.iterdir()] == ["last-run.parquet"]
