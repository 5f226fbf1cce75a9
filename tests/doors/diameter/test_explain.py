"""How a capture is understood: what each message comes to, what is odd, what sessions used in all."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from talktime.catalog.load import load_catalogue
from talktime.doors.diameter.captures import Capture, read_capture
from talktime.doors.diameter.explain import Explained, Explanation, explain
from talktime.doors.diameter.explain_credit import Verdict
from talktime.doors.diameter.settings import DiameterSettings, read_diameter
from talktime.doors.diameter.streams import Seen
from talktime.doors.diameter.wire.avps import avp, avp_group, avp_text, avp_u32
from talktime.doors.diameter.wire.codes import VENDOR_3GPP, Avp
from talktime.doors.diameter.wire.message import answer, read_message, request
from talktime.live.operations import NOT_ASKED, UNKNOWN_US, StartCall
from tests.doors.diameter.switch import (
    CHECK_BALANCE,
    DEBIT,
    EVENT,
    INITIAL,
    PRICE_ENQUIRY,
    REFUND,
    SLICE,
    TERMINATION,
    UPDATE,
    Credit,
    Service,
)
from tests.doors.diameter.wire.by_hand import cer, dwr

NOW_S = 1_790_000_000
ID = avp_u32(Avp.AUTH_APPLICATION_ID, 4)
FILE = """
[server]
host = "ocs.example"
realm = "test"
rating_groups = [100, 101]
[[identities]]
realm = "test"
subscription = "+1416*"
tenant = "contoso"
user = "subscription"
"""


@pytest.fixture
def settings(tmp_path: Path) -> DiameterSettings:
    """Calls from Toronto are those of Contoso."""
    path = tmp_path / "diameter.toml"
    path.write_text(FILE, "utf-8")
    return read_diameter(path, load_catalogue())


def credit(kind: int = INITIAL, number: int = 0, *services: Service, **more: object) -> bytes:
    """A request without anything odd but what a test says."""
    said = {"more": (ID,), "event_s": NOW_S, **more}
    return Credit(
        session="s;1",
        kind=kind,
        number=number,
        services=services or (Service(asks=30),),
        **said,  # type: ignore[arg-type]
    ).whole(number + 1)


def granted(to: bytes, seconds: int | None, result: int = 2001) -> bytes:
    """An answer that grants seconds."""
    unit = () if seconds is None else (avp_group(Avp.GRANTED_SERVICE_UNIT, avp_u32(Avp.CC_TIME, seconds)),)
    service = avp_group(Avp.MULTIPLE_SERVICES_CREDIT_CONTROL, *unit)
    return answer(
        read_message(to), avp_text(Avp.SESSION_ID, "s;1"), avp_u32(Avp.RESULT_CODE, result), service
    )


def seen(*wholes: bytes, at_s: int = 0) -> Capture:
    return Capture(tuple(Seen(at_s * 1_000_000, None, None, whole) for whole in wholes), ())


def one(whole: bytes, settings: DiameterSettings | None = None, at_s: int = 0) -> Explained:
    (explained,) = explain(seen(whole, at_s=at_s), settings, None).messages
    return explained


# --- what a request comes to --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("whole", "name", "operation"),
    [
        (credit(), "initial", "start the call, 30 s asked for"),
        (
            credit(INITIAL, 0, Service(asks=SLICE)),
            "initial",
            "start the call, as many seconds asked for as it gets",
        ),
        (credit(UPDATE, 1, Service(30, 28)), "update", "take a report of 28 s, 30 s asked for"),
        (credit(UPDATE, 1, Service(None, 28)), "update", "take a report of 28 s, nothing more is asked for"),
        (credit(TERMINATION, 2, Service(used=8)), "termination", "end the call, 8 s since the last report"),
        (
            credit(TERMINATION, 2, Service(used=(5, 3))),
            "termination",
            "end the call, 8 s since the last report",
        ),
        (credit(EVENT, 0, Service(60), action=DEBIT), "event", "charge 60 s at once"),
        (
            credit(EVENT, 0, action=REFUND, correlation="d;7"),
            "event",
            "give back 30 s of the direct debit d;7",
        ),
        (
            credit(EVENT, 0, Service(), action=REFUND, correlation="d;7"),
            "event",
            "give back all seconds of the direct debit d;7",
        ),
        (credit(EVENT, 0, action=PRICE_ENQUIRY), "event", "tell the price of 30 s"),
        (credit(EVENT, 0, action=CHECK_BALANCE), "event", "tell whether there is money for 30 s"),
        (
            credit(EVENT, 0, Service(), action=DEBIT),
            "event",
            "nothing is charged: a direct debit names its seconds: CC-Time in Requested-Service-Unit",
        ),
        (
            credit(INITIAL, 0, Service(30, rating_group=7)),
            "initial",
            "nothing is charged: none of the rating groups of the request is charged here",
        ),
        (
            credit(TERMINATION, 0, Service(used=9, rating_group=7)),
            "termination",
            "end the call, 0 s since the last report; no service of it is charged",
        ),
        (
            credit(INITIAL, 0, Service(9, rating_group=7), Service(30)),
            "initial",
            "start the call, 30 s asked for",
        ),
    ],
)
def test_which_operation_a_request_becomes(
    settings: DiameterSettings, whole: bytes, name: str, operation: str
) -> None:
    explained = one(whole, settings)
    assert explained.name == f"Credit-Control-Request ({name})"
    assert explained.credit is not None
    assert explained.credit.operation == operation


def test_whose_call_it_is(settings: DiameterSettings) -> None:
    found = one(credit(), settings).credit
    assert found is not None
    assert found.who is not None
    assert (found.who.tenant, found.who.user, found.who.call_type) == ("contoso", "+14165550000", "user_out")
    assert (found.used_s, found.asked_s, found.category) == (0, 30, "")
    assert found.why[0].startswith("identities[1]: realm test")


@pytest.mark.parametrize(
    ("kind", "sentence", "operation"),
    [
        (INITIAL, "fits; the answer is 5030 USER_UNKNOWN", "nothing, it is refused"),
        (UPDATE, "fits; the session is looked for by its id", "take a report of 0 s, 30 s asked for"),
        (TERMINATION, "fits; the session is looked for by its id", "end the call, 0 s since the last report"),
    ],
)
def test_a_call_of_nobody(settings: DiameterSettings, kind: int, sentence: str, operation: str) -> None:
    found = one(credit(kind, 0, who="+442079460000"), settings).credit
    assert found is not None
    assert (found.who, found.why) == (None, (f"no rule of [[identities]] {sentence}",))
    assert found.operation == operation


def test_without_settings_the_seconds_are_still_told() -> None:
    found = one(credit(UPDATE, 1, Service(SLICE, 28))).credit
    assert found is not None
    assert (found.who, found.used_s, found.asked_s) == (None, 28, NOT_ASKED)
    assert found.why == ("no settings were given, so no rule says whose call it is",)


class Told:
    """A judge that says what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[StartCall, int]] = []

    def judge(self, call: StartCall, at_us: int) -> Verdict:
        self.asked.append((call, at_us))
        return Verdict("calling_plan_domestic", ("because",))


