"""Lots of credits: what a purchase leaves in its lot, how long the lot pays, when the wallet is empty.

Money in micros, instants in microseconds; a lot pays only for what ends before it expires
(domain.md 6, rulings.md 16 and 17).
"""

from talktime.core.pools import take


def opened(amount: int, overdraft: int) -> tuple[int, int]:
    """What a lot of this amount is opened with: (left, repaid); the overdraft is its first draw."""
    repaid = take(amount, overdraft)
    return amount - repaid, repaid


def usable(left: int, expires_at_us: int, until_us: int) -> int:
    """What a lot may give to a call that ends at `until_us`: all that is left, or 0 if it has expired.

    At one instant the expiry comes before the calls that end then.
    """
    return left if expires_at_us > until_us else 0


def emptied(before: int, after: int) -> int:
    """1 where a balance went from above zero to zero or below, else 0."""
    return 1 if before > 0 >= after else 0
