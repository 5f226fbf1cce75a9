"""How a link begins: the hello that opens it, and all the reasons to turn somebody away (RFC 6733, 5.3)."""

from __future__ import annotations

import pytest

from talktime.doors.diameter.wire.codes import Result
from talktime.doors.diameter.wire.events import Arrived, Closed, LinkState, Opened
from talktime.doors.diameter.wire.own import Hello
from tests.doors.diameter.wire import by_hand
from tests.doors.diameter.wire.by_hand import (
    ACCT_APPLICATION_ID,
    AUTH_APPLICATION_ID,
    ERROR,
    ERROR_MESSAGE,
    FAILED_AVP,
    HOST_IP_ADDRESS,
    INBAND_SECURITY_ID,
    ORIGIN_HOST,
    ORIGIN_REALM,
    ORIGIN_STATE_ID,
    PRODUCT_NAME,
    SUPPORTED_VENDOR_ID,
    VENDOR_ID,
    VENDOR_SPECIFIC_APPLICATION_ID,
    avp,
    number,
    u32,
    words,
)
from tests.doors.diameter.wire.desk import HELLO_S, Desk


def test_a_hello_opens_the_link() -> None:
    desk = Desk()
    assert desk.state() is LinkState.WAIT_HELLO
    hello = Hello("switch.example", "example", "Switch", ("192.0.2.1",), frozenset({4}))
    assert desk.hears(by_hand.cer()) == [Opened(hello)]
    assert desk.state() is LinkState.OPEN
    assert desk.link.hello == hello


def test_the_answer_says_all_that_a_peer_needs() -> None:
    desk = Desk()
    desk.hears(by_hand.cer(hop_by_hop=0xA, end_to_end=0xB))
    (cea,) = desk.said()
    assert (cea.flags, cea.command, cea.application, cea.hop_by_hop, cea.end_to_end) == (0, 257, 0, 0xA, 0xB)
    assert cea.avps == [
        (268, 0x40, 0, u32(2001)),
        (264, 0x40, 0, b"ocs.example"),
        (296, 0x40, 0, b"example"),
        (257, 0x40, 0, bytes.fromhex("0001c000020a")),
        (257, 0x40, 0, bytes.fromhex("000220010db8000000000000000000000010")),
        (VENDOR_ID, 0x40, 0, u32(0)),
        (PRODUCT_NAME, 0, 0, b"Talktime"),
        (ORIGIN_STATE_ID, 0x40, 0, u32(42)),
        (SUPPORTED_VENDOR_ID, 0x40, 0, u32(10415)),
        (AUTH_APPLICATION_ID, 0x40, 0, u32(4)),
        (VENDOR_SPECIFIC_APPLICATION_ID, 0x40, 0, number(VENDOR_ID, 10415) + number(AUTH_APPLICATION_ID, 4)),
    ]


def for_vendor(*avps: bytes) -> bytes:
    return avp(VENDOR_SPECIFIC_APPLICATION_ID, number(VENDOR_ID, 10415) + b"".join(avps))


# What replaces Auth-Application-Id 4 in a hello, and the applications that it amounts to.
LET_IN = {
    "credit control": (number(AUTH_APPLICATION_ID, 4), {4}),
    "a relay": (number(AUTH_APPLICATION_ID, 0xFFFFFFFF), {0xFFFFFFFF}),
    "accounting of credit control": (number(ACCT_APPLICATION_ID, 4), {4}),
    "for a vendor": (for_vendor(number(AUTH_APPLICATION_ID, 4)), {4}),
    "accounting for a vendor": (for_vendor(number(ACCT_APPLICATION_ID, 4)), {4}),
    "both for a vendor": (
        for_vendor(number(AUTH_APPLICATION_ID, 4)) + for_vendor(number(ACCT_APPLICATION_ID, 4)),
        {4},
    ),
    "one of several": (number(AUTH_APPLICATION_ID, 1) + for_vendor(number(AUTH_APPLICATION_ID, 4)), {1, 4}),
    "no security inside": (number(AUTH_APPLICATION_ID, 4) + number(INBAND_SECURITY_ID, 0), {4}),
    "TLS or nothing inside": (
        number(AUTH_APPLICATION_ID, 4) + number(INBAND_SECURITY_ID, 1) + number(INBAND_SECURITY_ID, 0),
        {4},
    ),
    "what nobody knows": (number(AUTH_APPLICATION_ID, 4) + avp(9999, b"?") + avp(1, b"?", vendor=7), {4}),
}


