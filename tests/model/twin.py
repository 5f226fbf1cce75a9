"""The engine and the model in lock-step: every operation is done on both, answers and states are compared.

A difference is an AssertionError that shows what either says (rulings.md 26).
"""

from __future__ import annotations

from typing import Any

from talktime.accounts.calendar import twelve_months_on_us
from talktime.catalog.model import Catalogue
from talktime.ledger.commands import Expire, Refused
from talktime.ledger.records import State
from talktime.ledger.verify import verify
from talktime.live.answers import Allowed, Cancelled, Denied, Fault, Quoted, Settled
from talktime.live.operations import (
    ALL_SECONDS,
    NOT_ASKED,
    CancelCall,
    DebitCall,
    EndCall,
    ExtendCall,
    FinishCall,
    Pace,
    QuoteCall,
    RefundCall,
    ReportCall,
    StartCall,
)
from tests.live.ledger_checks import LedgerChecks
from tests.live.live_desk import LiveDesk, books_of
from tests.live.small_world import (
    COARSE,
    FINE,
    PARTNERS,
    PLACES,
    SIZES_S,
    Ask,
    debit_of,
    offer_of,
    start_of,
    tenant_of,
)
from tests.model.live_model import SECOND, Answer, Model, Offer
from tests.model.live_parts import Session

Later = ExtendCall | EndCall | CancelCall | ReportCall | FinishCall | RefundCall
"""What is said of a call that was started."""

Told = StartCall | DebitCall | Later

BEFORE_MIDNIGHT_US = 1_774_999_800 * SECOND  # 2026-03-31 23:30, half an hour before a month ends
KEPT_S = 10**8
"""Answers are kept for years, so that the model need not forget any."""

MAX_ANSWERS = 14
"""The answers that a call may get here; the engine remembers 16."""

STATES = {
    "open": State.OPEN,
    "ended": State.ENDED,
    "cancelled": State.CANCELLED,
    "lost": State.LOST,
    "unanswered": State.LOST,
}


