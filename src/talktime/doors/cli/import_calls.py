"""`talktime import`: a rated file is booked into the ledger, and the report says what became of each row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from talktime.core.money import format_money
from talktime.doors.cli.answer import print_json
from talktime.doors.cli.engine import typist
from talktime.doors.cli.many_calls import many_faults, many_ready, with_desk
from talktime.doors.cli.problems import UNUSABLE, tell
from talktime.doors.cli.progress import Bar

if TYPE_CHECKING:
    from talktime.doors.cli.screen import Screen
    from talktime.live.desk import Desk
    from talktime.live.import_run import ImportReport, RowDifference

SHOWN: Final = 10
"""Differences that are shown; --json lists up to a hundred a kind."""

KINDS: Final = {
    "allocation": "booked, but who pays is not as in the file",
    "matched_different": "charged live, and otherwise than in the file",
    "other_start": "booked; a live call with this id and these numbers began at another time",
    "ambiguous": "one live call could be several rows; not charged",
    "in_progress": "the call is in progress; not charged",
    "booked_and_live": "booked before, and charged live as well: correct one of them",
    "live_without_charge": "a live call with this id ended without a charge; not charged",
    "no_tenant": "the tenant has gone; not charged",
}
"""Kinds of differences in words."""


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """The options of `talktime import`, as they were written."""

    rated: Path
    tenant: str = ""
    database: str | None = None
    match: str = "call_id"
    dry_run: bool = False
    as_json: bool = False


def import_command(request: ImportRequest) -> int:
    """Books the file and shows the report; 1 where the report does not add up."""
    from talktime.files.read_rated import open_rated
    from talktime.ledger.kept_calls import KeptCalls
    from talktime.live.import_run import Import
    from talktime.live.rated_calls import Wanted

    file = open_rated(request.rated, request.match)
    url = many_ready(request.database)
    with many_faults():
        kept = KeptCalls(url)
        wanted = Wanted(file, request.tenant, request.match, kept.tenants())
    source = f"import {request.rated.name}"

    async def book(desk: Desk) -> ImportReport:
        work = Import(desk, kept, wanted, source=source, who=typist().who, dry_run=request.dry_run)
        with Bar("checking") as bar:
            scanned = work.check(bar.update)
        with Bar("booking") as bar:
            return await work.book(scanned, bar.update)

    report = with_desk(url, book, dry_run=request.dry_run)
    if request.as_json:
        print_json(_json(request, report))
    else:
        from rich.console import Console

        from talktime.doors.cli.screen import screen_of

        _show(screen_of(Console()), request, report)
    for fault in report.faults:
        tell(f"the report does not add up: {fault}; run `talktime verify`")
    return UNUSABLE if report.faults else 0


# --- for people ------------------------------------------------------------------------------------


def _show(screen: Screen, request: ImportRequest, report: ImportReport) -> None:
    from talktime.doors.cli.screen import money
    from talktime.files.report import SAMPLE_PRICES
    from talktime.insight.wording import counted

    scanned, would = report.scanned, " (dry run: nothing was booked)" if report.dry_run else ""
    screen.say(f"{request.rated}: {counted(scanned.rows, 'row')}{would}", "bold")
    screen.show(screen.table(("", "rows"), [(what, f"{number:,}") for what, number in _rows(report)]))
    screen.title(f"Money in {scanned.currency}" if scanned.currency else "Money")
    if scanned.sample:
        screen.say(f"The file was rated with {SAMPLE_PRICES}, which nobody charges.")
    booked, in_file = report.booked, report.booked_in_file
    lines = [
        ("rows that are charged, in the file", money(scanned.amount)),
        ("booked, in the file", money(in_file.amount)),
        ("booked", money(booked.amount)),
        ("of it by credits", money(booked.credits)),
        ("of it to be invoiced after use", money(booked.post_usage)),
        ("of it overdraft", money(booked.overdraft)),
    ]
    if report.journal is not None:
        lines.append(("moved by the journal", money(report.journal)))
    screen.show(screen.table(("", "amount"), lines))
    if booked.pool_s or in_file.pool_s:
        screen.say(f"Included minutes paid {booked.pool_s:,} s; in the file {in_file.pool_s:,} s.")
    if report.differences:
        screen.title("Differences")
        for told in report.differences[:SHOWN]:
            screen.say(_sentence(told))
        rest = len(report.differences) - SHOWN
        if rest > 0:
            screen.say(f"and {rest:,} more; --json lists them", "dim")


def _rows(report: ImportReport) -> list[tuple[str, int]]:
    """Counts that add up to the rows of the file."""
    from talktime.live.posting import Outcome

    outcomes, done = report.outcomes, "to be booked" if report.dry_run else "booked"
    lines = [
        (done, outcomes[Outcome.BOOKED] - report.minutes_only),
        (f"{done}, unrated, minutes only", report.minutes_only),
        ("already booked", outcomes[Outcome.ALREADY]),
        ("again in the file", report.duplicates),
        ("charged live, equal", outcomes[Outcome.EQUAL]),
        ("charged live, different", outcomes[Outcome.DIFFERENT]),
        ("ambiguous, not charged", outcomes[Outcome.AMBIGUOUS]),
        ("in progress, not charged", outcomes[Outcome.IN_PROGRESS]),
        ("booked before and charged live as well", outcomes[Outcome.TWICE]),
        ("live without a charge, not charged", outcomes[Outcome.UNTOLD]),
        ("of a tenant that has gone, not charged", outcomes[Outcome.NO_TENANT]),
    ]
    lines += [
        (f"{state.replace('_', ' ')}, not charged", number)
        for state, number in sorted(report.scanned.states.items())
    ]
    return [line for line in lines if line[1] or line == lines[0]]


def _sentence(told: RowDifference) -> str:
    from talktime.doors.cli.screen import money

    parts = [f"{told.place}, {told.tenant} {told.call_id or told.identity}: {KINDS[told.kind]}"]
    if told.kind in ("allocation", "matched_different"):
        sides = [
            (f"{told.billed_s_in_file} s billed", f"{told.billed_s} s"),
            (f"{told.pool_s_in_file} s included", f"{told.pool_s} s"),
            (money(told.amount_in_file), money(told.amount)),
            (told.category_in_file, told.category),
        ]
        shown = [
            f"{file} in the file, {ledger} in the ledger"
            for file, ledger in sides
            if file.partition(" s")[0] != ledger.partition(" s")[0]
        ]
        parts.append("; ".join(shown))
    return ": ".join(part for part in parts if part)


# --- for programs ----------------------------------------------------------------------------------


def _json(request: ImportRequest, report: ImportReport) -> dict[str, Any]:
    from talktime.live.posting import Outcome

    outcomes, scanned, booked = report.outcomes, report.scanned, report.booked
    return {
        "file": str(request.rated),
        "dry_run": report.dry_run,
        "currency": scanned.currency or None,
        "sample": scanned.sample,
        "rows": scanned.rows,
        "rows_to_charge": scanned.bookable,
        "booked": outcomes[Outcome.BOOKED],
        "booked_minutes_only": report.minutes_only,
        "booked_other_start": report.other_start,
        "already_booked": outcomes[Outcome.ALREADY],
        "duplicates": report.duplicates,
        "matched_equal": outcomes[Outcome.EQUAL],
        "matched_different": outcomes[Outcome.DIFFERENT],
        "ambiguous": outcomes[Outcome.AMBIGUOUS],
        "in_progress": outcomes[Outcome.IN_PROGRESS],
        "booked_and_live": outcomes[Outcome.TWICE],
        "live_without_charge": outcomes[Outcome.UNTOLD],
        "no_tenant": outcomes[Outcome.NO_TENANT],
        "not_charged": dict(sorted(scanned.states.items())),
        "tenants_booked": report.tenants,
        "amount_in_file": format_money(scanned.amount),
        "amount_booked_in_file": format_money(report.booked_in_file.amount),
        "amount_booked": format_money(booked.amount),
        "credits": format_money(booked.credits),
        "post_usage": format_money(booked.post_usage),
        "overdraft": format_money(booked.overdraft),
        "pool_seconds_in_file": report.booked_in_file.pool_s,
        "pool_seconds": booked.pool_s,
        "allocation": report.allocation,
        "journal": None if report.journal is None else format_money(report.journal),
        "adds_up": not report.faults,
        "differences": [_difference(told) for told in report.differences],
    }


def _difference(told: RowDifference) -> dict[str, Any]:
    return {
        "kind": told.kind,
        "tenant": told.tenant,
        "id": told.identity,
        "call_id": told.call_id or None,
        "row": told.place,
        "in_file": {
            "billed_seconds": told.billed_s_in_file,
            "pool_seconds": told.pool_s_in_file,
            "amount": format_money(told.amount_in_file),
            "category": told.category_in_file,
        },
        "in_ledger": {
            "billed_seconds": told.billed_s,
            "pool_seconds": told.pool_s,
            "amount": format_money(told.amount),
            "category": told.category,
        },
    }
