"""What a call in progress may be promised, and what it then holds: pool seconds, money, caps.

A reservation is a fence: nobody else is granted what it holds (rulings.md 20, 21). Own pool seconds stay good
even where a pool has closed since; own money is put back, counted anew, and held again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from talktime.core.funding import first_interval
from talktime.core.grant import longest_s, need, shrunk_slice_s
from talktime.core.limits import NO_LIMIT, US_PER_S
from talktime.core.pools import open_s, pool_free_s, take
from talktime.core.rating import billed_seconds
from talktime.core.refusals import (
    NO_RATE,
    NOT_LICENSED,
    SPEND_CAP,
    WALLET_EMPTIED_BY_EXPIRY,
    WALLET_POST_USAGE_OFF,
    Refusal,
    money_refusal,
)
from talktime.ledger.records import EMPTIED_BY_EXPIRY
from talktime.live.operations import NOT_ASKED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from talktime.ledger.book import Book
    from talktime.ledger.records import Facts, Session
    from talktime.live.operations import Pace
    from talktime.live.tenant import LiveTenant

Shares = list[tuple[str, int]]
"""[(pool, seconds)] in the order in which pools pay."""


class Cover(NamedTuple):
    """What may pay for a call: seconds in each pool, its own included, and what its caps leave (micros)."""

    pools: Shares
    pool_s: int
    cap_left: int


def cover_of(book: Book, tenant: LiveTenant, facts: Facts, own: Shares) -> Cover:
    """The cover of a call that holds `own` pool seconds. What it holds of caps has been put back."""
    pools: Shares = []
    if facts.pools:
        mine = dict(own)
        pools = [(name, mine.get(name, 0) + _open_s(book, tenant, facts, name)) for name in facts.pools]
    cap_left = NO_LIMIT
    for cap in facts.caps:
        counter = book.counter(cap.counter, cap.period)
        cap_left = min(cap_left, tenant.limit_of(cap.counter) - counter.used - counter.reserved)
    return Cover(pools, min(NO_LIMIT, sum([seconds for _, seconds in pools])), cap_left)


def _open_s(book: Book, tenant: LiveTenant, facts: Facts, name: str) -> int:
    partner = tenant.partner(name)
    free_s = _free_s(book, tenant, facts, name)
    return open_s(free_s, 1, _free_s(book, tenant, facts, partner)) if partner else free_s


def _free_s(book: Book, tenant: LiveTenant, facts: Facts, name: str) -> int:
    counter = book.counter(name, facts.period)
    return pool_free_s(tenant.size_s(name, facts.base_us), counter.used, counter.reserved)


def money(book: Book, tenant: LiveTenant, cover: Cover, until_us: int) -> int:
    """Micros that a call may cost which ends at `until_us`; its own reservation has been put back."""
    credits = NO_LIMIT if tenant.terms.behind else max(book.available(until_us), 0)
    return max(0, min(credits, cover.cap_left))


def asked_s(
    book: Book, tenant: LiveTenant, facts: Facts, cover: Cover, used_s: int, wish: tuple[int, Pace]
) -> int:
    """The seconds beyond `used_s` that a grant aims at: what was asked for, else a slice that shrinks."""
    requested_s, pace = wish
    if requested_s != NOT_ASKED:
        return min(requested_s, pace.slice_s)
    if not facts.paid:
        return pace.slice_s
    first_s, step_s, model = facts.rate[:3]
    most_s = used_s + 4 * (pace.slice_s + step_s)  # a quarter of more, in whole steps, is a slice or more
    covered_s = authorised_s(book, tenant, facts, cover, used_s, most_s) - used_s
    return shrunk_slice_s(pace.slice_s, covered_s, first_s, step_s, model)


def authorised_s(
    book: Book, tenant: LiveTenant, facts: Facts, cover: Cover, least_s: int, most_s: int
) -> int:
    """The largest covered number of seconds in (least_s, most_s], or `least_s`.

    Money counts only if the call ends before its lot expires, so each expiry on the way is tried as the end.
    """
    until_us = facts.base_us + most_s * US_PER_S
    limit = money(book, tenant, cover, until_us)
    best_s = longest_s(least_s, most_s, cover.pool_s, limit, facts.payable, *facts.rate)
    if best_s == most_s:
        return best_s
    for expires_us in {lot.expires_us for lot in book.lots if lot.expires_us <= until_us}:
        before_s = (expires_us - facts.base_us - 1) // US_PER_S
        if before_s > best_s:
            limit = money(book, tenant, cover, facts.base_us + before_s * US_PER_S)
            best_s = longest_s(best_s, before_s, cover.pool_s, limit, facts.payable, *facts.rate)
    return best_s


def first_need(facts: Facts, cover: Cover) -> tuple[int, int, int]:
    """(whether money is needed, micros of the first interval, the instant at which it is over)."""
    needs_money, price = first_interval(cover.pool_s, facts.rated, *facts.rate)
    first_s, step_s, model = facts.rate[:3]
    return needs_money, price, facts.base_us + billed_seconds(1, first_s, step_s, model) * US_PER_S


def reserve(book: Book, session: Session, cover: Cover) -> None:
    """Holds exactly what the authorised seconds need; the session's own money and caps have been put back."""
    facts = session.facts
    _, pool_s, price = need(session.authorised_s, cover.pool_s, *facts.rate)
    _move_pools(book, session, shares(cover.pools, pool_s))
    until_us = facts.base_us + session.authorised_s * US_PER_S
    session.lots = book.hold(price, until_us) if price else []
    session.price = price
    for cap in facts.caps:
        book.count(cap.counter, cap.period, 0, price)


