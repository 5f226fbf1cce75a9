"""The settings of a deck as a whole: name, currency, rounding, increments, from comment lines and options.

A setting that prices depend on is understood or refuses the deck; one that is not known is named. What a file
says of itself must agree with what the caller asks for.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from talktime.core.money import HALF_UP, MICROS_PLACES, ROUNDINGS
from talktime.core.rating import AFTER_FIRST, INCREMENTS
from talktime.files.decks.cells import parse_currency, parse_time_zone
from talktime.files.decks.findings import WHOLE_FILE, Finding, refused, warning
from talktime.files.decks.recognise import MICROSOFT, Setting
from talktime.files.instants import parse_instant

DEFAULT_CURRENCY: Final = "USD"
"""The currency of Microsoft's price file, and of a file that names none."""

CURRENCY_TAKEN: Final = "no currency is named"
"""How the warning begins that a currency was assumed; runs with the deck repeat it."""

_YES_NO: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class DeckHead:
    """What holds for all rows. `version` is what the file says of itself, "" if nothing.

    `row_defaults` are fields of `RateRow` for rows that leave them empty.
    """

    name: str
    currency: str
    rounding: int
    decimals: int
    increments: int
    sample: bool
    version: str
    row_defaults: Mapping[str, object]


def parse_rounding(text: str) -> tuple[int, int]:
    """`"up 4"` -> (number of the method, decimals); without decimals 6 (domain.md 3). Raises ValueError."""
    match = re.fullmatch(r"([a-z_ -]+?)(?:[ ,]+(\d))?", text.strip().lower(), re.ASCII)
    method = re.sub(r"[ -]", "_", match[1]) if match else ""
    decimals = int(match[2]) if match and match[2] else MICROS_PLACES
    if method not in ROUNDINGS or decimals > MICROS_PLACES:
        raise ValueError(f"{text!r} is no rounding; write {', '.join(ROUNDINGS)} and decimals, as in up 4")
    return ROUNDINGS[method], decimals


def parse_increments(text: str) -> int:
    """`"whole"` -> number of the increment model. Raises ValueError."""
    model = re.sub(r"[ -]", "_", text.strip().lower())
    if model not in INCREMENTS:
        raise ValueError(f"{text!r} is no increment model; write {' or '.join(INCREMENTS)}")
    return INCREMENTS[model]


def parse_yes_no(text: str) -> bool:
    """`"true"`, `"no"`. Raises ValueError."""
    if text.lower() not in _YES_NO:
        raise ValueError(f"{text!r} is neither true nor false")
    return _YES_NO[text.lower()]


_PARSERS: Final[Mapping[str, Callable[[str], object]]] = {
    "name": str,
    "currency": parse_currency,
    "rounding": parse_rounding,
    "increments": parse_increments,
    "sample": parse_yes_no,
    "version": str,
    "valid_from": parse_instant,
    "valid_until": parse_instant,
    "timezone": parse_time_zone,
}
_REMARKS: Final = ("source", "note", "date", "made_by", "licence", "license")
_ROW_FIELDS: Final = {"valid_from": "valid_from_us", "valid_until": "valid_until_us", "timezone": "time_zone"}


def head_of(
    settings: Sequence[Setting], format_name: str, named: str, asked: str | None, in_rows: Mapping[str, int]
) -> tuple[DeckHead, list[Finding]]:
    """The head of a deck and what is wrong with it.

    `named`: the name if the file has none; `asked`: the currency that the caller expects; `in_rows`: the
    currencies that rows name, each with the line where it first stands.
    """
    values, findings = _values(settings)
    currency, more = _currency(values.get("currency"), format_name, asked, in_rows)
    rounding, decimals = _pair(values.get("rounding"))
    head = DeckHead(
        name=str(values.get("name") or named),
        currency=currency,
        rounding=rounding,
        decimals=decimals,
        increments=_number(values.get("increments"), AFTER_FIRST),
        sample=values.get("sample") is True,
        version=str(values.get("version", "")),
        row_defaults={field: values[key] for key, field in _ROW_FIELDS.items() if key in values},
    )
    return head, findings + more


def _values(settings: Sequence[Setting]) -> tuple[dict[str, object], list[Finding]]:
    values: dict[str, object] = {}
    findings: list[Finding] = []
    for setting in settings:
        parse = _PARSERS.get(setting.key)
        if parse is None:
            if setting.key not in _REMARKS:
                findings.append(warning(setting.line, _unknown(setting.key)))
            continue
        try:
            value = parse(setting.value)
        except ValueError as error:
            findings.append(refused(setting.line, f"{setting.key}: {error}"))
            continue
        if values.setdefault(setting.key, value) != value:
            findings.append(refused(setting.line, f"{setting.key} is set twice, differently; keep one"))
    return values, findings


def _unknown(key: str) -> str:
    return f"{key!r} is no setting of a deck and does nothing; settings are {', '.join(_PARSERS)}"


def _pair(value: object) -> tuple[int, int]:
    return (value[0], value[1]) if isinstance(value, tuple) else (HALF_UP, MICROS_PLACES)


def _number(value: object, default: int) -> int:
    return value if isinstance(value, int) else default


def _currency(
    in_head: object, format_name: str, asked: str | None, in_rows: Mapping[str, int]
) -> tuple[str, list[Finding]]:
    """The one currency of a deck; two of them refuse it, none is taken as US dollars with a warning."""
    said = dict(in_rows)
    if isinstance(in_head, str):
        said.setdefault(in_head, WHOLE_FILE)
    for text, line in said.items():
        try:
            parse_currency(text)
        except ValueError as error:
            return DEFAULT_CURRENCY, [refused(line, str(error))]
    if len(said) > 1:
        which = " and ".join(sorted(said))
        return min(said), [refused(max(said.values()), f"the deck is in {which}; a deck has one currency")]
    if said:
        currency = next(iter(said))
        if asked and asked != currency:
            return currency, [refused(said[currency], f"the deck is in {currency}, not in {asked}")]
        return currency, []
    if asked or format_name == MICROSOFT:
        return asked or DEFAULT_CURRENCY, []
    text = f"{CURRENCY_TAKEN}, {DEFAULT_CURRENCY} is taken; write a line `# currency = ...` on top"
    return DEFAULT_CURRENCY, [warning(WHOLE_FILE, text)]
