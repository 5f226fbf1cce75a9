"""`talktime`: the commands, their options, and the exit codes.

0 done · 1 the input has nothing usable · 2 wrong use. Each command imports what it needs when it runs, so
that `talktime --help` answers at once.
"""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from talktime import __version__
from talktime.doors.cli import plan_options, rate_options
from talktime.doors.cli.administer import decks_app, keys_app, tenant_app
from talktime.doors.cli.care_app import eligibility_app, notice_app, ticket_app
from talktime.doors.cli.diameter import diameter_app
from talktime.doors.cli.money_app import credits_app, recharge_app
from talktime.doors.cli.people_app import licence_app, number_app, user_app
from talktime.doors.cli.problems import WrongUse
from talktime.doors.cli.rate_options import Engine
from talktime.doors.cli.sign_ins_app import people_app

DONE: Final = 0
UNUSABLE: Final = 1
WRONG_USE: Final = 2

app = typer.Typer(
    name="talktime",
    help="Communication credits for cloud telephony: what calls cost, who pays, and why.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
rates_app = typer.Typer(
    help="Rate decks: check, look up, compare.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(rates_app, name="rates")
db_app = typer.Typer(
    help="The ledger's database: upgrade, backup, restore.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(db_app, name="db")
app.add_typer(tenant_app, name="tenant")
app.add_typer(tenant_app, name="tenants", hidden=True)  # how it was called before
app.add_typer(user_app, name="user")
app.add_typer(licence_app, name="licence")
app.add_typer(number_app, name="number")
app.add_typer(credits_app, name="credits")
app.add_typer(recharge_app, name="recharge")
app.add_typer(eligibility_app, name="eligibility")
app.add_typer(notice_app, name="notice")
app.add_typer(ticket_app, name="ticket")
app.add_typer(keys_app, name="keys")
app.add_typer(people_app, name="people")
app.add_typer(decks_app, name="decks")
app.add_typer(diameter_app, name="diameter")


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
DeckArgument = Annotated[
    str, typer.Argument(metavar="DECK", help="A rate deck, or `sample` for the shipped one.")
]
Rates = Annotated[
    str | None,
    typer.Option("--rates", metavar="DECK", help="The rate deck; without it the shipped sample deck."),
]
Database = Annotated[
    str | None,
    typer.Option("--database", metavar="URL", help="sqlite:///FILE or postgresql://..."),
]


def _version(asked: bool) -> None:
    if asked:
        print(f"talktime {__version__}")  # noqa: T201 - the command's answer
        raise typer.Exit(DONE)


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Communication credits for cloud telephony: what calls cost, who pays, and why."""


@app.command()
def rate(
    usage: rate_options.Usage,
    rates: Rates = None,
    tenant: rate_options.TenantFile = None,
    balance: rate_options.Balance = None,
    recharge_add: rate_options.RechargeAdd = None,
    recharge_below: rate_options.RechargeBelow = None,
    treat_as: rate_options.TreatAs = None,
    currency: rate_options.Currency = None,
    column_map: rate_options.ColumnMap = None,
    column: rate_options.Column = None,
    preset: rate_options.Preset = None,
    out: rate_options.Out = None,
    work: rate_options.Work = None,
    engine: rate_options.EngineChosen = Engine.LOCAL,
    master: rate_options.Master = None,
    as_json: Json = False,
) -> None:
    """Charge usage files: what the calls cost, what was included, who paid, when money ran out."""
    from talktime.doors.cli.rate import rate_command
    from talktime.doors.cli.rate_request import RateRequest

    request = RateRequest(
        usage=usage,
        rates=rates,
        tenant=tenant,
        balance=balance,
        recharge_add=recharge_add,
        recharge_below=recharge_below,
        treat_as=treat_as or "",
        currency=currency,
        column_map=column_map,
        columns=column or [],
        preset=preset,
        out=out,
        work=work,
        as_json=as_json,
    )
    if engine is Engine.SPARK:
        from talktime.doors.cli.rate_spark import rate_on_spark

        raise typer.Exit(rate_on_spark(request, master))
    if master is not None:
        raise WrongUse("--master goes with --engine spark")
    raise typer.Exit(rate_command(request))


@app.command()
def plan(
    usage: rate_options.Usage,
    rates: Rates = None,
    tenant: plan_options.TenantFile = None,
    scenario: plan_options.Scenarios = None,
    prices: plan_options.Prices = None,
    confidence: plan_options.Confidence = "95",
    lead_hours: plan_options.LeadHours = 24,
    payments_a_month: plan_options.Payments = 4,
    months_ahead: plan_options.MonthsAhead = 12,
    balance: plan_options.Balance = None,
    currency: rate_options.Currency = None,
    column_map: rate_options.ColumnMap = None,
    column: rate_options.Column = None,
    preset: rate_options.Preset = None,
    out: plan_options.Out = None,
    best: plan_options.Best = None,
    no_plans: plan_options.NoPlans = False,
    as_json: Json = False,
) -> None:
    """Say from real usage how many credits to buy, which plan for whom, when the money runs out."""
    from talktime.doors.cli.plan import plan_command
    from talktime.doors.cli.plan_request import PlanRequest
    from talktime.doors.cli.rate_request import RateRequest

    request = PlanRequest(
        rate=RateRequest(
            usage=usage,
            rates=rates,
            tenant=tenant,
            balance=balance,
            currency=currency,
            column_map=column_map,
            columns=column or [],
            preset=preset,
            out=out,
            as_json=as_json,
        ),
        scenarios=scenario or [],
        prices=prices,
        confidence=confidence,
        lead_hours=lead_hours,
        payments_a_month=payments_a_month,
        months_ahead=months_ahead,
        best=best,
        no_plans=no_plans,
    )
    raise typer.Exit(plan_command(request))


@app.command()
def explain(
    call: Annotated[
        str, typer.Argument(metavar="CALL", help="Id or call id of a call, or its unique beginning.")
    ],
    run: Annotated[
        Path | None,
        typer.Option("--run", metavar="REPORT.parquet", help="The report; without it the last run."),
    ] = None,
    tenant: Annotated[
        str, typer.Option("--tenant", metavar="T", help="A call of this tenant, of a report or the ledger.")
    ] = "",
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Explain one call, of a run or of the ledger: why this price, and who paid."""
    from talktime.doors.cli.explain import explain_command

    raise typer.Exit(explain_command(call, run, tenant, database, as_json=as_json))


@app.command()
def demo(
    no_serve: Annotated[
        bool, typer.Option("--no-serve", help="Only make and charge the month; start no server.")
    ] = False,
    folder: Annotated[Path, typer.Option("--folder", help="Where the files go.")] = Path("demo"),
    month: Annotated[
        str | None,
        typer.Option(
            metavar="YYYY-MM",
            help="The month to make (2026-03); what is served goes on from it until now (last month).",
        ),
    ] = None,
    calls: Annotated[int, typer.Option(min=1, max=5_000_000, help="How many calls a month.")] = 3000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same month.")] = 1,
    port: Annotated[int, typer.Option(min=1, max=65_534, help="Port of the server.")] = 8080,
) -> None:
    """Make the demo tenant's usage, charge it, then serve the tenant with all of it in the ledger."""
    from talktime.doors.cli.demo import demo_command

    raise typer.Exit(
        demo_command(folder, month=month, calls=calls, seed=seed, port=None if no_serve else port)
    )


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of live routes and management.")] = 8080,
    admin_port: Annotated[int, typer.Option(help="Port of the admin process; 0: the next one.")] = 0,
    database: Database = None,
    only: Annotated[
        str, typer.Option(metavar="live|admin|diameter", help="Run one process, unsupervised.")
    ] = "",
    workers: Annotated[int, typer.Option(help="Live processes on one database.")] = 1,
    fronts: Annotated[
        int, typer.Option(help="Processes that read HTTP for one engine; 0: the engine does it.")
    ] = 0,
    diameter: Annotated[
        str,
        typer.Option(metavar="HOST:PORT", help="Answer Diameter Ro there; TALKTIME_DIAMETER says to whom."),
    ] = "",
    fd: Annotated[int | None, typer.Option(hidden=True)] = None,
    socket: Annotated[Path | None, typer.Option(hidden=True)] = None,
    diameter_fd: Annotated[int | None, typer.Option(hidden=True)] = None,
    tls_fd: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Charge calls in progress: live routes, Diameter, management API, health and metrics."""
    from talktime.doors.cli.serve import Handed, ServeRequest, serve_command

    handed = Handed(fd, socket, diameter_fd, tls_fd)
    request = ServeRequest(host, port, admin_port, database, only, workers, fronts, diameter, handed)
    raise typer.Exit(serve_command(request))


@app.command()
def verify(
    database: Database = None,
    checkpoints: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Compare with the heads that `db checkpoint` has written; else with the daily ones.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Rebuild every total of the ledger from its journal and compare; exit 1 where they differ."""
    from talktime.doors.cli.ledger import verify_command

    raise typer.Exit(verify_command(database, checkpoints, as_json=as_json))


@app.command("import")
def import_calls(
    rated: Annotated[
        Path, typer.Argument(metavar="RATED", help="A report of `talktime rate`: .parquet or .csv.")
    ],
    tenant: Annotated[
        str, typer.Option("--tenant", metavar="ID", help="Whose calls; without it whom the run was made for.")
    ] = "",
    database: Database = None,
    match: Annotated[
        str, typer.Option("--match", metavar="COLUMN", help="The column that holds the id of a live call.")
    ] = "call_id",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be booked, book nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Book a rated file into the ledger, each row once; calls that were charged live are compared."""
    from talktime.doors.cli.import_calls import ImportRequest, import_command

    request = ImportRequest(rated, tenant, database, match, dry_run, as_json)
    raise typer.Exit(import_command(request))


@app.command()
def rerate(
    rates: Annotated[str, typer.Option("--rates", metavar="DECK", help="The deck that counts now.")],
    tenant: Annotated[
        list[str] | None, typer.Option("--tenant", metavar="ID", help="Only of this one; may be repeated.")
    ] = None,
    month: Annotated[str | None, typer.Option(metavar="YYYY-MM", help="Calls of this billing month.")] = None,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="INSTANT", help="Calls that started at or after it ...")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="INSTANT", help="... and before this one.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Book the corrections.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show them: the default.")] = False,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; the audit log keeps it.")] = "",
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Price the charges of the ledger anew with a deck; differences become corrections."""
    from talktime.doors.cli.rerate import RerateRequest, rerate_command

    request = RerateRequest(rates, tenant or (), month, from_, until, yes, dry_run, reason, database, as_json)
    raise typer.Exit(rerate_command(request))


@db_app.command("upgrade")
def db_upgrade(database: Database = None, as_json: Json = False) -> None:
    """Make the database, or bring its schema to the newest step."""
    from talktime.doors.cli.ledger import upgrade_command

    raise typer.Exit(upgrade_command(database, as_json=as_json))


@db_app.command("revision")
def db_revision(database: Database = None, as_json: Json = False) -> None:
    """Show the step of the schema that the database stands at; exit 1 where it is not the newest."""
    from talktime.doors.cli.ledger import revision_command

    raise typer.Exit(revision_command(database, as_json=as_json))


@db_app.command("backup")
def db_backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")],
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Copy the ledger while it is in use, and verify the copy."""
    from talktime.doors.cli.ledger import backup_command

    raise typer.Exit(backup_command(database, file, as_json=as_json))


@db_app.command("restore")
def db_restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that `db backup` made.")],
    database: Database = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the ledger that is there; it is kept aside.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Put a backup in the place of the ledger, and verify it."""
    from talktime.doors.cli.ledger import restore_command

    raise typer.Exit(restore_command(database, file, force=force, as_json=as_json))


@db_app.command("checkpoint")
def db_checkpoint(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where checkpoints are kept.")],
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Write down the heads of all hash chains; `verify --checkpoints` finds a journal rewritten since."""
    from talktime.doors.cli.ledger import checkpoint_command

    raise typer.Exit(checkpoint_command(database, folder, as_json=as_json))


@rates_app.command("check")
def rates_check(deck: DeckArgument, as_json: Json = False) -> None:
    """Check a deck for the traps that real decks hold; exit 1 where it may not be used."""
    from talktime.doors.cli.rates import check_command

    raise typer.Exit(check_command(deck, as_json=as_json))


@rates_app.command("lookup")
def rates_lookup(
    deck: DeckArgument,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="In international form: +4420...")],
    category: Annotated[str, typer.Option(help="Category of the call.")] = "",
    number_type: Annotated[str, typer.Option(help="toll or toll_free.")] = "",
    direction: Annotated[str, typer.Option(help="outbound or inbound.")] = "outbound",
    origin: Annotated[str, typer.Option(metavar="COUNTRY", help="ISO country of the caller.")] = "",
    at: Annotated[str | None, typer.Option(metavar="INSTANT", help="ISO 8601; without it now.")] = None,
    as_json: Json = False,
) -> None:
    """Show which row of a deck prices a number, and the shorter prefixes behind it."""
    from talktime.doors.cli.rates import LookupRequest, lookup_command

    request = LookupRequest(deck, number, category, number_type, direction, origin, at, as_json)
    raise typer.Exit(lookup_command(request))


@rates_app.command("diff")
def rates_diff(
    old: Annotated[str, typer.Argument(metavar="OLD")],
    new: Annotated[str, typer.Argument(metavar="NEW")],
    as_json: Json = False,
) -> None:
    """Compare two decks: added, removed, dearer, cheaper, and destinations that were dropped."""
    from talktime.doors.cli.rates import diff_command

    raise typer.Exit(diff_command(old, new, as_json=as_json))


def run() -> None:
    """The entry point: runs the command and ends with its exit code; what went wrong is one sentence."""
    from talktime.doors.cli.problems import guarded

    sys.exit(guarded(app))


if __name__ == "__main__":
    run()
