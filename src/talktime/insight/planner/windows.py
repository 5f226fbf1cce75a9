"""The dearest hours of some usage, call by call, and the most that calls in progress held at once.

Both exact. Columns are those of a settlement loop: one value a call, in order of the calls' ends; money in
micros, instants in us.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from talktime.core.grant import need
from talktime.core.limits import US_PER_S

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from talktime.bulk.state import Calls, Rates

    Ints = NDArray[np.int64]

HOUR_US: Final = 3_600 * US_PER_S

SLICE_S: Final = 600
"""A grant of a call in progress is so long unless a switch asks for less (domain.md 7, rulings.md 21)."""


class Window(NamedTuple):
    """What calls cost within some hours, and when the first of them ended."""

    amount: int
    begins_us: int


def dearest_window(end_us: Ints, amount: Ints, hours: int) -> Window:
    """The most that calls cost which end within `hours`, both edges counted; of equals the first."""
    paid = np.flatnonzero(amount > 0)
    if not len(paid):
        return Window(0, 0)
    ends = end_us[paid]
    sums = np.concatenate(([0], np.cumsum(amount[paid])))
    after = np.searchsorted(ends, ends + hours * HOUR_US, side="right")
    cost = sums[after] - sums[:-1]
    best = int(np.argmax(cost))
    return Window(int(cost[best]), int(ends[best]))


def most_held(calls: Calls, charges: Mapping[str, Ints], rates: Rates) -> int:
    """The most that calls in progress held at once: each what it costs to the end of the slice it is in.

    A slice ends with its call; a call holds what it has cost so far until it ends (rulings.md 20, 21).
    """
    amount = charges["amount"]
    paid = np.flatnonzero(amount > 0)
    if not len(paid):
        return 0
    begins, holds = _holds(paid, calls, charges, rates)
    return peak(begins, holds, np.asarray(calls.end_us)[paid], amount[paid])


def peak(begins_us: Ints, holds: Ints, ends_us: Ints, amounts: Ints) -> int:
    """The most that is held at once: `holds` are added at their instants, `amounts` released at the ends.

    Ends are in order; what is released at an instant is free for what begins then.
    """
    order = np.argsort(begins_us, kind="stable")
    begins_us, held = begins_us[order], np.cumsum(holds[order])
    released = np.concatenate(([0], np.cumsum(amounts)))
    return int((held - released[np.searchsorted(ends_us, begins_us, side="right")]).max(initial=0))


def _holds(paid: Ints, calls: Calls, charges: Mapping[str, Ints], rates: Rates) -> tuple[Ints, Ints]:
    """(when, how many more micros): each slice of each paid call; together its amount."""
    start_us = np.asarray(calls.start_us)[paid]
    duration_s = np.asarray(calls.duration_s)[paid]
    amount = charges["amount"][paid]
    kind = np.asarray(calls.rate)[paid] << 20 | charges["pool_s"][paid]  # no call has 2^20 seconds
    held = np.zeros(len(paid), np.int64)
    begins, holds = [], []
    at = np.arange(len(paid))
    past_s = 0
    while len(at):
        lasts = duration_s[at] > past_s + SLICE_S
        now = amount[at].copy()
        now[lasts] = _prices(kind[at[lasts]], past_s + SLICE_S, rates)
        begins.append(start_us[at] + past_s * US_PER_S)
        holds.append(now - held[at])
        held[at] = now
        at = at[lasts]
        past_s += SLICE_S
    return np.concatenate(begins), np.concatenate(holds)


def _prices(kinds: Ints, seconds_s: int, rates: Rates) -> Ints:
    """What calls of these rates and pool seconds cost for so many seconds; each kind is asked once."""
    different, places = np.unique(kinds, return_inverse=True)
    prices = []
    for kind in different.tolist():
        rate, pool_s = kind >> 20, kind & (1 << 20) - 1
        terms = [int(column[rate]) for column in rates[1:]]
        prices.append(need(seconds_s, pool_s, *terms)[2])
    found: Ints = np.array(prices, np.int64)[places]
    return found
