"""Guards of calls in progress and barred destinations, through a desk on a SQLite file (domain.md 7, 15).

A second of the deck costs 1,000 micros; +44870 is premium that credits may pay, +33 a dear country, +4421 a
barred prefix. Ana and Bob may spend credits; there is far more money than any call needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from talktime.accounts.tenant import Cap, Guards, ServiceNumber
from talktime.catalog.load import load_catalogue
from talktime.core.deck import INBOUND
from talktime.core.refusals import Refusal
from talktime.ledger.database import open_url, upgrade
from talktime.ledger.rows import HOUR_US
from talktime.ledger.schema import HOURS_FROM
from talktime.live.answers import Allowed, Cancelled, Denied, Settled
from talktime.live.operations import CancelCall, EndCall, ExtendCall, Pace, StartCall
from tests.bulk.charged import DOMESTIC_TO, SPENDS, by_second, call, charged, deck, shown, tenant, user
from tests.live.live_desk import NOON_US, LiveDesk, books_of

LONDON, PARIS, PREMIUM, BARRED = "+442079460000", "+33140000000", "+448701234567", "+442112345678"
BRIDGE = ServiceNumber("+18005550100", "toll_free", "conferencing_bridge")
ANA, BOB = user("ana", SPENDS), user("bob", SPENDS)
DECK = deck(
    *(by_second(prefix, "0.06") for prefix in ("1", "33", "44")), by_second("1", "0.06", direction=INBOUND)
)
PACE = Pace(grace_s=24 * 3600)

Opened = Callable[..., "Switch"]


class Switch:
    """A switch in front of a desk: each operation of a call gets the next sequence."""

    def __init__(self, desk: LiveDesk) -> None:
        self.desk = desk
        self._sequences: dict[str, int] = {}

    def _next(self, call_id: str) -> int:
        self._sequences[call_id] = self._sequences.get(call_id, -1) + 1
        return self._sequences[call_id]

    def start(self, call_id: str, to: str = LONDON, who: str = "ana", **more: Any) -> Any:
        words: dict[str, Any] = {
            "call_type": "user_out",
            "user": who,
            "callee": to,
            "requested_s": 600,
        } | more
        return self.desk.do(StartCall("t", call_id, self._next(call_id), **words))

    def extend(self, call_id: str, used_s: int, requested_s: int = 600) -> Any:
        return self.desk.do(ExtendCall("t", call_id, self._next(call_id), used_s, requested_s))

    def end(self, call_id: str, duration_s: int) -> Any:
        return self.desk.do(EndCall("t", call_id, self._next(call_id), duration_s))

    def cancel(self, call_id: str) -> Any:
        return self.desk.do(CancelCall("t", call_id, self._next(call_id)))

    def pass_hours(self, hours: int) -> None:
        self.desk.now_us += hours * HOUR_US

    def hours(self) -> dict[str, list[int]]:
        """Counters of hours -> the hours, counted from noon, that are stored."""
        found: dict[str, list[int]] = {}
        query = "select counter, period from counters where period >= ? order by counter, period"
        for name, period in self.desk.rows(query, HOURS_FROM):
            found.setdefault(name, []).append(period - NOON_US // HOUR_US)
        return found

    def in_progress(self) -> dict[str, int]:
        """Counters of paid calls in progress, as they are stored."""
        query = "select counter, reserved from counters where period = 0 order by counter"
        return dict(self.desk.rows(query))


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """Opens a tenant `t` with these guards, caps and users at a desk of its own."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    upgrade(open_url(url))
    with closing(LiveDesk(url, load_catalogue(), books_of(DECK), pace=PACE)) as desk:

        def open_one(guards: Guards, users: Sequence[Any] = (ANA, BOB), **more: Any) -> Switch:
            desk.add(tenant(*users, guards=guards, service_numbers=(BRIDGE,), **more))
            desk.fund("t", 10**12)
            return Switch(desk)

        yield open_one


def reason(answer: Any) -> Refusal:
    return answer.reason if isinstance(answer, Denied) else Refusal.NONE


def granted(answer: Any) -> tuple[int, int]:
    """(seconds from those used on, whether the grant is final)."""
    assert isinstance(answer, Allowed), answer
    return answer.grant.granted_s, answer.grant.final


# --- calls at a time -------------------------------------------------------------------------------


