"""What somebody wants to try, as fields: up to three scenarios beside today's settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from nicegui import ui

from talktime.client import ProblemError
from talktime.doors.admin.kit.act import action
from talktime.doors.admin.kit.fields import Form, money_field, select_field, text_field
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import card, facts, heading, row, text
from talktime.doors.admin.planner_swaps import Swap, read, swap_words
from talktime.doors.admin.words import count

if TYPE_CHECKING:
    from talktime.client.management.answers_what_if import UsageFile, WhatIfChoices
    from talktime.client.management.what_if import ScenarioTable
    from talktime.doors.admin.kit.show import Cell
    from talktime.doors.admin.visit import Visit

MOST: Final = 3

AS_TODAY: Final = ""
EVERYBODY, NO_PLAN = "*", "-"
GIVEN = "given"
OFF, ON = "off", "on"
ORGANISATION, EACH_USER, EACH_CENTRE, CENTRE = "tenant", "user", "cost_centre", "cost_centre:"
"""What a spend cap that is tried may hold; CENTRE is followed by the cost centre."""

PROPOSED: Final = "The planner's rule"
PROPOSED_PLANS: Final = "The planner's plans"


class ScenarioFields:
    """The fields of one scenario; what is left alone is as the tenant has it today."""

    def __init__(self, number: int, choices: WhatIfChoices, given: Sequence[Swap] = ()) -> None:
        """`given`: swaps of plans that another page proposes, all of them in this scenario."""
        heading(f"Scenario {number}")
        self._given = given
        if given:
            said("note", f"Plans as the planner proposes them: {'; '.join(map(swap_words, given))}.")
        plans = {one.code: f"{one.name} ({one.code})" for one in choices.plans}
        held = {one.code: f"{plans[one.code]}, held by {count(one.holders)}" for one in choices.plans}
        with row():
            self.name = text_field("Name", PROPOSED_PLANS if given else f"Scenario {number}")
            self.whose = _titled(
                "Change the plan of",
                {
                    **({GIVEN: f"as the planner proposes ({len(given)})"} if given else {}),
                    AS_TODAY: "nobody: plans as today",
                    EVERYBODY: f"every user ({count(choices.users)})",
                    **{one.code: held[one.code] for one in choices.plans if one.holders},
                },
                GIVEN if given else AS_TODAY,
            )
            self.becomes = _titled("To", {NO_PLAN: "no plan", **plans}, NO_PLAN)
            located = {AS_TODAY: "any country", **{one: one for one in choices.countries}}
            self.country = select_field("Of users in", located, AS_TODAY)
        with row():
            self.recharge = select_field(
                "Auto-recharge", {AS_TODAY: "as today", OFF: "off", ON: "with these amounts"}, AS_TODAY
            )
            self.below = money_field("When balance is below", choices.currency)
            self.add = money_field("Add this amount", choices.currency)
            self.cap_per_month = money_field(
                "At most a month", choices.currency, hint="today's cap, if empty; none: no cap"
            )
        with row():
            self.capped = _titled("Spend cap a month of", _capped(choices), AS_TODAY)
            self.cap = money_field("Cap", choices.currency, hint="none: no cap")
        for field in (self.cap_per_month, self.cap):
            field.props("inputmode=text")  # a word may stand there
        with row():
            self.balance = money_field(
                "Balance at the first call", choices.currency, hint="today's balance, if empty"
            )
            decks = {
                one.version: _deck(one.name, one.version, in_force=one.in_force) for one in choices.decks
            }
            self.deck = _titled("Rate deck", {AS_TODAY: "as today", **decks}, AS_TODAY)
            agreements = {AS_TODAY: "as today", **{one: one for one in choices.agreements}}
            self.agreement = select_field("Billing agreement", agreements, AS_TODAY)
            treatments = {one: f"as if they were {one.replace('_', ' ')} calls" for one in choices.treatments}
            self.treat_as = _titled(
                "Calls of another operator", {AS_TODAY: "are not ours to charge", **treatments}, AS_TODAY
            )

    def table(self) -> ScenarioTable:
        """As the API takes it; amounts as they were written."""
        asked: dict[str, Any] = {"name": self.name.value.strip()}
        if self.whose.value == GIVEN:
            asked["plans"] = [one._asdict() for one in self._given]
        elif self.whose.value != AS_TODAY:
            plan = "" if self.whose.value == EVERYBODY else str(self.whose.value)
            becomes = "" if self.becomes.value == NO_PLAN else str(self.becomes.value)
            asked["plans"] = [{"plan": plan, "becomes": becomes, "country": str(self.country.value)}]
        if self.recharge.value == OFF:
            asked["recharge"] = {"enabled": False}
        if self.recharge.value == ON:
            amounts = {"below": _written(self.below), "add": _written(self.add)}
            amounts["cap_per_month"] = _written(self.cap_per_month)
            asked["recharge"] = {"enabled": True} | {name: said for name, said in amounts.items() if said}
        if self.capped.value != AS_TODAY:
            scope, _, centre = str(self.capped.value).partition(":")
            asked["caps"] = [{"scope": scope, "id": centre, "amount": _written(self.cap)}]
        if _written(self.balance):
            asked["balance"] = _written(self.balance)
        words = {"deck": self.deck, "agreement": self.agreement, "treat_as": self.treat_as}
        asked |= {name: str(field.value) for name, field in words.items() if field.value}
        made: ScenarioTable = asked  # type: ignore[assignment]  # made of its keys alone
        return made

    @property
    def fields(self) -> dict[str, Any]:
        """By the last word of the API's pointer to them."""
        return {
            "name": self.name,
            "plan": self.whose,
            "becomes": self.becomes,
            "country": self.country,
            "below": self.below,
            "add": self.add,
            "cap_per_month": self.cap_per_month,
            "scope": self.capped,
            "id": self.capped,
            "amount": self.cap,
            "balance": self.balance,
            "deck": self.deck,
            "agreement": self.agreement,
            "treat_as": self.treat_as,
        }