@pytest.mark.parametrize(
    ("event_s", "at_s", "judged_us"),
    [(NOW_S, 5, NOW_S * 1_000_000), (None, 5, 5_000_000), (None, 0, UNKNOWN_US)],
)
def test_live_charging_is_asked_of_the_instant_of_the_request(
    settings: DiameterSettings, event_s: int | None, at_s: int, judged_us: int
) -> None:
    judge = Told()
    (explained,) = explain(seen(credit(event_s=event_s), at_s=at_s), settings, judge).messages
    assert explained.credit is not None
    assert explained.credit.category == "calling_plan_domestic"
    assert explained.credit.why[-1] == "because"
    ((call, at_us),) = judge.asked
    assert (call.tenant, call.user, call.callee, at_us) == (
        "contoso",
        "+14165550000",
        "+442079460000",
        judged_us,
    )


def test_an_emergency_call_of_nobody_is_not_looked_up(settings: DiameterSettings) -> None:
    judge = Told()
    (explained,) = explain(seen(credit(who="+4420", to="urn:service:sos")), settings, judge).messages
    assert explained.credit is not None
    assert explained.credit.who is not None
    assert (explained.credit.who.tenant, explained.credit.who.call_type) == ("", "emergency_out")
    assert judge.asked == []


# --- messages -----------------------------------------------------------------------------------------


def test_every_message_is_shown_in_words() -> None:
    hello, watchdog = explain(seen(cer(), dwr()), None, None).messages
    assert (hello.name, hello.flags) == ("Capabilities-Exchange-Request", "R")
    assert ("Origin-Host", "switch.example") in hello.avps
    assert ("Host-IP-Address", "192.0.2.1") in hello.avps
    assert watchdog.name == "Device-Watchdog-Request"
    assert (hello.credit, hello.odd, hello.session_id) == (None, (), "")


def test_an_answer_says_how_it_ended() -> None:
    asked = credit()
    _, good, bad = explain(seen(asked, granted(asked, 12), granted(asked, None, 4012)), None, None).messages
    assert (good.name, good.result, good.granted_s) == ("Credit-Control-Answer", 2001, 12)
    assert (bad.result, bad.granted_s) == (4012, None)


