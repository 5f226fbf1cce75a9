"""What the sandbox tells unasked: signed messages that wait in its file until somebody took them.

A message is signed when it is handed out, over the instant and the body, so an old copy is worth nothing:
`Sandbox-Signature: t=<seconds>,v1=<hex of HMAC-SHA256 over "<seconds>.<body>">`.
"""

import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from talktime.funding.gateway import BadSignature, EventKind, GatewayEvent
from talktime.funding.sandbox_faults import Fault, FaultKind, Operation, take_fault

SIGNATURE: Final = "Sandbox-Signature"
TOLERANCE_S: Final = 300
_SECOND_US: Final = 1_000_000

LADDER_US: Final = tuple(s * _SECOND_US for s in (5, 60, 600, 3_600, 21_600, 43_200, 86_400, 86_400))
"""How long the sandbox waits after each failed delivery; then it gives up, as real ones do after days."""


class Message(NamedTuple):
    """A message to deliver; two copies of one event have different numbers and one id in the body."""

    number: int
    body: bytes
    headers: Mapping[str, str]


def put_message(link: sqlite3.Connection, event: GatewayEvent, at_us: int, about: str = "") -> None:
    """Tell of an event, unless a fault of the script loses, doubles, delays or overtakes it.

    `about` is our id of the payment where the event itself does not say it.
    """
    payment = event.payment or about
    fault = take_fault(link, Operation.EVENT, payment, f"{payment}-{event.try_number}")
    kind = fault.kind if fault is not None else None
    state = "lost" if kind == FaultKind.EVENT_LOST else "waiting"
    body = msgspec.json.encode(event).decode()
    for _ in range(2 if kind == FaultKind.EVENT_TWICE else 1):
        last = link.execute("select coalesce(max(number), 0) from messages").fetchone()[0]
        link.execute(
            "insert into messages (number, event, body, rank, due_us, state) values (?, ?, ?, ?, ?, ?)",
            (last + 1, event.id, body, _rank(last + 1, kind), at_us + _wait_us(fault), state),
        )


def _rank(number: int, kind: FaultKind | None) -> int:
    """Two apart in their order; one that falls behind comes after the next."""
    return 2 * number + (3 if kind == FaultKind.EVENT_BEHIND else 0)


def _wait_us(fault: Fault | None) -> int:
    return fault.delay_us if fault is not None else 0


def new_event_id() -> str:
    """An id that no other event has, in this file or another."""
    return f"sbx_evt_{secrets.token_hex(12)}"


def due_messages(link: sqlite3.Connection, secret: str, now_us: int, limit: int) -> list[Message]:
    """What is due, in the order in which it goes out, signed now."""
    rows = link.execute(
        "select number, body from messages where state = 'waiting' and due_us <= ?"
        " order by rank, number limit ?",
        (now_us, limit),
    ).fetchall()
    return [
        Message(row["number"], row["body"].encode(), {SIGNATURE: sign(row["body"], secret, now_us)})
        for row in rows
    ]


def mark_delivered(link: sqlite3.Connection, number: int) -> None:
    """The receiver has it."""
    link.execute("update messages set state = 'delivered' where number = ?", (number,))


def mark_failed(link: sqlite3.Connection, number: int, now_us: int) -> None:
    """The receiver does not have it: again later, or given up at the end of the ladder."""
    tries = link.execute("select tries from messages where number = ?", (number,)).fetchone()["tries"]
    state = "waiting" if tries < len(LADDER_US) else "given_up"
    wait_us = LADDER_US[min(tries, len(LADDER_US) - 1)]
    link.execute(
        "update messages set tries = ?, due_us = ?, state = ? where number = ?",
        (tries + 1, now_us + wait_us, state, number),
    )


def sign(body: str, secret: str, at_us: int) -> str:
    """The value of the header for a body that goes out at `at_us`."""
    at_s = at_us // _SECOND_US  # whole seconds, rounded down
    return f"t={at_s},v1={_digest(body.encode(), secret, at_s)}"


def _digest(body: bytes, secret: str, at_s: int) -> str:
    return hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()


def read_message(body: bytes, headers: Mapping[str, str], secret: str, now_us: int) -> GatewayEvent | None:
    """A message's event; None for a kind that we do not know. Raises BadSignature."""
    given = next((value for name, value in headers.items() if name.lower() == SIGNATURE.lower()), "")
    parts = dict(part.split("=", 1) for part in given.split(",") if "=" in part)
    at, digest = parts.get("t", ""), parts.get("v1", "")
    if not (at.isascii() and at.isdigit() and len(at) < 16):
        raise BadSignature(f"The message has no header {SIGNATURE} of the form t=...,v1=....")
    if not hmac.compare_digest(_digest(body, secret, int(at)).encode(), digest.encode("utf-8", "replace")):
        raise BadSignature("The signature is not of this body and our secret.")
    if abs(now_us // _SECOND_US - int(at)) > TOLERANCE_S:
        raise BadSignature(f"The message was signed more than {TOLERANCE_S} seconds ago, or has yet to be.")
    try:
        if msgspec.json.decode(body, type=_Kind).kind not in set(EventKind):
            return None
        return msgspec.json.decode(body, type=GatewayEvent)
    except msgspec.DecodeError as error:
        raise BadSignature(f"The message is signed, but is no event: {error}") from None


class _Kind(msgspec.Struct):
    kind: str
