"""Which code a switch is told: every refusal and fault of the engine, and what is wrong with requests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from talktime.accounts.tenant import (
    SUSPENDED,
    BillingAccount,
    Cap,
    Guards,
    Tenant,
)
from talktime.catalog.ro import CallRule
from talktime.core.refusals import Refusal
from talktime.doors.diameter.results import result_of_fault, result_of_refusal
from talktime.doors.diameter.wire.avps import avp, avp_group, avp_text, avp_u32
from talktime.doors.diameter.wire.codes import ERROR, PROXIABLE, REQUEST, Avp
from talktime.ledger.engine import QueueFull, Stopping
from talktime.ledger.store import StoreAway, StoreBusy, UnknownOutcome
from talktime.live.answers import FaultCode
from tests.bulk.charged import user
from tests.databases import sqlite_database
from tests.doors.diameter.house import (
    A_SECOND,
    ANA,
    CONTOSO,
    House,
    peer,
    settings,
)
from tests.doors.diameter.switch import DEBIT, INITIAL, UPDATE, Answer, Credit
from tests.doors.http.live_houses import Fronted

__all__ = ["sqlite_database"]  # a fixture

# --- the tables -------------------------------------------------------------------------------------

REFUSALS = {
    "none": 2001,
    "unknown_tenant": 5030,
    "unknown_user": 5030,
    "duplicate_call": 5003,
    "conflict": 5003,
    "barred_destination": 4010,
    "not_licensed": 4010,
    "premium_refused": 4010,
    "no_rate": 5031,
    "spend_cap": 4012,
    "credits_expired": 4012,
    "post_usage_off": 4012,
    "no_credit": 4012,
    "too_many_calls": 4010,
    "call_too_long": 4010,
    "tenant_suspended": 5003,
}
FAULTS = {
    "unknown_call": (5002, 5002),
    "denied_call": (5002, 2001),
    "over": (5002, 5002),
    "unknown_tenant": (5030, 5030),
    "conflict": (5003, 5003),
    "duplicate_call": (5002, 5002),
    "absurd": (5004, 5004),
    "unknown_call_type": (5031, 5031),
}
"""(of an update, of a termination)."""


@pytest.mark.parametrize("refusal", Refusal, ids=lambda refusal: refusal.name)
def test_every_refusal_has_its_code(refusal: Refusal) -> None:
    assert result_of_refusal(refusal) == REFUSALS[refusal.name.lower()]


@pytest.mark.parametrize("code", FaultCode, ids=lambda code: code.value)
def test_every_fault_has_its_codes(code: FaultCode) -> None:
    told = (result_of_fault(code, ending=False), result_of_fault(code, ending=True))
    assert told == FAULTS[code.value]


def test_the_tables_name_nothing_that_is_gone() -> None:
    assert set(REFUSALS) == {refusal.name.lower() for refusal in Refusal}
    assert set(FAULTS) == {code.value for code in FaultCode}


# --- refusals, on the wire --------------------------------------------------------------------------

UNIT = 100 * A_SECOND
MCA = {
    "default_billing_account": "main",
    "billing_accounts": (BillingAccount("main", "MCA", "US", post_usage_enabled=False),),
}


def contoso(**more: Any) -> Tenant:
    return replace(CONTOSO, **more)


UNLICENSED = contoso(users=(user("ana@contoso.example", numbers=(ANA,)),))
TOLD: dict[Refusal, tuple[Tenant, int, str, str]] = {
    Refusal.NONE: (CONTOSO, UNIT, ANA, "+442079460000"),
    Refusal.UNKNOWN_TENANT: (contoso(id="other"), UNIT, ANA, "+442079460000"),
    Refusal.UNKNOWN_USER: (CONTOSO, UNIT, "+14169999999", "+442079460000"),
    Refusal.BARRED_DESTINATION: (
        contoso(guards=Guards(barred_prefixes=("4420",))),
        UNIT,
        ANA,
        "+442079460000",
    ),
    Refusal.NOT_LICENSED: (UNLICENSED, UNIT, ANA, "+442079460000"),
    Refusal.PREMIUM_REFUSED: (CONTOSO, UNIT, ANA, "+449012345678"),
    Refusal.NO_RATE: (CONTOSO, UNIT, ANA, "+31201234567"),
    Refusal.SPEND_CAP: (contoso(caps=(Cap("tenant", "contoso", 0),)), UNIT, ANA, "+442079460000"),
    Refusal.POST_USAGE_OFF: (contoso(**MCA), 0, ANA, "+442079460000"),
    Refusal.NO_CREDIT: (CONTOSO, 0, ANA, "+442079460000"),
    Refusal.TOO_MANY_CALLS: (contoso(guards=Guards(calls=0)), UNIT, ANA, "+442079460000"),
    Refusal.TENANT_SUSPENDED: (contoso(status=SUSPENDED), UNIT, ANA, "+442079460000"),
}
"""Tenant, its money, who calls whom. Of the other four below: they need a call before."""

LATER = {
    Refusal.DUPLICATE_CALL,
    Refusal.CONFLICT,
    Refusal.CREDITS_EXPIRED,
    Refusal.CALL_TOO_LONG,
}


@pytest.mark.parametrize("refusal", sorted(set(Refusal) - LATER), ids=lambda refusal: refusal.name)
@pytest.mark.parametrize("kind", ["session", "debit"])
def test_a_call_that_is_refused(sqlite_database: str, refusal: Refusal, kind: str) -> None:
    """As a session and as a debit; the termination that follows all the same is in order."""
    tenant, money, who, to = TOLD[refusal]
    result = REFUSALS[refusal.name.lower()]
    with closing(House(sqlite_database)) as house:
        house.open(tenant)
        if money:
            house.fund(tenant.id, money)
        call = house.switch().call(who=who, calling=f"tel:{who}", to=to)
        told = call.initial(10) if kind == "session" else call.event(DEBIT, 10)
        assert told == (f"{result} 10 s" if result == 2001 else str(result))
        if kind == "session" and refusal != Refusal.UNKNOWN_TENANT:
            assert call.terminate(used=0) == "2001"
        assert house.rows("select sum(amount) from charges where amount > 0")[0][0] == (
            10 * A_SECOND if (kind, result) == ("debit", 2001) else None
        )
        house.check()


def test_credits_that_have_expired(sqlite_database: str) -> None:
    with closing(House(sqlite_database)) as house:
        house.open()
        house.fund("contoso", UNIT, life_us=1_000_000)
        house.now_us += 2_000_000
        call = house.switch().call()
        assert call.initial(10) == "4012"
        assert call.answer is not None
        assert "expired" in call.answer.error


def test_a_call_that_is_too_long(sqlite_database: str) -> None:
    with closing(House(sqlite_database)) as house:
        house.open(contoso(guards=Guards(longest_call_s=40)), money=UNIT)
        call = house.switch().call()
        assert call.initial(30) == "2001 30 s"
        assert call.update(used=30, asks=30) == "2001 10 s, then terminate"
        assert call.update(used=10, asks=30) == "4010"
        assert call.terminate(used=0) == "2001"


@pytest.fixture
def house(sqlite_database: str) -> Iterator[House]:
    """A relay and a switch in front of contoso, which has money."""
    both = settings(peer(), peer("relay.test", relay=True), calls=[CallRule("odd", called=("+999*",))])
    with closing(House(sqlite_database, both)) as house:
        house.open(money=UNIT)
        yield house
        house.check()


def asked(house: House, over: str = "switch.test", **fields: Any) -> Answer:
    """The answer to an initial request with these fields, which leaves everything as it is."""
    before = house.written()
    answer = house.switch(over).asks(Credit(**{"session": "switch.test;1", **fields}))
    if answer.result != 2001:
        assert house.written() == before
        assert answer.error
        assert answer.grants == () or all(grant.seconds is None for grant in answer.grants)
    return answer


def test_a_call_type_that_the_catalogue_does_not_know(house: House) -> None:
    assert asked(house, to="+999123").result == 5031


# --- what the desk cannot answer now ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (StoreAway("the store is away"), 3004),
        (StoreBusy("the store is busy"), 3004),
        (UnknownOutcome("nobody knows"), 3004),
        (OSError("disk"), 5012),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_store_that_fails(
    house: House, error: Exception, result: int, caplog: pytest.LogCaptureFixture
) -> None:
    """What may help is to repeat the same request; what is our defect is in the log."""
    engine = house.desks[0].engine
    fronted, real = Fronted(engine.store), engine.store
    fronted.fails = error
    engine.store = fronted  # what is not failed is passed on
    call = house.switch().call()
    assert call.initial(30) == str(result)
    assert call.answer is not None
    assert ("repeat the same request" in call.answer.error) == (result == 3004)
    told = [each for each in caplog.records if each.name.startswith("talktime.doors.diameter.charging")]
    assert [each.levelname for each in told] == ([] if result == 3004 else ["ERROR"])
    engine.store = real
    assert call.again() == "2001 30 s"


@pytest.mark.parametrize("error", [QueueFull, Stopping])
def test_an_engine_that_takes_no_more(house: House, error: type[Exception]) -> None:
    engine = house.desks[0].engine
    if error is QueueFull:
        engine._max_queue = 0
    else:
        engine._stopping = True
    call = house.switch().call()
    assert call.initial(30) == "3004"
    engine._max_queue, engine._stopping = 10, False
    assert call.again() == "2001 30 s"


def test_a_defect_of_ours_harms_one_request(
    house: House, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: object) -> None:
        raise RuntimeError("a defect")

    switch = house.switch()
    with monkeypatch.context() as patched:
        patched.setattr("talktime.doors.diameter.routing.who_asks", fails)
        assert switch.asks(Credit(session="switch.test;1")).result == 5012
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert switch.asks(Credit(session="switch.test;2")).words == "2001 30 s"


# --- routing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "result"),
    [
        ({}, 2001),
        ({"realm": "TEST", "origin_realm": "Test", "origin_host": "Switch.Test"}, 2001),
        ({"host": "ocs.test"}, 2001),
        ({"host": "OCS.test"}, 2001),
        ({"host": "other.test"}, 3002),
        ({"realm": "elsewhere"}, 3003),
        ({"more": (avp_text(Avp.ROUTE_RECORD, "other.test"),)}, 2001),
        ({"more": (avp_text(Avp.ROUTE_RECORD, "a.test"), avp_text(Avp.ROUTE_RECORD, "ocs.test"))}, 3005),
        ({"more": (avp_text(Avp.ROUTE_RECORD, "OCS.test"),)}, 3005),
        ({"origin_host": "other.test"}, 3010),
        ({"origin_realm": "elsewhere"}, 3010),
    ],
    ids=str,
)
def test_whom_a_request_is_for_and_from_whom_it_comes(
    house: House, fields: dict[str, Any], result: int
) -> None:
    assert asked(house, **fields).result == result


@pytest.mark.parametrize(
    ("more", "origin_host", "origin_realm", "result"),
    [
        ({"relay": True}, "switch.test", "test", 2001),
        ({"relay": True}, "switch.test", "elsewhere", 3010),
        ({"relay": True, "realms": ("elsewhere", "test")}, "switch.elsewhere", "elsewhere", 2001),
        ({"relay": True, "realms": ("elsewhere",)}, "switch.elsewhere", "elsewhere", 5030),
        ({"relay": True, "realms": ("elsewhere",)}, "switch.test", "test", 3010),
        ({"realms": ("elsewhere", "test")}, "peer.test", "elsewhere", 2001),
        ({"realms": ("elsewhere",)}, "peer.test", "elsewhere", 5030),
        ({"realms": ("elsewhere",)}, "switch.elsewhere", "elsewhere", 3010),
    ],
)
def test_who_may_speak_for_whom(
    sqlite_database: str, more: dict[str, Any], origin_host: str, origin_realm: str, result: int
) -> None:
    """Rules of a realm count for peers only that may speak for it, whatever Destination-Realm they write."""
    with closing(House(sqlite_database, settings(peer("peer.test", **more)))) as house:
        house.open(money=UNIT)
        assert asked(house, "peer.test", origin_host=origin_host, origin_realm=origin_realm).result == result


def test_a_relay_carries_a_whole_call_and_its_state_comes_back(house: House) -> None:
    """Proxy-Info goes back as it came, in its order, in answers of every kind."""
    proxies = tuple(
        avp_group(Avp.PROXY_INFO, avp_text(Avp.PROXY_HOST, host), avp(Avp.PROXY_STATE, state))
        for host, state in (("a.test", b"\0\x01\xff"), ("b.test", b""))
    )
    relay = house.switch("relay.test")
    call = relay.call(origin_host="switch.test", more=(*proxies, avp_text(Avp.ROUTE_RECORD, "switch.test")))
    told = [call.initial(30), call.update(28), call.initial(30), call.initial(30, realm="elsewhere")]
    told += [call.says(kind=UPDATE, services=(), context=None), call.terminate(8)]
    assert told == ["2001 30 s", "2001 30 s", "5003", "3003", "5005", "2001"]
    for answer in call.told:
        assert [avp(Avp.PROXY_INFO, each) for each in answer.proxies] == [*proxies]
    assert house.charged_s() == 36


# --- AVPs that are missing or wrong -----------------------------------------------------------------

NEEDED: dict[str, tuple[Avp, bytes]] = {
    "session": (Avp.SESSION_ID, b""),
    "origin_host": (Avp.ORIGIN_HOST, b""),
    "origin_realm": (Avp.ORIGIN_REALM, b""),
    "realm": (Avp.DESTINATION_REALM, b""),
    "context": (Avp.SERVICE_CONTEXT_ID, b""),
    "kind": (Avp.CC_REQUEST_TYPE, bytes(4)),
    "number": (Avp.CC_REQUEST_NUMBER, bytes(4)),
}


@pytest.mark.parametrize("field", NEEDED)
def test_what_is_missing_is_named_with_an_example(house: House, field: str) -> None:
    """RFC 6733 7.5; the rest of the request is repeated as far as it is there."""
    code, least = NEEDED[field]
    answer = asked(house, **dict[str, Any]({field: None}))
    assert (answer.result, answer.failed) == (5005, avp(code, least))
    assert answer.session == (None if field == "session" else "switch.test;1")
    assert answer.kind == (None if field == "kind" else INITIAL)
    assert answer.number == (None if field == "number" else 0)


def subscription(*parts: bytes) -> tuple[bytes, ...]:
    return (avp_group(Avp.SUBSCRIPTION_ID, *parts),)


BARE = b"\0\0\x01\xa4\x40\0\0\x06"
"""CC-Time that says it has fewer bytes than its head."""


@pytest.mark.parametrize(
    ("fields", "result", "failed"),
    [
        ({"kind": 0}, 5004, avp_u32(Avp.CC_REQUEST_TYPE, 0)),
        ({"kind": 5}, 5004, avp_u32(Avp.CC_REQUEST_TYPE, 5)),
        ({"kind": 4}, 5005, avp_u32(Avp.REQUESTED_ACTION, 0)),
        ({"kind": 4, "action": 4}, 5004, avp_u32(Avp.REQUESTED_ACTION, 4)),
        ({"session": ""}, 5004, avp(Avp.SESSION_ID, b"")),
        ({"session": "a\x07b"}, 5004, avp_text(Avp.SESSION_ID, "a\x07b")),
        ({"context": ""}, 5004, avp(Avp.SERVICE_CONTEXT_ID, b"")),
        ({"who": "\x1b[31m"}, 5004, avp_text(Avp.SUBSCRIPTION_ID_DATA, "\x1b[31m")),
        ({"who": ""}, 5004, avp_text(Avp.SUBSCRIPTION_ID_DATA, "")),
        ({"session": None, "more": (avp(Avp.SESSION_ID, b"\xff"),)}, 5004, avp(Avp.SESSION_ID, b"\xff")),
        ({"kind": None, "more": (avp(Avp.CC_REQUEST_TYPE, b"\1"),)}, 5014, avp_u32(Avp.CC_REQUEST_TYPE, 0)),
        (
            {"number": None, "more": (avp(Avp.CC_REQUEST_NUMBER, bytes(8)),)},
            5014,
            avp_u32(Avp.CC_REQUEST_NUMBER, 0),
        ),
        ({"more": (avp(Avp.EVENT_TIMESTAMP, bytes(3)),)}, 5014, avp_u32(Avp.EVENT_TIMESTAMP, 0)),
        (
            {"services": (), "more": (avp_group(Avp.REQUESTED_SERVICE_UNIT, BARE),)},
            5014,
            avp_u32(Avp.CC_TIME, 0),
        ),
        (
            {"services": (), "more": (avp_group(Avp.USED_SERVICE_UNIT, avp(Avp.CC_TIME, b"")),)},
            5014,
            avp_u32(Avp.CC_TIME, 0),
        ),
        (
            {"who": None, "more": subscription(avp_text(Avp.SUBSCRIPTION_ID_DATA, ANA))},
            5005,
            avp_u32(Avp.SUBSCRIPTION_ID_TYPE, 0),
        ),
        (
            {"who": None, "more": subscription(avp_u32(Avp.SUBSCRIPTION_ID_TYPE, 0))},
            5005,
            avp(Avp.SUBSCRIPTION_ID_DATA, b""),
        ),
        ({"more": (b"\0\0\x01\x08\x40\0\x10\0",)}, 5014, avp(Avp.ORIGIN_HOST, b"")),
        ({"more": (b"\0\0\x01\x08\x40\0\0\x07",)}, 5014, avp(Avp.ORIGIN_HOST, b"")),
        ({"more": (b"\0\0\x01\x08\x40\0\0\0",)}, 5014, avp(Avp.ORIGIN_HOST, b"")),
    ],
    ids=str,
)
def test_what_is_wrong_is_named(house: House, fields: dict[str, Any], result: int, failed: bytes) -> None:
    answer = asked(house, **fields)
    assert (answer.result, answer.failed) == (result, failed)


def test_whom_no_rule_knows_is_unknown(house: House) -> None:
    for who in ("+4912345", "sip:ana@elsewhere.example", "250019876543210", None):
        assert asked(house, who=who).result == 5030


@pytest.mark.parametrize("flags", [REQUEST, REQUEST | PROXIABLE])
@pytest.mark.parametrize(
    ("fields", "result"), [({}, 2001), ({"realm": "elsewhere"}, 3003), ({"kind": 0}, 5004)]
)
def test_the_bits_of_an_answer(house: House, flags: int, fields: dict[str, Any], result: int) -> None:
    """P as in the request, E for protocol errors only, never R or T."""
    answer = asked(house, flags=flags, **fields)
    assert answer.result == result
    assert answer.flags == flags & PROXIABLE | (ERROR if 3000 <= result < 4000 else 0)


def test_all_answers_are_counted(house: House) -> None:
    call = house.switch().call()
    call.initial(30), call.update(30), call.update(30), call.terminate(2)
    call.event(DEBIT, 5, to="+31201234567", session="e;1")
    call.says(kind=9)
    assert house.processes[0].charging.counted == {
        ("initial", 2001): 1,
        ("update", 2001): 2,
        ("termination", 2001): 1,
        ("event", 5031): 1,
        ("unread", 5004): 1,
    }
