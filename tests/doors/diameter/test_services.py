"""What a request asks for: slices, reports alone, several services or none; how long grants hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from talktime.accounts.tenant import AutoRecharge, BillingAccount, PaymentMethod, Waiver
from talktime.live.operations import Pace
from tests.databases import sqlite_database
from tests.doors.diameter.house import A_SECOND, CONTOSO, House, peer, settings
from tests.doors.diameter.switch import SLICE, Service

__all__ = ["sqlite_database"]  # a fixture


@pytest.fixture
def house(sqlite_database: str) -> Iterator[House]:
    """A door in front of contoso, which has money for 1,000 s."""
    with closing(House(sqlite_database)) as house:
        house.open(money=1_000 * A_SECOND)
        yield house
        house.check()


# --- one service ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("money_s", "granted"),
    [(10_000, "600 s"), (1_000, "250 s"), (40, "10 s"), (4, "1 s"), (3, "1 s")],
)
@pytest.mark.parametrize("asks", [SLICE, 0])
def test_where_no_seconds_are_asked_for_the_slice_shrinks_with_the_money(
    sqlite_database: str, asks: int, money_s: int, granted: str
) -> None:
    """A quarter of what is there, at most 600 s (rulings.md 22); an empty request for units is one too."""
    with closing(House(sqlite_database)) as house:
        house.open(money=money_s * A_SECOND)
        call = house.switch().call()
        assert call.initial(asks) == f"2001 {granted}"


def test_an_update_asks_for_a_slice_too(house: House) -> None:
    call = house.switch().call()
    assert call.initial(SLICE) == "2001 250 s"
    assert call.update(used=250, asks=SLICE) == "2001 187 s"  # a quarter of 750, rounded down
    assert call.terminate(used=187) == "2001"
    assert house.charged_s() == 437


def test_nobody_gets_more_than_a_slice(house: House) -> None:
    call = house.switch().call()
    assert call.initial(100_000) == "2001 600 s"


def test_an_initial_request_without_units_holds_the_first_second(house: House) -> None:
    """It says neither how much nor that anything is wanted; a grant of nothing would count as a failure."""
    call = house.switch().call()
    words = call.says(kind=1, services=(Service(),))
    assert words == "2001 250 s"
    assert call.terminate(used=3) == "2001"
    assert house.charged_s() == 3


def test_an_update_that_only_reports_is_granted_nothing(house: House) -> None:
    """What it reports is used; the answer has no units, and nothing is told of the money's end."""
    call = house.switch().call()
    assert call.initial(30) == "2001 30 s"
    assert call.update(used=10, asks=None) == "2001"
    assert call.update(used=20, asks=None) == "2001"
    assert call.update(used=600, asks=30) == "2001 30 s"
    assert call.terminate(used=0) == "2001"
    assert house.charged_s() == 630


def test_a_report_alone_at_the_end_of_the_money_is_no_refusal(sqlite_database: str) -> None:
    with closing(House(sqlite_database)) as house:
        house.open(money=30 * A_SECOND)
        call = house.switch().call()
        assert call.initial(30) == "2001 30 s"
        assert call.update(used=30, asks=None) == "2001"
        assert call.update(used=0, asks=30) == "4012"
        assert call.terminate(used=0) == "2001"
        assert (house.charged_s(), house.left_s()) == (30, 0)


def test_used_units_of_one_service_are_summed(house: House) -> None:
    """Before and after a change of tariff (RFC 8506 8.19)."""
    call = house.switch().call()
    assert call.initial(30) == "2001 30 s"
    assert call.says(kind=2, services=(Service(30, (10, 15)),)) == "2001 30 s"
    assert call.says(kind=3, services=(Service(None, (1, 2, 3)),)) == "2001"
    assert house.charged_s() == 31


# --- several services, and none ---------------------------------------------------------------------


def grants(house: House, *services: Service, alone: bool = False) -> list[tuple[int | None, str, object]]:
    """(result, units, rating group) of each service of an answer to an initial request."""
    call = house.switch().call()
    call.says(kind=1, services=services, alone=alone)
    assert call.answer is not None
    return [(grant.result, grant.words, grant.rating_group) for grant in call.answer.grants]


def test_units_without_a_service_are_granted_without_one(house: House) -> None:
    call = house.switch().call(alone=True)
    assert call.initial(30) == "2001 30 s"
    assert call.answer is not None
    assert call.answer.grants[0].result == 2001  # that of the whole answer: there is no other
    assert call.update(used=30, asks=30) == "2001 30 s"
    assert call.terminate(used=5) == "2001"
    assert house.charged_s() == 35


def test_a_request_without_any_units(house: House) -> None:
    call = house.switch().call(services=())
    assert call.says(kind=1) == "2001 250 s"
    assert call.says(kind=2) == "2001"
    assert call.says(kind=3) == "2001"
    assert house.charged_s() == 0