def test_a_command_that_nobody_knows() -> None:
    assert one(request(303, 16_777_216, 1, 1)).name == "Command 303-Request"


@pytest.mark.parametrize(
    ("whole", "result", "sentence"),
    [
        (Credit(session=None).whole(1), 5005, "Session-Id is missing"),
        (credit(kind=9), 5004, "CC-Request-Type 9 is none of 1 to 4"),
        (request(272, 4, 1, 1, b"\0\0\1\7\x40\0\0\xff"), 5014, ""),
        (request(280, 0, 1, 1, b"\0\0\1\7\x40\0\0\xff"), 5014, ""),
        (credit(who="+1416\x07"), 5004, "control character"),
        (
            credit(
                more=(ID, avp(Avp.SERVICE_INFORMATION, b"\0\0\1", VENDOR_3GPP)),
                calling=None,
                to=None,
                role=None,
            ),
            5014,
            "",
        ),
    ],
)
def test_what_cannot_be_read_is_said_with_its_code(
    settings: DiameterSettings, whole: bytes, result: int, sentence: str
) -> None:
    explained = one(whole, settings)
    assert explained.credit is None
    assert explained.fault is not None
    assert explained.fault.result == result
    assert sentence in explained.fault.sentence


# --- what is odd --------------------------------------------------------------------------------------


def stamp(seconds: int) -> bytes:
    """A SIP-Request-Timestamp where Kamailio puts it."""
    inner = avp_u32(Avp.SIP_REQUEST_TIMESTAMP, seconds, VENDOR_3GPP)
    for code in (Avp.TIME_STAMPS, Avp.IMS_INFORMATION, Avp.SERVICE_INFORMATION):
        inner = avp_group(code, inner, vendor=VENDOR_3GPP)
    return inner


def stamped(seconds: int) -> bytes:
    """A request whose only Service-Information is a time stamp."""
    return credit(more=(ID, stamp(seconds)), role=None, calling=None, to=None)


def test_nothing_is_odd_about_a_sound_request(settings: DiameterSettings) -> None:
    assert one(credit(), settings, at_s=NOW_S).odd == ()


@pytest.mark.parametrize(
    ("whole", "sentence"),
    [
        (credit(more=()), "no Auth-Application-Id; the header says 4, and that counts"),
        (credit(more=(ID, avp_text(Avp.ORIGIN_HOST, "b"))), "Origin-Host comes twice; the first counts"),
        (credit(more=(ID, ID, ID)), "Auth-Application-Id comes 3 times; the first counts"),
        (
            credit(more=(ID, avp_u32(Avp.ACCOUNTING_RECORD_TYPE, 2))),
            "Accounting-Record-Type does not belong into the request; it is passed over",
        ),
        (
            credit(more=(ID, avp(99_999, b"x", 77))),
            "AVP 99999 of vendor 77 has the M flag and is not known here; it is passed over",
        ),
        (credit(flags=0xD0), "the T flag is set: the client has sent it before"),
        (credit(event_s=None), "no Event-Timestamp; the instant of its arrival counts"),
        (credit(event_s=NOW_S - 3_700), "Event-Timestamp is 1 h 1 min behind the capture's clock"),
        (credit(event_s=NOW_S + 86_400 * 400), "Event-Timestamp is 400 d ahead of the capture's clock"),
        (credit(who=None), "no Subscription-Id; a rule can name the user by the calling party only"),
        (
            credit(INITIAL, 0, Service(30), Service(60, rating_group=101)),
            "2 services in one request; one of them is charged",
        ),
        (
            credit(TERMINATION, 1, Service(used=71_582_788)),
            "71,582,788 s used can be no call; the request is refused",
        ),
        (credit(TERMINATION, 1, Service(30, 5)), "a termination asks for units; it gets none"),
        (
            stamped(1),
            "SIP-Request-Timestamp says 2036-02-07 06:28:17, which cannot be; it is not used",
        ),
        (
            stamped(NOW_S + 2_208_988_800 + 90_000),
            "SIP-Request-Timestamp says 2026-09-22 15:13:20, which cannot be; it is not used",
        ),
    ],
)
def test_what_is_odd_about_a_request(settings: DiameterSettings, whole: bytes, sentence: str) -> None:
    explained = one(whole, settings, at_s=NOW_S)
    assert explained.fault is None
    assert explained.odd == (sentence,)


@pytest.mark.parametrize(
    "whole",
    [
        stamped(NOW_S + 2_208_988_800),
        credit(event_s=NOW_S - 299),
        credit(more=(ID, avp(99_999, b"x", 77, flags=0))),  # nobody has to know it
        credit(more=(ID, avp_text(Avp.ROUTE_RECORD, "a"), avp_text(Avp.ROUTE_RECORD, "b"))),
    ],
)
def test_what_is_not_odd(settings: DiameterSettings, whole: bytes) -> None:
    assert one(whole, settings, at_s=NOW_S).odd == ()


