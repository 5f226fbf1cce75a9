"""Who may buy credits, as arithmetic: a rule asks about so many things, and so many of them offend.

What the things are (subscriptions, accounts, countries) the caller knows; the outcome of a rule and the
answer to all of them are decided here (domain.md 9, rulings.md 28).
"""

from collections.abc import Iterable
from enum import IntEnum


class Outcome(IntEnum):
    """What a rule said; the numbers are stable."""

    PASSED = 0
    FAILED = 1
    NOT_APPLICABLE = 2


def none_offends(asked: int, offending: int) -> Outcome:
    """A rule about `asked` things, of which `offending` break it; about nothing it says nothing."""
    if asked <= 0:
        return Outcome.NOT_APPLICABLE
    return Outcome.FAILED if offending > 0 else Outcome.PASSED


def at_least_one(found: int) -> Outcome:
    """A rule that asks for one thing at least."""
    return Outcome.PASSED if found > 0 else Outcome.FAILED


def excepted(outcome: int, waived: int) -> Outcome:
    """The outcome where an exception was granted (`waived` 1): it lifts a failure and nothing else."""
    return Outcome.PASSED if waived and outcome == Outcome.FAILED else Outcome(outcome)


def may_buy(outcomes: Iterable[int]) -> int:
    """1 where no rule failed, else 0 (rulings.md 28)."""
    return 0 if Outcome.FAILED in outcomes else 1
