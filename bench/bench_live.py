"""How fast live charging is: durable operations over HTTP, as ratios to what the machine can do without it.

Run `.venv/bin/python bench/bench_live.py [--only http many] [--store sqlite] [--quick | --full]`.
Real servers run on SQLite and on PostgreSQL (the wheel that the tests use; left out, by name, where it cannot
run), in a temporary folder that goes at the end. Figures depend on the machine; ratios hold their targets.

disk    fdatasync of a 4 KiB append
http    1, 16, 64, 256 connections x 1 and 1,000 tenants, to an echo on the same server library
alone   1 connection, to bare commits of the same rows, one for each operation
batch   POST /v1/calls:batch, to a bare writer of the same rows in the same transactions
tail    p99 at 64 connections, to the median time of a whole batch
hot     one tenant, to 1,000 tenants
many    very many tenants and open calls (--full: 1,000,000 and 100,000), to 1,000 tenants; memory and disk
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from bench.live_measures import Extent
    from bench.live_report import Report
    from bench.live_stores import Keeper

ROOT = Path(__file__).resolve().parents[1]
STORES = ("sqlite", "postgresql")
NAMES = ("disk", "http", "alone", "batch", "tail", "hot", "many")
QUICK_S = 0.5


def arguments() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, help="what to measure")
    parser.add_argument("--store", nargs="+", choices=STORES, default=STORES)
    parser.add_argument("--seconds", type=float, help="what each run over HTTP counts (4)")
    parser.add_argument(
        "--fronts", type=int, default=0, help="serve by an engine and so many fronts (not `tail`)"
    )
    parser.add_argument("--tenants", type=int, help="of `many` (100,000)")
    parser.add_argument("--open-calls", type=int, help="of `many` (a tenth of the tenants)")
    parser.add_argument(
        "--folder", type=Path, help="where the databases lie (the machine's temporary folder)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    much = parser.add_mutually_exclusive_group()
    much.add_argument(
        "--quick", action="store_true", help="a look at whether it runs; the figures mean little"
    )
    much.add_argument(
        "--full", action="store_true", help="`many` with 1,000,000 tenants and 100,000 open calls"
    )
    asked = parser.parse_args()
    if asked.seconds is not None and asked.seconds <= 0:
        parser.error("--seconds has to be above 0")
    if asked.tenants is not None and asked.tenants < 1:
        parser.error("--tenants has to be above 0")
    if asked.open_calls is not None and asked.open_calls < 0:
        parser.error("--open-calls has to be 0 or more")
    if asked.folder is not None and not asked.folder.is_dir():
        parser.error(f"--folder {asked.folder} is no folder; make it first")
    return asked


def extent(asked: argparse.Namespace) -> "Extent":
    """How much is measured."""
    from bench.live_measures import Extent

    usual = Extent()
    if asked.quick:
        usual = Extent(QUICK_S, (1, 64), (256, 1_000), 5_000, 500)
    tenants = asked.tenants or (1_000_000 if asked.full else usual.tenants)
    open_calls = tenants // 10 if asked.open_calls is None else min(asked.open_calls, tenants)
    return usual._replace(
        seconds=asked.seconds or usual.seconds,
        tenants=tenants,
        open_calls=open_calls,
        fronts=asked.fronts,
    )


@contextmanager
def keepers(folder: Path, stores: Sequence[str], report: "Report") -> Iterator[list["Keeper"]]:
    """The stores to measure; a PostgreSQL server runs as long as the block does."""
    from bench.live_stores import POSTGRES_OPTIONS, PostgresKeeper, SqliteKeeper
    from tests.postgres_servers import Folder, Server, UnavailableError

    found: list[Keeper] = []
    if "sqlite" in stores:
        found.append(SqliteKeeper(folder))
    if "postgresql" not in stores:
        yield found
        return
    place = None
    try:
        try:
            place = Folder()
            server = Server(place, "a", 5001)
            server.initialise()
            server.start(*POSTGRES_OPTIONS)
            found.append(PostgresKeeper(server))
        except (UnavailableError, OSError) as error:
            report.note(f"PostgreSQL is left out, it cannot run here: {error}")
        yield found
    finally:
        if place is not None:
            place.remove()


def stopped(number: int, _frame: object) -> NoReturn:
    """A signal to end is an exception, so that everything is put away."""
    raise SystemExit(128 + number)


def measured(asked: argparse.Namespace) -> "Report":
    """Measures what is asked for and prints it."""
    from bench.live_measures import MEASURES, Bench
    from bench.live_report import Report

    report = Report()
    with (
        tempfile.TemporaryDirectory(prefix="talktime-bench-live-") as folder,
        keepers(Path(folder), asked.store, report) as found,
    ):
        bench = Bench(Path(folder), found, extent(asked), report)
        for measure in MEASURES:
            if measure in asked.only and found:
                MEASURES[measure](bench)
    report.summary()
    return report


def main() -> int:
    """Measures, prints tables and ratios; whatever ends it, its servers and databases go."""
    asked = arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stopped)
    if asked.folder is not None:
        tempfile.tempdir = str(asked.folder.resolve())
    try:
        report = measured(asked)
    except KeyboardInterrupt:
        print("\nstopped; everything is put away", file=sys.stderr)
        return 130
    if asked.json is not None:
        report.save(asked.json)
    return 0


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "src")]  # the modules beside this one, the servers of the tests
    raise SystemExit(main())
