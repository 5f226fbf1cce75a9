"""Roles of keys: what a management key may do, what one that names none has, and what is refused."""

import sqlite3
from contextlib import closing

import pytest

from talktime.accounts.rights import Allowed, Caller, Forbidden, may
from talktime.ledger.api_keys import ApiKeys, Keyring, Principal
from talktime.ledger.database import open_url
from tests.databases import database, sqlite_database

__all__ = ["database", "sqlite_database"]  # fixtures


def keys_of(database: str) -> ApiKeys:
    return ApiKeys(open_url(database))


def as_read(database: str, text: str) -> Principal:
    """The holder of a key as another process finds it."""
    keyring = Keyring(keys_of(database))
    keyring.refresh()
    found = keyring.principal(text.encode())
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("tenants", "scopes", "roles", "held"),
    [
        (None, ["management"], (), {"provider"}),
        (["a"], ["management"], (), {"global_administrator"}),
        (["a", "b"], ["live", "management"], (), {"global_administrator"}),
        (None, ["live"], (), set()),
        (["a"], ["live"], (), set()),
        (None, ["management"], ["auditor"], {"auditor"}),
        (["a"], ["management"], ["admin_agent"], {"admin_agent"}),
        (
            ["a"],
            ["management"],
            ["company_administrator", "license_administrator"],
            {"company_administrator", "license_administrator"},
        ),
    ],
)
def test_roles_of_a_key(
    database: str, tenants: list[str] | None, scopes: list[str], roles: list[str], held: set[str]
) -> None:
    made, text = keys_of(database).create("key", tenants, scopes, 5, roles=roles)
    assert made.roles == held
    assert as_read(database, text) == made
    (listed,) = keys_of(database).listed("", 9)
    assert listed.principal == made


def test_a_key_that_was_made_before_keys_had_roles_keeps_its_rights(sqlite_database: str) -> None:
    keys = keys_of(sqlite_database)
    _, everywhere = keys.create("old", None, ["management"], 5)
    _, somewhere = keys.create("old", ["a"], ["management"], 5)
    _, switch = keys.create("old", ["a"], ["live"], 5)
    with closing(sqlite3.connect(open_url(sqlite_database).path)) as connection, connection:
        connection.execute("update api_keys set roles = ''")
    assert as_read(sqlite_database, everywhere).roles == {"provider"}
    assert as_read(sqlite_database, somewhere).roles == {"global_administrator"}
    assert as_read(sqlite_database, switch).roles == frozenset()


@pytest.mark.parametrize(
    ("scopes", "roles", "message"),
    [
        (["management"], ["king"], "role 'king' is none of application_administrator, "),
        (["management"], ["auditor", "king"], "role 'king' is none of"),
        (["live"], ["auditor"], "roles are for keys with the scope management"),
        (["telnet"], ["auditor"], "scope 'telnet' is none of live, management"),
    ],
)
def test_roles_that_mean_nothing_are_refused(
    sqlite_database: str, scopes: list[str], roles: list[str], message: str
) -> None:
    keys = keys_of(sqlite_database)
    with pytest.raises(ValueError, match=message):
        keys.create("key", None, scopes, 5, roles=roles)
    assert keys.listed("", 9) == []


def test_the_holder_of_a_key_is_a_caller(sqlite_database: str) -> None:
    made, _ = keys_of(sqlite_database).create("audit", ["a"], ["management"], 5, roles=["auditor"])
    caller = Caller(made.id, made.name, made.roles, made.tenants)
    assert may(caller, "see_audit", "a") == Allowed()
    assert isinstance(may(caller, "adjust", "a"), Forbidden)
