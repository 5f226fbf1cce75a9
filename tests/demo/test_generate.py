"""Seeds reproduce, and everything that is seen in the wild occurs in a month of 3,000 calls."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby, islice, pairwise

import pytest

from talktime.accounts.calendar import to_us
from talktime.accounts.tenant import ServiceNumber, Tenant, User
from talktime.catalog.load import load_catalogue
from talktime.demo.days import MonthError
from talktime.demo.generate import NobodyCalls, generate
from talktime.demo.row import UsageRow
from tests.demo.month import CALLS, demo_tenant, month_of_calls

MARCH_US, APRIL_US = to_us(datetime(2026, 3, 1, tzinfo=UTC)), to_us(datetime(2026, 4, 1, tzinfo=UTC))
DAY_US = 86_400_000_000
MINUTES_US = 60_000_000

CALL_TYPES = """user_in user_out user_out_conf user_out_transfer user_out_forwarding conf_in conf_out ucap_in
 ucap_out ucap_out_conf unassigned_in emergency_in emergency_out fmc_in fmc_out dr_in dr_out byotin byotout
 sms_in sms_out"""


def has(**columns: str) -> Callable[[UsageRow], bool]:
    """Rows with exactly these texts."""
    return lambda row: all(getattr(row, name) == text for name, text in columns.items())


def to(*prefixes: str) -> Callable[[UsageRow], bool]:
    """Outgoing rows whose number begins so."""
    return lambda row: row.direction == "Outbound" and row.callee.startswith(prefixes)


# What of the domain a month holds: (which rows, how many of them at the least).
FEATURES: dict[str, tuple[Callable[[UsageRow], bool], int]] = {
    "domestic calls": (has(call_type="user_out", scope="Domestic"), 500),
    "international calls": (has(call_type="user_out", scope="International"), 150),
    "international mobiles": (lambda r: r.scope == "International" and "Mobile" in r.destination, 30),
    "bots without user columns": (
        lambda r: r.call_type.startswith("ucap_") and not (r.upn or r.user_id or r.user_name),
        100,
    ),
    "toll-free inbound to a bot": (has(call_type="ucap_in", number_type="Service Toll Free"), 50),
    "toll-free inbound from abroad": (
        lambda r: r.number_type == "Service Toll Free" and r.country not in ("", r.location),
        5,
    ),
    "toll-free conference legs": (has(call_type="conf_in", number_type="Service Toll Free"), 30),
    "conference dial-out abroad": (has(call_type="conf_out", scope="International"), 20),
    "numbers of nobody": (lambda r: r.call_type == "unassigned_in" and not r.upn, 5),
    "refused premium": (to("+449"), 1),
    "UK business rate": (to("+44844"), 1),
    "French premium": (to("+3389"), 1),
    "numbers without a rate": (lambda r: r.destination == "Unknown" and not r.country, 1),
    "short codes": (lambda r: r.callee.isdigit() and len(r.callee) == 3, 3),
    "callers without a number": (has(caller="anonymous", call_type="user_in"), 1),
    "not answered": (lambda r: r.duration_s == 0 and r.call_type == "user_out", 10),
    "calls of hours": (lambda r: r.duration_s > 4 * 3_600, 1),
    "calls across midnight": (lambda r: r.start_us // DAY_US != r.end_us // DAY_US, 3),
    "calls across the month's end": (lambda r: r.start_us < APRIL_US < r.end_us, 1),
    "a call at the month's first instant": (lambda r: r.start_us == MARCH_US, 1),
    "calls on the last day from 23:50 on": (lambda r: r.start_us >= APRIL_US - 10 * MINUTES_US, 1),
    "code of a call nobody could price": (has(capability="FREECALL"), 1),
    "a code that the catalogue does not know": (has(capability="MCOPSTNU"), 1),
    "code of calls that credits paid": (has(capability="MCOPSTNPP"), 100),
    "code of conferencing": (has(capability="MCOMEETADD"), 100),
    "code of pay-per-minute conferencing": (has(capability="MCOMEETACPEA"), 3),
    "resource accounts": (has(capability="MCOEV_VIRTUALUSER"), 20),
    "the vendor's charge": (lambda r: r.charge not in ("", "0"), 100),
    "the vendor's connection fee": (lambda r: r.connection_fee not in ("", "0"), 1),
    "another operator": (lambda r: r.operator != "Microsoft" and r.call_type == "user_out", 1),
    "duration from the operator": (has(duration_source="operator"), 10),
    "an unknown call type": (has(call_type="user_relay"), 1),
    "a call type in capitals": (has(call_type="USER_OUT"), 1),
    "somebody whom the tenant file does not know": (has(upn="former.colleague@contoso.example"), 1),
    "an end that disagrees": (lambda r: r.end_us - r.start_us > (r.duration_s + 2) * 1_000_000, 1),
    "a scope that disagrees": (lambda r: r.scope == "Domestic" and r.country not in ("", r.location), 1),
    "units with a comma": (lambda r: "," in r.administrative_units, 1),
}


@pytest.mark.parametrize("feature", FEATURES)
def test_a_month_holds(feature: str) -> None:
    fits, least = FEATURES[feature]
    assert sum(map(fits, month_of_calls())) >= least


def test_a_month_holds_every_call_type() -> None:
    seen = {row.call_type.lower() for row in month_of_calls()}
    assert set(CALL_TYPES.split()) <= seen


def test_a_month_holds_the_plans_of_the_tenant() -> None:
    catalogue = load_catalogue()
    users = {user.upn: user for user in demo_tenant().users}
    calling = {code for code, plan in catalogue.plans.items() if plan.kind == "calling"}
    held = {licence.plan for user in users.values() for licence in user.licences} & calling
    calls = Counter(
        licence.plan
        for row in month_of_calls()
        if row.call_type == "user_out" and row.upn in users
        for licence in users[row.upn].licences
        if licence.from_us <= row.start_us < licence.until_us
    )
    assert held == calling
    assert all(calls[plan] >= 10 for plan in held)


def test_a_month_holds_several_countries() -> None:
    locations = Counter(row.location for row in month_of_calls())
    assert {"US", "PR", "CA", "GB", "DE", "FR", "NL"} <= set(locations)
    assert len({row.country for row in month_of_calls()}) >= 25


def test_a_plan_that_changes_changes_the_code_of_the_row() -> None:
    half_us = to_us(datetime(2026, 3, 16, tzinfo=UTC))
    own = [row for row in month_of_calls() if row.upn == "imani.cole@contoso.example"]
    codes = {(row.start_us >= half_us, row.capability) for row in own if row.call_type == "user_in"}
    assert {(False, "MCOPSTN1"), (True, "MCOPSTN2")} <= codes
    assert not codes & {(True, "MCOPSTN1"), (False, "MCOPSTN2")}


def test_legs_of_a_conference_share_their_id_and_organiser() -> None:
    meetings: dict[str, list[UsageRow]] = {}
    for row in set(month_of_calls()):
        if row.conference_id:
            meetings.setdefault(row.conference_id, []).append(row)
    assert {len(legs) for legs in meetings.values()} > {2, 3, 4, 5}
    assert all(len({leg.upn for leg in legs}) == 1 for legs in meetings.values())
    assert all(leg.call_type in ("conf_in", "conf_out") for legs in meetings.values() for leg in legs)
    both = [legs for legs in meetings.values() if len({leg.call_type for leg in legs}) == 2]
    assert len(both) > 20


@pytest.mark.parametrize("call_type", ["user_out_forwarding", "user_out_transfer"])
def test_a_forwarded_call_leaves_an_inbound_row_with_its_call_id(call_type: str) -> None:
    rows = set(month_of_calls())
    came_in = {row.call_id: row for row in rows if row.call_type == "user_in"}
    gone_on = [row for row in rows if row.call_type == call_type]
    assert len(gone_on) >= 20
    for row in gone_on:
        first = came_in[row.call_id]
        assert (first.upn, first.end_us) == (row.upn, row.end_us)
        assert first.start_us < row.start_us
        assert first.usage_id != row.usage_id


def test_some_calls_end_at_the_same_instant() -> None:
    ends = Counter(row.end_us for row in set(month_of_calls()) if row.call_type == "user_out")
    assert sum(count == 3 for count in ends.values()) >= 2


def test_numbers_are_hidden_where_the_country_hides_them_and_never_the_own_one() -> None:
    hidden: Counter[tuple[str, int]] = Counter()
    for row in month_of_calls():
        own, other = (row.callee, row.caller) if row.direction == "Inbound" else (row.caller, row.callee)
        assert "*" not in own
        if other.startswith("+"):
            hidden[row.location, other.count("*")] += 1
    assert {("DE", 3), ("FR", 4), ("NL", 3), ("US", 0), ("GB", 0)} <= set(hidden)
    assert not any(stars for (location, stars) in hidden if location in ("US", "CA", "GB", "IE"))
    assert not hidden["DE", 0]


def test_numbers_lie_in_the_country_that_the_row_says() -> None:
    catalogue = load_catalogue()
    for row in month_of_calls():
        other = row.caller if row.direction == "Inbound" else row.callee
        if other.startswith("+"):
            assert catalogue.number(other.strip("+*")).country == row.country, row


def test_calls_follow_the_week_and_the_office_hours() -> None:
    rows = [row for row in month_of_calls() if row.location == "GB" and row.call_type == "user_out"]
    times = [datetime.fromtimestamp(row.start_us // 1_000_000, UTC) for row in rows]
    at_work = sum(time.weekday() < 5 and 7 <= time.hour < 19 for time in times)
    assert at_work > 0.85 * len(times) > 50


def test_some_users_call_much_more_than_others() -> None:
    users = Counter(row.upn for row in month_of_calls() if row.upn).most_common()
    assert len(users) >= 42
    assert users[0][1] > 5 * users[len(users) // 2][1] / 2


def test_durations_are_skewed() -> None:
    lengths = sorted(row.duration_s for row in month_of_calls() if row.call_type == "user_out")
    median, mean = lengths[len(lengths) // 2], sum(lengths) / len(lengths)
    assert 90 < median < 240
    assert mean > 1.3 * median


def test_rows_of_a_month_begin_in_it() -> None:
    assert all(MARCH_US <= row.start_us < APRIL_US for row in month_of_calls())


# --- numbers of rows, seeds ------------------------------------------------------------------------------


@pytest.mark.parametrize("calls", [1, 2, 7, 40, 250, 3_000])
def test_there_are_as_many_different_rows_as_were_asked_for(calls: int) -> None:
    rows = month_of_calls(calls=calls)
    assert len({row.usage_id for row in rows}) == calls
    assert len(set(rows)) == calls


@pytest.mark.parametrize(("wanted", "more"), [(None, CALLS // 500), (0, 0), (25, 25)])
def test_duplicates_stand_twice(wanted: int | None, more: int) -> None:
    rows = list(generate(demo_tenant(), load_catalogue(), calls=CALLS, seed=1, duplicates=wanted))
    assert len(rows) == CALLS + more
    assert len(set(rows)) == CALLS
    assert max(Counter(rows).values()) == (2 if more else 1)


def test_the_same_seed_gives_the_same_rows() -> None:
    again = tuple(generate(demo_tenant(), load_catalogue(), calls=CALLS, seed=1))
    assert again == month_of_calls()


def test_another_seed_gives_other_rows() -> None:
    ids = {row.usage_id for row in month_of_calls()}
    assert ids.isdisjoint(row.usage_id for row in month_of_calls(seed=2))


def test_rows_come_day_by_day_and_in_order_within_a_day() -> None:
    rows = list(generate(demo_tenant(), load_catalogue(), calls=CALLS, seed=3, duplicates=0))
    falls = sum(before.start_us > after.start_us for before, after in pairwise(rows))
    assert 0 < falls <= 30


def test_rows_come_as_they_are_made() -> None:
    rows = generate(demo_tenant(), load_catalogue(), calls=10**6, seed=1, months=120)
    assert len(list(islice(rows, 10))) == 10


# --- other months, other tenants ---------------------------------------------------------------------------


@pytest.mark.parametrize(("month", "days"), [("2028-02", 29), ("2024-02", 29), ("2026-02", 28)])
def test_a_leap_day_has_calls(month: str, days: int) -> None:
    rows = month_of_calls(month=month, calls=600)
    dates = [datetime.fromtimestamp(row.start_us // 1_000_000, UTC).date() for row in rows]
    assert {date.strftime("%Y-%m") for date in dates} == {month}
    assert max(date.day for date in dates) == days


def test_the_month_is_that_of_the_tenants_time_zone() -> None:
    tenant = replace(demo_tenant(), time_zone="Pacific/Auckland")
    rows = list(generate(tenant, load_catalogue(), calls=600, seed=1))
    begin_us = MARCH_US - 13 * 60 * MINUTES_US
    assert min(row.start_us for row in rows) == begin_us
    assert max(row.start_us for row in rows) < APRIL_US - 13 * 60 * MINUTES_US


def test_several_months_are_filled() -> None:
    rows = generate(demo_tenant(), load_catalogue(), calls=900, seed=1, months=3)
    months = [datetime.fromtimestamp(row.start_us // 1_000_000, UTC).month for row in rows]
    assert {month for month, _ in groupby(sorted(months))} == {3, 4, 5}


def test_a_tenant_without_bridge_and_bots_has_only_calls_of_users() -> None:
    licences = demo_tenant().users[0].licences
    tenant = Tenant("small", "Small", "US", "EUR", users=(User("a@small.example", licences=licences),))
    rows = list(generate(tenant, load_catalogue(), calls=400, seed=1))
    types = {row.call_type for row in rows}
    assert {"user_in", "user_out"} <= types
    assert not [name for name in types if name.startswith(("conf_", "ucap_"))]
    assert {row.currency for row in rows} == {"EUR"}
    assert len(set(rows)) == 400


def test_a_tenant_with_a_queue_alone_is_called() -> None:
    queue = ServiceNumber("+18005550100", "toll_free", "call_queue")
    tenant = Tenant("queue", "Queue", "US", "USD", service_numbers=(queue,))
    rows = list(generate(tenant, load_catalogue(), calls=50, seed=1))
    assert Counter(row.call_type for row in rows)["ucap_in"] > 40


def test_a_tenant_where_nobody_could_call_is_refused() -> None:
    tenant = Tenant("empty", "Empty", "NZ", "NZD", users=(User("a@empty.example"),))
    with pytest.raises(NobodyCalls, match="tenant 'empty' has nobody who could call; add a user"):
        generate(tenant, load_catalogue(), calls=50, seed=1)


@pytest.mark.parametrize(
    "month", ["2026-3", "2026-13", "2026-00", "March", "", "1969-12", "3000-01", "2026-03-01"]
)
def test_what_is_no_month_is_refused(month: str) -> None:
    with pytest.raises(MonthError, match="is no month; write year and month, such as 2026-03"):
        generate(demo_tenant(), load_catalogue(), calls=10, seed=1, month=month)


@pytest.mark.parametrize("months", [0, -1, 121])
def test_too_few_and_too_many_months_are_refused(months: int) -> None:
    with pytest.raises(MonthError, match="ask for 1 to 120"):
        generate(demo_tenant(), load_catalogue(), calls=10, seed=1, months=months)


@pytest.mark.parametrize("calls", [0, -5])
def test_no_calls_are_refused(calls: int) -> None:
    with pytest.raises(ValueError, match="ask for at least 1"):
        generate(demo_tenant(), load_catalogue(), calls=calls, seed=1)
