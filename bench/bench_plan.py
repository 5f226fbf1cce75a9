"""What `talktime plan` takes and finds: 3,000,000 calls of 6 months; and tenants whose answer is known.

Run `.venv/bin/python bench/bench_plan.py [--calls 3000000] [--users 5000]`. The months are made once
(`plan_months`) and kept in the machine's temporary folder. It is no test: the figures are to be looked at.

Wall and processor seconds stand beside each other: on a machine that does other things the wall says little.
The aims are 60 s for a full plan and 5 s for a what-if after it, on 2 quiet cores.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from bench.plan_months import Months

ROOT = Path(__file__).resolve().parents[1]

PARTS = {
    10: "demand run",
    40: "the past: quality, paid, pools, carriers",
    55: "forecast, what to buy, the rule tried",
    95: "which plan for whom",
    100: "the rest",
}
"""Percent at which a part has ended (`planner.plan`)."""

KNOWN_CALLS, KNOWN_USERS = 60_000, 200


class World(NamedTuple):
    """What calls are charged with."""

    replay: Any
    tenant: Any
    catalogue: Any
    deck: Any


class Took(NamedTuple):
    """Seconds of the wall, and of processors."""

    wall_s: float
    cpu_s: float


class Clock:
    """Wall and processor seconds of what is measured, in one line each."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forgets what was before."""
        self.wall, self.cpu = time.perf_counter(), _cpu_s()

    def lap(self, name: str) -> None:
        """Prints the seconds since the last lap."""
        wall, cpu = time.perf_counter() - self.wall, _cpu_s() - self.cpu
        print(f"{name:44}{wall:9.2f}{cpu:9.2f}", flush=True)
        self.begin()

    @contextmanager
    def measured(self, name: str) -> Iterator[None]:
        """Prints what the block took."""
        self.begin()
        yield
        self.lap(name)


def main() -> int:
    """Makes what is missing, runs everything, prints it."""
    sys.path[:0] = [str(ROOT), str(ROOT / "src")]
    from bench.plan_months import months

    asked = arguments()
    folder = Path(tempfile.gettempdir()) / "talktime-plan-months"
    folder.mkdir(exist_ok=True)
    files = months(folder, asked.calls, asked.users)
    print(f"{asked.calls:,} calls of {asked.users:,} users in 6 months; load {os.getloadavg()[0]:.1f}")
    print(f"{'':44}{'wall s':>9}{'cpu s':>9}")
    plan, took = full_plan(files)
    rated = rate(files)
    wall, cpu = (mine / other for mine, other in zip(took, rated, strict=True))
    print(f"a full plan is {wall:.1f} times `talktime rate` on the same file (processor: {cpu:.1f} times)\n")
    show_mix(plan)
    show_forecast(plan)
    known_growth()
    known_mix()
    return 0


def arguments() -> argparse.Namespace:
    """The options of the command line."""
    from bench.plan_months import CALLS, USERS

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=CALLS, help="calls of the months")
    parser.add_argument("--users", type=int, default=USERS, help="users who make them")
    return parser.parse_args()


# --- how long it takes -----------------------------------------------------------------------------------


def full_plan(files: Months) -> tuple[Any, Took]:
    """The plan and what reading and planning took; then a what-if on the same usage."""
    begun, clock = time.perf_counter(), Clock()
    cpu = clock.cpu
    world = read(files)
    clock.lap("start, catalogue, deck, tenant, reading, order")
    plan = planned(world, told_by(clock))
    took = Took(time.perf_counter() - begun, _cpu_s() - cpu)
    print(f"{'full plan':44}{took.wall_s:9.2f}{took.cpu_s:9.2f}   {_peak_mib():,.0f} MiB at most")
    what_if(world, clock)
    return plan, took


def told_by(clock: Clock) -> Callable[[int, int], None]:
    """A progress that measures the parts."""
    left = dict(PARTS)

    def told(done: int, whole: int) -> None:
        percent = done * 100 // whole
        if percent in left:
            clock.lap(f"  {left.pop(percent)}")

    return told


def what_if(world: World, clock: Clock) -> None:
    """A scenario beside today's settings, on usage that is read and in order."""
    from talktime.insight.scenario import TODAY, Rule, Scenario, Swap
    from talktime.insight.what_if import compare_replayed

    tried = Scenario(
        name="smaller",
        plans=(Swap("MCOPSTN1", "MCOPSTN5"),),
        recharge=Rule(True, 1_000_000_000, 5_000_000_000),
    )
    with clock.measured("what-if: today's settings and a scenario"):
        tries = [(TODAY, world.deck), (tried, world.deck)]
        compare_replayed(world.replay, world.tenant, world.catalogue, tries, None, lambda _, __: None)


def rate(files: Months) -> Took:
    """What `talktime rate` takes on the same file, as a process."""
    with tempfile.TemporaryDirectory() as state:
        environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "TALKTIME_STATE": state}
        words = ["-m", "talktime", "rate", str(files.usage), "--tenant", str(files.tenant), "--json"]
        begun, cpu = time.perf_counter(), _cpu_s()
        subprocess.run([sys.executable, *words], env=environment, stdout=subprocess.DEVNULL, check=True)
        took = Took(time.perf_counter() - begun, _cpu_s() - cpu)
    print(f"{'talktime rate':44}{took.wall_s:9.2f}{took.cpu_s:9.2f}")
    return took


def read(files: Months) -> World:
    """Everything from the files, as the command reads it."""
    from talktime.accounts.tenant_file import read_tenant
    from talktime.bulk.replay import Replay
    from talktime.catalog.load import load_catalogue
    from talktime.doors.cli.rate import read_usage
    from talktime.doors.cli.rate_request import RateRequest
    from talktime.files.decks.sample import default_deck

    catalogue = load_catalogue()
    found = read_usage(RateRequest(usage=[str(files.usage)]))
    tenant, deck = read_tenant(files.tenant, catalogue), default_deck()
    return World(Replay(found, tenant, catalogue, deck), tenant, catalogue, deck)


