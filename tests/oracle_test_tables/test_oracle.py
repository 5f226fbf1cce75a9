"""The oracle against answers computed by hand: seconds, decks, categories and pools.

A wrong oracle would find fault with a right product, so every figure here was worked out on paper; those of
domain.md 14 are among them.
"""

from fractions import Fraction
from typing import Any

import pytest

from tests.oracle import Tenant, charge
from tests.oracle_deck import Rate, billed, country_of, rate_of, rounded
from tests.oracle_test_tables.calls import (
    BRIDGE,
    KENYA,
    RICH,
    UK,
    US,
    WORLD,
    ZW,
    Row,
    at,
    rate,
    row,
    tenant,
    told,
    user,
)

# --- seconds and money -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("duration_s", "first_s", "step_s", "after_first_s", "whole_s"),
    [
        (219, 60, 60, 240, 240),
        (60, 60, 60, 60, 60),
        (61, 60, 60, 120, 120),
        (0, 60, 60, 0, 0),
        (31, 30, 18, 48, 36),
        (1, 30, 6, 30, 30),
        (30, 30, 6, 30, 30),
        (5, 6, 6, 6, 6),
        (45, 30, 20, 50, 60),
        (7, 1, 1, 7, 7),
    ],
)
def test_billed_seconds(duration_s: int, first_s: int, step_s: int, after_first_s: int, whole_s: int) -> None:
    assert billed(duration_s, first_s, step_s, "after_first") == after_first_s
    assert billed(duration_s, first_s, step_s, "whole") == whole_s


@pytest.mark.parametrize(
    ("value", "decimals", "half_up", "up", "down", "half_even"),
    [
        ("0.0000005", 6, 1, 1, 0, 0),
        ("0.0000015", 6, 2, 2, 1, 2),
        ("0.0000014", 6, 1, 2, 1, 1),
        ("12.45", 1, 12_500_000, 12_500_000, 12_400_000, 12_400_000),
        ("0.07", 2, 70_000, 70_000, 70_000, 70_000),
        ("2.5", 0, 3_000_000, 3_000_000, 2_000_000, 2_000_000),
    ],
)
def test_rounding(value: str, decimals: int, half_up: int, up: int, down: int, half_even: int) -> None:
    found = [rounded(Fraction(value), method, decimals) for method in ("half_up", "up", "down", "half_even")]
    assert found == [half_up, up, down, half_even]


@pytest.mark.parametrize(
    ("pool_s", "until_s", "amount"),
    [
        (0, 180, 270_000),  # 0.05 + 0.10 + 2 x 0.06
        (30, 180, 220_000),  # 0.05 + half of 0.10 + 2 x 0.06
        (90, 180, 140_000),  # 0.05 + 1.5 x 0.06
        (0, 60, 150_000),
        (180, 180, 0),  # no paid seconds, no fee
    ],
)
def test_fee_first_part_and_the_rest_are_one_amount(pool_s: int, until_s: int, amount: int) -> None:
    priced = Rate("44", 60, 60, Fraction("0.06"), Fraction("0.10"), Fraction("0.05"))
    assert priced.amount(pool_s, until_s, ("half_up", 6)) == amount


def test_ten_minutes_at_two_cents_in_one_second_steps_cost_twenty_cents() -> None:
    deck = [rate("44", "0.02", first_seconds="1", step_seconds="1")]
    assert charge([row(duration_s=600)], deck=deck).totals["amount"] == 200_000


def test_the_decks_rounding_and_model_are_used() -> None:
    deck = [rate("44", "0.0071", first_seconds="30", step_seconds="18")]
    # 48 s: 0.00568, up at 3 decimals 0.006; 36 s: 0.00426, down at 3 decimals 0.004
    assert charge([row(duration_s=31)], deck=deck, rounding=("up", 3)).totals["amount"] == 6_000
    whole = charge([row(duration_s=31)], deck=deck, rounding=("down", 3), increments="whole")
    assert (whole.totals["amount"], whole.totals["billed_seconds"]) == (4_000, 36)


def test_a_run_without_money_asks_what_it_costs() -> None:
    rows = [row("a"), row("b", callee="+449012345678"), row("c", callee=KENYA), row("d", answered=False)]
    totals = charge(rows, deck=WORLD).totals
    assert (totals["amount"], totals["post_usage"], totals["credits"]) == (1_020_000, 1_020_000, 0)
    assert (totals["blocked_calls"], totals["unrated_calls"], totals["not_answered"]) == (0, 1, 1)
    assert [totals[name] for name in ("opening_balance", "closing_balance", "funded")] == [None] * 3


