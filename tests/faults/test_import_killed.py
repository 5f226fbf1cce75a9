"""`kill -9` in the middle of an import, and of a re-rating: what is finished later is what was never cut."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from talktime.files.decks.read import read_deck
from talktime.ledger.verify import verify
from tests.databases import database, fresh_postgres, fresh_sqlite, sqlite_database
from tests.house.tree import ROOT
from tests.live.live_desk import SECOND, LiveDesk
from tests.live.rated_files import booked, dan, everything, free, rerated, row, written
from tests.live.test_posting import desk_on

__all__ = ["database", "sqlite_database"]  # fixtures

PATIENCE_S = 60
ROWS = 900
NOW_US = time.time_ns() // 1_000
DECK = "# name = half\nprefix,price_per_minute,first_seconds,step_seconds,currency\n44,0.3,1,1,USD\n"


def prepared(url: str, folder: Path) -> LiveDesk:
    """A ledger with a tenant that has money for half of the file, for hours to come."""
    desk = desk_on(url, folder)
    desk.now_us = NOW_US
    desk.fund("plain", 300_000_000, life_us=86_400 * SECOND)
    desk.fund("plain", 100_000_000, life_us=86_400 * SECOND)
    return desk


def rows() -> list[dict[str, Any]]:
    """Calls of three kinds that take minutes, credits, and more than there is."""
    made = []
    for number in range(ROWS):
        kind = number % 3
        at_s = -86_400 + number
        seconds = 1 + number % 90
        if kind == 0:
            made.append(free(f"{number}", seconds))
        else:
            made.append((row if kind == 1 else dan)(f"{number}", seconds, at_s=at_s))
    return made


def command(desk: LiveDesk, folder: Path, *words: str) -> subprocess.Popen[bytes]:
    """A command of the command line on the database of a desk, in a process of its own."""
    url = desk.url
    place = f"sqlite:///{url.path}" if url.kind == "sqlite" else postgres_url(url.place)
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TALKTIME_STATE": str(folder / "state"),
        "TALKTIME_CATALOGUE": str(folder / "catalogue"),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "talktime", *words, "--database", place],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def postgres_url(place: str) -> str:
    """The words of a connection -> a URL."""
    told = dict(word.split("=", 1) for word in place.split())
    folder, port = told["host"], told["port"]
    return f"postgresql://{told['user']}@/{told['dbname']}?host={folder}&port={port}"


def finished(process: subprocess.Popen[bytes]) -> None:
    """Waits for the end of a command that has to succeed."""
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, (out, err)


def count(desk: LiveDesk) -> int:
    """How many charges are there."""
    ((found,),) = desk.rows("select count(*) from charges")
    assert isinstance(found, int)
    return found


def cut(desk: LiveDesk, folder: Path, words: Sequence[str], chosen: random.Random) -> None:
    """Starts a command and kills it once it has written something, or a little later."""
    before, process = count(desk), command(desk, folder, *words)
    until_s = time.monotonic() + PATIENCE_S
    while count(desk) == before and process.poll() is None:
        assert time.monotonic() < until_s
        time.sleep(0.005)
    time.sleep(chosen.uniform(0, 0.1))
    process.kill()
    process.communicate()


def totals(desk: LiveDesk) -> dict[str, list[tuple[Any, ...]]]:
    """What is left, but for times, versions, hashes and what was written for people."""
    stored = everything(desk)
    wallets = desk.rows("select balance, overdraft, reserved, number, charge, next_lot from wallets")
    columns = "number, call_id, billed_s, pool_s, amount, credits, post_usage, overdraft, corrects"
    return {
        "wallets": wallets,
        "counters": stored["counters"],
        "imported": stored["imported"],
        "charges": sorted(desk.rows(f"select {columns} from charges")),
        "journal": sorted(
            desk.rows("select number, kind, debit, credit, amount, lot, charge, corrects from journal")
        ),
    }


def interrupted(url: str, undisturbed: str, folder: Path, kills: int, seed: int) -> None:
    """Cuts an import and a re-rating so often, finishes both, and compares with a ledger where nobody did."""
    print(f"seed {seed}")  # noqa: T201 - a failure shows it
    chosen = random.Random(seed)
    written(folder / "rated.parquet", rows())
    (folder / "half.csv").write_text(DECK, "utf-8")
    desk, calm = prepared(url, folder), prepared(undisturbed, folder)
    half = read_deck(folder / "half.csv").deck
    assert half is not None
    booked(calm, folder / "rated.parquet")
    cut_and_finished(desk, calm, folder, kills, ("import", "rated.parquet"), chosen)
    rerated(calm, half)
    cut_and_finished(desk, calm, folder, kills, ("rerate", "--rates", "half.csv", "--yes"), chosen)
    assert verify(desk.url).differences == ()
    desk.close()
    calm.close()


def cut_and_finished(
    desk: LiveDesk, calm: LiveDesk, folder: Path, kills: int, words: Sequence[str], chosen: random.Random
) -> None:
    """Cuts a command so often, then lets it finish: what is left is what is left where it was not cut."""
    for _ in range(kills):
        cut(desk, folder, words, chosen)
        assert verify(desk.url).differences == ()
    finished(command(desk, folder, *words))
    assert totals(desk) == totals(calm)


def test_a_killed_import_is_finished_as_if_it_had_not_been_cut(
    database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    seed = random.randrange(10**6)
    if database.startswith("sqlite"):
        interrupted(database, fresh_sqlite(tmp_path), tmp_path, 1, seed)
    else:
        with fresh_postgres(request.node.name) as undisturbed:
            interrupted(database, undisturbed, tmp_path, 1, seed)


def test_two_imports_at_once_share_the_rows(database: str, tmp_path: Path) -> None:
    desk = prepared(database, tmp_path)
    written(tmp_path / "rated.parquet", rows())
    both = [command(desk, tmp_path, "import", "rated.parquet", "--json") for _ in range(2)]
    told = []
    for each in both:
        out, err = each.communicate(timeout=PATIENCE_S)
        assert each.returncode == 0, (out, err)
        told.append(json.loads(out))
    assert sum(each["booked"] for each in told) == ROWS
    assert all(each["booked"] + each["already_booked"] == ROWS and each["adds_up"] for each in told)
    assert verify(desk.url).differences == ()
    desk.close()


@pytest.mark.long
def test_an_import_that_is_killed_again_and_again(sqlite_database: str, tmp_path: Path) -> None:
    interrupted(sqlite_database, fresh_sqlite(tmp_path), tmp_path, 10, random.randrange(10**6))
