"""How the pages of the planner write things: estimates by the cent, months and days as people say them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from markupsafe import Markup
from nicegui import ui

from talktime.catalog.countries import country_name
from talktime.catalog.overview import category_name
from talktime.doors.admin.kit.show import Cell, badge, more
from talktime.doors.admin.report_columns import country_words
from talktime.doors.admin.words import plain_amount

if TYPE_CHECKING:
    from talktime.client.management.answers_plan import Plan, PlanPrice
    from talktime.doors.admin.visit import Visit

CENT: Final = Decimal("0.01")

MOST_SAID: Final = 8
"""Sentences of one part that stand open; what is more is folded."""

WEIGHTS: Final[Mapping[str, Markup]] = {
    "good": badge("fine", "good"),
    "note": badge("to know"),
    "caution": badge("less sure", "warning"),
    "cannot": badge("no answer", "error"),
}

FAMILIES: Final[Mapping[str, str]] = {"calling": "Calling plans", "conferencing": "Audio Conferencing"}
"""Families of plans by their ids; another one is its own name."""


def about(amount: Decimal) -> str:
    """An estimate: 1,234.50; rounded half up to cents."""
    return plain_amount(amount.quantize(CENT, ROUND_HALF_UP))


def month_words(month: str) -> str:
    """2026-02 -> Feb 2026; what is none is its own name."""
    try:
        return f"{date.fromisoformat(f'{month}-01'):%b %Y}"
    except ValueError:
        return month


def day_words(day: str) -> str:
    """2026-02-03 -> 3 Feb 2026; what is none is its own name."""
    try:
        found = date.fromisoformat(day)
    except ValueError:
        return day
    return f"{found.day} {found:%b %Y}"


def short_day(day: str) -> str:
    """2026-02-03 -> 3 Feb, for the axis of a chart."""
    found = date.fromisoformat(day)
    return f"{found.day} {found:%b}"


def day_after(day: str, days: int) -> str:
    """The day so many days later, as people say it."""
    return day_words((date.fromisoformat(day) + timedelta(days=days)).isoformat())


def tested_words(what: str) -> str:
    """A month or the week that begins on a day."""
    return f"week of {day_words(what)}" if len(what) > len("2026-02") else month_words(what)


def key_words(by: str, key: str, others: int) -> str:
    """What a line of a grouping is about."""
    if others:
        return f"{others:,} others"
    if by == "category":
        return category_name(key)
    if by == "country":
        return country_words(key)
    if by == "month":
        return month_words(key)
    return key or "—"


def owner_words(owner: str) -> str:
    """Who shares a pool: a country's users, somebody, or all."""
    if not owner:
        return "the organisation"
    return f"{country_name(owner)} ({owner})" if len(owner) == len("US") and owner.isupper() else owner


def plans_words(plans: Sequence[str]) -> str:
    """Plans that are held together."""
    return " + ".join(plans) or "no plan"


def saving(now: Decimal, best: Decimal) -> Cell:
    """What is cheaper, as a badge; a dash where nothing is."""
    return badge(about(now - best), "good") if best < now else "—"


def price_words(price: PlanPrice, currency: str) -> str:
    """The hint at a licence's price: which plan it is, and who holds it."""
    held = f", held by {price.holders:,}" if price.holders else ""
    none = f"; no sample price in {currency}" if price.price is None else ""
    return f"{price.name}{held}{none}"


def download(at: Visit, asked: Plan, what: str) -> str:
    """The address of a file that is made of an answer: workbook, changes."""
    return f"/download/tenants/{quote(at.tenant_id, safe='')}/plans/{quote(asked.id, safe='')}/{what}"


@contextmanager
def figures() -> Iterator[None]:
    """Large figures side by side."""
    with ui.element("div").classes("tt-row tt-figures"):
        yield


def sentences(says: Sequence[str], most: int = MOST_SAID) -> None:
    """What a part says in words, a line each; the first few stand open, the others are folded."""
    if says:
        ui.html(_list(says[:most]), sanitize=False).classes("tt-block")
    if len(says) > most:
        more(f"{len(says) - most} more", _list(says[most:]))


def _list(says: Sequence[str]) -> Markup:
    lines = Markup("").join(Markup("<li>{}</li>").format(_sentence(one)) for one in says)
    return Markup('<ul class="tt-list">{}</ul>').format(lines)


def _sentence(said: str) -> str:
    shown = said[:1].upper() + said[1:]
    return shown if shown.endswith((".", "!", "?")) else f"{shown}."
