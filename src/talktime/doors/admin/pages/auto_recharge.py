"""Edit auto recharge settings: the box, the amounts, the caps, the card, and what the rule will do.

What it will do is asked of the API while somebody types; Save is refused where somebody else saved meanwhile.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, cast

from markupsafe import Markup
from nicegui import ui

from talktime.client import ProblemError
from talktime.doors.admin.kit.act import action, asked, tell_then, words_of
from talktime.doors.admin.kit.fields import Form, at_field, check_box, money_field, select_field, text_field
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import Cell, anchor, card, columns, facts, heading, link, row, text
from talktime.doors.admin.money_parts import payment_link, state, warn
from talktime.doors.admin.page import Visit, page
from talktime.doors.admin.pages.add_funds import card_name

if TYPE_CHECKING:
    from talktime.client.management.answers_money import PaymentMethod, Recharge
    from talktime.client.management.readers import Seen
    from talktime.client.management.tables import AutoRechargeTable

MONEY: Final = {
    "add": ("Add this amount", "What one payment buys; the least multiple of it where more is missing."),
    "below": ("When balance is below", "Looked at after every call: less than this available, and it pays."),
    "cap_per_month": ("At most a calendar month", "Empty for no cap."),
    "target": ("Fill up to", "Instead of a fixed amount: leave that one empty then."),
    "least": ("Least of one payment", ""),
    "most": ("Most of one payment", ""),
}
"""Amounts of the rule by their names in the API, with label and hint."""

NUMBERS: Final = {
    "payments_a_day": ("Payments in 24 hours", "Empty for any number."),
    "cool_down_s": ("Seconds between payments", ""),
}

MORE: Final = ("target", "least", "most", *NUMBERS)
"""Limits that few need: shown on demand, and where one is set."""

TYPING_S: Final = 0.5
"""Seconds without a key before the effect is asked for."""


@page(
    "/tenants/{tenant}/credits/auto-recharge", title="Auto-recharge settings", needs="turn_auto_recharge_off"
)
async def auto_recharge(at: Visit) -> None:
    """How the rule stands; for those who may, the form."""
    seen = await at.tenant.recharge.get()
    found = seen.value
    warn(found.warnings, _off_link() if found.state != "off" else "")
    with columns():
        _stands(at, found)
    if not at.may("edit_auto_recharge"):
        said("note", "You may switch auto-recharge off here; its amounts are set by the organisation itself.")
        return
    methods = (await at.tenant.payment_methods.pages().first()).items
    with card("Settings"):
        if _is_proposed(at):
            said(
                "note",
                "The amounts that were proposed are filled in. Nothing is saved before you press Save.",
            )
        if not methods:
            add = anchor("add one", at.link("credits/payment-methods"))
            said("warning", Markup("There is no card to pay with yet: {}.").format(add))
        _Settings(at, seen, methods)


def _off_link() -> Markup:
    return anchor("To the switch", "#turn-off")


def _stands(at: Visit, found: Recharge) -> None:
    with card("How it stands"):
        text(Markup("Auto-recharge is <strong>{}</strong>. {}").format(found.says, found.why))
        pairs: list[tuple[str, Cell]] = [("State", state(found.state)), ("Since", at.when(found.since))]
        if found.reason and found.state != "off":
            pairs.append(("Why nothing is paid now", found.reason_says))
        if found.method:
            pairs.append(("Card", found.method))
        left = found.caps_left
        if left.amount is not None:
            pairs.append(("Left this month", at.money(left.amount)))
        if left.payments is not None:
            pairs.append(("Payments left in 24 hours", str(left.payments)))
        if found.next_at is not None:
            pairs.append(("Tried next", at.when(found.next_at)))
        if found.in_flight is not None:
            pairs.append(("On its way", payment_link(at, found.in_flight.payment)))
        facts(pairs)
        with ui.element("div").classes("tt-row").props("id=turn-off"):
            waits = found.in_flight is not None and found.in_flight.next_try_at is not None
            if at.may("edit_auto_recharge") and (found.state == "paused" or waits):
                action("Retry now", lambda: _retry(at), is_main=True)
            if found.state != "off":
                action("Turn auto-recharge off", lambda: _off(at))
            if at.may("see_receipts"):
                link("Timeline", at.link("credits", view="recharges"), as_button=True)


async def _retry(at: Visit) -> None:
    done = await at.tenant.recharge.retry()
    tell_then(f"Auto-recharge is {done.value.says}.", at.here())


async def _off(at: Visit) -> None:
    what = (await at.tenant.recharge.preview({"enabled": False})).says if at.may("edit_auto_recharge") else ()
    sentence = " ".join(what) or "Nothing is bought by itself any more."
    if await asked("Turn auto-recharge off?", sentence, "Turn off"):
        await at.tenant.recharge.off()
        tell_then("Auto-recharge is off.", at.here())


PROPOSED: Final = ("below", "add")
"""Words of the address that fill the form in: a rule that the planner proposes."""


def _is_proposed(at: Visit) -> bool:
    return any(at.query.get(name) for name in PROPOSED)


def _proposed(at: Visit, rule: dict[str, Any]) -> dict[str, Any]:
    """The rule as it stands, with the amounts of the address in the place of its own, and switched on."""
    if not _is_proposed(at):
        return rule
    kept = {name: value for name, value in rule.items() if name != "target"}  # it stands instead of an amount
    asked = {name: at.query[name] for name in PROPOSED if at.query.get(name)}
    return {**kept, **asked, "enabled": True}


class _Settings:
    """The form: fields by their names in the API, the effect below them, Save."""

    def __init__(self, at: Visit, seen: Seen[Recharge], methods: tuple[PaymentMethod, ...]) -> None:
        self._at, self._seen = at, seen
        rule = _proposed(at, cast("dict[str, Any]", seen.value.rule))
        self._fields: dict[str, Any] = {}
        self._asked = 0
        with ui.element("div").classes("tt-form"):
            self._box = check_box("Auto recharge", value=bool(rule["enabled"]))
            with row():
                for name in ("add", "below"):
                    self._money(name, rule)
            cards = {"": "The default card", **{one.id: card_name(one) for one in methods}}
            kept = rule.get("method", "")
            chosen = kept if kept in cards else ""
            with row():
                self._fields["method"] = select_field("Payment method", cards, chosen)
                self._money("cap_per_month", rule)
            self._more_button = ui.button("More limits", on_click=self._toggle).props("no-caps flat dense")
            self._more = ui.element("div").classes("tt-form")
            with self._more:
                for name in ("target", "least", "most"):
                    self._money(name, rule)
                for name, (label, hint) in NUMBERS.items():
                    self._fields[name] = text_field(label, str(rule.get(name, "")), hint=hint)
                    self._fields[name].props("inputmode=numeric")
            self._show_more(any(rule.get(name) for name in MORE))
            self._effect = ui.element("div").props("role=status aria-live=polite").classes("tt-block")
            self._form = Form(self._save, self._fields)
        self._box.on_value_change(self._changed)
        for field in self._fields.values():
            field.on_value_change(self._changed)
        ui.timer(0.01, self._foretell, once=True)

    def _toggle(self) -> None:
        self._show_more(not self._more.visible)

    def _show_more(self, is_shown: bool) -> None:
        self._more.set_visibility(is_shown)
        self._more_button.props["aria-expanded"] = "true" if is_shown else "false"
        self._more_button.set_text("Fewer limits" if is_shown else "More limits")

    def _money(self, name: str, rule: dict[str, Any]) -> None:
        label, hint = MONEY[name]
        self._fields[name] = money_field(label, self._at.words.currency, str(rule.get(name, "")), hint=hint)

    def _rule(self) -> AutoRechargeTable:
        """The rule as it stands in the fields; what the page has no field for is sent back as it came."""
        rule: dict[str, Any] = {**self._seen.value.rule, "enabled": bool(self._box.value)}
        for name, field in self._fields.items():
            written = str(field.value or "").strip()
            rule[name] = int(written) if name in NUMBERS and written.isdecimal() else written
            if not written:
                del rule[name]
        return cast("AutoRechargeTable", rule)

    async def _changed(self) -> None:
        self._asked += 1
        mine = self._asked
        await asyncio.sleep(TYPING_S)
        if mine == self._asked:  # nobody typed on
            await self._foretell()

    async def _foretell(self) -> None:
        try:
            seen = await self._at.tenant.recharge.preview(self._rule())
        except ProblemError as error:
            label = MONEY.get(error.pointer.rpartition("/")[2], ("",))[0]
            said_of = at_field(words_of(error))
            self._say("warning", f"{label}: {said_of}" if label else said_of, ())
            return
        self._say("note", " ".join(seen.says), [f"{one.says} {one.remedy}" for one in seen.warnings])

    def _say(self, kind: Any, sentence: str, warnings: Any) -> None:
        self._effect.clear()
        with self._effect:
            heading("What this will do")
            said(kind, sentence)
            for one in warnings:
                said("warning", one)

    async def _save(self) -> None:
        try:
            done = await self._at.tenant.recharge.put(self._rule(), if_match=self._seen)
        except ProblemError as error:
            if error.pointer.rpartition("/")[2] in MORE:  # the field that is wrong has to be seen
                self._show_more(True)
            raise
        tell_then(f"Saved: auto-recharge is {done.value.says}.", self._at.link("credits/auto-recharge"))
