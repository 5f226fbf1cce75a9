"""The usage formats of formats.md: which columns a file has, by the names in its header.

The formats are catalogue data; here they are loaded, and a header (or the first row of a file without one)
is given to the format that knows most of its columns.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import Any, Final

from talktime.files.usage import printable

TIMES: Final = ("text", "epoch_s", "epoch_us")
"""How a format may write instants: text in any clear way, or a number since 1970."""

DATE_ORDERS: Final = ("", "dmy", "mdy")
"""Which of two small numbers in a date is the day; "" where nobody said."""


MAX_SHOWN: Final = 200
"""How many characters of a header a sentence shows."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A file without header: names by position, number of columns, what some cells must look like."""

    names: tuple[str, ...]
    least: int
    most: int
    cells: Mapping[int, re.Pattern[str]]

    def fits(self, row: Sequence[str]) -> bool:
        """Whether a row looks like one of this layout."""
        if not self.least <= len(row) <= self.most:
            return False
        return all(pattern.fullmatch(row[at].strip()) for at, pattern in self.cells.items())

    def header(self, columns: int) -> list[str]:
        """The names that a header of so many columns would have had; `#20` beyond those that are known."""
        return [self.names[at] if at < len(self.names) else f"#{at + 1}" for at in range(columns)]


@dataclass(frozen=True, slots=True)
class UsageFormat:
    """One format: our column -> its names in the file. Fields as explained in usage_formats.toml.

    `mapped` are the columns that a column map names; `changed` the known formats as a map without a base of
    its own changes them: the one that the content shows is taken, and this format only where it shows none.
    """

    name: str
    title: str
    required: tuple[tuple[str, ...], ...]
    columns: Mapping[str, tuple[str, ...]]
    ignored: tuple[str, ...] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)
    call_type_of: Mapping[str, str] = field(default_factory=dict)
    call_type_else: str = ""
    times: str = "text"
    date_order: str = ""
    time_zone: str = ""
    layout: Layout | None = None
    automatic: bool = True
    header: bool = True
    delimiter: str = ""
    mapped: tuple[str, ...] = ()
    changed: tuple[UsageFormat, ...] = ()


@dataclass(frozen=True, slots=True)
class OtherTable:
    """A table that is no usage: two of these names in its header, or cells of this look, say so."""

    title: str
    advice: str
    names: frozenset[str]
    cells: tuple[re.Pattern[str], ...]

    def fits(self, row: Sequence[str]) -> bool:
        """Whether the first row of a file is of this table."""
        if len({plain(name) for name in row} & self.names) >= 2:
            return True
        pairs = list(zip(self.cells, row, strict=False))
        return 0 < len(pairs) == len(self.cells) and all(cell.fullmatch(text.strip()) for cell, text in pairs)


@dataclass(frozen=True, slots=True)
class FormatData:
    """All that usage_formats.toml says; `words` is column of ours -> word in the file -> our word."""

    formats: tuple[UsageFormat, ...]
    others: tuple[OtherTable, ...]
    words: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Recognised:
    """A format found in a header: where each column of ours stands, and what is left over.

    `names` gives the column's name in the file, for sentences about it. `header` is False where the first
    row is data already.
    """

    format: UsageFormat
    positions: Mapping[str, int]
    names: Mapping[str, str]
    unknown: tuple[str, ...] = ()
    header: bool = True


@lru_cache(maxsize=1)
def load_format_data() -> FormatData:
    """The shipped formats, read once."""
    text = resources.files("talktime.catalog").joinpath("data/usage_formats.toml").read_text("utf-8")
    data = tomllib.loads(text)
    words = {
        column: {word: ours for ours, theirs in meanings.items() for word in theirs}
        for column, meanings in data["words"].items()
    }
    others = tuple(
        OtherTable(
            entry["title"],
            entry["advice"],
            frozenset(entry["names"]),
            tuple(re.compile(cell, re.ASCII) for cell in entry.get("cells", ())),
        )
        for entry in data["other"]
    )
    return FormatData(tuple(_format(entry) for entry in data["format"]), others, words)


def presets() -> tuple[str, ...]:
    """The names that `preset` may have: all formats."""
    return tuple(form.name for form in load_format_data().formats)


