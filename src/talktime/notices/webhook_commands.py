"""What changes a webhook: commands on the engine, so that a change, its audit line and its notice are one.

A worker notes when a webhook begins to fail and when it works again; one that has only failed for days is
switched off, and people are told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from talktime.accounts.expecting import CHANGED_MEANWHILE
from talktime.ledger.audit import BY_ITSELF
from talktime.ledger.commands import NO_TENANT, Refused
from talktime.ledger.deliveries import WEBHOOK_PAPER
from talktime.ledger.engine import OfMoney
from talktime.ledger.records import Change, Paper
from talktime.notices.ladders import DISABLE_AFTER_US
from talktime.notices.webhooks import Webhook, read_webhook, shown_url, webhook_text

if TYPE_CHECKING:
    from talktime.ledger.book import Book
    from talktime.ledger.records import SessionRow

NO_WEBHOOK = Refused("unknown_webhook", "no such webhook")

Edit = Callable[[Webhook, int], Webhook]
"""A webhook and the instant -> the webhook as it is to be."""

Still = Callable[[Webhook], bool]
"""Whether a webhook still is as somebody saw it."""


class _OfWebhook(OfMoney):
    """A command about one webhook."""

    __slots__ = ()
    webhook: str

    @property
    def papers(self) -> Sequence[tuple[str, str]]:
        """The paper that describes it."""
        return ((WEBHOOK_PAPER, self.webhook),)


@dataclass(frozen=True, slots=True)
class AddWebhook(_OfWebhook):
    """Stores a new webhook."""

    tenant: str
    webhook: str
    made: Webhook
    who: str
    call_id: str = ""
    creates: bool = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Webhook | Refused:
        """The webhook as it is stored."""
        del session
        if book is None:
            return NO_TENANT
        book.advance(now_us)
        made = msgspec.structs.replace(self.made, at_us=book.last_us)
        _put(book, made)
        _audit(book, self.who, f"webhook {made.id} made: {shown_url(made.url)}")
        return made


@dataclass(frozen=True, slots=True)
class EditWebhook(_OfWebhook):
    """Changes a webhook under the lock; `what` stands in the audit log.

    Without `still` whatever has changed it meanwhile; with it, only while that holds.
    """

    tenant: str
    webhook: str
    edit: Edit
    what: str
    who: str
    still: Still | None = None
    call_id: str = ""
    creates: bool = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Webhook | Refused:
        """The webhook after it."""
        del session
        if book is None:
            return NO_TENANT
        known = _known(book, self.webhook)
        if known is None:
            return NO_WEBHOOK
        if self.still is not None and not self.still(known):
            return CHANGED_MEANWHILE
        book.advance(now_us)
        edited = self.edit(known, book.last_us)
        _put(book, edited)
        _audit(book, self.who, f"webhook {edited.id} {self.what}")
        return edited


@dataclass(frozen=True, slots=True)
class RemoveWebhook(_OfWebhook):
    """Removes a webhook; what waits for it fails when its turn comes, and is kept."""

    tenant: str
    webhook: str
    who: str
    call_id: str = ""
    creates: bool = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Webhook | Refused:
        """The webhook that was removed."""
        del session
        if book is None:
            return NO_TENANT
        known = _known(book, self.webhook)
        if known is None:
            return NO_WEBHOOK
        book.advance(now_us)
        book.put_paper(Paper(WEBHOOK_PAPER, known.id, book.last_us, ""))
        _audit(book, self.who, f"webhook {known.id} removed: {shown_url(known.url)}")
        return known


@dataclass(frozen=True, slots=True)
class NoteWebhook(_OfWebhook):
    """What a worker saw: `failed` or not; `gone`: the receiver wants nothing more (410).

    The first failure is noted and the first success after it; after days of nothing but failures, or at once
    where it is gone, the webhook is switched off and that is told.
    """

    tenant: str
    webhook: str
    failed: bool
    gone: bool = False
    call_id: str = ""
    creates: bool = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> Webhook | None:
        """The webhook after it; None where it is no more."""
        del session
        known = None if book is None else _known(book, self.webhook)
        if book is None or known is None or not known.is_on:
            return known
        noted = self._noted(known, max(now_us, book.last_us))
        if noted == known:
            return known
        book.advance(now_us)
        _put(book, noted)
        if not noted.is_on:
            why = "the receiver answered 410" if self.gone else "nothing but failures for days"
            _audit(book, BY_ITSELF, f"webhook {noted.id} switched off: {why}")
            book.notice("webhook_disabled", {"webhook": noted.id, "url": shown_url(noted.url)})
        return noted

    def _noted(self, known: Webhook, now_us: int) -> Webhook:
        if not self.failed:
            return msgspec.structs.replace(known, failing_since_us=0)
        since_us = known.failing_since_us or now_us
        is_over = self.gone or now_us - since_us >= DISABLE_AFTER_US
        return msgspec.structs.replace(
            known, failing_since_us=since_us, disabled_us=now_us if is_over else known.disabled_us
        )


def _known(book: Book, webhook: str) -> Webhook | None:
    paper = book.papers.get((WEBHOOK_PAPER, webhook))
    return None if paper is None else read_webhook(paper.document)


def _put(book: Book, webhook: Webhook) -> None:
    book.put_paper(Paper(WEBHOOK_PAPER, webhook.id, webhook.at_us, webhook_text(webhook)))


def _audit(book: Book, who: str, what: str) -> None:
    book.audit.append(Change(book.last_us, who, what, "", ""))
