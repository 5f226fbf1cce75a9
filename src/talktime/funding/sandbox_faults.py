"""Faults on order: what goes wrong at the sandbox, for one payment or for the next calls.

A script stands in the sandbox's file, so another process can write it. Each request takes at most one fault
of its operation, the oldest that fits; each event likewise.
"""

import sqlite3
from dataclasses import dataclass
from enum import StrEnum

from talktime.funding.gateway import GatewayUnclear


class FaultKind(StrEnum):
    """What goes wrong. The EVENT_ ones hit the message about a payment, the others the request itself."""

    DELAY = "delay"  # the answer takes `delay_us`
    TIMEOUT_BEFORE = "timeout_before"  # no answer, nothing was done
    TIMEOUT_AFTER = "timeout_after"  # no answer, it was done
    SERVER_ERROR = "server_error"  # 5xx, nothing was done
    PROCESSING = "processing"  # the bank takes its time; `complete_action` ends it
    EVENT_TWICE = "event_twice"
    EVENT_DELAYED = "event_delayed"  # by `delay_us`
    EVENT_BEHIND = "event_behind"  # after the next one
    EVENT_LOST = "event_lost"


class Operation(StrEnum):
    """What a fault hits."""

    PAY = "pay"
    FIND = "find"
    CANCEL = "cancel"
    REFUND = "refund"
    SAVE_METHOD = "save_method"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Fault:
    """One line of a script: hits the next `times` calls, only those of `payment` unless it is "".

    `payment` is our id of the payment or refund, or the key of one try.
    """

    kind: FaultKind
    operation: Operation = Operation.PAY
    payment: str = ""
    times: int = 1
    delay_us: int = 0


def add_fault(link: sqlite3.Connection, fault: Fault) -> None:
    """Write a line of the script. Raises ValueError: an EVENT_ fault of a request, or the other way round."""
    if fault.kind.startswith("event_") != (fault.operation == Operation.EVENT):
        raise ValueError(f"{fault.kind} does not happen to {fault.operation}")
    if fault.kind == FaultKind.PROCESSING and fault.operation != Operation.PAY:
        raise ValueError(f"{fault.kind} happens to payments only")
    link.execute(
        "insert into faults (operation, kind, payment, delay_us, times) values (?, ?, ?, ?, ?)",
        (fault.operation, fault.kind, fault.payment, fault.delay_us, fault.times),
    )


def take_fault(link: sqlite3.Connection, operation: Operation, payment: str, key: str = "") -> Fault | None:
    """The oldest fault that hits this call, used up by one."""
    row = link.execute(
        "select * from faults where operation = ? and times > 0 and payment in ('', ?, ?)"
        " order by number limit 1",
        (operation, payment, key or payment),
    ).fetchone()
    if row is None:
        return None
    link.execute("update faults set times = times - 1 where number = ?", (row["number"],))
    return Fault(FaultKind(row["kind"]), operation, row["payment"], row["times"], row["delay_us"])


def before(fault: Fault | None) -> GatewayUnclear | None:
    """The error of a fault that keeps the request from being done."""
    if fault is not None and fault.kind == FaultKind.TIMEOUT_BEFORE:
        return GatewayUnclear("The sandbox did not answer in time.")
    if fault is not None and fault.kind == FaultKind.SERVER_ERROR:
        return GatewayUnclear("The sandbox answered with a fault of its own (500).")
    return None


def after(fault: Fault | None) -> GatewayUnclear | None:
    """The error of a fault that loses the answer of a request that was done."""
    if fault is not None and fault.kind == FaultKind.TIMEOUT_AFTER:
        return GatewayUnclear("The sandbox did not answer in time.")
    return None
