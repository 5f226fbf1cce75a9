"""What a call is, who may pay for it and how the deck is asked, before any money (rulings.md 9 to 15)."""

from __future__ import annotations

from typing import Any

import pytest

from talktime.catalog.classify import FLAG_LOCATION, FLAG_SCOPE, Classified, Situation, classify
from talktime.catalog.load import load_catalogue
from talktime.catalog.model import PREMIUM_CREDITS_ONLY, PREMIUM_REFUSE
from talktime.core.deck import INBOUND, OUTBOUND
from talktime.core.refusals import GATE_BARRED, GATE_PREMIUM, GATE_UNLICENSED

A_CALL: dict[str, Any] = {
    "call_type": "user_out",
    "direction": "",
    "listed_kind": "",
    "row_number_type": "",
    "country": "GB",
    "number_kind": "geographic",
    "premium": "normal",
    "other_operator": False,
    "scope": "",
    "location": "US",
    "caller_country": "US",
    "user_plans": (),
    "service_plans": (),
}
"""Somebody in the US without any plan calls London."""

CREDITS, PAYG, PER_MINUTE = ("MCOPSTNC",), ("MCOPSTNPP",), ("MCOMEETACPEA",)
TO_BRIDGE: dict[str, Any] = {"call_type": "conf_in", "country": "US", "number_kind": "toll_free"}


def classified(*, licence_asked: bool = True, gated: bool = True, **facts: Any) -> Classified:
    situation = Situation(**(A_CALL | facts))
    return classify(load_catalogue(), situation, licence_asked=licence_asked, gated=gated)


# --- the category ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("category", "facts"),
    [
        ("emergency", {"call_type": "emergency_out"}),
        ("emergency", {"call_type": "emergency_in", "other_operator": True}),
        ("carried_by_operator", {"call_type": "dr_out"}),
        ("carried_by_operator", {"call_type": "dr_in"}),
        ("carried_by_operator", {"call_type": "byotout"}),
        ("carried_by_operator", {"call_type": "fmc_out"}),
        ("carried_by_operator", {"other_operator": True}),
        ("carried_by_operator", {"call_type": "conf_in", "other_operator": True, "user_plans": PER_MINUTE}),
        ("conference_pay_per_minute", {"call_type": "conf_out", "user_plans": PER_MINUTE}),
        ("conference_pay_per_minute", TO_BRIDGE | {"user_plans": PER_MINUTE}),
        ("toll_free", TO_BRIDGE),
        ("toll_free", TO_BRIDGE | {"call_type": "ucap_in"}),
        ("included_inbound", TO_BRIDGE | {"call_type": "user_in"}),
        ("included_inbound", {"call_type": "unassigned_in"}),
        ("included_inbound", {"call_type": "conf_in"}),
        ("included_inbound", {"call_type": "ucap_in"}),
        ("conference_dial_out", {"call_type": "conf_out"}),
        ("conference_dial_out", {"call_type": "conf_out", "user_plans": PAYG}),
        ("voice_app_outbound", {"call_type": "ucap_out"}),
        ("voice_app_outbound", {"call_type": "ucap_out_conf", "user_plans": PAYG}),
        ("pay_as_you_go", {"user_plans": PAYG}),
        ("pay_as_you_go", {"call_type": "user_out_forwarding", "country": "US", "user_plans": PAYG}),
        ("calling_plan_domestic", {"country": "US"}),
        ("calling_plan_domestic", {"country": "CA", "call_type": "user_out_conf"}),
        ("calling_plan_domestic", {"country": "US", "location": "PR", "call_type": "user_out_transfer"}),
        ("calling_plan_international", {}),
        ("calling_plan_international", {"country": "US", "location": "GB"}),
        ("other", {"call_type": "mystery"}),
        ("other", {"call_type": "conf_mystery"}),
        ("other", {"call_type": ""}),
    ],
)
def test_category(category: str, facts: dict[str, Any]) -> None:
    found = classified(**facts)
    assert found.category.name == category
    assert load_catalogue().rules[found.rule].category == category


