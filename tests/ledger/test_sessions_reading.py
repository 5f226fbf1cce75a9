"""Small questions beside the engine: whose is a session, which calls are over, what money is there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from talktime.accounts.tenant import Tenant
from talktime.ledger import sessions_reading
from talktime.ledger.database import open_url
from talktime.ledger.sessions_reading import available, not_open, tenant_with_session
from talktime.ledger.store import StoreAway
from talktime.live.operations import CancelCall, EndCall, StartCall
from tests.databases import database
from tests.live.live_desk import SECOND, LiveDesk
from tests.live.test_stories import UNIT, desk_with, start

__all__ = ["database"]  # a fixture that the tests here ask for

CENT = UNIT // 100


@pytest.fixture
def desk(database: str) -> Iterator[LiveDesk]:
    """Tenant t: open and silent are in progress, ended, cancelled and denied are over; u is empty."""
    made = desk_with(database, UNIT, price_per_minute="0.6", first_seconds="1", step_seconds="1")
    made.add(Tenant("u", "u", "GB", "USD"))
    for call in ("open", "silent", "ended", "cancelled"):
        made.do(start(call, 10))
    made.do(EndCall("t", "ended", 1, 10))
    made.do(CancelCall("t", "cancelled", 1))
    for tenant in ("t", "u"):
        made.do(StartCall(tenant, "denied", 0, "user_out", user="stranger", callee="+442071838750"))
    yield made
    made.close()


@pytest.mark.parametrize(
    ("call_id", "tenants", "found"),
    [
        ("open", ["t"], "t"),
        ("open", ["a", "u", "t", "z"], "t"),
        ("ended", ["u", "t"], "t"),
        ("denied", ["u", "t"], "u"),
        ("open", ["u"], None),
        ("open", [], None),
        ("nobody", ["t", "u"], None),
    ],
)
def test_whose_a_session_is(desk: LiveDesk, call_id: str, tenants: list[str], found: str | None) -> None:
    assert tenant_with_session(desk.url, call_id, tenants) == found


def test_a_session_is_preferred_to_the_memory_of_a_denied_start(desk: LiveDesk) -> None:
    desk.do(start("both", 1))
    desk.do(StartCall("u", "both", 0, "user_out", user="stranger", callee="+442071838750"))
    assert tenant_with_session(desk.url, "both", ["u", "t"]) == "t"


@pytest.mark.parametrize("chunk", [1, 2, 500])
def test_which_calls_are_over(desk: LiveDesk, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(sessions_reading, "CHUNK", chunk)
    calls = ["open", "silent", "ended", "cancelled", "denied", "nobody"]
    assert not_open(desk.url, "t", calls) == {"ended", "cancelled", "denied", "nobody"}
    assert not_open(desk.url, "u", calls) == set(calls)
    assert not_open(desk.url, "t", []) == set()
    assert tenant_with_session(desk.url, "open", ["a", "b", "u", "t"]) == "t"
    assert set(available(desk.url, ["t", "u", "nobody"], desk.now_us)) == {"t", "u"}


def test_the_money_that_is_there(desk: LiveDesk) -> None:
    """Not what calls hold, and nothing of a lot that has expired though nobody has forfeited it."""
    held = 2 * 10 * CENT
    spent = 10 * CENT
    assert available(desk.url, ["t", "u"], desk.now_us) == {"t": UNIT - spent - held, "u": 0}
    desk.fund("t", 5 * UNIT, 100 * SECOND)
    assert available(desk.url, ["t"], desk.now_us + 100 * SECOND - 1) == {"t": 6 * UNIT - spent - held}
    assert available(desk.url, ["t"], desk.now_us + 100 * SECOND) == {"t": UNIT - spent - held}
    desk.do(EndCall("t", "open", 1, 1_000))
    assert available(desk.url, ["t"], desk.now_us + 100 * SECOND)["t"] < UNIT


def test_what_is_owed_is_below_nothing(desk: LiveDesk) -> None:
    desk.do(EndCall("t", "open", 1, 200))
    balance, reserved, overdraft = desk.wallet("t")
    assert overdraft > 0
    assert available(desk.url, ["t"], desk.now_us) == {"t": balance - reserved}


def test_a_database_that_is_away_is_said() -> None:
    url = open_url("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(StoreAway, match="does not answer"):
        not_open(url, "t", ["c"])
