"""The counters of a table's rows are those that the limits of each call ask for, month by month."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from talktime.accounts.payers import NOBODY, payers_of
from talktime.accounts.spend_caps import cap_limits
from talktime.accounts.tenant import Cap, ServiceNumber
from talktime.bulk.cap_columns import CapColumns, caps_of
from talktime.bulk.state import NONE
from talktime.catalog.load import load_catalogue
from tests.bulk.charged import tenant, user

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
Row = tuple[int, int, int]
rows = st.lists(
    st.tuples(st.integers(NOBODY, 3), st.sampled_from([NOBODY, 4, 5]), st.integers(24_315, 24_318)),
    max_size=20,
)


def columns_of(limits: list[Cap], table: list[Row]) -> CapColumns:
    who = tenant(*USERS, service_numbers=SERVICES, caps=tuple(limits))
    user_of, service, month = (np.array([row[at] for row in table], np.int64) for at in range(3))
    return caps_of(who, payers_of(who, load_catalogue()), user_of, service, month)


@given(caps, rows)
def test_each_row_has_the_limits_of_its_call(limits: list[Cap], table: list[Row]) -> None:
    who = tenant(*USERS, service_numbers=SERVICES, caps=tuple(limits))
    held = cap_limits(who, payers_of(who, load_catalogue()))
    made = columns_of(limits, table)
    found = [
        tuple(None if at == NONE else made.limits[at] for at in row)
        for row in zip(made.user.tolist(), made.centre.tolist(), made.tenant.tolist(), strict=True)
    ]
    centres = [held.centre_of(user_of, service) for user_of, service, _ in table]
    assert found == [
        (held.user_limit(row[0]), held.centre_limit(centre), held.tenant_limit)
        for row, centre in zip(table, centres, strict=True)
    ]
    assert [made.centre_names[at] for at in made.centre_name] == centres


@given(caps, rows)
def test_a_counter_is_one_holders_in_one_month(limits: list[Cap], table: list[Row]) -> None:
    made = columns_of(limits, table)
    centre = made.centre_name.tolist()
    holders: dict[int, set[tuple[str, int, int]]] = {}
    for at, (user_of, _, month) in enumerate(table):
        for scope, holder, counter in (
            ("user", user_of, made.user[at]),
            ("cost_centre", centre[at], made.centre[at]),
            ("tenant", 0, made.tenant[at]),
        ):
            if counter != NONE:
                holders.setdefault(int(counter), set()).add((scope, holder, month))
    assert all(len(whose) == 1 for whose in holders.values())
    assert len(set.union(set(), *holders.values())) == len(holders)
    assert len(made.lists().spent) == len(made.limits)
