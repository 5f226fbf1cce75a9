"""What is usual of a day: which days were an outage, what a weekday has of a week, what a month's days weigh.

Amounts of days without gaps, any integers (micros, seconds); days counted since 1970. Shares and factors are
millionths. Pure integers; every division says its rounding.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

MILLION: Final = 1_000_000
WEEK: Final = 7
LEAST_DAYS: Final = 14
"""With fewer days of data nothing is said of weekdays, and no spread is known."""

BINS: Final = 6
_BIN_DAYS: Final = 5
_LEAST_MONTHS: Final = 2
_LEAST_OTHERS: Final = 3
_FLAT: Final = 50

_TO_MARCH: Final = 719_468  # days from 1 March of year 0 to 1 January 1970
_DAYS_400_YEARS: Final = 146_097
_DAYS_100_YEARS: Final = 36_524
_DAYS_4_YEARS: Final = 1_461
_DAYS_YEAR: Final = 365
_DAYS_5_MONTHS: Final = 153
"""From March on months have 31, 30, 31, 30 and 31 days, over and over; a leap day is the last of a year."""


def day_in_month(day: int) -> int:
    """1 to 31, of a day since 1970 in the Gregorian calendar. All divisions round down."""
    of_era = (day + _TO_MARCH) % _DAYS_400_YEARS
    leaps = of_era // (_DAYS_4_YEARS - 1) - of_era // _DAYS_100_YEARS + of_era // (_DAYS_400_YEARS - 1)
    year = (of_era - leaps) // _DAYS_YEAR
    of_year = of_era - (_DAYS_YEAR * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // _DAYS_5_MONTHS
    return of_year - (_DAYS_5_MONTHS * month + 2) // 5 + 1


def weekday_of(day: int) -> int:
    """0 for Monday: 1 January 1970 was a Thursday."""
    return (day + 3) % WEEK


def left_out(amounts: Sequence[int], first_day: int) -> tuple[int, ...]:
    """The days of outages, oldest first: empty where at least 4 of 5 of the same weekdays have something.

    A run of empty days is weighed as one, by the weekdays outside it, of which there have to be 3; so a
    missing month is found, and an empty weekend of an office is none. What is empty at the beginning is no
    outage, nor what a month begins with where others do as well: included minutes are not used up yet. More
    than two empty weeks at the end are none either: what was seen may be over.
    """
    seen, had = [0] * WEEK, [0] * WEEK
    for at, amount in enumerate(amounts):
        seen[weekday_of(first_day + at)] += 1
        had[weekday_of(first_day + at)] += amount != 0
    found: list[int] = []
    for begin, end in _runs(amounts):
        is_over = end == len(amounts) and end - begin > LEAST_DAYS
        if begin == 0 or is_over or _as_others_begin(amounts, first_day, begin, end):
            continue
        within = [0] * WEEK
        for at in range(begin, end):
            within[weekday_of(first_day + at)] += 1
        for at in range(begin, end):
            name = weekday_of(first_day + at)
            others = seen[name] - within[name]
            if others >= _LEAST_OTHERS and 5 * had[name] >= 4 * others:
                found.append(first_day + at)
    return tuple(found)


def _runs(amounts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """[begin, end) of each run of days without anything."""
    begin = -1
    for at, amount in enumerate((*amounts, 1)):
        if amount == 0 and begin < 0:
            begin = at
        elif amount != 0 and begin >= 0:
            yield begin, at
            begin = -1


def _as_others_begin(amounts: Sequence[int], first_day: int, begin: int, end: int) -> bool:
    """Whether a run is what a month begins with, and half of the other months begin so (3 days)."""
    firsts = [at for at in range(len(amounts) - 2) if day_in_month(first_day + at) == 1]
    own = [at for at in firsts if at < end and begin <= at + 2]
    others = [at for at in firsts if at not in own]
    empty = sum(not any(amounts[at : at + 3]) for at in others)
    return bool(own and others) and 2 * empty >= len(others)


def weekday_shares(amounts: Sequence[int], first_day: int, out: Collection[int]) -> tuple[int, ...]:
    """What each weekday has of a week in millionths, Monday first, sum 1,000,000: means of the counted days.

    Flat where fewer than LEAST_DAYS count: a weekday that was not seen is as those that were. Shares are
    rounded down; what is left goes to the greatest rests. Corrections can make a mean negative: it counts 0.
    """
    sums, counts = [0] * WEEK, [0] * WEEK
    for at, amount in enumerate(amounts):
        if first_day + at not in out:
            sums[weekday_of(first_day + at)] += amount
            counts[weekday_of(first_day + at)] += 1
    scale = 1
    for count in counts:
        scale *= count or 1
    if sum(counts) < LEAST_DAYS:
        return shares_of([1] * WEEK)
    return shares_of(
        [max(paid, 0) * (scale // count) if count else 0 for paid, count in zip(sums, counts, strict=True)]
    )


def shares_of(parts: Sequence[int]) -> tuple[int, ...]:
    """Parts -> millionths that sum to a million: rounded down, the rest to the greatest remainders."""
    whole = sum(parts)
    if whole <= 0:
        return shares_of([1] * len(parts))
    found = [part * MILLION // whole for part in parts]
    rests = sorted(range(len(parts)), key=lambda at: (-(parts[at] * MILLION % whole), at))
    for at in rests[: MILLION - sum(found)]:
        found[at] += 1
    return tuple(found)


def month_shape(
    amounts: Sequence[int], first_day: int, out: Collection[int], weekday: Sequence[int]
) -> tuple[int, ...]:
    """A factor in millionths for each of the days 1 to 31 of a month; () where a month has no shape.

    Sixths of about five days, from full calendar months. They are used only where each month is told at least
    a tenth better by the others' shape than without one (the sum of errors of the sixths), and where that
    error is more than a fiftieth of a month: months that are all but flat have none.
    """
    months = [month for month in _full_months(amounts, first_day, out, weekday) if month[0] > 0]
    if len(months) < _LEAST_MONTHS:
        return ()
    plain = shaped = 0
    for at, month in enumerate(months):
        factors = _factors([*months[:at], *months[at + 1 :]])
        plain += _error(month, [MILLION] * BINS)
        shaped += _error(month, factors)
    if _FLAT * plain <= len(months) * MILLION or 10 * shaped > 9 * plain:
        return ()
    factors = _factors(months)
    return tuple(factors[bin_of(number)] for number in range(1, 32))


def bin_of(day_number: int) -> int:
    """The sixth that a day of the month lies in; the last has what is left."""
    return min((day_number - 1) // _BIN_DAYS, BINS - 1)


_Month = tuple[int, list[int], list[int]]
"""What a month had in all; what each sixth had, and the weekday shares of its days."""


def _full_months(
    amounts: Sequence[int], first_day: int, out: Collection[int], weekday: Sequence[int]
) -> Iterator[_Month]:
    """The calendar months that lie wholly within the days and of which at least half the days count."""
    had, weight, counted, is_whole = [0] * BINS, [0] * BINS, 0, False
    for at in range(len(amounts) + 1):
        day = first_day + at
        number = day_in_month(day)
        if number == 1:
            if is_whole and counted >= LEAST_DAYS:
                yield sum(had), had, weight
            had, weight, counted, is_whole = [0] * BINS, [0] * BINS, 0, True
        if at < len(amounts) and day not in out:
            had[bin_of(number)] += amounts[at]
            weight[bin_of(number)] += weekday[weekday_of(day)]
            counted += 1


def _factors(months: Iterable[_Month]) -> list[int]:
    """Millionths for each sixth: its part of what was had against its part of the weights, each month as one.

    Rounded half up; all sixths together weigh as much as without.
    """
    parts, counts = [0] * BINS, [0] * BINS
    for whole, had, weight in months:
        for at in range(BINS):
            if weight[at]:
                parts[at] += max(had[at], 0) * MILLION * sum(weight) // (whole * weight[at])
                counts[at] += 1
    means = [part // count if count else MILLION for part, count in zip(parts, counts, strict=True)]
    whole = sum(means)
    return (
        [(2 * mean * BINS * MILLION + whole) // (2 * whole) for mean in means] if whole else [MILLION] * BINS
    )


def _error(month: _Month, factors: Sequence[int]) -> int:
    """How far factors are from the sixths of a month whose whole is known: its millionths, rounded down."""
    whole, had, weight = month
    told = [share * factor for share, factor in zip(weight, factors, strict=True)]
    if not sum(told):
        return MILLION
    miss = sum(abs(one * sum(told) - whole * part) for one, part in zip(had, told, strict=True))
    return miss * MILLION // (whole * sum(told))
