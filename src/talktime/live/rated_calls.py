"""Rows of a rated file as calls to book, and the look at all of them before the first is booked.

What is wrong with one row refuses the whole file by one sentence: a wallet is not to be moved by half of a
file that nobody can trust (docs/decisions/0010).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from talktime.core.limits import (
    MAX_CALL_S,
    MAX_FEE_MICROS,
    MAX_INCREMENT_S,
    MAX_MONEY_MICROS,
    MAX_PRICE_NANOS,
)
from talktime.core.money import ROUNDINGS
from talktime.core.rating import INCREMENTS, amount_micros, billed_seconds
from talktime.files.read_rated import SAMPLE, TENANT, RatedFile
from talktime.files.usage import UnusableFile
from talktime.files.usage_times import END_US, FIRST_US
from talktime.live.facts import UNRATED
from talktime.live.posting import RatedCall, Twin

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from talktime.ledger.store import Call

CHARGED: Final = "charged"
FREE: Final = "free"
RAN_ON: Final = "unrated"

MAX_ID_BYTES: Final = 1_000
"""The longest identity or call id that both databases can find a row by."""

MOST_TENANTS_NAMED: Final = 5

Progress = Callable[[int, int], None]
Live = Callable[["Sequence[Call]"], "set[Call]"]
"""Which of some calls were ever live."""

_SHORT_TEXTS: Final = ("id", "call_id")
_BOUNDS: Final = (
    ("billed_seconds", MAX_CALL_S + 2 * MAX_INCREMENT_S),
    ("duration_seconds", MAX_CALL_S),
    ("pool_seconds", MAX_CALL_S + 2 * MAX_INCREMENT_S),
    ("amount", MAX_MONEY_MICROS),
    ("credits", MAX_MONEY_MICROS),
    ("post_usage", MAX_MONEY_MICROS),
    ("overdraft", MAX_MONEY_MICROS),
    ("price_per_minute", MAX_PRICE_NANOS),
    ("first_price_per_minute", MAX_PRICE_NANOS),
    ("connection_fee", MAX_FEE_MICROS),
    ("first_seconds", MAX_INCREMENT_S),
    ("step_seconds", MAX_INCREMENT_S),
)


_PRICED_BY: Final = (
    "state",
    "duration_seconds",
    "billed_seconds",
    "pool_seconds",
    "amount",
    "price_per_minute",
    "first_price_per_minute",
    "connection_fee",
    "first_seconds",
    "step_seconds",
    "increments",
    "rounding",
)
"""What says whether a row adds up: of rows that are the same in all of it one is looked at."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which file, for whom.

    `tenant` is the one of `--tenant`, or ""; `key` is the column of `--match`; `currencies` those of all
    tenants of the ledger.
    """

    file: RatedFile
    tenant: str
    key: str
    currencies: Mapping[str, str]


@dataclass(slots=True)
class Scanned:
    """What the file holds. `states`: rows that are not charged, by state; money in micros.

    `repeats`: hashes of (tenant, identity) that may occur twice; `twins`: the rows that share tenant and
    key of a live call, so that it could be either; `sample`: some price of what is charged is made up.
    """

    rows: int = 0
    bookable: int = 0
    amount: int = 0
    credits: int = 0
    post_usage: int = 0
    overdraft: int = 0
    states: Counter[str] = field(default_factory=Counter)
    repeats: frozenset[int] = frozenset()
    twins: dict[Call, tuple[Twin, ...]] = field(default_factory=dict)
    currency: str = ""
    sample: bool = False


def bookable() -> pl.Expr:
    """Rows that are charged: those with a price, free ones, and what pools paid of others.

    An unrated call that used up included minutes before it ran on takes those minutes (rulings.md 26).
    """
    ran_on = (pl.col("state") == RAN_ON) & (pl.col("pool_seconds") > 0)
    return pl.col("state").is_in([CHARGED, FREE]) | ran_on


def parts(wanted: Wanted, progress: Progress) -> Iterator[pl.DataFrame]:
    """The rows of the file, part by part, each with its tenant and `row`, its number from 1."""
    first = 1
    for part in wanted.file.parts():
        calls = part.calls.with_row_index("row", first)
        first += calls.height
        yield _with_tenant(calls, wanted)
        progress(part.done, part.total)


def _with_tenant(calls: pl.DataFrame, wanted: Wanted) -> pl.DataFrame:
    """The row's own tenant, else that of the run, else that of `--tenant`."""
    return calls.with_columns(pl.col(TENANT).replace("", wanted.file.tenant or wanted.tenant))


