"""Plans and rates > Rates: what a number or a country costs; an address can be shared."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from talktime.client import ProblemError
from talktime.doors.admin.kit.act import words_of
from talktime.doors.admin.kit.fields import Form, date_field, on_enter, text_field
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.show import (
    Column,
    anchor,
    badge,
    card,
    empty,
    facts,
    heading,
    pager,
    row,
    table,
    text,
)
from talktime.doors.admin.page import Visit, page
from talktime.doors.admin.words import count

if TYPE_CHECKING:
    from decimal import Decimal

    from talktime.client.management.answers_rates import (
        CountryRates,
        DeckInForce,
        DeckRate,
        NumberRates,
        PossibleRate,
        RateSpan,
    )

MOST: Final = 100

_NUMBER: Final = re.compile(r"\s*(\+|00)[\d\s().*-]+|[\d\s().*-]{7,}")
"""What is looked up as a number; anything else is a part of a country's name or of its dialling code."""

_STATES: Final = {
    "prices": badge("priced by this", "good"),
    "behind": badge("behind another rate"),
    "not_in_force": badge("not in force then"),
    "undecided": badge("a hidden digit decides", "warning"),
}


@page("/tenants/{tenant}/rates", title="Rates", needs="see_rates")
async def rates(at: Visit) -> None:
    """A search; then one number, one country, or a list of countries."""
    asked, country = at.query.get("q", "").strip(), at.query.get("country", "")
    when = _day(at.query.get("at", ""))
    form = _search(at, asked, when)
    instant = None if when is None else at.words.midnight(when)
    try:
        if country:
            await _country(at, country, instant)
            return
        if asked and _is_number(asked):
            _number(at, await at.tenant.rates.of_number(asked, at=instant))
            return
        await _countries(at, asked, instant)
    except ProblemError as error:
        if error.status not in (400, 409, 422):
            raise
        form.refuse(words_of(error), "q")


def _is_number(words: str) -> bool:
    return _NUMBER.fullmatch(words) is not None


def _day(words: str) -> date | None:
    try:
        return date.fromisoformat(words)
    except ValueError:
        return None


def _search(at: Visit, asked: str, when: date | None) -> Form:
    with card(), row():
        words = text_field("Number or country", asked, hint="+44 20 7946 0000, +44, or Germany")
        day = date_field("Calls that begin on (today, if empty)", when)

        async def find() -> None:
            at.go(at.link("rates", q=words.value.strip(), at=day.value or ""))

        form = Form(find, {"q": words, "number": words}, label="Look up")
        on_enter(words, find)
        return form


# --- one number -------------------------------------------------------------------------------------------


def _number(at: Visit, found: NumberRates) -> None:
    prices = [rate for rate in found.rates if rate.state == "prices"]
    with card(kind="tt-number"):
        longest = max((rate.prefix for rate in prices), key=len, default="")
        title = Markup('<h2 class="tt-dialled">{}</h2>').format(_marked(found, longest))
        text(title)
        where = f"{found.country_name} ({found.country})" if found.country_name else "no country"
        kind = found.kind.replace("_", " ")
        text(f"{where}, {kind} number" if kind else where)
        said("good" if found.rated else "warning", f"{_upper(found.says)}.")
        for note in found.notes:
            said("warning", f"{_upper(note)}.")
        for rate in prices:
            text(_sentence(at, rate, found.currency))
    if found.rates:
        with card("Every rate whose prefix this number has"):
            _table(at, found.rates, found.currency, states=True)
            if found.more:
                text(f"{count(found.more)} more rates are not shown; write more digits.", small=True)
    with card("What costs nothing, whatever the number"):
        facts((_upper(free.category.replace("_", " ")), f"{_upper(free.says)}.") for free in found.free)
    _deck(at, found.deck, found.currency)


def _marked(found: NumberRates, prefix: str) -> Markup:
    """The number with the prefix marked that prices it."""
    if not prefix or not found.digits.startswith(prefix):
        return Markup("{}").format(found.number)
    rest = found.number[1 + len(prefix) :]
    return Markup('+<mark title="the prefix that sets the price">{}</mark>{}').format(prefix, rest)


def _sentence(at: Visit, rate: PossibleRate, currency: str) -> Markup:
    """`outgoing calls: USD 0.02 a minute, prefix 44 (United Kingdom), in steps of 60 s`."""
    first = ""
    if rate.first_price_per_minute != rate.price_per_minute:
        first = Markup(", the first {} s at {} a minute").format(
            rate.first_seconds, at.money(rate.first_price_per_minute, currency)
        )
    fee = (
        Markup(", {} to connect").format(at.money(rate.connection_fee, currency))
        if rate.connection_fee
        else ""
    )
    return Markup("{}: <strong>{}</strong> a minute{}{}; {}").format(
        _upper(rate.calls),
        at.money(rate.price_per_minute, currency),
        first,
        fee,
        _steps(rate),
    )


def _upper(words: str) -> str:
    return words[:1].upper() + words[1:]


def _steps(rate: DeckRate) -> str:
    return f"billed {rate.first_seconds} s first, then in steps of {rate.step_seconds} s"


