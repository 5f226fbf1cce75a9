"""Rate decks: stored once, never edited, bound from an instant on for all tenants or for one."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field, ValidationError

from talktime.core.deck import Deck
from talktime.core.limits import ALWAYS_US
from talktime.doors.http.management.answers import (
    BindingAnswer,
    BindingList,
    DeckAdded,
    DeckAnswer,
    DeckList,
    FindingAnswer,
)
from talktime.doors.http.management.house import (
    CallerOf,
    House,
    InHouse,
    done,
    may,
    may_installation,
    may_own,
    read,
    unknown_tenant,
    who,
)
from talktime.doors.http.management.texts import NAME_PATTERN, After, Code, Instant, Limit, Strict, instant
from talktime.doors.http.problems import Problem, ProblemError, refused
from talktime.files.decks.findings import DeckFile
from talktime.files.decks.read import parse_deck
from talktime.files.decks.sample import default_deck
from talktime.files.usage import UnusableFile
from talktime.ledger.api_keys import Principal
from talktime.ledger.decks import Binding, KeptDeck

router = APIRouter(tags=["decks"])

ManagesDecks = Annotated[Principal, Depends(may_installation("manage_decks"))]
BindsForAll = Annotated[Principal, Depends(may_installation("bind_deck"))]
SeesRates = Annotated[Principal, Depends(may_own("see_rates"))]
SeesOwnRates = Annotated[str, Depends(may("see_rates"))]
BindsDeck = Annotated[str, Depends(may("bind_deck"))]

MOST_FINDINGS: Final = 100

_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {
                "schema": {"type": "string", "maxLength": 20_000_000},
            },
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["sample"],
                    "properties": {"sample": {"const": True}},
                    "additionalProperties": False,
                }
            },
        },
    }
}


class SampleDeck(Strict):
    """Asks for the deck that ships with Talktime; its prices are not real."""

    sample: Literal[True]


class NewBinding(Strict):
    """From `valid_from` on (always, where it is absent) this version is in force."""

    version: Annotated[Code, Field(examples=["0b61241d7c17"])]
    valid_from: Instant | None = None


@router.post("/v1/decks", status_code=201, responses={200: {"model": DeckAdded}}, openapi_extra=_BODY)
async def add_deck(
    house: InHouse,
    principal: ManagesDecks,
    request: Request,
    response: Response,
    name: Annotated[str, Query(max_length=200, pattern=NAME_PATTERN)] = "",
) -> DeckAdded:
    """Stores a deck from CSV, or the sample deck; 200 where its version is there already."""
    content = await request.body()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "text/csv":
        found = await read(parsed, content, name, house)
        deck = found.deck
        if deck is None:
            raise refused_deck(found)
    elif kind == "application/json":
        found, deck = None, _sample(content)
    else:
        raise ProblemError(Problem(415, "unsupported_media_type", "send text/csv or application/json"))
    added = await read(house.decks.add, deck, house.now_us, who(principal))
    response.status_code = 201 if added else 200
    return _added(deck, found, added=added, kept=await read(house.decks.kept, deck.version))


def parsed(content: bytes, name: str, house: House) -> DeckFile:
    """Reads and checks the deck; a problem where it is none at all."""
    try:
        text = content.decode("utf-8-sig")
        return parse_deck(text, "the deck", name=name, catalogue=house.desk.catalogue)
    except UnicodeDecodeError as error:
        raise refused("unusable_deck", f"the deck is not UTF-8 (byte {error.start})") from None
    except UnusableFile as error:
        raise refused("unusable_deck", str(error)) from None


def refused_deck(found: DeckFile) -> ProblemError:
    """A deck that was read and may not be used: every finding with its line."""
    told = tuple(
        f"line {finding.line}: {finding.text}" if finding.line else finding.text
        for finding in sorted(found.findings, key=lambda finding: finding.severity != "refused")
    )[:MOST_FINDINGS]
    return ProblemError(Problem(422, "unusable_deck", told[0], faults=told))


def _sample(content: bytes) -> Deck:
    try:
        SampleDeck.model_validate(json.loads(content))
    except (ValidationError, ValueError, RecursionError):
        raise ProblemError(
            Problem(400, "malformed", 'send {"sample": true}, or a deck as text/csv')
        ) from None
    return default_deck()


def _added(deck: Deck, found: DeckFile | None, *, added: bool, kept: KeptDeck | None) -> DeckAdded:
    assert kept is not None, "a deck is never removed"
    findings = [] if found is None else found.findings[:MOST_FINDINGS]
    return DeckAdded(
        **_shown(kept).model_dump(),
        added=added,
        rates=len(deck.rows),
        rows_rejected=0 if found is None else found.rows_rejected,
        findings=[FindingAnswer(severity=one.severity, line=one.line, text=one.text) for one in findings],
    )


@router.get("/v1/decks")
async def list_decks(house: InHouse, principal: SeesRates, after: After = "", limit: Limit = 100) -> DeckList:
    """Stored decks by version; a key for some tenants sees those bound for them or for all."""
    found = await read(house.decks.listed, after, limit, principal.tenants)
    return DeckList(
        decks=[_shown(kept) for kept in found], next=found[-1].version if len(found) == limit else None
    )


@router.get("/v1/deck-bindings")
async def list_bindings(house: InHouse, principal: SeesRates) -> BindingList:
    """What holds for all tenants without a binding of their own."""
    del principal
    return _bindings(await read(house.decks.bindings))


@router.put("/v1/deck-bindings")
async def bind_for_all(house: InHouse, principal: BindsForAll, body: NewBinding) -> BindingList:
    """Binds a deck for all tenants of its currency."""
    kept = await _stored(house, body.version)
    binding = Binding(kept.currency, _from_us(body), kept.version)
    await read(house.decks.bind_all, binding, who(principal), house.now_us)
    await read(house.desk.rules.rates.refresh)
    return _bindings(await read(house.decks.bindings))


@router.get("/v1/tenants/{tenant}/deck-bindings")
async def list_own_bindings(house: InHouse, tenant: SeesOwnRates) -> BindingList:
    """The tenant's own bindings; without one that of all holds."""
    if await read(house.reader.document, tenant) is None:
        raise unknown_tenant(tenant)
    return _bindings(await read(house.decks.bindings, tenant))


@router.put("/v1/tenants/{tenant}/deck-bindings")
async def bind_for_one(
    house: InHouse, principal: CallerOf, tenant: BindsDeck, body: NewBinding
) -> BindingList:
    """Binds a deck for one tenant; prices are the provider's to set."""
    bind = house.administration.bind_deck(tenant, body.version, _from_us(body), who(principal))
    done(await bind)
    await read(house.desk.rules.rates.load, body.version)
    return _bindings(await read(house.decks.bindings, tenant))


async def _stored(house: House, version: str) -> KeptDeck:
    kept = await read(house.decks.kept, version)
    if kept is None:
        raise refused("unknown_deck", f"no deck {version!r} is stored")
    return kept


def _from_us(body: NewBinding) -> int:
    return ALWAYS_US if body.valid_from is None else body.valid_from


def _shown(kept: KeptDeck) -> DeckAnswer:
    return DeckAnswer(
        version=kept.version,
        name=kept.name,
        currency=kept.currency,
        sample=kept.sample,
        added_at=instant(kept.added_us),
    )


def _bindings(found: tuple[Binding, ...]) -> BindingList:
    return BindingList(
        bindings=[
            BindingAnswer(
                currency=binding.currency, valid_from=instant(binding.valid_from_us), version=binding.version
            )
            for binding in found
        ]
    )
