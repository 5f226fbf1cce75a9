"""Licences with their history; what was held first was held before too."""

from __future__ import annotations

from talktime.accounts.tenant import Licence, ServiceNumber, Subscription
from talktime.core.limits import ALWAYS_US
from talktime.insight.planner.held_before import held_before
from tests.bulk.charged import tenant, us, user

MARCH, MAY = us("2026-03-01 00:00"), us("2026-05-01 00:00")


def test_the_first_licences_are_opened_and_later_ones_stay() -> None:
    who = tenant(
        user("ana", Licence("MCOPSTN1", MARCH, MAY), Licence("MCOPSTN2", MAY), Licence("MCOEV", MARCH)),
        user("bob"),
        service_numbers=(ServiceNumber("+18005550100", "toll_free", licences=(Licence("MCOPSTN5", MAY),)),),
        subscriptions=(Subscription("MCOPSTN1", 5, from_us=MAY), Subscription("MCOPSTN2", 5)),
    )
    found = held_before(who)
    assert found.users[0].licences == (
        Licence("MCOPSTN1", ALWAYS_US, MAY),
        Licence("MCOPSTN2", MAY),
        Licence("MCOEV", ALWAYS_US),
    )
    assert found.users[1] == who.users[1]
    assert found.service_numbers[0].licences == (Licence("MCOPSTN5"),)
    assert found.subscriptions == who.subscriptions, "one of them is from ever on already"
