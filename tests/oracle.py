"""The oracle: what a file of calls must cost, written a second time from the documents alone.

Fractions, lists and dates instead of kernels and indexes: slow and obvious is right. It imports nothing of
the product, so that a rule which one of the two misread shows as a difference (rulings.md 26).
"""

from __future__ import annotations

from calendar import monthrange
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil
from typing import Any, cast
from zoneinfo import ZoneInfo

from tests.oracle_deck import (
    Country,
    Rate,
    Row,
    billed,
    country_of,
    instant,
    longest,
    micros,
    plain,
    rate_of,
    visible,
    within,
)

UNLIMITED_S = 10**12
MINIMUM = 50_000_000  # of a purchase (domain.md 6)
CENT = 10_000
DAY = timedelta(hours=24)

# Catalogue facts of domain.md 3, 4 and 5, as far as tests need them.
ZONE_A = frozenset(
    "AU AT BE BR BG CA CN HR CZ DK EE FI FR DE GR HK HU IN IE IT JP LU MY MX NL NZ NO PL PT PR RO RU SG SK "
    "SI ZA KR ES SE CH TW TH GB US".split()
)
NORTH_AMERICA = {"US", "PR", "CA"}
MINUTES: dict[tuple[str, str], tuple[int, dict[str, int]]] = {  # (plan, counter): elsewhere, by country
    ("MCOPSTN1", "domestic"): (1200, dict.fromkeys(NORTH_AMERICA, 3000)),
    ("MCOPSTN2", "domestic"): (1200, dict.fromkeys(NORTH_AMERICA | {"GB"}, 3000)),
    ("MCOPSTN2", "international"): (600, {}),
    ("MCOPSTN5", "domestic"): (120, {}),
    ("MCOPSTN6", "domestic"): (240, {}),
    ("MCOPSTN8", "domestic"): (120, {}),
    ("MCOMEETADD", "dial_out"): (60, dict.fromkeys(("RU", "KR", "TW"), 900)),
    ("MCOMEETADD_SELECT", "dial_out"): (60, {}),
}
PER_USER, PURCHASED_BASIS = {"MCOPSTN8"}, {"MCOMEETADD"}
ADD_ON, PAY_AS_YOU_GO, PAY_PER_MINUTE = "MCOMEETADD_DIALOUT_US", "MCOPSTNPP", "MCOMEETACPEA"
SUBSCRIPTIONS = {plan for plan, _ in MINUTES} | {ADD_ON, PAY_AS_YOU_GO, PAY_PER_MINUTE}
MAY_SPEND = {"MCOPSTNC", PAY_AS_YOU_GO}
CALLING_PLAN = {"calling_plan_domestic", "calling_plan_international"}
LICENCE_ASKED = CALLING_PLAN | {"conference_dial_out", "pay_as_you_go"}
FREE = {"emergency", "carried_by_operator", "included_inbound", "other"}
CREDITS_ONLY = ("3389", "44843", "44844", "44845", "44870", "44871", "44872")
PREMIUM = {"449": "refuse"} | dict.fromkeys(CREDITS_ONLY, "credits_only")
TOLL_FREE = tuple("800 1800 1833 1844 1855 1866 1877 1888 44800 44808 33800 49800".split())


@dataclass(frozen=True, slots=True)
class Result:
    """Rows in settlement order, totals by JSON name (seconds, micros), events (instant, kind, micros)."""

    rows: list[Row]
    totals: Row
    events: list[tuple[datetime, str, int]]


def year_later(at: datetime, zone: ZoneInfo) -> datetime:
    """The same wall-clock instant 12 months on; 29 February -> 28 (domain.md 6, feasibility.md 10)."""
    local = at.astimezone(zone)
    day = min(local.day, monthrange(local.year + 1, local.month)[1])
    return local.replace(year=local.year + 1, day=day, fold=0).astimezone(UTC)


def month_of(at: datetime, zone: ZoneInfo) -> tuple[int, int]:
    """The billing month an instant lies in."""
    local = at.astimezone(zone)
    return local.year, local.month