def format_named(name: str) -> UsageFormat:
    """The format of that name. Raises KeyError."""
    for form in load_format_data().formats:
        if form.name == name:
            return form
    raise KeyError(name)


def _format(entry: Mapping[str, Any]) -> UsageFormat:
    return UsageFormat(
        name=entry["name"],
        title=entry["title"],
        required=tuple(tuple(one.split("|")) for one in entry["required"]),
        columns={ours: tuple(theirs) for ours, theirs in entry["columns"].items()},
        ignored=tuple(entry.get("ignored", ())),
        fixed=entry.get("fixed", {}),
        call_type_of=entry.get("call_type_of", {}),
        call_type_else=entry.get("call_type_else", ""),
        times=entry.get("times", "text"),
        layout=_layout(entry["layout"]) if "layout" in entry else None,
        automatic=entry.get("automatic", True),
    )


def _layout(entry: Mapping[str, Any]) -> Layout:
    names = tuple(entry["names"])
    cells = {names.index(name): re.compile(pattern, re.ASCII) for name, pattern in entry["cells"].items()}
    return Layout(names, entry["least"], entry["most"], cells)


def plain(name: str) -> str:
    """A column's name as it is compared: no blanks around it, no case, no byte order mark."""
    return " ".join(name.replace("\ufeff", "").split()).casefold()


def match(form: UsageFormat, row: Sequence[str], *, header: bool = True) -> Recognised | None:
    """The columns of one format in a header, or None where a required one is missing.

    What a column map names is taken by no other column, unless the map names it there, too.
    """
    at: dict[str, int] = {}
    for position, name in enumerate(row):
        at.setdefault(plain(name), position)
    if not header:
        at |= {str(position + 1): position for position in range(len(row))}
    asked = {at[plain(name)] for ours in form.mapped for name in form.columns[ours] if plain(name) in at}
    positions: dict[str, int] = {}
    for ours, theirs in form.columns.items():
        taken = set() if ours in form.mapped else asked
        places = (at[plain(name)] for name in theirs if plain(name) in at)
        found = next((place for place in places if place not in taken), None)
        if found is not None:
            positions[ours] = found
    if not all(any(ours in positions for ours in group) for group in form.required):
        return None
    known = set(positions.values()) | {at[plain(name)] for name in form.ignored if plain(name) in at}
    unknown = tuple(name.strip() for position, name in enumerate(row) if position not in known)
    names = {ours: row[position].strip() for ours, position in positions.items()}
    return Recognised(form, positions, names, tuple(name for name in unknown if name), header)


def recognise(row: Sequence[str], chosen: UsageFormat | None = None) -> Recognised | None:
    """The format whose header the first row of a file is, or whose layout it has; None where there is none.

    `chosen` leaves only that format, and those that it changes; its layout is then taken without a look at
    the cells.
    """
    known = _candidates(chosen)
    found = [one for form in known if form.header and (one := match(form, row))]
    if found:
        return max(found, key=_columns_of_calls)
    for form in known:
        if form.layout and form.layout.fits(row):
            return match(form, form.layout.header(len(row)), header=False)
    return _as_chosen(row, chosen) if chosen else None


def _columns_of_calls(found: Recognised) -> int:
    """How many columns of a file a format knows; whose calls they are says nothing about the format."""
    return len({at for ours, at in found.positions.items() if ours != "tenant"})


def _candidates(chosen: UsageFormat | None) -> Sequence[UsageFormat]:
    """The formats of which the content says which it is."""
    if chosen is not None:
        return chosen.changed
    return [form for form in load_format_data().formats if form.automatic]


def _as_chosen(row: Sequence[str], form: UsageFormat) -> Recognised | None:
    """The first row of a file as one of this format."""
    found = match(form, row) if form.header else None
    if found is None and form.layout:
        return match(form, form.layout.header(len(row)), header=False)
    if found is None and not form.header:
        return match(form, _numbers(row), header=False)
    return found


def _numbers(row: Sequence[str]) -> list[str]:
    """The names of columns that have none."""
    return [f"#{at + 1}" for at in range(len(row))]


