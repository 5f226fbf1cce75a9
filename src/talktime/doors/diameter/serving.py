"""The Diameter door of one process, put together: charging, links, and what is asked of switches."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from talktime.catalog.side import load_currencies
from talktime.doors.diameter.calling_back import CallingBack
from talktime.doors.diameter.charging import Charging
from talktime.doors.diameter.door import Door
from talktime.doors.diameter.sessions import Sessions
from talktime.doors.diameter.wire.codes import Command
from talktime.ledger.sessions_reading import available, not_open, tenant_with_session

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from prometheus_client.core import Metric

    from talktime.doors.diameter.settings import DiameterSettings
    from talktime.ledger.database import DatabaseUrl
    from talktime.live.desk import Desk


class Listening(NamedTuple):
    """The sockets of the door as descriptors; None where it is not listened."""

    plain: int | None
    tls: int | None


@dataclass(frozen=True, slots=True)
class LedgerBooks:
    """What the ledger knows of tenants and calls, for `CallingBack`."""

    url: DatabaseUrl
    desk: Desk

    def available(self, tenants: Collection[str]) -> Mapping[str, int]:
        """As `Books`."""
        return available(self.url, list(tenants), self.desk.engine.clock_us())

    def not_open(self, tenant: str, call_ids: Sequence[str]) -> Collection[str]:
        """As `Books`."""
        return not_open(self.url, tenant, call_ids)


class Serving:
    """Answers peers on the desk of this process for as long as `listen` and `keep` run."""

    def __init__(self, settings: DiameterSettings, desk: Desk, url: DatabaseUrl, where: Listening) -> None:
        self._where = where
        self._sessions = Sessions()
        find = partial(tenant_with_session, url)
        numbers = load_currencies().numbers
        self._charging = Charging(desk, settings, self._sessions, find, numbers)
        self._door = Door(settings, self._charging)
        books, is_urgent = LedgerBooks(url, desk), desk.rules.classifier.is_never_refused
        self._back = CallingBack(self._door, settings, self._sessions, books, is_urgent=is_urgent)
        self._door.on_answer = self._back.take_answer

    async def listen(self) -> None:
        """Takes connections until it is cancelled; then peers are told that we go."""
        sockets = [None if fd is None else socket.socket(fileno=socket.dup(fd)) for fd in self._where]
        await self._door.serve(*sockets)

    async def keep(self) -> None:
        """Calls switches back, until it is cancelled."""
        await self._back.keep()

    def figures(self) -> Iterator[Metric]:
        """What monitoring sees."""
        answers = CounterMetricFamily(
            "talktime_diameter_answers", "Credit-control answers", labels=("request", "result")
        )
        for (kind, result), count in self._charging.counted.items():
            answers.add_metric((kind, str(int(result))), count)
        yield answers
        asked = CounterMetricFamily("talktime_diameter_asked", "Requests of ours", labels=("command",))
        for command, count in self._back.asked.items():
            asked.add_metric((command,), count)
        yield asked
        answered = CounterMetricFamily(
            "talktime_diameter_asked_results", "Answers to requests of ours", labels=("command", "result")
        )
        for (command_code, result), count in self._back.answered.items():
            answered.add_metric((Command(command_code).name.lower(), str(result)), count)
        yield answered
        refused = CounterMetricFamily(
            "talktime_diameter_refused", "Connections that were refused at their hello", labels=("result",)
        )
        for refusal, count in self._door.refused.items():
            refused.add_metric((str(int(refusal)),), count)
        yield refused
        yield GaugeMetricFamily("talktime_diameter_peers", "Peers that are connected", self._door.open_peers)
        yield GaugeMetricFamily("talktime_diameter_sessions", "Sessions in memory", len(self._sessions))
