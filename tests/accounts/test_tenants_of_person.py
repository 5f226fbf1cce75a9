"""Which tenants a person may open and as what; a link in the hands of one tenant opens no other."""

from __future__ import annotations

from typing import Any

import pytest

from talktime.ledger.api_keys import Principal, person_id
from talktime.ledger.commands import Refused
from tests.accounts.sign_in_desk import (
    ANA,
    BEN,
    OLGA,
    RIGHT,
    Desk,
    code,
    desk,
    let_in,
    tenant,
)
from tests.databases import database, sqlite_database

__all__ = ["database", "sqlite_database"]  # fixtures

# --- a link in the hands of one tenant must not open another ----------------------------------------------


def own_link(the: Desk, of: str, upn: str = ANA) -> str | Refused:
    return the.use.invite_administrator(of, upn, f"admin of {of}")


def test_who_a_tenant_invited_signs_in_for_it_alone(database: str) -> None:
    """Even where another tenant names that person later: it never saw who chose the password."""
    the = desk(database)
    role = "billing_administrator"
    the.tenants(tenant("contoso", {"Ana@Contoso.example": role}), tenant("fabrikam"))
    token = own_link(the, "contoso")
    assert isinstance(token, str)
    signed_in, _ = let_in(the.use.accept(token, RIGHT))
    the.tenants(tenant("fabrikam", {ANA: role}))
    assert [one.id for one in the.use.tenants_of(signed_in)] == ["contoso"]
    assert the.use.principal_for(signed_in, "contoso").roles == {role}
    assert the.use.principal_for(signed_in, "fabrikam").tenants == frozenset()
    assert code(own_link(the, "fabrikam")) == "exists"
    assert isinstance(own_link(the, "contoso"), str), "a forgotten password of its own"
    assert the.audit("contoso")[0] == ("admin of contoso", f"{ANA} invited to sign in")
    # The provider vouches for her from now on, and the password that somebody chose is over.
    token = the.use.invite_administrator("fabrikam", ANA, "olga", by_provider=True)
    assert isinstance(token, str)
    assert code(the.use.with_password(ANA, RIGHT)) == "wrong"
    signed_in, _ = let_in(the.use.accept(token, RIGHT))
    assert [one.id for one in the.use.tenants_of(signed_in)] == ["contoso", "fabrikam"]
    assert code(own_link(the, "contoso")) == "exists"


@pytest.mark.parametrize("more", [{"roles": ["provider"]}, {"partner": "fabrikam"}, {}])
def test_no_tenant_gets_a_link_for_somebody_of_the_providers(
    sqlite_database: str, more: dict[str, Any]
) -> None:
    the = desk(sqlite_database)
    the.tenants(tenant("contoso", {OLGA: "billing_administrator"}))
    pending = the.use.invite(OLGA, **more)
    assert isinstance(pending, str)
    assert code(own_link(the, "contoso", OLGA)) == "exists"
    let_in(the.use.accept(pending, RIGHT))
    assert code(own_link(the, "contoso", OLGA)) == "exists"


def test_a_password_of_a_tenants_person_never_becomes_an_operators(sqlite_database: str) -> None:
    the = desk(sqlite_database)
    the.tenants(tenant("contoso", {ANA: "billing_administrator"}))
    token = own_link(the, "contoso")
    assert isinstance(token, str)
    _, secret = let_in(the.use.accept(token, RIGHT))
    assert isinstance(the.use.invite(ANA, roles=["provider"]), str)
    assert (the.use.of(secret), code(the.use.with_password(ANA, RIGHT))) == (None, "wrong")


@pytest.mark.parametrize(
    ("of", "upn", "expected"),
    [("nowhere", ANA, "unknown_tenant"), ("contoso", BEN, "unknown_administrator")],
)
def test_only_administrators_are_invited(sqlite_database: str, of: str, upn: str, expected: str) -> None:
    the = desk(sqlite_database)
    the.tenants(tenant("contoso", {ANA: "billing_administrator"}))
    assert code(own_link(the, of, upn)) == expected


# --- what a person may open ------------------------------------------------------------------------------

TENANTS = (
    tenant("adatum", {"ANA@contoso.example": "billing_administrator"}),
    tenant("contoso", {ANA: "helpdesk_administrator", BEN: "global_administrator"}),
    tenant("customer_1", partner="fabrikam"),
    tenant("customer_2", {ANA: "provider"}, partner="fabrikam"),  # no role that a tenant can give
    tenant("customer_3", partner="fabrikam-2"),
    tenant("northwind", {f"x{ANA}": "global_administrator"}),
)


