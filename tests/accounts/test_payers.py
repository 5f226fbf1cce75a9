"""Who stands behind a call, and what they hold then (rulings.md 5; interfaces.md, The tenant file)."""

from dataclasses import replace

import pytest

from talktime.accounts.payers import NOBODY, changes, held_at, payers_of
from talktime.accounts.tenant import ServiceNumber, Tenant
from talktime.catalog.load import load_catalogue
from talktime.core.limits import ALWAYS_US, NEVER_US
from tests.accounts.some_payers import ANA, APRIL, BOB, DESK, MARCH, MAY, PAYERS


@pytest.mark.parametrize(
    ("user_id", "upn", "payer"),
    [
        ("1", "", 0),
        ("", "ana@t", 0),  # in any letter case
        ("", "BOB@T", 1),
        ("1", "bob@t", 0),  # the id comes first
        ("ana@t", "", 1),
        ("2", "bob@t", 1),  # an id that nobody has
        ("", "stranger", NOBODY),
        ("", "", NOBODY),
    ],
)
def test_users_are_found_by_id_then_by_upn(user_id: str, upn: str, payer: int) -> None:
    assert PAYERS.payer_of(user_id, upn) == payer


@pytest.mark.parametrize(
    ("word", "payer"),
    [("1", 0), ("Ana@T", 1), ("BOB@T", 1), ("stranger", NOBODY), ("", NOBODY), (DESK.number, NOBODY)],
)
def test_one_word_may_be_an_id_or_a_upn(word: str, payer: int) -> None:
    assert PAYERS.payer_of(word) == payer


@pytest.mark.parametrize(
    ("number", "payer"), [(DESK.number, 2), ("+442079460124", NOBODY), ("", NOBODY), ("1", NOBODY)]
)
def test_a_service_number_is_found_by_its_number(number: str, payer: int) -> None:
    assert PAYERS.service_of(number) == payer


@pytest.mark.parametrize(
    ("number", "payer"),
    [
        ("+14255550101", 0),
        ("+14255550102", 0),
        ("tel:+1-425-555-0102", 0),
        ("(425) 555-0103", 1),  # as it is dialled in the tenant's country
        ("0014255550103", 1),
        ("+14255550104", NOBODY),
        ("5550103", NOBODY),
        ("", NOBODY),
        (DESK.number, NOBODY),
    ],
)
def test_a_user_is_found_by_an_own_number(number: str, payer: int) -> None:
    ana = replace(ANA, numbers=("+14255550101", "+14255550102"))
    bob = replace(BOB, numbers=("+14255550103", "+14255550101"))  # no check lets the second in
    tenant = Tenant("t", "T", "US", "USD", users=(ana, bob), service_numbers=(DESK,))
    catalogue = load_catalogue()
    found = payers_of(tenant, catalogue).owner_of(number, catalogue.dialling["US"])
    assert found == payer


def test_licences_are_held_from_inclusive_until_exclusive() -> None:
    assert changes(ANA.licences) == [ALWAYS_US, MARCH, APRIL, MAY]
    held = [held_at(ANA.licences, at_us) for at_us in (MARCH - 1, MARCH, APRIL, MAY - 1, MAY)]
    assert held == [("A",), ("A", "B"), ("A", "B"), ("A", "B"), ("A",)]


@pytest.mark.parametrize("at_us", [ALWAYS_US, MARCH - 1, MARCH, APRIL - 1, APRIL, MAY - 1, MAY, NEVER_US - 1])
@pytest.mark.parametrize("payer", [0, 1, 2])
def test_a_state_says_what_is_held_at_its_instants(payer: int, at_us: int) -> None:
    state = PAYERS.states[PAYERS.state_at(payer, at_us)]
    assert (state.payer, state.plans) == (payer, held_at(PAYERS.payers[payer].licences, at_us))


def test_nothing_is_held_before_time_began() -> None:
    assert PAYERS.state_at(0, ALWAYS_US) == PAYERS.first_state[0]
    assert PAYERS.state_at(0, NEVER_US - 1) == PAYERS.first_state[1] - 1
    assert PAYERS.state_at(NOBODY, MARCH) == NOBODY


def test_a_resource_account_sits_in_the_country_of_its_number() -> None:
    assert PAYERS.payers[PAYERS.by_number[DESK.number]].location == "GB"
    who = Tenant("t", "T", "US", "USD", service_numbers=(ServiceNumber("12345", "toll"),))
    assert payers_of(who, load_catalogue()).payers[0].location == "US"