# --- numbers and decks -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "country"),
    [
        (US, "US"),
        ("+14165550100", "CA"),
        ("+17875550100", "PR"),
        (UK, "GB"),
        ("+4420718387**", "GB"),
        ("+77012345678", "KZ"),
        ("+79161234567", "RU"),
        ("911", ""),
        ("Anonymous", ""),
        ("+", ""),
        ("+999", ""),
    ],
)
def test_country_of_a_number(number: str, country: str) -> None:
    assert country_of(number) == country


FACTS = {"category": "calling_plan_international", "number_type": "user", "origin_country": "US"}
EVENING = {"weekdays": "mon-fri", "from_time": "18:00", "to_time": "08:00", "timezone": "Europe/London"}


@pytest.mark.parametrize(
    ("deck", "when", "price"),
    [
        ([rate("44", "1"), rate("4420", "2"), rate("4421", "3")], "05-04 10:00", 2),
        ([rate("+44", "1"), rate("0044207", "2")], "05-04 10:00", 2),
        ([rate("44", "1"), rate("44", "2", category="calling_plan_international")], "05-04 10:00", 2),
        ([rate("44", "1", category="calling_plan_international"), rate("4420", "2")], "05-04 10:00", 2),
        (
            [rate("44", "1", category="conference_dial_out"), rate("44", "2", number_type="User")],
            "05-04 10:00",
            2,
        ),
        ([rate("44", "1", number_type="user"), rate("44", "2", origin_country="US")], "05-04 10:00", 1),
        ([rate("44", "1"), rate("44", "2", origin_country="GB")], "05-04 10:00", 1),
        ([rate("44", "1"), rate("44", "2", direction="inbound")], "05-04 10:00", 1),
        ([rate("44", "1", direction="inbound")], "05-04 10:00", None),
        (
            [rate("44", "1", valid_until="2026-05-04"), rate("44", "2", valid_from="2026-05-04")],
            "05-04 00:00",
            2,
        ),
        (
            [rate("44", "1", valid_until="2026-05-04"), rate("44", "2", valid_from="2026-05-04")],
            "05-03 23:59",
            1,
        ),
        ([rate("44", "1"), rate("44", "2", **EVENING)], "05-04 16:59", 1),  # Monday 17:59 in London
        ([rate("44", "1"), rate("44", "2", **EVENING)], "05-04 17:00", 2),  # Monday 18:00 in London
        ([rate("44", "1"), rate("44", "2", **EVENING)], "05-09 06:59", 2),  # Saturday 07:59: Friday's window
        ([rate("44", "1"), rate("44", "2", **EVENING)], "05-09 07:00", 1),  # Saturday 08:00: it has closed
        ([rate("44", "1"), rate("44", "2", **EVENING)], "05-09 17:30", 1),  # Saturday has none
        ([rate("44", "1"), rate("44", "2", **EVENING)], "05-11 06:59", 1),  # Monday morning: none on Sunday
        ([rate("44", "1", from_time="12:00", to_time="24:00")], "05-04 23:59", 1),
        ([rate("44", "1", from_time="9:00", to_time="17:00")], "05-04 08:59:59", None),
        ([rate("44", "1", from_time="9:00", to_time="17:00")], "05-04 09:00", 1),
        ([rate("44", "1", from_time="9:00", to_time="17:00")], "05-04 17:00", None),
        ([rate("44", "1", from_time="00:00", to_time="00:00")], "05-04 17:00", 1),
        ([rate("44", "1", weekdays="6,7")], "05-08 12:00", None),
        ([rate("44", "1", weekdays="6,7")], "05-10 12:00", 1),
        ([rate("45", "1")], "05-04 10:00", None),
    ],
)
def test_which_row_of_the_deck(deck: list[Row], when: str, price: int | None) -> None:
    found = rate_of(deck, "442071838750", FACTS | {"direction": "outbound"}, at(when))
    assert (found.price if found else None) == price


