"""One dollar, several processes, thousands of starts at once: what is granted is never more than a dollar.

The processes share nothing but the database; each decides on what it knows and finds out by lock and version
whether that still holds (rulings.md 33).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from talktime.core.money import parse_money
from tests.faults.live_process import A_SECOND, CALLEE, UNIT, LiveProcess, caller, prepared
from tests.faults.load_audit import assert_equal
from tests.faults.load_client import MAY_PASS, Account, CallTold, Json, Line

TENANT = "poor"
FUNDS = {TENANT: UNIT}
BATCH = 50
"""Operations of one request."""


def start(call_id: str, asked_s: int) -> Json:
    return {
        "op": "start",
        "call_id": call_id,
        "tenant": TENANT,
        "sequence": 0,
        "call_type": "user_out",
        "user": caller(TENANT),
        "callee": CALLEE,
        "requested_seconds": asked_s,
    }


def finish(call_id: str, duration_s: int) -> Json:
    """An end, or a cancel where nobody talked."""
    common = {"call_id": call_id, "tenant": TENANT, "sequence": 1}
    if duration_s:
        return {"op": "end", "duration_seconds": duration_s, **common}
    return {"op": "cancel", **common}


def answered(line: Line, items: Sequence[Json]) -> dict[str, Json]:
    """The answer to each operation, by call; those that were refused for now are sent again."""
    found: dict[str, Json] = {}
    waiting = list(items)
    while waiting:
        status, answers = line.once("/v1/calls:batch", waiting)
        assert status == 200, answers
        again = []
        for item, answer in zip(waiting, answers, strict=True):
            if answer["status"] == 503:
                assert answer["code"] in MAY_PASS, answer
                again.append(item)
            else:
                assert answer["status"] == 200, answer
                found[item["call_id"]] = answer
        waiting = again
    return found


def all_at_once(servers: Sequence[LiveProcess], key: str, items: Sequence[Json]) -> dict[str, Json]:
    """Sends all of it by two lines a server, in batches."""
    lines = [Line(server.port, key, Account()) for server in [*servers, *servers]]
    parts: list[list[Json]] = [list(items[number :: len(lines)]) for number in range(len(lines))]

    def send(line: Line, part: list[Json]) -> dict[str, Json]:
        found: dict[str, Json] = {}
        for at in range(0, len(part), BATCH):
            found |= answered(line, part[at : at + BATCH])
        line.close()
        return found

    with ThreadPoolExecutor(len(lines)) as pool:
        told: dict[str, Any] = {}
        for found in pool.map(send, lines, parts):
            told |= found
    return told


def spend_a_dollar(database: str, folder: Path, processes: int, starts: int) -> None:
    """Starts, then ends and cancels; balance and reservations are exact at every point."""
    print(f"seed {(seed := random.randrange(10**6))}")  # noqa: T201 - a failure shows it
    chosen, key = random.Random(seed), prepared(database, FUNDS)
    account = Account()
    with ExitStack() as running:
        servers = [running.enter_context(LiveProcess(database, folder)) for _ in range(processes)]
        for server in servers:
            server.launch()
        for server in servers:
            server.wait_ready()
        items = [start(f"c{number}", chosen.randint(1, 4)) for number in range(starts)]
        granted: dict[str, int] = {}
        for call_id, answer in all_at_once(servers, key, items).items():
            if answer["decision"] == "allow":
                granted[call_id] = answer["authorised_seconds"]
                reserved = parse_money(answer["reserved"]["credits"])
                account.told(TENANT, call_id, CallTold("open", reserved))
            else:
                assert answer["reason"] == "no_credit"
                account.told(TENANT, call_id, CallTold("denied"))
        assert sum(granted.values()) * A_SECOND == UNIT, "all of the dollar, and no more"
        assert_equal(database, account, FUNDS)

        ends = {call_id: chosen.randint(0, seconds) for call_id, seconds in granted.items()}
        finished = all_at_once(servers, key, [finish(*end) for end in ends.items()])
        for call_id, duration_s in ends.items():
            amount = duration_s * A_SECOND
            if duration_s:
                assert parse_money(finished[call_id]["amount"]) == amount
                account.told(TENANT, call_id, CallTold("ended", 0, amount, duration_s))
            else:
                account.told(TENANT, call_id, CallTold("cancelled"))
        assert_equal(database, account, FUNDS)
        assert [server.stop() for server in servers] == [0] * processes


def test_two_processes_on_sqlite(sqlite_database: str, tmp_path: Path) -> None:
    spend_a_dollar(sqlite_database, tmp_path, processes=2, starts=2_000)


def test_three_processes_on_postgresql(postgres_database: str, tmp_path: Path) -> None:
    spend_a_dollar(postgres_database, tmp_path, processes=3, starts=2_000)


@pytest.mark.long
def test_eight_processes_on_postgresql(postgres_database: str, tmp_path: Path) -> None:
    spend_a_dollar(postgres_database, tmp_path, processes=8, starts=8_000)
