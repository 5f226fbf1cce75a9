"""Workbooks with a cell far away from all others, which a small file can hold and no memory can.

The library that reads workbooks makes one dense table out of a sheet, from its first cell to its last. So
each reference to a cell is looked at before; cells beyond the bounds here stop the reading.
"""

import re
from collections.abc import Iterable
from typing import Final

LAST_COLUMN: Final = "BZ"
LAST_ROW: Final = 1_049_999
"""Sheets end at row 1,048,576; the pattern below is a little coarser."""

_FAR: Final = (
    rb"[\"']((?:[A-Za-z]{3,}|[C-Zc-z][A-Za-z])\d{1,9}"
    rb"|[A-Za-z]{1,2}(?:\d{8,9}|[2-9]\d{6}|1[1-9]\d{5}|10[5-9]\d{4}))"
)
_REFERENCES: Final = (re.compile(rb"r=" + _FAR), re.compile(rb"r(?:\s+=\s*|=\s+)" + _FAR))
_OVERLAP_BYTES: Final = 64


def far_cell(blocks: Iterable[bytes]) -> str:
    """The first reference to a cell right of LAST_COLUMN or below LAST_ROW in blocks of XML, or ""."""
    before = b""
    for block in blocks:
        text = before + block
        for pattern in _REFERENCES:
            found = pattern.search(text)
            if found is not None:
                return found[1].decode("ascii")
        before = text[-_OVERLAP_BYTES:]
    return ""
