"""The least that a server of this kind can do: read a body, decode it, answer a grant of fixed size.

Run `.venv/bin/python bench/echo.py [--port 8099]`, then `bench/load.py --scenario echo` at it. What
`talktime serve` takes for a call is told as a ratio to this: the same server library, loop and codec, and no
charging.
"""

import argparse
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec
import uvicorn

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Start(msgspec.Struct, frozen=True):
    """The fields of a call's start."""

    tenant: str
    sequence: int
    call_type: str
    user: str
    caller: str
    callee: str
    requested_seconds: int | None = None


class Rate(msgspec.Struct, frozen=True):
    """The price of a grant, as it is told."""

    prefix: str
    price_per_minute: str
    connection_fee: str
    first_seconds: int
    step_seconds: int
    deck: str


class Reserved(msgspec.Struct, frozen=True):
    """What a grant holds back, as it is told."""

    pool_seconds: int
    credits: str


class Grant(msgspec.Struct, frozen=True):
    """The answer to a start: always this one."""

    call_id: str = "echo-000000-000000-000000"
    decision: str = "allow"
    granted_seconds: int = 600
    authorised_seconds: int = 600
    final: bool = False
    valid_until: str = "2026-03-01T00:10:00Z"
    category: str = "domestic"
    rate: Rate = Rate("1425", "0.0085", "0", 60, 60, "contoso")
    reserved: Reserved = Reserved(300, "0.0425")


DECODE = msgspec.json.Decoder(Start).decode
ENCODE = msgspec.json.Encoder().encode
GRANT = Grant()


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """Raw ASGI: any path, one body, one grant; 400 where the body is no start."""
    if scope["type"] != "http":
        raise RuntimeError(f"The echo answers HTTP only, not {scope['type']}.")
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    try:
        DECODE(body)
        status, answer = 200, ENCODE(GRANT)
    except msgspec.MsgspecError as wrong:
        status, answer = 400, ENCODE({"detail": str(wrong)})
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


def main() -> None:
    """Serves until it is told to stop."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8099)
    asked = parser.parse_args()
    uvicorn.run(
        app, host=asked.host, port=asked.port, loop="uvloop", http="httptools", lifespan="off",
        access_log=False, log_level="warning",
    )  # fmt: skip


if __name__ == "__main__":
    main()
