"""The end of a call: what it costs, who pays, what is given free; and the correction of an earlier end.

Uses what the call reserved, then what nobody holds, never what another open call holds (rulings.md 20, 23).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import msgspec

from talktime.accounts.calendar import twelve_months_on_us
from talktime.core.funding import charge_whole, split
from talktime.core.grant import billable_s
from talktime.core.pools import crossed, take
from talktime.core.rating import amount_micros, billed_seconds
from talktime.ledger import records
from talktime.ledger.records import CHARGED, CORRECTED, Charge, ChargeBody, Origin, Session, Spent
from talktime.live.answers import Paid, Settled
from talktime.live.operations import UNKNOWN_US
from talktime.live.reserve import cover_of, drop_pools, put_back, shares

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from talktime.ledger.book import Book
    from talktime.ledger.records import Facts, SessionRow
    from talktime.live.reserve import Shares
    from talktime.live.tenant import LiveTenant

FLAG_OVER_GRANT: Final = "over_grant"
FLAG_UNLICENSED: Final = "unlicensed_overrun"
FLAG_CAP: Final = "cap_overrun"
FLAG_UNRATED: Final = "unrated"
FLAG_LOST: Final = "lost"
FLAG_CORRECTS: Final = "corrects_lost_call"
FLAG_DEBIT: Final = "direct_debit"
FLAG_REFUNDED: Final = "refunded"
FLAG_REPORT_MISSING: Final = "report_missing"

CAP: Final = "cap:"
"""Counters of the month's caps begin so; those of the guards of an hour do not."""

ORIGIN_CORRECTION: Final = "correction"

POOL_MARKS: Final = ((80, "pool_80"), (100, "pool_100"))
"""Percent of a pool and the notice of it (domain.md 5)."""

_Key = TypeVar("_Key")
_encode: Final = msgspec.json.Encoder().encode


class Report(NamedTuple):
    """What is said of a call that is over: seconds, the slack allowed, when it was answered and ended.

    `origin`: the row of a rated file that says it, if no switch does; `charged_s`: what is charged of it.
    """

    duration_s: int
    slack_s: int
    answered_us: int = UNKNOWN_US
    ended_us: int = UNKNOWN_US
    flags: tuple[str, ...] = ()
    origin: Origin | None = None
    charged_s: int = 0


NOTHING: Final = Spent(0, 0, 0, [], [], 0, 0, 0)


def body_of(row: SessionRow) -> Session:
    """The body of a session that has one."""
    assert row.body is not None, "only closed sessions lose their body"
    return row.body


def release_all(book: Book, row: SessionRow) -> None:
    """Gives everything free that a session holds."""
    session, before = body_of(row), book.balance
    put_back(book, session)
    _close(book, session)
    book.settled(before)


def settle(book: Book, tenant: LiveTenant, row: SessionRow, report: Report) -> tuple[Settled, Spent]:
    """Charges a call and closes its reservation; the caller sets the state."""
    session = body_of(row)
    facts, before = session.facts, book.balance
    duration_s, over = billable_s(report.duration_s, session.authorised_s, report.slack_s)
    flags = facts.flags + report.flags + ((FLAG_OVER_GRANT,) if over else ())
    put_back(book, session)
    cover = cover_of(book, tenant, facts, session.pools)
    _close(book, session)
    spent = NOTHING
    if duration_s:
        billed_s = billed_seconds(duration_s, *facts.rate[:3])
        pool_s, unrated_s, amount, credits, post_usage, overdraft = 0, 0, 0, 0, 0, 0
        if facts.paid:
            first_s, _, _, *prices = facts.rate
            pool_s, unrated_s, amount, credits, post_usage, overdraft = charge_whole(
                billed_s, cover.pool_s, facts.rated, book.drawable, tenant.terms.behind, first_s, *prices
            )
        flags += overruns(facts, billed_s - pool_s, unrated_s, amount, cover.cap_left)
        pools, draws = shares(cover.pools, pool_s), book.draw(credits)
        spent = Spent(0, 0, billed_s, pools, draws, amount, post_usage, overdraft)
        book.owe(overdraft)
        _move(book, tenant, facts, NOTHING, spent)
        row.charge = spent.charge
    book.settled(before)
    if duration_s:
        write_charge(book, row.call_id, facts, spent, report._replace(flags=flags, charged_s=duration_s))
    return _settled(book, tenant, row, spent, flags), spent


