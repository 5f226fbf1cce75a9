"""From a usage table to the columns of the settlement loop.

Sort into settlement order, read the numbers, find who pays, classify each different situation once, look up
rates, hand out pools and caps. Everything here is by columns or once per different value; what decides is
in `catalog.classify` and the core.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from talktime.accounts.payers import NOBODY, Payers, payers_of
from talktime.bulk.cap_columns import CapColumns, caps_of
from talktime.bulk.lookup import find_many
from talktime.bulk.number_columns import Called, Numbers, look_at, parse_column
from talktime.bulk.payers import states_of, users_of
from talktime.bulk.pool_plan import PoolPlan
from talktime.bulk.rate_columns import masked_price, rates_of
from talktime.bulk.state import FREE, NONE, NOT_ANSWERED, PAYABLE, Calls
from talktime.catalog.classify import Classified, Situation, classify
from talktime.core.deck import INBOUND, Call, RateBook
from talktime.core.prefix import NO_PREFIX, prefix_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from talktime.accounts.funding_terms import Terms
    from talktime.accounts.tenant import Tenant
    from talktime.catalog.model import Catalogue

    Ints = NDArray[np.int64]

FLAG_MASKED: Final = "masked_price"
FLAG_END: Final = "end_disagrees"
FLAG_UNKNOWN_USER: Final = "unknown_user"


@dataclass(frozen=True, slots=True)
class Sides:
    """The rows of a tenant in settlement order with the numbers and people on both sides.

    `user` and `service` are payers or NOBODY; `caller_country` is an index into `called.countries`;
    `carrier` is the file's operator, nobody where the call type is treated as another (formats.md).
    """

    usage: pl.DataFrame
    carrier: pl.Series
    caller: Numbers
    callee: Numbers
    called: Called
    caller_country: Ints
    location: pl.Series
    payers: Payers
    user: Ints
    service: Ints


@dataclass(frozen=True, slots=True)
class Prepared:
    """All calls of a tenant in settlement order, ready for the loop; arrays have one value a row."""

    sides: Sides
    situation: Ints
    classified: Sequence[Classified]
    rate: Ints
    chain: Ints
    caps: CapColumns
    pool_plan: PoolPlan
    masked: NDArray[np.bool_]
    unknown_user: NDArray[np.bool_]

    def of_situation(self, values: Sequence[int]) -> Ints:
        """Spreads one value per different situation over the rows."""
        return np.asarray(values, np.int64)[self.situation]


def prepare(
    usage: pl.DataFrame,
    tenant: Tenant,
    catalogue: Catalogue,
    book: RateBook,
    terms: Terms,
    *,
    treat_as: str = "",
    gated: bool = True,
) -> Prepared:
    """Prepares the rows of one tenant. `gated` False: nothing may be refused (rulings.md 3)."""
    usage = usage.sort("end_us", "id")
    treated = _treated(usage["call_type"], catalogue, treat_as)
    carrier = _carrier(usage, treated) if treat_as else usage["operator"]
    usage = usage.with_columns(treated.alias("call_type"))
    sides = _sides(usage, carrier, tenant, catalogue, book)
    situation, classified = _classify(catalogue, tenant, terms, sides, gated=gated)
    start_us = usage["start_us"].to_numpy()
    month = _months(usage["start_us"], tenant.time_zone)
    asked = [None if c.category.is_free else book.kind_of(c.deck_call) for c in classified]
    kinds = sorted({call for call in asked if call is not None})
    kind = np.asarray([NONE if call is None else kinds.index(call) for call in asked], np.int64)[situation]
    rate = rates_of(book, kinds, kind, sides.called.keys, sides.called.lengths, start_us)
    plan = PoolPlan(catalogue, tenant, sides.payers)
    return Prepared(
        sides=sides,
        situation=situation,
        classified=classified,
        rate=rate,
        chain=_chains(plan, classified, situation, sides, month),
        caps=caps_of(tenant, sides.payers, sides.user, sides.service, month),
        pool_plan=plan,
        masked=_masked(book, catalogue, kinds, kind, sides.callee, rate, start_us),
        unknown_user=_unknown(usage, tenant, sides.user),
    )


def _sides(
    usage: pl.DataFrame, carrier: pl.Series, tenant: Tenant, catalogue: Catalogue, book: RateBook
) -> Sides:
    payers = payers_of(tenant, catalogue)
    user = users_of(payers, usage).to_numpy()
    location = _locations(usage["location"], user, payers, tenant)
    caller = parse_column(usage["caller"], location, catalogue)
    callee = parse_column(usage["callee"], location, catalogue)
    called = look_at(callee.digits, catalogue)
    service = _services(usage, catalogue, payers, caller, callee)
    bot = (service != NOBODY) & (usage["upn"] == "").to_numpy() & (usage["user_id"] == "").to_numpy()
    if bot.any():  # nobody is named: a resource account calls, from the country of its number
        location = _locations(usage["location"], np.where(bot, service, user), payers, tenant)
    return Sides(
        usage=usage,
        carrier=carrier,
        caller=caller,
        callee=callee,
        called=called,
        caller_country=look_at(caller.digits, catalogue).country
        if book.prices_by_origin
        else np.full(usage.height, called.countries.index(""), np.int64),
        location=location,
        payers=payers,
        user=user,
        service=service,
    )


def loop_columns(prepared: Prepared, first: int, last: int) -> Calls:
    """Rows [first, last) as the lists of the settlement loop."""
    part = slice(first, last)
    usage = prepared.sides.usage
    free = prepared.of_situation([c.category.is_free for c in prepared.classified])[part]
    gates = prepared.of_situation([c.gates for c in prepared.classified])[part]
    answered = usage["answered"].to_numpy()[part]
    kind = np.where(answered, np.where(free == 1, FREE, PAYABLE), NOT_ANSWERED)
    rate = prepared.rate[part]
    return Calls(
        tenant=[0] * (last - first),
        end_us=usage["end_us"][part].to_list(),
        start_us=usage["start_us"][part].to_list(),
        duration_s=usage["duration_s"][part].to_list(),
        kind=kind.tolist(),
        gates=gates.tolist(),
        chain=prepared.chain[part].tolist(),
        rate=rate.tolist(),
        cap_user=prepared.caps.user[part].tolist(),
        cap_centre=prepared.caps.centre[part].tolist(),
        cap_tenant=prepared.caps.tenant[part].tolist(),
    )


def _treated(call_types: pl.Series, catalogue: Catalogue, treat_as: str) -> pl.Series:
    if not treat_as:
        return call_types
    words = call_types.cast(pl.String).unique().to_list()
    treated = [catalogue.treated(word, treat_as) for word in words]
    return call_types.cast(pl.String).replace(words, treated).cast(pl.Categorical)


def _carrier(usage: pl.DataFrame, treated: pl.Series) -> pl.Series:
    """The operator of each row; a call that is rated as if we carried it has none (`--treat-as`)."""
    frame = usage.select("operator", was="call_type").with_columns(treated.alias("treated"))
    same = pl.col("was").cast(pl.String) == pl.col("treated").cast(pl.String)
    carrier = pl.when(same).then(pl.col("operator").cast(pl.String)).otherwise(pl.lit(""))
    return frame.select(carrier.cast(pl.Categorical).alias("carrier"))["carrier"]


def _locations(said: pl.Series, user: Ints, payers: Payers, tenant: Tenant) -> pl.Series:
    """The country of each row's user: the row says it, else the tenant file (rulings.md 10)."""
    known = [payer.location or tenant.country for payer in payers.payers] + [tenant.country]
    countries = sorted(set(known))
    fallback = pl.Series(countries, dtype=pl.String).gather(
        np.array([countries.index(country) for country in known])[user]
    )
    frame = pl.DataFrame({"said": said.cast(pl.String), "fallback": fallback})
    chosen = pl.when(pl.col("said") == "").then("fallback").otherwise("said")
    return frame.select(chosen.alias("location"))["location"].cast(pl.Categorical)


