"""`talktime credits` and `recharge`: the commands with their options.

Each imports what it needs when it runs, as in `main`.
"""

from typing import Annotated, Final

import typer

from talktime.doors.cli.options import (
    SIGNED,
    Asked,
    Csv,
    Database,
    Json,
    Key,
    Limit,
    OfTenant,
    Pdf,
    Reason,
    group,
)

credits_app: Final = group("Credits: what is there, buying, refunds, papers.")
method_app: Final = group("Cards that pay: add, list, default, remove.")
recharge_app: Final = group("Auto-recharge: the rule, how it stands and why.")
credits_app.add_typer(method_app, name="method")

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="One paper; without it the list.")]
MonthOf = Annotated[str, typer.Argument(metavar="YYYY-MM", help="A month of the tenant's calendar.")]
CardId = Annotated[str, typer.Argument(metavar="ID", help="As `credits method list` shows it.")]
ApprovalId = Annotated[str, typer.Argument(metavar="ID", help="As `credits approvals` shows it.")]


# --- what is there ---------------------------------------------------------------------------------------


@credits_app.command("show")
def credits_show(tenant: OfTenant = "", database: Database = None, as_json: Json = False) -> None:
    """Show balance, reserved, available, how calls are funded, and how long it lasts."""
    from talktime.doors.cli.credits import show_credits_command

    raise typer.Exit(show_credits_command(Asked(database, tenant, as_json)))


@credits_app.command("lots")
def credits_lots(
    tenant: OfTenant = "", limit: Limit = 100, database: Database = None, as_json: Json = False
) -> None:
    """List what was bought, newest first, with what is left and when it expires."""
    from talktime.doors.cli.credits import lots_command

    raise typer.Exit(lots_command(Asked(database, tenant, as_json), limit))


@credits_app.command("movements")
def credits_movements(
    tenant: OfTenant = "", limit: Limit = 50, database: Database = None, as_json: Json = False
) -> None:
    """List the entries of the journal, newest first."""
    from talktime.doors.cli.credits import movements_command

    raise typer.Exit(movements_command(Asked(database, tenant, as_json), limit))


@credits_app.command("needed")
def credits_needed(tenant: OfTenant = "", database: Database = None, as_json: Json = False) -> None:
    """Say whether the tenant needs credits at all, and what for."""
    from talktime.doors.cli.credits import needed_command

    raise typer.Exit(needed_command(Asked(database, tenant, as_json)))


# --- buying and paying back ------------------------------------------------------------------------------


@credits_app.command("buy", context_settings=SIGNED)
def credits_buy(
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="In the tenant's currency: 200.")],
    method: Annotated[
        str, typer.Option("--method", metavar="ID", help="The card; without it the default one.")
    ] = "",
    purchase_order: Annotated[
        str, typer.Option("--purchase-order", metavar="PO", help="Stands on the receipt.")
    ] = "",
    key: Key = "",
    tenant: OfTenant = "",
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Buy credits with a card. Says the receipt, the link to confirm, or why the bank declined."""
    from talktime.doors.cli.purchases import Wanted, buy_command

    wanted = Wanted(amount, method=method, purchase_order=purchase_order, key=key)
    raise typer.Exit(buy_command(Asked(database, tenant, as_json), wanted))


@credits_app.command("refund", context_settings=SIGNED)
def credits_refund(
    payment: Annotated[str, typer.Argument(metavar="PAYMENT", help="As `credits payments` shows it.")],
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="Up to what is left of its lot.")],
    reason: Reason = "",
    key: Key = "",
    tenant: OfTenant = "",
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Pay back a payment or a part of it; a credit note says why."""
    from talktime.doors.cli.purchases import Wanted, refund_command

    wanted = Wanted(amount, payment=payment, reason=reason, key=key)
    raise typer.Exit(refund_command(Asked(database, tenant, as_json), wanted))


