"""What the sandbox tells unasked, and its books when several processes work on them or one is killed."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from talktime.funding.gateway import BadSignature, EventKind, GatewayUnclear
from talktime.funding.sandbox import SandboxGateway
from talktime.funding.sandbox_faults import Fault, FaultKind, Operation
from talktime.funding.sandbox_messages import LADDER_US, SIGNATURE, sign
from tests.funding.gateway_rigs import DAY_US, NOON_US, SECRET, SandboxRig, order, sandbox_rig
from tests.funding.test_gateway_contract import run
from tests.house.tree import ROOT

MINUTE_US = 60_000_000


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SandboxRig]:
    """A sandbox of its own."""
    with sandbox_rig(tmp_path) as made:
        yield made


def event_fault(kind: FaultKind, delay_us: int = 0) -> Fault:
    return Fault(kind, Operation.EVENT, delay_us=delay_us)


# --- messages -----------------------------------------------------------------------------------------


def test_messages_lost_doubled_delayed_and_out_of_order(rig: SandboxRig) -> None:
    rig.gateway.script(
        event_fault(FaultKind.EVENT_LOST),
        event_fault(FaultKind.EVENT_TWICE),
        event_fault(FaultKind.EVENT_DELAYED, delay_us=MINUTE_US),
        event_fault(FaultKind.EVENT_BEHIND),
    )
    for payment in ("lost", "twice", "delayed", "behind", "last"):
        run(rig.gateway.pay(order(payment)))
    events = rig.events()
    assert [event.payment for event in events] == ["twice", "twice", "last", "behind"]
    assert events[0] == events[1]
    rig.clock.us += MINUTE_US
    assert [event.payment for event in rig.events()] == ["delayed"]
    assert rig.events() == []
    assert [len(run(rig.gateway.find("acme", name))) for name in ("lost", "last")] == [1, 1]


def test_a_message_stays_until_it_is_taken(rig: SandboxRig) -> None:
    run(rig.gateway.pay(order()))
    [first] = rig.gateway.pending_events(rig.clock.us)
    assert rig.gateway.pending_events(rig.clock.us) == [first]
    rig.gateway.delivered(first)
    assert rig.gateway.pending_events(rig.clock.us) == []


def test_an_old_message_and_another_secret_are_refused(rig: SandboxRig) -> None:
    run(rig.gateway.pay(order()))
    [(body, headers)] = rig.messages()
    rig.clock.us += 300_000_000
    assert rig.gateway.read_event(body, headers) is not None
    rig.clock.us += 1_000_000
    with pytest.raises(BadSignature, match="ago"):
        rig.gateway.read_event(body, headers)
    with pytest.raises(BadSignature, match="secret"):
        rig.gateway.read_event(body, {SIGNATURE: sign(body.decode(), "another", rig.clock.us)})


@pytest.mark.parametrize("body", ['{"kind":"weather"}', '{"kind":"weather","id":5}'])
def test_a_message_of_no_interest_is_none(rig: SandboxRig, body: str) -> None:
    assert rig.gateway.read_event(body.encode(), {SIGNATURE: sign(body, SECRET, rig.clock.us)}) is None


@pytest.mark.parametrize("body", ["[]", "{}", '{"kind":"payment_succeeded"}', "no json"])
def test_a_signed_message_that_is_no_event_is_refused(rig: SandboxRig, body: str) -> None:
    with pytest.raises(BadSignature, match="no event"):
        rig.gateway.read_event(body.encode(), {SIGNATURE: sign(body, SECRET, rig.clock.us)})


def test_messages_are_posted_until_they_are_taken(rig: SandboxRig, httpserver: HTTPServer) -> None:
    httpserver.expect_ordered_request("/events", method="POST").respond_with_data(status=500)
    httpserver.expect_ordered_request("/events", method="POST").respond_with_data(status=204)
    url = httpserver.url_for("/events")
    run(rig.gateway.pay(order()))
    assert run(rig.gateway.deliver_due(url)) == 0
    assert run(rig.gateway.deliver_due(url)) == 0  # not yet due again
    rig.clock.us += LADDER_US[0]
    assert run(rig.gateway.deliver_due(url)) == 1
    assert run(rig.gateway.deliver_due(url)) == 0
    posted = [request for request, _ in httpserver.log]
    assert len(posted) == 2
    event = rig.gateway.read_event(posted[1].get_data(), dict(posted[1].headers))
    assert event is not None
    assert (event.payment, event.kind) == ("p1", EventKind.PAYMENT_SUCCEEDED)


def test_a_dead_receiver_is_given_up_in_the_end(rig: SandboxRig) -> None:
    run(rig.gateway.pay(order()))
    tries = 0
    for _ in range(30):
        tries += len(rig.gateway.pending_events(rig.clock.us))
        assert run(rig.gateway.deliver_due("http://127.0.0.1:9/nobody")) == 0
        rig.clock.us += DAY_US
    assert tries == 1 + len(LADDER_US)
    assert len(run(rig.gateway.find("acme", "p1"))) == 1


def test_delivery_goes_on_until_it_is_stopped(tmp_path: Path, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/events").respond_with_data(status=200)
    gateway = SandboxGateway(tmp_path / "s.db", SECRET, lambda: NOON_US)

    async def live() -> None:
        task = asyncio.create_task(gateway.deliver(httpserver.url_for("/events"), pause_s=0))
        for payment in ("p1", "p2"):
            await gateway.pay(order(payment))
            while gateway.pending_events(NOON_US):
                await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(live(), 30))
    assert len(httpserver.log) >= 2
    gateway.close_now()


def test_no_secret_no_sandbox(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="secret"):
        SandboxGateway(tmp_path / "s.db", "", lambda: NOON_US)


# --- processes ----------------------------------------------------------------------------------------

WORKER = """
import asyncio, itertools, sys
from pathlib import Path
from talktime.funding.sandbox import SandboxGateway
from tests.funding.gateway_rigs import NOON_US, SECRET, order

