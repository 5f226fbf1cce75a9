"""A page answers the session that it was made for: other sockets are told that there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from nicegui import core
from nicegui.client import Client
from nicegui.page import page
from starlette.requests import Request

from talktime.doors.admin.own_sockets import MESSAGES, NO_PAGE, bind_sockets


class Wire:
    """What sockets say, and what of it came to NiceGUI."""

    def __init__(self) -> None:
        self.came: list[str] = []
        self.asked: list[str] = []
        self.environs: dict[str, dict[str, Any]] = {}
        self.handlers = {"/": {name: self._handler(name) for name in ("connect", *MESSAGES)}}

    def _handler(self, name: str) -> Any:
        async def soon(_: str, message: Any, *more: Any) -> bool:
            self.came.append(name)
            if more:
                self.asked.append(message["QUERY_STRING"])
            return True

        def at_once(*_: Any) -> bool:
            self.came.append(name)
            return True

        return soon if name in ("connect", "handshake") else at_once

    def get_environ(self, sid: str) -> dict[str, Any] | None:
        return self.environs.get(sid)

    def socket(self, sid: str, session: str, query: str = "") -> dict[str, Any]:
        scope = {"signed_in": SimpleNamespace(session=session) if session else None}
        self.environs[sid] = {"asgi.scope": scope, "QUERY_STRING": query}
        return self.environs[sid]

    def tell(self, name: str, *said: Any) -> Any:
        return asyncio.run(self.handlers["/"][name](*said))


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    made = Wire()
    monkeypatch.setattr(core, "sio", made)
    bind_sockets()
    bind_sockets()  # twice asks no more than once
    return made


@pytest.fixture
def anas_page() -> Iterator[str]:
    signed_in = SimpleNamespace(session="ana")
    scope = {"type": "http", "path": "/", "query_string": b"", "headers": [], "signed_in": signed_in}
    client = Client(page(""), request=Request(scope))
    yield client.id
    client.delete()


@pytest.mark.parametrize("message", MESSAGES)
def test_buttons_are_pressed_by_their_own_session(wire: Wire, anas_page: str, message: str) -> None:
    wire.socket("hers", "ana"), wire.socket("bens", "ben"), wire.socket("nobodys", "")
    said = {"client_id": anas_page, "id": 3}
    assert [wire.tell(message, sid, said) for sid in ("bens", "nobodys", "unknown")] == [False] * 3
    wrong: list[Any] = [{}, None, "x", {"client_id": "no page"}, {"client_id": ["x"]}]
    assert [wire.tell(message, "hers", each) for each in wrong] == [False] * 5
    assert wire.came == []
    assert wire.tell(message, "hers", said) is True
    assert wire.came == [message]


def test_a_socket_opens_on_its_own_page(wire: Wire, anas_page: str) -> None:
    asked = f"client_id={anas_page}&implicit_handshake=true"
    for session, query in (("ben", asked), ("ana", asked), ("ben", "")):
        wire.tell("connect", session, wire.socket(session, session, query))
    assert wire.asked == [NO_PAGE, asked, ""]  # the last one names its page later
    assert NO_PAGE.partition("&")[0].removeprefix("client_id=") not in Client.instances
