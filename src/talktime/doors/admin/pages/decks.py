"""Installation > Rate decks: stored ones, a file checked and compared before it is kept, when one holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from markupsafe import Markup

from talktime.doors.admin.kit.act import action, asked, tell_then
from talktime.doors.admin.kit.fields import Form, date_field, on_enter, select_field, text_field
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import (
    Column,
    anchor,
    badge,
    card,
    columns,
    facts,
    pager,
    row,
    table,
    tabs,
    text,
)
from talktime.doors.admin.page import Visit, page
from talktime.doors.admin.pages.deck_changes import KINDS, changes, totals
from talktime.doors.admin.pages.deck_upload import Upload
from talktime.doors.admin.words import count

if TYPE_CHECKING:
    from talktime.client.management.answers_house import Binding, Deck
    from talktime.client.management.answers_rates import DeckFacts, DeckRate
    from talktime.client.management.house import ChangeKind

MOST: Final = 100

_NOW, _DAY, _ALWAYS = "now", "day", "always"
_WHEN: Final = {_NOW: "now", _DAY: "the begin of a day (UTC)", _ALWAYS: "always, also for calls of the past"}


@page("/decks", title="Rate decks", needs="manage_decks")
async def decks(at: Visit) -> None:
    """What is stored and in force, and the way for a new file."""
    stored = [deck async for deck in at.management.decks.pages().items()]
    bindings = await at.management.decks.bindings()
    with card("In force for all tenants"):
        names = {deck.version: deck.name for deck in stored}
        rows = [_bound(at, one, names) for one in reversed(bindings)]
        nothing = "No deck is in force: calls that cost money have no rate. Upload one, then activate it."
        table(
            ["Currency", Column("From", "time"), "Deck", Column("Version", "time")],
            rows,
            "Decks in force",
            nothing=nothing,
        )
    with card("Stored decks"):
        heads = [
            Column("Name"),
            Column("Version", "time"),
            Column("Currency"),
            Column("Stored", "time"),
            Column("For all tenants"),
        ]
        rows = [_stored(at, deck, bindings) for deck in stored]
        table(heads, rows, "Stored decks", nothing="No deck is stored yet.")
        if not any(deck.sample for deck in stored):
            action("Store the sample deck", lambda: _keep_sample(at))
    Upload(at, bindings)


def _bound(at: Visit, one: Binding, names: dict[str, str]) -> list[str | Markup]:
    since = "always" if one.valid_from is None else at.when(one.valid_from)
    return [one.currency, since, names.get(one.version, "—"), _to(one.version)]


def _to(version: str) -> Markup:
    return Markup('<span class="tt-code">{}</span>').format(anchor(version, f"/decks/{quote(version)}"))


def _stored(at: Visit, deck: Deck, bindings: Sequence[Binding]) -> list[str | Markup]:
    sample = Markup(" {}").format(badge("sample prices", "warning")) if deck.sample else ""
    is_bound = any(one.version == deck.version for one in bindings)
    return [
        Markup("{}{}").format(anchor(deck.name, f"/decks/{quote(deck.version)}"), sample),
        Markup('<span class="tt-code">{}</span>').format(deck.version),
        deck.currency,
        at.when(deck.added_at),
        badge("activated", "good") if is_bound else "—",
    ]


async def _keep_sample(at: Visit) -> None:
    added = await at.management.decks.add_sample()
    at.go(f"/decks/{added.version}")


# --- one deck ---------------------------------------------------------------------------------------------


@page("/decks/{version}", title="Rate deck", needs="manage_decks")
async def deck(at: Visit) -> None:
    """A stored deck: its rates, what differs from another, and from when it holds."""
    version = at.path["version"]
    found = await at.management.decks.get(version)
    bindings = await at.management.decks.bindings()
    text(anchor("All decks", "/decks"))
    with columns():
        with card(found.name):
            _deck_facts(at, found, bindings)
        if at.may("bind_deck"):
            with card("Activate"):
                _activate(at, found, bindings)
    against = at.query.get("against", "")
    with card():
        tabs(
            "What is shown",
            [
                ("Rates", f"/decks/{quote(version)}", not against),
                ("Differences", _compare_address(at, found, bindings), bool(against)),
            ],
        )
        if against:
            await _differences(at, found, against)
        else:
            await _rates(at, found)


def _deck_facts(at: Visit, found: DeckFacts, bindings: Sequence[Binding]) -> None:
    if found.sample:
        said("warning", "Sample prices: they are invented, and nobody's offer.")
    since = [one for one in bindings if one.version == found.version]
    facts(
        [
            ("Version", Markup('<span class="tt-code">{}</span>').format(found.version)),
            ("Currency", found.currency),
            ("Rates", count(found.rates)),
            ("Rounding", found.rounding.replace("_", " ")),
            ("Increments", found.increments.replace("_", " ")),
            ("Stored", at.when(found.added_at)),
            ("For all tenants", Markup("<br>").join(_since(at, one) for one in since) or "not activated"),
        ]
    )


def _since(at: Visit, one: Binding) -> Markup | str:
    return "always" if one.valid_from is None else Markup("from {}").format(at.when(one.valid_from))


def _activate(at: Visit, found: DeckFacts, bindings: Sequence[Binding]) -> None:
    """For whom and from when; the effect is said in a sentence before it happens."""
    tenant = text_field("For", hint="the id of a tenant; empty: all without a deck of their own")
    when = select_field("From", _WHEN, _NOW)
    day = date_field("Day (UTC)", datetime.now(UTC).date())
    day.bind_visibility_from(when, "value", value=_DAY)

    async def activate() -> None:
        since = _begin(str(when.value), day.value or "")
        if since is None and when.value == _DAY:
            form.refuse("Choose a day.", "day")
            return
        whom = tenant.value.strip()
        if whom:
            await at.management.tenant(whom).get()  # nobody is asked about a tenant that there is not
        sentence = await _effect(at, found, whom, since, bindings)
        if not await asked(f"Activate {found.name}", sentence, "Activate", is_grave=False):
            return
        if whom:
            await at.management.tenant(whom).decks.bind(found.version, valid_from=since)
        else:
            await at.management.decks.bind(found.version, valid_from=since)
        tell_then("Activated.", at.address)

    form = Form(activate, {"tenant": tenant, "day": day, "valid_from": day}, label="Activate")


def _begin(when: str, day: str) -> datetime | None:
    """The instant from which it holds; None for always, and for a day that is none."""
    if when == _NOW:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        begin = date.fromisoformat(day)
    except ValueError:
        return None
    return datetime(begin.year, begin.month, begin.day, tzinfo=UTC) if when == _DAY else None


async def _effect(
    at: Visit, found: DeckFacts, whom: str, since: datetime | None, bindings: Sequence[Binding]
) -> str:
    """What happens, in a sentence or two: who is charged by it from when, and what gets dearer."""
    who = (
        f"Calls of {whom}"
        if whom
        else f"Calls of all tenants in {found.currency} without a deck of their own"
    )
    begin = "From the first day on" if since is None else f"From {since:%d %b %Y, %H:%M} UTC on"
    says = f"{begin}: {who[:1].lower()}{who[1:]} are charged by {found.name} ({found.version})."
    kept = "Calls that began before keep their price."
    now = [one.version for one in bindings if one.currency == found.currency]
    if not now or now[-1] == found.version:
        return f"{says} {kept}"
    totals = (await at.management.decks.differences(found.version, now[-1], limit=1)).totals
    return (
        f"{says} Against the deck of all: {count(totals.dearer)} rates get dearer, {count(totals.cheaper)} "
        f"cheaper, {count(totals.added)} are new and {count(totals.removed)} go. {kept}"
    )


# --- its rates, its differences ---------------------------------------------------------------------------


async def _rates(at: Visit, found: DeckFacts) -> None:
    search = at.query.get("search", "")
    with row():
        words = text_field("Search", search, hint="prefix, destination or country code")

        async def find() -> None:
            at.go(at.here(search=words.value.strip(), cursor=None))

        Form(find, label="Search")
        on_enter(words, find)
    page_ = await at.management.decks.rates(
        found.version, search=search, limit=MOST, cursor=at.query.get("cursor", "")
    )
    heads = [
        Column("Prefix", "figure"),
        Column("Destination"),
        Column("Country"),
        Column("For"),
        Column(f"{found.currency} a minute", "figure"),
        Column("To connect", "figure"),
        Column("First / step, s", "figure"),
    ]
    rows = [_rate(rate) for rate in page_.rates]
    table(heads, rows, "Rates of the deck", nothing=f"No rate is found for “{search}”.")
    _turns(at, page_.next, f"{count(page_.total)} rates")


def _rate(rate: DeckRate) -> list[str | Markup]:
    return [
        rate.prefix,
        rate.name or "—",
        rate.country or "—",
        rate.calls,
        f"{rate.price_per_minute:,f}",
        f"{rate.connection_fee:,f}" if rate.connection_fee else "—",
        f"{rate.first_seconds} / {rate.step_seconds}",
    ]


def _compare_address(at: Visit, found: DeckFacts, bindings: Sequence[Binding]) -> str:
    """Against what is in force, else against what the address names already."""
    bound = [one.version for one in bindings if one.currency == found.currency]
    other = at.query.get("against") or next(reversed(bound), found.version)
    return f"/decks/{quote(found.version)}?against={quote(other)}"


async def _differences(at: Visit, found: DeckFacts, against: str) -> None:
    stored = [deck async for deck in at.management.decks.pages().items() if deck.currency == found.currency]
    with row():
        options = {deck.version: f"{deck.name} ({deck.version})" for deck in stored}
        kept = against if against in options else None

        async def other(event: object) -> None:
            at.go(at.here(against=str(getattr(event, "value", "")), cursor=None))

        select_field("Against", options, kept, on_change=other)
    kind = at.query.get("kind", "")
    shown: ChangeKind | None = next((one for one in KINDS if one == kind), None)
    page_ = await at.management.decks.differences(
        found.version, against, kind=shown, limit=MOST, cursor=at.query.get("cursor", "")
    )
    totals(page_, at)
    changes(page_.changes)
    _turns(at, page_.next)


def _turns(at: Visit, following: str | None, shown: str = "") -> None:
    first = at.here(cursor=None) if at.query.get("cursor") else ""
    on = at.here(cursor=following) if following else ""
    if first or on:
        pager(first, on, shown)
    elif shown:
        text(shown, small=True)
