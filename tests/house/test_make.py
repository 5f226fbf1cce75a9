"""What the Makefile would do, on a new machine and on one that has done it before; asked by `make -n`."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.house.tree import ROOT, SOURCE

LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-spark.lock")
STAMPS = (".installed-libraries", ".installed-run", ".installed-dev", ".installed-spark")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with what the Makefile looks at, and nothing installed."""
    for name in ("Makefile", "pyproject.toml", *LOCKS):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def make(folder: Path, *arguments: str) -> str:
    """What `make` prints there."""
    # The make that runs the tests must not hand its flags and its level down.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
    }
    command = ["make", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, check=True, capture_output=True, text=True
    ).stdout


def planned(folder: Path, target: str) -> str:
    """The commands that `make` would run there."""
    return make(folder, "--dry-run", target)


def pretend_installed(folder: Path) -> None:
    """Leaves what `make test` leaves in .venv, younger than the locks."""
    (folder / ".venv" / "bin").mkdir(parents=True)
    for name in ("bin/python", *STAMPS):
        (folder / ".venv" / name).touch()


def make_older(path: Path) -> None:
    """Sets a file's time back, so that the rest is younger."""
    os.utime(path, (1_000_000_000, 1_000_000_000))


def test_run_installs_the_runtime_lock_by_hash_and_no_tools(checkout: Path) -> None:
    plan = planned(checkout, "run")
    assert "--require-hashes --only-binary :all: -r requirements.lock" in plan
    assert "--no-deps --no-build-isolation --editable ." in plan
    assert "requirements-dev.lock" not in plan
    assert plan.rstrip().endswith(".venv/bin/talktime demo --no-serve")


def test_test_installs_the_tools_too_and_checks_before_it_tests(checkout: Path) -> None:
    plan = planned(checkout, "test")
    steps = [
        "-r requirements.lock",
        "-r requirements-dev.lock",
        "ruff check",
        "ruff format --check",
        "mypy src tests",
        "lint-imports",
        "-r requirements-spark.lock",
        "-m pytest",
    ]
    positions = [plan.index(step) for step in steps]
    assert positions == sorted(positions)


def test_the_second_time_nothing_is_installed(checkout: Path) -> None:
    for name in ("pyproject.toml", *LOCKS):
        make_older(checkout / name)
    pretend_installed(checkout)
    assert "pip install" not in planned(checkout, "test")
    assert planned(checkout, "run").split() == [".venv/bin/talktime", "demo", "--no-serve"]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_changed_lock_is_installed_anew(checkout: Path, lock: str) -> None:
    pretend_installed(checkout)
    for path in (checkout / ".venv").glob(".installed-*"):
        make_older(path)
    for name in ("pyproject.toml", *LOCKS):
        if name != lock:
            os.utime(checkout / name, (0, 0))
    assert f"-r {lock}" in planned(checkout, "test")


def test_spark_is_built_from_its_pinned_archive_by_what_is_pinned(checkout: Path) -> None:
    plan = planned(checkout, "test")
    pinned = "--require-hashes --only-binary :all: -r requirements-spark.lock --no-binary pyspark"
    assert f"--no-build-isolation {pinned}" in plan  # pip takes the last word on binaries
    assert "requirements-spark.lock" not in planned(checkout, "lint")


def test_without_spark_or_java_nothing_fails(checkout: Path) -> None:
    pretend_installed(checkout)
    stamp = checkout / ".venv" / ".installed-spark"
    stamp.unlink()
    assert make(checkout, str(stamp.relative_to(checkout)), "pip=false").splitlines()[1:] == [
        "PySpark could not be installed (.venv/spark.log says why): the tests of Spark are skipped."
    ]
    assert not stamp.exists()


def test_help_names_every_target(checkout: Path) -> None:
    targets = {line.split()[0] for line in make(checkout, "help").splitlines()}
    phony = (checkout / "Makefile").read_text("utf-8").split(".PHONY:")[1].split("\n")[0].split()
    assert targets == set(phony)


def test_the_gate_is_make_test() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text("utf-8").splitlines()[-1] == "exec make test"


@pytest.mark.long
def test_the_wheel_carries_the_catalogue(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / name)
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=ignore)
    build = "from setuptools import build_meta; print(build_meta.build_wheel('.'))"
    subprocess.run([sys.executable, "-c", build], cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    wanted = {
        path.relative_to(ROOT / "src").as_posix()
        for path in SOURCE.rglob("*")
        if path.suffix in {".py", ".toml", ".csv"}
    }
    assert wanted
    assert wanted <= inside
    assert not [name for name in inside if name.startswith("tests/")]
