"""Webhooks of a tenant: made, changed, tried out, given new secrets, switched off and on, removed.

A secret stands in the answer that makes it and nowhere else.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import Field, StringConstraints

from talktime.catalog.side import load_roles
from talktime.doors.http.management.answers_people import (
    TestAnswer,
    WebhookAnswer,
    WebhookList,
    WebhookMade,
)
from talktime.doors.http.management.house import CallerOf, House, InHouse, done, may, who
from talktime.doors.http.management.shown_people import webhook_fields, webhook_shown
from talktime.doors.http.management.texts import Code, IfMatch, Strict, etag_of, matches
from talktime.doors.http.problems import Problem, ProblemError, refused
from talktime.ledger.deliveries import Deliveries
from talktime.notices.texts import load_texts
from talktime.notices.tried import End
from talktime.notices.webhook_desk import Wanted, WebhookDesk
from talktime.notices.webhook_sender import WebhookSender
from talktime.notices.webhooks import KEEP_OLD_S, MAX_URL, Webhook
from talktime.notices.wording import Wording

router = APIRouter(prefix="/v1/tenants/{tenant}/webhooks", tags=["webhooks"])

EditsWebhooks = Annotated[str, Depends(may("edit_webhooks"))]

WebhookId = Annotated[
    str,
    Path(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_]+$", examples=["wh_0123456789abcdef"]),
]
Url = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_URL, pattern=r"^[\x21-\x7e]+$"),
    Field(examples=["https://hooks.example.com/talktime"]),
]
Events = Annotated[list[Code], Field(max_length=100, examples=[["balance_low", "recharge_failed"]])]


class NewWebhook(Strict):
    """An address that is told of events; without `events` of all of them."""

    url: Url
    events: Events = Field(default_factory=list)
    allow_private: bool = False


class EditedWebhook(Strict):
    """What is to be another; what is absent stays. `enabled` False switches it off."""

    url: Url | None = None
    events: Events | None = None
    enabled: bool | None = None


class Rotation(Strict):
    """For how long the secrets before go on to sign beside the new one; 0: not at all."""

    keep_seconds: Annotated[int, Field(ge=0, le=30 * 86_400, examples=[86_400])] = KEEP_OLD_S


@router.get("")
async def list_webhooks(house: InHouse, tenant: EditsWebhooks) -> WebhookList:
    """The webhooks of a tenant in order of their ids."""
    await house.known(tenant)
    found = await _desk(house).listed(tenant)
    return WebhookList(webhooks=[webhook_shown(one, house.now_us) for one in found])


@router.post("", status_code=201)
async def make_webhook(
    house: InHouse, principal: CallerOf, tenant: EditsWebhooks, body: NewWebhook
) -> WebhookMade:
    """Makes a webhook; its secret stands in this answer only."""
    if body.allow_private and not house.means.private_webhooks:
        detail = "this installation calls no private addresses; leave allow_private out"
        raise ProblemError(Problem(422, "invalid", detail, "/allow_private"))
    await house.known(tenant)
    make = _desk(house).make(tenant, body.url, body.events, who(principal), allow_private=body.allow_private)
    return _made(done(await make), house.now_us)


@router.get("/{webhook}")
async def get_webhook(
    house: InHouse, tenant: EditsWebhooks, webhook: WebhookId, response: Response
) -> WebhookAnswer:
    """One webhook, without its secrets; its ETag is that of what can be changed."""
    await house.known(tenant)
    found = await _desk(house).kept(tenant, webhook)
    if found is None:
        raise refused("unknown_webhook", f"there is no webhook {webhook!r}")
    response.headers["ETag"] = etag_of(_seen(found))
    return webhook_shown(found, house.now_us)


@router.put("/{webhook}")
async def put_webhook(
    house: InHouse,
    principal: CallerOf,
    tenant: EditsWebhooks,
    webhook: WebhookId,
    body: EditedWebhook,
    response: Response,
    if_match: IfMatch = None,
) -> WebhookAnswer:
    """Another address, other events, off or on: one change."""
    wanted = Wanted(body.url, body.events, body.enabled)

    def still(now: Webhook) -> bool:
        return matches(if_match, _seen(now))

    edited = done(await _desk(house).edit(tenant, webhook, who(principal), wanted, still))
    response.headers["ETag"] = etag_of(_seen(edited))
    return webhook_shown(edited, house.now_us)


@router.delete("/{webhook}", status_code=204)
async def remove_webhook(
    house: InHouse, principal: CallerOf, tenant: EditsWebhooks, webhook: WebhookId
) -> Response:
    """Removes a webhook; what waits for it fails, and is kept."""
    done(await _desk(house).remove(tenant, webhook, who(principal)))
    return Response(status_code=204)


@router.post("/{webhook}/rotate")
async def rotate_secret(
    house: InHouse, principal: CallerOf, tenant: EditsWebhooks, webhook: WebhookId, body: Rotation
) -> WebhookMade:
    """Gives a webhook a new secret, which stands in this answer only; those before sign on for a time."""
    rotate = _desk(house).rotate(tenant, webhook, who(principal), body.keep_seconds)
    return _made(done(await rotate), house.now_us)


@router.post("/{webhook}/test")
async def test_webhook(house: InHouse, tenant: EditsWebhooks, webhook: WebhookId) -> TestAnswer:
    """Sends an event `webhook_test` at once, and says how that ended."""
    sender = WebhookSender(private_allowed=house.means.private_webhooks)
    try:
        tried = done(await _desk(house).test(tenant, webhook, sender))
    finally:
        await sender.close()
    return TestAnswer(taken=tried.end is End.SENT, error=tried.kept_error)


@router.post("/{webhook}/enable")
async def enable_webhook(
    house: InHouse, principal: CallerOf, tenant: EditsWebhooks, webhook: WebhookId
) -> WebhookAnswer:
    """Switches a webhook on again; failures before do not count on."""
    enabled = done(await _desk(house).enable(tenant, webhook, who(principal)))
    return webhook_shown(enabled, house.now_us)


def _seen(webhook: Webhook) -> tuple[str, tuple[str, ...], bool]:
    """What a PUT can change of a webhook: what it meets on its way is no edit of anybody."""
    return webhook.url, webhook.events, webhook.is_on


def _made(webhook: Webhook, now_us: int) -> WebhookMade:
    return WebhookMade(**webhook_fields(webhook, now_us), secret=webhook.valid_secrets(now_us)[0])


def _desk(house: House) -> WebhookDesk:
    engine = house.desk.engine
    return WebhookDesk(
        engine.submit,
        Deliveries(house.url),
        load_roles(),
        Wording(load_texts(), house.desk.catalogue),
        engine.clock_us,
    )
