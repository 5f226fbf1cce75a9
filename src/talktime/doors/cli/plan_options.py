"""The options of `talktime plan` that `rate` does not have, each with its help."""

from pathlib import Path
from typing import Annotated

import typer

from talktime.core.forecast import MOST_MONTHS_AHEAD

TenantFile = Annotated[
    Path | None,
    typer.Option(
        "--tenant",
        metavar="TENANT.toml",
        help="Plans, licences, purchases of now; without it users are those of the usage.",
    ),
]
Scenarios = Annotated[
    list[Path] | None,
    typer.Option("--scenario", metavar="FILE", help="What to try beside today's settings; may be repeated."),
]
Prices = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="What licences cost a month; without it the shipped sample prices."),
]
Confidence = Annotated[
    str, typer.Option(metavar="PERCENT", help="How sure amounts are to be enough: 80, 90, 95, 99 or 99.9.")
]
LeadHours = Annotated[
    int, typer.Option(min=1, max=720, metavar="HOURS", help="How long a recharge may take to arrive.")
]
Payments = Annotated[
    int, typer.Option("--payments-a-month", min=1, max=31, metavar="N", help="Recharges a month at most.")
]
MonthsAhead = Annotated[
    int,
    typer.Option(
        min=1,
        max=MOST_MONTHS_AHEAD,
        metavar="N",
        help="How far forecast and amounts look ahead, in months.",
    ),
]
Balance = Annotated[
    str | None,
    typer.Option(metavar="AMOUNT", help="Credits of today; without it what the tenant's purchases leave."),
]
Out = Annotated[
    Path | None, typer.Option(metavar="FILE.xlsx", help="Write the whole answer as an Excel workbook.")
]
Best = Annotated[
    Path | None,
    typer.Option(metavar="FILE.toml", help="Write the best plans that were found as a scenario file."),
]
NoPlans = Annotated[bool, typer.Option("--no-plans", help="Do not look for better plans: quicker.")]
