"""The tests' own settings hold: markers, profiles, warnings. And those that the program reads."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from hypothesis import settings

from talktime.settings import read_settings
from tests.house.tree import ROOT


def test_a_test_that_reads_outside_data_carries_the_marker(
    request: pytest.FixtureRequest, shared_data: Path
) -> None:
    assert request.node.get_closest_marker("shared") is not None
    assert (shared_data / "README.md").is_file()


def test_other_tests_do_not(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("shared") is None


def test_the_long_profile_tries_more() -> None:
    quick, ci, long = (settings.get_profile(name).max_examples for name in ("quick", "ci", "long"))
    assert quick < ci < long


def test_a_warning_is_a_failure() -> None:
    with pytest.raises(UserWarning, match="careful"):
        warnings.warn("careful", UserWarning, stacklevel=1)


def test_a_misspelt_marker_and_absent_data_are_named(tmp_path: Path) -> None:
    tests = tmp_path / "tests"
    tests.mkdir()
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text("utf-8"), "utf-8")
    for name in ("conftest.py", "databases.py", "examples.py", "kept_routes.py", "postgres_servers.py"):
        (tests / name).write_text((ROOT / "tests" / name).read_text("utf-8"), "utf-8")
    (tests / "test_marker.py").write_text(
        "import pytest\n\n@pytest.mark.lnog\ndef test_one(): ...\n", "utf-8"
    )
    (tests / "test_data.py").write_text("def test_two(shared_data): ...\n", "utf-8")
    command = [sys.executable, "-m", "pytest", "--continue-on-collection-errors", "-p", "no:cacheprovider"]
    where = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    ran = subprocess.run(command, cwd=tmp_path, env=where, check=False, capture_output=True, text=True)
    assert "'lnog' not found in `markers`" in ran.stdout
    assert "test_two reads ../shared/data, which is not on this machine" in ran.stdout


@pytest.mark.parametrize(
    ("variables", "state", "cache"),
    [
        ({"HOME": "/h"}, "/h/.local/state/talktime", "/h/.cache/talktime"),
        ({"HOME": "/h", "XDG_STATE_HOME": "/s", "XDG_CACHE_HOME": "/c"}, "/s/talktime", "/c/talktime"),
        ({"TALKTIME_STATE": "/t", "TALKTIME_CACHE": "/k", "XDG_CACHE_HOME": "/c"}, "/t", "/k"),
    ],
)
def test_where_things_are_kept(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], state: str, cache: str
) -> None:
    for name in ("TALKTIME_STATE", "TALKTIME_CACHE", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = read_settings()
    assert (found.state.as_posix(), found.cache.as_posix()) == (state, cache)


@pytest.mark.parametrize(("text", "calls"), [("", 500_000), ("0", 0), ("12", 12)])
def test_from_how_many_calls_on_the_loop_is_compiled(
    monkeypatch: pytest.MonkeyPatch, text: str, calls: int
) -> None:
    monkeypatch.setenv("TALKTIME_COMPILE_CALLS", text)
    assert read_settings().compile_calls == calls


@pytest.mark.parametrize("text", ["-1", "1e6", "many", "9" * 19])
def test_what_is_no_number_of_calls_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("TALKTIME_COMPILE_CALLS", text)
    with pytest.raises(ValueError, match=r"TALKTIME_COMPILE_CALLS is .*whole number of calls"):
        read_settings()
