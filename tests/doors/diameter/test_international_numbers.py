"""A number that says its country itself is taken as it stands: as the rules of numbers would, wherever it is
dialled.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from talktime.catalog.load import load_catalogue
from talktime.core.numbers import Dialling, parse_number
from talktime.doors.diameter.parties import read_party

COUNTRIES = [None, *load_catalogue().dialling.values()]


@given(st.from_regex(r"\+[0-9]{1,17}", fullmatch=True), st.sampled_from(COUNTRIES), st.booleans())
def test_a_number_with_a_plus_is_what_the_rules_of_numbers_say(
    number: str, dialling: Dialling | None, has_host: bool
) -> None:
    address = f"sip:{number}@contoso.example" if has_host else f"tel:{number}"
    found, parsed = read_party(address, dialling, {}), parse_number(number, dialling)
    assert found.dialled == number
    assert found.number == (f"+{parsed.digits}" if parsed.digits else "")
    assert found.text == (f"{number}@contoso.example" if has_host else number)
