"""Load on a server over HTTP/1.1, from a process of its own that does as little as it can for each request.

Run `.venv/bin/python bench/load.py --port 8000 --scenario calls --tenants 100 --key KEY`; it prints one line
of JSON. Each connection sends its next request when the last is answered, so the figures are those of a
closed loop: raise --connections until the rate no longer grows.

Scenarios: `echo` posts the body of a start to /echo. `calls` plays paid calls over the tenants t000000,
t000001 ...: 40 % starts, 20 % extends, 40 % ends; each connection has some calls open at a time, and every
second call is extended. `batch` plays the same in requests of many operations each. What is sent in the
warm-up is not counted; at the end the open calls are ended, uncounted.

What the line holds: `seconds`, `requests`, `requests_per_s`, `operations_per_s`; latency as p50, p99 and the
longest in microseconds, in all and by operation; how often each operation was answered how (`start 200
allow`); this process's own time on the processor in microseconds a request, and the server's where
--server-pid names it. Linux only (epoll).
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
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
import psutil

CALLER, CALLEE = "+14255550123", "+14255550100"
USED_S = 590  # told by an extend
SHORT_S, LONG_S = 95, 700  # how long a call is that was not extended, and one that was
DRAIN_S = 10
READ_BYTES = 32_768  # more would be mapped anew by the system for each read

# What a request does, by the step of a call: "late end" follows an extend, "cut end" one that was denied.
OPERATION = {"start": "start", "extend": "extend", "end": "end", "late end": "end", "cut end": "end"}


class Plan(NamedTuple):
    """What to play: where, how much, for how long (whole microseconds), as whom."""

    host: str = "127.0.0.1"
    port: int = 8099
    connections: int = 32
    run_us: int = 5_000_000
    warm_up_us: int = 1_000_000
    scenario: str = "echo"
    tenants: int = 1
    key: str = "key"
    batch: int = 64
    open_calls: int = 4
    server_pid: int | None = None


class Answered(msgspec.Struct):
    """What is read of the answer to one operation of a batch."""

    status: int = 0
    decision: str = ""


DECODE_BATCH = msgspec.json.Decoder(list[Answered]).decode


class Request(NamedTuple):
    """One request as bytes, the operation it is counted as, and the calls it is about (their places)."""

    content: bytes
    operation: str
    steps: tuple[tuple[int, str], ...] = ()


class Bodies:
    """Everything of a request that does not change from call to call, made once for each tenant."""

    def __init__(self, plan: Plan) -> None:
        self.head = (
            f"Host: {plan.host}:{plan.port}\r\nAuthorization: Bearer {plan.key}\r\n"
            "Content-Type: application/json\r\n"
        ).encode()
        names = [f"t{number:06d}" for number in range(plan.tenants)]
        encode = msgspec.json.encode
        self.fields = [
            {
                "start": encode(start_fields(tenant)),
                "extend": encode({"tenant": tenant, "sequence": 1, "used_seconds": USED_S}),
                "end": encode({"tenant": tenant, "sequence": 1, "duration_seconds": SHORT_S}),
                "late end": encode({"tenant": tenant, "sequence": 2, "duration_seconds": LONG_S}),
                "cut end": encode({"tenant": tenant, "sequence": 2, "duration_seconds": USED_S}),
            }
            for tenant in names
        ]
        self.tails = [
            {step: b"/" + OPERATION[step].encode() + self.rest(body) for step, body in fields.items()}
            for fields in self.fields
        ]

    def rest(self, body: bytes) -> bytes:
        """What follows the path of a request."""
        return b" HTTP/1.1\r\n" + self.head + b"Content-Length: %d\r\n\r\n" % len(body) + body

    def single(self, call_id: bytes, tenant: int, step: str) -> bytes:
        """A request about one call."""
        return b"POST /v1/calls/" + call_id + self.tails[tenant][step]

    def operation(self, call_id: bytes, tenant: int, step: str) -> bytes:
        """One operation of a batch."""
        opening = b'{"op":"' + OPERATION[step].encode() + b'","call_id":"' + call_id + b'",'
        return opening + self.fields[tenant][step][1:]

    def batch(self, operations: Sequence[bytes]) -> bytes:
        """A request of many operations."""
        return b"POST /v1/calls:batch" + self.rest(b"[" + b",".join(operations) + b"]")


def start_fields(tenant: str) -> dict[str, str | int]:
    """The body of a start."""
    return {
        "tenant": tenant, "sequence": 0, "call_type": "user_out", "user": f"u@{tenant}.example",
        "caller": CALLER, "callee": CALLEE,
    }  # fmt: skip


class Calls:
    """The calls that one connection has open, gone through in turn; says what to send next for each."""

    def __init__(self, plan: Plan, number: int, run: str) -> None:
        self.prefix = f"{run}-{number}-".encode()
        self.tenants, self.number, self.connections = plan.tenants, number, plan.connections
        self.made = 0
        self.ids = [b""] * max(plan.open_calls, plan.batch if plan.scenario == "batch" else 1)
        self.of_tenant = [0] * len(self.ids)
        self.next_steps = ["start"] * len(self.ids)
        self.turn = 0

    def next(self, ending: bool) -> tuple[int, str] | None:
        """The next call's place and what to send for it; while ending, only what is open is ended."""
        places = len(self.ids)
        for _ in range(places):
            place = self.turn
            self.turn = place + 1 if place + 1 < places else 0
            step = self.next_steps[place]
            if not ending:
                if step == "start":
                    self.make(place)
                return place, step
            if step != "start":
                return place, "end" if step == "extend" else step
        return None

    def make(self, place: int) -> None:
        """A new call in a place, with an id that nobody had."""
        self.ids[place] = self.prefix + b"%d" % self.made
        self.of_tenant[place] = (self.number + self.made * self.connections) % self.tenants
        self.made += 1

    def answered(self, place: int, step: str, went_well: bool) -> None:
        """What follows: a call that was not let in, and one that ended, make room for the next."""
        if step == "start" and went_well:
            odd = self.ids[place][-1] % 2
            self.next_steps[place] = "extend" if odd else "end"
        elif step == "extend":
            self.next_steps[place] = "late end" if went_well else "cut end"
        else:
            self.next_steps[place] = "start"


