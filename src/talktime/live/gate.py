"""What stands against a call before it begins: one list of reasons, asked by starts, debits and quotes.

The rule is `core.refusals`; here it is given the book of the moment, and each reason its sentence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.accounts.tenant import ACTIVE
from talktime.core.refusals import NONE, Refusal, refusal
from talktime.ledger.engine import NeedsPeriod
from talktime.live.answers import Fault, FaultCode
from talktime.live.facts import UnknownPayer, asked
from talktime.live.guards import hour_guard, too_many
from talktime.live.reserve import first_need, wallet_bits

if TYPE_CHECKING:
    from talktime.ledger.book import Book
    from talktime.ledger.records import Facts
    from talktime.live.facts import Asked
    from talktime.live.operations import StartCall
    from talktime.live.reserve import Cover
    from talktime.live.rules import Rules
    from talktime.live.tenant import LiveTenant

DETAILS: Final = {
    Refusal.UNKNOWN_TENANT: "no such tenant",
    Refusal.DUPLICATE_CALL: "this call id has been used already",
    Refusal.BARRED_DESTINATION: "the destination is barred for this user",
    Refusal.NOT_LICENSED: "the payer of this call holds no licence to spend credits",
    Refusal.PREMIUM_REFUSED: "premium numbers of this kind are not connected",
    Refusal.NO_RATE: "no rate of the deck in force fits the number",
    Refusal.SPEND_CAP: "a spend cap leaves too little",
    Refusal.CREDITS_EXPIRED: "the credits have expired; buy more",
    Refusal.POST_USAGE_OFF: "the credits are used up and post-usage billing is off",
    Refusal.NO_CREDIT: "the available credits do not pay for it",
    Refusal.CALL_TOO_LONG: "the call has reached the longest that is allowed",
    Refusal.TENANT_SUSPENDED: "the provider has suspended this tenant",
}


class Against(NamedTuple):
    """Why a call may not begin, with its sentence; `reason` NONE where it may."""

    reason: Refusal
    detail: str


NOTHING_AGAINST: Final = Against(Refusal.NONE, "")


def looked_at(book: Book, tenant: LiveTenant, call: StartCall, rules: Rules) -> Asked | Against | Fault:
    """What a call would be, before any money is looked at; or what stands against it already.

    Raises NeedsPeriod where the counters of its month are not in memory.
    """
    if tenant.tenant.status != ACTIVE and not rules.classifier.is_never_refused(call.call_type.lower()):
        return Against(Refusal.TENANT_SUSPENDED, DETAILS[Refusal.TENANT_SUSPENDED])
    try:
        asked_for = asked(call, tenant, rules.rates, rules.classifier, book.last_us)
    except UnknownPayer as unknown:
        return Against(Refusal.UNKNOWN_USER, str(unknown))
    if asked_for.doubt:
        detail = f"call type {call.call_type!r} is none that the catalogue knows; see docs/integrate.md"
        return Fault(call.call_id, FaultCode.UNKNOWN_CALL_TYPE, detail)
    if not book.has_period(asked_for.facts.period):
        raise NeedsPeriod(asked_for.facts.period)
    return asked_for


def why_not(book: Book, tenant: LiveTenant, asked_for: Asked, cover: Cover) -> Against:
    """What stands against a call whose facts are known (rulings.md 24)."""
    facts = asked_for.facts
    if not facts.paid:
        return NOTHING_AGAINST
    needs_money, price, over_us = first_need(facts, cover)
    reason = refusal(
        asked_for.gates,
        needs_money,
        facts.rated,
        price,
        book.available(over_us),
        cover.cap_left,
        tenant.terms.behind,
        wallet_bits(book, tenant),
    )
    if reason != NONE:
        why = Refusal(reason)
        return Against(why, asked_for.unrated if why == Refusal.NO_RATE else detail_of(book, facts, why))
    crowd = too_many(book, tenant, facts.open_counters)
    return Against(Refusal.TOO_MANY_CALLS, crowd) if crowd else NOTHING_AGAINST


def detail_of(book: Book, facts: Facts, reason: Refusal) -> str:
    """The sentence of a refusal; of a spend cap it says whether it is the month's or a guard of the hour."""
    guard = hour_guard(book, facts.caps) if reason == Refusal.SPEND_CAP else ""
    return guard or DETAILS[reason]
