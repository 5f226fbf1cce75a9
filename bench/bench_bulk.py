"""What `talktime rate` takes for a provider's month: from a Parquet file to a written result, stage by stage.

Run `.venv/bin/python bench/bench_bulk.py [--calls 1000000 10000000] [--tenants 5000] [--long]`.
The book, the deck and the calls are made once (bench/bulk_months.py) and kept in the machine's temporary
folder. It is no test: the figures are to be looked at. All that a ratio compares is measured in the same run,
each in a process of its own. A stage is a line of JSON on the standard error: stage, s and rows.

  read     (a) only the needed columns, with Polars; the file has no others
  write    only the result that `rate` wrote, written again with Polars
  rate     (b) the whole command, on shuffled calls with duplicates and on sorted ones
  plain    (c) the same without compiled code, on the first calls of the month
  cold     the first run of a new version, which compiles
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

ROOT = Path(__file__).resolve().parents[1]
CALLS = (1_000_000, 10_000_000)
LONG_CALLS = 50_000_000
SAMPLE_CALLS = 300_000
NEVER = 10**15

TALKTIME = (sys.executable, "-m", "talktime.doors.cli.main")
LOOKED_UP_AND_CHARGED = ("look up", "charge")
"""Stages whose rows a second are told together."""

TOLD = "print(json.dumps({'stage': name, 's': time.perf_counter() - began, 'rows': rows}), file=sys.stderr)"
READ = f"""import json, sys, time
import polars as pl
name, began = "read", time.perf_counter()
rows = pl.read_parquet(sys.argv[1]).height
{TOLD}"""
WRITE = f"""import json, sys, time
import polars as pl
result = pl.read_parquet(sys.argv[1])
name, rows, began = "write", result.height, time.perf_counter()
result.write_parquet(sys.argv[2])
{TOLD}"""
SAMPLE = """import sys
import polars as pl
pl.scan_parquet(sys.argv[1]).head(int(sys.argv[3])).sink_parquet(sys.argv[2])"""


class Stage(NamedTuple):
    """What a process said of one stage."""

    name: str
    s: float
    rows: int


class Took(NamedTuple):
    """Wall time of a process in seconds, its peak memory in MiB and its stages."""

    s: float
    peak_mib: float
    stages: tuple[Stage, ...]

    def stage_s(self, *names: str) -> float:
        """Seconds of some stages; 0 where there are none."""
        return sum(stage.s for stage in self.stages if stage.name in names)


class Bench(NamedTuple):
    """How the command is called, and the folder of what it writes."""

    command: tuple[str, ...]
    folder: Path
    tenants: int

    def rate(self, usage: Path, calls: int, **settings: str) -> Took:
        """The whole command on a file of a month of so many calls."""
        from bench.bulk_months import book, month_deck

        options = {"--tenant": book(calls, self.tenants), "--rates": month_deck(), "--out": self.out}
        words = [str(word) for option in options.items() for word in option]
        return run([*self.command, "rate", str(usage), *words, "--json"], self.environment | settings)

    @property
    def out(self) -> Path:
        """The result of the last run."""
        return self.folder / "out.parquet"

    @property
    def environment(self) -> dict[str, str]:
        """Folders of its own, so that a first run is a first run."""
        own = {"TALKTIME_STATE": str(self.folder / "state"), "TALKTIME_CACHE": str(self.folder / "cache")}
        return own | {"TALKTIME_STAGES": "1"}


def arguments() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, nargs="+", default=CALLS, help="calls of the months")
    parser.add_argument("--tenants", type=int, default=5_000)
    parser.add_argument("--long", action="store_true", help=f"a month of {LONG_CALLS:,} calls, too")
    parser.add_argument("--command", help="what is run in place of `talktime`")
    return parser.parse_args()


def main() -> int:
    """Makes what is missing, runs everything, prints tables."""
    sys.path[:0] = [str(ROOT), str(ROOT / "src")]
    asked = arguments()
    sizes = sorted({*asked.calls, *((LONG_CALLS,) if asked.long else ())})
    command = tuple(shlex.split(asked.command)) if asked.command else TALKTIME
    with tempfile.TemporaryDirectory(prefix="talktime-bench-") as folder:
        bench = Bench(command, Path(folder), asked.tenants)
        heading()
        cold_start(bench, sizes[0])
        rated = {calls: both_variants(bench, calls) for calls in sizes}
        plain(bench, sizes[-1])
        slope(rated)
        together(rated[sizes[-1]])
    return 0


def both_variants(bench: Bench, calls: int) -> Took:
    """Reading, rating and writing of a month in both orders; gives the rating of the shuffled one."""
    from bench.bulk_months import VARIANTS, month

    found = []
    for variant, target in zip(VARIANTS, (6, 3), strict=True):
        usage = month(calls, bench.tenants, variant)
        python = (sys.executable, "-c")
        reading = run([*python, READ, str(usage)])
        show(f"read, {calls:,} {variant}", reading, reading.stage_s("read"), calls)
        rating = bench.rate(usage, calls)
        show(f"rate, {calls:,} {variant}", rating, rating.s, calls)
        for stage in rating.stages:
            show_stage(stage)
        writing = run([*python, WRITE, str(bench.out), str(bench.folder / "again.parquet")])
        show(f"write, {calls:,} {variant}", writing, writing.stage_s("write"), calls)
        charged_s = rating.s - writing.stage_s("write")
        times = f"{charged_s / reading.stage_s('read'):.1f}"
        tell(f"(rate - write) / read, {calls:,} {variant}", times, f"at most {target}")
        # Reading the tenants takes as long for a thousand calls as for ten million.
        held_s = sum(stage.s for stage in rating.stages if "tenants" in stage.name)
        times = f"{(charged_s - held_s) / reading.stage_s('read'):.1f}"
        tell(f"the same without the tenants, {calls:,} {variant}", times)
        found.append(rating)
    return found[0]


def cold_start(bench: Bench, calls: int) -> None:
    """The first run, which compiles, beside a second one."""
    from bench.bulk_months import month

    usage = month(calls, bench.tenants, "unsorted")
    first, second = (bench.rate(usage, calls, TALKTIME_COMPILE_CALLS="0") for _ in range(2))
    show(f"cold, {calls:,}: nothing compiled yet", first, first.s, calls)
    show(f"cold, {calls:,}: the next run", second, second.s, calls)
    tell("cold start takes longer by", f"{first.s - second.s:.1f} s")


def plain(bench: Bench, calls: int) -> None:
    """The same calls without and with compiled code."""
    from bench.bulk_months import month

    sample = bench.folder / "sample.parquet"
    count = min(SAMPLE_CALLS, calls)
    run([sys.executable, "-c", SAMPLE, str(month(calls, bench.tenants, "unsorted")), str(sample), str(count)])
    found = {}
    for name, compile_calls in (("plain", NEVER), ("compiled", 0)):
        found[name] = bench.rate(sample, calls, TALKTIME_COMPILE_CALLS=str(compile_calls))
        show(f"{name}, {count:,} unsorted", found[name], found[name].s, count)
        for stage in found[name].stages:
            show_stage(stage)
    tell("plain / compiled", f"{found['plain'].s / found['compiled'].s:.1f}")


def slope(rated: Mapping[int, Took]) -> None:
    """What a call costs in the largest month, beside the smallest."""
    least, most = min(rated), max(rated)
    if least == most:
        return
    each = {calls: rated[calls].s / calls for calls in rated}
    for calls, seconds in each.items():
        tell(f"a call of {calls:,}, shuffled", f"{seconds * 1e6:.2f} us", f"{rated[calls].peak_mib:,.0f} MiB")
    tell(f"slope, {least:,} to {most:,}", f"{each[most] / each[least]:.2f}", "at most 1.3")
    # The book and the deck are read once in a run, however long: what is left grows with the calls.
    more = (rated[most].s - rated[least].s) / (most - least)
    tell("each call more", f"{more * 1e6:.2f} us")


def together(rating: Took) -> None:
    """Look-up and charging in one figure."""
    seconds = rating.stage_s(*LOOKED_UP_AND_CHARGED)
    if seconds:
        rows = max(stage.rows for stage in rating.stages if stage.name in LOOKED_UP_AND_CHARGED)
        tell(" + ".join(LOOKED_UP_AND_CHARGED), f"{rows / seconds:,.0f} calls/s", "at least 10,000,000")


def run(command: Sequence[str], settings: Mapping[str, str] | None = None) -> Took:
    """Runs a command as a process of its own; its lines of JSON on standard error are stages."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")} | dict(settings or {})
    began = time.perf_counter()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        errors.seek(0)
        told = errors.read().decode(errors="replace").splitlines()
    if process.returncode:
        named = " ".join(command[:4])
        raise SystemExit("\n".join([f"{named} ... ended with {process.returncode}:", *told[-20:]]))
    kib_a_unit = 1 if sys.platform == "linux" else 1 / 1024  # ru_maxrss: KiB on Linux, bytes on macOS
    return Took(seconds, used.ru_maxrss * kib_a_unit / 1024, tuple(stages(told)))


def stages(lines: Sequence[str]) -> list[Stage]:
    """The lines that are stages; others are progress and warnings."""
    told = [msgspec.json.decode(line) for line in lines if line.startswith('{"stage"')]
    return [Stage(one["stage"], one["s"], one["rows"]) for one in told]


def heading() -> None:
    """The heads of the columns."""
    print(f"{'':44}{'s':>9}{'calls/s':>14}{'MiB':>8}")


def show(name: str, took: Took, seconds: float, calls: int) -> None:
    """One line of the table; `seconds` of what is compared, the memory of the whole process."""
    print(f"{name:44}{seconds:9.2f}{calls / seconds:>14,.0f}{took.peak_mib:8,.0f}", flush=True)


def show_stage(stage: Stage) -> None:
    """A part of the line above."""
    speed = f"{stage.rows / stage.s:,.0f}" if stage.rows and stage.s else ""
    print(f"{'  ' + stage.name:44}{stage.s:9.2f}{speed:>14}", flush=True)


def tell(what: str, value: str, target: str = "") -> None:
    """A figure made out of others, and what it is to be."""
    print(f"{what:52}{value:>15}{'   (' + target + ')' if target else ''}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
