"""SIP and tel URIs as voice networks send them: the text to compare, what was dialled, the number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.catalog.load import load_catalogue
from talktime.core.numbers import Dialling
from talktime.doors.diameter.parties import Party, pattern_text, read_party

CANADA = load_catalogue().dialling["CA"]
GERMANY = load_catalogue().dialling["DE"]
ABROAD = {"1": CANADA, "49": GERMANY}


def alone(text: str) -> Party:
    """A number that is only a number."""
    return Party(text, text, text)


@pytest.mark.parametrize(
    ("address", "party"),
    [
        ("tel:+14165550000", alone("+14165550000")),
        ("tel:+1-416-555.00 00", alone("+14165550000")),
        ("TEL:+14165550000;ext=7", alone("+14165550000")),
        ("+14165550000", alone("+14165550000")),
        (
            "sip:+14165550000@ims.example;user=phone",
            Party("+14165550000@ims.example", "+14165550000", "+14165550000"),
        ),
        ("<sip:+14165550000@h>", Party("+14165550000@h", "+14165550000", "+14165550000")),
        ('"Ana" <sip:Ana@Contoso.Example>;tag=1', Party("ana@contoso.example", "ana@contoso.example", "")),
        ("sip:14165550000@h", Party("14165550000@h", "14165550000", "")),  # no plus: as it was dialled
        ("sip:011442079460000@h", Party("011442079460000@h", "011442079460000", "")),
        ("sip:00442079460000@h", Party("00442079460000@h", "00442079460000", "+442079460000")),
        (
            "sips:Ana@Contoso.Example:5061;transport=tls?x=1",
            Party("ana@contoso.example", "ana@contoso.example", ""),
        ),
        ("sip:ana:secret@contoso.example", Party("ana@contoso.example", "ana@contoso.example", "")),
        ("sip:an%61@contoso.example", Party("ana@contoso.example", "ana@contoso.example", "")),
        ("sip:ana%00@contoso.example", Party("ana%00@contoso.example", "ana%00@contoso.example", "")),
        (
            "sip:+14165550000@[2001:db8::7]:5060",
            Party("+14165550000@[2001:db8::7]", "+14165550000", "+14165550000"),
        ),
        ("Ana@Contoso.Example", Party("ana@contoso.example", "ana@contoso.example", "")),
        ("tel:911;phone-context=+1", Party("911", "911", "")),
        ("tel:030123456;phone-context=+49", Party("030123456", "+4930123456", "+4930123456")),
        ("sip:030123456;phone-context=+49@h;user=phone", Party("030123456@h", "+4930123456", "+4930123456")),
        ("tel:7042;phone-context=ims.example", Party("7042", "7042", "")),
        (
            "tel:8631234;phone-context=+1914555",
            Party("8631234", "8631234", ""),
        ),  # no calling code: not guessed
        ("urn:service:sos.police", Party("urn:service:sos.police", "urn:service:sos.police", "")),
        ("URN:service:SOS", Party("urn:service:sos", "urn:service:sos", "")),
        (
            "sip:anonymous@anonymous.invalid",
            Party("anonymous@anonymous.invalid", "anonymous@anonymous.invalid", ""),
        ),
        ("sip:contoso.example", Party("contoso.example", "contoso.example", "")),
        ("", Party("", "", "")),
        ("sip:", Party("", "", "")),
    ],
)
def test_addresses(address: str, party: Party) -> None:
    assert read_party(address, None, ABROAD) == party


@pytest.mark.parametrize(
    ("address", "dialling", "number"),
    [
        ("sip:4165551234@h", CANADA, "+14165551234"),
        ("sip:14165551234@127.0.0.1", CANADA, "+14165551234"),
        ("sip:011442079460000@h", CANADA, "+442079460000"),
        ("tel:55512", CANADA, ""),  # too short for a number of anybody
        ("sip:030123456@h", GERMANY, "+4930123456"),
        ("sip:911@h", CANADA, ""),
    ],
)
def test_a_national_number_has_a_number_where_the_country_is_known(
    address: str, dialling: Dialling, number: str
) -> None:
    party = read_party(address, dialling, ABROAD)
    assert party.number == number
    assert not party.dialled.startswith("+")  # what is handed on stays as it was dialled


@pytest.mark.parametrize(
    ("data", "number"), [("14165550000", "+14165550000"), ("+14165550000", "+14165550000"), ("0416555", "")]
)
def test_e164_may_lack_its_plus(data: str, number: str) -> None:
    assert read_party(data, None, ABROAD, international=True).number == number


@given(
    st.text(max_size=60) | st.from_regex(r"(?i)(tel|sips?|urn):[+0-9a-z@;:=%<>*?.-]{0,40}", fullmatch=True)
)
def test_any_text_is_a_party(text: str) -> None:
    party = read_party(text, CANADA, ABROAD)
    assert all(part.isprintable() or not text.isprintable() for part in party)
    assert party.text in party.forms


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("+1 (416) 555-0000", "+14165550000"),
        ("tel:+1416", "+1416"),
        ("sip:Ana@Contoso.Example;user=x", "ana@contoso.example"),
        ("@Contoso.Example", "@contoso.example"),
        ("urn:service:sos.", "urn:service:sos."),
    ],
)
def test_patterns_are_written_as_addresses_are(written: str, compared: str) -> None:
    assert pattern_text(written) == compared
