"""Decks as they come: formats, settings, and rows that are set aside with line and reason."""

import pytest

from talktime.core.deck import INBOUND, OUTBOUND
from talktime.core.limits import MAX_PRICE_NANOS
from talktime.core.money import HALF_UP, UP
from talktime.core.rating import AFTER_FIRST, WHOLE
from talktime.files.decks.recognise import COLUMNS
from talktime.files.instants import parse_instant
from talktime.files.usage import UnusableFile
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
    assert (landline.prefix, landline.price_nanos, landline.type, landline.country) == ("44", 12_000_000, "landline", "GB")
    assert (mobile.prefix, mobile.price_nanos, mobile.line) == ("447", 300_000_000, 3)
    assert (mobile.first_price_nanos, mobile.fee_micros, mobile.first_s, mobile.step_s) == (300_000_000, 0, 60, 60)
    assert (mobile.direction, mobile.category, mobile.has_window, mobile.has_validity) == (OUTBOUND, "", False, False)


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
    assert (row.valid_from_us, row.valid_until_us) == (parse_instant("2026-07-01"), parse_instant("2027-01-01"))
    assert (row.weekdays, row.from_min, row.to_min, row.time_zone) == (0b11111, 480, 1080, "Europe/London")
    assert (row.name, row.type, row.country, row.line) == ("National", "premium", "GB", 8)
    assert (inbound.direction, inbound.number_type, inbound.first_price_nanos) == (INBOUND, "toll_free", 22_000_000)


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
    text = 'prefix,name,price_per_minute\n44,"Jersey, ""C.I.""",0.5\n45,"two\nlines",0.6\n46,"open,0.7\n47,Norway,0.8\n'
    found = read(text)
    assert found.deck is not None
    assert [(row.prefix, row.name, row.line) for row in found.deck.rows] == [
        ("44", 'Jersey, "C.I."', 2),
        ("45", "two lines", 3),
        ("47", "Norway", 6),
    ]
    assert texts(found, "row_rejected") == [(5, "a quotation mark is not closed")]


# --- settings -----------------------------------------------------------------------------------------

BODY = "prefix,price_per_minute\n44,0.5\n"


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("rounding = sideways", "rounding: 'sideways' is no rounding"),
        ("rounding = up 7", "rounding: 'up 7' is no rounding"),
        ("increments = half", "increments: 'half' is no increment model; write after_first or whole"),
        ("currency = dollars", "currency: 'dollars' is no currency code"),
        ("sample = perhaps", "sample: 'perhaps' is neither true nor false"),
        ("timezone = Mars/Base", "timezone: 'Mars/Base' is no known time zone"),
        ("valid_from = tomorrow", "valid_from: 'tomorrow' is no instant"),
    ],
)
def test_a_setting_that_is_not_understood_refuses_the_deck(setting: str, reason: str) -> None:
    found = read(f"# name = x\n# {setting}\n{BODY}")
    assert found.deck is None
    ((line, text),) = texts(found, "refused")
    assert line == 2
    assert text.startswith(reason)


def test_a_setting_twice() -> None:
    found = read(f"# rounding = up\n# rounding = up 6\n{BODY}")
    assert found.deck is not None
    assert texts(read(f"# rounding = up\n# rounding = down\n{BODY}"), "refused") == [
        (2, "rounding is set twice, differently; keep one")
    ]


def test_an_unknown_setting_is_named_and_remarks_are_not() -> None:
    found = read(f"# roundng = up 4\n# note = hello\n# prose with = in it\n{BODY}")
    assert [line for line, text in texts(found, "warning") if "'roundng' is no setting" in text] == [1]
    assert not [text for _, text in texts(found, "warning") if "note" in text or "prose" in text]


@pytest.mark.parametrize("line", ['"# rounding = up 4"', "# rounding = up 4,,,", "#rounding=UP 4", "## Rounding = up  4;"])
def test_settings_survive_a_spreadsheet(line: str) -> None:
    deck = usable(f"{line}\n{BODY}")
    assert (deck.rounding, deck.decimals) == (UP, 4)


def test_settings_for_rows_that_do_not_say() -> None:
    deck = usable(
        "# valid_from = 2026-07-01\n# valid_until = 2027-01-01\n# timezone = Europe/Paris\n"
        "prefix,price_per_minute,valid_from,timezone\n33,1,,\n34,1,2026-08-01,Europe/Madrid\n"
    )
    assert [row.valid_from_us for row in deck.rows] == [parse_instant("2026-07-01"), parse_instant("2026-08-01")]
    assert {row.valid_until_us for row in deck.rows} == {parse_instant("2027-01-01")}
    assert [row.time_zone for row in deck.rows] == ["Europe/Paris", "Europe/Madrid"]


def test_a_file_that_is_not_the_version_it_says() -> None:
    version = usable(BODY).version
    assert not [text for _, text in texts(read(f"# version = {version}\n{BODY}"), "warning") if "version" in text]
    assert [text for _, text in texts(read(f"# version = 0123456789ab\n{BODY}"), "warning") if "version" in text] == [
        f"the file calls itself version 0123456789ab, what it holds is version {version}"
    ]


# --- currency -----------------------------------------------------------------------------------------


def test_the_currency_is_the_files_the_callers_or_dollars_with_a_warning() -> None:
    assert usable(f"# currency = eur\n{BODY}").currency == "EUR"
    assert usable(BODY, currency="GBP").currency == "GBP"
    assert usable(MICROSOFT).currency == "USD"
    found = read(BODY)
    assert found.deck is not None
    assert found.deck.currency == "USD"
    assert [text for _, text in texts(found, "warning")] == [
        "no currency is named, USD is taken; write a line `# currency = ...` on top"
    ]


