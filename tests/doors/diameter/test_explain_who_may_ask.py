"""`explain` says what the door says of a request that is for another server, or of somebody else's mouth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from talktime.doors.diameter.captures import Capture
from talktime.doors.diameter.explain import explain
from talktime.doors.diameter.streams import Seen
from talktime.doors.diameter.wire.avps import avp_text
from talktime.doors.diameter.wire.codes import Avp
from tests.databases import sqlite_database
from tests.doors.diameter.house import A_SECOND, House, peer, settings
from tests.doors.diameter.switch import Credit

__all__ = ["sqlite_database"]  # a fixture


@pytest.fixture
def house(sqlite_database: str) -> Iterator[House]:
    """A switch and a relay of two realms, in front of contoso, which has money."""
    relay = peer("relay.test", relay=True, realms=("test", "branch.test"))
    with closing(House(sqlite_database, settings(peer(), relay))) as house:
        house.open(money=100 * A_SECOND)
        yield house


@pytest.mark.parametrize(
    ("over", "asked", "code"),
    [
        ("switch.test", {}, 2001),
        ("relay.test", {"origin_host": "third.test", "origin_realm": "branch.test"}, 2001),
        ("switch.test", {"realm": "elsewhere"}, 3003),
        ("switch.test", {"host": "other.test"}, 3002),
        ("switch.test", {"host": "OCS.test", "realm": "TEST"}, 2001),
        ("switch.test", {"more": (avp_text(Avp.ROUTE_RECORD, "Ocs.Test"),)}, 3005),
        ("switch.test", {"origin_realm": "branch.test"}, 3010),
        ("relay.test", {"origin_host": "third.test", "origin_realm": "elsewhere"}, 3010),
        ("switch.test", {"who": "+33140000000"}, 5030),
    ],
)
def test_explain_and_the_door_say_the_same(
    house: House, over: str, asked: dict[str, object], code: int
) -> None:
    request = Credit(session="switch.test;1", **asked)  # type: ignore[arg-type]
    switch = house.switch(over)
    whole = switch.written(request)
    capture = Capture((Seen(0, None, None, whole),), ())
    found = explain(capture, house.settings, None).messages[0].credit
    assert found is not None
    answer = switch.asks(whole)
    assert answer.result == code
    if code == 2001:
        assert found.operation == "start the call, 30 s asked for"
    else:
        assert found.operation == "nothing, it is refused"
        assert found.why[0].startswith((f"{answer.error}; the answer is {code} ", "no peer of the settings"))


def test_a_mapping_can_be_tried_on_requests_that_are_for_another_realm(house: House) -> None:
    whole = Credit(session="switch.test;1", realm="elsewhere").whole(1)
    found = explain(Capture((Seen(0, None, None, whole),), ()), house.settings, None).messages[0].credit
    assert found is not None
    assert found.who is not None
    assert found.who.tenant == "contoso"
    assert len(found.why) == 3
