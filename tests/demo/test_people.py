"""Who may make which calls, and whom they call."""

from collections import Counter
from random import Random

import pytest

from talktime.accounts.tenant import Tenant, User
from talktime.catalog.load import load_catalogue
from talktime.demo.people import People, Reach, reach_of
from talktime.demo.traffic import Kind, Range, Whose, load_traffic
from tests.demo.month import demo_tenant


def people(tenant: Tenant | None = None) -> People:
    """Everybody of a tenant."""
    return People(tenant or demo_tenant(), load_catalogue(), load_traffic(), Random(1))


@pytest.mark.parametrize(("kind", "names", "number"), [
    (Kind("any"), {"Ava Lindqvist", "Rafael Costa", "Nils Ekberg"}, 42),
    (Kind("has a calling plan", plan="calling"), {"Ava Lindqvist", "Nils Ekberg"}, 41),
    (Kind("pays per call", plan="calling", traits=frozenset({"pay_as_you_go"})), {"Jonas Frey"}, 6),
    (Kind("organises", plan="conferencing", without_traits=frozenset({"pay_per_minute_conferencing"})),
     {"Ava Lindqvist", "Hugo Bell"}, 25),
    (Kind("organises by the minute", traits=frozenset({"pay_per_minute_conferencing"})), {"Nils Ekberg"}, 1),
    (Kind("no such plan", plan="fax"), set(), 0),
])  # fmt: skip
def test_users_call_what_their_plans_allow(kind: Kind, names: set[str], number: int) -> None:
    found = people().of(kind)
    assert names <= {side.name for side in found}
    assert len(found) == number


@pytest.mark.parametrize(("services", "line", "numbers"), [
    ({"conferencing_bridge"}, "toll", {"+14255550190", "+442079460190", "+493023125190"}),
    ({"conferencing_bridge"}, "toll_free", {"+18005550190", "+448081570190"}),
    ({"auto_attendant", "call_queue"}, "toll_free", {"+18445550191", "+448081570192", "+498000000193"}),
    (set(), "toll", set()),
])  # fmt: skip
def test_services_answer_on_their_lines(services: set[str], line: str, numbers: set[str]) -> None:
    kind = Kind("service", whose=Whose.SERVICE, services=frozenset(services), line=line)
    assert {side.number for side in people().of(kind)} == numbers
    assert {side.number for side in people().lines(kind)} == numbers


def test_services_and_numbers_of_nobody_have_no_user() -> None:
    for whose in (Whose.SERVICE, Whose.NOBODY):
        for side in people().sides[whose]:
            assert (side.upn, side.user_id, side.name) == ("", "", "")
            assert side.location


def test_ids_of_users_are_the_same_in_every_run_and_the_files_own_win() -> None:
    tenant = Tenant("t", "T", "US", "USD", users=(User("a@t.example", id="own"), User("b@t.example")))
    first, second = (people(tenant).sides[Whose.USER] for _ in range(2))
    assert [side.user_id for side in first] == [side.user_id for side in second]
    assert first[0].user_id == "own"
    assert len(first[1].user_id) == 36


def test_a_user_without_location_and_number_has_those_of_the_tenants_country() -> None:
    (side,) = people(Tenant("t", "T", "GB", "GBP", users=(User("a@t.example"),))).sides[Whose.USER]
    assert side.location == "GB"
    assert load_catalogue().number(side.number[1:]).country == "GB"


def test_home_is_the_domestic_group_and_mostly_the_own_country() -> None:
    side = next(side for side in people().sides[Whose.USER] if side.location == "CA")
    rng = Random(1)
    home = Counter(side.home.draw(rng)[0].country for _ in range(1_000))
    abroad = {side.abroad.draw(rng)[0].country for _ in range(1_000)}
    assert set(home) == {"US", "CA", "PR"}
    assert home["CA"] > 600
    assert abroad.isdisjoint(home)
    assert {"GB", "DE", "IN"} <= abroad


def test_where_no_range_is_at_home_abroad_is_called() -> None:
    (side,) = people(Tenant("t", "T", "IS", "ISK", users=(User("a@t.example"),))).sides[Whose.USER]
    assert side.home == side.abroad


def test_numbers_are_drawn_from_every_stem_by_weight() -> None:
    one = Range("one", "AA", (("+100", 2), ("+200", 0)), 1, 1, 0, 0, toll_free=False)
    other = Range("other", "BB", (("+300", 1),), 1, 1, 0, 0, toll_free=False)
    reach: Reach = reach_of([(one, 3.0), (other, 1.0)])
    rng = Random(1)
    drawn = [reach.draw(rng) for _ in range(4_000)]
    counts = Counter(number[:4] for _, number in drawn)
    assert {len(number) for _, number in drawn} == {4, 5, 6}
    assert 1_350 < counts["+100"] < 1_650
    assert 1_350 < counts["+200"] < 1_650
    assert 880 < counts["+300"] < 1_120
