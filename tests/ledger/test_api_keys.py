"""Keys of the doors: what is stored, who is let in, and what a storm of wrong ones costs."""

import asyncio
import sqlite3
from contextlib import suppress
from hashlib import sha256

import pytest

from talktime.ledger import api_keys
from talktime.ledger.api_keys import ApiKeys, Keyring, Principal, TooManyKeys, person_id, upn_of_person
from talktime.ledger.database import open_url
from tests.databases import database, sqlite_database

__all__ = ["database", "sqlite_database"]  # fixtures


def keys_of(database: str) -> ApiKeys:
    return ApiKeys(open_url(database))


def test_key_lets_its_holder_in(database: str) -> None:
    keyring = Keyring(keys_of(database))
    made, text = keyring.keys.create("switch", ["contoso"], ["live"], 5)
    keyring.refresh()
    assert text.startswith(f"tt_{made.id}_")
    assert keyring.principal(text.encode()) == made
    assert made == Principal(made.id, "switch", frozenset({"contoso"}), frozenset({"live"}))
    assert (made.is_live, made.is_management) == (True, False)
    assert (made.may_see("contoso"), made.may_see("fabrikam")) == (True, False)


def test_only_a_hash_of_the_secret_is_stored(sqlite_database: str) -> None:
    made, text = keys_of(sqlite_database).create("switch", None, ["live"], 5)
    secret = text.removeprefix(f"tt_{made.id}_")
    with sqlite3.connect(open_url(sqlite_database).path) as connection:
        (row,) = connection.execute("select * from api_keys").fetchall()
    connection.close()
    assert sha256(secret.encode()).digest() in row
    assert not any(secret in str(value) for value in row)


def test_wrong_keys_are_nobody(sqlite_database: str) -> None:
    keyring = Keyring(keys_of(sqlite_database))
    _, text = keyring.keys.create("switch", None, ["live"], 5)
    keyring.refresh()
    right = text.encode()
    other_id = b"tt_" + b"0" * 16 + right[19:]
    no_secret = right.rpartition(b"_")[0]
    for wrong in (
        b"",
        b"tt_",
        right[:-1],
        right + b"0",
        b"xx" + right[2:],
        other_id,
        no_secret,
        no_secret + b"_",
        b"\xff\x00" + right,
    ):
        assert keyring.principal(wrong) is None, wrong
    assert keyring.principal(right) is not None


def test_secret_of_another_key_is_no_secret_of_this_one(sqlite_database: str) -> None:
    keyring = Keyring(keys_of(sqlite_database))
    one, one_text = keyring.keys.create("one", ["a"], ["live"], 5)
    two, two_text = keyring.keys.create("two", ["b"], ["live"], 5)
    keyring.refresh()
    mixed = two_text.replace(two.id, one.id)
    assert keyring.principal(mixed.encode()) is None
    assert keyring.principal(one_text.encode()) == one


def test_revoked_key_stays_outside(database: str) -> None:
    keyring = Keyring(keys_of(database))
    made, text = keyring.keys.create("switch", None, ["live", "management"], 5)
    keyring.refresh()
    assert keyring.keys.revoke(made.id, 9)
    assert keyring.keys.revoke(made.id, 11), "a second time is no error"
    assert not keyring.keys.revoke("0" * 16, 9)
    keyring.refresh()
    assert keyring.principal(text.encode()) is None
    assert [(key.principal, key.revoked_us) for key in keyring.keys.listed("", 10)] == [(made, 9)]


def test_revocation_by_another_process_is_seen(sqlite_database: str) -> None:
    keyring, elsewhere = Keyring(keys_of(sqlite_database)), keys_of(sqlite_database)
    made, text = elsewhere.create("switch", None, ["live"], 5)
    assert keyring.principal(text.encode()) is None

    async def until(wanted: Principal | None) -> None:
        fresh = asyncio.create_task(keyring.keep_fresh(0.01))
        async with asyncio.timeout(20):
            while keyring.principal(text.encode()) != wanted:
                await asyncio.sleep(0.005)
        fresh.cancel()
        with suppress(asyncio.CancelledError):
            await fresh

    asyncio.run(until(made))
    elsewhere.revoke(made.id, 6)
    asyncio.run(until(None))


def test_wrong_keys_cost_the_database_nothing(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = Keyring(keys_of(sqlite_database))
    keyring.refresh()
    reads = []
    monkeypatch.setattr(keyring.keys, "valid", lambda: reads.append(1))
    for number in range(5_000):
        assert keyring.principal(b"tt_%016x_%064x" % (number, number)) is None
    assert reads == []


def test_scope_that_does_not_exist_is_refused(sqlite_database: str) -> None:
    with pytest.raises(ValueError, match="'root' is none of live, management"):
        keys_of(sqlite_database).create("switch", None, ["live", "root"], 5)


def test_key_acts_as_the_person_who_made_it(database: str) -> None:
    keys = keys_of(database)
    own, _ = keys.create("own", None, ["management"], 5, person="ana@contoso.example")
    other, _ = keys.create("other", None, ["management"], 5)
    stored = {key.principal.name: key.principal for key in keys.listed("", 10)}
    assert stored == {"own": own, "other": other}
    assert (own.acts_as, other.acts_as) == (person_id("ana@contoso.example"), other.id)
    assert not own.is_person
    assert upn_of_person(own.acts_as) == "ana@contoso.example"
    assert upn_of_person(other.acts_as) == ""


def test_number_of_valid_keys_is_bounded(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "MAX_KEYS", 2)
    keys = keys_of(database)
    first, _ = keys.create("1", None, ["live"], 5)
    keys.create("2", None, ["live"], 5)
    with pytest.raises(TooManyKeys, match="revoke one"):
        keys.create("3", None, ["live"], 5)
    keys.revoke(first.id, 6)
    keys.create("4", None, ["live"], 7)
    assert sorted(key.principal.name for key in keys.listed("", 10)) == ["1", "2", "4"]


def test_keys_are_listed_in_pages(sqlite_database: str) -> None:
    keys = keys_of(sqlite_database)
    made = sorted(keys.create(str(number), None, ["live"], 5)[0].id for number in range(5))
    first = [key.principal.id for key in keys.listed("", 3)]
    assert first + [key.principal.id for key in keys.listed(first[-1], 3)] == made
