"""What calls cost this month against the same full days of the month before.

Today is not over, so it is in the sum of the month and in no comparison; a month that has no such day (the
31st of February) gives the days that it has. A call belongs to the day of its start (domain.md 2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from talktime.accounts.calendar import day_of, month_start_us
from talktime.core.money import HALF_UP, round_div

if TYPE_CHECKING:
    from collections.abc import Sequence


class SpendPace(NamedTuple):
    """Micros: `spent` in this month until now, of it `spent_full` on its `full_days` before today.

    `before_same`: on as many days of the month before; `before`: on all of it.
    """

    month: int
    full_days: int
    spent: int
    spent_full: int
    before_same: int
    before: int

    @property
    def more_percent(self) -> int | None:
        """How much more was spent than on the same days before, in percent, below 0 for less.

        The amount is rounded half up to whole percent; None where there is nothing to compare with.
        """
        if not self.full_days or self.before_same <= 0:
            return None
        more = self.spent_full - self.before_same
        percent = round_div(abs(more) * 100, self.before_same, HALF_UP)
        return percent if more > 0 else -percent


def spend_pace(days: Sequence[tuple[int, int]], month: int, now_us: int, time_zone: str) -> SpendPace:
    """`days`: [(local day, micros paid)] from the first day of the month before on."""
    start, begun = (day_of(month_start_us(each, time_zone), time_zone) for each in (month, month - 1))
    today = day_of(now_us, time_zone)
    full = today - start

    def paid(low: int, high: int) -> int:
        return sum(micros for day, micros in days if low <= day < high)

    return SpendPace(
        month,
        full,
        paid(start, today + 1),
        paid(start, today),
        paid(begun, min(begun + full, start)),
        paid(begun, start),
    )
