"""From rows of usage to what the settlement loop needs of each: row by row, whatever rows stand beside it.

Find the tenant and who pays, read the numbers, classify each different situation once, look up rates. All is
done by columns or once per different value; what decides is in `catalog.classify` and the core. Nothing
here depends on the order of the rows or on the other rows, so they may be prepared anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import polars as pl

from talktime.accounts.calendar import month_of, month_start_us
from talktime.accounts.payers import NOBODY
from talktime.bulk.codes import Coded, coded, numbers_and_words, spread, words_at
from talktime.bulk.masked import masked_rows
from talktime.bulk.number_columns import ReadNumbers, numbers
from talktime.bulk.people import locations_of, profiles_of, services_of, users_of
from talktime.bulk.rate_columns import rates_in
from talktime.bulk.situations import Described, Situations
from talktime.bulk.stages import Stages
from talktime.bulk.state import FREE, NONE, NOT_ANSWERED, PAYABLE
from talktime.core.deck import NO_ROW, RateTable
from talktime.core.prefix import NO_PREFIX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from talktime.bulk.setting import Setting
    from talktime.core.deck import Call

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

FLAG_MASKED: Final = "masked_price"
FLAG_END: Final = "end_disagrees"
FLAG_UNKNOWN_USER: Final = "unknown_user"


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows of usage and what is known of each, one value a row.

    `tenant`, `user`, `service` are numbers in `Setting.customers`; `country` and `location` are places in the
    lists beside them; `pools` is a code of `Setting.pool_codes`; `rate` a row of the deck or NO_ROW; `payer`
    whose pools may pay; `month` the billing month of the start in the tenant's time zone.
    """

    usage: pl.DataFrame
    tenant: Ints
    caller: pl.Series
    callee: pl.Series
    user: Ints
    service: Ints
    payer: Ints
    location: tuple[Coded, list[str]]
    country: Ints
    situations: Situations
    kind: Ints
    gates: Ints
    pools: Ints
    rate: Ints
    month: Ints
    masked: Flags
    unknown_user: Flags


class _Sides(NamedTuple):
    """Who and what stands on both sides of each row."""

    tenant: Ints
    user: Ints
    service: Ints
    location: tuple[Coded, list[str]]
    caller: ReadNumbers
    callee: ReadNumbers


def prepare(usage: pl.DataFrame, setting: Setting, stages: Stages | None = None) -> Prepared:
    """Prepares rows; each names a tenant of the setting. `stages`: where the look-ups are measured."""
    measured = (stages or Stages()).measured
    usage, own_operator = _treated(usage, setting)
    customers = setting.customers
    tenant = by_tenant(usage["tenant"], setting)
    user = users_of(usage, tenant, customers, setting.find)
    location = locations_of(usage, tenant, user, customers)
    with measured("look up", usage.height):
        caller, callee = _numbers(usage, location, setting)
    service = services_of(usage, tenant, caller, callee, setting)
    bot = (service != NOBODY) & _nameless(usage)
    if bot.any():  # nobody is named: a resource account calls, from the country of its number
        location = locations_of(usage, tenant, np.where(bot, service, user), customers)
    start_us = usage["start_us"].to_numpy()
    sides = _Sides(tenant, user, service, location, caller, callee)
    situations = setting.classifier.situations(_described(usage, own_operator, sides, setting), setting.find)
    classified = situations.classified
    free = situations.spread([c.category.is_free for c in classified])
    kinds, kind = _kinds(setting, situations)
    with measured("look up"):
        rate = _rates(setting, kinds, kind, callee.prefix, start_us)
    by_service = situations.spread([c.category.payer == "service" for c in classified]) == 1
    return Prepared(
        usage=usage,
        tenant=tenant,
        caller=caller.text,
        callee=callee.text,
        user=user,
        service=service,
        payer=np.where(by_service, service, user),
        location=location,
        country=setting.countries[1][callee.prefix],
        situations=situations,
        kind=np.where(usage["answered"].to_numpy(), np.where(free == 1, FREE, PAYABLE), NOT_ANSWERED),
        gates=situations.spread([c.gates for c in classified]),
        pools=situations.spread([setting.pool_codes.code(c.pools) for c in classified]),
        rate=rate,
        month=months_of(start_us, tenant, setting),
        masked=masked_rows(setting, kinds, kind, callee, rate, start_us),
        unknown_user=customers.stated[tenant] & (user == NOBODY) & ~_nameless(usage),
    )


def by_tenant(column: pl.Series, setting: Setting) -> Ints:
    """The number of each row's tenant; NOBODY where the run has no such tenant.

    Rows without a tenant belong to the one tenant of a run that has only one.
    """
    known = setting.customers.numbers
    only = 0 if len(known) == 1 else NOBODY
    places, words = numbers_and_words(column)
    return spread(column, places, [known.get(word.lower(), only if word == "" else NOBODY) for word in words])


def _nameless(usage: pl.DataFrame) -> Flags:
    """Rows that name no person."""
    return (usage["upn"].eq_missing("") & usage["user_id"].eq_missing("")).to_numpy()


def _numbers(
    usage: pl.DataFrame, location: tuple[Coded, list[str]], setting: Setting
) -> tuple[ReadNumbers, ReadNumbers]:
    dialled_in = words_at(location[1], location[0].codes)
    caller, callee = (
        numbers(
            usage[column],
            dialled_in,
            setting.catalogue,
            setting.index,
            compiled=setting.compiled,
            threads=setting.threads,
        )
        for column in ("caller", "callee")
    )
    return caller, callee


