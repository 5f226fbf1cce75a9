"""The calendar at the edge: billing months and twelve months on, as integers for the core.

The core has no time zones. Months are counted from January of year 0; a local time that a clock skips moves
on by what it skips, one that occurs twice is the earlier (domain.md 2 and 6, rulings.md 16).
"""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


def to_us(at: datetime) -> int:
    """An aware datetime -> microseconds since 1970."""
    return (at - _EPOCH) // _US


def to_utc(at_us: int) -> datetime:
    """Microseconds since 1970 -> datetime in UTC."""
    return _EPOCH + timedelta(microseconds=at_us)


@lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name. Raises ValueError naming it if there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"time zone {name!r} is unknown; use an IANA name such as Europe/London") from None


def month_of(at_us: int, time_zone: str) -> int:
    """The billing month of an instant: year * 12 + month - 1 in local time."""
    local = to_utc(at_us).astimezone(zone(time_zone))
    return local.year * 12 + local.month - 1


def month_start_us(month: int, time_zone: str) -> int:
    """The instant at which a billing month begins."""
    local = datetime(month // 12, month % 12 + 1, 1)  # noqa: DTZ001 - made aware in the next line
    return to_us(_instant_of(local, time_zone))


def day_of(at_us: int, time_zone: str) -> int:
    """The local day of an instant: days since 1970-01-01."""
    return (to_utc(at_us).astimezone(zone(time_zone)).date() - _EPOCH.date()).days


def day_start_us(day: int, time_zone: str) -> int:
    """The instant at which a local day begins."""
    local = datetime(1970, 1, 1) + timedelta(days=day)  # noqa: DTZ001 - made aware in the next line
    return to_us(_instant_of(local, time_zone))


def month_name(month: int) -> str:
    """`"2026-03"`."""
    return f"{month // 12:04}-{month % 12 + 1:02}"


def day_name(day: int) -> str:
    """`"2026-03-01"` of the days since 1970-01-01."""
    return (_EPOCH.date() + timedelta(days=day)).isoformat()


def twelve_months_on_us(at_us: int, time_zone: str) -> int:
    """The same local wall-clock time 12 calendar months later; 29 February -> 28 February (domain.md 6)."""
    local = to_utc(at_us).astimezone(zone(time_zone))
    day = min(local.day, monthrange(local.year + 1, local.month)[1])
    return to_us(_instant_of(local.replace(year=local.year + 1, day=day, tzinfo=None, fold=0), time_zone))


def local_minute(time_zone: str, at_us: int) -> tuple[int, int]:
    """(weekday, Monday = 0; minute of the day) of an instant in a time zone."""
    local = to_utc(at_us).astimezone(zone(time_zone))
    return local.weekday(), local.hour * 60 + local.minute


def _instant_of(local: datetime, time_zone: str) -> datetime:
    """A local time as an instant: one in a gap is read with the offset before it, in a fold the earlier.

    So 01:30 on a night that skips from 01:00 to 02:00 is 02:30 (docs/decisions/0003, as RFC 5545 has it).
    """
    return local.replace(tzinfo=zone(time_zone), fold=0).astimezone(UTC)
