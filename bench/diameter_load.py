"""Load on a server over Diameter, from a process of its own that does as little as it can for each request.

Run `PYTHONPATH=src:. .venv/bin/python bench/diameter_load.py --port 3868 --connections 4 --in-flight 8`; it
prints one line of JSON. Each connection is a peer of its own (load0.test, load1.test ...) with some requests
in flight, each sent when the one before it is answered: a closed loop. They play paid calls over the tenants
t000000, t000001 ...: 40 % initial requests, 20 % updates, 40 % terminations; every second call is extended.

Answers are told by their hop-by-hop id and looked at for their result code only; requests are made before
they are needed (`diameter_messages`). What comes in together is answered by one write. What is sent in the
warm-up is not counted; at the end the open calls are ended, uncounted.

The line is that of `load.py`; `answers` holds operation and result code (`start 2001`). Linux only (epoll).
"""

import argparse
import gc
import os
import select
import socket
import sys
import time
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

import msgspec

from bench.diameter_messages import Call, Template, hello, instant_at, templates
from bench.load import DRAIN_S, OPERATION, Spent, processor_us, quantiles

READ_BYTES: Final = 65_536
HEADER_BYTES: Final = 20
LENGTH: Final = 0xFFFFFF
GOOD: Final = 2001
NO_RESULT: Final = 0
MAX_CONNECTIONS: Final = 64
"""So many peers stand in the settings of the bench."""

HELLO_S: Final = 20
_HEAD: Final = Struct(">IIIII")
_U32: Final = Struct(">I")
_RESULT: Final = bytes.fromhex("0000010c4000000c")
"""The head of Result-Code: that of the message is the first."""

REQUEST_BIT: Final = 1 << 31


class Plan(NamedTuple):
    """What to play: where, how much, for how long (whole microseconds)."""

    host: str = "127.0.0.1"
    port: int = 3868
    connections: int = 4
    in_flight: int = 8
    run_us: int = 5_000_000
    warm_up_us: int = 1_000_000
    tenants: int = 1
    server_pid: int | None = None


class Figures:
    """What was measured: latencies in nanoseconds, and how often what was answered."""

    def __init__(self) -> None:
        self.counting = False
        self.latencies: defaultdict[str, array[int]] = defaultdict(lambda: array("q"))
        self.answers: Counter[tuple[str, int]] = Counter()
        self.broken: list[str] = []


class Slot:
    """One request in flight, and the call that it is about."""

    __slots__ = ("call", "counts", "hop_by_hop", "sent_ns", "step")

    def __init__(self, number: int, call: Call) -> None:
        self.call = call
        self.step = ""
        self.hop_by_hop = number
        self.sent_ns = 0
        self.counts = False


