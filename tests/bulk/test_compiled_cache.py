"""Compiled code is kept for the next process, never used after a rule was edited: it would bill wrongly."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from talktime.bulk import compiled as compiling
from talktime.bulk.compiled import KEPT_FOLDERS, KEPT_S, callees_of, compiled, sources_of
from talktime.bulk.kernel import settle_rows
from talktime.core import money, rating
from talktime.core.rating import billed_seconds
from tests.house.tree import SOURCE

PRICE = """
from talktime.bulk.compiled import compiled
from talktime.core.rating import amount_micros
fast = compiled(amount_micros)
call = (0, 60, 60, 20_000_000, 20_000_000, 0, 0, 6)
print(fast(*call), amount_micros(*call))
print(sum(fast.stats.cache_hits.values()))
"""


def run(source: Path, program: str, **where: str) -> list[str]:
    """What a program prints that finds the package under `source`."""
    environment = {**os.environ, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1", **where}
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder with a copy of what compiling needs of the package."""
    source = tmp_path / "source"
    for path in [*SOURCE.glob("*.py"), *(SOURCE / "core").glob("*.py"), *(SOURCE / "bulk").glob("*.py")]:
        copy = source / "talktime" / path.relative_to(SOURCE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
    return source


def test_code_of_an_edited_rule_is_not_used(package: Path, tmp_path: Path) -> None:
    """The edit is in a module that the compiled function only calls: its own file stays as it was."""
    kept = str(tmp_path / "cache")
    assert run(package, PRICE, TALKTIME_CACHE=kept) == ["20000", "20000", "0"]
    assert run(package, PRICE, TALKTIME_CACHE=kept) == ["20000", "20000", "1"]
    rule = package / "talktime" / "core" / "money.py"
    before, text = rule.stat(), rule.read_text("utf-8")
    edited = text.replace("return quotient\n", "return quotient + 7\n", 1)
    assert edited != text
    rule.write_text(edited, "utf-8")
    os.utime(rule, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert run(package, PRICE, TALKTIME_CACHE=kept) == ["20007", "20007", "0"]
    rule.write_text(text, "utf-8")
    assert run(package, PRICE, TALKTIME_CACHE=kept) == ["20000", "20000", "1"]


def test_a_file_in_the_way_of_the_cache_only_costs_time(package: Path, tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    assert run(package, PRICE, TALKTIME_CACHE=str(in_the_way)) == ["20000", "20000", "0"]
    assert in_the_way.read_text() == ""
    assert not list(package.rglob("*.nbi"))  # not beside the sources, where no digest tells them apart


def test_a_folder_that_numba_refuses_only_costs_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It was there when we looked, and is not any more: numba would take a folder of its own choice."""
    gone = tmp_path / "file"
    gone.write_text("")
    monkeypatch.setattr(compiling, "_cache_folder", lambda _name, _sources: gone)
    assert compiling._compile(money.ceil_div, ())(7, 2) == 4
    assert not list(SOURCE.rglob("*.nbi"))


def test_nothing_is_compiled_where_the_environment_says_so(package: Path, tmp_path: Path) -> None:
    program = (
        "from talktime.bulk.compiled import compiled, is_off\n"
        "from talktime.core.money import ceil_div\n"
        "print(is_off(), compiled(ceil_div) is ceil_div)"
    )
    kept = str(tmp_path / "c")
    assert run(package, program, NUMBA_DISABLE_JIT="1", TALKTIME_CACHE=kept) == ["True", "True"]
    assert not (tmp_path / "c").exists()


def test_every_source_counts() -> None:
    """All that the loop can take a rule or a constant from, and what says how it is compiled."""
    callees = callees_of(settle_rows)
    assert {billed_seconds, rating.amount_micros, money.round_div} <= set(callees)
    names = {str(path.relative_to(SOURCE)) for path in sources_of(settle_rows, *callees)}
    rules = "credits funding limits money pools rating recharge refusals".split()
    assert {f"core/{name}.py" for name in rules} <= names
    assert {"bulk/kernel.py", "bulk/wallet_moves.py", "bulk/state.py", "bulk/compiled.py"} <= names
    assert "bulk/run.py" not in names  # so an edit there compiles nothing anew


def test_folders_that_nobody_uses_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TALKTIME_CACHE", str(tmp_path))
    every = tmp_path / "compiled"
    now = time.time()
    for age_days in (1, 2, 3, 4, 5, 6, 31):
        folder = every / f"loop-{age_days}"
        folder.mkdir(parents=True)
        (folder / "code").write_text("")
        os.utime(folder, (now - age_days * 86_400, now - age_days * 86_400))
    (every / "scan-1").mkdir()
    os.utime(every / "scan-1", (now - 2 * KEPT_S, now - 2 * KEPT_S))
    made = compiling._cache_folder("loop", (Path(money.__file__),))
    assert made is not None
    left = sorted(path.name for path in every.iterdir())
    assert left == sorted([made.name, "loop-1", "loop-2", "loop-3", "loop-4", "scan-1"])
    assert len(left) == KEPT_FOLDERS + 1
    os.utime(every / "loop-2", (now - 2 * KEPT_S, now - 2 * KEPT_S))
    compiling._cache_folder("loop", (Path(rating.__file__),))
    assert not (every / "loop-2").exists()


def test_a_function_is_compiled_once() -> None:
    assert compiled(money.ceil_div) is compiled(money.ceil_div)
    assert compiled(money.ceil_div)(-7, 2) == -3