def _services(
    usage: pl.DataFrame, catalogue: Catalogue, payers: Payers, caller: Numbers, callee: Numbers
) -> Ints:
    """The service number of each row: the called one of an inbound call, the calling one of the others."""
    if not payers.by_number:
        return np.full(usage.height, NOBODY, np.int64)
    words = usage["call_type"].cast(pl.String)
    inbound_types = [w for w in words.unique().to_list() if catalogue.direction(w) == INBOUND]
    inbound = words.is_in(inbound_types)
    own = pl.DataFrame({"in": inbound, "callee": callee.text, "caller": caller.text}).select(
        pl.when("in").then("callee").otherwise("caller").alias("number")
    )["number"]
    numbers = list(payers.by_number)
    found = own.replace_strict(
        numbers, [payers.service_of(n) for n in numbers], default=NOBODY, return_dtype=pl.Int64
    )
    return found.to_numpy()


def _classify(
    catalogue: Catalogue, tenant: Tenant, terms: Terms, sides: Sides, *, gated: bool
) -> tuple[Ints, list[Classified]]:
    """Classifies each different situation once; returns the situation of each row and the answers."""
    profiles, profile_of_state = _profiles(sides.payers)
    held, held_to = _held_to(tenant, sides)
    frame = _situations(sides, profile_of_state, held_to, len(tenant.users))
    different = frame.unique(maintain_order=True).with_row_index("situation")
    rows = frame.join(different, on=frame.columns, how="left", maintain_order="left")["situation"]
    listed = ["", *(number.kind for number in tenant.service_numbers)]
    called = sides.called
    classified = [
        classify(
            catalogue,
            Situation(
                call_type=row["call_type"],
                direction=row["direction"],
                listed_kind=listed[row["listed"]],
                row_number_type=row["number_type"],
                country=called.countries[row["country"]],
                number_kind=called.kinds[row["kind"]],
                premium=called.premiums[row["premium"]],
                other_operator=row["operator"] not in catalogue.own_operators,
                scope=row["scope"],
                location=row["location"],
                caller_country=called.countries[row["caller_country"]],
                user_plans=profiles[row["user_plans"]],
                service_plans=profiles[row["service_plans"]],
                policies=held[row["held_to"] >> 1],
                barred_prefix=bool(row["held_to"] & 1),
            ),
            licence_asked=terms.licence_asked,
            gated=gated,
        )
        for row in different.iter_rows(named=True)
    ]
    return rows.cast(pl.Int64).to_numpy(), classified


