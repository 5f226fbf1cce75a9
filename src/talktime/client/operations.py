"""What a switch says of a call: four operations as values, for single requests and for batches.

Names are those of the API. Instants are aware datetimes and are sent in UTC; what is left out is not sent.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, TypedDict

import msgspec

JSON: Final = "application/json"


class StartFields(TypedDict, total=False):
    """What `start` may say beside call id, tenant and sequence."""

    call_type: str
    user: str
    service_number: str
    caller: str
    callee: str
    started_at: datetime
    answered_at: datetime
    requested_seconds: int


class Start(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="op", tag="start"):
    """A call is set up; `service_number` stands in for `user` in service calls."""

    call_id: str
    tenant: str
    sequence: int
    call_type: str
    user: str = ""
    service_number: str = ""
    caller: str = ""
    callee: str = ""
    started_at: datetime | None = None
    answered_at: datetime | None = None
    requested_seconds: int | None = None


class Extend(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="op", tag="extend"):
    """Seconds used since the answer, in all, and a wish for more."""

    call_id: str
    tenant: str
    sequence: int
    used_seconds: int
    requested_seconds: int | None = None


class End(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="op", tag="end"):
    """The call is over; 0 seconds: it was not answered."""

    call_id: str
    tenant: str
    sequence: int
    duration_seconds: int
    answered_at: datetime | None = None
    ended_at: datetime | None = None


class Cancel(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="cancel"):
    """The call did not come about."""

    call_id: str
    tenant: str
    sequence: int


Operation = Start | Extend | End | Cancel

NAMES: Final = {Start: "start", Extend: "extend", End: "end", Cancel: "cancel"}
"""The last part of each operation's address."""


def in_utc(operation: Operation) -> Operation:
    """The operation with its instants in UTC. Raises ValueError for one without a time zone."""
    instants = {
        name: as_utc(value)
        for name in ("started_at", "answered_at", "ended_at")
        if (value := getattr(operation, name, None)) is not None
    }
    return msgspec.structs.replace(operation, **instants) if instants else operation


def as_utc(at: datetime) -> datetime:
    """An instant in UTC. Raises ValueError for one without a time zone."""
    if at.tzinfo is None:
        raise ValueError(f"the instant {at.isoformat()} has no time zone; give an aware datetime")
    return at.astimezone(UTC)


def body_of(operation: Operation) -> dict[str, Any]:
    """The body of the operation's own address: without what stands in the address."""
    fields: dict[str, Any] = msgspec.to_builtins(operation)
    del fields["op"], fields["call_id"]
    return fields
