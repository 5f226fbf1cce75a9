"""The numbers of domain.md 14 that calls in progress must come to, told to a desk on both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from talktime.accounts.tenant import BillingAccount, Licence, Tenant, User
from talktime.catalog.load import load_catalogue
from talktime.core.deck import Deck
from talktime.live.answers import Allowed, Denied
from talktime.live.operations import EndCall, ExtendCall, StartCall
from tests.conformance.product import rate_row
from tests.databases import database
from tests.live.ledger_checks import LedgerChecks
from tests.live.live_desk import SECOND, LiveDesk, books_of

__all__ = ["database"]  # a fixture that the tests here ask for

UNIT = 1_000_000
TENANT = Tenant(
    "t",
    "t",
    "GB",
    "USD",
    default_billing_account="main",
    billing_accounts=(BillingAccount("main", "MOSA", "GB"),),
    users=(User("ann", location="GB", licences=(Licence("MCOPSTNC"),)),),
)


def desk_with(database: str, amount: int, **rate: str) -> LiveDesk:
    """A desk with one tenant that bought so much, and one rate for all of Britain."""
    deck = Deck("d", "1", "USD", (rate_row({"prefix": "44"} | rate),))
    desk = LiveDesk(database, load_catalogue(), books_of(deck))
    desk.add(TENANT)
    desk.fund("t", amount)
    return desk


def start(call: str, requested_s: int) -> StartCall:
    return StartCall("t", call, 0, "user_out", user="ann", callee="+442071838750", requested_s=requested_s)


@pytest.fixture
def a_second_a_unit(database: str) -> Iterator[LiveDesk]:
    """75 s of money, one second a unit."""
    rate = {"price_per_minute": "60", "first_seconds": "1", "step_seconds": "1"}
    desk = desk_with(database, 75 * UNIT, **rate)
    yield desk
    desk.close()


def test_75_seconds(a_second_a_unit: LiveDesk) -> None:
    desk = a_second_a_unit
    steps: list[tuple[int, StartCall | ExtendCall | EndCall, tuple[int, int] | None, int]] = [
        (0, start("1", 30), (30, 0), 45),
        (30, ExtendCall("t", "1", 1, 30, 30), (30, 0), 15),
        (40, start("2", 30), (15, 1), 0),
        (50, EndCall("t", "1", 2, 50), None, 10),
        (55, ExtendCall("t", "2", 1, 15, 30), (10, 1), 0),
        (65, EndCall("t", "2", 2, 25), None, 0),
    ]
    begin_us = desk.now_us
    checks = LedgerChecks(desk)
    for at_s, operation, granted, free in steps:
        desk.now_us = begin_us + at_s * SECOND
        told = desk.do(operation)
        if granted is not None:
            assert isinstance(told, Allowed)
            assert (told.grant.granted_s, told.grant.final) == granted
        balance, reserved, _ = desk.wallet("t")
        assert balance - reserved == free * UNIT
        checks.check("t")
    assert desk.wallet("t") == (0, 0, 0)
    assert desk.rows("select sum(amount), sum(billed_s) from charges") == [(75 * UNIT, 75)]


@pytest.mark.parametrize("at_once", [True, False])
def test_thirty_starts_on_the_price_of_one_minute(database: str, at_once: bool) -> None:
    desk = desk_with(database, 20_000, price_per_minute="0.02")
    starts = [start(f"call-{n}", 60) for n in range(30)]
    told = desk.together(starts) if at_once else [desk.do(operation) for operation in starts]
    assert [type(answer) for answer in told].count(Allowed) == 1
    reasons = {answer.reason.code for answer in told if isinstance(answer, Denied)}
    assert reasons == {"no_credit"}
    LedgerChecks(desk).check("t")
    desk.close()


def test_ten_minutes_at_two_cents_in_steps_of_a_second(database: str) -> None:
    desk = desk_with(database, UNIT, price_per_minute="0.02", first_seconds="1", step_seconds="1")
    desk.do(start("c", 600))
    assert desk.do(EndCall("t", "c", 1, 600)).amount == 200_000
    desk.close()