@pytest.mark.parametrize(
    ("text", "asked", "line", "reason"),
    [
        ("prefix,price_per_minute,currency\n44,1,EUR\n45,1,usd\n", "", 3, "the deck is in EUR and USD; a deck has one"),
        ("# currency = EUR\nprefix,price_per_minute,currency\n44,1,\n45,1,USD\n", "", 4, "the deck is in EUR and USD"),
        ("prefix,price_per_minute,currency\n44,1,EUR\n", "USD", 2, "the deck is in EUR, not in USD"),
        ("prefix,price_per_minute,currency\n44,1,pounds\n", "", 2, "'POUNDS' is no currency code"),
    ],
)
def test_mixed_and_unexpected_currencies_refuse_the_deck(text: str, asked: str, line: int, reason: str) -> None:
    found = read(text, currency=asked)
    assert found.deck is None
    ((at, sentence),) = texts(found, "refused")
    assert at == line
    assert sentence.startswith(reason)


# --- rows that are set aside --------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["+4420", "004420", "+44 20", "44-20", " 4420", "'4420", "+44\u00a020", "00 44 20", "44\u201320"])
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


CELLS = "prefix,price_per_minute,first_price_per_minute,connection_fee,first_seconds,step_seconds,weekdays,from_time,to_time,timezone,valid_from,valid_until,direction,origin_country"


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
    assert [row.weekdays for row in usable(f"prefix,price_per_minute,weekdays\n44,1,{weekdays}\n").rows] == [bits]


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


# --- decimal marks ------------------------------------------------------------------------------------


def prices(*written: str) -> tuple[list[int], list[str]]:
    """Prices in millionths, and the reasons of rows that were set aside, of a TAB-separated deck."""
    found = read("prefix\tprice_per_minute\n" + "".join(f"4{n}\t{text}\n" for n, text in enumerate(written)))
    rows = found.deck.rows if found.deck else ()
    return [row.price_nanos // 1000 for row in rows], [text for _, text in texts(found, "row_rejected")]


def test_a_decimal_comma_shown_by_one_price_holds_for_all() -> None:
    assert prices("0,02", "1,234", "12", "1,5") == ([20_000, 1_234_000, 12_000_000, 1_500_000], [])


def test_a_decimal_point_shown_by_one_price_holds_for_all() -> None:
    assert prices("0.02", "1.234", "12") == ([20_000, 1_234_000, 12_000_000], [])
    values, (reason,) = prices("0.02", "1,234")
    assert values == [20_000]
    assert reason == "price_per_minute '1234' is above the limit of 1000 a minute"


@pytest.mark.parametrize("written", ["1.000,00", "1 000,00", "1\u00a0000,00", "1'000,00", "1.000"])
def test_thousands_in_a_file_with_decimal_commas(written: str) -> None:
    assert prices("0,02", written) == ([20_000, 1_000_000_000], [])


@pytest.mark.parametrize("written", ["1,000.00", "1 000.00", "1\u202f000.00", "1\u2019000.00", "1,000"])
def test_thousands_in_a_file_with_decimal_points(written: str) -> None:
    assert prices("0.02", written) == ([20_000, 1_000_000_000], [])


def test_a_comma_that_may_be_either_is_not_guessed() -> None:
    values, reasons = prices("1,234", "2,500", "3")
    assert values == [3_000_000]
    assert reasons[0].startswith("price_per_minute '1,234' may be 1.234 or 1234, and no other number of the file tells")
    assert len(reasons) == 2


def test_a_point_alone_is_a_decimal_point_except_where_semicolons_delimit() -> None:
    assert prices("1.234") == ([1_234_000], [])
    found = read("prefix;price_per_minute\n44;1.234\n45;2\n")
    assert [text[:50] for _, text in texts(found, "row_rejected")] == ["price_per_minute '1.234' may be 1.234 or 1234, and"]


def test_a_price_in_the_other_style_is_set_aside() -> None:
    assert prices("0,02", "0,03", "0.04") == (
        [20_000, 30_000],
        ["price_per_minute '0.04' has a decimal point, the rest of the file a decimal comma"],
    )
    assert prices("0.02", "0.03", "0,04")[1] == [
        "price_per_minute '0,04' has a decimal comma, the rest of the file a decimal point"
    ]


@pytest.mark.parametrize("written", ["1.2.3", "1,2,3", "0.0.2", "--1", "1,23.4", "12 34", "1 0000"])
def test_what_is_no_number_in_any_style(written: str) -> None:
    values, (reason,) = prices("0.02", written)
    assert values == [20_000]
    assert "price_per_minute" in reason


# --- no deck at all -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("# only\n# comments\n", "has no header and no rows"),
        ("44,0.5,UK\n45,0.6,DK\n", "its first line is no header"),
        ("prefix,name\n44,UK\n", "has no column price_per_minute; its columns are prefix, name"),
        ("name,country,price\nUK,GB,1\n", "has no column prefix"),
        ("UsageId,Call ID,Duration Seconds\n1,2,3\n", "looks like usage"),
        ('{"value": []}', "holds JSON"),
        ("prefix,price,rate\n44,1,2\n", "the columns 'price' and 'rate' both say price_per_minute; keep one"),
        ("hello\tworld\nfoo\tbar\n", "its first line is no header"),
    ],
)
def test_what_is_no_deck_is_said_in_one_sentence(text: str, reason: str) -> None:
    with pytest.raises(UnusableFile) as caught:
        read(text)
    assert reason in str(caught.value)
    assert str(caught.value).startswith("deck.csv")
