"""Calls that cost nothing, are not answered, fall silent, report nonsense, or come two hundred at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from tests.databases import sqlite_database
from tests.doors.diameter.house import A_SECOND, ANA, LONDON, House
from tests.doors.diameter.switch import TERMINATING, Service

__all__ = ["sqlite_database"]  # a fixture


@pytest.fixture
def house(sqlite_database: str) -> Iterator[House]:
    """A door in front of a ledger without tenants."""
    with closing(House(sqlite_database)) as house:
        yield house
        house.check()


def test_a_call_that_was_refused_for_want_of_money_begins_when_there_is_some(house: House) -> None:
    house.open()
    call = house.switch().call()
    assert call.initial(30) == "4012"
    house.fund("contoso", 10 * A_SECOND)
    assert call.initial(30) == "2001 10 s, then terminate"
    assert call.terminate(used=4) == "2001"
    assert (house.charged_s(), house.left_s()) == (4, 6)


def test_a_call_that_costs_nothing_is_granted_in_full_without_money(house: House) -> None:
    """Never 4011, which clients in the field take for a refusal."""
    house.open()
    call = house.switch().call(role=TERMINATING, calling=f"tel:{LONDON}", to=ANA)
    assert call.initial(30) == "2001 30 s"
    assert call.update(used=30, asks=600) == "2001 600 s"
    assert call.terminate(used=500) == "2001"
    assert house.rows("select count(*), sum(amount) from charges") == [(1, 0)]
    assert house.is_settled()


def test_a_call_that_is_not_answered_costs_nothing(house: House) -> None:
    house.open(money=10 * A_SECOND)
    call = house.switch().call()
    assert call.initial(30) == "2001 10 s, then terminate"
    assert house.left_s() == 0
    assert call.terminate(used=0) == "2001"
    assert (house.charged_s(), house.left_s()) == (0, 10)
    assert house.is_settled()


def test_a_client_that_reports_what_no_call_can_have_used_is_refused_and_keeps_its_call(house: House) -> None:
    house.open(money=100 * A_SECOND)
    call = house.switch().call()
    assert call.initial(30) == "2001 30 s"
    assert call.update(used=71_582_788) == "5004"
    assert call.terminate(used=71_582_788) == "5004"
    assert call.terminate(used=20) == "2001"
    assert house.charged_s() == 20


def test_a_call_that_fell_silent_is_charged_for_what_was_reported(house: House) -> None:
    """`lost`; a termination that comes late all the same corrects it."""
    house.open(money=100 * A_SECOND)
    call = house.switch().call()
    assert call.initial(30) == "2001 30 s"
    assert call.update(used=28, asks=30) == "2001 30 s"
    house.now_us += 91 * 1_000_000
    assert house.look_round() == 1
    assert (house.charged_s(), house.left_s()) == (28, 72)
    assert call.update(used=30) == "5002"
    assert call.terminate(used=4) == "2001"
    assert (house.left_s(), house.is_settled()) == (68, True)


def test_200_calls_at_once_are_charged_to_the_second(house: House) -> None:
    house.open(money=200 * 45 * A_SECOND)
    switch = house.switch()
    calls = [switch.call(f"switch.test;{number}").usual for number in range(200)]
    for kind, number, service, words in (
        (1, 0, Service(15), "2001 15 s"),
        (2, 1, Service(15, 15), "2001 15 s"),
        (2, 2, Service(15, 15), "2001 15 s"),
        (3, 3, Service(None, 15), "2001"),
    ):
        asked = [replace(call, kind=kind, number=number, services=(service,)) for call in calls]
        assert {answer.words for answer in switch.asks_all(asked)} == {words}
    assert (house.charged_s(), house.left_s()) == (200 * 45, 0)
    assert house.is_settled()
