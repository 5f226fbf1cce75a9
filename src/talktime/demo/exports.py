"""The tables that users export, as headers and what a row says in each (formats.md, Usage).

One row of usage is mapped to every one of them, so that the same month can be tried in each format.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from talktime.core.limits import US_PER_S
from talktime.demo.row import UsageRow
from talktime.demo.traffic import Traffic, load_traffic

Cells = tuple[str, ...]

_DAY_S: Final = 86_400
_FIRST_DAY: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Export:
    """A table: its columns, and how a file of it is written.

    `identity`, `start` and `duration` name columns.
    """

    header: tuple[str, ...]
    cells: Callable[[UsageRow], Cells]
    start: str
    duration: str
    identity: str
    delimiter: str = ","
    newline: str = "\r\n"
    encoding: str = "utf-8"


def instant_text(at_us: int) -> str:
    """Microseconds since 1970 -> ISO 8601 UTC with 7 fractional digits, as the vendor writes it."""
    at_s, fraction_us = divmod(at_us, US_PER_S)
    day, second = divmod(at_s, _DAY_S)
    return f"{_date(day)}T{_time(second)}.{fraction_us:06}{at_us % 7}Z"


def second_text(at_us: int) -> str:
    """`2026-03-05 09:15:22`: no zone, no fraction; what is below a second is cut."""
    day, second = divmod(at_us // US_PER_S, _DAY_S)
    return f"{_date(day)} {_time(second)}"


@lru_cache(maxsize=4096)
def _date(day: int) -> str:
    return (_FIRST_DAY + timedelta(days=day)).date().isoformat()


@lru_cache(maxsize=_DAY_S)
def _time(second: int) -> str:
    return f"{second // 3_600:02}:{second // 60 % 60:02}:{second % 60:02}"  # cut


def _calling_plans_25(row: UsageRow) -> Cells:
    start, end = instant_text(row.start_us), instant_text(row.end_us)
    return (*row[:15], start, end, str(row.duration_s), *row[18:25])


def _calling_plans_20(row: UsageRow) -> Cells:
    return (
        *row[:9],
        *row[10:14],
        instant_text(row.start_us),
        instant_text(row.end_us),
        str(row.duration_s),
        *row[18:22],
    )


def _minimal(row: UsageRow) -> Cells:
    return (
        row.user_name,
        row.upn,
        second_text(row.start_us),
        str(row.duration_s),
        row.direction,
        _yes_no(row.duration_s),
        row.caller,
        row.callee,
    )


def _legacy(row: UsageRow) -> Cells:
    return (
        row.call_id,
        row.upn,
        row.callee,
        row.location,
        row.caller,
        row.call_type,
        row.scope,
        row.destination,
        row.number_type,
        second_text(row.start_us),
        str(row.duration_s),
        row.conference_id,
        row.charge,
        row.currency,
        row.capability,
    )


def _direct_routing(row: UsageRow) -> Cells:
    start, answered = instant_text(row.start_us), row.duration_s > 0
    invite = instant_text(row.start_us - 3 * US_PER_S)
    return (
        row.usage_id,
        row.user_id,
        row.upn,
        row.user_name,
        row.location,
        invite,
        start,
        "" if answered else start,
        instant_text(row.end_us),
        str(row.duration_s),
        _yes_no(row.duration_s),
        row.caller,
        row.callee,
        _direct_routing_type(row, load_traffic()),
        row.direction,
        "NOAM",
        "NOAM",
        "200" if answered else "487",
        "0" if answered else "540487",
        "OK" if answered else "Request Terminated",
        "sbc.contoso.example",
        "No",
        row.call_id,
        row.administrative_units,
        "",
    )


def _direct_routing_type(row: UsageRow, traffic: Traffic) -> str:
    """What the customer's own operator would have called it."""
    types = traffic.direct_routing
    return types.get(row.call_type, types[row.direction.lower()])


def _yes_no(duration_s: int) -> str:
    return "Yes" if duration_s else "No"


def _columns(text: str) -> tuple[str, ...]:
    return tuple(text.replace("\n", "").split(","))


CALLING_PLANS_25: Final = Export(
    header=_columns("""UsageId,Call ID,Conference ID,User Location,Microsoft Entra ObjectId,UPN,\
User Display Name,Caller ID,Call Type,Call Direction,Number Type,Domestic/International,\
Destination Dialed,Destination Number,External Country,Start Time,End Time,Duration Seconds,\
Connection Fee,Charge,Currency,Capability,Operator,Source of Call Duration,Administrative Units"""),
    cells=_calling_plans_25,
    start="Start Time",
    duration="Duration Seconds",
    identity="UsageId",
)

CALLING_PLANS_20: Final = Export(
    header=_columns("""UsageId,Call ID,Conference ID,User Location,AAD ObjectId,UPN,User Display Name,\
Caller ID,Call Type,Number Type,Domestic/International,Destination Dialed,Destination Number,\
Start Time,End Time,Duration Seconds,Connection Fee,Charge,Currency,Capability"""),
    cells=_calling_plans_20,
    start="Start Time",
    duration="Duration Seconds",
    identity="UsageId",
    newline="\n",
    encoding="utf-8-sig",
)

DIRECT_ROUTING_25: Final = Export(
    header=_columns("""CorrelationId,Microsoft Entra ObjectId,UPN,Display Name,User country,Invite time,\
Start time,Failure time,End time,Duration (seconds),Success,Caller Number,Callee Number,Call type,\
Call Direction,Azure region for Media,Azure region for Signaling,Final SIP code,\
Final Microsoft subcode,Final SIP Phrase,SBC FQDN,Media bypass,Shared correlation ID,\
Administrative Units,Transfer or Correlation ID"""),
    cells=_direct_routing,
    start="Start time",
    duration="Duration (seconds)",
    identity="CorrelationId",
)

LEGACY: Final = Export(
    header=_columns("""Call ID,User ID,Phone number,User location,Caller ID,Call type,\
Domestic/International,Destination dialed,Number type,Start Time (UTC),Duration,ConfID,Charge,\
Currency,Capability"""),
    cells=_legacy,
    start="Start Time (UTC)",
    duration="Duration",
    identity="Call ID",
    delimiter="\t",
)

MINIMAL: Final = Export(
    header=_columns(
        "Display Name,UPN,Start time,Duration (seconds),Call Direction,Success,\
Caller Number,Callee Number"
    ),
    cells=_minimal,
    start="Start time",
    duration="Duration (seconds)",
    identity="UPN",
    newline="\n",
)
