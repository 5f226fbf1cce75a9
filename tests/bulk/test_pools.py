"""Pools over a file: who shares them, when they are full, what pays then (domain.md 4, 5; rulings.md 15)."""

from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.accounts.pool_sizes import size_at
from talktime.accounts.tenant import Licence
from talktime.bulk.kernel import pool_size_s
from talktime.bulk.state import NONE, Pools
from talktime.catalog.load import load_catalogue
from talktime.core.limits import ALWAYS_US, NEVER_US, NO_LIMIT
from tests.bulk.charged import SPENDS, by_minute, call, charged, column, deck, shown, tenant, us, user

US_NUMBER = "+14255550100"


spans = st.lists(
    st.tuples(st.integers(-1_000, 1_000), st.integers(0, 10**6) | st.just(NO_LIMIT)), max_size=5
).map(lambda entries: ((ALWAYS_US, 60), *sorted(dict(entries).items())))


@given(st.lists(spans, min_size=1, max_size=4), st.integers(-1_001, 1_001))
def test_the_loop_reads_the_sizes_of_a_pool_from_its_columns(
    sizes: list[tuple[tuple[int, int], ...]], at_us: int
) -> None:
    pools = Pools(
        chain_at=[0],
        chain_pools=[],
        size_at=list(accumulate(map(len, sizes), initial=0)),
        size_from_us=[from_us for entries in sizes for from_us, _ in entries],
        sizes_s=[size_s for entries in sizes for _, size_s in entries],
        partner=[NONE] * len(sizes),
        used_s=[0] * len(sizes),
        peak_s=[0] * len(sizes),
    )
    found = [pool_size_s(pool, at_us, pools) for pool in range(len(sizes))]
    assert found == [size_at(entries, at_us) for entries in sizes]


@pytest.mark.parametrize(
    ("organiser", "destination", "pooled"),
    [
        ("US", US_NUMBER, True),
        ("US", "+442079460000", True),
        ("GB", US_NUMBER, True),
        ("ZW", US_NUMBER, True),
        ("ZW", "+442079460000", True),
        ("CK", "+442079460000", True),
        ("US", "+263772123456", False),
        ("GB", "+263772123456", False),
        ("ZW", "+263772123456", False),
        ("CK", "+68221234", False),
    ],
)
def test_the_conferencing_pool_looks_at_the_destination_only(
    organiser: str, destination: str, pooled: bool
) -> None:
    who = tenant(user("ana", "MCOMEETADD", SPENDS, location=organiser), lots=[("2026-03-01 00:00", "9")])
    prices = deck(*(by_minute(p, "0.06") for p in ("1", "44", "263", "682")))
    run = charged(who, [call("2026-03-02 10:00", 60, to=destination, call_type="conf_out")], prices)
    assert column(run, "funding") == ["pool" if pooled else "credits"]
    assert column(run, "category") == ["conference_dial_out"]


def test_the_add_on_pays_before_the_pool_and_is_never_empty() -> None:
    who = tenant(user("ana", "MCOMEETADD", "MCOMEETADD_DIALOUT_US"))
    calls = [
        call("2026-03-02 10:00", 70_000, to=US_NUMBER, call_type="conf_out"),
        call("2026-03-03 10:00", 60),
    ]
    calls[1]["call_type"] = "conf_out"
    run = charged(who, calls)
    assert shown(run, "pool", "pool_left_seconds") == [
        ("MCOMEETADD_DIALOUT_US dial_out_add_on ana 2026-03=70000", None),
        ("MCOMEETADD conferencing 2026-03=60", 3_540),
    ]


def test_the_united_states_and_puerto_rico_share_one_pool() -> None:
    who = tenant(user("ana", "MCOPSTN5"), user("bea", "MCOPSTN5", location="PR"))
    calls = [
        call("2026-03-02 10:00", 200 * 60, to=US_NUMBER),
        call("2026-03-02 20:00", 40 * 60, "bea", US_NUMBER),
    ]
    run = charged(who, calls)
    assert [(p.owner, p.size_s, p.used_s) for p in run.pools] == [("US/PR", 240 * 60, 240 * 60)]
    assert (run.pools[0].at_80_us, run.pools[0].at_100_us) == (us("2026-03-02 13:20"), us("2026-03-02 20:40"))


def test_a_call_that_outlasts_its_pool_pays_for_the_rest() -> None:
    who = tenant(user("ana", "MCOPSTN5", SPENDS), lots=[("2026-03-01 00:00", "9")])
    prices = deck(by_minute("1", "0.06", fee_micros=10_000, first_price_nanos=900_000_000))
    run = charged(who, [call("2026-03-02 10:00", 125 * 60, to=US_NUMBER)], prices)
    assert shown(run, "pool_seconds", "paid_seconds", "amount", "funding") == [
        (7_200, 300, 310_000, "pool+credits")
    ]


