"""How good is the search for plans? Drawn small tenants: the large search beside all mixes by the engine.

    python -m bench.bench_mix [TENANTS]

Prints, over so many drawn tenants of 2 to 4 users (200), how far the search that large groups get is above
the best of all mixes, which gap it states itself, and whether the proof that small groups get finds the best.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from talktime.catalog.load import load_catalogue
from talktime.insight.planner.mix import Search, gap_of
from tests.insight.planner.mix_tenants import drawn, every_mix

TENANTS: Final = 200


class Tried(NamedTuple):
    """A tenant: gaps in hundredths of a percent, whether all was right, processor seconds of both ways."""

    gap: int
    stated: int
    exact: bool
    right: bool
    search_s: float
    brute_s: float


def untold(_done: int, _of: int) -> None:
    """Nobody looks at the progress."""


def tried(seed: int) -> Tried:
    """Searches plans for a drawn tenant in three ways."""
    case = drawn(seed, users=2 + seed % 3, calls=8, months=1 + seed % 2)
    replay = case.replay()
    search = Search(replay, case.tenant, load_catalogue(), case.deck, case.prices, case.months)
    begun = time.process_time()
    (large,) = search.mix(untold, prove=False).groups
    searched = time.process_time()
    best = min(cost for cost, _ in every_mix(case, replay))
    brute = time.process_time()
    (small,) = search.mix(untold).groups
    right = large.bound <= best <= large.best and best <= small.best and small.bound <= best
    if small.exact:
        right &= small.best == best
    return Tried(gap_of(large.best, best), large.gap, small.exact, right, searched - begun, brute - searched)


def percent(hundredths: int) -> str:
    """Hundredths of a percent as text."""
    return f"{hundredths // 100}.{hundredths % 100:02} %"


def main(arguments: Sequence[str]) -> int:
    """Prints the figures; 1 where a bound or a proof was wrong, or a gap is above 1 %."""
    count = int(arguments[0]) if arguments else TENANTS
    found = [tried(seed) for seed in range(count)]
    gaps, stated = [one.gap for one in found], [one.stated for one in found]
    print(f"{count} drawn tenants of 2 to 4 users, 3 or 4 plans, every mix charged by the engine")
    print(f"large search above the best of all mixes: max {percent(max(gaps))}, ", end="")
    print(f"mean {percent(sum(gaps) // count)}, found exactly {sum(gap == 0 for gap in gaps)} times")
    print(f"gap that it states itself: max {percent(max(stated))}, mean {percent(sum(stated) // count)}")
    print(f"small search proven {sum(one.exact for one in found)} times")
    print(f"bound <= best <= found, and proven means best: {sum(one.right for one in found)} of {count}")
    search_s, brute_s = sum(one.search_s for one in found), sum(one.brute_s for one in found)
    print(f"processor time: search {search_s:.1f} s, all mixes {brute_s:.1f} s")
    return 0 if all(one.right for one in found) and max(gaps) <= 100 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
