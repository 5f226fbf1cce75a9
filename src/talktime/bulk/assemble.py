"""The report columns of a run: prepared rows and the loop's decisions side by side.

Texts with few different values are gathered from short lists by index; money stays integers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import polars as pl

from talktime.accounts.calendar import month_name
from talktime.bulk.cap_columns import centres_of
from talktime.bulk.codes import words_at
from talktime.bulk.prepare import FLAG_END, FLAG_MASKED, FLAG_UNKNOWN_USER
from talktime.bulk.result import pool_name
from talktime.bulk.state import DRAW, NONE, POOL_USE
from talktime.core.deck import NO_ROW
from talktime.core.limits import NO_LIMIT
from talktime.core.money import MICROS_PLACES, ROUNDINGS, format_money
from talktime.core.rating import INCREMENTS
from talktime.core.refusals import GATE_UNLICENSED, NO_RATE, Refusal
from talktime.files.call_columns import NAMES
from talktime.files.exact_decimals import plain_text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from talktime.bulk.books import Book
    from talktime.bulk.loop_input import Loop
    from talktime.bulk.prepare import Prepared
    from talktime.bulk.setting import Setting
    from talktime.bulk.settle import Settled

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

FLAG_OVERRUN = "unlicensed_overrun"
FLAG_CAP = "cap_overrun"


SAME: Final = (
    "id",
    "call_id",
    "conference_id",
    "user_id",
    "user_name",
    "call_type",
    "direction",
    "scope",
    "destination",
    "country_hint",
    "capability",
    "operator",
    "duration_source",
    "administrative_units",
    "vendor_fee",
    "vendor_charge",
    "vendor_currency",
    "source",
    "line",
    "format",
)
"""Columns of usage that a report shows as they are."""


class Decided(NamedTuple):
    """What became of each row: columns of `state.Charges` that are carried to the report.

    `lots` and `pool` say which paid what, as name=value joined by `;`.
    """

    reason: Ints
    billed_s: Ints
    pool_s: Ints
    unrated_s: Ints
    amount: Ints
    credits: Ints
    post_usage: Ints
    overdraft: Ints
    balance: Ints
    recharge: Ints
    pool_left_s: Ints
    over_cap: Ints
    lots: pl.Series
    pool: pl.Series

    @property
    def blocked(self) -> Flags:
        """The rows that were refused; an unrated one was not."""
        blocked: Flags = (self.reason != 0) & (self.reason != NO_RATE)
        return blocked


SUMMED: Final = (
    "tenant", "state", "category", "start", "end", "balance_after", "recharge", "billed_seconds",
    "blocked_seconds", "free_seconds", "pool_seconds", "paid_seconds", "unrated_seconds", "amount", "credits",
    "post_usage", "overdraft",
)  # fmt: skip
"""The columns of a report that sums are made of."""


def figures_frame(
    prepared: Prepared, settled: Settled, setting: Setting, *, has_wallet: bool
) -> pl.DataFrame:
    """The columns SUMMED of `calls_frame`, in the order of the rows: a tenth of the work."""
    kept = {name: settled.charges[name] for name in Decided._fields[:-2]}
    nothing = pl.repeat("", len(prepared.tenant), dtype=pl.String, eager=True)
    decisions = Decided(**kept, lots=nothing, pool=nothing)
    columns = _decisions(prepared, decisions, has_wallet=has_wallet)
    columns |= _state(prepared, decisions, setting)
    columns |= _span(prepared.usage)
    columns["tenant"] = words_at([c.tenant.id for c in setting.customers.all], prepared.tenant)
    return pl.DataFrame({name: columns[name] for name in SUMMED})


def decided(loop: Loop, settled: Settled, books: Sequence[Book]) -> Decided:
    """What the loop decided, with lots and pools by name."""
    charges = settled.charges
    several: dict[int, dict[int, list[str]]] = {DRAW: {}, POOL_USE: {}}
    pool_names = [
        pool_name(key.plan, key.kind, key.owner, month_name(key.month)) for _, key in loop.plan.pools
    ]
    log = settled.log
    at = np.flatnonzero(np.isin(log.kind, [DRAW, POOL_USE]))
    entries = (
        np.asarray(column)[at].tolist() for column in (log.kind, log.tenant, log.row, log.item, log.amount)
    )
    for kind, tenant, row, item, amount in zip(*entries, strict=True):
        text = (
            f"{books[tenant].lots[item].id}={format_money(amount)}"
            if kind == DRAW
            else f"{pool_names[item]}={amount}"
        )
        several[kind].setdefault(row, []).append(text)
    first_lot = np.cumsum([0, *(len(book.lots) for book in books)])[:-1]
    lot = np.where(charges["lot"] < 0, NONE, charges["lot"] + first_lot[loop.month.calls.tenant])
    lot_names = [lot.id for book in books for lot in book.lots]
    money, seconds = plain_text_of("value", MICROS_PLACES), pl.col("value").cast(pl.String)
    kept = {name: charges[name] for name in Decided._fields[:-2]}
    return Decided(
        **kept,
        lots=_named(lot_names, lot, charges["credits"], money, several[DRAW]),
        pool=_named(pool_names, charges["pool"], charges["pool_s"], seconds, several[POOL_USE]),
    )


def calls_frame(prepared: Prepared, decided: Decided, setting: Setting, *, has_wallet: bool) -> pl.DataFrame:
    """All columns of `files.call_columns`, in the order of the rows."""
    columns = _from_file(prepared, setting)
    columns |= _decisions(prepared, decided, has_wallet=has_wallet)
    columns |= _words(prepared, decided, setting)
    columns |= _rate(prepared, setting)
    columns |= _people(prepared, setting)
    columns["lots"], columns["pool"] = decided.lots, decided.pool
    deck, once = setting.book.deck, np.zeros(len(prepared.tenant), np.int64)
    columns["currency"] = words_at([deck.currency], once)
    columns["deck"] = words_at([f"{deck.name} {deck.version}"], once)
    # What the file says goes on as it is: columns of one value stay one value.
    return prepared.usage.select(SAME).with_columns(**columns).select(NAMES)


def _from_file(prepared: Prepared, setting: Setting) -> dict[str, pl.Series]:
    usage = prepared.usage
    columns = _span(usage)
    columns["duration_seconds"] = usage["duration_s"]
    columns["caller"] = prepared.caller
    columns["callee"] = prepared.callee
    columns["location"] = words_at(prepared.location[1], prepared.location[0].codes)
    columns["country"] = words_at(setting.countries[0], prepared.country)
    return columns


def _span(usage: pl.DataFrame) -> dict[str, pl.Series]:
    return {"start": _instant(usage["start_us"]), "end": _instant(usage["end_us"])}


def _instant(us: pl.Series) -> pl.Series:
    return pl.from_epoch(us, time_unit="us").dt.replace_time_zone("UTC")


def _decisions(prepared: Prepared, decided: Decided, *, has_wallet: bool) -> dict[str, pl.Series]:
    free, blocked = _free(prepared), decided.blocked
    billed = decided.billed_s
    paid = np.where(blocked | free, 0, billed - decided.pool_s - decided.unrated_s)
    pool_left = pl.Series(decided.pool_left_s)
    columns = {
        "billed_seconds": pl.Series(np.where(blocked, 0, billed)),
        "blocked_seconds": pl.Series(np.where(blocked, billed, 0)),
        "free_seconds": pl.Series(np.where(free & (prepared.usage["answered"].to_numpy()), billed, 0)),
        "pool_seconds": pl.Series(decided.pool_s),
        "paid_seconds": pl.Series(paid),
        "unrated_seconds": pl.Series(decided.unrated_s),
        "pool_left_seconds": pool_left.set((pool_left == NONE) | (pool_left >= NO_LIMIT), None),
        "balance_after": pl.Series(decided.balance)
        if has_wallet
        else pl.repeat(None, len(billed), dtype=pl.Int64, eager=True),
        "recharge": pl.Series(decided.recharge),
    }
    money = ("amount", "credits", "post_usage", "overdraft")
    return columns | {name: pl.Series(getattr(decided, name)) for name in money}


def _free(prepared: Prepared) -> Flags:
    """Calls that nobody pays for."""
    of = [c.category.is_free for c in prepared.situations.classified]
    free: Flags = prepared.situations.spread(of) == 1
    return free


def _state(prepared: Prepared, decided: Decided, setting: Setting) -> dict[str, pl.Series]:
    """What each row is and what became of it."""
    situations = prepared.situations
    classified = situations.classified
    own = sorted({c.category.state for c in classified})
    states = ["charged", "unrated", "blocked", "not_answered", *own]
    of_category = situations.spread([states.index(c.category.state) for c in classified])
    state = np.where(decided.reason == NO_RATE, 1, np.where(decided.blocked, 2, of_category))
    categories = list(setting.catalogue.categories)
    category = situations.spread([categories.index(c.category.name) for c in classified])
    return {
        "category": words_at(categories, category),
        "state": words_at(states, np.where(prepared.usage["answered"].to_numpy(), state, 3)),
    }


def _words(prepared: Prepared, decided: Decided, setting: Setting) -> dict[str, pl.Series]:
    situations = prepared.situations
    classified = situations.classified
    sources = ["pool", "credits", "post_usage", "overdraft"]
    paid = (decided.pool_s, decided.credits, decided.post_usage, decided.overdraft)
    names, funding = _combined(sources, [part > 0 for part in paid], "+")
    rules = [f"{rule.category}: {rule.why}" for rule in setting.catalogue.rules]
    kinds = sorted({c.deck_call.number_type for c in classified})
    flag_names, flags = _flags(prepared, decided)
    free = _free(prepared) & prepared.usage["answered"].to_numpy()
    kind = situations.spread([kinds.index(c.deck_call.number_type) for c in classified])
    return _state(prepared, decided, setting) | {
        "rule": words_at(rules, situations.spread([c.rule for c in classified])),
        "number_type": words_at(kinds, kind),
        "reason": words_at([Refusal(n).code for n in range(len(Refusal))], decided.reason),
        "funding": words_at([*names, "free"], np.where(free, len(names), funding)),
        "flags": words_at(flag_names, flags),
    }


def _combined(words: Sequence[str], holds: Sequence[Flags], joined_by: str) -> tuple[list[str], Ints]:
    """Joins the words that hold in each row: a list of all combinations and the index of each row's."""
    bits = np.zeros(len(holds[0]) if holds else 0, np.int64)
    for place, held in enumerate(holds):
        if held.any():
            bits |= held.astype(np.int64) << place
    combinations = np.flatnonzero(np.bincount(bits))
    index = np.zeros(int(bits.max(initial=0)) + 1, np.int64)
    index[combinations] = np.arange(len(combinations))
    names = [
        joined_by.join(word for place, word in enumerate(words) if combination >> place & 1)
        for combination in combinations.tolist()
    ]
    return names, index[bits]


