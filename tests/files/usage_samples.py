"""Made-up usage of every format, as text, for the tests of the readers."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from talktime.files.read_usage import read_usage
from talktime.files.usage import Usage

CALLING_PLANS_25 = (
    "UsageId,Call ID,Conference ID,User Location,Microsoft Entra ObjectId,UPN,User Display Name,Caller ID,"
    "Call Type,Call Direction,Number Type,Domestic/International,Destination Dialed,Destination Number,"
    "External Country,Start Time,End Time,Duration Seconds,Connection Fee,Charge,Currency,Capability,"
    "Operator,Source of Call Duration,Administrative Units"
).split(",")

CALLING_PLANS_20 = (
    "UsageId,Call ID,Conference ID,User Location,AAD ObjectId,UPN,User Display Name,Caller ID,Call Type,"
    "Number Type,Domestic/International,Destination Dialed,Destination Number,Start Time,End Time,"
    "Duration Seconds,Connection Fee,Charge,Currency,Capability"
).split(",")

DIRECT_ROUTING_25 = (
    "CorrelationId,Microsoft Entra ObjectId,UPN,Display Name,User country,Invite time,Start time,"
    "Failure time,End time,Duration (seconds),Success,Caller Number,Callee Number,Call type,Call Direction,"
    "Azure region for Media,Azure region for Signaling,Final SIP code,Final Microsoft subcode,"
    "Final SIP Phrase,SBC FQDN,Media bypass,Shared correlation ID,Administrative Units,"
    "Transfer or Correlation ID"
).split(",")

LEGACY = (
    "Call ID,User ID,Phone number,User location,Caller ID,Call type,Domestic/International,"
    "Destination dialed,Number type,Start Time (UTC),Duration,ConfID,Charge,Currency,Capability"
).split(",")

CALL = {
    "UsageId": "u1",
    "Call ID": "c1",
    "User Location": "US",
    "Microsoft Entra ObjectId": "o1",
    "AAD ObjectId": "o1",
    "UPN": "ana@contoso.example",
    "User Display Name": "Ana, of Sales",
    "Caller ID": "+14255550100",
    "Call Type": "user_out",
    "Call Direction": "Outbound",
    "Number Type": "User",
    "Domestic/International": "International",
    "Destination Dialed": "United Kingdom",
    "Destination Number": "+442071838750",
    "External Country": "GB",
    "Start Time": "2026-03-01T09:00:00.1234567Z",
    "End Time": "2026-03-01T09:03:39.1234567Z",
    "Duration Seconds": "219",
    "Connection Fee": "0",
    "Charge": "0.0880",
    "Currency": "usd",
    "Capability": "MCOPSTN2",
    "Operator": "Microsoft",
    "Source of Call Duration": "Microsoft",
}
"""One call of a Calling Plans export."""

ROUTED = {
    "CorrelationId": "r1",
    "Microsoft Entra ObjectId": "o1",
    "UPN": "ana@contoso.example",
    "Display Name": "Ana",
    "User country": "US",
    "Invite time": "2026-03-01 08:59:50",
    "Start time": "2026-03-01 09:00:00",
    "End time": "2026-03-01 09:01:00",
    "Duration (seconds)": "60",
    "Success": "Yes",
    "Caller Number": "+14255550100",
    "Callee Number": "+442071838750",
    "Call type": "dr_out",
    "Call Direction": "Outbound",
}
"""One call of a Direct Routing export."""

GRAPH = {
    "id": "g1",
    "callId": "c1",
    "userId": "o1",
    "userPrincipalName": "ana@contoso.example",
    "userDisplayName": "Ana",
    "startDateTime": "2026-03-01T09:00:00.1234567Z",
    "endDateTime": "2026-03-01T09:03:39.1234567Z",
    "duration": 219,
    "charge": 0.088,
    "callType": "user_out",
    "currency": "USD",
    "calleeNumber": "+442071838750",
    "usageCountryCode": "US",
    "tenantCountryCode": "US",
    "otherPartyCountryCode": "GB",
    "connectionCharge": 0.00,
    "callerNumber": "+14255550100",
    "destinationContext": "International",
    "destinationName": "United Kingdom",
    "conferenceId": None,
    "licenseCapability": "MCOPSTN2",
    "inventoryType": "Subscriber",
    "operator": "Microsoft",
    "callDurationSource": "microsoft",
}
"""One row of Graph getPstnCalls."""

GRAPH_ROUTED = {
    "id": "d1",
    "correlationId": "r1",
    "userId": "o1",
    "userPrincipalName": "ana@contoso.example",
    "userDisplayName": "Ana",
    "startDateTime": "0001-01-01T00:00:00Z",
    "inviteDateTime": "2026-03-01T09:00:00Z",
    "failureDateTime": "2026-03-01T09:00:05Z",
    "endDateTime": "0001-01-01T00:00:00Z",
    "duration": 0,
    "callType": "ByotOut",
    "successfulCall": False,
    "callerNumber": "+12345678***",
    "calleeNumber": "+442071838750",
}
"""One row of Graph getDirectRoutingCalls: a call that nobody answered."""


def table(header: Sequence[str], *calls: Mapping[str, str], delimiter: str = ",", end: str = "\r\n") -> str:
    """A header and its rows as CSV; cells that a call does not name are empty."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    writer.writerow(header)
    writer.writerows([call.get(name, "") for name in header] for call in calls)
    return text.getvalue()


def call(**changes: str) -> dict[str, str]:
    """The sample call with other values; `Start_Time` names the column `Start Time`."""
    return {**CALL, **{name.replace("_", " "): value for name, value in changes.items()}}


def written(folder: Path, content: str | bytes, name: str = "usage.csv") -> Path:
    """A file with this content."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(folder: Path, content: str | bytes, name: str = "usage.csv", **how: Any) -> Usage:
    """What comes out of a file with this content."""
    return read_usage([written(folder, content, name)], **how)


def rows(usage: Usage) -> list[dict[str, Any]]:
    """The calls as dictionaries."""
    return usage.calls.to_dicts()


def reasons(usage: Usage) -> list[tuple[int, str]]:
    """Line and reason of the rows that were set aside."""
    return [(one.line, one.reason) for one in usage.rejected]
