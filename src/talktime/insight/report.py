"""A run as a report: the tables and the document that `files.write_calls` writes beside the calls.

Sheets as people look for them: summary, pools, credits, rejected rows (domain.md 12).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from talktime.core.money import DOWN, format_minutes, round_div
from talktime.files.call_columns import Kind
from talktime.files.report import SAMPLE_PRICES, Heading, Minutes, Report, Sheet, Table, Value
from talktime.insight.attention import attention
from talktime.insight.pool_users import top_consumers
from talktime.insight.run_document import document_of
from talktime.insight.summary import parts_of_answered, parts_of_billed, warnings_of
from talktime.insight.wording import MOVEMENTS, ORIGINS, counted

if TYPE_CHECKING:
    from talktime.bulk.result import PoolUse, Run
    from talktime.insight.finding import Finding

REJECTED_SHOWN: Final = 100_000
"""Rejected rows on their sheet; more are counted in a note."""

CONSUMERS_SHOWN: Final = 5


def report_of(run: Run, options: dict[str, Any] | None = None) -> Report:
    """The report of a run; `options` (plain JSON) and the time of the clock are kept with it."""
    return Report(
        calls=run.calls,
        currency=run.deck.currency,
        sample=run.deck.sample,
        document=document_of(run, options, time.time_ns() // 1_000).as_json(),
        sheets=lambda: (_summary_sheet(run), _pools_sheet(run), _credits_sheet(run), _rejected_sheet(run)),
    )


def sample_note(run: Run) -> str:
    """The sentence that marks made-up prices; empty for a real deck."""
    return f"{SAMPLE_PRICES.capitalize()}: deck {run.deck.name} is made up." if run.deck.sample else ""


def _summary_sheet(run: Run) -> Sheet:
    findings = attention(run)
    seen = [Table("What to look at", (Heading("finding", Kind.TEXT),), tuple((_told(f),) for f in findings))]
    notes = tuple(note for note in (sample_note(run), *warnings_of(run)) if note)
    return Sheet(
        "summary",
        (_about(run), _calls(run), _money(run), _categories(run), *(seen if findings else ())),
        notes,
    )


def _told(finding: Finding) -> str:
    return f"{finding.sentence} {finding.remedy}".strip()


def _about(run: Run) -> Table:
    deck, tenant, calls = run.deck, run.tenant, run.calls
    first, last = calls["start"].dt.epoch("us").min(), calls["end"].dt.epoch("us").max()
    rows = (
        ("tenant", f"{tenant.name} ({tenant.id})" if tenant.stated else "no tenant file"),
        ("first call starts", Value(Kind.INSTANT, first)),
        ("last call ends", Value(Kind.INSTANT, last)),
        ("format of the files", ", ".join(run.usage.formats)),
        ("deck", f"{deck.name} {deck.version}" + (f" ({SAMPLE_PRICES})" if deck.sample else "")),
        ("rates in the deck", Value(Kind.COUNT, len(deck.rows))),
        ("catalogue", run.catalogue_digest),
    )
    return Table("Run", (Heading("what", Kind.TEXT), Heading("value", Kind.TEXT)), rows)


def _calls(run: Run) -> Table:
    """Calls that add up to the answered ones, then minutes that add up to the billed ones."""
    t = run.totals
    rows = (
        ("all", t.calls, None),
        ("not answered", t.not_answered, None),
        ("answered", t.answered, None),
        *((what, number, None) for what, number in parts_of_answered(t)),
        ("rejected rows", t.rejected_rows, None),
        ("duplicate rows", t.duplicate_rows, None),
        ("billed minutes", None, Minutes(t.billed_s)),
        *((f"minutes {what}", None, Minutes(time_s)) for what, time_s in parts_of_billed(t)),
        ("blocked minutes, not billed", None, Minutes(t.blocked_s)),
    )
    headings = (Heading("calls", Kind.TEXT), Heading("number", Kind.COUNT), Heading("minutes", Kind.SECONDS))
    return Table("Calls and billed minutes", headings, rows)


def _money(run: Run) -> Table:
    t = run.totals
    ran_out = t.money_ran_out_at_us
    rows = (
        ("amount", t.amount),
        ("paid by credits", t.credits),
        ("to be invoiced after use", t.post_usage),
        ("overdraft still owed", t.overdraft),
        ("overdraft repaid (part of the credits)", t.overdraft_repaid),
        ("opening balance", t.opening_balance),
        ("bought", t.funded),
        ("of it by auto-recharge", t.recharged),
        ("number of recharges", None if t.recharges is None else Value(Kind.COUNT, t.recharges)),
        ("expired", t.forfeited),
        ("closing balance", t.closing_balance),
        ("money ran out at", None if ran_out is None else Value(Kind.INSTANT, ran_out)),
    )
    return Table("Money", (Heading("money", Kind.TEXT), Heading("amount", Kind.MONEY)), rows)


def _categories(run: Run) -> Table:
    headings = (
        Heading("category", Kind.TEXT),
        Heading("calls", Kind.COUNT),
        Heading("billed minutes", Kind.SECONDS),
        Heading("amount", Kind.MONEY),
    )
    rows = [(name, c.calls, Minutes(c.billed_s), c.amount) for name, c in run.totals.by_category.items()]
    return Table("By category", headings, tuple(rows))


def _pools_sheet(run: Run) -> Sheet:
    headings = (
        Heading("month", Kind.TEXT),
        Heading("plan", Kind.TEXT),
        Heading("minutes for", Kind.TEXT),
        Heading("shared by", Kind.TEXT),
        Heading("total minutes", Kind.SECONDS),
        Heading("used minutes", Kind.SECONDS),
        Heading("left minutes", Kind.SECONDS),
        Heading("used %", Kind.COUNT),
        Heading("80 % at", Kind.INSTANT),
        Heading("100 % at", Kind.INSTANT),
        Heading("top consumers", Kind.TEXT),
    )
    users = top_consumers(run.calls, CONSUMERS_SHOWN)
    return Sheet(
        "pools",
        (Table("Pools", headings, tuple(_pool_row(pool, users.get(pool.name, ())) for pool in run.pools)),),
    )


def _pool_row(pool: PoolUse, users: Sequence[tuple[str, int]]) -> tuple[Any, ...]:
    size_s = pool.size_s
    return (
        pool.month,
        pool.plan,
        pool.kind,
        pool.owner or "the tenant",
        Value(Kind.TEXT, "unlimited") if size_s is None else Minutes(size_s),
        Minutes(pool.used_s),
        None if size_s is None else Minutes(max(size_s - pool.used_s, 0)),
        round_div(pool.used_s * 100, size_s, DOWN) if size_s else None,
        pool.at_80_us,
        pool.at_100_us,
        ", ".join(f"{user or 'nobody named'} {format_minutes(seconds)}" for user, seconds in users),
    )


def _credits_sheet(run: Run) -> Sheet:
    lots = Table(
        "Lots",
        (
            Heading("lot", Kind.TEXT),
            Heading("from", Kind.TEXT),
            Heading("bought at", Kind.INSTANT),
            Heading("expires at", Kind.INSTANT),
            Heading("amount", Kind.MONEY),
            Heading("drawn", Kind.MONEY),
            Heading("expired", Kind.MONEY),
            Heading("left", Kind.MONEY),
        ),
        tuple(
            (
                lot.id,
                ORIGINS.get(lot.origin, lot.origin),
                lot.bought_at_us,
                lot.expires_at_us,
                lot.amount,
                lot.drawn,
                lot.forfeited,
                lot.left,
            )
            for lot in run.lots
        ),
    )
    movements = Table(
        "Movements (calls are on their own sheet)",
        (
            Heading("lot", Kind.TEXT),
            Heading("what", Kind.TEXT),
            Heading("at", Kind.INSTANT),
            Heading("balance after", Kind.MONEY),
            Heading("amount", Kind.MONEY),
        ),
        tuple(
            (m.lot, MOVEMENTS.get(m.kind, m.kind), m.at_us, m.balance_after, m.amount) for m in run.movements
        ),
    )
    return Sheet("credits", (lots, movements))


def _rejected_sheet(run: Run) -> Sheet:
    headings = (
        Heading("file", Kind.TEXT),
        Heading("line", Kind.COUNT),
        Heading("reason", Kind.TEXT),
        Heading("begins", Kind.TEXT),
    )
    shown = run.usage.rejected[:REJECTED_SHOWN]
    rows = tuple((r.source, r.line, r.reason, r.text) for r in shown)
    left_out = run.usage.rejected_rows - len(shown)
    notes = (f"{counted(left_out, 'more row')} set aside; these are the first.",) if left_out > 0 else ()
    return Sheet("rejected rows", (Table("Rejected rows", headings, rows),), notes)
