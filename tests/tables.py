"""Tables of calls for tests: rows with only what a test is about become a `Usage`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import polars as pl

from talktime.accounts.calendar import to_us
from talktime.files.usage import FLAG_COLUMNS, NUMBER_COLUMNS, Usage, usage_schema


def at(text: str) -> datetime:
    """`"2026-03-01 10:00"` or with seconds -> an instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def usage_of(rows: Iterable[Mapping[str, Any]]) -> Usage:
    """Rows as dicts with `start` (datetime or text), `duration_s` and any column of `files.usage`."""
    table = []
    for number, row in enumerate(rows, 1):
        start = at(row["start"]) if isinstance(row["start"], str) else row["start"]
        duration_s = row["duration_s"]
        values: dict[str, Any] = dict.fromkeys(usage_schema(), "")
        values |= dict.fromkeys(NUMBER_COLUMNS, 0) | dict.fromkeys(FLAG_COLUMNS, False)
        values |= {"id": f"call-{number}", "source": "table", "format": "table", "line": number}
        values |= {k: v for k, v in row.items() if k not in ("start", "duration_s")}
        values |= {
            "start_us": to_us(start),
            "duration_s": duration_s,
            "end_us": to_us(start) + duration_s * 1_000_000,
            "answered": row.get("answered", duration_s > 0),
        }
        table.append(values)
    return Usage(pl.DataFrame(table, schema=usage_schema(), orient="row"), formats=("table",))
