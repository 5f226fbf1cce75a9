"""Captures as people have them -> the messages in them, whatever happened to the segments on their way."""

import gzip
import io
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.doors.diameter.capture_files import CaptureError
from talktime.doors.diameter.captures import Capture, read_capture
from talktime.doors.diameter.streams import shown_place
from tests.doors.diameter.made_captures import (
    ACK,
    BEGAN_US,
    SERVER,
    SWITCH,
    SYN,
    Sent,
    block,
    cooked,
    cooked_2,
    enhanced,
    ethernet,
    interface,
    loopback,
    option,
    pcap,
    pcapng,
    section,
    stream,
    with_vlans,
)
from tests.doors.diameter.wire.by_hand import answer_to, ccr, cer, dpr, dwr, message, words

LONG = ccr("switch.example;1;1", words(281, "x" * 900))
TALK = [cer(), ccr(), LONG, dwr(), dpr()]
BYTES = b"".join(TALK)
CUT = bytes(17) + b"\x01\x00\x00\x10 no header of a message "


def read(data: bytes) -> Capture:
    """As from standard input."""
    return read_capture("-", io.BytesIO(data))


def wholes(capture: Capture) -> list[bytes]:
    return [seen.whole for seen in capture.messages]


# --- files and link layers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("link", "wrap"),
    [
        (1, ethernet),
        (1, with_vlans),
        (113, cooked),
        (276, cooked_2),
        (0, loopback),
        (108, loopback),
        (101, bytes),
        (12, bytes),
        (228, bytes),
        (1 | 0x0400_0000, ethernet),  # says that frames end in a checksum
    ],
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_link_layers(link: int, wrap: Callable[[bytes], bytes], order: str) -> None:
    capture = read(pcap(stream(BYTES), link=link, wrap=wrap, order=order))
    assert wholes(capture) == TALK
    assert capture.notes == ()
    assert {(seen.source, seen.target) for seen in capture.messages} == {(SWITCH, SERVER)}


@pytest.mark.parametrize("nanoseconds", [False, True])
def test_a_message_has_the_instant_of_the_packet_that_completes_it(nanoseconds: bool) -> None:
    capture = read(pcap(stream(LONG + dwr()), nanoseconds=nanoseconds))
    assert [seen.at_us - BEGAN_US for seen in capture.messages] == [2_000, 3_000]


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng(order: str) -> None:
    assert wholes(read(pcapng(stream(BYTES), order))) == TALK


@pytest.mark.parametrize(
    ("options", "ticks", "at_us"),
    [
        (b"", 5_000_000, 5_000_000),
        (option(9, b"\x09") + option(0, b""), 5_000_000_999, 5_000_000),  # billionths, rounded down
        (option(9, b"\x03"), 5_000, 5_000_000),
        (option(9, b"\x8a"), 5 * 1024 + 512, 5_500_000),  # 1024ths
        (option(2, b"eth0") + option(14, b"\x0a" + bytes(7)), 5_000_000, 15_000_000),  # from 10 s on
        (option(0, b"") + option(9, b"\x03"), 5_000_000, 5_000_000),  # nothing counts behind the end
    ],
)
def test_the_clock_of_an_interface(options: bytes, ticks: int, at_us: int) -> None:
    packet = ethernet(Sent(cer(), 1, SYN).ipv4())
    (seen,) = read(section() + interface(options=options) + enhanced(packet, ticks)).messages
    assert seen.at_us == at_us


def test_blocks_of_every_kind() -> None:
    first, second = (
        ethernet(Sent(whole, at, ACK).ipv4()) for whole, at in ((cer(), 1), (dwr(), 1 + len(cer())))
    )
    old = block(2, b"\0\0\0\0" + bytes(8) + len(first).to_bytes(4, "little") * 2 + first)
    simple = block(3, len(second).to_bytes(4, "little") + second)
    other = block(5, bytes(12))  # statistics
    capture = read(section() + interface() + other + old + simple + section(">") + interface(order=">"))
    assert sorted(wholes(capture)) == sorted([cer(), dwr()])


