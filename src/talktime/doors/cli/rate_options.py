"""The options of `talktime rate`, each with its help: what the command's signature names."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Engine(StrEnum):
    """Who charges files."""

    LOCAL = "local"
    SPARK = "spark"


Usage = Annotated[list[str], typer.Argument(metavar="USAGE", help="Usage files, folders or globs.")]
TenantFile = Annotated[
    Path | None,
    typer.Option(
        "--tenant",
        metavar="TENANT.toml",
        help="Who may spend, plans, licences, purchases; of many tenants a folder or JSON lines.",
    ),
]
Balance = Annotated[
    str | None,
    typer.Option(metavar="AMOUNT", help="Credits at the first call; without it the run asks what it costs."),
]
RechargeAdd = Annotated[str | None, typer.Option(metavar="AMOUNT", help="Auto-recharge: buy this amount ...")]
RechargeBelow = Annotated[
    str | None, typer.Option(metavar="AMOUNT", help="... when the balance is below this one.")
]
TreatAs = Annotated[
    str | None, typer.Option(metavar="NAME", help="Rate the own operator's calls as others: calling_plan.")
]
Currency = Annotated[
    str | None,
    typer.Option(metavar="CODE", help="Use only rows of this currency where a file mixes several."),
]
ColumnMap = Annotated[
    Path | None, typer.Option("--map", metavar="MAP.toml", help="Column map for a generic CDR file.")
]
Column = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="NAME=HEADER", help="One entry of a column map; may be repeated."),
]
Preset = Annotated[
    str | None, typer.Option(metavar="NAME", help="A known CDR layout: freeswitch or asterisk.")
]
Out = Annotated[
    Path | None, typer.Option(metavar="REPORT", help="Write the calls to .xlsx, .csv or .parquet.")
]
Work = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Many tenants: keep what is done here, and go on from it."),
]
EngineChosen = Annotated[
    Engine,
    typer.Option("--engine", help="Where calls are charged: on this machine, or on Spark for larger files."),
]
Master = Annotated[
    str | None, typer.Option(metavar="URL", help="The master of Spark: local[2], spark://HOST:PORT ...")
]
