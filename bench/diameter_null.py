"""The least that a server of this kind can do: read a credit-control request, grant what it always grants.

Run `PYTHONPATH=src:. .venv/bin/python bench/diameter_null.py [--port 3868]`, then `bench/diameter_load.py`.
What `talktime serve --diameter` takes is told as a ratio to this.

It does: the same event loop, one `PeerLink` a connection (frames, hello, watchdog), `read_request` of every
request, a whole Credit-Control-Answer by the same writer, and one write for all that is said in a turn.
It does not: look at who asks (any peer may), from which realm, by which rule; remember sessions, put an
operation together, hand it to an engine, charge, write to a disk, wait for it.
"""

import argparse
import asyncio
import gc
from collections.abc import Callable
from typing import Final, cast

import uvloop

from bench.diameter_messages import ASKED_S, HOST, REALM, VOICE_GROUP, VOICE_SERVICE
from talktime.doors.diameter.answers import Granted, Writer, service_answer, units
from talktime.doors.diameter.request import TERMINATION, Service, read_request
from talktime.doors.diameter.wire.codes import Result
from talktime.doors.diameter.wire.events import Arrived, LinkState
from talktime.doors.diameter.wire.own import Hello, Own
from talktime.doors.diameter.wire.peer import PeerLink

OWN: Final = Own(HOST, REALM, "null", ("127.0.0.1",), 1)
VOICE: Final = Service(VOICE_GROUP, VOICE_SERVICE, asks=True, requested_s=ASKED_S, used_s=0)


def anybody(hello: Hello) -> Result:
    """Every peer is let in."""
    del hello
    return Result.SUCCESS


class Null(asyncio.Protocol):
    """One connection."""

    transport: asyncio.Transport

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.granted = service_answer(VOICE, Result.SUCCESS, units(Granted(ASKED_S, ASKED_S)))
        self.over = service_answer(VOICE, Result.SUCCESS)
        self.clock_s: Callable[[], float] = asyncio.get_running_loop().time
        self.link = PeerLink(OWN, anybody, self.clock_s(), jitter=lambda: 0.0)
        self.leaves = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As `asyncio.Protocol`."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """As `asyncio.Protocol`."""
        for event in self.link.receive(data, self.clock_s()):
            if isinstance(event, Arrived):
                request = read_request(event.message)
                told = self.over if request.kind == TERMINATION else self.granted
                self.link.say(self.writer.credit(event.message, request, Result.SUCCESS, told))
        if not self.leaves:
            self.leaves = True
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """What was said in this turn leaves as one write."""
        self.leaves = False
        self.transport.write(self.link.take())
        if self.link.state is LinkState.CLOSED:
            self.transport.close()


async def serve(host: str, port: int) -> None:
    """Answers until it is told to stop."""
    writer = Writer(HOST, REALM)
    server = await asyncio.get_running_loop().create_server(lambda: Null(writer), host, port)
    gc.collect()
    gc.freeze()
    await server.serve_forever()


def main() -> None:
    """Serves until it is told to stop."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=3868)
    asked = parser.parse_args()
    uvloop.run(serve(asked.host, asked.port))


if __name__ == "__main__":
    main()
