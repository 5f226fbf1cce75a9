"""What no mix of a group can cost less than: pooled seconds are given a price, and everybody buys alone.

A second in a shared pool of a month costs `price`, and each licence brings its minutes' worth. Then nobody
depends on anybody, and the cheapest option of each adds up to a bound, whatever the prices are (Lagrange);
they are moved to where the bound is highest. It stays below the exact cost:

- a pool pays each user's first calls of a month, up to where that is best for that user, and not up to one
  instant for all;
- a call is paid by a pool wholly or not at all; the one call a pool and month that is paid in part costs at
  most `slack` less than the line between both says;
- all divisions round down, what is taken off is rounded up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from talktime.core.rating import UNIT_MICROS
from talktime.insight.planner.demand import charged
from talktime.insight.planner.mix_options import UNLIMITED_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from talktime.bulk.state import Rates
    from talktime.insight.planner.demand import Facts
    from talktime.insight.planner.mix_options import Problem, Table

    Ints = NDArray[np.int64]

HOUR_S: Final = 3_600
"""Prices of seconds are micros an hour: integers that are fine enough."""

MOST_PRICES: Final = 24
"""Prices at which a user's calls are added up; in between a line is taken, which is below the sum."""

STEPS: Final = 120
"""Steps towards the best prices."""

PATIENCE: Final = 8
"""Steps without a better bound before steps are halved."""

_BITS: Final = 20
_MOST_DIFFERENCE: Final = 2**42
_WITHOUT_LIMIT: Final = 2**50


@dataclass(frozen=True)
class Bounds:
    """The best prices found. `value`: the bound; `shares`: users x options, what each adds to it.

    `slack`: what the sum of shares lies above the bound. `mixes`: what users choose at good prices, best
    bound first.
    """

    value: int
    slack: int
    shares: Ints
    mixes: tuple[Ints, ...]
    _grid: Ints
    _sums: tuple[Ints, ...]

    def cells(self, problem: Problem) -> int:
        """How many numbers `of_mixes` adds up for one mix."""
        return problem.months * len(self._grid) * len(problem.slots) * (1 + len(problem.holders))

    def of_mixes(self, problem: Problem, mixes: Ints) -> Ints:
        """A bound for each of some mixes (mixes x users), with the best prices for each."""
        users = np.arange(mixes.shape[1])
        lower: Ints = problem.base[users, mixes].sum(axis=1) - self.slack
        for slot in range(len(problem.slots)):
            worth = np.zeros((len(mixes), problem.months, len(self._grid)), np.int64)
            for place, option in enumerate(problem.options):
                for use in option.uses:
                    if use.slot == slot:
                        sums = self._sums[use.table]
                        for user in np.flatnonzero(problem.allowed[:, place]).tolist():
                            share = sums[:, :, user] - _minutes_worth(self._grid, int(use.size_s[user]))
                            worth[mixes[:, user] == place] += share
            lower += worth.max(axis=2).sum(axis=1)
        return lower


def bounds_of(problem: Problem, upper: int, steps: int = STEPS) -> Bounds:
    """Bounds for a group of which a mix that costs `upper` is known."""
    grid = _grid(problem)
    sums = tuple(_sums(table, grid, problem) for table in problem.tables)
    prices = np.zeros((len(problem.slots), problem.months), np.int64)
    slack = _slack(problem.facts, problem.rates) * len(problem.slots) * problem.months
    priced = _priced(problem)[:, None]
    best, best_shares, stale, halved = -(2**62), problem.base, 0, 0
    seen: list[tuple[int, Ints]] = []
    for _ in range(steps if problem.slots else 1):
        shares, taken = _shares(problem, grid, sums, prices)
        mix = np.where(problem.allowed, shares, 2**61).argmin(axis=1)
        value = int(shares[np.arange(len(mix)), mix].sum()) - slack
        seen.append((value, mix))
        stale += 1
        if value > best:
            best, best_shares, stale = value, shares, 0
        if stale > PATIENCE:
            halved, stale = halved + 1, 0
        moved = _moved(prices, _missing(problem, taken, mix), max(upper - value, 1), halved)
        prices = np.where(priced, np.minimum(moved, grid[-1]), 0)
    seen.sort(key=lambda one: -one[0])
    mixes: dict[bytes, Ints] = {}
    for _, mix in seen:
        mixes.setdefault(mix.tobytes(), mix)
    return Bounds(max(best, 0), slack, best_shares, tuple(mixes.values()), grid, sums)


