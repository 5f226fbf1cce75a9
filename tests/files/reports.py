"""Reports for the tests of writers, and what a workbook holds, read by other code than wrote it."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from talktime.files.call_columns import Kind
from talktime.files.report import Heading, Report, Sheet, Table
from tests.insight.made_runs import calls_of

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"

SUMMARY = Sheet(
    "summary",
    (Table("Sums", (Heading("what", Kind.TEXT), Heading("value", Kind.MONEY)), (("amount", 80_000),)),),
)


def report_of_rows(
    rows: Iterable[Mapping[str, Any]],
    *,
    sample: bool = False,
    sheets: tuple[Sheet, ...] = (SUMMARY,),
    **document: Any,
) -> Report:
    """A report of these calls with a summary of one line."""
    return Report(calls_of(rows), "USD", sample, document, lambda: sheets)


def cells(path: Path, sheet: int) -> dict[str, tuple[str, str]]:
    """Reference -> (type, text) of all cells of a sheet (from 1), straight from its XML."""
    with zipfile.ZipFile(path) as book:
        root = ElementTree.fromstring(book.read(f"xl/worksheets/sheet{sheet}.xml"))
        shared = [
            "".join(part.text or "" for part in item.iter(f"{MAIN}t"))
            for item in ElementTree.fromstring(book.read("xl/sharedStrings.xml"))
        ]
    found = {}
    for cell in root.iter(f"{MAIN}c"):
        kind = cell.get("t", "n")
        text = "".join(part.text or "" for part in cell.iter() if part.tag in (f"{MAIN}v", f"{MAIN}t"))
        found[cell.attrib["r"]] = ("s", shared[int(text)]) if kind == "s" else (kind, text)
    return found


def column(path: Path, sheet: int, name: str) -> list[tuple[str, str] | None]:
    """The cells below a header of the first row, None where there is none."""
    found = cells(path, sheet)
    letters = next(
        match[1]
        for ref, (_, text) in found.items()
        if (match := re.fullmatch("([A-Z]+)1", ref)) and text == name
    )
    last = max(int(re.sub("[A-Z]", "", reference)) for reference in found)
    return [found.get(f"{letters}{row}") for row in range(2, last + 1)]
