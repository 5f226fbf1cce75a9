"""`kill -9` of a payment worker at each step; another process finishes: one charge, one credit."""

from __future__ import annotations

from pathlib import Path

import pytest

from talktime.funding.payments import State
from talktime.funding.taxes import Seller
from tests.faults.payment_process import STEPS, killed_at
from tests.funding.payment_desk import MINUTE, OFF, UNIT, PaymentDesk, payment_desk

NOBODY = Seller()
CHARGED = {"after the charge", "before the report", "in the transaction of the report", "after the report"}


def ends_well(desk: PaymentDesk, step: str) -> None:
    desk.gateway.pull_events(desk.now_us)  # the messages got lost
    desk.later(MINUTE)
    desk.settle_down()
    (payment,) = desk.payments("acme")
    assert payment.state is State.SETTLED
    assert payment.body.tries == 1
    assert len(desk.gateway.peek("acme", payment.row.payment)) == 1, "one charge"
    assert desk.gateway.asked["pay"] == (step not in CHARGED)
    assert desk.available("acme") == 200 * UNIT, "one credit"
    desk.check_money("acme")


@pytest.mark.parametrize("step", STEPS)
def test_a_worker_that_is_killed(database: str, tmp_path: Path, step: str) -> None:
    with payment_desk(database, tmp_path, seller=NOBODY) as desk:
        desk.open("acme")
        assert killed_at(step, database, tmp_path, desk.now_us)
        assert (desk.gateway.taken("acme") > 0) == (step in CHARGED)
        assert (desk.available("acme") > 0) == (step == "after the report")
        ends_well(desk, step)


def test_one_worker_after_the_other_is_killed(sqlite_database: str, tmp_path: Path) -> None:
    """Each at another step of the same payment; the last one finishes."""
    with payment_desk(sqlite_database, tmp_path, seller=NOBODY) as desk:
        desk.open("acme")
        for step in ("after the claim", "before the charge", "after the charge"):
            assert killed_at(step, sqlite_database, tmp_path, desk.now_us)
            desk.now_us += MINUTE
        assert killed_at("in the transaction of the report", sqlite_database, tmp_path, desk.now_us)
        ends_well(desk, "after the charge")


def test_a_purchase_by_hand(sqlite_database: str, tmp_path: Path) -> None:
    with payment_desk(sqlite_database, tmp_path, seller=NOBODY) as desk:
        desk.open("acme", OFF)
        desk.buy("acme", 200 * UNIT, "key", work=False)
        assert killed_at("after the charge", sqlite_database, tmp_path, desk.now_us)
        desk.buy("acme", 200 * UNIT, "key")  # the person asks again
        ends_well(desk, "after the charge")


def test_a_process_that_nobody_kills(sqlite_database: str, tmp_path: Path) -> None:
    """The program does what the service does."""
    with payment_desk(sqlite_database, tmp_path, seller=NOBODY) as desk:
        desk.open("acme")
        assert not killed_at("", sqlite_database, tmp_path, desk.now_us)
        ends_well(desk, "after the report")
