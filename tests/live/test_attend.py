"""What hangs on how a wallet stands: modes, low balances, caps that are reached, what a day cost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from talktime.accounts.tenant import Alerts, AutoRecharge, BillingAccount, Cap
from talktime.live.answers import Allowed, Settled
from talktime.live.operations import CancelCall, EndCall, StartCall
from tests.funding.payment_desk import DAY, HOUR, OFF, RULE, UNIT, PaymentDesk, payment_desk

A_SECOND = 10_000
CALLEE = "+442079460000"


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[PaymentDesk]:
    with payment_desk(database, tmp_path) as made:
        yield made


def call(desk: PaymentDesk, call_id: str, seconds: int, *, end: bool = True) -> None:
    """A call of so many seconds, of which each costs a cent."""
    asked = StartCall("acme", call_id, 0, "user_out", user="ana", callee=CALLEE, requested_s=max(seconds, 1))
    assert isinstance(desk.do(asked), Allowed)
    if end:
        assert isinstance(desk.do(EndCall("acme", call_id, 1, seconds)), Settled)


def under(agreement: str, *, post_usage: bool = True) -> dict[str, Any]:
    """The billing account of a tenant."""
    return {"billing_accounts": (BillingAccount("main", agreement, "US", post_usage),)}


def switches(desk: PaymentDesk) -> list[tuple[str, str]]:
    return [(told["before"], told["after"]) for told in desk.told("acme", "mode_switched")]


# --- modes (rulings.md 29) -------------------------------------------------------------------------


def test_the_way_to_post_usage_and_back(desk: PaymentDesk) -> None:
    desk.open("acme", OFF, **under("MCA"))
    assert switches(desk) == [], "how a tenant begins is no switch"
    desk.fund("acme", UNIT)
    call(desk, "a", 60)
    call(desk, "b", 40)  # the last cent
    call(desk, "c", 10)  # after use
    desk.fund("acme", UNIT)
    expected = [("post_usage", "draining"), ("draining", "post_usage"), ("post_usage", "draining")]
    assert switches(desk) == expected
    rows = desk.rows("select who, what, before, after from audit where what like ? order by id", "mode %")
    assert [(before, after) for _, _, before, after in rows] == expected
    assert rows[0][:2] == ("talktime", "mode post_usage -> draining")


def test_without_post_usage_there_is_no_funding(desk: PaymentDesk) -> None:
    desk.open("acme", OFF, **under("MCA", post_usage=False))
    desk.fund("acme", UNIT)
    desk.take_back("acme", UNIT)
    assert switches(desk) == [("no_funding", "draining"), ("draining", "no_funding")]


def test_another_agreement_and_the_rule_switch_the_mode(desk: PaymentDesk) -> None:
    """MOSA -> MCA with the rule on stays prepaid for ever; off, it drains (domain.md 9)."""
    desk.open("acme", RULE, **under("MOSA"))
    desk.turn()
    desk.edit("acme", **under("MCA"))
    assert switches(desk) == []
    desk.rule("acme", enabled=False)
    assert switches(desk) == [("prepaid", "draining")]
    desk.rule("acme", enabled=True)
    assert switches(desk)[1:] == [("draining", "prepaid")]


def test_nothing_changes_nothing_is_told(desk: PaymentDesk) -> None:
    desk.open("acme", OFF, **under("MCA"))
    desk.fund("acme", UNIT)
    before = desk.standing("acme")
    for number in range(3):
        call(desk, f"c{number}", 1)
    assert desk.standing("acme") == before
    assert len(switches(desk)) == 1


# --- low balances (domain.md 10) -------------------------------------------------------------------


def levels(desk: PaymentDesk) -> list[int]:
    return [told["level"] // UNIT for told in desk.told("acme", "balance_low")]


def alerts(*units: int) -> Alerts:
    return Alerts(low_micros=tuple(level * UNIT for level in units))


def with_money(desk: PaymentDesk, units: int, *low: int) -> None:
    """A tenant with so much, and levels that nobody was told of."""
    desk.open("acme", OFF)
    desk.fund("acme", units * UNIT)
    desk.edit("acme", alerts=alerts(*low))


@pytest.mark.parametrize(
    ("moves", "told"),
    [
        ([-50], []),  # 50 is not below 50
        ([-51], [50]),
        ([-51, -1, -1], [50]),  # once
        ([-51, +1, -1], [50, 50]),  # armed again by a recovery
        ([-95], [50, 10]),  # past both at once
        ([-51, -44], [50, 10]),
        ([-95, +20, -20], [50, 10, 10]),  # only that which had recovered
    ],
)
def test_once_a_crossing(desk: PaymentDesk, moves: list[int], told: list[int]) -> None:
    with_money(desk, 100, 50, 10)
    for units in moves:
        if units > 0:
            desk.fund("acme", units * UNIT)
        else:
            desk.take_back("acme", -units * UNIT)
    assert levels(desk) == told


def test_what_a_call_reserves_counts(desk: PaymentDesk) -> None:
    with_money(desk, 51, 50)
    call(desk, "c", 150, end=False)
    assert levels(desk) == [50]


def test_calls_that_reserve_and_release_tell_a_level_once(desk: PaymentDesk) -> None:
    """Only money that comes in lets a level speak again, and only if it lifts the balance to it."""
    with_money(desk, 51, 50)
    for number in range(5):
        call(desk, f"c{number}", 150, end=False)
        desk.do(CancelCall("acme", f"c{number}", 1))
    assert levels(desk) == [50]
    desk.take_back("acme", 10 * UNIT)
    desk.fund("acme", 8 * UNIT)
    assert levels(desk) == [50], "49 is not 50"
    desk.fund("acme", UNIT)
    call(desk, "d", 150, end=False)
    assert levels(desk) == [50, 50]


def test_levels_that_are_set_too_late_still_speak(desk: PaymentDesk) -> None:
    with_money(desk, 20)
    desk.edit("acme", alerts=alerts(50))
    assert levels(desk) == [50]


def test_a_new_level_speaks_whatever_stood_in_its_place(desk: PaymentDesk) -> None:
    with_money(desk, 30, 100, 50)
    assert levels(desk) == [100, 50]
    desk.edit("acme", alerts=alerts(200, 50))
    assert levels(desk) == [100, 50, 200], "50 was told and stays so"
    desk.edit("acme", alerts=alerts(50))
    desk.take_back("acme", UNIT)
    assert levels(desk) == [100, 50, 200]
    assert [key for key in desk.standing("acme").told if "low/" in key] == ["balance_low/50000000"]


def test_a_restart_tells_nothing_again(desk: PaymentDesk) -> None:
    with_money(desk, 30, 50)
    desk.restart()
    desk.take_back("acme", UNIT)
    assert levels(desk) == [50]
    assert len(desk.told("acme", "balance_low")) == 1


# --- caps and days ---------------------------------------------------------------------------------


def test_a_spend_cap_that_is_reached_is_told_once(desk: PaymentDesk) -> None:
    desk.open("acme", OFF, caps=(Cap("tenant", "", UNIT),))
    desk.fund("acme", 10 * UNIT)
    for call_id, seconds in (("a", 60), ("b", 40)):
        assert desk.told("acme", "spend_cap_reached") == []
        call(desk, call_id, seconds)
    refused = StartCall("acme", "c", 0, "user_out", user="ana", callee=CALLEE, requested_s=10)
    assert not isinstance(desk.do(refused), Allowed)
    (told,) = desk.told("acme", "spend_cap_reached")
    assert (told["counter"], told["limit"]) == ("cap:tenant", UNIT)


def test_what_a_day_cost_is_counted_in_the_zone_of_the_tenant(desk: PaymentDesk) -> None:
    """2026-03-01 12:00 UTC is 2 March, 01:00 in Auckland."""
    desk.open("acme", OFF, time_zone="Pacific/Auckland")
    desk.fund("acme", 10 * UNIT)
    call(desk, "a", 10)
    call(desk, "b", 20)
    call(desk, "unanswered", 0)
    desk.now_us += 12 * HOUR  # 2 March, 13:00
    call(desk, "c", 5)
    desk.now_us += 12 * HOUR  # 3 March, 01:00
    call(desk, "d", 7)
    second_of_march = 20_514
    rows = desk.rows("select day, paid, calls from days where tenant = 'acme' order by day")
    assert rows == [
        (second_of_march, 35 * A_SECOND, 3),  # what was not answered is no call
        (second_of_march + 1, 7 * A_SECOND, 1),
    ]


# --- together --------------------------------------------------------------------------------------


def test_all_of_it_in_one_transaction(desk: PaymentDesk) -> None:
    """One charge crosses a level, empties the wallet, and sets off a recharge; each is told with it."""
    desk.open("acme", OFF)
    desk.fund("acme", UNIT, life_us=DAY)
    rule = AutoRecharge(True, below_micros=UNIT // 2, add_micros=60 * UNIT)
    desk.edit("acme", alerts=alerts(1), auto_recharge=rule)
    call(desk, "c", 100, end=False)
    assert desk.standing("acme").attempt, "what is reserved is not available"
    assert len(desk.told("acme", "balance_low")) == 1
    desk.do(EndCall("acme", "c", 1, 100))
    assert len(desk.told("acme", "balance_zero")) == 1
    ((standing,),) = desk.rows("select standing from wallets where tenant = 'acme'")
    assert desk.last("acme").row.payment in json.loads(standing)
    desk.turn()
    assert desk.available("acme") == 60 * UNIT
