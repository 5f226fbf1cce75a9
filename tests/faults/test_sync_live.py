"""The system calls of a running server: the log is synced between the write and the answer, each time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.live_process import CALLEE, UNIT, LiveProcess, caller, prepared
from tests.faults.load_client import Account, Json, Line
from tests.faults.sync_trace import answers, assert_synced_before_answer, traced

START = {"call_type": "user_out", "user": caller("rich"), "callee": CALLEE, "requested_seconds": 10}


def of_call(op: str, sequence: int, body: Json) -> tuple[str, Json]:
    return f"/v1/calls/c/{op}", {"tenant": "rich", "sequence": sequence, **body}


REQUESTS = [
    of_call("start", 0, START),
    of_call("extend", 1, {"used_seconds": 5}),
    of_call("end", 2, {"duration_seconds": 7}),
    ("/v1/tenants/rich/lots", {"amount": "50", "currency": "USD", "reference": "r"}),
]


def test_every_answer_comes_after_the_sync(sqlite_database: str, tmp_path: Path) -> None:
    key = prepared(sqlite_database, {"rich": 100 * UNIT})
    with LiveProcess(sqlite_database, tmp_path) as server:
        server.start()
        assert server.process is not None
        line = Line(server.port, key, Account())

        def asking(path: str, body: Json) -> Callable[[], Json]:
            return lambda: line.ask(path, body)

        for path, body in REQUESTS:
            calls = traced(server.process.pid, asking(path, body))
            assert_synced_before_answer(calls, "-wal", server.port)
            assert len(answers(calls, server.port)) >= 1
        again = traced(server.process.pid, asking(*REQUESTS[0]))
        with pytest.raises(AssertionError, match="before anything was written"):
            assert_synced_before_answer(again, "-wal", server.port)  # a repeat writes nothing
        line.close()
