"""How amounts, instants, months and names are written and read at this door.

Amounts are decimal strings and become micros, instants ISO 8601 and become microseconds (interfaces.md).
"""

from __future__ import annotations

import base64
import binascii
import re
from hashlib import sha256
from typing import Annotated, Final, TypeVar

import msgspec
from fastapi import Header, Path, Query
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    WithJsonSchema,
)

from talktime.accounts.toml_table import shown_instant
from talktime.core.limits import ALWAYS_US, NEVER_US
from talktime.core.money import parse_money
from talktime.doors.http.problems import Problem, ProblemError
from talktime.files.instants import parse_instant
from talktime.ledger.reading import NO_BEFORE

T = TypeVar("T")

NAME_PATTERN: Final = r"^[^\x00-\x1f\x7f]*$"
"""No control characters: what is stored is shown to people, and PostgreSQL takes no zero byte."""

MAX_LIMIT: Final = 1_000

_AMOUNT_PATTERN: Final = r"^[+-]?[0-9]{1,18}(\.[0-9]{1,6})?$"
_LAST_US: Final = parse_instant("3000-01-01")
_MONTH: Final = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 2999


class Strict(BaseModel):
    """A body that names nothing else and is not bent into shape."""

    model_config = ConfigDict(strict=True, extra="forbid")


def _micros(value: object) -> int:
    if not isinstance(value, str) or not re.fullmatch(_AMOUNT_PATTERN, value):
        raise ValueError('must be an amount as a decimal string, such as "12.50"')
    return parse_money(value)


def _instant_us(value: object) -> int:
    if not isinstance(value, str) or len(value) > 40:
        raise ValueError('must be an instant as text, such as "2026-03-01T00:00:00Z"')
    at_us = parse_instant(value)
    if not 0 <= at_us < _LAST_US:
        raise ValueError("must be an instant between 1970 and 3000")
    return at_us


def _sound_month(month: str) -> str:
    if month and not _FIRST_YEAR <= int(month[:4]) <= _LAST_YEAR:
        raise ValueError(f"must lie between {_FIRST_YEAR} and {_LAST_YEAR}")
    return month


Text = Annotated[str, StringConstraints(max_length=200, pattern=NAME_PATTERN)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=NAME_PATTERN)]
LongText = Annotated[str, StringConstraints(min_length=1, max_length=2_000, pattern=NAME_PATTERN)]
Code = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")]

Amount = Annotated[
    int,
    BeforeValidator(_micros),
    WithJsonSchema({"type": "string", "pattern": _AMOUNT_PATTERN, "examples": ["50"]}),
]
"""A decimal string in, micros inside."""

Instant = Annotated[
    int,
    BeforeValidator(_instant_us),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-03-01T00:00:00Z"]}),
]
"""ISO 8601 in, microseconds since 1970 inside."""

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="the most entries of the answer")]
Words = Annotated[str, Query(max_length=100, pattern=NAME_PATTERN, description="words to look for")]
Before = Annotated[int, Query(ge=1, le=NO_BEFORE, description="only numbers below this one")]
After = Annotated[str, Query(max_length=200, pattern=NAME_PATTERN, description="only what comes after")]
Month = Annotated[
    str,
    Query(pattern=r"^([0-9]{4}-(0[1-9]|1[0-2]))?$", description="as in 2026-03"),
    AfterValidator(_sound_month),
]
"""A month of the calendar, or "" for none; 400 outside the years that have one."""

PathMonth = Annotated[
    str,
    Path(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$", examples=["2026-03"]),
    AfterValidator(_sound_month),
]


def instant(at_us: int) -> str | None:
    """ISO 8601 in UTC; None for always, never, and for what nobody told."""
    return shown_instant(at_us) if ALWAYS_US < at_us < NEVER_US and at_us != 0 else None


def month_number(month: str) -> int | None:
    """`2026-03` -> the number of `accounts.calendar.month_of`; None for "" and outside 1970 to 2999."""
    found = _MONTH.fullmatch(month)
    if found is None or not _FIRST_YEAR <= int(found[1]) <= _LAST_YEAR:
        return None
    return int(found[1]) * 12 + int(found[2]) - 1


# --- headers that guard a change -------------------------------------------------------------------------

IDEMPOTENCY_KEY: Final = "Idempotency-Key"
MAX_KEY: Final = 200

_KEY: Final = Header(
    alias=IDEMPOTENCY_KEY,
    min_length=1,
    max_length=MAX_KEY,
    pattern=r"^[\x21-\x7e]*$",
    description="names this request: the same key again gives its answer and moves no money twice",
    examples=["order-17-9f2c1d7e"],
)

IdempotencyKey = Annotated[str, _KEY]
"""The name that a client gives a request that moves money; 400 `idempotency_key_missing` without one."""

MaybeKey = Annotated[str | None, _KEY]
"""The same where another name may stand in its place, such as a reference in the body."""

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=2_000,
        description="the ETag of what was seen: 412 `changed_meanwhile` where it is no more what is there",
        examples=['"0b61241d7c17bcbb1baec7f1"'],
    ),
]


def etag_of(document: object) -> str:
    """The ETag of what a GET shows: of the JSON of values that msgspec or pydantic knows."""
    shown = document.model_dump(mode="json") if isinstance(document, BaseModel) else document
    return f'"{sha256(msgspec.json.encode(shown)).hexdigest()[:24]}"'


def matches(if_match: str | None, document: object) -> bool:
    """Whether a change may be made to what is there, None for nothing; without a header it always may.

    `*` fits whatever is there; weak tags fit nothing (RFC 9110, 13.1.1).
    """
    if if_match is None:
        return True
    if document is None:
        return False
    named = [tag.strip() for tag in if_match.split(",")]
    return named == ["*"] or etag_of(document) in named


# --- pages -------------------------------------------------------------------------------------------------

Cursor = Annotated[
    str, Query(max_length=1_000, pattern=r"^[A-Za-z0-9_-]*$", description="`next` of the page before")
]
"""Where a page begins; what stands in it is nobody's business but ours."""


def next_of(place: object) -> str:
    """The cursor of the page after a place: a small value that is JSON."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).rstrip(b"=").decode()


def place_of(cursor: str, kind: type[T], first: T) -> T:
    """The place that `next_of` wrote down; `first` for the first page. 400 for a cursor of another list."""
    if not cursor:
        return first
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(text, type=kind)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        detail = "query.cursor: is none of this list; send `next` of the page before, or nothing"
        raise ProblemError(Problem(400, "malformed", detail)) from None
