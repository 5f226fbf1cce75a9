"""A provider in a few lines: tenants as files or JSON lines, and one export with the calls of all of them."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl

from tests.doors.made_files import leg, licence, purchase, toml, user
from tests.files.usage_samples import CALLING_PLANS_25, table

TENANT: Final = "Tenant ID"


def tenant_toml(name: str, amount: str = "50", currency: str = "USD") -> str:
    """A tenant with a licence for credits, a pool, one user `ana@NAME`, and a lot bought on 1 March 2026."""
    head = toml(currency=currency).replace('"contoso"', f'"{name}"')
    return (
        head
        + licence("MCOPSTN1", 1)
        + licence("MCOPSTNC", 1)
        + purchase("2026-03-01T00:00:00Z", amount)
        + user(f"ana@{name}", "MCOPSTN1", "MCOPSTNC")
    )


def tenant_json(name: str, amount: str = "50", currency: str = "USD") -> dict[str, Any]:
    """The same tenant as a line of a book."""
    return {
        "tenant": {"id": name, "country": "US", "currency": currency},
        "licences": [{"plan": "MCOPSTN1", "purchased": 1}, {"plan": "MCOPSTNC", "purchased": 1}],
        "purchases": [{"at": "2026-03-01T00:00:00Z", "amount": amount}],
        "users": [{"upn": f"ana@{name}", "location": "US", "licences": ["MCOPSTN1", "MCOPSTNC"]}],
    }


def json_lines(tenants: Iterable[Mapping[str, Any]]) -> str:
    """A book."""
    return "".join(json.dumps(tenant) + "\n" for tenant in tenants)


def call_of(tenant: str, id_: str, start: str, seconds: int = 60, **columns: str) -> dict[str, str]:
    """A call of Ana of a tenant to London."""
    return leg(id_, start, seconds, **{"UPN": f"ana@{tenant}"} | columns) | {TENANT: tenant}


def exported(*calls: Mapping[str, str]) -> str:
    """A Calling Plans export with a column for the tenant."""
    return table((*CALLING_PLANS_25, TENANT), *calls)


def write_many(folder: Path, tenants: int, calls: int) -> None:
    """`book.jsonl` and `usage.parquet`: so many tenants with so many calls each, of all kinds of fate."""
    names = [f"t{number:04}" for number in range(tenants)]
    amounts = ("50", "55", "90", "1000")
    held = [(name, amounts[at % 4]) for at, name in enumerate(names)]
    book = json_lines(tenant_json(name, amount) for name, amount in held)
    (folder / "book.jsonl").write_text(book, "utf-8")
    rows = tenants * calls
    at = pl.int_range(rows, dtype=pl.Int64, eager=True)
    mixed = at.hash(seed=7) % (28 * 86_400)
    tenant = at % tenants
    places = pl.Series(["+442071838750", "+33140000000", "+14255550100", "+6493001234"])
    frame = pl.DataFrame(
        {
            "UsageId": pl.Series([f"u{number:07}" for number in range(rows)]),
            TENANT: pl.Series(names).gather(tenant),
            "UPN": pl.Series([f"ana@{name}" for name in names]).gather(tenant),
            "User Location": pl.repeat("US", rows, eager=True),
            "Caller ID": pl.repeat("+14255550199", rows, eager=True),
            "Call Type": pl.Series(["user_out", "user_out", "user_in"]).gather(at % 3),
            "Destination Number": places.gather((at // 7) % 4),
            "Start Time": pl.from_epoch(1_772_323_200 + mixed.cast(pl.Int64), "s").dt.replace_time_zone(
                "UTC"
            ),
            "Duration Seconds": (mixed % 400).cast(pl.Int64),
            "Currency": pl.repeat("USD", rows, eager=True),
        }
    )
    frame.sample(fraction=1, shuffle=True, seed=3).write_parquet(
        folder / "usage.parquet", row_group_size=2_000
    )
