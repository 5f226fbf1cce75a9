"""Calls that are refused for want of money: told once, where nobody was told that the credits are used up.

A second of a call to London costs a cent; a first minute is reserved whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from talktime.accounts.tenant import Alerts, BillingAccount, Cap
from talktime.core.refusals import Refusal
from talktime.ledger.book import REFUSED_TOLD
from talktime.live.answers import Allowed, Answer, Denied
from talktime.live.operations import CancelCall, EndCall, StartCall
from tests.funding.payment_desk import DAY, MINUTE, OFF, UNIT, PaymentDesk, payment_desk

CENT = 10_000
RETRY = "chargeCustomerFail"
"""A card whose bank declines, and may take it later."""
CALLEE = "+442079460000"


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[PaymentDesk]:
    with payment_desk(database, tmp_path) as made:
        yield made


def start(desk: PaymentDesk, call_id: str, seconds: int = 60) -> Answer:
    answer: Answer = desk.do(
        StartCall("acme", call_id, 0, "user_out", user="ana", callee=CALLEE, requested_s=seconds)
    )
    return answer


def refused(desk: PaymentDesk, call_id: str) -> str:
    """The reason why a call may not begin."""
    answer = start(desk, call_id)
    assert isinstance(answer, Denied)
    return answer.reason.code


def told(desk: PaymentDesk) -> list[str]:
    return [each["reason"] for each in desk.told("acme", REFUSED_TOLD)]


def with_dust(desk: PaymentDesk, card: str = "visa", **more: Any) -> None:
    """A tenant whose money pays for no second: half a cent."""
    desk.open("acme", OFF, card, **more)
    desk.fund("acme", CENT // 2)


def under_mca(*, post_usage: bool) -> dict[str, Any]:
    return {"billing_accounts": (BillingAccount("main", "MCA", "US", post_usage),)}


def test_dust_that_pays_for_nothing_speaks_once_until_credits_come(desk: PaymentDesk) -> None:
    with_dust(desk)
    for call_id in ("a", "b", "c"):
        assert refused(desk, call_id) == "no_credit"
    assert told(desk) == ["no_credit"]
    assert desk.told("acme", "balance_zero") == []
    (notice,) = desk.told("acme", REFUSED_TOLD)
    assert (notice["available"], notice["balance"]) == (CENT // 2, CENT // 2)
    desk.restart()
    assert refused(desk, "d") == "no_credit"
    assert len(told(desk)) == 1, "what was told is stored"
    desk.fund("acme", CENT // 4)  # credits came, and are dust again
    assert REFUSED_TOLD not in desk.standing("acme").told
    assert refused(desk, "e") == "no_credit"
    assert told(desk) == ["no_credit"] * 2


def test_a_repeat_of_a_refused_start_tells_nothing(desk: PaymentDesk) -> None:
    with_dust(desk)
    first = start(desk, "a")
    assert start(desk, "a") == first
    assert len(told(desk)) == 1


def test_who_was_told_that_nothing_is_left_is_not_told_again(desk: PaymentDesk) -> None:
    desk.open("acme", OFF)
    desk.fund("acme", UNIT)
    desk.take_back("acme", UNIT)
    assert len(desk.told("acme", "balance_zero")) == 1
    assert refused(desk, "a") == "no_credit"
    assert told(desk) == []


def test_who_never_had_credits_has_lost_nothing(desk: PaymentDesk) -> None:
    desk.open("acme", OFF)
    assert refused(desk, "a") == refused(desk, "b") == "no_credit"
    assert told(desk) == []


def test_what_other_calls_have_reserved_refuses_too(desk: PaymentDesk) -> None:
    desk.open("acme", OFF)
    desk.fund("acme", UNIT)
    assert isinstance(start(desk, "a", 100), Allowed)
    assert refused(desk, "b") == "no_credit"
    assert told(desk) == ["no_credit"]
    desk.do(CancelCall("acme", "a", 1))
    assert isinstance(start(desk, "c", 50), Allowed)
    assert isinstance(start(desk, "d", 50), Allowed)
    assert refused(desk, "e") == "no_credit"
    assert len(told(desk)) == 1


@pytest.mark.parametrize(("post_usage", "reasons"), [(False, ["no_credit"]), (True, [])])
def test_under_a_customer_agreement(desk: PaymentDesk, post_usage: bool, reasons: list[str]) -> None:
    """Where post-usage stands behind the credits dust is spent, and nobody is refused (rulings.md 29)."""
    with_dust(desk, **under_mca(post_usage=post_usage))
    assert isinstance(start(desk, "a"), Allowed) is post_usage
    assert told(desk) == reasons


def test_a_debt_that_is_repaid_in_part_speaks_again(desk: PaymentDesk) -> None:
    """Credits came, and yet no call is paid: the balance reached 0 before them, and not since."""
    desk.open("acme", OFF)
    desk.fund("acme", 60 * CENT)
    assert isinstance(start(desk, "a"), Allowed)
    desk.do(EndCall("acme", "a", 1, 100))  # 40 cents are overdrawn
    assert refused(desk, "b") == "no_credit"
    assert (len(desk.told("acme", "balance_zero")), told(desk)) == (1, [])
    desk.fund("acme", 30 * CENT)
    assert refused(desk, "c") == "no_credit"
    assert (len(desk.told("acme", "balance_zero")), told(desk)) == (1, ["no_credit"])


def test_credits_that_expired_are_told_as_such(desk: PaymentDesk) -> None:
    desk.open("acme", OFF)
    desk.fund("acme", UNIT, life_us=DAY)
    desk.now_us += DAY
    assert refused(desk, "a") == "credits_expired"
    assert len(desk.told("acme", "balance_zero")) == 1
    assert told(desk) == []


def test_other_reasons_are_not_told(desk: PaymentDesk) -> None:
    with_dust(desk, caps=(Cap("tenant", "", CENT // 4),))
    assert refused(desk, "a") == "spend_cap"
    assert told(desk) == []


def test_a_tenant_that_the_provider_suspended_is_not_told(desk: PaymentDesk) -> None:
    with_dust(desk, status="suspended")
    assert refused(desk, "a") == Refusal.TENANT_SUSPENDED.code
    assert told(desk) == []


def test_money_that_is_on_its_way_speaks_for_itself(desk: PaymentDesk) -> None:
    with_dust(desk)
    desk.rule("acme", enabled=True)
    assert desk.standing("acme").attempt, "the rule buys at once"
    assert refused(desk, "a") == "no_credit"
    assert told(desk) == []
    desk.turn()
    assert isinstance(start(desk, "b"), Allowed)


def test_a_call_that_ends_and_one_that_begins_in_one_transaction(desk: PaymentDesk) -> None:
    """The start that finds too little sets the rule off itself: nobody looked at the wallet in between."""
    desk.open("acme", OFF)
    desk.fund("acme", UNIT + CENT // 2)
    assert isinstance(start(desk, "a"), Allowed)
    desk.rule("acme", enabled=True, below_micros=30 * CENT, add_micros=60 * UNIT)
    assert not desk.standing("acme").attempt, "40 cents and a half are there"
    asked = StartCall("acme", "b", 0, "user_out", user="ana", callee=CALLEE, requested_s=60)
    _, denied = desk.together([EndCall("acme", "a", 1, 100), asked])
    assert isinstance(denied, Denied)
    assert told(desk) == []
    assert desk.standing("acme").attempt


@pytest.mark.parametrize(("before_us", "reasons"), [(MINUTE + 1, ["no_credit"]), (MINUTE, []), (0, [])])
def test_a_recharge_that_is_tried_again_later_than_in_a_minute(
    desk: PaymentDesk, before_us: int, reasons: list[str]
) -> None:
    """A decline is tried again after 15 minutes: until a minute before, no money is near."""
    with_dust(desk, RETRY)
    desk.rule("acme", enabled=True)
    desk.turn()
    due_us = desk.standing("acme").attempt_due_us
    assert due_us == desk.now_us + 15 * MINUTE
    desk.now_us = due_us - before_us
    assert refused(desk, "a") == "no_credit"
    assert told(desk) == reasons


def test_without_a_card_nothing_is_on_its_way(desk: PaymentDesk) -> None:
    with_dust(desk, card="")
    desk.rule("acme", enabled=True)
    assert refused(desk, "a") == "no_credit"
    assert told(desk) == ["no_credit"]


# --- low balances are kept by their level --------------------------------------------------------------


def low(desk: PaymentDesk) -> tuple[list[int], set[str]]:
    """The levels that were told, and those that are kept as told."""
    said = [each["level"] // UNIT for each in desk.told("acme", "balance_low")]
    kept = {key for key in desk.standing("acme").told if key.startswith("balance_low/")}
    return said, kept


def with_levels(desk: PaymentDesk, *units: int) -> None:
    alerts = replace(Alerts(), low_micros=tuple(level * UNIT for level in units))
    desk.edit("acme", alerts=alerts)


def keys(*units: int) -> set[str]:
    return {f"balance_low/{level * UNIT}" for level in units}


def test_levels_that_are_edited_move_nothing_to_other_levels(desk: PaymentDesk) -> None:
    desk.open("acme", OFF)
    desk.fund("acme", 30 * UNIT)
    with_levels(desk, 50, 20)
    assert low(desk) == ([50], keys(50))
    with_levels(desk, 70, 50, 20)  # 70 stands where 50 stood
    assert low(desk) == ([50, 70], keys(50, 70))
    with_levels(desk, 20)
    assert low(desk) == ([50, 70], set())
    with_levels(desk, 50, 20)  # it was not configured meanwhile: it speaks
    assert low(desk) == ([50, 70, 50], keys(50))


def test_without_any_level_nothing_is_kept(desk: PaymentDesk) -> None:
    desk.open("acme", OFF)
    desk.fund("acme", 30 * UNIT)
    with_levels(desk, 50)
    with_levels(desk)
    assert low(desk) == ([50], set())
    with_levels(desk, 50)
    assert low(desk) == ([50, 50], keys(50))


def test_a_recovery_forgets_the_level_and_nothing_else(desk: PaymentDesk) -> None:
    with_dust(desk)
    assert refused(desk, "a") == "no_credit"
    desk.fund("acme", UNIT)
    assert isinstance(start(desk, "b", 100), Allowed)
    assert refused(desk, "c") == "no_credit"
    with_levels(desk, 5, 2)
    assert set(desk.standing("acme").told) == {REFUSED_TOLD, *keys(5, 2)}
    desk.do(CancelCall("acme", "b", 1))
    assert set(desk.standing("acme").told) == {REFUSED_TOLD, *keys(5, 2)}
    with_levels(desk, 5, 1)
    assert set(desk.standing("acme").told) == {REFUSED_TOLD, *keys(5)}
