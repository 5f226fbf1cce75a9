"""Some tenants side by side: made into the customers and the setting of a run in a line."""

from __future__ import annotations

from talktime.accounts.funding_terms import Terms
from talktime.accounts.tenant import Tenant
from talktime.bulk.customers import Customers, customers_of
from talktime.bulk.setting import Setting
from talktime.catalog.load import load_catalogue
from talktime.core.deck import Deck, RateBook
from tests.bulk.charged import deck

POST_USAGE = Terms(is_mca=False, behind=True, licence_asked=False, post_usage_off=False)


def customers(*tenants: Tenant) -> Customers:
    """The tenants, numbered in this order; post-usage stands behind their credits."""
    return customers_of(((tenant, POST_USAGE) for tenant in tenants), load_catalogue())


def setting(*tenants: Tenant, prices: Deck | None = None) -> Setting:
    """What a run over these tenants rates with."""
    return Setting(load_catalogue(), RateBook(prices or deck()), customers(*tenants))
