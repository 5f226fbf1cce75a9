"""What a change changed: two JSON texts as lines of name, before and after, equal ones left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

ABSENT: Final = "—"
NAMES: Final = ("upn", "id", "number", "plan", "event", "name")
"""By the first of these that all entries of a list have, each another value, entries are known again."""


class Difference(NamedTuple):
    """One thing that is another now; ABSENT where it is not there."""

    name: str
    before: str
    after: str


def differences(before: str, after: str) -> list[Difference]:
    """The differences in the order of the names. A text that is no JSON is one thing with no name."""
    old, new = _flat(before), _flat(after)
    names = [*old, *(name for name in new if name not in old)]
    return [
        Difference(name, old.get(name, ABSENT), new.get(name, ABSENT))
        for name in names
        if old.get(name) != new.get(name)
    ]


def _flat(text: str) -> dict[str, str]:
    if not text:
        return {}
    try:
        value = json.loads(text, parse_float=str)
    except ValueError:
        return {"": text}
    return dict(_parts("", value))


def _parts(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Leaves by where they stand: `users / ana@contoso.example / licences`."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _parts(f"{name} / {key}" if name else str(key), inner)
    elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
        key = _name_of(value)
        for place, each in enumerate(value, 1):
            known = str(each[key]) if key else str(place)
            yield from _parts(f"{name} / {known}" if name else known, each)
    else:
        yield name, _said(value)


def _name_of(entries: list[Any]) -> str:
    """The key whose value tells the entries apart; "" where none does."""
    for key in NAMES:
        values = [each.get(key) if isinstance(each, dict) else None for each in entries]
        if all(isinstance(value, str | int) for value in values) and len(set(values)) == len(values):
            return key
    return ""


def _said(value: Any) -> str:
    """A value as people write it."""
    if isinstance(value, list):
        return ", ".join(_said(each) for each in value) or "none"
    words = {True: "yes", False: "no", None: "nothing"}
    if value is None or isinstance(value, bool):
        return words[value]
    return "none" if value in ("", {}) else str(value)