def test_what_nobody_knows_is_free_and_flagged() -> None:
    found = classified(call_type="mystery")
    assert (found.category.is_free, found.flags, found.gates) == (True, ("unknown_call_type",), 0)


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        ("toll_free", {}),  # the number itself
        ("toll", {"listed_kind": "toll", "row_number_type": "toll_free"}),  # the tenant's list comes first
        ("toll_free", {"listed_kind": "toll_free", "row_number_type": "toll"}),
        ("toll", {"row_number_type": "toll"}),  # then the row's word
        ("toll_free", {"row_number_type": "toll_free", "number_kind": "geographic"}),
        ("toll_free", {"row_number_type": "service_toll_free", "number_kind": "geographic"}),
        ("toll_free", {"row_number_type": "mystery"}),  # a word that says nothing
        ("toll", {"number_kind": "geographic"}),
        ("toll", {"number_kind": ""}),
        ("toll", {"call_type": "user_out"}),  # who calls a toll-free number is on no toll-free number
    ],
)
def test_kind_of_number(kind: str, facts: dict[str, Any]) -> None:
    assert classified(**(TO_BRIDGE | facts)).deck_call.number_type == kind


# --- domestic or not -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "domestic", "flags"),
    [
        ({"country": "CA"}, True, ()),
        ({"country": "CA", "scope": "domestic"}, True, ()),
        ({"country": "CA", "scope": "international"}, True, (FLAG_SCOPE,)),  # the number decides
        ({"country": "GB", "scope": "domestic"}, False, (FLAG_SCOPE,)),
        ({"country": "GB", "location": "GB"}, True, ()),
        ({"country": "", "scope": "domestic"}, True, ()),  # the row, where the number cannot
        ({"country": "", "scope": "international"}, False, ()),
        ({"country": ""}, False, ()),
        ({"country": "GB", "location": "", "scope": "domestic"}, True, ()),
        ({"country": "GB", "location": ""}, False, (FLAG_LOCATION,)),
    ],
)
def test_domestic(facts: dict[str, Any], domestic: bool, flags: tuple[str, ...]) -> None:
    found = classified(**facts)
    assert (found.category.name == "calling_plan_domestic", found.flags) == (domestic, flags)


# --- what the deck is asked ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "direction", "origin"),
    [
        ({}, OUTBOUND, "US"),
        ({"location": "FR", "caller_country": "GB"}, OUTBOUND, "FR"),
        ({"location": "", "caller_country": "GB"}, OUTBOUND, "GB"),
        (TO_BRIDGE | {"caller_country": "MX"}, INBOUND, "MX"),
        ({"call_type": "mystery"}, OUTBOUND, "US"),
        ({"call_type": "mystery", "direction": INBOUND, "caller_country": "MX"}, INBOUND, "MX"),
        ({"call_type": "conf_out", "direction": INBOUND}, OUTBOUND, "US"),  # the call type knows
    ],
)
def test_what_the_deck_is_asked(facts: dict[str, Any], direction: str, origin: str) -> None:
    found = classified(**facts)
    assert (found.deck_call.direction, found.deck_call.origin_country) == (direction, origin)
    assert found.deck_call.category == found.category.name


# --- gates -----------------------------------------------------------------------------------------

PREMIUM: dict[str, Any] = {"premium": PREMIUM_REFUSE}
BOTH = GATE_UNLICENSED | GATE_PREMIUM


@pytest.mark.parametrize(
    ("facts", "gates"),
    [
        ({}, GATE_UNLICENSED),
        ({"user_plans": CREDITS}, 0),
        ({"user_plans": PAYG}, 0),  # the plan includes the right to spend
        ({"user_plans": ("MCOPSTN1", "MCOEV")}, GATE_UNLICENSED),
        ({"call_type": "conf_out"}, GATE_UNLICENSED),
        ({"call_type": "conf_out", "user_plans": CREDITS}, 0),
        ({"call_type": "conf_out", "user_plans": PER_MINUTE}, 0),
        ({"call_type": "ucap_out"}, 0),
        (TO_BRIDGE, 0),  # no user licence
        (PREMIUM, BOTH),
        (PREMIUM | {"user_plans": CREDITS}, GATE_PREMIUM),
        (PREMIUM | {"call_type": "ucap_out"}, GATE_PREMIUM),
        ({"premium": PREMIUM_CREDITS_ONLY, "user_plans": CREDITS}, 0),
        (PREMIUM | {"call_type": "emergency_out"}, 0),
        (PREMIUM | {"call_type": "user_in"}, 0),
        (PREMIUM | TO_BRIDGE, 0),  # what is dialled out is barred, not what comes in
        (PREMIUM | {"licence_asked": False}, GATE_PREMIUM),
        (PREMIUM | {"gated": False}, 0),
    ],
)
def test_gates(facts: dict[str, Any], gates: int) -> None:
    assert classified(**facts).gates == gates


# --- what is barred --------------------------------------------------------------------------------

