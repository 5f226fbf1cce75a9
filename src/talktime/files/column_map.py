"""Column maps: a user tells which column of any switch's table is which of ours (formats.md, Generic CDR).

A TOML file, options on the command line, or both; options win. A map changes one of the known formats: its
base, the preset, or else the one that the content of a file shows. A map that has no base and names all that
a call needs makes a format of its own out of the generic one.

    base = "generic"             # or a preset: freeswitch, asterisk, ...
    name = "our switch"
    header = true                # false: columns are given by their number, the first being 1
    delimiter = ";"
    date_order = "dmy"           # 03/04/2026 is the third of April; "mdy": the fourth of March
    times = "text"               # or "epoch_s", "epoch_us"
    time_zone = "Europe/Berlin"  # of times that name no zone; UTC where it is absent
    [columns]
    start = "calldate"
    caller = "src"
    [fixed]
    call_type = "user_out"
"""

import tomllib
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from talktime.files.usage import UnusableFile
from talktime.files.usage_formats import (
    DATE_ORDERS,
    TIMES,
    UsageFormat,
    format_named,
    load_format_data,
    presets,
)

GENERIC: Final = "generic"


def chosen_format(
    map_file: Path | None, columns: Mapping[str, str] | None, preset: str | None
) -> UsageFormat | None:
    """The format that the user asked for, or None: recognise each file by its content.

    Raises UnusableFile: an unknown preset, a map that is no TOML or says something unknown.
    """
    data = {} if map_file is None else _read(map_file)
    where = "the column map" if map_file is None else str(map_file)
    if map_file is None and not columns:
        return None if preset is None else _named(preset, "the preset")
    base = preset or data.pop("base", None)
    data.pop("base", None)
    form = _changed(_named(base or GENERIC, where), data, columns, where)
    if base or all(set(group) & set(form.mapped) for group in form.required):
        return form
    known = (one for one in load_format_data().formats if one.automatic)
    return replace(form, changed=tuple(_changed(one, data, columns, where) for one in known))


def _changed(
    form: UsageFormat, data: Mapping[str, Any], columns: Mapping[str, str] | None, where: str
) -> UsageFormat:
    """One format as a map changes it, and the options over it."""
    mapped = _mapped(form, data, where)
    return _with_columns(mapped, {**data.get("columns", {}), **(columns or {})}, where)


def _read(map_file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(map_file.read_text("utf-8"))
    except OSError as error:
        raise UnusableFile(f"{map_file}: the column map cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UnusableFile(f"{map_file}: the column map is no TOML in UTF-8: {error}") from error


def _named(name: object, where: str) -> UsageFormat:
    try:
        return format_named(str(name))
    except KeyError:
        raise UnusableFile(
            f"{where}: there is no format {name!r}; there are {', '.join(presets())}"
        ) from None


def _is_zone(value: object) -> bool:
    try:
        zoneinfo.ZoneInfo(str(value))
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return False
    return True


_KEYS: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "name": (lambda value: isinstance(value, str) and bool(value), "a name"),
    "header": (lambda value: isinstance(value, bool), "true or false"),
    "delimiter": (lambda value: isinstance(value, str) and len(value) == 1, "one character"),
    "date_order": (lambda value: value in DATE_ORDERS, "dmy or mdy"),
    "times": (lambda value: value in TIMES, " or ".join(TIMES)),
    "time_zone": (_is_zone, "the name of a time zone such as Europe/Berlin"),
    "columns": (lambda value: isinstance(value, dict), "a table: our column = its name in the file"),
    "fixed": (lambda value: isinstance(value, dict), "a table: our column = its value"),
}
"""Key of a map -> what its value must be, in code and in words."""


def _mapped(form: UsageFormat, data: Mapping[str, Any], where: str) -> UsageFormat:
    """The format with everything that the map says but its columns."""
    for key, value in data.items():
        if key not in _KEYS:
            raise UnusableFile(f"{where}: the key {key!r} is not known; there are base, {', '.join(_KEYS)}")
        fits, wanted = _KEYS[key]
        if not fits(value):
            raise UnusableFile(f"{where}: {key} is {value!r}, it must be {wanted}")
    for ours in data.get("fixed", {}):
        _check_column(ours, where)
    plain_keys = {key: value for key, value in data.items() if key not in ("columns", "fixed", "name")}
    fixed = {**form.fixed, **{ours: str(value) for ours, value in data.get("fixed", {}).items()}}
    title = data.get("name", form.title)
    return replace(form, title=title, fixed=fixed, automatic=True, **plain_keys)


def _with_columns(form: UsageFormat, columns: Mapping[str, Any], where: str) -> UsageFormat:
    """The format with the map's columns in place of its own; each must be in the file, "" leaves one out.

    Where all of them are numbers, the file has no header.
    """
    names = dict(form.columns)
    for ours, theirs in columns.items():
        _check_column(ours, where)
        if not isinstance(theirs, str | int) or isinstance(theirs, bool):
            raise UnusableFile(f"{where}: column {ours} is {theirs!r}, it must be the name of a column")
        names[ours] = (str(theirs),) if theirs != "" else ()
    asked = tuple((ours,) for ours, theirs in columns.items() if theirs != "")
    numbered = bool(columns) and all(str(theirs).isdecimal() for theirs in columns.values())
    return replace(
        form,
        columns=names,
        required=form.required + asked,
        header=form.header and not numbered,
        mapped=tuple(ours for (ours,) in asked),
    )


def _check_column(ours: str, where: str) -> None:
    known = next(form for form in load_format_data().formats if form.name == GENERIC).columns
    if ours not in known:
        raise UnusableFile(f"{where}: there is no column {ours!r} to map to; there are {', '.join(known)}")
