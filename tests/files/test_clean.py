"""Which rows make sense, and what becomes of their words, times and durations."""

from pathlib import Path
from typing import Any

import pytest

from talktime.files.usage_batch import MAX_FIELD_BYTES
from tests.files.usage_samples import (
    CALL,
    CALLING_PLANS_25,
    DIRECT_ROUTING_25,
    ROUTED,
    call,
    read,
    reasons,
    rows,
    table,
)


def one_row(folder: Path, **changes: str) -> dict[str, Any]:
    """The only row of a file with one call."""
    (row,) = rows(read(folder, table(CALLING_PLANS_25, call(**changes))))
    return row


FAULTS = [
    ({"Duration Seconds": "-5"}, "Duration Seconds: the duration is negative"),
    ({"Duration Seconds": "-0.5"}, "Duration Seconds: '-0.5' is negative"),
    ({"Duration Seconds": "86401"}, "Duration Seconds: no call is longer than 86,400 seconds"),
    ({"Duration Seconds": "71582788"}, "Duration Seconds: no call is longer than 86,400 seconds"),
    ({"Duration Seconds": "9" * 30}, "Duration Seconds: no call is longer than 86,400 seconds"),
    ({"Duration Seconds": str(2**63 - 1)}, "Duration Seconds: no call is longer than 86,400 seconds"),
    ({"Duration Seconds": "1e3"}, "Duration Seconds: '1e3' is no number of seconds"),
    ({"Duration Seconds": "", "End Time": ""}, "Duration Seconds: there is neither a duration nor an end"),
    (
        {"Duration Seconds": "", "End Time": "2026-03-03T09:00:00Z"},
        "Duration Seconds: no call is longer than 86,400 seconds",
    ),
    ({"End Time": "2026-03-01T08:00:00Z"}, "End Time is before Start Time"),
    ({"End Time": "soon"}, "End Time: 'soon' is no time such as 2026-01-31T09:05:00Z"),
    ({"Start Time": ""}, "Start Time: there is no start time"),
    ({"Start Time": "0001-01-01T00:00:00Z"}, "Start Time: there is no start time"),
    (
        {"Start Time": "2026-02-30T08:00:00Z"},
        "Start Time: '2026-02-30T08:00:00Z' is no day or time that exists",
    ),
    (
        {"Start Time": "1999-12-31T23:59:59Z"},
        "Start Time: '1999-12-31T23:59:59Z' is outside of the years 2000 to 2100",
    ),
    ({"Start Time": "2026-03-01"}, "Start Time: '2026-03-01' is a day without a time"),
    (
        {"Destination Number": "4.42072E+11"},
        "Destination Number: a spreadsheet made 4.42072E+11 of the number and its digits are lost; "
        "export it again",
    ),
    (
        {"Caller ID": "1,4255E10"},
        "Caller ID: a spreadsheet made 1,4255E10 of the number and its digits are lost; export it again",
    ),
]


def test_bad_rows_are_set_aside_and_the_rest_is_used(tmp_path: Path) -> None:
    calls = [call(), *(CALL | changes for changes, _ in FAULTS), call(UsageId="u2")]
    usage = read(tmp_path, table(CALLING_PLANS_25, *calls))
    assert reasons(usage) == [(line, reason) for line, (_, reason) in enumerate(FAULTS, 3)]
    assert usage.rejected_rows == len(FAULTS)
    assert [row["line"] for row in rows(usage)] == [2, len(FAULTS) + 3]
    assert {one.source for one in usage.rejected} == {"usage.csv"}
    assert {one.text[:6] for one in usage.rejected} == {"u1,c1,"}
    assert max(len(one.text) for one in usage.rejected) == 200


def test_a_field_that_is_too_long_costs_its_row(tmp_path: Path) -> None:
    long = "x" * (MAX_FIELD_BYTES + 1)
    usage = read(tmp_path, table(CALLING_PLANS_25, call(), call(UPN=long), call(UsageId="u2")))
    assert [row["line"] for row in rows(usage)] == [2, 4]
    assert reasons(usage) == [(3, "a field is longer than 65,536 characters: mend it")]


def test_an_empty_row_is_no_fault(tmp_path: Path) -> None:
    usage = read(tmp_path, table(CALLING_PLANS_25, call(), {}, call(UsageId="u2")))
    assert [row["line"] for row in rows(usage)] == [2, 4]
    assert usage.rejected == ()


