"""The traps of real decks: what refuses a deck, what is a warning, and what is neither."""

import pytest

from talktime.files.decks.check import check_deck
from talktime.files.instants import parse_instant
from tests.files.decks.tables import deck, read, row, texts

HEADER = (
    "prefix,price_per_minute,connection_fee,category,origin_country,direction,weekdays,from_time,to_time,"
    "timezone,valid_from,valid_until"
)


def two_rows(first: dict[str, str], second: dict[str, str]) -> str:
    """A deck of two rows of prefix 44: one at 0.01, one at 0.02 unless they say otherwise."""
    lines = [HEADER]
    for price, cells in (("0.01", first), ("0.02", second)):
        filled = {"prefix": "44", "price_per_minute": price} | cells
        lines.append(",".join(filled.get(column, "") for column in HEADER.split(",")))
    return "\n".join(lines)


DAY = {"from_time": "08:00", "to_time": "18:00", "timezone": "Europe/London"}
EVENING = DAY | {"from_time": "18:00", "to_time": "22:00"}
NIGHT = DAY | {"from_time": "22:00", "to_time": "08:00"}

CLASHES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "nothing differs": ({}, {}),
    "the fee differs": ({}, {"price_per_minute": "0.01", "connection_fee": "0.1"}),
    "both with the same condition": ({"category": "voice_app_outbound"}, {"category": "voice_app_outbound"}),
    "one has a validity": ({}, {"valid_from": "2026-07-01"}),
    "validity overlaps by a second": (
        {"valid_until": "2026-07-01T00:00:01Z"},
        {"valid_from": "2026-07-01T00:00:00Z"},
    ),
    "windows overlap by a minute": (DAY, DAY | {"from_time": "17:59", "to_time": "22:00"}),
    "windows overlap on Monday": (DAY | {"weekdays": "1-5"}, DAY | {"weekdays": "7 1"}),
    "a window crosses midnight into Monday": (
        NIGHT | {"weekdays": "7"},
        DAY | {"weekdays": "1", "from_time": "07:00"},
    ),
    "windows overlap across time zones": (DAY, EVENING | {"timezone": "Europe/Paris"}),
    "windows overlap in winter only": (
        DAY | {"timezone": "UTC", "from_time": "08:00", "to_time": "09:00"},
        DAY | {"from_time": "08:00", "to_time": "09:00"},
    ),
}

PEACE: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "one has a condition": ({}, {"category": "voice_app_outbound"}),
    "other conditions": ({"category": "voice_app_outbound"}, {"origin_country": "FR"}),
    "another value of the condition": ({"origin_country": "DE"}, {"origin_country": "FR"}),
    "another direction": ({}, {"direction": "inbound"}),
    "one has a window": ({}, DAY),
    "windows follow each other": (DAY, EVENING),
    "windows meet at both ends": (DAY, DAY | {"from_time": "18:00", "to_time": "08:00"}),
    "other days": (DAY | {"weekdays": "1-5"}, DAY | {"weekdays": "6-7"}),
    "a window crosses midnight of another day": (
        NIGHT | {"weekdays": "5"},
        DAY | {"weekdays": "1", "from_time": "07:00"},
    ),
    "validity follows": ({"valid_until": "2026-07-01"}, {"valid_from": "2026-07-01"}),
    "windows follow across time zones": (DAY, EVENING | {"from_time": "19:00", "timezone": "Europe/Paris"}),
    "same windows on clocks nine hours apart": (
        DAY | {"timezone": "UTC"},
        DAY | {"timezone": "Asia/Tokyo", "from_time": "03:00", "to_time": "17:00"},
    ),
}


@pytest.mark.parametrize("clash", CLASHES)
def test_two_rows_that_fit_the_same_call_refuse_the_deck(clash: str) -> None:
    found = read(two_rows(*CLASHES[clash]))
    assert found.deck is None
    assert texts(found, "refused") == [
        (3, "prefix 44 stands in line 2 too, for the same calls and with another charge; keep one of them")
    ]
    # whichever row stands first
    assert read(two_rows(*reversed(CLASHES[clash]))).deck is None


@pytest.mark.parametrize("peace", PEACE)
def test_rows_that_never_fit_one_call_equally_are_fine(peace: str) -> None:
    found = read(two_rows(*PEACE[peace]))
    assert found.deck is not None
    assert not [text for _, text in texts(found, "warning") if "prefix 44" in text]


@pytest.mark.parametrize("clash", [name for name in CLASHES if "fee" not in name])
def test_the_same_charge_twice_is_a_warning(clash: str) -> None:
    first, second = CLASHES[clash]
    found = read(two_rows(first, second | {"price_per_minute": "0.010"}))
    assert found.deck is not None
    twice = [text for line, text in texts(found, "warning") if line == 3]
    assert twice == ["prefix 44 stands in line 2 too, for the same calls and with the same charge"]


def test_a_clash_is_found_behind_rows_with_the_same_charge() -> None:
    found = check_deck(deck(row("44", line=1), row("44", line=2), row("44", line=3), row("44", 1, line=4)))
    assert [(finding.severity, finding.line) for finding in found if "stands in" in finding.text] == [
        ("warning", 2),
        ("warning", 3),
        ("refused", 4),
    ]


