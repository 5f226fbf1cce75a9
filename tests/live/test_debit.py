"""Calls that are charged at once, and taken back; and what they would cost (RFC 8506 6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, get_args

import pytest

from talktime.accounts.tenant import Cap, Guards, User
from talktime.core.refusals import Refusal
from talktime.ledger.usage_reading import Asked, UsageReader
from talktime.ledger.verify import verify
from talktime.live.answers import Denied, Fault, FaultCode, Quoted, Settled
from talktime.live.debit import MAX_REFUNDS
from talktime.live.desk import COMMANDS
from talktime.live.operations import (
    ALL_SECONDS,
    AnyOperation,
    DebitCall,
    EndCall,
    QuoteCall,
    RefundCall,
    StartCall,
)
from tests.databases import database, sqlite_database
from tests.live.ledger_checks import LedgerChecks
from tests.live.live_desk import SECOND, LiveDesk
from tests.live.test_stories import TENANT, UNIT, desk_with, start

__all__ = ["database", "sqlite_database"]  # fixtures

CENT = UNIT // 100
RATE = {"price_per_minute": "0.6", "first_seconds": "1", "step_seconds": "1"}
LONDON = "+442071838750"
KEPT_US = 72 * 3_600 * SECOND


def debit(seconds: int, call: str = "c", sequence: int = 0, **more: Any) -> DebitCall:
    sides = {"user": "ann", "callee": LONDON} | more
    return DebitCall("t", call, sequence, "user_out", seconds, **sides)


def quote(seconds: int, **more: Any) -> QuoteCall:
    sides = {"user": "ann", "callee": LONDON, "call_type": "user_out"} | more
    return QuoteCall("t", seconds=seconds, **sides)


@pytest.fixture
def desk(sqlite_database: str) -> Iterator[LiveDesk]:
    """A unit of credits, a cent a second."""
    made = desk_with(sqlite_database, UNIT, **RATE)
    yield made
    LedgerChecks(made).check("t")
    assert verify(made.url, now_us=made.now_us).is_clean
    made.close()


# --- debits --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("restart", [False, True])
def test_a_debit_is_charged_at_once_and_once(database: str, restart: bool) -> None:
    desk = desk_with(database, UNIT, **RATE)
    told = desk.do(debit(40))
    assert (told.billed_s, told.amount, told.available) == (40, 40 * CENT, 60 * CENT)
    assert desk.wallet("t") == (60 * CENT, 0, 0)
    if restart:
        desk.restart()
    assert desk.together([debit(40)] * 2) == [told, told]
    assert desk.do(debit(41)).code == FaultCode.CONFLICT
    assert desk.do(debit(40, sequence=1)).reason == Refusal.DUPLICATE_CALL
    assert desk.do(EndCall("t", "c", 1, 40)).code == FaultCode.OVER
    assert desk.wallet("t") == (60 * CENT, 0, 0)
    LedgerChecks(desk).check("t")
    desk.close()


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (debit(101), Refusal.NO_CREDIT),  # all of it or nothing
        (debit(100, user="stranger"), Refusal.UNKNOWN_USER),
        (debit(1, callee="+33142685300"), Refusal.NO_RATE),
        (debit(1, callee="12"), Refusal.NO_RATE),
    ],
)
def test_a_debit_that_is_denied_takes_nothing(desk: LiveDesk, asked: DebitCall, reason: Refusal) -> None:
    told = desk.do(asked)
    assert isinstance(told, Denied)
    assert told.reason == reason
    assert desk.do(asked) == told
    assert desk.wallet("t") == (UNIT, 0, 0)
    assert isinstance(desk.do(debit(100, sequence=1)), Settled)  # a new try, with a higher sequence


def test_what_calls_hold_no_debit_takes(desk: LiveDesk) -> None:
    desk.do(start("held", 70))
    assert desk.do(debit(31)).reason == Refusal.NO_CREDIT
    assert isinstance(desk.do(debit(30, "d")), Settled)
    assert desk.wallet("t") == (70 * CENT, 70 * CENT, 0)


@pytest.mark.parametrize(
    ("change", "seconds", "reason"),
    [
        ({"caps": (Cap("tenant", "t", 50 * CENT),)}, 51, Refusal.SPEND_CAP),
        ({"guards": Guards(longest_call_s=50)}, 51, Refusal.CALL_TOO_LONG),
        ({"guards": Guards(calls=0)}, 1, Refusal.TOO_MANY_CALLS),
        ({"status": "suspended"}, 1, Refusal.TENANT_SUSPENDED),
    ],
)
def test_settings_hold_debits_too(
    sqlite_database: str, change: dict[str, Any], seconds: int, reason: Refusal
) -> None:
    desk = desk_with(sqlite_database, UNIT, **RATE)
    desk.add(replace(TENANT, id="u", **change))
    desk.fund("u", UNIT)
    asked = DebitCall("u", "c", 0, "user_out", seconds, user="ann", callee=LONDON)
    assert desk.do(asked).reason == reason
    assert desk.wallet("u") == (UNIT, 0, 0)
    assert {counted for counted, _ in desk.counters("u").values()} <= {0}
    desk.close()


def test_a_debit_of_more_seconds_than_a_call_may_have_is_absurd(desk: LiveDesk) -> None:
    for absurd in (debit(86_401), quote(86_401)):
        assert desk.do(absurd).code == FaultCode.ABSURD


def test_an_emergency_call_is_debited_for_nothing(desk: LiveDesk) -> None:
    sos = [DebitCall(tenant, "sos", 0, "emergency_out", 30, callee="112") for tenant in ("nobody", "t")]
    for asked in (*sos, replace_sequence(sos[1], 5), sos[1]):
        told = desk.do(asked)
        assert isinstance(told, Settled)
        assert (told.amount, told.funding) == (0, ())
    assert desk.do(debit(1, "c", 0, callee=LONDON)).amount == CENT


def replace_sequence(asked: DebitCall, sequence: int) -> DebitCall:
    return DebitCall(asked.tenant, asked.call_id, sequence, asked.call_type, asked.seconds)


# --- refunds -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refunds", "left_s"),
    [((40,), 0), ((ALL_SECONDS,), 0), ((10,), 30), ((10, 5), 25), ((10, ALL_SECONDS), 0), ((1, 1, 1), 37)],
)
def test_a_debit_is_taken_back(database: str, refunds: tuple[int, ...], left_s: int) -> None:
    desk = desk_with(database, UNIT, **RATE)
    desk.do(debit(40))
    for sequence, seconds in enumerate(refunds):
        told = desk.do(RefundCall("t", "c", sequence, seconds))
    assert (told.billed_s, told.amount) == (left_s, left_s * CENT)
    assert desk.wallet("t") == (UNIT - left_s * CENT, 0, 0)
    desk.restart()
    assert desk.do(RefundCall("t", "c", len(refunds) - 1, refunds[-1])) == told
    assert desk.wallet("t") == (UNIT - left_s * CENT, 0, 0)
    LedgerChecks(desk).check("t")
    assert verify(desk.url, now_us=desk.now_us).is_clean
    desk.close()


def test_the_newest_charge_is_what_reports_show(desk: LiveDesk) -> None:
    desk.do(debit(40))
    desk.do(RefundCall("t", "c", 0, 15))
    ever = Asked("t", 0, 2**62)
    page = UsageReader(desk.url).page(ever, None, 10)
    assert [(call.charge.billed_s, call.charge.amount) for call in page.calls] == [(25, 25 * CENT)]
    assert [call.body.flags for call in page.calls] == [("direct_debit", "refunded")]


def test_every_operation_has_its_command() -> None:
    assert set(get_args(AnyOperation)) == set(COMMANDS)


@pytest.mark.parametrize(
    ("refund", "code"),
    [
        (RefundCall("t", "c", 0, 41), FaultCode.CONFLICT),
        (RefundCall("t", "c", 0, 0), FaultCode.CONFLICT),
        (RefundCall("t", "nobody", 0), FaultCode.UNKNOWN_CALL),
        (RefundCall("t", "denied", 0), FaultCode.DENIED_CALL),
        (RefundCall("t", "open", 0), FaultCode.CONFLICT),
        (RefundCall("t", "ended", 0), FaultCode.CONFLICT),
        (RefundCall("t", "lost", 0), FaultCode.CONFLICT),
        (RefundCall("u", "c", 0), FaultCode.UNKNOWN_TENANT),
    ],
)
def test_what_cannot_be_taken_back(desk: LiveDesk, refund: RefundCall, code: FaultCode) -> None:
    desk.do(start("lost", 1))
    desk.now_us += 400 * SECOND
    desk.look_round()
    desk.do(debit(40))
    desk.do(debit(4_000, "denied"))
    desk.do(start("open", 10))
    desk.do(start("ended", 10))
    desk.do(EndCall("t", "ended", 1, 10))
    before = desk.wallet("t")
    told = desk.do(refund)
    assert isinstance(told, Fault)
    assert told.code == code
    assert desk.wallet("t") == before


def test_a_refund_twice_and_with_another_body(desk: LiveDesk) -> None:
    desk.do(debit(40))
    told = desk.do(RefundCall("t", "c", 9, 10))
    assert desk.do(RefundCall("t", "c", 9, 10)) == told
    assert desk.do(RefundCall("t", "c", 9, 11)).code == FaultCode.CONFLICT
    assert desk.do(RefundCall("t", "c", 3, ALL_SECONDS)).amount == 0  # their sequences need not rise
    assert desk.do(RefundCall("t", "c", 4, ALL_SECONDS)).code == FaultCode.CONFLICT
    assert desk.wallet("t") == (UNIT, 0, 0)


def test_every_refund_is_remembered_so_there_are_not_too_many(desk: LiveDesk) -> None:
    for sequence in range(15):
        desk.do(debit(4_000, sequence=sequence))
    settled = desk.do(debit(40, sequence=15))
    told = [desk.do(RefundCall("t", "c", sequence, 1)) for sequence in range(MAX_REFUNDS)]
    assert desk.do(RefundCall("t", "c", MAX_REFUNDS, 1)).code == FaultCode.CONFLICT
    assert [desk.do(RefundCall("t", "c", sequence, 1)) for sequence in range(MAX_REFUNDS)] == told
    assert desk.do(debit(40, sequence=15)) == settled
    assert desk.wallet("t") == ((60 + MAX_REFUNDS) * CENT, 0, 0)


def test_debits_are_taken_back_for_72_hours_after_what_came_last(desk: LiveDesk) -> None:
    desk.do(debit(40))
    desk.now_us += KEPT_US - 1
    desk.do(RefundCall("t", "c", 0, 10))
    desk.now_us += KEPT_US - 1
    desk.look_round()
    assert desk.do(RefundCall("t", "c", 1, 10)).amount == 20 * CENT
    desk.now_us += KEPT_US
    desk.look_round()
    assert desk.do(RefundCall("t", "c", 2, 10)).code == FaultCode.DUPLICATE_CALL
    assert desk.do(debit(40)).reason == Refusal.DUPLICATE_CALL


def test_money_goes_back_the_way_it_came(desk: LiveDesk) -> None:
    """Into the lots that paid; what comes back to one that has expired is forfeited."""
    desk.fund("t", UNIT, 1_000 * SECOND)
    desk.do(debit(150))
    assert desk.lots("t") == {2: (50 * CENT, 0)}
    desk.do(RefundCall("t", "c", 0, 70))
    assert desk.lots("t") == {1: (20 * CENT, 0), 2: (100 * CENT, 0)}
    desk.now_us += 2_000 * SECOND
    desk.look_round()
    desk.do(RefundCall("t", "c", 1))
    assert desk.wallet("t") == (UNIT, 0, 0)


# --- quotes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "reason", "amount", "covered_s"),
    [
        (quote(40), Refusal.NONE, 40 * CENT, 40),
        (quote(100), Refusal.NONE, UNIT, 100),
        (quote(250), Refusal.NONE, 250 * CENT, 100),  # a start would be granted less
        (quote(30, user="stranger"), Refusal.UNKNOWN_USER, 0, 0),
        (quote(30, callee="+33142685300"), Refusal.NO_RATE, 0, 0),
        (quote(30, call_type="user_in", callee=""), Refusal.NONE, 0, 30),
        (quote(30, call_type="emergency_out", callee="112"), Refusal.NONE, 0, 30),
    ],
)
def test_what_a_call_would_cost(
    desk: LiveDesk, asked: QuoteCall, reason: Refusal, amount: int, covered_s: int
) -> None:
    told = desk.do(asked)
    assert isinstance(told, Quoted)
    assert (told.reason, told.amount, told.covered_s, told.currency) == (reason, amount, covered_s, "USD")


def test_a_quote_sees_what_has_expired_and_writes_nothing(database: str) -> None:
    """The wallet has an expired lot that nobody has forfeited yet: the quote knows, the ledger stays."""
    desk = desk_with(database, 0 * UNIT + 1, **RATE)
    desk.fund("t", UNIT, 1_000 * SECOND)
    desk.take_back("t", 1)
    before = _everything(desk)
    assert desk.do(quote(30)).reason == Refusal.NONE
    desk.now_us += 1_001 * SECOND
    told = desk.do(quote(30))
    assert (told.reason, told.amount, told.covered_s) == (Refusal.CREDITS_EXPIRED, 30 * CENT, 0)
    assert _everything(desk) == before
    assert desk.do(StartCall("t", "c", 0, "user_out", user="ann", callee=LONDON)).reason == told.reason
    desk.close()


def _everything(desk: LiveDesk) -> list[list[tuple[Any, ...]]]:
    tables = ("wallets", "journal", "charges", "sessions", "counters", "outbox", "audit")
    return [desk.rows(f"select * from {table}") for table in tables]


def test_quotes_of_tenants_and_call_types_that_there_are_not(desk: LiveDesk) -> None:
    assert desk.do(QuoteCall("nobody", "user_out", 30)).reason == Refusal.UNKNOWN_TENANT
    assert desk.do(quote(30, call_type="pigeon")).code == FaultCode.UNKNOWN_CALL_TYPE
    assert desk.do(debit(30)).amount == 30 * CENT


# --- numbers as names ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("7", "7"),  # an id, as it was said
        ("BEA@x", "BEA@x"),
        ("+442079460123", "bea@x"),  # a number: the name that reports know
        ("tel:+44 20 7946 0123", "bea@x"),
        ("sip:+442079460123@voice.example;user=phone", "bea@x"),
        ("00442079460123", "bea@x"),
        ("020 7946 0123", "bea@x"),
        ("+442079460999", "cyd"),  # who has no UPN
    ],
)
def test_a_number_of_a_user_names_the_user(sqlite_database: str, word: str, name: str) -> None:
    desk = desk_with(sqlite_database, UNIT, **RATE)
    (ann,) = TENANT.users
    bea = User("bea@x", id="7", location="GB", licences=ann.licences, numbers=("+442079460123",))
    cyd = User("", id="cyd", location="GB", licences=ann.licences, numbers=("+442079460999",))
    desk.add(replace(TENANT, id="u", users=(ann, bea, cyd)))
    desk.fund("u", UNIT)
    desk.do(StartCall("u", "c", 0, "user_out", user=word, callee=LONDON))
    desk.do(EndCall("u", "c", 1, 10))
    assert desk.rows("select user_name, amount from charges") == [(name, 10 * CENT)]
    again = desk.do(StartCall("u", "d", 0, "user_out", user="+442079460124", callee=LONDON))
    assert again.reason == Refusal.UNKNOWN_USER
    desk.close()
