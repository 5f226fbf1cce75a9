"""What `bench_live.py` measures, a function each; every ratio is of figures that were taken in the same run.

Rates over HTTP are those of `load.py`: 40 % starts, 20 % extends, 40 % ends of paid calls, in a closed loop.
"""

import http.client
import os
import statistics
import time
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from bench.live_processes import HOST, Played, Serving, echoing, play, serving
from bench.live_report import Column, Ratio, Report
from bench.live_rows import Captured, capture, requests, write_bare
from bench.live_stores import PLAYED, Keeper, copied, count, prepared
from bench.load import DECODE_BATCH

TENANTS: Final = 1_000
BUSY: Final = 64
TARGETS: Final[Mapping[str, float]] = {"SQLite": 0.4, "PostgreSQL": 0.25}
TARGET_CONNECTIONS: Final = (64, 256)
ALONE, BATCH, TAIL, HOT, MANY = 0.7, 0.6, 4.0, 0.5, 0.7
BARE_OPERATIONS_A_SECOND: Final = 2_000
BATCH_OPERATIONS_A_SECOND: Final = 2_500
STORE: Final = Column("store", width=10)
PER_S: Final = Column("operations/s", ",.0f")
RATIO: Final = Column("ratio", ".2f")
JUDGED: Final = (Column("target"), Column("verdict"))
LATENCY: Final = (Column("p50 us", ",d"), Column("p99 us", ",d"))


class Extent(NamedTuple):
    """How much is measured. `seconds` is what each run over HTTP counts."""

    seconds: float = 4.0
    connections: Sequence[int] = (1, 16, 64, 256)
    batches: Sequence[int] = (256, 1_000, 10_000)
    tenants: int = 100_000
    open_calls: int = 10_000
    fronts: int = 0

    @property
    def warm_up_s(self) -> float:
        """Before each run."""
        return min(1.0, self.seconds / 2)


@dataclass
class Bench:
    """One run: where, on what, how much; what was found."""

    folder: Path
    keepers: Sequence[Keeper]
    extent: Extent
    report: Report
    bases: dict[str, str] = field(default_factory=dict)
    rates: dict[tuple[str, int, int], Played] = field(default_factory=dict)

    def base(self, keeper: Keeper) -> str:
        """A ledger of TENANTS tenants that is only copied."""
        if keeper.name not in self.bases:
            self.bases[keeper.name] = prepared(keeper, TENANTS)
        return self.bases[keeper.name]

    @contextmanager
    def served(self, keeper: Keeper, noted: Path | None = None) -> Iterator[Serving]:
        """A server on a copy of the base; where batches are noted it is one process."""
        fronts = 0 if noted else self.extent.fronts
        with copied(keeper, self.base(keeper)) as url, serving(url, self.folder, noted, fronts) as server:
            yield server

    def play(self, server: Serving, connections: int, tenants: int = TENANTS) -> Played:
        """The load of calls."""
        options = ("--scenario", "calls", "--connections", connections, "--tenants", tenants)
        return play(server.port, self.extent.seconds, self.extent.warm_up_s, *options, serving=server)

    def echo(self, port: int, connections: int) -> Played:
        """The same load library on the echo, for half the time."""
        options = ("--scenario", "echo", "--connections", connections)
        return play(port, self.extent.seconds / 2, self.extent.warm_up_s / 2, *options)


# --- the disk -----------------------------------------------------------------------------------------