def _treated(usage: pl.DataFrame, setting: Setting) -> tuple[pl.DataFrame, tuple[Coded, list[bool]]]:
    """The rows with the call types that they are rated as, and whether another operator carried each.

    A call that is rated as if we carried it has no other operator (`--treat-as`, formats.md).
    """
    operator, operators = coded(usage["operator"])
    others = np.array([word not in setting.catalogue.own_operators for word in operators], np.int64)
    other = others[operator.codes] if len(others) else operator.codes
    if setting.treat_as:
        types, words = numbers_and_words(usage["call_type"])
        treated = [setting.catalogue.treated(word, setting.treat_as) for word in words]
        moved = spread(usage["call_type"], types, [a != b for a, b in zip(words, treated, strict=True)])
        at = spread(usage["call_type"], types, range(len(words)))
        usage = usage.with_columns(words_at(treated, at).alias("call_type"))
        other = np.where(moved == 1, int("" not in setting.catalogue.own_operators), other)
    return usage, (Coded(other, 2), [False, True])


def _described(
    usage: pl.DataFrame,
    other_operator: tuple[Coded, list[bool]],
    sides: _Sides,
    setting: Setting,
) -> Described:
    customers = setting.customers
    tenant, user, service, location, caller, callee = sides
    start_us = usage["start_us"].to_numpy()
    listed, listed_kind = customers.kinds
    countries, country_of = setting.countries
    number_kinds, number_kind_of = setting.number_kinds
    premiums, premium_of = setting.premiums
    plans, _ = customers.profiles
    policies, policy_of = customers.policies
    asks_origin = setting.book.prices_by_origin
    caller_country = country_of[caller.prefix] if asks_origin else np.zeros(len(tenant), np.int64)
    return Described(
        call_type=coded(usage["call_type"]),
        direction=coded(usage["direction"]),
        listed_kind=(Coded(listed_kind[service], len(listed)), listed),
        number_type=coded(usage["number_type"]),
        country=(Coded(country_of[callee.prefix], len(countries)), countries),
        number_kind=(Coded(number_kind_of[callee.prefix], len(number_kinds)), number_kinds),
        premium=(Coded(premium_of[callee.prefix], len(premiums)), premiums),
        other_operator=other_operator,
        scope=coded(usage["scope"]),
        location=location,
        caller_country=(Coded(caller_country, len(countries)), countries),
        user_plans=(Coded(profiles_of(customers, user, start_us), len(plans)), plans),
        service_plans=(Coded(profiles_of(customers, service, start_us), len(plans)), plans),
        policies=(Coded(policy_of[user], len(policies)), policies),
        barred_prefix=(Coded(_barred(setting, tenant, callee), 2), [False, True]),
        licence_asked=(Coded(customers.licence_asked[tenant], 2), [False, True]),
    )


def _barred(setting: Setting, tenant: Ints, callee: ReadNumbers) -> Ints:
    """1 for each call to a number that its tenant bars."""
    barred = np.zeros(len(tenant), np.int64)
    rows = np.flatnonzero(setting.customers.bars[tenant])
    if not len(rows):
        return barred
    order = rows[np.argsort(tenant[rows], kind="stable")]
    for at in np.split(order, np.flatnonzero(np.diff(tenant[order])) + 1):
        prefixes = setting.customers.all[int(tenant[at[0]])].tenant.guards.barred_prefixes
        barred[at] = setting.bars(prefixes)[callee.prefix[at]] != NO_PREFIX
    return barred


def _kinds(setting: Setting, situations: Situations) -> tuple[list[Call], Ints]:
    """The kinds of calls that the deck is asked about, and that of each row, NONE where it is not asked."""
    asked = [None if c.category.is_free else setting.book.kind_of(c.deck_call) for c in situations.classified]
    kinds = sorted({call for call in asked if call is not None})
    index = {call: at for at, call in enumerate(kinds)}
    return kinds, situations.spread([NONE if call is None else index[call] for call in asked])


def _rates(
    setting: Setting, kinds: Sequence[Call], kind: Ints, prefix: NDArray[np.int32], start_us: Ints
) -> Ints:
    """The deck row of each call, or NO_ROW."""
    rows = np.full(len(kind), NO_ROW, np.int64)
    same: dict[int, tuple[RateTable, list[int]]] = {}
    for number, call in enumerate(kinds):
        table = setting.book.table(call)
        same.setdefault(id(table), (table, []))[1].append(number)
    for table, numbers_of in same.values():
        wanted = np.zeros(len(kinds) + 1, np.bool_)
        wanted[numbers_of] = True
        at = np.flatnonzero(wanted[kind])
        owners = setting.deck_prefixes(kinds[numbers_of[0]])
        rows[at] = rates_in(setting.book.deck, table, owners[prefix[at]], start_us[at])
    return rows


def months_of(start_us: Ints, tenant: Ints, setting: Setting) -> Ints:
    """The billing month of each start, as `calendar.month_of`, in the time zone of its tenant."""
    zones = sorted({customer.tenant.time_zone for customer in setting.customers.all})
    if len(zones) == 1 or not len(start_us):
        return _months_in(zones[0], start_us)
    zone_of = np.array([zones.index(customer.tenant.time_zone) for customer in setting.customers.all])
    months = np.zeros(len(start_us), np.int64)
    for number, zone in enumerate(zones):
        at = np.flatnonzero((zone_of == number)[tenant])
        months[at] = _months_in(zone, start_us[at])
    return months


def _months_in(zone: str, start_us: Ints) -> Ints:
    if not len(start_us):
        return np.zeros(0, np.int64)
    first, last = (month_of(int(edge), zone) for edge in (start_us.min(), start_us.max()))
    begins = [month_start_us(month, zone) for month in range(first + 1, last + 1)]
    months: Ints = first + np.searchsorted(np.array(begins, np.int64), start_us, side="right")
    return months
