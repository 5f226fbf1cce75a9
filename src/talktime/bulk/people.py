"""Who stands behind each row: its user or organiser, its service number, where they are and what they hold.

The rules are those of `accounts.payers`; here they go over columns of many tenants, once per different value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from talktime.accounts.payers import NOBODY
from talktime.bulk.codes import Coded, coded, different_rows, numbers_and_words, spread
from talktime.core.deck import INBOUND

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from talktime.bulk.codes import Different
    from talktime.bulk.customers import Customers
    from talktime.bulk.number_columns import ReadNumbers
    from talktime.bulk.setting import Setting

    Ints = NDArray[np.int64]


def users_of(
    usage: pl.DataFrame,
    tenant: Ints,
    customers: Customers,
    find: Callable[[Ints], Different] | None = None,
) -> Ints:
    """The payer that is each row's user or organiser, by id, then by UPN; NOBODY where it is not known."""
    ids, id_words = coded(usage["user_id"])
    upns, upn_words = coded(usage["upn"])
    columns, at = different_rows([Coded(tenant, len(customers.all)), ids, upns], find)
    found = []
    for number, id_, upn in zip(*(column.tolist() for column in columns), strict=True):
        customer = customers.all[number]
        payer = customer.payers.payer_of(id_words[id_], upn_words[upn])
        found.append(payer if payer == NOBODY else customer.first + payer)
    return np.array(found, np.int64)[at]


def locations_of(
    usage: pl.DataFrame, tenant: Ints, payer: Ints, customers: Customers
) -> tuple[Coded, list[str]]:
    """The country of each row's payer: the row says it, else the tenant's file (rulings.md 10)."""
    known, of_payer, of_tenant = customers.locations
    said, words = numbers_and_words(usage["location"])
    countries = [*known, *sorted(set(words) - set(known))]
    index = {name: at for at, name in enumerate(countries)}
    told = spread(usage["location"], said, [index[word] for word in words])
    fallback = np.where(payer == NOBODY, of_tenant[tenant], of_payer[payer])
    return Coded(np.where(told == index[""], fallback, told), len(countries)), countries


def services_of(
    usage: pl.DataFrame, tenant: Ints, caller: ReadNumbers, callee: ReadNumbers, setting: Setting
) -> Ints:
    """The service number of each row: the called one of an inbound call, the calling one of the others."""
    customers = setting.customers
    known = sorted({number for number in customers.service_numbers if number})
    found = np.full(usage.height, NOBODY, np.int64)
    if not known:
        return found
    types, words = numbers_and_words(usage["call_type"])
    comes_in = [setting.catalogue.direction(word) == INBOUND for word in words]
    inbound = spread(usage["call_type"], types, comes_in) == 1
    at = np.flatnonzero(setting.may_be_service[np.where(inbound, callee.prefix, caller.prefix)])
    comes = pl.Series(inbound[at])
    own = callee.text.gather(at).zip_with(comes, caller.text.gather(at))
    places = own.replace_strict(known, range(len(known)), default=NOBODY, return_dtype=pl.Int64).to_numpy()
    at, places = at[places != NOBODY], places[places != NOBODY]
    columns, of_row = different_rows(
        [Coded(tenant[at], len(customers.all)), Coded(places, len(known))], setting.find
    )
    payers = []
    for number, place in zip(*(column.tolist() for column in columns), strict=True):
        customer = customers.all[number]
        payer = customer.payers.service_of(known[place])
        payers.append(payer if payer == NOBODY else customer.first + payer)
    found[at] = np.array(payers, np.int64)[of_row]
    return found


def profiles_of(customers: Customers, payer: Ints, start_us: Ints) -> Ints:
    """The set of plans that each row's payer holds at its start (`Customers.profiles`)."""
    first, from_us = customers.states
    _, of_state = customers.profiles
    state = np.where(payer == NOBODY, NOBODY, first[payer])
    last = np.where(payer == NOBODY, NOBODY, first[payer + 1] - 1)
    at = np.flatnonzero(state < last)
    while len(at):  # as often as a payer's licences changed
        begun = from_us[state[at] + 1] <= start_us[at]
        state[at[begun]] += 1
        at = at[begun]
        at = at[state[at] < last[at]]
    return of_state[state]
