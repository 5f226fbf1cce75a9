"""Marketplace: plans with what they include, and which licences a feature needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from talktime.doors.admin.kit.fields import select_field
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import anchor, badge, card, empty, heading, link, table, text
from talktime.doors.admin.page import Visit, page

if TYPE_CHECKING:
    from talktime.client.management.answers_people import Feature
    from talktime.client.management.answers_rates import LicenceCount, Plan

_KINDS: Final = {
    "calling": "Calling plans",
    "conferencing": "Audio Conferencing",
    "credits": "Communication Credits",
    "phone": "Phone licences",
}
_MONEY: Final = {
    "never": badge("no credits", "good"),
    "after_pool": badge("credits after the included minutes", "warning"),
    "every_minute": badge("credits for every minute", "warning"),
    "operator_bills": badge("your operator bills", "good"),
}
_TRAITS: Final = {
    "spends_credits": "its holder may spend credits",
    "pay_as_you_go": "calls are paid by the minute",
    "pay_per_minute_conferencing": "conferences are paid by the minute",
}


@page("/tenants/{tenant}/marketplace", title="Marketplace", needs="see_rates")
async def marketplace(at: Visit) -> None:
    """What there is to be had, and what one needs for what one wants to do."""
    plans = {plan.code: plan for plan in await at.management.plans.all()}
    held = {one.plan: one for one in await at.tenant.licences()}
    features = await at.management.features.all()
    chosen = next((one for one in features if one.id == at.query.get("feature")), None)
    with card("What do you want to do?"):
        _ask(at, features, chosen)
        if chosen is not None:
            _ways(at, chosen, plans, held)
    for kind, title in _KINDS.items():
        some = [plan for plan in plans.values() if plan.kind == kind]
        if some:
            with card(title):
                _plans(at, some, plans, held)
    with card("Prices by the minute"):
        text("What no plan includes is paid by the minute from Communication Credits, at your rates.")
        link("Look a number or a country up", at.link("rates"), as_button=True)


def _ask(at: Visit, features: Sequence[Feature], chosen: Feature | None) -> None:
    async def look(event: object) -> None:
        at.go(at.link("marketplace", feature=str(getattr(event, "value", "") or "")))

    options = {one.id: one.name for one in features}
    select_field("Feature", options, chosen.id if chosen is not None else None, on_change=look).classes(
        "tt-long"
    )


def _ways(at: Visit, feature: Feature, plans: Mapping[str, Plan], held: Mapping[str, LicenceCount]) -> None:
    heading(f"{feature.name}: {'one of these ways' if len(feature.ways) > 1 else 'one way'}")
    if not feature.ways:
        empty("Nothing that is sold here gives this.")
    for way in feature.ways:
        said("note", way.sentence)
        rows = [
            [
                Markup("<br>").join(_named(code, plans) for code in choice),
                _left(at, [held[code] for code in choice if code in held]),
            ]
            for choice in way.licences
        ]
        text(_MONEY.get(way.money, badge(way.money)))
        table(["One licence of", "You have"], rows, f"Licences for {feature.name}")


def _named(code: str, plans: Mapping[str, Plan]) -> Markup:
    name = plans[code].name if code in plans else code
    return Markup('{} <span class="tt-small tt-code">{}</span>').format(name, code)


def _left(at: Visit, held: Sequence[LicenceCount]) -> str | Markup:
    """What the organisation has of some plans, with a way to assign it."""
    if not held:
        return badge("none")
    lines = [
        Markup("{} bought, {} left{}").format(
            f"{one.purchased:,}",
            f"{one.left:,}",
            Markup(' <span class="tt-small tt-code">{}</span>').format(one.plan) if len(held) > 1 else "",
        )
        for one in held
    ]
    words = Markup("<br>").join(lines)
    return anchor(words, at.link("licences")) if at.may("see_users") else words


def _plans(
    at: Visit, some: Sequence[Plan], plans: Mapping[str, Plan], held: Mapping[str, LicenceCount]
) -> None:
    rows = [
        [
            _named(plan.code, plans),
            _includes(plan),
            _needs(plan, plans),
            Markup("<br>").join(
                anchor(one.name, at.link("marketplace", feature=one.id)) for one in plan.features
            )
            or "—",
            _left(at, [held[plan.code]] if plan.code in held else []),
        ]
        for plan in some
    ]
    table(["Plan", "Includes", "Needs beside it", "Part of", "You have"], rows, "Plans")


def _includes(plan: Plan) -> Markup | str:
    parts: list[Markup | str] = [badge("free of charge", "good")] if plan.free else []
    parts += [pool.says for pool in plan.pools]
    parts += [_TRAITS[trait] for trait in plan.traits if trait in _TRAITS]
    if plan.kind == "calling" and not plan.pools:
        parts.append("no minutes")
    if plan.countries:
        parts.append(f"for users in {', '.join(plan.countries)}")
    return Markup("<br>").join(parts) if parts else "—"


def _needs(plan: Plan, plans: Mapping[str, Plan]) -> Markup | str:
    if not plan.needs:
        return "—"
    return Markup("<br>").join(
        Markup(" or ").join(_named(code, plans) for code in choice) for choice in plan.needs
    )