class Twin:
    """Four tenants on the engine and in the model. `engine` says which of the desks is asked next."""

    def __init__(self, url: str, catalogue: Catalogue, desks: int = 2) -> None:
        rates = books_of(FINE.deck, COARSE.deck)
        pace = Pace(kept_s=KEPT_S)
        self.desk = LiveDesk(url, catalogue, rates, pace=pace, now_us=BEFORE_MIDNIGHT_US, desks=desks)
        self.engine = 0
        self.checks = LedgerChecks(self.desk)
        self.model = Model()
        self.model.year_on = lambda at_us: twelve_months_on_us(at_us, "UTC")
        self.asks: dict[StartCall | DebitCall, Ask] = {}
        self.done: dict[str, list[Told]] = {name: [] for name in PLACES}
        self.obeys = dict.fromkeys(PLACES, True)
        for name, place in PLACES.items():
            self.model.add(name, place.settings)
            self.model.tenants[name].last_us = BEFORE_MIDNIGHT_US
            self.desk.add(tenant_of(name), deck=place.prices.deck.version if place.prices != FINE else "")

    def close(self) -> None:
        """Ends the engine; what it leaves can be rebuilt from its journal."""
        found = verify(self.desk.url, now_us=self.desk.now_us)
        self.desk.close()
        assert found.is_clean, found.differences

    # --- time and money --------------------------------------------------------------------------------

    def wait(self, us: int) -> None:
        """The clock goes on."""
        self.desk.now_us += us

    def back(self, us: int) -> None:
        """The clock is set back. The last instant of a wallet is what it stored last, so each stores one."""
        for name in PLACES:
            self.fund(name, 1, 400 * 86_400 * SECOND)
        self.desk.now_us -= us

    def restart(self) -> None:
        """What the engine knew is gone, but for what it stored."""
        self.desk.restart()

    def fund(self, tenant: str, amount: int, life_us: int, *, gift: bool = False) -> None:
        """A purchase, or credits given by hand."""
        origin = "adjustment" if gift else "purchase"
        told = self.desk.fund(tenant, amount, life_us, self.engine, origin)
        expires_us = max(self.desk.now_us, self.model.tenants[tenant].last_us) + life_us
        self.model.fund(tenant, self.desk.now_us, amount, expires_us, origin)
        self._same_wallet(tenant, told.balance, told.available)
        self.compare(tenant)

    def take_back(self, tenant: str, amount: int) -> None:
        """A negative adjustment."""
        told = self.desk.take_back(tenant, amount, self.engine)
        answer = self.model.adjust(tenant, self.desk.now_us, -amount)
        assert isinstance(told, Refused) == (answer.kind == "error"), (told, answer)
        self._expire(tenant)
        self.compare(tenant)

    def look_round(self) -> None:
        """Silent calls are lost, lots expire."""
        now_us = self.desk.now_us
        for name, t in self.model.tenants.items():
            for s in t.sessions.values():
                is_due = s.state == "open" and s.due_us(t.settings) <= now_us
                self.obeys[name] &= not is_due or s.used_s <= s.authorised_s
        self.model.sweep(now_us)
        self.desk.look_round(self.engine)
        for name in PLACES:
            self._expire(name)
            self.compare(name)

    # --- calls -----------------------------------------------------------------------------------------

    def start(self, tenant: str, call: str, sequence: int, ask: Ask) -> None:
        """May it begin?"""
        operation = start_of(tenant, call, sequence, ask, self.desk.now_us)
        self._do_start(operation, ask)

    def _do_start(self, operation: StartCall, ask: Ask) -> None:
        tenant = operation.tenant
        self.asks[operation] = ask
        now_us = max(self.desk.now_us, self.model.tenants[tenant].last_us)
        offer = offer_of(operation, ask, now_us)
        self._sizes(tenant, offer)
        answer = self.model.start(tenant, operation.call_id, operation.sequence, self.desk.now_us, offer)
        self._compare(operation, answer)

    def extend(self, tenant: str, call: str, sequence: int, used_s: int, requested_s: int | None) -> None:
        """So much is used; may it go on?"""
        asked_s = NOT_ASKED if requested_s is None else requested_s
        self._do(ExtendCall(tenant, call, sequence, used_s, asked_s))

    def end(self, tenant: str, call: str, sequence: int, duration_s: int) -> None:
        """It is over."""
        self._do(EndCall(tenant, call, sequence, duration_s))

    def cancel(self, tenant: str, call: str, sequence: int) -> None:
        """Nobody answered."""
        self._do(CancelCall(tenant, call, sequence))

    def report(self, tenant: str, call: str, sequence: int, more_s: int, requested_s: int | None) -> None:
        """So much more is used; may it go on?"""
        asked_s = NOT_ASKED if requested_s is None else requested_s
        self._do(ReportCall(tenant, call, sequence, more_s, asked_s))

    def finish(self, tenant: str, call: str, sequence: int, more_s: int) -> None:
        """It is over, so much after the last report."""
        self._do(FinishCall(tenant, call, sequence, more_s))

    def refund(self, tenant: str, call: str, sequence: int, seconds: int) -> None:
        """So much of a debit is taken back."""
        self._do(RefundCall(tenant, call, sequence, seconds))

    def debit(self, tenant: str, call: str, sequence: int, seconds: int, ask: Ask) -> None:
        """A call is charged at once; before that it is asked what it would cost, which changes nothing."""
        operation = debit_of(tenant, call, sequence, seconds, ask, self.desk.now_us)
        quoted = self._quote(operation)
        is_new = call not in {each.call_id for each in self.done[tenant]}
        told = self._do_debit(operation, ask)
        if not is_new or isinstance(quoted, Fault):
            return
        if isinstance(told, Settled):
            assert quoted.covered_s == seconds, (quoted, told)
            assert (quoted.pool_s, quoted.amount) == (told.pool_s, told.amount), (quoted, told)
        elif isinstance(told, Denied):
            assert quoted.reason or quoted.covered_s < seconds, (quoted, told)
            assert quoted.reason.code in ("", told.reason.code), (quoted, told)

    def _quote(self, debit: DebitCall) -> Quoted | Fault:
        sides = (debit.user, debit.service_number, debit.caller, debit.callee)
        times = (debit.started_us, debit.answered_us)
        told = self.desk.do(
            QuoteCall(debit.tenant, debit.call_type, debit.seconds, *sides, *times), self.engine
        )
        assert isinstance(told, Quoted | Fault)
        self.compare(debit.tenant)
        return told

    def _do_debit(self, operation: DebitCall, ask: Ask) -> Any:
        tenant, self.asks[operation] = operation.tenant, ask
        now_us = max(self.desk.now_us, self.model.tenants[tenant].last_us)
        offer = offer_of(operation, ask, now_us)
        self._sizes(tenant, offer)
        args = (tenant, operation.call_id, operation.sequence, self.desk.now_us, operation.seconds)
        return self._compare(operation, self.model.debit(*args, offer))

    def again(self, operation: Told, of: Told | None = None) -> None:
        """The same once more, or one that takes the place `of` another."""
        before = operation if of is None else of
        if isinstance(operation, StartCall):
            assert isinstance(before, StartCall)
            self._do_start(operation, self.asks[before])
        elif isinstance(operation, DebitCall):
            assert isinstance(before, DebitCall)
            self._do_debit(operation, self.asks[before])
        else:
            self._do(operation)

    def _do(self, operation: Later) -> None:
        tenant, call, now_us = operation.tenant, operation.call_id, self.desk.now_us
        session = self.model.tenants[tenant].sessions.get(call)
        if session is not None:
            self._sizes(tenant, session.offer)
            self._see_whether_it_obeys(tenant, session, operation)
        args = (tenant, call, operation.sequence, now_us)
        match operation:
            case ExtendCall():
                wish = None if operation.requested_s == NOT_ASKED else operation.requested_s
                answer = self.model.extend(*args, operation.used_s, wish)
            case EndCall():
                answer = self.model.end(*args, operation.duration_s)
            case CancelCall():
                answer = self.model.cancel(*args)
            case ReportCall():
                wish = None if operation.requested_s == NOT_ASKED else operation.requested_s
                answer = self.model.report(*args, operation.used_s, wish)
            case FinishCall():
                answer = self.model.finish(*args, operation.duration_s)
            case RefundCall():
                back_s = None if operation.seconds == ALL_SECONDS else operation.seconds
                answer = self.model.refund(*args, back_s)
        self._compare(operation, answer)

    def _see_whether_it_obeys(self, tenant: str, session: Session, operation: Later) -> None:
        if isinstance(operation, EndCall | FinishCall):
            before_s = session.used_s if isinstance(operation, FinishCall) else 0
            beyond = operation.duration_s + before_s > session.authorised_s + 2 or session.state in (
                "lost",
                "unanswered",
            )
            self.obeys[tenant] &= not beyond

    def _sizes(self, tenant: str, offer: Offer) -> None:
        """Tells the model the pools and caps that a call touches, each with its month."""
        for name in offer.pools:
            plain, _, month = name.rpartition("@")
            self.model.pools[tenant, name] = SIZES_S[plain]
            if plain in PARTNERS:
                partner = f"{PARTNERS[plain]}@{month}"
                self.model.partners[name] = partner
                self.model.pools.setdefault((tenant, partner), SIZES_S[PARTNERS[plain]])
        limits = {
            "cap:tenant" if scope == "tenant" else f"cap:{scope}/{owner}": int(float(amount) * SECOND)
            for scope, owner, amount in PLACES[tenant].caps
        }
        for name in offer.caps:
            self.model.caps[tenant, name] = limits[name.rpartition("@")[0]]

    # --- comparing -------------------------------------------------------------------------------------

    def _compare(self, operation: Told, answer: Answer) -> Any:
        tenant = operation.tenant
        told = self.desk.do(operation, self.engine)
        assert seen(told) == expected(answer), (operation, told, answer)
        if isinstance(told, Settled):
            assert split_of(told) == (answer.credits, answer.post_usage, answer.overdraft), (told, answer)
        if not isinstance(told, Fault):
            self.done[tenant].append(operation)
        self._expire(tenant)
        self.compare(tenant)
        return told

    def _expire(self, tenant: str) -> None:
        """Repeats and faults do not look at the clock in the engine; here both sides do."""
        self.desk.do(Expire(tenant), self.engine)
        self.model.advance(tenant, self.desk.now_us)

    def _same_wallet(self, tenant: str, balance: int, available: int) -> None:
        t = self.model.tenants[tenant]
        _agree("wallet told", (balance, available), (t.balance, t.balance - t.reserved))

    def compare(self, tenant: str) -> None:
        """Balances, lots, counters, sessions, notices of a tenant, and all invariants."""
        self.model.check()
        self.checks.check(tenant)
        t = self.model.tenants[tenant]
        lots = {lot.number: (lot.left, lot.held) for lot in t.lots if lot.left}
        _agree("lots", self.desk.lots(tenant), lots)
        _agree("wallet", self.desk.wallet(tenant), (t.balance, t.reserved, t.overdraft))
        _agree("counters", self.desk.counters(tenant), self._counters(tenant))
        calls = self.desk.rows("select call_id, state from sessions where tenant = ? and state <> 0", tenant)
        _agree("states", dict(calls), {call: STATES[s.state] for call, s in t.sessions.items()})
        _agree("balance_zero", self.desk.notices(tenant, "balance_zero"), t.zero_notices)
        assert t.overdraft == 0 or not self.obeys[tenant], "never below zero while grants are obeyed"

    def _counters(self, tenant: str) -> dict[tuple[str, int], tuple[int, int]]:
        t = self.model.tenants[tenant]
        calls = t.sessions.values()
        both = {
            n: (t.pool_used[n], sum(s.pools[n] for s in calls)) for o, n in self.model.pools if o == tenant
        }
        both |= {
            n: (t.cap_spent[n], sum(s.caps[n] for s in calls)) for o, n in self.model.caps if o == tenant
        }
        found = {}
        for name, numbers in both.items():
            counter, _, month = name.rpartition("@")
            if numbers != (0, 0):
                found[counter, int(month)] = numbers
        return found


