"""Usage as every later step sees it: one table with these columns, whatever file it came from.

Readers turn each format of formats.md into this table, set bad rows aside with line and reason, drop
duplicates and say which format they recognised. Text columns are never null: absent is the empty string.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

TEXT_COLUMNS: tuple[str, ...] = (
    "id",  # identity of the row: UsageId, Graph id, CorrelationId + direction, else a hash (rulings.md 1)
    "call_id",
    "conference_id",
    "caller",  # as written in the file, stripped of blanks at both ends
    "callee",
)
"""Text with many different values: polars String."""

WORD_COLUMNS: tuple[str, ...] = (
    "tenant",  # whose call it is, as written in the file, stripped; "" where the file does not say
    "user_id",
    "upn",
    "user_name",
    "call_type",  # lower case
    "direction",  # inbound | outbound | ""
    "number_type",  # lower case words joined by "_": toll, toll_free, user, ...
    "scope",  # domestic | international | ""
    "location",  # upper-case ISO country of the user, or ""
    "destination",  # the text of "Destination Dialed"
    "country_hint",  # the text of "External Country"
    "operator",  # lower case; "" where the file has none
    "capability",  # the licence code of the row, as it stands
    "duration_source",
    "administrative_units",
    "vendor_fee",  # decimal string as it stands, or ""
    "vendor_charge",
    "vendor_currency",  # upper case
    "source",  # name of the file (and of the member of an archive)
    "format",  # name of the recognised format
)
"""Text with few different values: polars Categorical."""

NUMBER_COLUMNS: tuple[str, ...] = (
    "file",  # number of the file, or of the member of an archive, in the order of reading, from 0
    "start_us",
    "duration_s",  # what is charged, a fraction rounded up (rulings.md 5)
    "end_us",  # start + duration
    "line",  # line of the row in its file, the header being line 1; page rows count from 1
)
"""polars Int64."""

FLAG_COLUMNS: tuple[str, ...] = (
    "answered",  # False: Success = No, or 0 seconds
    "end_disagrees",  # the file's End Time is more than 2 s off start + duration
)
"""polars Boolean."""


def usage_schema() -> dict[str, pl.DataType]:
    """Names and polars types of the columns of `Usage.calls`, in order."""
    import polars as pl

    schema: dict[str, pl.DataType] = {}
    schema |= dict.fromkeys(TEXT_COLUMNS, pl.String())
    schema |= dict.fromkeys(WORD_COLUMNS, pl.Categorical())
    schema |= dict.fromkeys(NUMBER_COLUMNS, pl.Int64())
    schema |= dict.fromkeys(FLAG_COLUMNS, pl.Boolean())
    return schema


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was set aside: where it stood and why. `text` is its beginning, at most 200 characters."""

    source: str
    line: int
    reason: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """Everything that came out of the files of one run.

    `calls` has the columns of `usage_schema`, in the order of the files; `formats` names each recognised
    format once; `duplicate_rows` counts rows whose identity had been seen; `columns_unknown` names columns
    that were kept out of the way; `recognised` says of each file what it was taken for.
    """

    calls: pl.DataFrame
    formats: tuple[str, ...]
    rejected: tuple[Rejected, ...] = ()
    rejected_rows: int = 0
    duplicate_rows: int = 0
    columns_unknown: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())
    recognised: tuple[str, ...] = ()

    def without_calls(self) -> Usage:
        """All but the rows."""
        return replace(self, calls=self.calls.clear())


def currencies(usage: Usage) -> tuple[str, ...]:
    """The currencies that the rows name, sorted; rows without one name none (rulings.md 3)."""
    named = usage.calls["vendor_currency"].unique().cast(str).to_list()
    return tuple(sorted(currency for currency in named if currency))


def printable(text: str) -> str:
    """Text from a file as it may be shown on a terminal: control characters become U+FFFD."""
    return "".join(sign if sign.isprintable() or sign == "\t" else "\ufffd" for sign in text)


class UnusableFile(Exception):  # noqa: N818 - the sentence is for people, the name says what it is
    """A file that holds nothing usable. The message is one sentence: what, where, what to do."""


class NotUsage(UnusableFile):
    """A file that is something else: a picture, a deck, a table without the columns of a call."""