def _grid(problem: Problem) -> Ints:
    """Prices an hour from 0 to above that of the dearest call; those that calls have, or some of them."""
    found = [np.zeros(1, np.int64)]
    for table in problem.tables:
        at = table.pool_s > 0
        found.append(np.unique(table.amount[at] * HOUR_S // table.pool_s[at]))
    prices = np.unique(np.concatenate(found))
    if len(prices) > MOST_PRICES:
        prices = prices[np.arange(MOST_PRICES) * (len(prices) - 1) // (MOST_PRICES - 1)]
    return np.append(prices, prices[-1] + 1)


def _sums(table: Table, grid: Ints, problem: Problem) -> Ints:
    """Months x prices x users: the least that a user's calls come to where a pool pays the first of them.

    The pool may end after any call of the user, at best; calls before it take their seconds' price, calls
    after it their amount. Calls that cost nothing without a pool are left out, which makes it less.
    """
    at = np.flatnonzero((table.pool_s > 0) & (table.amount > 0))
    month = np.searchsorted(table.month_at, at, side="right") - 1
    users = len(problem.holders)
    cell = month * users + table.user[at]
    order = np.argsort(cell, kind="stable")
    at, cell = at[order], cell[order]
    found = np.zeros((len(grid), problem.months * users), np.int64)
    if len(at):
        begins = np.flatnonzero(np.concatenate([np.ones(1, np.bool_), cell[1:] != cell[:-1]]))
        pooled_s, paid = _since(begins, table.pool_s[at]), _since(begins, table.amount[at])
        whole = np.add.reduceat(table.amount[at], begins)
        for place, price in enumerate(grid.tolist()):
            # Whether the pool ends after a call: what is paid then is the whole less what came before.
            least = np.minimum.reduceat(pooled_s * price // HOUR_S - paid, begins)
            found[place, cell[begins]] = whole + np.minimum(least, 0)
    shaped = found.reshape(len(grid), problem.months, users).transpose(1, 0, 2)
    return np.ascontiguousarray(shaped)


def _since(begins: Ints, values: Ints) -> Ints:
    """Running sums that begin anew at some places."""
    sums = np.cumsum(values)
    before = sums[begins] - values[begins]
    return sums - np.repeat(before, np.diff(np.append(begins, len(values))))


def _minutes_worth(grid: Ints, size_s: int) -> Ints:
    """What a licence's seconds are worth at each price, rounded up; without limit: too much."""
    if size_s >= UNLIMITED_S:
        return np.where(grid > 0, _WITHOUT_LIMIT, 0)
    worth: Ints = -(-grid * size_s // HOUR_S)
    return worth


def _shares(
    problem: Problem, grid: Ints, sums: tuple[Ints, ...], prices: Ints
) -> tuple[Ints, dict[Any, Ints]]:
    """Users x options at some prices; the seconds that each lane (slot, table) then takes: months x users."""
    shares = problem.base.copy()
    taken: dict[Any, Ints] = {}
    worth: dict[Any, Ints] = {}
    for place, option in enumerate(problem.options):
        for use in option.uses:
            lane = use.slot, use.table
            if lane not in worth:
                worth[lane], taken[lane] = _lane(sums[use.table], grid, prices[use.slot])
            whole = int(prices[use.slot].sum())
            shares[:, place] += worth[lane] - (-(-whole * use.size_s // HOUR_S))
    return shares, taken


def _lane(sums: Ints, grid: Ints, prices: Ints) -> tuple[Ints, Ints]:
    """(micros of each user's calls, seconds in the pool: months x users) at the prices of the months."""
    months = np.arange(len(prices))
    at = np.minimum(np.searchsorted(grid, prices, side="right") - 1, len(grid) - 2)
    below, above = sums[months, at], sums[months, at + 1]
    width = grid[at + 1] - grid[at]
    part = ((prices - grid[at]) << _BITS) // width
    rise = np.minimum(above - below, _MOST_DIFFERENCE)
    worth: Ints = (below + (rise * part[:, None] >> _BITS)).sum(axis=0)
    return worth, rise * HOUR_S // width[:, None]


def _priced(problem: Problem) -> NDArray[np.bool_]:
    """The pools whose seconds may have a price: all that have a limit."""
    priced = np.ones(len(problem.slots), np.bool_)
    for option in problem.options:
        for use in option.uses:
            priced[use.slot] &= bool((use.size_s < UNLIMITED_S).all())
    return priced


def _missing(problem: Problem, taken: dict[Any, Ints], mix: Ints) -> Ints:
    """Slots x months: seconds that those who chose a pool want beyond what it has; below 0 what is left."""
    missing = np.zeros((len(problem.slots), problem.months), np.int64)
    for place, option in enumerate(problem.options):
        on = mix == place
        if on.any():
            for use in option.uses:
                missing[use.slot] += taken[use.slot, use.table][:, on].sum(axis=1) - use.size_s[on].sum()
    return missing


def _moved(prices: Ints, missing: Ints, short: int, halved: int) -> Ints:
    """The prices a step on: dearer where seconds are missing, cheaper where they are left (Polyak's step)."""
    free = (prices == 0) & (missing < 0)
    steps = [0 if is_free else int(one) for one, is_free in zip(missing.flat, free.flat, strict=True)]
    length = sum(one * one for one in steps)
    if not length:
        return prices
    moved = [
        max(0, min(int(price) + (one * short * HOUR_S >> halved) // length, 2**40))
        for price, one in zip(prices.flat, steps, strict=True)
    ]
    return np.array(moved, np.int64).reshape(prices.shape)


def _slack(facts: Facts, rates: Rates) -> int:
    """How much less than in proportion a call may cost that a pool pays in part: micros, of any call.

    A call costs in proportion or more, unless its first part is dearer than the rest; what is rounded is
    off by less than a unit on both sides.
    """
    most = 0
    unit = max((UNIT_MICROS[decimals] for decimals in rates.decimals), default=1)
    first_s = np.array(rates.first_s, np.int64)[facts.rate]
    dear = np.array(rates.first_price_nanos, np.int64) > np.array(rates.price_nanos, np.int64)
    for at in np.flatnonzero(dear[facts.rate] & (facts.pool_s > first_s) & (facts.amount > 0)).tolist():
        fact = int(facts.duration_s[at]), int(facts.rate[at]), int(facts.gates[at])
        amount, pool_s, first = int(facts.amount[at]), int(facts.pool_s[at]), int(first_s[at])
        line = -(-amount * (pool_s - first) // pool_s)
        most = max(most, line - charged(fact, first, rates)[1])
    return most + 4 * unit