def test_the_origin_is_where_the_user_is_or_the_caller_of_an_inbound_call() -> None:
    deck = [rate("44", "1"), rate("44", "2", origin_country="FR")]
    deck += [
        rate("1800", "3", direction="inbound"),
        rate("1800", "4", direction="inbound", origin_country="FR"),
    ]
    paris = "+33140000000"
    rows = [
        row("a", location="FR"),
        row("b", caller=paris),
        row("c", location="", caller=paris),
        row("d", call_type="conf_in", callee=BRIDGE, caller=paris),
        row("e", call_type="conf_in", callee=BRIDGE, location="FR"),
    ]
    assert told(charge(rows, deck=deck), "amount") == [price * 1_000_000 for price in (2, 1, 2, 4, 3)]


def test_a_deck_that_prices_a_number_twice_is_refused() -> None:
    with pytest.raises(AssertionError, match="twice"):
        charge([row()], deck=[rate("44", "1"), rate("44", "2")])


def test_a_masked_number_is_priced_by_its_visible_digits() -> None:
    deck = [rate("44", "1"), rate("44207", "2"), rate("442071838", "3")]
    done = charge(
        [row("a", callee="+4420718****"), row("b", callee="+44****"), row("c", callee="+4****")], deck=deck
    )
    assert told(done, "prefix") == ["44207", "44", None]


# --- categories ------------------------------------------------------------------------------------

PEOPLE = tenant(
    user("ana", "US"),
    user("pay", "GB", "MCOPSTNPP"),
    user("min", "US", "MCOMEETACPEA"),
    service_numbers=[
        {"number": "+14255550199", "kind": "toll_free"},
        {"number": "+18005550111", "kind": "toll"},
    ],
)


@pytest.mark.parametrize(
    ("category", "facts"),
    [
        ("emergency", {"call_type": "emergency_out", "operator": "telstra"}),
        ("carried_by_operator", {"call_type": "dr_out"}),
        ("carried_by_operator", {"call_type": "ByotOut"}),
        ("carried_by_operator", {"call_type": "fmc_in"}),
        ("carried_by_operator", {"operator": "telstra"}),
        ("conference_pay_per_minute", {"call_type": "conf_in", "user": "min", "callee": BRIDGE}),
        ("conference_pay_per_minute", {"call_type": "conf_out", "user": "min"}),
        ("toll_free", {"call_type": "conf_in", "callee": BRIDGE}),
        ("toll_free", {"call_type": "ucap_in", "callee": UK, "number_type": "toll_free"}),
        ("toll_free", {"call_type": "conf_in", "callee": "+14255550199", "number_type": "toll"}),
        ("included_inbound", {"call_type": "conf_in", "callee": "+18005550111", "number_type": "toll_free"}),
        ("included_inbound", {"call_type": "conf_in", "callee": US}),
        ("included_inbound", {"call_type": "user_in", "callee": BRIDGE}),
        ("included_inbound", {"call_type": "unassigned_in"}),
        ("conference_dial_out", {"call_type": "conf_out"}),
        ("voice_app_outbound", {"call_type": "ucap_out_conf", "user": ""}),
        ("pay_as_you_go", {"call_type": "user_out_forwarding", "user": "PAY"}),
        ("calling_plan_domestic", {"callee": US}),
        ("calling_plan_domestic", {"callee": "+14165550100"}),
        ("calling_plan_domestic", {"callee": "+17875550100", "location": "CA"}),
        ("calling_plan_domestic", {"location": "GB", "domestic_international": "international"}),
        (
            "calling_plan_international",
            {"callee": US, "location": "GB", "domestic_international": "domestic"},
        ),
        ("calling_plan_international", {}),
        ("calling_plan_domestic", {"callee": "911", "domestic_international": "domestic"}),
        ("calling_plan_international", {"callee": "911"}),
        ("calling_plan_domestic", {"callee": US, "user": "stranger", "location": ""}),  # the tenant's country
        ("other", {"call_type": "sms_out"}),
    ],
)
def test_category(category: str, facts: Row) -> None:
    done = charge([row(**facts)], deck=WORLD, tenant=PEOPLE)
    assert told(done, "category") == [category]


def test_direct_routing_can_be_treated_as_a_calling_plan() -> None:
    rows = [row("a", call_type="dr_out_user"), row("b", call_type="dr_in"), row("c", operator="telstra")]
    plain, moved = charge(rows, deck=WORLD), charge(rows, deck=WORLD, treat_as="calling_plan")
    assert told(plain, "state", "free_s") == [("carried_by_operator", 60)] * 3
    expected = [("charged", 20_000), ("free", 0), ("carried_by_operator", 0)]
    assert told(moved, "state", "amount") == expected


