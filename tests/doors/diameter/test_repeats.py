"""Requests that come again, by whatever way: the same answer to the byte, and nothing is charged twice.

And sessions that go on behind a process which was started again and whose requests say little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from talktime.ledger.store import StoreAway
from tests.databases import database, sqlite_database
from tests.doors.diameter.house import A_SECOND, CAT, CONTOSO, FABRIKAM, House, peer, settings
from tests.doors.diameter.switch import DEBIT, REFUND, Call, Service, Switch

__all__ = ["database", "sqlite_database"]  # fixtures


@pytest.fixture
def house(sqlite_database: str) -> Iterator[House]:
    """Two processes on one ledger, and a tenant with money for 100 s."""
    with closing(House(sqlite_database, processes=2)) as house:
        house.open(money=100 * A_SECOND)
        yield house
        house.check()


def a_call(call: Call) -> None:
    assert call.initial(30) == "2001 30 s"
    assert call.update(used=28, asks=30) == "2001 30 s"
    assert call.update(used=30, asks=60) == "2001 42 s, then terminate"
    assert call.update(used=10, asks=None) == "2001"
    assert call.terminate(used=8) == "2001"


def a_refused_call(call: Call) -> None:
    assert call.initial(30, to="+31201234567") == "5031"
    assert call.terminate(used=0) == "2001"


def a_debit_taken_back(call: Call) -> None:
    assert call.event(DEBIT, 60) == "2001 60 s"
    assert call.event(REFUND, 20) == "2001"
    assert call.event(REFUND, 20) == "2001"


def same_line(_: House, switch: Switch) -> Switch:
    return switch


def new_line(house: House, _: Switch) -> Switch:
    return house.switch()


def other_process(house: House, _: Switch) -> Switch:
    return house.switch(process=1)


def restarted(house: House, _: Switch) -> Switch:
    house.restart()
    return house.switch()


def killed(house: House, _: Switch) -> Switch:
    house.kill()
    return house.switch()


@pytest.mark.parametrize("way", [same_line, new_line, other_process, restarted, killed])
@pytest.mark.parametrize("story", [a_call, a_refused_call, a_debit_taken_back])
def test_repeats_are_answered_as_the_first_time(
    house: House, story: Callable[[Call], None], way: Callable[[House, Switch], Switch]
) -> None:
    switch = house.switch()
    call = switch.call()
    story(call)
    before, over = house.written(), way(house, switch)
    for at, answer in enumerate(call.told):
        call.again(at, over)
        assert call.answer == answer
        call.again(at, over, flagged=False)
        assert call.answer == answer
    assert house.written() == before


def test_a_repeat_while_the_first_is_being_answered(house: House) -> None:
    """All of them are answered alike, and the call is charged once."""
    switch = house.switch()
    call = switch.call()
    assert call.initial(30) == "2001 30 s"
    end = call.written(kind=3, services=(Service(None, 20),))
    assert [answer.words for answer in switch.asks_all([end] * 3)] == ["2001"] * 3
    assert house.charged_s() == 20


@pytest.mark.parametrize(
    "other",
    [
        {"kind": 2, "number": 1, "services": (Service(30, 29),)},
        {"kind": 2, "number": 1, "services": (Service(31, 28),)},
        {"kind": 2, "number": 1, "services": (Service(None, 28),)},
        {"kind": 3, "number": 1, "services": (Service(None, 28),)},
        {"kind": 2, "number": 2, "services": (Service(30, 1),)},
        {"kind": 3, "number": 0, "services": (Service(None, 1),)},
        {"kind": 1, "number": 0, "services": (Service(31),)},
        {"kind": 1, "number": 5, "services": (Service(30),)},
        {"kind": 4, "number": 5, "action": DEBIT, "services": (Service(30),)},
    ],
    ids=str,
)
def test_a_number_that_has_been_used_for_something_else_is_refused(
    house: House, other: dict[str, object]
) -> None:
    """Or one that is older than the last, or another beginning: nothing is charged, and the call goes on."""
    call = house.switch().call()
    assert call.initial(30) == "2001 30 s"
    assert call.update(used=28, asks=30) == "2001 30 s"
    call.number = 3
    assert call.update(used=10, asks=30) == "2001 30 s"
    before = house.written()
    assert call.says(**other) == "5003"
    assert house.written() == before
    call.number = 4
    assert call.terminate(used=2) == "2001"
    assert house.charged_s() == 40


def test_what_is_over_is_over(house: House) -> None:
    call = house.switch().call()
    assert call.initial(30) == "2001 30 s"
    assert call.terminate(used=28) == "2001"
    for words in (call.update(used=5), call.update(used=5, asks=None), call.terminate(used=5)):
        assert words == "5002"
    assert call.initial(30) == "5003"
    assert house.charged_s() == 28


def test_two_clients_with_the_same_session_id_do_not_meet(sqlite_database: str) -> None:
    """One is of another tenant; its updates do not say so, and its process knows who began what."""
    both = settings(peer(), peer("other.test"))
    with closing(House(sqlite_database, both)) as house:
        house.open(CONTOSO, FABRIKAM, money=100 * A_SECOND)
        first, second = house.switch().call("s;1"), house.switch("other.test").call("s;1", who=CAT)
        assert first.initial(30) == "2001 30 s"
        assert second.initial(30) == "2001 30 s"
        assert second.update(used=30, asks=30, who=None) == "2001 30 s"
        assert first.terminate(used=5, who=None) == "2001"
        assert second.terminate(used=5, who=None) == "2001"
        assert house.rows("select tenant, billed_s from charges order by tenant") == [
            ("contoso", 5),
            ("fabrikam", 35),
        ]


# --- behind a process that was started again --------------------------------------------------------

MUTE: dict[str, Any] = {"who": None, "calling": None, "to": None, "role": None}


@pytest.mark.parametrize("way", [other_process, restarted, killed])
def test_a_call_goes_on_though_its_updates_do_not_say_whose_it_is(
    database: str, way: Callable[[House, Switch], Switch]
) -> None:
    """Several tenants share the realm: the ledger knows whose session it is."""
    with closing(House(database, processes=2)) as house:
        house.open(CONTOSO, FABRIKAM, money=100 * A_SECOND)
        switch = house.switch()
        ana, cat = switch.call("switch.test;1"), switch.call("switch.test;2", who=CAT)
        assert (ana.initial(30), cat.initial(30)) == ("2001 30 s", "2001 30 s")
        ana.switch = cat.switch = way(house, switch)
        assert cat.update(used=28, asks=30, **MUTE) == "2001 30 s"
        assert ana.update(used=28, asks=30, **MUTE) == "2001 30 s"
        assert cat.terminate(used=30, **MUTE) == "2001"
        assert ana.terminate(used=8, **MUTE) == "2001"
        assert house.rows("select tenant, billed_s from charges order by tenant") == [
            ("contoso", 36),
            ("fabrikam", 58),
        ]
        house.check()


def test_the_end_of_a_call_that_was_refused_is_in_order_behind_a_restart_too(sqlite_database: str) -> None:
    with closing(House(sqlite_database)) as house:
        house.open()
        call = house.switch().call()
        assert call.initial(30) == "4012"
        house.restart()
        call.switch = house.switch()
        assert call.terminate(used=0, **MUTE) == "2001"


def test_a_session_of_another_realm_is_nobody_s(sqlite_database: str) -> None:
    """Whose sessions a peer can name is bounded by the realms that the rules give to tenants."""
    told = settings(peer(), peer("other.test", realm="elsewhere", realms=("elsewhere",)), realms=("third",))
    with closing(House(sqlite_database, told)) as house:
        house.open(money=100 * A_SECOND)
        call = house.switch().call()
        assert call.initial(30) == "2001 30 s"
        far = house.switch("other.test", realm="elsewhere").call(realm="third", **MUTE)
        far.number = 1
        assert far.update(used=28) == "5002"
        assert far.terminate(used=28) == "5002"
        assert call.terminate(used=3) == "2001"


@pytest.mark.parametrize(
    ("error", "told", "logged"), [(StoreAway("the store is away"), "3004", 0), (OSError("disk"), "5012", 1)]
)
def test_a_ledger_that_cannot_be_asked_whose_session_it_is(
    house: House, error: Exception, told: str, logged: int, caplog: pytest.LogCaptureFixture
) -> None:
    call = house.switch().call()
    assert call.initial(30) == "2001 30 s"
    call.switch = house.switch(process=1)
    charging = house.processes[1].charging
    find = charging._find

    def fails(*_: object) -> str:
        raise error

    charging._find = fails  # type: ignore[assignment]  # whatever it is asked
    assert call.update(used=28, asks=30, **MUTE) == told
    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == logged
    charging._find = find
    assert call.again() == "2001 30 s"
