"""What the calls of a family of plans ask for, under each set of plans that a user might hold.

The rows are looked at once, with nobody holding a plan of any family; what a set of plans makes of a call is
then asked once per different situation, by the code that charges, and spread over the rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from talktime.accounts.payers import NOBODY
from talktime.accounts.tenant import Licence
from talktime.bulk.codes import Coded, different_rows
from talktime.bulk.prepare import months_of, prepare
from talktime.bulk.rate_columns import rate_lists
from talktime.catalog.classify import Classified, Situation, classify
from talktime.catalog.model import SCOPE_USER
from talktime.core.deck import NO_ROW
from talktime.core.funding import settle
from talktime.core.limits import MAX_CALL_S, MAX_TOTAL_MICROS, NO_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import polars as pl
    from numpy.typing import NDArray

    from talktime.accounts.tenant import Tenant
    from talktime.bulk.prepare import Prepared
    from talktime.bulk.setting import Setting
    from talktime.bulk.state import Rates
    from talktime.catalog.planning import PlanFamily

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]
    Plans = tuple[str, ...]

# What a set of plans makes of a situation: nothing that costs, money only, a pool of the payer alone, a pool
# that others share, or pools one after the other. The first pool is numbered beside it.
NOTHING: Final = 0
MONEY: Final = 1
OWN: Final = 2
SHARED: Final = 3
SEVERAL: Final = 4

GATES: Final = 8
"""More than the bits of core.refusals.GATE_... come to."""


@dataclass(frozen=True)
class Looked:
    """Rows of some months in settlement order, prepared with nobody holding a plan of any family.

    `situations`: what each answer of `prepared.situations` was asked about, and whether spending needs a
    licence there. `setting_of` makes the setting of another tenant.
    """

    rows: pl.DataFrame
    prepared: Prepared
    setting: Setting
    situations: tuple[tuple[Situation, bool], ...]
    tenant: Tenant
    setting_of: Callable[[Tenant], Setting]


class Facts(NamedTuple):
    """Different (duration, deck row, gates): what an endless pool pays, and what they cost without."""

    duration_s: Ints
    rate: Ints
    gates: Ints
    pool_s: Ints
    amount: Ints


@dataclass(frozen=True)
class Demand:
    """The calls of a family that an option can make dearer or cheaper, in settlement order.

    One value a row: `at` place in `Looked.rows`, `payer` whose plans count, `month`, `day` (since 1970),
    `sit` its situation. `needs`: payers who need an option. `roles`, `pools` by set of plans and situation,
    `facts_of` by set the row's place in `facts`.
    `unpriced`: by set, calls of each payer that the deck has no price for.
    `several`:
    sets under which a call asks several pools, or one that another closes: their pools cannot be looked at
    one by one.
    """

    family: PlanFamily
    at: Ints
    payer: Ints
    month: Ints
    day: Ints
    sit: Ints
    needs: Flags
    calls: Ints
    roles: dict[Plans, Ints]
    pools: dict[Plans, Ints]
    facts_of: dict[Plans, Ints]
    facts: Facts
    several: frozenset[Plans]
    pool_numbers: dict[tuple[str, str], int]
    unpriced: dict[Plans, Ints]


def looked(
    rows: pl.DataFrame, tenant: Tenant, families: frozenset[str], setting_of: Callable[[Tenant], Setting]
) -> Looked:
    """Rows prepared with no user holding one of the plans `families`."""
    bare = replace(
        tenant,
        users=tuple(
            replace(user, licences=tuple(one for one in user.licences if one.plan not in families))
            for user in tenant.users
        ),
    )
    setting = setting_of(bare)
    prepared = prepare(rows, setting)
    # The memory has one answer for each situation, so an answer says what was asked.
    asked = {id(answer): key for key, answer in setting.classifier.known.items()}
    situations = tuple(asked[id(answer)] for answer in prepared.situations.classified)
    return Looked(rows, prepared, setting, situations, bare, setting_of)


def demand_of(
    look: Looked, family: PlanFamily, sets: Sequence[Plans], time_zone: str, rates: Rates
) -> Demand:
    """What the calls of a family ask for under each of some sets of plans."""
    plans = family.plans(look.setting.catalogue)
    prepared = look.prepared
    member, service = _members(look, family, plans)
    sit = prepared.situations.at
    of_user = member[sit] & (prepared.user != NOBODY)
    of_service = service[sit] & (prepared.payer != NOBODY)
    count = look.setting.customers.payer_count
    needs = np.zeros(count, np.bool_)
    needs[prepared.user[of_user]] = True
    answered = look.rows["answered"].to_numpy()
    at = np.flatnonzero((of_user | of_service) & answered)
    found = _Sets(look, plans, sit[at], at)
    roles = {one: found.roles(one) for one in sets}
    facts, facts_of = _facts(look, found, sets, rates)
    payer = np.where(of_service, prepared.payer, prepared.user)[at]
    unpriced = {}
    for one in sets:
        without = (facts.rate[facts_of[one]] == len(rates.rated) - 1) & found.asks_money(one)[sit[at]]
        unpriced[one] = np.bincount(payer[without], minlength=count)
    return Demand(
        family=family,
        at=at,
        payer=payer,
        month=months_of(look.rows["start_us"].to_numpy()[at], prepared.tenant[at], look.setting),
        day=_days(look.rows["start_us"].to_numpy()[at], time_zone),
        sit=sit[at],
        needs=needs,
        calls=np.bincount(prepared.user[of_user], minlength=count),
        roles={one: role for one, (role, _) in roles.items()},
        pools={one: pool for one, (_, pool) in roles.items()},
        facts_of=facts_of,
        facts=facts,
        several=frozenset(found.several),
        pool_numbers=look.setting.pool_codes.numbers,
        unpriced=unpriced,
    )


def callers(look: Looked, family: PlanFamily) -> Flags:
    """The payers who have a call of a family, answered or not."""
    member, _ = _members(look, family, family.plans(look.setting.catalogue))
    user = look.prepared.user
    found = np.zeros(look.setting.customers.payer_count, np.bool_)
    found[user[member[look.prepared.situations.at] & (user != NOBODY)]] = True
    return found


def _days(at_us: Ints, time_zone: str) -> Ints:
    """Local days since 1970."""
    import polars as pl

    column = pl.from_epoch(pl.Series(at_us), time_unit="us").dt.replace_time_zone("UTC")
    days: Ints = column.dt.convert_time_zone(time_zone).dt.date().cast(pl.Int64).to_numpy()
    return days


def _members(look: Looked, family: PlanFamily, plans: frozenset[str]) -> tuple[Flags, Flags]:
    """Situations of the family's calls, and those in which a service number's plans of the family may pay."""
    member, service = [], []
    for (call, _), answer in zip(look.situations, look.prepared.situations.classified, strict=True):
        fits = any(fnmatchcase(call.call_type, pattern) for pattern in family.call_types)
        member.append(fits and not call.other_operator)
        pays = answer.category.payer == "service"
        service.append(pays and any(ref.plan in plans for ref in answer.pools))
    return np.array(member, np.bool_), np.array(service, np.bool_)


class _Sets:
    """The answers of each situation under a set of plans, and the deck rows that follow from them."""

    def __init__(self, look: Looked, plans: frozenset[str], sit: Ints, at: Ints) -> None:
        self.look, self.plans, self.sit, self.at = look, plans, sit, at
        self.asked = np.unique(sit).tolist()
        self.rates: list[tuple[dict[int, object], Ints]] = []
        self.several: set[Plans] = set()
        self._known: dict[Plans, dict[int, Classified]] = {}
        self._add_rates((), look.prepared.rate[at])

    def answers(self, held: Plans) -> dict[int, Classified]:
        """Situation -> what it is where the user holds these plans beside all others."""
        if held not in self._known:
            setting = self.look.setting
            found = {}
            for place in self.asked:
                call, licence_asked = self.look.situations[place]
                call = call._replace(user_plans=tuple(sorted({*call.user_plans, *held})))
                found[place] = classify(
                    setting.catalogue, call, licence_asked=licence_asked, gated=setting.gated
                )
            self._known[held] = found
        return self._known[held]

    def roles(self, held: Plans) -> tuple[Ints, Ints]:
        """The role of each situation and the number of its first pool in `Setting.pool_codes`."""
        role = np.zeros(len(self.look.situations), np.int64)
        pool = np.zeros(len(self.look.situations), np.int64)
        codes, catalogue = self.look.setting.pool_codes, self.look.setting.catalogue
        for place, answer in self.answers(held).items():
            if answer.category.is_free:
                continue
            role[place] = MONEY
            if answer.pools:
                first = answer.pools[0]
                plan = catalogue.plans[first.plan]
                pool[place] = codes.numbers[first.plan, first.pool.kind]
                is_own = plan.scope == SCOPE_USER
                role[place] = OWN if is_own else SHARED
                if is_own and min([first.pool.minutes, *first.pool.minutes_in.values()]) >= NO_LIMIT:
                    role[place] = NOTHING  # the first pool pays all of the call
                elif len(answer.pools) > 1:
                    role[place] = SEVERAL
                if role[place] == SEVERAL or plan.strict_or:
                    self.several.add(held)
        return role, pool

    def asks_money(self, held: Plans) -> Flags:
        """Whether calls of each situation are of a category that somebody pays for."""
        asks = np.zeros(len(self.look.situations), np.bool_)
        for place, answer in self.answers(held).items():
            asks[place] = not answer.category.is_free
        return asks

    def gates(self, held: Plans) -> Ints:
        """The gates of each situation."""
        gates = np.zeros(len(self.look.situations), np.int64)
        for place, answer in self.answers(held).items():
            gates[place] = answer.gates
        return gates

    def rate(self, held: Plans) -> Ints:
        """The deck row of each call: looked up anew only where the plans change what the deck is asked."""
        kinds = self._kinds(held)
        for known, rates in self.rates:
            if all(kind is None or known.get(place) == kind for place, kind in kinds.items()):
                return rates
        known, rates = self.rates[0]
        other = [place for place, kind in kinds.items() if kind is not None and known.get(place) != kind]
        rows = np.flatnonzero(np.isin(self.sit, other))
        holding = replace(
            self.look.tenant,
            users=tuple(
                replace(user, licences=(*user.licences, *_licences(held))) for user in self.look.tenant.users
            ),
        )
        again = prepare(self.look.rows[self.at[rows]], self.look.setting_of(holding))
        rates = rates.copy()
        rates[rows] = again.rate
        self._add_rates(held, rates)
        return rates

    def _add_rates(self, held: Plans, rates: Ints) -> None:
        self.rates.append((self._kinds(held), rates))

    def _kinds(self, held: Plans) -> dict[int, object]:
        """What the deck is asked in each situation, None for nothing."""
        book = self.look.setting.book
        return {
            place: None if answer.category.is_free else book.kind_of(answer.deck_call)
            for place, answer in self.answers(held).items()
        }


def _licences(plans: Plans) -> tuple[Licence, ...]:
    return tuple(Licence(plan) for plan in plans)


def _facts(
    look: Looked, found: _Sets, sets: Sequence[Plans], rates: Rates
) -> tuple[Facts, dict[Plans, Ints]]:
    """Durations, deck rows and gates that differ, with what each costs, and the place of each row's."""
    duration_s = look.rows["duration_s"].to_numpy()[found.at]
    columns: dict[tuple[int, bytes], tuple[Ints, Ints]] = {}
    key_of: dict[Plans, tuple[int, bytes]] = {}
    for held in sets:
        rate, gates = found.rate(held), found.gates(held)
        key_of[held] = id(rate), gates.tobytes()
        columns[key_of[held]] = rate, gates[found.sit]
    size = len(rates.rated)
    keys = []
    for rate, gates in columns.values():
        row = np.where(rate == NO_ROW, size - 1, rate)
        keys.append((row * GATES + gates) * (MAX_CALL_S + 1) + duration_s)
    whole = Coded(np.concatenate(keys), size * GATES * (MAX_CALL_S + 1))
    ((values,), place) = different_rows([whole], look.setting.find)
    facts = _charged(values, rates)
    places = dict(zip(columns, np.split(place, len(keys)), strict=True))
    return facts, {held: places[key] for held, key in key_of.items()}


