"""What a mix costs, to the micro; and the best of all mixes where they are few enough to be looked at.

A mix is an option for each user of a group. Pools are filled call by call in settlement order, and the core
says what a call costs that a pool pays in part, as in the engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from talktime.insight.planner.mix_options import beyond

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from talktime.insight.planner.mix_bound import Bounds
    from talktime.insight.planner.mix_options import Problem, Table

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

MOST_MIXES: Final = 100_000
"""Mixes that are held at one time in the search of all."""

MOST_STEPS: Final = 10_000_000
"""Parts of mixes that are put together on the way to all of them."""

MOST_CELLS: Final = 400_000_000
"""Cells of the tables that bound every single mix; about two seconds."""

MOST_ROWS: Final = 60_000_000
"""Calls that are charged to find the best of them."""

MOST_POLISHED_ROWS: Final = 10_000_000
"""Calls that are charged to look whether a single move saves."""

ENGINE_TIMES: Final = 20
"""How much longer the engine takes to charge the calls of a mix."""

A_MIX_ROWS: Final = 5_000
"""What charging a mix costs however few its calls are, as calls."""


def cost(problem: Problem, mix: Ints) -> int:
    """Micros of licences and calls of a group under a mix."""
    users = np.arange(len(mix))
    licences = int(problem.licences[users, mix].sum())
    if problem.several[mix].any():
        return licences + problem.by_engine(mix)
    money = int(problem.fixed[users, mix].sum())
    return licences + money + sum(_slot(problem, slot, mix) for slot in range(len(problem.slots)))


def _slot(problem: Problem, slot: int, mix: Ints) -> int:
    """Micros of the calls that a shared pool does not pay, of all months."""
    size_s = 0
    users: dict[int, Flags] = {}
    for place, option in enumerate(problem.options):
        for use in option.uses:
            if use.slot == slot:
                on = mix == place
                size_s += int(use.size_s[on].sum())
                users[use.table] = users[use.table] | on if use.table in users else on
    held = [(problem.tables[table], on) for table, on in users.items() if on.any()]
    wanted_s = sum(table.day_s[on].sum(axis=0) for table, on in held)
    money = 0
    for month in range(problem.months):
        if held and int(np.sum(wanted_s * (problem.months_of_day == month))) > size_s:
            rows = _rows([(table, on) for table, on in held], month)
            money += beyond(*rows, size_s, (problem.facts, problem.rates))
    return money


def _rows(held: list[tuple[Table, Flags]], month: int) -> tuple[Ints, Ints, Ints]:
    """Seconds, micros and facts of a month's calls in settlement order."""
    parts = []
    for table, on in held:
        part = slice(int(table.month_at[month]), int(table.month_at[month + 1]))
        mine = on[table.user[part]]
        parts.append([c[part][mine] for c in (table.pool_s, table.amount, table.fact, table.order)])
    if len(parts) == 1:
        pool_s, amount, fact, _ = parts[0]
        return pool_s, amount, fact
    pool_s, amount, fact, order = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    at = np.argsort(order, kind="stable")
    return pool_s[at], amount[at], fact[at]


class Proven(NamedTuple):
    """The best mix that was found, what it costs, what no mix is below, and whether that is the same."""

    mix: Ints
    cost: int
    bound: int
    exact: bool


def proven(problem: Problem, bounds: Bounds, best: Ints, best_cost: int) -> Proven:
    """Looks at every mix that could be better than the best so far, cheapest bound first.

    Where they are too many, the best so far comes back with the bound of all.
    """
    if bounds.value >= best_cost:
        return Proven(best, best_cost, best_cost, exact=True)
    mixes = _mixes(problem, bounds, best_cost)
    if mixes is None:
        return Proven(best, best_cost, bounds.value, exact=False)
    lower = bounds.of_mixes(problem, mixes)
    order = np.argsort(lower, kind="stable")
    most = MOST_ROWS // _rows_of_cost(problem) + 1
    for done, at in enumerate(order.tolist()):
        if lower[at] >= best_cost:
            break
        if done == most:
            bound = max(int(lower[at]), bounds.value)
            return Proven(best, best_cost, min(bound, best_cost), exact=bound >= best_cost)
        found = cost(problem, mixes[at])
        if found < best_cost:
            best, best_cost = mixes[at], found
    return Proven(best, best_cost, best_cost, exact=True)


