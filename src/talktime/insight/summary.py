"""A run as one JSON object: what `talktime rate --json` prints.

The names are those of design.md (Command line) and rulings.md 4 and must stay; amounts and minutes are
decimal strings, seconds and counts integers, absent values null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from talktime.bulk.result import BookRun, Run
from talktime.core.money import format_minutes, format_money
from talktime.files.instants import format_instant

if TYPE_CHECKING:
    from talktime.bulk.result import Totals
    from talktime.core.deck import Deck


REJECTED_NAMED: Final = 1_000
"""Rows set aside that the JSON of many tenants names; all are counted."""


def summary(run: Run | BookRun) -> dict[str, Any]:
    """The JSON object of a run, as plain dicts, lists, strings and integers; of many tenants their sums."""
    totals = run.totals
    return {
        **_calls(totals),
        **_time(totals),
        "amount": format_money(totals.amount),
        "currency": run.deck.currency,
        **_money(totals),
        "money_ran_out_at": None
        if totals.money_ran_out_at_us is None
        else format_instant(totals.money_ran_out_at_us),
        "recharges": totals.recharges,
        "by_category": _by_category(totals),
        "deck": deck_facts(run.deck),
        "format": ", ".join(run.usage.formats) or None,
        "warnings": list(warnings_of(run)),
        **({} if isinstance(run, Run) else _of_many(run)),
    }


def _of_many(run: BookRun) -> dict[str, Any]:
    """What a run over many tenants has beside the sums: how many, and the first rows that were set aside."""
    rejected = [
        {"source": row.source, "line": row.line, "reason": row.reason}
        for row in run.usage.rejected[:REJECTED_NAMED]
    ]
    return {"tenants": len(run.tenants), "silent_tenants": run.silent, "rejected": rejected}


def deck_facts(deck: Deck) -> dict[str, Any]:
    """What tells one deck from another."""
    return {"name": deck.name, "version": deck.version, "rates": len(deck.rows), "sample": deck.sample}


def parts_of_answered(totals: Totals) -> tuple[tuple[str, int], ...]:
    """What answered calls are, and how many: together all of them (rulings.md 4)."""
    return (
        ("free", totals.free_calls),
        ("by included minutes alone", totals.pool_only_calls),
        ("paid, whole or in part", totals.paid_calls),
        ("without a rate", totals.unrated_calls),
        ("blocked", totals.blocked_calls),
    )


def parts_of_billed(totals: Totals) -> tuple[tuple[str, int], ...]:
    """Who paid for billed time, and how many seconds: together all of it (rulings.md 4)."""
    return (
        ("free", totals.free_s),
        ("by included minutes", totals.pool_s),
        ("paid", totals.paid_s),
        ("without a rate", totals.unrated_s),
    )


def warnings_of(run: Run | BookRun) -> tuple[str, ...]:
    """The warnings of the files and of the run, each once."""
    return tuple(dict.fromkeys((*run.usage.warnings, *run.warnings)))


def _calls(totals: Totals) -> dict[str, int]:
    return {
        "calls": totals.calls,
        "answered": totals.answered,
        "not_answered": totals.not_answered,
        "free_calls": totals.free_calls,
        "pool_only_calls": totals.pool_only_calls,
        "paid_calls": totals.paid_calls,
        "unrated_calls": totals.unrated_calls,
        "blocked_calls": totals.blocked_calls,
        "rejected_rows": totals.rejected_rows,
        "duplicate_rows": totals.duplicate_rows,
    }


def _time(totals: Totals) -> dict[str, str | int]:
    seconds = {
        "billed": totals.billed_s,
        "free": totals.free_s,
        "pool": totals.pool_s,
        "paid": totals.paid_s,
        "unrated": totals.unrated_s,
        "blocked": totals.blocked_s,
    }
    named: dict[str, str | int] = {}
    for name, value in seconds.items():
        named |= {f"{name}_minutes": format_minutes(value), f"{name}_seconds": value}
    return named


def _money(totals: Totals) -> dict[str, str | None]:
    amounts = {
        "credits": totals.credits,
        "post_usage": totals.post_usage,
        "overdraft": totals.overdraft,
        "overdraft_repaid": totals.overdraft_repaid,
        "opening_balance": totals.opening_balance,
        "funded": totals.funded,
        "forfeited": totals.forfeited,
        "closing_balance": totals.closing_balance,
    }
    return {name: None if amount is None else format_money(amount) for name, amount in amounts.items()}


def _by_category(totals: Totals) -> dict[str, dict[str, str | int]]:
    return {
        name: {
            "calls": total.calls,
            "billed_minutes": format_minutes(total.billed_s),
            "billed_seconds": total.billed_s,
            "amount": format_money(total.amount),
        }
        for name, total in totals.by_category.items()
    }
