"""The first rule whose conditions hold: bits of one integer against sets of words (rulings.md 11)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.core.category import NO_RULE, first_rule, fits

FACTS = 8
masks = st.integers(0, 2**FACTS - 1)


def words(mask: int) -> set[int]:
    """The facts that a mask names."""
    return {fact for fact in range(FACTS) if mask >> fact & 1}


@pytest.mark.parametrize(
    ("facts", "all_of", "any_of", "none_of", "expected"),
    [
        (0b0000, 0, 0, 0, 1),  # a rule without conditions takes every call
        (0b0110, 0b0010, 0b0100, 0, 1),
        (0b0110, 0b0011, 0b0100, 0, 0),  # one of all is missing
        (0b0110, 0b0010, 0b1001, 0, 0),  # none of any
        (0b0110, 0b0010, 0b0101, 0b0100, 0),  # one that must not be
        (0b0110, 0, 0, 0b1000, 1),
    ],
)
def test_fits(facts: int, all_of: int, any_of: int, none_of: int, expected: int) -> None:
    assert fits(facts, all_of, any_of, none_of) == expected


@given(masks, masks, masks, masks)
def test_fits_says_what_the_sets_say(facts: int, all_of: int, any_of: int, none_of: int) -> None:
    has = words(facts)
    expected = words(all_of) <= has and (not any_of or bool(words(any_of) & has)) and not words(none_of) & has
    assert fits(facts, all_of, any_of, none_of) == int(expected)


@given(masks, st.lists(st.tuples(masks, masks, masks), max_size=8))
def test_the_first_that_fits(facts: int, rules: list[tuple[int, int, int]]) -> None:
    found = first_rule(facts, rules)
    before = rules if found == NO_RULE else rules[:found]
    assert not any(fits(facts, *rule) for rule in before)
    assert found == NO_RULE or fits(facts, *rules[found])
