"""`talktime decks`: store a rate deck in the ledger, list decks, say from when one is in force.

A deck is stored once and never edited; calls that began keep the price of their start (rulings.md 14).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from talktime.core.limits import ALWAYS_US
from talktime.doors.cli.answer import print_json, printable
from talktime.doors.cli.decks import usable_deck
from talktime.doors.cli.engine import administer, ledger_faults, now_us, ready, typist
from talktime.doors.cli.problems import Unusable, WrongUse, tell
from talktime.doors.cli.tenants import done

if TYPE_CHECKING:
    from talktime.ledger.decks import Binding, Decks, KeptDeck

PAGE: Final = 1_000


def add_deck_command(database: str | None, name: str) -> int:
    """Stores a deck; one that is there already stays as it is."""
    from talktime.ledger.decks import Decks

    deck, warnings = usable_deck(name)
    for warning in warnings:
        tell(warning)
    with ledger_faults():
        added = Decks(ready(database)).add(deck, now_us(), typist().who)
    state = "stored" if added else "was stored before"
    sample = " (sample prices)" if deck.sample else ""
    _say(f"deck {deck.name} {deck.version}{sample}, {deck.currency}, {len(deck.rows):,} rates: {state}")
    return 0


def list_decks_command(database: str | None, *, as_json: bool) -> int:
    """Lists the decks, and from when each holds for all tenants."""
    from talktime.ledger.decks import Decks

    with ledger_faults():
        stored = Decks(ready(database))
        decks, bindings = _all(stored), stored.bindings()
    if as_json:
        print_json({"decks": [_shown(deck, bindings) for deck in decks]})
        return 0
    from rich.console import Console

    from talktime.doors.cli.screen import screen_of

    screen = screen_of(Console())
    rows = [
        (
            deck.version,
            deck.name + (" (sample prices)" if deck.sample else ""),
            deck.currency,
            "; ".join(_from(binding) for binding in bindings if binding.version == deck.version)
            or "not bound",
        )
        for deck in decks
    ]
    if rows:
        screen.show(screen.table(("version", "name", "currency", "for all tenants"), rows, left=4))
    else:
        screen.say("no decks yet; `talktime decks add DECK` stores one")
    return 0


def bind_deck_command(database: str | None, word: str, tenant: str, valid_from: str | None) -> int:
    """Binds a deck, named by its version or its name, for one tenant or for all of its currency."""
    from talktime.ledger.decks import Binding, Decks

    from_us = ALWAYS_US if valid_from is None else _instant(valid_from)
    with ledger_faults():
        stored = Decks(ready(database))
        deck = _named(stored, word)
        binding = Binding(deck.currency, from_us, deck.version)
        if not tenant:
            stored.bind_all(binding, typist().who, now_us())
    if tenant:
        outcome = administer(
            database, lambda house: house.bind_deck(tenant, deck.version, from_us, typist().who)
        )
        done(outcome, f"tenant {tenant}")
    whom = f"tenant {tenant}" if tenant else f"all tenants in {deck.currency}"
    _say(f"deck {deck.name} {deck.version} holds for {whom}, {_from(binding)}")
    return 0


def _named(stored: Decks, word: str) -> KeptDeck:
    """The deck of this version, else the only one of this name. Raises Unusable."""
    deck = stored.kept(word)
    if deck is not None:
        return deck
    named = [each for each in _all(stored) if each.name == word]
    if len(named) == 1:
        return named[0]
    if named:
        versions = ", ".join(each.version for each in named)
        raise Unusable(f"{word} names several decks; name one by its version: {versions}")
    raise Unusable(f"there is no stored deck {word!r}; `talktime decks list` shows them")


def _all(stored: Decks) -> list[KeptDeck]:
    found = page = stored.listed("", PAGE)
    while len(page) == PAGE:
        page = stored.listed(page[-1].version, PAGE)
        found = found + page
    return found


def _instant(text: str) -> int:
    from talktime.files.instants import parse_instant

    try:
        return parse_instant(text)
    except ValueError as problem:
        raise WrongUse(f"--from: {problem}") from None


def _from(binding: Binding) -> str:
    from talktime.insight.wording import moment

    return "always" if binding.valid_from_us <= ALWAYS_US else f"from {moment(binding.valid_from_us)}"


def _shown(deck: KeptDeck, bindings: tuple[Binding, ...]) -> dict[str, Any]:
    from talktime.files.instants import format_instant

    return {
        "version": deck.version,
        "name": deck.name,
        "currency": deck.currency,
        "sample": deck.sample,
        "added_at": format_instant(deck.added_us),
        "for_all_from": [
            None if binding.valid_from_us <= ALWAYS_US else format_instant(binding.valid_from_us)
            for binding in bindings
            if binding.version == deck.version
        ],
    }


def _say(text: str) -> None:
    print(printable(text))  # noqa: T201 - the command's answer
