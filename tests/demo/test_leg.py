"""What the vendor would have written about one leg: direction, scope, numbers, capability, charge."""

import re
import uuid
from dataclasses import replace
from random import Random

import pytest

from talktime.catalog.load import load_catalogue
from talktime.demo.leg import LegMaker, make_ids
from talktime.demo.people import People, Side
from talktime.demo.row import UsageRow
from talktime.demo.traffic import Kind, Whose, load_traffic
from tests.demo.month import demo_tenant

START_US = 1_773_000_000_000_000


def side_of(name: str) -> Side:
    """A user of the demo tenant by name, or a service number of it."""
    people = People(demo_tenant(), load_catalogue(), load_traffic(), Random(1))
    sides = (*people.sides[Whose.USER], *people.sides[Whose.SERVICE])
    return next(side for side in sides if name in (side.name, side.number))


def kind(name: str) -> Kind:
    """A kind of call, or of a leg, by its name."""
    traffic = load_traffic()
    return {each.name: each for each in (*traffic.kinds, *traffic.legs.values())}[name]


def leg(what: Kind, side: Side, duration_s: int, via: Side | None = None) -> UsageRow:
    """One leg, whoever is at the other end."""
    maker = LegMaker(demo_tenant(), load_catalogue(), load_traffic(), Random(3))
    return maker.leg(what, side, START_US, duration_s, via=via)


# Who calls what for how long -> capability, connection fee and charge of the row.
@pytest.mark.parametrize(("what", "who", "duration_s", "expected"), [
    ("domestic call", "Carla Reyes", 600, ("MCOPSTN1", "0", "0")),
    ("French premium number", "Carla Reyes", 60, ("MCOPSTNPP", "0.1000", "0.9000")),
    ("French premium number", "Carla Reyes", 61, ("MCOPSTNPP", "0.1000", "1.7000")),
    ("French premium number", "Emile Garnier", 59, ("MCOPSTNPP", "0.1000", "0.9000")),
    ("French premium number", "Carla Reyes", 0, ("MCOPSTN1", "0", "0")),
    ("business rate number", "Tessa Doyle", 120, ("MCOPSTNPP", "0.0200", "0.1600")),
    ("toll-free call to a service", "+448081570192", 61, ("MCOPSTNPP", "0", "0.0580")),
    ("toll-free call to a service", "+18445550191", 60, ("MCOPSTNPP", "0", "0.0220")),
    ("toll call to a service", "+12065550191", 60, ("MCOEV_VIRTUALUSER", "0", "0")),
    ("emergency call", "Jonas Frey", 60, ("MCOPSTNPP", "0", "0")),
    ("own operator calls out", "Jonas Frey", 60, ("MCOEV", "0", "0")),
    ("call that could not be priced", "Jonas Frey", 60, ("FREECALL", "0", "0")),
    ("another operator carries a plain call", "Carla Reyes", 60, ("MCOPSTN1", "0", "0")),
    ("destination without a rate", "Carla Reyes", 60, ("MCOPSTN1", "0", "0")),
])  # fmt: skip
def test_the_vendor_charges(what: str, who: str, duration_s: int, expected: tuple[str, ...]) -> None:
    row = leg(kind(what), side_of(who), duration_s)
    assert (row.capability, row.connection_fee, row.charge) == expected


@pytest.mark.parametrize(("who", "is_paid"), [
    ("Carla Reyes", True),     # a domestic plan
    ("Ava Lindqvist", False),  # a plan with international minutes
    ("Jonas Frey", True),      # pay-as-you-go
])  # fmt: skip
def test_calls_abroad_are_paid_where_no_pool_reaches(who: str, is_paid: bool) -> None:
    row = leg(kind("international call"), side_of(who), 60)
    assert row.scope == "International"
    assert (row.charge != "0") is is_paid


def test_a_user_calls_out_from_the_own_number() -> None:
    side = side_of("Tessa Doyle")
    row = leg(kind("domestic call"), side, 75)
    assert (row.direction, row.scope, row.location, row.caller) == ("Outbound", "Domestic", "GB", side.number)
    assert row.end_us - row.start_us == 75_000_000
    assert row.upn == "tessa.doyle@contoso.example"


def test_a_user_is_called_on_the_own_number() -> None:
    side = side_of("Tessa Doyle")
    row = leg(kind("inbound call"), side, 75)
    assert (row.direction, row.scope, row.callee) == ("Inbound", "", side.number)
    assert row.destination == "United Kingdom"


def test_a_leg_of_a_meeting_has_the_number_of_the_bridge_and_the_name_of_the_organiser() -> None:
    bridge, organiser = side_of("+448081570190"), side_of("Carla Reyes")
    row = leg(kind("attendee on a toll-free number"), organiser, 60, via=bridge)
    assert (row.callee, row.number_type, row.upn) == (bridge.number, "Service Toll Free", organiser.upn)
    assert (row.capability, row.charge) == ("MCOPSTNPP", "0.0290")
    assert row.location == "US"


def test_only_the_other_number_is_hidden() -> None:
    side = side_of("Delphine Roux")
    row = leg(kind("domestic call"), side, 60)
    assert re.fullmatch(r"\+33\d{5}\*{4}", row.callee)
    assert row.caller == side.number


def test_a_word_in_the_place_of_a_number_is_not_hidden() -> None:
    assert leg(kind("short code"), side_of("Delphine Roux"), 60).callee == "118"


def test_what_the_file_says_may_disagree_with_the_number() -> None:
    row = leg(kind("international call that the file calls domestic"), side_of("Carla Reyes"), 60)
    assert row.scope == "Domestic"
    assert not load_catalogue().is_domestic("US", row.country)


def test_an_end_may_be_late() -> None:
    row = leg(replace(kind("domestic call"), late_end_s=9), side_of("Carla Reyes"), 60)
    assert row.end_us - row.start_us == 69_000_000


def test_ids_are_uuids() -> None:
    rng = Random(1)
    ids = {text for _ in range(50) for text in make_ids(rng)}
    assert len(ids) == 100
    assert {(uuid.UUID(text).version, uuid.UUID(text).variant) for text in ids} == {(4, uuid.RFC_4122)}
