"""The report columns of a run: prepared rows and the loop's decisions side by side.

Texts with few different values are gathered from short lists by index; money stays integers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from talktime.bulk.prepare import FLAG_END, FLAG_MASKED, FLAG_UNKNOWN_USER
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

    from talktime.bulk.prepare import Prepared
    from talktime.bulk.result import LotUse, PoolUse
    from talktime.bulk.settle import Settled
    from talktime.catalog.model import Catalogue
    from talktime.core.deck import Deck

    Ints = NDArray[np.int64]

FLAG_OVERRUN = "unlicensed_overrun"
FLAG_CAP = "cap_overrun"


def calls_frame(
    prepared: Prepared,
    settled: Settled,
    catalogue: Catalogue,
    deck: Deck,
    lots: Sequence[LotUse],
    pools: Sequence[PoolUse],
    *,
    has_wallet: bool,
) -> pl.DataFrame:
    """All columns of `files.call_columns`, in settlement order."""
    columns: dict[str, pl.Series] = {}
    columns |= _from_file(prepared)
    columns |= _decisions(prepared, settled, has_wallet=has_wallet)
    columns |= _words(prepared, settled, catalogue)
    columns |= _rate(prepared, deck)
    columns |= _sources(settled, lots, pools)
    columns |= _people(prepared)
    columns["currency"] = _word([deck.currency], np.zeros(prepared.sides.usage.height, np.int64))
    columns["deck"] = _word([f"{deck.name} {deck.version}"], np.zeros(prepared.sides.usage.height, np.int64))
    return pl.DataFrame({name: columns[name] for name in NAMES})


def _word(words: Sequence[str], index: Ints) -> pl.Series:
    """The words at these indexes; -1 is the last word."""
    at = np.where(index < 0, len(words) + index, index)
    return pl.Series(words, dtype=pl.String).cast(pl.Categorical).gather(at)


def _from_file(prepared: Prepared) -> dict[str, pl.Series]:
    usage = prepared.sides.usage
    same = (
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
    columns = {name: usage[name] for name in same}
    columns["start"] = _instant(usage["start_us"])
    columns["end"] = _instant(usage["end_us"])
    columns["duration_seconds"] = usage["duration_s"]
    columns["caller"] = prepared.sides.caller.text
    columns["callee"] = prepared.sides.callee.text
    columns["location"] = prepared.sides.location
    columns["country"] = _word(prepared.sides.called.countries, prepared.sides.called.country)
    return columns


def _instant(us: pl.Series) -> pl.Series:
    return pl.from_epoch(us, time_unit="us").dt.replace_time_zone("UTC")


def _decisions(prepared: Prepared, settled: Settled, *, has_wallet: bool) -> dict[str, pl.Series]:
    charges = settled.charges
    answered = prepared.sides.usage["answered"].to_numpy()
    free = prepared.of_situation([c.category.is_free for c in prepared.classified]) == 1
    blocked = _blocked(settled)
    billed = charges["billed_s"]
    paid = np.where(blocked | free, 0, billed - charges["pool_s"] - charges["unrated_s"])
    pool_left = pl.Series(charges["pool_left_s"])
    columns = {
        "billed_seconds": pl.Series(np.where(blocked, 0, billed)),
        "blocked_seconds": pl.Series(np.where(blocked, billed, 0)),
        "free_seconds": pl.Series(np.where(free & answered, billed, 0)),
        "pool_seconds": pl.Series(charges["pool_s"]),
        "paid_seconds": pl.Series(paid),
        "unrated_seconds": pl.Series(charges["unrated_s"]),
        "pool_left_seconds": pool_left.set((pool_left == NONE) | (pool_left >= NO_LIMIT), None),
        "balance_after": pl.Series(charges["balance"]) if has_wallet else _nothing(len(billed)),
    }
    columns |= {name: pl.Series(charges[name]) for name in ("amount", "credits", "post_usage", "overdraft")}
    columns["recharge"] = pl.Series(charges["recharge"])
    return columns


def _nothing(rows: int) -> pl.Series:
    return (
        pl.Series([None], dtype=pl.Int64).extend_constant(None, rows - 1)
        if rows
        else pl.Series([], dtype=pl.Int64)
    )


def _blocked(settled: Settled) -> NDArray[np.bool_]:
    reason = settled.charges["reason"]
    blocked: NDArray[np.bool_] = (reason != 0) & (reason != NO_RATE)
    return blocked


def _words(prepared: Prepared, settled: Settled, catalogue: Catalogue) -> dict[str, pl.Series]:
    charges, classified = settled.charges, prepared.classified
    answered = prepared.sides.usage["answered"].to_numpy()
    states = [
        "charged",
        "unrated",
        "blocked",
        "not_answered",
        *sorted({c.category.state for c in classified}),
    ]
    of_category = prepared.of_situation([states.index(c.category.state) for c in classified])
    unrated = charges["reason"] == NO_RATE
    state = np.where(unrated, 1, np.where(_blocked(settled), 2, of_category))
    sources = ["", "free", "pool", "credits", "post_usage", "overdraft"]
    names, funding = _combined(
        sources[2:],
        [charges["pool_s"] > 0, charges["credits"] > 0, charges["post_usage"] > 0, charges["overdraft"] > 0],
        "+",
    )
    free = (prepared.of_situation([c.category.is_free for c in classified]) == 1) & answered
    rules = [f"{rule.category}: {rule.why}" for rule in catalogue.rules]
    categories = list(catalogue.categories)
    kinds = sorted({c.deck_call.number_type for c in classified})
    flag_names, flags = _flags(prepared, settled)
    return {
        "category": _word(
            categories, prepared.of_situation([categories.index(c.category.name) for c in classified])
        ),
        "rule": _word(rules, prepared.of_situation([c.rule for c in classified])),
        "number_type": _word(
            kinds, prepared.of_situation([kinds.index(c.deck_call.number_type) for c in classified])
        ),
        "state": _word(states, np.where(answered, state, 3)),
        "reason": _word([Refusal(n).code for n in range(len(Refusal))], charges["reason"]),
        "funding": _word([*names, "free"], np.where(free, len(names), funding)),
        "flags": _word(flag_names, flags),
    }


def _combined(
    words: Sequence[str], holds: Sequence[NDArray[np.bool_]], joined_by: str
) -> tuple[list[str], Ints]:
    """Joins the words that hold in each row: a list of all combinations and the index of each row's."""
    bits = np.zeros(len(holds[0]) if holds else 0, np.int64)
    for place, held in enumerate(holds):
        bits |= held.astype(np.int64) << place
    combinations, index = np.unique(bits, return_inverse=True)
    names = [
        joined_by.join(word for place, word in enumerate(words) if combination >> place & 1)
        for combination in combinations.tolist()
    ]
    return names, index.astype(np.int64)


