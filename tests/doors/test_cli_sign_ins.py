"""`talktime people`, and the first link that `serve` lays beside the first key."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from talktime.accounts.signing_in import NotSignedIn, SigningIn
from talktime.doors.http.first_person import FIRST_PERSON, first_invitation
from talktime.ledger.database import open_url
from talktime.settings import Outside, Settings, read_settings
from tests.databases import fresh_sqlite
from tests.doors.terminal import Terminal

BASE = "https://credits.example"
PASSWORD = "a horse on a staple"
LINK = re.compile(rf"{re.escape(BASE)}/invitation/([\w-]{{43}})\n")
TENANT = """
[tenant]
id = "contoso"
country = "US"
currency = "USD"

[[administrators]]
upn = "ana@contoso.example"
roles = ["billing_administrator"]
"""


def signing_in(url: str) -> SigningIn:
    return SigningIn(open_url(url), lambda: time.time_ns() // 1_000)


def test_people_are_invited_listed_signed_out_and_shut_out(terminal: Terminal, tmp_path: Path) -> None:
    url = fresh_sqlite(tmp_path)
    where = ("--database", url)
    assert "nobody signs in yet" in terminal.run("people", "list", *where).out
    invite = ("people", "invite", "Olga@provider.example", "--role", "auditor", *where)
    made = terminal.run(*invite, "--name", "Olga", TALKTIME_BASE_URL=BASE)
    found = LINK.fullmatch(made.out)
    assert found is not None, made
    answer = signing_in(url).accept(found[1], PASSWORD)
    assert not isinstance(answer, NotSignedIn)
    assert answer[0].roles == {"auditor"}
    (shown,) = terminal.run("people", "list", "--json", *where).json["people"]
    assert (shown["upn"], shown["roles"], shown["state"]) == ("olga@provider.example", ["auditor"], "active")
    table = terminal.run("people", "list", *where).out
    assert "olga@provider.example" in table
    assert PASSWORD not in table
    out = terminal.run("people", "sign-out", "OLGA@provider.example", "--json", *where).json
    assert out == {"upn": "olga@provider.example", "sessions_ended": 1}
    assert "sessions ended: 0" in terminal.run("people", "sign-out", "olga@provider.example", *where).out
    assert (
        "may not sign in any more" in terminal.run("people", "disable", "olga@provider.example", *where).out
    )
    assert terminal.run("people", "list", "--json", *where).json["people"][0]["state"] == "disabled"
    again = terminal.run(
        "people", "invite", "olga@provider.example", "--json", *where, TALKTIME_BASE_URL=BASE
    )
    assert LINK.fullmatch(again.json["link"] + "\n")
    (shown,) = terminal.run("people", "list", "--json", *where).json["people"]
    assert (shown["state"], shown["roles"]) == ("active", ["auditor"]), "let in again, as what it was"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("invite", "olga"), 2, "'olga' is no name to sign in with"),
        (("invite", "olga@x.example", "--role", "king"), 2, "'king' is none for the whole installation"),
        (("invite", "olga@x.example", "--role", "auditor", "--tenant", "contoso"), 2, "leave out --role"),
        (("invite", "olga@x.example", "--tenant", "contoso"), 1, "no administrator 'olga@x.example'"),
        (("invite", "ana@contoso.example", "--tenant", "nowhere"), 1, "no tenant"),
        (("disable", "olga@x.example"), 1, "nobody signs in as 'olga@x.example'"),
        (("sign-out", "olga@x.example"), 1, "nobody signs in as 'olga@x.example'"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    terminal: Terminal, tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    url = fresh_sqlite(tmp_path)
    if "--tenant" in words:
        file = terminal.write("tenant.toml", TENANT)
        assert terminal.run("tenant", "add", file, "--database", url).code == 0
    assert said in terminal.run("people", *words, "--database", url).sentence(code)


def test_an_administrator_of_a_tenant_is_let_in_from_here(terminal: Terminal, tmp_path: Path) -> None:
    url = fresh_sqlite(tmp_path)
    file = terminal.write("tenant.toml", TENANT)
    assert terminal.run("tenant", "add", file, "--database", url).code == 0
    words = ("people", "invite", "ana@contoso.example", "--tenant", "contoso", "--database", url)
    found = LINK.fullmatch(terminal.run(*words, TALKTIME_BASE_URL=BASE).out)
    assert found is not None
    use = signing_in(url)
    answer = use.accept(found[1], PASSWORD)
    assert not isinstance(answer, NotSignedIn)
    assert [tenant.id for tenant in use.tenants_of(answer[0])] == ["contoso"]
    assert "its tenants" in terminal.run("people", "list", "--database", url).out


def test_the_first_link_is_made_anew_until_somebody_used_it(tmp_path: Path) -> None:
    url = fresh_sqlite(tmp_path)
    settings: Settings = replace(read_settings(), database=url, state=tmp_path / "state", outside=Outside())
    places = [first_invitation(settings, settings.state, BASE + "/") for _ in range(2)]
    assert places == [settings.state / "first-sign-in"] * 2
    assert [file.name for file in settings.state.iterdir()] == ["first-sign-in"]
    place = settings.state / "first-sign-in"
    assert place.stat().st_mode & 0o777 == 0o600
    found = LINK.fullmatch(place.read_text())
    assert found is not None
    answer = signing_in(url).accept(found[1], PASSWORD)
    assert not isinstance(answer, NotSignedIn)
    assert (answer[0].upn, sorted(answer[0].roles)) == (FIRST_PERSON, ["provider"])
    assert first_invitation(settings, settings.state, BASE) is None