@credits_app.command("resolve")
def credits_resolve(
    payment: Annotated[str, typer.Argument(metavar="PAYMENT", help="One that is unknown.")],
    taken: Annotated[
        str, typer.Option("--taken", metavar="ID", help="The gateway took it, under this id of its own.")
    ] = "",
    reason: Reason = "",
    tenant: OfTenant = "",
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Say what became of a payment of which nobody knows; without --taken: nothing was taken."""
    from talktime.doors.cli.purchases import Wanted, resolve_command

    wanted = Wanted("", payment=payment, reason=reason, key=taken)
    raise typer.Exit(resolve_command(Asked(database, tenant, as_json), wanted))


@credits_app.command("payments")
def credits_payments(
    payment: Annotated[
        str, typer.Argument(metavar="PAYMENT", help="One, with what happened to it; without it the list.")
    ] = "",
    tenant: OfTenant = "",
    limit: Limit = 50,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """List payments and refunds, newest first, or show one with its log."""
    from talktime.doors.cli.purchases import payment_command, payments_command

    asked = Asked(database, tenant, as_json)
    raise typer.Exit(payment_command(asked, payment) if payment else payments_command(asked, limit))


@method_app.command("add")
def method_add(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="What the gateway's form gave; of the sandbox a test card: tok_visa."
        ),
    ],
    gateway: Annotated[
        str, typer.Option("--gateway", metavar="G", help="Who keeps it; without it the first one.")
    ] = "",
    tenant: OfTenant = "",
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Have a gateway keep a card; the first one becomes the default."""
    from talktime.doors.cli.cards import add_card_command

    raise typer.Exit(add_card_command(Asked(database, tenant, as_json), source, gateway))


@method_app.command("list")
def method_list(tenant: OfTenant = "", database: Database = None, as_json: Json = False) -> None:
    """List the cards."""
    from talktime.doors.cli.cards import list_cards_command

    raise typer.Exit(list_cards_command(Asked(database, tenant, as_json)))


@method_app.command("default")
def method_default(
    card: CardId, tenant: OfTenant = "", database: Database = None, as_json: Json = False
) -> None:
    """Make a card the one that pays where none is named."""
    from talktime.doors.cli.cards import default_card_command

    raise typer.Exit(default_card_command(Asked(database, tenant, as_json), card))


@method_app.command("remove")
def method_remove(
    card: CardId, tenant: OfTenant = "", database: Database = None, as_json: Json = False
) -> None:
    """Remove a card; not the one that auto-recharge, while it is on, pays with."""
    from talktime.doors.cli.cards import remove_card_command

    raise typer.Exit(remove_card_command(Asked(database, tenant, as_json), card))


# --- by hand ---------------------------------------------------------------------------------------------


@credits_app.command("adjust", context_settings=SIGNED)
def credits_adjust(
    amount: Annotated[
        str, typer.Argument(metavar="AMOUNT", help="Above 0 gives credits, below 0 takes them back.")
    ],
    reason: Reason = "",
    reference: Annotated[
        str,
        typer.Option("--reference", metavar="WORD", help="Names it: the same word changes nothing again."),
    ] = "",
    tenant: OfTenant = "",
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Give credits or take them back. Above the limit a second person has to approve."""
    from talktime.doors.cli.adjustments import adjust_command

    raise typer.Exit(adjust_command(Asked(database, tenant, as_json), amount, reason, reference))


@credits_app.command("approvals")
def credits_approvals(tenant: OfTenant = "", database: Database = None, as_json: Json = False) -> None:
    """List adjustments that wait for a second person, and those that one decided."""
    from talktime.doors.cli.adjustments import approvals_command

    raise typer.Exit(approvals_command(Asked(database, tenant, as_json)))


@credits_app.command("approve")
def credits_approve(
    approval: ApprovalId, tenant: OfTenant = "", database: Database = None, as_json: Json = False
) -> None:
    """Book an adjustment that somebody else asked for."""
    from talktime.doors.cli.adjustments import approve_command

    raise typer.Exit(approve_command(Asked(database, tenant, as_json), approval))


@credits_app.command("decline")
def credits_decline(
    approval: ApprovalId,
    reason: Reason = "",
    tenant: OfTenant = "",
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Refuse an adjustment, or withdraw one's own."""
    from talktime.doors.cli.adjustments import decline_command

    raise typer.Exit(decline_command(Asked(database, tenant, as_json), approval, reason))


# --- papers and months -----------------------------------------------------------------------------------


@credits_app.command("receipts")
def credits_receipts(
    number: Number = "",
    pdf: Pdf = None,
    tenant: OfTenant = "",
    limit: Limit = 50,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """List receipts and credit notes, newest first, or show one, or write it as PDF."""
    from talktime.doors.cli.billing import receipt_command, receipts_command

    asked = Asked(database, tenant, as_json)
    code = receipt_command(asked, number, pdf) if number else receipts_command(asked, limit, pdf)
    raise typer.Exit(code)


@credits_app.command("invoices")
def credits_invoices(
    number: Number = "",
    pdf: Pdf = None,
    csv: Csv = None,
    tenant: OfTenant = "",
    database: Database = None,
    as_json: Json = False,
) -> None:
    """List monthly invoices, newest first, or show one, or write it as PDF or CSV."""
    from talktime.doors.cli.billing import invoice_command, invoices_command

    asked = Asked(database, tenant, as_json)
    raise typer.Exit(
        invoice_command(asked, number, pdf, csv) if number else invoices_command(asked, pdf, csv)
    )


@credits_app.command("close")
def credits_close(
    month: MonthOf, tenant: OfTenant = "", database: Database = None, as_json: Json = False
) -> None:
    """Close a month and issue its invoice; a month is closed once, and asking again changes nothing."""
    from talktime.doors.cli.billing import close_command

    raise typer.Exit(close_command(Asked(database, tenant, as_json), month))


@credits_app.command("journal")
def credits_journal(
    month: MonthOf,
    csv: Csv = None,
    tenant: OfTenant = "",
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Show the accounts of a month for bookkeeping: opening, debits, credits, closing."""
    from talktime.doors.cli.billing import journal_command

    raise typer.Exit(journal_command(Asked(database, tenant, as_json), month, csv))


@credits_app.command("post-usage")
def credits_post_usage(
    turn: Annotated[
        bool | None, typer.Option("--on/--off", help="Switch it on or off on the MCA account.")
    ] = None,
    tenant: OfTenant = "",
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Show what stands against post-usage billing, and when the credits would be spent: a dry run."""
    from talktime.doors.cli.post_usage import post_usage_command

    raise typer.Exit(post_usage_command(Asked(database, tenant, as_json), turn))


# --- auto-recharge ---------------------------------------------------------------------------------------


@recharge_app.command("show")
def recharge_show(tenant: OfTenant = "", database: Database = None, as_json: Json = False) -> None:
    """Show the rule and how it stands: on, off, or on but paused and why."""
    from talktime.doors.cli.recharge import show_recharge_command

    raise typer.Exit(show_recharge_command(Asked(database, tenant, as_json)))


@recharge_app.command("set")
def recharge_set(  # noqa: PLR0913, PLR0917 - a command has as many arguments as options
    below: Annotated[
        str, typer.Option("--below", metavar="AMOUNT", help="It pays once less than this is available.")
    ] = "",
    add: Annotated[
        str, typer.Option("--add", metavar="AMOUNT", help="It pays multiples of this; in place of --target.")
    ] = "",
    target: Annotated[
        str, typer.Option("--target", metavar="AMOUNT", help="It fills up to this; in place of --add.")
    ] = "",
    least: Annotated[str, typer.Option("--least", metavar="AMOUNT", help="One payment is at least.")] = "",
    most: Annotated[str, typer.Option("--most", metavar="AMOUNT", help="One payment is at most.")] = "",
    cap_per_month: Annotated[
        str, typer.Option("--cap-per-month", metavar="AMOUNT", help="All of a month; `none` for no cap.")
    ] = "",
    payments_a_day: Annotated[
        int | None, typer.Option("--payments-a-day", metavar="N", help="In 24 hours; 0 for any number.")
    ] = None,
    cool_down: Annotated[
        int | None, typer.Option("--cool-down", metavar="SECONDS", help="Between two payments.")
    ] = None,
    method: Annotated[
        str | None, typer.Option("--method", metavar="ID", help='The card; "" for the default one.')
    ] = None,
    tenant: OfTenant = "",
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Switch auto-recharge on with these figures; what is not said stays as it was."""
    from talktime.doors.cli.recharge import set_recharge_command

    told = {
        "below": below,
        "add": add,
        "target": target,
        "least": least,
        "most": most,
        "cap_per_month": cap_per_month,
        "payments_a_day": payments_a_day,
        "cool_down_s": cool_down,
        "method": method,
    }
    raise typer.Exit(set_recharge_command(Asked(database, tenant, as_json), told))


@recharge_app.command("off")
def recharge_off(tenant: OfTenant = "", database: Database = None, as_json: Json = False) -> None:
    """Switch auto-recharge off; the figures are kept. What was sent to the bank already still counts."""
    from talktime.doors.cli.recharge import recharge_off_command

    raise typer.Exit(recharge_off_command(Asked(database, tenant, as_json)))


@recharge_app.command("retry")
def recharge_retry(tenant: OfTenant = "", database: Database = None, as_json: Json = False) -> None:
    """End a pause, or have a payment that waits tried at once."""
    from talktime.doors.cli.recharge import retry_command

    raise typer.Exit(retry_command(Asked(database, tenant, as_json)))


@recharge_app.command("timeline")
def recharge_timeline(
    tenant: OfTenant = "", limit: Limit = 50, database: Database = None, as_json: Json = False
) -> None:
    """Show when and why the rule paid or did not, newest first."""
    from talktime.doors.cli.recharge import timeline_command

    raise typer.Exit(timeline_command(Asked(database, tenant, as_json), limit))
