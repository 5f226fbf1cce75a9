"""`talktime diameter`: the commands with their options.

Each imports what it needs when it runs, as in `main`.
"""

from pathlib import Path
from typing import Annotated, Final

import typer

from talktime.doors.cli.options import Database, Json, group

diameter_app: Final = group("Diameter Ro: check the settings, explain what a switch sends.")


@diameter_app.command("check")
def diameter_check(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="The settings; without it those of TALKTIME_DIAMETER."),
    ] = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Say how the settings are understood: who we are, peers, rules, and what is odd about them."""
    from talktime.doors.cli.diameter_check import check_command

    raise typer.Exit(check_command(file, database, as_json=as_json))


@diameter_app.command("explain")
def diameter_explain(
    capture: Annotated[
        str,
        typer.Argument(
            metavar="CAPTURE",
            help="A .pcap or .pcapng file, a file with hexadecimal digits, the digits themselves, or - .",
        ),
    ],
    settings: Annotated[
        Path | None,
        typer.Option("--settings", metavar="FILE", help="Instead of those of TALKTIME_DIAMETER."),
    ] = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Explain a capture: each message, whose call it is, what it comes to, what is odd."""
    from talktime.doors.cli.diameter_explain import explain_command

    raise typer.Exit(explain_command(capture, settings, database, as_json=as_json))
