"""Wallets of tenants one after the other: each as it would be alone, its lots and events moved on."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from talktime.accounts.calendar import to_us, twelve_months_on_us
from talktime.accounts.funding_terms import Terms
from talktime.accounts.recharge_limits import PaymentLimits
from talktime.accounts.tenant import AutoRecharge, Purchase
from talktime.bulk.state import EVALUATE, MONTH_BEGINS, OPENING, PURCHASE
from talktime.bulk.wallet import Span, WalletColumns, month_starts
from talktime.core.limits import NEVER_US, NO_LIMIT
from tests.tables import at

UNIT = 1_000_000
ZONES = ("UTC", "Europe/London", "Asia/Kathmandu")
BEGIN, END = to_us(at("2026-02-26 10:00")), to_us(at("2026-04-02 10:00"))
EDGES = [to_us(at(text)) for text in ("2025-02-26 10:00", "2026-03-01 00:00", "2026-02-26 10:00")]

Given = tuple[Sequence[Purchase], AutoRecharge, Terms, str, Span, PaymentLimits]

instants = st.sampled_from([edge + by for edge in [*EDGES, END] for by in (-1, 0, 1)])
purchases = st.lists(st.tuples(instants, st.integers(1, 9)), max_size=5).map(
    lambda bought: tuple(Purchase(f"p{n}", at_us, units * UNIT) for n, (at_us, units) in enumerate(bought))
)
rules = st.builds(
    AutoRecharge,
    st.booleans(),
    st.integers(1, 9),
    st.integers(0, 9),
    st.none() | st.integers(0, 9),
    st.integers(0, 9),
    payments_a_day=st.integers(0, 3),
    cool_down_s=st.integers(0, 9),
)
wallets: st.SearchStrategy[Given] = st.tuples(
    purchases,
    rules,
    st.builds(Terms, st.booleans(), st.booleans(), st.booleans(), st.booleans()),
    st.sampled_from(ZONES),
    st.builds(Span, st.sampled_from([BEGIN, BEGIN + 1]), st.sampled_from([END, END - 1])),
    st.builds(PaymentLimits, st.integers(0, 5), st.integers(0, 5), st.sampled_from([1, 10_000])),
)


def added(*all_given: Given) -> WalletColumns:
    made = WalletColumns()
    for given_ in all_given:
        made.add(*given_)
    return made


@given(st.lists(wallets, min_size=1, max_size=4))
def test_each_wallet_is_as_it_would_be_alone(tenants: list[Given]) -> None:
    columns = added(*tenants)
    span = Span(min(t[4].first_us for t in tenants), max(t[4].last_us for t in tenants))
    held, lots, events, year = columns.columns(span)
    zones = list(dict.fromkeys(t[3] for t in tenants))
    assert len(year.zone_at) == len(zones) + 1
    for place, one in enumerate(tenants):
        alone = added(one)
        own, own_lots, own_events, _ = alone.columns(one[4])
        first, room, event = held.lots_at[place], held.room[place], held.next_event[place]
        moved = {"lots_at": first, "head": first, "tail": first, "room": first}
        moved |= {"next_event": event, "events_end": event, "zone": zones.index(one[3])}
        for name, column in held._asdict().items():
            assert column[place] == getattr(own, name)[0] + moved.get(name, 0), name
        assert [list(column[first:room]) for column in lots] == [list(column) for column in own_lots]
        last = held.events_end[place]
        assert [list(column[event:last]) for column in events] == [list(column) for column in own_events]
        assert columns.bought[place] == alone.bought[0]


@given(wallets)
def test_what_a_wallet_holds_at_its_first_call(one: Given) -> None:
    bought, _, terms, zone, span, _ = one
    columns = added(one)
    held, lots, _, _ = columns.columns(span)
    alive = [
        p
        for p in sorted(bought, key=lambda p: (p.at_us, p.id))
        if p.at_us <= span.first_us <= twelve_months_on_us(p.at_us, zone)
    ]
    ids, coming, opening = columns.bought[0]
    assert (ids, opening) == ([p.id for p in alive], sum(p.amount_micros for p in alive))
    assert held.balance == [opening]
    size = len(alive)
    assert lots.left[:size] == [p.amount_micros for p in alive]
    assert lots.expires_at_us[:size] == [twelve_months_on_us(p.at_us, zone) for p in alive]
    assert lots.origin[:size] == [OPENING] * size
    assert held.next_expiry_us == [min(lots.expires_at_us[:size], default=NEVER_US)]
    assert set(coming) == {p.id for p in bought if span.first_us < p.at_us <= span.last_us}
    gone = [p for p in bought if twelve_months_on_us(p.at_us, zone) < span.first_us]
    assert held.emptied_by_expiry == [int(not alive and bool(gone))]
    assert (held.behind, held.post_usage_off) == ([int(terms.behind)], [int(terms.post_usage_off)])


@given(wallets)
def test_a_rule_is_told_whole_and_one_that_is_off_wants_nothing(one: Given) -> None:
    _, rule, _, _, span, limits = one
    held, _, _, _ = added(one).columns(span)
    on = rule.enabled
    assert (held.below, held.add) == ([rule.below_micros * on], [rule.add_micros * on])
    assert held.target == [rule.target_micros * on]
    cap = rule.cap_per_month_micros
    assert held.recharge_cap == [NO_LIMIT if cap is None else cap]
    assert (held.recharge_least, held.recharge_most, held.coin) == (
        [limits.least],
        [limits.most],
        [limits.coin],
    )
    assert (held.payments_a_day, held.cool_down_s) == ([rule.payments_a_day], [rule.cool_down_s])
    assert held.wakes_us == [NEVER_US]  # nothing is known of recharges before the file


@given(wallets)
def test_what_is_known_to_come_stands_in_order(one: Given) -> None:
    """At one instant a month begins first, then money comes, then the balance is looked at."""
    bought, _, _, zone, span, _ = one
    columns = added(one)
    months = month_starts(*span, zone)
    due = [(at_us, 0, MONTH_BEGINS, 0) for at_us in months]
    due += [
        (p.at_us, 1, PURCHASE, p.amount_micros) for p in bought if span.first_us < p.at_us <= span.last_us
    ]
    due += [(at_us, 2, EVALUATE, 0) for at_us in (span.first_us, *months)]
    found = [(at_us, kind, amount) for at_us, kind, amount, _ in columns.events]
    assert [event[:2] for event in found] == [(at_us, kind) for at_us, _, kind, _ in sorted(due)]
    assert sorted(found) == sorted((at_us, kind, amount) for at_us, _, kind, amount in due)
