"""A Diameter door on a real socket, with a desk on a real database, on a clock that the test sets.

As many processes as a test wants stand in front of one ledger, each with a desk and a door. A restart is new
desks and doors on the same database, behind listening sockets that stayed open, as the supervisor's do.
"""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

from talktime.accounts.tenant import Tenant
from talktime.catalog.load import load_catalogue
from talktime.catalog.model import Catalogue
from talktime.catalog.ro import CallRule, load_ro
from talktime.catalog.side import load_currencies
from talktime.core.deck import INBOUND, Deck
from talktime.doors.diameter.calling_back import CallingBack
from talktime.doors.diameter.charging import Charging
from talktime.doors.diameter.door import Door
from talktime.doors.diameter.identity import Identities, IdentityRule
from talktime.doors.diameter.serving import LedgerBooks
from talktime.doors.diameter.sessions import Sessions
from talktime.doors.diameter.settings import DiameterSettings, PeerSettings, TlsSettings
from talktime.ledger.sessions_reading import tenant_with_session
from talktime.ledger.verify import verify
from talktime.live.desk import Desk
from talktime.live.operations import Pace
from talktime.live.rates import RateBooks
from tests.bulk.charged import SPENDS, by_second, deck, tenant, user
from tests.doors.diameter.switch import Line, Switch
from tests.live.ledger_checks import LedgerChecks
from tests.live.live_desk import LiveDesk, books_of

HOST, REALM = "ocs.test", "test"
A_SECOND = 10_000
"""Micros that a second of a call costs, wherever it goes."""

CENT = 10_000
SMALL = """
[[plan]]
code = "SMALL"
name = "one minute at home"
kind = "calling"
basis = "assigned"
scope = "country"
pools = [{ kind = "domestic", destinations = "domestic", minutes = 1 }]
"""
ANA, BOB, CAT = "+14165550000", "+14165550001", "+441632960001"
LONDON, SEATTLE = "+442079460000", "+12065550100"

_Answer = TypeVar("_Answer")


