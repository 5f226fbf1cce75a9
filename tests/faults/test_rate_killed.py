"""`kill -9` in the middle of a run over many tenants: what is finished later is what was never cut.

No call is charged twice and none is lost, wherever the process died: while the usage was split, between two
parts, while a part or the report was written, while the work folder was taken away (rulings.md 38).
"""

from __future__ import annotations

import random
import shutil
import signal
import time
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from tests.doors.made_book import write_many
from tests.doors.made_files import deck
from tests.faults.rate_process import OUT, TENANTS, WORK, Ended, Month, ended

USED = {"book.jsonl", "usage.parquet", "deck.csv", "dear.csv"}
KILLED = -signal.SIGKILL
ROOM = (10, 1_000, 40_000, 90_000)
"""Bytes that a file may have."""


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """A run that nobody cut: what it printed, what it wrote, and its disk steps."""

    out: str
    calls: list[tuple[Any, ...]]
    tenants: list[tuple[Any, ...]]
    steps: list[str]
    seconds: float


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ninety tenants with forty calls each."""
    folder = tmp_path_factory.mktemp("made")
    write_many(folder, tenants=90, calls=40)
    for name, price in (("deck.csv", "3"), ("dear.csv", "4")):
        (folder / name).write_text(deck({"44": price, "33": "1.5", "1": "0.5"}), "utf-8")
    return folder


def copied(made: Path, base: Path) -> Month:
    """A folder of its own with the same files, to the instant of their last change."""
    shutil.copytree(made, base / "month")
    return Month(base / "month")


@pytest.fixture
def month(made: Path, tmp_path: Path) -> Month:
    return copied(made, tmp_path)


@pytest.fixture(scope="module")
def calm(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    month = copied(made, tmp_path_factory.mktemp("calm"))
    began = time.monotonic()
    done = month.run()
    assert (done.code, done.err) == (0, "")
    assert month.names() == USED | {OUT, TENANTS}
    return Undisturbed(done.out, month.calls(), month.tenants(), month.steps, time.monotonic() - began)


def visible(month: Month) -> set[str]:
    """What stands in the folder but for hidden files: a killed process cannot take its half report away."""
    return {name for name in month.names() if not name.startswith(".")}


def same(month: Month, done: Ended, calm: Undisturbed) -> None:
    """A run that was finished is as one that nobody cut."""
    assert (done.code, done.out) == (0, calm.out), done.err
    assert month.calls() == calm.calls
    assert month.tenants() == calm.tenants
    assert visible(month) == USED | {OUT, TENANTS}


def test_the_undisturbed_run_has_all_that_could_be_cut(calm: Undisturbed) -> None:
    """Otherwise the tests below would cut nothing: tables, parts, and calls of every fate."""
    for pattern, number in MOMENTS:
        assert sum(fnmatch(step, pattern) for step in calm.steps) >= number, pattern
    states = {
        value for row in calm.calls for value in row if value in ("charged", "free", "blocked", "unrated")
    }
    assert len(states) == 4
    assert len(calm.calls) == 3_600


MOMENTS = (
    ("os.rename .run.json*", 1),
    ("open 000000.json", 3),  # the usage is being split
    ("os.rename .split.json*", 1),
    ("os.rename .00?.arrow*", 2),  # a part is whole, and not yet in its place
    ("os.rename .00?.json*", 2),  # a part is in its place, and does not yet count
    ("os.rename .month.parquet*", 1),
    ("os.rename .month.tenants*", 1),  # the calls are there, the tenants not
    ("os.remove 00?.json", 2),  # the work folder goes
)


def test_killed_at_moments_of_every_kind(month: Month, calm: Undisturbed) -> None:
    """One run dies again and again, each time a little further on."""
    for until, number in MOMENTS:
        died = month.run(until=until, number=number)
        assert died.code == KILLED, (until, died)
    assert (month.folder / OUT).exists()
    same(month, month.run(), calm)


def test_killed_while_the_work_folder_goes(month: Month, calm: Undisturbed) -> None:
    """What is left of it misleads nobody."""
    removed = [step for step in calm.steps if step.startswith(("os.remove", "os.rmdir"))]
    until, number = "os.r[em]*", random.Random(2).randrange(len(removed) // 2, len(removed))
    month.run(until=until, number=number)
    same(month, month.run(), calm)


@pytest.mark.long
def test_killed_before_every_step(made: Path, tmp_path: Path, calm: Undisturbed) -> None:
    for step in range(1, len(calm.steps) + 1):
        month = copied(made, tmp_path / f"{step}")
        assert month.run(number=step).code == KILLED
        same(month, month.run(), calm)
        shutil.rmtree(tmp_path / f"{step}")


def at_random_moments(month: Month, calm: Undisturbed, kills: int, seed: int) -> None:
    """Kills from outside, whatever the process does; those that are done count as finished."""
    print(f"seed {seed}")  # noqa: T201 - a failure shows it
    chosen = random.Random(seed)
    for _ in range(kills):
        process = month.start()
        time.sleep(chosen.uniform(0.3, 1.1) * calm.seconds)
        process.kill()
        done = ended(process)
        if done.code == 0:
            same(month, done, calm)
    same(month, month.run(), calm)


def test_killed_at_random_moments(month: Month, calm: Undisturbed) -> None:
    at_random_moments(month, calm, kills=2, seed=time.time_ns() % 10**6)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20))
def test_killed_at_many_random_moments(month: Month, calm: Undisturbed, seed: int) -> None:
    at_random_moments(month, calm, kills=6, seed=seed)


# --- the work folder -------------------------------------------------------------------------------------


def test_what_is_kept_of_a_stopped_run_is_for_that_run_alone(month: Month, calm: Undisturbed) -> None:
    """Other prices or options are refused, and so is each kind of damage; then the run goes on."""
    assert month.run(until="os.rename .00?.json*", number=3).code == KILLED
    work = month.folder / WORK
    assert len(list(work.glob("[0-9]*.json"))) == 2
    other = (
        "work holds a run of other files or settings, or of another Talktime; finish that, name another "
        "folder, or remove it"
    )
    assert month.run(rates="dear.csv").sentence == other
    assert month.run("--treat-as", "calling_plan").sentence == other
    for name in ("run.json", "split.json", "*[0-9].json", "*[0-9].arrow", "usage/*/*.arrow"):
        whole = {path: path.read_bytes() for path in work.glob(name)}
        for path, content in whole.items():
            path.write_bytes(content[: len(content) // 3])
        sentence = month.run().sentence
        assert sentence.startswith("work/")
        assert sentence.endswith("remove the folder and start the run again")
        assert visible(month) == USED | {WORK}
        for path, content in whole.items():
            path.write_bytes(content)
    same(month, month.run(), calm)


def test_a_second_process_is_refused_by_name(month: Month, calm: Undisturbed) -> None:
    first = month.start()
    until_s = time.monotonic() + 60
    while not (month.folder / WORK / "run.json").exists():
        assert time.monotonic() < until_s
        assert first.poll() is None
        time.sleep(0.002)
    first.send_signal(signal.SIGSTOP)
    try:
        sentence = month.run().sentence
    finally:
        first.send_signal(signal.SIGCONT)
    assert sentence == "work: another run is working here; wait for it or name another folder"
    same(month, ended(first), calm)


# --- a full disk -----------------------------------------------------------------------------------------


def test_a_full_disk_gets_a_sentence_and_the_run_goes_on(month: Month, calm: Undisturbed) -> None:
    """At once, while usage is split, while a part is kept, while the report is written."""
    (month.folder / OUT).write_text("old", "utf-8")
    told = set()
    for bytes_a_file in ROOM:
        sentence = month.run(bytes_a_file=bytes_a_file).sentence
        assert "File too large" in sentence or "the disk took no more" in sentence
        assert "make room" in sentence or "no report was left behind" in sentence
        assert (month.folder / OUT).read_text("utf-8") == "old"
        assert month.names() == USED | {OUT, WORK}
        told.add(sentence.partition(":")[0].partition(" could")[0])
    assert len(told) == len(ROOM)
    same(month, month.run(), calm)