def _agree(what: str, engine: object, model: object) -> None:
    """Says both where they differ; no test runner stands by in a long run."""
    assert engine == model, f"{what}: the engine has {engine}, the model {model}"


def seen(told: Any) -> tuple[Any, ...]:
    """An answer of the engine as plain values."""
    match told:
        case Allowed():
            g = told.grant
            return ("allow", g.granted_s, g.authorised_s, bool(g.final), g.pool_s, g.credits)
        case Denied():
            return ("deny", told.reason.code)
        case Settled():
            over = "over_grant" in told.flags
            seconds = (told.billed_s, told.pool_s, told.paid_s)
            return ("settled", *seconds, told.amount, told.balance, told.available, over)
        case Cancelled():
            return ("cancelled",)
        case Fault():
            return ("error", told.code.value)
        case _:
            raise AssertionError(f"not an answer: {told!r}")


def expected(answer: Answer) -> tuple[Any, ...]:
    """An answer of the model as the same plain values."""
    a = answer
    match a.kind:
        case "allow":
            return ("allow", a.granted_s, a.authorised_s, a.final, a.pool_s, a.reserved)
        case "settled":
            seconds = (a.billed_s, a.pool_s, a.paid_s)
            return ("settled", *seconds, a.amount, a.balance, a.available, a.over_grant)
        case "cancelled":
            return ("cancelled",)
        case _:
            return (a.kind, a.reason)


def split_of(told: Settled) -> tuple[int, int, int]:
    """(credits, post-usage, overdraft) in micros."""
    by = dict.fromkeys(("credits", "post_usage", "overdraft"), 0)
    for paid in told.funding:
        if paid.source in by:
            by[paid.source] += paid.micros
    return by["credits"], by["post_usage"], by["overdraft"]
