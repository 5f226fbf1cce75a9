"""Longest prefix of a number, by one look into sorted ranges.

Each prefix of digits is a range of 15-digit numbers; nested ranges are cut so that every number lies in
one, owned by its longest prefix. A number with hidden or missing digits walks up to the parents that its
visible digits decide (domain.md 3, rulings.md 9).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from talktime.core.limits import MAX_NUMBER_DIGITS

NO_PREFIX: Final = -1


@dataclass(frozen=True, slots=True)
class PrefixTable:
    """Sorted disjoint ranges over 15-digit keys, and the tree of the prefixes behind them.

    `starts[i]` is the first key of range i, `owners[i]` the number of the prefix that owns it or
    NO_PREFIX. `lengths` and `parents` are by prefix number, in the order given to `prefix_table`.
    """

    prefixes: tuple[str, ...]
    starts: tuple[int, ...]
    owners: tuple[int, ...]
    lengths: tuple[int, ...]
    parents: tuple[int, ...]

    def find(self, digits: str) -> int:
        """The number of the longest prefix that these visible digits decide, or NO_PREFIX."""
        digits = digits[:MAX_NUMBER_DIGITS]
        if not digits:
            return NO_PREFIX
        at = bisect_right(self.starts, key_of(digits)) - 1
        return self._at_most(self.owners[at] if at >= 0 else NO_PREFIX, len(digits))

    def possible(self, digits: str, hidden: int = MAX_NUMBER_DIGITS) -> set[int]:
        """Every prefix that could be the longest once the `hidden` digits after these are known."""
        most = len(digits) + hidden
        if not digits:
            return {self._at_most(owner, most) for owner in self.owners}
        first = max(bisect_right(self.starts, key_of(digits)) - 1, 0)
        after = bisect_left(self.starts, end_of(digits))
        return {self._at_most(owner, most) for owner in self.owners[first:after]} or {NO_PREFIX}

    def _at_most(self, owner: int, length: int) -> int:
        """A prefix, or the longest of its parents that has no more digits."""
        while owner != NO_PREFIX and self.lengths[owner] > length:
            owner = self.parents[owner]
        return owner


def key_of(digits: str) -> int:
    """The smallest 15-digit number that begins with these digits."""
    return int(digits.ljust(MAX_NUMBER_DIGITS, "0"))


def end_of(digits: str) -> int:
    """The number after the largest 15-digit number that begins with these digits."""
    return int(f"{int(digits) + 1}{'0' * (MAX_NUMBER_DIGITS - len(digits))}")


def prefix_table(prefixes: Sequence[str]) -> PrefixTable:
    """Builds the table. `prefixes` are distinct strings of 1 to 15 digits, without plus."""
    parents = [NO_PREFIX] * len(prefixes)
    starts: list[int] = [0]
    owners: list[int] = [NO_PREFIX]

    def cut(at: int, owner: int) -> None:
        if starts[-1] == at:
            owners[-1] = owner
        elif owners[-1] != owner:
            starts.append(at)
            owners.append(owner)

    open_prefixes: list[int] = []
    for number in sorted(range(len(prefixes)), key=lambda n: prefixes[n]):
        while open_prefixes and not prefixes[number].startswith(prefixes[open_prefixes[-1]]):
            closed = open_prefixes.pop()
            cut(end_of(prefixes[closed]), open_prefixes[-1] if open_prefixes else NO_PREFIX)
        parents[number] = open_prefixes[-1] if open_prefixes else NO_PREFIX
        cut(key_of(prefixes[number]), number)
        open_prefixes.append(number)
    while open_prefixes:
        closed = open_prefixes.pop()
        cut(end_of(prefixes[closed]), open_prefixes[-1] if open_prefixes else NO_PREFIX)
    lengths = tuple(len(prefix) for prefix in prefixes)
    return PrefixTable(tuple(prefixes), tuple(starts), tuple(owners), lengths, tuple(parents))
