"""Options that many commands share, what they come to, and how a group of commands is made."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Database = Annotated[
    str | None,
    typer.Option("--database", metavar="URL", help="sqlite:///FILE or postgresql://..."),
]
OfTenant = Annotated[
    str,
    typer.Option("--tenant", metavar="T", help="Whose; without it the only tenant of the ledger."),
]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, max=1_000, help="So many, the newest.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept.")]
Key = Annotated[
    str,
    typer.Option(
        "--key",
        metavar="WORD",
        help="Names this request: the same word again moves no money twice. Without it each call is new.",
    ),
]
Pdf = Annotated[Path | None, typer.Option("--pdf", metavar="FILE", help="Write it as PDF.")]
Csv = Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write it as CSV.")]

SIGNED = {"ignore_unknown_options": True}
"""Settings of a command whose amounts may be below 0: -5 is then no option."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command was given beside its own words: database, tenant ("": the only one), form."""

    database: str | None
    tenant: str
    as_json: bool = False


def group(text: str) -> typer.Typer:
    """A group of commands; alone it shows its help."""
    return typer.Typer(help=text, no_args_is_help=True, rich_markup_mode=None)
