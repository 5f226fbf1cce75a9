"""Users and numbers > Service numbers, Spend caps, Cost centres: each list with its form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, cast

from markupsafe import Markup

from talktime.doors.admin.kit.act import grave, tell_then
from talktime.doors.admin.kit.fields import Form, money_field, select_field, text_field
from talktime.doors.admin.kit.show import (
    Column,
    anchor,
    bar,
    card,
    columns,
    empty,
    link,
    pager,
    row,
    table,
    text,
)
from talktime.doors.admin.page import Visit, page
from talktime.doors.admin.pages.people import plan_of, several_field

if TYPE_CHECKING:
    from talktime.client.management.answers_money import SpentCap
    from talktime.client.management.tables import CapTable, CostCentreTable, ServiceNumberTable

MOST: Final = 100

_KINDS: Final = {"toll": "toll", "toll_free": "toll-free"}
_SERVICES: Final = {
    "": "not said",
    "conferencing_bridge": "conferencing bridge",
    "auto_attendant": "auto attendant",
    "call_queue": "call queue",
}
_SCOPES: Final = {
    "user": "user",
    "cost_centre": "cost centre",
    "tenant": "whole organisation",
}


# --- service numbers --------------------------------------------------------------------------------------


@page("/tenants/{tenant}/numbers", title="Service numbers", needs="see_users")
async def numbers(at: Visit) -> None:
    """The numbers of bridges, auto attendants and call queues; one of them, or a new one, in a form."""
    after = at.query.get("after", "")
    found = await at.tenant.service_numbers.pages(limit=MOST, after=after).first()
    chosen = at.query.get("number", "")
    with card():
        if at.may("edit_service_numbers"):
            with row():
                link("Add a number", at.link("numbers", number="new"), is_main=not chosen, as_button=True)
        heads = ["Number", "Kind", "Service", "Licences", "Cost centre"]
        nothing = "No service numbers yet: a toll-free number for conferences or a call queue stands here."
        table(heads, [_number_cells(at, one) for one in found.items], "Service numbers", nothing=nothing)
        pager(at.here(after=None) if after else "", at.here(after=str(found.next)) if found.next else "")
    if chosen and at.may("edit_service_numbers"):
        await _number(at, "" if chosen == "new" else chosen)


def _number_cells(at: Visit, one: ServiceNumberTable) -> list[str | Markup]:
    may = at.may("edit_service_numbers")
    number = one["number"]
    return [
        anchor(number, at.link("numbers", number=number)) if may else number,
        _KINDS.get(one["kind"], one["kind"]),
        _SERVICES.get(one.get("service", ""), one.get("service", "")),
        ", ".join(plan_of(each) for each in one.get("licences", ())) or "—",
        one.get("cost_centre") or "—",
    ]


async def _number(at: Visit, number: str) -> None:
    """The form of a number; "" for a new one."""
    seen = await at.tenant.service_numbers.get(number) if number else None
    held: Mapping[str, Any] = cast("Mapping[str, Any]", seen.value) if seen is not None else {}
    with card(number or "A new number"):
        fields = await _number_fields(at, held)

        async def save() -> None:
            said = _number_table(held, fields)
            name = number or str(said.get("number", ""))
            if not name:
                form.refuse("A service number is an international number, such as +18005550100.", "number")
                return
            await at.tenant.service_numbers.put(name, said, if_match=seen)
            tell_then("Saved.", at.link("numbers"))

        async def remove() -> None:
            await at.tenant.service_numbers.remove(number, if_match=seen)
            at.go(at.link("numbers"))

        form = Form(save, fields)
        if number:
            what = f"Calls to {number} are not charged to this organisation's number any more."
            grave("Remove the number", "Remove the number", what, remove, yes="Remove")


async def _number_fields(at: Visit, held: Mapping[str, Any]) -> dict[str, Any]:
    plans = {plan.code: f"{plan.name} ({plan.code})" for plan in await at.management.plans.all()}
    licences = [plan_of(each) for each in held.get("licences", ())]
    services = _SERVICES | ({held["service"]: held["service"]} if held.get("service") else {})
    fields: dict[str, Any] = {}
    if not held:
        fields["number"] = text_field("Number", hint="+18005550100")
    fields["kind"] = select_field("Kind", _KINDS, held.get("kind", "toll_free"))
    fields["service"] = select_field("Service", services, held.get("service", ""))
    fields["licences"] = several_field(
        "Licences", plans | {one: one for one in licences if one not in plans}, licences
    )
    fields["cost_centre"] = text_field("Cost centre", held.get("cost_centre", ""))
    return fields


def _number_table(held: Mapping[str, Any], fields: Mapping[str, Any]) -> Any:
    """The number's table with what the fields say; a licence that stays keeps its dates."""
    dated = {plan_of(each): each for each in held.get("licences", ())}
    said = {name: field.value for name, field in fields.items()}
    said["licences"] = [dated.get(plan, plan) for plan in said["licences"] or ()]
    made = {
        **held,
        **{name: value.strip() if isinstance(value, str) else value for name, value in said.items()},
    }
    return {name: value for name, value in made.items() if value}


# --- spend caps -------------------------------------------------------------------------------------------


