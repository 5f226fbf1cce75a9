"""`talktime tenant`, `keys` and `decks`: the commands with their options.

Each imports what it needs when it runs, as in `main`.
"""

from pathlib import Path
from typing import Annotated, Final

import typer

from talktime.doors.cli.options import Database, Json, Limit, group

tenant_app: Final = group("Tenants: add, list, show, suspend, close, audit.")
keys_app: Final = group("Keys of the server: add, list, revoke.")
decks_app: Final = group("Rate decks of the ledger: add, list, bind.")

TenantName = Annotated[str, typer.Argument(metavar="ID", help="The tenant; without it the only one.")]
WhyStatus = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; the audit log keeps it.")]


@tenant_app.command("add")
def tenants_add(
    file: Annotated[Path, typer.Argument(metavar="TENANT.toml", help="The tenant file.")],
    database: Database = None,
) -> None:
    """Make the tenant of a file; its purchases become lots. Safe beside a running server."""
    from talktime.doors.cli.rate_book import is_book
    from talktime.doors.cli.tenants import add_tenant_command, add_tenants_command

    add = add_tenants_command if is_book(file) else add_tenant_command
    raise typer.Exit(add(database, file))


@tenant_app.command("list")
def tenants_list(database: Database = None, as_json: Json = False) -> None:
    """List all tenants with balance, reserved and available."""
    from talktime.doors.cli.tenants import list_tenants_command

    raise typer.Exit(list_tenants_command(database, as_json=as_json))


@tenant_app.command("show")
def tenant_show(name: TenantName = "", database: Database = None, as_json: Json = False) -> None:
    """Show the settings of a tenant, its status, what it has, and its exceptions."""
    from talktime.doors.cli.tenants import show_tenant_command

    raise typer.Exit(show_tenant_command(database, name, as_json=as_json))


@tenant_app.command("suspend")
def tenant_suspend(
    name: TenantName = "", reason: WhyStatus = "", database: Database = None, as_json: Json = False
) -> None:
    """Suspend a tenant: nothing is bought any more, by hand or by itself."""
    _status(name, "suspended", reason, database, as_json)


@tenant_app.command("reactivate")
def tenant_reactivate(
    name: TenantName = "", reason: WhyStatus = "", database: Database = None, as_json: Json = False
) -> None:
    """End a suspension."""
    _status(name, "active", reason, database, as_json)


@tenant_app.command("close")
def tenant_close(
    name: Annotated[str, typer.Argument(metavar="ID", help="The tenant.")],
    reason: WhyStatus = "",
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Close a tenant for good; a reason writes off what is left. Its books stay."""
    _status(name, "closed", reason, database, as_json)


def _status(name: str, status: str, reason: str, database: str | None, as_json: bool) -> None:
    from talktime.doors.cli.tenants import StatusCommand, status_command

    raise typer.Exit(status_command(database, name, StatusCommand(status, reason), as_json=as_json))


@tenant_app.command("audit")
def tenant_audit(
    name: TenantName = "", limit: Limit = 50, database: Database = None, as_json: Json = False
) -> None:
    """Show who changed what, newest first."""
    from talktime.doors.cli.tenants import audit_command

    raise typer.Exit(audit_command(database, name, limit, as_json=as_json))


@keys_app.command("add")
def keys_add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who holds it.")],
    live: Annotated[bool, typer.Option("--live", help="It may charge calls.")] = False,
    management: Annotated[bool, typer.Option("--management", help="It may manage.")] = False,
    tenant: Annotated[
        list[str] | None,
        typer.Option("--tenant", metavar="T", help="Only for this tenant; may be repeated."),
    ] = None,
    role: Annotated[
        list[str] | None,
        typer.Option(
            "--role", metavar="ROLE", help="What it may manage, as docs/people.md lists; repeatable."
        ),
    ] = None,
    database: Database = None,
) -> None:
    """Make a key and print it; nobody can read it again."""
    from talktime.doors.cli.keys import NewKey, add_key_command

    asked = NewKey(name, tuple(tenant or ()), tuple(role or ()), live=live, management=management)
    raise typer.Exit(add_key_command(database, asked))


@keys_app.command("list")
def keys_list(database: Database = None, as_json: Json = False) -> None:
    """List all keys, revoked ones too, without their secrets."""
    from talktime.doors.cli.keys import list_keys_command

    raise typer.Exit(list_keys_command(database, as_json=as_json))


@keys_app.command("revoke")
def keys_revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `keys list` shows it.")],
    database: Database = None,
) -> None:
    """End a key for ever; running servers refuse it within seconds."""
    from talktime.doors.cli.keys import revoke_key_command

    raise typer.Exit(revoke_key_command(database, key_id))


@decks_app.command("add")
def decks_add(
    deck: Annotated[
        str, typer.Argument(metavar="DECK", help="A rate deck, or `sample` for the shipped one.")
    ],
    database: Database = None,
) -> None:
    """Store a deck in the ledger; it is never edited."""
    from talktime.doors.cli.stored_decks import add_deck_command

    raise typer.Exit(add_deck_command(database, deck))


@decks_app.command("list")
def decks_list(database: Database = None, as_json: Json = False) -> None:
    """List the stored decks and since when each holds for all tenants."""
    from talktime.doors.cli.stored_decks import list_decks_command

    raise typer.Exit(list_decks_command(database, as_json=as_json))


@decks_app.command("bind")
def decks_bind(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="A stored deck: version, or its name.")],
    tenant: Annotated[
        str, typer.Option("--tenant", metavar="T", help="Only for this tenant; without it for all.")
    ] = "",
    valid_from: Annotated[
        str | None, typer.Option("--from", metavar="INSTANT", help="ISO 8601; without it always.")
    ] = None,
    database: Database = None,
) -> None:
    """Say from when a deck prices calls."""
    from talktime.doors.cli.stored_decks import bind_deck_command

    raise typer.Exit(bind_deck_command(database, version, tenant, valid_from))
