"""The network around Talktime, made of the page's files: Kamailio, a relay, phones.

Each Kamailio has its own name, so that each is a peer of its own, and its own phones that answer behind it.
"""

from __future__ import annotations

import os
import subprocess
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from tests.doors.diameter.real.guide import files, fitted
from tests.doors.diameter.real.processes import Running, Stage, free_port, program, until

CALLEE: Final = "+442079460000"
RACED: Final = "Error on finding local host address"
"""What Kamailio says when its hello lacks its address: a relay refuses that, and it does not recover."""

ATTEMPTS: Final = 10
SMALL: Final = ("-m", "32", "-M", "4")
"""MiB that a Kamailio shares, and of each of its processes."""


def missing(*names: str) -> str:
    """Which of these programs is not installed, as a sentence; "" where all are."""
    absent = [name for name in names if program(name) is None]
    if "kamailio" in names and "kamailio" not in absent and not _has_charging():
        absent.append("ims_charging of kamailio-ims-modules")
    return f"not installed: {', '.join(absent)}" if absent else ""


def _has_charging() -> bool:
    module = "kamailio/modules/ims_charging.so"
    roots = (Path("/usr/lib"), Path("/usr/lib64"), Path("/usr/local/lib"), Path("/usr/local/lib64"))
    return any([*root.glob(module), *root.glob(f"*/{module}")] for root in roots)


class Switch(NamedTuple):
    """A Kamailio with phones behind it that answer. `slice_s`: what it asks for at a time."""

    name: str
    sip_port: int
    folder: Path
    kamailio: Running
    callees: Running

    @property
    def host(self) -> str:
        """Its Origin-Host."""
        return host_of(self.name)


def host_of(name: str) -> str:
    """The Origin-Host of a switch by its short name."""
    return f"{name}.voice.example"


def start_switch(stage: Stage, name: str, diameter_port: int, slice_s: int) -> Switch:
    """Starts a Kamailio of the page's configuration, and phones behind it."""
    folder, shown = stage.place(name), files()
    sip_port, gateway_port = free_port(), free_port()
    named = {"kamailio.voice.example": host_of(name)}
    ports = {"127.0.0.1:5060": f"127.0.0.1:{sip_port}", "127.0.0.1:5070": f"127.0.0.1:{gateway_port}"}
    slices = {
        '"interim_update_credits", 60': f'"interim_update_credits", {slice_s}',
        '"orig", 60': f'"orig", {slice_s}',
    }
    (folder / "kamailio.cfg").write_text(fitted(shown["kamailio.cfg"], named | ports | slices), "utf-8")
    diameter = {'port="3868"': f'port="{diameter_port}"', 'port="3869"': f'port="{free_port()}"'}
    (folder / "cdp.xml").write_text(fitted(shown["cdp.xml"], named | diameter), "utf-8")
    for scenario in ("answer.xml", "call.xml"):
        (folder / scenario).write_text(shown[scenario], "utf-8")
    callees = stage.start("answer", _sipp(["-sf", "answer.xml", "-p", str(gateway_port)], "callees"), folder)
    return Switch(name, sip_port, folder, stage.start("kamailio", _kamailio(folder), folder), callees)


def start_sound_switch(stage: Stage, name: str, diameter_port: int, slice_s: int) -> Switch:
    """As `start_switch`, and once more where its hello was not whole."""
    for attempt in range(1, ATTEMPTS + 1):
        switch = start_switch(stage, f"{name}-{attempt}", diameter_port, slice_s)
        until(partial(_has_said_hello, switch), f"hello\n{switch.kamailio.said()}")
        if RACED not in switch.kamailio.said():
            return switch
        switch.kamailio.kill()
        switch.callees.kill()
    raise AssertionError(f"Kamailio never said hello with its address:\n{switch.kamailio.said()}")


def _has_said_hello(switch: Switch) -> bool:
    said = switch.kamailio.said()
    return "save_peer_applications" in said or RACED in said


def _kamailio(folder: Path) -> list[str]:
    place = program("kamailio")
    assert place is not None
    where = ["-f", str(folder / "kamailio.cfg"), "-w", str(folder), "-Y", str(folder)]
    return [place, "-DD", "-E", *where, *SMALL]


def _sipp(arguments: list[str], trace: str) -> list[str]:
    place = program("sipp")
    assert place is not None
    messages = ["-trace_shortmsg", "-shortmessage_file", f"{trace}.csv"]
    errors = ["-trace_err", "-error_file", f"{trace}.err"]
    return [place, *arguments, "-i", "127.0.0.1", "-nostdin", *messages, *errors]


class Calls(NamedTuple):
    """Calls that one number places: each to `callee` and for `talk_s` seconds, if it may."""

    caller: str
    talk_s: int
    times: int = 1
    a_second: int = 10
    callee: str = CALLEE


def start_calls(stage: Stage, switch: Switch, calls: Calls) -> Running:
    """Places calls; the process ends when all are over."""
    name = trace_of(calls.caller)
    (switch.folder / f"{name}.txt").write_text(f"SEQUENTIAL\n{calls.caller};{calls.callee}\n", "utf-8")
    how = ["-sf", "call.xml", "-inf", f"{name}.txt", "-p", str(free_port())]
    many = ["-m", str(calls.times), "-l", str(calls.times), "-r", str(calls.a_second)]
    talk = ["-recv_timeout", str(calls.talk_s * 1_000)]
    return stage.start(name, _sipp([f"127.0.0.1:{switch.sip_port}", *how, *many, *talk], name), switch.folder)


def trace_of(caller: str) -> str:
    """The name, without ending, of what the phone of a number writes."""
    return f"calls-of-{caller.removeprefix('+')}"


def start_relay(stage: Stage, port: int, diameter_port: int, *hosts: str) -> Running:
    """Starts a freeDiameter that lets these hosts in and brings what they say to Talktime."""
    folder, shown = stage.place("relay"), files()
    named = {'"relay.': f'"{folder}/relay.', f'"{folder}/relay.voice.example"': '"relay.voice.example"'}
    ports = {"Port = 3870": f"Port = {port}", "Port = 3868": f"Port = {diameter_port}"}
    (folder / "relay.conf").write_text(fitted(shown["relay.conf"], named | ports), "utf-8")
    allowed = "".join(shown["relay.acl"].replace("kamailio.voice.example", host) for host in hosts)
    (folder / "relay.acl").write_text(allowed, "utf-8")
    _certificate(folder)
    place = program("freeDiameterd")
    assert place is not None
    return stage.start("relay", [place, "-c", str(folder / "relay.conf")], folder)


def _certificate(folder: Path) -> None:
    """Without a certificate freeDiameter does not start, though nothing is encrypted here."""
    place = program("openssl")
    assert place is not None
    made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=relay.voice.example"]
    kept = ["-keyout", "relay.key", "-out", "relay.pem"]
    subprocess.run([place, *made, *kept], cwd=folder, env=dict(os.environ), check=True, capture_output=True)