HOME, DOMESTIC_GROUP, ZONE_A, ELSEWHERE, NOWHERE = "home", "domestic", "zone A", "elsewhere", "nowhere"
FROM_US = {HOME: "US", DOMESTIC_GROUP: "CA", ZONE_A: "GB", ELSEWHERE: "ZW", NOWHERE: ""}
FROM_ZW = {HOME: "ZW", ZONE_A: "GB", ELSEWHERE: "CK", NOWHERE: ""}
OWN_CALLS: list[dict[str, Any]] = [
    {"call_type": "user_out"},
    {"call_type": "user_out_forwarding"},
    {"call_type": "user_out", "user_plans": PAYG},
]
CONFERENCES: list[dict[str, Any]] = [
    {"call_type": "conf_out"},
    {"call_type": "conf_out", "user_plans": PER_MINUTE},
]


@pytest.mark.parametrize("location", ["US", "ZW"])
@pytest.mark.parametrize("way", OWN_CALLS)
@pytest.mark.parametrize(
    ("policies", "open_to"),
    [
        ((), {HOME, DOMESTIC_GROUP, ZONE_A, ELSEWHERE, NOWHERE}),
        (("calls_international_and_domestic",), {HOME, DOMESTIC_GROUP, ZONE_A, ELSEWHERE, NOWHERE}),
        (("calls_domestic",), {HOME, DOMESTIC_GROUP}),
        (("calls_none",), set()),
        (("conferencing_none",), {HOME, DOMESTIC_GROUP, ZONE_A, ELSEWHERE, NOWHERE}),  # of the other kind
        (("calls_domestic", "conferencing_any"), {HOME, DOMESTIC_GROUP}),
        (("conferencing_any", "calls_domestic"), {HOME, DOMESTIC_GROUP}),
        (("long_gone",), {HOME, DOMESTIC_GROUP, ZONE_A, ELSEWHERE, NOWHERE}),
    ],
)
def test_a_users_policy_for_own_calls(
    policies: tuple[str, ...], open_to: set[str], way: dict[str, Any], location: str
) -> None:
    destinations = FROM_US if location == "US" else FROM_ZW
    assert opened_to(destinations, way | {"policies": policies, "location": location}) == open_to & {
        *destinations
    }


@pytest.mark.parametrize("location", ["US", "ZW"])
@pytest.mark.parametrize("way", CONFERENCES)
@pytest.mark.parametrize(
    ("policies", "open_to"),
    [
        ((), {HOME, DOMESTIC_GROUP, ZONE_A, ELSEWHERE, NOWHERE}),
        (("conferencing_any",), {HOME, DOMESTIC_GROUP, ZONE_A, ELSEWHERE, NOWHERE}),
        (("conferencing_organiser_country",), {HOME}),  # the country itself, not its domestic group
        (("conferencing_none",), set()),
        (("calls_none",), {HOME, DOMESTIC_GROUP, ZONE_A, ELSEWHERE, NOWHERE}),
    ],
)
def test_a_users_policy_for_conferences_that_call_out(
    policies: tuple[str, ...], open_to: set[str], way: dict[str, Any], location: str
) -> None:
    destinations = FROM_US if location == "US" else FROM_ZW
    assert opened_to(destinations, way | {"policies": policies, "location": location}) == open_to & {
        *destinations
    }


@pytest.mark.parametrize("way", CONFERENCES)
@pytest.mark.parametrize(
    ("location", "destinations", "open_to"),
    [("US", FROM_US, {HOME, DOMESTIC_GROUP, ZONE_A}), ("ZW", FROM_ZW, {ZONE_A})],
)
def test_zone_a_is_where_the_destination_is(
    location: str, destinations: dict[str, str], open_to: set[str], way: dict[str, Any]
) -> None:
    facts = way | {"policies": ("conferencing_zone_a",), "location": location}
    assert opened_to(destinations, facts) == open_to


def opened_to(destinations: dict[str, str], facts: dict[str, Any]) -> set[str]:
    """The destinations that are not barred."""
    return {
        name
        for name, country in destinations.items()
        if not classified(**facts, country=country).gates & GATE_BARRED
    }


EVERY_NONE = {"policies": ("calls_none", "conferencing_none"), "user_plans": CREDITS}
PREFIX = {"barred_prefix": True, "user_plans": CREDITS}