def _flags(prepared: Prepared, decided: Decided) -> tuple[list[str], Ints]:
    situations = prepared.situations
    classified = situations.classified
    names = sorted({flag for c in classified for flag in c.flags})
    holds = [situations.spread([flag in c.flags for c in classified]) == 1 for flag in names]
    unlicensed = situations.spread([c.gates & GATE_UNLICENSED for c in classified]) != 0
    return _combined(
        [*names, FLAG_MASKED, FLAG_END, FLAG_UNKNOWN_USER, FLAG_OVERRUN, FLAG_CAP],
        [
            *holds,
            prepared.masked,
            prepared.usage["end_disagrees"].to_numpy(),
            prepared.unknown_user,
            unlicensed & (decided.amount > 0),
            decided.over_cap > 0,
        ],
        ";",
    )


def _rate(prepared: Prepared, setting: Setting) -> dict[str, pl.Series]:
    """The matched row; empty where the call needed none."""
    deck, row = setting.book.deck, prepared.rate
    rows = deck.rows
    found = pl.Series(row != NO_ROW)
    names = {number: name for name, number in ROUNDINGS.items()}
    models = {number: name for name, number in INCREMENTS.items()}

    def numbers(values: list[int]) -> pl.Series:
        return pl.Series(np.array([*values, 0], np.int64)[row]).set(~found, None)

    def words(values: list[str]) -> pl.Series:
        return words_at([*values, ""], row)

    everywhere = np.where(row == NO_ROW, 1, 0)
    return {
        "prefix": words([r.prefix for r in rows]),
        "rate_name": words([r.name for r in rows]),
        "price_per_minute": numbers([r.price_nanos for r in rows]),
        "first_price_per_minute": numbers([r.first_price_nanos for r in rows]),
        "connection_fee": numbers([r.fee_micros for r in rows]),
        "first_seconds": numbers([r.first_s for r in rows]),
        "step_seconds": numbers([r.step_s for r in rows]),
        "increments": words_at([models[deck.increments], ""], everywhere),
        "rounding": words_at([f"{names[deck.rounding]} {deck.decimals}", ""], everywhere),
    }