def test_ipv6_with_its_extensions() -> None:
    switch, server = ("2001:db8::10", 40_000), ("2001:db8::1", 3868)
    packets = stream(cer(), source=switch, target=server)
    assert wholes(read(pcap(packets))) == [cer()]
    hops = bytes([43, 0]) + bytes(6) + bytes([51, 1]) + bytes(14) + bytes([6, 4]) + bytes(10) + bytes(12)
    extended = Sent(cer(), 1, SYN, switch, server).ipv6(hops, first=0)
    capture = read(section() + interface() + enhanced(ethernet(extended), 1))
    assert wholes(capture) == [cer()]
    assert shown_place(server) == "[2001:db8::1]:3868"


def test_ipv4_with_options_and_without_a_length() -> None:
    packet = Sent(cer(), 1, SYN).ipv4(options=bytes(8))
    offloaded = packet[:2] + bytes(2) + packet[4:]
    capture = read(section() + interface(link=101) + enhanced(packet, 1) + enhanced(offloaded, 2))
    assert wholes(capture) == [cer()]


@pytest.mark.parametrize(
    ("packets", "note"),
    [
        ([Sent(b"", 1).ipv4(protocol=132)], "SCTP is not read: 1 packet of it; capture Diameter over TCP"),
        ([Sent(b"", 1).ipv4(fragment=0x2000)] * 2, "fragments of IP are not put together: 2 packets"),
    ],
)
def test_what_is_not_read_is_said(packets: list[bytes], note: str) -> None:
    blocks = b"".join(enhanced(ethernet(packet), 1) for packet in packets)
    assert read(section() + interface() + blocks).notes == (note,)


def test_a_link_layer_that_nobody_reads_is_said() -> None:
    capture = read(pcap(stream(cer(), size=50), link=147))
    assert capture.messages == ()
    assert capture.notes[0].startswith("packets of link type 147 cannot be read: ")


def test_what_is_no_ip_is_passed_over() -> None:
    arp = enhanced(bytes(12) + b"\x08\x06" + bytes(28), 1)
    tiny = b"".join(enhanced(data, 1) for data in (b"", b"\x45", bytes(13), ethernet(b"\x45" + bytes(19))))
    blocks = arp + tiny + enhanced(ethernet(Sent(cer(), 1, SYN).ipv4()), 2)
    assert wholes(read(section() + interface() + blocks)) == [cer()]


@pytest.mark.parametrize("form", [pcap, pcapng])
def test_a_file_that_ends_in_mid_packet_gives_what_it_has(form: Callable[[list[Sent]], bytes]) -> None:
    whole = form(stream(BYTES, size=len(cer())))
    for lost in (1, 10, 60):
        capture = read(whole[:-lost])
        assert wholes(capture) == TALK[: len(capture.messages)]
        assert "the file ends in the middle of a packet" in capture.notes


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (pcap([])[:20], "ends in the header of a pcap file"),
        (pcap([]) + bytes(8) + b"\xff" * 8, "claims a packet of 4,294,967,295 bytes"),
        (section()[:8] + b"what", "has a section of no known byte order"),
        (section() + b"\x06\0\0\0\x09\0\0\0", "has a block of 9 bytes; the file is broken"),
        (section() + enhanced(b"", 1), "has a packet of interface 0, which it does not describe"),
        (section() + block(6, bytes(4)), "too short for its kind"),
        (gzip.compress(b"x", mtime=0), "is compressed; unpack it first"),
        (b"", "is empty"),
        (b" \n", "input is empty"),
        (b"\xff\xfe\xfd\xfc", "is no pcap or pcapng, and no text with hexadecimal digits"),
        (b"0100zz", "'z' is no hexadecimal digit (character 5)"),
        (b"010", "3 hexadecimal digits are no whole bytes"),
        (b"0100", "message 1 is not whole: there is no header of Diameter, 2 are there"),
        (cer().hex().encode() + dwr()[:-4].hex().encode(), "message 2 is not whole: its header says"),
        (b"\x02" + cer()[1:], "is no pcap or pcapng"),
        (b'{"cmd": "CER"}', "line 1: no recording with request_hex"),
    ],
    ids=lambda value: value if isinstance(value, str) else "of",
)
def test_bad_files_are_refused_in_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(CaptureError) as refused:
        read(data)
    assert sentence in str(refused.value)
    assert str(refused.value).startswith("standard input")
    assert "\n" not in str(refused.value)