def why_not(row: Sequence[str], chosen: UsageFormat | None = None) -> str:
    """The end of a sentence about a first row that no format knows: what is missing, what to do."""
    names = {plain(name) for name in row}
    data = load_format_data()
    for other in data.others:
        if other.fits(row):
            return f"is {other.title}, not usage: {other.advice}"
    if chosen is not None and chosen.mapped and (wrong := _wrong_names(row, chosen)):
        return f"has no column {wrong}; it has {_shown(row, chosen)}: mend the column map"
    nearest = max(_nearest_of(chosen), key=lambda form: _nearness(form, names))
    if nearest.mapped and nearest is chosen and (unnamed := _unnamed(row, nearest)):
        return f"has no column for {unnamed}; it has {_shown(row, nearest)}: name them in the column map"
    missing = missing_columns(nearest, names)
    if len(missing) == len(nearest.required):
        if chosen is not None:
            return f"has no column that {chosen.title} has: give the right preset or column map"
        start = ", ".join(name.strip() for name in row[:4])[:80]
        return (
            f"has no header of a usage file (it begins with {start!r}): export it again with its header, "
            f"or name its columns in a column map"
        )
    return (
        f"looks like {nearest.title}, but has no column {', '.join(missing)}: export it with that column, "
        f"or name the columns in a column map"
    )


def _nearest_of(chosen: UsageFormat | None) -> Sequence[UsageFormat]:
    """The formats that a file may be meant to be; one of its own where a map names what a call needs."""
    if chosen is None:
        return _candidates(None)
    needed = {ours for group in chosen.required[: -len(chosen.mapped) or None] for ours in group}
    return [chosen] if needed & set(chosen.mapped) else [*chosen.changed, chosen]


def _wrong_names(row: Sequence[str], form: UsageFormat) -> str:
    """What a column map names and the first row does not have: `'calldat' (start)`."""
    there = _there(row, form)
    wrong: dict[str, list[str]] = {}
    for ours in form.mapped:
        for name in form.columns[ours]:
            if plain(name) not in there:
                wrong.setdefault(name, []).append(ours)
    return ", ".join(f"{name!r} (for {' and '.join(ours)})" for name, ours in wrong.items())


def _unnamed(row: Sequence[str], form: UsageFormat) -> str:
    """The columns of ours that a mapped format needs and finds nowhere, by the first way to give each."""
    there = _there(row, form)
    asked = {plain(name) for ours in form.mapped for name in form.columns[ours]}
    unnamed = []
    for group in form.required:
        free = {plain(name) for ours in group for name in form.columns.get(ours, ())} & (there - asked)
        if not free and not set(group) & set(form.mapped):
            unnamed.append(group[0])
    return ", ".join(unnamed)


def _there(row: Sequence[str], form: UsageFormat) -> set[str]:
    """The names, as they are compared, by which the columns of a file can be called."""
    numbers = {str(at + 1) for at in range(len(row))}
    if not form.header:
        return numbers
    if form.layout:
        return {plain(name) for name in (*row, *form.layout.header(len(row)))} | numbers
    return {plain(name) for name in row}


def _shown(row: Sequence[str], form: UsageFormat) -> str:
    """The header of a file, or how many columns it has where it has none."""
    if not form.header:
        return f"{len(row)} columns"
    names = printable(", ".join(name.strip() for name in row))
    return names if len(names) <= MAX_SHOWN else f"{names[:MAX_SHOWN]}..."


def missing_columns(form: UsageFormat, names: set[str]) -> list[str]:
    """The required columns that a header (names as compared) does not have, by their names in the file."""
    missing = []
    for group in form.required:
        theirs = [name for ours in group for name in form.columns.get(ours, ())]
        if not any(plain(name) in names for name in theirs):
            missing.append(" or ".join(repr(form.columns[ours][0]) for ours in group if ours in form.columns))
    return missing


def _nearness(form: UsageFormat, names: set[str]) -> tuple[bool, int, int]:
    """How near a header is to a format: it has a required column, then most known and fewest missing ones."""
    known = sum(any(plain(name) in names for name in theirs) for theirs in form.columns.values())
    missing = len(missing_columns(form, names))
    return missing < len(form.required), known, -missing
