"""One question of "What if" answered in a process of its own: read file and tenant, charge, compare."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from talktime.bulk.options import RefusedRun
from talktime.files.usage import UnusableFile
from talktime.insight.fitting_usage import MixedCurrencies, UnfitUsage, fit
from talktime.insight.scenario import TODAY, Scenario, as_now
from talktime.insight.usage_look import Look, named
from talktime.ledger.database import DatabaseUrl

if TYPE_CHECKING:
    from talktime.core.deck import Deck
    from talktime.files.usage import Usage
    from talktime.insight.what_if_figures import Compared
    from talktime.ledger.decks import Decks
    from talktime.live.tenant import LiveTenant

READING_PERCENT: Final = 30
"""The share of the work that reading the file is taken for."""


@dataclass(frozen=True, slots=True)
class WhatIfTask:
    """One question, as it is handed to the process that answers it.

    `file` lies at `path` and is called `name` by people; `currency` "" where rows have one. How far the work
    has come is written to `progress`, in percent.
    """

    url: DatabaseUrl
    catalogue: Path | None
    tenant: str
    path: Path
    name: str
    currency: str
    scenarios: tuple[Scenario, ...]
    now_us: int
    progress: Path


class NoAnswerError(Exception):
    """There is no answer; the message is one sentence: why, and what to do."""


def run_what_if(task: WhatIfTask) -> bytes:
    """The answer as JSON of `Compared`; runs in a worker process.

    Raises NoAnswerError, NotReconciledError, StoreAway.
    """
    look = Look(task.path, task.name)
    try:
        return msgspec.json.encode(_compared(task, look))
    except MixedCurrencies as error:
        listed = ", ".join(error.found)
        raise NoAnswerError(f"the usage has the currencies {listed}; say which one to look at") from None
    except (UnusableFile, UnfitUsage, RefusedRun) as error:
        raise NoAnswerError(named(str(error), look)) from None
    except MemoryError:
        raise NoAnswerError(f"{task.name}: it needs more memory than there is; bring fewer days") from None


def _compared(task: WhatIfTask, look: Look) -> Compared:
    from talktime.catalog.load import load_catalogue
    from talktime.insight.what_if import compare
    from talktime.ledger.decks import Decks
    from talktime.ledger.reading import Reader
    from talktime.live.tenant import live_tenant

    reader = Reader(task.url)
    documents, wallet = reader.documents(task.tenant), reader.wallet(task.tenant)
    if documents is None or wallet is None:
        raise NoAnswerError(f"there is no tenant {task.tenant!r} any more")
    catalogue = load_catalogue(task.catalogue)
    live = live_tenant(documents, catalogue)
    tries = _tries(task, live, Decks(task.url))
    told = percent_to(task.progress)
    usage = _usage(task, lambda done, total: told(done * READING_PERCENT, total))
    tenant = as_now(live.tenant, task.now_us)
    usage = fit(usage, task.currency or None, tenant)
    rest = 100 - READING_PERCENT
    return compare(
        replace(usage, warnings=tuple(named(text, look) for text in usage.warnings)),
        tenant,
        catalogue,
        tries,
        max(wallet.balance, 0),
        lambda done, rows: told(READING_PERCENT * rows + done * rest, rows),
    )


def _usage(task: WhatIfTask, progress: Callable[[int, int], None]) -> Usage:
    from talktime.bulk.parts import check_memory
    from talktime.files.read_usage import all_of
    from talktime.insight.bounded_usage import BoundedUsage

    usage = all_of(BoundedUsage(task.path, progress))
    check_memory(usage.calls.height)
    return usage


def _tries(task: WhatIfTask, live: LiveTenant, decks: Decks) -> list[tuple[Scenario, Deck]]:
    """Today's settings and the scenarios, each with its deck, read once. Raises NoAnswerError."""
    from talktime.live.tenant import bound_at

    currency = live.tenant.currency
    bound = live.deck_at(currency, task.now_us) or bound_at(decks.bindings(), currency, task.now_us)
    read: dict[str, Deck] = {}
    tries = []
    for scenario in (TODAY, *task.scenarios):
        version = scenario.deck or bound
        if not version:
            raise NoAnswerError(f"no deck is in force for {currency}: bind one, so that calls have prices")
        if version not in read:
            deck = decks.deck(version)
            if deck is None:
                raise NoAnswerError(f"no deck {version!r} is stored")
            read[version] = deck
        tries.append((scenario, read[version]))
    return tries


def percent_to(path: Path) -> Callable[[int, int], None]:
    """What writes how far a work has come to a file, whenever that is another percent."""
    shown = -1

    def told(done: int, total: int) -> None:
        nonlocal shown
        percent = min(99, done // max(total, 1))  # rounded down; 100 is told by the answer
        if percent > shown:
            shown = percent
            with suppress(OSError):  # on a full disk there is an answer all the same
                path.write_text(str(percent), "ascii")

    return told
