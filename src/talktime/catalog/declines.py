"""Why a card was declined: what each code means, and whether asking again can help.

The codes are those of the card networks as gateways name them; `declines.toml` sorts them into three kinds
(recharge.md 6). A code that nobody knows may be tried again.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any, Final

from talktime.catalog.load import CatalogueError


class DeclineKind(StrEnum):
    """RETRY: a later try may pass. NEVER: the card is dead for us. ACTION: its holder must confirm."""

    RETRY = "retry"
    NEVER = "never"
    ACTION = "action"


@dataclass(frozen=True, slots=True)
class Decline:
    """A code with plain English for people: what it means and what they can do."""

    code: str
    kind: DeclineKind
    means: str
    do: str


@dataclass(frozen=True, slots=True)
class Declines:
    """The known codes, and what holds for any other."""

    by_code: Mapping[str, Decline]
    unknown: Decline

    def of(self, code: str) -> Decline:
        """What is known of a code, any letter case."""
        return self.by_code.get(code.strip().lower(), self.unknown)


_KEYS: Final = frozenset({"codes", "kind", "means", "do"})


def read_declines(text: str, file: str = "declines.toml") -> Declines:
    """declines.toml -> Declines. Raises CatalogueError naming file and entry."""
    try:
        top = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{file}: not TOML: {error}") from None
    if set(top) != {"unknown", "decline"}:
        raise CatalogueError(f"{file}: needs [unknown] and [[decline]], and nothing else")
    found: dict[str, Decline] = {}
    for position, entry in enumerate(top["decline"], 1):
        for decline in _entry(f"{file}: decline {position}", entry):
            if decline.code in found:
                raise CatalogueError(f"{file}: decline {position}: the code {decline.code!r} stands twice")
            found[decline.code] = decline
    unknown = _entry(f"{file}: unknown", {"codes": ["unknown"], **top["unknown"]})[0]
    return Declines(found, unknown)


def _entry(where: str, entry: Mapping[str, Any]) -> list[Decline]:
    """One table holds several codes that mean the same to people."""
    if set(entry) != _KEYS:
        raise CatalogueError(f"{where}: needs the keys {', '.join(sorted(_KEYS))}, and no other")
    codes = entry["codes"]
    if not isinstance(codes, list) or not codes or not all(isinstance(code, str) for code in codes):
        raise CatalogueError(f"{where}: codes is not a list of words in quotes")
    if entry["kind"] not in set(DeclineKind):
        raise CatalogueError(f"{where}: kind {entry['kind']!r} is none of {', '.join(DeclineKind)}")
    for key in ("means", "do"):
        if not isinstance(entry[key], str) or not entry[key].endswith("."):
            raise CatalogueError(f"{where}: {key} is not a sentence with a full stop")
    return [Decline(code, DeclineKind(entry["kind"]), entry["means"], entry["do"]) for code in codes]


@cache
def load_declines() -> Declines:
    """The shipped decline codes."""
    path = resources.files("talktime.catalog").joinpath("data", "declines.toml")
    return read_declines(path.read_text("utf-8"))


def decline_kind(code: str) -> DeclineKind:
    """Whether a payment declined with this code may be tried again (recharge.md 6)."""
    return load_declines().of(code).kind


def decline_sentence(code: str) -> str:
    """What a code means and what to do, in plain English."""
    decline = load_declines().of(code)
    return f"{decline.means} {decline.do}"
