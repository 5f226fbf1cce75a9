"""A good mix for groups of any size: from several beginnings, users move to other options while that saves.

Pools are looked at by days: what is left of a month's pool in the course of the day on which it ends is
divided in proportion. That is close and quick; what a mix really costs is worked out by `mix_exact`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from talktime.insight.planner.mix_exact import cost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from talktime.insight.planner.mix_bound import Bounds
    from talktime.insight.planner.mix_options import Problem, Use

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

EFFORT: Final = 90_000_000
"""Cells of day tables that the search of one tenant may look at: a few seconds."""

BEGINNINGS: Final = 3
"""The best beginnings from which users move."""

AHEAD: Final = 24
"""Moves that do not save by themselves and are tried together with a second one."""

NEVER: Final = 2**61
_PRODUCT_BITS: Final = 62


class Rough:
    """A mix and what it costs by days; `deltas` says what each user's move to each option changes."""

    def __init__(self, problem: Problem, mix: Ints) -> None:
        self.problem = problem
        self.base = problem.base
        self.looked = 0
        days = problem.months_of_day
        self.starts = np.searchsorted(days, np.arange(problem.months))
        self.days = days
        self.shared = [
            [bool({u.slot for u in a.uses} & {u.slot for u in b.uses}) for b in problem.options]
            for a in problem.options
        ]
        self.put(mix)

    def put(self, mix: Ints) -> None:
        """Looks at another mix."""
        self.mix = mix.copy()
        slots, days = len(self.problem.slots), len(self.days)
        self.slot_s = np.zeros((slots, days), np.int64)
        self.slot_amount = np.zeros((slots, days), np.int64)
        self.size_s = np.zeros(slots, np.int64)
        for place, option in enumerate(self.problem.options):
            on = self.mix == place
            for use in option.uses if on.any() else ():
                table = self.problem.tables[use.table]
                self.slot_s[use.slot] += table.day_s[on].sum(axis=0)
                self.slot_amount[use.slot] += table.day_amount[on].sum(axis=0)
                self.size_s[use.slot] += use.size_s[on].sum()
        self._beyond = self._over(self.slot_s, self.slot_amount, self.size_s)
        self._added: dict[tuple[int, int], Ints] = {}
        self._removed: dict[tuple[int, int], Ints] = {}

    def value(self) -> int:
        """What the mix costs, about."""
        return int(self.base[np.arange(len(self.mix)), self.mix].sum() + self._beyond.sum())

    def move(self, user: int, option: int) -> None:
        """Gives a user another option."""
        for sign, place in ((-1, int(self.mix[user])), (1, option)):
            for use in self.problem.options[place].uses:
                table = self.problem.tables[use.table]
                self.slot_s[use.slot] += sign * table.day_s[user]
                self.slot_amount[use.slot] += sign * table.day_amount[user]
                self.size_s[use.slot] += sign * use.size_s[user]
                self._forget(use.slot)
        self.mix[user] = option

    def _forget(self, slot: int) -> None:
        one = slice(slot, slot + 1)
        self._beyond[one] = self._over(self.slot_s[one], self.slot_amount[one], self.size_s[one])
        for known in (self._added, self._removed):
            for lane in [lane for lane in known if lane[0] == slot]:
                del known[lane]

    def deltas(self) -> Ints:
        """Users x options: micros that a move changes, about; NEVER where it may not be made or is none."""
        users = np.arange(len(self.mix))
        found: Ints = self.base - self.base[users, self.mix][:, None]
        for place, option in enumerate(self.problem.options):
            for use in option.uses:
                found[:, place] += self._with(use)
        for place, option in enumerate(self.problem.options):
            on = np.flatnonzero(self.mix == place)
            if len(on):
                for use in option.uses:
                    found[on] += self._without(use)[on][:, None]
                self._both(place, on, found)
        found[~self.problem.allowed] = NEVER
        found[users, self.mix] = NEVER
        return found

    def _with(self, use: Use) -> Ints:
        """What each user would change in a pool by coming to it."""
        lane = use.slot, use.table
        if lane not in self._added:
            self._added[lane] = self._changed(use.slot, ((1, use),), slice(None))
        return self._added[lane]

    def _without(self, use: Use) -> Ints:
        """What each user would change in a pool by leaving it."""
        lane = use.slot, use.table
        if lane not in self._removed:
            self._removed[lane] = self._changed(use.slot, ((-1, use),), slice(None))
        return self._removed[lane]

    def _both(self, place: int, on: Ints, found: Ints) -> None:
        """Moves between options that share a pool: leaving and coming are one change there."""
        own = {use.slot: use for use in self.problem.options[place].uses}
        for other, option in enumerate(self.problem.options):
            if other == place or not self.shared[place][other]:
                continue
            for use in option.uses:
                if use.slot in own:
                    change = self._changed(use.slot, ((-1, own[use.slot]), (1, use)), on)
                    found[on, other] += change - self._with(use)[on] - self._without(own[use.slot])[on]

    def _changed(self, slot: int, uses: Sequence[tuple[int, Use]], users: Ints | slice) -> Ints:
        tables = self.problem.tables
        slot_s = self.slot_s[slot] + sum(sign * tables[use.table].day_s[users] for sign, use in uses)
        amount = self.slot_amount[slot] + sum(
            sign * tables[use.table].day_amount[users] for sign, use in uses
        )
        size_s = self.size_s[slot] + sum(sign * use.size_s[users] for sign, use in uses)
        change: Ints = self._over(slot_s, amount, np.asarray(size_s, np.int64)) - self._beyond[slot]
        return change

    def _over(self, slot_s: Ints, amount: Ints, size_s: Ints) -> Ints:
        """What pools of these sizes do not pay: one value a row of days x rows."""
        self.looked += slot_s.size
        used = np.cumsum(slot_s, axis=-1)
        before = np.concatenate([np.zeros((*used.shape[:-1], 1), np.int64), used], axis=-1)[..., self.starts]
        used -= before[..., self.days]
        over = np.clip(used - size_s[..., None], 0, np.maximum(slot_s, 0))
        bits = int(amount.max(initial=1)).bit_length() + int(over.max(initial=1)).bit_length() - _PRODUCT_BITS
        shift = max(bits, 0)
        money: Ints = (amount * (over >> shift) // np.maximum(slot_s >> shift, 1)).sum(axis=-1)
        return money


def beginnings(problem: Problem, bounds: Bounds) -> list[Ints]:
    """Mixes to begin with: what users choose at good prices, everybody alike, thresholds, today's."""
    users = len(problem.holders)
    found = list(bounds.mixes[:BEGINNINGS])
    cheapest = np.where(problem.allowed, problem.base, NEVER).argmin(axis=1)
    found.append(cheapest)
    found += [np.where(problem.allowed[:, at], at, cheapest) for at in range(len(problem.options))]
    use = problem.base.max(axis=1) + sum(table.day_amount.sum(axis=1) for table in problem.tables)
    order = np.argsort(-use, kind="stable")
    plain = [at for at in range(len(problem.options)) if problem.allowed[:, at].any()]
    for share in (1, 2, 3):  # the heaviest quarter, half, three quarters on one option, the rest on another
        top = np.zeros(users, np.bool_)
        top[order[: users * share // 4]] = True
        for heavy in plain:
            for light in plain:
                if heavy != light and len(plain) <= BEGINNINGS * 2:
                    wanted = np.where(top, heavy, light)
                    ok = problem.allowed[np.arange(users), wanted]
                    found.append(np.where(ok, wanted, cheapest))
    found.append(as_today(problem))
    return list({mix.tobytes(): mix.astype(np.int64) for mix in found}.values())


def as_today(problem: Problem) -> Ints:
    """What users hold today; the cheapest option of those who hold none that they may."""
    cheapest = np.where(problem.allowed, problem.base, NEVER).argmin(axis=1)
    holds = problem.allowed[np.arange(len(problem.holders)), problem.now]
    found: Ints = np.where(holds, problem.now, cheapest)
    return found


def searched(problem: Problem, bounds: Bounds, effort: int = EFFORT) -> tuple[Ints, int]:
    """The best mix that is found and what it costs, exactly. The same input gives the same answer."""
    rough = Rough(problem, problem.now)
    rated = []
    for mix in beginnings(problem, bounds):
        rough.put(mix)
        rated.append((rough.value(), mix))
    rated.sort(key=lambda one: one[0])
    today = as_today(problem)
    best = today, cost(problem, today)
    for at, (_, mix) in enumerate(rated[:BEGINNINGS]):
        rough.put(mix)
        _improve(rough, rough.looked + (effort - rough.looked) // (BEGINNINGS - at))
        money = cost(problem, rough.mix)
        if money < best[1]:
            best = rough.mix.copy(), money
    return best


def _improve(rough: Rough, until: int) -> None:
    """Moves users while that saves, several at a time while that works, then two that save together."""
    many = max(1, len(rough.mix) // 32)
    while rough.looked < until:
        deltas = rough.deltas()
        if many > 1 and _moved_many(rough, deltas, many):
            continue
        many = 1
        user, option = divmod(int(deltas.argmin()), deltas.shape[1])
        if deltas[user, option] < 0:
            rough.move(user, option)
        elif not _moved_two(rough, deltas, until):
            return


def _moved_many(rough: Rough, deltas: Ints, many: int) -> bool:
    """Makes the best moves of many users at once; takes them back where half the saving does not come."""
    option = deltas.argmin(axis=1)
    worth = deltas[np.arange(len(option)), option]
    users = np.argsort(worth, kind="stable")[:many]
    users = users[worth[users] < 0]
    if len(users) < 2:
        return False
    before, mix = rough.value(), rough.mix.copy()
    wanted = mix.copy()
    wanted[users] = option[users]
    rough.put(wanted)
    if rough.value() - before <= int(worth[users].sum()) // 2:
        return True
    rough.put(mix)
    return False


def _moved_two(rough: Rough, deltas: Ints, until: int) -> bool:
    """Finds a move that saves together with a second one; makes both."""
    options = deltas.shape[1]
    for at in np.argsort(deltas, axis=None, kind="stable")[: _ahead(deltas)].tolist():
        user, option = divmod(at, options)
        if deltas[user, option] >= NEVER or rough.looked >= until:
            return False
        before = int(rough.mix[user])
        rough.move(user, option)
        second = rough.deltas()
        second[user] = NEVER
        other, becomes = divmod(int(second.argmin()), options)
        if deltas[user, option] + second[other, becomes] < 0:
            rough.move(other, becomes)
            return True
        rough.move(user, before)
    return False


def _ahead(deltas: Ints) -> int:
    """All first moves of a small group, a few of a large one."""
    return deltas.size if deltas.size <= AHEAD * AHEAD else AHEAD


def fewer_changes(problem: Problem, mix: Ints, money: int, effort: int = EFFORT // 8) -> Ints:
    """The mix with users back on what they hold today where that costs no more.

    Where the engine has to say what mixes cost, that is too slow to be asked for.
    """
    if problem.several.any():
        return mix
    rough = Rough(problem, mix)
    while rough.looked < effort:
        changed = np.flatnonzero(rough.mix != problem.now)
        back = rough.deltas()[changed, problem.now[changed]]
        changed = changed[back <= 0]
        if not len(changed):
            break
        kept = rough.mix.copy()
        for user in changed[:1].tolist():
            rough.move(user, int(problem.now[user]))
        if cost(problem, rough.mix) > money:
            return _swapped_back(problem, kept, money)
    return _swapped_back(problem, rough.mix, money)


def _swapped_back(problem: Problem, mix: Ints, money: int) -> Ints:
    """Two users who would trade options keep theirs, where that costs no more."""
    allowed = problem.allowed[np.arange(len(mix)), problem.now]
    changed = np.flatnonzero((mix != problem.now) & allowed)
    by_trade: dict[tuple[int, int], list[int]] = {}
    for user in changed.tolist():
        by_trade.setdefault((int(problem.now[user]), int(mix[user])), []).append(user)
    for (was, becomes), users in by_trade.items():
        others = by_trade.get((becomes, was), ()) if was < becomes else ()
        mix = _traded(problem, mix, money, list(zip(users, others, strict=False)))
    return mix


def _traded(problem: Problem, mix: Ints, money: int, pairs: Sequence[tuple[int, int]]) -> Ints:
    """All pairs back if that costs no more, else each half of them, a few times."""
    waiting = [list(pairs)] if pairs else []
    for _ in range(AHEAD):
        if not waiting:
            break
        some = waiting.pop(0)
        tried = mix.copy()
        users = [user for pair in some for user in pair]
        tried[users] = problem.now[users]
        if cost(problem, tried) <= money:
            mix = tried
        elif len(some) > 1:
            waiting += [some[: len(some) // 2], some[len(some) // 2 :]]
    return mix
