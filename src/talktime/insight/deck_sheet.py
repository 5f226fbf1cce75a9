"""A stored deck as people look at it: its rates by country, by prefix, and by what they search for.

Made once for a deck and kept with it, as a deck is never edited; what is asked then is answered from memory
in milliseconds, also of 100,000 rates.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.catalog.countries import NOWHERE, country_name
from talktime.core.deck import INBOUND, OUTBOUND, Deck, RateRow
from talktime.files.decks.lookup import deck_index

if TYPE_CHECKING:
    from talktime.catalog.model import Catalogue

MOST_SHEETS: Final = 8
"""Sheets in memory; of more, the one that was asked for longest ago goes."""


class Span(NamedTuple):
    """Rates of one direction: how many prefixes, lowest and highest price in nanos a minute."""

    prefixes: int
    lowest_nanos: int
    highest_nanos: int


@dataclass(frozen=True, slots=True)
class CountryRates:
    """What a deck has for a country; `codes` are its calling codes. No span: no row of that direction."""

    country: str
    name: str
    codes: tuple[str, ...]
    outbound: Span | None
    inbound: Span | None


class DeckSheet:
    """A deck by prefix at once, and by country when somebody first asks for that."""

    def __init__(self, deck: Deck, catalogue: Catalogue) -> None:
        self.deck = deck
        self.index = deck_index(deck)
        self._catalogue = catalogue

    @cached_property
    def of_country(self) -> dict[str, list[RateRow]]:
        """Country -> its rows by direction, outgoing ones first, prefix and rank.

        A row without a country is of that which its prefix is in, else of `NOWHERE`.
        """
        found: dict[str, list[RateRow]] = {}
        for row in self.deck.rows:
            country = row.country or self._catalogue.number(row.prefix).country or NOWHERE
            found.setdefault(country, []).append(row)
        for rows in found.values():
            rows.sort(
                key=lambda row: (row.direction != OUTBOUND, row.prefix, tuple(not on for on in row.rank))
            )
        return found

    @cached_property
    def countries(self) -> tuple[CountryRates, ...]:
        """The countries in order of their names."""
        found = [_country(country, rows, self._catalogue) for country, rows in self.of_country.items()]
        return tuple(
            sorted(found, key=lambda one: (one.country == NOWHERE, one.name.casefold(), one.country))
        )

    def country(self, code: str) -> CountryRates | None:
        """One country; None where the deck has no row for it."""
        return next((one for one in self.countries if one.country == code), None)

    def named(self, search: str) -> tuple[CountryRates, ...]:
        """Countries by name, code or dialling code, in order of their names; all where nothing is sought.

        `uni` finds the United Kingdom, `gb` too, `+44` and `4420` what has that dialling code or begins so.
        """
        words = search.strip().casefold()
        digits = words.removeprefix("+").removeprefix("00").replace(" ", "")
        if not words:
            return self.countries
        if digits.isdecimal():
            return tuple(one for one in self.countries if any(_meets(code, digits) for code in one.codes))
        return tuple(one for one in self.countries if _is_named(one, words))

    def rows(self, search: str) -> Sequence[RateRow]:
        """Rows by prefix: those whose prefix begins with digits, or whose name, type or country says it."""
        words = search.strip().casefold()
        digits = words.removeprefix("+").replace(" ", "")
        ordered = (self.deck.rows[at] for prefix in self.index.prefixes for at in self.index.places[prefix])
        if not words:
            return tuple(ordered)
        if digits.isdecimal():
            return tuple(row for row in ordered if row.prefix.startswith(digits))
        return tuple(row for row in ordered if _says(row, words))


def _meets(code: str, digits: str) -> bool:
    return code.startswith(digits) or digits.startswith(code)


def _is_named(one: CountryRates, words: str) -> bool:
    """The name holds the words; the code is meant as a whole."""
    return words == one.country.casefold() or words in one.name.casefold()


def _says(row: RateRow, words: str) -> bool:
    return words in row.name.casefold() or words == row.country.casefold() or words in row.type.casefold()


def _country(country: str, rows: Sequence[RateRow], catalogue: Catalogue) -> CountryRates:
    dialling = catalogue.dialling.get(country)
    return CountryRates(
        country=country,
        name=country_name(country),
        codes=() if dialling is None else (dialling.calling_code,),
        outbound=_span(row for row in rows if row.direction == OUTBOUND),
        inbound=_span(row for row in rows if row.direction == INBOUND),
    )


def _span(rows: Iterable[RateRow]) -> Span | None:
    """The span of some rows; several rows of one prefix are one prefix."""
    prices: list[int] = []
    prefixes: set[str] = set()
    for row in rows:
        prices.append(row.price_nanos)
        prefixes.add(row.prefix)
    return Span(len(prefixes), min(prices), max(prices)) if prices else None


class DeckSheets:
    """Sheets by the version of their decks. `of` makes one where there is none: call it in a thread."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, DeckSheet] = OrderedDict()
        self._lock = Lock()

    def of(self, deck: Deck, catalogue: Catalogue) -> DeckSheet:
        """The sheet of a stored deck that is in memory."""
        found = self.stored(deck.version, lambda _: deck, catalogue)
        assert found is not None, "there is a deck"
        return found

    def stored(
        self, version: str, load: Callable[[str], Deck | None], catalogue: Catalogue
    ) -> DeckSheet | None:
        """The sheet of a deck, which `load` reads where there is no sheet yet; None where it has none."""
        with self._lock:
            known = self._known.get(version)
            if known is not None:
                self._known.move_to_end(version)
                return known
        deck = load(version)
        if deck is None:
            return None
        made = DeckSheet(deck, catalogue)
        with self._lock:
            self._known[version] = made
            while len(self._known) > MOST_SHEETS:
                self._known.popitem(last=False)
        return made
