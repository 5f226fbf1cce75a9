"""`talktime plan`: read, work out what to buy and which plan for whom, show, write (docs/plan.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from talktime.doors.cli.answer import print_json, printable
from talktime.doors.cli.plan_request import PlanRequest, check_request, settings_of
from talktime.doors.cli.problems import Unusable
from talktime.doors.cli.progress import Bar
from talktime.doors.cli.rate import fitting, read_usage
from talktime.doors.cli.rate_request import amount_of, currency_of, deck_of, existing
from talktime.settings import read_settings

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.bulk.replay import Replay
    from talktime.catalog.model import Catalogue
    from talktime.catalog.planning import LicencePrices
    from talktime.core.deck import Deck
    from talktime.insight.planner.document import Plan, Said
    from talktime.insight.scenario import Scenario
    from talktime.insight.what_if_figures import Compared

NO_TENANT: Final = (
    "No tenant file: the users are those of the usage, with the plans that its rows name; with --tenant the "
    "answer knows who holds which licence, what was bought, and who never called."
)

BEST_NOTE: Final = "The best plans that `talktime plan` found; try them with --scenario."


@dataclass(frozen=True, slots=True)
class _World:
    """What calls are charged with, and the balance of now in micros (None: as the tenant's purchases say).

    `said`: what there is to say of how it was brought.
    """

    replay: Replay
    tenant: Tenant
    catalogue: Catalogue
    deck: Deck
    balance: int | None
    said: tuple[Said, ...]


def plan_command(request: PlanRequest) -> int:
    """Works out the plan and shows, prints or writes it; returns the exit code."""
    from msgspec import structs

    from talktime.insight.planner.plan import Asked, plan

    check_request(request)
    settings = settings_of(request)
    balance = amount_of("--balance", request.rate.balance, least=0)
    world, scenarios, prices = _read(request, balance)
    with Bar("planning") as bar:
        asked = Asked(settings=settings, prices=prices, opening=balance, plans=not request.no_plans)
        found = plan(world.replay, world.tenant, world.catalogue, world.deck, asked, bar.update)
    found = structs.replace(found, said=(*found.said, *world.said))
    compared = _compared(world, scenarios)
    _write(request, world, found, compared)
    if request.rate.as_json:
        print_json(_json(found, compared))
    else:
        _show(request, found, compared)
    return 0


def _read(request: PlanRequest, balance: int | None) -> tuple[_World, Sequence[Scenario], LicencePrices]:
    """All that the request names; what is small and may be wrong before the usage."""
    from talktime.accounts.tenant_file import read_tenant
    from talktime.bulk.replay import Replay
    from talktime.catalog.load import load_catalogue
    from talktime.catalog.planning import load_licence_prices, read_licence_prices
    from talktime.insight.planner.document import CAUTION, NOTE, Said
    from talktime.insight.planner.usage_tenant import usage_tenant

    rate = request.rate
    catalogue = load_catalogue(read_settings().catalogue)
    stated = None if rate.tenant is None else read_tenant(existing(rate.tenant, "tenant file"), catalogue)
    deck, warnings = deck_of(rate, stated)
    scenarios = _scenarios(request.scenarios, catalogue, stated)
    prices = (
        load_licence_prices() if request.prices is None else read_licence_prices(request.prices, catalogue)
    )
    usage = fitting(read_usage(rate), currency_of(rate), stated)
    said = [Said(CAUTION, "prices", warning) for warning in warnings]
    said += [Said(NOTE, "usage", NO_TENANT)] if stated is None else []
    tenant = stated or usage_tenant(usage, catalogue, deck.currency)
    replay = Replay(usage, tenant, catalogue, deck)
    return _World(replay, tenant, catalogue, deck, balance, tuple(said)), scenarios, prices


def _scenarios(paths: Sequence[Path], catalogue: Catalogue, tenant: Tenant | None) -> Sequence[Scenario]:
    from talktime.insight.scenario_file import ScenarioFileError, read_scenarios

    try:
        return read_scenarios(paths, catalogue, tenant)
    except ScenarioFileError as problem:
        raise Unusable(str(problem)) from None


def _compared(world: _World, scenarios: Sequence[Scenario]) -> Compared | None:
    """Today's settings and the scenarios side by side; None where none was named."""
    from talktime.doors.cli.decks import usable_deck
    from talktime.insight.scenario_file import tries_of
    from talktime.insight.what_if import compare_replayed

    if not scenarios:
        return None
    tries = tries_of(scenarios, world.deck, lambda name: usable_deck(name)[0])
    with Bar("trying") as bar:
        return compare_replayed(world.replay, world.tenant, world.catalogue, tries, world.balance, bar.update)


def _write(request: PlanRequest, world: _World, plan: Plan, compared: Compared | None) -> None:
    """The workbook and the best plans, where they are asked for."""
    if request.rate.out is not None:
        from talktime.insight.planner.workbook import write_plan

        write_plan(request.rate.out, plan, compared)
    if request.best is None:
        return
    from talktime.insight.planner.mix_scenario import best_plans
    from talktime.insight.scenario_file import write_scenarios_file

    if plan.mix is None:
        raise Unusable(
            "--best: no plans were compared, so there is no best; the answer without --best says why"
        )
    write_scenarios_file(request.best, [best_plans(plan.mix, world.tenant)], BEST_NOTE)


def _json(plan: Plan, compared: Compared | None) -> dict[str, Any]:
    from talktime.doors.cli.show_scenarios import scenarios_json
    from talktime.insight.planner.conclusions import conclusions
    from talktime.insight.planner.plan_json import plan_json

    scenarios = None if compared is None else scenarios_json(compared)
    return plan_json(plan) | {"conclusions": list(conclusions(plan)), "scenarios": scenarios}


def _show(request: PlanRequest, plan: Plan, compared: Compared | None) -> None:
    from rich.console import Console

    from talktime.doors.cli.show_plan import show_plan

    console = Console()
    show_plan(console, plan)
    if compared is not None:
        from talktime.doors.cli.show_scenarios import show_scenarios

        show_scenarios(console, compared)
    for path, what in ((request.rate.out, "The whole answer is"), (request.best, "The best plans are")):
        if path is not None:
            print(f"\n{what} in {printable(str(path))}.")  # noqa: T201 - the command's answer
