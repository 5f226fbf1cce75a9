"""Which limits a call has, and whose they are (rulings.md 18; interfaces.md, The tenant file)."""

import pytest

from talktime.accounts.payers import NOBODY, payers_of
from talktime.accounts.spend_caps import CapLimits, cap_limits
from talktime.accounts.tenant import Cap, ServiceNumber, Tenant, User
from talktime.catalog.load import load_catalogue

ANA, BOB, EVE, DESK, BARE = range(5)
USERS = (
    User("Ana@T", cost_centre="Sales", cap_per_month_micros=50),
    User("bob@t", cost_centre="Labs"),
    User("eve@t"),
)
SERVICES = (
    ServiceNumber("+18005550100", "toll_free", cost_centre="Desk"),
    ServiceNumber("+18005550101", "toll"),
)


def held(*caps: Cap) -> CapLimits:
    who = Tenant("t", "T", "US", "USD", users=USERS, service_numbers=SERVICES, caps=caps)
    return cap_limits(who, payers_of(who, load_catalogue()))


@pytest.mark.parametrize(
    ("caps", "limits"),
    [
        ((), [50, None, None]),
        ((Cap("user", "ana@t", 70),), [50, None, None]),  # the least of several
        ((Cap("user", "ANA@T", 30), Cap("user", "bob@t", 0)), [30, 0, None]),
        ((Cap("user", "eve@t", 9), Cap("user", "EVE@t", 8), Cap("user", "eve@t", 10)), [50, None, 8]),
        ((Cap("cost_centre", "Sales", 1), Cap("tenant", "t", 1)), [50, None, None]),
    ],
)
def test_the_limit_of_a_user(caps: tuple[Cap, ...], limits: list[int | None]) -> None:
    found = held(*caps)
    assert [found.user_limit(payer) for payer in (ANA, BOB, EVE)] == limits
    assert found.user_limit(NOBODY) is None


@pytest.mark.parametrize(
    ("user", "service", "centre"),
    [
        (ANA, NOBODY, "Sales"),
        (ANA, DESK, "Desk"),  # the service number's comes first
        (ANA, BARE, "Sales"),  # it has none
        (EVE, BARE, ""),
        (EVE, DESK, "Desk"),
        (NOBODY, DESK, "Desk"),
        (NOBODY, NOBODY, ""),
    ],
)
def test_the_cost_centre_of_a_call(user: int, service: int, centre: str) -> None:
    assert held().centre_of(user, service) == centre


def test_the_limit_of_a_cost_centre_is_the_least_of_its_caps() -> None:
    found = held(
        Cap("cost_centre", "Sales", 20), Cap("cost_centre", "Sales", 10), Cap("cost_centre", "Desk", 0)
    )
    centres = ("Sales", "Desk", "Labs", "sales", "")
    assert [found.centre_limit(centre) for centre in centres] == [10, 0, None, None, None]


def test_the_limit_of_the_tenant_is_the_least_of_its_caps() -> None:
    assert held(Cap("user", "eve@t", 1)).tenant_limit is None
    assert held(Cap("tenant", "t", 20)).tenant_limit == 20
    assert held(Cap("tenant", "t", 20), Cap("tenant", "t", 0)).tenant_limit == 0
