"""Writing usage to files: every table of `exports`, the archive of the admin center, and Graph's pages.

Rows are written as they come, so that a million of them need no memory. The same rows give the same bytes.
"""

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Final, TextIO

from talktime.demo.exports import (
    CALLING_PLANS_20,
    CALLING_PLANS_25,
    DIRECT_ROUTING_25,
    LEGACY,
    MINIMAL,
    Cells,
    Export,
    instant_text,
)
from talktime.demo.row import UsageRow

DEFAULT_EXPORT_ID: Final = "5b0c1d7e"
ROWS_A_PAGE: Final = 1_000
"""The most rows that Graph gives at once (formats.md)."""

_SPOIL_EVERY: Final = 7
_GRAPH: Final = "https://graph.microsoft.com/v1.0"
_ZIP_TIME: Final = (2026, 1, 1, 0, 0, 0)
"""Stands in archives, so that the same rows make the same bytes."""


def write_calling_plans_csv(rows: Iterable[UsageRow], path: Path, *, spoil: int = 0) -> int:
    """The Calling Plans export with 25 columns. `spoil`: so many malformed rows beside the good ones.

    Gives back how many lines were written below the header.
    """
    return write_table(rows, path, CALLING_PLANS_25, spoil=spoil)


def write_calling_plans_20_csv(rows: Iterable[UsageRow], path: Path, *, spoil: int = 0) -> int:
    """The older export with 20 columns."""
    return write_table(rows, path, CALLING_PLANS_20, spoil=spoil)


def write_direct_routing_csv(rows: Iterable[UsageRow], path: Path, *, spoil: int = 0) -> int:
    """The Direct Routing export with 25 columns: the same calls, had the own operator carried them."""
    return write_table(rows, path, DIRECT_ROUTING_25, spoil=spoil)


def write_legacy_csv(rows: Iterable[UsageRow], path: Path, *, spoil: int = 0) -> int:
    """The legacy export: tabulators, in a file usually named .csv. It has no key to drop duplicates by."""
    return write_table(rows, path, LEGACY, spoil=spoil)


def write_minimal_csv(rows: Iterable[UsageRow], path: Path, *, spoil: int = 0) -> int:
    """The smallest subset of columns seen in the wild. It has no key to drop duplicates by."""
    return write_table(rows, path, MINIMAL, spoil=spoil)


def write_table(rows: Iterable[UsageRow], path: Path, export: Export, *, spoil: int = 0) -> int:
    """Any export; gives back how many lines were written below the header."""
    with path.open("w", encoding=export.encoding, newline="") as file:
        return _write(rows, file, export, spoil)


def write_calling_plans_zip(
    rows: Iterable[UsageRow], folder: Path, *, export_id: str = DEFAULT_EXPORT_ID
) -> Path:
    """`Export.callingplans.<id>.zip` in a folder, as the admin center gives it, with its parameters.json."""
    path = folder / f"Export.callingplans.{export_id}.zip"
    name = f"callingplans.{export_id}.csv"
    with zipfile.ZipFile(path, "w") as archive:
        member = _member(name)
        with (
            archive.open(member, "w", force_zip64=True) as raw,
            io.TextIOWrapper(raw, CALLING_PLANS_25.encoding, newline="") as file,
        ):
            lines = _write(rows, file, CALLING_PLANS_25, spoil=0)
        parameters = {"exportId": export_id, "reportType": "callingPlans", "file": name, "rows": lines}
        archive.writestr(_member("parameters.json"), json.dumps(parameters, indent=2) + "\n")
    return path


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, _ZIP_TIME)
    member.compress_type = zipfile.ZIP_DEFLATED
    return member


def _write(rows: Iterable[UsageRow], file: TextIO, export: Export, spoil: int) -> int:
    writer = csv.writer(file, delimiter=export.delimiter, lineterminator=export.newline)
    writer.writerow(export.header)
    lines = 0
    every: Iterable[Cells] = map(export.cells, rows)
    for cells in _spoiled(every, export, spoil) if spoil else every:
        line = export.delimiter.join(cells)
        if line.count(export.delimiter) == len(cells) - 1 and '"' not in line and line.isprintable():
            file.write(line + export.newline)  # nothing to quote: a third of the time
        else:
            writer.writerow(cells)
        lines += 1
    return lines


