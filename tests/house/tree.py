"""The repository as the house checks see it: its files, its settings, its Makefile.

Each check is a function from text to offences, shown once on a bad example (so that it can fail) and once on
the whole tree. Files count as soon as git would take them, committed or not.
"""

import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "talktime"


def repository_files() -> list[Path]:
    """Every file that git tracks or would add. Skips where this is no git checkout (an unpacked archive)."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("only a git checkout says which files belong to the repository")
    # The owner of the folder may be another user (containers): reading a list of names is safe all the same.
    command = [git, "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.decode().split("\0")
    return [path for name in listed if name and (path := ROOT / name).is_file()]


def source_files() -> list[Path]:
    """Every Python file of the package."""
    return sorted(SOURCE.rglob("*.py"))


def offences(files: Iterable[Path], check: Callable[[str], Iterable[str]]) -> list[str]:
    """What a check finds in these files, the file's name in front. Bytes that are no text count as ?."""
    return [
        f"{path.relative_to(ROOT)}: {offence}"
        for path in files
        for offence in check(path.read_text("utf-8", errors="replace"))
    ]


def settings() -> dict[str, Any]:
    """The parsed pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
