"""What an export holds: usage, spend, entries, movements or pools of a tenant, row by row (domain.md 12).

A usage export begins with the 25 columns of the vendor's Calling Plans export, so that whatever reads those
reads ours; then come our columns. It is made in a process of its own, beside the calls (rulings.md 39).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.accounts.calendar import day_of, day_start_us, month_name, month_of
from talktime.core.limits import MICROS_PER_UNIT, US_PER_S
from talktime.core.money import HALF_UP, round_div
from talktime.files.call_columns import Column, Kind
from talktime.insight.export_table import Cell, Table
from talktime.insight.movements import Courses
from talktime.insight.pool_report import pool_lines
from talktime.insight.spend import spend
from talktime.insight.usage_rows import CallRow, Pseudonyms, UsageRows
from talktime.ledger.database import DatabaseUrl
from talktime.ledger.money_reading import MoneyReader
from talktime.ledger.usage_reading import BY, Asked, UsageReader, UsedCall
from talktime.live.tenant import POOL

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.ledger.reading import Reader
    from talktime.live.tenant import LiveTenant

KINDS: Final = ("usage", "spend", "entries", "movements", "pools")
FORMATS: Final = ("xlsx", "csv", "parquet")
NICENESS: Final = 10
"""How far an export stands back behind calls in progress."""

_ENTRIES_A_PAGE: Final = 2_000
_MINUTES: Final = Kind.MONEY
"""Minutes are written like money: millionths inside, a decimal with six places outside."""


class CallFilters(NamedTuple):
    """Which calls of a span an export of usage holds; "" for all. `country`: the called number's.

    `user` is a name of the rows: of those without names the word that stands for somebody.
    """

    user: str = ""
    call_type: str = ""
    category: str = ""
    country: str = ""


NO_FILTERS: Final = CallFilters()


class UnknownTenantError(Exception):
    """The tenant is not in the ledger any more."""


@dataclass(frozen=True, slots=True)
class Task:
    """One export, as it is handed to the process that makes it.

    Calls that started, entries that were booked, or months that begin in [from_us, until_us). `secret` None:
    with names. `catalogue` as in the settings. The file appears at `path` when it is complete.
    """

    url: DatabaseUrl
    catalogue: Path | None
    tenant: str
    kind: str
    format: str
    from_us: int
    until_us: int
    now_us: int
    secret: bytes | None
    path: Path
    filters: CallFilters = NO_FILTERS


class Made(NamedTuple):
    """What an export came to."""

    rows: int
    bytes: int


def run_export(task: Task) -> Made:
    """Makes an export; runs in a worker process.

    Raises UnknownTenantError, NotReconciledError, StoreAway, and ReportError where the disk takes no more.
    """
    from talktime.insight.export_file import write_table

    os.nice(NICENESS)
    rows = write_table(task.path, task.format, table_of(task))
    return Made(rows, task.path.stat().st_size)


def table_of(task: Task) -> Table:
    """The columns and rows of an export. Raises UnknownTenantError."""
    from talktime.catalog.load import load_catalogue
    from talktime.catalog.side import load_masking
    from talktime.ledger.reading import Reader
    from talktime.live.tenant import live_tenant

    reader = Reader(task.url)
    documents = reader.documents(task.tenant)
    if documents is None:
        raise UnknownTenantError(f"there is no tenant {task.tenant!r}")
    live = live_tenant(documents, load_catalogue(task.catalogue))
    pseudonyms = None if task.secret is None else Pseudonyms(task.secret)
    rows = UsageRows(live.tenant, live.catalogue, load_masking(), pseudonyms)
    made = {
        "usage": partial(_usage, task, rows),
        "spend": partial(_spend, task, rows),
        "entries": partial(_entries, task, reader),
        "movements": partial(_movements, task, live.tenant),
        "pools": partial(_pools, task, reader, live, rows),
    }[task.kind]
    return Table(COLUMNS[task.kind], made())


# --- columns ---------------------------------------------------------------------------------------------


def _texts(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, Kind.TEXT, "") for name in names)


def _of(kind: Kind, *names: str) -> tuple[Column, ...]:
    return tuple(Column(name, kind, "") for name in names)


CALLING_PLANS: Final = (
    *_texts("UsageId", "Call ID", "Conference ID", "User Location", "Microsoft Entra ObjectId", "UPN"),
    *_texts("User Display Name", "Caller ID", "Call Type", "Call Direction", "Number Type"),
    *_texts("Domestic/International", "Destination Dialed", "Destination Number", "External Country"),
    *_of(Kind.INSTANT, "Start Time", "End Time"),
    *_of(Kind.SECONDS, "Duration Seconds"),
    *_of(Kind.MONEY, "Connection Fee", "Charge"),
    *_texts("Currency", "Capability", "Operator", "Source of Call Duration", "Administrative Units"),
)
"""The 25 columns of the vendor's export, in its order (formats.md)."""

