"""What belongs to the installation: its tenants, rate decks, keys, and what features need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from talktime.client.exchanges import nothing
from talktime.client.management.answers_house import Binding, Deck, DeckAdded, Key, KeyMade, TenantLine
from talktime.client.management.answers_people import Feature
from talktime.client.management.answers_rates import DeckChecked, DeckDifferences, DeckFacts, DeckRates
from talktime.client.management.described import Part, S, Sent, asks, lists
from talktime.client.management.readers import PageOf, Tables, Under, Values, WithTag
from talktime.client.management.tables import SettingsTables, TenantTables
from talktime.client.pages import Place

ChangeKind = Literal["added", "removed", "dearer", "cheaper", "mixed", "unchanged"]
Scopes = Sequence[Literal["live", "management"]]


class Tenants(Part[S]):
    """All tenants that the key may see."""

    @lists("/v1/tenants", PageOf("tenants", TenantLine), "after")
    def pages(self, *, limit: int = 100, after: Place = "") -> Sent:
        """Tenants with their money, in order of their ids."""
        return Sent(query={"limit": limit, "after": after})

    @asks("POST", "/v1/tenants", WithTag[SettingsTables](Tables(SettingsTables)))
    def make(self, tables: TenantTables | Mapping[str, Any]) -> Sent:
        """Makes a tenant of the tables of a tenant file; its purchases become lots."""
        return Sent(body=tables)


class Decks(Part[S]):
    """Rate decks: stored once, never edited, bound from an instant on."""

    @asks("POST", "/v1/decks", Values(DeckAdded))
    def add_csv(self, csv: str | bytes, *, name: str = "") -> Sent:
        """Stores a deck; one that is there already stays as it is."""
        content = csv.encode() if isinstance(csv, str) else csv
        return Sent(file=(content, "text/csv"), query={"name": name}, repeats=True)

    @asks("POST", "/v1/decks", Values(DeckAdded))
    def add_sample(self) -> Sent:
        """Stores the deck that ships with Talktime; its prices are not real."""
        return Sent(body={"sample": True}, repeats=True)

    @lists("/v1/decks", PageOf("decks", Deck), "after")
    def pages(self, *, limit: int = 100, after: Place = "") -> Sent:
        """Stored decks by version."""
        return Sent(query={"limit": limit, "after": after})

    @asks("POST", "/v1/decks/check", Values(DeckChecked))
    def check_csv(self, csv: str | bytes, *, name: str = "") -> Sent:
        """What a file would be as a deck, with all that stands against it; nothing is kept."""
        content = csv.encode() if isinstance(csv, str) else csv
        return Sent(file=(content, "text/csv"), query={"name": name}, repeats=True)

    @asks("GET", "/v1/decks/{version}", Values(DeckFacts))
    def get(self, version: str) -> Sent:
        """A stored deck with its terms."""
        return Sent(names={"version": version})

    @asks("GET", "/v1/decks/{version}/rates", Values(DeckRates))
    def rates(self, version: str, *, search: str = "", limit: int = 100, cursor: Place = "") -> Sent:
        """The rates of a stored deck by prefix; `search`: its first digits, a name or a country's code."""
        return Sent(names={"version": version}, query={"search": search, "limit": limit, "cursor": cursor})

    @asks("GET", "/v1/decks/{version}/differences", Values(DeckDifferences))
    def differences(
        self,
        version: str,
        against: str,
        *,
        kind: ChangeKind | None = None,
        limit: int = 100,
        cursor: Place = "",
    ) -> Sent:
        """What changes if a stored deck takes the place of another one, `against`."""
        query = {"against": against, "kind": kind, "limit": limit, "cursor": cursor}
        return Sent(names={"version": version}, query=query)

    @asks("POST", "/v1/decks/{version}/differences", Values(DeckDifferences))
    def differences_to_csv(
        self,
        version: str,
        csv: str | bytes,
        *,
        kind: ChangeKind | None = None,
        limit: int = 100,
        cursor: Place = "",
    ) -> Sent:
        """What changes if the deck in a file takes the place of a stored one; nothing is kept."""
        content = csv.encode() if isinstance(csv, str) else csv
        query = {"kind": kind, "limit": limit, "cursor": cursor}
        return Sent(names={"version": version}, file=(content, "text/csv"), query=query, repeats=True)

    @asks("GET", "/v1/deck-bindings", Under("bindings", Binding))
    def bindings(self) -> Sent:
        """What holds for all tenants without a binding of their own."""
        return Sent()

    @asks("PUT", "/v1/deck-bindings", Under("bindings", Binding))
    def bind(self, version: str, *, valid_from: datetime | None = None) -> Sent:
        """From an instant on (None: always) all tenants of the deck's currency are charged by it."""
        return Sent(body={"version": version, "valid_from": valid_from})


