"""Chat rooms: which addresses may be used, and a real call of the library to a server of ours."""

import asyncio
from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer

from talktime.accounts.tenant import Alerts
from talktime.catalog.load import CatalogueError
from talktime.notices import chat
from talktime.notices.chat import (
    ChatSender,
    ChatService,
    ChatServices,
    chat_faults,
    faults_of,
    load_chat,
    read_chat,
    room,
)
from talktime.notices.message import Message
from talktime.notices.tried import End, Tried

# The library imports a module that Python is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

MESSAGE = Message(
    "Contoso Ltd: the credits have reached 0",
    (("What happened", "It has reached 0."), ("What to do", "Buy credits.")),
    (("Available", "0 USD"),),
    (("Open the admin center", "https://talktime.example"),),
    "",
)


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    with HTTPServer(threaded=True) as running:
        yield running


@pytest.mark.parametrize(
    "url",
    [
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general",
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
        "mmosts://chat.example.com/3ccdd113474722377935511fc85d3dd4?channel=ops",
        "gotifys://gotify.example.com/AbCdEf123?priority=high",
    ],
)
def test_addresses_that_may_be_used(url: str) -> None:
    assert load_chat().fault(url) == ""


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "none that may be used"),
        ("json://10.0.0.1/x", "none that may be used"),
        ("mailto://user:pass@example.com", "none that may be used"),
        ("mmost://chat.example.com/token", "none that may be used"),  # not encrypted
        ("syslog://", "none that may be used"),
        ("file:///etc/passwd", "none that may be used"),
        ("https://hooks.slack.com/services/a/b/c", "none that may be used"),
        ("slack://", "names nothing"),
        ("slack://a/b/c, json://10.0.0.1", "commas"),
        ("slack://a/b/c json://10.0.0.1", "blanks"),
        ("slack://a/b/c?template=/etc/passwd", "option 'template'"),
        ("slack://a/b/c?Template=", "option 'Template'"),
        ("workflows://host:443/a/b?+X-Header=1", "option"),
        ("mmosts://chat.example.com/token?verify=no", "option 'verify'"),
        ("slack://[", "cannot be read"),
        ("slack://" + "a" * 3_000, "too long"),
    ],
)
def test_addresses_that_are_refused(url: str, says: str) -> None:
    assert says in load_chat().fault(url)


def test_every_service_of_the_list_is_one_that_the_library_speaks_to_securely() -> None:
    import apprise

    secure = {
        scheme
        for service in apprise.Apprise().details()["schemas"]
        for scheme in service["secure_protocols"] or ()
    }
    assert set(load_chat().services) <= secure


def test_a_room_is_named_without_its_secrets() -> None:
    name = room("slack://aaaa/bbbb/cccc")
    assert name.startswith("slack#")
    assert "aaaa" not in name
    assert name == room("slack://aaaa/bbbb/cccc") != room("slack://aaaa/bbbb/dddd")


def sent(url: str, services: ChatServices, *, private_allowed: bool = True, send_s: float = 10) -> Tried:
    async def test() -> Tried:
        sender = ChatSender(services, private_allowed=private_allowed, send_s=send_s)
        try:
            return await sender.send(url, MESSAGE)
        finally:
            sender.close()

    return asyncio.run(test())


def test_the_faults_of_alerts_say_which_address_and_keep_its_secrets() -> None:
    good, bad = "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "json://10.0.0.1/hidden"
    assert faults_of(Alerts()) == faults_of(Alerts(chat=(good,))) == []
    (fault,) = faults_of(Alerts(chat=(good, bad)))
    assert fault.startswith("alerts: chat[2]: the chat service 'json' is none that may be used")
    assert "hidden" not in fault
    assert chat_faults([bad, bad]) == [fault.replace("[2]", "[1]"), fault]


# A service that speaks to this machine; the shipped list has none, since it would not be encrypted.
LOCAL = ChatServices({"json": ChatService("json", "JSON", True)}, frozenset())


def test_a_message_reaches_a_room(server: HTTPServer) -> None:
    server.expect_request("/room").respond_with_data("")
    assert sent(f"json://127.0.0.1:{server.port}/room", LOCAL).end is End.SENT
    ((request, _),) = server.log
    assert request.json["title"] == MESSAGE.subject
    assert request.json["message"] == (
        "It has reached 0.\nAvailable: 0 USD\nBuy credits.\nOpen the admin center: https://talktime.example"
    )


def test_a_service_that_fails(server: HTTPServer) -> None:
    server.expect_request("/room").respond_with_data("", 500)
    assert sent(f"json://127.0.0.1:{server.port}/room", LOCAL).end is End.UNREACHED


def test_a_private_host_is_not_called(server: HTTPServer) -> None:
    tried = sent(f"json://127.0.0.1:{server.port}/room", LOCAL, private_allowed=False)
    assert tried.end is End.UNREACHED
    assert "no public address" in tried.error
    assert server.log == []


def test_an_address_that_is_not_allowed_any_more_is_hopeless() -> None:
    assert sent("json://127.0.0.1/room", load_chat()).end is End.HOPELESS


def test_an_address_that_is_not_complete_is_hopeless() -> None:
    assert sent("slack://only-one-part", load_chat()).end is End.HOPELESS


def test_a_service_that_hangs_takes_no_longer_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    def hang(url: str, title: str, body: str) -> Tried:
        del url, title, body
        time.sleep(0.5)
        return Tried(End.SENT)

    monkeypatch.setattr(chat, "_notify", hang)
    tried = sent("discord://1/2", load_chat(), send_s=0.1)
    assert tried.end is End.UNREACHED


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = ", "not TOML"),
        ('options = []\n[[service]]\nscheme = "a"', "needs scheme"),
        ('options = []\n[[service]]\nscheme = "a"\nname = "A"\nhost = "any"', "needs scheme"),
        ('[[service]]\nscheme = "a"\nname = "A"\nhost = "fixed"', "needs options"),
        ("options = []\n" + '[[service]]\nscheme = "a"\nname = "A"\nhost = "fixed"\n' * 2, "stands twice"),
    ],
)
def test_wrong_data_is_refused_by_name(text: str, says: str) -> None:
    with pytest.raises(CatalogueError, match=says):
        read_chat(text)
