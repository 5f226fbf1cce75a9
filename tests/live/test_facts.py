"""What a start is taken for: category, price, pools and caps, as a table of calls of the small world."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from talktime.live.answers import Allowed, Denied
from talktime.live.desk import Desk
from talktime.live.facts import UNRATED
from talktime.live.operations import StartCall
from tests.databases import sqlite_database
from tests.live.live_desk import SECOND, LiveDesk, books_of
from tests.live.small_world import DESK, FINE, HOTLINE, Ask, catalogue_in, start_of, tenant_of

__all__ = ["sqlite_database"]  # a fixture that the tests here ask for

GB, FR, US, JP = "+442071838750", "+33142685300", "+12125550123", "+81312345678"
MEET, SMALL = "pool:MEET/conferencing/", "pool:SMALL/domestic/GB"
CAPS = ("cap:user/ann@example.com", "cap:cost_centre/sales", "cap:tenant")


@pytest.fixture
def desk(sqlite_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDesk]:
    """The tenant with caps, and money enough."""
    catalogue = catalogue_in(tmp_path_factory.mktemp("own") / "catalogue")
    made = LiveDesk(sqlite_database, catalogue, books_of(FINE.deck))
    made.add(tenant_of("capped"))
    made.fund("capped", 10**9)
    assert isinstance(made.desks[0], Desk)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("ask", "category", "prefix", "pools", "caps"),
    [
        (Ask("user_out", "ann", GB), "calling_plan_domestic", "44", (SMALL,), CAPS),
        (Ask("USER_OUT", "ann", GB), "calling_plan_domestic", "44", (SMALL,), CAPS),
        (Ask("user_out", "ann", FR), "calling_plan_international", "33", (), CAPS),
        (Ask("user_out", "dan", GB), "pay_as_you_go", "44", (), CAPS[2:]),
        (Ask("conf_out", "eve", JP), "conference_dial_out", "81", (MEET,), CAPS[1:]),
        (Ask("ucap_out", "", GB), "voice_app_outbound", "44", (SMALL,), CAPS[2:]),
        (Ask("ucap_in", "", US), "toll_free", "44", (), CAPS[1:]),
        (Ask("user_in", "ann", US), "included_inbound", "", (), ()),
        (Ask("emergency_out", "stranger", GB), "emergency", "", (), ()),
    ],
)
def test_facts(
    desk: LiveDesk, ask: Ask, category: str, prefix: str, pools: tuple[str, ...], caps: tuple[str, ...]
) -> None:
    told = desk.do(start_of("capped", "c", 0, ask, desk.now_us))
    assert isinstance(told, Allowed)
    facts = told.facts
    assert (facts.category, facts.prefix, facts.pools) == (category, prefix, pools)
    assert tuple(cap.counter for cap in facts.caps) == caps
    assert (facts.rate == UNRATED) == (not prefix)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"user": "nobody@example.com"}, "unknown_user"),
        ({"user": "", "service_number": "+441174960001"}, "unknown_user"),
        ({"user": "cat@example.com", "callee": FR}, "not_licensed"),
        ({"callee": "+449012345678"}, "premium_refused"),
        ({"callee": "+263242700000"}, "no_rate"),
        ({"callee": "911"}, "no_rate"),
    ],
)
def test_refusals(desk: LiveDesk, change: dict[str, str], reason: str) -> None:
    call = StartCall("capped", "c", 0, "user_out", user="ann@example.com", callee=GB)
    fields = {name: getattr(call, name) for name in call.__struct_fields__}
    told = desk.do(StartCall(**{**fields, **change}))
    assert isinstance(told, Denied)
    assert told.reason.code == reason


@pytest.mark.parametrize(
    ("started_ago_s", "answered_ago_s", "base_ago_s"),
    [(None, None, 0), (90, None, 90), (90, 80, 80), (None, 5, 5)],
)
def test_whose_instant_counts(
    desk: LiveDesk, started_ago_s: int | None, answered_ago_s: int | None, base_ago_s: int
) -> None:
    ask = replace(Ask("user_out", "ann", GB), started_ago_s=started_ago_s, answered_ago_s=answered_ago_s)
    told = desk.do(start_of("capped", "c", 0, ask, desk.now_us))
    assert told.facts.base_us == desk.now_us - base_ago_s * SECOND


def test_service_numbers_are_known_by_their_number(desk: LiveDesk) -> None:
    assert DESK != HOTLINE
    written = StartCall("capped", "c", 0, "ucap_out", service_number="+44 117 496-0000", callee=GB)
    assert isinstance(desk.do(written), Allowed)
