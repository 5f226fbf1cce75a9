"""What a stock Kamailio has sent, kept beside the repository: each request is answered as it stands."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from talktime.doors.diameter.identity import IdentityRule
from talktime.doors.diameter.request import read_request, who_asks
from talktime.doors.diameter.wire.codes import Command
from talktime.doors.diameter.wire.message import Message, read_message
from tests.bulk.charged import SPENDS, user
from tests.databases import sqlite_database
from tests.doors.diameter.house import A_SECOND, CONTOSO, HOST, House, peer, settings

__all__ = ["sqlite_database"]  # a fixture


def recorded(folder: Path) -> list[list[Message]]:
    """Messages of a client in their order, of one scenario each."""
    scenarios: dict[str, list[Message]] = {}
    for path in sorted((folder / "ro").glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            row = json.loads(line)
            whole = bytes.fromhex(row["request_hex"])
            scenarios.setdefault(row["scenario"], []).append(read_message(whole))
    return list(scenarios.values())


@pytest.mark.parametrize("restarts", [False, True])
def test_a_recorded_call_is_granted_and_charged(
    sqlite_database: str, shared_data: Path, restarts: bool
) -> None:
    """Hello, initial, update, termination to the byte, also behind a process that was started again."""
    for number, messages in enumerate(recorded(shared_data)):
        hello, *asked = messages
        assert hello.command == Command.CAPABILITIES_EXCHANGE
        requests = [read_request(message) for message in asked]
        assert [request.kind for request in requests] == [1, *[2] * (len(requests) - 2), 3]
        used_s = sum(service.used_s for request in requests for service in request.services)
        first, who = requests[0], who_asks(requests[0])
        name = who.calling.partition(":")[2].partition("@")[0] or who.subscriptions[0][1]
        told = settings(
            peer(first.origin_host, realm=first.origin_realm, realms=(first.origin_realm,)),
            rules=[IdentityRule("*", "*", f"t{number}", f"{number}@contoso.example")],
            realms=(first.destination_realm,),
        )._replace(host=first.destination_host or HOST)
        tenant = replace(
            CONTOSO, id=f"t{number}", users=(user(f"{number}@contoso.example", SPENDS, numbers=(name,)),)
        )
        with closing(House(sqlite_database, told)) as house:
            house.open(tenant, money=1_000 * A_SECOND)
            for at, message in enumerate([hello, *asked]):
                if at == 0 or restarts:
                    house.restart()
                    switch = house.stranger(first.origin_host)
                    assert switch.raw(hello.whole).result == 2001
                if at:
                    answer = switch.raw(message.whole)
                    wants = requests[at - 1].services[0]
                    assert answer.words == f"2001 {wants.requested_s} s" if wants.asks else "2001"
                    (grant,) = answer.grants
                    assert (grant.rating_group, grant.service_id) == (wants.rating_group, wants.service_id)
            assert house.charged_s(tenant.id) == used_s > 0
            assert house.is_settled(tenant.id)
