"""The demo tenant is a tenant file without a fault, and its dates move with the month."""

import re
from collections import Counter
from pathlib import Path

import pytest

from talktime.accounts.tenant import MOSA
from talktime.accounts.tenant_file import read_tenant
from talktime.catalog.load import load_catalogue
from talktime.core.limits import NEVER_US
from talktime.demo.days import MonthError
from talktime.demo.tenant import demo_tenant_text, write_demo_tenant
from tests.demo.month import demo_tenant


def test_the_tenant_has_what_the_demo_shows() -> None:
    tenant = demo_tenant()
    assert 40 <= len(tenant.users) <= 45
    assert len({user.location for user in tenant.users}) >= 8
    assert [account.agreement for account in tenant.billing_accounts] == [MOSA]
    assert len(tenant.purchases) == 2
    assert tenant.auto_recharge.enabled
    assert tenant.auto_recharge.cap_per_month_micros is not None
    assert {cap.scope for cap in tenant.caps} == {"cost_centre", "tenant"}
    assert any(user.cap_per_month_micros is not None for user in tenant.users)
    services = Counter((number.service, number.kind) for number in tenant.service_numbers)
    assert services.keys() >= {
        ("conferencing_bridge", "toll"),
        ("conferencing_bridge", "toll_free"),
        ("auto_attendant", "toll_free"),
        ("call_queue", "toll_free"),
    }


def test_every_plan_of_the_catalogue_is_held_by_somebody() -> None:
    tenant = demo_tenant()
    held = {licence.plan for user in tenant.users for licence in user.licences}
    held |= {licence.plan for number in tenant.service_numbers for licence in number.licences}
    assert held == set(load_catalogue().plans)


def test_names_and_addresses_belong_to_nobody() -> None:
    tenant = demo_tenant()
    assert all(user.upn.endswith("@contoso.example") for user in tenant.users)
    assert len({user.name for user in tenant.users}) == len(tenant.users)
    assert all(user.cost_centre for user in tenant.users)


def test_numbers_have_the_country_of_their_holder() -> None:
    catalogue = load_catalogue()
    for user in demo_tenant().users:
        assert [catalogue.number(number[1:]).country for number in user.numbers] == [user.location], user.upn
    for service in demo_tenant().service_numbers:
        assert (catalogue.number(service.number[1:]).kind == "toll_free") == (service.kind == "toll_free")


@pytest.mark.parametrize(("month", "first", "change"), [
    ("2026-03", "2025-03-05", "2026-03-16"),
    ("2028-02", "2027-02-05", "2028-02-16"),
    ("2026-01", "2025-01-05", "2026-01-16"),
    ("2025-12", "2024-12-05", "2025-12-16"),
])  # fmt: skip
def test_dates_move_with_the_month(month: str, first: str, change: str, tmp_path: Path) -> None:
    catalogue = load_catalogue()
    tenant = write_demo_tenant(tmp_path / "tenant.toml", catalogue, month=month)
    assert tenant == read_tenant(tmp_path / "tenant.toml", catalogue)
    dates = re.findall(r'"(\d{4}-\d\d-\d\d)T', demo_tenant_text(month))
    assert dates[0] == first
    assert dates[2:] == [change, change]
    changing = [
        user for user in tenant.users if any(licence.until_us < NEVER_US for licence in user.licences)
    ]
    assert len(changing) == 1


def test_what_is_no_month_is_refused() -> None:
    with pytest.raises(MonthError, match="2026-3"):
        demo_tenant_text("2026-3")
