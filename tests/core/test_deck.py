"""Which row of a deck prices a call: conditions, validity, windows, longest prefix (rulings.md 14)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.accounts.calendar import local_minute, to_us
from talktime.core.deck import (
    EVERY_DAY,
    INBOUND,
    MINUTES_A_DAY,
    NO_ROW,
    OUTBOUND,
    Call,
    Deck,
    RateBook,
    RateRow,
    fits_conditions,
    in_window,
    index_rows,
)

CALL = Call("calling_plan_international", "toll", OUTBOUND, "US")
MONDAY, WEEKDAYS, SATURDAY, SUNDAY = 0b0000001, 0b0011111, 0b0100000, 0b1000000
LONDON = "442071838750"


def us(text: str) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=UTC))


def row(prefix: str = "44", price: int = 1, **other: Any) -> RateRow:
    """A row whose price names it."""
    return replace(RateRow(prefix, price, price), **other)


def price(rows: list[RateRow], when: str = "2026-05-04 10:00") -> int:
    """The price of the row found for a call from the US to London, 0 without one."""
    found = RateBook(Deck("test", "1", "USD", tuple(rows))).find(CALL, LONDON, us(when), local_minute)
    return 0 if found == NO_ROW else rows[found].price_nanos


# --- conditions ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conditions", "fits"),
    [
        ({}, True),
        ({"category": "calling_plan_international"}, True),
        ({"category": "toll_free"}, False),
        ({"number_type": "toll"}, True),
        ({"number_type": "toll_free"}, False),
        ({"origin_country": "US"}, True),
        ({"origin_country": "GB"}, False),
        ({"direction": INBOUND}, False),
        ({"category": "calling_plan_international", "number_type": "toll", "origin_country": "US"}, True),
        ({"category": "calling_plan_international", "number_type": "toll", "origin_country": "GB"}, False),
    ],
)
def test_conditions(conditions: dict[str, Any], fits: bool) -> None:
    assert fits_conditions(row(**conditions), CALL) is fits
    assert price([row(**conditions)]) == int(fits)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row("44", 1), row("4420", 2), row("4421", 3)], 2),
        ([row("44", 1, category="calling_plan_international"), row("4420", 2)], 2),  # the prefix comes first
        ([row("44", 1), row("44", 2, category="calling_plan_international")], 2),
        ([row("44", 1, category="calling_plan_international"), row("44", 2, number_type="toll")], 1),
        ([row("44", 1, origin_country="US"), row("44", 2, number_type="toll")], 2),
        ([row("44", 1, origin_country="US"), row("44", 2, origin_country="US", number_type="toll")], 2),
        ([row("44", 1), row("44", 2, weekdays=MONDAY)], 2),  # then a window
        ([row("44", 1, origin_country="US"), row("44", 2, weekdays=MONDAY)], 1),
        ([row("44", 1), row("44", 2, category="toll_free", number_type="toll")], 1),
        ([row("44", 1, direction=INBOUND)], 0),  # a call asks for rows of its direction only
        ([row("45", 1)], 0),
    ],
)
def test_rank(rows: list[RateRow], expected: int) -> None:
    assert price(rows) == expected
    assert price(rows[::-1]) == expected


# --- time ------------------------------------------------------------------------------------------

EVENING = {"weekdays": WEEKDAYS, "from_min": 18 * 60, "to_min": 8 * 60, "time_zone": "Europe/London"}
MAY, JUNE = us("2026-05-01 00:00"), us("2026-06-01 00:00")


@pytest.mark.parametrize(
    ("rows", "when", "expected"),
    [
        # validity: from inclusive, until exclusive; a prefix without a valid row gives way to a shorter one
        ([row(valid_from_us=MAY, valid_until_us=JUNE)], "2026-05-01 00:00", 1),
        ([row(valid_from_us=MAY, valid_until_us=JUNE)], "2026-04-30 23:59:59.999999", 0),
        ([row(valid_from_us=MAY, valid_until_us=JUNE)], "2026-06-01 00:00", 0),
        ([row("44", 1), row("4420", 2, valid_until_us=MAY)], "2026-05-04 10:00", 1),
        ([row("44", 1), row("4420", 2, valid_until_us=MAY)], "2026-04-04 10:00", 2),
        (
            [row("4", 1), row("44", 2, valid_until_us=MAY), row("4420", 3, weekdays=SUNDAY)],
            "2026-05-04 10:00",
            1,
        ),
        ([row("44", 1, valid_until_us=MAY), row("44", 2, valid_from_us=MAY)], "2026-05-01 00:00", 2),
        # windows, local to the row's zone: Monday 4 May 2026 18:00 in London is 17:00 UTC
        ([row("44", 1), row("44", 2, **EVENING)], "2026-05-04 16:59", 1),
        ([row("44", 1), row("44", 2, **EVENING)], "2026-05-04 17:00", 2),
        ([row("44", 1), row("44", 2, **EVENING)], "2026-05-09 06:59", 2),  # Friday's window, on Saturday
        ([row("44", 1), row("44", 2, **EVENING)], "2026-05-09 07:00", 1),
        ([row("44", 1), row("44", 2, **EVENING)], "2026-05-09 18:00", 1),  # none begins on Saturday
        ([row("44", 1), row("44", 2, **EVENING)], "2026-05-11 06:59", 1),  # so none on Monday morning
        ([row("44", 1), row("44", 2, **EVENING)], "2026-01-05 17:59", 1),  # in winter London is at UTC
        ([row("44", 1), row("44", 2, **EVENING)], "2026-01-05 18:00", 2),
        ([row("44", 1, from_min=12 * 60)], "2026-05-04 23:59:59", 1),  # to 24:00
        ([row("44", 1, from_min=12 * 60)], "2026-05-05 00:00", 0),
        ([row("44", 1, weekdays=SATURDAY | SUNDAY)], "2026-05-08 23:59", 0),
        ([row("44", 1, weekdays=SATURDAY | SUNDAY)], "2026-05-10 23:59", 1),
    ],
)
def test_when_a_row_is_in_force(rows: list[RateRow], when: str, expected: int) -> None:
    assert price(rows, when) == expected


def window_minutes(weekdays: int, from_min: int, to_min: int) -> set[tuple[int, int]]:
    """Every minute of the week that a window holds, by walking it from each day's begin."""
    length = to_min - from_min if to_min > from_min else to_min - from_min + MINUTES_A_DAY
    begins = [day * MINUTES_A_DAY + from_min for day in range(7) if weekdays >> day & 1]
    walked = {(begin + minute) % (7 * MINUTES_A_DAY) for begin in begins for minute in range(length)}
    return {divmod(minute, MINUTES_A_DAY) for minute in walked}