def test_a_second_service_is_told_that_it_has_no_rate(house: House) -> None:
    """A call is one service: charged twice would be wrong."""
    assert grants(house, Service(30), Service(60, rating_group=200)) == [
        (2001, "30 s", 100),
        (5031, "", 200),
    ]


@pytest.mark.parametrize(
    ("services", "told", "result"),
    [
        ((200, 100), [(5031, "", 200), (2001, "30 s", 100)], 2001),
        ((100, 101), [(2001, "30 s", 100), (5031, "", 101)], 2001),
        ((101,), [(2001, "30 s", 101)], 2001),
        ((200,), [(5031, "", 200)], 5031),
        ((None,), [(5031, "", None)], 5031),
        ((200, 300), [(5031, "", 200), (5031, "", 300)], 5031),
    ],
)
def test_only_the_rating_groups_of_the_settings_are_charged(
    sqlite_database: str,
    services: tuple[int | None, ...],
    told: list[tuple[int, str, int | None]],
    result: int,
) -> None:
    with closing(House(sqlite_database, settings(rating_groups=[100, 101]))) as house:
        house.open(money=100 * A_SECOND)
        assert grants(house, *(Service(30, rating_group=group) for group in services)) == told
        switch = house.switch()
        call = switch.call("switch.test;2", services=[Service(30, rating_group=g) for g in services])
        call.says(kind=1)
        assert call.answer is not None
        assert call.answer.result == result
        assert call.says(kind=3, services=[Service(None, 7, rating_group=g) for g in services]) == "2001"
        assert house.charged_s() == (7 if result == 2001 else 0)


def test_units_without_a_service_are_charged_whatever_the_rating_groups(sqlite_database: str) -> None:
    with closing(House(sqlite_database, settings(rating_groups=[7]))) as house:
        house.open(money=100 * A_SECOND)
        assert grants(house, Service(30), alone=True) == [(2001, "30 s", None)]


def test_a_request_has_not_more_than_32_services(house: House) -> None:
    switch = house.switch()
    many = [Service(1, rating_group=number) for number in range(33)]
    assert switch.call("switch.test;1").says(services=many[:32]) == "2001 1 s"
    call = switch.call("switch.test;2")
    assert call.says(services=many) == "5009"
    assert call.answer is not None
    assert call.answer.failed == many[32].avp()


# --- how long a grant holds, and what comes after it ------------------------------------------------


def test_a_grant_holds_for_its_seconds_and_the_first_while_it_rings_too(house: House) -> None:
    call = house.switch().call()
    assert (call.initial(30), call.validity_s) == ("2001 30 s", 30 + Pace().ringing_s)
    assert (call.update(used=30, asks=45), call.validity_s) == ("2001 45 s", 45)


def test_while_a_recharge_is_on_its_way_a_short_grant_is_not_the_last(sqlite_database: str) -> None:
    """It is asked for again a second before it ends (rulings.md 21)."""
    card = PaymentMethod("visa", "sandbox", "token", "visa", "4242", "12/40")
    recharging = replace(
        CONTOSO,
        default_billing_account="main",
        billing_accounts=(BillingAccount("main", "MOSA", "US"),),
        auto_recharge=AutoRecharge(True, below_micros=20 * A_SECOND, add_micros=60 * 1_000_000),
        payment_methods=(card,),
        waivers=(Waiver("has_qualifying_licence", "nobody here dials in", 2**52, "a test"),),
    )
    with closing(House(sqlite_database)) as house:
        house.open(recharging, money=40 * A_SECOND)
        call = house.switch().call()
        assert call.initial(30) == "2001 30 s"
        assert (call.update(used=28, asks=30), call.validity_s) == ("2001 12 s", 11)
        house.fund("contoso", 60 * 1_000_000)
        assert call.update(used=11, asks=30) == "2001 30 s"
        assert call.terminate(used=30) == "2001"
        assert house.charged_s() == 28 + 11 + 30


@pytest.mark.parametrize(
    ("redirect_to", "then"),
    [
        ("", "terminate"),
        ("sip:top-up@contoso.example", "redirect to 3:sip:top-up@contoso.example"),
        ("sips:top-up@contoso.example", "redirect to 3:sips:top-up@contoso.example"),
        ("https://contoso.example/top-up", "redirect to 2:https://contoso.example/top-up"),
        ("192.0.2.7", "redirect to 0:192.0.2.7"),
        ("2001:db8::7", "redirect to 1:2001:db8::7"),
    ],
)
def test_where_callers_go_when_the_money_ends(sqlite_database: str, redirect_to: str, then: str) -> None:
    """As the settings of the peer say; the type of the address is told with it (RFC 8506 8.38)."""
    with closing(House(sqlite_database, settings(peer(redirect_to=redirect_to)))) as house:
        house.open(money=12 * A_SECOND)
        assert house.switch().call().initial(30) == f"2001 12 s, then {then}"
