"""`talktime rerate`: charges of the ledger priced anew by another deck; a dry run unless `--yes` is said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from talktime.core.limits import ALWAYS_US, NEVER_US
from talktime.core.money import format_money
from talktime.doors.cli.answer import print_json
from talktime.doors.cli.decks import usable_deck
from talktime.doors.cli.engine import now_us, typist
from talktime.doors.cli.many_calls import many_faults, many_ready, with_desk
from talktime.doors.cli.problems import UNUSABLE, Unusable, WrongUse, tell
from talktime.doors.cli.progress import Bar

if TYPE_CHECKING:
    from talktime.core.deck import Deck
    from talktime.doors.cli.screen import Screen
    from talktime.ledger.kept_calls import KeptCalls, Span
    from talktime.live.desk import Desk
    from talktime.live.rerate_run import CallDifference, RerateReport

DAY_US: Final = 86_400_000_000
SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class RerateRequest:
    """The options of `talktime rerate`, as they were written."""

    rates: str
    tenants: Sequence[str] = ()
    month: str | None = None
    from_: str | None = None
    until: str | None = None
    yes: bool = False
    dry_run: bool = False
    reason: str = ""
    database: str | None = None
    as_json: bool = False


def rerate_command(request: RerateRequest) -> int:
    """Shows what the deck changes, and corrects it where `--yes` says so."""
    from talktime.ledger.decks import Decks
    from talktime.ledger.kept_calls import KeptCalls
    from talktime.live.rerate_run import Rerating, What

    if request.yes and request.dry_run:
        raise WrongUse("--yes and --dry-run do not go together; leave one out")
    span, month = _span(request)
    deck, warnings = usable_deck(request.rates)
    for warning in warnings:
        tell(warning)
    url = many_ready(request.database)
    with many_faults():
        kept = KeptCalls(url)
        _check_tenants(kept, request.tenants, deck)
        if request.yes:
            Decks(url).add(deck, now_us(), typist().who)
    what = What(span, month, typist().who, request.reason)
    with Bar("re-rating") as bar:

        async def work(desk: Desk) -> RerateReport:
            return await Rerating(desk, kept, deck, what, dry_run=not request.yes).run(bar.update)

        report = with_desk(url, work, dry_run=not request.yes)
    if request.as_json:
        print_json(_json(deck, report))
    else:
        from rich.console import Console

        from talktime.doors.cli.screen import screen_of

        _show(screen_of(Console()), deck, report)
    return UNUSABLE if report.changed else 0  # whoever starts it again finishes it


def _span(request: RerateRequest) -> tuple[Span, int]:
    """The span of starts, and the billing month (0: any): each tenant's month has its own time zone."""
    from talktime.accounts.calendar import month_start_us
    from talktime.ledger.kept_calls import Span

    tenants = tuple(request.tenants) or None
    if request.month is None:
        from_us, until_us = _instant("--from", request.from_, ALWAYS_US), NEVER_US
        until_us = _instant("--until", request.until, NEVER_US)
        if from_us >= until_us:
            raise WrongUse("--until must be later than --from")
        return Span(from_us, until_us, tenants), 0
    if request.from_ is not None or request.until is not None:
        raise WrongUse("--month does not go together with --from and --until; leave one out")
    found = re.fullmatch(r"(\d{4})-(\d{2})", request.month, re.ASCII)
    if found is None or not 1 <= int(found[2]) <= 12 or not 1970 <= int(found[1]) <= 2200:
        raise WrongUse(f"--month {request.month!r}: write a month such as 2026-03")
    month = int(found[1]) * 12 + int(found[2]) - 1
    from_us, until_us = month_start_us(month, "UTC") - DAY_US, month_start_us(month + 1, "UTC") + DAY_US
    return Span(from_us, until_us, tenants), month


def _instant(option: str, text: str | None, absent_us: int) -> int:
    from talktime.files.instants import parse_instant

    if text is None:
        return absent_us
    try:
        return parse_instant(text)
    except ValueError as problem:
        raise WrongUse(f"{option}: {problem}") from None


def _check_tenants(kept: KeptCalls, tenants: Sequence[str], deck: Deck) -> None:
    known = kept.tenants()
    for tenant in tenants:
        if tenant not in known:
            raise Unusable(f"there is no tenant {tenant!r} in the ledger; `talktime tenant list` shows them")
        if known[tenant] != deck.currency:
            raise Unusable(
                f"tenant {tenant} is charged in {known[tenant]}, deck {deck.name} is in {deck.currency}; "
                "give a deck in the tenant's currency"
            )


# --- for people ------------------------------------------------------------------------------------


