"""What the planner is asked, as fields: how sure, how fast, how often, and what licences cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from nicegui import ui

from talktime.doors.admin.kit.fields import Form, money_field, select_field, text_field
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import card, row, text
from talktime.doors.admin.planner_words import price_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from talktime.client.management.answers_plan import PlanChoices
    from talktime.client.management.answers_what_if import UsageFile
    from talktime.client.management.plans import Confidence
    from talktime.doors.admin.visit import Visit

USUAL: Final = "95"
AHEAD: Final = {"1": "1 month", "3": "3 months", "6": "6 months", "12": "12 months", "24": "24 months"}

NUMBERS: Final = {
    "lead_hours": (
        "Hours that a payment may take",
        "24",
        "So long the credits have to last after the trigger.",
    ),
    "payments_a_month": ("Payments a month, at most", "4", "Fewer payments mean more money that lies idle."),
}
"""Whole numbers by their names in the API: label, usual value, hint."""


class PlanQuestion:
    """The settings and the button. `files`: the usage that was chosen, at least one file."""

    def __init__(self, at: Visit, files: Sequence[UsageFile], choices: PlanChoices) -> None:
        self._at, self._files, self._choices = at, files, choices
        with card("2. Settings"):
            text("The usual settings are a good beginning. Nothing is bought, and nobody's plan changes.")
            with row():
                self._settings()
            self._currency = self._currencies()
            self._prices = self._price_fields()
            with row():
                fields = {**self._fields, **self._prices, "currency": self._currency}
                self._form = Form(self._ask, fields, label="Work it out")

    def _settings(self) -> None:
        shares = {f"{one:f}": f"{one:f} %" for one in self._choices.confidences}
        self._sure = select_field("How sure it has to be", shares, USUAL)
        self._sure.props["hint"] = "In so many of 100 cases no call is blocked for want of money."
        self._ahead = select_field("Look ahead", AHEAD, "12")
        self._ahead.props["hint"] = "How far forecast and amounts go."
        for made in (self._sure, self._ahead):
            made.props(remove="hide-bottom-space")
        self._fields: dict[str, Any] = {"confidence_percent": self._sure, "months_ahead": self._ahead}
        for name, (label, usual, hint) in NUMBERS.items():
            self._fields[name] = text_field(label, usual, hint=hint).props("inputmode=numeric")

    def _currencies(self) -> ui.select | None:
        """A choice where the rows have several currencies."""
        found = sorted({each for file in self._files for each in file.currencies})
        if len(found) < 2:
            return None
        return select_field("Currency of the rows", found, found[0])

    def _price_fields(self) -> dict[str, ui.input]:
        """A field for the price of each plan, shown on demand."""
        self._more = ui.button("Licence prices", on_click=self._toggle).props("no-caps flat dense")
        self._more.props["aria-expanded"] = "false"
        self._place = ui.element("div").classes("tt-block")
        self._place.set_visibility(False)
        found = {}
        with self._place:
            if self._choices.sample:
                said("note", "These are sample prices a licence and month: put in what you pay.")
            with row():
                for one in self._choices.prices:
                    usual = "" if one.price is None else f"{one.price:f}"
                    hint = price_words(one, self._choices.currency)
                    found[one.code] = money_field(one.code, self._choices.currency, usual, hint=hint)
        return found

    def _toggle(self) -> None:
        is_shown = not self._place.visible
        self._place.set_visibility(is_shown)
        self._more.props["aria-expanded"] = "true" if is_shown else "false"

    def _changed(self) -> dict[str, str]:
        """The prices that are not those of the sample."""
        sample = {one.code: "" if one.price is None else f"{one.price:f}" for one in self._choices.prices}
        written = {code: str(field.value or "").strip() for code, field in self._prices.items()}
        return {code: price for code, price in written.items() if price and price != sample[code]}

    async def _ask(self) -> None:
        asked = await self._at.tenant.planner.ask(
            [file.id for file in self._files],
            confidence_percent=cast("Confidence", str(self._sure.value)),
            lead_hours=_whole(self._fields["lead_hours"]),
            payments_a_month=_whole(self._fields["payments_a_month"]),
            months_ahead=int(str(self._ahead.value)),
            prices=cast("Mapping[str, str]", self._changed()),
            currency="" if self._currency is None else str(self._currency.value),
        )
        self._at.go(self._at.link("planner", asked.id))


def _whole(field: ui.input) -> int:
    """The number of a field; what is none is sent as it was written, so that the API says what is wrong."""
    written = str(field.value or "").strip()
    return int(written) if written.isdecimal() else cast("int", written)
