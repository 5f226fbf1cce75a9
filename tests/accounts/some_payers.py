"""A tenant of two users and a service number whose licences come and go."""

from talktime.accounts.payers import payers_of
from talktime.accounts.tenant import Licence, ServiceNumber, Tenant, User
from talktime.catalog.load import load_catalogue
from talktime.core.limits import US_PER_S

_DAY_US = 86_400 * US_PER_S
MARCH, APRIL, MAY = 20_513 * _DAY_US, 20_544 * _DAY_US, 20_574 * _DAY_US
"""The first days of three months of 2026, UTC."""

ANA = User(
    "Ana@T", "1", location="US", licences=(Licence("A"), Licence("B", MARCH, MAY), Licence("A", APRIL))
)
BOB = User("bob@t", "ana@t", location="US")
DESK = ServiceNumber("+442079460123", "toll", licences=(Licence("C"),))
PAYERS = payers_of(Tenant("t", "T", "US", "USD", users=(ANA, BOB), service_numbers=(DESK,)), load_catalogue())