# --- hexadecimal digits -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        BYTES.hex(),
        "\n\n".join(whole.hex(" ") for whole in TALK) + "\n",
        BYTES.hex(":").upper(),
        "0x" + BYTES.hex(),
        "\ufeff" + BYTES.hex("\n", 16),
        "\n".join(json.dumps({"request_hex": whole.hex(), "cmd": "any"}) for whole in TALK),
    ],
    ids=["one line", "messages apart", "colons", "0x", "a mark of byte order", "recordings"],
)
def test_digits_as_people_paste_them(text: str, tmp_path: Path) -> None:
    assert wholes(read(text.encode())) == TALK
    path = tmp_path / "talk.hex"
    path.write_text(text, "utf-8")
    assert wholes(read_capture(str(path), io.BytesIO())) == TALK


def test_digits_may_stand_on_the_command_line() -> None:
    (seen,) = read_capture(cer().hex(" "), io.BytesIO()).messages
    assert (seen.whole, seen.at_us, seen.source) == (cer(), 0, None)


@pytest.mark.parametrize("name", ["none.pcap", "00", "deadbeef", "x\0y", "a" * 5_000])
def test_a_file_that_is_not_there(name: str) -> None:
    with pytest.raises(CaptureError, match=r"no such file|can be no file|too long|message 1 is not whole"):
        read_capture(name, io.BytesIO())


# --- segments on their way ----------------------------------------------------------------------------


@given(st.integers(1, 1_500), st.randoms(use_true_random=False), st.sampled_from([1_000, (1 << 32) - 700]))
def test_late_and_repeated_segments_change_nothing(size: int, chance: random.Random, begins: int) -> None:
    """Also where the numbers of the bytes begin again at 0."""
    first, *rest = stream(BYTES, size, begins)
    sent = rest + chance.choices(rest, k=5)
    for one in chance.choices(rest, k=3):  # sent again in other pieces
        at = one.sequence - begins
        sent.append(Sent(BYTES[at : at + 2 * size], one.sequence))
    chance.shuffle(sent)
    capture = read(pcap([first, *sent]))
    assert wholes(capture) == TALK
    assert capture.notes == ()


def test_both_directions_in_the_order_of_time() -> None:
    there = stream(cer() + dwr(), size=len(cer()))
    back = stream(
        answer_to(cer()) + answer_to(dwr()), size=len(answer_to(cer())), source=SERVER, target=SWITCH
    )
    capture = read(pcap([there[0], back[0], there[1], back[1], there[2], back[2]]))
    assert wholes(capture) == [cer(), answer_to(cer()), dwr(), answer_to(dwr())]


def test_any_port_on_which_diameter_is_spoken() -> None:
    other = stream(b"GET / HTTP/1.1\r\n" * 20, source=("192.0.2.10", 40_001), target=("192.0.2.1", 80))
    odd_port = stream(BYTES, target=("192.0.2.1", 13_868))
    capture = read(pcap([*other, *odd_port]))
    assert wholes(capture) == TALK
    assert capture.notes == ()


def test_tls_at_the_ports_of_diameter_is_said() -> None:
    hello = b"\x16\x03\x01\x00\xf4\x01" + bytes(240)
    capture = read(pcap(stream(hello, target=("192.0.2.1", 5868))))
    assert capture.notes == ("192.0.2.10:40000 -> 192.0.2.1:5868 is encrypted (TLS) and cannot be read",)
    assert read(pcap(stream(hello, target=("192.0.2.1", 443)))).notes == ()