OURS: Final = (
    *_texts("Category"),
    *_of(_MINUTES, "Billed Minutes", "Pool Minutes", "Paid Minutes"),
    *_of(Kind.PRICE, "Price Per Minute"),
    *_texts("Matched Prefix", "Deck Version", "Funding"),
    *_of(Kind.MONEY, "Balance After"),
    *_texts("Flags"),
    *_of(Kind.FLAG, "Corrected"),
)
"""What we add to them (domain.md 12)."""

COLUMNS: Final = {
    "usage": CALLING_PLANS + OURS,
    "spend": (
        *_texts("By", "Of"),
        *_of(Kind.COUNT, "Calls"),
        *_of(_MINUTES, "Billed Minutes", "Pool Minutes", "Paid Minutes"),
        *_of(Kind.MONEY, "Amount", "Credits", "Post-Usage", "Overdraft"),
        *_texts("Currency"),
    ),
    "entries": (
        *_of(Kind.COUNT, "Number"),
        *_of(Kind.INSTANT, "Time"),
        *_texts("Kind", "From Account", "To Account"),
        *_of(Kind.MONEY, "Amount"),
        *_of(Kind.COUNT, "Lot", "Charge", "Corrects"),
        *_texts("Hash"),
    ),
    "movements": (
        *_of(Kind.INSTANT, "Time"),
        *_texts("Kind"),
        *_of(Kind.MONEY, "Amount", "Balance After"),
        *_texts("Currency"),
        *_of(Kind.COUNT, "Lot"),
        *_texts("Reference"),
        *_of(Kind.COUNT, "First Entry", "Last Entry"),
    ),
    "pools": (
        *_texts("Month", "Pool", "Country", "User", "Plan", "Minutes For"),
        *_of(_MINUTES, "Total Minutes", "Used Minutes", "Reserved Minutes", "Left Minutes"),
    ),
}
"""The columns of each kind of export."""


# --- rows ------------------------------------------------------------------------------------------------


def _usage(task: Task, rows: UsageRows) -> Iterator[tuple[Cell, ...]]:
    reader = UsageReader(task.url)
    end, wanted = reader.end(task.tenant), task.filters
    asked = Asked(task.tenant, task.from_us, task.until_us, (), wanted.call_type, wanted.category)
    if wanted.user:
        names = rows.names_of(wanted.user)
        strangers = () if names else (user for user, _ in reader.sums(asked, end, "user"))
        asked = asked._replace(users=names or rows.names_of(wanted.user, strangers) or (wanted.user,))
    for calls in reader.calls(asked, end):
        for call in calls:
            if not wanted.country or rows.country(call.body.facts.callee) == wanted.country:
                yield usage_cells(rows.row(call), call)


