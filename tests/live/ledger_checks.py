"""What must hold in the tables after every operation, read by SQL and worked out again by other code.

Reads only what is new of journal and charges, so it can be asked after every step (domain.md 6, rulings.md
16 to 20 and 34).
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from tests.live.live_desk import LiveDesk

OPEN = 1
FACTS, USED_S, AUTHORISED_S, REPORTED, LAST, PRICE, LOTS, POOLS = range(8)
F_PERIOD, F_CAPS = 14, 15
"""Places in a session's body, and in its facts."""


@dataclass(slots=True)
class Sums:
    """What the journal and the charges of one tenant say so far."""

    entries: int = 0
    charges: int = 0
    head: bytes = bytes(32)
    accounts: Counter[str] = field(default_factory=Counter)
    lots: Counter[int] = field(default_factory=Counter)
    counters: Counter[tuple[str, int]] = field(default_factory=Counter)
    charged: dict[int, tuple[Any, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class LedgerChecks:
    """The invariants of a ledger; `check` raises AssertionError."""

    desk: LiveDesk
    sums: dict[str, Sums] = field(default_factory=dict)

    def check(self, tenant: str) -> None:
        """Everything about one tenant."""
        sums = self.sums.setdefault(tenant, Sums())
        ((balance, overdraft, reserved, lots, head, number, charge),) = self.desk.rows(
            "select balance, overdraft, reserved, lots, head, number, charge from wallets where tenant = ?",
            tenant,
        )
        self._read_journal(tenant, sums)
        self._read_charges(tenant, sums)
        assert (sums.entries, sums.charges) == (number, charge), "the wallet knows the last numbers"
        assert sums.head == bytes(head), "the hash chain ends where the wallet says"
        assert sum(sums.accounts.values()) == 0, "entries sum to zero"
        assert sums.accounts["credits"] - overdraft == balance, "the balance is what the entries say"
        assert sums.accounts["overdraft"] == -overdraft, "the overdraft is what the entries say"
        held = {lot: left for lot, _, left, _ in json.loads(lots)}
        assert held == +sums.lots, "each lot is what its entries say"
        assert min(sums.lots.values(), default=0) >= 0, "no lot is overdrawn"
        effective = list(sums.charged.values())
        assert sums.accounts["usage"] == sum(c[0] for c in effective), "usage is the sum of charges"
        assert -sums.accounts["post_usage"] == sum(c[1] for c in effective), "and so is post-usage"
        self._check_reservations(tenant, sums, reserved, json.loads(lots))

    def _read_journal(self, tenant: str, sums: Sums) -> None:
        for number, at_us, kind, debit, credit, amount, lot, charge, corrects, digest in self.desk.rows(
            "select number, at_us, kind, debit, credit, amount, lot, charge, corrects, hash from journal "
            "where tenant = ? and number > ? order by number",
            tenant,
            sums.entries,
        ):
            sums.entries += 1
            assert number == sums.entries, "entries are numbered without a gap"
            line = f"{number}|{at_us}|{kind}|{debit}|{credit}|{amount}|{lot}|{charge}|{corrects}"
            sums.head = sha256(sums.head + line.encode()).digest()
            assert bytes(digest) == sums.head, f"entry {number} continues the hash chain"
            assert amount > 0
            sums.accounts[debit] -= amount
            sums.accounts[credit] += amount
            sums.lots[lot] += amount * ((credit == "credits") - (debit == "credits"))

    def _read_charges(self, tenant: str, sums: Sums) -> None:
        for number, amount, credits, post_usage, overdraft, pool_s, corrects, body in self.desk.rows(
            "select number, amount, credits, post_usage, overdraft, pool_s, corrects, body from charges "
            "where tenant = ? and number > ? order by number",
            tenant,
            sums.charges,
        ):
            sums.charges += 1
            assert number == sums.charges, "charges are numbered without a gap"
            facts, _, lots, pools, *_ = json.loads(body)
            assert amount == credits + post_usage + overdraft, "a charge is what was paid"
            assert (sum(m for _, m in lots), sum(s for _, s in pools)) == (credits, pool_s), "and its split"
            counted = [(name, facts[F_PERIOD], seconds) for name, seconds in pools]
            counted += [(name, period, amount) for name, period, _ in facts[F_CAPS]]
            if corrects:
                for name, period, by in sums.charged.pop(corrects)[2]:
                    sums.counters[name, period] -= by
            for name, period, by in counted:
                sums.counters[name, period] += by
            sums.charged[number] = (amount, post_usage, counted)

    def _check_reservations(self, tenant: str, sums: Sums, reserved: int, lots: list[list[int]]) -> None:
        """No reservation without an open session, none beyond what is there; use is what charges took."""
        held: Counter[int] = Counter()
        counted: Counter[tuple[str, int]] = Counter()
        for state, column, body in self.desk.rows(
            "select state, reserved, body from sessions where tenant = ? and (state = ? or reserved <> 0)",
            tenant,
            OPEN,
        ):
            assert state == OPEN, "only an open session reserves"
            session = json.loads(body)
            assert column == sum(micros for _, micros in session[LOTS])
            held.update(dict(session[LOTS]))
            facts = session[FACTS]
            counted.update({(name, facts[F_PERIOD]): seconds for name, seconds in session[POOLS]})
            counted.update({(name, period): session[PRICE] for name, period, _ in facts[F_CAPS]})
        assert {lot: part for lot, _, _, part in lots if part} == +held, "lots hold what calls reserve"
        assert reserved == held.total()
        assert all(0 <= part <= left for _, _, left, part in lots), "what is reserved is there"
        stored = self.desk.counters(tenant)
        stored = {key: both for key, both in stored.items() if not key[0].startswith("open:")}
        expected = {key: (sums.counters[key], counted[key]) for key in sums.counters | counted}
        assert stored == {key: both for key, both in expected.items() if both != (0, 0)}
