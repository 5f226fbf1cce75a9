"""`talktime people`: the commands with their options.

Each imports what it needs when it runs, as in `main`.
"""

from typing import Annotated, Final

import typer

from talktime.doors.cli.options import Database, Json, group

people_app: Final = group("People who sign in at the admin center: invite, list, disable, sign-out.")

Upn = Annotated[str, typer.Argument(metavar="UPN", help="As in ana@contoso.example.")]


@people_app.command("invite")
def people_invite(
    upn: Upn,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="How the person is called.")] = "",
    role: Annotated[
        list[str] | None,
        typer.Option(
            "--role", metavar="ROLE", help="For the whole installation, such as auditor; repeatable."
        ),
    ] = None,
    partner: Annotated[
        str, typer.Option("--partner", metavar="P", help="For the customers of this partner.")
    ] = "",
    tenant: Annotated[
        str,
        typer.Option("--tenant", metavar="T", help="One of its administrators; what it may do stands there."),
    ] = "",
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Print a link by which a person chooses a password, the first or a new one: once, within 3 days."""
    from talktime.doors.cli.sign_ins import Invited, invite_command

    asked = Invited(upn, name, tuple(role or ()), partner, tenant)
    raise typer.Exit(invite_command(database, asked, as_json=as_json))


@people_app.command("list")
def people_list(database: Database = None, as_json: Json = False) -> None:
    """List everybody who can sign in, or could."""
    from talktime.doors.cli.sign_ins import list_people_command

    raise typer.Exit(list_people_command(database, as_json=as_json))


@people_app.command("disable")
def people_disable(upn: Upn, database: Database = None, as_json: Json = False) -> None:
    """Shut a person out, and sign it out everywhere; an invitation lets it in again."""
    from talktime.doors.cli.sign_ins import disable_command

    raise typer.Exit(disable_command(database, upn, as_json=as_json))


@people_app.command("sign-out")
def people_sign_out(upn: Upn, database: Database = None, as_json: Json = False) -> None:
    """End all sessions of a person, who may sign in again."""
    from talktime.doors.cli.sign_ins import sign_out_command

    raise typer.Exit(sign_out_command(database, upn, as_json=as_json))
