"""The plain pages at the door: a form that is bound to its browser, lock-out, invitations, names as text."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from talktime.doors.admin.turns import MOST_WAITING
from talktime.ledger.store import StoreAway
from tests.doors.admin.front_doors import (
    ANA,
    HERE,
    PASSWORD,
    Browser,
    FrontDoor,
    error_of,
    fields_of,
    open_front_door,
)

BOB = "bob@contoso.example"


@pytest.fixture
def door(tmp_path: Path) -> FrontDoor:
    return open_front_door(tmp_path)


@pytest.fixture
def browser(door: FrontDoor) -> Browser:
    return door.browser()


# --- passwords -----------------------------------------------------------------------------------------


def test_a_form_without_script(browser: Browser) -> None:
    page = browser.get("/sign-in?next=/tenants")
    assert page.status_code == 200
    assert "<script" not in page.text
    assert '<label for="upn">User name</label>' in page.text
    assert '<label for="password">Password</label>' in page.text
    assert 'role="alert"' not in page.text
    assert fields_of(page)["next"] == "/tenants"


@pytest.mark.parametrize(
    ("upn", "password", "status", "says"),
    [
        (ANA, "wrong password", 403, "wrong"),
        (BOB, PASSWORD, 403, "wrong"),
        ("", PASSWORD, 400, "user name"),
        (ANA, "", 400, "password"),
        ("x" * 300, "y" * 2_000, 403, "wrong"),
        ("\x00", "\x00", 400, "user name"),
    ],
    ids=["wrong", "unknown", "no name", "no password", "long", "nothing to see"],
)
def test_what_does_not_sign_in(browser: Browser, upn: str, password: str, status: int, says: str) -> None:
    page = browser.sign_in(password, upn)
    assert page.status_code == status
    assert says in error_of(page)
    assert "autofocus" in page.text  # the sentence has the focus
    assert password not in page.text or not password
    assert browser.secret == ""


def test_who_exists_cannot_be_found_out(browser: Browser) -> None:
    unknown, wrong = browser.sign_in(PASSWORD, BOB), browser.sign_in("not this one", ANA)
    assert error_of(unknown) == error_of(wrong)


def test_after_wrong_passwords_the_right_one_waits(door: FrontDoor, browser: Browser) -> None:
    for _ in range(5):
        browser.sign_in("wrong password")
    locked = browser.sign_in()
    assert locked.status_code == 403
    assert "wait" in error_of(locked)
    door.clock.pass_s(61)
    assert browser.sign_in().status_code == 303


def test_a_browser_that_was_signed_in_does_not_wait_for_the_guesses_of_others(door: FrontDoor) -> None:
    browser, other = door.browser(), door.browser()
    browser.sign_in()
    assert "HttpOnly" in browser.lines["talktime-known"]
    browser.post("/sign-out")
    for _ in range(6):
        other.sign_in("wrong password")
    assert other.sign_in().status_code == 403
    assert browser.sign_in().status_code == 303


def test_a_name_is_shown_as_text(browser: Browser) -> None:
    name = '"><script>alert(1)</script>'
    page = browser.sign_in("wrong password", name)
    assert "<script" not in page.text
    assert fields_of(page)["upn"].startswith('"><script>') or "&lt;script&gt;" in page.text


def test_who_is_signed_in_already_goes_on(browser: Browser) -> None:
    browser.sign_in()
    answer = browser.get("/sign-in?next=/tenants")
    assert (answer.status_code, answer.headers["location"]) == (303, "/tenants")


def test_a_database_that_is_away_is_a_sentence(
    door: FrontDoor, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise StoreAway("the disk is full")

    said = {**browser.form(), "upn": ANA, "password": PASSWORD}
    browser.sign_in()
    monkeypatch.setattr(door.signing_in, "with_password", gone)
    monkeypatch.setattr(door.signing_in, "of", gone)
    looked = browser.get("/tenants")
    browser.cookies.pop("talktime")
    tried = browser.post("/sign-in", said)
    for answer in (looked, tried):
        assert answer.status_code == 503
        assert "in a moment" in answer.text
        assert "disk" not in answer.text


def test_a_storm_of_guesses_waits_for_itself_alone(door: FrontDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guesses have threads of their own, and an end: who is signed in does not notice."""
    browser, hold = door.browser(), threading.Event()
    browser.sign_in()
    secret = browser.secret
    real = door.signing_in.with_password

    def held(upn: str, password: str, word: str) -> object:
        assert hold.wait(60)
        return real(upn, password, word)

    monkeypatch.setattr(door.signing_in, "with_password", held)
    form = door.browser()
    said = {**form.form(), "upn": ANA, "password": PASSWORD}

    async def storm() -> tuple[list[int], int]:
        transport = httpx.ASGITransport(door.app)
        async with httpx.AsyncClient(transport=transport, base_url=HERE, headers={"Origin": HERE}) as client:
            known = {"Cookie": f"talktime={secret}"}
            bound = {"Cookie": f"talktime-form={form.cookies['talktime-form']}"}
            tries = [
                asyncio.ensure_future(client.post("/sign-in", data=said, headers=bound))
                for _ in range(MOST_WAITING + 5)
            ]
            page = await client.get("/tenants", headers=known)  # while all of them wait
            hold.set()
            return sorted(one.status_code for one in await asyncio.gather(*tries)), page.status_code

    assert asyncio.run(storm()) == ([303] * MOST_WAITING + [503] * 5, 200)