def planned(world: World, told: Callable[[int, int], None], *, plans: bool = True, prices: Any = None) -> Any:
    """The plan of a world."""
    from talktime.catalog.planning import load_licence_prices
    from talktime.insight.planner.document import PlanSettings
    from talktime.insight.planner.plan import Asked, plan

    asked = Asked(settings=PlanSettings(), prices=prices or load_licence_prices(), plans=plans)
    return plan(world.replay, world.tenant, world.catalogue, world.deck, asked, told)


# --- what it finds ---------------------------------------------------------------------------------------


def show_mix(plan: Any) -> None:
    """The groups with their bounds, and the gap of all together."""
    print(f"{'group':24}{'users':>7}{'today':>14}{'best':>14}{'bound':>14}{'gap %':>9}")
    for group in plan.mix.groups:
        name = f"{group.family} {group.owner}"
        amounts = "".join(f"{amount / 1e6:14,.2f}" for amount in (group.now, group.best, group.bound))
        print(f"{name:24}{group.users:7,}{amounts}{group.gap / 100:9.2f}{' exact' if group.exact else ''}")
    best, bound = (sum(getattr(group, name) for group in plan.mix.groups) for name in ("best", "bound"))
    print(
        f"all groups: the best mix is at most {(best - bound) / bound * 100:.2f} % above the best possible\n"
    )


def show_forecast(plan: Any) -> None:
    """The forecast's own past errors; money grows faster than calls where minutes are included."""
    from bench.plan_months import GROWTH_PERCENT

    found = "none" if plan.outlook.growth is None else f"{plan.outlook.growth / 100:.2f} %"
    print(f"growth of money found: {found} a month; calls grow by {GROWTH_PERCENT} %")
    for line in plan.tested:
        inside = "inside" if line.inside else "outside"
        print(f"  {line.what}: off by {(line.error or 0) / 100:.1f} %, {inside} its band")
    print()


def known_growth() -> None:
    """Tenants without included minutes: money grows as calls do.

    Calls are made to grow by compound; the forecast draws a line, its growth is that of the level at its end.
    """
    from bench.plan_months import DAYS, tenant, usage

    print("known growth, tenants that pay each minute (a month, of the level at the end):")
    for growth in (-3, 0, 3, 6):
        world = made(usage(KNOWN_CALLS, KNOWN_USERS, growth), tenant(KNOWN_USERS, "MCOPSTNPP"))
        found = planned(world, lambda _, __: None, plans=False).outlook.growth
        shown = "none is certain" if found is None else f"{found / 100:.2f} %"
        grown = (1 + growth / 100) ** (DAYS / 30)
        line = (grown - 1) / (DAYS / 30) / grown * 100
        print(f"  made with {growth:2} % compound, as a line {line:5.2f} %: found {shown}")
    print()


def known_mix() -> None:
    """Heavy and light users whose best mix is known: large plans for the heavy ones, small for the light."""
    world, prices, heavy, light = hidden_mix()
    plan = planned(world, lambda _, __: None, prices=prices)
    (group,) = [group for group in plan.mix.groups if group.family == "calling"]
    found = {option.plans: option.best for option in group.options if option.best}
    hidden = {("MCOPSTN1",): heavy, ("MCOPSTN5",): light}
    print(f"hidden best mix {hidden}: {'found' if found == hidden else f'not found, but {found}'}")


def hidden_mix() -> tuple[World, Any, int, int]:
    """60 users in one country: 12 talk 2,990 minutes a month at home, 48 talk 118; and prices that fit."""
    from bench.plan_months import as_file, tenant
    from talktime.catalog.planning import LicencePrices

    heavy, light = 12, 48
    rows = []
    for user in range(heavy + light):
        calls, minutes = (65, 46) if user < heavy else (2, 59)
        for month in range(2):
            first_s = 1_769_936_400 + month * 28 * 86_400  # 1 February 2026, 9:00 UTC; 1 March
            rows += [(user, first_s + at * 35_000 + user, minutes * 60) for at in range(calls)]
    who, start_s, duration_s = (np.array(column) for column in zip(*rows, strict=True))
    nothing = np.zeros(len(rows), np.int64)
    drawn = {"row": np.arange(len(rows)), "who": who, "start_s": start_s, "duration_s": duration_s}
    drawn |= dict.fromkeys(("place", "kind", "stem"), nothing) | {"number": nothing + 1_000}
    world = made(as_file(pl.DataFrame(drawn)), tenant(heavy + light, "MCOPSTN2"))
    users = tuple(replace(user, location="US") for user in world.tenant.users)
    alone = replace(world.tenant, users=users, service_numbers=(), subscriptions=())
    amounts = {"MCOPSTN1": 12_000_000, "MCOPSTN5": 1_500_000, "MCOPSTN2": 24_000_000}
    prices = {(plan, "USD", ""): amount for plan, amount in amounts.items()}
    return world._replace(tenant=alone), LicencePrices("known", False, prices), heavy, light


def made(rows: pl.DataFrame, described: str) -> World:
    """A world of made-up rows."""
    from bench.plan_months import Months

    with tempfile.TemporaryDirectory() as folder:
        files = Months(Path(folder) / "usage.parquet", Path(folder) / "tenant.toml")
        rows.write_parquet(files.usage)
        files.tenant.write_text(described, "utf-8")
        return read(files)


def _cpu_s() -> float:
    """Processor seconds of this process and of those that it waited for."""
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in spent)


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    raise SystemExit(main())
