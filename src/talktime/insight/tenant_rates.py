"""What a number costs a tenant: the deck in force for it, and every row of that which may price it.

The rows are those of `talktime rates lookup`; what is asked beside them is why a call may cost nothing, or
may not be made at all, whatever the deck says (rulings.md 13 to 15 and 24).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from talktime.accounts.calendar import local_minute
from talktime.catalog.countries import country_name
from talktime.catalog.model import PREMIUM_NORMAL, PREMIUM_REFUSE
from talktime.core.limits import ALWAYS_US
from talktime.core.numbers import MIN_NATIONAL_DIGITS, parse_number
from talktime.core.prefix import NO_PREFIX
from talktime.files.decks.lookup import NOT_RATED, State, number_of, possibilities

if TYPE_CHECKING:
    from talktime.catalog.model import Catalogue
    from talktime.core.deck import Deck
    from talktime.core.numbers import Number
    from talktime.files.decks.lookup import Possibility
    from talktime.insight.deck_sheet import DeckSheet
    from talktime.live.rates import RateBooks
    from talktime.live.tenant import LiveTenant


class InForce(NamedTuple):
    """The deck that prices a tenant's calls at an instant; `own`: bound for this tenant, not for all."""

    deck: Deck
    valid_from_us: int
    own: bool


class Free(NamedTuple):
    """A kind of call that costs nothing, and the rule's sentence why."""

    category: str
    says: str


@dataclass(frozen=True, slots=True)
class NumberRates:
    """What is known of a number. `country` "" where no table says; no `rows` where no prefix fits.

    `says`: one sentence, of a number without a rate what happens to calls and what to do. `notes`: what holds
    whatever the price is. `free`: kinds of calls that cost nothing whatever the number.
    """

    text: str
    digits: str
    country: str
    name: str
    kind: str
    premium: str
    rows: tuple[Possibility, ...]
    says: str
    notes: tuple[str, ...]
    free: tuple[Free, ...]

    @property
    def rated(self) -> bool:
        """Whether some call to it has a price."""
        return any(one.state is State.PRICES for one in self.rows)


def deck_in_force(tenant: LiveTenant, rates: RateBooks, at_us: int) -> InForce | None:
    """The deck by the tenant's own binding, else by that of all; None where none is bound. Blocks."""
    version, book = rates.book_for(tenant, at_us)
    if book is None:
        return None
    currency = tenant.tenant.currency
    own = bool(tenant.deck_at(currency, at_us))
    bindings = tenant.bindings if own else rates.bindings
    since = [from_us for bound, from_us, named in bindings if (bound, named) == (currency, version)]
    return InForce(book.deck, max((us for us in since if us <= at_us), default=ALWAYS_US), own)


def number_rates(
    text: str, sheet: DeckSheet | None, tenant: LiveTenant, catalogue: Catalogue, at_us: int
) -> NumberRates:
    """What calls to a number cost, `sheet` None where no deck is bound.

    Raises ValueError for what is no number, or hides so many digits that it may have almost any rate.
    """
    if _is_short(text):
        says = f"{text.strip()} is a short code: it has no country and no rate"
        return NumberRates(text.strip(), "", "", "", "", PREMIUM_NORMAL, (), says, (), free_calls(catalogue))
    number = number_of(text)
    facts = catalogue.number(number.digits)
    rows = () if sheet is None else possibilities(sheet.index, number, at_us=at_us, local_minute=local_minute)
    premium = catalogue.premium_state(number.digits)
    return NumberRates(
        text=number.text,
        digits=number.digits,
        country=facts.country,
        name=country_name(facts.country) if facts.country else "",
        kind=facts.kind,
        premium=premium,
        rows=rows,
        says=_says(number, rows, sheet, tenant),
        notes=tuple(_notes(number, premium, tenant)),
        free=free_calls(catalogue),
    )


def free_calls(catalogue: Catalogue) -> tuple[Free, ...]:
    """Kinds of calls that nobody pays for, with why; what nobody knows the kind of is not among them."""
    found = {
        category.name: rule.why
        for rule in reversed(catalogue.rules)
        if (category := catalogue.categories[rule.category]).is_free and not category.flag
    }
    return tuple(Free(name, why) for name, why in reversed(found.items()))


def _is_short(text: str) -> bool:
    """Digits without a plus that are too few for a number: 112, 911."""
    number = parse_number(text, None)
    return not number.digits and number.text.isdecimal() and len(number.text) < MIN_NATIONAL_DIGITS


def _says(number: Number, rows: tuple[Possibility, ...], sheet: DeckSheet | None, tenant: LiveTenant) -> str:
    if sheet is None:
        currency = tenant.tenant.currency
        return f"no rate deck is bound for {currency} then: {NOT_RATED} until the provider binds one"
    named = f"deck {sheet.deck.name!r}"
    states = {one.state for one in rows}
    if State.PRICES in states:
        return f"{number.text} is priced by {named}"
    if State.UNDECIDED in states:
        return f"a hidden digit of {number.text} decides which rate of {named} holds"
    if rows:
        return f"the rates of {named} for {number.text} are not in force then: {NOT_RATED}"
    return (
        f"no rate of {named} fits {number.text}: {NOT_RATED}; the provider adds a prefix for it to the deck"
    )


def _notes(number: Number, premium: str, tenant: LiveTenant) -> list[str]:
    notes = []
    if premium == PREMIUM_REFUSE:
        notes.append("calls to this premium number are refused")
    elif premium != PREMIUM_NORMAL:
        notes.append("no included minutes are used for this premium number: it is paid from credits")
    if tenant.barred.find(number.digits) != NO_PREFIX:
        notes.append("the organisation bars this prefix: calls to it are refused")
    return notes