def correct(book: Book, tenant: LiveTenant, row: SessionRow, report: Report) -> tuple[Settled, Spent]:
    """Charges the true length of a call that was charged for its last report; only the difference moves.

    More seconds are paid like any others; for fewer the money goes back the way it came, and what comes back
    to an expired lot is forfeited at once.
    """
    session = body_of(row)
    facts, old, before = session.facts, session.spent or NOTHING, book.balance
    duration_s, over = billable_s(report.duration_s, session.authorised_s, report.slack_s)
    flags = (*facts.flags, *report.flags, *((FLAG_OVER_GRANT,) if over else ()))
    billed_s = billed_seconds(duration_s, *facts.rate[:3])
    cover = cover_of(book, tenant, facts, [])
    pools = _corrected_pools(cover.pools, old, billed_s)
    pool_s = sum([seconds for _, seconds in pools])
    first_s, _, _, *prices = facts.rate
    amount = amount_micros(pool_s, billed_s, first_s, *prices) if facts.rated else 0
    unrated_s = 0 if facts.rated or not facts.paid else billed_s - pool_s
    flags += overruns(facts, billed_s - pool_s, unrated_s, amount - old.amount, cover.cap_left)
    new, repaid = charge_again(book, tenant, facts, old, billed_s, pools, amount)
    return_repaid(book, tenant, repaid)
    row.charge = new.charge
    book.settled(before)
    report = report._replace(flags=flags, charged_s=duration_s)
    write_charge(book, row.call_id, facts, new, report, corrects=old.charge)
    return _settled(book, tenant, row, new, flags), new


def charge_again(
    book: Book, tenant: LiveTenant, facts: Facts, old: Spent, billed_s: int, pools: Shares, amount: int
) -> tuple[Spent, int]:
    """Moves the difference between a charge and what it should have been.

    More is drawn like any other money; less goes back the way it came. Returns the new split, numbered, and
    what is left over for `return_repaid`; that and `settled` have to follow.
    """
    new = Spent(0, 0, billed_s, pools, list(old.draws), amount, old.post_usage, old.overdraft)
    repaid = 0
    if amount >= old.amount:
        _pay_more(book, tenant, new, amount - old.amount)
    else:
        repaid = _pay_back(book, new, old.amount - amount)
    _move(book, tenant, facts, old, new)
    return new, repaid


def _corrected_pools(free: Shares, old: Spent, billed_s: int) -> Shares:
    """Of fewer seconds those that pools have paid, from the first on; of more what the rest finds free."""
    if billed_s <= old.billed_s:
        return shares(old.pools, billed_s)
    had, more = dict(old.pools), dict(shares(free, billed_s - old.billed_s))
    both = [(name, had.get(name, 0) + more.get(name, 0)) for name, _ in free]
    return [(name, seconds) for name, seconds in both if seconds]


def _close(book: Book, session: Session) -> None:
    """The session holds nothing any more; its money and caps have been put back."""
    drop_pools(book, session)
    session.lots, session.price = [], 0
    for name in session.facts.open_counters:
        book.count(name, 0, 0, -1)


def overruns(facts: Facts, paid_s: int, unrated_s: int, amount: int, cap_left: int) -> tuple[str, ...]:
    """Flags of what a call took that nobody would have granted; `amount` is what is charged now."""
    if not unrated_s and amount <= cap_left and facts.licensed:
        return ()
    flags = []
    if paid_s and facts.paid and facts.rated and not facts.licensed:
        flags.append(FLAG_UNLICENSED)
    if unrated_s:
        flags.append(FLAG_UNRATED)
    if amount > cap_left:
        flags.append(FLAG_CAP)
    return tuple(flags)