# --- pools -----------------------------------------------------------------------------------------


CONF, SELECT, DOMESTIC = "MCOMEETADD", "MCOMEETADD_SELECT", "MCOPSTN1"


def people(*groups: tuple[int, str, str]) -> list[Row]:
    """Many users: how many, where, with which plan."""
    return [user(f"{plan}{where}{n}", where, plan) for count, where, plan in groups for n in range(count)]


@pytest.mark.parametrize(
    ("groups", "plan", "counter", "home", "minutes"),
    [
        ([(100, "US", "MCOPSTN1")], "MCOPSTN1", "domestic", "US", 300_000),
        ([(10, "US", CONF), (100, "GB", CONF), (5, "ZW", CONF)], CONF, "dial_out", "", 6_900),
        ([(20, "US", SELECT), (1, "US", DOMESTIC)], SELECT, "dial_out", "", 1_200),
        ([(2, "US", DOMESTIC), (1, "PR", DOMESTIC), (1, "CA", DOMESTIC)], DOMESTIC, "domestic", "US", 9_000),
        ([(2, "GB", "MCOPSTN2")], "MCOPSTN2", "domestic", "GB", 6_000),
        ([(2, "GB", "MCOPSTN2")], "MCOPSTN2", "international", "GB", 1_200),
        ([(2, "FR", "MCOPSTN1")], "MCOPSTN1", "domestic", "FR", 2_400),
        ([(1, "TW", "MCOMEETADD"), (1, "US", "MCOMEETADD")], "MCOMEETADD", "dial_out", "", 960),
    ],
)  # fmt: skip
def test_size_of_a_pool(groups: list[Any], plan: str, counter: str, home: str, minutes: int) -> None:
    holders = Tenant(tenant(*people(*groups)), country_of)
    members = [h for h in holders.users if home in ("", h.home)]
    assert holders.pool_s(plan, counter, at("05-04 10:00"), members) == minutes * 60


def test_bought_conferencing_licences_count_without_a_user() -> None:
    over = {"plan": "MCOMEETADD", "purchased": 5, "until": "2026-05-01T00:00:00Z"}
    licences = [{"plan": "MCOMEETADD", "purchased": 3}, {"plan": "MCOPSTN1", "purchased": 9}, over]
    file = tenant(user("ana", "TW", "MCOMEETADD"), licences=licences)
    rows = [row("a", duration_s=1020 * 60 + 1, call_type="conf_out")]  # 900 and two of 60, of the US
    assert told(charge(rows, deck=WORLD, tenant=file), "pool_s", "paid_s") == [(1020 * 60, 60)]


@pytest.mark.parametrize(
    ("organiser", "callee", "covered"),
    [
        ("US", US, True),
        ("US", UK, True),
        ("GB", US, True),
        ("ZW", US, True),
        ("ZW", UK, True),
        ("CK", UK, True),
        ("US", ZW, False),
        ("GB", ZW, False),
        ("ZW", ZW, False),
        ("CK", "+68220000", False),
    ],
)
def test_the_dial_out_pool_looks_at_the_destination_only(organiser: str, callee: str, covered: bool) -> None:
    file = tenant(user("ana", organiser, "MCOMEETADD"), licences=[{"plan": "MCOMEETADD", "purchased": 1}])
    rows = [row(call_type="conf_out", location=organiser, callee=callee)]
    deck = [*WORLD, rate("682", "1")]
    expected = ("charged", 60, "") if covered else ("blocked", 0, "not_licensed")
    assert told(charge(rows, deck=deck, tenant=file), "state", "pool_s", "reason") == [expected]


def test_who_pays_for_a_conference_call() -> None:
    both = user("ana", "US", "MCOMEETADD", "MCOMEETADD_DIALOUT_US", "MCOPSTNC")
    licences = [{"plan": "MCOMEETADD", "purchased": 1}]
    file = tenant(both, licences=licences, purchases=RICH)
    rows = [
        row("a", "05-04 10:00", 7200, call_type="conf_out", callee=US),  # the add-on, without end
        row("b", "05-04 11:00", 3541, call_type="conf_out"),  # the pool of 60 minutes, all of it
        row("c", "05-04 12:59", 60, call_type="conf_out"),  # nothing left
        row("d", "05-04 13:00", 60, call_type="conf_out", callee="+448431234567"),  # premium takes no pool
        row("e", "06-01 00:00", 60, call_type="conf_out"),  # a new month
    ]
    expected = [(3600, 0, 0), (7200, 0, 0), (0, 60, 20_000), (0, 60, 300_000), (60, 0, 0)]
    assert told(charge(rows, deck=WORLD, tenant=file), "pool_s", "paid_s", "amount") == expected