@pytest.mark.parametrize("number", ["+4420718387**", "Reception", "1001", "4E10", "anonymous@x.example", ""])
def test_callers_may_be_names_and_short_numbers(tmp_path: Path, number: str) -> None:
    assert one_row(tmp_path, Caller_ID=number)["caller"] == number


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("219", 219),
        ("218.0000001", 219),
        ("219.0", 219),
        (" 219 ", 219),
        ("00:03:39", 219),
        ("", 219),
        ("-0", 0),
        ("0", 0),
        ("86400", 86_400),
    ],
)
def test_durations(tmp_path: Path, text: str, seconds: int) -> None:
    row = one_row(tmp_path, Duration_Seconds=text)
    assert row["duration_s"] == seconds
    assert row["end_us"] == row["start_us"] + seconds * 1_000_000
    assert row["answered"] == (seconds > 0)


def test_a_missing_duration_is_rounded_up(tmp_path: Path) -> None:
    end = call(Duration_Seconds="", Start_Time="2026-03-01T09:00:00.9Z", End_Time="2026-03-01T09:00:02Z")
    before = end | {"UsageId": "u2", "End Time": "2026-03-01T09:00:00Z"}  # in whole seconds
    usage = read(tmp_path, table(CALLING_PLANS_25, end, before))
    assert usage.calls["duration_s"].to_list() == [2, 0]


def test_an_end_that_disagrees_is_flagged(tmp_path: Path) -> None:
    calls = [
        call(UsageId="u1", End_Time="2026-03-01T09:03:41.1234567Z"),
        call(UsageId="u2", End_Time="2026-03-01T09:03:41.2Z"),
        call(UsageId="u3", End_Time="2026-03-01T09:03:37Z"),
        call(UsageId="u4", End_Time=""),
    ]
    usage = read(tmp_path, table(CALLING_PLANS_25, *calls))
    assert usage.calls["end_disagrees"].to_list() == [False, True, True, False]
    assert usage.warnings == ("usage.csv: in 2 rows the end is more than 2 s off start + duration",)


@pytest.mark.parametrize(
    ("column", "text", "name", "word"),
    [
        ("Call_Type", " User_OUT ", "call_type", "user_out"),
        ("Call_Type", "New-Kind", "call_type", "new-kind"),
        ("Number_Type", "Toll-free", "number_type", "toll_free"),
        ("Number_Type", "TollFree", "number_type", "toll_free"),
        ("Number_Type", "toll free", "number_type", "toll_free"),
        ("Number_Type", "Service Toll", "number_type", "service_toll"),
        ("Call_Direction", "INBOUND", "direction", "inbound"),
        ("Call_Direction", "sideways", "direction", ""),
        ("Domestic/International", "domestic", "scope", "domestic"),
        ("Domestic/International", "Zone 1", "scope", ""),
        ("User_Location", "gb", "location", "GB"),
        ("User_Location", "GBR", "location", ""),
        ("Operator", "Telco X", "operator", "telco x"),
        ("Currency", " eur", "vendor_currency", "EUR"),
        ("Capability", "FREECALL", "capability", "FREECALL"),
        ("Destination_Dialed", " New York ", "destination", "New York"),
        ("Charge", "1,50", "vendor_charge", "1,50"),
    ],
)
def test_words(tmp_path: Path, column: str, text: str, name: str, word: str) -> None:
    assert one_row(tmp_path, **{column: text})[name] == word


@pytest.mark.parametrize(
    ("direction", "call_type", "found"),
    [
        ("Inbound", "", "dr_in"),
        ("Outbound", "", "dr_out"),
        ("", "", "dr_unknown"),
        ("Inbound", "ByotIn", "byotin"),
        ("Outbound", "dr_out_user_transfer", "dr_out_user_transfer"),
    ],
)
def test_the_call_type_of_direct_routing(tmp_path: Path, direction: str, call_type: str, found: str) -> None:
    routed = ROUTED | {"Call Direction": direction, "Call type": call_type}
    (row,) = rows(read(tmp_path, table(DIRECT_ROUTING_25, routed)))
    assert row["call_type"] == found


@pytest.mark.parametrize(
    ("success", "seconds", "answered"),
    [("Yes", "60", True), ("No", "60", False), ("FALSE", "60", False), ("", "60", True), ("Yes", "0", False)],
)
def test_answered(tmp_path: Path, success: str, seconds: str, *, answered: bool) -> None:
    routed = ROUTED | {"Success": success, "Duration (seconds)": seconds, "End time": ""}
    (row,) = rows(read(tmp_path, table(DIRECT_ROUTING_25, routed)))
    assert row["answered"] == answered
