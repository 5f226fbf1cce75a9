"""An independent library reads what we write, and we read what it writes."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import pytest
from diameter.message import Message as TheirMessage
from diameter.message.avp import Avp as TheirAvp
from diameter.message.commands import (
    CapabilitiesExchangeRequest,
    CreditControlRequest,
    DeviceWatchdogRequest,
    DisconnectPeerRequest,
)
from diameter.message.commands.credit_control import (
    MultipleServicesCreditControl,
    RequestedServiceUnit,
    SubscriptionId,
    UsedServiceUnit,
)
from hypothesis import given
from hypothesis import strategies as st

from talktime.doors.diameter.wire.avps import (
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
    needed,
    signed,
    text,
    unsigned,
    walk,
)
from talktime.doors.diameter.wire.codes import CREDIT_CONTROL, VENDOR_3GPP, Avp, Command
from talktime.doors.diameter.wire.dictionary import instant, show
from talktime.doors.diameter.wire.events import Arrived, Opened
from talktime.doors.diameter.wire.forms import KNOWN, Form
from talktime.doors.diameter.wire.message import answer, read_message
from tests.doors.diameter.wire.desk import Desk


def theirs_of(whole: bytes) -> Any:
    """A message as the library understands it."""
    return TheirMessage.from_bytes(whole)


def a_hello() -> CapabilitiesExchangeRequest:
    """A hello as the library writes it."""
    cer = CapabilitiesExchangeRequest()
    cer.origin_host, cer.origin_realm = b"switch.example", b"example"
    cer.host_ip_address = ["192.0.2.1"]
    cer.vendor_id, cer.product_name = 0, "Switch"
    cer.auth_application_id = 4
    cer.header.hop_by_hop_identifier, cer.header.end_to_end_identifier = 3, 4
    return cer


def a_request() -> CreditControlRequest:
    """The update of a call as the library writes it."""
    ccr = CreditControlRequest()
    ccr.session_id = "switch.example;1;2"
    ccr.origin_host, ccr.origin_realm, ccr.destination_realm = b"switch.example", b"example", b"example"
    ccr.service_context_id = "32260@3gpp.org"
    ccr.cc_request_type, ccr.cc_request_number = 2, 1
    ccr.event_timestamp = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    ccr.subscription_id = [SubscriptionId(0, "14165550000"), SubscriptionId(2, "sip:14165550000@example")]
    ccr.multiple_services_credit_control = [
        MultipleServicesCreditControl(
            requested_service_unit=RequestedServiceUnit(cc_time=30),
            used_service_unit=[UsedServiceUnit(cc_time=28)],
            rating_group=100,
        )
    ]
    ccr.header.application_id = 4
    ccr.header.hop_by_hop_identifier, ccr.header.end_to_end_identifier = 5, 6
    return ccr


def test_it_takes_our_hello_for_one() -> None:
    desk = Desk()
    (opened,) = desk.hears(a_hello().as_bytes())
    assert isinstance(opened, Opened)
    assert (opened.hello.host, opened.hello.product) == ("switch.example", "Switch")
    cea = theirs_of(desk.link.take())
    assert (cea.result_code, cea.origin_host, cea.origin_realm) == (2001, b"ocs.example", b"example")
    assert cea.host_ip_address == [(1, "192.0.2.10"), (2, "2001:db8::10")]
    assert (cea.supported_vendor_id, cea.auth_application_id) == ([10415], [4])
    (of_vendor,) = cea.vendor_specific_application_id
    assert (of_vendor.vendor_id, of_vendor.auth_application_id) == (10415, 4)
    assert (cea.header.hop_by_hop_identifier, cea.header.end_to_end_identifier) == (3, 4)


def test_it_is_answered_when_it_shows_life_and_when_it_goes() -> None:
    desk = Desk.open()
    for ask in (DeviceWatchdogRequest(), DisconnectPeerRequest()):
        ask.origin_host, ask.origin_realm = b"switch.example", b"example"
        if isinstance(ask, DisconnectPeerRequest):
            ask.disconnect_cause = 0
        assert desk.hears(ask.as_bytes()) == []
        told = theirs_of(desk.link.take())
        assert (told.result_code, told.header.command_code) == (2001, ask.header.command_code)


def test_we_read_its_request() -> None:
    (arrived,) = Desk.open().hears(a_request().as_bytes())
    assert isinstance(arrived, Arrived)
    avps = arrived.message.avps()
    assert text(Avp.SESSION_ID, needed(avps, Avp.SESSION_ID)) == "switch.example;1;2"
    assert unsigned(Avp.CC_REQUEST_TYPE, needed(avps, Avp.CC_REQUEST_TYPE)) == 2
    when = instant(Avp.EVENT_TIMESTAMP, needed(avps, Avp.EVENT_TIMESTAMP))
    assert when == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert [show(walk(each)) for each in every(avps, Avp.SUBSCRIPTION_ID)] == [
        [("Subscription-Id-Type", 0), ("Subscription-Id-Data", "14165550000")],
        [("Subscription-Id-Type", 2), ("Subscription-Id-Data", "sip:14165550000@example")],
    ]
    (service,) = every(avps, Avp.MULTIPLE_SERVICES_CREDIT_CONTROL)
    assert sorted(show(walk(service)), key=str) == [
        ("Rating-Group", 100),
        ("Requested-Service-Unit", [("CC-Time", 30)]),
        ("Used-Service-Unit", [("CC-Time", 28)]),
    ]


def test_it_reads_our_answer() -> None:
    asked = read_message(a_request().as_bytes())
    cca = theirs_of(
        answer(
            asked,
            avp_text(Avp.SESSION_ID, "switch.example;1;2"),
            avp_u32(Avp.RESULT_CODE, 2001),
            avp_u32(Avp.CC_REQUEST_TYPE, 2),
            avp_u32(Avp.CC_REQUEST_NUMBER, 1),
            avp_group(
                Avp.MULTIPLE_SERVICES_CREDIT_CONTROL,
                avp_group(Avp.GRANTED_SERVICE_UNIT, avp_u32(Avp.CC_TIME, 12)),
                avp_u32(Avp.VALIDITY_TIME, 60),
                avp_group(Avp.FINAL_UNIT_INDICATION, avp_u32(Avp.FINAL_UNIT_ACTION, 0)),
            ),
            avp_group(
                Avp.COST_INFORMATION,
                avp_group(Avp.UNIT_VALUE, avp_i64(Avp.VALUE_DIGITS, -5), avp_i32(Avp.EXPONENT, -6)),
                avp_u32(Avp.CURRENCY_CODE, 124),
            ),
        )
    )
    assert (cca.session_id, cca.result_code) == ("switch.example;1;2", 2001)
    (service,) = cca.multiple_services_credit_control
    assert (service.granted_service_unit.cc_time, service.validity_time) == (12, 60)
    assert service.final_unit_indication.final_unit_action == 0
    cost = cca.cost_information
    assert (cost.unit_value.value_digits, cost.unit_value.exponent, cost.currency_code) == (-5, -6, 124)


def test_it_reads_what_we_ask() -> None:
    desk = Desk.open()
    origin = avp_text(Avp.ORIGIN_HOST, "ocs.example") + avp_text(Avp.ORIGIN_REALM, "example")
    asked = desk.link.ask(Command.RE_AUTH, CREDIT_CONTROL, avp_text(Avp.SESSION_ID, "s;1"), origin, now_s=0.0)
    rar = theirs_of(desk.link.take())
    assert type(rar).__name__ == "ReAuthRequest"
    assert (rar.session_id, rar.origin_host) == ("s;1", b"ocs.example")
    assert rar.header.hop_by_hop_identifier == asked


words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=30)
instants = st.datetimes(datetime(1970, 1, 1), datetime(2035, 12, 31)).map(  # noqa: DTZ001 - made aware at once
    lambda naive: naive.replace(microsecond=0, tzinfo=UTC)
)
# How a value of each form is made, how we write it, how we read it.
FORMS: dict[Form, tuple[st.SearchStrategy[Any], Any, Any]] = {
    Form.U32: (st.integers(0, 2**31 - 1), avp_u32, unsigned),
    Form.U64: (st.integers(0, 2**64 - 1), avp_u64, unsigned),
    Form.I32: (st.integers(-(2**31), 2**31 - 1), avp_i32, signed),
    Form.I64: (st.integers(-(2**63), 2**63 - 1), avp_i64, signed),
    Form.ENUM: (st.integers(0, 2**31 - 1), avp_u32, signed),
    Form.TEXT: (words, avp_text, text),
    Form.ADDRESS: (st.ip_addresses().map(str), avp_address, address),
    Form.OCTETS: (words.map(str.encode), avp, lambda _code, payload, _vendor: payload),
}


@pytest.mark.parametrize("form", FORMS, ids=[form.name for form in FORMS])
@given(data=st.data())
def test_every_form_of_value_goes_both_ways(form: Form, data: st.DataObject) -> None:
    values, write, read = FORMS[form]
    code, vendor = data.draw(
        st.sampled_from(sorted(key for key, known in KNOWN.items() if known.form is form))
    )
    value = data.draw(values)
    theirs = TheirAvp.from_bytes(write(code, value, vendor))
    # Both write some addresses of IPv6 in their own way.
    told = str(ip_address(theirs.value[1])) if form is Form.ADDRESS else theirs.value
    # To the library some text is bytes, and some bytes are text.
    same = told.decode() if form is Form.TEXT and isinstance(told, bytes) else told
    assert (same.encode() if form is Form.OCTETS and isinstance(same, str) else same) == value
    assert (theirs.code, theirs.vendor_id) == (code, vendor)
    ((found, of, payload),) = walk(TheirAvp.new(code, vendor, told).as_bytes())
    assert (found, of, read(code, payload, vendor)) == (code, vendor, value)


@given(instants)
def test_instants_go_both_ways(when: datetime) -> None:
    theirs = TheirAvp.new(Avp.EVENT_TIMESTAMP, value=when)
    ((code, vendor, payload),) = walk(theirs.as_bytes())
    assert instant(code, payload, vendor) == when
    back = TheirAvp.from_bytes(avp_u32(Avp.EVENT_TIMESTAMP, unsigned(code, payload)))
    assert back.value.timestamp() == when.timestamp()


@given(st.lists(st.tuples(words, st.integers(0, 2**32 - 1)), min_size=1, max_size=4))
def test_groups_in_groups_go_both_ways(told: list[tuple[str, int]]) -> None:
    ours = b""
    for name, asked_s in told:
        inside = avp_group(
            Avp.IMS_INFORMATION, avp_text(Avp.USER_SESSION_ID, name, VENDOR_3GPP), vendor=VENDOR_3GPP
        )
        ours += avp_group(Avp.SERVICE_INFORMATION, inside, avp_u32(Avp.CC_TIME, asked_s), vendor=VENDOR_3GPP)
    whole = answer(read_message(a_request().as_bytes()), ours)
    theirs = TheirMessage.from_bytes(whole, plain_msg=True)
    found = [each.value for each in theirs.avps]
    assert [(ims.value[0].value, seconds.value) for ims, seconds in found] == told