@cache
def catalogue() -> Catalogue:
    """The shipped catalogue and a plan of one minute."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "plans.toml").write_text(SMALL, "utf-8")
        return load_catalogue(Path(folder))


@cache
def prices() -> Deck:
    """A cent a second, from the first on, but for the Netherlands, to which nobody has a rate."""
    rows = [by_second(prefix, "0.6") for prefix in ("1", "33", "44")]
    return deck(*rows, by_second("1", "0.6", direction=INBOUND))


CONTOSO = replace(
    tenant(
        user("ana@contoso.example", SPENDS, numbers=(ANA,)),
        user("bob@contoso.example", SPENDS, numbers=(BOB,)),
    ),
    id="contoso",
)
FABRIKAM = replace(
    tenant(user("cat@fabrikam.example", "SMALL", SPENDS, location="GB", numbers=(CAT,))),
    id="fabrikam",
    country="GB",
)
RULES = (
    IdentityRule("test", "+1416*", "contoso", "subscription"),
    IdentityRule("test", "+44*", "fabrikam", "subscription"),
)


def peer(host: str = "switch.test", **more: Any) -> PeerSettings:
    """One of [[peers]]: of our realm, on this machine, that wants nothing special."""
    usual = PeerSettings(host, REALM, ("127.0.0.0/8",), (REALM,), False, False, False, False, "")
    return usual._replace(**more)


def settings(
    *peers: PeerSettings,
    rules: Iterable[IdentityRule] = RULES,
    calls: Iterable[CallRule] = (),
    realms: tuple[str, ...] = (),
    rating_groups: Iterable[int] = (),
    tls: TlsSettings | None = None,
    watchdog_s: int = 30,
) -> DiameterSettings:
    """What diameter.toml would say; without peers there is one, `switch.test`."""
    return DiameterSettings(
        host=HOST,
        realm=REALM,
        realms=(REALM, *realms),
        product="Talktime",
        peers=peers or (peer(),),
        identities=Identities(tuple(rules), tuple(calls), load_ro(), catalogue()),
        tls=tls,
        watchdog_s=watchdog_s,
        rating_groups=frozenset(rating_groups),
    )


Listening = tuple[socket.socket, socket.socket | None]


class Process:
    """What one process has: sessions, charging, door, and whoever calls switches back."""

    def __init__(self, house: House, desk: Desk, listening: Listening) -> None:
        self.sessions = Sessions()
        find = partial(tenant_with_session, house.url)
        self.charging = Charging(desk, house.settings, self.sessions, find, load_currencies().numbers)
        self.door = Door(house.settings, self.charging)
        books, is_urgent = LedgerBooks(house.url, desk), desk.rules.classifier.is_never_refused
        self.back = CallingBack(self.door, house.settings, self.sessions, books, is_urgent=is_urgent)
        self.door.on_answer = self.back.take_answer
        sockets = [None if each is None else each.dup() for each in listening]
        self.task = asyncio.ensure_future(self.door.serve(*sockets))

    async def die(self) -> None:
        """As a process does that is killed: nobody is told anything."""
        for connection in list(self.door._connections):
            connection.abort()
        await asyncio.sleep(0)
        await self.leave()

    async def leave(self) -> None:
        """As a process does that is told to stop."""
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


def _listening() -> socket.socket:
    opened = socket.create_server(("127.0.0.1", 0))
    opened.setblocking(False)
    return opened


class House(LiveDesk):
    """Processes on one ledger, `processes[n]` with `desks[n]`; `settings` are those of the next start."""

    def __init__(
        self,
        url: str,
        told: DiameterSettings | None = None,
        *,
        processes: int = 1,
        pace: Pace | None = None,
        rates: RateBooks | None = None,
    ) -> None:
        self.settings = told or settings()
        self.processes: list[Process] = []
        self._switches: list[Switch] = []
        books = books_of(prices()) if rates is None else rates
        super().__init__(url, catalogue(), books, pace=pace, desks=processes)
        self._sockets: list[Listening] = [
            (_listening(), _listening() if self.settings.tls else None) for _ in self.desks
        ]
        self._open_doors()

    # --- processes -------------------------------------------------------------------------------------

    def run(self, what: Awaitable[_Answer], longest_s: float = 20) -> _Answer:
        """Waits for something on the loop of all processes, which run meanwhile."""

        async def waited() -> _Answer:
            return await asyncio.wait_for(what, longest_s)

        return self._runner.run(waited())

    def elsewhere(self, work: Callable[[], _Answer]) -> _Answer:
        """Waits for what another thread does, while the doors answer."""
        return self.run(asyncio.to_thread(work))

    def let(self, seconds: float = 0.0) -> None:
        """The doors go on for so long."""
        self.run(asyncio.sleep(seconds))

    def until(self, reached: Callable[[], bool], what: str) -> None:
        """The doors go on until something has come about."""

        async def waited() -> None:
            for _ in range(1_000):
                if reached():
                    return
                await asyncio.sleep(0.01)
            raise AssertionError(f"waited in vain until {what}")

        self.run(waited())

    def port(self, process: int = 0, *, tls: bool = False) -> int:
        """Where the door of a process is."""
        opened = self._sockets[process][tls]
        assert opened is not None
        return int(opened.getsockname()[1])

    def restart(self) -> None:
        """All processes stop in good order, and others begin."""
        super().restart()
        self._open_doors()

    def kill(self) -> None:
        """All processes are gone without a word, what they had in memory too; others begin."""
        for process in self.processes:
            self.run(process.die())
        self.processes.clear()
        self.restart()

    def close(self) -> None:
        for switch in self._switches:
            self.run(switch.line.hang_up())
        super().close()
        for plain, tls in self._sockets:
            plain.close()
            if tls is not None:
                tls.close()

    def _open_doors(self) -> None:
        async def opened() -> list[Process]:
            made = [Process(self, desk, where) for desk, where in zip(self.desks, self._sockets, strict=True)]
            await asyncio.sleep(0)
            return made

        self.processes = self._runner.run(opened())

    def _stop(self) -> None:
        for process in self.processes:
            self.run(process.leave())
        self.processes = []
        super()._stop()

    # --- switches --------------------------------------------------------------------------------------

    def switch(self, host: str = "switch.test", process: int = 0, realm: str = REALM) -> Switch:
        """A switch that is connected and was let in."""
        switch = self.stranger(host, process, realm)
        assert switch.hello().result == 2001
        return switch

    def stranger(self, host: str = "switch.test", process: int = 0, realm: str = REALM) -> Switch:
        """A switch that is connected and has said nothing yet."""
        switch = Switch(self, self.run(Line.to(self.port(process))), host, realm)
        self.keep(switch)
        return switch

    def keep(self, switch: Switch) -> None:
        """Its line is hung up when the house is closed."""
        self._switches.append(switch)

    # --- the ledger ------------------------------------------------------------------------------------

    def open(self, *tenants: Tenant, money: int = 0) -> None:
        """Makes tenants; the first gets so many micros."""
        for one in tenants or (CONTOSO,):
            self.add(one)
        if money:
            self.fund((tenants or (CONTOSO,))[0].id, money)

    def charged_s(self, tenant: str = "contoso") -> int:
        """Seconds that were paid from credits, by what they cost."""
        ((total,),) = self.rows("select coalesce(sum(credits), 0) from charges where tenant = ?", tenant)
        assert total % A_SECOND == 0
        return int(total) // A_SECOND

    def left_s(self, tenant: str = "contoso") -> int:
        """Seconds that the credits still pay for, of those that no call holds."""
        balance, reserved, overdraft = self.wallet(tenant)
        assert (balance - reserved) % A_SECOND == 0
        assert overdraft == 0
        return (balance - reserved) // A_SECOND

    def is_settled(self, tenant: str = "contoso") -> bool:
        """Whether nothing is held and the ledger is what its journal says."""
        self.check()
        return self.wallet(tenant)[1] == 0

    def check(self) -> None:
        """The ledger is what its journal says, by `verify` and by other code."""
        for (name,) in self.rows("select tenant from wallets order by tenant"):
            LedgerChecks(self).check(name)
        found = verify(self.url, now_us=self.now_us)
        assert found.is_clean, found.differences

    def written(self) -> list[list[tuple[object, ...]]]:
        """All that charging writes, row by row."""
        tables = ("wallets", "sessions", "journal", "charges", "counters", "lots", "outbox")
        return [self.rows(f"select * from {name} order by 1, 2") for name in tables]