def _charged(keys: Ints, rates: Rates) -> Facts:
    duration_s, rest = keys % (MAX_CALL_S + 1), keys // (MAX_CALL_S + 1)
    gates, rate = rest % GATES, rest // GATES
    pool_s, amount = [], []
    for one in zip(duration_s.tolist(), rate.tolist(), gates.tolist(), strict=True):
        pool_s.append(charged(one, NO_LIMIT, rates)[0])
        amount.append(charged(one, 0, rates)[1])
    return Facts(duration_s, rate, gates, np.array(pool_s, np.int64), np.array(amount, np.int64))


def charged(fact: tuple[int, int, int], free_s: int, rates: Rates) -> tuple[int, int]:
    """(pool seconds, micros) of a call, money being there, where its pools have `free_s` seconds left.

    `fact`: duration, deck row, gates. It is `core.funding.settle` that decides.
    """
    duration_s, rate, gates = fact
    rated, first_s, step_s, model, first_price, price, fee, rounding, decimals = (c[rate] for c in rates)
    of_rate = (rated, first_s, step_s, model, first_price, price, fee, rounding, decimals)
    money = (MAX_TOTAL_MICROS, NO_LIMIT, 0, 0, 0, 0, NO_LIMIT)  # a balance without end, no cap, no recharge
    _, _, pool_s, _, amount, *_ = settle(duration_s, free_s, *of_rate, gates, *money)
    return pool_s, amount


def rates_of(setting: Setting) -> Rates:
    """The deck's rates as the settlement loop has them; the last row stands for no rate."""
    return rate_lists(setting.book.deck)