def _flags(prepared: Prepared, settled: Settled) -> tuple[list[str], Ints]:
    classified = prepared.classified
    names = sorted({flag for c in classified for flag in c.flags})
    holds = [prepared.of_situation([flag in c.flags for c in classified]) == 1 for flag in names]
    unlicensed = prepared.of_situation([c.gates & GATE_UNLICENSED for c in classified]) != 0
    return _combined(
        [*names, FLAG_MASKED, FLAG_END, FLAG_UNKNOWN_USER, FLAG_OVERRUN, FLAG_CAP],
        [
            *holds,
            prepared.masked,
            prepared.sides.usage["end_disagrees"].to_numpy(),
            prepared.unknown_user,
            unlicensed & (settled.charges["amount"] > 0),
            settled.charges["over_cap"] > 0,
        ],
        ";",
    )


def _rate(prepared: Prepared, deck: Deck) -> dict[str, pl.Series]:
    """The matched row; empty where the call needed none."""
    asked = prepared.of_situation([not c.category.is_free for c in prepared.classified]) == 1
    row = np.where(asked, prepared.rate, NO_ROW)
    rows = deck.rows
    found = pl.Series(row != NO_ROW)
    names = {number: name for name, number in ROUNDINGS.items()}
    models = {number: name for name, number in INCREMENTS.items()}

    def numbers(values: list[int]) -> pl.Series:
        return pl.Series(np.array([*values, 0], np.int64)[row]).set(~found, None)

    def words(values: list[str]) -> pl.Series:
        return _word([*values, ""], row)

    everywhere = np.where(row == NO_ROW, 1, 0)
    return {
        "prefix": words([r.prefix for r in rows]),
        "rate_name": words([r.name for r in rows]),
        "price_per_minute": numbers([r.price_nanos for r in rows]),
        "first_price_per_minute": numbers([r.first_price_nanos for r in rows]),
        "connection_fee": numbers([r.fee_micros for r in rows]),
        "first_seconds": numbers([r.first_s for r in rows]),
        "step_seconds": numbers([r.step_s for r in rows]),
        "increments": _word([models[deck.increments], ""], everywhere),
        "rounding": _word([f"{names[deck.rounding]} {deck.decimals}", ""], everywhere),
    }


