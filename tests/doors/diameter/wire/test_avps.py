"""AVPs on the wire: bytes by hand on one side, values on the other; what does not fit is refused by code."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.doors.diameter.wire.avps import (
    Avps,
    BadAvp,
    address,
    avp,
    avp_address,
    avp_group,
    avp_i32,
    avp_i64,
    avp_text,
    avp_u32,
    avp_u64,
    every,
    first,
    missing,
    needed,
    signed,
    text,
    unsigned,
    walk,
)
from talktime.doors.diameter.wire.codes import VENDOR_3GPP, Avp, Result
from tests.doors.diameter.wire import by_hand

# What the layout of RFC 6733, 4.1 says, digit by digit: code, flags and length, vendor, payload, padding.
WRITTEN = {
    "a number": (avp_u32(Avp.RESULT_CODE, 2001), "0000010c 4000000c 000007d1"),
    "the largest number": (avp_u32(Avp.CC_TIME, 2**32 - 1), "000001a4 4000000c ffffffff"),
    "a number of 3GPP": (avp_u32(Avp.ROLE_OF_NODE, 1, VENDOR_3GPP), "0000033d c0000010 000028af 00000001"),
    "eight bytes": (avp_u64(Avp.CC_TOTAL_OCTETS, 2**40), "000001a5 40000010 00000100 00000000"),
    "below zero": (avp_i32(Avp.EXPONENT, -6), "000001ad 4000000c fffffffa"),
    "below zero, eight bytes": (avp_i64(Avp.VALUE_DIGITS, -2), "000001bf 40000010 ffffffff fffffffe"),
    "no padding": (avp_text(Avp.ORIGIN_REALM, "abcd"), "00000128 4000000c 61626364"),
    "one byte of padding": (avp_text(Avp.ORIGIN_REALM, "abc"), "00000128 4000000b 616263 00"),
    "two bytes of padding": (avp_text(Avp.ORIGIN_REALM, "ab"), "00000128 4000000a 6162 0000"),
    "three bytes of padding": (avp_text(Avp.ORIGIN_REALM, "a"), "00000128 40000009 61 000000"),
    "nothing": (avp_text(Avp.ORIGIN_REALM, ""), "00000128 40000008"),
    "text in UTF-8": (avp_text(Avp.USER_NAME, "ü"), "00000001 4000000a c3bc 0000"),
    "text that must not be mandatory": (avp_text(Avp.PRODUCT_NAME, "T"), "0000010d 00000009 54 000000"),
    "text of 3GPP": (avp_text(831, "tel:1", VENDOR_3GPP), "0000033f c0000011 000028af 74656c3a31 000000"),
    "an address": (avp_address(Avp.HOST_IP_ADDRESS, "192.0.2.1"), "00000101 4000000e 0001 c0000201 0000"),
    "an address of IPv6": (
        avp_address(Avp.HOST_IP_ADDRESS, "2001:db8::1"),
        "00000101 4000001a 0002 20010db8000000000000000000000001 0000",
    ),
    "a group": (
        avp_group(Avp.GRANTED_SERVICE_UNIT, avp_u32(Avp.CC_TIME, 30)),
        "000001af 40000014 000001a4 4000000c 0000001e",
    ),
    "a group of 3GPP": (
        avp_group(Avp.SERVICE_INFORMATION, vendor=VENDOR_3GPP),
        "00000369 c000000c 000028af",
    ),
    "flags of one's own": (avp(9999, b"", flags=0), "0000270f 00000008"),
}


@pytest.mark.parametrize(("ours", "digits"), WRITTEN.values(), ids=WRITTEN)
def test_written_as_the_layout_says(ours: bytes, digits: str) -> None:
    assert ours == bytes.fromhex(digits)


def test_a_number_that_does_not_fit_is_not_written() -> None:
    for write, number in (
        (avp_u32, -1),
        (avp_u32, 2**32),
        (avp_u64, 2**64),
        (avp_i32, 2**31),
        (avp_i64, 2**63),
    ):
        with pytest.raises(struct.error):
            write(Avp.CC_TIME, number)


READ = {
    "nothing": ("", []),
    "one": ("0000010c 4000000c 000007d1", [(268, 0, b"\x00\x00\x07\xd1")]),
    "twice, in order": (
        "00000108 40000009 61 000000 00000108 40000009 62 000000",
        [(264, 0, b"a"), (264, 0, b"b")],
    ),
    "no payload": ("00000108 40000008", [(264, 0, b"")]),
    "of a vendor": ("0000033d c0000010 000028af 00000001", [(829, 10415, b"\0\0\0\1")]),
    "of a vendor, no payload": ("0000033d c000000c 000028af", [(829, 10415, b"")]),
    "unknown and mandatory": ("7fffffff 40000009 61 000000", [(0x7FFFFFFF, 0, b"a")]),
    "reserved flags": ("00000108 5f000009 61 000000", [(264, 0, b"a")]),
    "no padding after the last": ("00000108 40000009 61", [(264, 0, b"a")]),
    "half of its padding after the last": ("00000108 40000009 61 00", [(264, 0, b"a")]),
    "padding that is not zero": (
        "00000108 40000009 61 ffffff 00000108 40000008",
        [(264, 0, b"a"), (264, 0, b"")],
    ),
}


@pytest.mark.parametrize(("digits", "avps"), READ.values(), ids=READ)
def test_read_with_patience(digits: str, avps: list[tuple[int, int, bytes]]) -> None:
    assert walk(bytes.fromhex(digits)) == avps


def test_only_the_part_that_is_asked_for_is_read() -> None:
    data = b"before" + by_hand.words(264, "a") + b"behind"
    assert walk(data, 6, 18) == [(264, 0, b"a")]
    with pytest.raises(BadAvp):
        walk(data, 6, 14)


# What cannot be told apart, and what Failed-AVP brings back: its head, and the least that it may hold.
BAD_LENGTHS = {
    "a length of 0": ("00000108 40000000", "00000108 40000008"),
    "shorter than its head": ("00000108 40000007 00000000", "00000108 40000008"),
    "shorter than its head with a vendor": (
        "0000033d c000000b 000028af",
        "0000033d c0000010 000028af 00000000",
    ),
    "longer than what is there": ("00000108 4000000a 61", "00000108 40000008"),
    "as long as a length can be": ("00000108 40ffffff 61000000", "00000108 40000008"),
    "of a vendor, longer than what is there": (
        "0000033d c0000011 000028af 00000001",
        "0000033d c0000010 000028af 00000000",
    ),
    "a number longer than what is there": ("000001a4 40000010 0000001e", "000001a4 4000000c 00000000"),
    "eight bytes longer than what is there": (
        "000001a5 40000011 0000000000000000",
        "000001a5 40000010 0000000000000000",
    ),
    "a head that is cut off": ("00000108 40", "00000108 40000008"),
    "a code that is cut off": ("0000", "00000000 00000008"),
    "a vendor that is cut off": ("0000033d c0000010 0000", "0000033d 40000008"),
    "the second of two": ("00000108 40000008 00000128 40000006", "00000128 40000008"),
}


@pytest.mark.parametrize(("digits", "failed"), BAD_LENGTHS.values(), ids=BAD_LENGTHS)
def test_a_length_that_does_not_fit_is_5014(digits: str, failed: str) -> None:
    with pytest.raises(BadAvp) as refused:
        walk(bytes.fromhex(digits))
    assert refused.value.result is Result.INVALID_AVP_LENGTH
    assert refused.value.failed == bytes.fromhex(failed)


def test_the_first_counts_and_all_are_there() -> None:
    avps = [(264, 0, b"first"), (264, 10415, b"of a vendor"), (264, 0, b"second")]
    assert first(avps, Avp.ORIGIN_HOST) == b"first"
    assert first(avps, Avp.ORIGIN_HOST, VENDOR_3GPP) == b"of a vendor"
    assert first(avps, Avp.ORIGIN_REALM) is None
    assert every(avps, Avp.ORIGIN_HOST) == [b"first", b"second"]
    assert every(avps, Avp.ORIGIN_REALM) == []
    assert needed(avps, Avp.ORIGIN_HOST) == b"first"


MISSING = {
    "text": (Avp.SESSION_ID, 0, "00000107 40000008", "Session-Id is missing: send it"),
    "a number": (Avp.CC_REQUEST_TYPE, 0, "000001a0 4000000c 00000000", "CC-Request-Type is missing: send it"),
    "eight bytes": (
        Avp.CC_INPUT_OCTETS,
        0,
        "0000019c 40000010 0000000000000000",
        "CC-Input-Octets is missing: send it",
    ),
    "an address": (
        Avp.HOST_IP_ADDRESS,
        0,
        "00000101 4000000e 0000 00000000 0000",
        "Host-IP-Address is missing: send it",
    ),
    "of 3GPP": (
        Avp.IMS_INFORMATION,
        VENDOR_3GPP,
        "0000036c c000000c 000028af",
        "IMS-Information is missing: send it",
    ),
    "unknown": (9999, 7, "0000270f c000000c 00000007", "AVP 9999 of vendor 7 is missing: send it"),
}


@pytest.mark.parametrize(("code", "vendor", "example", "sentence"), MISSING.values(), ids=MISSING)
def test_what_is_missing_is_5005_with_an_example(code: int, vendor: int, example: str, sentence: str) -> None:
    with pytest.raises(BadAvp, match=f"^{sentence}$") as refused:
        needed([(code, vendor + 1, b"of somebody else")], code, vendor)
    assert refused.value.result is Result.MISSING_AVP
    assert refused.value.failed == bytes.fromhex(example) == missing(code, vendor).failed


NUMBERS = {
    "zero": (unsigned, Avp.CC_TIME, "00000000", 0),
    "the largest": (unsigned, Avp.CC_TIME, "ffffffff", 2**32 - 1),
    "an enumeration": (unsigned, Avp.CC_REQUEST_TYPE, "00000003", 3),
    "a time": (unsigned, Avp.EVENT_TIMESTAMP, "eeacc5b7", 0xEEACC5B7),
    "eight bytes": (unsigned, Avp.CC_TOTAL_OCTETS, "8000000000000000", 2**63),
    "unknown: four bytes": (unsigned, 9999, "00000007", 7),
    "below zero": (signed, Avp.EXPONENT, "fffffffe", -2),
    "below zero, eight bytes": (signed, Avp.VALUE_DIGITS, "ffffffffffffffff", -1),
}


@pytest.mark.parametrize(("reader", "code", "digits", "number"), NUMBERS.values(), ids=NUMBERS)
def test_numbers(reader: Callable[[int, bytes], int], code: int, digits: str, number: int) -> None:
    assert reader(code, bytes.fromhex(digits)) == number
    for wrong in ("", digits[2:], digits + "00", digits * 2):
        with pytest.raises(BadAvp) as refused:
            reader(code, bytes.fromhex(wrong))
        assert refused.value.result is Result.INVALID_AVP_LENGTH
        ((told, _, _, payload),) = by_hand.avps_of(refused.value.failed)
        assert told == code
        assert payload in (bytes(len(digits) // 2), b"")  # an example of what it should be, if we know it


def test_text() -> None:
    for told in ("", "ctf.test;3257978864;1", "Café", "+1 416", "名前", "a\u00a0b"):
        assert text(Avp.USER_NAME, told.encode()) == told


BAD_TEXT = {
    "half a character": (b"a\xc3", "User-Name is not UTF-8 at byte 1: send UTF-8"),
    "Latin-1": (b"\xfc", "User-Name is not UTF-8 at byte 0: send UTF-8"),
    "a surrogate": (b"\xed\xa0\x80", "User-Name is not UTF-8 at byte 0: send UTF-8"),
    "an overlong form": (b"\xc0\x80", "User-Name is not UTF-8 at byte 0: send UTF-8"),
    "NUL": (b"a\0b", "User-Name has a control character: send printable text"),
    "a new line": (b"a\nb", "User-Name has a control character: send printable text"),
    "DEL": (b"a\x7f", "User-Name has a control character: send printable text"),
    "a control character of Latin-1": (
        b"a\xc2\x85b",
        "User-Name has a control character: send printable text",
    ),
}


@pytest.mark.parametrize(("payload", "sentence"), BAD_TEXT.values(), ids=BAD_TEXT)
def test_what_is_no_text_is_5004_and_comes_back(payload: bytes, sentence: str) -> None:
    with pytest.raises(BadAvp, match=f"^{sentence}$") as refused:
        text(Avp.USER_NAME, payload)
    assert refused.value.result is Result.INVALID_AVP_VALUE
    assert by_hand.avps_of(refused.value.failed) == [(1, by_hand.MANDATORY, 0, payload)]


def test_addresses() -> None:
    for told in ("192.0.2.1", "0.0.0.0", "2001:db8::1"):
        ((code, _, payload),) = walk(avp_address(Avp.HOST_IP_ADDRESS, told))
        assert (code, address(code, payload)) == (257, told)
    assert address(257, bytes.fromhex("0008") + b"1416") == "8:31343136"  # family 8: a number of E.164
    for digits in ("", "00", "0001", "0001c00002", "0001c000020100", "0002c0000201"):
        with pytest.raises(BadAvp) as refused:
            address(257, bytes.fromhex(digits))
        assert refused.value.result is Result.INVALID_AVP_LENGTH
        (failed,) = walk(refused.value.failed)
        assert failed[0] == 257


avps = st.tuples(
    st.integers(0, 2**32 - 1), st.one_of(st.just(0), st.integers(1, 2**32 - 1)), st.binary(max_size=40)
)


@given(st.lists(avps, max_size=8))
def test_what_we_write_we_read(told: list[tuple[int, int, bytes]]) -> None:
    written = b"".join(avp(code, payload, vendor) for code, vendor, payload in told)
    assert walk(written) == told
    padding = -len(told[-1][2]) % 4 if told else 0
    assert walk(written[: len(written) - padding]) == told
    assert [(code, vendor, payload) for code, _, vendor, payload in by_hand.avps_of(written)] == told
    assert written == b"".join(by_hand.avp(code, payload, vendor) for code, vendor, payload in told)


@given(st.binary(max_size=120))
def test_any_bytes_are_avps_or_5014_with_one_avp_to_bring_back(data: bytes) -> None:
    refused: BadAvp | None = None
    found: Avps = []
    try:
        found = walk(data)
    except BadAvp as bad:
        refused = bad
    if refused is not None:
        assert refused.result is Result.INVALID_AVP_LENGTH
        assert len(by_hand.avps_of(refused.failed)) == 1
    assert sum(8 + 4 * bool(vendor) + len(payload) for _, vendor, payload in found) <= len(data)
