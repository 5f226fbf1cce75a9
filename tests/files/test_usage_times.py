"""Instants and durations: the sentence for each fault, and that both ways of reading a column agree."""

from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from math import ceil

import pyarrow as pa
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from talktime.files.usage_times import END_US, FIRST_US, duration_s, durations, instant_us, instants

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def us(text: str) -> int:
    """Microseconds of an instant that the standard library reads."""
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("text", "iso", "named"),
    [
        ("2026-01-31T09:05:00Z", "2026-01-31T09:05:00Z", True),
        ("2026-01-31T09:05:00.1234567Z", "2026-01-31T09:05:00.123456Z", True),
        ("2026-01-31T09:05:00.9999999Z", "2026-01-31T09:05:00.999999Z", True),
        ("2026-01-31t09:05:00z", "2026-01-31T09:05:00Z", True),
        ("2026-01-31 09:05:00", "2026-01-31T09:05:00Z", False),
        (" 2026-01-31 09:05 ", "2026-01-31T09:05:00Z", False),
        ("2026-01-31 09:05:00 UTC", "2026-01-31T09:05:00Z", True),
        ("2026-01-31T09:05:00+02:00", "2026-01-31T07:05:00Z", True),
        ("2026-01-31T09:05:00-0330", "2026-01-31T12:35:00Z", True),
        ("2026-01-31T09:05:00+05", "2026-01-31T04:05:00Z", True),
        ("2026/1/31 9:05", "2026-01-31T09:05:00Z", False),
        ("31.01.2026 09:05:00", "2026-01-31T09:05:00Z", False),
        ("3.4.2026, 9:05", "2026-04-03T09:05:00Z", False),
        ("1/31/2026 9:05:00 PM", "2026-01-31T21:05:00Z", False),
        ("1/31/2026 12:05:00 AM", "2026-01-31T00:05:00Z", False),
        ("1/31/2026 12:05:00 pm", "2026-01-31T12:05:00Z", False),
        ("31/1/2026 21:05", "2026-01-31T21:05:00Z", False),
        ("4/4/2026 21:05", "2026-04-04T21:05:00Z", False),
    ],
)
def test_instants(text: str, iso: str, named: bool) -> None:
    assert instant_us(text) == (us(iso), named)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("3/4/2026 9:05", "may be two days: set date_order to dmy or mdy in a column map"),
        ("2026-02-30T00:00:00Z", "is no day or time that exists"),
        ("2026-01-31T24:00:00Z", "is no day or time that exists"),
        ("2026-01-31T23:59:60Z", "is no day or time that exists"),
        ("13/13/2026 9:05", "is no day or time that exists"),
        ("1/31/2026 13:05 PM", "is no day or time that exists"),
        ("2026-01-31T09:05:00+25:00", "is no day or time that exists"),
        ("1999-12-31T23:59:59Z", "is outside of the years 2000 to 2100"),
        ("2101-01-01T00:00:00Z", "is outside of the years 2000 to 2100"),
        ("2026-01-31", "is a day without a time"),
        ("1/31/2026", "is a day without a time"),
        ("2026-01-31T09", "is no time such as 2026-01-31T09:05:00Z"),
        ("45688.378", "is no time such as 2026-01-31T09:05:00Z"),
        ("٢٠٢٦-01-31T09:05:00Z", "is no time such as 2026-01-31T09:05:00Z"),
    ],
)
def test_what_is_no_instant_is_told(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=" ") as caught:
        instant_us(text)
    assert str(caught.value) == f"{text!r} {why}"
    column = instants(pa.array([text, "2026-01-31T09:05:00Z"]))
    assert column.values.to_list() == [None, us("2026-01-31T09:05:00Z")]
    assert column.faults == {0: str(caught.value)}


@pytest.mark.parametrize(("order", "iso"), [("dmy", "2026-04-03"), ("mdy", "2026-03-04")])
def test_the_order_of_a_date_can_be_told(order: str, iso: str) -> None:
    assert instant_us("3/4/2026 9:05", order) == (us(f"{iso}T09:05:00Z"), False)


@pytest.mark.parametrize(
    ("wall", "iso"),
    [
        ("2026-01-15 12:00:00", "2026-01-15T11:00:00Z"),
        ("2026-07-15 12:00:00", "2026-07-15T10:00:00Z"),
        ("2026-03-29 02:30:00", "2026-03-29T01:30:00Z"),  # skipped: 03:30 summer time (decision 0003)
        ("2026-10-25 02:30:00", "2026-10-25T00:30:00Z"),  # occurs twice: the earlier
        ("2026-01-15 12:00:00Z", "2026-01-15T12:00:00Z"),
    ],
)
def test_times_of_a_zone(wall: str, iso: str) -> None:
    assert instant_us(wall, time_zone="Europe/Berlin") == (us(iso), True)
    column = instants(pa.array([wall]), time_zone="Europe/Berlin")
    assert (column.values.to_list(), column.zoneless) == ([us(iso)], 0)


