"""What Diameter Ro requests are taken for by the shipped data, and which numbers are emergency numbers."""

import re

import phonenumbers
import pytest
from phonenumbers import shortnumberinfo

from talktime.catalog.load import CatalogueError, load_catalogue
from talktime.catalog.model import Facts
from talktime.catalog.ro import CallRule, load_ro, read_ro

NUMBERS = "country,numbers\nGB,112 999\n"
LAST = '[[calls]]\ncall_type = "user_out"\nwhy = "all else"\n'
EMERGENCY = '[[emergency]]\ncalled = ["emergency"]\ncall_type = "emergency_out"\nwhy = "urgent"\n'
GOOD = f'everywhere = ["112"]\n{EMERGENCY}{LAST}'


@pytest.mark.parametrize(
    ("dialled", "country", "urgent"),
    [
        ("112", "", True),  # every telephone knows these two
        ("911", "", True),
        ("911", "GB", True),
        ("999", "GB", True),
        ("999", "GG", True),  # has the numbers of the country that it counts as
        ("999", "CA", False),
        ("999", "", False),
        ("000", "AU", True),
        ("119", "JP", True),
        ("190", "BR", True),
        ("9111", "US", False),
        ("", "US", False),
        ("112", "XX", True),
    ],
)
def test_emergency_numbers(dialled: str, country: str, urgent: bool) -> None:
    assert load_ro().emergencies.is_one(dialled, country) is urgent


def test_emergency_numbers_are_those_of_the_public_metadata() -> None:
    emergencies = load_ro().emergencies
    judge = shortnumberinfo.is_emergency_number
    assert len(emergencies.by_country) > 200
    for country, numbers in emergencies.by_country.items():
        known = country in phonenumbers.SUPPORTED_SHORT_REGIONS
        assert all(judge(number, country) for number in numbers if known), country


def test_the_shipped_rules_name_call_types_that_rules_know() -> None:
    catalogue, shipped = load_catalogue(), load_ro()
    for rule in (*shipped.first, *shipped.last):
        chosen = catalogue.rule_of(Facts(rule.call_type, "", False, False, "", frozenset()))
        assert chosen < len(catalogue.rules) - 1, rule.call_type
    for rule in shipped.first:
        chosen = catalogue.rule_of(Facts(rule.call_type, "", False, False, "", frozenset()))
        assert catalogue.categories[catalogue.rules[chosen].category].never_refused


def test_a_file_is_read() -> None:
    read = read_ro(GOOD, NUMBERS)
    assert read.first == (CallRule("emergency_out", called=("emergency",), why="urgent"),)
    assert read.last == (CallRule("user_out", why="all else"),)
    assert read.emergencies.by_country == {"GB": {"112", "999"}}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (GOOD.replace("call_type", "calltype", 1), "unknown field `calltype`"),
        (
            GOOD + LAST.replace("[[calls]]\n", '[[calls]]\nrole = "terminating"\n'),
            "last of calls must take every",
        ),
        (f'everywhere = ["112"]\ncalls = []\n{EMERGENCY}', "last of calls must take every request"),
        (GOOD.replace('"urgent"', '""'), "emergency[1]: call_type and why must not be empty"),
        (GOOD + '[[calls]]\nrole = "proxy"\ncall_type = "x"\nwhy = "y"\n', "Invalid enum value"),
        ("everywhere = [", "diameter.toml: "),
    ],
)
def test_a_wrong_file_is_refused_by_name(text: str, fault: str) -> None:
    with pytest.raises(CatalogueError, match=re.escape(fault)):
        read_ro(text, NUMBERS)
