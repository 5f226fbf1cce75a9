"""The termination that clients send of a refused call: in order if nothing was used, else unknown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.databases import sqlite_database
from tests.doors.diameter.house import A_SECOND, ANA, BOB, CAT, CONTOSO, House
from tests.doors.diameter.switch import Switch

__all__ = ["sqlite_database"]  # a fixture

STRANGER = "+4915112345678"


@pytest.fixture
def house(sqlite_database: str) -> Iterator[House]:
    """Contoso without money; of fabrikam the rules speak, but it is not in the ledger."""
    with closing(House(sqlite_database)) as house:
        house.open(CONTOSO)
        yield house
        house.check()


@pytest.fixture
def switch(house: House) -> Switch:
    """The one that is let in."""
    return house.switch()


@pytest.mark.parametrize(
    ("who", "refused", "used_s", "told"),
    [
        (ANA, "4012", 0, "2001"),
        (ANA, "4012", 5, "5002"),
        (CAT, "5030", 0, "2001"),
        (CAT, "5030", 5, "5030"),
        (STRANGER, "5030", 0, "2001"),
        (STRANGER, "5030", 5, "5002"),
    ],
    ids=[
        f"{who}, {used}"
        for who in ("no money", "no tenant", "no rule")
        for used in ("nothing used", "something used")
    ],
)
def test_the_end_of_a_refused_call(
    house: House, switch: Switch, who: str, refused: str, used_s: int, told: str
) -> None:
    """Seconds of a call that never was are not acknowledged; nothing is billed either way."""
    call = switch.call(who=who, calling=f"tel:{who}")
    assert call.initial(30) == refused
    assert call.terminate(used=used_s) == told
    assert house.rows("select * from charges") == []


@pytest.mark.parametrize("who", [BOB, None], ids=["of a user", "of nobody"])
def test_the_end_of_a_call_that_never_was(switch: Switch, who: str | None) -> None:
    call = switch.call(who=who, calling=None)
    call.number = 1
    assert call.terminate(used=0) == "5002"


def test_the_end_of_a_call_that_is_charged_is_not_taken_for_one_that_was_refused(
    house: House, switch: Switch
) -> None:
    house.fund("contoso", 30 * A_SECOND)
    call = switch.call()
    assert call.initial(30) == "2001 30 s"
    assert call.update(used=30, asks=30) == "4012"
    assert call.terminate(used=0) == "2001"
    assert house.charged_s() == 30
