"""Which category a call is in: the first rule whose conditions its facts fulfil.

Facts are bits of one integer (the call's type, the kind of number, what the payer's plans permit, where
the other side is); a rule asks for all of some, any of others and none of a third. Which facts and rules
exist is catalogue data (domain.md 4, rulings.md 11).
"""

from collections.abc import Sequence
from typing import Final

NO_RULE: Final = -1


def fits(facts: int, all_of: int, any_of: int, none_of: int) -> int:
    """1 where the facts hold all of `all_of`, some of `any_of` (if not 0) and none of `none_of`."""
    if facts & all_of != all_of or facts & none_of:
        return 0
    return 1 if any_of == 0 or facts & any_of else 0


def first_rule(facts: int, rules: Sequence[tuple[int, int, int]]) -> int:
    """The index of the first rule (all_of, any_of, none_of) that fits, or NO_RULE."""
    for index, (all_of, any_of, none_of) in enumerate(rules):
        if fits(facts, all_of, any_of, none_of):
            return index
    return NO_RULE
