"""What a stock Kamailio sends is read as it stands, and answered in the order of the RFC."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from diameter.message import Message as TheirMessage

from talktime.doors.diameter.wire.avps import every, first, text, unsigned, walk
from talktime.doors.diameter.wire.codes import VENDOR_3GPP, Avp
from talktime.doors.diameter.wire.dictionary import show
from talktime.doors.diameter.wire.events import Arrived, Opened
from talktime.doors.diameter.wire.message import Message, read_message
from tests.doors.diameter.wire.desk import Desk


@pytest.fixture
def recorded(shared_data: Path) -> list[tuple[str, bytes]]:
    """(command, bytes) as they came."""
    lines = (shared_data / "ro" / "kamailio-5.6.3-ccr.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [(row["cmd"], bytes.fromhex(row["request_hex"])) for row in rows]


@pytest.fixture
def requests(recorded: list[tuple[str, bytes]]) -> list[Message]:
    """The credit-control requests of one call."""
    return [read_message(whole) for command, whole in recorded if command == "CCR"]


def test_all_of_it_arrives_in_one_chunk_or_byte_by_byte(recorded: list[tuple[str, bytes]]) -> None:
    stream = b"".join(whole for _, whole in recorded)
    for step in (len(stream), 100, 1):
        desk = Desk()
        opened, *arrived = desk.hears(*[stream[at : at + step] for at in range(0, len(stream), step)])
        assert isinstance(opened, Opened)
        assert opened.hello.applications == {4}
        assert arrived == [Arrived(read_message(whole)) for command, whole in recorded if command == "CCR"]
        assert [cea.result for cea in desk.said()] == [2001]


def test_a_call_from_its_first_report_to_its_last(requests: list[Message]) -> None:
    story = []
    for message in requests:
        avps = message.avps()
        (service,) = every(avps, Avp.MULTIPLE_SERVICES_CREDIT_CONTROL)
        used = [walk(each) for each in every(walk(service), Avp.USED_SERVICE_UNIT)]
        story.append(
            (
                unsigned(Avp.CC_REQUEST_TYPE, first(avps, Avp.CC_REQUEST_TYPE) or b""),
                unsigned(Avp.CC_REQUEST_NUMBER, first(avps, Avp.CC_REQUEST_NUMBER) or b""),
                [unsigned(Avp.CC_TIME, first(each, Avp.CC_TIME) or b"") for each in used],
            )
        )
    assert story == [(1, 0, []), (2, 1, [28]), (3, 2, [13])]


def test_who_calls_whom_stands_deep_inside(requests: list[Message]) -> None:
    for message in requests:
        assert len(every(message.avps(), Avp.ORIGIN_HOST)) == 2
        service = walk(first(message.avps(), Avp.SERVICE_INFORMATION, VENDOR_3GPP) or b"")
        ims = walk(first(service, Avp.IMS_INFORMATION, VENDOR_3GPP) or b"")
        calling = first(ims, Avp.CALLING_PARTY_ADDRESS, VENDOR_3GPP) or b""
        assert text(Avp.CALLING_PARTY_ADDRESS, calling, VENDOR_3GPP).startswith("tel:+")


def flat(shown: Any) -> list[str]:
    """The names in what is shown, groups in groups too."""
    if not isinstance(shown, list):
        return []
    return [told for name, value in shown for told in (name, *flat(value))]


def test_nothing_in_it_is_unknown_to_us(recorded: list[tuple[str, bytes]]) -> None:
    for _, whole in recorded:
        names = flat(show(read_message(whole).avps()))
        assert len(names) > 10
        assert [name for name in names if name.startswith("AVP ")] == []


def test_an_independent_library_reads_the_same(recorded: list[tuple[str, bytes]]) -> None:
    for _, whole in recorded:
        theirs = TheirMessage.from_bytes(whole, plain_msg=True)
        told = [(each.code, each.vendor_id, each.payload) for each in theirs.avps]
        assert told == read_message(whole).avps()
