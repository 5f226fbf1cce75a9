"""All stories side by side: some 70 seconds of real calls, and what phones and ledger say of them afterwards.

Several Kamailios, because one is killed, one sits behind a relay and each asks for slices of its own. Nothing
is asserted about a story here: the run brings back what was seen, the tests say what it has to be.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from tests.doors.diameter.real.guide import commands, files, with_ports
from tests.doors.diameter.real.ledgers import Cast, Talktime
from tests.doors.diameter.real.network import (
    ATTEMPTS,
    SMALL,
    Calls,
    Switch,
    host_of,
    missing,
    start_calls,
    start_relay,
    start_sound_switch,
    start_switch,
    trace_of,
)
from tests.doors.diameter.real.processes import Running, Stage, free_port, program, until
from tests.doors.diameter.real.traces import Heard, heard
from tests.doors.terminal import SOURCES

SLICE_S: Final = 30
MANY_SLICE_S: Final = 21
"""Kamailio asks again 6 s before a grant ends: every 15 s."""

OUTAGE_SLICE_S: Final = 45

CROWD_CALLS, CROWD_S, CROWD_A_SECOND = 200, 45, 20

SETTLED = Cast("settled", "+12065550101", 1_000)
CUT = Cast("cut", "+12065550102", 40)
REFUSED = Cast("refused", "+12065550103", 0)
SHARED = Cast("shared", "+12065550104", 75)
MANY = Cast("many", "+12065550105", 9_900)
LOST = Cast("lost", "+12065550106", 1_000)
RELAYED = Cast("relayed", "+12065550107", 1_000)
OUTAGE = Cast("outage", "+12065550108", 1_000)
URGENT = Cast("urgent", "+12065550110", 0)
EMERGENCY: Final = "112"
CROWD = Cast("crowd", "+12065550109", 20_000)


class Story(msgspec.Struct, frozen=True):
    """What was seen of one story. `calls` and `credits` as the management API answers them."""

    callers: list[Heard]
    callees: list[Heard]
    calls: list[dict[str, Any]]
    credits: dict[str, Any]

    @property
    def charges(self) -> list[dict[str, Any]]:
        """The charge of each call; fails where one has none or several."""
        assert [len(call["charges"]) for call in self.calls] == [1] * len(self.calls)
        return [call["charges"][0] for call in self.calls]


class Run(msgspec.Struct, frozen=True):
    """What a run brought back: stories by tenant, `talktime verify` of each ledger, the page's own output.

    `failed`: why there was none. `no_relay`: why nothing went through one.
    """

    stories: dict[str, Story] = {}
    verified: list[dict[str, Any]] = []
    page: str = ""
    no_relay: str = ""
    failed: str = ""


class Relay(NamedTuple):
    """A freeDiameter, and where it listens."""

    port: int
    running: Running


class Scene(NamedTuple):
    """A story that is being played."""

    cast: Cast
    talktime: Talktime
    switch: Switch
    callers: Running


def played(folder: Path) -> Run:
    """Plays all stories and returns when all are over."""
    no_relay = missing("freeDiameterd", "openssl")
    with Stage(folder) as stage:
        page = _page(stage)
        main = Talktime(stage, "main").prepare(
            [SETTLED, CUT, REFUSED, URGENT, SHARED, MANY, LOST, RELAYED],
            ["usual", "many", "killed"],
            relay=not no_relay,
        )
        outage = Talktime(stage, "outage").prepare([OUTAGE], ["outage"])
        for each in (main, outage):
            each.launch()
        for each in (main, outage):
            each.wait_ready()
        relay = None if no_relay else _relay(stage, main)
        scenes = [*_direct(stage, main, int(relay is not None)), *_outage(stage, outage)]
        if relay is not None:
            scenes += _relayed(stage, main, relay)
        _kill_the_switch(next(scene for scene in scenes if scene.cast == LOST))
        _wait_for(scenes)
        until(partial(_has_ended, page), f"the end of the page:\n{page.said()}")
        stories = {scene.cast.tenant: _seen(scene) for scene in scenes}
        verified = [each.verified() for each in (main, outage)]
        return Run(stories, verified, f"{page.process.returncode}\n{page.said()}", no_relay)


def played_crowd(folder: Path) -> Run:
    """Plays the 200 calls of 45 s, 20 a second, alone."""
    with Stage(folder) as stage:
        talktime = Talktime(stage, "crowd").prepare([CROWD], ["crowd"])
        talktime.launch()
        talktime.wait_ready()
        switch = start_switch(stage, "crowd", talktime.diameter_port, MANY_SLICE_S)
        talktime.wait_peers(1)
        callers = start_calls(stage, switch, Calls(CROWD.number, CROWD_S, CROWD_CALLS, CROWD_A_SECOND))
        scene = Scene(CROWD, talktime, switch, callers)
        _wait_for([scene])
        return Run({CROWD.tenant: _seen(scene)}, [talktime.verified()])


def _direct(stage: Stage, talktime: Talktime, relays: int) -> list[Scene]:
    """The stories without anything in between."""
    port = talktime.diameter_port
    usual = start_switch(stage, "usual", port, SLICE_S)
    many = start_switch(stage, "many", port, MANY_SLICE_S)
    killed = start_switch(stage, "killed", port, MANY_SLICE_S)
    talktime.wait_peers(relays + 3)
    told = (
        (usual, SHARED, Calls(SHARED.number, 120, 2)),
        (usual, CUT, Calls(CUT.number, 120)),
        (usual, SETTLED, Calls(SETTLED.number, 35)),
        (usual, REFUSED, Calls(REFUSED.number, 30)),
        (usual, URGENT, Calls(URGENT.number, 3, callee=EMERGENCY)),
        (killed, LOST, Calls(LOST.number, 120)),
        (many, MANY, Calls(MANY.number, 20, 40, 20)),
    )
    return [Scene(cast, talktime, switch, start_calls(stage, switch, calls)) for switch, cast, calls in told]


def _outage(stage: Stage, talktime: Talktime) -> list[Scene]:
    """A call whose server is killed at its beginning and comes back."""
    switch = start_switch(stage, "outage", talktime.diameter_port, OUTAGE_SLICE_S)
    talktime.wait_peers(1)
    callers = start_calls(stage, switch, Calls(OUTAGE.number, OUTAGE_SLICE_S))
    until(lambda: bool(talktime.in_progress(OUTAGE.tenant)), "the call of the outage")
    time.sleep(1)  # the answer is on its way to Kamailio, and the callee picks up
    talktime.kill()
    talktime.launch()
    talktime.wait_ready()
    return [Scene(OUTAGE, talktime, switch, callers)]


def _relay(stage: Stage, talktime: Talktime) -> Relay:
    """Starts the relay; it makes keys for some seconds before it says anything."""
    port, names = free_port(), [f"relayed-{attempt}" for attempt in range(1, ATTEMPTS + 1)]
    running = start_relay(stage, port, talktime.diameter_port, *map(host_of, names))
    talktime.wait_peers(1)
    return Relay(port, running)


def _relayed(stage: Stage, talktime: Talktime, relay: Relay) -> list[Scene]:
    """A call that Kamailio asks a relay about."""
    switch = start_sound_switch(stage, "relayed", relay.port, SLICE_S)
    wanted = f"'STATE_OPEN'\t'{switch.host}'"
    until(lambda: wanted in relay.running.said(), f"Kamailio at the relay:\n{relay.running.said()}")
    return [Scene(RELAYED, talktime, switch, start_calls(stage, switch, Calls(RELAYED.number, 10)))]


def _kill_the_switch(scene: Scene) -> None:
    """Kills a Kamailio as soon as it has reported something of its call."""

    def has_reported() -> bool:
        return any(call["used_seconds"] for call in scene.talktime.in_progress(scene.cast.tenant))

    until(has_reported, "a report of the call whose switch is killed")
    scene.switch.kamailio.kill()


def _wait_for(scenes: Sequence[Scene]) -> None:
    """Until every caller has hung up or was cut off, and no call is in progress in any ledger."""
    for scene in scenes:
        if scene.cast != LOST:  # its caller would wait for an answer to his BYE
            until(partial(_has_ended, scene.callers), f"the end of {scene.cast}")
    for scene in scenes:
        until(partial(_is_settled, scene), f"the settlement of {scene.cast}")


def _has_ended(running: Running) -> bool:
    return running.process.poll() is not None


def _is_settled(scene: Scene) -> bool:
    return not scene.talktime.in_progress(scene.cast.tenant)


def _seen(scene: Scene) -> Story:
    tenant, talktime = scene.cast.tenant, scene.talktime
    told = talktime.asked(tenant, "calls?limit=1000")["calls"]
    calls = [talktime.asked(tenant, f"calls/{each['call_id']}") for each in told]
    callers = heard(scene.switch.folder / f"{trace_of(scene.cast.number)}.csv")
    mine = {call.call for call in callers}
    callees = [call for call in heard(scene.switch.folder / "callees.csv") if call.call in mine]
    return Story(callers, callees, calls, talktime.asked(tenant, "credits"))


def _page(stage: Stage) -> Running:
    """The page's own commands from top to bottom, with ports that are free."""
    folder = stage.place("page")
    ports = {port: str(free_port()) for port in ("8080", "3868", "3869", "5060", "5070", "5080")}
    for name, content in files().items():
        (folder / name).write_text(with_ports(content, ports), "utf-8")
    kamailio = program("kamailio")
    assert kamailio is not None
    bin_folder = stage.place("page-bin")
    for name, words in (("talktime", '"$PYTHON" -m talktime'), ("kamailio", f"{kamailio} {' '.join(SMALL)}")):
        (bin_folder / name).write_text(f'#!/bin/sh\nexec {words} "$@"\n', "utf-8")
        (bin_folder / name).chmod(0o755)
    (folder / "page.sh").write_text(f"set -eux -o pipefail\n{with_ports(commands(), ports)}", "utf-8")
    ours = {name: os.environ[name] for name in ("HOME", "TMPDIR", "SSL_CERT_FILE") if name in os.environ}
    bash = shutil.which("bash")
    assert bash is not None
    environment = ours | {
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "PYTHON": sys.executable,
        "PYTHONPATH": str(SOURCES),
        "COLUMNS": "80",
    }
    return stage.start("page", [bash, "page.sh"], folder, environment)
