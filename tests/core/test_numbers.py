"""Numbers as people write them -> `+` and digits, hidden digits kept (rulings.md 9)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.core.limits import MAX_NUMBER_DIGITS
from talktime.core.numbers import NO_NUMBER, Dialling, Number, parse_number

NANP = Dialling("1", "1", "011")
BRITAIN = Dialling("44", "0", "00")
ITALY = Dialling("39", "", "00")


@pytest.mark.parametrize(
    ("text", "dialling", "normal"),
    [
        ("+442071838750", None, "+442071838750"),
        ("+44 20 7183-8750", None, "+442071838750"),
        ("+1 (425) 555.0100", None, "+14255550100"),
        ("  +1/425/5550100 ", None, "+14255550100"),
        ("tel:+1-425-555-0100", None, "+14255550100"),
        ("TEL:+14255550100;ext=7", None, "+14255550100"),
        ("sip:+14255550100@sbc.contoso.example", None, "+14255550100"),
        ("sips:+14255550100@sbc.contoso.example;user=phone", None, "+14255550100"),
        ("sip:4255550100@sbc.contoso.example", NANP, "+14255550100"),
        ("00442071838750", None, "+442071838750"),
        ("00442071838750", NANP, "+442071838750"),
        ("011442071838750", NANP, "+442071838750"),
        ("011 44 20 7183 8750", NANP, "+442071838750"),
        ("4255550100", NANP, "+14255550100"),
        ("14255550100", NANP, "+14255550100"),
        ("(425) 555-0100", NANP, "+14255550100"),
        ("02071838750", BRITAIN, "+442071838750"),
        ("2071838750", BRITAIN, "+442071838750"),
        ("0669812345", ITALY, "+390669812345"),
    ],
)
def test_international_form(text: str, dialling: Dialling | None, normal: str) -> None:
    assert parse_number(text, dialling) == Number(normal, normal.removeprefix("+"), 0)


@pytest.mark.parametrize(
    ("text", "dialling", "normal", "digits", "hidden"),
    [
        ("+4420718387**", None, "+4420718387**", "4420718387", 2),
        ("+12345678***", None, "+12345678***", "12345678", 3),
        ("+44 20 7183 8***", None, "+4420718 38***".replace(" ", ""), "442071838", 3),
        ("0044207183875*", None, "+44207183875*", "44207183875", 1),
        ("0207183****", BRITAIN, "+44207183****", "44207183", 4),
        ("425555****", NANP, "+1425555****", "1425555", 4),
    ],
)
def test_each_star_is_one_unknown_digit(
    text: str, dialling: Dialling | None, normal: str, digits: str, hidden: int
) -> None:
    assert parse_number(text, dialling) == Number(normal, digits, hidden)


@pytest.mark.parametrize(
    ("text", "dialling", "shown"),
    [
        ("911", NANP, "911"),  # short codes
        ("112", BRITAIN, "112"),
        ("99 99 99", BRITAIN, "999999"),
        ("Anonymous", NANP, "Anonymous"),  # names
        ("sip:anna@contoso.example", NANP, "sip:anna@contoso.example"),
        ("anna.smith@contoso.example", NANP, "anna.smith@contoso.example"),
        ("Room 12 (1st floor)", NANP, "Room 12 (1st floor)"),
        ("2071838750", None, "2071838750"),  # national, and nobody knows where
        ("+0442071838750", None, "+0442071838750"),  # no country code begins with 0
        ("+1234567890123456", None, "+1234567890123456"),  # longer than any number
        ("+****", None, "+****"),
        ("+", None, "+"),
        ("٠٢٠٧١٨٣٨٧٥٠", BRITAIN, "٠٢٠٧١٨٣٨٧٥٠"),
        ("", NANP, ""),
        (" ", None, ""),
    ],
)
def test_what_is_no_international_number_stays_and_has_no_digits(
    text: str, dialling: Dialling | None, shown: str
) -> None:
    assert parse_number(text, dialling) == Number(shown, "", 0)


def test_nothing_is_no_number() -> None:
    assert parse_number("", None) == NO_NUMBER


diallings = st.sampled_from([None, NANP, BRITAIN, ITALY])
international = st.builds(
    "{}{}".format, st.integers(1, 9), st.text("0123456789", min_size=6, max_size=MAX_NUMBER_DIGITS - 1)
)


@given(international, st.integers(0, 4), diallings)
def test_a_normal_form_is_its_own_normal_form(number: str, hidden: int, dialling: Dialling | None) -> None:
    visible = number[: len(number) - hidden]
    normal = f"+{visible}{'*' * hidden}"
    assert parse_number(normal, dialling) == Number(normal, visible, hidden)


@given(
    international,
    st.lists(st.tuples(st.integers(0, 16), st.sampled_from(" .-()/\u00a0\u2011")), max_size=6),
    diallings,
)
def test_punctuation_says_nothing(
    number: str, marks: list[tuple[int, str]], dialling: Dialling | None
) -> None:
    written = f"+{number}"
    for at, mark in marks:
        written = written[: 1 + at] + mark + written[1 + at :]
    assert parse_number(written, dialling) == Number(f"+{number}", number, 0)


@given(st.text(max_size=25), diallings)
def test_any_text_is_taken(text: str, dialling: Dialling | None) -> None:
    """Never an error; digits are those of the text shown, or there are none."""
    number = parse_number(text, dialling)
    assert number.digits == "" or number.text == f"+{number.digits}{'*' * number.hidden}"
    assert number.digits == "" or len(number.digits) + number.hidden <= MAX_NUMBER_DIGITS
    assert number.digits.isascii()
