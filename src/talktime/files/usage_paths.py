"""Which files a user means: names, folders and patterns -> a list of files in a fixed order."""

import os
from collections.abc import Iterable, Iterator
from glob import has_magic
from pathlib import Path

from talktime.files.open import IGNORED_MEMBERS
from talktime.files.usage import UnusableFile


def usage_paths(patterns: Iterable[str | Path]) -> list[Path]:
    """The files that names, folders (with all below) and patterns such as `2026-*.csv` stand for.

    In the order given; sorted by name within a folder or pattern; hidden files and parameters.json of a
    folder left out. Raises UnusableFile where a name stands for no file.
    """
    return [path for pattern in patterns for path in _paths(Path(pattern))]


def _paths(pattern: Path) -> Iterator[Path]:
    if "\0" in str(pattern):
        raise UnusableFile(f"{str(pattern)!r}: this is no name of a file; check the name")
    try:
        if pattern.is_dir():
            yield from _files_below(pattern)
        elif pattern.exists() or not has_magic(str(pattern)):
            yield pattern  # one that does not exist is named by whoever opens it
        else:
            yield from _matches(pattern)
    except PermissionError as error:
        raise UnusableFile(f"{pattern}: no permission to look into it; change its rights") from error
    except OSError as error:
        raise UnusableFile(f"{pattern}: cannot be looked up ({error.strerror}); check the name") from error


def _matches(pattern: Path) -> Iterator[Path]:
    parts = pattern.parts
    first = next(at for at, part in enumerate(parts) if has_magic(part))
    folder = Path(*parts[:first])
    found = sorted(path for path in folder.glob(str(Path(*parts[first:]))) if _wanted(path, folder))
    if not found:
        raise UnusableFile(f"{pattern}: no file has such a name; check the pattern")
    for path in found:
        if path.is_dir():
            yield from _files_below(path)
        else:
            yield path


def _files_below(folder: Path) -> Iterator[Path]:
    walk = os.walk(folder, onerror=_raise)  # a folder that may not be read is told, not passed over
    all_files = [Path(below, name) for below, _, names in walk for name in names]
    found = sorted(path for path in all_files if _wanted(path, folder))
    if not found:
        raise UnusableFile(f"{folder}: the folder holds no files; name the usage files or their folder")
    yield from found


def _raise(error: OSError) -> None:
    raise error


def _wanted(path: Path, folder: Path) -> bool:
    inside = path.relative_to(folder)
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in inside.parts)
    return not hidden and path.name.casefold() not in IGNORED_MEMBERS
