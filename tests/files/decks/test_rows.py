"""Rows that are set aside, each with its line and the reason; the others are used."""

import pytest

from talktime.core.limits import MAX_PRICE_NANOS
from tests.files.decks.tables import read, texts, usable


@pytest.mark.parametrize(
    "prefix",
    ["+4420", "004420", "+44 20", "44-20", " 4420", "'4420", "+44\u00a020", "00 44 20", "44\u201320"],
)
def test_prefixes_that_are_written_otherwise(prefix: str) -> None:
    assert [row.prefix for row in usable(f"prefix,price_per_minute\n{prefix},0.5\n").rows] == ["4420"]


def test_rewritten_prefixes_are_told_once_a_plus_is_not() -> None:
    found = read("prefix,price_per_minute\n+44,1\n0045,1\n4-6,1\n")
    expected = (3, "2 prefixes are written with 00, blanks or dashes; their digits were taken")
    assert expected in texts(found, "warning")


@pytest.mark.parametrize(
    ("prefix", "reason"),
    [
        ("2.77724E+11", "a spreadsheet wrote the prefix as '2.77724E+11' and lost digits; enter it as text"),
        ("4E+11", "a spreadsheet wrote the prefix as '4E+11'"),
        ('"2,77724E+11"', "a spreadsheet wrote the prefix as '2,77724E+11'"),
        ("44.0", "prefix '44.0' holds more than digits"),
        ("UK", "prefix 'UK' holds more than digits"),
        ("44/45", "prefix '44/45' holds more than digits"),
        ("44(0)20", "prefix '44(0)20' holds more than digits"),
        ("٤٤", "prefix '٤٤' holds more than digits"),
        ("020", "prefix '020' begins with 0"),
        ("+020", "prefix '+020' begins with 0"),
        ("1234567890123456", "prefix '1234567890123456' has 16 digits; a number has at most 15"),
        ("4420-4429", "prefix '4420-4429' may be a range"),
        ("", "the prefix is missing"),
    ],
)
def test_prefixes_that_are_set_aside(prefix: str, reason: str) -> None:
    found = read(f"prefix,price_per_minute\n45,1\n{prefix},0.5\n")
    ((line, text),) = texts(found, "row_rejected")
    assert line == 3
    assert text.startswith(reason)
    assert (found.rows_total, found.rows_rejected) == (2, 1)
    assert found.deck is not None
    assert [row.prefix for row in found.deck.rows] == ["45"]


CELLS = (
    "prefix,price_per_minute,first_price_per_minute,connection_fee,first_seconds,step_seconds,weekdays,"
    "from_time,to_time,timezone,valid_from,valid_until,direction,origin_country"
)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"price_per_minute": ""}, "the price is missing"),
        ({"price_per_minute": "free"}, "price_per_minute 'free' is not a decimal number"),
        ({"price_per_minute": "1E-2"}, "price_per_minute '1E-2' is not a decimal number"),
        ({"price_per_minute": "-0.01"}, "price_per_minute '-0.01' is negative"),
        ({"price_per_minute": "0.0000000001"}, "price_per_minute '0.0000000001' has more than 9 decimals"),
        ({"price_per_minute": "1000.01"}, "price_per_minute '1000.01' is above the limit of 1000 a minute"),
        ({"first_price_per_minute": "-1.0"}, "first_price_per_minute '-1.0' is negative"),
        ({"connection_fee": "0.0000001"}, "connection_fee '0.0000001' has more than 6 decimals"),
        ({"connection_fee": "-0.1"}, "connection_fee '-0.1' is negative"),
        ({"connection_fee": "1000.5"}, "connection_fee '1000.5' is above the limit of 1000"),
        ({"first_seconds": "-1"}, "first_seconds '-1' is not a whole number of seconds from 0 to 86400"),
        ({"step_seconds": "0"}, "step_seconds '0' is not a whole number of seconds from 1 to 86400"),
        ({"step_seconds": "86401"}, "step_seconds '86401' is not"),
        ({"step_seconds": "6.5"}, "step_seconds '6.5' is not"),
        ({"weekdays": "0-5"}, "weekdays '0-5' names no weekdays"),
        ({"weekdays": "8"}, "weekdays '8' names no weekdays"),
        ({"weekdays": "Funday"}, "weekdays 'Funday' names no weekdays"),
        ({"weekdays": "m"}, "weekdays 'm' names no weekdays"),
        ({"from_time": "25:00"}, "from_time '25:00' is no time of the day"),
        ({"to_time": "24:01"}, "to_time '24:01' is no time of the day"),
        ({"from_time": "8:60"}, "from_time '8:60' is no time of the day"),
        ({"from_time": "0800"}, "from_time '0800' is no time of the day"),
        ({"from_time": "08:00", "to_time": "08:00"}, "from_time and to_time leave no time between them"),
        ({"from_time": "24:00", "to_time": "06:00"}, "from_time and to_time leave no time between them"),
        ({"timezone": "Europe/Atlantis"}, "timezone 'Europe/Atlantis' is no known time zone"),
        ({"timezone": "Europe"}, "timezone 'Europe' is no known time zone"),
        ({"timezone": "../../etc/passwd"}, "timezone '../../etc/passwd' is no known time zone"),
        ({"valid_from": "2026-07-01", "valid_until": "2026-07-01"}, "valid_until is not after valid_from"),
        ({"valid_from": "2026-07-02", "valid_until": "2026-07-01"}, "valid_until is not after valid_from"),
        ({"valid_from": "1/7/2026"}, "valid_from '1/7/2026' is no instant"),
        ({"direction": "up"}, "direction 'up' is no direction; write outbound or inbound"),
        ({"origin_country": "England"}, "origin_country 'England' is no country code"),
    ],
)
def test_cells_that_set_their_row_aside(cells: dict[str, str], reason: str) -> None:
    bad = {"prefix": "44", "price_per_minute": "0.5"} | cells
    line = ",".join(bad.get(column, "") for column in CELLS.split(","))
    found = read(f"{CELLS}\n{line}\n45,0.5\n")
    ((at, text),) = texts(found, "row_rejected")
    assert at == 2
    assert text.startswith(reason)
    assert found.deck is not None
    assert [row.prefix for row in found.deck.rows] == ["45"]


