"""Modes of a tenant: prepaid, on the way to post-usage, on post-usage, or without funding.

The table of rulings.md 29, from four facts. Post-usage stands behind the credits from the first second
of `draining`, so that dust is spent and nobody is refused.
"""

from enum import IntEnum


class Mode(IntEnum):
    """How a tenant's paid calls are funded."""

    PREPAID = 0
    DRAINING = 1
    POST_USAGE = 2
    NO_FUNDING = 3


def stands_behind(is_mca: int, recharge_on: int, post_usage_enabled: int) -> int:
    """1 where post-usage billing takes what the credits do not pay, else 0."""
    return 1 if is_mca and not recharge_on and post_usage_enabled else 0


def mode(is_mca: int, recharge_on: int, post_usage_enabled: int, balance: int) -> Mode:
    """The mode of a tenant with this balance in micros (rulings.md 29)."""
    if not is_mca or recharge_on:
        return Mode.PREPAID
    if balance > 0:
        return Mode.DRAINING
    return Mode.POST_USAGE if post_usage_enabled else Mode.NO_FUNDING
