"""Lots along a line of spending: drawn in their order, and what is left of them forfeited at their day.

The one rule by which the forecast, its course, amounts to buy and rules that are tried spend money that
expires. Any integer amounts, days since 1970; nothing is divided.
"""

from collections.abc import Iterable
from typing import NamedTuple


class Lot(NamedTuple):
    """Money that may be drawn until the day before `expires_day`."""

    left: int
    expires_day: int


def beyond_debt(left: Iterable[int], owed: int) -> list[int]:
    """What lots hold beyond what is owed, which is their first draw (rulings.md 16)."""
    found = []
    for amount in left:
        repaid = max(min(owed, amount), 0)
        owed -= repaid
        found.append(amount - repaid)
    return found


class Purse:
    """Lots of which something is left. They may expire in another order than they are drawn."""

    def __init__(self, lots: Iterable[Lot]) -> None:
        self._lots: list[list[int]] = []
        self._head = 0
        self._next_day = 0
        self.balance = 0
        for lot in lots:
            self.add(lot.left, lot.expires_day)

    def add(self, amount: int, expires_day: int) -> None:
        """Opens another lot, behind the others; one that holds nothing is none."""
        if amount <= 0:
            return
        self._next_day = expires_day if not self.balance else min(self._next_day, expires_day)
        self._lots.append([amount, expires_day])
        self.balance += amount

    def expire(self, day: int) -> int:
        """Forfeits what is left in lots that end by a day, and says how much that is."""
        if not self.balance or day < self._next_day:
            return 0
        kept = [lot for lot in self._lots[self._head :] if lot[1] > day and lot[0]]
        left = sum(lot[0] for lot in kept)
        gone, self.balance = self.balance - left, left
        self._lots, self._head = kept, 0
        self._next_day = min((lot[1] for lot in kept), default=0)
        return gone

    def pay(self, amount: int) -> int:
        """Draws an amount and returns what the lots do not pay of it; below 0 nothing is drawn."""
        amount = max(amount, 0)
        due = amount - min(amount, self.balance)
        amount -= due
        self.balance -= amount
        while amount:
            lot = self._lots[self._head]
            drawn = min(lot[0], amount)
            lot[0] -= drawn
            amount -= drawn
            self._head += not lot[0]
        return due