edges = st.integers(0, MINUTES_A_DAY - 1) | st.sampled_from([0, 1, 1439])


@given(st.integers(0, EVERY_DAY), edges, st.integers(0, MINUTES_A_DAY), st.data())
def test_a_window_is_its_minutes(weekdays: int, from_min: int, to_min: int, data: st.DataObject) -> None:
    held = window_minutes(weekdays, from_min, to_min)
    near = [from_min - 1, from_min, from_min + 1, to_min - 1, to_min, to_min + 1, 0, MINUTES_A_DAY - 1]
    drawn = data.draw(st.lists(st.integers(0, MINUTES_A_DAY - 1), max_size=10))
    for weekday in range(7):
        for minute in {m % MINUTES_A_DAY for m in near} | set(drawn):
            assert in_window(weekday, minute, weekdays, from_min, to_min) == int((weekday, minute) in held)


def test_the_whole_day_is_no_window() -> None:
    assert not row().has_window
    assert row(from_min=1).has_window
    assert row(to_min=1).has_window
    assert row(weekdays=MONDAY).has_window
    assert not row().has_validity
    assert row(valid_until_us=MAY).has_validity


# --- everything at once, against asking every row --------------------------------------------------

rows_drawn = st.builds(
    RateRow,
    prefix=st.sampled_from(["4", "44", "442", "4420", "1"]),
    price_nanos=st.just(0),
    first_price_nanos=st.just(0),
    category=st.sampled_from(["", "", "a", "b"]),
    number_type=st.sampled_from(["", "", "toll"]),
    direction=st.sampled_from([OUTBOUND, INBOUND]),
    origin_country=st.sampled_from(["", "", "US"]),
    valid_from_us=st.sampled_from([us("2020-01-01 00:00"), MAY]),
    valid_until_us=st.sampled_from([JUNE, us("2030-01-01 00:00")]),
    weekdays=st.sampled_from([EVERY_DAY, EVERY_DAY, WEEKDAYS]),
    from_min=st.sampled_from([0, 8 * 60]),
    to_min=st.sampled_from([MINUTES_A_DAY, MINUTES_A_DAY, 6 * 60]),
    time_zone=st.sampled_from(["UTC", "Asia/Tokyo"]),
)
calls_drawn = st.builds(
    Call,
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(["toll", "toll_free"]),
    st.sampled_from([OUTBOUND, INBOUND]),
    st.sampled_from(["US", "GB"]),
)


def in_force(rate: RateRow, at: datetime) -> bool:
    """A row's validity and window, by the minutes of its week."""
    weekday, minute = local_minute(rate.time_zone, to_us(at))
    held = window_minutes(rate.weekdays, rate.from_min, rate.to_min)
    return rate.valid_from_us <= to_us(at) < rate.valid_until_us and (weekday, minute) in held


@given(
    st.lists(rows_drawn, max_size=12),
    calls_drawn,
    st.sampled_from(["442071838750", "44", "4421", "1425", "45", ""]),
    st.integers(0, 60 * 24 * 60),
)
def test_the_best_of_the_rows_that_hold(rates: list[RateRow], call: Call, digits: str, minutes: int) -> None:
    """Longest prefix, then category, number type, origin, then a window; equals are refused by the check."""
    at = datetime(2026, 4, 15, tzinfo=UTC) + timedelta(minutes=minutes)
    holding = [
        (len(r.prefix), bool(r.category), bool(r.number_type), bool(r.origin_country), r.has_window)
        if digits.startswith(r.prefix) and fits_conditions(r, call) and in_force(r, at)
        else None
        for r in rates
    ]
    best = max((rank for rank in holding if rank), default=None)
    found = RateBook(Deck("test", "1", "USD", tuple(rates))).find(call, digits, to_us(at), local_minute)
    assert (None if found == NO_ROW else holding[found]) == best


@given(st.lists(rows_drawn, max_size=8), calls_drawn)
def test_calls_of_one_kind_share_a_table(rates: list[RateRow], call: Call) -> None:
    """What no row asks for makes no kind of its own; what the kind leaves out decides no row."""
    book = RateBook(Deck("test", "1", "USD", tuple(rates)))
    kind = book.kind_of(call)
    assert book.table(call) is book.table(kind)
    assert [fits_conditions(r, call) for r in rates] == [fits_conditions(r, kind) for r in rates]


def test_rows_by_prefix() -> None:
    rates = [row("44", 1), row("1", 2), row("44", 3)]
    assert index_rows(rates) == {"44": [rates[0], rates[2]], "1": [rates[1]]}
