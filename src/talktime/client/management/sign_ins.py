"""Who asks, and the people who sign in at the admin center."""

from __future__ import annotations

from collections.abc import Sequence

from talktime.client.exchanges import nothing
from talktime.client.management.answers_sign_ins import Invitation, Me, Person
from talktime.client.management.described import Part, S, Sent, asks, lists
from talktime.client.management.readers import PageOf, Values
from talktime.client.pages import Place


class Myself(Part[S]):
    """Who asks."""

    @asks("GET", "/v1/me", Values(Me))
    def get(self, *, search: str = "", limit: int = 50) -> Sent:
        """Who asks, and the first tenants that it may open and whose id or name holds `search`."""
        return Sent(query={"search": search, "limit": limit})


class People(Part[S]):
    """Everybody who signs in."""

    @lists("/v1/people", PageOf("people", Person), "after")
    def pages(self, *, limit: int = 100, after: Place = "") -> Sent:
        """People in order of their UPNs, disabled ones too."""
        return Sent(query={"limit": limit, "after": after})

    @asks("POST", "/v1/people", Values(Invitation))
    def invite(self, upn: str, *, name: str = "", roles: Sequence[str] = (), partner: str = "") -> Sent:
        """Makes a person, or sets its roles and partner; the link stands in the answer alone."""
        return Sent(body={"upn": upn, "name": name, "roles": roles, "partner": partner})

    @asks("POST", "/v1/people/{upn}/invitation", Values(Invitation))
    def invite_again(self, upn: str) -> Sent:
        """A new link for a person, in place of earlier ones."""
        return Sent(names={"upn": upn})

    @asks("DELETE", "/v1/people/{upn}", nothing)
    def disable(self, upn: str) -> Sent:
        """Shuts a person out, and signs it out everywhere; an invitation lets it in again."""
        return Sent(names={"upn": upn})