def test_a_user_has_so_many_paid_calls_at_a_time(opened: Opened) -> None:
    switch = opened(Guards(calls_per_user=2))
    assert [reason(switch.start(name)) for name in ("a", "b", "c")] == [0, 0, Refusal.TOO_MANY_CALLS]
    denied = switch.start("d")
    assert denied.detail == "the user has 2 paid calls in progress, which is the limit"
    assert denied.reason.retry_helps
    assert reason(switch.start("e", who="bob")) == Refusal.NONE
    assert switch.in_progress() == {"open:user/ana": 2, "open:user/bob": 1}


def test_a_tenant_has_so_many_paid_calls_at_a_time(opened: Opened) -> None:
    switch = opened(Guards(calls=2, calls_per_user=2))
    assert [reason(switch.start("a")), reason(switch.start("b", who="bob"))] == [0, 0]
    denied = switch.start("c")
    assert (denied.reason, denied.detail) == (
        Refusal.TOO_MANY_CALLS,
        "the tenant has 2 paid calls in progress, which is the limit",
    )
    inbound = {"who": "", "service_number": BRIDGE.number, "call_type": "conf_in"}
    assert reason(switch.start("d", BRIDGE.number, **inbound)) == Refusal.TOO_MANY_CALLS


def test_free_calls_are_not_counted_and_never_too_many(opened: Opened) -> None:
    switch = opened(Guards(calls=1, calls_per_user=1))
    assert reason(switch.start("in", DOMESTIC_TO, call_type="user_in")) == Refusal.NONE
    assert reason(switch.start("a")) == Refusal.NONE
    for call_type in ("user_in", "dr_out", "emergency_out"):
        assert reason(switch.start(call_type, call_type=call_type)) == Refusal.NONE
    assert switch.in_progress() == {"open:tenant": 1, "open:user/ana": 1}


