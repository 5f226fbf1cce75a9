"""Requests that ask for all in one: direct debits and refunds, balance checks and price enquiries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from talktime.accounts.tenant import SUSPENDED
from talktime.core.deck import RateBook
from talktime.doors.diameter.wire.avps import avp
from talktime.doors.diameter.wire.codes import Avp
from talktime.live.rates import RateBooks
from tests.databases import sqlite_database
from tests.doors.diameter.house import (
    A_SECOND,
    ANA,
    CAT,
    CONTOSO,
    FABRIKAM,
    LONDON,
    House,
    prices,
)
from tests.doors.diameter.switch import (
    CHECK_BALANCE,
    DEBIT,
    PRICE_ENQUIRY,
    REFUND,
    SLICE,
    TERMINATING,
    Call,
    Service,
)

__all__ = ["sqlite_database"]  # a fixture

USD, EUR, JPY = 840, 978, 392


@pytest.fixture
def house(sqlite_database: str) -> Iterator[House]:
    """A door in front of contoso, which has money for 100 s."""
    with closing(House(sqlite_database)) as house:
        house.open(money=100 * A_SECOND)
        yield house
        house.check()


@pytest.fixture
def call(house: House) -> Call:
    """Its events are all of one session."""
    return house.switch().call()


def cost(call: Call) -> tuple[int, int] | None:
    """(micros, number of the currency) of the latest answer."""
    assert call.answer is not None
    return call.answer.cost


def asks_only(house: House, call: Call, action: int, seconds: int | None = 60, **fields: object) -> str:
    """An event that changes nothing."""
    before = house.written()
    words = call.event(action, seconds, **fields)
    assert house.written() == before
    return words


# --- direct debits ----------------------------------------------------------------------------------


def test_a_debit_charges_all_its_seconds_at_once(house: House, call: Call) -> None:
    assert (call.event(DEBIT, 60), cost(call)) == ("2001 60 s", (60 * A_SECOND, USD))
    assert (house.charged_s(), house.left_s()) == (60, 40)
    assert house.is_settled()


def test_a_debit_without_a_service(house: House, call: Call) -> None:
    assert call.event(DEBIT, 60, alone=True) == "2001 60 s"
    assert house.charged_s() == 60


def test_a_debit_is_charged_wholly_or_not_at_all(house: House, call: Call) -> None:
    assert call.event(DEBIT, 101) == "4012"
    assert (house.charged_s(), house.left_s()) == (0, 100)


@pytest.mark.parametrize("seconds", [None, SLICE, 0])
def test_a_debit_says_how_much(house: House, call: Call, seconds: int | None) -> None:
    assert asks_only(house, call, DEBIT, seconds) == "5031"
    assert call.answer is not None
    assert "CC-Time" in call.answer.error


def test_a_debit_of_more_than_any_call_has(house: House, call: Call) -> None:
    assert asks_only(house, call, DEBIT, 86_401) == "5004"


def test_a_debit_of_a_call_that_costs_nothing(call: Call) -> None:
    told = call.event(DEBIT, 60, role=TERMINATING, calling=f"tel:{LONDON}", to=ANA)
    assert (told, cost(call)) == ("2001 60 s", (0, USD))


def test_a_session_is_no_debit_and_a_debit_no_session(house: House, call: Call) -> None:
    assert call.event(DEBIT, 10) == "2001 10 s"
    assert call.update(used=5) == "5002"
    assert call.terminate(used=5) == "5002"
    assert call.initial(10) == "5003"
    assert house.charged_s() == 10


@pytest.mark.parametrize("is_there", [True, False])
def test_an_emergency_call_that_is_debited(sqlite_database: str, is_there: bool) -> None:
    """It costs nothing, has no currency where there is no tenant, and is let through."""
    with closing(House(sqlite_database)) as house:
        if is_there:
            house.open(replace(CONTOSO, status=SUSPENDED))
        call = house.switch().call()
        assert call.event(DEBIT, 60, to="112") == "2001 60 s"
        assert call.event(CHECK_BALANCE, 60, to="112") == "2001"
        assert call.answer is not None
        assert call.answer.enough
        assert call.event(PRICE_ENQUIRY, 60, to="112") == "2001"
        assert house.rows("select sum(amount) from charges where amount > 0") == [(None,)]


# --- refunds ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("correlated", [True, False])
@pytest.mark.parametrize(("seconds", "left_s"), [(None, 0), (60, 0), (20, 40), (1, 59)])
def test_a_refund_takes_back_seconds_of_a_debit(
    house: House, call: Call, correlated: bool, seconds: int | None, left_s: int
) -> None:
    """The debit is named by its session, that of the refund or another one."""
    assert call.event(DEBIT, 60) == "2001 60 s"
    named = {"session": "switch.test;refund", "correlation": "switch.test;1"} if correlated else {}
    assert call.event(REFUND, seconds, **named) == "2001"
    assert cost(call) == (left_s * A_SECOND, USD), "what is still charged"
    assert house.left_s() == 100 - left_s
    assert house.is_settled()


def test_parts_of_a_debit_are_taken_back_by_sessions_of_their_own(house: House, call: Call) -> None:
    """Each of them begins at number 0, and they ask for the same."""
    assert call.event(DEBIT, 60) == "2001 60 s"
    for number in range(3):
        call.number = 0
        told = call.event(REFUND, 20, session=f"switch.test;refund {number}", correlation="switch.test;1")
        assert told == "2001"
        assert call.again() == "2001"
        assert house.left_s() == 40 + 20 * (number + 1)
    assert call.event(REFUND, None) == "5003"
    assert house.left_s() == 100


def test_a_refund_of_more_than_was_charged(house: House, call: Call) -> None:
    assert call.event(DEBIT, 60) == "2001 60 s"
    assert asks_only(house, call, REFUND, 61) == "5003"
    assert call.event(REFUND, 40) == "2001"
    assert asks_only(house, call, REFUND, 21) == "5003"
    assert call.event(REFUND, 20) == "2001"
    assert asks_only(house, call, REFUND, None) == "5003"


def test_what_was_no_debit_cannot_be_taken_back(house: House, call: Call) -> None:
    assert asks_only(house, call, REFUND, 10) == "5002"
    assert call.initial(30) == "2001 30 s"
    assert asks_only(house, call, REFUND, 10) == "5003"
    assert call.terminate(used=30) == "2001"
    assert asks_only(house, call, REFUND, 10) == "5003"
    assert call.event(DEBIT, 1_000, session="switch.test;2") == "4012"
    assert asks_only(house, call, REFUND, 10, session="switch.test;2") == "5002"
    assert house.charged_s() == 30


def test_a_debit_of_another_tenant_is_not_taken_back(house: House, call: Call) -> None:
    house.open(FABRIKAM)
    assert call.event(DEBIT, 60) == "2001 60 s"
    assert call.event(REFUND, None, who=CAT) == "5002"
    assert house.left_s() == 40


def test_a_long_session_id_names_a_debit_too(house: House, call: Call) -> None:
    long = "switch.test;" + "1" * 500
    assert call.event(DEBIT, 60, session=long) == "2001 60 s"
    assert call.event(REFUND, 10, session="switch.test;2", correlation=long) == "2001"
    assert house.left_s() == 50


def test_a_correlation_that_is_no_text(house: House, call: Call) -> None:
    bad = avp(Avp.CC_CORRELATION_ID, b"\xff")
    assert asks_only(house, call, REFUND, 10, more=(bad,)) == "5004"
    assert call.answer is not None
    assert call.answer.failed == bad


# --- balance checks ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "enough"), [(100, True), (101, False), (1, True), (None, True), (SLICE, True)]
)
def test_whether_the_money_covers_seconds(
    house: House, call: Call, seconds: int | None, enough: bool
) -> None:
    """All of them: that a part would be granted is not what is asked (RFC 8506 6.2)."""
    assert asks_only(house, call, CHECK_BALANCE, seconds) == "2001"
    assert call.answer is not None
    assert call.answer.enough is enough
    assert call.answer.cost is None


@pytest.mark.parametrize("seconds", [None, 1, 60])
def test_whether_no_money_covers_seconds(sqlite_database: str, seconds: int | None) -> None:
    with closing(House(sqlite_database)) as house:
        house.open()
        call = house.switch().call()
        assert asks_only(house, call, CHECK_BALANCE, seconds) == "2001"
        assert call.answer is not None
        assert call.answer.enough is False


@pytest.mark.parametrize("action", [CHECK_BALANCE, PRICE_ENQUIRY])
@pytest.mark.parametrize(
    ("fields", "result"),
    [
        ({"who": "+14169999999"}, "5030"),
        ({"who": CAT}, "5030"),
        ({"to": "+31201234567"}, "5031"),
        ({"services": (Service(86_401),)}, "5004"),
    ],
    ids=str,
)
def test_questions_that_money_does_not_answer(
    house: House, call: Call, action: int, fields: dict[str, Any], result: str
) -> None:
    """An unknown user or tenant, a destination without a rate, more seconds than any call has."""
    assert asks_only(house, call, action, **fields) == result
    assert call.answer is not None
    assert (call.answer.cost, call.answer.enough) == (None, None)


# --- price enquiries --------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0, 1, 60, 86_400])
def test_what_seconds_would_cost(house: House, call: Call, seconds: int) -> None:
    """Whether or not there is money for them."""
    assert asks_only(house, call, PRICE_ENQUIRY, seconds) == "2001"
    assert cost(call) == (seconds * A_SECOND, USD)


def test_what_a_pool_pays_for_costs_nothing(house: House, call: Call) -> None:
    house.open(FABRIKAM)
    assert asks_only(house, call, PRICE_ENQUIRY, 90, who=CAT) == "2001"
    assert cost(call) == (30 * A_SECOND, USD)


def test_what_costs_nothing(house: House, call: Call) -> None:
    told = asks_only(house, call, PRICE_ENQUIRY, 60, role=TERMINATING, calling=f"tel:{LONDON}", to=ANA)
    assert (told, cost(call)) == ("2001", (0, USD))


@pytest.mark.parametrize(("currency", "number"), [("USD", USD), ("EUR", EUR), ("JPY", JPY)])
def test_costs_are_told_in_the_currency_of_the_tenant(
    sqlite_database: str, currency: str, number: int
) -> None:
    deck = replace(prices(), currency=currency)
    rates = RateBooks({deck.version: RateBook(deck)}, ((currency, 0, deck.version),))
    with closing(House(sqlite_database, rates=rates)) as house:
        house.open(replace(CONTOSO, currency=currency), money=100 * A_SECOND)
        call = house.switch().call()
        assert (call.event(PRICE_ENQUIRY, 60), cost(call)) == ("2001", (60 * A_SECOND, number))
        assert (call.event(DEBIT, 60), cost(call)) == ("2001 60 s", (60 * A_SECOND, number))