# --- a form is bound to its browser --------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken", ["no token", "another's token", "no cookie", "another's cookie", "other form"]
)
def test_nobody_is_signed_in_by_somebody_elses_form(door: FrontDoor, broken: str) -> None:
    browser, other = door.browser(), door.browser()
    form, others = browser.form(), other.form()
    said = {**form, "upn": ANA, "password": PASSWORD}
    if broken == "no token":
        del said["token"]
    elif broken == "another's token":
        said["token"] = others["token"]
    elif broken == "no cookie":
        browser.cookies.clear()
    elif broken == "another's cookie":
        browser.cookies = dict(other.cookies)
    else:
        token = door.signing_in.invite(BOB, "Bob")
        said["token"] = browser.form(f"/invitation/{token}")["token"]
    page = browser.post("/sign-in", said)
    assert page.status_code == 400
    assert "send it again" in error_of(page)
    assert browser.secret == ""
    again = {**fields_of(page), "password": PASSWORD}
    assert again["upn"] == ANA
    assert browser.post("/sign-in", again).status_code == 303


def test_another_site_cannot_send_the_form(browser: Browser) -> None:
    said = {**browser.form(), "upn": ANA, "password": PASSWORD}
    assert browser.post("/sign-in", said, origin="http://evil.example").status_code == 403
    assert browser.secret == ""


def test_a_form_has_an_end(browser: Browser) -> None:
    said = {**browser.form(), "upn": ANA, "password": "x" * (1 << 20)}
    assert browser.post("/sign-in", said).status_code == 400
    many = {f"f{number}": "" for number in range(100)}
    assert browser.post("/sign-in", {**browser.form(), **many}).status_code == 400


def test_a_form_that_does_not_come_is_not_waited_for(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("talktime.doors.admin.sign_in_pages.FORM_S", 0.05)
    never = threading.Event()

    async def dawdling() -> AsyncIterator[bytes]:
        yield b"upn="
        await asyncio.to_thread(never.wait, 10)
        raise AssertionError("it was waited for")

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(browser.app)
        async with httpx.AsyncClient(transport=transport, base_url=HERE, headers={"Origin": HERE}) as client:
            answer = await client.post("/sign-in", content=dawdling())
            never.set()
            return answer

    assert asyncio.run(ask()).status_code == 400


# --- signing out ---------------------------------------------------------------------------------------


def test_signing_out_by_its_address_asks_first(browser: Browser) -> None:
    assert browser.get("/sign-out").headers["location"] == "/sign-in"
    browser.sign_in()
    asked = browser.get("/sign-out")
    assert 'method="post" action="/sign-out"' in asked.text
    assert browser.get("/x").text == f"for {ANA}"
    browser.post("/sign-out")
    assert "You are signed out" in browser.get("/sign-in?out=1").text


# --- invitations ---------------------------------------------------------------------------------------


def test_an_invitation_lets_one_choose_a_password_and_is_good_once(door: FrontDoor) -> None:
    browser = door.browser()
    address = f"/invitation/{door.signing_in.invite(BOB, 'Bob <b>', roles=['auditor'])}"
    page = browser.get(address)
    assert page.status_code == 200
    assert "For Bob &lt;b&gt;." in page.text
    assert fields_of(page)["username"] == BOB
    said = {**fields_of(page), "password": "a long new password", "again": "a long new password"}
    answer = browser.post(address, said)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert browser.get("/x").text == f"for {BOB}"
    used = door.browser().get(address)
    assert used.status_code == 410
    assert "used before or is too old" in error_of(used)
    assert "another one" in used.text


@pytest.mark.parametrize(
    ("password", "again", "says"),
    [
        ("eleven char", "eleven char", "12"),
        ("a long new password", "a long new passwort", "not the same"),
        ("bob@contoso.example", "bob@contoso.example", ""),
        ("", "", ""),
    ],
)
def test_a_password_that_is_none(door: FrontDoor, password: str, again: str, says: str) -> None:
    browser = door.browser()
    address = f"/invitation/{door.signing_in.invite(BOB, 'Bob', roles=['auditor'])}"
    page = browser.post(address, {**browser.form(address), "password": password, "again": again})
    assert page.status_code == 400
    assert says in error_of(page)
    assert 'aria-invalid="true"' in page.text
    fit = {**fields_of(page), "password": "twelve chars", "again": "twelve chars"}
    assert browser.post(address, fit).status_code == 303  # the link is good still; 12 are enough


def test_an_invitation_that_is_too_old_or_none(door: FrontDoor) -> None:
    browser = door.browser()
    address = f"/invitation/{door.signing_in.invite(BOB, 'Bob', roles=['auditor'])}"
    said = {**browser.form(address), "password": "a long new password", "again": "a long new password"}
    door.clock.pass_s(73 * 3_600)
    assert browser.post(address, said).status_code == 410
    assert browser.get("/invitation/none").status_code == 410
    assert browser.secret == ""


def test_an_invitation_is_sent_by_its_own_page(door: FrontDoor) -> None:
    browser = door.browser()
    address = f"/invitation/{door.signing_in.invite(BOB, 'Bob', roles=['auditor'])}"
    said = {**browser.form(address), "password": "a long new password", "again": "a long new password"}
    assert browser.post(address, said, origin="http://evil.example").status_code == 403
    page = browser.post(address, {**said, "token": browser.form()["token"]})
    assert page.status_code == 400
    assert "send it again" in error_of(page)


def test_a_new_password_ends_older_sessions(door: FrontDoor) -> None:
    before, browser = door.browser(), door.browser()
    before.sign_in()
    address = f"/invitation/{door.signing_in.invite(ANA)}"
    said = {**browser.form(address), "password": "a long new password", "again": "a long new password"}
    assert browser.post(address, said).status_code == 303
    assert before.get("/x").status_code == 303


def test_without_a_provider_there_is_no_way_to_one(browser: Browser) -> None:
    assert "Sign in with" not in browser.get("/sign-in").text
    assert browser.get("/sign-in/openid").status_code == 404
    assert HERE not in browser.get("/sign-in").text
