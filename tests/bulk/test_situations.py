"""Each row has the answer that it would get alone; a run asks once per situation (rulings.md 11)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.bulk import situations
from talktime.bulk.codes import Coded
from talktime.bulk.situations import NO_POOLS, Classifier, Described, PoolCodes
from talktime.catalog.classify import Situation, classify
from talktime.catalog.load import load_catalogue

PLANS = [(), ("MCOPSTN1",), ("MCOPSTN5", "MCOMEETADD"), ("MCOMEETADD_DIALOUT_US", "MCOMEETADD")]
VALUES: dict[str, list[Any]] = {
    "call_type": ["user_out", "conf_in", "conf_out", "ucap_out", "emergency_out", "mystery"],
    "direction": ["", "inbound", "outbound"],
    "listed_kind": ["", "toll", "toll_free"],
    "number_type": ["", "toll_free"],
    "country": ["", "US", "GB", "CA"],
    "number_kind": ["", "toll_free"],
    "premium": ["normal", "refuse"],
    "other_operator": [False, True],
    "scope": ["", "domestic", "international"],
    "location": ["US", "GB"],
    "caller_country": ["", "FR"],
    "user_plans": PLANS,
    "service_plans": PLANS,
    "policies": [(), ("DialoutCPCDomesticPSTNDisabled",)],
    "barred_prefix": [False, True],
    "licence_asked": [False, True],
}
rows_drawn = st.lists(st.tuples(*(st.integers(0, len(of) - 1) for of in VALUES.values())), max_size=12)


def described(rows: list[tuple[int, ...]]) -> Described:
    columns = [np.array([row[at] for row in rows], np.int64) for at in range(len(VALUES))]
    made: Any = [
        (Coded(column, len(values)), values) for column, values in zip(columns, VALUES.values(), strict=True)
    ]
    return Described(*made)


@given(rows_drawn, rows_drawn, st.booleans())
def test_every_row_is_classified_as_if_alone(
    first: list[tuple[int, ...]], second: list[tuple[int, ...]], gated: bool
) -> None:
    """The second part of a run finds what the first has asked."""
    catalogue = load_catalogue()
    classifier = Classifier(catalogue, gated)
    asked: list[Situation] = []

    def counted(catalogue: Any, call: Situation, **how: bool) -> Any:
        asked.append(call)
        return classify(catalogue, call, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(situations, "classify", counted)
        for rows in (first, second):
            found = classifier.situations(described(rows))
            for row, at in zip(rows, found.at.tolist(), strict=True):
                *facts, licence_asked = (
                    values[code] for values, code in zip(VALUES.values(), row, strict=True)
                )
                alone = classify(catalogue, Situation(*facts), licence_asked=licence_asked, gated=gated)
                assert found.classified[at] == alone
    assert len(asked) == len(classifier.known) == len({*first, *second})


def test_a_value_of_each_situation_is_spread_over_the_rows() -> None:
    found = Classifier(load_catalogue(), gated=True).situations(described([(0,) * 16, (1, *(0,) * 15)] * 2))
    values = found.spread([rule.rule for rule in found.classified]).tolist()
    assert values[:2] == values[2:]
    assert values[0] != values[1]


POOLS = PoolCodes(load_catalogue())
LONGEST = next(n for n in range(1, 64) if POOLS.base ** (n + 1) >= 2**62)
lists = st.lists(st.sampled_from(POOLS.pools), max_size=LONGEST)


@given(lists, lists)
def test_lists_of_pools_go_there_and_back(one: list[Any], other: list[Any]) -> None:
    assert POOLS.pools_of(POOLS.code(one)) == tuple(one)
    assert (POOLS.code(one) == POOLS.code(other)) is (one == other)
    assert (POOLS.code(one) == NO_POOLS) is (one == [])


def test_a_list_that_leaves_no_room_is_refused() -> None:
    last = POOLS.pools[-1]
    with pytest.raises(OverflowError, match=f"{LONGEST + 2} pools may pay for one call"):
        POOLS.code([last] * (LONGEST + 2))