def _pay_more(book: Book, tenant: LiveTenant, new: Spent, more: int) -> None:
    """Draws what a longer call costs beyond what was charged."""
    credits, post_usage, overdraft = split(more, book.drawable, tenant.terms.behind)
    new.draws = _merged([*new.draws, *book.draw(credits)])
    new.post_usage += post_usage
    new.overdraft += overdraft
    book.owe(overdraft)


def _pay_back(book: Book, new: Spent, less: int) -> int:
    """Returns what a shorter call did not cost: what is owed first, then post-usage, then the last lots.

    What is left over was overdraft that a purchase has repaid meanwhile; it is the answer.
    """
    owed = take(new.overdraft, take(book.overdraft, less))
    book.owe(-owed)
    new.overdraft -= owed
    less -= owed
    unbilled = take(new.post_usage, less)
    new.post_usage -= unbilled
    less -= unbilled
    while less and new.draws:
        lot, micros, expires_us = new.draws.pop()
        back = take(micros, less)
        book.give_back(lot, back, expires_us)
        less -= back
        if back < micros:
            new.draws.append((lot, micros - back, expires_us))
    new.overdraft -= less
    return less


def return_repaid(
    book: Book, tenant: LiveTenant, micros: int, repaid_by: tuple[int, int] | None = None
) -> None:
    """Overdraft that a purchase repaid though nobody owed it goes back to its lot, the newest, or a new one.

    `repaid_by`: the lot that repaid last, and when it expires, where that is known; once it has expired
    the newest lot that lives takes its place.
    """
    if not micros:
        return
    if repaid_by is not None and (repaid_by[1] > book.last_us or not book.lots):
        lot_number, expires_us = repaid_by
        book.give_back(lot_number, micros, expires_us)
        book.post(CORRECTED, records.OVERDRAFT, records.CREDITS, micros, lot_number)
    elif book.lots:
        lot = book.lots[-1]
        lot.left += micros
        book.post(CORRECTED, records.OVERDRAFT, records.CREDITS, micros, lot.lot)
    else:
        expires_us = twelve_months_on_us(book.last_us, tenant.tenant.time_zone)
        book.open_lot(micros, expires_us, CORRECTED, records.OVERDRAFT, ORIGIN_CORRECTION)


