"""What hangs on how a wallet stands: its mode, the rule that refills it, low balances that are told.

Looked at once a transaction, with the wallet locked, whatever has changed it: a charge, a grant, an expiry, a
purchase, a setting. So nothing is missed, and nothing is told twice (recharge.md 2, rulings.md 27 and 29).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from talktime.core.alerts import is_below
from talktime.core.modes import Mode, mode
from talktime.funding import recharge
from talktime.funding.commands import Reconsider
from talktime.ledger.audit import BY_ITSELF
from talktime.ledger.records import CREDITS, Change
from talktime.live.tenant import LiveTenant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from talktime.ledger.book import Book
    from talktime.ledger.engine import Command

LOW: Final = "balance_low/"
"""What was told of a low balance is kept in `standing.told` under this and the level."""

UNSEEN: Final = -1
"""The mode of a wallet that nobody has looked at yet."""


def attend(book: Book) -> Sequence[Command]:
    """Looks at a wallet that was changed; returns what has to follow."""
    live = book.config
    assert isinstance(live, LiveTenant), "the engine was given another configuration"
    _mode(book, live)
    _low(book, live)
    if recharge.evaluate(book, live.tenant, live):
        return (Reconsider(book.tenant, book.standing.attempt),)
    return ()


def _mode(book: Book, live: LiveTenant) -> None:
    """A change of mode is written to the audit log and told (domain.md 9 and 10)."""
    standing, terms = book.standing, live.terms
    seen = mode(terms.is_mca, live.tenant.auto_recharge.enabled, terms.behind, book.balance)
    if seen == standing.mode:
        return
    before, standing.mode = standing.mode, seen
    book.touch_standing()
    if before == UNSEEN:
        return
    was, now = Mode(before).name.lower(), seen.name.lower()
    book.audit.append(Change(book.last_us, BY_ITSELF, f"mode {was} -> {now}", was, now))
    book.notice("mode_switched", {"before": was, "after": now})


def _low(book: Book, live: LiveTenant) -> None:
    """Each level is told once when less is available, and again after a recovery (domain.md 10).

    Calls reserve and release all day: that is none. Only money that comes in and lifts the balance to the
    level lets it speak again.

    What was told is kept by the level itself: one that is new speaks, one that stays has spoken, whatever
    else was edited; a level that is configured no longer is forgotten.
    """
    levels, told = live.tenant.alerts.low_micros, book.standing.told
    if not levels and not told:
        return
    balance, available = book.balance, book.balance - book.reserved
    came_in = any(entry.credit == CREDITS for entry in book.entries)
    kept = {f"{LOW}{level}" for level in levels if not came_in or is_below(balance, level)}
    over = [key for key in told if key.startswith(LOW) and key not in kept]
    for key in over:
        del told[key]
    below = {f"{LOW}{level}": level for level in levels if is_below(available, level)}
    new = [(key, level) for key, level in below.items() if key not in told]
    for key, level in new:
        told[key] = book.last_us
        book.notice("balance_low", {"level": level})
    if over or new:
        book.touch_standing()
