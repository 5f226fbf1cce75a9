"""Calls as networks place them, told to the door on both databases: what is granted, what is charged.

A second costs a cent. Every story ends with a ledger that `verify` finds in order and that holds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.databases import database
from tests.doors.diameter.house import A_SECOND, BOB, CAT, FABRIKAM, House

__all__ = ["database"]  # a fixture


@pytest.fixture
def house(database: str) -> Iterator[House]:
    """A door in front of a ledger without tenants, on each kind of database."""
    with closing(House(database)) as house:
        yield house
        house.check()


def test_35_seconds_are_charged_as_they_are_reported(house: House) -> None:
    """A client in the field reports 36 s of a call of 35 s."""
    house.open(money=100 * A_SECOND)
    call = house.switch().call()
    assert call.initial(30) == "2001 30 s"
    assert call.update(used=28, asks=30) == "2001 30 s"
    assert call.terminate(used=8) == "2001"
    assert (house.charged_s(), house.left_s()) == (36, 64)
    assert house.is_settled()


def test_money_for_40_seconds(house: House) -> None:
    """The last grant is a part of what was asked; a second more than it is reported, and is not charged."""
    house.open(money=40 * A_SECOND)
    call = house.switch().call()
    assert call.initial(30) == "2001 30 s"
    assert call.update(used=28, asks=30) == "2001 12 s, then terminate"
    assert call.terminate(used=13) == "2001"
    assert (house.charged_s(), house.left_s()) == (40, 0)
    assert house.is_settled()


def test_without_money_nothing_begins_and_nothing_is_billed(house: House) -> None:
    """Clients end a call that was refused all the same."""
    house.open()
    call = house.switch().call()
    assert call.initial(30) == "4012"
    assert call.terminate(used=0) == "2001"
    assert house.rows("select * from charges") == []
    assert house.is_settled()


def test_two_calls_share_75_seconds(house: House) -> None:
    """Both are cut, both report more than they were granted, and exactly 75 s are charged."""
    house.open(money=75 * A_SECOND)
    switch = house.switch()
    ana, bob = switch.call("switch.test;ana"), switch.call("switch.test;bob", who=BOB, calling=f"tel:{BOB}")
    assert ana.initial(30) == "2001 30 s"
    assert bob.initial(30) == "2001 30 s"
    assert ana.update(used=28, asks=30) == "2001 17 s, then terminate"
    assert bob.update(used=28, asks=30) == "2001 2 s, then terminate"
    assert house.left_s() == 0
    assert ana.terminate(used=18) == "2001"
    assert bob.terminate(used=3) == "2001"
    assert (house.charged_s(), house.left_s()) == (75, 0)
    assert house.is_settled()


def test_a_pool_pays_before_money_does(house: House) -> None:
    """A minute at home, then 20 s of credits."""
    house.open(FABRIKAM, money=20 * A_SECOND)
    call = house.switch().call(who=CAT, calling=f"tel:{CAT}")
    assert call.initial(30) == "2001 30 s"
    assert call.update(used=28, asks=30) == "2001 30 s"
    assert call.update(used=30, asks=30) == "2001 22 s, then terminate"
    assert call.terminate(used=23) == "2001"
    assert house.rows("select sum(pool_s), sum(billed_s) from charges") == [(60, 80)]
    assert (house.charged_s("fabrikam"), house.left_s("fabrikam")) == (20, 0)
    assert house.is_settled("fabrikam")
