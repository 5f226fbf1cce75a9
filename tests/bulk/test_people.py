"""Who stands behind the rows of a table, tenant by tenant as one by one (rulings.md 5 and 10)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from talktime.accounts.payers import NOBODY
from talktime.accounts.tenant import Licence, ServiceNumber, Tenant, User
from talktime.bulk.number_columns import numbers
from talktime.bulk.people import locations_of, profiles_of, services_of, users_of
from talktime.catalog.load import load_catalogue
from talktime.core.deck import INBOUND
from talktime.files.usage import usage_schema
from tests.accounts.some_payers import ANA, APRIL, BOB, DESK, MARCH, MAY
from tests.bulk.side_by_side import customers, setting

FEE = User("fee@u", "2", location="FR", licences=(Licence("C", APRIL, MAY), Licence("B")))
BRIDGE = ServiceNumber("+18005550100", "toll_free", licences=(Licence("A", until_us=APRIL),))
TENANTS = (
    Tenant("t", "T", "US", "USD", users=(ANA, BOB), service_numbers=(DESK,)),
    Tenant("alone", "Alone", "CA", "USD"),
    Tenant("u", "U", "GB", "USD", users=(FEE, replace(ANA, id="2x", location="")), service_numbers=(BRIDGE,)),
    Tenant("v", "V", "FR", "USD", service_numbers=(replace(DESK, kind="toll_free"), BRIDGE)),
)
SIDE_BY_SIDE = customers(*TENANTS)

tenants = st.integers(0, len(TENANTS) - 1)
words = st.sampled_from(["", "1", "ana@t", "ANA@T", "bob@t", "2", "fee@u", "stranger"])
instants = st.sampled_from([MARCH, APRIL, MAY])
called = st.sampled_from([DESK.number, BRIDGE.number, "020 7946 0123", "+442079460124", "Anonymous", ""])
types = st.sampled_from(["conf_in", "ucap_in", "user_out", "conf_out", "mystery"])
payers = st.integers(NOBODY, SIDE_BY_SIDE.payer_count - 1)


def ints(values: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, np.int64)


def table(**columns: list[str]) -> pl.DataFrame:
    schema = usage_schema()
    return pl.DataFrame({name: pl.Series(values, dtype=schema[name]) for name, values in columns.items()})


def in_the_run(tenant: int, payer: int) -> int:
    """A payer of a tenant by its number in the run."""
    return payer if payer == NOBODY else SIDE_BY_SIDE.all[tenant].first + payer


@given(st.lists(st.tuples(tenants, words, words), max_size=20))
def test_the_users_of_rows_are_found_one_by_one(rows: list[tuple[int, str, str]]) -> None:
    usage = table(user_id=[row[1] for row in rows], upn=[row[2] for row in rows])
    expected = [
        in_the_run(tenant, SIDE_BY_SIDE.all[tenant].payers.payer_of(id_, upn)) for tenant, id_, upn in rows
    ]
    assert users_of(usage, ints([row[0] for row in rows]), SIDE_BY_SIDE).tolist() == expected


@given(st.lists(st.tuples(tenants, types, called, called), max_size=20))
def test_the_service_numbers_of_rows_are_found_one_by_one(rows: list[tuple[int, str, str, str]]) -> None:
    """The called number of what comes in, the calling one of what goes out, and only the tenant's own."""
    of, catalogue = setting(*TENANTS), load_catalogue()
    places = pl.Series(["GB"] * len(rows), dtype=pl.Categorical())
    caller, callee = (
        numbers(
            pl.Series([row[at] for row in rows], dtype=pl.String), places, catalogue, of.index, compiled=False
        )
        for at in (2, 3)
    )
    usage = table(call_type=[row[1] for row in rows])
    expected = []
    for (tenant, call_type, _, _), here, there in zip(rows, caller.text, callee.text, strict=True):
        own = there if catalogue.direction(call_type) == INBOUND else here
        expected.append(in_the_run(tenant, of.customers.all[tenant].payers.service_of(own)))
    assert services_of(usage, ints([row[0] for row in rows]), caller, callee, of).tolist() == expected


@given(st.lists(st.tuples(payers, instants, st.integers(-1, 1)), max_size=20))
def test_what_payers_hold_at_a_start(rows: list[tuple[int, int, int]]) -> None:
    names, _ = SIDE_BY_SIDE.profiles
    starts = [at + near for _, at, near in rows]
    expected: list[tuple[str, ...]] = []
    for (payer, _, _), at_us in zip(rows, starts, strict=True):
        customer = SIDE_BY_SIDE.all[int(SIDE_BY_SIDE.tenant_of[payer])] if payer != NOBODY else None
        state = NOBODY if customer is None else customer.payers.state_at(payer - customer.first, at_us)
        expected.append(() if customer is None else customer.payers.states[state].plans)
    found = profiles_of(SIDE_BY_SIDE, ints([row[0] for row in rows]), ints(starts)).tolist()
    assert [names[at] for at in found] == expected


def test_a_row_has_the_licences_of_its_payer_at_its_start() -> None:
    names, _ = SIDE_BY_SIDE.profiles
    fee = SIDE_BY_SIDE.all[2].first
    payer = ints([0, 0, 0, 1, 2, fee, fee, NOBODY])
    start_us = ints([MARCH - 1, MARCH, MAY, MARCH, MARCH, APRIL - 1, APRIL, MARCH])
    plans = [names[at] for at in profiles_of(SIDE_BY_SIDE, payer, start_us).tolist()]
    assert plans == [("A",), ("A", "B"), ("A",), (), ("C",), ("B",), ("B", "C"), ()]


@given(st.lists(st.tuples(tenants, words, st.sampled_from(["", "ZW", "US", "IT"])), max_size=20))
def test_where_a_payer_is_says_the_row_then_the_tenant_file(rows: list[tuple[int, str, str]]) -> None:
    usage = table(user_id=[row[1] for row in rows], upn=[""] * len(rows), location=[row[2] for row in rows])
    tenant = ints([row[0] for row in rows])
    found, names = locations_of(usage, tenant, users_of(usage, tenant, SIDE_BY_SIDE), SIDE_BY_SIDE)
    expected = []
    for number, word, said in rows:
        customer = SIDE_BY_SIDE.all[number]
        payer = customer.payers.payer_of(word, "")
        own = "" if payer == NOBODY else customer.payers.payers[payer].location
        expected.append(said or own or customer.tenant.country)
    assert [names[at] for at in found.codes.tolist()] == expected
    assert found.size == len(names) == len(set(names))