class Connection:
    """One peer: its calls, its socket, what came of an answer that is not whole yet.

    A blocking socket that is read only when there is something to read: nothing is cheaper in Python.
    """

    def __init__(self, load: "Load", number: int) -> None:
        plan = load.plan
        self.load, self.place = load, number
        host = f"load{number}.test"
        self.templates: dict[str, Template] = templates(host, load.run)
        self.made = 0
        self.slots = [Slot(at, self.new_call()) for at in range(plan.in_flight)]
        self.open = len(self.slots)
        self.buffer = b""
        self.socket = socket.create_connection((plan.host, plan.port), timeout=HELLO_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.number = self.socket.fileno()
        self.introduce(hello(host))
        self.socket.settimeout(None)

    def introduce(self, said: bytes) -> None:
        """Says hello and waits until it is answered."""
        self.socket.sendall(said)
        data = self.socket.recv(READ_BYTES)
        if result_of(data, 0, len(data)) != GOOD:
            raise ConnectionError(f"the server does not let peer load{self.place}.test in")

    def new_call(self) -> Call:
        """A call that nobody had, of the next tenant in turn."""
        plan, number = self.load.plan, self.made
        self.made += 1
        return Call.of(number, (self.place + number * plan.connections) % plan.tenants)

    def begin(self) -> None:
        """The first request of each slot, all at once."""
        now_ns = time.perf_counter_ns()
        self.socket.sendall(b"".join([self.next(slot, "start", now_ns) for slot in self.slots]))

    def next(self, slot: Slot, step: str, now_ns: int) -> bytes:
        """The request of a step, which is now in flight."""
        slot.step = step
        slot.hop_by_hop += len(self.slots)
        slot.sent_ns = now_ns
        slot.counts = self.load.figures.counting
        return self.templates[step].filled(slot.call, slot.hop_by_hop, self.load.instant)

    def readable(self) -> None:
        """Something came: whole answers are noted, and the requests that follow them sent together."""
        got = self.socket.recv(READ_BYTES)
        if not got:
            raise ConnectionError("the server closed the connection")
        data = self.buffer + got if self.buffer else got
        now_ns = time.perf_counter_ns()
        at, end, following = 0, len(data), []
        while end - at >= HEADER_BYTES:
            said, command, _, hop_by_hop, _ = _HEAD.unpack_from(data, at)
            after = at + (said & LENGTH)
            if after > end:
                break
            if command & REQUEST_BIT:
                raise ValueError("the server asks something of its own; a run is too short for that")
            request = self.answered(hop_by_hop, result_of(data, at, after), now_ns)
            if request:
                following.append(request)
            at = after
        self.buffer = data[at:]
        if following:
            self.socket.sendall(b"".join(following))
        elif not self.open:
            self.load.close(self)

    def answered(self, hop_by_hop: int, result: int, now_ns: int) -> bytes:
        """Notes an answer; gives the request that follows it, nothing at the end."""
        slot, figures = self.slots[hop_by_hop % len(self.slots)], self.load.figures
        if slot.hop_by_hop != hop_by_hop:
            raise ValueError(f"an answer with hop-by-hop id {hop_by_hop}, which nobody waits for")
        step = slot.step
        if slot.counts and figures.counting:
            operation = OPERATION[step]
            figures.latencies[operation].append(now_ns - slot.sent_ns)
            figures.answers[operation, result] += 1
        following = after_step(step, result, is_odd=slot.call.number[-1] % 2 == 1)
        if following == "start":
            if self.load.ending:
                self.open -= 1
                return b""
            slot.call = self.new_call()
        return self.next(slot, following, now_ns)


def after_step(step: str, result: int, *, is_odd: bool) -> str:
    """What follows: a call that was not let in, and one that ended, make room for the next."""
    if step == "start" and result == GOOD:
        return "extend" if is_odd else "end"
    return "late end" if step == "extend" else "start"


def result_of(data: bytes, at: int, end: int) -> int:
    """The result code of the answer that stands there; NO_RESULT where it has none."""
    found = data.find(_RESULT, at, end)
    if found < 0:
        return NO_RESULT
    code: int = _U32.unpack_from(data, found + len(_RESULT))[0]
    return code


class Load:
    """One run: opens the connections, lets them play, sums up."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.run = f"{time.time_ns() // 1_000_000 & 0xFFFF_FFFF:08x}{os.getpid() & 0xFFFF:04x}"
        self.figures = Figures()
        self.ending = False
        self.instant = instant_at(time.time_ns() // 1_000_000_000)
        self.poll = select.epoll()
        self.open: dict[int, Connection] = {}

    def close(self, connection: Connection) -> None:
        """A connection plays no further part."""
        self.poll.unregister(connection.number)
        del self.open[connection.number]
        connection.socket.close()

    def play(self) -> dict[str, object]:
        """The whole run; gives what the line holds. Raises OSError where nothing answers."""
        plan = self.plan
        gc.disable()
        for number in range(plan.connections):
            connection = Connection(self, number)
            self.open[connection.number] = connection
            self.poll.register(connection.number, select.EPOLLIN)
        for connection in tuple(self.open.values()):
            connection.begin()
        self.go_on(plan.warm_up_us)
        before = Spent.now(processor_us(plan.server_pid))  # what asking takes is not counted, here and below
        self.figures.counting = True
        self.go_on(plan.run_us)
        self.figures.counting = False
        own = Spent.now(None)
        spent = own._replace(server_us=processor_us(plan.server_pid)).since(before)
        self.ending = True
        self.go_on(DRAIN_S * 1_000_000)
        return dict(line(plan, self.figures, spent))

    def go_on(self, us: int) -> None:
        """Lets the connections play for a while, or until none is open."""
        until_ns = time.perf_counter_ns() + us * 1_000
        while self.open and (left_ns := until_ns - time.perf_counter_ns()) > 0:
            ready = self.poll.poll(left_ns / 1_000_000_000)
            self.instant = instant_at(time.time_ns() // 1_000_000_000)
            for number, _ in ready:
                connection = self.open[number]
                try:
                    connection.readable()
                except (OSError, ValueError) as wrong:
                    self.figures.broken.append(str(wrong))
                    self.close(connection)


def line(plan: Plan, figures: Figures, spent: Spent) -> Iterator[tuple[str, object]]:
    """What is printed, name by name."""
    operations = sum(figures.answers.values())
    yield "connections", plan.connections
    yield "in_flight", plan.in_flight
    yield "tenants", plan.tenants
    yield "seconds", round(spent.wall_us / 1_000_000, 2)
    yield "operations_per_s", operations * 1_000_000 // spent.wall_us
    everything = array("q")
    for latencies in figures.latencies.values():
        everything.extend(latencies)
    yield "latency_us", quantiles(everything)
    yield "latency_us_by_operation", {name: quantiles(of) for name, of in sorted(figures.latencies.items())}
    answers = sorted(figures.answers.items())
    yield "answers", {f"{operation} {result}": times for (operation, result), times in answers}
    yield "broken_connections", len(figures.broken)
    yield "broken_why", sorted(set(figures.broken))
    yield "load_processor_us_per_request", round(spent.own_us / max(operations, 1), 1)
    if spent.server_us is not None:
        yield "server_processor_us_per_request", round(spent.server_us / max(operations, 1), 1)


def arguments() -> Plan:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    usual = Plan()
    parser.add_argument("--host", default=usual.host)
    parser.add_argument("--port", type=int, default=usual.port)
    parser.add_argument("--connections", type=int, default=usual.connections)
    parser.add_argument("--in-flight", type=int, default=usual.in_flight, help="requests of each connection")
    parser.add_argument("--seconds", type=float, default=usual.run_us / 1_000_000)
    parser.add_argument("--warm-up", type=float, default=usual.warm_up_us / 1_000_000, help="seconds")
    parser.add_argument("--tenants", type=int, default=usual.tenants)
    parser.add_argument(
        "--server-pid", type=int, default=None, help="the server's process, to tell its time too"
    )
    asked = vars(parser.parse_args())
    run_us, warm_up_us = round(asked.pop("seconds") * 1_000_000), round(asked.pop("warm_up") * 1_000_000)
    if min(asked["connections"], asked["in_flight"], asked["tenants"], run_us) < 1:
        parser.error("--connections, --in-flight, --seconds and --tenants have to be above 0")
    if asked["connections"] > MAX_CONNECTIONS:
        parser.error(f"--connections goes up to {MAX_CONNECTIONS}: so many peers are known to the server")
    return Plan(run_us=run_us, warm_up_us=warm_up_us, **asked)


def main() -> int:
    """Plays, prints one line; 1 where a connection broke or nothing was answered."""
    plan = arguments()
    load = Load(plan)
    try:
        told = load.play()
    except OSError as wrong:
        print(
            f"Nobody answers at {plan.host}:{plan.port} ({wrong}). Start the server first.", file=sys.stderr
        )
        return 1
    print(msgspec.json.encode(told).decode())
    return 1 if load.figures.broken or not load.figures.latencies else 0


if __name__ == "__main__":
    sys.exit(main())
