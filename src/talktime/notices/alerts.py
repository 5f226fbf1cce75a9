"""What has to be warned of before it happens: money that runs out, lots and cards that expire.

Pure: what stands is given, what has to be told comes back. The integer rules are `core.alerts`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Protocol

from talktime.accounts.calendar import day_of, month_start_us
from talktime.core.alerts import CARD_DAYS, LOT_DAYS, Runway, due, runway
from talktime.core.purse import Lot as Purse
from talktime.core.purse import beyond_debt

if TYPE_CHECKING:
    from talktime.accounts.tenant import PaymentMethod
    from talktime.ledger.records import Lot

__all__ = [
    "Runway",
    "card_end_us",
    "card_name",
    "cards_due",
    "lots_due",
    "purses",
    "runway_of",
]


class Expires(Protocol):
    """A lot, however it was read: micros that are left, and the instant at which they are lost."""

    @property
    def left(self) -> int: ...
    @property
    def expires_us(self) -> int: ...


def runway_of(
    days: Sequence[tuple[int, int]], balance: int, lots: Iterable[Expires], now_us: int, time_zone: str
) -> Runway:
    """How long a wallet lasts. `days`: [(local day, micros paid)] of the full days before today.

    `balance` is what the lots hold, less what is owed.
    """
    held = tuple(lots)
    owed = sum(lot.left for lot in held) - balance
    return runway(days, balance, day_of(now_us, time_zone), purses(held, time_zone, owed))


def purses(lots: Iterable[Expires], time_zone: str, owed: int = 0) -> list[Purse]:
    """Lots in their order as the forecast draws them: the local day of their expiry is not full any more.

    What is `owed` (overdraft) is taken from them first; lots that hold nothing are left out.
    """
    held = tuple(lots)
    left = beyond_debt((lot.left for lot in held), owed)
    return [
        Purse(micros, day_of(lot.expires_us, time_zone))
        for lot, micros in zip(held, left, strict=True)
        if micros > 0
    ]


def lots_due(lots: Iterable[Lot], now_us: int, told: Collection[tuple[int, int]]) -> list[tuple[Lot, int]]:
    """[(lot, days)] that have to be warned of now, 60, 30 or 7 days before they expire.

    `told`: (lot, days) that were. Empty lots lose nothing.
    """
    holding = {str(lot.lot): lot for lot in lots if lot.left > 0}
    known = {(str(lot), days) for lot, days in told}
    found = due([(name, lot.expires_us) for name, lot in holding.items()], now_us, known, LOT_DAYS)
    return [(holding[name], days) for name, days in found]


def cards_due(
    methods: Iterable[PaymentMethod], now_us: int, time_zone: str, told: Collection[tuple[str, int]]
) -> list[tuple[PaymentMethod, int]]:
    """[(card, days)] that have to be warned of now, 30 or 7 days before they expire (recharge.md 9).

    `told`: (`card_name`, days) that were: a card that was renewed under the same id is another one.
    """
    known = {card_name(method): method for method in methods if card_end_us(method, time_zone) is not None}
    ends = [(name, card_end_us(method, time_zone) or 0) for name, method in known.items()]
    return [(known[name], days) for name, days in due(ends, now_us, told, CARD_DAYS)]


def card_name(method: PaymentMethod) -> str:
    """A card and its expiry: what a warning is about."""
    return f"{method.id}/{method.expires}"


def card_end_us(method: PaymentMethod, time_zone: str) -> int | None:
    """The instant after the last month of a card, in a time zone; None where it has no expiry."""
    try:
        last = date.fromisoformat(f"{method.expires}-01")
    except ValueError:
        return None
    return month_start_us(last.year * 12 + last.month, time_zone)
