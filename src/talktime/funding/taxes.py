"""Tax lines of papers: which country's tax, at which rate, or why none is asked for.

A customer at home pays the seller's tax; one in the same group of countries with a tax id accounts for it
itself, without one it pays its own country's; one outside is not taxed by us (rulings.md 30).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Final, NamedTuple

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


class Gone(NamedTuple):
    """What of a paper has gone back, or is on its way: micros of its net, and of each of its tax lines."""

    net: int
    taxes: tuple[int, ...] = ()

    def and_also(self, net: int, taxes: Sequence[int]) -> Gone:
        """Both together."""
        return Gone(self.net + net, summed(self.taxes, taxes))


def part_of(lines: Sequence[TaxLine], net_micros: int, gone: Gone, currency: str) -> tuple[TaxLine, ...]:
    """The tax lines that go back with `net_micros` of a paper, of which `gone` went back already.

    At the rates of that paper, whatever they are today. Each is what is due back in all, rounded half up,
    less what really went: so parts never pass the tax of the paper, and all of them together are that tax.
    """
    unit = minor_unit_micros(currency)
    after = gone.net + net_micros
    parts = []
    for line, went in zip(lines, _each(gone.taxes, lines), strict=True):
        due = _half_up(after, line.rate_ppm, _WHOLE_PPM * unit) * unit
        due = line.tax if after >= line.net else min(due, line.tax)
        parts.append(msgspec.structs.replace(line, net=net_micros, tax=max(due - went, 0)))
    return tuple(parts)


def part_with_tax(
    lines: Sequence[TaxLine], net_micros: int, tax_micros: int, gone: Gone, currency: str
) -> tuple[TaxLine, ...]:
    """`part_of` where somebody else has said what went back with its tax: these lines come to `tax_micros`.

    It is at most what is left of all lines.
    """
    parts = part_of(lines, net_micros, gone, currency)
    more = tax_micros - tax_sum(parts)
    exact = []
    for line, part, went in zip(lines, parts, _each(gone.taxes, lines), strict=True):
        moved = max(-part.tax, min(more, line.tax - went - part.tax))
        more -= moved
        exact.append(msgspec.structs.replace(part, tax=part.tax + moved))
    return tuple(exact)


def tax_each(lines: Sequence[TaxLine], sign: int = 1) -> tuple[int, ...]:
    """The tax of each line, in micros; `sign` -1 to take it off."""
    return tuple(sign * line.tax for line in lines)


def summed(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    """Line by line; a line that is missing is 0."""
    return tuple(map(sum, zip_longest(one, other, fillvalue=0)))


def tax_sum(lines: Sequence[TaxLine]) -> int:
    """The tax of all lines, in micros."""
    return sum(line.tax for line in lines)


def _each(taxes: Sequence[int], lines: Sequence[TaxLine]) -> tuple[int, ...]:
    return summed(taxes, [0] * len(lines))


def _taxed(rate: TaxRate, net_micros: int, currency: str) -> TaxLine:
    unit = minor_unit_micros(currency)
    tax = _half_up(net_micros, rate.rate_ppm, _WHOLE_PPM * unit) * unit
    return TaxLine(rate.name, rate.country, rate.rate_ppm, net_micros, tax)


def _half_up(amount: int, times: int, divisor: int) -> int:
    """Amount x times / divisor, halves away from zero."""
    rounded = round_div(abs(amount) * times, divisor, HALF_UP)
    return -rounded if amount < 0 else rounded