def test_the_dearest_and_the_finest_price() -> None:
    deck = usable("prefix,price_per_minute\n44,1000.000\n45,0.000000001\n46,0\n47,.5\n48,0.5000000000\n")
    assert [row.price_nanos for row in deck.rows] == [MAX_PRICE_NANOS, 1, 0, 500_000_000, 500_000_000]


@pytest.mark.parametrize(
    ("weekdays", "bits"),
    [
        ("1-5", 0b0011111),
        ('"1,3,5"', 0b0010101),
        ("1;3;5", 0b0010101),
        ("Mon-Fri", 0b0011111),
        ("mo-fr", 0b0011111),
        ("Monday - Friday", 0b0011111),
        ("sa su", 0b1100000),
        ("6/7", 0b1100000),
        ("Fri-Mon", 0b1110001),
        ("7", 0b1000000),
        ("1-7", 0b1111111),
        ("", 0b1111111),
    ],
)
def test_weekdays(weekdays: str, bits: int) -> None:
    assert [row.weekdays for row in usable(f"prefix,price_per_minute,weekdays\n44,1,{weekdays}\n").rows] == [
        bits
    ]


@pytest.mark.parametrize(
    ("from_time", "to_time", "minutes"),
    [
        ("08:00", "18:30", (480, 1110)),
        ("8:00:00", "24:00", (480, 1440)),
        ("18:00", "00:00", (1080, 1440)),
        ("22:00", "06:00", (1320, 360)),
        ("", "06:00", (0, 360)),
        ("18:00", "", (1080, 1440)),
        ("00:00", "24:00", (0, 1440)),
    ],
)
def test_times_of_the_day(from_time: str, to_time: str, minutes: tuple[int, int]) -> None:
    (row,) = usable(f"prefix,price_per_minute,from_time,to_time\n44,1,{from_time},{to_time}\n").rows
    assert (row.from_min, row.to_min) == minutes


def test_rows_with_too_many_cells_nul_bytes_or_no_end() -> None:
    found = read(f"prefix,price_per_minute,name\n44,0,02,UK\n45,1,D\0K\n46,1,{'x' * 70_000}\n47,1,Norway\n")
    assert [line for line, _ in texts(found, "row_rejected")] == [2, 3, 4]
    assert texts(found, "row_rejected")[0][1].startswith("the row has 4 cells instead of 3")
    assert found.deck is not None
    assert [row.prefix for row in found.deck.rows] == ["47"]


def test_a_deck_without_a_usable_row_is_refused() -> None:
    for text in ("prefix,price_per_minute\n", "prefix,price_per_minute\nUK,1\n"):
        found = read(text)
        assert found.deck is None
        assert texts(found, "refused") == [(0, "the deck has no usable row")]