def _situations(sides: Sides, profile_of_state: Ints, held_to: Ints, users: int) -> pl.DataFrame:
    """What tells situations apart, row by row: few different values, most of them as numbers."""
    usage = sides.usage
    start_us = usage["start_us"].to_numpy()
    return pl.DataFrame(
        {
            "call_type": usage["call_type"],
            "direction": usage["direction"],
            "listed": np.where(sides.service == NOBODY, 0, sides.service - users + 1),
            "number_type": usage["number_type"],
            "country": sides.called.country,
            "kind": sides.called.kind,
            "premium": sides.called.premium,
            "operator": sides.carrier,
            "scope": usage["scope"],
            "location": sides.location,
            "caller_country": sides.caller_country,
            "user_plans": profile_of_state[states_of(sides.payers, sides.user, start_us)],
            "service_plans": profile_of_state[states_of(sides.payers, sides.service, start_us)],
            "held_to": held_to,
        }
    )


def _held_to(tenant: Tenant, sides: Sides) -> tuple[list[tuple[str, ...]], Ints]:
    """The different sets of dial-out policies; of each row twice its user's, plus 1 for a barred prefix."""
    held = sorted({(), *(user.policies for user in tenant.users)})
    numbers = {policies: index for index, policies in enumerate(held)}
    # The last place stands for nobody: index NOBODY = -1 finds it.
    of_user = np.array([*(numbers[user.policies] for user in tenant.users), numbers[()]], np.int64)
    barred = prefix_table(sorted(set(tenant.guards.barred_prefixes)))
    found = find_many(barred, sides.called.keys, sides.called.lengths)
    return held, 2 * of_user[sides.user] + (found != NO_PREFIX)