@pytest.mark.parametrize(("told", "applications"), LET_IN.values(), ids=LET_IN)
def test_who_speaks_credit_control_is_let_in(told: bytes, applications: set[int]) -> None:
    desk = Desk()
    (event,) = desk.hears(by_hand.cer({AUTH_APPLICATION_ID: told}))
    assert isinstance(event, Opened)
    assert event.hello.applications == applications
    assert [cea.result for cea in desk.said()] == [2001]


def test_of_two_names_the_first_counts() -> None:
    desk = Desk()
    (event,) = desk.hears(
        by_hand.cer({9001: words(ORIGIN_HOST, "other.example"), 9002: words(ORIGIN_REALM, "other")})
    )
    assert isinstance(event, Opened)
    assert (event.hello.host, event.hello.realm) == ("switch.example", "example")


def test_a_peer_may_have_no_address_or_several() -> None:
    # Kamailio 5.6.3 leaves it out where it does not find its own.
    assert Desk().hears(by_hand.cer({HOST_IP_ADDRESS: b""}))[0] == Opened(
        Hello("switch.example", "example", "Switch", (), frozenset({4}))
    )
    two = avp(HOST_IP_ADDRESS, bytes.fromhex("0001c0000201")) + avp(
        HOST_IP_ADDRESS, bytes.fromhex("0002" + "00" * 15 + "01")
    )
    (event,) = Desk().hears(by_hand.cer({HOST_IP_ADDRESS: two}))
    assert isinstance(event, Opened)
    assert event.hello.addresses == ("192.0.2.1", "::1")


# What is changed in a hello, the result, and what Failed-AVP brings back.
TURNED_AWAY = {
    "no host": ({ORIGIN_HOST: b""}, 5005, words(ORIGIN_HOST, "")),
    "no realm": ({ORIGIN_REALM: b""}, 5005, words(ORIGIN_REALM, "")),
    "no vendor": ({VENDOR_ID: b""}, 5005, number(VENDOR_ID, 0)),
    "no product": ({PRODUCT_NAME: b""}, 5005, words(PRODUCT_NAME, "")),
    "a host of a vendor": ({ORIGIN_HOST: words(ORIGIN_HOST, "a", vendor=7)}, 5005, words(ORIGIN_HOST, "")),
    "an empty host": ({ORIGIN_HOST: words(ORIGIN_HOST, "")}, 5004, words(ORIGIN_HOST, "")),
    "a host with a new line": ({ORIGIN_HOST: words(ORIGIN_HOST, "a\nb")}, 5004, words(ORIGIN_HOST, "a\nb")),
    "a realm that is no text": ({ORIGIN_REALM: avp(ORIGIN_REALM, b"\xff")}, 5004, avp(ORIGIN_REALM, b"\xff")),
    "an address that is cut off": (
        {HOST_IP_ADDRESS: avp(HOST_IP_ADDRESS, bytes.fromhex("0001c0"))},
        5014,
        avp(HOST_IP_ADDRESS, bytes.fromhex("000100000000")),
    ),
    "an application of three bytes": (
        {AUTH_APPLICATION_ID: avp(AUTH_APPLICATION_ID, b"\0\0\4")},
        5014,
        number(AUTH_APPLICATION_ID, 0),
    ),
    "a group that is none": (
        {9001: avp(VENDOR_SPECIFIC_APPLICATION_ID, bytes.fromhex("0000010240000013"))},
        5014,
        number(AUTH_APPLICATION_ID, 0),
    ),
    "an AVP that is cut off": ({9001: bytes.fromhex("0000010840000020")}, 5014, words(ORIGIN_HOST, "")),
    "no application": ({AUTH_APPLICATION_ID: b""}, 5010, None),
    "another application": ({AUTH_APPLICATION_ID: number(AUTH_APPLICATION_ID, 16777251)}, 5010, None),
    "TLS inside the link only": ({INBAND_SECURITY_ID: number(INBAND_SECURITY_ID, 1)}, 5017, None),
}


