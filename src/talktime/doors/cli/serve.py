"""`talktime serve`: start the live and the admin process, look after them, stop them in good order.

With `--only` this process is the one that serves; without it, it is the supervisor of two or more. The
supervisor opens all sockets, so that a process that is started again finds them as they were.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.doors.cli.answer import printable
from talktime.doors.cli.problems import Unusable, WrongUse

if TYPE_CHECKING:
    from types import FrameType

    from talktime.settings import Settings

ROLES: Final = ("live", "admin", "diameter")
PARTS: Final = ("engine", "front")
"""What `--only` may say too, when the supervisor says it."""
POLL_S: Final = 0.2
FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 10.0
SETTLED_S: Final = 30.0
"""A process that ran so long had a good start: its next one is not held back."""

STOP_S: Final = 30.0
GOOD_ENDS: Final = (0, -signal.SIGTERM, 128 + signal.SIGTERM)
"""How a process that was told to stop ends; the last where the command line's own handler was in place."""

MAX_WORKERS: Final = 64


class Handed(NamedTuple):
    """Sockets that the supervisor hands down: HTTP, engine and fronts, Diameter without and by TLS."""

    fd: int | None = None
    socket: Path | None = None
    diameter_fd: int | None = None
    tls_fd: int | None = None


NOTHING_HANDED: Final = Handed()


@dataclass(frozen=True, slots=True)
class ServeRequest:
    """What the command line says. `admin_port` 0 is the one after `port`; `diameter` is HOST:PORT or ""."""

    host: str
    port: int
    admin_port: int
    database: str | None
    only: str
    workers: int
    fronts: int = 0
    diameter: str = ""
    handed: Handed = NOTHING_HANDED


@dataclass(slots=True)
class Child:
    """A process that is looked after."""

    name: str
    arguments: list[str]
    fds: tuple[int, ...]
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    wait_s: float = FIRST_WAIT_S
    again_s: float = 0.0


def serve_command(request: ServeRequest) -> int:
    """Serves until it is told to stop; 0 where everything ended in good order."""
    from talktime.doors.http.outside import check_outside
    from talktime.ledger.database import DatabaseError
    from talktime.settings import read_settings

    if request.only not in ("", *ROLES) and not (request.only in PARTS and request.handed.socket):
        raise WrongUse(f"--only {request.only!r} is none of {', '.join(ROLES)}")
    if not 1 <= request.workers <= MAX_WORKERS:
        raise WrongUse(f"--workers {request.workers}: write a number from 1 to {MAX_WORKERS}")
    if not 0 <= request.fronts <= MAX_WORKERS:
        raise WrongUse(f"--fronts {request.fronts}: write a number from 0 to {MAX_WORKERS}")
    if request.fronts and (request.workers > 1 or request.only in ROLES):
        raise WrongUse("--fronts serves one engine; leave out --workers and --only")
    if request.only == "diameter" and not request.diameter:
        raise WrongUse("--only diameter needs --diameter HOST:PORT, such as 127.0.0.1:3868")
    try:
        settings = read_settings()
        check_outside(settings)
    except ValueError as error:
        raise WrongUse(str(error)) from None
    if request.database:
        settings = replace(settings, database=request.database)
    networks = _networks(request, settings)
    try:
        return _one(request, settings, networks) if request.only else _supervise(request, settings, networks)
    except DatabaseError as error:
        raise Unusable(str(error)) from None


@dataclass(frozen=True, slots=True)
class Network:
    """An address where Diameter is spoken."""

    option: str
    host: str
    port: int


