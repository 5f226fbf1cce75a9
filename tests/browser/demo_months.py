"""What stands in the ledger of the browser tests: months of made-up usage, rated, for two organisations.

Contoso is that of `talktime demo` with more people, in the last month and this one up to an hour ago;
fabrikam is small, billed under MCA, and has one month more, so that a month can be closed on any day.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from talktime.accounts.tenant_file import read_tenant
from talktime.catalog.load import load_catalogue
from talktime.demo.generate import generate
from talktime.demo.tenant import demo_tenant_text
from talktime.demo.write import write_calling_plans_csv

HOUR_US: Final = 3_600_000_000
CALLS: Final = 4_000
"""Contoso's in two whole months; what has not happened yet falls away."""

FABRIKAM_CALLS: Final = 150

COLLEAGUES: Final = (
    "Aino Virtanen, Bo Lindqvist, Carla Esposito, Dinesh Rao, Erin Fitzgerald, Fabio Conti, Greta Nowak,"
    " Hugo Santos, Imke Vos, Jalen Brooks, Kaya Tekin, Lena Hofmann, Mateo Cruz, Nadia Petrova, Owen Price,"
    " Pia Sandberg, Remy Dubois, Sofia Marino"
).split(", ")
"""People beside the 42 of the demo: they hold a plan and telephone at home."""

ADMINISTRATORS: Final = {
    "global": "global_administrator",
    "billing": "billing_administrator",
    "teams": "teams_administrator",
    "helpdesk": "helpdesk_administrator",
    "license": "license_administrator",
    "both": "billing_administrator",
}
"""Contoso's: the first part of the UPN -> the role. `both` looks after fabrikam, too."""


@dataclass(frozen=True, slots=True)
class Months:
    """Two months in a row as text, `2026-10` and `2026-11`, and the one before them."""

    earlier: str
    last: str
    this: str


def months_now() -> Months:
    """The months that the tests speak of, in UTC."""
    today = datetime.now(UTC)
    number = today.year * 12 + today.month - 1
    return Months(*(f"{at // 12:04}-{at % 12 + 1:02}" for at in (number - 2, number - 1, number)))


def write_contoso(folder: Path, months: Months, calls: int) -> tuple[Path, Path]:
    """The tenant file and the usage of two months; returns where they are."""
    text = demo_tenant_text(months.last) + _more_users() + _administrators() + ALERTS
    return _written(folder, "contoso", text, calls, months.last, 2)


def write_fabrikam(folder: Path, months: Months) -> tuple[Path, Path]:
    """The tenant file and the usage of three months."""
    return _written(folder, "fabrikam", FABRIKAM, FABRIKAM_CALLS, months.earlier, 3)


def _written(folder: Path, name: str, text: str, calls: int, month: str, months: int) -> tuple[Path, Path]:
    catalogue = load_catalogue()
    tenant_file, usage = folder / f"{name}.toml", folder / f"{name}.csv"
    tenant_file.write_text(text, "utf-8")
    tenant = read_tenant(tenant_file, catalogue)
    lately_us = time.time_ns() // 1_000 - HOUR_US
    rows = generate(tenant, catalogue, calls=calls, seed=1, month=month, months=months)
    write_calling_plans_csv([row for row in rows if row.end_us < lately_us], usage)
    return tenant_file, usage


def _more_users() -> str:
    lines = []
    for at, name in enumerate(COLLEAGUES):
        upn = f"{name.lower().replace(' ', '.')}@contoso.example"
        lines += [
            "\n[[users]]",
            f'upn = "{upn}"',
            f'name = "{name}"',
            'location = "US"',
            'licences = ["MCOPSTNC"]',
            f'numbers = ["+142555502{at:02}"]',
            f'cost_centre = "{("Sales", "Support", "Engineering")[at % 3]}"',
        ]
    return "\n".join(lines) + "\n"


def _administrators() -> str:
    return "".join(
        f'\n[[administrators]]\nupn = "{name}@contoso.example"\nname = "{name.title()} of Contoso"\n'
        f'roles = ["{role}"]\n'
        for name, role in ADMINISTRATORS.items()
    )


ALERTS: Final = """
[alerts]
low = ["150", "100", "20"]
runway_days = 7
"""

