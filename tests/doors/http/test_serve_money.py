"""Money through a real `talktime serve`: both processes, the sandbox on its file, mails to a real server.

Nobody takes a worker's steps here: the admin process finds by itself what the live process left to be done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.doors.http.story_tenants import CAIRO, DECK, organisation
from tests.doors.terminal import Terminal
from tests.doors.test_cli_serve import PATIENCE_S, Service, serving, until
from tests.notices.post_office import Mailbox, mail_server

OUTSIDE = "https://credits.example"
"""Where people's browsers find the service: a proxy stands there, and in this test a line of code."""

PLACE = "/v1/tenants/adatum"
CONFIRMED = "4000 0027 6000 3184"
"""A card whose holder has to confirm every payment."""

SELLER = 'name = "Talktime Ltd"\ncountry = "IE"\ntax_id = "IE1234567X"\n'


class Told(Terminal):
    """A terminal whose commands find some variables in their environment."""

    def __init__(self, base: Path, variables: Mapping[str, str]) -> None:
        super().__init__(base)
        self.variables = variables

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        return super().environment({**self.variables, **more})


@dataclass(frozen=True)
class Customer:
    """Adatum in front of a running service; `post` is where its administrator reads mail."""

    service: Service
    key: str
    box: Mailbox

    def ask(self, method: str, path: str, status: int = 200, **more: Any) -> Any:
        """What the service answers, as JSON."""
        headers = {"Authorization": f"Bearer {self.key}", **more.pop("headers", {})}
        url = f"http://127.0.0.1:{self.service.port}{path}"
        answer = httpx.request(method, url, headers=headers, timeout=PATIENCE_S, **more)
        assert answer.status_code == status, (answer.status_code, answer.text)
        return answer.json()

    def card(self, source: str) -> str:
        return str(self.ask("POST", f"{PLACE}/payment-methods", 201, json={"source": source})["id"])

    def buy(self, amount: str, status: int, **more: str) -> Any:
        order = {"amount": amount, "currency": "EUR", **more}
        headers = {"Idempotency-Key": f"order-{amount}"}
        return self.ask("POST", f"{PLACE}/purchases", status, json=order, headers=headers)

    def balance(self) -> str:
        return str(self.ask("GET", f"{PLACE}/credits")["balance"])

    def talk(self, name: str, minutes: int) -> Any:
        """A call to Cairo, told to the service as fast as it answers."""
        body: dict[str, Any] = {"tenant": "adatum", "sequence": 0, "requested_seconds": 600}
        who = {"call_type": "user_out", "user": "una@adatum.example", "callee": CAIRO}
        answer = self.ask("POST", f"/v1/calls/{name}/start", json={**body, **who})
        used_s, sequence = 0, 0
        while used_s + answer["granted_seconds"] < minutes * 60:
            used_s, sequence = answer["authorised_seconds"], sequence + 1
            body = {**body, "sequence": sequence, "used_seconds": used_s}
            body["requested_seconds"] = min(600, minutes * 60 - used_s)
            answer = self.ask("POST", f"/v1/calls/{name}/extend", json=body)
        end = {"tenant": "adatum", "sequence": sequence + 1, "duration_seconds": minutes * 60}
        return self.ask("POST", f"/v1/calls/{name}/end", json=end)

    def hears(self, subject: str) -> None:
        """A mail with this subject arrives at the administrator's, within the patience of a test."""

        def came() -> bool:
            return any(str(mail["Subject"]).strip() == f"adatum: {subject}" for _, mail in self.box.taken)

        until(came, f"the mail {subject!r} is there")
        assert set(self.box.addresses) == {"olga@adatum.example"}


def opened(customer: Customer, method: str, link: str) -> httpx.Response:
    """A link as a browser opens it, through the proxy; no key is with it."""
    assert link.startswith(f"{OUTSIDE}/sandbox/actions/")
    url = link.replace(OUTSIDE, f"http://127.0.0.1:{customer.service.admin_port}")
    return httpx.request(method, url, timeout=PATIENCE_S)


@pytest.fixture
def seller(tmp_path: Path) -> Path:
    """Who sells: in Ireland, where 23 % are added."""
    file = tmp_path / "seller.toml"
    file.write_text(SELLER)
    return file


def test_credits_refill_and_a_payment_is_confirmed(tmp_path: Path, seller: Path) -> None:
    with mail_server() as box:
        variables = {
            "TALKTIME_SMTP": f"smtp+plain://127.0.0.1:{box.port}",
            "TALKTIME_MAIL_FROM": "credits@talktime.example",
            "TALKTIME_BASE_URL": OUTSIDE,
            "TALKTIME_SELLER": str(seller),
        }
        terminal = Told(tmp_path, variables)
        with serving(terminal) as service:
            customer = Customer(service, (terminal.state / "first-key").read_text().strip(), box)
            furnish(customer)
            credits_are_bought_and_refilled(customer)
            payment_is_confirmed(customer)
            service.stop()
        verified = terminal.run("verify")
        assert verified.code == 0, verified


def furnish(customer: Customer) -> None:
    """A deck for all, and Adatum: one user in Ireland under MOSA, one administrator."""
    added = customer.ask("POST", "/v1/decks", 201, content=DECK, headers={"Content-Type": "text/csv"})
    customer.ask("PUT", "/v1/deck-bindings", json={"version": added["version"]})
    accounts = {"direct": ("MOSA", "IE")}
    adatum = organisation("adatum", accounts, billed_to="direct", default="direct")
    customer.ask("POST", "/v1/tenants", 201, json=adatum)


def credits_are_bought_and_refilled(customer: Customer) -> None:
    """100 - 49 x 1.25 = 38.75, less than 40: 50 more are 88.75; with 23 % 123 and 61.50 are taken."""
    customer.card("4242 4242 4242 4242")
    paid = customer.buy("100", 201)
    assert (paid["state"], paid["amount"], paid["gross"]) == ("settled", "100", "123")
    customer.hears("100 EUR of communication credits bought")
    rule = {"enabled": True, "below": "40", "add": "50"}
    assert customer.ask("PUT", f"{PLACE}/auto-recharge", json=rule)["says"] == "on"
    settled = customer.talk("c1", 49)
    assert settled["amount"] == "61.25"
    until(lambda: customer.balance() == "88.75", "the admin process has recharged")
    customer.hears("Auto-recharge added 50 EUR of communication credits")
    (recharge,) = customer.ask("GET", f"{PLACE}/payments?kind=recharge")["payments"]
    assert (recharge["state"], recharge["gross"]) == ("settled", "61.5")


def payment_is_confirmed(customer: Customer) -> None:
    """60 with a card whose holder is asked: 88.75 until it is confirmed, 148.75 once the bank has said so."""
    card = customer.card(CONFIRMED)
    waits = customer.buy("60", 202, method=card)
    assert (waits["state"], waits["paper"]) == ("requires_action", None)
    customer.hears("A payment of 60 EUR waits for your confirmation")
    asked = opened(customer, "GET", waits["url"])
    assert (asked.status_code, "Confirm the payment" in asked.text) == (200, True)
    assert customer.balance() == "88.75"
    confirmed = opened(customer, "POST", f"{waits['url']}/confirm")
    assert (confirmed.status_code, "The payment was made" in confirmed.text) == (200, True)
    until(lambda: customer.balance() == "148.75", "the bank's message has arrived")
    customer.hears("60 EUR of communication credits bought")
    shown = customer.ask("GET", f"{PLACE}/payments/{waits['payment']}")
    assert (shown["state"], shown["gross"], shown["paper"]) == ("settled", "73.8", "R-adatum-000003")
