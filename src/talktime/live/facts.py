"""What a call is, decided once at its start: who calls, the category, the price, the pools and the caps.

The same look-ups as for a file, one call at a time; nothing here looks at money (domain.md 4 to 7).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.accounts.calendar import local_minute
from talktime.accounts.payers import NOBODY
from talktime.catalog.classify import Classified, Situation, classify
from talktime.catalog.model import PREMIUM_NORMAL
from talktime.core.deck import INBOUND, NO_ROW
from talktime.core.numbers import NO_NUMBER, Number, parse_number
from talktime.core.prefix import NO_PREFIX
from talktime.core.rating import AFTER_FIRST, DEFAULT_FIRST_S, DEFAULT_STEP_S
from talktime.core.refusals import GATE_UNLICENSED
from talktime.ledger.records import Cap, Facts
from talktime.live.guards import guard_caps, open_counters
from talktime.live.operations import UNKNOWN_US

if TYPE_CHECKING:
    from talktime.catalog.model import Catalogue
    from talktime.core.deck import Deck, RateBook, RateRow
    from talktime.live.operations import StartCall
    from talktime.live.rates import RateBooks
    from talktime.live.tenant import LiveTenant

UNRATED: Final = (DEFAULT_FIRST_S, DEFAULT_STEP_S, AFTER_FIRST, 0, 0, 0, 0, 6)
"""Without a rate a call is billed in whole minutes and costs nothing (rulings.md 13)."""

EARLIEST_US: Final = 72 * 3_600_000_000
LATEST_US: Final = 300_000_000
"""How long before and after its arrival a call may be said to have begun, in us."""

FLAG_CLOCK: Final = "clock_disagrees"

_MAX_SITUATIONS: Final = 50_000


class Asked(NamedTuple):
    """A start as the rules see it, before any money: facts, and gates (bits of core.refusals).

    `doubt`: what the catalogue could not tell of the call type; `unrated`: a sentence why there is no rate.
    """

    facts: Facts
    gates: int
    doubt: str
    unrated: str


class UnknownPayer(Exception):  # noqa: N818 - a refusal
    """The call names a user or a service number that the tenant does not have."""


@dataclass(slots=True)
class Classifier:
    """Remembers what each different situation is; situations are few, calls are many."""

    catalogue: Catalogue
    _known: dict[tuple[Situation, bool], Classified] = field(default_factory=dict)
    _urgent: dict[str, str] = field(default_factory=dict)

    def classify(self, situation: Situation, *, licence_asked: bool) -> Classified:
        """`catalog.classify.classify`, once a situation."""
        key = (situation, licence_asked)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _MAX_SITUATIONS:
                self._known.clear()
            found = classify(self.catalogue, situation, licence_asked=licence_asked, gated=True)
            self._known[key] = found
        return found

    def is_never_refused(self, call_type: str) -> bool:
        """Whether calls of this type go through whatever else is known (emergency, rulings.md 24)."""
        return bool(self.urgent_category(call_type))

    def urgent_category(self, call_type: str) -> str:
        """The category of calls of this type, if it is one that is never refused, else ""."""
        known = self._urgent.get(call_type)
        if known is None:
            bare = Situation(call_type, "", "", "", "", "", "", False, "", "", "", (), ())
            category = self.classify(bare, licence_asked=False).category
            known = category.name if category.never_refused else ""
            if len(self._urgent) < _MAX_SITUATIONS:
                self._urgent[call_type] = known
        return known


class Sides(NamedTuple):
    """Who is on the line: payers by index or NOBODY, numbers, and the country of the caller's licences.

    `name`: the user as reports know one; the key where the call named a number of the user.
    """

    user: int
    service: int
    name: str
    location: str
    caller: Number
    callee: Number


def asked(
    call: StartCall, tenant: LiveTenant, rates: RateBooks, classifier: Classifier, now_us: int
) -> Asked:
    """Decides the facts of a call. Raises UnknownPayer, unless the call may never be refused."""
    catalogue = classifier.catalogue
    base_us = base_of(call, now_us)
    call_type = call.call_type.lower()
    sides = _sides(call, tenant, catalogue, excused=classifier.is_never_refused(call_type))
    called = catalogue.number(sides.callee.digits)
    situation = Situation(
        call_type=call_type,
        direction="",
        listed_kind=_kind(tenant, sides.service),
        row_number_type="",
        country=called.country,
        number_kind=called.kind,
        premium=catalogue.premium_state(sides.callee.digits),
        other_operator=False,
        scope="",
        location=sides.location,
        caller_country=catalogue.number(sides.caller.digits).country,
        user_plans=tenant.plans_of(sides.user, base_us),
        service_plans=tenant.plans_of(sides.service, base_us),
        policies=() if sides.user == NOBODY else tenant.tenant.users[sides.user].policies,
        barred_prefix=tenant.barred.find(sides.callee.digits) != NO_PREFIX,
    )
    classified = classifier.classify(situation, licence_asked=tenant.terms.licence_asked)
    category = classified.category
    version, book = ("", None) if category.is_free else rates.book_for(tenant, base_us)
    row = _row(book, classified, sides.callee.digits, base_us)
    month = tenant.month_of(base_us)
    payer = sides.service if category.payer == "service" else sides.user
    paid, dear = not category.is_free, _is_dear(tenant, situation, classified)
    facts = Facts(
        call_type=call_type,
        user=sides.name,
        service=call.service_number,
        caller=sides.caller.text,
        callee=sides.callee.text,
        category=category.name,
        why=catalogue.rules[classified.rule].why,
        deck=version if row is not None else "",
        prefix=row.prefix if row is not None else "",
        rate=UNRATED if row is None or book is None else rate_of(row, book.deck),
        rated=int(row is not None),
        licensed=int(not classified.gates & GATE_UNLICENSED),
        paid=int(paid),
        pools=() if payer == NOBODY else tuple(tenant.pool(ref, payer) for ref in classified.pools),
        period=month,
        caps=_caps(tenant, sides, month, now_us, dear=dear) if paid else (),
        open_counters=open_counters(tenant, sides.user) if paid else (),
        max_call_s=tenant.tenant.guards.longest_call_s if paid else 0,
        arrived_us=now_us,
        base_us=base_us,
        flags=classified.flags + _clock_flag(call, now_us),
        asked=classified.deck_call[1:],
    )
    unrated = "" if row is not None else _unrated(tenant, book, sides.callee)
    return Asked(facts, classified.gates, category.flag, unrated)


def _unrated(tenant: LiveTenant, book: RateBook | None, callee: Number) -> str:
    """Why a call has no rate, for whoever has to mend it."""
    if book is None:
        return f"no deck is bound for {tenant.tenant.currency}; add one and bind it"
    if not callee.digits:
        return f"the called number {callee.text!r} is no international number such as +442079460000"
    return f"no rate of deck {book.deck.name!r} fits +{callee.digits}"


def base_of(call: StartCall, now_us: int) -> int:
    """The instant whose month, price, plans and licences count (rulings.md 5)."""
    for at_us in (call.answered_us, call.started_us):
        if at_us != UNKNOWN_US and is_believed(at_us, now_us):
            return at_us
    return now_us


def _clock_flag(call: StartCall, now_us: int) -> tuple[str, ...]:
    told = (call.answered_us, call.started_us)
    return (FLAG_CLOCK,) if any(us != UNKNOWN_US and not is_believed(us, now_us) for us in told) else ()


def is_believed(told_us: int, now_us: int) -> bool:
    """Whether a switch may be right about when a call began; a wrong clock would choose month and deck."""
    return now_us - EARLIEST_US <= told_us <= now_us + LATEST_US


def check_payers(call: StartCall, tenant: LiveTenant) -> None:
    """Raises UnknownPayer for a user or a service number that the tenant does not have."""
    _payers(call, tenant)


def _payers(call: StartCall, tenant: LiveTenant) -> tuple[int, int, str]:
    """(user, service number, the user's name): found by id, by UPN, then by a number of the user."""
    user, service, name = NOBODY, NOBODY, call.user
    if name:
        user = tenant.payers.payer_of(name)
        if user == NOBODY:
            user = tenant.payers.owner_of(name, tenant.catalogue.dialling.get(tenant.tenant.country))
            if user == NOBODY:
                raise UnknownPayer(f"user {name!r} is not a user of tenant {tenant.tenant.id!r}")
            name = tenant.payers.payers[user].key
    if call.service_number:
        service = tenant.payers.service_of(parse_number(call.service_number, None).text)
        if service == NOBODY:
            number = call.service_number
            raise UnknownPayer(f"service number {number!r} is not one of tenant {tenant.tenant.id!r}")
    return user, service, name


def _sides(call: StartCall, tenant: LiveTenant, catalogue: Catalogue, *, excused: bool) -> Sides:
    try:
        user, service, name = _payers(call, tenant)
    except UnknownPayer:
        if not excused:
            raise
        user, service, name = NOBODY, NOBODY, call.user
    payer = user if user != NOBODY else service
    location = tenant.payers.payers[payer].location if payer != NOBODY else ""
    location = location or tenant.tenant.country
    dialling = catalogue.dialling.get(location)
    return Sides(
        user,
        service,
        name,
        location,
        parse_number(call.caller, dialling) if call.caller else NO_NUMBER,
        parse_number(call.callee, dialling) if call.callee else NO_NUMBER,
    )


def _kind(tenant: LiveTenant, service: int) -> str:
    if service == NOBODY:
        return ""
    return tenant.tenant.service_numbers[service - len(tenant.tenant.users)].kind


def _row(book: RateBook | None, classified: Classified, digits: str, base_us: int) -> RateRow | None:
    if book is None or not digits:
        return None
    found = book.find(classified.deck_call, digits, base_us, local_minute)
    return None if found == NO_ROW else book.deck.rows[found]


def rate_of(row: RateRow, deck: Deck) -> tuple[int, ...]:
    """A row of a deck as `records.Facts` keeps it."""
    return (
        row.first_s,
        row.step_s,
        deck.increments,
        row.first_price_nanos,
        row.price_nanos,
        row.fee_micros,
        deck.rounding,
        deck.decimals,
    )


def _is_dear(tenant: LiveTenant, call: Situation, classified: Classified) -> bool:
    """Whether the call goes out to a number or a country whose money an hour is guarded."""
    if classified.deck_call.direction == INBOUND:
        return False
    return call.premium != PREMIUM_NORMAL or call.country in tenant.tenant.guards.dear_countries


def _caps(tenant: LiveTenant, sides: Sides, month: int, now_us: int, *, dear: bool) -> tuple[Cap, ...]:
    """The counters of money that the call moves: the month's caps, the guards' of the hour."""
    caps = tuple([Cap(counter, month, limit) for counter, limit in tenant.caps_of(sides.user, sides.service)])
    return caps + guard_caps(tenant, sides.user, now_us) if dear else caps