def _named(
    names: Sequence[str], index: Ints, values: Ints, text: pl.Expr, several: Mapping[int, Sequence[str]]
) -> pl.Series:
    """name=value in each row that names one, the parts joined by `;` in rows that have several."""
    found = pl.repeat("", len(index), dtype=pl.String, eager=True)
    rows = np.flatnonzero(index >= 0)
    if len(rows):
        frame = pl.DataFrame(
            {"name": pl.Series(names, dtype=pl.String).gather(index[rows]), "value": values[rows]}
        )
        found = found.scatter(rows, frame.select((pl.col("name") + "=" + text).alias("text"))["text"])
    if several:
        found = found.scatter(list(several), [";".join(parts) for parts in several.values()])
    return found


def _or_last(payer: Ints, nobody: int) -> Ints:
    """Places of payers in a column whose last place stands for nobody."""
    return np.where(payer < 0, nobody, payer)


def _people(prepared: Prepared, setting: Setting) -> dict[str, pl.Series]:
    customers, usage = setting.customers, prepared.usage
    service = customers.service_words.gather(_or_last(prepared.service, customers.payer_count))
    user = customers.key_words.gather(_or_last(prepared.user, customers.payer_count))
    unknown = np.flatnonzero(prepared.user < 0)
    if len(unknown):  # as the file names them, else the service number
        named = [usage["upn"].gather(unknown), usage["user_id"].gather(unknown), service.gather(unknown)]
        texts = [pl.when(pl.col(str(at)) != "").then(pl.col(str(at)).cast(pl.String)) for at in range(3)]
        frame = pl.DataFrame({str(at): column for at, column in enumerate(named)})
        own = frame.select(pl.coalesce(*texts, pl.lit("")).alias("user"))["user"]
        words = own.unique()
        places = own.replace_strict(words, range(words.len()), return_dtype=pl.Int64).to_numpy()
        at = np.arange(len(prepared.user))
        at[unknown] = len(at) + places
        user = pl.concat([user, words.cast(pl.Categorical)]).gather(at)
    names, _ = customers.centres
    return {
        "user": user,
        "service_number": service,
        "cost_centre": words_at(names, centres_of(customers, prepared.user, prepared.service)),
        "tenant": words_at([c.tenant.id for c in customers.all], prepared.tenant),
    }
