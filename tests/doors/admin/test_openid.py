"""Signing in with OpenID Connect: against a provider in a process of its own, and against one that lies."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from talktime.doors.admin.openid import OpenId
from talktime.doors.admin.openid_file import Granted, OpenIdFile, granted, read_openid
from tests.doors.admin.front_doors import ANA, HERE, Browser, FrontDoor, error_of, open_front_door

ANN = "ann@fabrikam.example"
BILLING: dict[str, Any] = {"groups": ["staff", "telephony-billing"]}
FILE = """
issuer = "{issuer}"
client_id = "talktime"
client_secret = "very-secret"
name = "Contoso login"
{more}

[[grant]]
claim = "groups"
value = "telephony-billing"
roles = ["billing_administrator"]
tenants = ["contoso"]

[[grant]]
claim = "realm_access.roles"
value = "auditors"
roles = ["auditor"]
tenants = "*"
"""


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """The issuer of a provider that believes everybody; PUT /users/{sub} gives claims."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **quiet) as process:  # type: ignore[call-overload]
        issuer = f"http://127.0.0.1:{port}"
        until_s = time.monotonic() + 60
        while not _is_up(issuer):
            assert time.monotonic() < until_s, "the provider does not start"
            time.sleep(0.05)
        try:
            yield issuer
        finally:
            process.terminate()


def _is_up(issuer: str) -> bool:
    try:
        return httpx.get(f"{issuer}/.well-known/openid-configuration", verify=False).status_code == 200
    except httpx.TransportError:
        return False


def file_of(folder: Path, issuer: str, more: str = "") -> OpenIdFile:
    path = folder / "openid.toml"
    path.write_text(FILE.format(issuer=issuer, more=more), "utf-8")
    return read_openid(path)


def door_to(folder: Path, issuer: str, more: str = "") -> FrontDoor:
    return open_front_door(folder, openid=OpenId(file_of(folder, issuer, more), HERE))


@pytest.fixture
def door(tmp_path: Path, provider: str) -> FrontDoor:
    return door_to(tmp_path, provider)


def at_the_provider(location: str, sub: str, action: str = "authorize", **claims: Any) -> str:
    """What the person does there; returns the path that it is sent back to."""
    issuer = f"http://{urlsplit(location).netloc}"
    with httpx.Client(verify=False) as client:
        assert client.put(f"{issuer}/users/{sub}", json=claims).status_code == 204
        answer = client.post(location, data={"sub": sub, "action": action})
    assert answer.status_code == 302, answer.text
    back = answer.headers["location"]
    assert back.startswith(f"{HERE}/sign-in/openid/back?")
    return str(back).removeprefix(HERE)


def came_back(browser: Browser, next_path: str = "/", **claims: Any) -> httpx.Response:
    """The whole way: to the provider, and back as a person with these claims."""
    gone = browser.get(f"/sign-in/openid?next={next_path}")
    assert gone.status_code == 303, gone.text
    return browser.get(at_the_provider(gone.headers["location"], "4711", **claims))


# --- who comes in --------------------------------------------------------------------------------------


def test_a_group_gives_a_role_in_a_tenant(door: FrontDoor) -> None:
    browser = door.browser()
    assert "Sign in with Contoso login" in browser.get("/sign-in?next=/tenants").text
    answer = came_back(browser, "/tenants", preferred_username=ANN, name="Ann", **BILLING)
    assert (answer.status_code, answer.headers["location"]) == (303, "/tenants")
    assert browser.get("/x").text == f"for {ANN}"
    assert set(browser.cookies) >= {"talktime"}
    assert "talktime-openid" not in browser.cookies  # used once
    signed_in = door.signing_in.of(browser.secret)
    assert signed_in is not None
    assert (signed_in.name, signed_in.how, signed_in.roles) == ("Ann", "openid", frozenset())
    (tenant,) = door.signing_in.tenants_of(signed_in)
    assert (tenant.id, tenant.roles) == ("contoso", ("billing_administrator",))