def next_month(at: datetime, zone: ZoneInfo) -> datetime:
    """The first instant of the billing month after the one `at` lies in."""
    year, month = month_of(at, zone)
    return datetime(year + month // 12, month % 12 + 1, 1, tzinfo=zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds licences: a user, or the resource account of a service number."""

    key: str
    country: str
    entry: Row = field(default_factory=dict)

    @property
    def home(self) -> str:
        """The country whose pool its licences feed: US and PR share one."""
        return "US" if self.country == "PR" else self.country

    def plans(self, at: datetime) -> set[str]:
        """The plans held at an instant."""
        held = ({"plan": h} if isinstance(h, str) else h for h in self.entry.get("licences", []))
        return {h["plan"] for h in held if within(h, at)}


class Tenant:
    """The tenant file: who holds what, how large the pools are, which agreement stands behind them."""

    def __init__(self, file: Row | None, country: Country) -> None:
        self.known, self.file = file is not None, file or {}
        head = self.file.get("tenant", {})
        self.zone, self.country = ZoneInfo(head.get("time_zone", "UTC")), head.get("country", "")
        users, numbers = self.file.get("users", []), self.file.get("service_numbers", [])
        self.users = [Holder(u["upn"].casefold(), u.get("location") or self.country, u) for u in users]
        places = {n["number"]: country(n["number"]) or self.country for n in numbers}
        self.services = {n["number"]: Holder(n["number"], places[n["number"]], n) for n in numbers}
        self.licences = self.file.get("licences", [])
        default = head.get("default_billing_account")
        named = {x.get("billing_account", default) for x in self.licences if x["plan"] in SUBSCRIPTIONS}
        bearing = (a for a in self.file.get("billing_accounts", []) if a["id"] in (named or {default}))
        mca = [account for account in bearing if account["agreement"] == "MCA"]
        self.mca, self.post_usage = bool(mca), any(a.get("post_usage_enabled", True) for a in mca)

    def user(self, name: str, location: str) -> Holder:
        """A user by upn or id; one who is not in the file has the row's location and no plan."""
        key = name.casefold()
        same = (h for h in self.users if key and key in (h.key, str(h.entry.get("id", "")).casefold()))
        return next(same, Holder(key, location or self.country))

    def pool_s(self, plan: str, counter: str, at: datetime, members: list[Holder]) -> int:
        """Size of a pool: licences held at the instant x minutes, no pro-rating (rulings.md 15)."""
        elsewhere, special = MINUTES[plan, counter]
        minutes = sum(special.get(h.country, elsewhere) for h in members if plan in h.plans(at))
        if plan in PURCHASED_BASIS:
            bought = sum(x["purchased"] for x in self.licences if x["plan"] == plan and within(x, at))
            spare = max(0, bought - sum(plan in h.plans(at) for h in members))
            minutes += spare * special.get(self.country, elsewhere)
        return minutes * 60

    def pools(self, call: Call) -> dict[Any, int]:
        """The pools open to a call, in order of use: key -> size in seconds. Premium takes none."""
        at, holder, country = call.row["start"], call.holder, call.country
        held, everyone = holder.plans(at), [*self.users, *self.services.values()]
        if call.premium:
            return {}
        if call.category == "conference_dial_out":
            if ADD_ON in held and country in ("US", "CA"):
                return {(ADD_ON, holder.key): UNLIMITED_S}
            zones = {"MCOMEETADD": ZONE_A, "MCOMEETADD_SELECT": {"US", "CA"}}
            plans = [plan for plan, zone in zones.items() if plan in held and country in zone]
            return {(plan,): self.pool_s(plan, "dial_out", at, everyone) for plan in plans}
        if call.category not in CALLING_PLAN | {"voice_app_outbound"}:
            return {}
        counter, found = "domestic" if call.domestic else "international", {}
        for plan in sorted(p for p in held if (p, counter) in MINUTES):
            place = holder.key if plan in PER_USER else holder.home
            sharing = [h for h in everyone if place in (h.key, h.home)]
            found[plan, counter, place] = self.pool_s(plan, counter, at, sharing)
        return found

    def caps(self, call: Call) -> dict[tuple[str, str], int]:
        """The spend caps a call counts against: counter -> micros a month (rulings.md 18)."""
        centre = call.service.entry.get("cost_centre") if call.service else ""
        mine = {"user": call.user.key, "cost_centre": centre or call.user.entry.get("cost_centre", "")}
        own = call.user.entry.get("cap_per_month")
        found = {("user", call.user.key): micros(own)} if own else {}
        for n, cap in enumerate(self.file.get("caps", [])):
            whose = cap.get("id", "").casefold() if cap["scope"] == "user" else cap.get("id", "")
            if cap["scope"] == "tenant" or (whose and whose == mine[cap["scope"]]):
                found["caps", str(n)] = micros(cap["amount"])
        return found


@dataclass(slots=True)
class Lot:
    """What is left of one purchase."""

    left: int
    expires: datetime


@dataclass(frozen=True, slots=True)
class Rule:
    """Auto-recharge: multiples of `add`, or up to `target`; what holds payments (recharge.md 1)."""

    below: int
    add: int
    target: int
    least: int
    most: int | None
    cap: int | None
    a_day: int | None
    cool_down: timedelta

    def amount(self, balance: int, spent: int) -> int:
        """One payment (recharge.md 3): "clamped to the maximum and to what the monthly cap leaves"."""
        if self.target:
            wanted = max(ceil(Fraction(self.target - balance, CENT)) * CENT, self.least)
        else:
            wanted = ceil(Fraction(self.below - balance, self.add)) * self.add
        left = None if self.cap is None else self.cap - spent
        held = min([wanted, *(limit for limit in (self.most, left) if limit is not None)])
        if held < wanted:
            held -= held % CENT  # no card pays less than a cent
            return held if held >= self.least else 0  # "Clamped under the minimum: no payment"
        return wanted

    def may_pay(self, at: datetime, paid: list[datetime]) -> bool:
        """Whether neither the cool-down nor the number of payments in 24 h forbids one."""
        cooling = bool(paid) and at < paid[-1] + self.cool_down
        return not cooling and (self.a_day is None or sum(p > at - DAY for p in paid) < self.a_day)

    def again(self, at: datetime, paid: list[datetime]) -> datetime:
        """The first instant at which they no longer do."""
        ends = sorted([paid[-1] + self.cool_down, *(p + DAY for p in paid)])
        return next(end for end in ends if end > at and self.may_pay(end, paid))


def rule_of(own: Row, option: tuple[str, str] | None, cap: str | None) -> Rule | None:
    """The rule of the file, of which options replace the trigger and what is added."""
    if not option and not own.get("enabled"):
        return None
    figures = {name: micros(own[name]) for name in ("below", "add", "target", "most") if name in own}
    if option:
        figures |= {"below": micros(option[0]), "add": micros(option[1]), "target": 0}
    cap = cap or own.get("cap_per_month")
    return Rule(
        below=figures["below"],
        add=figures.get("add", 0),
        target=figures.get("target", 0),
        least=max(MINIMUM, micros(own.get("least", "0"))),
        most=figures.get("most"),
        cap=micros(cap) if cap else None,
        a_day=own.get("payments_a_day"),
        cool_down=timedelta(seconds=own.get("cool_down_s", 0)),
    )


class Wallet:
    """Lots in order of purchase, overdraft, the recharge rule, and what happened to them."""

    def __init__(self, zone: ZoneInfo, rule: Rule | None) -> None:
        self.zone, self.rule = zone, rule
        self.lots: list[Lot] = []
        self.events: list[tuple[datetime, str, int]] = []
        self.paid_in: Counter[tuple[int, int]] = Counter()
        self.paid_at: list[datetime] = []
        self.wakes: datetime | None = None
        self.overdraft = self.repaid = self.funded = self.forfeited = 0
        self.emptied_by, self.ran_out_at = "", cast("datetime | None", None)

    @property
    def balance(self) -> int:
        """What lots hold, less overdraft."""
        return sum(lot.left for lot in self.lots) - self.overdraft

    def fund(self, at: datetime, amount: int) -> None:
        """Open a lot of the full amount; overdraft is its first draw (rulings.md 16)."""
        repaid = min(amount, self.overdraft)
        self.overdraft -= repaid
        self.repaid += repaid
        self.lots.append(Lot(amount - repaid, year_later(at, self.zone)))
        self.emptied_by = ""

    def fell(self, at: datetime, before: int, why: str) -> None:
        """An entry lowered the balance: was that the crossing (rulings.md 19)?"""
        if before > 0 >= self.balance:
            self.emptied_by = why
            self.events.append((at, "balance_zero", self.balance))
            self.ran_out_at = self.ran_out_at or (at if why == "call" else None)

    def expire(self, lot: Lot) -> None:
        """At its instant what a lot still holds is forfeited."""
        before, amount, lot.left = self.balance, lot.left, 0
        self.forfeited += amount
        self.events.append((lot.expires, "expiry", amount))
        self.fell(lot.expires, before, "expiry")

    def draw(self, at: datetime, amount: int, post_usage: bool) -> tuple[int, int, int]:
        """Take an amount first in first out; the rest is post-usage or overdraft."""
        before, rest = self.balance, amount
        for lot in self.lots:
            taken = min(lot.left, rest)
            lot.left, rest = lot.left - taken, rest - taken
        self.overdraft += 0 if post_usage else rest
        self.fell(at, before, "call")
        return amount - rest, rest if post_usage else 0, 0 if post_usage else rest

    def recharge(self, at: datetime) -> None:
        """Payments until the trigger is reached: funding is a reason to look again (rulings.md 27)."""
        rule, month = self.rule, month_of(at, self.zone)
        while rule and self.balance < rule.below:
            if not rule.may_pay(at, self.paid_at):
                self.wakes = rule.again(at, self.paid_at)
                return
            amount = rule.amount(self.balance, self.paid_in[month])
            if amount == 0:
                return
            self.paid_in[month] += amount
            self.paid_at.append(at)
            self.funded += amount
            self.events.append((at, "recharge", amount))
            self.fund(at, amount)


@dataclass(slots=True)
class Call:
    """A usage row with everything that follows from it alone."""

    row: Row
    end: datetime
    category: str
    holder: Holder
    user: Holder
    service: Holder | None
    country: str
    domestic: bool
    premium: str
    facts: dict[str, str]


def classify(row: Row, tenant: Tenant, country: Country, treat_as: str | None) -> Call:
    """Category (rulings.md 11), destination and the facts a deck may ask for."""
    kind, own = row["call_type"].lower(), row.get("operator", "") not in ("", "microsoft")
    own_operator = own or kind.startswith(("dr_", "byot", "fmc_"))
    if treat_as == "calling_plan" and kind.startswith(("dr_", "byot")):
        kind, own_operator = "user_out" if "out" in kind else "user_in", False
    inbound = kind in ("user_in", "unassigned_in", "conf_in", "ucap_in")
    service = tenant.services.get(row["callee"] if inbound else row["caller"])
    user = tenant.user(row.get("user", ""), row.get("location", ""))
    holder = service if kind.startswith("ucap_") and service else user
    location = row.get("location") or holder.country
    dialled = row["callee"]
    number_type = (plain(service.entry["kind"]) if service else "") or plain(row.get("number_type"))
    if not number_type and visible(dialled if inbound else row["caller"]).startswith(TOLL_FREE):
        number_type = "toll_free"
    where = country(dialled)
    told = row.get("domestic_international") == "domestic"
    group = NORTH_AMERICA if location in NORTH_AMERICA else {location}
    domestic = where in group if where and location else told
    held = user.plans(row["start"])
    rules = (
        (kind.startswith("emergency_"), "emergency"),
        (own_operator, "carried_by_operator"),
        (kind in ("conf_in", "conf_out") and PAY_PER_MINUTE in held, "conference_pay_per_minute"),
        (kind in ("conf_in", "ucap_in") and number_type == "toll_free", "toll_free"),
        (inbound, "included_inbound"),
        (kind == "conf_out", "conference_dial_out"),
        (kind.startswith("ucap_out"), "voice_app_outbound"),
        (kind.startswith("user_out") and PAY_AS_YOU_GO in held, "pay_as_you_go"),
        (kind.startswith("user_out") and domestic, "calling_plan_domestic"),
        (kind.startswith("user_out"), "calling_plan_international"),
        (True, "other"),
    )
    category = next(name for applies, name in rules if applies)
    facts = {
        "category": category,
        "number_type": number_type,
        "direction": "inbound" if inbound else "outbound",
        "origin_country": country(row["caller"]) if inbound or not location else location,
    }
    premium = "" if inbound else longest(PREMIUM, dialled)
    end = row["start"] + timedelta(seconds=row["duration_s"])
    return Call(row, end, category, holder, user, service, where, domestic, premium, facts)


class Run:
    """One file, one tenant, from the first start to the last end."""

    def __init__(self, tenant: Tenant, deck: list[Row], rounding: tuple[str, int], increments: str) -> None:
        self.tenant, self.deck, self.rounding, self.increments = tenant, deck, rounding, increments
        self.wallet: Wallet | None = None
        self.pool_used: Counter[Any] = Counter()
        self.cap_spent: Counter[Any] = Counter()
        self.pending: list[tuple[datetime, int]] = []
        self.month_start = datetime.max.replace(tzinfo=UTC)

    def advance(self, until: datetime) -> None:
        """Everything that falls due up to an instant: purchases, expiries, a new month, the end of a rest."""
        wallet = self.wallet
        while wallet:
            due = [(at, 0, amount) for at, amount in self.pending[:1]]
            due += [(lot.expires, 1, n) for n, lot in enumerate(wallet.lots) if lot.left]
            due += [(wallet.wakes, 3, 0)] if wallet.wakes else []
            at, kind, which = min([*due, (self.month_start, 2, 0)])
            if at > until:
                return
            if kind == 0:
                self.pending.pop(0)
                wallet.funded += which
                wallet.events.append((at, "purchase", which))
                wallet.fund(at, which)
            elif kind == 1:
                wallet.expire(wallet.lots[which])
            elif kind == 2:
                self.month_start = next_month(at, self.tenant.zone)
            else:
                wallet.wakes = None
            coming = [self.month_start, wallet.wakes or self.month_start, *(p for p, _ in self.pending)]
            coming += [lot.expires for lot in wallet.lots if lot.left]
            if min(coming) > at:  # all of one instant has happened
                wallet.recharge(at)

    def mode(self) -> str:
        """The mode of the tenant at this moment (rulings.md 29)."""
        if self.wallet is None or not self.tenant.mca or self.wallet.rule:
            return "prepaid"
        if self.wallet.balance > 0:
            return "draining"
        return "post_usage" if self.tenant.post_usage else "no_funding"

    def behind(self) -> bool:
        """Whether post-usage stands behind the credits; a run without any wallet only asks what it costs."""
        return self.wallet is None or (self.mode() in ("draining", "post_usage") and self.tenant.post_usage)

    def refusal(self, call: Call, priced: bool, need: int, caps: dict[Any, int]) -> str:
        """Why `start` would refuse a call whose first interval needs money, in the order of rulings.md 24."""
        if self.wallet is None:
            return ""
        asked = self.tenant.known and call.category in LICENCE_ASKED
        # "In `draining` and `post_usage` under MCA no credits licence is asked" (rulings.md 12); nor, since
        # "`post_usage_off` names what helps", when the money has run out (docs/decisions/0004, 4).
        asked = asked and self.mode() == "prepaid"
        if asked and not call.user.plans(call.row["start"]) & MAY_SPEND:
            return "not_licensed"
        if call.premium == "refuse":
            return "premium_refused"
        if not priced:
            return ""
        if any(limit - self.cap_spent[key] < max(1, need) for key, limit in caps.items()):
            return "spend_cap"
        if self.behind() or self.wallet.balance >= max(1, need):
            return ""
        if self.wallet.balance <= 0 and self.wallet.emptied_by == "expiry":
            return "credits_expired"
        return "post_usage_off" if self.mode() == "no_funding" else "no_credit"

    def billed_s(self, rate: Rate, duration_s: int) -> int:
        """Billed seconds by the rate's intervals and the deck's model."""
        return billed(duration_s, rate.first_s, rate.step_s, self.increments)

    def settle(self, call: Call) -> Row:
        """One call at its turn: free, blocked, or charged whole (rulings.md 2)."""
        row, month = call.row, month_of(call.row["start"], self.tenant.zone)
        if not row["answered"] or row["duration_s"] == 0:
            return self.answer(call, "not_answered")
        if call.category in FREE:
            state = "carried_by_operator" if call.category == "carried_by_operator" else "free"
            return self.answer(call, state, free_s=self.billed_s(Rate(), row["duration_s"]))
        found = rate_of(self.deck, visible(row["callee"]), call.facts, row["start"])
        rate = found or Rate()
        total_s, first_s = (self.billed_s(rate, d) for d in (row["duration_s"], 1))
        free = {(pool, month): size_s for pool, size_s in self.tenant.pools(call).items()}
        free = {pool: max(0, size_s - self.pool_used[pool]) for pool, size_s in free.items()}
        caps = {(cap, month): limit for cap, limit in self.tenant.caps(call).items()}
        pool_s = min(total_s, sum(free.values()))
        if pool_s < first_s:
            need = rate.amount(pool_s, first_s, self.rounding)
            reason = self.refusal(call, found is not None, need, caps)
            if not reason and found is None:  # rulings.md 2: what `start` would refuse "takes no pool"
                return self.answer(call, "unrated", unrated_s=total_s)
            if reason:
                return self.answer(call, "blocked", prefix=rate.prefix, reason=reason, blocked_s=total_s)
        rest_s = pool_s
        for pool, left_s in free.items():
            self.pool_used[pool] += min(left_s, rest_s)
            rest_s -= min(left_s, rest_s)
        if found is None and pool_s < total_s:
            return self.answer(call, "unrated", pool_s=pool_s, unrated_s=total_s - pool_s)
        amount = rate.amount(pool_s, total_s, self.rounding)
        self.cap_spent.update(dict.fromkeys(caps, amount))
        seconds = {"pool_s": pool_s, "paid_s": total_s - pool_s}
        return self.answer(call, "charged", prefix=rate.prefix, amount=amount, **seconds)

    def answer(self, call: Call, state: str, *, amount: int = 0, **shape: Any) -> Row:
        """The row of the result; draws the money, then recharges (after a refusal too)."""
        credits = overdraft = 0
        post_usage, wallet = amount, self.wallet
        if wallet:
            credits, post_usage, overdraft = wallet.draw(call.end, amount, self.behind())
        seconds = dict.fromkeys(("free_s", "pool_s", "paid_s", "unrated_s", "blocked_s"), 0)
        done: Row = {"id": call.row["id"], "state": state, "reason": "", "category": call.category}
        done["prefix"] = None
        done |= seconds | shape
        done["billed_s"] = sum(done[name] for name in seconds) - done["blocked_s"]
        done |= {"amount": amount, "credits": credits, "post_usage": post_usage, "overdraft": overdraft}
        done["balance_after"] = wallet.balance if wallet else None
        if wallet:
            wallet.recharge(call.end)
        return done


def open_wallet(run: Run, first: datetime, balance: str | None, rule: Any, cap: str | None) -> int:
    """The opening balance: options win over the tenant file; what is bought later is still to come."""
    tenant = run.tenant
    own = tenant.file.get("auto_recharge", {})
    run.wallet = Wallet(tenant.zone, rule_of(own, rule, cap))
    bought = [(instant(p["at"]), micros(p["amount"])) for p in tenant.file.get("purchases", [])]
    bought = [(first, micros(balance))] if balance is not None else sorted(bought, key=lambda p: p[0])
    for at, amount in bought:
        if at <= first and year_later(at, tenant.zone) >= first:
            run.wallet.fund(at, amount)
        elif at <= first:
            run.wallet.emptied_by = "expiry"  # until a later lot takes it back
    run.pending = [(at, amount) for at, amount in bought if at > first]
    run.month_start = next_month(first, tenant.zone)
    return run.wallet.balance


def totals_of(rows: list[Row], run: Run, opening: int | None) -> Row:
    """Totals by the names of design.md and rulings.md 4, in seconds and micros; identities are checked."""
    states = Counter(r["state"] for r in rows)
    by_category: dict[str, Row] = {}
    for r in rows:
        line = by_category.setdefault(r["category"], Counter())
        line.update(Counter(calls=1, billed_seconds=r["billed_s"], amount=r["amount"]))
    kinds = ("billed", "free", "pool", "paid", "unrated", "blocked")
    totals: Row = {f"{kind}_seconds": sum(r[f"{kind}_s"] for r in rows) for kind in kinds}
    totals |= {name: sum(r[name] for r in rows) for name in ("amount", "credits", "post_usage", "overdraft")}
    totals |= {"calls": len(rows), "not_answered": states["not_answered"], "by_category": by_category}
    totals |= {"answered": len(rows) - states["not_answered"], "unrated_calls": states["unrated"]}
    totals |= {"blocked_calls": states["blocked"], "recharges": 0}
    totals |= dict.fromkeys(("funded", "forfeited", "closing_balance", "money_ran_out_at"))
    totals["opening_balance"] = opening
    if w := run.wallet:
        totals |= {"recharges": len(w.paid_at), "funded": w.funded, "forfeited": w.forfeited}
        totals |= {"closing_balance": w.balance, "overdraft": w.overdraft, "money_ran_out_at": w.ran_out_at}
        totals["credits"] += w.repaid  # overdraft that a later purchase repaid was paid by credits in the end
        ends = totals["credits"] + w.forfeited + w.balance + w.overdraft
        assert (opening or 0) + w.funded == ends, "the wallet does not add up"
    paid_by = totals["credits"] + totals["post_usage"] + totals["overdraft"]
    assert totals["amount"] == paid_by, "the funding does not add up"
    return totals


def charge(  # noqa: PLR0913 - the options of `talktime rate`
    rows: list[Row],
    *,
    deck: list[Row],
    tenant: Row | None = None,
    rounding: tuple[str, int] = ("half_up", 6),
    increments: str = "after_first",
    balance: str | None = None,
    recharge: tuple[str, str] | None = None,
    recharge_cap_per_month: str | None = None,
    treat_as: str | None = None,
    country: Country = country_of,
) -> Result:
    """What `talktime rate` must answer for a file of canonical rows of one tenant.

    deck: rows in the columns of "Ours" (formats.md), as text. tenant: the parsed file of interfaces.md.
    recharge: (below, add). country: ISO country of an E.164 number, "" where it cannot tell.
    A deck that prices a number twice, and money that does not add up, are AssertionErrors.
    """
    facts, opening = Tenant(tenant, country), None
    run = Run(facts, deck, rounding, increments)
    calls = [classify(row, facts, country, treat_as) for row in rows]
    if tenant is not None or balance is not None:
        first = min((row["start"] for row in rows), default=datetime(1970, 1, 1, tzinfo=UTC))
        opening = open_wallet(run, first, balance, recharge, recharge_cap_per_month)
        if rows and run.wallet:
            run.advance(first)
            run.wallet.recharge(first)
    answers = []
    for call in sorted(calls, key=lambda c: (c.end, c.row["id"].encode())):
        run.advance(call.end)
        answers.append(run.settle(call))
    return Result(answers, totals_of(answers, run, opening), run.wallet.events if run.wallet else [])
