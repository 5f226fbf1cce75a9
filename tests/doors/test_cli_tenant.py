"""`talktime tenant` on the terminal: shown, suspended, closed; and which tenant a command is about."""

import pytest

from tests.doors.ledger_house import CONTOSO, FABRIKAM, house, json_of, right, said, squeezed
from tests.doors.terminal import Terminal


@pytest.fixture
def contoso(terminal: Terminal) -> Terminal:
    return house(terminal)


def test_a_tenant_is_shown_with_what_it_has(contoso: Terminal) -> None:
    shown = json_of(contoso, "tenant", "show", "contoso")
    assert shown["tenant"]["time_zone"] == "America/New_York"
    assert (shown["status"], shown["balance"], shown["available"]) == ("active", "50", "50")
    assert (shown["user_count"], shown["service_number_count"], shown["waivers"]) == (2, 0, [])
    lines = squeezed(said(contoso, "tenant", "show"))
    assert lines[0] == "Contoso Ltd (contoso)"
    assert "status active" in lines
    assert "balance 50.00 USD" in lines
    assert "administrator ana@contoso.example: global_administrator" in lines


def test_the_old_name_of_the_group_still_works(contoso: Terminal) -> None:
    assert contoso.run("tenants", "list").out == contoso.run("tenant", "list").out
    assert "tenants" not in contoso.run("--help").out.split()


def test_a_tenant_is_suspended_and_active_again(contoso: Terminal) -> None:
    assert contoso.run("tenant", "suspend").sentence(1).startswith("tenant contoso: say why")
    assert said(contoso, "tenant", "suspend", "--reason", "unpaid") == "tenant contoso is suspended\n"
    assert json_of(contoso, "tenant", "show")["status"] == "suspended"
    assert contoso.run("credits", "buy", "50").sentence(1).startswith("the tenant is suspended")
    again = json_of(contoso, "tenant", "reactivate", "contoso", "--reason", "paid")
    assert again == {"id": "contoso", "status": "active"}
    what = [line["what"] for line in json_of(contoso, "tenant", "audit")["audit"]]
    assert what[:2] == ["tenant reactivated: paid", "tenant suspended: unpaid"]
    assert "tenant suspended: unpaid" in contoso.run("tenant", "audit").out
    assert len(json_of(contoso, "tenant", "audit", "--limit", "1")["audit"]) == 1


def test_a_tenant_with_credits_is_closed_with_a_reason_and_for_good(contoso: Terminal) -> None:
    assert "has 50 USD left; give a reason" in contoso.run("tenant", "close", "contoso").sentence(1)
    said(contoso, "tenant", "close", "contoso", "--reason", "they left")
    shown = json_of(contoso, "tenant", "show")
    assert (shown["status"], shown["balance"]) == ("closed", "0")
    assert "closed" in contoso.run("tenant", "reactivate", "--reason", "no").sentence(1)
    assert "closed" in contoso.run("user", "remove", "ben@contoso.example").sentence(1)
    right(contoso)


def test_a_command_is_about_the_only_tenant_or_the_named_one(terminal: Terminal) -> None:
    none = "no tenants yet; `talktime tenant add TENANT.toml` makes one"
    assert terminal.run("credits", "show").sentence(1) == none
    house(terminal, CONTOSO, FABRIKAM)
    several = "there are several tenants; say which by --tenant: contoso, fabrikam"
    for words in (("credits", "show"), ("user", "list"), ("eligibility",), ("recharge", "off")):
        assert terminal.run(*words).sentence(2) == several
    assert terminal.run("credits", "show", "--tenant", "fabrikam").code == 0
    unknown = terminal.run("recharge", "show", "--tenant", "nobody").sentence(1)
    assert unknown == "there is no tenant 'nobody'; `talktime tenant list` shows them"


@pytest.mark.parametrize(
    "words",
    [
        ("credits", "show"),
        ("user", "list"),
        ("notice", "list"),
        ("recharge", "set", "--below", "5", "--add", "50"),
        ("ticket", "open", "--subject", "s"),
    ],
)
def test_a_database_of_no_kind_is_wrong_use(terminal: Terminal, words: tuple[str, ...]) -> None:
    assert "is none that Talktime knows" in terminal.run(*words, "--database", "mysql://h/n").sentence(2)


def test_what_the_environment_says_wrongly_is_one_sentence(contoso: Terminal) -> None:
    answer = contoso.run("credits", "method", "add", "tok_visa", TALKTIME_STRIPE_WEBHOOK_SECRET="whsec_1")
    assert "TALKTIME_STRIPE_SECRET_KEY is not" in answer.sentence(2)


def test_what_is_done_to_the_database_is_told_to_programs(contoso: Terminal) -> None:
    upgraded = json_of(contoso, "db", "upgrade")
    assert upgraded["before"] == upgraded["current"]
    copied = json_of(contoso, "db", "backup", "copy.db")
    assert (copied["backup"], copied["tenants"], copied["found"]) == ("copy.db", 1, 0)
    back = json_of(contoso, "db", "restore", "copy.db", "--force")
    assert (contoso.folder / back["replaced"]).exists()
    checkpoint = json_of(contoso, "db", "checkpoint", "heads")["checkpoint"]
    assert (contoso.folder / checkpoint).exists()
