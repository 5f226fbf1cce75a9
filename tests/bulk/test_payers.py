"""Who stands behind a row, and what they hold at its start (rulings.md 5; interfaces.md, The tenant file)."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from talktime.accounts.tenant import Licence, ServiceNumber
from talktime.bulk.payers import NOBODY, changes, held_at, payers_of, states_of, users_of
from talktime.catalog.load import load_catalogue
from talktime.core.limits import ALWAYS_US, NEVER_US
from tests.bulk.charged import tenant, us, user

MARCH, APRIL, MAY = us("2026-03-01 00:00"), us("2026-04-01 00:00"), us("2026-05-01 00:00")
ANA = user("Ana@T", Licence("A"), Licence("B", MARCH, MAY), Licence("A", APRIL), id="1")
BOB = user("bob@t", id="ana@t")
DESK = ServiceNumber("+442079460123", "toll", licences=(Licence("C"),))
PAYERS = payers_of(tenant(ANA, BOB, service_numbers=(DESK,)), load_catalogue())


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
    calls = pl.DataFrame({"user_id": [user_id], "upn": [upn]})
    assert users_of(PAYERS, calls).to_list() == [payer]


def test_licences_are_held_from_inclusive_until_exclusive() -> None:
    assert changes(ANA.licences) == [ALWAYS_US, MARCH, APRIL, MAY]
    held = [held_at(ANA.licences, at_us) for at_us in (MARCH - 1, MARCH, APRIL, MAY - 1, MAY)]
    assert held == [("A",), ("A", "B"), ("A", "B"), ("A", "B"), ("A",)]


def test_a_row_has_the_state_of_its_payer_at_its_start() -> None:
    payer = np.array([0, 0, 0, 1, 2, NOBODY], np.int64)
    start_us = np.array([MARCH - 1, MARCH, MAY, MARCH, MARCH, MARCH], np.int64)
    states = states_of(PAYERS, payer, start_us)
    plans = [PAYERS.states[s].plans if s != NOBODY else None for s in states]
    assert plans == [("A",), ("A", "B"), ("A",), (), ("C",), None]


def test_nothing_is_held_before_time_began() -> None:
    assert PAYERS.state_at(0, ALWAYS_US) == PAYERS.first_state[0]
    assert PAYERS.state_at(0, NEVER_US - 1) == PAYERS.first_state[1] - 1
    assert PAYERS.state_at(NOBODY, MARCH) == NOBODY


def test_a_resource_account_sits_in_the_country_of_its_number() -> None:
    assert PAYERS.payers[PAYERS.by_number[DESK.number]].location == "GB"
    unknown = payers_of(tenant(service_numbers=(ServiceNumber("12345", "toll"),)), load_catalogue())
    assert unknown.payers[0].location == "US"
