"""What the first page says, as data: alerts in their order, advice, the path of a new tenant, kinds of calls.

Sentences hold facts in braces; the use case knows which facts there are, and a fact that it does not give is
refused where the sentence is made. Pages are named as in notices.toml.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final, TypeVar

from talktime.catalog.load import CatalogueError
from talktime.catalog.side import load_roles

URGENCIES: Final = ("now", "soon", "sometime")
FUND: Final = "fund"
"""In place of a page: the one where this tenant gets money."""

DONE: Final = "done"
OPEN: Final = "open"
NOT_NEEDED: Final = "not_needed"

_FILE: Final = "overview.toml"
_TOP: Final = ("alert", "advice", "step", "calls")
_TEXTS: Final = frozenset({"code", "says", "action", "page", "may"})

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence with its one action: the word on it, the name of the page, the right that it needs.

    `sees`: the right that knowing it needs, "" for none beside that of the balance. `urgency` "" for advice.
    """

    code: str
    says: str
    action: str
    page: str
    may: str
    sees: str = ""
    urgency: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a new tenant's path; `says`: a sentence for done, open, not_needed and cases of open."""

    code: str
    title: str
    says: Mapping[str, str]
    action: str
    page: str
    may: str

    def sentence(self, state: str, case: str = "") -> str:
        """What is said of a state, or of a case of it. Raises KeyError for one that there is not."""
        return self.says[f"{state}_{case}" if case else state]


@dataclass(frozen=True, slots=True)
class Overview:
    """`alerts` by code, the most urgent first; `calls`: a name for each category of calls."""

    alerts: Mapping[str, Said]
    advice: Mapping[str, Said]
    steps: Mapping[str, Step]
    calls: Mapping[str, str]


def read_overview(text: str, pages: Mapping[str, str], file: str = _FILE) -> Overview:
    """overview.toml -> Overview. Raises CatalogueError naming file and entry."""
    try:
        top = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{file}: not TOML: {error}") from None
    if set(top) != set(_TOP):
        raise CatalogueError(f"{file}: holds {', '.join(sorted(top))}; it has to hold {', '.join(_TOP)}")
    known = {*pages, FUND}
    alerts = _by_code(f"{file}: alert", top["alert"], known, _alert)
    order = [URGENCIES.index(alert.urgency) for alert in alerts.values()]
    if order != sorted(order):
        raise CatalogueError(f"{file}: alert: what is more urgent has to stand above what is less")
    return Overview(
        alerts,
        _by_code(f"{file}: advice", top["advice"], known, _advice),
        _by_code(f"{file}: step", top["step"], known, _step),
        dict(top["calls"]),
    )


def _by_code(
    where: str,
    entries: Sequence[Mapping[str, Any]],
    pages: set[str],
    read: Callable[[str, Mapping[str, Any]], _Value],
) -> dict[str, _Value]:
    """Entries in the order of the file; the page and the rights that they name have to be there."""
    rights, found = load_roles().rights, dict[str, _Value]()
    for position, entry in enumerate(entries, 1):
        place = f"{where} {entry.get('code', position)!r}"
        value = read(place, entry)
        if entry["page"] not in pages:
            raise CatalogueError(f"{place}: page {entry['page']!r} is none of {', '.join(sorted(pages))}")
        for right in (entry["may"], entry.get("sees") or entry["may"]):
            if right not in rights:
                raise CatalogueError(f"{place}: {right!r} is no operation of roles.toml")
        if entry["code"] in found:
            raise CatalogueError(f"{place}: stands twice")
        found[entry["code"]] = value
    return found


def _alert(where: str, entry: Mapping[str, Any]) -> Said:
    _keys(where, entry, _TEXTS | {"urgency"}, frozenset({"sees"}))
    if entry["urgency"] not in URGENCIES:
        raise CatalogueError(f"{where}: urgency {entry['urgency']!r} is none of {', '.join(URGENCIES)}")
    return Said(**entry)


def _advice(where: str, entry: Mapping[str, Any]) -> Said:
    _keys(where, entry, _TEXTS, frozenset())
    return Said(**entry)


def _step(where: str, entry: Mapping[str, Any]) -> Step:
    needed = frozenset({"code", "title", "action", "page", "may", DONE, OPEN, NOT_NEEDED})
    cases = frozenset(key for key in entry if key.startswith(f"{OPEN}_"))
    _keys(where, entry, needed, cases)
    says = {key: entry[key] for key in (DONE, OPEN, NOT_NEEDED, *cases)}
    return Step(entry["code"], entry["title"], says, entry["action"], entry["page"], entry["may"])


def _keys(where: str, entry: Mapping[str, Any], needed: frozenset[str], optional: frozenset[str]) -> None:
    wrong = (needed - set(entry)) | (set(entry) - needed - optional)
    if wrong:
        raise CatalogueError(f"{where}: missing or unknown keys: {', '.join(sorted(wrong))}")
    if not all(isinstance(value, str) for value in entry.values()):
        raise CatalogueError(f"{where}: every value has to be a text")


@cache
def load_pages() -> Mapping[str, str]:
    """The addresses of pages by name, with {tenant_id} in them (notices.toml)."""
    pages: Mapping[str, str] = tomllib.loads(_shipped("notices.toml"))["pages"]
    return pages


def category_name(code: str) -> str:
    """The kind of call as people call it; a code that nobody knows is its own name."""
    return load_overview().calls.get(code, code)


@cache
def load_overview() -> Overview:
    """The shipped sentences."""
    return read_overview(_shipped(_FILE), load_pages())


def _shipped(name: str) -> str:
    return resources.files("talktime.catalog").joinpath("data", name).read_text("utf-8")
