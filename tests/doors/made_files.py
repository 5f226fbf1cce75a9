"""Small usage files and decks as text, for tests that are about a few calls."""

from collections.abc import Mapping
from typing import Final

from tests.files.usage_samples import CALLING_PLANS_25, call, table

UK: Final = "+442071838750"
FRANCE: Final = "+33140000000"
NOON: Final = "2026-03-02T12:00:00Z"

PRICES: Final = {"44": "0.02", "33": "0.05", "1": "0.01"}
"""Prefix -> price a minute, far from those of the shipped sample."""


def leg(id_: str, start: str = NOON, seconds: int = 60, callee: str = UK, **columns: str) -> dict[str, str]:
    """An outgoing call of Ana in the US to London; `Call_Type` names the column `Call Type`."""
    told = {"UsageId": id_, "Call_ID": f"call-{id_}", "Start_Time": start, "End_Time": "", "Charge": "0"}
    return call(**told | {"Duration_Seconds": str(seconds), "Destination_Number": callee} | columns)


def usage(*legs: Mapping[str, str]) -> str:
    """A Calling Plans export with 25 columns."""
    return table(CALLING_PLANS_25, *legs)


def deck(
    prices: Mapping[str, str] = PRICES, *, first: int = 60, step: int = 60, currency: str = "USD"
) -> str:
    """A deck in our own format."""
    rows = [f"{prefix},{price},{first},{step},{currency}" for prefix, price in prices.items()]
    header = "prefix,price_per_minute,first_seconds,step_seconds,currency"
    return "\n".join(["# name = made", header, *rows, ""])


def toml(country: str = "US", currency: str = "USD") -> str:
    """The beginning of a tenant file."""
    return f'[tenant]\nid = "contoso"\ncountry = "{country}"\ncurrency = "{currency}"\n'


def licence(plan: str, purchased: int) -> str:
    """An entry of a tenant file: what was bought."""
    return f'[[licences]]\nplan = "{plan}"\npurchased = {purchased}\n'


def user(upn: str, *plans: str, location: str = "US") -> str:
    """An entry of a tenant file: a user and the codes of the licences."""
    return f'[[users]]\nupn = "{upn}"\nlocation = "{location}"\nlicences = {list(plans)}\n'


def purchase(at: str, amount: str) -> str:
    """An entry of a tenant file: a lot."""
    return f'[[purchases]]\nat = "{at}"\namount = "{amount}"\n'
