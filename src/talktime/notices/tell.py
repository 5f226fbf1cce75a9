"""Commands that tell once: a notice under a key, written only if nobody wrote it before.

What a watch finds every hour is told under the wallet's lock, where the keys of what was told are kept with
the other state of the tenant; so any number of watches tell it once (recharge.md 9).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from talktime.core.alerts import DAY_US

if TYPE_CHECKING:
    from talktime.ledger.book import Book
    from talktime.ledger.records import SessionRow

FORGET_AFTER_US: Final = 400 * DAY_US
"""Keys are let go of after so long: no lot or card is warned of for longer than that."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Writes a notice of `kind`, unless `once_key` was told already."""

    tenant: str
    once_key: str
    kind: str
    facts: Mapping[str, object]
    call_id: str = ""
    creates: bool = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> bool:
        """Whether it was written."""
        del session
        if book is None:
            return False
        told = book.standing.told
        if self.once_key in told:
            return False
        book.advance(now_us)
        for key in [key for key, at_us in told.items() if book.last_us - at_us > FORGET_AFTER_US]:
            del told[key]
        told[self.once_key] = book.last_us
        book.touch_standing()
        book.notice(self.kind, self.facts)
        return True


@dataclass(frozen=True, slots=True)
class Rearm:
    """Lets keys be told again: what they told of is over."""

    tenant: str
    once_keys: tuple[str, ...]
    call_id: str = ""
    creates: bool = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> bool:
        """Whether one of them had been told."""
        del session, now_us
        if book is None:
            return False
        gone = [key for key in self.once_keys if book.standing.told.pop(key, None) is not None]
        if gone:
            book.touch_standing()
        return bool(gone)