def scan(wanted: Wanted, live: Live, progress: Progress) -> Scanned:
    """Looks at every row. Raises UnusableFile with what keeps the file from being booked."""
    found = Scanned()
    identities: list[NDArray[np.uint64]] = []
    likenesses: list[NDArray[np.uint64]] = []
    for calls in parts(wanted, progress):
        _check_owners(calls, wanted)
        _check_currency(calls, found, wanted)
        charged = calls.filter(bookable())
        _check(charged, wanted)
        _add(found, calls, charged)
        identities.append(_hashes(charged, TENANT, "id"))
        likenesses.append(_hashes(charged.filter(pl.col(wanted.key) != ""), TENANT, wanted.key))
    found.repeats = _twice(identities)
    alike = _twice(likenesses)
    if alike:
        found.twins = _twins(wanted, alike, live)
    return found


def _check_owners(calls: pl.DataFrame, wanted: Wanted) -> None:
    """Raises UnusableFile for rows of nobody, of unknown tenants, or of another currency."""
    file = wanted.file
    pairs = calls.group_by(TENANT, "currency").agg(pl.col("row").min()).sort("row")
    owners = pairs[TENANT].unique(maintain_order=True).to_list()
    unknown = [tenant for tenant in owners if tenant not in wanted.currencies]
    if "" in unknown:
        row = pairs.filter(pl.col(TENANT) == "")["row"][0]
        raise UnusableFile(f"{file.path}: row {row} names no tenant; name one by --tenant")
    others = pairs.filter(pl.col(TENANT) != wanted.tenant) if wanted.tenant else pairs.clear()
    if others.height:
        tenant, _, row = others.row(0)
        if TENANT not in file.columns:
            raise UnusableFile(
                f"{file.path} was made for {tenant}, not for {wanted.tenant}; leave --tenant out"
            )
        raise UnusableFile(
            f"{file.path}: row {row} is of tenant {tenant}, not of {wanted.tenant}; leave --tenant out"
        )
    if unknown:
        rest = len(unknown) - MOST_TENANTS_NAMED
        more = f" and {rest:,} more" if rest > 0 else ""
        names = ", ".join(unknown[:MOST_TENANTS_NAMED])
        raise UnusableFile(
            f"{file.path}: no such tenant in the ledger: {names}{more}; "
            "make it first by `talktime tenant add`"
        )
    for tenant, currency, row in pairs.iter_rows():
        if currency != wanted.currencies[tenant]:
            raise UnusableFile(
                f"{file.path}: row {row} is in {currency or 'no currency'}, tenant {tenant} is charged in "
                f"{wanted.currencies[tenant]}; rate the usage with a deck in {wanted.currencies[tenant]}"
            )


def _check_currency(calls: pl.DataFrame, found: Scanned, wanted: Wanted) -> None:
    """A run has the currency of its deck; files that were put together may have several, and no sum."""
    for currency in calls["currency"].unique(maintain_order=True):
        found.currency = found.currency or currency
        if currency != found.currency:
            raise UnusableFile(
                f"{wanted.file.path} mixes {found.currency} and {currency}; book the runs one by one"
            )


def _check(charged: pl.DataFrame, wanted: Wanted) -> None:
    texts = [name for name, kind in charged.schema.items() if kind == pl.String]
    harmful = charged.filter(pl.any_horizontal(pl.col(texts).str.contains("\0", literal=True)))
    _refuse(wanted, harmful, "holds the sign NUL, which no ledger can store")
    long = [pl.col(name).str.len_bytes() > MAX_ID_BYTES for name in {*_SHORT_TEXTS, wanted.key}]
    _refuse(wanted, charged.filter(pl.any_horizontal(long)), f"has an id of more than {MAX_ID_BYTES} bytes")
    _refuse(wanted, charged.filter(pl.col("id") == ""), "has no id")
    outside = [(pl.col(name) < 0) | (pl.col(name) > most) for name, most in _BOUNDS]
    outside += [pl.col(name).is_null() for name in ("start", "billed_seconds", "pool_seconds", "amount")]
    outside += [pl.col("step_seconds") == 0]
    begins = pl.col("start")
    outside += [(begins < FIRST_US) | (begins >= END_US)]
    wrong = pl.any_horizontal(*(each.fill_null(value=False) for each in outside))
    _refuse(wanted, charged.filter(wrong), "holds a number beyond the limits of Talktime")
    paid = pl.col("amount") == pl.sum_horizontal("credits", "post_usage", "overdraft")
    unpaid = charged.filter(~paid.fill_null(value=False))
    _refuse(wanted, unpaid, "does not add up: who paid is not the amount")
    for call in rated_calls(charged.unique(_PRICED_BY, keep="first", maintain_order=True), wanted):
        if not _adds_up(call):
            raise UnusableFile(
                f"{wanted.file.path}: {call.place} does not add up: its rate gives another amount or other "
                "billed seconds; rate the usage again"
            )


def _refuse(wanted: Wanted, rows: pl.DataFrame, why: str) -> None:
    if rows.height:
        raise UnusableFile(f"{wanted.file.path}: row {rows['row'][0]} {why}; rate the usage again")


def _adds_up(call: RatedCall) -> bool:
    first_s, step_s, model, *prices = call.rate
    if call.duration_s <= 0 or billed_seconds(call.duration_s, first_s, step_s, model) != call.billed_s:
        return False
    if not call.rated or not call.paid:
        return call.amount == 0
    return amount_micros(call.pool_s, call.billed_s, first_s, *prices) == call.amount


