"""Forecasts of generated series and what came: how often the band held, how far off, beside a plain rule.

Seeded, so that each run says the same. `python bench/bench_forecast.py [series of each kind]`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import date
from itertools import pairwise
from math import exp
from random import Random
from typing import Final, NamedTuple

from talktime.core.forecast import EDGE, fit, total

EACH: Final = 40
MONTHS: Final = 7
UNIT: Final = 1_000_000
EPOCH: Final = date(1970, 1, 1).toordinal()
OFFICE: Final = (1.1, 1.2, 1.15, 1.1, 0.9, 0.1, 0.05)
OPEN: Final = (1.0,) * 7

Series = tuple[list[int], list[int]]
"""An amount a day; where each month begins."""


class Miss(NamedTuple):
    """One month that was forecast: after so many; whether the band held; errors of ours and of the rule."""

    kind: str
    months: int
    inside: bool
    error: float
    plain: float


def starts(rng: Random) -> list[int]:
    """The first days of some months in a row, and of the month after them; days since 1970."""
    month = rng.randrange(2020 * 12, 2026 * 12)
    return [
        date(each // 12, each % 12 + 1, 1).toordinal() - EPOCH for each in range(month, month + MONTHS + 1)
    ]


def calls(rng: Random, mean: float, price: float) -> float:
    """What some calls cost: as many as fall on a day, each of its own length."""
    count, left = 0, exp(-min(mean, 500))
    if mean > 60:
        count = max(round(rng.gauss(mean, mean**0.5)), 0)
    else:
        chance = rng.random()
        while chance > left:
            count += 1
            chance *= rng.random()
    return sum(price * rng.lognormvariate(0, 0.8) for _ in range(count))


def days(
    rng: Random, mean: float, noise: float, week: tuple[float, ...], growth: float = 0, drift: float = 0
) -> Series:
    """Days of calls: `growth` a month, `noise` of single days, and a level that drifts so far a week."""
    firsts = starts(rng)
    price, level, found = rng.lognormvariate(-1, 1), 0.0, []
    for at in range(firsts[-1] - firsts[0]):
        level += rng.gauss(0, drift / 7**0.5)
        wanted = (
            mean * week[(firsts[0] + at + 3) % 7] * (1 + growth * at / 30) * exp(level + rng.gauss(0, noise))
        )
        found.append(round(calls(rng, wanted, price) * UNIT))
    return found, firsts


def steady(rng: Random) -> Series:
    """The same every day, but for chance."""
    return days(rng, rng.uniform(10, 80), 0.1, OPEN)


def growing(rng: Random) -> Series:
    """4 to 15 % more each month."""
    return days(rng, rng.uniform(10, 80), 0.15, OFFICE, growth=rng.uniform(0.04, 0.15))


def weekday(rng: Random) -> Series:
    """An office: hardly anything on weekends."""
    return days(rng, rng.uniform(10, 80), 0.2, OFFICE)


def noisy(rng: Random) -> Series:
    """Days that differ by half."""
    return days(rng, rng.uniform(5, 30), 0.6, OFFICE)


def sparse(rng: Random) -> Series:
    """A call or two a week."""
    return days(rng, rng.uniform(0.15, 0.5), 0.3, OFFICE)


def drifting(rng: Random) -> Series:
    """A level that goes its own way, some percent a week."""
    return days(rng, rng.uniform(10, 80), 0.2, OFFICE, drift=0.05)


def pool(rng: Random) -> Series:
    """Included minutes first: money is paid only once they are used up, each month anew."""
    used, firsts = days(rng, rng.uniform(20, 80), 0.2, OFFICE, growth=rng.choice((0, 0, 0.05)))
    included = sum(used) / MONTHS * rng.uniform(0.2, 0.7)
    found: list[int] = []
    for begin, end in pairwise(firsts):
        left = included
        for amount in used[begin - firsts[0] : end - firsts[0]]:
            found.append(round(max(amount - left, 0)))
            left = max(left - amount, 0)
    return found, firsts


KINDS: Final[tuple[Callable[[Random], Series], ...]] = (
    steady,
    growing,
    weekday,
    noisy,
    sparse,
    drifting,
    pool,
)


def misses(kind: str, series: Series) -> Iterator[Miss]:
    """Each month told by those before it. Errors are parts of an average month of the series."""
    amounts, firsts = series
    mean = sum(amounts) / MONTHS
    for at, (begin, end) in enumerate(pairwise(firsts)):
        if not at or not mean:
            continue
        known, actual = amounts[: begin - firsts[0]], sum(amounts[begin - firsts[0] : end - firsts[0]])
        found = fit(known, firsts[0])
        if found is None:
            continue
        band = total(found, begin, end - begin, EDGE)
        plain = sum(known[-28:]) * (end - begin) / 28
        inside = band.low <= actual <= band.high
        yield Miss(kind, at, inside, abs(band.expected - actual) / mean, abs(plain - actual) / mean)


def line(name: str, found: list[Miss]) -> str:
    """One row of figures."""
    inside = sum(miss.inside for miss in found) / len(found)
    ours = sum(miss.error for miss in found) / len(found)
    plain = sum(miss.plain for miss in found) / len(found)
    return f"{name:<12} {len(found):>7} {inside:>8.1%} {ours:>9.1%} {plain:>9.1%} {ours / plain:>7.2f}"


def main(each: int) -> None:
    """Prints how often the next month fell into the 80 % band, by kind and by months that were known."""
    found: list[Miss] = []
    for kind in KINDS:
        for number in range(each):
            found += misses(kind.__name__, kind(Random(f"{kind.__name__} {number}")))
    print(f"{'':<12} {'months':>7} {'in band':>8} {'error':>9} {'28 days':>9} {'ratio':>7}")
    for kind in KINDS:
        print(line(kind.__name__, [miss for miss in found if miss.kind == kind.__name__]))
    for months in range(1, MONTHS):
        print(line(f"{months} known", [miss for miss in found if miss.months == months]))
    print(line("all", found))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else EACH)