# --- tables -----------------------------------------------------------------------------------------------


def _table(at: Visit, found: tuple[DeckRate, ...], currency: str, *, states: bool = False) -> None:
    heads = [
        Column("Prefix", "figure"),
        Column("Destination"),
        Column("For"),
        Column(f"{currency} a minute", "figure"),
        Column("To connect", "figure"),
        Column("First / step, s", "figure"),
        Column("Holds"),
    ]
    if states:
        heads.append(Column("State"))
    table(heads, [_cells(at, rate, states=states) for rate in found], "Rates")


def _cells(at: Visit, rate: DeckRate, *, states: bool) -> list[str | Markup]:
    cells: list[str | Markup] = [
        rate.prefix,
        rate.name or rate.type or "—",
        rate.calls,
        _price(rate.price_per_minute),
        _price(rate.connection_fee) if rate.connection_fee else "—",
        f"{rate.first_seconds} / {rate.step_seconds}",
        _holds(at, rate),
    ]
    if states:
        cells.append(_STATES[getattr(rate, "state", "behind")])
    return cells


def _price(amount: Decimal) -> str:
    return f"{amount:,f}"


def _holds(at: Visit, rate: DeckRate) -> Markup | str:
    parts: list[str | Markup] = [rate.window] if rate.window else []
    if rate.valid_from is not None:
        parts.append(Markup("from {}").format(at.when(rate.valid_from)))
    if rate.valid_until is not None:
        parts.append(Markup("until {}").format(at.when(rate.valid_until)))
    return Markup(", ").join(parts) if parts else "always"


# --- countries --------------------------------------------------------------------------------------------


async def _countries(at: Visit, search: str, when: datetime | None) -> None:
    found = await at.tenant.rates.countries(
        search=search, at=when, limit=MOST, cursor=at.query.get("cursor", "")
    )
    if search.isdigit() and len(search) < 4:
        number = await at.tenant.rates.of_number(search, at=when)
        if not number.digits:  # a short code
            said("note", f"{_upper(number.says)}. Emergency calls are free and never refused.")
    with card(f"Countries that “{search}” finds" if search else "Countries"):
        if found.deck is None:
            empty(f"No rate deck is bound for {found.currency}: calls that cost money have no rate.")
            return
        heads = [
            Column("Country"),
            Column("Dialling code", "figure"),
            Column("Prefixes", "figure"),
            Column(f"Outgoing, {found.currency} a minute", "figure"),
            Column(f"Incoming, {found.currency} a minute", "figure"),
        ]
        rows = [_country_cells(at, one) for one in found.countries]
        nothing = f"No country that the deck has a rate for is called “{search}”, or dialled so."
        table(heads, rows, "Countries with their prices", nothing=nothing)
        shown = f"{count(len(rows))} of {count(found.total)} countries"
        pager(at.here(cursor=None) if at.query.get("cursor") else "", _on(at, found.next), shown)
    _deck(at, found.deck, found.currency)


def _country_cells(at: Visit, one: CountryRates) -> list[str | Markup]:
    spans = [span for span in (one.outbound, one.inbound) if span is not None]
    return [
        anchor(one.name, at.link("rates", country=one.country, at=at.query.get("at"))),
        ", ".join(f"+{code}" for code in one.calling_codes) or "—",
        count(sum(span.prefixes for span in spans)),
        _range(one.outbound),
        _range(one.inbound),
    ]


def _range(span: RateSpan | None) -> str:
    if span is None:
        return "—"
    if span.lowest == span.highest:
        return _price(span.lowest)
    return f"{_price(span.lowest)} to {_price(span.highest)}"


async def _country(at: Visit, country: str, when: datetime | None) -> None:
    found = await at.tenant.rates.of_country(country, at=when, limit=MOST, cursor=at.query.get("cursor", ""))
    text(anchor("All countries", at.link("rates", at=at.query.get("at"))))
    with card(f"{found.country.name} ({found.country.country})"):
        heading(
            f"Outgoing {_range(found.country.outbound)}, incoming {_range(found.country.inbound)} a minute"
        )
        _table(at, found.rates, found.currency)
        pager(at.here(cursor=None) if at.query.get("cursor") else "", _on(at, found.next))
    _deck(at, found.deck, found.currency)


def _on(at: Visit, cursor: str | None) -> str:
    return at.here(cursor=cursor) if cursor else ""


def _deck(at: Visit, deck: DeckInForce | None, currency: str) -> None:
    """Which deck says so."""
    if deck is None:
        return
    with card("The rate deck behind this"):
        if deck.sample:
            said("warning", "These are sample prices: they are invented, and nobody's offer.")
        since = "always" if deck.valid_from is None else Markup("since {}").format(at.when(deck.valid_from))
        facts(
            [
                ("Deck", deck.name),
                ("Version", Markup('<span class="tt-code">{}</span>').format(deck.version)),
                ("In force", since),
                ("Bound for", "this organisation" if deck.own else f"everybody in {currency}"),
                ("Rates", count(deck.rates)),
            ]
        )
