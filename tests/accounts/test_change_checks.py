"""What a change of one tenant is asked: as much as the whole would be, and no more than it touches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.accounts import tenant_checks
from talktime.accounts.reserved import asked_beside
from talktime.accounts.tenant import (
    BillingAccount,
    Cap,
    CostCentre,
    Licence,
    ServiceNumber,
    Subscription,
    Tenant,
    User,
)
from talktime.accounts.tenant_changes import Change, user_gone, user_put, with_pending
from talktime.accounts.tenant_checks import check_change, check_tenant
from talktime.accounts.tenant_commands import Edit
from talktime.accounts.tenant_parts import ALERTS, LOCATION, part_put, user_part_put
from talktime.catalog.load import load_catalogue
from talktime.ledger.book import Book
from talktime.ledger.commands import Refused

CATALOGUE = load_catalogue()

licences = st.lists(
    st.builds(
        Licence,
        st.sampled_from(["MCOPSTN1", "MCOPSTN2", "MCOPSTNC", "MCOPSTNPP"]),
        st.sampled_from([0, 50]),
        st.sampled_from([50, 100]),
    ),
    max_size=2,
).map(tuple)
names = st.sampled_from(["a", "B", "b", "c"])
users = st.builds(
    User,
    names,
    id=st.sampled_from(["", "a", "1"]),
    location=st.sampled_from(["US", "GB", "NZ"]),
    licences=licences,
    numbers=st.lists(st.sampled_from(["+1", "+2"]), max_size=1).map(tuple),
    cost_centre=st.sampled_from(["", "Sales"]),
    cap_per_month_micros=st.sampled_from([None, 5]),
)
services = st.builds(ServiceNumber, st.sampled_from(["+1", "+3"]), st.just("toll"), licences=licences)
tenants = st.builds(
    Tenant,
    st.just("t"),
    st.just("t"),
    st.just("US"),
    st.just("USD"),
    users=st.lists(users, max_size=3).map(tuple),
    service_numbers=st.lists(services, max_size=1).map(tuple),
    subscriptions=st.lists(
        st.builds(Subscription, st.sampled_from(["MCOPSTN1", "MCOPSTN2"]), st.integers(0, 2)), max_size=2
    ).map(tuple),
    caps=st.lists(
        st.builds(Cap, st.sampled_from(["user", "cost_centre"]), st.sampled_from(["a", "Sales"]), st.just(1)),
        max_size=1,
    ).map(tuple),
    cost_centres=st.lists(st.builds(CostCentre, st.sampled_from(["Sales", "Ops"])), max_size=1).map(tuple),
)


@st.composite
def changes(draw: st.DrawFn) -> tuple[Tenant, Tenant]:
    """A tenant and what somebody makes of it: people come, go and change; the rest is bought or edited."""
    before = draw(tenants.filter(lambda tenant: not list(check_tenant(tenant, CATALOGUE))))
    after, other = before, draw(tenants)
    kept = [user for user in before.users if draw(st.integers(0, 3))]
    if draw(st.booleans()):
        kept[draw(st.integers(0, len(kept))) :] = draw(st.lists(users, max_size=2))
        after = replace(after, users=tuple(kept))
    for name in ("service_numbers", "subscriptions", "caps", "cost_centres"):
        if draw(st.booleans()):
            after = replace(after, **{name: getattr(other, name)})
    return before, after


@given(changes())
def test_a_change_of_a_sound_tenant_is_refused_for_the_same_as_the_whole(
    change: tuple[Tenant, Tenant],
) -> None:
    before, after = change
    assert list(check_change(before, after, CATALOGUE)) == list(check_tenant(after, CATALOGUE))


def company(count: int) -> Tenant:
    return Tenant(
        "t",
        "t",
        "US",
        "USD",
        billing_accounts=(BillingAccount("direct", "MOSA", "US"),),
        default_billing_account="direct",
        subscriptions=(Subscription("MCOPSTN1", count),),
        users=tuple(User(f"u{at}", location="US", licences=(Licence("MCOPSTN1"),)) for at in range(count)),
    )


LICENSED = (Licence("MCOPSTN1"),)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"users": (User("eve", location="US", licences=LICENSED),)}, "3 assigned but 2 bought"),
        ({"service_numbers": (ServiceNumber("+9", "toll", licences=LICENSED),)}, "3 assigned but 2 bought"),
        ({"subscriptions": (Subscription("MCOPSTN1", 1),)}, "2 assigned but 1 bought"),
        ({"subscriptions": (Subscription("MCOPSTN1", 2, "", 50),)}, "2 assigned but 0 bought"),
        ({"users": (User("U0"),)}, 'upn "U0" is already that of'),
        ({"users": (User("eve", id="KEY"),)}, 'id "KEY" is already that of'),
        ({"users": (User("eve", numbers=("+1",)),)}, 'number "+1" is already that of'),
        ({"service_numbers": (ServiceNumber("+1", "toll"),)}, 'number "+1" is already that of'),
        ({"users": (User("eve", licences=LICENSED * 2),)}, "holds MCOPSTN1 twice"),
        ({"caps": (Cap("user", "eve", 1),)}, 'no user of this file is named "eve"'),
    ],
)
def test_what_a_change_breaks_is_found(change: dict[str, tuple[Any, ...]], words: str) -> None:
    before = company(2)
    known = replace(before.users[0], id="key", numbers=("+1",))
    before = replace(before, users=(known, before.users[1]))
    added: dict[str, Any] = {"users": (*before.users, *change["users"])} if "users" in change else change
    after = replace(before, **added)
    (fault, *more) = check_change(before, after, CATALOGUE)
    assert words in fault
    assert [fault, *more] == list(check_tenant(after, CATALOGUE))


@dataclass(frozen=True)
class Config:
    """What the engine makes of a tenant's documents, as far as an edit asks."""

    tenant: Tenant


