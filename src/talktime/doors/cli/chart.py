"""Small charts out of characters: a line of bars over time, and a bar for a share.

Block characters where the output can show them, plain ASCII where it cannot.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

EIGHTHS: Final = " ▁▂▃▄▅▆▇█"
PLAIN_EIGHTHS: Final = " ...::::#"


def columns_chart(values: Sequence[int], top: int, height: int, *, plain: bool) -> list[str]:
    """Bars of `values` in `height` lines, the highest first; `top` > 0 fills a column.

    Values above 0 show at least the smallest bar, those at or below 0 a cross on the lowest line.
    """
    signs = PLAIN_EIGHTHS if plain else EIGHTHS
    levels = [max(1, value * height * 8 // top) if value > 0 else 0 for value in values]
    lines = []
    for line in range(height - 1, -1, -1):
        cells = [signs[min(max(level - 8 * line, 0), 8)] for level in levels]
        if line == 0:
            cells = ["x" if level == 0 else cell for level, cell in zip(levels, cells, strict=True)]
        lines.append("".join(cells))
    return lines


def share_bar(part: int, whole: int, width: int, *, plain: bool) -> str:
    """A bar of `width` characters filled by part / whole, rounded down; any part shows."""
    full, empty = ("#", ".") if plain else ("█", "░")
    filled = min(part * width // whole, width) if whole > 0 else 0
    if part > 0:
        filled = max(filled, 1)
    return full * filled + empty * (width - filled)


def axis(width: int, marks: Sequence[int], *, plain: bool) -> str:
    """The line below a chart, with a mark at some of its columns."""
    line, mark = ("-", "^") if plain else ("─", "▲")
    marked = set(marks)
    return "".join(mark if column in marked else line for column in range(width))


def band_bar(band: tuple[int, int, int], most: int, width: int, *, plain: bool) -> str:
    """A bar of `width` for (low, expected, high): full up to low, then two shades; `most` fills it.

    Ends are rounded down; nothing stands behind high.
    """
    low, expected, high = (
        min(max(value, 0) * width // most, width) if most > 0 else 0 for value in ordered(band)
    )
    full, half, light = _shades(plain=plain)
    return full * low + half * (expected - low) + light * (high - expected) + " " * (width - high)


def band_chart(bands: Sequence[tuple[int, int, int]], top: int, height: int, *, plain: bool) -> list[str]:
    """Columns in `height` lines, the highest first: full up to low, then shades up to expected and high.

    `top` > 0 fills a column; ends are rounded half up. A cross stands where even high is 0.
    """
    signs = _shades(plain=plain)
    levels = [[_level(value, top, height) for value in ordered(band)] for band in bands]
    lines = []
    for line in range(height, 0, -1):
        cells = [
            next((sign for sign, end in zip(signs, ends, strict=True) if line <= end), " ") for ends in levels
        ]
        if line == 1:
            cells = ["x" if band[2] <= 0 else cell for band, cell in zip(bands, cells, strict=True)]
        lines.append("".join(cells))
    return lines


def ordered(band: tuple[int, int, int]) -> tuple[int, int, int]:
    """(low, expected, high) with each at least the one before it."""
    low, expected, high = band
    return low, max(low, expected), max(low, expected, high)


def _level(value: int, top: int, height: int) -> int:
    return min((2 * max(value, 0) * height + top) // (2 * top), height)


def _shades(*, plain: bool) -> tuple[str, str, str]:
    return ("#", "+", ".") if plain else ("█", "▓", "░")
