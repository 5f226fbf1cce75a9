"""The demo tenant: the file that ships with the package, its dates moved to the month that is asked for.

The story (a lot that expires in the month's first days, a plan that changes in its middle) belongs to the
calendar of the month, so every date moves by whole months.
"""

import re
from importlib import resources
from pathlib import Path
from typing import Final

from talktime.accounts.tenant import Tenant
from talktime.accounts.tenant_file import read_tenant
from talktime.catalog.model import Catalogue
from talktime.demo.days import month_number

FILE: Final = "contoso.toml"
CARETAKERS: Final = "caretakers.toml"
ID: Final = "contoso"
"""The id that the file gives the tenant."""
OWN_MONTH: Final = "2026-03"
"""The month for which the shipped file was written."""

_DATE: Final = re.compile(r'"(\d{4})-(\d\d)(-\d\dT[\d:]+Z)"', re.ASCII)


def demo_tenant_text(month: str = OWN_MONTH) -> str:
    """The tenant file for a month. Raises MonthError."""
    text = resources.files("talktime.demo").joinpath(FILE).read_text("utf-8")
    return _moved(text, month_number(month) - month_number(OWN_MONTH))


def caretakers_text() -> str:
    """Tables that a tenant file ends with where somebody looks after the tenant: administrators, alerts."""
    return resources.files("talktime.demo").joinpath(CARETAKERS).read_text("utf-8")


def write_demo_tenant(path: Path, catalogue: Catalogue, *, month: str = OWN_MONTH, more: str = "") -> Tenant:
    """Writes the tenant file for a month and gives back the tenant that it holds; `more` are more tables.

    Raises MonthError.
    """
    path.write_text(demo_tenant_text(month) + more, "utf-8", newline="\n")
    return read_tenant(path, catalogue)


def _moved(text: str, months: int) -> str:
    """Every instant of a tenant file moved by whole months; its days exist in each of them."""

    def moved(found: re.Match[str]) -> str:
        month = int(found[1]) * 12 + int(found[2]) - 1 + months
        return f'"{month // 12:04}-{month % 12 + 1:02}{found[3]}"'

    return _DATE.sub(moved, text)
