"""Who signs in to the admin centers of the tests: an account each, all with one password."""

from __future__ import annotations

import re
import time
from html import unescape
from typing import Final, NamedTuple

import httpx

from talktime.accounts.signing_in import NotSignedIn, SigningIn
from talktime.ledger.database import open_url

PASSWORD: Final = "correct horse battery staple"
PARTNER: Final = "csp"
PATIENCE_S: Final = 30


class Person(NamedTuple):
    """An account; what somebody may do in a tenant stands with the tenant."""

    upn: str
    roles: tuple[str, ...] = ()
    partner: str = ""


PEOPLE: Final = (
    *(
        Person(f"{name}@contoso.example")
        for name in ("global", "billing", "teams", "helpdesk", "license", "both", "nobody")
    ),
    *(Person(f"global@{tenant}.example") for tenant in ("fabrikam", "northwind", "wingtip", "adatum")),
    Person("provider@talktime.example", ("provider",)),
    Person("auditor@talktime.example", ("auditor",)),
    Person("partner@csp.example", partner=PARTNER),
)
"""`both` administers contoso and fabrikam, `nobody` nothing; the partner's customer is adatum."""


def make_people(database: str) -> None:
    """An account for each of PEOPLE, by an invitation that is accepted at once."""
    house = SigningIn(open_url(database), lambda: time.time_ns() // 1_000)
    for upn, roles, partner in PEOPLE:
        token = house.invite(upn, upn.split("@")[0].title(), roles=roles, partner=partner, who="a test")
        assert isinstance(token, str), token
        assert not isinstance(house.accept(token, PASSWORD), NotSignedIn), upn


_HIDDEN: Final = re.compile(r"<input[^>]*type=[\"']?hidden[^>]*>")
_ATTRIBUTE: Final = re.compile(r"(\w+)=\"([^\"]*)\"")


def sign_in(url: str, upn: str, password: str) -> dict[str, str]:
    """The cookies after the form of `/sign-in` was sent as a browser sends it."""
    with httpx.Client(base_url=url, timeout=PATIENCE_S) as client:
        form = client.get("/sign-in")
        assert form.status_code == 200, (form.status_code, form.text[:500])
        fields = [dict(_ATTRIBUTE.findall(tag)) for tag in _HIDDEN.findall(form.text)]
        hidden = {unescape(one["name"]): unescape(one.get("value", "")) for one in fields}
        sent = {**hidden, "upn": upn, "password": password}
        answer = client.post("/sign-in", data=sent, headers={"Origin": url})
        assert answer.status_code in (302, 303), (upn, answer.status_code, answer.text[:500])
        return dict(client.cookies)
