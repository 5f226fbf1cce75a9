"""What `talktime rate` takes: whole processes on made-up months of 250 to 1,000,000 calls.

Run `.venv/bin/python bench/bench_rate.py [--calls 250 100000] [--runs 2]`.
Files are made once, by the generator of
`talktime demo`, and kept in the machine's temporary folder. It is no test: the figures are to be looked at.

Each line: seconds of the first and the best run, calls a second (best), peak memory of the process, and how
many times longer than a process that only reads the file with csv.reader.
"""

import argparse
import hashlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
MICROSOFT_DECK = ROOT / "../shared/data/rates/communication-services-pstn-rates.csv"
SIZES = (250, 100_000, 1_000_000)
SEED = 1
TENANT = "tenant.toml"

TALKTIME = ("-m", "talktime.doors.cli.main")
READ_CSV = ("-c", "import csv, sys\nfor row in csv.reader(open(sys.argv[1], newline='')): pass")


class Took(NamedTuple):
    """Wall time of the first and the best run in seconds, and the most memory of any in MiB."""

    first_s: float
    best_s: float
    peak_mib: float


def main() -> int:
    """Makes what is missing, runs everything, prints a table."""
    asked = arguments()
    folder = kept_folder()
    files = {calls: made(folder, calls) for calls in asked.calls}
    print(f"{'':44}{'first s':>9}{'best s':>9}{'calls/s':>11}{'MiB':>8}{'x csv':>8}")
    show("talktime --help", run([*TALKTIME, "--help"], folder, asked.runs))
    for calls, path in files.items():
        reading = run([*READ_CSV, str(path)], folder, asked.runs)
        show(f"csv.reader, {calls:,} calls", reading, calls)
        for name, options in commands(folder):
            took = run([*TALKTIME, "rate", str(path), *options, "--json"], folder, asked.runs)
            show(f"rate, {calls:,} calls, {name}", took, calls, took.best_s / reading.best_s)
    return 0


def arguments() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, nargs="+", default=SIZES, help="sizes of the files")
    parser.add_argument("--runs", type=int, default=2, help="how often each command is run")
    return parser.parse_args()


def commands(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """What `rate` is asked: on the shipped deck and, where it is, on the public price file."""
    yield "sample deck", []
    yield "sample deck, tenant", ["--tenant", str(folder / TENANT)]
    if MICROSOFT_DECK.exists():
        yield "6,592 rates", ["--rates", str(MICROSOFT_DECK.resolve())]
        yield (
            "6,592 rates, tenant",
            [
                *("--rates", str(MICROSOFT_DECK.resolve())),
                *("--tenant", str(folder / TENANT)),
            ],
        )


def kept_folder() -> Path:
    """The folder of the files, named by what makes them: an edited generator makes them anew."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "src/talktime/demo").iterdir()):
        if path.suffix in (".py", ".toml"):
            digest.update(path.read_bytes())
    folder = Path(tempfile.gettempdir()) / f"talktime-bench-{digest.hexdigest()[:12]}"
    folder.mkdir(exist_ok=True)
    return folder


def made(folder: Path, calls: int) -> Path:
    """The file of so many calls; made if it is not there.

    By a process of its own: a child's peak memory is never less than what its parent had.
    """
    path = folder / f"usage-{calls}.csv"
    if not path.exists():
        began = time.perf_counter()
        maker = multiprocessing.get_context("spawn").Process(target=make, args=(path, calls))
        maker.start()
        maker.join()
        if maker.exitcode:
            raise SystemExit(f"{path} could not be made")
        print(f"made {path} in {time.perf_counter() - began:.1f} s")
    return path


def make(path: Path, calls: int) -> None:
    """Writes a month of the demo tenant, and the tenant beside it."""
    from talktime.catalog.load import load_catalogue
    from talktime.demo.generate import generate
    from talktime.demo.tenant import write_demo_tenant
    from talktime.demo.write import write_calling_plans_csv

    catalogue = load_catalogue()
    tenant = write_demo_tenant(path.with_name(TENANT), catalogue)
    half = path.with_suffix(".part")
    write_calling_plans_csv(generate(tenant, catalogue, calls=calls, seed=SEED), half)
    half.replace(path)


def run(command: Sequence[str], folder: Path, runs: int) -> Took:
    """Runs a command of Python as a process of its own, several times."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "TALKTIME_STATE": str(folder / "state")}
    walls: list[float] = []
    peaks: list[int] = []
    for _ in range(max(1, runs)):
        began = time.perf_counter()
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                [sys.executable, *command], env=environment, stdout=subprocess.DEVNULL, stderr=errors
            )
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            walls.append(time.perf_counter() - began)
            peaks.append(used.ru_maxrss)
            if process.returncode:
                errors.seek(0)
                told = errors.read().decode(errors="replace").strip()
                raise SystemExit(f"{' '.join(command[:4])} ... ended with {process.returncode}:\n{told}")
    kib_a_unit = 1 if sys.platform == "linux" else 1 / 1024  # ru_maxrss: KiB on Linux, bytes on macOS
    return Took(walls[0], min(walls), max(peaks) * kib_a_unit / 1024)


def show(name: str, took: Took, calls: int = 0, ratio: float = 0.0) -> None:
    """One line of the table."""
    speed = f"{calls / took.best_s:,.0f}" if calls else ""
    times = f"{ratio:.1f}" if ratio else ""
    line = f"{name:44}{took.first_s:9.2f}{took.best_s:9.2f}{speed:>11}{took.peak_mib:8.0f}{times:>8}"
    print(line, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
