"""Who calls and by which plan, read off the usage where no tenant file says it."""

from __future__ import annotations

from typing import Any

import pytest

from talktime.catalog.load import load_catalogue
from talktime.insight.planner.usage_tenant import main_country, usage_tenant
from tests.tables import usage_of

SPENDS = "MCOPSTNC"


def row(upn: str = "", id_: str = "", location: str = "US", plan: str = "", **more: Any) -> dict[str, Any]:
    who = {"upn": upn, "user_id": id_, "location": location, "capability": plan}
    return {"start": "2026-03-02 10:00", "duration_s": 60} | who | more


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([row("ana", plan="MCOPSTN1")], [("", "ana", "US", ["MCOPSTN1", SPENDS])]),
        ([row("ana", "1"), row("Ana"), row("", "1")], [("1", "ana", "US", [SPENDS])]),
        ([row("ana", location="GB"), row("ana"), row("ana")], [("", "ana", "US", [SPENDS])]),
        ([row("ana", plan="MCOPSTNPP")] * 3 + [row("ana", plan="MCOPSTN2")],
         [("", "ana", "US", ["MCOPSTN2", SPENDS])]),
        ([row("ana", plan="MCOPSTNPP")], [("", "ana", "US", ["MCOPSTNPP", SPENDS])]),
        ([row("ana", location="AU", plan="MCOPSTNPP")], [("", "ana", "AU", [SPENDS])]),
        ([row("ana", plan="MCOPSTN1"), row("ana", plan="MCOMEETADD")],
         [("", "ana", "US", ["MCOPSTN1", "MCOMEETADD", SPENDS])]),
        ([row("ana", plan="FREECALL")], [("", "ana", "US", [SPENDS])]),
        ([row(location=""), row("bob", location=""), row("ana", location="GB")],
         [("", "ana", "GB", [SPENDS]), ("", "bob", "GB", [SPENDS])]),
    ],
    ids=["a plan", "one person by id and by name", "the country of most rows", "own plan beside credits",
         "pay as you go", "a plan that the country does not have", "calling and conferencing",
         "an unknown code", "nobody named"],
)  # fmt: skip
def test_users_of_usage(rows: list[dict[str, Any]], found: list[tuple[Any, ...]]) -> None:
    told = usage_tenant(usage_of(rows), load_catalogue(), "USD")
    assert told.name == "Users of the usage"
    assert [(u.id, u.upn, u.location, [li.plan for li in u.licences]) for u in told.users] == found


def test_main_country() -> None:
    assert main_country(usage_of([row(location=each) for each in ("", "", "GB", "DE", "DE", "GB")])) == "DE"
    assert main_country(usage_of([row(location="")])) == ""