@pytest.mark.parametrize(
    ("facts", "gates"),
    [
        (PREFIX, GATE_BARRED),
        (PREFIX | {"call_type": "conf_out"}, GATE_BARRED),
        (PREFIX | {"call_type": "ucap_out"}, GATE_BARRED),  # whoever calls
        (PREFIX | {"policies": ("calls_international_and_domestic",)}, GATE_BARRED),
        (PREFIX | {"licence_asked": False}, GATE_BARRED),
        (PREFIX | {"user_plans": (), "premium": PREMIUM_REFUSE}, GATE_BARRED | BOTH),
        (EVERY_NONE, GATE_BARRED),
        (EVERY_NONE | {"call_type": "ucap_out"}, 0),  # nobody's own call
        *(
            (every | inbound, 0)
            for every in (PREFIX, EVERY_NONE)
            for inbound in (
                TO_BRIDGE,
                TO_BRIDGE | {"user_plans": PER_MINUTE},
                {"call_type": "user_in"},
                {"call_type": "emergency_out"},
                {"call_type": "emergency_in"},
                {"call_type": "dr_out"},  # the customer's own operator connects it
                {"call_type": "mystery"},
                {"gated": False},
            )
        ),
    ],
)
def test_what_is_barred_beside_the_destinations_of_a_policy(facts: dict[str, Any], gates: int) -> None:
    assert classified(**facts).gates == gates


# --- pools -----------------------------------------------------------------------------------------

ADD_ON, CONFERENCING, SELECT = "MCOMEETADD_DIALOUT_US", "MCOMEETADD", "MCOMEETADD_SELECT"


@pytest.mark.parametrize(
    ("facts", "pools"),
    [
        ({}, []),
        ({"country": "US", "user_plans": ("MCOPSTN1",)}, [("MCOPSTN1", "domestic")]),
        ({"user_plans": ("MCOPSTN1",)}, []),
        ({"user_plans": ("MCOPSTN2",)}, [("MCOPSTN2", "international")]),
        (
            {"country": "CA", "user_plans": ("MCOPSTN2",)},
            [("MCOPSTN2", "domestic")],
        ),  # they do not spill over
        ({"user_plans": ("MCOPSTN2", "UNKNOWN")}, [("MCOPSTN2", "international")]),
        ({"country": "US", "user_plans": ("MCOPSTN1", *PAYG)}, []),
        ({"call_type": "conf_out", "user_plans": (CONFERENCING,)}, [(CONFERENCING, "conferencing")]),
        (
            {"call_type": "conf_out", "country": "US", "user_plans": (CONFERENCING, ADD_ON)},
            [(ADD_ON, "dial_out_add_on"), (CONFERENCING, "conferencing")],  # the add-on first
        ),
        ({"call_type": "conf_out", "user_plans": (CONFERENCING, ADD_ON)}, [(CONFERENCING, "conferencing")]),
        ({"call_type": "conf_out", "user_plans": (SELECT,)}, []),
        ({"call_type": "conf_out", "country": "CA", "user_plans": (SELECT,)}, [(SELECT, "conferencing")]),
        ({"call_type": "conf_out", "user_plans": (CONFERENCING, *PER_MINUTE)}, []),
        (TO_BRIDGE | {"user_plans": (CONFERENCING,)}, []),
        (
            {"call_type": "ucap_out", "country": "US", "service_plans": ("MCOPSTN1",)},
            [("MCOPSTN1", "domestic")],
        ),
        ({"call_type": "ucap_out", "country": "US", "user_plans": ("MCOPSTN1",)}, []),
        ({"call_type": "user_in", "country": "US", "user_plans": ("MCOPSTN1",)}, []),
        # premium takes no pool and no add-on
        (
            {"country": "GB", "location": "GB", "user_plans": ("MCOPSTN1",), "premium": PREMIUM_CREDITS_ONLY},
            [],
        ),
        (
            {"call_type": "conf_out", "country": "US", "user_plans": (ADD_ON,), "premium": PREMIUM_REFUSE},
            [],
        ),
    ],
)
def test_pools(facts: dict[str, Any], pools: list[tuple[str, str]]) -> None:
    assert [(ref.plan, ref.pool.kind) for ref in classified(**facts).pools] == pools


@pytest.mark.parametrize(
    ("organiser", "destination", "covered"),
    [
        ("US", "US", True),
        ("US", "GB", True),
        ("GB", "US", True),
        ("ZW", "US", True),
        ("ZW", "GB", True),
        ("CK", "GB", True),
        ("US", "ZW", False),
        ("GB", "ZW", False),
        ("ZW", "ZW", False),
        ("CK", "CK", False),
    ],
)
def test_the_conferencing_pool_looks_at_the_destination_only(
    organiser: str, destination: str, covered: bool
) -> None:
    """The table of domain.md 14."""
    found = classified(
        call_type="conf_out", location=organiser, country=destination, user_plans=(CONFERENCING,)
    )
    assert bool(found.pools) is covered
