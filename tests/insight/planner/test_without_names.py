"""A plan for eyes that may not see names: no name and no number of a person is left anywhere in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from talktime.accounts.tenant import ServiceNumber, Tenant, User
from talktime.catalog.load import load_catalogue
from talktime.catalog.side import load_masking
from talktime.insight.planner.document import Plan, Said
from talktime.insight.planner.plan_file import plan_changes
from talktime.insight.planner.plan_json import plan_json
from talktime.insight.planner.without_names import as_seen, pseudonyms_of
from talktime.insight.usage_rows import Pseudonyms, UsageRows
from tests.insight.planner.made_plan import ANA, LEFT, LONDON, PLAN

TENANT = Tenant(
    id="contoso",
    name="Contoso",
    country="US",
    currency="USD",
    users=(User(id="17-ana", upn=ANA, name="Ana Lima", numbers=("+14255550100",)),),
    service_numbers=(ServiceNumber("+18005550100", "toll_free"),),
)
SECRET = b"secret"


def rows(pseudonyms: Pseudonyms | None, **changes: Any) -> UsageRows:
    return UsageRows(replace(TENANT, **changes), load_catalogue(), load_masking(), pseudonyms)


def text_of(plan: Plan) -> str:
    return msgspec.json.encode(plan).decode()


def test_nobody_is_named_and_figures_stay() -> None:
    hidden = pseudonyms_of(SECRET, "question")
    seen = as_seen(PLAN, rows(hidden))
    told = text_of(seen).lower()
    for name in (ANA, LEFT, "17-ana", "ana lima", "+14255550100"):
        assert name.lower() not in told, name
    ana, left = hidden.of("contoso", "17-ana"), hidden.of("contoso", LEFT)
    assert [line.key for line in seen.paid.by["user"]] == [ana, left, ""]
    assert [line.key for line in seen.paid.by["category"]] == ["domestic", "international"]
    assert seen.pools.pools[0].top == ((ana, 300), (left, 60))
    assert seen.mix is not None
    assert seen.mix.changes[0].why == f"no call in 2 months: {ana} needs no plan."
    assert seen.mix.says == (f"Most is saved with {ana}, then {left}.",)
    assert seen.said[1].text == f"Users who left: {left}, {ana}, and {ana}."
    assert seen.paid.amount == PLAN.paid.amount
    assert seen.buy == PLAN.buy
    assert [group.owner for group in seen.mix.groups] == ["US"]


def test_somebody_whom_only_a_statement_names_is_not_named() -> None:
    """Strangers whose calls cost nothing stand in no line of what was paid where there are many users."""
    said = Said("caution", "usage", "1 user is not in the tenant file (odd.one: 3 calls).", ("odd.one",))
    hidden = pseudonyms_of(SECRET, "question")
    seen = as_seen(msgspec.structs.replace(PLAN, said=(said,)), rows(hidden))
    assert "odd.one" not in text_of(seen)
    assert hidden.of("contoso", "odd.one") in seen.said[0].text
    assert set(plan_json(PLAN)["said"][0]) == {"weight", "about", "text"}


@pytest.mark.parametrize(("country", "shown"), [("US", LONDON), ("FR", "+44207946****")])
def test_with_names_numbers_are_masked_as_in_reports(country: str, shown: str) -> None:
    seen = as_seen(PLAN, rows(None, country=country))
    assert seen.paid.by["month"][0].dearest[0].to == shown
    assert seen.paid.by["user"][0].key == ANA
    assert seen.said == PLAN.said


def test_words_are_of_one_answer_alone() -> None:
    """Whoever brings a file of one person must not learn the word that reports use for that person."""
    one, other = pseudonyms_of(SECRET, "one"), pseudonyms_of(SECRET, "other")
    words = {of.of("contoso", ANA) for of in (one, other, Pseudonyms(SECRET))}
    assert len(words) == 3
    assert pseudonyms_of(SECRET, "one").of("contoso", ANA) == one.of("contoso", ANA)


@pytest.mark.parametrize("word", ["May", "MAY", "May."])
def test_display_name_that_is_a_word_stays_in_sentences(word: str) -> None:
    user = User(upn="may@contoso.example", name="May")
    plan = msgspec.structs.replace(
        PLAN, need=msgspec.structs.replace(PLAN.need, says=(f"It ends in {word}",))
    )
    hidden = rows(pseudonyms_of(SECRET, "q"), users=(user,))
    assert as_seen(plan, hidden).need.says == (f"It ends in {word}",)


def test_changes_as_csv() -> None:
    lines = plan_changes(PLAN).decode().splitlines()
    assert lines[0].split(",")[:4] == ["UPN", "Shared With", "Plans Today", "Plans Then"]
    assert lines[1] == f"{ANA},US,MCOPSTN1,,0,0,no call in 2 months: {ANA} needs no plan."
    assert len(lines) == 2
    nothing = msgspec.structs.replace(PLAN, mix=None)
    assert plan_changes(nothing).decode().splitlines() == lines[:1]
