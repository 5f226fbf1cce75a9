"""The model fed with a month: what the calls are comes from the product, what they cost does not.

Category, rate, pools and caps of a call were compared with the file; grants, reservations and who pays are
worked out by the model (rulings.md 26 b).
"""

from __future__ import annotations

from fractions import Fraction

from talktime.accounts.documents import tenant_text, text_of
from talktime.accounts.funding_terms import terms_of
from talktime.accounts.tenant import Tenant
from talktime.catalog.load import load_catalogue
from talktime.core.limits import NO_LIMIT
from talktime.core.refusals import GATE_PREMIUM, GATE_UNLICENSED
from talktime.ledger.store import Documents
from talktime.live.facts import Asked, Classifier, asked
from talktime.live.operations import StartCall
from talktime.live.tenant import LiveTenant, live_tenant
from tests.conformance.live_months import Turn, end_of, purchases_of, start_of
from tests.conformance.months import Month
from tests.conformance.product import deck_of
from tests.live.live_desk import books_of
from tests.model.live_model import Answer, Model, Offer, Settings
from tests.model.live_parts import Rounding

ROUNDING_NAMES: tuple[Rounding, ...] = ("half_up", "up", "down", "half_even")


class ModelMonth:
    """One tenant of the model, and what the product says its calls are."""

    def __init__(self, month: Month, tenant: Tenant) -> None:
        self.tenant = tenant
        self.rates = books_of(deck_of(month))
        self.classifier = Classifier(load_catalogue())
        users = [text_of(user) for user in tenant.users]
        numbers = [text_of(number) for number in tenant.service_numbers]
        documents = Documents(tenant_text(tenant), users, numbers, ())
        self.live: LiveTenant = live_tenant(documents, self.classifier.catalogue)
        terms = terms_of(tenant, self.classifier.catalogue, recharge_on=False)
        self.model = Model()
        self.model.add(
            tenant.id,
            Settings(behind=terms.behind, post_usage_off=terms.post_usage_off, slice_s=86_400, slack_s=0),
        )

    def as_they_were(self, turns: list[Turn]) -> dict[str, Answer]:
        """The answers to `end`, or the refusals, in the order of `live_months.as_they_were`."""
        coming = purchases_of(self.tenant, turns)
        moments = [(turn.end_us, 0, turn) for turn in turns] + [(turn.start_us, 1, turn) for turn in turns]
        told: dict[str, Answer] = {}
        for at_us, begins, turn in sorted(moments, key=lambda m: (m[0], m[1], m[2].id)):
            while coming and coming[0][0].at_us <= at_us:
                purchase, expires_us = coming.pop(0)
                self.model.fund(self.tenant.id, purchase.at_us, purchase.amount_micros, expires_us)
            if begins:
                told[turn.id] = self._start(start_of(self.tenant, turn), at_us)
            elif told[turn.id].kind == "allow":
                end = end_of(self.tenant, turn)
                self._sizes(turn.id)
                told[turn.id] = self.model.end(self.tenant.id, turn.id, 1, at_us, end.duration_s)
        return told

    def _start(self, call: StartCall, at_us: int) -> Answer:
        seen = asked(call, self.live, self.rates, self.classifier, at_us)
        offer = offer_of(seen, call)
        self._set(offer)
        for cap in seen.facts.caps:
            self.model.caps[self.tenant.id, f"{cap.counter}@{cap.period}"] = cap.limit
        return self.model.start(self.tenant.id, call.call_id, 0, at_us, offer)

    def _sizes(self, call: str) -> None:
        self._set(self.model.tenants[self.tenant.id].sessions[call].offer)

    def _set(self, offer: Offer) -> None:
        """The sizes of the pools for a call that started at its instant."""
        assert offer.base_us is not None
        for name in offer.pools:
            size_s = self.live.size_s(name.rpartition("@")[0], offer.base_us)
            self.model.pools[self.tenant.id, name] = None if size_s >= NO_LIMIT else size_s


def offer_of(seen: Asked, call: StartCall) -> Offer:
    """What the product found out about a call, in the words of the model."""
    facts = seen.facts
    first_s, step_s, model, first_price, price, fee, rounding, decimals = facts.rate
    return Offer(
        category_free=not facts.paid,
        licensed=not seen.gates & GATE_UNLICENSED,
        premium_refused=bool(seen.gates & GATE_PREMIUM),
        rated=bool(facts.rated),
        first_s=first_s,
        step_s=step_s,
        whole=bool(model),
        price=Fraction(price, 10**9),
        first_price=Fraction(first_price, 10**9),
        fee=Fraction(fee, 10**6),
        rounding=ROUNDING_NAMES[rounding],
        decimals=decimals,
        pools=tuple(f"{name}@{facts.period}" for name in facts.pools),
        caps=tuple(f"{cap.counter}@{cap.period}" for cap in facts.caps),
        requested_s=call.requested_s,
        base_us=facts.base_us,
        answered=True,
        body=repr(call),
    )