def test_pools_do_not_roll_over_and_belong_to_the_month_of_the_start() -> None:
    who = tenant(user("ana", "MCOPSTN8"), time_zone="Europe/Berlin")
    calls = [
        call("2026-03-31 21:59", 60 * 60, to=US_NUMBER),  # still March in Berlin
        call("2026-03-31 22:01", 120 * 60, to=US_NUMBER),
    ]
    run = charged(who, calls)
    assert [(p.month, p.used_s) for p in run.pools] == [("2026-03", 3_600), ("2026-04", 7_200)]


def test_licences_count_at_the_start_of_the_call_and_nothing_is_unbilled() -> None:
    until = user("bob", Licence("MCOPSTN5", ALWAYS_US, us("2026-03-10 00:00")))
    since = user("cem", Licence("MCOPSTN5", us("2026-03-20 00:00"), NEVER_US))
    who = tenant(user("ana", "MCOPSTN5", SPENDS), until, since, lots=[("2026-03-01 00:00", "90")])
    calls = [
        call("2026-03-09 10:00", 200 * 60, to=US_NUMBER),
        call("2026-03-11 10:00", 10 * 60, to=US_NUMBER),  # 120 minutes now, 200 used
        call("2026-03-21 10:00", 60 * 60, to=US_NUMBER),  # 240 again: 40 left
        call("2026-03-22 10:00", 60, "bob", US_NUMBER),
    ]
    run = charged(who, calls)
    assert shown(run, "pool_seconds", "paid_seconds", "reason") == [
        (12_000, 0, ""),
        (0, 600, ""),
        (2_400, 1_200, ""),
        (0, 0, "not_licensed"),
    ]


def test_premium_numbers_take_no_pool() -> None:
    who = tenant(user("ana", "MCOPSTN2", SPENDS, location="GB"), lots=[("2026-03-01 00:00", "90")])
    calls = [
        call("2026-03-02 10:00", 60, to="+448452345678"),
        call("2026-03-02 11:00", 60, to="+449012345678"),
    ]
    run = charged(who, calls, deck(by_minute("44", "0.06")))
    assert shown(run, "funding", "reason") == [("credits", ""), ("", "premium_refused")]


OWN_PLANS = """
[[plan]]
code = "NORDIC9"
name = "Nordic plan"
kind = "calling"
basis = "assigned"
scope = "country"
pools = [{ kind = "nordic", destinations = "nordic", minutes = 9 }]

[[plan]]
code = "EITHER"
name = "Whichever first"
kind = "calling"
basis = "assigned"
scope = "user"
strict_or = true
pools = [
    { kind = "domestic", destinations = "domestic", minutes = 3 },
    { kind = "international", destinations = "international", minutes = 2 },
]
"""

OWN_CATEGORIES = """
[[category]]
name = "nordic_call"
funding = ["nordic", "credits"]
licence = "spends_credits"

[[rule]]
category = "nordic_call"
call_types = ["user_out*"]
when = ["zone:nordic"]
why = "the user called a Nordic country"
"""


def own_catalogue(folder: Path) -> Path:
    (folder / "plans.toml").write_text(OWN_PLANS, "utf-8")
    (folder / "categories.toml").write_text(OWN_CATEGORIES, "utf-8")
    (folder / "zones.toml").write_text('[zones]\nnordic = ["SE", "NO", "DK"]\n', "utf-8")
    return folder


def test_a_plan_a_category_and_a_zone_are_data(tmp_path: Path) -> None:
    catalogue = load_catalogue(own_catalogue(tmp_path))
    who = tenant(user("ana", "NORDIC9", SPENDS), lots=[("2026-03-01 00:00", "9")])
    prices = deck(by_minute("46", "0.06"), by_minute("1", "0.01"))
    calls = [call("2026-03-02 10:00", 600, to="+46701234567"), call("2026-03-02 11:00", 60, to=US_NUMBER)]
    run = charged(who, calls, prices, catalogue=catalogue)
    assert shown(run, "category", "pool_seconds", "amount") == [
        ("nordic_call", 540, 60_000),
        ("calling_plan_domestic", 0, 10_000),
    ]


def test_strict_or_closes_both_counters_when_either_is_full(tmp_path: Path) -> None:
    catalogue = load_catalogue(own_catalogue(tmp_path))
    who = tenant(user("ana", "EITHER", SPENDS), lots=[("2026-03-01 00:00", "9")])
    calls = [
        call("2026-03-02 10:00", 60, to=US_NUMBER),
        call("2026-03-02 11:00", 120),
        call("2026-03-02 12:00", 60, to=US_NUMBER),
    ]
    run = charged(who, calls, catalogue=catalogue)
    assert column(run, "funding") == ["pool", "pool", "credits"]