def test_two_counters_and_a_shared_pool() -> None:
    file = tenant(
        user("ana", "US", "MCOPSTN6", "MCOPSTNC"),
        user("bob", "PR", "MCOPSTN6", "MCOPSTNC"),
        user("eve", "GB", "MCOPSTN2", "MCOPSTNC"),
        user("sol", "US", "MCOPSTN8", "MCOPSTNC"),
        user("sue", "US", "MCOPSTN8", "MCOPSTNC"),
        purchases=RICH,
    )
    rows = [
        row("a", "05-04 00:00", 400 * 60, callee=US),  # 400 of the 480 that US and PR share
        row("b", "05-04 10:00", 100 * 60, callee=US, user="bob", location="PR"),  # 80 are left
        row("c", "05-04 14:00", 60, user="ana"),  # no international minutes
        row("d", "05-05 00:00", 601 * 60, callee=US, user="eve", location="GB"),  # 600 international
        row("e", "05-05 14:00", 60, callee=UK, user="eve", location="GB"),  # domestic is another counter
        row("f", "05-06 00:00", 120 * 60, callee=US, user="sol"),  # not pooled
        row("g", "05-06 04:00", 120 * 60, callee=US, user="sue"),
    ]
    done = charge(rows, deck=WORLD, tenant=file)
    minutes = [(d["pool_s"] // 60, d["paid_s"] // 60) for d in done.rows]
    assert minutes == [(400, 0), (80, 20), (0, 1), (600, 1), (1, 0), (120, 0), (120, 0)]
    assert told(done, "amount") == [0, 200_000, 20_000, 10_000, 0, 0, 0]


def test_two_conferencing_pools_one_after_the_other() -> None:
    licences = [{"plan": CONF, "purchased": 1}]
    file = tenant(user("ana", "US", CONF, SELECT, "MCOPSTNC"), licences=licences, purchases=RICH)
    minutes = [("05-04 10:00", 90), ("05-04 12:00", 40)]
    rows = [row(when, when, length * 60, call_type="conf_out", callee=US) for when, length in minutes]
    assert told(charge(rows, deck=WORLD, tenant=file), "pool_s", "paid_s") == [(5400, 0), (1800, 600)]


def test_a_voice_app_uses_the_plan_of_its_resource_account() -> None:
    number = {"number": "+12065550111", "kind": "toll", "licences": ["MCOPSTN5"]}
    rows = [
        row("a", "05-04 10:00", 121 * 60, call_type="ucap_out", user="", caller=number["number"], callee=US)
    ]
    done = charge(rows, deck=WORLD, tenant=tenant(service_numbers=[number], purchases=RICH))
    assert told(done, "pool_s", "paid_s", "amount") == [(7200, 60, 10_000)]
    number |= {"number": "+442079460111"}  # in the United Kingdom: a call to London is domestic there
    rows = [row("a", call_type="ucap_out", user="", location="", caller=number["number"])]
    assert told(charge(rows, deck=WORLD, tenant=tenant(service_numbers=[number])), "pool_s") == [60]


def test_licences_and_months_are_those_of_the_start() -> None:
    plan = {"plan": "MCOPSTN5", "from": "2026-05-10T00:00:00Z", "until": "2026-06-01T05:00:00Z"}
    file = tenant(user("ana", "US", plan, "MCOPSTNC"), purchases=RICH, head={"time_zone": "America/New_York"})
    rows = [
        row("a", "05-09 23:59", 60, callee=US),  # not yet
        row("b", "05-31 23:00", 120 * 60, callee=US),  # 19:00 on 31 May in New York: May's 120 minutes
        row("c", "06-01 03:59", 60, callee=US),  # still May there
        row("d", "06-01 04:00", 60, callee=US),  # June
        row("e", "06-01 05:00", 60, callee=US),  # the plan has ended
    ]
    assert told(charge(rows, deck=WORLD, tenant=file), "pool_s") == [0, 7200, 0, 60, 0]
