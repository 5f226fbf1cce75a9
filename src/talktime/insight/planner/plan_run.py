"""One question to the planner answered in a process of its own: read files and tenant, work it out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import msgspec

from talktime.bulk.options import RefusedRun
from talktime.bulk.replay import Replay
from talktime.files.usage import UnusableFile
from talktime.insight.fitting_usage import MixedCurrencies, UnfitUsage, fit
from talktime.insight.planner.held_before import held_before
from talktime.insight.planner.plan import Asked, plan
from talktime.insight.what_if_run import READING_PERCENT, NoAnswerError, percent_to

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from talktime.catalog.planning import LicencePrices
    from talktime.core.deck import Deck
    from talktime.core.forecast import Lot
    from talktime.files.usage import Usage
    from talktime.insight.planner.document import Plan
    from talktime.insight.planner.plan_task import PlanTask
    from talktime.ledger.decks import Decks
    from talktime.ledger.reading import KeptWallet
    from talktime.live.tenant import LiveTenant

_HUNDRED: Final = 100


def run_plan(task: PlanTask) -> bytes:
    """The answer as JSON of `document.Plan`; runs in a worker process.

    Raises NoAnswerError, NotReconciledError, StoreAway.
    """
    try:
        return msgspec.json.encode(_planned(task))
    except MixedCurrencies as error:
        listed = ", ".join(error.found)
        raise NoAnswerError(f"the usage has the currencies {listed}; say which one to look at") from None
    except (UnusableFile, UnfitUsage, RefusedRun) as error:
        raise NoAnswerError(_named(str(error), task)) from None
    except MemoryError:
        raise NoAnswerError("it needs more memory than there is; bring fewer months") from None


def _planned(task: PlanTask) -> Plan:
    from talktime.catalog.load import load_catalogue
    from talktime.catalog.planning import load_licence_prices
    from talktime.ledger.decks import Decks
    from talktime.ledger.reading import Reader
    from talktime.live.tenant import live_tenant

    reader = Reader(task.url)
    documents, wallet = reader.documents(task.tenant), reader.wallet(task.tenant)
    if documents is None or wallet is None:
        raise NoAnswerError(f"there is no tenant {task.tenant!r} any more")
    catalogue = load_catalogue(task.catalogue)
    live = live_tenant(documents, catalogue)
    deck = _deck(live, Decks(task.url), task.now_us)
    told = percent_to(task.progress)
    usage = _usage(task, lambda done, total: told(done * READING_PERCENT, total))
    tenant = held_before(live.tenant)
    usage = fit(usage, task.currency or None, tenant)
    usage = replace(usage, warnings=tuple(_named(text, task) for text in usage.warnings))
    asked = Asked(
        settings=task.settings,
        prices=own_prices(load_licence_prices(), task.prices, tenant.currency),
        lots=lots_of(wallet, tenant.time_zone),
        now_us=task.now_us,
    )
    rest = _HUNDRED - READING_PERCENT
    return plan(
        Replay(usage, tenant, catalogue, deck),
        tenant,
        catalogue,
        deck,
        asked,
        lambda done, whole: told(READING_PERCENT * whole + done * rest, whole),
    )


def lots_of(wallet: KeptWallet, time_zone: str) -> tuple[Lot, ...]:
    """What a wallet's lots hold, in the order in which they are drawn, less what is owed (overdraft)."""
    from talktime.notices.alerts import purses

    return tuple(purses(wallet.lots, time_zone, wallet.overdraft))


def own_prices(shipped: LicencePrices, own: Mapping[str, int], currency: str) -> LicencePrices:
    """A price list with own prices (plan -> micros in a currency, in every country) in the place of its own.

    With an own price for all plans that the list has in that currency nothing of it is a sample any more.
    """
    if not own:
        return shipped
    kept = {
        key: price for key, price in shipped.amounts.items() if key[:2] not in {(p, currency) for p in own}
    }
    sample = shipped.sample and any(key[1] == currency for key in kept)
    name = f"own prices, else {shipped.name}" if sample else "own prices"
    return replace(
        shipped, name=name, sample=sample, amounts=kept | {(p, currency, ""): m for p, m in own.items()}
    )


def _deck(live: LiveTenant, decks: Decks, now_us: int) -> Deck:
    from talktime.live.tenant import bound_at

    currency = live.tenant.currency
    version = live.deck_at(currency, now_us) or bound_at(decks.bindings(), currency, now_us)
    found = decks.deck(version) if version else None
    if found is None:
        raise NoAnswerError(f"no deck is in force for {currency}: bind one, so that calls have prices")
    return found


def _usage(task: PlanTask, progress: Callable[[int, int], None]) -> Usage:
    from talktime.bulk.parts import check_memory
    from talktime.files.read_usage import all_of
    from talktime.insight.bounded_usage import BoundedUsage

    usage = all_of(BoundedUsage(task.paths, progress))
    check_memory(usage.calls.height)
    return usage


def _named(text: str, task: PlanTask) -> str:
    """A sentence with files as people call them."""
    for path, name in zip(task.paths, task.names, strict=True):
        text = text.replace(path.name, name)
    return text
