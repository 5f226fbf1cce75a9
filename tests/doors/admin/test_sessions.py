"""Who is at the door: sessions, foreign pages, the socket, cookies, what every answer tells the browser."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from talktime.doors.admin.forgery import is_foreign, is_ours, own_path
from tests.doors.admin.front_doors import ANA, HERE, PASSWORD, FrontDoor, open_front_door

EVIL = "http://evil.example"
PAGE = "/tenants/contoso/credits?page=2"


@pytest.fixture
def door(tmp_path: Path) -> FrontDoor:
    return open_front_door(tmp_path)


# --- sessions ------------------------------------------------------------------------------------------


def test_a_page_is_for_who_is_signed_in(door: FrontDoor) -> None:
    browser = door.browser()
    asked = browser.get(PAGE)
    assert (asked.status_code, asked.headers["location"]) == (
        303,
        "/sign-in?next=/tenants/contoso/credits%3Fpage%3D2",
    )
    back = browser.post(
        "/sign-in",
        {
            **browser.form(asked.headers["location"]),
            "upn": "ana@contoso.example",
            "password": "correct horse battery",
        },
    )
    assert (back.status_code, back.headers["location"]) == (303, PAGE)
    assert browser.get(PAGE).text == "for ana@contoso.example"


def test_a_session_ends_by_signing_out_and_by_time(door: FrontDoor) -> None:
    browser, other = door.browser(), door.browser()
    browser.sign_in()
    other.sign_in()
    kept = browser.secret
    left = browser.post("/sign-out")
    assert (left.status_code, left.headers["location"], browser.secret) == (303, "/sign-in?out=1", "")
    browser.cookies["talktime"] = kept
    assert browser.get(PAGE).status_code == 303
    assert other.get(PAGE).status_code == 200
    door.clock.pass_s(31 * 60)
    assert other.get(PAGE).status_code == 303


def test_signing_in_gives_a_secret_that_nobody_has_seen(door: FrontDoor) -> None:
    """Session fixation: what was in the browser before, planted or not, is never what comes after."""
    browser, another = door.browser(), door.browser()
    browser.cookies["talktime"] = "planted"
    form = browser.form()
    browser.sign_in()
    first = browser.secret
    assert first not in ("", "planted")
    in_another_tab = {**form, "upn": ANA, "password": PASSWORD}
    assert browser.post("/sign-in", in_another_tab).status_code == 303
    assert browser.secret not in ("", first)
    another.cookies["talktime"] = first
    assert another.get(PAGE).status_code == 303


@pytest.mark.parametrize(
    ("base_url", "name", "attributes"),
    [
        (HERE, "talktime", {"Path=/", "HttpOnly", "SameSite=Lax"}),
        ("https://center.example", "__Host-talktime", {"Path=/", "HttpOnly", "SameSite=Lax", "Secure"}),
    ],
    ids=["http", "https"],
)
def test_the_cookie_is_for_the_server_alone(
    tmp_path: Path, base_url: str, name: str, attributes: set[str]
) -> None:
    browser = open_front_door(tmp_path, base_url).browser()
    browser.sign_in()
    assert set(browser.lines[name].split("; ")[1:]) == attributes


@pytest.mark.parametrize(
    "cookies",
    ["talktime=", "talktime=no; talktime=neither", "talktime=\xff\xfe", "x[y=1; talktime=none", "=;;;="],
)
def test_a_cookie_that_is_none_opens_nothing(door: FrontDoor, cookies: str) -> None:
    assert _status(door, "/", [(b"cookie", cookies.encode("latin-1"))]) == 303


def test_what_is_not_a_page_is_refused_rather_than_sent_away(door: FrontDoor) -> None:
    browser = door.browser()
    assert browser.get("/tenants", Sec_Fetch_Dest="empty").status_code == 403
    assert browser.get("/tenants", Sec_Fetch_Dest="document").status_code == 303
    assert browser.post("/upload/decks").status_code == 403


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/static/talktime.css", 200),
        ("/_nicegui/3.18.0/static/nicegui.js", 200),
        ("/_nicegui/3.18.0/components/x.js", 200),
        ("/_nicegui/client/x/upload/1", 303),
        ("/_nicegui/3.18.0/dynamic_resources/x", 303),
        ("/sign-ins", 303),
        ("/static", 303),
        ("/_nicegui_ws/socket.io/", 403),
    ],
)
def test_only_files_that_are_the_same_for_all_are_open(door: FrontDoor, path: str, status: int) -> None:
    assert door.browser().get(path).status_code == status


# --- forged requests -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": EVIL}, 403),
        ({"origin": "null"}, 403),
        ({"origin": f"{HERE}.evil.example"}, 403),
        ({"origin": f"{HERE}:8081"}, 403),
        ({"origin": "", "Sec_Fetch_Site": "cross-site"}, 403),
        ({"origin": "", "Sec_Fetch_Site": "same-site"}, 403),
        ({"origin": ""}, 403),
        ({"origin": EVIL, "Sec_Fetch_Site": "same-origin"}, 403),
        ({"origin": "", "Sec_Fetch_Site": "same-origin"}, 200),
        ({"origin": HERE}, 200),
        ({"origin": "http://CENTER.example:80"}, 200),
    ],
    ids=str,
)
def test_nobody_else_sends_our_forms(door: FrontDoor, headers: dict[str, Any], status: int) -> None:
    browser = door.browser()
    browser.sign_in()
    assert browser.post("/upload/decks", **headers).status_code == status
    assert browser.get(PAGE).status_code == 200  # and following a link from elsewhere is no forgery


def test_another_page_signs_nobody_out(door: FrontDoor) -> None:
    browser = door.browser()
    browser.sign_in()
    assert browser.post("/sign-out", origin=EVIL).status_code == 403
    assert browser.get(PAGE).status_code == 200


def test_an_origin_is_ours_by_the_host_that_was_asked_or_by_the_base_address() -> None:
    """Installations on 0.0.0.0 are reached by many names; a proxy asks by an inner one."""
    inner = [(b"host", b"10.0.0.7:8081")]
    assert is_ours([*inner, (b"origin", b"http://10.0.0.7:8081")], "http://127.0.0.1:8081")
    assert is_ours([*inner, (b"origin", b"https://talk.example")], "https://talk.example")
    assert not is_ours([*inner, (b"origin", b"http://talk.example")], "https://talk.example")
    assert not is_ours([*inner, (b"origin", b"https://talk.example:444")], "https://talk.example")
    assert not is_ours([*inner, (b"origin", b"http://[")], "https://talk.example")
    assert not is_foreign(inner, "https://talk.example")
    assert is_foreign([*inner, (b"sec-fetch-site", b"same-site")], "https://talk.example")


@pytest.mark.parametrize(
    ("origin", "is_known", "passes"),
    [(HERE, True, True), ("", True, True), (EVIL, True, False), ("null", True, False), (HERE, False, False)],
)
def test_the_socket_is_for_our_own_pages(door: FrontDoor, origin: str, is_known: bool, passes: bool) -> None:
    browser = door.browser()
    browser.sign_in()
    headers = [(b"host", b"center.example")]
    headers += [(b"origin", origin.encode())] if origin else []
    headers += [(b"cookie", f"talktime={browser.secret}".encode())] if is_known else []
    assert _status(door, "/_nicegui_ws/socket.io/", headers) == (200 if passes else 403)  # long polling
    assert (_socket(door, headers) == ["websocket.accept"]) is passes


# --- where one goes after signing in -------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "http://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\r\nSet-Cookie: talktime=planted",
        " /tenants",
        "",
        "tenants",
        "/sign-out",
        "/sign-in?next=/sign-in",
        "/invitation/x",
        "/_nicegui_ws/socket.io/",
        "/café",
        "/" + "a" * 2_000,
    ],
)
def test_nobody_is_led_elsewhere(door: FrontDoor, asked: str) -> None:
    assert own_path(asked) == "/"
    assert door.browser().sign_in(next=asked).headers["location"] == "/"


@pytest.mark.parametrize(
    "asked", ["/", PAGE, "/tenants/a%20b?q=%2F%2Fevil.example", "/x?next=http://evil.example"]
)
def test_own_pages_are_kept(asked: str) -> None:
    assert own_path(asked) == asked


# --- what every answer says ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/sign-in", "/", "/static/x.css", "/_nicegui_ws/socket.io/"])
def test_every_answer_guards_itself(door: FrontDoor, path: str) -> None:
    headers = door.browser().get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    policy = headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
    assert ("no-store" in headers.get("cache-control", "")) is not path.startswith("/static/")


def test_pages_at_the_door_run_no_script(door: FrontDoor) -> None:
    policy = door.browser().get("/sign-in").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


def test_each_page_has_a_nonce_of_its_own(door: FrontDoor) -> None:
    browser = door.browser()
    browser.sign_in()
    policies = {browser.get("/").headers["content-security-policy"] for _ in range(3)}
    assert len(policies) == 3


# --- ASGI by hand --------------------------------------------------------------------------------------


def _status(door: FrontDoor, path: str, headers: list[tuple[bytes, bytes]]) -> int:
    """The status of a GET with just these headers."""
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers}
    (start, *_) = asyncio.run(_told(door, scope, {"type": "http.request"}))
    return int(start["status"])


def _socket(door: FrontDoor, headers: list[tuple[bytes, bytes]]) -> list[str]:
    """What a WebSocket that connects is told."""
    scope = {"type": "websocket", "path": "/_nicegui_ws/socket.io/", "query_string": b"", "headers": headers}

    async def accepting(_: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})

    door.app._app = accepting
    return [message["type"] for message in asyncio.run(_told(door, scope, {"type": "websocket.connect"}))]


async def _told(door: FrontDoor, scope: dict[str, Any], first: dict[str, Any]) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return first

    async def send(message: dict[str, Any]) -> None:
        told.append(message)

    await door.app(scope, receive, send)
    return told


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/sign-in/elsewhere", 404),
        ("/sign-in/openid/back/", 404),
        ("/invitation/one/two", 410),
        ("/invitation/", 410),
        ("/_nicegui/9.9/static/nicegui.js", 303),
        ("/_nicegui/9.9/components/x.js", 303),
    ],
)
def test_no_page_is_made_for_who_is_not_signed_in(door: FrontDoor, path: str, status: int) -> None:
    """Neither memory nor a line of the log for whoever comes by."""
    answer = door.browser().get(path)
    assert (answer.status_code, "for anybody" in answer.text) == (status, False)
