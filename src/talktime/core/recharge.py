"""Auto-recharge as a rule: how much is bought when what is available falls below the trigger.

Level-triggered and strict: 100.00 with a trigger of 100 does nothing (domain.md 8, recharge.md 3).
"""

from talktime.core.money import ceil_div


def recharge_micros(available: int, below: int, add: int, cap_left: int) -> int:
    """One payment: the least multiple of `add` that lifts `available` to `below`, held to `cap_left`.

    0 where nothing is to be bought: at or above the trigger, no rule (`add` = 0), or the cap is met.
    """
    if add <= 0 or available >= below:
        return 0
    wanted = ceil_div(below - available, add) * add
    return max(0, min(wanted, cap_left))