def moved(tenant: Tenant) -> Change | Refused:
    return user_part_put(tenant, "u7", LOCATION, "GB", CATALOGUE)


def test_a_change_of_one_user_looks_at_the_licences_of_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[object] = []

    def together(held: object, _: object) -> Iterator[str]:
        looked_at.append(held)
        return iter(())

    before = company(50)
    book = Book("t")
    book.config = Config(before)
    monkeypatch.setattr(tenant_checks, "_together", together)
    edit = Edit("t", moved, CATALOGUE, "moved", "me")
    assert edit.decide(book, None, 1) is True
    # Once as the entry is read alone, once as the tenant is asked.
    assert looked_at == [before.users[7].licences] * 2


def test_a_change_of_settings_reads_nobody_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = company(50)
    change = part_put(before, ALERTS, {"low": ["10"]}, CATALOGUE)
    assert change.tenant.users is before.users
    monkeypatch.setattr(tenant_checks, "_licensed", None)
    assert list(check_change(before, change.tenant, CATALOGUE)) == []


def test_pending_changes_of_people_are_seen_and_leave_all_others_alone() -> None:
    before = company(3)
    put = user_put(before, "eve", {"upn": "eve"}, CATALOGUE)
    gone = user_gone(before, "u1")
    assert not isinstance(gone, Refused)
    now = with_pending(before, [*put.documents, *gone.documents])
    assert [user.upn for user in now.users] == ["u0", "u2", "eve"]
    assert now.users[0] is before.users[0]


def asked(before: Tenant, after: Tenant) -> list[str]:
    return list(asked_beside(before, after, CATALOGUE))


def test_a_first_default_account_is_no_other_subscription() -> None:
    """What named no account is billed to the default one: choosing that is the tenant's."""
    before = company(2)
    billed = tuple(replace(bought, billing_account="direct") for bought in before.subscriptions)
    assert asked(before, replace(before, subscriptions=billed)) == []
    elsewhere = tuple(replace(bought, billing_account="other") for bought in before.subscriptions)
    assert asked(before, replace(before, subscriptions=elsewhere)) == ["edit_subscriptions"]


def test_paid_minutes_are_asked_for_when_bought_and_when_assigned_to_anybody() -> None:
    before = company(2)
    goes = (Licence("MCOPSTNPP"),)
    bought = (*before.subscriptions, Subscription("MCOPSTNPP", 1, "direct"))
    number = ServiceNumber("+1", "toll", licences=goes)
    user = replace(before.users[0], licences=goes)
    for after, more in (
        (replace(before, subscriptions=bought), ["edit_subscriptions"]),
        (replace(before, service_numbers=(number,)), []),
        (replace(before, users=(user, before.users[1])), []),
    ):
        assert asked(before, after) == [*more, "manage_pay_as_you_go"]
        assert "manage_pay_as_you_go" not in asked(after, before), "taking it away is not managing it"


def test_a_cap_that_moves_with_a_renamed_user_is_no_other_cap() -> None:
    before = replace(company(1), users=(User("u0", id="4711", cap_per_month_micros=5),))
    assert asked(before, replace(before, users=(User("v0", id="4711", cap_per_month_micros=5),))) == []
    assert asked(before, replace(before, users=(User("v0", id="4711"),))) == ["edit_caps"]
    assert asked(before, replace(before, users=())) == []
