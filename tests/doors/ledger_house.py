"""Tenants for tests of the commands on the ledger: one that may buy credits, one under MCA.

Lots were bought a month ago, since the ledger's clock is the real one.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.doors.made_files import licence, purchase, toml, user
from tests.doors.terminal import Terminal

ANA: Final = "ana@contoso.example"
BEN: Final = "ben@contoso.example"

VISA: Final = "4242 4242 4242 4242"
DECLINED: Final = "4000000000000341"
"""A test card that can be kept and is declined whenever it is asked."""

CONFIRMED: Final = "tok_authenticationRequired"
"""A test card whose holder has to confirm each payment."""

BOUGHT: Final = datetime.now(UTC).replace(microsecond=0) - timedelta(days=30)
ADMINISTRATOR: Final = f'[[administrators]]\nupn = "{ANA}"\nroles = ["global_administrator"]\n'

_BARE: Final = (
    toml()
    + 'name = "Contoso Ltd"\ntime_zone = "America/New_York"\n'
    + licence("MCOPSTN1", 4)
    + licence("MCOPSTNC", 4)
    + ADMINISTRATOR
    + user(ANA, "MCOPSTN1", "MCOPSTNC")
    + user(BEN, "MCOPSTN1")
)
_LOT: Final = purchase(BOUGHT.strftime("%Y-%m-%dT%H:%M:%SZ"), "50")

CONTOSO: Final = _BARE + _LOT
"""50 USD, nothing that stands against buying more."""

FABRIKAM_SPENT: Final = (
    _BARE.replace("contoso", "fabrikam").replace("Contoso", "Fabrikam")
    + '[[billing_accounts]]\nid = "direct"\nagreement = "MCA"\ncountry = "US"\n'
)
"""The same under a Microsoft Customer Agreement, without credits."""

FABRIKAM: Final = FABRIKAM_SPENT + _LOT
"""With 50 USD that are spent first."""


def house(terminal: Terminal, *tenants: str) -> Terminal:
    """A terminal with a ledger of these tenant files; without any that of Contoso."""
    for at, text in enumerate(tenants or (CONTOSO,)):
        terminal.write(f"tenant{at}.toml", text)
        answer = terminal.run("tenant", "add", f"tenant{at}.toml")
        assert answer.code == 0, answer.err
    return terminal


def json_of(terminal: Terminal, *words: str) -> dict[str, Any]:
    """What a command prints with --json."""
    return terminal.run(*words, "--json").json


def said(terminal: Terminal, *words: str) -> str:
    """What a command that does what it is told says to people, on one screen."""
    answer = terminal.run(*words)
    assert (answer.code, answer.err) == (0, ""), answer.err
    return answer.out


def squeezed(text: str) -> list[str]:
    """The lines with single blanks, so that a test does not depend on the width of columns."""
    return [" ".join(line.split()) for line in text.splitlines()]


def right(terminal: Terminal) -> None:
    """The ledger says what its journal says."""
    assert terminal.run("verify").code == 0
