"""`talktime serve` as people run it: real processes, from an empty folder to a stop in good order."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import httpx
import psutil
import pytest

from talktime.ledger.api_keys import ApiKeys
from talktime.ledger.database import open_url
from tests.doors.terminal import Terminal, ended

PATIENCE_S = 30


@dataclass(frozen=True)
class Service:
    """A running service, and what it said at its start."""

    process: subprocess.Popen[bytes]
    lines: list[str]
    port: int
    admin_port: int

    def get(self, path: str, key: str = "", admin: bool = False) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        port = self.admin_port if admin else self.port
        return httpx.get(f"http://127.0.0.1:{port}{path}", headers=headers, timeout=PATIENCE_S)

    def is_ready(self, admin: bool = False) -> bool:
        try:
            return self.get("/readyz", admin=admin).status_code == 200
        except httpx.TransportError:
            return False

    def children(self) -> dict[str, psutil.Process]:
        """Processes by what they do."""
        found = {}
        for child in psutil.Process(self.process.pid).children():
            try:
                words = child.cmdline()
            except psutil.NoSuchProcess:  # it has just ended
                continue
            if "--only" in words:  # a new one is a copy of the supervisor for a moment
                found[words[words.index("--only") + 1]] = child
        return found

    def stop(self) -> str:
        """SIGTERM; returns what was said after the start. Fails unless it ended with 0."""
        self.process.send_signal(signal.SIGTERM)
        answer = ended(self.process)
        assert (answer.code, answer.err) == (0, ""), answer
        return answer.out


def until(reached: Callable[[], bool], what: str) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < until_s, f"waited in vain until {what}"
        time.sleep(0.05)


@contextmanager
def serving(terminal: Terminal, *words: str) -> Iterator[Service]:
    """A service that is ready; it is killed with all its processes if a test leaves it running."""
    process = terminal.start("serve", "--port", "0", *words)
    assert process.stdout is not None
    try:
        lines: list[str] = []
        while not (lines and lines[-1].startswith("database:")):
            line = process.stdout.readline().decode()
            assert line, ended(process).err
            lines.append(line.rstrip("\n"))
        port, admin_port = (int(line.split("http://127.0.0.1:")[1].split()[0]) for line in lines[:2])
        service = Service(process, lines, port, admin_port)
        until(service.is_ready, "the live process is ready")
        until(lambda: service.is_ready(admin=True), "the admin process is ready")
        yield service
    finally:
        if process.poll() is None:
            for child in psutil.Process(process.pid).children():
                child.kill()
            process.kill()
            process.communicate()


def start(service: Service, key: str, tenant: str = "nobody") -> httpx.Response:
    body = {"tenant": tenant, "sequence": 0, "call_type": "user_out"}
    headers = {"Authorization": f"Bearer {key}"}
    url = f"http://127.0.0.1:{service.port}/v1/calls/c1/start"
    return httpx.post(url, json=body, headers=headers, timeout=PATIENCE_S)


def test_from_an_empty_folder_to_a_stop_in_good_order(terminal: Terminal) -> None:
    """And in between a second service on the same file, and a process that dies: each start takes seconds."""
    with serving(terminal) as service:
        a_new_service_answers_whoever_has_its_key(terminal, service, {"live", "admin"})
        key = (terminal.state / "first-key").read_text().strip()
        (terminal.state / "first-key").unlink()
        with serving(terminal) as second:
            assert not any("first key" in line for line in second.lines)
            both_work_on_the_same_file(service, second, key)
            second.stop()
        assert not (terminal.state / "first-key").exists()
        assert start(service, key, "contoso").status_code == 200
        a_process_that_dies_is_started_again(service)
        assert start(service, key).status_code == 200
        said = stopped_in_good_order(service, key)
    assert "the process live 1 ended with -9" in said
    verified = terminal.run("verify")
    assert verified.code == 0, verified


def test_with_fronts_from_an_empty_folder_to_a_stop_in_good_order(terminal: Terminal) -> None:
    with serving(terminal, "--fronts", "1") as service:
        a_new_service_answers_whoever_has_its_key(terminal, service, {"engine", "front", "admin"})
        stopped_in_good_order(service, (terminal.state / "first-key").read_text().strip())


def a_new_service_answers_whoever_has_its_key(terminal: Terminal, service: Service, parts: set[str]) -> None:
    place = terminal.state / "first-key"
    key = place.read_text().strip()
    assert place.stat().st_mode & 0o777 == 0o600
    assert key.startswith("tt_")
    until((terminal.state / "first-sign-in").is_file, "a link for the first person lies there")
    assert (terminal.state / "talktime.db").exists()
    assert set(service.children()) == parts
    assert service.get("/healthz").json() == {"status": "ok"}
    assert "talktime_queue_operations" in service.get("/metrics").text
    assert service.get("/v1/tenants").status_code == 401
    assert service.get("/v1/tenants", key).json()["tenants"] == []
    assert service.get("/v1/tenants", key, admin=True).json()["tenants"] == []
    assert start(service, key).json()["reason"] == "unknown_tenant"
    assert start(service, key + "0").status_code == 401
    url = open_url(f"sqlite:///{terminal.state / 'talktime.db'}")
    _, made = ApiKeys(url).create("another", ["contoso"], ["live"], 1)
    until(lambda: start(service, made, "contoso").status_code != 401, "a key made elsewhere is known")
    assert start(service, made, "fabrikam").status_code == 404
    described = service.get("/openapi.json").json()["paths"]
    assert "/v1/calls/{call_id}/start" in described
    of_admin = service.get("/openapi.json", admin=True).json()["paths"]
    assert "/v1/calls/{call_id}/start" not in of_admin
    assert "/healthz" in of_admin


def both_work_on_the_same_file(first: Service, second: Service, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    tenant = {"tenant": {"id": "contoso", "country": "US", "currency": "USD"}}
    url = f"http://127.0.0.1:{first.port}/v1/tenants"
    made = httpx.post(url, json=tenant, headers=headers, timeout=PATIENCE_S)
    assert made.status_code == 201, made.text
    for service in (first, second, first):
        told = service.get("/v1/tenants", key).json()["tenants"]
        assert [each["id"] for each in told] == ["contoso"]
        # The deck is missing; the same call asked of both is the same call.
        assert start(service, key, "contoso").json() == start(first, key, "contoso").json()


def a_process_that_dies_is_started_again(service: Service) -> None:
    old = service.children()["live"]
    old.send_signal(signal.SIGKILL)

    def is_replaced() -> bool:
        new = service.children().get("live")
        return new is not None and new.pid != old.pid and new.status() != psutil.STATUS_ZOMBIE

    until(is_replaced, "there is another live process")
    until(service.is_ready, "it is ready")


def stopped_in_good_order(service: Service, key: str) -> str:
    """All of it; returns what was said."""
    children = list(service.children().values())
    said = service.stop()
    assert key not in said + "\n".join(service.lines)
    assert not any(child.is_running() for child in children)
    return said


def test_a_port_in_use_is_one_sentence(terminal: Terminal) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        sentence = terminal.run("serve", "--port", str(port)).sentence(1)
    assert f"127.0.0.1:{port}" in sentence
    assert "--port" in sentence
    assert not terminal.state.exists()  # nothing was made


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--only", "everything"), "--only"),
        (("--only", "engine"), "--only"),
        (("--workers", "0"), "--workers"),
        (("--workers", "65"), "--workers"),
        (("--fronts", "-1"), "--fronts"),
        (("--fronts", "2", "--workers", "2"), "--fronts"),
        (("--fronts", "1", "--only", "live"), "--fronts"),
    ],
    ids=lambda each: "_".join(each) if isinstance(each, tuple) else "",
)
def test_what_cannot_be_served(terminal: Terminal, words: tuple[str, ...], named: str) -> None:
    assert named in terminal.run("serve", *words).sentence(2)
    assert not terminal.state.exists()


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("TALKTIME_SMTP", "mail.example", "TALKTIME_SMTP"),
        ("TALKTIME_STRIPE_SECRET_KEY", "sk_test", "TALKTIME_STRIPE_WEBHOOK_SECRET"),
        ("TALKTIME_STRIPE_WEBHOOK_SECRET", "whsec_test", "TALKTIME_STRIPE_SECRET_KEY"),
        ("TALKTIME_SELLER", "there is none.toml", "TALKTIME_SELLER"),
        ("TALKTIME_OPENID", "there is none.toml", "TALKTIME_OPENID"),
    ],
)
def test_an_outside_that_is_wrong_is_one_sentence(
    terminal: Terminal, name: str, value: str, named: str
) -> None:
    """No process is started that could not begin, and nothing is made."""
    assert named in terminal.run("serve", "--port", "0", **{name: value}).sentence(2)
    assert not terminal.state.exists()


def test_settings_that_are_wrong(terminal: Terminal) -> None:
    assert "TALKTIME_SLICE_S" in terminal.run("serve", TALKTIME_SLICE_S="an hour").sentence(2)
    assert "mysql" in ended(terminal.start("serve", "--port", "0", "--database", "mysql://x")).sentence(1)
