"""Posting to real servers: what is taken, what fails, and what must not be called."""

import asyncio
import time
from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from talktime.notices.tried import End, Tried
from talktime.notices.webhook_sender import NOT_ALLOWED, WebhookSender
from tests.notices.post_office import free_port


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    """A server that answers several at once."""
    with HTTPServer(threaded=True) as running:
        yield running


def sent(
    url: str,
    *,
    private_allowed: bool = True,
    allow_private: bool = True,
    resolved: list[list[str]] | None = None,
    send_s: float = 5,
) -> Tried:
    """One try; `resolved`: what the name leads to, one answer after the other."""
    answers = list(resolved or [])

    async def lookup(host: str, port: int) -> list[str]:
        del host, port
        return answers.pop(0) if len(answers) > 1 else answers[0]

    async def test() -> Tried:
        more = {"lookup": lookup} if resolved else {}
        sender = WebhookSender(private_allowed=private_allowed, send_s=send_s, **more)
        try:
            return await sender.send(url, {"webhook-id": "msg_1"}, "{}", allow_private=allow_private)
        finally:
            await sender.close()

    return asyncio.run(test())


@pytest.mark.parametrize(
    ("status", "end", "says"),
    [
        (200, End.SENT, ""),
        (204, End.SENT, ""),
        (301, End.UNREACHED, "redirect"),
        (302, End.UNREACHED, "redirect"),
        (307, End.UNREACHED, "redirect"),
        (400, End.UNREACHED, "400"),
        (404, End.UNREACHED, "404"),
        (410, End.GONE, "410"),
        (429, End.UNREACHED, "429"),
        (500, End.UNREACHED, "500"),
        (503, End.UNREACHED, "503"),
    ],
)
def test_what_an_answer_means(server: HTTPServer, status: int, end: End, says: str) -> None:
    server.expect_request("/h", method="POST", data="{}").respond_with_data("text", status)
    tried = sent(server.url_for("/h"))
    assert tried.end is end
    assert says in tried.error


def test_a_redirect_to_a_private_address_is_not_followed(server: HTTPServer) -> None:
    server.expect_request("/h").respond_with_data("", 302, {"Location": server.url_for("/secret")})
    server.expect_request("/secret").respond_with_data("")
    assert sent(server.url_for("/h")).end is End.UNREACHED
    assert [request.path for request, _ in server.log] == ["/h"]


@pytest.mark.parametrize(("private_allowed", "allow_private"), [(False, True), (True, False), (False, False)])
def test_a_private_address_needs_both_to_allow_it(
    server: HTTPServer, private_allowed: bool, allow_private: bool
) -> None:
    server.expect_request("/h").respond_with_data("")
    tried = sent(server.url_for("/h"), private_allowed=private_allowed, allow_private=allow_private)
    assert tried.end is End.UNREACHED
    assert tried.error == NOT_ALLOWED
    assert "127.0.0.1" not in tried.error, "where a name leads to is not told"
    assert server.log == []


def test_the_connection_goes_to_the_address_that_was_checked(server: HTTPServer) -> None:
    """A name that answers differently the second time gains nothing: it is looked up once."""
    server.expect_request("/h").respond_with_data("")
    url = f"http://hooks.example:{server.port}/h"
    assert sent(url, resolved=[["127.0.0.1"], ["203.0.113.9"]]).end is End.SENT
    ((request, _),) = server.log
    assert request.headers["host"] == f"hooks.example:{server.port}"


def test_the_next_address_is_tried_where_one_does_not_answer(server: HTTPServer) -> None:
    server.expect_request("/h").respond_with_data("")
    url = f"http://hooks.example:{server.port}/h"
    assert sent(url, resolved=[["127.0.0.9", "127.0.0.1"]]).end is End.SENT


def test_nobody_listens() -> None:
    tried = sent(f"http://127.0.0.1:{free_port()}/h")
    assert tried.end is End.UNREACHED
    assert "could not be reached" in tried.error


@pytest.mark.parametrize("slow", ["head", "body"])
def test_a_server_that_never_ends_its_answer(server: HTTPServer, slow: str) -> None:
    def answer(request: Request) -> Response:
        del request
        if slow == "head":
            time.sleep(1.2)
            return Response("")

        def drip() -> Iterator[bytes]:
            for _ in range(20):
                time.sleep(0.05)
                yield b"x"

        return Response(drip())

    server.expect_request("/h").respond_with_handler(answer)
    began_s = time.monotonic()
    tried = sent(server.url_for("/h"), send_s=0.6)
    assert time.monotonic() - began_s < 1.0
    assert tried.end is (End.UNREACHED if slow == "head" else End.SENT)  # of a body nothing is read


def test_a_name_that_does_not_exist() -> None:
    assert sent("https://no-such-host.invalid/h").end is End.UNREACHED


def test_a_proxy_of_the_environment_is_not_asked(server: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would look the name up again, behind the check."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{free_port()}")
    server.expect_request("/h").respond_with_data("")
    assert sent(server.url_for("/h")).end is End.SENT
