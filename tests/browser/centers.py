"""An admin center as people meet it: `talktime serve` on a ledger with a demo month, and people to sign in.

`open_center` starts the real processes on free ports, books the month by `talktime import`, and does the rest
(purchases, a recharge, webhooks, tickets, calls in progress) through the API.
"""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from pytest_httpserver import HTTPServer

from talktime.client import Client, Management
from tests.browser import demo_months as months
from tests.browser.people import PARTNER, PASSWORD, make_people, sign_in
from tests.doors.terminal import Terminal
from tests.faults.live_process import PATIENCE_S, SUPERVISED, LiveProcess
from tests.notices.post_office import Mailbox, mail_server

VISA: Final = "4242 4242 4242 4242"
DECLINED_LATER: Final = "4000 0000 0000 0341"
BOUGHT: Final = 60
IN_PROGRESS: Final = ("rosa.whitfield", "jonas.frey", "kezia.adler")
"""Users of Contoso who are on the telephone when the center opens."""

SELLER: Final = (
    'name = "Talktime Ltd"\naddress = ["1 Sample Street", "Dublin"]\ncountry = "IE"\ntax_id = "IE1234567X"\n'
)


class Serving(LiveProcess):
    """`talktime serve` whose links lead to its own admin process; mails go to a server of the test."""

    def __init__(self, database: str, folder: Path, mail_port: int) -> None:
        super().__init__(database, folder, SUPERVISED)
        seller = folder / "seller.toml"
        seller.write_text(SELLER)
        self.state = folder / "state"
        self.admin_url = f"http://127.0.0.1:{self.admin_port}"
        self._environment |= {
            "TALKTIME_BASE_URL": self.admin_url,
            "TALKTIME_SMTP": f"smtp+plain://127.0.0.1:{mail_port}",
            "TALKTIME_MAIL_FROM": "credits@talktime.example",
            "TALKTIME_PRIVATE_ADDRESSES": "1",
            "TALKTIME_SELLER": str(seller),
        }

    def wait_ready(self) -> None:
        """Both processes answer."""
        super().wait_ready()
        wait_until(lambda: _is_up(f"{self.admin_url}/readyz"), "the admin process is ready")


@dataclass
class Center:
    """A running admin center. `url` is the address of its pages, `key` opens the API to everything.

    `management` is the API of the live process with that key; `live` tells it of calls, as a switch does.
    """

    database: str
    url: str
    key: str
    process: Serving
    management: Management
    live: Client
    mail: Mailbox
    hooks: HTTPServer
    this_month: str
    last_month: str
    signed_in: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)

    def ask(self, path: str) -> Any:
        """What the API answers to whoever may read all, as JSON."""
        url = f"http://127.0.0.1:{self.process.port}{path}"
        headers = {"Authorization": f"Bearer {self.key}"}
        answer = httpx.get(url, headers=headers, timeout=PATIENCE_S)
        assert answer.status_code == 200, (path, answer.text)
        return answer.json()

    def cookies_of(self, upn: str) -> dict[str, str]:
        """The cookies of somebody who has signed in, by name; asked for once."""
        if upn not in self.signed_in:
            self.signed_in[upn] = sign_in(self.url, upn, PASSWORD)
        return self.signed_in[upn]

    def forget(self, upn: str) -> None:
        """The next one who is this person signs in anew."""
        self.signed_in.pop(upn, None)


def wait_until(reached: Callable[[], bool], what: str) -> None:
    """Waits patiently until a function says yes. Raises AssertionError."""
    until_s = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < until_s, f"waited in vain until {what}"
        time.sleep(0.05)


def _is_up(url: str) -> bool:
    try:
        return httpx.get(url, timeout=PATIENCE_S).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def open_center(database: str, folder: Path, calls: int = months.CALLS) -> Iterator[Center]:
    """A center on a migrated database with nothing in it; `folder` is for its state and its log."""
    now = months.months_now()
    with ExitStack() as stack:
        mail = stack.enter_context(mail_server())
        hooks = stack.enter_context(HTTPServer(threaded=True))
        process = stack.enter_context(Serving(database, folder, mail.port))
        process.launch()  # it starts while the months are worked out
        terminal = Terminal(folder)
        files = [
            months.write_contoso(terminal.folder, now, calls),
            months.write_fabrikam(terminal.folder, now),
        ]
        rated = [_rated(terminal, tenant, usage) for tenant, usage in files]
        process.wait_ready()
        key, url = (process.state / "first-key").read_text().strip(), f"http://127.0.0.1:{process.port}"
        management = stack.enter_context(Management(url, key))
        live = stack.enter_context(Client(url, key))
        make_tenants(management, [tenant for tenant, _ in files])
        for report in rated:
            booked = terminal.run("import", report, "--database", database)
            assert booked.code == 0, booked
        center = Center(
            database, process.admin_url, key, process, management, live, mail, hooks, now.this, now.last
        )
        furnish(center, now)
        make_people(database)
        yield center


def _rated(terminal: Terminal, tenant: Path, usage: Path) -> Path:
    report = usage.with_suffix(".parquet")
    answer = terminal.run("rate", usage, "--tenant", tenant, "--out", report, "--json")
    assert answer.code == 0, answer
    return report


def make_tenants(management: Management, files: list[Path]) -> None:
    """A deck for all, the organisations of the files, and three without calls."""
    sample = management.decks.add_sample()
    management.decks.bind(sample.version)
    management.decks.add_csv(months.DECK)
    for tables in (*(tomllib.loads(file.read_text("utf-8")) for file in files), *months.others()):
        management.tenants.make(tables)
    management.tenant("adatum").partner.put(PARTNER)


def furnish(center: Center, now: months.Months) -> None:
    """What people have done before anybody looks: bought, refilled, complained, telephoned."""
    contoso, fabrikam = (center.management.tenant(name) for name in ("contoso", "fabrikam"))
    refuses, takes = (center.hooks.url_for(path) for path in ("/refuses", "/takes"))
    center.hooks.expect_request("/takes").respond_with_data("", 204)
    center.hooks.expect_request("/refuses").respond_with_data("no", 500)
    contoso.webhooks.make(takes, allow_private=True)
    contoso.webhooks.make(refuses, events=["recharge_succeeded"], allow_private=True)
    rule = contoso.recharge.get()
    card = contoso.payment_methods.add(VISA)
    contoso.payment_methods.add(DECLINED_LATER)
    # Where few calls have left more than that, as on the first days of a month, the rule refills earlier: it
    # looks at the balance when something changes it, and the purchase is the first that does.
    below = max(100, int(contoso.credits.get().available) + BOUGHT + 1)
    contoso.recharge.put({**rule.value.rule, "below": str(below), "method": card.id}, if_match=rule)
    contoso.credits.buy(str(BOUGHT), "USD", purchase_order="PO-1001")
    wait_until(
        lambda: any(one.state == "settled" for one in contoso.payments.pages(kind="recharge").items()),
        "the rule has refilled",
    )
    ticket = contoso.tickets.open(subject="Calls to Cuba", text="Why are they refused?")
    contoso.tickets.comment(ticket.id, "It is about the users of Field.")
    contoso.tickets.close(contoso.tickets.open(subject="An old one", text="Solved.").id)
    fabrikam.months.close(now.earlier)
    fabrikam.credits.record("50", "USD", reference="transfer 17")
    for at, user in enumerate(IN_PROGRESS):
        center.live.start(
            f"in-progress-{at}",
            tenant="contoso",
            call_type="user_out",
            user=f"{user}@contoso.example",
            callee="+442079460000",
            requested_seconds=(600, 300, 60)[at],
        )