def _networks(request: ServeRequest, settings: Settings) -> tuple[Network, ...]:
    """Where Diameter is spoken: as the command line says, and by TLS as the settings say.

    Raises WrongUse, and Unusable for files of TLS that cannot be used.
    """
    if not request.diameter:
        return ()
    from talktime.catalog.load import load_catalogue
    from talktime.doors.diameter.checking import tls_faults
    from talktime.doors.diameter.settings import DiameterFileError, read_diameter

    host, colon, port = request.diameter.rpartition(":")
    if not (host and colon and port.isascii() and port.isdigit() and int(port) <= 65_535):
        raise WrongUse(f"--diameter {request.diameter!r}: write HOST:PORT, such as 127.0.0.1:3868")
    if settings.diameter is None:
        raise WrongUse(
            "--diameter asks who the peers are: name a settings file in TALKTIME_DIAMETER (docs/diameter.md)"
        )
    try:
        told = read_diameter(settings.diameter, load_catalogue(settings.catalogue))
    except DiameterFileError as error:
        raise WrongUse(str(error)) from None
    plain = Network("--diameter", host.strip("[]"), int(port))
    if told.tls is None:
        return (plain,)
    if faults := tls_faults(told.tls):
        raise Unusable(f"{settings.diameter}: {'; '.join(faults)}")
    return (plain, Network(f"listen in [tls] of {settings.diameter}", told.tls.host, told.tls.port))


def _one(request: ServeRequest, settings: Settings, networks: tuple[Network, ...]) -> int:
    # Until the server listens to signals itself nothing is lost by ending at once; an exception raised in the
    # middle of an import could be swallowed there.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    from talktime.doors.diameter.serving import Listening
    from talktime.doors.http.serve import Served, serve_one

    handed, opened = request.handed, []
    listening = None
    if networks:
        _tell_of_peers()
    if handed.diameter_fd is not None:
        listening = Listening(handed.diameter_fd, handed.tls_fd)
    elif networks:
        opened = _listening(networks)
        listening = Listening(*[*(each.fileno() for each in opened), None][:2])
    where = Served(request.host, request.port, handed.fd, handed.socket, listening)
    return serve_one(settings, request.only, where)


def _tell_of_peers() -> None:
    """Which peers come and go stands in the log too, with its time, not only what is wrong."""
    import logging

    told = logging.StreamHandler()
    told.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log = logging.getLogger("talktime.doors.diameter")
    log.addHandler(told)
    log.setLevel(logging.INFO)
    log.propagate = False


def _supervise(request: ServeRequest, settings: Settings, networks: tuple[Network, ...]) -> int:
    from talktime.doors.http.first_person import first_invitation
    from talktime.doors.http.serve import first_key

    admin_port = request.admin_port or (request.port + 1 if request.port else 0)
    sockets = [_listen(request.host, request.port), _listen(request.host, admin_port)]
    diameter = _listening(networks)
    key = first_key(settings, settings.state)
    live_fd, admin_fd = (each.fileno() for each in sockets)
    common = ["--host", request.host, "--database", settings.database]
    live_at, admin_at = (each.getsockname()[1] for each in sockets)
    # Mails and gateways lead people to the admin process; nobody else knows its port before it is open.
    os.environ.setdefault("TALKTIME_BASE_URL", f"http://{_reached_at(request.host)}:{admin_at}")
    _say(f"live routes and management: http://{request.host}:{live_at} (ready when /readyz says so)")
    _say(f"admin center: http://{request.host}:{admin_at}")
    for each, kind in zip(diameter, ("", " by TLS"), strict=False):
        _say(f"Diameter Ro{kind}: {_named(each)}")
    _say(f"database: {_shown(settings)}")
    if key is None:
        _say("keys exist already; `talktime keys add` makes another")
    else:
        _say(f"first key, for everything: in {key}, readable by you only")
    invitation = first_invitation(settings, settings.state, os.environ["TALKTIME_BASE_URL"])
    if invitation is not None:
        _say(f"nobody can sign in yet; a link for the first person: in {invitation}, readable by you only")
    with tempfile.TemporaryDirectory(prefix="talktime-") as folder:
        children = [*_charging(request, common, live_fd, Path(folder) / "engine", diameter)]
        children.append(Child("admin", [*common, "--only", "admin", "--fd", str(admin_fd)], (admin_fd,)))
        return _watch(children)