@pytest.mark.parametrize(
    ("upn", "more", "search", "expected"),
    [
        (ANA, {}, "", ["adatum", "contoso"]),
        (ANA, {}, "CONT", ["contoso"]),
        (ANA, {}, "%", []),
        (BEN, {}, "", ["contoso"]),
        ("x" + ANA, {}, "", ["northwind"]),
        ("eve@elsewhere.example", {}, "", []),
        ("pam@fabrikam.example", {"partner": "fabrikam"}, "", ["customer_1", "customer_2"]),
        (ANA, {"partner": "fabrikam"}, "", ["adatum", "contoso", "customer_1", "customer_2"]),
        (OLGA, {"roles": ["auditor"]}, "", [one.id for one in TENANTS]),
        (OLGA, {"roles": ["auditor"]}, "_2", ["customer_2"]),
        (OLGA, {"roles": ["auditor"]}, "northWIND", ["northwind"]),
    ],
)
def test_tenants_that_a_person_may_open(
    sqlite_database: str, upn: str, more: dict[str, Any], search: str, expected: list[str]
) -> None:
    the = desk(sqlite_database)
    the.tenants(*TENANTS)
    signed_in, _ = the.person(upn, **more)
    assert [one.id for one in the.use.tenants_of(signed_in, search)] == expected
    assert [one.id for one in the.use.tenants_of(signed_in, search, 1)] == expected[:1]


ALL = frozenset(one.id for one in TENANTS)


@pytest.mark.parametrize(
    ("upn", "more", "where", "tenants", "roles"),
    [
        (ANA, {}, "contoso", {"contoso"}, {"helpdesk_administrator"}),
        (ANA, {}, "adatum", {"adatum"}, {"billing_administrator"}),
        (ANA, {}, "customer_2", set(), set()),
        (ANA, {}, "nowhere", set(), set()),
        (ANA, {}, "", {"adatum", "contoso"}, {"helpdesk_administrator", "billing_administrator"}),
        (ANA, {"partner": "fabrikam"}, "customer_1", {"customer_1"}, {"admin_agent"}),
        (ANA, {"partner": "fabrikam"}, "customer_3", set(), set()),
        (ANA, {"partner": "fabrikam"}, "contoso", {"contoso"}, {"helpdesk_administrator"}),
        (OLGA, {"roles": ["auditor"]}, "contoso", None, {"auditor"}),
        (OLGA, {"roles": ["auditor"]}, "nowhere", None, {"auditor"}),
        (OLGA, {"roles": ["auditor"]}, "", None, {"auditor"}),
        (BEN, {"roles": ["auditor"]}, "contoso", {"contoso"}, {"auditor", "global_administrator"}),
        (BEN, {"roles": ["auditor"]}, "", None, {"auditor"}),
    ],
)
def test_what_a_person_is_in_a_tenant(  # a row of the table
    sqlite_database: str,
    upn: str,
    more: dict[str, Any],
    where: str,
    tenants: set[str] | None,
    roles: set[str],
) -> None:
    the = desk(sqlite_database)
    the.tenants(*TENANTS)
    signed_in, _ = the.person(upn, **more)
    allowed = None if tenants is None else frozenset(tenants)
    expected = Principal(
        person_id(upn), "Ana Lima", allowed, frozenset({"management"}), frozenset(roles), upn
    )
    assert the.use.principal_for(signed_in, where) == expected


def test_what_claims_say_holds_for_the_session(database: str) -> None:
    the = desk(database)
    the.tenants(*TENANTS)
    claims = {"northwind": frozenset({"teams_administrator"}), "gone": frozenset({"teams_administrator"})}
    signed_in, secret = let_in(the.use.with_openid(ANA.upper(), "Ana", frozenset({"auditor"}), claims))
    assert the.beside().of(secret) == signed_in
    assert (signed_in.how, signed_in.name, sorted(signed_in.roles)) == ("openid", "Ana", ["auditor"])
    plain, _ = let_in(the.use.with_openid(ANA, "Ana", frozenset(), claims))
    assert [one.id for one in the.use.tenants_of(plain)] == ["adatum", "contoso", "northwind"]
    assert the.use.principal_for(plain, "northwind").roles == {"teams_administrator"}
    assert code(the.use.with_password(ANA, RIGHT)) == "wrong", "who comes by a provider has no password here"
    assert (ANA, "signed in with openid") in the.audit()
    assert len(the.use.people()) == 1


@pytest.mark.parametrize(
    ("upn", "roles", "tenants"),
    [
        (ANA, {"king"}, {}),
        (ANA, {"global_administrator"}, {}),
        (ANA, set(), {"contoso": frozenset({"provider"})}),
        ("ana", set(), {}),
    ],
)
def test_claims_that_mean_nothing_are_a_fault_of_the_settings(
    sqlite_database: str, upn: str, roles: set[str], tenants: dict[str, frozenset[str]]
) -> None:
    with pytest.raises(ValueError, match=r"is none|is no name"):
        desk(sqlite_database).use.with_openid(upn, "Ana", frozenset(roles), tenants)
