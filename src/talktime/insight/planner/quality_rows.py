"""Statements on rows and prices: what was set aside, not priced, refused, masked, or carried by others.

What `insight.suspicion` and `insight.attention` find in a run is told in their words, once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

import polars as pl

from talktime.insight.attention import made_up_prices, rows_set_aside, unrated_destinations
from talktime.insight.planner.document import CANNOT, CAUTION, NOTE, Said
from talktime.insight.suspicion import dear_callers, long_calls, odd_rates
from talktime.insight.wording import FLAGS, REASONS, counted, helps, listed, meaning, minutes, moment

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.bulk.replay import Replayed
    from talktime.bulk.result import Run
    from talktime.files.usage import Usage
    from talktime.insight.finding import Finding

USAGE: Final = "usage"
PRICES: Final = "prices"
CARRIERS: Final = "carriers"

SHOWN: Final = 5
WARNINGS: Final = 5

_NUMBER: Final = re.compile(r"(\d{5})\d+")
_ROWS_IN: Final = re.compile(r"in ([\d,]+) rows? ")
_BEYOND: Final = re.compile(r" \(([\d,]+ more \w+) below the first \d+\)")

ODD: Final = {"masked_price": PRICES, "unknown_call_type": USAGE, "location_unknown": USAGE}
"""Flags of rows that make amounts less sure, and what they are about."""


def rows_said(usage: Usage, replayed: Replayed, tenant: Tenant, now_us: int | None) -> Iterator[Said]:
    """All that is to be said of rows and prices. `now_us` as for `quality`."""
    run = replace(replayed.run, calls=replayed.calls)
    return chain(
        _of_file(usage, run),
        _future(replayed, now_us),
        _carried(run),
        _prices(run),
        _currencies(replayed, tenant),
        _refused(run, replayed),
        _odd(run),
        _suspicious(run),
    )


def _of_file(usage: Usage, run: Run) -> Iterator[Said]:
    """Rows that did not become calls, and what reading the files warned of."""
    for finding in rows_set_aside(run):
        reasons = listed([f"{one.what}: {one.count:,}" for one in finding.details], SHOWN)
        yield Said(CAUTION, USAGE, f"{_plain(finding)} They are in no figure ({reasons}{_more(finding)}).")
    again = run.totals.duplicate_rows
    if again:
        was = "was" if again == 1 else "were"
        yield Said(NOTE, USAGE, f"{counted(again, 'row')} that stood twice {was} counted once.")
    for warning in islice(_warnings(usage.warnings), WARNINGS):
        yield Said(NOTE, USAGE, f"{warning.removesuffix('.')}.")


def _warnings(warnings: Sequence[str]) -> Iterator[str]:
    """What reading warned of, once for all files: `a.csv, b.csv: in 3 rows the end is ...`."""
    files: dict[str, list[str]] = {}
    rows: dict[str, int] = {}
    for warning in warnings:
        source, is_named, text = warning.partition(": ")
        if not is_named:
            source, text = "", warning
        rows_in = _ROWS_IN.match(text)
        kind = text if rows_in is None else text[rows_in.end() :]
        files.setdefault(kind, []).append(source)
        rows[kind] = rows.get(kind, 0) + (int(rows_in[1].replace(",", "")) if rows_in else 0)
    for kind, sources in files.items():
        many = f"in {counted(rows[kind], 'row')} " if rows[kind] else ""
        where = f"{listed(sources, SHOWN)}: " if any(sources) else ""
        yield f"{where}{many}{kind}"


def _plain(finding: Finding) -> str:
    """The sentence of a finding without `(4 more destinations below the first 5)`: the list stands here."""
    return _BEYOND.sub("", finding.sentence)


def _more(finding: Finding) -> str:
    """` and 4 more destinations`, behind the list of a finding; nothing where all are in it."""
    beyond = _BEYOND.search(finding.sentence)
    return f" and {beyond[1]}" if beyond else ""


def _future(replayed: Replayed, now_us: int | None) -> Iterator[Said]:
    """Calls that have not taken place yet, by the clock of whoever asks."""
    if now_us is None:
        return
    starts = replayed.done.prepared.usage["start_us"].to_numpy()
    late = int((starts > now_us).sum())
    if late:
        yield Said(
            CAUTION,
            USAGE,
            f"{counted(late, 'call')} {'starts' if late == 1 else 'start'} after now, the last one at "
            f"{moment(int(starts.max()))}: the clock of the export or the time zone of its column is wrong, "
            "or this machine's clock. Check them; the forecast begins after the last call.",
        )


def _carried(run: Run) -> Iterator[Said]:
    """Calls of the customer's own operator; where there are no others, nothing here costs money."""
    carried = int((run.calls["state"] == "carried_by_operator").sum())
    if not carried:
        return
    answered = run.totals.answered
    if carried == answered:
        yield Said(
            CANNOT,
            CARRIERS,
            f"All {counted(answered, 'answered call')} are carried by your own operator (Direct Routing and "
            "the like) and cost nothing here: there is nothing to forecast, to buy or to plan. "
            "What they would cost here is told under carriers.",
        )
    else:
        yield Said(
            NOTE,
            CARRIERS,
            f"{carried:,} of {counted(answered, 'answered call')} are carried by your own operator and cost "
            "nothing here; what they would cost is told under carriers.",
        )


