"""Calls that are refused for want of money are told once, where nobody was told that the credits are used up.

Dust can be left that pays for no call: the balance never reaches 0, and yet toll-free has stopped. So the
first start that is refused speaks, and then none until credits come (domain.md 10).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from talktime.core.limits import US_PER_S
from talktime.core.refusals import Refusal
from talktime.funding.recharge import evaluate
from talktime.ledger.book import REFUSED_TOLD
from talktime.ledger.records import ZERO_TOLD
from talktime.live.tenant import LiveTenant

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.ledger.book import Book

RECHARGE_SOON_US: Final = 60 * US_PER_S
"""A recharge that is tried only later than this helps no call that is in progress."""

FOR_MONEY: Final = frozenset({Refusal.NO_CREDIT, Refusal.POST_USAGE_OFF, Refusal.CREDITS_EXPIRED})
"""What is told; all other reasons are settings of somebody, and say so to the caller."""

FIRST_LOT: Final = 1
"""The number that the next lot has where there was none yet."""


def recharge_comes(book: Book, tenant: Tenant) -> bool:
    """Whether money is on its way and will soon be there.

    The rule that refills is asked here too, so that the very call that needs it sets it off (rulings.md 21);
    where an attempt waits already it has been asked, and what it said is not to be lost.
    """
    standing, live = book.standing, book.config
    assert isinstance(live, LiveTenant), "the engine was given another configuration"
    if not standing.attempt:
        evaluate(book, tenant, live)
    return bool(standing.attempt) and standing.attempt_due_us <= book.now_us + RECHARGE_SOON_US


def tell_refused(book: Book, tenant: Tenant, reason: Refusal) -> None:
    """Tells that a start was refused, unless that, or that nothing is left, was told since credits came.

    Who never had credits has lost nothing: for such a tenant calls never worked, and nothing is told.
    """
    if reason not in FOR_MONEY or book.next_lot == FIRST_LOT:
        return
    if book.flags & ZERO_TOLD or REFUSED_TOLD in book.standing.told or recharge_comes(book, tenant):
        return
    book.standing.told[REFUSED_TOLD] = book.last_us
    book.touch_standing()
    book.notice(REFUSED_TOLD, {"reason": reason.code})