def test_a_claim_inside_another_gives_a_role_of_the_installation(door: FrontDoor) -> None:
    browser = door.browser()
    came_back(browser, preferred_username=ANN, realm_access={"roles": ["auditors"]})
    signed_in = door.signing_in.of(browser.secret)
    assert signed_in is not None
    assert signed_in.roles == {"auditor"}


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ({"preferred_username": ANN}, "nobody has given you a role"),
        ({"preferred_username": ANN, "groups": ["telephony"]}, "nobody has given you a role"),
        ({"preferred_username": ANN, "groups": "telephony-billings"}, "nobody has given you a role"),
        ({"preferred_username": ANN, "groups": {"telephony-billing": True}}, "nobody has given you a role"),
        ({"preferred_username": "ann", **BILLING}, "ann@contoso.example"),
        ({"preferred_username": "", **BILLING}, "does not say who you are"),
        ({"preferred_username": ["x"], **BILLING}, "does not say who you are"),
        (BILLING, "does not say who you are"),
    ],
    ids=str,
)
def test_who_has_no_business_here(door: FrontDoor, claims: dict[str, Any], says: str) -> None:
    browser = door.browser()
    says = says.replace("ann@contoso.example", "no name to sign in with")
    page = came_back(browser, **claims)
    assert page.status_code == 403
    assert says in error_of(page)
    assert browser.secret == ""


@pytest.mark.parametrize(("verified", "status"), [(True, 303), ("true", 303), (False, 403), (None, 403)])
def test_an_address_of_mail_has_to_be_verified(
    tmp_path: Path, provider: str, verified: object, status: int
) -> None:
    browser = door_to(tmp_path, provider, 'person = "email"').browser()
    said: dict[str, Any] = {} if verified is None else {"email_verified": verified}
    assert came_back(browser, email=ANN, **said, **BILLING).status_code == status


def test_who_was_shut_out_stays_out(door: FrontDoor) -> None:
    door.signing_in.disable(ANA, "a test")
    page = came_back(door.browser(), preferred_username=ANA, **BILLING)
    assert (page.status_code, "may not sign in" in error_of(page)) == (403, True)


def test_who_says_no_at_the_provider_is_not_signed_in(door: FrontDoor) -> None:
    browser = door.browser()
    gone = browser.get("/sign-in/openid")
    kept = parse_qs(urlsplit(gone.headers["location"]).query)
    back = at_the_provider(gone.headers["location"], "4711", "deny")
    page = browser.get(f"{back}&state={kept['state'][0]}")
    assert (page.status_code, "did not sign you in" in error_of(page)) == (403, True)


# --- forged answers ------------------------------------------------------------------------------------


def test_what_is_asked_of_the_provider(door: FrontDoor) -> None:
    asked = parse_qs(urlsplit(door.browser().get("/sign-in/openid").headers["location"]).query)
    assert {name: asked[name] for name in ("response_type", "client_id", "redirect_uri", "scope")} == {
        "response_type": ["code"],
        "client_id": ["talktime"],
        "redirect_uri": [f"{HERE}/sign-in/openid/back"],
        "scope": ["openid profile email"],
    }
    assert asked["code_challenge_method"] == ["S256"]
    assert all(len(asked[name][0]) >= 43 for name in ("state", "nonce", "code_challenge"))


