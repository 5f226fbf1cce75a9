"""A process with a desk, a payment worker and the sandbox's file, which kills itself at a step of a payment.

Run as a program: database, folder of the sandbox, the clock in us, and the step before which it dies ("" for
none). `killed_at` and `finished` are for tests.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from talktime.catalog.load import load_catalogue
from talktime.funding.commands import Claim, Report
from talktime.funding.events import take_event
from talktime.funding.sandbox import NAME, SandboxGateway
from talktime.funding.taxes import Seller
from talktime.funding.worker import PaymentWorker
from talktime.ledger.engine import Command, Engine
from talktime.live.desk import Desk
from tests.house.tree import ROOT
from tests.live.live_desk import store_of

PATIENCE_S: Final = 120
STEPS: Final = (
    "before the claim",
    "in the transaction of the claim",
    "after the claim",
    "before the charge",
    "after the charge",
    "before the report",
    "in the transaction of the report",
    "after the report",
)
"""Where the process dies."""


def killed_at(step: str, database: str, folder: Path, now_us: int) -> bool:
    """A process works on all that is due and dies at a step; whether it was killed."""
    command = [sys.executable, "-m", "tests.faults.payment_process", database, str(folder), str(now_us), step]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))}
    done = subprocess.run(
        command, env=environment, cwd=ROOT, timeout=PATIENCE_S, capture_output=True, check=False
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    return done.returncode == -signal.SIGKILL


def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _around(owner: Any, name: str, before: Callable[..., None], after: Callable[..., None]) -> None:
    """Puts steps before and after a coroutine function."""
    inner = getattr(owner, name)

    async def wrapped(*given: Any, **named: Any) -> Any:
        before(*given)
        answer = await inner(*given, **named)
        after(*given)
        return answer

    setattr(owner, name, wrapped)


def _arm(step: str, engine: Engine, gateway: SandboxGateway) -> None:
    """Sets the point at which the process dies."""
    place, _, of = step.partition(" the ")
    if of == "charge":
        before, after = (_die, _no) if place == "before" else (_no, _die)
        _around(gateway, "pay", before, after)
    elif place == "in":
        asked: type[Command] = Claim if of.endswith("claim") else Report
        _die_in_transaction(engine, asked)
    elif step:
        asked = Claim if of == "claim" else Report
        _die_beside(engine, asked, is_before=place == "before")


def _no(*_: object) -> None:
    return None


def _die_in_transaction(engine: Engine, asked: type[Command]) -> None:
    """After everything was decided and before the disk has it."""
    decided: list[object] = []
    inner = asked.decide

    def decide(self: Any, book: Any, session: Any, now_us: int) -> object:
        decided.append(self)
        return inner(self, book, session, now_us)

    asked.decide = decide  # type: ignore[method-assign]
    _around(engine.store, "commit", lambda *_: _die() if decided else None, _no)


def _die_beside(engine: Engine, asked: type[Command], *, is_before: bool) -> None:
    submit = engine.submit

    def watched(command: Command) -> asyncio.Future[object]:
        if isinstance(command, asked) and is_before:
            _die()
        answer = submit(command)
        if isinstance(command, asked):
            answer.add_done_callback(_die)
        return answer

    engine.submit = watched  # type: ignore[method-assign]


async def _worked(database: str, folder: Path, now_us: int, step: str) -> None:
    """One round of a worker, and the messages that are due."""
    desk = Desk(store_of(database), load_catalogue(), clock_us=lambda: now_us)
    gateway = SandboxGateway(folder / "sandbox.db", "secret", lambda: now_us)
    await desk.start(rounds=False)
    _arm(step, desk.engine, gateway)
    await PaymentWorker(desk.engine, {NAME: gateway}, Seller()).round()
    for message in gateway.pull_events(now_us):
        event = gateway.read_event(message.body, message.headers)
        assert event is not None
        await take_event(desk.engine, gateway, event)
    await desk.stop()
    gateway.close_now()


if __name__ == "__main__":
    asyncio.run(_worked(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
