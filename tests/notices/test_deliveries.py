"""Claims and outcomes on both databases: leases, fairness, and who may write what."""

from talktime.ledger.deliveries import (
    CHAT,
    FAILED,
    MAIL,
    SENT,
    WAITING,
    WEBHOOK,
    Claimed,
    Deliveries,
    NewDelivery,
    Outcome,
)
from tests.databases import database, sqlite_database
from tests.notices.post_office import NOW_US, Ledger

__all__ = ["database", "sqlite_database"]  # fixtures

LEASE_US = NOW_US + 120


def filled(url: str, channel: str, *recipients: str, tenant: str = "contoso") -> Ledger:
    """A ledger with a notice that goes to these."""
    ledger = Ledger(url)
    ledger.notice(tenant, "balance_zero")
    number, _ = ledger.notices()[-1]
    rows = [NewDelivery(tenant, number, channel, recipient) for recipient in recipients]
    assert ledger.deliveries.fan_out({number: rows}, NOW_US) == 1
    return ledger


def outcome(claimed: Claimed, state: str, due_us: int = 0, error: str = "") -> Outcome:
    sent_us = NOW_US if state == SENT else 0
    key = (claimed.tenant, claimed.id, claimed.due_us)
    return Outcome(*key, state, due_us, sent_us, error, claimed.tries)


def claim(
    deliveries: Deliveries, channel: str = MAIL, now_us: int = NOW_US, limit: int = 100, each: int = 100
) -> list[Claimed]:
    return deliveries.claim(channel, now_us, now_us + 120, limit, each)


def test_a_claim_carries_its_notice_and_is_held_until_its_lease_ends(database: str) -> None:
    ledger = filled(database, MAIL, "a@x.example", "b@x.example")
    first = claim(ledger.deliveries)
    assert [(each.recipient, each.tries, each.kind, each.happened_us) for each in first] == [
        ("a@x.example", 1, "balance_zero", NOW_US),
        ("b@x.example", 1, "balance_zero", NOW_US),
    ]
    assert '"balance": 12345600' in first[0].body
    assert claim(ledger.deliveries) == []
    assert claim(ledger.deliveries, now_us=LEASE_US - 1) == []
    again = claim(ledger.deliveries, now_us=LEASE_US)
    assert [each.tries for each in again] == [2, 2]


def test_a_late_failure_of_a_lost_lease_changes_nothing(database: str) -> None:
    ledger = filled(database, MAIL, "a@x.example")
    (lost,) = claim(ledger.deliveries)
    (held,) = claim(ledger.deliveries, now_us=LEASE_US)
    ledger.deliveries.write(
        [outcome(lost, WAITING, NOW_US + 5, "late"), outcome(lost, FAILED, NOW_US, "late")]
    )
    (kept,) = ledger.all()
    assert (kept.state, kept.due_us, kept.error) == (WAITING, held.due_us, "")
    ledger.deliveries.write([outcome(held, WAITING, NOW_US + 9, "mine")])
    assert (ledger.all()[0].due_us, ledger.all()[0].error) == (NOW_US + 9, "mine")


def test_what_was_sent_under_a_lost_lease_is_not_sent_again(database: str) -> None:
    ledger = filled(database, MAIL, "a@x.example")
    (lost,) = claim(ledger.deliveries)
    (held,) = claim(ledger.deliveries, now_us=LEASE_US)
    ledger.deliveries.write([outcome(lost, SENT)])
    ledger.deliveries.write([outcome(held, WAITING, NOW_US + 9, "no")])
    assert ledger.states() == [("a@x.example", SENT)]
    assert claim(ledger.deliveries, now_us=2 * NOW_US) == []


def test_each_destination_has_its_share_oldest_first(database: str) -> None:
    ledger = filled(database, WEBHOOK, *["wh_1"] * 5, *["wh_2"] * 5, "wh_3")
    taken = claim(ledger.deliveries, WEBHOOK, limit=6, each=2)
    assert sorted(each.recipient for each in taken) == ["wh_1", "wh_1", "wh_2", "wh_2", "wh_3"]
    assert [each.id for each in taken] == [1, 2, 6, 7, 11]
    assert len(claim(ledger.deliveries, WEBHOOK, limit=3, each=2)) == 3


def test_of_mail_each_tenant_has_its_share(database: str) -> None:
    filled(database, MAIL, *[f"{number}@x.example" for number in range(5)])
    ledger = filled(database, MAIL, "a@y.example", tenant="fabrikam")
    taken = claim(ledger.deliveries, each=2)
    assert [each.tenant for each in taken] == ["contoso", "contoso", "fabrikam"]


def test_destinations_are_passed_over(database: str) -> None:
    filled(database, WEBHOOK, "wh_1", "wh_2")
    ledger = filled(database, WEBHOOK, "wh_1", tenant="fabrikam")
    known = ledger.deliveries
    taken = known.claim(WEBHOOK, NOW_US, LEASE_US, 9, 9, [("contoso", "wh_1")])
    assert [(each.tenant, each.recipient) for each in taken] == [("contoso", "wh_2"), ("fabrikam", "wh_1")]
    assert known.claim(WEBHOOK, NOW_US, LEASE_US, 9, 9, [("contoso", "")]) == []
    assert len(known.claim(WEBHOOK, NOW_US, LEASE_US, 9, 9, [("fabrikam", "")])) == 1


def test_channels_do_not_see_each_other(database: str) -> None:
    ledger = filled(database, MAIL, "a@x.example")
    assert claim(ledger.deliveries, WEBHOOK) == claim(ledger.deliveries, CHAT) == []
    assert len(claim(ledger.deliveries, MAIL)) == 1


def test_a_notice_is_fanned_out_once(database: str) -> None:
    ledger = filled(database, MAIL, "a@x.example")
    ((number, _),) = ledger.notices()
    again = {number: [NewDelivery("contoso", number, MAIL, "b@x.example")]}
    assert ledger.deliveries.fan_out(again, NOW_US) == 0
    assert ledger.states() == [("a@x.example", WAITING)]
    assert ledger.deliveries.waiting_notices(10) == []


def test_what_waits_is_counted(database: str) -> None:
    ledger = filled(database, MAIL, "a@x.example", "b@x.example", "c@x.example")
    ledger.notice("contoso", "balance_zero", count=4)
    claim(ledger.deliveries, limit=1)
    ledger.deliveries.write([outcome(claim(ledger.deliveries, limit=1)[0], SENT)])
    assert ledger.deliveries.stock() == {(MAIL, "again"): 1, (MAIL, "new"): 1, ("outbox", "new"): 4}


def test_nothing_to_write_is_no_transaction(sqlite_database: str) -> None:
    Ledger(sqlite_database).deliveries.write([])
