"""Rules of who may buy, as numbers: asked and offending, one at least, exceptions, and the answer to all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.core.eligibility import Outcome, at_least_one, excepted, may_buy, none_offends

PASSED, FAILED, NOT_APPLICABLE = Outcome.PASSED, Outcome.FAILED, Outcome.NOT_APPLICABLE


def test_the_numbers_are_stable() -> None:
    assert (int(PASSED), int(FAILED), int(NOT_APPLICABLE)) == (0, 1, 2)


@pytest.mark.parametrize(
    ("asked", "offending", "outcome"),
    [(0, 0, NOT_APPLICABLE), (1, 0, PASSED), (1, 1, FAILED), (5, 1, FAILED), (5, 5, FAILED), (5, 0, PASSED)],
)
def test_one_offender_fails_the_rule(asked: int, offending: int, outcome: Outcome) -> None:
    assert none_offends(asked, offending) is outcome


@pytest.mark.parametrize(("found", "outcome"), [(0, FAILED), (1, PASSED), (9, PASSED)])
def test_one_is_enough_where_one_is_asked_for(found: int, outcome: Outcome) -> None:
    assert at_least_one(found) is outcome


@pytest.mark.parametrize(
    ("outcome", "waived", "after"),
    [
        (FAILED, 1, PASSED),
        (FAILED, 0, FAILED),
        (PASSED, 1, PASSED),
        (PASSED, 0, PASSED),
        (NOT_APPLICABLE, 1, NOT_APPLICABLE),
        (NOT_APPLICABLE, 0, NOT_APPLICABLE),
    ],
)
def test_an_exception_lifts_a_failure_and_nothing_else(outcome: Outcome, waived: int, after: Outcome) -> None:
    assert excepted(outcome, waived) is after


@given(st.lists(st.sampled_from(Outcome)))
def test_who_fails_no_rule_may_buy(outcomes: list[Outcome]) -> None:
    assert may_buy(outcomes) == int(outcomes.count(FAILED) == 0)
