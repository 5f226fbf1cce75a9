"""What `bench_diameter.py` measures; every ratio is of figures that were taken in the same run.

Rates are those of `diameter_load.py`: 40 % initial requests, 20 % updates, 40 % terminations of paid calls,
in a closed loop. A figure of operations is one of operations whose answers were durable.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Final, NamedTuple

from bench.diameter_load import MAX_CONNECTIONS
from bench.diameter_messages import HOST, REALM
from bench.live_measures import JUDGED, LATENCY, PER_S, RATIO, STORE, Bench, batches_us, ratio_of
from bench.live_processes import Played, Serving, door_alone, granting, play_peers, serving
from bench.live_report import Column, Ratio
from bench.live_stores import Keeper, copied
from bench.load import processor_us

TENANTS: Final = 1_000
NULL, TAIL, HOT = 0.5, 4.0, 0.5
AIM_PER_S: Final = 5_000


class Shape(NamedTuple):
    """How many peers there are, and how many requests each has in flight."""

    connections: int
    in_flight: int

    def __str__(self) -> str:
        return f"{self.connections} x {self.in_flight}"


BUSY: Final = Shape(4, 8)
SHAPES: Final = (Shape(1, 1), BUSY, Shape(16, 8))
WARM: Final = Shape(16, 8)
IDLE_US: Final = 50_000
"""A server that uses less than this of a second has nothing to do."""

IDLE_WITHIN_S: Final = 60


@dataclass
class PeerBench(Bench):
    """One run over Diameter."""

    played: dict[tuple[str, int], Played] = field(default_factory=dict)
    """What was found at BUSY, by store and number of tenants."""

    @contextmanager
    def served(self, keeper: Keeper, noted: Path | None = None) -> Iterator[Serving]:
        """A server on a copy of the base, with the peers and identities of the load."""
        fronts = 0 if noted else self.extent.fronts
        with (
            copied(keeper, self.base(keeper)) as url,
            serving(url, self.folder, noted, fronts, self.peers()) as server,
        ):
            # Tenants are loaded when they are first asked for, and a server that was just started looks
            # through its exports and files: neither is counted.
            play_peers(server, self.extent.seconds / 2, 0, *_options(WARM, TENANTS))
            _wait_idle(server)
            yield server

    def peers(self) -> Path:
        """The settings of the door."""
        path = self.folder / "diameter.toml"
        path.write_text(settings_text(), "utf-8")
        return path

    def load(self, server: Serving, shape: Shape, tenants: int = TENANTS) -> Played:
        """The load of calls."""
        return self._play(server, self.extent.seconds, self.extent.warm_up_s, shape, tenants)

    def null(self, server: Serving, shape: Shape, tenants: int = TENANTS) -> Played:
        """The same load on the null server, for half the time."""
        return self._play(server, self.extent.seconds / 2, self.extent.warm_up_s / 2, shape, tenants)

    def _play(self, server: Serving, seconds: float, warm_up_s: float, shape: Shape, tenants: int) -> Played:
        return play_peers(server, seconds, warm_up_s, *_options(shape, tenants))


def _wait_idle(server: Serving) -> None:
    """Waits until the process does nothing, or does not stop to do something."""
    until_s = time.monotonic() + IDLE_WITHIN_S
    spent_us = processor_us(server.pid) or 0
    while time.monotonic() < until_s:
        time.sleep(1)
        before_us, spent_us = spent_us, processor_us(server.pid) or 0
        if spent_us - before_us < IDLE_US:
            return


def _options(shape: Shape, tenants: int) -> tuple[object, ...]:
    return ("--connections", shape.connections, "--in-flight", shape.in_flight, "--tenants", tenants)


def settings_text() -> str:
    """The settings of the door: every peer of the load, and a rule for each tenant."""
    parts = [f'[server]\nhost = "{HOST}"\nrealm = "{REALM}"\n']
    parts += [
        f'[[peers]]\nhost = "load{number}.{REALM}"\nrealm = "{REALM}"\naddresses = ["127.0.0.1"]\n'
        for number in range(MAX_CONNECTIONS)
    ]
    parts += [
        f'[[identities]]\nrealm = "*"\nsubscription = "*@t{number:06d}.example"\n'
        f'tenant = "t{number:06d}"\nuser = "subscription"\n'
        for number in range(TENANTS)
    ]
    return "\n".join(parts)


def rates(bench: PeerBench) -> None:
    """Operations a second beside the null server, which is asked before and after each run."""
    columns = (
        STORE, Column("peers x in flight", width=9), Column("tenants", ",d"), PER_S, Column("null/s", ",.0f"),
        *LATENCY, Column("us/operation", ".0f"), Column("null us", ".0f"), Column("load us", ".0f"), RATIO,
        *JUDGED,
    )  # fmt: skip
    title = (
        "rates: durable operations a second over Diameter, to the null server before and after\n"
        "(us: time on the processor for an operation, of the server, of the null server, of the load)"
    )
    table = bench.report.table("rates", title, columns)
    with ExitStack() as stack:
        null = stack.enter_context(granting(bench.folder))
        servers = [(keeper, stack.enter_context(bench.served(keeper))) for keeper in bench.keepers]
        for shape in SHAPES:
            before = bench.null(null, shape)
            for (keeper, server), tenants in product(servers, (TENANTS, 1) if shape == BUSY else (TENANTS,)):
                played = bench.load(server, shape, tenants)
                after = bench.null(null, shape)
                beside = Beside((before.per_s + after.per_s) / 2, after.processor_us)
                before = after
                judged = _judged(bench, keeper, (shape, tenants), played, beside)
                table.row(
                    keeper.name, str(shape), tenants, played.per_s, beside.per_s, played.p50_us,
                    played.p99_us, played.processor_us, beside.processor_us, played.load_us, *judged,
                )  # fmt: skip


class Beside(NamedTuple):
    """What the null server did in the same seconds."""

    per_s: float
    processor_us: float


def _judged(
    bench: PeerBench, keeper: Keeper, where: tuple[Shape, int], played: Played, beside: Beside
) -> tuple[float, str, str]:
    """The ratio, its target and its verdict; keeps what was found at BUSY.

    The target is that of SQLite: PostgreSQL, other processes on the same cores, stands beside it.
    """
    shape, tenants = where
    ratio = ratio_of(played.per_s, beside.per_s)
    if shape == BUSY:
        bench.played[keeper.name, tenants] = played
    if where == (BUSY, TENANTS) and keeper.kind == "sqlite":
        what = f"Diameter to the null server, {shape}"
        return ratio, *bench.report.judge(Ratio(what, keeper.name, ratio, NULL, others=played.others))
    return ratio, "", f"{played.others} refused" if played.others else ""


def hot(bench: PeerBench) -> None:
    """One tenant against a thousand, from the rates."""
    if not bench.played:
        rates(bench)
    columns = (STORE, Column("one/s", ",.0f"), Column("many/s", ",.0f"), RATIO, *JUDGED)
    table = bench.report.table("hot", f"hot: one tenant to {TENANTS:,} tenants, {BUSY}", columns)
    for keeper in bench.keepers:
        one, many = bench.played[keeper.name, 1], bench.played[keeper.name, TENANTS]
        ratio = ratio_of(one.per_s, many.per_s)
        what = f"one tenant to {TENANTS:,}, {BUSY}"
        judged = bench.report.judge(Ratio(what, keeper.name, ratio, HOT, others=one.others + many.others))
        table.row(keeper.name, one.per_s, many.per_s, ratio, *judged)


def tail(bench: PeerBench) -> None:
    """The slowest hundredth of operations, to the median time of a whole transaction in the same seconds."""
    columns = (STORE, PER_S, *LATENCY, Column("batch us", ",d"), Column("batches", ",d"), RATIO, *JUDGED)
    title = (
        f"tail: p99 at {BUSY}, to the median time of a batch\n"
        "(a batch: from the beginning of its transaction to the end of its commit: lock, load, decide, write)"
    )
    table = bench.report.table("tail", title, columns)
    for keeper in bench.keepers:
        noted = bench.folder / "batches"
        with bench.served(keeper, noted) as server:
            began_ns = time.perf_counter_ns()
            played = bench.load(server, BUSY)
        took_us = batches_us(noted, began_ns, bench.extent)
        noted.unlink()
        batch_us = round(statistics.median(took_us)) if took_us else 0
        ratio = ratio_of(played.p99_us, batch_us)
        what = f"p99 to the median batch, {BUSY}"
        judged = bench.report.judge(Ratio(what, keeper.name, ratio, TAIL, at_most=True, others=played.others))
        row = (played.per_s, played.p50_us, played.p99_us, batch_us, len(took_us), ratio)
        table.row(keeper.name, *row, *judged)


def parts(bench: PeerBench) -> None:
    """What an operation takes of the processor: the wire alone, the door with no ledger behind it, all of it.

    Processor time, and no rate: whatever else the machine does weighs less on it.
    """
    columns = (
        Column("what", width=22), PER_S, Column("us/operation", ".0f"), Column("part of all", ".2f"),
    )  # fmt: skip
    table = bench.report.table("parts", f"parts: processor time of an operation, {BUSY}", columns)
    found: list[tuple[str, Played]] = []
    with granting(bench.folder) as null:
        found.append(("null server", bench.load(null, BUSY)))
    with door_alone(bench.folder, bench.peers()) as door:
        found.append(("door without a ledger", bench.load(door, BUSY)))
    for keeper in bench.keepers:
        with bench.served(keeper) as server:
            found.append((f"all, on {keeper.name}", bench.load(server, BUSY)))
    for what, played in found:
        part = ratio_of(played.processor_us, found[2][1].processor_us)
        table.row(what, played.per_s, played.processor_us, part)


MEASURES: Final[Mapping[str, Callable[[PeerBench], None]]] = {
    "rates": rates,
    "hot": hot,
    "tail": tail,
    "parts": parts,
}
