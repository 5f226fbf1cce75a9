"""Decks looked into before they are used: a file checked, two compared, the rates of a stored one."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Path, Query, Request

from talktime.core.deck import Deck
from talktime.doors.http.management.answers import FindingAnswer
from talktime.doors.http.management.answers_rates import (
    DeckChecked,
    DeckDifferences,
    DeckFacts,
    DeckRates,
    FindingCounts,
)
from talktime.doors.http.management.decks import parsed, refused_deck
from talktime.doors.http.management.house import House, InHouse, may_installation, may_own, read
from talktime.doors.http.management.rates import Place, Search
from talktime.doors.http.management.shown_rates import (
    change_shown,
    changes_of,
    facts_shown,
    head_shown,
    rate_shown,
    totals_shown,
)
from talktime.doors.http.management.texts import NAME_PATTERN, Cursor, Limit, next_of, place_of
from talktime.doors.http.problems import Problem, ProblemError, refused
from talktime.files.decks.compare import Comparison, compare
from talktime.insight.deck_sheet import DeckSheet
from talktime.ledger.api_keys import Principal
from talktime.ledger.decks import KeptDeck

router = APIRouter(prefix="/v1/decks", tags=["decks"])

ManagesDecks = Annotated[Principal, Depends(may_installation("manage_decks"))]
SeesRates = Annotated[Principal, Depends(may_own("see_rates"))]

Version = Annotated[
    str, Path(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$", examples=["0b61241d7c17"])
]
ChangeKind = Annotated[
    Literal["added", "removed", "dearer", "cheaper", "mixed", "unchanged"] | None,
    Query(description="only changes of this kind; all that change something, where it is absent"),
]
DeckName = Annotated[str, Query(max_length=200, pattern=NAME_PATTERN)]

MOST_FINDINGS: Final = 1_000
"""Findings that a check names; all are counted."""

CSV: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {
                "schema": {
                    "type": "string",
                    "maxLength": 20_000_000,
                    "examples": ["# currency = USD\nprefix,price_per_minute\n44,0.03\n"],
                }
            }
        },
    }
}


@router.post("/check", openapi_extra=CSV)
async def check_deck(
    house: InHouse, principal: ManagesDecks, request: Request, name: DeckName = ""
) -> DeckChecked:
    """What a file would be as a deck, with all that stands against it; nothing is kept."""
    del principal
    found = await read(parsed, await _csv(request), name, house)
    counts = Counter(finding.severity for finding in found.findings)
    kept = None if found.deck is None else await read(house.decks.kept, found.deck.version)
    return DeckChecked(
        usable=found.deck is not None,
        stored=kept is not None,
        deck=None if found.deck is None else head_shown(found.deck),
        format=found.format,
        rows=found.rows_total,
        rejected_rows=found.rows_rejected,
        counts=FindingCounts(
            refused=counts["refused"], row_rejected=counts["row_rejected"], warning=counts["warning"]
        ),
        findings=[
            FindingAnswer(severity=one.severity, line=one.line, text=one.text)
            for one in sorted(found.findings, key=lambda one: one.severity != "refused")[:MOST_FINDINGS]
        ],
    )


@router.get("/{version}")
async def get_deck(house: InHouse, principal: SeesRates, version: Version) -> DeckFacts:
    """A stored deck with its terms; a key for some tenants sees those bound for them or for all."""
    kept, sheet = await _stored(house, principal, version)
    return facts_shown(kept, sheet.deck)


@router.get("/{version}/rates")
async def list_rates(
    house: InHouse,
    principal: SeesRates,
    version: Version,
    search: Search = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> DeckRates:
    """The rates of a stored deck by prefix; `search`: the first digits of it, a name or a country's code."""
    _, sheet = await _stored(house, principal, version)
    found = await read(sheet.rows, search)
    begin = place_of(cursor, Place, 0)
    return DeckRates(
        total=len(found),
        rates=[rate_shown(row) for row in found[begin : begin + limit]],
        next=next_of(begin + limit) if begin + limit < len(found) else None,
    )


@router.get("/{version}/differences")
async def get_differences(
    house: InHouse,
    principal: SeesRates,
    version: Version,
    against: Annotated[
        str, Query(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$", description="the older deck")
    ],
    kind: ChangeKind = None,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> DeckDifferences:
    """What changes if this deck takes the place of another stored one."""
    _, old = await _stored(house, principal, against)
    _, new = await _stored(house, principal, version)
    found = await read(_compared_stored, _Pair(old.deck, new.deck))
    return _differences(old.deck, new.deck, found, kind or "", place_of(cursor, Place, 0), limit)


@router.post("/{version}/differences", openapi_extra=CSV)
async def compare_file(
    house: InHouse,
    principal: ManagesDecks,
    version: Version,
    request: Request,
    kind: ChangeKind = None,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> DeckDifferences:
    """What changes if the deck in the body takes the place of this stored one; nothing is kept.

    422 `unusable_deck` with every finding where the file may not be used.
    """
    _, old = await _stored(house, principal, version)
    file = await read(parsed, await _csv(request), "", house)
    if file.deck is None:
        raise refused_deck(file)
    found = await read(_compared, old.deck, file.deck)
    return _differences(old.deck, file.deck, found, kind or "", place_of(cursor, Place, 0), limit)


async def _csv(request: Request) -> bytes:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "text/csv":
        raise ProblemError(Problem(415, "unsupported_media_type", "send the deck as text/csv"))
    return await request.body()


async def _stored(house: House, principal: Principal, version: str) -> tuple[KeptDeck, DeckSheet]:
    """A stored deck that the key may see; a problem where there is none."""
    kept = await read(house.decks.kept, version, principal.tenants)
    if kept is None:
        raise ProblemError(Problem(404, "unknown_deck", f"no deck {version!r} is stored"))
    sheet = await read(house.sheets.stored, version, house.decks.deck, house.desk.catalogue)
    assert sheet is not None, "a deck is never removed"
    return kept, sheet


class _Pair:
    """Two stored decks, the same for the cache where their versions are: nobody edits a deck."""

    def __init__(self, old: Deck, new: Deck) -> None:
        self.old, self.new = old, new

    def __hash__(self) -> int:
        return hash((self.old.version, self.new.version))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Pair) and (self.old.version, self.new.version) == (
            other.old.version,
            other.new.version,
        )


@lru_cache(maxsize=4)
def _compared_stored(pair: _Pair) -> Comparison:
    """Pages of one comparison are worked out once."""
    return _compared(pair.old, pair.new)


def _compared(old: Deck, new: Deck) -> Comparison:
    try:
        return compare(old, new)
    except ValueError as error:
        raise refused("other_currency", str(error)) from None


def _differences(
    old: Deck, new: Deck, found: Comparison, kind: str, begin: int, limit: int
) -> DeckDifferences:
    changes = changes_of(found, kind)
    return DeckDifferences(
        old=head_shown(old),
        new=head_shown(new),
        totals=totals_shown(found),
        terms=list(found.terms),
        dropped_names=list(found.dropped_names[:MOST_FINDINGS]),
        dropped_countries=list(found.dropped_countries),
        changes=[change_shown(*one) for one in changes[begin : begin + limit]],
        next=next_of(begin + limit) if begin + limit < len(changes) else None,
    )
