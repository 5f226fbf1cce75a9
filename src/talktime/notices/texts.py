"""The texts of all notices: read once from the catalogue, chosen by the event and its facts.

`catalog/data/notices.toml` holds every sentence that people get. A text that uses a fact nobody knows, or an
event without a text for every case, is refused when the file is read.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import Formatter
from typing import Any, Final

from talktime.catalog.load import CatalogueError

SECTIONS: Final = ("subject", "happened", "stops", "works", "todo")
FILE: Final = "notices.toml"
OTHER: Final = "other"
"""The event whose text serves all that have none of their own."""

FUND: Final = "fund"
"""The fact that says how more money comes, and in place of a page: the page where that is done."""

_OPTIONAL: Final = ("action", "when")
_TOP: Final = ("pages", "phrases", "fund", "facts", "mode", "codes", "text")
_KINDS: Final = ("money", "instant", "month", "method", "pool", "counter", "code", "mode")


@dataclass(frozen=True, slots=True)
class Text:
    """The sentences of an event with facts in braces; `page` is a path, `action` the word of its own link.

    `page` "": the one of the way in which money comes (`Texts.fund`).
    """

    event: str
    when: Mapping[str, str]
    subject: str
    happened: str
    stops: str
    works: str
    todo: str
    page: str
    action: str = ""

    def fits(self, facts: Mapping[str, str]) -> bool:
        """Whether all that it asks for holds."""
        return _holds(self.when, facts)


@dataclass(frozen=True, slots=True)
class Fund:
    """How more money comes for a tenant: a clause in the imperative, and the path of the page."""

    when: Mapping[str, str]
    says: str
    page: str


def _holds(when: Mapping[str, str], facts: Mapping[str, str]) -> bool:
    return all(facts.get(name, "") == value for name, value in when.items())


@dataclass(frozen=True, slots=True)
class Texts:
    """All texts, and what is needed to put facts into them.

    `kinds`: what each fact is, by its name; `modes`: names of modes by id, in the order of their numbers, and
    `mode_effects` what each does; `codes`: a sentence for each code of a payment or a refusal; `funds`: how
    more money comes, by case.
    """

    texts: Mapping[str, tuple[Text, ...]]
    kinds: Mapping[str, str]
    modes: Mapping[str, str]
    mode_effects: Mapping[str, str]
    codes: Mapping[str, str]
    funds: tuple[Fund, ...]

    def text(self, event: str, facts: Mapping[str, str]) -> Text:
        """The first text of an event that fits; an event that has none gets the one for all others."""
        return next(text for text in self.texts.get(event, self.texts[OTHER]) if text.fits(facts))

    def fund(self, facts: Mapping[str, str]) -> Fund:
        """How more money comes, in the first way that fits."""
        return next(fund for fund in self.funds if _holds(fund.when, facts))


def read_texts(text: str, file: str = FILE) -> Texts:
    """notices.toml -> Texts. Raises CatalogueError naming file and entry."""
    try:
        top = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{file}: not TOML: {error}") from None
    if set(top) != set(_TOP):
        raise CatalogueError(f"{file}: holds {', '.join(sorted(top))}; it has to hold {', '.join(_TOP)}")
    texts: dict[str, tuple[Text, ...]] = {}
    for position, entry in enumerate(top["text"], 1):
        made = _text(f"{file}: text {position}", entry, top["pages"], top["phrases"])
        earlier = texts.get(made.event, ())
        if earlier and not earlier[-1].when:
            raise CatalogueError(f"{file}: text {position}: never used after one without `when`")
        texts[made.event] = (*earlier, made)
    if OTHER not in texts:
        raise CatalogueError(f"{file}: there is no text {OTHER!r}, for events without one")
    for event, of_event in texts.items():
        if of_event[-1].when:
            raise CatalogueError(f"{file}: event {event!r} has no text without `when`")
    modes = {mode["id"]: mode["name"] for mode in top["mode"]}
    effects = {mode["id"]: mode["says"] for mode in top["mode"]}
    funds = _funds(file, top["fund"], top["pages"])
    return Texts(texts, _kinds(file, top["facts"]), modes, effects, top["codes"], funds)


def _text(where: str, entry: Mapping[str, Any], pages: Mapping[str, str], phrases: Mapping[str, str]) -> Text:
    needed = {"event", "page", *SECTIONS}
    wrong = (needed - set(entry)) | (set(entry) - needed - set(_OPTIONAL))
    if wrong:
        raise CatalogueError(f"{where}: missing or unknown keys: {', '.join(sorted(wrong))}")
    where = f"{where} ({entry['event']})"
    sentences = {name: _sentence(where, entry[name], phrases) for name in SECTIONS}
    page = "" if entry["page"] == FUND else _page(where, entry["page"], pages)
    when, action = entry.get("when", {}), entry.get("action", "")
    return Text(event=entry["event"], when=when, **sentences, page=page, action=action)


def _funds(file: str, entries: Sequence[Mapping[str, Any]], pages: Mapping[str, str]) -> tuple[Fund, ...]:
    funds = []
    for position, entry in enumerate(entries, 1):
        where = f"{file}: fund {position}"
        if not {"says", "page"} <= set(entry) <= {"says", "page", "when"}:
            raise CatalogueError(f"{where}: has to hold says and page, may hold when, and nothing else")
        page = _page(where, entry["page"], pages)
        funds.append(Fund(entry.get("when", {}), entry["says"], page))
    if not funds or [bool(fund.when) for fund in funds] != [True] * (len(funds) - 1) + [False]:
        raise CatalogueError(f"{file}: fund: the last one, and no other, has no `when`")
    return tuple(funds)


def _page(where: str, page: str, pages: Mapping[str, str]) -> str:
    if page not in pages:
        raise CatalogueError(f"{where}: page {page!r} is none of {', '.join(pages)}")
    return pages[page]


def _sentence(where: str, text: str, phrases: Mapping[str, str]) -> str:
    """A sentence, or the phrase that it names; braces have to hold plain names."""
    if text.startswith("@"):
        if text[1:] not in phrases:
            raise CatalogueError(f"{where}: there is no phrase {text[1:]!r}")
        text = phrases[text[1:]]
    try:
        names = [name for _, name, form, turn in Formatter().parse(text) if name is not None or form or turn]
    except ValueError as error:
        raise CatalogueError(f"{where}: {text!r}: {error}") from None
    if not all(name and name.isidentifier() for name in names):
        raise CatalogueError(f"{where}: {text!r}: braces hold something else than the name of a fact")
    return text


def _kinds(file: str, table: Mapping[str, Sequence[str]]) -> dict[str, str]:
    kinds: dict[str, str] = {}
    for kind, names in table.items():
        if kind not in _KINDS:
            raise CatalogueError(f"{file}: facts: {kind!r} is none of {', '.join(_KINDS)}")
        for name in names:
            if name in kinds:
                raise CatalogueError(f"{file}: facts: {name!r} stands twice")
            kinds[name] = kind
    return kinds


def names_in(text: str) -> set[str]:
    """The facts that a sentence speaks of."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@cache
def load_texts() -> Texts:
    """The shipped texts."""
    return read_texts(resources.files("talktime.catalog").joinpath("data", FILE).read_text("utf-8"))
