"""Money that looks wrong: dear callers, odd rates, very long calls, and bills that disagree.

None of it changes a charge; it says where a person should look. The thresholds stand here by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import median_low
from typing import TYPE_CHECKING, Final, NamedTuple

import polars as pl

from talktime.core.money import format_decimal, format_money, parse_decimal
from talktime.files.decks.check import dear_rows
from talktime.insight.finding import SHOWN, Detail, Finding, Weight
from talktime.insight.wording import counted

if TYPE_CHECKING:
    from talktime.bulk.result import Run
    from talktime.core.deck import RateRow

DEAR_FACTOR: Final = 20
"""A call is dear if it costs more than this many times the median paid call."""

DEAR_CALLS: Final = 3
"""A caller is told with this many dear calls."""

PAID_CALLS: Final = 20
"""With fewer paid calls than this a median says nothing."""

LONG_CALL_S: Final = 4 * 3600
"""A paid call longer than this is told: a line that was not hung up, or fraud."""

_CHARGE_PLACES: Final = 15
"""Decimals of a charge in a file; more are no amount."""

_UNITS_A_MICRO: Final = 1_000_000_000


def dear_callers(run: Run) -> Iterator[Finding]:
    """Users with several calls that cost far more than the others' (toll fraud looks like this)."""
    paid = run.calls.filter(pl.col("amount") > 0)
    if paid.height < PAID_CALLS:
        return
    limit = DEAR_FACTOR * median_low(paid["amount"].to_list())
    dear = paid.filter(pl.col("amount") > limit)
    callers = (
        dear.group_by("user")
        .agg(pl.len().alias("calls"), pl.col("billed_seconds").sum(), pl.col("amount").sum())
        .filter(pl.col("calls") >= DEAR_CALLS)
        .sort(["amount", "user"], descending=[True, False])
    )
    if callers.height:
        details = [Detail(user or "without a user", n, s, money) for user, n, s, money in callers.rows()]
        yield Finding(
            "dear_calls",
            Weight.SOON,
            f"{counted(callers.height, 'caller')} made calls dearer than {format_money(limit)} "
            f"{run.deck.currency}, {DEAR_FACTOR} times the median.",
            "Check that they were meant; a spend cap limits the damage.",
            tuple(details[:SHOWN]),
        )


def long_calls(run: Run) -> Iterator[Finding]:
    """Paid calls that lasted for hours."""
    rows = run.calls.filter((pl.col("amount") > 0) & (pl.col("duration_seconds") > LONG_CALL_S))
    if rows.height:
        longest = rows.sort(["duration_seconds", "id"], descending=[True, False]).head(SHOWN)
        shown = longest.select("user", "callee", "duration_seconds", "amount").rows()
        yield Finding(
            "long_calls",
            Weight.SOMETIME,
            f"{counted(rows.height, 'paid call')} lasted longer than {LONG_CALL_S // 3600} hours.",
            "Check that the lines were hung up.",
            tuple(Detail(f"{user} to {callee}", 1, seconds, money) for user, callee, seconds, money in shown),
        )


def odd_rates(run: Run) -> Iterator[Finding]:
    """Rates that calls were charged by and that the check of decks finds far dearer than their neighbours."""
    used = _rates_in_use(run)
    odd = list(_dear_details(used, run.deck.rows)) if used else []
    if odd:
        verb = "is" if len(odd) == 1 else "are"
        yield Finding(
            "odd_rates",
            Weight.SOON,
            f"{counted(len(odd), 'price')} in use {verb} far above the neighbours'.",
            "Check these rows of the deck.",
            tuple(odd[:SHOWN]),
        )


def _rates_in_use(run: Run) -> dict[RateRow, tuple[int, int, int]]:
    """Rows of the deck that money was paid by -> calls, paid seconds, micros; most money first."""
    sums = (
        run.calls.filter((pl.col("paid_seconds") > 0) & pl.col("price_per_minute").is_not_null())
        .group_by(pl.col("prefix").cast(pl.String), "price_per_minute")
        .agg(pl.len().alias("calls"), pl.col("paid_seconds").sum(), pl.col("amount").sum())
        .sort(["amount", "prefix", "price_per_minute"], descending=[True, False, False])
        .rows()
    )
    rows = {(row.prefix, row.price_nanos): row for row in reversed(run.deck.rows)} if sums else {}
    return {
        rows[prefix, price]: (calls, seconds, money)
        for prefix, price, calls, seconds, money in sums
        if (prefix, price) in rows
    }


