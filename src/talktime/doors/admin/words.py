"""How amounts, instants and figures are written for people: a tenant's currency and its time zone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

_SECONDS_A_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Words:
    """The writing of one tenant: `currency` by ISO 4217, `zone` by its IANA name."""

    currency: str = ""
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))

    def money(self, amount: Decimal | None, currency: str = "") -> Markup:
        """An amount with its currency, as exact as it is: USD 1,234.50; an em dash for None."""
        if amount is None:
            return Markup("—")
        code = currency or self.currency
        return Markup('<span class="tt-money"><span class="tt-currency">{}</span>&nbsp;{}</span>').format(
            code, plain_amount(amount)
        )

    def when(self, instant: datetime | None) -> Markup:
        """An instant in the tenant's zone, with UTC on hover; an em dash for None."""
        if instant is None:
            return Markup("—")
        here = instant.astimezone(self.zone)
        return _time(instant, f"{here.day} {here:%b %Y, %H:%M}")

    def day(self, instant: datetime | None) -> Markup:
        """The day of an instant in the tenant's zone, with the instant in UTC on hover."""
        if instant is None:
            return Markup("—")
        here = instant.astimezone(self.zone)
        return _time(instant, f"{here.day} {here:%b %Y}")

    def local(self, instant: datetime) -> datetime:
        """An instant on the tenant's clocks."""
        return instant.astimezone(self.zone)

    def midnight(self, day: date) -> datetime:
        """When a day of the tenant begins."""
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)

    def today(self) -> date:
        """The date on the tenant's clocks."""
        return datetime.now(self.zone).date()


def plain_amount(amount: Decimal) -> str:
    """1,234.50: at least two places after the point, more where they are not nought."""
    whole, _, cents = f"{amount:,f}".partition(".")
    return f"{whole}.{cents.rstrip('0').ljust(2, '0')}"


def minutes(seconds: int) -> str:
    """Seconds as minutes and seconds: 12:05, 1,440:00."""
    whole, rest = divmod(seconds, _SECONDS_A_MINUTE)
    return f"{whole:,}:{rest:02d}"


def count(number: int) -> str:
    """12,345."""
    return f"{number:,}"


def span(length: timedelta) -> str:
    """About how long: 3 days, 5 hours, 12 minutes; rounded down, "less than a minute" below one."""
    whole_minutes = int(length.total_seconds()) // _SECONDS_A_MINUTE
    for size, word in ((1_440, "day"), (60, "hour"), (1, "minute")):
        if whole_minutes >= size:
            number = whole_minutes // size
            return f"{number} {word}" if number == 1 else f"{number:,} {word}s"
    return "less than a minute"


def _time(instant: datetime, shown: str) -> Markup:
    utc = instant.astimezone(UTC)
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        utc.isoformat(), f"{utc:%Y-%m-%d %H:%M:%S}", escape(shown)
    )
