"""What calls of the customer's own operator would cost here: tables of calls and micros."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from talktime.accounts.tenant import Cap, Tenant
from talktime.insight.planner.carriers import NOT_IN_IT, carriers
from talktime.insight.planner.document import Carriers
from tests.bulk.charged import ABROAD, DOMESTIC_TO, SPENDS, call, deck, tenant, user
from tests.insight.planner.replayed import CATALOGUE, FEW, replayed

MINUTE = 60
ANA = user("ana", SPENDS, "MCOPSTN5")
BOB = user("bob")
WHO = tenant(ANA, BOB)


def routed(start: str, minutes: int, who: str = "ana", to: str = DOMESTIC_TO, **more: Any) -> dict[str, Any]:
    """A call that the customer's own operator carried out."""
    return call(start, minutes * MINUTE, who, to) | {"call_type": "dr_out"} | more


def asked(who: Tenant, calls: list[dict[str, Any]]) -> Carriers | None:
    replay, run = replayed(who, calls)
    return carriers(replay, run, who, CATALOGUE, deck())


def found(who: Tenant, calls: list[dict[str, Any]]) -> Carriers:
    told = asked(who, calls)
    assert told is not None
    return told


def test_without_such_calls_there_is_no_answer() -> None:
    assert (
        asked(WHO, [call("2026-03-02 10:00", 60), call("2026-03-02 10:00", 60, call_type="user_in")]) is None
    )


MIXED = [
    routed("2026-03-02 10:00", 100),  # included minutes of ana pay all
    routed("2026-03-03 10:00", 50),  # 20 included, 30 paid: 1.80
    routed("2026-03-04 10:00", 10, "bob"),  # no plan: 0.60
    routed("2026-03-05 10:00", 10, to=ABROAD),  # 0.60
    routed("2026-03-06 10:00", 10, call_type="byotin"),  # came in: free
    routed("2026-04-06 10:00", 0, answered=False),
    call("2026-03-20 10:00", 10 * MINUTE, to=DOMESTIC_TO),  # pays nothing today; then 0.60
    call("2026-03-21 10:00", 10 * MINUTE),  # 0.60 today and then
]


def test_calls_move_with_todays_licences_and_without() -> None:
    told = found(WHO, MIXED)
    assert (told.calls, told.answered, told.months) == (6, 5, 2)
    assert (told.billed_s, told.pool_s) == (180 * MINUTE, 120 * MINUTE)
    assert told.amount == 1_800_000 + 600_000 + 600_000
    assert told.without == (100 + 50 + 10 + 10) * 60_000
    assert told.displaced == 600_000
    assert {line.key: line.amount for line in told.by_country} == {"US": 2_400_000, "GB": 600_000}
    assert [one.amount for one in told.by_country[0].dearest] == [1_800_000, 600_000]


def test_the_answer_in_sentences() -> None:
    assert found(WHO, MIXED).says == (
        "5 answered calls (180 min) of your own operator in 2 months would cost 3 USD here with today's "
        "licences, 10.2 USD with none.",
        "Included minutes of today's licences would pay 120 min of them.",
        "Other calls use these minutes today: they would cost 0.6 USD more.",
        NOT_IN_IT,
    )


def test_nobody_is_refused_and_no_cap_holds() -> None:
    capped = replace(BOB, cap_per_month_micros=1)
    who = tenant(ANA, capped, caps=(Cap("tenant", "", 1),), lots=[])
    assert found(who, [routed("2026-03-04 10:00", 10, "bob")]).amount == 600_000


def test_calls_that_are_refused_today_displace_none() -> None:
    """Once nobody is refused the long call uses included minutes; the moved one, abroad, has none to take."""
    who = tenant(replace(ANA, cap_per_month_micros=1))
    calls = [
        call("2026-03-02 10:00", 130 * MINUTE, to=DOMESTIC_TO),  # 10 minutes to pay: refused by the cap
        call("2026-03-03 10:00", 10 * MINUTE, to=DOMESTIC_TO),
        routed("2026-03-04 10:00", 10, to=ABROAD),
    ]
    told = found(who, calls)
    assert (told.amount, told.displaced) == (600_000, 0)


def test_callers_whom_the_tenant_does_not_name_pay_for_every_minute() -> None:
    told = found(WHO, [routed("2026-03-04 10:00", 10, "zed"), routed("2026-03-05 10:00", 10)])
    assert (told.amount, told.without) == (600_000, 1_200_000)
    assert "1 call are of users" not in told.says
    assert any(
        text.startswith("1 call is of a user whom the tenant file does not name") for text in told.says
    )


def test_calls_without_a_price_are_told() -> None:
    told = found(WHO, [routed("2026-03-04 10:00", 10, to="+99912345")])
    assert (told.unrated_calls, told.amount) == (1, 0)
    assert any("could not be priced" in text for text in told.says)


def test_calls_that_do_not_say_which_way_they_went_are_left_out() -> None:
    told = found(WHO, [routed("2026-03-04 10:00", 10), routed("2026-03-05 10:00", 9, call_type="fmc_out")])
    assert told.calls == 1
    assert "1 more call of another operator is left out: its type does not say what it was." in told.says


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["ana", "bob", "zed"]),
        st.sampled_from([DOMESTIC_TO, ABROAD]),
        st.sampled_from(["dr_out", "user_out", "dr_in"]),
        st.integers(0, 90),
        st.integers(1, 28),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=FEW)
@given(rows=ROWS)
def test_sums_and_bounds(rows: list[tuple[str, str, str, int, int]]) -> None:
    calls = [
        routed(f"2026-03-{day:02} 10:00", minutes, who, to, call_type=kind)
        for who, to, kind, minutes, day in rows
    ]
    told = asked(WHO, calls)
    assert (told is None) == all(kind == "user_out" for _, _, kind, _, _ in rows)
    if told is not None:
        assert sum(line.amount for line in told.by_country) == told.amount
        assert told.displaced >= 0
        priced = sum(m for _, _, kind, m, _ in rows if kind == "dr_out") * 60_000
        assert told.without == priced >= told.amount == priced - told.pool_s * 1_000
