"""What a report says of its run beside the calls: sums, deck, pools, lots, movements.

It travels as JSON in the metadata of a Parquet report, so that the report alone can be explained and read
again. Instants, seconds and micros are integers, named as in `bulk.result`.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from talktime import __version__
from talktime.bulk.result import LotUse, Movement, PoolUse, Run, Totals
from talktime.core.deck import Deck
from talktime.core.money import ROUNDINGS
from talktime.core.rating import INCREMENTS
from talktime.insight.summary import warnings_of

LAYOUT: Final = 1
"""The version of this document; a reader refuses later ones."""

MOST_FILES: Final = 1_000
"""Names of files that a document holds at most."""

MOST_ENTRIES: Final = 100_000
"""Lots and movements that a document holds at most, the first of them."""


@dataclass(frozen=True, slots=True)
class DeckFacts:
    """The deck of a run. `rounding` and `increments` are names."""

    name: str
    version: str
    currency: str
    rates: int
    sample: bool
    rounding: str
    decimals: int
    increments: str


@dataclass(frozen=True, slots=True)
class TenantFacts:
    """The tenant of a run; `stated` is False where no tenant file described one."""

    id: str
    name: str
    country: str
    currency: str
    time_zone: str
    stated: bool


@dataclass(frozen=True, slots=True)
class RunDocument:
    """A run without its calls. `options` are those of the command line, as they were given.

    `files` are those that calls came from, by name; a report of an older program names none and no time.
    """

    layout: int
    program: str
    tenant: TenantFacts
    deck: DeckFacts
    catalogue: str
    has_wallet: bool
    totals: Totals
    pools: tuple[PoolUse, ...]
    lots: tuple[LotUse, ...]
    movements: tuple[Movement, ...]
    entries_left_out: int
    formats: tuple[str, ...]
    warnings: tuple[str, ...]
    options: dict[str, Any]
    files: tuple[str, ...] = ()
    files_left_out: int = 0
    rated_at_us: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The document as plain dicts, lists, strings and integers."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


@dataclass(frozen=True, slots=True)
class BookDocument:
    """What the calls of many tenants say of their run; each tenant's own document stands in `tenants`.

    `tenants` is the name of the file beside this one with a row for each tenant.
    """

    layout: int
    program: str
    deck: DeckFacts
    catalogue: str
    tenants: str
    options: dict[str, Any]
    rated_at_us: int


def book_document(
    deck: Deck, catalogue: str, tenants: str, options: dict[str, Any], rated_at_us: int
) -> BookDocument:
    """The document of a run over many tenants; it is known before the first call is written."""
    return BookDocument(
        LAYOUT, f"talktime {__version__}", deck_facts(deck), catalogue, tenants, options, rated_at_us
    )


def deck_facts(deck: Deck) -> DeckFacts:
    """What a document says of a deck."""
    return DeckFacts(
        name=deck.name,
        version=deck.version,
        currency=deck.currency,
        rates=len(deck.rows),
        sample=deck.sample,
        rounding=next(name for name, number in ROUNDINGS.items() if number == deck.rounding),
        decimals=deck.decimals,
        increments=next(name for name, number in INCREMENTS.items() if number == deck.increments),
    )


def document_of(
    run: Run, options: dict[str, Any] | None = None, rated_at_us: int | None = None
) -> RunDocument:
    """The document of a run; `options` must be plain JSON, `rated_at_us` says when it was made."""
    tenant, deck = run.tenant, run.deck
    files = sorted(run.calls["source"].unique().cast(str).to_list())
    return RunDocument(
        layout=LAYOUT,
        program=f"talktime {__version__}",
        tenant=TenantFacts(
            tenant.id, tenant.name, tenant.country, tenant.currency, tenant.time_zone, tenant.stated
        ),
        deck=deck_facts(deck),
        catalogue=run.catalogue_digest,
        has_wallet=run.has_wallet,
        totals=run.totals,
        pools=run.pools,
        lots=run.lots[:MOST_ENTRIES],
        movements=run.movements[:MOST_ENTRIES],
        entries_left_out=sum(max(len(entries) - MOST_ENTRIES, 0) for entries in (run.lots, run.movements)),
        formats=run.usage.formats,
        warnings=warnings_of(run),
        options=options or {},
        files=tuple(files[:MOST_FILES]),
        files_left_out=max(len(files) - MOST_FILES, 0),
        rated_at_us=rated_at_us,
    )
