"""The admin center: how soon a page is there and obeys, and what open pages cost those who telephone.

Run `.venv/bin/python bench/bench_admin.py [--charges 100000] [--users 5000] [--rounds 5] [--seconds 8]`.

1. Pages. `talktime serve` on a ledger with a tenant of so many calls and users; Chromium opens each page with
   an empty cache (cold) and again (warm): milliseconds to the first contentful paint and to the heading of
   the page, then from a press to what it brings (a tab, the theme, the next page of a table).
2. Calls. The load of bench_live.py on the same server, in turns without pages and with ten pages open
   (sockets without a browser, `open_pages.py`): processor time of the live process an operation, and p99.

Figures are of this run on this machine, to be looked at; nothing is asserted.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

    from bench.admin_house import AdminHouse

ROOT = Path(__file__).resolve().parents[1]
BENCH = Path(__file__).resolve().parent
TENANTS = 100
PAGES = 10
HEADING_MS = 30_000
HOME = "/tenants/contoso"

PAINT = """
() => performance.getEntriesByName('first-contentful-paint').map(each => each.startTime)[0] ?? null
"""


class Opened(NamedTuple):
    """Milliseconds from asking for a page to its first paint and to its heading."""

    paint: float
    heading: float


def main() -> int:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--charges", type=int, default=100_000)
    parser.add_argument("--users", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--only", choices=("pages", "calls"))
    asked = parser.parse_args()
    sys.path[:0] = [str(ROOT), str(ROOT / "src")]
    from bench.admin_house import admin_house

    began = time.perf_counter()
    with admin_house(asked.charges, asked.users, TENANTS) as house:
        print(f"{asked.charges:,} calls, {asked.users:,} users: ready in {time.perf_counter() - began:.0f} s")
        if asked.only != "calls":
            pages(house, asked.rounds)
        if asked.only != "pages":
            calls(house, asked.rounds, asked.seconds)
    return 0


# --- pages -----------------------------------------------------------------------------------------------


def pages(house: "AdminHouse", rounds: int) -> None:
    """Opens every page of the tenant so often, cold and warm."""
    from tests.browser.addresses import PARAMETER, TENANT, name_of, page_paths
    from tests.browser.browsers import Chromium, running_chromium

    known = {"tenant": "contoso", "call": house.call, "upn": "user1@contoso.example"}
    paths = {
        name_of(path): PARAMETER.sub(lambda name: known[name[1]], path)
        for path in page_paths()
        if path.startswith(TENANT) and set(PARAMETER.findall(path)) <= known.keys()
    }
    with running_chromium() as chromium:
        if not isinstance(chromium, Chromium):
            print(f"no page is opened: {chromium}")
            return
        with chromium.spoken_to() as browser:
            print(
                f"\n{'ms, p50 and p95':28}{'cold paint':>14}{'heading':>14}{'warm paint':>14}{'heading':>14}"
            )
            for name, path in paths.items():
                print(f"{name:28}{_row(browser, house, path, rounds)}", flush=True)
            _presses(browser, house, rounds)


def _row(browser: "Browser", house: "AdminHouse", path: str, rounds: int) -> str:
    cold, warm = [], []
    for _ in range(rounds):
        with _window(browser, house) as context:
            cold.append(_open(context, house, path))
            warm.append(_open(context, house, path))
    columns = [[each.paint for each in cold], [each.heading for each in cold]]
    columns += [[each.paint for each in warm], [each.heading for each in warm]]
    return "".join(f"{_both(column):>14}" for column in columns)


@contextmanager
def _window(browser: "Browser", house: "AdminHouse") -> Iterator["BrowserContext"]:
    """A window with an empty cache, signed in."""
    from tests.browser.browsers import new_context

    context = new_context(browser)
    for name, value in house.cookies.items():
        context.add_cookies([{"name": name, "value": value, "url": house.url}])
    yield context
    context.close()


def _open(context: "BrowserContext", house: "AdminHouse", path: str) -> Opened:
    page = context.new_page()
    began = time.perf_counter()
    page.goto(f"{house.url}{path}", wait_until="commit")
    page.locator("h1").first.wait_for(timeout=HEADING_MS)
    heading = (time.perf_counter() - began) * 1e3
    page.wait_for_function(f"() => ({PAINT})() !== null")
    paint = float(page.evaluate(PAINT))
    page.close()
    return Opened(paint, heading)


def _presses(browser: "Browser", house: "AdminHouse", rounds: int) -> None:
    """From a press to what it brings, on pages with much to show."""
    print(f"\n{'ms from a press, p50 and p95':44}{'':>14}")
    with _window(browser, house) as context:
        page = context.new_page()
        for name, (path, press, brings) in PRESSES.items():
            taken = []
            for _ in range(rounds):
                page.goto(f"{house.url}{path}", wait_until="networkidle")
                if not page.locator(press).count():
                    break
                taken.append(_press(page, press, brings))
            print(f"{name:44}{_both(taken) if taken else 'not there':>14}", flush=True)


PRESSES = {
    "credits: the tab Lots": (
        f"{HOME}/credits",
        "role=tab[name='Lots']",
        "role=tab[name='Lots'][selected=true]",
    ),
    "the theme": (f"{HOME}/credits", "header button[aria-label*=ark]", "body.body--dark"),
    "users: the next page": (f"{HOME}/users", "text=/^Next/", "main table"),
}
"""What is pressed -> the page, the thing, and what is there afterwards."""


def _press(page: "Page", press: str, brings: str) -> float:
    began = time.perf_counter()
    page.locator(press).first.click()
    page.locator(brings).first.wait_for(timeout=HEADING_MS)
    return (time.perf_counter() - began) * 1e3


def _both(values: Sequence[float]) -> str:
    """p50 and p95; of a few values the p95 is the largest."""
    ordered = sorted(values)
    return f"{statistics.median(ordered):.0f} {ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)]:.0f}"


# --- calls -----------------------------------------------------------------------------------------------


class Played(NamedTuple):
    """One run of the load: microseconds of processor for each operation, and latency."""

    processor_us: float
    p99_us: float
    per_s: float


def calls(house: "AdminHouse", rounds: int, seconds: float) -> None:
    """Plays without pages and with them, in turns, and prints the ratio of the medians."""
    alone: list[Played] = []
    beside: list[Played] = []
    for turn in range(2 * rounds):
        if turn % 2 == 0:
            alone.append(_play(house, seconds))
        else:
            with _open_pages(house):
                beside.append(_play(house, seconds))
    print(f"\n{'live process, median of ' + str(rounds):34}{'no page':>12}{f'{PAGES} pages':>12}{'ratio':>8}")
    for name, field in (("processor us an operation", 0), ("p99 us", 1), ("operations a second", 2)):
        before, after = (statistics.median(run[field] for run in runs) for runs in (alone, beside))
        print(f"{name:34}{before:12.1f}{after:12.1f}{after / before:8.3f}")


def _play(house: "AdminHouse", seconds: float) -> Played:
    """At a rate far below what the server could take: closed loops of four connections."""
    from bench.live_processes import Serving, play

    serving = Serving(house.port, house.live_pid, house.key)
    options = ("--scenario", "calls", "--tenants", TENANTS, "--connections", 4)
    played = play(house.port, seconds, 1, *options, serving=serving)
    return Played(played.processor_us, played.p99_us, played.per_s)


@contextmanager
def _open_pages(house: "AdminHouse") -> Iterator[None]:
    """Ten pages are open in a process of their own: some that change by themselves, and one that does not."""
    cookie = "; ".join(f"{name}={value}" for name, value in house.cookies.items())
    command = [sys.executable, str(BENCH / "open_pages.py"), "--base", house.url, "--cookie", cookie]
    paths = [HOME, f"{HOME}/calls", f"{HOME}/credits"]
    with subprocess.Popen(
        [*command, "--count", str(PAGES), *paths], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        said = process.stdout.readline().split()
        if said != ["open", str(PAGES)]:
            raise SystemExit(f"the pages did not open: {said}")
        yield
        process.stdin.close()
        if process.wait(60):
            raise SystemExit("a page was closed while it should have been open")


if __name__ == "__main__":
    sys.exit(main())
