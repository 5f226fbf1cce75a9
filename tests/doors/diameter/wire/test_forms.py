"""Names and forms of AVPs: none is missing, an independent library knows them so, people can read them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from diameter.message.avp.dictionary import AVP_DICTIONARY, AVP_VENDOR_DICTIONARY
from hypothesis import given
from hypothesis import strategies as st

from talktime.doors.diameter.wire.avps import avp_group, walk
from talktime.doors.diameter.wire.codes import NO_VENDOR, VENDOR_3GPP, Avp, Command, Result
from talktime.doors.diameter.wire.dictionary import MAX_DEPTH, instant, show
from talktime.doors.diameter.wire.forms import KNOWN, LEAST, WIDE, Form, least_bytes, name_of
from tests.doors.diameter.wire.by_hand import avp, number, words


def test_every_code_has_one_name_and_form() -> None:
    assert {code for code, _ in KNOWN} == set(Avp)
    assert len(KNOWN) == len(Avp)
    assert {vendor for _, vendor in KNOWN} == {NO_VENDOR, VENDOR_3GPP}
    for (code, _), known in KNOWN.items():
        assert known.name.upper().replace("-", "_") == Avp(code).name


def test_names_and_forms_are_those_of_an_independent_dictionary() -> None:
    for (code, vendor), known in KNOWN.items():
        theirs = (AVP_VENDOR_DICTIONARY[vendor] if vendor else AVP_DICTIONARY)[code]
        assert theirs["name"].removeprefix("3GPP-").lower() == known.name.lower()
        form = theirs["type"].__name__.removeprefix("Avp")
        # It keeps enumerations as numbers, and names of hosts as bytes.
        same = {
            "Integer32": ("Integer32", "Enumerated", "Unsigned32"),
            "OctetString": ("OctetString", "UTF8String"),
            "Utf8String": ("UTF8String", "OctetString"),
        }
        assert known.form.value in same.get(form, (form,)), known.name


def test_which_numbers_are_wide() -> None:
    assert {Avp(code).name for code, _ in WIDE} == {
        "CC_INPUT_OCTETS",
        "CC_OUTPUT_OCTETS",
        "CC_SERVICE_SPECIFIC_UNITS",
        "CC_SUB_SESSION_ID",
        "CC_TOTAL_OCTETS",
        "VALUE_DIGITS",
    }
    assert set(LEAST) == set(Form)


def test_what_nobody_told_us() -> None:
    assert (name_of(9999), name_of(9999, 7), name_of(416), name_of(416, 7)) == (
        "AVP 9999",
        "AVP 9999 of vendor 7",
        "CC-Request-Type",
        "AVP 416 of vendor 7",
    )
    assert (least_bytes(416), least_bytes(416, 7), least_bytes(873, VENDOR_3GPP)) == (4, 0, 0)


@pytest.mark.parametrize("code", [3001, 3010])
def test_protocol_errors_are_the_3000s(code: int) -> None:
    assert Result(code).is_protocol_error


@pytest.mark.parametrize("code", [2001, 4012, 5005, 5015])
def test_other_results_are_no_protocol_errors(code: int) -> None:
    assert not Result(code).is_protocol_error


def test_commands_are_those_of_the_documents() -> None:
    assert {each.name: each.value for each in Command} == {
        "CAPABILITIES_EXCHANGE": 257,
        "RE_AUTH": 258,
        "CREDIT_CONTROL": 272,
        "ABORT_SESSION": 274,
        "DEVICE_WATCHDOG": 280,
        "DISCONNECT_PEER": 282,
    }


SHOWN = {
    "text": (words(263, "a;1;1"), ("Session-Id", "a;1;1")),
    "a number": (number(268, 2001), ("Result-Code", 2001)),
    "a number with a sign": (avp(429, bytes.fromhex("fffffffa")), ("Exponent", -6)),
    "an enumeration": (number(416, 3), ("CC-Request-Type", 3)),
    "eight bytes": (avp(421, bytes.fromhex("0000010000000000")), ("CC-Total-Octets", 2**40)),
    "an instant": (number(55, 3_913_056_000), ("Event-Timestamp", "2024-01-01T00:00:00+00:00")),
    "an address": (avp(257, bytes.fromhex("0001c0000201")), ("Host-IP-Address", "192.0.2.1")),
    "bytes": (avp(25, b"\0\xff"), ("Class", "0x00ff")),
    "a group": (
        avp(431, number(420, 30) + number(420, 31)),
        ("Granted-Service-Unit", [("CC-Time", 30), ("CC-Time", 31)]),
    ),
    "groups of 3GPP": (
        avp(873, avp(876, number(829, 1, 10415), 10415), 10415),
        ("Service-Information", [("IMS-Information", [("Role-Of-Node", 1)])]),
    ),
    "unknown": (avp(9999, b"ab", 7), ("AVP 9999 of vendor 7", "0x6162")),
    "a number that is none": (avp(268, b"abc"), ("Result-Code", "0x616263")),
    "text that is none": (avp(263, b"a\0"), ("Session-Id", "0x6100")),
    "an address that is none": (avp(257, b"\0"), ("Host-IP-Address", "0x00")),
    "an instant that is none": (avp(55, b"\0"), ("Event-Timestamp", "0x00")),
    "a group that is none": (avp(431, b"abc"), ("Granted-Service-Unit", "0x616263")),
}


@pytest.mark.parametrize(("data", "shown"), SHOWN.values(), ids=SHOWN)
def test_shown_to_people(data: bytes, shown: tuple[str, object]) -> None:
    assert show(walk(data)) == [shown]


def test_the_two_eras_of_instants() -> None:
    for digits, when in (
        ("80000000", datetime(1968, 1, 20, 3, 14, 8, tzinfo=UTC)),
        ("ffffffff", datetime(2036, 2, 7, 6, 28, 15, tzinfo=UTC)),
        ("00000000", datetime(2036, 2, 7, 6, 28, 16, tzinfo=UTC)),
        ("7fffffff", datetime(2104, 2, 26, 9, 42, 23, tzinfo=UTC)),
    ):
        assert instant(Avp.EVENT_TIMESTAMP, bytes.fromhex(digits)) == when


def test_groups_in_groups_end_somewhere() -> None:
    nested = b""
    for _ in range(5_000):
        nested = avp_group(Avp.UNIT_VALUE, nested)
    shown: object = show(walk(nested))
    for _ in range(MAX_DEPTH + 1):
        assert isinstance(shown, list)
        ((name, shown),) = shown
        assert name == "Unit-Value"
    assert isinstance(shown, str)
    assert shown.startswith("0x000001bd")


@given(st.lists(st.tuples(st.sampled_from(sorted(KNOWN)), st.binary(max_size=30)), max_size=6))
def test_whatever_is_in_them_known_avps_are_shown(told: list[tuple[tuple[int, int], bytes]]) -> None:
    shown = show([(code, vendor, payload) for (code, vendor), payload in told])
    assert [name for name, _ in shown] == [KNOWN[key].name for key, _ in told]
