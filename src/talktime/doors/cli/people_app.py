"""`talktime user`, `licence` and `number`: the commands with their options.

Each imports what it needs when it runs, as in `main`.
"""

from pathlib import Path
from typing import Annotated, Final

import typer

from talktime.doors.cli.options import Asked, Database, Json, OfTenant, group

user_app: Final = group("Users: list, show, put, remove, import, erase.")
licence_app: Final = group("Licences: who has which; what a feature needs.")
number_app: Final = group("Service numbers: list, put, remove.")

UserName = Annotated[str, typer.Argument(metavar="USER", help="The UPN or the id.")]
Plan = Annotated[str, typer.Argument(metavar="PLAN", help="The code of a plan, such as MCOPSTNC.")]
Number = Annotated[str, typer.Argument(metavar="NUMBER", help="In international form: +18005550100.")]


# --- users -----------------------------------------------------------------------------------------------


@user_app.command("list")
def user_list(tenant: OfTenant = "", database: Database = None, as_json: Json = False) -> None:
    """List the users with location, licences and cost centre."""
    from talktime.doors.cli.people import list_users_command

    raise typer.Exit(list_users_command(Asked(database, tenant, as_json)))


@user_app.command("show")
def user_show(
    user: UserName, tenant: OfTenant = "", database: Database = None, as_json: Json = False
) -> None:
    """Show one user."""
    from talktime.doors.cli.people import show_user_command

    raise typer.Exit(show_user_command(Asked(database, tenant, as_json), user))


@user_app.command("put")
def user_put(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="TOML with [[users]] as in a tenant file, or JSON.")
    ],
    tenant: OfTenant = "",
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Add the users of a file, or replace them: all or none. Others stay as they are."""
    from talktime.doors.cli.people import put_users_command

    raise typer.Exit(put_users_command(Asked(database, tenant, as_json), file))


@user_app.command("remove")
def user_remove(
    user: UserName, tenant: OfTenant = "", database: Database = None, as_json: Json = False
) -> None:
    """Remove a user; its charges stay."""
    from talktime.doors.cli.people import remove_user_command

    raise typer.Exit(remove_user_command(Asked(database, tenant, as_json), user))


@user_app.command("import")
def user_import(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="One user a row; `upn` is needed.")],
    tenant: OfTenant = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what the file would do.")] = False,
    remove_missing: Annotated[
        bool, typer.Option("--remove-missing", help="Also remove users that no row names.")
    ] = False,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Add and change users and their licences by a CSV file: all that it says, or nothing."""
    from talktime.doors.cli.people import import_users_command

    asked = Asked(database, tenant, as_json)
    raise typer.Exit(import_users_command(asked, file, dry_run=dry_run, remove_missing=remove_missing))


@user_app.command("erase")
def user_erase(
    user: UserName,
    tenant: OfTenant = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do it; nobody can undo it.")] = False,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Take a person out of calls, audit log and notices for ever; the figures stay."""
    from talktime.doors.cli.people import erase_user_command

    raise typer.Exit(erase_user_command(Asked(database, tenant, as_json), user, yes=yes))


# --- licences --------------------------------------------------------------------------------------------


@licence_app.command("list")
def licence_list(tenant: OfTenant = "", database: Database = None, as_json: Json = False) -> None:
    """List the plans that were bought or assigned: how many, and how many are left."""
    from talktime.doors.cli.licences import list_licences_command

    raise typer.Exit(list_licences_command(Asked(database, tenant, as_json)))


@licence_app.command("assign")
def licence_assign(
    user: UserName, plan: Plan, tenant: OfTenant = "", database: Database = None, as_json: Json = False
) -> None:
    """Give a user a licence."""
    from talktime.doors.cli.licences import assign_command

    raise typer.Exit(assign_command(Asked(database, tenant, as_json), user, plan))


@licence_app.command("take")
def licence_take(
    user: UserName, plan: Plan, tenant: OfTenant = "", database: Database = None, as_json: Json = False
) -> None:
    """Take a licence away from a user."""
    from talktime.doors.cli.licences import take_command

    raise typer.Exit(take_command(Asked(database, tenant, as_json), user, plan))


@licence_app.command("needs")
def licence_needs(
    feature: Annotated[str, typer.Argument(metavar="FEATURE", help="As `licence features` lists it.")],
    as_json: Json = False,
) -> None:
    """Say which licences a feature needs, and when it takes money. Needs no ledger."""
    from talktime.doors.cli.licences import needs_command

    raise typer.Exit(needs_command(feature, as_json=as_json))


@licence_app.command("features")
def licence_features(as_json: Json = False) -> None:
    """List the features that licences are needed for. Needs no ledger."""
    from talktime.doors.cli.licences import features_command

    raise typer.Exit(features_command(as_json=as_json))


# --- service numbers -------------------------------------------------------------------------------------


@number_app.command("list")
def number_list(tenant: OfTenant = "", database: Database = None, as_json: Json = False) -> None:
    """List the service numbers."""
    from talktime.doors.cli.numbers import list_numbers_command

    raise typer.Exit(list_numbers_command(Asked(database, tenant, as_json)))


@number_app.command("put")
def number_put(  # noqa: PLR0913, PLR0917 - a command has as many arguments as options
    number: Number,
    kind: Annotated[str, typer.Option("--kind", metavar="KIND", help="toll or toll_free.")],
    service: Annotated[
        str, typer.Option("--service", metavar="S", help="conferencing_bridge, auto_attendant or call_queue.")
    ] = "",
    licence: Annotated[
        list[str] | None, typer.Option("--licence", metavar="PLAN", help="Assigned to it; may be repeated.")
    ] = None,
    cost_centre: Annotated[str, typer.Option("--cost-centre", metavar="C", help="Who bears it.")] = "",
    tenant: OfTenant = "",
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Add a service number, or replace it."""
    from talktime.doors.cli.numbers import put_number_command

    told = {"kind": kind, "service": service, "licences": licence or [], "cost_centre": cost_centre}
    raise typer.Exit(put_number_command(Asked(database, tenant, as_json), number, told))


@number_app.command("remove")
def number_remove(
    number: Number, tenant: OfTenant = "", database: Database = None, as_json: Json = False
) -> None:
    """Remove a service number."""
    from talktime.doors.cli.numbers import remove_number_command

    raise typer.Exit(remove_number_command(Asked(database, tenant, as_json), number))
