"""A Talktime for the run: a ledger with the page's prices and a tenant for each story, and its server.

Each story has its own number, tenant and money, so that all can go on side by side.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

import httpx
import msgspec

from tests.doors.diameter.real.guide import files, fitted
from tests.doors.diameter.real.network import host_of
from tests.doors.diameter.real.processes import PATIENCE_S, Running, Stage, free_port, until
from tests.doors.terminal import Terminal

GRACE_S: Final = 3
"""How long a call may be silent beyond its grant before it is lost."""

_PEERS: Final = re.compile(r"^talktime_diameter_peers (\d+)", re.MULTILINE)
_IDENTITY: Final = """
[[identities]]
realm = "voice.example"
subscription = "{number}"
tenant = "{tenant}"
user = "subscription"
"""


class Cast(msgspec.Struct, frozen=True):
    """Who plays in a story: the tenant, the number of its user, and so many seconds of money."""

    tenant: str
    number: str
    money_s: int

    @property
    def amount(self) -> str:
        """The money: a second costs a cent."""
        return f"{self.money_s // 100}.{self.money_s % 100:02}"


class Talktime:
    """A ledger in a folder and `talktime serve` on it, that can be killed and started again."""

    def __init__(self, stage: Stage, name: str) -> None:
        self._stage = stage
        self.terminal = Terminal(stage.place(f"talktime-{name}"))
        self.folder = self.terminal.folder
        self.http_port, self.diameter_port = free_port(), free_port()
        self.environment = {
            "TALKTIME_DATABASE": "sqlite:///ledger.db",
            "TALKTIME_DIAMETER": "diameter.toml",
            "TALKTIME_GRACE_S": str(GRACE_S),
        }
        self._key = ""
        self._running: list[Running] = []

    def prepare(self, casts: Sequence[Cast], switches: Sequence[str], *, relay: bool = False) -> Self:
        """Stores the page's deck, a tenant for each story and who may ask."""
        shown = files()
        self.terminal.write("deck.csv", shown["deck.csv"])
        self._does("decks", "add", "deck.csv")
        self._does("decks", "bind", "trunks")
        for cast in casts:
            own = {"contoso": cast.tenant, "+14255550100": cast.number}
            self.terminal.write(f"{cast.tenant}.toml", fitted(shown["tenant.toml"], own))
            self._does("tenant", "add", f"{cast.tenant}.toml")
            if cast.money_s:
                self._does("credits", "adjust", cast.amount, "--tenant", cast.tenant, "--reason", "a story")
        self._key = self._does("keys", "add", "office", "--management").strip().splitlines()[-1]
        self.terminal.write("diameter.toml", _settings(shown, casts, switches, relay=relay))
        return self

    def _does(self, *words: str) -> str:
        answer = self.terminal.run(*words, **self.environment)
        assert answer.code == 0, answer.err
        return answer.out

    def launch(self) -> None:
        """Starts the server and does not wait."""
        where = ["--port", str(self.http_port), "--diameter", f"127.0.0.1:{self.diameter_port}"]
        command = [sys.executable, "-m", "talktime", "serve", "--only", "live", *where]
        environment = self.terminal.environment(self.environment)
        self._running.append(self._stage.start("serve", command, self.folder, environment))

    def wait_ready(self) -> None:
        """Waits until operations are taken."""
        until(self._is_ready, f"the server\n{self._running[-1].said()}")

    def _is_ready(self) -> bool:
        ended = self._running[-1].process.poll()
        assert ended is None, f"the server ended with {ended}:\n{self._running[-1].said()}"
        try:
            return httpx.get(f"http://127.0.0.1:{self.http_port}/readyz", timeout=PATIENCE_S).is_success
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """`kill -9`."""
        self._running[-1].kill()

    def wait_peers(self, count: int) -> None:
        """Waits until so many peers are connected, or more."""
        until(lambda: self._peers() >= count, f"{count} peers")

    def _peers(self) -> int:
        found = _PEERS.search(self._get("/metrics").text)
        return int(found[1]) if found else 0

    def asked(self, tenant: str, path: str) -> dict[str, Any]:
        """A question to the management API about a tenant; `path` behind its address."""
        answer = self._get(f"/v1/tenants/{tenant}/{path}")
        assert answer.status_code == httpx.codes.OK, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def _get(self, path: str) -> httpx.Response:
        key = {"Authorization": f"Bearer {self._key}"}
        return httpx.get(f"http://127.0.0.1:{self.http_port}{path}", headers=key, timeout=PATIENCE_S)

    def in_progress(self, tenant: str) -> list[dict[str, Any]]:
        """The calls of a tenant that are not over."""
        found: list[dict[str, Any]] = self.asked(tenant, "calls-in-progress")["calls"]
        return found

    def verified(self) -> dict[str, Any]:
        """What `talktime verify` says, while the server runs."""
        return self.terminal.run("verify", "--json", **self.environment).json

    def said(self) -> str:
        """All that its servers have printed."""
        return self._running[-1].said() if self._running else ""


def _settings(
    shown: Mapping[str, str], casts: Sequence[Cast], switches: Sequence[str], *, relay: bool
) -> str:
    """The page's diameter.toml with a peer for each switch and a rule for each story."""
    head, rest = shown["diameter.toml"].split("[[peers]]")
    peer, _ = rest.split("[[identities]]")
    peers = [fitted(f"[[peers]]{peer}", {"kamailio.voice.example": host_of(name)}) for name in switches]
    rules = [_IDENTITY.format(number=cast.number, tenant=cast.tenant) for cast in casts]
    return head + "".join(peers) + (shown["relay.toml"] if relay else "") + "".join(rules)
