"""Files of TLS that cannot be used: the server says so, does not start, and leaves nothing that listens."""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

import pytest

from talktime.doors.cli.problems import Unusable
from talktime.doors.cli.serve import ServeRequest, serve_command
from talktime.doors.diameter.charging import Charging
from talktime.doors.diameter.door import Door
from talktime.doors.diameter.settings import TlsSettings
from tests.databases import sqlite_database
from tests.doors.diameter.house import House, settings

__all__ = ["sqlite_database"]  # a fixture

FILE = """
[server]
host = "ocs.test"
realm = "test"

[tls]
certificate = "ocs.pem"
key = "ocs.key"
authorities = "ca.pem"
listen = "127.0.0.1:0"

[[peers]]
host = "switch.test"
realm = "test"
"""


@pytest.mark.parametrize(
    ("there", "sentence"),
    [
        ((), "no such file or directory; the server does not start without it"),
        (("ocs.pem", "ocs.key", "ca.pem"), "are no pair in PEM without a password"),
    ],
    ids=["missing", "no certificates"],
)
@pytest.mark.parametrize("only", ["", "diameter"])
def test_the_server_does_not_start_with_them(
    tmp_path: Path,
    sqlite_database: str,
    monkeypatch: pytest.MonkeyPatch,
    there: tuple[str, ...],
    sentence: str,
    only: str,
) -> None:
    path = tmp_path / "diameter.toml"
    path.write_text(FILE)
    for name in there:
        (tmp_path / name).write_text("no PEM")
    monkeypatch.setenv("TALKTIME_DIAMETER", str(path))
    request = ServeRequest("127.0.0.1", 0, 0, sqlite_database, only, workers=1, diameter="127.0.0.1:0")
    with pytest.raises(Unusable, match=sentence):
        serve_command(request)


def test_a_key_that_vanished_leaves_no_port_half_open(tmp_path: Path, sqlite_database: str) -> None:
    """The door is tried again and again: each try that fails gives back what it took."""
    nowhere = TlsSettings(tmp_path / "ocs.pem", tmp_path / "ocs.key", None, "127.0.0.1", 0)
    with closing(House(sqlite_database)) as house:
        charging: Charging = house.processes[0].charging
        door = Door(settings(tls=nowhere), charging)
        with socket.create_server(("127.0.0.1", 0)) as plain, socket.create_server(("127.0.0.1", 0)) as tls:

            async def served() -> None:
                with pytest.raises(FileNotFoundError):
                    await door.serve(plain, tls)

            house.run(served())
        assert door._servers == []
