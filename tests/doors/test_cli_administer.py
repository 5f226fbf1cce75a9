"""`talktime tenants`, `keys` and `decks`: the ledger's house from the terminal."""

import json
import sqlite3
from contextlib import closing

import pytest

from talktime.doors.cli.engine import typist
from talktime.ledger.api_keys import ApiKeys, Keyring
from talktime.ledger.database import open_url
from tests.doors.made_files import deck, licence, purchase, toml, user
from tests.doors.terminal import Terminal

TENANT = (
    toml("GB")
    + licence("MCOPSTNC", 1)
    + purchase("2026-03-01T00:00:00Z", "50")
    + user("ana@contoso.example", "MCOPSTNC", location="GB")
)


def rows(terminal: Terminal, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(terminal.state / "talktime.db")) as db:
        return db.execute(query).fetchall()


# --- tenants ---------------------------------------------------------------------------------------------


def test_a_tenant_of_a_file_is_made_with_its_purchases(terminal: Terminal) -> None:
    terminal.write("tenant.toml", TENANT)
    answer = terminal.run("tenants", "add", "tenant.toml")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("tenant contoso (")
    assert answer.out.endswith("USD, 1 user: made\n")
    (listed,) = terminal.run("tenants", "list", "--json").json["tenants"]
    assert (listed["id"], listed["currency"], listed["reserved"]) == ("contoso", "USD", "0")
    assert rows(terminal, "select amount, bought_us from lots") == [(50_000_000, 1_772_323_200_000_000)]
    assert rows(terminal, "select who from audit") == [(typist().who,)]
    assert terminal.run("verify").code == 0
    assert "contoso" in terminal.run("tenants", "list").out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TENANT.replace("[tenant]", '[tenant]\ndeck = "my.csv"', 1), "bind a stored deck to the tenant"),
        (TENANT.replace("2026-03-01", "2126-03-01"), "at lies in the future"),
        (TENANT.replace("MCOPSTNC", "NOPLAN"), "NOPLAN"),
        ("tenant = 1", "tenant"),
    ],
)
def test_a_tenant_that_cannot_be_is_told(terminal: Terminal, text: str, said: str) -> None:
    terminal.write("tenant.toml", text)
    answer = terminal.run("tenants", "add", "tenant.toml")
    assert (answer.code, answer.out) == (1, "")
    assert said in answer.err
    assert terminal.run("tenants", "list").out == (
        "no tenants yet; `talktime tenant add TENANT.toml` makes one\n"
    )


def test_a_tenant_is_made_once(terminal: Terminal) -> None:
    terminal.write("tenant.toml", TENANT)
    assert terminal.run("tenants", "add", "tenant.toml").code == 0
    refused = terminal.run("tenants", "add", "tenant.toml").sentence(1)
    assert refused == "tenant.toml: tenant 'contoso' exists already"


# --- keys ------------------------------------------------------------------------------------------------


def keyring(terminal: Terminal) -> Keyring:
    ring = Keyring(ApiKeys(open_url(f"sqlite:///{terminal.state / 'talktime.db'}")))
    ring.refresh()
    return ring


def test_a_key_is_printed_alone_and_works(terminal: Terminal) -> None:
    answer = terminal.run("keys", "add", "switch 1", "--live", "--tenant", "b", "--tenant", "a")
    assert (answer.code, answer.err) == (0, "")
    principal = keyring(terminal).principal(answer.out.rstrip("\n").encode())
    assert principal is not None
    assert (principal.name, principal.tenants, principal.is_live, principal.is_management) == (
        "switch 1",
        frozenset({"a", "b"}),
        True,
        False,
    )
    (listed,) = terminal.run("keys", "list", "--json").json["keys"]
    assert (listed["id"], listed["tenants"], listed["scopes"]) == (principal.id, ["a", "b"], ["live"])
    assert listed["revoked_at"] is None
    secret = answer.out.rstrip("\n").rpartition("_")[2]
    assert secret not in json.dumps(listed)
    assert secret not in terminal.run("keys", "list").out


def test_a_key_without_tenants_is_for_all(terminal: Terminal) -> None:
    text = terminal.run("keys", "add", "boss", "--live", "--management").out.rstrip("\n")
    principal = keyring(terminal).principal(text.encode())
    assert principal is not None
    assert (principal.tenants, principal.scopes) == (None, frozenset({"live", "management"}))


