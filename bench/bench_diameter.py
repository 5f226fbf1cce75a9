"""How fast live charging is over Diameter Ro: durable operations a second, as ratios to a null server.

Run `.venv/bin/python bench/bench_diameter.py [--only rates tail] [--store sqlite] [--quick]`.
Real servers run on SQLite and on PostgreSQL (the wheel that the tests use; left out, by name, where it cannot
run), in a temporary folder that goes at the end. The load is a process of its own, each connection a peer of
its own. Figures depend on the machine; ratios hold their targets.

rates   1 x 1, 4 x 8, 16 x 8 peers and requests in flight, to a null server: the same wire, no charging
hot     one tenant, to 1,000 tenants
tail    p99, to the median time of a whole batch
parts   processor time of an operation: the wire alone, the door without a ledger, all of it
"""

import argparse
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.live_report import Report

ROOT = Path(__file__).resolve().parents[1]
STORES = ("sqlite", "postgresql")
NAMES = ("rates", "hot", "tail", "parts")
QUICK_S = 0.5


def arguments() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, help="what to measure")
    parser.add_argument("--store", nargs="+", choices=STORES, default=STORES)
    parser.add_argument("--seconds", type=float, help="what each run counts (4)")
    parser.add_argument(
        "--folder", type=Path, help="where the databases lie (the machine's temporary folder)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    parser.add_argument(
        "--quick", action="store_true", help="a look at whether it runs; the figures mean little"
    )
    asked = parser.parse_args()
    if asked.seconds is not None and asked.seconds <= 0:
        parser.error("--seconds has to be above 0")
    if asked.folder is not None and not asked.folder.is_dir():
        parser.error(f"--folder {asked.folder} is no folder; make it first")
    return asked


def measured(asked: argparse.Namespace) -> "Report":
    """Measures what is asked for and prints it."""
    from bench.bench_live import keepers
    from bench.diameter_measures import AIM_PER_S, BUSY, MEASURES, TENANTS, PeerBench
    from bench.live_measures import Extent
    from bench.live_report import Report

    usual = Extent(QUICK_S) if asked.quick else Extent()
    report = Report()
    report.note(f"others on this machine: a load of {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    with (
        tempfile.TemporaryDirectory(prefix="talktime-bench-diameter-") as folder,
        keepers(Path(folder), asked.store, report) as found,
    ):
        extent = usual._replace(seconds=asked.seconds or usual.seconds)
        bench = PeerBench(Path(folder), found, extent, report)
        for measure in MEASURES:
            if measure in asked.only and found:
                MEASURES[measure](bench)
    report.summary()
    for (store, tenants), played in bench.played.items():
        if tenants == TENANTS:
            told = f"{played.per_s:,} durable operations a second on {store}, {BUSY}"
            report.note(f"{told} (aim: above {AIM_PER_S:,} on SQLite)")
    return report


def main() -> int:
    """Measures, prints tables and ratios; whatever ends it, its servers and databases go."""
    from bench.bench_live import stopped

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