gateway = SandboxGateway(Path(sys.argv[1]), SECRET, lambda: NOON_US)
print("ready", flush=True)
sys.stdin.readline()

async def work():
    for number in itertools.islice(itertools.count(), int(sys.argv[2])):
        result = await gateway.pay(order(f"p{number}"))
        print(f"p{number}", result.gateway_payment, flush=True)

asyncio.run(work())
"""


def worker(path: Path, payments: int) -> subprocess.Popen[str]:
    """A process that pays one payment after the other, once it is told to start, and says so."""
    command = [sys.executable, "-c", WORKER, str(path), str(payments)]
    environment = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def start(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_a_killed_worker_leaves_whole_books(tmp_path: Path) -> None:
    """Killed (-9) at any moment: what was answered is there, the try under way once or not at all."""
    path = tmp_path / "s.db"
    with worker(path, 100_000) as process:
        start(process)
        assert process.stdout is not None
        said = [process.stdout.readline().split() for _ in range(20)]
        process.kill()
        said += [line.split() for line in process.stdout.read().splitlines() if line.count("sbx_pay_") == 1]
    gateway = SandboxGateway(path, SECRET, lambda: NOON_US)
    for payment, gateway_payment in said:
        [found] = run(gateway.find("acme", payment))
        assert found.gateway_payment.startswith(gateway_payment)
        assert run(gateway.pay(order(payment))) == found
    last = len(said)
    tries = run(gateway.find("acme", f"p{last}"))
    assert run(gateway.find("acme", f"p{last + 1}")) == []
    assert gateway.taken("acme") == 5000 * (last + len(tries))
    events = [gateway.read_event(message.body, message.headers) for message in gateway.pull_events(NOON_US)]
    assert len(events) == last + len(tries)
    gateway.close_now()


def test_two_processes_on_one_file_charge_each_key_once(tmp_path: Path) -> None:
    path, payments = tmp_path / "s.db", 60
    with worker(path, payments) as first, worker(path, payments) as second:
        start(first)
        start(second)
        said = [process.communicate(timeout=60)[0] for process in (first, second)]
    assert first.returncode == second.returncode == 0
    assert said[0] == said[1]
    assert len(said[0].splitlines()) == payments
    gateway = SandboxGateway(path, SECRET, lambda: NOON_US)
    assert gateway.taken("acme") == 5000 * payments
    gateway.close_now()


def test_a_sandbox_that_cannot_write_is_unclear(tmp_path: Path) -> None:
    gateway = SandboxGateway(tmp_path / "s.db", SECRET, lambda: NOON_US)
    with sqlite3.connect(tmp_path / "s.db") as other:
        other.execute("drop table payments")
    other.close()
    with pytest.raises(GatewayUnclear, match="file"):
        run(gateway.pay(order()))
    gateway.close_now()
