"""Decks as they come: formats, settings, and rows that are set aside with line and reason."""

import pytest

from talktime.core.deck import INBOUND, OUTBOUND
from talktime.core.money import HALF_UP, UP
from talktime.core.rating import AFTER_FIRST, WHOLE
from talktime.files.decks.recognise import COLUMNS
from talktime.files.instants import parse_instant
from tests.files.decks.tables import read, texts, usable

MICROSOFT = (
    "Destination Name,Destination Type,Country,Prefix,Price / min\r\n"
    "United Kingdom,Landline,GB,44,0.012\r\n"
    "United Kingdom - Mobile,mobile,GB,447,0.3\r\n"
)


def test_microsofts_price_file() -> None:
    found = read(MICROSOFT, stem="list")
    assert (found.format, found.rows_total, found.rows_rejected) == ("microsoft", 2, 0)
    assert found.deck is not None
    assert (found.deck.name, found.deck.currency, found.deck.sample) == ("list", "USD", False)
    assert (found.deck.rounding, found.deck.decimals, found.deck.increments) == (HALF_UP, 6, AFTER_FIRST)
    landline, mobile = found.deck.rows
    assert (landline.prefix, landline.price_nanos, landline.type, landline.country) == (
        "44",
        12_000_000,
        "landline",
        "GB",
    )
    assert (mobile.prefix, mobile.price_nanos, mobile.line) == ("447", 300_000_000, 3)
    assert (mobile.first_price_nanos, mobile.fee_micros, mobile.first_s, mobile.step_s) == (
        300_000_000,
        0,
        60,
        60,
    )
    assert (mobile.direction, mobile.category, mobile.has_window, mobile.has_validity) == (
        OUTBOUND,
        "",
        False,
        False,
    )


def test_transnexus_without_a_header() -> None:
    found = read("+1831\t0.0045\tUSA - CA\n+1832\t0.0047\tUSA - TX\n1\t0.005\n", currency="eur")
    assert (found.format, found.rows_total) == ("transnexus", 3)
    assert found.deck is not None
    assert [(row.prefix, row.price_nanos, row.name) for row in found.deck.rows] == [
        ("1831", 4_500_000, "USA - CA"),
        ("1832", 4_700_000, "USA - TX"),
        ("1", 5_000_000, ""),
    ]
    assert found.deck.currency == "EUR"
    assert texts(found, "warning") == []


OURS = f"""\
# name = Spring
# rounding = up 4
# increments = whole
# currency = EUR
# sample = true
# source = a letter
{",".join(COLUMNS)}
44870,National,Premium,gb,fr,voice-app-outbound,Outbound,,0.10,0.2,0.05,30,6,2026-07-01,2027-01-01,Mon-Fri,8:00,18:00,Europe/London,eur
1,Toll-free,,,,,inbound,Toll free,0.022,,,,,,,,,,,
"""


def test_our_format_with_every_column() -> None:
    deck = usable(OURS)
    assert (deck.name, deck.currency, deck.sample) == ("Spring", "EUR", True)
    assert (deck.rounding, deck.decimals, deck.increments) == (UP, 4, WHOLE)
    row, inbound = deck.rows
    assert (row.price_nanos, row.first_price_nanos, row.fee_micros) == (100_000_000, 200_000_000, 50_000)
    assert (row.first_s, row.step_s, row.origin_country, row.category) == (30, 6, "FR", "voice_app_outbound")
    assert (row.valid_from_us, row.valid_until_us) == (
        parse_instant("2026-07-01"),
        parse_instant("2027-01-01"),
    )
    assert (row.weekdays, row.from_min, row.to_min, row.time_zone) == (0b11111, 480, 1080, "Europe/London")
    assert (row.name, row.type, row.country, row.line) == ("National", "premium", "GB", 8)
    assert (inbound.direction, inbound.number_type, inbound.first_price_nanos) == (
        INBOUND,
        "toll_free",
        22_000_000,
    )


def test_a_name_asked_for_comes_before_the_files_own() -> None:
    assert usable(OURS, name="Mine").name == "Mine"
    assert usable("prefix,price_per_minute\n44,1\n", stem="file").name == "file"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("prefix,price_per_minute", "talktime"),
        (" PREFIX ;Price_Per_Minute", "talktime"),
        ("Price per minute\tprefix", "talktime"),
        ("Code|Rate", "table"),
        ('"Prefix","Price"', "table"),
    ],
)
def test_headers_are_recognised_without_case_blanks_and_delimiter(header: str, expected: str) -> None:
    cells = {"prefix": "44", "code": "44"}
    delimiter = next(mark for mark in ",;\t|" if mark in header)
    body = delimiter.join(cells.get(name.strip(' "').lower(), "0.5") for name in header.split(delimiter))
    found = read(f"{header}\n{body}\n")
    assert found.format == expected
    assert found.deck is not None
    assert [(row.prefix, row.price_nanos) for row in found.deck.rows] == [("44", 500_000_000)]


def test_columns_that_are_not_ours_are_left_out_and_named() -> None:
    found = read("prefix,Colour,price_per_minute\n44,red,0.5\n")
    assert (0, "columns that are not known are left out: colour") in texts(found, "warning")
    assert found.deck is not None


def test_blank_lines_comments_and_short_rows() -> None:
    deck = usable("\n# name = x\n\nprefix,price_per_minute,name\n\n44,0.5\n# later\n , \n45,0.6,Denmark,,\n")
    assert [(row.prefix, row.line) for row in deck.rows] == [("44", 6), ("45", 9)]


def test_quotation_marks() -> None:
    found = read(
        'prefix,name,price_per_minute\n44,"Jersey, ""C.I.""",0.5\n45,"two\nlines",0.6\n'
        '46,"open,0.7\n47,Norway,0.8\n'
    )
    assert found.deck is not None
    assert [(row.prefix, row.name, row.line) for row in found.deck.rows] == [
        ("44", 'Jersey, "C.I."', 2),
        ("45", "two lines", 3),
        ("47", "Norway", 6),
    ]
    assert texts(found, "row_rejected") == [(5, "a quotation mark is not closed")]
