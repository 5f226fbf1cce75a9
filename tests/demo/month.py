"""The demo tenant's months, made once for all tests that look at them."""

from functools import lru_cache
from importlib import resources
from pathlib import Path

from talktime.accounts.tenant import Tenant
from talktime.accounts.tenant_file import read_tenant
from talktime.catalog.load import load_catalogue
from talktime.demo.generate import generate
from talktime.demo.row import UsageRow

CALLS = 3_000


@lru_cache(maxsize=1)
def demo_tenant() -> Tenant:
    """The tenant file of the package, read as a user's file is."""
    with resources.as_file(resources.files("talktime.demo").joinpath("contoso.toml")) as path:
        return read_tenant(Path(path), load_catalogue())


@lru_cache(maxsize=4)
def month_of_calls(month: str = "2026-03", calls: int = CALLS, seed: int = 1) -> tuple[UsageRow, ...]:
    """A month of the demo tenant."""
    return tuple(generate(demo_tenant(), load_catalogue(), calls=calls, seed=seed, month=month))
