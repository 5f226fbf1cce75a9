"""Reading one table of a TOML file that people write, so that every fault is told and not only the first.

A `Table` hands out typed values by key; what is wrong with one becomes a sentence in a shared list, and the
reader goes on with a harmless value. Sentences say where (table, entry, key), what, and what to do.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from difflib import get_close_matches
from typing import Any, Final

import msgspec

from talktime.accounts.calendar import to_us, to_utc
from talktime.core.limits import ALWAYS_US, MAX_MONEY_MICROS, MICROS_PER_UNIT, NEVER_US
from talktime.core.money import format_money, parse_money

_FIRST_US: Final = 0
_END_US: Final = to_us(datetime.max.replace(tzinfo=UTC))
_LONGEST_SHOWN: Final = 60
_COUNTRY: Final = re.compile("[A-Z]{2}")


@dataclass(frozen=True, slots=True)
class WrittenFloat:
    """A TOML float as it stands in the file: kept as text, for no float may come near money."""

    text: str


class Table(msgspec.Struct, frozen=True):
    """One table: its entries, its key in the file, and the list of faults.

    An entry of an array of tables has a position, from 1, and the key whose value names it in a sentence.
    """

    entries: Mapping[str, Any]
    key: str
    faults: list[str]
    position: int = 0
    name_key: str = ""

    @property
    def where(self) -> str:
        """What to call it in a sentence: `users[3] "bob@x"`. Worked out for a fault only: files are large."""
        if not self.position:
            return self.key
        name = self.entries.get(self.name_key)
        return entry_name(self.key, self.position, name if isinstance(name, str) else "")

    def fault(self, sentence: str) -> None:
        """Adds a sentence that begins with where it is."""
        self.faults.append(f"{self.where}: {sentence}" if self.where else sentence)

    def only(self, *keys: str) -> None:
        """Refuses every other key by name, with the nearest known one."""
        if self.entries.keys() <= set(keys):
            return
        for key in self.entries:
            if key not in keys:
                hint = did_you_mean(key, keys) or f"; known are {', '.join(keys)}"
                self.fault(f"unknown key {key}{hint}")

    def text(self, key: str, default: str = "") -> str:
        """A text without blanks around it; the default where the key is absent."""
        value = self.entries.get(key, default)
        if isinstance(value, str):
            return value.strip()
        self.fault(f'{key} = {shown(value)} is not text; write it in quotes: {key} = "..."')
        return default

    def needed(self, key: str) -> str:
        """A text that may be neither absent nor empty; a fault gives ""."""
        value = self.text(key)
        if value:
            return value
        if key not in self.entries:
            self.fault(f"{key} is missing")
        elif isinstance(self.entries[key], str):
            self.fault(f"{key} is empty")
        return ""

    def word(self, key: str, allowed: Collection[str], default: str = "") -> str:
        """One of the allowed words; needed where there is no default. A fault gives the default."""
        if key not in self.entries and default:
            return default
        value = self.needed(key)
        if not value or value in allowed:
            return value or default
        self.fault(f"{key} {shown(value)} is none of {', '.join(allowed)}")
        return default

    def flag(self, key: str, default: bool) -> bool:
        """Either true or false."""
        value = self.entries.get(key, default)
        if isinstance(value, bool):
            return value
        self.fault(f"{key} = {shown(value)} must be true or false")
        return default

    def count(self, key: str, most: int) -> int:
        """A needed whole number from 0 to `most`; a fault gives 0."""
        if key not in self.entries:
            self.fault(f"{key} is missing")
        return self.whole(key, 0, most) or 0

    def whole(self, key: str, least: int, most: int) -> int | None:
        """A whole number from `least` to `most`; None where the key is absent or at fault."""
        value = self.entries.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        if key in self.entries:
            self.fault(f"{key} = {shown(value)} must be a whole number from {least} to {most:,}")
        return None

    def money(self, key: str) -> int | None:
        """Micros from a decimal string or a whole number; None where the key is absent or at fault."""
        value = self.entries.get(key)
        if isinstance(value, WrittenFloat):
            self.fault(f'{key} = {value.text} is a float; write "{value.text}" in quotes')
            return None
        if value is None or isinstance(value, bool) or not isinstance(value, str | int):
            if key in self.entries:
                self.fault(f'{key} = {shown(value)} is not an amount; write it in quotes, such as "50"')
            return None
        try:
            micros = parse_money(value) if isinstance(value, str) else value * MICROS_PER_UNIT
        except ValueError as error:
            self.fault(f"{key}: {error}")
            return None
        if abs(micros) <= MAX_MONEY_MICROS:
            return micros
        self.fault(f"{key} {shown(value)} is over the limit of {format_money(MAX_MONEY_MICROS)}")
        return None

    def instant(self, key: str) -> int | None:
        """Microseconds since 1970; without an offset the time is UTC. None where absent or at fault."""
        if key not in self.entries:
            return None
        at_us = _instant_us(self.entries[key])
        if at_us is None or not _FIRST_US <= at_us < _END_US:
            value = shown(self.entries[key])
            self.fault(f'{key} {value} is not an instant since 1970; write it as "2026-03-01T00:00:00Z"')
            return None
        return at_us

    def validity(self) -> tuple[int, int] | None:
        """The instants `from` (included) and `until` (excluded); absent: always, never. None at fault."""
        if "from" not in self.entries and "until" not in self.entries:
            return ALWAYS_US, NEVER_US
        before = len(self.faults)
        start, end = self.instant("from"), self.instant("until")
        from_us = ALWAYS_US if start is None else start
        until_us = NEVER_US if end is None else end
        if until_us <= from_us:
            self.fault(f"until {shown_instant(until_us)} must be after from {shown_instant(from_us)}")
        return None if len(self.faults) > before else (from_us, until_us)

    def items(self, key: str) -> list[Any]:
        """The values of a list; absent is empty."""
        value = self.entries.get(key, [])
        if isinstance(value, list):
            return value
        self.fault(f"{key} = {shown(value)} must be a list: write {key} = [...]")
        return []

    def table(self, key: str) -> "Table | None":
        """The table [key]; None where it is absent or at fault."""
        value = self.entries.get(key)
        if value is None:
            return None
        if isinstance(value, dict):
            return Table(value, key, self.faults)
        self.fault(f"{key} must be one table: write [{key}]")
        return None

    def tables(self, key: str, name_key: str) -> Iterator["Table"]:
        """The tables [[key]], each named by its position, from 1, and its value of `name_key`."""
        value = self.entries.get(key, [])
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            self.fault(f"{key} must be an array of tables: write [[{key}]] before each")
            return
        for position, entry in enumerate(value, 1):
            yield Table(entry, key, self.faults, position, name_key)


def entry_name(table: str, position: int, name: str) -> str:
    """What an entry is called in a sentence: `users[3] "bob@x"`."""
    return f"{table}[{position}] {shown(name)}" if name else f"{table}[{position}]"


def did_you_mean(word: str, known: Collection[str]) -> str:
    """A half-sentence that names the nearest known word, in any letter case, or ""."""
    by_lower = {name.lower(): name for name in known}
    near = get_close_matches(word.lower(), by_lower, n=1)
    return f"; did you mean {by_lower[near[0]]}?" if near else ""


def country_fault(value: object, known: Collection[str]) -> str:
    """What is wrong with the code of a country: half a sentence, or "" where it is one of `known`."""
    if not isinstance(value, str):
        return "must be two capital letters of ISO 3166, in quotes"
    if value in known:
        return ""
    if value.upper() in known:
        return f"must be in capital letters: write {shown(value.upper())}"
    if _COUNTRY.fullmatch(value):
        return "is no country code of ISO 3166"
    return "must be two capital letters of ISO 3166"


def shown(value: object) -> str:
    """A value of the file as a sentence shows it: text in quotes, long values cut."""
    if isinstance(value, WrittenFloat):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    text = str(value)
    text = text if text.isprintable() else repr(text)[1:-1]
    text = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
    return f'"{text}"' if isinstance(value, str) else text


def shown_instant(at_us: int) -> str:
    """An instant as ISO 8601 UTC, or the word for one that is none."""
    if at_us <= ALWAYS_US:
        return "the beginning"
    if at_us >= NEVER_US:
        return "never"
    return to_utc(at_us).isoformat().replace("+00:00", "Z")


def _instant_us(value: object) -> int | None:
    """A TOML date or time, or an ISO 8601 string, to microseconds since 1970; None where it is none."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if not isinstance(value, datetime):
        if not isinstance(value, date):
            return None
        value = datetime.combine(value, time())
    return to_us(value if value.tzinfo else value.replace(tzinfo=UTC))
