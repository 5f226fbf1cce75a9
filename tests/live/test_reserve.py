"""What a call in progress holds: pools in order, money of lots that last, caps; told as tables of starts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from tests.databases import sqlite_database
from tests.live.live_desk import SECOND
from tests.live.small_world import Ask, catalogue_in
from tests.model.twin import Twin

__all__ = ["sqlite_database"]  # a fixture that the tests here ask for

GB, FR, US = "+442071838750", "+33142685300", "+12125550123"
UNIT, YEAR_US = 1_000_000, 365 * 86_400 * SECOND


@pytest.fixture
def twin(sqlite_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    """The small world; a second to GB costs 0.01 where no pool pays."""
    made = Twin(sqlite_database, catalogue_in(tmp_path_factory.mktemp("own") / "catalogue"), desks=1)
    yield made
    made.close()


def told(twin: Twin, tenant: str, call: str) -> tuple[int, int, int]:
    """(authorised_s, pool seconds held, money held in cents) of a call."""
    session = twin.model.tenants[tenant].sessions[call]
    return session.authorised_s, session.pools.total(), session.money.total() // 10_000


@pytest.mark.parametrize(
    ("asks", "expected"),
    [
        ([Ask("user_out", "ann", GB, 60)], [(60, 60, 0)]),
        ([Ask("user_out", "ann", GB, 170), Ask("user_out", "cat", GB, 60)], [(170, 170, 0), (10, 10, 0)]),
        ([Ask("user_out", "ann", GB, 200)], [(200, 180, 20)]),
        ([Ask("user_out", "ann", GB, 600)], [(280, 180, 100)]),
        ([Ask("user_out", "bob", GB, 100), Ask("user_out", "bob", FR, 60)], [(100, 100, 0), (60, 60, 0)]),
        ([Ask("user_out", "bob", GB, 120), Ask("user_out", "bob", FR, 60)], [(120, 120, 0), (60, 0, 35)]),
        ([Ask("conf_out", "fay", US, 600), Ask("conf_out", "fay", FR, 600)], [(600, 600, 0), (180, 180, 0)]),
        ([Ask("ucap_out", "", GB, 30), Ask("user_out", "ann", GB, 150)], [(30, 30, 0), (150, 150, 0)]),
        ([Ask("user_out", "ann", GB)], [(70, 70, 0)]),
    ],
)
def test_reservations(twin: Twin, asks: Sequence[Ask], expected: Sequence[tuple[int, int, int]]) -> None:
    twin.fund("plain", UNIT, YEAR_US)
    for number, ask in enumerate(asks):
        twin.start("plain", f"c{number}", 0, ask)
    assert [told(twin, "plain", f"c{number}") for number in range(len(asks))] == list(expected)


@pytest.mark.parametrize(
    ("lives_s", "authorised_s", "held"),
    [
        ((30, 1_000), 60, {2: 60}),
        ((61, 1_000), 60, {1: 50, 2: 10}),
        ((60, 60), 59, {1: 50, 2: 9}),
        ((30, 30), 29, {1: 29}),
        ((40, 20), 39, {1: 39}),
    ],
)
def test_a_lot_pays_only_for_what_ends_before_it(
    twin: Twin, lives_s: tuple[int, int], authorised_s: int, held: dict[int, int]
) -> None:
    for life_s in lives_s:
        twin.fund("plain", UNIT // 2 if life_s == lives_s[0] and held.get(1) == 50 else UNIT, life_s * SECOND)
    twin.start("plain", "c", 0, Ask("conf_out", "ann", GB, 60))
    session = twin.model.tenants["plain"].sessions["c"]
    assert session.authorised_s == authorised_s
    assert {lot: micros // 10_000 for lot, micros in session.money.items()} == held


def test_caps_hold_what_calls_reserve(twin: Twin) -> None:
    """Ann may spend 0.50, her cost centre 1.20, the tenant 3.00 a month."""
    twin.fund("capped", 60 * UNIT, YEAR_US)
    for call, who in (("a", "ann"), ("b", "eve"), ("c", "eve"), ("d", "dan"), ("e", "dan")):
        twin.start("capped", call, 0, Ask("user_out", who, GB, 600))
    sessions = twin.model.tenants["capped"].sessions
    assert {call: s.money.total() // 10_000 for call, s in sessions.items()} == {"a": 50, "b": 70, "d": 180}


def test_a_longer_grant_that_cannot_be_had_leaves_the_old_one(twin: Twin) -> None:
    twin.fund("plain", UNIT, YEAR_US)
    twin.start("plain", "c", 0, Ask("conf_out", "ann", GB, 60))
    twin.start("plain", "other", 0, Ask("conf_out", "ann", GB, 40))
    twin.extend("plain", "c", 1, 60, 60)
    assert told(twin, "plain", "c") == (60, 0, 60)