@pytest.mark.parametrize(("changes", "result", "failed"), TURNED_AWAY.values(), ids=TURNED_AWAY)
def test_who_is_turned_away_is_told_why(changes: dict[int, bytes], result: int, failed: bytes | None) -> None:
    desk = Desk()
    events = desk.hears(by_hand.cer(changes) + by_hand.ccr())
    (cea,) = desk.said()
    assert (cea.command, cea.result, cea.flags) == (257, result, 0)
    (sentence,) = cea.all(ERROR_MESSAGE)
    assert events == [Closed(sentence.decode())]
    assert desk.state() is LinkState.CLOSED
    assert cea.all(FAILED_AVP) == ([] if failed is None else [failed])
    assert cea.only(AUTH_APPLICATION_ID) == u32(4)


REFUSED = {
    "a stranger": (Result.UNKNOWN_PEER, ERROR),
    "one who has to use TLS": (Result.NO_COMMON_SECURITY, 0),
    "one who connects twice": (Result.ELECTION_LOST, 0),
}


@pytest.mark.parametrize(("result", "flags"), REFUSED.values(), ids=REFUSED)
def test_who_is_not_admitted(result: Result, flags: int) -> None:
    asked: list[Hello] = []

    def nobody(hello: Hello) -> Result:
        asked.append(hello)
        return result

    desk = Desk(nobody)
    (event,) = desk.hears(by_hand.cer())
    assert isinstance(event, Closed)
    (cea,) = desk.said()
    assert (cea.result, cea.flags) == (result, flags)
    assert [hello.host for hello in asked] == ["switch.example"]
    assert desk.link.hello is None


def test_who_cannot_be_let_in_anyhow_is_not_looked_up() -> None:
    asked: list[Hello] = []

    def nobody(hello: Hello) -> Result:
        asked.append(hello)
        return Result.UNKNOWN_PEER

    Desk(nobody).hears(by_hand.cer({AUTH_APPLICATION_ID: b""}))
    assert asked == []


NO_HELLO = {
    "a credit-control request": by_hand.ccr(),
    "a watchdog": by_hand.dwr(),
    "a goodbye": by_hand.dpr(),
    "an answer to a hello": by_hand.cer(flags=0),
    "a hello that is an error": by_hand.cer(flags=by_hand.REQUEST | ERROR),
    "something unknown": by_hand.message(999),
}


@pytest.mark.parametrize("whole", NO_HELLO.values(), ids=NO_HELLO)
def test_whoever_begins_otherwise_hears_nothing(whole: bytes) -> None:
    desk = Desk()
    assert desk.hears(whole + by_hand.cer()) == [
        Closed("the first message was no Capabilities-Exchange-Request")
    ]
    assert desk.sent() == []
    assert desk.state() is LinkState.CLOSED


def test_who_says_nothing_is_closed() -> None:
    desk = Desk()
    assert desk.waits(HELLO_S - 1) == []
    assert desk.hears(by_hand.cer()[:30]) == []
    assert desk.waits(2) == [Closed("no hello in time")]
    assert desk.hears(by_hand.cer()) == []
    assert desk.sent() == []


def test_requests_may_follow_the_hello_at_once() -> None:
    desk = Desk()
    events = desk.hears(by_hand.cer() + by_hand.ccr() + by_hand.dwr())
    assert [type(event) for event in events] == [Opened, Arrived]
    assert [(each.command, each.result) for each in desk.said()] == [(257, 2001), (280, 2001)]


def test_a_second_hello_is_answered_too() -> None:
    desk = Desk.open()
    assert desk.hears(by_hand.cer({ORIGIN_HOST: words(ORIGIN_HOST, "SWITCH.example")}, hop_by_hop=3)) == []
    (cea,) = desk.said()
    assert (cea.command, cea.result, cea.hop_by_hop) == (257, 2001, 3)
    assert desk.state() is LinkState.OPEN


SECOND_HELLOS = {
    "of somebody else": (by_hand.cer({ORIGIN_HOST: words(ORIGIN_HOST, "other.example")}), 3010, ERROR),
    "of nobody": (by_hand.cer({ORIGIN_HOST: b""}), 5005, 0),
}


@pytest.mark.parametrize(("whole", "result", "flags"), SECOND_HELLOS.values(), ids=SECOND_HELLOS)
def test_a_second_hello_that_is_wrong_ends_the_link(whole: bytes, result: int, flags: int) -> None:
    desk = Desk.open()
    (event,) = desk.hears(whole + by_hand.ccr())
    assert isinstance(event, Closed)
    (cea,) = desk.said()
    assert (cea.command, cea.result, cea.flags) == (257, result, flags)