@pytest.mark.parametrize("broken", ["state", "no cookie", "another's cookie", "half a cookie", "no code"])
def test_an_answer_that_this_browser_did_not_ask_for(door: FrontDoor, broken: str) -> None:
    """Else somebody could be signed in as somebody else without noticing."""
    browser, other = door.browser(), door.browser()
    gone = browser.get("/sign-in/openid")
    other.get("/sign-in/openid")
    back = at_the_provider(gone.headers["location"], "4711", preferred_username=ANN, **BILLING)
    if broken == "state":
        back = back.replace("state=", "state=x")
    elif broken == "no cookie":
        browser.cookies.clear()
    elif broken == "another's cookie":
        browser.cookies = dict(other.cookies)
    elif broken == "half a cookie":
        browser.cookies["talktime-openid"] = browser.cookies["talktime-openid"][:40]
    else:
        back = "/sign-in/openid/back?state=" + parse_qs(urlsplit(back).query)["state"][0]
    page = browser.get(back)
    assert page.status_code in (400, 403)
    assert error_of(page)
    assert browser.secret == ""


def test_an_answer_is_good_once(door: FrontDoor) -> None:
    browser = door.browser()
    gone = browser.get("/sign-in/openid")
    kept = dict(browser.cookies)
    back = at_the_provider(gone.headers["location"], "4711", preferred_username=ANN, **BILLING)
    assert browser.get(back).status_code == 303
    thief = door.browser()
    thief.cookies = kept
    assert thief.get(back).status_code == 502  # the provider takes no code twice


def test_the_token_has_to_carry_the_nonce_of_this_browser(door: FrontDoor) -> None:
    browser = door.browser()
    gone = browser.get("/sign-in/openid")
    back = at_the_provider(gone.headers["location"], "4711", preferred_username=ANN, **BILLING)
    text = browser.cookies["talktime-openid"]
    state, _, verifier, next_path = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    forged = json.dumps([state, "another nonce", verifier, next_path]).encode()
    browser.cookies["talktime-openid"] = urlsafe_b64encode(forged).decode().rstrip("=")
    page = browser.get(back)
    assert (page.status_code, "could not be verified" in error_of(page)) == (502, True)
    assert browser.secret == ""


def test_where_one_goes_afterwards_is_a_page_of_ours(door: FrontDoor) -> None:
    answer = came_back(door.browser(), "//evil.example", preferred_username=ANN, **BILLING)
    assert answer.headers["location"] == "/"


def test_signing_in_so_gives_a_new_secret_too(door: FrontDoor) -> None:
    browser = door.browser()
    browser.cookies["talktime"] = "planted"
    came_back(browser, preferred_username=ANN, **BILLING)
    assert browser.secret not in ("", "planted")


# --- a provider that lies, or is away ------------------------------------------------------------------

KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
OTHER = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})


class Liar:
    """A provider whose description and tokens a test changes before they are sent."""

    def __init__(self, server: HTTPServer) -> None:
        self.issuer = server.url_for("").rstrip("/")
        self.described = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
        }
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {"alg": "RS256", "kid": "one"}
        self.key: RSAKey | OctKey = KEY
        self.asked: list[Request] = []
        respond = server.expect_request
        respond("/.well-known/openid-configuration").respond_with_handler(
            lambda _: Response(json.dumps(self.described), 200)
        )
        respond("/jwks").respond_with_json(dict(KeySet([KEY]).as_dict()))
        respond("/token").respond_with_handler(self._token)

    def _token(self, request: Request) -> Response:
        self.asked.append(request)
        token = jwt.encode(self.header, self.claims, self.key, [self.header["alg"]])
        return Response(json.dumps({"access_token": "a", "token_type": "Bearer", "id_token": token}), 200)


@pytest.fixture
def liar(httpserver: HTTPServer) -> Liar:
    return Liar(httpserver)


