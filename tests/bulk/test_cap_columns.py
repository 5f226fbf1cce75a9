"""The counters of a table's rows are those that the limits of each call ask for, month by month."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from talktime.accounts.payers import NOBODY
from talktime.accounts.tenant import Cap, ServiceNumber
from talktime.bulk.cap_columns import CapColumns, caps_of, centres_of
from talktime.bulk.customers import Customers
from talktime.bulk.state import NONE
from tests.bulk.charged import tenant, user
from tests.bulk.side_by_side import customers

USERS = (
    user("ana", cost_centre="Sales", cap_per_month_micros=50),
    user("bob", cost_centre="Sales"),
    user("eve", cost_centre="Labs"),
    user("fay"),
)
SERVICES = (
    ServiceNumber("+18005550100", "toll_free", cost_centre="Desk"),
    ServiceNumber("+18005550101", "toll"),
)
TENANTS = 3

scopes_and_ids = [("user", n) for n in ("ana", "bob", "fay")]
scopes_and_ids += [("cost_centre", n) for n in ("Sales", "Desk", "Labs")] + [("tenant", "t")]
caps = st.lists(
    st.builds(
        lambda whose, amount: Cap(whose[0], whose[1], amount),
        st.sampled_from(scopes_and_ids),
        st.integers(0, 99),
    ),
    max_size=6,
)
books = st.lists(caps, min_size=TENANTS, max_size=TENANTS)
Row = tuple[int, int, int, int]
rows = st.lists(
    st.tuples(
        st.integers(0, TENANTS - 1),
        st.integers(NOBODY, 3),
        st.sampled_from([NOBODY, 4, 5]),
        st.integers(24_315, 24_318),
    ),
    max_size=20,
)


def side_by_side(limits: list[list[Cap]]) -> Customers:
    """Tenants with the same people and service numbers, each with caps of its own."""
    who = tenant(*USERS, service_numbers=SERVICES)
    return customers(*(replace(who, id=f"t{at}", caps=tuple(own)) for at, own in enumerate(limits)))


def columns_of(held: Customers, table: list[Row]) -> tuple[CapColumns, list[str]]:
    """The columns of rows of (tenant, user, service, month), payers as their tenant counts them; centres."""

    def in_the_run(at: int) -> list[int]:
        return [row[at] if row[at] == NOBODY else held.all[row[0]].first + row[at] for row in table]

    of, month = (np.array([row[at] for row in table], np.int64) for at in (0, 3))
    user_of, service = (np.array(in_the_run(at), np.int64) for at in (1, 2))
    names, _ = held.centres
    centres = [names[at] for at in centres_of(held, user_of, service).tolist()]
    return caps_of(held, of, user_of, service, month), centres


@given(books, rows)
def test_each_row_has_the_limits_of_its_call(limits: list[list[Cap]], table: list[Row]) -> None:
    held = side_by_side(limits)
    made, centres = columns_of(held, table)
    found = [
        tuple(None if at == NONE else made.limits[at] for at in row)
        for row in zip(made.user.tolist(), made.centre.tolist(), made.tenant.tolist(), strict=True)
    ]
    own = [held.all[row[0]].caps for row in table]
    assert centres == [
        one.centre_of(user_of, service) for one, (_, user_of, service, _) in zip(own, table, strict=True)
    ]
    assert found == [
        (one.user_limit(row[1]), one.centre_limit(centre), one.tenant_limit)
        for one, row, centre in zip(own, table, centres, strict=True)
    ]


@given(books, rows)
def test_a_counter_is_one_holders_in_one_month(limits: list[list[Cap]], table: list[Row]) -> None:
    made, centres = columns_of(side_by_side(limits), table)
    holders: dict[int, set[tuple[str, int, int | str, int]]] = {}
    for at, (of, user_of, _, month) in enumerate(table):
        for scope, holder, counter in (
            ("user", user_of, made.user[at]),
            ("cost_centre", centres[at], made.centre[at]),
            ("tenant", 0, made.tenant[at]),
        ):
            if counter != NONE:
                holders.setdefault(int(counter), set()).add((scope, of, holder, month))
    assert all(len(whose) == 1 for whose in holders.values())
    assert len(set.union(set(), *holders.values())) == len(holders)
    columns = made.columns()
    assert len(columns.spent) == len(columns.limit) == len(made.limits)