class Figures:
    """What was measured: latencies in nanoseconds by operation, and how often what was answered."""

    def __init__(self) -> None:
        self.counting = False
        self.latencies: defaultdict[str, array[int]] = defaultdict(lambda: array("q"))
        self.answers: Counter[tuple[str, bytes, bool]] = Counter()
        self.broken: list[str] = []


class Connection:
    """One connection: sends, waits for the whole answer, sends the next.

    A blocking socket that is read only when there is something to read: nothing is cheaper in Python.
    """

    def __init__(self, load: "Load", number: int) -> None:
        self.load = load
        self.calls = Calls(load.plan, number, load.run)
        self.buffer = b""
        self.sent_ns = 0
        self.counts = False
        self.request = Request(b"", "")
        self.socket = socket.create_connection((load.plan.host, load.plan.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.number = self.socket.fileno()

    def send(self) -> None:
        """The next request, or the end of the connection where there is none."""
        request = self.load.next_request(self.calls)
        if request is None:
            self.load.close(self)
            return
        self.request = request
        self.counts = self.load.figures.counting
        self.sent_ns = time.perf_counter_ns()
        self.socket.sendall(request.content)

    def readable(self) -> None:
        """Something came: when the answer is whole, notes it and sends the next request."""
        got = self.socket.recv(READ_BYTES)
        if not got:
            raise ConnectionError("the server closed the connection")
        data = self.buffer + got if self.buffer else got
        head = data.find(b"\r\n\r\n")
        if head < 0 or len(data) < head + 4 + body_bytes(data, head):
            self.buffer = data
            return
        self.buffer = b""
        self.answered(data, head + 4)

    def answered(self, data: bytes, body_at: int) -> None:
        """Notes one answer and sends the next request."""
        figures, request = self.load.figures, self.request
        counts = self.counts and figures.counting
        if counts:
            figures.latencies[request.operation].append(time.perf_counter_ns() - self.sent_ns)
        status, steps = data[9:12], request.steps
        if request.operation == "batch" and status == b"200":
            self.answered_batch(data[body_at:], counts)
        else:
            denied = b'"deny"' in data
            if counts:
                figures.answers[request.operation, status, denied] += 1
            for place, step in steps:
                self.calls.answered(place, step, status == b"200" and not denied)
        self.send()

    def answered_batch(self, body: bytes, counts: bool) -> None:
        """Notes the answers to the operations of a batch, one by one."""
        answers = DECODE_BATCH(body)
        if len(answers) != len(self.request.steps):
            raise ValueError(f"{len(self.request.steps)} operations were sent, {len(answers)} were answered.")
        for (place, step), answer in zip(self.request.steps, answers, strict=True):
            status, denied = b"%d" % answer.status, answer.decision == "deny"
            if counts:
                self.load.figures.answers[OPERATION[step], status, denied] += 1
            self.calls.answered(place, step, status == b"200" and not denied)


def body_bytes(data: bytes, head: int) -> int:
    """How long the body of an answer is, by its head, which ends at `head`."""
    at = data.find(b"content-length:", 0, head)
    if at < 0:
        at = data.lower().find(b"content-length:", 0, head)
    if at < 0:
        raise ValueError("an answer came without Content-Length")
    return int(data[at + 15 : data.find(b"\r", at)])


def told(operation: str, status: bytes, denied: bool) -> str:
    """How an answer is called: the operation, its status, and for a grant what was decided."""
    if operation in {"start", "extend"} and status == b"200":
        return f"{operation} 200 {'deny' if denied else 'allow'}"
    return f"{operation} {status.decode()}"


class Load:
    """One run: opens the connections, lets them play, sums up."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.run = f"load-{time.time_ns():x}-{os.getpid():x}"
        self.bodies = Bodies(plan)
        self.figures = Figures()
        self.ending = False
        self.poll = select.epoll()
        self.open: dict[int, Connection] = {}
        self.echo = Request(b"POST /echo" + self.bodies.rest(self.bodies.fields[0]["start"]), "echo")

    def next_request(self, calls: Calls) -> Request | None:
        """What a connection sends next; nothing at the end."""
        scenario = self.plan.scenario
        if scenario == "echo":
            return None if self.ending else self.echo
        if scenario == "batch":
            return self.next_batch(calls)
        step = calls.next(self.ending)
        if step is None:
            return None
        place, what = step
        content = self.bodies.single(calls.ids[place], calls.of_tenant[place], what)
        return Request(content, OPERATION[what], (step,))

    def next_batch(self, calls: Calls) -> Request | None:
        """Many operations in one request, never two about one call."""
        steps: dict[int, str] = {}
        while len(steps) < self.plan.batch:
            step = calls.next(self.ending)
            if step is None or step[0] in steps:
                break
            steps[step[0]] = step[1]
        if not steps:
            return None
        bodies = self.bodies
        operations = [
            bodies.operation(calls.ids[at], calls.of_tenant[at], what) for at, what in steps.items()
        ]
        return Request(bodies.batch(operations), "batch", tuple(steps.items()))

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
            connection.send()
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
            for number, _ in self.poll.poll(left_ns / 1_000_000_000):
                connection = self.open[number]
                try:
                    connection.readable()
                except (OSError, ValueError, msgspec.MsgspecError) as wrong:
                    self.figures.broken.append(str(wrong))
                    self.close(connection)


class Spent(NamedTuple):
    """Wall time and time on the processor, of this process and of the server with its children."""

    wall_us: int
    own_us: int
    server_us: int | None

    @classmethod
    def now(cls, server_us: int | None) -> "Spent":
        """What was spent since each process began."""
        return cls(time.perf_counter_ns() // 1_000, time.process_time_ns() // 1_000, server_us)

    def since(self, before: "Spent") -> "Spent":
        """What was spent in between."""
        server = None
        if self.server_us is not None and before.server_us is not None:
            server = self.server_us - before.server_us
        return Spent(self.wall_us - before.wall_us, self.own_us - before.own_us, server)


def processor_us(pid: int | None) -> int | None:
    """Time on the processor of a process and its children, user and system, in whole microseconds."""
    if pid is None:
        return None
    server = psutil.Process(pid)
    times = [process.cpu_times() for process in (server, *server.children(recursive=True))]
    total: int = sum(round((one.user + one.system) * 1_000_000) for one in times)
    return total


def line(plan: Plan, figures: Figures, spent: Spent) -> Iterator[tuple[str, object]]:
    """What is printed, name by name."""
    requests = sum(len(latencies) for latencies in figures.latencies.values())
    operations = sum(figures.answers.values())
    yield "scenario", plan.scenario
    yield "connections", plan.connections
    yield "tenants", plan.tenants
    yield "seconds", round(spent.wall_us / 1_000_000, 2)
    yield "requests", requests
    yield "requests_per_s", requests * 1_000_000 // spent.wall_us
    yield "operations_per_s", operations * 1_000_000 // spent.wall_us
    everything = array("q")
    for latencies in figures.latencies.values():
        everything.extend(latencies)
    yield "latency_us", quantiles(everything)
    yield "latency_us_by_operation", {name: quantiles(of) for name, of in sorted(figures.latencies.items())}
    answers: Counter[str] = Counter()
    for answer, times in figures.answers.items():
        answers[told(*answer)] += times
    yield "answers", dict(sorted(answers.items()))
    yield "broken_connections", len(figures.broken)
    yield "broken_why", sorted(set(figures.broken))
    yield "load_processor_us_per_request", round(spent.own_us / max(requests, 1), 1)
    if spent.server_us is not None:
        yield "server_processor_us_per_request", round(spent.server_us / max(requests, 1), 1)


def quantiles(latencies_ns: Sequence[int]) -> dict[str, int]:
    """The median, the 99th percentile (nearest rank, rounded up) and the longest, in whole microseconds."""
    if not latencies_ns:
        return {}
    ordered = sorted(latencies_ns)
    rank = {"p50": -(-len(ordered) * 50 // 100), "p99": -(-len(ordered) * 99 // 100), "max": len(ordered)}
    return {name: ordered[at - 1] // 1_000 for name, at in rank.items()}


def arguments() -> Plan:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    usual = Plan()
    parser.add_argument("--host", default=usual.host)
    parser.add_argument("--port", type=int, default=usual.port)
    parser.add_argument("--connections", type=int, default=usual.connections)
    parser.add_argument("--seconds", type=float, default=usual.run_us / 1_000_000)
    parser.add_argument("--warm-up", type=float, default=usual.warm_up_us / 1_000_000, help="seconds")
    parser.add_argument("--scenario", choices=("echo", "calls", "batch"), default=usual.scenario)
    parser.add_argument("--tenants", type=int, default=usual.tenants)
    parser.add_argument("--key", default=usual.key)
    parser.add_argument("--batch", type=int, default=usual.batch, help="operations in a request of `batch`")
    parser.add_argument("--open-calls", type=int, default=usual.open_calls, help="calls open per connection")
    parser.add_argument(
        "--server-pid", type=int, default=None, help="the server's process, to tell its time too"
    )
    asked = vars(parser.parse_args())
    run_us, warm_up_us = round(asked.pop("seconds") * 1_000_000), round(asked.pop("warm_up") * 1_000_000)
    if min(asked["connections"], asked["tenants"], asked["batch"], asked["open_calls"], run_us) < 1:
        parser.error("--connections, --seconds, --tenants, --batch and --open-calls have to be above 0")
    return Plan(run_us=run_us, warm_up_us=warm_up_us, **asked)


def main() -> int:
    """Plays, prints one line; 1 where a connection broke or nothing was answered."""
    plan = arguments()
    load = Load(plan)
    try:
        told = load.play()
    except OSError as wrong:
        print(
            f"Nothing answers at {plan.host}:{plan.port} ({wrong}). Start the server first.", file=sys.stderr
        )
        return 1
    print(msgspec.json.encode(told).decode())
    return 1 if load.figures.broken or not load.figures.latencies else 0


if __name__ == "__main__":
    sys.exit(main())