def usage_cells(row: CallRow, call: UsedCall) -> tuple[Cell, ...]:
    """A row of usage, and the call that it was made of, as the cells of CALLING_PLANS + OURS."""
    charge, rate = call.charge, call.body.facts.rate if call.body.facts.rated else None
    return (
        row.id,
        row.call_id,
        row.conference_id,
        row.usage_country_code,
        row.user_id,
        row.user_principal_name,
        row.user_display_name,
        row.caller_number,
        row.call_type,
        row.direction.capitalize(),
        row.inventory_type,
        row.destination_context,
        row.destination_name,
        row.callee_number,
        row.other_party_country_code,
        charge.start_us,
        charge.start_us + row.duration * US_PER_S,
        row.duration,
        rate[5] if rate is not None and charge.paid_s else 0,
        charge.amount,
        row.currency,
        row.license_capability,
        row.operator,
        row.call_duration_source,
        row.administrative_units,
        row.category,
        minutes(row.billed_seconds),
        minutes(row.pool_seconds),
        minutes(row.paid_seconds),
        None if rate is None else rate[4],
        row.prefix,
        row.deck,
        row.funding,
        call.body.balance,
        ";".join(row.flags),
        row.corrected,
    )


def minutes(seconds: int) -> int:
    """Seconds as millionths of a minute, rounded half up."""
    return round_div(seconds * MICROS_PER_UNIT, 60, HALF_UP)


def _spend(task: Task, rows: UsageRows) -> Iterator[tuple[Cell, ...]]:
    reader = UsageReader(task.url)
    asked = Asked(task.tenant, task.from_us, task.until_us)
    for by in BY:
        for line in spend(reader, rows, asked, by).lines:
            sums = line.sums
            yield (
                by,
                line.key,
                sums.calls,
                minutes(sums.billed_s),
                minutes(sums.pool_s),
                minutes(sums.paid_s),
                sums.amount,
                sums.credits,
                sums.post_usage,
                sums.overdraft,
                rows.tenant.currency,
            )


def _entries(task: Task, reader: Reader) -> Iterator[tuple[Cell, ...]]:
    """The journal, newest first; its instants rise with its numbers."""
    before = 2**62
    while True:
        page = reader.entries(task.tenant, before, _ENTRIES_A_PAGE)
        for entry in page:
            if task.from_us <= entry.at_us < task.until_us:
                yield (
                    entry.number,
                    entry.at_us,
                    entry.kind,
                    entry.debit,
                    entry.credit,
                    entry.amount,
                    entry.lot or None,
                    entry.charge or None,
                    entry.corrects or None,
                    entry.hash.hex(),
                )
        if len(page) < _ENTRIES_A_PAGE or page[-1].at_us < task.from_us:
            return
        before = page[-1].number


def _movements(task: Task, tenant: Tenant) -> Iterator[tuple[Cell, ...]]:
    """What changed the balance, newest first; the calls of a day together, so a span begins with a day."""
    first = day_start_us(day_of(task.from_us, tenant.time_zone), tenant.time_zone)
    course = Courses(MoneyReader(task.url)).of(tenant, first)
    for line in reversed(course.lines):
        if line.at_us < task.until_us:
            yield (
                line.at_us,
                line.kind,
                line.micros,
                line.balance,
                course.currency,
                line.lot or None,
                line.reference,
                line.first,
                line.last,
            )


def _pools(task: Task, reader: Reader, live: LiveTenant, rows: UsageRows) -> Iterator[tuple[Cell, ...]]:
    """The months of the span in which a pool was used, and the present one."""
    zone = live.tenant.time_zone
    present = month_of(task.now_us, zone)
    months = range(month_of(task.from_us, zone), min(month_of(task.until_us - 1, zone), present) + 1)
    counters = reader.counters(task.tenant, months)
    used = {month for name, month in counters if name.startswith(POOL)}
    for month in sorted(used | ({present} & set(months))):
        for line in pool_lines(live, counters, month, task.now_us, rows):
            yield (
                month_name(month),
                line.name,
                line.country,
                line.user,
                line.plan,
                line.kind,
                None if line.total_s is None else minutes(line.total_s),
                minutes(line.used_s),
                minutes(line.reserved_s),
                None if line.left_s is None else minutes(line.left_s),
            )
