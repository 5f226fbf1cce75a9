"""A stream of usage that ends with a sentence where it holds more calls than can be charged at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from talktime.files.usage import UnusableFile
from talktime.files.usage_stream import UsageStream

if TYPE_CHECKING:
    import polars as pl

MOST_ROWS: Final = 3_000_000
"""Calls that may be looked at together: they are charged several times over, in memory."""


class BoundedUsage(UsageStream):
    """Some files as `UsageStream`; iterating raises UnusableFile after `most` rows of all of them."""

    def __init__(
        self,
        path: Path | Sequence[Path],
        progress: Callable[[int, int], None] | None = None,
        most: int = MOST_ROWS,
    ) -> None:
        paths = [path] if isinstance(path, Path) else list(path)
        super().__init__(paths, None, progress)
        self._holds = f"{paths[0].name}: it holds" if len(paths) == 1 else "the files together hold"
        self._most = most

    def __iter__(self) -> Iterator[pl.DataFrame]:
        """The frames, as long as they are not too many."""
        rows = 0
        for frame in super().__iter__():
            rows += frame.height
            if rows > self._most:
                told = f"{self._holds} more than {self._most:,} calls; bring fewer days at a time"
                raise UnusableFile(told)
            yield frame