def _rows_of_cost(problem: Problem) -> int:
    """What one answer of `cost` takes, as calls; the engine takes longer."""
    rows = sum(len(table.user) for table in problem.tables) + A_MIX_ROWS
    return rows * ENGINE_TIMES if problem.several.any() else rows


def polished(problem: Problem, mix: Ints, money: int) -> tuple[Ints, int]:
    """The mix after moves of one user at a time that save by the exact cost; as it is where calls are many.

    The search looks at whole days, which in a small group can miss what a single call makes of a pool.
    """
    moves = np.argwhere(problem.allowed).tolist()
    rows = _rows_of_cost(problem)
    if len(moves) * rows > MOST_POLISHED_ROWS:
        return mix, money
    for _ in range(MOST_POLISHED_ROWS // (len(moves) * rows)):
        before = money
        for user, option in moves:
            tried = mix.copy()
            tried[user] = option
            found = cost(problem, tried)
            if found < money:
                mix, money = tried, found
        if money == before:
            break
    return mix, money


@dataclass(frozen=True)
class _Unit:
    """Users who are alike in all that counts, and what they may hold together: assignments x users."""

    users: Ints
    choices: Ints


def _units(problem: Problem) -> list[_Unit] | None:
    """The users by likeness; None where alike users could be told apart in too many ways."""
    calls = np.zeros(len(problem.holders), np.bool_)
    for table in problem.tables:
        calls[table.user] = True
    alike: dict[tuple[object, ...], list[int]] = {}
    for user, (calling, holder) in enumerate(zip(calls.tolist(), problem.holders, strict=True)):
        sizes = tuple(int(use.size_s[user]) for option in problem.options for use in option.uses)
        rows = problem.allowed[user].tobytes(), problem.base[user].tobytes(), sizes, holder.copies
        alike.setdefault((user,) if calling else rows, []).append(user)
    units = []
    for users in alike.values():
        allowed = np.flatnonzero(problem.allowed[users[0]]).tolist()
        choices = []
        for choice in combinations_with_replacement(allowed, len(users)):
            choices.append(choice)
            if len(choices) > MOST_MIXES // len(users):
                return None
        units.append(_Unit(np.array(users, np.int64), np.array(choices, np.int64)))
    return units


def _mixes(problem: Problem, bounds: Bounds, best_cost: int) -> Ints | None:
    """All mixes that the bound does not rule out: mixes x users; None where they are too many."""
    units = _units(problem)
    if units is None:
        return None
    worth = [
        sum(bounds.shares[user, unit.choices[:, at]] for at, user in enumerate(unit.users.tolist()))
        for unit in units
    ]
    order = sorted(range(len(units)), key=lambda at: -int(np.max(worth[at]) - np.min(worth[at])))
    rest = sum(int(np.min(one)) for one in worth) - bounds.slack
    lower = np.array([rest], np.int64)
    steps: list[tuple[Ints, Ints]] = []
    looked = 0
    for at in order:
        values = np.asarray(worth[at], np.int64)
        wide = lower[:, None] + (values - int(values.min()))[None, :]
        kept, choice = np.nonzero(wide < best_cost)
        looked += wide.size
        if len(kept) > MOST_MIXES or looked > MOST_STEPS:
            return None
        lower = wide[kept, choice]
        steps.append((kept, choice))
    mixes = np.zeros((len(lower), len(problem.holders)), np.int64)
    if mixes.size > MOST_STEPS:
        return None
    row = np.arange(len(lower))
    for at, (kept, choice) in zip(reversed(order), reversed(steps), strict=True):
        mixes[:, units[at].users] = units[at].choices[choice[row]]
        row = kept[row]
    return None if len(mixes) * bounds.cells(problem) > MOST_CELLS else mixes