ENDINGS: dict[str, Callable[[Switch], Any]] = {
    "ended": lambda switch: switch.end("a", 60),
    "not answered": lambda switch: switch.end("a", 0),
    "cancelled": lambda switch: switch.cancel("a"),
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_a_call_that_is_over_makes_room(opened: Opened, ending: Callable[[Switch], Any]) -> None:
    switch = opened(Guards(calls=1, calls_per_user=1))
    switch.start("a")
    assert reason(switch.start("b")) == Refusal.TOO_MANY_CALLS
    assert isinstance(ending(switch), Settled | Cancelled)
    assert switch.in_progress() == {"open:tenant": 0, "open:user/ana": 0}
    assert reason(switch.start("b")) == Refusal.NONE


def test_a_lost_call_makes_room_once_though_its_end_comes_later(opened: Opened) -> None:
    switch = opened(Guards(calls=1))
    switch.start("a")
    switch.extend("a", 60)
    switch.pass_hours(30)
    assert switch.desk.look_round() == 1
    assert switch.in_progress() == {"open:tenant": 0}
    assert reason(switch.start("b")) == Refusal.NONE
    assert isinstance(switch.end("a", 120), Settled)
    assert switch.in_progress() == {"open:tenant": 1}


def test_calls_are_counted_across_a_restart(opened: Opened) -> None:
    switch = opened(Guards(calls=1))
    switch.start("a")
    switch.desk.restart()
    assert reason(switch.start("b")) == Refusal.TOO_MANY_CALLS
    switch.end("a", 5)
    switch.desk.restart()
    assert reason(switch.start("b")) == Refusal.NONE


# --- the longest call ------------------------------------------------------------------------------


def test_the_longest_call_cuts_grants_and_then_ends_the_call(opened: Opened) -> None:
    switch = opened(Guards(longest_call_s=900))
    assert granted(switch.start("a")) == (600, 0)
    assert granted(switch.extend("a", 590)) == (310, 1)
    denied = switch.extend("a", 900)
    assert (denied.reason, denied.detail) == (
        Refusal.CALL_TOO_LONG,
        "the call has reached the longest that is allowed",
    )
    assert not denied.reason.retry_helps
    settled = switch.end("a", 900)
    assert (settled.billed_s, settled.amount, settled.flags) == (900, 900_000, ())


def test_a_first_grant_is_cut_too(opened: Opened) -> None:
    switch = opened(Guards(longest_call_s=45))
    assert granted(switch.start("a")) == (45, 1)
    assert granted(switch.start("b", requested_s=30)) == (30, 0)
    assert granted(switch.extend("b", 30, 30)) == (15, 1)
    assert reason(switch.extend("b", 45, 30)) == Refusal.CALL_TOO_LONG


def test_a_free_call_may_last(opened: Opened) -> None:
    switch = opened(Guards(longest_call_s=45))
    assert granted(switch.start("a", DOMESTIC_TO, call_type="user_in")) == (600, 0)
    assert granted(switch.extend("a", 600)) == (600, 0)


# --- money an hour ---------------------------------------------------------------------------------

DEAR = Guards(dear_an_hour_micros=900_000, dear_an_hour_per_user_micros=400_000, dear_countries=("FR",))
USERS_HOUR = "what the user may spend an hour on premium numbers and dear countries leaves too little"
TENANTS_HOUR = USERS_HOUR.replace("the user", "the tenant")


@pytest.mark.parametrize("to", [PARIS, PREMIUM])
def test_money_an_hour_cuts_the_grants_of_dear_calls(opened: Opened, to: str) -> None:
    switch = opened(DEAR)
    assert granted(switch.start("a", to)) == (400, 1)
    denied = switch.start("b", to)
    assert (denied.reason, denied.detail) == (Refusal.SPEND_CAP, USERS_HOUR)
    assert denied.reason.retry_helps
    denied = switch.extend("a", 400)
    assert (denied.reason, denied.detail) == (Refusal.SPEND_CAP, USERS_HOUR)
    switch.end("a", 100)  # what was not used others may spend
    assert granted(switch.start("c", to)) == (300, 1)


def test_the_tenants_hour_holds_all_users_together(opened: Opened) -> None:
    switch = opened(DEAR, [ANA, BOB, user("cid", SPENDS)])
    assert granted(switch.start("a", PARIS)) == (400, 1)
    assert granted(switch.start("b", PREMIUM, who="bob")) == (400, 1)
    assert granted(switch.start("c", PARIS, who="cid")) == (100, 1)
    denied = switch.start("d", PARIS, who="cid")
    assert (denied.reason, denied.detail) == (Refusal.SPEND_CAP, TENANTS_HOUR)


def test_other_calls_have_no_hour(opened: Opened) -> None:
    switch = opened(DEAR)
    switch.start("a", PARIS)
    assert granted(switch.start("b", LONDON)) == (600, 0)
    inbound = {"who": "", "service_number": BRIDGE.number, "call_type": "conf_in"}
    assert granted(switch.start("c", BRIDGE.number, caller=PARIS, **inbound)) == (600, 0)
    assert set(switch.hours()) == {"hour:tenant", "hour:user/ana"}


def test_inbound_calls_of_a_dear_country_have_no_hour(opened: Opened) -> None:
    switch = opened(Guards(dear_an_hour_micros=0, dear_countries=("US",)))
    inbound = {"who": "", "service_number": BRIDGE.number, "call_type": "conf_in"}
    assert reason(switch.start("a", BRIDGE.number, caller=PARIS, **inbound)) == Refusal.NONE
    assert reason(switch.start("b", DOMESTIC_TO)) == Refusal.SPEND_CAP


def test_the_next_hour_begins_anew_whatever_the_switchs_clock_says(opened: Opened) -> None:
    switch = opened(DEAR)
    switch.start("a", PARIS)
    switch.end("a", 400)
    for shift_us in (-HOUR_US, HOUR_US):
        answer = switch.start("b", PARIS, started_us=NOON_US + shift_us)
        assert reason(answer) == Refusal.SPEND_CAP
    switch.desk.now_us = NOON_US + HOUR_US - 1
    assert reason(switch.start("b", PARIS)) == Refusal.SPEND_CAP
    switch.desk.now_us = NOON_US + HOUR_US
    assert granted(switch.start("b", PARIS)) == (400, 1)


def test_of_an_hours_guard_and_a_months_cap_the_one_that_leaves_less_is_told(opened: Opened) -> None:
    switch = opened(DEAR, caps=(Cap("tenant", "t", 300_000),))
    assert granted(switch.start("a", PARIS)) == (300, 1)
    assert switch.start("b", PARIS).detail == "a spend cap leaves too little"
    switch.end("a", 100)
    assert granted(switch.start("b", LONDON)) == (200, 1)
    assert switch.start("c", LONDON).detail == "a spend cap leaves too little"


def test_pool_seconds_cost_nothing_of_an_hour(opened: Opened) -> None:
    guards = Guards(dear_an_hour_micros=0, dear_countries=("FR",))
    switch = opened(guards, [user("ana", "MCOPSTN2"), BOB])
    assert granted(switch.start("a", PARIS)) == (600, 0)
    assert reason(switch.start("b", PARIS, who="bob")) == Refusal.SPEND_CAP


# --- hours that are over ---------------------------------------------------------------------------


def test_counters_of_hours_that_are_long_over_go(opened: Opened) -> None:
    switch = opened(DEAR)
    switch.start("a", PARIS)
    switch.end("a", 100)
    switch.start("month", LONDON)
    switch.end("month", 100)
    for hour in (1, 2):
        switch.pass_hours(1)
        switch.desk.look_round()
        assert switch.hours() == {"hour:tenant": [0], "hour:user/ana": [0]}, hour
    switch.pass_hours(1)
    switch.start("b", PARIS)
    switch.end("b", 100)
    switch.desk.look_round()
    assert switch.hours() == {"hour:tenant": [3], "hour:user/ana": [3]}


def test_what_a_call_in_progress_holds_of_an_hour_stays(opened: Opened) -> None:
    switch = opened(DEAR)
    switch.start("a", PARIS)
    switch.start("b", PARIS, who="bob")
    switch.end("b", 100)
    switch.pass_hours(3)
    switch.desk.look_round()
    assert switch.hours() == {"hour:tenant": [0], "hour:user/ana": [0]}
    switch.desk.restart()
    assert granted(switch.extend("a", 300)) == (100, 1)  # of noon's money, the hour it began in
    assert granted(switch.start("c", PARIS)) == (400, 1)
    assert switch.end("a", 350).amount == 350_000
    switch.pass_hours(1)
    switch.desk.look_round()
    assert switch.hours() == {"hour:tenant": [3], "hour:user/ana": [3]}


def test_the_memory_lets_go_of_hours_as_the_store_does(opened: Opened) -> None:
    switch = opened(DEAR)
    for hour in range(6):
        switch.start(f"c{hour}", PARIS)
        switch.end(f"c{hour}", 100)
        switch.pass_hours(1)
        switch.desk.look_round()
    held = {period - NOON_US // HOUR_US for _, period in book_of(switch).counters if period >= HOURS_FROM}
    assert held == {3, 4, 5}
    assert switch.hours() == {"hour:tenant": [4, 5], "hour:user/ana": [4, 5]}


# --- barred destinations ---------------------------------------------------------------------------

HELD_TO = {
    "any": (),
    "domestic": ("calls_domestic", "conferencing_organiser_country"),
    "Zone A": ("conferencing_zone_a",),
    "none": ("calls_none", "conferencing_none"),
}
HARARE, TORONTO = "+263242123456", "+14165550100"


def test_a_barred_call_is_denied_before_every_other_reason_and_holds_nothing(opened: Opened) -> None:
    guards = Guards(calls=0, barred_prefixes=("4421",))
    switch = opened(guards, [ANA, user("bob", policies=("calls_none",))])
    for who, to in [("ana", BARRED), ("bob", LONDON), ("bob", "+449012345678")]:
        denied = switch.start(f"{who} {to}", to, who)
        assert (denied.reason, denied.detail) == (
            Refusal.BARRED_DESTINATION,
            "the destination is barred for this user",
        )
        assert not denied.reason.retry_helps
    assert switch.desk.wallet("t") == (10**12, 0, 0)
    assert reason(switch.start("b", DOMESTIC_TO, "bob", call_type="user_in")) == Refusal.NONE
    assert reason(switch.start("c", BARRED, "bob", call_type="emergency_out")) == Refusal.NONE


@pytest.mark.parametrize("call_type", ["user_out", "conf_out", "user_in"])
@pytest.mark.parametrize("policies", HELD_TO.values(), ids=HELD_TO)
def test_a_file_and_a_call_in_progress_bar_the_same(
    opened: Opened, policies: tuple[str, ...], call_type: str
) -> None:
    guards = Guards(barred_prefixes=("4421",))
    held = user("ana", SPENDS, policies=policies)
    switch = opened(guards, [held])
    numbers = [DOMESTIC_TO, TORONTO, LONDON, BARRED, PARIS, HARARE]
    live = [reason(switch.start(to, to, call_type=call_type)).code for to in numbers]
    who = tenant(held, guards=guards, service_numbers=(BRIDGE,), lots=[("2026-01-01 00:00", "1000")])
    rows = [call("2026-03-01 12:00", 60, to=to, call_type=call_type) for to in numbers]
    assert live == [found for (found,) in shown(charged(who, rows, DECK), "reason")]
    assert ("barred_destination" in live) is (call_type != "user_in")


def book_of(switch: Switch) -> Any:
    """The book in the memory of the engine."""
    return switch.desk.desks[0].engine._books["t"]
