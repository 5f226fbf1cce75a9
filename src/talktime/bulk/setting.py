"""What a run rates with: catalogue, deck, tenants, options; and the look-up tables made from them once.

Rows of any tenants may be prepared with one setting, in any process: nothing in it depends on the rows.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from talktime.bulk.number_index import NumberIndex, number_index
from talktime.bulk.situations import Classifier, PoolCodes
from talktime.catalog.model import PREMIUM_NORMAL
from talktime.core.limits import MAX_NUMBER_DIGITS
from talktime.core.prefix import NO_PREFIX, prefix_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from talktime.bulk.codes import Different
    from talktime.bulk.customers import Customers
    from talktime.catalog.model import Catalogue
    from talktime.core.deck import Call, RateBook

    Ints = NDArray[np.int64]

NUMBERS: Final = "numbers"
PREMIUM: Final = "premium"
DECK: Final = "deck"
BARRED: Final = "barred"
SERVICE: Final = "service"


@dataclass(frozen=True)
class Setting:
    """Made once for a run. `gated` False: nothing may be refused (rulings.md 3).

    `compiled`: numbers are looked up and different values found by compiled loops; `threads` of them.
    """

    catalogue: Catalogue
    book: RateBook
    customers: Customers
    treat_as: str = ""
    gated: bool = True
    compiled: bool = False
    threads: int = 1

    def with_customers(self, customers: Customers) -> Setting:
        """The same tables for the same people, whose money or rules are others.

        Tenants and payers are those of this setting in their order, with their licences, numbers and barred
        prefixes; so rows that were prepared with either may be settled with the other.
        """
        other = copy(self)  # with the tables that were made so far
        object.__setattr__(other, "customers", customers)
        return other

    @cached_property
    def index(self) -> NumberIndex:
        """All prefixes that anybody asks for: of the catalogue, the deck, and those that tenants bar."""
        barred = {p for customer in self.customers.all for p in customer.tenant.guards.barred_prefixes}
        return number_index(
            {
                NUMBERS: self.catalogue.numbers,
                PREMIUM: self.catalogue.premium,
                DECK: prefix_table(sorted({row.prefix for row in self.book.deck.rows})),
                BARRED: prefix_table(sorted(barred)),
                SERVICE: prefix_table(sorted(self._service_digits)),
            }
        )

    @cached_property
    def _service_digits(self) -> set[str]:
        """The digits of all service numbers, as prefixes: what does not begin with one is none."""
        numbers = (number.removeprefix("+") for number in self.customers.service_numbers)
        return {number for number in numbers if number.isdigit() and len(number) <= MAX_NUMBER_DIGITS}

    @cached_property
    def classifier(self) -> Classifier:
        """What classifies situations, with its memory of those it has met."""
        return Classifier(self.catalogue, self.gated)

    @cached_property
    def pool_codes(self) -> PoolCodes:
        """Lists of pools as integers."""
        return PoolCodes(self.catalogue)

    @cached_property
    def countries(self) -> tuple[list[str], Ints]:
        """Countries of numbers, "" first, and that of each prefix of the index."""
        facts = self.catalogue.number_facts
        names = ["", *sorted({fact.country for fact in facts} - {""})]
        index = {name: at for at, name in enumerate(names)}
        own = np.array([*(index[fact.country] for fact in facts), 0], np.int64)
        return names, own[self.index.owner[NUMBERS]]

    @cached_property
    def number_kinds(self) -> tuple[list[str], Ints]:
        """Kinds of numbers, "" first, and that of each prefix of the index."""
        facts = self.catalogue.number_facts
        names = ["", *sorted({fact.kind for fact in facts} - {""})]
        own = np.array([*(names.index(fact.kind) for fact in facts), 0], np.int64)
        return names, own[self.index.owner[NUMBERS]]

    @cached_property
    def premiums(self) -> tuple[list[str], Ints]:
        """Premium states, the normal one first, and that of each prefix of the index."""
        states = self.catalogue.premium_states
        names = [PREMIUM_NORMAL, *sorted({*states} - {PREMIUM_NORMAL})]
        own = np.array([*(names.index(state) for state in states), 0], np.int64)
        return names, own[self.index.owner[PREMIUM]]

    @cached_property
    def may_be_service(self) -> NDArray[np.bool_]:
        """Whether a number with a prefix of the index may be a service number: its digits begin with one.

        Every number may, where a service number is none that the index can hold.
        """
        written = {number for number in self.customers.service_numbers if number}
        if len(written) > len(self._service_digits):
            return np.ones(len(self.index.owner[SERVICE]), np.bool_)
        may: NDArray[np.bool_] = self.index.owner[SERVICE] != NO_PREFIX
        return may

    def deck_prefixes(self, call: Call) -> Ints:
        """The prefix of the deck's table for calls of a kind, of each prefix of the index."""
        return self._owners(call)

    def bars(self, prefixes: tuple[str, ...]) -> Ints:
        """Which of some barred prefixes each prefix of the index begins with, or NO_PREFIX; remembered."""
        if prefixes not in self._bars:
            self._bars[prefixes] = self.index.owners_in(prefix_table(sorted(set(prefixes))))
        return self._bars[prefixes]

    @cached_property
    def _bars(self) -> dict[tuple[str, ...], Ints]:
        return {}

    @cached_property
    def _owners(self) -> Callable[[Call], Ints]:
        known: dict[Call, Ints] = {}

        def owners(call: Call) -> Ints:
            if call not in known:
                known[call] = self.index.owners_in(self.book.table(call).table)
            return known[call]

        return owners

    @cached_property
    def find(self) -> Callable[[Ints], Different] | None:
        """The compiled way to find different values, where loops are compiled."""
        if not self.compiled:
            return None
        from talktime.bulk.find_different import find_different

        return find_different