@page("/tenants/{tenant}/caps", title="Spend caps", needs="edit_caps")
async def caps(at: Visit) -> None:
    """What may be spent a month, what was, and the form that changes it."""
    seen = await at.tenant.caps.get()
    # Read behind the ETag: what is newer than it is refused when it is saved, and never lost.
    settings = (await at.tenant.get()).value
    held = list(settings.get("caps", ()))
    text(
        "When a cap is reached, further calls that cost money are refused until the month ends; calls in "
        "progress go on as far as they are paid for. A cap on a user can also be set at the user."
    )
    with card("This month"):
        heads = [
            Column("For"),
            Column("Name"),
            Column("Limit", "figure"),
            Column("Spent", "figure"),
            Column("In calls", "figure"),
            Column("Left", "figure"),
            Column("Used"),
        ]
        nothing = "No caps: everybody may spend until the credits end."
        table(heads, [_cap_cells(at, one) for one in seen.value], "Spend caps", nothing=nothing)
    with columns():
        with card("Add a cap, or change one"):
            _add_cap(at, held, seen.etag)
        if held:
            with card("Take a cap away"):
                for place, one in enumerate(held):
                    _take_cap(at, held, place, one, seen.etag)


def _cap_cells(at: Visit, cap: SpentCap) -> list[str | Markup]:
    used = cap.spent + cap.reserved
    # whole coins of a millionth, so that the bar is drawn of integers
    bar_of = bar(int(used * 1_000_000), int(cap.limit * 1_000_000), _part(used, cap.limit))
    return [
        _SCOPES.get(cap.scope, cap.scope),
        "—" if cap.scope == "tenant" else cap.id,
        at.money(cap.limit),
        at.money(cap.spent),
        at.money(cap.reserved),
        at.money(cap.left),
        bar_of,
    ]


def _part(used: Decimal, limit: Decimal) -> str:
    """How much of a limit is used, in whole percent, rounded down."""
    return f"{int(used * 100 // limit)} %" if limit > 0 else "nothing is allowed"


def _add_cap(at: Visit, held: Sequence[CapTable], etag: str) -> None:
    scope = select_field("For", _SCOPES, "cost_centre")
    name = text_field("User or cost centre", hint="the UPN, or the cost centre's id")
    name.bind_visibility_from(scope, "value", backward=lambda value: value != "tenant")
    amount = money_field("Limit a month", at.words.currency)

    async def save() -> None:
        id_ = "" if scope.value == "tenant" else name.value.strip()
        made: CapTable = {"scope": str(scope.value), "amount": amount.value.strip()}
        if id_:
            made["id"] = id_
        others = [one for one in held if _key(one) != _key(made)]
        await at.tenant.caps.put([*others, made], if_match=etag)
        tell_then("Saved.", at.link("caps"))

    Form(save, {"scope": scope, "id": name, "amount": amount}, label="Save cap")


def _take_cap(at: Visit, held: Sequence[CapTable], place: int, cap: CapTable, etag: str) -> None:
    whose = f"the {_SCOPES.get(cap['scope'], cap['scope'])} {_key(cap)[1] and cap.get('id', '')}".strip()

    async def take() -> None:
        await at.tenant.caps.put([one for at_, one in enumerate(held) if at_ != place], if_match=etag)
        at.go(at.link("caps"))

    with row():
        sentence = f"From now on {whose} may spend without this limit of {at.words.currency} {cap['amount']}."
        grave(f"Remove the cap of {whose}", "Remove the cap", sentence, take, yes="Remove")


def _key(cap: CapTable) -> tuple[str, str]:
    return cap["scope"], "" if cap["scope"] == "tenant" else cap.get("id", "").casefold()


# --- cost centres -----------------------------------------------------------------------------------------


@page("/tenants/{tenant}/cost-centres", title="Cost centres", needs="see_users")
async def cost_centres(at: Visit) -> None:
    """The declared cost centres, and the form that declares one."""
    seen = await at.tenant.get()
    held: list[CostCentreTable] = list(seen.value.get("cost_centres", ()))
    may = at.may("edit_tenant")
    with card():
        if not held:
            empty(
                "No cost centre is declared: users and numbers may name any word. Once one is declared, they "
                "name declared ones only."
            )
        else:
            rows = [
                [
                    one["id"],
                    one.get("name") or "—",
                    one.get("parent") or "—",
                    anchor("Users", at.link("users", search=one["id"])),
                ]
                for one in held
            ]
            table(["Id", "Name", "Part of", "Who"], rows, "Cost centres")
    if not may:
        return
    with columns():
        with card("Declare a cost centre, or change one"):
            id_, name = text_field("Id", hint="as users and numbers name it"), text_field("Name")
            parents = {"": "nothing", **{one["id"]: one["id"] for one in held}}
            parent = select_field("Part of", parents, "")

            async def save() -> None:
                made: CostCentreTable = {"id": id_.value.strip()}
                if name.value.strip():
                    made["name"] = name.value.strip()
                if parent.value:
                    made["parent"] = str(parent.value)
                known = {one["id"]: one for one in held} | {made["id"]: made}
                settings = {**seen.value, "cost_centres": list(known.values())}
                await at.tenant.put(cast("Any", settings), if_match=seen)
                tell_then("Saved.", at.link("cost-centres"))

            Form(save, {"id": id_, "name": name, "parent": parent})
        if held:
            with card("Take one away"):
                for one in held:
                    _take_centre(at, seen, one["id"])


def _take_centre(at: Visit, seen: Any, id_: str) -> None:
    async def take() -> None:
        left = [one for one in seen.value["cost_centres"] if one["id"] != id_]
        await at.tenant.put(cast("Any", {**seen.value, "cost_centres": left}), if_match=seen)
        at.go(at.link("cost-centres"))

    with row():
        text(id_)
        sentence = f"{id_} is no cost centre any more; whoever still names it has to be changed first."
        grave(f"Remove {id_}", "Remove the cost centre", sentence, take, yes="Remove")
