"""Amounts as Stripe counts them: mostly the smallest coin of ISO 4217, and not for a few currencies.

The exceptions are data (stripe_amounts.toml). What cannot be said exactly is refused before money moves.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from talktime.catalog.load import CatalogueError
from talktime.catalog.side import load_currencies
from talktime.core.money import HALF_UP, round_div


@dataclass(frozen=True, slots=True)
class StripeAmounts:
    """Decimals by currency where they differ from ISO 4217, and what has to hold of an amount."""

    coins: Mapping[str, int]
    decimals: Mapping[str, int]
    whole_tens: frozenset[str]
    not_charged: frozenset[str]

    def to_stripe(self, amount_minor: int, currency: str) -> int:
        """Smallest coins -> Stripe's units, exactly. Raises ValueError with a sentence."""
        if currency in self.not_charged:
            raise ValueError(
                f"Payments in {currency} are not made through Stripe: its unit there is not certain."
            )
        coin, unit = self._scales(currency)
        amount, rest = divmod(amount_minor * unit, coin)
        if rest or (currency in self.whole_tens and amount % 10):
            raise ValueError(
                f"Stripe takes no such fraction of {currency}; round the amount to a larger coin."
            )
        return amount

    def from_stripe(self, amount: int, currency: str) -> int:
        """Stripe's units -> smallest coins; a fraction of a coin, seen in disputes only, rounds half up."""
        coin, unit = self._scales(currency)
        return round_div(amount * coin, unit, HALF_UP)

    def _scales(self, currency: str) -> tuple[int, int]:
        """How many smallest coins, and how many of Stripe's units, make one of the currency."""
        if currency not in self.coins:
            raise ValueError(f"{currency!r} is no currency that we know.")
        coins = self.coins[currency]
        return int(10**coins), int(10 ** self.decimals.get(currency, coins))


def read_stripe_amounts(
    text: str, coins: Mapping[str, int], file: str = "stripe_amounts.toml"
) -> StripeAmounts:
    """stripe_amounts.toml and the decimals of each coin -> StripeAmounts. Raises CatalogueError."""
    try:
        top = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{file}: not TOML: {error}") from None
    if set(top) != {"decimals", "whole_tens", "not_charged"}:
        raise CatalogueError(f"{file}: needs [decimals], [whole_tens] and [not_charged], and nothing else")
    decimals = {
        code: int(places) for places, codes in top["decimals"].items() for code in _codes(file, codes, coins)
    }
    return StripeAmounts(
        coins,
        decimals,
        frozenset(_codes(file, top["whole_tens"]["currencies"], coins)),
        frozenset(_codes(file, top["not_charged"]["currencies"], coins)),
    )


def _codes(file: str, codes: Any, coins: Mapping[str, int]) -> list[str]:
    for code in codes:
        if code not in coins:
            raise CatalogueError(f"{file}: {code!r} stands in no row of currencies.toml")
    return list(codes)


@cache
def load_stripe_amounts() -> StripeAmounts:
    """The shipped table."""
    path = resources.files("talktime.catalog").joinpath("data", "stripe_amounts.toml")
    return read_stripe_amounts(path.read_text("utf-8"), load_currencies().minor_units)