class Question:
    """The part of the page that asks: today's settings in words, the scenarios, the button."""

    def __init__(self, at: Visit, file: UsageFile, choices: WhatIfChoices) -> None:
        self._at, self._file, self._choices = at, file, choices
        self._scenarios: list[ScenarioFields] = []
        with card("2. What to try"):
            text("What you leave alone stays as it is today. Nothing is changed, and no money moves.")
            facts(_today(at, choices))
            if not choices.decks:
                said("warning", f"No rate deck is bound for {choices.currency}: calls have no prices yet.")
            self._currency = (
                select_field("Currency of the rows", list(file.currencies), file.currencies[0])
                if len(file.currencies) > 1
                else None
            )
            self._place = ui.element("div").classes("tt-block")
            with row():
                self._more = action("Add a scenario", self._add)
                self._form = Form(self._ask, label="Work it out")
            self._put(read(at.query.get("plans", "")))
            self._propose()

    def _propose(self) -> None:
        """Fills the first scenario with the rule of the address: one that the planner proposes."""
        below, add = self._at.query.get("below", ""), self._at.query.get("add", "")
        if below and add:
            first = self._scenarios[0]
            first.name.value = PROPOSED
            first.recharge.value, first.below.value, first.add.value = ON, below, add

    def _put(self, given: Sequence[Swap] = ()) -> None:
        with self._place:
            self._scenarios.append(ScenarioFields(len(self._scenarios) + 1, self._choices, given))
        self._more.set_visibility(len(self._scenarios) < MOST)

    async def _add(self) -> None:
        self._put()

    async def _ask(self) -> None:
        currency = "" if self._currency is None else str(self._currency.value)
        tables = [one.table() for one in self._scenarios]
        try:
            asked = await self._at.tenant.what_if.ask(self._file.id, tables, currency=currency)
        except ProblemError as error:
            # The pointer says which scenario: /scenarios/1/recharge/add.
            number = next((int(part) for part in error.pointer.split("/") if part.isdigit()), 0)
            self._form.fields = self._scenarios[min(number, len(self._scenarios) - 1)].fields
            raise
        self._at.go(self._at.link("what-if", asked.id))


def _titled(label: str, options: Mapping[str, str], value: str) -> ui.select:
    """A list whose choice may be longer than the field: the whole of it is said where one points at it."""
    with ui.element("div") as around:
        made = select_field(label, options, value)
    around.props["title"] = options[value]

    def chosen() -> None:
        around.props["title"] = options[str(made.value)]

    made.on_value_change(chosen)
    return made


def _capped(choices: WhatIfChoices) -> dict[str, str]:
    """Whose spending a cap may hold."""
    centres = {f"{CENTRE}{one}": f"cost centre {one}" for one in choices.cost_centres}
    every = {EACH_CENTRE: "each cost centre"} if centres else {}
    return {
        AS_TODAY: "nobody: caps as today",
        ORGANISATION: "the organisation",
        EACH_USER: "each user",
        **every,
        **centres,
    }


def _today(at: Visit, choices: WhatIfChoices) -> list[tuple[str, Cell]]:
    rule = choices.recharge
    held = ", ".join(f"{one.name}: {count(one.holders)}" for one in choices.plans if one.holders)
    deck = next((one for one in choices.decks if one.in_force), None)
    amounts = (rule.add or Decimal(0), rule.below or Decimal(0))
    recharge: Cell = "off"
    if rule.enabled:
        recharge = at.money(amounts[0]) + " when the balance is below " + at.money(amounts[1])
    return [
        ("Balance today", at.money(choices.balance)),
        ("Licences", held or "none"),
        ("Auto-recharge", recharge),
        ("Billing agreement", choices.agreement or "none"),
        ("Rate deck", "none" if deck is None else _deck(deck.name, deck.version, in_force=False)),
    ]


def _deck(name: str, version: str, *, in_force: bool) -> str:
    return f"{name} {version[:12]}" + (", in force" if in_force else "")


def _written(field: ui.input) -> str:
    return str(field.value or "").strip()
