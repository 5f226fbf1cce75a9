"""Tax lines of papers: which country's tax, at which rate, or why none is asked for.

A customer at home pays the seller's tax; one in the same group of countries with a tax id accounts for it
itself, without one it pays its own country's; one outside is not taxed by us (rulings.md 30).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from talktime.catalog.side import load_currencies
from talktime.catalog.taxes import TaxRate, load_taxes
from talktime.core.money import HALF_UP, MICROS_PLACES, round_div

_WHOLE_PPM: Final = 1_000_000


class Seller(msgspec.Struct, frozen=True):
    """Who sells: the installation's own name and address as they stand on papers; `country` "" for no tax."""

    name: str = ""
    address: tuple[str, ...] = ()
    country: str = ""
    tax_id: str = ""


class TaxLine(msgspec.Struct, frozen=True):
    """A tax on a paper: `rate_ppm` millionths of `net`; `net` and `tax` in micros; `note` where it is 0."""

    name: str
    country: str
    rate_ppm: int
    net: int
    tax: int
    note: str = ""


def minor_unit_micros(currency: str) -> int:
    """The currency's smallest coin in micros. Raises ValueError for an unknown currency."""
    places = load_currencies().minor_units.get(currency)
    if places is None:
        raise ValueError(f"currency {currency!r} is unknown; use an ISO 4217 code such as EUR")
    return int(10 ** (MICROS_PLACES - places))


def to_minor(micros: int, currency: str) -> int:
    """Micros rounded half up to the currency's smallest coin, in micros; -0.005 is -0.01 as 0.005 is 0.01."""
    unit = minor_unit_micros(currency)
    return _half_up(micros, 1, unit) * unit


def tax_lines(
    net_micros: int, currency: str, seller: Seller, buyer_country: str, buyer_tax_id: str
) -> tuple[TaxLine, ...]:
    """The tax on a net amount, rounded half up to the currency's smallest coin; below 0 as above it.

    None where the seller names no country or one without a rate. A buyer without a country is at home.
    """
    taxes = load_taxes()
    home = taxes.rates.get(seller.country)
    if home is None or not net_micros:
        return ()
    buyer = buyer_country or seller.country
    if buyer == seller.country:
        return (_taxed(home, net_micros, currency),)
    group = taxes.shared(seller.country, buyer)
    if group is None:
        note = f"Supplied to a customer outside {home.country}: not subject to its {home.name}."
        return (TaxLine(home.name, home.country, 0, net_micros, 0, note),)
    away = taxes.rates[buyer]
    if buyer_tax_id.strip():
        return (TaxLine(away.name, away.country, 0, net_micros, 0, group.note),)
    return (_taxed(away, net_micros, currency),)


def part_of(
    lines: Sequence[TaxLine], net_micros: int, before_micros: int, currency: str
) -> tuple[TaxLine, ...]:
    """The tax lines that go back with `net_micros` of a paper, after `before_micros` of it went back already.

    At the rates of that paper, whatever they are today. Each is what is due back in all, rounded half up,
    less what went back before: so the tax of all parts is the tax of the paper.
    """
    unit = minor_unit_micros(currency)
    parts = []
    for line in lines:
        after = _half_up(before_micros + net_micros, line.rate_ppm, _WHOLE_PPM * unit) * unit
        before = _half_up(before_micros, line.rate_ppm, _WHOLE_PPM * unit) * unit
        parts.append(msgspec.structs.replace(line, net=net_micros, tax=after - before))
    return tuple(parts)


def tax_sum(lines: Sequence[TaxLine]) -> int:
    """The tax of all lines, in micros."""
    return sum(line.tax for line in lines)


def _taxed(rate: TaxRate, net_micros: int, currency: str) -> TaxLine:
    unit = minor_unit_micros(currency)
    tax = _half_up(net_micros, rate.rate_ppm, _WHOLE_PPM * unit) * unit
    return TaxLine(rate.name, rate.country, rate.rate_ppm, net_micros, tax)


def _half_up(amount: int, times: int, divisor: int) -> int:
    """Amount x times / divisor, halves away from zero."""
    rounded = round_div(abs(amount) * times, divisor, HALF_UP)
    return -rounded if amount < 0 else rounded