def test_a_capture_that_begins_in_the_middle() -> None:
    packets = stream(BYTES, size=100)[3:]  # without the beginning of the connection
    capture = read(pcap(packets))
    assert wholes(capture) == TALK[2:] or wholes(capture) == TALK[1:]


@given(st.integers(50, 400), st.data())
def test_a_segment_that_is_not_in_the_capture_costs_its_messages_only(size: int, data: st.DataObject) -> None:
    sent = stream(BYTES, size)
    lost = data.draw(st.integers(1, len(sent) - 1))
    gone = range((lost - 1) * size, lost * size)
    ends = [sum(map(len, TALK[: at + 1])) for at in range(len(TALK))]
    hurt = [at for at, end in enumerate(ends) if end > gone.start and end - len(TALK[at]) < gone.stop]
    capture = read(pcap(sent[:lost] + sent[lost + 1 :]))
    untouched = [whole for at, whole in enumerate(TALK) if at not in hurt]
    assert wholes(capture) == untouched
    if untouched and lost < len(sent) - 1:
        assert any("are not in the capture" in note for note in capture.notes)


def test_packets_that_were_cut_when_they_were_captured() -> None:
    first, *rest = stream(BYTES, size=len(cer()))
    cut = [Sent(one.data, one.sequence, kept=70) if at == 1 else one for at, one in enumerate(rest)]
    capture = read(pcap([first, *cut]))
    assert capture.messages[0].whole == cer()
    assert wholes(capture) == [TALK[0], *TALK[2:]] or wholes(capture) == [TALK[0], *TALK[3:]]
    assert any("tcpdump -s 0 keeps them whole" in note for note in capture.notes)


def test_the_same_ports_again_are_a_new_connection() -> None:
    capture = read(pcap([*stream(cer()), *stream(dwr(), begins=900_000)]))
    assert wholes(capture) == [cer(), dwr()]


def test_bytes_that_are_no_message_are_passed_over() -> None:
    capture = read(pcap(stream(cer() + CUT + dwr())))
    assert wholes(capture) == [cer(), dwr()]
    assert capture.notes == (
        f"192.0.2.10:40000 -> 192.0.2.1:3868: {len(CUT)} bytes are no Diameter and were passed over",
    )


def test_unknown_commands_are_messages_too() -> None:
    strange = message(8_388_620, words(263, "a;1"), application=16_777_251)
    assert wholes(read(pcap(stream(cer() + strange + dwr())))) == [cer(), strange, dwr()]


def test_a_message_that_has_not_ended_is_said() -> None:
    capture = read(pcap(stream(cer() + dwr()[:-4])))
    assert wholes(capture) == [cer()]
    assert "the capture ends in the middle of a message" in capture.notes[0]


@given(st.binary(max_size=400))
def test_any_bytes_in_a_capture_are_read_or_refused(data: bytes) -> None:
    for text in (data, pcap([])[:24] + data, section() + interface() + data, pcap(stream(data))):
        try:
            capture = read(text)
        except CaptureError:
            continue
        assert all(seen.whole[0] == 1 for seen in capture.messages)


@given(st.data())
def test_a_broken_capture_is_read_or_refused(data: st.DataObject) -> None:
    """Some bytes of a good file are others; whatever is read of it begins as a message does."""
    whole = bytearray(data.draw(st.sampled_from([pcap(stream(BYTES)), pcapng(stream(BYTES))])))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        capture = read(bytes(whole))
    except CaptureError:
        return
    assert all(len(seen.whole) == int.from_bytes(seen.whole[1:4], "big") for seen in capture.messages)


def test_recordings_are_read_as_they_stand(shared_data: Path) -> None:
    recorded = shared_data / "ro" / "kamailio-5.6.3-ccr.jsonl"
    capture = read_capture(str(recorded), io.BytesIO())
    assert [int.from_bytes(seen.whole[5:8], "big") for seen in capture.messages] == [257, 272, 272, 272]
    again = read(pcap(stream(b"".join(wholes(capture)), size=333)))
    assert wholes(again) == wholes(capture)