def _sources(settled: Settled, lots: Sequence[LotUse], pools: Sequence[PoolUse]) -> dict[str, pl.Series]:
    """`lots` and `pool`: which paid what, as name=value joined by `;`."""
    charges = settled.charges
    several: dict[int, dict[int, list[str]]] = {DRAW: {}, POOL_USE: {}}
    for kind, _, row, _, item, amount, _ in settled.log:
        if kind == DRAW:
            several[kind].setdefault(row, []).append(f"{lots[item].id}={format_money(amount)}")
        elif kind == POOL_USE:
            several[kind].setdefault(row, []).append(f"{pools[item].name}={amount}")
    seconds = pl.col("value").cast(pl.String)
    return {
        "lots": _named(
            [lot.id for lot in lots],
            charges["lot"],
            charges["credits"],
            plain_text_of("value", MICROS_PLACES),
            several[DRAW],
        ),
        "pool": _named(
            [pool.name for pool in pools], charges["pool"], charges["pool_s"], seconds, several[POOL_USE]
        ),
    }


def _named(
    names: Sequence[str], index: Ints, values: Ints, text: pl.Expr, several: Mapping[int, Sequence[str]]
) -> pl.Series:
    """name=value in each row that names one, the parts joined by `;` in rows that have several."""
    chosen = pl.Series([*names, ""], dtype=pl.String).gather(np.where(index < 0, len(names), index))
    frame = pl.DataFrame({"name": chosen, "value": values})
    both = pl.when(pl.col("name") == "").then(pl.lit("")).otherwise(pl.col("name") + "=" + text)
    texts = frame.select(both.alias("text"))["text"]
    return texts.scatter(list(several), [";".join(parts) for parts in several.values()]) if several else texts


def _people(prepared: Prepared) -> dict[str, pl.Series]:
    usage, payers = prepared.sides.usage, prepared.sides.payers
    numbers = {index: number for number, index in payers.by_number.items()}
    keys = [payer.key for payer in payers.payers]
    service = pl.Series([*(numbers.get(i, "") for i in range(len(keys))), ""], dtype=pl.String).gather(
        np.where(prepared.sides.service < 0, len(keys), prepared.sides.service)
    )
    known = pl.Series([*keys, ""], dtype=pl.String).gather(
        np.where(prepared.sides.user < 0, len(keys), prepared.sides.user)
    )
    frame = pl.DataFrame({"known": known, "upn": usage["upn"], "id": usage["user_id"], "service": service})
    empty_to_null = [pl.when(pl.col(c) != "").then(pl.col(c)) for c in ("known", "upn", "id", "service")]
    return {
        "user": frame.select(pl.coalesce(*empty_to_null).fill_null("").alias("user"))["user"],
        "service_number": service,
        "cost_centre": _word(prepared.caps.centre_names, prepared.caps.centre_name),
    }
