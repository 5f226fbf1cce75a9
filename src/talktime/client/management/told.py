"""Who is told: notices and their deliveries, webhooks, support tickets."""

from __future__ import annotations

from collections.abc import Sequence

from talktime.client.exchanges import nothing
from talktime.client.management.answers_people import (
    Notice,
    Replayed,
    Tested,
    Ticket,
    TicketLine,
    Webhook,
    WebhookMade,
    WholeNotice,
)
from talktime.client.management.described import IfMatch, Part, S, Sent, asks, lists
from talktime.client.management.readers import PageOf, Under, Values, WithTag
from talktime.client.pages import Place


class Notices(Part[S]):
    """What people were told and will be."""

    @lists("/v1/tenants/{tenant}/notices", PageOf("notices", Notice), "before")
    def pages(self, *, kind: str = "", limit: int = 100, before: Place = "") -> Sent:
        """Notices, newest first, each with its deliveries; `kind`: of one event; `before`: only ids below."""
        return Sent(query={"kind": kind, "limit": limit, "before": before})

    @asks("GET", "/v1/tenants/{tenant}/notices/{notice}", Values(WholeNotice))
    def get(self, notice: int) -> Sent:
        """One notice, with what a mail says."""
        return Sent(names={"notice": notice})

    @asks("POST", "/v1/tenants/{tenant}/notices/{notice}/replay", Values(Replayed))
    def replay(self, notice: int) -> Sent:
        """Sends a notice again to everybody who got it or should have."""
        return Sent(names={"notice": notice})


class Webhooks(Part[S]):
    """Addresses that are told of events."""

    @asks("GET", "/v1/tenants/{tenant}/webhooks", Under("webhooks", Webhook))
    def all(self) -> Sent:
        """The webhooks of a tenant in order of their ids."""
        return Sent()

    @asks("POST", "/v1/tenants/{tenant}/webhooks", Values(WebhookMade))
    def make(self, url: str, *, events: Sequence[str] = (), allow_private: bool = False) -> Sent:
        """Makes a webhook; its secret stands in this answer only. Without `events` it gets all."""
        return Sent(body={"url": url, "events": events, "allow_private": allow_private})

    @asks("GET", "/v1/tenants/{tenant}/webhooks/{webhook}", WithTag[Webhook](Values(Webhook)))
    def get(self, webhook: str) -> Sent:
        """One webhook, without its secrets, and its ETag."""
        return Sent(names={"webhook": webhook})

    @asks("PUT", "/v1/tenants/{tenant}/webhooks/{webhook}", WithTag[Webhook](Values(Webhook)))
    def put(
        self,
        webhook: str,
        *,
        url: str | None = None,
        events: Sequence[str] | None = None,
        enabled: bool | None = None,
        if_match: IfMatch = None,
    ) -> Sent:
        """Another address, other events, off or on; what is None stays."""
        body = {"url": url, "events": events, "enabled": enabled}
        return Sent(names={"webhook": webhook}, body=body, if_match=if_match)

    @asks("DELETE", "/v1/tenants/{tenant}/webhooks/{webhook}", nothing)
    def remove(self, webhook: str) -> Sent:
        """Removes a webhook; what waits for it fails, and is kept."""
        return Sent(names={"webhook": webhook})

    @asks("POST", "/v1/tenants/{tenant}/webhooks/{webhook}/rotate", Values(WebhookMade))
    def rotate(self, webhook: str, *, keep_seconds: int | None = None) -> Sent:
        """Gives a webhook a new secret; those before sign on for so long, a day where it is not said."""
        return Sent(names={"webhook": webhook}, body={"keep_seconds": keep_seconds})

    @asks("POST", "/v1/tenants/{tenant}/webhooks/{webhook}/test", Values(Tested))
    def test(self, webhook: str) -> Sent:
        """Sends an event `webhook_test` at once, and says how that ended."""
        return Sent(names={"webhook": webhook})

    @asks("POST", "/v1/tenants/{tenant}/webhooks/{webhook}/enable", Values(Webhook))
    def enable(self, webhook: str) -> Sent:
        """Switches a webhook on again."""
        return Sent(names={"webhook": webhook}, repeats=True)


class Tickets(Part[S]):
    """Support tickets."""

    @lists("/v1/tenants/{tenant}/tickets", PageOf("tickets", TicketLine))
    def pages(self, *, limit: int = 100, cursor: Place = "") -> Sent:
        """A line for each ticket, in order of their ids, closed ones too."""
        return Sent(query={"limit": limit, "cursor": cursor})

    @asks("POST", "/v1/tenants/{tenant}/tickets", Values(Ticket))
    def open(self, *, case: str = "", subject: str = "", text: str = "") -> Sent:
        """Opens a ticket about a rule of eligibility (`case`), in free words, or both."""
        return Sent(body={"case": case, "subject": subject, "text": text})

    @asks("GET", "/v1/tenants/{tenant}/tickets/{ticket}", Values(Ticket))
    def get(self, ticket: str) -> Sent:
        """One ticket with its comments."""
        return Sent(names={"ticket": ticket})

    @asks("POST", "/v1/tenants/{tenant}/tickets/{ticket}/comments", Values(Ticket))
    def comment(self, ticket: str, text: str) -> Sent:
        """Says something on an open ticket."""
        return Sent(names={"ticket": ticket}, body={"text": text})

    @asks("POST", "/v1/tenants/{tenant}/tickets/{ticket}/close", Values(Ticket))
    def close(self, ticket: str, *, text: str = "") -> Sent:
        """Closes a ticket; one that is closed stays as it is."""
        return Sent(names={"ticket": ticket}, body={"text": text})
