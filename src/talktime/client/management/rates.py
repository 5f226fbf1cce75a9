"""What calls cost a tenant: a number, a country; and the plans that the catalogue knows."""

from __future__ import annotations

from datetime import datetime

from talktime.client.management.answers_rates import (
    CountryPrefixes,
    CountryRatesList,
    NumberRates,
    Plan,
)
from talktime.client.management.described import Part, S, Sent, asks
from talktime.client.management.readers import Under, Values
from talktime.client.pages import Place


class Rates(Part[S]):
    """What the deck in force for a tenant says."""

    @asks("GET", "/v1/tenants/{tenant}/rates", Values(NumberRates))
    def of_number(self, number: str, *, at: datetime | None = None) -> Sent:
        """Every rate that may price a number for a call that begins at an instant (None: now)."""
        return Sent(query={"number": number, "at": at})

    @asks("GET", "/v1/tenants/{tenant}/rates/countries", Values(CountryRatesList))
    def countries(
        self, *, search: str = "", at: datetime | None = None, limit: int = 100, cursor: Place = ""
    ) -> Sent:
        """Countries with their lowest and highest price, by a part of a name, a code or dialled digits."""
        return Sent(query={"search": search, "at": at, "limit": limit, "cursor": cursor})

    @asks("GET", "/v1/tenants/{tenant}/rates/countries/{country}", Values(CountryPrefixes))
    def of_country(
        self, country: str, *, at: datetime | None = None, limit: int = 100, cursor: Place = ""
    ) -> Sent:
        """The rates of a country by prefix."""
        return Sent(names={"country": country}, query={"at": at, "limit": limit, "cursor": cursor})


class Plans(Part[S]):
    """What licences give."""

    @asks("GET", "/v1/plans", Under("plans", Plan))
    def all(self) -> Sent:
        """The plans: the minutes of a licence, who shares them, and what it needs beside it."""
        return Sent()
