"""The calendar as integers: `year_of` says what `calendar.twelve_months_on_us` says, at every instant."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.accounts.calendar import to_us, twelve_months_on_us
from talktime.bulk.wallet import month_starts, year_of
from talktime.bulk.wallet_moves import twelve_months_on_us as in_pieces

ZONES = ("UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia")
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US


def us(*at: int) -> int:
    return to_us(datetime(*at, tzinfo=UTC))  # type: ignore[misc, arg-type]


SPANS = {
    "a leap day in the span": (us(2028, 2, 20), us(2028, 3, 5)),
    "a leap day a year on": (us(2027, 2, 20), us(2027, 3, 5)),
    "spring in London": (us(2026, 3, 20), us(2026, 4, 2)),
    "autumn in London": (us(2026, 10, 20), us(2026, 11, 5)),
    "two years": (us(2026, 1, 1), us(2028, 1, 1)),
}


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("span", SPANS)
def test_the_pieces_agree_with_the_calendar_every_hour(zone: str, span: str) -> None:
    first, last = SPANS[span]
    year = year_of(zone, first, last)
    step = HOUR_US if last - first < 30 * DAY_US else 31 * HOUR_US
    for at in range(first, last, step):
        assert in_pieces(at, year) == twelve_months_on_us(at, zone), datetime.fromtimestamp(at / 1e6, UTC)


@given(st.sampled_from(ZONES), st.sampled_from(sorted(SPANS)), st.data())
def test_the_pieces_agree_at_any_microsecond(zone: str, span: str, data: st.DataObject) -> None:
    first, last = SPANS[span]
    year = year_of(zone, first, last)
    edges = [at + by for at in year.from_us for by in (-1, 0, 1) if first <= at + by <= last]
    at = data.draw(st.sampled_from(edges) | st.integers(first, last))
    assert in_pieces(at, year) == twelve_months_on_us(at, zone)


def test_months_begin_where_the_tenant_is() -> None:
    starts = month_starts(us(2026, 1, 31, 22), us(2026, 4, 1), "Europe/Berlin")
    assert starts == [us(2026, 1, 31, 23), us(2026, 2, 28, 23), us(2026, 3, 31, 22)]