def test_a_row_of_long_validity_clashes_with_one_after_shorter_rows() -> None:
    def at(day: int) -> int:
        return parse_instant(f"2026-07-{day:02}")

    whole_month = row("44", line=1, valid_from_us=at(1), valid_until_us=at(31), from_min=60, to_min=120)
    first_week = row("44", 5, line=2, valid_from_us=at(2), valid_until_us=at(8), from_min=180, to_min=240)
    last_week = row("44", 6, line=3, valid_from_us=at(22), valid_until_us=at(29), from_min=90, to_min=100)
    findings = check_deck(deck(last_week, first_week, whole_month))
    assert [finding.line for finding in findings if finding.severity == "refused"] == [3]


def test_validity_that_ends_on_the_eve_of_the_next_leaves_a_day_without_rate() -> None:
    found = read(two_rows({"valid_until": "2026-06-30"}, {"valid_from": "2026-07-01"}))
    assert found.deck is not None
    assert (
        3,
        "prefix 44 has no rate from 2026-06-30T00:00:00Z to 2026-07-01T00:00:00Z; "
        "valid_until itself is not included",
    ) in texts(found, "warning")
    longer = read(two_rows({"valid_until": "2026-06-29"}, {"valid_from": "2026-07-01"}))
    assert not [text for _, text in texts(longer, "warning") if "has no rate from" in text]


# --- prices far above their neighbours' ---------------------------------------------------------------


def dear_lines(text: str) -> list[int]:
    """The lines of warnings about the decimal mark."""
    return [line for line, sentence in texts(read(text), "warning") if "check the decimal mark" in sentence]


LISTED = "prefix,country,type,price_per_minute\n44,GB,landline,0.012\n"


@pytest.mark.parametrize(("price", "lines"), [("0.3", [5]), ("0.2999", []), ("0.03", [])])
def test_ten_times_the_median_of_its_country_and_type(price: str, lines: list[int]) -> None:
    text = f"{LISTED}447,GB,mobile,0.02\n4474,GB,mobile,0.04\n4475,GB,mobile,{price}\n"
    assert dear_lines(text) == lines


def test_what_a_finding_about_a_price_says() -> None:
    found = read(LISTED + "".join(f"447{n},GB,mobile,{'0.3' if n > 6 else '0.03'}\n" for n in range(10)))
    expected = "prefix 4477 and 2 more: 0.3 a minute, 9 neighbours have about 0.03; check the decimal mark"
    assert (10, expected) in texts(found, "warning")


def test_without_a_country_the_rows_beside_it_are_its_neighbours() -> None:
    plain = (
        "prefix\tprice\n1831\t0.0045\n1832\t0.0047\n1833\t0.045\n1841\t0.45\n33\t0.02\n336\t0.03\n337\t0.35\n"
    )
    assert dear_lines(plain.replace("0.045\n", "0.047\n")) == [4, 8]
    assert dear_lines(plain.replace("0.045\n", "0.0459\n").replace("0.35", "0.24")) == []


def test_other_conditions_and_free_rows_are_no_neighbours() -> None:
    table = "prefix,country,type,direction,price_per_minute\n"
    free = table + "44,GB,a,,0\n441,GB,a,,0\n442,GB,a,,0\n443,GB,a,,0.01\n"
    assert dear_lines(free) == []
    inbound = table + "44,GB,a,in,0.01\n441,GB,a,in,0.01\n442,GB,a,in,0.01\n44,GB,a,out,0.2\n"
    assert dear_lines(inbound) == []
    assert dear_lines(inbound.replace("out", "in").replace("44,GB,a,in,0.2", "443,GB,a,in,0.2")) == [5]


# --- what may match nothing ---------------------------------------------------------------------------


def test_calling_codes_that_only_longer_prefixes_cover() -> None:
    found = read("prefix,price\n1831,1\n336,1\n337,1\n44,1\n447,1\n3531,1\n7,1\n79,1\n8821,1\n")
    assert (
        0,
        "no row for the bare calling codes 1, 33, 353: a number there that fits no longer prefix has no rate",
    ) in texts(found, "warning")


def test_an_inbound_row_is_no_rate_for_calls_out() -> None:
    found = read("prefix,price,direction\n336,1,\n33,1,inbound\n")
    assert [text[:40] for line, text in texts(found, "warning") if "bare" in text] == [
        "no row for the bare calling codes 33: a "
    ]


def test_words_that_no_call_has() -> None:
    found = read(
        "prefix,price,category,number_type\n"
        "44,1,voice_app_outbound,toll_free\n44,2,voice app outbund,\n"
        "45,2,voice_app_outbund,tolfree\n46,1,,geographic\n"
    )
    assert [text for _, text in texts(found, "warning") if "no call" in text] == [
        "no call is in a category 'voice_app_outbund'; the row fits none",
        "no call has a number type 'tolfree'; the row fits none",
    ]
