"""Switches that charge calls without pause and keep an account of their own of everything they were told.

A request that nobody answered, or that was answered by 503, is repeated as it was, with its sequence, until
there is an answer. So in the end each request has exactly one answer, and `load_audit` can ask the ledger
whether it holds just that: nothing lost, nothing twice.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from talktime.core.money import parse_money
from tests.faults.live_process import A_SECOND, CALLEE, PATIENCE_S, caller

PAUSE_S = 0.03
"""Between an answer that did not come and the repeat."""

MAY_PASS = {"queue_full", "stopping", "store_busy", "store_away", "unknown_outcome", "engine_away"}
"""Codes of 503 after which the same request is sent again."""

POOR = "poor"
"""A tenant that never buys, so its calls are denied one day."""

Json = dict[str, Any]


class CallTold(NamedTuple):
    """What a switch was told last about a call; money in micros."""

    state: str
    reserved: int = 0
    amount: int = 0
    seconds: int = 0


class Bought(NamedTuple):
    """A purchase that was acknowledged."""

    tenant: str
    lot: int
    amount: int


@dataclass
class Account:
    """What was acknowledged: calls by (tenant, call id), purchases by reference; and how it went."""

    calls: dict[tuple[str, str], CallTold] = field(default_factory=dict)
    lots: dict[str, Bought] = field(default_factory=dict)
    acknowledged: int = 0
    unanswered: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    longest_wait_s: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def copy(self) -> Account:
        """As it stands now."""
        with self.lock:
            return Account(dict(self.calls), dict(self.lots), self.acknowledged)

    def told(self, tenant: str, call_id: str, told: CallTold) -> None:
        with self.lock:
            self.calls[tenant, call_id] = told

    def bought(self, reference: str, bought: Bought) -> None:
        with self.lock:
            self.lots[reference] = bought


class Line:
    """One connection, kept open, that is made anew when it is lost."""

    def __init__(self, port: int, key: str, account: Account, patience_s: float = PATIENCE_S) -> None:
        self.account = account
        self._port = port
        self._patience_s = patience_s
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._connection: http.client.HTTPConnection | None = None

    def once(self, path: str, body: object) -> tuple[int, Any]:
        """Sends a request once. Raises OSError or HTTPException where no answer comes."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._patience_s)
        began_s = time.monotonic()
        try:
            self._connection.request("POST", path, json.dumps(body), self._headers)
            response = self._connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        waited_s = time.monotonic() - began_s
        with self.account.lock:
            self.account.longest_wait_s = max(self.account.longest_wait_s, waited_s)
        return response.status, answer

    def ask(self, path: str, body: Json) -> Json:
        """Repeats a request until it is answered. Raises AssertionError for an answer that is an error."""
        until_s = time.monotonic() + self._patience_s
        while time.monotonic() < until_s:
            try:
                status, answer = self.once(path, body)
            except (OSError, http.client.HTTPException):
                with self.account.lock:
                    self.account.unanswered += 1
            else:
                if status in (200, 201):
                    with self.account.lock:
                        self.account.acknowledged += 1
                    return dict(answer)
                assert status == 503, f"{path} {body} was answered by {status}: {answer}"
                assert answer["code"] in MAY_PASS, answer
                with self.account.lock:
                    self.account.refused[answer["code"]] += 1
            time.sleep(PAUSE_S)
        raise AssertionError(f"{path} {body} was not answered within {self._patience_s} s")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Load:
    """Switches in threads; a context that stops them. What goes wrong in one is raised by whoever waits."""

    def __init__(
        self,
        port: int,
        key: str,
        tenants: Sequence[str],
        seed: int,
        lines: int = 6,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.account = Account()
        self._ending = threading.Event()
        self._errors: list[Exception] = []
        self._threads = [
            threading.Thread(
                target=self._work,
                args=(_Switch(f"{seed}-{number}", Line(port, key, self.account, patience_s), tenants),),
                name=f"switch {number}",
            )
            for number in range(lines)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def finish(self) -> Account:
        """Lets each switch end what it has begun; what is unanswered is repeated. Returns the account."""
        self.__exit__()
        self._check()
        return self.account

    def wait_for(self, acknowledged: int) -> None:
        """Waits until so many more operations have been acknowledged."""
        enough = self.account.acknowledged + acknowledged
        self.wait_until(lambda: self.account.acknowledged >= enough)

    def wait_for_refusals(self, refusals: int) -> None:
        """Waits until so many more requests were answered by 503."""
        enough = self.account.refused.total() + refusals
        self.wait_until(lambda: self.account.refused.total() >= enough)

    def wait_until(self, reached: Callable[[], bool]) -> None:
        """Waits while the switches work."""
        until_s = time.monotonic() + PATIENCE_S
        while not reached():
            self._check()
            assert time.monotonic() < until_s, f"not reached, refused so far: {self.account.refused}"
            time.sleep(0.005)

    def _check(self) -> None:
        if self._errors:
            raise self._errors[0]

    def _work(self, switch: _Switch) -> None:
        try:
            while not self._ending.is_set():
                switch.go_on()
        except Exception as error:  # noqa: BLE001 - raised again by whoever waits for the switches
            self._errors.append(error)
        finally:
            switch.line.close()


class _Switch:
    """Charges one call after the other on one line, and sometimes buys credits or asks the same again."""

    def __init__(self, name: str, line: Line, tenants: Sequence[str]) -> None:
        self.line = line
        self._name = name
        self._tenants = tenants
        self._random = random.Random(name)
        self._number = 0

    def go_on(self) -> None:
        """One call, or a purchase."""
        self._number += 1
        tenant = self._random.choice(self._tenants)
        if tenant != POOR and self._random.random() < 0.08:
            self._buy(tenant)
        else:
            self._call(tenant, f"{self._name}-{self._number}")

    def _buy(self, tenant: str) -> None:
        cents = self._random.randint(50_00, 60_00)
        reference = f"{self._name}-{self._number}"
        body = {"amount": f"{cents / 100:.2f}", "currency": "USD", "reference": reference}
        path = f"/v1/tenants/{tenant}/lots"
        answer = self.line.ask(path, body)
        amount = parse_money(answer["amount"])
        assert amount == cents * 10_000
        self.line.account.bought(reference, Bought(tenant, answer["lot"], amount))
        if self._random.random() < 0.2:
            again = self.line.ask(path, body)
            assert (again["lot"], again["repeated"]) == (answer["lot"], True)

    def _call(self, tenant: str, call_id: str) -> None:
        asked_s = self._random.randint(1, 30)
        body = {
            "call_type": "user_out",
            "user": caller(tenant),
            "callee": CALLEE,
            "requested_seconds": asked_s,
        }
        started = self._ask(tenant, call_id, "start", 0, body)
        if started["decision"] == "deny":
            self.line.account.told(tenant, call_id, CallTold("denied"))
            return
        assert started["granted_seconds"] <= asked_s
        granted_s = self._granted(tenant, call_id, started)
        used_s, sequence = 0, 0
        while self._random.random() < 0.4 and used_s < granted_s:
            sequence += 1
            used_s = self._random.randint(used_s, granted_s)
            body = {"used_seconds": used_s, "requested_seconds": self._random.randint(1, 30)}
            answer = self._ask(tenant, call_id, "extend", sequence, body)
            if answer["decision"] == "allow":
                granted_s = self._granted(tenant, call_id, answer)
        what = self._random.random()
        if what < 0.7:
            self._end(tenant, call_id, sequence + 1, self._random.randint(1, granted_s))
        elif what < 0.85 and not used_s:
            self._ask(tenant, call_id, "cancel", sequence + 1, {})
            self.line.account.told(tenant, call_id, CallTold("cancelled"))

    def _granted(self, tenant: str, call_id: str, answer: Json) -> int:
        """Seconds in all; what they cost has to be reserved."""
        seconds: int = answer["authorised_seconds"]
        reserved = parse_money(answer["reserved"]["credits"])
        assert reserved == seconds * A_SECOND, answer
        self.line.account.told(tenant, call_id, CallTold("open", reserved))
        return seconds

    def _end(self, tenant: str, call_id: str, sequence: int, duration_s: int) -> None:
        answer = self._ask(tenant, call_id, "end", sequence, {"duration_seconds": duration_s})
        amount = parse_money(answer["amount"])
        assert (answer["billed_seconds"], amount) == (duration_s, duration_s * A_SECOND), answer
        self.line.account.told(tenant, call_id, CallTold("ended", 0, amount, duration_s))

    def _ask(self, tenant: str, call_id: str, op: str, sequence: int, body: Json) -> Json:
        """The answer; now and then it is asked for again and has to be the same."""
        path, body = f"/v1/calls/{call_id}/{op}", {"tenant": tenant, "sequence": sequence, **body}
        answer = self.line.ask(path, body)
        if self._random.random() < 0.1:
            assert self.line.ask(path, body) == answer
        return answer
