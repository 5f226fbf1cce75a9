"""When somebody is warned: levels that were crossed, days that the money lasts, days until something ends.

Told once per crossing, armed again by recovery, late rather than never (domain.md 10, rulings.md 31).
How long money lasts is what the forecast says. Money in micros, days since 1970, instants in microseconds.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

from talktime.core.forecast import EDGE, Fit, Lot, fit, growth_percent, lasts
from talktime.core.limits import US_PER_S
from talktime.core.money import HALF_UP, ceil_div, round_div

LONG_DAYS: Final = 28
SHORT_DAYS: Final = 7
"""The burn rate is that of so many full days before today (rulings.md 31)."""

HISTORY_DAYS: Final = 182
"""The forecast is made from so many full days before today: 26 weeks."""

LOT_DAYS: Final = (60, 30, 7)
"""So many days before a lot expires somebody is warned (domain.md 10)."""

CARD_DAYS: Final = (30, 7)
"""So many days before a card expires somebody is warned (recharge.md 9)."""

DAY_US: Final = 86_400 * US_PER_S


class Runway(NamedTuple):
    """How fast money is spent and how long it lasts: micros a day, full days; None: no end in sight.

    `burn_*` and `days_*` of 28 and 7 days are what was. `days_low` to `days_high` is the forecast: in one
    case of ten money ends before the first, in one after the last. It was made from `from_days` days, without
    those in `left_out`; `growth` in hundredths of a percent a month, None where none is certain.
    """

    burn_28: int
    burn_7: int
    days_28: int | None
    days_7: int | None
    days_low: int | None = None
    days_expected: int | None = None
    days_high: int | None = None
    growth: int | None = None
    from_days: int = 0
    left_out: tuple[int, ...] = ()

    @property
    def shortest(self) -> int | None:
        """The cautious edge of the forecast in days; None where no end is in sight."""
        return self.days_low


def is_below(available: int, level: int) -> int:
    """1 where less than a level is there: strictly, as a recharge is triggered; a level that is met is not.

    It is told when this turns to 1, whatever was before (a level that is set too late still speaks), and
    again only after it was 0.
    """
    return 1 if available < level else 0


def fit_of(days: Iterable[tuple[int, int]], today: int) -> Fit | None:
    """[(day, micros paid)] -> what the HISTORY_DAYS before today say, from the first with a row on.

    Days without a row between are 0; None where nothing was paid.
    """
    paid: dict[int, int] = {}
    for day, micros in days:
        if today - HISTORY_DAYS <= day < today:
            paid[day] = paid.get(day, 0) + micros
    if not paid:
        return None
    first_day = min(paid)
    return fit([paid.get(day, 0) for day in range(first_day, today)], first_day)


def runway(days: Sequence[tuple[int, int]], balance: int, today: int, lots: Sequence[Lot]) -> Runway:
    """[(day, micros paid)] -> how long `balance` lasts; today itself is not full and counts nothing.

    `lots` are what the balance is made of, in the order in which they are drawn; what expires is lost. Burn a
    day is rounded half up, days are rounded down. Days without a row count 0; corrections can make a day
    negative, and a burn of 0 or less ends nothing. Nothing left lasts 0 days.
    """
    known = fit_of(days, today)
    ends = lasts(known, lots if balance > 0 else (), today, EDGE)
    paid_28 = paid_7 = 0
    for day, paid in days:
        if today - LONG_DAYS <= day < today:
            paid_28 += paid
            if day >= today - SHORT_DAYS:
                paid_7 += paid
    return Runway(
        burn_a_day(paid_28, LONG_DAYS),
        burn_a_day(paid_7, SHORT_DAYS),
        lasts_days(balance, paid_28, LONG_DAYS),
        lasts_days(balance, paid_7, SHORT_DAYS),
        *ends,
        growth_percent(known) if known and known.slope else None,
        known.days if known else 0,
        known.left_out if known else (),
    )


def burn_a_day(paid: int, days: int) -> int:
    """Micros a day, rounded half up; 0 where corrections took back as much as was paid."""
    return round_div(paid, days, HALF_UP) if paid > 0 else 0


def lasts_days(balance: int, paid: int, days: int) -> int | None:
    """Full days that `balance` lasts if `paid` went in `days`, rounded down; None: no end in sight."""
    if paid <= 0:
        return None
    return max(balance, 0) * days // paid


def is_short(days: int | None, limit_days: int, was_told: int) -> int:
    """1 while a runway is short. It recovers a day above the limit, so that it does not flicker."""
    if days is None or limit_days <= 0:
        return 0
    return 1 if days < limit_days + (1 if was_told else 0) else 0


def days_until(then_us: int, now_us: int) -> int:
    """Days to an instant, a started one counted whole; 0 or less once it has passed."""
    return ceil_div(then_us - now_us, DAY_US)


def due(
    ends: Iterable[tuple[str, int]], now_us: int, told: Collection[tuple[str, int]], marks: Sequence[int]
) -> list[tuple[str, int]]:
    """[(id, instant of its end)] -> [(id, mark)] that have to be told now; `told` holds those that were.

    Of several marks that have passed only the nearest to the end is told: what is seen for the first time
    with five days to go is not told three times. What has ended is not warned of.
    """
    found = []
    for name, end_us in ends:
        left_us = end_us - now_us
        passed = [mark for mark in marks if 0 < left_us <= mark * DAY_US]
        if passed and (name, min(passed)) not in told:
            found.append((name, min(passed)))
    return found