FABRIKAM: Final = """
[tenant]
id = "fabrikam"
name = "Fabrikam Inc"
country = "US"
currency = "USD"
time_zone = "America/New_York"
default_billing_account = "agreement"

[[billing_accounts]]
id = "agreement"
agreement = "MCA"
country = "US"
post_usage_enabled = true
name = "Fabrikam Inc"
address = ["1 Sample Avenue", "Springfield"]

[[licences]]
plan = "MCOPSTN1"
purchased = 6
billing_account = "agreement"

[[licences]]
plan = "MCOPSTNC"
purchased = 6
billing_account = "agreement"

[[users]]
upn = "abe@fabrikam.example"
name = "Abe Coleman"
licences = ["MCOPSTN1", "MCOPSTNC"]
numbers = ["+12125550101"]

[[users]]
upn = "bea@fabrikam.example"
name = "Bea Lowell"
licences = ["MCOPSTN1", "MCOPSTNC"]
numbers = ["+12125550102"]

[[users]]
upn = "cyd@fabrikam.example"
name = "Cyd Moran"
licences = ["MCOPSTNC"]
numbers = ["+12125550103"]

[[administrators]]
upn = "global@fabrikam.example"
name = "Gil of Fabrikam"
roles = ["global_administrator"]

[[administrators]]
upn = "both@contoso.example"
name = "Both"
roles = ["global_administrator"]
"""

NORTHWIND: Final[dict[str, Any]] = {
    "tenant": {"id": "northwind", "name": "Northwind Traders", "country": "US", "currency": "USD"},
    "administrators": [
        {"upn": "global@northwind.example", "name": "Nora", "roles": ["global_administrator"]}
    ],
}
"""Nobody has done anything there yet: no account, no licence, no user."""

ADATUM: Final[dict[str, Any]] = {
    "tenant": {
        "id": "adatum",
        "name": "A. Datum Corporation",
        "country": "US",
        "currency": "USD",
        "time_zone": "America/Los_Angeles",
        "default_billing_account": "partner",
    },
    "billing_accounts": [{"id": "partner", "agreement": "CSP", "country": "US"}],
    "licences": [{"plan": "MCOPSTN1", "purchased": 2, "billing_account": "partner"}],
    "users": [{"upn": "una@adatum.example", "name": "Una", "licences": ["MCOPSTN1"]}],
    "administrators": [{"upn": "global@adatum.example", "roles": ["global_administrator"]}],
}
"""A customer of a partner."""

SCRIPT: Final = "<script>document.title='ran'</script><img src=x onerror=\"document.title='ran'\">"
"""If a page lets this in, its title becomes `ran`."""

LONG: Final = "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz " * 3
ACCOUNT: Final = "the-account-of-the-holding-for-everything-that-is-billed-anywhere-at-any-time-to-anybody"


def others() -> tuple[dict[str, Any], ...]:
    """The organisations that have no usage."""
    return NORTHWIND, ADATUM, wingtip()


def wingtip() -> dict[str, Any]:
    """Names as long as they may be, and some that are programs."""
    users = [
        {
            "upn": f"{'a-very-long-name-' * 3}{at}@a.subsidiary.with.a.long.domain.wingtip.example",
            "name": f"{LONG[:190]}{at}" if at % 2 else f"{SCRIPT}{at}",
            "cost_centre": f"{LONG[:60]}{at}" if at % 2 else SCRIPT,
            "licences": ["MCOPSTN1", "MCOPSTNC"],
            "numbers": [f"+142555503{at:02}"],
        }
        for at in range(6)
    ]
    return {
        "tenant": {
            "id": "wingtip",
            "name": f"Wingtip {SCRIPT} {LONG}"[:200],
            "country": "US",
            "currency": "USD",
            "time_zone": "America/Argentina/ComodRivadavia",
            "default_billing_account": ACCOUNT,
        },
        "billing_accounts": [{"id": ACCOUNT, "agreement": "MOSA", "name": SCRIPT}],
        "licences": [
            {
                "plan": plan,
                "purchased": 1_000_000,
                "billing_account": ACCOUNT,
            }
            for plan in ("MCOPSTN1", "MCOPSTNC")
        ],
        "users": users,
        "purchases": [{"at": f"{months_now().this}-01T00:00:00Z", "amount": "98765432.12"}],
        "caps": [{"scope": "cost_centre", "id": SCRIPT, "amount": "999999999.99"}],
        "administrators": [
            {
                "upn": "global@wingtip.example",
                "name": f"{SCRIPT} {LONG}"[:200],
                "roles": ["global_administrator"],
            }
        ],
    }


DECK: Final = f"""\
# name = {SCRIPT}
# currency = USD
prefix,name,type,country,direction,number_type,price_per_minute,connection_fee,first_seconds,step_seconds
44,United Kingdom {SCRIPT},mixed,GB,outbound,,0.08,0,60,60
1,{LONG.strip()},mixed,US,outbound,,0.02,0,60,60
"""
"""A deck that nobody is charged by."""