def _show(screen: Screen, deck: Deck, report: RerateReport) -> None:
    from talktime.doors.cli.screen import money
    from talktime.files.report import SAMPLE_PRICES
    from talktime.insight.wording import counted

    sample = f", {SAMPLE_PRICES}" if deck.sample else ""
    screen.say(f"Deck {deck.name} {deck.version} ({deck.currency}{sample})", "bold")
    done = "would be corrected" if report.dry_run else "corrected"
    told = [
        f"{counted(report.calls, 'paid call')} priced anew",
        f"{report.corrected:,} {done}",
        f"{report.equal:,} equal",
        f"{report.unpriced:,} without a rate, left as they are",
    ]
    if report.unasked:
        told.append(f"{report.unasked:,} of an older Talktime that cannot be priced anew, left as they are")
    if report.changed:
        told.append(f"{report.changed:,} changed meanwhile: start again")
    if report.in_progress:
        told.append(f"{counted(report.in_progress, 'call')} in progress: run again when they are over")
    if report.other_currency:
        told.append(f"{report.other_currency:,} charges in other currencies left out")
    screen.say("; ".join(told) + ".")
    if report.sums:
        screen.show(_sums(screen, report))
        screen.title("The largest differences")
        for call in report.dearest:
            screen.say(_sentence(call))
        screen.title("Balances")
        lines = [
            (tenant, money(before), money(after), money(after - before))
            for tenant, (before, after) in sorted(report.balances.items())[:SHOWN]
        ]
        screen.show(screen.table(("tenant", "before", "after", "difference"), lines))
        if len(report.balances) > SHOWN:
            screen.say(f"and {len(report.balances) - SHOWN:,} tenants more; --json lists all", "dim")
    _list(screen, "Without a rate in this deck", report.unpriced_calls, report.unpriced)
    _list(screen, "Of an older Talktime", report.unasked_calls, report.unasked)
    if report.dry_run and report.corrected:
        screen.say("Nothing was booked; the same command with --yes books it.")


def _list(screen: Screen, title: str, calls: Sequence[CallDifference], number: int) -> None:
    if not calls:
        return
    screen.title(title)
    for call in calls[:SHOWN]:
        screen.say(f"{call.tenant} {call.call} to {call.number or 'no number'}")
    if number > SHOWN:
        screen.say(f"and {number - SHOWN:,} more", "dim")


def _sums(screen: Screen, report: RerateReport) -> Any:
    from talktime.doors.cli.screen import money

    rows = [
        (tenant, category, f"{sums.calls:,}", money(sums.old), money(sums.new), money(sums.new - sums.old))
        for (tenant, category), sums in sorted(report.sums.items())[: 10 * SHOWN]
    ]
    total = (f"{report.corrected:,}", money(report.old), money(report.new), money(report.new - report.old))
    rows.append(("all", "", *total))
    return screen.table(("tenant", "category", "calls", "old", "new", "difference"), rows, left=2)


def _sentence(call: CallDifference) -> str:
    from talktime.doors.cli.screen import money
    from talktime.insight.wording import moment

    billed = f"{call.billed_s} s"
    if call.old_billed_s != call.billed_s:
        billed = f"{call.old_billed_s} s, now {billed}"
    return (
        f"{call.call} of {call.tenant}, {moment(call.start_us)} to {call.number or 'no number'}: {billed}; "
        f"{money(call.old_amount)}, now {money(call.amount)} ({money(call.difference)})"
    )


# --- for programs ----------------------------------------------------------------------------------


def _json(deck: Deck, report: RerateReport) -> dict[str, Any]:
    return {
        "dry_run": report.dry_run,
        "deck": {
            "name": deck.name,
            "version": deck.version,
            "currency": deck.currency,
            "sample": deck.sample,
        },
        "calls": report.calls,
        "equal": report.equal,
        "corrected": report.corrected,
        "without_rate": report.unpriced,
        "of_older_talktime": report.unasked,
        "changed_meanwhile": report.changed,
        "other_currency": report.other_currency,
        "in_progress": report.in_progress,
        "old": format_money(report.old),
        "new": format_money(report.new),
        "difference": format_money(report.new - report.old),
        "by_category": [
            {
                "tenant": tenant,
                "category": category,
                "calls": sums.calls,
                "old": format_money(sums.old),
                "new": format_money(sums.new),
                "difference": format_money(sums.new - sums.old),
            }
            for (tenant, category), sums in sorted(report.sums.items())
        ],
        "largest": [_call(call) for call in report.dearest],
        "calls_without_rate": [_call(call) for call in report.unpriced_calls],
        "calls_of_older_talktime": [_call(call) for call in report.unasked_calls],
        "balances": [
            {"tenant": tenant, "before": format_money(before), "after": format_money(after)}
            for tenant, (before, after) in sorted(report.balances.items())
        ],
    }


def _call(call: CallDifference) -> dict[str, Any]:
    from talktime.files.instants import format_instant

    return {
        "tenant": call.tenant,
        "call": call.call,
        "number": call.number,
        "category": call.category,
        "start": format_instant(call.start_us),
        "billed_seconds_before": call.old_billed_s,
        "billed_seconds": call.billed_s,
        "amount_before": format_money(call.old_amount),
        "amount": format_money(call.amount),
        "difference": format_money(call.difference),
    }
