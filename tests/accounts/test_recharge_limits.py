"""What holds one payment of auto-recharge: the rule's own limits, and its currency's (rulings.md 32)."""

import pytest

from talktime.accounts.recharge_limits import payment_limits
from talktime.accounts.tenant import AutoRecharge

UNIT = 1_000_000


@pytest.mark.parametrize(
    ("currency", "own_least", "least", "coin"),
    [
        ("USD", 0, 50 * UNIT, 10_000),
        ("USD", 20 * UNIT, 50 * UNIT, 10_000),  # a rule cannot go below the least purchase
        ("USD", 70 * UNIT, 70 * UNIT, 10_000),
        ("JPY", 9_000 * UNIT, 9_000 * UNIT, UNIT),
        ("KWD", 70 * UNIT, 70 * UNIT, 1_000),
        ("", 70 * UNIT, 70 * UNIT, 1),  # a file that names none
    ],
)
def test_limits(currency: str, own_least: int, least: int, coin: int) -> None:
    rule = AutoRecharge(enabled=True, least_micros=own_least, most_micros=300 * UNIT)
    assert payment_limits(rule, currency) == (least, 300 * UNIT, coin)
