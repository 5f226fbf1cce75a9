"""`verify` names what does not agree between payments, lots, journal, standing and series of papers."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from talktime.funding.sandbox_faults import FaultKind, Operation
from talktime.ledger.database import open_url
from talktime.ledger.rebuild_payments import number_of
from talktime.ledger.verify import verify
from tests.databases import fresh_sqlite
from tests.funding.payment_desk import OFF, UNIT, payment_desk


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger in which money has come, gone back, is on its way back, and is asked for."""
    folder = tmp_path_factory.mktemp("paid")
    url = fresh_sqlite(folder)
    with payment_desk(url, folder) as desk:
        desk.open("acme", OFF)
        desk.buy("acme", 100 * UNIT, "one")
        desk.turn()
        [first] = desk.payments("acme", "purchase")
        desk.refund("acme", first.row.payment, 30 * UNIT, "1")
        desk.fault(FaultKind.TIMEOUT_BEFORE, Operation.REFUND)
        desk.refund("acme", first.row.payment, 10 * UNIT, "2")
        desk.open("beta")  # its recharge is asked for and nobody works on it
    return open_url(url).path


SET: Final = "update payments set body = json_set(body,"
PAID: Final = "tenant = 'acme' and kind = 'purchase'"

GIVEN: Final = "account funding:sandbox of lot 1"
BACK: Final = "account refunds of lot 1"

TAMPERED: Final[Mapping[str, tuple[str, ...]]] = {
    f"update payments set amount = amount - 1 where {PAID}": (
        "amount of lot 1",
        GIVEN,
    ),
    f"update payments set gateway_payment = 'x' where {PAID}": ("reference of lot 1",),
    f"update payments set state = 'declined' where {PAID}": (BACK,),
    f"update payments set body = '' where {PAID}": ("body of payment 'K-acme-one'",),
    f"{SET} '$.lot', 7) where {PAID}": ("lot of payment",),
    f"{SET} '$.returned', 0) where {PAID}": (GIVEN,),
    f"{SET} '$.returning', 0) where {PAID}": (BACK,),
    f"{SET} '$.dispute', 'open', '$.frozen', 5) where {PAID}": ("account frozen of lot 1",),
    "update payments set state = 'settled' where tenant = 'beta'": (
        "recharge that the wallet waits for",
        "lot of payment",
    ),
    "delete from payments where tenant = 'beta'": ("recharge that the wallet waits for",),
    "delete from papers where tenant = 'acme' and kind = 'receipt'": (
        "papers of the series 'receipt': stored 0, rebuilt 1",
        "last number of the series 'receipt'",
    ),
    "update papers set key = 'C-acme-000002' where tenant = 'acme' and kind = 'credit_note'": (
        "last number of the series 'credit_note': stored 2, rebuilt 1",
    ),
    "insert into papers values ('acme', 'invoice', 'I-acme-000001', 0, '{}')": (
        "papers of the series 'invoice': stored 1, rebuilt 0",
    ),
}


def differences(path: Path) -> list[str]:
    return [str(each) for each in verify(open_url(f"sqlite:///{path}"), now_us=0).differences]


def test_money_outside_that_agrees_has_no_difference(told: Path) -> None:
    with sqlite3.connect(told) as db:
        states = db.execute("select tenant, kind, state from payments order by 1, 2, 3").fetchall()
    db.close()
    assert ("beta", "recharge", "created") in states
    assert [state for tenant, kind, state in states if (tenant, kind) == ("acme", "refund")] == [
        "settled",
        "unknown",
    ]
    assert differences(told) == []


@pytest.mark.parametrize("statement", TAMPERED)
def test_what_was_changed_is_named(told: Path, tmp_path: Path, statement: str) -> None:
    path = tmp_path / "tampered.db"
    with sqlite3.connect(told) as db:
        db.execute("pragma wal_checkpoint(truncate)")
    db.close()
    shutil.copy(told, path)
    with sqlite3.connect(path) as db:
        assert db.execute(statement).rowcount == 1
    db.close()
    lines = differences(path)
    assert [what for what in TAMPERED[statement] if not any(what in line for line in lines)] == [], lines
    tenant = "beta" if "beta" in statement else "acme"
    assert {line.split(": ")[0] for line in lines} == {f"tenant '{tenant}'"}


@pytest.mark.parametrize(
    ("key", "number"), [("R-contoso-000012", 12), ("I-a-b-1000000", 1_000_000), ("R-acme-x", 0), ("", 0)]
)
def test_the_number_of_a_paper(key: str, number: int) -> None:
    assert number_of(key) == number