def _charging(
    request: ServeRequest, common: list[str], fd: int, meeting: Path, diameter: list[socket.socket]
) -> list[Child]:
    """The processes that charge: live ones with an engine each, or one engine and its fronts.

    Peers of Diameter are answered where the engine is.
    """
    fds = tuple(each.fileno() for each in diameter)
    peers = [] if not fds else ["--diameter", request.diameter]
    for option, each in zip(("--diameter-fd", "--tls-fd"), fds, strict=False):
        peers += [option, str(each)]
    if not request.fronts:
        arguments = [*common, "--only", "live", "--fd", str(fd), *peers]
        return [Child(f"live {number}", arguments, (fd, *fds)) for number in range(1, request.workers + 1)]
    common = [*common, "--socket", str(meeting)]
    arguments = [*common, "--only", "front", "--fd", str(fd)]
    fronts = [Child(f"front {number}", arguments, (fd,)) for number in range(1, request.fronts + 1)]
    return [Child("engine", [*common, "--only", "engine", *peers], fds), *fronts]


def _watch(children: list[Child]) -> int:
    """Keeps the processes running until a signal says to stop."""
    stopping: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        stopping.append(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    while not stopping:
        _look_after(children)
        time.sleep(POLL_S)
    return _stop(children)


def _look_after(children: list[Child]) -> None:
    """Starts what does not run; one that ends by itself is started again, each time after a longer wait."""
    now_s = time.monotonic()
    for child in children:
        if child.process is None:
            if now_s >= child.again_s:
                _start(child, now_s)
        elif child.process.poll() is not None:
            if now_s - child.started_s > SETTLED_S:
                child.wait_s = FIRST_WAIT_S
            code = child.process.returncode
            _say(f"the process {child.name} ended with {code}; it is started again in {child.wait_s:g} s")
            child.process, child.again_s = None, now_s + child.wait_s
            child.wait_s = min(2 * child.wait_s, LONGEST_WAIT_S)


def _start(child: Child, now_s: float) -> None:
    command = [sys.executable, "-m", "talktime", "serve", *child.arguments]
    # A group of its own: Ctrl-C reaches the supervisor, which stops its processes one way only.
    child.process = subprocess.Popen(command, pass_fds=child.fds, start_new_session=True)
    child.started_s = now_s


def _stop(children: list[Child]) -> int:
    """Tells all to stop and waits; 0 where all ended in good order."""
    running = [child.process for child in children if child.process is not None]
    for process in running:
        process.send_signal(signal.SIGTERM)
    codes = []
    until_s = time.monotonic() + STOP_S
    for process in running:
        try:
            codes.append(process.wait(max(0.1, until_s - time.monotonic())))
        except subprocess.TimeoutExpired:
            process.kill()
            codes.append(process.wait())
    # One that was told to stop before it could listen to signals ended by the signal: in good order too.
    return 0 if all(code in GOOD_ENDS for code in codes) else 1


def _listening(networks: tuple[Network, ...]) -> list[socket.socket]:
    return [_listen(each.host, each.port, each.option) for each in networks]


def _named(opened: socket.socket) -> str:
    host, port = opened.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _listen(host: str, port: int, option: str = "--port") -> socket.socket:
    """A listening socket that processes inherit. Raises Unusable where the address is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((host, port))
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else "ports go up to 65535"
        opened.close()
        raise Unusable(f"cannot listen on {host}:{port}: {reason}; choose another {option}") from None
    opened.listen(2048)
    opened.set_inheritable(True)
    return opened


def _reached_at(host: str) -> str:
    """The host of an address in a link from this machine; what means "everywhere" is none."""
    if host in ("", "0.0.0.0", "::"):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _shown(settings: Settings) -> str:
    from talktime.ledger.database import open_url

    return str(open_url(settings.database))


def _say(line: str) -> None:
    print(printable(line), flush=True)  # noqa: T201 - the command's answer