def _add(found: Scanned, calls: pl.DataFrame, charged: pl.DataFrame) -> None:
    found.rows += calls.height
    found.bookable += charged.height
    found.sample = found.sample or bool(charged[SAMPLE].any())
    for name in ("amount", "credits", "post_usage", "overdraft"):
        setattr(found, name, getattr(found, name) + int(charged[name].sum()))
    rest = calls.filter(~bookable()).group_by("state").len()
    for state, count in rest.iter_rows():
        found.states[state or "unknown"] += count


def _hashes(calls: pl.DataFrame, *names: str) -> NDArray[np.uint64]:
    """One 64-bit number a row, equal where these texts are equal."""
    return calls.select(pl.struct(*names).hash().alias("hash"))["hash"].to_numpy()


def _twice(hashes: Iterable[NDArray[np.uint64]]) -> frozenset[int]:
    """The numbers that occur more than once."""
    found = [part for part in hashes if len(part)]
    if not found:
        return frozenset()
    ordered = np.sort(np.concatenate(found))
    return frozenset(np.unique(ordered[1:][ordered[1:] == ordered[:-1]]).tolist())


def _twins(wanted: Wanted, alike: frozenset[int], live: Live) -> dict[Call, tuple[Twin, ...]]:
    """Rows that share tenant and key with another one, where there is a live call of that key."""
    hashes = np.array(sorted(alike), np.uint64)
    found: dict[Call, dict[str, Twin]] = {}
    for calls in parts(wanted, lambda *_: None):
        charged = calls.filter(bookable()).filter(pl.col(wanted.key) != "")
        shared = charged.filter(np.isin(_hashes(charged, TENANT, wanted.key), hashes))
        names = (TENANT, wanted.key, "id", "start", "caller", "callee")
        rows = list(shared.select(pl.col(name).alias(f"{n}") for n, name in enumerate(names)).iter_rows())
        known = live(sorted({(tenant, key) for tenant, key, *_ in rows}))
        for tenant, key, identity, *twin in rows:
            if (tenant, key) in known:
                found.setdefault((tenant, key), {}).setdefault(identity, Twin(*twin))
    return {call: tuple(rows_of.values()) for call, rows_of in found.items() if len(rows_of) > 1}


def hashed(calls: pl.DataFrame) -> list[int]:
    """The hash of (tenant, identity) of each row, as in `Scanned.repeats`."""
    found: list[int] = _hashes(calls, TENANT, "id").tolist()
    return found


def rated_calls(calls: pl.DataFrame, wanted: Wanted) -> Iterator[RatedCall]:
    """Rows that are charged -> calls to book. Raises UnusableFile for a word that is none."""
    for row in calls.iter_rows(named=True):
        yield _call(row, wanted)


def _call(row: Mapping[str, Any], wanted: Wanted) -> RatedCall:
    rated = int(row["price_per_minute"] is not None)
    category, rule = row["category"], row["rule"]
    return RatedCall(
        tenant=row[TENANT],
        identity=row["id"],
        call_id=row["call_id"],
        key=row[wanted.key],
        start_us=row["start"],
        duration_s=row["duration_seconds"],
        billed_s=row["billed_seconds"],
        pool_s=row["pool_seconds"],
        amount=row["amount"],
        user=row["user"],
        user_id=row["user_id"],
        service=row["service_number"],
        caller=row["caller"],
        callee=row["callee"],
        category=category,
        why=rule.removeprefix(f"{category}: "),
        call_type=row["call_type"],
        direction=row["direction"],
        number_type=row["number_type"],
        scope=row["scope"],
        location=row["location"],
        deck=row["deck"].rpartition(" ")[2],
        prefix=row["prefix"],
        rate=_rate(row, wanted) if rated else UNRATED,
        rated=rated,
        paid=int(row["state"] != FREE),
        flags=tuple(row["flags"].split(";")) if row["flags"] else (),
        place=f"row {row['row']} ({row['source']} line {row['line']})",
    )


def _rate(row: Mapping[str, Any], wanted: Wanted) -> tuple[int, ...]:
    method, _, decimals = row["rounding"].partition(" ")
    parts = (row["first_seconds"], row["step_seconds"], row["first_price_per_minute"], row["connection_fee"])
    if (
        None in parts
        or method not in ROUNDINGS
        or decimals not in ("0", "1", "2", "3", "4", "5", "6")
        or row["increments"] not in INCREMENTS
    ):
        raise UnusableFile(
            f"{wanted.file.path}: row {row['row']} does not say how it was priced; rate the usage again"
        )
    first_s, step_s, first_nanos, fee = parts
    model, price = INCREMENTS[row["increments"]], row["price_per_minute"]
    return (first_s, step_s, model, first_nanos, price, fee, ROUNDINGS[method], int(decimals))
