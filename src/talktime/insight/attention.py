"""What to look at in a run: calls that were refused or not priced, money that runs out, pools, odd rows.

Each check looks at one thing and yields findings; the order is by how soon somebody should look
(domain.md 10, 12 and 13).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import polars as pl

from talktime.core.limits import US_PER_S
from talktime.core.money import DOWN, format_money, round_div
from talktime.files.report import SAMPLE_PRICES
from talktime.insight.finding import SHOWN, Detail, Finding, Weight
from talktime.insight.kinds_of_row import comes_in
from talktime.insight.suspicion import dear_callers, long_calls, odd_rates, vendor_differences
from talktime.insight.wording import FLAGS, REASONS, Wording, counted, listed, meaning, minutes, moment

if TYPE_CHECKING:
    from talktime.bulk.result import PoolUse, Run

EXPIRY_WARNING_US: Final = 60 * 86_400 * US_PER_S
"""A lot that expires within 60 days of the end of the file is told (domain.md 10)."""

POOL_WARNING_PERCENT: Final = 80
"""A pool that is used beyond this is told (domain.md 5)."""


def attention(run: Run) -> tuple[Finding, ...]:
    """Everything worth a look, most urgent first."""
    findings = [finding for check in _CHECKS for finding in check(run)]
    return tuple(sorted(findings, key=lambda finding: finding.weight))


def money_that_ran_out(run: Run) -> Iterator[Finding]:
    """The first instant without money, overdraft that is still owed, a recharge that met its cap."""
    totals, currency = run.totals, run.deck.currency
    if totals.money_ran_out_at_us is not None:
        at = moment(totals.money_ran_out_at_us)
        yield Finding(
            "money_ran_out",
            Weight.NOW,
            f"The money ran out at {at}.",
            "Buy credits earlier, or switch auto-recharge on with a higher trigger.",
        )
    if totals.overdraft and run.has_wallet:
        owed = f"{format_money(totals.overdraft)} {currency}"
        yield Finding(
            "overdraft", Weight.NOW, f"{owed} are overdrawn.", "The next purchase repays them first."
        )
    capped = [movement for movement in run.movements if movement.kind == "recharge_capped"]
    if capped:
        yield Finding(
            "recharge_capped",
            Weight.NOW,
            f"Auto-recharge met a cap, first at {moment(capped[0].at_us)}.",
            "Raise the cap, or expect calls to be refused.",
        )


def blocked_calls(run: Run) -> Iterator[Finding]:
    """Calls that were refused, by reason."""
    blocked = run.calls.filter(pl.col("state") == "blocked")
    for reason, calls, seconds in _grouped(blocked, "reason", "blocked_seconds"):
        wording = REASONS.get(reason, Wording(meaning(REASONS, reason), ""))
        who = blocked.filter(pl.col("reason") == reason)
        users = [
            Detail(user or "without a user", n, s) for user, n, s in _grouped(who, "user", "blocked_seconds")
        ]
        yield Finding(
            f"blocked:{reason}",
            Weight.NOW,
            f"{counted(calls, 'call')} ({minutes(seconds)}) blocked: {wording.meaning}"
            f"{_beyond(users, 'user')}.",
            _sentence(wording.remedy),
            tuple(users[:SHOWN]),
        )


def unrated_destinations(run: Run) -> Iterator[Finding]:
    """Calls without a rate, by leading digits, country, category and whether they came in."""
    unrated = run.calls.filter(pl.col("state") == "unrated")
    if not unrated.height:
        return
    came_in = _came_in(unrated)
    named = unrated.with_columns(_destination(came_in).alias("destination"))
    where = [
        Detail(destination, calls, seconds)
        for destination, calls, seconds in _grouped(named, "destination", "unrated_seconds")
    ]
    row = "inbound row" if came_in.all() else "row"
    seconds = sum(detail.seconds or 0 for detail in where)
    yield Finding(
        "unrated",
        Weight.SOON,
        f"{counted(unrated.height, 'call')} ({minutes(seconds)}) could not be priced: the deck has no {row}"
        f"{_beyond(where, 'destination')}.",
        "Add rows to the deck and rate the file again.",
        tuple(where[:SHOWN]),
    )


def _destination(came_in: pl.Series) -> pl.Expr:
    """`+2772... ZA (calling_plan_international)`; `came_in` says of each row whether the call came in."""
    number, country = pl.col("callee"), pl.col("country").cast(pl.String)
    begin = (
        pl.when(number.str.contains(r"^\+\d{5}"))
        .then(number.str.slice(0, 5) + "...")
        .when(number == "")
        .then(pl.lit("no number"))
        .otherwise(number)
    )
    placed = pl.when(country != "").then(begin + " " + country).otherwise(begin)
    inbound = pl.when(came_in).then(pl.lit(", inbound")).otherwise(pl.lit(""))
    return pl.concat_str(placed, pl.lit(" ("), pl.col("category").cast(pl.String), inbound, pl.lit(")"))


def _came_in(calls: pl.DataFrame) -> pl.Series:
    """Which of the calls came in, asked once for each call type and direction."""
    ways = calls.select(pl.col("call_type", "direction").cast(pl.String))
    inbound = [way for way in ways.unique().rows() if comes_in(*way)]
    known = pl.DataFrame(inbound, {"call_type": pl.String, "direction": pl.String}, orient="row")
    marked = known.with_columns(pl.lit(value=True).alias("came_in"))
    joined = ways.join(marked, on=["call_type", "direction"], how="left", maintain_order="left")
    return joined["came_in"].fill_null(value=False)


def pools_nearly_used(run: Run) -> Iterator[Finding]:
    """Pools of which more than 80 % are used."""
    full = [
        pool for pool in run.pools if pool.size_s and pool.used_s * 100 > pool.size_s * POOL_WARNING_PERCENT
    ]
    for pool in sorted(full, key=lambda pool: pool.at_100_us is None):
        yield _pool_finding(pool, pool.size_s or 0)


def _pool_finding(pool: PoolUse, size_s: int) -> Finding:
    percent = round_div(pool.used_s * 100, size_s, DOWN)
    used = f"{minutes(pool.used_s)} of {minutes(size_s)}"
    if pool.at_100_us is not None:
        sentence = f"Pool {pool.name} was used up at {moment(pool.at_100_us)} ({used})."
        return Finding(
            "pool_used_up", Weight.SOON, sentence, "Further calls are paid by credits; add licences."
        )
    since = f", 80 % since {moment(pool.at_80_us)}" if pool.at_80_us is not None else ""
    sentence = f"Pool {pool.name} is {percent} % used ({used}){since}."
    return Finding("pool_nearly_used", Weight.SOMETIME, sentence, "Beyond it calls are paid by credits.")


def expiring_lots(run: Run) -> Iterator[Finding]:
    """Credits that expired, and those that will within 60 days of the end of the file."""
    currency = run.deck.currency
    if run.totals.forfeited:
        lost = f"{format_money(run.totals.forfeited)} {currency}"
        yield Finding(
            "expired", Weight.SOON, f"{lost} of credits expired unused.", "Buy smaller amounts more often."
        )
    end_us = run.calls["end"].dt.epoch("us").max() if run.calls.height else None
    if not isinstance(end_us, int):
        return
    for lot in run.lots:
        if lot.left and end_us < lot.expires_at_us <= end_us + EXPIRY_WARNING_US:
            left = f"{format_money(lot.left)} {currency}"
            yield Finding(
                "expires_soon",
                Weight.SOON,
                f"{left} of lot {lot.id} expire at {moment(lot.expires_at_us)}.",
                "They are forfeited then; credits are spent oldest first.",
            )


def flagged_rows(run: Run) -> Iterator[Finding]:
    """Rows that are odd, by flag, with the users or numbers they name."""
    flagged = run.calls.filter(pl.col("flags") != "")
    flags = Counter[str]()
    for joined, calls, _ in _grouped(flagged, "flags", "billed_seconds"):
        flags.update(dict.fromkeys(joined.split(";"), calls))
    for flag, calls in flags.most_common():
        rows = flagged.filter(pl.col("flags").cast(pl.String).str.split(";").list.contains(flag))
        shown_by = _FLAG_SHOWN_BY.get(flag, "callee")
        groups = _grouped(rows, shown_by, "billed_seconds", "amount")
        details = [
            Detail(what or "without a name", n, s or None, money or None) for what, n, s, money in groups
        ]
        wording = FLAGS.get(flag, Wording(meaning(FLAGS, flag), ""))
        yield Finding(
            flag,
            Weight.SOMETIME,
            f"{counted(calls, 'call')} flagged {flag}: {wording.meaning}{_beyond(details, 'line')}.",
            _sentence(wording.remedy),
            tuple(details[:SHOWN]),
        )


_FLAG_SHOWN_BY: Final = {
    "unknown_user": "user",
    "unknown_call_type": "call_type",
    "scope_disagrees": "location",
    "location_unknown": "user",
    "unlicensed_overrun": "user",
    "cap_overrun": "user",
}


def rows_set_aside(run: Run) -> Iterator[Finding]:
    """Rows of the files that could not be used, by reason."""
    if not run.usage.rejected_rows:
        return
    reasons = Counter(rejected.reason for rejected in run.usage.rejected)
    first = {rejected.reason: rejected for rejected in reversed(run.usage.rejected)}
    details = [
        Detail(f"{reason} (first: {first[reason].source}, line {first[reason].line})", rows, unit="row")
        for reason, rows in reasons.most_common()
    ]
    set_aside = run.usage.rejected_rows
    yield Finding(
        "rejected_rows",
        Weight.SOON,
        f"{counted(set_aside, 'row')} of the files could not be used and "
        f"{'was' if set_aside == 1 else 'were'} set aside{_beyond(details, 'reason')}.",
        "Sheet 'rejected rows' of a report written as .xlsx lists them with line and reason.",
        tuple(details[:SHOWN]),
    )


def made_up_prices(run: Run) -> Iterator[Finding]:
    """A deck that is only a sample."""
    if run.deck.sample:
        yield Finding(
            "sample_deck",
            Weight.SOON,
            f"Deck {run.deck.name} holds {SAMPLE_PRICES}: the amounts are not what your carrier bills.",
            "Give your own deck by --rates.",
        )


def unknown_columns(run: Run) -> Iterator[Finding]:
    """Columns of the files that were kept out of the way."""
    columns = list(run.usage.columns_unknown)
    if columns:
        sentence = f"{counted(len(columns), 'column')} not used: {listed(columns, SHOWN)}."
        yield Finding("unknown_columns", Weight.SOMETIME, sentence)


_CHECKS: Final[tuple[Callable[[Run], Iterator[Finding]], ...]] = (
    money_that_ran_out,
    blocked_calls,
    made_up_prices,
    unrated_destinations,
    rows_set_aside,
    pools_nearly_used,
    expiring_lots,
    dear_callers,
    odd_rates,
    vendor_differences,
    long_calls,
    flagged_rows,
    unknown_columns,
)


def _grouped(calls: pl.DataFrame, by: str, *summed: str) -> list[tuple]:  # type: ignore[type-arg]
    """(value, calls, sums...) of each value of a column, most calls first."""
    return (
        calls.group_by(pl.col(by).cast(pl.String).alias("value"))
        .agg(pl.len().alias("calls"), *(pl.col(name).sum() for name in summed))
        .sort(["calls", *summed, "value"], descending=[True] * (1 + len(summed)) + [False])
        .rows()
    )


def _beyond(details: list[Detail], of: str) -> str:
    rest = len(details) - SHOWN
    return f" ({counted(rest, 'more ' + of)} below the first {SHOWN})" if rest > 0 else ""


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}." if text else ""
