"""Files of usage that somebody brought and the questions asked about them, as papers of a tenant.

So every process of the installation sees their state; the files lie in a folder of one machine. Ids rise with
time and cannot be guessed; a name that somebody gave a file is shown and never a path.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from secrets import token_hex
from typing import TYPE_CHECKING, Final

import msgspec

from talktime.core.limits import US_PER_S
from talktime.files.usage import printable
from talktime.insight.planner.document import PlanSettings
from talktime.insight.scenario import Scenario
from talktime.insight.usage_look import Seen
from talktime.ledger.commands import NO_TENANT, Refused
from talktime.ledger.engine import OfMoney
from talktime.ledger.records import Change, Paper

if TYPE_CHECKING:
    from talktime.ledger.book import Book
    from talktime.ledger.records import SessionRow

USAGE_FILE: Final = "usage_file"
WHAT_IF: Final = "what_if"
ANSWER: Final = "what_if_answer"
PLAN: Final = "plan"
PLAN_ANSWER: Final = "plan_answer"
"""The kinds of papers; an answer has the key of its question, and that of a plan names users."""

WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"

DAY_US: Final = 86_400 * US_PER_S
FILE_KEPT_US: Final = DAY_US
"""How long a file of usage is kept: it holds names and numbers."""

ANSWER_KEPT_US: Final = 30 * DAY_US
"""How long a question is kept with its answer."""

SILENT_US: Final = 2 * 3_600 * US_PER_S
"""A question without an answer by then was interrupted by a stop of its process."""

INTERRUPTED: Final = "it was interrupted when its process stopped; ask again"

LONGEST_NAME: Final = 200


class UsageFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of usage that somebody brought: `name` as people call it, what was seen in it, when it goes."""

    id: str
    name: str
    bytes: int
    who: str
    brought_us: int
    seen: Seen

    @property
    def expires_us(self) -> int:
        """When it is removed."""
        return self.brought_us + FILE_KEPT_US


class PlanAsked(msgspec.Struct, frozen=True, kw_only=True):
    """What the planner is asked: ids of files with what people call them, and what somebody chose.

    `prices`: plan -> micros a licence and month; those of the sample where a plan is not among them.
    """

    files: tuple[str, ...]
    names: tuple[str, ...]
    settings: PlanSettings
    prices: dict[str, int] = {}


class WhatIf(msgspec.Struct, frozen=True, kw_only=True):
    """A question: scenarios on a file of usage, or a `plan` of several, of which `file` is the first.

    `state`: waiting, running, done or failed (`error` says why). `name` is that of the file, which may be
    gone; `currency` "" where the rows have one.
    """

    id: str
    file: str
    name: str
    currency: str
    scenarios: tuple[Scenario, ...]
    who: str
    asked_us: int
    state: str = WAITING
    done_us: int = 0
    error: str = ""
    plan: PlanAsked | None = None

    @property
    def kind(self) -> str:
        """The kind of its paper."""
        return WHAT_IF if self.plan is None else PLAN

    @property
    def answer_kind(self) -> str:
        """The kind of its answer's paper."""
        return ANSWER if self.plan is None else PLAN_ANSWER

    @property
    def expires_us(self) -> int:
        """When it is forgotten."""
        return max(self.done_us, self.asked_us) + ANSWER_KEPT_US

    def at(self, now_us: int) -> WhatIf:
        """What it is at an instant: what was interrupted says so."""
        if self.state in (WAITING, RUNNING) and now_us >= self.asked_us + SILENT_US:
            return msgspec.structs.replace(self, state=FAILED, error=INTERRUPTED)
        return self


_usage_file: Final = msgspec.json.Decoder(UsageFile)
_what_if: Final = msgspec.json.Decoder(WhatIf)


def new_id(now_us: int) -> str:
    """32 hexadecimal digits that rise with time and cannot be guessed."""
    return f"{now_us:016x}{token_hex(8)}"


def made_us(key: str) -> int:
    """When an id was made. Raises ValueError for what is none."""
    return int(key[:16], 16)


def shown_name(given: str) -> str:
    """What people call a file, from what a program says of it: the last part of a path, as text."""
    last = PurePosixPath(given.replace("\\", "/")).name
    return printable(last).strip()[:LONGEST_NAME] or "usage"


def usage_file_of(paper: Paper) -> UsageFile:
    """The file that a paper describes."""
    return _usage_file.decode(paper.document)


def what_if_of(paper: Paper) -> WhatIf:
    """The question that a paper describes."""
    return _what_if.decode(paper.document)


def paper_of(about: UsageFile | WhatIf) -> Paper:
    """A file or a question as a paper."""
    kind, at_us = (
        (USAGE_FILE, about.brought_us) if isinstance(about, UsageFile) else (about.kind, about.asked_us)
    )
    return Paper(kind, about.id, at_us, msgspec.json.encode(about).decode())


@dataclass(frozen=True, slots=True)
class PutPapers(OfMoney):
    """Writes papers down and forgets those of `drops`, (kind, key). `note`: a line of the audit log by `who`.

    `only_if`: nothing is written where this paper is not there any more: it was forgotten meanwhile.
    """

    tenant: str
    put: tuple[Paper, ...] = ()
    drops: tuple[tuple[str, str], ...] = ()
    only_if: tuple[str, str] | None = None
    who: str = ""
    note: str = ""
    call_id: str = ""
    creates: bool = False

    @property
    def papers(self) -> Sequence[tuple[str, str]]:
        """The paper that has to be there."""
        return () if self.only_if is None else (self.only_if,)

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> bool | Refused:
        """True once it is written; False where it was forgotten."""
        del session
        if book is None:
            return NO_TENANT
        if self.only_if is not None and self.only_if not in book.papers:
            return False
        book.advance(now_us)
        for paper in self.put:
            book.put_paper(paper)
        for kind, key in self.drops:
            book.put_paper(Paper(kind, key, 0, ""))
        if self.note:
            book.audit.append(Change(book.last_us, self.who, self.note, "", ""))
        book.changed = True
        return True