class TenantDecks(Part[S]):
    """The decks that one tenant is charged by."""

    @asks("GET", "/v1/tenants/{tenant}/deck-bindings", Under("bindings", Binding))
    def bindings(self) -> Sent:
        """The tenant's own bindings; without one that of all holds."""
        return Sent()

    @asks("PUT", "/v1/tenants/{tenant}/deck-bindings", Under("bindings", Binding))
    def bind(self, version: str, *, valid_from: datetime | None = None) -> Sent:
        """From an instant on (None: always) this tenant is charged by a deck."""
        return Sent(body={"version": version, "valid_from": valid_from})


class Keys(Part[S]):
    """Keys of the installation."""

    @asks("POST", "/v1/keys", Values(KeyMade))
    def make(
        self,
        name: str,
        *,
        tenants: Sequence[str] | Literal["*"],
        scopes: Scopes,
        roles: Sequence[str] = (),
    ) -> Sent:
        """Makes a key for some tenants or "*"; the answer is the only place where it stands."""
        return Sent(body={"name": name, "tenants": tenants, "scopes": scopes, "roles": roles})

    @lists("/v1/keys", PageOf("keys", Key), "after")
    def pages(self, *, limit: int = 100, after: Place = "") -> Sent:
        """Keys in order of their ids, revoked ones too."""
        return Sent(query={"limit": limit, "after": after})

    @asks("DELETE", "/v1/keys/{key_id}", nothing)
    def revoke(self, key_id: str) -> Sent:
        """Revokes a key: here at once, in other processes within seconds."""
        return Sent(names={"key_id": key_id})


class TenantKeys(Part[S]):
    """Keys that are for one tenant alone."""

    @asks("POST", "/v1/tenants/{tenant}/keys", Values(KeyMade))
    def make(self, name: str, *, scopes: Scopes, roles: Sequence[str] = ()) -> Sent:
        """Makes a key for this tenant; the answer is the only place where it stands."""
        return Sent(body={"name": name, "scopes": scopes, "roles": roles})

    @lists("/v1/tenants/{tenant}/keys", PageOf("keys", Key), "after")
    def pages(self, *, limit: int = 100, after: Place = "") -> Sent:
        """The keys in order of their ids, revoked ones too."""
        return Sent(query={"limit": limit, "after": after})

    @asks("DELETE", "/v1/tenants/{tenant}/keys/{key_id}", nothing)
    def revoke(self, key_id: str) -> Sent:
        """Revokes a key of this tenant."""
        return Sent(names={"key_id": key_id})


class Features(Part[S]):
    """What features need."""

    @asks("GET", "/v1/features", Under("features", Feature))
    def all(self) -> Sent:
        """The licences that each feature needs, and when it takes money."""
        return Sent()

    @asks("GET", "/v1/features/{feature}", Values(Feature))
    def get(self, feature: str) -> Sent:
        """What one feature needs, by its id or its name."""
        return Sent(names={"feature": feature})