def put_back(book: Book, session: Session) -> None:
    """Puts back the money and the caps that a session holds; its record of them stays."""
    book.release(session.lots)
    for cap in session.facts.caps:
        book.count(cap.counter, cap.period, 0, -session.price)


def keep(book: Book, session: Session) -> None:
    """Undoes `put_back`: the session keeps what it has."""
    book.reserve_again(session.lots)
    for cap in session.facts.caps:
        book.count(cap.counter, cap.period, 0, session.price)


def drop_pools(book: Book, session: Session) -> None:
    """Gives the pool seconds of a session free."""
    _move_pools(book, session, [])


def shares(pools: Sequence[tuple[str, int]], pool_s: int) -> Shares:
    """Divides pool seconds over the pools in their order."""
    divided: Shares = []
    for name, free_s in pools:
        taken_s = take(free_s, pool_s)
        if taken_s:
            divided.append((name, taken_s))
            pool_s -= taken_s
    return divided


def _move_pools(book: Book, session: Session, to: Shares) -> None:
    if not session.pools and not to:
        return
    period = session.facts.period
    for name, seconds in session.pools:
        book.count(name, period, 0, -seconds)
    for name, seconds in to:
        book.count(name, period, 0, seconds)
    session.pools = to


def wallet_bits(book: Book, tenant: LiveTenant) -> int:
    """The wallet as `core.refusals` sees it: what emptied it is told only while nothing is left."""
    if book.balance > 0:
        return 0
    bits = WALLET_EMPTIED_BY_EXPIRY if book.flags & EMPTIED_BY_EXPIRY else 0
    return bits | (WALLET_POST_USAGE_OFF if tenant.terms.post_usage_off else 0)


def short_of(book: Book, tenant: LiveTenant, facts: Facts, cover: Cover, beyond_s: int) -> Refusal:
    """Why a call may not go on beyond so many seconds, in the order of rulings.md 24."""
    if not facts.payable:
        return Refusal(NO_RATE if facts.licensed else NOT_LICENSED)
    _, _, price = need(beyond_s + 1, cover.pool_s, *facts.rate)
    if price > cover.cap_left:
        return Refusal(SPEND_CAP)
    return Refusal(money_refusal(book.available(book.last_us), wallet_bits(book, tenant)))