def lied(folder: Path, liar: Liar, **changes: Any) -> httpx.Response:
    """The page after a token with these claims: None for one left out, numbers are seconds from now."""
    browser = door_to(folder, liar.issuer).browser()
    gone = browser.get("/sign-in/openid")
    asked = parse_qs(urlsplit(gone.headers["location"]).query)
    now_s = int(time.time())
    liar.claims = {
        "iss": liar.issuer,
        "aud": "talktime",
        "sub": "4711",
        "iat": now_s,
        "exp": now_s + 60,
        "nonce": asked["nonce"][0],
        "preferred_username": ANN,
        "groups": ["telephony-billing"],
        "realm_access": {"roles": []},
    }
    for name, value in changes.items():
        liar.claims[name] = now_s + value if isinstance(value, int) else value
    liar.claims = {name: value for name, value in liar.claims.items() if value is not None}
    return browser.get(f"/sign-in/openid/back?code=c&state={asked['state'][0]}")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 303),
        ({"aud": ["talktime", "another"], "azp": "talktime"}, 303),
        ({"exp": -30}, 303),  # clocks differ a little
        ({"iat": 30}, 303),
        ({"iss": "http://evil.example"}, 502),
        ({"iss": None}, 502),
        ({"aud": "another"}, 502),
        ({"aud": ["talktime", "another"]}, 502),
        ({"azp": "another"}, 502),
        ({"aud": None}, 502),
        ({"exp": -90}, 502),
        ({"exp": None}, 502),
        ({"exp": "soon"}, 502),
        ({"iat": 90}, 502),
        ({"sub": None}, 502),
        ({"nonce": "another"}, 502),
        ({"nonce": None}, 502),
        ({"at_hash": "AAAA"}, 502),
    ],
    ids=str,
)
def test_every_claim_of_a_token_has_to_be_right(
    tmp_path: Path, liar: Liar, changes: dict[str, Any], status: int
) -> None:
    assert lied(tmp_path, liar, **changes).status_code == status


def test_the_code_goes_with_its_verifier_and_our_secret(tmp_path: Path, liar: Liar) -> None:
    lied(tmp_path, liar)
    (asked,) = liar.asked
    assert asked.authorization is not None
    assert (asked.authorization.username, asked.authorization.password) == ("talktime", "very-secret")
    assert len(asked.form["code_verifier"]) >= 43
    assert asked.form["redirect_uri"] == f"{HERE}/sign-in/openid/back"


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ({"alg": "RS256", "kid": "one"}, OTHER),
        ({"alg": "HS256", "kid": "one"}, OctKey.import_key("very-secret-very-secret-very-secret")),
        ({"alg": "RS256", "kid": "two"}, KEY),
    ],
    ids=["another key", "our own secret", "a key that nobody knows"],
)
def test_a_token_has_to_be_signed_by_the_provider(
    tmp_path: Path, liar: Liar, header: dict[str, Any], key: RSAKey | OctKey
) -> None:
    liar.header, liar.key = header, key
    assert lied(tmp_path, liar).status_code == 502


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("issuer", "http://127.0.0.1:1"),
        ("authorization_endpoint", "javascript:alert(1)"),
        ("token_endpoint", "http://evil.example/token"),
        ("jwks_uri", None),
    ],
)
def test_a_description_that_is_not_the_providers(tmp_path: Path, liar: Liar, name: str, value: str) -> None:
    liar.described[name] = value
    page = door_to(tmp_path, liar.issuer).browser().get("/sign-in/openid")
    assert (page.status_code, "could not be verified" in error_of(page)) == (502, True)


def test_a_provider_that_answers_anything(tmp_path: Path, httpserver: HTTPServer) -> None:
    door = door_to(tmp_path, httpserver.url_for("").rstrip("/"))
    answers = [b"no JSON", b"[]", b"{}", b" " * (2 << 20), b'{"issuer": 1e999}']
    for answer in answers:
        httpserver.clear()
        httpserver.expect_request("/.well-known/openid-configuration").respond_with_data(answer)
        page = door.browser().get("/sign-in/openid")
        assert page.status_code == 502, answer[:20]
        assert "Contoso login" in error_of(page)


def test_a_provider_that_is_away_or_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talktime.doors.admin.openid.WAIT_S", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        issuer = f"http://127.0.0.1:{silent.getsockname()[1]}"
        door = door_to(tmp_path, issuer)
        away = door.browser().get("/sign-in/openid?next=/tenants")
        silent.listen()
        slow = door.browser().get("/sign-in/openid?next=/tenants")
    for page in (away, slow):
        assert (page.status_code, error_of(page)) == (
            503,
            "Contoso login cannot be reached; try again in a minute.",
        )
        assert 'name="password"' in page.text  # the other way in is still there
        assert 'href="/sign-in/openid?next=/tenants"' in page.text


