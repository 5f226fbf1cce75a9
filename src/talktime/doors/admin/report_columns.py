"""The columns of the table of calls: those of the vendor's 25-column export, in its order, then ours.

Each has a word for the address; the labels are those of an export, so that both can be laid side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.catalog.countries import country_name
from talktime.catalog.overview import category_name
from talktime.doors.admin.kit.show import Cell, Column, Kind
from talktime.doors.admin.words import minutes

if TYPE_CHECKING:
    from talktime.client.management.answers_calls import UsageRow
    from talktime.doors.admin.visit import Visit


class CallColumn(NamedTuple):
    """A column: its word in the address, its label, what stands in it, how it is set, whether it is usual."""

    word: str
    label: str
    cell: Callable[[Visit, UsageRow], Cell]
    kind: Kind = "text"
    first: bool = False


def country_words(code: str) -> str:
    """The country's name with its code; a dash for calls without one."""
    return f"{country_name(code)} ({code})" if code else "—"


def _words(funding: str) -> str:
    """Who paid: post_usage+overdraft -> post usage, overdraft."""
    return funding.replace("_", " ").replace("+", ", ")


CALL_COLUMNS: Final = (
    CallColumn("id", "UsageId", lambda _, row: row.id),
    CallColumn("call", "Call ID", lambda _, row: row.call_id),
    CallColumn("conference", "Conference ID", lambda _, row: row.conference_id),
    CallColumn("location", "User Location", lambda _, row: row.usage_country_code),
    CallColumn("object", "Microsoft Entra ObjectId", lambda _, row: row.user_id),
    CallColumn("upn", "UPN", lambda _, row: row.user_principal_name or row.user_id, first=True),
    CallColumn("name", "User Display Name", lambda _, row: row.user_display_name),
    CallColumn("caller", "Caller ID", lambda _, row: row.caller_number, "time"),
    CallColumn("type", "Call Type", lambda _, row: row.call_type, "time", first=True),
    CallColumn("direction", "Call Direction", lambda _, row: row.direction.capitalize()),
    CallColumn("number_type", "Number Type", lambda _, row: row.inventory_type),
    CallColumn("context", "Domestic/International", lambda _, row: row.destination_context),
    CallColumn("dialed", "Destination Dialed", lambda _, row: row.destination_name),
    CallColumn("destination", "Destination Number", lambda _, row: row.callee_number, "time", first=True),
    CallColumn("country", "External Country", lambda _, row: row.other_party_country_code),
    CallColumn("start", "Start Time", lambda at, row: at.when(row.start_date_time), "time", first=True),
    CallColumn("end", "End Time", lambda at, row: at.when(row.end_date_time), "time"),
    CallColumn("duration", "Duration Seconds", lambda _, row: f"{row.duration:,}", "figure", first=True),
    CallColumn("fee", "Connection Fee", lambda at, row: at.money(row.connection_charge), "figure"),
    CallColumn("charge", "Charge", lambda at, row: at.money(row.charge), "figure", first=True),
    CallColumn("currency", "Currency", lambda _, row: row.currency),
    CallColumn("capability", "Capability", lambda _, row: row.license_capability),
    CallColumn("operator", "Operator", lambda _, row: row.operator),
    CallColumn("source", "Source of Call Duration", lambda _, row: row.call_duration_source),
    CallColumn("units", "Administrative Units", lambda _, row: row.administrative_units),
    CallColumn("category", "Category", lambda _, row: category_name(row.category), first=True),
    CallColumn("billed", "Billed Minutes", lambda _, row: minutes(row.billed_seconds), "figure"),
    CallColumn("pool", "Pool Minutes", lambda _, row: minutes(row.pool_seconds), "figure"),
    CallColumn("paid", "Paid Minutes", lambda _, row: minutes(row.paid_seconds), "figure"),
    CallColumn("price", "Price Per Minute", lambda _, row: row.price_per_minute, "figure"),
    CallColumn("prefix", "Matched Prefix", lambda _, row: row.prefix),
    CallColumn("deck", "Deck Version", lambda _, row: row.deck),
    CallColumn("funding", "Funding", lambda _, row: _words(row.funding), first=True),
    CallColumn("balance", "Balance After", lambda at, row: at.money(row.balance_after), "figure"),
    CallColumn("flags", "Flags", lambda _, row: ", ".join(row.flags)),
    CallColumn("corrected", "Corrected", lambda _, row: "yes" if row.corrected else "no"),
)

FIRST: Final = tuple(column.word for column in CALL_COLUMNS if column.first)


def chosen_columns(words: str) -> tuple[CallColumn, ...]:
    """The columns of an address (`start.upn.charge`) in our order; the usual ones where it names none."""
    asked = frozenset(words.split(".")) if words else frozenset(FIRST)
    return tuple(column for column in CALL_COLUMNS if column.word in asked) or chosen_columns("")


def words_of(columns: Sequence[CallColumn]) -> str:
    """The same for an address; "" for the usual ones."""
    words = tuple(column.word for column in columns)
    return "" if words == FIRST else ".".join(words)


def heads(columns: Sequence[CallColumn]) -> list[Column]:
    """The heads of a table."""
    return [Column(column.label, column.kind) for column in columns]
