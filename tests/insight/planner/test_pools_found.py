"""Pools: when they were full, what came then, who used them, and how many licences they have to spare."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talktime.accounts.tenant import Licence, Subscription, Tenant
from talktime.insight.planner.document import PoolFound, Pools
from talktime.insight.planner.pools_found import NEEDED_THOUGH, pools_found
from tests.bulk.charged import DOMESTIC_TO, SPENDS, call, tenant, us, user
from tests.insight.planner.replayed import CATALOGUE, FEW, each_day, replayed

HOUR, MINUTE = 3_600, 60


def found(who: Tenant, calls: list[dict[str, Any]]) -> Pools:
    _, run = replayed(who, calls)
    return pools_found(run, CATALOGUE)


def home(start: str, minutes: int, who: str = "ana", **more: Any) -> dict[str, Any]:
    """A call that a domestic pool pays."""
    return call(start, minutes * MINUTE, who, DOMESTIC_TO, **more)


def shown(pool: PoolFound) -> tuple[str, str, int | None, int, str, int, int, int]:
    return (
        pool.owner, pool.month, pool.size_s, pool.used_s, pool.full_day,
        pool.beyond_calls, pool.beyond_s, pool.beyond_amount,
    )  # fmt: skip


TWO = tenant(user("ana", SPENDS, "MCOPSTN5"), user("bob", SPENDS, "MCOPSTN5"))
"""240 minutes a month together."""

RUNS_OVER = [
    home("2026-03-02 10:00", 200),
    home("2026-03-19 10:00", 50, "bob"),  # takes the last 40, 10 min cost 0.60
    home("2026-03-20 10:00", 20),  # 1.20
    home("2026-03-21 10:00", 1, "ana", answered=False),
    call("2026-03-22 10:00", HOUR),  # abroad: no pool would have paid it
    home("2026-04-02 10:00", 60),
]


def test_a_pool_that_ran_over() -> None:
    march, april = found(TWO, RUNS_OVER).pools
    assert shown(march) == ("US/PR", "2026-03", 14_400, 14_400, "2026-03-19", 2, 1_800, 1_800_000)
    assert march.full_us == us("2026-03-19 10:50")
    assert march.top == (("ana", 12_000), ("bob", 2_400))
    assert shown(april) == ("US/PR", "2026-04", 14_400, 3_600, "", 0, 0, 0)
    assert april.full_us is None


def test_it_is_said_when_and_what_it_cost() -> None:
    (said,) = found(TWO, RUNS_OVER).says
    assert said == (
        "MCOPSTN5 domestic US/PR was used up in 1 of 2 months, first on 2026-03-19; "
        "2 calls beyond it cost 1.8 USD."
    )


def test_a_pool_that_was_used_to_its_last_second_had_nothing_beyond() -> None:
    pools = found(TWO, [home("2026-03-02 10:00", 240), call("2026-03-03 10:00", 60)])
    assert shown(pools.pools[0])[3:] == (14_400, "2026-03-02", 0, 0, 0)
    assert pools.says == (
        "MCOPSTN5 domestic US/PR was used up in 1 of 1 month, first on 2026-03-02; no call came after it.",
    )


def test_calls_that_are_refused_for_want_of_a_licence_came_beyond_the_pool_too() -> None:
    who = tenant(user("ana", "MCOPSTN5"))
    (march,) = found(who, [home("2026-03-02 10:00", 120), home("2026-03-03 10:00", 30)]).pools
    assert shown(march)[5:] == (1, 1_800, 0)


def test_pools_of_single_users_are_counted_together() -> None:
    who = tenant(*(user(name, SPENDS, "MCOPSTN8") for name in ("ana", "bob")))
    pools = found(who, [home("2026-03-02 10:00", 130), home("2026-03-02 10:00", 10, "bob")])
    assert (pools.pools, pools.single, pools.single_full, pools.says) == ((), 2, 1, ())


def test_a_call_that_two_pools_pay_is_in_both() -> None:
    who = tenant(user("ana", SPENDS, "MCOPSTN5", "MCOPSTN6"))  # 120 and 240 minutes
    five, six = found(who, [home("2026-03-02 10:00", 200), home("2026-03-03 10:00", 200)]).pools
    assert [(p.plan, p.used_s // 60, p.beyond_calls, p.beyond_s // 60) for p in (five, six)] == [
        ("MCOPSTN5", 120, 1, 40),
        ("MCOPSTN6", 240, 1, 40),
    ]
    assert (five.top, six.top) == ((("ana", 7_200),), (("ana", 14_400),))


def test_pools_that_nobody_asked_for_are_there_too() -> None:
    who = tenant(user("ana", SPENDS, "MCOPSTN2"), user("eve", "MCOPSTN1", location="GB"))
    pools = found(who, [home("2026-03-02 10:00", 10)]).pools
    assert [(p.plan, p.kind, p.owner, p.size_s, p.used_s) for p in pools] == [
        ("MCOPSTN1", "domestic", "GB", 72_000, 0),
        ("MCOPSTN2", "domestic", "US/PR", 180_000, 600),
        ("MCOPSTN2", "international", "US/PR", 36_000, 0),
    ]


# --- licences to spare ------------------------------------------------------------------------------------


def month_of(minutes: dict[str, int]) -> list[dict[str, Any]]:
    """A whole March in which each of some users calls so long on the first and the last weekday."""
    return [
        home(f"2026-03-{day} 10:00", minutes_a_month // 2, who, id=f"{who} {day}")
        for who, minutes_a_month in minutes.items()
        for day in ("02", "31")
    ] + each_day("2026-03-02", "2026-03-31", 0, who=next(iter(minutes)), answered=False)


@pytest.mark.parametrize(
    ("minutes", "spare"),
    [
        ({"a": 120, "b": 120}, 2),  # 480 held, 240 used: 240 left
        ({"a": 240, "b": 2}, 1),  # 238 left
        ({"a": 240, "b": 118}, 1),  # 122 left
        ({"a": 240, "b": 122}, 0),
        ({"a": 480}, 0),  # full
    ],
)
def test_licences_whose_minutes_were_not_needed(minutes: dict[str, int], spare: int) -> None:
    who = tenant(*(user(name, SPENDS, "MCOPSTN5") for name in "abcd"))
    said = [text for text in found(who, month_of(minutes)).says if "no more than" in text]
    assert [f"The minutes of {spare} of its 4 licences were not needed" in text for text in said] == (
        [True] if spare else []
    )


def test_only_licences_of_holders_without_a_call_could_have_gone() -> None:
    who = tenant(*(user(name, SPENDS, "MCOPSTN5") for name in "abcd"))
    said, needed = found(who, month_of({"a": 20, "b": 20, "c": 20})).says
    assert needed == NEEDED_THOUGH  # of the two others
    assert said == (
        "MCOPSTN5 US/PR: no more than 13 % of the domestic minutes were used in any month. "
        "The minutes of 3 of its 4 licences were not needed. 1 holder made no call and got none: "
        "1 of these licences could have gone without changing any charge."
    )


def test_without_them_every_call_costs_the_same() -> None:
    """What the sentence above says, tried."""
    calls = month_of({"a": 120, "b": 100})
    _, four = replayed(tenant(*(user(name, SPENDS, "MCOPSTN5") for name in "abcd")), calls)
    _, two = replayed(tenant(*(user(name, SPENDS, "MCOPSTN5") for name in "ab")), calls)
    assert four.run.totals.amount == two.run.totals.amount == 0


def test_every_counter_of_a_plan_has_to_be_enough() -> None:
    who = tenant(*(user(name, SPENDS, "MCOPSTN2") for name in "abc"))  # 9,000 and 1,800 minutes
    calls = [*month_of({"a": 60}), call("2026-03-09 10:00", 700 * MINUTE, "b", id="abroad")]
    (said,) = found(who, calls).says
    assert "no more than 1 % of the domestic and 39 % of the international minutes were used" in said
    assert "The minutes of 1 of its 3 licences" in said


def test_licences_are_those_of_the_end() -> None:
    gone = Licence("MCOPSTN5", until_us=us("2026-03-15 00:00"))
    who = tenant(user("a", SPENDS, "MCOPSTN5"), user("b", "MCOPSTN5"), user("c", gone))
    (said,) = found(who, month_of({"a": 60})).says
    assert "The minutes of 1 of its 2 licences were not needed" in said


def test_bought_licences_fill_a_pool_that_nobody_used() -> None:
    who = tenant(user("ana", SPENDS), subscriptions=(Subscription("MCOMEETADD", 3),))
    pools = found(who, month_of({"ana": 2}))
    assert [(p.owner, p.size_s, p.used_s) for p in pools.pools] == [("", 10_800, 0)]
    assert pools.says[0].startswith(
        "MCOMEETADD: not used at all in 1 month. The minutes of 3 of its 3 licences were not needed"
    )


def test_a_month_in_part_is_said_to_be_one() -> None:
    who = tenant(*(user(name, SPENDS, "MCOPSTN5") for name in "ab"))
    (said,) = found(who, [home("2026-03-10 10:00", 20, "a")]).says
    assert "were used in any month; only a part of 2026-03 is here. The minutes of 1 of its 2" in said


def test_the_largest_are_told_and_what_holds_for_all_only_once() -> None:
    """Seven countries with one to seven pairs of licences, of which one of each pair calls."""
    sizes = dict(zip(("GB", "DE", "FR", "IT", "ES", "NL", "BE"), range(1, 8), strict=True))
    holders = [
        user(f"{country}{at}", "MCOPSTN1", location=country)
        for country, size in sizes.items()
        for at in range(size + 1)
    ]
    calls = month_of({"ana": 2}) + [
        call("2026-03-10 10:00", 60, f"{country}{at}", call_type="user_in", id=f"{country}{at}")
        for country, size in sizes.items()
        for at in range(size + 1)
    ]
    says = found(tenant(user("ana", SPENDS), *holders), calls).says
    assert [text.partition(":")[0] for text in says[:5]] == [
        f"MCOPSTN1 {country}" for country in ("BE", "NL", "ES", "IT", "FR")
    ]
    assert says[5:] == ("2 more plans had licences to spare; the table has them.", NEEDED_THOUGH)


ROWS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 200), st.integers(1, 28)), min_size=1, max_size=15
)


@settings(max_examples=FEW)
@given(rows=ROWS)
def test_what_is_used_and_what_is_beyond_is_all_that_was_billed(rows: list[tuple[str, int, int]]) -> None:
    who = tenant(*(user(name, SPENDS, "MCOPSTN5") for name in "abc"))
    calls = [home(f"2026-03-{day:02} 10:00", minutes, name) for name, minutes, day in rows]
    _, run = replayed(who, calls)
    (pool,) = pools_found(run, CATALOGUE).pools
    totals = run.run.totals
    assert pool.used_s + pool.beyond_s == totals.billed_s
    assert pool.used_s == totals.pool_s == sum(seconds for _, seconds in pool.top)
    assert pool.beyond_amount == totals.amount
    assert (pool.full_us is None) == (pool.used_s < (pool.size_s or 0))
