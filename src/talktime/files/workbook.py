"""The sheets of an Excel workbook as tables of text, whatever the workbook holds.

The library reads a sheet as one dense table; files.open has looked at the workbook's size before.
"""

from collections.abc import Iterator
from typing import Any

from talktime.files.usage import UnusableFile


def sheets(data: bytes, source: str) -> Iterator[Any]:
    """The sheets as Arrow tables of strings, in order, from the first row and column on.

    Raises UnusableFile, naming `source`, for a workbook that is damaged or locked.
    """
    import fastexcel

    try:
        book = fastexcel.read_excel(data)
        for name in book.sheet_names:
            sheet = book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")
            yield sheet.to_arrow()
    except (fastexcel.FastExcelError, ValueError) as error:  # what Arrow finds invalid is a ValueError
        raise UnusableFile(
            f"{source}: the workbook is damaged ({first_line(error)}); save it again"
        ) from error


def first_line(error: Exception) -> str:
    """What a library says of a file, without the lines of detail below."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