def _dear_details(used: Mapping[RateRow, tuple[int, int, int]], deck: Sequence[RateRow]) -> Iterator[Detail]:
    """A detail for each price in use that `check.dear_rows` tells, with the calls of all rows it is about.

    That check names the first row of a price: rows in use come first here, so that it names those.
    """
    first = list(used)
    countries = {row.country for row in first}
    known = {id(row) for row in first}
    others = [row for row in deck if row.country in countries and id(row) not in known]
    marked = [replace(row, line=at - len(first)) for at, row in enumerate(first)]  # no line of a file is < 0
    told = {finding.line + len(first): finding.text for finding in dear_rows([*marked, *others])}
    left = dict(used)
    for line in sorted(line for line in told if line < len(first)):
        alike = [row for row in left if row is first[line] or _alike(row, first[line])]
        sums = [left.pop(row) for row in alike]
        if sums:
            calls, seconds, money = (sum(column) for column in zip(*sums, strict=True))
            yield Detail(told[line], calls, seconds, money)


def _alike(row: RateRow, other: RateRow) -> bool:
    """Whether one finding speaks of both rows: the same price, conditions, country and type."""
    if (row.price_nanos, row.conditions, row.country) != (other.price_nanos, other.conditions, other.country):
        return False
    return row.type == other.type if row.country else row.prefix[:-1] == other.prefix[:-1]


def vendor_differences(run: Run) -> Iterator[Finding]:
    """Categories in which the charges of the file add up to something else than ours (rulings.md 3)."""
    sums, unread = _vendor_sums(run)
    differing = [(category, found) for category, found in sorted(sums.items()) if found.differ]
    currency = run.deck.currency
    if differing:
        names = ", ".join(category for category, _ in differing)
        yield Finding(
            "vendor_charge",
            Weight.SOMETIME if run.deck.sample else Weight.SOON,
            f"The charges in the file differ from ours in {names}.",
            "Ours follow the deck; compare the deck with the operator's price list.",
            tuple(
                Detail(
                    f"{category} ({format_decimal(found.theirs, _CHARGE_PLACES)} in the file)",
                    found.calls,
                    None,
                    found.ours,
                )
                for category, found in differing
            ),
        )
    if unread:
        sentence = f"{counted(unread, 'charge')} of the file could not be compared (no amount in {currency})."
        yield Finding("vendor_charge_unread", Weight.SOMETIME, sentence)


class _Sums(NamedTuple):
    """Charges of one category: theirs in units of 10**-15, ours in micros."""

    calls: int = 0
    theirs: int = 0
    ours: int = 0

    @property
    def differ(self) -> bool:
        """Whether the two sums are not the same amount."""
        return self.theirs != self.ours * _UNITS_A_MICRO


def _vendor_sums(run: Run) -> tuple[dict[str, _Sums], int]:
    """Sums by category over answered rows with a charge, and how many charges were no amount of ours."""
    told = run.calls.filter((pl.col("vendor_charge") != "") & (pl.col("state") != "not_answered"))
    groups = told.group_by(pl.col("category", "vendor_charge", "vendor_currency").cast(pl.String)).agg(
        pl.len().alias("calls"), pl.col("amount").sum()
    )
    sums: dict[str, _Sums] = {}
    unread = 0
    for category, charge, currency, calls, ours in groups.rows():
        theirs = _charge(charge)
        if theirs is None or currency not in ("", run.deck.currency):
            unread += calls
            continue
        before = sums.get(category, _Sums())
        sums[category] = _Sums(before.calls + calls, before.theirs + theirs * calls, before.ours + ours)
    return sums, unread


def _charge(text: str) -> int | None:
    """A charge as the file has it (0.085, 0,085) in units of 10**-15, or None."""
    plain = text.replace(",", ".") if text.count(",") == 1 and "." not in text else text
    try:
        return parse_decimal(plain, _CHARGE_PLACES)
    except ValueError:
        return None
