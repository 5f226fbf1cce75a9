"""Pools: a month's shared minutes, counted in billed seconds.

A pool's size is licences times minutes at the instant; what is used stays used when licences go
(domain.md 5, rulings.md 15).
"""

from talktime.core.limits import NO_LIMIT


def take(left: int, wanted: int) -> int:
    """What `wanted` gets from `left`: never below zero, never more than wanted."""
    if left <= 0:
        return 0
    return min(left, wanted)


def pool_free_s(size_s: int, used_s: int, reserved_s: int) -> int:
    """Seconds of a pool that nobody used or holds; an unlimited pool is never empty."""
    if size_s >= NO_LIMIT:
        return NO_LIMIT
    return max(0, size_s - used_s - reserved_s)


def open_s(free_s: int, has_partner: int, partner_free_s: int) -> int:
    """Seconds of a pool that a new grant may use: none where its partner (`strict_or`) is empty.

    `partner_free_s` counts only where there is a partner, as `has_partner` (0 or 1) says (domain.md 5).
    """
    return 0 if has_partner and partner_free_s <= 0 else free_s


def crossed(size_s: int, before_s: int, after_s: int, percent: int) -> int:
    """1 where use went from below `percent` of the size to at or above it, else 0."""
    if size_s <= 0 or size_s >= NO_LIMIT:
        return 0
    mark = size_s * percent
    return 1 if before_s * 100 < mark <= after_s * 100 else 0
