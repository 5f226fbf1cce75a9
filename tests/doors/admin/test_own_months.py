"""The organisation's own months, brought twice: the file that is there is looked at, none beside it."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from talktime.client.management.answers_what_if import UsageFile
from talktime.doors.admin.pages.planner import same_file

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
LAST = datetime(2026, 3, 31, tzinfo=UTC)
KEPT = UsageFile(
    id="a" * 32,
    name="usage of this ledger, 2026-01 to 2026-03",
    bytes=1_000,
    formats=("calling_plans_25",),
    rows=3_000,
    rejected_rows=0,
    from_=FIRST,
    until=LAST,
    currencies=("USD",),
    findings=(),
    brought_by="ana",
    brought_at=LAST,
    expires_at=None,
)
BROUGHT = msgspec.structs.replace(KEPT, id="b" * 32, brought_by="bob", brought_at=None)


def test_the_same_months_are_the_same_file() -> None:
    other = msgspec.structs.replace(KEPT, id="c" * 32, name="mine.csv")
    assert same_file((other, KEPT), BROUGHT) == KEPT


@pytest.mark.parametrize(
    "changed", [{"rows": 3_001}, {"until": FIRST}, {"from_": LAST}, {"name": "usage of this ledger, 2026-03"}]
)
def test_other_calls_are_another_file(changed: dict[str, object]) -> None:
    assert same_file((KEPT,), msgspec.structs.replace(BROUGHT, **changed)) is None


def test_nothing_is_the_same_as_itself_alone() -> None:
    assert same_file((BROUGHT,), BROUGHT) is None
