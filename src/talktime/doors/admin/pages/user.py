"""Users and numbers > Users > one of them: all about a person, each part for those who may change it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from talktime.catalog.side import load_policies
from talktime.doors.admin.kit.act import grave, tell_then
from talktime.doors.admin.kit.fields import Form, money_field, select_field, text_field
from talktime.doors.admin.kit.show import anchor, card, columns, empty, facts, row, text
from talktime.doors.admin.page import Visit, page
from talktime.doors.admin.pages.people import plan_of, several_field
from talktime.doors.admin.words import count

if TYPE_CHECKING:
    from talktime.client.management.readers import Seen
    from talktime.client.management.tables import UserTable


@page("/tenants/{tenant}/users/new", title="Add a user", needs="edit_users")
async def new_user(at: Visit) -> None:
    """A user that there is not yet."""
    text(anchor("All users", at.link("users")))
    with card():
        fields = await _fields(at, {})

        async def save() -> None:
            table_ = _told({}, fields)
            if not table_.get("upn"):
                form.refuse("A user has a UPN, such as ana@contoso.example.", "upn")
                return
            await at.tenant.users.put(table_["upn"], table_)
            at.go(at.link("users", table_["upn"]))

        form = Form(save, fields, label="Add")


@page("/tenants/{tenant}/users/{upn}", title="User", needs="see_users")
async def user(at: Visit) -> None:
    """Everything about one person, each part for those who may change it."""
    text(anchor("All users", at.link("users")))
    seen = await at.tenant.users.get(at.path["upn"])
    table_ = seen.value
    with columns():
        with card(table_.get("name") or table_["upn"]):
            facts(_facts(at, table_))
            text(
                anchor("Calls of this user", at.link("reports", user=table_["upn"]))
                if at.may("see_usage")
                else ""
            )
        with card("Change"):
            await _change(at, seen)
    if at.may("edit_users") or at.may("erase_person"):
        with card("Remove"):
            _remove(at, seen)


def _facts(at: Visit, user: UserTable) -> list[tuple[str, str | Markup]]:
    cap = user.get("cap_per_month")
    return [
        ("UPN", user["upn"]),
        ("Id", user.get("id") or "—"),
        ("Location", user.get("location") or "as the organisation"),
        ("Licences", Markup("<br>").join(_licence(one) for one in user.get("licences", ())) or "none"),
        ("Numbers", ", ".join(user.get("numbers", ())) or "none"),
        ("Cost centre", user.get("cost_centre") or "none"),
        ("Cap a month", "none" if cap is None else at.money(Decimal(cap))),
        ("Dial-out policies", ", ".join(user.get("policies", ())) or "the default"),
    ]


def _licence(licence: Any) -> Markup:
    if isinstance(licence, str):
        return Markup("{}").format(licence)
    spans = [f"{word} {licence[word]}" for word in ("from", "until") if licence.get(word)]
    return Markup("{} <span class='tt-small'>{}</span>").format(licence["plan"], " ".join(spans))


async def _change(at: Visit, seen: Seen[UserTable]) -> None:
    """All of a user, or the one part that somebody may set."""
    if at.may("edit_users"):
        await _change_all(at, seen)
        return
    if at.may("assign_licences"):
        await _change_licences(at, seen)
    if at.may("set_usage_location"):
        await _change_location(at, seen)
    if not (at.may("assign_licences") or at.may("set_usage_location")):
        empty("Your roles here only allow to look.")


async def _change_all(at: Visit, seen: Seen[UserTable]) -> None:
    fields = await _fields(at, seen.value)

    async def save() -> None:
        table_ = _told(seen.value, fields)
        await at.tenant.users.put(at.path["upn"], table_, if_match=seen)
        tell_then("Saved.", at.link("users", table_["upn"]))

    Form(save, fields)


async def _change_licences(at: Visit, seen: Seen[UserTable]) -> None:
    plans = await _plan_field(at, seen.value)

    async def save() -> None:
        held = _licences(seen.value, plans.value)
        await at.tenant.users.put_licences(at.path["upn"], held, if_match=seen)
        tell_then("Saved.", at.address)

    Form(save, {"licences": plans}, label="Save licences")


async def _change_location(at: Visit, seen: Seen[UserTable]) -> None:
    place = text_field("Location", seen.value.get("location", ""), hint="a country, such as GB")

    async def save() -> None:
        await at.tenant.users.put_location(at.path["upn"], place.value.strip().upper(), if_match=seen)
        tell_then("Saved.", at.address)

    Form(save, {"location": place}, label="Save location")


async def _fields(at: Visit, user: Mapping[str, Any]) -> dict[str, Any]:
    """A field for each thing of a user; what somebody may not set is not among them."""
    fields: dict[str, Any] = {}
    upn = user.get("upn", "")
    if not upn:
        fields["upn"] = text_field("UPN", upn, hint="ana@contoso.example")
    fields["name"] = text_field("Name", user.get("name", ""))
    fields["location"] = text_field("Location", user.get("location", ""), hint="a country, such as GB")
    fields["licences"] = await _plan_field(at, user)
    numbers = "; ".join(user.get("numbers", ()))
    fields["numbers"] = text_field("Numbers", numbers, hint="+12025550100; +12025550101")
    fields["cost_centre"] = _centre_field(at, user.get("cost_centre", ""))
    if at.may("edit_caps"):
        cap = user.get("cap_per_month") or ""
        fields["cap_per_month"] = money_field("Cap a month", at.words.currency, cap, hint="empty: no cap")
    policies = {one.id: one.name for one in load_policies().policies.values()}
    held = [one for one in user.get("policies", ()) if one in policies]
    fields["policies"] = several_field("Dial-out policies", policies, held)
    return fields


async def _plan_field(at: Visit, user: Mapping[str, Any]) -> Any:
    known = {plan.code: f"{plan.name} ({plan.code})" for plan in await at.management.plans.all()}
    held = [plan_of(one) for one in user.get("licences", ())]
    options = known | {one: one for one in held if one not in known}
    return several_field("Licences", options, held)


def _centre_field(at: Visit, held: str) -> Any:
    """One of the declared cost centres; any word where none is declared."""
    declared = {one["id"]: one.get("name") or one["id"] for one in at.settings.get("cost_centres", ())}
    if not declared:
        return text_field("Cost centre", held)
    return select_field("Cost centre", {"": "none", **declared, **({held: held} if held else {})}, held)


def _told(before: Mapping[str, Any], fields: Mapping[str, Any]) -> Any:
    """The user's table with what the fields say; what has no field stays as it was."""
    table_: dict[str, Any] = dict(before)
    for name, field in fields.items():
        value = field.value
        match name:
            case "licences":
                value = _licences(before, value)
            case "numbers":
                value = [one.strip() for one in str(value or "").replace(",", ";").split(";") if one.strip()]
            case "location":
                value = str(value or "").strip().upper()
            case "policies":
                value = list(value or ())
            case _:
                value = str(value or "").strip()
        if value:
            table_[name] = value
        else:
            table_.pop(name, None)
    return table_


def _licences(before: Mapping[str, Any], plans: Sequence[str] | None) -> list[Any]:
    """The licences of these plans; one that stays keeps its dates."""
    held = {plan_of(one): one for one in before.get("licences", ())}
    return [held.get(plan, plan) for plan in plans or ()]


def _remove(at: Visit, seen: Seen[UserTable]) -> None:
    upn = seen.value["upn"]

    async def remove() -> None:
        await at.tenant.users.remove(at.path["upn"], if_match=seen)
        at.go(at.link("users"))

    async def erase() -> None:
        done = await at.tenant.users.erase(at.path["upn"], confirm=True)
        tell_then(f"Erased from {count(done.charges)} calls.", at.link("users"))

    with row():
        if at.may("edit_users"):
            what = f"{upn} can make no calls any more; what it was charged stays."
            grave("Remove the user", "Remove the user", what, remove, yes="Remove")
        if at.may("erase_person"):
            what = (
                f"{upn} is taken out of calls, documents, the audit log and notices for good. The figures "
                "stay. Nobody can undo this."
            )
            grave("Erase the person", "Erase the person", what, erase, yes="Erase for good")