def test_few_ask_a_provider_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes by can make us ask it."""
    monkeypatch.setattr("talktime.doors.admin.openid.WAIT_S", 0.2)
    monkeypatch.setattr("talktime.doors.admin.openid.MOST_AT_ONCE", 2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        file = file_of(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}")
        openid = OpenId(file, HERE)

        async def all_at_once() -> list[str]:
            tries = (openid.begin("/") for _ in range(5))
            return sorted(str(each)[:4] for each in await asyncio.gather(*tries, return_exceptions=True))

        assert asyncio.run(all_at_once()) == ["Cont"] * 2 + ["Many"] * 3
        assert asyncio.run(all_at_once()) == ["Cont"] * 2 + ["Many"] * 3  # their places are free again


# --- the file ------------------------------------------------------------------------------------------

GOOD = 'issuer = "https://login.example"\nclient_id = "talktime"\n'
GRANT = '[[grant]]\nclaim = "groups"\nvalue = "x"\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "missing required field `issuer`"),
        ("issuer", "TALKTIME_OPENID"),
        ('issuer = "https://login.example"', "client_id"),
        (GOOD + "colour = 1", "colour"),
        ('issuer = "http://login.example"\nclient_id = "x"', "issuer is no address"),
        ('issuer = "login.example"\nclient_id = "x"', "issuer is no address"),
        ('issuer = "https://login.example/?a=1"\nclient_id = "x"', "issuer is no address"),
        ('issuer = "https://login.example"\nclient_id = ""', "client_id"),
        (GOOD + 'scopes = ["profile"]', "openid"),
        (GOOD + 'client_secret = "a"\nclient_secret_file = "b"', "not both"),
        (GOOD + 'client_secret_file = "there is none"', "client_secret_file"),
        (GOOD + 'client_secret_file = "empty"', "is empty"),
        (GOOD + 'client_secret = "a b"', "visible ASCII"),
        (GOOD + GRANT, "roles"),
        (GOOD + GRANT + 'roles = []\ntenants = ["contoso"]', "must not be empty"),
        (GOOD + GRANT + 'roles = ["king"]\ntenants = ["contoso"]', "there is no role 'king'"),
        (GOOD + GRANT + 'roles = ["provider"]\ntenants = ["contoso"]', 'tenants = "*"'),
        (GOOD + GRANT + 'roles = ["billing_administrator"]\ntenants = "*"', "list their ids"),
        (GOOD + GRANT + 'roles = ["admin_agent"]\ntenants = ["contoso"]', "invited instead"),
        (GOOD + GRANT + 'roles = ["auditor"]\ntenants = "everywhere"', "tenants"),
    ],
)
def test_a_file_that_cannot_work_is_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "empty").write_text("\n")
    file = tmp_path / "openid.toml"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"^TALKTIME_OPENID .*openid\.toml: ") as raised:
        read_openid(file)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_secret_may_lie_in_a_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("very-secret\n")
    file = tmp_path / "openid.toml"
    file.write_text(GOOD + 'client_secret_file = "secret"')
    assert read_openid(file).client_secret == "very-secret"


def test_grants_add_up(tmp_path: Path) -> None:
    grants = file_of(tmp_path, "https://login.example").grants
    all_claims = {"groups": "telephony-billing", "realm_access": {"roles": ["auditors", 7]}}
    assert granted(grants, all_claims) == Granted(
        frozenset({"auditor"}), {"contoso": frozenset({"billing_administrator"})}
    )
    assert granted(grants, {"groups": 7, "realm_access": "auditors"}) == Granted(frozenset(), {})
