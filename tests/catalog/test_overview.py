"""The sentences of the first page: what is shipped is whole, and wrong data is refused by name."""

from __future__ import annotations

import pytest

from talktime.catalog.load import CatalogueError, load_catalogue
from talktime.catalog.overview import URGENCIES, load_overview, load_pages, read_overview
from talktime.insight.first_steps import STEPS
from talktime.insight.overview_alerts import CHECKS

PAGES = {"credits": "/x"}
ALERT = """
[[alert]]
code = "{code}"
urgency = "{urgency}"
says = "So it is."
action = "Look"
page = "{page}"
may = "{may}"
"""
REST = """
[[advice]]
code = "turn_on"
says = "Do it."
action = "Do"
page = "credits"
may = "see_balance"
[[step]]
code = "card"
title = "A card"
done = "Yes."
open = "No."
open_partner = "Ask."
not_needed = "Why?"
action = "Add"
page = "credits"
may = "see_balance"
[calls]
toll_free = "Toll-free"
"""


def alert(code: str = "a", urgency: str = "now", page: str = "credits", may: str = "see_balance") -> str:
    return ALERT.format(code=code, urgency=urgency, page=page, may=may)


def test_each_alert_and_step_has_its_check_and_each_kind_of_call_its_name() -> None:
    known = load_overview()
    assert list(CHECKS) == list(known.alerts)
    assert list(STEPS) == list(known.steps)
    assert set(known.calls) == set(load_catalogue().categories)
    assert {alert.urgency for alert in known.alerts.values()} == set(URGENCIES)


def test_addresses_of_pages_stand_in_the_tenant() -> None:
    assert all(path.startswith("/tenants/{tenant_id}") for path in load_pages().values())


def test_sentences_of_a_step_are_told_by_state_and_case() -> None:
    step = read_overview(alert() + REST, PAGES).steps["card"]
    assert (step.sentence("done"), step.sentence("open", "partner")) == ("Yes.", "Ask.")
    with pytest.raises(KeyError):
        step.sentence("open", "nobody")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[", "not TOML"),
        (alert(), "it has to hold alert, advice, step, calls"),
        (alert(page="y") + REST, "alert 'a': page 'y' is none of credits, fund"),
        (alert(may="fly") + REST, "alert 'a': 'fly' is no operation"),
        (alert(urgency="later") + REST, "alert 'a': urgency 'later' is none of now, soon, sometime"),
        (alert() + alert() + REST, "alert 'a': stands twice"),
        (alert(urgency="soon") + alert("b") + REST, "what is more urgent has to stand above"),
        (alert() + "colour = 'red'\n" + REST, "alert 'a': missing or unknown keys: colour"),
        (alert() + REST.replace('done = "Yes."', ""), "step 'card': missing or unknown keys: done"),
        (alert() + REST.replace('"Yes."', "1"), "step 'card': every value has to be a text"),
    ],
)
def test_wrong_data_is_refused_by_name(text: str, says: str) -> None:
    with pytest.raises(CatalogueError, match=r"overview\.toml") as refused:
        read_overview(text, PAGES)
    assert says in str(refused.value)
