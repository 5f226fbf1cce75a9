"""Whether credits are needed at all: yes, no and not to be told, each with its reasons."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from talktime.accounts.tenant import BillingAccount, ServiceNumber, Tenant
from talktime.insight.planner.document import Need
from talktime.insight.planner.need import need
from talktime.insight.planner.pools_found import pools_found
from tests.bulk.charged import ABROAD, DOMESTIC_TO, SPENDS, call, tenant, user
from tests.insight.planner.replayed import CATALOGUE, each_day, replayed

MINUTE = 60
DOMESTIC = tenant(user("ana", SPENDS, "MCOPSTN5"))
"""120 minutes a month."""


def told(who: Tenant, calls: list[dict[str, Any]], expected: int | None = None) -> Need:
    _, run = replayed(who, calls)
    return need(run, expected, who, CATALOGUE, pools_found(run, CATALOGUE))


def at_home(minutes: int, first: str = "2026-03-02", last: str = "2026-03-31") -> list[dict[str, Any]]:
    """A call that a pool pays on each weekday."""
    return each_day(first, last, minutes * MINUTE, to=DOMESTIC_TO)


ABROAD_ONCE = [call("2026-03-10 09:00", 90, to=ABROAD, id="abroad")]


def test_a_few_calls_are_told_one_by_one() -> None:
    found = told(DOMESTIC, [*at_home(1), *ABROAD_ONCE], 1_230_000)
    assert found == Need(
        True,
        (
            "Only because of 1 call, 0.09 USD in all (ana to GB on 2026-03-10, 0.09).",
            "The next month is expected to cost 1.23 USD.",
        ),
    )


def test_what_always_takes_money_is_told_from_what_comes_beyond_minutes() -> None:
    calls = [*at_home(7), *each_day("2026-03-02", "2026-03-31", 120, who="bob", to=ABROAD)]
    who = tenant(user("ana", SPENDS, "MCOPSTN5"), user("bob", SPENDS, "MCOPSTNPP"))
    found = told(who, calls)  # ana: 22 calls of 7 min, 34 beyond 120; bob: 22 of 0.12
    assert found.answer is True
    assert found.says == (
        "22 calls for which no minutes are included took 2.64 USD (Pay-As-You-Go calls 2.64).",
        "5 calls beyond included minutes took 2.04 USD (Domestic calls on a Calling Plan 2.04).",
        "MCOPSTN5 domestic US/PR did not last in 1 of 1 month, the last time in 2026-03.",
    )


def test_a_pool_that_comes_near_its_end_will_need_them() -> None:
    """Five minutes a day, one week four and the next six: a month of 22 weekdays takes 110 of 120 minutes."""
    days = each_day("2026-01-01", "2026-03-31", 4 * MINUTE, to=DOMESTIC_TO)
    longer = [
        day | {"duration_s": 6 * MINUTE}
        if date.fromisoformat(day["start"][:10]).isocalendar().week % 2
        else day
        for day in days
    ]
    assert told(DOMESTIC, days).answer is False
    found = told(DOMESTIC, longer)
    assert found.answer is True
    assert found.says[0] == "Nothing was paid so far, but included minutes are about to run out."
    assert found.says[1] == (
        "MCOPSTN5 domestic US/PR may be full within the next thirty days, though not as a rule: about 93 % "
        "of its minutes are expected to be used, and weeks differ."
    )


def test_a_pool_that_will_be_full_is_said_to_be() -> None:
    """One minute a day and every week one more: 105 minutes in the last month."""
    days = each_day("2026-01-05", "2026-03-31", 60, to=DOMESTIC_TO)
    grows = [day | {"duration_s": 30 * (1 + at // 5)} for at, day in enumerate(days)]
    found = told(DOMESTIC, grows)
    assert found.says[1].startswith(
        "MCOPSTN5 domestic US/PR is expected to be full within the next thirty days: calls are about to take "
    )


def test_nothing_paid_and_nothing_near_is_no() -> None:
    calls = [*at_home(1), call("2026-03-10 08:00", 60, call_type="user_in", id="in")]
    found = told(DOMESTIC, calls)
    assert found.answer is False
    assert found.says[0] == (
        "None of 23 answered calls in 30 days took money: 1 were free, 22 paid by included minutes."
    )
    assert found.says[1].startswith(
        "Should it be used, though: Calls that the Calling Plan has no minutes for"
    )


def test_what_the_set_up_would_need_is_told() -> None:
    who = tenant(user("ana"), service_numbers=(ServiceNumber("+18005550100", "toll_free", "conferencing"),))
    found = told(who, each_day("2026-03-02", "2026-03-31", 60, call_type="user_in"))
    assert found.answer is False
    assert found.says[1:] == (
        "Should it be used, though: Toll-free numbers: each minute of each call to them is paid, "
        "and they ring only while there is money.",
    )


@pytest.mark.parametrize(
    ("last", "answer"), [("2026-03-06", None), ("2026-03-14", None), ("2026-03-31", False)]
)
def test_too_short_to_tell(last: str, answer: bool | None) -> None:
    assert told(DOMESTIC, at_home(1, last=last)).answer is answer


def test_what_was_paid_is_enough_however_short() -> None:
    assert told(DOMESTIC, ABROAD_ONCE).answer is True


def test_calls_that_were_refused_for_want_of_a_licence_need_them() -> None:
    who = tenant(user("ana", "MCOPSTN5"))
    found = told(who, [*at_home(1), *ABROAD_ONCE])
    assert found == Need(
        True,
        (
            "Nothing was paid, but there were calls that take money.",
            "1 call refused: whoever pays holds no licence that may spend credits.",
        ),
    )


def test_calls_without_a_price_take_money_too() -> None:
    found = told(DOMESTIC, [*at_home(1), call("2026-03-10 09:00", 90, to="+99912345", id="unrated")])
    assert found.answer is True
    assert found.says[1] == "1 call could not be priced: the deck lacks a row."


def test_minutes_that_are_billed_after_use_need_none() -> None:
    who = tenant(
        user("ana", "MCOPSTN5"),
        billing_accounts=(BillingAccount("a", "MCA", "US"),),
        default_billing_account="a",
    )
    found = told(who, [*at_home(1), *ABROAD_ONCE])
    assert found == Need(
        False,
        (
            "Minutes are billed after use under a Microsoft Customer Agreement (MCA).",
            "Without credits the 0.09 USD of these calls come on the invoice.",
        ),
    )


def test_calls_of_the_own_operator_alone_need_none() -> None:
    found = told(DOMESTIC, each_day("2026-03-02", "2026-03-31", 60, call_type="dr_out"))
    assert found.answer is False
    assert found.says[0] == "None of 22 answered calls in 30 days took money: 22 were free."
