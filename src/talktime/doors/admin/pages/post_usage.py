"""The move to post-usage, step by step: what blocks it, auto-recharge, the balance, the switch, and after it.

Each step has an address that can be shared (?step=2); what is shown is the dry run as of now.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from markupsafe import Markup
from nicegui import ui

from talktime.doors.admin.kit.act import action, asked, tell_then
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import (
    Cell,
    Column,
    badge,
    card,
    facts,
    figure,
    link,
    row,
    table,
    tabs,
    text,
)
from talktime.doors.admin.money_parts import opened, warn
from talktime.doors.admin.page import Visit, page

if TYPE_CHECKING:
    from talktime.client.management.answers_papers import Outlook, PostUsage
    from talktime.client.management.readers import Seen


@page("/tenants/{tenant}/billing/post-usage", title="Move to post-usage", needs="see_balance")
async def post_usage(at: Visit) -> None:
    """The step that the address names, the first one otherwise."""
    seen = await at.tenant.post_usage.get()
    asked_for = at.query.get("step", "1")
    step = int(asked_for) if asked_for.isdecimal() and 0 < int(asked_for) <= len(STEPS) else 1
    tabs(
        "Steps",
        [(f"{n}. {label}", at.here(step=n), n == step) for n, (label, _) in enumerate(STEPS, 1)],
    )
    label, shown = STEPS[step - 1]
    with card(label):
        if shown is _recharge:
            await _recharge_now(at)
        shown(at, seen)
        with ui.element("div").classes("tt-row tt-end"):
            if step > 1:
                link("Back", at.here(step=step - 1), as_button=True)
            if step < len(STEPS):
                link("Next", at.here(step=step + 1), is_main=True)


def _blocks(at: Visit, seen: Seen[PostUsage]) -> None:
    found = seen.value
    if found.can_switch:
        said("good", "Nothing stands against it: the switch happens by itself once the balance is spent.")
    else:
        rows: list[list[Cell]] = [[one.why, one.remedy] for one in found.against]
        table(["What stands against it", "What to do"], rows, "What stands against the switch")
    for note in found.notes:
        said("note", note)
    run = found.dry_run
    facts(
        [
            ("Calls are billed now", opened(found.mode_says)),
            ("Account", found.billing_account or "none"),
            ("Balance", at.money(run.balance, run.currency)),
            ("It would be spent", _between(found)),
        ]
    )


def _between(found: PostUsage) -> str:
    run = found.dry_run
    if run.earliest == run.latest:
        return run.earliest
    return f"about {run.expected}, between {run.earliest} and {run.latest}"


def _recharge(at: Visit, seen: Seen[PostUsage]) -> None:
    del at
    warn(seen.value.warnings)
    text(
        "While auto-recharge is on, the balance refills itself, and billing never switches. "
        "It has to be off before the balance can be spent to its end."
    )


async def _recharge_now(at: Visit) -> None:
    found = (await at.tenant.recharge.get()).value
    if found.state == "off":
        said("good", "Auto-recharge is off.")
        return
    said("warning", f"Auto-recharge is {found.says}.")
    if not at.may("turn_auto_recharge_off"):
        text("Somebody who may edit auto-recharge has to turn it off.")
        return

    async def off() -> None:
        says = (
            (await at.tenant.recharge.preview({"enabled": False})).says
            if at.may("edit_auto_recharge")
            else ()
        )
        if await asked(
            "Turn auto-recharge off?", " ".join(says) or "Nothing is bought by itself any more.", "Turn off"
        ):
            await at.tenant.recharge.off()
            tell_then("Auto-recharge is off.", at.here())

    with row():
        action("Turn auto-recharge off", off, is_main=True)
        link("Auto-recharge settings", at.link("credits/auto-recharge"), as_button=True)


def _balance(at: Visit, seen: Seen[PostUsage]) -> None:
    run = seen.value.dry_run
    figure("Balance", at.money(run.balance, run.currency), f"spent {_between(seen.value)}")
    text(run.left_over)
    table(
        [
            "At the pace of",
            Column("Money a day", "figure"),
            Column("Spent to its end", "time"),
            Column("Spent", "figure"),
            Column("Lost by expiry", "figure"),
        ],
        [
            [
                f"the last {one.days} days",
                at.money(one.burn_a_day, run.currency),
                one.ends_on or "—",
                at.money(one.spent, run.currency),
                at.money(one.forfeited, run.currency),
            ]
            for one in run.courses
        ],
        "What happens to the balance if auto-recharge is off from today on",
        shows_caption=True,
    )
    _expiring(at, run.courses, run.currency)


def _expiring(at: Visit, courses: tuple[Outlook, ...], currency: str) -> None:
    rows: list[list[Cell]] = [
        [str(lot.lot), at.day(lot.expires_at), at.money(lot.amount, currency), f"the last {one.days} days"]
        for one in courses
        for lot in one.expiring
    ]
    if rows:
        table(
            [Column("Lot", "figure"), Column("Expires", "time"), Column("Lost", "figure"), "At the pace of"],
            rows,
            "Lots that expire before they are spent",
            shows_caption=True,
        )


def _switch(at: Visit, seen: Seen[PostUsage]) -> None:
    found = seen.value
    if found.enabled is None:
        said(
            "warning",
            "No billing account allows it; the provider has to make one with such an agreement first.",
        )
        return
    account = found.billing_account or ""
    facts(
        [
            ("Account", account),
            ("Post-usage", badge("On", "good") if found.enabled else badge("Off", "warning")),
        ]
    )
    text(
        "Post-usage stands behind the credits: what they do not pay is invoiced at the end of the month. "
        "Switched off, paid calls are refused at a balance of 0."
    )
    if not at.may("edit_billing_accounts"):
        text("Somebody who may edit billing accounts switches it.", small=True)
        return

    async def switched() -> None:
        wanted = not found.enabled
        word = "on" if wanted else "off"
        sentence = (
            "What credits do not pay is then invoiced after use."
            if wanted
            else "At a balance of 0 paid calls are then refused."
        )
        if await asked(
            f"Switch post-usage {word} for {account}?", sentence, f"Switch it {word}", is_grave=not wanted
        ):
            await at.tenant.post_usage.put(enabled=wanted, if_match=seen)
            tell_then(f"Post-usage is {word}.", at.here())

    with row():
        action(
            "Switch post-usage off" if found.enabled else "Switch post-usage on",
            switched,
            is_main=not found.enabled,
        )


def _done(at: Visit, seen: Seen[PostUsage]) -> None:
    found = seen.value
    facts([("Calls are billed now", opened(found.mode_says)), ("Balance", at.money(found.dry_run.balance))])
    if found.can_switch:
        said(
            "good",
            "Everything is set: once the balance is spent, calls are invoiced after use by themselves.",
        )
    else:
        first = Markup(" ").join(Markup("{} {}").format(one.why, one.remedy) for one in found.against)
        said("warning", Markup("It does not switch yet. {}").format(first))
    text(found.dry_run.left_over)
    with row():
        if at.may("see_invoices"):
            link("Invoices", at.link("invoices"), as_button=True)
        link("Billing accounts", at.link("billing"), as_button=True)


STEPS: Final[tuple[tuple[str, Callable[[Visit, Seen[PostUsage]], None]], ...]] = (
    ("What stands against it", _blocks),
    ("Auto-recharge", _recharge),
    ("The balance", _balance),
    ("Switch post-usage on", _switch),
    ("How it stands now", _done),
)
"""The steps in their order: the words for each, and what shows it."""