def _spoiled(lines: Iterable[Cells], export: Export, spoil: int) -> Iterator[Cells]:
    """The lines, and after every seventh a bad one until there are `spoil`; what is left over comes last."""
    done = 0
    last: Cells = ()
    for number, last in enumerate(lines, 1):
        yield last
        if done < spoil and number % _SPOIL_EVERY == 0:
            yield _bad(last, export, done)
            done += 1
    if last:
        yield from (_bad(last, export, at) for at in range(done, spoil))


def _bad(line: Cells, export: Export, number: int) -> Cells:
    """A line that no reader can use: too short, on a day that does not exist, or of a negative duration."""
    values = dict(zip(export.header, line, strict=True))
    values[export.identity] = f"spoilt-{number}"
    match number % 3:
        case 0:
            return tuple(values.values())[: len(line) // 2]  # rounded down
        case 1:
            values[export.start] = "2026-02-30T25:61:00Z"
        case _:
            values[export.duration] = "-12"
    return tuple(values.values())


# --- Graph getPstnCalls ----------------------------------------------------------------------------------


def write_graph_json(
    rows: Iterable[UsageRow], path: Path, *, pages: bool = True, rows_a_page: int = ROWS_A_PAGE
) -> int:
    """Answers of Graph's getPstnCalls; gives back how many rows were written.

    `pages`: a list of pages of at most `rows_a_page` rows, each but the last with its nextLink; else all
    rows in one page.
    """
    encode = _encoder()
    values = iter(rows)
    written = 0
    with path.open("wb") as file:
        file.write(b"[\n" if pages else b"")
        page = _page(values, rows_a_page if pages else None)
        while True:
            following = _page(values, rows_a_page) if pages else []
            written += len(page)
            file.write(encode(_answer(page, written if following else None)))
            file.write(b",\n" if following else b"\n")
            if not following:
                break
            page = following
        file.write(b"]\n" if pages else b"")
    return written


def write_graph_lines(rows: Iterable[UsageRow], path: Path) -> int:
    """The rows of getPstnCalls, one a line; gives back how many were written."""
    encode = _encoder()
    written = 0
    with path.open("wb") as file:
        for row in rows:
            file.write(encode(graph_row(row)) + b"\n")
            written += 1
    return written


def graph_row(row: UsageRow) -> dict[str, Any]:
    """A row in the shape of the Graph reference (`pstnCallLogRow`); absent text is null."""
    return {
        "id": row.usage_id,
        "callId": row.call_id,
        "userId": row.user_id or None,
        "userPrincipalName": row.upn or None,
        "userDisplayName": row.user_name or None,
        "startDateTime": instant_text(row.start_us),
        "endDateTime": instant_text(row.end_us),
        "duration": row.duration_s,
        "charge": Decimal(row.charge),
        "callType": row.call_type,
        "currency": row.currency,
        "calleeNumber": row.callee,
        "usageCountryCode": row.location or None,
        "tenantCountryCode": row.tenant_country,
        "connectionCharge": Decimal(row.connection_fee),
        "callerNumber": row.caller,
        "destinationContext": row.scope or None,
        "destinationName": row.destination or None,
        "otherPartyCountryCode": row.country or None,
        "conferenceId": row.conference_id or None,
        "licenseCapability": row.capability or None,
        "inventoryType": row.number_type,
        "operator": row.operator,
        "callDurationSource": row.duration_source,
    }


def _encoder() -> Any:
    """Decimals as JSON numbers, with the digits that they have."""
    import msgspec

    return msgspec.json.Encoder(decimal_format="number").encode


def _page(rows: Iterator[UsageRow], most: int | None) -> list[dict[str, Any]]:
    return [graph_row(row) for row in islice(rows, most)]


def _answer(page: list[dict[str, Any]], skip: int | None) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "@odata.context": f"{_GRAPH}/$metadata#Collection(microsoft.graph.callRecords.pstnCallLogRow)",
        "@odata.count": len(page),
        "value": page,
    }
    if skip is not None:
        answer["@odata.nextLink"] = f"{_GRAPH}/communications/callRecords/getPstnCalls?$skip={skip}"
    return answer
