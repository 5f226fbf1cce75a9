"""`talktime rate`: read, charge, show, write (design.md, Command line; rulings.md 1 to 7)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from talktime.doors.cli.answer import print_json, printable
from talktime.doors.cli.problems import Unusable, WrongUse, tell
from talktime.doors.cli.progress import Bar
from talktime.doors.cli.rate_book import is_book
from talktime.doors.cli.rate_request import (
    LAST_RUN,
    RateRequest,
    check_out,
    currency_of,
    deck_of,
    existing,
    options_of,
    usage_frames,
)
from talktime.settings import read_settings

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.bulk.result import Run
    from talktime.core.deck import Deck
    from talktime.files.usage import Usage


def rate_command(request: RateRequest) -> int:
    """Charges the files and shows, prints or writes the result; returns the exit code."""
    if request.out is not None:
        check_out(request.out, request)
    if request.tenant is not None and is_book(existing(request.tenant, "tenant file")):
        return _rate_book(request, request.tenant)
    if request.work is not None:
        raise WrongUse("--work keeps runs over many tenants; give their folder or .jsonl file to --tenant")
    run = charge_request(request)
    _keep(run)
    if request.out is not None:
        _write(run, request.out)
    if request.as_json:
        from talktime.insight.summary import summary

        print_json(summary(run))
    else:
        from rich.console import Console

        from talktime.doors.cli.show import show_run

        show_run(Console(), run)
        if request.out is not None:
            print(f"\nThe calls are in {printable(str(request.out))}.")  # noqa: T201 - the command's answer
    return 0


def _rate_book(request: RateRequest, path: Path) -> int:
    """Charges the usage of many tenants."""
    from talktime.accounts.tenant_book import read_tenants
    from talktime.bulk.stages import Stages
    from talktime.catalog.load import load_catalogue
    from talktime.doors.cli.rate_book import Rated, rate_book

    stages = Stages()
    with stages.measured("catalogue and deck"):
        catalogue = load_catalogue(read_settings().catalogue)
        options = options_of(request)
        deck, warnings = deck_of(request, None)
    with stages.measured("read the tenants"):
        tenants = read_tenants(path, catalogue)
    own = next((tenant for tenant in tenants if tenant.deck), None)
    if own is not None and request.rates is None:
        raise WrongUse(
            f"tenant {own.id!r} names a deck of its own ({own.deck}); many tenants are rated with one deck: "
            "name it with --rates, or rate this tenant by itself"
        )
    return rate_book(request, Rated(tenants, catalogue, deck, options, warnings), stages)


def charge_request(request: RateRequest) -> Run:
    """Reads what the request names and charges it. Raises WrongUse, Unusable and what the readers raise."""
    from talktime.accounts.tenant_file import read_tenant
    from talktime.bulk.run import charge
    from talktime.catalog.load import load_catalogue

    catalogue = load_catalogue(read_settings().catalogue)
    options = options_of(request)
    stated = (
        None if request.tenant is None else read_tenant(existing(request.tenant, "tenant file"), catalogue)
    )
    deck, warnings = deck_of(request, stated)
    usage = fitting(read_usage(request), currency_of(request), stated)
    tenant = stated or _unstated(usage, deck)
    with Bar("charging") as bar:
        run = charge(
            usage,
            tenant,
            catalogue,
            deck,
            options,
            lambda done: bar.update(done, usage.calls.height),
        )
    return replace(run, warnings=(*warnings, *run.warnings))


def read_usage(request: RateRequest) -> Usage:
    """All rows that a request names, with a bar. Raises WrongUse, RefusedRun and what the readers raise."""
    from talktime.bulk.parts import about_rows, check_memory
    from talktime.files.read_usage import all_of
    from talktime.files.usage_paths import usage_paths

    least, _ = about_rows(usage_paths(request.usage))
    check_memory(least)
    with Bar("reading") as bar:
        return all_of(usage_frames(request, bar.update))


def fitting(usage: Usage, currency: str | None, tenant: Tenant | None) -> Usage:
    """Usage of one currency and one tenant; what does not fit is said with the options that help."""
    from talktime.insight.fitting_usage import SHOWN_ROWS, MixedCurrencies, OtherTenants, UnfitUsage, fit

    try:
        return fit(usage, currency, tenant)
    except OtherTenants as problem:
        assert tenant is not None, "only a tenant that was named can be missing"
        raise Unusable(
            f"the usage names {len(problem.named):,} tenants ({', '.join(problem.named[:SHOWN_ROWS])} ...) "
            f"and none is {tenant.id!r}; give --tenant a folder with the files of all of them, or JSON lines"
        ) from None
    except MixedCurrencies as problem:
        raise Unusable(
            f"the usage mixes the currencies {', '.join(problem.found)}; choose one with --currency, for "
            f"instance --currency {problem.found[0]}"
        ) from None
    except UnfitUsage as problem:
        raise Unusable(str(problem)) from None


def _unstated(usage: Usage, deck: Deck) -> Tenant:
    """The tenant that stands in: the country that most rows name, the currency of the deck (rulings.md 3)."""
    from talktime.accounts.tenant import unstated_tenant
    from talktime.insight.planner.usage_tenant import main_country

    return unstated_tenant(main_country(usage), deck.currency)


def _keep(run: Run) -> None:
    """Keeps the run for `talktime explain`; a state folder that cannot be written is told, not a failure."""
    folder = read_settings().state
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = folder / LAST_RUN
        _write(run, kept)
        kept.chmod(0o600)  # names and numbers of people
    except OSError as problem:
        tell(f"the run was not kept for `talktime explain`: {folder}: {problem.strerror or problem}")
    except Exception as problem:  # noqa: BLE001 - the answer does not depend on it
        tell(f"the run was not kept for `talktime explain`: {problem}")


def _write(run: Run, path: Path) -> None:
    from talktime.files.write_calls import write_report
    from talktime.insight.report import report_of

    write_report(path, report_of(run))
