"""What several pages of money show: warnings, rules of eligibility, states of payments, addresses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote

from markupsafe import Markup
from nicegui import ui

from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import Column, anchor, badge, table

if TYPE_CHECKING:
    from talktime.client.management.answers_money import PaymentLine
    from talktime.client.management.answers_people import Caution, Eligibility, RuleOutcome
    from talktime.doors.admin.visit import Visit

PAGE: Final = 50
"""Lines of a list on one page."""

Mood = Literal["", "good", "warning", "error"]

MOODS: Final[dict[str, Mood]] = {
    "settled": "good",
    "passed": "good",
    "exception": "good",
    "armed": "good",
    "approved": "good",
    "declined": "error",
    "failed": "error",
    "unknown": "warning",
    "requires_action": "warning",
    "paused": "warning",
    "waiting": "warning",
}
"""How a state of the API is coloured; its word says it."""


def words(code: str) -> str:
    """A code of the API as words: `requires_action` -> Requires action."""
    return code.replace("_", " ").capitalize()


def opened(said: str) -> str:
    """A sentence with its first letter large."""
    return said[:1].upper() + said[1:]


def state(code: str) -> Markup:
    """A state as a badge."""
    return badge(words(code), MOODS.get(code, ""))


def warn(warnings: Iterable[Caution], action: Markup | str = "") -> None:
    """Each warning with what to do."""
    for one in warnings:
        said("warning", Markup("<strong>{}</strong> {} {}").format(one.says, one.remedy, action))


def of_file(tenant: str, *steps: str) -> str:
    """The address under which a file comes down: ("contoso", "receipts", "R-1.pdf") -> /download/..."""
    return "/".join(("/download/tenants", *(quote(each, safe="") for each in (tenant, *steps))))


def paper(at: Visit, kind: str, number: str | None, form: str = "pdf") -> Markup | str:
    """A link to a paper by its number."""
    if number is None:
        return "—"
    return Markup('<a href="{}" download>{}</a>').format(
        of_file(at.tenant_id, kind, f"{number}.{form}"), number
    )


def hidden(shown: str, more: str) -> Markup:
    """Words of a link, and more of them for those who cannot see the line that it stands in."""
    return Markup('{}<span class="tt-hidden">{}</span>').format(shown, more)


def payment_link(at: Visit, payment: str) -> Markup:
    """A link to what happened to a payment."""
    return anchor(payment, at.link("credits/payments", payment=payment))


def decline_of(payment: PaymentLine) -> str:
    """Why a payment was declined, and what to do."""
    return f"{payment.decline.means} {payment.decline.remedy}" if payment.decline is not None else ""


def rules_table(found: Eligibility) -> ui.html:
    """Every rule with its outcome, why, and what to do; those that failed first."""
    order = sorted(found.rules, key=lambda one: one.outcome != "failed")
    return table(
        ["Rule", Column("Outcome", "time"), "Why", "What to do"],
        [[one.asks, state(one.outcome), _why(one), one.remedy or "—"] for one in order],
        "May credits be bought, rule by rule",
    )


def _why(rule: RuleOutcome) -> Markup:
    return Markup("{}").format(rule.why)


def refuse(at: Visit, what: str) -> None:
    """Says that this page is not for the person's roles, as the centre does for a page of one operation."""
    ui.context.client.status_code = 403
    why = f"Your roles here do not allow to {what}."
    said("warning", f"{why} An administrator of {at.name or 'the installation'} can change that.")
