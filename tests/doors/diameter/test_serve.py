"""`talktime serve --diameter` as people run it: real processes, their sockets, and wrong starts."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest

from talktime.doors.diameter.wire.avps import avp_address, avp_text, avp_u32
from talktime.doors.diameter.wire.codes import REQUEST, RETRANSMITTED, Avp, Command
from talktime.doors.diameter.wire.message import request
from tests.doors.diameter.switch import (
    INITIAL,
    TERMINATION,
    UPDATE,
    Answer,
    Credit,
    Service,
    answer_of,
)
from tests.doors.terminal import Terminal, ended
from tests.doors.test_cli_serve import until

SETTINGS = """
[server]
host = "ocs.test"
realm = "test"

[[peers]]
host = "switch.test"
realm = "test"
addresses = ["127.0.0.0/8"]

[[identities]]
realm = "test"
subscription = "+1416*"
tenant = "contoso"
user = "subscription"
"""
TENANT = """
[tenant]
id = "contoso"
country = "US"
currency = "USD"

[[licences]]
plan = "MCOPSTNC"
purchased = 1

[[users]]
upn = "ana@contoso.example"
location = "US"
licences = ["MCOPSTNC"]
numbers = ["+14165550000"]
"""
DECK = "prefix,price_per_minute,first_seconds,step_seconds,currency\n44,0.60,1,1,USD\n"
PATIENCE_S = 30


class DiameterTerminal(Terminal):
    """A terminal where TALKTIME_DIAMETER names a settings file."""

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """As in any terminal."""
        return super().environment({"TALKTIME_DIAMETER": str(self.folder / "diameter.toml"), **more})


@pytest.fixture
def diameter(tmp_path: Path) -> DiameterTerminal:
    """A terminal with settings of the door."""
    terminal = DiameterTerminal(tmp_path)
    terminal.write("diameter.toml", SETTINGS)
    return terminal


def with_tenant(terminal: Terminal) -> None:
    """A tenant with a dollar, and prices."""
    terminal.write("tenant.toml", TENANT)
    terminal.write("deck.csv", DECK)
    for words in (
        ("tenant", "add", "tenant.toml"),
        ("decks", "add", "deck.csv"),
        ("decks", "bind", "deck"),
        ("credits", "adjust", "1.00", "--reason", "a test"),
    ):
        answer = terminal.run(*words)
        assert answer.code == 0, answer


class PlainSwitch:
    """A switch on a blocking socket."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self._identity = 0

    def close(self) -> None:
        """Hangs up."""
        self.socket.close()

    def hello(self) -> Answer:
        """Says who it is."""
        parts = [avp_text(Avp.ORIGIN_HOST, "switch.test"), avp_text(Avp.ORIGIN_REALM, "test")]
        parts += [avp_address(Avp.HOST_IP_ADDRESS, "127.0.0.1"), avp_u32(Avp.VENDOR_ID, 0)]
        parts += [avp_text(Avp.PRODUCT_NAME, "Switch"), avp_u32(Avp.AUTH_APPLICATION_ID, 4)]
        return self.raw(request(Command.CAPABILITIES_EXCHANGE, 0, 1, 1, *parts, flags=REQUEST))

    def asks(self, kind: int, number: int, service: Service) -> str:
        """A request of the call, and its answer in short."""
        self._identity += 1
        credit = Credit(session="switch.test;1", kind=kind, number=number, services=(service,))
        return self.raw(credit.whole(self._identity)).words

    def raw(self, whole: bytes) -> Answer:
        """Any request as it stands, and its answer."""
        self.socket.sendall(whole)
        return answer_of(self.message())

    def message(self) -> bytes:
        """The next message."""
        head = self._read(20)
        return head + self._read(int.from_bytes(head[1:4], "big") - 20)

    def _read(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            more = self.socket.recv(count - len(found))
            if not more:
                raise ConnectionError("the server hung up")
            found += more
        return found


def connected(port: int) -> PlainSwitch:
    """A switch that was let in; a process that is still starting lets it wait."""
    switch = PlainSwitch(port)
    assert switch.hello().result == 2001
    return switch


@contextmanager
def serving(terminal: Terminal, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The supervisor, and the port of Diameter."""
    process = terminal.start("serve", "--port", "0", "--diameter", "127.0.0.1:0", *words)
    assert process.stdout is not None
    try:
        port = None
        while port is None:
            line = process.stdout.readline().decode()
            assert line, ended(process).err
            found = re.match(r"Diameter Ro: 127\.0\.0\.1:(\d+)$", line.strip())
            port = found and int(found[1])
        yield process, port
    finally:
        if process.poll() is None:
            for child in psutil.Process(process.pid).children():
                child.kill()
            process.kill()
            process.communicate()


def stopped(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    answer = ended(process)
    assert answer.code == 0, answer
    assert "Traceback" not in answer.err


def part_of(process: subprocess.Popen[bytes], part: str) -> list[psutil.Process]:
    """The processes of the supervisor that do this."""
    found = []
    for child in psutil.Process(process.pid).children():
        try:
            words = child.cmdline()
        except psutil.NoSuchProcess:  # it has just ended
            continue
        if "--only" in words and words[words.index("--only") + 1] == part:
            found.append(child)
    return found


def test_a_call_through_a_service_that_is_killed_in_the_middle(diameter: DiameterTerminal) -> None:
    """The supervisor's socket stays: the client connects again, repeats itself, and is charged once."""
    with_tenant(diameter)
    with serving(diameter) as (process, port):
        with closing(connected(port)) as switch:
            assert switch.asks(INITIAL, 0, Service(30)) == "2001 30 s"
            assert switch.asks(UPDATE, 1, Service(30, 28)) == "2001 30 s"
        for child in part_of(process, "live"):
            child.send_signal(signal.SIGKILL)
        with closing(connected(port)) as switch:
            usual = Credit(session="switch.test;1", kind=UPDATE, number=1, services=(Service(30, 28),))
            again = usual.whole(9)
            again = again[:4] + bytes([again[4] | RETRANSMITTED]) + again[5:]
            assert switch.raw(again).words == "2001 30 s"
            assert switch.asks(TERMINATION, 2, Service(None, 8)) == "2001"
            process.send_signal(signal.SIGTERM)
            assert int.from_bytes(switch.message()[5:8], "big") == Command.DISCONNECT_PEER
        answer = ended(process)
        assert (answer.code, "Traceback" in answer.err) == (0, False), answer
    assert diameter.run("verify").code == 0
    assert diameter.run("credits", "show", "--json").json["balance"] == "0.64"


@pytest.mark.long
@pytest.mark.parametrize(("words", "part"), [(("--fronts", "1"), "engine"), (("--workers", "2"), "live")])
def test_processes_of_every_kind_answer(
    diameter: DiameterTerminal, words: tuple[str, ...], part: str
) -> None:
    with_tenant(diameter)
    with serving(diameter, *words) as (process, port):
        for number in range(4):
            with closing(connected(port)) as switch:
                service = Service(10) if number == 0 else Service(10, 5)
                assert switch.asks(INITIAL if number == 0 else UPDATE, number, service) == "2001 10 s"
        old = {child.pid for child in part_of(process, part)}
        for child in part_of(process, part):
            child.kill()
        until(lambda: bool({child.pid for child in part_of(process, part)} - old), "another has begun")
        with closing(connected(port)) as switch:
            assert switch.asks(TERMINATION, 4, Service(None, 5)) == "2001"
        stopped(process)


@pytest.mark.long
def test_only_diameter(diameter: DiameterTerminal) -> None:
    """A process of its own, with the probes beside it."""
    with_tenant(diameter)
    port = _free_port()
    words = ("serve", "--port", "0", "--only", "diameter", "--diameter", f"127.0.0.1:{port}")
    process = diameter.start(*words)
    try:
        until(lambda: _is_open(port), "it listens")
        with closing(connected(port)) as switch:
            assert switch.asks(INITIAL, 0, Service(30)) == "2001 30 s"
            assert switch.asks(TERMINATION, 1, Service(None, 20)) == "2001"
        stopped(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as opened:
        return int(opened.getsockname()[1])


def _is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


# --- what is wrong with a start ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--diameter", "3868"), "--diameter '3868': write HOST:PORT, such as 127.0.0.1:3868"),
        (("--diameter", ":3868"), "--diameter ':3868': write HOST:PORT, such as 127.0.0.1:3868"),
        (("--diameter", "127.0.0.1:"), "--diameter '127.0.0.1:': write HOST:PORT, such as 127.0.0.1:3868"),
        (
            ("--diameter", "127.0.0.1:65536"),
            "--diameter '127.0.0.1:65536': write HOST:PORT, such as 127.0.0.1:3868",
        ),
        (
            ("--diameter", "127.0.0.1:²"),
            "--diameter '127.0.0.1:²': write HOST:PORT, such as 127.0.0.1:3868",
        ),
        (("--only", "diameter"), "--only diameter needs --diameter HOST:PORT, such as 127.0.0.1:3868"),
    ],
)
def test_an_address_that_is_none(diameter: DiameterTerminal, words: tuple[str, ...], sentence: str) -> None:
    assert diameter.run("serve", "--port", "0", *words).sentence(2) == sentence


def test_the_peers_have_to_be_named(terminal: Terminal) -> None:
    answer = terminal.run("serve", "--port", "0", "--diameter", "127.0.0.1:0")
    assert "name a settings file in TALKTIME_DIAMETER" in answer.sentence(2)


def absent(terminal: Terminal) -> str:
    (terminal.folder / "diameter.toml").unlink()
    return "cannot be read: No such file or directory"


def no_toml(terminal: Terminal) -> str:
    terminal.write("diameter.toml", "[server")
    return "is not TOML: "


def no_host(terminal: Terminal) -> str:
    terminal.write("diameter.toml", '[server]\nrealm = "test"\n')
    return "host"


@pytest.mark.parametrize("wrong", [absent, no_toml, no_host])
def test_settings_that_cannot_be_used(diameter: DiameterTerminal, wrong: Callable[[Terminal], str]) -> None:
    """Said at once, not by processes that begin again for ever."""
    expected = wrong(diameter)
    said = diameter.run("serve", "--port", "0", "--diameter", "127.0.0.1:0").sentence(2)
    assert said.startswith(f"{diameter.folder / 'diameter.toml'}: ")
    assert expected in said


def test_a_port_that_is_taken(diameter: DiameterTerminal) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        answer = ended(diameter.start("serve", "--port", "0", "--diameter", f"127.0.0.1:{port}"))
    said = answer.sentence(1)
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in said
    assert said.endswith("choose another --diameter")