def _prices(run: Run) -> Iterator[Said]:
    """Made-up prices, and calls without any."""
    for finding in made_up_prices(run):
        yield Said(CAUTION, PRICES, f"{finding.sentence} Give your own deck.")
    for finding in unrated_destinations(run):
        where = listed([f"{_cut(one.what)}: {one.count:,}" for one in finding.details], SHOWN)
        yield Said(
            CAUTION,
            PRICES,
            f"{_plain(finding)} They count as nothing, so every amount is too low by an unknown sum "
            f"({where}{_more(finding)}). Add rows to the deck.",
        )


def _currencies(replayed: Replayed, tenant: Tenant) -> Iterator[Said]:
    """Rows whose charge is in another currency than the tenant's."""
    named = replayed.done.prepared.usage["vendor_currency"].value_counts()
    words = dict(named.cast({"vendor_currency": pl.String}).iter_rows())
    others = {word: rows for word, rows in words.items() if word not in ("", tenant.currency)}
    for currency, rows in sorted(others.items()):
        yield Said(
            CAUTION,
            PRICES,
            f"{counted(rows, 'row')} {'names' if rows == 1 else 'name'} the currency {currency}, the tenant "
            f"has {tenant.currency}: amounts are by the deck in {tenant.currency}, and the charges of these "
            "rows are not compared. If they belong to another organisation, leave them out.",
        )


def _refused(run: Run, replayed: Replayed) -> Iterator[Said]:
    """Calls that today's settings refuse though there is money; those of strangers are told with them."""
    known = pl.Series(~replayed.done.prepared.unknown_user)
    refused = run.calls.lazy().filter((pl.col("state") == "blocked") & known)
    counts = refused.group_by(pl.col("reason").cast(pl.String)).agg(pl.len(), pl.col("blocked_seconds").sum())
    for reason, number, seconds in (
        counts.sort(["len", "reason"], descending=[True, False]).collect().iter_rows()
    ):
        yield Said(
            CAUTION,
            USAGE,
            f"{counted(number, 'call')} ({minutes(seconds)}) would be refused by today's settings "
            f"even with money: {meaning(REASONS, reason)}. They cost nothing here.{helps(REASONS, reason)}",
        )


def _odd(run: Run) -> Iterator[Said]:
    """Rows with a flag that makes amounts less sure."""
    counts = run.calls.lazy().filter(pl.col("flags") != "").group_by(pl.col("flags").cast(pl.String)).len()
    found: dict[str, int] = {}
    for joined, rows in counts.collect().iter_rows():
        for flag in joined.split(";"):
            found[flag] = found.get(flag, 0) + rows
    for flag, about in ODD.items():
        if flag in found:
            yield Said(
                CAUTION, about, f"{counted(found[flag], 'call')}: {meaning(FLAGS, flag)}.{helps(FLAGS, flag)}"
            )


def _suspicious(run: Run) -> Iterator[Said]:
    """Money that looks wrong: whoever made it may not make it again."""
    for check, about in ((dear_callers, USAGE), (odd_rates, PRICES)):
        for finding in check(run):
            what = listed([detail.what for detail in finding.details], SHOWN)
            yield Said(NOTE, about, f"{finding.sentence.removesuffix('.')} ({what}). {finding.remedy}")
    for finding in long_calls(run):  # whom they called is not for everybody's eyes
        yield Said(NOTE, USAGE, f"{finding.sentence} {finding.remedy}")


def _cut(destination: str) -> str:
    """A destination without the end of a number: not everybody may see it whole."""
    return _NUMBER.sub(r"\1...", destination)
