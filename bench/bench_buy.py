"""What the planner says to buy against what then came: how often it was enough, beside the confidence asked
for.

Seeded, so that each run says the same. `python bench/bench_buy.py [futures of each kind]`. Calls hold what
they cost while they last; a payment takes the whole lead time, and one is on its way at a time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import date
from math import exp
from random import Random
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from talktime.accounts.recharge_limits import PaymentLimits
from talktime.accounts.tenant import AutoRecharge
from talktime.core.forecast import fit
from talktime.core.recharge import recharge_micros
from talktime.insight.planner.ahead import months_on
from talktime.insight.planner.document import PlanSettings
from talktime.insight.planner.one_time import Need, one_time
from talktime.insight.planner.recharge_rule import Dear, choices, least_add, outlasts, rounded_up
from talktime.insight.planner.windows import dearest_window, peak

Ints = NDArray[np.int64]

EACH: Final = 20
KNOWN: Final = (1, 2, 4, 6)
AHEAD: Final = 3
ASKED: Final = (800, 900, 950, 990)
HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US
EPOCH: Final = date(1970, 1, 1).toordinal()
OFFICE: Final = (1.1, 1.2, 1.15, 1.1, 0.9, 0.1, 0.05)
OPEN: Final = (1.0,) * 7
LIMITS: Final = PaymentLimits(least=10_000, most=0, coin=10_000)


class Calls(NamedTuple):
    """Calls in order of their ends: us since 1970, micros."""

    start_us: Ints
    end_us: Ints
    amount: Ints

    def between(self, first_day: int, until_day: int) -> Calls:
        """Those that end within some days."""
        low, high = np.searchsorted(self.end_us, [first_day * DAY_US, until_day * DAY_US])
        return Calls(*(column[low:high] for column in self))


class Kind(NamedTuple):
    """How calls come: so many a day, `noise` of days, growth a month, `drift` of the level a week."""

    calls: tuple[float, float]
    week: tuple[float, ...] = OFFICE
    noise: float = 0.15
    growth: float = 0.0
    drift: float = 0.0


KINDS: Final = {
    "steady": Kind((10, 80), OPEN, 0.1),
    "office": Kind((10, 80), OFFICE, 0.2),
    "growing": Kind((10, 80), OFFICE, 0.15, growth=0.08),
    "noisy": Kind((5, 30), OFFICE, 0.6),
    "sparse": Kind((0.15, 0.6), OFFICE, 0.3),
    "drifting": Kind((10, 80), OFFICE, 0.2, drift=0.03),
}


def made(kind: Kind, rng: Random, first_day: int, days: int) -> Calls:
    """Calls of so many days: at some time of a working day, of about log-normal length, at five prices."""
    draw = np.random.default_rng(rng.randrange(2**32))
    wanted, level = rng.uniform(*kind.calls), 0.0
    starts, seconds = [], []
    for at in range(days):
        level += rng.gauss(0, kind.drift / 7**0.5)
        share = kind.week[(first_day + at + 3) % 7] * exp(level + rng.gauss(0, kind.noise))
        count = int(draw.poisson(wanted * share * (1 + kind.growth * at / 30)))
        hours = draw.beta(2.5, 2.5, count) * 11 + 7
        starts.append(((first_day + at) * DAY_US + hours * HOUR_US).astype(np.int64))
        seconds.append(np.minimum(draw.lognormal(5, 1.1, count), 14_000).astype(np.int64) + 1)
    start_us, length_s = np.concatenate(starts), np.concatenate(seconds)
    price = draw.choice(
        np.array([13_000, 25_000, 40_000, 150_000, 600_000]), len(start_us), p=[0.4, 0.3, 0.2, 0.08, 0.02]
    )
    end_us = start_us + length_s * 1_000_000
    order = np.argsort(end_us, kind="stable")
    return Calls(start_us[order], end_us[order], (-(-length_s // 60) * price)[order])


def days_of(calls: Calls, first_day: int, days: int) -> list[int]:
    """What the calls cost a day."""
    found = np.zeros(days, np.int64)
    np.add.at(found, calls.end_us // DAY_US - first_day, calls.amount)
    return [int(amount) for amount in found]


def held(calls: Calls) -> int:
    """The most that calls in progress held at once."""
    return peak(calls.start_us, calls.amount, calls.end_us, calls.amount)


def has_blocked(calls: Calls, below: int, add: int, lead_us: int) -> bool:
    """Whether a call found less than it takes, under a rule whose payments arrive after the lead time."""
    times = np.concatenate((calls.end_us, calls.start_us))
    starts = np.concatenate((np.zeros(len(calls.end_us), np.int64), calls.amount))
    order = np.lexsort((starts, times))  # what ends at an instant is there for what begins then
    available, due_us, coming = below + add, 0, 0
    for at_us, takes in zip(times[order].tolist(), starts[order].tolist(), strict=True):
        if coming and due_us <= at_us:
            available, coming = available + coming, 0
            coming = recharge_micros(available, below, add, 2**62, LIMITS.least)
            due_us += lead_us
        if takes > available:
            return True
        available -= takes
        if not coming:
            coming = recharge_micros(available, below, add, 2**62, LIMITS.least)
            due_us = at_us + lead_us
    return False


class Told(NamedTuple):
    """One answer: for which kind, months known and confidence; whether it was enough; how much it was."""

    kind: str
    known: int
    asked: int
    month: bool
    quarter: bool
    rule: bool
    too_much: float
    trigger: float


def told(name: str, rng: Random) -> Iterator[Told]:
    """Answers from some months of calls, held against the months after them."""
    now = date(2026, 1, 1).toordinal() - EPOCH + rng.randrange(365)
    first = months_on(now, -max(KNOWN))
    calls = made(KINDS[name], rng, first, months_on(now, AHEAD) - first)
    later = calls.between(now, months_on(now, AHEAD))
    for known in KNOWN:
        begin = months_on(now, -known)
        seen = calls.between(begin, now)
        days = days_of(seen, begin, now - begin)
        fitted = fit(days, begin)
        if fitted is None:
            continue
        for asked in ASKED:
            settings = PlanSettings(confidence=asked, months_ahead=AHEAD)
            need = Need(fitted, (), now, held(seen))
            month, quarter = one_time(need, settings, LIMITS)[:2]
            spent = [int(later.between(now, months_on(now, each)).amount.sum()) for each in (1, AHEAD)]
            lead_us = settings.lead_hours * HOUR_US
            window, twice = (
                dearest_window(seen.end_us, seen.amount, settings.lead_hours * each) for each in (1, 2)
            )
            dear = Dear(window.amount, twice.amount, window.begins_us // DAY_US, max(days), need.held)
            wanted = outlasts(fitted, days, dear, now, months_on(now, AHEAD) - now, asked)
            below = rounded_up(wanted, LIMITS.coin)
            least = least_add(AutoRecharge(), wanted, dear, settings.lead_hours)
            best = next(each for each in choices(fitted, below, least, now, settings, LIMITS) if each.best)
            dearest = dearest_window(later.end_us, later.amount, settings.lead_hours).amount
            yield Told(
                name,
                known,
                asked,
                month.amount >= spent[0],
                quarter.amount >= spent[1],
                not has_blocked(later, best.below, best.add, lead_us),
                quarter.amount / max(spent[1], 1),
                below / max(dearest, 1),
            )


def line(name: str, found: list[Told]) -> str:
    """One row: how often a month's amount, three months' and the rule were enough, and how much too much."""
    count = len(found)
    shares = (sum(getattr(one, part) for one in found) / count for part in ("month", "quarter", "rule"))
    more = (sorted(getattr(one, part) for one in found)[count // 2] for part in ("too_much", "trigger"))
    return (
        f"{name:<14} {count:>6}"
        + "".join(f" {share:>8.1%}" for share in shares)
        + "".join(f" {m:>8.2f}" for m in more)
    )


def table(found: list[Told], name: str, of: Callable[[Told], object]) -> None:
    """Rows for each different value."""
    for value in dict.fromkeys(map(of, found)):
        print(line(f"{name} {value}".strip(), [one for one in found if of(one) == value]))


def main(each: int) -> None:
    """Prints shares by confidence, and for each confidence by kind and by months known."""
    found = [
        one for name in KINDS for number in range(each) for one in told(name, Random(f"{name} {number}"))
    ]
    heads = "".join(f" {head:>8}" for head in ("1 month", "3 months", "rule", "/ spent", "/ window"))
    print(f"{'enough':<14} {'told':>6}{heads}")
    for asked in ASKED:
        of = [one for one in found if one.asked == asked]
        print(line(f"asked {asked / 10:g} %", of))
        table(of, "  ", lambda one: one.kind)
        table(of, "  known", lambda one: one.known)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else EACH)
