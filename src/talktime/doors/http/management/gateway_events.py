"""What gateways tell by themselves, without a key: the message is signed, or it is not looked at."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from talktime.doors.http.management.house import InHouse, read
from talktime.doors.http.problems import Problem, ProblemError
from talktime.funding.events import take_event
from talktime.funding.gateway import BadSignature, GatewayUnclear

router = APIRouter(prefix="/v1/gateways", tags=["gateways"])

GatewayName = Annotated[
    str, Path(min_length=1, max_length=40, pattern=r"^[a-z0-9_-]+$", examples=["sandbox"])
]


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
            await take_event(house.desk.engine, gateway, event)
        except GatewayUnclear:
            detail = "the gateway did not say whose payment this is; send the message again"
            raise ProblemError(Problem(503, "gateway_unclear", detail)) from None
    return Response(status_code=200)
