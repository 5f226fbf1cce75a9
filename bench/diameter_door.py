"""The Diameter door without a ledger: all that `talktime serve --diameter` does for a request but charge it.

Run `PYTHONPATH=src:. .venv/bin/python bench/diameter_door.py --peers diameter.toml [--port 3868]`, then
`bench/diameter_load.py`. Between the null server and the whole service it tells what the door takes: peers,
identity, sessions, operations and answers are real; the desk behind them grants what it always grants, at
once, and keeps nothing.
"""

import argparse
import asyncio
import gc
import socket
from pathlib import Path
from typing import Any, Final, cast

import uvloop

from bench.diameter_messages import ASKED_S
from talktime.catalog.load import load_catalogue
from talktime.catalog.model import Catalogue
from talktime.doors.diameter.charging import Charging
from talktime.doors.diameter.door import Door
from talktime.doors.diameter.sessions import Sessions
from talktime.doors.diameter.settings import read_diameter
from talktime.live.answers import Allowed, Grant, Settled
from talktime.live.desk import Desk
from talktime.live.facts import Classifier
from talktime.live.operations import AnyOperation, FinishCall, Pace
from talktime.live.rates import RateBooks
from talktime.live.rules import Rules
from talktime.live.sessions import NO_FACTS

GRANT: Final = Grant(0, ASKED_S, 0, 0, 0, 0, 0)


class NullDesk:
    """Every call is let in and nothing is charged; answers come in a later turn of the loop, as they do."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.rules = Rules(Classifier(catalogue), RateBooks(), Pace())
        self._loop = asyncio.get_running_loop()

    def submit(self, operation: AnyOperation) -> asyncio.Future[object]:
        """As `Desk.submit`; the answer is there already."""
        answer: asyncio.Future[object] = self._loop.create_future()
        if isinstance(operation, FinishCall):
            answer.set_result(Settled(operation.call_id, 0, 0, 0, 0, "USD", (), 0, 0))
        else:
            answer.set_result(Allowed(cast("Any", operation).call_id, NO_FACTS, GRANT))
        return answer


def nobody(call_id: str, tenants: object) -> None:
    """No ledger knows a session."""
    del call_id, tenants


async def serve(peers: Path, host: str, port: int) -> None:
    """Answers until it is told to stop."""
    catalogue = load_catalogue()
    settings = read_diameter(peers, catalogue)
    charging = Charging(cast("Desk", NullDesk(catalogue)), settings, Sessions(), nobody, {})
    opened = socket.create_server((host, port), backlog=512)
    gc.collect()
    gc.freeze()
    await Door(settings, charging).serve(opened, None)


def main() -> None:
    """Serves until it is told to stop."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", type=Path, required=True, help="the settings of the door")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=3868)
    asked = parser.parse_args()
    uvloop.run(serve(asked.peers, asked.host, asked.port))


if __name__ == "__main__":
    main()
