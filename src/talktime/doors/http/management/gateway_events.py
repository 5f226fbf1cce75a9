"""What gateways tell by themselves, without a key: the message is signed, or it is not looked at."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from talktime.doors.http.management.house import InHouse, read
from talktime.doors.http.problems import Problem, ProblemError
from talktime.funding.events import take_event
from talktime.funding.gateway import BadSignature, Gateway, GatewayEvent, GatewayRefused, GatewayUnclear
from talktime.funding.taxes import minor_unit_micros
from talktime.ledger.engine import Engine

router = APIRouter(prefix="/v1/gateways", tags=["gateways"])

GatewayName = Annotated[
    str, Path(min_length=1, max_length=40, pattern=r"^[a-z0-9_-]+$", examples=["sandbox"])
]

log = logging.getLogger(__name__)


@router.post("/{name}/events", status_code=200, response_class=Response, openapi_extra={"security": []})
async def take_gateway_event(house: InHouse, name: GatewayName, request: Request) -> Response:
    """Takes a message of a gateway, at most 256 kB: 200 once it is in the ledger, or is of no interest.

    400 for a bad signature, 503 where the gateway should send it again.
    """
    gateway = house.purchasing.gateways.get(name)
    if gateway is None:
        raise ProblemError(Problem(404, "unknown_gateway", f"the gateway {name!r} is not set up here"))
    body = await request.body()
    try:
        event = await read(gateway.read_event, body, dict(request.headers))
    except BadSignature as error:
        raise ProblemError(Problem(400, "bad_signature", str(error))) from None
    if event is not None:
        try:
            await _take(house.desk.engine, gateway, event)
        except GatewayUnclear:
            detail = "the gateway did not say whose payment this is; send the message again"
            raise ProblemError(Problem(503, "gateway_unclear", detail)) from None
    return Response(status_code=200)


async def _take(engine: Engine, gateway: Gateway, event: GatewayEvent) -> None:
    """Brings an event into the ledger. One that cannot be about anything of ours is logged and done with.

    A refusal would only have the gateway send it again, for days. Raises GatewayUnclear.
    """
    about = f"{gateway.name} tells {event.kind} of {event.id}"
    try:
        filled = await gateway.fill(event)
    except GatewayRefused as error:
        log.warning("%s, of which it then knows nothing: %s", about, error)
        return
    if not filled.tenant or not filled.payment:
        log.warning("%s, which is no payment of ours", about)
        return
    try:
        await take_event(engine, gateway, filled)
    except ValueError:
        if _is_known(filled.currency):
            raise
        log.exception("%s in a currency that nothing here is sold in", about)


def _is_known(currency: str) -> bool:
    try:
        minor_unit_micros(currency)
    except ValueError:
        return False
    return True
