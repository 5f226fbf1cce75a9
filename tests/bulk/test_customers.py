"""Tenants side by side: each column says of every payer what its tenant's own file says."""

from __future__ import annotations

from dataclasses import replace

from talktime.accounts.payers import NOBODY
from talktime.accounts.tenant import Licence, ServiceNumber, Tenant, User
from talktime.bulk.customers import Customers, customers_of
from talktime.catalog.load import load_catalogue
from tests.accounts.some_payers import ANA, BOB, DESK
from tests.bulk.side_by_side import POST_USAGE, customers

BARS = "DialoutCPCDomesticPSTNDisabled"
CAY = User("cay@u", location="PR", cost_centre="Labs", policies=(BARS,), licences=(Licence("C"),))
DEE = User("", "dee-id", cost_centre="Sales", policies=(BARS, "Other"))
BRIDGE = ServiceNumber("+18005550100", "toll_free", cost_centre="Desk")
TENANTS = (
    Tenant("t", "T", "US", "USD", users=(ANA, BOB), service_numbers=(DESK,)),
    Tenant("empty", "Nobody", "ZW", "USD"),
    Tenant("u", "U", "GB", "USD", users=(CAY, DEE, replace(CAY, upn="us@u", location="US"))),
    Tenant("v", "V", "FR", "USD", users=(ANA,), service_numbers=(BRIDGE, DESK), stated=False),
)
ALL: Customers = customers(*TENANTS)
EVERYBODY = [(customer, at, payer) for customer in ALL.all for at, payer in enumerate(customer.payers.payers)]


def test_payers_are_numbered_through() -> None:
    assert ALL.numbers == {"t": 0, "empty": 1, "u": 2, "v": 3}
    assert [customer.first + at for customer, at, _ in EVERYBODY] == list(range(ALL.payer_count))
    assert [ALL.all[at].tenant.id for at in ALL.tenant_of[:-1]] == [c.tenant.id for c, _, _ in EVERYBODY]
    assert ALL.keys[:-1] == [payer.key for _, _, payer in EVERYBODY]
    assert [customer.tenant.id for customer in ALL.part([2, 0])] == ["u", "t"]


def test_the_last_place_of_every_column_is_nobodys() -> None:
    assert ALL.tenant_of[NOBODY] == NOBODY
    assert (ALL.keys[-1], ALL.service_numbers[-1]) == ("", "")
    for names, of in (ALL.kinds, ALL.locations[:2], ALL.centres):
        assert (names[of[NOBODY]], len(of)) == ("", ALL.payer_count + 1)
    for sets, of in (ALL.policies, ALL.profiles):
        assert sets[of[NOBODY]] == ()
    assert ALL.pool_fellows[NOBODY] == NOBODY
    assert ALL.key_words.to_list() == ALL.keys
    assert ALL.service_words.to_list() == ALL.service_numbers


def test_what_each_payer_is() -> None:
    kinds, kind_of = ALL.kinds
    countries, country_of, tenant_country = ALL.locations
    centres, centre_of = ALL.centres
    policies, policy_of = ALL.policies
    numbers = {(c.tenant.id, c.first + at): n for c in ALL.all for n, at in c.payers.by_number.items()}
    for place, (customer, at, payer) in enumerate(EVERYBODY):
        users = customer.tenant.users
        service = None if at < len(users) else customer.tenant.service_numbers[at - len(users)]
        assert kinds[kind_of[place]] == ("" if service is None else service.kind)
        assert ALL.service_numbers[place] == numbers.get((customer.tenant.id, place), "")
        assert countries[country_of[place]] == (payer.location or customer.tenant.country)
        assert centres[centre_of[place]] == customer.caps.centre_of(at, NOBODY)
        assert policies[policy_of[place]] == (users[at].policies if service is None else ())
    assert [countries[at] for at in tenant_country] == ["US", "ZW", "GB", "FR"]
    assert ALL.stated.tolist() == [True, True, True, False]


def test_what_each_payer_holds_and_since_when() -> None:
    first, from_us = ALL.states
    names, of = ALL.profiles
    held = [(s.from_us, s.plans) for customer in ALL.all for s in customer.payers.states]
    assert list(zip(from_us[:-1].tolist(), [names[at] for at in of[:-1]], strict=True)) == held
    for place, (customer, at, _) in enumerate(EVERYBODY):
        own = customer.payers.states[customer.payers.first_state[at] : customer.payers.first_state[at + 1]]
        assert held[first[place] : first[place + 1]] == [(state.from_us, state.plans) for state in own]


def test_whose_licences_fill_one_countrys_pools() -> None:
    """The first payer of the tenant in the same group of countries: Puerto Rico counts with the US."""
    group = load_catalogue().pool_group
    for place, (customer, _, payer) in enumerate(EVERYBODY):
        fellow = int(ALL.pool_fellows[place])
        same = [
            customer.first + at
            for at, other in enumerate(customer.payers.payers)
            if group(other.location) == group(payer.location)
        ]
        assert fellow == same[0]
    cay = ALL.all[2].first
    assert ALL.pool_fellows[cay + 2] == cay


def test_who_needs_a_licence_to_spend() -> None:
    asked = replace(POST_USAGE, licence_asked=True)
    made = customers_of(((TENANTS[0], asked), (TENANTS[1], POST_USAGE)), load_catalogue())
    assert made.licence_asked.tolist() == [1, 0]


def test_no_tenant_at_all() -> None:
    nobody = customers()
    assert (nobody.payer_count, nobody.numbers, nobody.keys) == (0, {}, [""])
    assert nobody.states[0].tolist() == [0]
