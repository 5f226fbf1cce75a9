"""A model of live charging, written from the documents alone: the judge of the engine (rulings.md 26).

Lists, dicts and fractions; no rule of the product is imported, and nothing is fast. One call of a method is
one command of the engine. Where the documents leave something open, a comment says so and what was chosen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.model.live_parts import (
    SECOND,
    UNLIMITED_S,
    Answer,
    Charge,
    Lot,
    Offer,
    Session,
    Settings,
    Tenant,
    take,
)

__all__ = ["SECOND", "Answer", "Model", "Offer", "Settings"]

Key = tuple[str, str, int]  # call, operation, sequence; starts and debits share their sequences
MOST_REFUNDS = 12


class Model:
    """Any number of tenants.

    The caller sets `pools` (tenant, name -> seconds, None for no limit), `caps` (tenant, name -> micros) and
    `partners` (strict_or: the pool that closes with this one); names include the month.
    """

    def __init__(self) -> None:
        self.tenants: dict[str, Tenant] = {}
        self.pools: dict[tuple[str, str], int | None] = {}
        self.caps: dict[tuple[str, str], int] = {}
        self.partners: dict[str, str] = {}
        self.year_on: Callable[[int], int] = lambda at_us: at_us + 365 * 86_400 * SECOND
        self._peak_s: Counter[tuple[str, str]] = Counter()  # the largest size and limit seen: lowering one
        self._peak: Counter[tuple[str, str]] = Counter()  # cuts no reservation

    def add(self, tenant: str, settings: Settings | None = None) -> None:
        """A new tenant, or new settings of one."""
        settings = settings or Settings()
        self.tenants.setdefault(tenant, Tenant(settings)).settings = settings

    # --- money -------------------------------------------------------------------------------------------

    def fund(self, tenant: str, at_us: int, amount: int, expires_at_us: int, kind: str = "purchase") -> int:
        """Open a lot; overdraft is its first draw; funding comes before expiry at one instant. -> number."""
        t = self.tenants[tenant]
        now_us = max(at_us, t.last_us)
        t.forfeit(now_us - 1, now_us)
        before, repaid, number = t.balance, min(amount, t.overdraft), len(t.lots) + 1
        t.overdraft -= repaid
        t.lots.append(Lot(number, kind, amount - repaid, expires_at_us))
        t.totals.update({kind: amount, "repaid": repaid})
        t.armed, t.last_us = True, now_us
        t.entered(before, kind)
        t.forfeit(now_us, now_us)
        return number

    def adjust(self, tenant: str, at_us: int, amount: int, expires_at_us: int = 0) -> Answer:
        """Above zero a lot of its own; below it free money goes, first in first out, or nothing does."""
        if amount > 0:
            self.fund(tenant, at_us, amount, expires_at_us, "adjustment")
            return self._told(self.tenants[tenant], Answer("adjusted", amount=amount))
        t, now_us = self._now(tenant, at_us)
        rest, before = -amount, t.balance
        free = sum(lot.left - lot.held for lot in t.lots)
        if amount == 0 or rest > min(free, t.balance):  # what is owed is not there to be taken
            return Answer("error", "no_credit" if amount else "zero_amount")
        for lot in t.lots:
            taken = min(rest, lot.left - lot.held)
            lot.left, rest = lot.left - taken, rest - taken
        t.totals["adjusted_away"] -= amount
        t.last_us = now_us
        t.entered(before, "adjustment")
        return self._told(t, Answer("adjusted", amount=amount))

    def advance(self, tenant: str, at_us: int) -> None:
        """Let time pass: lots expire."""
        self._now(tenant, at_us)

    def _now(self, tenant: str, at_us: int) -> tuple[Tenant, int]:
        t = self.tenants[tenant]
        now_us = max(at_us, t.last_us)
        t.forfeit(now_us, now_us)
        return t, now_us

    def _told(self, t: Tenant, answer: Answer) -> Answer:
        return replace(answer, balance=t.balance, available=t.balance - t.reserved)

    # --- what is free ------------------------------------------------------------------------------------

    def pool_free(self, tenant: str, name: str) -> int:
        """Seconds of a pool that nobody used and nobody reserves."""
        t, size = self.tenants[tenant], self.pools[tenant, name]
        reserved = sum(s.pools[name] for s in t.sessions.values())
        return max(0, (UNLIMITED_S if size is None else size) - t.pool_used[name] - reserved)

    def _own_and_free(self, tenant: str, s: Session) -> dict[str, int]:
        """Seconds a call may use of each pool: its own, and free ones where strict_or leaves it open."""
        found = {}
        for name in () if s.offer.category_free else s.offer.pools:
            partner = self.partners.get(name)
            # open: a counter is empty when all of it is used or reserved
            closed = partner is not None and self.pool_free(tenant, partner) == 0
            found[name] = s.pools[name] + (0 if closed else self.pool_free(tenant, name))
        return found

    def cap_left(self, tenant: str, name: str, s: Session) -> int:
        """Micros that a call may cost under a cap: what nobody spent, and nobody else reserves."""
        t = self.tenants[tenant]
        others = sum(other.caps[name] for other in t.sessions.values()) - s.caps[name]
        return self.caps[tenant, name] - t.cap_spent[name] - others

    def _available(self, t: Tenant, s: Session, until_us: int) -> int:
        usable = (lot for lot in t.lots if lot.expires_us > until_us)
        return sum(lot.left - lot.held + s.money[lot.number] for lot in usable) - t.overdraft

    # --- the grant ---------------------------------------------------------------------------------------

    def _short(self, tenant: str, s: Session, total_s: int, until_us: int, least: int = 0) -> str:
        """Why a call may not last so long, in the order of rulings.md 24; "" if it may."""
        t, offer = self.tenants[tenant], s.offer
        billed_s = offer.billed(total_s)
        pool_s = min(billed_s, sum(self._own_and_free(tenant, s).values()))
        if offer.category_free or pool_s == billed_s:
            return ""
        if not offer.licensed or not offer.rated:
            return "no_rate" if offer.licensed else "not_licensed"
        price = max(least, offer.amount(pool_s, billed_s))
        if any(price > self.cap_left(tenant, name, s) for name in offer.caps):
            return "spend_cap"
        available = self._available(t, s, until_us)
        if t.settings.behind or price <= available:
            return ""
        # open: both reasons ask for an empty wallet, not only for one that open calls hold
        if available <= 0 and t.emptied_by == "expiry":
            return "credits_expired"
        return "post_usage_off" if t.settings.post_usage_off and t.balance <= 0 else "no_credit"

    def _refusal(self, tenant: str, s: Session) -> str:
        """Why a call may not start, but for what stands in the way of its id."""
        offer, first_s = s.offer, s.offer.billed(1)
        if offer.category_free:  # open: neither barred nor premium stands against what costs nothing
            return ""
        if offer.barred:
            return "barred_destination"
        short = self._short(tenant, s, 1, s.base_us + first_s * SECOND, least=1)
        if offer.premium_refused and short != "not_licensed":
            return "premium_refused"
        return short

    def _longest(self, tenant: str, s: Session, limit_s: int) -> int:
        """The most seconds up to a limit that are covered; the longer, the dearer, so halving finds it."""
        low, high = 0, limit_s
        while low < high:
            middle = (low + high + 1) // 2
            if self._short(tenant, s, middle, s.base_us + middle * SECOND):
                high = middle - 1
            else:
                low = middle
        return low

    def _asked(self, tenant: str, s: Session, requested_s: int | None) -> int:
        """Seconds a grant aims at, from what is used on (rulings.md 21, 22)."""
        slice_s = self.tenants[tenant].settings.slice_s
        if requested_s is not None or s.offer.category_free:
            return slice_s if requested_s is None else min(requested_s, slice_s)
        step_s = s.offer.step_s if s.offer.rated else 60
        # open: caps and the expiry of lots count in what is covered, as they do in the grant
        covered_s = self._longest(tenant, s, s.used_s + 4 * (slice_s + step_s)) - s.used_s
        quarter_s = max(0, covered_s) // 4 // step_s * step_s
        return min(slice_s, max(s.offer.billed(1), quarter_s))

    def _grant(self, tenant: str, s: Session, requested_s: int | None) -> Answer:
        """Plan for what is used and asked; a never shrinks; reserve exactly what it needs."""
        t = self.tenants[tenant]
        aim_s = s.used_s + self._asked(tenant, s, requested_s)
        limit_s = aim_s if s.offer.category_free else min(aim_s, t.settings.max_call_s)
        planned_s = self._longest(tenant, s, limit_s)
        # open: what ends before what was used is a denial, and nothing is reserved for it
        if planned_s > max(s.authorised_s, s.used_s):
            self._reserve(tenant, s, planned_s)
        pool_s, reserved = s.pools.total(), s.money.total()
        kept = Answer("deny", "", 0, s.authorised_s, pool_s=pool_s, reserved=reserved)
        if s.authorised_s > s.used_s or s.reported_us is None:
            final, granted_s = s.authorised_s < aim_s, s.authorised_s - s.used_s
            return replace(kept, kind="allow", granted_s=granted_s, final=final)
        if requested_s == 0 and s.authorised_s == s.used_s:
            return replace(kept, reason="no_credit")  # open: nothing is short where nothing was asked for
        short = self._short(tenant, s, s.used_s + 1, s.base_us + (s.used_s + 1) * SECOND) or "no_credit"
        too_long = s.used_s >= t.settings.max_call_s
        return replace(kept, reason="call_too_long" if too_long else short)

    def _reserve(self, tenant: str, s: Session, total_s: int) -> None:
        t, offer, billed_s = self.tenants[tenant], s.offer, s.offer.billed(total_s)
        pools = take(self._own_and_free(tenant, s), billed_s)
        rest = price = offer.amount(pools.total(), billed_s)
        # open: with post-usage behind, overdraft does not lessen what a call may hold of the lots
        usable = [lot for lot in t.lots if lot.expires_us > s.base_us + total_s * SECOND]
        self._release(t, s)
        s.authorised_s, s.pools = total_s, pools
        s.caps = Counter(dict.fromkeys(offer.caps, price))
        s.money = take({lot.number: lot.left - lot.held for lot in usable}, rest)
        for number, amount in s.money.items():
            t.lots[number - 1].held += amount

    def _release(self, t: Tenant, s: Session) -> None:
        for number, amount in s.money.items():
            t.lots[number - 1].held -= amount
        s.pools, s.money, s.caps = Counter(), Counter(), Counter()

    # --- the settlement ----------------------------------------------------------------------------------

    def _settle(self, tenant: str, s: Session, duration_s: int, now_us: int, before: int) -> Answer:
        """Charge a call (rulings.md 20, 23); `before` is the balance before the command's entries."""
        t, offer = self.tenants[tenant], s.offer
        # open: a swept call is held to its grant as an ended one is, and so is a free one
        over_grant = duration_s > s.authorised_s + t.settings.slack_s
        billed_s = offer.billed(duration_s if over_grant else min(duration_s, s.authorised_s))
        pools = take(self._own_and_free(tenant, s), billed_s)
        amount, rest_s = offer.amount(pools.total(), billed_s), billed_s - pools.total()
        for name in offer.caps:
            t.cap_spent[name] += amount
            t.cap_overrun[name] += max(0, amount - s.caps[name])
        self._release(t, s)
        free = {lot.number: lot.left - lot.held for lot in t.lots}  # of an expired lot only what it held
        charge = s.charge = Charge(billed_s, pools, take(free, amount), amount)
        for number, part in charge.money.items():
            t.lots[number - 1].left -= part
        behind, unpaid = t.settings.behind, amount - charge.money.total()
        charge.post_usage, charge.overdraft = (unpaid, 0) if behind else (0, unpaid)
        t.overdraft += charge.overdraft
        t.pool_used.update(pools)
        t.entered(before, "call")
        t.forfeit(now_us, now_us)
        s.state = "ended"
        return self._told(t, self._settled(s, charge, rest_s, over_grant))

    def _settled(self, s: Session, charge: Charge, rest_s: int, over_grant: bool) -> Answer:
        paid = not s.offer.category_free
        return Answer(
            "settled",
            authorised_s=s.authorised_s,
            pool_s=charge.pools.total(),
            billed_s=charge.billed_s,
            paid_s=rest_s if paid and s.offer.rated else 0,
            unrated_s=rest_s if paid and not s.offer.rated else 0,
            amount=charge.amount,
            credits=charge.money.total(),
            post_usage=charge.post_usage,
            overdraft=charge.overdraft,
            over_grant=over_grant,
        )

    def _correct(self, tenant: str, s: Session, duration_s: int, now_us: int) -> Answer:
        """Charge the true length of a swept call: only the difference to what was charged moves.

        open: seconds beyond those billed are paid like any others; of fewer, pools and lots that paid last
        get theirs back first, and before the lots what is owed, then what would be invoiced.
        """
        t, offer, before = self.tenants[tenant], s.offer, self.tenants[tenant].balance
        old = s.charge or Charge(0, Counter(), Counter(), 0)
        over_grant = duration_s > s.authorised_s + t.settings.slack_s
        billed_s = offer.billed(duration_s if over_grant else min(duration_s, s.authorised_s))
        if billed_s > old.billed_s:
            pools = old.pools + take(self._own_and_free(tenant, s), billed_s - old.billed_s)
        else:
            pools = take(dict(old.pools), billed_s)
        amount, rest_s = offer.amount(pools.total(), billed_s), billed_s - pools.total()
        new = Charge(billed_s, pools, Counter(old.money), amount, old.post_usage, old.overdraft)
        if amount >= old.amount:
            self._pay_more(t, new, amount - old.amount)
        else:
            self._pay_back(t, new, old.amount - amount)
        for name in offer.caps:
            t.cap_spent[name] += amount - old.amount
            t.cap_overrun[name] += max(0, amount - old.amount)
        t.pool_used.subtract(old.pools)
        t.pool_used.update(pools)
        s.charge, s.state = new, "ended"
        t.entered(before, "call")
        t.forfeit(now_us, now_us)
        return self._told(t, self._settled(s, new, rest_s, over_grant))

    def _pay_more(self, t: Tenant, new: Charge, more: int) -> None:
        drawn = take({lot.number: lot.left - lot.held for lot in t.lots}, more)
        for number, part in drawn.items():
            t.lots[number - 1].left -= part
        new.money.update(drawn)
        rest = more - drawn.total()
        if t.settings.behind:
            new.post_usage += rest
        else:
            new.overdraft += rest
            t.overdraft += rest

    def _pay_back(self, t: Tenant, new: Charge, less: int) -> None:
        owed = min(less, new.overdraft, t.overdraft)
        t.overdraft, new.overdraft = t.overdraft - owed, new.overdraft - owed
        invoiced = min(less - owed, new.post_usage)
        new.post_usage -= invoiced
        less -= owed + invoiced
        for number, paid in reversed(list(new.money.items())):
            part = min(paid, less)
            t.lots[number - 1].left += part
            new.money[number], less = paid - part, less - part
        new.money = +new.money
        if less:  # open: overdraft that a purchase repaid meanwhile comes back into the newest lot with money
            new.overdraft -= less
            newest = max((lot for lot in t.lots if lot.left), key=lambda lot: lot.number, default=t.lots[-1])
            if not newest.left:
                newest.expires_us = self.year_on(t.last_us)
            newest.left += less
            t.totals["repaid"] -= less

    # --- commands ----------------------------------------------------------------------------------------

    def start(self, tenant: str, call: str, seq: int, at_us: int, offer: Offer) -> Answer:
        """May a call start, and for how long?"""
        t, now_us = self._now(tenant, at_us)  # open: time passes for repeats and conflicts too
        body: object = offer.body or offer
        known = t.answers.get((call, "start", seq))
        if known and known[0] == body:
            return known[1]
        s = Session(offer, now_us if offer.base_us is None else offer.base_us, now_us, last=seq)
        if offer.emergency and (known or call in t.sessions or seq < t.denied.get(call, seq)):
            slice_s = t.settings.slice_s  # open: whatever its id was used for it passes, and changes nothing
            return self._told(t, Answer("allow", granted_s=slice_s, authorised_s=slice_s))
        if answer := self._stands_against(tenant, (call, "start", seq), s, body):
            return answer
        t.sessions[call] = s
        asked_s = offer.requested_s
        answer = self._grant(tenant, s, None if asked_s is None else max(asked_s, 1))
        return self._keep(t, (call, "start", seq), body, answer, now_us)

    def _stands_against(
        self, tenant: str, key: Key, s: Session, body: object, all_s: int = 0
    ) -> Answer | None:
        """Why a call that is no repeat may not begin; `all_s`: all or nothing for so many seconds."""
        t, (call, _, seq) = self.tenants[tenant], key
        stranger = not s.offer.user_known and not s.offer.emergency
        if key in t.answers:
            return Answer("error", "conflict")
        if call in t.sessions:
            return self._told(t, Answer("deny", "unknown_user" if stranger else "duplicate_call"))
        if seq < t.denied.get(call, seq):
            return Answer("error", "conflict")
        reason = "unknown_user" if stranger else self._refusal(tenant, s)
        if not reason and (covered_s := self._longest(tenant, s, all_s)) < all_s:
            until_us = s.base_us + (covered_s + 1) * SECOND
            reason = self._short(tenant, s, covered_s + 1, until_us) or "no_credit"
        if not reason:
            return None
        t.denied[call] = seq
        return self._keep(t, key, body, Answer("deny", reason), s.arrival_us)

    def debit(self, tenant: str, call: str, seq: int, at_us: int, seconds: int, offer: Offer) -> Answer:
        """Charged at once for all its seconds, or not at all (RFC 8506 6.3)."""
        if seconds > self.tenants[tenant].settings.max_call_s:
            return Answer("error", "absurd")
        t, now_us = self._now(tenant, at_us)
        body, key = (offer.body or offer, seconds), (call, "start", seq)
        known = t.answers.get(key)
        if known and known[0] == body:
            return known[1]
        s = Session(offer, now_us if offer.base_us is None else offer.base_us, now_us, last=seq, debit=True)
        if offer.emergency and (known or call in t.sessions or seq < t.denied.get(call, seq)):
            return Answer("settled", billed_s=seconds)  # open: it passes and changes nothing, as a start does
        if answer := self._stands_against(tenant, key, s, body, seconds):
            return answer
        t.sessions[call] = s
        t.last_us = now_us
        self._reserve(tenant, s, seconds)
        s.used_s = seconds
        return self._keep(t, key, body, self._settle(tenant, s, seconds, now_us, t.balance), now_us)

    def refund(self, tenant: str, call: str, seq: int, at_us: int, seconds: int | None) -> Answer:
        """So many seconds of a debit (None: all) are taken back, the last first: a correction."""
        t, now_us = self._now(tenant, at_us)
        key = (call, "refund", seq)
        found = self._repeated(t, key, seconds)
        if isinstance(found, Answer):
            return found
        back_s = found.used_s if seconds is None else seconds
        often = sum((known, op) == (call, "refund") for known, op, _ in t.answers) >= MOST_REFUNDS
        if not found.debit or often or not 0 < back_s <= found.used_s:
            return Answer("error", "conflict")
        t.last_us = now_us
        found.used_s -= back_s
        return self._keep(t, key, seconds, self._correct(tenant, found, found.used_s, now_us), now_us)

    def report(
        self, tenant: str, call: str, seq: int, at_us: int, more_s: int, requested_s: int | None
    ) -> Answer:
        """So many seconds more are used than at the last report; may it go on?"""
        had = self.tenants[tenant].sessions.get(call)
        total_s = more_s + (had.used_s if had else 0)
        return self.extend(tenant, call, seq, at_us, total_s, requested_s, ("report", (more_s, requested_s)))

    def finish(self, tenant: str, call: str, seq: int, at_us: int, more_s: int) -> Answer:
        """The call is over, so many seconds after its last report."""
        had = self.tenants[tenant].sessions.get(call)
        return self.end(tenant, call, seq, at_us, more_s + (had.used_s if had else 0), ("finish", more_s))

    def extend(
        self,
        tenant: str,
        call: str,
        seq: int,
        at_us: int,
        used_s: int,
        requested_s: int | None,
        said: tuple[str, object] | None = None,
    ) -> Answer:
        """So many seconds are used since the answer; may it go on? `said`: operation and body, if others."""
        t, now_us = self._now(tenant, at_us)
        op, body = said or ("extend", (used_s, requested_s))
        key = (call, op, seq)
        found = self._open(t, key, body)
        if isinstance(found, Answer):
            return found
        if used_s > t.settings.max_call_s:
            return Answer("error", "absurd")
        found.used_s, found.reported_us = max(used_s, found.used_s), now_us
        answer = self._grant(tenant, found, requested_s)
        t.forfeit(now_us, now_us)
        return self._keep(t, key, body, answer, now_us)

    def end(
        self,
        tenant: str,
        call: str,
        seq: int,
        at_us: int,
        duration_s: int,
        said: tuple[str, object] | None = None,
    ) -> Answer:
        """The call is over: charge it. On a call that was swept this is a correction."""
        t, now_us = self._now(tenant, at_us)
        op, body = said or ("end", duration_s)
        key = (call, op, seq)
        found = self._open(t, key, body, ("open", "lost", "unanswered"))
        if isinstance(found, Answer):
            return found
        if duration_s > t.settings.max_call_s:
            return Answer("error", "absurd")
        t.last_us = now_us
        if found.state == "open":
            answer = self._settle(tenant, found, duration_s, now_us, t.balance)
        else:
            answer = self._correct(tenant, found, duration_s, now_us)
        return self._keep(t, key, body, answer, now_us)

    def cancel(self, tenant: str, call: str, seq: int, at_us: int) -> Answer:
        """It was not answered: release everything."""
        t, now_us = self._now(tenant, at_us)
        key = (call, "cancel", seq)
        found = self._open(t, key, None)
        if isinstance(found, Answer):
            return found
        if found.used_s:
            return Answer("error", "conflict")
        self._release(t, found)
        found.state = "cancelled"
        t.forfeit(now_us, now_us)
        return self._keep(t, key, None, Answer("cancelled", authorised_s=found.authorised_s), now_us)

    def sweep(self, at_us: int) -> list[tuple[str, str, Answer]]:
        """Settle or release the calls that fell silent, those due first at first. -> (tenant, call, what)."""
        swept = []
        for tenant in self.tenants:
            t, now_us = self._now(tenant, at_us)
            silent = [(s.due_us(t.settings), call) for call, s in t.sessions.items() if s.state == "open"]
            for due_us, call in sorted(silent):
                # open: looked for by the clock, settled at the instant of the sweep, not when it was due
                if due_us <= at_us:
                    swept.append((tenant, call, self._lose(tenant, t.sessions[call], now_us)))
                    t.last_us = now_us
        return swept

    def _lose(self, tenant: str, s: Session, now_us: int) -> Answer:
        t = self.tenants[tenant]
        if s.reported_us is not None:
            answer = self._settle(tenant, s, s.used_s, now_us, t.balance)
            s.state = "lost"
            return answer
        self._release(t, s)
        s.state = "unanswered"
        t.forfeit(now_us, now_us)
        return self._told(t, Answer("cancelled", authorised_s=s.authorised_s))

    def _open(
        self, t: Tenant, key: Key, body: object, states: tuple[str, ...] = ("open",)
    ) -> Session | Answer:
        """The session a command is about, or the answer it gets instead (rulings.md 25)."""
        found = self._repeated(t, key, body)
        if isinstance(found, Answer):
            return found
        if found.state not in states:
            return Answer("error", "over")
        return found if key[2] > found.last else Answer("error", "conflict")

    def _repeated(self, t: Tenant, key: Key, body: object) -> Session | Answer:
        """The session of a command that comes for the first time, or what it is told."""
        if (s := t.sessions.get(key[0])) is None:
            return Answer("error", "denied_call" if key[0] in t.denied else "unknown_call")
        if known := t.answers.get(key):
            return known[1] if known[0] == body else Answer("error", "conflict")
        return s

    def _keep(self, t: Tenant, key: Key, body: object, answer: Answer, now_us: int) -> Answer:
        told = self._told(t, answer)
        t.answers[key], t.last_us = (body, told), now_us
        if key[0] in t.sessions:
            t.sessions[key[0]].last = key[2]
        return told

    # --- what must always hold ---------------------------------------------------------------------------

    def check(self) -> None:
        """The invariants; an AssertionError names the tenant."""
        for key, size in self.pools.items():
            self._peak_s[key] = max(self._peak_s[key], UNLIMITED_S if size is None else size)
        for key, limit in self.caps.items():
            self._peak[key] = max(self._peak[key], limit)
        for name, t in self.tenants.items():
            broken = [text for text, holds in self._holds(name, t) if not holds]
            assert not broken, f"{name}: {'; '.join(broken)}"

    def _holds(self, tenant: str, t: Tenant) -> Iterator[tuple[str, bool]]:
        calls = t.sessions.values()
        for lot in t.lots:
            held = sum(s.money[lot.number] for s in calls)
            yield f"lot {lot.number} holds what calls reserve", 0 <= held == lot.held <= lot.left
        charges = [s.charge for s in calls if s.charge]
        for name in {n for owner, n in self.pools if owner == tenant}:
            used, reserved = t.pool_used[name], sum(s.pools[name] for s in calls)
            yield f"pool {name} fits", used + reserved <= self._peak_s[tenant, name]
            yield f"pool {name} is what charges took", used == sum(c.pools[name] for c in charges)
        for name in {n for owner, n in self.caps if owner == tenant}:
            spent = sum(s.charge.amount for s in calls if s.charge and name in s.offer.caps)
            reserved, room = sum(s.caps[name] for s in calls), self._peak[tenant, name] + t.cap_overrun[name]
            yield f"cap {name} counts what was charged", t.cap_spent[name] == spent
            yield f"cap {name} holds", spent + reserved <= room
        for call, s in t.sessions.items():
            holds = s.pools.total() or s.money.total() or s.caps.total()
            yield f"{call} is open if it reserves", not holds or s.state == "open"
            yield f"{call} is charged if it ended", (s.charge is not None) == (s.state in ("ended", "lost"))
        for c in charges:
            paid = c.money.total() + c.post_usage + c.overdraft
            yield "a charge is what was paid", paid == c.amount
        funded = t.totals["purchase"] + t.totals["adjustment"]
        spent = sum(c.money.total() for c in charges)
        gone = spent + t.totals["repaid"] + t.totals["forfeited"] + t.totals["adjusted_away"]
        left = sum(lot.left for lot in t.lots)
        yield "what was funded is left, spent, forfeited or adjusted away", funded == left + gone
        owed = sum(c.overdraft for c in charges) - t.totals["repaid"]
        yield "overdraft is what calls took and no purchase repaid", t.overdraft == owed >= 0
