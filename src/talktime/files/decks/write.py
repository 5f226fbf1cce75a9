"""Writing a deck in our own format: settings as comment lines, then one row a line.

What is written reads back as the same version; cells that say what is meant without them stay empty.
"""

import csv
from typing import Final, TextIO

from talktime.core.deck import MINUTES_A_DAY, Deck, RateRow
from talktime.core.limits import ALWAYS_US, NEVER_US
from talktime.core.money import MICROS_PLACES, NANOS_PLACES, ROUNDINGS, format_decimal
from talktime.core.rating import INCREMENTS
from talktime.files.decks.cells import format_weekdays
from talktime.files.decks.recognise import COLUMNS
from talktime.files.instants import format_instant

_UTC: Final = "UTC"


def write_deck(deck: Deck, out: TextIO) -> None:
    """Writes a deck as CSV; open a file for it with `newline=""` and UTF-8."""
    out.writelines(f"# {key} = {value}\n" for key, value in _settings(deck).items())
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    for row in deck.rows:
        table.writerow(_cells(row, deck.currency))


def _settings(deck: Deck) -> dict[str, str]:
    rounding = next(name for name, number in ROUNDINGS.items() if number == deck.rounding)
    return {
        "name": " ".join(deck.name.split()),
        "version": deck.version,
        "currency": deck.currency,
        "rounding": f"{rounding} {deck.decimals}",
        "increments": next(name for name, number in INCREMENTS.items() if number == deck.increments),
        "sample": "true" if deck.sample else "false",
    }


def _cells(row: RateRow, currency: str) -> list[str]:
    """The cells of a row in the order of COLUMNS."""
    apart = row.first_price_nanos != row.price_nanos
    part_of_day = (row.from_min, row.to_min) != (0, MINUTES_A_DAY)
    return [
        row.prefix,
        " ".join(row.name.split()),
        row.type,
        row.country,
        row.origin_country,
        row.category,
        row.direction,
        row.number_type,
        format_decimal(row.price_nanos, NANOS_PLACES),
        format_decimal(row.first_price_nanos, NANOS_PLACES) if apart else "",
        format_decimal(row.fee_micros, MICROS_PLACES),
        str(row.first_s),
        str(row.step_s),
        format_instant(row.valid_from_us) if row.valid_from_us != ALWAYS_US else "",
        format_instant(row.valid_until_us) if row.valid_until_us != NEVER_US else "",
        format_weekdays(row.weekdays),
        _time(row.from_min) if part_of_day else "",
        _time(row.to_min) if part_of_day else "",
        row.time_zone if row.time_zone != _UTC else "",
        currency,
    ]


def _time(minute: int) -> str:
    """1110 -> `"18:30"`."""
    return f"{minute // 60:02}:{minute % 60:02}"