MOMENTS = st.datetimes(datetime(2000, 1, 2), datetime(2100, 12, 30))  # noqa: DTZ001
ZONES = st.one_of(st.none(), st.integers(-840, 840).map(lambda minutes: timezone(timedelta(minutes=minutes))))


def shown(moment: datetime, zone: timezone | None, digits: int) -> str:
    """A moment as ISO 8601 with so many digits of a second."""
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    text += f".{moment.microsecond:06}7"[: digits + 1] if digits else ""
    return text + (datetime.now(zone).strftime("%:z") if zone else "")


@given(st.lists(st.tuples(MOMENTS, st.integers(0, 7)), max_size=5), ZONES)
def test_a_column_is_what_the_standard_library_says(
    times: list[tuple[datetime, int]], zone: timezone | None
) -> None:
    offset = "" if zone is None else datetime(2020, 1, 1, tzinfo=zone).isoformat()[19:]
    assume(len(offset) <= 6)
    texts = [shown(moment, None, digits) + offset for moment, digits in times]
    wanted = [us(text if offset else text + "Z") for text in texts]
    column = instants(pa.array(texts, pa.string()))
    assert column.values.to_list() == wanted
    assert column.zoneless == (0 if offset else len(texts))
    # one empty and one odd value send the column the other way, to the same end
    slow = instants(pa.array([*texts, "", "31.12.2026 00:00"], pa.string()))
    assert slow.values.to_list() == [*wanted, None, us("2026-12-31T00:00:00Z")]


DOUBTFUL = st.text(st.sampled_from("0123456789-:TZ+. /"), max_size=30)


@given(DOUBTFUL)
@example("2026-03-24T14")
@example("2026-03-24 14:05Z")
@example("2026-3-24 14:05:00")
@example("2026-03-24T14:05:00+2:00")
@example("20260324T140500Z")
def test_arrow_takes_nothing_that_the_reader_refuses(text: str) -> None:
    column = instants(pa.array([text]))
    try:
        wanted: int | None = instant_us(text)[0] if text.strip() else None
    except ValueError:
        assert column.faults or text.strip().startswith(("0001-01-01", "0000-00-00"))
        wanted = None
    assert column.values.to_list() == [wanted]


@given(st.integers(FIRST_US, END_US - 1))
def test_numbers_since_1970(at_us: int) -> None:
    assert instants(pa.array([str(at_us)]), "epoch_us").values.to_list() == [at_us]
    seconds = f"{at_us // 10**6}.{at_us % 10**6:06}"
    assert instants(pa.array([seconds, "", "x"]), "epoch_s").values.to_list() == [at_us, None, None]
    whole = instants(pa.array([str(at_us // 10**6)]), "epoch_s")
    assert whole.values.to_list() == [at_us // 10**6 * 10**6]


@pytest.mark.parametrize("text", ["-1", "0", "1e9", "99999999999999999999", "1772355600000"])
def test_what_is_no_number_since_1970(text: str) -> None:
    column = instants(pa.array([text, "1772355600"]), "epoch_s")
    assert column.values.to_list() == [None, 1_772_355_600_000_000]
    assert column.faults == {0: f"{text!r} is no number of seconds since 1970"}


@given(st.integers(0, 10**6), st.text(st.sampled_from("0123456789"), max_size=9))
def test_a_fraction_of_a_second_counts_whole(whole: int, fraction: str) -> None:
    text = f"{whole}.{fraction}"
    wanted = ceil(Fraction(int(f"{whole}{fraction}"), 10 ** len(fraction)))
    assert duration_s(text) == wanted
    assert durations(pa.array([text, str(whole), ""])).values.to_list() == [wanted, whole, None]


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59))
def test_durations_on_the_clock(hours: int, minutes: int, seconds: int) -> None:
    wanted = hours * 3600 + minutes * 60 + seconds
    assert duration_s(f"{hours}:{minutes:02}:{seconds:02}") == wanted
    if hours < 24:
        assert duration_s(f"1899-12-31 {hours:02}:{minutes:02}:{seconds:02}") == wanted  # a cell of Excel


@pytest.mark.parametrize("text", ["1e3", "3:39", "1,5", "five", "1 000", "0x10", "1:60:00", "٣"])
def test_what_is_no_duration_is_told(text: str) -> None:
    column = durations(pa.array([text, "5"]))
    assert column.values.to_list() == [None, 5]
    assert column.faults == {0: f"{text!r} is no number of seconds"}
