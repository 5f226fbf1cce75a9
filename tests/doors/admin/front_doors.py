"""The door of the admin center without the pages behind it, and a browser that knocks."""

from __future__ import annotations

import asyncio
import re
import tempfile
from dataclasses import dataclass, field
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse

from talktime.accounts.passwords import Cost
from talktime.accounts.signing_in import Limits, NotSignedIn, SigningIn
from talktime.doors.admin.openid import OpenId
from talktime.doors.admin.sessions import Sessions
from talktime.doors.admin.sign_in_pages import away, create_sign_in
from talktime.ledger.database import open_url
from talktime.ledger.store import StoreAway
from tests.databases import fresh_sqlite
from tests.doors.http.houses import open_door

HERE = "http://center.example"
ANA = "ana@contoso.example"
PASSWORD = "correct horse battery"
QUICK = Limits(cost=Cost(rounds=1, memory_kib=64))

_SECOND_US = 1_000_000
_NOW_US = 1_772_366_400 * _SECOND_US
_TAG = re.compile(r"<input ([^>]*)>")
_ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')


@dataclass
class Clock:
    now_us: int = _NOW_US

    def __call__(self) -> int:
        return self.now_us

    def pass_s(self, seconds: int) -> None:
        self.now_us += seconds * _SECOND_US


@cache
def _with_contoso() -> bytes:
    """A ledger in which contoso is a tenant, and ana may sign in."""

    async def make(database: str) -> None:
        async with open_door(database):
            pass

    with tempfile.TemporaryDirectory(prefix="tt-") as folder:
        database = fresh_sqlite(Path(folder))
        asyncio.run(make(database))
        signing_in = SigningIn(open_url(database), Clock(), QUICK)
        token = signing_in.invite(ANA, "Ana", roles=["auditor"])
        assert isinstance(token, str)
        assert not isinstance(signing_in.accept(token, PASSWORD), NotSignedIn)
        return Path(database.removeprefix("sqlite:///")).read_bytes()


@dataclass
class FrontDoor:
    """A center that people know as `base_url`; ana can sign in with PASSWORD."""

    signing_in: SigningIn
    clock: Clock
    app: Any
    base_url: str

    def browser(self, address: str = "") -> Browser:
        return Browser(self.app, address or self.base_url)


def open_front_door(folder: Path, base_url: str = HERE, openid: OpenId | None = None) -> FrontDoor:
    path = folder / "front.db"
    path.write_bytes(_with_contoso())
    clock = Clock()
    signing_in = SigningIn(open_url(f"sqlite:///{path}"), clock, QUICK)
    app = FastAPI()
    app.include_router(create_sign_in(signing_in, openid, base_url))
    app.add_exception_handler(StoreAway, away)

    @app.api_route("/{path:path}", methods=["GET", "POST"])
    async def behind(request: Request) -> PlainTextResponse:
        signed_in = request.scope.get("signed_in")
        return PlainTextResponse(f"for {signed_in.upn}" if signed_in else "for anybody")

    return FrontDoor(signing_in, clock, Sessions(app, signing_in, base_url, (StoreAway,)), base_url)


@dataclass
class Browser:
    """Sends what a browser sends: its cookies, an Origin with each POST. Follows no redirect by itself."""

    app: Any
    address: str
    cookies: dict[str, str] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)
    """The latest Set-Cookie line by the cookie's name."""

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self._send("GET", path, headers)

    def post(
        self, path: str, data: dict[str, str] | None = None, origin: str | None = None, **headers: str
    ) -> httpx.Response:
        """A form of the page that the browser is on; `origin`: of another page, "" for none said."""
        said = self.address if origin is None else origin
        return self._send("POST", path, {**({"Origin": said} if said else {}), **headers}, data or {})

    def _send(
        self, method: str, path: str, headers: dict[str, str], data: dict[str, str] | None = None
    ) -> httpx.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url=self.address) as client:
                return await client.request(method, urljoin(self.address, path), headers=sent, data=data)

        answer = asyncio.run(ask())
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.lines[name] = line
            self.cookies[name] = value
            if not value:
                del self.cookies[name]
        return answer

    def form(self, path: str = "/sign-in") -> dict[str, str]:
        """The fields of a page's form as the page fills them in."""
        return fields_of(self.get(path))

    def sign_in(self, password: str = PASSWORD, upn: str = ANA, **more: str) -> httpx.Response:
        return self.post("/sign-in", {**self.form(), "upn": upn, "password": password, **more})

    @property
    def secret(self) -> str:
        """The session's cookie; "" where there is none."""
        return self.cookies.get("talktime") or self.cookies.get("__Host-talktime", "")


def fields_of(page: httpx.Response) -> dict[str, str]:
    """The inputs of the page's form."""
    inputs = [dict(_ATTRIBUTE.findall(tag)) for tag in _TAG.findall(page.text)]
    return {each["name"]: unescape(each.get("value", "")) for each in inputs}


def error_of(page: httpx.Response) -> str:
    """The sentence that the page shows first."""
    found = re.search(r'role="alert".*?<div>(.*?)</div>', page.text)
    assert found is not None, page.text
    return unescape(found[1])