def disk(bench: Bench) -> None:
    """Syncs a file that grew by 4 KiB, again and again."""
    took_us: list[int] = []
    path = bench.folder / "appended"
    number = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        until_s = time.monotonic() + min(1.0, bench.extent.seconds / 4)
        while time.monotonic() < until_s or len(took_us) < 20:
            os.write(number, b"\0" * 4_096)
            began_ns = time.perf_counter_ns()
            os.fdatasync(number)
            took_us.append((time.perf_counter_ns() - began_ns) // 1_000)
    finally:
        os.close(number)
        path.unlink()
    columns = (Column("median us", ",d"), Column("p99 us", ",d"), Column("times", ",d"))
    table = bench.report.table("disk", f"disk: fdatasync of a 4 KiB append in {bench.folder.parent}", columns)
    took_us.sort()
    table.row(took_us[len(took_us) // 2], took_us[len(took_us) * 99 // 100], len(took_us))


# --- over HTTP ----------------------------------------------------------------------------------------


def http_rates(bench: Bench) -> None:
    """Operations over HTTP beside the echo, which is asked before and after each run."""
    columns = (
        STORE, Column("connections", "d"), Column("tenants", ",d"), PER_S, Column("echo/s", ",.0f"), *LATENCY,
        Column("us/operation", ".0f"), RATIO, *JUDGED,
    )  # fmt: skip
    title = "http: operations a second over HTTP, to the echo before and after (us/operation: the server's)"
    table = bench.report.table("http", title, columns)
    with ExitStack() as stack:
        echo = stack.enter_context(echoing(bench.folder))
        servers = [(keeper, stack.enter_context(bench.served(keeper))) for keeper in bench.keepers]
        for connections in bench.extent.connections:
            before = bench.echo(echo, connections)
            for keeper, server in servers:
                for tenants in (1, TENANTS):
                    played = bench.play(server, connections, tenants)
                    after = bench.echo(echo, connections)
                    echo_per_s = (before.per_s + after.per_s) / 2
                    before = after
                    bench.rates[keeper.name, connections, tenants] = played
                    ratio = ratio_of(played.per_s, echo_per_s)
                    judged = ("", f"{played.others} refused" if played.others else "")
                    if connections in TARGET_CONNECTIONS:
                        what = f"http to echo, connections {connections}, {_tenants(tenants)}"
                        judged = bench.report.judge(
                            Ratio(what, keeper.name, ratio, TARGETS[keeper.name], others=played.others)
                        )
                    table.row(
                        keeper.name, connections, tenants, played.per_s, echo_per_s, played.p50_us,
                        played.p99_us, played.processor_us, ratio, *judged,
                    )  # fmt: skip


def hot(bench: Bench) -> None:
    """One tenant against a thousand, from the rates over HTTP."""
    if not bench.rates:
        http_rates(bench)
    columns = (
        STORE, Column("connections", "d"), Column("one/s", ",.0f"), Column("many/s", ",.0f"), RATIO, *JUDGED
    )  # fmt: skip
    table = bench.report.table("hot", f"hot: one tenant to {TENANTS:,} tenants", columns)
    for keeper in bench.keepers:
        for connections in bench.extent.connections:
            one = bench.rates[keeper.name, connections, 1]
            many = bench.rates[keeper.name, connections, TENANTS]
            ratio = ratio_of(one.per_s, many.per_s)
            what = f"one tenant to {TENANTS:,}, connections {connections}"
            judged = bench.report.judge(Ratio(what, keeper.name, ratio, HOT, others=one.others + many.others))
            table.row(keeper.name, connections, one.per_s, many.per_s, ratio, *judged)


def tail(bench: Bench) -> None:
    """The slowest hundredth of operations, to the median time of a whole transaction in the same seconds."""
    columns = (
        STORE, PER_S, *LATENCY, Column("batch us", ",d"), Column("us from one to the next", ",.0f"),
        Column("operations a batch", ".1f"), RATIO, *JUDGED,
    )  # fmt: skip
    title = (
        f"tail: p99 at {BUSY} connections, to the median time of a batch\n"
        "(a batch: from the beginning of its transaction to the end of its commit: lock, load, decide,\n"
        "write; noted by the server for each transaction of the counted seconds. From one to the next\n"
        "the server also reads requests and writes answers)"
    )
    table = bench.report.table("tail", title, columns)
    for keeper in bench.keepers:
        noted = bench.folder / "batches"
        with bench.served(keeper, noted) as server:
            began_ns = time.perf_counter_ns()
            played = bench.play(server, BUSY)
        took_us = batches_us(noted, began_ns, bench.extent)
        noted.unlink()
        batch_us = round(statistics.median(took_us)) if took_us else 0
        counted_s = bench.extent.seconds * COUNTED_PART
        ratio = ratio_of(played.p99_us, batch_us)
        what = f"p99 to the median batch, connections {BUSY}"
        judged = bench.report.judge(Ratio(what, keeper.name, ratio, TAIL, at_most=True, others=played.others))
        next_us = counted_s * 1e6 / max(1, len(took_us))
        size = played.per_s * next_us / 1e6
        table.row(
            keeper.name,
            played.per_s,
            played.p50_us,
            played.p99_us,
            batch_us,
            next_us,
            size,
            ratio,
            *judged,
        )


COUNTED_PART: Final = 0.6
"""Of the counted seconds so much, their end, is looked at for batches: the load takes a moment to start."""


def batches_us(noted: Path, began_ns: int, extent: Extent) -> list[int]:
    """How long the transactions took whose end lies in the counted seconds."""
    pairs = array("q", noted.read_bytes())
    end_ns = began_ns + round((extent.warm_up_s + extent.seconds) * 1e9)
    start_ns = end_ns - round(extent.seconds * COUNTED_PART * 1e9)
    return [
        took_ns // 1_000
        for at_ns, took_ns in zip(pairs[::2], pairs[1::2], strict=True)
        if start_ns <= at_ns <= end_ns
    ]


# --- beside the bare writer ---------------------------------------------------------------------------


def alone(bench: Bench) -> None:
    """One connection, beside a bare commit of the same rows for each operation, before and after."""
    columns = (STORE, PER_S, Column("bare commits/s", ",.0f"), *LATENCY, RATIO, *JUDGED)
    title = f"alone: one connection, {TENANTS:,} tenants, to bare commits of the same rows, one an operation"
    table = bench.report.table("alone", title, columns)
    number = max(200, round(BARE_OPERATIONS_A_SECOND * bench.extent.seconds / 2))
    warm_up = number // 5
    for keeper in bench.keepers:
        base = bench.base(keeper)
        captured = capture(keeper, base, requests(TENANTS, 1, number + warm_up), warm_up)
        before = _bare_per_s(keeper, base, captured)
        with bench.served(keeper) as server:
            played = bench.play(server, 1)
        bare = (before + _bare_per_s(keeper, base, captured)) / 2
        ratio = ratio_of(played.per_s, bare)
        judged = bench.report.judge(
            Ratio("http to bare commits, connections 1", keeper.name, ratio, ALONE, others=played.others)
        )
        table.row(keeper.name, played.per_s, bare, played.p50_us, played.p99_us, ratio, *judged)


def _bare_per_s(keeper: Keeper, base: str, captured: Captured) -> float:
    return (len(captured.transactions) - captured.warm_up) / write_bare(keeper, base, captured)


def batch(bench: Bench) -> None:
    """The batch route on one connection, beside a writer that puts the same rows in the same transactions."""
    columns = (
        STORE, Column("operations a request", ",d"), PER_S, Column("bare/s", ",.0f"),
        Column("transactions", ",d"), RATIO, *JUDGED,
    )  # fmt: skip
    title = (
        f"batch: POST /v1/calls:batch, one connection, {TENANTS:,} tenants, to a bare writer of the same rows"
    )
    table = bench.report.table("batch", title, columns)
    for keeper in bench.keepers:
        for size in bench.extent.batches:
            number = max(2, round(BATCH_OPERATIONS_A_SECOND * bench.extent.seconds / size))
            captured = capture(keeper, bench.base(keeper), requests(TENANTS, size, number + 1), 1)
            operations = size * number
            bare_s = write_bare(keeper, bench.base(keeper), captured)
            with bench.served(keeper) as server:
                took_s, others = _send_batches(server, requests(TENANTS, size, number + 1))
            bare_s = (bare_s + write_bare(keeper, bench.base(keeper), captured)) / 2
            ratio = ratio_of(bare_s, took_s)
            what = f"batch route to the bare writer, {size:,} operations a request"
            judged = bench.report.judge(Ratio(what, keeper.name, ratio, BATCH, others=others))
            transactions = len(captured.transactions) - captured.warm_up
            table.row(
                keeper.name, size, operations / took_s, operations / bare_s, transactions, ratio, *judged
            )


def _send_batches(server: Serving, asked: Sequence[Sequence[bytes]]) -> tuple[float, int]:
    """Seconds from the second request to the last answer, and how many operations were refused."""
    bodies = [b"[" + b",".join(request) + b"]" for request in asked]
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection(HOST, server.port, timeout=120)
    answers, began_s = [], 0.0
    try:
        for number, body in enumerate(bodies):
            if number == 1:
                began_s = time.perf_counter()
            connection.request("POST", "/v1/calls:batch", body, headers)
            answer = connection.getresponse()
            answers.append((answer.status, answer.read()))
        took_s = time.perf_counter() - began_s
    finally:
        connection.close()
    return took_s, sum(_refused(*answer) for answer in answers)


def _refused(status: int, body: bytes) -> int:
    if status != 200:
        raise SystemExit(f"a batch was answered with {status}: {body[:300].decode(errors='replace')}")
    return sum(each.status != 200 or each.decision == "deny" for each in DECODE_BATCH(body))


# --- many tenants -------------------------------------------------------------------------------------


class Held(NamedTuple):
    """A run with what it took: memory of the server before and after, disk for each call."""

    played: Played
    before_mib: float
    after_mib: float
    bytes_a_call: float


def many(bench: Bench) -> None:
    """Very many tenants and calls in progress, between two runs with a thousand tenants."""
    extent = bench.extent
    columns = (
        STORE, Column("tenants", ",d"), Column("open calls", ",d"), PER_S, *LATENCY,
        Column("MiB before", ".0f"), Column("MiB after", ".0f"), Column("bytes a call", ",.0f"), RATIO,
        *JUDGED,
    )  # fmt: skip
    title = (
        f"many: {extent.tenants:,} tenants, {extent.open_calls:,} calls in progress, {BUSY} connections, HTTP"
    )
    table = bench.report.table("many", title, columns)
    for keeper in bench.keepers:
        few = [_few(bench, keeper)]
        began_s = time.monotonic()
        url = prepared(keeper, extent.tenants, extent.open_calls)
        made_s = time.monotonic() - began_s
        try:
            size_mib = keeper.size_bytes(url) / 2**20
            note = (
                f"  ({keeper.name}: {extent.tenants:,} tenants made in {made_s:.0f} s, {size_mib:,.0f} MiB)"
            )
            bench.report.note(note)
            much = _held(bench, keeper, url, extent.tenants)
        finally:
            keeper.drop(url)
        few.append(_few(bench, keeper))
        for each in few:
            table.row(keeper.name, TENANTS, 0, *_shown(each), "", "", "")
        ratio = ratio_of(much.played.per_s, statistics.mean(each.played.per_s for each in few))
        others = sum(each.played.others for each in (*few, much))
        what = f"{extent.tenants:,} tenants to {TENANTS:,}, connections {BUSY}"
        judged = bench.report.judge(Ratio(what, keeper.name, ratio, MANY, others=others))
        table.row(keeper.name, extent.tenants, extent.open_calls, *_shown(much), ratio, *judged)


def _shown(held: Held) -> tuple[float, ...]:
    played = held.played
    return (
        played.per_s, played.p50_us, played.p99_us, held.before_mib, held.after_mib, held.bytes_a_call
    )  # fmt: skip


def _few(bench: Bench, keeper: Keeper) -> Held:
    with copied(keeper, bench.base(keeper)) as url:
        return _held(bench, keeper, url, TENANTS)


def _held(bench: Bench, keeper: Keeper, url: str, tenants: int) -> Held:
    """Plays on a ledger that nobody has used yet: its tables are as compact as they were made."""
    size, calls = keeper.size_bytes(url), count(keeper, url, "sessions")
    with serving(url, bench.folder, fronts=bench.extent.fronts) as server:
        before_mib = server.resident_mib
        played = bench.play(server, BUSY, min(tenants, PLAYED))
        after_mib = server.resident_mib
    calls = count(keeper, url, "sessions") - calls
    return Held(played, before_mib, after_mib, (keeper.size_bytes(url) - size) / max(1, calls))


# --- all of them --------------------------------------------------------------------------------------


def ratio_of(of: float, to: float) -> float:
    """One figure to another; nothing where there is nothing to compare with."""
    return of / to if to else float("nan")


def _tenants(tenants: int) -> str:
    return "1 tenant" if tenants == 1 else f"{tenants:,} tenants"


MEASURES: Final[Mapping[str, Callable[[Bench], None]]] = {
    "disk": disk,
    "http": http_rates,
    "alone": alone,
    "batch": batch,
    "tail": tail,
    "hot": hot,
    "many": many,
}
