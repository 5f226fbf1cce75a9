"""Chat rooms: which addresses may be used, and a real call of the library to a server of ours."""

import asyncio
import socketserver
import threading
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
    is_as_read,
    load_chat,
    made,
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
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/%23general",
        "slack://bot@T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/ops?footer=no&format=markdown",
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
        "gchat://AAAA/key-x/tok%3D?thread=a",
        "tgram://123456789:abcdefghijklmnopqrstuvwxyz_abcdefg/12315544/?topic=5",
        "webex://" + "a" * 80,
        "pagerduty://integration@key/source/part?region=eu",
        "opsgenie://7c8e1a2b-3c4d-5e6f-7a8b-9c0d1e2f3a4b/%23team?priority=high",
        "workflows://prod-1.westeurope.logic.azure.com:443/643e69f83c8944/AhKE4lZL-vZfNqo",
        "mmosts://bot@chat.example.com:8443/a/3ccdd113474722377935511fc85d3dd4?channel=ops",
        "rockets://user:pass@chat.example.com/%23room",
        "nctalks://user:pass@cloud.example.com/room",
        "gotifys://Gotify.example.com/AbCdEf123?priority=high",
        "gotifys://[2001:4860:4860::8888]:443/AbCdEf123",
    ],
)
def test_addresses_that_may_be_used(url: str) -> None:
    """And the library reads them as we do."""
    services = load_chat()
    assert services.fault(url) == ""
    assert is_as_read(made(url), url, services.services[url.partition(":")[0]].names_host)


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
        ("gotifys://chat.example.com/token?topic=5", "option 'topic'"),  # another service's
        ("slack://a/b/c?format=text&format=html", "stands twice"),
        ("slack://a/b/c?form%61t=text", "option 'form%61t'"),
        ("slack://a/b/c/#general", "%23"),
        ("gotifys://8.8.8.8%2f.example/tok", "read differently"),
        ("gotifys://a@b@8.8.8.8/tok", "read differently"),
        ("gotifys://8.8.8.8:port/tok", "read differently"),
        ("gotifys://8.8.8.8\x01/tok", "read differently"),
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


# A public host for whoever reads them as the standard says; the library would call HERE, or read a file.
HERE = "127.0.0.1:{port}"
TWO_READINGS = [
    f"workflows://8.8.8.8:443/wf/sig/?format=text;template=http://{HERE}/x",
    f"workflows://8.8.8.8:443/wf/sig/#x?template=http://{HERE}/x",
    "workflows://8.8.8.8:443/wf/sig/?format=text;template=/etc/passwd",
    "workflows://8.8.8.8:443/wf/sig/?format=text;verify=no",
    f"discord://12345/abcdefgh/#x?template=http://{HERE}/x",
    f"slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#x?format=text;template=http://{HERE}/x",
    f"tgram://123456789:abcdefghijklmnopqrstuvwxyz_abcdefg/1/#x?format=text;template=http://{HERE}/x",
    f"gotifys://user@{HERE}@8.8.8.8/tok",
    f"gotifys://[::1]@{HERE}@8.8.8.8/tok",
    f"rockets://u:p@{HERE}@8.8.8.8/tok",
    f"mmosts://u@{HERE}@8.8.8.8/tokentokentokentokentok",
]
OTHER_SIGNS = [
    f"gotifys://user@{HERE}/@8.8.8.8/tok",
    f"gotifys://8.8.8.8\\@{HERE}/tok",
    f"gotifys://8.8.8.8#@{HERE}/tok",
    f"gotifys://8.8.8.8/#@{HERE}/tok",
    f"gotifys://8.8.8.8;@{HERE}/tok",
    f"gotifys://a:b@8.8.8.8:443:{HERE}/tok",
    "nctalks://user:pass@8.8.8.8/room?format=text;url_prefix=/a",
]


@pytest.fixture
def listener() -> Iterator[tuple[int, list[bytes]]]:
    """A port of this machine, and the first bytes of whoever connects to it, encrypted or not."""
    heard: list[bytes] = []

    class Hears(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            heard.append(self.request.recv(16))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Hears) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running.server_address[1], heard
        running.shutdown()
        thread.join()


@pytest.mark.parametrize("url", [*TWO_READINGS, *OTHER_SIGNS])
def test_an_address_with_two_readings_reaches_nothing(url: str, listener: tuple[int, list[bytes]]) -> None:
    port, heard = listener
    tried = sent(url.replace("{port}", str(port)), load_chat(), private_allowed=False)
    assert tried.end is End.HOPELESS
    assert "read differently" in tried.error
    assert heard == []


@pytest.mark.parametrize("url", TWO_READINGS)
def test_what_the_library_made_of_an_address_is_looked_at_too(
    url: str, listener: tuple[int, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if a sign had been forgotten among those that are refused."""
    port, heard = listener
    monkeypatch.setattr(ChatServices, "fault", lambda *_: "")
    tried = sent(url.replace("{port}", str(port)), load_chat(), private_allowed=False)
    assert tried == Tried(End.HOPELESS, "the chat address is read in two ways; copy it anew from the service")
    assert heard == []


def test_redirects_are_not_followed(server: HTTPServer) -> None:
    server.expect_request("/room").respond_with_data("", 302, {"Location": server.url_for("/secret")})
    server.expect_request("/secret").respond_with_data("")
    assert sent(f"json://127.0.0.1:{server.port}/room", LOCAL).end is End.UNREACHED
    assert [request.path for request, _ in server.log] == ["/room"]


def test_an_address_that_is_not_allowed_any_more_is_hopeless() -> None:
    assert sent("json://127.0.0.1/room", load_chat()).end is End.HOPELESS


def test_an_address_that_is_not_complete_is_hopeless() -> None:
    assert sent("slack://only-one-part", load_chat()).end is End.HOPELESS


def test_a_service_that_hangs_takes_no_longer_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    def hang(url: str, names_host: bool, title: str, body: str) -> Tried:
        del url, names_host, title, body
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
