"""Compares a ledger with the account that its clients kept: all of it there, and nothing twice.

While the load runs only one direction can be asked (`assert_nothing_lost`); once every request has its answer
the ledger has to be equal to the account (`assert_equal`). Reads by SQL, not by the product's reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from talktime.catalog.load import load_catalogue
from talktime.ledger.database import open_url
from talktime.ledger.records import State
from talktime.ledger.verify import verify
from talktime.live.rates import RateBooks
from tests.faults.load_client import Account, Bought, CallTold
from tests.live.ledger_checks import LedgerChecks
from tests.live.live_desk import LiveDesk

STATES = {"denied": State.DENIED, "open": State.OPEN, "ended": State.ENDED, "cancelled": State.CANCELLED}


@contextmanager
def reading(database: str) -> Iterator[LiveDesk]:
    """The tables of a ledger, without a desk on it."""
    desk = LiveDesk(database, load_catalogue(), RateBooks(), desks=0)
    try:
        yield desk
    finally:
        desk.close()


def assert_verified(database: str) -> None:
    """`talktime verify` finds nothing."""
    verified = verify(open_url(database))
    assert verified.is_clean, verified.differences


def assert_nothing_lost(database: str, account: Account) -> None:
    """Everything in `account`, a copy made before this, is in the ledger, which may be further by now."""
    with reading(database) as ledger:
        sessions = {
            (tenant, call): state
            for tenant, call, state in ledger.rows("select tenant, call_id, state from sessions")
        }
        charges = _charges(ledger)
        lots = _lots(ledger)
    for call, told in account.calls.items():
        assert call in sessions, f"{call} was acknowledged and is lost: {told}"
        if told.state != "open":
            assert sessions[call] == STATES[told.state], f"{call} was told {told}"
        if told.state == "ended":
            assert charges[call] == [(told.amount, told.seconds)], f"{call} was told {told}"
    for reference, bought in account.lots.items():
        assert lots.get(reference) == bought, f"purchase {reference} was acknowledged and is lost"
    assert_verified(database)


def assert_equal(database: str, account: Account, funds: Mapping[str, int]) -> None:
    """The ledger holds what was acknowledged, once, and nothing else; `funds`: what tenants began with."""
    with reading(database) as ledger:
        _assert_calls(ledger, account.calls)
        assert _lots(ledger) == account.lots
        for tenant, began_with in funds.items():
            LedgerChecks(ledger).check(tenant)
            ((balance, reserved, overdraft),) = ledger.rows(
                "select balance, reserved, overdraft from wallets where tenant = ?", tenant
            )
            bought = sum(lot.amount for lot in account.lots.values() if lot.tenant == tenant)
            mine = [told for (whose, _), told in account.calls.items() if whose == tenant]
            assert balance == began_with + bought - sum(told.amount for told in mine)
            assert reserved == sum(told.reserved for told in mine)
            assert overdraft == 0
    assert_verified(database)


def _assert_calls(ledger: LiveDesk, calls: Mapping[tuple[str, str], CallTold]) -> None:
    sessions = ledger.rows("select tenant, call_id, state, reserved from sessions")
    assert Counter((tenant, call) for tenant, call, *_ in sessions) == Counter(list(calls)), "each call once"
    for tenant, call, state, reserved in sessions:
        told = calls[tenant, call]
        assert (state, reserved) == (STATES[told.state], told.reserved), f"{call} was told {told}"
    ended = {call: [(told.amount, told.seconds)] for call, told in calls.items() if told.state == "ended"}
    assert _charges(ledger) == ended, "each charge once"
    assert _paid(ledger) == Counter({call: told.amount for call, told in calls.items() if told.amount})


def _charges(ledger: LiveDesk) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """(amount, billed seconds) of each charge of a call; one that was applied twice stands there twice."""
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for tenant, call, *charged in ledger.rows("select tenant, call_id, amount, billed_s from charges"):
        found.setdefault((tenant, call), []).append((charged[0], charged[1]))
    return found


def _paid(ledger: LiveDesk) -> Counter[tuple[str, str]]:
    """What the entries of the journal took for each call."""
    paid: Counter[tuple[str, str]] = Counter()
    for tenant, call, amount in ledger.rows(
        "select c.tenant, c.call_id, j.amount from journal j"
        " join charges c on c.tenant = j.tenant and c.number = j.charge where j.kind = 'charged'"
    ):
        paid[tenant, call] += amount
    return paid


def _lots(ledger: LiveDesk) -> dict[str, Bought]:
    """The purchases with a reference; those that tenants began with have none."""
    rows = ledger.rows("select reference, tenant, lot, amount from lots where reference <> ''")
    found = {reference: Bought(tenant, lot, amount) for reference, tenant, lot, amount in rows}
    assert len(found) == len(rows), "a reference buys once"
    return found
