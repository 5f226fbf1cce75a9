"""The tenant that stands in where no tenant file is given: the users whom the usage names, and their plans.

A user sits where most of its rows say, holds the plans that its rows name (column Capability), and may spend
credits. A row that credits paid may name a plan without minutes beside the user's own: then that counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from talktime.accounts.tenant import Licence, Tenant, User
from talktime.catalog.model import CREDITS
from talktime.insight.tried_tenant import CALLING

if TYPE_CHECKING:
    from talktime.catalog.model import Catalogue, Plan
    from talktime.files.usage import Usage

TENANT: Final = "default"
NAME: Final = "Users of the usage"


def main_country(usage: Usage) -> str:
    """The country that most rows name, "" for none; of equals the first by its code."""
    counts = (
        usage.calls.select(pl.col("location").cast(pl.String))
        .filter(pl.col("location") != "")
        .group_by("location")
        .len()
        .sort("len", "location", descending=[True, False])
    )
    return str(counts["location"][0]) if counts.height else ""


def usage_tenant(usage: Usage, catalogue: Catalogue, currency: str) -> Tenant:
    """A tenant of the users of some usage; `stated`, so that who calls without standing in it is told."""
    country = main_country(usage)
    spends = tuple(Licence(plan.code) for plan in catalogue.plans.values() if plan.kind == CREDITS)
    users = []
    for id_, upn, location, codes in _people(usage):
        own = _plans(codes, location or country, catalogue)
        users.append(
            User(
                upn=upn,
                id=id_,
                location=location or country,
                licences=(*(Licence(plan.code) for plan in own), *spends),
            )
        )
    return Tenant(TENANT, NAME, country, currency, users=tuple(users))


def _people(usage: Usage) -> list[tuple[str, str, str, list[str]]]:
    """(id, UPN, country, plan codes by number of rows) of everybody who is named; by id, else by UPN."""
    words = pl.col("user_id", "upn", "location", "capability").cast(pl.String)
    rows = usage.calls.lazy().select(words).filter((pl.col("user_id") != "") | (pl.col("upn") != ""))
    who = pl.when(pl.col("user_id") != "").then(pl.col("user_id")).otherwise(pl.col("upn").str.to_lowercase())
    named = rows.with_columns(who.alias("who"))
    counted = named.group_by("who", "user_id", "upn", "location", "capability").len().collect()
    people: dict[str, tuple[str, str, dict[str, int], dict[str, int]]] = {}
    # Rows with an id come first: those with the UPN alone are the same user's.
    nameless = {"no_id": pl.col("user_id") == "", "no_upn": pl.col("upn") == ""}
    order = ["no_id", "who", "no_upn", "len", "upn", "location", "capability"]
    by_id = counted.with_columns(**nameless).sort(order, descending=[name == "len" for name in order])
    by_upn: dict[str, str] = {}
    for who_, id_, upn, location, code, rows_ in by_id.drop("no_id", "no_upn").iter_rows():
        key = (
            by_upn.setdefault(upn.lower(), who_) if upn else who_
        )  # rows with the UPN alone are the same user
        _, _, places, codes = people.setdefault(key, (id_, upn, {}, {}))
        places[location] = places.get(location, 0) + rows_ * bool(location)
        codes[code] = codes.get(code, 0) + rows_
    return [
        (id_, upn, max(places, key=lambda each: (places[each], each)), sorted(codes, key=lambda c: -codes[c]))
        for id_, upn, places, codes in people.values()
    ]


def _plans(codes: list[str], location: str, catalogue: Catalogue) -> list[Plan]:
    """The plans that a user's rows name: one calling plan, rather one with minutes, and all others."""
    known = [catalogue.plans[code] for code in codes if code in catalogue.plans]
    held = [plan for plan in known if not plan.countries or location in plan.countries]
    calling = sorted((plan for plan in held if plan.kind == CALLING), key=lambda plan: not plan.pools)
    return [*calling[:1], *(plan for plan in held if plan.kind not in (CALLING, CREDITS))]
