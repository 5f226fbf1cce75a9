"""Barred destinations in a file: blocked before all else, by the rule that `start` asks (rulings.md 2, 24).

Ana may call domestically only, Bob everywhere, nobody to +4420; a second costs 1,000 micros.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from talktime.accounts.tenant import Guards, ServiceNumber, Tenant, unstated_tenant
from tests.bulk.charged import ABROAD, DOMESTIC_TO, SPENDS, call, charged, shown, tenant, user

PARIS, MANCHESTER = "+33140000000", "+441610000000"
LOTS = [("2026-01-01 00:00", "50")]
ANA = user("ana", SPENDS, policies=("calls_domestic", "conferencing_zone_a"))
BOB = user("bob", SPENDS)
BRIDGE = ServiceNumber("+18005550100", "toll_free", "conferencing_bridge")
THE_TENANT = tenant(
    ANA, BOB, lots=LOTS, guards=Guards(barred_prefixes=("4420", "44")), service_numbers=(BRIDGE,)
)
OPEN_TENANT = replace(THE_TENANT, guards=Guards())


def states(who: Tenant, calls: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return shown(charged(who, calls), "state", "reason", "billed_seconds", "amount")


BLOCKED, CHARGED = ("blocked", "barred_destination", 0, 0), ("charged", "", 60, 60_000)


@pytest.mark.parametrize(
    ("more", "outcome"),
    [
        ({"to": DOMESTIC_TO}, CHARGED),
        ({"to": PARIS}, BLOCKED),
        ({"to": PARIS, "call_type": "user_out_forwarding"}, BLOCKED),
        ({"to": PARIS, "call_type": "conf_out"}, CHARGED),
        ({"to": PARIS, "who": "bob"}, CHARGED),
        ({"to": PARIS, "who": "bob", "location": "FR"}, CHARGED),
        ({"to": PARIS, "location": "FR"}, CHARGED),  # the row says where Ana is: domestic
        ({"to": DOMESTIC_TO, "location": "FR"}, BLOCKED),
    ],
)
def test_a_users_policy_blocks(more: dict[str, Any], outcome: tuple[Any, ...]) -> None:
    assert states(OPEN_TENANT, [call("2026-03-01 10:00", 60, **more)]) == [outcome]


@pytest.mark.parametrize(
    ("more", "outcome"),
    [
        ({"who": "bob"}, BLOCKED),
        ({"who": "bob", "to": MANCHESTER}, BLOCKED),
        ({"who": "bob", "to": PARIS}, CHARGED),
        ({"who": "bob", "to": "+442079460***"}, BLOCKED),  # what is visible says enough
        ({"who": "bob", "to": "+4*"}, ("unrated", "no_rate", 60, 0)),
        ({"who": "bob", "call_type": "conf_out"}, BLOCKED),
        ({"who": "", "caller": BRIDGE.number, "call_type": "ucap_out"}, BLOCKED),
    ],
)
def test_a_barred_prefix_blocks_whoever_calls(more: dict[str, Any], outcome: tuple[Any, ...]) -> None:
    assert states(THE_TENANT, [call("2026-03-01 10:00", 60, **more)]) == [outcome]


def test_being_barred_comes_before_every_other_reason() -> None:
    nobody_may_spend = tenant(user("ana", policies=("calls_none",)), user("bob"), lots=())
    calls = [
        call("2026-03-01 10:00", 60, to="+449012345678"),  # premium that is refused
        call("2026-03-01 11:00", 60, to="+88212345678"),  # no rate
        call("2026-03-01 12:00", 60, who="bob"),
    ]
    reasons = [reason for _, reason, *_ in states(nobody_may_spend, calls)]
    assert reasons == ["barred_destination", "barred_destination", "not_licensed"]


def test_a_barred_call_takes_no_pool() -> None:
    held = user("ana", "MCOPSTN2", SPENDS, policies=("calls_domestic",))
    run = charged(
        tenant(held, lots=LOTS), [call("2026-03-01 10:00", 60), call("2026-03-01 11:00", 60, to=DOMESTIC_TO)]
    )
    assert shown(run, "state", "pool_seconds") == [("blocked", 0), ("charged", 60)]
    assert (run.totals.blocked_calls, run.totals.blocked_s) == (1, 60)


def test_what_comes_in_and_emergencies_are_never_barred() -> None:
    nothing = tenant(
        user("ana", SPENDS, policies=("calls_none", "conferencing_none")),
        lots=LOTS,
        guards=Guards(barred_prefixes=("1", "44")),
        service_numbers=(BRIDGE,),
    )
    calls = [
        call("2026-03-01 10:00", 60, call_type="user_in", to=DOMESTIC_TO),
        call("2026-03-01 11:00", 60, call_type="conf_in", caller=ABROAD, to=BRIDGE.number),
        call("2026-03-01 12:00", 60, call_type="emergency_out", to="112"),
        call("2026-03-01 13:00", 60, call_type="dr_out"),
    ]
    assert "blocked" not in {state for state, *_ in states(nothing, calls)}


def test_where_nothing_is_refused_nothing_is_barred() -> None:
    asking = replace(unstated_tenant("US", "USD"), guards=Guards(barred_prefixes=("44",)))
    assert states(asking, [call("2026-03-01 10:00", 60)]) == [CHARGED]
