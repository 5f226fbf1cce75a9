"""Looks for bytes that make the Diameter door stumble: `python tools/fuzz_diameter.py --seconds 60`.

atheris (libFuzzer) watches which lines a message reaches, and changes messages until one leads to an
exception, to an answer that is none, or to a link that forgets itself. It begins with messages that it builds
itself; `--corpus` keeps those that reached something new, `--findings` says where one that stumbles is kept.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
MAX_BYTES: Final = 4_096
MEMORY_MB: Final = 1_024

STREAM, CREDIT, HELLO, PIECES = range(4)
"""What the first byte says of the rest: a stream on an open link, the body of a credit request, the body of a
hello, or a stream in pieces."""


def main() -> int:
    """Returns 2 where atheris is missing, else what libFuzzer returns: 0 if it found nothing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument(
        "--corpus", type=Path, help="a folder to begin from, and to keep what reached new lines in"
    )
    parser.add_argument("--findings", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("inputs", type=Path, nargs="*", help="run these inputs and nothing else")
    asked = parser.parse_args()
    sys.path[:0] = [str(ROOT), str(ROOT / "src")]
    try:
        atheris: Any = importlib.import_module("atheris")
    except ModuleNotFoundError:
        print(
            "there is no atheris here: install it (pip install atheris) and run this again", file=sys.stderr
        )
        return 2
    with tempfile.TemporaryDirectory(prefix="fuzz-diameter-") as folder:
        # libFuzzer ends the process that it runs in; this one has to clear up.
        child = os.fork()
        if child == 0:
            fuzz(atheris, asked, Path(folder))
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def fuzz(atheris: Any, asked: argparse.Namespace, begin: Path) -> None:
    """Fuzzes from the seeds, which it writes into the folder `begin`; does not return."""
    with atheris.instrument_imports(include=["talktime.doors.diameter"]):
        door = load()
    for name, data in seeds(door).items():
        (begin / name).write_bytes(data)
    what = [str(each) for each in asked.inputs or [*filter(None, [asked.corpus]), begin]]
    limits = {
        "max_total_time": asked.seconds,
        "max_len": MAX_BYTES,
        "rss_limit_mb": MEMORY_MB,
        "artifact_prefix": f"{asked.findings}/diameter-",
    }
    arguments = [sys.argv[0], *[f"-{name}={value}" for name, value in limits.items()], *what]
    atheris.Setup(arguments, lambda data: one_input(door, data))
    atheris.Fuzz()


def load() -> SimpleNamespace:
    """The modules under test, imported here so that atheris can watch which of their lines run."""
    names = ("avps", "codes", "dictionary", "events", "message", "own", "peer")
    modules = {name: importlib.import_module(f"talktime.doors.diameter.wire.{name}") for name in names}
    request = importlib.import_module("talktime.doors.diameter.request")
    answers = importlib.import_module("talktime.doors.diameter.answers")
    us = modules["own"].Own("ocs.example", "example", "Talktime", ("192.0.2.10",), 1)
    return SimpleNamespace(us=us, writer=answers.Writer(us.host, us.realm), request=request, **modules)


def one_input(door: SimpleNamespace, data: bytes) -> bytes:
    """Runs one input and returns all that was said; whatever is raised is a finding."""
    if not data:
        return b""
    mode, rest = data[0] % 4, data[1:]
    if mode == HELLO:
        return listen(door, [door.message.request(257, 0, 1, 1, padded(rest), flags=0x80)])
    if mode == CREDIT:
        return listen(door, [hello(door), door.message.request(272, 4, 1, 1, padded(rest))])
    if mode == STREAM:
        return listen(door, [hello(door) + rest])
    step = data[0] // 4 + 1
    return listen(door, [hello(door), *[rest[at : at + step] for at in range(0, len(rest), step)]])


def padded(body: bytes) -> bytes:
    """A body that a frame can hold."""
    return body + bytes(-len(body) % 4)


def listen(door: SimpleNamespace, chunks: list[bytes]) -> bytes:
    """A link hears chunks; each request that arrives is read and answered as in the door; time passes."""
    link = door.peer.PeerLink(door.us, lambda _: door.codes.Result.SUCCESS, 0.0, jitter=lambda: 0.0)
    events = [event for chunk in chunks for event in link.receive(chunk, 1.0)]
    for event in events:
        if isinstance(event, door.events.Arrived):
            link.say(reply(door, event.message))
    is_closed = link.state is door.events.LinkState.CLOSED
    assert is_closed == any(isinstance(event, door.events.Closed) for event in events)
    said = link.take()
    link.tick(2_000.0)
    check(door, said + link.take())
    return bytes(said)


def reply(door: SimpleNamespace, message: Any) -> bytes:
    """What the door says to a request: that it could be read, or what is wrong with it."""
    try:
        asked = door.request.read_request(message)
        door.request.who_asks(asked)
        door.dictionary.show(asked.avps)
    except door.avps.BadAvp as bad:
        return bytes(door.writer.unreadable(message, message.readable(), bad))
    return bytes(door.writer.credit(message, asked, door.codes.Result.SUCCESS))


def check(door: SimpleNamespace, out: bytes) -> None:
    """All that leaves is whole messages whose AVPs can be read."""
    while out:
        length = int.from_bytes(out[1:4], "big")
        door.message.read_message(out[:length]).avps()
        out = out[length:]


def hello(door: SimpleNamespace) -> bytes:
    """A Capabilities-Exchange-Request."""
    return bytes(door.message.request(257, 0, 1, 1, hello_body(door), flags=0x80))


def hello_body(door: SimpleNamespace) -> bytes:
    """What a peer says of itself."""
    write, code = door.avps, door.codes.Avp
    application = write.avp_u32(code.AUTH_APPLICATION_ID, 4)
    return b"".join(
        (
            origin(door),
            write.avp_address(code.HOST_IP_ADDRESS, "192.0.2.1"),
            write.avp_u32(code.VENDOR_ID, 10415),
            write.avp_text(code.PRODUCT_NAME, "Switch"),
            write.avp_group(
                code.VENDOR_SPECIFIC_APPLICATION_ID, write.avp_u32(code.VENDOR_ID, 10415), application
            ),
            write.avp_u32(code.INBAND_SECURITY_ID, 0),
        )
    )


def origin(door: SimpleNamespace) -> bytes:
    """Who sends a message."""
    write, code = door.avps, door.codes.Avp
    return bytes(
        write.avp_text(code.ORIGIN_HOST, "switch.example") + write.avp_text(code.ORIGIN_REALM, "example")
    )


def credit_body(door: SimpleNamespace, kind: int, *more: bytes) -> bytes:
    """A credit-control request of a call."""
    write, code, vendor = door.avps, door.codes.Avp, door.codes.VENDOR_3GPP
    subscription = write.avp_group(
        code.SUBSCRIPTION_ID,
        write.avp_u32(code.SUBSCRIPTION_ID_TYPE, 0),
        write.avp_text(code.SUBSCRIPTION_ID_DATA, "14165550000"),
    )
    ims = write.avp_group(
        code.IMS_INFORMATION,
        write.avp_u32(code.ROLE_OF_NODE, 0, vendor),
        write.avp_text(code.CALLING_PARTY_ADDRESS, "tel:+14165550000", vendor),
        write.avp_text(code.CALLED_PARTY_ADDRESS, "sip:14165551234@example", vendor),
        vendor=vendor,
    )
    service = write.avp_group(
        code.MULTIPLE_SERVICES_CREDIT_CONTROL,
        write.avp_group(code.REQUESTED_SERVICE_UNIT, write.avp_u32(code.CC_TIME, 30)),
        write.avp_group(code.USED_SERVICE_UNIT, write.avp_u32(code.CC_TIME, 28)),
        write.avp_u32(code.RATING_GROUP, 100),
    )
    return b"".join(
        (
            write.avp_text(code.SESSION_ID, "switch.example;1;1"),
            origin(door),
            write.avp_text(code.DESTINATION_REALM, "example"),
            write.avp_text(code.SERVICE_CONTEXT_ID, "32260@3gpp.org"),
            write.avp_u32(code.CC_REQUEST_TYPE, kind),
            write.avp_u32(code.CC_REQUEST_NUMBER, kind - 1),
            write.avp_u32(code.EVENT_TIMESTAMP, 0xEE000000),
            subscription,
            write.avp_group(code.SERVICE_INFORMATION, subscription, ims, vendor=vendor),
            service,
            *more,
        )
    )


def seeds(door: SimpleNamespace) -> dict[str, bytes]:
    """Inputs to begin from, by name."""
    write, code, request = door.avps, door.codes.Avp, door.message.request
    bodies = {f"credit-{kind}": credit_body(door, kind) for kind in (1, 2, 3)}
    bodies["credit-4"] = credit_body(door, 4, write.avp_u32(code.REQUESTED_ACTION, 0))
    stream = b"".join(
        (
            request(280, 0, 7, 7, origin(door), flags=0x80),
            request(272, 4, 8, 8, bodies["credit-1"]),
            request(999, 0, 9, 9, origin(door)),
            request(282, 0, 10, 10, origin(door), write.avp_u32(code.DISCONNECT_CAUSE, 0), flags=0x80),
        )
    )
    return {
        **{name: bytes([CREDIT]) + body for name, body in bodies.items()},
        "hello": bytes([HELLO]) + hello_body(door),
        "stream": bytes([STREAM]) + stream,
        "pieces": bytes([PIECES + 4 * 6]) + stream,
    }


if __name__ == "__main__":
    sys.exit(main())
