"""What live charging would make of a call, asked of a ledger that nobody writes to.

The same look-ups as at the start of a call: the tenant as it is stored, the deck in force at the instant.
Money is not looked at.
"""

from __future__ import annotations

from time import time_ns
from typing import TYPE_CHECKING, Final

from talktime.accounts.tenant import ACTIVE
from talktime.core.money import format_decimal
from talktime.core.refusals import GATE_BARRED, GATE_PREMIUM, GATE_UNLICENSED, Refusal
from talktime.doors.diameter.explain_credit import Verdict
from talktime.ledger.decks import Decks
from talktime.ledger.reading import Reader
from talktime.live.facts import Classifier, UnknownPayer, asked
from talktime.live.gate import DETAILS
from talktime.live.operations import UNKNOWN_US
from talktime.live.rates import RateBooks
from talktime.live.tenant import live_tenant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from talktime.catalog.model import Catalogue
    from talktime.ledger.database import DatabaseUrl
    from talktime.ledger.records import Facts
    from talktime.live.facts import Asked
    from talktime.live.operations import StartCall
    from talktime.live.tenant import LiveTenant

_NANOS_PLACES: Final = 9
_GATES: Final = (
    (GATE_BARRED, Refusal.BARRED_DESTINATION),
    (GATE_UNLICENSED, Refusal.NOT_LICENSED),
    (GATE_PREMIUM, Refusal.PREMIUM_REFUSED),
)


class LedgerJudge:
    """Knows the tenants of a ledger. The methods block; they raise StoreAway."""

    def __init__(self, url: DatabaseUrl, catalogue: Catalogue) -> None:
        self._reader = Reader(url)
        self._catalogue = catalogue
        self._classifier = Classifier(catalogue)
        self._rates = RateBooks(source=Decks(url))
        self._rates.refresh()
        self._tenants: dict[str, LiveTenant | None] = {}

    def judge(self, call: StartCall, at_us: int) -> Verdict:
        """Classifies a call as at an instant, UNKNOWN_US is now."""
        tenant = self._tenant(call.tenant)
        if tenant is None:
            return Verdict("", (f"tenant {call.tenant!r} is not in the ledger",))
        now_us = time_ns() // 1_000 if at_us == UNKNOWN_US else at_us
        try:
            found = asked(call, tenant, self._rates, self._classifier, now_us)
        except UnknownPayer as unknown:
            return Verdict("", (f"{unknown}; the answer is 5030 USER_UNKNOWN",))
        return Verdict(found.facts.category, tuple(_sentences(found, tenant)))

    def _tenant(self, id_: str) -> LiveTenant | None:
        if id_ not in self._tenants:
            documents = self._reader.documents(id_)
            self._tenants[id_] = None if documents is None else live_tenant(documents, self._catalogue)
        return self._tenants[id_]


def _sentences(found: Asked, tenant: LiveTenant) -> Iterator[str]:
    facts = found.facts
    yield f"{facts.category}: {facts.why}"
    if tenant.tenant.status != ACTIVE:
        yield f"{DETAILS[Refusal.TENANT_SUSPENDED]}; nothing but emergency calls is let through"
    for gate, refusal in _GATES:
        if found.gates & gate:
            yield DETAILS[refusal]
    if facts.rated:
        yield _rate(facts, tenant.tenant.currency)
    elif facts.paid:
        yield found.unrated


def _rate(facts: Facts, currency: str) -> str:
    """The row of the deck that prices the call; a price is billionths a minute."""
    first_s, step_s, _, first_price, price, fee, *_ = facts.rate
    whole = f"{format_decimal(price, _NANOS_PLACES)} {currency} a minute"
    first = "" if first_price == price else f", {format_decimal(first_price, _NANOS_PLACES)} at first"
    setup = "" if not fee else f", {format_decimal(fee, 6)} at set-up"
    return f"rate +{facts.prefix} of deck {facts.deck}: {whole}{first}{setup}, {first_s}/{step_s} s"