def _profiles(payers: Payers) -> tuple[list[tuple[str, ...]], Ints]:
    """The different sets of plans, and which one each state has; state NOBODY has none."""
    profiles = sorted({(), *(state.plans for state in payers.states)})
    numbers = {plans: index for index, plans in enumerate(profiles)}
    return profiles, np.array([*(numbers[state.plans] for state in payers.states), numbers[()]], np.int64)


def _months(start_us: pl.Series, time_zone: str) -> Ints:
    """The billing month of each start, as `calendar.month_of`, by columns."""
    local = (
        pl.from_epoch(start_us, time_unit="us").dt.replace_time_zone("UTC").dt.convert_time_zone(time_zone)
    )
    months = local.dt.year().cast(pl.Int64) * 12 + local.dt.month().cast(pl.Int64) - 1
    return months.to_numpy()


def _chains(
    plan: PoolPlan, classified: Sequence[Classified], situation: Ints, sides: Sides, month: Ints
) -> Ints:
    """The chain of pools of each row; asked once per different (situation, payer, month)."""
    chains = np.full(len(situation), NONE, np.int64)
    pooled = np.array([bool(c.pools) for c in classified])
    by_service = np.array([c.category.payer == "service" for c in classified])
    at = np.flatnonzero(pooled[situation])
    if not len(at):
        return chains
    payer = np.where(by_service[situation[at]], sides.service[at], sides.user[at])
    frame = pl.DataFrame({"situation": situation[at], "payer": payer, "month": month[at]})
    different = frame.unique(maintain_order=True)
    numbers = [plan.chain(classified[s].pools, p, m) for s, p, m in different.iter_rows()]
    table = different.with_columns(pl.Series("chain", numbers, pl.Int64))
    joined = frame.join(table, on=["situation", "payer", "month"], how="left", maintain_order="left")
    chains[at] = joined["chain"].to_numpy()
    return chains


def _masked(
    book: RateBook,
    catalogue: Catalogue,
    kinds: Sequence[Call],
    kind: Ints,
    callee: Numbers,
    rate: Ints,
    start_us: Ints,
) -> NDArray[np.bool_]:
    """Rows whose hidden digits could change the price or the premium state."""
    flags = np.zeros(len(kind), np.bool_)
    at = np.flatnonzero((callee.hidden > 0) & (kind != NONE))
    if not len(at):
        return flags
    frame = pl.DataFrame(
        {"kind": kind[at], "digits": callee.digits.gather(at), "hidden": callee.hidden[at], "rate": rate[at]}
    )
    first = frame.with_columns(at_us=start_us[at]).unique(frame.columns, keep="first", maintain_order=True)
    undecided = [
        len(
            {
                catalogue.premium_states[p] if p != NO_PREFIX else ""
                for p in catalogue.premium.possible(digits, hidden)
            }
        )
        > 1
        or masked_price(book, kinds[number], digits, hidden, row, at_us)
        for number, digits, hidden, row, at_us in first.iter_rows()
    ]
    table = first.drop("at_us").with_columns(pl.Series("flag", undecided, pl.Boolean))
    flags[at] = frame.join(table, on=frame.columns, how="left", maintain_order="left")["flag"].to_numpy()
    return flags


def _unknown(usage: pl.DataFrame, tenant: Tenant, user: Ints) -> NDArray[np.bool_]:
    """Rows of people whom the tenant file does not name."""
    if not tenant.stated:
        return np.zeros(usage.height, np.bool_)
    named = ((usage["upn"] != "") | (usage["user_id"] != "")).to_numpy()
    unknown: NDArray[np.bool_] = named & (user == NOBODY)
    return unknown