def test_another_application_in_the_header() -> None:
    whole = credit(more=())
    other = whole[:8] + (16_777_238).to_bytes(4, "big") + whole[12:]
    assert "the header names application 16777238, credit control is 4" in one(other).odd


# --- sessions -----------------------------------------------------------------------------------------


def of_call(settings: DiameterSettings, *wholes: bytes) -> Explanation:
    return explain(seen(*wholes, at_s=NOW_S), settings, None)


def test_a_session_is_the_sum_of_its_reports(settings: DiameterSettings) -> None:
    start, more, end = (
        credit(),
        credit(UPDATE, 1, Service(30, 28)),
        credit(TERMINATION, 2, Service(used=8)),
    )
    found = of_call(settings, start, granted(start, 30), more, granted(more, 30), end, granted(end, None))
    (session,) = found.sessions
    assert (session.session_id, session.tenant, session.requests, session.repeats) == ("s;1", "contoso", 3, 0)
    assert (session.used_s, session.is_ended, session.results) == (36, True, (2001, 2001, 2001))
    assert [message.odd for message in found.messages] == [()] * 6


def test_a_repeated_report_counts_once(settings: DiameterSettings) -> None:
    more = credit(UPDATE, 1, Service(30, 28))
    found = of_call(settings, credit(), more, more)
    (session,) = found.sessions
    assert (session.used_s, session.requests, session.repeats, session.is_ended) == (28, 3, 1, False)
    assert found.messages[2].odd == ("CC-Request-Number 1 comes again: answered as before, counted once",)


def test_a_report_beyond_its_grant(settings: DiameterSettings) -> None:
    start, end = credit(), credit(TERMINATION, 1, Service(used=13))
    found = of_call(settings, start, granted(start, 12), end)
    assert found.messages[2].odd == ("13 s used of a grant of 12 s: 1 s beyond it",)


@pytest.mark.parametrize(
    ("results", "kinds", "state"),
    [
        ((), (INITIAL,), "open"),
        ((2001,), (INITIAL,), "open"),
        ((), (INITIAL, TERMINATION), "ended"),
        ((2001, 2001), (INITIAL, TERMINATION), "ended"),
        ((4012,), (INITIAL,), "refused"),
        ((4012, 5002), (INITIAL, TERMINATION), "refused"),
        ((2001, 4012), (INITIAL, UPDATE), "open"),
    ],
)
def test_a_session_in_a_word(
    settings: DiameterSettings, results: tuple[int, ...], kinds: tuple[int, ...], state: str
) -> None:
    asked = [credit(kind, at, Service(30)) for at, kind in enumerate(kinds)]
    answers = [granted(whole, None, result) for whole, result in zip(asked, results, strict=False)]
    (session,) = of_call(settings, *asked, *answers).sessions
    assert session.state == state


def test_sessions_stand_in_the_order_in_which_they_begin(settings: DiameterSettings) -> None:
    other = Credit(session="s;0", more=(ID,)).whole(9)
    assert [one.session_id for one in of_call(settings, credit(), other, credit()).sessions] == ["s;1", "s;0"]


# --- the recordings -----------------------------------------------------------------------------------


@pytest.fixture
def recorded(shared_data: Path) -> Callable[[DiameterSettings], Explanation]:
    """A call of a stock Kamailio, explained."""
    capture = read_capture(str(shared_data / "ro" / "kamailio-5.6.3-ccr.jsonl"), io.BytesIO())
    return lambda settings: explain(capture, settings, None)


def test_a_recorded_call_is_understood(
    recorded: Callable[[DiameterSettings], Explanation], settings: DiameterSettings
) -> None:
    found = recorded(settings)
    hello, start, more, end = found.messages
    assert hello.name == "Capabilities-Exchange-Request"
    for message in (start, more, end):
        assert message.fault is None
        assert message.credit is not None
        assert message.credit.who is not None
        assert (message.credit.who.tenant, message.credit.who.call_type) == ("contoso", "user_out")
        assert message.credit.who.user.startswith("+1416")
        assert "Origin-Host comes twice; the first counts" in message.odd
        assert "no Auth-Application-Id; the header says 4, and that counts" in message.odd
    assert any("SIP-Request-Timestamp says" in sentence for sentence in end.odd)
    assert not any("SIP-Request-Timestamp says" in sentence for sentence in start.odd)
    (session,) = found.sessions
    assert (session.requests, session.used_s, session.is_ended) == (3, 28 + 13, True)