def test_a_revoked_key_stays_in_the_list(terminal: Terminal) -> None:
    text = terminal.run("keys", "add", "old", "--live").out.rstrip("\n")
    assert terminal.run("keys", "list").out.count("valid") == 1
    key_id = text.split("_")[1]
    assert terminal.run("keys", "revoke", key_id).out.startswith(f"key {key_id} is revoked")
    assert keyring(terminal).principal(text.encode()) is None
    assert "revoked 20" in terminal.run("keys", "list").out
    audit = rows(terminal, "select who, what from audit where tenant = '' order by id")
    who = typist().who
    assert audit == [(who, f"key {key_id} (old) made"), (who, f"key {key_id} revoked")]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("add", "nobody"), 2, "say what the key is for: --live (calls), --management, or both"),
        (("revoke", "nothing"), 1, "there is no key 'nothing'; `talktime keys list` shows them"),
        (("list", "--database", "mysql://h/n"), 2, "mysql:... is none that Talktime knows"),
    ],
)
def test_wrong_words_about_keys(terminal: Terminal, words: tuple[str, ...], code: int, said: str) -> None:
    assert said in terminal.run("keys", *words).sentence(code)


def test_no_keys_yet(terminal: Terminal) -> None:
    assert terminal.run("keys", "list").out.startswith("no keys yet")


# --- decks -----------------------------------------------------------------------------------------------


def test_decks_are_stored_and_bound(terminal: Terminal) -> None:
    terminal.write("spring.csv", deck())
    for name in ("sample", "spring.csv"):
        answer = terminal.run("decks", "add", name)
        assert (answer.code, answer.err) == (0, "")
        assert answer.out.endswith("rates: stored\n")
    assert terminal.run("decks", "add", "sample").out.endswith("rates: was stored before\n")
    added = rows(terminal, "select who from audit where what like 'deck % added'")
    assert added == [(typist().who,)] * 2
    assert terminal.run("decks", "list").out.count("not bound") == 2
    assert terminal.run("decks", "bind", "sample").out.endswith("holds for all tenants in USD, always\n")
    decks = {each["name"]: each for each in terminal.run("decks", "list", "--json").json["decks"]}
    assert decks["sample"]["sample"]
    assert decks["sample"]["for_all_from"] == [None]
    spring = decks["made"]
    assert not spring["sample"]
    bound = terminal.run("decks", "bind", spring["version"], "--from", "2026-05-01T00:00:00Z")
    assert "holds for all tenants in USD, from 2026-05-01 00:00:00 UTC" in bound.out
    decks = {each["name"]: each for each in terminal.run("decks", "list", "--json").json["decks"]}
    assert decks["made"]["for_all_from"] == ["2026-05-01T00:00:00Z"]
    assert "from 2026-05-01" in terminal.run("decks", "list").out


def test_a_deck_is_bound_to_one_tenant(terminal: Terminal) -> None:
    terminal.write("tenant.toml", TENANT)
    terminal.run("tenants", "add", "tenant.toml")
    terminal.run("decks", "add", "sample")
    answer = terminal.run("decks", "bind", "sample", "--tenant", "contoso", "--from", "2026-05-01")
    assert (answer.code, answer.err) == (0, "")
    assert rows(terminal, "select tenant, currency, valid_from_us from deck_bindings") == [
        ("contoso", "USD", 1_777_593_600_000_000)
    ]
    refused = terminal.run("decks", "bind", "sample", "--tenant", "nobody").sentence(1)
    assert refused == "tenant nobody: no such tenant"


def test_a_name_of_several_decks_is_not_guessed(terminal: Terminal) -> None:
    for price in ("0.02", "0.03"):
        terminal.write("spring.csv", f"prefix,price_per_minute\n44,{price}\n")
        assert terminal.run("decks", "add", "spring.csv").code == 0
    assert terminal.run("decks", "bind", "spring").sentence(1).startswith("spring names several decks")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("bind", "none"), 1, "there is no stored deck 'none'; `talktime decks list` shows them"),
        (("bind", "none", "--from", "soon"), 2, "--from: 'soon' is no instant"),
        (("add", "none.csv"), 2, "deck 'none.csv': no such file"),
    ],
)
def test_wrong_words_about_decks(terminal: Terminal, words: tuple[str, ...], code: int, said: str) -> None:
    assert said in terminal.run("decks", *words).sentence(code)


def test_no_decks_yet(terminal: Terminal) -> None:
    assert terminal.run("decks", "list").out.startswith("no decks yet")
