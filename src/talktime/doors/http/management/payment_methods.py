"""The cards that a tenant pays with: listed, added through a gateway, removed, made the default."""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Depends, Path, Response
from pydantic import ConfigDict, StringConstraints

from talktime.accounts.payment_methods import PaymentMethods
from talktime.accounts.tenant import CLOSED, PaymentMethod, Tenant
from talktime.accounts.tenant_commands import TENANT_CLOSED
from talktime.doors.http.management.answers_money import MethodAnswer, MethodList
from talktime.doors.http.management.house import CallerOf, House, InHouse, done, may, who
from talktime.doors.http.management.pages import Key
from talktime.doors.http.management.shown_money import method_shown
from talktime.doors.http.management.texts import Cursor, Limit, Strict, Text, next_of, place_of
from talktime.doors.http.problems import Problem, ProblemError, refused
from talktime.funding.gateway import GatewayRefused, GatewayUnclear
from talktime.funding.purchasing import NO_GATEWAY

if TYPE_CHECKING:
    from talktime.funding.gateway import Gateway, MethodFacts

router = APIRouter(prefix="/v1/tenants/{tenant}/payment-methods", tags=["payment methods"])

SeesReceipts = Annotated[str, Depends(may("see_receipts"))]
EditsMethods = Annotated[str, Depends(may("edit_payment_methods"))]

MethodId = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")]

_UNKNOWN: Final = "unknown_payment_method"


class NewMethod(Strict):
    """A card: `source` is what the gateway's own form gave; the sandbox takes its test card numbers.

    Without `gateway` it is kept by the installation's first one.
    """

    source: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[\x20-\x7e]+$")]
    gateway: Text = ""

    model_config = ConfigDict(json_schema_extra={"examples": [{"source": "4242 4242 4242 4242"}]})


@router.get("")
async def list_payment_methods(
    house: InHouse, tenant: SeesReceipts, limit: Limit = 100, cursor: Cursor = ""
) -> MethodList:
    """The cards in the order in which they were added."""
    settings = await house.settings(tenant)
    methods = settings.payment_methods
    after = place_of(cursor, Key, "")
    begin = next((at for at, method in enumerate(methods, 1) if method.id == after), 0)
    page = methods[begin : begin + limit]
    return MethodList(
        payment_methods=[method_shown(method, settings) for method in page],
        next=next_of(page[-1].id) if begin + limit < len(methods) else None,
    )


@router.post("", status_code=201)
async def add_payment_method(
    house: InHouse, principal: CallerOf, tenant: EditsMethods, body: NewMethod
) -> MethodAnswer:
    """Has a gateway keep a card; the first one becomes the default. 422 with the gateway's reason if not."""
    settings = await house.settings(tenant)
    if settings.status == CLOSED:
        done(TENANT_CLOSED)
    gateway = _gateway(house, body.gateway)
    facts = await _saved(gateway, tenant, body.source)
    method = PaymentMethod(
        id=f"card_{token_hex(6)}",
        gateway=gateway.name,
        token=facts.token,
        brand=facts.brand,
        last4=facts.last4,
        expires=facts.expires,
        fingerprint=facts.fingerprint,
    )
    done(await _methods(house).add(tenant, method, who(principal)))
    return _one(await house.settings(tenant), method.id)


def _gateway(house: House, name: str) -> Gateway:
    """The gateway of this name, "" for the first one."""
    gateways = house.purchasing.gateways
    found = gateways.get(name) if name else next(iter(gateways.values()), None)
    return done(NO_GATEWAY if found is None else found)


async def _saved(gateway: Gateway, tenant: str, source: str) -> MethodFacts:
    """What the gateway says of a card. The source is never shown again: it could be a number."""
    try:
        return await gateway.save_method(tenant, source)
    except GatewayRefused as error:
        raise ProblemError(Problem(422, "card_refused", error.sentence, "/source")) from None
    except GatewayUnclear:
        detail = "the gateway does not answer; the card was not added, try again in a moment"
        raise ProblemError(Problem(503, "gateway_unclear", detail)) from None


@router.put("/{method}/default")
async def make_default(
    house: InHouse, principal: CallerOf, tenant: EditsMethods, method: MethodId
) -> MethodAnswer:
    """Makes a card the one that pays where none is named."""
    done(await _methods(house).make_default(tenant, method, who(principal)))
    return _one(await house.settings(tenant), method)


@router.delete("/{method}", status_code=204)
async def remove_payment_method(
    house: InHouse, principal: CallerOf, tenant: EditsMethods, method: MethodId
) -> Response:
    """Removes a card; 409 `payment_method_in_use` while auto-recharge is on and pays with it."""
    done(await _methods(house).remove(tenant, method, who(principal)))
    return Response(status_code=204)


def _methods(house: House) -> PaymentMethods:
    return PaymentMethods(house.desk.engine, house.desk.catalogue)


def _one(tenant: Tenant, method: str) -> MethodAnswer:
    """A card of a tenant; somebody may have removed it since."""
    for known in tenant.payment_methods:
        if known.id == method:
            return method_shown(known, tenant)
    raise refused(_UNKNOWN, f"the tenant has no payment method {method!r}")
