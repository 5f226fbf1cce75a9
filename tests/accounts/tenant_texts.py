"""Pieces of tenant files that tests put together, and how tests read them."""

from pathlib import Path

import pytest

from talktime.accounts.tenant import Tenant
from talktime.accounts.tenant_file import TenantFileError, read_tenant
from talktime.catalog.load import load_catalogue

CONTOSO = """
[tenant]
id = "contoso"
name = "Contoso Ltd"
country = "US"
currency = "USD"
time_zone = "America/New_York"
default_billing_account = "direct"

[[billing_accounts]]
id = "direct"
agreement = "MOSA"
country = "US"
post_usage_enabled = true

[[billing_accounts]]
id = "new"
agreement = "MCA"
post_usage_enabled = false

[[licences]]
plan = "MCOPSTN1"
purchased = 100
billing_account = "direct"

[[licences]]
plan = "MCOMEETADD"
purchased = 5
billing_account = "new"
from = 2026-01-01T00:00:00Z
until = "2027-01-01T00:00:00+01:00"

[[users]]
upn = "ana@contoso.example"
id = "0a1b"
name = "Ana"
location = "US"
licences = ["MCOEV", { plan = "MCOPSTN1", until = 2026-03-01 }, { plan = "MCOPSTN2", from = "2026-03-01" }]
numbers = ["+1 (425) 555-0100", "tel:+14255550101", "(425) 555-0102"]
cost_centre = "Sales"
cap_per_month = "50"
policies = ["conferencing_zone_a", "calls_domestic"]

[[users]]
upn = "bob@contoso.example"

[[service_numbers]]
number = "+18005550100"
kind = "toll_free"
service = "auto_attendant"
licences = ["MCOEV_VIRTUALUSER"]
cost_centre = "Support"

[[service_numbers]]
number = "+14255550199"
kind = "toll"

[[purchases]]
at = "2026-03-01T00:00:00Z"
amount = "50"

[[purchases]]
at = 2026-06-01T00:00:00-04:00
amount = 100

[auto_recharge]
enabled = true
below = "100"
add = "200.50"
cap_per_month = "1000"

[[caps]]
scope = "user"
id = "BOB@contoso.example"
amount = "0"

[[caps]]
scope = "cost_centre"
id = "Support"
amount = "12.345678"

[[caps]]
scope = "tenant"
amount = "500"

[guards]
concurrent_calls = 40
concurrent_calls_per_user = 2
longest_call_s = 14_400
dear_money_an_hour = "20"
dear_money_an_hour_per_user = "2.50"
dear_countries = ["CU", "SO", "CU"]
barred_prefixes = ["+1900", "882", "1900"]
"""


TENANT = '[tenant]\nid = "c"\ncountry = "US"\ncurrency = "USD"\n'
USER = '[[users]]\nupn = "bob@x"\n'
SERVICE = '[[service_numbers]]\nnumber = "+18005550100"\nkind = "toll_free"\n'
PURCHASE = "[[purchases]]\nat = 2026-03-01\n"
RECHARGE = '[auto_recharge]\nenabled = true\nbelow = "100"\nadd = "200"\n'
ACCOUNT = '[[billing_accounts]]\nid = "direct"\nagreement = "MOSA"\n'
GUARDS = "[guards]\n"
CAP = '[[caps]]\nscope = "user"\nid = "bob@x"\n'


def holder(number: int, licences: str) -> str:
    return f'[[users]]\nupn = "u{number}@x"\nlicences = [{licences}]\n'


def bought(plan: str, purchased: int, more: str = "") -> str:
    return f'[[licences]]\nplan = "{plan}"\npurchased = {purchased}\n{more}\n'


def read(folder: Path, text: str) -> Tenant:
    path = folder / "tenant.toml"
    path.write_text(text, "utf-8")
    return read_tenant(path, load_catalogue())


def faults(folder: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(TenantFileError) as caught:
        read(folder, text)
    return caught.value.faults
