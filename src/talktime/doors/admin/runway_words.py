"""How long the credits last, in the words of the pages: until about when, and what that rests on."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from talktime.doors.admin.words import count

if TYPE_CHECKING:
    from talktime.client.management.answers_money import Runway

LITTLE_DAYS: Final = 42
"""With fewer days than six weeks the band is wide for want of them."""

LATER: Final = "over three years"


def days_left(runway: Runway) -> str:
    """`About 12 days`; `12 days` where all cases agree; what there is to say where no end is in sight."""
    low, likely, high = runway.days_low, runway.days_expected, runway.days_high
    if low is None:
        return "No end in sight" if runway.from_days else "Not enough to tell"
    if likely is None:
        return f"{count(low)} days or more"
    days = f"{count(likely)} {'day' if likely == 1 else 'days'}"
    return days if low == likely == high else f"About {days}"


def until(runway: Runway, today: date) -> str:
    """`until about 12 May, between 3 May and 24 May`; where nothing is known, why."""
    low, likely, high = runway.days_low, runway.days_expected, runway.days_high
    if low is None:
        return "" if runway.from_days else "Nothing was spent on the last full days."
    if low == likely == high:
        return f"until {_when(today, low)}"
    if likely is None:
        return f"until {_when(today, low)} or later"
    return f"until about {_when(today, likely)}, between {_when(today, low)} and {_when(today, high)}"


def ground(runway: Runway) -> list[str]:
    """What the forecast rests on: growth, days that were left out, how little is known."""
    found = []
    if runway.growth_percent is not None:
        way = "grows" if runway.growth_percent > 0 else "shrinks"
        found.append(f"Spending {way} by {abs(runway.growth_percent)} % a month.")
    if runway.left_out:
        days = "1 day" if len(runway.left_out) == 1 else f"{count(len(runway.left_out))} days"
        do = "does" if len(runway.left_out) == 1 else "do"
        found.append(f"{days} without any cost, where there usually is some, {do} not count.")
    if 0 < runway.from_days < LITTLE_DAYS:
        known = "one day is" if runway.from_days == 1 else f"{count(runway.from_days)} days are"
        found.append(f"The band is wide because only {known} known.")
    return found


def _when(today: date, days: int | None) -> str:
    if days is None:
        return LATER
    day = today + timedelta(days=days)
    return f"{day.day} {day:%B}" if day.year == today.year else f"{day.day} {day:%B %Y}"
