"""`talktime eligibility`, `notice` and `ticket`: the commands with their options.

Each imports what it needs when it runs, as in `main`.
"""

from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from talktime.doors.cli.options import Asked, Database, Json, Limit, OfTenant, Reason, group

CHECK: Final = "check"


class _CheckUnlessNamed(TyperGroup):
    """A group whose first word may be left out: `eligibility [T]` is `eligibility check [T]`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Puts the word in where no command of the group is named and no help is asked for."""
        helps = ctx.help_option_names
        if not args or (args[0] not in self.commands and not any(word in helps for word in args)):
            args = [CHECK, *args]
        return super().parse_args(ctx, args)


eligibility_app: Final = typer.Typer(
    cls=_CheckUnlessNamed,
    help="May the tenant buy credits, rule by rule; exceptions.",
    rich_markup_mode=None,
)
notice_app: Final = group("Notices: who was told what; send one again.")
ticket_app: Final = group("Support tickets: open, list, comment, close.")

Rule = Annotated[str, typer.Argument(metavar="RULE", help="As `talktime eligibility` lists it.")]
NoticeId = Annotated[int, typer.Argument(metavar="ID", min=1, help="As `notice list` shows it.")]
TicketId = Annotated[str, typer.Argument(metavar="ID", help="As `ticket list` shows it.")]


# --- eligibility -----------------------------------------------------------------------------------------


@eligibility_app.command(CHECK)
def eligibility_check(
    name: Annotated[str, typer.Argument(metavar="T", help="The tenant; without it the only one.")] = "",
    tenant: OfTenant = "",
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Show each rule with its outcome, why, and what to do; exit 0 it can buy, 1 it cannot."""
    from talktime.doors.cli.eligibility import check_command

    raise typer.Exit(check_command(Asked(database, name or tenant, as_json)))


@eligibility_app.command("waive")
def eligibility_waive(
    rule: Rule,
    until: Annotated[
        str, typer.Option("--until", metavar="INSTANT", help="When it ends, ISO 8601: 2026-12-31.")
    ],
    reason: Reason = "",
    tenant: OfTenant = "",
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Let the tenant buy although this rule fails, until an instant."""
    from talktime.doors.cli.eligibility import waive_command

    raise typer.Exit(waive_command(Asked(database, tenant, as_json), rule, until, reason))


@eligibility_app.command("end")
def eligibility_end(
    rule: Rule, tenant: OfTenant = "", database: Database = None, as_json: Json = False
) -> None:
    """End an exception before its time."""
    from talktime.doors.cli.eligibility import end_waiver_command

    raise typer.Exit(end_waiver_command(Asked(database, tenant, as_json), rule))


# --- notices ---------------------------------------------------------------------------------------------


@notice_app.command("list")
def notice_list(
    tenant: OfTenant = "", limit: Limit = 50, database: Database = None, as_json: Json = False
) -> None:
    """List what people were told and will be, newest first."""
    from talktime.doors.cli.notices import list_notices_command

    raise typer.Exit(list_notices_command(Asked(database, tenant, as_json), limit))


@notice_app.command("show")
def notice_show(
    notice: NoticeId, tenant: OfTenant = "", database: Database = None, as_json: Json = False
) -> None:
    """Show to whom a notice went and how far it got, and the mail as it reads."""
    from talktime.doors.cli.notices import show_notice_command

    raise typer.Exit(show_notice_command(Asked(database, tenant, as_json), notice))


@notice_app.command("replay")
def notice_replay(
    notice: NoticeId, tenant: OfTenant = "", database: Database = None, as_json: Json = False
) -> None:
    """Have a notice sent again, by the server, to everybody who got it or should have."""
    from talktime.doors.cli.notices import replay_command

    raise typer.Exit(replay_command(Asked(database, tenant, as_json), notice))


@notice_app.command("test-mail")
def notice_test_mail(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="To whom.")], as_json: Json = False
) -> None:
    """Send one mail by the mail server of TALKTIME_SMTP, to see whether it arrives. Needs no ledger."""
    from talktime.doors.cli.notices import test_mail_command

    raise typer.Exit(test_mail_command(address, as_json=as_json))


@notice_app.command("webhooks")
def notice_webhooks(tenant: OfTenant = "", database: Database = None, as_json: Json = False) -> None:
    """List the webhooks, without their secrets."""
    from talktime.doors.cli.notices import webhooks_command

    raise typer.Exit(webhooks_command(Asked(database, tenant, as_json)))


# --- tickets ---------------------------------------------------------------------------------------------


@ticket_app.command("open")
def ticket_open(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What happened, in your words.")] = "",
    rule: Annotated[
        str, typer.Option("--rule", metavar="RULE", help="The rule of eligibility that it is about.")
    ] = "",
    subject: Annotated[
        str, typer.Option("--subject", metavar="S", help="In a few words; without it that of the rule.")
    ] = "",
    tenant: OfTenant = "",
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Open a ticket; it carries what the tenant is told of its eligibility now."""
    from talktime.doors.cli.tickets import open_ticket_command

    raise typer.Exit(open_ticket_command(Asked(database, tenant, as_json), rule, subject, text))


@ticket_app.command("list")
def ticket_list(tenant: OfTenant = "", database: Database = None, as_json: Json = False) -> None:
    """List the tickets, closed ones too."""
    from talktime.doors.cli.tickets import list_tickets_command

    raise typer.Exit(list_tickets_command(Asked(database, tenant, as_json)))


@ticket_app.command("show")
def ticket_show(
    ticket: TicketId, tenant: OfTenant = "", database: Database = None, as_json: Json = False
) -> None:
    """Show a ticket with its comments."""
    from talktime.doors.cli.tickets import show_ticket_command

    raise typer.Exit(show_ticket_command(Asked(database, tenant, as_json), ticket))


@ticket_app.command("comment")
def ticket_comment(
    ticket: TicketId,
    text: Annotated[str, typer.Argument(metavar="TEXT")],
    tenant: OfTenant = "",
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Say something on an open ticket."""
    from talktime.doors.cli.tickets import comment_command

    raise typer.Exit(comment_command(Asked(database, tenant, as_json), ticket, text))


@ticket_app.command("close")
def ticket_close(
    ticket: TicketId,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="A last comment.")] = "",
    tenant: OfTenant = "",
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Close a ticket, with a last comment or without."""
    from talktime.doors.cli.tickets import close_ticket_command

    raise typer.Exit(close_ticket_command(Asked(database, tenant, as_json), ticket, text))
