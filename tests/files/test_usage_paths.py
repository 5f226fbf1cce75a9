"""Names, folders and patterns."""

from pathlib import Path

import pytest

from talktime.files.usage import UnusableFile
from talktime.files.usage_paths import usage_paths


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with exports, a hidden file, a hidden folder and what macOS leaves behind."""
    for name in (
        "b.csv",
        "a.csv",
        "2026/march.zip",
        "2026/april.zip",
        "2026/parameters.json",
        ".hidden.csv",
        ".git/config",
        "__MACOSX/a.csv",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def names(folder: Path, *patterns: str) -> list[str]:
    """The files that patterns below a folder stand for, relative to it."""
    found = usage_paths(folder / pattern for pattern in patterns)
    return [path.relative_to(folder).as_posix() for path in found]


def test_files_keep_the_order_in_which_they_are_named(folder: Path) -> None:
    assert names(folder, "b.csv", "a.csv") == ["b.csv", "a.csv"]


def test_a_folder_gives_all_below_sorted(folder: Path) -> None:
    assert names(folder, ".") == ["2026/april.zip", "2026/march.zip", "a.csv", "b.csv"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.csv", ["a.csv", "b.csv"]),
        ("2026/m*", ["2026/march.zip"]),
        ("20*", ["2026/april.zip", "2026/march.zip"]),
        ("**/*.zip", ["2026/april.zip", "2026/march.zip"]),
        ("[ab].csv", ["a.csv", "b.csv"]),
    ],
)
def test_patterns(folder: Path, pattern: str, found: list[str]) -> None:
    assert names(folder, pattern) == found


def test_a_name_with_brackets_that_exists_is_a_name(tmp_path: Path) -> None:
    (tmp_path / "usage [1].csv").touch()
    assert names(tmp_path, "usage [1].csv") == ["usage [1].csv"]


def test_a_relative_pattern(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert usage_paths(["*.csv"]) == [Path("a.csv"), Path("b.csv")]


def test_a_name_that_is_missing_is_left_to_whoever_opens_it(folder: Path) -> None:
    assert names(folder, "missing.csv") == ["missing.csv"]


def test_a_pattern_without_files_is_named(folder: Path) -> None:
    with pytest.raises(UnusableFile, match=r"\*\.xls: no file has such a name; check the pattern"):
        names(folder, "*.xls")


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / ".hidden").touch()
    with pytest.raises(UnusableFile, match="the folder holds no files; name the usage files or their folder"):
        usage_paths([tmp_path])


def test_a_name_that_no_system_knows() -> None:
    with pytest.raises(UnusableFile, match="this is no name of a file"):
        usage_paths(["a\0b"])