def _merged(draws: Iterable[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """One draw a lot, in order of first use."""
    found: dict[int, tuple[int, int, int]] = {}
    for lot, micros, expires_us in draws:
        before = found[lot][1] if lot in found else 0
        found[lot] = (lot, before + micros, expires_us)
    return list(found.values())


def _move(book: Book, tenant: LiveTenant, facts: Facts, old: Spent, new: Spent) -> None:
    """Numbers the charge, posts the difference of two splits, and moves pools and caps by it.

    Where no money moves the newest entry of the call stays the one that a later correction names.
    """
    new.charge = book.charge = book.charge + 1
    first = book.number + 1
    _post(book, old, new)
    new.entry = first if book.number >= first else old.entry
    moved = _difference(dict(old.pools), dict(new.pools)) if old.pools or new.pools else ()
    for name, seconds in moved:
        before_s = book.counter(name, facts.period).used
        book.count(name, facts.period, seconds, 0)
        size_s = tenant.size_s(name, facts.base_us)
        for percent, kind in POOL_MARKS:
            if crossed(size_s, before_s, before_s + seconds, percent):
                book.notice(kind, {"pool": name, "period": facts.period})
    book.count_day(tenant.day_of(facts.base_us), new.amount - old.amount, 0 if old.charge else 1)
    if new.amount != old.amount:
        _count_caps(book, facts, new.amount - old.amount)


def _count_caps(book: Book, facts: Facts, micros: int) -> None:
    """Moves the caps that the call touches; one that is reached now is told (domain.md 10)."""
    for cap in facts.caps:
        spent = book.counter(cap.counter, cap.period).used
        book.count(cap.counter, cap.period, micros, 0)
        if cap.counter.startswith(CAP) and crossed(cap.limit, spent, spent + micros, 100):
            told = {"counter": cap.counter, "limit": cap.limit, "period": cap.period}
            book.notice("spend_cap_reached", told)


def _post(book: Book, old: Spent, new: Spent) -> None:
    """The entries of a charge: what lots, post-usage and overdraft pay; corrections say what they correct."""
    before = {lot: micros for lot, micros, _ in old.draws}
    after = {lot: micros for lot, micros, _ in new.draws}
    moves = [(records.CREDITS, lot, micros) for lot, micros in _difference(before, after)]
    moves.append((records.POST_USAGE, records.NO_LOT, new.post_usage - old.post_usage))
    moves.append((records.OVERDRAFT, records.NO_LOT, new.overdraft - old.overdraft))
    kind = CORRECTED if old.charge else CHARGED
    for account, lot, micros in moves:
        if micros > 0:
            book.post(kind, account, records.USAGE, micros, lot, new.charge, old.entry)
        elif micros < 0:
            book.post(kind, records.USAGE, account, -micros, lot, new.charge, old.entry)


def _difference(old: Mapping[_Key, int], new: Mapping[_Key, int]) -> list[tuple[_Key, int]]:
    if not old:
        return [(name, amount) for name, amount in new.items() if amount]
    names = [*old, *(name for name in new if name not in old)]
    changed = [(name, new.get(name, 0) - old.get(name, 0)) for name in names]
    return [(name, by) for name, by in changed if by]


def write_charge(
    book: Book, call_id: str, facts: Facts, spent: Spent, report: Report, corrects: int = 0
) -> None:
    """Adds the charge with its split (rulings.md 26)."""
    pool_s = sum([seconds for _, seconds in spent.pools])
    body = ChargeBody(
        facts=facts,
        duration_s=report.duration_s,
        lots=[(lot, micros) for lot, micros, _ in spent.draws],
        pools=spent.pools,
        entry=spent.entry,
        balance=book.balance,
        flags=report.flags,
        answered_us=report.answered_us,
        ended_us=report.ended_us,
        origin=report.origin,
        charged_s=report.charged_s,
    )
    book.charges.append(
        Charge(
            number=spent.charge,
            call_id=call_id,
            at_us=book.last_us,
            start_us=facts.base_us,
            user_name=facts.user or facts.service,
            category=facts.category,
            billed_s=spent.billed_s,
            pool_s=pool_s,
            paid_s=spent.billed_s - pool_s if facts.rated else 0,
            amount=spent.amount,
            credits=spent.amount - spent.post_usage - spent.overdraft,
            post_usage=spent.post_usage,
            overdraft=spent.overdraft,
            corrects=corrects,
            body=_encode(body).decode(),
        )
    )


def _settled(
    book: Book, tenant: LiveTenant, row: SessionRow, spent: Spent, flags: tuple[str, ...]
) -> Settled:
    pool_s = sum([seconds for _, seconds in spent.pools])
    balance = book.balance
    funding = [Paid("pool", name, seconds=seconds) for name, seconds in spent.pools]
    funding += [Paid("credits", str(lot), micros=micros) for lot, micros, _ in spent.draws]
    if spent.post_usage:
        funding.append(Paid("post_usage", "", micros=spent.post_usage))
    if spent.overdraft:
        funding.append(Paid("overdraft", "", micros=spent.overdraft))
    return Settled(
        call_id=row.call_id,
        billed_s=spent.billed_s,
        pool_s=pool_s,
        paid_s=spent.billed_s - pool_s if body_of(row).facts.rated else 0,
        amount=spent.amount,
        currency=tenant.tenant.currency,
        funding=tuple(funding),
        balance=balance,
        available=balance - book.reserved,
        flags=flags,
    )
